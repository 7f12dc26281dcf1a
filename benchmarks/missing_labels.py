"""What missing labels cost: the large comparison of methods on synthetic faces, and its summary.

    python benchmarks/missing_labels.py --run DIR --profile quick     # 10 seeds, all experiments; goes on if stopped
    python benchmarks/missing_labels.py                               # the summary of the tables shipped with aulib
    python benchmarks/missing_labels.py --from DIR

``--run`` is ``aulib compare``. The summary goes to ``benchmarks/missing_labels.md``. Every score is a mean over seeds
with its standard deviation; each seed has its own test people. Tables and record are those of
:mod:`aulib.experiments`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from aulib import cli, experiments

REPORT = Path(__file__).with_suffix(".md")
REFERENCE = "masked_f1"
CURVES = ("share_known_random", "share_known_by_dataset", "batch_size", "datasets_merged", "training_size")


def spread(values: pd.Series) -> str:
    """Mean and standard deviation.

    Example:
        >>> spread(pd.Series([0.5, 0.7]))
        '0.600 ± 0.141'
    """
    return f"{values.mean():.3f} ± {values.std():.3f}"


def of_methods(table: pd.DataFrame) -> pd.DataFrame:
    """One row a method and balancing: macro scores, and the difference to the paper's method with the same seeds."""
    rows = macro(table, "methods")
    groups = rows.groupby(["balanced", "method"], sort=False)
    scores = ["f1_truth", "f1_known", "f1_tuned", "auc", "accuracy"]
    found = groups[scores].agg(spread)
    wide = rows.pivot(index="seed", columns=["balanced", "method"], values="f1_truth")
    for key in found.index:
        difference = wide[key] - wide[key[0], REFERENCE]
        found.loc[key, f"minus {REFERENCE}"] = spread(difference)
        found.loc[key, "seeds above"] = f"{int((difference > 0).sum())} of {len(difference)}"
    found["can predict"] = groups["predicted"].mean().round(1)
    return found


def known_against_truth(table: pd.DataFrame, method: str = REFERENCE) -> pd.DataFrame:
    """F1 on the known labels minus F1 on the truth for the same predictions, per action unit."""
    rows = table[(table["experiment"] == "methods") & (table["method"] == method) & (table["balanced"] == 0)]
    rows = rows[rows["test"] == "all"].assign(difference=lambda t: t["f1_known"] - t["f1_truth"])
    return rows.groupby("au", sort=False)[["f1_truth", "f1_known", "difference", "always_positive"]].agg(spread)


def macro(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Macro rows over all test people."""
    return table[(table["experiment"] == experiment) & (table["au"] == "macro") & (table["test"] == "all")]


def curve(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Macro F1 on the truth: one row a value on the axis, one column a method."""
    return macro(table, experiment).pivot_table(index="x", columns="method", values="f1_truth", aggfunc=spread)


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Macro F1 on the truth of a dataset that was not learned from."""
    rows = table[(table["experiment"] == "leave_one_dataset_out") & (table["au"] == "macro")]
    wide = rows.pivot_table(index="test", columns="method", values="f1_truth", aggfunc=spread)
    return wide.join(rows.groupby("test")["always_positive"].mean().round(3))


def ablation(table: pd.DataFrame) -> pd.DataFrame:
    """Scores of each variant."""
    rows = macro(table, "ablation")
    return rows.groupby("variant", sort=False)[["f1_truth", "f1_known", "auc", "accuracy"]].agg(spread)


def cost(record: dict) -> pd.DataFrame:
    """Trainings and wall time of each experiment."""
    parts = pd.DataFrame.from_dict(record["parts"], orient="index").drop(columns="seeds", errors="ignore")
    parts.loc["all"] = parts.sum()
    done = parts["run"] if "run" in parts else parts["trainings"]
    parts["seconds a training"] = (parts["seconds"] / done).round(2)
    return parts


def report(table: pd.DataFrame, record: dict) -> str:
    """The summary in Markdown."""
    data = record["data"]
    floor = macro(table, "methods")["always_positive"].mean()
    lines = [
        "# What missing labels cost",
        f"Printed by `benchmarks/missing_labels.py`. Synthetic faces (SynthAU), {data['images']:,} images of "
        f"{data['persons']:,} people, {data['features']} of the last frozen block, weights {data['weights']}, "
        f"{len(record['seeds'])} seeds. {record['machine']}, {record['workers']} processes; the machine was shared, so "
        "that the seconds are an upper bound. No number here is about real faces.",
        cost(record).to_markdown(),
        f"“Always displayed” has a macro F1 of {floor:.3f}. An action unit that a method cannot predict is scored as "
        "that, so a method that can predict few is not punished for the others; column “can predict” says how many it "
        "can.",
        "## Methods, macro over 13 action units, on unseen people",
        of_methods(table).to_markdown(),
        f"## {REFERENCE}: the same predictions on known labels and on the truth",
        known_against_truth(table).to_markdown(),
        "## One dataset held out: macro F1 on its truth",
        held_out(table).to_markdown(),
    ]
    for name in CURVES:
        lines += [f"## {name}: macro F1 on the truth", curve(table, name).to_markdown()]
    lines += ["## Ablations of masked_f1", ablation(table).to_markdown()]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, metavar="DIR", help="run the comparison into this folder first")
    parser.add_argument("--from", type=Path, dest="folder", metavar="DIR", help="default: the tables of the package")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--report", type=Path, default=REPORT, help="file of the summary")
    given = parser.parse_args()
    if given.run:
        options = ["--profile", given.profile, "--seeds", str(given.seeds), "--workers", str(given.workers)]
        if cli.main(["compare", "--out", str(given.run), *options]):
            raise SystemExit(1)
    folder = given.run or given.folder
    text = report(experiments.measured(folder), experiments.record(folder))
    given.report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
