"""What a check says, and what is normal in a dataset, so that it is a note and no problem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from aulib.checks._reading import Reading
from aulib.splits import BP4D_FOLDS

OK, NOTE, PROBLEM, SKIPPED = "ok", "note", "problem", "not checked"
MOST_EXAMPLES = 1_000


@dataclass(frozen=True)
class Finding:
    """What one check found: its level, how often, in words, and examples with path, line and message."""

    check: str
    level: str
    count: int
    message: str
    examples: list[dict] = field(default_factory=list)


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings as a table with the columns check, level, count and message."""
    rows = [(f.check, f.level, f.count, f.message) for f in findings]
    return pd.DataFrame(rows, columns=["check", "level", "count", "message"])


def examples(findings: Iterable[Finding]) -> pd.DataFrame:
    """The places of what was found, at most 1,000 a check: columns check, path, line and message."""
    rows = [{"check": f.check, **example} for f in findings for example in f.examples[:MOST_EXAMPLES]]
    return pd.DataFrame(rows, columns=["check", "path", "line", "message"]).astype({"line": "Int64"})


def place(source: str, message: str) -> dict:
    """An example: the source of a row is a file, or a file and a line."""
    path, _, line = source.rpartition(":")
    if path and line.isdigit():
        return {"path": path, "line": int(line), "message": message}
    return {"path": source, "line": None, "message": message}


@dataclass(frozen=True)
class Expectation:
    """What is normal in a dataset, with the reason; an empty reason means that it is not normal.

    Attributes:
        missing: rows without an image.
        unlabelled: images without a row.
        spare: so many images a folder may be without a row.
        gaps: frames that are not annotated.
        people: why the number of subjects on the disk is not the number of people.
        subjects: names of all people, where a document lists them.
    """

    missing: str = ""
    unlabelled: str = ""
    spare: int = 0
    gaps: str = ""
    people: str = ""
    subjects: tuple[str, ...] = ()


_UNBC = (
    "042-ll042 043-jh043 047-jl047 048-aa048 049-bm049 052-dr052 059-fn059 064-ak064 066-mg066 080-bn080 092-ch092 "
    "095-tv095 096-bg096 097-gf097 101-mg101 103-jk103 106-nm106 107-hs107 108-th108 109-ib109 115-jy115 120-kz120 "
    "121-vw121 123-jh123 124-dn124"
)
_DISFA = [*range(1, 14), 16, 17, 18, 21, *range(23, 33)]

#: Dataset -> what is normal in it.
EXPECTATIONS = {
    "actor_study": Expectation(gaps="the layout is not public, so that frames may be sampled"),
    "aff_wild2": Expectation(
        missing="a frame in which no face was found has a row and no image",
        spare=1,
        people="the annotation names no people, so that a video counts as one",
    ),
    "bp4d": Expectation(
        unlabelled="about 20 seconds of each task are coded",
        subjects=tuple(sorted(subject for fold in BP4D_FOLDS for subject in fold)),
    ),
    "bp4d_plus": Expectation(unlabelled="about 20 seconds of four tasks are coded"),
    "ck_plus": Expectation(unlabelled="only the last frame of a sequence is coded", gaps="only the peak is coded"),
    "disfa": Expectation(subjects=tuple(f"SN{n:03d}" for n in _DISFA)),
    "disfa_plus": Expectation(subjects=tuple(f"SN{n:03d}" for n in (1, 3, 4, 7, 9, 10, 13, 25, 27))),
    "emotionet": Expectation(missing="many links are dead", people="every image counts as its own person"),
    "raf_au": Expectation(
        unlabelled="the images are those of RAF-ML, which has more", people="every image counts as its own person"
    ),
    "unbc": Expectation(subjects=tuple(_UNBC.split())),
}


def normal(reading: Reading) -> Expectation:
    """What is normal in this dataset; nothing, if it has no entry."""
    return EXPECTATIONS.get(reading.facts.name, Expectation())
