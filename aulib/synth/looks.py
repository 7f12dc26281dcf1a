"""How the datasets differ to the eye: light, background, camera, pose and the people's ages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aulib.synth.render import Scene


@dataclass(frozen=True)
class Look:
    """The look of a dataset; every number is chosen, after how the real recordings are described.

    Attributes:
        ages: range of :func:`aulib.synth.people.sample`.
        turn: standard deviation of yaw, pitch and roll in degrees. It stays below 8, so that only AU51 to AU56 turn
            the head far.
        light: spread of the direction of the key light, 0 (frontal studio light) to 1 (from anywhere above).
        contrast: range of the share of the key light. tint: standard deviation of its colour.
        clutter: range of the background's noise. ground: range of its brightness.
        blur: range in pixels at 96 pixels. noise: range in grey levels. grey: share of people filmed without colour.
        zoom: standard deviation of the crop's size. shift: of its place.
        detail: range of the resolution that the camera resolves, as a share of the image's own.
        quality: range of the quality of JPEG compression; PNG images were compressed so before.
        wild: whether every picture has its own light and background, or every sequence.
    """

    ages: tuple[float, float] = (0.0, 0.6)
    turn: tuple[float, float, float] = (3.5, 2.5, 2.0)
    light: float = 0.3
    contrast: tuple[float, float] = (0.55, 0.75)
    tint: float = 0.02
    clutter: tuple[float, float] = (0.0, 0.0)
    ground: tuple[float, float] = (0.1, 0.4)
    blur: tuple[float, float] = (0.2, 0.5)
    noise: tuple[float, float] = (1.0, 3.0)
    grey: float = 0.0
    zoom: float = 0.02
    shift: float = 0.012
    detail: tuple[float, float] = (1.0, 1.0)
    quality: tuple[int, int] = (90, 95)
    wild: bool = False


LOOKS: dict[str, Look] = {
    # a studio: grey wall, even and soft light, sharp cameras
    "actor_study": Look(
        ages=(0.05, 0.6), light=0.15, contrast=(0.5, 0.6), ground=(0.34, 0.40), noise=(0.8, 1.5), blur=(0.1, 0.3),
        quality=(92, 96),
    ),
    # videos of a platform: any light, any room, compressed more than once, seldom sharp
    "aff_wild2": Look(
        ages=(0.0, 0.8), turn=(5.0, 3.5, 3.0), light=0.9, contrast=(0.5, 0.85), tint=0.07, clutter=(0.1, 0.6),
        ground=(0.02, 0.6), blur=(0.2, 0.6), noise=(2.0, 5.0), zoom=0.05, shift=0.025, detail=(0.55, 0.9),
        quality=(55, 85),
    ),
    # students before a dark curtain, a sharp camera of 1040 x 1392 pixels, much light from the front
    "bp4d": Look(
        ages=(0.0, 0.25), light=0.1, contrast=(0.6, 0.7), ground=(0.03, 0.06), noise=(0.8, 1.5), blur=(0.1, 0.3),
        quality=(92, 96),
    ),
    # digitised video tape, mostly without colour
    "ck_plus": Look(
        ages=(0.0, 0.55), turn=(2.0, 2.0, 1.5), light=0.5, contrast=(0.6, 0.8), grey=0.8, clutter=(0.0, 0.2),
        ground=(0.2, 0.5), noise=(1.5, 3.0), detail=(0.75, 0.95), quality=(85, 92),
    ),
    # photographs of all kinds
    "emotionet": Look(
        ages=(0.0, 0.9), turn=(4.0, 3.5, 3.0), light=1.0, contrast=(0.45, 0.9), tint=0.06, clutter=(0.1, 0.8),
        ground=(0.02, 0.7), blur=(0.1, 0.6), noise=(1.0, 5.0), zoom=0.05, shift=0.025, detail=(0.55, 1.0),
        quality=(60, 92), wild=True,
    ),
    # elderly patients in a laboratory, small video frames (320 x 240) in which the face is smaller still
    "unbc": Look(
        ages=(0.35, 1.0), turn=(5.0, 4.0, 3.0), light=0.5, contrast=(0.5, 0.7), tint=0.03, ground=(0.12, 0.22),
        clutter=(0.05, 0.15), blur=(0.3, 0.5), noise=(2.0, 4.0), detail=(0.5, 0.65), quality=(70, 85),
    ),
}  # fmt: skip


def scene(
    look: Look, person: np.random.Generator, sequence: np.random.Generator, picture: np.random.Generator, size: int
) -> Scene:
    """Draw a scene; what stays the same for a person, for a sequence and for a picture has its own stream."""
    grey = bool(person.random() < look.grey)
    room = picture if look.wild else sequence
    share, level = room.uniform(*look.contrast), room.uniform(0.95, 1.3)
    tint = 1 + room.normal(0, look.tint, 3)
    angle, height = room.uniform(-np.pi, np.pi) * 0.5, room.uniform(0.2, 0.9)
    light = np.array([1.1 * look.light * np.sin(angle), height, 0.9 + (1 - look.light) * 0.5])
    ground = room.uniform(*look.ground) * (1 + (0.1 + 0.5 * look.clutter[1]) * room.normal(0, 0.4, (2, 2, 3)))
    clutter = room.uniform(*look.clutter) if look.clutter[1] else 0.0
    turn = np.clip(picture.standard_normal(3), -1.6, 1.6) * look.turn
    return Scene(
        yaw=float(turn[0]),
        pitch=float(turn[1]),
        roll=float(turn[2]),
        zoom=float(np.exp(picture.normal(0, look.zoom))),
        shift=tuple(picture.normal(0, look.shift, 2)),
        gaze=tuple(np.clip(picture.normal(0, (0.25, 0.15)), -0.7, 0.7)),
        light=tuple(light),
        key=tuple(level * share * tint * 1.35),
        ambient=tuple(level * (1 - share) * (2 - tint)),
        ground=np.clip(ground, 0.0, 1.0),
        clutter=float(clutter),
        blur=float(picture.uniform(*look.blur) * size / 96),
        noise=float(picture.uniform(*look.noise)),
        gamma=float(np.exp(room.normal(0, 0.06 if look.wild else 0.03))),
        grey=grey,
        side=1 if picture.random() < 0.5 else -1,
        seed=int(picture.integers(2**31)),
        detail=float((picture if look.wild else person).uniform(*look.detail)),
    )


def quality(look: Look, rng: np.random.Generator) -> int:
    """Quality of the JPEG compression of a sequence's or picture's images, 1 to 95."""
    return int(rng.integers(look.quality[0], look.quality[1] + 1))
