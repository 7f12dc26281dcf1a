"""What the corpus is made of: every frame with its person, its file and the levels of its action units.

A plan is a pure function of dataset, scale and seed. Every person, sequence and picture has its own stream of random
numbers, ``default_rng([seed, dataset, kind, number, ...])``, so that no picture depends on which others are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from aulib import facs, paper
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
        levels: action unit -> level, 0 to 5, or a pair (left, right); displayed ones only.
        phase: of the episode, one of :data:`aulib.synth.expression.PHASES`.
        kind: of the episode, see :class:`aulib.synth.expression.Episode`.
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
    levels: dict[str, facs.Level] = field(default_factory=dict)
    phase: str = "neutral"
    kind: str = "spontaneous"
    camera: str | None = None
    yaw: float = 0.0
    coded: bool = True

    def intensity(self, unit: str) -> int:
        """Label of an action unit, 0 (absent) to 5."""
        return expression.intensity(self.levels.get(unit, 0.0))


@dataclass(frozen=True)
class Size:
    """How a dataset is cut: most people; frames a sequence and an episode; fewest frames and most sequences a person.

    Beyond ``most`` sequences (BP4D has 8 tasks, UNBC 16 names, CK+ 593 sequences of 123 people) sequences get longer.
    """

    people: int
    sequence: int
    episode: int
    fewest: int
    most: int = 1000


#: The numbers of people are those of the paper's Table 1 (Aff-Wild2: 49 videos, one of which shows two people).
SIZES: dict[str, Size] = {
    "actor_study": Size(people=21, sequence=6, episode=3, fewest=4, most=10),
    "aff_wild2": Size(people=50, sequence=32, episode=3, fewest=4, most=1),
    "bp4d": Size(people=41, sequence=8, episode=3, fewest=4, most=8),
    "ck_plus": Size(people=123, sequence=3, episode=3, fewest=3, most=5),
    "emotionet": Size(people=24_597, sequence=1, episode=1, fewest=1),
    "unbc": Size(people=25, sequence=8, episode=3, fewest=4, most=16),
}
#: Images at scale 1 before the floors; with them about 6,500.
IMAGES = 6_120
#: Fewest images at scale 1 of the two datasets of which Table 1's share would leave too few to learn or to test on: a
#: sequence of three frames for each of CK+'s people, of which only the last is coded, and 300 images of EmotioNet.
FLOORS = {"ck_plus": 369, "emotionet": 300}
#: No dataset is made of fewer people.
FEWEST_PEOPLE = 6


def stream(seed: int, dataset: str, *key: int) -> np.random.Generator:
    """The stream of random numbers of one person, sequence or picture of a dataset."""
    return np.random.default_rng([seed, zlib.crc32(dataset.encode()), *key])


def shares(dataset: str, scale: float) -> tuple[int, int]:
    """Number of people and of images of a dataset: the rule by which the corpus is laid out.

    The images follow the shares of the paper's Table 1 at every scale, with two exceptions: below the scale at which
    its share is reached, a dataset of :data:`FLOORS` has its floor (in proportion smaller below scale 1); and no
    dataset has fewer than :data:`FEWEST_PEOPLE` people with their fewest frames. The people are those of Table 1 while
    each has the fewest frames; a smaller corpus has fewer people. So at scale 122 the numbers are Table 1's.

    Example:
        >>> shares("bp4d", 1.0), shares("unbc", 0.12), shares("ck_plus", 1.0), shares("bp4d", 0.001)
        ((41, 3004), (12, 48), (123, 369), (6, 24))
    """
    size, table = SIZES[dataset], paper.TABLE_1["images"]
    share = IMAGES * scale * table[dataset] / table.sum()
    images = round(max(share, FLOORS.get(dataset, 0) * min(scale, 1.0)))
    people = min(size.people, max(FEWEST_PEOPLE, images // size.fewest))
    if dataset == "emotionet":
        return people, people
    return people, max(images, people * size.fewest)


def frames(dataset: str, scale: float, seed: int) -> list[Frame]:
    """The plan of one dataset, in the order of its people and sequences."""
    people, images = shares(dataset, scale)
    make = _MAKERS[dataset]
    counts = [images // people + (person < images % people) for person in range(people)]
    return [frame for person, count in enumerate(counts) for frame in make(_Takes(dataset, seed, person, count))]


@dataclass(frozen=True)
class _Takes:
    """The sequences of one person: iterating gives (number within the person, number within the dataset, frames)."""

    dataset: str
    seed: int
    person: int
    count: int

    def __iter__(self) -> Iterator[tuple[int, int, list[tuple[str, expression.Moment]]]]:
        size = SIZES[self.dataset]
        sequences = min(size.most, max(1, self.count // size.sequence))
        for index in range(sequences):
            length = self.count // sequences + (index < self.count % sequences)
            yield index, self.person * 1000 + index, self._moments(index, length, size.episode)

    def _moments(self, index: int, length: int, episode: int) -> list[tuple[str, expression.Moment]]:
        """Kind and moment of every frame of a sequence."""
        habits = expression.habit(stream(self.seed, self.dataset, PERSON, self.person, 2))
        found: list[tuple[str, expression.Moment]] = []
        while len(found) < length:
            rng = stream(self.seed, self.dataset, EPISODE, self.person, index, len(found))
            some = expression.episode(self.dataset, rng, habits)
            if self.dataset == "ck_plus":
                moments = expression.neutral_to_peak(some, length)
            elif self.dataset == "emotionet":
                moments = [expression.still(some)]
            else:
                moments = expression.frames(some, min(episode, length - len(found)), rng)
            found += [(some.kind, moment) for moment in moments]
        return found

    def files(self) -> np.random.Generator:
        """The stream that decides on gaps and irregularities of this person's files."""
        return stream(self.seed, self.dataset, FILES, self.person)

    def frame(self, subject: str, take: int, number: int, shown: tuple[str, expression.Moment], **fields) -> Frame:
        kind, moment = shown
        return Frame(
            self.dataset,
            subject,
            person=self.person,
            take=take,
            number=take * 10_000 + number,
            levels=moment.levels,
            phase=moment.phase,
            kind=kind,
            **fields,
        )


