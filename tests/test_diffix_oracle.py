"""Diffix against the slow oracle: same salt, same noisy answers, same suppressed buckets, whatever table and query."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Schema, Table
from harness.seeds import digest
from harness.session import LocalSession
from tests.oracle_diffix import Condition, Database, Question, Switches, noisy_answers

# Column -> its kind and the values that a table can hold and a query can name. NULL is added to the rows.
# The names are those that the product uses for its own columns, and such as need quotes.
COLUMNS: dict[str, tuple[Kind, tuple[Any, ...]]] = {
    "k0": (
        Kind.TEXT,
        ("", " ", "a", "A", "b", "it's", '"', "--", "\\", "NULL", "NaN", "1", "1.0", "true", "ß", "日本 😀", "e\u0301",
         "é", "a,b", "%", "a\n"),
    ),
    "users": (Kind.INTEGER, (0, 1, -1, 20, 2**53 + 1, 2**63 - 1, -(2**63))),
    'c0" größe': (Kind.REAL, (0.0, -0.0, 1.0, 0.1, -2.5, 1e300, 5e-324, 1e16)),
    "h": (Kind.BOOLEAN, (True, False)),
    "date": (Kind.DATE, (date(2020, 1, 1), date(1969, 12, 31), date(2020, 2, 29))),
    "u": (
        Kind.DATETIME,
        (datetime(2020, 1, 1), datetime(2020, 1, 1, 0, 0, 0, 1), datetime(1960, 5, 4, 23, 59, 59, 999999)),
    ),
}  # fmt: skip
NAMES = tuple(COLUMNS)
UID = "uid"
DTYPES = {
    Kind.TEXT: "object",
    Kind.INTEGER: "Int64",
    Kind.REAL: "float64",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "datetime64[us]",
    Kind.DATETIME: "datetime64[us]",
}


@st.composite
def databases(draw: st.DrawFn, one_row: bool) -> Database:
    """Some groups of users that share a row; where users may have many rows, the groups overlap."""
    text_uid = draw(st.booleans())
    first = draw(st.sampled_from([0, -3, 2**62]))
    pools = [draw(st.lists(st.sampled_from([None, *values]), min_size=1, max_size=4)) for _, values in COLUMNS.values()]
    cells = st.tuples(*(st.sampled_from(pool) for pool in pools))
    rows: list[dict[str, Any]] = []
    fresh = 0
    for values in draw(st.lists(cells, min_size=1, max_size=7)):
        users = draw(st.integers(1, 9))
        start = fresh if one_row else draw(st.integers(0, 12))
        fresh += users
        for user in range(start, start + users):
            uid = f"u'{first + user}é" if text_uid else first + user
            times = 1 if one_row else draw(st.sampled_from([1, 1, 2, 3, 30]))
            rows += [{UID: uid, **dict(zip(NAMES, values, strict=True))}] * times
    kinds = {UID: "text" if text_uid else "integer", **{name: str(kind) for name, (kind, _) in COLUMNS.items()}}
    return Database("users", UID, kinds, rows, digest("oracle", draw(st.integers(0, 2**32))))


@st.composite
def conditions(draw: st.DrawFn, database: Database) -> Condition:
    """Mostly about values that the table has."""
    column = draw(st.sampled_from(NAMES))
    op = draw(st.sampled_from(["=", "<>", "in", "in", "not in"]))
    present = list(dict.fromkeys(row[column] for row in database.rows if row[column] is not None))
    pool = [*present * 3, *COLUMNS[column][1]]
    at_least, at_most = (2, 5) if op == "in" else (1, 3) if op == "not in" else (1, 1)
    values = draw(st.lists(st.sampled_from(pool), min_size=at_least, max_size=at_most))
    return Condition(column, op, tuple(values))


def questions(database: Database) -> st.SearchStrategy[Question]:
    return st.builds(
        Question,
        st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
        st.lists(st.sampled_from(["*", "distinct", UID, *NAMES]), min_size=1, max_size=3, unique=True).map(tuple),
        st.lists(conditions(database), max_size=3).map(tuple),
    )


@st.composite
def cases(draw: st.DrawFn, one_row: bool) -> tuple[Database, list[Question], Switches]:
    database = draw(databases(one_row))
    asked = draw(st.lists(questions(database), min_size=3, max_size=5))
    switches = st.just(Switches()) | st.builds(Switches, st.booleans(), st.booleans(), st.booleans(), st.booleans())
    return database, asked, draw(switches)


@contextmanager
def session(database: Database, built: diffix) -> Iterator[LocalSession]:
    uid_kind = Kind(database.kinds[UID])
    columns = (Column(UID, uid_kind), *(Column(name, kind) for name, (kind, _) in COLUMNS.items()))
    frame = pd.DataFrame(
        {c.name: pd.Series([row[c.name] for row in database.rows], dtype=DTYPES[c.kind]) for c in columns}
    )
    schema = Schema(database.table, columns, UID)
    engine = DuckEngine(Table(schema, frame), database.salt)
    try:
        yield LocalSession(schema, engine, built, np.random.default_rng(0))
    finally:
        engine.close()


def sql(database: Database, question: Question) -> str:
    counts = {"*": "count(*)", "distinct": f"count(DISTINCT {UID})"}
    shown = [quoted(key) for key in question.keys]
    shown += [counts.get(count) or f"count({quoted(count)})" for count in question.counts]
    text = f"SELECT {', '.join(shown)} FROM {quoted(database.table)}"
    if question.conditions:
        text += " WHERE " + " AND ".join(written(condition) for condition in question.conditions)
    if question.keys:
        text += " GROUP BY " + ", ".join(quoted(key) for key in question.keys)
    return text


def written(condition: Condition) -> str:
    values = [literal(value) for value in condition.values]
    inside = f"({', '.join(values)})" if condition.op in ("in", "not in") else values[0]
    return f"{quoted(condition.column)} {condition.op.upper()} {inside}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def check(database: Database, asked: list[Question], switched: Switches) -> None:
    with session(database, diffix(**asdict(switched))) as interface:
        answers = interface.query_many([sql(database, question) for question in asked])
    for question, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Answer), answer
        width = len(question.keys)
        found = {row[:width]: row[width:] for row in answer.rows}
        expected = noisy_answers(database, question, switched)
        assert set(found) == set(expected), question
        for key, counts in expected.items():
            for said, true in zip(found[key], counts, strict=True):
                assert (said is None) == (true is None), (question, key)
                assert true is None or math.isclose(float(str(said)), true, rel_tol=1e-9, abs_tol=1e-9), (question, key)


def oracle_test(examples: int, derandomize: bool) -> Any:
    return settings(
        max_examples=examples, deadline=None, derandomize=derandomize, suppress_health_check=list(HealthCheck)
    )


@pytest.mark.parametrize("one_row", [False, True])
@oracle_test(100, derandomize=True)
@given(st.data())
def test_the_product_agrees_with_the_oracle(one_row: bool, data: st.DataObject) -> None:
    check(*data.draw(cases(one_row)))


@pytest.mark.fuzz
@pytest.mark.parametrize("one_row", [False, True])
@oracle_test(3_000, derandomize=False)
@given(st.data())
def test_fuzz(one_row: bool, data: st.DataObject) -> None:
    check(*data.draw(cases(one_row)))


ZOO = Database(
    "users",
    UID,
    {UID: "integer", **{name: str(kind) for name, (kind, _) in COLUMNS.items()}},
    [
        {UID: user, "k0": (None, "", "it's", "NULL")[row % 4], "users": row % 3 or None,
         'c0" größe': -0.0, "h": user < 9,
         "date": date(2020, 1, 1) + timedelta(row % 2), "u": None}
        for user in range(30)
        for row in range(user % 7 + 1)
    ],
    digest("zoo"),
)  # fmt: skip
SINGLES = replace(ZOO, rows=[{**row, UID: number} for number, row in enumerate(ZOO.rows)])
ASKED = [
    Question(("k0", "users"), ("*", "distinct", "users", "u"), ()),
    Question((), ("*", "distinct"), ()),
    Question((), ("*", "distinct", "u"), (Condition("k0", "=", ("nobody",)),)),
    Question((), ("*",), (Condition("k0", "in", ("", "it's", "nobody")), Condition("users", "not in", (1, 5)))),
    Question(("k0",), ("*",), (Condition("k0", "=", ("NULL",)), Condition("k0", "in", ("NULL", "NULL")))),
    Question(("date",), ("*",), (Condition("date", "in", (date(2020, 1, 1), date(2020, 1, 2))),)),
    Question((), ("*", "users"), (Condition("date", "in", (date(2020, 1, 1), date(2020, 1, 2))),)),
    Question(("h",), ("*",), (Condition('c0" größe', "=", (0.0,)), Condition("h", "<>", (False,)))),
]


@pytest.mark.parametrize("database", [ZOO, SINGLES], ids=["many rows a user", "one row a user"])
def test_a_fixed_table_agrees(database: Database) -> None:
    for switched in (Switches(), Switches(low_count=False), Switches(flatten=False, low_count=False)):
        check(database, ASKED, switched)


def test_the_fixed_table_meets_every_rule() -> None:
    """NULL answers, shown and suppressed buckets, flattening: what agrees there is no empty agreement."""
    everything = [noisy_answers(ZOO, question, Switches(low_count=False)) for question in ASKED]
    assert any(None in counts for answers in everything for counts in answers.values())
    assert 0 < len(noisy_answers(ZOO, ASKED[0])) < len(everything[0])
    assert everything[1] != noisy_answers(ZOO, ASKED[1], Switches(low_count=False, flatten=False))
    assert all(
        len(noisy_answers(SINGLES, question)) for question in ASKED if question.conditions[:1] != ASKED[2].conditions
    )
