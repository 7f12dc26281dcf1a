"""Actor Study: the generic table, with columns in any order and a missing code."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.errors import DataError, SettingsError

TABLE = """\
AU12,frame,subject,sequence,camera,AU1_intensity,AU01,AU63
1,1,Anna,joy,left,3,1,0
0,2,Anna,joy,left,-1,-1,1
,3,Anna,joy,left,,0,0
1,1,Ben,joy,left,0,0,0
"""


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "annotations.csv", TABLE)
    for name in ("Anna/left/joy/00001.jpg", "Anna/left/joy/00002.jpg", "Anna/left/joy/00003.jpg"):
        write(tmp_path / "images" / name)
    write(tmp_path / "images/Ben/left/joy/00001.jpg")
    return tmp_path


def test_rows_as_typed(root):
    table = adapters.read("actor_study", root)
    assert [known(row) for _, row in table.iterrows()] == [
        {"AU01": 1, "AU12": 1},
        {"AU12": 0},
        {"AU01": 0},
        {"AU01": 0, "AU12": 1},
    ]
    assert table["AU01_intensity"].to_list()[0] == 3 and table["AU01_intensity"].isna().tolist() == [0, 1, 1, 0]
    assert table["image"].tolist()[3] == "images/Ben/left/joy/00001.jpg"
    assert table["source"].tolist() == [f"annotations.csv:{line}" for line in (2, 3, 4, 5)]
    assert table["subject"].tolist() == ["Anna"] * 3 + ["Ben"]
    assert table["camera"].tolist() == ["left"] * 4


def test_units_without_a_column_in_the_database_are_counted(root):
    assert adapters.read("actor_study", root).attrs["report"]["other_aus"] == {"AU63": 1}


def test_the_missing_code_is_a_setting(root):
    text = TABLE.replace("-1", "77")
    write(root / "annotations.csv", text)
    assert known(adapters.read("actor_study", root, missing_code=77).iloc[1]) == {"AU12": 0}
    with pytest.raises(DataError, match=r"annotations.csv:3: value 77 of AU1_intensity is not one of 0, 1, 2, 3, 4, 5"):
        adapters.read("actor_study", root)


def test_a_label_cannot_be_the_missing_code(root):
    with pytest.raises(SettingsError, match="missing_code=0"):
        adapters.read("actor_study", root, missing_code=0)


def test_an_image_column_overrides_the_usual_place(tmp_path):
    text = "subject,camera,sequence,frame,image,AU01\nA,1,1,1,pictures/a.png,1\nA,1,1,2,pictures/b.png,0\n"
    write(tmp_path / "annotations.csv", text)
    write(tmp_path / "pictures/a.png")
    table = adapters.read("actor_study", tmp_path, missing_images="keep")
    assert table["image"].fillna("none").tolist() == ["pictures/a.png", "none"]


@pytest.mark.parametrize("value", ["2", "0.5", "yes"])
def test_other_values_are_errors_or_unknown(root, value):
    write(root / "annotations.csv", TABLE.replace("0,2,Anna", f"{value},2,Anna"))
    with pytest.raises(DataError, match=r"annotations.csv:3: value .* of AU12"):
        adapters.read("actor_study", root)
    table = adapters.read("actor_study", root, strict=False)
    assert known(table.iloc[1]) == {}
    assert table.attrs["report"]["problems"] == 1
    assert table.attrs["problems"][0]["line"] == 3 and table.attrs["problems"][0]["path"] == "annotations.csv"


def test_rows_without_a_frame_are_left_out_and_reported(root):
    write(root / "annotations.csv", TABLE.replace("0,2,Anna", "0,two,Anna"))
    with pytest.raises(DataError, match="annotations.csv:3: subject 'Anna', frame 'two'"):
        adapters.read("actor_study", root)
    assert adapters.read("actor_study", root, strict=False)["frame"].tolist() == [1, 3, 1]


def test_a_table_without_its_keys_is_refused(root):
    write(root / "annotations.csv", TABLE.replace("camera", "kamera"))
    with pytest.raises(DataError, match="no column camera"):
        adapters.read("actor_study", root)
