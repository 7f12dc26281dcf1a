"""Promises of the measurement of recognition: its sums agree with scikit-learn, its people stay apart, its tables are
complete."""

from __future__ import annotations

import json
import runpy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from aulib import facs, pipeline, profiles, splits, synth
from aulib.errors import DataError
from aulib.plots import faces as face_plots
from aulib.synth import measured

SCRIPT = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "recognition.py")))
RENDERABLE = [au for au, unit in facs.CATALOGUE.items() if unit.renderable]
PARTS = ("probe", "tuned", "tuned_all")


def sample(seed: int, rows: int = 60, people: int = 12):
    """Labels, tied scores and people."""
    rng = np.random.default_rng(seed)
    displayed = rng.random(rows) < 0.4
    displayed[:2] = True, False
    return displayed, np.round(rng.normal(displayed, 1), 1), rng.integers(people, size=rows)


@given(seed=st.integers(0, 10_000))
def test_the_weighted_auc_is_that_of_scikit_learn(seed):
    displayed, score, _ = sample(seed)
    weight = np.random.default_rng([seed, 1]).integers(1, 4, (3, len(score)))
    expected = [roc_auc_score(displayed, score, sample_weight=each) for each in weight]
    assert SCRIPT.weighted_auc(displayed, score, weight) == pytest.approx(expected, abs=1e-12)


def test_an_auc_without_both_classes_is_unknown():
    displayed = np.array([True, True, False])
    assert np.isnan(SCRIPT.weighted_auc(displayed, np.arange(3.0), np.array([[1, 1, 0]]))).all()
    assert np.isnan(SCRIPT.auc_interval(np.array([True, True]), np.arange(2.0), np.arange(2), samples=5)).all()


def test_the_bootstrap_draws_whole_people():
    displayed, score, person = sample(3)
    low, high = SCRIPT.auc_interval(displayed, score, person, samples=400, seed=5)
    people, found = np.unique(person), []
    draws = np.random.default_rng(5).multinomial(len(people), np.full(len(people), 1 / len(people)), 400)
    for drawn in draws:  # the same people, repeated row by row
        rows = [np.repeat(np.flatnonzero(person == who), times) for who, times in zip(people, drawn, strict=True)]
        rows = np.concatenate(rows)
        found.append(roc_auc_score(displayed[rows], score[rows]))
    assert (low, high) == pytest.approx(tuple(np.percentile(found, [2.5, 97.5])), abs=1e-12)
    assert low < roc_auc_score(displayed, score) < high


def test_copies_of_frames_do_not_make_the_interval_narrower():
    displayed, score, person = sample(4)
    once = SCRIPT.auc_interval(displayed, score, person)
    assert SCRIPT.auc_interval(np.tile(displayed, 9), np.tile(score, 9), np.tile(person, 9)) == pytest.approx(once)


def test_a_verdict_follows_the_score_its_interval_and_the_amount_of_data():
    verdict = SCRIPT.verdict
    assert verdict(0.90, 0.80, 50, 20) == "recognised"
    assert verdict(0.84, 0.80, 50, 20) == "weak"
    assert verdict(0.69, 0.60, 50, 20) == "not recognised"
    assert verdict(0.90, 0.50, 50, 20) == "not recognised"
    assert verdict(0.99, 0.98, 9, 20) == verdict(0.99, 0.98, 50, 4) == verdict(np.nan, np.nan, 0, 0) == "too few"


def test_the_drop_compares_models_on_the_same_people():
    tests = {"a": {"a": 0.8, "b": 0.5, "others": 0.6}, "b": {"a": 0.3, "b": 0.7, "others": 0.4}}
    across = pd.DataFrame(
        [{"train": train, "test": test, "f1_macro": f1} for test, row in tests.items() for train, f1 in row.items()]
    )
    table = SCRIPT.drop(across)
    assert table.loc["a"].tolist() == pytest.approx([0.8, 0.5, 0.6, 0.3])
    assert table.loc["b"].tolist() == pytest.approx([0.7, 0.3, 0.4, 0.4])
    assert table.loc["mean", "drop"] == pytest.approx(0.35)


def test_the_truth_is_looked_up_by_dataset_and_image():
    row = dict.fromkeys(RENDERABLE, 0)
    truth = pd.DataFrame([{"dataset": "a", "image": "x", **row}, {"dataset": "b", "image": "x", **row, "AU12": 1}])
    table = pd.DataFrame({"dataset": ["b", "a"], "image": ["x", "x"]})
    found = SCRIPT.truth_of(table, truth)
    assert found[:, RENDERABLE.index("AU12")].tolist() == [1, 0] and found.sum() == 1
    with pytest.raises(DataError, match="lacks labels of b y"):
        SCRIPT.truth_of(table.assign(image=["y", "x"]), truth)


