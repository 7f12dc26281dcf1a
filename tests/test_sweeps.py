"""Sweeps: every mistake is found before anything runs; each run has a name of its own; tables are put together."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aulib import sweeps
from aulib.cli import main
from aulib.errors import SettingsError


def written(folder, text, name="study.yml"):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_grid_is_every_combination_and_further_runs_are_added(tmp_path):
    sweep = sweeps.load(written(tmp_path, "grid: {seed: [0, 1, 2], training.dropout: [0.1, 0.2]}\nruns: [{seed: 9}]"))
    assert len(sweep.runs) == 3 * 2 + 1 and sweep.name == "study"
    assert sweep.run("seed-2_dropout-0.1").settings.training.dropout == 0.1
    assert sweep.run("seed-9").settings.seed == 9
    assert sweep.runs[0].settings.corpus.scale == 0.12  # the rest is the profile's: tiny if none is named
    assert sweep.table().loc["seed-9", "training.dropout"] is pd.NA or pd.isna(sweep.table().loc["seed-9"].iloc[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile: tinny\ngrid: {seed: [0]}", ["no profile 'tinny'", "did you mean 'tiny'"]),
        ("grid: {sead: [0]}", ["study.yml", "unknown parameter 'sead'", "did you mean 'seed'"]),
        ("grid: {training.loss: [f1]}", ["training.loss", "'f1'", "masked_f1"]),
        ("grid: {seed: [0, -1], training.dropout: [2]}", ["'seed' is -1", "'training.dropout' is 2"]),
        ("grid: {split.test_dataset: [bp5d]}", ["unknown dataset 'bp5d'", "did you mean 'bp4d'"]),
        ("grid: {seed: []}", ["grid.seed has no values"]),
        ("grid: {seed: 3}", ["'grid.seed' is 3"]),
        ("profile: tiny", ["needs a grid or a list of runs"]),
        ("grid: {seed: [0]}\nnotebook: x", ["'notebook'"]),
        ("grid: {seed: [0]}\nnotebooks: [99_none]", ["no notebook '99_none'", "06_results"]),
        ("grid: {training.dropout: [0.1]}\nnotebooks: [01_database]", ["01_database does not know the parameter"]),
        ("grid: {datasets: [{bp4d: /nowhere/bp4d}]}", ["dataset 'bp4d' does not exist: /nowhere/bp4d"]),
        ("grid: {seed: [0]}\nresources: {threads: 0}", ["resources.threads", "0"]),
        ("grid: {seed: [0, 0]}", ["names the same run twice"]),
        ("- a list", ["a mapping"]),
        ("grid: {seed: [", ["not a readable YAML file"]),
    ],
)
def test_every_mistake_is_named_before_anything_runs(tmp_path, text, words, capsys):
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        sweeps.load(path)
    assert all(word in str(caught.value) for word in words), caught.value
    assert main(["sweep", str(path), "--dry-run"]) == 1 and "Traceback" not in capsys.readouterr().err


def test_all_missing_folders_of_a_sweep_are_named_at_once(tmp_path):
    path = written(tmp_path, "grid: {datasets: [{bp4d: /no/a}, {unbc: /no/b}, {bp4d: '', ck_plus: /no/c}]}")
    with pytest.raises(SettingsError, match="(?s)/no/a.*/no/c.*/no/b"):
        sweeps.load(path)


def test_what_the_machine_does_not_have_is_refused(tmp_path, capsys):
    path = written(tmp_path, "grid: {seed: [0]}\nresources: {threads: 500, memory_mb: 99000000, gpus: 1}")
    assert main(["sweep", str(path), "--cores", "2", "--dry-run"]) == 1
    told = capsys.readouterr().err
    assert "threads 500 (there: 2)" in told and "memory_mb 99000000" in told and "gpus 1 (there: 0)" in told


def test_a_dry_run_lists_the_runs_and_runs_nothing(tmp_path, capsys):
    assert main(["sweep", str(written(tmp_path, "grid: {seed: [4, 5]}")), "--dry-run"]) == 0
    assert "seed-4" in (told := capsys.readouterr().err) and "seed-5" in told


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["seed", "training.loss", "balancing.use"]),
            st.one_of(st.integers(), st.text(max_size=60), st.lists(st.floats(allow_nan=False), max_size=9)),
            min_size=1,
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda changes: json.dumps(changes, sort_keys=True),
    )
)
def test_different_runs_have_different_names_that_fit_a_folder(all_changes):
    names = sweeps._names(all_changes)
    assert len(set(names)) == len(all_changes)
    assert all(len(name) <= sweeps.LONGEST_NAME and "/" not in name and name.strip(".") for name in names)


def test_runs_share_exactly_the_products_that_their_settings_share(tmp_path):
    text = "grid: {seed: [0, 1], training.image_size: [32, 64], corpus: [{scale: 0.1}, {scale: 0.2}]}"
    sweep = sweeps.load(written(tmp_path, text))
    assert {step: len({run.key(step) for run in sweep.runs}) for step in sweeps.DECIDES} == {
        "corpus": 2, "database": 2, "store": 4, "features": 4,
    }  # fmt: skip
    for step in sweeps.DECIDES:
        assert all(sweep.maker(step, run.key(step)).key(step) == run.key(step) for run in sweep.runs)


@pytest.mark.parametrize("grid, kinds", [
    ("seed: [0, 1], training.loss: [masked_f1, masked_asymmetric], training.hidden: [[8], [16, 16]]", 1),
    ("training.weights: [hed, null], seed: [0, 1]", 3),  # the seed decides random weights
    ("training.pixels: [unit, caffe], training.cache_dtype: [float16, float32]", 4),
    ("images.crop: [auto, whole]", 2),
])  # fmt: skip
def test_features_are_shared_unless_a_setting_changes_them(tmp_path, grid, kinds):
    sweep = sweeps.load(written(tmp_path, f"grid: {{{grid}}}"))
    assert len({run.key("features") for run in sweep.runs}) == kinds


def test_tables_are_joined_with_their_parameters_and_missing_runs_are_named(tmp_path):
    sweep = sweeps.load(written(tmp_path, "grid: {seed: [0, 1], training.epochs: [[2, 1]]}"))
    names = [run.name for run in sweep.runs]
    for number, name in enumerate(names):
        assert sweeps.collect(sweep, tmp_path / "out") == names[number:]
        (tmp_path / "out" / name).mkdir(parents=True)
        pd.DataFrame({"AU": ["AU01", "F1 macro"], "f1": [number, 0.5]}).to_csv(
            tmp_path / "out" / name / "results.csv", index=False
        )
        record = {"all settings": sweep.runs[number].settings.model_dump(mode="json")}
        (tmp_path / "out" / name / "record.json").write_text(json.dumps(record))
        for table in sweeps.TABLES[1:]:
            pd.DataFrame({"dataset": ["unbc"]}).to_csv(tmp_path / "out" / name / table, index=False)
    assert not (tmp_path / "out" / "results.csv").exists() and (tmp_path / "out" / "results.partial.csv").exists()
    assert sweeps.collect(sweep, tmp_path / "out") == []
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert table[["run", "seed", "training.epochs", "AU", "f1"]].to_numpy().tolist() == [
        [name, seed, "[2, 1]", au, f1]
        for seed, name in enumerate(names)
        for au, f1 in (("AU01", seed), ("F1 macro", 0.5))
    ]
    assert pd.read_csv(tmp_path / "out" / "runs.csv")["done"].all()
    for table in sweeps.TABLES[1:]:
        assert pd.read_csv(tmp_path / "out" / table)["seed"].tolist() == [0, 1]
    (tmp_path / "out" / "results.csv").unlink()
    assert sweeps.collect(sweep, tmp_path / "out", finished=False) == []  # something failed: no final table
    assert not (tmp_path / "out" / "results.csv").exists()
    other = sweeps.load(written(tmp_path, "grid: {seed: [0, 1], training.epochs: [[2, 1]]}\nprofile: quick"))
    assert sweeps.collect(other, tmp_path / "out") == names  # made with other settings


def test_an_unknown_run_is_refused_with_the_name_of_a_known_one(tmp_path):
    sweep = sweeps.load(written(tmp_path, "grid: {seed: [7]}"))
    with pytest.raises(SettingsError, match="no run 'seed-8'.*'seed-7'"):
        sweep.run("seed-8")


def test_the_sweep_that_comes_with_the_package_is_sound():
    from conftest import ROOT

    sweep = sweeps.load(ROOT / "profiles" / "sweeps" / "seeds.yml")
    assert len(sweep.runs) == 40
