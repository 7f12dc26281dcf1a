"""Figures of known and unknown labels: what is drawn is what was counted, however many images there are."""

from __future__ import annotations

import itertools

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest

from aulib import facs, missingness
from aulib.plots import labels, mechanisms

AUS = list(facs.ALL[:6])
SOURCE = "made for this test"


def database(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Three datasets that code different units, with scattered holes."""
    rng = np.random.default_rng(seed)
    dataset = np.array(["bp4d", "ck_plus", "unbc"])[np.arange(rows) % 3]
    columns = {}
    for i, au in enumerate(AUS):
        unknown = (rng.random(rows) < 0.1) | ((dataset == "unbc") & (i < 2)) | ((dataset == "bp4d") & (i == 5))
        columns[au] = pd.arrays.IntegerArray((rng.random(rows) < 0.3).astype(np.int8), unknown)
    subject = pd.array((np.arange(rows) // 9 % 20).astype(str), "string")
    return pd.DataFrame({"dataset": pd.array(dataset, "string"), "subject": subject, **columns})


DB = database()
COUNTS = missingness.label_counts(DB)
BY = missingness.label_counts(DB, by="dataset")
BOTH = missingness.co_annotation(DB, count="datasets")
GROUPS = missingness.coding_groups(DB)
PAIRS = missingness.mask_against_labels(DB, draws=19)
SHARES = pd.DataFrame({"all": [0.3, 0.5], "selected": [0.8, 0.7]}, index=["bp4d", "unbc"])

FIGURES = {
    "label_bars": lambda: labels.label_bars(COUNTS, "Labels", SOURCE),
    "label_bars_by_dataset": lambda: labels.label_bars_by_dataset(BY, "Labels", SOURCE),
    "documented_map": lambda: labels.documented_map(missingness.table_3_against(DB), "Table 3", SOURCE),
    "coverage_map": lambda: labels.coverage_map(missingness.coverage(DB), "Known", SOURCE),
    "pattern_map": lambda: labels.pattern_map(missingness.patterns(DB), 5, "Patterns", SOURCE),
    "co_annotation_map": lambda: labels.co_annotation_map(missingness.co_annotation(DB), len(DB), "Pairs", SOURCE),
    "co_annotation_blocks": lambda: labels.co_annotation_blocks(BOTH, GROUPS, "Pairs", SOURCE),
    "cardinality_bounds": lambda: labels.cardinality_bounds(missingness.cardinality(DB, by="dataset"), "Rows", SOURCE),
    "prevalence_shift": lambda: labels.prevalence_shift(COUNTS, "Prevalence", SOURCE),
    "occurrences": lambda: labels.occurrences(COUNTS["displayed"], 90, "Displayed", SOURCE),
    "threshold_steps": lambda: labels.threshold_steps(COUNTS["displayed"], [1, 50, 100], "Threshold", SOURCE),
    "explained_bars": lambda: mechanisms.explained_bars(missingness.explained_by_dataset(DB), "Bits", SOURCE),
    "pair_effects": lambda: mechanisms.pair_effects(PAIRS, "Pairs", SOURCE),
    "known_shares": lambda: mechanisms.known_shares(SHARES, "Known", SOURCE),
}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_names_its_source_and_is_drawn(name):
    figure = FIGURES[name]()
    assert any(SOURCE in text for text in texts(figure))
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("label_bars", "images"),
        ("cardinality_bounds", "displayed action units a row (label cardinality)"),
        ("prevalence_shift", "share of images on which the action unit is displayed"),
        ("threshold_steps", "smallest number of displayed labels"),
        ("pair_effects", "correlation of hole and label (phi)"),
        ("known_shares", "share of cells known"),
    ],
)
def test_an_axis_of_values_says_of_what(name, label):
    assert FIGURES[name]().axes[0].get_xlabel() == label


@pytest.mark.parametrize("rows", [40, 4000])
def test_the_number_of_things_drawn_does_not_grow_with_the_rows(rows):
    """Six bars of three parts for the counts, one mesh for a matrix: never a mark per image."""
    db = database(rows)
    assert len(labels.label_bars(missingness.label_counts(db)).axes[0].patches) == 3 * len(AUS)
    by = labels.label_bars_by_dataset(missingness.label_counts(db, by="dataset"))
    assert [len(axes.patches) for axes in by.axes] == [3 * len(AUS)] * 3
    both, groups = missingness.co_annotation(db, count="datasets"), missingness.coding_groups(db)
    mesh = labels.co_annotation_blocks(both, groups).axes[0].collections[0]
    assert mesh.get_array().shape == (len(AUS), len(AUS))


def test_bars_have_the_lengths_of_the_counts():
    bars = labels.label_bars(COUNTS).axes[0].containers
    for state, container in zip(COUNTS.columns, bars, strict=True):
        assert [bar.get_width() for bar in container] == COUNTS[state].tolist()
    ends = [bar.get_x() + bar.get_width() for bar in bars[-1]]
    assert ends == [len(DB)] * len(AUS)


def test_unknown_is_told_apart_without_colour():
    unknown = labels.label_bars(COUNTS).axes[0].containers[-1]
    assert all(bar.get_hatch() for bar in unknown)
    assert not any(
        bar.get_hatch() for container in labels.label_bars(COUNTS).axes[0].containers[:2] for bar in container
    )


def test_panels_hold_one_dataset_each():
    panels = labels.label_bars_by_dataset(BY).axes
    for name, axes in zip(["bp4d", "ck_plus", "unbc"], panels, strict=True):
        assert axes.get_title().startswith(name)
        assert [bar.get_width() for bar in axes.containers[0]] == BY.loc[name, "displayed"].tolist()


def test_the_reconstructed_table_3_counts_its_marks():
    states = missingness.table_3_against(DB)
    legend = " ".join(texts(labels.documented_map(states)))
    for state, words in (("both", "documented, and known in the table"), ("known", "known somewhere, not documented")):
        assert f"{words} ({(states == state).to_numpy().sum()})" in legend


def test_the_matrix_of_pairs_is_in_the_order_of_its_groups_and_counts_empty_pairs():
    figure = labels.co_annotation_blocks(BOTH, GROUPS, "Pairs")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == GROUPS.index.tolist()
    never = sum(BOTH.loc[a, b] == 0 for i, a in enumerate(AUS) for b in AUS[i + 1 :])
    assert f"{never} of 15 pairs in no dataset" in figure.axes[0].get_title()


def test_bounds_and_truth_are_where_they_belong():
    table = missingness.cardinality(DB, by="dataset").assign(truth=1.5)
    lower, upper, truth = labels.cardinality_bounds(table).axes[0].collections[1:]
    assert lower.get_offsets()[:, 0].tolist() == table["lower"].tolist()
    assert upper.get_offsets()[:, 0].tolist() == table["upper"].tolist()
    assert truth.get_offsets()[:, 0].tolist() == [1.5] * 3


def test_only_pairs_that_survive_the_adjustment_are_named():
    pairs = pd.DataFrame({"dataset": "bp4d", "unknown": ["AU01", "AU02"], "label": ["AU04", "AU05"]})
    pairs = pairs.assign(phi=[0.3, -0.05], p=[0.01, 0.4], p_adjusted=[0.02, 0.9])
    figure = mechanisms.pair_effects(pairs, "Pairs")
    assert "AU01 unknown if AU04" in texts(figure) and "AU02 unknown if AU05" not in texts(figure)
    assert any("1 of 2 pairs" in text for text in texts(figure))
    assert any("0 of 0 pairs" in text for text in texts(mechanisms.pair_effects(pairs.iloc[:0], "Pairs")))


def test_explained_and_left_add_up_to_the_entropy():
    explained = missingness.explained_by_dataset(DB)
    for bars in zip(*mechanisms.explained_bars(explained).axes[0].containers, strict=True):
        assert sum(bar.get_height() for bar in bars) == pytest.approx(bars[1].get_y() + bars[1].get_height())
    heights = [bar.get_y() + bar.get_height() for bar in mechanisms.explained_bars(explained).axes[0].containers[1]]
    assert heights == pytest.approx(explained["entropy"].dropna().tolist())


def test_the_map_of_combinations_writes_how_many_there_are():
    found = missingness.mask_combinations()
    figure = mechanisms.combination_map(found, "The rate")
    numbers = [int(text.get_text()) for text in figure.axes[0].texts]
    assert sum(numbers) == len(found) and len(numbers) == len(found.groupby(["actor_study", "bp4d"]))
    assert f"{len(found)} of {found.attrs['tried']:,} combinations" in figure.axes[0].get_title()


def test_names_of_pairs_do_not_lie_on_each_other():
    effects = [0.47, 0.12, 0.08, 0.08, -0.22]
    shown = ["AU12", "AU10", "AU14", "AU07", "AU15"]
    pairs = pd.DataFrame({"dataset": "bp4d", "unknown": "AU06", "label": shown, "phi": effects})
    pairs = pairs.assign(p=0.004, p_adjusted=0.01)
    twice = pairs.iloc[:1].assign(unknown="AU09")
    figure = mechanisms.pair_effects(pd.concat([pairs, twice]), named=6)
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if "unknown if" in text.get_text()]
    assert len(texts) == 5
    assert {text.get_text() for text in texts} >= {"AU06, AU09 unknown if AU12", "AU06 unknown if AU15"}
    boxes = [mpl.text.Text.get_window_extent(text) for text in texts]  # without the lines to the dots
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
