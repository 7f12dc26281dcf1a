"""What was once measured on the corpus: how well each action unit is recognised, and what changes between datasets.

The tables are written by ``benchmarks/recognition.py`` and shipped with the package, because making them takes many
minutes. They are about synthetic faces and about the settings in their record, nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from aulib.errors import DataError

FOLDER = Path(__file__).resolve().parent / "data"
UNITS, ACROSS, RECORD = "recognition.csv", "cross_dataset.csv", "recognition.json"


@dataclass(frozen=True)
class Recognition:
    """Tables of a measurement and its record.

    Attributes:
        units: one row per action unit that can be rendered (index: its code). ``displayed`` and ``people``: images and
            people of the test part that display it. For each way to recognise it (``probe``: linear on frozen
            features; ``tuned``: a network fine-tuned on the 13 action units of the paper; ``tuned_all``: on all) the
            area under the ROC curve ``…_auc``, its 95 % interval ``…_low`` and ``…_high``, ``…_verdict`` in words, and
            for networks ``…_f1``. NaN where it was not measured.
        across: one row per pair of datasets ``train`` and ``test``: ``f1_macro`` and ``auc_macro`` over ``labels``
            action units, and ``always_positive``, the macro F1 of the answer "displayed". ``train`` is "others" for
            all datasets but the one tested on.
        record: settings, seed, counts, versions, seconds.
    """

    units: pd.DataFrame
    across: pd.DataFrame
    record: dict

    @property
    def source(self) -> str:
        """What to write under a figure or a table."""
        corpus, counts = self.record["settings"]["corpus"], self.record["counts"]
        return (
            f"Synthetic data (SynthAU): {counts['images']:,} faces of {corpus['size']} px, "
            f"{counts['test_people']:,} unseen people, seed {self.record['settings']['seed']}"
        )


def recognition(folder: str | Path | None = None) -> Recognition:
    """Read a stored measurement.

    Args:
        folder: where ``benchmarks/recognition.py`` wrote it; None for the one shipped with the package.

    Raises:
        DataError: a file is missing or cannot be read.

    Example:
        >>> found = recognition()
        >>> found.units.loc["AU12", "probe_auc"] > 0.5
        np.True_
    """
    folder = FOLDER if folder is None else Path(folder)
    try:
        units = pd.read_csv(folder / UNITS, index_col="au")
        across = pd.read_csv(folder / ACROSS)
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"no readable measurement ({error}); make it with benchmarks/recognition.py", folder) from None
    return Recognition(units, across, record)
