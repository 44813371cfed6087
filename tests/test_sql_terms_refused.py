# ruff: noqa: E501  (tables of SQL)
"""What expressions are refused, by which rule; that no data error of a shared part shows; that odd texts take no time."""

from __future__ import annotations

import time

import pytest

from harness.model import Answer, Refused
from tests.oracle_terms import App, value, written
from tests.test_sql_terms import COLUMNS, SCHEMA, a, canonical, rows, table

REFUSED = {
    "type-mismatch": [
        *("i + s", "upper(i)", "sqrt(s)", "left(s, r)", "left(s, '1')", "left(i, 1)", "round(r, 1.5)", "hour(d)"),
        *("date_trunc('hour', d)", "d + 1", "d - d", "b + 1", "-s", "concat(i)", "substring(s from 1.5)", "weekday(s)"),
        *("cast(d AS datetime)", "cast(b AS date)", "cast(i AS date)", "cast(m AS integer)", "bucket(s, 1)", "i % s"),
    ],
    "function-arguments": [
        *("round(r, i)", "round(r, 19)", "trunc(r, -19)", "bucket(r, j)", "bucket(r)", "ltrim(s, n)", "trim(s, n)"),
        *("date_trunc('week', d)", "date_trunc(s, d)", "extract(week FROM d)", "extract(epoch FROM m)", "substring(s)"),
        *("div(i)", "weekday(d, d)", "hex(hex(s))", "hex(left(concat(hex(s), s), 9))"),
    ],
    "cast": ["cast(m AS time)", "cast(s AS interval)", "cast(s AS blob)", "cast(s AS smallint)", "s::uuid"],
    "too-many-operators": ["+".join(["i"] * 66), "-".join(["i"] * 66), "i" + "::text::integer" * 33],
    "too-deep": ["(" * 33 + "i" + ")" * 33, "abs(" * 33 + "i" + ")" * 33, "- " * 40 + "i"],
    "sub-query": ["i + (SELECT 1)", "left((SELECT 'a'), 1)"],
    "unknown-column": ["nope + 1", "left(nope, 1)", "current_date"],
    "other-table": ["u.i + 1"],
    "not-supported": [
        *("i + NULL", "concat(s, NULL)", "left(NULL, 1)", "cast(NULL AS text)", "count(*) + 1", "sqrt(count(*))"),
        *("1 + max(i)", "NOT i", "random()", "now()", "hash(s)", "i ** 2", "i & 1", "i << 1", "~i", "@i", "s || n"),
        *("s[1]", "cast(s AS decimal(3, 1))", "cast(s AS integer[])", "case when b then 1 end", "coalesce(i, 1)"),
        *("replace(s, 'a', 'b')", "regexp_replace(s, 'a', 'b')", "5 + 6", "i = 3", "row_number() OVER ()", "exp(i)"),
        *("i + *", "a.b.c", "list_transform([i], x -> x)", "printf('%d', i)", "getenv('HOME')", "version()"),
    ],
    "syntax": ["left(s)", "concat()", "pow(i)", "time '10:00'", "interval '1 day'", "i // 2", "s COLLATE nocase"],
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_is_no_expression_is_refused(rule: str) -> None:
    with table(False) as (session, _):
        for text in REFUSED[rule]:
            for sql in (f"SELECT {text}, count(*) FROM t GROUP BY 1", f"SELECT max({text}) FROM t"):
                if "max(" not in text and "count(" not in text:
                    found = session.query(sql)
                    assert isinstance(found, Refused), (sql, found)
                    assert found.rule == rule or "max" in sql, (text, found)
            found = session.query(f"SELECT {text}, count(*) FROM t GROUP BY 1")
            assert isinstance(found, Refused) and found.rule == rule, (text, found)  # noqa: PT018


SHARED = [
    a("+", a("+", "i", "i"), a("+", "i", "i")),
    a("*", a("*", "i", "i"), a("*", "i", "i")),
    a("-", a("*", "i", 2**40), a("*", "i", 2**40)),
    a("concat", a("left", "s", "i"), a("left", "s", "i")),
    a("%", a("%", "i", -1), a("%", "i", -1)),
    a("+", a("abs", "i"), a("abs", "i")),
    a("/", a("sqrt", "r"), a("sqrt", "r")),
]


@pytest.mark.parametrize("many", [False, True], ids=["one row a user", "many rows a user"])
def test_parts_that_expressions_share_fail_as_NULL(many: bool) -> None:
    """A database that computes `i + i` once for (i + i) + (i + i) must not compute it outside the guard: whether a
    query fails would tell whether anybody has so large an i."""
    with table(many) as (session, cells):
        for term in SHARED:
            text, part = written(term), written(term.args[0])
            known = sum(value(term, row) is not None for row in cells)
            parts = sum(value(term.args[0], row) is not None for row in cells)
            for sql, wanted in {
                f"SELECT count({text}) FROM t": known,
                f"SELECT count({part}), count({text}) FROM t": known,
                f"SELECT count(*) FROM t WHERE {text} IS NOT NULL AND {part} IS NOT NULL": known,
                f"SELECT count({part}) FROM t WHERE {part} IS NOT NULL": parts,
            }.items():
                found = session.query(sql)
                assert isinstance(found, Answer), sql
                assert found.rows[0][-1] == wanted, sql
            for sql in (
                f"SELECT {part}, {text}, count(*) FROM t GROUP BY 1, 2",
                f"SELECT {part}, count({text}) FROM t GROUP BY 1",
                f"SELECT b, count({text}), count({part}) FROM t WHERE {part} = {part} GROUP BY b",
            ):
                assert isinstance(session.query(sql), Answer), sql


def nested(form: str, depth: int, inner: str) -> str:
    for _ in range(depth):
        inner = form.replace("%s", inner) if len(inner) < 4_000 else inner
    return inner


WIDE = ["({0})+({0})", "concat({0},{0})", "({0})^({0})", "({0})=({0})", "({0}) BETWEEN 1 AND ({0})", "1/({0})+1/({0})"]
DEEP = [
    *("abs(%s)", "(%s)", "cast(%s AS text)", "cast(cast(%s AS text) AS integer)", "(%s)::text", "%s::text::integer"),
    *("extract(year FROM %s)", "trim(BOTH 'x' FROM %s)", "substring(%s FROM 1 FOR 2)", "left(%s, 1)", "1/(%s)", "5%%s"),
    *("-(%s)", "1-(%s)", "date_trunc('day', %s)", "(%s)^0.5", "bucket(%s, 2)", "round(%s, 2)", "concat(%s, 'a')"),
    *("abs(%s", "(%s", "cast(%s", "extract(year FROM %s", "trim(%s", "cast(%s AS date", "left(%s", "date_trunc(%s"),
    *("nope(%s)", "NOT (%s)", "(%s) IN (1)", "count(%s)", "(%s) IS NULL", "(%s) LIKE 'a'", "DATE (%s)", "INTERVAL (%s)"),
    *("%s IS NULL", "%s = 1", "%s IN (1)", "%s LIKE 'a'", "%s BETWEEN 1 AND 2", "%s NOTNULL", "%s ESCAPE 'a'"),
    *("%s IS NOT NULL", "%s::date", "DATE '2020-01-01'::%s", "NOT %s", "%s AND i", "%s NOT IN (1)", "%s NOT LIKE '_'"),
    *("x.%s", "(%s, 1)", "(%s)[1]", "%s.x", "DATE '2020-01-01' = (%s)", "(%s) IS NOT NULL", "%s + 1", "%s * %s"),
]  # fmt: skip


@pytest.mark.parametrize("depth", [30, *(pytest.param(depth, marks=pytest.mark.fuzz) for depth in (8, 500))])
def test_no_nesting_takes_long(depth: int) -> None:
    """Each text is answered or refused, within a second on a machine that does other things as well."""
    forms = [*DEEP, *(form.replace("{0}", "%s") for form in WIDE)]
    with table(False) as (session, _):
        for form in forms:
            for column in "rs":
                text = nested(form, depth, column)
                for sql in (f"SELECT {text}, count(*) FROM t GROUP BY 1", f"SELECT count(*) FROM t WHERE {text} = 1"):
                    began = time.process_time()
                    assert isinstance(session.query(sql), Answer | Refused)
                    assert time.process_time() - began < 2, sql[:100]


def test_divisions_inside_divisions_cost_what_they_say() -> None:
    """A guard that writes its operand twice writes the innermost of thirty divisors a thousand million times."""
    with table(False) as (session, cells):
        for form in (
            lambda t: a("/", 1, t),
            lambda t: a("^", t, 0.5),
            lambda t: a("%", 5, t),
            lambda t: a("div", 9, t),
        ):
            term: App = a("+", "r", 0)
            for _ in range(15):
                term = form(term)
            found = session.query(f"SELECT {written(term)}, count(*) FROM t GROUP BY 1")
            assert isinstance(found, Answer), written(term)
            assert {canonical(key) for key, _ in found.rows} == {canonical(value(term, row)) for row in cells}


def test_the_table_of_the_tests_holds_every_value() -> None:
    assert len(rows(True)) == len(rows(False)) == 72
    assert {column.name for column in SCHEMA.columns} == set(COLUMNS)
