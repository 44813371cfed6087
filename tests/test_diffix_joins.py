# ruff: noqa: E501  (tables of SQL)
"""Diffix on joined tables: the answers of one table that holds the joined rows, whoever names the tables and how."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats

from defenses.diffix import diffix
from defenses.none import none
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest
from harness.session import History, LocalSession
from harness.sql import Plan, analyse, parse
from tests.answers import answer
from tests.join_tables import PEOPLE, SCHEMAS, Rows, tables
from tests.sql_reference import plain, table

SALT = digest("the salt of test_diffix_joins")
USERS = 240


@cache
def rows() -> Rows:
    """Up to eight payments a user, user 7 with a hundred times as many and much larger ones; some without any."""
    rng = np.random.default_rng(5)
    names = ["Ulm", "Rome", "Oslo", None]
    payers = np.repeat(np.arange(USERS), np.where(np.arange(USERS) == 7, 400, rng.integers(0, 9, USERS)))
    start = datetime(2020, 1, 1)
    return {
        "people": [(u, names[u % 4], 20 + u % 7, u % 11 / 2) for u in range(USERS)],
        "payments": [
            (int(u), float(rng.integers(1, 50)) * (1e6 if u == 7 else 1), "abc"[rng.integers(3)], start + timedelta(hours=i % 99), 20 + i % 9)
            for i, u in enumerate(payers)
        ],
        "visits": [(int(u), names[int(rng.integers(4))], start.date()) for u in rng.integers(0, USERS, 500)],
        "towns": [("Ulm", 1, False), ("Rome", 30, True), ("Oslo", 7, True)],
    }  # fmt: skip


def session(defense: Defense, base: Table, salt: bytes = SALT) -> LocalSession:
    return LocalSession(base.schema, DuckEngine(base, salt), defense, np.random.default_rng(0))


@cache
def interface(defense: str = "diffix") -> LocalSession:
    return session(diffix() if defense == "diffix" else none(), tables(rows()))


SOURCES = {
    "people JOIN payments ON uid = client": "people JOIN payments ON people.uid = client",
    "payments RIGHT JOIN people ON client = uid CROSS JOIN towns": "people LEFT JOIN payments ON people.uid = client CROSS JOIN towns",
    "payments": "(SELECT client AS uid FROM payments) AS u POSITIONAL JOIN payments",
    "people LEFT JOIN people b ON people.uid = b.uid": "people JOIN (SELECT COLUMNS(*) AS \"\\0 2\" FROM people) AS b ON people.uid = b.\"uid 2\"",
}  # fmt: skip


@cache
def wide(source: str) -> LocalSession:
    """The joined rows as one table, computed by a plain database: columns of the main table under their own names,
    those of the others under the names of both."""
    for schema in SCHEMAS:
        plain(schema, rows()[schema.table])
    connection: duckdb.DuckDBPyConnection = plain(PEOPLE, rows()["people"])
    names = {schema.table for schema in SCHEMAS if re.search(rf"\b{schema.table}\b", source)}
    found = {
        f"{s.table}.{c.name}": (f"{s.table}.{c.name}", c.kind)
        for s in SCHEMAS[1:]
        if s.table in names
        for c in s.columns
    }
    if "people" in names:
        found |= {c.name: (f"people.{c.name}", c.kind) for c in PEOPLE.columns}
    else:
        found["uid"] = ("u.uid", Kind.INTEGER)
    if " b " in source:
        found |= {f"people 2.{c.name}": (f'b."{c.name} 2"', c.kind) for c in PEOPLE.columns}
    shown = ", ".join(f'{what} AS "{name}"' for name, (what, _) in found.items())
    joined = connection.execute(f"SELECT {shown} FROM {SOURCES[source]}").fetchall()
    schema = Schema("people", tuple(Column(name, kind) for name, (_, kind) in found.items()), "uid")
    return session(diffix(), table(schema, joined))


# Each question over a source of the same line, and over its rows as one table; [table.column] is a column in both.
INNER, OUTER, ALONE, TWICE = SOURCES
ASKED = [
    (INNER, "SELECT count(*), count(DISTINCT [uid]), sum([payments.amount]), avg([pay]), median([payments.amount])"),
    (INNER, "SELECT max([payments.amount]), min([pay]), stddev([payments.age]), count(DISTINCT [payments.shop]), count_noise(*)"),
    (INNER, "SELECT [payments.shop], count(*), sum([people.age]) {} WHERE [people.age] = 21 GROUP BY 1"),
    (INNER, "SELECT [town], count(*) {} WHERE [payments.amount] BETWEEN 10 AND 30 AND [payments.age] <> 22 GROUP BY 1"),
    (INNER, "SELECT count(*) {} WHERE [payments.shop] IN ('a', 'b') AND [people.age] NOT IN (20, 21) AND [pay] + 1 = 3"),
    (INNER, "SELECT count(*) {} WHERE [payments.age] = [people.age] AND [payments.shop] LIKE '%a%'"),
    (INNER, "SELECT count(*) {} WHERE year([payments.seen]) = 2020 AND [uid] BETWEEN 0 AND 100"),
    (INNER, "SELECT date_trunc('day', [payments.seen]), count(DISTINCT [payments.amount]) {} GROUP BY 1"),
    (INNER, "SELECT [payments.age] % 3, [payments.amount] + [pay], count(*) {} GROUP BY 1, 2"),
    (OUTER, "SELECT [town], [towns.size], count(*), count([payments.amount]), sum([towns.size]) {} GROUP BY 1, 2"),
    (OUTER, "SELECT count(*), count(DISTINCT [uid]) {} WHERE [town] = [towns.town] AND [towns.coast]"),
    (OUTER, "SELECT count(*), count(DISTINCT [uid]) {} WHERE [payments.amount] IS NULL AND [towns.size] <> 7"),
    (OUTER, "SELECT count([payments.client]), count(DISTINCT [payments.client]) {} WHERE [payments.client] IS NOT NULL"),
    (ALONE, "SELECT [payments.shop], count(*), sum([payments.amount]) {} WHERE [payments.age] BETWEEN 20 AND 25 GROUP BY 1"),
    (TWICE, "SELECT [people.age], count(*) {} WHERE [pay] = 2 GROUP BY 1"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "asked"), ASKED, ids=[asked for _, asked in ASKED])
def test_a_join_is_answered_as_one_table_of_its_rows(source: str, asked: str) -> None:
    text = asked.replace("{}", "FROM {}") if "{}" in asked else asked + " FROM {}"
    own, user = {"[town]": "people.town"}, {ALONE: "client", TWICE: "people.uid"}.get(source, "uid")
    if source == TWICE:
        own = {f"[{column.name}]": f"people.{column.name}" for column in PEOPLE.columns}
    joined = re.sub(r"\[[\w.]+\]", lambda name: (own | {"[uid]": user}).get(name[0], name[0][1:-1]), text)
    one = re.sub(r"\[(?:people\.)?([\w.]+)\]", r'"\1"', text).format("people")
    found, wanted = answer(interface(), joined.format(source)), answer(wide(source), one)
    assert repr(found.rows) == repr(wanted.rows)
    assert len(found)


JOINED = "SELECT count(*), sum(amount) FROM people p JOIN payments x ON p.uid = x.client"
# The same question in other words.
SAME = [
    (JOINED, "SELECT count(*), sum(amount) FROM payments JOIN people AS q ON q.uid = client"),
    (JOINED, "SELECT count(*), sum(b.amount) FROM people AS a, payments AS b WHERE b.client = a.uid"),
    (JOINED, "SELECT count(*), sum(amount) FROM payments"),
    (JOINED, "SELECT count(*), sum(y) FROM (SELECT uid, amount AS y FROM people JOIN payments ON uid = client) AS s"),
    (f"{JOINED} AND p.age = 21", f"{JOINED} WHERE p.age = 21"),
    (f"{JOINED} AND x.age BETWEEN 20 AND 25", f"{JOINED} WHERE x.age >= 20 AND x.age < 25"),
    (f"{JOINED} AND p.age = 21 AND shop = 'a'", f"{JOINED} AND shop = 'a' WHERE 21 = p.age"),
    (f"{JOINED} WHERE p.uid BETWEEN 10 AND 20", f"{JOINED} WHERE x.client BETWEEN 10 AND 20"),
    ("SELECT count(*) FROM people p JOIN visits v USING (uid) WHERE p.town = v.town", "SELECT count(*) FROM visits v, people p WHERE v.uid = p.uid AND v.town = p.town"),
    ("SELECT count(DISTINCT uid) FROM people", "SELECT count(DISTINCT uid) FROM people CROSS JOIN towns"),
    ("SELECT count(DISTINCT uid) FROM people", "SELECT count(DISTINCT a.uid) FROM people a JOIN people b USING (uid)"),
    ("SELECT count(DISTINCT uid) FROM people", "SELECT count(DISTINCT uid) FROM people LEFT JOIN payments ON uid = client"),
    ("SELECT count(DISTINCT uid) FROM people WHERE age = 21", "SELECT count(DISTINCT b.uid) FROM people a, people b WHERE a.uid = b.uid AND b.age = 21 AND a.age = 21"),
    ("SELECT count(DISTINCT p.uid) FROM people p, towns t WHERE t.town = p.town AND coast", "SELECT count(DISTINCT p.uid) FROM towns JOIN people p ON p.town = towns.town AND coast = true"),
    ("SELECT p.age, count(*) FROM people p LEFT JOIN payments x ON client = uid GROUP BY 1", "SELECT b.age, count(*) FROM payments a RIGHT JOIN people b ON b.uid = a.client GROUP BY b.age"),
    ("SELECT p.age, count(*) FROM people p LEFT JOIN payments x ON client = uid LEFT JOIN visits v ON v.uid = p.uid GROUP BY 1", "SELECT p.age, count(*) FROM people p LEFT JOIN visits v USING (uid) LEFT JOIN payments x ON client = uid GROUP BY 1"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_question_has_the_same_noise(one: str, other: str) -> None:
    found = answer(interface(), one)
    assert found.rows == answer(interface(), other).rows
    assert found.rows != answer(interface("none"), one).rows


def layers(sql: str) -> list[dict[str, Any]]:
    plan = diffix().plan(analyse(parse(sql), PEOPLE), History(PEOPLE))
    assert isinstance(plan, Plan)
    return diffix().explain(DuckEngine(tables(rows()), SALT).run([plan]))["layers"]


def test_a_column_is_seeded_by_its_own_table() -> None:
    own = layers("SELECT count(*) FROM people WHERE age = 21")
    both = layers(f"{JOINED} WHERE p.age = 21 AND x.age = 21")
    alone = layers("SELECT count(*) FROM payments WHERE age = 21")

    def samples(found: list[dict[str, Any]], column: str) -> list[float]:
        return [one["sample"] for one in found if one["seeded by"][1] == column and one["sort"] == "static"]

    assert len(both) == 4
    assert samples(own, "age") == samples(both, "age") != samples(both, "payments.age")
    assert samples(both, "payments.age") == samples(alone, "payments.age")
    assert [one["seeded by"] for one in layers(JOINED)] == [["people", None, "none"]]


REFUSED = [
    ("diffix-join", "SELECT count(*) FROM people LEFT JOIN payments ON uid = client AND shop = 'a'"),
    ("diffix-join", "SELECT count(*) FROM people p LEFT JOIN payments x ON uid = client AND p.age <> x.age"),
    ("diffix-join", "SELECT count(*) FROM people p LEFT JOIN towns t ON p.town = lower(t.town)"),
    ("diffix-inequality", "SELECT count(*) FROM people JOIN payments ON uid = client AND amount > 5"),
    ("diffix-inequality", f"{JOINED} AND p.age < x.age"),
    ("diffix-or", f"{JOINED} AND (p.age = 20 OR shop = 'a')"),
    ("diffix-unclear", f"{JOINED} AND amount * 2 <> 4"),
    ("diffix-expression", "SELECT sum(amount * pay) FROM people JOIN payments ON uid = client"),
    ("diffix-range", "SELECT count(*) FROM people JOIN payments ON uid = client AND amount BETWEEN 1 AND 2 WHERE amount BETWEEN 1 AND 5"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "sql"), REFUSED)
def test_conditions_of_joins_are_refused_like_those_of_where(rule: str, sql: str) -> None:
    found = interface().query(sql)
    assert isinstance(found, Refused)
    assert found.rule == rule


def test_one_user_with_many_rows_is_suppressed_and_flattened() -> None:
    assert answer(interface(), f"{JOINED} WHERE uid = 7").rows == []
    found = answer(interface(), JOINED).rows[0]
    usual = answer(interface("none"), f"{JOINED} WHERE uid <> 7").rows[0]
    assert abs(found[0] - usual[0]) < 100
    assert abs(found[1] - usual[1]) < 5_000


def test_a_batch_of_tables_with_one_row_and_more_a_user_is_answered_like_its_questions() -> None:
    ranges = "uid BETWEEN 0 AND 100", "uid BETWEEN 95 AND 1000"
    sqls = [
        *(f"SELECT {shown} FROM people WHERE {where}" for where in ranges for shown in ("count(*)", "avg(age)")),
        *(f"SELECT count(*), avg(amount), count(DISTINCT uid) FROM people JOIN payments ON uid = client WHERE {where}" for where in ranges),
        *(f"SELECT count(*) FROM (SELECT uid, max(amount) AS m FROM people JOIN payments ON uid = client WHERE {where} GROUP BY uid) AS s WHERE m BETWEEN 0 AND 50" for where in ranges),
        *(f"SELECT count(*), sum(m) FROM (SELECT uid, max(age) AS m FROM people WHERE {where} GROUP BY uid) AS s" for where in ranges),
    ]  # fmt: skip
    base = tables(rows())
    together = session(diffix(), base).query_many(sqls)
    alone = [session(diffix(), base).query(sql) for sql in sqls]
    assert [found.rows for found in together if isinstance(found, Answer)] == [answer.rows for answer in alone]  # type: ignore[union-attr]


def test_a_range_loses_the_same_users_in_a_batch_of_tables_with_one_row_and_more_a_user() -> None:
    """Three far below and three far above are too many to be dropped where they are six, and not where they are three
    with rows at either end."""
    n = 60
    near = [50 + u % 10 for u in range(n)]
    ages = [{0: 1, 1: 2, 2: 1, 3: 98, 4: 97, 5: 98}.get(u, near[u]) for u in range(n)]
    base = tables(
        {
            "people": [(u, None, ages[u], None) for u in range(n)],
            "payments": [(u, None, None, None, age) for u in range(n) for age in ((1 + u, 99 - u) if u < 3 else (near[u],))],
            "visits": [],
            "towns": [],
        }
    )  # fmt: skip
    sqls = [
        "SELECT count(*) FROM people WHERE age BETWEEN 0 AND 100",
        "SELECT count(DISTINCT uid) FROM people p JOIN payments x ON uid = client WHERE x.age BETWEEN 0 AND 100",
        "SELECT count(DISTINCT client) FROM payments WHERE age BETWEEN 0 AND 100",
        "SELECT count(*) FROM people JOIN towns ON people.town = towns.town WHERE age BETWEEN 0 AND 100",
    ]
    payments = base.others[0].frame.rename(columns={"client": "uid", "age": "payments.age"})[["uid", "payments.age"]]
    columns = (Column("uid", Kind.INTEGER), Column("payments.age", Kind.INTEGER))
    alone = Table(Schema("people", columns, "uid"), payments)
    one = 'SELECT count(DISTINCT uid) FROM people WHERE "payments.age" BETWEEN 0 AND 100'
    for i in range(8):
        salt = digest("range", i)
        together = [found.rows for found in session(diffix(), base, salt).query_many(sqls)]  # type: ignore[union-attr]
        assert together == [answer(session(diffix(), base, salt), sql).rows for sql in sqls]
        assert together[1] == together[2] == answer(session(diffix(), alone, salt), one).rows


def test_noise_has_the_deviation_of_its_layers() -> None:
    """Two conditions have four layers: the noise of distinct users is N(0, 4) over salts."""
    sql = "SELECT count(DISTINCT uid) FROM people p JOIN payments ON uid = client AND shop = 'a' WHERE p.age <> 22"
    page = diffix(low_count=False)
    plan = page.plan(analyse(parse(sql), PEOPLE), History(PEOPLE))
    assert isinstance(plan, Plan)
    buckets = DuckEngine(tables(rows()), SALT).run([plan])
    n = 1_000
    salted = [page.answer(replace(buckets, salt=digest("salt", i)), np.random.default_rng(0)) for i in range(n)]
    errors = np.array([found.values[0, 0] for found in salted]) - answer(interface("none"), sql).value
    low, high = stats.chi2.ppf([0.0005, 0.9995], n)
    assert low < (errors**2).sum() / 4 < high
