"""Why labels are missing: statistics against SciPy and scikit-learn, error rates and power on simulated people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from aulib import facs, missingness
from aulib.errors import SettingsError


def frame(y: np.ndarray, dataset, subject) -> pd.DataFrame:
    """Meta-database of labels with NaN for unknown; the first columns of ``facs.ALL``."""
    known = ~np.isnan(y)
    cells = np.nan_to_num(y).astype(np.int8)
    columns = {facs.ALL[i]: pd.arrays.IntegerArray(cells[:, i], ~known[:, i]) for i in range(y.shape[1])}
    origin = {"dataset": pd.array(dataset, "string"), "subject": pd.array(np.asarray(subject).astype(str), "string")}
    return pd.DataFrame(origin | columns)


def runs(rng: np.random.Generator, lengths: np.ndarray, rate: float, columns: int = 12) -> np.ndarray:
    """0/1 series in which people differ in their rates and neighbouring rows are alike: rows of films."""
    subject = np.repeat(np.arange(len(lengths)), lengths)
    value = rng.random((len(subject), columns)) < rng.beta(6 * rate, 6 * (1 - rate), (len(lengths), columns))[subject]
    stays = (rng.random(value.shape) < 0.8) & (subject == np.roll(subject, 1))[:, None]
    stays[0] = False
    last = np.maximum.accumulate(np.where(stays, 0, np.arange(len(value))[:, None]), axis=0)
    return np.take_along_axis(value, last, axis=0).astype(float)


def films(seed: int, lengths: dict[str, np.ndarray], hide=None) -> tuple[pd.DataFrame, np.ndarray]:
    """A table whose holes know nothing of labels or datasets, and its truth; ``hide`` adds other holes."""
    rng = np.random.default_rng(seed)
    tables, truths = [], []
    for name, rows in lengths.items():
        truth, holes = runs(rng, rows, 0.3), runs(rng, rows, 0.2) == 1
        if hide is not None:
            holes |= hide(name, truth, rng)
        subject = np.repeat(np.arange(len(rows)), rows)
        tables.append(frame(np.where(holes, np.nan, truth), [name] * len(truth), subject))
        truths.append(truth)
    return pd.concat(tables, ignore_index=True), np.concatenate(truths)


def people(seed: int, number: int = 40, longest: int = 60) -> np.ndarray:
    return np.random.default_rng(1000 + seed).integers(1, longest, number)


def two_films(seed: int, hide=None) -> tuple[pd.DataFrame, np.ndarray]:
    return films(seed, {"bp4d": people(seed), "unbc": people(seed + 500)}, hide)


# -- what the dataset explains -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_statistics_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    dataset = rng.choice(["bp4d", "unbc", "ck_plus"][: 2 + seed % 2], 300)
    y = np.where(rng.random((300, 4)) < 0.2 + 0.5 * (dataset == "unbc")[:, None], np.nan, rng.integers(0, 2, (300, 4)))
    db = frame(y, dataset, rng.integers(0, 20, 300))
    tests, explained = missingness.mask_against_dataset(db, draws=1), missingness.explained_by_dataset(db)
    for i, au in enumerate(facs.ALL[:4]):
        table = pd.crosstab(dataset, np.isnan(y[:, i])).to_numpy()
        pearson = stats.chi2_contingency(table, correction=False)
        ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        found = tests.loc[au]
        assert found["chi2"] == pytest.approx(pearson.statistic) and found["G"] == pytest.approx(ratio.statistic)
        assert found["dof"] == pearson.dof and found["p_rows"] == pytest.approx(pearson.pvalue)
        assert found["cramers_v"] == pytest.approx(stats.contingency.association(table, "cramer"))
        nats = mutual_info_score(dataset, np.isnan(y[:, i]))
        assert explained.loc[au, "mutual_information"] == pytest.approx(nats / np.log(2))
        assert explained.loc[au, "entropy"] == pytest.approx(stats.entropy(table.sum(axis=0), base=2))
        assert explained.loc[au, "explained"] == pytest.approx(nats / stats.entropy(table.sum(axis=0)))


def test_cramers_v_squared_is_the_share_of_variance_between_datasets():
    db, _ = two_films(1)
    mask = db[facs.ALL[0]].isna().astype(float)
    means = mask.groupby(db["dataset"]).transform("mean")
    share = ((means - mask.mean()) ** 2).sum() / ((mask - mask.mean()) ** 2).sum()
    assert missingness.explained_by_dataset(db).iloc[0]["cramers_v"] ** 2 == pytest.approx(share)


def test_a_mask_that_is_the_dataset_is_explained_wholly_and_a_constant_one_not_at_all():
    y = np.array([[1, np.nan, 0], [0, np.nan, 1], [np.nan, np.nan, 1], [np.nan, np.nan, 0]])
    db = frame(y, ["bp4d", "bp4d", "unbc", "unbc"], [1, 2, 1, 2])
    found = missingness.explained_by_dataset(db)
    assert found["explained"].tolist()[0] == pytest.approx(1) and found["cramers_v"].tolist()[0] == pytest.approx(1)
    assert found.loc["AU02", ["entropy", "mutual_information", "explained", "cramers_v"]].isna().all()
    tests = missingness.mask_against_dataset(db, draws=9)
    assert tests.loc["AU02", ["chi2", "G", "p_rows", "eta2_subjects", "p_subjects"]].isna().all()


def test_constant_blocks_are_counted_as_by_a_loop():
    rng = np.random.default_rng(3)
    dataset = np.array(["bp4d"] * 5 + ["unbc"] * 7)
    y = np.where(rng.random((12, 4)) < 0.5, np.nan, 1.0)
    y[:5, 0], y[5:, 1] = np.nan, 0
    blocks = [np.isnan(y[dataset == name, i]) for name in ("bp4d", "unbc") for i in range(4)]
    constant = [block for block in blocks if block.all() or not block.any()]
    attrs = missingness.explained_by_dataset(frame(y, dataset, dataset)).attrs
    assert attrs["constant_cells"] == pytest.approx(sum(block.size for block in constant) / y.size)
    assert attrs["constant_unknown"] == pytest.approx(sum(block.sum() for block in constant) / np.isnan(y).sum())


def test_the_share_of_variance_between_datasets_counts_people_once():
    db, _ = two_films(2)
    mask = db[facs.ALL[0]].isna().astype(float)
    person = mask.groupby([db["dataset"], db["subject"]]).mean()
    means = person.groupby(level="dataset").transform("mean")
    share = ((means - person.mean()) ** 2).sum() / ((person - person.mean()) ** 2).sum()
    found = missingness.mask_against_dataset(db, draws=1)
    assert found.iloc[0]["eta2_subjects"] == pytest.approx(share)
    assert found.attrs == {"rows": len(db), "subjects": len(person)}


def test_holes_that_ignore_the_dataset_are_called_so_in_95_of_100_cases():
    """The chi-square test on rows, which takes frames of a film for independent, errs more often than not."""
    tests = pd.concat([missingness.mask_against_dataset(two_films(seed)[0], draws=99, seed=seed) for seed in range(20)])
    assert len(tests) == 240
    assert 0.015 <= (tests["p_subjects"] <= 0.05).mean() <= 0.09
    assert (tests["p_rows"] <= 0.05).mean() > 0.4


@pytest.mark.parametrize(("short", "long"), [(15, 100), (150, 15)])
def test_the_level_holds_where_datasets_differ_in_rows_per_person(short, long):
    """One row a person beside films: a person's share of holes is 0 or 1 there, and a mean of many rows here."""
    found = []
    for seed in range(20):
        lengths = {"emotionet": np.ones(short, int), "bp4d": people(seed, long) + 20}
        found += missingness.mask_against_dataset(films(seed, lengths)[0], draws=99, seed=seed)["p_subjects"].tolist()
    assert 0.005 <= (np.array(found) <= 0.05).mean() <= 0.095


