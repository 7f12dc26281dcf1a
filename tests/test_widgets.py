"""Explorers: every frame can be drawn and says what it shows, and the numbers in it are right."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from aulib import balancing, evaluation, metrics, notebooks, synth, widgets
from aulib.adapters import registry
from aulib.errors import AulibError, DataError, SettingsError
from aulib.widgets import _bounds, _distortion, _explorer, _mask, _pattern, _people, _static
from aulib.widgets._example import AUS, example

#: Bytes of one static copy, and of all copies on one page.
COPY, PAGE = 400 * 1024, 2**20
NAMES = widgets.names()
VOID = {"img", "input", "br"}


@pytest.fixture(scope="module", params=NAMES)
def explorer(request):
    return widgets.show(request.param)


@pytest.fixture(scope="module")
def frames(explorer):
    return [explorer.frame(**choice) for choice in explorer.grid()]


@cache
def copy_of(name):
    return widgets.show(name).static()


@pytest.fixture
def static(explorer):
    return copy_of(explorer.name)


class Tags(HTMLParser):
    """All tags of a piece of HTML; unbalanced ones are an error."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


# What every explorer promises.


def test_there_are_at_least_eight_explorers_and_each_has_its_function():
    assert len(NAMES) >= 8 and all(widgets.show(name).name == name for name in NAMES)
    with pytest.raises(SettingsError, match="no explorer 'dial'; there are face, codes, mask"):
        widgets.show("dial")


def test_every_frame_of_the_grid_carries_its_alternative_text(explorer, frames):
    assert 10 <= len(frames) <= _explorer.MOST_FRAMES
    for frame in frames:
        shown = [a.get("aria-label") or a.get("alt") for tag, a in Tags(frame.picture).tags if tag in ("svg", "img")]
        assert shown == [frame.alt] and len(frame.alt.split()) >= 8


def test_no_two_settings_say_the_same(frames):
    assert len({frame.message for frame in frames}) == len({frame.alt for frame in frames}) == len(frames)


def test_no_sentence_holds_what_only_a_programmer_would_read(frames):
    for frame in frames:
        assert not re.search(r"\bnan\b|\binf\b|None|e-\d\d|\d\.\d{5,}|np\.", frame.message + frame.alt)


def test_the_same_settings_give_the_same_frame(explorer):
    assert explorer.frame() == explorer.frame()


def test_unknown_settings_and_values_out_of_range_are_refused(explorer):
    with pytest.raises(SettingsError, match=f"explorer '{explorer.name}' has no setting 'colour'; it has"):
        explorer.frame(colour="red")
    with pytest.raises(SettingsError, match=f"{explorer.settings[0].name} is 'x'"):
        explorer.frame(**{explorer.settings[0].name: "x"})


def test_the_static_copy_holds_every_frame_and_shows_the_first_choice(explorer, static, frames):
    tags = Tags(static)
    copies = [a for a in tags.named("div") if a.get("class") == "aulib-frame"]
    assert [copy["data-message"] for copy in copies] == [frame.message for frame in frames]
    seen = [copy["data-message"] for copy in copies if "hidden" not in copy]
    assert seen == [explorer.frame().message]
    assert [a for a in tags.named("div") if a.get("class") == "aulib-controls"][0].keys() >= {"hidden"}


def test_the_static_copy_says_that_it_is_one_and_where_its_data_come_from(explorer, static):
    text = static
    assert "This copy shows precomputed settings; open the notebook in Colab or Jupyter for free choice." in text
    assert explorer.source.split(",")[0] in text


def test_every_control_of_the_static_copy_has_a_name_and_its_own_id(explorer, static):
    tags = Tags(static + _static._controls(explorer))
    named = [a["for"] for a in tags.named("label") if "for" in a]
    controls = [a for tag in ("input", "select") for a in tags.named(tag) if a.get("type") != "radio"]
    assert sorted(a["id"] for a in controls) == sorted(named) and len(set(named)) == len(named)
    assert len(tags.named("legend")) == len(tags.named("fieldset"))
    offered = sum(len(setting.grid) > 1 for setting in explorer.settings)
    assert len(controls) + len(tags.named("fieldset")) == 2 * offered


def test_strides_lead_from_every_choice_to_its_frame(explorer, static):
    tags = Tags(static)
    strides = [int(a["data-stride"]) for _, a in tags.tags if "data-stride" in a]
    offered = [setting for setting in explorer.settings if len(setting.grid) > 1]
    for index, choice in enumerate(explorer.grid()):
        places = [setting.grid.index(choice[setting.name]) for setting in offered]
        assert sum(p * s for p, s in zip(places, strides, strict=True)) == index


