"""The pipeline: products are made once, found again, resumed when interrupted, made anew when causes change."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pandas as pd
import pytest

from aulib import experiments, facs, features, pipeline, profiles
from aulib.errors import AulibError, DatasetNotFoundError, SettingsError

SMALL = {"scale": 0.02, "size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def work(folder):
    settings = profiles.settings(corpus=SMALL, selection={"min_occurrences": 5}, training={"image_size": 32})
    return pipeline.Pipeline(settings, folder, progress=False)


def test_an_empty_datasets_section_means_the_six_synthetic_trees(work):
    roots = work.roots()
    assert list(roots) == ["actor_study", "aff_wild2", "bp4d", "ck_plus", "emotionet", "unbc"]
    assert all(root.is_dir() for root in roots.values())
    assert work.synthetic and "Synthetic" in work.source


def test_the_database_holds_all_six_and_is_read_from_disk_the_second_time(work, monkeypatch):
    assert set(work.database()["dataset"]) == set(work.roots())
    from aulib import database

    monkeypatch.setattr(database, "build", lambda *_: pytest.fail("built twice"))
    again = pipeline.Pipeline(work.settings, work.folder, progress=False)
    pd.testing.assert_frame_equal(again.database(), work.database())


def test_every_known_label_equals_the_truth(work):
    db, truth = work.database(), work.truth().set_index(["dataset", "image"])
    true = truth.loc[pd.MultiIndex.from_frame(db[["dataset", "image"]])]
    for au in facs.ALL:
        known = db[au].notna().to_numpy()
        assert (db.loc[known, au].to_numpy(int) == true.loc[known, au].to_numpy(int)).all(), au


def test_the_split_shares_no_person_and_follows_the_seed(work):
    table, split = work.table(), work.split()
    people = [
        set(map(tuple, table.iloc[part][["dataset", "subject"]].to_numpy()))
        for part in (split.train, split.validation, split.test)
    ]
    assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(len(table)))
    other = pipeline.Pipeline(work.settings.model_copy(update={"seed": 1}), work.folder, progress=False)
    assert set(other.split().test) != set(split.test)


def test_balancing_can_be_switched_off(work):
    plain = pipeline.Pipeline(profiles.override(work.settings, **{"balancing.use": False}), work.folder, progress=False)
    assert sorted(plain.balance().indices) == list(range(len(plain.split().train)))


def test_an_action_unit_below_the_threshold_is_left_out_with_a_warning(work):
    counts = work.database()[list(facs.PAPER_13)].eq(1).sum()
    strict = profiles.override(work.settings, **{"selection.min_occurrences": int(counts.min()) + 1})
    with pytest.warns(UserWarning, match=counts.idxmin()):
        assert counts.idxmin() not in pipeline.Pipeline(strict, work.folder, progress=False).aus


def test_a_threshold_that_nothing_reaches_is_explained(work):
    far = profiles.override(work.settings, **{"selection.min_occurrences": 20_000})
    with pytest.warns(UserWarning), pytest.raises(AulibError, match="lower.*min_occurrences"):
        pipeline.Pipeline(far, work.folder, progress=False).table()


def test_a_folder_of_ones_own_is_read_alone_and_its_truth_is_not_known(work):
    own = profiles.override(work.settings, datasets={"bp4d": str(work.roots()["bp4d"])})
    real = pipeline.Pipeline(own, work.folder, progress=False)
    assert set(real.database()["dataset"]) == {"bp4d"}
    assert not real.synthetic and "Synthetic" not in real.source
    with pytest.raises(AulibError, match="truth"):
        real.truth()


def test_a_dataset_named_without_a_folder_is_synthetic(work):
    mixed = profiles.override(work.settings, datasets={"bp4d": str(work.roots()["bp4d"]), "unbc": ""})
    both = pipeline.Pipeline(mixed, work.folder, progress=False)
    assert both.roots()["unbc"] == work.roots()["unbc"] and "mixed" in both.source


def test_a_missing_folder_is_found_before_anything_is_built(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="'ck_plus' does not exist"):
        pipeline.Pipeline(profiles.settings(datasets={"ck_plus": "/nowhere"}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_product_is_resumed_in_the_same_folder_and_then_found(work):
    calls = []

    def make(folder):
        calls.append(folder)
        if len(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work._product("thing", {"a": 1}, str, make)
    for _ in range(2):
        work._product("thing", {"a": 1}, str, make)
    assert len(calls) == 2 and calls[0] == calls[1]


def test_two_runs_at_once_make_a_product_once(work):
    calls = []

    def make(folder):
        calls.append(folder)
        time.sleep(0.3)

    threads = [threading.Thread(target=work._product, args=("slow", {"a": 1}, str, make)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_features_are_made_once_for_all_images_and_shared_by_a_comparison_of_methods(work, monkeypatch):
    own = experiments._data._features(work, "hed", "caffe")
    made = work.features()
    assert [path.name.split("-")[0] for path in made] == ["block5_pool", "block4_pool"]
    shared = features.open_features(made[0])
    assert len(shared) == len(work.store().pixels)
    assert np.abs(shared - own).max() < 0.01 * own.max()  # block 4 was rounded to 16 bits
    monkeypatch.setattr(experiments._data, "_features", None)
    prepared = experiments.prepare(work, components=None, shared=True)
    assert prepared.x.shape == (len(work.table()), shared[0].size)
    with pytest.raises(SettingsError, match="shared features are the profile's"):
        experiments.prepare(work, weights=None, shared=True)


def test_the_mark_of_the_features_follows_what_decides_them(work, folder):
    def mark(**training):
        settings = profiles.override(work.settings, **{f"training.{name}": value for name, value in training.items()})
        return pipeline.Pipeline(settings, folder, progress=False).content("features")

    assert mark(loss="masked_asymmetric", hidden=(8,)) == work.content("features")
    assert mark(cache_dtype="float32") != work.content("features")
    assert mark(cache="none") == mark(augment={}) != work.content("features")


def test_the_fingerprint_of_a_tree_follows_its_annotations_and_its_lists_of_images(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1")
    (tmp_path / "labels" / "loop").symlink_to(tmp_path)
    (tmp_path / "labels" / "nowhere").symlink_to(tmp_path / "gone")
    seen = {pipeline.annotations_fingerprint(tmp_path)}
    assert pipeline.annotations_fingerprint(tmp_path) in seen
    (tmp_path / "labels" / "a.txt").write_text("10")
    seen.add(pipeline.annotations_fingerprint(tmp_path))
    (tmp_path / "labels" / "b.jpg").write_bytes(b"")
    os.utime(tmp_path / "labels", ns=(1, 1))
    seen.add(pipeline.annotations_fingerprint(tmp_path))
    assert len(seen) == 3


def test_an_interrupted_write_leaves_the_old_file_and_no_remains(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def half(path):
        path.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        pipeline.atomically(file, half)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and file.read_text() == "old"
