"""`none` is exact, and k-threshold shows what enough users are in."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from defenses.k_threshold import k_threshold
from defenses.none import none
from harness.plugin import Defense
from tests.answers import answer, plain
from tests.defense_tables import COUNTS, TABLES, session

# none


def pandas_counts(rows: pd.DataFrame, by: list[str]) -> dict[Any, tuple[Any, ...]]:
    """By plain Python: rows, known ages, users, sum of pay."""
    groups: dict[Any, list[Any]] = {}
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        groups.setdefault(tuple(row[key] for key in by), []).append(row)
    return {
        key: (
            len(group),
            sum(row["age"] is not None for row in group),
            len({row["uid"] for row in group}),
            sum(pays) if (pays := [row["pay"] for row in group if row["pay"] is not None]) else None,
        )
        for key, group in groups.items()
    }


EXACT = "SELECT dept, flag, count(*), count(age), count(DISTINCT uid), sum(pay) FROM t GROUP BY dept, flag"


@pytest.mark.parametrize("name", TABLES)
def test_none_is_exact(name: str) -> None:
    found = {row[:2]: row[2:] for row in answer(session(name, none()), EXACT)}
    assert found == pandas_counts(TABLES[name].frame, ["dept", "flag"])
    for sql in COUNTS:
        assert plain(session(name, none()).query(sql)) == plain(session(name, Defense()).query(sql))


# k-threshold


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize("name", TABLES)
def test_k_threshold_shows_exactly_the_buckets_of_k_users(name: str, k: int, upper: bool) -> None:
    """Users are counted, not rows, and what is shown is exact."""
    true = pandas_counts(TABLES[name].frame, ["dept", "flag"])
    n = TABLES[name].frame.uid.nunique()
    expected = {key: row for key, row in true.items() if k <= row[2] and (not upper or row[2] <= n - k)}
    found = {row[:2]: row[2:] for row in answer(session(name, k_threshold(k=k, upper=upper)), EXACT)}
    assert found == expected


def test_k_threshold_counts_users_at_both_bounds() -> None:
    """40 users, of whom u7 alone has 23 rows; 8 users in each dept."""
    name = "many rows a user"
    for k, shown in [(8, 1), (9, 0)]:
        assert len(answer(session(name, k_threshold(k=k)), "SELECT count(*) FROM t WHERE dept = 'CS'")) == shown
    assert len(answer(session(name, k_threshold(k=2)), "SELECT count(*) FROM t WHERE uid = 'u7'")) == 0
    for k, shown in [(8, 1), (9, 0)]:  # the complement: 32 of 40 users, 32 = 40 − 8
        sql = "SELECT count(*) FROM t WHERE dept <> 'CS' OR dept IS NULL"
        assert len(answer(session(name, k_threshold(k=k, upper=True)), sql)) == shown
        assert len(answer(session(name, k_threshold(k=k)), sql)) == 1
    assert len(answer(session(name, k_threshold(k=1, upper=True)), "SELECT count(*) FROM t")) == 0
    assert len(answer(session(name, k_threshold(k=1)), "SELECT count(*) FROM t WHERE dept = 'nobody'")) == 0