def test_a_static_copy_is_small(static):
    assert len(static.encode()) <= COPY


def test_the_explorers_of_one_chapter_fit_a_page():
    used = {}
    for name in notebooks.names():
        source = "".join(cell.source + "\n" for cell in notebooks.read(name).cells if cell.cell_type == "code")
        used[name] = [n for n in re.findall(r"widgets\.(\w+)\(", source) if n in NAMES]
    assert sum(map(len, used.values())) >= 8, "the chapters use the explorers"
    for name, shown in used.items():
        assert sum(len(copy_of(n)) for n in shown) <= PAGE, name


def test_the_live_view_describes_every_control_and_shows_what_the_function_gives(explorer):
    view = explorer.live()
    title, *controls, picture = view.children
    assert [control.description for control in controls] == [setting.label for setting in explorer.settings]
    assert explorer.title in title.value and explorer.frame().picture in picture.value
    choice = explorer.grid()[-1]
    for control, value in zip(controls, choice.values(), strict=True):
        control.value = value
    assert explorer.frame(**choice).picture in picture.value


def test_the_live_view_uses_nothing_that_version_7_of_ipywidgets_lacks(explorer):
    of_version_7 = {"IntSlider", "FloatSlider", "SelectionSlider", "RadioButtons", "Dropdown", "HTML", "VBox"}
    view = explorer.live()
    assert {type(widget).__name__ for widget in (view, *view.children)} <= of_version_7


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_choice_of_the_live_controls_gives_a_frame(data):
    explorer = data.draw(st.sampled_from([widgets.show(n) for n in NAMES if n not in ("face", "distortion", "bounds")]))
    choice = {}
    for setting in explorer.settings:
        if hasattr(setting, "options"):
            choice[setting.name] = data.draw(st.sampled_from(list(setting.options)))
        else:
            steps = round((setting.high - setting.low) / setting.step)
            choice[setting.name] = min(setting.low + data.draw(st.integers(0, steps)) * setting.step, setting.high)
    frame = explorer.frame(**choice)
    assert frame.alt and "nan" not in frame.picture.replace("nance", "")
    Tags(frame.picture)


# Which view a notebook shows.


def test_a_build_of_the_book_gets_the_static_copy(monkeypatch):
    monkeypatch.setenv("AULIB_STATIC", notebooks.environment()["AULIB_STATIC"])
    monkeypatch.setattr(_explorer, "_has_kernel", lambda: True)
    bundle = widgets.accuracy()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and bundle["text/html"].count('class="aulib-frame"') == 42


def test_without_a_kernel_the_static_copy_is_shown(monkeypatch):
    monkeypatch.delenv("AULIB_STATIC", raising=False)
    assert "application/vnd.jupyter.widget-view+json" not in widgets.accuracy()._repr_mimebundle_()


def test_with_a_kernel_the_widget_is_shown_and_a_picture_that_says_what_to_do_without(monkeypatch):
    monkeypatch.delenv("AULIB_STATIC", raising=False)
    monkeypatch.setattr(_explorer, "_has_kernel", lambda: True)
    bundle = widgets.accuracy()._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "no kernel is running" in bundle["text/html"] and "aulib-controls" not in bundle["text/html"]


def test_settings_that_contradict_each_other_are_answered_in_a_sentence():
    y = np.array([[1, 0]] * 10 + [[0, 1]] * 2)
    _, lower, upper, size, picture = widgets.bounds(y).live().children
    upper.value, size.value = 1.0, (1.5, 2.0)
    assert "These settings do not work: " in picture.value and "size" in picture.value
    upper.value = 2.0
    assert "the largest count is" in picture.value
    broken = widgets.Explorer("x", "X", (), lambda: (_ for _ in ()).throw(DataError("row 3 is odd")), "nowhere")
    assert broken.shown().message == "These settings do not work: row 3 is odd."
    assert "row 3 is odd" in broken.live().children[-1].value


def test_a_grid_too_large_for_a_page_is_refused():
    many = widgets.Choice("n", "n", {n: str(n) for n in range(51)}, 0)
    explorer = widgets.Explorer("x", "X", (many,), lambda n: widgets.Frame("", "", ""), "nowhere")
    with pytest.raises(SettingsError, match="has 51 frames; a page takes 50 at most"):
        explorer.static()


