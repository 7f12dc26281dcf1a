"""EmotioNet: 999 is unknown, headers carry quotes, and images are found by the end of their URL."""

from __future__ import annotations

import pandas as pd
import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError

S3 = "https://s3.us-east-2.amazonaws.com/emotionet/Images"
TABLE = f"""\
URL,URL orig,'AU 1', 'AU 2',"'AU 43'",AU 51,AU60
'{S3}/N_0000000001/N_0000000001_00001.jpg','http://a.org/a.jpg',1,0,999,0,999
'{S3}/N_0000000001/N_0000000001_00002.jpg',"'http://a.org/Jörg, smiling.jpg'",0,999,1,9,999
'{S3}/N_0000000002/N_0000000001_00001.jpg','http://b.org/b.jpg',,,,,
'{S3}/N_0000000002/N_0000000002_00007.jpg','http://b.org/c.jpg',1,1,1,1,1
"""


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "EmotioNet_FACS_aws_2020_24600.csv", TABLE)
    for name in ("N_0000000001/N_0000000001_00001", "N_0000000002/N_0000000001_00001"):
        write(tmp_path / f"images/{name}.jpg")
    write(tmp_path / "images/N_0000000001_00002.jpg")  # a flat copy
    return tmp_path


def test_rows_as_typed(root):
    table = adapters.read("emotionet", root, missing_images="keep")
    assert [known(row) for _, row in table.iterrows()] == [
        {"AU01": 1, "AU02": 0, "AU51": 0},
        {"AU01": 0, "AU43": 1},
        {},
        {"AU01": 1, "AU02": 1, "AU43": 1, "AU51": 1},
    ]
    assert table["source"].tolist()[0] == "EmotioNet_FACS_aws_2020_24600.csv:2"
    assert table["frame"].isna().all() and table["sequence"].isna().all()
    assert table.attrs["report"]["other_aus"] == {"AU60": 1}


def test_images_by_folder_and_name_then_by_a_name_that_is_unique(root):
    table = adapters.read("emotionet", root, missing_images="keep")
    assert table["image"].fillna("-").tolist() == [
        "images/N_0000000001/N_0000000001_00001.jpg",
        "images/N_0000000001_00002.jpg",
        "images/N_0000000002/N_0000000001_00001.jpg",
        "-",
    ]


def test_a_name_that_two_rows_ask_for_is_not_guessed(root):
    (root / "images/N_0000000002/N_0000000001_00001.jpg").unlink()
    table = adapters.read("emotionet", root)
    assert table["image"].tolist() == ["images/N_0000000001/N_0000000001_00001.jpg", "images/N_0000000001_00002.jpg"]


def test_rows_without_image_are_dropped_and_counted(root):
    table = adapters.read("emotionet", root)
    assert len(table) == 3 and table.attrs["report"]["images_missing"] == 1


def test_every_image_is_its_own_person_unless_told_otherwise(root):
    table = adapters.read("emotionet", root)
    assert table["subject"].tolist()[:2] == ["N_0000000001_00001", "N_0000000001_00002"]
    grouped = adapters.read("emotionet", root, group="collection")
    assert grouped["subject"].tolist() == ["N_0000000001", "N_0000000001", "N_0000000002"]


def test_the_unknown_codes_are_a_setting(root):
    with pytest.raises(DataError, match=r"24600.csv:3: value 9 of AU 51 is not one of 0, 1, 999"):
        adapters.read("emotionet", root, unknown_codes=(999,))


@pytest.mark.parametrize("value", ["2", "-1", "maybe"])
def test_other_values_are_errors_or_unknown(root, value):
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", TABLE.replace("1,0,999,0,999", f"{value},0,999,0,999"))
    with pytest.raises(DataError, match="24600.csv:2: value"):
        adapters.read("emotionet", root)
    table = adapters.read("emotionet", root, strict=False)
    assert known(table.iloc[0]) == {"AU02": 0, "AU51": 0} and table.attrs["report"]["problems"] == 1


def test_a_url_that_names_no_image_is_an_error_or_left_out(root):
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", TABLE.replace("N_0000000001_00001.jpg'", "'", 1))
    with pytest.raises(DataError, match="24600.csv:2: URL"):
        adapters.read("emotionet", root)
    assert len(adapters.read("emotionet", root, strict=False, missing_images="keep")) == 3


def test_the_excel_twin_gives_the_same_table(root):
    csv = adapters.read("emotionet", root)
    rows = pd.read_csv(root / "EmotioNet_FACS_aws_2020_24600.csv", skipinitialspace=True)
    (root / "EmotioNet_FACS_aws_2020_24600.csv").unlink()
    rows.to_excel(root / "EmotioNet_FACS_aws_2020_24600.xlsx", index=False)
    excel = adapters.read("emotionet", root)
    pd.testing.assert_frame_equal(excel.drop(columns="source"), csv.drop(columns="source"))


def test_latin_1_is_read_too(root):
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", TABLE.encode("latin-1"))
    assert len(adapters.read("emotionet", root)) == 3


def test_columns_outside_the_coded_list_are_not_believed_unless_told_otherwise(root):
    """No document says that they hold 999. A 0 there would turn "not looked for" into "absent"."""
    text = TABLE.replace("'AU 1'", "'AU 7'", 1)
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", text)
    table = adapters.read("emotionet", root)
    assert table["AU07"].isna().all() and table.attrs["report"]["uncoded_cells"] == 3
    assert "AU07 is not coded, but 3 of its cells are 0 or 1" in table.attrs["problems"][0]["message"]
    told = adapters.read("emotionet", root, uncoded="as_written", missing_images="keep")
    assert told["AU07"].fillna(-9).tolist() == [1, 0, -9, 1]


def test_a_workbook_in_a_folder_is_found(root):
    rows = pd.read_csv(root / "EmotioNet_FACS_aws_2020_24600.csv", skipinitialspace=True)
    (root / "EmotioNet_FACS_aws_2020_24600.csv").unlink()
    (root / "labels").mkdir()
    rows.to_excel(root / "labels/EmotioNet_FACS_aws_2020_24600.xlsx", index=False)
    assert adapters.read("emotionet", root)["source"].tolist()[0] == "labels/EmotioNet_FACS_aws_2020_24600.xlsx:2"
