"""The reference page of the datasets says what the code does."""

from __future__ import annotations

import pytest

from aulib import adapters, profiles
from aulib.adapters import manual
from aulib.adapters.registry import DATASETS
from aulib.errors import SettingsError


@pytest.mark.parametrize("name", adapters.names())
def test_every_setting_has_a_default_and_a_meaning(name):
    listed = {setting: (default, text) for setting, default, text in manual.settings_of(name)}
    known = adapters.settings(name)
    assert set(listed) == set(known) - {"missing_images", "strict", "links_outside", "aus"}
    for setting, (default, text) in listed.items():
        assert default == known[setting] and len(text.split()) >= 4, setting


def test_the_page_has_a_section_for_every_dataset_with_its_terms():
    page = manual.datasets_page()
    for facts in DATASETS.values():
        section = page.partition(f"\n## {facts.title}\n")[2].partition("\n## ")[0]
        assert facts.licence in section and facts.citation in section
        assert all(note in section for note in facts.notes)
    assert "| GFT | `gft` | 96 | 172,800 | not known to us |  |  |" in page
    assert "| DISFA+ | `disfa_plus` | 9 |  | 12 |  | DISFA |" in page
    assert "| BP4D | `bp4d` | 41 | 366,954 | 32 | yes |  |" in page


def test_the_page_is_plain_markdown():
    page = manual.datasets_page()
    assert ":class:" not in page and "\nArgs:" not in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {8, 4}


def test_a_profile_cannot_ask_for_a_synthetic_tree_of_a_dataset_outside_the_paper():
    with pytest.raises(SettingsError, match="'disfa' has no synthetic tree"):
        profiles.settings(datasets={"disfa": ""})
    assert profiles.settings(datasets={"disfa": "/data/DISFA"}).datasets == {"disfa": "/data/DISFA"}
