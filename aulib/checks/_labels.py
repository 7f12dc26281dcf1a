"""Checks of labels: what does not parse, contradictions, gaps."""

from __future__ import annotations

import numpy as np

from aulib import database
from aulib.adapters.base import INTENSITY_COLUMNS, UNKNOWN
from aulib.checks._findings import MOST_EXAMPLES, NOTE, OK, PROBLEM, SKIPPED, Finding, normal, place
from aulib.checks._reading import Reading, frame_name


def values(reading: Reading) -> Finding:
    """What the reader could not read, or read over."""
    found = [problem for problem in reading.reader.problems if not _is_pain(problem)]
    count = reading.reader.report["problems"] - reading.reader.report.get("pspi_disagrees", 0)
    if not count:
        return Finding("values", OK, 0, "everything parses")
    return Finding("values", PROBLEM, count, "do not parse or are not documented; read as unknown or left out", found)


def repeated_rows(reading: Reading) -> Finding:
    """Rows that name the same image; labels that contradict each other."""
    found = database.duplicates(reading.table)
    if found.empty:
        return Finding("repeated images", OK, 0, "no image is labelled twice")
    places = []
    for group in found.head(MOST_EXAMPLES).itertuples():
        told = f"labelled differently: {', '.join(group.conflicting)}" if group.conflicting else "labelled again"
        sources = " and ".join(reading.table["source"].iloc[list(group.rows)].head(3))
        places.append(place(sources.split(" and ")[0], f"{group.images[0]} is {told} ({sources})"))
    count = int(sum(len(rows) - 1 for rows in found["rows"]))
    conflicts = int((found["conflicting"].map(len) > 0).sum())
    message = f"rows repeat an image; the labels of {conflicts:,} images contradict each other"
    return Finding("repeated images", PROBLEM, count, message, places)


def continuity(reading: Reading) -> Finding | None:
    """Frames of a video must follow each other without gaps and occur once."""
    rows = reading.table[reading.table["frame"].notna() & reading.table["sequence"].notna()]
    if rows.empty or reading.facts.format != "video":
        return None
    rows = rows.sort_values([*reading.sequence, "frame"], kind="stable")
    video = rows.groupby(reading.sequence, sort=False, dropna=False).ngroup().to_numpy()
    step, same = np.diff(rows["frame"].to_numpy(np.int64)), np.diff(video) == 0
    gap, twice = np.flatnonzero(same & (step > 1)), np.flatnonzero(same & (step == 0))
    if not len(gap) and not len(twice):
        return Finding("frame continuity", OK, 0, "the frames of every sequence follow each other, each once")
    frame, source = rows["frame"].to_numpy(np.int64), rows["source"].to_numpy(dtype=object)
    found = [place(source[i + 1], f"frame {frame[i]} is there again ({source[i]})") for i in twice]
    found += [place(source[i + 1], f"frame {frame[i + 1]} follows frame {frame[i]}") for i in gap]
    reason = "rows with an unknown label are left out" if getattr(reading.reader, "drop_if_any_missing", False) else ""
    reason = reason or normal(reading).gaps
    message = f"{len(gap):,} gaps and {len(twice):,} repeated frames" + (f"; {reason}" if reason else "")
    return Finding("frame continuity", NOTE if reason and not len(twice) else PROBLEM, len(found), message, found)


def intensities(reading: Reading) -> Finding | None:
    """A displayed action unit has an intensity of at least the threshold, an absent one has less."""
    least = getattr(reading.reader, "threshold", None) or 1  # none: presence is an annotation of its own
    compared, count, found = 0, 0, []
    for column in INTENSITY_COLUMNS:
        au = column.removesuffix("_intensity")
        label, level = (reading.table[c].to_numpy(np.int8, na_value=UNKNOWN) for c in (au, column))
        both = (label != UNKNOWN) & (level != UNKNOWN)
        wrong = np.flatnonzero(both & ((label == 1) != (level >= least)))
        compared, count = compared + int(both.sum()), count + len(wrong)
        for _, row in reading.table.iloc[wrong[:MOST_EXAMPLES]].iterrows():
            found.append(place(row["source"], f"{au} is {row[au]}, its intensity is {row[column]} ({frame_name(row)})"))
    if not compared:
        return None
    if not count:
        return Finding("intensities", OK, 0, f"{compared:,} intensities agree with the occurrences")
    message = f"of {compared:,} intensities contradict the occurrence (displayed means {least} or more)"
    return Finding("intensities", PROBLEM, count, message, found)


def pain(reading: Reading) -> Finding | None:
    """UNBC's pain score is AU04 + max(AU06, AU07) + max(AU09, AU10) + AU43 (Prkachin and Solomon 2008)."""
    rows = reading.table
    if "pspi" not in rows.columns:
        return None

    def level(au: str) -> np.ndarray:
        column = rows["AU43"] if au == "AU43" else rows[f"{au}_intensity"]
        return column.to_numpy(np.float64, na_value=np.nan)

    score = level("AU04") + level("AU43")
    score += np.maximum(level("AU06"), level("AU07")) + np.maximum(level("AU09"), level("AU10"))
    told = rows["pspi"].to_numpy(np.float64, na_value=np.nan)
    both = ~np.isnan(score) & ~np.isnan(told)
    wrong = np.flatnonzero(both & (score != told))
    found = [place(rows["source"].iloc[i], f"the score is {told[i]:g}, the units give {score[i]:g}") for i in wrong]
    if not both.any():
        return Finding("pain score (PSPI)", SKIPPED, 0, "no frame has a score; expected files in Frame_Labels/PSPI")
    if found:
        message = f"of {both.sum():,} frames have a score that their action units do not give"
        return Finding("pain score (PSPI)", PROBLEM, len(found), message, found)
    return Finding("pain score (PSPI)", OK, 0, f"the score of {both.sum():,} frames is what their action units give")


def _is_pain(problem: dict) -> bool:
    return problem["message"].startswith("the pain score")
