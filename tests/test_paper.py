"""Promises of aulib.paper: the printed numbers, consistent with one another and traceable to the text."""

import dataclasses

import numpy as np
import pytest

from aulib import facs, paper


def test_table_1_adds_up_as_printed():
    table = paper.TABLE_1
    assert table["images"].sum() == 747_585
    assert table["subjects"].sum() == 24_856
    assert (table["images"] / table["subjects"]).round().astype(int).tolist() == table["images_per_person"].tolist()
    assert table.index.tolist() == ["actor_study", "aff_wild2", "bp4d", "ck_plus", "emotionet", "unbc"]


def test_table_2_gives_the_printed_means():
    table = paper.TABLE_2
    assert table.index.tolist() == list(facs.PAPER_13)
    assert round(table["f1"].mean(), 2) == paper.MACRO_F1
    assert round(np.average(table["f1"], weights=table["test"]), 2) == paper.WEIGHTED_F1_TEST
    assert round(np.average(table["f1"], weights=table["train"]), 2) == paper.WEIGHTED_F1_TRAIN


def test_table_2_respects_the_threshold_and_the_number_of_images():
    assert (paper.TABLE_2["train"] >= paper.MIN_OCCURRENCES).all()
    assert paper.TABLE_2["train"].max() < paper.TRAIN_IMAGES
    assert paper.TABLE_2["test"].max() < paper.TEST_IMAGES


def test_balanced_training_counts_are_more_even_than_the_testing_counts_but_not_equal():
    ratio = {c: paper.TABLE_2[c].max() / paper.TABLE_2[c].min() for c in ("train", "test")}
    assert ratio["train"] == pytest.approx(1.975, abs=5e-4)
    assert ratio["test"] == pytest.approx(4.079, abs=5e-4)


def test_the_missing_rate_fits_a_table_of_45_action_units():
    """With 8, 12, 30, 23 and 11 action units coded elsewhere, Actor Study needs a whole number near 30."""
    images = paper.TABLE_1["images"]
    coded = {"aff_wild2": 8, "bp4d": 12, "ck_plus": 30, "emotionet": 23, "unbc": 11}
    known = (1 - paper.MISSING_RATE) * paper.ACTION_UNITS * images.sum()
    assert (known - sum(images[d] * k for d, k in coded.items())) / images["actor_study"] == pytest.approx(30, abs=0.02)


def test_settings_are_unique_and_say_where_they_come_from():
    names = [s.name for s in paper.SETTINGS]
    assert len(set(names)) == len(names)
    for s in paper.SETTINGS:
        assert s.source in ("stated", "chosen", "not stated")
        assert (s.source == "not stated") == (s.value == "")
        if s.source == "stated":
            assert s.where[0].isdigit() or s.where.startswith("Table")
        else:
            assert s.note


def test_settings_name_what_the_paper_leaves_open():
    chosen = {s.name for s in paper.SETTINGS if s.source == "chosen"}
    assert {"split", "validation data", "input size", "threshold", "balancing objective"} <= chosen


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        paper.SETTINGS[0].value = "other"


def test_the_settings_table_has_a_row_for_each():
    table = paper.settings_table()
    assert table.index.tolist() == [s.name for s in paper.SETTINGS]
    assert table.columns.tolist() == ["value", "source", "where", "note"]
    assert table.loc["batch size", "value"] == "256"
