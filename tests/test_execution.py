"""Executing notebooks when something goes wrong: dead kernels, endless cells, errors. The notebooks are made here."""

from __future__ import annotations

import json
import time

import nbformat
import pytest

from aulib import notebooks, profiles

PARAMETERS = nbformat.v4.new_code_cell("profile: str = 'quick'\nseed: int = 0", metadata={"tags": ["parameters"]})


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Execute a notebook with the given last cell in a folder of its own."""

    def run(source: str, **options):
        cells = [PARAMETERS, nbformat.v4.new_code_cell("before = seed + 1"), nbformat.v4.new_code_cell(source)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        monkeypatch.setattr(notebooks, "read", lambda name: nbformat.v4.new_notebook(cells=cells, metadata=kernel))
        settings = profiles.settings(profile="made_here", seed=41)
        return notebooks.execute("made", settings, folder=tmp_path / "run", **options)

    return run


def test_a_kernel_that_is_killed_is_started_again(execute, tmp_path, capsys):
    once = "import os, pathlib, signal\nmark = pathlib.Path({!r})\nfirst = not mark.exists()\nmark.touch()\n"
    source = once.format(str(tmp_path / "mark")) + "if first:\n    os.kill(os.getpid(), signal.SIGKILL)\nbefore"
    executed = json.loads(execute(source).read_text("utf-8"))
    assert executed["cells"][-1]["outputs"][0]["data"]["text/plain"] == ["42"]
    assert capsys.readouterr().err.count("trying again (2 of 3)") == 1
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["made.ipynb"]


def test_a_kernel_that_dies_each_time_is_given_up_in_words(execute, tmp_path, capsys):
    with pytest.raises(notebooks.KernelDiedError, match="notebook made: the kernel died.*memory"):
        execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert capsys.readouterr().err.count("trying again") == notebooks.TRIES - 1
    assert not (tmp_path / "run" / "made.ipynb").exists()


def test_a_cell_that_takes_too_long_is_ended_and_not_tried_again(execute, tmp_path, capsys):
    started = time.monotonic()
    with pytest.raises(notebooks.NotebookFailedError, match="longer than 0.05 minutes"):
        execute("import time; time.sleep(600)", minutes=0.05)
    assert time.monotonic() - started < 60 and "trying again" not in capsys.readouterr().err


def test_the_copy_of_a_failed_notebook_is_kept_with_the_error_on_top(execute, tmp_path):
    with pytest.raises(notebooks.NotebookFailedError, match="cell.*ZeroDivisionError"):
        execute("before / 0")
    kept = json.loads((tmp_path / "run" / "failed" / "made.ipynb").read_text("utf-8"))
    assert "An Exception was encountered" in "".join(kept["cells"][0]["source"])
    assert not (tmp_path / "run" / "made.ipynb").exists()
    execute("before")
    assert not (tmp_path / "run" / "failed").exists()


def test_kernels_use_no_more_threads_than_the_job_was_given(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert notebooks.environment()["TF_NUM_INTRAOP_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert "TF_NUM_INTRAOP_THREADS" not in notebooks.environment()
