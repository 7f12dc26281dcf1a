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
_LARGEST_BUCKET = 500
# Pairs whose thumbnails are compared at once: 100 MB.
_PAIRS_AT_ONCE = 50_000


class Work:
    """Doing something with many files in threads, behind a progress bar."""

    def __init__(self, workers: int, silent: bool | None):
        self.workers, self.silent = workers, silent

    def map(self, do: Callable, items: Sequence, what: str) -> list:
        with ThreadPoolExecutor(self.workers) as pool:
            return list(tqdm(pool.map(do, items), total=len(items), desc=what, unit="img", disable=self.silent))


def content_numbers(paths: list[Path], work: Work) -> np.ndarray:
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
    paths: list[Path], people: np.ndarray, content: np.ndarray, work: Work
) -> tuple[list[tuple[np.ndarray, int]], dict]:
    """Groups of images of different people that look alike, each with the largest distance of hashes that links it.

    Args:
        paths: the image files.
        people: number of the person of each.
        content: number of the content of each; two files with one content are not compared.
        work: threads and progress.

    Returns:
        Groups as (positions in ``paths``, distance), and what there is to say: ``unreadable`` and ``cut_buckets``.
    """
    looks = work.map(_look, paths, "thumbnails")
    kept = np.flatnonzero([look is not None for look in looks])
    hashes = np.array([looks[i][0] for i in kept], np.uint64)
    thumbnails = np.array([looks[i][1] for i in kept], np.float32).reshape(len(kept), _THUMBNAIL**2)
    said = {"unreadable": [str(path) for path, look in zip(paths, looks, strict=True) if look is None]}
    said["cut_buckets"] = 0
    links = [np.empty((3, 0), np.intp)]
    for bucket in _buckets(hashes, people[kept]):
        said["cut_buckets"] += len(bucket) > _LARGEST_BUCKET
        for start in range(0, len(bucket), _LARGEST_BUCKET):
            a, b = _close(bucket[start : start + _LARGEST_BUCKET], hashes, people[kept], content[kept])
            same = _confirmed(a, b, thumbnails)
            links.append(_star(a[same], b[same], hashes))
    a, b, bits = np.concatenate(links, axis=1)
    return [(kept[group], widest) for group, widest in _linked(a, b, bits)], said


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


def _buckets(hashes: np.ndarray, people: np.ndarray) -> Iterator[np.ndarray]:
    """Images whose hashes share one of four pieces of 16 bits: if two hashes differ in at most 3 bits, one piece does.

    Images of one person with the same hash are represented by the first of them. A bucket is in the order of the whole
    hash, so that a cut separates the least alike.
    """
    images = pd.DataFrame({"hash": hashes, "person": people}).drop_duplicates().index.to_numpy()
    for piece in range(_BITS + 1):
        band = (hashes[images] >> np.uint64(16 * piece)) & np.uint64(0xFFFF)
        order = np.lexsort((hashes[images], band))
        yield from (bucket for bucket in groups(band[order], images[order]) if len(bucket) > 1)


def _close(
    part: np.ndarray, hashes: np.ndarray, people: np.ndarray, content: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of images of different people, with different content, whose hashes differ in at most 3 bits."""

    def differ(values: np.ndarray) -> np.ndarray:
        return values[part][:, None] != values[part][None, :]

    near = np.bitwise_count(hashes[part][:, None] ^ hashes[part][None, :]) <= _BITS
    a, b = np.nonzero(np.triu(near & differ(people) & differ(content), 1))
    return part[a], part[b]


def _confirmed(a: np.ndarray, b: np.ndarray, thumbnails: np.ndarray) -> np.ndarray:
    """True for the pairs whose thumbnails look alike."""
    same = np.empty(len(a), bool)
    for start in range(0, len(a), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        same[some] = ((thumbnails[a[some]] - thumbnails[b[some]]) ** 2).mean(axis=1) <= _GREY_LEVELS**2
    return same


def _star(a: np.ndarray, b: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The same groups with fewer pairs (3, pairs): each image with the first of its group, and the group's distance."""
    bits = np.bitwise_count(hashes[a] ^ hashes[b]).astype(np.intp)
    stars = [np.stack([g[1:] * 0 + g[0], g[1:], g[1:] * 0 + widest]) for g, widest in _linked(a, b, bits)]
    return np.concatenate([np.empty((3, 0), np.intp), *stars], axis=1)


def _linked(a: np.ndarray, b: np.ndarray, bits: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Images that pairs link, directly or through others, and the largest distance of a pair among them."""
    members, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    if not len(members):
        return []
    graph = coo_array((np.ones(len(a), bool), (place[: len(a)], place[len(a) :])), shape=(len(members),) * 2)
    _, group = connected_components(graph, directed=False)
    widest = np.zeros(group.max() + 1, np.intp)
    np.maximum.at(widest, group[place[: len(a)]], bits)
    return [(members[rows], int(widest[group[rows[0]]])) for rows in groups(group, np.arange(len(members)))]


def groups(keys: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """Values that have the same key, group by group, in increasing order."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    return np.split(values[order], starts) if len(keys) else []
