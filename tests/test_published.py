"""Promises of the page "Published against recomputed" and of the prose around it.

The numbers of the paper are typed here once more, from its text, and computed with fractions.
"""

from __future__ import annotations

import importlib
import itertools
import re
import statistics
from fractions import Fraction

import pytest
from conftest import ROOT

from aulib import exercises, notebooks, paper, published, widgets
from aulib.book import _pages, _published, _teaching

#: People, images, images per person.
TABLE_1 = {
    "Actor Study": (21, 100_232, 4_773),
    "Aff-Wild2": (49, 196_672, 4_014),
    "BP4D": (41, 366_954, 8_950),
    "CK+": (123, 10_733, 87),
    "EmotioNet manual": (24_597, 24_597, 1),
    "UNBC": (25, 48_397, 1_936),
}
#: AU: training, testing, F1 in hundredths.
TABLE_2 = {
    1: (107_007, 20_944, 69),
    2: (78_461, 5_528, 42),
    4: (94_986, 14_150, 59),
    6: (95_539, 21_212, 63),
    7: (107_283, 20_124, 73),
    10: (121_313, 22_056, 80),
    12: (129_915, 22_550, 77),
    14: (94_422, 15_010, 62),
    15: (83_580, 6_099, 33),
    17: (98_892, 11_388, 53),
    23: (65_769, 5_970, 35),
    24: (94_006, 7_781, 54),
    25: (71_048, 5_727, 59),
}
EMOTIONET = {1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, 51, 52, 53, 54, 55, 56}
AFF_WILD2 = {1, 2, 4, 6, 12, 15, 20, 25}


@pytest.fixture(scope="module")
def checks():
    return published.checks().set_index("claim")


def weighted(column: int) -> Fraction:
    rows = TABLE_2.values()
    return Fraction(sum(row[column] * row[2] for row in rows), 100 * sum(row[column] for row in rows))


MACRO = Fraction(sum(row[2] for row in TABLE_2.values()), 1300)


def test_every_claim_has_a_place_a_value_a_verdict_and_evidence(checks):
    assert checks.index.is_unique
    assert checks[["where", "published", "recomputed", "evidence"]].map(len).to_numpy().min() > 0
    assert set(checks["verdict"]) <= set(published.VERDICTS)


@pytest.mark.parametrize("name", TABLE_1)
def test_images_per_person(checks, name):
    people, images, printed = TABLE_1[name]
    assert abs(Fraction(images, people) - printed) <= Fraction(1, 2)
    row = checks.loc[f"Images per person, {name}"]
    assert row["published"] == f"{printed:,}"
    assert float(row["recomputed"].replace(",", "")) == pytest.approx(images / people, abs=0.005)
    assert row["verdict"] == ("agrees" if images == printed * people else "agrees within rounding")


@pytest.mark.parametrize(
    ("claim", "mean", "printed"),
    [
        ("Macro F1 over the 13 action units", MACRO, 58),
        ("Weighted F1, check mark under Test", weighted(1), 65),
        ("Weighted F1, check mark under Train", weighted(0), 61),
    ],
)
def test_the_three_averages(checks, claim, mean, printed):
    assert round(100 * mean) == printed
    row = checks.loc[claim]
    assert (row["published"], row["verdict"]) == (f"0.{printed}", "agrees within rounding")
    assert float(row["recomputed"]) == pytest.approx(float(mean), abs=5e-5)


def test_exchanged_check_marks_are_impossible_for_any_unrounded_rows(checks):
    """A row may differ by 0.005 from what is printed, so a mean of rows may too, and so may the printed mean."""
    assert weighted(0) + Fraction(1, 100) < Fraction(65, 100) and weighted(1) - Fraction(1, 100) > Fraction(61, 100)
    assert checks.loc["The two check marks stand in the right columns", "verdict"] == "agrees"


def test_the_gain_of_weighting_is_correlation_times_two_spreads(checks):
    f1 = [row[2] / 100 for row in TABLE_2.values()]
    for column, part in enumerate(("train", "test")):
        counts = [row[column] for row in TABLE_2.values()]
        variation = statistics.pstdev(counts) / statistics.mean(counts)
        correlation = statistics.correlation(counts, f1)
        assert published.variation(part) == pytest.approx(variation)
        assert published.correlation_with_f1(part) == pytest.approx(correlation)
        gain = float(weighted(column) - MACRO)
        assert gain == pytest.approx(correlation * variation * statistics.pstdev(f1))
        assert f"{part} {gain:+.3f}" in checks.loc["The number of occurrences influences the result", "recomputed"]
    assert (
        "testing 0.490, training 0.185"
        in checks.loc["The reason is the higher variance of the testing distribution", "recomputed"]
    )


def test_rounding_cannot_turn_the_order_of_the_three_averages(checks):
    """Moving a row by 0.005 moves weighted minus plain by its weight minus 1/13 times as much."""
    gaps = {}
    for column in (0, 1):
        total = sum(row[column] for row in TABLE_2.values())
        slack = sum(abs(Fraction(row[column], total) - Fraction(1, 13)) for row in TABLE_2.values()) / 200
        gaps[column] = (weighted(column) - MACRO - slack, weighted(column) - MACRO + slack)
    assert 0 < gaps[0][0] and gaps[0][1] < gaps[1][0]
    assert checks.loc["The influence of the testing distribution is the higher one", "verdict"] == "agrees"


