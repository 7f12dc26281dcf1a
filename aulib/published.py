"""Published against recomputed: what the paper's own numbers, and its datasets' documents, let us compute again.

Everything here starts from :mod:`aulib.paper`. No image, no model and no synthetic number takes part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from aulib import facs, missingness, paper
from aulib.adapters.registry import DATASETS
from aulib.synth import rates

#: What a check can end with. "consistent, no proof": the number fits, but only under assumptions that the paper does
#: not state, or other numbers would fit as well.
VERDICTS = ("agrees", "agrees within rounding", "consistent, no proof", "disagrees")

#: Rows of EmotioNet's manually labelled file, after the page of the challenge of 2020.
EMOTIONET_ROWS = 24_600

#: Action units that, in the words of Section 3.3, EmotioNet has and the threshold took away.
EMOTIONET_EXCEPT = ("AU07", "AU14", "AU23")

_HALF = 0.005  # a printed F1 stands for values up to this far from it


@dataclass(frozen=True)
class Check:
    """One claim of the paper, computed again.

    Attributes:
        claim: what is claimed, in our words.
        where: section or table of the paper.
        published: the claim's value, as printed.
        recomputed: the value found here.
        tolerance: how far the two may differ, and why; empty where the claim is not a rounded number.
        verdict: one of :data:`VERDICTS`.
        evidence: how the value was found, and how far it reaches.
    """

    claim: str
    where: str
    published: str
    recomputed: str
    tolerance: str
    verdict: str
    evidence: str


def checks() -> pd.DataFrame:
    """Compute again every number and every countable sentence of the paper for which its own text suffices.

    Returns:
        A row for each claim, in the order of the paper, with the columns of :class:`Check`; all are text.

    Example:
        >>> table = checks().set_index("claim")
        >>> table.loc["Macro F1 over the 13 action units", ["published", "recomputed"]].tolist()
        ['0.58', '0.5838']
    """
    found = [check for part in _PARTS for check in part()]
    return pd.DataFrame([asdict(check) for check in found], columns=[field.name for field in fields(Check)])


def not_recomputable() -> pd.DataFrame:
    """List the numbers of the paper that cannot be computed again without what was not published, with the reason.

    Returns:
        A row for each number or group of numbers: ``claim``, ``where``, ``published`` and ``reason``; all are text.

    Example:
        >>> not_recomputable().set_index("claim").loc["F1 of each action unit", "where"]
        'Table 2'
    """
    return pd.DataFrame(_OPEN, columns=["claim", "where", "published", "reason"])


def correlation_with_f1(part: str) -> float:
    """Correlation, over the 13 action units, of the F1 with the displayed rows of a part in Table 2.

    Args:
        part: "train" or "test".

    Example:
        >>> round(correlation_with_f1("test"), 2)
        0.87
    """
    return float(np.corrcoef(paper.TABLE_2[part], paper.TABLE_2["f1"])[0, 1])


def variation(part: str) -> float:
    """Standard deviation of the displayed rows of a part ("train" or "test") in Table 2, divided by their mean.

    Example:
        >>> round(variation("train"), 3)
        0.185
    """
    return float(paper.TABLE_2[part].std(ddof=0) / paper.TABLE_2[part].mean())


def _verdict(published: float, recomputed: float, tolerance: float) -> str:
    if np.isclose(published, recomputed, rtol=0, atol=1e-12):
        return "agrees"
    return "agrees within rounding" if abs(published - recomputed) <= tolerance else "disagrees"


def _unless_wrong(fits: bool, verdict: str) -> str:
    return verdict if fits else "disagrees"


def _missing_rate() -> Iterator[Check]:
    images, cells = paper.TABLE_1["images"], paper.ACTION_UNITS * paper.TABLE_1["images"].sum()
    known = [(1 - paper.MISSING_RATE + side * 0.00005) * paper.ACTION_UNITS for side in (-1, 1)]
    lists = ", ".join(f"{DATASETS[name].title} {size}" for name, size in missingness.PAPER_MASKS.items())
    rate, found = missingness.paper_missing_rate(), missingness.mask_combinations()
    trained = missingness.paper_missing_rate(_trained_lists().to_dict(), aus=len(facs.PAPER_13))
    yield Check(
        claim="Share of unknown labels in the combined database",
        where="Section 1",
        published=f"{paper.MISSING_RATE:.2%}",
        recomputed=f"{rate:.3%}",
        tolerance="± 0.005 points: printed with two decimals",
        verdict=_unless_wrong(abs(rate - paper.MISSING_RATE) <= 0.00005, "consistent, no proof"),
        evidence=f"Of {paper.ACTION_UNITS} action units x {images.sum():,} images, {cells:,} cells, the printed rate "
        f"leaves {known[0]:.3f} to {known[1]:.3f} known cells an image. Lists of action units that each dataset may "
        f"have coded on all its images ({lists}; UNBC's 10 and one that occurs in few files) give the rate; so do "
        f"{len(found) - 1} others of {found.attrs['tried']:,} plausible combinations. {_coded_frames_only()} The "
        f"rate is about all {paper.ACTION_UNITS} action units: of the {len(facs.PAPER_13)} that are trained, the "
        f"same datasets' documents leave {trained:.1%} unknown.",
    )


def _trained_lists() -> pd.Series:
    """Number of the 13 action units that each dataset documents; BP4D's files and its benchmark agree on them."""
    return missingness.table_3().loc[list(facs.PAPER_13)].sum()


