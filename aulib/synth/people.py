"""Who is shown: the shape of a head, and the colours painted on its skin, drawn from a stream of random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from aulib.synth import basis, creases

#: Skin in sRGB (0 to 1), dark and light end for each ancestry of the head shapes. Chosen by eye.
SKIN = {
    "african": ((0.30, 0.19, 0.14), (0.58, 0.41, 0.31)),
    "asian": ((0.70, 0.53, 0.41), (0.90, 0.75, 0.63)),
    "caucasian": ((0.74, 0.56, 0.46), (0.93, 0.78, 0.70)),
}
HAIR = ((0.04, 0.03, 0.03), (0.10, 0.06, 0.04), (0.22, 0.13, 0.07), (0.36, 0.24, 0.13), (0.34, 0.13, 0.06))
IRIS = ((0.13, 0.07, 0.04), (0.26, 0.15, 0.07), (0.30, 0.32, 0.16), (0.30, 0.42, 0.55), (0.36, 0.40, 0.42))
#: How far each kind of local change may go (standard deviation of its weight); eyes, brows, nostrils and mouth little,
#: so that being somebody does not look like doing something.
SPREAD = {
    "eye": 0.20, "eyebrows": 0.22, "mouth": 0.25, "head": 0.22, "forehead": 0.3, "nose": 0.35,
    "nose-nostrils-width": 0.15,
}  # fmt: skip
DIRECTIONS = ("decr", "incr", "down", "up", "in", "out", "concave", "convex", "backward", "forward")
#: The base mesh keeps its lips a little apart; this much of the action ``mouthClose`` shuts them.
LIPS_SHUT = 0.075


@dataclass(frozen=True)
class Person:
    """One person: shape, colours (linear RGB, 0 to 1) and where the face lies.

    Attributes:
        vertices: float32 (V, 3), the relaxed face.
        skin: float32 (creases.HEIGHT, 2 * creases.WIDTH, 3), painted over the neutral face from x = -0.8 to 0.8 dm.
        lips, iris, hair: RGB.
        age: 0 (young adult) to 1 (old); folds deepen with it.
        curtain: half width in dm at which long hair frames the face; 0 for short hair.
        eye_level, chin_level: heights in dm that the crop is laid by.
    """

    vertices: np.ndarray
    skin: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    hair: np.ndarray
    age: float
    curtain: float
    eye_level: float
    chin_level: float


def linear(colour) -> np.ndarray:
    """sRGB (0 to 1) to linear light, with the plain power 2.2."""
    return np.asarray(colour, np.float32) ** 2.2


def sample(rng: np.random.Generator, ages: tuple[float, float] = (0.0, 0.6), male: bool | None = None) -> Person:
    """Draw a person; ``ages`` bounds the uniform draw of the age (0 young adult, 1 old), ``male`` may fix the sex."""
    head = basis.load()
    ancestry = rng.dirichlet((0.35, 0.35, 0.35))
    drawn, age = rng.beta(0.35, 0.35), rng.uniform(*ages)
    share = drawn if male is None else abs(int(male) - 0.5 * min(drawn, 1 - drawn))
    vertices = head.shape(_macro_weights(ancestry, share, age, rng.uniform(-0.6, 0.6)) | _local_weights(rng))
    vertices = head.shape({"mouthClose": LIPS_SHUT}, vertices)
    hair = linear(HAIR[min(rng.geometric(0.45) - 1, 4)]) * rng.uniform(0.8, 1.2)
    grey = max(0.0, age - 0.5) * rng.uniform(0, 1.6)
    hair = hair * (1 - grey) + linear((0.55, 0.53, 0.5)) * grey
    tone = _skin_tone(ancestry, rng)
    lips = tone * (1 - 0.55) + linear((0.66, 0.22, 0.22)) * 0.55 * rng.uniform(0.7, 1.1)
    if share < 0.4 and rng.random() < 0.3:  # lipstick
        lips = linear((rng.uniform(0.55, 0.75), 0.12, rng.uniform(0.12, 0.25)))
    fair = ancestry[2] > 0.6
    return Person(
        vertices=vertices.astype(np.float32),
        skin=_paint(rng, tone, hair, share, age),
        lips=lips,
        iris=linear(IRIS[rng.integers(5) if fair else rng.integers(2)]),
        hair=hair,
        age=float(age),
        curtain=float(rng.uniform(0.55, 0.75)) if share < 0.5 and rng.random() < 0.6 else 0.0,
        eye_level=float(vertices[_part_vertices(head, (1, 2)), 1].mean()),
        chin_level=float(vertices[_chin(head), 1]),
    )


def _part_vertices(head: basis.HeadBasis, parts: tuple[int, ...]) -> np.ndarray:
    return np.unique(head.triangles[np.isin(head.part, parts)])


def _chin(head: basis.HeadBasis) -> int:
    return int(np.argmin(np.linalg.norm(head.vertices - np.float32((0.0, 6.2, 1.3)), axis=1)))


def _macro_weights(ancestry: np.ndarray, male: float, age: float, weight: float) -> dict[str, float]:
    """Weights of the shapes that stand for sex, age, ancestry and body weight: products of the single weights."""
    heavy = "maxweight" if weight > 0 else "minweight"
    weights: dict[str, float] = {}
    for sex, of_sex in (("female", 1 - male), ("male", male)):
        for stage, of_stage in (("young", 1 - age), ("old", age)):
            share = of_sex * of_stage
            for race, part in zip(SKIN, ancestry, strict=True):
                weights[f"id:{race}-{sex}-{stage}"] = share * part
            body = f"id:universal-{sex}-{stage}-averagemuscle"
            weights[f"{body}-{heavy}"] = share * abs(weight)
            weights[f"{body}-averageweight"] = share * (1 - abs(weight))
    return weights


@cache
def _local_changes() -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Spread and names (one or two directions) of every local change."""
    pairs: dict[str, list[str]] = {}
    for name in basis.load().identity:
        if "young" in name or "-old" in name:
            continue
        stem, _, direction = name.rpartition("-")
        pairs.setdefault(stem if direction in DIRECTIONS else name, []).append(name)
    places = [stem.removeprefix("id:") for stem in pairs]
    spread = [SPREAD.get(place, SPREAD.get(place.split("-")[0], 0.3)) for place in places]
    return tuple(zip(spread, map(tuple, pairs.values()), strict=True))


