"""Pages made from the package: the API reference, the action units, the provenance, the model card, the glossary."""

from __future__ import annotations

import ast
import csv
import importlib
import inspect
import json
import re
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aulib import facs, metrics, notebooks, profiles
from aulib.adapters.registry import DATASETS
from aulib.book import _api, _au_reference, _faces, _pages, _provenance, _source, _stage
from aulib.errors import AulibError, SettingsError

BOOK = notebooks.root() / "book"

#: The names that the design promises to keep (its section on public names).
STABLE = """
adapters.names adapters.read database.build database.validate database.save database.load database.select
database.labels splits.by_subject missingness.label_counts missingness.missing_rate balancing.balance
balancing.imbalance metrics.f1_per_label metrics.f1_macro metrics.f1_weighted metrics.accuracy_macro
metrics.selection_score metrics.MaskedF1Score metrics.MaskedAccuracy metrics.SelectionScore losses.masked_f1
losses.masked_binary_crossentropy losses.MaskedF1Loss losses.MaskedBinaryCrossentropy model.vgg16
training.train_two_stage evaluation.results_table
""".split()
#: Modules that import no Keras backend, so that a test can look at the real objects.
LIGHT = [
    "facs",
    "adapters",
    "adapters.base",
    "adapters.registry",
    "database",
    "splits",
    "missingness",
    "balancing",
    "evaluation",
    "checks",
    "sweeps",
    "profiles",
    "synth",
]


@pytest.fixture(scope="module")
def reference():
    return {file: make() for file, make in _api.pages().items()}


# The API reference


@pytest.mark.parametrize("name", STABLE)
def test_every_stable_name_is_in_the_reference(name, reference):
    assert f"aulib.{name}" in _api.known()
    kind, last = _api.known()[f"aulib.{name}"], name.rpartition(".")[2]
    assert any(f".. py:{kind}:: {last}(" in text for text in reference.values())


def test_every_module_is_on_one_page_or_has_a_reason_to_be_left_out():
    on_pages = [name for page in _api.GROUPS for name in _api.listed(page)]
    assert len(on_pages) == len(set(on_pages))
    left = [name for name in _source.modules() if name not in on_pages and not _api._internal(name)]
    assert [name for name in left if _source.module(name).entries] == []
    assert set(_api.INTERNAL) <= set(_source.modules()), "a reason is given for a module that does not exist"


def test_every_name_says_what_it_is():
    modules = [_source.module(name) for page in _api.GROUPS for name in _api.listed(page)]
    assert [f"{one.name}.{entry.name}" for one in modules for entry in one.entries if not entry.doc.strip()] == []


def test_nothing_private_is_shown(reference):
    for text in reference.values():
        assert re.findall(r"\.\. py:\w+:: (?:\w+\.)*_\w+", text) == []


def _shown(signature):
    """The positional and the keyword-only names of a signature in the reference."""
    arguments = ast.parse(f"def made{signature or '()'}: ...").body[0].args
    return [one.arg for one in arguments.args], [one.arg for one in arguments.kwonlyargs]


def _true(seen):
    found = [one for one in inspect.signature(seen).parameters.values() if not one.name.startswith("_")]
    by_name = [one.name for one in found if one.kind is one.KEYWORD_ONLY]
    return [one.name for one in found if one.name not in by_name], by_name


@pytest.mark.parametrize("name", LIGHT)
def test_names_docstrings_and_arguments_are_those_that_python_sees(name):
    module = importlib.import_module(f"aulib.{name}")
    for entry in _source.module(name).entries:
        seen = getattr(module, entry.name)
        if entry.kind == "function":
            assert entry.doc == inspect.getdoc(seen)
            told = re.findall(
                r"(?:^|, )\**(\w+)", re.sub(r"=(\([^()]*\)|\[[^]]*\]|'[^']*'|[^,]*)", "", entry.signature[1:-1])
            )
            assert told == list(inspect.signature(seen).parameters), entry.name
        elif entry.kind == "class":
            assert entry.doc == inspect.getdoc(seen)
            assert all(hasattr(seen, member.name) for member in entry.members)
            if is_dataclass(seen):
                assert _shown(entry.signature) == _true(seen), entry.name


@pytest.mark.parametrize("name", ["database", "missingness", "balancing", "checks", "metrics"])
def test_all_that_a_package_exports_is_listed_unless_another_module_defines_it(name):
    listed, package = {entry.name for entry in _source.module(name).entries}, importlib.import_module(f"aulib.{name}")
    for exported in package.__all__:
        home = getattr(vars(package).get(exported), "__module__", package.__name__)  # classes for Keras load later
        assert exported in listed or not home.startswith(package.__name__), exported


