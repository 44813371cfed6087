# ruff: noqa: E501  (tables of SQL)
"""Joins under `none`: the answers of plain DuckDB to the analyst's own words."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.engine import DuckEngine
from harness.model import Refused
from harness.session import LocalSession
from harness.trial import engines
from tests.join_tables import FEW, NONE, SCHEMAS, Rows, tables
from tests.sql_reference import SALT, assert_same, exact, plain, session_of
from tests.test_sql_hostile import DEFENSES

SHAPES = [
    "people JOIN payments ON people.uid = payments.client",
    "people p INNER JOIN payments AS x ON x.client = p.uid",
    "payments JOIN people ON client = uid",
    "people, payments WHERE uid = client",
    "people p, payments WHERE (p.uid = client AND (amount > 2))",
    "people CROSS JOIN payments WHERE client = uid AND people.age = payments.age",
    "people JOIN payments ON uid = client AND people.age = payments.age AND amount IN (10, 2.5)",
    "people LEFT JOIN payments ON client = uid",
    "people LEFT OUTER JOIN payments ON client = uid AND shop = 'a'",
    "people LEFT JOIN payments ON client = uid AND people.age = 20 WHERE shop IS NULL",
    "payments RIGHT JOIN people ON client = uid AND amount < 5",
    "payments LEFT JOIN people ON client = uid AND people.age > 20",
    "people RIGHT OUTER JOIN payments ON client = uid AND people.age > 20",
    "people JOIN visits USING (uid)",
    "people LEFT JOIN visits USING (uid)",
    "people RIGHT JOIN visits USING (uid)",
    "people p JOIN visits v ON v.uid = p.uid AND v.town = p.town",
    "people JOIN visits USING (uid) JOIN payments ON client = people.uid",
    "people JOIN visits USING (uid) LEFT JOIN payments ON client = uid AND shop = people.town",
    "people p LEFT JOIN visits v ON v.uid = p.uid LEFT JOIN payments ON client = v.uid AND amount > 0",
    "people p LEFT JOIN visits v ON v.uid = p.uid JOIN payments ON client = p.uid WHERE v.town IS NULL",
    "visits v RIGHT JOIN people p ON v.uid = p.uid LEFT JOIN payments ON client = v.uid AND client = p.uid",
    "people p, payments, visits v WHERE client = v.uid AND v.uid = p.uid",
    "people CROSS JOIN towns",
    "people p, towns t WHERE p.town = t.town",
    "people p JOIN towns t ON p.town = t.town AND (size > 5 OR coast)",
    "people p LEFT JOIN towns t ON p.town = t.town",
    "people p LEFT JOIN towns t ON p.town = t.town AND t.size = 30",
    "towns t RIGHT JOIN people p ON p.town = t.town AND NOT coast",
    "people p JOIN towns t ON NOT p.town = t.town WHERE NOT (p.age = 20 OR coast)",
    "towns JOIN people p ON p.town = towns.town JOIN payments ON client = uid",
    "towns t, visits v LEFT JOIN people p ON p.uid = v.uid AND p.age BETWEEN 20 AND 30 WHERE v.town = t.town",
    "people a JOIN people b ON a.uid = b.uid",
    "payments a JOIN payments b ON a.client = b.client AND a.amount < b.amount",
    "payments a LEFT JOIN payments b ON a.client = b.client AND a.amount < b.amount WHERE b.client IS NULL",
    "people a LEFT JOIN people b ON a.uid = b.uid AND b.age = 20",
    "people a RIGHT JOIN people b ON a.uid = b.uid AND a.age = 20 AND a.uid <> 1",
    "people a, people b, people c, payments WHERE a.uid = b.uid AND c.uid = b.uid AND client = a.uid",
    "payments",
    "visits v WHERE v.town = 'Rome'",
    "towns, payments p, towns t WHERE towns.town = t.town AND p.shop = t.town",
]
SELECTED = [
    "SELECT count(*) FROM {}",
    "SELECT *, count(*) FROM {} GROUP BY ALL",
]
ANSWERED = [
    "SELECT DISTINCT p.uid, x.age, p.age FROM people p JOIN payments x ON p.uid = x.client",
    "SELECT count(DISTINCT p.uid), count(DISTINCT x.client), count(x.client), count(x.amount) FROM people p LEFT JOIN payments x ON p.uid = x.client",
    "SELECT DISTINCT x.*, p.town FROM people p LEFT JOIN payments x ON p.uid = x.client",
    "SELECT v.town, count(*), sum(amount), avg(amount), min(seen), max(day) FROM visits v JOIN payments ON uid = client GROUP BY v.town",
    "SELECT a.age AS one, b.age AS other, count(*) FROM people a JOIN people b ON a.uid = b.uid GROUP BY one, other",
    "SELECT shop, count(*) AS n FROM people JOIN payments ON uid = client GROUP BY 1 HAVING count(*) > 1 ORDER BY n DESC, shop NULLS FIRST LIMIT 3",
    "SELECT median(amount), stddev(amount), count(DISTINCT shop) FROM people JOIN payments ON uid = client",
    "SELECT DISTINCT t.coast, p.town FROM people p LEFT JOIN towns t ON t.town = p.town",
    "SELECT sum(size * amount) FROM people p JOIN towns t ON t.town = p.town JOIN payments ON client = uid WHERE round(amount) <> 3",
    "SELECT count(*), sum(n) FROM (SELECT p.uid, amount * 2 AS n FROM people p JOIN payments ON uid = client AND shop = 'a') s WHERE n > 2",
    "SELECT count(*) FROM (SELECT p.*, amount FROM people p JOIN payments ON uid = client AND p.age = 20) s WHERE amount > 1",
    "SELECT n, count(*) FROM (SELECT uid, count(*) AS n FROM people JOIN payments ON uid = client GROUP BY uid) s GROUP BY n",
    "SELECT top, count(*), sum(low) FROM (SELECT client, max(people.age) AS top, min(amount) AS low FROM payments JOIN people ON uid = client GROUP BY client HAVING count(*) >= 1) s GROUP BY top",
    "SELECT avg(n) FROM (SELECT p.uid, count(v.uid) AS n FROM people p LEFT JOIN visits v ON p.uid = v.uid WHERE p.age < 40 GROUP BY p.uid) s WHERE n <> 1",
    "SELECT count(*) FROM (SELECT client, sum(amount) AS s FROM payments GROUP BY client) x WHERE s > 0",
    "SELECT DISTINCT s.who FROM (SELECT a.client AS who, a.amount FROM payments a LEFT JOIN payments b ON a.client = b.client AND b.amount > a.amount WHERE b.amount IS NULL) s",
    "SELECT People.UID, count(*) FROM PEOPLE JOIN Payments ON uid = CLIENT WHERE PAYMENTS.age >= people.AGE GROUP BY people.uid",
    'SELECT "people"."age", count(*) FROM "people" JOIN visits ON "visits".uid = people."uid" WHERE "day" = \'2020-01-01\' GROUP BY 1',
]  # fmt: skip


@pytest.mark.parametrize("rows", [FEW, NONE], ids=["rows", "no rows"])
def test_the_answer_is_that_of_plain_duckdb(rows: Rows) -> None:
    for schema in SCHEMAS:
        connection = plain(schema, rows[schema.table])
    session = session_of(tables(rows))
    for sql in [*(selected.format(shape) for shape in SHAPES for selected in SELECTED), *ANSWERED]:
        assert_same(session.query(sql), exact(connection, sql), " ORDER BY " in sql, sql)


JOINING = ("none", "diffix", "diffix:low_count=false")


@pytest.mark.parametrize(
    "defense", [*DEFENSES, "none+none", "none+diffix", "none+k-threshold", "microaggregation+diffix"]
)
def test_who_does_not_know_of_other_tables_refuses_to_join(defense: str) -> None:
    """A data stage changes the main table alone, a query stage knows whose rows these are."""
    built, _ = registry.defense(defense)
    base = tables(FEW)
    engine, _ = engines(base, built, 1, 0)
    session = LocalSession(base.schema, engine, built, np.random.default_rng(0))
    joins = set(defense.split("+")) <= set(JOINING)
    for sql in (
        "SELECT count(*) FROM people JOIN payments ON uid = client",
        "SELECT count(*) FROM payments",
        "SELECT count(*) FROM people a JOIN people b ON a.uid = b.uid",
        "SELECT count(*) FROM (SELECT p.uid FROM people p CROSS JOIN towns) AS x",
        "SELECT count(*) FROM (SELECT client, max(amount) AS m FROM payments GROUP BY client) AS x",
    ):
        found = session.query(sql)
        assert isinstance(found, Refused) is not joins, sql
        assert joins or found.rule in ("join", "sub-query")  # type: ignore[union-attr]


def test_a_table_beside_has_the_hash_of_the_same_users() -> None:
    engine = DuckEngine(tables(FEW), SALT)
    users = 'SELECT {}, any_value("#uid_hash") FROM {} GROUP BY 1'
    known = dict(engine._connection.execute(users.format("uid", "people")).fetchall())
    for uid, name in (("client", "payments"), ("uid", "visits")):
        found = dict(engine._connection.execute(users.format(uid, name)).fetchall())
        assert found == {user: known[user] for user in found}
        assert found


def test_joined_rows_are_not_one_a_user_although_the_table_s_are() -> None:
    session = session_of(tables(FEW))
    sqls = [
        "SELECT count(*), count(DISTINCT uid) FROM people",
        "SELECT count(*), count(DISTINCT uid) FROM people, towns",
    ]
    assert [found.rows for found in session.query_many(sqls)] == [[(5, 5)], [(25, 5)]]  # type: ignore[union-attr]
