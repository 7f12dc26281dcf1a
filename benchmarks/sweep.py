"""A sweep of 40 notebook runs of which three kernels are killed: is every result right, and what costs a change?

    python benchmarks/sweep.py [--runs 40] [--kills 3]
    python benchmarks/sweep.py --book

Runs in a copy of the checkout. After the sweep the killed runs are done again, undisturbed and from nothing, and their
tables must be equal. With --book instead: the times of the whole book after changes of one thing.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parent.parent
TREE = ("aulib", "book", "notebooks", "profiles", "Snakefile", "_config.yml", "pyproject.toml")
SWEEP = """
profile: tiny
notebooks: [06_results]
grid:
  seed: [{seeds}]
  training.loss: [masked_f1, masked_binary_crossentropy]
  balancing.use: [true, false]
  corpus: [{{scale: 0.05, size: 32}}]
  training.image_size: [32]
  training.epochs: [[3, 1]]
  selection.min_occurrences: [5]
resources: {{memory_mb: 2500, minutes: 20}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40, help="a multiple of 4")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--book", action="store_true", help="measure the book instead of a sweep")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sweep-") as place:
        folder = _copy(Path(place) / "a")
        if given.book:
            return _book(folder)
        study = folder / "study.yml"
        study.write_text(SWEEP.format(seeds=", ".join(map(str, range(given.runs // 4)))))
        killer = Killer(given.kills)
        killer.start()
        seconds = _timed(folder, "sweep", "study.yml")
        killer.ended.set()
        results = pd.read_csv(folder / "_build/sweeps/study/results.csv")
        executed = list(folder.glob("_build/sweeps/study/*/06_results.ipynb"))
        broken = [path for path in executed if '"exception": true' in path.read_text("utf-8")]
        print(f"{given.runs} runs with a notebook each: {seconds:.0f} s, {len(killer.runs)} kernels killed")
        print(
            f"runs with results: {results['run'].nunique()}, executed notebooks: {len(executed)}, broken: {len(broken)}"
        )
        other = _copy(Path(place) / "b")
        shutil.copy(study, other)
        for run in killer.runs:
            place_b = _output(other, "build", "results", "--sweep", "study.yml", "--run", run).split()[-1]
            again = pd.read_csv(f"{place_b}/results.csv")["f1"].to_numpy()
            same = (pd.Series(again) - results.loc[results["run"] == run, "f1"].to_numpy()).abs().max()
            print(f"killed run {run[:40]}: largest difference of any F1 to an undisturbed run {same:g}")
        print(f"nothing changed: {_timed(folder, 'sweep', 'study.yml'):.0f} s")


def _book(folder: Path) -> None:
    """Times of the whole book under a small profile, after changes of one thing."""
    changes = {
        "first time": lambda: None,
        "nothing changed": lambda: None,
        "one reader changed (a comment)": lambda: _append(folder / "aulib/adapters/unbc.py", "# a comment\n"),
        "one figure's code changed": lambda: _append(folder / "aulib/plots/balance.py", "# a comment\n"),
        "one value of the profile changed": lambda: _append(folder / "profiles/tiny.yml", "seed: 1\n"),
    }
    for name, change in changes.items():
        change()
        before = {path: path.stat().st_mtime_ns for path in folder.glob("_build/executed/tiny/*.ipynb")}
        seconds = _timed(folder, "make", "--profile", "tiny")
        after = {path: path.stat().st_mtime_ns for path in folder.glob("_build/executed/tiny/*.ipynb")}
        executed = sum(before.get(path) != time_ for path, time_ in after.items())
        print(f"{name}: {seconds:.0f} s, {executed} notebooks executed", flush=True)


class Killer(threading.Thread):
    """Kills kernels at random moments, each of another run."""

    def __init__(self, kills: int):
        super().__init__(daemon=True)
        self.kills, self.runs, self.ended, self.random = kills, [], threading.Event(), random.Random(0)

    def run(self) -> None:
        while len(self.runs) < self.kills and not self.ended.wait(self.random.uniform(3, 15)):
            for process in psutil.process_iter(["cmdline"]):
                line = process.info["cmdline"] or []
                if "ipykernel_launcher" not in line:
                    continue
                name = _run_of(process)
                if name and name not in self.runs:
                    process.kill()
                    self.runs.append(name)
                    break


def _run_of(kernel: psutil.Process) -> str | None:
    """The sweep's run that a kernel works for: its parent is `aulib run NOTEBOOK --sweep FILE --run NAME`."""
    try:
        line = kernel.parent().cmdline()
        return line[line.index("--run") + 1] if "--run" in line else None
    except (psutil.Error, AttributeError):
        return None


def _copy(folder: Path) -> Path:
    folder.mkdir()
    for name in TREE:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    return folder


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text("utf-8") + text, "utf-8")


def _output(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "aulib.cli", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def _timed(folder: Path, *arguments: str) -> float:
    started = time.perf_counter()
    _output(folder, *arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
