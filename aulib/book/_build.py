"""Let Jupyter Book write the HTML of an edition."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from aulib import notebooks
from aulib.book._stage import stage
from aulib.errors import AulibError, SettingsError

#: Edition -> its folder below ``_build``.
EDITIONS = {"student": "html", "instructor": "html-instructor"}


def folder(edition: str) -> Path:
    """Return the folder of an edition's pages.

    Raises:
        SettingsError: there is no such edition.

    Example:
        >>> folder("student").name
        'html'
    """
    if edition not in EDITIONS:
        raise SettingsError(f"no edition '{edition}'; accepted are {', '.join(EDITIONS)}")
    return notebooks.root() / "_build" / EDITIONS[edition]


def build(profile: str, edition: str = "student") -> Path:
    """Build the HTML of the book from the notebooks executed under a profile.

    Args:
        profile: the name of a profile whose notebooks have been executed.
        edition: "student" (exercises without solutions) or "instructor".

    Returns:
        The first page, ``_build/html/index.html`` or ``_build/html-instructor/index.html``. An earlier book stays in
        place until the new one is complete.

    Raises:
        AulibError: a notebook has not been executed, or Jupyter Book gave a warning or an error.
        SettingsError: there is no such edition.
    """
    target = folder(edition)
    staged = stage(notebooks.root(), profile, edition)
    jupyter_book(staged, "html")
    _replace(staged / "_build" / "html", target)
    return target / "index.html"


def jupyter_book(staged: Path, builder: str) -> None:
    """Run Jupyter Book on a staged tree; every warning is an error.

    Raises:
        AulibError: with all that Jupyter Book said.
    """
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(staged)]
    command += ["--config", str(staged / "_config.yml"), "--toc", str(staged / "book" / "_toc.yml")]
    command += ["--builder", builder, "--warningiserror", "--keep-going", "--nitpick", "--quiet"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False
    )
    if done.returncode:
        raise AulibError(f"Jupyter Book stopped:\n{done.stdout}{done.stderr}")


def _replace(new: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)
