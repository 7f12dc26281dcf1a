"""Balancing incomplete multi-label data: how uneven the labels are, and which rows to take how often."""

from __future__ import annotations

from aulib.balancing._measures import imbalance, scumble
from aulib.balancing._optimizer import SLACK, Balance, augmentation_seed, balance
from aulib.balancing._resampling import lp_ros, lp_rus, ml_ros, ml_rus, uniform_class

__all__ = [
    "SLACK",
    "Balance",
    "augmentation_seed",
    "balance",
    "imbalance",
    "lp_ros",
    "lp_rus",
    "ml_ros",
    "ml_rus",
    "scumble",
    "uniform_class",
]
