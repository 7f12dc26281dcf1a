"""A sweep: the same notebooks and results under many settings, described by one small YAML file::

    profile: tiny                                  # what the runs start from
    notebooks: [06_results]                        # executed for every run; may be left out
    grid:                                          # every combination is a run
      seed: [0, 1, 2]
      training.loss: [masked_f1, masked_binary_crossentropy]
    runs:                                          # further runs, one by one
      - {seed: 0, training.epochs: [5, 0]}
    resources: {memory_mb: 3000, threads: 1, gpus: 0, minutes: 60, retries: 2}

Snakemake executes it, on this machine or on a cluster (see the ``Snakefile``); this module only reads and checks the
file, before anything runs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aulib import profiles
from aulib.errors import SettingsError
from aulib.pipeline import atomically
from aulib.profiles import Settings

#: Parameters that decide the product of a step of :data:`aulib.pipeline.STEPS`.
DECIDES: dict[str, dict[str, Any]] = {"corpus": {"corpus": True}}
DECIDES["database"] = DECIDES["corpus"] | {"datasets": True, "readers": True}
DECIDES["store"] = DECIDES["database"] | {"images": True, "training": {"image_size"}}
DECIDES["features"] = DECIDES["store"] | {
    "training": {"image_size", "weights", "pixels", "precision", "cache", "cache_dtype", "augment"}
}
#: The tables of a run that :func:`collect` puts together.
TABLES = ("results.csv", "per_dataset.csv", "confusion.csv", "calibration.csv", "thresholds.csv")
#: A name longer than this is cut and ends in a hash.
LONGEST_NAME = 80


class Resources(BaseModel):
    """What one run may use; a cluster's scheduler is asked for it, this machine is checked against it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    memory_mb: int = Field(3000, ge=256, description="of a run; a repeated try after a kill asks for more")
    threads: int = Field(1, ge=1, description="cores of a run")
    gpus: int = Field(0, ge=0, description="graphics cards of a run; two runs never share one")
    minutes: int = Field(120, ge=1, description="after which a run is ended")
    retries: int = Field(2, ge=0, description="further tries of a run that was killed")
    disk_mb: int = Field(20_000, ge=100, description="for a run's products and copies of them; for Kubernetes")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    profile: str = "tiny"
    notebooks: tuple[str, ...] = ()
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    runs: list[dict[str, Any]] = Field(default_factory=list)
    resources: Resources = Resources()


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        name: short, unique in the sweep, fit for a folder, as ``seed-1_loss-masked_f1``.
        changes: parameter -> value, what differs from the profile.
        settings: all parameters.
    """

    name: str
    changes: Mapping[str, Any]
    settings: Settings

    def key(self, step: str) -> str:
        """Eight characters that stand for all settings that decide a product; runs with the same key share it.

        Args:
            step: one of :data:`aulib.pipeline.STEPS`; the run and its results depend on all settings.
        """
        decides = dict(DECIDES[step]) if step in DECIDES else None
        if step == "features" and self.settings.training.weights is None:
            decides["seed"] = True  # of the random weights
        return hashlib.sha256(self.settings.model_dump_json(include=decides).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Sweep:
    """A checked sweep; ``name`` is the file's name without its ending, ``profile`` the file its runs start from."""

    name: str
    path: Path
    profile: Path
    notebooks: tuple[str, ...]
    runs: tuple[Run, ...]
    resources: Resources

    def run(self, name: str) -> Run:
        """Return a run by its name.

        Raises:
            SettingsError: there is none.
        """
        for run in self.runs:
            if run.name == name:
                return run
        raise SettingsError(f"{self.path}: no run '{name}'; the first of {len(self.runs)} is '{self.runs[0].name}'")

    def maker(self, step: str, key: str) -> Run:
        """Return the first of the runs that share a product."""
        return next(run for run in self.runs if run.key(step) == key)

    def table(self) -> pd.DataFrame:
        """Return one row a run, with a column for every parameter that any run changes; <NA> where it does not."""
        rows = [{"run": run.name} | {key: _plain(value) for key, value in run.changes.items()} for run in self.runs]
        return pd.DataFrame(rows).set_index("run")


def load(path: str | Path) -> Sweep:
    """Read and check a sweep: every parameter, every notebook, every folder of a dataset.

    Raises:
        SettingsError: the file cannot be used; all that was found is named at once.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "seeds.yml"
        ...     _ = path.write_text("grid: {seed: [0, 1], training.dropout: [0.3, 0.5]}")
        ...     [run.name for run in load(path).runs]
        ['seed-0_dropout-0.3', 'seed-0_dropout-0.5', 'seed-1_dropout-0.3', 'seed-1_dropout-0.5']
    """
    path = Path(path)
    if not re.fullmatch(r"[\w.-]+", path.stem):
        raise SettingsError(f"{path}: call the file by letters, digits, '.', '-' and '_' alone; its name names folders")
    content = _read(path)
    base = profiles.load(content.profile)
    found, problems = [], []
    for changes in _combinations(content):
        try:
            found.append((changes, profiles.override(base, **changes)))
        except SettingsError as error:
            problems.append(str(error))
    problems += _notebook_problems(content) + _folder_problems([settings for _, settings in found])
    if problems:
        raise SettingsError(f"{path}: " + "; ".join(dict.fromkeys(problems)))
    runs = tuple(
        Run(name, changes, settings.model_copy(update={"profile": f"{path.stem}/{name}"}))
        for name, (changes, settings) in zip(_names([changes for changes, _ in found]), found, strict=True)
    )
    return Sweep(path.stem, path, profiles.find(content.profile), content.notebooks, runs, content.resources)


