"""How near the training comes to the speed of the machine, and how long the paper's run would take on it.

    KERAS_BACKEND=jax python benchmarks/gpu_training.py                        # 224 px, batch 256, bfloat16
    KERAS_BACKEND=torch python benchmarks/gpu_training.py --size 64 --batch-size 16 --precision float32

Needs NumPy, Keras and a backend, nothing else of this package's requirements. In one run it measures a matrix product,
the frozen forward passes, and training steps: of the head on the output of block 5 (stage 1), of block 5 and the head
on the output of block 4 (stage 2), and both stages with the images through the whole network (plain). Data are one
batch of noise in memory: what reading the cache costs is measured by `memory_scale.py`, not here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import numpy as np

from aulib import losses
from aulib import model as network

AUS = [f"AU{number:02}" for number in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24, 25)]
IMAGES, EPOCHS = 570_053, 60  # of the paper's training list, and of both stages together
CUTS = {1: "block5_pool", 2: "block4_pool"}


def conv_macs(size: int) -> dict[int, int]:
    """Multiply-adds of the convolutions of VGG16 for one image, by block."""
    macs, channels = {}, 3
    for block, widths in enumerate(network.BLOCKS, start=1):
        side = size >> (block - 1)
        macs[block] = 0
        for width in widths:
            macs[block] += side * side * 9 * channels * width
            channels = width
    return macs


def head_macs(size: int, hidden: tuple[int, ...] = (256, 256)) -> int:
    """Multiply-adds of the dense layers for one image."""
    widths = [(size >> 5) ** 2 * network.BLOCKS[-1][-1], *hidden, len(AUS)]
    return sum(a * b for a, b in zip(widths, widths[1:], strict=False))


def step_flops(size: int, stage: int, cached: bool) -> float:
    """Floating-point operations of a training step for one image.

    A trained layer costs three times its forward pass (forward, gradient of its weights, gradient of its inputs), but
    for the first trained layer, whose inputs need no gradient. A multiply-add counts as two operations.
    """
    blocks, head = conv_macs(size), head_macs(size)
    frozen = 0 if cached else sum(macs for block, macs in blocks.items() if block < 6 - (stage == 2))
    if stage == 1:
        first = (size >> 5) ** 2 * network.BLOCKS[-1][-1] * 256
        return 2.0 * (frozen + 3 * head - first)
    first = (size >> 4) ** 2 * 9 * 512 * network.BLOCKS[-1][0]
    return 2.0 * (frozen + 3 * (blocks[5] + head) - first)


def matrix_rate(size: int, precision: str, repeats: int) -> float:
    """Operations a second of the product of two square matrices, in the type of the convolutions."""
    dtype = "bfloat16" if precision == "mixed_bfloat16" else "float32"
    side = keras.Input((size,), dtype=dtype)
    layers = [keras.layers.Dense(size, use_bias=False, dtype=dtype) for _ in range(4)]
    x = side
    for layer in layers:
        x = layer(x)
    # Only a column leaves the device, so that no transfer is timed; a maximum cannot be moved before a product.
    model = keras.Model(side, keras.ops.max(x, axis=-1))
    values = keras.ops.convert_to_tensor(np.ones((size, size), np.float32), dtype)
    return 4 * 2.0 * size**3 / seconds(lambda: model.predict_on_batch(values), repeats)


def seconds(call: Callable, repeats: int) -> float:
    """Median time of a call, after two to warm up. Every call ends with a number on the host."""
    times = []
    for number in range(repeats + 2):
        started = time.perf_counter()
        call()
        if number > 1:
            times.append(time.perf_counter() - started)
    return float(np.median(times))


def training_step(model: keras.Model, stage: int, cached: bool) -> keras.Model:
    """The compiled network of a stage, on cached features or on pixels."""
    if cached:
        part = network.head_part(model, CUTS[stage])
    else:
        frozen = True
        for layer in model.layers:
            layer.trainable = not frozen
            frozen = frozen and layer.name != CUTS[stage]
        part = keras.Model(model.input, model.output)
    part.compile(keras.optimizers.Adam(1e-4, amsgrad=True), losses.MaskedF1Loss(), jit_compile="auto")
    return part


def measure(size: int, batch_size: int, precision: str, repeats: int, matrix: int) -> list[dict]:
    """One row for each piece of work: images a second, and operations a second."""
    model = network.vgg16(AUS, size, None, "caffe", precision=precision, standardise=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch_size, size, size, 3), dtype=np.uint8)
    y = (rng.random((batch_size, len(AUS))) < 0.3).astype(np.float32)
    rate = matrix_rate(matrix, precision, repeats)
    rows = [{"work": f"matrix product of {matrix}", "images/s": None, "rate": rate}]
    blocks = conv_macs(size)
    for cut, last in (("block4_pool", 4), ("block5_pool", 5)):
        part = network.frozen_part(model, cut)
        took = seconds(lambda part=part: part.predict_on_batch(pixels), repeats)
        flops = 2.0 * sum(macs for block, macs in blocks.items() if block <= last)
        rows.append(_row(f"frozen forward to {cut}", batch_size, took, flops))
    for stage in (1, 2):
        for cached in (True, False):
            part = training_step(model, stage, cached)
            x = pixels if not cached else rng.random((batch_size, *part.input_shape[1:])).astype(np.float16)
            took = seconds(lambda part=part, x=x: part.train_on_batch(x, y), repeats)
            name = f"step of stage {stage}, {'cached' if cached else 'plain'}"
            rows.append(_row(name, batch_size, took, step_flops(size, stage, cached)))
    return rows


def _row(name: str, images: int, took: float, flops: float) -> dict:
    return {"work": name, "images/s": images / took, "rate": images * flops / took}


def projection(rows: list[dict]) -> dict[str, float]:
    """Hours of the paper's run: half of its 60 epochs in each stage, features computed once or never kept."""
    speed = {row["work"]: row["images/s"] for row in rows}
    half = IMAGES * EPOCHS / 2
    hours = {
        way: (half / speed[f"step of stage 1, {way}"] + half / speed[f"step of stage 2, {way}"]) / 3600
        for way in ("cached", "plain")
    }
    hours["cached"] += IMAGES / speed["frozen forward to block5_pool"] / 3600
    return hours


