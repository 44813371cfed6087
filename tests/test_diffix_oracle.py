"""Diffix against the slow oracle: same salt, same noisy answers, same suppressed buckets, same refusals, whatever table
and query. A case is one query on one table."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.seeds import digest
from harness.session import LocalSession
from tests.diffix_expressions import conditions as expressions
from tests.diffix_expressions import key as expression_key
from tests.oracle_aggregates import Number
from tests.oracle_diffix import noisy_answers
from tests.oracle_queries import (
    DISTINCT,
    Aggregate,
    Condition,
    Database,
    Question,
    Switches,
    broken_rules,
    buckets,
    has_notice,
)
from tests.oracle_terms import App
from tests.oracle_terms import written as term_text

# What the generated queries consist of.
AGGREGATES = (
    *("count", "sum", "avg", "stddev", "min", "max", "median"),
    *("count_noise", "sum_noise", "avg_noise", "stddev_noise"),
)
CONDITIONS = ("=", "<>", "in", "not in", "null", "not-null", "between", "not between", "pair", "pair with <=")
REFUSED = (
    "lone inequality",
    "open range",
    "empty range",
    "second range",
    "range of texts",
    "range beyond the domain",
    "or",
    "or",
    "distinct",
    "distinct",
)
SWITCHES = ("static", "dynamic", "low_count", "flatten", "snap", "shrink_and_drop", "round")
NOTICES = True

CASES = 500  # of `make test`
FUZZ_CASES = 20_000
ASKED = 6  # queries a table

# Column -> its kind and profiles: the values that a table draws from. NULL is added.
# The names are those that the product uses for its own columns, and such as need quotes. Reals of both signs are
# quarters, so that the sign of a user's sum does not hang on the order of the summands.
PROFILES: dict[str, tuple[Kind, tuple[tuple[Any, ...], ...]]] = {
    "k0": (
        Kind.TEXT,
        (
            ("x", "y"),
            ("", " ", "a", "A"),
            ("it's", '"', "--", "\\", "a,b", "%", "a\n"),
            ("NULL", "NaN", "1", "1.0", "true"),
            ("ß", "日本 😀", "e\u0301", "é"),
        ),
    ),
    "users": (
        Kind.INTEGER,
        (
            tuple(range(18, 90)),
            tuple(range(18, 90, 9)),
            tuple(range(-20, 21, 4)),
            tuple(range(-9, 0)),
            (0, 1, 2),
            (0,),
            (7,),
            (1, 2, 3, 4, 5, 6, 1_000_000),
            (1, 2, 3, -(10**12)),
            (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
        ),
    ),
    'c0" größe': (
        Kind.REAL,
        (
            tuple(n / 4 for n in range(-20, 21, 3)),
            tuple(n / 10 for n in range(1, 40)),
            tuple(-n / 100 for n in range(1, 300, 7)),
            (0.0, -0.0),
            (0.1,),
            (1.5, 2.25, 3.0, -(2.0**40)),
            (0.0, 5e-324, 0.1, 1e16, 1e150),
            (-0.0, -0.1, -1e16, -1e150),
        ),
    ),
    "h": (Kind.BOOLEAN, ((True, False), (True,))),
    "date": (
        Kind.DATE,
        (
            tuple(date(2020, 1, 1) + timedelta(day) for day in range(14)),
            tuple(date(2001, 1, 15) + timedelta(37 * n) for n in range(100)),
            (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2020, 3, 2)),
            (date(1969, 12, 31),),
            (date(1, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31)),
        ),
    ),
    "u": (
        Kind.DATETIME,
        (
            tuple(datetime(2020, 5, 4, 12, 30) + timedelta(seconds=7.25 * n) for n in range(12)),
            tuple(datetime(2020, 12, 31, 20) + timedelta(hours=0.7 * n) for n in range(12)),
            tuple(datetime(2021, 2, 1) + timedelta(days=20.3 * n) for n in range(12)),
            tuple(datetime(1960, 5, 4, 23, 59, 59, 999_999) + timedelta(microseconds=n) for n in range(4)),
            (datetime(1, 1, 1), datetime(2020, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
        ),
    ),
}
NAMES = tuple(PROFILES)
KINDS = {name: str(kind) for name, (kind, _) in PROFILES.items()}
RANGES = ("between", "not between", "pair", "pair with <=")
ORDERED = tuple(name for name, (kind, _) in PROFILES.items() if kind.is_number or kind.is_time)
GROUPED = ("k0", "k0", "h", "h", *NAMES)
UID = "uid"
DTYPES = {
    Kind.TEXT: "object",
    Kind.INTEGER: "Int64",
    Kind.REAL: "float64",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "datetime64[us]",
    Kind.DATETIME: "datetime64[us]",
}

# Tables


def database(chance: random.Random, one_row: bool) -> Database:
    """Rows whose cells are drawn from one profile a column."""
    text_uid, first = chance.random() < 0.5, chance.choice([0, -3, 2**62])
    size = chance.choice([0, 1, 3, 8, 15, 20, 25, 30, 40, 40, 40, 60, 80, 80, 100, 150])
    users = max(1, size / chance.choice([1.3, 2, 5]))
    profiles = {name: chance.choice(PROFILES[name][1]) for name in NAMES}
    nulls = {name: chance.choice([0, 0, 0, 0.1, 0.1, 0.4, 1]) for name in NAMES}
    rows = []
    for row in range(size):
        user = first + (row if one_row else int(chance.triangular(0, users, 0)))
        cells = {name: None if chance.random() < nulls[name] else chance.choice(profiles[name]) for name in NAMES}
        rows.append({UID: f"u'{user}é" if text_uid else user, **cells})
    kinds = {UID: "text" if text_uid else "integer", **KINDS}
    return Database("users", UID, kinds, rows, digest("oracle", chance.getrandbits(32)))


@contextmanager
def session(database: Database, built: diffix) -> Iterator[LocalSession]:
    uid_kind = Kind(database.kinds[UID])
    columns = (Column(UID, uid_kind), *(Column(name, kind) for name, (kind, _) in PROFILES.items()))
    frame = pd.DataFrame(
        {c.name: pd.Series([row[c.name] for row in database.rows], dtype=DTYPES[c.kind]) for c in columns}
    )
    schema = Schema(database.table, columns, UID)
    engine = DuckEngine(Table(schema, frame), database.salt)
    try:
        yield LocalSession(schema, engine, built, np.random.default_rng(0))
    finally:
        engine.close()


# Queries


def question(chance: random.Random, table: Database) -> Question:
    keys: dict[str | App, None] = dict.fromkeys(chance.choices(GROUPED, k=chance.choice([0, 0, 0, 1, 1, 2])))
    if chance.random() < 0.2:
        keys[expression_key(chance, table)] = None
    chosen = dict.fromkeys(aggregate(chance, table) for _ in range(chance.randint(1, 4)))
    parts: list[Condition] = []
    for _ in range(chance.choice([0, 0, 1, 1, 1, 1, 2, 2, 3, 4])):
        in_a_range = [c.column for c in parts if c.op in ("between", "not between", ">=") or c.term is not None]
        free = [name for name in ORDERED if name not in in_a_range]
        parts += (expressions if chance.random() < 0.35 or not free else condition)(chance, table, free)
    chance.shuffle(parts)
    asked = Question(tuple(keys), tuple(chosen), tuple(parts))
    return spoiled(chance, table, asked) if REFUSED and chance.random() < 0.1 else asked


def aggregate(chance: random.Random, table: Database) -> Aggregate:
    function = chance.choice(AGGREGATES)
    if function in ("count", "count_noise") and chance.random() < 0.5:
        return chance.choice([Aggregate(function), Aggregate(function, UID, distinct=True)])
    kinds = {name: Kind(kind) for name, kind in table.kinds.items()}
    if function not in ("count", "count_noise"):
        with_times = function in ("min", "max", "median")
        kinds = {n: k for n, k in kinds.items() if k.is_number or (k.is_time and with_times)}
    return Aggregate(function, chance.choice(list(kinds)), function in DISTINCT and chance.random() < 0.4)


def condition(chance: random.Random, table: Database, for_ranges: Sequence[str]) -> tuple[Condition, ...]:
    """One condition, or two inequalities, mostly about values that the table has."""
    op = chance.choice(CONDITIONS)
    if op in RANGES:
        column = chance.choice(for_ranges)
        return spelled(op, column, bounds(chance, table, column))
    if op in ("null", "not-null"):
        return (Condition(chance.choice(partly_null(table) or NAMES), op),)
    column = chance.choice(GROUPED if op in ("=", "in") else NAMES)
    pool = [*present(table, column) * 3, *PROFILES[column][1][0]]
    number = chance.randint(2, 5) if op == "in" else chance.randint(1, 3) if op == "not in" else 1
    return (Condition(column, op, tuple(chance.choices(pool, k=number))),)


def present(table: Database, column: str) -> list[Any]:
    """The values of a column, sorted."""
    return sorted({row[column] for row in table.rows if row[column] is not None})


def partly_null(table: Database) -> list[str]:
    """The columns that hold NULL and something else."""
    return [name for name in NAMES if len({row[name] is None for row in table.rows}) == 2]


def spelled(op: str, column: str, ends: tuple[Any, Any]) -> tuple[Condition, ...]:
    if op in ("between", "not between"):
        return (Condition(column, op, ends),)
    upper = "<=" if op == "pair with <=" else "<"
    return Condition(column, ">=", ends[:1]), Condition(column, upper, ends[1:])


def bounds(chance: random.Random, table: Database, column: str) -> tuple[Any, Any]:
    """Two different values near those of the table, often around all of them."""
    values = present(table, column) or list(PROFILES[column][1][0])
    if chance.random() < 0.7:
        values = [values[0], values[-1]]
    near = STEPS[table.kinds[column]]
    low, high = sorted(near(chance.choice(values), chance.choice(OFFSETS)) for _ in range(2))
    return (low, high) if low < high else (low, near(low, 2))


def in_time(value: Any, by: timedelta) -> Any:
    """The value later by that much, or the value where the calendar ends."""
    try:
        return value + by
    except OverflowError:
        return value


OFFSETS = (0, 0, 0, 1, -1, 2, 3, 5, -10, 40, 0.5, -0.25)
STEPS: dict[str, Callable[[Any, float], Any]] = {
    "integer": lambda value, by: value + by if abs(value) < 2**50 else value,
    "real": lambda value, by: round(value + by / 4, 6) if abs(value) < 2**50 else value * (1 + by / 100),
    "date": lambda value, by: in_time(value, timedelta(int(by))),
    "datetime": lambda value, by: in_time(value, timedelta(seconds=by * abs(by))),
}


def spoiled(chance: random.Random, table: Database, asked: Question) -> Question:
    """The question with one thing more that is not answered, most often."""
    column = chance.choice(ORDERED)
    low, high = bounds(chance, table, column)
    match chance.choice(REFUSED):
        case "distinct":
            on = chance.choice([("stddev", "users"), ("median", "users"), ("median", "date")])
            return replace(asked, aggregates=(*asked.aggregates[:3], Aggregate(*on, distinct=True)))
        case "lone inequality":
            more = (Condition(column, chance.choice(["<", "<=", ">", ">="]), (low,)),)
        case "open range":
            more = (Condition(column, ">", (low,)), Condition(column, chance.choice(["<", "<="]), (high,)))
        case "empty range":
            more = spelled(chance.choice(RANGES), column, chance.choice([(low, low), (high, low)]))
        case "second range":
            ranges = [(low, high), bounds(chance, table, column)]
            more = tuple(part for ends in ranges for part in spelled("between", column, ends))
        case "range of texts":
            more = (Condition("k0", "between", ("a", "b")),)
        case "range beyond the domain":
            ends = chance.choice([(0, 2**63 - 1), (-(2**63), 1), (2**62, 2**63 - 1)])
            more = spelled(chance.choice(RANGES), "users", ends)
        case _:
            more = (Condition(column, "or", (low, high)),)
    place = chance.randint(0, len(asked.conditions))
    return replace(asked, conditions=asked.conditions[:place] + more + asked.conditions[place:])


def switches(chance: random.Random) -> Switches:
    """All mechanisms on in half of the tables."""
    drawn = {name: chance.random() < 0.5 for name in SWITCHES}
    return Switches(**drawn) if chance.random() < 0.5 else Switches()


# SQL


def sql(database: Database, question: Question) -> str:
    keys = [quoted(key) if isinstance(key, str) else term_text(key) for key in question.keys]
    shown = keys + [called(aggregate) for aggregate in question.aggregates]
    text = f"SELECT {', '.join(shown)} FROM {quoted(database.table)}"
    if question.conditions:
        text += " WHERE " + " AND ".join(written(condition) for condition in question.conditions)
    if question.keys:
        text += " GROUP BY " + ", ".join(keys)
    return text


def called(aggregate: Aggregate) -> str:
    column = "*" if aggregate.column == "*" else quoted(aggregate.column)
    return f"{aggregate.function}({'DISTINCT ' if aggregate.distinct else ''}{column})"


def written(condition: Condition) -> str:
    column, op = quoted(condition.column) if condition.term is None else term_text(condition.term), condition.op
    values = [literal(value) for value in condition.values]
    match op:
        case "null" | "not-null":
            return f"{column} IS {'NOT ' if op == 'not-null' else ''}NULL"
        case "between" | "not between":
            return f"{column} {op.upper()} {values[0]} AND {values[1]}"
        case "in" | "not in":
            return f"{column} {op.upper()} ({', '.join(values)})"
        case "same" | "differ":
            return f"{column} {'=' if op == 'same' else '<>'} {quoted(condition.values[0])}"
        case "or":
            return f"({column} = {values[0]} OR {column} = {values[1]})"
    return f"{column} {op.upper()} {values[0]}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


# Comparison

Tally = Counter[str]


def check(database: Database, asked: list[Question], switched: Switches, tally: Tally | None = None) -> None:
    tally = Tally() if tally is None else tally
    built = diffix(**{name: on for name, on in asdict(switched).items() if name in SWITCHES})
    with session(database, built) as interface:
        answers = interface.query_many([sql(database, question) for question in asked])
    for question, answer in zip(asked, answers, strict=True):
        tally["cases"] += 1
        compare(database, question, switched, answer, tally)


def compare(database: Database, question: Question, switched: Switches, answer: Answer | Refused, tally: Tally) -> None:
    if broken := broken_rules(database, question, switched):
        assert isinstance(answer, Refused), question
        assert answer.rule in broken, question
        tally["refused"] += 1
        tally[answer.rule] += 1
        return
    assert isinstance(answer, Answer), (answer, question)
    if NOTICES:
        assert bool(answer.notices) == has_notice(database, question, switched), question
        tally["noticed"] += bool(answer.notices)
    width = len(question.keys)
    found = {row[:width]: row[width:] for row in zip(*plain(answer, width), strict=True)}
    expected = noisy_answers(database, question, switched)
    assert set(found) == set(expected), question
    tally["buckets"] += len(buckets(database, question, switched))
    tally["shown"] += len(expected)
    for key, numbers in expected.items():
        for said, number, aggregate in zip(found[key], numbers, question.aggregates, strict=True):
            assert_equal(said, number, (question, key, aggregate))
            tally["numbers"] += 1
            tally["not NULL"] += number is not None
            tally[f"{aggregate.function} is {'' if number else 'not '}shown"] += 1


def plain(answer: Answer, keys: int) -> list[Sequence[Any]]:
    """The columns of the answer; aggregates are numbers or None, moments in microseconds since 1970."""
    columns = list(zip(*answer.rows, strict=True))[:keys] if len(answer) else [()] * keys
    for column in answer.data[keys:]:
        if column.dtype.kind == "M":
            micros = column.astype("datetime64[us]")
            columns.append([None if np.isnat(at) else int(at.astype(np.int64)) for at in micros])
        else:
            columns.append([None if number != number else number for number in column.tolist()])
    return columns


def assert_equal(said: float | None, number: Number | None, where: Any) -> None:
    true = None if number is None else number.value
    assert (said is None) == (true is None), where
    if said is not None and true is not None and number is not None:
        assert abs(said - true) <= 1e-9 * float(number.scale) + 1e-12, (said, true, where)


def run(one_row: bool, number: int, start: int) -> Tally:
    """So many generated cases, the first table from the seed `start`; what was met."""
    tally = Tally()
    for seed in range(start, start - (-number // ASKED)):
        chance = random.Random(seed)
        table = database(chance, one_row)
        asked = [question(chance, table) for _ in range(ASKED)]
        drawn = switches(chance)
        try:
            check(table, asked, drawn, tally)
        except Exception:
            pytest.fail(f"Seed {seed}. {smallest(table, asked, drawn)}", pytrace=False)
    return tally


def smallest(table: Database, asked: list[Question], switched: Switches) -> str:
    """A failing query with everything left out that is not needed to make it fail, as a message."""

    def failure(rows: Sequence[Any], shorter: Question) -> Exception | None:
        try:
            check(replace(table, rows=rows), [shorter], switched)
        except Exception as error:
            return error
        return None

    failing = [one for one in asked if failure(table.rows, one)]
    if not failing:
        return f"Only together they fail: {asked}"
    rows, left = list(table.rows), failing[0]
    for part in ("conditions", "keys", "aggregates"):
        for item in getattr(left, part):
            shorter = replace(left, **{part: tuple(other for other in getattr(left, part) if other != item)})
            same_rules = broken_rules(table, shorter, switched) == broken_rules(table, left, switched)
            if shorter.aggregates and same_rules and failure(rows, shorter):
                left = shorter
    for size in (64, 16, 4, 1):
        for place in reversed(range(0, len(rows), size)):
            fewer = rows[:place] + rows[place + size :]
            if failure(fewer, left):
                rows = fewer
    used = {UID, *left.keys, *(c.column for c in left.conditions), *(a.column for a in left.aggregates)}
    shown = "\n".join(str({name: value for name, value in row.items() if name in used}) for row in rows)
    return f"{sql(table, left)}\n{switched}\n{shown}\n{failure(rows, left)!r}"


@pytest.mark.parametrize("one_row", [False, True])
def test_the_product_agrees_with_the_oracle(one_row: bool) -> None:
    """No case is skipped, and the agreement is no empty one."""
    tally = run(one_row, CASES // 2, start=0)
    assert tally["cases"] >= CASES // 2
    assert 0.05 < tally["refused"] / tally["cases"] < 0.35
    assert 0.25 < tally["shown"] / tally["buckets"] < 0.6
    assert 0.6 < tally["not NULL"] / tally["numbers"] < 0.9
    assert all(tally[f"{function} is shown"] >= 8 for function in AGGREGATES), tally
    assert all(tally[f"{function} is not shown"] >= 1 for function in AGGREGATES), tally
    assert all(tally[f"diffix-{rule}"] for rule in ("aggregate", "inequality", "or", "range", "unclear")), tally
    assert tally["noticed"] >= 30 or not NOTICES


@pytest.mark.fuzz
@pytest.mark.parametrize("one_row", [False, True])
def test_fuzz(one_row: bool) -> None:
    assert run(one_row, FUZZ_CASES // 2, start=secrets.randbits(40))["cases"] >= FUZZ_CASES // 2


# Fixed tables

ZOO = Database(
    "users",
    UID,
    {UID: "integer", **KINDS},
    [
        {
            UID: user,
            "k0": (None, "", "it's", "NULL")[row % 4],
            "users": (row % 3 or None) and row % 3 * (-1 if user % 3 == 1 else 1),
            'c0" größe': -0.0 if user % 2 else user / 4,
            "h": user < 9,
            "date": date(2020, 1, 1) + timedelta(user % 5),
            "u": None,
        }
        for user in range(30)
        for row in range(user % 7 + 1)
    ],
    digest("zoo"),
)
SINGLES = replace(ZOO, rows=[{**row, UID: number} for number, row in enumerate(ZOO.rows)])
COUNT, USERS = Aggregate("count"), Aggregate("count", UID, distinct=True)
NEW_YEAR, DAY_AFTER = date(2020, 1, 1), date(2020, 1, 2)
ALL_OF_USERS = tuple(Aggregate(function, "users") for function in AGGREGATES)
FIXED = [
    Question(("k0", "users"), (COUNT, USERS, Aggregate("count", "users"), Aggregate("count", "u"))),
    Question((), (COUNT, USERS)),
    Question((), ALL_OF_USERS),
    Question(("h",), ALL_OF_USERS, (Condition("users", "not-null"),)),
    Question(("k0",), ALL_OF_USERS, (Condition("users", "null"),)),
    Question((), (COUNT, USERS, Aggregate("count", "u")), (Condition("k0", "=", ("nobody",)),)),
    Question((), (COUNT,), (Condition("k0", "in", ("", "it's", "nobody")), Condition("users", "not in", (1, 5)))),
    Question(("k0",), (COUNT,), (Condition("k0", "=", ("NULL",)), Condition("k0", "in", ("NULL", "NULL")))),
    Question(("date",), (COUNT,), (Condition("date", "in", (NEW_YEAR, DAY_AFTER)),)),
    Question((), (COUNT, *ALL_OF_USERS), (Condition("date", "in", (NEW_YEAR, DAY_AFTER)),)),
    Question(("h",), (COUNT,), (Condition('c0" größe', "=", (0.0,)), Condition("h", "<>", (False,)))),
    Question((), (Aggregate("max", "date"), Aggregate("min", "date"), Aggregate("min", "u"), Aggregate("max", "u"))),
    Question((), ALL_OF_USERS, spelled("between", 'c0" größe', (0.1, 4.9))),
    Question(("users",), (USERS,), spelled("pair with <=", "date", (NEW_YEAR, date(2020, 1, 3)))),
    Question((), (Aggregate("sum", 'c0" größe'),), spelled("pair", "users", (0, 2))),
]


@pytest.mark.parametrize("fixed", [ZOO, SINGLES], ids=["many rows a user", "one row a user"])
def test_a_fixed_table_agrees(fixed: Database) -> None:
    for switched in (
        Switches(),
        Switches(low_count=False),
        Switches(flatten=False, low_count=False),
        Switches(snap=False, round=True),
        Switches(shrink_and_drop=False),
    ):
        check(fixed, FIXED, switched)


def test_the_fixed_table_meets_every_rule() -> None:
    """NULL answers, shown and suppressed buckets, flattening: what agrees there is no empty agreement."""
    everything = [noisy_answers(ZOO, asked, Switches(low_count=False)) for asked in FIXED]
    assert any(None in numbers for answers in everything for numbers in answers.values())
    assert 0 < len(noisy_answers(ZOO, FIXED[0])) < len(everything[0])
    for asked, flattened in zip(FIXED[1:4], everything[1:4], strict=True):
        assert flattened != noisy_answers(ZOO, asked, Switches(low_count=False, flatten=False))
    assert all(len(noisy_answers(SINGLES, asked)) for asked in FIXED if "nobody" not in str(asked.conditions[:1]))
