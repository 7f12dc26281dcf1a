"""Build the book: stage the executed notebooks beside the prose, then let Jupyter Book write the HTML."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from aulib import notebooks, paper, profiles
from aulib.adapters.manual import datasets_page
from aulib.errors import AulibError


def build(profile: str) -> Path:
    """Build the HTML of the book from the notebooks executed under a profile.

    Args:
        profile: the name of a profile whose notebooks have been executed.

    Returns:
        The first page, ``_build/html/index.html``. An earlier book stays in place until the new one is complete.

    Raises:
        AulibError: a notebook has not been executed, or Jupyter Book gave a warning or an error.
    """
    root = notebooks.root()
    stage = _stage(root, profile)
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(stage),
        "--config",
        str(stage / "_config.yml"),
        "--toc",
        str(stage / "book" / "_toc.yml"),
        "--warningiserror",
        "--keep-going",
        "--nitpick",
        "--quiet",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=False
    )
    if done.returncode:
        raise AulibError(f"Jupyter Book stopped:\n{done.stdout}{done.stderr}")
    target, old = root / "_build" / "html", root / "_build" / ".html-old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(stage / "_build" / "html", target)
    shutil.rmtree(old, ignore_errors=True)
    return target / "index.html"


def _stage(root: Path, profile: str) -> Path:
    """Lay out a copy of the repository's book in which each notebook is the executed one, at the same path."""
    executed = root / "_build" / "executed" / profile
    missing = [name for name in notebooks.names() if not (executed / f"{name}.ipynb").is_file()]
    if missing:
        raise AulibError(
            f"not executed under profile '{profile}': {', '.join(missing)}; run 'aulib run --profile {profile}' first"
        )
    stage = root / "_build" / "stage" / profile
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(root / "book", stage / "book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(root / "profiles", stage / "profiles")  # shown on the page on many runs
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    config["sphinx"]["config"]["myst_substitutions"] = substitutions()
    (stage / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    (stage / "notebooks").mkdir()
    for name in notebooks.names():
        content = json.loads((executed / f"{name}.ipynb").read_text("utf-8"))
        for cell in content["cells"]:
            if "injected-parameters" in cell["metadata"].get("tags", []):
                cell["metadata"]["tags"].append("hide-input")  # long, and of use to few readers
        content["cells"].append(_footer(content["metadata"]["aulib"]))
        (stage / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content), "utf-8")
    generated = stage / "book" / "generated"
    generated.mkdir()
    (generated / "settings.md").write_text(settings_table(), "utf-8")
    (generated / "profiles.md").write_text(profiles_table(), "utf-8")
    (generated / "datasets.md").write_text(datasets_page(), "utf-8")
    _draw_graph(root, profile, generated / "graph.svg")
    return stage


def _draw_graph(root: Path, profile: str, path: Path) -> None:
    """Draw what is made from what, as Snakemake sees it."""
    from aulib.plots import graph

    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "--nolock", "--forceall", "--dag", "dot"]
    command += ["--config", f"profile={profile}", "--", "_build/html/index.html"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AulibError(f"Snakemake could not say what is made from what:\n{done.stderr}")
    graph.graph_figure(graph.edges(done.stdout)).savefig(path, transparent=False, metadata={"Date": None})


def substitutions() -> dict[str, str]:
    """Return the published numbers that the prose chapters name, as ``{{ missing_rate }}``."""
    return {
        "missing_rate": f"{paper.MISSING_RATE:.2%}".replace("%", " %"),
        "macro_f1": f"{paper.MACRO_F1:.2f}",
        "paper_images": f"{paper.TABLE_1['images'].sum():,}",
        "paper_people": f"{paper.TABLE_1['subjects'].sum():,}",
        "min_occurrences": f"{paper.MIN_OCCURRENCES:,}",
        "action_units": str(paper.ACTION_UNITS),
    }


def _footer(record: dict) -> dict:
    """Return the markdown cell at the end of a page: how it was executed."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    text = (
        f"---\n*Executed with profile* `{record['profile']}`, *seed* {record['seed']}, *on {record['data']} data, "
        f"in {record['seconds']:.0f} s "
        f"({record['finished']}; {record['machine']}; Python {record['python']}; {versions}).*"
    )
    return {"cell_type": "markdown", "id": "executed-with", "metadata": {}, "source": text}


def settings_table() -> str:
    """Return the table of the recipe's settings in Markdown: the paper's value, and whether the paper states it."""
    lines = ["| Setting | Profile `paper` | Said by the paper? | Where, or why |", "|---|---|---|---|"]
    for setting in paper.SETTINGS:
        said = {"chosen": "our choice"}.get(setting.source, setting.source)
        reason = ": ".join(filter(None, (_place(setting.where), setting.note)))
        lines.append("| " + " | ".join(map(_escaped, (setting.name, setting.value, said, reason))) + " |")
    return "\n".join(lines) + "\n"


def _place(where: str) -> str:
    """Name a place in the paper (``3.2``) as a section, one in the code as code."""
    if not where:
        return ""
    return f"section {where}" if where[0].isdigit() else f"`{where}`" if where.startswith("aulib") else where


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|")


def profiles_table() -> str:
    """Return the parameters of all profiles side by side in Markdown."""
    loaded = {name: profiles.load(name).model_dump(mode="json") for name in profiles.NAMES}
    lines = ["| Parameter | " + " | ".join(f"`{name}`" for name in loaded) + " |", "|---" * (len(loaded) + 1) + "|"]
    for section, content in loaded["quick"].items():
        if section in ("profile", "datasets", "readers"):
            continue
        fields = content if isinstance(content, dict) else {"": content}
        for field in fields:
            values = [(values[section][field] if field else values[section]) for values in loaded.values()]
            lines.append(f"| `{section}{'.' if field else ''}{field}` | " + " | ".join(map(_cell, values)) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} AUs" if value and str(value[0]).startswith("AU") else ", ".join(map(str, value))
    return (
        {None: "none", True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )
