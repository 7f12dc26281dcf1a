"""RAF-AU: a list an image, with sides, and 'null' that says nothing."""

from __future__ import annotations

import pytest
from test_adapters_contract import known, write

from aulib import adapters
from aulib.adapters.registry import DATASETS
from aulib.errors import DataError, SettingsError

CODED = set(DATASETS["raf_au"].coded_aus())
TEXT = """\
0001.jpg 1+4+25\x20
0002.jpg L12+26+26
0004.jpg null
0009.jpg 25+AD19+T24+2
0010.jpg L12+R12+62
0011.jpg 12+L12
"""


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "RAFAU_label.txt", TEXT)
    for name in ("0001", "0002", "0004", "0009", "0010", "0011"):
        write(tmp_path / f"aligned/{name}_aligned.jpg")
    return tmp_path


def displayed(row) -> list[str]:
    return [au for au, value in known(row).items() if value]


def test_what_a_line_lists_is_displayed_and_the_rest_absent(root):
    table = adapters.read("raf_au", root)
    assert displayed(table.iloc[0]) == ["AU01", "AU04", "AU25"] and set(known(table.iloc[0])) == CODED
    assert displayed(table.iloc[1]) == ["AU12", "AU26"]
    assert displayed(table.iloc[3]) == ["AU02", "AU24", "AU25"]


def test_images_people_and_sources(root):
    table = adapters.read("raf_au", root)
    assert table["image"].tolist()[:2] == ["aligned/0001_aligned.jpg", "aligned/0002_aligned.jpg"]
    assert table["subject"].is_unique and table["subject"].tolist()[0] == "0001"
    assert table["source"].tolist()[2] == "RAFAU_label.txt:3"
    assert table["frame"].isna().all() and table["AU12_intensity"].isna().all()


def test_the_list_is_kept_as_it_is_written(root):
    assert adapters.read("raf_au", root)["coding"].tolist()[3] == "25+AD19+T24+2"


def test_null_is_unknown_unless_told_otherwise(root):
    table = adapters.read("raf_au", root)
    assert known(table.iloc[2]) == {} and table.attrs["report"]["null"] == 1
    assert known(adapters.read("raf_au", root, null="absent").iloc[2]) == dict.fromkeys(sorted(CODED), 0)


def test_one_side_counts_as_displayed_unless_told_otherwise(root):
    table = adapters.read("raf_au", root, one_sided="unknown")
    assert "AU12" not in known(table.iloc[1]) and "AU24" not in known(table.iloc[3])
    assert known(table.iloc[5])["AU12"] == 1  # on one side and on both


def test_units_not_looked_for_throughout_are_unknown_even_where_listed_unless_told_otherwise(root):
    table = adapters.read("raf_au", root)
    assert table["AU19"].isna().all() and table.attrs["report"]["listed_only"] == 1
    assert table.attrs["report"]["other_aus"] == {"AU62": 1}
    kept = adapters.read("raf_au", root, listed_only="present")["AU19"]
    assert kept.fillna(-9).tolist() == [-9, -9, -9, 1, -9, -9]
    told = adapters.read("raf_au", root, assume_absent_for=("AU19",))
    assert known(told.iloc[0]) == {"AU19": 0} and known(told.iloc[3]) == {"AU19": 1}


@pytest.mark.parametrize(
    "line", ["0001.jpg", "0001.jpg 1+x", "0001.jpg 1++4", "0001.jpg M4", "0001.png 1", "1.jpg 1 4"]
)
def test_a_line_that_cannot_be_read_leaves_the_image_out(root, line):
    """Otherwise the action unit that was not understood would count as absent."""
    write(root / "RAFAU_label.txt", TEXT.replace("0001.jpg 1+4+25 ", line))
    with pytest.raises(DataError, match="RAFAU_label.txt:1: "):
        adapters.read("raf_au", root)
    table = adapters.read("raf_au", root, strict=False)
    assert table["subject"].tolist()[0] == "0002" and table.attrs["report"]["unreadable_rows"] == 1


def test_the_place_of_the_images_is_a_setting(root):
    write(root / "original/0009.jpg")
    assert adapters.read("raf_au", root, images="original/{stem}.jpg")["image"].tolist() == ["original/0009.jpg"]
    with pytest.raises(SettingsError, match="{stem}"):
        adapters.read("raf_au", root, images="original")
