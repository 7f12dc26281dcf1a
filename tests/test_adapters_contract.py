"""What every adapter promises, whatever its dataset. The trees are written by hand here, a few files each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from aulib import adapters, facs, paper
from aulib.adapters import registry
from aulib.adapters.base import COLUMNS, INTENSITY_COLUMNS, META
from aulib.errors import AulibError, DataError, DatasetNotFoundError, SettingsError


def write(path: Path, text: str | bytes = "") -> Path:
    """Write a file and the folders above it, byte for byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def actor_study(root: Path) -> Path:
    write(root / "annotations.csv", "subject,camera,sequence,frame,AU01,AU04\nP1,C1,S1,1,1,0\nP2,C1,S1,2,-1,1\n")
    write(root / "images/P1/C1/S1/00001.jpg")
    write(root / "images/P2/C1/S1/00002.jpg")
    return root


def aff_wild2(root: Path) -> Path:
    header = "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25\n"
    write(root / "annotations/AU_Set/Training_Set/103.txt", header + "0,0,0,0,1,0,0,0\n1,0,0,0,1,0,0,-1\n")
    write(root / "cropped_aligned/103/00001.jpg")
    write(root / "cropped_aligned/103/00002.jpg")
    return root


def bp4d(root: Path, name: str = "F001_T1", start: int = 1, rows: int = 2) -> Path:
    lines = [",".join(map(str, range(100)))]
    for frame in range(start, start + rows):
        cells = [9 if au in (3, 8, 21, 25, 26) or au >= 40 else int(au == 12) for au in range(1, 100)]
        lines.append(",".join(map(str, [frame, *cells])))
        subject, task = name.split("_")
        write(root / f"Sequences(2D+3D)/{subject}/{task}/{frame - 1:04d}.jpg")
    write(root / f"AUCoding/AU_OCC/{name}.csv", "\n".join(lines) + "\n")
    return root


def ck_plus(root: Path) -> Path:
    write(root / "FACS/S005/001/S005_001_00000003_facs.txt", "   9.0000000e+00   4.0000000e+00\n")
    for frame in (1, 2, 3):
        write(root / f"cohn-kanade-images/S005/001/S005_001_{frame:08d}.png")
    return root


def emotionet(root: Path) -> Path:
    text = "URL,URL orig,'AU 1','AU 7'\nhttps://x/N_0000000001/N_0000000001_00001.jpg,http://y,1,999\n"
    write(root / "EmotioNet_FACS_aws_2020_24600.csv", text)
    write(root / "N_0000000001/N_0000000001_00001.jpg")
    return root


def unbc(root: Path) -> Path:
    place = "042-ll042/ll042t1aaaff/ll042t1aaaff"
    write(root / f"Frame_Labels/FACS/{place}001_facs.txt")
    line = "   4.0000000e+00   2.0000000e+00   0.0000000e+00   0.0000000e+00\n"
    write(root / f"Frame_Labels/FACS/{place}002_facs.txt", line)
    write(root / f"Images/{place}001.png")
    write(root / f"Images/{place}002.png")
    return root


def bp4d_plus(root: Path) -> Path:
    coded = (1, 2, 4, 5, 6, 7, *range(9, 21), 22, 23, 24, *range(27, 40))
    lines = [",".join(map(str, [1, *coded]))]
    for frame in (1, 2):
        lines.append(",".join(map(str, [frame, *(int(au == 12) for au in coded)])))
        write(root / f"2D+3D/F001/T1/{frame - 1:03d}.jpg")
    write(root / "AUCoding/AU_OCC/F001_T1.csv", "\n".join(lines) + "\n")
    return root


def disfa(root: Path) -> Path:
    write(root / "ActionUnit_Labels/SN001/SN001_au1.txt", "1,0\n2,3\n")
    write(root / "ActionUnit_Labels/SN001/SN001_au25.txt", "1,1\n2,0\n")
    write(root / "Images/SN001/00001.png")
    write(root / "Images/SN001/00002.png")
    return root


def disfa_plus(root: Path) -> Path:
    text = "# AU 1\n# image intensity\n000.jpg     0\n001.jpg     4\n"
    write(root / "Labels/SN003/A1_AU1_TrailNo_1/AU1.txt", text)
    write(root / "Images/SN003/A1_AU1_TrailNo_1/000.jpg")
    write(root / "Images/SN003/A1_AU1_TrailNo_1/001.jpg")
    return root


def raf_au(root: Path) -> Path:
    write(root / "RAFAU_label.txt", "0001.jpg 1+4+25\n0003.jpg 12 \n")
    write(root / "aligned/0001_aligned.jpg")
    write(root / "aligned/0003_aligned.jpg")
    return root


