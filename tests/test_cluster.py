"""The same graph on clusters: a real Slurm on this machine, and any system that takes a script to submit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
import slurm
from conftest import SMALL_SWEEP, assert_as_if_alone, aulib, copy_tree

SMALL = SMALL_SWEEP + "resources: {memory_mb: 2500, minutes: 20, retries: 2}\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = copy_tree(tmp_path_factory.mktemp("clone"))
    (folder / "study.yml").write_text(SMALL)
    return folder


@pytest.fixture
def cluster(tmp_path):
    missing = slurm.what_is_missing()
    if missing and os.environ.get("AULIB_REQUIRE_SLURM"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with slurm.running(tmp_path, cores=2, memory_mb=8000):
        yield


def test_a_sweep_on_slurm_finishes_right_although_a_job_is_killed(clone, cluster):
    killed, ended = [], threading.Event()

    def kill_one() -> None:
        """Kill the first job of a run that has begun."""
        while not killed and not ended.wait(0.5):
            begun = [number for number, state, what in slurm.jobs() if state == "RUNNING" and "sweep_result" in what]
            if begun:
                time.sleep(4)
                subprocess.run(["scancel", "--signal=KILL", "--full", begun[0]], check=True)
                killed.append(begun[0])

    killer = threading.Thread(target=kill_one)
    killer.start()
    # A status every two seconds instead of the usual forty, since these jobs take seconds.
    options = ("--workflow-profile", "profiles/cluster/slurm", "--slurm-init-seconds-before-status-checks", "2")
    done = aulib(clone, "sweep", "study.yml", "--", *options, "--seconds-between-status-checks", "2", check=False)
    ended.set()
    killer.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert killed and done.stderr.count("Trying to restart job") == 1, done.stderr
    assert slurm.jobs() == []
    assert_as_if_alone(clone, "study")
    again = aulib(clone, "sweep", "study.yml", "--", *options)
    assert "Execute" not in again.stderr


def test_any_system_that_takes_a_script_can_run_the_jobs(clone):
    """Submit with a command of one's own, as for SGE, PBS or LSF; here it starts the script and says its number."""
    submit = clone / "submit.sh"
    submit.write_text('#!/bin/sh\nfor script; do :; done\nsh "$script" >> jobs.log 2>&1 &\necho $!\n')
    submit.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from aulib import sweeps, workflow; s = sweeps.load('study.yml'); "
        "target = f\"_build/sweeps/study/products/database-{s.runs[0].key('database')}\"; "
        "options = ['--executor', 'cluster-generic', '--cluster-generic-submit-cmd', './submit.sh', '--jobs', '2', "
        "'--seconds-between-status-checks', '1', '--forceall']; "
        "sys.exit(workflow.run(Path.cwd(), [target], 2, {'sweep': 'study.yml'}, options))"
    )
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "jobs.log").read_text().count("database.parquet") == 1
