"""One training and its scores; and many of them, in parallel, resumable."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aulib import database, metrics, splits
from aulib.dependencies import code_hash
from aulib.errors import SettingsError
from aulib.experiments import _holes as holes
from aulib.experiments._data import Prepared
from aulib.experiments._head import Recipe
from aulib.experiments._methods import METHODS, Task, fit
from aulib.pipeline import atomically

#: Columns of a table of results. ``f1_truth``: on every label of the test people; ``f1_known``: on those that the
#: datasets give; ``f1_tuned``: on every label, with thresholds chosen on the known labels of the validation people.
COLUMNS = (
    "experiment", "method", "variant", "x", "balanced", "seed", "test", "au", "rows", "positives", "predicted",
    "f1_truth", "f1_known", "f1_tuned", "always_positive", "ap", "auc", "accuracy",
)  # fmt: skip
_SCORES = COLUMNS[11:]
_GRID = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        experiment: one of :data:`aulib.experiments.EXPERIMENTS`.
        method: one of :data:`aulib.experiments.METHODS`.
        seed: of the split, the balancing and the training; methods with the same seed share the split.
        balanced: balance the labels of the rows to learn from.
        held_out: test on this dataset and learn from the others; None tests on people of all datasets.
        variant: what is varied, in words, for ablations; as "select=f1".
        x: the value on the axis of a curve.
    """

    experiment: str
    method: str
    seed: int
    balanced: bool = False
    held_out: str | None = None
    variant: str = ""
    x: float | None = None

    @property
    def name(self) -> str:
        """Twelve characters that stand for the job."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


def run(
    prepared: Prepared,
    jobs: Sequence[Job],
    folder: str | Path | None = None,
    workers: int = 1,
    progress: bool = False,
    recipe: Recipe | None = None,
) -> pd.DataFrame:
    """Run jobs and return their scores.

    Args:
        prepared: from :func:`aulib.experiments.prepare`.
        jobs: from :func:`aulib.experiments.plan`.
        folder: keep the scores of each finished job there, and find them again if features, labels, recipe and code
            are the same; None keeps nothing.
        workers: processes, each with one thread.
        progress: show a progress bar.
        recipe: of every training; None for the default.

    Returns:
        A table with the columns :data:`COLUMNS`, in the order of the jobs: a row per action unit for ``test`` "all",
        and rows with ``au`` "macro" for all and for each dataset. Where a dataset is held out, ``test`` is its name. A
        macro score is a mean over the action units for which it is defined; one that nobody in a small test part
        displays has F1 0 if the head says otherwise. An action unit that the method cannot predict (``predicted`` 0)
        is scored as "always displayed".

    Raises:
        SettingsError: an unknown method, or a part with nothing to learn from.
        DataError: a person in more than one of training, validation and test, or no such dataset to hold out.
    """
    recipe, jobs = recipe or Recipe(), list(jobs)
    unknown = sorted({job.method for job in jobs} - set(METHODS))
    if unknown:
        raise SettingsError(f"no method {', '.join(unknown)}; there are {', '.join(METHODS)}")
    if not jobs:
        raise SettingsError("there is no job to run")
    store = _Store(folder, prepared, recipe)
    waiting = [job for job in jobs if not store.has(job)]
    bar = tqdm(total=len(jobs), initial=len(jobs) - len(waiting), disable=not progress, unit="training")
    for job, table in _results(prepared, waiting, workers, recipe):
        store.put(job, table)
        bar.update()
    bar.close()
    return pd.concat([store.get(job) for job in jobs], ignore_index=True)


def _results(prepared: Prepared, jobs: list[Job], workers: int, recipe: Recipe):
    if workers <= 1 or len(jobs) < 2:
        for job in jobs:
            yield job, run_job(prepared, job, recipe)
        return
    # A fresh interpreter per process, since TensorFlow does not survive a fork; it reads the variables when it starts.
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _start, (prepared, recipe)) as pool:
            yield from zip(jobs, pool.map(_run_here, jobs), strict=True)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _start(prepared: Prepared, recipe: Recipe) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _HERE.update(prepared=prepared, recipe=recipe)


_HERE: dict = {}
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _run_here(job: Job) -> pd.DataFrame:
    return run_job(_HERE["prepared"], job, _HERE["recipe"])


def missing(prepared: Prepared, jobs: Sequence[Job], folder: str | Path, recipe: Recipe | None = None) -> list[Job]:
    """Return the jobs that :func:`run` would not find in the folder."""
    store = _Store(folder, prepared, recipe or Recipe())
    return [job for job in jobs if not store.has(job)]


class _Store:
    """Tables of finished jobs, in memory or in a folder, there under the name of all that decides them."""

    def __init__(self, folder: str | Path | None, prepared: Prepared, recipe: Recipe):
        self.folder, self.tables = Path(folder) / "jobs" if folder else None, {}
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            key = json.dumps([prepared.key, asdict(recipe), code_hash("experiments._jobs")])
            self.key = hashlib.sha256(key.encode()).hexdigest()[:12]

    def _file(self, job: Job) -> Path:
        return self.folder / f"{job.name}-{self.key}.csv"

    def has(self, job: Job) -> bool:
        return self._file(job).is_file() if self.folder else job.name in self.tables

    def put(self, job: Job, table: pd.DataFrame) -> None:
        if self.folder:
            atomically(self._file(job), lambda path: table.to_csv(path, index=False))
        else:
            self.tables[job.name] = table

    def get(self, job: Job) -> pd.DataFrame:
        return pd.read_csv(self._file(job)).fillna({"variant": ""}) if self.folder else self.tables[job.name]


def run_job(prepared: Prepared, job: Job, recipe: Recipe | None = None) -> pd.DataFrame:
    """Train and score one job; see :func:`run`."""
    train, validation, test = parts(prepared, job)
    task = holes.changed(_task(prepared, train, validation, job, recipe or Recipe()), job)
    head, seen = fit(METHODS[job.method], task)
    p = np.where(seen, head.predict(prepared.x[test]), np.float32(1))  # of the others: always displayed
    thresholds = _tuned(task, head, seen)
    return _scores(prepared, job, test, p, seen, thresholds)


def parts(prepared: Prepared, job: Job) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of the rows to learn from, to validate on and to test on; nobody is in two of them."""
    shares = prepared.about["settings"]["split"]
    return splits.three_parts(prepared.table, shares["test_size"], shares["validation_size"], job.seed, job.held_out)


