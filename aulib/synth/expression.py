"""Which action units a synthetic face displays, and how strongly: the generative model of the corpus.

1. **Apex.** For one episode of a dataset, every action unit a has a latent normal variable z_a. The variables are
   correlated (:data:`LINKS`); a is displayed when z_a exceeds the quantile that gives it the dataset's base rate
   (:data:`RATES`). Antagonists (:data:`aulib.facs.ANTAGONISTS`) are resolved in favour of the stronger one, and what
   an action implies is added (:data:`aulib.facs.IMPLIED`).
   (So AU25 ends up more frequent than its base rate.)
2. **Intensity.** A displayed action unit draws its intensity 1 to 5 (A to E) from :data:`POSED` or
   :data:`SPONTANEOUS`; traces are rare.
3. **Time.** Over the frames of an episode every action unit rises to its apex and falls, each at its own moment
   (:func:`frames`). CK+ goes from neutral to the apex in its last frame (:func:`neutral_to_peak`).

The label of a frame is the rounded level (:func:`intensity`); present means an intensity of 1 or more. Rates marked
"taken" come from counts of the real datasets, "invented" ones were chosen for teaching.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtri

from aulib import facs

#: Invented. Base rates where a dataset has none of its own; for action units no dataset codes, they only disturb.
DEFAULT: dict[int, float] = {
    1: 0.14, 2: 0.12, 4: 0.16, 5: 0.08, 6: 0.20, 7: 0.18, 9: 0.06, 10: 0.12, 11: 0.04, 12: 0.28, 13: 0.02, 14: 0.12,
    15: 0.10, 16: 0.05, 17: 0.14, 18: 0.04, 19: 0.01, 20: 0.06, 21: 0.03, 22: 0.03, 23: 0.10, 24: 0.10, 25: 0.30,
    26: 0.12, 27: 0.04, 28: 0.03, 29: 0.01, 30: 0.01, 34: 0.01, 38: 0.04, 39: 0.02, 43: 0.04, 44: 0.02, 45: 0.03,
    46: 0.01, 51: 0.05, 52: 0.05, 53: 0.04, 54: 0.05, 55: 0.04, 56: 0.04,
}  # fmt: skip

#: Invented. Actors pose single action units and combinations: strong and even rates.
ACTOR_STUDY: dict[int, float] = {
    1: 0.28, 2: 0.26, 4: 0.27, 5: 0.16, 6: 0.22, 7: 0.26, 9: 0.14, 10: 0.22, 11: 0.06, 12: 0.28, 13: 0.04, 14: 0.24,
    15: 0.26, 16: 0.10, 17: 0.28, 18: 0.09, 19: 0.04, 20: 0.12, 22: 0.08, 23: 0.26, 24: 0.26, 25: 0.20, 26: 0.14,
    27: 0.07, 28: 0.06, 29: 0.03, 30: 0.04, 34: 0.04, 38: 0.06, 39: 0.04,
}  # fmt: skip

#: Invented, for the eight action units of the 2020 release.
AFF_WILD2: dict[int, float] = {1: 0.24, 2: 0.17, 4: 0.24, 6: 0.28, 12: 0.36, 15: 0.18, 20: 0.10, 25: 0.32}

#: Taken: positive frames over 146,847 coded frames of all 328 files of the real AU_OCC; AU29 never occurs.
BP4D: dict[int, float] = {
    number: count / 146_847
    for number, count in {
        1: 31042, 2: 25110, 4: 29755, 5: 5693, 6: 67676, 7: 80616, 9: 8512, 10: 87270, 11: 7184, 12: 82530, 13: 138,
        14: 68375, 15: 24869, 16: 6593, 17: 50406, 18: 568, 19: 1197, 20: 3644, 22: 606, 23: 24288, 24: 22229,
        27: 1271, 28: 5697, 29: 0, 30: 506, 34: 121, 38: 1319, 39: 657,
    }.items()
}  # fmt: skip

#: Taken: sequences out of 593 with the action unit at the peak frame. The rates of action units that CK+ does not
#: list are 0, because its files are lists of all that is there.
CK_PLUS: dict[int, float] = {number: 0.0 for number in DEFAULT} | {
    number: count / 593
    for number, count in {
        1: 173, 2: 116, 4: 191, 5: 102, 6: 122, 7: 119, 9: 74, 10: 21, 11: 33, 12: 111, 13: 2, 14: 37, 15: 89, 16: 24,
        17: 199, 18: 9, 20: 77, 21: 3, 23: 59, 24: 57, 25: 287, 26: 97, 27: 81, 28: 1, 29: 2, 34: 1, 38: 29, 39: 16,
        43: 9,
    }.items()
}  # fmt: skip

#: Invented, for the 23 coded action units: smiling people looking at the camera dominate web images.
EMOTIONET: dict[int, float] = {
    1: 0.12, 2: 0.09, 4: 0.15, 5: 0.09, 6: 0.30, 9: 0.07, 10: 0.10, 12: 0.42, 15: 0.08, 17: 0.10, 18: 0.05, 20: 0.06,
    24: 0.08, 25: 0.38, 26: 0.15, 28: 0.04, 43: 0.06, 51: 0.08, 52: 0.08, 53: 0.06, 54: 0.06, 55: 0.07, 56: 0.07,
}  # fmt: skip

#: Taken: positive frames over 48,398, times 2: the corpus keeps few frames a sequence, so it keeps the lively ones.
#: The other action units that UNBC's files may list (15, 50) are 0, because an empty file means "nothing there".
UNBC: dict[int, float] = {15: 0.0} | {
    number: 2 * count / 48_398
    for number, count in {
        4: 1074, 6: 5557, 7: 3366, 9: 423, 10: 525, 12: 6887, 20: 706, 25: 2407, 26: 2093, 27: 18, 43: 2434,
    }.items()
}  # fmt: skip

#: Dataset -> base rate by action unit number, over :data:`DEFAULT`.
RATES: dict[str, dict[int, float]] = {
    "actor_study": DEFAULT | ACTOR_STUDY,
    "aff_wild2": DEFAULT | AFF_WILD2,
    "bp4d": DEFAULT | BP4D,
    "ck_plus": DEFAULT | CK_PLUS,
    "emotionet": DEFAULT | EMOTIONET,
    "unbc": DEFAULT | UNBC,
}

#: Invented, after FACS's emotion prototypes: correlation of the latent variables (6 + 12 smile, 1 + 2 surprise,
#: 4 + 7 anger, 9 + 10 disgust, 15 + 17 sadness, 23 + 24 + 17 pressed lips, ...). Pairs not listed: 0.
LINKS: dict[tuple[int, int], float] = {
    (1, 2): 0.60, (1, 4): 0.15, (1, 5): 0.25, (2, 5): 0.40, (4, 7): 0.40, (4, 9): 0.40, (6, 12): 0.65, (6, 7): 0.35,
    (7, 10): 0.20, (10, 12): 0.20, (9, 10): 0.30, (12, 25): 0.25, (12, 14): 0.10, (15, 17): 0.50, (1, 15): 0.20,
    (17, 23): 0.30, (17, 24): 0.40, (23, 24): 0.40, (4, 23): 0.20, (25, 26): 0.50, (25, 20): 0.20, (5, 27): 0.35,
    (5, 26): 0.20, (1, 20): 0.20, (43, 4): 0.20, (43, 6): 0.20, (25, 23): -0.35, (25, 24): -0.45, (25, 28): -0.30,
    (12, 15): -0.40, (10, 24): -0.30, (26, 24): -0.30, (25, 17): -0.25, (12, 17): -0.15,
}  # fmt: skip

#: Invented. Probability of the intensities A to E of a displayed action unit.
POSED = (0.03, 0.12, 0.28, 0.35, 0.22)
SPONTANEOUS = (0.05, 0.25, 0.36, 0.24, 0.10)
POSED_DATASETS = frozenset({"actor_study", "ck_plus"})
#: A level below this is shown as nothing and labelled absent.
FAINTEST = 0.6

_CODES = tuple(unit for unit in facs.ALL if facs.CATALOGUE[unit].renderable)


@cache
def _root() -> np.ndarray:
    """A square root of the correlation matrix of the latent variables, after clipping negative eigenvalues."""
    matrix = np.eye(len(_CODES))
    for (one, other), value in LINKS.items():
        i, j = _CODES.index(facs.code(one)), _CODES.index(facs.code(other))
        matrix[i, j] = matrix[j, i] = value
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    return root / np.linalg.norm(root, axis=1, keepdims=True)


@cache
def _thresholds(dataset: str) -> np.ndarray:
    rates = np.array([RATES[dataset].get(facs.CATALOGUE[unit].number, 0.0) for unit in _CODES])
    return -ndtri(np.clip(rates, 1e-12, 1 - 1e-12))


def apex(dataset: str, rng: np.random.Generator) -> dict[str, int]:
    """Draw the apex of an episode: action unit -> intensity 1 to 5, displayed ones only.

    Example:
        >>> import numpy as np
        >>> levels = apex("bp4d", np.random.default_rng(0))
        >>> all(1 <= level <= 5 for level in levels.values())
        True
    """
    excess = _root() @ rng.standard_normal(len(_CODES)) - _thresholds(dataset)
    chances = POSED if dataset in POSED_DATASETS else SPONTANEOUS
    drawn = 1 + rng.choice(5, size=len(_CODES), p=chances)
    displayed: dict[str, int] = {}
    for k in np.argsort(-excess, kind="stable"):
        if excess[k] > 0 and not any(facs.excludes(_CODES[k], other) for other in displayed):
            displayed[_CODES[k]] = int(drawn[k])
    return with_implied(displayed)


def with_implied(levels: dict[str, int]) -> dict[str, int]:
    """Add what is implied (an open jaw parts the lips); where that is excluded, weaken or drop the cause instead."""
    levels = dict(levels)
    for cause, least, effect in facs.IMPLIED:
        if levels.get(cause, 0) < least or effect in levels:
            continue
        if not any(facs.excludes(effect, other) for other in levels):
            levels[effect] = max(2, levels[cause] - 1)
        elif least > 1:
            levels[cause] = least - 1
        else:
            del levels[cause]
    return levels


def frames(peak: dict[str, int], count: int, rng: np.random.Generator) -> list[dict[str, float]]:
    """Levels (0 to 5) in ``count`` frames spread over an episode: each action unit rises to its apex and falls.

    A blink (AU45) is over within one frame.
    """
    times = (np.arange(count) + 0.5) / count
    found: list[dict[str, float]] = [{} for _ in range(count)]
    for unit, level in peak.items():
        moment = rng.uniform(0.3, 0.7)
        height = np.clip(1.3 - 1.4 * np.abs(times - moment), 0.0, 1.0)
        if unit == "AU45":
            height = (np.arange(count) == int(moment * count)).astype(float)
        values = level * height + rng.uniform(-0.25, 0.25, count) * (height > 0)
        for frame, value in zip(found, values, strict=True):
            frame[unit] = float(np.clip(value, 0.0, 5.0))
    return [consistent(frame) for frame in found]


def neutral_to_peak(peak: dict[str, int], count: int) -> list[dict[str, float]]:
    """Levels in ``count`` frames from neutral to the apex in the last one, the way of CK+."""
    steps = np.linspace(0.0, 1.0, count) if count > 1 else np.ones(1)
    return [consistent({unit: float(level * step) for unit, level in peak.items()}) for step in steps]


def consistent(levels: dict[str, float]) -> dict[str, float]:
    """Drop levels below :data:`FAINTEST`, and keep causes and effects of :data:`aulib.facs.IMPLIED` together."""
    kept = {unit: level for unit, level in levels.items() if level >= FAINTEST}
    for cause, least, effect in facs.IMPLIED:
        if intensity(kept.get(cause, 0.0)) >= least and effect not in kept:
            kept[effect] = 1.0
    return kept


def intensity(level: float) -> int:
    """The label of a level: 0 (absent) to 5 (E).

    Example:
        >>> [intensity(level) for level in (0.0, 0.59, 0.6, 2.6, 5.0)]
        [0, 0, 1, 3, 5]
    """
    return 0 if level < FAINTEST else min(max(int(level + 0.5), 1), 5)
