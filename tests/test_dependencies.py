"""What depends on which source file: the imports as read agree with the modules that Python really loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import aulib
from aulib import dependencies, notebooks

PACKAGE = Path(aulib.__file__).resolve().parent


def names(paths) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in paths}


@pytest.mark.parametrize("module", ["training", "database", "adapters.unbc", "synth", "evaluation", "profiles"])
def test_every_loaded_module_was_foreseen(module):
    files = "[module.__file__ for name, module in sys.modules.items() if name.startswith('aulib')]"
    code = f"import json, sys, aulib.{module}; print(json.dumps({files}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = names(map(Path, json.loads(done.stdout.splitlines()[-1])))
    package = module.split(".")[0]
    missed = loaded - names(dependencies.of_module(module))
    # A module of a package loads its neighbours through the package's __init__, without using them.
    assert all("." in module and file.startswith(f"{package}/") for file in missed), missed


def test_a_reader_depends_on_its_own_file_and_on_no_other_reader():
    files = names(dependencies.of_module("adapters.unbc"))
    assert {"adapters/unbc.py", "adapters/base.py", "adapters/registry.py", "facs.py"} <= files
    assert not files & {"adapters/bp4d.py", "adapters/ck_plus.py", "database/_build.py"}


def test_a_notebook_depends_on_what_it_names_and_on_makers_only_through_their_products():
    root = notebooks.root() / "notebooks"
    balancing = names(dependencies.of_notebook(root / "03_balancing.py"))
    assert {"balancing/_optimizer.py", "plots/balance.py", "pipeline.py", "profiles.py"} <= balancing
    assert not [file for file in balancing if file.split("/")[0].removesuffix(".py") in dependencies.MAKERS]
    assert "adapters/unbc.py" in names(dependencies.of_notebook(root / "01_database.py"))
    assert names(dependencies.of_notebook(root / "05_training.py")) >= names(dependencies.of_module("losses"))


def test_no_page_depends_on_what_only_starts_the_work():
    for name in notebooks.names():
        files = names(dependencies.of_notebook(notebooks.root() / "notebooks" / f"{name}.py"))
        assert not files & {"cli.py", "book.py", "notebooks.py", "dependencies.py"}


def test_relative_and_lazy_imports_are_seen(tmp_path):
    source = "def f():\n    from ..losses import by_name\n    import aulib.paper as p\n"
    assert dependencies._imported(source, "aulib.plots") == ["aulib.losses", "aulib.paper"]
    assert dependencies._imported(source, "aulib.plots", lazy=False) == []


def test_the_hash_follows_the_files_and_nothing_else(monkeypatch, tmp_path):
    before = dependencies.code_hash("facs")
    assert before == dependencies.code_hash("facs") != dependencies.code_hash("splits")
    changed = tmp_path / "aulib"
    changed.mkdir()
    for name in ("__init__.py", "facs.py", "paper.py"):
        (changed / name).write_bytes((PACKAGE / name).read_bytes())
    monkeypatch.setattr(dependencies, "_PACKAGE", changed)
    assert dependencies.code_hash("facs") == before
    (changed / "paper.py").write_text("# another")
    assert dependencies.code_hash("facs") == before
    (changed / "facs.py").write_text("ALL = ()")
    assert dependencies.code_hash("facs") != before


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="aulib.balancer"):
        dependencies.of_module("balancer")
