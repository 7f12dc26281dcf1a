"""How well action units are recognised on synthetic faces, when every label is known.

    python benchmarks/recognition.py                                   # benchmarks/recognition.yml: all parts
    python benchmarks/recognition.py --profile tiny --parts probe cross
    python benchmarks/recognition.py --parts tuned_all                 # adds to what was measured before

Parts:

* ``probe``: ridge regression on frozen features of VGG16 (output of block 4), for every action unit that can be shown.
* ``tuned``: the two-stage recipe of the profile on the 13 action units of the paper; ``tuned_all``: on all that can be.
* ``cross``: ridge classifier on the frozen features, trained on one dataset, tested on all.

Other settings than those of the stored tables start new tables: give ``--out`` and ``--report`` to try something.

Labels are the complete truth, no row is repeated (no balancing), nobody is in two of training, validation and test.
Corpus, image store, features and trained networks are products of :mod:`aulib.pipeline`: they are found again, and a
run that was stopped goes on. The tables go to ``aulib/synth/data`` and ``benchmarks/recognition.md``.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from aulib import database, facs, features, metrics, pipeline, profiles, splits
from aulib.errors import DataError
from aulib.synth import measured

PARTS = ("probe", "tuned", "tuned_all", "cross")
RENDERABLE = tuple(au for au in facs.ALL if facs.CATALOGUE[au].renderable)
#: Strengths of the penalty, for standardised features; the one with the best mean AUC on validation people is kept.
PENALTIES = (3e2, 3e3, 3e4, 3e5)
#: Strength of the penalty between datasets: chosen on validation people of five of them, at 64 px.
CROSS_PENALTY = 3e4
OTHERS = "others"
#: Below so many images or people that display an action unit, nothing is said about it.
FEWEST_IMAGES, FEWEST_PEOPLE = 10, 5
NOT_BELOW, WEAK_BELOW = 0.70, 0.85
REPORT = Path(__file__).with_suffix(".md")


@dataclass(frozen=True)
class Faces:
    """The images of a corpus with their whole truth, split by people.

    Attributes:
        table: rows of the meta-database whose image can be read.
        y: float32 (n, L), the truth of :data:`RENDERABLE`.
        person: number of each row's person.
        train, validation, test: positions in the table.
    """

    table: pd.DataFrame
    y: np.ndarray
    person: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def labels(self, aus: tuple[str, ...]) -> np.ndarray:
        """Truth of some action units, float32 (n, len(aus))."""
        return self.y[:, [RENDERABLE.index(au) for au in aus]]


def load(work: pipeline.Pipeline) -> Faces:
    """Images, truth and split of a pipeline's corpus."""
    table = work.database()
    table = table[work.store().usable(table)].drop_duplicates(["dataset", "image"]).reset_index(drop=True)
    y = truth_of(table, work.truth())
    shares, seed = work.settings.split, work.settings.seed
    rest, test = splits.by_subject(table, test_size=shares.test_size, seed=seed)
    train, validation = splits.by_subject(table.iloc[rest], test_size=shares.validation_size, seed=seed + 1)
    train, validation = rest[train], rest[validation]
    splits.assert_partition(table, train, validation, test)
    return Faces(table, y, database.person_ids(table), train, validation, test)


