"""Where skin folds when a muscle pulls: maps over the neutral face, one per fold.

The mesh is too coarse to wrinkle, and folds are what FACS coders look at. Each map is painted once in the frontal
plane of the neutral head (x to the person's left, y up, decimetres) and moves with the skin, because the renderer
looks it up with the neutral position of what it sees. A map holds 1 in the depth of a fold and about -0.5 on the
lighter skin beside it; the renderer darkens by weight x map. The two halves of the face share the maps.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: Half a face: x from 0 to 0.80, y from 5.95 to 7.95, in steps of 0.00625 dm (0.6 mm).
X_MAX, Y_MIN, Y_MAX, STEP = 0.80, 5.95, 7.95, 0.00625
WIDTH, HEIGHT = round(X_MAX / STEP), round((Y_MAX - Y_MIN) / STEP)

#: Fold -> its lines (points x, y in dm) and their half width. The anatomy is FACS's list of appearance changes.
LINES: dict[str, tuple[tuple[tuple[tuple[float, float], ...], ...], float]] = {
    "glabella": ((((0.05, 7.41), (0.045, 7.46), (0.055, 7.53)), ((0.0, 7.38), (0.06, 7.365))), 0.016),
    "forehead_inner": (tuple(((0.0, y), (0.12, y + 0.005), (0.24, y - 0.02)) for y in (7.585, 7.64, 7.70)), 0.011),
    "forehead_outer": (
        tuple(((0.20, y), (0.33, y + 0.02), (0.48, y - 0.02), (0.56, y - 0.07)) for y in (7.575, 7.63, 7.69)), 0.011),
    "crows_feet": (
        (((0.47, 7.31), (0.53, 7.36), (0.58, 7.40)), ((0.48, 7.28), (0.54, 7.29), (0.61, 7.30)),
         ((0.47, 7.25), (0.53, 7.21), (0.59, 7.17))), 0.011),
    "under_eye": ((((0.17, 7.20), (0.24, 7.145), (0.34, 7.13), (0.44, 7.17)),), 0.016),
    "lower_lid": (
        (((0.165, 7.245), (0.25, 7.19), (0.34, 7.18), (0.44, 7.215)), ((0.12, 7.30), (0.155, 7.255), (0.18, 7.20))),
        0.013),
    "nose_root": (
        (((0.0, 7.30), (0.08, 7.29)), ((0.0, 7.25), (0.085, 7.235)), ((0.0, 7.20), (0.09, 7.18)),
         ((0.07, 7.14), (0.11, 7.05))), 0.011),
    "nasolabial_top": ((((0.135, 7.02), (0.175, 6.96), (0.20, 6.87)),), 0.017),
    "nasolabial": ((((0.15, 6.97), (0.20, 6.885), (0.255, 6.79), (0.30, 6.69), (0.315, 6.61)),), 0.018),
    "nasolabial_middle": ((((0.17, 6.95), (0.24, 6.85), (0.29, 6.76)),), 0.020),
    "dimple": ((((0.305, 6.665), (0.33, 6.62), (0.32, 6.56)), ((0.285, 6.615), (0.295, 6.605))), 0.018),
    "corner_down": ((((0.265, 6.60), (0.285, 6.55), (0.30, 6.47)), ((0.22, 6.50), (0.30, 6.47))), 0.015),
    "chin_crease": ((((0.0, 6.465), (0.10, 6.455), (0.19, 6.42), (0.22, 6.37)),), 0.016),
    "lip_lines": (
        tuple(((x, 6.725), (x * 1.1, 6.775)) for x in (0.03, 0.08, 0.13, 0.18))
        + tuple(((x, 6.50), (x * 1.1, 6.45)) for x in (0.03, 0.08, 0.13, 0.18)), 0.008),
    "lip_border": ((((0.0, 6.755), (0.12, 6.755), (0.26, 6.665)), ((0.0, 6.465), (0.12, 6.475), (0.25, 6.55))), 0.014),
    "lip_seam": ((((0.0, 6.605), (0.13, 6.607), (0.25, 6.61)),), 0.018),
    "stretch": (
        (((0.30, 6.64), (0.315, 6.59), (0.31, 6.53)), ((0.35, 6.66), (0.365, 6.59), (0.355, 6.51)),
         ((0.05, 6.41), (0.16, 6.42), (0.26, 6.46))), 0.011),
    "lower_lip_pull": ((((0.0, 6.435), (0.13, 6.44), (0.21, 6.475)), ((0.22, 6.50), (0.27, 6.44))), 0.014),
    "corner_sharp": ((((0.245, 6.60), (0.275, 6.64), (0.28, 6.70)), ((0.27, 6.585), (0.305, 6.60))), 0.014),
    "pucker": (
        tuple(((x, 6.70), (x * 1.5, 6.79)) for x in (0.0, 0.05, 0.10, 0.15))
        + tuple(((x, 6.52), (x * 1.5, 6.43)) for x in (0.0, 0.05, 0.10, 0.15)), 0.011),
    "ala": ((((0.10, 7.0), (0.145, 6.95), (0.155, 6.89), (0.13, 6.86)),), 0.014),
    "underlip": ((((0.0, 6.46), (0.12, 6.47), (0.21, 6.52)),), 0.020),
}  # fmt: skip

#: Light or dark bulges: (x, y), radius in x and y, sign (negative is lighter).
BULGES: dict[str, tuple[tuple[float, float, float, float, float], ...]] = {
    "cheek_apple": ((0.37, 7.02, 0.13, 0.09, -1.0), (0.40, 6.88, 0.10, 0.05, 0.5)),
    "puffed_cheek": ((0.46, 6.68, 0.14, 0.16, -1.0), (0.30, 6.62, 0.05, 0.16, 0.6)),
    "chin_bulge": ((0.0, 6.37, 0.12, 0.06, -0.6), (0.0, 6.30, 0.14, 0.025, 0.6)),
    "flat_chin": ((0.0, 6.42, 0.18, 0.05, -0.8),),
    "nostril": ((0.103, 6.868, 0.026, 0.013, 1.0),),
    "wing": ((0.135, 6.94, 0.03, 0.04, 1.0),),
    "cheek_ball": ((0.38, 6.90, 0.12, 0.10, -1.0), (0.42, 6.74, 0.10, 0.035, 0.8), (0.40, 7.06, 0.10, 0.03, 0.5)),
    "jaw_slack": ((0.36, 6.50, 0.05, 0.13, 0.8), (0.28, 6.36, 0.10, 0.06, -0.6)),
    "jaw_side": ((0.45, 6.42, 0.06, 0.12, 0.6),),
}

#: Action unit -> fold -> depth at intensity 5. Appearance changes after FACS; the depths are this project's choice.
FOLDS: dict[str, dict[str, float]] = {
    "AU01": {"forehead_inner": 0.75},
    "AU02": {"forehead_outer": 0.75},
    "AU04": {"glabella": 1.0},
    "AU05": {},
    "AU06": {"crows_feet": 0.9, "under_eye": 0.8, "cheek_apple": 0.35, "nasolabial": 0.2},
    "AU07": {"lower_lid": 1.3},
    "AU09": {"nose_root": 1.0, "nasolabial_top": 0.8, "glabella": 0.3},
    "AU10": {"nasolabial_top": 1.2, "nasolabial": 0.35},
    "AU11": {"nasolabial_middle": 1.5},
    "AU12": {"nasolabial": 0.9, "cheek_apple": 0.25},
    "AU13": {"cheek_ball": 0.45, "corner_sharp": 0.9},
    "AU14": {"dimple": 1.5},
    "AU15": {"corner_down": 1.1},
    "AU16": {"flat_chin": 0.5, "lower_lip_pull": 1.4},
    "AU17": {"chin_crease": 1.1, "chin_bulge": 1.1, "chin_dimples": 1.6},
    "AU18": {"pucker": 0.75},
    "AU20": {"stretch": 0.9},
    "AU22": {"lip_lines": 0.3},
    "AU23": {"lip_lines": 0.85, "lip_seam": 0.7},
    "AU24": {"lip_border": 0.8, "lip_seam": 1.2},
    "AU28": {"lip_border": 0.4, "lip_seam": 0.8},
    "AU29": {"underlip": 1.8, "flat_chin": 1.2, "jaw_side": 0.6},
    "AU30": {"jaw_slack": 0.8},
    "AU34": {"puffed_cheek": 0.5},
    "AU38": {"nostril": 2.0, "wing": -0.5},
    "AU39": {"nostril": -0.5, "ala": 1.0, "wing": 0.7},
    "AU44": {"lower_lid": 0.8, "crows_feet": 0.8, "under_eye": 0.9, "glabella": 0.3},
    "AU46": {"crows_feet": 1.0, "lower_lid": 0.6, "under_eye": 0.6},
}


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x (1, WIDTH) and y (HEIGHT, 1) of the maps; row 0 is the lowest."""
    x = (np.arange(WIDTH, dtype=np.float32) + 0.5) * STEP
    y = Y_MIN + (np.arange(HEIGHT, dtype=np.float32) + 0.5) * STEP
    return x[None, :], y[:, None]


