"""The two-stage recipe of the paper (§3.2) on cached features.

Stage 1 freezes all convolutional layers and trains the head. Stage 2 starts from stage 1's best model and trains the
last convolutional block with the head. "Best" is the highest selection score, the mean of macro F1 and accuracy on the
validation people. Which people the paper selected on, and for how long each stage ran, it does not say.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import keras
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

import aulib
from aulib import features as feature_cache
from aulib import losses, metrics
from aulib import model as network
from aulib.errors import AulibError, DataError, SettingsError

CUTS = {1: "block5_pool", 2: "block4_pool"}  # what each stage leaves frozen ends here
AHEAD = 3  # batches gathered while one is being computed


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        model: the best model of stage 2, with its card (`aulib.model.card`).
        history: one row per epoch: `stage`, `epoch`, `loss`, `val_f1_macro`, `val_accuracy`, `val_score`, `seconds`.
        record: settings, seed, versions, origin and hash of the weights, hash of the data, timings, device.
        folder: holds `model.keras`, `stage1.keras`, `history.csv` and `record.json`.
    """

    model: keras.Model
    history: pd.DataFrame
    record: dict
    folder: Path

    def stage_model(self, stage: int) -> keras.Model:
        """The best model of stage 1 or 2."""
        if stage not in CUTS:
            raise SettingsError(f"stage is {stage}; it is 1 or 2")
        return self.model if stage == 2 else network.load(self.folder / "stage1.keras")

    def best(self, stage: int) -> pd.Series:
        """The history row of a stage's best epoch.

        Raises:
            SettingsError: the stage had no epochs.
        """
        rows = self.history[self.history["stage"] == stage]
        if rows.empty:
            raise SettingsError(f"stage {stage} had no epochs in this run")
        return rows.loc[rows["val_score"].idxmax()]

    def predict(self, rows: np.ndarray, stage: int = 2, batch_size: int = 64) -> np.ndarray:
        """Probabilities for rows of the pixels trained on, from the cached features (no image is read).

        Returns:
            float32 array (len(rows), L).

        Raises:
            DataError: the cache was deleted; use `predict(model, pixels)`.
        """
        path = self.folder / self.record["features"][CUTS[2]] / "features.npy"
        if not path.is_file():
            raise DataError("the cached features are gone; use aulib.training.predict(model, pixels)", path)
        head = network.head_part(self.stage_model(stage), CUTS[2])
        return _predict_rows(head, np.load(path, mmap_mode="r"), np.asarray(rows), batch_size)


@dataclass(frozen=True)
class _Settings:
    aus: list[str]
    image_size: int
    weights: str | None
    pixel_scaling: str
    hidden: list[int]
    dropout: float
    loss: str | dict
    learning_rate: float
    batch_size: int
    epochs: list[int]
    seed: int
    threshold: float
    precision: str
    standardise: bool


@dataclass(frozen=True)
class _Job:
    """What the stages share."""

    settings: _Settings
    loss: keras.losses.Loss
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    folder: Path
    bar: tqdm


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
    settings = _Settings(
        aus=list(aus), image_size=int(size), weights=None if weights is None else str(weights),
        pixel_scaling=pixel_scaling, hidden=[int(units) for units in hidden], dropout=float(dropout),
        loss=_described(loss),
        learning_rate=float(learning_rate), batch_size=int(batch_size), epochs=[int(count) for count in epochs],
        seed=int(seed), threshold=float(threshold), precision=precision, standardise=bool(standardise),
    )  # fmt: skip
    _check_arrays(pixels, y, train, validation, settings)
    loss = losses.by_name(loss, y[train]) if isinstance(loss, str) else loss
    keras.utils.set_random_seed(settings.seed)
    model = _build(settings)
    network.check(model, pixels)
    key = _key(settings, model, images_key or feature_cache.content_hash(pixels), y, train, validation)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / "busy.lock"):
        _claim(folder, key)
        if (folder / "record.json").is_file():
            return open_run(folder)
        inputs, cache = _features(pixels, model, Path(features or folder / "features"), key["images"], progress)
        with tqdm(total=sum(settings.epochs), desc="training", unit="epoch", disable=not progress) as bar:
            job = _Job(settings, loss, y, train, validation, folder, bar)
            if settings.standardise:
                model.get_layer("standardise").fit(inputs[1], np.unique(train))
            state = _run_stages(job, model, inputs)
        _finish(job, model, key, state, cache)
    return open_run(folder)


