"""Memory and speed of gathering an epoch's batches at the paper's size, with sparse files that take no space.

    python benchmarks/memory_scale.py                    # 570,053 rows: an epoch of stage 1 and of stage 2
    python benchmarks/memory_scale.py --rows 20000

The feature files have the shape that 224 px images give, as float16: 50 kB an image after block 5 and 200 kB after
block 4. They are sparse: the system returns zeros for what was never written, and reads through the same memory map as
for a real file. So the memory is that of a real training; the speed is that of the memory map, without a disk. The
batches are gathered by the training's own code, in the shuffled order of a balanced list.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from aulib.training import _batches

SHAPES = {"stage 1, block 5": (7, 7, 512), "stage 2, block 4": (14, 14, 512)}
LABELS = 13


def sparse(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A feature file of zeros that occupies next to nothing."""
    np.lib.format.open_memmap(path, mode="w+", dtype="float16", shape=shape)
    return np.load(path, mmap_mode="r")


def resident() -> dict[str, float]:
    """Memory of this process now, GB: its own, and pages of mapped files, which the system takes back when it needs."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if "Rss" in line)
    kilobytes = {name: int(value.split()[0]) for name, value in fields.items()}
    return {"own": kilobytes["RssAnon"] * 1024 / 1e9, "mapped": kilobytes["RssFile"] * 1024 / 1e9}


def measure(rows: int, batch_size: int, most: int | None = None) -> list[dict]:
    """Gather an epoch (or its first batches) of each stage; one row of figures for each."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random((rows, LABELS), dtype=np.float32) < 0.3, np.nan, 0).astype(np.float32)
    balanced = rng.integers(0, rows, rows)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for stage, shape in SHAPES.items():
            features = sparse(Path(folder) / f"{stage[:7]}.npy", (rows, *shape))
            order, own, count = balanced[rng.permutation(rows)][:most], 0.0, 0
            started = time.perf_counter()
            for x, labels in _batches.batches(features, y, order, batch_size):
                count += len(x)
                if (count // batch_size) % 50 == 0:
                    own = max(own, resident()["own"])
                assert labels.shape == (len(x), LABELS)
            took = time.perf_counter() - started
            file = Path(folder) / f"{stage[:7]}.npy"
            found.append({
                "stage": stage, "images/s": len(order) / took, "own memory, GB": max(own, resident()["own"]),
                "file, GB": features.nbytes / 1e9, "on the disk, GB": os.stat(file).st_blocks * 512 / 1e9,
            })  # fmt: skip
            del features, x
            file.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=570_053)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--most", type=int, help="gather only so many rows of the epoch")
    given = parser.parse_args()
    before = resident()["own"]
    print(f"{given.rows:,} rows, batch {given.batch_size}; before: {before:.2f} GB\n")
    rows = measure(given.rows, given.batch_size, given.most)
    print("| " + " | ".join(rows[0]) + " |\n|---|" + "---:|" * (len(rows[0]) - 1))
    for row in rows:
        print("| " + " | ".join(f"{v:,.2f}" if isinstance(v, float) else v for v in row.values()) + " |")
    print(
        f"\nPeak resident memory with mapped pages: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
    )


if __name__ == "__main__":
    main()
