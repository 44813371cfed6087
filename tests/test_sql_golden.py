"""Golden SQL: what each query of tests/sql/*.sql compiles to, and that it answers what DuckDB answers to the query.

A case is a title, the analyst's statement, and the statement that DuckDB gets. Words in brackets before the title ask
for extras of a plan: users, uid_xor, many (rows a user), floated=column, top=number,
fewest=number, edges=column, beyond=column (20 and 30), within=number (so many parts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from harness.model import Column, Kind, Schema
from harness.sql import Plan, Query, analyse, parse
from harness.sql.compile import compile_plan
from harness.sql.plan import Within
from harness.sql.query import Ref
from tests.sql_reference import asked, assert_same, exact, plain

SCHEMA = Schema(
    table="staff",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("name", Kind.TEXT),
        Column("dept", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
        Column("active", Kind.BOOLEAN),
        Column("hired", Kind.DATE),
        Column("seen", Kind.DATETIME),
        Column('odd "col" größe', Kind.INTEGER),
        Column("year", Kind.INTEGER),
    ),
    uid="uid",
)
ROWS = [
    (1, "O'Hara", "CS", 20, 0.0, True, date(2020, 1, 1), datetime(2020, 1, 1, 10), 1, 2020),
    (2, 'say "hi"', "CS", -3, -0.0, False, date(2021, 2, 28), datetime(2021, 2, 28, 23, 59, 59, 999999), 2, 2021),
    (3, "Élan", "law", None, 1.5, None, None, None, None, None),
    (4, "élan", "Law", 20, float("nan"), True, date(2020, 1, 1), datetime(2020, 1, 1), 1, 2020),
    (5, "100%", None, 0, -2.25, True, date(1969, 12, 31), datetime(1969, 12, 31, 12), -7, 1969),
    (6, "a_b", "", 9_007_199_254_740_993, 1e300, False, date(2020, 1, 2), datetime(2020, 1, 1, 10), 2, 2020),
    (7, "a\\b", "NULL", -(2**63), 3.75, True, date(9999, 12, 31), datetime(9999, 12, 31), None, 9999),
    (8, "\n-- ;", "CS", 2**63 - 1, 1.5, None, date(1, 1, 1), datetime(1, 1, 1), 1, 1),
    (9, None, "日本", 21, 1e-300, False, date(2020, 2, 29), None, 3, 2020),
    (10, "", "CS", 20, 1.5, True, date(2020, 1, 1), datetime(2020, 1, 1, 10), 1, 2020),
]
MANY = [(row[0] % 4, *row[1:]) for row in ROWS]


AGE, HIRED = Ref("age", Kind.INTEGER), Ref("hired", Kind.DATE)
YEAR = date(2020, 1, 1), date(2021, 1, 1)


def within(parts: int) -> Within | None:
    """So many parts of buckets, with one range that differs and one that does not."""
    depts, low = np.array(["it's", None], dtype=object), np.array([20, 30], dtype=object)
    year = (np.full(2, day, dtype=object)[:parts] for day in YEAR)
    ranges = ((AGE, low[:parts], low[:parts] + 5), (HIRED, *year))
    return Within((depts[:parts],), ranges) if parts else None


@dataclass(frozen=True)
class Case:
    file: str
    title: str
    options: tuple[str, ...]
    sql: str
    compiled: str

    def plan(self, query: Query) -> Plan:
        values = dict(option.split("=") for option in self.options if "=" in option)
        floated, edges, beyond = (values.get(name) for name in ("floated", "edges", "beyond"))
        return Plan(
            query,
            users="users" in self.options,
            uid_xor="uid_xor" in self.options,
            floated=(Ref(floated, SCHEMA.column(floated).kind),) if floated else (),
            top=int(values.get("top", 0)),
            fewest=int(values.get("fewest", 0)),
            edges=(Ref(edges, SCHEMA.column(edges).kind),) if edges else (),
            beyond=((Ref(beyond, SCHEMA.column(beyond).kind), 20, 30),) if beyond else (),
            within=within(int(values.get("within", 0))),
        )


def read_cases() -> list[Case]:
    found = []
    for path in sorted((Path(__file__).parent / "sql").glob("*.sql")):
        for block in re.split(r"^--- ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            head, _, rest = block.partition("\n")
            match = re.fullmatch(r"(?:\[(.*?)\] )?(.*)", head)
            assert match is not None
            sql, compiled = rest.strip().removesuffix(";").split(";\n=>\n")
            found.append(Case(path.stem, match[2], tuple((match[1] or "").split()), sql.strip(), compiled.strip()))
    return found


CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.title}")
def test_a_query_compiles_to_its_golden_sql(case: Case):
    query = analyse(parse(case.sql), SCHEMA)
    assert compile_plan(case.plan(query), "uid", "many" not in case.options) == case.compiled


@pytest.mark.parametrize("rows", [ROWS, MANY], ids=["one row a user", "many rows a user"])
@pytest.mark.parametrize("topic", sorted({case.file for case in CASES}))
def test_the_answer_is_that_of_plain_duckdb(topic: str, rows: list):
    connection = plain(SCHEMA, rows)
    with asked(SCHEMA, rows) as session:
        for case in CASES:
            if case.file == topic:
                query = analyse(parse(case.sql), SCHEMA)
                total = bool(query.order) and set(range(len(query.keys))) <= {order.slot for order in query.order}
                assert_same(session.query(case.sql), exact(connection, case.sql), total, case.sql)


def test_every_topic_has_cases():
    topics = {case.file for case in CASES}
    assert topics == {
        "aggregates",
        "comparisons",
        "extras",
        "groups",
        "joins",
        "last_steps",
        "like",
        "literals",
        "logic",
        "names",
        "per_user",
    }
    assert len({case.title for case in CASES}) == len(CASES)


def test_columns_are_named_as_the_analyst_names_them():
    sql = 'SELECT dept AS "Dépt", count(*) n, AVG(age) AS "avg ""x""", Age, sum(pay) FROM staff GROUP BY ALL'
    with asked(SCHEMA, ROWS) as session:
        answer = session.query(sql)
    assert answer.columns == ("Dépt", "n", 'avg "x"', "age", "sum")
    assert answer.kinds == (Kind.TEXT, Kind.INTEGER, Kind.REAL, Kind.INTEGER, Kind.REAL)


