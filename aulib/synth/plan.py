"""What the corpus is made of: every frame with its person, its file and the levels of its action units.

A plan is a pure function of dataset, scale and seed. Every person, sequence and picture has its own stream of random
numbers, ``default_rng([seed, dataset, kind, number, ...])``, so that no picture depends on which others are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from aulib.synth import expression

PERSON, SEQUENCE, PICTURE, EPISODE, FILES = range(5)


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        dataset, subject, sequence, frame: as the dataset's own files name them; None where it names none. Aff-Wild2
            names no people: its subject is the video.
        camera: of the Actor Study; else None.
        image: file relative to the dataset's root, or None for a frame whose image is missing.
        person, take, number: numbers of the person, of the sequence and of the frame within the dataset; they pick
            the streams of random numbers.
        levels: action unit -> level, 0 to 5, displayed ones only.
        yaw: of the camera, in degrees.
        coded: whether the dataset's annotation files say anything about this frame.
    """

    dataset: str
    subject: str
    sequence: str | None
    frame: int | None
    image: str | None
    person: int
    take: int
    number: int
    levels: dict[str, float] = field(default_factory=dict)
    camera: str | None = None
    yaw: float = 0.0
    coded: bool = True

    def intensity(self, unit: str) -> int:
        """Label of an action unit, 0 (absent) to 5."""
        return expression.intensity(self.levels.get(unit, 0.0))


@dataclass(frozen=True)
class Size:
    """At scale 1: people, frames a person, frames a sequence, frames an episode. At any scale: the fewest frames and
    the most sequences a person (BP4D has 8 tasks, UNBC 16 names); beyond it sequences get longer."""

    people: int
    frames: int
    sequence: int
    episode: int
    fewest: int
    most: int = 1000


#: About 6,500 frames at scale 1; the numbers of subjects are those of the paper's Table 1 (Aff-Wild2: 49 videos, one
#: of which shows two people; EmotioNet: every image its own person, of which 900 are made).
SIZES: dict[str, Size] = {
    "actor_study": Size(people=21, frames=60, sequence=6, episode=2, fewest=4, most=10),
    "aff_wild2": Size(people=50, frames=24, sequence=24, episode=3, fewest=4, most=1),
    "bp4d": Size(people=41, frames=32, sequence=8, episode=2, fewest=4, most=8),
    "ck_plus": Size(people=123, frames=9, sequence=3, episode=3, fewest=3),
    "emotionet": Size(people=900, frames=1, sequence=1, episode=1, fewest=1),
    "unbc": Size(people=25, frames=32, sequence=8, episode=2, fewest=4, most=16),
}
#: No dataset is made of fewer people.
FEWEST_PEOPLE = 6


def stream(seed: int, dataset: str, *key: int) -> np.random.Generator:
    """The stream of random numbers of one person, sequence or picture of a dataset."""
    return np.random.default_rng([seed, zlib.crc32(dataset.encode()), *key])


def shares(dataset: str, scale: float) -> tuple[int, int]:
    """Number of people, and of frames a person: a smaller scale first takes frames, then people.

    Example:
        >>> shares("bp4d", 1.0), shares("bp4d", 0.25), shares("bp4d", 0.01)
        ((41, 32), (41, 8), (6, 4))
    """
    size = SIZES[dataset]
    if dataset == "emotionet":
        return max(FEWEST_PEOPLE, round(size.people * scale)), 1
    frames = max(size.fewest, round(size.frames * scale))
    if dataset == "ck_plus":  # whole sequences only: the coded frame is the last one
        frames = max(1, round(frames / size.sequence)) * size.sequence
    people = round(size.people * size.frames * scale / frames)
    return min(size.people, max(FEWEST_PEOPLE, people)), frames


def frames(dataset: str, scale: float, seed: int) -> list[Frame]:
    """The plan of one dataset, in the order of its people and sequences."""
    people, count = shares(dataset, scale)
    make = _MAKERS[dataset]
    return [frame for person in range(people) for frame in make(_Takes(dataset, seed, person, count))]


