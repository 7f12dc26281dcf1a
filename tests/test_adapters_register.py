"""A reader of one's own: once registered, it is a dataset like the others, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from aulib import adapters, database, facs
from aulib.adapters import registry
from aulib.adapters.base import Adapter, Part, label_column
from aulib.errors import DataError, DatasetNotFoundError, SettingsError

FACTS = replace(
    registry.DATASETS["unbc"],
    name="parlour",
    title="Parlour",
    coded={"1": ("AU01", "AU12")},
    intensity=(),
    unknown_codes=(7,),
)


@dataclass
class Parlour(Adapter):
    """One table ``labels.csv``: frame, AU01, AU12; 7 is unknown."""

    subject: str = "P1"
    name = "parlour"
    extras = {"room": "string"}

    def check(self) -> None:
        self.file = self.find("labels.csv")

    def parts(self) -> Iterator[Part]:
        header, values, lines = self.integer_table(self.file)
        labels, intensities = self.unknown_labels(len(values))
        cells = self.coded_cells(values[:, 1:], self.file, lines, header[1:], (0, 1), self.facts.unknown_codes)
        labels[:, [label_column(au) for au in header[1:]]] = cells
        same = [None] * len(values)
        yield Part(
            subject=[self.subject] * len(values),
            sequence=same,
            frame=values[:, 0].tolist(),
            image=[f"{frame}.jpg" for frame in values[:, 0]],
            source=self.sources(self.file, lines),
            labels=labels,
            intensities=intensities,
            extras={"room": same},
        )


@pytest.fixture(autouse=True)
def as_it_was():
    """Whatever a test registers is gone after it."""
    with patch.dict(registry.DATASETS), patch.dict(adapters._ADAPTERS):
        yield


@pytest.fixture
def tree(tmp_path) -> Path:
    (tmp_path / "labels.csv").write_text("frame,AU01,AU12\n1,1,0\n2,7,1\n")
    return tmp_path


def test_a_registered_reader_is_one_of_the_datasets(tree):
    registry.add(FACTS)
    assert adapters.register(Parlour) is Parlour
    assert adapters.names()[-1] == "parlour" and adapters.settings("parlour")["subject"] == "P1"
    table = adapters.read("parlour", tree, subject="P9")
    assert table["subject"].tolist() == ["P9", "P9"] and table["AU12"].tolist() == [0, 1]
    assert table["AU01"].isna().tolist() == [False, True] and table["AU04"].isna().all()


def test_it_merges_is_validated_saved_and_loaded(tree, tmp_path):
    registry.add(FACTS)
    adapters.register(Parlour)
    db = database.build({"parlour": tree}, parlour={"subject": "P3"})
    again = database.load(database.save(db, tmp_path / "db.parquet"))
    assert again["dataset"].tolist() == ["parlour"] * 2 and again["room"].isna().all()
    np.testing.assert_array_equal(database.labels(again, ["AU01", "AU12"]), [[1, 0], [np.nan, 1]])


def test_where_it_is_not_registered_its_table_is_refused(tree):
    with patch.dict(registry.DATASETS), patch.dict(adapters._ADAPTERS):
        registry.add(FACTS)
        adapters.register(Parlour)
        db = database.build({"parlour": tree})
    with pytest.raises(DataError, match="value parlour is not accepted"):
        database.validate(db)


def test_its_errors_name_file_and_line_like_those_of_the_others(tree):
    registry.add(FACTS)
    adapters.register(Parlour)
    (tree / "labels.csv").write_text("frame,AU01,AU12\n1,1,0\n2,3,1\n")
    with pytest.raises(DataError, match=r"labels\.csv:3: value 3 of AU01 is not one of 0, 1, 7"):
        adapters.read("parlour", tree)
    table = adapters.read("parlour", tree, strict=False)
    assert table.attrs["problems"][0]["line"] == 3 and table["AU01"].isna().tolist() == [False, True]
    with pytest.raises(DatasetNotFoundError, match=r"Parlour.*labels\.csv"):
        adapters.read("parlour", tree / "nowhere")


def test_registering_again_replaces_the_reader(tree):
    @dataclass
    class Better(Parlour):
        subject: str = "P2"

    registry.add(FACTS)
    adapters.register(Parlour)
    registry.add(replace(FACTS, title="Parlour II"))
    adapters.register(Better)
    assert adapters.read("parlour", tree)["subject"].unique().tolist() == ["P2"]
    assert adapters.names().count("parlour") == 1 and registry.DATASETS["parlour"].title == "Parlour II"


def test_a_reader_without_facts_is_refused():
    with pytest.raises(SettingsError, match=r"no facts about 'parlour'; call registry\.add"):
        adapters.register(Parlour)


@pytest.mark.parametrize("thing", [dict, Parlour.check, object()])
def test_only_readers_can_be_registered(thing):
    with pytest.raises(SettingsError, match="is no reader"):
        adapters.register(thing)


def test_a_reader_that_lacks_a_method_a_name_or_has_a_taken_one_is_refused():
    @dataclass
    class Half(Adapter):
        name = "parlour"

        def check(self) -> None:
            """Nothing to look for."""

    class Nameless(Parlour):
        name = None

    class Taken(Parlour):
        name = "unbc"

    class Clashing(Parlour):
        extras = {"frame": "Int64"}

    registry.add(FACTS)
    for adapter, message in (
        (Half, "Half lacks the method parts"),
        (Nameless, "no facts about None"),
        (Taken, "'unbc' is a built-in reader"),
        (Clashing, "extra column 'frame'"),
    ):
        with pytest.raises(SettingsError, match=message):
            adapters.register(adapter)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "unbc"}, "built-in dataset"),
        ({"name": "My Set"}, "accepted: lower-case letters"),
        ({"name": "strict"}, "accepted: lower-case letters"),
        ({"coded": {}}, "expected release -> action units"),
        ({"coded": {"1": ("AU01", "AU99")}}, "no column for AU99"),
        ({"benchmark": ("AU01", "AU04")}, "the benchmark has AU04, which no release codes"),
        ({"intensity": ("AU56",)}, "no intensity column for AU56"),
    ],
)
def test_facts_that_do_not_fit_the_meta_database_are_refused(change, message):
    with pytest.raises(SettingsError, match=message):
        registry.add(replace(FACTS, **change))
    assert "parlour" not in registry.DATASETS and set(registry.DATASETS["unbc"].coded_aus()) < set(facs.ALL)
