"""From a prediction table to result tables: the paper's Table 2 with intervals, and what stands behind its numbers.

A prediction table has the columns ``dataset, subject, sequence, frame, image`` and for each action unit its label
``AU01`` (Int8, <NA> unknown) and its probability ``AU01_p``. All scores are pooled over the rows they are made from;
all intervals draw people, not images.
"""

from aulib.evaluation._calibration import calibration_table, reliability_table
from aulib.evaluation._checks import check
from aulib.evaluation._compare import compare
from aulib.evaluation._confusion import confused_with, confusion_table
from aulib.evaluation._results import per_dataset_table, results_table
from aulib.evaluation._scores import ACCURACY, MACRO, SUMMARY, WEIGHTED_TEST, WEIGHTED_TRAIN
from aulib.evaluation._thresholds import threshold_table, tune_thresholds
from aulib.evaluation._truth import against_truth, truth_of

__all__ = [
    "ACCURACY",
    "MACRO",
    "SUMMARY",
    "WEIGHTED_TEST",
    "WEIGHTED_TRAIN",
    "against_truth",
    "calibration_table",
    "check",
    "compare",
    "confused_with",
    "confusion_table",
    "per_dataset_table",
    "reliability_table",
    "results_table",
    "threshold_table",
    "tune_thresholds",
    "truth_of",
]
