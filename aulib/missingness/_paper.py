"""What the paper says about missing labels, and what can be worked out from it: Table 3 and the 69.07 %."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from aulib import facs, paper
from aulib.adapters.registry import DATASETS
from aulib.errors import SettingsError
from aulib.missingness._counts import coverage

#: Numbers of action units per dataset with which the paper's 69.07 % can be recomputed. A reconstruction: consistent
#: with the paper, not proved by it.
PAPER_MASKS: dict[str, int] = {
    "actor_study": 30,
    "aff_wild2": 8,
    "bp4d": 12,
    "ck_plus": 30,
    "emotionet": 23,
    "unbc": 11,
}

#: Numbers of action units per dataset that its documentation or common use allow. Actor Study: nothing is public.
#: Aff-Wild2: the release of 2020. BP4D: the 12 of its benchmark up to all that its files code. CK+: the 20 that tools
#: train on up to all that are listed. EmotioNet: the challenges of 2018 and of 2020. UNBC: its 10, and AU15 and AU27,
#: which occur in a few files.
PLAUSIBLE_MASKS: dict[str, tuple[int, ...]] = {
    "actor_study": tuple(range(len(facs.ALL) + 1)),
    "aff_wild2": (8,),
    "bp4d": tuple(range(12, 33)),
    "ck_plus": tuple(range(20, 31)),
    "emotionet": (12, 23),
    "unbc": (10, 11, 12),
}


def table_3(releases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The paper's Table 3, reconstructed: which action units a dataset's annotators looked for, as documented.

    In the text of the paper that we have, Table 3 lost its marks. This is the registry's knowledge in its form. For
    Actor Study no list is public, so that every unit is marked; for BP4D the units are those that its files code.

    Args:
        releases: dataset -> release, such as ``{"aff_wild2": "2022"}``; others take their first.

    Returns:
        bool, the 45 action units x the paper's six datasets.

    Raises:
        SettingsError: a dataset or a release is not known.

    Example:
        >>> table_3().loc["AU25"].tolist()  # actor_study, aff_wild2, bp4d, ck_plus, emotionet, unbc
        [True, True, False, True, True, True]
    """
    releases = dict(releases or {})
    _known_datasets(releases)
    columns = {}
    for name in paper.TABLE_1.index:
        release = releases.get(name, DATASETS[name].default_release)
        if release not in DATASETS[name].coded:
            raise SettingsError(f"{name} has no release {release!r}; it has: {', '.join(DATASETS[name].coded)}")
        coded = set(DATASETS[name].coded_aus(release))
        columns[name] = [au in coded for au in facs.ALL]
    return pd.DataFrame(columns, index=pd.Index(facs.ALL, name="AU"))


def table_3_against(db: pd.DataFrame, releases: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The reconstructed Table 3 beside what a meta-database holds.

    Args:
        db: the meta-database.
        releases: as in :func:`table_3`.

    Returns:
        Text, action units x those of the paper's datasets that ``db`` has: ``"both"`` documented and known in some
        row, ``"documented"`` but never known, ``"known"`` in some row though not documented, ``""`` neither.
    """
    known = coverage(db) > 0
    documented = table_3(releases).reindex(index=known.index)
    names = [name for name in documented.columns if name in known.columns]
    cells = np.array(["", "known", "documented", "both"], dtype=object)
    place = 2 * documented[names].to_numpy(int) + known[names].to_numpy(int)
    return pd.DataFrame(cells[place], index=known.index, columns=names)


def paper_missing_rate(masks: Mapping[str, int] | None = None, aus: int = len(facs.ALL)) -> float:
    """Missing rate of a database in which dataset d, with Table 1's number of images n_d, codes k_d action units.

    The rate is ``1 - sum(k_d * n_d) / (aus * sum(n_d))``. The paper reports 69.07 % and does not say from which k_d;
    the default :data:`PAPER_MASKS` reproduces it, but so do other choices.

    Args:
        masks: dataset -> number of coded action units among ``aus``.
        aus: number of action units in the table; 45 in the paper's Table 3.

    Raises:
        SettingsError: a dataset is not the paper's, or a number of action units is impossible.

    Example:
        >>> round(paper_missing_rate(), 4)
        0.6907
    """
    masks = dict(PAPER_MASKS if masks is None else masks)
    _known_datasets(masks)
    if not masks:
        raise SettingsError(f"no dataset given; the datasets are: {', '.join(paper.TABLE_1.index)}")
    for name, size in masks.items():
        _possible(name, size, aus)
    images = paper.TABLE_1["images"]
    known = sum(size * images[name] for name, size in masks.items())
    return float(1 - known / (aus * images[list(masks)].sum()))


def mask_combinations(
    sizes: Mapping[str, Iterable[int]] | None = None, rate: float = paper.MISSING_RATE, digits: int = 4
) -> pd.DataFrame:
    """All whole numbers of coded action units per dataset with which a missing rate comes out as printed.

    Args:
        sizes: dataset -> numbers of action units to try; default :data:`PLAUSIBLE_MASKS`. All six datasets are needed.
        rate: the printed rate, a share; default the paper's.
        digits: decimals of the share that are printed; 69.07 % has 4.

    Returns:
        One row a combination: a column per dataset and ``rate``, unrounded. ``.attrs["tried"]`` is the number of
        combinations looked at.

    Raises:
        SettingsError: a dataset is missing or not the paper's, or a number of action units is impossible.

    Example:
        >>> found = mask_combinations({name: [size] for name, size in PAPER_MASKS.items()})
        >>> len(found), found.attrs["tried"]
        (1, 1)
    """
    sizes = {name: list(numbers) for name, numbers in (PLAUSIBLE_MASKS if sizes is None else sizes).items()}
    _known_datasets(sizes)
    absent = [name for name in paper.TABLE_1.index if name not in sizes]
    if absent:
        raise SettingsError(f"no numbers of action units to try for {', '.join(absent)}")
    for name, numbers in sizes.items():
        for size in numbers:
            _possible(name, size, len(facs.ALL))
    images = paper.TABLE_1["images"]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*sizes.values(), indexing="ij")], axis=1)
    known = grid @ images[list(sizes)].to_numpy()
    rates = 1 - known / (len(facs.ALL) * images.sum())
    half = 0.5 * 10**-digits
    hit = (rates >= rate - half) & (rates < rate + half)
    table = pd.DataFrame(grid[hit], columns=list(sizes)).assign(rate=rates[hit])
    table.attrs = {"tried": len(grid)}
    return table


def _known_datasets(names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in paper.TABLE_1.index]
    if unknown:
        datasets = ", ".join(paper.TABLE_1.index)
        raise SettingsError(f"no dataset {', '.join(unknown)} in the paper; its datasets are: {datasets}")


def _possible(name: str, size: int, aus: int) -> None:
    if not 0 <= size <= aus:
        raise SettingsError(f"{name} cannot code {size} of {aus} action units")
