"""The exercises of chapters 0 to 6: the notebook's solution passes, and typical mistakes are told what they are.

The cells of an exercise are taken from its notebook and run on small data made here, so that a check cannot depend on
the corpus, a profile or a seed.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_exercises import STRANGE as ANY

from aulib import balancing, database, exercises, facs, metrics, missingness, notebooks, paper, synth

#: Answers nobody should give; without plain numbers, which may be right by chance.
STRANGE = [answer for answer in ANY if not isinstance(answer, int | pd.DataFrame)] + [True]

NAMES = [name for name in exercises.names() if int(name.split(".")[0]) <= 6]

#: Dataset -> people, images of each, and which of the 45 action units it codes. UNBC has most images of a person, BP4D
#: most images, CK+ most action units; Actor Study moves the missing rate most, EmotioNet joins most pairs alone.
DATASETS = {
    "actor_study": (6, 15, range(30)),
    "bp4d": (8, 25, range(18)),
    "ck_plus": (12, 1, range(31)),
    "emotionet": (100, 1, [*range(9), *range(31, 45)]),
    "unbc": (2, 30, range(3, 13)),
}


def table(seed):
    """A meta-database of five datasets, with holes in some."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, (people, images, coded) in DATASETS.items():
        rows = people * images
        y = np.full((rows, 45), np.nan)
        y[:, list(coded)] = rng.random((rows, len(coded))) < np.linspace(0.6, 0.1, len(coded))
        if name not in ("bp4d", "ck_plus"):
            y[rng.random(y.shape) < 0.15] = np.nan
        who = [f"{person:03d}" for person in range(people) for _ in range(images)]
        first = {"dataset": name, "subject": who, "image": [f"{i}.jpg" for i in range(rows)]}
        first |= {"sequence": None, "frame": range(rows), "source": "a.csv:1"}
        parts.append(pd.DataFrame(first | {au: pd.array(y[:, k], "Int8") for k, au in enumerate(facs.ALL)}))
    return pd.concat(parts, ignore_index=True)


def chapter_0(seed):
    rng = np.random.default_rng(seed)
    said = table(seed).set_index(["dataset", "image"])[list(facs.ALL)]
    true = said.fillna(pd.DataFrame(rng.integers(0, 2, said.shape), said.index, said.columns).astype("Int8"))
    frequent = ["AU01", "AU12", "AU15", "AU24", "AU25"]
    # AU12 and AU15, AU24 and AU25 exclude each other; AU01 and AU24, AU15 and AU25, AU12 and AU24 do not
    faces = [[1, 0, 1, 0, 0], [1, 1, 0, 0, 1], [0, 0, 1, 1, 0]]
    truth = pd.DataFrame(faces, columns=frequent, dtype="Int8").sample(frac=1, random_state=seed)
    lost = true.eq(1) & said.isna()
    return dict(true=true, said=said, lost=lost, truth=truth, frequent=frequent, facs=facs, synth=synth, pd=pd, np=np)


def chapter_1(seed):
    db = table(seed)
    return dict(db=db, summary=database.describe(db), facs=facs)


def chapter_2(seed):
    db, aus = table(seed), list(facs.ALL[:9])
    rows = database.select(db, aus=aus)
    rate, counts, selected = missingness.missing_rate(db), missingness.label_counts(db), missingness.label_counts(rows)
    found = dict(db=db, table=rows, rate=rate, counts=counts, selected=selected[selected.index.isin(aus)])
    return found | dict(work=SimpleNamespace(aus=aus), missingness=missingness, database=database, np=np, pd=pd)


def chapter_3(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((500, 4)) < [0.7, 0.4, 0.2, 0.1]).astype(float)
    y[y[:, 3] == 1, 0] = 1  # the rarest label shares its rows with the most frequent one
    y[rng.random(y.shape) < 0.2] = np.nan
    y[:2] = [[1, 0, 0, 0], [0, 1, 1, 1]]
    cloned = np.vstack([y, y[y[:, int((y == 1).sum(axis=0).argmin())] == 1]])
    limits = SimpleNamespace(lower=0.5, upper=3.0)
    work = SimpleNamespace(settings=SimpleNamespace(balancing=limits))
    balanced = balancing.balance(y, names=list("abcd"), seed=seed)
    return dict(y=y, cloned=cloned, balanced=balanced, balancer=balancing, work=work, np=np)


