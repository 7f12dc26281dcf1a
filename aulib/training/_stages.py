"""The two stages, epoch by epoch."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from aulib import metrics
from aulib import model as network
from aulib.errors import AulibError
from aulib.training._augment import Augmentation, copy_numbers
from aulib.training._batches import batches, predict_rows
from aulib.training._devices import device
from aulib.training._divergence import PATIENCE, exploded, silly_scores, stuck
from aulib.training._inputs import CUTS, Inputs
from aulib.training._settings import Settings
from aulib.training._state import after_epoch, assign, load_arrays, memory, read_state, restore


@dataclass(frozen=True)
class Job:
    """What the stages share."""

    settings: Settings
    loss: keras.losses.Loss
    pixels: np.ndarray
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    monitor: np.ndarray
    change: Augmentation | None
    folder: Path
    bar: tqdm

    @cached_property
    def copies(self) -> np.ndarray:
        """Number of each entry of `train` among the copies of its row."""
        return copy_numbers(self.train)

    @cached_property
    def silly(self) -> dict[str, float]:
        """Scores of the silly answers on the validation rows."""
        return silly_scores(self.y[self.validation])


def run_stages(job: Job, model: keras.Model, inputs: dict[int, Inputs]) -> dict[str, Any]:
    """Run what is left of both stages; the model ends with the weights of the last stage's best epoch."""
    state = read_state(job.folder)
    job.bar.update(len(state["history"]))
    for stage in CUTS:
        part = inputs[stage].part(model, stage)
        if stage >= state["stage"] and job.settings.epochs[stage - 1]:
            state = _run_stage(job, part, inputs[stage].values, stage, state)
        if str(stage) in state["best"]:
            restore(part, load_arrays(job.folder / state["best"][str(stage)]["file"], "w"))
        model.trainable = True  # what is frozen is a matter of the stage, not of the model that is saved
        if stage == 1 and not (job.folder / "stage1.keras").is_file():
            network.save(model, job.folder / "stage1.keras")
    return state


def _run_stage(job: Job, part: keras.Model, inputs: np.ndarray, stage: int, state: dict[str, Any]) -> dict[str, Any]:
    _compile(job, part)
    first = 1
    if state["stage"] == stage and state["epoch"]:
        arrays = job.folder / "state.npz"
        restore(part, load_arrays(arrays, "w"))
        assign(part.optimizer.variables, load_arrays(arrays, "o"))
        assign(memory(job.loss), load_arrays(arrays, "l"))
        first = state["epoch"] + 1
    for epoch in range(first, job.settings.epochs[stage - 1] + 1):
        row = _epoch(job, part, inputs, stage, epoch)
        earlier = [found["loss"] for found in state["history"] if found["stage"] == stage]
        if exploded(row["loss"], earlier):
            raise AulibError(_stopped(job, stage, epoch, f"the loss grew to {row['loss']:.4g} from {min(earlier):.4g}"))
        state = after_epoch(job, part, state, row)
        if epoch == PATIENCE:
            for warning in stuck(state["history"], job.silly, stage):
                warnings.warn(warning, stacklevel=2)
    return state


def _compile(job: Job, part: keras.Model) -> None:
    optimizer = keras.optimizers.Adam(job.settings.learning_rate, amsgrad=True)
    on_cpu = keras.backend.backend() == "tensorflow" and device().startswith("CPU")
    part.compile(
        optimizer, loss=job.loss, metrics=[job.loss.running] if memory(job.loss) else None,
        jit_compile=False if on_cpu else "auto",  # XLA is slower on CPUs
    )  # fmt: skip
    optimizer.build(part.trainable_variables)


def _epoch(job: Job, part: keras.Model, inputs: np.ndarray, stage: int, epoch: int) -> dict[str, float]:
    """Train one epoch and score the validation rows; returns the history row."""
    started = time.perf_counter()
    loss = _train_epoch(job, part, inputs, stage, epoch)
    trained = time.perf_counter()
    threshold, y_true = job.settings.threshold, job.y[job.validation]
    y_prob = predict_rows(part, inputs, job.validation, job.settings.batch_size)
    row = {
        "stage": stage,
        "epoch": epoch,
        "loss": loss,
        "val_f1_macro": float(metrics.f1_macro(y_true, y_prob, threshold)),
        "val_accuracy": float(metrics.accuracy_macro(y_true, y_prob, threshold)),
        "val_score": float(metrics.selection_score(y_true, y_prob, threshold)),
    }
    if len(job.monitor):
        y_prob = predict_rows(part, inputs, job.monitor, job.settings.batch_size)
        row["monitor_score"] = float(metrics.selection_score(job.y[job.monitor], y_prob, threshold))
    ended = time.perf_counter()
    return {**row, "seconds": round(ended - started, 3), "training_seconds": round(trained - started, 3)}


def _train_epoch(job: Job, part: keras.Model, inputs: np.ndarray, stage: int, epoch: int) -> float:
    """Train on every sample once, in an order that depends on seed, stage and epoch only; returns the mean loss."""
    seed = job.settings.seed
    order = np.random.default_rng([seed, stage, epoch]).permutation(len(job.train))
    rows, change = job.train[order], None
    if job.change:
        # Epochs are counted through both stages: an image is not changed in the same way twice.
        number, copies = epoch + (stage - 1) * job.settings.epochs[0], job.copies[order]

        def change(pixels: np.ndarray, piece: slice) -> np.ndarray:
            return job.change.apply(pixels, job.change.draw(rows[piece], copies[piece], number, seed))

    found = []
    for x, y in batches(inputs, job.y, rows, job.settings.batch_size, change):
        found.append(float(part.train_on_batch(x, y, return_dict=True)["loss"]))
        if not np.isfinite(found[-1]):
            raise AulibError(_stopped(job, stage, epoch, f"the loss became {found[-1]} in batch {len(found)}"))
    return float(np.mean(found))


def _stopped(job: Job, stage: int, epoch: int, what: str) -> str:
    return (
        f"stage {stage}, epoch {epoch}: {what}; lower learning_rate ({job.settings.learning_rate:g}), or check that "
        f"the loss accepts unknown labels (NaN). The state after the epoch before, if any, is kept in {job.folder}"
    )
