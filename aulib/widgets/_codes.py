"""One cell of an annotation file, read by the dataset's own reader and by three careless ones."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import pandas as pd

from aulib import adapters
from aulib.adapters import registry
from aulib.errors import DataError
from aulib.widgets import _draw
from aulib.widgets._explorer import Choice, Explorer, Frame

VALUES = (0, 1, -1, 7, 9, 999)
#: Where each dataset keeps its labels, and a smallest file with one cell to fill in.
FILES = {
    "aff_wild2": (
        "annotations/AU_Set/Training_Set/103.txt",
        "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n0,0,0,0,{value},0,0,0\n",
    ),
    "bp4d": ("AUCoding/AU_OCC/F001_T1.csv", "0,1,12\n2440,0,{value}\n"),
    "emotionet": (
        "EmotioNet_FACS_aws_2020_24600.csv",
        "URL,URL orig,'AU 1','AU 12'\n'https://example.org/N_0000000001/N_0000000001_00002.jpg','x',0,{value}\n",
    ),
}
_WORDS = {0: "not displayed", 1: "displayed"}


def codes() -> Explorer:
    """Codes explorer: what a number in a dataset's file means, and what programs take it for that do not ask.

    For the classroom: let everybody guess what 9 and -1 mean before the dataset is named. Then find the value that no
    careless reader gets right, and the one that even the right reader must refuse.

    Example:
        >>> [codes().frame(dataset="bp4d", value=value).numbers["read"] for value in (0, 9, 7)]
        ['not displayed', 'unknown', 'refused']
    """
    settings = (
        Choice("dataset", "Dataset", {name: registry.DATASETS[name].title for name in FILES}, "bp4d"),
        Choice("value", "The cell of AU12 holds", {value: str(value) for value in VALUES}, 9),
    )
    source = "Files made up by hand, read by aulib.adapters"
    return Explorer("codes", "What a number in a file means", settings, frame, source)


@lru_cache(maxsize=64)
def read(dataset: str, value: int) -> str:
    """Write the smallest file, read it with the dataset's adapter, and return AU12 in words."""
    place, text = FILES[dataset]
    with tempfile.TemporaryDirectory() as root:
        file = Path(root, place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(value=value), "utf-8")
        try:
            label = adapters.read(dataset, root, missing_images="keep")["AU12"].iloc[0]
        except DataError:
            return "refused"
    return "unknown" if pd.isna(label) else _WORDS[int(label)]


def frame(dataset: str, value: int) -> Frame:
    """What the adapter makes of the cell, and what three careless readers do."""
    title = registry.DATASETS[dataset].title
    readers = {
        f"reader of {title}": read(dataset, value),
        '"1 is displayed"': _WORDS[int(value == 1)],
        '"above 0 is displayed"': _WORDS[int(value > 0)],
        '"add up the column"': f"counts {value}",
    }
    right, *others = readers.values()
    wrong = [name for name, found in list(readers.items())[1:3] if found != right]
    numbers = {"read": right, "careless": others}
    verdict = f"Wrong without a warning: {' and '.join(wrong)}" if wrong else "Here the careless readers are right"
    reason = {"refused": "nobody has documented this value, so the reader stops", "unknown": "nobody coded this face"}
    message = (
        f"{title}, AU12 = {value}: {right}{'; ' + reason[right] if right in reason else ''}. {verdict}. Whoever adds "
        f"up the column counts {value}."
    )
    alt = f"Four readers of one cell. {'; '.join(f'{name}: {found}' for name, found in readers.items())}. {message}"
    return Frame(_picture(readers, right, alt), alt, message, numbers)


def _picture(readers: dict[str, str], right: str, alt: str) -> str:
    parts = []
    for place, (name, found) in enumerate(readers.items()):
        top = 4 + 28 * place
        parts.append(_draw.rects([(180, top, 120, 22)], "blue" if found == right else "orange", outline=True))
        parts += [_draw.text(170, top + 15, name, "end"), _draw.text(240, top + 15, found, "middle", bold=place == 0)]
        parts.append(_draw.text(310, top + 15, "" if place == 0 else "same" if found == right else "wrong"))
    return _draw.svg(120, parts, alt)
