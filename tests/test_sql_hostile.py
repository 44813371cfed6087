# ruff: noqa: E501  (tables of SQL)
"""Hostile statements against every defense: a refusal by the same rule everywhere, or an answer; never an error."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from defenses import BUILTIN
from harness import registry
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.session import LocalSession
from harness.trial import engines
from tests.test_sql_refusals import CASES, FOREIGN_WORDS

SALT = b"h" * 32
TABLE = Schema(
    "staff",
    (
        Column("uid", Kind.INTEGER),
        Column("n", Kind.INTEGER),
        Column("x", Kind.REAL),
        Column("s", Kind.TEXT),
        Column("flag", Kind.BOOLEAN),
        Column("day", Kind.DATE),
        Column("at", Kind.DATETIME),
        Column('sel"ect ü', Kind.TEXT),
    ),
    "uid",
)
TEXTS = ["", "NULL", "'", "''", '"', "%", "_", "\\", "a\nb", "İi", "🂡", "e\u0301", "é", "1e400", "-- x", "${x}", None]


@cache
def rows() -> Table:
    """Extremes of every kind, forty users with two rows each."""
    many, whole = 80, np.array([2**63 - 1, -(2**63), 0, 1])
    frame = pd.DataFrame(
        {
            "uid": np.arange(many) // 2,
            "n": pd.array([None if i % 9 == 8 else int(whole[i % 4]) for i in range(many)], dtype="Int64"),
            "x": [[1.7e308, -1.7e308, 5e-324, 0.0, np.nan][i % 5] for i in range(many)],
            "s": pd.Series([TEXTS[i % len(TEXTS)] for i in range(many)], dtype=object),
            "flag": pd.array([[True, False, None][i % 3] for i in range(many)], dtype="boolean"),
            "day": pd.Series(
                np.array(
                    [["0001-01-01", "9999-12-31", "2020-02-29"][i % 3] for i in range(many)], dtype="datetime64[s]"
                )
            ),
            "at": pd.Series(
                np.array([["0001-01-01", "9999-12-31", "NaT"][i % 3] for i in range(many)], dtype="datetime64[us]")
            ),
            'sel"ect ü': pd.Series([TEXTS[-1 - i % len(TEXTS)] for i in range(many)], dtype=object),
        }
    )
    return Table(TABLE, frame)


@cache
def session(defense: str) -> LocalSession:
    built, _ = registry.defense(defense)
    engine, _ = engines(rows(), built, 1, 0)
    return LocalSession(TABLE, engine, built, np.random.default_rng(0))


DEFENSES = [*BUILTIN, "diffix:low_count=false", "k-threshold:k=2+output-perturbation"]
COUNT = "SELECT count(*) FROM staff"
ANSWERABLE = [
    *("SELECT sum(n) FROM staff", "SELECT avg(n) FROM staff", "SELECT min(n), max(n) FROM staff", "SELECT sum(x) FROM staff"),
    *("SELECT n, sum(n) FROM staff GROUP BY n", "SELECT avg(x), min(x), max(x) FROM staff", "SELECT x, count(*) FROM staff GROUP BY x"),
    *("SELECT min(day), max(day) FROM staff", "SELECT min(at), max(at) FROM staff", "SELECT day, min(at) FROM staff GROUP BY day"),
    *("SELECT sum(n) FROM staff WHERE n > 0", "SELECT sum(DISTINCT n) FROM staff", "SELECT sum(n) FROM staff HAVING sum(n) > 1e18"),
    *(f"{COUNT} WHERE n = 9223372036854775807", f"{COUNT} WHERE n = -9223372036854775808", f"{COUNT} WHERE n BETWEEN 0 AND 1"),
    *(f"{COUNT} WHERE x = 1.7e308", f"{COUNT} WHERE x = -0.0", f"{COUNT} WHERE x < 5e-324"),
    *(f"{COUNT} WHERE x BETWEEN 0 AND 5e-324", f"{COUNT} WHERE n BETWEEN -9223372036854775808 AND 9223372036854775807"),
    *(f"{COUNT} WHERE day = '9999-12-31'", f"{COUNT} WHERE day BETWEEN '0001-01-01' AND '9999-12-31'", f"{COUNT} WHERE at > '0001-01-01'"),
    *(f"{COUNT} WHERE s LIKE '%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%a'", f"{COUNT} WHERE s LIKE '\\'", f"{COUNT} WHERE s ILIKE 'İI'"),
    *(f"{COUNT} WHERE s LIKE 'x!%' ESCAPE '!'", f"{COUNT} WHERE s = '🂡'", f"{COUNT} WHERE s = 'e\u0301'", f"{COUNT} WHERE s <> ''"),
    *(f"{COUNT} WHERE s IN ('', 'NULL', '''')", f"{COUNT} WHERE s = '-- x' -- y", f"{COUNT} WHERE s /* ' */ = '\"'", f"{COUNT} WHERE flag"),
    *(f"{COUNT} WHERE NOT flag", f"{COUNT} WHERE flag = 'true'", f"{COUNT} WHERE flag IS NULL", f"{COUNT} WHERE n = n", f"{COUNT} WHERE n < x"),
    *('SELECT "sel""ect ü", count(*) FROM staff GROUP BY 1', 'SELECT count("SEL""ECT Ü") FROM staff', "SELECT uid, count(*) FROM staff GROUP BY uid"),
    *("SELECT s, flag, day, count(*) FROM staff GROUP BY ALL ORDER BY 4 DESC, 1 LIMIT 3", f"{COUNT} WHERE uid = 7", f"{COUNT} LIMIT 0"),
    *(f"{COUNT} WHERE s = '{'x' * 100_000}'", f"{COUNT} WHERE uid IN ({', '.join(map(str, range(5_000)))})", f"{COUNT} OFFSET 99999999999999"),
]  # fmt: skip


@pytest.mark.parametrize("defense", DEFENSES)
def test_a_hostile_statement_is_refused_by_its_rule(staff: Table, defense: str):
    cases, (built, _) = CASES[:: 1 if defense == "none" else 4], registry.defense(defense)
    interface = LocalSession(staff.schema, DuckEngine(staff, SALT), built, np.random.default_rng(0))
    for (sql, rule), found in zip(cases, interface.query_many([sql for sql, _ in cases]), strict=True):
        assert isinstance(found, Refused), sql
        assert found.rule == rule, (sql[:90], found)
        assert not FOREIGN_WORDS.search(found.message)


@pytest.mark.parametrize("defense", DEFENSES)
def test_an_odd_statement_is_answered_or_refused(defense: str):
    for sql, found in zip(ANSWERABLE, session(defense).query_many(ANSWERABLE), strict=True):
        if isinstance(found, Refused):
            assert found.rule
            assert not FOREIGN_WORDS.search(found.message)
            continue
        for row in found.rows:
            assert not any(isinstance(value, float) and not np.isfinite(value) for value in row), (sql[:90], row)


def test_without_a_defense_nearly_all_odd_statements_are_answered():
    found = session("none").query_many(ANSWERABLE)
    refused = [sql for sql, answer in zip(ANSWERABLE, found, strict=True) if isinstance(answer, Refused)]
    assert not refused
    by_text = dict(zip(ANSWERABLE, found, strict=True))
    assert isinstance(by_text[f"{COUNT} WHERE flag"], Answer)
    assert by_text[f"{COUNT} WHERE flag"].value == sum(rows().frame.flag.fillna(False))
    assert by_text[f"{COUNT} WHERE s = '🂡'"].value == sum(rows().frame.s == "🂡")
    assert by_text[f"{COUNT} WHERE s = 'e\u0301'"].value == sum(rows().frame.s == "e\u0301")
    positive = [int(n) for n in rows().frame.n.dropna() if n > 0]
    assert by_text["SELECT sum(n) FROM staff WHERE n > 0"].value == float(sum(positive))


PUBLISHING = ["none", "data-perturbation", "data-swapping", "liew", "microaggregation", "rotation"]


@pytest.mark.parametrize("defense", DEFENSES)
def test_no_aggregate_of_an_expression_chooses_rows_behind_a_defense(defense: str):
    """count(1 / (uid - 7)) leaves user 7 out without a condition. A published table has nothing to hide from it."""
    choosing = ["count(1 / (uid - 7))", "count(sqrt(10 - n))", "sum(n * floor(1 / (1 + abs(uid - 7))))"]
    sqls = [f"SELECT {x} FROM staff" for x in choosing] + [
        "SELECT count(y) FROM (SELECT uid, 1 / n AS y FROM staff) AS s"
    ]
    for sql, found in zip(sqls, session(defense).query_many(sqls), strict=True):
        assert isinstance(found, Answer if defense in PUBLISHING else Refused), (sql, found)
