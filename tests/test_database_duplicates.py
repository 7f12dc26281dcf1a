"""Images that are there twice: by name, by content, by look; and people whom two datasets share."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from aulib import database, facs, splits
from aulib.adapters import registry
from aulib.database import _alike
from aulib.errors import DataError, SettingsError


def table(rows: list[tuple], **labels) -> pd.DataFrame:
    """Rows of (dataset, subject, image) with labels of action units."""
    db = pd.DataFrame(rows, columns=["dataset", "subject", "image"], dtype="string")
    return db.assign(**{au: pd.array(values, "Int8") for au, values in labels.items()})


def photo(seed: int, size: int = 96) -> Image.Image:
    """A smooth colour picture, another one for every seed."""
    small = np.random.default_rng(seed).integers(0, 200, (5, 5, 3), np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def store(root, name: str, image: Image.Image, **options):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


# ---------------------------------------------------------------- by name


def test_rows_that_name_one_image_are_found_with_the_labels_they_share_and_contradict():
    db = table(
        [("bp4d", "F001", "a.jpg"), ("bp4d", "F001", "b.jpg"), ("unbc", "x", "a.jpg"), ("bp4d", "F001", "a.jpg")],
        AU01=[1, 0, 0, 1],
        AU02=[0, 0, 0, 1],
        AU04=[None, 0, 0, 1],
    )
    found = database.duplicates(db)
    assert found.drop(columns="difference").to_dict("records") == [
        {
            "kind": "path",
            "datasets": "bp4d",
            "images": ("bp4d/a.jpg",),
            "rows": (0, 3),
            "people": 1,
            "same": 1,
            "conflicting": ("AU02",),
        }
    ]
    assert found["difference"].isna().all()


def test_rows_without_image_are_no_duplicates():
    assert database.duplicates(table([("bp4d", "F001", None)] * 3, AU01=[1, 0, None])).empty


def test_a_table_without_duplicates_gives_a_table_without_rows():
    found = database.duplicates(table([("bp4d", "F001", "a.jpg")], AU01=[1]))
    assert found.empty and list(found.columns)[:3] == ["kind", "datasets", "images"]


# ---------------------------------------------------------------- by content


def test_files_with_the_same_bytes_are_found_within_and_across_datasets(tmp_path):
    for name, data in {
        "bp4d/a.jpg": b"face",
        "bp4d/b.jpg": b"FACE",
        "unbc/c.png": b"face",
        "unbc/d.png": b"other",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    db = table(
        [("bp4d", "F001", "a.jpg"), ("bp4d", "F002", "b.jpg"), ("unbc", "x", "c.png"), ("unbc", "x", "d.png")],
        AU04=[1, 1, 0, 0],
        AU06=[None, 1, 1, 0],
    )
    found = database.duplicates(db, {name: tmp_path / name for name in ("bp4d", "unbc")}, content=True)
    (row,) = found.to_dict("records")
    assert row["kind"] == "content" and row["datasets"] == "bp4d + unbc" and row["rows"] == (0, 2)
    assert row["images"] == ("bp4d/a.jpg", "unbc/c.png") and row["people"] == 2
    assert row["same"] == 0 and row["conflicting"] == ("AU04",)


def test_only_files_that_share_their_size_are_read(tmp_path, monkeypatch):
    sizes = [5, 6, 7, 7, 8]
    for i, size in enumerate(sizes):
        (tmp_path / f"{i}.jpg").write_bytes(bytes([i]) * size)
    read = []
    real = _alike._digest
    monkeypatch.setattr(_alike, "_digest", lambda path: read.append(path.name) or real(path))
    db = table([("bp4d", "F001", f"{i}.jpg") for i in range(len(sizes))], AU01=[0] * 5)
    assert database.duplicates(db, {"bp4d": tmp_path}, content=True).empty
    assert sorted(read) == ["2.jpg", "3.jpg"]


def test_missing_folders_and_images_are_named(tmp_path):
    db = table([("bp4d", "F001", "a.jpg"), ("unbc", "x", "b.png")], AU01=[0, 0])
    with pytest.raises(SettingsError, match="has none for bp4d, unbc"):
        database.duplicates(db, content=True)
    with pytest.raises(SettingsError, match="has none for unbc"):
        database.duplicates(db, {"bp4d": tmp_path}, near=True)
    with pytest.raises(DataError, match="a.jpg: 2 images of the table are not there"):
        database.duplicates(db, {"bp4d": tmp_path, "unbc": tmp_path}, content=True)


# ---------------------------------------------------------------- by look

#: Copies of one picture: name -> (change, whether it is found).
COPIES = {
    "scaled.png": (lambda image: image.resize((64, 64), Image.Resampling.BICUBIC), True),
    "brighter.png": (lambda image: image.point(lambda value: value + 25), True),
    "grey.png": (lambda image: image.convert("L"), True),
    "mirrored.png": (ImageOps.mirror, False),
    "cropped.png": (lambda image: image.crop((20, 20, 76, 76)), False),
    "turned.png": (lambda image: image.rotate(90), False),
}


@pytest.mark.parametrize("name", COPIES)
def test_what_counts_as_a_look_alike(name, tmp_path):
    change, expected = COPIES[name]
    store(tmp_path, "plain.png", photo(0))
    store(tmp_path, name, change(photo(0)))
    db = table([("bp4d", "F001", "plain.png"), ("bp4d", "F002", name)], AU01=[1, 1])
    found = database.duplicates(db, {"bp4d": tmp_path}, near=True)
    assert (found["kind"].tolist() == ["near"]) == expected and len(found) == expected
    if expected:
        assert found["people"].item() == 2 and found["same"].item() == 1 and 0 <= found["difference"].item() <= 3


def test_a_picture_compressed_again_is_a_look_alike_across_datasets(tmp_path):
    store(tmp_path, "u/a.jpg", photo(1), quality=95)
    store(tmp_path, "e/b.jpg", photo(1, 128), quality=60)
    db = table([("unbc", "x", "a.jpg"), ("emotionet", "N_1", "b.jpg")], AU01=[1, 0])
    found = database.duplicates(db, {"unbc": tmp_path / "u", "emotionet": tmp_path / "e"}, near=True, content=True)
    assert found[["kind", "datasets", "conflicting"]].values.tolist() == [["near", "emotionet + unbc", ("AU01",)]]


def test_neighbours_in_one_persons_video_are_no_look_alikes(tmp_path):
    store(tmp_path, "1.png", photo(2))
    store(tmp_path, "2.png", photo(2))
    db = table([("bp4d", "F001", "1.png"), ("bp4d", "F001", "2.png")], AU01=[1, 1])
    assert database.duplicates(db, {"bp4d": tmp_path}, near=True).empty


def test_equal_files_are_not_told_twice(tmp_path):
    store(tmp_path, "1.png", photo(3))
    store(tmp_path, "2.png", photo(3))
    db = table([("bp4d", "F001", "1.png"), ("bp4d", "F002", "2.png")], AU01=[1, 1])
    roots = {"bp4d": tmp_path}
    assert database.duplicates(db, roots, content=True, near=True)["kind"].tolist() == ["content"]
    assert database.duplicates(db, roots, near=True)["difference"].tolist() == [0]


def test_images_that_cannot_be_decoded_are_listed(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    store(tmp_path, "good.png", photo(4))
    db = table([("bp4d", "F001", "bad.png"), ("bp4d", "F002", "good.png")], AU01=[1, 1])
    found = database.duplicates(db, {"bp4d": tmp_path}, near=True, workers=1, progress=False)
    assert found.empty and found.attrs["unreadable"] == [str(tmp_path / "bad.png")]
    assert database.duplicates(db.iloc[:1], {"bp4d": tmp_path}, near=True).empty


def many(n: int, seed: int, thumbnails: np.ndarray, monkeypatch) -> tuple[list, np.ndarray, np.ndarray]:
    """n images as hashes with many near ones; the files themselves are not needed."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**63, max(2, n // 12), dtype=np.uint64)
    hashes = centres[rng.integers(len(centres), size=n)]
    for _ in range(4):  # up to 4 flipped bits: some pairs are just near enough, some just not
        flip = rng.random(n) < 0.5
        hashes[flip] ^= np.uint64(1) << rng.integers(0, 64, flip.sum(), dtype=np.uint64)
    looks = {i: (int(h), thumbnails[i]) for i, h in enumerate(hashes)}
    monkeypatch.setattr(_alike, "_look", looks.__getitem__)
    return list(range(n)), rng.integers(0, 20, n), hashes


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_that_a_comparison_of_all_pairs_finds_is_found(seed, monkeypatch):
    n = 240
    thumbnails = np.random.default_rng(seed).normal(0, 3.5, (n, 16, 16)).astype(np.float32)
    names, people, hashes = many(n, seed, thumbnails, monkeypatch)
    near = [
        (i, j)
        for i, j in combinations(range(n), 2)
        if people[i] != people[j]
        and bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= 3
        and np.sqrt(((thumbnails[i] - thumbnails[j]) ** 2).mean()) <= 6
    ]
    found, said = _alike.look_alikes(names, people, np.arange(n), _alike.Work(1, True))
    group = {int(image): number for number, (images, _) in enumerate(found) for image in images}
    assert len(near) > 20 and said["cut_buckets"] == 0
    first = {(int(hashes[i]), int(people[i])): i for i in reversed(range(n))}
    for i, j in near:  # images of one person with one hash are represented by the first
        i, j = (first[int(hashes[k]), int(people[k])] for k in (i, j))
        if (min(i, j), max(i, j)) in near:
            assert group[i] == group[j]
    assert set(group) <= {image for pair in near for image in pair}


