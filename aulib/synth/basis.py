"""The head: a neutral mesh and the shapes that change who it is and what it does (see ``data/PROVENANCE.md``)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

from aulib.errors import DataError

PATH = Path(__file__).parent / "data" / "head_basis.npz"
SHA256 = "c943615c7da48d5fe284986e5285de2fb88547c37b2914ab7c4e188642a1f5cb"
#: What a triangle belongs to, in the order of the numbers in the file.
PARTS = ("skin", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "mouth")
#: Shape of both sides in the file -> stem of its two halves, which end in Left and Right and add up to it.
HALVED = {
    "browInnerUp": "browInnerUp", "cheekPuff": "cheekPuff", "mouth-corner-puller": "mouthCornerPuller",
    "mouth-compression": "mouthCompression", "neck-platysma": "neckPlatysma",
}  # fmt: skip
#: The halves meet over this distance from the middle of the face, in dm.
SEAM = 0.1
#: Lids stay this far from the centre of the eyeball, in its radii: a little outside the bulge of the cornea.
LID_RADIUS = 1.13


class HeadBasis:
    """Neutral head and its shapes. Lengths are decimetres, y is up, the face looks to +z, its left side is at +x.

    Attributes:
        vertices: float32 (V, 3), neutral.
        triangles: int32 (T, 3).
        part: uint8 (T,), index into :data:`PARTS`.
        lips, lids, lashes: float32 (V,), 0 to 1: how much a vertex belongs to the lips, the eyelids, the lash line.
        eye_centres: float32 (2, 3), neutral centres of the left and the right eyeball.
        identity, expression: names of the shapes of who and of what.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.vertices = arrays["vertices"]
        self.triangles = arrays["triangles"].astype(np.int32)
        self.part = arrays["part"]
        self.lips = arrays["lips"].astype(np.float32) / 255
        self.lids = arrays["lids"].astype(np.float32) / 255
        names = [str(name) for name in arrays["names"]]
        self._row = {name.removeprefix("fa:").removeprefix("ex:"): row for row, name in enumerate(names)}
        self._moves = _moves(self._halves(self._matrix(arrays)))
        self.identity = tuple(name for name in self._row if name.startswith("id:"))
        self.expression = tuple(name for name in self._row if not name.startswith("id:"))
        self._eyes = [np.unique(self.triangles[self.part == PARTS.index(eye)]) for eye in ("eye_left", "eye_right")]
        self.eye_centres = np.array([self.vertices[eye].mean(axis=0) for eye in self._eyes])
        self._lid_shells = [self._lid_shell(centre) for centre in self.eye_centres]
        self.lashes = self._lash_line()
        corners = self.triangles.ravel()
        columns = np.repeat(np.arange(len(self.triangles)), 3)
        ones = np.ones(len(corners), np.float32)
        shape = (len(self.vertices), len(self.triangles))
        self._incidence = sparse.csr_matrix((ones, (corners, columns)), shape=shape)

    def _matrix(self, arrays: Mapping[str, np.ndarray]) -> sparse.csr_matrix:
        start, index = arrays["start"], arrays["index"].astype(np.int64)
        values = arrays["delta"] * np.repeat(arrays["scale"], np.diff(start))[:, None]
        columns = index[:, None] * 3 + np.arange(3)
        shape = (len(start) - 1, self.vertices.size)
        return sparse.csr_matrix((values.astype(np.float32).ravel(), columns.ravel(), start * 3), shape=shape)

    def _halves(self, deltas: sparse.csr_matrix) -> sparse.csr_matrix:
        """The shapes, followed by the left and the right half of those in :data:`HALVED`."""
        left = np.repeat(left_share(self.vertices[:, 0]), 3)
        rows = [deltas]
        for whole, stem in HALVED.items():
            for side, share in (("Left", left), ("Right", 1 - left)):
                self._row[stem + side] = len(self._row)
                rows.append(deltas[self._row[whole]].multiply(share[None, :]))
        return sparse.vstack(rows, format="csr", dtype=np.float32)

    def _lid_shell(self, centre: np.ndarray) -> np.ndarray:
        """Skin that lies in front of an eyeball and outside it (the rims of the lids reach into it)."""
        offset = self.vertices - centre
        far = np.linalg.norm(offset, axis=1)
        skin = np.zeros(len(self.vertices), bool)
        skin[self.triangles[self.part == PARTS.index("skin")]] = True
        return np.flatnonzero(skin & (far > 0.152) & (far < 0.30) & (offset[:, 2] > 0))

    def keep_lids_outside(self, vertices: np.ndarray) -> None:
        """Move skin that an expression has pulled through an eyeball back onto it, in place."""
        for eye, shell in zip(self._eyes, self._lid_shells, strict=True):
            ball = vertices[eye]
            centre, least = ball.mean(axis=0), LID_RADIUS * np.ptp(ball[:, 0]) / 2
            offset = vertices[shell] - centre
            far = np.sqrt((offset * offset).sum(axis=1))
            inside = np.flatnonzero((far < least) & (offset[:, 2] > 0))
            vertices[shell[inside]] = centre + offset[inside] * (least / far[inside])[:, None]

    def _lash_line(self) -> np.ndarray:
        """The edge of the lids, where they meet the eyeball; the upper lid counts full, the lower one a third."""
        lashes = np.zeros(len(self.vertices), np.float32)
        edge = np.clip((self.lids - 0.62) / 0.3, 0, 1)
        for centre in self.eye_centres:
            offset = self.vertices - centre
            beside = (np.linalg.norm(offset, axis=1) < 0.185) & (offset[:, 2] > 0)
            lashes[beside] = edge[beside] * np.where(offset[beside, 1] > 0.0, 1.0, 0.3)
        return lashes

    def shape(self, weights: Mapping[str, float], start: np.ndarray | None = None) -> np.ndarray:
        """Vertices, float32 (V, 3): ``start`` (default: neutral) plus the weighted shapes.

        Raises:
            KeyError: for a name that is neither in ``identity`` nor in ``expression``.
        """
        moved = np.array(self.vertices if start is None else start, np.float32)
        flat = moved.reshape(-1)
        for name, weight in weights.items():
            where, delta = self._moves[self._row[name]]
            if weight:
                flat[where] += np.float32(weight) * delta
        return moved

    def normals(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normals of the vertices (V, 3), unit length, and of the triangles (T, 3), as long as twice their area."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        u, v = b - a, c - a
        faces = np.empty_like(u)
        for k in range(3):  # np.cross is several times slower
            i, j = (k + 1) % 3, (k + 2) % 3
            faces[:, k] = u[:, i] * v[:, j] - u[:, j] * v[:, i]
        sums = self._incidence @ faces
        return sums / np.maximum(np.sqrt((sums * sums).sum(axis=1, keepdims=True)), 1e-12), faces


def _moves(deltas: sparse.csr_matrix) -> list[tuple[np.ndarray | slice, np.ndarray]]:
    """Per shape what it moves, and how far: shapes that move nearly all of the head are stored in full, to be added
    without an index."""
    found = []
    for row in range(deltas.shape[0]):
        part = slice(deltas.indptr[row], deltas.indptr[row + 1])
        if part.stop - part.start > 0.6 * deltas.shape[1]:
            found.append((slice(None), deltas[row].toarray()[0]))
        else:
            found.append((deltas.indices[part], deltas.data[part]))
    return found


def left_share(x: np.ndarray) -> np.ndarray:
    """How much a place belongs to the left half of the face, 0 to 1, smooth across the middle (x = 0)."""
    t = np.clip(0.5 + x / (2 * SEAM), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


@cache
def load() -> HeadBasis:
    """The shipped basis, read once per process.

    Raises:
        DataError: when the file is missing or is not the one this version was made with.
    """
    if not PATH.exists():
        raise DataError("the head basis is missing; reinstall aulib", path=PATH)
    found = hashlib.sha256(PATH.read_bytes()).hexdigest()
    if found != SHA256:
        message = f"SHA-256 is {found}, expected {SHA256}; the file was changed or cut short: reinstall aulib"
        raise DataError(message, path=PATH)
    with np.load(PATH, allow_pickle=False) as arrays:
        return HeadBasis({name: arrays[name] for name in arrays.files})
