"""One face to one image: blend shapes, ray casting with Embree, shading in NumPy, a simple camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from aulib import facs
from aulib.errors import AulibError
from aulib.synth import basis, creases
from aulib.synth.people import Person

#: The image is traced at this multiple of its size, then reduced.
OVERSAMPLING = 1.375
#: Weight of a shape at intensity i is (i / 5) ** RESPONSE: FACS's steps are wide in the middle and narrow at the ends;
#: below 1, a B or C is already clearly seen. Chosen.
RESPONSE = 0.75
#: A tongue is out or not, an eye is shut or not, and a stretched mouth is open wider than any dropped jaw: of these
#: even a trace shows most.
SUDDEN = {"AU19": 0.3, "AU27": 0.35, "AU43": 0.3, "AU45": 0.3, "AU46": 0.4}
#: Several action units pull at the lids; beyond this weight of one shape they would meet inside the eyeball.
MOST_LID = 1.6
#: The neck's pivot, and the distance of the camera from the face, in dm.
PIVOT, CAMERA = np.float32((0.0, 6.9, 0.3)), 9.0
FACE_DEPTH = 1.3
#: Deepest fold: the skin loses this share of its light.
FOLD_DARKNESS = 0.42
SKIN, EYE_LEFT, EYE_RIGHT, UPPER_TEETH, LOWER_TEETH, TONGUE, MOUTH = range(7)
#: Linear RGB by part; skin and eyes have their own.
PALETTE = np.float32([(0,) * 3] * 3 + [(0.80, 0.75, 0.64)] * 2 + [(0.50, 0.16, 0.15), (0.16, 0.03, 0.03)])
#: Strength of the sharp reflection by part.
WET = np.float32((0.0, 0.3, 0.3, 0.25, 0.25, 0.15, 0.1))
#: Teeth of the two rows, from gap to gap, in dm.
TOOTH_WIDTH = {UPPER_TEETH: 0.082, LOWER_TEETH: 0.058}
#: What parts the lips. Without any of it teeth and tongue are left out: they would show through pressed lips.
OPENERS = frozenset({"AU10", "AU16", "AU19", "AU22", "AU25", "AU26", "AU27"})
#: Share of the red of the lips that an action hides at intensity 5, by rolling it in.
HIDDEN_RED = {"AU28": 0.9, "AU24": 0.35, "AU23": 0.4}
IRIS_RADIUS, PUPIL_RADIUS = 0.062, 0.027


@dataclass(frozen=True)
class Scene:
    """Everything but the person and the expression. Angles in degrees, light in linear RGB.

    Attributes:
        yaw, pitch, roll: head pose; yaw to the person's left, pitch up, roll to the person's left.
        zoom: above 1 is nearer. shift: of the crop, in parts of its width (right, down).
        gaze: horizontal and vertical, -1 to 1.
        light: direction from the face to the key light. key, ambient: RGB.
        ground: RGB of the background at its four corners, (2, 2, 3). clutter: size of the background's noise.
        blur: standard deviation in pixels. noise: standard deviation in grey levels. gamma: of the final image.
        grey: whether the camera sees no colour.
        side: of one-sided actions whose level is a plain number, +1 left, -1 right.
        seed: of the noise.
        detail: share of the image's resolution that the camera resolves, above 0 to 1.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    light: tuple[float, float, float] = (0.4, 0.6, 0.8)
    key: tuple[float, float, float] = (0.85, 0.83, 0.8)
    ambient: tuple[float, float, float] = (0.34, 0.35, 0.37)
    ground: tuple = (((0.2, 0.22, 0.25),) * 2,) * 2
    clutter: float = 0.0
    blur: float = 0.3
    noise: float = 2.0
    gamma: float = 1.0
    grey: bool = False
    side: int = 1
    seed: int = 0
    detail: float = 1.0


