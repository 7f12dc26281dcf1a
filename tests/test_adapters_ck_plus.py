"""CK+: one coded frame a sequence, and an intensity of 0 means present."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.adapters.registry import DATASETS
from aulib.errors import DataError

CODED = set(DATASETS["ck_plus"].coded_aus())


@pytest.fixture
def root(tmp_path):
    facs = tmp_path / "FACS"
    write(
        facs / "S010/004/S010_004_00000019_facs.txt",
        "   4.0000000e+00   0.0000000e+00\n   7.0000000e+00   5.0000000e+00\n"
        "   1.7000000e+01   4.0000000e+00\n   6.4000000e+01   1.0000000e+00\n",
    )
    write(facs / "S999/001/S999_001_00000018_facs.txt", "4.00000000000e+00 3e0\n2.2e+01   2.0000000e+00")
    write(facs / "S999/003/S999_003_00000002_facs.txt")
    for place, peak in {"S010/004": 19, "S999/001": 18, "S999/003": 2}.items():
        for frame in range(1, peak + 1):
            write(tmp_path / f"cohn-kanade-images/{place}/{place.replace('/', '_')}_{frame:08d}.png")
    write(tmp_path / "Emotion/S010/004/S010_004_00000019_emotion.txt", "   1.0000000e+00\n")
    (tmp_path / "Emotion/S999/001").mkdir(parents=True)
    return tmp_path


def test_only_the_peak_is_in_the_table(root):
    table = adapters.read("ck_plus", root)
    assert table["frame"].tolist() == [19, 18, 2]
    assert table["image"].tolist()[0] == "cohn-kanade-images/S010/004/S010_004_00000019.png"
    assert table["source"].tolist()[0] == "FACS/S010/004/S010_004_00000019_facs.txt"
    assert table["subject"].tolist() == ["S010", "S999", "S999"]
    assert table["sequence"].tolist() == ["004", "001", "003"]


def test_intensity_zero_is_present_with_unknown_intensity(root):
    row = adapters.read("ck_plus", root).iloc[0]
    assert [au for au, value in known(row).items() if value] == ["AU04", "AU07", "AU17"]
    assert row.isna()["AU04_intensity"] and row["AU07_intensity"] == 5 and row["AU17_intensity"] == 4
    assert row["AU12_intensity"] == 0


def test_a_coded_unit_that_is_not_listed_is_absent_and_any_other_unknown(root):
    table = adapters.read("ck_plus", root)
    assert set(known(table.iloc[0])) == set(known(table.iloc[1])) == CODED


def test_units_that_would_be_known_only_where_displayed_are_unknown_counted_and_can_be_kept(root):
    assert adapters.read("ck_plus", root).attrs["report"]["listed_only"] == 1
    table = adapters.read("ck_plus", root, listed_only="present")
    assert set(known(table.iloc[1])) == CODED | {"AU22"} and table["AU22"].iloc[1] == 1


def test_an_empty_file_is_a_frame_without_any_unit(root):
    assert known(adapters.read("ck_plus", root).iloc[2]) == dict.fromkeys(sorted(CODED), 0)


def test_units_without_a_column_are_counted(root):
    assert adapters.read("ck_plus", root).attrs["report"]["other_aus"] == {"AU64": 1}


def test_which_units_are_assumed_absent_is_a_setting(root):
    row = adapters.read("ck_plus", root, assume_absent_for=("AU04", "AU12"), listed_only="present").iloc[0]
    assert known(row) == {"AU04": 1, "AU07": 1, "AU12": 0, "AU17": 1}


def test_emotions_where_there_is_one(root):
    assert adapters.read("ck_plus", root)["emotion"].fillna("-").tolist() == ["anger", "-", "-"]


def test_the_first_frame_can_count_as_neutral(root):
    table = adapters.read("ck_plus", root, neutral_first_frame=True)
    assert table["frame"].tolist() == [1, 19, 1, 18, 1, 2]
    assert known(table.iloc[0]) == dict.fromkeys(sorted(CODED), 0)
    assert table.iloc[0].isna()["emotion"] and table["image"].iloc[0].endswith("S010_004_00000001.png")


def test_all_frames_can_have_the_label_of_the_peak(root):
    table = adapters.read("ck_plus", root, frames="sequence")
    assert len(table) == 19 + 18 + 2
    assert (table["AU07"].iloc[:19] == 1).all()


def test_other_folder_names_are_found(root):
    (root / "FACS").rename(root / "x")
    (root / "FACS_labels").mkdir()
    (root / "x").rename(root / "FACS_labels/FACS")
    (root / "Emotion").rename(root / "Emotions")
    (root / "extended-cohn-kanade-images").mkdir()
    (root / "cohn-kanade-images").rename(root / "extended-cohn-kanade-images/cohn-kanade-images")
    table = adapters.read("ck_plus", root)
    assert len(table) == 3 and table["emotion"].iloc[0] == "anger"


def test_an_intensity_out_of_range_is_an_error_or_unknown(root):
    write(root / "FACS/S999/003/S999_003_00000002_facs.txt", "1 2\n4 6\n")
    with pytest.raises(DataError, match=r"S999_003_00000002_facs.txt:2: intensity 6 of AU04 is not between 0 and 5"):
        adapters.read("ck_plus", root)
    row = adapters.read("ck_plus", root, strict=False).iloc[2]
    assert row["AU04"] == 1 and row.isna()["AU04_intensity"] and row["AU01_intensity"] == 2


@pytest.mark.parametrize("line", ["4 2 7", "four 2", "4", "400 1"])
def test_a_line_that_cannot_be_read_leaves_the_frame_out(root, line):
    """Otherwise the action unit on that line would count as absent."""
    write(root / "FACS/S999/003/S999_003_00000002_facs.txt", f"1 2\n{line}\n")
    with pytest.raises(DataError, match="S999_003_00000002_facs.txt:2: "):
        adapters.read("ck_plus", root)
    table = adapters.read("ck_plus", root, strict=False)
    assert len(table) == 2 and table.attrs["report"]["unreadable_rows"] == 1


def test_an_emotion_out_of_range_is_an_error_or_unknown(root):
    write(root / "Emotion/S010/004/S010_004_00000019_emotion.txt", "   8.0000000e+00\n")
    with pytest.raises(DataError, match="emotion 8"):
        adapters.read("ck_plus", root)
    assert adapters.read("ck_plus", root, strict=False)["emotion"].isna().all()


def test_an_empty_file_can_count_as_unknown(root):
    table = adapters.read("ck_plus", root, empty="unknown")
    assert known(table.iloc[2]) == {} and len(known(table.iloc[0])) == len(CODED)
    assert table.attrs["report"]["empty_files"] == 1
