"""The check of a dataset's folder: trees written by hand, one fault each, and what the check says about it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_adapters_contract import TREES, bp4d, write

from aulib import adapters, checks, cli
from aulib.adapters import registry
from aulib.errors import DataError, DatasetNotFoundError, SettingsError
from aulib.splits import BP4D_FOLDS

PEOPLE = sorted(subject for fold in BP4D_FOLDS for subject in fold)
PLACE = "042-ll042/ll042t1aaaff/ll042t1aaaff"


def finding(report, name):
    """Level, count and message of one check, and its examples as (path, line, message)."""
    row = report.findings.set_index("check").loc[name]
    places = report.examples[report.examples["check"] == name]
    lines = [None if pd.isna(line) else int(line) for line in places["line"]]
    return (
        row["level"],
        int(row["count"]),
        row["message"],
        list(zip(places["path"], lines, places["message"], strict=True)),
    )


def levels(report) -> set[str]:
    return set(report.findings["level"])


def unbc(root, frames):
    """A sequence of UNBC: frame -> (lines of action unit and intensity, pain score)."""
    for frame, (units, score) in frames.items():
        text = "".join(f"   {au:.7e}   {level:.7e}   0.0000000e+00   0.0000000e+00\n" for au, level in units)
        write(root / f"Frame_Labels/FACS/{PLACE}{frame:03d}_facs.txt", text)
        write(root / f"Frame_Labels/PSPI/{PLACE}{frame:03d}_facs.txt", f"   {score:.7e}\n")
        write(root / f"Images/{PLACE}{frame:03d}.png")
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All 41 people of BP4D, one task and two frames each."""
    root = tmp_path_factory.mktemp("bp4d")
    for subject in PEOPLE:
        bp4d(root, f"{subject}_T1")
    return root


def test_a_complete_folder_has_no_problem(whole):
    report = checks.check("bp4d", whole)
    assert report.problems == 0 and levels(report) <= {"ok", "note", "not checked"}
    assert finding(report, "people")[:2] == ("ok", 0)
    assert finding(report, "frame continuity")[0] == finding(report, "values")[0] == "ok"
    expected = {"rows": 82, "people": 41, "sequences": 41, "rows with an image": 82, "images on the disk": 82}
    assert {key: report.found[key] for key in expected} == expected
    assert report.found["action units coded"] == report.found["action units known"] == 32
    assert report.found["known share of their cells"] == 1.0


def test_action_units_are_counted(whole):
    aus = checks.check("bp4d", whole).aus
    assert aus.loc["AU12", ["coded", "known", "displayed", "share", "intensity"]].tolist() == [True, 82, 82, 1.0, 0]
    assert aus.loc["AU01", ["known", "displayed"]].tolist() == [82, 0]
    assert "AU25" not in aus.index


def test_missing_people_are_named_and_counted_unless_it_is_a_subset(tmp_path):
    for subject in PEOPLE[2:]:
        bp4d(tmp_path, f"{subject}_T1")
    level, count, message, _ = finding(checks.check("bp4d", tmp_path), "people")
    assert (
        (level, count) == ("problem", 2) and "39 found, 41 in Table 1" in message and "missing: F001, F002" in message
    )
    report = checks.check("bp4d", tmp_path, subset=True)
    assert finding(report, "people")[0] == "note" and report.problems == 0


def test_the_listed_people_are_as_many_as_the_registry_counts():
    from aulib.checks._findings import EXPECTATIONS

    listed = {name: usual.subjects for name, usual in EXPECTATIONS.items() if usual.subjects}
    assert {"bp4d", "unbc"} <= set(listed)
    for name, subjects in listed.items():
        assert len(set(subjects)) == len(subjects)
        if name in registry.DATASETS:
            assert len(subjects) == registry.DATASETS[name].subjects


def test_another_number_of_images_is_a_note(whole):
    level, count, message, _ = finding(checks.check("bp4d", whole), "images")
    assert (level, count) == ("note", 366_954 - 82) and "82 with labels, 366,954 in Table 1" in message


def test_values_that_do_not_parse_are_counted_with_file_line_value_and_what_was_expected(tmp_path):
    root = bp4d(tmp_path)
    path = root / "AUCoding/AU_OCC/F001_T1.csv"
    header, first, second = path.read_text().splitlines()
    write(path, f"{header}\n{first.replace('1,0,0,9', '1,7,x,9', 1)}\n{second},0\n")
    level, count, _, places = finding(checks.check("bp4d", root), "values")
    assert level == "problem" and count == 3
    assert [(line, path) for path, line, _ in places] == [(line, "AUCoding/AU_OCC/F001_T1.csv") for line in (2, 3, 2)]
    said = " ".join(message for *_, message in places)
    assert (
        "'x' is not a whole number" in said and "value 7 of AU01 is not one of 0, 1, 9" in said and "101 values" in said
    )


