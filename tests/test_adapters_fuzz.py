"""Whatever bytes a file holds, a reader gives rows, a reported problem or an AulibError, and no wrong label.

Every label and intensity that a reader gives for a damaged file is compared with a second, naive parser written here:
it must be what the file's line says, or unknown. ``AULIB_FUZZ=5000`` runs that many examples per reader.
"""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_adapters_contract import TREES, write

from aulib import adapters, facs
from aulib.adapters.base import INTENSITY_COLUMNS
from aulib.adapters.registry import DATASETS
from aulib.errors import AulibError

EXAMPLES = int(os.environ.get("AULIB_FUZZ", "200"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=2),
    derandomize="AULIB_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# -- the naive parser --------------------------------------------------------------------------------------------------


def number(text: str) -> int | None:
    text = text.strip(" \t\"'")
    if not text or set(text) - set("0123456789+-.eE") or re.search("[eE][+-]?[0-9]{4}", text):
        return None
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return int(value) if value.denominator == 1 else None


def lines(data: bytes) -> list[str]:
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.decode("latin-1").split("\n")


def unit(text: str) -> str | None:
    match = re.fullmatch(r"AU\s*0*([0-9]{1,2})", text.strip().strip(" \t'\"").strip(), re.IGNORECASE)
    return f"AU{int(match[1]):02d}" if match else None


def comma_table(data: bytes, row: dict) -> dict[str, int]:
    """Cells of a row of a table with quotes, by the names of its columns."""
    text = lines(data)
    header, cells = next(csv.reader([text[0]])), next(csv.reader([text[int(row["source"].rsplit(":")[-1]) - 1]]))
    header = [name.strip().strip(" \t\"'") for name in header]
    graded = [name.endswith("_intensity") for name in header]
    names = [unit(name.removesuffix("_intensity")) for name in header]
    found = {}
    for name, is_graded, cell in zip(names, graded, cells, strict=True):
        found[f"{name}_intensity" if is_graded else str(name)] = number(cell.strip())
    return found


def aff_wild2(data: bytes, row: dict) -> dict[str, int]:
    text = lines(data)
    line = int(row["source"].rsplit(":")[-1])
    assert row["frame"] == line - 1
    coded = DATASETS["aff_wild2"].coded_aus("2020")
    names = [unit(cell) for cell in text[0].split(",")]
    names = names if set(names) == set(coded) else coded
    return dict(zip(names, map(number, text[line - 1].split(",")), strict=True))


def multi_task(data: bytes, row: dict) -> dict[str, int]:
    text = lines(data)
    cells = next(csv.reader([text[int(row["source"].rsplit(":")[-1]) - 1]]))
    assert not cells[0].isascii() or row["sequence"] == cells[0].strip().split("/")[0]
    assert row["frame"] == int(re.search(r"([0-9]+)[.][a-z]+$", cells[0].strip())[1])
    coded = DATASETS["aff_wild2"].coded_aus("2022_mtl")
    names = [unit(cell) for cell in next(csv.reader([text[0]]))[4:]]
    names = names if set(names) == set(coded) else coded
    return dict(zip(names, [number(cell.strip()) for cell in cells[4:]], strict=True))


def numbered_columns(data: bytes, row: dict) -> dict[str, int]:
    text = lines(data)
    cells = [number(cell) for cell in text[int(row["source"].rsplit(":")[-1]) - 1].split(",")]
    assert row["frame"] == cells[0]
    names = [f"AU{number(cell):02d}" for cell in text[0].split(",")[1:]]
    return dict(zip(names, cells[1:], strict=True))


def by_frame(column: str, threshold: int | None, line: str) -> Callable[[bytes, dict], dict[str, int]]:
    """A file of frame and intensity; ``line`` is what a line looks like, with one group for each."""

    def parse(data: bytes, row: dict) -> dict[str, int]:
        matches = [match for text in lines(data) if (match := re.fullmatch(line, text, re.IGNORECASE))]
        levels = {number(match[2]) for match in matches if number(match[1]) == row["frame"]}
        level = levels.pop() if len(levels) == 1 else None
        found = {f"{column}_intensity": level}
        if threshold and level is not None:
            found[column] = int(level >= threshold)
        return found

    return parse


def listed(name: str, least: int) -> Callable[[bytes, dict], dict[str, int]]:
    """A list of action unit and intensity; whatever it does not name is absent."""

    def parse(data: bytes, row: dict) -> dict[str, int]:
        coded = DATASETS[name].coded_aus()
        found = dict.fromkeys(coded, 0) | {f"{au}_intensity": 0 for au in coded}
        for text in (text for text in lines(data) if text.strip(" \t")):
            au, level = map(number, re.findall(r"[^ \t]+", text)[:2])
            code = f"AU{au:02d}"
            found[code] = 1 if code == "AU43" or least == 0 else int(level >= least)
            found[f"{code}_intensity"] = level
        return found

    return parse


def raf_au(data: bytes, row: dict) -> dict[str, int]:
    image, coding = re.findall(r"[^ \t]+", lines(data)[int(row["source"].rsplit(":")[-1]) - 1])
    assert not image.isascii() or image.lower() == f"{row['subject']}.jpg".lower()
    numbers = {int(re.search("[0-9]+$", token)[0]) for token in coding.split("+")} if coding != "null" else None
    if numbers is None:
        return {}
    return {au: int(int(au[2:]) in numbers) for au in DATASETS["raf_au"].coded_aus()}


# -- the readers and their files ---------------------------------------------------------------------------------------


@dataclass
class Case:
    """A file of a reader's tree, its sound content and its naive parser (None: nothing is compared)."""

    name: str
    file: str
    content: bytes
    parse: Callable[[bytes, dict], dict[str, int]]
    options: dict = field(default_factory=dict)


AFF = b"AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n0,0,0,0,1,0,0,0\n1,-1,0,1,1,0,0,-1\n-1,0,0,0,0,0,0,1\n"
MTL = (
    b"image,valence,arousal,expression,AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26\n"
    b"103/00001.jpg,0.5,-0.25,4,0,0,0,1,0,1,0,0,0,1,0,-1\n103/00002.jpg,-5,-5,-1,1,0,1,1,0,1,0,0,0,0,0,1\n"
)
BP4D = b"1,1,2,4,12,25\n1,0,1,0,1,9\n2,1,0,0,1,9\n7,0,0,1,0,9\n"
WIDE = (
    ",".join(map(str, range(100))) + "\n1," + ",".join("09"[n > 39] for n in range(1, 100)) + "\n"
    "2," + ",".join("19"[n > 39] for n in range(1, 100)) + "\n"
).encode()
ACTOR = (
    "subject,camera,sequence,frame,AU01,AU04,AU04_intensity,AU12\n"
    "P1,C1,S1,1,1,0,0,-1\nJörg,C1,S1,2,-1,1,3,0\nP1,C2,S1,3,,1,5,1\n"
).encode()
EMO = (
    "URL,URL orig,'AU 1', 'AU 2',\"AU 12\",'AU 43'\n"
    "'http://x/N_0000000001/N_0000000001_00001.jpg',\"http://y/ü,b.jpg\",1,999,0,0\n"
    "'http://x/N_0000000001/N_0000000001_00002.jpg','http://z',0,1,,1\n"
).encode()
LIST2 = b"   4.0000000e+00   2.0000000e+00\n   9.0000000e+00   5.0000000e+00\n   1.2000000e+01   0.0000000e+00\n"
LIST4 = b"   4.0000000e+00   2.0000000e+00   0.0000000e+00   0.0000000e+00\n" + (
    b"   4.3000000e+01   1.0000000e+00   0.0000000e+00   0.0000000e+00\n"
)
RAF = b"0001.jpg 1+4+25\n0003.jpg null\n0004.jpg L12+R12+26+26 \n0007.jpg T24+AD19+6\n"
PLUS = b"# AU 4\n# image intensity\n000.jpg     0\n001.jpg     4\n002.jpg     1\n"
COMMA = r"([^,]*),([^,]*)"
NAMED = r"[ \t]*([0-9]+)\.(?:jpe?g|png)[ \t]+(\S+)[ \t]*"
UNBC_PLACE = "042-ll042/ll042t1aaaff/ll042t1aaaff002_facs.txt"


CASES = {
    "actor_study": Case("actor_study", "annotations.csv", ACTOR, comma_table),
    "aff_wild2": Case("aff_wild2", "annotations/AU_Set/Training_Set/103.txt", AFF, aff_wild2),
    "aff_wild2_mtl": Case(
        "aff_wild2", "3rd_ABAW_Annotations/MTL_Challenge/train_set.txt", MTL, multi_task, {"release": "2022_mtl"}
    ),
    "bp4d": Case("bp4d", "AUCoding/AU_OCC/F001_T1.csv", BP4D, numbered_columns),
    "bp4d_wide": Case("bp4d", "AUCoding/AU_OCC/F001_T1.csv", WIDE, numbered_columns, {"occluded": "ignore"}),
    "bp4d_intensity": Case(
        "bp4d", "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", b"1,3\n2,0\n", by_frame("AU06", None, COMMA)
    ),
    "bp4d_plus": Case("bp4d_plus", "AUCoding/AU_OCC/F001_T1.csv", BP4D, numbered_columns),
    "ck_plus": Case("ck_plus", "FACS/S005/001/S005_001_00000003_facs.txt", LIST2, listed("ck_plus", 0)),
    "emotionet": Case("emotionet", "EmotioNet_FACS_aws_2020_24600.csv", EMO, comma_table),
    "unbc": Case("unbc", f"Frame_Labels/FACS/{UNBC_PLACE}", LIST4, listed("unbc", 1)),
    "disfa": Case("disfa", "ActionUnit_Labels/SN001/SN001_au4.txt", b"1,0\n2,3\n3,1\n", by_frame("AU04", 2, COMMA)),
    "disfa_plus": Case("disfa_plus", "Labels/SN003/A1_AU1_TrailNo_1/AU4.txt", PLUS, by_frame("AU04", 2, NAMED)),
    "raf_au": Case("raf_au", "RAFAU_label.txt", RAF, raf_au),
}
#: Where other files of the tree say something about the same rows, only these columns are compared.
ONLY = {
    "bp4d_intensity": ["AU06_intensity"],
    "disfa": ["AU04", "AU04_intensity"],
    "disfa_plus": ["AU04", "AU04_intensity"],
}
every_case = pytest.mark.parametrize("case", CASES)

PIECES = [
    b"0", b"1", b"9", b"-1", b"999", b",", b",,", b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"\t", b'"', b"'", b";", b"+",
    b"-", b".", b"..", b"/", b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\xbc", b"\xa0", b"\x0b",
    b"\x85", b"\x1a", b"nan", b"inf", b"1e0", b"1e1", b"1e999", b"1_0", b"0x1", b"True", b"\xd9\xa1", b"1" * 40, b"L",
    b"0.99999999999999999999", b"null", b"AU1", b"AU 4", b"#", b"2.5", b"-0", b"+1", b"007", b"99999999999999999999",
]  # fmt: skip


@st.composite
def damaged(draw, sound: bytes) -> bytes:
    """A sound file after one to six changes."""
    data = sound
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 8)))
        change = draw(st.sampled_from(["flip", "put", "put", "cut", "again", "swap", "whole"]))
        if change == "flip" and start < len(data):
            data = data[:start] + bytes([draw(st.integers(0, 255))]) + data[start + 1 :]
        elif change == "put":
            data = data[:start] + draw(st.sampled_from(PIECES)) + data[start:]
        elif change == "cut":
            data = data[:start] + data[stop:]
        elif change == "again":
            data = data[:stop] + data[start:]
        elif change == "swap":
            data = b"\n".join(draw(st.permutations(data.split(b"\n")[:6]))) + b"\n"
        elif change == "whole" and draw(st.booleans()):
            data = draw(st.sampled_from([data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), data[::-1], b""]))
    return data


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> dict[str, Path]:
    """One tree a case. The images stay, only the annotation file changes."""
    folder = tmp_path_factory.mktemp("fuzz")
    for case, one in CASES.items():
        TREES[one.name](folder / case)
    return {case: folder / case for case in CASES}


