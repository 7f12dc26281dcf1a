"""Cells out of files: numbers, tables of text and lists, with every fault reported by file and line."""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from aulib.adapters.files import au_number, lines_of, real_number, whole_number
from aulib.adapters.tree import Tree

# Inside an adapter labels are small integer matrices; this marks an unknown cell there and leaves as <NA>.
UNKNOWN = -1
# A cell that is no number at all. It has been reported already when it gets this value.
UNREADABLE = int(np.iinfo(np.int64).min)
#: After so many problems the rest is counted, but not described.
MOST_PROBLEMS_KEPT = 1_000
_MOST_FRAMES = 10**9
_BLANKS = " \t"
_BLANKS_AND_QUOTES = " \t\"'"


class Cells(ABC):
    """What all adapters share for reading: one method per kind of file."""

    tree: Tree
    report: dict

    @abstractmethod
    def problem(self, message: str, path: Path, line: int | None = None) -> None:
        """Raise DataError in strict mode; otherwise note the problem and go on."""

    @abstractmethod
    def note(self, message: str, path: Path, line: int | None = None) -> None:
        """Note something that is odd but harmless, in strict mode too."""

    # -- files ---------------------------------------------------------------------------------------------------------

    def ignored(self, folder: Path, names: Iterable[str], expected: str) -> None:
        """Note annotation files whose names are not understood: what they hold is not in the table."""
        for name in names:
            self.report["ignored_files"] += 1
            self.note(f"the name is not like {expected}: the file is not read", folder / name)

    def text(self, path: Path) -> bytes | None:
        """Bytes of an annotation file with ``\\n`` as line end; None, and counted, if the file cannot be read."""
        data = self.tree.read(path)
        self.report["unreadable_files"] += int(data is None)
        return data

    def listing(self, path: Path) -> list[tuple[int, str]] | None:
        """Lines of a text file with their numbers, without the blank ones; None if the file cannot be read."""
        data = self.text(path)
        if data is None:
            return None
        return [(line, text) for line, text in enumerate(lines_of(data), start=1) if text.strip(_BLANKS)]

    def unusable(self, message: str, path: Path, line: int | None = None) -> None:
        """A problem for which a whole file is left out."""
        self.problem(message, path, line)
        self.report["unreadable_files"] += 1

    # -- numbers -------------------------------------------------------------------------------------------------------

    def integer_table(self, path: Path) -> tuple[list[str], np.ndarray, np.ndarray] | None:
        """Read a comma-separated file of integers with a header line.

        Returns the header's cells, the values (int64, rows x columns) and the line of each row; None if the file cannot
        be read. Rows with a wrong number of cells are problems and left out; blank lines are skipped.
        """
        data = self.text(path)
        if data is None:
            return None
        first, _, body = data.partition(b"\n")
        header = [cell.strip(_BLANKS_AND_QUOTES) for cell in first.decode("latin-1").split(",")]
        values, lines = self._integers(path, body, len(header), first_line=2)
        return header, values, lines

    def headless_integer_table(self, path: Path, columns: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The same for a file without a header."""
        data = self.text(path)
        return None if data is None else self._integers(path, data, columns, first_line=1)

    def _integers(self, path: Path, body: bytes, columns: int, first_line: int) -> tuple[np.ndarray, np.ndarray]:
        if not body.strip():
            return np.empty((0, columns), np.int64), np.empty(0, np.int64)
        if not body.translate(None, b"-,\n0123456789"):
            try:  # the quick way is for faultless files; what it refuses is looked at line by line, and reported there
                values = np.loadtxt(BytesIO(body), np.int64, delimiter=",", comments=None, ndmin=2)
            except ValueError:
                values = np.empty((0, 0))
            if values.shape == (body.removesuffix(b"\n").count(b"\n") + 1, columns):
                return values, np.arange(first_line, first_line + len(values))
        return self._integers_line_by_line(path, body, columns, first_line)

    def _integers_line_by_line(
        self, path: Path, body: bytes, columns: int, first_line: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, lines = [], []
        for line, text in enumerate(body.decode("latin-1").split("\n"), start=first_line):
            cells = text.split(",")
            if not text.strip(_BLANKS):
                continue
            if len(cells) != columns:
                self.unreadable_row(f"the line has {len(cells)} values, expected {columns}", path, line)
                continue
            rows.append([self._integer(cell, path, line) for cell in cells])
            lines.append(line)
        return np.array(rows, np.int64).reshape(-1, columns), np.array(lines, np.int64)

    def _integer(self, cell: str, path: Path, line: int) -> int:
        number = whole_number(cell)
        if number is None:
            self.problem(f"value {short(cell.strip())} is not a whole number", path, line)
            return UNREADABLE
        return number

    def unreadable_row(self, message: str, path: Path, line: int | None) -> None:
        """A problem for which a row is left out."""
        self.problem(message, path, line)
        self.report["unreadable_rows"] += 1

    def readable_rows(self, frames: np.ndarray, path: Path, lines: np.ndarray, first: int = 0) -> np.ndarray:
        """True where a row has a frame number, from ``first`` on; a row without one is of no use."""
        good = (frames >= first) & (frames < _MOST_FRAMES)
        for row in np.flatnonzero(~good & (frames != UNREADABLE)):
            self.problem(f"frame {frames[row]} is not between {first} and {_MOST_FRAMES:,}", path, int(lines[row]))
        self.report["unreadable_rows"] += int((~good).sum())
        return good

    def coded_cells(
        self,
        values: np.ndarray,
        path: Path,
        lines: np.ndarray,
        columns: Sequence[str],
        accepted: Sequence[int],
        unknown: Sequence[int],
    ) -> np.ndarray:
        """Turn the numbers of a file into int8 cells: accepted numbers stay, unknown codes become UNKNOWN.

        Any other number is a problem, with file, line and column, and becomes UNKNOWN as well.
        """
        missing = np.isin(values, unknown) if len(unknown) else np.zeros(values.shape, bool)
        wrong = ~(missing | np.isin(values, accepted))
        places = np.argwhere(wrong & (values != UNREADABLE))
        known = ", ".join(str(v) for v in [*accepted, *unknown])
        for row, column in places[:MOST_PROBLEMS_KEPT]:
            message = f"value {values[row, column]} of {columns[column]} is not one of {known}"
            self.problem(message, path, int(lines[row]))
        self.report["problems"] += max(0, len(places) - MOST_PROBLEMS_KEPT)
        return np.where(missing | wrong, UNKNOWN, values).astype(np.int8)

    def graded_file(
        self, path: Path, au: str, unknown: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Read a file of lines ``frame,intensity``.

        Returns frames (int64, increasing), intensities (int8, UNKNOWN where a frame is given twice and differently) and
        lines; None if the file cannot be read.
        """
        table = self.headless_integer_table(path, 2)
        if table is None:
            return None
        good = self.readable_rows(table[0][:, 0], path, table[1])
        values, lines = table[0][good], table[1][good]
        levels = self.coded_cells(values[:, 1:], path, lines, [au], range(6), unknown)[:, 0]
        return self.each_frame_once(values[:, 0], levels, lines, path)

    def each_frame_once(
        self, frames: np.ndarray, levels: np.ndarray, lines: np.ndarray, path: Path
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sort by frame; frames given again with another intensity are problems and their intensity UNKNOWN."""
        if (np.diff(frames) > 0).all():
            return frames, levels, lines
        order = np.argsort(frames, kind="stable")
        frames, levels, lines = frames[order], levels[order], lines[order]
        first = np.concatenate([[True], np.diff(frames) > 0])
        group, once = np.cumsum(first) - 1, levels[first]
        differs = levels != once[group]
        for row in np.flatnonzero(differs):
            self.problem(f"frame {frames[row]} is given again, with another intensity", path, int(lines[row]))
        once[group[differs]] = UNKNOWN
        return frames[first], once, lines[first]

    # -- tables of text ------------------------------------------------------------------------------------------------

    def text_table(self, path: Path, encoding: str = "auto") -> pd.DataFrame | None:
        """Read a comma-separated table with a header, every cell as text; the index is the line in the file.

        Blank rows are skipped, rows with a wrong number of cells are problems and left out, and of two columns with the
        same name neither is kept, which is a problem too. A line break inside quotes is not read. None if the file
        cannot be read.

        Args:
            path: the file.
            encoding: ``"auto"`` is UTF-8, else Latin-1 (both in one file are a problem), or one of ``"utf-8"``,
                ``"latin-1"``.
        """
        rows = self.text_rows(path, encoding)
        return None if rows is None else self.table_of_text(path, rows)

    def text_rows(self, path: Path, encoding: str = "auto") -> list[tuple[int, list[str]]] | None:
        """The same as (line, cells), the header among them and lines of any length."""
        data = self.text(path)
        if data is None:
            return None
        texts = data.decode("latin-1").split("\n") if encoding == "latin-1" else self._utf8_lines(data, path, encoding)
        rows = [(line, self._cells(text, path, line)) for line, text in enumerate(texts, start=1) if text.strip()]
        return [(line, cells) for line, cells in rows if cells is not None]

    def _utf8_lines(self, data: bytes, path: Path, encoding: str) -> list[str]:
        try:
            return data.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
        texts = lines_of(data)
        if encoding == "utf-8":
            self.problem("the line is not in UTF-8; encoding='latin-1' may read it", path, line)
        elif any(text != one.decode("latin-1") for text, one in zip(texts, data.split(b"\n"), strict=False)):
            self.problem(
                "the line is not in UTF-8, but others are; encoding='latin-1' takes all as they are", path, line
            )
        return texts

    def _cells(self, text: str, path: Path, line: int) -> list[str] | None:
        try:
            return [cell.strip() for cell in next(csv.reader([text], strict=True))]
        except csv.Error as error:
            self.unreadable_row(f"not a line of a comma-separated table: {error}", path, line)
            return None

    def table_of_text(self, path: Path, rows: list[tuple[int, list[str]]]) -> pd.DataFrame | None:
        """The same from rows that have been split already: (line, cells), the header first."""
        if not rows or rows[0][0] != 1:
            self.unusable("the file has no header in its first line", path, 1)
            return None
        header = [cell.strip(_BLANKS_AND_QUOTES) for cell in rows[0][1]]
        kept = []
        for line, cells in rows[1:]:
            if len(cells) == len(header):
                kept.append((line, cells))
            else:
                self.unreadable_row(f"the line has {len(cells)} cells, expected {len(header)}", path, line)
        kept = [(line, cells) for line, cells in kept if any(cells)]
        cells = np.array([cells for _, cells in kept], dtype=object).reshape(-1, len(header))
        table = pd.DataFrame(cells, index=[line for line, _ in kept], columns=header)
        return table.loc[:, self._named_once(header, path)]

    def _named_once(self, header: list[str], path: Path) -> list[bool]:
        keys = [au_number(cell.removesuffix("_intensity")) or cell for cell in header]
        keys = [(key, cell.endswith("_intensity")) for key, cell in zip(keys, header, strict=True)]
        times = Counter(keys)
        for (key, _), count in times.items():
            if key and count > 1:
                self.problem(f"{count} columns are named {short(str(key))}; none of them is read", path, 1)
        return [bool(key[0]) and times[key] == 1 for key in keys]

    def text_cells(
        self, table: pd.DataFrame, columns: Sequence[str], path: Path, accepted: Sequence[int], unknown: Sequence[int]
    ) -> np.ndarray:
        """:meth:`coded_cells` for columns of a table of text. Empty cells, and the text NaN, are unknown."""
        numbers = np.empty((len(table), len(columns)), np.int64)
        lines = table.index.to_numpy(np.int64)
        for i, column in enumerate(columns):
            place, texts = pd.factorize(table[column])  # few different texts: each is read once
            found = [whole_number(text) for text in texts]
            blank = [text == "" or text.lower() == "nan" for text in texts]
            bad = np.array([number is None and not no for number, no in zip(found, blank, strict=True)], bool)
            rows = np.flatnonzero(bad[place]) if len(texts) else []
            for row in rows[:MOST_PROBLEMS_KEPT]:
                message = f"value {short(texts[place[row]])} of {column} is not a whole number"
                self.problem(message, path, int(lines[row]))
            self.report["problems"] += max(0, len(rows) - MOST_PROBLEMS_KEPT)
            numbers[:, i] = np.array([UNREADABLE if number is None else number for number in found], np.int64)[place]
        return self.coded_cells(numbers, path, lines, columns, accepted, unknown)

    def text_reals(self, table: pd.DataFrame, column: str, path: Path, least: float, most: float, unknown: float):
        """Numbers (float64) of a column of a table of text; NaN for the unknown code, empty cells and problems."""
        numbers = np.full(len(table), np.nan)
        for row, (line, text) in enumerate(table[column].items()):
            number = real_number(text)
            if number is not None and least <= number <= most:
                numbers[row] = number
            elif text and number != unknown:
                self.problem(f"value {short(text)} of {column} is not between {least:g} and {most:g}", path, line)
        return numbers

    # -- lists ---------------------------------------------------------------------------------------------------------

    def listed_aus(self, path: Path, columns: int) -> list[tuple[int, int]] | None:
        """Read a file that lists the action units present, one a line: number, intensity and further columns.

        Numbers are in Matlab's notation (``4.0000000e+00``), separated by blanks. Returns (number, intensity) pairs,
        the intensity being UNKNOWN where it is out of range or given twice and differently; None if the file or a line
        of it cannot be read, because then no action unit can be called absent.
        """
        lines = self.listing(path)
        if lines is None:
            return None
        found = [self._listed_au(_words(text), columns, path, line) for line, text in lines]
        if None in found:
            self.report["unreadable_rows"] += 1
            return None
        return self._listed_once(found, path)

    def _listed_au(self, cells: list[str], columns: int, path: Path, line: int) -> tuple[int, int] | None:
        if len(cells) != columns:
            self.problem(f"the line has {len(cells)} numbers, expected {columns}", path, line)
            return None
        number, intensity = (self._integer(cell, path, line) for cell in cells[:2])
        if number == UNREADABLE or intensity == UNREADABLE:
            return None
        if not 1 <= number <= 99:
            self.problem(f"action unit {number} is not between 1 and 99", path, line)
            return None
        if not 0 <= intensity <= 5:
            self.problem(f"intensity {intensity} of AU{number:02d} is not between 0 and 5", path, line)
            intensity = UNKNOWN
        return number, intensity

    def _listed_once(self, found: list[tuple[int, int]], path: Path) -> list[tuple[int, int]]:
        levels: dict[int, int] = {}
        for number, intensity in found:
            if levels.setdefault(number, intensity) != intensity:
                self.problem(f"AU{number:02d} is listed twice, with different intensities", path)
                levels[number] = UNKNOWN
        return list(levels.items())

    def listed_text(self, path: Path) -> float | None:
        """The single number of a small file, such as a PSPI score; None if the file is empty or no such file."""
        lines = self.listing(path)
        words = [word for _, text in lines or () for word in _words(text)]
        if not words:
            return None
        number = real_number(words[0]) if len(words) == 1 else None
        if number is None:
            self.problem(f"{short(' '.join(words))} is not a number", path, 1)
        return number


def at_frames(frames: np.ndarray, others: np.ndarray, cells: np.ndarray, missing=UNKNOWN) -> np.ndarray:
    """Bring cells of other, increasing frames to these frames; ``missing`` where there is no such frame.

    Example:
        >>> at_frames(np.array([5, 6, 7]), np.array([6, 7, 9]), np.array([1, 0, 1])).tolist()
        [-1, 1, 0]
    """
    if not len(others):
        return np.full(len(frames), missing, cells.dtype)
    place = np.minimum(np.searchsorted(others, frames), len(others) - 1)
    return np.where(others[place] == frames, cells[place], np.asarray(missing, cells.dtype))


def short(text: str) -> str:
    """A cell as it stands in a message."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _words(text: str) -> list[str]:
    """Words between blanks; unlike ``str.split``, no other sign separates."""
    return [word for word in re.split(r"[ \t]+", text) if word]