def truth_of(table: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Complete labels of a table's images, float32 (n, L), from the corpus's truth table.

    Raises:
        DataError: an image that the truth does not know.
    """
    key = ["dataset", "image"]
    known = truth[truth["image"].notna()].astype({"dataset": object, "image": object}).set_index(key)
    found = known[list(RENDERABLE)].reindex(pd.MultiIndex.from_frame(table[key].astype(object)))
    y = found.to_numpy(dtype=np.float32, na_value=np.nan)
    if np.isnan(y).any():
        first = table.iloc[int(np.argmax(np.isnan(y).any(axis=1)))]
        raise DataError(f"the truth lacks labels of {first['dataset']} {first['image']}; render the corpus again")
    return y


def frozen_features(work: pipeline.Pipeline, faces: Faces) -> np.ndarray:
    """Output of the frozen block 4 for each row, float32 (n, features)."""
    from aulib import model

    recipe, store = work.settings.training, work.store()
    part = model.frozen_part(
        model.vgg16(facs.PAPER_13, recipe.image_size, recipe.weights, recipe.pixels), "block4_pool"
    )
    key = features.features_key(store.pixels, part, images_key=store.key)
    folder = work.folder / "features" / f"block4_pool-{features.short(key)}"
    stored = features.extract(store.pixels, part, folder, images_key=store.key, progress=work.progress)
    return stored[store.rows(faces.table)].reshape(len(faces.table), -1).astype(np.float32)


def auc_interval(
    displayed: np.ndarray, score: np.ndarray, person: np.ndarray, samples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of the area under the ROC curve; whole people are drawn with replacement.

    Args:
        displayed: bool (n,). score: float (n,). person: number of each row's person (n,).
        samples: number of draws. Draws that hold only positives or only negatives are left out.
        seed: of the draws.

    Returns:
        Percentiles 2.5 and 97.5; NaN if no draw has both classes.
    """
    people, place = np.unique(person, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), samples)
    found = weighted_auc(displayed, score, drawn[:, place])
    return tuple(np.nanpercentile(found, [2.5, 97.5])) if not np.isnan(found).all() else (np.nan, np.nan)


def weighted_auc(displayed: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights (b, n); ties count half; NaN without both classes."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan))  # tied scores form one group
    weight, displayed = weight[:, order].astype(np.float64), np.asarray(displayed, bool)[order]
    positive = np.add.reduceat(weight * displayed, starts, axis=1)
    negative = np.add.reduceat(weight * ~displayed, starts, axis=1)
    won = (positive * (np.cumsum(negative, axis=1) - negative / 2)).sum(axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weight), np.nan), where=pairs > 0)


def verdict(auc: float, low: float, displayed: int, people: int) -> str:
    """In words, how well an action unit is recognised.

    Example:
        >>> verdict(0.93, 0.90, 100, 30), verdict(0.75, 0.49, 100, 30), verdict(0.93, 0.90, 4, 2)
        ('recognised', 'not recognised', 'too few')
    """
    if displayed < FEWEST_IMAGES or people < FEWEST_PEOPLE:
        return "too few"
    if low <= 0.5 or auc < NOT_BELOW:
        return "not recognised"
    return "weak" if auc < WEAK_BELOW else "recognised"


