"""Bias of the F1 loss of batches, and of its gradient, against the loss of all rows: the paper's and the corrected one.

    python benchmarks/batch_distortion.py            # 262,144 simulated rows, a few minutes
    python benchmarks/batch_distortion.py --quick    # 16,384 rows

Simulated: labels with a given prevalence, known at random on a given share of the rows, and the probabilities of a
detector with some skill (logits from N(0.5, 1) where displayed and N(-2.5, 1) where not). Nothing here is a result on
faces.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from aulib.losses import batch_distortion

SIZES = (16, 32, 64, 128, 256, 512, 1024)
COVERAGE = (0.05, 0.1, 0.2, 0.5, 1.0)
PREVALENCE = (0.02, 0.1, 0.3)


def simulate(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float]]]:
    """Labels and probabilities (rows, L), and the prevalence and coverage of each of the L labels."""
    rng = np.random.default_rng(seed)
    kinds = [(prevalence, coverage) for prevalence in PREVALENCE for coverage in COVERAGE]
    prevalence, coverage = np.array(kinds).T
    displayed = rng.random((rows, len(kinds)), dtype="float32") < prevalence
    logits = rng.normal(np.where(displayed, 0.5, -2.5), 1).astype("float32")
    known = rng.random(displayed.shape, dtype="float32") < coverage
    return np.where(known, displayed, np.nan).astype("float32"), 1 / (1 + np.exp(-logits)), kinds


def table(rows: int) -> pd.DataFrame:
    """One row for each prevalence, coverage and batch size."""
    y, p, kinds = simulate(rows)
    parts = []
    for size in SIZES:
        paper, ours = (batch_distortion(y, p, size, corrected=corrected) for corrected in (False, True))
        part = pd.DataFrame(kinds, columns=["prevalence", "known"]).assign(batch=size)
        part["without positive"] = paper["without_positive"]
        for name, found in (("paper", paper), ("corrected", ours)):
            part[f"{name}: loss"] = found["batch_loss"] - found["whole_loss"]
            part[f"{name}: positives"] = found["positives"] - 1
            part[f"{name}: negatives"] = found["negatives"] - 1
        parts.append(part)
    return pd.concat(parts).sort_values(["prevalence", "known", "batch"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows; the numbers are noisy")
    rows = 2**14 if parser.parse_args().quick else 2**18
    found = table(rows)
    print(f"Simulated, {rows:,} rows. loss: batch minus whole. positives, negatives: relative bias of the gradient.\n")
    print(found.to_markdown(index=False, floatfmt=["g", "g", ".0f", ".2f", *["+.3f"] * 6]))


if __name__ == "__main__":
    main()
