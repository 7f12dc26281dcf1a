"""Checking a dataset's folder for whoever has just unpacked it: what is there, what is missing, what does not parse.

``aulib check bp4d FOLDER`` prints what :func:`check` returns.
"""

from __future__ import annotations

from pathlib import Path

from aulib.checks import _counts, _findings, _images, _labels, _reading
from aulib.checks._overview import overview
from aulib.checks._report import CheckReport

__all__ = ["CheckReport", "check", "overview"]

# All checks, in the order of the report.
_CHECKS = (
    _counts.people,
    _counts.images,
    _counts.coded_units,
    _counts.coverage,
    _labels.values,
    _images.missing_images,
    _images.unlabelled_images,
    _images.other_folders,
    _labels.repeated_rows,
    _labels.continuity,
    _labels.intensities,
    _labels.pain,
    _images.pixels,
)


def check(
    name: str,
    root: str | Path,
    *,
    subset: bool = False,
    pixels: bool = False,
    workers: int | None = None,
    progress: bool | None = None,
    **settings,
) -> CheckReport:
    """Read one dataset's folder, count what is there and look for whatever the format allows to check.

    Nothing is written. Every annotation file is read in report mode, every folder with images is listed; image files
    are opened only with ``pixels``.

    Args:
        name: one of :func:`aulib.adapters.names`.
        root: the dataset's folder.
        subset: the folder holds a part of the dataset on purpose: fewer people than the registry counts are then noted
            and not a problem.
        pixels: decode every image that has a label, to find those that are empty, damaged, or of one colour.
        workers: threads that decode; default: one per core.
        progress: whether to show progress bars; None shows them in a terminal only.
        **settings: settings of the dataset's adapter, see :func:`aulib.adapters.settings`. ``strict`` and
            ``missing_images`` are the check's own.

    Returns:
        The report: tables to look at, and text when printed.

    Raises:
        SettingsError: the name or a setting is not accepted.
        DatasetNotFoundError: the folder is missing or does not look like the dataset.
        DataError: the annotation cannot be read at all.
    """
    reading = _reading.read(name, Path(root), settings, _reading.Options(subset, pixels, workers, progress))
    aus = _reading.action_units(reading)
    findings = [finding for look in _CHECKS if (finding := look(reading)) is not None]
    return CheckReport(
        name=name,
        title=reading.facts.title,
        root=str(root),
        settings=settings,
        found=_reading.counts(reading, aus),
        aus=aus,
        findings=_findings.table(findings),
        examples=_findings.examples(findings),
    )