# The numbers, each against something else.


def test_accuracy_and_f1_are_those_of_scikit_learn_on_the_same_faces():
    explorer = widgets.accuracy()
    for choice in explorer.grid():
        n = explorer.frame(**choice).numbers
        truth = np.repeat([1, 0, 1, 0], [n["tp"], n["fp"], n["fn"], n["tn"]])
        guess = np.repeat([1, 1, 0, 0], [n["tp"], n["fp"], n["fn"], n["tn"]])
        assert len(truth) == 1000 and truth.mean() == pytest.approx(choice["prevalence"])
        assert n["f1"] == pytest.approx(sk.f1_score(truth, guess))
        assert n["accuracy"] == pytest.approx(sk.accuracy_score(truth, guess))
        assert n["always_yes"] == pytest.approx(sk.f1_score(truth, np.ones(1000)))
        assert n["always_no"] == pytest.approx(sk.accuracy_score(truth, np.zeros(1000)))
        assert f"accuracy {n['accuracy']:.3f}" in explorer.frame(**choice).message


def test_scores_over_the_threshold_are_those_of_scikit_learn():
    explorer, (truth, prob, _) = widgets.threshold(), example()
    for choice in explorer.grid():
        column = AUS.index(choice["au"])
        y, guess, n = truth[:, column], prob[:, column] >= choice["threshold"], explorer.frame(**choice).numbers
        expected = sk.precision_recall_fscore_support(y, guess, average="binary", zero_division=np.nan)[:3]
        assert (n["precision"], n["recall"], n["f1"]) == pytest.approx(expected, nan_ok=True)


def test_the_threshold_explorer_gives_a_prediction_table_the_scores_of_the_results_table():
    rng = np.random.default_rng(0)
    y = pd.array(rng.integers(0, 2, 60), dtype="Int8")
    y[:20] = pd.NA
    table = pd.DataFrame({"dataset": "bp4d", "subject": "F001", "image": [f"{i}.jpg" for i in range(60)]})
    table = table.assign(AU04=y, AU04_p=rng.random(60).round(2).astype("float32"), AU09=pd.array([0] * 60, "Int8"))
    table["AU09_p"] = np.float32(0.5)
    explorer = widgets.threshold(table, "a table")
    assert list(explorer.settings[0].options) == ["AU04"], "AU09 has no positive"
    for value in (0.1, 0.35, 0.7):
        expected = evaluation.results_table(table, threshold=value).loc["AU04", "f1"]
        assert explorer.frame(threshold=value).numbers["f1"] == pytest.approx(expected)


def test_the_three_conventions_are_scikit_learns_zero_divisions():
    explorer, (truth, prob, _) = widgets.undefined(), example()
    rule = {"skip": np.nan, "zero": 0.0, "one": 1.0}
    undefined = 0
    for choice in explorer.grid():
        y, guess = truth[: choice["rows"]], prob[: choice["rows"]] >= 0.5
        each = sk.f1_score(y, guess, average=None, zero_division=rule[choice["convention"]])
        n = explorer.frame(**choice).numbers
        assert n["macro"] == pytest.approx(np.nanmean(each))
        undefined += n["undefined"]
    assert undefined > 0


def test_the_mask_deletes_what_is_unknown_and_the_other_rules_do_what_they_say():
    explorer = widgets.mask()
    for choice in explorer.grid():
        n, seen = explorer.frame(**choice).numbers, _mask.hide(_mask._Y, choice["hidden"])
        assert np.isnan(seen).sum() == choice["hidden"]
        rows = [~np.isnan(seen).any(axis=1) if choice["rule"] == "complete" else ~np.isnan(c) for c in seen.T]
        if choice["rule"] == "negative":
            seen, rows = np.where(np.isnan(seen), 0, seen), [np.ones(len(seen), bool)] * 3
        pairs = [(seen[k, i], _mask._P[k, i] >= 0.5) for i, k in enumerate(rows)]
        each = [sk.f1_score(y, g, zero_division=np.nan) if len(y) else np.nan for y, g in pairs]
        assert n["f1"] == pytest.approx(each, nan_ok=True)
        assert n["counted"] == sum(len(y) for y, _ in pairs)


