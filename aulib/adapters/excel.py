"""The first sheet of an Excel workbook as rows of text, within limits that a zip bomb cannot pass."""

from __future__ import annotations

import io
import zipfile

from aulib.adapters.files import MOST_BYTES

_MOST_ROWS = 200_000
_MOST_COLUMNS = 1_000
#: A real sheet of numbers is compressed to a tenth or twentieth.
_MOST_RATIO = 200
_SMALL = 2**20


def sheet_rows(data: bytes) -> list[tuple[int, list[str]]] | str:
    """Read a workbook.

    Args:
        data: the bytes of an xlsx file.

    Returns:
        (row number, cells as text) for each row that is not empty, all of the header's length; or, if the workbook
        cannot be read, a sentence that says why.
    """
    try:
        if why := _bomb(data):
            return why
        return _rows(data)
    except Exception as error:  # what openpyxl raises on a damaged workbook is documented nowhere and is of many kinds
        return f"not a readable Excel workbook: {type(error).__name__}: {error}"


def _bomb(data: bytes) -> str | None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MOST_BYTES:
        return f"the workbook unpacks to {size:,} bytes, more than {MOST_BYTES:,}"
    if size > _SMALL and size > _MOST_RATIO * len(data):
        return f"the workbook unpacks from {len(data):,} to {size:,} bytes, which no real table does"
    return None


def _rows(data: bytes) -> list[tuple[int, list[str]]] | str:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what the file says about its size need not be true
    rows = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > _MOST_ROWS:
            return f"the sheet has more than {_MOST_ROWS:,} rows"
        if len(cells) > _MOST_COLUMNS:
            return f"row {number} has more than {_MOST_COLUMNS:,} cells"
        texts = ["" if cell is None else str(cell).strip() for cell in cells]
        if any(texts):
            rows.append((number, texts))
    return _of_one_length(rows)


def _of_one_length(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Excel stores no empty cells at the end of a row: fill them up, and cut off blank ones beyond the header."""
    if not rows:
        return rows
    width = max(place for place, text in enumerate(rows[0][1], start=1) if text)
    return [(number, _fitted(texts, width)) for number, texts in rows]


def _fitted(texts: list[str], width: int) -> list[str]:
    beyond = texts[width:]
    return texts if any(beyond) else (texts + [""] * width)[:width]
