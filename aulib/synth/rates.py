"""The numbers of the generative model of expression, each with where it comes from; the model is in ``expression``.

"Taken" numbers are counts published for the real datasets, or computed from such counts; "invented" ones were chosen
for teaching. :func:`table` lists the rates, :func:`parameters` everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from aulib import facs

#: Datasets whose people were told what to show. They get prescribed displays; the others get correlated action units.
POSED_DATASETS = ("actor_study", "ck_plus")

BP4D_FRAMES, CK_PLUS_SEQUENCES, UNBC_FRAMES = 146_847, 593, 48_398
#: Taken: frames of the real AU_OCC (all 328 files, 146,847 frames) that display an action unit. AU29 never does.
BP4D_COUNTS: dict[int, int] = {
    1: 31042, 2: 25110, 4: 29755, 5: 5693, 6: 67676, 7: 80616, 9: 8512, 10: 87270, 11: 7184, 12: 82530, 13: 138,
    14: 68375, 15: 24869, 16: 6593, 17: 50406, 18: 568, 19: 1197, 20: 3644, 22: 606, 23: 24288, 24: 22229, 27: 1271,
    28: 5697, 29: 0, 30: 506, 34: 121, 38: 1319, 39: 657,
}  # fmt: skip
#: Taken: sequences of CK+ (of 593) whose peak displays an action unit. The rest of its list are 0: the files list all.
CK_PLUS_COUNTS: dict[int, int] = {
    1: 173, 2: 116, 4: 191, 5: 102, 6: 122, 7: 119, 9: 74, 10: 21, 11: 33, 12: 111, 13: 2, 14: 37, 15: 89, 16: 24,
    17: 199, 18: 9, 20: 77, 21: 3, 23: 59, 24: 57, 25: 287, 26: 97, 27: 81, 28: 1, 29: 2, 34: 1, 38: 29, 39: 16, 43: 9,
}  # fmt: skip
#: Taken: frames of UNBC (of 48,398) that display an action unit.
UNBC_COUNTS: dict[int, int] = {
    4: 1074, 6: 5557, 7: 3366, 9: 423, 10: 525, 12: 6887, 20: 706, 25: 2407, 26: 2093, 27: 18, 43: 2434,
}  # fmt: skip
#: The corpus shows UNBC's action units this many times as often as the archive: of 48,398 frames it keeps a few
#: hundred, in which the rare ones would not occur at all.
UNBC_LIVELIER = 2.0

#: Invented: rates where a dataset has none of its own; what no dataset codes only disturbs.
DEFAULT: dict[int, float] = {
    1: 0.14, 2: 0.12, 4: 0.16, 5: 0.08, 6: 0.20, 7: 0.18, 9: 0.06, 10: 0.12, 11: 0.04, 12: 0.28, 13: 0.02, 14: 0.12,
    15: 0.10, 16: 0.05, 17: 0.14, 18: 0.04, 19: 0.01, 20: 0.06, 21: 0.03, 22: 0.03, 23: 0.10, 24: 0.10, 25: 0.25,
    26: 0.12, 27: 0.04, 28: 0.03, 29: 0.01, 30: 0.01, 34: 0.01, 38: 0.04, 39: 0.02, 43: 0.03, 44: 0.02, 46: 0.01,
    51: 0.02, 52: 0.02, 53: 0.01, 54: 0.02, 55: 0.01, 56: 0.01,
}  # fmt: skip
#: Invented, for the eight action units of the 2020 release, and for turned heads.
AFF_WILD2: dict[int, float] = {
    1: 0.24, 2: 0.17, 4: 0.24, 6: 0.28, 12: 0.36, 15: 0.18, 20: 0.10, 25: 0.34,
    51: 0.05, 52: 0.05, 53: 0.03, 54: 0.04, 55: 0.04, 56: 0.04,
}  # fmt: skip
#: Invented, for the 23 coded action units: smiling people who look at the camera dominate images from the web.
EMOTIONET: dict[int, float] = {
    1: 0.12, 2: 0.09, 4: 0.15, 5: 0.09, 6: 0.30, 9: 0.07, 10: 0.10, 12: 0.42, 15: 0.08, 17: 0.10, 18: 0.05, 20: 0.06,
    24: 0.08, 25: 0.38, 26: 0.15, 28: 0.04, 43: 0.06, 51: 0.08, 52: 0.08, 53: 0.06, 54: 0.06, 55: 0.07, 56: 0.07,
}  # fmt: skip

#: Invented, for action units that UNBC's files do not list: patients who move an arm hardly talk.
UNBC: dict[int, float] = {15: 0.0, 16: 0.01, 18: 0.01, 22: 0.005}
#: Invented: share of UNBC's episodes in which somebody is in pain, and how often an action unit is then displayed.
#: That these are the action units of pain is taken from the pain score (AU4, AU6 or 7, AU9 or 10, AU43).
PAIN_SHARE = 0.22
PAIN: dict[int, float] = {
    4: 0.18, 6: 0.60, 7: 0.58, 9: 0.075, 10: 0.085, 12: 0.40, 20: 0.10, 25: 0.25, 26: 0.20, 43: 0.40,
}  # fmt: skip

#: Invented, after the prototypes of FACS and CK+'s rules for emotions: (name, action units) of prescribed displays.
#: Names of emotions are those of CK+'s emotion files; "combination" has none.
COMBINATIONS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("anger", (4, 5, 7, 23)), ("anger", (4, 7, 17, 23, 24)), ("anger", (4, 7, 10, 25)),
    ("disgust", (4, 7, 9, 17)), ("disgust", (9, 10, 25)), ("disgust", (6, 7, 9, 17, 39)),
    ("fear", (1, 2, 4, 5, 20, 25)), ("fear", (1, 2, 4, 7, 20, 25, 26)), ("fear", (1, 4, 20, 25)),
    ("happiness", (6, 12, 25)), ("happiness", (6, 12)), ("happiness", (12, 25)), ("happiness", (6, 7, 12, 25, 26)),
    ("sadness", (1, 4, 15, 17)), ("sadness", (1, 4, 11, 15)), ("sadness", (6, 15, 17)),
    ("surprise", (1, 2, 5, 25, 26)), ("surprise", (1, 2, 5, 25, 27)), ("surprise", (1, 2, 25, 27, 38)),
    ("contempt", (14,)), ("contempt", (12, 14)),
    ("combination", (1, 2)), ("combination", (1, 4)), ("combination", (1, 2, 4)), ("combination", (4, 5)),
    ("combination", (6, 7)), ("combination", (10, 16, 25)), ("combination", (12, 17)), ("combination", (14, 17)),
    ("combination", (15, 17)), ("combination", (17, 23)), ("combination", (17, 24)), ("combination", (23, 24)),
    ("combination", (9, 25)), ("combination", (20, 25)), ("combination", (20, 25, 26)), ("combination", (22, 25)),
)  # fmt: skip
#: Invented: share of the Actor Study's displays that are one action unit alone; its combinations are equally likely.
SINGLES = 0.45
#: Invented: the 13 action units that the paper trains on are asked for so many times as often, alone, as the others.
SINGLES_13 = 2.0
#: Invented: how often a poser leaves out an action unit of a combination.
FORGOTTEN = 0.10
#: What is displayed in these goes with parted lips, if only because the mouth opens: see aulib.facs.IMPLIED.
_PARTED = frozenset(facs.CATALOGUE[cause].number for cause, _, effect in facs.IMPLIED if effect == "AU25")

#: Invented: probability of the intensities A to E of a displayed action unit. Posed displays are stronger.
POSED = (0.03, 0.10, 0.25, 0.36, 0.26)
SPONTANEOUS = (0.05, 0.25, 0.36, 0.24, 0.10)

#: Invented, after FACS's prototypes: correlation of the latent variables of a spontaneous face (6 + 12 smile, 1 + 2
#: surprise, 4 + 7 anger, 9 + 10 disgust, 15 + 17 sadness, 23 + 24 + 17 pressed lips, ...). Pairs not listed: 0.
LINKS: dict[tuple[int, int], float] = {
    (1, 2): 0.60, (1, 4): 0.15, (1, 5): 0.25, (2, 5): 0.40, (4, 7): 0.40, (4, 9): 0.40, (6, 12): 0.65, (6, 7): 0.35,
    (7, 10): 0.20, (10, 12): 0.20, (9, 10): 0.30, (12, 25): 0.25, (12, 14): 0.10, (15, 17): 0.50, (1, 15): 0.20,
    (17, 23): 0.30, (17, 24): 0.40, (23, 24): 0.40, (4, 23): 0.20, (25, 26): 0.50, (25, 20): 0.20, (5, 27): 0.35,
    (5, 26): 0.20, (1, 20): 0.20, (43, 4): 0.20, (43, 6): 0.20, (25, 23): -0.35, (25, 24): -0.45, (25, 28): -0.30,
    (12, 15): -0.40, (10, 24): -0.30, (26, 24): -0.30, (25, 17): -0.25, (12, 17): -0.15,
}  # fmt: skip
#: Invented: share of a latent variable's variance that stays with the person. People differ in what their faces do.
HABIT = 0.15

#: Invented: times within an episode of length 1, as (smallest, largest): when an action starts, how long it rises, and
#: how long it falls. Onsets are fast, offsets slow; the falls end with the episode.
START, RISE, FALL = (0.00, 0.10), (0.06, 0.14), (0.22, 0.34)
#: Invented: every action unit of an episode starts up to so much later than the first.
LAG = 0.06
#: Invented: how far a held intensity wavers up and down.
UNREST = 0.25
#: Invented: a video frame shows a blink (AU45) with this probability: 16 blinks a minute, 0.15 s of closed eyes each.
BLINK = 16 / 60 * 0.15
#: Invented: no more lower-face action units than this are strong (D or E) at a time; the faces would fold up.
MOST_STRONG = 3
#: Invented: the weaker side's share of the stronger one, as (smallest, largest), for posed and for spontaneous faces,
#: and the probability that the action unit is one-sided at all. Posed smiles are less even than felt ones.
SIDES: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "AU02": (0.15, (0.0, 0.5), (0.0, 0.5)),
    "AU10": (0.20, (0.2, 0.7), (0.2, 0.7)),
    "AU12": (1.00, (0.65, 1.0), (0.85, 1.0)),
    "AU14": (0.35, (0.0, 0.3), (0.0, 0.3)),
    "AU30": (1.00, (0.0, 0.0), (0.0, 0.0)),
    "AU46": (1.00, (0.0, 0.0), (0.0, 0.0)),
}

_COUNTED = {
    "bp4d": "counted over the dataset's AU_OCC files, 146,847 frames",
    "ck_plus": "sequences of 593, after Lucey et al. (2010); those of AU10, 13, 14, 16, 18, 21, 28, 29, 34, 38, 39 and "
    "43 are not checked against the paper",
    "unbc": "frames of 48,398, after Lucey et al. (2011), not checked against the paper; in the corpus twice as often",
}


@cache
def rates(dataset: str) -> Mapping[int, float]:
    """Share of a dataset's frames that display an action unit, by its number; see :func:`table`.

    Example:
        >>> round(rates("bp4d")[12], 4), rates("ck_plus")[6] == 122 / 593
        (0.562, True)
    """
    if dataset == "actor_study":
        displays, weights = posed_displays(dataset)
        return dict(zip(_NUMBERS, (float(rate) for rate in _matrix(displays) @ weights), strict=True))
    own = {
        "aff_wild2": AFF_WILD2,
        "bp4d": {number: count / BP4D_FRAMES for number, count in BP4D_COUNTS.items()},
        "ck_plus": dict.fromkeys(_NUMBERS, 0.0)
        | {number: count / CK_PLUS_SEQUENCES for number, count in CK_PLUS_COUNTS.items()},
        "emotionet": EMOTIONET,
        "unbc": UNBC | {n: UNBC_LIVELIER * count / UNBC_FRAMES for n, count in UNBC_COUNTS.items()},
    }[dataset]
    return {number: float((DEFAULT | own)[number]) for number in _NUMBERS}


@cache
def outside_pain() -> Mapping[int, float]:
    """UNBC's rates in the episodes without pain: with those of :data:`PAIN` they make up its rates over all."""
    inside = {
        number: PAIN.get(number, 0.0) if number in UNBC_COUNTS else rate for number, rate in rates("unbc").items()
    }
    return {
        number: max(0.0, (rate - PAIN_SHARE * inside[number]) / (1 - PAIN_SHARE))
        for number, rate in rates("unbc").items()
    }