def _coded_frames_only() -> str:
    """Say which lists fit the missing rate if BP4D's uncoded frames are unknown."""
    images = paper.TABLE_1["images"].astype(float)
    coded = images.where(images.index != "bp4d", rates.BP4D_FRAMES)
    sizes = np.meshgrid(*missingness.PLAUSIBLE_MASKS.values(), indexing="ij")
    known = sum(size * rows for size, rows in zip(sizes, coded, strict=True))
    missing = 1 - known / (paper.ACTION_UNITS * images.sum())
    fits = np.abs(missing - paper.MISSING_RATE) <= 0.00005
    documented = len(DATASETS["bp4d"].coded_aus())
    all_coded = fits & (sizes[list(coded.index).index("bp4d")] == documented)
    return (
        f"If BP4D's frames without a line in its files count as unknown ({rates.BP4D_FRAMES:,} have one), "
        f"{fits.sum()} combinations fit, {all_coded.sum()} of them with all {documented} units that its files code."
    )


def _images_per_person() -> Iterator[Check]:
    for row in paper.TABLE_1.itertuples():
        ratio = row.images / row.subjects
        yield Check(
            claim=f"Images per person, {row.name}",
            where="Table 1",
            published=f"{row.images_per_person:,}",
            recomputed=f"{ratio:,.2f}".removesuffix(".00"),
            tolerance="± 0.5: printed as a whole number",
            verdict=_verdict(row.images_per_person, ratio, 0.5),
            evidence=f"{row.images:,} / {row.subjects:,}.",
        )


#: Dataset -> what its documents count, in number and words, and what that means for Table 1.
_DOCUMENTED = {
    "bp4d": (
        rates.BP4D_FRAMES,
        "frames have a line in its annotation files",
        "Table 1 says images, not labelled images. Whether the other frames stayed unknown is not said; the missing "
        "rate and the size of the training set depend on it.",
    ),
    "ck_plus": (
        rates.CK_PLUS_SEQUENCES,
        "sequences have a label, that of the last frame",
        "Section 2.1 mentions datasets with one value for a whole sequence. Whether all images of a sequence took it, "
        "also the neutral ones at its beginning, is not said.",
    ),
    "emotionet": (
        EMOTIONET_ROWS,
        "rows in the manually labelled file",
        "A few fewer than documented; perhaps they could not be read, or showed no face.",
    ),
    "unbc": (
        rates.UNBC_FRAMES,
        "annotated frames in the archive",
        "One fewer than documented; which one is left out is not said.",
    ),
}


def _documented_images() -> Iterator[Check]:
    for name, (count, what, meaning) in _DOCUMENTED.items():
        images = paper.TABLE_1.loc[name, "images"]
        yield Check(
            claim=f"Images of {paper.TABLE_1.loc[name, 'name']}, against its documents",
            where="Table 1",
            published=f"{images:,}",
            recomputed=f"{count:,} {what}",
            tolerance="",
            verdict="agrees" if images == count else "consistent, no proof",
            evidence=meaning,
        )


