"""Balancing incomplete multi-label data: how uneven the labels are, and which rows to take how often."""

from __future__ import annotations

from aulib.balancing._measures import imbalance
from aulib.balancing._optimizer import SLACK, Balance, balance

__all__ = ["SLACK", "Balance", "balance", "imbalance"]