def face(person: Person, aus: Mapping[str, facs.Level], scene: Scene, size: int) -> np.ndarray:
    """Render a face.

    Args:
        person: who.
        aus: intensity 0 to 5 of each displayed action unit, by code; a pair is (left, right).
        scene: pose, light, background, camera.
        size: height and width in pixels.

    Returns:
        uint8 (size, size, 3), RGB.
    """
    strengths = {unit: _strength(unit, level, scene.side) for unit, level in aus.items() if facs.stronger(level) > 0}
    weights, turn = _weights(strengths, scene)
    head = basis.load()
    rotation = _rotation(scene, turn)
    shaped = head.shape(weights, person.vertices)
    head.keep_lids_outside(shaped)
    vertices = (shaped - PIVOT) @ rotation.T + PIVOT
    window = _window(person, scene, rotation)
    inner = int(round(size * OVERSAMPLING))
    colour = _background(person, scene, inner)
    visible = np.isin(head.part, (UPPER_TEETH, LOWER_TEETH, TONGUE), invert=True)
    visible |= bool(OPENERS & strengths.keys())
    hit, part, seen = _cast(head, vertices, visible, window, inner)
    colour[hit] = _shade(head, part, seen, person, scene, _surface(strengths, person)).T
    return _camera(colour.reshape(inner, inner, 3), scene, size)


#: Of the person's left and right side, 0 to 1 (intensity 5).
Strength = tuple[float, float]


def _strength(unit: str, level: facs.Level, side: int) -> Strength:
    """How far the two sides move; a plain number moves a one-sided action unit on the scene's side."""
    left, right = ((max(value, 0.0) / 5) ** SUDDEN.get(unit, RESPONSE) for value in facs.sides(level))
    if unit in facs.ONE_SIDED and isinstance(level, Real):
        return (left, 0.0) if side > 0 else (0.0, right)
    return left, right


class Surface(NamedTuple):
    """What the expression does to the skin: depth of the folds on either half, the share of red lip in sight, and how
    far the cords of the neck stand out on either side."""

    left: np.ndarray
    right: np.ndarray
    red: float
    cords: Strength


def _surface(strengths: Mapping[str, Strength], person: Person) -> Surface:
    """Folds deepen with age."""
    deeper = np.float32(0.85 + 0.35 * person.age)
    red = 1 - min(sum(HIDDEN_RED.get(unit, 0.0) * max(strength) for unit, strength in strengths.items()), 0.95)
    left, right = ({unit: strength[half] for unit, strength in strengths.items()} for half in (0, 1))
    folds = creases.depth(left) * deeper
    other = folds if left == right else creases.depth(right) * deeper
    return Surface(folds, other, red, strengths.get("AU21", (0.0, 0.0)))


def _weights(strengths: Mapping[str, Strength], scene: Scene) -> tuple[dict[str, float], dict[str, float]]:
    """Weights of the expression shapes, and the turn of the head in degrees."""
    weights: dict[str, float] = {}
    for unit, (left, right) in strengths.items():
        of_side = {"left": left, "right": right, "": max(left, right)}
        for name, weight in facs.CATALOGUE[unit].shapes.items():
            weights[name] = weights.get(name, 0.0) + weight * of_side[facs.side_of(name)]
    turn = {axis: weights.pop(axis, 0.0) for axis in ("headYaw", "headPitch", "headRoll")}
    for side, sign in (("Left", 1), ("Right", -1)):
        closed = weights[f"eyeBlink{side}"] = min(weights.get(f"eyeBlink{side}", 0.0), 1.0)
        for name in (f"eyeSquint{side}", f"cheekSquint{side}", f"eyeWide{side}"):
            weights[name] = min(weights.get(name, 0.0), MOST_LID) * (1 - 0.8 * closed)
        outward = scene.gaze[0] * sign
        weights[f"eyeLook{'Out' if outward > 0 else 'In'}{side}"] = abs(outward)
        weights[f"eyeLook{'Up' if scene.gaze[1] > 0 else 'Down'}{side}"] = abs(scene.gaze[1])
    for name in ("mouthRollLower", "mouthRollUpper", "jawOpen"):
        weights[name] = min(weights.get(name, 0.0), 1.15)
    return weights, turn


