"""The annotation files of the six datasets, in their own formats, from a plan. Images are written elsewhere.

Every writer returns ``{path relative to the dataset's root: text}``. What a dataset does not code it does not write;
the whole truth is :func:`truth`. Real copies are untidy, and so are these: line ends, header names and litter differ.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import groupby

import numpy as np
import pandas as pd

from aulib import facs
from aulib.synth.plan import Frame

#: The 30 action units that the synthetic Actor Study codes. The real list is not public; 30 is the number that agrees
#: with the paper's share of missing labels.
ACTOR_STUDY_AUS = tuple(
    facs.code(n) for n in (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 38, 39)
)
AFF_WILD2_AUS = tuple(facs.code(n) for n in (1, 2, 4, 6, 12, 15, 20, 25))
#: Columns of BP4D that hold 9 in every row.
BP4D_UNCODED = frozenset({3, 8, 21, 25, 26, *range(40, 100)})
BP4D_INTENSITY_AUS = tuple(facs.code(n) for n in (6, 10, 12, 14, 17))
EMOTIONET_AUS = tuple(
    facs.code(n) for n in (1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, 51, 52, 53, 54, 55, 56)
)
UNBC_AUS = tuple(facs.code(n) for n in (4, 6, 7, 9, 10, 12, 15, 20, 25, 26, 27, 43))
#: AU50, speech: in UNBC's files now and then, and in no table of 45 action units.
SPEECH = 50
#: Numbers in CK+'s emotion files.
EMOTIONS = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happiness": 5, "sadness": 6, "surprise": 7}
#: What a file manager leaves in almost every folder of the real CK+: the first bytes of such a file.
LITTER = "\x00\x00\x00\x01Bud1"
#: What CK+'s lists may name: what the corpus ever shows there.
CK_PLUS_AUS = tuple(unit for unit in facs.ALL if facs.CATALOGUE[unit].number < 50)


def _present(frame: Frame, unit: str) -> int:
    return int(frame.intensity(unit) > 0)


def _table(rows: list[list]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _by_sequence(frames: list[Frame]) -> list[list[Frame]]:
    return [list(group) for _, group in groupby(frames, key=lambda f: (f.subject, f.sequence))]


def _matlab(*numbers: float) -> str:
    """A line as Matlab's ``save -ascii`` writes it: ``   4.0000000e+00   2.0000000e+00``."""
    return "".join(f"   {number:.7e}" for number in numbers) + "\n"


def actor_study(frames: list[Frame]) -> dict[str, str]:
    """One csv; cells 0, 1 or -1 (hidden from the side camera: one cell in twenty of those images)."""
    rows: list[list] = [["subject", "camera", "sequence", "frame", *ACTOR_STUDY_AUS]]
    for frame in frames:
        cells = [_present(frame, unit) for unit in ACTOR_STUDY_AUS]
        if frame.yaw:
            for k in range(frame.number % 20, len(cells), 20):
                cells[k] = -1
        rows.append([frame.subject, frame.camera, frame.sequence, frame.frame, *cells])
    return {"annotations.csv": _table(rows)}


def aff_wild2(frames: list[Frame]) -> dict[str, str]:
    """The 2020 release: a header, then a row per video frame; -1 is unknown. The second video has one single -1.

    Every fifth video is of the validation set. The fifth has an image more than rows; the third lacks its last line
    end, the fourth has those of Windows.
    """
    header = ",".join(f"AU{facs.CATALOGUE[unit].number}" for unit in AFF_WILD2_AUS)
    files = {}
    for number, group in enumerate(_by_sequence(frames)):
        rows = [[_present(f, unit) if f.coded else -1 for unit in AFF_WILD2_AUS] for f in group]
        if number == 1:
            rows[-1][-1] = -1
        if number == 4:
            rows.pop()
        end = "\r\n" if number == 3 else "\n"
        text = end.join([header, *(",".join(map(str, row)) for row in rows)])
        part = "Validation_Set" if number % 5 == 3 else "Training_Set"
        files[f"annotations/AU_Set/{part}/{group[0].sequence}.txt"] = text + ("" if number == 2 else end)
    return files


def bp4d(frames: list[Frame]) -> dict[str, str]:
    """Occurrence of 34 action units per sequence, and the intensity of five; 9 is unknown.

    F013's files are in the style of a later release: a column for each coded action unit, named in the header.
    """
    files = {"AUCoding/.DS_Store": LITTER}
    for number, group in enumerate(_by_sequence(frames)):
        stem = f"{group[0].subject}_{group[0].sequence}"
        if group[0].subject == "F013":
            coded = [n for n in range(1, 40) if n not in BP4D_UNCODED]
            rows = [[1, *coded], *([f.frame, *(_occurrence(f, n) for n in coded)] for f in group)]
        else:
            rows = [list(range(100))]
            rows += [[f.frame, *(9 if n in BP4D_UNCODED else _occurrence(f, n) for n in range(1, 100))] for f in group]
        files[f"AUCoding/AU_OCC/{stem}.csv"] = _table(rows)
        for unit in BP4D_INTENSITY_AUS:
            hidden = number % 10 == 7  # an occlusion: no intensity in the first two frames
            levels = [[f.frame, 9 if hidden and k < 2 else f.intensity(unit)] for k, f in enumerate(group)]
            files[f"AUCoding/AU_INT/{unit}/{stem}_{unit}.csv"] = _table(levels)
    return files


def _occurrence(frame: Frame, number: int) -> int:
    return _present(frame, facs.code(number))


