"""Products in files: what is unpacked in another folder is found there, and nothing is made anew."""

from __future__ import annotations

import tarfile
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from aulib import archives, database, features, images, profiles, synth, training
from aulib.errors import DataError
from aulib.pipeline import STEPS, Pipeline

SETTINGS = {
    "corpus": {"scale": 0.02, "size": 32},
    "training": {"image_size": 32, "epochs": (1, 1), "hidden": (8,)},
    "selection": {"min_occurrences": 5},
    "evaluation": {"bootstrap": 20},
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Every step's product in a file, and the results of the run."""
    folder = tmp_path_factory.mktemp("packed")
    work = Pipeline(profiles.settings(**SETTINGS), tmp_path_factory.mktemp("here"), progress=False)
    files = [archives.pack(work, folder / f"{step}.tar", step) for step in STEPS]
    return files, pd.read_csv(work.results() / "results.csv")


def refuse(*arguments, **options):
    raise AssertionError("made anew")


def test_nothing_is_computed_where_all_products_were_unpacked(packed, tmp_path, monkeypatch):
    files, results = packed
    for module, name in ((synth, "make_corpus"), (database, "build"), (images, "build_store")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(training._recipe, "run_stages", refuse)
    monkeypatch.setattr(features, "_compute", refuse)
    archives.unpack(files, tmp_path / "there")
    work = Pipeline(profiles.settings(**SETTINGS), tmp_path / "there", progress=False)
    found = {step: work.content(step) for step in STEPS}
    assert set(found) == set(STEPS) and len(work.features()) == 2
    pd.testing.assert_frame_equal(pd.read_csv(work.results() / "results.csv"), results)


def test_what_is_there_stays_and_two_may_unpack_at_once(packed, tmp_path):
    files, _ = packed
    archives.unpack(files[:1], tmp_path)
    mark = next(tmp_path.glob("corpus-*/")) / "mine.txt"
    mark.write_text("kept")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: archives.unpack(files, tmp_path), range(4)))
    assert mark.read_text() == "kept"
    assert not list(tmp_path.glob(".unpacking-*"))


def test_a_product_that_is_half_made_is_replaced(packed, tmp_path):
    files, _ = packed
    archives.unpack(files[:1], tmp_path)
    done, truth = next(tmp_path.glob("corpus-*.json")), next(tmp_path.glob("corpus-*/truth.parquet"))
    done.unlink()
    truth.unlink()
    archives.unpack(files[:1], tmp_path)
    assert done.is_file() and truth.is_file()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_file_that_was_cut_off_is_named_and_leaves_nothing(packed, tmp_path, share):
    whole = packed[0][1].read_bytes()
    broken = tmp_path / "database.tar"
    broken.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match="database.tar.*no complete archive"):
        archives.unpack([broken], tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())


def test_a_failed_packing_leaves_no_file(tmp_path, monkeypatch):
    work = Pipeline(profiles.settings(**SETTINGS), tmp_path / "work", progress=False)
    monkeypatch.setattr(tarfile.TarFile, "add", refuse)
    with pytest.raises(AssertionError):
        archives.pack(work, tmp_path / "corpus.tar", "corpus")
    assert not [path for path in tmp_path.iterdir() if path.name != "work"]


def test_real_datasets_are_no_product(tmp_path):
    root = synth.make_corpus(tmp_path / "own", scale=0.02, size=32, datasets=["ck_plus"]) / "ck_plus"
    settings = profiles.settings(**SETTINGS, datasets={"ck_plus": str(root)})
    work = Pipeline(settings, tmp_path / "work", progress=False)
    assert work.made("corpus") == [] and work.content("corpus")
    assert not list(work.folder.glob("corpus-*"))  # nor is one rendered
    with tarfile.open(archives.pack(work, tmp_path / "database.tar", "database")) as tar:
        assert not [name for name in tar.getnames() if name.endswith(".png")]
