"""Golden SQL of Diffix: per rule of §6 what DuckDB is asked, which noise layers the answer has, and what it is.

A case of tests/sql/diffix/*.sql is a title, the analyst's statement, the statement that DuckDB gets, and one line a
layer with its sort and seed components, salt and table left out: column, operator, values. A value stands behind its
kind; a symbol, a position or a function's constant is bare. In parentheses stands what comes from the bucket:
`floated values` of the column, their `floated span` (smallest, largest, number), the `value of key 1`.

The layers were written from the sections of the paper, and from docs/diffix.md where that leaves the text.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from defenses.diffix import diffix
from defenses.diffix.layers import Layer, layers_of
from defenses.diffix.terms import seed_name
from harness.engine import DuckEngine
from harness.model import Answer
from harness.seeds import digest
from harness.session import History, LocalSession
from harness.sql import Plan, Query, analyse, parse
from harness.sql.compile import compile_plan
from tests.oracle_aggregates import Number
from tests.oracle_comparison import assert_equal, column_of
from tests.oracle_diffix import noisy_answers
from tests.oracle_queries import Database, Switches
from tests.oracle_reading import question_of
from tests.sql_reference import table
from tests.test_sql_golden import SCHEMA

TOPICS = (
    *("equality", "unclear", "negative", "ranges", "not_between", "in", "not_in", "like", "null", "columns"),
    *("keys", "none", "aggregates"),
)
PER_USER = "users"  # not of the oracle's language; test_diffix_per_user_rows has what is answered
SALT = digest("golden")


@dataclass(frozen=True)
class Case:
    topic: str
    title: str
    sql: str
    compiled: str
    layers: tuple[str, ...]

    @property
    def query(self) -> Query:
        return analyse(parse(self.sql), SCHEMA)

    @property
    def plan(self) -> Plan:
        plan = diffix().plan(self.query, History(SCHEMA))
        assert isinstance(plan, Plan), plan
        return plan


def read_cases() -> list[Case]:
    found = []
    for path in sorted((Path(__file__).parent / "sql" / "diffix").glob("*.sql")):
        for block in re.split(r"^--- ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            title, _, rest = block.partition("\n")
            sql, expected = rest.strip().split(";\n=>\n")
            lines = expected.splitlines()
            layers = tuple(line.removeprefix("-- layer ") for line in lines if line.startswith("-- layer "))
            compiled = [line for line in lines if not line.startswith("-- layer ")]
            found.append(Case(path.stem, title, sql, "\n".join(compiled).strip().removesuffix(";"), layers))
    return found


CASES = read_cases()


def in_words(layer: Layer) -> str:
    of = {"": "", "key": f"(value of key {layer.slot + 1})"}.get(layer.of, f"(floated {layer.of})")
    values = ", ".join(_value(value) for value in layer.values or ())
    parts = [seed_name(layer.column) if layer.column else "", layer.operator, of or values]
    return f"{'dynamic' if layer.dynamic else 'static'}: {' '.join(part for part in parts if part)}"


def _value(field: Any) -> str:
    if isinstance(field, tuple):
        return f"{field[0]} {field[1]}"
    return repr(field) if isinstance(field, str) and not field.strip() else str(field)


@cache
def people(many: bool) -> Database:
    """400 rows, of users with one row each or with five; every golden query selects some."""
    chance = random.Random(1)
    cells: dict[str, tuple[Any, ...]] = {
        "name": ("anna", "Anna", "ann", "an_x", "bob", " bob ", "bobby", "Murry", "McMurry", None),
        "dept": ("CS", "CS", "law", "Law", "bob", None),
        "age": (17, 18, 20, 20, 21, 24, 25, 29, 30, None),
        "pay": (-1.75, -1.25, 0.25, 0.5, 1.0, 1.5, 17.0, 20.0, None),
        "active": (True, True, False, None),
        "hired": tuple(date(2020, 1, 10) + timedelta(days) for days in (0, 0, 1, -9, 21, 60, 100, 400)),
        "seen": tuple(datetime(2020, 1, 1, 12) + timedelta(hours=hours) for hours in (0, 0, 1, 11, 12, 40, -20)),
        'odd "col" größe': (1, 2, None),
        "year": (2019, 2020, 2021),
    }
    rows = [
        {"uid": row // 5 if many else row, **{name: chance.choice(values) for name, values in cells.items()}}
        for row in range(400)
    ]
    return Database("staff", "uid", {column.name: str(column.kind) for column in SCHEMA.columns}, rows, SALT)


@cache
def interface(many: bool, low_count: bool) -> LocalSession:
    rows = [tuple(row[column.name] for column in SCHEMA.columns) for row in people(many).rows]
    engine = DuckEngine(table(SCHEMA, rows), SALT)
    return LocalSession(SCHEMA, engine, diffix(low_count=low_count), np.random.default_rng(0))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.topic}: {case.title}")
def test_a_query_has_its_golden_sql_and_layers(case: Case) -> None:
    assert compile_plan(case.plan, "uid", unique_uid=True) == case.compiled
    found = [in_words(layer) for layer in layers_of(case.plan.query)]
    assert sorted(found) == sorted(case.layers)


@pytest.mark.parametrize("many", [False, True], ids=["one row a user", "many rows a user"])
@pytest.mark.parametrize("topic", TOPICS)
def test_the_answer_is_that_of_the_slow_oracle(topic: str, many: bool) -> None:
    for low_count in (True, False):
        cases = [case for case in CASES if case.topic == topic]
        answers = interface(many, low_count).query_many([case.sql for case in cases])
        for case, answer in zip(cases, answers, strict=True):
            assert isinstance(answer, Answer), (case, answer)
            expected = noisy_answers(people(many), question_of(case.query), Switches(low_count=low_count))
            compare(case, answer, expected)


def compare(case: Case, answer: Answer, expected: dict[Any, list[Number | None]]) -> None:
    """Every golden query is about users enough for a number."""
    assert any(None not in numbers for numbers in expected.values()), case
    if case.query.rows:
        times = {key: round(number.value or 0) for key, [number] in expected.items() if number is not None}
        assert Counter(answer.rows) == Counter({key: number for key, number in times.items() if number > 0})
        return
    width = len(case.query.keys)
    slots = [output.slot for output in case.query.outputs]
    shown = {slot: column_of(answer, place, slot < width) for place, slot in enumerate(slots)}
    found = {row[:width]: row[width:] for row in zip(*(shown[slot] for slot in sorted(shown)), strict=True)}
    assert set(found) == set(expected), case
    for key, numbers in expected.items():
        for said, number in zip(found[key], numbers, strict=False):  # SELECT DISTINCT shows no number
            assert_equal(said, number, (case, key))


def test_every_rule_has_cases() -> None:
    assert {case.topic for case in CASES} == {*TOPICS, PER_USER}
    assert len({(case.topic, case.title) for case in CASES}) == len(CASES) >= 100
