"""Promises of the figures of experiments: they show the numbers of their tables, and say whose and how many."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from aulib import experiments
from aulib.plots import experiments as figures

SOURCE = "made for this test"
LEVEL = {"oracle_f1": 0.7, "masked_f1": 0.6, "masked_bce": 0.6, "common_aus": 0.3}


def table(xs=(np.nan,), tests=("all",), seeds=8) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"method": m, "x": x, "test": t, "seed": s, "f1_truth": level + 0.05 * np.nan_to_num(x) + rng.normal(0, 0.02)}
        for m, level in LEVEL.items()
        for x in xs
        for t in tests
        for s in range(seeds)
    ]
    return pd.DataFrame(rows)


MEANS = experiments.summary(table())
TESTS = experiments.paired(table(), overlap=0.2)
CURVE = experiments.summary(table(xs=(0.1, 0.5, 1.0)), ["method", "x"])
MAP = experiments.summary(table(tests=("bp4d", "unbc")), ["method", "test"])["mean"].unstack()
UNITS = table(seeds=5).rename(columns={"method": "au"}).assign(f1_known=lambda t: t["f1_truth"] + 0.1 * (t.index % 3))
KNOWN = experiments.known_against_truth(UNITS)

FIGURES = {
    "ranking": lambda: figures.ranking(MEANS, "Methods", SOURCE, baseline=0.4),
    "differences": lambda: figures.differences(TESTS, "Methods", SOURCE),
    "curves": lambda: figures.curves({"one": CURVE, "two": CURVE}, "share", "Curves", SOURCE, share=True),
    "curve over doublings": lambda: figures.curves({"": CURVE}, "batch size", "Curve", SOURCE, log=True),
    "known_against_truth": lambda: figures.known_against_truth(KNOWN, "Units", SOURCE),
    "score_map": lambda: figures.score_map(MAP, "Datasets", SOURCE),
    "ablations": lambda: figures.ablations({"one": MEANS, "two": MEANS.head(2)}, "Choices", SOURCE),
}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def dots(axes) -> np.ndarray:
    """The points of all scatters, in the order in which they were drawn."""
    found = [c.get_offsets() for c in axes.collections if isinstance(c, mpl.collections.PathCollection)]
    return np.ma.getdata(np.concatenate(found)).astype(float)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_names_its_source_is_drawn_and_closed(name):
    figure = FIGURES[name]()
    assert any(SOURCE in text for text in texts(figure))
    figure.draw_without_rendering()
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "score_map"])
def test_a_figure_says_how_many_seeds_it_rests_on(name):
    seeds = 5 if name == "known_against_truth" else 8
    assert any(f"{seeds} seeds" in text or f"seeds won of {seeds}" in text for text in texts(FIGURES[name]()))


def test_the_ranking_shows_means_in_order_with_the_reference_in_another_colour():
    axes = FIGURES["ranking"]().axes[0]
    np.testing.assert_allclose(dots(axes)[:, 0], np.sort(MEANS["mean"]))
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == MEANS["mean"].sort_values().index.tolist()
    bars = next(c for c in axes.collections if isinstance(c, mpl.collections.LineCollection))
    colours = [tuple(c[:3]) for c in bars.get_colors()]
    assert colours.count(colours[names.index("masked_f1")]) == 1 and len(set(colours)) == 2


def test_differences_show_verdicts_by_shape_and_the_seeds_won():
    figure = FIGURES["differences"]()
    axes = figure.axes[0]
    np.testing.assert_allclose(np.sort(dots(axes)[:, 0]), np.sort(TESTS["difference"]))
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels[-1] == f"oracle_f1  ({TESTS.loc['oracle_f1', 'won']} of 8)"
    shown = {c.get_label(): len(c.get_offsets()) for c in axes.collections if c.get_label() in figures._VERDICTS}
    expected = experiments.verdicts(TESTS).value_counts()
    assert {name: count for name, count in shown.items() if count} == expected.to_dict()
    markers = [marker for _, marker in figures._VERDICTS.values()]
    assert len(set(markers)) == 3


def test_a_method_far_behind_is_written_at_the_edge_and_the_others_are_drawn():
    axes = figures.differences(TESTS, "Methods", SOURCE, edge=-0.1).axes[0]
    near = TESTS["difference"].drop("common_aus")
    np.testing.assert_allclose(np.sort(dots(axes)[:, 0]), np.sort(near))
    assert any(f"{TESTS.loc['common_aus', 'difference']:+.3f}" in text.get_text() for text in axes.texts)
    assert axes.get_xlim()[0] == -0.1


def test_a_method_has_the_same_colour_in_every_figure():
    colours = []
    for methods in (["masked_f1", "masked_bce"], ["oracle_f1", "masked_f1"]):
        part = CURVE.loc[methods]
        axes = figures.curves({"": part}, "x", "Curve", SOURCE).axes[0]
        colours += [
            line.get_color() for line in axes.lines if list(line.get_ydata()) == list(part.loc["masked_f1", "mean"])
        ]
    assert len(colours) == 2 and len(set(colours)) == 1


def test_curves_draw_each_method_and_name_it_at_its_end_without_overlap():
    figure = FIGURES["curves"]()
    figure.draw_without_rendering()
    for axes in figure.axes:
        lines = {tuple(np.round(line.get_ydata(), 6)) for line in axes.lines}
        assert lines == {tuple(np.round(CURVE.loc[m, "mean"], 6)) for m in LEVEL}
        named = sorted((t for t in axes.texts if t.get_text() in LEVEL), key=lambda t: t.xy[1])
        assert len(named) == len(LEVEL)
        boxes = [t.get_window_extent() for t in named]
        assert all(low.y1 <= high.y0 + 2 for low, high in zip(boxes, boxes[1:], strict=False))


def test_a_method_without_a_curve_is_a_level_line():
    level = pd.concat([CURVE.drop("oracle_f1"), CURVE.loc[["oracle_f1"]].tail(1)])
    axes = figures.curves({"": level}, "x", "Curve", SOURCE).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2] == [
        [CURVE.loc["oracle_f1", "mean"].iloc[-1]] * 2
    ]


def test_known_and_truth_are_both_shown_most_flattered_on_top():
    left, right = FIGURES["known_against_truth"]().axes
    rows = KNOWN.sort_values("difference")
    np.testing.assert_allclose(dots(left)[:, 0], [*rows["f1_truth"], *rows["f1_known"]])
    np.testing.assert_allclose(dots(right)[:, 0], rows["difference"])


def test_the_map_writes_every_number_and_leaves_unknown_cells_empty():
    holes = MAP.copy()
    holes.iloc[1, 0] = np.nan
    axes = figures.score_map(holes, "Datasets", SOURCE).axes[0]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert written == {
        (r, c): f"{holes.iloc[r, c]:.3f}" for r in range(4) for c in range(2) if not np.isnan(holes.iloc[r, c])
    }
    bold = {int(t.get_position()[0]): float(t.get_text()) for t in axes.texts if t.get_fontweight() == "bold"}
    assert bold == {c: round(holes.iloc[:, c].max(), 3) for c in range(2)}


def test_choices_keep_the_order_they_are_given_in():
    figure = FIGURES["ablations"]()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one (8 seeds)", "two (8 seeds)"]
    first = figure.axes[0]
    assert [tick.get_text() for tick in first.get_yticklabels()] == MEANS.index.tolist()
    assert first.get_ylim()[0] > first.get_ylim()[1]  # the first on top