def test_the_reference_is_made_without_importing_a_backend():
    code = (
        "import sys; from aulib.book import _api; [make() for make in _api.pages().values()]; "
        "print([name for name in ('tensorflow', 'keras', 'jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


DOCUMENTED = '''
def pick(rows, aus=("AU01",), *, seed: int = 0, **others) -> "np.ndarray":
    """Pick rows by `aus`; see :func:`aulib.splits.by_subject` and :func:`nowhere`.

    Args:
        rows: positions,
            ascending.
        **others: passed on.

    Returns:
        Positions.

    Raises:
        SettingsError: a name is not known.

    Example:
        >>> pick([1])
        [1]
    """
'''


def test_a_docstring_becomes_what_was_written_by_hand(tmp_path):
    path = tmp_path / "made.py"
    path.write_text(DOCUMENTED)
    assert (
        _api._entry(_source._Source(path).entry("pick"), "aulib.made")
        == """\
.. py:function:: pick(rows, aus=('AU01',), *, seed=0, **others)

   Pick rows by ``aus``; see :py:func:`by_subject <aulib.splits.by_subject>` and ``nowhere``.

   :Arguments:
      * ``rows``: positions, ascending.
      * ``**others``: passed on.
      * ``seed`` (``int``)
   :Returns:
      ``'np.ndarray'``. Positions.
   :Raises:
      * :py:class:`SettingsError <aulib.errors.SettingsError>`: a name is not known.

   .. rubric:: Example

   >>> pick([1])
   [1]"""
    )


def test_settings_are_listed_with_their_defaults_and_descriptions():
    entry = next(entry for entry in _source.module("profiles").entries if entry.name == "Balancing")
    told = dict(re.findall(r"(\w+)=(\([^)]*\)|[^,()]+)", entry.signature))
    for name, declared in profiles.Balancing.model_fields.items():
        assert told[name] == repr(declared.default)
        assert entry.meanings.get(name) == declared.description
    assert "* ``lower`` (``float``): a unique class group keeps" in _api._entry(entry, "aulib.profiles")


def test_a_styled_table_gets_the_class_of_a_plain_one():
    plain = pd.DataFrame({"a": [1]})
    data = {"text/html": plain.style.to_html(), "text/plain": "a"}
    _stage._dress(data)
    assert re.search(r'<table class="dataframe" id="T_', data["text/html"]) and data["text/plain"] == "a"
    untouched = {"text/html": plain.to_html()}
    _stage._dress(untouched)
    assert untouched["text/html"] == plain.to_html()


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match=r"no module aulib\.nowhere"):
        _source.module("nowhere")


# The action units


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book") / "faces"
    _faces.draw(folder)
    return folder


def test_every_action_unit_has_a_section_a_label_and_a_row():
    gallery, overview = _au_reference.gallery(), _au_reference.overview()
    for unit in facs.CATALOGUE.values():
        assert f"(au-{unit.number:02d})=\n### {unit.code}, {unit.name.lower()}\n" in gallery
        assert overview.count(f"<au-{unit.number:02d}>`") == 1
    assert list(_au_reference.LOOK_FOR) == list(facs.ALL)


def test_coders_of_an_action_unit_are_those_of_the_registry():
    sections = dict(re.findall(r"### (AU\d\d),.*?\* Coded by: (.*?)\n", _au_reference.gallery(), re.DOTALL))
    for facts in DATASETS.values():
        coded = {au for aus in facts.coded.values() for au in aus}
        if coded and coded != set(facs.ALL):
            named = {
                au for au, text in sections.items() if re.search(re.escape(facts.title) + r"(,|\.| \(| with)", text)
            }
            assert named == coded, facts.title


def test_recognition_is_what_the_stored_measurement_says():
    path = Path(_au_reference.__file__).parents[1] / "synth" / "data" / "recognition.csv"
    gallery = _au_reference.gallery()
    for row in csv.DictReader(path.open()):
        section = gallery.split(f"### {row['au']},")[1].split("###")[0]
        said = f"{row['tuned_all_verdict']} (area under the ROC curve {float(row['tuned_all_auc']):.2f}, "
        assert f"On rendered faces: {said}" in section
    assert "Synthetic data" in gallery