def rows_of(case: str, root: Path, data: bytes):
    """Rows that a reader gives in report mode, as dicts with the known cells; and the reader."""
    one = CASES[case]
    write(root / one.file, data)
    reader = adapters.create(one.name, root, strict=False, missing_images="keep", **one.options)
    try:
        reader.check()
        parts = list(reader.parts())
    except AulibError:
        return [], reader
    rows = []
    for part in parts:
        cells = [*zip(facs.ALL, part.labels.T, strict=True), *zip(INTENSITY_COLUMNS, part.intensities.T, strict=True)]
        for k, source in enumerate(part.source):
            row = {"subject": part.subject[k], "sequence": part.sequence[k], "frame": part.frame[k], "source": source}
            rows.append((row, {name: int(column[k]) for name, column in cells if column[k] != -1}))
    return rows, reader


def check(case: str, root: Path, data: bytes) -> None:
    """No wrong label in report mode; in strict mode the same rows, or an error exactly if there was a problem."""
    one = CASES[case]
    rows, _ = rows_of(case, root, data)
    for row, cells in rows:
        if case not in ONLY and row["source"].partition(":")[0] != one.file:
            continue  # from another file of the tree
        expected = one.parse(data, row)
        for name, value in cells.items():
            if name in ONLY.get(case, [name]):
                assert expected.get(name) == value, (case, row, name, value, expected.get(name), data)


