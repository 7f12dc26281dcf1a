"""Which trainings an experiment consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from aulib.adapters import registry
from aulib.errors import SettingsError
from aulib.experiments._jobs import Job
from aulib.experiments._methods import METHODS

_CURVE = ("masked_f1", "masked_bce", "missing_as_negative_f1")
_HELD_OUT = ("oracle_f1", *_CURVE, "pseudo_labels")
#: Ablations: the method and whether it is balanced, for each variant. The features of "features=..." have to be
#: prepared so; "aulib compare" does it.
_VARIANTS = {
    "select=score": False, "select=f1": False, "select=accuracy": False, "select=last": False,
    "balancing=none": False, "limits=0.8 to 1.25": True, "limits=0.5 to 3": True, "limits=0.1 to 10": True,
    "features=hed, caffe": False, "features=hed, unit": False,
    "features=random, caffe": False, "features=random, unit": False,
}  # fmt: skip


def _methods(seeds: Sequence[int], methods: Sequence[str]) -> list[Job]:
    return [Job("methods", m, s, balanced) for balanced in (False, True) for m in methods for s in seeds]


def _held_out(seeds: Sequence[int], methods: Sequence[str]) -> list[Job]:
    return [Job("leave_one_dataset_out", m, s, held_out=d) for d in registry.PAPER for m in methods for s in seeds]


def _curve(experiment: str, values: Sequence[float]) -> Callable[[Sequence[int], Sequence[str]], list[Job]]:
    return lambda seeds, methods: [Job(experiment, m, s, x=float(v)) for v in values for m in methods for s in seeds]


def _ablation(seeds: Sequence[int], methods: Sequence[str]) -> list[Job]:
    return [Job("ablation", m, s, b, variant=v) for v, b in _VARIANTS.items() for m in methods for s in seeds]


_SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
#: Experiment -> its jobs from seeds and methods, and the methods it takes by default.
_PLANS: dict[str, tuple[Callable[[Sequence[int], Sequence[str]], list[Job]], Sequence[str]]] = {
    "methods": (_methods, tuple(METHODS)),
    "share_known_random": (_curve("share_known_random", _SHARES), _CURVE),
    "share_known_by_dataset": (_curve("share_known_by_dataset", _SHARES), _CURVE),
    "leave_one_dataset_out": (_held_out, _HELD_OUT),
    "batch_size": (
        _curve("batch_size", (16, 32, 64, 128, 256, 512)), ("masked_f1", "count_corrected_f1", "masked_bce")),
    "datasets_merged": (_curve("datasets_merged", (1, 2, 3, 4, 5, 6)), ("masked_f1", "masked_bce", "oracle_f1")),
    "training_size": (_curve("training_size", _SHARES), ("masked_f1", "masked_bce", "oracle_f1")),
    "ablation": (_ablation, ("masked_f1",)),
}  # fmt: skip

#: Names of the experiments.
EXPERIMENTS = tuple(_PLANS)


def plan(experiment: str, seeds: Iterable[int] = range(10), methods: Sequence[str] | None = None) -> list[Job]:
    """Return the jobs of an experiment.

    Args:
        experiment: one of :data:`EXPERIMENTS`.
        seeds: one split, balancing and training each.
        methods: names from :func:`aulib.experiments.methods`; None takes the experiment's own.

    Raises:
        SettingsError: an unknown experiment or method, or no seed.

    Example:
        >>> len(plan("share_known_random", seeds=range(2), methods=["masked_f1"]))
        12
    """
    if experiment not in _PLANS:
        raise SettingsError(f"no experiment '{experiment}'; there are {', '.join(EXPERIMENTS)}")
    make, usual = _PLANS[experiment]
    methods, seeds = list(usual if methods is None else methods), list(seeds)
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise SettingsError(f"no method {', '.join(unknown)}; there are {', '.join(METHODS)}")
    if not seeds:
        raise SettingsError("there is no seed; give at least one")
    return make(seeds, methods)
