"""The report of a check: tables for a notebook, text for a terminal, plain values for a script."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from aulib.checks._findings import PROBLEM

_SHOWN = 5


@dataclass(frozen=True)
class CheckReport:
    """What a check of one dataset's folder found.

    Attributes:
        name, title: the dataset.
        root: its folder.
        settings: settings its reader was given.
        found: what was found, in numbers (rows, people, sequences, images, ...).
        aus: index AU; ``coded`` by the release after the registry, rows in which it is ``known`` and ``displayed``, the
            ``share`` displayed / known, rows with an ``intensity``.
        findings: one row per check: ``check``, ``level`` ("ok", "note", "problem" or "not checked"), ``count``,
            ``message``.
        examples: where, at most 1,000 a check: ``check``, ``path``, ``line``, ``message``.
    """

    name: str
    title: str
    root: str
    settings: dict
    found: dict[str, int | float]
    aus: pd.DataFrame
    findings: pd.DataFrame
    examples: pd.DataFrame

    @property
    def problems(self) -> int:
        """Number of checks that found a problem."""
        return int((self.findings["level"] == PROBLEM).sum())

    def __str__(self) -> str:
        return self.text()

    def text(self, shown: int = _SHOWN) -> str:
        """The report in plain text, with so many examples a check."""
        given = "".join(f", {key}={value!r}" for key, value in self.settings.items())
        parts = [f"{self.title} in {self.root} (reader {self.name}{given})", "", *self._found(), "", *self._aus(), ""]
        parts += [*self._checks(shown), "", self._sum()]
        return "\n".join(parts)

    def to_json(self) -> str:
        """The whole report as JSON."""
        return json.dumps(
            {
                "dataset": self.name,
                "root": self.root,
                "settings": self.settings,
                "problems": self.problems,
                "found": self.found,
                "action_units": json.loads(self.aus.to_json(orient="index")),
                "findings": json.loads(self.findings.to_json(orient="records")),
                "examples": json.loads(self.examples.to_json(orient="records")),
            },
            indent=1,
        )

    def _found(self) -> list[str]:
        width = max(map(len, self.found))
        numbers = [f"{n:.1%}" if isinstance(n, float) else f"{n:,}" for n in self.found.values()]
        return ["Found", *(f"  {what:<{width}}  {n:>11}" for what, n in zip(self.found, numbers, strict=True))]

    def _aus(self) -> list[str]:
        lines = ["Action units", "  AU         known  displayed   share  intensity  coded"]
        for au, row in self.aus.iterrows():
            share = "" if pd.isna(row["share"]) else f"{row['share']:.1%}"
            coded = "yes" if row["coded"] else "no"
            lines.append(
                f"  {au:<6} {row['known']:>9,}  {row['displayed']:>9,}  {share:>6}  {row['intensity']:>9,}  {coded:>5}"
            )
        return lines

    def _checks(self, shown: int) -> list[str]:
        width = self.findings["check"].str.len().max()
        lines = ["Checks"]
        for row in self.findings.itertuples():
            lines.append(f"  {row.level:<11}  {row.check:<{width}}  {self._counted(row)}")
            lines += self._places(row.check, row.level, shown)
        return lines

    def _counted(self, row) -> str:
        plain = row.check in ("people", "images", "action units") or not row.count
        return row.message if plain else f"{row.count:,}: {row.message}"

    def _places(self, check: str, level: str, shown: int) -> list[str]:
        shown = shown if level == PROBLEM else min(shown, 1)
        places = self.examples[self.examples["check"] == check]
        lines = []
        for place in places.head(shown).itertuples():
            where = place.path if pd.isna(place.line) else f"{place.path}:{place.line}"
            lines.append(f"{'':15}{where}: {place.message}")
        if len(places) > shown:
            lines.append(f"{'':15}... and {len(places) - shown:,} more places")
        return lines

    def _sum(self) -> str:
        notes = int((self.findings["level"] == "note").sum())
        if not self.problems:
            return f"No problem found, {notes} to take note of."
        return f"{self.problems} of {len(self.findings)} checks found a problem, {notes} to take note of."