def _task(prepared: Prepared, train: np.ndarray, validation: np.ndarray, job: Job, recipe: Recipe) -> Task:
    names = prepared.table["dataset"].to_numpy(dtype=str)
    limits = {k: v for k, v in prepared.about["settings"]["balancing"].items() if k in ("lower", "upper", "size")}
    return Task(
        x=prepared.x[train],
        y=prepared.y[train],
        truth=prepared.truth[train],
        datasets=names[train],
        persons=database.person_ids(prepared.table)[train],
        validation=(
            prepared.x[validation],
            prepared.y[validation],
            prepared.truth[validation],
            names[validation],
        ),
        seed=job.seed,
        recipe=recipe,
        limits=limits if job.balanced else None,
    )


def _tuned(task: Task, head, seen: np.ndarray) -> np.ndarray:
    """The threshold of each action unit with the best F1 on the known labels of the validation people; 0.5 in doubt."""
    x, y, *_ = task.validation
    p = head.predict(x)
    scores = np.array([metrics.f1_per_label(y, p, threshold, undefined=0.0) for threshold in _GRID])
    best = _GRID[np.argmax(scores, axis=0)]
    return np.where(seen & (scores.max(axis=0) > 0), best, 0.5).astype(np.float32)


def _scores(
    prepared: Prepared, job: Job, test: np.ndarray, p: np.ndarray, seen: np.ndarray, thresholds: np.ndarray
) -> pd.DataFrame:
    truth, y, names = prepared.truth[test], prepared.y[test], prepared.table["dataset"].to_numpy(dtype=str)[test]
    of_all, whole = _per_au(truth, y, p, thresholds), job.held_out or "all"
    about = [
        {"test": whole, "au": au, "rows": len(test), "positives": int(truth[:, i].sum()), "predicted": int(seen[i])}
        for i, au in enumerate(prepared.aus)
    ]
    rows = [one | found for one, found in zip(about, of_all.to_dict("records"), strict=True)]
    for name in (whole, *sorted(set(names) - {whole})):
        mine = names == name if name != whole else np.full(len(test), True)
        found = of_all if name == whole else _per_au(truth[mine], y[mine], p[mine], thresholds)
        means = {column: _mean(found[column]) for column in _SCORES}
        rows.append(
            {"test": name, "au": "macro", "rows": int(mine.sum()), "positives": int(truth[mine].sum()),
             "predicted": int(seen.sum()), **means}
        )  # fmt: skip
    table = pd.DataFrame(rows)
    for column in ("experiment", "method", "variant", "seed"):
        table[column] = getattr(job, column)
    table["x"], table["balanced"] = np.nan if job.x is None else job.x, int(job.balanced)
    return table[list(COLUMNS)].round(dict.fromkeys(_SCORES, 4))


def _per_au(truth: np.ndarray, y: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "f1_truth": metrics.f1_per_label(truth, p),
            "f1_known": metrics.f1_per_label(y, p),
            "f1_tuned": metrics.f1_per_label(truth, p >= thresholds),
            "always_positive": metrics.always_positive_f1(truth),
            "ap": metrics.average_precision_per_label(truth, p),
            "auc": metrics.roc_auc_per_label(truth, p),
            "accuracy": metrics.accuracy_per_label(truth, p),
        }
    )


def _mean(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")