def test_holes_that_follow_the_dataset_are_found():
    def hide(name, truth, rng):
        return np.broadcast_to((name == "unbc") & (np.arange(truth.shape[1]) == 0), truth.shape)

    tests = missingness.mask_against_dataset(two_films(11, hide)[0], draws=199)
    assert tests.loc["AU01", "p_subjects"] == pytest.approx(1 / 200)
    assert tests.loc["AU01", "eta2_subjects"] > 0.5


# -- what is displayed -------------------------------------------------------------------------------------------------


def test_effects_of_pairs_agree_with_numpy():
    db, _ = two_films(4)
    found = missingness.mask_against_labels(db, list(facs.ALL[:4]), draws=1)
    assert len(found) == 2 * 4 * 3, "a label cannot be seen where it is missing itself"
    for pair in found.itertuples():
        rows = db[(db["dataset"] == pair.dataset) & db[pair.label].notna()]
        hole, displayed = rows[pair.unknown].isna().to_numpy(), (rows[pair.label] == 1).to_numpy()
        assert pair.rows == len(rows) and pair.subjects == rows.loc[hole, "subject"].nunique()
        assert pair.phi == pytest.approx(np.corrcoef(hole, displayed)[0, 1], abs=1e-6)
        assert pair.unknown_if_displayed == pytest.approx(hole[displayed].mean(), abs=1e-6)
        assert pair.unknown_if_not == pytest.approx(hole[~displayed].mean(), abs=1e-6)
        table = pd.crosstab(hole, displayed).to_numpy()
        assert pair.p_rows == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-3)


