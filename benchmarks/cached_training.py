"""Training on cached features against the plain recipe, in one run: time, and equality of the predictions.

    python benchmarks/cached_training.py                                   # 1,024 images of 96 px, 30 and 15 epochs
    python benchmarks/cached_training.py --images 256 --plain-epochs 1     # quicker

The images are random patches of colour and the labels random: time does not depend on what they show. The cached
training is run in full, its feature extraction included. The plain training of the same images, in the same order and
with the same dropout, is run for `--plain-epochs` epochs of each stage and its fastest epoch multiplied, since all of
its epochs are the same work. Predictions are compared after those epochs, for features stored as float32 and float16.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

from aulib import training

AUS = ["AU01", "AU02", "AU04", "AU06", "AU07", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24", "AU25"]


def data(images: int, size: int) -> dict:
    """Patches of random colours with labels, a fifth of them unknown; nine tenths are trained on."""
    rng = np.random.default_rng(0)
    y = (rng.random((images, len(AUS))) < 0.3).astype(np.float32)
    y[rng.random(y.shape) < 0.2] = np.nan
    rows = rng.permutation(images)
    cut = images * 9 // 10
    patches = rng.integers(0, 256, (images, size // 8, size // 8, 3), dtype=np.uint8)
    pixels = patches.repeat(8, axis=1).repeat(8, axis=2)
    return {"pixels": pixels, "y": y, "aus": AUS, "train": rows[:cut], "validation": rows[cut:]}


def measure(
    images: int, size: int, epochs: tuple[int, int], plain_epochs: int, batch_size: int, weights: str | None
) -> dict:
    """Seconds of both ways for both stages, and differences of the predictions."""
    given = {**data(images, size), "batch_size": batch_size, "weights": weights, "progress": False}
    short = (plain_epochs, plain_epochs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = training.train_two_stage(**given, cache="none", epochs=short, folder=folder / "plain")
        cached = training.train_two_stage(**given, epochs=epochs, folder=folder / "cached")
        differences = {}
        for dtype in ("float32", "float16"):
            same = training.train_two_stage(**given, cache_dtype=dtype, epochs=short, folder=folder / dtype)
            differences[dtype] = _difference(same, plain, given["pixels"])
    extraction = {1: sum(cached.record["seconds"][f"features block{b}_pool"] for b in (4, 5)), 2: 0.0}
    times = {stage: _times(plain, cached, stage, epochs[stage - 1], extraction[stage]) for stage in (1, 2)}
    return {"times": times, "differences": differences, "extraction": extraction[1]}


def _times(plain: training.Run, cached: training.Run, stage: int, epochs: int, extraction: float) -> dict[str, float]:
    one = plain.history.query("stage == @stage")["seconds"].min()
    ours = cached.history.query("stage == @stage")["seconds"].sum()
    return {"plain": one * epochs, "cached": ours, "cached with extraction": ours + extraction}


def _difference(one: training.Run, other: training.Run, pixels: np.ndarray) -> dict[int, float]:
    found = {stage: [training.predict(run.stage_model(stage), pixels) for run in (one, other)] for stage in (1, 2)}
    for stage in found:
        if one.best(stage)["epoch"] != other.best(stage)["epoch"]:
            print(
                f"Rounding has changed which epoch of stage {stage} is kept, so the difference below is between epochs."
            )
    return {stage: float(np.abs(a - b).max()) for stage, (a, b) in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, nargs=2, default=(30, 15))
    parser.add_argument("--plain-epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--weights", default="hed", help="see aulib.model.vgg16")
    given = parser.parse_args()
    epochs = tuple(given.epochs)
    found = measure(given.images, given.size, epochs, given.plain_epochs, given.batch_size, given.weights)
    print(f"{keras.config.backend()}, {training.device()}, {given.images} images of {given.size} px\n")
    print(f"Extraction of the features of blocks 4 and 5: {found['extraction']:.1f} s, counted in stage 1.\n")
    print("| stage | epochs | plain, s | cached, s | with extraction, s | times faster | epochs alone |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for stage, times in found["times"].items():
        plain, ours, whole = times.values()
        print(f"| {stage} | {given.epochs[stage - 1]} | {plain:.1f} | {ours:.1f} | {whole:.1f} | ", end="")
        print(f"{plain / whole:.1f} | {plain / ours:.1f} |")
    print(
        f"\nLargest difference of a probability after {given.plain_epochs} epochs of each stage, cached against plain:"
    )
    for dtype, values in found["differences"].items():
        print(f"{dtype}: " + ", ".join(f"stage {stage} {value:.1e}" for stage, value in values.items()))


if __name__ == "__main__":
    main()
