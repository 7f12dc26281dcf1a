"""The linear programs of the balancing optimizer, solved by HiGHS."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from aulib.balancing._limits import Problem
from aulib.errors import SettingsError

_INFEASIBLE = 2


def smallest_ratio(problem: Problem) -> float:
    """Minimise max P / min P: repeat ``min t - r tau`` with ``tau <= P_l <= t`` until r no longer falls."""
    a = problem.positive
    labels, groups = a.shape
    one, none = np.ones((labels, 1)), csr_array((labels, 1))
    matrix, right = problem.inequalities()
    rows = vstack(
        [
            hstack([a, -one, none]),  # P_l <= t
            hstack([-a, none, one]),  # P_l >= tau
            hstack([matrix, csr_array((len(right), 2))]),
        ],
        format="csr",
    )
    right = np.concatenate([np.zeros(2 * labels), right])
    bounds = np.vstack([np.column_stack([problem.low, problem.high]), [[0, np.inf]] * 2])
    start = problem.n.astype(np.float64)
    ratio = problem.ratio(start) if problem.allows(start) else np.inf
    while True:
        cost = np.zeros(groups + 2)
        cost[-2:] = 1, -min(ratio, start.sum())
        found = problem.ratio(_solve(problem, cost, rows, right, bounds)[:groups])
        if not found < ratio * (1 - 1e-9):
            break
        ratio = found
    if not np.isfinite(ratio):
        raise SettingsError("no sample within the limits has a positive row for every label; widen lower or size")
    return ratio


def gentle(problem: Problem, ratio: float) -> np.ndarray:
    """Minimise ``sum |x - n|`` subject to ``max P <= ratio min P``, with x = n + more - less."""
    a = problem.positive
    labels, groups = a.shape
    column = np.ones((labels, 1))
    matrix, right = problem.inequalities()
    rows = vstack(
        [
            hstack([a, -a, -ratio * column]),  # P_l <= ratio tau
            hstack([-a, a, column]),  # P_l >= tau
            hstack([matrix, -matrix, csr_array((len(right), 1))]),
        ],
        format="csr",
    )
    p = a @ problem.n
    right = np.concatenate([-p, p, right - matrix @ problem.n])
    more, less = problem.high - problem.n, problem.n - problem.low
    bounds = np.vstack(
        [
            np.column_stack([np.maximum(-less, 0), np.maximum(more, 0)]),
            np.column_stack([np.maximum(-more, 0), np.maximum(less, 0)]),
            [[0, np.inf]],
        ]
    )
    found = _solve(problem, np.append(np.ones(2 * groups), 0.0), rows, right, bounds)
    return problem.n + found[:groups] - found[groups:-1]


def _solve(problem: Problem, cost, rows, right, bounds) -> np.ndarray:
    result = linprog(cost, A_ub=rows, b_ub=right, bounds=bounds, method="highs")
    if result.status == _INFEASIBLE:
        raise SettingsError(contradiction(problem))
    if result.status != 0:
        raise SettingsError(f"the linear program was not solved: {result.message}")
    return result.x


def contradiction(problem: Problem) -> str:
    """Say which limits cannot be met, from the sample that breaks them least (relative to each limit)."""
    matrix, right = problem.inequalities()
    broken = eye_array(len(right), format="csr")
    scale = np.where(np.abs(right) > 0, np.abs(right), problem.n.sum())
    cost = np.concatenate([np.zeros(problem.n.size), 1 / scale])
    bounds = np.vstack([np.column_stack([problem.low, problem.high]), np.tile([0, np.inf], (len(right), 1))])
    x = linprog(cost, A_ub=hstack([matrix, -broken]), b_ub=right, bounds=bounds, method="highs").x[: problem.n.size]
    sums, said = problem.rows.matrix @ x, []
    for i, (value, low, high) in enumerate(zip(sums, problem.rows.low, problem.rows.high, strict=True)):
        if not low - 1e-4 <= value <= high + 1e-4:
            label = problem.rows.label[i]
            share = x @ problem.groups.known[:, label] / x.sum()
            nearest = f"{share:.1%}" if label >= 0 else f"{value:,.1f}".removesuffix(".0") + " rows"
            said.append(f"{problem.rows.asked[i]}: the nearest that the other limits leave is {nearest}")
    reason = "; ".join(said) or "they miss each other by a fraction of a row"
    return f"no sample meets all limits. {reason}. Widen this limit or the others"
