"""Promises of the synthetic corpus as files. Label files are read by hand here, not with aulib's own readers."""

from __future__ import annotations

import csv
import doctest
import errno
import json
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aulib import facs
from aulib.errors import DataError, SettingsError
from aulib.synth import corpus, expression, looks, make_corpus, plan, rates, writers

TINY = {"scale": 0.01, "size": 32, "seed": 3, "progress": False}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus") / "tiny", workers=1, **TINY)


@pytest.fixture(scope="module")
def truth(tiny) -> pd.DataFrame:
    return pd.read_parquet(tiny / "truth.parquet")


@cache
def full_size(name: str) -> list[plan.Frame]:
    return plan.frames(name, 1.0, 0)


def cell(truth: pd.DataFrame, dataset: str, **key) -> pd.Series:
    rows = truth[truth["dataset"] == dataset]
    for column, value in key.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


# ---------------------------------------------------------------- making a corpus


def test_two_workers_give_the_same_bytes_as_one_whatever_else_is_made(tiny, tmp_path):
    names = ("bp4d", "ck_plus")
    two = contents(make_corpus(tmp_path / "two", datasets=names, workers=2, **TINY))
    one = {path: data for path, data in contents(tiny).items() if path.startswith(names)}
    assert {path: data for path, data in two.items() if "/" in path} == one
    assert sum(path.endswith((".jpg", ".png")) for path in one) == 48 > corpus.CHUNK  # both workers had something to do


def test_a_script_without_a_guard_is_not_run_again_by_the_workers(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "from aulib import synth\nprint('started')\n"
        "synth.make_corpus('corpus', scale=0.01, size=32, datasets=['bp4d', 'ck_plus'], workers=2, progress=False)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "started\n"


def test_lost_files_come_back_and_finished_ones_are_kept(tmp_path):
    settings = TINY | {"datasets": ["unbc"], "workers": 1}
    folder = make_corpus(tmp_path / "c", **settings)
    before = contents(folder)
    images = sorted(folder.rglob("*.png"))
    kept = images[0].stat().st_mtime_ns
    for path in (images[1], images[5], next(folder.rglob("*_facs.txt")), folder / "truth.parquet"):
        path.unlink()
    make_corpus(folder, **settings)
    assert contents(folder) == before
    assert images[0].stat().st_mtime_ns == kept


def test_a_run_that_was_killed_is_completed_to_the_same_bytes(tiny, tmp_path):
    names, folder = ("aff_wild2", "bp4d", "unbc"), tmp_path / "c"
    call = f"from aulib import synth; synth.make_corpus({str(folder)!r}, datasets={names!r}, workers=1, **{TINY!r})"
    process = subprocess.Popen([sys.executable, "-c", call])
    deadline = time.monotonic() + 120
    while len(list(folder.rglob("*.jpg"))) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = sum(path.suffix in (".jpg", ".png") for path in folder.rglob("*"))
    assert 5 <= done < 72 and json.loads((folder / "corpus.json").read_text())["status"] == "incomplete"
    make_corpus(folder, datasets=names, workers=1, **TINY)
    left = {path for path in contents(folder) if path.endswith(".tmp")}
    whole = {path: data for path, data in contents(tiny).items() if path.startswith(names)}
    found = {path: data for path, data in contents(folder).items() if "/" in path and path not in left}
    assert found == whole and len(left) <= 1


def test_another_seed_gives_other_faces_and_labels(tiny, truth, tmp_path):
    other = make_corpus(tmp_path / "other", workers=1, datasets=["ck_plus"], **(TINY | {"seed": 4}))
    image = "cohn-kanade-images/S005/001/S005_001_00000001.png"
    assert (other / "ck_plus" / image).read_bytes() != (tiny / "ck_plus" / image).read_bytes()
    here = pd.read_parquet(other / "truth.parquet")[list(facs.ALL)].to_numpy(int)
    there = truth[truth["dataset"] == "ck_plus"][list(facs.ALL)].to_numpy(int)
    assert (here != there).any()


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="holds other files"):
        make_corpus(tmp_path, **TINY)
    assert contents(tmp_path) == {"thesis.txt": b"mine"}