def test_rows_without_image_are_a_problem_where_that_is_not_normal(tmp_path):
    root = bp4d(tmp_path)
    (root / "Sequences(2D+3D)/F001/T1/0001.jpg").unlink()
    level, count, _, places = finding(checks.check("bp4d", root), "rows without image")
    assert (level, count) == ("problem", 1)
    assert places == [("AUCoding/AU_OCC/F001_T1.csv", 3, "no image of F001 T1 frame 2")]


def test_rows_without_image_are_a_note_where_faces_are_not_found(tmp_path):
    root = TREES["aff_wild2"](tmp_path)
    (root / "cropped_aligned/103/00001.jpg").unlink()
    level, count, message, _ = finding(checks.check("aff_wild2", root), "rows without image")
    assert (level, count) == ("note", 1) and "no face was found" in message


@pytest.mark.parametrize("name", list(TREES))
def test_a_folder_without_any_image_is_a_problem(name, tmp_path):
    root = TREES[name](tmp_path)
    for image in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        image.unlink()
    level, count, message, _ = finding(checks.check(name, root), "rows without image")
    assert level == "problem" and count == len(adapters.read(name, root, missing_images="keep"))
    assert "no row has an image file" in message


def test_images_without_row_are_a_problem_where_every_frame_is_coded(tmp_path):
    root = TREES["unbc"](tmp_path)
    write(root / f"Images/{PLACE}003.png")
    level, count, _, places = finding(checks.check("unbc", root), "images without row")
    assert (level, count) == ("problem", 1) and places[0][0] == f"Images/{PLACE}003.png"


def test_images_without_row_are_a_note_where_only_a_part_is_coded(tmp_path):
    root = TREES["ck_plus"](tmp_path)
    level, count, message, _ = finding(checks.check("ck_plus", root), "images without row")
    assert (level, count) == ("note", 2) and "only the last frame" in message


def test_one_image_more_than_rows_is_a_note_in_aff_wild2_and_two_are_a_problem(tmp_path):
    root = TREES["aff_wild2"](tmp_path)
    write(root / "cropped_aligned/103/00003.jpg")
    assert finding(checks.check("aff_wild2", root), "images without row")[:2] == ("note", 1)
    write(root / "cropped_aligned/103/00004.jpg")
    assert finding(checks.check("aff_wild2", root), "images without row")[:2] == ("problem", 2)


def test_folders_of_images_that_nobody_names_are_noted(tmp_path):
    root = TREES["unbc"](tmp_path)
    write(root / "Images/043-jh043/jh043t1aaaff/jh043t1aaaff001.png")
    level, count, _, places = finding(checks.check("unbc", root), "other image folders")
    assert (level, count, places[0][0]) == ("note", 1, "Images/043-jh043/jh043t1aaaff")


def test_repeated_images_and_contradictions_are_found(tmp_path):
    root = TREES["actor_study"](tmp_path)
    text = (root / "annotations.csv").read_text()
    write(root / "annotations.csv", text + "P1,C1,S1,1,1,0\nP2,C1,S1,2,-1,0\n")
    report = checks.check("actor_study", root)
    level, count, message, places = finding(report, "repeated images")
    assert (level, count) == ("problem", 2) and "1 images contradict" in message
    assert "labelled again (annotations.csv:2 and annotations.csv:4)" in places[0][2]
    assert places[1][:2] == ("annotations.csv", 3) and "labelled differently: AU04" in places[1][2]


def test_a_gap_in_a_video_is_found_at_its_line(tmp_path):
    root = bp4d(tmp_path, rows=4)
    path = root / "AUCoding/AU_OCC/F001_T1.csv"
    lines = path.read_text().splitlines()
    write(path, "\n".join([*lines[:2], *lines[3:], lines[-1]]) + "\n")
    level, count, message, places = finding(checks.check("bp4d", root), "frame continuity")
    assert (level, count) == ("problem", 2) and "1 gaps and 1 repeated frames" in message
    assert ("AUCoding/AU_OCC/F001_T1.csv", 3, "frame 3 follows frame 1") in places
    assert any(line == 5 and "frame 4 is there again" in message for _, line, message in places)