def test_pictures_of_the_pages_exist_are_described_and_weigh_little(pictures):
    text = _au_reference.gallery() + (BOOK / "facs.md").read_text("utf-8")
    used = set(re.findall(r"generated/faces/(\S+?\.webp)", text))
    assert used == {path.name for path in pictures.iterdir()}
    assert all(len(alt) > 20 for alt in re.findall(r"!\[(.*?)\]", text))
    figures = re.findall(r"```\{figure\}.*?```", text, re.DOTALL)
    assert len(figures) == len(_faces.SHEETS) and all(re.search(r"^:alt: .{40,}", one, re.MULTILINE) for one in figures)
    assert sum(path.stat().st_size for path in pictures.iterdir()) < 400_000


def test_each_reference_picture_differs_from_the_neutral_face(pictures):
    def pixels(name):
        return np.asarray(Image.open(pictures / name).convert("RGB"), float)

    for unit in facs.CATALOGUE.values():
        if unit.renderable:
            weak, strong = (abs(pixels(_faces.picture(unit.code, at)) - pixels("neutral.webp")).mean() for at in (3, 5))
            assert strong > 0.3, unit.code
            assert strong >= 0.95 * weak, unit.code


def test_the_chapter_on_facs_names_exactly_the_units_that_cannot_be_rendered():
    text = (BOOK / "facs.md").read_text("utf-8")
    sentence = re.search(r"Four of the 45 units cannot be shown at all: (.*?)\. ", text)[1]
    assert re.findall(r"AU\d\d", sentence) == [unit.code for unit in facs.CATALOGUE.values() if not unit.renderable]


def test_the_agreement_index_of_the_example_is_the_f1_of_one_coder_against_the_other():
    one, other = {"AU01", "AU02", "AU05", "AU25", "AU26"}, {"AU01", "AU02", "AU12", "AU25"}
    y, p = (np.array([[float(au in coder) for au in facs.ALL]]) for coder in (one, other))
    assert (
        metrics.f1_micro(y, p) == pytest.approx(2 * len(one & other) / (len(one) + len(other))) == pytest.approx(6 / 9)
    )
    assert "F_1 = \\frac{2\\,\\mathrm{TP}}" in (BOOK / "facs.md").read_text("utf-8")


# Provenance and model card


def cell(kind, source, *tags, outputs=()):
    code = {"outputs": [{"data": data} for data in outputs], "execution_count": 1} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": source, **code}


CELLS = [
    cell("code", "import hidden\nhidden.set_up()", "remove-cell"),
    cell("code", "seed = 0", "injected-parameters"),
    cell("markdown", "# Three words here"),
    cell("code", "a = 1\n\nplot(a)", outputs=[{"image/png": "…"}, {"text/html": '<div class="aulib-explorer">'}]),
    cell("markdown", "### Exercise 4.1 (easy)\nFind it.", "exercise"),
    cell("code", "answer = 42", "solution"),
    cell("markdown", "A long explanation that students never see.", "solution"),
    cell("code", 'exercises.check("4.1", answer)', "check", outputs=[{"image/svg+xml": "…"}]),
]


def write(folder, name, cells, **changed):
    record = {"profile": "tiny", "seed": 3, "seconds": 61.4, "python": "3.11", "machine": "one", "data": "synthetic"}
    record |= {"versions": {"keras": "3"}, "finished": "2026-01-01 10:00 UTC"} | changed
    (folder / f"{name}.ipynb").write_text(json.dumps({"metadata": {"aulib": record}, "cells": cells}))


def test_contents_are_counted_as_the_student_sees_them():
    found = _provenance.counted(CELLS)
    # 3 words of the title, 2 of the heading ("Exercise", "easy"), 2 of the task; 2 lines, the stub and the check.
    assert found == _provenance.Content(words=7, lines=4, figures=1, exercises=1, explorers=1)
    assert _provenance.Content(2000, 100, 0, 0, 0).minutes == 20


def test_provenance_lists_every_notebook_and_the_sum(tmp_path):
    write(tmp_path, "01_one", CELLS)
    write(tmp_path, "02_two", CELLS, seconds=10, data="real")
    lines = _provenance.made(tmp_path).splitlines()
    assert lines[2] == "| {doc}`../notebooks/01_one` | `tiny` | 3 | synthetic | 61 s | 2026-01-01 10:00 UTC |"
    assert "| real | 10 s |" in lines[3] and "| 71 s |" in lines[4]
    assert _provenance.content(tmp_path).splitlines()[4] == "| **all** | 1 min | 14 | 8 | 2 | 2 | 2 |"


