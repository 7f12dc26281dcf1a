"""What a training keeps on the disk so that it can be killed at any moment: every file is written, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from aulib import losses

if TYPE_CHECKING:
    from aulib.training._stages import Job


def after_epoch(job: Job, head: keras.Model, state: dict[str, Any], row: dict[str, float]) -> dict[str, Any]:
    """Save the state after an epoch: the best weights first, then the state that names them, then what can be read."""
    stage, epoch = str(row["stage"]), row["epoch"]
    best = dict(state["best"])
    if stage not in best or np.nan_to_num(row["val_score"], nan=-1.0) > best[stage]["score"]:
        name = f"best-{stage}-{epoch}.npz"
        write_arrays(job.folder / name, w=values(variables(head)))
        best[stage] = {"file": name, "epoch": epoch, "score": float(np.nan_to_num(row["val_score"], nan=-1.0))}
    state = {"stage": row["stage"], "epoch": epoch, "best": best, "history": [*state["history"], row]}
    arrays = {"w": values(variables(head)), "o": values(head.optimizer.variables), "l": values(memory(job.loss))}
    write_arrays(job.folder / "state.npz", json.dumps(state), **arrays)
    write_text(job.folder / "history.csv", pd.DataFrame(state["history"]).to_csv(index=False))
    clean(job.folder, keep={entry["file"] for entry in best.values()} | {"state.npz"})
    job.bar.update()
    job.bar.set_postfix(stage=stage, loss=f"{row['loss']:.3f}", score=f"{row['val_score']:.3f}")
    return state


def variables(model: keras.Model) -> list[keras.Variable]:
    """Weights and the states of the dropout's random generators, layer by layer, but for the layers that are frozen."""
    return [variable for layer in model.layers if layer.trainable for variable in layer.variables]


def memory(loss: keras.losses.Loss) -> list[keras.Variable]:
    """What a loss remembers from batch to batch: nothing, but for the count-corrected one."""
    return list(loss.running.variables) if isinstance(loss, losses.CountCorrectedF1Loss) else []


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def restore(model: keras.Model, values: list[np.ndarray]) -> None:
    assign(variables(model), values)


def assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_arrays(path: Path, note: str = "", **groups: list[np.ndarray]) -> None:
    arrays = {f"{name}{number}": value for name, values in groups.items() for number, value in enumerate(values)}
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        np.savez(file, note=np.frombuffer(note.encode(), np.uint8), **arrays)
    os.replace(unfinished, path)


def load_arrays(path: Path, group: str) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        count = sum(name.startswith(group) for name in stored.files)
        return [stored[f"{group}{number}"] for number in range(count)]


def read_state(folder: Path) -> dict[str, Any]:
    if not (folder / "state.npz").is_file():
        return {"stage": 1, "epoch": 0, "best": {}, "history": []}
    with np.load(folder / "state.npz", allow_pickle=False) as stored:
        return json.loads(stored["note"].tobytes())


def write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def clean(folder: Path, keep: set[str]) -> None:
    for path in folder.glob("*.npz"):
        if path.name not in keep:
            path.unlink()
