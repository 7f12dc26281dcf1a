"""Do 95 % intervals cover? Simulated test sets from a population whose scores are known, and the share that holds them.

    python benchmarks/intervals.py            # test sets of two sizes, some five minutes of one core
    python benchmarks/intervals.py --quick    # 40 test sets of one size

Simulated: people of six datasets in the numbers of a test part of the profile quick, each with own rates of displaying
and of being recognised, so that the frames of a person are alike; some datasets do not code some labels; labels from
frequent to rare. Nothing here is a result on faces.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd

from aulib import metrics
from aulib.evaluation import _intervals, _ranking, _scores

#: People, mean frames of a person and spread of the logarithm of frames, by dataset.
PEOPLE = {"actors": (5, 40, 0.4), "films": (12, 32, 0.6), "studio": (10, 74, 0.2), "posed": (31, 1, 0),
          "web": (67, 1, 0), "pain": (6, 16, 0.4)}  # fmt: skip
PREVALENCE = np.array([0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.12, 0.09, 0.06, 0.04, 0.025, 0.015])
LABELS = len(PREVALENCE)
#: Labels that a dataset does not code.
HOLES = {"films": [3, 5, 8, 11], "studio": [4], "web": [2, 5, 9], "pain": [0, 1, 3, 6, 7, 8, 10]}
NO_TRAIN = np.full(LABELS, np.nan)
SUMMARY = ("macro F1", "F1 weighted by test", "", "accuracy")


class TestSet(NamedTuple):
    """Labels (n, L), probabilities of two detectors (n, L), and the number of each row's person (n,)."""

    y: np.ndarray
    p: np.ndarray
    other: np.ndarray
    person: np.ndarray


