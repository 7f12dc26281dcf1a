"""The graph of the book on data of one's own: changed annotations are read again, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import copy_tree

from aulib import cli, pipeline, profiles, sweeps, synth
from aulib.errors import SettingsError

MARK = "_build/done/own/database"


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    return synth.make_corpus(tmp_path_factory.mktemp("own"), scale=0.02, size=32, datasets=["ck_plus", "unbc"])


@pytest.fixture(scope="module")
def clone(tmp_path_factory, trees):
    folder = copy_tree(tmp_path_factory.mktemp("clone"))
    (folder / "profiles" / "own.yml").write_text(f"datasets: {{ck_plus: {trees}/ck_plus, unbc: {trees}/unbc}}\n")
    return folder


def one_label(trees):
    """A file with the intensity of one action unit in every line."""
    return sorted(path for path in (trees / "unbc").rglob("*_facs.txt") if path.read_text().strip())[0]


def planned(clone):
    """Snakemake's words on the database of the profile, as `aulib make` would start it."""
    code = (
        "import sys; from pathlib import Path; from aulib import cli, workflow; run = workflow.run; "
        f"workflow.run = lambda root, targets, *rest: targets == ['products'] and run(root, ['{MARK}'], *rest); "
        "sys.exit(cli.main(['make', '--profile', 'own']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_a_changed_annotation_is_read_again(clone, trees):
    planned(clone)
    before = (clone / MARK).read_text()
    assert "Nothing to be done" in planned(clone)
    file = one_label(trees)
    file.write_text("\n".join(file.read_text().splitlines()[1:]))
    assert "Execute 1 jobs" in planned(clone)
    assert (clone / MARK).read_text() != before
    assert "Nothing to be done" in planned(clone)


def test_sweeps_hear_of_changed_annotations_too(trees, tmp_path, monkeypatch):
    heard = []
    monkeypatch.setattr(cli.workflow, "run", lambda root, targets, cores, config, options: heard.append(config) or 1)
    sweep = tmp_path / "test_sweeps_hear.yml"
    sweep.write_text(f"grid: {{seed: [0, 1], datasets: [{{unbc: {trees}/unbc}}]}}")
    monkeypatch.setattr(cli.notebooks, "root", lambda: tmp_path)
    for content in ("1 2 3 4\n", "1 3 3 4\n"):
        one_label(trees).write_text(content)
        assert cli.main(["sweep", str(sweep)]) == 1  # no run has its results
    assert heard[0]["data"] != heard[1]["data"] and all(one["data"].startswith("d") for one in heard)
    assert heard[0] | {"data": ""} == heard[1] | {"data": ""}


def test_synthetic_data_have_no_fingerprint():
    assert pipeline.data_fingerprint(profiles.load("tiny")) == ""


def test_datasets_of_ones_own_keep_their_fingerprint_wherever_products_lie(trees):
    work = pipeline.Pipeline(profiles.settings(datasets={"unbc": str(trees / "unbc")}), trees, progress=False)
    before = work._database_file
    one_label(trees).write_text("1 2 3 4\n4 2 3 4\n")
    assert pipeline.Pipeline(work.settings, trees, progress=False)._database_file != before


def test_a_sweep_whose_name_cannot_name_a_folder_is_refused(tmp_path):
    (tmp_path / "my study.yml").write_text("grid: {seed: [0]}")
    with pytest.raises(SettingsError, match="my study.yml.*letters, digits"):
        sweeps.load(tmp_path / "my study.yml")
