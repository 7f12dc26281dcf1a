"""BP4D: 9 is unknown, AU25 and AU26 are not coded, and annotation frame f is image f - 1."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, SettingsError

HEADER = ",".join(str(n) for n in range(100))
CODED = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))


def line(frame: int, present: tuple[int, ...] = (), last: int = 9) -> str:
    """A row of AU_OCC as in the real files: 9 in every column that is not coded."""
    cells = [int(au in present) if au in CODED else 9 for au in range(1, 99)]
    return ",".join(map(str, [frame, *cells, last]))


@pytest.fixture
def root(tmp_path):
    occ = tmp_path / "AUCoding/AU_OCC"
    write(occ / "F001_T1.csv", "\n".join([HEADER, line(2440, (6, 12)), line(2441, (4,)), line(2442)]) + "\n")
    write(occ / "M010_T3.csv", "\n".join([HEADER, line(1, (1, 2)), line(2)]) + "\n")
    for name in ("2438", "2439", "2440", "2441"):
        write(tmp_path / f"Sequences(2D+3D)/F001/T1/{name}.jpg")
    for name in ("000", "001", "002"):
        write(tmp_path / f"Sequences(2D+3D)/M010/T3/{name}.jpg")
    for au, values in {"AU06": "2440,3\n2441,0\n2442,9\n", "AU12": "2440,5\n2441,9\n2442,0\n"}.items():
        write(tmp_path / f"AUCoding/AU_INT/{au}/F001_T1_{au}.csv", values)
    return tmp_path


def test_frame_f_is_image_f_minus_one(root):
    table = adapters.read("bp4d", root)
    assert table["frame"].tolist() == [2440, 2441, 2442, 1, 2]
    assert table["image"].tolist() == [
        "Sequences(2D+3D)/F001/T1/2439.jpg",
        "Sequences(2D+3D)/F001/T1/2440.jpg",
        "Sequences(2D+3D)/F001/T1/2441.jpg",
        "Sequences(2D+3D)/M010/T3/000.jpg",
        "Sequences(2D+3D)/M010/T3/001.jpg",
    ]


def test_the_offset_is_a_setting(root):
    table = adapters.read("bp4d", root, frame_offset=0)
    assert table["image"].tolist()[0] == "Sequences(2D+3D)/F001/T1/2440.jpg"
    assert table["frame"].tolist() == [2440, 2441, 1, 2]  # 2442.jpg does not exist


def test_columns_of_nines_are_unknown_and_au25_and_au26_are_among_them(root):
    row = known(adapters.read("bp4d", root).iloc[0])
    assert [au for au, value in row.items() if value] == ["AU06", "AU12"]
    assert set(row) == {f"AU{n:02d}" for n in CODED if n not in (35, 36)}
    assert "AU25" not in row and "AU26" not in row


def test_people_tasks_and_sources(root):
    table = adapters.read("bp4d", root)
    assert table["subject"].tolist() == ["F001"] * 3 + ["M010"] * 2
    assert table["task"].tolist() == ["T1"] * 3 + ["T3"] * 2
    assert table["sequence"].unique().tolist() == ["T1", "T3"]
    assert table["source"].tolist()[2:4] == ["AUCoding/AU_OCC/F001_T1.csv:4", "AUCoding/AU_OCC/M010_T3.csv:2"]


def test_intensities_come_from_their_own_files_and_nine_is_unknown(root):
    table = adapters.read("bp4d", root)
    assert table["AU06_intensity"].fillna(-9).tolist() == [3, 0, -9, -9, -9]
    assert table["AU12_intensity"].fillna(-9).tolist() == [5, -9, 0, -9, -9]
    assert table["AU10_intensity"].isna().all()
    assert table["AU06"].tolist() == [1, 0, 0, 0, 0]  # an unknown intensity leaves presence as it is
    assert table.attrs["report"]["intensity_disagrees"] == 0


def test_intensities_are_matched_by_frame(root):
    write(root / "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", "2442,0\n2440,3\n9999,5\n")
    assert adapters.read("bp4d", root)["AU06_intensity"].fillna(-9).tolist() == [3, -9, 0, -9, -9]


def test_intensity_and_presence_that_disagree_are_counted(root):
    write(root / "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", "2440,0\n2441,2\n2442,9\n")
    assert adapters.read("bp4d", root).attrs["report"]["intensity_disagrees"] == 2


def test_files_with_named_columns_are_read_by_their_header(root):
    write(root / "AUCoding/AU_OCC/F001_T1.csv", "1,12,1,2,4\n2440,1,0,0,9\n2441,0,1,1,1\n")
    table = adapters.read("bp4d", root)
    assert known(table.iloc[0]) == {"AU01": 0, "AU02": 0, "AU12": 1}
    assert known(table.iloc[1]) == {"AU01": 1, "AU02": 1, "AU04": 1, "AU12": 0}


def test_occluded_frames_of_the_fera_release_are_unknown(root):
    text = "\n".join([HEADER, line(1, (1, 2), last=0), line(2, (1,), last=1)]) + "\n"
    write(root / "AUCoding/AU_OCC/M010_T3.csv", text)
    table = adapters.read("bp4d", root)
    assert known(table.iloc[3])["AU02"] == 1 and known(table.iloc[4]) == {}
    assert table.attrs["report"]["occluded"] == 1
    assert known(adapters.read("bp4d", root, occluded="ignore").iloc[4])["AU01"] == 1
    with pytest.raises(SettingsError, match="'unknown', 'ignore'"):
        adapters.read("bp4d", root, occluded="drop")


def test_annotation_directly_in_the_coding_folder_and_other_image_folders(tmp_path):
    write(tmp_path / "AUCoding/F002_T8.csv", "\n".join([HEADER, line(3, (14,))]))
    write(tmp_path / "Sequences_2D+3D/F002/T8/0002.jpg")
    table = adapters.read("bp4d", tmp_path)
    assert table["image"].tolist() == ["Sequences_2D+3D/F002/T8/0002.jpg"]


@pytest.mark.parametrize("bad, problem", [("7", "value 7 of AU01 is not one of 0, 1, 9"), ("x", "value 'x' is not")])
def test_other_values_are_errors_or_unknown(root, bad, problem):
    first = line(1).split(",")
    text = "\n".join([HEADER, ",".join([first[0], bad, *first[2:]]), line(2)]) + "\n"
    write(root / "AUCoding/AU_OCC/M010_T3.csv", text)
    with pytest.raises(DataError, match=rf"M010_T3.csv:2: {problem}"):
        adapters.read("bp4d", root)
    table = adapters.read("bp4d", root, strict=False)
    assert "AU01" not in known(table.iloc[3]) and known(table.iloc[3])["AU02"] == 0
    assert table.attrs["report"]["problems"] == 1


def test_a_row_without_a_frame_number_is_left_out(root):
    text = "\n".join([HEADER, "?" + line(1)[1:], line(2)]) + "\n"
    write(root / "AUCoding/AU_OCC/M010_T3.csv", text)
    assert adapters.read("bp4d", root, strict=False)["frame"].tolist() == [2440, 2441, 2442, 2]


def test_a_header_that_is_no_number_is_refused(root):
    write(root / "AUCoding/AU_OCC/M010_T3.csv", "frame,AU1,AU2\n1,0,0\n")
    with pytest.raises(DataError, match="M010_T3.csv:1: the header frame,AU1,AU2"):
        adapters.read("bp4d", root)


def test_intensity_can_stand_in_for_occurrence_that_is_not_there(root):
    write(root / "AUCoding/AU_OCC/F001_T1.csv", "1,1,2\n2440,0,0\n2441,0,1\n2442,0,0\n")
    table = adapters.read("bp4d", root)
    assert table["AU06"].isna()[:3].all() and table.attrs["report"]["intensity_only"] == 4
    assert adapters.read("bp4d", root, threshold=1)["AU06"].fillna(-9).tolist() == [1, 0, -9, 0, 0]
    assert adapters.read("bp4d", root, threshold=4)["AU06"].fillna(-9).tolist() == [0, 0, -9, 0, 0]
    with pytest.raises(SettingsError, match="bp4d: threshold=0"):
        adapters.read("bp4d", root, threshold=0)


def test_a_frame_with_two_intensities_is_an_error_or_unknown(root):
    write(root / "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", "2440,3\n2441,0\n2441,2\n2442,1\n")
    with pytest.raises(DataError, match=r"F001_T1_AU06.csv:3: frame 2441 is given again, with another intensity"):
        adapters.read("bp4d", root)
    table = adapters.read("bp4d", root, strict=False)
    assert table["AU06_intensity"].fillna(-9).tolist()[:3] == [3, -9, 1]


def test_an_intensity_file_without_its_occurrence_file_is_noted(root):
    write(root / "AUCoding/AU_INT/AU10/F002_T1_AU10.csv", "1,3\n")
    table = adapters.read("bp4d", root)
    assert table.attrs["report"]["ignored_files"] == 1 and len(table) == 5


def test_folders_are_settings(root):
    (root / "AUCoding").rename(root / "labels")
    (root / "Sequences(2D+3D)").rename(root / "pictures")
    table = adapters.read("bp4d", root, annotations="labels/AU_OCC", image_folder="pictures")
    assert table["image"].tolist()[0] == "pictures/F001/T1/2439.jpg" and table["AU06_intensity"].tolist()[0] == 3
