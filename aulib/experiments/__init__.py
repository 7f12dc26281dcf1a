"""What missing labels cost: methods against each other on faces whose every label is known.

With real data nobody can say how a method does on the labels that are missing. SynthAU knows them, so that methods can
be trained on the incomplete labels and scored on the truth. Every method trains the same head, with the paper's recipe
of stage 1, on the same frozen features; they differ in rows, labels and loss. This takes about two seconds a training,
so that a grid of methods and seeds takes minutes::

    prepared = experiments.prepare(work)
    jobs = experiments.plan("methods", seeds=range(2), methods=["masked_f1", "missing_as_negative_f1"])
    table = experiments.run(prepared, jobs)

On the command line: ``aulib compare``. The large grid was run once; :func:`measured` returns its tables.
"""

from aulib.experiments._compare import compare
from aulib.experiments._data import Prepared, prepare
from aulib.experiments._head import Head, Recipe, train_head
from aulib.experiments._jobs import COLUMNS, Job, run, run_job
from aulib.experiments._measured import measured, record
from aulib.experiments._methods import METHODS, Method, methods
from aulib.experiments._plan import EXPERIMENTS, plan
from aulib.experiments._tables import holm, in_words, known_against_truth, paired, summary, verdicts

__all__ = [
    "COLUMNS",
    "EXPERIMENTS",
    "METHODS",
    "Head",
    "Job",
    "Method",
    "Prepared",
    "Recipe",
    "compare",
    "holm",
    "in_words",
    "known_against_truth",
    "measured",
    "methods",
    "paired",
    "plan",
    "prepare",
    "record",
    "run",
    "run_job",
    "summary",
    "train_head",
    "verdicts",
]
