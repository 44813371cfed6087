"""Diffix's suppression and flattening."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import constants, diffix
from defenses.diffix.groups import flattened, group_size
from harness.model import Schema, Table
from harness.seeds import digest
from tests.answers import answer, by_key
from tests.diffix_tables import COUNT, NOISY, SCHEMA, Z, plan_of, session, table, value

# Suppression

BUCKETS_A_SIZE = 2_000


@cache
def sized(times: int = 1) -> Table:
    """BUCKETS_A_SIZE buckets b of each size 1 … 7; c = 10,000 − b names the same bucket by another column."""
    size = np.tile(np.arange(1, 8), BUCKETS_A_SIZE)
    bucket = np.repeat(np.repeat(np.arange(len(size)), size), times)
    user = np.repeat(np.arange(size.sum()), times)
    frame = pd.DataFrame({"uid": user, "a": "x", "b": bucket, "c": 10_000 - bucket}).astype({"a": object})
    return Table(Schema("t", SCHEMA.columns[:4], "uid"), frame)


@pytest.mark.parametrize("times", [1, 2])
def test_suppression_by_true_size(times: int) -> None:
    """P(n ≥ max(2, N(4, 0.5))): 0, 0.00003, 0.023, 0.5, 0.977, 0.99997, 1 for n = 1 … 7 users."""
    shown = by_key(session(sized(times), diffix()), "SELECT b, count(*) FROM t GROUP BY b")
    counts = np.bincount(np.array(list(shown)) % 7, minlength=7)
    for size, count in enumerate(counts, start=1):
        expected = 0.0 if size < 2 else float(stats.norm.cdf(size, loc=4, scale=0.5))
        assert stats.binomtest(int(count), BUCKETS_A_SIZE, expected).pvalue > 0.001, size


def test_the_same_users_are_suppressed_alike_whatever_the_query() -> None:
    interface = session(sized(), diffix())
    asked = [
        "SELECT b, count(*) FROM t GROUP BY b",
        "SELECT b, count(*) FROM t WHERE a = 'x' GROUP BY b",
        "SELECT b, a, count(c), count(*) FROM t WHERE c <> -999 AND a IN ('x', 'y') GROUP BY b, a",
        "SELECT b, c, count(DISTINCT uid) FROM t GROUP BY c, b",
    ]
    shown = [set(by_key(interface, sql)) for sql in asked]
    assert shown == [shown[0]] * 4
    by_c = set(by_key(interface, "SELECT c, count(*) FROM t GROUP BY c"))
    assert {10_000 - c for c in by_c} == shown[0]
    assert set(by_key(session(sized(2), diffix()), asked[0])) == shown[0]


def test_one_user_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "LOW_COUNT_MEAN", -10.0)
    shown = by_key(session(sized(), diffix()), "SELECT b, count(*) FROM t GROUP BY b")
    sizes = np.array(list(shown)) % 7 + 1
    assert sizes.min() == 2
    assert len(shown) == 6 * BUCKETS_A_SIZE


def test_suppression_is_no_draw_of_the_answers_noise() -> None:
    """Among the buckets of 4 users, half are shown, and those are no larger in their noise."""
    interface = session(sized(), diffix())
    open_interface = session(sized(), diffix(low_count=False))
    sql = f"SELECT b, {COUNT} FROM t GROUP BY b"
    shown, all_of_them = by_key(interface, sql), by_key(open_interface, sql)
    fours = np.array([(key in shown, noisy - 4) for key, noisy in all_of_them.items() if key % 7 == 3])
    is_shown = fours[:, 0] == 1
    low, high = stats.binom.ppf([0.0005, 0.9995], BUCKETS_A_SIZE, 0.5)
    assert low <= is_shown.sum() <= high
    gap = fours[is_shown, 1].mean() - fours[~is_shown, 1].mean()
    assert abs(gap) < Z * np.sqrt(2 / is_shown.sum() + 2 / (~is_shown).sum())


# Flattening


def test_group_sizes() -> None:
    """max(2, round(4 + N_b/2))."""
    noise = np.array([0.0, 0.9, 1.1, 3.1, -0.9, -1.1, -2.9, -3.1, -4.1, -50.0, 50.0])
    assert group_size(noise).tolist() == [4, 4, 5, 6, 4, 3, 3, 2, 2, 2, 29]


def contributions(*rows_a_user: int, nulls: int = 0) -> Table:
    """Users with so many rows each; `nulls` further rows of everybody have b NULL."""
    uid = np.repeat(np.arange(len(rows_a_user)), np.array(rows_a_user) + nulls)
    rank = pd.Series(uid).groupby(uid).cumcount().to_numpy()
    b = pd.Series(1, index=range(len(uid)), dtype="Int64").mask(rank < nulls)
    return Table(Schema("t", (SCHEMA.columns[0], SCHEMA.columns[2]), "uid"), pd.DataFrame({"uid": uid, "b": b}))


def flat(rows: Table, sql: str = "SELECT count(*) FROM t", **switches: bool) -> Any:
    """The answer without noise: then T₁ = T₂ = 4."""
    defense = diffix(static=False, dynamic=False, low_count=False, **switches)
    return answer(session(rows, defense), sql).rows[0][0]


def test_flattening_by_hand() -> None:
    """Group 1 is 100, 50, 40, 30, group 2 is 10, 8, 6, 4 with the average 7: 4 · 7 + 28 + 2 + 2 + 1 + 1 = 62."""
    rows = contributions(2, 100, 6, 1, 50, 8, 40, 2, 30, 10, 1, 4)
    assert flat(rows) == 62
    assert flat(rows, flatten=False) == 254
    assert flat(rows, f"SELECT {COUNT} FROM t") == 12


def test_flattening_counts_what_is_not_null() -> None:
    """count(b) leaves the NULL rows out: users who have nothing else do not take part."""
    rows = contributions(2, 100, 6, 1, 50, 8, 40, 2, 30, 10, 1, 4, 0, 0, 0, nulls=3)
    assert flat(rows, "SELECT count(b) FROM t") == 62
    assert flat(rows) == 62 + 12 * 3 + 3 * 3
    assert flat(rows, "SELECT count(uid) FROM t") == flat(rows)
    assert flat(contributions(9, 8, 7, 6, 0, 0, 0, 0, nulls=1), "SELECT count(b) FROM t") is None


def test_a_short_second_group_is_the_remainder() -> None:
    assert flat(contributions(9, 8, 7, 6, 5, 3)) == 4 * 4 + 5 + 3
    assert flat(contributions(9, 8, 7, 6, 5)) == 5 * 5
    assert flat(contributions(1, 1, 1, 1, 1, 2)) == 6


@pytest.mark.parametrize("rows", [(9, 8, 7, 6), (9, 8), (5,), ()])
def test_without_a_second_group_the_count_is_null(rows: tuple[int, ...]) -> None:
    everybody = contributions(*rows, 3, 3, 3, 3, 3) if not rows else contributions(*rows)
    sql = "SELECT count(*) FROM t" + ("" if rows else " WHERE b = 9")
    assert flat(everybody, sql) is None
    assert flat(everybody, sql, flatten=False) == sum(rows)
    assert flat(everybody, sql.replace("*", "DISTINCT uid")) == len(rows)


def test_noise_grows_with_half_of_the_second_group_or_the_average_of_all() -> None:
    """Noise N_b · max(A₂/2, A_all): A_all = 62/12 in the first row, A₂/2 = 10 in the second."""
    width = 12
    top = np.zeros((2, width))
    top[0] = [100, 50, 40, 30, 10, 8, 6, 4, 2, 2, 1, 1]
    top[1] = [30] * 4 + [20] * 4 + [1] * 4  # and 88 users more with 1 row each
    total, users = np.array([254.0, 120 + 80 + 92]), np.array([12, 100])
    four = np.array([4, 4])
    found = flattened(total, users, top, four, four)
    assert np.concatenate(found).tolist() == pytest.approx([62, 4 * 20 + 80 + 92, 62 / 12, 10])
    kept = flattened(total, users, top, four, four, flatten=False)
    assert np.concatenate(kept).tolist() == pytest.approx([254, 292, 254 / 12, 10])


def test_group_sizes_choose_who_is_flattened() -> None:
    top = np.array([[100.0, 50, 40, 30, 10, 8, 6, 4, 2, 2, 1, 1]])
    total, users = np.array([254.0]), np.array([12])
    for first, second, expected in [
        (2, 2, 254 - 150 + 2 * 35),
        (4, 2, 254 - 220 + 4 * 9),
        (11, 5, 12),
        (12, 2, np.nan),
    ]:
        found, _ = flattened(total, users, top, np.array([first]), np.array([second]))
        assert found[0] == pytest.approx(expected, nan_ok=True)
    assert flattened(total, users, top, np.array([12]), np.array([2]), flatten=False)[0][0] == 254


def test_an_extreme_contributor_does_not_show() -> None:
    """A user with 1 row, or with 10,000: the same users, so the same noise but for its scale."""
    usual = [1 + u % 3 for u in range(200)]
    quiet, loud = table(200, usual), table(200, [10_000, *usual[1:]])
    for salt in (digest("extreme", i) for i in range(5)):
        for sql in (
            "SELECT count(*) FROM t",
            "SELECT count(c) FROM t WHERE b <> 99",
            "SELECT count(*) FROM t WHERE a = 'y'",
        ):
            small, large = (answer(session(rows, diffix(), salt), sql).value for rows in (quiet, loud))
            assert abs(large - small) < 6
            small, large = (answer(session(rows, diffix(flatten=False), salt), sql).value for rows in (quiet, loud))
            assert large - small > 5_000


def test_where_every_user_has_one_row_nothing_is_flattened_or_null() -> None:
    interface = session(table(6), diffix(low_count=False))
    for where in ("", "a = 'x'", "b = 1", "b = 99"):
        assert value(interface, where, "count(*)") == value(interface, where) == value(interface, where, "count(uid)")


def test_enough_contributions_are_fetched_for_the_largest_groups() -> None:
    """T₁ + T₂ of the noisiest query lie within what the plan asks for, 8 standard deviations off."""
    for where in NOISY:
        plan = plan_of("SELECT count(*) FROM t" + (f" WHERE {where}" if where else ""))
        assert plan.top >= 2 * (4 + 8 * 0.5 * np.sqrt(NOISY[where]))