#: Dataset -> function that writes a small tree, and the rows it has.
TREES = {"actor_study": actor_study, "aff_wild2": aff_wild2, "bp4d": bp4d}
TREES |= {"ck_plus": ck_plus, "emotionet": emotionet, "unbc": unbc}
TREES |= {"bp4d_plus": bp4d_plus, "disfa": disfa, "disfa_plus": disfa_plus, "raf_au": raf_au}
ROWS = {"actor_study": 2, "aff_wild2": 2, "bp4d": 2, "ck_plus": 1, "emotionet": 1, "unbc": 2}
ROWS |= {"bp4d_plus": 2, "disfa": 2, "disfa_plus": 2, "raf_au": 2}
#: What a message about a missing folder must name.
EXPECTED = {
    "actor_study": "annotations.csv",
    "aff_wild2": "AU_Set",
    "bp4d": "AUCoding/AU_OCC",
    "ck_plus": "FACS",
    "emotionet": "EmotioNet_FACS",
    "unbc": "Frame_Labels/FACS",
    "bp4d_plus": "AUCoding/AU_OCC",
    "disfa": "ActionUnit_Labels",
    "disfa_plus": "Labels",
    "raf_au": "RAFAU_label.txt",
}
every_dataset = pytest.mark.parametrize("name", adapters.names())


def known(row: pd.Series) -> dict[str, int]:
    """The known action units of a row, for comparison with values typed by hand."""
    return {au: int(row[au]) for au in facs.ALL if not pd.isna(row[au])}


def test_the_first_names_are_the_six_datasets_of_table_1():
    assert list(registry.PAPER) == ["actor_study", "aff_wild2", "bp4d", "ck_plus", "emotionet", "unbc"]
    assert adapters.names()[:6] == list(registry.PAPER)
    assert set(adapters.names()) == set(registry.DATASETS) - {"gft"}


def test_the_registry_holds_table_1():
    images = [100_232, 196_672, 366_954, 10_733, 24_597, 48_397]
    assert [dataset.images for dataset in registry.PAPER.values()] == images
    assert [dataset.subjects for dataset in registry.PAPER.values()] == [21, 49, 41, 123, 24_597, 25]
    assert [dataset.name for dataset in registry.PAPER.values() if not dataset.verified] == ["actor_study"]
    for name, printed in paper.TABLE_1.iterrows():
        facts = registry.PAPER[name]
        ours = [facts.title, facts.setting, facts.expression, facts.format, facts.subjects, facts.images]
        assert ours == printed.drop("images_per_person").tolist()


def test_datasets_that_share_people_name_each_other():
    for name, dataset in registry.DATASETS.items():
        assert all(name in registry.DATASETS[other].overlaps for other in dataset.overlaps), name
    assert registry.DATASETS["disfa_plus"].overlaps == ("disfa",)


def test_the_registry_codes_only_units_of_table_3():
    for dataset in registry.DATASETS.values():
        for aus in dataset.coded.values():
            assert set(aus) <= set(facs.ALL) and list(aus) == sorted(aus)
        assert dataset.citation and dataset.licence and dataset.notes


@every_dataset
def test_columns_and_types_are_those_of_the_meta_database(name, tmp_path):
    table = adapters.read(name, TREES[name](tmp_path))
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    assert all(isinstance(table[c].dtype, pd.StringDtype) for c in META if c != "frame")
    assert table["frame"].dtype == "Int64"
    assert {str(table[c].dtype) for c in (*facs.ALL, *INTENSITY_COLUMNS)} == {"Int8"}
    assert len(table) == ROWS[name] and set(table["dataset"]) == {name}


@every_dataset
def test_labels_are_one_zero_or_unknown(name, tmp_path):
    table = adapters.read(name, TREES[name](tmp_path))
    assert set(table[list(facs.ALL)].stack().dropna().unique()) <= {0, 1}
    assert table[list(facs.ALL)].isna().to_numpy().any()


@every_dataset
def test_images_exist_and_sources_name_a_file(name, tmp_path):
    table = adapters.read(name, TREES[name](tmp_path))
    for image, source in zip(table["image"], table["source"], strict=True):
        assert (tmp_path / image).is_file()
        assert (tmp_path / source.split(":")[0]).is_file()


