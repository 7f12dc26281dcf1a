"""The published numbers and settings of Pahl, Rieger and Seuss (2020), arXiv 2008.07234, typed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from aulib.facs import ALL, PAPER_13

#: Table 1: what was combined. ``images_per_person`` is rounded as printed.
TABLE_1 = pd.DataFrame(
    [
        ("actor_study", "Actor Study", "lab", "posed", "video", 21, 100_232, 4_773),
        ("aff_wild2", "Aff-Wild2", "in-the-wild", "natural", "video", 49, 196_672, 4_014),
        ("bp4d", "BP4D", "lab", "natural", "video", 41, 366_954, 8_950),
        ("ck_plus", "CK+", "lab", "posed", "video", 123, 10_733, 87),
        ("emotionet", "EmotioNet manual", "in-the-wild", "natural", "images", 24_597, 24_597, 1),
        ("unbc", "UNBC", "lab", "natural", "video", 25, 48_397, 1_936),
    ],
    columns=["dataset", "name", "setting", "expression", "format", "subjects", "images", "images_per_person"],
).set_index("dataset")

#: Table 2: displayed rows in training (after balancing) and testing, and the F1 on the testing data.
TABLE_2 = pd.DataFrame(
    {
        "train": [
            107_007,
            78_461,
            94_986,
            95_539,
            107_283,
            121_313,
            129_915,
            94_422,
            83_580,
            98_892,
            65_769,
            94_006,
            71_048,
        ],
        "test": [20_944, 5_528, 14_150, 21_212, 20_124, 22_056, 22_550, 15_010, 6_099, 11_388, 5_970, 7_781, 5_727],
        "f1": [0.69, 0.42, 0.59, 0.63, 0.73, 0.80, 0.77, 0.62, 0.33, 0.53, 0.35, 0.54, 0.59],
    },
    index=pd.Index(PAPER_13, name="AU"),
)

MACRO_F1 = 0.58  #: Table 2
WEIGHTED_F1_TEST = 0.65  #: Table 2, weighted by the displayed rows of the testing data
WEIGHTED_F1_TRAIN = 0.61  #: Table 2, weighted by the displayed rows of the training data
MISSING_RATE = 0.6907  #: Section 1: share of unknown cells in the combined database
ACTION_UNITS = len(ALL)  #: rows of Table 3
MIN_OCCURRENCES = 20_000  #: Section 3.2
TRAIN_IMAGES = 570_053  #: Section 3.2, after balancing
TEST_IMAGES = 104_545  #: Section 3.2

#: Section 3.3: the two challenges of 2020 that the paper names for orientation. Other data, other action units.
CHALLENGES = pd.DataFrame(
    [("ABAW 2020", "Aff-Wild2", 8, 0.31, 0.31), ("EmotioNet 2020", "EmotioNet, unpublished part", 23, 0.44, 0.55)],
    columns=["challenge", "data", "aus", "f1_low", "f1_high"],
).set_index("challenge")


@dataclass(frozen=True)
class Setting:
    """One setting of the recipe.

    Attributes:
        name: what is set.
        value: the value used here.
        source: "stated" by the paper, "chosen" by us because the paper is silent, or "not stated" where the paper
            is silent and no value of ours stands for it.
        where: section of the paper, or module here where the choice is made.
        note: what the paper says, or why we chose so.
    """

    name: str
    value: str
    source: Literal["stated", "chosen", "not stated"]
    where: str
    note: str = ""


def _stated(name: str, value: str, where: str, note: str = "") -> Setting:
    return Setting(name, value, "stated", where, note)


def _chosen(name: str, value: str, where: str, note: str) -> Setting:
    return Setting(name, value, "chosen", where, note)


#: Every setting of the recipe, with what the paper says about it.
SETTINGS: tuple[Setting, ...] = (
    _stated("datasets", "the six of Table 1", "2.1"),
    _stated("action units", "displayed at least 20,000 times", "3.2", "leaves the 13 of Table 2"),
    _stated("rows left out", "images unknown on all selected action units", "3.2"),
    _stated("training images", "570,053", "3.2", "after balancing, so repeats may be counted"),
    _stated("testing images", "104,545", "3.2"),
    _chosen("split", "by person (dataset, subject)", "aulib.splits", "the paper does not say how it split"),
    _chosen(
        "share of the testing part",
        "0.14 of the people",
        "aulib.splits",
        "the paper prints image counts only; the testing part is 14 % of the images of Table 1",
    ),
    _chosen(
        "validation data",
        "0.1 of the training people, held out",
        "aulib.pipeline",
        "the paper selects its best model without saying on which data",
    ),
    _stated("balancing", "displayed action units, by a multi-label balance optimizer", "3.2", "Rieger et al. (2020)"),
    _chosen(
        "balancing objective",
        "smallest max/min ratio of the counts, then least change",
        "aulib.balancing",
        "the optimizer's exact objective is not public",
    ),
    _chosen(
        "balancing limits",
        "0.5 to 3 times a group, 0.8 to 1.2 times all rows",
        "aulib.balancing",
        "not stated; Table 2 shows that the paper's counts were not made equal",
    ),
    _chosen("limits of datasets, people and coverage", "none", "aulib.balancing", "not stated"),
    _stated("color", "color information is used", "3.2"),
    _stated("pixel values", "[0, 1]", "3.2"),
    _chosen(
        "pixel order and mean",
        "RGB, no mean subtracted",
        "aulib.model",
        "not stated; VGG16's ImageNet weights were trained on BGR minus a mean, so pixels in [0, 1] shift its input",
    ),
    _chosen("input size", "224 x 224", "aulib.model", "not stated; the size VGG16 was trained at"),
    _chosen(
        "face crop and alignment",
        "square from brows to chin, by the dataset's landmarks, else by a detector; not rotated",
        "aulib.crops",
        "not stated; images already cropped, and those without a found face, are taken whole",
    ),
    _chosen("resize method", "area averaging down, bilinear up", "aulib.images", "not stated"),
    _chosen("augmentation", "none", "aulib.training", "none is mentioned"),
    _stated("network", "VGG16 pretrained on ImageNet, from Keras", "3.2"),
    _chosen(
        "between convolutions and dense layers",
        "flatten",
        "aulib.model",
        "not stated; flatten as in VGG16 itself, where pooling would also be possible",
    ),
    _stated("dense layers", "two of 256 units, each with ReLU and dropout 0.5", "3.2"),
    _chosen(
        "standardising of the features",
        "none",
        "aulib.model",
        "not mentioned; our other profiles standardise, since on few images the F1 loss fails without it",
    ),
    _stated("output", "sigmoid", "3.2", "one unit per action unit"),
    _stated("loss", "1 - macro F1 of probabilities, unknown labels left out", "3.1, Eq. 2"),
    _chosen("label without a known cell in a batch", "left out of the mean", "aulib.losses", "not stated"),
    _chosen(
        "label without a known positive in a batch",
        "F1 = 0, kept in the mean",
        "aulib.losses",
        "not stated; the formula taken literally, with a gradient of 0",
    ),
    _stated("optimizer", "Adam with AMSGrad, learning rate 0.0001", "3.2", 'stated "for finetuning"'),
    _stated("batch size", "256", "3.2"),
    _stated("first stage", "convolutional layers frozen", "3.2"),
    _stated("model kept", "highest mean of macro F1 and accuracy", "3.1"),
    _stated("second stage", "from the best model, last convolutional block fine-tuned", "3.2"),
    _chosen("epochs of each stage", "30", "aulib.training", "the paper gives 30 once, for neither stage alone"),
    _chosen(
        "learning rate of the first stage",
        "0.0001",
        "aulib.training",
        'the paper gives the rate "for finetuning"; used in both stages',
    ),
    _chosen(
        "layers trained in the second stage",
        "last block and dense layers",
        "aulib.training",
        "whether the dense layers go on learning is not stated",
    ),
    _chosen("threshold", "0.5", "aulib.metrics", "not stated; p >= 0.5 counts as displayed"),
    _chosen("undefined F1", "left out of the mean", "aulib.metrics", "does not occur in Table 2"),
    _stated("metrics", "macro F1 and mean accuracy per label, on known labels", "3.1, Eq. 1"),
    _stated("weighted F1", "by displayed rows of testing and of training", "Table 2"),
    Setting("random seed", "", "not stated", "profiles", "ours is a parameter of every notebook"),
    Setting("number of runs", "", "not stated", "", "Table 2 has no spread"),
    Setting("accuracy reached", "", "not stated", "", "defined in Eq. 1c, used for selection, never printed"),
)


def settings_table() -> pd.DataFrame:
    """Return :data:`SETTINGS` as a table with the columns value, source, where and note, indexed by setting.

    Example:
        >>> settings_table().loc["batch size", "source"]
        'stated'
    """
    rows = [(s.value, s.source, s.where, s.note) for s in SETTINGS]
    index = pd.Index([s.name for s in SETTINGS], name="setting")
    return pd.DataFrame(rows, columns=["value", "source", "where", "note"], index=index)
