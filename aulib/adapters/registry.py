"""Facts about the datasets: one table that the readers, the notebooks and the book all use.

:data:`PAPER` holds the six datasets of Pahl, Rieger and Seuss (2020), :data:`DATASETS` these and further ones. For the
six, ``setting`` to ``images`` are the paper's Table 1. Which action units a dataset codes is a reconstruction from the
datasets' own documentation: in the text of the paper that we have, Table 3 lost its marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aulib import facs
from aulib.errors import SettingsError


@dataclass(frozen=True)
class Dataset:
    """What is known about one dataset.

    Attributes:
        name: short name, used everywhere in aulib.
        title: name used in prose.
        setting, expression, format: how it was recorded, in the words of the paper's Table 1.
        subjects, images: people and images that Table 1 counts; outside the paper, people and annotated frames after
            the dataset's documentation. None where that is not known.
        coded: release -> action units for which the annotators looked. Most datasets have one release. Empty where no
            document that we have says so.
        intensity: action units coded with an intensity from 1 (A) to 5 (E).
        unknown_codes: numbers that mean "not annotated" in the files.
        licence: terms in one line, and how to obtain the data.
        citation: the paper to cite.
        url: where to ask for the data; empty if there is no page.
        verified: whether the layout was checked against official documentation or real files.
        notes: traps, one sentence each.
        overlaps: datasets that show some of the same people, by name. Keep such a pair on one side of a split.
        in_paper: whether it is one of the six datasets of the paper.
        benchmark: action units of the dataset's usual benchmark, fewer than its files code; empty where there is no
            list that most published work shares. The reader's setting ``aus="benchmark"`` takes these.

    Example:
        >>> DATASETS["bp4d"].subjects, "AU25" in DATASETS["bp4d"].coded["2014"]
        (41, False)
    """

    name: str
    title: str
    setting: str
    expression: str
    format: str
    subjects: int | None
    images: int | None
    coded: dict[str, tuple[str, ...]]
    intensity: tuple[str, ...]
    unknown_codes: tuple[int, ...]
    licence: str
    citation: str
    url: str
    verified: bool
    notes: tuple[str, ...]
    overlaps: tuple[str, ...] = ()
    in_paper: bool = False
    benchmark: tuple[str, ...] = ()

    @property
    def default_release(self) -> str:
        """The first release listed: the one the adapter reads unless told otherwise."""
        return next(iter(self.coded))

    def coded_aus(self, release: str | None = None) -> tuple[str, ...]:
        """Action units coded in a release (the default release if none is given)."""
        return self.coded[release or self.default_release]


def _codes(*numbers: int | Iterable[int]) -> tuple[str, ...]:
    flat = [n for item in numbers for n in ([item] if isinstance(item, int) else item)]
    return tuple(facs.code(n) for n in flat)


_AFF_WILD2_12 = _codes(1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)
_BP4D = _codes(1, 2, 4, 5, 6, 7, range(9, 21), 22, 23, 24, range(27, 35), 37, 38, 39)
_CK_PLUS = _codes(1, 2, 4, 5, 6, 7, range(9, 19), 20, 21, range(23, 30), 31, 34, 38, 39, 43)
_DISFA = _codes(1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
_UNBC = _codes(4, 6, 7, 9, 10, 12, 20, 25, 26, 43)
_BP4D_12 = _codes(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
_DISFA_8 = _codes(1, 2, 4, 6, 9, 12, 25, 26)

_ALL = (
    Dataset(
        name="actor_study",
        title="Actor Study",
        setting="lab",
        expression="posed",
        format="video",
        subjects=21,
        images=100_232,
        coded={"2019": facs.ALL},
        intensity=facs.ALL,
        unknown_codes=(-1,),
        licence="On request from the authors, for non-commercial research.",
        citation="Seuss et al., Emotion Expression from Different Angles: A Video Database for Facial Expressions of "
        "Actors Shot by a Camera Array, ACII 2019, pp. 35-41, doi:10.1109/ACII.2019.8925458",
        url="https://doi.org/10.1109/ACII.2019.8925458",
        verified=False,
        notes=(
            "The layout on disk and the list of coded action units are not public: the reader takes a documented "
            "generic table, and which units are coded follows from the table's columns.",
            "Five synchronous cameras show the same face at the same moment: keep a person on one side of a split.",
        ),
        in_paper=True,
    ),
    Dataset(
        name="aff_wild2",
        title="Aff-Wild2",
        setting="in-the-wild",
        expression="natural",
        format="video",
        subjects=49,
        images=196_672,
        coded={
            "2020": _codes(1, 2, 4, 6, 12, 15, 20, 25),
            "2022": _AFF_WILD2_12,
            "2022_mtl": _AFF_WILD2_12,
        },
        intensity=(),
        unknown_codes=(-1,),
        licence="On request from the authors (signed agreement), for non-commercial research.",
        citation="Kollias and Zafeiriou, Aff-Wild2: Extending the Aff-Wild Database for Affect Recognition, "
        "arXiv:1811.07770, 2018",
        url="https://ibug.doc.ic.ac.uk/resources/aff-wild2/",
        verified=True,
        notes=(
            "-1 means not annotated. Row i of the file (from 1, after the header) is image i; frames without a "
            "detected face have a row and no image.",
            "The release of 2020 codes 8 action units, that of 2022 codes 12; '2022_mtl' is its multi-task set.",
            "No person ids: the video is the person. '_left' and '_right' are two people in one video.",
        ),
        in_paper=True,
    ),
    Dataset(
        name="bp4d",
        title="BP4D",
        setting="lab",
        expression="natural",
        format="video",
        subjects=41,
        images=366_954,
        coded={"2014": _BP4D},
        intensity=_codes(6, 10, 12, 14, 17),
        unknown_codes=(9,),
        licence="Licence from Binghamton University, for non-commercial research.",
        citation="Zhang et al., BP4D-Spontaneous: A High-resolution Spontaneous 3D Dynamic Facial Expression Database, "
        "Image and Vision Computing 32(10):692-706, 2014",
        url="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
        verified=True,
        notes=(
            "9 means not coded; AU25 and AU26 are 9 in every row of every file.",
            "Frame f of the annotation is image f - 1. Much published code ignores the official guide here.",
            "AU35 and AU36 have columns too, but are not among the 45 action units of the paper.",
        ),
        in_paper=True,
        benchmark=_BP4D_12,
    ),
    Dataset(
        name="ck_plus",
        title="CK+",
        setting="lab",
        expression="posed",
        format="video",
        subjects=123,
        images=10_733,
        coded={"2010": _CK_PLUS},
        intensity=tuple(au for au in _CK_PLUS if au != "AU43"),
        unknown_codes=(),
        licence="On request from the authors (signed agreement), for non-commercial research.",
        citation="Lucey et al., The Extended Cohn-Kanade Dataset (CK+), CVPR Workshops 2010, pp. 94-101",
        url="https://www.jeffcohn.net/resources/",
        verified=True,
        notes=(
            "An intensity of 0 means present, intensity not given.",
            "Only the last frame of a sequence (the peak) is coded: 593 frames, though Table 1 counts 10,733 images.",
            "An action unit that is not listed was looked for and not found.",
        ),
        in_paper=True,
    ),
    Dataset(
        name="emotionet",
        title="EmotioNet manual",
        setting="in-the-wild",
        expression="natural",
        format="images",
        subjects=24_597,
        images=24_597,
        coded={"2020": _codes(1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, range(51, 57))},
        intensity=(),
        unknown_codes=(999, 9),
        licence="On request from Ohio State University, for non-commercial research; images must be downloaded by URL.",
        citation="Fabian Benitez-Quiroz, Srinivasan and Martinez, EmotioNet, CVPR 2016, pp. 5562-5570",
        url="https://cbcsl.ece.ohio-state.edu/EmotionNetChallenge/",
        verified=True,
        notes=(
            "999 means not annotated. The names of the columns carry quotes and blanks.",
            "The number in N_0000000001_00002.jpg is a collection, not a person: every image counts as its own person.",
            "Many links are dead, so images are missing.",
        ),
        in_paper=True,
    ),
    Dataset(
        name="unbc",
        title="UNBC",
        setting="lab",
        expression="natural",
        format="video",
        subjects=25,
        images=48_397,
        coded={"2011": _UNBC},
        intensity=tuple(au for au in _UNBC if au != "AU43"),
        unknown_codes=(),
        licence="On request from the authors (signed agreement), for non-commercial research.",
        citation="Lucey et al., Painful data: The UNBC-McMaster Shoulder Pain Expression Archive Database, FG 2011, "
        "pp. 57-64",
        url="https://www.jeffcohn.net/resources/",
        verified=True,
        notes=(
            "An empty file is a coded frame without any action unit.",
            "AU43 (eyes closed) has no intensity: a line means present.",
            "AU15, AU27 and AU50 occur in a few files, but were not looked for throughout: their absence is unknown.",
            "Frames 1 to 7 of 095-tv095/tv095t2aeunaff are black images.",
        ),
        in_paper=True,
    ),
    Dataset(
        name="bp4d_plus",
        title="BP4D+",
        setting="lab",
        expression="natural",
        format="video",
        subjects=140,
        images=197_875,
        coded={"2016": _BP4D},
        intensity=_codes(6, 10, 12, 14, 17),
        unknown_codes=(9,),
        licence="Licence from Binghamton University, for non-commercial research.",
        citation="Zhang et al., Multimodal Spontaneous Emotion Corpus for Human Behavior Analysis, CVPR 2016, "
        "pp. 3438-3446",
        url="https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html",
        verified=False,
        notes=(
            "The order of the 34 columns is certain; the text of the header, and whether 9 occurs in single rows, are "
            "not.",
            "Only tasks T1, T6, T7 and T8 are coded; the number of coded frames is from memory of the paper.",
            "Known faults: F041_T7 has more labels than frames or fewer, F082 lacks data.",
            "F001 here need not be F001 of BP4D: no document that we have says whether the two share people.",
        ),
    ),
    Dataset(
        name="disfa",
        title="DISFA",
        setting="lab",
        expression="natural",
        format="video",
        subjects=27,
        images=130_814,
        coded={"2013": _DISFA},
        intensity=_DISFA,
        unknown_codes=(),
        licence="On request from the authors (signed agreement), for non-commercial research.",
        citation="Mavadati, Mahoor, Bartlett, Trinh and Cohn, DISFA: A Spontaneous Facial Action Intensity Database, "
        "IEEE Transactions on Affective Computing 4(2):151-160, 2013, doi:10.1109/T-AFFC.2013.4",
        url="",
        verified=True,
        notes=(
            "Intensities 0 to 5, no code for unknown is known. Published work calls 2 and above displayed, or 1 and "
            "above: the threshold changes every number.",
            "The data hold videos, not images: whoever extracts the frames decides whether they count from 0 or from "
            "1. The labels count from 1.",
            "Read the action unit from a file's name: published code that trusted the order of the folder mixed the "
            "columns up.",
            "All nine people of DISFA+ are among the 27 here, under the same names.",
        ),
        overlaps=("disfa_plus",),
        benchmark=_DISFA_8,
    ),
    Dataset(
        name="disfa_plus",
        title="DISFA+",
        setting="lab",
        expression="posed and natural",
        format="video",
        subjects=9,
        images=None,
        coded={"2016": _DISFA},
        intensity=_DISFA,
        unknown_codes=(),
        licence="On request from the authors (signed agreement), for non-commercial research.",
        citation="Mavadati, Sanger and Mahoor, Extended DISFA Dataset: Investigating Posed and Spontaneous Facial "
        "Expressions, CVPR Workshops 2016",
        url="",
        verified=True,
        notes=(
            "All nine people are in DISFA too (SN001, 3, 4, 7, 9, 10, 13, 25, 27): training on one and testing on the "
            "other tests on people seen before.",
            "Two header lines, then a name of an image and an intensity from 0 to 5.",
        ),
        overlaps=("disfa",),
    ),
    Dataset(
        name="raf_au",
        title="RAF-AU",
        setting="in-the-wild",
        expression="natural",
        format="images",
        subjects=4_601,
        images=4_601,
        coded={"2020": _codes(1, 2, 4, 5, 6, 7, 9, 10, 12, range(14, 19), 20, range(22, 28), 43)},
        intensity=(),
        unknown_codes=(),
        licence="On request from the authors, for non-commercial research. The images are those of RAF-ML.",
        citation="Yan, Li, Que, Pei and Deng, RAF-AU Database: In-the-Wild Facial Expressions with Subjective Emotion "
        "Judgement and Objective AU Annotations, ACCV 2020, arXiv:2008.05196",
        url="",
        verified=True,
        notes=(
            "One line lists what an image shows, as 1+4+L12; L, R, T and B are left, right, top and bottom lip.",
            "'null' (253 lines) may mean that nothing is shown or that the face could not be coded: unknown.",
            "No people are named: every image counts as its own person.",
            "Which action units were looked for throughout is our reading of how often they occur.",
        ),
    ),
    Dataset(
        name="gft",
        title="GFT",
        setting="lab",
        expression="natural",
        format="video",
        subjects=96,
        images=172_800,
        coded={"2017": ()},
        intensity=(),
        unknown_codes=(),
        licence="Frame-level annotation CC BY 4.0 on OSF; videos on request from the authors.",
        citation="Girard, Chu, Jeni and Cohn, Sayette Group Formation Task (GFT) Spontaneous Facial Expression "
        "Database, FG 2017, pp. 581-588",
        url="https://osf.io/7wcyz",
        verified=False,
        notes=(
            "There is no reader yet: neither the format of the files nor the list of coded action units is in any "
            "document that we have, and we do not invent one.",
        ),
    ),
)

#: All datasets by name: the paper's six in the order of Table 1, then the others.
DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}

#: The six datasets of the paper, in the order of Table 1. Whatever is about the paper uses these and no others.
PAPER: dict[str, Dataset] = {name: dataset for name, dataset in DATASETS.items() if dataset.in_paper}

#: Action units with a column ``AUxx_intensity`` in the meta-database: coded with intensity in a verified dataset.
INTENSITY_AUS: tuple[str, ...] = tuple(
    au for au in facs.ALL if any(au in dataset.intensity for dataset in _ALL if dataset.verified)
)

_BUILT_IN = frozenset(DATASETS)
_NOT_A_NAME = ("missing_images", "strict")  # words that database.build already understands


def add(dataset: Dataset) -> Dataset:
    """Add the facts about a dataset of your own, in this process; adding again under the same name replaces them.

    Raises:
        SettingsError: the name is taken or is no plain lower-case word, no release or an action unit without a column
            is named, or an intensity has no column in the meta-database.

    Example:
        >>> add(DATASETS["bp4d"])
        Traceback (most recent call last):
        aulib.errors.SettingsError: 'bp4d' is a built-in dataset; give yours another name
    """
    name = dataset.name
    if name in _BUILT_IN:
        raise SettingsError(f"{name!r} is a built-in dataset; give yours another name")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _NOT_A_NAME:
        raise SettingsError(f"name {name!r}; accepted: lower-case letters, digits and _, and not {_NOT_A_NAME}")
    if not dataset.coded:
        raise SettingsError(f"{name}: coded={dataset.coded!r}; expected release -> action units that were looked for")
    strange = [au for aus in dataset.coded.values() for au in aus if au not in facs.ALL]
    if strange:
        raise SettingsError(
            f"{name}: no column for {', '.join(map(str, strange))}; the columns are AU01 to AU56 of facs.ALL"
        )
    uncoded = [au for au in dataset.benchmark if all(au not in aus for aus in dataset.coded.values())]
    if uncoded:
        raise SettingsError(f"{name}: the benchmark has {', '.join(uncoded)}, which no release codes")
    ungraded = [au for au in dataset.intensity if au not in INTENSITY_AUS]
    if ungraded:
        raise SettingsError(f"{name}: no intensity column for {', '.join(ungraded)}; keep it as an extra of the reader")
    DATASETS[name] = dataset
    return dataset
