"""Promises of benchmarks/balancing.py: it runs, and what it prints keeps the optimizer's promises."""

import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def printed():
    script = ROOT / "benchmarks" / "balancing.py"
    done = subprocess.run([sys.executable, script, "--quick"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines if len(line) == len(lines[0]) and line[0] != "---"]


def test_every_sample_of_the_optimizer_is_within_one_percent_of_its_optimum(printed):
    ours = [row for row in printed if row["over optimum"].endswith("%")]
    assert len(ours) == 8
    assert all(0 <= float(row["over optimum"].rstrip("%")) <= 1 for row in ours)


def test_the_optimizer_is_more_even_than_every_resampler(printed):
    ratios = {row["method"]: float(row["max/min"]) for row in printed if row["method"] not in ("method", "[0.5, 3]")}
    rivals = [ratios[name] for name in ("ML-ROS 25 %", "ML-RUS 25 %", "LP-ROS 25 %", "LP-RUS 25 %", "uniform class")]
    assert ratios["optimizer [1, 3], size 1 to 1.25"] < min(rivals)


def test_the_table_of_many_groups_has_as_many_as_asked_for(printed):
    assert [row["groups"] for row in printed if row["method"].startswith("[0.5")] == ["1,000", "1,000"]
