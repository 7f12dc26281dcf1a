"""DISFA+: two header lines, then the name of an image and an intensity."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

PLACE = "SN003/A5_AU1_4b_TrailNo_1"
HEAD = "# Action unit\n# image     intensity\n"


@pytest.fixture
def root(tmp_path):
    write(tmp_path / f"Labels/{PLACE}/AU1.txt", HEAD + "000.jpg     0\n001.jpg     2\n002.jpg     5\n")
    write(tmp_path / f"Labels/{PLACE}/AU12.txt", HEAD + "000.jpg     1\n001.jpg     0\n002.jpg     3")
    for frame in (0, 1, 2):
        write(tmp_path / f"Images/{PLACE}/{frame:03d}.jpg")
    return tmp_path


def test_rows_as_typed(root):
    table = adapters.read("disfa_plus", root)
    assert [known(row) for _, row in table.iterrows()] == [
        {"AU01": 0, "AU12": 0},
        {"AU01": 1, "AU12": 0},
        {"AU01": 1, "AU12": 1},
    ]
    assert table["frame"].tolist() == [0, 1, 2] and table["AU12_intensity"].tolist() == [1, 0, 3]
    assert table["subject"].tolist() == ["SN003"] * 3 and table["sequence"].unique().tolist() == [PLACE[6:]]
    assert table["image"].tolist()[2] == f"Images/{PLACE}/002.jpg"
    assert table["source"].tolist() == [f"Labels/{PLACE}/AU1.txt:{line}" for line in (3, 4, 5)]


def test_the_threshold_is_a_setting(root):
    assert adapters.read("disfa_plus", root, threshold=1)["AU12"].tolist() == [1, 0, 1]


def test_the_number_of_header_lines_is_a_setting_and_data_in_them_are_noticed(root):
    write(root / f"Labels/{PLACE}/AU1.txt", HEAD.splitlines()[0] + "\n000.jpg     0\n001.jpg     2\n")
    with pytest.raises(DataError, match="AU1.txt:1: expected 2 header lines, found data"):
        adapters.read("disfa_plus", root)
    assert adapters.read("disfa_plus", root, strict=False)["AU01"].isna().all()
    (root / f"Labels/{PLACE}/AU12.txt").unlink()
    assert adapters.read("disfa_plus", root, header_lines=1)["AU01"].tolist() == [0, 1]
    with pytest.raises(SettingsError, match="header_lines=-1"):
        adapters.read("disfa_plus", root, header_lines=-1)


@pytest.mark.parametrize("line", ["000.jpg", "first 0", "000.jpg 0 0", "000.gif 0"])
def test_a_line_that_cannot_be_read_is_left_out(root, line):
    write(root / f"Labels/{PLACE}/AU1.txt", HEAD + line + "\n001.jpg     2\n002.jpg     5\n")
    with pytest.raises(DataError, match="AU1.txt:3: expected an image and an intensity"):
        adapters.read("disfa_plus", root)
    table = adapters.read("disfa_plus", root, strict=False)
    assert table["AU01"].fillna(-9).tolist() == [-9, 1, 1] and table.attrs["report"]["unreadable_rows"] == 1


def test_other_intensities_are_errors_or_unknown(root):
    write(root / f"Labels/{PLACE}/AU1.txt", HEAD + "000.jpg     6\n001.jpg     B\n002.jpg     5\n")
    with pytest.raises(DataError, match="AU1.txt:4: value 'B' is not a whole number"):
        adapters.read("disfa_plus", root)
    assert adapters.read("disfa_plus", root, strict=False)["AU01"].fillna(-9).tolist() == [-9, -9, 1]


def test_a_folder_without_trials_is_an_error(tmp_path):
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Images").mkdir()
    with pytest.raises(DatasetNotFoundError, match="A1_AU1_TrailNo_1"):
        adapters.read("disfa_plus", tmp_path)
