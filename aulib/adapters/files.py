"""Reading folders and text files as they come: hidden files, line ends, byte order marks, quotes and blanks."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from aulib.errors import DataError

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def visible(folder: Path) -> list[str]:
    """Names in a folder, sorted, without hidden files such as ``.DS_Store``; empty if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def numbered_images(folder: Path) -> dict[int, str]:
    """Map the number at the end of each image's name to the name, whatever its padding: ``{7: "0007.jpg"}``."""
    images: dict[int, str] = {}
    for name in visible(folder):
        stem, dot, suffix = name.rpartition(".")
        digits = re.search(r"\d+$", stem)
        if digits and (dot + suffix).lower() in _IMAGE_SUFFIXES:
            images.setdefault(int(digits.group()), name)
    return images


def read_lines(path: Path) -> list[str]:
    """Lines of a text file without a byte order mark, whatever its line ends. An empty file has no lines."""
    data = path.read_bytes()
    if not data:
        return []
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return data.decode("latin-1").splitlines()


def au_number(text: str) -> int | None:
    """Number of an action unit in a header cell: ``AU1``, ``AU01``, ``'AU 1'`` and ``"AU 1"`` all give 1."""
    match = re.fullmatch(r"AU\s*0*(\d{1,2})", text.strip().strip("\"'").strip(), flags=re.IGNORECASE)
    return int(match.group(1)) if match else None


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a comma-separated table with every cell as text, blanks stripped; row i is line i + 2 of the file."""
    options = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False, "low_memory": False}
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", **options)
    except UnicodeDecodeError:
        table = pd.read_csv(path, encoding="latin-1", **options)
    except pd.errors.EmptyDataError:
        raise DataError("the file is empty; expected a header line", path, 1) from None
    except pd.errors.ParserError as error:
        raise DataError(f"not a comma-separated table: {error}", path) from None
    table.columns = [column.strip() for column in table.columns]
    return stripped(table)


def stripped(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text without blanks around its cells, and with empty cells as empty text."""
    return table.fillna("").apply(_strip)


def _strip(column: pd.Series) -> pd.Series:
    place, texts = pd.factorize(column)
    return pd.Series(np.array([text.strip() for text in texts], dtype=object)[place], index=column.index)