def distance(points: tuple[tuple[float, float], ...], rows: slice = slice(None)) -> np.ndarray:
    """Distance of every map cell, or of those in some rows, from a polyline, (HEIGHT, WIDTH), in dm."""
    x, y = grid()[0], grid()[1][rows]
    nearest = np.full((len(y), WIDTH), np.inf, np.float32)
    for (ax, ay), (bx, by) in zip(points[:-1], points[1:], strict=True):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * dx, y - ay - along * dy))
    return nearest


def _fold(lines: tuple, half_width: float) -> np.ndarray:
    """A dark line with lighter flanks: a negative second derivative of a Gaussian, cut at the flanks."""
    t = np.min([distance(line) for line in lines], axis=0) / half_width
    return np.exp(-0.5 * t * t) - 0.45 * np.exp(-0.5 * ((t - 2.4) / 0.9) ** 2)


def _bulge(blobs: tuple) -> np.ndarray:
    x, y = grid()
    return sum(s * np.exp(-0.5 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)) for cx, cy, rx, ry, s in blobs)


def _chin_dimples() -> np.ndarray:
    """The pitted skin of a raised chin: a fixed pattern of small dark spots."""
    x, y = grid()
    spots = np.maximum(np.sin(x * 190 + 3 * np.sin(y * 60)) * np.sin(y * 170 + 2 * np.sin(x * 80)), 0)
    return spots * np.exp(-0.5 * ((x / 0.12) ** 2 + ((y - 6.36) / 0.055) ** 2)) * 1.3


