"""The call that trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import filelock
import keras
import numpy as np
from tqdm.auto import tqdm

from aulib import features as feature_cache
from aulib import losses
from aulib import model as network
from aulib.training._augment import augmentation
from aulib.training._devices import distribution, scope
from aulib.training._inputs import CACHED, Computed, of_stages
from aulib.training._run import Run, finish, open_run
from aulib.training._settings import Settings, build, cache_mode, check_arrays, claim, described, run_key
from aulib.training._stages import Job, run_stages
from aulib.training._state import clean


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
    cache: Literal["auto", "both", "stage1", "none"] = "auto",
    cache_dtype: Literal["float16", "bfloat16", "float32"] = "float16",
    augment: Mapping[str, float] | bool | None = None,
    monitor: np.ndarray | None = None,
    devices: int | None = None,
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
        cache: which stages start from cached features of their frozen blocks: "both"; "stage1", so that stage 2 sends
            the images through all blocks in every epoch (slower, but a quarter of the space on the disk); "none", the
            plain recipe; "auto" for "none" with augmentation and else "both". The result is the same up to rounding.
        cache_dtype: how features are stored, see `aulib.features.extract`.
        augment: largest random changes of the training images, by name, see `Augmentation`; True for its defaults.
            Copy 0 of a row is changed as well as its repeats, each anew in every epoch.
        monitor: positions scored after each epoch (`monitor_score` in the history); they select nothing and change
            nothing.
        devices: devices among which each batch is divided, under JAX; None takes every accelerator.

    Raises:
        SettingsError: arguments that do not fit each other, or a folder that holds another run.
        AulibError: the loss is not finite or has exploded, or the weights cannot be had. What was reached at the end of
            the epoch before is kept.

    Warns:
        UserWarning: a stage's scores stay below those of "always displayed" or "never displayed"; also in the record.
    """
    folder = Path(folder)
    size = pixels.shape[1] if image_size is None else image_size
    train, validation = np.asarray(train, np.intp), np.asarray(validation, np.intp)
    monitor = np.empty(0, np.intp) if monitor is None else np.asarray(monitor, np.intp)
    change = augmentation(augment)
    settings = Settings(
        aus=list(aus), image_size=int(size), weights=None if weights is None else str(weights),
        pixel_scaling=pixel_scaling, hidden=[int(units) for units in hidden], dropout=float(dropout),
        loss=described(loss),
        learning_rate=float(learning_rate), batch_size=int(batch_size), epochs=[int(count) for count in epochs],
        seed=int(seed), threshold=float(threshold), precision=precision, standardise=bool(standardise),
        cache=cache_mode(cache, change is not None), cache_dtype=cache_dtype,
        augment=None if change is None else change.values(), devices=devices,
    )  # fmt: skip
    check_arrays(pixels, y, train, validation, monitor, settings)
    over = distribution(devices, settings.batch_size)
    loss = losses.by_name(loss, y[train]) if isinstance(loss, str) else loss
    with scope(over):
        keras.utils.set_random_seed(settings.seed)
        model = build(settings)
        network.check(model, pixels)
        images = images_key or feature_cache.content_hash(pixels)
        key = run_key(settings, model, images, y, train, validation, monitor)
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / "busy.lock"):
            claim(folder, key)
            if not (folder / "record.json").is_file():
                with tqdm(total=sum(settings.epochs), desc="training", unit="epoch", disable=not progress) as bar:
                    job = Job(settings, loss, pixels, y, train, validation, monitor, change, folder, bar)
                    _train(job, model, key, Path(features or folder / "features"), progress)
            clean(folder, keep=set())
    return open_run(folder)


def cache_features(
    pixels: np.ndarray,
    folder: str | Path,
    *,
    weights: str | Path | None = "hed",
    pixel_scaling: str = "caffe",
    precision: str = "float32",
    seed: int = 0,
    images_key: str | None = None,
    progress: bool = True,
    cache: Literal["auto", "both", "stage1", "none"] = "auto",
    cache_dtype: Literal["float16", "bfloat16", "float32"] = "float16",
    augment: Mapping[str, float] | bool | None = None,
    devices: int | None = None,
) -> list[Path]:
    """Compute the outputs of the frozen blocks once for all images, so that many runs can start from them.

    `train_two_stage` does the same when it finds nothing in its folder `features`. The head has no part in it: runs
    with other labels, losses or sizes of the head share these features. The arguments are those of `train_two_stage`.

    Args:
        pixels: uint8 array (n, s, s, 3), for example `ImageStore.pixels`.
        folder: what is later given to the runs as `features`.
        seed: decides random weights (`weights=None`), and nothing else.

    Returns:
        A folder for each cached block, for `aulib.features.open_features`; none with `cache="none"`.

    Raises:
        SettingsError: arguments that do not fit each other.
        AulibError: the weights cannot be had, or a value does not fit the dtype.
    """
    kind = cache_mode(cache, augmentation(augment) is not None)
    if not CACHED[kind]:
        return []
    with scope(distribution(devices, batch_size=0)):  # a batch that cannot be divided is filled up
        model = network.vgg16(
            ["AU01"], pixels.shape[1], weights, pixel_scaling, hidden=(), seed=seed, precision=precision,
            standardise=False,
        )  # fmt: skip
        network.check(model, pixels)
        images = images_key or feature_cache.content_hash(pixels)
        inputs = of_stages(pixels, model, Path(folder), images, kind, cache_dtype, progress)
    return [one.folder for one in inputs.values() if one.folder]


def _train(job: Job, model: keras.Model, key: dict[str, Any], cache: Path, progress: bool) -> None:
    settings = job.settings
    inputs = of_stages(job.pixels, model, cache, key["images"], settings.cache, settings.cache_dtype, progress)
    if settings.standardise:
        block5 = inputs[1].values if inputs[1].cut else Computed(model, job.pixels)
        model.get_layer("standardise").fit(block5, np.unique(job.train))
    state = run_stages(job, model, inputs)
    finish(job, model, key, state, inputs)
