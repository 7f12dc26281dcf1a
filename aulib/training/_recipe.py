"""The call that trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import filelock
import keras
import numpy as np
from tqdm.auto import tqdm

from aulib import features as feature_cache
from aulib import losses
from aulib import model as network
from aulib.training._run import Run, finish, open_run
from aulib.training._settings import Settings, build, check_arrays, claim, described, run_key
from aulib.training._stages import Job, cached_inputs, run_stages


def train_two_stage(
    pixels: np.ndarray,
    y: np.ndarray,
    *,
    aus: Sequence[str],
    train: np.ndarray,
    validation: np.ndarray,
    folder: str | Path,
    image_size: int | None = None,
    weights: str | Path | None = "hed",
    pixel_scaling: str = "caffe",
    hidden: Sequence[int] = (256, 256),
    dropout: float = 0.5,
    loss: str | keras.losses.Loss = "masked_f1",
    learning_rate: float = 1e-4,
    batch_size: int = 256,
    epochs: tuple[int, int] = (30, 30),
    seed: int = 0,
    threshold: float = 0.5,
    precision: str = "float32",
    standardise: bool = True,
    features: str | Path | None = None,
    images_key: str | None = None,
    progress: bool = True,
) -> Run:
    """Train VGG16 as in §3.2 of the paper: the head first, then the last convolutional block with the head.

    A killed call goes on at the last finished epoch and ends with the same model. A finished run with the same settings
    and data is returned at once.

    Args:
        pixels: uint8 array (n, s, s, 3), for example `ImageStore.pixels`.
        y: float32 array (n, L): 1 displayed, 0 not displayed, NaN unknown.
        aus: the L action units.
        train: positions into `pixels` and `y` to train on, with repeats (the balanced list).
        validation: positions of the validation people.
        folder: folder of this run.
        image_size: checked against the pixels, if given.
        weights, pixel_scaling, hidden, dropout, precision: see `aulib.model.vgg16`.
        standardise: standardise the last block's features with the training rows' mean and spread before the dense
            layers. Not in the paper; see `aulib.model.Standardise` for why it is the default.
        loss: a name from `aulib.losses.names`, as "masked_f1" (paper, Eq. 2), or a Keras loss that accepts NaN labels.
        learning_rate: of Adam with AMSGrad.
        batch_size: the last batch is filled with rows whose labels are all unknown, which changes no masked loss.
        epochs: epochs of stage 1 and of stage 2.
        seed: decides the head's first weights, the dropout and the order of the samples.
        threshold: probability from which an action unit counts as displayed.
        features: folder in which runs share their cached features; None keeps them in `folder`.
        images_key: what identifies the pixels, for example `ImageStore.key`; None hashes their content.
        progress: show progress bars.

    Raises:
        SettingsError: arguments that do not fit each other, or a folder that holds another run.
        AulibError: the loss is not finite, or the weights cannot be had.
    """
    folder = Path(folder)
    size = pixels.shape[1] if image_size is None else image_size
    train, validation = np.asarray(train, np.intp), np.asarray(validation, np.intp)
    settings = Settings(
        aus=list(aus), image_size=int(size), weights=None if weights is None else str(weights),
        pixel_scaling=pixel_scaling, hidden=[int(units) for units in hidden], dropout=float(dropout),
        loss=described(loss),
        learning_rate=float(learning_rate), batch_size=int(batch_size), epochs=[int(count) for count in epochs],
        seed=int(seed), threshold=float(threshold), precision=precision, standardise=bool(standardise),
    )  # fmt: skip
    check_arrays(pixels, y, train, validation, settings)
    loss = losses.by_name(loss, y[train]) if isinstance(loss, str) else loss
    keras.utils.set_random_seed(settings.seed)
    model = build(settings)
    network.check(model, pixels)
    key = run_key(settings, model, images_key or feature_cache.content_hash(pixels), y, train, validation)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / "busy.lock"):
        claim(folder, key)
        if (folder / "record.json").is_file():
            return open_run(folder)
        inputs, cache = cached_inputs(pixels, model, Path(features or folder / "features"), key["images"], progress)
        with tqdm(total=sum(settings.epochs), desc="training", unit="epoch", disable=not progress) as bar:
            job = Job(settings, loss, y, train, validation, folder, bar)
            if settings.standardise:
                model.get_layer("standardise").fit(inputs[1], np.unique(train))
            state = run_stages(job, model, inputs)
        finish(job, model, key, state, cache)
    return open_run(folder)
