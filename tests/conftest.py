"""Fixtures shared by the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

ROOT = Path(__file__).resolve().parent.parent
#: What a clone holds and a build needs.
TREE = ("aulib", "book", "notebooks", "profiles", "Snakefile", "_config.yml", "pyproject.toml")


def copy_tree(folder: Path) -> Path:
    """Copy what a build needs, as a clone would hold it, so that a test never touches the reader's own _build."""
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(source, folder / name)
    return folder


def aulib(folder: Path, *arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Run the command line of the copy of aulib that lies in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), **options.pop("env", {})}
    environment.pop("AULIB_WORK", None)
    done = subprocess.run(
        [sys.executable, "-m", "aulib.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        **options,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


#: A sweep of two runs that takes about a minute; `resources:` follows.
SMALL_SWEEP = """
profile: tiny
grid:
  seed: [0, 1]
  corpus: [{scale: 0.02, size: 32}]
  training.image_size: [32]
  training.epochs: [[2, 1]]
  selection.min_occurrences: [5]
"""


def assert_as_if_alone(folder: Path, sweep: str) -> None:
    """Both runs of a sweep have the results of the same run in this process, from its own products."""
    here = pd.read_csv(folder / "_build" / "sweeps" / sweep / "results.csv")
    assert here["run"].nunique() == 2
    for run, rows in here.groupby("run"):
        alone = aulib(folder, "build", "results", "--sweep", f"{sweep}.yml", "--run", run).stdout.split()[-1]
        expected = pd.read_csv(f"{alone}/results.csv")
        assert rows["f1"].to_numpy() == pytest.approx(expected["f1"].to_numpy(), nan_ok=True)


#: Put into a copy of the repository: every Python process started there can reach this machine only.
NO_NETWORK = """
import socket

def _local(address):
    return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")

def _guard(name, plain):
    def guarded(self, address, *rest):
        if not _local(address):
            with open({log!r}, "a") as log:
                log.write(f"{{address}}\\n")
            raise OSError(101, "Network is unreachable (blocked by the test)")
        return plain(self, address, *rest)
    return guarded

for _name in ("connect", "connect_ex"):
    setattr(socket.socket, _name, _guard(_name, getattr(socket.socket, _name)))
_getaddrinfo = socket.getaddrinfo

def _resolve(host, *rest, **more):
    if not _local((host if isinstance(host, str) else (host or b"").decode(),)):
        with open({log!r}, "a") as log:
            log.write(f"{{host}}\\n")
        raise socket.gaierror(-3, "Name resolution is blocked by the test")
    return _getaddrinfo(host, *rest, **more)

socket.getaddrinfo = _resolve
"""


@pytest.fixture(scope="session")
def tiny_book(tmp_path_factory) -> Path:
    """A copy of the repository, its whole book built once under the profile tiny with no way to the network."""
    folder = copy_tree(tmp_path_factory.mktemp("clone"))
    (folder / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(folder / "network.log")))
    aulib(folder, "make", "--profile", "tiny")
    return folder


@pytest.fixture(scope="session")
def html(tiny_book) -> Path:
    """The folder of the student edition's pages."""
    return tiny_book / "_build" / "html"


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. One for each file of tests: Playwright allows one at a time in a process."""
    from browsing import CHROMIUM, OPTIONS
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "these tests need Chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chrome
        chrome.close()
