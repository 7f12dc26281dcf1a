"""Which action units a synthetic face displays, and how strongly: the generative model of the corpus.

All numbers stand in :mod:`aulib.synth.rates`, each with its origin; this module is the mechanism.

1. **Episode.** One thing that a face does. In the *posed* datasets (Actor Study, CK+) it is a prescribed display: one
   action unit, or a combination as of an emotion, of which a poser may forget a part. In the *spontaneous* ones every
   action unit has a latent normal variable, and is displayed when that exceeds the quantile of its rate. The variables
   are correlated, and a part of each belongs to the person. UNBC's episodes are of two kinds, with pain and without.
2. **Anatomy.** Antagonists (:data:`aulib.facs.ANTAGONISTS`) are resolved in favour of the stronger one, what an action
   implies is added (:data:`aulib.facs.IMPLIED`), and few actions of the lower face are strong at a time.
3. **Intensity.** A displayed action unit has an intensity of 1 to 5 (A to E); posed ones are stronger. Some are uneven
   or one-sided, as a wink (AU46) or contempt (AU14): their level is a pair (left, right), their intensity the larger.
4. **Time.** In a video the action units of an episode rise fast, hold, and fall slowly (:func:`frames`), and blinks
   (AU45) come and go within a frame. CK+ goes from neutral to the apex in its last frame (:func:`neutral_to_peak`).
   An EmotioNet image is an apex (:func:`still`).

The label of a frame is the rounded level (:func:`intensity`); present means an intensity of 1 or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.special import ndtri

from aulib import facs
from aulib.synth import rates

#: A level below this is shown as nothing and labelled absent.
FAINTEST = 0.6
#: Intensity from which an action is strong (D).
STRONG = 4
PHASES = ("neutral", "onset", "apex", "offset")

_CODES = tuple(facs.code(number) for number in rates.rates("bp4d"))
_LOWER = frozenset(unit for unit in facs.ALL if facs.CATALOGUE[unit].part == "lower")
_AGAINST_BLINKS = tuple(unit for unit in facs.ALL if facs.excludes("AU45", unit))


@dataclass(frozen=True)
class Episode:
    """One thing that a face does.

    Attributes:
        kind: an emotion, ``"combination"`` or ``"single"`` of a posed display; ``"pain"``; else ``"spontaneous"``.
        peak: action unit -> intensity at its apex, 1 to 5; displayed ones only.
        sides: action unit -> shares (left, right) of its level, the larger being 1; even ones are left out.
    """

    kind: str
    peak: Mapping[str, int]
    sides: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """One frame of an episode: levels above :data:`FAINTEST` by action unit, and the phase of the strongest of them,
    one of :data:`PHASES`."""

    levels: dict[str, facs.Level]
    phase: str


def habit(rng: np.random.Generator) -> np.ndarray:
    """What a person's face tends to do, for :func:`episode`: a standard normal number per action unit."""
    return rng.standard_normal(len(_CODES))


def episode(dataset: str, rng: np.random.Generator, habits: np.ndarray | None = None) -> Episode:
    """Draw an episode of a dataset.

    Args:
        dataset: one of the six.
        rng: stream of random numbers.
        habits: of the person, from :func:`habit`; None for somebody else each time.

    Example:
        >>> import numpy as np
        >>> some = episode("bp4d", np.random.default_rng(0))
        >>> some.kind, all(1 <= level <= 5 for level in some.peak.values())
        ('spontaneous', True)
    """
    posed = dataset in rates.POSED_DATASETS
    kind, wanted = _prescribed(dataset, rng) if posed else _spontaneous(dataset, rng, habits)
    drawn = 1 + rng.choice(5, size=len(_CODES), p=rates.POSED if posed else rates.SPONTANEOUS)
    levels = dict(zip(_CODES, drawn.tolist(), strict=True))
    displayed: dict[str, int] = {}
    for unit in wanted:
        if not any(facs.excludes(unit, other) for other in displayed):
            displayed[unit] = levels[unit]
    peak = without_too_many_strong(with_implied(displayed))
    return Episode(kind, peak, _sides(peak, posed, rng))


def _prescribed(dataset: str, rng: np.random.Generator) -> tuple[str, list[str]]:
    """A display by its name and action units; a part of a combination may be forgotten."""
    displays, chances = rates.posed_displays(dataset)
    kind, numbers = displays[rng.choice(len(displays), p=chances)]
    kept = [n for n in numbers if rng.random() >= rates.FORGOTTEN or len(numbers) == 1 or kind == "single"]
    return kind, [facs.code(number) for number in kept or numbers[:1]]


