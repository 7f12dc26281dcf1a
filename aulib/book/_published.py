"""The page "Published against recomputed": its header and its tables, from :mod:`aulib.published`."""

from __future__ import annotations

import yaml

import aulib
from aulib import notebooks, published

#: Column of a check -> its heading on the page.
_CHECKED = {"claim": "Claim", "published": "Published", "recomputed": "Recomputed", "verdict": "Verdict"}
_OPEN = {"claim": "Number", "where": "Where", "published": "Published", "reason": "Why not"}


def header() -> str:
    """Return the page's header after the model of ReScience C: what was replicated, by whom, with which verdict."""
    counts = published.checks()["verdict"].value_counts().reindex(published.VERDICTS, fill_value=0)
    agree = counts["agrees"] + counts["agrees within rounding"]
    repository = yaml.safe_load((notebooks.root() / "_config.yml").read_text("utf-8"))["repository"]["url"]
    rows = {
        "Kind": "[Rp], reproduction: the paper's printed numbers, computed again with code of our own. [Re], "
        "replication: the paper's method, implemented anew; its data may not be passed on",
        "Verdict, [Rp] arithmetic": f"{counts.sum()} claims: {agree} right, {counts['consistent, no proof']} "
        f"consistent without proof, {counts['disagrees']} wrong",
        "Verdict, [Re] experiment": "open: neither replicated nor refuted, since this code has not been run on the "
        "paper's data",
        "Original article": "Multi-label Learning with Missing Values using Combined Facial Action Unit Datasets, "
        "ICML 2020 workshop Artemiss, [doi:10.48550/arXiv.2008.07234](https://doi.org/10.48550/arXiv.2008.07234)",
        "Original authors": "Jaspar Pahl, Ines Rieger, Dominik Seuss",
        "Original code": "none published that we know of",
        "Original data": "six licensed datasets: {doc}`datasets`",
        "Authors here": "The aulib authors",
        "Code here": f"[{repository.removeprefix('https://')}]({repository}), version {aulib.__version__}; MIT",
        "Data here": "this page: the paper's text and the datasets' public documents. The chapters: rendered faces, "
        "{doc}`datasheet`",
        "Licence of the text": "CC BY 4.0",
    }
    return "| Entry | Content |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in rows.items())


def verdicts() -> str:
    """Return how often each verdict was given, as a list."""
    counts = published.checks()["verdict"].value_counts()
    lines = [f"* **{verdict}**: {counts.get(verdict, 0)}" for verdict in published.VERDICTS]
    open_ = f"{len(published.not_recomputable())} further numbers cannot be computed again; the last table lists them."
    return "\n".join([*lines, "", open_]) + "\n"


def checks() -> str:
    """Return a table of the checks for each place of the paper, with the evidence listed below it."""
    table = published.checks()
    parts = [_part(where, rows) for where, rows in table.groupby("where", sort=False)]
    return "\n".join(parts)


def _part(where: str, rows) -> str:
    shown = rows.assign(recomputed=rows["recomputed"] + rows["tolerance"].map(_in_short))
    evidence = [f"* *{_safe(row.claim)}.* {_safe(row.evidence)}" for row in rows.itertuples()]
    return "\n".join([f"### {where}", "", _table(shown, _CHECKED), "", *evidence, ""])


def _in_short(tolerance: str) -> str:
    """Return a tolerance in brackets, without its reason."""
    return f" ({tolerance.partition(':')[0]})" if tolerance else ""


def not_recomputable() -> str:
    """Return the table of the numbers that cannot be computed again."""
    return _table(published.not_recomputable(), _OPEN) + "\n"


def _table(rows, columns: dict[str, str]) -> str:
    lines = ["| " + " | ".join(columns.values()) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(map(_safe, row)) + " |" for row in rows[list(columns)].itertuples(index=False)]
    return "\n".join(lines)


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("%", " %")
