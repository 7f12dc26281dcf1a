"""Promises of the comparison: every method gets the labels it says it gets, the head is Keras's, nobody is in two
parts, scores are those of scikit-learn, and a comparison that was stopped goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from aulib import cli, database, experiments, losses, metrics, pipeline, profiles, splits
from aulib.errors import DataError, SettingsError
from aulib.experiments import Job, Prepared, Recipe, _compare, _head, _holes, _imputing, _jobs, _methods

AUS = ("AU04", "AU12", "AU25", "AU45")
#: Action units that each dataset codes, as columns: AU04 everywhere; AU45 is displayed in "unbc" alone.
CODED = {"bp4d": (0, 1), "ck_plus": (0, 1, 2, 3), "emotionet": (0, 2), "unbc": (0, 1, 3)}
SHORT = Recipe(hidden=(8, 8), steps=6, checks=3, batch_size=16)
PLAIN = [name for name, method in experiments.METHODS.items() if method.letter in "bcde"]


def world(people: int = 8, rows: int = 6, seed: int = 0) -> Prepared:
    """Four datasets with gaps of their own, and features that tell the labels with some noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        [(name, f"{name}-{person}", f"{person}/{row}.png")
         for name in CODED for person in range(people) for row in range(rows)],
        columns=["dataset", "subject", "image"],
    )  # fmt: skip
    truth = (rng.random((len(table), len(AUS))) < [0.5, 0.3, 0.4, 0.4]).astype(np.float32)
    y = truth.copy()
    for name, columns in CODED.items():
        hidden = [column for column in range(len(AUS)) if column not in columns]
        y[np.ix_(np.flatnonzero(table["dataset"] == name), hidden)] = np.nan
    y[(rng.random(y.shape) < 0.05) & (np.arange(len(AUS)) > 0)] = np.nan
    x = np.concatenate([truth, np.zeros((len(table), 4))], axis=1) + rng.normal(0, 0.5, (len(table), 8))
    shares = {"split": {"test_size": 0.25, "validation_size": 0.25}}
    limits = {"balancing": {"use": True, "lower": 0.5, "upper": 3.0, "size": (0.8, 1.2)}}
    return Prepared(x.astype(np.float32), y, truth, table, AUS, {"settings": shares | limits, "images": len(table)})


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return world()


def task_of(prepared: Prepared, job: Job) -> tuple[_methods.Task, np.ndarray]:
    """What a method is given, and the positions of its rows."""
    train, validation, _ = _jobs.parts(prepared, job)
    return _holes.changed(_jobs._task(prepared, train, validation, job, SHORT), job), train


@pytest.fixture
def given(monkeypatch):
    """Replace the training by a note of what it was given."""
    calls = []

    def note(x, targets, loss, *, validation, seed, recipe):
        calls.append({"x": x, "targets": targets, "loss": loss, "validation": validation, "seed": seed})
        rng = np.random.default_rng(seed)
        shapes = ((x.shape[1], 4), (4,), (4, 4), (4,), (4, targets.shape[1]), (targets.shape[1],))
        return experiments.Head([rng.normal(size=shape).astype(np.float32) for shape in shapes])

    monkeypatch.setattr(_methods, "train_head", note)
    return calls


# The head


def keras_head(weights: list[np.ndarray], loss, dropout: float = 0.0, rate: float = 1e-3, seed: int = 0):
    """The paper's head of Keras's own layers, compiled as the package's training does."""
    import keras

    hidden = []
    for number, units in enumerate((weights[0].shape[1], weights[2].shape[1])):
        hidden += [keras.layers.Dense(units, "relu"), keras.layers.Dropout(dropout, seed=seed + number)]
    model = keras.Sequential(
        [keras.Input((len(weights[0]),)), *hidden, keras.layers.Dense(len(weights[-1]), "sigmoid")]
    )
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(rate, amsgrad=True), loss, jit_compile=False)
    return model