def _spontaneous(dataset: str, rng: np.random.Generator, habits: np.ndarray | None) -> tuple[str, list[str]]:
    """Action units whose latent variable exceeds its threshold, the clearest first."""
    pain = dataset == "unbc" and rng.random() < rates.PAIN_SHARE
    kind = "pain" if pain else "spontaneous"
    latent = rng.standard_normal(len(_CODES))
    if habits is not None:
        latent = np.sqrt(1 - rates.HABIT) * latent + np.sqrt(rates.HABIT) * habits
    excess = _root() @ latent - _thresholds(dataset, kind)
    return kind, [_CODES[k] for k in np.argsort(-excess, kind="stable") if excess[k] > 0]


@cache
def _root() -> np.ndarray:
    """A square root of the correlation matrix of the latent variables, after clipping negative eigenvalues."""
    matrix = np.eye(len(_CODES))
    for (one, other), value in rates.LINKS.items():
        i, j = _CODES.index(facs.code(one)), _CODES.index(facs.code(other))
        matrix[i, j] = matrix[j, i] = value
    values, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    return root / np.linalg.norm(root, axis=1, keepdims=True)


@cache
def _thresholds(dataset: str, kind: str) -> np.ndarray:
    """What latent variables must exceed so that frames have the rates, although antagonists and effects interfere.

    Starts from the quantiles of the rates, and shifts each until simulated episodes display it as often as wanted.
    """
    wanted = dict(rates.rates(dataset))
    if dataset == "unbc":
        wanted = dict(rates.outside_pain())
        wanted |= rates.PAIN if kind == "pain" else {}
    shares = np.array(list(wanted.values())) / (1.0 if dataset == "emotionet" else _seen_share())
    quantiles = -ndtri(np.clip(shares, 1e-12, 0.97))
    rng = np.random.default_rng(1)
    latent = rng.standard_normal((3000, len(_CODES))) @ _root().T
    drawn = 1 + rng.choice(5, size=latent.shape, p=rates.SPONTANEOUS)
    shift = np.zeros(len(_CODES))
    for _ in range(8):
        found = _simulated(latent - quantiles - shift, drawn)
        shift += np.where(shares > 0.004, -ndtri(np.clip(shares, 1e-4, 0.97)) + ndtri(np.clip(found, 1e-4, 0.99)), 0.0)
        shift = np.clip(shift, -1.5, 1.5)
    return np.round(quantiles + shift, 3)  # so that the last bits of a matrix product decide nothing