@cache
def posed_displays(dataset: str) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], np.ndarray]:
    """Prescribed displays of a posed dataset as (name, action units), and the probability of each.

    The Actor Study's probabilities are invented. CK+'s are the least squares fit, near the Actor Study's, with which
    every action unit has its published rate.
    """
    displays = COMBINATIONS + tuple(("single", _alone(number)) for number in _POSABLE)
    singles = np.array([SINGLES_13 if facs.code(number) in facs.PAPER_13 else 1.0 for number in _POSABLE])
    prior = np.concatenate(
        [np.full(len(COMBINATIONS), (1 - SINGLES) / len(COMBINATIONS)), SINGLES * singles / singles.sum()]
    )
    if dataset == "actor_study":
        return displays, prior
    wanted = np.array([rates(dataset)[number] for number in _NUMBERS])
    near = 0.05 * np.eye(len(displays))  # near the invented ones where the rates leave a choice
    sums = np.full((1, len(displays)), 10.0)
    matrix = np.concatenate([_matrix(displays), near, sums])
    weights, _ = nnls(matrix, np.concatenate([wanted, 0.05 * prior, [10.0]]))
    return displays, weights / weights.sum()


def _alone(number: int) -> tuple[int, ...]:
    return (number, 25) if number in _PARTED else (number,)


