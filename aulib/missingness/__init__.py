"""Which labels are unknown, how many, and why: counts, patterns, mechanisms, and the paper's 69.07 %."""

from aulib.missingness._counts import (
    cardinality,
    co_annotation,
    coding_groups,
    coverage,
    label_counts,
    missing_rate,
    pattern_bits,
    patterns,
)
from aulib.missingness._mechanisms import explained_by_dataset, mask_against_dataset, mask_against_labels
from aulib.missingness._paper import (
    PAPER_MASKS,
    PLAUSIBLE_MASKS,
    mask_combinations,
    paper_missing_rate,
    table_3,
    table_3_against,
)

__all__ = [
    "PAPER_MASKS",
    "PLAUSIBLE_MASKS",
    "cardinality",
    "co_annotation",
    "coding_groups",
    "coverage",
    "explained_by_dataset",
    "label_counts",
    "mask_against_dataset",
    "mask_against_labels",
    "mask_combinations",
    "missing_rate",
    "paper_missing_rate",
    "pattern_bits",
    "patterns",
    "table_3",
    "table_3_against",
]
