"""Promises of the profile's section ``balancing``: each limit reaches the optimizer, and mistakes are named."""

import numpy as np
import pandas as pd
import pytest

from aulib import database, pipeline, profiles
from aulib.errors import SettingsError


def work(tmp_path, **balancing):
    """A pipeline over a table of two datasets that did not need to be rendered."""
    rng = np.random.default_rng(0)
    n, people = 1200, 30
    person = np.sort(rng.integers(0, people, n))
    dataset = np.where(person < 18, "bp4d", "ck_plus")
    table = pd.DataFrame({"dataset": dataset, "subject": person % 18})  # the same numbers are used in both
    for au, share in {"AU01": 0.5, "AU02": 0.2, "AU04": 0.08}.items():
        shown = rng.random(n) < share * (1 + (dataset == "bp4d"))
        table[au] = pd.array(shown.astype(int), dtype="Int8")
    table.loc[dataset == "ck_plus", "AU04"] = pd.NA
    made = pipeline.Pipeline(profiles.settings(balancing=balancing, seed=1), tmp_path, progress=False)
    made.__dict__["_table"] = table
    return made


def changes(made, columns):
    """Rows of the training part by columns, before and after."""
    train = made.table().iloc[made.split().train]
    return train.assign(after=made.balance().multiplicity).groupby(columns)["after"].agg(["size", "sum"])


def test_limits_of_all_datasets_are_kept(tmp_path):
    taken = changes(work(tmp_path, dataset_size=[0.95, 1.05]), ["dataset"])
    assert taken["sum"].between(0.95 * taken["size"], 1.05 * taken["size"]).all()


def test_limits_of_one_dataset_are_kept(tmp_path):
    taken = changes(work(tmp_path, dataset_size={"ck_plus": [1, 1]}), ["dataset"])
    assert taken.loc["ck_plus", "sum"] == taken.loc["ck_plus", "size"]


def test_limits_of_people_are_kept_and_people_are_told_apart_by_dataset(tmp_path):
    free, kept = work(tmp_path), work(tmp_path, subject_size=[0.9, 1.1])
    people = ["dataset", "subject"]
    moved = changes(free, people)
    assert not moved["sum"].between(np.floor(0.9 * moved["size"]), np.ceil(1.1 * moved["size"])).all()
    taken = changes(kept, people)
    assert taken["sum"].between(np.floor(0.9 * taken["size"]), np.ceil(1.1 * taken["size"])).all()


def test_the_coverage_floor_is_kept(tmp_path):
    made = work(tmp_path, coverage=1.0)
    y = database.labels(made.table().iloc[made.split().train], made.aus)
    before, after = (~np.isnan(y)).mean(axis=0), (~np.isnan(y[made.balance().indices])).mean(axis=0)
    assert (after >= before - 1e-12).all()


def test_without_them_nothing_changes(tmp_path):
    plain, written = work(tmp_path), work(tmp_path, dataset_size=None, subject_size=None, coverage=None)
    np.testing.assert_array_equal(plain.balance().indices, written.balance().indices)


@pytest.mark.parametrize("name", profiles.NAMES)
def test_they_are_off_in_every_profile(name):
    limits = profiles.load(name).balancing
    assert limits.dataset_size is limits.subject_size is limits.coverage is None


def test_a_profile_survives_the_way_to_a_notebook_and_back():
    settings = profiles.settings(balancing={"dataset_size": {"bp4d": [0.5, 1]}, "subject_size": [0, 2], "coverage": 1})
    assert profiles.settings(**settings.model_dump(mode="json")) == settings
    changed = profiles.override(profiles.settings(), **{"balancing.dataset_size": [0.8, 1.2]})
    assert changed.balancing.dataset_size == (0.8, 1.2)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dataset_size": [2, 1]}, ["balancing.dataset_size", "[2, 1]", "rising"]),
        ({"dataset_size": 1.2}, ["balancing.dataset_size", "1.2", "two numbers"]),
        ({"dataset_size": {"bp4": [1, 2]}}, ["bp4", "did you mean 'bp4d'"]),
        ({"dataset_size": {"bp4d": 2}}, ["balancing.dataset_size", "two numbers"]),
        ({"subject_size": [1]}, ["balancing.subject_size", "two numbers"]),
        ({"subject_size": [0, 0]}, ["balancing.subject_size", "above 0"]),
        ({"coverage": 1.5}, ["balancing.coverage", "1.5", "less than or equal to 1"]),
        ({"coverag": 1}, ["did you mean 'coverage'"]),
    ],
)
def test_mistakes_are_named(wrong, words):
    with pytest.raises(SettingsError) as caught:
        profiles.settings(balancing=wrong)
    for word in words:
        assert word in str(caught.value)


def test_a_dataset_that_is_not_in_the_training_part_is_named(tmp_path):
    with pytest.raises(SettingsError, match="dataset_size names 'unbc', of which there is no row"):
        work(tmp_path, dataset_size={"unbc": [1, 2]}).balance()