def _local_weights(rng: np.random.Generator) -> dict[str, float]:
    """About every second local change, in one of its two directions."""
    weights = {}
    for spread, names in _local_changes():
        size = rng.normal(0, spread) * (rng.random() < 0.5)
        weights[names[int(size > 0) % len(names)]] = min(abs(size), 0.7)
    return weights


def _skin_tone(ancestry: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shade = rng.beta(2, 2)
    ends = np.array([np.array(SKIN[race][0]) * (1 - shade) + np.array(SKIN[race][1]) * shade for race in SKIN])
    return linear(np.clip(ancestry @ ends + rng.normal(0, 0.015, 3), 0.12, 0.97))


def _soft_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise of unit size over the full face map, (HEIGHT, 2 * WIDTH), bilinear between ``cells`` knots."""
    knots = rng.standard_normal((cells + 1, cells + 1), np.float32)
    for count in (2 * creases.WIDTH, creases.HEIGHT):  # columns first; each step interpolates rows and turns the map
        below, share = _places(cells, count)
        knots = (knots[below] + share * (knots[below + 1] - knots[below])).T
    return knots.T


@cache
def _places(cells: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where ``count`` places lie between knots: number of the knot below, and share (count, 1) of the next one."""
    places = np.linspace(0, cells - 1e-3, count)
    below = places.astype(int)
    return below, (places - below)[:, None].astype(np.float32)


def _mirror(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half[:, ::-1], half], axis=1)


@cache
def _blob(x: float, y: float, radius: float, height: float | None = None) -> np.ndarray:
    gx, gy = creases.grid()
    return np.exp(-0.5 * (((gx - x) / radius) ** 2 + ((gy - y) / (height or radius)) ** 2))


def _brow(rng: np.random.Generator, male: float) -> np.ndarray:
    """Cover of the brow by hair, (HEIGHT, WIDTH): an arch of slanted strokes, thick at its inner end."""
    lift, arch = rng.normal(0, 0.012), rng.uniform(0.02, 0.06)
    inner = rng.uniform(0.085, 0.12)
    points = ((inner, 7.455 + lift), (0.2, 7.48 + lift), (0.33, 7.465 + arch + lift), (0.5, 7.435 + lift))
    rows = slice(round((7.3 - creases.Y_MIN) / creases.STEP), round((7.7 - creases.Y_MIN) / creases.STEP))
    x, y = creases.grid()[0], creases.grid()[1][rows]
    thickness = (0.024 + 0.016 * male + rng.uniform(-0.006, 0.008)) * np.clip(1.25 - (x - inner) * 1.9, 0.35, 1.2)
    across = creases.distance(points, rows) / thickness
    cover = np.zeros((creases.HEIGHT, creases.WIDTH), np.float32)
    cover[rows] = np.exp(-((across * across) ** 2)) * np.clip((x - inner + 0.035) / 0.025, 0, 1)
    lean = (y - 7.46) * np.clip((x - inner) * 5, 0.2, 1.6)  # hairs stand at the inner end and lie at the outer one
    strokes = 0.9 + 0.1 * np.sin((x - lean) * rng.uniform(250, 310) + 1.5 * np.sin(x * 61 + y * 90))
    cover[rows] *= strokes * rng.uniform(0.75, 1.0)
    return cover


