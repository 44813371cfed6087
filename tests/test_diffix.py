"""Diffix's switches and refusals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from defenses.diffix import diffix, restrictions
from harness.model import Refused, Table
from harness.plugin import Defense
from harness.session import LocalSession
from harness.sql import Buckets
from tests.answers import answer
from tests.diffix_tables import COUNT, OFF, SCHEMA, query, session, table

# Switches

WORKLOAD = [
    "SELECT count(*) FROM t",
    f"SELECT {COUNT} FROM t WHERE a = 'x'",
    "SELECT b, count(*), count(c), count(DISTINCT uid) FROM t GROUP BY b",
    "SELECT a, f, count(*) FROM t WHERE b IN (1, 2, 77) AND c <> 5 GROUP BY a, f",
    "SELECT c, count(*) FROM t GROUP BY c",
    "SELECT count(*), count(b), count(DISTINCT uid) FROM t WHERE a = 'nobody'",
    "SELECT a, count(*) FROM t WHERE a = 'nobody' GROUP BY a",
    "SELECT uid, count(*), count(DISTINCT uid) FROM t WHERE c NOT IN (1, 2, 3) GROUP BY uid",
    "SELECT count(*) FROM t WHERE uid = 5",
]
UNEVEN = [60 if u % 41 == 7 else 1 + (u * u) % 7 for u in range(240)]


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_with_everything_off_the_answers_are_exact(times: Any) -> None:
    rows = table(240, times)
    off, exact = session(rows, diffix(**OFF)), session(rows, Defense())
    for sql in WORKLOAD:
        assert answer(off, sql).rows == answer(exact, sql).rows, sql


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_static_and_dynamic_off_leave_no_noise_and_the_same_suppression(times: Any) -> None:
    rows = table(240, times)
    full, bare, exact = (session(rows, d) for d in (diffix(), diffix(static=False, dynamic=False), Defense()))
    for sql in WORKLOAD:
        keys = len(query(sql).keys)
        shown = {row[:keys]: row[keys:] for row in answer(bare, sql)}
        assert set(shown) == {row[:keys] for row in answer(full, sql)}, sql
        if "count(*)" not in sql or times == 1:
            true = {row[:keys]: row[keys:] for row in answer(exact, sql)}
            assert shown == {key: true[key] for key in shown}


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_low_count_off_shows_every_bucket_and_changes_no_answer(times: Any) -> None:
    rows = table(240, times)
    full, low, exact = (session(rows, d) for d in (diffix(), diffix(low_count=False), Defense()))
    hidden = 0
    for sql in WORKLOAD:
        keys = len(query(sql).keys)
        every = {row[:keys]: row for row in answer(low, sql)}
        assert set(every) == {row[:keys] for row in answer(exact, sql)}
        some = answer(full, sql).rows
        assert all(every[row[:keys]] == row for row in some)
        hidden += len(every) - len(some)
    assert hidden > 200


def test_without_noise_the_threshold_is_four_users_for_all() -> None:
    rows = table(240)
    hard, every = (session(rows, d) for d in (diffix(noisy_threshold=False), diffix(low_count=False)))
    for size in range(1, 9):
        where = f"uid IN ({', '.join(str(u) for u in range(10, 10 + size))})"
        sql = f"SELECT {COUNT} FROM t WHERE {where}"
        assert answer(hard, sql).rows == (answer(every, sql).rows if size >= 4 else []), size


def test_flatten_off_changes_only_counts_of_rows() -> None:
    rows = table(240, UNEVEN)
    full, kept = session(rows, diffix()), session(rows, diffix(flatten=False))
    changed = 0
    for sql in WORKLOAD:
        one, other = answer(full, sql), answer(kept, sql)
        aggregates = query(sql).aggregates
        for slot in range(len(one.columns)):
            is_rows = slot >= len(one.columns) - len(aggregates) and not aggregates[slot - len(one.columns)].distinct
            equal = one.data[slot].tolist() == other.data[slot].tolist()
            assert equal or is_rows, sql
            changed += not equal
    assert changed >= 5
    for sql in WORKLOAD[:5]:
        assert len({str(answer(session(table(), diffix(flatten=f)), sql).rows) for f in (True, False)}) == 1


# Refusals

REFUSED = {
    "diffix-aggregate": [
        "SELECT median(DISTINCT b) FROM t",
        "SELECT count(*), stddev(DISTINCT b) FROM t WHERE a = 'x'",
        "SELECT count(*) FROM t HAVING stddev(DISTINCT b) > 1",
        "SELECT a, count(*) FROM t GROUP BY a ORDER BY median(DISTINCT b)",
        "SELECT stddev(DISTINCT b) FROM t WHERE a = 'x' OR b = 1",
    ],
    "diffix-or": [
        "SELECT count(*) FROM t WHERE a = 'x' OR b = 1",
        "SELECT count(*) FROM t WHERE b = 1 OR b = 2",
        "SELECT count(*) FROM t WHERE c <> 1 AND (a = 'x' OR b = 1)",
        "SELECT count(*) FROM t WHERE NOT (a = 'x' OR b = 1)",
        "SELECT count(*) FROM t WHERE NOT (a = 'x' AND NOT (b = 1 OR c = 2))",
        "SELECT count(*) FROM t WHERE a = 'x' OR a = 'x'",
    ],
    "diffix-unclear": [
        "SELECT count(*) FROM t WHERE b + 1 <> 2",
        "SELECT count(*) FROM t WHERE NOT b + 1 = 2",
        "SELECT count(*) FROM t WHERE b * 2 IN (2, 4)",
        "SELECT count(*) FROM t WHERE b * 2 NOT IN (2, 4)",
        "SELECT count(*) FROM t WHERE b + 1 BETWEEN 1 AND 3",
        "SELECT count(*) FROM t WHERE b + 1 NOT BETWEEN 1 AND 3",
        "SELECT count(*) FROM t WHERE b + 1 >= 1 AND b + 1 < 3",
        "SELECT count(*) FROM t WHERE length(a) <> 1",
        "SELECT count(*) FROM t WHERE sqrt(b) IS NULL",
        "SELECT count(*) FROM t WHERE hex(a) LIKE 'x%'",
        "SELECT count(*) FROM t WHERE concat(a, a) NOT LIKE 'x%'",
        "SELECT count(*) FROM t WHERE left(a, b) <> 'x'",
        "SELECT count(*) FROM t WHERE a <> left(a, 1)",
        "SELECT count(*) FROM t WHERE b <> c + 1",
    ],
    "diffix-expression": [
        *(f"SELECT {x} FROM t" for x in ("count(sqrt(10 - b))", "count(1 / (b - 7))", "sum(b * c)", "sum(abs(b - 7))")),
        *(f"SELECT {x} FROM t" for x in ("sum(b + c)", "sum(b * 1001)", "sum(b / 0)", "sum(b + 1)", "sum(-b)")),
        *(f"SELECT {x} FROM t" for x in ("sum(b * 5 * 5)", "sum(b * -1)", "max(div(b, 3))", "sum(round(b / 3))")),
        "SELECT count(x) FROM (SELECT uid, 1 / (b - 7) AS x FROM t) AS s",
    ],
    "diffix-math": [
        "SELECT count(*) FROM t WHERE (b % 2) + (b % 3) + (b % 5) = 1",
        "SELECT (b % 2) + (b % 3) + (b % 5), count(*) FROM t GROUP BY 1",
        "SELECT bucket(b, 2) - div(b, 3) + trunc(b, -1), sum(c) FROM t GROUP BY 1",
        "SELECT count(*) FROM t WHERE floor(b / 2) = ceil(b / 3) + round(b / 4)",
        "SELECT count(*) FROM t WHERE (b / 2)::integer = (b / 3)::integer + (b / 4)::integer",
    ],
    "diffix-inequality": [
        "SELECT count(*) FROM t WHERE b < 3",
        "SELECT count(*) FROM t WHERE b <= 3",
        "SELECT count(*) FROM t WHERE a = 'x' AND b > 3",
        "SELECT count(*) FROM t WHERE 3 >= b",
        "SELECT count(*) FROM t WHERE b > 1 AND b < 3",
        "SELECT count(*) FROM t WHERE b > 1 AND b <= 3",
        "SELECT count(*) FROM t WHERE b >= 1 AND c < 3",
        "SELECT count(*) FROM t WHERE b >= 1 AND b >= 2 AND b < 3",
        "SELECT count(*) FROM t WHERE b < c",
        "SELECT count(*) FROM t WHERE b < b",
        "SELECT count(*) FROM t WHERE uid > 5",
    ],
    "diffix-range": [
        "SELECT count(*) FROM t WHERE b BETWEEN 3 AND 3",
        "SELECT count(*) FROM t WHERE b BETWEEN 3 AND 1",
        "SELECT count(*) FROM t WHERE b >= 3 AND b <= 3",
        "SELECT count(*) FROM t WHERE b BETWEEN 1 AND 2 AND b BETWEEN 1 AND 5",
        "SELECT count(*) FROM t WHERE b BETWEEN 1 AND 2 AND b >= 1 AND b < 5",
        "SELECT count(*) FROM t WHERE a BETWEEN 'x' AND 'y'",
        "SELECT count(*) FROM t WHERE b BETWEEN 0 AND 9000000000000000000",
    ],
    "diffix-layers": [
        f"SELECT count(*) FROM t WHERE b NOT IN ({', '.join(map(str, range(1_501)))})",
        f"SELECT a, count(*) FROM t WHERE b IN ({', '.join(map(str, range(1_500)))}) AND c <> 1 GROUP BY a",
    ],
    "diffix-join": [
        "SELECT count(*) FROM t LEFT JOIN t AS u ON t.uid = u.uid AND u.a = 'x'",
        "SELECT count(*) FROM t LEFT JOIN t AS u ON t.uid = u.uid AND t.a <> u.a",
        "SELECT count(*) FROM t AS u RIGHT JOIN t ON t.uid = u.uid AND u.a = left(t.a, 1)",
    ],
    "diffix-condition": [
        "SELECT count(*) FROM t WHERE NOT (a = 'x' AND b = 1)",
        "SELECT count(*) FROM t WHERE NOT b < 3",
    ],
}  # fmt: skip


class NoEngine:
    """A refusal is made before any row is looked at."""

    def run(self, plans: Any) -> Buckets:
        raise AssertionError("a refused query reached the database")


@pytest.mark.parametrize(("rule", "sql"), [(rule, sql) for rule, sqls in REFUSED.items() for sql in sqls])
def test_refusals_name_their_rule_and_see_no_rows(rule: str, sql: str) -> None:
    for switches in ({}, OFF):
        found = LocalSession(SCHEMA, NoEngine(), diffix(**switches), np.random.default_rng(0)).query(sql)
        assert isinstance(found, Refused), sql
        assert found.rule == rule
        assert re.fullmatch(r"Diffix [^\n]+\.", found.message)


def test_a_refusal_is_the_same_over_any_rows() -> None:
    tables = [table(1), table(240), table(30, 4), Table(SCHEMA, table(40).frame.assign(b=1, c=1))]
    sqls = [sql for rule in REFUSED.values() for sql in rule]
    answers = [session(rows, diffix()).query_many(sqls) for rows in tables]
    assert all(found == answers[0] for found in answers)


def test_every_rule_is_tested() -> None:
    source = Path(restrictions.__file__).read_text()
    of_a_parameter = {"diffix-time"}  # see test_diffix_rows
    assert set(re.findall(r'Refused\(\s*"([^"]+)"', source)) == set(REFUSED) | of_a_parameter


def test_what_acts_on_the_answer_is_not_refused_and_sees_the_noisy_numbers() -> None:
    interface = session(table(), diffix())
    everything = answer(interface, f"SELECT b, {COUNT} AS n FROM t GROUP BY b").rows
    kept = answer(
        interface, f"SELECT b, {COUNT} AS n FROM t GROUP BY b HAVING n > 40 OR b = 1 AND n < 30 ORDER BY n DESC LIMIT 3"
    ).rows
    expected = [row for row in everything if float(str(row[1])) > 40 or (row[0] == 1 and float(str(row[1])) < 30)]
    assert kept == sorted(expected, key=lambda row: -float(str(row[1])))[:3]
    assert 0 < len(kept) < 6
