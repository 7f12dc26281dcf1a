"""Bad input: each kind has a stated outcome (book/bad_input.md), for every reader that can meet it.

Strict mode raises at the first; report mode counts, describes and goes on. Nothing is lost without a word.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from test_adapters_contract import ROWS, TREES, every_dataset, known, write

from aulib import adapters, facs
from aulib.adapters import cells, excel, files
from aulib.errors import AulibError, DataError, SettingsError

#: An annotation file of each tree.
FILE = {
    "actor_study": "annotations.csv",
    "aff_wild2": "annotations/AU_Set/Training_Set/103.txt",
    "bp4d": "AUCoding/AU_OCC/F001_T1.csv",
    "ck_plus": "FACS/S005/001/S005_001_00000003_facs.txt",
    "emotionet": "EmotioNet_FACS_aws_2020_24600.csv",
    "unbc": "Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff002_facs.txt",
    "bp4d_plus": "AUCoding/AU_OCC/F001_T1.csv",
    "disfa": "ActionUnit_Labels/SN001/SN001_au1.txt",
    "disfa_plus": "Labels/SN003/A1_AU1_TrailNo_1/AU1.txt",
    "raf_au": "RAFAU_label.txt",
}
#: Rows that are left when that file is not there.
WITHOUT = dict.fromkeys(FILE, 0) | {"unbc": 1, "disfa": 2}
#: A second line for each tree's file that cannot be read.
LINE = {
    "actor_study": b"P1,C1,S1,1,1\n",
    "aff_wild2": b"0,0,0\n",
    "bp4d": b"1,0\n",
    "ck_plus": b"9 4 1\n",
    "emotionet": b"https://x/N_1.jpg\n",
    "unbc": b"4 2\n",
    "bp4d_plus": b"1,0\n",
    "disfa": b"1,2,3\n",
    "disfa_plus": b"000.jpg\n",
    "raf_au": b"0001.jpg 1+x\n",
}
#: What stands in a cell of a label, as (old bytes, new bytes), for a value that is no label.
BAD_CELL = {
    "actor_study": (b"1,1,0\n", b"1,%s,0\n"),
    "aff_wild2": (b"0,0,0,0,1", b"%s,0,0,0,1"),
    "bp4d": (b"\n1,0,", b"\n1,%s,"),
    "ck_plus": (b"4.0000000e+00", b"%s"),
    "emotionet": (b"http://y,1,", b"http://y,%s,"),
    "unbc": (b"2.0000000e+00", b"%s"),
    "bp4d_plus": (b"\n1,0,", b"\n1,%s,"),
    "disfa": (b"1,0\n", b"1,%s\n"),
    "disfa_plus": (b"000.jpg     0", b"000.jpg     %s"),
    "raf_au": (b"1+4+25", b"1+%s+25"),
}


def change(root: Path, name: str, data: bytes) -> None:
    write(root / FILE[name], data)


def sound(root: Path, name: str) -> bytes:
    return (TREES[name](root) / FILE[name]).read_bytes()


def refused(name: str, root: Path, match: str, left: int | None = None, **options) -> pd.DataFrame | None:
    """Assert that strict mode raises, that report mode counts, and that so many rows are left."""
    with pytest.raises(DataError, match=match):
        adapters.read(name, root, **options)
    left = WITHOUT[name] if left is None else left
    if left == 0:
        with pytest.raises(DataError, match=match):  # nothing is left, and the reason is still in the message
            adapters.read(name, root, strict=False, **options)
        return None
    table = adapters.read(name, root, strict=False, **options)
    assert len(table) == left
    assert table.attrs["report"]["problems"] >= 1 and table.attrs["problems"]
    return table


# -- text --------------------------------------------------------------------------------------------------------------


@every_dataset
@pytest.mark.parametrize("kind", ["cr", "crlf", "bom", "bom and crlf", "no final newline", "blank lines at the end"])
def test_line_ends_and_marks_change_nothing(name, kind, tmp_path):
    data = sound(tmp_path, name)
    before = adapters.read(name, tmp_path)
    changed = {
        "cr": data.replace(b"\n", b"\r"),
        "crlf": data.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + data,
        "bom and crlf": b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        "no final newline": data.removesuffix(b"\n"),
        "blank lines at the end": data + b"\n \n\n",
    }
    change(tmp_path, name, changed[kind])
    pd.testing.assert_frame_equal(adapters.read(name, tmp_path), before)


@every_dataset
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_with_the_remedy(name, encoding, tmp_path):
    change(tmp_path, name, sound(tmp_path, name).decode().encode(encoding))
    refused(name, tmp_path, "save it as UTF-8")


@every_dataset
def test_a_nul_byte_is_refused(name, tmp_path):
    data = sound(tmp_path, name)
    change(tmp_path, name, data[:-3] + b"\0" + data[-3:])
    refused(name, tmp_path, r":\d+: the file holds a NUL byte")


@every_dataset
def test_an_empty_file_is_data_only_where_the_format_says_so(name, tmp_path):
    sound(tmp_path, name)
    change(tmp_path, name, b"")
    if name in ("ck_plus", "unbc"):  # a coded frame without any action unit
        assert len(adapters.read(name, tmp_path)) == ROWS[name]
    elif name == "disfa":  # the other file has the frames
        assert adapters.read(name, tmp_path)["AU01"].isna().all()
    else:
        with pytest.raises(DataError):
            adapters.read(name, tmp_path)
        with pytest.raises(DataError):
            adapters.read(name, tmp_path, strict=False)


@every_dataset
def test_a_line_that_cannot_be_read_is_left_out_and_counted(name, tmp_path):
    data = sound(tmp_path, name)
    change(tmp_path, name, data + LINE[name])
    with pytest.raises(DataError, match=r":\d+: "):
        adapters.read(name, tmp_path)
    if name in ("ck_plus", "unbc"):  # the whole list is of no use: what is not listed would count as absent
        refused(name, tmp_path, r":2: the line has \d numbers")
        return
    table = adapters.read(name, tmp_path, strict=False)
    assert len(table) == ROWS[name] and table.attrs["report"]["unreadable_rows"] == 1


@every_dataset
@pytest.mark.parametrize("value", [b"NaN", b"7", b"-2", b"0.5", b"x", b"inf", b"1_0", b"1e99", b"\xd9\xa1", b"9" * 30])
def test_a_value_that_is_no_label_is_never_a_label(name, value, tmp_path):
    """Not a number, out of range, a fraction, text, or what only Python would take for a number."""
    old, new = BAD_CELL[name]
    data = sound(tmp_path, name)
    before = adapters.read(name, tmp_path).attrs["report"]["problems"]
    assert old in data
    change(tmp_path, name, data.replace(old, new.replace(b"%s", value), 1))
    if value == b"NaN" and name in ("actor_study", "emotionet"):  # how tables write an empty cell
        table = adapters.read(name, tmp_path)
    elif value == b"7" and name == "raf_au":  # there it is the number of an action unit
        return
    else:
        with pytest.raises(DataError):
            adapters.read(name, tmp_path)
        try:
            table = adapters.read(name, tmp_path, strict=False)
        except DataError:  # the one frame there was cannot be read
            assert name == "ck_plus"
            return
        assert table.attrs["report"]["problems"] == before + 1
    labels = set(table[list(facs.ALL)].stack().dropna().unique())
    assert labels <= {0, 1}
    unit = {"bp4d": "AU01", "bp4d_plus": "AU01", "unbc": "AU04", "disfa": "AU01", "disfa_plus": "AU01"}
    unit |= {"actor_study": "AU01", "aff_wild2": "AU01", "emotionet": "AU01", "raf_au": "AU04"}
    if len(table) == ROWS[name] and name != "ck_plus":
        assert table[unit[name]].isna().sum() >= 1


@pytest.mark.parametrize("name", ["actor_study", "emotionet"])
def test_tables_in_latin_1_are_read_and_mixtures_are_named(name, tmp_path):
    data = sound(tmp_path, name).replace(b"P2", "Jörg".encode("latin-1")).replace(b"http://y", "ü".encode("latin-1"))
    change(tmp_path, name, data)
    table = adapters.read(name, tmp_path, missing_images="keep")
    assert name == "emotionet" or table["subject"].tolist()[1] == "Jörg"
    with pytest.raises(DataError, match=r":\d: the line is not in UTF-8; encoding='latin-1' may read it"):
        adapters.read(name, tmp_path, encoding="utf-8")
    more = "Jörg,C1,S1,9,1,1\n" if name == "actor_study" else "https://x/N_2.jpg,http://ü,1,999\n"
    change(tmp_path, name, data + more.encode("utf-8"))
    with pytest.raises(DataError, match=r":\d: the line is not in UTF-8, but others are"):
        adapters.read(name, tmp_path)
    table = adapters.read(name, tmp_path, strict=False, missing_images="keep")
    assert len(table) == ROWS[name] + 1 and table.attrs["report"]["problems"] == 1
    assert name == "emotionet" or table["subject"].tolist()[1:] == ["Jörg", "Jörg"]
    assert len(adapters.read(name, tmp_path, encoding="latin-1", missing_images="keep")) == ROWS[name] + 1


@pytest.mark.parametrize("name", ["actor_study", "aff_wild2", "bp4d", "emotionet", "bp4d_plus"])
def test_quoted_headers_are_read(name, tmp_path):
    header, _, body = sound(tmp_path, name).partition(b"\n")
    before = adapters.read(name, tmp_path)
    names = [cell.strip(b"'") for cell in header.split(b",")]
    change(tmp_path, name, b",".join(b'"%s"' % cell for cell in names) + b"\n" + body)
    pd.testing.assert_frame_equal(adapters.read(name, tmp_path), before)


@pytest.mark.parametrize("name", ["actor_study", "aff_wild2", "bp4d", "emotionet", "bp4d_plus"])
def test_columns_are_found_by_name_in_any_order(name, tmp_path):
    rows = [line.split(b",") for line in sound(tmp_path, name).splitlines()]
    before = adapters.read(name, tmp_path)
    first = 1 if name.startswith("bp4d") else 0  # there the frame is column 0 whatever its header says
    order = [*range(first), *reversed(range(first, len(rows[0])))]
    change(tmp_path, name, b"\n".join(b",".join(row[k] for k in order) for row in rows))
    pd.testing.assert_frame_equal(adapters.read(name, tmp_path), before)


@pytest.mark.parametrize("name", ["actor_study", "aff_wild2", "bp4d", "emotionet", "bp4d_plus"])
def test_two_columns_with_one_name_are_refused(name, tmp_path):
    data = sound(tmp_path, name)
    pairs = {
        "actor_study": (b"AU04", b"AU1"),
        "aff_wild2": (b"AU2", b"AU1"),
        "bp4d": (b"0,1,2,", b"0,1,1,"),
        "emotionet": (b"'AU 7'", b"AU01"),
        "bp4d_plus": (b"1,1,2,", b"1,1,1,"),
    }
    change(tmp_path, name, data.replace(*pairs[name], 1))
    left = ROWS[name] if name in ("actor_study", "emotionet") else 0
    table = refused(name, tmp_path, ":1: ", left)
    assert table is None or (table["AU01"].isna().all() and table["AU04"].isna().all())


@pytest.mark.parametrize("name", ["aff_wild2", "bp4d", "emotionet", "actor_study"])
def test_a_file_without_its_header_is_refused_and_not_read_one_line_off(name, tmp_path):
    change(tmp_path, name, sound(tmp_path, name).partition(b"\n")[2])
    with pytest.raises(DataError, match="header|no column"):
        adapters.read(name, tmp_path)
    with pytest.raises(DataError, match="header|no column"):
        adapters.read(name, tmp_path, strict=False)


def test_a_header_that_contradicts_the_order_of_the_columns_is_refused(tmp_path):
    """One name is damaged, the others are in another order: position would give wrong labels."""
    change(tmp_path, "aff_wild2", sound(tmp_path, "aff_wild2").replace(b"AU1,AU2,AU4", b"AU2,AU1,AUx"))
    refused("aff_wild2", tmp_path, "103.txt:1: the header has 8 columns")


def test_a_trailing_comma_in_every_row_does_not_shift_the_columns(tmp_path):
    """pandas would take the first column for an index then."""
    header, _, body = sound(tmp_path, "actor_study").partition(b"\n")
    change(tmp_path, "actor_study", header + b"\n" + body.replace(b"\n", b",\n"))
    refused("actor_study", tmp_path, "annotations.csv:2: the line has 7 cells, expected 6", 0)


def test_an_unclosed_quote_costs_its_own_line_only(tmp_path):
    change(tmp_path, "actor_study", sound(tmp_path, "actor_study").replace(b"P1,", b'"P1,'))
    table = refused("actor_study", tmp_path, "annotations.csv:2: not a line of a comma-separated table", 1)
    assert table["subject"].tolist() == ["P2"] and table["source"].tolist() == ["annotations.csv:3"]


# -- rows --------------------------------------------------------------------------------------------------------------


@every_dataset
def test_rows_that_repeat_a_frame_stay_and_are_counted(name, tmp_path):
    """The database decides what to do with them. Lists cannot repeat a frame: a file is a frame."""
    data = sound(tmp_path, name)
    last = data.rstrip(b"\n").rpartition(b"\n")[2]
    if name in ("ck_plus", "unbc", "disfa", "disfa_plus"):  # the same action unit or frame twice in one file: once
        before = adapters.read(name, tmp_path)
        change(tmp_path, name, data + last + b"\n")
        pd.testing.assert_frame_equal(adapters.read(name, tmp_path), before)
        return
    if name == "aff_wild2":  # a line more is a frame more
        return
    change(tmp_path, name, data + last + b"\n")
    table = adapters.read(name, tmp_path)
    assert len(table) == ROWS[name] + 1
    report = table.attrs["report"]
    assert report["repeated_rows"] == 1 and report["conflicting_rows"] == 0 and report["problems"] == 1
    assert "1 rows repeat a frame" in table.attrs["problems"][0]["message"]


def test_rows_that_repeat_a_frame_with_other_labels_are_counted_apart(tmp_path):
    change(tmp_path, "actor_study", sound(tmp_path, "actor_study") + b"P1,C1,S1,1,0,0\n")
    report = adapters.read("actor_study", tmp_path).attrs["report"]
    assert report["repeated_rows"] == 1 and report["conflicting_rows"] == 2


@pytest.mark.parametrize(("name", "line"), [("ck_plus", b"9 2\n"), ("unbc", b"4 0 0 0\n")])
def test_an_action_unit_listed_with_two_intensities_is_an_error_or_unknown(name, line, tmp_path):
    change(tmp_path, name, sound(tmp_path, name) + line)
    table = refused(name, tmp_path, "is listed twice, with different intensities", ROWS[name])
    if name == "ck_plus":
        assert table["AU09"].tolist() == [1] and table["AU09_intensity"].isna().all()
    else:
        assert table["AU04"].isna().tolist() == [False, True]


@every_dataset
def test_frames_that_are_no_frames(name, tmp_path):
    data = sound(tmp_path, name)
    places = {"actor_study": (b"S1,1,1", b"S1,%s,1"), "bp4d": (b"\n1,", b"\n%s,"), "bp4d_plus": (b"\n1,", b"\n%s,")}
    places |= {"disfa": (b"1,0\n", b"%s,0\n"), "disfa_plus": (b"000.jpg", b"%s.jpg")}
    if name not in places:
        return  # no frame numbers in the file
    for frame in (b"-1", b"0.5", b"x", b"", b"99999999999999999999"):
        old, new = places[name]
        change(tmp_path, name, data.replace(old, new.replace(b"%s", frame), 1))
        table = refused(name, tmp_path, FILE[name].rpartition("/")[2], ROWS[name] - (name != "disfa"))
        assert table.attrs["report"]["unreadable_rows"] == 1


def test_very_many_problems_are_counted_and_the_first_thousand_described(tmp_path):
    text = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n" + "7,7,7,7,7,7,7,7\n" * 5_000
    sound(tmp_path, "aff_wild2")
    change(tmp_path, "aff_wild2", text.encode())
    table = adapters.read("aff_wild2", tmp_path, strict=False)
    assert table.attrs["report"]["problems"] == 40_000
    assert len(table.attrs["problems"]) == cells.MOST_PROBLEMS_KEPT


# -- size --------------------------------------------------------------------------------------------------------------


@every_dataset
def test_a_line_of_absurd_length_is_refused(name, tmp_path):
    change(tmp_path, name, sound(tmp_path, name) + b"1," * (files.LONGEST_LINE // 2 + 1))
    refused(name, tmp_path, r":\d+: the line has 1,048,\d+ bytes")


@every_dataset
def test_a_file_of_absurd_size_is_refused_unread(name, tmp_path):
    """A sparse file: 300 MiB that take no room on disk."""
    sound(tmp_path, name)
    os.truncate(tmp_path / FILE[name], 300 * 2**20)
    refused(name, tmp_path, "the file has 314,572,800 bytes, more than 268,435,456")


def test_a_file_of_absurdly_many_lines_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_LINES", 1_000_000)
    change(tmp_path, "raf_au", sound(tmp_path, "raf_au") + b"\n" * 1_100_000)
    refused("raf_au", tmp_path, "the file has more than 1,000,000 lines")


def workbook(rows) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def with_sheet(sheet: bytes) -> bytes:
    """A workbook whose sheet is replaced."""
    source, target = zipfile.ZipFile(io.BytesIO(workbook([["URL"]]))), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, sheet if name.endswith("sheet1.xml") else source.read(name))
    return target.getvalue()


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
BOMBS = {
    "unpacks to 300 MB": (with_sheet(SHEET % (b" " * 300_000_000)), "unpacks to 300,0.. ... bytes|unpacks to 300,"),
    "packed 1,000 times": (with_sheet(SHEET % (b" " * 30_000_000)), "which no real table does"),
    "a row number of a million": (
        with_sheet(SHEET % b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>'),
        "more than 200,000 rows",
    ),
    "a column number of 16,384": (with_sheet(SHEET % b'<row r="1"><c r="XFD1"><v>1</v></c></row>'), "1,000 cells"),
    "no zip file": (b"URL,AU 1\n", "not a readable Excel workbook"),
    "cut off": (workbook([["URL", "AU 1"]])[:-200], "not a readable Excel workbook"),
    "nothing": (b"", "not a readable Excel workbook"),
    "no rows": (workbook([]), "no header in its first line"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_workbooks_that_unpack_to_too_much_or_are_none_are_refused(kind, tmp_path):
    data, match = BOMBS[kind]
    write(tmp_path / "EmotioNet_FACS.xlsx", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of a workbook without styles
        refused("emotionet", tmp_path, match, 0, missing_images="keep")


def test_a_workbook_that_lies_about_its_size_is_refused(tmp_path):
    """The directory of the zip file says 10 bytes, the sheet has more."""
    data = workbook([["URL", "AU 1"], ["http://x/a.jpg", 1]])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    write(tmp_path / "EmotioNet_FACS.xlsx", data.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused("emotionet", tmp_path, "not a readable Excel workbook", 0, missing_images="keep")


def test_cells_of_a_workbook_that_are_no_labels_are_never_labels(tmp_path):
    rows = [["URL", "AU 1"], ["http://x/a.jpg", True], ["http://x/b.jpg", 1.0], ["http://x/c.jpg", 0.5]]
    rows += [["http://x/d.jpg", None], ["http://x/e.jpg", "#N/A"], [None, None], ["http://x/f.jpg", 0]]
    write(tmp_path / "EmotioNet_FACS.xlsx", workbook(rows))
    table = adapters.read("emotionet", tmp_path, strict=False, missing_images="keep")
    assert table["AU01"].fillna(-9).tolist() == [-9, 1, -9, -9, -9, 0]
    assert table.attrs["report"]["problems"] == 3
    assert table["source"].tolist()[-1] == "EmotioNet_FACS.xlsx:8"


def test_the_limit_on_rows_is_far_above_the_real_table():
    assert excel._MOST_ROWS > 5 * 24_600 and files.MOST_LINES > 5 * 747_585


# -- files and folders -------------------------------------------------------------------------------------------------


@every_dataset
def test_litter_of_operating_systems_is_no_data(name, tmp_path):
    TREES[name](tmp_path)
    before = adapters.read(name, tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        for litter in (".DS_Store", "Thumbs.db", "desktop.ini"):
            write(folder / litter, b"\x00\xff")
    after = adapters.read(name, tmp_path)
    pd.testing.assert_frame_equal(after, before)
    assert after.attrs == before.attrs


@every_dataset
def test_a_folder_in_place_of_a_file_is_refused(name, tmp_path):
    sound(tmp_path, name)
    (tmp_path / FILE[name]).unlink()
    (tmp_path / FILE[name]).mkdir()
    refused(name, tmp_path, "expected a file, found a folder")


@every_dataset
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(name, tmp_path):
    sound(tmp_path, name)
    (tmp_path / FILE[name]).unlink()
    os.mkfifo(tmp_path / FILE[name])
    refused(name, tmp_path, "expected a file, found no regular file")


@every_dataset
def test_a_file_that_may_not_be_read_is_refused(name, tmp_path, monkeypatch):
    """Simulated, because the tests may run as root, who may read everything."""
    sound(tmp_path, name)
    real = open

    def denied(path, *rest, **more):
        if str(path) == str(tmp_path / FILE[name]):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **more)

    monkeypatch.setattr("builtins.open", denied)
    refused(name, tmp_path, "the file cannot be read: Permission denied")


@every_dataset
def test_a_folder_that_may_not_be_listed_is_refused(name, tmp_path, monkeypatch):
    TREES[name](tmp_path)
    real = os.scandir

    def denied(path):
        if "mages" in str(path) or "aligned" in str(path) or "2D+3D" in str(path) or name == "emotionet":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(AulibError, match="cannot be listed: Permission denied"):
        adapters.read(name, tmp_path)
    table = adapters.read(name, tmp_path, strict=False, missing_images="keep")
    assert table["image"].isna().all() and table.attrs["report"]["problems"] >= 1


@every_dataset
def test_a_link_that_leads_out_of_the_root_is_refused(name, tmp_path):
    data = sound(tmp_path / "data", name)
    outside = write(tmp_path / "outside.txt", data)
    (tmp_path / "data" / FILE[name]).unlink()
    (tmp_path / "data" / FILE[name]).symlink_to(outside)
    root = tmp_path / "data"
    with pytest.raises(AulibError, match="leads out of the dataset's folder"):
        adapters.read(name, root)
    with pytest.raises(AulibError) if not WITHOUT[name] else warnings.catch_warnings():
        table = adapters.read(name, root, strict=False)
        assert len(table) == WITHOUT[name] and table.attrs["report"]["problems"] >= 1
    assert len(adapters.read(name, root, links_outside="follow")) == ROWS[name]


@every_dataset
def test_images_behind_a_link_that_leads_out_are_not_in_the_table(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    images = [path for path in root.rglob("*") if path.suffix in (".jpg", ".png")]
    outside = tmp_path / f"outside{images[0].suffix}"
    images[0].rename(outside)
    images[0].symlink_to(outside)
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        adapters.read(name, root, missing_images="keep")
    table = adapters.read(name, root, strict=False, missing_images="keep")
    assert images[0].relative_to(root).as_posix() not in table["image"].dropna().tolist()
    assert any("leads out" in problem["message"] for problem in table.attrs["problems"])


@every_dataset
def test_links_within_the_root_and_a_root_that_is_a_link_are_followed(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    for path in [path for path in root.rglob("*.*") if path.is_file()]:
        kept = write(root / ".store" / path.relative_to(root), path.read_bytes())
        path.unlink()
        path.symlink_to(kept)
    (tmp_path / "link").symlink_to(root)
    table = adapters.read(name, tmp_path / "link")
    assert len(table) == ROWS[name]
    assert all((root / image).is_file() for image in table["image"])


@every_dataset
def test_a_folder_behind_a_link_that_leads_out_is_refused(name, tmp_path):
    root = TREES[name](tmp_path / "data")
    top = next(path for path in root.rglob("*.[jp][pn]g")).relative_to(root).parts[0]
    (root / top).rename(tmp_path / "elsewhere")
    (root / top).symlink_to(tmp_path / "elsewhere")
    if name == "emotionet":  # it walks, and a walk does not enter links
        with pytest.raises(DataError, match="has an image file|leads out"):
            adapters.read(name, root)
        return
    with pytest.raises(AulibError, match="leads out of the dataset's folder"):
        adapters.read(name, root)
    assert len(adapters.read(name, root, links_outside="follow")) == ROWS[name]


@every_dataset
def test_a_loop_of_links_ends(name, tmp_path):
    root = TREES[name](tmp_path)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        (folder / "loop").symlink_to(folder)
        (folder / "self").symlink_to(folder / "self")
    assert len(adapters.read(name, root)) == ROWS[name]


@pytest.mark.parametrize(
    "path", ["../../etc/x.jpg", "/etc/x.jpg", "C:\\x.jpg", "a/../../x.jpg", "..\\x.jpg", "a\x01.jpg"]
)
def test_paths_in_cells_that_lead_out_name_no_image(path, tmp_path):
    outside = write(tmp_path / "x.jpg")
    root = tmp_path / "data"
    text = f"subject,camera,sequence,frame,image,AU01\nA,1,1,1,{path},1\nA,1,1,2,here.jpg,0\n"
    write(root / "annotations.csv", text)
    write(root / "here.jpg")
    table = refused("actor_study", root, "annotations.csv:2: image .* without '..'", 1)
    assert table["image"].tolist() == ["here.jpg"] and outside.exists()
    assert table.attrs["report"]["images_missing"] == 1


@pytest.mark.parametrize("value", ["..", "../x", "/etc", "a/b", "C:", "a\\b"])
@pytest.mark.parametrize("key", ["subject", "camera", "sequence"])
def test_names_in_cells_that_lead_out_are_refused(key, value, tmp_path):
    cells = {"subject": "P1", "camera": "C1", "sequence": "S1"} | {key: value}
    text = "subject,camera,sequence,frame,AU01\nP2,C1,S1,1,1\n" + ",".join(cells.values()) + ",1,1\n"
    write(tmp_path / "annotations.csv", text)
    write(tmp_path / "images/P2/C1/S1/00001.jpg")
    table = refused("actor_study", tmp_path, f"annotations.csv:3: {key} .* without separators", 1)
    assert table.attrs["report"]["unreadable_rows"] == 1


@pytest.mark.parametrize("url", ["http://x/../a.jpg", "..\\a.jpg", "http://x/a\x07.jpg", "C:/a.jpg"])
def test_urls_with_dots_are_refused(url, tmp_path):
    write(tmp_path / "EmotioNet_FACS.csv", f"URL,AU 1\n{url},1\nhttp://x/y/b.jpg,0\n")
    write(tmp_path / "images/y/b.jpg")
    write(tmp_path / "images/a.jpg")
    refused("emotionet", tmp_path, "EmotioNet_FACS.csv:2: URL", 1)


def test_a_row_of_labels_without_a_url_is_not_lost_silently(tmp_path):
    write(tmp_path / "EmotioNet_FACS.csv", "URL,AU 1\n,1\nhttp://x/y/b.jpg,0\n")
    refused("emotionet", tmp_path, "EmotioNet_FACS.csv:2: URL ''", 1, missing_images="keep")


@pytest.mark.parametrize("name", ["..", "../0001.jpg", "/etc/0001.jpg", "a\\0001.jpg"])
def test_names_of_images_in_lists_stay_in_their_folder(name, tmp_path):
    TREES["raf_au"](tmp_path)
    write(tmp_path / "RAFAU_label.txt", f"{name} 1+4\n0003.jpg 12\n")
    refused("raf_au", tmp_path, "RAFAU_label.txt:1: expected an image and a list", 1)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("actor_study", {"annotations": "../annotations.csv"}),
        ("actor_study", {"images": "/data"}),
        ("aff_wild2", {"images": ("cropped", "../cropped")}),
        ("aff_wild2", {"annotations": "/data"}),
        ("bp4d", {"annotations": "../AU_OCC"}),
        ("bp4d", {"image_folder": ".."}),
        ("ck_plus", {"annotations": "C:\\FACS"}),
        ("emotionet", {"annotations": "../table.csv"}),
        ("unbc", {"image_folder": "/Images"}),
        ("disfa", {"images": "../{subject}"}),
        ("disfa_plus", {"annotations": "a/../b"}),
        ("raf_au", {"images": "/aligned/{stem}.jpg"}),
    ],
)
def test_settings_cannot_lead_out_of_the_root(name, setting):
    with pytest.raises(SettingsError, match="relative to the root, without '..'"):
        adapters.create(name, "nowhere", **setting)


def test_a_name_that_is_not_valid_in_utf_8_is_refused(tmp_path):
    TREES["raf_au"](tmp_path)
    try:
        os.link(tmp_path / "RAFAU_label.txt", os.fsencode(tmp_path) + b"/aligned/\xff.jpg")
    except OSError:
        pytest.skip("this file system holds names in UTF-8 only")
    table = refused("raf_au", tmp_path, r"the name '\\udcff.jpg' is not valid in UTF-8", 2)
    assert len(table) == 2


@every_dataset
def test_annotation_files_with_other_names_are_noted(name, tmp_path):
    if name in ("actor_study", "aff_wild2", "emotionet", "raf_au"):
        return  # one file with a fixed name, or any name will do
    sound(tmp_path, name)
    stray = (tmp_path / FILE[name]).with_name("copy of it" + Path(FILE[name]).suffix)
    write(stray, b"1,1\n")
    table = adapters.read(name, tmp_path)
    assert len(table) == ROWS[name] and table.attrs["report"]["ignored_files"] == 1
    assert table.attrs["problems"][0]["path"] == stray.relative_to(tmp_path).as_posix()


def test_reading_twice_counts_once(tmp_path):
    sound(tmp_path, "aff_wild2")
    change(tmp_path, "aff_wild2", b"AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n7,0,0,0,0,0,0,0\n")
    reader = adapters.create("aff_wild2", tmp_path, strict=False)
    assert [reader.read().attrs["report"]["problems"] for _ in range(2)] == [1, 1]


def test_the_mode_of_a_tree_is_left_as_it_is(tmp_path):
    """Readers only read."""
    root = TREES["bp4d"](tmp_path)
    before = {path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns) for path in root.rglob("*")}
    adapters.read("bp4d", root)
    after = {path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns) for path in root.rglob("*")}
    assert after == before and known(adapters.read("bp4d", root).iloc[0])["AU12"] == 1