def _rotation(scene: Scene, turn: Mapping[str, float]) -> np.ndarray:
    """Rotation of the head, float32 (3, 3): pitch first, then yaw, then roll."""
    yaw, pitch, roll = (
        np.radians(angle + turn[axis])
        for angle, axis in ((scene.yaw, "headYaw"), (scene.pitch, "headPitch"), (scene.roll, "headRoll"))
    )
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, -pitch, -roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def _window(person: Person, scene: Scene, rotation: np.ndarray) -> tuple[float, float, float]:
    """Centre x, y and width in dm of the crop, from above the brows to the chin; it follows the turned head."""
    face_height = person.eye_level - person.chin_level
    width = 1.32 * face_height / scene.zoom
    centre = np.float32((0.0, person.eye_level - 0.335 * face_height, 1.2))
    x, y, _ = rotation @ (centre - PIVOT) + PIVOT
    return float(x) + scene.shift[0] * width, float(y) - scene.shift[1] * width, width


def _cast(
    head: basis.HeadBasis, vertices: np.ndarray, visible: np.ndarray, window: tuple[float, float, float], inner: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the rays meet: pixels that see the head (n,), their part of it (n,), and (8, n) normal, neutral position,
    lips and lashes there."""
    tracer, triangle_mesh = _embree()
    normals, faces = head.normals(vertices)
    eye, directions = _rays(window, inner)
    kept = np.flatnonzero(visible & _seen(vertices[head.triangles[:, 0]], faces, eye, window))
    triangle_mesh(tracer, vertices, head.triangles[kept])
    result = tracer.run(np.broadcast_to(eye, directions.shape).copy(), directions, output=1)
    hit = np.flatnonzero(result["primID"] >= 0)
    triangle = kept[result["primID"][hit]]
    u, v = result["u"][hit, None], result["v"][hit, None]
    table = np.concatenate([normals, head.vertices, head.lips[:, None], head.lashes[:, None]], axis=1)
    first, second, third = (table.take(head.triangles[triangle, corner], axis=0) for corner in range(3))
    seen = first + u * (second - first) + v * (third - first)
    return hit, head.part[triangle], np.ascontiguousarray(seen.T)


def _embree() -> tuple:
    """An empty scene to trace, and the class that puts triangles into it."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise AulibError("rendering needs embreex: pip install 'aulib[synth]'") from error
    return EmbreeScene(), TriangleMesh


def _rays(window: tuple[float, float, float], inner: int) -> tuple[np.ndarray, np.ndarray]:
    x, y, width = window
    steps = ((np.arange(inner, dtype=np.float32) + 0.5) / inner - 0.5) * width
    eye = np.float32((x, y, FACE_DEPTH + CAMERA))
    directions = np.empty((inner, inner, 3), np.float32)
    directions[..., 0], directions[..., 1], directions[..., 2] = steps[None, :], -steps[:, None], -CAMERA
    return eye, directions.reshape(-1, 3)


def _seen(first: np.ndarray, faces: np.ndarray, eye: np.ndarray, window: tuple[float, float, float]) -> np.ndarray:
    """Triangles that face the camera and lie near the crop: half the scene, hence half the time to build it.

    ``first`` is a corner of each.
    """
    facing = (faces * (eye - first)).sum(axis=1) > 0
    x, y, width = window
    return facing & (np.abs(first[:, 0] - x) < 0.7 * width) & (np.abs(first[:, 1] - y) < 0.7 * width)


def _shade(
    head: basis.HeadBasis,
    part: np.ndarray,
    seen: np.ndarray,
    person: Person,
    scene: Scene,
    surface: Surface,
) -> np.ndarray:
    """Linear RGB (3, n) of what the rays met; ``seen`` holds normal, neutral position, lips and lashes, (8, n)."""
    normal, rest = seen[:3], seen[3:6]
    normal = normal / np.maximum(np.sqrt((normal * normal).sum(axis=0)), 1e-6)
    colour = _skin(person, rest, seen[6], seen[7], surface)  # nearly all is skin; the rest is painted over
    occlusion = np.ones(len(part), np.float32)
    inside = np.flatnonzero(part >= UPPER_TEETH)
    colour[:, inside] = PALETTE[part[inside]].T
    for row, width in TOOTH_WIDTH.items():
        teeth = np.flatnonzero(part == row)
        normal[:, teeth], gap = _teeth(rest[0, teeth], width)
        colour[:, teeth] *= gap
    occlusion[inside] = np.clip((rest[2, inside] - 0.75) / 0.72, 0.06, 1.0) ** 1.4
    for number, which in enumerate((EYE_LEFT, EYE_RIGHT)):
        eye = np.flatnonzero(part == which)
        colour[:, eye] = _eye(rest[:, eye] - head.eye_centres[number][:, None], person.iris)
    return colour * (_light(normal, scene) * occlusion) + _glint(normal, scene, part)


def _skin(person: Person, rest: np.ndarray, lips: np.ndarray, lashes: np.ndarray, surface: Surface) -> np.ndarray:
    """Painted skin with lips, folds and lash line, (3, n)."""
    row = np.clip(((rest[1] - creases.Y_MIN) / creases.STEP).astype(np.int32), 0, creases.HEIGHT - 1)
    column = np.clip(np.floor(rest[0] / creases.STEP).astype(np.int32) + creases.WIDTH, 0, 2 * creases.WIDTH - 1)
    colour = person.skin.reshape(-1, 3).take(row * (2 * creases.WIDTH) + column, axis=0).T
    cover = np.clip((lips - 0.25) / 0.45, 0, 1) * np.float32(0.9 * surface.red)
    cell = creases.cell(rest[0], rest[1])
    fold = surface.left[cell]
    if surface.left is not surface.right:
        share = basis.left_share(rest[0])
        fold = share * fold + (1 - share) * surface.right[cell]
    if max(surface.cords) > 0:
        fold = fold + _cords(rest, surface.cords)
    lit = np.clip(1 - FOLD_DARKNESS * fold, 0.25, 1.35)
    dark = np.clip(lashes * 1.5 - 0.2, 0, 0.85)
    lit *= 1 - dark
    return colour * (lit * (1 - cover)) + person.lips[:, None] * (lit * cover) + np.float32(0.012) * dark


def _cords(rest: np.ndarray, strength: Strength) -> np.ndarray:
    """Depth of the furrows between the cords of the platysma, which run down the neck behind the edge of the jaw."""
    share = basis.left_share(rest[0])
    pull = share * strength[0] + (1 - share) * strength[1]
    neck = np.clip((1.08 - rest[2]) / 0.08, 0, 1) * np.clip((6.42 - rest[1]) / 0.06, 0, 1)
    return pull * neck * (0.4 + 1.2 * np.cos(np.abs(rest[0]) * (2 * np.pi / 0.14)))


def _teeth(x: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Normals (3, n) of an even arch, smoother than the coarse mesh has them, and the shade of the gaps (n,)."""
    normal = np.stack([1.6 * x, np.full_like(x, 0.15), np.ones_like(x)])
    beside = (x + width / 2) % width - width / 2
    return normal / np.sqrt((normal * normal).sum(axis=0)), 1 - 0.4 * np.exp(-((beside / 0.007) ** 2))


def _eye(offset: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """White, iris with a dark rim, and pupil, by the distance from the axis of the eyeball, (3, n)."""
    radius = np.hypot(offset[0], offset[1])
    colour = np.broadcast_to(np.float32((0.74, 0.71, 0.68))[:, None], (3, len(radius))).copy()
    ring = radius < IRIS_RADIUS
    rim = np.clip((radius[ring] - 0.75 * IRIS_RADIUS) / (0.25 * IRIS_RADIUS), 0, 1)
    colour[:, ring] = iris[:, None] * (1.25 - 0.95 * rim)
    colour[:, radius < PUPIL_RADIUS] = 0.008
    return colour * np.clip(1 - np.maximum(offset[1] - 0.03, 0) * 4, 0.6, 1)  # in the shadow of the upper lid


def _light(normal: np.ndarray, scene: Scene) -> np.ndarray:
    """Light that reaches the skin, RGB (3, n)."""
    key = np.float32(scene.light) / np.float32(np.linalg.norm(scene.light))
    lambert = np.maximum((key @ normal + np.float32(0.2)) / np.float32(1.2), 0)
    sky = np.float32(0.62) + np.float32(0.38) * normal[1]
    return np.float32(scene.key)[:, None] * lambert + np.float32(scene.ambient)[:, None] * sky


def _glint(normal: np.ndarray, scene: Scene, part: np.ndarray) -> np.ndarray:
    """Reflected light, RGB (3, n): a dull share everywhere, and a sharp one where it is wet.

    Their shapes are powers, the 24th and the 200th, of the cosine to the direction halfway between light and eye.
    """
    key = np.float32(scene.light) / np.float32(np.linalg.norm(scene.light))
    half = key + np.float32((0, 0, 1))
    eighth = np.maximum((half / np.linalg.norm(half)) @ normal, 0) ** 2
    eighth = (eighth * eighth) ** 2
    shine = np.float32(0.05) * eighth * eighth * eighth
    wet = np.flatnonzero(part != SKIN)
    shine[wet] += WET[part[wet]] * eighth[wet] ** 25
    return np.float32(scene.key)[:, None] * shine


def _background(person: Person, scene: Scene, inner: int) -> np.ndarray:
    """Linear RGB of the background (inner * inner, 3): a gradient, clutter, and long hair beside the face."""
    t = np.linspace(0, 1, inner, dtype=np.float32)
    corners = np.float32(scene.ground)
    left = corners[0, 0] * (1 - t)[:, None] + corners[1, 0] * t[:, None]
    right = corners[0, 1] * (1 - t)[:, None] + corners[1, 1] * t[:, None]
    colour = left[:, None] * (1 - t)[None, :, None] + right[:, None] * t[None, :, None]
    if scene.clutter:
        rng = np.random.default_rng([scene.seed, 1])
        knots = rng.normal(0, 0.9, (7, 7, 1)) + rng.normal(0, 0.25, (7, 7, 3))
        grain = np.asarray(Image.fromarray(np.uint8(np.clip(127 + 50 * knots, 0, 255))).resize((inner, inner)))
        colour = colour * np.clip(1 + scene.clutter * (grain.astype(np.float32) - 127) / 50, 0.1, 3)
    if person.curtain:
        hair = person.hair * (0.8 + 0.35 * np.sin(t * 160 + 2 * np.sin(t * 23)))[None, :, None]
        colour = np.where((np.abs(t - 0.5) < person.curtain)[None, :, None], hair * 0.8, colour)
    return colour.reshape(-1, 3).astype(np.float32, copy=False)


def _camera(colour: np.ndarray, scene: Scene, size: int) -> np.ndarray:
    image = np.clip(colour, 0, 1) ** np.float32(scene.gamma / 2.2)
    picture = Image.fromarray((image * 255 + 0.5).astype(np.uint8)).resize((size, size), Image.Resampling.HAMMING)
    if scene.detail < 1:
        few = max(8, round(size * scene.detail))
        small = picture.resize((few, few), Image.Resampling.HAMMING)
        picture = small.resize((size, size), Image.Resampling.BICUBIC)
    if scene.blur > 0:
        picture = picture.filter(ImageFilter.GaussianBlur(scene.blur))
    if scene.grey:
        picture = picture.convert("L").convert("RGB")
    pixels = np.asarray(picture, np.float32)
    if scene.noise > 0:
        shape = (size, size, 1 if scene.grey else 3)
        grain = np.random.default_rng([scene.seed, 2]).standard_normal(shape, dtype=np.float32)
        pixels = pixels + scene.noise * grain
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