@dataclass(frozen=True)
class _Takes:
    """The sequences of one person: iterating gives (number within the person, number within the dataset, levels)."""

    dataset: str
    seed: int
    person: int
    count: int

    def __iter__(self) -> Iterator[tuple[int, int, list[dict[str, float]]]]:
        size = SIZES[self.dataset]
        longest = max(size.sequence, -(-self.count // size.most))
        for index in range(-(-self.count // longest)):
            length = min(longest, self.count - index * longest)
            yield index, self.person * 1000 + index, self._levels(index, length, size.episode)

    def _levels(self, index: int, length: int, episode: int) -> list[dict[str, float]]:
        found: list[dict[str, float]] = []
        while len(found) < length:
            rng = stream(self.seed, self.dataset, EPISODE, self.person, index, len(found))
            peak, count = expression.apex(self.dataset, rng), min(episode, length - len(found))
            if self.dataset == "ck_plus":
                found += expression.neutral_to_peak(peak, count)
            else:
                found += expression.frames(peak, count, rng)
        return found

    def files(self) -> np.random.Generator:
        """The stream that decides on gaps and irregularities of this person's files."""
        return stream(self.seed, self.dataset, FILES, self.person)

    def frame(self, subject: str, take: int, number: int, levels: dict[str, float], **fields) -> Frame:
        return Frame(
            self.dataset, subject, person=self.person, take=take, number=take * 1000 + number, levels=levels, **fields
        )


#: Three of the five cameras of the Actor Study: name -> angle in degrees. Every sequence is kept from one of them.
CAMERAS = (("C2", -18.0), ("C3", 0.0), ("C4", 18.0))


def _actor_study(takes: _Takes) -> Iterator[Frame]:
    subject = f"A{takes.person + 1:02d}"
    for index, take, levels in takes:
        camera, yaw = CAMERAS[(index + takes.person) % 3]
        sequence = f"S{index + 1:02d}"
        for k, level in enumerate(levels):
            image = f"images/{subject}/{camera}/{sequence}/{k + 1:05d}.jpg"
            yield takes.frame(
                subject, take, k, level, sequence=sequence, frame=k + 1, image=image, camera=camera, yaw=yaw
            )


def aff_wild2_stem(person: int) -> str:
    """Name of a video in one of the shapes found in Aff-Wild2; the persons 6 and 7 are seen in one video."""
    if person in (6, 7):
        return f"16-60-1280x720_{'left' if person == 6 else 'right'}"
    number = 10 + person
    shapes = (f"{number}-30-1280x720", f"video{number}", f"{number}", f"video{number}_1", f"{number}-24-1920x1080-3")
    return shapes[person % 5]


def _aff_wild2(takes: _Takes) -> Iterator[Frame]:
    """A run of unannotated frames in every third video; a missing first image or one later on in every fourth."""
    stem, rng = aff_wild2_stem(takes.person), takes.files()
    video = stem.removesuffix("_left").removesuffix("_right")
    blank = set()
    if takes.person % 3 == 0 and takes.count >= 8:
        start = int(rng.integers(takes.count - 3))
        blank = set(range(start, start + max(2, takes.count // 8)))
    gone = int(rng.integers(takes.count)) * (takes.person % 8 != 4) if takes.person % 4 == 0 else None
    for _, take, levels in takes:
        for k, level in enumerate(levels):
            image = None if k == gone else f"cropped_aligned/{stem}/{k + 1:05d}.jpg"
            yield takes.frame(video, take, k, level, sequence=stem, frame=k + 1, image=image, coded=k not in blank)


def _bp4d(takes: _Takes) -> Iterator[Frame]:
    """Women F001 to F023, men M001 to M018; frame f of the coding is the image with the number f - 1."""
    subject = f"F{takes.person // 2 + 1:03d}" if takes.person % 2 == 0 else f"M{takes.person // 2 + 1:03d}"
    if takes.person >= 36:
        subject = f"F{takes.person - 17:03d}"
    rng = takes.files()
    for index, take, levels in takes:
        task = (takes.person + index * 3) % 8 + 1
        start = 1 if task == 3 else int(rng.integers(2, 900))
        for k, level in enumerate(levels):
            image = f"Sequences(2D+3D)/{subject}/T{task}/{start + k - 1:04d}.jpg"
            yield takes.frame(subject, take, k, level, sequence=f"T{task}", frame=start + k, image=image)


def _ck_plus(takes: _Takes) -> Iterator[Frame]:
    subject = "S999" if takes.person == 122 else f"S{takes.person + 5:03d}"
    for index, take, levels in takes:
        sequence = f"{index + 1:03d}"
        for k, level in enumerate(levels):
            image = f"cohn-kanade-images/{subject}/{sequence}/{subject}_{sequence}_{k + 1:08d}.png"
            yield takes.frame(
                subject, take, k, level, sequence=sequence, frame=k + 1, image=image, coded=k == len(levels) - 1
            )


def _emotionet(takes: _Takes) -> Iterator[Frame]:
    """Every image is its own person; one in twenty is missing, the way links die."""
    collection = takes.person // 300 + 1
    name = f"N_{collection:010d}_{takes.person % 300 + 1:05d}"
    for _, take, levels in takes:
        image = None if takes.person % 20 == 19 else f"optimization_set/{name[:12]}/{name}.jpg"
        yield takes.frame(name, take, 0, levels[0], sequence=None, frame=None, image=image)


def _unbc(takes: _Takes) -> Iterator[Frame]:
    letters = chr(97 + takes.person % 26) + "s"
    code = f"{letters}{takes.person + 41:03d}"
    subject = f"{takes.person + 41:03d}-{code}"
    for index, take, levels in takes:
        test, rest = divmod(index, 8)
        sequence = f"{code}t{test % 2 + 1}a{'aefi'[rest % 4]}{('aff', 'unaff')[rest // 4]}"
        for k, level in enumerate(levels):
            image = f"Images/{subject}/{sequence}/{sequence}{k + 1:03d}.png"
            yield takes.frame(subject, take, k, level, sequence=sequence, frame=k + 1, image=image)


_MAKERS: dict[str, Callable[[_Takes], Iterator[Frame]]] = {
    "actor_study": _actor_study,
    "aff_wild2": _aff_wild2,
    "bp4d": _bp4d,
    "ck_plus": _ck_plus,
    "emotionet": _emotionet,
    "unbc": _unbc,
}