def _selection() -> Iterator[Check]:
    table, least = paper.TABLE_2, paper.MIN_OCCURRENCES
    bp4d = {facs.code(number) for number, count in rates.BP4D_COUNTS.items() if count >= least}
    beyond = sorted(set(table.index) - bp4d)
    yield Check(
        claim="The action units displayed at least 20,000 times are those of Table 2",
        where="Section 3.2",
        published=f"{len(table)} action units",
        recomputed=f"{len(bp4d & set(table.index))} of them in BP4D's files alone",
        tolerance="",
        verdict=_unless_wrong(bp4d <= set(table.index), "consistent, no proof"),
        evidence=f"{len(bp4d)} action units reach {least:,} among BP4D's {rates.BP4D_FRAMES:,} annotated frames, and "
        f"all of them are in Table 2; {', '.join(beyond)}, which BP4D does not code, must get there by the other "
        "datasets. Whether a further one gets there too, their public documents do not say.",
    )


def _threshold() -> Iterator[Check]:
    table, least = paper.TABLE_2, paper.MIN_OCCURRENCES
    reached = int((table["test"] >= least).sum())
    yield Check(
        claim="Every selected action unit has at least 20,000 displayed images",
        where="Table 2",
        published=f"{least:,}",
        recomputed=f"{table['train'].min():,} or more in training",
        tolerance="",
        verdict=_unless_wrong(bool((table["train"] >= least).all()), "consistent, no proof"),
        evidence="The threshold is about images before balancing; Table 2 counts training images after it, repeats "
        f"included. Its testing counts, where nothing is said to be balanced, reach it for {reached} of {len(table)}.",
    )


def _left_out() -> Iterator[Check]:
    fewest = int(_trained_lists().min())
    yield Check(
        claim="Images that are unknown on all selected action units are left out",
        where="Section 3.2",
        published="in words",
        recomputed=f"none by lists alone: each dataset codes {fewest} or more of the {len(facs.PAPER_13)}",
        tolerance="",
        verdict="consistent, no proof",
        evidence="If every image of a dataset had the labels of its list, the rule would have nothing to do. If not, "
        "there were images without labels, as frames that nobody coded or hidden faces; how many is not printed.",
    )


def _sizes() -> Iterator[Check]:
    total, used = int(paper.TABLE_1["images"].sum()), paper.TRAIN_IMAGES + paper.TEST_IMAGES
    yield Check(
        claim="Training and testing images, against Table 1",
        where="Section 3.2",
        published=f"{paper.TRAIN_IMAGES:,} + {paper.TEST_IMAGES:,}",
        recomputed=f"{used:,} of {total:,}",
        tolerance="",
        verdict=_unless_wrong(paper.TEST_IMAGES < total, "consistent, no proof"),
        evidence=f"The testing part is {paper.TEST_IMAGES / total:.2%} of Table 1. The training images are counted "
        f"after balancing, which repeats and leaves out, so the {total - used:,} in between say nothing.",
    )


def _balanced() -> Iterator[Check]:
    displayed = {
        part: paper.TABLE_2[part].sum() / size
        for part, size in (("train", paper.TRAIN_IMAGES), ("test", paper.TEST_IMAGES))
    }
    spread = {part: paper.TABLE_2[part].max() / paper.TABLE_2[part].min() for part in displayed}
    yield Check(
        claim="The displayed action units of the training set are balanced",
        where="Section 3.2",
        published="in words",
        recomputed=f"largest / smallest count {spread['train']:.3f}, in testing {spread['test']:.3f}",
        tolerance="",
        verdict=_unless_wrong(spread["train"] < spread["test"], "consistent, no proof"),
        evidence="More even than the testing counts, and not equal, so limits or a penalty were at work. The counts "
        f"before balancing are not printed. Displayed action units an image: {displayed['train']:.2f} in training, "
        f"{displayed['test']:.2f} in testing.",
    )


