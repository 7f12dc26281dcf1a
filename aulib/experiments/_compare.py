"""Run whole experiments, with the features that their ablations want, and write tables and record."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from aulib.experiments._data import prepare
from aulib.experiments._head import Recipe
from aulib.experiments._jobs import Job, missing, run
from aulib.experiments._measured import RECORD
from aulib.experiments._plan import EXPERIMENTS, plan
from aulib.pipeline import atomically, writable

if TYPE_CHECKING:
    from aulib.pipeline import Pipeline

#: Variant of the ablation -> weights and pixel scaling of the network that gives the features.
_FEATURES = {
    "features=hed, caffe": ("hed", "caffe"),
    "features=hed, unit": ("hed", "unit"),
    "features=random, caffe": (None, "caffe"),
    "features=random, unit": (None, "unit"),
}


def compare(
    work: Pipeline,
    folder: str | Path,
    experiments: Sequence[str] = EXPERIMENTS,
    seeds: Iterable[int] = range(10),
    methods: Sequence[str] | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Path:
    """Run experiments and write a table for each, ``<experiment>.csv``, and ``record.json``.

    Finished trainings are kept in the folder ``jobs`` and found again, so that a stopped call can be repeated. For each
    experiment the record has its ``seeds``, the number of its ``trainings``, and ``seconds`` with the number of
    trainings that were ``run`` in this time; the others were found.

    Args:
        work: the pipeline.
        folder: where to write.
        experiments: names from :data:`EXPERIMENTS`.
        seeds: one split and training each.
        methods: names of methods; None takes those of each experiment.
        workers: processes.
        progress: show progress bars.

    Raises:
        SettingsError: an unknown experiment or method; found before anything runs.
    """
    seeds = list(seeds)
    jobs = {name: plan(name, seeds, methods) for name in experiments}
    folder, usual = writable(Path(folder)), prepare(work)
    done = {"synthetic": True, "data": usual.about, "recipe": vars(Recipe()), "seeds": seeds, **_machine(), "parts": {}}
    for name, wanted in jobs.items():
        started, tables, trained = time.monotonic(), [], 0
        for features, some in _by_features(wanted):
            prepared = usual if features is None else prepare(work, weights=features[0], pixels=features[1])
            trained += len(missing(prepared, some, folder))
            tables.append(run(prepared, some, folder, workers, progress))
        table = pd.concat(tables, ignore_index=True)
        atomically(folder / f"{name}.csv", lambda path, table=table: table.to_csv(path, index=False))
        about = {"seeds": seeds, "trainings": len(wanted), "run": trained}
        done["parts"][name] = about | {"seconds": round(time.monotonic() - started, 1)}
    _write_record(folder / RECORD, done, workers)
    return folder


def _by_features(jobs: Sequence[Job]) -> list[tuple[tuple | None, list[Job]]]:
    groups: dict[tuple | None, list[Job]] = {}
    for job in jobs:
        groups.setdefault(_FEATURES.get(job.variant), []).append(job)
    return list(groups.items())


def _machine() -> dict:
    versions = {name: metadata.version(name) for name in ("aulib", "keras", "numpy", "scikit-learn", "tensorflow")}
    return {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "versions": versions}


def _write_record(file: Path, done: dict, workers: int) -> None:
    """Write the record. What an earlier call ran stays in it, unless this call has run it with other seeds or anew."""
    before = json.loads(file.read_text("utf-8"))["parts"] if file.is_file() else {}
    found = [name for name, part in done["parts"].items() if not part["run"] and name in before]
    same = {name: before[name] for name in found if before[name].get("seeds") == done["parts"][name]["seeds"]}
    done["parts"] = before | done["parts"] | same
    done["workers"] = workers
    atomically(file, lambda path: Path(path).write_text(json.dumps(done, indent=1) + "\n", "utf-8"))
