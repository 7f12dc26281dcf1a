"""Two face detectors that package indexes deliver, on heads whose place is known: MTCNN and an LBP cascade.

    pip install 'aulib[faces,synth]' scikit-image
    python benchmarks/detectors.py

Rendered heads are pasted at random places and sizes into photographs of things. The square around the face is known
from the renderer. A detector's square is laid by the rule of `aulib.crops` for MTCNN, which gives points; for the
cascade, which gives a box, by a shift and a factor fitted to these very heads, which favours it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import skimage.data
from PIL import Image
from skimage.feature import Cascade

from aulib import crops
from aulib.synth import people, render

GROUNDS = (skimage.data.coffee, skimage.data.chelsea, skimage.data.rocket, skimage.data.brick)
Square = tuple[float, float, float]


def pasted(number: int, turn: tuple[float, float, float]) -> tuple[Image.Image, Square]:
    """A picture of 640 x 480 with one head, and left, top and side of its face."""
    rng = np.random.default_rng([number, 5])
    zoom, size = rng.uniform(0.35, 0.6), int(rng.integers(120, 430))
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * turn
    aus = {} if number % 2 else {"AU06": 3.0, "AU12": 4.0, "AU25": 3.0, "AU26": 3.0}
    scene = render.Scene(yaw=yaw, pitch=pitch, roll=roll, zoom=zoom, clutter=0.3)
    head = render.face(people.sample(rng, (0.0, 0.8)), aus, scene, size)
    ground = Image.fromarray(GROUNDS[number % len(GROUNDS)]()).convert("RGB").resize((640, 480))
    left, top = int(rng.integers(0, 641 - size)), int(rng.integers(0, 481 - size))
    ground.paste(Image.fromarray(head), (left, top))
    side = size * zoom
    return ground, (left + (size - side) / 2, top + (size - side) / 2, side)


def by_mtcnn(picture: Image.Image) -> list[Square]:
    """Squares of all faces, the largest first; `aulib.crops.find_face` takes the first."""
    small = picture.copy()
    small.thumbnail((crops.DETECTOR_SIDE,) * 2, Image.Resampling.BOX)
    faces = crops._detector().detect_faces(np.asarray(small))
    points = [[face["keypoints"][name] for name in ("left_eye", "right_eye", "nose")] for face in faces]
    scale = picture.width / small.width
    squares = [crops.face_box(*np.asarray(three, float) * scale) for three in points]
    return sorted(squares, key=lambda square: -square[2])


def by_cascade() -> Callable[[Image.Image], list[Square]]:
    """The cascade's boxes as they come, the largest first."""
    cascade = Cascade(skimage.data.lbp_frontal_face_cascade_filename())

    def find(picture: Image.Image) -> list[Square]:
        found = cascade.detect_multi_scale(
            img=np.asarray(picture), scale_factor=1.1, step_ratio=1, min_size=(60, 60), max_size=(480, 480)
        )
        return sorted(((box["c"], box["r"], box["width"]) for box in found), key=lambda square: -square[2])

    return find


def fitted(squares: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Squares moved down and scaled so that they fit the truth best, in units of their side."""
    down = np.median((truth[:, 1] + truth[:, 2] / 2 - squares[:, 1]) / squares[:, 2]) - 0.5
    side = np.median(truth[:, 2] / squares[:, 2])
    centre = squares[:, :2] + squares[:, 2:] / 2 + np.stack([np.zeros(len(squares)), down * squares[:, 2]], axis=1)
    return np.column_stack([centre - side * squares[:, 2:] / 2, side * squares[:, 2]])


def overlap(squares: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection over union, pair by pair."""
    low = np.maximum(squares[:, :2], truth[:, :2])
    high = np.minimum(squares[:, :2] + squares[:, 2:], truth[:, :2] + truth[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (squares[:, 2] ** 2 + truth[:, 2] ** 2 - shared)


def compare(find: Callable, heads: list[tuple[Image.Image, Square]], fit: bool) -> str:
    """A row of the table: how often the largest find is the face, how many other finds there are, how well it fits."""
    started = time.perf_counter()
    found = [find(picture) for picture, _ in heads]
    milliseconds = (time.perf_counter() - started) / len(heads) * 1000
    pairs = [(squares[0], truth) for squares, (_, truth) in zip(found, heads, strict=True) if squares]
    squares, truth = (np.array(side, float) for side in zip(*pairs, strict=True))
    shared = overlap(fitted(squares, truth) if fit else squares, truth)
    right = shared > 0.4
    others = sum(map(len, found)) - right.sum()
    kept = shared[right]
    return f"{right.sum()} of {len(heads)} | {others} | {kept.mean():.3f} | {kept.min():.3f} | {milliseconds:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=60)
    heads = parser.parse_args().heads
    print("| detector | heads | largest find is the face | other finds | mean overlap | smallest | ms a picture |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, turn in (("turned little", (8, 6, 6)), ("turned far", (25, 12, 15))):
        pictures = [pasted(number, turn) for number in range(heads)]
        for detector, find in (("MTCNN", by_mtcnn), ("LBP cascade", by_cascade())):
            find(pictures[0][0])
            print(f"| {detector} | {name} | {compare(find, pictures, detector != 'MTCNN')} |")
    crops_only = [
        Image.fromarray(render.face(people.sample(np.random.default_rng(n), (0, 0.8)), {}, render.Scene(), 256))
        for n in range(heads)
    ]
    for detector, find in (("MTCNN", by_mtcnn), ("LBP cascade", by_cascade())):
        print(
            f"\nFaces found in {heads} face crops, brows to chin: {detector} {sum(bool(find(c)) for c in crops_only)}."
        )


if __name__ == "__main__":
    main()
