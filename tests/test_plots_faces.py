"""Contact sheets show every face once, in its place; the other figures of the gallery draw what their tables say."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aulib import facs
from aulib.errors import DataError
from aulib.plots import faces

SOURCE = "made for this test"


def plain(value: int, size: int = 32) -> np.ndarray:
    """A picture of one grey."""
    return np.full((size, size, 3), value, np.uint8)


def grid(rows: int, columns: int) -> list[list[np.ndarray]]:
    return [[plain(row * columns + column) for column in range(columns)] for row in range(rows)]


@given(rows=st.integers(1, 5), columns=st.integers(1, 6), gap=st.integers(0, 5))
def test_a_montage_holds_every_picture_in_its_place_on_white(rows, columns, gap):
    sheet = faces.montage(grid(rows, columns), gap)
    assert sheet.shape == (rows * 32 + (rows - 1) * gap, columns * 32 + (columns - 1) * gap, 3)
    for row, column in np.ndindex(rows, columns):
        part = sheet[row * (32 + gap) :, column * (32 + gap) :][:32, :32]
        assert (part == row * columns + column).all()
    assert (sheet == 255).all(axis=2).sum() == sheet.shape[0] * sheet.shape[1] - rows * columns * 32 * 32


def test_a_row_may_be_shorter():
    sheet = faces.montage([[plain(1), plain(2)], [plain(3)]], gap=0)
    assert (sheet[32:, 32:] == 255).all() and (sheet[32:, :32] == 3).all()


@pytest.mark.parametrize("images", [[], [[]], [[plain(0), plain(0, 48)]]])
def test_pictures_of_several_sizes_or_none_are_refused(images):
    with pytest.raises(DataError, match="one size"):
        faces.montage(images)


def test_a_sheet_has_a_panel_for_each_action_unit_and_intensity_under_its_names():
    aus, levels = ["AU01", "AU04", "AU12"], ["relaxed", *facs.INTENSITY_LETTERS]
    names = [faces.name_of(au) for au in aus]
    axes = faces.contact_sheet(grid(3, 6), names, levels, "A title", SOURCE).axes[0]
    shown = axes.get_images()[0].get_array()
    assert shown.shape == faces.montage(grid(3, 6)).shape and (shown == faces.montage(grid(3, 6))).all()
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert [label.get_text() for label in axes.get_xticklabels()] == levels
    for row, column in np.ndindex(3, 6):  # the names stand at the middle of their panels
        assert shown[int(axes.get_yticks()[row]), int(axes.get_xticks()[column]), 0] == row * 6 + column


@pytest.mark.parametrize(("rows", "columns"), [(["one"], []), ([], ["one", "two", "three"])])
def test_a_sheet_with_a_wrong_number_of_names_is_refused(rows, columns):
    with pytest.raises(DataError, match="one name each"):
        faces.contact_sheet(grid(2, 2), rows, columns)


def test_a_caption_stands_under_every_picture():
    figure = faces.captioned(
        [plain(k) for k in range(5)], [f"face {k}\nline" for k in range(5)], "T", SOURCE, columns=3
    )
    drawn = [axes for axes in figure.axes if axes.get_images()]
    assert len(figure.axes) == 6 and len(drawn) == 5
    for k, axes in enumerate(drawn):
        assert axes.texts[0].get_text() == f"face {k}\nline" and (axes.get_images()[0].get_array() == k).all()
    with pytest.raises(DataError, match="one each"):
        faces.captioned([plain(0)], [])


def test_every_action_unit_has_its_manual_name_at_the_side():
    for au, unit in facs.CATALOGUE.items():
        assert faces.name_of(au) == f"{au}\n{unit.name}"


def test_rates_are_drawn_where_they_belong_and_taken_ones_are_marked():
    rates = pd.DataFrame(
        {"dataset": ["bp4d", "bp4d", "unbc", "unbc"], "au": ["AU04", "AU12"] * 2, "rate": [0.1, 0.5, 0.2, 0.3],
         "origin": ["taken", "invented", "invented", "taken"]}
    )  # fmt: skip
    axes = faces.rates_map(rates, "Rates", SOURCE).axes[0]
    mesh, dots = axes.collections
    assert mesh.get_array().reshape(2, 2).tolist() == [[0.1, 0.5], [0.2, 0.3]]
    assert sorted(dots.get_offsets().tolist()) == [[0.5, 0.5], [1.5, 1.5]]
    assert "2 of 4" in axes.get_title() and SOURCE in axes.get_title()


def test_a_square_of_pairs_holds_one_matrix_below_and_one_above_its_diagonal():
    aus = ["AU01", "AU02", "AU04"]
    below, above = (pd.DataFrame(np.full((3, 3), value), aus, aus) for value in (0.1, -0.4))
    cells = faces.pairs_map(below, above, "Pairs", SOURCE).axes[0].collections[0].get_array().reshape(3, 3)
    assert np.ma.filled(cells, 9).tolist() == [[9, -0.4, -0.4], [0.1, 9, -0.4], [0.1, 0.1, 9]]
    with pytest.raises(DataError, match="AU04"):
        faces.pairs_map(below, above.iloc[:2, :2])


def test_dots_stand_at_the_measured_scores_and_too_rare_action_units_are_counted_out():
    columns = {"name": ["Brow lowerer", "Lip bite"], "displayed": [40, 2], "probe_verdict": ["weak", "too few"]}
    for part in ("probe", "tuned", "tuned_all"):
        scores = {"auc": 0.8, "low": 0.7, "high": 0.9}
        columns |= {f"{part}_{name}": [np.nan if part == "tuned" else score] * 2 for name, score in scores.items()}
    figure = faces.recognition_dots(pd.DataFrame(columns, index=["AU04", "AU32"]), "Scores", SOURCE)
    dots = [found for found in figure.axes[0].collections if found.get_label() and found.get_label()[0] != "_"]
    assert [found.get_label() for found in dots] == ["linear probe", "fine-tuned on all"]
    assert all(found.get_offsets()[:, 0].tolist() == [0.8] for found in dots)
    assert "1 with too few" in figure.get_suptitle() and SOURCE in figure.get_suptitle()


def test_transfer_cells_carry_their_scores_and_the_other_datasets_stand_last():
    across = pd.DataFrame(
        {"train": ["bp4d", "bp4d", "unbc", "unbc", "others", "others"], "test": ["bp4d", "unbc"] * 3,
         "f1_macro": [0.6, 0.3, 0.2, 0.5, 0.4, 0.1]}
    )  # fmt: skip
    axes = faces.transfer_map(across, title="F1", source=SOURCE).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.60", "0.30", "0.20", "0.50", "0.40", "0.10"]
    assert [text.get_weight() for text in axes.texts] == ["bold", "normal", "normal", "bold", "normal", "normal"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bp4d", "unbc", "others"]
