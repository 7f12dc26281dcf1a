"""UNBC: an empty file is a frame without action units, AU43 has no intensity, the pain score is recomputed."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

CODED = ("AU04", "AU06", "AU07", "AU09", "AU10", "AU12", "AU20", "AU25", "AU26", "AU43")
PLACE = "042-ll042/ll042t1aaaff/ll042t1aaaff"


def line(au: int, intensity: int) -> str:
    return f"   {au:.7e}   {intensity:.7e}   0.0000000e+00   0.0000000e+00\n"


#: Frame -> (text of the FACS file, pain score). Frame 3 scores AU04 + max(AU06, AU07) + max(AU09, AU10) + AU43 = 8.
FRAMES = {
    1: ("", "   0.0000000e+00\n"),
    2: (line(12, 3) + line(25, 0), "   0.0000000e+00\n"),
    3: (line(4, 2) + line(6, 3) + line(7, 4) + line(10, 1) + line(43, 0), "   8.0000000e+00\n"),
    4: (line(50, 1) + line(15, 2), "0.0e+00"),
}


@pytest.fixture
def root(tmp_path):
    for frame, (text, score) in FRAMES.items():
        write(tmp_path / f"Frame_Labels/FACS/{PLACE}{frame:03d}_facs.txt", text)
        write(tmp_path / f"Frame_Labels/PSPI/{PLACE}{frame:03d}_facs.txt", score)
        write(tmp_path / f"Images/{PLACE}{frame:03d}.png")
    write(tmp_path / f"Images/{PLACE}005.png")  # an image without annotation
    return tmp_path


def test_an_empty_file_means_every_coded_unit_is_absent(root):
    table = adapters.read("unbc", root)
    assert table["frame"].tolist() == [1, 2, 3, 4]
    assert known(table.iloc[0]) == dict.fromkeys(CODED, 0)
    assert table["AU04_intensity"].iloc[0] == 0 and table["image"].iloc[0] == f"Images/{PLACE}001.png"


def test_intensity_zero_means_absent(root):
    row = adapters.read("unbc", root).iloc[1]
    assert row["AU12"] == 1 and row["AU12_intensity"] == 3 and row["AU25"] == 0


def test_au43_is_present_whatever_its_number(root):
    assert adapters.read("unbc", root)["AU43"].tolist() == [0, 0, 1, 0]


def test_units_not_looked_for_throughout_are_unknown_even_where_listed_unless_told_otherwise(root):
    table = adapters.read("unbc", root)
    assert table["AU15"].isna().all()
    assert table.attrs["report"]["other_aus"] == {"AU50": 1}
    assert table.attrs["report"]["listed_only"] == 1
    kept = adapters.read("unbc", root, listed_only="present")
    assert kept["AU15"].fillna(-9).tolist() == [-9, -9, -9, 1]
    told = adapters.read("unbc", root, assume_absent_for=(*CODED, "AU15"))
    assert told["AU15"].tolist() == [0, 0, 0, 1]


def test_people_sequences_and_sources(root):
    row = adapters.read("unbc", root).iloc[2]
    assert (row["subject"], row["sequence"], row["frame"]) == ("042-ll042", "ll042t1aaaff", 3)
    assert row["source"] == f"Frame_Labels/FACS/{PLACE}003_facs.txt"


def test_the_pain_score_agrees_with_the_action_units(root):
    table = adapters.read("unbc", root)
    assert table["pspi"].tolist() == [0, 0, 8, 0]
    assert table.attrs["report"]["pspi_disagrees"] == 0 and table.attrs["problems"] == []


def test_a_pain_score_that_disagrees_is_noted(root):
    write(root / f"Frame_Labels/PSPI/{PLACE}003_facs.txt", "   7.0000000e+00\n")
    table = adapters.read("unbc", root)
    assert table.attrs["report"]["pspi_disagrees"] == 1
    assert "7, the action units give 8" in table.attrs["problems"][0]["message"]


def test_pain_scores_are_optional(root):
    assert adapters.read("unbc", root, read_pspi=False)["pspi"].isna().all()


def test_annotation_without_image_is_dropped_or_kept(root):
    (root / f"Images/{PLACE}002.png").unlink()
    assert adapters.read("unbc", root)["frame"].tolist() == [1, 3, 4]
    assert adapters.read("unbc", root, missing_images="keep")["frame"].tolist() == [1, 2, 3, 4]


def test_the_threshold_is_a_setting(root):
    table = adapters.read("unbc", root, threshold=2)
    assert table["AU10"].tolist() == [0, 0, 0, 0] and table["AU04"].tolist() == [0, 0, 1, 0]
    assert table["AU10_intensity"].tolist() == [0, 0, 1, 0]
    with pytest.raises(SettingsError, match="1 to 5"):
        adapters.read("unbc", root, threshold=0)


def test_doubled_folders_are_found(root):
    (root / "Frame_Labels").rename(root / "x")
    (root / "Images").rename(root / "y")
    (root / "Frame_Labels").mkdir()
    (root / "Images").mkdir()
    (root / "x").rename(root / "Frame_Labels/Frame_Labels")
    (root / "y").rename(root / "Images/Images")
    assert adapters.read("unbc", root)["image"].iloc[0] == f"Images/Images/{PLACE}001.png"


def test_intensities_out_of_range_are_errors_or_unknown(root):
    write(root / f"Frame_Labels/FACS/{PLACE}001_facs.txt", line(6, 6))
    with pytest.raises(DataError, match=r"ll042t1aaaff001_facs.txt:1: intensity 6 of AU06"):
        adapters.read("unbc", root)
    row = adapters.read("unbc", root, strict=False).iloc[0]
    assert row.isna()["AU06"] and row.isna()["AU06_intensity"] and row["AU04"] == 0


def test_a_line_that_cannot_be_read_leaves_the_frame_out(root):
    write(root / f"Frame_Labels/FACS/{PLACE}001_facs.txt", "   6.0000000e+00   2.0000000e+00\n")
    with pytest.raises(DataError, match="the line has 2 numbers, expected 4"):
        adapters.read("unbc", root)
    assert adapters.read("unbc", root, strict=False)["frame"].tolist() == [2, 3, 4]


def test_a_folder_without_sequences_is_an_error(tmp_path):
    (tmp_path / "Frame_Labels/FACS").mkdir(parents=True)
    (tmp_path / "Images").mkdir()
    with pytest.raises(DatasetNotFoundError, match="042-ll042/ll042t1aaaff"):
        adapters.read("unbc", tmp_path)


def test_the_number_of_au43_can_decide(root):
    """Published readers differ: frame 3 lists AU43 with the number 0."""
    assert adapters.read("unbc", root, au43="value")["AU43"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("text", ["17", "-1", "nan", "1 2", "pain"])
def test_a_pain_score_that_cannot_be_is_an_error_or_unknown(root, text):
    write(root / f"Frame_Labels/PSPI/{PLACE}003_facs.txt", text)
    with pytest.raises(DataError, match="PSPI/.*003_facs.txt:1: "):
        adapters.read("unbc", root)
    table = adapters.read("unbc", root, strict=False)
    assert table["pspi"].isna().tolist() == [False, False, True, False] and table["AU04"].tolist()[2] == 1