def _matrix(displays: tuple[tuple[str, tuple[int, ...]], ...]) -> np.ndarray:
    """Probability that a display shows an action unit, (action units, displays)."""
    matrix = np.zeros((len(_NUMBERS), len(displays)))
    for column, (name, numbers) in enumerate(displays):
        certain = name == "single" or len(numbers) == 1
        for number in numbers:
            kept = certain or (number == 25 and bool(_PARTED & set(numbers)))
            matrix[_NUMBERS.index(number), column] = 1.0 if kept else 1 - FORGOTTEN
    return matrix


_NUMBERS = tuple(facs.CATALOGUE[unit].number for unit in facs.ALL if facs.CATALOGUE[unit].renderable and unit != "AU45")
_POSABLE = tuple(number for number in _NUMBERS if number < 40 or number == 43)


def table() -> pd.DataFrame:
    """The rates of the model, one row a dataset and action unit.

    Returns:
        ``dataset``, ``au``, ``rate``, ``origin`` ("taken" or "invented") and ``source``. The rate is the share of
        frames that display it; in CK+ of peaks, in EmotioNet of images, in the Actor Study of displays (whose first
        and last frames show less). AU45 has no rate, it is an event: :data:`BLINK`.

    Example:
        >>> table().query("dataset == 'bp4d' and au == 'AU12'")[["rate", "origin"]].round(3).values.tolist()
        [[0.562, 'taken']]
    """
    rows = []
    for dataset in ("actor_study", "aff_wild2", "bp4d", "ck_plus", "emotionet", "unbc"):
        counted = {"bp4d": BP4D_COUNTS, "ck_plus": CK_PLUS_COUNTS, "unbc": UNBC_COUNTS}.get(dataset, {})
        for number, rate in rates(dataset).items():
            taken = number in counted
            rows.append(
                {
                    "dataset": dataset,
                    "au": facs.code(number),
                    "rate": rate,
                    "origin": "taken" if taken else "invented",
                    "source": _COUNTED[dataset] if taken else "chosen for teaching",
                }
            )
    return pd.DataFrame(rows)


