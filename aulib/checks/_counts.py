"""Checks of amounts: people, images and action units against the registry, and sequences against each other."""

from __future__ import annotations

from aulib import facs
from aulib.adapters.base import INTENSITY_COLUMNS
from aulib.checks._findings import NOTE, OK, PROBLEM, SKIPPED, Finding, normal, place
from aulib.checks._reading import Reading

# So many missing people are named.
_NAMED = 8


def people(reading: Reading) -> Finding:
    """The number of people against the registry, and who is missing, where a document lists them."""
    there, total, usual = set(reading.table["subject"]), reading.facts.subjects, normal(reading)
    if total is None:
        return Finding("people", SKIPPED, 0, "the number of people is not documented")
    absent = [subject for subject in usual.subjects if subject not in there]
    if len(there) == total and not absent:
        return Finding("people", OK, 0, f"{total:,}, as {_counted(reading)}")
    level = PROBLEM if not (reading.options.subset or usual.people) else NOTE
    message = f"{len(there):,} found, {total:,} {_counted(reading)}" + (f"; {usual.people}" if usual.people else "")
    named = ", ".join(absent[:_NAMED]) + (", ..." if len(absent) > _NAMED else "")
    count = max(abs(total - len(there)), len(absent))
    return Finding("people", level, count, message + (f"; missing: {named}" if absent else ""))


def images(reading: Reading) -> Finding:
    """The number of images against the registry; which frames a publication counts is rarely said, so only a note."""
    found, expected = int(reading.table["image"].notna().sum()), reading.facts.images
    if expected is None:
        return Finding("images", SKIPPED, 0, "the number of images is not documented")
    if found == expected:
        return Finding("images", OK, 0, f"{found:,} with labels, as {_counted(reading)}")
    message = f"{found:,} with labels, {expected:,} {_counted(reading)}"
    return Finding("images", NOTE, abs(expected - found), message)


def coded_units(reading: Reading) -> Finding:
    """Action units that the release codes must be known somewhere; others must not be known everywhere."""
    if not reading.coded or not reading.facts.verified:
        return Finding("action units", SKIPPED, 0, "which action units are coded is not documented")
    known = {au for au in facs.ALL if reading.table[au].notna().any()}
    absent = [au for au in reading.coded if au not in known]
    others = sorted(known - set(reading.coded))
    if absent:
        message = f"coded by the dataset, but known in no row: {', '.join(absent)}"
        return Finding("action units", PROBLEM, len(absent), message)
    if others:
        message = f"known in some rows, though not looked for throughout: {', '.join(others)}"
        return Finding("action units", NOTE, len(others), message)
    return Finding("action units", OK, 0, f"all {len(reading.coded)} coded ones are known")


def coverage(reading: Reading) -> Finding | None:
    """Labels and intensities that other sequences have and one has nowhere: often a file that was not copied."""
    columns = [c for c in (*facs.ALL, *INTENSITY_COLUMNS) if c.split("_")[0] in reading.coded]
    rows = reading.table[reading.table["sequence"].notna()]
    if rows.empty or (normal(reading).gaps and reading.facts.verified):
        return None
    known = rows[columns].notna().groupby([rows[c] for c in reading.sequence], sort=False).any()
    lacking = ~known.loc[:, known.any()]
    found = [
        place("/".join(map(str, where)), f"nothing known of {', '.join(lacking.columns[row])}")
        for where, row in zip(lacking.index, lacking.to_numpy(), strict=True)
        if row.any()
    ]
    if not found:
        return Finding("coverage", OK, 0, "every sequence knows the same action units and intensities")
    message = "sequences know nothing of an action unit or intensity that others know; files may be missing"
    return Finding("coverage", NOTE, len(found), message, found)


def _counted(reading: Reading) -> str:
    in_paper = getattr(reading.facts, "in_paper", True)
    return "in Table 1 of the paper" if in_paper else "in the dataset's documentation"
