"""SynthAU: a corpus of rendered faces whose every action unit is known, in the formats of six licence-gated datasets.

Nobody real is shown. Importing this package loads no renderer; ``embreex`` (``pip install aulib[synth]``) is needed
once an image is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["make_corpus", "recognition", "render_face"]


def __getattr__(name: str):
    # Needs pandas, which rendering and writing files do not need to load first.
    if name != "recognition":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aulib.synth.measured import recognition

    return recognition


def make_corpus(
    folder: str | Path,
    *,
    scale: float = 1.0,
    size: int = 96,
    seed: int = 0,
    datasets: Iterable[str] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Render a synthetic corpus and write it in the formats of the datasets.

    The folder gets one tree per dataset, ``truth.parquet`` (columns dataset, subject, sequence, frame, image, then
    the 45 action units, their intensities and the phase of the expression, known for every frame) and the record
    ``corpus.json``. The same settings give the same bytes, whatever the number of workers. A run that was stopped is
    completed by calling the function again; a complete corpus is only checked.

    Args:
        folder: new, empty, or an earlier corpus with the same settings.
        scale: amount of images; 1 is about 6,500. Below 1 there are fewer images a person, then fewer people.
        size: height and width of the images in pixels, 32 to 512.
        seed: of all that is random, 0 or more.
        datasets: names to write; None for all six.
        workers: processes; None for one per core. A script that uses more than one needs the usual guard
            ``if __name__ == "__main__":``.
        progress: whether to show a progress bar.

    Returns:
        The folder.

    Raises:
        SettingsError: for a setting that cannot be used, or a folder that holds something else.
        DataError: when files cannot be written (the disk is full, no permission). Finished images are kept.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     folder = make_corpus(place, scale=0.01, size=32, datasets=["unbc"], workers=1, progress=False)
        ...     sorted(path.name for path in folder.iterdir())
        ['corpus.json', 'truth.parquet', 'unbc']
    """
    from aulib.synth import corpus

    settings = corpus.Settings.checked(scale, size, seed, datasets)
    return corpus.make(Path(folder), settings, workers, progress)


def render_face(
    aus: Mapping[str, float | tuple[float, float]] | None = None,
    identity: int = 0,
    size: int = 128,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    *,
    side: int = 1,
    noise: float = 1.0,
) -> np.ndarray:
    """Render one face in plain light.

    Args:
        aus: action unit -> intensity, 0 to 5, or a pair of them: the person's left and right side, for action
            units that have sides (:attr:`aulib.facs.ActionUnit.sided`). None for a relaxed face.
        identity: number of the person; the same number is the same person.
        size: height and width in pixels, 32 to 1024.
        yaw, pitch, roll: turn of the head in degrees: to the person's left, up, to the person's left shoulder.
        side: of one-sided action units (AU30, AU46) given by one number, 1 for the person's left, -1 for the right.
        noise: standard deviation of the camera's noise in grey levels.

    Returns:
        uint8 (size, size, 3), RGB.

    Raises:
        SettingsError: for an unknown or unrenderable action unit, an intensity outside 0 to 5, a pair for an action
            unit without sides, or another size.

    Example:
        >>> render_face({"AU06": 3, "AU12": 4}, identity=1, size=64).shape
        (64, 64, 3)

        A smile with the right corner only is seen on the left of the picture, because the person looks at us:

        >>> relaxed, lopsided = (render_face(aus, size=64, noise=0) for aus in ({}, {"AU12": (0, 4)}))
        >>> changed = abs(lopsided.astype(int) - relaxed).sum(axis=(0, 2))
        >>> bool(changed[:32].sum() > 4 * changed[32:].sum())
        True
    """
    from aulib.synth import show

    return show.face(dict(aus or {}), identity, size, (yaw, pitch, roll), side, noise)