def peak_memory() -> dict[str, float]:
    """Most memory used so far, GB: of the process, and of the accelerator if there is one."""
    import resource

    found = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            found["accelerator"] = torch.cuda.max_memory_allocated() / 1e9
    elif keras.backend.backend() == "jax":
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            found["accelerator"] = stats["peak_bytes_in_use"] / 1e9
    return found


def device() -> str:
    """Name of the device."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    import jax

    found = jax.devices()[0]
    return f"CPU, {os.cpu_count()} cores" if found.platform == "cpu" else found.device_kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--precision", default="mixed_bfloat16", choices=["float32", "mixed_bfloat16"])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--matrix", type=int, default=8192)
    given = parser.parse_args()
    rows = measure(**vars(given))
    print(f"Keras {keras.__version__}, {keras.config.backend()}, {device()}, {given.size} px, ", end="")
    print(f"batch {given.batch_size}, {given.precision}\n")
    print("| work | images/s | TFLOP/s | share of the matrix product |\n|---|---:|---:|---:|")
    for row in rows:
        images = "" if row["images/s"] is None else f"{row['images/s']:,.1f}"
        print(f"| {row['work']} | {images} | {row['rate'] / 1e12:.3f} | {row['rate'] / rows[0]['rate']:.0%} |")
    for way, hours in projection(rows).items():
        print(f"\n{IMAGES:,} images x {EPOCHS} epochs at {given.size} px, {way}: {hours:,.2f} hours", end="")
    print(" (steps only: no reading, no scoring)\n")
    print("Peak memory, GB: " + ", ".join(f"{name} {value:.2f}" for name, value in peak_memory().items()))


if __name__ == "__main__":
    main()
