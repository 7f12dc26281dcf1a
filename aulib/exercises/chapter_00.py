"""Exercises of chapter 0: faces whose every movement is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from aulib import facs
from aulib.adapters import registry
from aulib.exercises import _compare as compare
from aulib.exercises._registry import exercise
from aulib.exercises._verdict import WrongError


@exercise(
    "0.1",
    level="easy",
    expects="a list of names of datasets",
    hint="Start with one dataset: is AU25 in `registry.PAPER['unbc'].coded_aus()`, and is AU12?",
)
def codes_both(answer: object) -> str:
    """Datasets whose annotators looked for both AU12 and AU25."""
    coded = {name: {"AU12", "AU25"} & set(dataset.coded_aus()) for name, dataset in registry.PAPER.items()}
    right = {name for name, aus in coded.items() if len(aus) == 2}
    given = {str(name) for name in answer} if isinstance(answer, Iterable) and not isinstance(answer, str) else None
    if given == {name for name, aus in coded.items() if aus} != right:
        raise WrongError("These code at least one of the two; a laugh with parted lips needs both.")
    if given == set(coded) - right:
        raise WrongError("These are the datasets that do not code both; give the others.")
    compare.members(answer, right, "datasets")
    half = sorted(set(coded) - right)
    return f"In {', '.join(half) or 'no dataset'}, one of the two is unknown on every face, displayed or not."


@exercise(
    "0.2",
    level="easy",
    expects="a number from 0 to 1",
    hint="Count first, divide last: how many displayed cells does the truth have in all, and how many are lost?",
)
def share_lost(answer: object, *, true: pd.DataFrame, said: pd.DataFrame) -> str:
    """Share of the displayed action units of all labelled pictures that the readers do not know."""
    displayed, unknown = true.eq(1).to_numpy(dtype=bool), said.isna().to_numpy()
    lost = displayed & unknown
    by = pd.DataFrame({"lost": lost.sum(axis=1), "displayed": displayed.sum(axis=1)}, index=said.index)
    by = by.groupby(level="dataset").sum()
    known = {
        (by["lost"] / by["displayed"]).mean(): "it is the mean of the datasets' shares. Datasets have more or fewer "
        "displayed cells; a mean of ratios is not the ratio of the sums.",
        lost.sum() / unknown.sum(): "it divides by the unknown cells; the question is about the displayed ones.",
        lost.mean(): "it divides by all cells; the question is about the displayed ones.",
        1 - lost.sum() / displayed.sum(): "it is the share that the readers do know.",
    }
    found = compare.number(answer, lost.sum() / displayed.sum(), known=known, what="the share that is lost")
    return f"{found:.0%} of what these faces display is not in the files. A score on known labels never sees it."


@exercise(
    "0.3",
    level="medium",
    expects="a number of pairs",
    hint="A table of 0 and 1 times itself, turned, counts the rows on which two columns are both 1.",
)
def rare_pairs(answer: object, *, truth: pd.DataFrame, frequent: Sequence[str]) -> str:
    """Pairs of frequent action units that are possible and never occur together in the truth."""
    shown = truth[list(frequent)].to_numpy(dtype=float)
    one, other = np.nonzero(np.triu(shown.T @ shown == 0, k=1))
    pairs = [(frequent[i], frequent[k]) for i, k in zip(one, other, strict=True)]
    right = sum(not facs.excludes(*pair) for pair in pairs)
    known = compare.causes(
        (2 * right, "each pair is counted twice, as AU01 with AU02 and as AU02 with AU01."),
        (len(pairs) - right, "these are the pairs that the model forbids; the others are asked for."),
        (len(pairs), "these are all pairs that never occur, among them those that the model forbids."),
        (2 * len(pairs), "each pair is counted twice, and those that the model forbids are among them."),
    )
    compare.number(answer, right, known=known, what="the number of possible pairs that never occur")
    return f"{len(pairs) - right} pairs are impossible, {right} only did not come up. No count can tell the two apart."


@exercise(
    "0.4",
    level="medium",
    expects="a function of two images that returns a number",
    hint="Try your function on `np.uint8([10])` and `np.uint8([12])`, in both orders.",
)
def largest_difference(answer: object) -> str:
    """The largest difference of two images in any pixel and channel, in grey levels."""
    from aulib import synth  # the renderer is loaded when it is needed

    dark, light, dot = (np.full((2, 2, 3), level, np.uint8) for level in (10, 12, 0))
    dot[0, 0, 0] = 3
    faces = {au: synth.render_face({au: 4}, size=32, noise=0) for au in ("AU06", "AU07", "AU43", "AU45")}
    cases = [(light, dark), (dot, np.zeros_like(dot)), (dark, light)]
    cases += [(faces["AU43"], faces["AU45"]), (faces["AU06"], faces["AU07"])]
    reasons = [
        None,
        "One pixel that differs is enough to tell two images apart; a mean hides it.",
        "The order of the images must not matter, and uint8 has no negative numbers: 10 - 12 wraps around to 254.",
        "These are AU43 and AU45.",
        "These are AU06 and AU07.",
    ]
    compare.function(answer, lambda a, b: np.abs(a.astype(int) - b.astype(int)).max(), cases, reasons=reasons)
    return "AU43 and AU45 differ by 0, AU06 and AU07 do not: no single image tells the first pair apart."


#: Contents of two folders, whether they are the same, and what a wrong answer means.
_FOLDERS: tuple[tuple[dict[str, bytes], dict[str, bytes], bool, str], ...] = (
    ({"a": b"1", "s/b": b"2"}, {"a": b"1", "s/b": b"2"}, True, "Both folders hold the same files. Compare paths "
     "relative to the folder."),
    ({"a": b"1"}, {"a": b"2"}, False, "The names and sizes agree, the bytes do not."),
    ({"a": b"1"}, {"a": b"1", "b": b"2"}, False, "The second folder has one more file."),
    ({"a": b"1", "b": b"2"}, {"a": b"1"}, False, "The first folder has one more file."),
    ({"s/b": b"2"}, {"s/b": b"3"}, False, "The files that differ lie in a folder of the folder."),
    ({"s/b": b"2"}, {"t/b": b"2"}, False, "The files have the same names, in folders of different names."),
)  # fmt: skip


@exercise(
    "0.5",
    level="hard",
    expects="a function of two folders that returns True or False",
    hint="`folder.rglob('*')` finds everything below a folder; keep what `is_file()`, and read the bytes.",
)
def same_files(answer: object) -> str:
    """Whether two folders hold the same files with the same bytes."""
    with TemporaryDirectory() as temporary:
        cases = [
            (_written(Path(temporary) / f"{n}a", one), _written(Path(temporary) / f"{n}b", other))
            for n, (one, other, _, _) in enumerate(_FOLDERS)
        ]
        right = {case: same for case, (_, _, same, _) in zip(cases, _FOLDERS, strict=True)}
        # the folders are gone when the message is read, so it shows what was in them
        reasons = [f"{reason} They held {one} and {other}." for one, other, _, reason in _FOLDERS]
        compare.function(answer, lambda *case: right[case], cases, reasons=reasons)
    return "With it you can show that a number of workers changes no byte. A claim of equality is worth its test."


def _written(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
