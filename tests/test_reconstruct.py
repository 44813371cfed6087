"""Reconstruction from published statistics: the published examples, and a brute force over all databases."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.fitting import ROUNDINGS, Budget, Domain, Interval, Published, Statistic, cells_of, conflict, find, proven
from datasets.block import RACES as RACES_OF_BLOCK
from harness import registry
from harness.seeds import generator
from harness.studies.reconstruct import Problem, example, reconstruct
from tests.oracle_reconstruction import Line, all_fitting, could_print, printed

SOLVERS = ("cp-sat", "z3")
SEXES = ("sex = 'female'", "sex = 'male'")
RACES = ("race = 'black'", "race = 'white'")
CROSSED = tuple(
    f"race = '{race}' AND sex = '{sex}'" for race, sex in (("black", "male"), ("white", "male"), ("white", "female"))
)
TRUTH = [
    [8, "female", "black", False], [18, "male", "white", False], [24, "female", "white", False],
    [30, "male", "white", True], [36, "female", "black", True], [66, "female", "black", True],
    [84, "male", "black", True],
]  # fmt: skip


def without(folder: Path, *dropped: str) -> str:
    """block.csv without the lines of these conditions."""
    lines = Path(example("block")["statistics"]).read_text().splitlines()
    kept = [line for line in lines if line.split(",")[0] not in dropped]
    assert len(kept) == len(lines) - len(dropped)
    path = folder / "stats.csv"
    path.write_text("\n".join(kept))
    return str(path)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_published_block_has_one_database(solver: str):
    found = reconstruct(Problem(**example("block"), solver=solver))
    assert (found["solutions"], found["complete"], found["stopped"]) == (1, True, None)
    assert found["databases"] == [TRUTH]
    assert len(found["certain"]) == 28
    assert found["truth"] == {"cells": 28, "best": 28, "admitted": True}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("dropped", "number"),
    [
        *(((one,), 1) for one in (*SEXES, *RACES)),
        ((*SEXES, *CROSSED), 8),
        (SEXES, 6),
        (("race = 'black' AND sex = 'female'",), 2),
    ],
)
def test_the_published_numbers_with_statistics_left_out(solver: str, dropped: tuple, number: int, tmp_path: Path):
    files = example("block") | {"statistics": without(tmp_path, *dropped)}
    found = reconstruct(Problem(**files, solver=solver))
    assert (found["solutions"], found["complete"], found["truth"]["admitted"]) == (number, True, True)


SMOKERS = {  # databases and best number of true cells; both solvers agree
    "exact": (0, None), "nearest": (20, 28), "nearest-half-down": (13, 28), "floor": (8, 27), "ceil": (0, None),
    "half-up": (0, None), "half-even": (0, None),
}  # fmt: skip


@pytest.mark.parametrize("solver", [SOLVERS[0], pytest.param(SOLVERS[1], marks=pytest.mark.science)])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_notebooks_block_under_each_rounding(solver: str, rounding: str):
    found = reconstruct(Problem(**example("smokers"), rounding=rounding, solver=solver, explain=False))
    number, best = SMOKERS[rounding]
    assert (found["solutions"], found["complete"], found["truth"]["best"]) == (number, True, best)
    assert found["truth"]["admitted"] == (rounding in ("nearest", "nearest-half-down"))


def test_statistics_that_conflict_are_named():
    """4 · 33 + 3 · 44 = 264, which is not 7 · 38."""
    found = reconstruct(Problem(**example("smokers")))
    assert found["conflict"] == ["", "NOT smoker", "smoker"]
    assert found["conflict_minimal"]


# Against brute force: four persons with a measure from 0 to 4 and two attributes.

VALUES = {"a": (False, True), "b": ("x", "y")}
DOMAIN = Domain.of("m", 0, 4, VALUES)
RECORDS = [tuple(row) for row in DOMAIN.codes.tolist()]
GROUPS = {
    "a": lambda r: r[1] == 1,
    "not a": lambda r: r[1] == 0,
    "b = y": lambda r: r[2] == 1,
    "a and b = x": lambda r: r[1] == 1 and r[2] == 0,
    "m >= 2": lambda r: r[0] >= 2,
    "a or m < 1": lambda r: r[1] == 1 or r[0] < 1,
}


@st.composite
def publications(draw: st.DrawFn, most: int = 4) -> tuple[int, str, dict[str, Line]]:
    """Lines about a database that is drawn, or (one in four) with a number that is not its own."""
    size = draw(st.integers(2, most))
    database = draw(st.lists(st.sampled_from(RECORDS), min_size=size, max_size=size))
    rounding = draw(st.sampled_from(ROUNDINGS))
    suppression = draw(st.integers(1, 3))
    lines = {"": Line(lambda r: True, size, None, None, suppression)}
    for name in draw(st.lists(st.sampled_from(sorted(GROUPS)), min_size=1, max_size=4, unique=True)):
        about = GROUPS[name]
        measures = sorted(r[0] for r in database if about(r))
        if len(measures) < suppression:
            lines[name] = Line(about, None, None, None, suppression)
            continue
        count = len(measures)
        middle = Fraction(measures[(count - 1) // 2] + measures[count // 2], 2) if count else None
        mean = Fraction(sum(measures), count) if count else None
        off = draw(st.sampled_from([0, 0, 0, 1]))
        shown = [
            _shown(draw, number + off if place == off else number, rounding) if number is not None else None
            for place, number in enumerate((middle, mean))
        ]
        lines[name] = Line(about, count, *shown, suppression)
    return size, rounding, lines


def _shown(draw: st.DrawFn, number: Fraction, rounding: str) -> str | None:
    if draw(st.integers(0, 4)) == 0:
        return None
    digits = draw(st.integers(0, 2))
    return str(draw(st.sampled_from(sorted(printed(number, digits, "nearest" if rounding == "exact" else rounding)))))


def statistics_of(lines: dict[str, Line], rounding: str) -> list[Statistic]:
    found = []
    for name, line in lines.items():
        group = np.array([line.about(record) for record in RECORDS])
        low, high = (0, line.suppression - 1) if line.count is None else (line.count, line.count)
        numbers = [None if text is None else Published.of(text, rounding) for text in (line.median, line.mean)]
        found.append(Statistic(name, group, low, high, *numbers))
    return found


@pytest.mark.parametrize("solver", SOLVERS)
@settings(max_examples=10)
@given(publications(most=3))
def test_the_solvers_find_what_trying_all_finds(solver: str, published: tuple[int, str, dict[str, Line]]):
    size, rounding, lines = published
    right = all_fitting(RECORDS, size, list(lines.values()), rounding)
    found = find(DOMAIN, statistics_of(lines, rounding), 10**6, Budget(), solver)
    assert found.complete
    assert {tuple(RECORDS[kind] for kind in database) for database in found.databases} == right
    assert len(found.databases) == len(right)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shown", ["2", "1.5", "0", "3.5"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_medians_of_persons_without_attributes(solver: str, shown: str, size: int):
    domain = Domain.of("m", 0, 4, {})
    lines = [Line(lambda r: True, size, shown, None)]
    statistic = Statistic("", np.ones(5, dtype=bool), size, size, Published.of(shown))
    found = find(domain, [statistic], 10**6, Budget(), solver)
    right = all_fitting([(m,) for m in range(5)], size, lines, "exact")
    assert {tuple((kind,) for kind in database) for database in found.databases} == right


@pytest.mark.science
@pytest.mark.parametrize("solver", SOLVERS)
@settings(max_examples=400)
@given(publications())
def test_the_solvers_find_what_trying_all_finds_at_length(solver: str, published: tuple[int, str, dict[str, Line]]):
    size, rounding, lines = published
    right = all_fitting(RECORDS, size, list(lines.values()), rounding)
    found = find(DOMAIN, statistics_of(lines, rounding), 10**6, Budget(), solver)
    assert {tuple(RECORDS[kind] for kind in database) for database in found.databases} == right


@settings(max_examples=8)
@given(publications())
def test_what_is_certain_is_proven_without_all_databases(published: tuple[int, str, dict[str, Line]]):
    size, rounding, lines = published
    right = all_fitting(RECORDS, size, list(lines.values()), rounding)
    statistics = statistics_of(lines, rounding)
    first = find(DOMAIN, statistics, 1, Budget())
    if not right:
        return
    more, known = proven(DOMAIN, statistics, first, Budget())
    assert known
    alike = [cell for cell in cells_of(DOMAIN, more.databases) if len(cell.values) == 1]
    kinds = {record: kind for kind, record in enumerate(RECORDS)}
    every = cells_of(DOMAIN, [tuple(kinds[record] for record in database) for database in right])
    certain = [(cell.person, cell.column) for cell in every if len(cell.values) == 1]
    assert [(cell.person, cell.column) for cell in alike] == certain


@settings(max_examples=10)
@given(publications())
def test_a_conflict_is_one_and_needs_all_its_statistics(published: tuple[int, str, dict[str, Line]]):
    size, rounding, lines = published
    if all_fitting(RECORDS, size, list(lines.values()), rounding):
        return
    named, minimal = conflict(DOMAIN, statistics_of(lines, rounding), Budget())
    assert minimal
    chosen = [lines[statistic.name] for statistic in named]
    assert not any(all_fitting(RECORDS, n, chosen, rounding) for n in range(5))
    for left_out in chosen:
        rest = [line for line in chosen if line is not left_out]
        assert any(all_fitting(RECORDS, n, rest, rounding) for n in range(5)), "it can be spared"


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shown", ["3", "2.5", "36.7", "0.25", "4.00"])
def test_what_a_printed_number_admits(rounding: str, shown: str):
    for times in range(1, 9):
        low, high = Published.of(shown, rounding).admits(times).whole(times)
        right = [s for s in range(45 * times) if could_print(Fraction(s, times), shown, rounding, [times])]
        assert list(range(low, high + 1)) == right, (times, low, high)


def test_a_group_of_unknown_size_is_bound_by_its_mean_and_median():
    """Two to three persons with a mean from 3 to 4 and a median of at least 2."""
    group = np.ones(len(DOMAIN), dtype=bool)
    one = DOMAIN.only(np.array([record[1:] == (0, 0) for record in RECORDS]))
    group = np.ones(len(one), dtype=bool)
    statistic = Statistic("", group, 2, 3, Interval(Fraction(2), Fraction(4)), Interval(Fraction(3), Fraction(4)))
    found = find(one, [statistic], 10**6, Budget())
    right = {
        database
        for size in (2, 3)
        for database in all_fitting([(m,) for m in range(5)], size, [], "exact")
        if 3 <= Fraction(sum(m for (m,) in database), size) <= 4
    }
    within = {tuple((int(one.measure[kind]),) for kind in database) for database in found.databases}
    assert within <= right
    assert {d for d in right if sorted(m for (m,) in d)[(len(d) - 1) // 2] >= 2} <= within


def tables_of_thirty(folder: Path, bands: int) -> dict[str, str]:
    """One- and two-way tables of a made-up block of 30 persons: counts, medians and means to two digits, cells of fewer
    than 3 suppressed; with `bands` also the counts of these groups by age."""
    table = registry.dataset("block:size=30,least=30,most=30")[0].load(generator(9))
    frame = table.frame[["age", "sex", "race", "married"]]
    values = {"sex": ["F", "M"], "race": list(RACES_OF_BLOCK), "married": [False, True]}
    groups = [("", frame.index == frame.index)]
    for size in (1, 2):
        for names in combinations(values, size):
            for key in product(*(values[name] for name in names)):
                text = " AND ".join(
                    f"{n} = {v if n == 'married' else repr(v)}" for n, v in zip(names, key, strict=True)
                )
                groups.append((text, (frame[list(names)] == list(key)).all(axis=1)))
    lines = []
    for text, inside in groups:
        ages = frame.loc[inside, "age"]
        shown = f"{len(ages)},{ages.median():.1f},{ages.mean():.2f}" if len(ages) >= 3 else ",,"
        lines.append(f"{text},{shown}")
        if " AND " in text:
            continue
        for low in range(0, 101, bands) if bands else ():
            count = int(ages.between(low, low + bands - 1).sum())
            where = f"{text}{' AND ' if text else ''}age BETWEEN {low} AND {low + bands - 1}"
            lines.append(f"{where},{count if count >= 3 else ''},,")
    (folder / "stats.csv").write_text("\n".join(["where,count,median,mean", *lines]))
    (folder / "domain.toml").write_text(
        'measure = {name = "age", min = 0, max = 100}\nrules = ["NOT married OR age >= 18"]\n[attributes]\n'
        f'sex = ["F", "M"]\nrace = {json.dumps(list(RACES_OF_BLOCK))}\nmarried = "boolean"\n'
    )
    frame.to_csv(folder / "truth.csv", index=False)
    return {name: str(folder / file) for name, file in
            (("statistics", "stats.csv"), ("domain", "domain.toml"), ("truth", "truth.csv"))}  # fmt: skip


@pytest.mark.science
@pytest.mark.parametrize("bands", [0, 10])
def test_a_block_of_thirty_in_a_minute(bands: int, tmp_path: Path):
    found = reconstruct(Problem(**tables_of_thirty(tmp_path, bands), rounding="nearest", limit=200))
    assert found["complete"] or found["stopped"] in ("limit", "seconds")
    assert found["seconds_total"] < 75, "the model is built besides"
    assert found["solutions"] > 0
    truth = _records(tmp_path)
    for cell in found["certain"] or ():
        place = ("age", "sex", "race", "married").index(cell["column"])
        assert truth[cell["person"] - 1][place] == cell["value"]


def _records(folder: Path) -> list[list[object]]:
    frame = pd.read_csv(folder / "truth.csv")
    order = {race: place for place, race in enumerate(RACES_OF_BLOCK)}
    frame = frame.sort_values(["age", "sex", "race", "married"], key=lambda c: c.map(order) if c.name == "race" else c)
    return frame.to_numpy().tolist()
