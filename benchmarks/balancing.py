"""How long balancing takes, and how near the optimum and the simpler methods come. Synthetic label tables only.

    python benchmarks/balancing.py            # three runs of everything, the median of the times
    python benchmarks/balancing.py --quick    # a fiftieth of the rows, one run

Ratios are largest over smallest positive count. "Optimum" is the best ratio of any real-valued sample in the limits.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import scipy

from aulib import balancing, paper
from aulib.adapters.registry import DATASETS

AUS = list(paper.TABLE_2.index)


def latent_labels(rng: np.random.Generator, n: int, prevalence: np.ndarray, shared: float) -> np.ndarray:
    """Draw correlated labels (n, L): thresholded sums of four common factors and noise."""
    weights = rng.normal(size=(4, prevalence.size))
    common = rng.normal(size=(n, 4)) @ (weights / np.linalg.norm(weights, axis=0))
    z = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(n, prevalence.size))
    cut = np.array([np.quantile(column, 1 - p) for column, p in zip(z.T, prevalence, strict=True)])
    return (z > cut).astype(np.float32)


def paper_like(scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n, 13), datasets and subjects with Table 1's sizes, and each dataset's unknown action units."""
    rng, table = np.random.default_rng(seed), paper.TABLE_1
    images = np.maximum((table["images"] * scale).astype(int), 50)
    people = np.minimum(table["subjects"], images)
    datasets = np.repeat(table.index.to_numpy(str), images)
    number = np.concatenate([np.arange(i) * p // i for i, p in zip(images, people, strict=True)])
    y = latent_labels(rng, len(datasets), np.geomspace(0.08, 0.38, 13)[rng.permutation(13)], shared=0.55)
    for name in table.index:
        coded = DATASETS[name].coded_aus()
        y[np.ix_(datasets == name, [au not in coded for au in AUS])] = np.nan
    return y, datasets, np.char.add(np.char.add(datasets, "/"), number.astype(str))


def many_groups(groups: int = 50_000, labels: int = 23, seed: int = 0) -> np.ndarray:
    """Rows (n, labels) with exactly ``groups`` distinct label sets of uneven sizes, a fifth of the cells unknown."""
    rng = np.random.default_rng(seed)
    masks = rng.random((6, labels)) < 0.2
    masks[0] = False
    y = latent_labels(rng, 10 * groups, np.geomspace(0.03, 0.4, labels), shared=0.3)
    y[masks[rng.integers(0, 6, len(y))]] = np.nan
    codes = np.unique(np.nan_to_num(y, nan=2).astype(np.int8), axis=0)
    kept = rng.permutation(codes)[:groups].astype(np.float32)
    kept[kept == 2] = np.nan
    return np.repeat(kept, rng.geometric(0.1, len(kept)), axis=0)


def cases(y: np.ndarray, datasets: np.ndarray, subjects: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the methods of the table, by name."""
    own, people = {"datasets": datasets}, {"subjects": subjects}
    yield "ML-ROS 25 %", lambda: balancing.ml_ros(y)
    yield "ML-RUS 25 %", lambda: balancing.ml_rus(y)
    yield "LP-ROS 25 %", lambda: balancing.lp_ros(y)
    yield "LP-RUS 25 %", lambda: balancing.lp_rus(y)
    yield "uniform class", lambda: balancing.uniform_class(y)
    yield "optimizer [1, 3], size 1 to 1.25", lambda: balancing.balance(y, 1, 3, (1, 1.25))
    yield "optimizer [0.5, 3], size 0.8 to 1.2", lambda: balancing.balance(y)
    yield "... and coverage 0.95", lambda: balancing.balance(y, coverage=0.95)
    yield "... and datasets 0.8 to 1.25", lambda: balancing.balance(y, **own, dataset_size=(0.8, 1.25))
    yield "... and subjects 0.5 to 1.5", lambda: balancing.balance(y, **people, subject_size=(0.5, 1.5))
    yield (
        "... and all three",
        lambda: balancing.balance(y, **own, **people, dataset_size=(0.8, 1.25), subject_size=(0.5, 1.5), coverage=0.95),
    )


def row(name: str, method: Callable[[], object], runs: int) -> dict[str, object]:
    """Run one method and return its line of the table."""
    seconds, cpu = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        b = method()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    attrs, m = b.after.attrs, b.multiplicity
    return {
        "method": name,
        "groups": f"{len(b.groups):,}",
        "size": f"{b.indices.size / m.size:.2f}",
        "max/min": f"{b.ratio_after:.3f}",
        "over optimum": "" if np.isnan(b.ratio_optimum) else f"{b.ratio_after / b.ratio_optimum - 1:.3%}",
        "MeanIR": f"{attrs['MeanIR']:.2f}",
        "CV": f"{attrs['CV']:.3f}",
        "largest multiplicity": int(m.max()),
        "rows dropped": f"{(m == 0).mean():.1%}",
        "s": f"{statistics.median(seconds):.2f}",
        "CPU s": f"{statistics.median(cpu):.2f}",
    }


def markdown(rows: list[dict[str, object]]) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(r[c]) for c in head] for r in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def describe(y: np.ndarray) -> str:
    attrs = balancing.imbalance(y).attrs
    return (
        f"{len(y):,} rows, {y.shape[1]} labels, {np.isnan(y).mean():.1%} unknown, max/min {attrs['max_min']:.2f}, "
        f"MeanIR {attrs['MeanIR']:.2f}, CV {attrs['CV']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the rows, one run")
    quick = parser.parse_args().quick
    runs, scale, groups = (1, 0.02, 1_000) if quick else (3, 1.0, 50_000)
    print(
        f"Python {platform.python_version()}, scipy {scipy.__version__}, numpy {np.__version__}, "
        f"pandas {pd.__version__}, {os.cpu_count()} cores, no GPU used; median of {runs} run(s), "
        f"load {os.getloadavg()[0]:.1f} at the start\n"
    )
    y, datasets, subjects = paper_like(scale)
    people = len(np.unique(subjects))
    print(f"## Like the paper's training table\n\n{describe(y)}, {people:,} subjects\n")
    print(markdown([row(name, method, runs) for name, method in cases(y, datasets, subjects)]), "\n")
    y = many_groups(groups)
    print(f"## Many groups\n\n{describe(y)}\n")
    stress = {"[0.5, 3]": (0.5, 3), "[0.5, 4]": (0.5, 4)}
    print(markdown([row(k, lambda v=v: balancing.balance(y, *v), runs) for k, v in stress.items()]))


if __name__ == "__main__":
    main()
