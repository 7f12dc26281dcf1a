"""Whole numbers of rows from the real-valued solution, without breaking a limit."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack
from scipy.sparse.csgraph import maximum_flow

from aulib.balancing._groups import spread
from aulib.balancing._limits import Problem
from aulib.errors import AulibError, SettingsError

_ROUNDINGS = 64
_CLOSE = 1e-6
_NEAR = 1.005  # a rounding whose ratio is this multiple of the optimum or less is not improved further
_FREE = 200  # groups in the integer program


def to_whole(problem: Problem, x: np.ndarray, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Round x, whose ratio is about ``ratio``, to whole numbers within the limits: the best of several roundings.

    A vertex of the linear program has at most 2 L + 3 fractional entries and one more per further limit, so there is
    little to round. The unchanged sample competes too: with a handful of rows rounding could otherwise make the ratio
    worse than it was. If no rounding keeps the limits, an integer program over a few groups finds a sample that does.
    """
    base = np.rint(x)
    open_ = np.flatnonzero(np.abs(x - base) > _CLOSE)
    base[open_] = np.floor(x[open_])
    candidates = [problem.n.astype(np.float64)]
    candidates += [_systematic(problem, x, base, open_, rng) for _ in range(_ROUNDINGS if open_.size else 1)]
    allowed = [candidate for candidate in candidates if problem.allows(candidate)]
    further = len(problem.rows.asked) > 1
    if not allowed or (further and min(map(problem.ratio, allowed)) > _NEAR * ratio):
        allowed += _repaired(problem, base, open_, ratio, rng)
    if not allowed:
        raise SettingsError(
            "the limits leave room for fractions of rows but not for whole rows; widen size, dataset_size, "
            "subject_size or coverage a little"
        )
    return min(allowed, key=problem.ratio).astype(np.int64)


def _systematic(problem: Problem, x, base, open_, rng: np.random.Generator) -> np.ndarray:
    """Round so that the sum, and the sum of each dataset, changes by less than 1 and not at all if it was whole."""
    order = rng.permutation(open_)
    if problem.groups.part is not None:
        order = order[np.argsort(problem.groups.part[order], kind="stable")]
    candidate = base.copy()
    steps = np.floor(np.cumsum(x[order] - base[order]) + rng.random())
    candidate[order] += np.diff(steps, prepend=0)
    return candidate


def _repaired(problem: Problem, base, open_, ratio: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Minimise ``t - ratio tau`` in whole numbers, over all groups if they are few, else the open and some more."""
    few = problem.n.size <= _FREE
    rest = np.setdiff1d(np.arange(problem.n.size), open_)
    free = np.arange(problem.n.size) if few else np.append(open_, rng.permutation(rest)[: max(_FREE - open_.size, 50)])
    reach = np.inf if few else 1
    low, high = np.maximum(problem.low, base - reach)[free], np.minimum(problem.high, base + reach)[free]
    x = base.copy()
    x[free] = 0
    scale = (problem.positive @ base).max()
    found = milp(
        np.append(np.zeros(free.size), [1, -ratio, scale]),  # the last variable is 1, so that the gap has a scale
        integrality=np.append(np.ones(free.size), [0, 0, 0]),
        bounds=Bounds(np.append(low, [0, 0, 1]), np.append(high, [np.inf, np.inf, 1])),
        constraints=_constraints(problem, x, free),
        options={"mip_rel_gap": 1e-3, "node_limit": 1_000},
    )
    if found.x is None:
        return []
    x[free] = np.rint(found.x[: free.size])
    return [x] if problem.allows(x) else []


def _constraints(problem: Problem, fixed: np.ndarray, free: np.ndarray) -> list[LinearConstraint]:
    """Return ``P_l <= t``, ``P_l >= tau`` and the limits of sums, over the free groups, t, tau and a constant."""
    a, rows = problem.positive, problem.rows
    one, none = np.ones((a.shape[0], 1)), csr_array((a.shape[0], 1))
    sums, p = rows.matrix @ fixed, a @ fixed
    return [
        LinearConstraint(hstack([a[:, free], -one, none, none]), ub=-p),
        LinearConstraint(hstack([a[:, free], none, -one, none]), lb=-p),
        LinearConstraint(
            hstack([rows.matrix[:, free], csr_array((len(sums), 3))]), rows.whole_low - sums, rows.whole_high - sums
        ),
    ]


def share(problem: Problem, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share x_g copies among the rows of each group, and return how often each row is taken, (n,).

    With limits of subjects the copies go to each subject by its fair share, rounded so that every cell of group and
    subject, and every subject as a whole, has the floor or the ceiling of its share. Such a rounding always exists,
    since a flow in a network with whole-numbered capacities can be whole-numbered.
    """
    groups, cells = problem.groups, problem.cells
    if cells is None:
        return spread(groups.of_row, groups.n, x, rng)
    fair = cells.fair(x, groups.n)
    whole = np.rint(fair)
    open_ = np.flatnonzero(np.abs(fair - whole) > _CLOSE)
    whole[open_] = np.floor(fair[open_])
    open_ = rng.permutation(open_)
    if open_.size:
        whole[open_] += _rounded_flow(cells.group[open_], cells.subject[open_], fair[open_] - whole[open_])
    return spread(cells.of_row, cells.n, whole.astype(np.int64), rng)


def _rounded_flow(group: np.ndarray, subject: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Round fractions of cells to 0 or 1, so that sums by group stay and sums by subject become floor or ceiling."""
    g, s = (np.unique(ids, return_inverse=True)[1] for ids in (group, subject))
    need = np.rint(np.bincount(g, part)).astype(np.int64)
    total = np.bincount(s, part)
    least, most = np.floor(total + _CLOSE).astype(np.int64), np.ceil(total - _CLOSE).astype(np.int64)
    # Nodes: groups, subjects, a store for what subjects take beyond their least, source, sink.
    groups, subjects = np.arange(need.size), need.size + np.arange(least.size)
    store, source, sink = need.size + least.size + np.arange(3)
    edges = [
        (np.full(need.size, source), groups, need),
        (g, subjects[s], np.ones(part.size, dtype=np.int64)),
        (subjects, np.full(least.size, sink), least),
        (subjects, np.full(least.size, store), most - least),
        ([store], [sink], [need.sum() - least.sum()]),
    ]
    tail, head, capacity = (np.concatenate([edge[i] for edge in edges]) for i in range(3))
    network = csr_array((capacity.astype(np.int32), (tail, head)), shape=(sink + 1, sink + 1))
    found = maximum_flow(network, source, sink)
    if found.flow_value != need.sum():
        raise AulibError("no fair sharing among subjects was found, by a rounding error; change a limit a little")
    return np.asarray(found.flow[g, subjects[s]]).ravel().astype(np.float64)
