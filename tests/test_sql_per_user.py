# ruff: noqa: E501  (tables of SQL)
"""Queries over what each user's rows together give: a query inside that groups by the uid."""

from __future__ import annotations

import pytest

from harness.errors import QueryRefused
from harness.model import Refused
from harness.sql import analyse, parse
from tests.sql_reference import asked, assert_same, exact, plain
from tests.test_sql_golden import MANY, ROWS, SCHEMA
from tests.test_sql_hostile import DEFENSES
from tests.test_sql_hostile import session as hostile

ANSWERED = [
    "SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid) x",
    "SELECT n, count(*) FROM (SELECT uid, count(*) AS n FROM staff GROUP BY uid) x GROUP BY n",
    "SELECT n, count(*) AS users FROM (SELECT uid, count(*) AS n FROM staff GROUP BY 1) x GROUP BY n HAVING count(*) > 1",
    "SELECT top, count(*) FROM (SELECT uid AS who, max(age) AS top FROM staff GROUP BY who) x GROUP BY top",
    "SELECT count(*) FROM (SELECT uid, max(pay) AS top FROM staff GROUP BY uid HAVING top > 1) x",
    "SELECT count(*) FROM (SELECT uid, max(pay) AS top FROM staff GROUP BY uid HAVING top + 20 = 21.5) x",
    "SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING max(pay) - min(pay) < 2 AND count(*) >= 1) x",
    "SELECT count(*) FROM (SELECT uid FROM staff WHERE dept = 'CS' GROUP BY uid HAVING count(DISTINCT age) IN (1, 2)) x",
    "SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING count(age) BETWEEN 1 AND 2 AND uid <> 2) x",
    "SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING max(age) IS NULL OR uid = 2) x",
    "SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING NOT max(age) = 20) x",
    "SELECT min(first), max(last) FROM (SELECT uid, min(hired) AS first, max(seen) AS last FROM staff GROUP BY uid) x",
    "SELECT year(first) AS y, count(*) FROM (SELECT uid, min(hired) AS first FROM staff GROUP BY uid) x GROUP BY y",
    "SELECT avg(a), sum(n), count(s), stddev(n), median(n) FROM (SELECT uid, avg(age) AS a, count(*) AS n, "
    "stddev(pay) AS s FROM staff WHERE age BETWEEN -10 AND 30 GROUP BY uid) x",
    "SELECT count(DISTINCT m), sum(DISTINCT n) FROM (SELECT uid, median(pay) AS m, count(*) AS n FROM staff "
    "WHERE pay < 10 GROUP BY uid) x WHERE n IN (1, 2, 3)",
    "SELECT sum(double) FROM (SELECT uid, n * 2 AS double FROM (SELECT uid, count(*) AS n FROM (SELECT uid, age + 1 AS b "
    "FROM staff WHERE active) x WHERE b < 30 GROUP BY uid) y WHERE n >= 1) z WHERE double <> 8",
    "SELECT uid, n FROM (SELECT uid, count(*) AS n FROM staff GROUP BY uid) x GROUP BY uid, n ORDER BY n DESC, uid LIMIT 2",
    "SELECT count(*) FROM (SELECT uid, sum(pay) AS s FROM staff WHERE pay < 1e9 GROUP BY uid) x WHERE s * 2 > uid",
    "SELECT count(*) FROM (SELECT uid, count(name) AS n FROM staff WHERE name LIKE '%a%' GROUP BY uid) AS x WHERE n = 1",
    "SELECT count(*) FROM (SELECT uid FROM staff WHERE age = 77 GROUP BY uid) x",
]  # fmt: skip


@pytest.mark.parametrize("rows", [ROWS, MANY, []], ids=["one row a user", "many rows a user", "no rows"])
def test_the_answer_is_that_of_plain_duckdb(rows: list) -> None:
    connection = plain(SCHEMA, rows)
    with asked(SCHEMA, rows) as session:
        for sql in ANSWERED:
            assert_same(session.query(sql), exact(connection, sql), " ORDER BY " in sql, sql)


def test_sums_beyond_the_whole_numbers_are_null() -> None:
    """The numbers of a user add up to more than an integer holds."""
    rows = [(1, None, "CS", 2**63 - 1, 1e308, None, None, None, None, None)] * 3
    asks = (
        "SELECT count(*), count(s), count(p) FROM (SELECT uid, sum(age) AS s, sum(pay) AS p FROM staff GROUP BY uid) x"
    )
    with asked(SCHEMA, rows) as session:
        assert session.query(asks).rows == [(1, 0, 0)]


@pytest.mark.parametrize(
    ("rule", "inner"),
    [
        ("sub-query-uid", "SELECT uid, max(age) FROM staff"),
        ("sub-query-uid", "SELECT uid FROM staff HAVING count(*) > 1"),
        ("sub-query-uid", "SELECT max(age) AS uid FROM staff GROUP BY uid"),
        ("sub-query-uid", "SELECT uid FROM staff GROUP BY 2"),
        ("sub-query-uid", "SELECT uid FROM staff GROUP BY uid + 0"),
        ("sub-query-uid", "SELECT uid, max(age) AS a FROM staff GROUP BY uid, a"),
        ("not-grouped", "SELECT uid FROM staff GROUP BY uid, dept"),
        ("not-grouped", "SELECT uid, dept FROM staff GROUP BY uid"),
        ("not-grouped", "SELECT dept FROM staff GROUP BY dept"),
        ("not-grouped", "SELECT uid FROM staff GROUP BY uid HAVING age = 3"),
        ("not-grouped", "SELECT uid, age + max(age) FROM staff GROUP BY uid"),
        ("not-supported", "SELECT * FROM staff GROUP BY uid"),
        ("not-supported", "SELECT uid, max(max(age)) FROM staff GROUP BY uid"),
        ("not-supported", "SELECT uid, count_noise(*) FROM staff GROUP BY uid"),
        ("not-supported", "SELECT uid, 1 FROM staff GROUP BY uid"),
        ("not-supported", "SELECT uid FROM staff GROUP BY ALL"),
        ("not-supported", "SELECT uid, string_agg(name) FROM staff GROUP BY uid"),
        ("aggregate-in-where", "SELECT uid FROM staff WHERE max(age) = 3 GROUP BY uid"),
        ("aggregate-type", "SELECT uid, sum(name) FROM staff GROUP BY uid"),
        ("ambiguous-name", "SELECT uid, max(age) AS a, min(age) AS A FROM staff GROUP BY uid"),
        ("sub-query", "SELECT uid FROM staff GROUP BY uid ORDER BY uid"),
        ("sub-query", "SELECT uid FROM staff GROUP BY uid LIMIT 3"),
        ("sub-query", "SELECT uid, max(n) FROM (SELECT uid, count(*) AS n FROM staff GROUP BY uid) y GROUP BY uid"),
    ],
)
def test_what_a_query_per_user_cannot_have(rule: str, inner: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        analyse(parse(f"SELECT count(*) FROM ({inner}) x"), SCHEMA)
    assert refused.value.rule == rule


SEES_QUERIES = [d for d in DEFENSES if d not in ("none", "data-perturbation", "data-swapping", "liew", "microaggregation", "rotation")]  # fmt: skip


@pytest.mark.parametrize("defense", [d for d in SEES_QUERIES if not d.startswith("diffix")])
def test_a_defense_that_knows_rows_alone_refuses(defense: str) -> None:
    found = hostile(defense).query("SELECT count(*) FROM (SELECT uid FROM staff GROUP BY uid HAVING count(*) = 2) AS x")
    assert isinstance(found, Refused)
    assert found.rule == "sub-query"
