"""docs/diffix.md: every example is asked, and answered or refused as the page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.session import LocalSession
from harness.sql.functions import FUNCTIONS

PAGE = (Path(__file__).parent.parent / "docs" / "diffix.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| [^|`]+ \| `([^`]+)` \| (answered|refused: ([\w-]+))", PAGE, flags=re.M)
SCHEMA = Schema(
    "staff",
    (
        Column("uid", Kind.INTEGER),
        Column("name", Kind.TEXT),
        Column("dept", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
        Column("active", Kind.BOOLEAN),
        Column("hired", Kind.DATE),
        Column("seen", Kind.DATETIME),
    ),
    "uid",
    others=(
        Schema(
            "trips",
            (
                Column("uid", Kind.INTEGER),
                Column("place", Kind.TEXT),
                Column("cost", Kind.REAL),
                Column("age", Kind.INTEGER),
            ),
            "uid",
        ),
        Schema("places", (Column("place", Kind.TEXT), Column("size", Kind.INTEGER)), ""),
    ),
)


@pytest.fixture(scope="module")
def session() -> LocalSession:
    n = np.arange(60)
    frame = pd.DataFrame(
        {
            "uid": n,
            "name": [f"a{i % 4}b{i % 3}" for i in n],
            "dept": [None if i % 7 == 0 else "CS" if i % 2 else "law" for i in n],
            "age": 20 + n % 5,
            "pay": 20.0 + n % 4,
            "active": n % 2 == 0,
            "hired": pd.Timestamp("2020-01-01") + pd.to_timedelta(n % 9, "D"),
            "seen": pd.Timestamp("2020-01-01 03:03:03") + pd.to_timedelta(n % 9, "D"),
        }
    )
    trips = pd.DataFrame({"uid": n // 2, "place": [f"p{i % 3}" for i in n], "cost": n % 7 * 1.5, "age": 20 + n % 5})
    places = pd.DataFrame({"place": ["p0", "p1"], "size": [1, 2]})
    others = tuple(Table(schema, rows) for schema, rows in zip(SCHEMA.others, (trips, places), strict=True))
    engine = DuckEngine(Table(SCHEMA, frame, others=others), b"s" * 32)
    return LocalSession(SCHEMA, engine, diffix(), np.random.default_rng(0))


@pytest.mark.parametrize(("sql", "status", "rule"), EXAMPLES, ids=[sql for sql, *_ in EXAMPLES])
def test_an_example_has_the_status_that_the_page_tells(session: LocalSession, sql: str, status: str, rule: str) -> None:
    answer = session.query(sql)
    assert (answer.rule if isinstance(answer, Refused) else "") == rule


def test_the_page_has_an_example_of_every_row_and_every_function() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "`" in line]
    assert len(rows) == len(EXAMPLES)
    listed = PAGE.lower()
    for name in FUNCTIONS:
        assert name in listed, name


# What is not defended


def counts(
    schema: Schema, frame: pd.DataFrame, others: tuple[Table, ...], sql: str, **switches: bool
) -> dict[object, float]:
    """The answer's last column by its first."""
    engine = DuckEngine(Table(schema, frame, others=others), b"n" * 32)
    found = LocalSession(schema, engine, diffix(**switches), np.random.default_rng(0)).query(sql)
    assert isinstance(found, Answer)
    return {row[0]: float(str(row[-1])) for row in found.rows}


def test_a_table_that_lacks_one_user_tells_his_bucket() -> None:
    people = Schema("people", (Column("uid", Kind.INTEGER), Column("town", Kind.TEXT)), "uid")
    paid = Schema("paid", (Column("uid", Kind.INTEGER),), "uid")
    frame = pd.DataFrame({"uid": range(120), "town": [f"town {user % 5}" for user in range(120)]})
    others = (Table(paid, frame[["uid"]].drop(index=7)),)
    schema = replace(people, others=(paid,))
    alone = counts(schema, frame, others, "SELECT town, count(DISTINCT uid) FROM people GROUP BY town")
    joined = "SELECT town, count(DISTINCT people.uid) FROM people JOIN paid USING (uid) GROUP BY town"
    both = counts(schema, frame, others, joined)
    assert {town for town in alone if alone[town] != both[town]} == {"town 2"}


def test_of_two_equally_small_ranges_the_other_leaves_a_victim_alone() -> None:
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("k", Kind.INTEGER), Column("x", Kind.REAL)), "uid")
    frame = pd.DataFrame({"uid": range(61), "k": 0, "x": [*np.linspace(2.9, 4.1, 60), 6.0]})
    asked = "SELECT k, count(*) FROM t WHERE x >= 0 AND x < {} GROUP BY k"
    off = {"static": False, "dynamic": False, "low_count": False}
    assert counts(schema, frame, (), asked.format(5), **off) == {0: 60}
    assert counts(schema, frame, (), asked.format(10), **off) == {0: 61}
    frame.loc[60, "x"] = 9.0  # beyond both
    assert counts(schema, frame, (), asked.format(10), **off) == {0: 60}