def test_sequences_of_one_person_are_not_taken_for_one_video(tmp_path):
    bp4d(tmp_path, "F001_T1", start=1)
    bp4d(tmp_path, "F001_T2", start=500)
    assert finding(checks.check("bp4d", tmp_path), "frame continuity")[0] == "ok"


def test_rows_left_out_on_purpose_are_no_problem(tmp_path):
    root = TREES["aff_wild2"](tmp_path)
    path = root / "annotations/AU_Set/Training_Set/103.txt"
    write(path, path.read_text() + "0,0,0,0,0,0,0,0\n")
    report = checks.check("aff_wild2", root, drop_if_any_missing=True)
    assert finding(report, "frame continuity")[:2] == ("note", 1)


def test_an_intensity_that_contradicts_the_occurrence_is_found(tmp_path):
    root = bp4d(tmp_path)
    write(root / "AUCoding/AU_INT/AU12/F001_T1_AU12.csv", "1,3\n2,0\n")
    write(root / "AUCoding/AU_INT/AU06/F001_T1_AU06.csv", "1,0\n2,9\n")
    level, count, message, places = finding(checks.check("bp4d", root), "intensities")
    assert (level, count) == ("problem", 1) and "of 3 intensities" in message
    assert places == [("AUCoding/AU_OCC/F001_T1.csv", 3, "AU12 is 1, its intensity is 0 (F001 T1 frame 2)")]


def test_intensities_are_compared_with_the_threshold_that_was_set(tmp_path):
    root = unbc(tmp_path, {1: ([(4, 1)], 1), 2: ([(4, 2)], 2)})
    report = checks.check("unbc", root, threshold=2)
    assert finding(report, "intensities")[0] == "ok" and report.aus.loc["AU04", "displayed"] == 1
    assert report.settings == {"threshold": 2}


def test_a_pain_score_that_the_action_units_do_not_give_is_found(tmp_path):
    root = unbc(tmp_path, {1: ([], 0), 2: ([(4, 2), (6, 1), (7, 3), (10, 1), (43, 1)], 7), 3: ([(4, 2)], 5)})
    report = checks.check("unbc", root, subset=True)
    level, count, _, places = finding(report, "pain score (PSPI)")
    assert (level, count) == ("problem", 1)
    assert places == [(f"Frame_Labels/FACS/{PLACE}003_facs.txt", None, "the score is 5, the units give 2")]
    assert finding(report, "values")[0] == "ok" and report.problems == 1


def test_a_sequence_without_a_file_that_others_have_is_noted(tmp_path):
    for name in ("F001_T1", "F002_T1"):
        bp4d(tmp_path, name)
        write(tmp_path / f"AUCoding/AU_INT/AU12/{name}_AU12.csv", "1,3\n2,1\n")
    assert finding(checks.check("bp4d", tmp_path), "coverage")[0] == "ok"
    (tmp_path / "AUCoding/AU_INT/AU12/F002_T1_AU12.csv").unlink()
    level, count, _, places = finding(checks.check("bp4d", tmp_path), "coverage")
    assert (level, count) == ("note", 1)
    assert places == [("F002/T1", None, "nothing known of AU12_intensity")]


def test_coded_action_units_that_no_row_knows_are_a_problem(tmp_path):
    root = bp4d(tmp_path)
    write(root / "AUCoding/AU_OCC/F001_T1.csv", "1,1,2,4\n1,0,0,1\n2,0,1,1\n")
    level, count, message, _ = finding(checks.check("bp4d", root), "action units")
    assert (level, count) == ("problem", 29) and "AU05" in message and "AU04" not in message


def test_action_units_that_were_not_asked_for_are_not_missed(tmp_path):
    report = checks.check("bp4d", bp4d(tmp_path), aus="benchmark")
    level, _, message, _ = finding(report, "action units")
    assert (level, message) == ("ok", "all 12 coded ones are known")


def test_action_units_outside_the_coded_ones_are_noted(tmp_path):
    root = unbc(tmp_path, {1: ([(15, 2)], 0)})
    level, _, message, _ = finding(checks.check("unbc", root, listed_only="present"), "action units")
    assert level == "note" and message.endswith("AU15")


def test_pixels_are_looked_at_on_request(tmp_path):
    root = bp4d(tmp_path, rows=5)
    folder = root / "Sequences(2D+3D)/F001/T1"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(folder / "0000.jpg")
    Image.fromarray(noise * 0).save(folder / "0001.jpg")
    Image.fromarray(noise * 0 + np.uint8(90)).save(folder / "0002.jpg")
    (folder / "0003.jpg").write_bytes((folder / "0000.jpg").read_bytes()[:200])
    level, count, _, places = finding(checks.check("bp4d", root, pixels=True), "pixels")
    assert (level, count) == ("problem", 4)
    said = {path.rsplit("/", 1)[1]: message for path, _, message in places}
    assert said["0001.jpg"] == "the image is black" and said["0002.jpg"] == "the image has one colour only"
    assert said["0003.jpg"].startswith("cannot be decoded") and said["0004.jpg"] == "the file is empty"
    assert finding(checks.check("bp4d", root), "pixels")[0] == "not checked"