def test_the_work_grows_with_the_images_and_not_with_their_pairs(monkeypatch):
    n, most = 3_000, 100
    monkeypatch.setattr(_alike, "_LARGEST_BUCKET", most)
    monkeypatch.setattr(_alike, "_look", lambda path: (0, np.zeros((16, 16), np.float32)))
    compared = []
    real = _alike._confirmed
    monkeypatch.setattr(_alike, "_confirmed", lambda a, b, *rest: compared.append(len(a)) or real(a, b, *rest))
    found, said = _alike.look_alikes(list(range(n)), np.arange(n), np.arange(n), _alike.Work(1, True))
    assert sum(compared) <= 4 * n * most / 2  # the worst case; all pairs would be 4.5 million
    assert said["cut_buckets"] == 4 and sum(len(images) for images, _ in found) == n


# ---------------------------------------------------------------- people whom two datasets share


@pytest.fixture
def disfa(monkeypatch):
    """A registry in which DISFA+ names DISFA as a dataset with the same people, and not the other way round."""
    pair = {"disfa": SimpleNamespace(overlaps=()), "disfa_plus": SimpleNamespace(overlaps=("disfa",))}
    known = dict(registry.DATASETS) | pair
    monkeypatch.setattr(registry, "DATASETS", known)
    rows = [("disfa", f"SN{n:03d}", f"{n}{k}.jpg") for n in range(1, 9) for k in "ab"]
    rows += [("disfa_plus", f"SN{n:03d}", f"{n}{k}.jpg") for n in (1, 3, 4, 7, 20) for k in "abc"]
    return table([*rows, ("unbc", "SN001", "x.png"), ("unbc", "SN002", "y.png")], AU04=[0] * 33)