def test_a_corpus_with_other_settings_is_left_alone(tiny):
    before = contents(tiny)
    with pytest.raises(SettingsError, match="seed 3 .wanted 5."):
        make_corpus(tiny, **(TINY | {"seed": 5}))
    assert contents(tiny) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0}, "scale is 0"),
        ({"scale": -1.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"size": 31}, "size is 31"),
        ({"size": 513}, "size is 513"),
        ({"seed": -1}, "seed"),
        ({"datasets": ["disfa"]}, "disfa.*actor_study, aff_wild2, bp4d, ck_plus, emotionet, unbc"),
        ({"datasets": []}, "datasets"),
        ({"workers": 0}, "workers"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path, settings, message):
    with pytest.raises(SettingsError, match=message):
        make_corpus(tmp_path / "c", **(TINY | settings))
    assert not (tmp_path / "c").exists()


def test_a_full_disk_leaves_no_half_written_file(tmp_path, monkeypatch):
    real = corpus.os.replace
    room = iter(range(10))

    def replace(source, target):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        real(source, target)

    settings = TINY | {"datasets": ["actor_study"], "workers": 1}
    with monkeypatch.context() as patch:
        patch.setattr(corpus.os, "replace", replace)
        with pytest.raises(DataError, match="No space left on device.*finished images are kept"):
            make_corpus(tmp_path / "c", **settings)
    assert not [path for path in contents(tmp_path) if path.endswith(".tmp")]
    assert json.loads((tmp_path / "c/corpus.json").read_text())["status"] == "incomplete"
    make_corpus(tmp_path / "c", **settings)
    assert json.loads((tmp_path / "c/corpus.json").read_text())["status"] == "complete"


def test_the_record_says_what_was_made(tiny, truth):
    record = json.loads((tiny / "corpus.json").read_text())
    assert record["settings"] == {"scale": 0.01, "size": 32, "seed": 3, "datasets": list(plan.SIZES)}
    for name, counts in record["counts"].items():
        rows = truth[truth["dataset"] == name]
        assert counts["frames"] == len(rows)
        assert counts["images"] == rows["image"].notna().sum()
        assert counts["subjects"] == rows["subject"].nunique() >= 6


def test_every_promised_image_is_there_and_opens(tiny, truth):
    for row in truth[truth["image"].notna()].itertuples():
        with Image.open(tiny / row.dataset / row.image) as image:
            assert image.size == (32, 32)


def test_truth_knows_all_45_action_units_of_every_frame(truth):
    columns = ["dataset", "subject", "sequence", "frame", "image", *facs.ALL, *(f"{u}_intensity" for u in facs.ALL)]
    assert list(truth.columns) == [*columns, "phase"]
    present = truth[list(facs.ALL)].to_numpy(int)
    intensity = truth[[f"{unit}_intensity" for unit in facs.ALL]].to_numpy(int)
    assert (present == (intensity >= 1)).all()
    assert intensity.min() == 0 and intensity.max() == 5
    calm = present.sum(axis=1) == 0
    assert set(truth["phase"]) == set(expression.PHASES) and (truth.loc[calm, "phase"] == "neutral").all()


# ---------------------------------------------------------------- the six formats


def test_actor_study_is_one_table_with_minus_one_for_unknown(tiny, truth):
    lines = (tiny / "actor_study/annotations.csv").read_text().splitlines()
    assert lines[0].startswith("subject,camera,sequence,frame,AU01,AU02,AU04,AU05,AU06,AU07,AU09,")
    table = pd.read_csv(tiny / "actor_study/annotations.csv")
    assert table.shape == (24, 34)
    assert set(np.unique(table.iloc[:, 4:])) == {-1, 0, 1}
    for row in table.itertuples():
        image = f"images/{row.subject}/{row.camera}/{row.sequence}/{row.frame:05d}.jpg"
        true = cell(truth, "actor_study", image=image)
        assert row.AU12 in (-1, true["AU12"]) and row.AU04 in (-1, true["AU04"])


