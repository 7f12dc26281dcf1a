"""The reference of action units: an overview, then for each what moves, who codes it and how it is rendered."""

from __future__ import annotations

import pandas as pd

from aulib import facs, synth
from aulib.adapters.registry import DATASETS, Dataset
from aulib.book import _faces

#: What a beginner looks for. Our own words; the criteria by which coders decide are in the manual.
LOOK_FOR = {
    "AU01": "the inner ends of the brows go up, and the middle of the forehead may wrinkle",
    "AU02": "the outer ends of the brows go up, and the arch of the brow becomes steeper",
    "AU04": "the brows come down and together, with upright furrows between them",
    "AU05": "the upper lids go up, and white shows above the iris",
    "AU06": "the cheeks go up and narrow the eyes from below, with wrinkles at their outer corners",
    "AU07": "the lids tighten, the lower ones most, and the eyes become narrow",
    "AU09": "the nose shortens, with wrinkles along its root; the inner brows come down a little",
    "AU10": "the middle of the upper lip goes up and may bare the teeth; the fold beside the nose becomes an arch",
    "AU11": "the fold beside the nose deepens in its upper half, and little else changes",
    "AU12": "the corners of the lips go back and up, towards the ears",
    "AU13": "the corners of the lips go straight up, and the cheeks fill out above them",
    "AU14": "the corners of the lips tighten inwards and leave dimples",
    "AU15": "the corners of the lips go down",
    "AU16": "the lower lip goes down and shows the lower teeth",
    "AU17": "the chin goes up, pushes the lower lip up, and its skin becomes uneven",
    "AU18": "the lips come forward and together, small and round, as if around a string",
    "AU19": "the tongue shows between the lips",
    "AU20": "the corners of the lips go sideways, and the mouth becomes wide and flat",
    "AU21": "cords and folds stand out on the neck",
    "AU22": "the lips form a funnel and turn outwards, with teeth behind",
    "AU23": "the lips tighten and become narrow, with fine lines around them",
    "AU24": "the lips press against each other and become thin, without the chin going up",
    "AU25": "the lips part",
    "AU26": "the jaw hangs down, by its own weight",
    "AU27": "the jaw is pulled open wide, and the mouth becomes tall",
    "AU28": "the lips go in over the teeth and disappear",
    "AU29": "the lower jaw comes forward",
    "AU30": "the lower jaw goes to one side",
    "AU31": "a bulge appears at the angle of the jaw, because the teeth are clenched",
    "AU32": "the teeth hold the lip",
    "AU33": "the cheeks swell while air leaves the lips",
    "AU34": "the cheeks swell, and the lips stay closed",
    "AU37": "the tongue moves along the lips",
    "AU38": "the wings of the nose go out, and the nostrils widen",
    "AU39": "the wings of the nose come in, and the nostrils narrow",
    "AU43": "the eyes are closed for some time",
    "AU44": "the eyes narrow strongly, from above and below",
    "AU45": "the eyes close and open again, quickly",
    "AU46": "one eye closes",
    "AU51": "the head turns to the person's left",
    "AU52": "the head turns to the person's right",
    "AU53": "the chin goes up with the head",
    "AU54": "the chin goes down with the head",
    "AU55": "the head tilts to the person's left shoulder",
    "AU56": "the head tilts to the person's right shoulder",
}

_PARTS = {"upper": "Upper face", "lower": "Lower face", "head": "Head"}
#: Short names for the heads of narrow columns.
_SHORT = {"Aff-Wild2": "AW2", "EmotioNet manual": "EN", "BP4D+": "B+", "DISFA+": "D+", "RAF-AU": "RAF"}


def overview() -> str:
    """Return one table of all action units and the datasets whose list is public."""
    known = _listed()
    heads = ["AU", "Name", "Rendered", *(_SHORT.get(facts.title, facts.title) for facts in known)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for unit in facs.CATALOGUE.values():
        marks = [_mark(unit.code, facts) for facts in known]
        cells = [f"{{ref}}`{unit.code} <{anchor(unit.code)}>`", unit.name, _verdict(unit.code), *marks]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def gallery() -> str:
    """Return a section for each action unit, with faces."""
    found = synth.recognition()
    parts = []
    for part, heading in _PARTS.items():
        units = [unit for unit in facs.CATALOGUE.values() if unit.part == part]
        parts += [f"## {heading}", *(_section(unit, found.units) for unit in units)]
    return "\n\n".join(parts) + f"\n\n*{found.source}.*\n"


def anchor(code: str) -> str:
    """Return the label by which pages link to an action unit.

    Example:
        >>> anchor("AU04")
        'au-04'
    """
    return f"au-{code.removeprefix('AU')}"


def _section(unit: facs.ActionUnit, measured: pd.DataFrame) -> str:
    title = f"({anchor(unit.code)})=\n### {unit.code}, {unit.name.lower()}"
    facts = [
        f"* Look for: {LOOK_FOR[unit.code]}.",
        f"* Muscles: {'; '.join(unit.muscles) or 'FACS names none'}. Region: {unit.region}.",
        f"* Coded by: {_coders(unit.code)}.",
        f"* On rendered faces: {_recognised(unit.code, measured)}.",
    ]
    return "\n\n".join(filter(None, (title, _pictures(unit), "\n".join(facts))))


def _pictures(unit: facs.ActionUnit) -> str:
    if not unit.renderable:
        return ""
    shown = ["![The same synthetic face, neutral](generated/faces/neutral.webp)"]
    for level in _faces.SHOWN:
        letter = facs.INTENSITY_LETTERS[level - 1]
        alt = f"Synthetic face with {unit.code} at intensity {letter}: {LOOK_FOR[unit.code]}"
        shown.append(f"![{alt}](generated/faces/{_faces.picture(unit.code, level)})")
    return "\n".join(shown)


def _listed() -> list[Dataset]:
    """The datasets of which it is public what they code."""
    return [facts for facts in DATASETS.values() if any(facts.coded.values()) and facts.coded_aus() != facs.ALL]


def _releases(code: str, facts: Dataset) -> list[str]:
    return [release for release, aus in facts.coded.items() if code in aus]


def _mark(code: str, facts: Dataset) -> str:
    if not _releases(code, facts):
        return ""
    return "A-E" if code in facts.intensity else "yes"


def _coders(code: str) -> str:
    named = []
    for facts in _listed():
        releases = _releases(code, facts)
        if releases:
            word = "release" if len(releases) == 1 else "releases"
            some = f" ({word} {', '.join(releases)})" if len(releases) < len(facts.coded) else ""
            named.append(facts.title + some + (" with intensity" if code in facts.intensity else ""))
    return ", ".join(named) or "none of the datasets whose list is public"


def _verdict(code: str) -> str:
    """In a word, how well the best network of the measurement recognises an action unit."""
    if not facs.CATALOGUE[code].renderable:
        return "not rendered"
    return str(synth.recognition().units.loc[code, "tuned_all_verdict"])


def _recognised(code: str, measured: pd.DataFrame) -> str:
    if not facs.CATALOGUE[code].renderable:
        return "cannot be shown by this head; it never occurs in the corpus"
    row = measured.loc[code]
    low, high = (f"{row[f'tuned_all_{end}']:.2f}" for end in ("low", "high"))
    return (
        f"{row['tuned_all_verdict']} (area under the ROC curve {row['tuned_all_auc']:.2f}, "
        f"95 % interval {low} to {high}; "
        f"{row['displayed']:.0f} faces of {row['people']:.0f} unseen people display it)"
    )
