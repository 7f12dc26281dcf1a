"""RAF-AU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from aulib import facs
from aulib.adapters.base import Adapter, Part, label_column
from aulib.adapters.cells import UNKNOWN, short
from aulib.adapters.files import plain_name
from aulib.errors import SettingsError

_LINE = re.compile(r"[ \t]*(?P<image>[^ \t]+)[ \t]+(?P<coding>[^ \t]+)[ \t]*")
_TOKEN = re.compile(r"(?P<side>[LRTB])?(?:AU|AD)?(?P<number>[0-9]{1,2})")
_NOTHING = "null"


@dataclass
class RAFAU(Adapter):
    """Images from the web, each with a list of the action units that it shows.

    Format on disk:

    * ``RAFAU_label.txt``: lines ``0001.jpg 1+4+25``, with or without a blank at the end, numbers in any order and
      sometimes twice. ``L``, ``R`` before a number are the side of the face, ``T``, ``B`` the top or bottom lip;
      ``AD19`` is the action descriptor 19. ``null`` stands alone where no action unit is given.
    * ``aligned/0001_aligned.jpg``.

    Facts: 4,601 images; no people, so that every image is its own ``subject``; occurrence only. The list as it is
    written is kept in the extra ``coding``.

    Citation: Yan et al., ACCV 2020, arXiv:2008.05196.

    Args:
        null: what ``null`` says: ``"unknown"``, or ``"absent"``, that no action unit is displayed. Both readings are
            possible.
        one_sided: what an action unit of one side, or of one lip, is: ``"present"`` or ``"unknown"``.
        assume_absent_for: action units that are absent when a line does not list them; default: the coded ones, which
            is our reading of how often each occurs.
        listed_only: what an action unit outside that list is where a line does list it: ``"unknown"``, because a label
            that is known only where it is displayed has no negatives, or ``"present"``.
        images: where an image lies, relative to the root.
        annotations: the file with the lists, relative to the root.
    """

    null: str = "unknown"
    one_sided: str = "present"
    assume_absent_for: tuple[str, ...] | None = None
    listed_only: str = "unknown"
    images: str = "aligned/{stem}_aligned.jpg"
    annotations: str = "RAFAU_label.txt"

    name = "raf_au"
    extras = {"coding": "string"}
    key = ("subject",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("null", "unknown", "absent")
        self.require("one_sided", "present", "unknown")
        self.require("listed_only", "unknown", "present")
        self.require_aus("assume_absent_for")
        self.require_place("images")
        self.require_place("annotations")
        if "{stem}" not in PurePosixPath(self.images).name:
            raise SettingsError(
                f"{self.name}: images={self.images!r}; accepted: a path that ends in a name with {{stem}}"
            )
        self.report |= {"listed_only": 0, "null": 0}

    def check(self) -> None:
        self.path = self.find(self.annotations)
        self.find_images(str(PurePosixPath(self.images).parent))

    def parts(self) -> Iterator[Part]:
        rows = self._rows()
        labels, intensities = self.unknown_labels(len(rows))
        for row, (_, _, coding) in enumerate(rows):
            self._fill(labels[row], coding)
        yield Part(
            subject=[stem for _, stem, _ in rows],
            sequence=[None] * len(rows),
            frame=[None] * len(rows),
            image=self._images([stem for _, stem, _ in rows]),
            source=self.sources(self.path, [line for line, _, _ in rows]),
            labels=labels,
            intensities=intensities,
            extras={"coding": [coding for _, _, coding in rows]},
        )

    def _rows(self) -> list[tuple[int, str, str]]:
        """Line, stem of the image's name and list of each line that can be read."""
        rows = []
        for line, text in self.listing(self.path) or ():
            match = _LINE.fullmatch(text)
            if match is None or not plain_name(match["image"]) or not match["image"].lower().endswith(".jpg"):
                message = f"expected an image and a list as in '0001.jpg 1+4+25', found {short(text)}"
                self.unreadable_row(message, self.path, line)
            elif match["coding"] != _NOTHING and not all(map(_TOKEN.fullmatch, match["coding"].split("+"))):
                message = f"{short(match['coding'])} is no list of action units such as '1+L4+25'"
                self.unreadable_row(message, self.path, line)
            else:
                rows.append((line, match["image"][: -len(".jpg")], match["coding"]))
        return rows

    def _fill(self, labels, coding: str) -> None:
        absent = self.facts.coded_aus() if self.assume_absent_for is None else tuple(self.assume_absent_for)
        tokens = [] if coding == _NOTHING else [_TOKEN.fullmatch(token) for token in coding.split("+")]
        self.report["null"] += int(coding == _NOTHING)
        if tokens or self.null == "absent":
            labels[[label_column(au) for au in absent]] = 0
        whole = {int(token["number"]) for token in tokens if token["side"] is None}
        for number in {int(token["number"]) for token in tokens}:
            au = facs.code(number)
            if (target := label_column(au)) is None:
                self.other_au(number)
                continue
            self.report["listed_only"] += int(au not in absent)
            if au in absent or self.listed_only == "present":
                labels[target] = 1 if number in whole or self.one_sided == "present" else UNKNOWN

    def _images(self, stems: list[str]) -> list[str | None]:
        place = PurePosixPath(self.images)
        present = set(self.tree.names(self.root / place.parent))
        names = [place.name.format(stem=stem) for stem in stems]
        return [str(place.parent / name) if name in present else None for name in names]