def test_with_one_row_a_person_p_is_that_of_the_exact_permutation_test():
    """The number of holes among displayed rows is hypergeometric then."""
    rng = np.random.default_rng(5)
    y = np.stack([np.where(rng.random(60) < 0.25, np.nan, 1.0), (rng.random(60) < 0.4).astype(float)], axis=1)
    y[(y[:, 1] == 1) & (rng.random(60) < 0.3), 0] = np.nan
    found = missingness.mask_against_labels(frame(y, ["emotionet"] * 60, np.arange(60)), draws=4999).iloc[0]
    holes, displayed = int(np.isnan(y[:, 0]).sum()), int((y[:, 1] == 1).sum())
    possible = np.arange(max(0, holes + displayed - 60), min(holes, displayed) + 1)
    distance = np.abs(possible - holes * displayed / 60)
    extreme = distance >= abs((np.isnan(y[:, 0]) & (y[:, 1] == 1)).sum() - holes * displayed / 60) - 1e-9
    exact = stats.hypergeom(60, displayed, holes).pmf(possible)[extreme].sum()
    assert found["p"] == found["p_adjusted"], "there is one pair only"
    assert found["p"] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 5000))


def test_holes_that_ignore_what_is_displayed_are_called_so_in_95_of_100_cases():
    """With people exchanged, over 3,960 pairs; the chi-square test on rows errs in one case of four or more."""
    pairs = [missingness.mask_against_labels(two_films(seed)[0], draws=99, seed=seed) for seed in range(15)]
    every = pd.concat(pairs)
    assert len(every) == 15 * 2 * 12 * 11
    assert 0.03 <= (every["p"] <= 0.05).mean() <= 0.065
    assert (every["p_rows"] <= 0.05).mean() > 0.25
    assert (every["p_adjusted"] >= every["p"]).all()
    smallest = pd.concat([table.groupby("dataset")["p_adjusted"].min() for table in pairs])
    assert (smallest <= 0.05).sum() <= 4, "30 datasets without any dependence, 5 % of them expected at most"