def _averages() -> Iterator[Check]:
    f1, counts = paper.TABLE_2["f1"], paper.TABLE_2
    means = {
        "Macro F1 over the 13 action units": (paper.MACRO_F1, f1.mean()),
        "Weighted F1, check mark under Test": (paper.WEIGHTED_F1_TEST, np.average(f1, weights=counts["test"])),
        "Weighted F1, check mark under Train": (paper.WEIGHTED_F1_TRAIN, np.average(f1, weights=counts["train"])),
    }
    for claim, (printed, mean) in means.items():
        yield Check(
            claim=claim,
            where="Table 2",
            published=f"{printed:.2f}",
            recomputed=f"{mean:.4f}",
            tolerance="± 0.01: the rows and the mean are rounded",
            verdict=_verdict(printed, mean, 2 * _HALF),
            evidence=f"From the printed rows; the unrounded rows allow {mean - _HALF:.4f} to {mean + _HALF:.4f}.",
        )


def _check_marks() -> Iterator[Check]:
    test, train = (np.average(paper.TABLE_2["f1"], weights=paper.TABLE_2[part]) for part in ("test", "train"))
    swapped = abs(train - paper.WEIGHTED_F1_TEST) <= 2 * _HALF or abs(test - paper.WEIGHTED_F1_TRAIN) <= 2 * _HALF
    yield Check(
        claim="The two check marks stand in the right columns",
        where="Table 2",
        published=f"Test {paper.WEIGHTED_F1_TEST:.2f}, Train {paper.WEIGHTED_F1_TRAIN:.2f}",
        recomputed=f"Test {test:.3f}, Train {train:.3f}",
        tolerance="± 0.01 each",
        verdict="consistent, no proof" if swapped else "agrees",
        evidence="Exchanged, neither value could come out, whatever was rounded away.",
    )


def _gains() -> tuple[dict[str, float], dict[str, float]]:
    """Weighted minus plain mean of the F1, by training and by testing counts, and how far rounding can move each."""
    f1, counts = paper.TABLE_2["f1"], paper.TABLE_2[["train", "test"]]
    weights = counts / counts.sum()
    gain = {part: float(weights[part] @ f1 - f1.mean()) for part in counts}
    error = {part: float(_HALF * (weights[part] - 1 / len(f1)).abs().sum()) for part in counts}
    return gain, error


def _influence() -> Iterator[Check]:
    (gain, error), blind = _gains(), _always_displayed()
    yield Check(
        claim="The number of occurrences influences the result",
        where="Section 3.3",
        published="weighted means above the plain one",
        recomputed="weighted minus plain: " + ", ".join(f"{part} {gain[part]:+.3f}" for part in gain),
        tolerance=f"± {error['train']:.3f} (train), {error['test']:.3f} (test): the rows are rounded",
        verdict=_unless_wrong(all(gain[part] > error[part] for part in gain), "consistent, no proof"),
        evidence=f"F1 goes with the counts (correlation {correlation_with_f1('train'):.2f} with training, "
        f"{correlation_with_f1('test'):.2f} with testing). But F1 rises with prevalence by itself: the answer "
        f'"always displayed" would get {blind["plain"]:.2f} in the plain mean and {blind["test"]:.2f} weighted by '
        "testing if all labels were known. So an influence on learning does not follow.",
    )


def _higher_influence() -> Iterator[Check]:
    gain, error = _gains()
    yield Check(
        claim="The influence of the testing distribution is the higher one",
        where="Section 3.3",
        published="in words",
        recomputed=", ".join(f"{part} {gain[part]:+.3f}" for part in gain),
        tolerance=f"± {error['train']:.3f} (train), {error['test']:.3f} (test): the rows are rounded",
        verdict=_unless_wrong(gain["test"] - error["test"] > gain["train"] + error["train"], "agrees"),
        evidence=f"{gain['test'] / gain['train']:.2f} times as large.",
    )


def _always_displayed() -> dict[str, float]:
    """Means of the F1 of "always displayed" over Table 2's testing counts, taking every label as known."""
    prevalence = paper.TABLE_2["test"] / paper.TEST_IMAGES
    f1 = 2 * prevalence / (1 + prevalence)
    return {"plain": float(f1.mean()), "test": float(np.average(f1, weights=paper.TABLE_2["test"]))}