def test_one_name_in_datasets_that_share_people_is_one_person(disfa):
    ids = pd.Series(database.person_ids(disfa), index=[disfa["dataset"], disfa["subject"]])
    assert ids["disfa", "SN001"].nunique() == 1
    assert set(ids["disfa", "SN001"]) == set(ids["disfa_plus", "SN001"])
    assert set(ids["disfa", "SN001"]).isdisjoint(ids["unbc", "SN001"])
    assert len(set(ids)) == 8 + 1 + 2


def test_shared_people_are_listed(disfa):
    shared = database.shared_people(disfa)
    assert shared["subject"].tolist() == ["SN001", "SN003", "SN004", "SN007"]
    assert set(shared["datasets"]) == {"disfa + disfa_plus"} and set(shared["rows"]) == {5}
    assert database.shared_people(disfa[disfa["dataset"] == "unbc"]).empty


def test_splits_keep_shared_people_on_one_side(disfa):
    for seed in range(10):
        for train, test in [splits.by_subject(disfa, 0.4, seed), *splits.folds(disfa, 3, seed)]:
            sides = [set(disfa.iloc[rows].loc[lambda t: t["dataset"] != "unbc", "subject"]) for rows in (train, test)]
            assert not sides[0] & sides[1]


def test_a_split_that_tears_a_shared_person_apart_is_refused(disfa):
    plus = (disfa["dataset"] == "disfa_plus").to_numpy()
    with pytest.raises(DataError, match="person SN001 of disfa and disfa_plus is in more than one part"):
        splits.assert_partition(disfa, np.flatnonzero(plus), np.flatnonzero(~plus))


def test_leaving_a_dataset_out_leaves_its_people_out_of_training(disfa):
    train, test = splits.leave_one_dataset_out(disfa)["disfa_plus"]
    left = disfa.iloc[train]
    assert set(left.loc[left["dataset"] == "disfa", "subject"]) == {"SN002", "SN005", "SN006", "SN008"}
    assert set(left.loc[left["dataset"] == "unbc", "subject"]) == {"SN001", "SN002"} and len(test) == 15
    alone = disfa[disfa["dataset"].isin(["disfa", "disfa_plus"]) & (disfa["subject"] == "SN001")]
    with pytest.raises(DataError, match="everybody in the other datasets is in disfa too"):
        splits.leave_one_dataset_out(alone)


def test_building_announces_shared_people(disfa):
    from aulib.database import _build

    with pytest.warns(UserWarning, match=r"disfa and disfa_plus show the same people: 4 people \(SN001, SN003"):
        _build._announce_shared_people(disfa)
    strangers = disfa[(disfa["dataset"] == "disfa") | (disfa["subject"] == "SN020")]
    with pytest.warns(UserWarning, match="nobody can tell who is who"):
        _build._announce_shared_people(strangers)


def test_every_action_unit_of_a_table_is_compared():
    rows = [("bp4d", "F001", "a.jpg")] * 2
    db = table(rows, **{au: [0, 1] for au in facs.ALL})
    assert database.duplicates(db)["conflicting"].item() == facs.ALL