@cache
def maps() -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the folds (K) and their maps, float32 (K, HEIGHT * WIDTH), read-only."""
    found = {name: _fold(*line) for name, line in LINES.items()}
    found |= {name: _bulge(blobs) for name, blobs in BULGES.items()} | {"chin_dimples": _chin_dimples()}
    stacked = np.stack([np.broadcast_to(f, (HEIGHT, WIDTH)) for f in found.values()]).astype(np.float32)
    stacked = stacked.reshape(len(found), -1)
    stacked.setflags(write=False)
    return tuple(found), stacked


def depth(strengths: dict[str, float]) -> np.ndarray:
    """Sum of the folds of some action units, float32 (HEIGHT * WIDTH,), for strengths 0..1 (1: intensity 5)."""
    names, stacked = maps()
    weights = np.zeros(len(names), np.float32)
    for unit, strength in strengths.items():
        for fold, amount in FOLDS.get(unit, {}).items():
            weights[names.index(fold)] += strength * amount
    active = np.flatnonzero(weights)
    return weights[active] @ stacked[active]


def cell(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Index into a flattened map for neutral positions (the sign of x does not matter)."""
    column = np.minimum((np.abs(x) * (1 / STEP)).astype(np.int32), WIDTH - 1)
    row = np.clip(((y - Y_MIN) * (1 / STEP)).astype(np.int32), 0, HEIGHT - 1)
    return row * WIDTH + column