def test_whole_pixels_are_fine(tmp_path):
    root = TREES["actor_study"](tmp_path)
    for path in root.rglob("*.jpg"):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    assert finding(checks.check("actor_study", root, pixels=True, workers=1, progress=False), "pixels")[0] == "ok"


def test_images_behind_a_link_are_seen(tmp_path):
    root = TREES["unbc"](tmp_path / "unbc")
    (root / "Images").rename(root / "elsewhere")
    (root / "Images").symlink_to(root / "elsewhere")
    report = checks.check("unbc", root)
    assert finding(report, "rows without image")[0] == "ok" and finding(report, "images without row")[0] == "ok"


def test_what_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no folder"):
        checks.check("bp4d", tmp_path / "none")
    with pytest.raises(SettingsError, match="no setting frame_ofset"):
        checks.check("bp4d", bp4d(tmp_path), frame_ofset=0)
    with pytest.raises(SettingsError, match="missing_images and strict itself"):
        checks.check("bp4d", tmp_path, strict=True, missing_images="drop")
    with pytest.raises(DataError, match="no column subject"):
        checks.check("actor_study", write(tmp_path / "a/annotations.csv", "x,y\n1,2\n").parent)


# ---------------------------------------------------------------- text, JSON and the command line


def run(capsys, *arguments):
    code = cli.main(["check", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_text_shows_numbers_action_units_and_places(tmp_path):
    root = bp4d(tmp_path, rows=12)
    path = root / "AUCoding/AU_OCC/F001_T1.csv"
    header, *rows = path.read_text().splitlines()
    write(path, "\n".join([header, *(row.replace(",0,0,9,", ",5,0,9,", 1) for row in rows)]) + "\n")
    text = str(checks.check("bp4d", root, subset=True))
    assert text.startswith(f"BP4D in {root} (reader bp4d)\n")
    for line in ("  rows ", "  AU12 ", "  problem ", "F001_T1.csv:2: value 5 of AU01", "... and 7 more places"):
        assert line in text
    assert "2 of" in text.splitlines()[-1] and "AU_OCC/F001_T1.csv:7:" not in text


def test_exit_codes_tell_fine_from_problems_from_unreadable(whole, tmp_path, capsys):
    assert run(capsys, "bp4d", whole)[0] == 0
    code, out, _ = run(capsys, "bp4d", bp4d(tmp_path / "part"))
    assert code == 1 and "missing: F002" in out
    assert run(capsys, "bp4d", tmp_path / "part", "--subset")[0] == 0
    for arguments, word in (
        (("bp4d", tmp_path / "none"), "no folder"),
        (("bp4", tmp_path), "the datasets are"),
        (("bp4d",), "aulib check bp4d FOLDER"),
        (("bp4d", whole, "--setting", "frame_offset"), "NAME=VALUE"),
        (("bp4d", whole, "--setting", "frame_offset=[1"), "cannot be read"),
        (("bp4d", whole, "--setting", "frame_offset=x"), "whole number"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "") and word in err and err.startswith("aulib: ") and err.count("\n") == 1


def test_settings_reach_the_reader(whole, capsys):
    code, out, _ = run(capsys, "bp4d", whole, "--setting", "frame_offset=0", "--setting", "occluded=ignore")
    assert code == 1 and "frame_offset=0, occluded='ignore'" in out and "41: annotated frames have no image" in out


def test_json_holds_the_whole_report(tmp_path, capsys):
    root = bp4d(tmp_path)
    code, out, _ = run(capsys, "bp4d", root, "--json")
    told = json.loads(out)
    report = checks.check("bp4d", root)
    assert code == 1 and told["problems"] == report.problems and told["found"]["rows"] == 2
    assert told["action_units"]["AU12"]["displayed"] == 2
    assert [row["check"] for row in told["findings"]] == report.findings["check"].tolist()


def test_without_arguments_it_lists_every_dataset_and_where_to_ask(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    words = " ".join(out.split())
    for name in adapters.names():
        facts = registry.DATASETS[name]
        assert f"\n{name} " in out and facts.title in out and " ".join(facts.licence.split()) in words
        assert facts.url in words
