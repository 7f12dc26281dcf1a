"""The command line: one clear sentence for each mistake, never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
from conftest import ROOT, aulib, copy_tree

from aulib import cli


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return copy_tree(tmp_path_factory.mktemp("clone"))


def refused(folder, *arguments, code=1, **options) -> str:
    done = aulib(folder, *arguments, check=False, **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_misspelt_profile_is_named(clone):
    message = refused(clone, "make", "--profile", "tinny")
    assert "no profile 'tinny' (did you mean 'tiny'?)" in message and message.count("\n") == 1


def test_a_typo_inside_a_profile_is_named_with_its_file_before_anything_runs(clone):
    (clone / "profiles" / "mine.yml").write_text("trainig: {epochs: [1, 1]}\n")
    message = refused(clone, "make", "--profile", "mine")
    assert "mine.yml" in message and "did you mean 'training'" in message and message.count("\n") == 1
    assert not list((clone / "_build").glob("executed*")) if (clone / "_build").exists() else True


def test_a_missing_dataset_folder_is_named_before_anything_runs(clone):
    (clone / "profiles" / "real.yml").write_text("datasets: {bp4d: /nowhere/BP4D}\n")
    message = refused(clone, "make", "--profile", "real")
    assert "/nowhere/BP4D" in message and "bp4d" in message and "does not exist" in message and message.count("\n") == 1


def test_an_unwritable_build_folder_is_named(tmp_path):
    folder = copy_tree(tmp_path)
    (folder / "_build").write_text("a file where the folder should be")
    message = refused(folder, "make", "--profile", "tiny")
    assert "cannot write to" in message and "_build" in message and message.count("\n") == 1


def test_no_space_on_the_disk_is_one_sentence(monkeypatch, capsys):
    from aulib import pipeline

    def full(self, step):
        raise OSError(28, "No space left on device", "/data/pixels.npy")

    monkeypatch.setattr(pipeline.Pipeline, "build", full)
    assert cli.main(["build", "store", "--profile", "tiny"]) == 1
    message = capsys.readouterr().err
    assert "no space left" in message and "/data/pixels.npy" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    ("parameter", "word"),
    [("training.epoch=[1,1]", "did you mean 'epochs'"), ("seed", "NAME=VALUE"), ("seed=[1", "cannot be read")],
)
def test_a_misspelt_parameter_is_named(clone, parameter, word):
    assert word in refused(clone, "run", "05_training", "--profile", "tiny", "-p", parameter)


def test_an_unknown_notebook_is_named(clone):
    assert "no notebook '07_more'" in refused(clone, "run", "07_more", "--profile", "tiny")


def test_make_help_lists_the_commands_and_the_profiles():
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for word in ("make book", "make test", "make serve", "make clean", "profile=tiny"):
        assert word in text


def test_a_wrong_python_is_one_sentence(tmp_path):
    old = tmp_path / "python3.8"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.18"\nexit 1\n')
    old.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    done = subprocess.run(["make", "book", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode and "aulib needs Python 3.11, 3.12 or 3.13" in done.stdout and "Python 3.8.18" in done.stdout
    done = subprocess.run(
        ["make", "book", "PYTHON="], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode and "none was found" in done.stdout


def test_synth_says_in_one_line_what_it_made(tmp_path, capsys):
    command = ["synth", str(tmp_path / "c"), "--scale", "0.001", "--size", "32", "--datasets", "unbc", "--workers", "1"]
    assert cli.main(command) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{tmp_path / 'c'}: 23 images of 6 people; 23 rendered in ") and "images/s" in line
    assert line.count("\n") == 1
    assert cli.main(command) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'c'}: 23 images of 6 people; all there\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scale", "0"], "scale is 0.0; it must be above 0"),
        (["--scale", "inf"], "scale is inf"),
        (["--size", "16"], "size is 16; it must be"),
        (["--workers", "0"], "workers is 0"),
        (["--datasets", "bp5d"], "datasets has ['bp5d']; known names are actor_study, aff_wild2, bp4d"),
    ],
)
def test_synth_refuses_what_cannot_be_used_before_it_writes(tmp_path, capsys, options, words):
    assert cli.main(["synth", str(tmp_path / "c"), *options]) == 1
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_synth_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for target, words in (
        (tmp_path / "full", "holds other files"),
        (tmp_path / "full" / "thesis.txt", "is a file; give a folder"),
        (tmp_path / "full" / "thesis.txt" / "corpus", "Not a directory"),
    ):
        assert cli.main(["synth", str(target), "--scale", "0.001", "--size", "32", "--workers", "1"]) == 1
        message = capsys.readouterr().err
        assert words in message and str(target) in message and message.count("\n") == 1
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine" and len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "No space left"), (errno.EACCES, "Permission denied")])
def test_synth_without_room_or_permission_is_one_sentence(tmp_path, capsys, monkeypatch, number, words):
    from aulib.synth import corpus

    def refuse(source, target):
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(corpus.os, "replace", refuse)
    assert cli.main(["synth", str(tmp_path / "c"), "--scale", "0.001", "--size", "32", "--workers", "1"]) == 1
    message = capsys.readouterr().err
    assert words in message and "No half-written file was left" in message and message.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