def _variance() -> Iterator[Check]:
    gain, spread = _gains()[0], {part: variation(part) for part in ("train", "test")}
    absolute = {part: paper.TABLE_2[part].std(ddof=0) for part in spread}
    by_spread = spread["test"] / spread["train"]
    by_correlation = correlation_with_f1("test") / correlation_with_f1("train")
    yield Check(
        claim="The reason is the higher variance of the testing distribution",
        where="Section 3.3",
        published="assumed",
        recomputed=f"standard deviation / mean: testing {spread['test']:.3f}, training {spread['train']:.3f}",
        tolerance="",
        verdict=_unless_wrong(by_spread > 1, "agrees"),
        evidence="Weighted minus plain mean is exactly (correlation of F1 and counts) x (deviation / mean of the "
        f"counts) x (deviation of F1). Of the factor {gain['test'] / gain['train']:.2f} between the two, "
        f"{by_spread:.2f} comes from the spread of the counts and {by_correlation:.2f} from the correlation. It is the "
        f"relative spread that matters: in images, the training counts vary more ({absolute['train']:,.0f} against "
        f"{absolute['test']:,.0f}).",
    )


def _challenges() -> Iterator[Check]:
    for challenge, name in zip(paper.CHALLENGES.itertuples(), ("aff_wild2", "emotionet"), strict=True):
        coded = DATASETS[name].coded_aus()
        yield Check(
            claim=f"Action units of the challenge {challenge.Index}",
            where="Section 3.3",
            published=str(challenge.aus),
            recomputed=str(len(coded)),
            tolerance="",
            verdict=_verdict(challenge.aus, len(coded), 0),
            evidence=f"{_numbers(coded)}, after the dataset's documents.",
        )


def _except_au20() -> Iterator[Check]:
    coded = DATASETS["aff_wild2"].coded_aus()
    lacks = [au for au in coded if au not in facs.PAPER_13]
    yield Check(
        claim="All of Aff-Wild2's action units are included, except AU20",
        where="Section 3.3",
        published="AU20",
        recomputed=", ".join(lacks),
        tolerance="",
        verdict=_unless_wrong(lacks == ["AU20"], "agrees"),
        evidence=f"Release of 2020; {len(coded) - len(lacks)} of its {len(coded)} are among the {len(facs.PAPER_13)}. "
        "That AU20 stays below the threshold cannot be counted from public documents.",
    )


def _except_three() -> Iterator[Check]:
    coded, trained, named = DATASETS["emotionet"].coded_aus(), facs.PAPER_13, set(EMOTIONET_EXCEPT)
    out = [au for au in coded if au not in trained]
    reverse = {au for au in trained if au not in coded} == named
    yield Check(
        claim="All of EmotioNet's action units are included, except AU07, AU14 and AU23",
        where="Section 3.3",
        published=", ".join(EMOTIONET_EXCEPT),
        recomputed=f"{len(out)} others: {_numbers(out)}",
        tolerance="",
        verdict=_unless_wrong(set(out) == named, "agrees"),
        evidence=f"Of the three, {len(named & set(coded)) or 'none'} is among the {len(coded)} that EmotioNet codes, "
        f"and {len(named & set(trained))} are in Table 2, so no threshold took them away."
        + reverse
        * f" Read the other way round, the sentence is right: EmotioNet codes all {len(trained)} but these.",
    )


def _supersedes() -> Iterator[Check]:
    f1, top = paper.TABLE_2["f1"], paper.CHALLENGES["f1_high"]
    shared = {name: f1[f1.index.isin(DATASETS[name].coded_aus())] for name in ("aff_wild2", "emotionet")}
    subsets = " and ".join(
        f"{part.mean():.2f} over the {len(part)} that {DATASETS[name].title} codes" for name, part in shared.items()
    )
    yield Check(
        claim="The macro F1 exceeds that of both challenges",
        where="Section 4",
        published=f"{paper.MACRO_F1:.2f} against {' and '.join(f'{value:.2f}' for value in top)}",
        recomputed=f"{f1.mean():.3f}; {subsets}",
        tolerance="± 0.005: the rows are rounded",
        verdict=_unless_wrong(f1.mean() - _HALF > top.max(), "consistent, no proof"),
        evidence="The number is larger. But these are means over other action units, on other images, and Section 3.3 "
        "itself says that a direct comparison is not possible. Over shared action units the images still differ.",
    )


