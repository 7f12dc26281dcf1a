"""The two stages, epoch by epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from aulib import features as feature_cache
from aulib import metrics
from aulib import model as network
from aulib.errors import AulibError
from aulib.training._batches import batches, predict_rows
from aulib.training._devices import device
from aulib.training._settings import Settings
from aulib.training._state import after_epoch, assign, load_arrays, memory, read_state, restore

CUTS = {1: "block5_pool", 2: "block4_pool"}  # what each stage leaves frozen ends here


@dataclass(frozen=True)
class Job:
    """What the stages share."""

    settings: Settings
    loss: keras.losses.Loss
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    folder: Path
    bar: tqdm


def cached_inputs(
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


def run_stages(job: Job, model: keras.Model, inputs: dict[int, np.ndarray]) -> dict[str, Any]:
    """Run what is left of both stages; the model ends with the weights of the last stage's best epoch."""
    state = read_state(job.folder)
    job.bar.update(len(state["history"]))
    for stage, cut in CUTS.items():
        head = network.head_part(model, cut)
        if stage >= state["stage"] and job.settings.epochs[stage - 1]:
            state = _run_stage(job, head, inputs[stage], stage, state)
        if str(stage) in state["best"]:
            restore(head, load_arrays(job.folder / state["best"][str(stage)]["file"], "w"))
        if stage == 1 and not (job.folder / "stage1.keras").is_file():
            network.save(model, job.folder / "stage1.keras")
    return state


def _run_stage(job: Job, head: keras.Model, inputs: np.ndarray, stage: int, state: dict[str, Any]) -> dict[str, Any]:
    _compile(job, head)
    first = 1
    if state["stage"] == stage and state["epoch"]:
        arrays = job.folder / "state.npz"
        restore(head, load_arrays(arrays, "w"))
        assign(head.optimizer.variables, load_arrays(arrays, "o"))
        assign(memory(job.loss), load_arrays(arrays, "l"))
        first = state["epoch"] + 1
    for epoch in range(first, job.settings.epochs[stage - 1] + 1):
        row = _epoch(job, head, inputs, stage, epoch)
        state = after_epoch(job, head, state, row)
    return state


def _compile(job: Job, head: keras.Model) -> None:
    optimizer = keras.optimizers.Adam(job.settings.learning_rate, amsgrad=True)
    on_cpu = keras.backend.backend() == "tensorflow" and device().startswith("CPU")
    head.compile(
        optimizer, loss=job.loss, metrics=[job.loss.running] if memory(job.loss) else None,
        jit_compile=False if on_cpu else "auto",  # XLA is slower on CPUs
    )  # fmt: skip
    optimizer.build(head.trainable_variables)


def _epoch(job: Job, head: keras.Model, inputs: np.ndarray, stage: int, epoch: int) -> dict[str, float]:
    """Train one epoch and score the validation rows; returns the history row."""
    settings, started = job.settings, time.perf_counter()
    order = np.random.default_rng([settings.seed, stage, epoch]).permutation(job.train)
    batch_losses = []
    for x, y in batches(inputs, job.y, order, settings.batch_size):
        batch_losses.append(float(head.train_on_batch(x, y, return_dict=True)["loss"]))
        if not np.isfinite(batch_losses[-1]):
            raise AulibError(
                f"the loss became {batch_losses[-1]} in stage {stage}, epoch {epoch}, batch {len(batch_losses)}; lower "
                f"learning_rate ({settings.learning_rate:g}), or check that the loss accepts unknown labels (NaN)"
            )
    y_true = job.y[job.validation]
    y_prob = predict_rows(head, inputs, job.validation, settings.batch_size)
    return {
        "stage": stage,
        "epoch": epoch,
        "loss": float(np.mean(batch_losses)),
        "val_f1_macro": float(metrics.f1_macro(y_true, y_prob, settings.threshold)),
        "val_accuracy": float(metrics.accuracy_macro(y_true, y_prob, settings.threshold)),
        "val_score": float(metrics.selection_score(y_true, y_prob, settings.threshold)),
        "seconds": round(time.perf_counter() - started, 3),
    }
