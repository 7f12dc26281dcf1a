"""Names and text as they come: hidden files, line ends, byte order marks, encodings, quotes, blanks, numbers."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

#: An annotation file larger than this is damaged or hostile: the largest known one has about 15 MiB.
MOST_BYTES = 256 * 2**20
#: The same for its number of lines.
MOST_LINES = 5_000_000
#: The same for one line.
LONGEST_LINE = 2**20

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_LITTER = ("thumbs.db", "desktop.ini")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST = 2**53
_FREQUENT = {"0": 0, "1": 1, "9": 9, "-1": -1}


def is_litter(name: str) -> bool:
    """Whether a file was left by an operating system: ``.DS_Store``, ``._001.png``, ``Thumbs.db``."""
    return name.startswith(".") or name.lower() in _LITTER


def visible(folder: Path) -> list[str]:
    """Names in a folder, sorted, without litter such as ``.DS_Store``; empty if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_litter(name))
    except OSError:
        return []


def numbered(names: Iterable[str]) -> dict[int, str]:
    """Map the number at the end of each image's name to the name, whatever its padding.

    Example:
        >>> numbered(["0007.jpg", "S005_001_00000011.png", "notes.txt"])
        {7: '0007.jpg', 11: 'S005_001_00000011.png'}
    """
    images: dict[int, str] = {}
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        digits = re.search(r"[0-9]+$", stem)
        if digits and (dot + suffix).lower() in _IMAGE_SUFFIXES:
            images.setdefault(int(digits.group()), name)
    return images


def numbered_images(folder: Path) -> dict[int, str]:
    """:func:`numbered` for the files of a folder."""
    return numbered(visible(folder))


def plain_name(text: str) -> bool:
    """Whether a cell may name a file or a folder: no separator, drive, ``.``, ``..`` or control sign.

    Example:
        >>> plain_name("N_0001.jpg"), plain_name(".."), plain_name("a/b"), plain_name("C:")
        (True, False, False, False)
    """
    return text not in ("", ".", "..") and not re.search(r"[/\\\x00-\x1f\x7f]|^[A-Za-z]:", text)


def plain_path(text: str) -> bool:
    """Whether a cell may name a place below the root: relative, without ``..``; slashes either way."""
    parts = text.replace("\\", "/").split("/")
    return bool(text) and all(plain_name(part) or part == "." for part in parts)


def normal(data: bytes) -> bytes:
    """Bytes of a text file without UTF-8's byte order mark and with ``\\n`` as the only line end."""
    data = data.removeprefix(codecs.BOM_UTF8)
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def fault(data: bytes) -> tuple[str, int | None] | None:
    """What makes the bytes of a file unusable as text, and the line where it is; None if nothing does."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return "the file is in UTF-16 or UTF-32; save it as UTF-8", 1
    if (place := data.find(b"\0")) >= 0:
        line = normal(data[:place]).count(b"\n") + 1
        return "the file holds a NUL byte: it is damaged, or in UTF-16; save it as UTF-8", line
    if len(data) > LONGEST_LINE:
        lines = normal(data).split(b"\n", MOST_LINES)
        if len(lines) > MOST_LINES:
            return f"the file has more than {MOST_LINES:,} lines", None
        for number, line in enumerate(lines, start=1):
            if len(line) > LONGEST_LINE:
                return f"the line has {len(line):,} bytes, more than {LONGEST_LINE:,}", number
    return None


def read_lines(path: Path) -> list[str]:
    """Lines of a text file without a byte order mark, whatever its line ends. An empty file has no lines."""
    return lines_of(normal(path.read_bytes()))


def lines_of(data: bytes) -> list[str]:
    """Lines of :func:`normal` bytes, each in UTF-8 where it can be and else in Latin-1.

    Example:
        >>> lines_of("Jörg".encode() + b"\\n" + "Jörg".encode("latin-1") + b"\\n")
        ['Jörg', 'Jörg']
    """
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = [_decoded(line) for line in data.split(b"\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def whole_number(text: str) -> int | None:
    """The whole number that a cell holds, also as ``1.0`` or in Matlab's notation; None if it holds none.

    Stricter than Python's own ``float``: no ``1_0``, no ``nan``, no ``inf``, ASCII digits only.

    Example:
        >>> whole_number(" 1.7000000e+01"), whole_number("0.5"), whole_number("1_0")
        (17, None, None)
    """
    text = text.strip(" \t\"'")
    if text in _FREQUENT:
        return _FREQUENT[text]
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)  # exact: as a float, 0.99999999999999999 would be 1
    return int(number) if abs(number) <= _LARGEST and number == number.to_integral_value() else None


def real_number(text: str) -> float | None:
    """The finite number that a cell holds; None if it holds none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def au_number(text: str) -> int | None:
    """Number of an action unit in a header cell: ``AU1``, ``AU01``, ``'AU 1'`` and ``"AU 1"`` all give 1."""
    match = re.fullmatch(r"AU\s*0*([0-9]{1,2})", text.strip().strip("\"'").strip(), flags=re.IGNORECASE)
    return int(match.group(1)) if match else None