def test_aff_wild2_has_a_header_and_a_row_per_frame(tiny, truth):
    files = sorted((tiny / "aff_wild2/annotations/AU_Set").glob("*/*.txt"))
    assert len(files) == 6 and [path.parent.name for path in files].count("Validation_Set") == 1
    assert sum(b"\r\n" in path.read_bytes() for path in files) == 1
    for path in files:
        header, *rows = path.read_text().splitlines()
        assert header == "AU1,AU2,AU4,AU6,AU12,AU15,AU20,AU25"
        for number, row in enumerate(rows, start=1):
            values = row.split(",")
            true = cell(truth, "aff_wild2", sequence=path.stem, frame=number)
            assert values[4] in (str(true["AU12"]), "-1")
            assert pd.isna(true["image"]) or true["image"] == f"cropped_aligned/{path.stem}/{number:05d}.jpg"


def test_aff_wild2_has_its_irregularities_at_full_size():
    frames = full_size("aff_wild2")
    files = writers.aff_wild2(frames)
    unknown = sum(line == ",".join(["-1"] * 8) for text in files.values() for line in text.splitlines())
    assert 20 < unknown < 120
    assert 5 < sum(frame.image is None for frame in frames) < 40
    assert sum(not text.endswith("\n") for text in files.values()) == 1
    images, rows = ({f.sequence: 0 for f in frames} for _ in range(2))
    for frame in frames:
        images[frame.sequence] = max(images[frame.sequence], frame.frame if frame.image else 0)
    for path, text in files.items():
        rows[Path(path).stem] = len(text.splitlines()) - 1
    assert sum(images[stem] > rows[stem] for stem in rows) == 1  # one image more than rows
    stems = {Path(path).stem for path in files}
    assert len(stems) == 50 and {"16-60-1280x720_left", "16-60-1280x720_right"} < stems


def test_bp4d_columns_are_action_units_and_nine_is_unknown(tiny, truth):
    files = sorted((tiny / "bp4d/AUCoding/AU_OCC").glob("*.csv"))
    assert len(files) == 7  # six people, one in two tasks
    for path in files:
        subject, task = path.stem.split("_")
        header, *rows = list(csv.reader(path.open()))
        assert header == [str(n) for n in range(100)]
        for row in rows:
            true = cell(truth, "bp4d", subject=subject, sequence=task, frame=int(row[0]))
            assert true["image"] == f"Sequences(2D+3D)/{subject}/{task}/{int(row[0]) - 1:04d}.jpg"  # off by one
            assert [int(row[n]) for n in (1, 12, 14, 39)] == [true[f"AU{n:02d}"] for n in (1, 12, 14, 39)]
            assert {row[n] for n in (3, 8, 21, 25, 26, *range(40, 100))} == {"9"}
            assert sum(value != "9" for value in row[1:]) == 34


def test_bp4d_has_the_irregularities_of_the_real_files():
    frames = full_size("bp4d")
    files = writers.bp4d(frames)
    tables = {path: text.splitlines() for path, text in files.items() if "/AU_OCC/" in path}
    assert len(tables) == 328  # 41 people, 8 tasks
    firsts = {path.rsplit("/")[-1]: int(lines[1].split(",")[0]) for path, lines in tables.items()}
    assert all(first == 1 for name, first in firsts.items() if name.endswith("_T3.csv"))
    assert 90 <= sum(first == 1 for first in firsts.values()) <= 145  # in the real files 118
    assert firsts["F001_T1.csv"] == max(firsts.values()) == 2440
    named = [lines for path, lines in tables.items() if "F013" in path]
    assert len(named) == 8 and all(lines[0].startswith("1,1,2,4,5,6,7,9,") for lines in named)
    assert all(line.count(",") == 34 for lines in named for line in lines)
    digits = {f.subject: {len(Path(g.image).stem) for g in frames if g.subject == f.subject} for f in frames}
    assert digits["M008"] == {4} and digits["M009"] == digits["M018"] == {3} and digits["F023"] == {4}
    hidden = sum(line.endswith(",9") for p, text in files.items() if "/AU_INT/" in p for line in text.splitlines())
    assert 100 < hidden < 400


