"""Build a meta-database of the paper's size from annotation files alone, and print how long it took.

The six trees hold as many rows as Table 1 of the paper counts images (747,585) and random labels, in the formats that
the readers' docstrings describe. They are written to a temporary folder and deleted. The building runs in a process
of its own, so that its peak of memory is not that of the writing.

    python benchmarks/database.py                 # the paper's size: a minute or two, 600 MB of disk
    python benchmarks/database.py --share 0.01    # a hundredth of it
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aulib.adapters import registry

#: Budgets of the whole table at the paper's size on two cores.
SECONDS, GIGABYTES = 60, 3
#: CK+ counts its 10,733 frames in Table 1 though 593 are coded. Here each row has a file of its own, the slow case.
FILES_PER_ROW = {"ck_plus": 1, "unbc": 2}


def shares(name: str, share: float) -> tuple[int, int]:
    """Rows and people of a dataset at a share of the paper's size."""
    facts = registry.DATASETS[name]
    rows = max(8, round(facts.images * share))
    return rows, min(facts.subjects, rows)


def cells(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Random labels, uint8 0 or 1, about one in six displayed."""
    return (rng.random((rows, columns)) < 0.17).astype(np.uint8)


def digits(values: np.ndarray) -> list[bytes]:
    """Each row of one-digit numbers as ``,0,1,9``."""
    text = np.full((len(values), 2 * values.shape[1]), ord(","), np.uint8)
    text[:, 1::2] = values + ord("0")
    return [row.tobytes() for row in text]


def sequences(rows: int, people: int) -> int:
    """Number of videos: 8 a person, but none shorter than 30 frames."""
    return max(1, min(8 * people, rows // 30))


def pieces(rows: int, parts: int) -> Iterator[tuple[int, np.ndarray]]:
    """Number of each part and its rows; the parts are equally long to one row."""
    yield from enumerate(part for part in np.array_split(np.arange(rows), parts) if len(part))


def write(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def matlab(number: int, intensity: int, columns: int) -> bytes:
    """A line of a list of action units, in Matlab's notation."""
    return b"".join(b"   %.7e" % value for value in (number, intensity, 0, 0)[:columns]) + b"\n"


def write_actor_study(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    labels = digits(cells(rng, rows, 30))
    lines = [b"subject,camera,sequence,frame," + b",".join(b"AU%02d" % n for n in [1, 2, *range(4, 8), *range(9, 33)])]
    for person, part in pieces(rows, people):
        for k, row in enumerate(part):
            lines.append(b"A%02d,C%d,S%02d,%d" % (person, k % 5, k // 500, k % 500 + 1) + labels[row])
    write(root / "annotations.csv", b"\n".join(lines) + b"\n")


def write_aff_wild2(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    labels = cells(rng, rows, 8)
    unknown = rng.random(rows) < 0.05
    for person, part in pieces(rows, people):
        lines, texts = [b"AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25"], digits(labels[part])
        lines += [b"-1" + b",-1" * 7 if gap else text[1:] for gap, text in zip(unknown[part], texts, strict=True)]
        write(root / f"annotations/AU_Set/Training_Set/{person}-30-1280x720.txt", b"\n".join(lines) + b"\n")


def write_bp4d(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    header = b",".join(b"%d" % n for n in range(100)) + b"\n"
    uncoded = np.isin(np.arange(1, 100), [3, 8, 21, 25, 26, *range(40, 100)])
    for number, part in pieces(rows, sequences(rows, people)):
        person, task = divmod(number, 8)
        stem = f"{'F' if person < 23 else 'M'}{person % 23 + 1:03d}_T{task + 1}"
        labels = cells(rng, len(part), 99)
        intensities = labels * rng.integers(1, 6, labels.shape, np.uint8)
        labels[:, uncoded] = 9
        text = b"".join(b"%d%s\n" % (k + 1, row) for k, row in enumerate(digits(labels)))
        write(root / f"AUCoding/AU_OCC/{stem}.csv", header + text)
        for au in (6, 10, 12, 14, 17):
            graded = enumerate(intensities[:, au - 1].tolist(), start=1)
            text = b"".join(b"%d,%d\n" % (frame, level) for frame, level in graded)
            write(root / f"AUCoding/AU_INT/AU{au:02d}/{stem}_AU{au:02d}.csv", text)


def write_ck_plus(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    units = [1, 2, 4, 5, 6, 7, 9, 12, 15, 17, 20, 23, 24, 25, 26, 27]
    labels = cells(rng, rows, len(units))
    for person, part in pieces(rows, people):
        for k, row in enumerate(part, start=1):
            place = f"FACS/S{person:03d}/{k:03d}/S{person:03d}_{k:03d}_00000011_facs.txt"
            shown = np.flatnonzero(labels[row]).tolist()
            write(root / place, b"".join(matlab(units[i], (i + k) % 6, 2) for i in shown))


def write_emotionet(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    coded = np.isin(np.arange(1, 61), [1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, *range(51, 57)])
    known = coded & (rng.random((rows, 60)) < 0.95)
    texts = np.where(known, cells(rng, rows, 60).astype("U1"), "999")
    lines = ["URL,URL orig," + ",".join(f"'AU {n}'" for n in range(1, 61))]
    for row, text in enumerate(texts.tolist()):
        folder = f"N_{row // 1000:010d}"
        lines.append(f"'http://x/{folder}/{folder}_{row % 1000:05d}.jpg',http://y/{row}," + ",".join(text))
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", ("\n".join(lines) + "\n").encode())


def write_unbc(root: Path, rng: np.random.Generator, rows: int, people: int) -> None:
    units = [4, 6, 7, 9, 10, 12, 20, 25, 26, 43]
    levels = cells(rng, rows, 10) * (rng.random((rows, 1)) < 0.2) * rng.integers(1, 6, (rows, 10))
    levels[:, 9] = levels[:, 9] > 0
    pain = levels[:, 0] + levels[:, 1:3].max(axis=1) + levels[:, 3:5].max(axis=1) + levels[:, 9]
    for number, part in pieces(rows, sequences(rows, people)):
        person, test = divmod(number, 8)
        sequence = f"aa{person:03d}t{test % 2 + 1}a{'aefi'[test // 2]}aff"
        for k, row in enumerate(part, start=1):
            place = f"{person:03d}-aa{person:03d}/{sequence}/{sequence}{k:03d}_facs.txt"
            shown = np.flatnonzero(levels[row]).tolist()
            text = b"".join(matlab(units[i], int(levels[row, i]), 4) for i in shown)
            write(root / "Frame_Labels/FACS" / place, text)
            write(root / "Frame_Labels/PSPI" / place, b"   %.7e\n" % int(pain[row]))


WRITERS = {
    "actor_study": write_actor_study,
    "aff_wild2": write_aff_wild2,
    "bp4d": write_bp4d,
    "ck_plus": write_ck_plus,
    "emotionet": write_emotionet,
    "unbc": write_unbc,
}


def write_trees(folder: Path, share: float) -> dict[str, str]:
    """Write the six trees; dataset -> folder."""
    for number, (name, writer) in enumerate(WRITERS.items()):
        writer(folder / name, np.random.default_rng(number), *shares(name, share))
    return {name: str(folder / name) for name in WRITERS}


def measure(roots: dict[str, str]) -> dict:
    """Build once, then read each dataset alone. Seconds by the clock and of the processor, bytes at the peak."""
    from aulib import adapters, database

    wall, cpu = time.perf_counter(), time.process_time()
    db = database.build(roots, missing_images="keep")
    total = {"rows": len(db), "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    known = {name: float(share) for name, share in database.describe(db)["known_share"].items()}
    del db
    alone = {}
    for name, root in roots.items():
        wall, cpu = time.perf_counter(), time.process_time()
        rows = len(adapters.read(name, root, missing_images="keep"))
        alone[name] = {"rows": rows, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"total": total, "peak": peak, "alone": alone, "known": known}


def table(found: dict) -> str:
    """The measurements as a Markdown table."""
    lines = ["| what | rows | seconds | of the processor | rows/s | known cells |", "|---|--:|--:|--:|--:|--:|"]
    for name, row in found["alone"].items():
        speed, known = row["rows"] / row["wall"], found["known"][name]
        lines.append(
            f"| read {name} | {row['rows']:,} | {row['wall']:.2f} | {row['cpu']:.2f} | {speed:,.0f} | {known:.1%} |"
        )
    total = found["total"]
    speed = total["rows"] / total["wall"]
    lines.append(
        f"| **build all six** | {total['rows']:,} | {total['wall']:.1f} | {total['cpu']:.1f} | {speed:,.0f} | |"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the paper's size, above 0; default 1")
    parser.add_argument("--measure", metavar="ROOTS", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(json.loads(given.measure))))
        return 0
    with tempfile.TemporaryDirectory(prefix="aulib-benchmark-") as folder:
        start = time.perf_counter()
        roots = write_trees(Path(folder), given.share)
        written = time.perf_counter() - start
        command = [sys.executable, __file__, "--measure", json.dumps(roots)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    print(table(found))
    print(
        f"\nPeak of memory while building: {found['peak'] / 2**30:.2f} GiB. Writing the trees took {written:.0f} s. "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."
    )
    within = found["total"]["wall"] <= SECONDS and found["peak"] <= GIGABYTES * 2**30
    print(f"Budget of {SECONDS} s and {GIGABYTES} GiB: {'kept' if within else 'exceeded'}.")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
