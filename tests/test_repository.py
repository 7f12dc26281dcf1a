"""What the repository promises about itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return (
        done.stdout.split("\n")[:-1]
        if done.returncode == 0
        else [str(p.relative_to(ROOT)) for p in (ROOT / "aulib").rglob("*") if p.is_file()]
    )


@pytest.mark.parametrize(
    "name",
    [
        "book",
        "notebooks",
        "aulib",
        "tests",
        "environment.yml",
        "_config.yml",
        "README.md",
        "requirements.lock",
        "LICENSE",
        "LICENSE-TEXT",
        "CITATION.cff",
        "CHANGELOG.md",
        "Snakefile",
        "Makefile",
    ],
)
def test_the_top_level_is_complete(name):
    assert (ROOT / name).exists()


def test_no_committed_file_is_larger_than_four_megabytes():
    assert not [name for name in tracked() if (ROOT / name).is_file() and (ROOT / name).stat().st_size > 4 * 2**20]


def requirements(lines: list[str]) -> set[str]:
    return {
        re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-")
        for line in lines
        if line and not line.startswith(("#", " "))
    }


def test_every_dependency_is_pinned_in_the_lock_and_bounded_below_and_above():
    files = ("requirements.lock", "requirements-backends.lock")
    locked = requirements([line for file in files for line in (ROOT / file).read_text().splitlines()])
    listed = [
        *PROJECT["project"]["dependencies"],
        *(r for extra in PROJECT["project"]["optional-dependencies"].values() for r in extra),
    ]
    for requirement in listed:
        if requirement.startswith("aulib["):
            continue
        assert requirements([requirement]) <= locked, requirement
        assert "==" in requirement or (">=" in requirement and "<" in requirement), requirement


def test_the_lock_pins_one_version_for_every_supported_python():
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert line.startswith((" ", "#")) or "==" in line, line


def test_the_conda_environment_takes_its_versions_from_the_lock_and_names_the_main_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip[0] == "--constraint requirements.lock"
    assert {"jupyter-book", "jupytext", "papermill", "keras", "tensorflow", "pandas", "seaborn", "ipywidgets"} <= set(
        pip
    )
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert python.removeprefix("python=") in ("3.11", "3.12", "3.13")


def test_version_and_address_agree_everywhere():
    import aulib

    version, address = PROJECT["project"]["version"], PROJECT["project"]["urls"]["Repository"]
    assert aulib.__version__ == version
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"] == address
    for notebook in (ROOT / "notebooks").glob("*.py"):
        assert address in notebook.read_text(), notebook


def test_the_package_imports_no_deep_learning_backend_and_no_renderer():
    code = (
        "import sys, aulib, aulib.adapters, aulib.database, aulib.splits, aulib.checks, aulib.missingness; "
        "import aulib.balancing, aulib.metrics, aulib.paper, aulib.evaluation, aulib.profiles, aulib.pipeline; "
        "import aulib.synth, aulib.images; "
        "heavy = ('keras', 'tensorflow', 'torch', 'jax', 'embreex', 'matplotlib'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
