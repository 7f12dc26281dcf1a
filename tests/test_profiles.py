"""Profiles: one schema, and an error for every mistake."""

from __future__ import annotations

import typing

import pytest
import yaml
from conftest import ROOT

from aulib import facs, profiles
from aulib.errors import SettingsError


@pytest.mark.parametrize("name", profiles.NAMES)
def test_every_profile_fits_the_schema_and_knows_its_name(name):
    assert profiles.load(name).profile == name


def test_quick_writes_out_every_parameter_and_equals_the_defaults():
    written = yaml.safe_load((ROOT / "profiles" / "quick.yml").read_text())
    assert profiles.load("quick") == profiles.settings()
    assert set(written) | {"profile"} == set(profiles.PARAMETERS)
    for section, content in profiles.settings().model_dump().items():
        if isinstance(content, dict) and section != "datasets":
            assert set(written[section]) == set(content), section


def test_the_paper_profile_holds_the_papers_exact_settings():
    paper = profiles.load("paper")
    assert paper.selection.min_occurrences == 20_000
    assert paper.selection.aus == facs.PAPER_13 and len(facs.PAPER_13) == 13
    recipe = paper.training
    assert (recipe.weights, recipe.pixels, recipe.hidden, recipe.dropout) == ("imagenet", "unit", (256, 256), 0.5)
    assert (recipe.loss, recipe.learning_rate, recipe.batch_size, recipe.epochs) == ("masked_f1", 1e-4, 256, (30, 30))


def test_a_profile_accepts_exactly_the_losses_that_the_library_names():
    from aulib import losses

    assert list(typing.get_args(profiles.Training.model_fields["loss"].annotation)) == losses.names()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"trainnig": {}}, ["trainnig", "did you mean 'training'"]),
        ({"training": {"epoch": [1, 1]}}, ["training.epoch", "did you mean 'epochs'"]),
        ({"training": {"epochs": [0, 1]}}, ["training.epochs", "stage 1 needs at least one epoch"]),
        ({"training": {"loss": "f1"}}, ["training.loss", "'f1'", "masked_f1"]),
        ({"corpus": {"scale": 0}}, ["corpus.scale", "greater than 0"]),
        ({"split": {"test_size": 1}}, ["split.test_size", "less than 1"]),
        ({"balancing": {"lower": 4}}, ["balancing", "lower must not exceed upper"]),
        ({"datasets": {"bp4": "/data"}}, ["bp4", "did you mean 'bp4d'"]),
        ({"selection": {"aus": ["AU03"]}}, ["AU03"]),
        ({"readers": {"bp4d": {"frame_ofset": 0}}}, ["frame_ofset", "did you mean 'frame_offset'"]),
        ({"readers": {"bp5d": {}}}, ["bp5d", "did you mean 'bp4d'"]),
        ({"seed": "one"}, ["seed", "'one'"]),
    ],
)
def test_a_mistake_is_named_with_its_value_and_what_is_accepted(wrong, words):
    with pytest.raises(SettingsError) as caught:
        profiles.settings(**wrong)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", profiles.NAMES)
def test_bp4d_is_read_by_its_benchmark_unless_a_profile_says_otherwise(name):
    assert profiles.load(name).readers == {"bp4d": {"aus": "benchmark"}}
    other = profiles.settings(readers={"ck_plus": {"frames": "sequence"}, "bp4d": {"frame_offset": 0}}).readers
    assert other == {"bp4d": {"aus": "benchmark", "frame_offset": 0}, "ck_plus": {"frames": "sequence"}}
    assert profiles.settings(readers={"bp4d": {"aus": None}}).readers == {"bp4d": {"aus": None}}


def test_an_unknown_profile_suggests_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'quick'"):
        profiles.load("quik")


@pytest.mark.parametrize(
    ("content", "word"), [("a: [1", "YAML"), ("- 1", "mapping"), ("corpus: {scale: x}", "corpus.scale")]
)
def test_a_broken_profile_is_named_with_its_file(tmp_path, content, word):
    file = tmp_path / "mine.yml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=word) as caught:
        profiles.load(file)
    assert str(file) in str(caught.value)


def test_single_parameters_reach_into_sections_and_leave_the_rest():
    changed = profiles.override(profiles.load("tiny"), **{"training.epochs": [2, 1], "seed": 3})
    assert (changed.training.epochs, changed.seed) == ((2, 1), 3)
    assert changed.training.batch_size == profiles.load("tiny").training.batch_size


@pytest.mark.parametrize("name", ["trainin.epochs", "training.epoch", "sed"])
def test_a_misspelt_single_parameter_is_an_error(name):
    with pytest.raises(SettingsError, match="did you mean"):
        profiles.override(profiles.settings(), **{name: 1})
