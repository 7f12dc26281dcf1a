"""Image files that have the same bytes, or that look alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from aulib.errors import DataError

# Near duplicates: hashes differ in at most so many of 64 bits, and thumbnails by so many grey levels (RMS).
_BITS, _GREY_LEVELS = 3, 6.0
_THUMBNAIL = 16
# At most so many hashes are compared with each other, which bounds the work; larger buckets are cut.
_LARGEST_BUCKET = 2_000


class Work:
    """Doing something with many files in threads, behind a progress bar."""

    def __init__(self, workers: int, silent: bool | None):
        self.workers, self.silent = workers, silent

    def map(self, do: Callable, items: Sequence, what: str) -> list:
        with ThreadPoolExecutor(self.workers) as pool:
            return list(tqdm(pool.map(do, items), total=len(items), desc=what, unit="img", disable=self.silent))


def same_content(paths: list[Path], work: Work) -> np.ndarray:
    """Number of each file's content: files with the same bytes have the same number."""
    sizes = np.array(work.map(_size, paths, "sizes"))
    if (sizes < 0).any():
        raise DataError(
            f"{int((sizes < 0).sum()):,} images of the table are not there; this is the first. Check `roots`",
            paths[int(np.flatnonzero(sizes < 0)[0])],
        )
    _, kind, times = np.unique(sizes, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(times[kind] > 1)
    digests = work.map(_digest, [paths[i] for i in shared], "contents")
    numbers, _ = pd.factorize(np.array(digests, dtype=object))
    content = np.arange(len(paths))
    content[shared] = len(paths) + numbers
    return content


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(path: Path) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def look_alikes(
    paths: list[Path], people: np.ndarray, twins: np.ndarray, work: Work, attrs: dict
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of images (positions in ``paths``) that look alike, with the distance of their hashes."""
    looks = work.map(_look, paths, "thumbnails")
    readable = np.array([look is not None for look in looks], bool)
    attrs["unreadable"] = [str(path) for path, ok in zip(paths, readable, strict=True) if not ok]
    kept = np.flatnonzero(readable)
    hashes = np.array([looks[i][0] for i in kept], np.uint64)
    thumbnails = np.array([looks[i][1] for i in kept], np.float32).reshape(len(kept), _THUMBNAIL**2)
    people, twins = people[kept], twins[kept]
    found = []
    for a, b in _candidates(hashes, people, attrs):
        difference = np.sqrt(((thumbnails[a] - thumbnails[b]) ** 2).mean(axis=1))
        good = (difference <= _GREY_LEVELS) & (twins[a] != twins[b])
        found.append((kept[a[good]], kept[b[good]], _distance(hashes[a[good]], hashes[b[good]])))
    empty = np.empty(0, np.intp)
    return tuple(np.concatenate(parts) for parts in zip((empty, empty, empty), *found, strict=True))


def _look(path: Path) -> tuple[int, np.ndarray] | None:
    """Difference hash and thumbnail (float32, mean 0) of an image; None if it cannot be decoded."""
    try:
        with Image.open(path) as image:
            image.draft("L", (4 * _THUMBNAIL, 4 * _THUMBNAIL))
            grey = image.convert("L")
            small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), np.int16)
            thumbnail = np.asarray(grey.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX), np.float32)
    except Exception:  # Pillow's readers raise many kinds for damaged files; all of them are reported as unreadable
        return None
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big"), thumbnail - thumbnail.mean()


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.bitwise_count(a ^ b).astype(np.intp)


def _candidates(hashes: np.ndarray, people: np.ndarray, attrs: dict) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of different people whose hashes differ in at most 3 bits: of 4 pieces of 16 bits one is then equal.

    Images of one person with the same hash are represented by the first of them.
    """
    seen = pd.DataFrame({"hash": hashes, "person": people}).drop_duplicates()
    images = seen.index.to_numpy()
    for piece in range(_BITS + 1):
        band = (hashes[images] >> np.uint64(16 * piece)) & np.uint64(0xFFFF)
        order = np.lexsort((hashes[images], band))
        for bucket in groups(band[order], images[order]):
            parts = [bucket[i : i + _LARGEST_BUCKET] for i in range(0, len(bucket), _LARGEST_BUCKET)]
            attrs["cut_buckets"] += len(parts) > 1
            for part in parts:
                yield from _pairs(part, hashes, people)


def _pairs(part: np.ndarray, hashes: np.ndarray, people: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if len(part) < 2 or (people[part] == people[part[0]]).all():
        return
    close = np.bitwise_count(hashes[part][:, None] ^ hashes[part][None, :]) <= _BITS
    a, b = np.nonzero(np.triu(close & (people[part][:, None] != people[part][None, :]), 1))
    if len(a):
        yield part[a], part[b]


def linked(a: np.ndarray, b: np.ndarray, bits: np.ndarray, images: int) -> list[tuple[np.ndarray, int]]:
    """Images linked by pairs, directly or through others, and the largest distance of a pair."""
    if not len(a):
        return []
    _, group = connected_components(coo_array((np.ones(len(a), bool), (a, b)), shape=(images, images)), directed=False)
    members = np.unique(np.concatenate([a, b]))
    widest = pd.Series(bits).groupby(group[a]).max()
    return [(part, int(widest[group[part[0]]])) for part in groups(group[members], members)]


def groups(keys: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """Values that have the same key, group by group, in increasing order."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    return np.split(values[order], starts) if len(keys) else []
