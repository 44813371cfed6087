"""Generated queries on generated tables: the session's rows under `none` are those of plain DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.model import Answer, Column, Kind, Schema
from tests.sql_reference import Row, asked, assert_same, exact, plain, quoted, typed

SCHEMA = Schema(
    table="Tafel",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("i", Kind.INTEGER),
        Column("year", Kind.INTEGER),
        Column("r", Kind.REAL),
        Column('q "r"', Kind.REAL),
        Column("s", Kind.TEXT),
        Column("t ü", Kind.TEXT),
        Column("b", Kind.BOOLEAN),
        Column("d", Kind.DATE),
        Column("date", Kind.DATE),
        Column("m", Kind.DATETIME),
    ),
    uid="uid",
)
POOLS: dict[Kind, list[Any]] = {
    Kind.INTEGER: [None, -3, -1, 0, 1, 1, 2, 3, 2020],
    # multiples of a quarter: their sums are exact, so the order of summing does not show
    Kind.REAL: [None, float("nan"), -0.0, 0.0, 0.25, -1.25, 1.0, 2.0, 3.75],
    Kind.TEXT: [
        None,
        "",
        "a",
        "A",
        "ab",
        "a%b",
        "a_b",
        "O'x",
        'say "x"',
        "é",
        "É",
        "ß",
        "日本",
        "a\nb",
        "a\\b",
        "NULL",
        "--",
    ],
    Kind.BOOLEAN: [None, True, False],
    Kind.DATE: [None, date(1969, 12, 31), date(2020, 1, 1), date(2020, 2, 29), date(2021, 1, 1)],
    Kind.DATETIME: [
        *(None, datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(2020, 1, 1), datetime(2020, 1, 1, 12, 0, 0, 1)),
        datetime(2020, 2, 29),
    ],
}
PATTERNS = ["%", "", "a%", "%b", "a_b", "%'%", "_", "__", "É", "é%", "%\n%", "a\\b", "%%", "a!%b", "a!_%", "!!", "ẞ"]
COMPARISONS = ["=", "==", "<>", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Thing:
    """Something that a condition, GROUP BY or ORDER BY can be about: how it is written, and of which kind it is."""

    text: str
    kind: Kind


Things = Sequence[Thing]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def rows_of(draw: Draw) -> list[Row]:
    """The cells come from one seed: drawn one by one they take longer than all queries."""
    size, many = pick(draw, 30, 20, 8, 30, 1, 0), pick(draw, True, False)
    cells = Random(draw(st.integers(0, 2**32)))
    uids = [cells.randint(1, 4) if many else i for i in range(size)]
    return [(uid, *(cells.choice(POOLS[column.kind]) for column in SCHEMA.columns[1:])) for uid in uids]


def pick(draw: Draw, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def constant(draw: Draw, kind: Kind) -> str:
    """A constant that fits the kind, in one of its spellings."""
    if kind in (Kind.INTEGER, Kind.REAL) and pick(draw, True, False):
        return str(pick(draw, "1.5", "-0.25", "2e0", "-0.0", "0.75", "+1", "-1", "2.0"))
    value = draw(st.sampled_from([v for v in POOLS[kind] if v is not None and v == v]))
    match kind:
        case Kind.INTEGER | Kind.REAL:
            return str(pick(draw, f"{value}", f"'{value}'", f"({value})"))
        case Kind.BOOLEAN:
            return str(pick(draw, f"{value}", f"{value}".upper(), f"'{value}'".lower()))
        case Kind.DATE:
            return str(pick(draw, f"DATE '{value}'", f"'{value}'", f"CAST('{value}' AS DATE)", f"'{value}'::date"))
        case Kind.DATETIME:
            return str(pick(draw, f"TIMESTAMP '{value}'", f"'{value}'", f"date '{value.date()}'"))
    return literal(value)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def condition(draw: Draw, things: Things, depth: int) -> str:
    """Conditions are joined with and without parentheses, so that precedence shows."""
    form = draw(st.integers(0, 9)) if depth else 9
    if form == 0:
        return f"{pick(draw, 'NOT', 'not')} ({condition(draw, things, depth - 1)})"
    if form == 1:
        return f"NOT {condition(draw, things, 0)}"
    if form <= 5:
        words = " AND ", " and ", " OR ", "\nOR\t", ") AND (", ") OR ("
        parts = [condition(draw, things, depth - 1) for _ in range(draw(st.integers(2, 3)))]
        return "(" + "".join(part + pick(draw, *words) for part in parts[:-1]) + parts[-1] + ")"
    return simple(draw, things)


def simple(draw: Draw, things: Things) -> str:
    on = draw(st.sampled_from(things))
    forms = ["compare", "flip", "columns", "between", "in", "null", "null"]
    forms += ["like", "like"] if on.kind is Kind.TEXT else []
    forms += ["bare", "bare"] if on.kind is Kind.BOOLEAN else []
    form, no = pick(draw, *forms), pick(draw, "", "NOT ")
    event(f"condition: {form}")
    match form:
        case "compare":
            return f"{on.text} {pick(draw, *COMPARISONS)} {constant(draw, on.kind)}"
        case "flip":
            return f"{constant(draw, on.kind)}{pick(draw, *COMPARISONS)}{on.text}"
        case "columns":
            number = on.kind.is_number
            other = draw(st.sampled_from([t for t in things if t.kind is on.kind or (number and t.kind.is_number)]))
            return f"{on.text} {pick(draw, *COMPARISONS)} ({other.text})"
        case "between":
            return f"{on.text} {no}BETWEEN {constant(draw, on.kind)} AND {constant(draw, on.kind)}"
        case "in":
            values = [constant(draw, on.kind) for _ in range(draw(st.integers(1, 4)))]
            return f"{on.text} {no}IN ({', '.join(values)})"
        case "null":
            return on.text + pick(draw, " IS NULL", " IS NOT NULL", " ISNULL", " notnull")
        case "like":
            escape = pick(draw, "", " ESCAPE '!'")
            pattern = pick(draw, *(p for p in PATTERNS if not escape or (len(p) - len(p.rstrip("!"))) % 2 == 0))
            return f"{on.text} {no}{pick(draw, 'LIKE', 'ILIKE')} {literal(pattern)}{escape}"
    return f"{no}{on.text}"


def column_text(draw: Draw, column: Column, alias: str) -> str:
    name = quoted(column.name)
    if column.name.isalnum() and pick(draw, True, False):
        name = pick(draw, column.name, column.name.upper())
    return pick(draw, name, name, f"{alias}.{name}")


def aggregate(draw: Draw, columns: Things) -> Thing:
    numbers = [thing for thing in columns if thing.kind.is_number]
    times = [thing for thing in columns if thing.kind.is_time]
    form = pick(draw, "rows", "count", "sum", "avg", "min", "max")
    distinct = pick(draw, "", "DISTINCT ")
    match form:
        case "rows":
            return Thing(pick(draw, "count(*)", "COUNT( * )"), Kind.INTEGER)
        case "count":
            return Thing(f"count({distinct}{draw(st.sampled_from(columns)).text})", Kind.INTEGER)
    on = draw(st.sampled_from(numbers if form in ("sum", "avg") else [*numbers, *times]))
    return Thing(f"{form}({distinct}{on.text})", Kind.REAL if form == "avg" else on.kind)


@dataclass(frozen=True)
class Question:
    sql: str
    total: bool  # whether ORDER BY leaves no choice
    shown: tuple[int, ...]  # the columns of the answer that it sorts by, as far as they tell its order


def question(draw: Draw) -> Question:
    alias = pick(draw, "Tafel", "x")
    columns = [Thing(column_text(draw, column, alias), column.kind) for column in SCHEMA.columns]
    keys = draw(st.lists(st.sampled_from(columns), min_size=pick(draw, 0, 1, 1), max_size=3, unique=True))
    measures = [aggregate(draw, columns) for _ in range(draw(st.integers(0 if keys else 1, 3)))]
    picked = [key for key in keys if pick(draw, True, True, False)] + measures
    outputs = draw(st.permutations(picked or keys))
    names = [pick(draw, "", f"n{i}", f'"N {i}"') for i in range(len(outputs))]
    written = [
        thing.text + (pick(draw, " AS ", " ") + name if name else "")
        for thing, name in zip(outputs, names, strict=True)
    ]
    spellings = {thing: [thing.text] for thing in [*keys, *measures]}
    for i, (thing, name) in enumerate(zip(outputs, names, strict=True)):
        spellings[thing] += [str(i + 1), *([name] if name else [])]

    sql = f"SELECT {', '.join(written)} FROM " + pick(draw, "Tafel", "tafel", '"Tafel"')
    sql += "" if alias == "Tafel" else pick(draw, " x", " AS x")
    if pick(draw, True, True, False):
        sql += f" WHERE {condition(draw, columns, pick(draw, 0, 1, 2, 3))}"
    if keys and set(keys) <= set(outputs) and pick(draw, True, False):
        sql += " GROUP BY ALL"
    elif keys:
        sql += " GROUP BY " + ", ".join(pick(draw, *spellings[key]) for key in draw(st.permutations(keys)))
    if pick(draw, *([True, False] if keys else [False] * 5 + [True])):
        extra = [aggregate(draw, columns)]
        named = [Thing(name, thing.kind) for thing, name in zip(outputs, names, strict=True) if name]
        sql += f" HAVING {condition(draw, [*keys, *measures, *extra, *named], pick(draw, 0, 1, 2))}"
    by = draw(st.permutations([*keys, *measures]))[: draw(st.integers(0, len(keys) + len(measures)))]
    limited = pick(draw, True, False, False)
    by += [key for key in keys if limited and key not in by]
    orders = [pick(draw, *spellings[t]) + pick(draw, "", " ASC", " DESC") + nulls(draw) for t in by]
    sql += " ORDER BY " + ", ".join(orders) if by else ""
    sql += (
        pick(draw, " LIMIT 2", " LIMIT 3 OFFSET 1", " OFFSET 2", " LIMIT 100", " limit 7", " LIMIT 0")
        if limited
        else ""
    )
    event(f"keys: {len(keys)}")
    shown = []
    for thing in by:
        if thing not in outputs:
            break
        shown.append(outputs.index(thing))
    return Question(sql, set(keys) <= set(by), tuple(shown))


def nulls(draw: Draw) -> str:
    return str(pick(draw, "", " NULLS FIRST", " NULLS LAST"))


@st.composite
def cases(draw: Draw) -> tuple[list[Row], list[Question]]:
    return rows_of(draw), [question(draw) for _ in range(4)]


def check(case: tuple[list[Row], list[Question]]) -> None:
    rows, questions = case
    connection = plain(SCHEMA, rows)
    with asked(SCHEMA, rows) as session:
        answers = session.query_many([question.sql for question in questions])
        for question, answer in zip(questions, answers, strict=True):
            expected = exact(connection, question.sql)
            assert_same(answer, expected, question.total, question.sql)
            assert isinstance(answer, Answer)
            if not question.total:
                sorted_by = [
                    [typed(tuple(row[i] for i in question.shown)) for row in part] for part in (answer, expected)
                ]
                assert sorted_by[0] == sorted_by[1], question.sql


def generated(examples: int, derandomize: bool) -> Any:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    config = settings(
        max_examples=examples, deadline=None, derandomize=derandomize, database=None, suppress_health_check=slow
    )
    return config(given(cases())(check))


def test_generated_queries_are_answered_as_by_duckdb():
    generated(50, True)()


@pytest.mark.fuzz
def test_many_generated_queries_are_answered_as_by_duckdb():
    generated(5_000, False)()
