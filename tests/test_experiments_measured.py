"""Promises of the tables that are shipped: complete, consistent with their record, and comparable method by method."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aulib import experiments, facs
from aulib.experiments import _measured

UNITS = [*facs.PAPER_13, "macro"]
KEY = ["experiment", "method", "variant", "x", "balanced", "seed"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return experiments.measured()


@pytest.fixture(scope="module")
def record() -> dict:
    return experiments.record()


def test_the_files_are_small_and_there_is_one_for_each_experiment():
    files = {file.stem: file.stat().st_size for file in _measured.FOLDER.glob("*.csv")}
    assert set(files) == set(experiments.EXPERIMENTS)
    assert max(files.values()) < 4e6


@pytest.mark.parametrize("experiment", experiments.EXPERIMENTS)
def test_every_training_of_the_plan_is_there_once(table, record, experiment):
    jobs = experiments.plan(experiment, record["seeds"])
    assert record["parts"][experiment]["trainings"] == len(jobs)
    assert len(record["seeds"]) >= 10
    part = table[table["experiment"] == experiment]
    found = part[part["au"] == "macro"].assign(x=part["x"].fillna(-1.0))
    held_out = found["test"] if experiment == "leave_one_dataset_out" else "all"
    rows = found[found["test"] == held_out]
    names = ["method", "variant", "x", "balanced", "seed", "test"]
    there = sorted(rows[names].itertuples(index=False, name=None))
    wanted = [(j.method, j.variant, -1.0 if j.x is None else j.x, int(j.balanced), j.seed, j.held_out or "all")
              for j in jobs]  # fmt: skip
    assert there == sorted(wanted)
    whole = part[part["test"].eq("all") | (experiment == "leave_one_dataset_out")]
    assert whole.groupby([*KEY, "test"], dropna=False)["au"].agg(list).map(lambda aus: aus == UNITS).all()


def test_scores_are_scores_and_macro_rows_are_means(table):
    scores = table[["f1_truth", "f1_known", "f1_tuned", "always_positive", "ap", "auc", "accuracy"]]
    assert ((scores >= 0) & (scores <= 1) | scores.isna()).all(axis=None)
    assert table.loc[table["test"] == "all", scores.columns].notna().all(axis=None)
    assert np.array_equal(scores, scores.round(4), equal_nan=True)
    whole = table[table["test"] == "all"]
    means = whole[whole["au"] != "macro"].groupby(KEY, dropna=False)[["f1_truth", "auc"]].mean()
    macro = whole[whole["au"] == "macro"].set_index(KEY)[["f1_truth", "auc"]].reindex(means.index)
    assert (means - macro).abs().max(axis=None) < 1e-4


def test_all_methods_of_a_seed_are_scored_on_the_same_people(table):
    usual = table[table["experiment"] != "leave_one_dataset_out"]
    for column in ("rows", "positives", "always_positive"):
        assert usual.groupby(["seed", "test", "au"])[column].nunique().eq(1).all()
    assert table[table["au"] == "AU12"].groupby("seed")["positives"].first().nunique() > 1


def test_what_a_method_cannot_predict_is_scored_as_always_displayed(table):
    blind = table[(table["predicted"] == 0) & (table["au"] != "macro")]
    assert len(blind) and (blind["f1_truth"] == blind["always_positive"]).all()
    assert blind.loc[blind["test"] == "all", "auc"].eq(0.5).all()


def test_the_record_says_that_it_is_about_synthetic_faces_and_how_long_it_took(record):
    assert record["synthetic"] is True and record["data"]["images"] > 5000
    assert all(part["seconds"] > 0 for part in record["parts"].values())
    assert {"machine", "versions", "recipe", "workers"} <= set(record)
