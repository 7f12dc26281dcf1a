"""The notebooks: their twins, their parameters, their form."""

from __future__ import annotations

import ast
import json
import statistics

import nbformat
import pytest
from conftest import ROOT, aulib, copy_tree

from aulib import notebooks, profiles
from aulib.errors import SettingsError

NAMES = notebooks.names()


def test_the_notebooks_are_there():
    assert NAMES == [
        "00_synthetic_faces",
        "01_database",
        "02_missing_labels",
        "03_balancing",
        "04_metrics_and_loss",
        "05_training",
        "06_results",
        "07_cost_of_missing_labels",
        "08_losses",
        "09_ready_made",
        "10_resampling",
        "11_own_adapter",
        "12_missing_mechanisms",
        "13_own_pictures",
        "14_find_the_bug",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_twin_equals_its_source_and_has_no_outputs(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    assert path.read_text("utf-8") == notebooks.twin(name), "run 'make twins'"
    twin = nbformat.read(path, as_version=4)
    nbformat.validate(twin)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in twin.cells)
    assert twin.metadata.accelerator == "GPU"


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_are_known_and_default_to_the_profile_quick(name):
    declared = notebooks.declared(notebooks.read(name))
    assert {"profile", "seed", "datasets", "corpus"} <= set(declared)
    assert profiles.settings(**declared) == profiles.settings()


@pytest.mark.parametrize("name", NAMES)
def test_code_cells_are_short(name):
    shown = [
        cell
        for cell in notebooks.read(name).cells
        if cell.cell_type == "code" and not {"parameters", "remove-cell"} & set(cell.metadata.get("tags", []))
    ]
    lengths = [len(cell.source.strip().splitlines()) for cell in shown]
    assert max(lengths) <= 16
    assert statistics.median(lengths) <= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_has_its_parts(name):
    text = "\n".join(cell.source for cell in notebooks.read(name).cells if cell.cell_type == "markdown")
    for part in ("```{admonition} What you will learn\n", "**Time needed:** ", "**Needs:** ", "Exercise", "Summary"):
        assert part in text, f"{name} lacks '{part}'"
    long = [line for cell in notebooks.read(name).cells if cell.cell_type == "code"
            for line in cell.source.splitlines() if len(line) > 88]  # fmt: skip
    assert not long, f"{name}: too wide for the page, see book/_static/layout.css: {long}"


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_that_draws_a_figure_has_alt_text(name):
    for cell in notebooks.read(name).cells:
        if cell.cell_type == "code" and draws(cell.source):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 5, f"{name}: no alt text for\n{cell.source}"


def draws(source: str) -> bool:
    """Whether a cell ends by showing what a function of aulib.plots returns."""
    last = ast.parse(source).body[-1:] if source.strip() and "%" not in source.split()[0] else []
    return any("plots." in ast.unparse(node) or "plot_" in ast.unparse(node) for node in last)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("sed: int = 0", "sed"),
        ("seed = 0", "name: type = value"),
    ],
)
def test_a_strange_parameters_cell_is_refused(cell, word):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})])
    with pytest.raises(SettingsError, match=word):
        notebooks.declared(notebook)


def test_a_parameter_that_a_notebook_does_not_know_is_an_error():
    with pytest.raises(SettingsError, match="01_database does not know the parameter training.epochs"):
        notebooks.execute("01_database", profiles.settings(), changed=("training.epochs",))


def test_a_failing_notebook_stops_with_its_traceback_and_keeps_the_failed_copy(tmp_path):
    folder = copy_tree(tmp_path)
    source = folder / "notebooks" / "02_missing_labels.py"
    header, rest = source.read_text().split('# %% tags=["parameters"]', 1)
    source.write_text(
        header + '# %% tags=["parameters"]' + rest.split("# %%", 1)[0] + "\n# %%\nraise ValueError('on purpose')\n"
    )
    done = aulib(folder, "run", "02_missing_labels", "--profile", "tiny", check=False)
    assert done.returncode == 1
    assert "ValueError: on purpose" in done.stderr and "the failed copy is" in done.stderr
    assert "Traceback" in done.stderr.split("aulib:")[1], "the notebook's own traceback is shown"
    failed = json.loads((folder / "_build" / "failed" / "tiny" / "02_missing_labels.ipynb").read_text())
    assert any(output.get("ename") == "ValueError" for cell in failed["cells"] for output in cell.get("outputs", []))
    assert not (folder / "_build" / "executed" / "tiny" / "02_missing_labels.ipynb").exists()
