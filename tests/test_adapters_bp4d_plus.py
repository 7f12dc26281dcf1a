"""BP4D+: the frame and 34 action units in a short header, otherwise as BP4D."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, SettingsError

CODED = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))
HEADER = ",".join(map(str, (1, *CODED)))


def line(frame: int, *present: int, unknown: tuple[int, ...] = ()) -> str:
    cells = [9 if au in unknown else int(au in present) for au in CODED]
    return ",".join(map(str, [frame, *cells]))


@pytest.fixture
def root(tmp_path):
    occ = tmp_path / "AUCoding/AU_OCC"
    write(occ / "F041_T7.csv", "\n".join([HEADER, line(12, 6, 12), line(13, unknown=(4, 39))]) + "\n")
    write(occ / "M058_T8.csv", "\n".join([HEADER, line(1, 1)]) + "\n")
    write(tmp_path / "AUCoding/AU_INT/AU12/F041_T7_AU12.csv", "12,4\n13,9\n")
    for name in ("F041/T7/011", "F041/T7/012", "M058/T8/0000"):
        write(tmp_path / f"2D+3D/{name}.jpg")
    return tmp_path


def test_rows_as_typed(root):
    table = adapters.read("bp4d_plus", root)
    assert table["image"].tolist() == ["2D+3D/F041/T7/011.jpg", "2D+3D/F041/T7/012.jpg", "2D+3D/M058/T8/0000.jpg"]
    assert table["task"].tolist() == ["T7", "T7", "T8"] and set(table["dataset"]) == {"bp4d_plus"}
    assert [au for au, value in known(table.iloc[0]).items() if value] == ["AU06", "AU12"]
    assert table["AU12_intensity"].fillna(-9).tolist() == [4, -9, -9]


def test_the_first_column_is_the_frame_although_its_header_says_1(root):
    table = adapters.read("bp4d_plus", root)
    assert table["frame"].tolist() == [12, 13, 1] and table["AU01"].tolist() == [0, 0, 1]


def test_nine_may_stand_in_a_single_row(root):
    row = known(adapters.read("bp4d_plus", root).iloc[1])
    assert "AU04" not in row and "AU39" not in row and row["AU12"] == 0


def test_lips_part_and_jaw_drop_are_not_coded(root):
    assert adapters.read("bp4d_plus", root)[["AU25", "AU26"]].isna().all(axis=None)


def test_columns_can_be_taken_by_position_where_the_header_is_no_use(root):
    names = ",".join(["frame", *(f"AU{au}" for au in CODED)])
    text = "\n".join([names, line(12, 6, 12), line(13)]) + "\n"
    write(root / "AUCoding/AU_OCC/F041_T7.csv", text)
    with pytest.raises(DataError, match="F041_T7.csv:1: the header frame,AU1"):
        adapters.read("bp4d_plus", root)
    table = adapters.read("bp4d_plus", root, columns="position")
    assert [au for au, value in known(table.iloc[0]).items() if value] == ["AU06", "AU12"]
    write(root / "AUCoding/AU_OCC/F041_T7.csv", "frame,AU1\n12,1\n")
    with pytest.raises(DataError, match="the file has 2 columns, expected the frame and 34 more"):
        adapters.read("bp4d_plus", root, columns="position")
    with pytest.raises(SettingsError, match="'header', 'position'"):
        adapters.read("bp4d_plus", root, columns="name")


def test_labels_that_outnumber_the_frames_of_the_intensity_file_are_unknown_there(root):
    """As in F041_T7, which has labels and frames of different length."""
    write(root / "AUCoding/AU_INT/AU12/F041_T7_AU12.csv", "13,2\n14,3\n")
    table = adapters.read("bp4d_plus", root)
    assert table["AU12_intensity"].fillna(-9).tolist() == [-9, 2, -9]
    assert "1 frames are not in the occurrence file, the first is 14" in table.attrs["problems"][0]["message"]


def test_a_stray_file_is_noted(root):
    write(root / "AUCoding/AU_OCC/F042T11.csv", "1,1\n")
    table = adapters.read("bp4d_plus", root)
    assert table.attrs["report"]["ignored_files"] == 1 and len(table) == 3
