"""Colab, Binder and the public repository's workflows: what can be said about them without the services."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

sys.path.insert(0, str(ROOT / "scripts"))
import hosted  # noqa: E402

#: What a notebook needs beside the package's core.
EXTRAS = ("synth", "train", "plots", "faces")
#: Optional in the notebooks: without the detector only chapter 13 asks for it.
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def required() -> dict[str, Requirement]:
    """Everything the notebooks import, from pyproject.toml: the core and the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = [*project["dependencies"], *(text for name in EXTRAS for text in project["optional-dependencies"][name])]
    found = [Requirement(text) for text in texts if not text.startswith("aulib")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def lock() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)}


def test_the_set_up_cell_adds_all_that_colab_lacks():
    there = {canonicalize_name(name) for name in (*hosted.COLAB, *hosted.missing_in_colab())}
    assert set(required()) <= there


def test_colabs_versions_are_within_the_packages_bounds():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints-colab.txt").read_text("utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    )
    needed = required()
    assert {"tensorflow", "keras", "numpy", "pandas", "seaborn", "ipywidgets"} <= set(pins)
    for name, version in pins.items():
        if name in needed:
            assert version in needed[name].specifier, (name, version)


def test_binder_gets_all_that_the_notebooks_import_and_in_the_pinned_versions():
    given = {canonicalize_name(re.split(r"[=<>]", text)[0]): text for text in hosted.binder_packages()}
    build = (ROOT / ".binder" / "postBuild").read_text("utf-8")
    for name in required():
        there = name in given or (name == "tensorflow" and "tensorflow-cpu" in given) or f"{name}==" in build
        assert there, name
    assert given["tensorflow-cpu"] == f"tensorflow-cpu=={lock()['tensorflow']}"
    assert "--constraint ../requirements.lock" in (ROOT / ".binder" / "environment.yml").read_text("utf-8")


def test_binder_starts_what_it_is_given_under_the_profile_tiny():
    start = ROOT / ".binder" / "start"
    done = subprocess.run(
        [start, "sh", "-c", "echo $AULIB_PROFILE $0", "x"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "tiny x\n" and (ROOT / ".binder" / "postBuild").stat().st_mode & 0o111


def test_the_image_for_kubernetes_is_made_from_files_that_exist_and_a_python_that_is_supported():
    text = (ROOT / "profiles" / "cluster" / "kubernetes" / "Dockerfile").read_text("utf-8")
    copied = [name for line in re.findall(r"^COPY (.+)$", text, re.M) for name in line.split()[:-1]]
    assert copied and all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(re.search(r"python:(3\.\d+)", text).group(1))
    assert re.search(r"^ARG PLUGINS=(\S+)$", text, re.M).group(1) in lock()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_fit_the_published_schema_and_name_targets_that_exist(path):
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    subprocess.run([*check, path], check=True, capture_output=True)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    for target in re.findall(r"make ((?:[a-z-]+ ?)+)", " ; ".join(commands)):
        assert all(re.search(rf"^{name}:", makefile, re.M) for name in target.split()), target


def test_the_schema_refuses_a_broken_workflow(tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text("utf-8").replace("runs-on:", "runs_on:"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", broken]
    assert subprocess.run(check, capture_output=True, check=False).returncode


def test_address_and_tag_of_the_repository_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    address, tag = project["urls"]["Repository"], f"v{project['version']}"
    assert metadata.version("aulib") == project["version"]
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.py")):
        assert f'"aulib @ git+{address}@{tag}"' in path.read_text("utf-8"), path.name
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert config["repository"]["url"] == address
    strangers = re.compile(r"https://github\.com/aulib/[\w-]+")
    for path in (ROOT / "README.md", ROOT / "CITATION.cff", *(ROOT / "book").glob("*.md")):
        assert set(strangers.findall(path.read_text("utf-8"))) <= {address}, path.name
