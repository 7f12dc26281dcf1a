"""95 % intervals by drawing people with replacement: the cluster bootstrap.

Scores from counts get the studentised interval (bootstrap-t; Efron & Tibshirani 1993, ch. 12.5; Davison & Hinkley
1997, ch. 5.2) on the logit scale: percentile intervals are too narrow when few people carry most of the frames
(``benchmarks/intervals.md``). Percentiles are left for means over cells, such as the Brier score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from aulib import metrics
from aulib.errors import SettingsError
from aulib.evaluation import _scores

#: Fewest people who display an action unit, and fewest people in all, for an interval to be given.
MIN_PEOPLE = 5
_TAILS = [2.5, 97.5]
_NUMBERS = 20_000_000  # held at once


def score_limits(counts: metrics.Counts, train: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """95 % limits (2, L + 4) of the scores of counts by person (P, L).

    NaN where no interval can be had from these people: fewer than MIN_PEOPLE display the action unit, or the score is
    exactly 0 or 1.
    """
    limits = limits_on_logit(lambda weights: _score_and_error([counts], train, weights), *_size(counts), samples, seed)
    return np.where(_enough(counts), limits, np.nan)


def limits_on_logit(
    score_and_error: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    persons: int,
    numbers: int,
    samples: int,
    seed: int,
) -> np.ndarray:
    """Studentised 95 % limits (2, S) of scores between 0 and 1, on the logit scale.

    Args:
        score_and_error: takes weights of the persons (B, P) and returns scores and standard errors, (B, S) each.
        persons: P.
        numbers: how many numbers it holds at once for each draw.
        samples: B in all.
        seed: of the draws.
    """
    value, error, drawn, errors = _bootstrap(score_and_error, persons, numbers, samples, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_logit = error / (value * (1 - value)), _logit(drawn), errors / (drawn * (1 - drawn))
        low, high = _studentised(_logit(value), *on_logit)
    return 1 / (1 + np.exp(-np.array([low, high])))


def difference_limits(
    a: metrics.Counts, b: metrics.Counts, train: np.ndarray, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Differences (L + 4,) of the scores of two counts of the same persons, a minus b, and 95 % limits (2, L + 4)."""
    value, error, drawn, errors = _bootstrap(
        lambda weights: _score_and_error([a, b], train, weights), *_size(a), samples, seed
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        limits = np.array(_studentised(value, error, drawn, errors))
    same = error == 0  # every person's scores are the same in both
    limits[:, same] = value[same]
    return value, np.where(_enough(a), limits, np.nan)


def percentile_limits(
    score: Callable[[np.ndarray], np.ndarray], persons: int, rows: int, samples: int, seed: int
) -> np.ndarray:
    """Percentile limits of ``score(weights)``, which takes weights of the persons (B, P) and returns (B, S)."""
    drawn = np.concatenate([score(w) for w in _draws(persons, samples, seed, rows)])
    limits = np.full((2, drawn.shape[1]), np.nan)
    defined = ~np.isnan(drawn).all(axis=0)
    limits[:, defined] = np.nanpercentile(drawn[:, defined], _TAILS, axis=0)
    return limits if persons >= MIN_PEOPLE else np.full_like(limits, np.nan)


def _bootstrap(score_and_error: Callable, persons: int, numbers: int, samples: int, seed: int):
    """Scores (or their difference) and standard errors: of the persons (S,), and of each draw of them (B, S)."""
    value, error = score_and_error(np.ones((1, persons)))
    drawn, errors = zip(*map(score_and_error, _draws(persons, samples, seed, numbers)), strict=True)
    return value[0], error[0], np.concatenate(drawn), np.concatenate(errors)


def _size(counts: metrics.Counts) -> tuple[int, int]:
    """Persons, and numbers held for each draw of them."""
    persons, labels = counts.tp.shape
    return persons, (labels + len(_scores.SUMMARY)) * persons


def _draws(persons: int, samples: int, seed: int, numbers: int) -> Iterator[np.ndarray]:
    """How often each person is drawn, (b, P), in blocks that need no more than ``_NUMBERS``."""
    if samples < 20:
        raise SettingsError(f"intervals is {samples}; give a number of bootstrap samples, for example 1000, or 0")
    rng = np.random.default_rng(seed)
    size = max(1, _NUMBERS // numbers)
    for start in range(0, samples, size):
        yield rng.multinomial(persons, np.full(persons, 1 / persons), min(size, samples - start)).astype(np.float64)


def _score_and_error(parts: list[metrics.Counts], train: np.ndarray, weights: np.ndarray):
    """Scores (B, S) of weighted persons, the first part's minus the second's, with linearised standard errors."""
    score, influence = 0.0, 0.0
    for sign, part in zip((1, -1), parts, strict=False):
        cells = np.concatenate(part, axis=1)  # (P, 4 L)
        pooled = metrics.Counts(*(weights @ cells).reshape(len(weights), 4, -1).transpose(1, 0, 2))
        score = score + sign * _scores.scores(pooled, train)
        slopes = _scores.gradients(pooled, train)
        influence = influence + sign * slopes.reshape(*slopes.shape[:2], -1) @ cells.T  # (B, S, P)
    return score, np.sqrt(np.einsum("bsp,bp->bs", influence**2, weights))


def _studentised(value: np.ndarray, error: np.ndarray, drawn: np.ndarray, errors: np.ndarray):
    """Limits (S,), (S,): as many standard errors as the draws lie from the value, the value may lie from the truth."""
    t = (drawn - value) / errors
    t[~np.isfinite(t)] = np.nan  # a draw without a displayed cell, or of one person only
    usable = (~np.isnan(t)).mean(axis=0) > 0.5
    tails = np.full((2, t.shape[1]), np.nan)
    tails[:, usable] = np.nanpercentile(t[:, usable], _TAILS, axis=0)
    low, high = value - tails[1] * error, value - tails[0] * error
    infinite = ~np.isfinite(value)
    low[infinite] = high[infinite] = np.nan
    return low, high


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share) - np.log1p(-share)


def _enough(counts: metrics.Counts) -> np.ndarray:
    """Whether enough people display each label, and for the four summaries, whether there are enough people."""
    display = ((counts.tp + counts.fn) > 0).sum(axis=0)
    everyone = np.full(len(_scores.SUMMARY), len(counts.tp))
    return np.concatenate([display, everyone]) >= MIN_PEOPLE