def _paint(rng: np.random.Generator, tone: np.ndarray, hair: np.ndarray, male: float, age: float) -> np.ndarray:
    """The skin with its blush, shadows, pores, spots, brows, stubble, lasting lines and the hair at its edge."""
    x, y = creases.grid()
    shade = 1 + 0.055 * _soft_noise(rng, 9) + 0.035 * _soft_noise(rng, 40) + 0.03 * _soft_noise(rng, 150)
    red = rng.uniform(0.05, 0.22) * (_blob(0.38, 6.98, 0.13) + 0.8 * _blob(0.0, 6.92, 0.09) + 0.4 * _blob(0, 6.3, 0.1))
    shade *= _mirror(np.clip(1 - _shadows(rng, male, age), 0.15, 1.2))
    _moles(rng, shade)
    brow = _mirror(_brow(rng, male)) * np.clip(1 + 0.25 * _soft_noise(rng, 60), 0.3, 1.2)
    hairline = rng.uniform(7.72, 7.95) - 0.25 * (x / 0.8) ** 2 + 0.015 * np.sin(x * 90)
    temple = np.clip((x - 0.62 - 0.1 * (7.4 - y)) / 0.04, 0, 1) * (y > 6.95)
    scalp = _mirror(np.maximum(np.clip((y - hairline) / 0.03, 0, 1), temple))
    brow = np.clip(brow, 0, 1) * (1 - scalp)
    shade *= 1 - brow - scalp
    covered = 0.9 * brow + scalp
    skin = np.empty((*shade.shape, 3), np.float32)
    for channel, blush in enumerate((0.35, -0.35, -0.3)):
        bare = _mirror(np.float32(tone[channel]) * (1 + np.float32(blush) * red))
        skin[..., channel] = bare * shade + np.float32(hair[channel]) * covered
    return skin


def _shadows(rng: np.random.Generator, male: float, age: float) -> np.ndarray:
    """How much darker the skin is in nostrils, under the eyes, in lasting lines and stubble, (HEIGHT, WIDTH)."""
    tired = rng.uniform(0.0, 0.28) + 0.15 * age
    dark = tired * _blob(0.28, 7.19, 0.09, 0.03) + 0.12 * _blob(0.3, 7.37, 0.12, 0.03)
    dark += 0.6 * _blob(0.103, 6.868, 0.022, 0.011)
    dark += age * rng.uniform(0.1, 0.35) * _lasting_lines()
    if male > 0.5 and rng.random() < 0.6:
        dark += rng.uniform(0.1, 0.45) * _stubble()
    return dark


def _moles(rng: np.random.Generator, shade: np.ndarray) -> None:
    """Up to six dark spots, painted into the full face map."""
    y = creases.grid()[1]
    for _ in range(rng.integers(0, 7)):
        across, along, radius = rng.uniform(-0.6, 0.6), rng.uniform(6.3, 7.7), rng.uniform(0.006, 0.015)
        rows, columns = np.abs(y[:, 0] - along) < radius, np.abs(_mirrored_x()[0] - across) < radius
        spot = np.hypot(_mirrored_x()[:, columns] - across, y[rows] - along) < radius
        shade[np.ix_(rows, columns)] *= np.where(spot, np.float32(0.55), np.float32(1))


@cache
def _mirrored_x() -> np.ndarray:
    x = creases.grid()[0][0]
    return np.concatenate([-x[::-1], x])[None, :]


@cache
def _lasting_lines() -> np.ndarray:
    half = creases.depth({"AU12": 0.6, "AU01": 0.5, "AU02": 0.5, "AU06": 0.5, "AU04": 0.3})
    return half.reshape(creases.HEIGHT, creases.WIDTH)


@cache
def _stubble() -> np.ndarray:
    x, y = creases.grid()
    jaw = np.clip((6.62 + 0.55 * x - y) / 0.12, 0, 1) * np.clip((y - 6.05) / 0.1, 0, 1)
    lip = _blob(0.0, 6.78, 0.16, 0.04)
    return np.clip(jaw + lip, 0, 1) * (1 - _blob(0, 6.6, 0.22, 0.09)) * (0.8 + 0.2 * np.sin(x * 400) * np.sin(y * 380))