def test_bp4d_intensities_agree_with_the_truth(tiny, truth):
    path = next((tiny / "bp4d/AUCoding/AU_INT/AU12").glob("F001_*_AU12.csv"))
    task = path.stem.split("_")[1]
    for line in path.read_text().splitlines():
        frame, level = map(int, line.split(","))
        assert level in (9, cell(truth, "bp4d", subject="F001", sequence=task, frame=frame)["AU12_intensity"])
    folders = {folder.name for folder in (tiny / "bp4d/AUCoding/AU_INT").iterdir()}
    assert folders == {"AU06", "AU10", "AU12", "AU14", "AU17"}


def test_ck_plus_lists_what_the_last_frame_shows(tiny, truth):
    files = sorted((tiny / "ck_plus/FACS").rglob("*.txt"))
    assert len(files) == 6
    for path in files:
        assert path.name.endswith("_00000003_facs.txt")
        true = cell(truth, "ck_plus", subject=path.name[:4], sequence=path.name[5:8], frame=3)
        listed = {}
        for line in path.read_text().splitlines():
            assert line.startswith("   ") and len(line) == 32
            number, level = map(float, line.split())
            listed[f"AU{int(number):02d}"] = int(level)
        assert set(listed) == {unit for unit in facs.ALL if true[unit] == 1}
        assert all(level in (0, true[f"{unit}_intensity"]) for unit, level in listed.items())


def test_ck_plus_has_emotions_of_half_of_the_people_and_empty_folders_of_the_others():
    frames = full_size("ck_plus")
    files = writers.ck_plus(frames)
    emotions = {path: text for path, text in files.items() if path.endswith("_emotion.txt")}
    assert 20 < len(emotions) < 62
    assert {float(text) for text in emotions.values()} == {1, 2, 3, 4, 5, 6, 7}
    folders = {path.rsplit("/", 1)[0] for path in files if path.startswith("Emotion/")}
    assert len(folders) == len({(f.subject, f.sequence) for f in frames}) == 123
    assert all(text.startswith("   ") and text.endswith("e+00\n") for text in emotions.values())
    happy = [path for path, text in emotions.items() if float(text) == 5]
    for path in happy:
        facs_file = path.replace("Emotion/", "FACS/").replace("_emotion", "_facs")
        listed = {int(float(line.split()[0])) for line in files[facs_file].splitlines()}
        assert listed & {6, 12}
    assert sum(not t.endswith("\n") for p, t in files.items() if p.endswith("_facs.txt") and t) > 5
    assert sum(path.endswith(".DS_Store") for path in files) > 100


def test_ck_plus_starts_neutral(truth):
    first = truth[(truth["dataset"] == "ck_plus") & (truth["frame"] == 1)]
    assert len(first) == 6 and first[list(facs.ALL)].to_numpy(int).sum() == 0


