"""The methods that are compared: which rows, which labels, which loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from aulib import balancing, losses
from aulib.adapters import registry
from aulib.errors import SettingsError
from aulib.experiments import _imputing as imputing
from aulib.experiments._head import Head, Recipe, train_head


@dataclass(frozen=True)
class Task:
    """What a method may use: the rows to learn from and the validation people.

    Attributes:
        x: features (n, d) of the rows to learn from.
        y: their incomplete labels (n, L), NaN unknown.
        truth: their whole labels, for the oracle alone.
        datasets: name of each row's dataset (n,).
        persons: number of each row's person (n,).
        validation: features, incomplete labels, truth and datasets of the validation people.
        seed: of the training.
        recipe: of the training.
        limits: of the balancing (keyword arguments of :func:`aulib.balancing.balance`); None for no balancing.
    """

    x: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    datasets: np.ndarray
    persons: np.ndarray
    validation: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    seed: int = 0
    recipe: Recipe = field(default_factory=Recipe)
    limits: dict | None = None


@dataclass(frozen=True)
class Method:
    """A way to learn from incomplete labels.

    Attributes:
        name: by which a job asks for it.
        letter: of the family: a oracle, b the paper's, c to j its rivals.
        what: what it does with missing labels, in one line.
        source: where it comes from.
        loss: name of a loss of :mod:`aulib.losses`, or "soft_f1" or "soft_bce", which take targets between 0 and 1.
        labels: the labels (n, L) it counts as known; None takes the incomplete ones.
        rows: the rows it learns from, bool (n,); None takes those with a known label.
        targets: what the loss is given, from a task and the labels; None gives the labels.
        own_data: validates on the people of its own rows' datasets only.
    """

    name: str
    letter: str
    what: str
    source: str
    loss: str
    labels: Callable[[Task], np.ndarray] | None = None
    rows: Callable[[Task, np.ndarray], np.ndarray] | None = None
    targets: Callable[[Task, np.ndarray], np.ndarray] | None = None
    own_data: bool = False


def fit(method: Method, task: Task) -> tuple[Head, np.ndarray]:
    """Train by a method.

    Returns:
        The head, and bool (L,): the action units that it has seen displayed and not displayed. Of the others it knows
        nothing.

    Raises:
        SettingsError: the method has no row to learn from, or no label.
    """
    labels = task.y if method.labels is None else method.labels(task)
    rows = (~np.isnan(labels)).any(axis=1)
    if method.rows is not None:
        rows &= method.rows(task, labels)
    if not rows.any():
        raise SettingsError(f"method {method.name} has no row to learn from in this part")
    seen = (labels[rows] == 1).any(axis=0) & (labels[rows] == 0).any(axis=0)
    if not seen.any():
        raise SettingsError(f"method {method.name} has no action unit that is displayed on some rows and not on others")
    targets = (labels if method.targets is None else method.targets(task, labels))[rows]
    chosen = _chosen(labels[rows][:, seen], task)
    loss = SOFT.get(method.loss) or losses.by_name(method.loss, targets[chosen])
    head = train_head(
        task.x[rows][chosen],
        targets[chosen],
        loss,
        validation=_validation(method, task, task.datasets[rows], seen),
        seed=task.seed,
        recipe=task.recipe,
    )
    return head, seen


def _chosen(labels: np.ndarray, task: Task) -> np.ndarray:
    """Positions of the rows to learn from, repeated or left out if the task is balanced."""
    if task.limits is None:
        return np.arange(len(labels))
    return balancing.balance(labels, seed=task.seed, **task.limits).indices


def _validation(method: Method, task: Task, datasets: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels to choose the best state on; action units that the method cannot know are left out."""
    x, y, truth, names = task.validation
    y = np.where(seen, truth if method.letter == "a" else y, np.nan)
    keep = np.isin(names, np.unique(datasets)) if method.own_data else np.full(len(y), True)
    if not keep.any() or np.isnan(y[keep]).all():
        keep = np.full(len(y), True)  # its people are all in training: take everybody rather than nobody
    return x[keep], y[keep].astype(np.float32)


def soft_f1(targets, p):
    """One minus the macro F1 of probabilities against targets between 0 and 1; a label nowhere displayed scores 0."""
    from keras import ops

    overlap, total = ops.sum(targets * p, axis=0), ops.sum(targets + p, axis=0)
    return 1 - ops.mean(2 * overlap / (total + 1e-7))


def soft_bce(targets, p):
    """Mean cross-entropy of probabilities against targets between 0 and 1."""
    from keras import ops

    p = ops.clip(p, 1e-7, 1 - 1e-7)
    return -ops.mean(targets * ops.log(p) + (1 - targets) * ops.log(1 - p))