#: Three of the five cameras of the Actor Study: name -> angle in degrees. Every sequence is kept from one of them.
CAMERAS = (("C2", -18.0), ("C3", 0.0), ("C4", 18.0))


def _actor_study(takes: _Takes) -> Iterator[Frame]:
    subject = f"A{takes.person + 1:02d}"
    for index, take, moments in takes:
        camera, yaw = CAMERAS[(index + takes.person) % 3]
        sequence = f"S{index + 1:02d}"
        for k, shown in enumerate(moments):
            image = f"images/{subject}/{camera}/{sequence}/{k + 1:05d}.jpg"
            yield takes.frame(
                subject, take, k, shown, sequence=sequence, frame=k + 1, image=image, camera=camera, yaw=yaw
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
    for _, take, moments in takes:
        for k, shown in enumerate(moments):
            image = None if k == gone else f"cropped_aligned/{stem}/{k + 1:05d}.jpg"
            yield takes.frame(video, take, k, shown, sequence=stem, frame=k + 1, image=image, coded=k not in blank)


def _bp4d(takes: _Takes) -> Iterator[Frame]:
    """Women F001 to F023, men M001 to M018; frame f of the coding is the image with the number f - 1.

    As in the real files, T3 and most of T8 are coded from frame 1, others from later on, F001_T1 from 2440; the images
    of M009 to M018 have names of three digits.
    """
    subject = f"F{takes.person // 2 + 1:03d}" if takes.person % 2 == 0 else f"M{takes.person // 2 + 1:03d}"
    if takes.person >= 36:
        subject = f"F{takes.person - 17:03d}"
    rng, digits = takes.files(), 3 if "M009" <= subject else 4
    for index, take, moments in takes:
        task = (takes.person + index * 3) % 8 + 1
        early = task == 3 or (task == 8 and takes.person % 7 > 0) or rng.random() < 1 / 6
        start = 2440 if (subject, task) == ("F001", 1) else 1 if early else int(rng.integers(2, 700))
        for k, shown in enumerate(moments):
            image = f"Sequences(2D+3D)/{subject}/T{task}/{start + k - 1:0{digits}d}.jpg"
            yield takes.frame(subject, take, k, shown, sequence=f"T{task}", frame=start + k, image=image)


def _ck_plus(takes: _Takes) -> Iterator[Frame]:
    subject = "S999" if takes.person == 122 else f"S{takes.person + 5:03d}"
    for index, take, moments in takes:
        sequence = f"{index + 1:03d}"
        for k, shown in enumerate(moments):
            image = f"cohn-kanade-images/{subject}/{sequence}/{subject}_{sequence}_{k + 1:08d}.png"
            yield takes.frame(
                subject, take, k, shown, sequence=sequence, frame=k + 1, image=image, coded=k == len(moments) - 1
            )


def _emotionet(takes: _Takes) -> Iterator[Frame]:
    """Every image is its own person; one in ten is missing, the way links die."""
    collection = takes.person // 300 + 1
    name = f"N_{collection:010d}_{takes.person % 300 + 1:05d}"
    for _, take, moments in takes:
        image = None if takes.person % 10 == 9 else f"optimization_set/{name[:12]}/{name}.jpg"
        yield takes.frame(name, take, 0, moments[0], sequence=None, frame=None, image=image)


def _unbc(takes: _Takes) -> Iterator[Frame]:
    """Every fifth person has an image without annotation, every other fifth an annotation without image."""
    letters = chr(97 + takes.person % 26) + "s"
    code = f"{letters}{takes.person + 41:03d}"
    subject = f"{takes.person + 41:03d}-{code}"
    for index, take, moments in takes:
        test, rest = divmod(index, 8)
        sequence = f"{code}t{test % 2 + 1}a{'aefi'[rest % 4]}{('aff', 'unaff')[rest // 4]}"
        for k, shown in enumerate(moments):
            coded = index > 0 or k > 0 or takes.person % 5 != 3
            gone = index == 0 and k == len(moments) - 1 and takes.person % 5 == 2
            image = None if gone else f"Images/{subject}/{sequence}/{sequence}{k + 1:03d}.png"
            yield takes.frame(subject, take, k, shown, sequence=sequence, frame=k + 1, image=image, coded=coded)


_MAKERS: dict[str, Callable[[_Takes], Iterator[Frame]]] = {
    "actor_study": _actor_study,
    "aff_wild2": _aff_wild2,
    "bp4d": _bp4d,
    "ck_plus": _ck_plus,
    "emotionet": _emotionet,
    "unbc": _unbc,
}
