"""The catalogue of action units (AUs) of the Facial Action Coding System.

Names and muscles follow Ekman, Friesen and Hager (2002), *Facial Action Coding System: The Manual*. How the synthetic
corpus shows an action unit (:attr:`ActionUnit.shapes`) is this project's own choice: a face made of blend shapes can
only come near to what muscles do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType

#: The 45 action units of the paper's Table 3, in its order.
ALL: tuple[str, ...] = tuple(
    f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, *range(9, 35), 37, 38, 39, 43, 44, 45, 46, 51, 52, 53, 54, 55, 56)
)

#: The 13 action units the paper trains on (Table 2).
PAPER_13: tuple[str, ...] = tuple(f"AU{n:02d}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24, 25))

#: FACS intensity letters, from a trace (A) to the maximum (E), for the intensities 1 to 5.
INTENSITY_LETTERS = "ABCDE"

#: Action units that are one-sided by definition: a plain number moves one side only.
ONE_SIDED = frozenset({"AU30", "AU46"})

#: Intensity 0 to 5, or a pair of them: the person's left side, the person's right side.
Level = float | Sequence[float]


def code(number: int) -> str:
    """Return the code of an action unit, as ``code(4) == "AU04"``."""
    return f"AU{int(number):02d}"


@dataclass(frozen=True)
class ActionUnit:
    """One action unit.

    Attributes:
        code: as in the tables, ``"AU04"``.
        number: FACS number, 4.
        name: FACS name, "Brow lowerer".
        muscles: the muscles that act; empty where FACS names none.
        region: brow, forehead, eye, nose, cheek, mouth, chin, jaw, neck, tongue or head.
        part: ``"upper"`` face, ``"lower"`` face or ``"head"``.
        renderable: whether the synthetic corpus can show it. If False it never occurs there.
        shapes: facial action -> its weight at intensity 5 (E). The names are those of the ARKit set (``browDownLeft``),
            of MakeHuman's expression units (``nose-left-dilatation``), or ``headYaw``, ``headPitch``, ``headRoll``
            in degrees. Left and right are the person's own; the two halves of a movement are two shapes.
    """

    code: str
    number: int
    name: str
    muscles: tuple[str, ...]
    region: str
    part: str
    renderable: bool
    shapes: Mapping[str, float] = field(default_factory=dict)

    @property
    def sided(self) -> bool:
        """Whether the two sides of the face can show it at different intensities.

        Example:
            >>> CATALOGUE["AU12"].sided, CATALOGUE["AU17"].sided
            (True, False)
        """
        return self.renderable and all(side_of(shape) for shape in self.shapes)


def side_of(shape: str) -> str:
    """``"left"``, ``"right"``, or ``""`` for a shape that moves both sides at once.

    Example:
        >>> side_of("mouthSmileLeft"), side_of("nose-right-dilatation"), side_of("jawOpen")
        ('left', 'right', '')
    """
    return next((side for side in ("left", "right") if shape.endswith(side.title()) or f"-{side}-" in shape), "")


def sides(level: Level) -> tuple[float, float]:
    """Intensities of the person's left and right side; a number stands for both.

    Example:
        >>> sides(3), sides((0, 4))
        ((3.0, 3.0), (0.0, 4.0))
    """
    left, right = (level, level) if isinstance(level, Real) else level
    return float(left), float(right)


def stronger(level: Level) -> float:
    """The intensity that a coder writes down for both sides together: that of the stronger one.

    Example:
        >>> stronger((0, 4)), stronger(2.5)
        (4.0, 2.5)
    """
    return max(sides(level))


def _both(**weights: float) -> dict[str, float]:
    """``_both(browDown=1)`` is ``{"browDownLeft": 1, "browDownRight": 1}``."""
    return {name + side: weight for name, weight in weights.items() for side in ("Left", "Right")}


_CORNER = "levator anguli oris (caninus)"
_FRONTAL, _ORBICULARIS_OCULI, _ORBICULARIS_ORIS = "frontalis", "orbicularis oculi", "orbicularis oris"
_DEPRESSOR_LIP, _JAW = "depressor labii inferioris", ("masseter", "temporalis", "medial pterygoid")
_NECK = ("sternocleidomastoid", "trapezius", "splenius")

# number, name, muscles, region, part, shapes (None: cannot be shown)
_ROWS: tuple[tuple[int, str, tuple[str, ...], str, str, dict[str, float] | None], ...] = (
    (1, "Inner brow raiser", (f"{_FRONTAL}, pars medialis",), "brow", "upper", _both(browInnerUp=1.8)),
    (2, "Outer brow raiser", (f"{_FRONTAL}, pars lateralis",), "brow", "upper", _both(browOuterUp=1.4)),
    (4, "Brow lowerer", ("corrugator supercilii", "depressor supercilii", "depressor glabellae"), "brow", "upper",
     _both(browDown=1.4)),
    (5, "Upper lid raiser", ("levator palpebrae superioris",), "eye", "upper", _both(eyeWide=1.7)),
    (6, "Cheek raiser", (f"{_ORBICULARIS_OCULI}, pars orbitalis",), "cheek", "upper",
     _both(cheekSquint=1.5, eyeSquint=0.3)),
    (7, "Lid tightener", (f"{_ORBICULARIS_OCULI}, pars palpebralis",), "eye", "upper",
     _both(eyeSquint=1.5, eyeBlink=0.06)),
    (9, "Nose wrinkler", ("levator labii superioris alaeque nasi",), "nose", "lower",
     _both(noseSneer=1.7) | _both(browDown=0.25)),
    (10, "Upper lip raiser", ("levator labii superioris",), "mouth", "lower",
     {"nose-left-elevation": 0.4, "nose-right-elevation": 0.4} | _both(mouthUpperUp=1.5)),
    (11, "Nasolabial deepener", ("zygomaticus minor",), "cheek", "lower",
     {"nose-left-elevation": 0.8, "nose-right-elevation": 0.8} | _both(mouthUpperUp=0.12, cheekSquint=0.4)),
    (12, "Lip corner puller", ("zygomaticus major",), "mouth", "lower", _both(mouthSmile=1.0)),
    (13, "Sharp lip puller", (_CORNER,), "mouth", "lower",
     _both(mouthCompression=0.8, mouthCornerPuller=0.3, cheekPuff=0.5)),
    (14, "Dimpler", ("buccinator",), "mouth", "lower", _both(mouthDimple=1.8)),
    (15, "Lip corner depressor", ("depressor anguli oris (triangularis)",), "mouth", "lower", _both(mouthFrown=2.1)),
    (16, "Lower lip depressor", (_DEPRESSOR_LIP,), "mouth", "lower", _both(mouthLowerDown=2.1)),
    (17, "Chin raiser", ("mentalis",), "chin", "lower", {"mouthShrugLower": 1.7, "mouthShrugUpper": 0.6}),
    (18, "Lip pucker", ("incisivii labii superioris", "incisivii labii inferioris"), "mouth", "lower",
     {"mouth-pursing": 0.8, "mouthPucker": 0.6}),
    (19, "Tongue show", (), "tongue", "lower",
     {"tongueOut": 1.3, "jawOpen": 0.27} | _both(mouthLowerDown=0.4)),
    (20, "Lip stretcher", ("risorius", "platysma"), "mouth", "lower", _both(mouthStretch=1.8)),
    (21, "Neck tightener", ("platysma",), "neck", "lower", _both(neckPlatysma=0.8)),
    (22, "Lip funneler", (_ORBICULARIS_ORIS,), "mouth", "lower", {"mouthFunnel": 1.2}),
    (23, "Lip tightener", (_ORBICULARIS_ORIS,), "mouth", "lower",
     {"mouthRollLower": 0.5, "mouthRollUpper": 0.4, "mouthPucker": 0.5}),
    (24, "Lip pressor", (_ORBICULARIS_ORIS,), "mouth", "lower",
     _both(mouthPress=1.3, mouthFrown=0.35) | {"mouthRollLower": 0.35, "mouthRollUpper": 0.35}),
    (25, "Lips part", (_DEPRESSOR_LIP, "relaxation of mentalis or orbicularis oris"), "mouth", "lower",
     _both(mouthLowerDown=0.7, mouthUpperUp=0.35) | {"jawOpen": 0.08}),
    (26, "Jaw drop", ("masseter", "temporalis and medial pterygoid relaxed"), "jaw", "lower", {"jawOpen": 0.55}),
    (27, "Mouth stretch", ("pterygoids", "digastric"), "jaw", "lower", {"jawOpen": 1.05}),
    (28, "Lip suck", (_ORBICULARIS_ORIS,), "mouth", "lower", {"mouthRollLower": 1.1, "mouthRollUpper": 1.0}),
    (29, "Jaw thrust", ("lateral pterygoid",), "jaw", "lower",
     {"jawForward": 2.6, "mouthClose": 0.12, "mouthShrugLower": 0.1, "mouthRollUpper": 0.45}),
    (30, "Jaw sideways", ("lateral pterygoid", "temporalis"), "jaw", "lower", {"jawLeft": 2.0, "jawRight": 2.0}),
    (31, "Jaw clencher", _JAW, "jaw", "lower", None),
    (32, "Lip bite", (), "mouth", "lower", None),
    (33, "Cheek blow", (), "cheek", "lower", None),
    (34, "Cheek puff", (), "cheek", "lower", _both(cheekPuff=1.0)),
    (37, "Lip wipe", (), "tongue", "lower", None),
    (38, "Nostril dilator", ("nasalis, pars alaris",), "nose", "lower",
     {"nose-left-dilatation": 2.2, "nose-right-dilatation": 2.2, "nose-left-elevation": 0.5,
      "nose-right-elevation": 0.5}),
    (39, "Nostril compressor", ("nasalis, pars transversa", "depressor septi nasi"), "nose", "lower",
     {"nose-left-dilatation": -1.6, "nose-right-dilatation": -1.6, "nose-depression": 1.0, "nose-compression": 1.5}),
    (43, "Eyes closed", ("levator palpebrae superioris relaxed",), "eye", "upper", _both(eyeBlink=0.88)),
    (44, "Squint", (f"{_ORBICULARIS_OCULI}, pars palpebralis",), "eye", "upper",
     {"eye-left-slit": 0.75, "eye-right-slit": 0.75} | _both(cheekSquint=0.8, browDown=0.3)),
    (45, "Blink", ("levator palpebrae superioris relaxed", f"{_ORBICULARIS_OCULI}, pars palpebralis"), "eye", "upper",
     _both(eyeBlink=0.88)),
    (46, "Wink", (_ORBICULARIS_OCULI,), "eye", "upper",
     _both(eyeBlink=0.9, eyeSquint=0.8, cheekSquint=0.8)),
    (51, "Head turn left", _NECK, "head", "head", {"headYaw": 26.0}),
    (52, "Head turn right", _NECK, "head", "head", {"headYaw": -26.0}),
    (53, "Head up", _NECK, "head", "head", {"headPitch": 20.0}),
    (54, "Head down", _NECK, "head", "head", {"headPitch": -20.0}),
    (55, "Head tilt left", _NECK, "head", "head", {"headRoll": 22.0}),
    (56, "Head tilt right", _NECK, "head", "head", {"headRoll": -22.0}),
)  # fmt: skip


def _unit(number, name, muscles, region, part, shapes) -> ActionUnit:
    frozen = MappingProxyType(dict(shapes or {}))
    return ActionUnit(code(number), number, name, muscles, region, part, shapes is not None, frozen)


#: Code -> :class:`ActionUnit`, for the 45 action units of :data:`ALL`, in the same order.
#: Not shown by the synthetic corpus: AU31 (only a bulge of the jaw muscle), AU32 (needs teeth that touch the lip), AU33
#: (blowing, no shape) and AU37 (a movement of the tongue along the lips, not a state). One image cannot tell AU45, a
#: blink, from AU43, closed eyes: only its length in time differs. Two are shown but hard to see in a frontal crop: AU21
#: tightens the neck, of which a strip is left, and AU29 moves the jaw towards the camera.
CATALOGUE: dict[str, ActionUnit] = {code(row[0]): _unit(*row) for row in _ROWS}

#: Action units that exclude each other in the synthetic corpus: no two members of a group's two sides occur together.
#: FACS itself allows some of these pairs in sequence or at low intensity; one rendered face cannot show both.
ANTAGONISTS: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(map(code, one)), frozenset(map(code, other)))
    for one, other in (
        ((25, 26, 27, 19), (24, 28, 34, 23)),  # parted lips against closed ones
        ((26,), (27,)),  # one jaw, one opening
        ((17,), (27,)),  # a stretched mouth pulls the chin out flat, and out of a tight crop
        ((5,), (43, 44, 45, 46)),  # raised against lowered upper lid
        ((43,), (44, 45, 46)),
        ((44,), (45, 46)),
        ((45,), (46,)),
        ((28,), (10, 16, 17, 18, 20, 22, 23, 24)),  # lips sucked in leave nothing else to shape
        ((22, 18), (12, 13, 14, 20, 24)),  # lips pushed forward against lips drawn aside or pressed
        ((18,), (22,)),
        ((12, 13), (15,)),  # lip corners up or down
        ((24,), (10, 16)),
        ((34,), (10, 12, 16, 18, 20, 22)),
        ((29,), (30,)),
        ((38,), (39,)),
        ((51,), (52,)),
        ((53,), (54,)),
        ((55,), (56,)),
    )
)

#: Displayed at this intensity or more -> the action unit that is then displayed too: an open jaw, a shown tongue or
#: strongly pulled lips part the lips.
IMPLIED: tuple[tuple[str, int, str], ...] = (
    ("AU19", 1, "AU25"),
    ("AU26", 1, "AU25"),
    ("AU27", 1, "AU25"),
    ("AU10", 3, "AU25"),
    ("AU16", 2, "AU25"),
    ("AU22", 2, "AU25"),
)


_EXCLUDED = frozenset(frozenset((one, other)) for a, b in ANTAGONISTS for one in a for other in b)


def excludes(one: str, other: str) -> bool:
    """Whether two action units cannot occur together in the synthetic corpus.

    Example:
        >>> excludes("AU24", "AU25"), excludes("AU06", "AU12")
        (True, False)
    """
    return frozenset((one, other)) in _EXCLUDED