SOFT = {"soft_f1": soft_f1, "soft_bce": soft_bce}


def _whole_truth(task: Task) -> np.ndarray:
    return task.truth


def _as_negative(task: Task, labels: np.ndarray) -> np.ndarray:
    return np.nan_to_num(labels)


def _common(task: Task) -> np.ndarray:
    """Only the action units that every dataset codes."""
    known = ~np.isnan(task.y)
    coded = np.all([known[task.datasets == name].any(axis=0) for name in np.unique(task.datasets)], axis=0)
    return np.where(coded, task.y, np.nan)


def _complete(task: Task, labels: np.ndarray) -> np.ndarray:
    return ~np.isnan(labels).any(axis=1)


def _pseudo(task: Task, labels: np.ndarray) -> np.ndarray:
    """Targets of a student: 0.6 truth + 0.4 teacher where known, the teacher alone where not (Deng et al. 2020)."""
    teacher, _ = fit(METHODS["masked_bce"], replace(task, limits=None))
    says = teacher.predict(task.x)
    return np.where(np.isnan(labels), says, 0.6 * np.nan_to_num(labels) + 0.4 * says).astype(np.float32)


def _co_occurrence(task: Task, labels: np.ndarray) -> np.ndarray:
    return imputing.from_other_labels(labels)


def _propagation(task: Task, labels: np.ndarray) -> np.ndarray:
    return imputing.from_neighbours(task.x, labels)


def _of_dataset(name: str) -> Callable[[Task, np.ndarray], np.ndarray]:
    return lambda task, labels: task.datasets == name


_F1, _BCE = "masked_f1", "masked_binary_crossentropy"
_LIST = (
    Method("oracle_f1", "a", "every label is known", "possible on synthetic faces only", _F1, _whole_truth),
    Method("oracle_bce", "a", "every label is known", "possible on synthetic faces only", _BCE, _whole_truth),
    Method("masked_f1", "b", "unknown cells are left out", "Pahl et al. 2020", _F1),
    Method("count_corrected_f1", "c", "left out; F1 of all rows instead of the batch", "ours", "count_corrected_f1"),
    Method("masked_bce", "d", "left out", "usual in multi-label learning", _BCE),
    Method("partial_bce", "d", "left out; sparse rows weigh more", "Durand et al. 2019", "partial_binary_crossentropy"),
    Method("masked_asl", "d", "left out; easy negatives weigh less", "Ridnik et al. 2021", "masked_asymmetric"),
    Method("missing_as_negative_f1", "e", "taken for not displayed", "common in code", _F1, targets=_as_negative),
    Method("missing_as_negative_bce", "e", "taken for not displayed", "common in code", _BCE, targets=_as_negative),
    Method("common_aus", "f", "only action units that all datasets code", "Chu 2019, Shao 2019, Baltrušaitis 2015",
           _F1, _common),
    Method("complete_rows", "g", "only rows without an unknown cell", "complete-case analysis", _F1, rows=_complete),
    *(
        Method(f"one_dataset:{d}", "h", f"only {d}", "a single dataset", _F1, rows=_of_dataset(d), own_data=True)
        for d in registry.PAPER
    ),
    Method("pseudo_labels", "i", "a teacher fills them", "after Deng et al. 2020", "soft_bce", targets=_pseudo),
    Method("pseudo_labels_f1", "i", "a teacher fills them", "after Deng et al. 2020, with F1", "soft_f1",
           targets=_pseudo),
    Method("co_occurrence", "j", "filled from the row's other labels",
           "stands for Wu 2014, Li 2019, Peng & Wang 2018", "soft_bce", targets=_co_occurrence),
    Method("co_occurrence_f1", "j", "filled from the row's other labels", "the same, with F1", "soft_f1",
           targets=_co_occurrence),
    Method("label_propagation", "j", "filled from faces that look alike", "stands for Wu 2014, Niu 2019", "soft_bce",
           targets=_propagation),
    Method("label_propagation_f1", "j", "filled from faces that look alike", "the same, with F1", "soft_f1",
           targets=_propagation),
)  # fmt: skip

#: Name -> method.
METHODS: dict[str, Method] = {method.name: method for method in _LIST}


def methods() -> pd.DataFrame:
    """Return the methods as a table: family, loss, what happens to missing labels, and the source.

    Example:
        >>> methods().loc["masked_f1", "family"]
        'b'
    """
    rows = {m.name: {"family": m.letter, "loss": m.loss, "missing labels": m.what, "source": m.source} for m in _LIST}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