def check_resources(resources: Resources, cores: int, memory_mb: int, gpus: int) -> None:
    """Refuse what a machine cannot give.

    Raises:
        SettingsError: a run asks for more than there is; it would wait for ever.

    Example:
        >>> check_resources(Resources(threads=2), cores=2, memory_mb=8000, gpus=0)
    """
    have = {"threads": cores, "memory_mb": memory_mb, "gpus": gpus}
    short = [
        f"{name} {getattr(resources, name)} (there: {there})"
        for name, there in have.items()
        if getattr(resources, name) > there
    ]
    if short:
        raise SettingsError(
            f"a run of this sweep asks for more than this machine has: {', '.join(short)}; lower `resources`"
        )


def collect(sweep: Sweep, folder: str | Path, finished: bool = True) -> list[str]:
    """Put the tables of all runs below each other, with the parameters that each run changes in front.

    Args:
        sweep: the sweep.
        folder: holds a folder per run; gets a file for each of :data:`TABLES` and ``runs.csv`` (parameters, and
            whether the run is done). While runs are missing the tables are called ``results.partial.csv`` and so on.
        finished: False calls them so in any case: something failed, and tables may be from an earlier code.

    Returns:
        Names of the runs that are not done, or were done with other settings.
    """
    folder = Path(folder)
    runs = sweep.table()
    done = [run.name for run in sweep.runs if _is_done(run, folder / run.name)]
    ending = ".csv" if finished and len(done) == len(runs) else ".partial.csv"
    for table in TABLES if done else ():
        parts = {name: pd.read_csv(folder / name / table) for name in done}
        rows = pd.concat(parts, names=["run"]).reset_index("run").reset_index(drop=True)
        joined = runs.join(rows.set_index("run"), how="right").rename_axis("run").reset_index()
        atomically(folder / table.replace(".csv", ending), lambda path, frame=joined: frame.to_csv(path, index=False))
    state = runs.assign(done=runs.index.isin(done)).reset_index()
    folder.mkdir(parents=True, exist_ok=True)
    atomically(folder / f"runs{ending}", lambda path: state.to_csv(path, index=False))
    return [name for name in runs.index if name not in done]


def _is_done(run: Run, folder: Path) -> bool:
    """Whether all tables are there, made with the settings that the run has now."""
    if not all((folder / table).is_file() for table in (*TABLES, "record.json")):
        return False
    made_with = json.loads((folder / "record.json").read_text("utf-8")).get("all settings")
    return made_with == run.settings.model_dump(mode="json")


def _read(path: Path) -> _File:
    if not path.is_file():
        raise SettingsError(f"there is no sweep {path}; give the path of a YAML file")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content, dict):
            raise SettingsError(f"{path}: a sweep is a mapping with a grid or runs, found {type(content).__name__}")
        checked = _File.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: not a readable YAML file ({' '.join(str(error).split())})") from None
    except ValidationError as error:
        told = [f"'{'.'.join(map(str, e['loc']))}' is {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise SettingsError(f"{path}: " + "; ".join(told)) from None
    empty = [name for name, values in checked.grid.items() if not values]
    if empty or not (checked.grid or checked.runs):
        raise SettingsError(
            f"{path}: {f'grid.{empty[0]} has no values' if empty else 'needs a grid or a list of runs'}"
        )
    return checked


def _combinations(content: _File) -> Iterator[dict[str, Any]]:
    if content.grid:
        for values in itertools.product(*content.grid.values()):
            yield dict(zip(content.grid, values, strict=True))
    yield from content.runs


def _notebook_problems(content: _File) -> list[str]:
    """Unknown notebooks, and parameters that a notebook would not hear of."""
    from aulib import notebooks

    problems = []
    asked = {name.split(".")[0] for changes in _combinations(content) for name in changes}
    for name in content.notebooks:
        if name not in notebooks.names():
            problems.append(f"no notebook '{name}'; accepted are {', '.join(notebooks.names())}")
            continue
        strange = sorted(asked - set(notebooks.declared(notebooks.read(name))))
        if strange:
            problems.append(f"notebook {name} does not know the parameter {', '.join(strange)}")
    return problems


def _folder_problems(all_settings: list[Settings]) -> list[str]:
    folders = {(name, folder) for settings in all_settings for name, folder in settings.datasets.items() if folder}
    return [
        f"the folder of dataset '{name}' does not exist: {folder}"
        for name, folder in sorted(folders)
        if not os.path.isdir(os.path.expanduser(folder))
    ]


def _names(all_changes: list[dict[str, Any]]) -> list[str]:
    """Readable names of runs; a run that would be called as another gets a hash."""
    names, told = [], set()
    for changes in all_changes:
        content = json.dumps(changes, sort_keys=True, default=str)
        if content in told:
            raise SettingsError(f"the sweep names the same run twice: {content}")
        told.add(content)
        name = "_".join(f"{key.split('.')[-1]}-{_slug(value)}" for key, value in changes.items()) or "as-it-is"
        if len(name) > LONGEST_NAME or name in names:
            name = f"{name[: LONGEST_NAME - 9]}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
        names.append(name)
    return names


def _slug(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", str(value)).strip("-")


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
