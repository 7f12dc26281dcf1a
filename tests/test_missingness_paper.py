"""The paper's 69.07 % and its Table 3: what follows from Table 1, under assumptions that are named."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from aulib import facs, missingness, paper
from aulib.errors import SettingsError

IMAGES = {"actor_study": 100_232, "aff_wild2": 196_672, "bp4d": 366_954, "ck_plus": 10_733, "emotionet": 24_597}
IMAGES["unbc"] = 48_397
CELLS = 45 * 747_585


def test_the_papers_rate_follows_from_table_1_and_the_assumed_masks():
    known = sum(missingness.PAPER_MASKS[name] * images for name, images in IMAGES.items())
    assert missingness.paper_missing_rate() == pytest.approx(1 - known / CELLS)
    assert missingness.paper_missing_rate() == pytest.approx(0.69074, abs=5e-6)


def test_the_thirteen_trained_units_are_far_less_incomplete():
    coded = missingness.table_3().loc[list(facs.PAPER_13)].sum().to_dict()
    masks = {"actor_study": 13, "aff_wild2": 7, "bp4d": 12, "ck_plus": 13, "emotionet": 10, "unbc": 6}
    assert coded == masks
    assert missingness.paper_missing_rate(masks, aus=13) == pytest.approx(0.202, abs=5e-4)


def test_bp4d_with_27_units_cannot_give_the_papers_rate():
    """Too much is known then, even if of the others only Aff-Wild2 coded its 8 units and the rest nothing at all."""
    masks = dict.fromkeys(IMAGES, 0) | {"bp4d": 27, "aff_wild2": 8}
    assert missingness.paper_missing_rate(masks) < 0.69065
    assert missingness.mask_combinations(missingness.PLAUSIBLE_MASKS | {"bp4d": [27]}).empty


def test_combinations_are_those_of_a_loop():
    sizes = {name: range(size - 1, size + 2) for name, size in missingness.PAPER_MASKS.items()}
    expected = []
    for masks in itertools.product(*sizes.values()):
        rate = 1 - sum(k * n for k, n in zip(masks, IMAGES.values(), strict=True)) / CELLS
        if f"{rate:.4f}" == "0.6907":
            expected.append(masks)
    found = missingness.mask_combinations(sizes)
    assert sorted(found[list(sizes)].itertuples(index=False, name=None)) == sorted(expected)
    assert found.attrs["tried"] == 3**6 and tuple(missingness.PAPER_MASKS.values()) in expected


def test_every_plausible_combination_reproduces_the_printed_rate():
    found = missingness.mask_combinations()
    for row in found.to_dict("records"):
        rate = row.pop("rate")
        assert missingness.paper_missing_rate(row) == pytest.approx(rate) and f"{rate:.2%}" == "69.07%"
    assert found.attrs["tried"] == np.prod([len(sizes) for sizes in missingness.PLAUSIBLE_MASKS.values()])
    assert found["bp4d"].max() < 27 < max(missingness.PLAUSIBLE_MASKS["bp4d"])
    usual = found[(found["bp4d"] == 12) & (found["emotionet"] == 23)]
    assert usual[["actor_study", "ck_plus", "unbc"]].to_numpy().tolist() == [[30, 30, 11]]


def test_the_order_in_which_sizes_are_given_does_not_matter():
    sizes = {name: [size] for name, size in reversed(missingness.PAPER_MASKS.items())}
    assert missingness.mask_combinations(sizes)["actor_study"].tolist() == [30]
    assert missingness.mask_combinations(sizes, rate=0.5).empty
    assert len(missingness.mask_combinations(sizes, rate=0.69, digits=2)) == 1


def test_masks_are_checked():
    with pytest.raises(SettingsError, match="no dataset disfa in the paper"):
        missingness.paper_missing_rate({"disfa": 12})
    with pytest.raises(SettingsError, match="cannot code 46 of 45"):
        missingness.paper_missing_rate({"bp4d": 46})
    with pytest.raises(SettingsError, match="no dataset given"):
        missingness.paper_missing_rate({})
    with pytest.raises(SettingsError, match="to try for aff_wild2, ck_plus"):
        missingness.mask_combinations({name: [10] for name in ("actor_study", "bp4d", "emotionet", "unbc")})
    with pytest.raises(SettingsError, match="bp4d cannot code 46 of 45"):
        missingness.mask_combinations(missingness.PLAUSIBLE_MASKS | {"bp4d": [12, 46]})


def test_table_3_has_the_papers_form_and_the_documented_marks():
    table = missingness.table_3()
    assert table.index.tolist() == list(facs.ALL) and table.columns.tolist() == paper.TABLE_1.index.tolist()
    marked = {name: [int(au[2:]) for au in facs.ALL if table.loc[au, name]] for name in table.columns}
    assert marked["aff_wild2"] == [1, 2, 4, 6, 12, 15, 20, 25]
    assert marked["emotionet"] == [1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, *range(51, 57)]
    assert marked["unbc"] == [4, 6, 7, 9, 10, 12, 20, 25, 26, 43]
    assert not {25, 26, 43} & set(marked["bp4d"]) and {1, 12, 24} <= set(marked["bp4d"])


def test_a_release_changes_the_marks():
    later = missingness.table_3({"aff_wild2": "2022"})["aff_wild2"]
    assert [au for au in facs.ALL if later[au]] == [facs.code(n) for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]
    with pytest.raises(SettingsError, match="aff_wild2 has no release '1999'; it has: 2020, 2022"):
        missingness.table_3({"aff_wild2": "1999"})
    with pytest.raises(SettingsError, match="no dataset gft"):
        missingness.table_3({"gft": "1"})


def test_documentation_and_data_are_compared_cell_by_cell():
    columns = {au: pd.array([None, None], "Int8") for au in facs.ALL}
    columns |= {"AU04": pd.array([1, None], "Int8"), "AU15": pd.array([1, None], "Int8")}
    db = pd.DataFrame({"dataset": pd.array(["unbc", "own"], "string"), **columns})
    states = missingness.table_3_against(db)
    assert states.columns.tolist() == ["unbc"], "a dataset that the paper does not have is not in its Table 3"
    found = states["unbc"][["AU04", "AU06", "AU15", "AU01"]].tolist()
    assert found == ["both", "documented", "known", ""]
