# ruff: noqa: E501  (tables of SQL)
"""Every function, operator and cast of the query interface against plain Python: as a key, in WHERE, inside aggregates,
on tables of one row a user and of many."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import pytest

from harness.model import Answer, Column, Kind, Refused, Schema
from harness.session import LocalSession
from harness.sql.functions import CASTS, FUNCTIONS
from tests.oracle_terms import UNITS, App, Col, Term, Val, literal, microseconds, value, written
from tests.sql_reference import asked

SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("i", Kind.INTEGER),
        Column("j", Kind.INTEGER),
        Column("r", Kind.REAL),
        Column("x", Kind.REAL),
        Column("s", Kind.TEXT),
        Column("n", Kind.TEXT),
        Column("b", Kind.BOOLEAN),
        Column("d", Kind.DATE),
        Column("m", Kind.DATETIME),
    ),
    "uid",
)
# quarters: their sums and roundings are exact
POOLS: dict[str, list[Any]] = {
    "i": [None, 0, 1, -1, 2, 7, -15, 25, 2**53 + 1, 2**63 - 1, -(2**63), 5 - 2**63],
    "j": [None, 0, 1, -1, 2, 3, -4, 10],
    "r": [None, 0.0, -0.0, 0.25, -0.75, 2.5, -2.5, 12.5, 25.0, 149.75, -150.0],
    "x": [None, 0.0, 1.0, -3.5, 1e300, -1.7e308, 5e-324, 9.3e18, 2.0**62],
    "s": [None, "", " ", "a", "  ab ", "xxaxx", "ÄpfelÉ", "ßI", "İi", "日本語", "e\u0301x", "🂡b", "O'x", "a\nb", "%_"],
    "n": [None, "12", "-3.5", " 7 ", "1e3", "0.5", "2.5", "x", "", "1e400", "nan", "inf", "99999999999999999999", "true", "No", "T", "2020-02-29", "2021-02-29", "1999-12-31 23:59:59.5", "infinity", "12345-01-01", "epoch2"],
    "b": [None, True, False],
    "d": [None, date(1, 1, 1), date(9999, 12, 31), date(1969, 12, 31), date(2020, 2, 29), date(2021, 8, 1)],
    "m": [None, datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(2020, 2, 29, 12, 30, 1, 500_000), datetime(1969, 12, 31, 23, 59, 59), datetime(2021, 5, 1)],
}  # fmt: skip
COLUMNS = {column.name: Col(column.name, str(column.kind)) for column in SCHEMA.columns}
BY_KIND = {str(kind): [c for c in COLUMNS.values() if c.kind == kind and c.name != "uid"] for kind in Kind}
CONSTANTS: dict[str, list[Any]] = {
    "integer": [0, 1, -1, 2, 3, 10, -7, 100, 2**31, 2**63 - 1, -(2**63)],
    "real": [0.5, -0.25, 2.0, 1e300, 0.125],
    "text": ["", "a", " ", "xA", "Äß", "12", "%'"],
    "boolean": [True, False],
    "date": [date(2020, 2, 29), date(1, 1, 1)],
    "datetime": [datetime(2020, 2, 29, 1, 2, 3)],
}


def rows(many: bool) -> list[tuple[Any, ...]]:
    """Every value of every pool, in odd company."""
    chance = random.Random(5)
    names = [column.name for column in SCHEMA.columns[1:]]
    return [
        (row // 3 if many else row, *(POOLS[n][row % len(POOLS[n])] if row < 24 else chance.choice(POOLS[n]) for n in names))
        for row in range(72)
    ]  # fmt: skip


@contextmanager
def table(many: bool) -> Iterator[tuple[LocalSession, list[dict[str, Any]]]]:
    cells = rows(many)
    with asked(SCHEMA, cells) as session:
        # a table has one zero
        yield session, [dict(zip(COLUMNS, (0.0 if cell == 0.0 and isinstance(cell, float) else cell for cell in row), strict=True)) for row in cells]  # fmt: skip


def a(name: str, *args: Any) -> App:
    """A call; a plain Python value is a constant, the name of a column is that column."""
    return App(name, tuple(_argument(arg) for arg in args))


def _argument(arg: Any) -> Term:
    if isinstance(arg, Col | Val | App):
        return arg
    if isinstance(arg, str) and arg in COLUMNS:
        return COLUMNS[arg]
    kinds = {bool: "boolean", int: "integer", float: "real", str: "text", date: "date", datetime: "datetime"}
    return Val(arg, kinds[type(arg)])


def const(text: str) -> Val:
    return Val(text, "text")


CASES: list[App] = [
    *(a(op, one, other) for op in "+-*/%" for one, other in [("i", "j"), ("i", "r"), ("r", "j"), ("x", "x"), ("i", 3)]),
    *(a(op, "i", edge) for op in "+-*%/" for edge in (-1, 0, 2**63 - 1, -(2**63))),
    *(a("^", one, other) for one, other in [("j", 2), ("r", "j"), ("i", 0.5), ("x", -1), ("r", 0.5), (0, "j")]),
    *(a(name, of) for name in ("abs", "ceil", "floor", "round", "trunc", "sqrt") for of in ("i", "r", "x")),
    *(a(name, of, d) for name in ("round", "trunc") for of in ("i", "j", "r") for d in (-18, -2, -1, 0, 1, 2)),
    *(a(name, "x", digits) for name in ("round", "trunc") for digits in (-1, 0, 18)),
    *(a("bucket", of, width) for of in ("i", "r", "x") for width in (10, 0.5, 0, 3)),
    *(a("div", one, other) for one, other in [("i", "j"), ("r", "j"), ("x", "r"), ("i", 0)]),
    *(a(name, "s", *marks) for name in ("ltrim", "rtrim", "btrim") for marks in [(), (const("x "),), (const(""),), (const("日É%"),)]),
    *(a(name, "s", n) for name in ("left", "right") for n in (0, 1, 3, -1, -3, 100, 2**63 - 1, -(2**63), "i", "j")),
    *(a("substring", "s", start) for start in (0, 1, 2, -2, 100, -100, 2**63 - 1, "j")),
    *(a("substring", "s", start, n) for start in (2, -2, 3, -100, "j", "i") for n in (0, 1, -1, 100, -(2**63), "j")),
    *(a(name, of) for name in ("lower", "upper", "length", "hex") for of in ("s", "n")),
    *(a(case, a("hex", "s")) for case in ("lower", "upper")),
    *(a("concat", *parts) for parts in [("s",), ("s", "n"), ("s", const("-"), "n", "s"), (const("İ"), "s")]),
    *(a("date_trunc", const(unit), of) for unit in UNITS for of in ("d", "m") if of == "m" or unit in UNITS[:4]),
    *(a(unit, of) for unit in (*UNITS, "weekday") for of in ("d", "m") if of == "m" or unit not in UNITS[4:]),
    *(a(f"cast to {into}", of) for into in ("text", "integer", "real", "boolean") for of in "irxsnb"),
    *(a(f"cast to {into}", of) for into in ("text", "date", "datetime") for of in ("s", "n", "d", "m") if (into, of) != ("datetime", "d")),
    a("/", 1, a("/", 1, a("*", "r", 0))),
    a("cast to text", a("*", "x", 1e300)),
    a("^", a("*", "x", 1e300), 0),
    a("cast to boolean", a("/", "r", 0)),
    a("%", 5.0, a("*", "x", 1e300)),
    a("cast to date", a("concat", const("1"), a("cast to text", "d"))),
    a("+", a("%", 5, 0), "j"),
    a("substring", "s", a("+", 2**63 - 1, a("length", const("12")))),
    a("substring", "s", 2, a("*", 2**63 - 1, a("length", const("12")))),
    a("substring", "s", a("-", 1, a("length", const("12"))), "j"),
]  # fmt: skip


def test_every_function_has_a_case() -> None:
    """A function without one is one that nobody has compared."""
    inside = {term.name for case in CASES for term in calls(case)}
    assert set(FUNCTIONS) == inside
    pairs = {(term.args[0].kind, term.kind) for case in CASES for term in calls(case) if term.name.startswith("cast")}
    assert pairs >= {(str(of), str(into)) for of, kinds in CASTS.items() for into in kinds}


def calls(term: Term) -> Iterator[App]:
    if isinstance(term, App):
        yield term
        for arg in term.args:
            yield from calls(arg)


@pytest.mark.parametrize("many", [False, True], ids=["one row a user", "many rows a user"])
def test_each_function_is_as_in_python(many: bool) -> None:
    """Every other case on either table: all of them on both in the fuzz tests."""
    with table(many) as (session, cells):
        for number, case in enumerate(CASES):
            if number % 2 == many:
                compare(session, cells, case, number)


@pytest.mark.fuzz
@pytest.mark.parametrize("many", [False, True], ids=["one row a user", "many rows a user"])
def test_each_function_is_as_in_python_on_both_tables(many: bool) -> None:
    with table(many) as (session, cells):
        for number, case in enumerate(CASES):
            compare(session, cells, case, number)


def compare(session: LocalSession, cells: list[dict[str, Any]], term: Term, spelling: int) -> None:
    """The term as a key, as a condition and inside aggregates."""
    text = written(term, spelling)
    true = [value(term, row) for row in cells]
    found = session.query(f"SELECT {text}, count(*) FROM t GROUP BY 1")
    assert isinstance(found, Answer), (text, found)
    assert Counter({canonical(key): count for key, count in found.rows}) == Counter(map(canonical, true)), text
    known = [each for each in true if each is not None]
    questions = {f"{text} IS NULL": len(true) - len(known), f"{text} IS NOT NULL": len(known)}
    for wanted in dict.fromkeys(known[:2]):
        same = sum(each == wanted for each in known)
        questions |= {f"{text} = {literal(wanted)}": same, f"{text} <> {literal(wanted)}": len(known) - same}
        questions |= {f"{text} IN ({literal(wanted)}, {literal(wanted)})": same, f"{text} = {text}": len(known)}
    if term.kind in ("integer", "real", "date", "datetime") and known:
        middle = sorted(known)[len(known) // 2]
        questions[f"{text} BETWEEN {literal(min(known))} AND {literal(middle)}"] = sum(e <= middle for e in known)
    for (where, count), answer in zip(
        questions.items(), session.query_many([f"SELECT count(*) FROM t WHERE {where}" for where in questions]), strict=True
    ):  # fmt: skip
        assert isinstance(answer, Answer), (where, answer)
        assert answer.value == count, where
    if term.kind in ("integer", "real"):
        aggregated = session.query(f"SELECT count({text}), sum({text}), max({text}), min({text}) FROM t")
        assert isinstance(aggregated, Answer), (text, aggregated)
        number, total, largest, smallest = aggregated.rows[0]
        exact = math.fsum(known) if all(abs(e) < 1e300 for e in known) else None
        assert number == len(known), text
        assert exact is None or not known or close(total, exact, math.fsum(map(abs, known))), text
        assert not known or (largest, smallest) == (float(max(known)), float(min(known))), text
    elif term.kind in ("date", "datetime"):
        aggregated = session.query(f"SELECT min({text}), max({text}) FROM t")
        assert isinstance(aggregated, Answer), (text, aggregated)
        for moment, exact in zip(aggregated.rows[0], (min(known, default=None), max(known, default=None)), strict=True):
            found, true = canonical(moment), canonical(exact)
            assert found == true or close(found[1], true[1], abs(true[1])), text  # aggregates are doubles


def close(one: float, other: float, scale: float) -> bool:
    return abs(one - other) <= 1e-12 * scale


def canonical(of: Any) -> Any:
    """1.0 is 1 and -0.0 is 0.0, but True is not 1; moments in microseconds."""
    if isinstance(of, date):
        return ("time", microseconds(of))
    return (type(of).__name__, of) if isinstance(of, bool | str | None) else ("number", of)


# Random trees

WHOLE_PLACES = [Val(n, "integer") for n in (-2, -1, 0, 1, 2)]


def tree(chance: random.Random, kind: str, depth: int, sums: bool = True) -> Term:
    """A term of that kind, with columns at most leaves. Without `sums` it is no sum, difference or product: DuckDB adds
    up the constants of (i + 5) + (j - 7) first, and then there is no overflow where there was one."""
    makers = [n for n, f in FUNCTIONS.items() if depth and gives(n, f, kind) and (sums or n not in ("+", "-", "*"))]
    if not makers or chance.random() < 0.15:
        if chance.random() < 0.85 and BY_KIND[kind]:
            return chance.choice(BY_KIND[kind])
        return Val(chance.choice(CONSTANTS[kind]), kind)
    name = chance.choice(makers)
    function = FUNCTIONS[name]
    takes = list(function.takes[: len(function.takes) - chance.randint(0, function.optional)])
    takes += takes[-1:] * (chance.randint(0, 2) if function.many else 0)
    args: list[Term] = []
    for at, kinds in enumerate(takes):
        wanted = chance.choice(sorted(str(k) for k in kinds))
        if name in ("round", "trunc") and at == 1:
            args.append(chance.choice(WHOLE_PLACES))
        elif name == "date_trunc":
            unit = Val(chance.choice(UNITS[:4] if kind == "date" else UNITS), "text")
            args.append(unit if at == 0 else tree(chance, kind, depth - 1))
        elif name in ("round", "trunc") and kind == "real":  # of quarters: what DuckDB makes of others is not exact
            args.append(COLUMNS["r"])
        elif wanted == "text" and kind in ("date", "datetime"):  # DuckDB reads more texts as dates than anybody lists
            args.append(chance.choice([COLUMNS["n"], a("cast to text", "d"), a("cast to text", "m")]))
        elif at in function.constant:
            args.append(Val(chance.choice(CONSTANTS[wanted]), wanted))
        elif function.gives is None and kind == "integer":
            args.append(tree(chance, "integer", depth - 1, sums=name not in ("+", "-", "*")))
        else:
            args.append(tree(chance, wanted, depth - 1))
    return App(name, tuple(args))


def gives(name: str, function: Any, kind: str) -> bool:
    if function.gives is not None:
        return str(function.gives) == kind
    return kind in ("date", "datetime") if name == "date_trunc" else kind in ("integer", "real")


def run(number: int, start: int) -> Counter[str]:
    tally: Counter[str] = Counter()
    for many in (False, True):
        with table(many) as (session, cells):
            for seed in range(start, start + number // 2):
                chance = random.Random(seed * 2 + many)
                term = tree(chance, chance.choice(list(CONSTANTS)), chance.randint(1, 5))
                text = written(term, chance.randint(0, 5))
                found = session.query(f"SELECT {text}, count(*) FROM t GROUP BY 1")
                if isinstance(found, Refused):
                    tally[found.rule] += 1
                    continue
                true = Counter(canonical(value(term, row)) for row in cells)
                assert Counter({canonical(key): count for key, count in found.rows}) == true, (seed, text)
                tally["answered"] += 1
                tally.update(call.name for call in calls(term))
    return tally


def test_random_trees_are_as_in_python() -> None:
    tally = run(600, start=0)
    assert tally["answered"] >= 400, tally
    assert all(tally[name] >= 3 for name in FUNCTIONS), tally


@pytest.mark.fuzz
def test_many_random_trees_are_as_in_python() -> None:
    assert run(20_000, start=random.SystemRandom().getrandbits(40))["answered"] >= 10_000
