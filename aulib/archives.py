"""Products of the data flow in one file each, to carry them between machines that share no file system.

An object store and a computing node know files, not folders. A step's product is packed after it was made and unpacked
where a later step needs it; :class:`aulib.pipeline.Pipeline` then finds it as if it had been made there.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from aulib.errors import DataError
from aulib.pipeline import Pipeline, atomically

#: Nothing is written outside of the folder. Before Python 3.11.4 there was no such protection.
_SAFE = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def pack(work: Pipeline, archive: str | Path, *steps: str) -> Path:
    """Make steps, or find them, and write their products into a tar file, not compressed: pictures are dense.

    Args:
        work: the data flow.
        archive: the file to write; it is there completely or not at all.
        steps: of :data:`aulib.pipeline.STEPS`.

    Example:
        >>> import tempfile
        >>> from aulib import profiles
        >>> settings = profiles.settings(corpus={"scale": 0.02, "size": 32})
        >>> with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        ...     made = pack(Pipeline(settings, here, progress=False), Path(there) / "corpus.tar", "corpus")
        ...     unpack([made], there)
        ...     Pipeline(settings, there, progress=False).truth().shape[1] > 20
        True
    """
    archive = Path(archive)
    archive.parent.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        with tarfile.open(path, "w") as tar:
            for made in (path for step in steps for path in work.made(step)):
                tar.add(made, made.relative_to(work.folder).as_posix(), filter=_wanted)

    atomically(archive, write)
    return archive


def unpack(archives: Iterable[str | Path], folder: str | Path) -> None:
    """Put packed products into a folder of products. A finished product stays, one that is half made is replaced.

    Several processes may do it at once.

    Raises:
        DataError: a file is missing, is no archive, or was cut off.
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
            except FileNotFoundError:
                problem = "is not there; --unpack takes files that 'aulib build --pack' has written"
                raise DataError(problem, archive) from None
            except (tarfile.TarError, EOFError) as error:
                problem = f"is no complete archive of products ({error}); delete it and run again"
                raise DataError(problem, archive) from None
            _move(Path(beside), folder)


def _move(source: Path, target: Path) -> None:
    """Move products to where the pipeline looks for them."""
    for path in sorted(source.iterdir()):
        place, mark = target / path.name, path.with_suffix(".json")
        if path.name == "features":  # holds a folder for each block
            place.mkdir(exist_ok=True)
            _move(path, place)
        elif path.is_dir() and mark.is_file():
            _move_marked(path, mark, place)
        elif path.is_dir():  # features, which appear as a whole, or a run, which is resumed
            _move_new(path, place)


def _move_marked(path: Path, mark: Path, place: Path) -> None:
    """Move a product with the file that says it is finished. Without that, what is there was interrupted."""
    done = place.with_suffix(".json")
    with FileLock(place.with_suffix(".lock")):  # the pipeline's own
        if not done.is_file():
            if place.exists():
                shutil.rmtree(place)
            os.replace(path, place)
            os.replace(mark, done)


def _move_new(path: Path, place: Path) -> None:
    if not place.exists():
        try:
            os.replace(path, place)
        except OSError:  # another process was faster
            if not place.exists():
                raise


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out locks, and whose the files are."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith(".lock") else entry