def scored(faces: Faces, aus: tuple[str, ...], score: np.ndarray, part: str, samples: int) -> pd.DataFrame:
    """AUC, interval and verdict of scores (test rows, len(aus)), as columns named after the part."""
    y, person, rows = faces.labels(aus)[faces.test] == 1, faces.person[faces.test], {}
    aucs = metrics.roc_auc_per_label(y.astype(np.float32), expit(score.astype(np.float64)))
    for au, displayed, auc, own in zip(aus, y.T, aucs, score.T, strict=True):
        low, high = auc_interval(displayed, own, person, samples)
        people = len(np.unique(person[displayed]))
        rows[au] = {
            f"{part}_auc": auc,
            f"{part}_low": low,
            f"{part}_high": high,
            f"{part}_verdict": verdict(auc, low, int(displayed.sum()), people),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def in_span(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardised features in an orthonormal basis of what the training rows span, (n, rank): far fewer numbers, and
    a linear model with a squared penalty has the same solution."""
    scaled = StandardScaler().fit(x[train]).transform(x)
    squares, vectors = np.linalg.eigh(scaled[train] @ scaled[train].T)
    kept = squares > 1e-5 * squares[-1]
    return scaled @ (scaled[train].T @ (vectors[:, kept] / np.sqrt(squares[kept])))


def probe(work: pipeline.Pipeline, faces: Faces, samples: int) -> tuple[pd.DataFrame, dict]:
    """One ridge regression for all action units on standardised frozen features."""
    x = in_span(frozen_features(work, faces), faces.train)
    models = [Ridge(penalty).fit(x[faces.train], faces.y[faces.train]) for penalty in PENALTIES]
    truth = faces.y[faces.validation]
    aucs = [metrics.roc_auc_per_label(truth, expit(each.predict(x[faces.validation]))) for each in models]
    best = int(np.argmax([np.nanmean(auc) for auc in aucs]))
    score = models[best].predict(x[faces.test])
    return scored(faces, RENDERABLE, score, "probe", samples), {"penalty": PENALTIES[best]}


def tuned(
    work: pipeline.Pipeline, faces: Faces, aus: tuple[str, ...], part: str, samples: int
) -> tuple[pd.DataFrame, dict]:
    """The profile's two-stage recipe on complete labels."""
    from aulib import training

    store, recipe = work.store(), work.settings.training
    rows = store.rows(faces.table)
    y = pipeline.labels_by_store_row(faces.labels(aus), rows, len(store.pixels))
    key = {"settings": work.settings.model_dump_json(), "store": store.key, "labels": features.content_hash(y)}
    run = training.train_two_stage(
        store.pixels,
        y,
        aus=aus,
        train=rows[faces.train],
        validation=rows[faces.validation],
        folder=work.folder / f"recognition-{features.short(key)}",
        features=work.folder / "features",
        images_key=store.key,
        pixel_scaling=recipe.pixels,
        seed=work.settings.seed,
        progress=work.progress,
        **recipe.model_dump(exclude={"pixels"}),
    )
    truth, mean_auc = faces.labels(aus)[faces.test], {}
    for stage in (1, 2):
        p = run.predict(rows[faces.test], stage)
        mean_auc[f"mean AUC, stage {stage}"] = round(float(np.nanmean(metrics.roc_auc_per_label(truth, p))), 4)
    table = scored(faces, aus, p, part, samples)
    table[f"{part}_f1"] = metrics.f1_per_label(truth, p, recipe.threshold)
    return table, mean_auc | {"seconds by step": run.record["seconds"]}


def cross(work: pipeline.Pipeline, faces: Faces) -> pd.DataFrame:
    """Scores on every dataset's test people, for training on each dataset alone and on all others."""
    x, y = frozen_features(work, faces), faces.labels(facs.PAPER_13)
    names = faces.table["dataset"].to_numpy(dtype=object)
    learned, rows = np.concatenate([faces.train, faces.validation]), []
    for name in dict.fromkeys(names):
        inside = learned[names[learned] == name]
        score = _scores(x, y, inside)
        rows += [_row(name, test, inside, faces, y, names, score) for test in dict.fromkeys(names)]
        outside = learned[names[learned] != name]
        rows.append(_row(OTHERS, name, outside, faces, y, names, _scores(x, y, outside)))
    return pd.DataFrame(rows)


def _scores(x: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Scores of all rows (0 to 1; 0.5 decides) by one ridge classifier per label, in which displayed and not displayed
    rows weigh the same in sum."""
    reduced = in_span(x, train)
    result = np.empty(y.shape)
    for column, label in enumerate(y.T):
        if len(set(label[train])) < 2:
            result[:, column] = label[train][0]
            continue
        one = RidgeClassifier(CROSS_PENALTY, class_weight="balanced").fit(reduced[train], label[train])
        result[:, column] = expit(one.decision_function(reduced))
    return result


def _row(train: str, test: str, learned: np.ndarray, faces: Faces, y, names, score: np.ndarray) -> dict:
    rows = faces.test[names[faces.test] == test]
    truth = np.where(y[rows].any(axis=0), y[rows], np.nan)  # F1 needs a displayed image to mean anything
    return {
        "train": train,
        "test": test,
        "f1_macro": metrics.f1_macro(truth, score[rows]),
        "auc_macro": metrics.mean_of_labels(metrics.roc_auc_per_label(truth, score[rows])),
        "always_positive": metrics.mean_of_labels(metrics.always_positive_f1(truth)),
        "labels": int((~np.isnan(truth)).all(axis=0).sum()),
        "train_images": len(learned),
        "test_images": len(rows),
        "test_people": len(np.unique(faces.person[rows])),
    }


def drop(across: pd.DataFrame, score: str = "f1_macro") -> pd.DataFrame:
    """For each test dataset the score of a model from the same dataset, the mean of models from each other one, and
    the drop between them; the last row is the mean."""
    single = across[across["train"] != OTHERS]
    same = single["train"] == single["test"]
    table = pd.DataFrame(
        {
            "within": single[same].set_index("test")[score],
            "cross": single[~same].groupby("test")[score].mean(),
            "all others": across[across["train"] == OTHERS].set_index("test")[score],
        }
    )
    table["drop"] = table["within"] - table["cross"]
    table.loc["mean"] = table.mean()
    return table


def record_of(work: pipeline.Pipeline, faces: Faces) -> dict:
    """What the tables depend on."""
    keep = {"profile", "seed", "corpus", "split", "training"}
    people = {f"{name}_people": len(np.unique(faces.person[getattr(faces, name)])) for name in ("train", "test")}
    return {
        "what": "Recognition of action units on rendered faces (SynthAU), complete labels, unseen people.",
        "settings": json.loads(work.settings.model_dump_json(include=keep)),
        "counts": {"images": len(faces.table), "train": len(faces.train), "test": len(faces.test), **people},
        "parts": {},
    }


def earlier(folder: Path, record: dict) -> measured.Recognition | None:
    """What was measured before with the same settings on the same images, or None."""
    try:
        found = measured.recognition(folder)
    except DataError:
        return None
    return found if all(found.record.get(key) == record[key] for key in ("settings", "counts")) else None


def empty_tables(faces: Faces) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables without a measurement: names and counts of the action units; no pair of datasets."""
    displayed = faces.y[faces.test] == 1
    people = [len(np.unique(faces.person[faces.test][column])) for column in displayed.T]
    columns = {"name": [facs.CATALOGUE[au].name for au in RENDERABLE], "displayed": displayed.sum(axis=0)}
    units = pd.DataFrame({**columns, "people": people}, index=pd.Index(RENDERABLE, name="au"))
    for part in PARTS[:-1]:
        units[[f"{part}_{column}" for column in ("auc", "low", "high")]] = np.nan
        units[f"{part}_verdict"] = pd.Series(np.nan, units.index, dtype=object)
        if part != "probe":
            units[f"{part}_f1"] = np.nan
    across = pd.DataFrame(columns=["train", "test", "f1_macro", "auc_macro", "always_positive", "labels",
                                   "train_images", "test_images", "test_people"])  # fmt: skip
    return units, across


def measure(work: pipeline.Pipeline, parts: list[str], folder: Path, samples: int = 1000) -> measured.Recognition:
    """Measure the parts and write the tables after each of them."""
    faces = load(work)
    record = record_of(work, faces)
    before = earlier(folder, record)
    units, across = (before.units, before.across) if before else empty_tables(faces)
    record["parts"] = before.record["parts"] if before else {}
    for part in parts:
        started, about = time.perf_counter(), {}
        if part == "cross":
            across = cross(work, faces)
        else:
            aus = facs.PAPER_13 if part == "tuned" else RENDERABLE
            found, about = probe(work, faces, samples) if part == "probe" else tuned(work, faces, aus, part, samples)
            units[found.columns] = found.reindex(units.index)
        seconds = round(time.perf_counter() - started, 1)
        record["parts"][part] = {"seconds": seconds, **about, "versions": versions()}
        write(folder, units, across, record)
    return measured.recognition(folder)


def versions() -> dict[str, str]:
    """Versions of what computes."""
    names = ("aulib", "numpy", "scikit-learn", "keras", "tensorflow")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def write(folder: Path, units: pd.DataFrame, across: pd.DataFrame, record: dict) -> None:
    """Write the two tables and the record, each whole or not at all; the record last."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        measured.UNITS: units.round(4).to_csv(),
        measured.ACROSS: across.round(4).to_csv(index=False),
        measured.RECORD: json.dumps(record, indent=1) + "\n",
    }
    for name, text in texts.items():
        pipeline.atomically(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))


def report(found: measured.Recognition) -> str:
    """The tables in Markdown."""
    profile, scale = found.record["settings"]["profile"], found.record["settings"]["corpus"]["scale"]
    lines = [
        "# Recognition of action units on synthetic faces",
        f"What `benchmarks/recognition.py` last wrote: profile {profile}, scale {scale}. {found.source}. Complete "
        "labels in training and test. No number here is about real faces.",
        "| part | seconds | about |\n|---|---:|---|",
    ]
    for part, about in found.record["parts"].items():
        rest = {key: value for key, value in about.items() if key not in ("seconds", "versions")}
        lines[-1] += f"\n| {part} | {about['seconds']} | {json.dumps(rest)} |"
    lines += ["## Action units", found.units.round(3).to_markdown()]
    lines += [f"`{part}`: {summary(found.units, part)}." for part in PARTS[:-1] if part in found.record["parts"]]
    if len(found.across):
        matrix = found.across.pivot(index="train", columns="test", values="f1_macro")
        lines += ["## Between datasets: macro F1 of 13 action units", matrix.round(3).to_markdown()]
        lines += ["By F1:", drop(found.across).round(3).to_markdown()]
        lines += ["By AUC:", drop(found.across, "auc_macro").round(3).to_markdown()]
    return "\n\n".join(lines) + "\n"


def summary(units: pd.DataFrame, part: str) -> str:
    """Means over the 13 and over all action units, and the names behind each verdict, in words."""
    auc, said = units[f"{part}_auc"], units[f"{part}_verdict"]
    words = [
        f"mean AUC {auc[list(facs.PAPER_13)].mean():.3f} over the 13 of the paper, {auc.mean():.3f} over {auc.count()}"
    ]
    for word in ("not recognised", "weak", "too few"):
        words.append(f"{word}: {', '.join(said.index[said == word]) or 'none'}")
    return "; ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    own = str(Path(__file__).with_suffix(".yml"))
    parser.add_argument("--profile", default=own, help=f"settings of corpus, split and training; default {own}")
    parser.add_argument("--scale", type=float, help="of the corpus, instead of the profile's")
    parser.add_argument("--size", type=int, help="of images and network input in pixels, instead of the profile's")
    parser.add_argument("--seed", type=int, help="of corpus, split and training")
    parser.add_argument("--loss", help="of the networks, instead of the profile's; a name from aulib.losses.names")
    parser.add_argument("--epochs", type=int, nargs=2, help="of the two stages, instead of the profile's")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--samples", type=int, default=1000, help="draws of people for the intervals")
    parser.add_argument("--out", type=Path, default=measured.FOLDER, help="folder of the tables")
    parser.add_argument("--report", type=Path, default=REPORT, help="file of the report")
    given = parser.parse_args()
    changes = {"corpus.scale": given.scale, "corpus.size": given.size, "training.image_size": given.size,
               "corpus.seed": given.seed, "seed": given.seed, "training.loss": given.loss,
               "training.epochs": given.epochs}  # fmt: skip
    changes = {name: value for name, value in changes.items() if value is not None}
    settings = profiles.override(profiles.load(given.profile), **changes)
    text = report(measure(pipeline.Pipeline(settings, progress=True), given.parts, given.out, given.samples))
    given.report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
