"""What an experiment changes about the rows to learn from: their holes, their number, their datasets, the recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from aulib.errors import SettingsError
from aulib.experiments._methods import Task

if TYPE_CHECKING:
    from aulib.experiments._jobs import Job


def changed(task: Task, job: Job) -> Task:
    """Return the task as the job's experiment wants it.

    Holes are made in the labels to learn from only: the validation people keep the labels that their datasets give, so
    that along a curve of holes the choice of the best state does not become harder. Datasets that are not merged give
    no validation people either. The number of steps stays, whatever the batch size.

    Raises:
        SettingsError: a variant that the experiment does not know.
    """
    rng = np.random.default_rng([job.seed, 7])
    if job.experiment == "share_known_random":
        return _masked(task, hide_cells(task.truth, job.x, rng))
    if job.experiment == "share_known_by_dataset":
        return _masked(task, hide_blocks(task.truth, task.datasets, job.x, rng))
    if job.experiment == "batch_size":
        return replace(task, recipe=replace(task.recipe, batch_size=int(job.x)))
    if job.experiment == "datasets_merged":
        order = rng.permutation(np.unique(task.datasets))
        return _of_datasets(task, order[: int(job.x)])
    if job.experiment == "training_size":
        return _only(task, _some(task, job.x, rng))
    if job.experiment == "ablation":
        return _ablated(task, job.variant)
    return task


def hide_cells(truth: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Hide cells one by one, completely at random, until a share is known.

    Example:
        >>> y = hide_cells(np.zeros((100, 3)), 0.25, np.random.default_rng(0))
        >>> round(float((~np.isnan(y)).mean()), 2)
        0.25
    """
    hidden = rng.permutation(truth.size) >= round(share * truth.size)
    return np.where(hidden.reshape(truth.shape), np.nan, truth).astype(np.float32)


def hide_blocks(truth: np.ndarray, datasets: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Hide whole blocks, an action unit in a dataset, until about a share of the cells is known.

    Each action unit stays known in one dataset at least, where the share allows. The last block that is hidden is
    hidden in part, so that the share is met.
    """
    y, cells = truth.astype(np.float32).copy(), truth.size
    names = np.unique(datasets)
    kept = {(rng.choice(names, p=_sizes(datasets, names)), label) for label in range(truth.shape[1])}
    blocks = [(name, label) for name in names for label in range(truth.shape[1])]
    order = [blocks[i] for i in rng.permutation(len(blocks))]
    order = [block for block in order if block not in kept] + [block for block in order if block in kept]
    surplus = cells - round(share * cells)
    for name, label in order:
        rows = np.flatnonzero(datasets == name)
        if surplus <= 0:
            break
        y[rng.permutation(rows)[: min(surplus, rows.size)], label] = np.nan
        surplus -= min(surplus, rows.size)
    return y


def _sizes(datasets: np.ndarray, names: np.ndarray) -> np.ndarray:
    counts = np.array([(datasets == name).sum() for name in names], dtype=float)
    return counts / counts.sum()


def _masked(task: Task, y: np.ndarray) -> Task:
    return replace(task, y=y)


def _only(task: Task, keep: np.ndarray) -> Task:
    kept = {name: getattr(task, name)[keep] for name in ("x", "y", "truth", "datasets", "persons")}
    return replace(task, **kept)


def _of_datasets(task: Task, names: np.ndarray) -> Task:
    kept = np.isin(task.validation[-1], names)
    if kept.any():  # a dataset of one person has nobody for validation
        task = replace(task, validation=tuple(part[kept] for part in task.validation))
    return _only(task, np.isin(task.datasets, names))


def _some(task: Task, share: float, rng: np.random.Generator) -> np.ndarray:
    """The rows of a share of each dataset's people, one at least."""
    chosen = []
    for name in np.unique(task.datasets):
        people = rng.permutation(np.unique(task.persons[task.datasets == name]))
        chosen += list(people[: max(1, round(share * len(people)))])
    return np.isin(task.persons, chosen)


def _ablated(task: Task, variant: str) -> Task:
    what, _, value = variant.partition("=")
    if what == "select":
        return replace(task, recipe=replace(task.recipe, select=value))
    if what == "limits":
        low, high = map(float, value.split(" to "))
        return replace(task, limits=(task.limits or {}) | {"lower": low, "upper": high})
    if what in ("features", "balancing"):
        return task  # the features were prepared so, and the job says whether it is balanced
    raise SettingsError(f"the ablation does not know the variant {variant!r}")
