"""What all adapters share: settings, finding folders, reading numbers, reporting problems, assembling the table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.files import read_lines, visible
from aulib.adapters.registry import DATASETS, INTENSITY_AUS, Dataset
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

#: Columns of the meta-database that say where a row comes from.
META: tuple[str, ...] = ("dataset", "subject", "sequence", "frame", "image", "source")
#: Columns with intensities, 0 to 5.
INTENSITY_COLUMNS: tuple[str, ...] = tuple(f"{au}_intensity" for au in INTENSITY_AUS)
#: All columns that every adapter gives, in order. Extras of a dataset follow them.
COLUMNS: tuple[str, ...] = META + facs.ALL + INTENSITY_COLUMNS
#: The one dtype of text in the meta-database.
STRING = pd.StringDtype("pyarrow")

# Inside an adapter labels are small integer matrices; this marks an unknown cell there and leaves as <NA>.
UNKNOWN = -1
# A cell that is no number at all. It has been reported already when it gets this value.
_UNREADABLE = np.iinfo(np.int64).min
_COLUMN_OF = {au: i for i, au in enumerate(facs.ALL)}
_INTENSITY_OF = {au: i for i, au in enumerate(INTENSITY_AUS)}
_MOST_PROBLEMS_KEPT = 1_000


@dataclass
class Part:
    """Rows of one piece of a dataset, as columns of equal length.

    ``labels`` is int8 of shape (rows, 45) with 1, 0 or UNKNOWN in the order of ``facs.ALL``; ``intensities`` is int8 of
    shape (rows, len(INTENSITY_AUS)) with 0 to 5 or UNKNOWN.
    """

    subject: Sequence[str]
    sequence: Sequence[str | None]
    frame: Sequence[int | None]
    image: Sequence[str | None]
    source: Sequence[str]
    labels: np.ndarray
    intensities: np.ndarray
    extras: dict[str, Sequence] = field(default_factory=dict)


@dataclass
class Adapter(ABC):
    """Reader of one dataset.

    Args:
        root: the dataset's folder.
        missing_images: ``"drop"`` leaves out annotated frames that have no image file; ``"keep"`` keeps them with
            ``image`` unknown.
        strict: True raises :class:`~aulib.errors.DataError` at the first value that is not documented; False makes the
            cell unknown (or leaves the row out, if it cannot be read), counts it in ``.attrs["report"]`` and describes
            it in ``.attrs["problems"]``.
    """

    root: Path
    _: KW_ONLY
    missing_images: str = "drop"
    strict: bool = True

    name: ClassVar[str]
    extras: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        self.problems: list[dict] = []
        self.report: dict = {"rows": 0, "images_missing": 0, "unreadable_rows": 0, "problems": 0, "other_aus": {}}
        self.require("missing_images", "drop", "keep")
        self.require("strict", True, False)

    @abstractmethod
    def check(self) -> None:
        """Find the dataset's folders. Raises DatasetNotFoundError that says what was expected."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Read the annotation, piece by piece."""

    def read(self) -> pd.DataFrame:
        """Read the dataset into a table in the shape of the meta-database."""
        self.check()
        return self._assemble(list(self.parts()))

    @property
    def facts(self) -> Dataset:
        """The dataset's entry in the registry."""
        return DATASETS[self.name]

    # -- settings and folders ------------------------------------------------------------------------------------------

    def require(self, setting: str, *accepted) -> None:
        """Raise SettingsError unless a setting has one of the accepted values."""
        value = getattr(self, setting)
        if value not in accepted:
            raise SettingsError(f"{self.name}: {setting}={value!r}; accepted: {', '.join(map(repr, accepted))}")

    def require_aus(self, setting: str) -> None:
        """Raise SettingsError unless a setting is None or a list of action units."""
        value = getattr(self, setting)
        if isinstance(value, str) or any(au not in _COLUMN_OF for au in value or ()):
            raise SettingsError(f"{self.name}: {setting}={value!r}; accepted: action units as in ('AU04', 'AU12')")

    def find(self, *candidates: str, what: str = "annotation") -> Path:
        """First of the candidate paths (patterns with ``*`` are allowed) that exists below the root."""
        if not self.root.is_dir():
            raise DatasetNotFoundError(
                f"there is no folder {str(self.root)!r} for {self.facts.title}; "
                f"expected a folder that holds {candidates[0]!r}"
            )
        found = self._first(candidates)
        if found is None:
            expected = " or ".join(repr(c) for c in candidates)
            raise DatasetNotFoundError(
                f"no {what} of {self.facts.title} below {str(self.root)!r}: expected {expected}; "
                f"found {', '.join(visible(self.root)[:8]) or 'nothing'}"
            )
        return found

    def find_images(self, *candidates: str) -> Path | None:
        """Folder of the images; None if there is none and rows without image are kept."""
        if self.missing_images == "keep":
            return self._first(candidates)
        try:
            return self.find(*candidates, what="images")
        except DatasetNotFoundError as error:
            raise DatasetNotFoundError(f"{error}; missing_images='keep' reads the annotation without images") from None

    def _first(self, candidates: Sequence[str]) -> Path | None:
        for candidate in candidates:
            matches = sorted(self.root.glob(candidate)) if "*" in candidate else [self.root / candidate]
            for match in matches:
                if match.exists():
                    return match
        return None

    def relative(self, path: Path) -> str:
        """A path as it stands in the table: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def sources(self, path: Path, lines: Iterable[int]) -> list[str]:
        """Column ``source`` for lines of one file: ``AUCoding/AU_OCC/F001_T1.csv:17``."""
        file = self.relative(path)
        return [f"{file}:{line}" for line in lines]

    # -- problems ------------------------------------------------------------------------------------------------------

    def problem(self, message: str, path: Path, line: int | None = None) -> None:
        """Raise DataError in strict mode; otherwise note the problem and go on."""
        if self.strict:
            raise DataError(f"{message}; strict=False reads on and reports", path=path, line=line)
        self.note(message, path, line)

    def note(self, message: str, path: Path, line: int | None = None) -> None:
        """Note something that is odd but harmless, in strict mode too."""
        self.report["problems"] += 1
        if len(self.problems) < _MOST_PROBLEMS_KEPT:
            self.problems.append({"path": self.relative(path), "line": line, "message": message})

    # -- numbers -------------------------------------------------------------------------------------------------------

    def integer_table(self, path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Read a comma-separated file of integers with a header line.

        Returns the header's cells, the values (int64, rows x columns) and the line of each row. Rows with a wrong
        number of cells are problems and left out; blank lines are skipped.
        """
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, _, body = data.partition(b"\n")
        header = [cell.strip().strip("\"'") for cell in first.decode("latin-1").split(",")]
        values, lines = self._integers(path, body, len(header), first_line=2)
        return header, values, lines

    def headless_integer_table(self, path: Path, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """The same for a file without a header."""
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return self._integers(path, data, columns, first_line=1)

    def _integers(self, path: Path, body: bytes, columns: int, first_line: int) -> tuple[np.ndarray, np.ndarray]:
        if not body.strip():
            return np.empty((0, columns), np.int64), np.empty(0, np.int64)
        try:  # the quick way reads faultless files only; what it refuses is looked at line by line
            values = pd.read_csv(BytesIO(body), header=None, dtype=np.int64, skip_blank_lines=False).to_numpy()
            if values.shape[1] == columns:
                return values, np.arange(first_line, first_line + len(values))
        except (ValueError, pd.errors.ParserError):
            pass  # not an error yet: numbers such as 1.0e+01 are read below, and faults are reported there
        return self._integers_line_by_line(path, body, columns, first_line)

    def _integers_line_by_line(
        self, path: Path, body: bytes, columns: int, first_line: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, lines = [], []
        for line, text in enumerate(body.decode("latin-1").split("\n"), start=first_line):
            cells = text.split(",")
            if not text.strip():
                continue
            if len(cells) != columns:
                self.problem(f"the line has {len(cells)} values, expected {columns}", path, line)
                self.report["unreadable_rows"] += 1
                continue
            rows.append([self._integer(cell, path, line) for cell in cells])
            lines.append(line)
        return np.array(rows, np.int64).reshape(-1, columns), np.array(lines, np.int64)

    def _integer(self, cell: str, path: Path, line: int) -> int:
        try:
            number = float(cell)
            if number == int(number):
                return int(number)
        except (ValueError, OverflowError):
            pass  # reported with the next line, as a fraction is
        self.problem(f"value {cell.strip()!r} is not a whole number", path, line)
        return int(_UNREADABLE)

    def readable_rows(self, frames: np.ndarray) -> np.ndarray:
        """True where the frame number could be read; a row without one is of no use."""
        return frames != _UNREADABLE

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
        for row, column in np.argwhere(wrong):
            if values[row, column] != _UNREADABLE:
                known = ", ".join(str(v) for v in [*accepted, *unknown])
                message = f"value {values[row, column]} of {columns[column]} is not one of {known}"
                self.problem(message, path, int(lines[row]))
        return np.where(missing | wrong, UNKNOWN, values).astype(np.int8)

    def text_cells(
        self, table: pd.DataFrame, columns: Sequence[str], path: Path, accepted: Sequence[int], unknown: Sequence[int]
    ) -> np.ndarray:
        """The same for text columns of a table read by pandas (row i is line i + 2). Empty cells are unknown."""
        numbers = np.empty((len(table), len(columns)), np.int64)
        blank = int(unknown[0]) if len(unknown) else int(_UNREADABLE)
        for i, column in enumerate(columns):
            place, texts = pd.factorize(table[column])  # few different texts: each is read once
            number = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(np.float64)
            whole = np.isfinite(number) & (np.floor(number) == number)
            unreadable = ~whole & (texts != "")
            for row in np.flatnonzero(unreadable[place]):
                self.problem(f"value {texts[place[row]]!r} of {column} is not a whole number", path, int(row) + 2)
            numbers[:, i] = np.where(whole, np.where(whole, number, 0).astype(np.int64), blank)[place]
        lines = np.arange(2, len(table) + 2)
        return self.coded_cells(numbers, path, lines, columns, accepted, unknown)

    def listed_aus(self, path: Path, columns: int) -> list[tuple[int, int]] | None:
        """Read a file that lists the action units present, one a line: number, intensity and further columns.

        Numbers are in Matlab's notation (``4.0000000e+00``), separated by blanks. Returns (number, intensity) pairs,
        the intensity being UNKNOWN where it is out of range; None if a line cannot be read, because then no action
        unit can be called absent.
        """
        found = []
        for line, text in enumerate(read_lines(path), start=1):
            if text.strip():
                found.append(self._listed_au(text.split(), columns, path, line))
        if None in found:
            self.report["unreadable_rows"] += 1
            return None
        return found

    def _listed_au(self, cells: list[str], columns: int, path: Path, line: int) -> tuple[int, int] | None:
        if len(cells) != columns:
            self.problem(f"the line has {len(cells)} numbers, expected {columns}", path, line)
            return None
        number, intensity = (self._integer(cell, path, line) for cell in cells[:2])
        if number == _UNREADABLE or intensity == _UNREADABLE:
            return None
        if not 1 <= number <= 99:
            self.problem(f"action unit {number} is not between 1 and 99", path, line)
            return None
        if not 0 <= intensity <= 5:
            self.problem(f"intensity {intensity} of AU{number:02d} is not between 0 and 5", path, line)
            intensity = UNKNOWN
        return number, intensity

    def listed_text(self, path: Path) -> float | None:
        """The single number of a small file, such as a PSPI score; None if the file is empty."""
        words = " ".join(read_lines(path)).split()
        if not words:
            return None
        try:
            return float(words[0])
        except ValueError:
            self.problem(f"value {words[0]!r} is not a number", path, 1)
            return None

    # -- tables --------------------------------------------------------------------------------------------------------

    @staticmethod
    def unknown_labels(rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Labels and intensities of so many rows, all unknown."""
        labels = np.full((rows, len(facs.ALL)), UNKNOWN, np.int8)
        return labels, np.full((rows, len(INTENSITY_AUS)), UNKNOWN, np.int8)

    def other_au(self, number: int, times: int = 1) -> None:
        """Count an action unit that the meta-database has no column for, such as AU50 or AU61."""
        counts = self.report["other_aus"]
        counts[facs.code(number)] = counts.get(facs.code(number), 0) + times

    def _assemble(self, parts: list[Part]) -> pd.DataFrame:
        labels, intensities = self.unknown_labels(0)
        labels = np.concatenate([labels, *(part.labels for part in parts)])
        intensities = np.concatenate([intensities, *(part.intensities for part in parts)])
        columns: dict[str, object] = {
            "dataset": pd.array([self.name] * len(labels), dtype=STRING),
            "subject": _text(part.subject for part in parts),
            "sequence": _text(part.sequence for part in parts),
            "frame": _whole(part.frame for part in parts),
            "image": _text(part.image for part in parts),
            "source": _text(part.source for part in parts),
        }
        columns |= {au: nullable(labels[:, i]) for i, au in enumerate(facs.ALL)}
        columns |= {name: nullable(intensities[:, i]) for i, name in enumerate(INTENSITY_COLUMNS)}
        for extra, dtype in self.extras.items():
            values = [value for part in parts for value in part.extras[extra]]
            columns[extra] = pd.array(values, dtype=STRING if dtype == "string" else dtype)
        return self._finish(pd.DataFrame(columns))

    def _finish(self, table: pd.DataFrame) -> pd.DataFrame:
        if table.empty:
            raise DataError(f"no annotated frame of {self.facts.title} was found", path=self.root)
        missing = table["image"].isna().to_numpy()
        self.report["images_missing"] = int(missing.sum())
        if self.missing_images == "drop":
            table = table[~missing].reset_index(drop=True)
        if table.empty:
            raise DataError(
                f"none of the {missing.size:,} annotated frames of {self.facts.title} has an image file; check the "
                "image folder, or read with missing_images='keep'",
                path=self.root,
            )
        self.report["rows"] = len(table)
        table.attrs = {"report": self.report, "problems": self.problems}
        return table


def label_column(au: str) -> int | None:
    """Position of an action unit in a label matrix; None if the meta-database has no column for it."""
    return _COLUMN_OF.get(au)


def intensity_column(au: str) -> int | None:
    """Position of an action unit in an intensity matrix; None if it has none."""
    return _INTENSITY_OF.get(au)


def set_absent(labels: np.ndarray, intensities: np.ndarray, aus: tuple[str, ...]) -> None:
    """Mark action units that were looked for as absent, with intensity 0, before the listed ones are filled in."""
    labels[:, [label_column(au) for au in aus]] = 0
    intensities[:, [column for au in aus if (column := intensity_column(au)) is not None]] = 0


def nullable(values: np.ndarray) -> pd.arrays.IntegerArray:
    """Column of small integers in which UNKNOWN has become ``<NA>``."""
    missing = values == UNKNOWN
    return pd.arrays.IntegerArray(np.where(missing, 1, values).astype(np.int8), missing)


def _text(pieces: Iterable[Sequence[str | None]]) -> pd.api.extensions.ExtensionArray:
    return pd.array([value for piece in pieces for value in piece], dtype=STRING)


def _whole(pieces: Iterable[Sequence[int | None]]) -> pd.api.extensions.ExtensionArray:
    values = [None if value is None else int(value) for piece in pieces for value in piece]
    return pd.array(values, dtype="Int64")