def parameters() -> pd.DataFrame:
    """Everything else that the model holds, one row a number.

    Returns:
        ``part`` (such as "intensity, posed"), ``name``, ``value``, ``origin`` and ``source``.

    Example:
        >>> parameters().query("part == 'pain' and name == 'share of episodes'")["value"].tolist()
        [0.22]
    """
    rows = pd.DataFrame(_parameters(), columns=["part", "name", "value"]).assign(origin="invented")
    fitted = rows["part"].eq("display, ck_plus")
    rows["source"] = np.where(fitted, "fitted to the rates of CK+, which are taken", "chosen for teaching")
    return rows


def _parameters() -> Iterator[tuple[str, str, float]]:
    for part, chances in (("intensity, posed", POSED), ("intensity, spontaneous", SPONTANEOUS)):
        yield from ((part, letter, chance) for letter, chance in zip(facs.INTENSITY_LETTERS, chances, strict=True))
    for dataset in POSED_DATASETS:
        for (name, numbers), weight in zip(*posed_displays(dataset), strict=True):
            yield f"display, {dataset}", f"{name} {'+'.join(map(str, numbers))}", float(weight)
    yield "display", "action unit of a combination left out", FORGOTTEN
    yield from (("correlation", f"{facs.code(a)} {facs.code(b)}", value) for (a, b), value in LINKS.items())
    yield "correlation", "share of a person's habit", HABIT
    for name, (low, high) in (("start", START), ("rise", RISE), ("fall", FALL)):
        yield from (("timing", f"{name}, smallest", low), ("timing", f"{name}, largest", high))
    yield "timing", "lag of an action unit, largest", LAG
    yield "timing", "wavering of a held intensity", UNREST
    yield "timing", "blink in a video frame", BLINK
    yield "pain", "share of episodes", PAIN_SHARE
    yield from (("pain", f"{facs.code(number)} in pain", rate) for number, rate in PAIN.items())
    yield "pain", "times as often as in the archive", UNBC_LIVELIER
    yield "limit", "strong action units of the lower face", float(MOST_STRONG)
    for unit, (chance, posed, spontaneous) in SIDES.items():
        yield "sides", f"{unit} uneven", chance
        for name, (low, high) in (("posed", posed), ("spontaneous", spontaneous)):
            yield from (
                ("sides", f"{unit} weaker side, {name}, smallest", low),
                ("sides", f"{unit} weaker side, {name}, largest", high),
            )