def _simulated(excess: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Share of episodes that display each action unit after antagonists and effects, all episodes at once."""
    rows, levels = np.arange(len(excess)), np.zeros_like(drawn)
    for k in np.argsort(-excess, axis=1, kind="stable").T:
        free = (excess[rows, k] > 0) & ~((levels > 0) & _exclusions()[k]).any(axis=1)
        levels[rows[free], k[free]] = drawn[rows[free], k[free]]
    for cause, least, effect in facs.IMPLIED:
        one, other = _CODES.index(cause), _CODES.index(effect)
        due = (levels[:, one] >= least) & (levels[:, other] == 0)
        barred = ((levels > 0) & _exclusions()[other]).any(axis=1)
        levels[due & ~barred, other] = 2
        levels[due & barred, one] = least - 1
    return (levels > 0).mean(axis=0)


@cache
def _exclusions() -> np.ndarray:
    return np.array([[facs.excludes(one, other) for other in _CODES] for one in _CODES])


@cache
def _seen_share() -> float:
    """Share of an episode in which an action unit displayed in it is strong enough to be labelled."""
    rng, count = np.random.default_rng(0), 20_000
    peaks = 1 + rng.choice(5, size=count, p=rates.SPONTANEOUS)
    heights = _height(rng.random(count), _timing(rng, count))
    return float(np.mean(peaks * heights >= FAINTEST))


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


def without_too_many_strong(levels: dict[str, int]) -> dict[str, int]:
    """Weaken strong actions of the lower face to C beyond the first few; AU25, which only follows others, is not one.

    Example:
        >>> without_too_many_strong({"AU09": 5, "AU10": 4, "AU15": 4, "AU17": 5, "AU04": 5})
        {'AU09': 5, 'AU10': 4, 'AU15': 4, 'AU17': 3, 'AU04': 5}
    """
    levels, strong = dict(levels), 0
    for unit in levels:
        if unit in _LOWER and unit != "AU25" and levels[unit] >= STRONG:
            strong += 1
            levels[unit] = levels[unit] if strong <= rates.MOST_STRONG else STRONG - 1
    return levels


def _sides(peak: Mapping[str, int], posed: bool, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Which of the displayed action units are uneven, and how much."""
    found = {}
    for unit, (chance, when_posed, when_spontaneous) in rates.SIDES.items():
        uneven, left, share = rng.random() < chance, rng.random() < 0.5, rng.random()
        if unit in peak and uneven:
            low, high = when_posed if posed else when_spontaneous
            weaker = low + (high - low) * share
            found[unit] = (1.0, weaker) if left else (weaker, 1.0)
    return found


# -- time --------------------------------------------------------------------------------------------------------------


def frames(some: Episode, count: int, rng: np.random.Generator) -> list[Moment]:
    """``count`` frames spread over an episode: its action units rise fast, hold and fall slowly; eyes may blink."""
    times = (np.arange(count) + rng.random()) / count
    timing = _timing(rng, 1)
    found: list[dict[str, float]] = [{} for _ in range(count)]
    lags = {unit: rng.uniform(0, rates.LAG) for unit in some.peak}
    for unit, level in some.peak.items():
        wave = np.sin(2 * np.pi * (times * rng.uniform(0.5, 2.0) + rng.random()))  # no plateau is quite level
        values = _height(times - lags[unit], timing) * (level + rates.UNREST * wave)
        for frame, value in zip(found, np.clip(values, 0.0, 5.0), strict=True):
            frame[unit] = float(value)
    leader = lags[max(some.peak, key=some.peak.__getitem__)] if some.peak else 0.0
    blinks = rng.random(count) < rates.BLINK
    moments = []
    for frame, time, blink in zip(found, times, blinks, strict=True):
        levels = consistent(frame)
        phase = _phase(float(time - leader), timing) if levels else "neutral"
        if blink and not any(unit in levels for unit in _AGAINST_BLINKS):
            levels["AU45"] = float(rng.uniform(2.5, 5.0))
        moments.append(Moment(sided(levels, some.sides), phase))
    return moments


def neutral_to_peak(some: Episode, count: int) -> list[Moment]:
    """``count`` frames from neutral to the apex in the last one, the way of CK+."""
    steps = np.linspace(0.0, 1.0, count) if count > 1 else np.ones(1)
    moments = []
    for step in steps:
        levels = consistent({unit: float(level * step) for unit, level in some.peak.items()})
        phase = "apex" if step == 1.0 else "onset" if levels else "neutral"
        moments.append(Moment(sided(levels, some.sides), phase))
    return moments


def still(some: Episode) -> Moment:
    """The apex of an episode, as a single image shows it."""
    return neutral_to_peak(some, 1)[0]


def _timing(rng: np.random.Generator, count: int) -> np.ndarray:
    """When the actions of episodes start, reach their apex, fall and are over, (4, count); an episode is 0 to 1."""
    start, rise, fall = (rng.uniform(*span, count) for span in (rates.START, rates.RISE, rates.FALL))
    return np.stack([start, start + rise, 1.0 - fall, np.ones(count)])


def _height(time: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Share of the apex that an action has reached at a time: a smooth rise, a plateau, a smooth fall."""
    start, apex, fall, end = timing
    rising, falling = np.clip((time - start) / (apex - start), 0, 1), np.clip((end - time) / (end - fall), 0, 1)
    share = np.minimum(rising, falling)
    return share * share * (3 - 2 * share)


def _phase(time: float, timing: np.ndarray) -> str:
    _, apex, fall, _ = timing[:, 0]
    return "onset" if time < apex else "apex" if time < fall else "offset"


def consistent(levels: Mapping[str, float]) -> dict[str, facs.Level]:
    """Drop levels below :data:`FAINTEST`, and keep causes and effects of :data:`aulib.facs.IMPLIED` together."""
    kept: dict[str, facs.Level] = {unit: level for unit, level in levels.items() if level >= FAINTEST}
    for cause, least, effect in facs.IMPLIED:
        if intensity(kept.get(cause, 0.0)) >= least and effect not in kept:
            kept[effect] = 1.0
    return kept


def sided(levels: Mapping[str, facs.Level], sides: Mapping[str, tuple[float, float]]) -> dict[str, facs.Level]:
    """Levels in which uneven action units have become pairs (left, right).

    Example:
        >>> sided({"AU12": 4.0, "AU46": 3.0}, {"AU46": (0.0, 1.0)})
        {'AU12': 4.0, 'AU46': (0.0, 3.0)}
    """
    return {
        unit: (level * sides[unit][0], level * sides[unit][1]) if unit in sides else level
        for unit, level in levels.items()
    }


def intensity(level: facs.Level) -> int:
    """The label of a level: 0 (absent) to 5 (E); of a pair, that of the larger.

    Example:
        >>> [intensity(level) for level in (0.0, 0.59, 0.6, 2.6, 5.0, (0.2, 3.0))]
        [0, 0, 1, 3, 5, 3]
    """
    level = facs.stronger(level)
    return 0 if level < FAINTEST else min(max(int(level + 0.5), 1), 5)