def chapter_4(seed):
    rng = np.random.default_rng(seed)
    nan = np.nan
    y = np.array([[1, 0, nan], [0, 0, 1], [1, nan, nan], [0, 0, 0]])
    p = np.array([[0.9, 0.2, 0.9], [0.6, 0.1, 0.7], [0.3, 0.8, 0.1], [0.2, 0.4, 0.6]])
    part = rng.integers(0, 2, (60, 4)).astype(float)
    part[rng.random(part.shape) < 0.3] = nan
    return dict(y=y, p=p, part=part, guess=rng.random(part.shape), metrics=metrics, np=np, nan=nan)


def chapter_5(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((80, 3)) < [0.5, 0.3, 0.1]).astype(np.float32)
    labels[rng.random(labels.shape) < 0.3] = np.nan
    always, never = np.ones_like(labels), np.zeros_like(labels)
    bars = sorted(metrics.selection_score(labels, answer) for answer in (always, never))
    # the loss falls on where the score does not; without standardised features, few epochs beat a silly answer
    history = pd.DataFrame({"stage": [1, 1, 2, 2, 2, 2], "epoch": [1, 2, 1, 2, 3, 4]})
    history["val_score"], history["loss"] = [0.4, 0.5, 0.6, 0.7, 0.55, 0.5], [0.9, 0.8, 0.6, 0.5, 0.3, 0.4]
    plain = pd.DataFrame({"val_score": [bars[0], np.mean(bars), bars[1], bars[1] + 5e-4, bars[1] + 0.01]})
    plain = SimpleNamespace(history=plain.assign(val_f1_macro=0.99))
    run = SimpleNamespace(history=history)
    return dict(
        run=run, plain=plain, labels=labels, always=always, never=never, metrics=metrics, paper=paper, np=np, pd=pd
    )


def chapter_6(seed):
    rng = np.random.default_rng(seed)
    people, images, aus = 30, 20, ["AU01", "AU02", "AU04", "AU06"]
    person = np.repeat(np.arange(people), images)
    style = rng.normal(0, 0.8, (people, len(aus)))[person]  # frames of one person are alike
    logit = style + [0.3, -0.3, -1.5, -2.5]
    y = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(float)
    p = 1 / (1 + np.exp(-(logit + [0.3, 0.3, 0.5, 0] * (2 * y - 1) + rng.normal(0, 1, y.shape))))
    y[rng.random(y.shape) < 0.1] = np.nan
    first = {"dataset": "bp4d", "subject": person.astype(str), "image": [f"{i}.jpg" for i in range(len(y))]}
    found = pd.DataFrame(first | {au: pd.array(y[:, k], "Int8") for k, au in enumerate(aus)})
    found[[f"{au}_p" for au in aus]] = p
    settings = SimpleNamespace(training=SimpleNamespace(threshold=0.5))
    return dict(work=SimpleNamespace(predictions=lambda: found, settings=settings, aus=aus))


CHAPTERS = [chapter_0, chapter_1, chapter_2, chapter_3, chapter_4, chapter_5, chapter_6]