def test_environments_are_told_apart_only_where_they_differ(tmp_path):
    write(tmp_path, "01_one", CELLS)
    write(tmp_path, "02_two", CELLS)
    assert _provenance.environments(tmp_path) == "* Machine: one\n* Python: 3.11\n* keras: 3\n"
    write(tmp_path, "03_three", CELLS, versions={"keras": "4"})
    text = _provenance.environments(tmp_path)
    assert "{doc}`../notebooks/01_one`, {doc}`../notebooks/02_two`:" in text
    assert "{doc}`../notebooks/03_three`:\n\n* Machine: one\n* Python: 3.11\n* keras: 4" in text


CARD = {
    "aus": ["AU06", "AU12"], "threshold": 0.4, "image_size": 64, "pixels": "unit", "precision": "float32",
    "weights": "random", "weights_sha256": "ab" * 32, "sha256": "cd" * 32,
}  # fmt: skip


def test_the_model_card_says_what_the_model_and_its_settings_say(tmp_path):
    training = dict(hidden=[8, 4], epochs=[2, 1], dropout=0.5, loss="masked_f1", batch_size=16, learning_rate=0.001)
    split = dict(test_size=0.25, validation_size=0.15, test_dataset=None)
    versions = {"keras": "3", "tensorflow": "2"}
    shown = [cell("code", "card", outputs=[{"text/plain": repr(CARD)}])]
    write(tmp_path, _provenance.CARD_IN, shown, versions=versions, settings={"training": training, "split": split})
    text = _provenance.model_card(tmp_path)
    for part in (
        "2 probabilities, one for each of AU06, AU12",
        "64 x 64",
        "probability of 0.4",
        "8 and 4 units",
        "random",
    ):
        assert part in text
    assert "25 % of the people held out" in text and "`cdcdcdcdcdcdcdcd…`" in text
    split["test_dataset"] = "unbc"
    write(tmp_path, _provenance.CARD_IN, shown, versions=versions, settings={"training": training, "split": split})
    assert "the dataset unbc and its people held out" in _provenance.model_card(tmp_path)


def test_a_chapter_that_shows_no_model_card_is_named(tmp_path):
    write(tmp_path, _provenance.CARD_IN, [cell("code", "1", outputs=[{"text/plain": "1"}])])
    with pytest.raises(AulibError, match=_provenance.CARD_IN):
        _provenance.card(tmp_path)


def test_the_notebook_that_the_model_card_is_read_from_shows_one():
    source = "\n".join(one["source"] for one in notebooks.read(_provenance.CARD_IN).cells)
    assert re.search(r"^card = network\.card\(model\)\ncard$", source, re.MULTILINE)


# Prose


def terms():
    body = (BOOK / "glossary.md").read_text("utf-8").split("```{glossary}\n")[1]
    return [line for line in body.splitlines() if line and not line.startswith((" ", "```"))]


def test_the_glossary_is_in_order_and_has_no_word_twice():
    assert len(set(terms())) == len(terms())
    entries = re.split(r"\n\n(?=\S)", (BOOK / "glossary.md").read_text("utf-8").split("```{glossary}\n")[1])
    firsts = [entry.split("\n")[0].lower() for entry in entries if not entry.startswith("```")]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(
    "word", "F1,macro F1,micro F1,masked,AMSGrad,UCG,MCAR,MAR,MNAR,SCUMBLE,IRLbl,adapter".split(",")
)
def test_the_glossary_explains(word):
    assert word in terms()


def test_every_term_that_a_page_links_to_is_in_the_glossary():
    pages = [*BOOK.rglob("*.md"), *(notebooks.root() / "notebooks").glob("[0-9]*.py")]
    known = {term.lower() for term in terms()}
    for page in pages:
        for target in re.findall(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`", page.read_text("utf-8")):
            assert target.lower() in known, f"{page.name}: {target}"


@pytest.mark.parametrize(
    "page", ["facs", "au_reference", "model_card", "provenance", *(f"api/{one}" for one in ("index", *_api.GROUPS))]
)
def test_files_that_the_prose_includes_are_generated(page):
    included = re.findall(r"\{include\} (?:\.\./)?generated/(\S+)", (BOOK / f"{page}.md").read_text("utf-8"))
    assert set(included) <= set(_pages.PAGES)
    assert included or page == "facs"
