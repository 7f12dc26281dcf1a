"""The meta-database: one table for all datasets, built, validated, saved, loaded and selected from."""

from __future__ import annotations

from aulib.database._build import build
from aulib.database._duplicates import duplicates
from aulib.database._files import load, save
from aulib.database._people import person_ids, shared_people
from aulib.database._schema import validate
from aulib.database._select import labels, select, selection_report
from aulib.database._views import annotation, describe
from aulib.errors import DataError

__all__ = [
    "DataError",
    "annotation",
    "build",
    "describe",
    "duplicates",
    "labels",
    "load",
    "person_ids",
    "save",
    "select",
    "selection_report",
    "shared_people",
    "validate",
]
