"""Rendered faces for the pages on the Facial Action Coding System, drawn anew whenever the book is made.

All of them together take about three seconds of a processor, so that no cache has to notice changes of the renderer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aulib import facs, synth
from aulib.plots import faces as figures

#: The person of the reference pictures, their edge in pixels, and the two intensities shown (C and E).
PERSON, EDGE, SHOWN = 20, 112, (3, 5)
_QUALITY = {"quality": 80, "method": 6}


@dataclass(frozen=True)
class Sheet:
    """Faces in the order of reading, each with a name.

    Attributes:
        names: what stands under each face.
        aus: the action units of each face with their intensities.
        people: numbers of the persons; one number stands for all faces.
    """

    names: tuple[str, ...]
    aus: tuple[dict[str, facs.Level], ...]
    people: tuple[int, ...] = (PERSON,)

    def images(self) -> list[np.ndarray]:
        """Render the faces, uint8 (160, 160, 3) each."""
        people = self.people if len(self.people) > 1 else self.people * len(self.aus)
        return [
            synth.render_face(aus, identity=person, size=160, noise=0)
            for aus, person in zip(self.aus, people, strict=True)
        ]


#: File name -> what the chapter "FACS in one hour" shows.
SHEETS = {
    "intensities": Sheet(
        ("neutral", "A", "B", "C", "D", "E"), tuple({"AU12": level} if level else {} for level in range(6))
    ),
    "additive": Sheet(
        ("AU01", "AU02", "AU01+02", "AU06", "AU12", "AU06+12"),
        ({"AU01": 5}, {"AU02": 5}, {"AU01": 5, "AU02": 5}, {"AU06": 4}, {"AU12": 4}, {"AU06": 4, "AU12": 4}),
    ),
    "changed": Sheet(("neutral", "AU01", "AU04", "AU01+04"), ({}, {"AU01": 5}, {"AU04": 4}, {"AU01": 5, "AU04": 4})),
    "phases": Sheet(
        ("neutral", "onset", "apex", "offset"),
        ({}, {"AU04": 2, "AU09": 2}, {"AU04": 4, "AU09": 4}, {"AU04": 1, "AU09": 2}),
    ),
    "sides": Sheet(
        ("both, D", "left, D", "right, D", "left D, right B"),
        ({"AU12": 4}, {"AU12": (4, 0)}, {"AU12": (0, 4)}, {"AU12": (4, 2)}),
    ),
    "head": Sheet(
        ("AU51", "AU53", "AU54", "AU55", "AU43", "AU46"),
        ({"AU51": 4}, {"AU53": 5}, {"AU54": 5}, {"AU55": 4}, {"AU43": 5}, {"AU46": 5}),
    ),
    "people": Sheet(
        ("AU04",) * 3 + ("neutral",) * 3,
        ({"AU04": 3}, {"AU04": 3}, {"AU04": 3}, {}, {}, {}),
        (16, 5, 10, 16, 5, 10),
    ),
    "alike": Sheet(("AU43", "AU45", "AU38", "neutral"), ({"AU43": 5}, {"AU45": 5}, {"AU38": 5}, {})),
}


def draw(folder: Path) -> None:
    """Write the reference pictures (``au04_5.webp``, ``neutral.webp``) and the sheets into a new folder."""
    folder.mkdir()
    _save(synth.render_face(identity=PERSON, size=EDGE, noise=0), folder / "neutral.webp")
    for unit in facs.CATALOGUE.values():
        for level in SHOWN if unit.renderable else ():
            image = synth.render_face({unit.code: level}, identity=PERSON, size=EDGE, noise=0)
            _save(image, folder / picture(unit.code, level))
    for name, sheet in SHEETS.items():
        # Six faces in one row would be too small on a phone.
        columns = 3 if len(sheet.names) == 6 else len(sheet.names)
        figure = figures.captioned(sheet.images(), sheet.names, columns=columns)
        figure.savefig(folder / f"{name}.webp", dpi=140, pil_kwargs=_QUALITY)


def picture(code: str, level: int) -> str:
    """Return the name of a reference picture's file.

    Example:
        >>> picture("AU04", 5)
        'au04_5.webp'
    """
    return f"{code.lower()}_{level}.webp"


def _save(image: np.ndarray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(image).save(path, **_QUALITY)