@pytest.mark.parametrize("name", ["masked_f1", "count_corrected_f1", "masked_binary_crossentropy"])
def test_steps_are_those_of_keras_fit(prepared, name, monkeypatch):
    rows, steps = 64, 8
    x, y = prepared.x[:rows], prepared.y[:rows]
    weights = _head._first_weights((x.shape[1], 8, 8, len(AUS)), np.random.default_rng(3))
    orders = np.arange(steps * 16).reshape(steps, 16) % rows
    monkeypatch.setattr(_head, "_orders", lambda *_: orders.astype(np.int32))
    recipe = replace(SHORT, dropout=0.0, steps=steps, select="last")
    found = experiments.train_head(
        x, y, losses.by_name(name, y), validation=(x, y), recipe=recipe, weights=[value.copy() for value in weights]
    )
    model = keras_head(weights, losses.by_name(name, y))
    model.fit(x, y, batch_size=16, epochs=steps * 16 // rows, shuffle=False, verbose=0)
    for own, other, first in zip(found.weights, model.get_weights(), weights, strict=True):
        assert np.abs(other - first).max() > 1e-3  # it has moved
        np.testing.assert_allclose(own, other, atol=2e-5)
    np.testing.assert_allclose(found.predict(prepared.x), model.predict(prepared.x, verbose=0), atol=1e-5)


def test_scores_are_those_of_a_keras_training_up_to_noise():
    prepared = world(people=16)
    train, _, test = _jobs.parts(prepared, Job("methods", "masked_f1", 0))
    x, y, truth = prepared.x[train], prepared.y[train], prepared.truth[test]
    recipe = Recipe(hidden=(32, 32), steps=150, checks=1, batch_size=32, learning_rate=3e-3, select="last")
    own, other = [], []
    for seed in range(2):
        head = experiments.train_head(x, y, losses.MaskedF1Loss(), validation=(x, y), seed=seed, recipe=recipe)
        weights = _head._first_weights((x.shape[1], 32, 32, len(AUS)), np.random.default_rng(seed + 50))
        model = keras_head(weights, losses.MaskedF1Loss(), dropout=0.5, rate=3e-3, seed=seed)
        model.fit(x, y, batch_size=32, epochs=150 // (len(x) // 32), verbose=0)
        own.append(np.nanmean(metrics.roc_auc_per_label(truth, head.predict(prepared.x[test]))))
        other.append(np.nanmean(metrics.roc_auc_per_label(truth, model.predict(prepared.x[test], verbose=0))))
    assert min(*own, *other) > 0.75
    assert abs(np.mean(own) - np.mean(other)) < 0.03


def test_dropout_leaves_the_mean_and_differs_between_steps_and_layers():
    ones = [np.eye(200, dtype=np.float32), np.zeros(200, np.float32)] * 3
    x = np.ones((300, 200), np.float32)
    recipe = Recipe(hidden=(200, 200), dropout=0.5)
    trainer = _head._Trainer(x, x, ones, losses.MaskedF1Loss(), recipe, seed=1)
    first = np.log(1 / np.clip(trainer._forward(x).numpy(), 1e-6, 1 - 1e-6) - 1) * -1  # 4 where both layers keep it
    trainer.done.assign_add(1)
    second = np.log(1 / np.clip(trainer._forward(x).numpy(), 1e-6, 1 - 1e-6) - 1) * -1
    assert first.mean() == pytest.approx(1, abs=0.03) and (first > 1).mean() == pytest.approx(0.25, abs=0.01)
    assert ((first > 1) & (second > 1)).mean() == pytest.approx(0.0625, abs=0.01)


@pytest.mark.parametrize("select, score", [("score", metrics.selection_score), ("f1", metrics.f1_macro),
                                           ("accuracy", metrics.accuracy_macro)])  # fmt: skip
def test_the_best_of_the_states_scored_is_kept(prepared, select, score):
    x, y = prepared.x, prepared.y
    reached = []
    for steps in range(1, 4):
        recipe = replace(SHORT, steps=steps, checks=steps, select="last", learning_rate=0.05)
        reached.append(score(y, experiments.train_head(
            x, y, losses.MaskedF1Loss(), validation=(x, y), recipe=recipe).predict(x)))  # fmt: skip
    recipe = replace(recipe, select=select)
    kept = experiments.train_head(x, y, losses.MaskedF1Loss(), validation=(x, y), recipe=recipe)
    assert len(set(reached)) > 1 and score(y, kept.predict(x)) == pytest.approx(max(reached), abs=1e-6)


def test_every_row_is_seen_equally_often_and_methods_with_few_rows_take_as_many_steps():
    for rows in (16, 40, 500):
        orders = _head._orders(rows, Recipe(steps=50, batch_size=16), np.random.default_rng(0))
        assert orders.shape == (50, 16)
        full = orders[: rows // 16]
        assert np.unique(full).size == full.size  # within a pass no row comes twice
        assert rows == 500 or np.ptp(np.bincount(orders.ravel(), minlength=rows)) <= 14
    assert _head._orders(5, Recipe(steps=7, batch_size=16), np.random.default_rng(0)).shape == (7, 5)


@pytest.mark.parametrize("change, message", [
    ({"x": np.zeros((0, 8), np.float32), "targets": np.zeros((0, 4), np.float32)}, "0 rows to learn from"),
    ({"targets": np.zeros((3, 4), np.float32)}, "do not fit each other"),
    ({"validation": (np.zeros((2, 5), np.float32), np.zeros((2, 4), np.float32))}, "do not fit each other"),
    ({"recipe": Recipe(select="luck", steps=1)}, "select is 'luck'"),
])  # fmt: skip
def test_training_refuses(prepared, change, message):
    arguments = {"x": prepared.x, "targets": prepared.y, "validation": (prepared.x, prepared.y)} | change
    with pytest.raises(SettingsError, match=message):
        experiments.train_head(arguments.pop("x"), arguments.pop("targets"), losses.MaskedF1Loss(), **arguments)


# The methods: rows, labels, loss


def expected(name: str, task: _methods.Task) -> list[tuple[int, list[float]]]:
    """Rows and targets of a method without imputation, cell by cell."""
    everywhere = [
        all(any(not np.isnan(task.y[r, c]) for r in range(len(task.y)) if task.datasets[r] == d)
            for d in set(task.datasets))
        for c in range(len(AUS))
    ]  # fmt: skip
    found = []
    for row in range(len(task.y)):
        cells = [float(v) for v in (task.truth if name.startswith("oracle") else task.y)[row]]
        if name == "common_aus":
            cells = [v if everywhere[c] else np.nan for c, v in enumerate(cells)]
        if name == "complete_rows" and any(np.isnan(v) for v in cells):
            continue
        if name.startswith("one_dataset:") and task.datasets[row] != name.split(":")[1]:
            continue
        if all(np.isnan(v) for v in cells):
            continue
        if name.startswith("missing_as_negative"):
            cells = [0.0 if np.isnan(v) else v for v in cells]
        found.append((row, cells))
    return found


RULES = [*PLAIN, "oracle_f1", "oracle_bce", "common_aus", "complete_rows", "one_dataset:bp4d", "one_dataset:unbc"]


@pytest.mark.parametrize("name", RULES)
def test_a_method_is_given_exactly_its_rows_and_labels(prepared, given, name):
    task, _ = task_of(prepared, Job("methods", name, 1))
    _, seen = _methods.fit(experiments.METHODS[name], task)
    wanted = expected(name, task)
    np.testing.assert_array_equal(given[0]["x"], task.x[[row for row, _ in wanted]])
    np.testing.assert_array_equal(given[0]["targets"], np.float32([cells for _, cells in wanted]))
    source = task.truth if name.startswith("oracle") else task.y
    rows = [row for row, _ in wanted]
    learnable = [{0.0, 1.0} <= set(source[rows, c]) and (name != "common_aus" or c == 0) for c in range(len(AUS))]
    assert seen.tolist() == learnable


@pytest.mark.parametrize("name", RULES)
def test_selection_looks_at_known_labels_of_the_action_units_that_the_method_can_know(prepared, given, name):
    task, _ = task_of(prepared, Job("methods", name, 1))
    _, seen = _methods.fit(experiments.METHODS[name], task)
    x, y, truth, datasets = task.validation
    rows = datasets == name.split(":")[1] if name.startswith("one_dataset:") else np.full(len(y), True)
    wanted = np.where(seen, truth if name.startswith("oracle") else y, np.nan)[rows]
    np.testing.assert_array_equal(given[0]["validation"][0], x[rows])
    np.testing.assert_array_equal(given[0]["validation"][1], wanted)


@pytest.mark.parametrize("name", [n for n, m in experiments.METHODS.items() if m.letter not in "hij"])
def test_a_method_has_the_loss_that_its_table_names(prepared, given, name):
    _methods.fit(experiments.METHODS[name], task_of(prepared, Job("methods", name, 1))[0])
    named = experiments.methods().loc[name, "loss"]
    assert type(given[0]["loss"]) is type(losses.by_name(named, prepared.y))


def test_a_balanced_method_is_given_more_equal_counts_and_the_same_rows_as_its_twin(prepared, given):
    for method in ("masked_f1", "masked_bce"):
        for balanced in (False, True):
            _methods.fit(experiments.METHODS[method], task_of(prepared, Job("methods", method, 1, balanced))[0])
    before, after = (np.nansum(call["targets"], axis=0) for call in given[:2])
    assert after.max() / after.min() < before.max() / before.min()
    np.testing.assert_array_equal(given[1]["targets"], given[3]["targets"])


def test_the_student_trusts_known_labels_by_six_tenths_and_the_teacher_elsewhere(prepared, given):
    task, _ = task_of(prepared, Job("methods", "pseudo_labels", 1))
    _methods.fit(experiments.METHODS["pseudo_labels"], task)
    teacher, student = given
    np.testing.assert_array_equal(teacher["targets"], task.y)
    said = _methods.fit(experiments.METHODS["masked_bce"], task)[0].predict(task.x)
    for row, column in np.ndindex(*task.y.shape):
        label, guess = task.y[row, column], said[row, column]
        wanted = guess if np.isnan(label) else 0.6 * label + 0.4 * guess
        assert student["targets"][row, column] == pytest.approx(wanted, abs=1e-6)


def test_neighbours_vote_as_in_a_plain_search():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 3)), (rng.random((30, 2)) < 0.5).astype(np.float32)
    y[rng.random(y.shape) < 0.4] = np.nan
    filled = _imputing.from_neighbours(x, y, k=4)
    for row, column in np.ndindex(*y.shape):
        known = [other for other in range(30) if not np.isnan(y[other, column])]
        near = sorted(known, key=lambda other: np.sum((x[other] - x[row]) ** 2))[:4]
        wanted = np.mean([y[other, column] for other in near]) if np.isnan(y[row, column]) else y[row, column]
        assert filled[row, column] == pytest.approx(wanted)


def test_other_labels_tell_a_label_that_follows_them_and_nothing_about_one_that_does_not():
    rng = np.random.default_rng(2)
    a, free = rng.random(4000) < 0.5, rng.random(4000) < 0.3
    truth = np.stack([a, a ^ (rng.random(4000) < 0.1), free], axis=1).astype(np.float32)
    y = truth.copy()
    hidden = rng.random(4000) < 0.3
    y[hidden, 1:] = np.nan
    filled = _imputing.from_other_labels(y)
    np.testing.assert_array_equal(filled[~hidden], truth[~hidden])
    for value in (0, 1):  # AU two copies AU one in nine of ten rows
        rate = truth[~hidden & (truth[:, 0] == value), 1].mean()
        assert filled[hidden & (truth[:, 0] == value), 1].mean() == pytest.approx(rate, abs=0.05)
    assert np.ptp(filled[hidden, 2]) < 0.1 and filled[hidden, 2].mean() == pytest.approx(0.3, abs=0.03)


def test_a_label_known_nowhere_is_filled_with_zero():
    y = np.float32([[1, np.nan], [0, np.nan], [np.nan, np.nan]])
    assert _imputing.from_other_labels(y)[:, 1].tolist() == [0, 0, 0]
    assert _imputing.from_neighbours(np.zeros((3, 1)), y)[:, 1].tolist() == [0, 0, 0]


def test_soft_losses_are_the_masked_ones_of_weighted_copies():
    """A target of 0.3 is three tenths of a displayed row and seven tenths of one that is not displayed."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, (20, 4)).astype(np.float32)
    hard, soft = (rng.random((20, 4)) < 0.4).astype(np.float32), rng.random((20, 4)).astype(np.float32)
    pairs = [(_methods.soft_f1, losses.masked_f1), (_methods.soft_bce, losses.masked_binary_crossentropy)]
    for own, masked in pairs:
        assert float(own(hard, p)) == pytest.approx(float(masked(hard, p)), abs=1e-6)
        copies = np.concatenate([np.ones_like(soft), np.zeros_like(soft)])
        weights = np.concatenate([soft, 1 - soft])
        assert float(own(soft, p)) == pytest.approx(float(masked(copies, np.concatenate([p, p]), weights)), abs=1e-6)


@pytest.mark.parametrize("name", ["masked_f1", "missing_as_negative_bce", "pseudo_labels", "co_occurrence"])
def test_what_is_unknown_plays_no_part(prepared, name):
    """Another truth behind the unknown cells of those who are not tested gives the same heads, but for the oracle."""
    train, validation, _ = _jobs.parts(prepared, Job("methods", name, 2))
    learned = np.concatenate([train, validation])
    other = prepared.truth.copy()
    other[learned] = np.where(np.isnan(prepared.y[learned]), 1 - other[learned], other[learned])
    changed = replace(prepared, truth=other)
    tables = [_jobs.run_job(p, Job("methods", name, 2), SHORT) for p in (prepared, changed)]
    pd.testing.assert_frame_equal(*tables)
    oracles = [_jobs.run_job(p, Job("methods", "oracle_f1", 2), SHORT) for p in (prepared, changed)]
    assert not oracles[0].equals(oracles[1])


def test_a_method_without_a_row_says_so(prepared):
    table = prepared.table.assign(dataset=prepared.table["dataset"].replace("bp4d", "bp4d_plus"))
    with pytest.raises(SettingsError, match="one_dataset:bp4d has no row to learn from"):
        _jobs.run_job(replace(prepared, table=table), Job("methods", "one_dataset:bp4d", 0), SHORT)


# Splits and holes


@pytest.mark.parametrize("held_out", [None, "unbc"])
def test_nobody_is_in_two_parts_and_all_methods_of_a_seed_share_them(prepared, held_out):
    people = database.person_ids(prepared.table)
    found = [_jobs.parts(prepared, Job("methods", "masked_f1", seed, held_out=held_out)) for seed in range(4)]
    for seed, parts in enumerate(found):
        sets = [set(people[part]) for part in parts]
        assert all(sets) and sum(map(len, sets)) == len(set().union(*sets)) == len(set(people))
        again = _jobs.parts(prepared, Job("batch_size", "masked_bce", seed, True, held_out, x=3))
        assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert len({tuple(parts[1]) for parts in found}) > 1
    if held_out:
        assert set(prepared.table["dataset"].iloc[found[0][2]]) == {"unbc"}


def test_a_person_in_training_and_test_is_refused(prepared, monkeypatch):
    def careless(table, test_size, seed):
        rows = np.random.default_rng(seed).permutation(len(table))
        return np.sort(rows[len(rows) // 4 :]), np.sort(rows[: len(rows) // 4])

    monkeypatch.setattr(splits, "by_subject", careless)
    with pytest.raises(DataError, match="is in more than one part"):
        experiments.run(prepared, [Job("methods", "masked_f1", 0)], recipe=SHORT)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.7, 1.0])
def test_both_mechanisms_hide_the_same_share(prepared, share):
    truth, datasets = prepared.truth, prepared.table["dataset"].to_numpy(dtype=str)
    for seed in range(3):
        cells = _holes.hide_cells(truth, share, np.random.default_rng(seed))
        blocks = _holes.hide_blocks(truth, datasets, share, np.random.default_rng(seed))
        for y in (cells, blocks):
            known = ~np.isnan(y)
            assert known.sum() == round(share * truth.size)
            np.testing.assert_array_equal(y[known], truth[known])
        rates = [(~np.isnan(blocks[datasets == name])).mean(axis=0) for name in CODED]
        assert sum(0 < rate < 1 for row in rates for rate in row) <= 1  # whole blocks but the last
        if share >= 0.7:
            assert (np.max(rates, axis=0) > 0).all()


def test_a_curve_changes_the_labels_to_learn_from_as_it_says(prepared):
    for experiment in ("share_known_random", "share_known_by_dataset"):
        task, train = task_of(prepared, Job(experiment, "masked_f1", 3, x=0.4))
        assert (~np.isnan(task.y)).mean() == pytest.approx(0.4, abs=1 / task.y.size)
        np.testing.assert_array_equal(task.truth, prepared.truth[train])


def test_merged_datasets_and_people_grow_by_what_was_there_before(prepared):
    for experiment, values in (("datasets_merged", (1, 2, 3, 4)), ("training_size", (0.2, 0.5, 1.0))):
        tasks = [task_of(prepared, Job(experiment, "masked_f1", 5, x=x))[0] for x in values]
        people = [set(task.persons) for task in tasks]
        assert all(smaller < larger for smaller, larger in zip(people, people[1:], strict=False))
        if experiment == "datasets_merged":
            assert [len(set(task.datasets)) for task in tasks] == list(values)
            assert all(set(task.validation[-1]) == set(task.datasets) for task in tasks)
        else:
            assert len(set(tasks[0].datasets)) == len(CODED)  # every dataset loses people, none is lost
    orders = {tuple(sorted(set(task_of(prepared, Job("datasets_merged", "masked_f1", s, x=1))[0].datasets)))
              for s in range(8)}  # fmt: skip
    assert len(orders) > 1


def test_ablations_change_what_they_name(prepared):
    recipe = task_of(prepared, Job("ablation", "masked_f1", 0, variant="select=f1"))[0].recipe
    assert recipe == replace(SHORT, select="f1")
    limits = task_of(prepared, Job("ablation", "masked_f1", 0, True, variant="limits=0.1 to 10"))[0].limits
    assert (limits["lower"], limits["upper"], limits["size"]) == (0.1, 10.0, (0.8, 1.2))
    assert task_of(prepared, Job("batch_size", "masked_f1", 0, x=32.0))[0].recipe.batch_size == 32
    with pytest.raises(SettingsError, match="does not know the variant 'colour=red'"):
        task_of(prepared, Job("ablation", "masked_f1", 0, variant="colour=red"))


# Scores


def test_scores_are_those_of_scikit_learn(prepared, monkeypatch):
    """The head says what stands in the first features; of the last action unit the method knows nothing."""

    class Reads:
        def predict(self, x):
            return np.clip(x[:, :4], 0, 1).astype(np.float32)

    monkeypatch.setattr(_jobs, "fit", lambda method, task: (Reads(), np.array([True, True, True, False])))
    job = Job("methods", "masked_f1", 4)
    table = _jobs.run_job(prepared, job, SHORT)
    _, validation, test = _jobs.parts(prepared, job)
    p = Reads().predict(prepared.x[test])
    p[:, 3] = 1
    on_validation = Reads().predict(prepared.x[validation])
    of_units = table[(table["test"] == "all") & (table["au"] != "macro")].set_index("au")
    for column, au in enumerate(AUS):
        truth, y, found = prepared.truth[test, column], prepared.y[test, column], of_units.loc[au]
        known, own = ~np.isnan(y), prepared.y[validation, column]
        grid = np.linspace(0.05, 0.95, 19)
        kept = ~np.isnan(own)
        tried = [f1_score(own[kept], on_validation[kept, column] >= np.float32(t), zero_division=0) for t in grid]
        threshold = np.float32(grid[int(np.argmax(tried))]) if column < 3 else 0.5
        wanted = {
            "rows": len(test), "positives": truth.sum(), "predicted": int(column < 3),
            "f1_truth": f1_score(truth, p[:, column] >= 0.5), "f1_known": f1_score(y[known], p[known, column] >= 0.5),
            "f1_tuned": f1_score(truth, p[:, column] >= threshold),
            "always_positive": f1_score(truth, np.ones(len(test))),
            "ap": average_precision_score(truth, p[:, column]), "auc": roc_auc_score(truth, p[:, column]),
            "accuracy": accuracy_score(truth, p[:, column] >= 0.5),
        }  # fmt: skip
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, abs=5.1e-5), (au, name)
    last = of_units.loc["AU45"]
    assert last["f1_truth"] == last["always_positive"] and last["auc"] == 0.5
    macro = table[(table["test"] == "all") & (table["au"] == "macro")].iloc[0]
    assert macro["f1_truth"] == pytest.approx(of_units["f1_truth"].mean(), abs=1e-4)
    of_unbc = table[(table["test"] == "unbc")].iloc[0]
    mine = (prepared.table["dataset"].iloc[test] == "unbc").to_numpy()
    assert of_unbc["f1_truth"] == pytest.approx(
        f1_score(prepared.truth[test][mine], p[mine] >= 0.5, average="macro"), abs=5.1e-5
    )


def test_rows_of_a_dataset_held_out_carry_its_name(prepared, given):
    table = _jobs.run_job(prepared, Job("leave_one_dataset_out", "masked_f1", 0, held_out="unbc"), SHORT)
    assert list(table["au"]) == [*AUS, "macro"] and set(table["test"]) == {"unbc"}


def test_a_table_has_a_row_for_each_action_unit_and_a_macro_row_for_each_dataset(prepared):
    table = _jobs.run_job(prepared, Job("methods", "masked_bce", 0, True), SHORT)
    assert tuple(table.columns) == experiments.COLUMNS
    rows = list(table[["test", "au"]].itertuples(index=False, name=None))
    assert rows == [("all", au) for au in (*AUS, "macro")] + [(name, "macro") for name in sorted(CODED)]
    assert table["balanced"].eq(1).all() and table["x"].isna().all() and table["variant"].eq("").all()


# Plans, runs, tables


def test_a_plan_holds_every_method_and_seed_once():
    for experiment in experiments.EXPERIMENTS:
        jobs = experiments.plan(experiment, seeds=range(3))
        assert len({job.name for job in jobs}) == len(jobs)
        assert {job.seed for job in jobs} == {0, 1, 2} and {job.experiment for job in jobs} == {experiment}
        settings = [(job.balanced, job.held_out, job.variant, job.x) for job in jobs]
        per_setting = {setting: settings.count(setting) for setting in settings}
        assert set(per_setting.values()) == {3 * len({job.method for job in jobs})}
    assert {job.method for job in experiments.plan("methods", [0])} == set(experiments.methods().index)
    assert set("abcdefghij") == set(experiments.methods()["family"])


def test_the_same_seed_gives_the_same_table_and_another_seed_another(prepared):
    jobs = [Job("methods", "label_propagation_f1", seed, balanced=True) for seed in (0, 1)]
    tables = [experiments.run(prepared, jobs, recipe=SHORT) for _ in range(2)]
    assert tables[0].to_csv() == tables[1].to_csv()
    seeds = [part.drop(columns="seed").reset_index(drop=True) for _, part in tables[0].groupby("seed")]
    assert not seeds[0].equals(seeds[1])


def test_processes_give_the_same_table(prepared):
    jobs = experiments.plan("training_size", [0], ["masked_bce"])[:2]
    alone, together = (experiments.run(prepared, jobs, workers=workers, recipe=SHORT) for workers in (1, 2))
    assert alone.to_csv() == together.to_csv()


def test_a_run_that_was_stopped_goes_on(prepared, tmp_path, monkeypatch):
    jobs, done = experiments.plan("training_size", [0], ["masked_f1"])[:3], []
    plain = _jobs.run_job

    def stopped(prepared, job, recipe):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job)
        return plain(prepared, job, recipe)

    monkeypatch.setattr(_jobs, "run_job", stopped)
    with pytest.raises(KeyboardInterrupt):
        experiments.run(prepared, jobs, tmp_path, recipe=SHORT)
    monkeypatch.setattr(_jobs, "run_job", lambda *given: done.append(given[1]) or plain(*given))
    resumed = experiments.run(prepared, jobs, tmp_path, recipe=SHORT)
    assert done == jobs  # each once
    assert resumed.to_csv() == experiments.run(prepared, jobs, recipe=SHORT).to_csv()


def test_scores_of_other_features_or_of_another_recipe_are_not_taken_for_these(prepared, tmp_path, given):
    jobs = experiments.plan("methods", [0], ["masked_f1"])[:1]
    for data, recipe in ((prepared, SHORT), (prepared, replace(SHORT, steps=7)), (world(seed=1), SHORT)):
        before = len(given)
        first, again = (experiments.run(data, jobs, tmp_path, recipe=recipe) for _ in range(2))
        assert len(given) == before + 1  # trained once, then found
        pd.testing.assert_frame_equal(first, again)


def test_compare_writes_tables_and_a_record_and_does_it_again_to_the_byte(prepared, tmp_path, given, monkeypatch):
    wanted = []

    def prepare(work, components=256, weights="profile", pixels="profile"):
        wanted.append((weights, pixels))
        return replace(prepared, about=prepared.about | {"weights": str(weights), "pixels": pixels})

    monkeypatch.setattr(_compare, "prepare", prepare)
    for name in ("a", "b"):
        experiments.compare(None, tmp_path / name, ["training_size", "ablation"], range(2), ["masked_f1"])
    assert set(wanted) >= {("hed", "unit"), (None, "caffe"), (None, "unit"), ("profile", "profile")}
    for file in ("training_size.csv", "ablation.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    table, record = experiments.measured(tmp_path / "a"), experiments.record(tmp_path / "a")
    assert record["synthetic"] is True and record["seeds"] == [0, 1]
    for name, part in table.groupby("experiment"):
        jobs = part.drop_duplicates(["method", "variant", "x", "balanced", "seed"])
        wanted = {"seeds": [0, 1], "trainings": len(experiments.plan(name, range(2), ["masked_f1"])), "run": len(jobs)}
        assert record["parts"][name].items() >= wanted.items() and len(jobs) == wanted["trainings"]


def test_the_record_of_a_second_call_is_about_its_own_trainings(prepared, tmp_path, given, monkeypatch):
    monkeypatch.setattr(_compare, "prepare", lambda *_, **__: prepared)
    for seeds, experiment in ((1, "training_size"), (1, "batch_size"), (2, "training_size")):
        experiments.compare(None, tmp_path, [experiment], range(seeds), ["masked_f1"])
    parts = experiments.record(tmp_path)["parts"]
    assert parts["training_size"]["trainings"] == 12 and parts["training_size"]["seeds"] == [0, 1]
    assert parts["training_size"]["run"] == 6  # those of seed 0 were found
    assert parts["batch_size"]["trainings"] == 6 and parts["batch_size"]["seeds"] == [0]
    experiments.compare(None, tmp_path, ["training_size"], range(2), ["masked_f1"])
    assert experiments.record(tmp_path)["parts"] == parts  # nothing was run, and its time says nothing


# Bad input


def test_arrays_that_do_not_fit_are_refused(prepared):
    with pytest.raises(DataError, match="x has shape"):
        replace(prepared, x=prepared.x[:-1])
    with pytest.raises(DataError, match="y has shape"):
        replace(prepared, aus=AUS[:3])
    holes = prepared.truth.copy()
    holes[5, 2] = np.nan
    with pytest.raises(DataError, match=r"ck_plus|bp4d.*AU25.*the truth is not known"):
        replace(prepared, truth=holes)
    wrong = prepared.truth.copy()
    row = int(np.flatnonzero(~np.isnan(prepared.y[:, 1]))[0])
    wrong[row, 1] = 1 - wrong[row, 1]
    with pytest.raises(DataError, match="AU12.*is not the truth's"):
        replace(prepared, truth=wrong)


@pytest.mark.parametrize("arguments, message", [
    (("smiles",), "no experiment 'smiles'; there are methods"),
    (("methods", [0], ["magic"]), "no method magic; there are oracle_f1"),
    (("methods", []), "no seed"),
])  # fmt: skip
def test_an_impossible_plan_is_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        experiments.plan(*arguments)


def test_impossible_jobs_are_refused(prepared):
    with pytest.raises(SettingsError, match="no job"):
        experiments.run(prepared, [])
    with pytest.raises(SettingsError, match="no method magic"):
        experiments.run(prepared, [Job("methods", "magic", 0)])
    with pytest.raises(DataError, match="no dataset 'disfa' to test on; the table has only"):
        experiments.run(prepared, [Job("leave_one_dataset_out", "masked_f1", 0, held_out="disfa")], recipe=SHORT)


def test_real_data_are_refused_with_what_is_possible(tmp_path):
    work = pipeline.Pipeline(profiles.settings(datasets={"bp4d": str(tmp_path)}), tmp_path)
    with pytest.raises(SettingsError, match="with real data the missing ones are not known.*aulib sweep"):
        experiments.prepare(work)


def test_the_command_refuses_before_anything_is_computed(tmp_path, capsys):
    assert cli.main(["compare", "--profile", "tiny", "--out", str(tmp_path / "o"), "--experiment", "smiles"]) == 1
    assert "no experiment 'smiles'" in capsys.readouterr().err and not (tmp_path / "o").exists()


@pytest.mark.parametrize("text, message", [
    (None, "there is no table of results"),
    ("a,b\n1,2\n", r"scores\.csv: the columns are a, b"),
])  # fmt: skip
def test_a_folder_without_readable_tables_is_refused(tmp_path, text, message):
    if text:
        (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        experiments.measured(tmp_path)
    with pytest.raises(DataError, match="no readable record"):
        experiments.record(tmp_path)
