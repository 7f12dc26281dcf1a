"""The whole data flow under one set of parameters: each step builds its product, or finds the one built before.

Products lie under ``_build/work`` of the checkout (or ``AULIB_WORK``, or ``./aulib_work`` without a checkout), each in
a folder named by a hash of all that decides its content: the parameters, the products it is made from and the code
that makes it.
Every notebook can therefore run alone, and nothing is computed twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock

from aulib import balancing, database, facs, missingness, splits
from aulib.adapters import registry
from aulib.dependencies import code_hash
from aulib.errors import AulibError, DatasetNotFoundError, SettingsError
from aulib.profiles import Settings

if TYPE_CHECKING:
    from aulib.images import ImageStore
    from aulib.training import Run

_PACKAGE = Path(__file__).resolve().parent
#: Files of a dataset's tree that cannot be annotations.
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".avi", ".mp4", ".obj", ".mtl")

#: The products in the order of the data flow.
STEPS = ("corpus", "database", "store", "features", "run", "results")


@dataclass(frozen=True)
class Split:
    """Positions into :meth:`Pipeline.table`; no person is in two of the three parts."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Pipeline:
    """Build or find every product of the data flow.

    Args:
        settings: the parameters, from :func:`aulib.profiles.settings` or :func:`aulib.profiles.load`.
        folder: where the products lie; default see the module's description.
        progress: show progress bars; default: where a person can see them.

    Raises:
        DatasetNotFoundError: a dataset's folder does not exist; found before anything is built.

    Example:
        >>> from aulib import profiles
        >>> work = Pipeline(profiles.settings(corpus={"scale": 0.05}))
        >>> work.settings.corpus.scale
        0.05
    """

    def __init__(self, settings: Settings, folder: str | Path | None = None, progress: bool | None = None):
        self.settings = settings
        self.folder = writable(Path(folder) if folder else work_folder())
        self.progress = _watched() if progress is None else progress
        for name, path in self.settings.datasets.items():
            if path and not Path(path).expanduser().is_dir():
                raise DatasetNotFoundError(
                    f"profile '{settings.profile}': the folder of dataset '{name}' does not exist; "
                    "correct datasets: in the profile, or leave it empty for the synthetic corpus",
                    path=path,
                )

    @property
    def synthetic(self) -> bool:
        """Whether any dataset comes from the synthetic corpus."""
        return not self.settings.datasets or not all(self.settings.datasets.values())

    @property
    def source(self) -> str:
        """What to write under a figure or a table: where the labels come from."""
        if not self.synthetic:
            return "Data: the datasets named in the profile"
        return (
            "Synthetic data (SynthAU)" if not any(self.settings.datasets.values()) else "Synthetic and real data mixed"
        )

    def roots(self) -> dict[str, Path]:
        """Return the folder of each dataset, rendering the synthetic corpus if it is needed."""
        chosen = self.settings.datasets or dict.fromkeys(registry.PAPER, "")
        corpus = self._corpus() if self.synthetic else None
        return {name: Path(path).expanduser() if path else corpus / name for name, path in chosen.items()}

    def truth(self) -> pd.DataFrame:
        """Return every AU of every synthetic image; no reader ever sees this table.

        Raises:
            AulibError: the data are real, so that nobody knows the truth.
        """
        if not self.synthetic:
            raise AulibError(
                "the truth is known for the synthetic corpus only; this profile names folders with real data"
            )
        return pd.read_parquet(self._corpus() / "truth.parquet")

    def database(self) -> pd.DataFrame:
        """Return the meta-database of all datasets."""
        return database.load(self._database_file)

    @property
    def aus(self) -> list[str]:
        """The action units that are trained on."""
        return [column for column in self.table().columns if column in facs.ALL]

    def table(self) -> pd.DataFrame:
        """Return the rows with at least one known label on the selected action units."""
        return self._table

    def split(self) -> Split:
        """Return the subject-exclusive split of :meth:`table` into training, validation and test rows."""
        shares = self.settings.split
        return Split(
            *splits.three_parts(
                self.table(), shares.test_size, shares.validation_size, self.settings.seed, shares.test_dataset
            )
        )

    def balance(self) -> balancing.Balance:
        """Balance the training rows; the indices point into ``split().train``."""
        return self._balance

    def store(self) -> ImageStore:
        """Return every image of the meta-database at the network's input size."""
        from aulib import images

        wanted = {"size": self.settings.training.image_size, **self.settings.images.model_dump()}
        listed = self.database()[["dataset", "image"]].dropna().to_numpy(dtype=str)
        roots = {name: self._origin(name, root) for name, root in self.roots().items()}
        key = {"images": _hash(listed.tolist()), "roots": roots, **wanted, "code": code_hash("images")}
        uncut = self._loose() if wanted["crop"] == "whole" else []
        if uncut:
            warnings.warn(
                f"images of {', '.join(uncut)} are taken whole, and they are no face crops: set images.crop to auto",
                stacklevel=2,
            )

        def make(folder: Path) -> None:
            store = images.build_store(self.database(), self.roots(), folder, progress=self.progress, **wanted)
            if store.record["failed"]:
                print(f"images that cannot be used: {store.dropped()}", file=sys.stderr)

        return self._product("store", key, images.open_store, make)

    def _loose(self) -> list[str]:
        """The real datasets that are not distributed as face crops."""
        from aulib import landmarks

        return [name for name, path in self.settings.datasets.items() if path and name not in landmarks.CROPPED]

    def features(self) -> list[Path]:
        """Return the folders with the outputs of the frozen blocks for every image; none with ``training.cache: none``.

        :meth:`run` starts from them; runs with other seeds, labels or losses share them.
        """
        return self._features

    def run(self) -> Run:
        """Train in two stages, resume an interrupted training, or return the finished one."""
        from aulib import training
        from aulib.features import content_hash

        recipe = self.settings.training
        store, table, split = self.store(), self.table(), self.split()
        rows, readable = store.rows(table), store.usable(table)
        chosen = split.train[self._balance.indices]
        # The test people are scored after each epoch to see, in chapter 5, what selecting on them would have gained.
        parts = {"train": chosen, "validation": split.validation, "monitor": split.test}
        rows_of = {name: rows[part[readable[part]]] for name, part in parts.items()}
        y = labels_by_store_row(database.labels(table, self.aus), rows, len(store.pixels))
        key = {
            "images": store.key,
            "labels and rows": _hash([content_hash(array) for array in (y, *rows_of.values())]),
            "settings": self.settings.model_dump(include={"seed", "training"}) | {"aus": self.aus},
            "code": code_hash("training"),
        }
        return training.train_two_stage(
            store.pixels,
            y,
            aus=self.aus,
            **rows_of,
            folder=self.folder / f"run-{_hash(key)}",
            features=self.folder / "features",
            images_key=store.key,
            pixel_scaling=recipe.pixels,
            seed=self.settings.seed,
            progress=self.progress,
            **recipe.model_dump(exclude={"pixels"}),
        )

    def predictions(self, stage: int = 2, part: str = "test") -> pd.DataFrame:
        """Return labels and probabilities of people who were not learned from, by the best model of a stage.

        Args:
            stage: 1 or 2.
            part: ``"test"``, or ``"validation"`` for the people on whom a threshold may be tuned.

        Raises:
            SettingsError: another part; the model has learned the training rows by heart.
        """
        from aulib import training

        if part not in ("test", "validation"):
            raise SettingsError(f"part is {part!r}; give 'test' or 'validation'")
        run, store, table = self.run(), self.store(), self.table()
        wanted = getattr(self.split(), part)
        wanted = wanted[store.usable(table)[wanted]]
        name = f"stage{stage}" if part == "test" else f"stage{stage}-{part}"
        file = run.folder / f"predictions-{name}-{_hash(table.iloc[wanted]['image'].tolist())}.parquet"
        if not file.is_file():
            rows = store.rows(table)[wanted]
            if run.cached:
                probabilities = run.predict(rows, stage)
            else:
                probabilities = training.predict(run.stage_model(stage), store.pixels, rows=rows)
            atomically(file, training.prediction_table(table.iloc[wanted], self.aus, probabilities).to_parquet)
        return pd.read_parquet(file)

    def results(self) -> Path:
        """Write the result tables of both stages and return their folder.

        All are functions of :mod:`aulib.evaluation`: ``results.csv`` (for synthetic images with the F1 on the truth,
        ``f1_truth``), ``per_dataset.csv``, ``confusion.csv``, ``calibration.csv`` and ``thresholds.csv`` (tuned on the
        validation people). ``record.json`` is the record of the run with all settings.
        """
        run = self.run()
        key = {
            "run": run.folder.name,
            "test": _hash(self.predictions()[["dataset", "image"]].to_numpy().tolist()),
            "settings": self.settings.model_dump(include={"seed", "evaluation"}),
            "code": code_hash("evaluation"),
        }
        return self._product("results", key, lambda folder: folder, self._write_results)

    def _write_results(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        of_stages = {stage: self._result_tables(stage) for stage in (1, 2)}
        for name in of_stages[1]:
            tables = {stage: tables[name] for stage, tables in of_stages.items()}
            pd.concat(tables, names=["stage"]).to_csv(folder / f"{name}.csv")
        record = self.run().record | {"all settings": self.settings.model_dump(mode="json"), "data": self.source}
        (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")

    def _result_tables(self, stage: int) -> dict[str, pd.DataFrame]:
        from aulib import evaluation

        found, validation = self.predictions(stage), self.predictions(stage, "validation")
        threshold, trained_on = self.settings.training.threshold, self.balance().after["positives"]
        how = {"intervals": self.settings.evaluation.bootstrap, "seed": self.settings.seed}
        table, split = self.table(), self.split()
        evaluation.check(
            found,
            expected=table.iloc[split.test[self.store().usable(table)[split.test]]],
            train_people=table.iloc[np.concatenate([split.train, split.validation])],
        )
        results = evaluation.results_table(found, trained_on, threshold, **how)
        truth = self.truth() if self.synthetic and not any(self.settings.datasets.values()) else None
        if truth is not None:
            results["f1_truth"] = evaluation.against_truth(found, truth, threshold)["f1_truth"]
        return {
            "results": results,
            "per_dataset": evaluation.per_dataset_table(found, threshold, **how),
            "confusion": evaluation.confusion_table(found, threshold),
            "calibration": evaluation.calibration_table(found, **how),
            "thresholds": evaluation.threshold_table(validation, found, threshold, truth=truth),
        }

    def build(self, step: str) -> Path:
        """Make one of :data:`STEPS` and return its folder or file."""
        made = {
            "corpus": self.roots,
            "database": lambda: self._database_file,
            "store": lambda: self.store().folder,
            "features": self._features_folder,
            "run": self._run_and_predictions,
            "results": self.results,
        }[step]()
        return next(iter(made.values())).parent if step == "corpus" else Path(made)

    def content(self, step: str) -> str:
        """Return a hash of what a step has made; the same content has the same hash, wherever and by whatever made."""
        if step == "features":  # too large to be read again; a folder's name stands for all that decides its content
            return _hash([folder.name for folder in self.features()])
        files = {
            "corpus": lambda: [self._corpus() / name for name in ("truth.parquet", "corpus.json") if self.synthetic],
            "database": lambda: [self._database_file],
            "store": lambda: [self.store().folder / "store.json", self.store().folder / "index.parquet"],
            "run": lambda: [
                self.run().folder / "model.keras",
                *sorted(self.run().folder.glob("predictions-*.parquet")),
            ],
            "results": lambda: sorted(self.results().glob("*.csv")),
        }[step]()
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def made(self, step: str) -> list[Path]:
        """Make one of :data:`STEPS` and return every file and folder below :attr:`folder` that it consists of.

        Whoever has these and those of the steps before it, in a folder of the same layout, has nothing to compute. Of
        datasets of one's own nothing is returned: they are not a product.
        """
        if step == "features":
            return self.features()
        if step == "run":
            return [self._run_and_predictions()]
        if step == "corpus":
            made = self._corpus() if self.synthetic else None
        else:
            made = self._database_file.parent if step == "database" else self.build(step)
        return [made, made.with_suffix(".json")] if made else []

    def _origin(
        self, name: str, root: Path, fingerprint: Callable[[Path], str] | None = None
    ) -> str | list[str]:
        """What stands for a dataset's folder in a key. The synthetic corpus is known by its name, wherever it lies."""
        if not self.settings.datasets.get(name):
            return f"{root.parent.name}/{name}"
        return [str(root), fingerprint(root)] if fingerprint else str(root)

    def _features_folder(self) -> Path:
        self.features()
        return self.folder / "features"

    def _run_and_predictions(self) -> Path:
        for stage in (1, 2):
            for part in ("test", "validation"):
                self.predictions(stage, part)
        return self.run().folder

    def _corpus(self) -> Path:
        from aulib import synth

        key = {**self.settings.corpus.model_dump(), "code": code_hash("synth")}
        return self._product(
            "corpus",
            key,
            lambda folder: folder,
            lambda folder: synth.make_corpus(folder, **self.settings.corpus.model_dump(), progress=self.progress),
        )

    @cached_property
    def _database_file(self) -> Path:
        roots = self.roots()
        key = {
            "roots": {name: self._origin(name, root, annotations_fingerprint) for name, root in sorted(roots.items())},
            "readers": self.settings.readers,
            "code": code_hash("adapters", "database"),
        }

        def make(folder: Path) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            database.save(database.build(roots, **self.settings.readers), folder / "database.parquet")
            return folder

        return self._product("database", key, lambda folder: folder, make) / "database.parquet"

    @cached_property
    def _table(self) -> pd.DataFrame:
        wanted, db = self.settings.selection, self.database()
        displayed = missingness.label_counts(db)["displayed"]
        candidates = list(wanted.aus or facs.ALL)
        kept = [au for au in candidates if displayed[au] >= wanted.min_occurrences]
        short = [f"{au} ({displayed[au]})" for au in candidates if au not in kept]
        if wanted.aus and short:
            warnings.warn(
                f"below the threshold of {wanted.min_occurrences} displayed labels and left out: {', '.join(short)}",
                stacklevel=2,
            )
        if not kept:
            raise AulibError(
                f"no action unit has {wanted.min_occurrences} displayed labels "
                f"(the most frequent has {displayed.max()}); lower "
                "selection.min_occurrences, or, in the profile 'paper', give the folders of the real datasets"
            )
        return database.select(db, aus=kept).reset_index(drop=True)

    @cached_property
    def _features(self) -> list[Path]:
        from aulib import training

        store, recipe = self.store(), self.settings.training
        return training.cache_features(
            store.pixels,
            self.folder / "features",
            images_key=store.key,
            pixel_scaling=recipe.pixels,
            seed=self.settings.seed,
            progress=self.progress,
            **recipe.model_dump(include={"weights", "precision", "cache", "cache_dtype", "augment", "devices"}),
        )

    @cached_property
    def _balance(self) -> balancing.Balance:
        limits, train = self.settings.balancing, self.table().iloc[self.split().train]
        y = database.labels(train, self.aus)
        if not limits.use:
            return balancing.balance(y, lower=1, upper=1, size=(1, 1), names=self.aus)
        return balancing.balance(
            y,
            seed=self.settings.seed,
            names=self.aus,
            datasets=train["dataset"],
            subjects=train["dataset"].astype(str) + "/" + train["subject"].astype(str),
            **limits.model_dump(exclude={"use"}),
        )

    def _product(self, kind: str, key: dict[str, Any], find: Callable[[Path], Any], make: Callable[[Path], Any]) -> Any:
        """Find a finished product or make it; two runs at once wait for each other, a killed one is resumed."""
        folder = self.folder / f"{kind}-{_hash(key)}"
        done = folder.with_suffix(".json")
        if not done.is_file():
            with FileLock(folder.with_suffix(".lock")):
                if not done.is_file():
                    make(folder)
                    atomically(
                        done, lambda path: Path(path).write_text(json.dumps(key, indent=1, default=str) + "\n", "utf-8")
                    )
        return find(folder)


def labels_by_store_row(y: np.ndarray, rows: np.ndarray, images: int) -> np.ndarray:
    """Arrange labels (n, L) by the images' rows in the store; images without a label stay unknown (NaN).

    Example:
        >>> labels_by_store_row(np.float32([[1], [0]]), np.array([2, 0]), 3)[:, 0].tolist()
        [0.0, nan, 1.0]
    """
    arranged = np.full((images, y.shape[1]), np.nan, np.float32)
    arranged[rows] = y
    return arranged


def work_folder() -> Path:
    """Return where products lie by default."""
    if os.environ.get("AULIB_WORK"):
        return Path(os.environ["AULIB_WORK"])
    checkout = _PACKAGE.parent
    return checkout / "_build" / "work" if (checkout / "_config.yml").is_file() else Path.cwd() / "aulib_work"


def writable(folder: Path) -> Path:
    """Create a folder and make sure that files can be written there.

    Raises:
        AulibError: it cannot be created or written, with the system's reason.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"0")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise AulibError(
            f"cannot write to {folder}: {error.strerror}; free some space or change its owner, "
            "or set the environment variable AULIB_WORK to another folder"
        ) from None
    return folder


def atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under a temporary name and rename it, so that no half-written file is ever seen."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def data_fingerprint(settings: Settings) -> str:
    """Return a hash of the annotations of all datasets of one's own, after a d; empty if there are none.

    It holds paths and times, as :func:`annotations_fingerprint` does: a copy of a dataset is another one.

    Example:
        >>> from aulib import profiles
        >>> data_fingerprint(profiles.load("tiny"))
        ''
    """
    named = sorted((name, folder) for name, folder in settings.datasets.items() if folder)
    found = [(name, folder, annotations_fingerprint(Path(folder).expanduser())) for name, folder in named]
    return f"d{_hash(found)}" if found else ""  # the letter, since digits alone would be read as a number


def annotations_fingerprint(root: Path) -> str:
    """Return a hash of the names, sizes and times of all files below a dataset's root that are not images.

    Folders count by their time of change, so that added or removed images are noticed without looking at each.
    """
    found, waiting, seen = [], [root], set()
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                except OSError:  # a link to nowhere: its name is all there is
                    found.append((entry.path,))
                    continue
                if not entry.is_dir():
                    if not entry.name.lower().endswith(_IMAGES):
                        found.append((entry.path, status.st_size, status.st_mtime_ns))
                elif (status.st_dev, status.st_ino) not in seen:  # links may run in circles
                    seen.add((status.st_dev, status.st_ino))
                    waiting.append(Path(entry.path))
                    found.append((entry.path, status.st_mtime_ns))
    return _hash(sorted(found, key=str))


def _hash(key: Any) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _watched() -> bool:
    return sys.stderr.isatty() or "google.colab" in sys.modules