def test_a_linear_model_is_the_same_in_the_span_of_its_training_rows():
    rng = np.random.default_rng(0)
    x, train = rng.normal(size=(50, 300)).astype(np.float32), np.arange(30)
    y = rng.normal(size=(50, 2))
    reduced, scaled = SCRIPT.in_span(x, train), StandardScaler().fit(x[train]).transform(x)
    assert reduced.shape[1] < 30
    expected = Ridge(20.0).fit(scaled[train], y[train]).predict(scaled)
    assert Ridge(20.0).fit(reduced[train], y[train]).predict(reduced) == pytest.approx(expected, abs=1e-3)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A whole measurement of the cheap parts, on a corpus that says nothing but is quickly made."""
    folder = tmp_path_factory.mktemp("recognition")
    small = profiles.settings(corpus={"scale": 0.01, "size": 32}, training={"image_size": 32, "weights": None})
    work = pipeline.Pipeline(small, folder / "work", progress=False)
    SCRIPT.measure(work, ["probe"], folder / "tables", samples=50)
    return work, folder / "tables", SCRIPT.measure(work, ["cross"], folder / "tables", samples=50)


def test_nobody_is_in_two_parts(found):
    faces = SCRIPT.load(found[0])
    splits.assert_partition(faces.table, faces.train, faces.validation, faces.test)
    parts = [set(faces.person[rows]) for rows in (faces.train, faces.validation, faces.test)]
    assert all(parts) and sum(map(len, parts)) == len(set.union(*parts))
    assert faces.y.shape == (len(faces.table), len(RENDERABLE)) and set(np.unique(faces.y)) == {0, 1}


def test_parts_measured_one_by_one_stand_in_one_table(found):
    _, folder, result = found
    assert list(result.record["parts"]) == ["probe", "cross"] and result.units["probe_auc"].notna().any()
    assert result.units["tuned_auc"].isna().all() and len(result.across) == 6 * 7
    check(result)
    assert measured.recognition(folder).source == result.source and "Synthetic" in result.source


def test_other_settings_start_a_new_table(found):
    work, folder, result = found
    record = SCRIPT.record_of(work, SCRIPT.load(work))
    assert SCRIPT.earlier(folder, record).units.equals(result.units)
    record["settings"]["seed"] += 1
    assert SCRIPT.earlier(folder, record) is None


def test_the_report_names_every_action_unit_and_says_synthetic(found):
    text = SCRIPT.report(found[2])
    assert all(au in text for au in RENDERABLE) and "Synthetic" in text
    assert "| others" in text and "mean AUC" in text


def test_the_committed_measurement_is_complete():
    result = synth.recognition()
    check(result)
    assert "probe" in result.record["parts"] and result.across["f1_macro"].notna().all()
    assert {"corpus", "seed", "training"} <= set(result.record["settings"])
    assert all(part["seconds"] > 0 and part["versions"]["numpy"] for part in result.record["parts"].values())


def test_the_committed_measurement_can_be_drawn():
    result = synth.recognition()
    shown = result.units[result.units["probe_verdict"] != "too few"]
    dots = face_plots.recognition_dots(result.units, "T", result.source).axes[0]
    assert len(dots.get_yticklabels()) == len(shown)
    assert len(face_plots.transfer_map(result.across).axes[0].texts) == len(result.across)


def check(result: measured.Recognition) -> None:
    """Every renderable action unit once, every pair of datasets once, scores within [0, 1], intervals in order."""
    units, across = result.units, result.across
    assert units.index.tolist() == RENDERABLE
    for part in PARTS:
        low, auc, high = (units[f"{part}_{name}"] for name in ("low", "auc", "high"))
        known = auc.notna()
        assert auc[known].between(0, 1).all() and (low[known] <= high[known]).all()
        assert set(units[f"{part}_verdict"].dropna()) <= {"recognised", "weak", "not recognised", "too few"}
    assert not across.duplicated(["train", "test"]).any() and across["f1_macro"].dropna().between(0, 1).all()
    assert set(across["train"]) == {*across["test"], "others"}


def test_a_missing_or_damaged_measurement_is_named_with_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"recognition.csv.*benchmarks/recognition.py"):
        measured.recognition(tmp_path)
    for name in (measured.UNITS, measured.ACROSS):
        (tmp_path / name).write_text((measured.FOLDER / name).read_text("utf-8"), "utf-8")
    (tmp_path / measured.RECORD).write_text("{", "utf-8")
    with pytest.raises(DataError, match="benchmarks/recognition.py"):
        measured.recognition(tmp_path)


def test_the_record_is_plain_json():
    assert json.loads((measured.FOLDER / measured.RECORD).read_text("utf-8")) == synth.recognition().record