def test_the_missing_rate_with_the_reconstructed_lists(checks):
    sizes = {"Actor Study": 30, "Aff-Wild2": 8, "BP4D": 12, "CK+": 30, "EmotioNet manual": 23, "UNBC": 11}
    cells = 45 * sum(images for _, images, _ in TABLE_1.values())
    rate = 1 - Fraction(sum(sizes[name] * row[1] for name, row in TABLE_1.items()), cells)
    row = checks.loc["Share of unknown labels in the combined database"]
    assert row["published"] == "69.07%" and row["recomputed"] == f"{float(rate):.3%}"
    assert row["verdict"] == "consistent, no proof" and f"{cells:,} cells" in row["evidence"]


def test_the_missing_rate_if_uncoded_frames_of_bp4d_are_unknown(checks):
    """Then more lists are possible than the paper's sum over all images allows, by a loop over whole numbers."""
    cells = 45 * 747_585
    ranges = (range(46), (8,), range(12, 33), range(20, 31), (12, 23), (10, 11, 12))
    images = (100_232, 196_672, 146_847, 10_733, 24_597, 48_397)
    low, high = cells * 3_092_500, cells * 3_093_500  # known cells x 10^7, for 69.065 and 69.075 %
    fits = [
        sizes
        for sizes in itertools.product(*ranges)
        if low <= sum(k * n for k, n in zip(sizes, images, strict=True)) * 10**7 <= high
    ]
    evidence = checks.loc["Share of unknown labels in the combined database", "evidence"]
    assert f"{len(fits)} combinations fit, {sum(s[2] == 32 for s in fits)} of them with all 32 units" in evidence


def test_the_sentence_about_emotionet_is_wrong_and_its_reverse_is_right(checks):
    claimed, trained = {7, 14, 23}, set(TABLE_2)
    assert not claimed & EMOTIONET and claimed <= trained and trained - EMOTIONET == claimed
    row = checks.loc["All of EmotioNet's action units are included, except AU07, AU14 and AU23"]
    assert row["verdict"] == "disagrees" and "Read the other way round" in row["evidence"]
    assert row["recomputed"].endswith(", ".join(map(str, sorted(EMOTIONET - trained))))


def test_the_sentence_about_aff_wild2_is_right(checks):
    assert AFF_WILD2 - set(TABLE_2) == {20}
    assert checks.loc["All of Aff-Wild2's action units are included, except AU20", "verdict"] == "agrees"


def test_means_over_the_action_units_shared_with_the_challenges(checks):
    recomputed = checks.loc["The macro F1 exceeds that of both challenges", "recomputed"]
    for coded in (AFF_WILD2, EMOTIONET):
        shared = [TABLE_2[au][2] for au in TABLE_2 if au in coded]
        assert f"{statistics.mean(shared) / 100:.2f} over the {len(shared)} that" in recomputed


def test_the_answer_that_looks_at_nothing_gains_by_weighting_too(checks):
    f1 = {au: Fraction(2 * row[1], 104_545 + row[1]) for au, row in TABLE_2.items()}
    plain = sum(f1.values()) / 13
    by_test = sum(f1[au] * row[1] for au, row in TABLE_2.items()) / sum(row[1] for row in TABLE_2.values())
    evidence = checks.loc["The number of occurrences influences the result", "evidence"]
    assert f"{float(plain):.2f} in the plain mean and {float(by_test):.2f} weighted" in evidence


def test_sizes_and_spreads(checks):
    train, test = ([row[column] for row in TABLE_2.values()] for column in (0, 1))
    balanced = checks.loc["The displayed action units of the training set are balanced"]
    assert f"{max(train) / min(train):.3f}, in testing {max(test) / min(test):.3f}" in balanced["recomputed"]
    assert f"{sum(train) / 570_053:.2f} in training, {sum(test) / 104_545:.2f} in testing" in balanced["evidence"]
    sizes = checks.loc["Training and testing images, against Table 1"]
    assert sizes["recomputed"] == "674,598 of 747,585" and "13.98%" in sizes["evidence"]
    threshold = checks.loc["Every selected action unit has at least 20,000 displayed images", "evidence"]
    assert threshold.endswith(f"reach it for {sum(count >= 20_000 for count in test)} of 13.")


@pytest.mark.parametrize(
    ("name", "value", "claim"),
    [
        ("MACRO_F1", 0.60, "Macro F1 over the 13 action units"),
        ("WEIGHTED_F1_TEST", 0.61, "Weighted F1, check mark under Test"),
        ("WEIGHTED_F1_TRAIN", 0.65, "Weighted F1, check mark under Train"),
        ("MISSING_RATE", 0.6917, "Share of unknown labels in the combined database"),
        ("MIN_OCCURRENCES", 70_000, "Every selected action unit has at least 20,000 displayed images"),
    ],
)
def test_a_wrong_number_would_be_found(monkeypatch, name, value, claim):
    monkeypatch.setattr(paper, name, value)
    assert published.checks().set_index("claim").loc[claim, "verdict"] == "disagrees"


