"""The meta-database: what build, validate, save, load, select, labels and describe promise."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_adapters_contract import ROWS, TREES, bp4d, write

from aulib import adapters, database, facs
from aulib.adapters.base import COLUMNS
from aulib.errors import DataError, DatasetNotFoundError, SettingsError


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trees")
    return {name: write_tree(folder / name) for name, write_tree in TREES.items()}


@pytest.fixture(scope="module")
def db(roots):
    return database.build(roots)


def test_build_puts_all_datasets_into_one_table(db):
    assert tuple(db.columns[: len(COLUMNS)]) == COLUMNS
    assert db["dataset"].value_counts(sort=False).to_dict() == ROWS
    assert db.index.equals(pd.RangeIndex(sum(ROWS.values())))


def test_build_keeps_every_cell_of_the_adapters(db, roots):
    for name, root in roots.items():
        alone = adapters.read(name, root)
        part = db[db["dataset"] == name].reset_index(drop=True)[alone.columns]
        pd.testing.assert_frame_equal(part, alone)


def test_every_row_leads_back_to_its_annotation(db, roots):
    texts = {row["dataset"]: database.annotation(row, roots) for _, row in db.iterrows()}
    assert texts["actor_study"] == "subject,camera,sequence,frame,AU01,AU04\nP2,C1,S1,2,-1,1"
    assert texts["ck_plus"] == "   9.0000000e+00   4.0000000e+00"
    assert texts["aff_wild2"].endswith("\n1,0,0,0,1,0,0,-1")
    empty = db[db["dataset"] == "unbc"].iloc[0]
    assert database.annotation(empty, roots) == ""


def test_a_source_that_is_gone_or_was_changed_is_named(tmp_path):
    root = TREES["aff_wild2"](tmp_path)
    row = database.build({"aff_wild2": root}).iloc[1]
    path = root / "annotations/AU_Set/Training_Set/103.txt"
    write(path, "AU1\n")
    with pytest.raises(DataError, match="103.txt:3: the file has 1 lines"):
        database.annotation(row, {"aff_wild2": root})
    path.unlink()
    with pytest.raises(DataError, match="103.txt: there is no such file"):
        database.annotation(row, {"aff_wild2": root})
    with pytest.raises(SettingsError, match="no folder is given for aff_wild2"):
        database.annotation(row, {})


def test_extras_are_unknown_where_a_dataset_has_none(db):
    assert db.loc[db["dataset"] == "unbc", "task"].isna().all()
    assert db.loc[db["dataset"] == "bp4d", "task"].tolist() == ["T1", "T1"]
    assert db["pspi"].dtype == "Float32"


def test_build_passes_settings_to_the_right_dataset(tmp_path):
    root = bp4d(tmp_path, start=10, rows=3)  # images 9, 10, 11 for frames 10, 11, 12
    assert database.build({"bp4d": root}, bp4d={"frame_offset": 0})["frame"].tolist() == [10, 11]
    kept = database.build({"bp4d": root}, missing_images="keep", bp4d={"frame_offset": 0})
    assert kept["frame"].tolist() == [10, 11, 12] and kept["image"].isna().tolist() == [False, False, True]


def test_build_names_all_missing_folders_before_reading_anything(roots, tmp_path):
    broken = write(tmp_path / "x/annotations.csv", "not a table of actors")
    wrong = {"actor_study": broken.parent, "bp4d": tmp_path / "no", "unbc": tmp_path / "none"}
    with pytest.raises(DatasetNotFoundError) as error:
        database.build(wrong)
    assert "bp4d" in str(error.value) and "unbc" in str(error.value) and "actor_study" not in str(error.value)


def test_build_refuses_unknown_names_and_settings(roots):
    with pytest.raises(SettingsError, match="mugs"):
        database.build({**roots, "mugs": "."})
    with pytest.raises(SettingsError, match="frame_offset"):
        database.build(roots, frame_offset=0)
    with pytest.raises(SettingsError, match="frame_ofset"):
        database.build(roots, bp4d={"frame_ofset": 0})
    with pytest.raises(SettingsError, match="expected a dict"):
        database.build(roots, bp4d=0)
    with pytest.raises(SettingsError, match="no dataset given"):
        database.build({})


def test_build_reports_what_was_read_over(tmp_path):
    root = TREES["aff_wild2"](tmp_path)
    path = root / "annotations/AU_Set/Training_Set/103.txt"
    write(path, path.read_text().replace("1,0,0,0,1,0,0,-1", "7,0,0,0,1,0,0,-1"))
    db = database.build({"aff_wild2": root}, strict=False)
    assert db.attrs["report"]["aff_wild2"]["problems"] == 1
    (problem,) = db.attrs["problems"]
    assert (problem["dataset"], problem["line"]) == ("aff_wild2", 3)


def test_an_image_labelled_twice_alike_is_kept_once(tmp_path):
    root = TREES["actor_study"](tmp_path)
    text = (root / "annotations.csv").read_text()
    write(root / "annotations.csv", text + "P1,C1,S1,1,1,0\n")
    with pytest.warns(UserWarning, match="1 rows repeat an image"):
        db = database.build({"actor_study": root})
    assert len(db) == 2 and db.attrs["duplicates"] == 1


def test_an_image_with_two_labels_is_an_error(tmp_path):
    root = TREES["actor_study"](tmp_path)
    text = (root / "annotations.csv").read_text()
    write(root / "annotations.csv", text + "P1,C1,S1,1,0,0\n")
    with pytest.raises(DataError, match=r"images/P1/C1/S1/00001.jpg.*annotations.csv:2 and annotations.csv:4"):
        database.build({"actor_study": root})


def test_in_report_mode_an_image_with_two_labels_is_known_where_its_rows_agree(tmp_path):
    root = TREES["actor_study"](tmp_path)
    header, first, second = (root / "annotations.csv").read_text().splitlines()
    rows = [header + ",AU06", first + ",1", second + ",1", "P1,C1,S1,1,1,1,-1", "P1,C1,S1,1,1,0,1"]
    write(root / "annotations.csv", "\n".join(rows) + "\n")
    with pytest.warns(UserWarning, match="2 rows repeat an image and were left out; 1 images were labelled in diff"):
        db = database.build({"actor_study": root}, strict=False)
    assert len(db) == 2 and db.attrs["duplicates"] == 2
    row = db.iloc[0]
    assert row["source"] == "annotations.csv:2"
    assert row["AU01"] == 1 and pd.isna(row["AU04"]) and pd.isna(row["AU06"])
    assert db.attrs["conflicts"] == [
        {
            "dataset": "actor_study",
            "image": "images/P1/C1/S1/00001.jpg",
            "sources": ["annotations.csv:2", "annotations.csv:4", "annotations.csv:5"],
            "columns": ["AU04", "AU06"],
        }
    ]
    again = database.load(database.save(db, tmp_path / "db.parquet"))
    assert again.attrs == db.attrs


def test_report_mode_holds_for_the_dataset_it_is_set_for(tmp_path):
    root = TREES["actor_study"](tmp_path)
    write(root / "annotations.csv", (root / "annotations.csv").read_text() + "P1,C1,S1,1,0,0\n")
    with pytest.warns(UserWarning, match="different ways"):
        database.build({"actor_study": root}, actor_study={"strict": False})
    with pytest.raises(DataError, match="strict=False"):
        database.build({"actor_study": root}, strict=False, actor_study={"strict": True})


def test_an_image_of_two_people_is_an_error(tmp_path):
    text = "subject,camera,sequence,frame,AU01,image\nP1,C1,S1,1,1,a.jpg\nP2,C1,S1,1,1,a.jpg\n"
    root = write(tmp_path / "annotations.csv", text).parent
    write(root / "a.jpg")
    with pytest.raises(
        DataError, match="'a.jpg' of actor_study belongs to different people.*csv:2 and annotations.csv:3"
    ):
        database.build({"actor_study": root})


def test_one_extra_with_two_types_is_refused(roots, monkeypatch):
    read = adapters.bp4d.BP4D.read
    other = pd.array(["none"] * 2, "string")
    monkeypatch.setattr(adapters.bp4d.BP4D, "read", lambda self: read(self).assign(pspi=other))
    with pytest.raises(DataError, match="column 'pspi' is string in bp4d and Float32 in unbc; .*one type"):
        database.build({name: roots[name] for name in ("bp4d", "unbc")})


def test_a_table_with_other_columns_is_refused(roots, monkeypatch):
    read = adapters.bp4d.BP4D.read
    monkeypatch.setattr(adapters.bp4d.BP4D, "read", lambda self: read(self).drop(columns="AU12"))
    with pytest.raises(DataError, match="the columns of bp4d are not those of the meta-database: see AU12"):
        database.build({"bp4d": roots["bp4d"]})


def test_rows_without_image_are_no_duplicates_of_each_other(tmp_path):
    root = TREES["bp4d"](tmp_path)
    for image in root.rglob("*.jpg"):
        image.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(database.build({"bp4d": root}, missing_images="keep")) == 2


def test_validate_returns_a_sound_table(db):
    assert database.validate(db) is db


@pytest.mark.parametrize(
    "column, value, message",
    [
        ("AU01", 9, r"column 'AU01': value 9 .*expected 0, 1 or <NA>.*dataset aff_wild2.*103.txt:3"),
        ("AU04_intensity", 6, r"column 'AU04_intensity': value 6 .*0 to 5"),
        ("dataset", "mugs", r"column 'dataset': value mugs .*actor_study"),
        ("frame", -1, r"column 'frame': value -1"),
        ("subject", pd.NA, r"column 'subject': value .*103.txt:3"),
        ("image", "../../etc/passwd", r"column 'image': value \.\./\.\./etc/passwd .*below the dataset's folder"),
        ("image", "/etc/passwd", r"column 'image': value /etc/passwd"),
        ("image", "a\\..\\b.jpg", r"column 'image': value a"),
        ("image", "C:\\b.jpg", r"column 'image': value C:"),
    ],
)
def test_validate_names_the_first_offending_row(db, column, value, message):
    broken = db.copy()
    row = broken.index[broken["source"].str.endswith("103.txt:3")][0]
    broken.loc[row, column] = value
    with pytest.raises(DataError, match=message):
        database.validate(broken)


def test_validate_refuses_other_types_and_missing_columns(db):
    with pytest.raises(DataError, match="'AU02'.*float64"):
        database.validate(db.assign(AU02=db["AU02"].astype("float64")))
    with pytest.raises(DataError, match="'image'.*object"):
        database.validate(db.assign(image=db["image"].astype(object)))
    with pytest.raises(DataError, match="no column 'AU56'"):
        database.validate(db.drop(columns="AU56"))


def test_validate_refuses_columns_it_does_not_know_as_action_units(db):
    for column in ("AU03", "AU99", "AU51_intensity"):
        with pytest.raises(DataError, match=f"has no column '{column}'.*AU01 to AU56"):
            database.validate(db.assign(**{column: pd.array([0] * len(db), "Int8")}))
    database.validate(db.assign(AU01_p=0.5, AUDIO="none"))


def test_validate_refuses_what_is_no_table(db):
    with pytest.raises(DataError, match="a dict; expected a pandas DataFrame"):
        database.validate({"dataset": ["bp4d"]})
    with pytest.raises(DataError, match="column 'AU01' is there twice"):
        database.validate(pd.concat([db, db[["AU01"]]], axis=1))


def test_validate_finds_the_row_whatever_the_index(db):
    broken = db.copy()
    broken.loc[broken["source"].str.endswith("103.txt:3"), "AU01"] = 9
    broken.index = [0] * len(broken)
    with pytest.raises(DataError, match="103.txt:3"):
        database.validate(broken)


def test_validate_takes_either_kind_of_pandas_string(db):
    database.validate(db.astype({"image": pd.StringDtype("python")}))


def test_parquet_round_trip_is_exact(db, tmp_path):
    path = database.save(db, tmp_path / "new" / "db.parquet")
    again = database.load(path)
    pd.testing.assert_frame_equal(again, db, check_exact=True)
    assert again.dtypes.equals(db.dtypes) and again.attrs == db.attrs
    assert [file.name for file in path.parent.iterdir()] == ["db.parquet"]


def test_a_write_that_fails_leaves_the_old_file(db, tmp_path, monkeypatch):
    path = database.save(db, tmp_path / "db.parquet")
    before = path.read_bytes()
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda self, path, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        database.save(db, path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_load_validates(db, tmp_path):
    db.assign(AU01=pd.array([9] * len(db), "Int8")).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="value 9"):
        database.load(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="no such file"):
        database.load(tmp_path / "none.parquet")
    write(tmp_path / "text.parquet", "not Parquet at all")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        database.load(tmp_path / "text.parquet")


def test_a_file_cut_short_is_refused_at_any_length(db, tmp_path):
    path = database.save(db, tmp_path / "db.parquet")
    whole = path.read_bytes()
    for length in (0, 3, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="db.parquet: not a readable Parquet file"):
            database.load(path)


def test_a_pickle_is_never_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "opened",))

    path = tmp_path / "db.parquet"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        database.load(path)
    assert not (tmp_path / "opened").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "opened").exists()  # the trap works


def test_load_refuses_other_types_and_names_the_file(db, tmp_path):
    db.assign(AU02=db["AU02"].astype("Float64")).to_parquet(tmp_path / "types.parquet")
    with pytest.raises(DataError, match="types.parquet: .*'AU02' has type Float64"):
        database.load(tmp_path / "types.parquet")


def test_a_selected_table_can_be_saved_and_loaded(db, tmp_path):
    table = database.select(db, aus=["AU04", "AU12"])
    path = database.save(table, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(database.load(path, aus=["AU04", "AU12"]), table)


def labelled(**columns):
    rows = len(next(iter(columns.values())))
    table = {"dataset": ["bp4d"] * rows, "subject": [f"F{i:03d}" for i in range(rows)], "sequence": [None] * rows}
    table |= {"image": [f"{i}.jpg" for i in range(rows)], "source": [f"a.csv:{i}" for i in range(rows)]}
    meta = pd.DataFrame(table, dtype="string").assign(frame=pd.array(range(rows), "Int64"))
    return meta.assign(**{name: pd.array(values, "Int8") for name, values in columns.items()})


def test_select_keeps_units_displayed_often_enough_and_rows_that_know_one():
    table = labelled(
        AU01=[1, 1, None, None], AU02=[1, 0, 1, None], AU04=[1, None, 0, 0], AU01_intensity=[3, 2, None, 0]
    )
    kept = database.select(table, min_occurrences=2)
    assert [c for c in kept.columns if c.startswith("AU")] == ["AU01", "AU02", "AU01_intensity"]
    assert kept["image"].tolist() == ["0.jpg", "1.jpg", "2.jpg"] and kept.index.tolist() == [0, 1, 2]
    assert kept.attrs["report"] == {
        "kept": {"AU01": 2, "AU02": 2},
        "dropped": {"AU04": 1},
        "min_occurrences": 2,
        "rows_before": 4,
        "rows_after": 3,
        "rows": {"bp4d": [4, 3]},
    }


def test_the_report_of_a_selection_says_what_was_dropped_and_why():
    table = labelled(AU01=[1, 1, None, None], AU02=[1, 0, 1, None], AU04=[1, None, 0, 0])
    table["dataset"] = pd.array(["bp4d", "bp4d", "unbc", "unbc"], "string")
    units, rows = database.selection_report(database.select(table, min_occurrences=2))
    assert units.to_dict("index") == {
        "AU01": {"displayed": 2, "kept": True, "why": ""},
        "AU02": {"displayed": 2, "kept": True, "why": ""},
        "AU04": {"displayed": 1, "kept": False, "why": "displayed 1 times, fewer than 2"},
    }
    assert rows[["before", "after", "dropped"]].to_dict("index") == {
        "bp4d": {"before": 2, "after": 2, "dropped": 0},
        "unbc": {"before": 2, "after": 1, "dropped": 1},
    }
    assert rows["why"].tolist() == ["", "every kept action unit is unknown"]
    units, _ = database.selection_report(database.select(table, aus=["AU04"]))
    assert units.loc["AU01", "why"] == "not asked for"


def test_the_report_of_a_selection_survives_copies_filters_and_parquet(db, tmp_path):
    kept = ["AU04", "AU12"]
    table = database.select(db, aus=kept)
    expected = database.selection_report(table)
    saved = database.load(database.save(table, tmp_path / "table.parquet"), kept)
    for same in (table.copy(), table[table["AU04"].notna()], table.sort_values("image").reset_index(drop=True), saved):
        for told, true in zip(database.selection_report(same), expected, strict=True):
            pd.testing.assert_frame_equal(told, true)
    with pytest.raises(DataError, match="no report of a selection"):
        database.selection_report(db)


def test_select_takes_given_units_in_the_given_order():
    table = labelled(AU01=[1, None], AU02=[None, None], AU04=[0, 1])
    kept = database.select(table, aus=["AU04", "AU01"], min_occurrences=99)
    assert [c for c in kept.columns if c.startswith("AU")] == ["AU04", "AU01"] and len(kept) == 2
    assert len(database.select(table, aus=["AU01"])) == 1


def test_select_leaves_its_input_alone(db):
    before = db.copy(deep=True)
    database.select(db, aus=["AU04"])
    pd.testing.assert_frame_equal(db, before)


def test_select_explains_an_empty_result():
    table = labelled(AU01=[1, 1, 0], AU02=[None, None, None])
    with pytest.raises(SettingsError, match="displayed 20,000 times; the most frequent are: AU01 2"):
        database.select(table)
    with pytest.raises(SettingsError, match="no row knows any of AU02; 3 rows"):
        database.select(table, aus=["AU02"])
    with pytest.raises(SettingsError, match="no action unit AU99"):
        database.select(table, aus=["AU99"])
    with pytest.raises(SettingsError, match="named twice"):
        database.select(table, aus=["AU01", "AU01"])


def test_labels_are_float32_with_nan_for_unknown():
    y = database.labels(labelled(AU01=[1, 0, None], AU02=[None, 1, 1]), ["AU02", "AU01"])
    assert y.dtype == np.float32 and y.shape == (3, 2)
    np.testing.assert_array_equal(y, np.float32([[np.nan, 1], [1, 0], [1, np.nan]]))
    with pytest.raises(SettingsError, match="AU99"):
        database.labels(labelled(AU01=[1]), ["AU99"])


def test_describe_has_the_form_of_table_1(db):
    table = database.describe(db)
    assert list(table.columns) == ["people", "images", "images_per_person", "known_share"]
    assert table.loc["bp4d", ["people", "images", "images_per_person"]].tolist() == [1, 2, 2]
    assert table.loc["actor_study", "people"] == 2
    assert table.loc["aff_wild2", "known_share"] == pytest.approx(15 / 90)
    assert table.index.tolist() == adapters.names()


def test_all_units_of_the_paper_have_a_column(db):
    assert [c for c in db.columns if c in facs.ALL] == list(facs.ALL) and len(facs.ALL) == 45
