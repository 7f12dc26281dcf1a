"""What all adapters share: settings, finding folders, reading numbers, reporting problems, assembling the table."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters.cells import MOST_PROBLEMS_KEPT, UNKNOWN, Cells
from aulib.adapters.files import plain_path, visible
from aulib.adapters.registry import DATASETS, INTENSITY_AUS, Dataset
from aulib.adapters.tree import Tree
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

#: Columns of the meta-database that say where a row comes from.
META: tuple[str, ...] = ("dataset", "subject", "sequence", "frame", "image", "source")
#: Columns with intensities, 0 to 5.
INTENSITY_COLUMNS: tuple[str, ...] = tuple(f"{au}_intensity" for au in INTENSITY_AUS)
#: All columns that every adapter gives, in order. Extras of a dataset follow them.
COLUMNS: tuple[str, ...] = META + facs.ALL + INTENSITY_COLUMNS
#: The one dtype of text in the meta-database.
STRING = pd.StringDtype("pyarrow")

_COLUMN_OF = {au: i for i, au in enumerate(facs.ALL)}
_INTENSITY_OF = {au: i for i, au in enumerate(INTENSITY_AUS)}


_COUNTS = (
    "rows",
    "images_missing",
    "unreadable_rows",
    "unreadable_files",
    "ignored_files",
    "repeated_rows",
    "conflicting_rows",
    "problems",
)


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
class Adapter(Cells):
    """Reader of one dataset.

    Args:
        root: the dataset's folder.
        missing_images: ``"drop"`` leaves out annotated frames that have no image file; ``"keep"`` keeps them with
            ``image`` unknown.
        strict: True raises :class:`~aulib.errors.DataError` at the first value that is not documented; False makes the
            cell unknown (or leaves the row out, if it cannot be read), counts it in ``.attrs["report"]`` and describes
            it in ``.attrs["problems"]``. A file that cannot be read is left out in the same way.
        links_outside: ``"refuse"`` treats symbolic links that lead out of the root as a problem and as not there;
            ``"follow"`` accepts them. Links within the root are always followed.
        aus: action units to take from the files: None takes all that they code, ``"benchmark"`` the dataset's usual
            list (``benchmark`` in the registry), a list such as ``("AU04", "AU12")`` takes these. The others and their
            intensities become unknown, whatever the files say.
    """

    root: Path
    _: KW_ONLY
    missing_images: str = "drop"
    strict: bool = True
    links_outside: str = "refuse"
    aus: str | tuple[str, ...] | None = None

    name: ClassVar[str]
    extras: ClassVar[dict[str, str]] = {}
    #: What names a frame: two rows that agree on it repeat one.
    key: ClassVar[tuple[str, ...]] = ("subject", "sequence", "frame")

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        self.report: dict = dict.fromkeys(_COUNTS, 0) | {"other_aus": {}}
        self._start()
        self.require("missing_images", "drop", "keep")
        self.require("strict", True, False)
        self.require("links_outside", "refuse", "follow")
        self._require_wanted_aus()

    def _start(self) -> None:
        """Forget what an earlier reading found."""
        self.problems: list[dict] = []
        self.report = {count: type(value)() for count, value in self.report.items()}
        self.tree = Tree(self.root, self.links_outside == "follow", self.problem)

    @abstractmethod
    def check(self) -> None:
        """Find the dataset's folders. Raises DatasetNotFoundError that says what was expected."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Read the annotation, piece by piece."""

    def read(self) -> pd.DataFrame:
        """Read the dataset into a table in the shape of the meta-database."""
        self._start()
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

    def require_place(self, setting: str) -> None:
        """Raise SettingsError unless a setting is None or paths relative to the root that stay below it."""
        value = getattr(self, setting)
        places = (value,) if isinstance(value, str) else tuple(value or ())
        if not all(isinstance(place, str) and plain_path(place) for place in places):
            raise SettingsError(f"{self.name}: {setting}={value!r}; accepted: paths relative to the root, without '..'")

    def require_aus(self, setting: str) -> None:
        """Raise SettingsError unless a setting is None or a list of action units."""
        value = getattr(self, setting)
        if isinstance(value, str) or any(au not in _COLUMN_OF for au in value or ()):
            raise SettingsError(f"{self.name}: {setting}={value!r}; accepted: action units as in ('AU04', 'AU12')")

    def _require_wanted_aus(self) -> None:
        """Raise SettingsError unless ``aus`` is None, the benchmark of a dataset that has one, or some action units."""
        if self.aus is None or (self.aus == "benchmark" and self.facts.benchmark):
            return
        if self.aus == "benchmark":
            known = ", ".join(name for name, facts in DATASETS.items() if facts.benchmark)
            raise SettingsError(
                f"{self.name}: aus='benchmark', but the registry has no benchmark list for it (it has for {known}); "
                "give a list of action units, or None for all that the files code"
            )
        listed = isinstance(self.aus, list | tuple) and len(self.aus) > 0
        unknown = [au for au in self.aus if not isinstance(au, str) or au not in _COLUMN_OF] if listed else []
        if unknown or not listed:
            found = f"aus has {', '.join(map(repr, unknown))}" if unknown else f"aus={self.aus!r}"
            raise SettingsError(
                f"{self.name}: {found}; accepted: None, 'benchmark', or action units as in ('AU04', 'AU12'), "
                "AU01 to AU56 as in aulib.facs.ALL"
            )

    @property
    def wanted_aus(self) -> tuple[str, ...]:
        """The action units that the setting ``aus`` lets through."""
        if self.aus is None:
            return facs.ALL
        return self.facts.benchmark if self.aus == "benchmark" else tuple(self.aus)

    def find_or(self, setting: str, *candidates: str) -> Path:
        """What a setting names, or else the first of the usual places."""
        chosen = getattr(self, setting)
        return self.find(*((chosen,) if chosen else candidates))

    def find(self, *candidates: str, what: str = "annotation") -> Path:
        """First of the candidate paths (patterns with ``*`` are allowed) that exists below the root."""
        if not os.path.isdir(self.root):
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
                if os.path.exists(match) and self.tree.inside(match):
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
        if len(self.problems) < MOST_PROBLEMS_KEPT:
            self.problems.append({"path": self.relative(path), "line": line, "message": message})

    # -- the result ----------------------------------------------------------------------------------------------------

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
        labels[:, [column for au, column in _COLUMN_OF.items() if au not in self.wanted_aus]] = UNKNOWN
        intensities[:, [column for au, column in _INTENSITY_OF.items() if au not in self.wanted_aus]] = UNKNOWN
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
            raise DataError(f"no annotated frame of {self.facts.title} could be read{self._first_problem()}", self.root)
        self._count_repeats(table)
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

    def _first_problem(self) -> str:
        if not self.problems:
            return ""
        first = self.problems[0]
        line = "" if first["line"] is None else f":{first['line']}"
        return f"; {self.report['problems']} problems, the first is {first['path']}{line}: {first['message']}"

    def _count_repeats(self, table: pd.DataFrame) -> None:
        """Count rows about the same frame, and those among them that disagree. They stay: the database decides."""
        key = list(self.key)
        repeated = table.duplicated(key, keep=False) & table[key[-1]].notna()
        if repeated.any():
            rows = table[repeated]
            alike = rows.duplicated([*key, *facs.ALL, *INTENSITY_COLUMNS], keep=False)
            self.report["repeated_rows"] = int(rows.duplicated(key).sum())
            self.report["conflicting_rows"] = int((~alike).sum())
            sources = " and ".join(rows[(rows[key] == rows[key].iloc[0]).all(axis=1)]["source"].head(2))
            message = (
                f"{self.report['repeated_rows']} rows repeat a frame, {self.report['conflicting_rows']} rows "
                f"differ in it from another; the first are {sources}"
            )
            self.note(message, self.root)


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
