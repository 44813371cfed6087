"""Ranges on the grid, sums, averages, extremes, and what `--explain` tells: by hand, and by properties."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from defenses.diffix import diffix
from defenses.diffix.snapping import is_before, middle, snapped, stated
from harness.asking import explain
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.session import LocalSession
from tests.answers import answer

SALT = b"r" * 32
QUIET = {"static": False, "dynamic": False, "low_count": False}
SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("n", Kind.INTEGER),
        Column("x", Kind.REAL),
        Column("day", Kind.DATE),
        Column("at", Kind.DATETIME),
    ),
    "uid",
)


def session(frame: pd.DataFrame, **switches: bool) -> LocalSession:
    rows = pd.DataFrame({"uid": np.arange(len(frame))} | {c: frame[c] for c in frame})
    for column, empty in (("n", 0), ("x", 0.0), ("day", pd.Timestamp(2020, 1, 1)), ("at", pd.Timestamp(2020, 1, 1))):
        if column not in rows:
            rows[column] = empty
    engine = DuckEngine(Table(SCHEMA, rows[list(SCHEMA.names)]), SALT)
    return LocalSession(SCHEMA, engine, diffix(**switches), np.random.default_rng(0))


DAY = date.fromisoformat
AT = datetime.fromisoformat


@pytest.mark.parametrize(
    ("kind", "low", "high", "expected"),
    [
        (Kind.INTEGER, 10, 20, (10, 20)),
        (Kind.INTEGER, 12, 18, (10, 20)),
        (Kind.INTEGER, 14, 22, (10, 30)),
        (Kind.INTEGER, 3, 4, (3, 4)),
        (Kind.INTEGER, 3, 5, (3, 5)),
        (Kind.INTEGER, 3, 7, (2.5, 7.5)),
        (Kind.INTEGER, 2.2, 2.8, (2, 3)),
        (Kind.INTEGER, -1, 1, (-1, 1)),
        (Kind.INTEGER, -3, 4, (-5, 5)),
        (Kind.INTEGER, 2**62, 2**62 + 1, (2**62, 2**62 + 1)),
        (Kind.INTEGER, -(2**63), -(2**63) + 1, (-(2**63), -(2**63) + 1)),
        (Kind.REAL, 0.0, 0.01, (0.0, 0.01)),
        (Kind.REAL, 0.1, 0.3, (0.1, 0.3)),
        (Kind.REAL, 0.1, 0.1 + 0.2, (0.0, 0.5)),
        (Kind.REAL, 7.0, 7.001, (7.0, 7.001)),
        (Kind.REAL, -0.4, 0.3, (-0.5, 0.5)),
        (Kind.REAL, 3e20, 4e20, (3e20, 4e20)),
        (Kind.DATE, DAY("2020-02-29"), DAY("2020-03-01"), (DAY("2020-02-29"), DAY("2020-03-01"))),
        (Kind.DATE, DAY("2020-02-26"), DAY("2020-02-29"), (DAY("2020-02-24"), DAY("2020-03-02"))),
        (Kind.DATE, DAY("2020-02-01"), DAY("2020-03-01"), (DAY("2020-02-01"), DAY("2020-03-01"))),
        (Kind.DATE, DAY("2020-04-10"), DAY("2020-06-01"), (DAY("2020-04-01"), DAY("2020-07-01"))),
        (Kind.DATE, DAY("2019-12-20"), DAY("2020-01-10"), (DAY("2019-01-01"), DAY("2021-01-01"))),
        (Kind.DATE, DAY("2016-01-01"), DAY("2017-01-01"), (DAY("2016-01-01"), DAY("2017-01-01"))),
        (Kind.DATE, AT("2020-02-26T05:00:00"), AT("2020-02-26T06:00:00"), (DAY("2020-02-26"), DAY("2020-02-27"))),
        (Kind.DATETIME, AT("2020-01-01T10:07"), AT("2020-01-01T10:20"), (AT("2020-01-01T10"), AT("2020-01-01T10:30"))),
        (Kind.DATETIME, AT("2020-01-01T23:59:50"), AT("2020-01-02"), (AT("2020-01-01T23:59:45"), AT("2020-01-02"))),
        (Kind.DATETIME, DAY("2020-01-01"), DAY("2020-01-02"), (AT("2020-01-01"), AT("2020-01-02"))),
    ],
)  # fmt: skip
def test_the_smallest_aligned_range(kind: Kind, low: Any, high: Any, expected: Any):
    found = snapped(low, high, kind)
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (Kind.INTEGER, 0, 9 * 10**18),
        (Kind.REAL, -1.7e308, 1.7e308),
        (Kind.DATE, DAY("9990-01-01"), DAY("9999-12-31")),
        (Kind.DATE, DAY("9999-12-31"), DAY("9999-12-31") + timedelta(0)),
    ],
)
def test_a_range_that_cannot_be_aligned(kind: Kind, low: Any, high: Any):
    with pytest.raises(OverflowError):
        snapped(low, high, kind)


numbers = st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6).map(lambda x: round(x, 4))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@settings(max_examples=150)
@given(numbers, numbers, st.sampled_from([Kind.INTEGER, Kind.REAL]))
def test_aligned_numbers_contain_the_range_and_stay(low: float, high: float, kind: Kind):
    assume(low < high)
    one, two = snapped(low, high, kind)
    assert one <= low
    assert high <= two
    assert snapped(one, two, kind) == (one, two)
    width = Fraction(repr(two)) - Fraction(repr(one))
    steps = {width * Fraction(10) ** -power for power in range(-7, 11)}
    assert steps & {1, 2, 5}
    assert (Fraction(repr(one)) * 2 / width).denominator == 1
    # at most 2.5 times as wide as it must be, and twice more to reach over a boundary
    assert width <= 5 * max(Fraction(repr(high)) - Fraction(repr(low)), 1 if kind is Kind.INTEGER else 0)


@settings(max_examples=150)
@given(moments, moments, st.sampled_from([Kind.DATE, Kind.DATETIME]))
def test_aligned_times_contain_the_range_and_stay(low: datetime, high: datetime, kind: Kind):
    assume(low < high)
    one, two = snapped(low, high, kind)
    assert not is_before(low, one)
    assert not is_before(two, high)
    assert snapped(one, two, kind) == (one, two)


def test_a_range_leaves_its_upper_bound_out_and_tells_when_it_was_widened():
    interface = session(pd.DataFrame({"n": range(100)}), **QUIET)
    for where, count, notices in [
        ("n BETWEEN 10 AND 20", 10, 0),
        ("n >= 10 AND n < 20", 10, 0),
        ("20 > n AND 10 <= n", 10, 0),
        ("n >= 10 AND n <= 20", 10, 1),
        ("n BETWEEN 12 AND 18", 10, 1),
        ("n >= 12 AND n <= 18", 10, 2),
        ("n BETWEEN 3 AND 7", 5, 1),
    ]:
        found = answer(interface, f"SELECT count(*) FROM t WHERE {where}")
        assert found.value == count, where
        assert len(found.notices) == notices, where
    assert "2.5 <= n < 7.5" in found.notices[0]
    loose = session(pd.DataFrame({"n": range(100)}), snap=False, **QUIET)
    assert answer(loose, "SELECT count(*) FROM t WHERE n BETWEEN 12 AND 18").value == 6
    assert answer(loose, "SELECT count(*) FROM t WHERE n BETWEEN 11.5 AND 18").value == 6


def test_one_range_has_one_noise():
    interface = session(pd.DataFrame({"n": np.arange(1000) % 100, "day": pd.Timestamp(2020, 5, 5)}))
    same = [
        *("n BETWEEN 10 AND 20", "n >= 10 AND n < 20", "n < 20 AND n >= 10", "n BETWEEN 10.0 AND '20'"),
        *("n BETWEEN 12 AND 18", "n >= 11 AND n <= 19", "n BETWEEN 10 AND 20 AND n BETWEEN 10 AND 20"),
    ]
    values = {answer(interface, f"SELECT count(*) FROM t WHERE {where}").value for where in same}
    assert len(values) == 1
    wider = answer(interface, "SELECT count(*) FROM t WHERE n BETWEEN 10 AND 30").value
    assert wider not in values


def test_creeping_edges_give_one_sample():
    """§6.7: a little more of a range that holds no more rows is no new sample, on whole numbers at least."""
    interface = session(pd.DataFrame({"n": np.arange(1000) % 100}))
    texts = [f"SELECT count(*) FROM t WHERE n BETWEEN 10 AND {20 + step / 100}" for step in range(-90, 0)]
    assert len({found.value for found in interface.query_many(texts)}) == 1
    loose = session(pd.DataFrame({"x": np.arange(1000) % 100 / 1.0}), snap=False)
    texts = [f"SELECT count(*) FROM t WHERE x BETWEEN 10 AND {20 + step / 100}" for step in range(-90, 0)]
    assert len({found.value for found in loose.query_many(texts)}) == 90


VALUES = [100.0, 90, 80, 70, 60, 50, 40, 30, 20, 10]  # T₁ = T₂ = 4 without noise


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        ("sum(x)", VALUES, 4 * 45 + 210),
        ("sum(x)", [-v for v in VALUES], -(4 * 45 + 210)),
        ("sum(x)", VALUES + [-v for v in VALUES[:6]], 4 * 45 + 210 - (4 * 55 + 110)),
        ("sum(x)", [*VALUES, -1000.0, -1000.0, -1000.0], 4 * 45 + 210),  # too few below zero: as if they were zero
        ("sum(x)", VALUES[:4], None),
        ("sum(x)", VALUES[:5], 5 * 60),
        ("sum(x)", [0.0] * 9, 0),
        ("sum(x)", [5.0] + [0.0] * 9, 0),
        ("sum(x)", [np.nan] * 9, None),
        ("sum(x)", [*VALUES, np.nan], 4 * 45 + 210),
        ("avg(x)", VALUES, 39),
        ("avg(x)", [*VALUES, np.nan, np.nan], 39),
        ("max(x)", VALUES, 45),
        ("min(x)", VALUES, 65),
        ("max(x)", VALUES[:4], None),
        ("max(x)", VALUES[:5], None),  # of one user left it would be that user's value
        ("max(x)", VALUES[:6], 55),
        ("min(x)", VALUES[:6], 95),
        ("max(x)", [7.0] * 9, 7),
        ("min(x)", [np.nan] * 9 + VALUES, 65),
    ],
)
def test_aggregates_by_hand(sql: str, values: list[float], expected: float | None):
    found = answer(session(pd.DataFrame({"x": values}), **QUIET), f"SELECT {sql} FROM t").rows[0][0]
    assert found == (None if expected is None else pytest.approx(expected))


def test_many_rows_of_a_user_are_one_contribution():
    frame = pd.DataFrame({"uid": np.repeat(np.arange(10), 2), "x": np.repeat(VALUES, 2) / 2.0})
    frame.loc[frame.index % 2 == 1, "x"] -= 1.0
    engine = DuckEngine(
        Table(SCHEMA, frame.assign(n=0, day=pd.Timestamp(0), at=pd.Timestamp(0))[list(SCHEMA.names)]), SALT
    )
    interface = LocalSession(SCHEMA, engine, diffix(**QUIET), np.random.default_rng(0))
    found = answer(interface, "SELECT sum(x), max(x), min(x), avg(x), count(x) FROM t").rows[0]
    assert found == pytest.approx((4 * 44 + 204, 22.5, 31.5, (4 * 44 + 204) / 20, 20))


def test_dates_have_extremes():
    days = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(np.arange(0, 10), unit="D")
    interface = session(pd.DataFrame({"day": days, "at": days + pd.Timedelta(hours=6)}), **QUIET)
    found = answer(interface, "SELECT max(day), min(day), max(at) FROM t").rows[0]
    # days 2 … 5 of January are the second lowest four … the mean falls on noon, of which a date keeps the day
    assert found == (date(2020, 1, 4), date(2020, 1, 6), datetime(2020, 1, 4, 18))


def test_noise_of_sums_and_averages():
    """Equal values v: the noise of a sum is v · N_b with an N_b of its own, so an average has noise too."""
    interface = session(pd.DataFrame({"n": [1] * 250, "x": 3.0}))
    texts = [
        f"SELECT sum(x), avg(x), count(x), count(DISTINCT uid) FROM t WHERE n = 1 AND uid <> {u}" for u in range(250)
    ]
    found = [answer.rows[0] for answer in interface.query_many(texts) if isinstance(answer, Answer)]
    sums, averages, known, users = np.array(found, dtype=float).T
    assert averages == pytest.approx(sums / known)
    assert known == pytest.approx(users)
    # of the four layers all but the static one of n = 1 differ between the queries
    for noise in (users, sums / 3):
        assert abs(noise.std() / np.sqrt(3) - 1) < 3.29 / np.sqrt(2 * 250)
    assert abs(np.corrcoef(users, sums)[0, 1]) < 3.29 / np.sqrt(250)
    assert averages.std() == pytest.approx(3 * np.sqrt(2 * 3) / 249, rel=0.2)


def test_counts_of_different_users_have_different_noise():
    """count(*) − count(x) does not tell the number of NULLs; where there are none, it is 0 (no second sample)."""
    frame = pd.DataFrame({"n": np.arange(400) % 40, "x": np.where(np.arange(400) % 10 == 3, np.nan, 1.0)})
    interface = session(frame)
    sql = "SELECT n, count(*), count(x), count(day), count(at) FROM t GROUP BY n"
    rows = np.array([row[1:] for row in answer(interface, sql).rows], dtype=float)
    holes = np.array([row[0] % 10 == 3 for row in answer(interface, sql).rows])
    assert (rows[:, 2] == rows[:, 0]).all()
    assert (rows[:, 3] == rows[:, 0]).all()
    assert (rows[~holes, 1] == rows[~holes, 0]).all()
    some = session(frame.assign(x=np.where(np.arange(400) % 7 == 3, np.nan, 1.0)))
    gaps = np.array([row[1] - row[2] for row in answer(some, sql).rows], dtype=float)
    true = pd.Series(np.arange(400) % 7 == 3).groupby(np.arange(400) % 40).sum().to_numpy()
    assert np.abs(gaps - true)[true > 0].max() > 1
    assert np.std((gaps - true)[true > 0]) == pytest.approx(np.sqrt(2), rel=0.5)  # one dynamic layer each


def test_rounded_counts():
    frame = pd.DataFrame({"n": np.arange(300) % 3, "x": 1.5})
    exact, rounded = session(frame), session(frame, round=True)
    sql = "SELECT n, count(*), sum(x), count(x) FROM t GROUP BY n"
    for one, other in zip(answer(exact, sql).rows, answer(rounded, sql).rows, strict=True):
        assert other == (one[0], round(one[1]), one[2], round(one[3]))


def test_the_explanation_adds_up_and_keeps_the_salt():
    where = "age BETWEEN 33 AND 36 AND race IN ('White', 'X')"
    sql = f"SELECT sex, count(DISTINCT uid) FROM census WHERE {where} GROUP BY sex"
    exact, _ = explain("none", "census", 3, sql.replace("BETWEEN 33 AND 36", ">= 33 AND age < 38"))
    found, how = explain("diffix", "census", 3, sql)
    assert isinstance(found, Answer)
    assert how is not None
    for (sex, noisy), (_, true), bucket in zip(found.rows, exact.rows, how["tables"]["buckets"], strict=True):
        layers = [layer for layer in how["tables"]["layers"] if layer["bucket"] == bucket["bucket"]]
        assert bucket["bucket"] == f"sex = {sex}"
        assert (bucket["users"], bucket["shown"]) == (true, True)
        assert sum(layer["sample"] for layer in layers) == pytest.approx(bucket["N_b"])
        assert noisy - true == pytest.approx(bucket["N_b"])
        assert {tuple(layer["seeded by"][1:]) for layer in layers} == {
            ("sex", "=", sex, sex, 1),
            ("age", "range", 32.5, 37.5),
            ("race", "in", "White"),
            ("race", "in-element", "White"),
            ("race", "in-element", "X"),
        }
    assert how["notices"] == list(found.notices) != []
    assert 'FROM "census"' in how["sql"]


def test_a_refusal_has_no_explanation():
    found, how = explain("diffix", "census", 1, "SELECT count(*) FROM census WHERE age > 3")
    assert isinstance(found, Refused)
    assert how is None


# What a range has in its middle


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 50.0, (20, 30)), (0.0, 1000.0, (250, 500)), (0.0, 20.0, (5, 10)), (3.0, 47.0, (20, 30))],
)
def test_the_middle_by_hand(low: float, high: float, expected: tuple[float, float]) -> None:
    """Within [0, 50) the grid has [0, 25), [10, 30), [20, 40) and [25, 50), and parts of them."""
    assert middle(low, high, Kind.REAL) == expected


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([Kind.REAL, Kind.INTEGER]), st.booleans())
def test_a_range_with_values_on_both_sides_of_the_middle_is_whole(data: st.DataObject, kind: Kind, snap: bool) -> None:
    scale = 10.0 ** data.draw(st.integers(-3 if kind is Kind.REAL else 0, 6))
    ends = [scale * data.draw(st.integers(-400, 400)) / 100 for _ in range(2)]
    low, high = sorted(map(round, ends) if kind is Kind.INTEGER else ends)
    assume(low < high)
    if snap:
        low, high = stated(*snapped(low, high, kind), kind)  # type: ignore[assignment]
    p, q = middle(low, high, kind)
    assert isinstance(p, int | float)
    assert isinstance(q, int | float)
    if kind is Kind.INTEGER:
        first = data.draw(st.integers(int(low), max(int(low), int(p) - 1)))
        last = data.draw(st.integers(min(int(q) + 1, int(high) - 1), int(high) - 1))
        beyond: float = last + 1
    else:
        first = data.draw(
            st.one_of(st.floats(low, float(np.nextafter(p, -np.inf))), st.just(float(np.nextafter(p, -np.inf))))
        )
        last = data.draw(
            st.floats(
                float(np.nextafter(q, np.inf)), max(float(np.nextafter(q, np.inf)), float(np.nextafter(high, -np.inf)))
            )
        )
        beyond = float(np.nextafter(last, np.inf))
    assume(low <= first < p <= q < last < high)
    around = snapped(first, beyond, kind)
    assert around[0] <= low  # type: ignore[operator]
    assert around[1] >= high  # type: ignore[operator]
