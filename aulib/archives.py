"""Products of the data flow in one file each, to carry them between machines that share no file system.

An object store and a computing node know files, not folders. A step's product is packed after it was made and unpacked
where a later step needs it; :class:`aulib.pipeline.Pipeline` then finds it as if it had been made there.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from aulib.errors import DataError
from aulib.pipeline import Pipeline, atomically

#: Nothing is written outside of the folder. Before Python 3.11.4 there was no such protection.
_SAFE = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def pack(work: Pipeline, step: str, archive: str | Path) -> Path:
    """Make a step, or find it, and write its product into a tar file, not compressed: pictures and features are dense.

    Args:
        work: the data flow.
        step: one of :data:`aulib.pipeline.STEPS`.
        archive: the file to write; it is there completely or not at all.

    Example:
        >>> import tempfile
        >>> from aulib import profiles
        >>> settings = profiles.settings(corpus={"scale": 0.02, "size": 32})
        >>> with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        ...     made = pack(Pipeline(settings, here, progress=False), "corpus", Path(there) / "corpus.tar")
        ...     unpack([made], there)
        ...     Pipeline(settings, there, progress=False).truth().shape[1] > 20
        True
    """
    archive = Path(archive)
    archive.parent.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        with tarfile.open(path, "w") as tar:
            for made in work.made(step):
                tar.add(made, made.relative_to(work.folder).as_posix(), filter=_wanted)

    atomically(archive, write)
    return archive


def unpack(archives: Iterable[str | Path], folder: str | Path) -> None:
    """Put packed products into a folder of products. What is there already stays; two processes may do it at once.

    Raises:
        DataError: a file is no archive, or was cut off.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for archive in map(Path, archives):
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as beside:
            try:
                if archive.stat().st_size % tarfile.RECORDSIZE:  # a cut between two files is no error for tarfile
                    raise tarfile.ReadError("it ends too early")
                with tarfile.open(archive) as tar:
                    tar.extractall(beside, **_SAFE)
            except (tarfile.TarError, EOFError) as error:
                problem = f"is no complete archive of products ({error}); delete it and run again"
                raise DataError(problem, archive) from None
            _move(Path(beside), folder)


def _move(source: Path, target: Path) -> None:
    """Move products, folders before the files that say they are finished."""
    for path in sorted(source.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if path.name == "features":  # holds a folder for each block
            (target / path.name).mkdir(exist_ok=True)
            _move(path, target / path.name)
        elif not (target / path.name).exists():
            try:
                os.replace(path, target / path.name)
            except OSError:  # another process was faster
                if not (target / path.name).exists():
                    raise


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out locks, and whose the files are."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith(".lock") else entry