@every_case
def test_the_naive_parser_and_the_reader_agree_on_the_sound_file(case, roots):
    """Otherwise the comparison below would compare nothing."""
    rows, reader = rows_of(case, roots[case], CASES[case].content)
    check(case, roots[case], CASES[case].content)
    assert len(rows) >= 1 and sum(len(cells) for _, cells in rows) >= 2 and reader.report["problems"] <= 11


@every_case
def test_a_damaged_file_gives_no_wrong_label(case, roots):
    @fuzz
    @given(damaged(CASES[case].content))
    def run(data):
        check(case, roots[case], data)

    run()


@every_case
def test_any_bytes_give_rows_or_an_error_of_ours(case, roots):
    text = st.text("0123456789,-+.eE \t\n\r\"'AUL#jpgSN/_", max_size=200).map(str.encode)

    @settings(fuzz, max_examples=max(20, EXAMPLES // 2))
    @given(st.one_of(st.binary(max_size=300), text))
    def run(data):
        check(case, roots[case], data)

    run()


@every_case
def test_strict_mode_raises_where_report_mode_reports(case, roots):
    """The whole of ``read``: the same table without a problem, an error of ours with one."""

    @settings(fuzz, max_examples=max(10, EXAMPLES // 20))
    @given(damaged(CASES[case].content))
    def run(data):
        one = CASES[case]
        write(roots[case] / one.file, data)
        options = {"missing_images": "keep", **one.options}
        try:
            strict = adapters.read(one.name, roots[case], **options)
        except AulibError:
            strict = None
        try:
            report = adapters.read(one.name, roots[case], strict=False, **options)
        except AulibError:
            report = None
        if strict is not None:
            assert report is not None and strict.equals(report)
        elif report is not None:
            assert report.attrs["report"]["problems"] > 0

    run()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for cells in csv.reader(io.StringIO(EMO.decode())):
        book.active.append([int(cell) if cell.isdecimal() else cell for cell in cells])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_a_damaged_workbook_gives_rows_or_an_error_of_ours(tmp_path):
    """Damage to the packed file and, packed again, to the sheet inside."""
    TREES["emotionet"](tmp_path)
    (tmp_path / "EmotioNet_FACS_aws_2020_24600.csv").unlink()
    sound = workbook()
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"

    @settings(fuzz, max_examples=max(30, EXAMPLES // 4))
    @given(st.one_of(damaged(sound), damaged(members[sheet]).map(lambda data: repacked({**members, sheet: data}))))
    def run(data):
        write(tmp_path / "EmotioNet_FACS_2020.xlsx", data)
        try:
            table = adapters.read("emotionet", tmp_path, strict=False, missing_images="keep")
        except AulibError:
            return
        assert set(table[list(facs.ALL)].stack().dropna().unique()) <= {0, 1}

    run()


def repacked(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()
