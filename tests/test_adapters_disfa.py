"""DISFA: one file an action unit, frames from 1, and a threshold that decides what is displayed."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
LABELS = "ActionUnit_Labels"


@pytest.fixture
def root(tmp_path):
    for unit in UNITS:
        write(tmp_path / f"{LABELS}/SN001/SN001_au{unit}.txt", "1,0\n2,0\n3,0\n")
    write(tmp_path / f"{LABELS}/SN001/SN001_au4.txt", "1,1\n2,2\n3,5\n")
    write(tmp_path / f"{LABELS}/SN010/SN010_au25.txt", "1,3\n2,0")
    for name in ("SN001/00001", "SN001/00002", "SN001/00003", "SN010/00001", "SN010/00002"):
        write(tmp_path / f"Images/{name}.png")
    return tmp_path


def test_rows_as_typed(root):
    table = adapters.read("disfa", root)
    assert table["subject"].tolist() == ["SN001"] * 3 + ["SN010"] * 2
    assert table["frame"].tolist() == [1, 2, 3, 1, 2]
    assert table["image"].tolist()[:2] == ["Images/SN001/00001.png", "Images/SN001/00002.png"]
    assert table["AU04_intensity"].tolist()[:3] == [1, 2, 5]
    assert known(table.iloc[0]) == dict.fromkeys([f"AU{unit:02d}" for unit in UNITS], 0)


def test_two_and_above_is_displayed_unless_told_otherwise(root):
    assert adapters.read("disfa", root)["AU04"].tolist()[:3] == [0, 1, 1]
    assert adapters.read("disfa", root, threshold=1)["AU04"].tolist()[:3] == [1, 1, 1]
    with pytest.raises(SettingsError, match="disfa: threshold=0"):
        adapters.read("disfa", root, threshold=0)


def test_an_action_unit_without_a_file_is_unknown_and_never_absent(root):
    table = adapters.read("disfa", root)
    assert known(table.iloc[3]) == {"AU25": 1} and known(table.iloc[4]) == {"AU25": 0}
    messages = [problem["message"] for problem in table.attrs["problems"]]
    assert len(messages) == 11 and messages[0] == "no file for AU01 could be read: it is unknown"


def test_the_action_unit_comes_from_the_name_of_the_file(root):
    """Not from its place in the folder, in which au12 stands before au2."""
    write(root / f"{LABELS}/SN001/SN001_au12.txt", "1,4\n2,0\n3,0\n")
    row = adapters.read("disfa", root).iloc[0]
    assert row["AU12"] == 1 and row["AU02"] == 0


def test_files_are_matched_by_frame(root):
    write(root / f"{LABELS}/SN001/SN001_au1.txt", "2,3\n")
    table = adapters.read("disfa", root)
    assert table["AU01"].fillna(-9).tolist()[:3] == [-9, 1, -9]
    assert table["source"].tolist()[:2] == [f"{LABELS}/SN001/SN001_au2.txt:1", f"{LABELS}/SN001/SN001_au1.txt:1"]


def test_images_that_count_from_zero_are_a_setting(root):
    (root / "Images/SN001/00001.png").rename(root / "Images/SN001/0.png")
    table = adapters.read("disfa", root, frame_offset=-1)
    assert table["image"].tolist()[0] == "Images/SN001/0.png" and table["frame"].tolist()[0] == 1
    with pytest.raises(SettingsError, match="frame_offset='0'"):
        adapters.read("disfa", root, frame_offset="0")


def test_the_place_of_the_images_is_a_setting(root):
    write(root / "left/LeftVideoSN010/1.jpg")
    table = adapters.read("disfa", root, images="left/LeftVideo{subject}")
    assert table["image"].tolist() == ["left/LeftVideoSN010/1.jpg"]
    with pytest.raises(SettingsError, match="with {subject}"):
        adapters.read("disfa", root, images="left")


def test_a_code_for_unknown_can_be_given(root):
    write(root / f"{LABELS}/SN001/SN001_au4.txt", "1,9\n2,2\n3,5\n")
    with pytest.raises(DataError, match=r"SN001_au4.txt:1: value 9 of AU04 is not one of 0, 1, 2, 3, 4, 5"):
        adapters.read("disfa", root)
    table = adapters.read("disfa", root, unknown_codes=9)
    assert table["AU04"].fillna(-9).tolist()[:3] == [-9, 1, 1] and table.attrs["report"]["problems"] == 11
    with pytest.raises(SettingsError, match="holds an intensity"):
        adapters.read("disfa", root, unknown_codes=(5,))


def test_a_frame_with_two_intensities_is_an_error_or_unknown(root):
    write(root / f"{LABELS}/SN001/SN001_au4.txt", "1,1\n2,2\n2,2\n3,5\n3,0\n")
    with pytest.raises(DataError, match=r"SN001_au4.txt:5: frame 3 is given again, with another intensity"):
        adapters.read("disfa", root)
    table = adapters.read("disfa", root, strict=False)
    assert table["AU04"].fillna(-9).tolist()[:3] == [0, 1, -9] and len(table) == 5


def test_two_files_for_one_action_unit_are_refused(root):
    write(root / f"{LABELS}/SN001/SN001_au04.txt", "1,0\n2,0\n3,0\n")
    with pytest.raises(DataError, match="more than one file for AU04"):
        adapters.read("disfa", root)
    assert adapters.read("disfa", root, strict=False)["AU04"].isna().all()


def test_files_with_other_names_are_noted(root):
    write(root / f"{LABELS}/SN001/notes.txt", "hello")
    table = adapters.read("disfa", root)
    assert table.attrs["report"]["ignored_files"] == 1
    assert table.attrs["problems"][0]["path"] == f"{LABELS}/SN001/notes.txt"


def test_a_folder_without_people_is_an_error(tmp_path):
    (tmp_path / LABELS).mkdir()
    with pytest.raises(DatasetNotFoundError, match="SN001"):
        adapters.read("disfa", tmp_path)
