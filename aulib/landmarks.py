"""The landmarks that come with a dataset: where they lie, and how they are read.

`SOURCES` is the one place that says so. Every scheme of points here holds the two eyes and the tip of the nose:
68 points (Multi-PIE), 66 (without the inner corners of the mouth) and 49 (also without the outline of the face).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from aulib.crops import Box, face_box
from aulib.errors import DataError


@dataclass(frozen=True)
class Source:
    """Where the landmarks of a dataset's images lie.

    Attributes:
        folder: relative to the dataset's root; alternatives in the order in which they are tried.
        image: the end of an image's path; its named groups fill `file`.
        file: relative to the folder.
        read: from the file and the number of the image to the points, (n, 2) as x, y in pixels.
        points: how many there are.
    """

    folder: tuple[str, ...]
    image: re.Pattern[str]
    file: str
    read: Callable[[Path, int, Path], np.ndarray | None]
    points: int


def read_text(path: Path, number: int, image: Path) -> np.ndarray | None:
    """Points of a text file with one ``x y`` a line, in any notation of numbers that Matlab writes."""
    if not path.is_file():
        return None
    rows = []
    for line, text in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            x, y = map(float, text.split())
        except ValueError:
            raise DataError(f"found {text.strip()[:40]!r}; expected two numbers, x and y", path, line) from None
        rows.append((x, y))
    return np.array(rows).reshape(-1, 2)


def read_bp4d(path: Path, number: int, image: Path) -> np.ndarray | None:
    """Points of image `number` (from 0) in a sequence's file: element `number` of ``fit``, its ``pred``."""
    if not path.is_file():
        return None
    fits = _bp4d_fits(path)
    if number >= len(fits):
        raise DataError(f"holds {len(fits)} frames; there is none for {image.name}", path)
    return fits[number] if fits[number].size else None


def read_disfa(folder: Path, number: int, image: Path) -> np.ndarray | None:
    """Points of a frame's own file; landmarks and images may each count from 0 or from 1."""
    files = _numbered(folder, "_lm.mat")
    first_image = min(_numbered(image.parent, image.suffix), default=1)
    wanted = number - min(first_image, 1) + min(min(files, default=1), 1)
    return None if wanted not in files else np.asarray(_matlab(files[wanted], "pts"), float)


#: The datasets whose documented files hold landmarks (book chapter "The datasets").
SOURCES: dict[str, Source] = {
    "ck_plus": Source(
        folder=("Landmarks", "CK+/Landmarks"),
        image=re.compile(r"(?P<subject>[^/]+)/(?P<sequence>[^/]+)/(?P<stem>[^/]*?(?P<number>[0-9]+))\.[^./]+"),
        file="{subject}/{sequence}/{stem}_landmarks.txt",
        read=read_text,
        points=68,
    ),
    "unbc": Source(
        folder=("AAM_landmarks", "AAM_landmarks/AAM_landmarks"),
        image=re.compile(r"(?P<subject>[^/]+)/(?P<sequence>[^/]+)/(?P<stem>[^/]*?(?P<number>[0-9]+))\.[^./]+"),
        file="{subject}/{sequence}/{stem}_aam.txt",
        read=read_text,
        points=66,
    ),
    "bp4d": Source(
        folder=("2DFeatures",),
        image=re.compile(r"(?P<subject>[^/]+)/(?P<task>[^/]+)/(?P<number>[0-9]+)\.[^./]+"),
        file="{subject}_{task}.mat",
        read=read_bp4d,
        points=49,
    ),
    "disfa": Source(
        folder=("Landmark_Points",),
        image=re.compile(r"(?P<subject>[^/]+)/[^/]*?(?P<number>[0-9]+)\.[^./]+"),
        file="{subject}/frame_lm",
        read=read_disfa,
        points=66,
    ),
}
#: Datasets that are distributed as face crops: "auto" takes the whole image.
CROPPED = ("aff_wild2", "raf_au")
#: First point and number of points of each eye, and the tip of the nose, by scheme.
_EYES_AND_NOSE = {68: (36, 42, 30), 66: (36, 42, 30), 49: (19, 25, 13)}


def available(dataset: str, root: str | Path) -> bool:
    """Whether a dataset's folder holds landmarks."""
    return dataset in SOURCES and any((Path(root) / name).is_dir() for name in SOURCES[dataset].folder)


def file_of(dataset: str, root: str | Path, image: str) -> Path | None:
    """The file or folder in which the landmarks of an image should lie; None if the image's path is not as known."""
    source = SOURCES[dataset]
    name = re.search(rf"(?:^|/){source.image.pattern}$", image)
    if name is None:
        return None
    folder = next((name for name in source.folder if (Path(root) / name).is_dir()), source.folder[0])
    return Path(root) / folder / source.file.format(**name.groupdict())


def points(dataset: str, root: str | Path, image: str) -> np.ndarray | None:
    """Landmarks of an image, float64 (n, 2) as x, y in pixels; None if it has none.

    Args:
        dataset: name, one of `SOURCES`.
        root: the dataset's folder.
        image: path of the image relative to it.

    Raises:
        DataError: the file cannot be read, or holds another number of points; the message names it.
    """
    source, path = SOURCES[dataset], file_of(dataset, root, image)
    if path is None:
        return None
    number = int(re.search(rf"(?:^|/){source.image.pattern}$", image)["number"])
    found = source.read(path, number, Path(root) / image)
    if found is not None and found.shape != (source.points, 2):
        raise DataError(f"holds points of shape {found.shape}; expected ({source.points}, 2)", path)
    return found


def box(dataset: str, root: str | Path, image: str, margin: float = 0.0) -> Box | None:
    """The square of the face by the image's landmarks (`aulib.crops.face_box`); None if it has none."""
    found = points(dataset, root, image)
    if found is None:
        return None
    left, right, nose = _EYES_AND_NOSE[len(found)]
    return face_box(found[left : left + 6].mean(axis=0), found[right : right + 6].mean(axis=0), found[nose], margin)


@lru_cache(maxsize=16)
def _bp4d_fits(path: Path) -> list[np.ndarray]:
    return [np.asarray(entry, float) for entry in _matlab(path, "fit")["pred"].ravel()]


@lru_cache(maxsize=64)
def _numbered(folder: Path, ending: str) -> dict[int, Path]:
    """Last number of a file's name -> file, for the files of a folder that end in a certain way."""
    if not folder.is_dir():
        return {}
    found = ((re.search(r"([0-9]+)$", path.name.removesuffix(ending)), path) for path in folder.glob(f"*{ending}"))
    return {int(number[1]): path for number, path in found if number}


def _matlab(path: Path, variable: str) -> np.ndarray:
    """One variable of a Matlab file of version 7.2 or older."""
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=[variable])[variable]
    except NotImplementedError:
        raise DataError("is a Matlab 7.3 file; save it in Matlab with '-v7'", path) from None
    except KeyError:
        raise DataError(f"has no variable {variable!r}", path) from None
    except Exception as error:  # scipy's reader raises many kinds for damaged files
        raise DataError(f"is not a readable Matlab file ({type(error).__name__}: {error})", path) from error
