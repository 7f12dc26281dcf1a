"""Arrays on disk that are larger than memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


def create(path: str | Path, dtype: np.typing.DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """Create a memory-mapped ``.npy`` file whose space on the disk is reserved.

    Without the reservation a full disk shows only when a page is written, and then kills the process without a word.

    Args:
        path: the file; an existing one is replaced.
        dtype: type of the numbers.
        shape: shape of the array.

    Raises:
        OSError: there is not enough space (``errno.ENOSPC``), or the file cannot be written; nothing is left behind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     create(Path(folder) / "a.npy", np.uint8, (2, 3)).shape
        (2, 3)
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        try:
            with open(path, "rb+") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
        except OSError as error:
            Path(path).unlink()
            raise OSError(error.errno, error.strerror, str(path)) from None
    return array