def ck_plus(frames: list[Frame]) -> dict[str, str]:
    """A list of what the peak frame shows; intensity 0 means present, not graded (every fifth line).

    Every other person has emotion files, where the display is that of an emotion; the others have empty folders. Every
    tenth list lacks its last line end.
    """
    files = {}
    for frame in frames:
        if not frame.coded:
            continue
        place, stem = f"{frame.subject}/{frame.sequence}", f"{frame.subject}_{frame.sequence}_{frame.frame:08d}"
        shown = [unit for unit in CK_PLUS_AUS if _present(frame, unit)]
        graded = [0 if (frame.take + k) % 5 == 4 else frame.intensity(unit) for k, unit in enumerate(shown)]
        lines = [_matlab(facs.CATALOGUE[unit].number, g) for unit, g in zip(shown, graded, strict=True)]
        text = "".join(lines)
        files[f"FACS/{place}/{stem}_facs.txt"] = text.removesuffix("\n") if frame.person % 10 == 6 else text
        files[f"FACS/{frame.subject}/.DS_Store"] = LITTER
        if frame.person % 2 == 0 and frame.kind in EMOTIONS:
            files[f"Emotion/{place}/{stem}_emotion.txt"] = _matlab(EMOTIONS[frame.kind])
        else:
            files[f"Emotion/{place}/.DS_Store"] = LITTER
    return files


def emotionet(frames: list[Frame]) -> dict[str, str]:
    """One csv with quoted names of columns and addresses; 999 is unknown: uncoded columns and one cell in fifty.

    Every tenth name has a blank before its quote, and the cells of the fourth image are empty.
    """
    rows: list[list] = [["URL", "URL orig", *(f"{' ' * (n % 10 == 0)}'AU {n}'" for n in range(1, 61))]]
    for frame in frames:
        folder = frame.subject[:12]
        address = f"'http://images.example/optimization_set/{folder}/{frame.subject}.jpg'"
        origin = f"'http://origin.example/{frame.person}, Gesicht für Übung.jpg'"
        cells: list = [999] * 60
        for k, unit in enumerate(EMOTIONET_AUS):
            if (frame.person * 23 + k) % 50 != 17:
                cells[facs.CATALOGUE[unit].number - 1] = _present(frame, unit)
        rows.append([address, origin, *(cells if frame.person != 3 else [""] * 60)])
    return {"EmotioNet_FACS_aws_2020_24600.csv": _table(rows)}


def pspi(frame: Frame) -> int:
    """Pain intensity of Prkachin and Solomon: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43 (0 or 1), 0 to 16.

    Example:
        >>> pspi(Frame("unbc", "s", None, 1, None, 0, 0, 0, levels={"AU04": 2, "AU07": 3, "AU43": 5}))
        6
    """
    level = frame.intensity
    return (
        level("AU04") + max(level("AU06"), level("AU07")) + max(level("AU09"), level("AU10")) + _present(frame, "AU43")
    )


def unbc(frames: list[Frame]) -> dict[str, str]:
    """A list per frame (empty: nothing shown) and its PSPI; AU43 has no intensity, its number is 1, now and then 0.

    An open jaw in every tenth frame counts as speech (AU50).
    """
    files = {"Frame_Labels/FACS/.DS_Store": LITTER}
    for frame in frames:
        if not frame.coded:
            continue
        path = f"{frame.subject}/{frame.sequence}/{frame.sequence}{frame.frame:03d}_facs.txt"
        shown = [unit for unit in UNBC_AUS if _present(frame, unit)]
        graded = [int(frame.person % 4 != 1) if unit == "AU43" else frame.intensity(unit) for unit in shown]
        lines = [_matlab(facs.CATALOGUE[unit].number, g, 0, 0) for unit, g in zip(shown, graded, strict=True)]
        if _present(frame, "AU26") and frame.number % 10 == 0:
            lines.append(_matlab(SPEECH, 0, 0, 0))
        files[f"Frame_Labels/FACS/{path}"] = "".join(lines)
        files[f"Frame_Labels/PSPI/{path}"] = _matlab(pspi(frame))
    return files | _sequence_labels(frames)


def _sequence_labels(frames: list[Frame]) -> dict[str, str]:
    """Pain of whole sequences, one number a file. Invented: what observers (OPR) and patients say follows the worst
    frame, on the scales of the archive."""
    files = {}
    for group in _by_sequence(frames):
        worst = max(pspi(frame) for frame in group) / 16
        scores = {"OPR": 5 * worst, "VAS": 10 * worst, "SEN": 15 * worst, "AFF": 12 * worst}
        for scale, score in scores.items():
            path = f"Sequence_Labels/{scale}/{group[0].subject}/{group[0].sequence}.txt"
            files[path] = _matlab(float(np.ceil(score)))
    return files


WRITERS: dict[str, Callable[[list[Frame]], dict[str, str]]] = {
    "actor_study": actor_study,
    "aff_wild2": aff_wild2,
    "bp4d": bp4d,
    "ck_plus": ck_plus,
    "emotionet": emotionet,
    "unbc": unbc,
}


def truth(frames: list[Frame]) -> pd.DataFrame:
    """The truth about every frame: its names and image, 45 labels and their intensities, the phase of its episode."""
    text = ("dataset", "subject", "sequence", "image")
    columns: dict[str, object] = {
        name: pd.array([getattr(f, name) for f in frames], dtype="string" if name in text else "Int64")
        for name in ("dataset", "subject", "sequence", "frame", "image")
    }
    levels = {unit: [f.intensity(unit) for f in frames] for unit in facs.ALL}
    columns |= {unit: pd.array([int(v > 0) for v in values], dtype="Int8") for unit, values in levels.items()}
    columns |= {f"{unit}_intensity": pd.array(values, dtype="Int8") for unit, values in levels.items()}
    columns["phase"] = pd.array([f.phase for f in frames], dtype="string")
    return pd.DataFrame(columns)