def test_the_masks_loss_and_gradient_are_those_of_the_keras_loss():
    from aulib import losses

    for hidden in (0, 5, 12):
        y, p = _mask.hide(_mask._Y, hidden), _mask._P
        f1, loss, slope = _mask.soft_f1_gradient(y, p)
        assert loss == pytest.approx(float(losses.masked_f1(y, p)), abs=1e-6)
        for cell in np.ndindex(p.shape):
            step = np.zeros(p.shape)
            step[cell] = 1e-4
            change = float(losses.masked_f1(y, p + step)) - float(losses.masked_f1(y, p - step))
            assert slope[cell] == pytest.approx(change / 2e-4, abs=2e-3)
        assert (slope[np.isnan(y)] == 0).all()


def test_pull_and_push_are_the_gradients_of_the_keras_losses():
    from aulib import losses

    explorer = widgets.gradient()
    keras_loss = {"f1": losses.masked_f1, "crossentropy": losses.masked_binary_crossentropy}
    for choice in explorer.grid()[::3]:
        n, k = explorer.frame(**choice).numbers, choice["positives"]
        y = np.array([[1.0]] * k + [[0.0]] * (32 - k))
        p = np.where(y == 1, choice["displayed"], choice["others"])
        loss, step = keras_loss[choice["loss"]], 1e-3
        for kind, total, sign in ((y == 1, n["pull"], -1), (y == 0, n["push"], 1)):
            change = float(loss(y, p + step * kind)) - float(loss(y, p - step * kind))
            assert sign * change / (2 * step) == pytest.approx(total, rel=2e-3, abs=1e-3)


def test_batches_are_those_of_the_keras_loss_taken_one_after_the_other():
    from aulib import losses

    n = widgets.distortion().frame(size=256, prevalence=0.02, corrected=False).numbers
    y, p = _distortion.simulated(0.02, 0.3)
    order = np.random.default_rng(0).permutation(len(y)).reshape(-1, 256)
    assert n["batch_loss"] == pytest.approx(np.mean([float(losses.masked_f1(y[b], p[b])) for b in order]), abs=1e-5)
    assert n["whole_loss"] == pytest.approx(float(losses.masked_f1(y, p)), abs=1e-5)
    assert n["without_positive"] == pytest.approx(np.mean([not (y[b] == 1).any() for b in order]))


def test_a_balanced_sample_keeps_its_limits_and_wider_limits_are_never_worse():
    explorer, y, ratios = widgets.bounds(), _bounds._table(), {}
    for choice in explorer.grid()[::2]:
        n, key = explorer.frame(**choice).numbers, (choice["lower"], choice["upper"], choice["size"])
        found = balancing.balance(y, *key)
        assert n["after"].tolist() == (y[found.indices] == 1).sum(axis=0).tolist()
        assert n["ratio_after"] == n["after"].max() / n["after"].min()
        assert choice["size"][0] * len(y) - 1 <= n["rows"] <= choice["size"][1] * len(y) + 1
        ratios[key] = found.ratio_optimum
    for (lower, upper, size), ratio in ratios.items():
        wider = [r for (a, b, s), r in ratios.items() if a <= lower and b >= upper and s == size]
        assert max(wider) <= ratio * (1 + 1e-6)


@pytest.mark.parametrize("reason", _pattern.REASONS)
def test_holes_are_as_many_as_asked_for_and_counted_as_pandas_counts(reason):
    explorer, (truth, _, dataset) = widgets.pattern(), example()
    for rate in (0.0, 0.3, 0.9):
        order = np.argsort(dataset, kind="stable")
        table = pd.DataFrame(_pattern.remove(truth[order], dataset[order], reason, rate))
        n = explorer.frame(reason=reason, rate=rate).numbers
        assert n["missing"] == pytest.approx(rate, abs=0.04) == table.isna().to_numpy().mean()
        assert n["complete"] == pytest.approx(table.notna().all(axis=1).mean())
        both = [table[[a, b]].notna().all(axis=1).any() for a in table for b in table if a < b]
        assert n["pairs"] == pytest.approx(np.mean(both))
        assert n["prevalence"] == pytest.approx(table.mean().mean())


def test_only_holes_that_the_face_makes_shift_the_prevalence():
    shifts = {
        reason: abs(n["prevalence"] / n["true_prevalence"] - 1)
        for reason in _pattern.REASONS
        for n in [widgets.pattern().frame(reason=reason, rate=0.5).numbers]
    }
    assert shifts["face"] > 0.3 and max(shifts["random"], shifts["dataset"]) < 0.15


def test_a_removed_label_stays_removed_at_a_higher_rate():
    truth, _, dataset = example()
    for reason in _pattern.REASONS:
        few, many = (np.isnan(_pattern.remove(truth, dataset, reason, rate)) for rate in (0.3, 0.6))
        assert (few <= many).all()