def test_columns_of_an_inner_query_are_named_as_it_names_them():
    sql = "SELECT Years, n, x.who FROM (SELECT uid AS who, max(age) AS years, count(*) AS N FROM staff GROUP BY uid) x"
    with asked(SCHEMA, ROWS) as session:
        assert session.query(f"{sql} GROUP BY 1, 2, 3").columns == ("years", "N", "who")
        assert session.query("SELECT a FROM (SELECT uid, age AS a FROM staff) AS x GROUP BY a").columns == ("a",)


@pytest.mark.parametrize("rows", [[], ROWS], ids=["empty table", "rows"])
def test_no_rows_give_one_row_without_groups_and_none_with(rows: list):
    queries = [
        "SELECT count(*), count(age), count(DISTINCT uid), sum(age), avg(pay), min(hired), max(seen) FROM staff{}",
        "SELECT count(*) FROM staff{} GROUP BY ALL",
        "SELECT dept, count(*), min(age) FROM staff{} GROUP BY dept",
        "SELECT hired, max(seen) FROM staff{} GROUP BY hired HAVING max(seen) IS NULL ORDER BY 1",
    ]
    connection = plain(SCHEMA, rows)
    with asked(SCHEMA, rows) as session:
        for query in queries:
            sql = query.format(" WHERE age = 77")
            assert_same(session.query(sql), exact(connection, sql), False, sql)


def test_infinite_values_of_aggregates_are_null():
    rows = [(1, 1e308), (2, 1e308), (3, float("inf")), (4, float("-inf")), (5, float("nan")), (6, 2.0)]
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("r", Kind.REAL)), "uid")
    queries = [
        "SELECT sum(r), avg(r), min(r), max(r), count(r), count(*) FROM t",
        "SELECT sum(r), count(r) FROM t WHERE uid <= 2",
        "SELECT max(r), min(r), count(r) FROM t WHERE uid = 6",
        "SELECT max(r), count(r) FROM t WHERE uid = 5",
    ]
    connection = plain(schema, rows)
    with asked(schema, rows) as session:
        for sql in queries:
            assert_same(session.query(sql), exact(connection, sql, infinite=True), False, sql)
        assert session.query("SELECT count(*) FROM t HAVING sum(r) IS NULL").rows == [(6,)]
        assert session.query("SELECT uid FROM t GROUP BY uid HAVING max(r) > 0").rows == [(1,), (2,), (6,)]
