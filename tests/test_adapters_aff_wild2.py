"""Aff-Wild2: row i is image i, faces that were not found leave gaps, and -1 is unknown."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

EIGHT = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n"
TWELVE = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n"


@pytest.fixture
def root(tmp_path):
    sets = tmp_path / "annotations/AU_Set"
    write(
        sets / "Training_Set/10-60-1280x720_left.txt",
        EIGHT + "1,0,0,0,0,0,0,0\n0,1,0,0,0,0,0,0\n0,0,1,0,-1,0,0,0\n-1,-1,-1,-1,-1,-1,-1,-1\n",
    )
    write(sets / "Training_Set/10-60-1280x720_right.txt", EIGHT.strip() + " \n0,0,0,0,1,0,0,1")
    write(sets / "Validation_Set/video55_1.txt", EIGHT + "0,0,0,0,0,0,0,1\n")
    for frame in (2, 3, 4, 5):  # the first face was not found; one image more than rows
        write(tmp_path / f"cropped_aligned/10-60-1280x720_left/{frame:05d}.jpg")
    write(tmp_path / "cropped_aligned/10-60-1280x720_right/00001.jpg")
    write(tmp_path / "cropped_aligned_new_50_vids/video55_1/00001.jpg")
    return tmp_path


def test_rows_and_images_stay_aligned_where_faces_are_missing(root):
    table = adapters.read("aff_wild2", root)
    left = table[table["sequence"] == "10-60-1280x720_left"]
    assert left["frame"].tolist() == [2, 3, 4]
    assert left["image"].tolist() == [f"cropped_aligned/10-60-1280x720_left/0000{i}.jpg" for i in (2, 3, 4)]
    assert known(left.iloc[0])["AU02"] == 1 and known(left.iloc[0])["AU01"] == 0
    file = "annotations/AU_Set/Training_Set/10-60-1280x720_left.txt"
    assert left["source"].tolist() == [f"{file}:{line}" for line in (3, 4, 5)]


def test_minus_one_is_unknown_and_only_there(root):
    left = adapters.read("aff_wild2", root).query("sequence == '10-60-1280x720_left'")
    assert known(left.iloc[1]) == {"AU01": 0, "AU02": 0, "AU04": 1, "AU06": 0, "AU15": 0, "AU20": 0, "AU25": 0}
    assert known(left.iloc[2]) == {}


def test_rows_with_any_unknown_can_be_dropped(root):
    table = adapters.read("aff_wild2", root, drop_if_any_missing=True)
    assert table["frame"].tolist() == [2, 1, 1]


def test_two_people_of_a_video_count_as_one_person_and_stay_apart_as_sequences(root):
    table = adapters.read("aff_wild2", root)
    assert table["subject"].unique().tolist() == ["10-60-1280x720", "video55_1"]
    faces = adapters.read("aff_wild2", root, group="face")
    assert faces["subject"].unique().tolist()[:2] == ["10-60-1280x720_left", "10-60-1280x720_right"]
    assert table["position"].fillna("-").unique().tolist() == ["left", "right", "-"]
    assert table["partition"].unique().tolist() == ["train", "validation"]


def test_images_of_the_second_folder_are_found(root):
    assert adapters.read("aff_wild2", root)["image"].iloc[-1] == "cropped_aligned_new_50_vids/video55_1/00001.jpg"


def test_columns_in_another_order_are_read_by_name(tmp_path):
    write(tmp_path / "annotations/AU_Set/Training_Set/7.txt", "AU25,AU2,AU4,AU6,AU12,AU15,AU20,AU1\n1,0,0,0,0,0,0,0\n")
    write(tmp_path / "cropped_aligned/7/00001.jpg")
    row = known(adapters.read("aff_wild2", tmp_path).iloc[0])
    assert row["AU25"] == 1 and row["AU01"] == 0


def test_the_release_decides_which_units_are_expected(tmp_path):
    file = "3rd_ABAW_Annotations/AU_Detection_Challenge/Train_Set/7.txt"
    write(tmp_path / file, TWELVE + "0,0,0,0,1,0,0,0,0,0,0,1\n")
    write(tmp_path / "cropped_aligned/7/00001.jpg")
    row = known(adapters.read("aff_wild2", tmp_path, release="2022").iloc[0])
    assert [au for au, value in row.items() if value] == ["AU07", "AU26"] and len(row) == 12
    with pytest.raises(DataError, match=r"7.txt:1: the header has 12 columns .* release='2022'"):
        adapters.read("aff_wild2", tmp_path)
    with pytest.raises(SettingsError, match="'2020', '2022'"):
        adapters.read("aff_wild2", tmp_path, release="2021")


def test_other_values_are_errors_with_file_and_line(root):
    path = root / "annotations/AU_Set/Validation_Set/video55_1.txt"
    write(path, EIGHT + "0,0,0,0,0,0,0,1\n0,0,0,5,0,0,0,1\n")
    with pytest.raises(DataError, match=r"video55_1.txt:3: value 5 of AU06 is not one of 0, 1, -1"):
        adapters.read("aff_wild2", root)
    table = adapters.read("aff_wild2", root, strict=False, missing_images="keep")
    assert "AU06" not in known(table.iloc[-1]) and table.attrs["report"]["problems"] == 1


def test_a_short_line_is_left_out_without_moving_the_others(root):
    write(root / "annotations/AU_Set/Validation_Set/video55_1.txt", EIGHT + "0,0,1\n1,0,0,0,0,0,0,1\n")
    write(root / "cropped_aligned_new_50_vids/video55_1/00002.jpg")
    with pytest.raises(DataError, match=r"video55_1.txt:2: the line has 3 values, expected 8"):
        adapters.read("aff_wild2", root)
    last = adapters.read("aff_wild2", root, strict=False).iloc[-1]
    assert last["frame"] == 2 and last["image"].endswith("00002.jpg") and last["AU01"] == 1


def test_numbers_in_exponent_notation_are_read(root):
    write(root / "annotations/AU_Set/Validation_Set/video55_1.txt", EIGHT + "0.0e+00,0,0,1.0000000e+00,0,0,0,-1.0\n")
    row = known(adapters.read("aff_wild2", root).iloc[-1])
    assert row["AU06"] == 1 and "AU25" not in row


def test_a_folder_without_files_is_an_error(tmp_path):
    (tmp_path / "annotations/AU_Set").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match="Training_Set"):
        adapters.read("aff_wild2", tmp_path)


MULTI_TASK = "3rd_ABAW_Annotations/MTL_Challenge"
MTL_HEADER = "image,valence,arousal,expression," + TWELVE


@pytest.fixture
def multi_task(tmp_path):
    write(
        tmp_path / f"{MULTI_TASK}/train_set.txt",
        MTL_HEADER
        + "10-60-1280x720_left/00002.jpg,0.312,-0.5,4,0,0,0,1,0,0,1,0,0,0,1,0\n"
        + "video55_1/00001.jpg,-5,-5,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1,-1\n"
        + "10-60-1280x720_left/00007.jpg,-5,-5,7,0,-1,0,0,0,0,0,0,0,0,0,1\n"
        + "10-60-1280x720_left/00007.jpg,-5,-5,7,0,-1,0,0,0,0,0,0,0,0,0,1",
    )
    write(tmp_path / f"{MULTI_TASK}/validation_set.txt", MTL_HEADER + "9/00001.jpg,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0\n")
    for image in ("10-60-1280x720_left/00002", "10-60-1280x720_left/00007", "video55_1/00001", "9/00001"):
        write(tmp_path / f"cropped_aligned/{image}.jpg")
    return tmp_path


def test_the_multi_task_set_names_its_images(multi_task):
    table = adapters.read("aff_wild2", multi_task, release="2022_mtl")
    assert table["frame"].tolist() == [2, 7, 7, 1, 1]
    assert table["image"].tolist()[1] == "cropped_aligned/10-60-1280x720_left/00007.jpg"
    assert table["source"].tolist()[:2] == [f"{MULTI_TASK}/train_set.txt:{line}" for line in (2, 4)]
    assert table["partition"].tolist() == ["train"] * 4 + ["validation"]
    assert table["position"].fillna("-").tolist() == ["left"] * 3 + ["-"] * 2


def test_the_multi_task_set_has_labels_valence_arousal_and_expression(multi_task):
    table = adapters.read("aff_wild2", multi_task, release="2022_mtl")
    first = known(table.iloc[0])
    assert [au for au, value in first.items() if value] == ["AU06", "AU12", "AU25"] and len(first) == 12
    assert known(table.iloc[3]) == {} and "AU02" not in known(table.iloc[1])
    assert table["valence"].tolist()[0] == pytest.approx(0.312) and table["arousal"].tolist()[0] == -0.5
    assert table["valence"].isna().tolist() == [False, True, True, True, False]
    assert table["expression"].fillna("-").tolist() == ["happiness", "other", "other", "-", "neutral"]


def test_a_repeated_frame_of_the_multi_task_set_is_counted(multi_task):
    report = adapters.read("aff_wild2", multi_task, release="2022_mtl").attrs["report"]
    assert report["repeated_rows"] == 1 and report["conflicting_rows"] == 0


@pytest.mark.parametrize(
    "cells, match",
    [
        ("../9/00001.jpg,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0", "expected <video>/<frame>.jpg"),
        ("/00001.jpg,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0", "expected <video>/<frame>.jpg"),
        ("9/00001.jpg,0,0,0,1,0,0,0,0,0,0,0,0,0,0", "and 15 values"),
        ("9/00001.jpg,2,0,0,1,0,0,0,0,0,0,0,0,0,0,0", "value '2' of valence is not between -1 and 1"),
        ("9/00001.jpg,0,0,8,1,0,0,0,0,0,0,0,0,0,0,0", "value 8 of expression is not one of"),
        ("9/00001.jpg,0,0,0,3,0,0,0,0,0,0,0,0,0,0,0", "value 3 of AU01 is not one of 0, 1, -1"),
    ],
)
def test_rows_of_the_multi_task_set_that_cannot_be_are_errors_or_unknown(multi_task, cells, match):
    write(multi_task / f"{MULTI_TASK}/validation_set.txt", MTL_HEADER + cells + "\n")
    with pytest.raises(DataError, match=f"validation_set.txt:2: .*{match}"):
        adapters.read("aff_wild2", multi_task, release="2022_mtl")
    report = adapters.read("aff_wild2", multi_task, release="2022_mtl", strict=False).attrs["report"]
    assert report["problems"] == 2  # the repeated frame is the other


def test_the_folder_of_the_annotation_is_a_setting(root):
    (root / "annotations").rename(root / "labels")
    with pytest.raises(DatasetNotFoundError, match="AU_Set"):
        adapters.read("aff_wild2", root)
    assert len(adapters.read("aff_wild2", root, annotations="labels/AU_Set")) == 5