def open_run(folder: str | Path) -> Run:
    """Open a finished run.

    Raises:
        DataError: the folder holds no finished run.
    """
    folder = Path(folder)
    if not (folder / "record.json").is_file():
        raise DataError("holds no finished training (it has no record.json)", folder)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    model = network.load(folder / "model.keras", aus=record["settings"]["aus"])
    return Run(model, pd.read_csv(folder / "history.csv"), record, folder)


def predict(model: keras.Model, pixels: np.ndarray, batch_size: int = 64) -> np.ndarray:
    """Probabilities of a model for uint8 pixels, in batches of one shape.

    Args:
        model: from `aulib.model` or a `Run`.
        pixels: uint8 array (n, s, s, 3).
        batch_size: images at a time.

    Returns:
        float32 array (n, L).

    Raises:
        SettingsError: the pixels do not fit the model.
    """
    network.check(model, pixels)
    return _predict_rows(model, pixels, np.arange(len(pixels)), batch_size)


def prediction_table(table: pd.DataFrame, aus: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Labels and probabilities side by side, one row per image.

    Args:
        table: rows of the meta-database, in the order of the probabilities.
        aus: the L action units, in the order of the columns.
        probabilities: float array (n, L).

    Returns:
        DataFrame with `dataset, subject, sequence, frame, image` and for each AU its label (`AU12`, Int8, <NA> unknown)
        and its probability (`AU12_p`, float32).

    Raises:
        DataError: the shapes do not fit.
    """
    if probabilities.shape != (len(table), len(aus)):
        raise DataError(f"probabilities must have the shape {(len(table), len(aus))}; found {probabilities.shape}")
    columns = table[["dataset", "subject", "sequence", "frame", "image"]].reset_index(drop=True)
    for column, au in enumerate(aus):
        columns[au] = table[au].astype("Int8").to_numpy()
        columns[au] = columns[au].astype("Int8")
        columns[f"{au}_p"] = probabilities[:, column].astype(np.float32)
    return columns


def device() -> str:
    """The device that Keras computes on, in words.

    Example:
        >>> device().split()[0] in {"CPU", "GPU", "TPU"}
        True
    """
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        names = [torch.cuda.get_device_name(0)] if torch.cuda.is_available() else []
    elif backend == "jax":
        import jax

        names = [found.device_kind for found in jax.devices() if found.platform != "cpu"]
    else:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return f"GPU ({names[0]})" if names else f"CPU ({os.cpu_count()} cores)"


def _build(settings: _Settings) -> keras.Model:
    return network.vgg16(
        settings.aus, settings.image_size, settings.weights, settings.pixel_scaling, settings.hidden, settings.dropout,
        settings.seed, settings.threshold, settings.precision, settings.standardise,
    )  # fmt: skip


def _described(loss: str | keras.losses.Loss) -> str | dict:
    """What the record says about a loss."""
    return loss if isinstance(loss, str) else {"class": type(loss).__name__, **loss.get_config()}


def _check_arrays(
    pixels: np.ndarray, y: np.ndarray, train: np.ndarray, validation: np.ndarray, settings: _Settings
) -> None:
    if y.shape != (len(pixels), len(settings.aus)):
        raise SettingsError(f"y must have the shape {(len(pixels), len(settings.aus))} (images, AUs); found {y.shape}")
    if settings.batch_size < 1 or min(settings.epochs) < 0 or len(settings.epochs) != 2 or settings.epochs[0] < 1:
        raise SettingsError(
            "batch_size must be at least 1 and epochs two numbers, the first at least 1; "
            f"found batch_size {settings.batch_size} and epochs {settings.epochs}"
        )
    for name, rows in (("train", train), ("validation", validation)):
        if not len(rows) or rows.min() < 0 or rows.max() >= len(y):
            raise SettingsError(f"{name} must hold at least one position from 0 to {len(y) - 1}; found {rows}")
        if np.isnan(y[rows]).all():
            raise SettingsError(f"no label of the {name} rows is known, so there is nothing to learn or to select by")
    shared = np.intersect1d(train, validation)
    if len(shared):
        raise SettingsError(f"{len(shared)} rows are in train and in validation, the first is {shared[0]}")


def _key(
    settings: _Settings, model: keras.Model, images: str, y: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> dict[str, Any]:
    """Everything that decides the result of a run."""
    data = hashlib.sha256()
    for array in (np.asarray(y, np.float32), train.astype(np.int64), validation.astype(np.int64)):
        data.update(f"{array.shape}".encode())
        data.update(np.ascontiguousarray(array))
    return {**asdict(settings), "weights_sha256": network.card(model)["weights_sha256"], "images": images,
            "labels and rows": data.hexdigest()}  # fmt: skip


def _claim(folder: Path, key: dict[str, Any]) -> None:
    """Write the run's key into a new folder, or refuse a folder with another key."""
    note = folder / "key.json"
    if not note.is_file():
        _write_text(note, json.dumps(key, indent=1))
    found = json.loads(note.read_text(encoding="utf-8"))
    other = feature_cache.differences(found, key)
    if other:
        raise SettingsError(f"{folder} holds another run: {other}. Delete it or choose another folder")


def _features(
    pixels: np.ndarray, model: keras.Model, folder: Path, images_key: str, progress: bool
) -> tuple[dict[int, np.ndarray], dict[str, Path]]:
    """Cached inputs of the two stages, and their folders. The images pass the network once, up to block 4."""
    inputs, cache, source = {}, {}, pixels
    previous = model.layers[1].name
    for stage, cut in sorted(CUTS.items(), reverse=True):
        part = network.frozen_part(model, cut) if stage == 2 else network.between(model, previous, cut)
        key = feature_cache.features_key(source, part, images_key=images_key)
        cache[cut] = folder / f"{cut}-{feature_cache.short(key)}"
        source = feature_cache.extract(source, part, cache[cut], progress=progress, images_key=images_key)
        inputs[stage], previous, images_key = source, cut, feature_cache.short(key)
    return inputs, cache


def _run_stages(job: _Job, model: keras.Model, inputs: dict[int, np.ndarray]) -> dict[str, Any]:
    """Run what is left of both stages; the model ends with the weights of the last stage's best epoch."""
    state = _read_state(job.folder)
    job.bar.update(len(state["history"]))
    for stage, cut in CUTS.items():
        head = network.head_part(model, cut)
        if stage >= state["stage"] and job.settings.epochs[stage - 1]:
            state = _run_stage(job, head, inputs[stage], stage, state)
        if str(stage) in state["best"]:
            _restore(head, _load_arrays(job.folder / state["best"][str(stage)]["file"], "w"))
        if stage == 1 and not (job.folder / "stage1.keras").is_file():
            network.save(model, job.folder / "stage1.keras")
    return state


def _run_stage(job: _Job, head: keras.Model, inputs: np.ndarray, stage: int, state: dict[str, Any]) -> dict[str, Any]:
    _compile(job, head)
    first = 1
    if state["stage"] == stage and state["epoch"]:
        arrays = job.folder / "state.npz"
        _restore(head, _load_arrays(arrays, "w"))
        _assign(head.optimizer.variables, _load_arrays(arrays, "o"))
        _assign(_memory(job.loss), _load_arrays(arrays, "l"))
        first = state["epoch"] + 1
    for epoch in range(first, job.settings.epochs[stage - 1] + 1):
        row = _epoch(job, head, inputs, stage, epoch)
        state = _after_epoch(job, head, state, row)
    return state


def _compile(job: _Job, head: keras.Model) -> None:
    optimizer = keras.optimizers.Adam(job.settings.learning_rate, amsgrad=True)
    on_cpu = keras.backend.backend() == "tensorflow" and device().startswith("CPU")
    head.compile(
        optimizer, loss=job.loss, metrics=[job.loss.running] if _memory(job.loss) else None,
        jit_compile=False if on_cpu else "auto",  # XLA is slower on CPUs
    )  # fmt: skip
    optimizer.build(head.trainable_variables)


def _epoch(job: _Job, head: keras.Model, inputs: np.ndarray, stage: int, epoch: int) -> dict[str, float]:
    """Train one epoch and score the validation rows; returns the history row."""
    settings, started = job.settings, time.perf_counter()
    order = np.random.default_rng([settings.seed, stage, epoch]).permutation(job.train)
    batch_losses = []
    for x, y in _batches(inputs, job.y, order, settings.batch_size):
        batch_losses.append(float(head.train_on_batch(x, y, return_dict=True)["loss"]))
        if not np.isfinite(batch_losses[-1]):
            raise AulibError(
                f"the loss became {batch_losses[-1]} in stage {stage}, epoch {epoch}, batch {len(batch_losses)}; lower "
                f"learning_rate ({settings.learning_rate:g}), or check that the loss accepts unknown labels (NaN)"
            )
    y_true = job.y[job.validation]
    y_prob = _predict_rows(head, inputs, job.validation, settings.batch_size)
    return {
        "stage": stage,
        "epoch": epoch,
        "loss": float(np.mean(batch_losses)),
        "val_f1_macro": float(metrics.f1_macro(y_true, y_prob, settings.threshold)),
        "val_accuracy": float(metrics.accuracy_macro(y_true, y_prob, settings.threshold)),
        "val_score": float(metrics.selection_score(y_true, y_prob, settings.threshold)),
        "seconds": round(time.perf_counter() - started, 3),
    }


def _batches(
    inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in order and of one shape, gathered ahead in a thread."""
    size = min(batch_size, len(rows))
    pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
    waiting: collections.deque = collections.deque()
    with ThreadPoolExecutor(1) as pool:
        for piece in pieces:
            waiting.append(pool.submit(_gather, inputs, y, piece, size))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _gather(inputs: np.ndarray, y: np.ndarray, rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One batch; rows that are lacking at the end are zeros with unknown labels, which no masked loss counts."""
    x = np.zeros((size, *inputs.shape[1:]), inputs.dtype)
    labels = np.full((size, y.shape[1]), np.nan, np.float32)
    x[: len(rows)], labels[: len(rows)] = inputs[rows], y[rows]
    return x, labels


def _predict_rows(model: keras.Model, inputs: np.ndarray, rows: np.ndarray, batch_size: int) -> np.ndarray:
    size = max(1, min(batch_size, len(rows)))
    result = np.empty((len(rows), model.output_shape[-1]), np.float32)
    for start in range(0, len(rows), size):
        batch = inputs[rows[start : start + size]]
        result[start : start + size] = feature_cache.predict_padded(model.predict_on_batch, batch, size)
    return result


def _after_epoch(job: _Job, head: keras.Model, state: dict[str, Any], row: dict[str, float]) -> dict[str, Any]:
    """Save the state after an epoch: the best weights first, then the state that names them, then what can be read."""
    stage, epoch = str(row["stage"]), row["epoch"]
    best = dict(state["best"])
    if stage not in best or np.nan_to_num(row["val_score"], nan=-1.0) > best[stage]["score"]:
        name = f"best-{stage}-{epoch}.npz"
        _write_arrays(job.folder / name, w=_values(_variables(head)))
        best[stage] = {"file": name, "epoch": epoch, "score": float(np.nan_to_num(row["val_score"], nan=-1.0))}
    state = {"stage": row["stage"], "epoch": epoch, "best": best, "history": [*state["history"], row]}
    arrays = {"w": _values(_variables(head)), "o": _values(head.optimizer.variables), "l": _values(_memory(job.loss))}
    _write_arrays(job.folder / "state.npz", json.dumps(state), **arrays)
    _write_text(job.folder / "history.csv", pd.DataFrame(state["history"]).to_csv(index=False))
    _clean(job.folder, keep={entry["file"] for entry in best.values()} | {"state.npz"})
    job.bar.update()
    job.bar.set_postfix(stage=stage, loss=f"{row['loss']:.3f}", score=f"{row['val_score']:.3f}")
    return state


def _finish(job: _Job, model: keras.Model, key: dict[str, Any], state: dict[str, Any], cache: dict[str, Path]) -> None:
    """Save the final model and the record; the record is written last and says that the run is finished."""
    network.save(model, job.folder / "model.keras")
    seconds = pd.DataFrame(state["history"]).groupby("stage")["seconds"].sum()
    about = network.card(model)
    record = {
        "settings": asdict(job.settings),
        "weights": {"origin": about["weights"], "sha256": about["weights_sha256"]},
        "data": {"images": key["images"], "labels and rows": key["labels and rows"]},
        "rows": {
            "train": len(job.train), "train, unique": len(np.unique(job.train)), "validation": len(job.validation)
        },
        "best": {stage: {"epoch": best["epoch"], "score": best["score"]} for stage, best in state["best"].items()},
        "features": {cut: os.path.relpath(path, job.folder) for cut, path in cache.items()},
        "seconds": {
            **{f"features {cut}": _feature_seconds(path) for cut, path in cache.items()},
            **{f"stage {stage}": round(float(value), 2) for stage, value in seconds.items()},
        },
        "device": device(),
        "versions": {
            "python": platform.python_version(), "aulib": aulib.__version__, "keras": keras.__version__,
            "backend": f"{keras.backend.backend()} {_backend_version()}", "numpy": np.__version__,
        },
    }  # fmt: skip
    _write_text(job.folder / "record.json", json.dumps(record, indent=1))
    _clean(job.folder, keep=set())


def _feature_seconds(folder: Path) -> float:
    return json.loads((folder / "features.json").read_text(encoding="utf-8"))["seconds"]


def _backend_version() -> str:
    return __import__(keras.backend.backend()).__version__


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights and the states of the dropout's random generators, layer by layer."""
    return [variable for layer in model.layers for variable in layer.variables]


def _memory(loss: keras.losses.Loss) -> list[keras.Variable]:
    """What a loss remembers from batch to batch: nothing, but for the count-corrected one."""
    return list(loss.running.variables) if isinstance(loss, losses.CountCorrectedF1Loss) else []


def _values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _restore(model: keras.Model, values: list[np.ndarray]) -> None:
    _assign(_variables(model), values)


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _write_arrays(path: Path, note: str = "", **groups: list[np.ndarray]) -> None:
    arrays = {f"{name}{number}": value for name, values in groups.items() for number, value in enumerate(values)}
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        np.savez(file, note=np.frombuffer(note.encode(), np.uint8), **arrays)
    os.replace(unfinished, path)


def _load_arrays(path: Path, group: str) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        count = sum(name.startswith(group) for name in stored.files)
        return [stored[f"{group}{number}"] for number in range(count)]


def _read_state(folder: Path) -> dict[str, Any]:
    if not (folder / "state.npz").is_file():
        return {"stage": 1, "epoch": 0, "best": {}, "history": []}
    with np.load(folder / "state.npz", allow_pickle=False) as stored:
        return json.loads(stored["note"].tobytes())


def _write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _clean(folder: Path, keep: set[str]) -> None:
    for path in folder.glob("*.npz"):
        if path.name not in keep:
            path.unlink()
