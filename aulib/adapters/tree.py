"""A dataset's folder, entered with care: links that lead out, devices, damaged and oversized files are refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from aulib.adapters.files import MOST_BYTES, fault, is_litter, normal, numbered


class _Refused(Exception):
    """Why a file is not read, and the line."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.message, self.line = message, line


class Tree:
    """Lists folders and reads text files below a root.

    Each folder is resolved once, a file only if it is itself a link, so that a tree of a million images costs no more
    than its listing.

    Args:
        root: the dataset's folder; it may be a link itself.
        follow: whether links may lead out of the root.
        refuse: called with message, path and line (or None) for whatever is not read. If it returns, the file or
            folder counts as not there.
    """

    def __init__(self, root: Path, follow: bool, refuse: Callable[[str, Path, int | None], None]):
        self._prefix = os.path.realpath(root).rstrip(os.sep) + os.sep
        self._follow = follow
        self._refuse = refuse
        self._checked: dict[str, bool] = {}

    def inside(self, path: Path) -> bool:
        """Whether a file or folder lies below the root once links are followed. If not, it is refused, once."""
        key = str(path)
        if key not in self._checked:
            real = os.path.realpath(path)
            self._checked[key] = self._follow or (real + os.sep).startswith(self._prefix)
            if not self._checked[key]:
                advice = "put the data there, or accept it with links_outside='follow'"
                self._refuse(f"the path leads out of the dataset's folder, to {real!r}; {advice}", path, None)
        return self._checked[key]

    def names(self, folder: Path) -> list[str]:
        """Names in a folder, sorted, without litter and refused links; empty if there is no such folder."""
        if not os.path.isdir(folder) or not self.inside(folder):
            return []
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in entries if self._sound(entry))
        except OSError as error:
            self._refuse(f"the folder cannot be listed: {error.strerror}", folder, None)
            return []

    def images(self, folder: Path) -> dict[int, str]:
        """Number at the end of an image's name -> its name, for the images of a folder."""
        return numbered(self.names(folder))

    def read(self, path: Path) -> bytes | None:
        """Bytes of a text file, ready to be split at ``\\n``; None if it is refused."""
        try:
            return self._text(path)
        except _Refused as refused:
            self._refuse(refused.message, path, refused.line)
        except OSError as error:
            self._refuse(f"the file cannot be read: {error.strerror or error}", path, None)
        return None

    def binary(self, path: Path) -> bytes | None:
        """The same for a file that is no text."""
        try:
            return self._bytes(path)
        except _Refused as refused:
            self._refuse(refused.message, path, refused.line)
        except OSError as error:
            self._refuse(f"the file cannot be read: {error.strerror or error}", path, None)
        return None

    def _text(self, path: Path) -> bytes | None:
        data = self._bytes(path)
        if data and (wrong := fault(data)):
            raise _Refused(*wrong)
        return None if data is None else normal(data)

    def _bytes(self, path: Path) -> bytes | None:
        if not self.inside(path.parent) or (os.path.islink(path) and not self.inside(path)):
            return None
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for ever
            what = "a folder" if stat.S_ISDIR(info.st_mode) else "no regular file"
            raise _Refused(f"expected a file, found {what}")
        if info.st_size > MOST_BYTES:
            raise _Refused(f"the file has {info.st_size:,} bytes, more than {MOST_BYTES:,}: damaged, or no annotation")
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)

    def _sound(self, entry: os.DirEntry) -> bool:
        if is_litter(entry.name):
            return False
        if not entry.name.isascii() and not _encodable(entry.name):
            parent = Path(entry.path).parent
            self._refuse(f"the name {ascii(entry.name)} is not valid in UTF-8; rename it", parent, None)
            return False
        return not entry.is_symlink() or self.inside(Path(entry.path))


def _encodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
