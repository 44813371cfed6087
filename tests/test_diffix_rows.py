"""Diffix on rows without an aggregate, groups of users who move together, and data that changes."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.registry import defense
from harness.session import LocalSession

SALT = b"s" * 32
SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("age", Kind.INTEGER),
        Column("sex", Kind.TEXT),
        Column("pay", Kind.REAL),
        Column("day", Kind.DATE),
    ),
    "uid",
)
FRAME = pd.DataFrame(
    {
        "uid": range(400),
        "age": [20 + (n * 7) % 11 for n in range(400)],
        "sex": ["M" if n % 3 else "F" for n in range(400)],
        "pay": [float(n % 17) for n in range(400)],
        "day": [date(2020, 1, 1 + n % 28) for n in range(400)],
    }
)


def session(spec: str, salt: bytes = SALT) -> LocalSession:
    page, _ = defense(spec)
    return LocalSession(SCHEMA, DuckEngine(Table(SCHEMA, FRAME), salt), page, np.random.default_rng(0))


def rows(spec: str, sql: str, salt: bytes = SALT) -> list[tuple[object, ...]]:
    answer = session(spec, salt).query(sql)
    assert isinstance(answer, Answer), answer
    return answer.rows


def rule(spec: str, sql: str) -> str | None:
    answer = session(spec).query(sql)
    return answer.rule if isinstance(answer, Refused) else None


def test_figure_13_a_selected_column_is_a_condition() -> None:
    for age, count in rows("diffix", "SELECT age, count(*) FROM t GROUP BY age"):
        assert rows("diffix", f"SELECT count(*) FROM t WHERE age = {age}") == [(count,)]


def test_figure_14_without_an_aggregate_rows_are_repeated_by_the_rounded_count() -> None:
    for salt in (bytes([n]) * 32 for n in range(5)):
        counts = rows("diffix", "SELECT age, sex, count(*) FROM t WHERE pay <> 3 GROUP BY age, sex", salt)
        shown = Counter(rows("diffix", "SELECT age, sex FROM t WHERE pay <> 3", salt))
        expected = {(age, sex): round(count) for age, sex, count in counts}  # round() is half-even, too
        assert shown == Counter({key: times for key, times in expected.items() if times > 0})


def test_counts_below_zero_repeat_no_row() -> None:
    sql = "SELECT age FROM t WHERE age IN (20, 21) AND pay <> 1 AND pay <> 2 AND sex <> 'F' AND pay BETWEEN 5 AND 6"
    spec = "diffix:low_count=false,group=20"
    counts = [
        rows(spec, f"SELECT age, count(*) {sql[sql.index('FROM') :]} GROUP BY age", bytes([n]) * 32) for n in range(9)
    ]
    assert any(count < 0 for found in counts for _, count in found)
    for n, found in enumerate(counts):
        assert len(rows(spec, sql, bytes([n]) * 32)) == sum(max(0, round(count)) for _, count in found)


def test_order_limit_and_offset_act_on_the_repeated_rows() -> None:
    every = rows("diffix", "SELECT age AS a FROM t ORDER BY a DESC")
    assert every == sorted(every, reverse=True)
    assert rows("diffix", "SELECT age AS a FROM t ORDER BY 1 DESC LIMIT 50 OFFSET 30") == every[30:80]


def test_distinct_shows_each_group_once() -> None:
    once = rows("diffix", "SELECT DISTINCT age, sex FROM t")
    assert once == rows("diffix", "SELECT age, sex FROM t GROUP BY age, sex")
    assert len(set(once)) == len(once)
    assert set(once) == set(rows("diffix", "SELECT age, sex FROM t"))
    assert rows("none", "SELECT DISTINCT sex FROM t") == [("F",), ("M",)]


def test_a_star_is_all_columns_and_every_row_of_one_user_is_suppressed() -> None:
    answer = session("diffix").query("SELECT * FROM t")
    assert isinstance(answer, Answer)
    assert answer.columns == SCHEMA.names
    assert len(answer) == 0
    assert rows("diffix", "SELECT t.* FROM (SELECT uid, sex FROM t) AS t") == []


@pytest.mark.parametrize(
    ("spec", "sql", "broken"),
    [
        ("none", "SELECT age FROM t", "no-aggregate"),
        ("k-threshold", "SELECT age FROM t", "no-aggregate"),
        ("k-threshold+diffix", "SELECT age FROM t", "no-aggregate"),
        ("diffix+k-threshold", "SELECT age FROM t", "no-aggregate"),
        ("diffix", "SELECT age FROM t ORDER BY count(*)", "no-aggregate"),
        ("diffix", "SELECT age FROM t HAVING count(*) > 3", "no-aggregate"),
        ("diffix", "SELECT DISTINCT age, count(*) FROM t", "not-supported"),
        ("diffix", "SELECT DISTINCT age FROM t GROUP BY age", "not-supported"),
        ("diffix", "SELECT DISTINCT ON (age) age FROM t", "not-supported"),
        ("diffix", "SELECT other.* FROM t", "other-table"),
        ("diffix:time=day", "SELECT count(*) FROM t", "diffix-time"),
        ("diffix:time=day", "SELECT count(*) FROM t WHERE day = DATE '2020-01-01'", "diffix-time"),
        (
            "diffix:time=day",
            "SELECT count(*) FROM t WHERE NOT day BETWEEN '2020-01-01' AND '2020-02-01'",
            "diffix-time",
        ),
        ("diffix:time=day", "SELECT count(*) FROM t WHERE day BETWEEN '2020-01-01' AND '2020-02-01'", None),
        ("diffix:time=day", "SELECT sex FROM t WHERE year(day) = 2020", None),
    ],
)
def test_what_is_refused(spec: str, sql: str, broken: str | None) -> None:
    assert rule(spec, sql) == broken


def test_a_time_column_must_be_one_of_dates_or_times() -> None:
    assert diffix(time="day").skip(SCHEMA) is None
    assert diffix(time="age").skip(SCHEMA) == "age is no column of dates or times (these are day)"
    assert diffix(time="gone").skip(SCHEMA) == "gone is no column of dates or times (these are day)"


@pytest.mark.parametrize("sql", ["SELECT sex, count(*) FROM t GROUP BY sex", "SELECT sum(pay) FROM t WHERE sex = 'M'"])
def test_the_noise_grows_with_the_size_of_groups(sql: str) -> None:
    """§4: ten people who travel together need ten times the noise; what is flattened stays."""
    bare = rows("diffix:static=false,dynamic=false", sql)
    for n in range(3):
        one, ten = (rows(f"diffix:group={size}", sql, bytes([n]) * 32) for size in (1, 10))
        noiseless = [row[-1] for row in bare] if "count" in sql else [(10 * one[0][0] - ten[0][0]) / 9]
        for first, tenth, exact in zip(one, ten, noiseless, strict=True):
            assert tenth[-1] - exact == pytest.approx(10 * (first[-1] - exact), abs=1e-6)
        if "sum" in sql:  # what is left without noise is the flattened sum, near the exact one
            assert noiseless[0] == pytest.approx(bare[0][0], rel=0.01)