def _table_3() -> Iterator[Check]:
    table, files = missingness.table_3(), DATASETS["bp4d"]
    others = table.drop(columns="actor_study")
    benchmark = others.assign(bp4d=table.index.isin(files.benchmark))
    alone = {"all": int((~others.any(axis=1)).sum()), "benchmark": int((~benchmark.any(axis=1)).sum())}
    yield Check(
        claim="Table 3 has a row for every action unit that some dataset codes",
        where="Table 3",
        published=f"{paper.ACTION_UNITS} rows",
        recomputed=f"{int(others.any(axis=1).sum())} documented for five of the datasets",
        tolerance="",
        verdict=_unless_wrong(alone["all"] <= alone["benchmark"], "consistent, no proof"),
        evidence=f"The marks are lost in the text that we have. Actor Study must code the {alone['all']} rows that no "
        f"other dataset documents, or {alone['benchmark']} if of BP4D only its benchmark counts. AU35 and AU36, "
        "columns of BP4D's files without a single display, have no row.",
    )


def _subsets() -> Iterator[Check]:
    table = missingness.table_3()
    different = len({tuple(column) for _, column in table.items()})
    yield Check(
        claim="Each dataset annotates another subset of action units",
        where="Section 1",
        published="in words",
        recomputed=f"{different} different lists in {table.shape[1]} datasets",
        tolerance="",
        verdict=_unless_wrong(different == table.shape[1], "agrees"),
        evidence="From the datasets' documents; for Actor Study no list is public, and all rows are taken.",
    )


def _numbers(aus: Iterable[str]) -> str:
    return ", ".join(str(int(au.removeprefix("AU"))) for au in aus)


#: In the order of the paper.
_PARTS = (
    *(_missing_rate, _subsets, _images_per_person, _documented_images, _selection, _threshold, _balanced, _left_out),
    *(_sizes, _averages, _check_marks, _challenges, _except_au20, _except_three, _influence, _higher_influence),
    *(_variance, _supersedes, _table_3),
)


_F1 = ", ".join(f"{value:.2f}" for value in paper.TABLE_2["f1"])
_TOP = [f"{row.f1_low:.2f}" if row.f1_low == row.f1_high else f"{row.f1_low:.2f} to {row.f1_high:.2f}"
        for row in paper.CHALLENGES.itertuples()]  # fmt: skip

_OPEN = (
    (
        "F1 of each action unit",
        "Table 2",
        _F1,
        "Needs the six licensed datasets, the split, the face crops, the seed and the trained network.",
    ),
    (
        "Accuracy",
        "Eq. 1c",
        "not printed",
        "Defined, and used to choose the best model; its value is given nowhere.",
    ),
    (
        "Displayed images of each action unit in testing",
        "Table 2",
        f"{paper.TABLE_2['test'].min():,} to {paper.TABLE_2['test'].max():,}",
        "Needs the split. Whether people are kept apart, and on which images the model was chosen, is not said.",
    ),
    (
        "Displayed images of each action unit in training",
        "Table 2",
        f"{paper.TABLE_2['train'].min():,} to {paper.TABLE_2['train'].max():,}",
        "Needs the split and the balancing optimizer's objective and limits.",
    ),
    (
        "Training images",
        "Section 3.2",
        f"{paper.TRAIN_IMAGES:,}",
        "Counted after balancing: see above. How many images were left out as unknown throughout is not printed.",
    ),
    (
        "Testing images",
        "Section 3.2",
        f"{paper.TEST_IMAGES:,}",
        "Needs the split.",
    ),
    (
        "People and images of each dataset",
        "Table 1",
        f"{paper.TABLE_1['subjects'].sum():,} people, {paper.TABLE_1['images'].sum():,} images in all",
        "Needs the releases that the authors held, and their rule for unusable images.",
    ),
    (
        "Marks of Table 3; bars of Figures 1 and 2",
        "Table 3, Figures 1 and 2",
        "drawn",
        "In the text that we have, every cell of the table has the same mark and the figures have no bars.",
    ),
    (
        "Scores of the two challenges",
        "Section 3.3",
        " and ".join(_TOP),
        "Results of others, on images whose labels were not published. We take them over as the paper quotes them.",
    ),
    (
        "Spread over seeds, or an interval",
        "Table 2",
        "not printed",
        "One value for each action unit; the number of runs is not said.",
    ),
    (
        "Learning rate, batch size, epochs, units, dropout",
        "Section 3.2",
        "0.0001, 256, 30, 256, 0.5",
        "Settings, not results. They are followed; there is nothing to compute.",
    ),
)
