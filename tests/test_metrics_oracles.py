"""Promises of aulib.metrics on 1,200 small tables: scikit-learn, torchmetrics and a plain loop agree in each corner."""

import numpy as np
import pytest
from backends import require
from metric_cases import KINDS, NAN, THRESHOLDS, cases, side_by_side
from sklearn import metrics as sk

from aulib import metrics

CASES = cases(1_200)


def by_loop(y, p, threshold):
    """All counts of one label, one cell at a time, and the scores written out from them."""
    tp = fp = fn = tn = 0
    for truth, prob in zip(y.tolist(), p.tolist(), strict=True):
        if truth != truth:
            continue
        if prob >= threshold:
            tp, fp = tp + (truth == 1), fp + (truth == 0)
        else:
            fn, tn = fn + (truth == 1), tn + (truth == 0)

    def ratio(part, whole):
        return part / whole if whole else NAN

    return {
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "f2": ratio(5 * tp, 5 * tp + 4 * fn + fp),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "balanced accuracy": (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2,
        "prevalence": ratio(tp + fn, tp + fp + fn + tn),
    }


def ours(y, p, threshold, undefined=NAN):
    return {
        "f1": metrics.f1_per_label(y, p, threshold, undefined),
        "f2": metrics.fbeta_per_label(y, p, 2, threshold, undefined),
        "precision": metrics.precision_per_label(y, p, threshold, undefined),
        "recall": metrics.recall_per_label(y, p, threshold, undefined),
        "accuracy": metrics.accuracy_per_label(y, p, threshold, undefined),
        "balanced accuracy": metrics.balanced_accuracy_per_label(y, p, threshold, undefined),
    }


def test_the_cases_hold_every_corner_at_every_threshold_in_both_precisions():
    assert len(CASES) >= 1_000
    assert {(c.kind, c.threshold, c.p.dtype.name) for c in CASES} == {
        (kind, threshold, precision)
        for kind in KINDS
        for threshold in THRESHOLDS
        for precision in ("float32", "float64")
    }
    assert {1} < {len(c.y) for c in CASES} and {1} < {c.y.shape[1] for c in CASES}
    assert sum((c.p == c.threshold).any() for c in CASES) > 100


def test_every_score_per_label_equals_a_loop_over_the_cells():
    for number, case in enumerate(CASES):
        found = ours(case.y, case.p, case.threshold) | {"prevalence": metrics.prevalence(case.y)}
        expected = [by_loop(y, p, case.threshold) for y, p in zip(case.y.T, case.p.T, strict=True)]
        np.testing.assert_allclose(
            [found[name] for name in expected[0]],
            np.transpose([list(scores.values()) for scores in expected]),
            rtol=0, atol=1e-12, err_msg=f"CASES[{number}]: {list(expected[0])}",
        )  # fmt: skip


@pytest.mark.parametrize("undefined", [NAN, 0.0, 1.0])
def test_precision_recall_and_f_equal_scikit_learn_on_the_known_rows(undefined):
    third = {0.0: 1, 1.0: 2}.get(undefined, 0)  # each convention on 400 cases
    for number, case in list(enumerate(CASES))[third::3]:
        found = ours(case.y, case.p, case.threshold, undefined)
        for label, known in enumerate(~np.isnan(case.y.T)):
            if not known.any():  # scikit-learn refuses empty vectors
                assert found["f1"][label] == undefined or np.isnan(undefined)
                continue
            truth, says = case.y[known, label], case.p[known, label] >= case.threshold
            for beta in (1, 2) if third == 0 else (1,):  # time
                expected = sk.precision_recall_fscore_support(
                    truth, says, beta=beta, labels=[0, 1], zero_division=undefined
                )
                scores = [found[name][label] for name in ("precision", "recall", f"f{beta}")]
                wanted = [e[1] for e in expected[:3]]
                assert scores == pytest.approx(wanted, abs=1e-12, nan_ok=True), f"CASES[{number}], label {label}"


def test_balanced_accuracy_equals_scikit_learn_where_both_classes_are_known():
    compared = 0
    for case in CASES[::3]:
        found = metrics.balanced_accuracy_per_label(case.y, case.p, case.threshold)
        for label, known in enumerate(~np.isnan(case.y.T)):
            truth = case.y[known, label]
            if len(set(truth)) < 2:
                assert np.isnan(found[label])
                continue
            expected = sk.balanced_accuracy_score(truth, case.p[known, label] >= case.threshold)
            assert found[label] == pytest.approx(expected, abs=1e-12)
            compared += 1
    assert compared > 250


def test_ranking_scores_equal_scikit_learn_where_they_are_defined():
    compared = 0
    for case in CASES[::3]:
        auc, ap = metrics.roc_auc_per_label(case.y, case.p), metrics.average_precision_per_label(case.y, case.p)
        for label, known in enumerate(~np.isnan(case.y.T)):
            truth, prob = case.y[known, label], case.p[known, label]
            assert np.isnan(ap[label]) == (1 not in truth)
            assert np.isnan(auc[label]) == (len(set(truth)) < 2)
            if len(set(truth)) == 2:
                assert auc[label] == pytest.approx(sk.roc_auc_score(truth, prob), abs=1e-12)
                assert ap[label] == pytest.approx(sk.average_precision_score(truth, prob), abs=1e-12)
                compared += 1
    assert compared > 250


@pytest.fixture(scope="module")
def torchmetrics():
    require("torch")
    require("torchmetrics")
    import torchmetrics.functional.classification as functions

    return functions


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("undefined", [0.0, 1.0])
def test_scores_equal_torchmetrics_with_ignore_index(torchmetrics, threshold, undefined):
    """Decisions are handed over, since torchmetrics says `>` at the threshold; it cannot leave a label undefined."""
    import torch

    some = [case for case in CASES if case.threshold == threshold]
    y, p = side_by_side(some)
    decisions = torch.as_tensor((p >= threshold).astype(int))
    target = torch.as_tensor(np.nan_to_num(y, nan=-1).astype(int))
    found = [ours(case.y, case.p, threshold, undefined) for case in some]
    for name, function in {
        "f1": torchmetrics.multilabel_f1_score,
        "precision": torchmetrics.multilabel_precision,
        "recall": torchmetrics.multilabel_recall,
    }.items():
        expected = function(
            decisions, target, y.shape[1], average="none", ignore_index=-1, zero_division=undefined
        ).numpy()
        np.testing.assert_allclose(np.concatenate([f[name] for f in found]), expected, rtol=0, atol=1e-6)
    expected = torchmetrics.multilabel_accuracy(decisions, target, y.shape[1], average="none", ignore_index=-1).numpy()
    known = ~np.isnan(y).all(axis=0)
    np.testing.assert_allclose(
        np.concatenate([f["accuracy"] for f in found])[known], expected[known], rtol=0, atol=1e-6
    )


def test_scores_equal_torchmetrics_from_probabilities_where_none_equals_the_threshold(torchmetrics):
    import torch

    some = [case for case in CASES if case.kind == "random" and case.threshold in (0.25, 0.5)]
    for threshold in (0.25, 0.5):
        y, p = side_by_side([case for case in some if case.threshold == threshold])
        p = np.where(np.isnan(y), 0.9, p)
        assert not (p == threshold).any()
        target = torch.as_tensor(np.nan_to_num(y, nan=-1).astype(int))
        expected = torchmetrics.multilabel_f1_score(
            torch.as_tensor(p), target, y.shape[1], threshold=threshold, average="none", ignore_index=-1
        )
        np.testing.assert_allclose(metrics.f1_per_label(y, p, threshold, 0.0), expected.numpy(), rtol=0, atol=1e-6)


def test_scores_do_not_depend_on_order_on_unknown_rows_or_on_what_is_predicted_where_nobody_looked():
    rng = np.random.default_rng(1)
    for case in CASES[::4]:
        y, p, n = case.y, case.p, len(case.y)
        before = ours(y, p, case.threshold)
        rows, labels = rng.permutation(n), rng.permutation(y.shape[1])
        extra = np.full((3, y.shape[1]), NAN, y.dtype), rng.random((3, y.shape[1])).astype(p.dtype)
        changed = {
            "rows": ours(y[rows], p[rows], case.threshold),
            "unknown rows": ours(np.vstack([y, extra[0]]), np.vstack([p, extra[1]]), case.threshold),
            "unknown cells": ours(y, np.where(np.isnan(y), rng.random(p.shape).astype(p.dtype), p), case.threshold),
        }
        by_label = ours(y[:, labels], p[:, labels], case.threshold)
        for name, scores in before.items():
            np.testing.assert_array_equal(by_label[name], scores[labels])
            for what, other in changed.items():
                np.testing.assert_array_equal(other[name], scores, err_msg=f"{name} after other {what}")


def test_counts_add_up_over_any_split_into_batches():
    rng = np.random.default_rng(2)
    for case in CASES[::4]:
        parts = np.array_split(rng.permutation(len(case.y)), rng.integers(1, 4))
        whole = metrics.count(case.y, case.p, case.threshold)
        added = [metrics.count(case.y[rows], case.p[rows], case.threshold) for rows in parts]
        np.testing.assert_array_equal(np.sum(added, axis=0), whole)
