"""Errors a user can act on: each message says where, what was found, what is accepted and what to do."""

from __future__ import annotations

from pathlib import Path


class AulibError(Exception):
    """Base class of every error that aulib raises on purpose. The command line prints it without a traceback."""


class SettingsError(AulibError, ValueError):
    """A profile, a parameter or an argument has a value that cannot be used."""


class DataError(AulibError, ValueError):
    """A file or a table holds something that cannot be read as what it should be.

    Args:
        message: what was found, what is accepted and what to do.
        path: the file, if there is one.
        line: the line in the file, counted from 1.

    Example:
        >>> str(DataError("value 'x' is not 0, 1 or -1", path="a.csv", line=3))
        "a.csv:3: value 'x' is not 0, 1 or -1"
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None):
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)
        self.path = path
        self.line = line


class DatasetNotFoundError(DataError):
    """The folder given for a dataset is missing, or does not look like that dataset."""
