"""The benchmark of the meta-database, at a hundredth of the paper's size."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from aulib import adapters, paper

SCRIPT = ROOT / "benchmarks" / "database.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_database", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_prints_the_speed_of_every_dataset_and_keeps_the_budget(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--share", "0.01"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("actor_study", "aff_wild2", "bp4d", "ck_plus", "emotionet", "unbc"):
        assert f"| read {name} |" in done.stdout
    assert "| **build all six** | 7,476 |" in done.stdout and "Budget of 60 s and 3 GiB: kept." in done.stdout
    assert not list(tmp_path.iterdir())  # the trees are gone


def test_at_full_size_it_has_the_rows_and_people_of_the_paper(benchmark):
    sizes = {name: benchmark.shares(name, 1.0) for name in benchmark.WRITERS}
    assert sum(rows for rows, _ in sizes.values()) == paper.TABLE_1["images"].sum() == 747_585
    assert {name: people for name, (_, people) in sizes.items()} == paper.TABLE_1["subjects"].to_dict()


def test_the_readers_find_no_fault_in_its_trees(benchmark, tmp_path):
    for name, root in benchmark.write_trees(tmp_path, 0.002).items():
        table = adapters.read(name, root, missing_images="keep")
        assert table.attrs["problems"] == [] and len(table) == benchmark.shares(name, 0.002)[0]