@cache
def section(chapter):
    """The cells of a chapter from its heading "Exercises" on."""
    name = next(found for found in notebooks.names() if int(found[:2]) == chapter)
    cells = notebooks.read(name).cells
    return cells[next(i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises")) :]


def cells_of(name):
    """The code of an exercise: what is given up to there, as a student has it; the solution; the check."""
    given, solution, here = [], [], ""
    for cell in section(int(name.split(".")[0])):
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            here = re.match(r"### Exercise (\S+)", cell.source)[1]
        elif "check" in tags and here == name:
            return given, solution, cell.source
        elif "solution" in tags and here == name and cell.cell_type == "code":
            solution.append(cell.source)
        elif cell.cell_type == "code" and not {"solution", "check"} & set(tags):
            given.append(cell.source)


def verdict(name, answer=None, seed=0):
    """Run what is given, then the notebook's solution or the lines given here, then the notebook's check."""
    given, solution, check = cells_of(name)
    space = CHAPTERS[int(name.split(".")[0])](seed)
    for code in (*given, *(solution if answer is None else [answer])):
        exec(code, space)
    return eval(check, space)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_in_the_notebook_is_right(name):
    for seed in range(1 if name == "0.5" else 3):
        found = verdict(name, seed=seed)
        assert found.passed, found
        assert len(found.message.split()) >= 8, "it says what follows"


#: Exercise, a typical wrong answer, and words of the message that name the mistake.
WRONG = [
    ("0.1", "answer = list(registry.PAPER)", "at least one of the two"),
    ("0.1", "answer = ['bp4d']", "give the others"),
    ("0.1", "answer = ['unbc']", "4 are missing"),
    ("0.2", "answer = (lost.groupby('dataset').sum().sum(axis=1)"
     " / true.eq(1).groupby('dataset').sum().sum(axis=1)).mean()", "mean of the datasets' shares"),
    ("0.2", "answer = lost.to_numpy().sum() / said.isna().to_numpy().sum()", "divides by the unknown cells"),
    ("0.2", "answer = lost.to_numpy().mean()", "divides by all cells"),
    ("0.3", "n = truth[frequent].astype(float); answer = int(((n.T @ n) == 0).to_numpy().sum()) // 2",
     "all pairs that never occur"),
    ("0.3", "n = truth[frequent].astype(float); answer = int(((n.T @ n) == 0).to_numpy().sum())", "counted twice"),
    ("0.4", "def largest_difference(a, b): return np.abs(a - b).max()", "wraps around to 254"),
    ("0.4", "def largest_difference(a, b): return (a.astype(int) - b).max()", "order of the images"),
    ("0.4", "def largest_difference(a, b): return np.abs(a.astype(int) - b).mean()", "a mean hides it"),
    ("0.5", "def same_files(a, b): return {p.name for p in a.rglob('*')} == {p.name for p in b.rglob('*')}",
     "names and sizes agree, the bytes do not. They held {'a': b'1'} and {'a': b'2'}"),
    ("0.5", "def same_files(a, b): return all((b / p.name).is_file() and p.read_bytes() == (b / p.name).read_bytes() "
     "for p in a.glob('*') if p.is_file())", "second folder has one more"),
    ("0.5", "def same_files(a, b): return list(a.rglob('*')) == list(b.rglob('*'))", "relative to the folder"),
    ("0.5", "def same_files(a, b): return {p.name: p.read_bytes() for p in a.rglob('*') if p.is_file()} == "
     "{p.name: p.read_bytes() for p in b.rglob('*') if p.is_file()}", "folders of different names"),
    ("1.1", "answer = summary['images'].idxmax()", "how many each person has"),
    ("1.1", "answer = summary['people'].idxmax()", "its images differ most|fewest images per person"),
    ("1.1", "answer = 'BP4D'", "there are actor_study, bp4d"),
    ("1.2", "answer = int(((db['AU12'] == 1) & ~(db['AU06'] == 1).fillna(False)).sum())", "Unknown is not absent"),
    ("1.2", "answer = int((db['AU12'] == 1).sum())", "with and without AU06"),
    ("1.2", "answer = int(((db['AU12'] == 1) & db['AU06'].isna()).sum())", "nobody said that it is absent"),
    ("1.3", "def to_labels(codes): return [0 if c == 9 else c for c in codes]", "neither 0 nor 1"),
    ("1.3", "def to_labels(codes): return [c > 0 for c in codes]", "neither 0 nor 1"),
    ("1.3", "def to_labels(codes): return [np.nan if c not in (0, 1) else c for c in codes]", "raise a ValueError"),
    ("1.3", "def to_labels(codes):\n    assert all(c in (0, 1, 9) for c in codes), 'bad'\n"
     "    return [np.nan if c == 9 else c for c in codes]", "does not name the value 7"),
    ("1.4", "k = db[list(facs.ALL)].notna(); answer = k[~k.all(axis=1)].to_numpy().sum() / k.to_numpy().sum()",
     "row's own dataset"),
    ("1.4", "answer = np.mean([~(k := p[list(facs.ALL)].notna().to_numpy())[:, k.any(axis=0)].all(axis=1)[i] "
     "for _, p in db.groupby('dataset') for i in range(len(p))])", "share of the rows"),
    ("1.5", "def labels_of_list(listed, coded, asked): return [float(listed.get(n, 0) > 0) for n in asked]",
     "says nothing: unknown"),
    ("1.5", "def labels_of_list(listed, coded, asked):\n"
     "    return [float(listed.get(n, 0) > 0) if n in coded else np.nan for n in asked]", "intensity not given"),
    ("1.5", "def labels_of_list(listed, coded, asked): return [1.0 if n in listed else np.nan for n in asked]",
     "is not listed is absent"),
    ("1.5", "def labels_of_list(listed, coded, asked):\n"
     "    return [float(n in listed) if n in coded else np.nan for n in asked]", "promised to look for it"),
    ("2.1", "answer = selected.loc[au, 'displayed'] / selected.loc[au].sum()", "counted as not displayed"),
    ("2.1", "answer = 1 - selected.loc[au, 'not_displayed'] / selected.loc[au].sum()", "counted as displayed"),
    ("2.1", "answer = selected.loc[au, 'displayed'] / selected.loc[au, 'not_displayed']", "odds"),
    ("2.2", "answer = db['dataset'].value_counts().idxmax()", "most rows"),
    ("2.2", "m = {n: missingness.missing_rate(p) for n, p in db.groupby('dataset')};"
     "answer = max(m, key=lambda n: abs(m[n] - rate))", "too small to move it"),
    ("2.3", "threshold_of_five = counts['displayed'].nlargest(5).iloc[-1] + 1; rate_of_five = 0", "are left, not 5"),
    ("2.3", "threshold_of_five = counts['displayed'].nlargest(6).iloc[-1] + 1; rate_of_five = "
     "missingness.missing_rate(db, list(counts['displayed'].nlargest(5).index))", "know none of the five"),
    ("2.3", "threshold_of_five = counts['displayed'].nlargest(6).iloc[-1] + 1; rate_of_five = rate",
     "rate of all action units"),
    ("2.4", "answer = selected['displayed'].sum() / len(table)", "lower bound"),
    ("2.4", "answer = (selected['displayed'] + selected['unknown']).sum() / len(table)", "upper bound"),
    ("2.4", "s = selected.sum(); answer = len(work.aus) * s['displayed'] / (s['displayed'] + s['not_displayed'])",
     "given one prevalence"),
    ("2.4", "answer = (selected['displayed'] / selected[['displayed', 'not_displayed']].sum(axis=1)).mean()",
     "add them up"),
    ("2.5", "answer = db['dataset'].value_counts().idxmax()", "one row is enough"),
    ("2.5", "answer = db.groupby('dataset')[list(facs_all)].count().gt(0).sum(axis=1).idxmax()",
     "which of its pairs nobody"),
    ("3.1", "answer = len(np.unique(y, axis=0))", "NaN is not equal to NaN"),
    ("3.1", "answer = len(balanced.groups)", "third symbol"),
    ("3.2", "answer = balancer.imbalance(y).attrs['max_min'] / 2", "half of the old ratio"),
    ("3.2", "answer = balancer.imbalance(y).attrs['max_min']", "before cloning"),
    ("3.3", "answer = balancer.balance(part)", "nothing may be repeated"),
    ("3.3", "answer = balancer.balance(part, lower=0.2, upper=1)", "Is size still"),
    ("3.3", "answer = balancer.balance(part, upper=1, size=(0.2, 1))", "Is lower still"),
    ("3.3", "answer = balancer.balance(part, lower=0, upper=1, size=(0.2, 1))", "a fifth of each must stay"),
    ("3.3", "answer = balancer.balance(y[::2], lower=0.2, upper=1, size=(0.2, 1))", "take it of the 500"),
    ("3.3", "answer = 2.4", "the whole object"),
    ("3.4", "def best_ratio(a, b, both, lower, upper): return max(a, b) / min(a, b)", "both counts become equal"),
    ("3.4", "def best_ratio(a, b, both, lower, upper):\n"
     "    f, m = sorted([a, b])\n    return max(1, lower * m / (upper * f))", "raise both counts alike"),
    ("3.4", "def best_ratio(a, b, both, lower, upper):\n"
     "    return max(1, (lower * a + upper * both) / (upper * b + upper * both))", "Either of the two"),
    ("3.5", "n, x = balanced.groups['n'], balanced.groups['x']\n"
     "answer = ((x != lower * n) & (x != n) & (x != upper * n)).sum()", "rounded inwards"),
    ("3.5", "n, x = balanced.groups['n'], balanced.groups['x']\n"
     "answer = ((x != np.ceil(lower * n)) & (x != np.floor(upper * n))).sum()", "corner too"),
    ("4.4", "def pooled_f1(b): return np.mean([2 * t / (2 * t + p + n) if t + p + n else 0 for t, p, n in b])",
     "add up the counts"),
    ("4.4", "def pooled_f1(b):\n    t, p, n = np.sum(b, axis=0)\n    return 2 * t / max(2 * t + p + n, 1)",
     "somebody chose"),
    ("4.5", "def smallest_batch(prevalence, known, share):\n"
     "    return int(np.log(share) / np.log(1 - prevalence * known))", "round up"),
    ("4.5", "def smallest_batch(prevalence, known, share):\n"
     "    return int(np.log(share) / np.log(1 - prevalence)) + 1", "only where it is known"),
    ("5.1", "answer = paper.TRAIN_IMAGES * 14 * 14 * 512 * 4", "32 bits"),
    ("5.1", "answer = paper.TRAIN_IMAGES * 14 * 14 * 512", "number of values"),
    ("5.1", "answer = paper.TRAIN_IMAGES * 7 * 7 * 512 * 2", "block 5"),
    ("5.1", "answer = paper.TRAIN_IMAGES * 14 * 14 * 512 * 2 / 1e9", "gigabytes"),
    ("5.2", "answer = 'a'", "same numbers"),
    ("5.2", "answer = 'b'", "some labels must change"),
    ("5.2", "answer = 'd'", "continuous range"),
    ("5.3", "s = run.history.query('stage == 2'); answer = s['val_score'].max() - s['val_score'][s['loss'].idxmin()]",
     "sign is turned"),
    ("5.3", "s = run.history.query('stage == 2'); answer = s['val_score'].iloc[-1] - s['val_score'].max()",
     "last epoch"),
    ("5.3", "s = run.history.query('stage == 2'); answer = s['val_score'][s['loss'].idxmin()]", "subtract the best"),
    ("5.4", "answer = (plain.history['val_score'] > 0.001 + min(metrics.selection_score(labels, a) "
     "for a in (always, never))).sum()", "weaker of the two"),
    ("5.4", "answer = (plain.history['val_score'] > max(metrics.selection_score(labels, a) "
     "for a in (always, never))).sum()", "rounding error"),
    ("5.4", "answer = (plain.history['val_f1_macro'] > metrics.f1_macro(labels, always)).sum()", "F1 alone"),
    ("5.5", "c_bce, c_f1 = 0.99, column.mean()", "what the F1 loss prefers"),
    ("5.5", "c_bce, c_f1 = 0.5, 0.99", "right on average"),
    ("5.5", "c_bce, c_f1 = column.mean(), 0.01", "largest loss"),
    ("5.5", "c_bce, c_f1 = column.mean(), column.mean()", "what cross-entropy prefers"),
    ("6.1", "def thoughtless_f1(prevalence): return prevalence", "precision is the prevalence"),
    ("6.1", "def thoughtless_f1(prevalence): return (1 + prevalence) / 2", "F1 lies between them"),
    ("6.1", "def thoughtless_f1(prevalence): return 1 / (1 + prevalence)", "lower baseline"),
    ("6.2", "answer = (evaluation.results_table(tested)['f1'][:4] > 0.5).sum()", "compared with 0.5"),
    ("6.2", "t = evaluation.results_table(tested)[:4]; answer = (t['f1'] > t['prevalence']).sum()",
     "with the prevalence"),
    ("6.3", "answer = width(tested) / width(alone)", "turned over"),
    ("6.3", "answer = width(alone)", "width for images"),
    ("6.3", "answer = width(tested) / width(tested)", "not made people"),
    ("6.4", "answer = 0.05", "scores higher"),
    ("6.4", "y, p = database.labels(tested, [au]), tested[[f'{au}_p']].to_numpy()\n"
     "answer = grid[np.argmax([metrics.accuracy_macro(y, p, t) for t in grid])]", "highest accuracy, not the highest"),
    ("6.4", "answer = 0.512", "not in the grid"),
    ("6.5", "answer = max(f1_at(judging, t) for t in grid) - f1_at(judging, cut)", "people it is scored on"),
    ("6.5", "answer = max(f1_at(choosing, t) for t in grid) - f1_at(choosing, cut)", "people who chose"),
    ("6.5", "answer = f1_at(judging, cut) - f1_at(judging, best)", "sign is turned"),
    ("6.5", "b = grid[np.argmax([f1_at(judging, t) for t in grid])]\n"
     "answer = f1_at(choosing, b) - f1_at(choosing, cut)", "halves are swapped"),
]  # fmt: skip

#: What the wrong answers of an exercise may use: the helpers of its solution.
HELPERS = {"6.3", "6.5"}


@pytest.mark.parametrize(("name", "answer", "words"), WRONG, ids=[f"{row[0]} {row[2]}" for row in WRONG])
def test_a_typical_mistake_is_told_what_it_is(name, answer, words):
    helper = "\n".join(cells_of(name)[1]) + "\n" if name in HELPERS else ""
    found = verdict(name, f"{helper}facs_all = {list(facs.ALL)}\n{answer}")
    assert found.state == "wrong"
    assert re.search(words, found.message), found.message


def test_every_exercise_has_mistakes_that_are_told_apart():
    told = Counter(name for name, *_ in WRONG)
    own = [name for name in NAMES if name not in ("4.1", "4.2", "4.3")]  # these are in test_exercises.py
    assert min(told[name] for name in own) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_strange_answers_get_a_sentence_also_with_the_data_at_hand(name):
    given, solution, check = cells_of(name)
    space = CHAPTERS[int(name.split(".")[0])](0)
    for code in (*given, *(solution if name != "0.5" else solution[:1])):
        exec(code, space)
    answers, data = answers_of(check, space)
    for strange in STRANGE:
        found = exercises.check(name, *[strange] * len(answers), **data)
        assert found.state == "wrong" and len(found.message) > 15, strange


def answers_of(check, space):
    """The arguments of the notebook's check: answers by position, data by keyword."""
    return eval(check.replace("exercises.check", "(lambda name, *answers, **data: (answers, data))"), space)


def test_a_name_is_compared_with_what_is_possible():
    from aulib.exercises import _compare as compare
    from aulib.exercises._verdict import WrongError

    assert compare.name("b", ["b", "c"], "abc") == "b"
    for value, words in ((3, "as text"), ("z", "there are a, b, c"), ("a", "too early")):
        with pytest.raises(WrongError, match=words):
            compare.name(value, ["b"], "abc", {"a": "It is too early."})
