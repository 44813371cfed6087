"""docs/defenses.md speaks of the defenses that there are, as they are."""

from __future__ import annotations

import re

import pytest

from defenses import BUILTIN
from harness import registry
from tests.docs_defenses import ATTACKS, DATASET, FIGURES, PAGE, PART, SECRETS, properties_lines, spec_of

TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
STALE = "run the commands at the top of docs/defenses.md"
LARGEST = 30_000  # bytes of a figure


def test_every_defense_has_its_section_and_nothing_else_has():
    assert list(SECTIONS) == sorted(BUILTIN)


def test_the_page_says_how_it_is_written():
    for command in (
        f"snoopbench matrix --dataset {DATASET} ",
        "python -m tests.docs_defenses ",
        "snoopbench properties ",
    ):
        assert f"\n    {command}" in TEXT


def test_the_attacks_were_measured_as_they_are():
    ((_, told),) = [found for found in PART.findall(TEXT) if found[0] == "attacks"]
    assert told == ", ".join(registry.attack(attack)[1] for attack in ATTACKS), STALE


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_section_was_measured_on_the_defense_as_it_is(name: str):
    section = SECTIONS[name]
    assert PART.findall(section) == [("measured", spec_of(name))], STALE
    rows = re.findall(r"^\| κ_reach, `(\w+)` \| (.*) \|$", section, re.MULTILINE)
    assert [secret for secret, _ in rows] == list(SECRETS)
    for _, cells in rows:
        for cell in cells.split(" | "):
            assert re.fullmatch(r"–|−?\d\.\d\d( \(−?\d\.\d\d … −?\d\.\d\d\))?(, \d+ trials)?", cell), cell
    assert "\n".join(properties_lines(name)) in section, STALE
    prose = PART.sub("", section).split("\n\n")
    assert [len(part) > 40 for part in prose if part.strip()] == [True, True], "a sentence before, a paragraph after"


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_the_figure_is_there_and_small(name: str):
    assert f"](figures/defenses/{name}.png)" in SECTIONS[name]
    data = (FIGURES / f"{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) < LARGEST


def test_no_figure_of_what_is_gone():
    assert {file.stem for file in FIGURES.iterdir()} == set(BUILTIN)