def test_rates_of_people_have_the_mean_and_spread_asked_for():
    drawn = _people.rates(np.random.default_rng(0), 0.2, 0.4, (200_000,))
    assert drawn.mean() == pytest.approx(0.2, abs=0.003)
    assert drawn.std() == pytest.approx(0.4 * np.sqrt(0.2 * 0.8), abs=0.003)


def test_the_width_is_that_of_test_sets_drawn_one_by_one():
    rng, scores = np.random.default_rng(1), []
    for _ in range(400):
        y, guess = [], []
        for _ in range(10):
            p, recall, alarms = (_people.rates(rng, mean, 0.4, ()) for mean in _people.MEANS.values())
            shown = rng.random(10) < p
            y.append(shown)
            guess.append(rng.random(10) < np.where(shown, recall, alarms))
        y, guess = np.concatenate(y), np.concatenate(guess)
        scores.append(2 * (y & guess).sum() / max((y.sum() + guess.sum()), 1))
    width = np.subtract(*np.quantile(scores, (0.975, 0.025)))
    assert widgets.people().frame(people=10, frames=10, spread=0.4).numbers["width"] == pytest.approx(width, rel=0.2)


def test_one_frame_a_person_is_as_good_as_it_gets_and_many_frames_are_not():
    explorer = widgets.people()
    one = explorer.frame(people=160, frames=1, spread=0.4).numbers
    assert one["width"] == pytest.approx(one["naive_width"], rel=0.2)
    many = explorer.frame(people=20, frames=100, spread=0.4).numbers
    assert many["width"] > 2 * many["naive_width"]


def test_the_face_is_the_rendered_one_and_a_stronger_action_unit_changes_more():
    explorer = widgets.face(identity=3)
    relaxed, smile = (synth.render_face(a, 3, 112, noise=0).astype(int) for a in ({}, {"AU12": 4}))
    changes = [explorer.frame(unit="AU12", level=level).numbers["change"] for level in range(6)]
    assert changes[4] == pytest.approx(np.abs(smile - relaxed).mean())
    assert changes[0] == 0 and changes == sorted(changes)


def test_a_face_cannot_show_one_side_of_an_action_unit_without_sides():
    assert "AU17 (Chin raiser) has no sides" in widgets.face().shown(unit="AU17", side="left").message


def test_codes_mean_what_the_registry_says_and_nothing_else_is_guessed():
    explorer = widgets.codes()
    for choice in explorer.grid():
        value, unknown = choice["value"], registry.DATASETS[choice["dataset"]].unknown_codes
        expected = "unknown" if value in unknown else {0: "not displayed", 1: "displayed"}.get(value, "refused")
        n = explorer.frame(**choice).numbers
        assert n["read"] == expected
        assert n["careless"] == ["displayed" if t else "not displayed" for t in (value == 1, value > 0)] + [
            f"counts {value}"
        ]


# A reader's own data.


def test_data_that_do_not_fit_are_refused_with_their_place():
    y, p = [[1.0, 9.0]] * 12, [[0.1, 0.2]] * 12
    for make in (widgets.mask, widgets.undefined):
        with pytest.raises(DataError, match=r"\[0, 1\] is 9.0"):
            make(y, p)
    with pytest.raises(DataError, match="at most"):
        widgets.mask(np.ones((40, 3)), np.ones((40, 3)))
    with pytest.raises(DataError, match="needs 10 or more"):
        widgets.undefined([[1.0]], [[0.5]])
    with pytest.raises(DataError, match="give a complete table"):
        widgets.pattern([[np.nan]], ["a"])
    with pytest.raises(DataError, match="no action unit has a known positive"):
        widgets.threshold(pd.DataFrame({"AU04": [0], "AU04_p": [0.2]}))
    with pytest.raises(AulibError, match="y_prob"):
        widgets.threshold(pd.DataFrame({"AU04": [1], "AU04_p": [np.nan]}))


def test_own_tables_are_named_and_counted():
    y, p = [[1, np.nan], [0, 1]], [[0.9, 0.5], [0.2, 0.3]]
    frame = widgets.mask(y, p, names=["smile", "frown"], source="two faces").frame(hidden=0)
    assert "smile: TP, TN; frown: out, FN" in frame.alt and frame.numbers["macro"] == metrics.f1_macro(y, p) == 0.5