def test_a_wrong_ratio_in_table_1_would_be_found(monkeypatch):
    table = paper.TABLE_1.copy()
    table.loc["ck_plus", "images_per_person"] = 88
    monkeypatch.setattr(paper, "TABLE_1", table)
    assert published.checks().set_index("claim").loc["Images per person, CK+", "verdict"] == "disagrees"


def test_every_printed_result_is_either_checked_or_listed_as_open(checks):
    texts = " ".join([*checks["published"], *checks["evidence"], *published.not_recomputable()["published"]])
    printed = [f"{row[2]:,}" for row in TABLE_1.values()] + [f"0.{row[2]}" for row in TABLE_2.values()]
    printed += ["69.07", "0.58", "0.65", "0.61", "570,053", "104,545", "20,000", "45 rows", "0.31", "0.44", "0.55"]
    assert not [number for number in printed if number not in texts]
    assert published.not_recomputable().map(len).to_numpy().min() > 0


def test_the_page_shows_every_claim_and_every_open_number_once(checks):
    page = _published.checks()
    for claim, row in checks.iterrows():
        assert page.count(f"| {claim} |") == 1 and f"*{claim}.*" in page, claim
        assert page.index(f"### {row['where']}\n") < page.index(f"| {claim} |")
    assert all(f"| {claim} |" in _published.not_recomputable() for claim in published.not_recomputable()["claim"])
    counted = dict(re.findall(r"\*\*(.+)\*\*: (\d+)", _published.verdicts()))
    assert {v: int(n) for v, n in counted.items() if n != "0"} == checks["verdict"].value_counts().to_dict()


def test_the_tables_of_the_page_have_the_same_number_of_cells_in_every_row():
    for text in (_published.header(), _published.checks(), _published.not_recomputable(), _teaching.chapters()):
        for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
            cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().split("\n")}
            assert len(cells) == 1, table


PROSE = ("published", "paper_annotated", "notation", "teaching", "preface")


@pytest.mark.parametrize("page", PROSE)
def test_names_of_the_package_in_the_prose_exist(page):
    for dotted in set(re.findall(r"`(aulib(?:\.\w+)+)`", (ROOT / "book" / f"{page}.md").read_text("utf-8"))):
        module, _, name = dotted.rpartition(".")
        try:
            importlib.import_module(dotted)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), name), f"{page}: {dotted}"


@pytest.mark.parametrize("page", PROSE)
def test_files_that_the_prose_includes_are_generated(page):
    included = re.findall(r"\{include\} generated/(\S+)", (ROOT / "book" / f"{page}.md").read_text("utf-8"))
    assert set(included) <= set(_pages.PAGES)


def test_every_letter_of_the_chapters_formulas_is_in_the_notation():
    listed = letters((ROOT / "book" / "notation.md").read_text("utf-8"))
    for name in notebooks.names():
        text = "\n".join(cell["source"] for cell in notebooks.read(name).cells if cell["cell_type"] == "markdown")
        assert letters(text) <= listed, f"{name}: add {sorted(letters(text) - listed)} to book/notation.md"


def letters(text: str) -> set[str]:
    """Letters and Greek commands in the formulas of a Markdown text, without words, functions and numbers."""
    found: set[str] = set()
    for display, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", text, re.DOTALL):
        formula = re.sub(r"\\(?:text|mathrm|operatorname)\{[^}]*\}", " ", display or inline)
        commands = set(re.findall(r"\\([A-Za-z]+)", formula))
        found |= commands & {"pi", "tau", "phi", "chi", "mathcal"}
        found |= set(re.findall(r"TP|FP|FN|TN|F1|[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", formula)))
    return found


def test_exercises_named_in_the_teaching_guide_exist():
    text = (ROOT / "book" / "teaching.md").read_text("utf-8")
    known = set(exercises.names())
    written = {name.split(".")[0] for name in known}  # chapters whose exercises have checks
    named = set(re.findall(r"(?<![\d.])(\d{1,2}\.\d)(?![\d.])", text))
    assert named and not {name for name in named - known if name.split(".")[0] in written}


def test_explorers_named_in_the_teaching_guide_bear_these_titles():
    text = (ROOT / "book" / "teaching.md").read_text("utf-8")
    titles = {getattr(widgets, name)().title for name in widgets.names()}
    cells = [cell for line in text.splitlines() if line.startswith("|") for cell in line.split("|")]
    named = {name for cell in cells for name in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", cell)} - {"Break."}
    assert len(named) >= 8 and named <= titles


def test_every_chapter_says_how_long_it_takes_and_what_it_needs():
    table = _teaching.chapters()
    for name in notebooks.names():
        said = _teaching.chapter(name)
        assert all(said.values()), f"{name} does not say its {[key for key, text in said.items() if not text]}"
        assert f"`../notebooks/{name}` | {said['time'].split(' once ')[0]} | {said['needs']} |" in table
