"""Lay out a copy of the repository's book in which each notebook is the executed one, at the same path."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from aulib import editions, notebooks
from aulib.book import _pages
from aulib.errors import AulibError


def stage(root: Path, profile: str, edition: str) -> Path:
    """Write the staged tree of an edition and return its folder.

    Raises:
        AulibError: a notebook has not been executed under the profile.
    """
    executed = root / "_build" / "executed" / profile
    missing = [name for name in notebooks.names() if not (executed / f"{name}.ipynb").is_file()]
    if missing:
        raise AulibError(
            f"not executed under profile '{profile}': {', '.join(missing)}; run 'aulib run --profile {profile}' first"
        )
    for path in executed.glob("[0-9]*.ipynb"):
        if path.stem not in notebooks.names():
            path.unlink()  # of a chapter that has been renamed or removed since
    staged = root / "_build" / "stage" / profile / edition
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(root / "book", staged / "book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "profiles", staged / "profiles")  # shown on the page on many runs
    _write_config(root, staged, edition)
    (staged / "notebooks").mkdir()
    for name in notebooks.names():
        content = nbformat.read(executed / f"{name}.ipynb", as_version=4)
        quiz = name if (root / "book" / "quizzes" / f"{name}.yml").is_file() else None
        (staged / "notebooks" / f"{name}.ipynb").write_text(json.dumps(page(content, edition, quiz)), "utf-8")
    generated = staged / "book" / "generated"
    _pages.write(executed, generated)
    _draw_graph(root, profile, generated / "graph.svg")
    return staged


def _write_config(root: Path, staged: Path, edition: str) -> None:
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["sphinx"]["config"]["myst_substitutions"] = _pages.substitutions()
    if edition == "instructor":
        config["title"] += " (instructor edition)"
    (staged / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")


def page(content: dict, edition: str, quiz: str | None = None) -> dict:
    """Turn an executed notebook (nbformat 4 as a dictionary) into the page of an edition.

    Args:
        content: the notebook.
        edition: "student" or "instructor".
        quiz: the file of the chapter's questions in ``book/quizzes``, without its ending.
    """
    cells = editions.of(content["cells"], edition)
    for cell in cells:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-input")  # long, and of use to few readers
        for output in cell.get("outputs", []):
            _dress(output.get("data", {}))
    quizzes = [_quiz(quiz)] if quiz else []
    return content | {"cells": [*cells, *quizzes, _footer(content["metadata"]["aulib"])]}


def _dress(data: dict) -> None:
    """Give a table made by pandas' Styler the class of a plain one, so that the theme shows both alike."""
    if "text/html" in data:
        data["text/html"] = "".join(data["text/html"]).replace('<table id="T_', '<table class="dataframe" id="T_')


def _quiz(name: str) -> dict:
    """Return the markdown cell with the questions, which need the book's directive and so stand in the page only."""
    text = f"## Quiz\n\nThe page checks the answers by itself, without Python.\n\n```{{quiz}} {name}\n```"
    return {"cell_type": "markdown", "id": "quiz", "metadata": {}, "source": text}


def _footer(record: dict) -> dict:
    """Return the markdown cell at the end of a page: how it was executed."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    text = (
        f"---\n*Executed with profile* `{record['profile']}`, *seed* {record['seed']}, *on {record['data']} data, "
        f"in {record['seconds']:.0f} s "
        f"({record['finished']}; {record['machine']}; Python {record['python']}; {versions}).*"
    )
    return {"cell_type": "markdown", "id": "executed-with", "metadata": {}, "source": text}


def _draw_graph(root: Path, profile: str, path: Path) -> None:
    """Draw what is made from what, as Snakemake sees it."""
    from aulib.plots import graph

    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "--nolock", "--forceall", "--dag", "dot"]
    command += ["--config", f"profile={profile}", "--", "_build/html/index.html"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AulibError(f"Snakemake could not say what is made from what:\n{done.stderr}")
    graph.graph_figure(graph.edges(done.stdout)).savefig(path, transparent=False, metadata={"Date": None})