@every_dataset
def test_hidden_files_are_no_data(name, tmp_path):
    TREES[name](tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        write(folder / ".DS_Store", b"\x00\x00\x00\x01Bud1")
    for path in [path for path in tmp_path.rglob("*.*") if path.is_file() and not path.name.startswith(".")]:
        write(path.with_name("._" + path.name), b"\x00\x05\x16\x07")
    assert len(adapters.read(name, tmp_path)) == ROWS[name]


@every_dataset
@pytest.mark.parametrize("change", ["crlf", "bom", "no final newline"])
def test_line_ends_and_byte_order_marks_do_not_matter(name, change, tmp_path):
    before = adapters.read(name, TREES[name](tmp_path))
    for path in [*tmp_path.rglob("*.csv"), *tmp_path.rglob("*.txt")]:
        data = path.read_bytes()
        if change == "crlf":
            data = data.replace(b"\n", b"\r\n")
        elif change == "bom":
            data = b"\xef\xbb\xbf" + data if data else data
        else:
            data = data.removesuffix(b"\n")
        path.write_bytes(data)
    pd.testing.assert_frame_equal(adapters.read(name, tmp_path), before)


@every_dataset
def test_a_missing_folder_says_what_was_expected(name, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no folder"):
        adapters.read(name, tmp_path / "nowhere")
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "holiday").mkdir()
    with pytest.raises(DatasetNotFoundError, match=EXPECTED[name]) as error:
        adapters.read(name, tmp_path / "wrong")
    assert "holiday" in str(error.value)


@every_dataset
def test_missing_images_are_dropped_or_kept(name, tmp_path):
    TREES[name](tmp_path)
    for image in [*tmp_path.rglob("*.jpg"), *tmp_path.rglob("*.png")]:
        image.unlink()
    with pytest.raises(DataError, match="missing_images='keep'"):
        adapters.read(name, tmp_path)
    table = adapters.read(name, tmp_path, missing_images="keep")
    assert len(table) == ROWS[name] and table["image"].isna().all()
    assert table.attrs["report"]["images_missing"] == ROWS[name]


@every_dataset
def test_settings_are_checked(name, tmp_path):
    with pytest.raises(SettingsError, match="missing_images"):
        adapters.read(name, tmp_path, no_such_setting=1)
    with pytest.raises(SettingsError, match="'drop', 'keep'"):
        adapters.read(name, tmp_path, missing_images="maybe")


@every_dataset
def test_action_units_that_are_not_asked_for_become_unknown_and_nothing_else_changes(name, tmp_path):
    before = adapters.read(name, TREES[name](tmp_path))
    wanted = next(au for au in facs.ALL if before[au].notna().any())
    after = adapters.read(name, tmp_path, aus=[wanted])
    others = [c for c in (*facs.ALL, *INTENSITY_COLUMNS) if not c.startswith(wanted)]
    assert after[others].isna().all(axis=None)
    kept = [c for c in before.columns if c not in others]
    pd.testing.assert_frame_equal(after[kept], before[kept])


@every_dataset
@pytest.mark.parametrize(
    ("aus", "words"),
    [
        (("AU04", "AU03"), "aus has 'AU03'; accepted: None, 'benchmark', or"),
        ("AU04", "aus='AU04'"),
        ((), r"aus=\(\)"),
        (4, "aus=4"),
        ([4], "aus has 4"),
    ],
)
def test_action_units_that_no_table_has_are_refused(name, aus, words):
    with pytest.raises(SettingsError, match=f"{name}: {words}"):
        adapters.create(name, "nowhere", aus=aus)


def test_the_benchmark_of_bp4d_is_its_twelve_units_and_most_datasets_have_none(tmp_path):
    table = adapters.read("bp4d", bp4d(tmp_path), aus="benchmark")
    twelve = [f"AU{n:02d}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)]
    assert [au for au in facs.ALL if table[au].notna().any()] == twelve
    assert len(table) == ROWS["bp4d"] and (table["AU12"] == 1).all()
    for name in adapters.names():
        if name not in ("bp4d", "disfa"):
            with pytest.raises(SettingsError, match=f"{name}: aus='benchmark', but .*it has for bp4d, disfa"):
                adapters.create(name, "nowhere", aus="benchmark")


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("bp4d", {"frame_offset": "0"}),
        ("ck_plus", {"assume_absent_for": ("AU03",)}),
        ("unbc", {"assume_absent_for": "AU04"}),
        ("unbc", {"listed_only": "maybe"}),
        ("emotionet", {"unknown_codes": (999, 0)}),
        ("aff_wild2", {"group": "person"}),
    ],
)
def test_values_of_settings_are_checked_before_anything_is_read(name, setting):
    with pytest.raises(SettingsError, match=f"{name}: {next(iter(setting))}="):
        adapters.create(name, "nowhere", **setting)


def test_an_unknown_dataset_is_refused():
    with pytest.raises(SettingsError, match="the datasets are: actor_study"):
        adapters.read("nowhere", ".")
    with pytest.raises(SettingsError, match="gft has no reader: There is no reader yet: neither the format"):
        adapters.read("gft", ".")


def test_errors_can_be_caught_as_one_family():
    assert issubclass(DataError, AulibError) and issubclass(SettingsError, AulibError)
