"""What the readers make of the synthetic corpus is its truth, wherever they know a label: every image, every unit.

The annotation files are written from the plan of the whole corpus at scale 0.5; the images are empty files, because no
reader opens them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aulib import adapters, database, facs
from aulib.adapters.base import INTENSITY_COLUMNS
from aulib.synth import plan, writers

SCALE, SEED = 0.5, 11
#: What every row of a dataset must know. The corpus leaves single cells unknown on purpose; their share is given below.
CODED = {
    "actor_study": set(writers.ACTOR_STUDY_AUS),
    "aff_wild2": set(writers.AFF_WILD2_AUS),
    "bp4d": {au for au in facs.ALL if facs.CATALOGUE[au].number < 40} - {"AU21", "AU25", "AU26"},
    "ck_plus": set(adapters.registry.DATASETS["ck_plus"].coded_aus()),
    "emotionet": set(writers.EMOTIONET_AUS),
    "unbc": set(writers.UNBC_AUS) - {"AU15", "AU27"},
}
#: Share of the coded cells that the corpus hides at most: side cameras, undetected faces, single cells.
HIDDEN = {"actor_study": 0.05, "aff_wild2": 0.08, "emotionet": 0.03}
KEY = ["dataset", "subject", "sequence", "frame"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> tuple[Path, pd.DataFrame, list[plan.Frame]]:
    folder, frames = tmp_path_factory.mktemp("corpus"), []
    for name in plan.SIZES:
        own = plan.frames(name, SCALE, SEED)
        files = {path: text.encode() for path, text in writers.WRITERS[name](own).items()}
        files |= {frame.image: b"" for frame in own if frame.image}
        for path, data in files.items():
            place = folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        frames += own
    return folder, writers.truth(frames), frames


@pytest.fixture(scope="module")
def both(corpus) -> tuple[pd.DataFrame, pd.DataFrame, list[plan.Frame]]:
    """The database and the truth, row by row, and the plan in the order of the truth."""
    folder, truth, frames = corpus
    db = database.build({name: folder / name for name in plan.SIZES}, missing_images="keep")
    for frame in (truth, db):
        frame["place"] = frame[KEY].astype(object).fillna("-").astype(str).agg("|".join, axis=1)
    assert truth["place"].is_unique and db["place"].is_unique
    return db, truth.set_index("place").loc[db["place"]].reset_index(), frames


def test_every_coded_frame_is_read_once_and_no_other(both, corpus):
    db, _, frames = both
    truth = corpus[1]
    coded = {place for place, frame in zip(truth["place"], frames, strict=True) if frame.coded}
    listed = coded | set(truth.loc[truth["dataset"] == "aff_wild2", "place"])  # uncoded frames have a row of -1 there
    absent = listed - set(db["place"])
    assert set(db["place"]) <= listed and len(absent) == 1  # the fifth video has an image more than rows
    assert next(iter(absent)).startswith("aff_wild2")


def test_every_row_names_the_image_of_the_truth(both):
    db, truth, _ = both
    pd.testing.assert_series_equal(db["image"].astype("string"), truth["image"].astype("string"), check_dtype=False)


def test_every_known_label_is_the_truth(both):
    db, truth, _ = both
    for au in facs.ALL:
        known = db[au].notna().to_numpy()
        read, true = db.loc[known, au].to_numpy(int), truth.loc[known, au].to_numpy(int)
        wrong = np.flatnonzero(read != true)
        assert not len(wrong), (au, db[known].iloc[wrong[0]]["source"])


def test_every_known_intensity_is_the_truth(both):
    db, truth, _ = both
    known_cells = 0
    for column in INTENSITY_COLUMNS:
        known = db[column].notna().to_numpy()
        known_cells += known.sum()
        assert (db.loc[known, column].to_numpy(int) == truth.loc[known, column].to_numpy(int)).all(), column
    assert known_cells > 10_000


def test_the_pain_score_is_that_of_the_truth(both):
    db, truth, _ = both
    rows = (db["dataset"] == "unbc").to_numpy()
    level = {n: truth.loc[rows, f"AU{n:02d}_intensity"].to_numpy(int) for n in (4, 6, 7, 9, 10, 43)}
    pain = level[4] + np.maximum(level[6], level[7]) + np.maximum(level[9], level[10]) + (level[43] > 0)
    assert (db.loc[rows, "pspi"].to_numpy(int) == pain).all() and pain.max() > 4


@pytest.mark.parametrize("name", list(plan.SIZES))
def test_what_a_dataset_codes_is_known_and_the_rest_is_not(both, name):
    db, truth, _ = both
    rows = db[(db["dataset"] == name).to_numpy()]
    uncoded = [au for au in facs.ALL if au not in CODED[name]]
    assert not (rows[uncoded] == 0).to_numpy(bool, na_value=False).any()  # not looked for is never absent
    assert rows[sorted(CODED[name])].isna().to_numpy().mean() <= HIDDEN.get(name, 0)
    if name in HIDDEN:
        assert rows[sorted(CODED[name])].isna().to_numpy().any()
