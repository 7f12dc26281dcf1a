"""Images a second that can be read, against images a second that the frozen part of VGG16 can take.

    python benchmarks/loader.py

Files are rendered faces, enlarged and with camera noise, so that they compress as photographs do. Decoding means what
the image store does: open, turn, convert, cut nothing, reduce to 224 px. All ways take their turns in one process, so
that the machine's ups and downs meet all of them; a figure is the median over the rounds. Files and the memory map lie
in the page cache, as they do after the first epoch on a machine with enough memory: no disk is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from aulib import arrays, crops, decoding, model, synth

SIZE, FILES, BATCH = 224, 8, 32
#: Width and height of CK+ and BP4D images.
SOURCES = {"640 x 480": (640, 480), "1040 x 1392": (1040, 1392)}


def write_files(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """(source size, format) -> files."""
    rng = np.random.default_rng(0)
    found = {}
    for name, shape in SOURCES.items():
        for number in range(FILES):
            face = Image.fromarray(synth.render_face({"AU12": 3.0}, identity=number, size=512))
            pixels = np.asarray(face.resize(shape, Image.Resampling.BICUBIC), float)
            noisy = Image.fromarray(np.clip(pixels + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8))
            for ending, options in (("png", {}), ("jpg", {"quality": 92})):
                path = folder / f"{name.replace(' ', '')}-{number}.{ending}"
                noisy.save(path, **options)
                found.setdefault((name, ending), []).append(path)
    return found


def without_draft(path: Path, size: int) -> np.ndarray:
    """Decode at full scale, then reduce."""
    return decoding.shrink(decoding.open_rgb(path)[0], size)


def decoders(files: dict[tuple[str, str], list[Path]]) -> dict[str, Callable[[], int]]:
    """Name -> what reads once and returns the number of images."""
    ways: dict[str, Callable[[], int]] = {}
    for (source, ending), paths in files.items():
        for draft, read in (("", decoding.decode), (", full scale", without_draft)):
            if ending == "png" and draft:
                continue  # only JPEG can be decoded at a reduced scale
            for workers in (1, 2):
                pool = ThreadPoolExecutor(workers)
                name = f"decode {ending.upper()} {source}{draft}, {workers} worker{'s' * (workers > 1)}"
                ways[name] = lambda pool=pool, read=read, paths=paths: len(
                    list(pool.map(read, paths, [SIZE] * len(paths)))
                )
    return ways


def detector(paths: list[Path]) -> Callable[[], int]:
    """Find the face of full-scale pictures."""
    pictures = [decoding.open_rgb(path)[0] for path in paths]
    return lambda: len([crops.find_face(picture) for picture in pictures])


def gathering(folder: Path, images: int) -> Callable[[], int]:
    """Random batches from a memory map of pixels, as a training takes them."""
    pixels = arrays.create(folder / "pixels.npy", np.uint8, (images, SIZE, SIZE, 3))
    pixels[:] = 1
    rng = np.random.default_rng(0)

    def gather() -> int:
        rows = np.sort(rng.integers(0, images, 256))
        return len(np.asarray(pixels[rows]))

    return gather


def network(size: int) -> Callable[[], int]:
    """The frozen part, from pixels to block 4."""
    frozen = model.frozen_part(model.vgg16(["AU12"], size, weights=None), "block4_pool")
    batch = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), dtype=np.uint8)
    return lambda: len(frozen.predict_on_batch(batch))


def measure(ways: dict[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Images a second, median over the rounds."""
    for way in ways.values():
        way()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in np.random.default_rng(number).permutation(list(ways)):
            started = time.perf_counter()
            count = ways[name]()
            rates[name].append(count / (time.perf_counter() - started))
    return {name: float(np.median(found)) for name, found in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2000, help="images in the memory map")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder)
        ways = {f"VGG16 to block 4 at {size} px": network(size) for size in (96, SIZE)}
        ways |= decoders(files) | {"gather 256 rows of the memory map": gathering(folder, arguments.images)}
        if importlib.util.find_spec("mtcnn"):
            ways["find the face (MTCNN), 640 x 480"] = detector(files["640 x 480", "jpg"])
        rates = measure(ways, arguments.rounds)
    need = {size: rates[f"VGG16 to block 4 at {size} px"] for size in (96, SIZE)}
    print(f"{os.cpu_count()} cores, {arguments.rounds} rounds, decoded to {SIZE} px.\n")
    print(f"| what | images/s | times the need at 96 px | times the need at {SIZE} px |\n|---|---:|---:|---:|")
    for way, rate in rates.items():
        print(f"| {way} | {rate:,.1f} | {rate / need[96]:,.1f} | {rate / need[SIZE]:,.1f} |")


if __name__ == "__main__":
    main()