def test_emotionet_has_quoted_names_and_999_for_unknown(tiny, truth):
    with (tiny / "emotionet/EmotioNet_FACS_aws_2020_24600.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert header[:3] == ["URL", "URL orig", "'AU 1'"] and header[11] == " 'AU 10'" and len(header) == 62
    assert len(rows) == 6
    assert [set(row[2:]) for row in rows].count({""}) == 1  # one row of empty cells
    for row in rows:
        if not row[2]:
            continue
        name = row[0].strip("'").rsplit("/", 1)[1]
        true = cell(truth, "emotionet", subject=name.removesuffix(".jpg"))
        assert row[1 + 12] in (str(true["AU12"]), "999") and row[1 + 7] == "999"
        assert pd.isna(true["image"]) or true["image"] == f"optimization_set/{name[:12]}/{name}"


def test_unbc_lists_agree_with_the_truth_and_with_pspi(tiny, truth):
    files = sorted((tiny / "unbc/Frame_Labels/FACS").rglob("*.txt"))
    assert len(files) == 23  # one image has no annotation
    assert any(path.stat().st_size == 0 for path in files)
    coded = [f"AU{n:02d}" for n in (4, 6, 7, 9, 10, 12, 15, 20, 25, 26, 27, 43)]
    for path in files:
        sequence, number = path.stem.removesuffix("_facs")[:-3], int(path.stem.removesuffix("_facs")[-3:])
        true = cell(truth, "unbc", sequence=sequence, frame=number)
        rows = [list(map(float, line.split())) for line in path.read_text().splitlines()]
        listed = {f"AU{int(row[0]):02d}": int(row[1]) for row in rows if row[0] != 50}
        assert set(listed) == {unit for unit in coded if true[unit] == 1}
        assert all(unit == "AU43" or level == true[f"{unit}_intensity"] for unit, level in listed.items())
        a = {n: listed.get(f"AU{n:02d}", 0) for n in (4, 6, 7, 9, 10)} | {43: int("AU43" in listed)}
        pain = float((Path(str(path).replace("/FACS/", "/PSPI/"))).read_text())
        assert pain == a[4] + max(a[6], a[7]) + max(a[9], a[10]) + a[43]


def test_unbc_has_its_gaps_and_sequence_labels():
    frames = full_size("unbc")
    files = writers.unbc(frames)
    lists = {path: text for path, text in files.items() if path.startswith("Frame_Labels/FACS/")}
    eyes = [line.split()[1] for text in lists.values() for line in text.splitlines() if line.startswith("   4.3")]
    assert {float(number) for number in eyes} == {0, 1}
    assert any(line.startswith("   5.0000000e+01") for text in lists.values() for line in text.splitlines())  # AU50
    assert sum(not frame.coded for frame in frames) == sum(frame.image is None for frame in frames) == 5
    sequences = {frame.sequence for frame in frames}
    for scale, most in {"AFF": 15, "OPR": 5, "SEN": 15, "VAS": 10}.items():
        own = {path: text for path, text in files.items() if path.startswith(f"Sequence_Labels/{scale}/")}
        assert {Path(path).stem for path in own} == sequences
        scores = [float(text) for text in own.values()]
        assert min(scores) == 0 and max(scores) <= most and all(score == int(score) for score in scores)


# ---------------------------------------------------------------- amounts


#: Table 1 of the paper, typed here again: people and images.
TABLE_1 = {
    "actor_study": (21, 100_232), "aff_wild2": (49, 196_672), "bp4d": (41, 366_954), "ck_plus": (123, 10_733),
    "emotionet": (24_597, 24_597), "unbc": (25, 48_397),
}  # fmt: skip
#: Action units that the readers take from an annotated row: BP4D's benchmark, CK+'s and UNBC's lists, ...
READ = {"actor_study": 30, "aff_wild2": 8, "bp4d": 12, "ck_plus": 30, "emotionet": 23, "unbc": 10}


def test_scale_one_has_the_people_of_table_1_and_no_more_images_than_the_book_has_time_for():
    people = {name: len({frame.subject for frame in full_size(name)}) for name in plan.SIZES}
    assert people == {name: count for name, (count, _) in TABLE_1.items()} | {"emotionet": 300}
    assert 6_300 <= sum(len(full_size(name)) for name in plan.SIZES) <= 6_500


@pytest.mark.parametrize("scale", [0.12, 0.5, 1.0, 4.0, 50.0])
def test_images_follow_the_shares_of_table_1_but_for_two_floors(scale):
    counts = {name: plan.shares(name, scale)[1] for name in plan.SIZES}
    big = ("actor_study", "aff_wild2", "bp4d", "unbc")
    for name in big:
        share = TABLE_1[name][1] / sum(TABLE_1[other][1] for other in big)
        assert counts[name] / sum(counts[other] for other in big) == pytest.approx(share, abs=0.004)
    for name in ("ck_plus", "emotionet"):
        share = TABLE_1[name][1] / sum(images for _, images in TABLE_1.values())
        assert counts[name] / sum(counts.values()) >= share - 0.001
        assert scale < 5 or counts[name] / sum(counts.values()) == pytest.approx(share, abs=0.001)


def test_far_up_the_corpus_has_the_numbers_of_table_1():
    scale = sum(images for _, images in TABLE_1.values()) / plan.IMAGES
    for name, (people, images) in TABLE_1.items():
        assert plan.shares(name, scale) == (people + (name == "aff_wild2"), images)


@pytest.mark.parametrize("scale", [0.12, 1.0])
def test_the_missing_rate_of_the_45_units_is_the_papers_within_a_point(scale):
    rows = known = 0
    for name in plan.SIZES:
        frames = [f for f in plan.frames(name, scale, 0) if f.image and (f.coded or name == "aff_wild2")]
        rows += len(frames)
        known += sum(READ[name] for f in frames if f.coded)
    assert 1 - known / (45 * rows) == pytest.approx(0.6907, abs=0.01)


def test_the_readers_find_the_papers_missing_rate_in_the_files(tmp_path):
    from aulib import database, missingness, profiles

    for name in plan.SIZES:
        frames = plan.frames(name, 0.12, 0)
        files = writers.WRITERS[name](frames) | {frame.image: "" for frame in frames if frame.image}
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(text.encode())
    db = database.build({name: tmp_path / name for name in plan.SIZES}, **profiles.settings().readers)
    assert missingness.missing_rate(db) == pytest.approx(0.6907, abs=0.01)
    displayed = missingness.label_counts(db)["displayed"]
    assert all(displayed[au] >= profiles.load("tiny").selection.min_occurrences for au in facs.PAPER_13)


def test_a_long_video_stays_one_video():
    frames = plan.frames("aff_wild2", 2.0, 0)
    assert len({frame.image for frame in frames if frame.image}) == sum(frame.image is not None for frame in frames)
    assert len({frame.number for frame in frames}) == len(frames) == 3220
    assert len({frame.sequence for frame in frames}) == 50


def test_a_smaller_scale_takes_images_before_people():
    assert plan.shares("bp4d", 0.12)[0] == 41 and plan.shares("actor_study", 0.12)[0] == 21
    for name in plan.SIZES:
        assert plan.shares(name, 0.5)[1] < plan.shares(name, 1.0)[1]
        assert plan.shares(name, 0.001)[0] == 6 and plan.shares(name, 0.001)[1] >= 1


@pytest.mark.parametrize(("scale", "names"), [(0.03, tuple(plan.SIZES)), (4.0, ("bp4d", "unbc"))])
def test_no_two_frames_share_a_file_or_a_stream(scale, names):
    for name in names:
        frames = plan.frames(name, scale, 0)
        images = [frame.image for frame in frames if frame.image]
        assert len(set(images)) == len(images)
        assert len({frame.number for frame in frames}) == len(frames)


def test_the_13_action_units_have_enough_examples_at_scale_one():
    coded = {
        "actor_study": set(writers.ACTOR_STUDY_AUS),
        "aff_wild2": set(writers.AFF_WILD2_AUS),
        "bp4d": {facs.code(n) for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)},
        "ck_plus": set(writers.CK_PLUS_AUS),
        "emotionet": set(writers.EMOTIONET_AUS),
        "unbc": set(writers.UNBC_AUS) - {"AU15"},
    }
    frames = [f for name in plan.SIZES for f in full_size(name) if f.coded and f.image]
    assert 5_900 < len(frames) < 6_400
    for unit in facs.PAPER_13:
        levels = np.array([f.intensity(unit) for f in frames if unit in coded[f.dataset]])
        assert (levels > 0).sum() >= 400, unit
        assert 0.10 <= (levels > 0).mean() <= 0.50, unit
        assert (levels >= 2).sum() > 4 * (levels == 1).sum(), unit


def test_every_dataset_has_a_look_and_a_writer():
    assert set(looks.LOOKS) == set(plan.SIZES) == set(writers.WRITERS) == set(rates.table()["dataset"])


@pytest.mark.parametrize("module", [expression, plan, rates, writers])
def test_the_examples_in_the_documentation_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0