def test_a_dependence_put_there_is_found_and_stands_first():
    def hide(name, truth, rng):
        holes = np.zeros(truth.shape, bool)
        holes[:, 0] = (name == "bp4d") & (truth[:, 1] == 1) & (rng.random(len(truth)) < 0.6)
        return holes

    found = missingness.mask_against_labels(two_films(12, hide)[0], draws=199)
    first = found.iloc[0]
    assert first[["dataset", "unknown", "label"]].tolist() == ["bp4d", "AU01", "AU02"]
    assert first["p_adjusted"] <= 0.05 and first["unknown_if_displayed"] > first["unknown_if_not"] + 0.3
    assert (found["p_adjusted"] <= 0.05).sum() <= 2


def test_holes_that_hang_on_the_hidden_label_itself_show_only_against_the_truth():
    def hide(name, truth, rng):
        holes = np.zeros(truth.shape, bool)
        holes[:, 0] = (truth[:, 0] == 1) & (rng.random(len(truth)) < 0.6)
        return holes

    db, truth = two_films(13, hide)
    seen = missingness.mask_against_labels(db, draws=99)
    assert not ((seen["unknown"] == "AU01") & (seen["label"] == "AU01")).any()
    assert (seen.loc[seen["unknown"] == "AU01", "p_adjusted"] > 0.05).all()
    full = missingness.mask_against_labels(db, observed=frame(truth, db["dataset"], db["subject"]), draws=99)
    assert set(full.head(2)["unknown"]) == set(full.head(2)["label"]) == {"AU01"}
    assert full.head(2)["p_adjusted"].max() <= 0.05 < full.iloc[2]["p_adjusted"]


def test_whole_rows_without_labels_leave_nothing_to_test():
    y = np.array([[1, 0], [np.nan, np.nan], [0, 1], [1, 1]])
    found = missingness.mask_against_labels(frame(y, ["bp4d"] * 4, [1, 1, 2, 2]), draws=9)
    assert found.empty and {"dataset", "phi", "p", "p_adjusted"} <= set(found.columns)


def test_the_same_seed_gives_the_same_p():
    db, _ = two_films(14)
    for test in (missingness.mask_against_labels, missingness.mask_against_dataset):
        pd.testing.assert_frame_equal(test(db, draws=19, seed=3), test(db, draws=19, seed=3))


def test_the_size_of_a_large_database_is_no_obstacle():
    rng = np.random.default_rng(0)
    known, value = rng.random((200_000, 45)) < 0.9, rng.integers(0, 2, (200_000, 45)).astype(float)
    dataset = np.repeat(["bp4d", "unbc"], 100_000)
    known[:, :20] |= True
    value[:100_000, 40:] = np.nan
    db = frame(np.where(known, value, np.nan), dataset, np.arange(200_000) // 1000)
    assert missingness.mask_against_dataset(db, draws=19).attrs == {"rows": 200_000, "subjects": 200}
    assert len(missingness.mask_against_labels(db, list(facs.ALL[19:22]), draws=2)) == 2 * (2 * 2)
    assert missingness.explained_by_dataset(db).attrs["explained"] < 1
    assert missingness.pattern_bits(db)["patterns"] == len(missingness.patterns(db)) > 10_000


def test_what_cannot_be_tested_is_refused():
    db, _ = two_films(15)
    with pytest.raises(SettingsError, match="no column 'subject'"):
        missingness.mask_against_dataset(db.drop(columns="subject"))
    with pytest.raises(SettingsError, match="observed has 3 rows for the"):
        missingness.mask_against_labels(db, observed=db.head(3))
    with pytest.raises(SettingsError, match="draws=0"):
        missingness.mask_against_labels(db, draws=0)
    with pytest.raises(SettingsError, match="no rows to test"):
        missingness.mask_against_dataset(db.iloc[:0])
    with pytest.raises(SettingsError, match="no action unit AU99"):
        missingness.mask_against_labels(db, ["AU99"])