def draw(rng: np.random.Generator, scale: int = 1) -> TestSet:
    """Draw people of each dataset, ``scale`` times as many as in PEOPLE, and their frames."""
    parts, before = [], 0
    for number, (name, (people, frames, spread)) in enumerate(PEOPLE.items()):
        people *= scale
        rows = np.maximum(1, np.round(frames * np.exp(spread * rng.standard_normal(people)))).astype(int)
        person = np.repeat(np.arange(people), rows)
        parts.append((*_faces(rng, people, person, number, HOLES.get(name, [])), before + person))
        before += people
    return TestSet(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _faces(rng: np.random.Generator, people: int, person: np.ndarray, dataset: int, holes: list[int]):
    """Labels and probabilities of the frames of one dataset. Rates and ease vary between people and datasets."""
    level = np.random.default_rng(dataset).normal(0, 0.4, (3, LABELS))  # the population's, the same in every draw
    rate = np.log(PREVALENCE / (1 - PREVALENCE)) + level[0] + rng.normal(0, 1.2, (people, LABELS))
    y = (rng.random((len(person), LABELS)) < _share(rate[person])).astype("float32")
    ease = rng.normal(0, 0.8, (2, people, LABELS))
    skill = np.linspace(1.0, 2.2, LABELS)[np.random.default_rng(99).permutation(LABELS)]
    logit = np.where(y == 1, skill + level[1] + ease[0][person], -1.8 + level[2] + ease[1][person])
    noise = rng.normal(0, 1, (2, *y.shape))
    other = logit + 0.4 * (2 * y - 1) + 0.7 * noise[0] + 0.7 * noise[1]
    y[:, holes] = np.nan
    return y, _share(logit + noise[0]).astype("float32"), _share(other).astype("float32")


def _share(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def counts(y: np.ndarray, p: np.ndarray, person: np.ndarray) -> metrics.Counts:
    """Counts by person at the threshold 0.5."""
    return _scores.count_by_person(y, p, np.full(LABELS, 0.5, "float32"), person)


def truth(scale: int = 200, seed: int = 12345) -> dict[str, np.ndarray]:
    """Scores of a population of some 25,000 people, the datasets in the proportions of PEOPLE."""
    faces = draw(np.random.default_rng(seed), scale)
    first, second = (
        _scores.scores(metrics.Counts(*(c.sum(axis=0) for c in counts(faces.y, p, faces.person))), NO_TRAIN)
        for p in (faces.p, faces.other)
    )
    return {
        "score": first,
        "difference": second - first,
        "auc": metrics.roc_auc_per_label(faces.y, faces.p),
        "ap": metrics.average_precision_per_label(faces.y, faces.p),
    }


def percentile(of: metrics.Counts, samples: int, seed: int) -> np.ndarray:
    """The interval that most papers use, for comparison: percentiles of the drawn scores."""
    cells = np.concatenate(of, axis=1)

    def score(weights: np.ndarray) -> np.ndarray:
        return _scores.scores(metrics.Counts(*(weights @ cells).reshape(-1, 4, LABELS).transpose(1, 0, 2)), NO_TRAIN)

    return _intervals.percentile_limits(score, len(of.tp), cells.size, samples, seed)


def limits(faces: TestSet, samples: int, seed: int) -> dict[str, np.ndarray]:
    """All intervals of one test set, each (2, scores)."""
    by_person, by_image = counts(faces.y, faces.p, faces.person), counts(faces.y, faces.p, np.arange(len(faces.y)))
    other = counts(faces.y, faces.other, faces.person)
    return {
        "studentised": _intervals.score_limits(by_person, NO_TRAIN, samples, seed),
        "percentile": percentile(by_person, samples, seed),
        "images": _intervals.score_limits(by_image, NO_TRAIN, samples, seed),
        "difference": _intervals.difference_limits(other, by_person, NO_TRAIN, samples, seed)[1],
    }


def coverage(found: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of the intervals given that hold the true value, share given, mean width; ``found`` is (sets, 2, S)."""
    given = ~np.isnan(found).any(axis=1)
    held = (found[:, 0] <= true) & (true <= found[:, 1]) & given
    width = np.where(given, found[:, 1] - found[:, 0], 0).sum(axis=0) / np.maximum(given.sum(axis=0), 1)
    return held.sum(axis=0) / np.maximum(given.sum(axis=0), 1), given.mean(axis=0), width


def table(sets: int, scale: int, samples: int, true: dict[str, np.ndarray], ranking: int, seed: int = 0):
    """One row per score: people who display the label, and the coverage of each interval in per cent.

    AUC and average precision take most of the time and are done for the first ``ranking`` test sets only.
    """
    rng = np.random.default_rng([seed, scale])
    found, positives, display = {}, [], []
    for number in range(sets):
        faces = draw(rng, scale)
        of = counts(faces.y, faces.p, faces.person)
        positives.append((of.tp + of.fn).sum(axis=0))
        display.append(((of.tp + of.fn) > 0).sum(axis=0))
        given = limits(faces, samples, number)
        if number < ranking:
            given["auc"], given["ap"] = _ranking.ranking_limits(faces.y, faces.p, faces.person, samples, number)
        for name, values in given.items():
            found.setdefault(name, []).append(values)
    rows = pd.DataFrame(index=pd.Index([*(f"label {j}" for j in range(LABELS)), *SUMMARY], name="score"))
    rows["F1"] = true["score"]
    for name, values in (("displayed", positives), ("people", display)):
        rows.loc[rows.index[:LABELS], name] = np.mean(values, axis=0).round()
    for name, values in found.items():
        held, given, width = coverage(np.array(values), true.get(name, true["score"]))
        of_rows = rows.index[: len(held)]
        rows.loc[of_rows, name] = (100 * held).round(1)
        if name == "studentised":
            rows.loc[of_rows, "given"] = (100 * given).round()
        if name in ("studentised", "images"):
            rows.loc[of_rows, f"width, {name}"] = width.round(3)
    return rows.drop(index="")


def _markdown(rows: pd.DataFrame) -> str:
    cells = rows.round(3).astype(object).where(rows.notna(), "").reset_index()
    lines = [" | ".join(map(str, line)) for line in (cells.columns, ["---"] * cells.shape[1], *cells.to_numpy())]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    """Print a table for each size of the test set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 test sets of one size")
    quick = parser.parse_args().quick
    samples, sizes = 200, {1: (40, 20)} if quick else {1: (300, 100), 4: (200, 0)}
    true = truth(20 if quick else 200)
    people = sum(people for people, *_ in PEOPLE.values())
    for scale, (sets, ranking) in sizes.items():
        found = table(sets, scale, samples, true, ranking)
        about = f"{sets} test sets ({ranking} for AUC and AP), {samples} draws; coverage in per cent, nominal 95"
        print(f"\n## {people * scale} people\n\n{about}\n\n{_markdown(found)}", flush=True)


if __name__ == "__main__":
    main()
