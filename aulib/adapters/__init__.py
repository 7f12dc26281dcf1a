"""Readers of datasets: each turns a dataset's own files into rows of the meta-database."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pandas as pd

from aulib.adapters import registry
from aulib.adapters.actor_study import ActorStudy
from aulib.adapters.aff_wild2 import AffWild2
from aulib.adapters.base import COLUMNS, Adapter
from aulib.adapters.bp4d import BP4D
from aulib.adapters.bp4d_plus import BP4DPlus
from aulib.adapters.ck_plus import CKPlus
from aulib.adapters.disfa import DISFA
from aulib.adapters.disfa_plus import DISFAPlus
from aulib.adapters.emotionet import EmotioNet
from aulib.adapters.raf_au import RAFAU
from aulib.adapters.registry import DATASETS
from aulib.adapters.unbc import UNBC
from aulib.errors import SettingsError

_ADAPTERS: dict[str, type[Adapter]] = {
    adapter.name: adapter
    for adapter in (ActorStudy, AffWild2, BP4D, CKPlus, EmotioNet, UNBC, BP4DPlus, DISFA, DISFAPlus, RAFAU)
}
_BUILT_IN = frozenset(_ADAPTERS)


def names() -> list[str]:
    """Names of the datasets that can be read: the paper's six, then others.

    Example:
        >>> names()[:6]
        ['actor_study', 'aff_wild2', 'bp4d', 'ck_plus', 'emotionet', 'unbc']
        >>> names()[6:]
        ['bp4d_plus', 'disfa', 'disfa_plus', 'raf_au']
    """
    return list(_ADAPTERS)


def register(adapter: type[Adapter]) -> type[Adapter]:
    """Add a reader of your own; from then on its name works in :func:`read` and :func:`aulib.database.build`.

    Usable as a decorator. It lasts as long as the Python process: put the class into a module of yours and import it
    before loading a table that was built with it. Registering again under the same name replaces the class.

    Args:
        adapter: a dataclass that derives from :class:`~aulib.adapters.base.Adapter` and whose ``name`` has its facts
            in the registry, see :func:`aulib.adapters.registry.add`.

    Returns:
        The same class.

    Raises:
        SettingsError: it is no such class, lacks a method, has no facts, or has the name of a built-in reader.
    """
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter) and is_dataclass(adapter)):
        raise SettingsError(
            f"{adapter!r} is no reader; expected a dataclass that derives from aulib.adapters.base.Adapter"
        )
    name = getattr(adapter, "name", None)
    if name in _BUILT_IN:
        raise SettingsError(f"{name!r} is a built-in reader; give yours another name")
    if name not in registry.DATASETS:
        raise SettingsError(f"no facts about {name!r}; call registry.add(Dataset(name={name!r}, ...)) first")
    if adapter.__abstractmethods__:
        raise SettingsError(f"{adapter.__name__} lacks the method {', '.join(sorted(adapter.__abstractmethods__))}")
    clashing = sorted(set(adapter.extras) & set(COLUMNS))
    if clashing:
        raise SettingsError(f"{adapter.__name__}: extra column {clashing[0]!r} is one that every table has; rename it")
    _ADAPTERS[name] = adapter
    return adapter


def settings(name: str) -> dict[str, object]:
    """Settings of an adapter with their defaults.

    Example:
        >>> settings("bp4d")["frame_offset"]
        -1
    """
    return {item.name: item.default for item in fields(_adapter(name)) if item.name not in ("root", "_")}


def create(name: str, root: str | Path, **options) -> Adapter:
    """Make the adapter of a dataset without reading anything yet.

    Raises:
        SettingsError: the name or a setting is not known, or a setting's value is not accepted.
    """
    adapter = _adapter(name)
    unknown = sorted(set(options) - set(settings(name)))
    if unknown:
        known = ", ".join(settings(name))
        raise SettingsError(f"{name} has no setting {', '.join(unknown)}; its settings are: {known}")
    return adapter(Path(root), **options)


def read(name: str, root: str | Path, **options) -> pd.DataFrame:
    """Read one dataset.

    Args:
        name: one of :func:`names`.
        root: the dataset's folder.
        **options: the adapter's settings, see :func:`settings` and the class of the dataset.

    Returns:
        A table with one row per annotated frame in the columns of the meta-database: 1 displayed, 0 not displayed,
        ``<NA>`` unknown. ``.attrs["report"]`` holds counts (rows, missing images, problems), ``.attrs["problems"]`` the
        problems as dicts with path, line and message (the first 1,000).

    Raises:
        SettingsError: the name or a setting is not accepted.
        DatasetNotFoundError: the folder is missing or does not look like the dataset.
        DataError: a file holds a value that is not documented (strict mode), or nothing can be read.
    """
    return create(name, root, **options).read()


def _adapter(name: str) -> type[Adapter]:
    if name in DATASETS and name not in _ADAPTERS:
        raise SettingsError(f"{name} has no reader: {' '.join(DATASETS[name].notes)}")
    if name not in _ADAPTERS:
        raise SettingsError(f"there is no dataset {name!r}; the datasets are: {', '.join(_ADAPTERS)}")
    return _ADAPTERS[name]
