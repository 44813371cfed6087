"""The slow oracle against numbers worked out by hand: aligned ranges, aggregates without noise, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest

from harness.seeds import digest
from tests.oracle_diffix import noisy_answers
from tests.oracle_queries import Aggregate, Condition, Database, Question, Switches, broken_rules, has_notice
from tests.oracle_snapping import snapped

SMALLEST, LARGEST = -(2**63), 2**63 - 1

NUMBERS = [
    # integers: widths 1, 2, 5, 10, …, from a multiple of half the width
    ("integer", 3, 4, (3, 4)),
    ("integer", 3, 5, (3, 5)),
    ("integer", 10, 20, (10, 20)),
    ("integer", 5, 15, (5, 15)),
    ("integer", 12, 18, (10, 20)),
    ("integer", 14, 22, (10, 30)),
    ("integer", 3, 7, (2.5, 7.5)),
    ("integer", 3, 8, (0, 10)),
    ("integer", 7, 12, (5, 15)),
    ("integer", 30, 65, (25, 75)),
    ("integer", 18, 65, (0, 100)),
    ("integer", 1, 1000, (0, 1000)),
    ("integer", 1, 1001, (0, 2000)),
    ("integer", -1, 1, (-1, 1)),
    ("integer", -3, 3, (-5, 5)),
    ("integer", -12, -8, (-12.5, -7.5)),
    ("integer", -100, -50, (-100, -50)),
    # their bounds are not rounded first: [2.5, 7.5) stays what it is
    ("integer", 2.5, 7.5, (2.5, 7.5)),
    ("integer", 2.5, 4, (2, 4)),
    ("integer", 2.2, 2.8, (2, 3)),
    ("integer", 2.1, 6.9, (0, 10)),
    ("integer", -2.5, -0.5, (-2.5, 2.5)),
    # and stay 64-bit integers
    ("integer", LARGEST - 2, LARGEST, (LARGEST - 2, LARGEST)),
    ("integer", SMALLEST, SMALLEST + 1, (SMALLEST, SMALLEST + 1)),
    ("integer", 2**62, LARGEST, None),
    ("integer", SMALLEST, 0, None),
    # reals: the same by powers of ten
    ("real", 0.1, 0.2, (0.1, 0.2)),
    ("real", 0.1, 0.3, (0.1, 0.3)),
    ("real", 0.15, 0.25, (0.15, 0.25)),
    ("real", 0.12, 0.18, (0.1, 0.2)),
    ("real", 0.001, 0.004, (0.0, 0.005)),
    ("real", 1e-05, 3e-05, (1e-05, 3e-05)),
    ("real", 2.5, 7.5, (2.5, 7.5)),
    ("real", 2.5, 3.0, (2.5, 3.0)),
    ("real", 3.0, 8.0, (0.0, 10.0)),
    ("real", -0.3, -0.1, (-0.3, -0.1)),
    ("real", -0.2, 0.1, (-0.25, 0.25)),
    ("real", 1e16, 3e16, (1e16, 3e16)),
    ("real", 5e-324, 1e-323, (5e-324, 1e-323)),
    ("real", 1e308, 1.7e308, None),
]
DAYS = [  # 1 January 2020 is a Wednesday
    ("2020-01-01", "2020-01-02", ("2020-01-01", "2020-01-02")),
    ("2020-01-01", "2020-01-03", ("2019-12-30", "2020-01-06")),
    ("2020-01-06", "2020-01-13", ("2020-01-06", "2020-01-13")),
    ("2020-02-28", "2020-03-01", ("2020-02-24", "2020-03-02")),
    ("2020-01-30", "2020-02-02", ("2020-01-27", "2020-02-03")),
    ("2020-12-31", "2021-01-02", ("2020-12-28", "2021-01-04")),
    ("2020-01-05", "2020-01-07", ("2020-01-01", "2020-02-01")),  # from Sunday to Monday
    ("2020-02-01", "2020-03-01", ("2020-02-01", "2020-03-01")),
    ("2020-01-15", "2020-02-15", ("2020-01-01", "2020-03-01")),
    ("2020-02-15", "2020-03-15", ("2020-01-01", "2020-04-01")),
    ("2020-03-15", "2020-04-15", ("2020-03-01", "2020-05-01")),
    ("2020-04-15", "2020-05-15", ("2020-04-01", "2020-07-01")),
    ("2020-08-15", "2020-11-15", ("2020-07-01", "2021-01-01")),
    ("2020-06-15", "2020-07-15", ("2020-01-01", "2021-01-01")),
    ("2020-12-15", "2021-01-15", ("2020-01-01", "2022-01-01")),
    ("2021-12-15", "2022-01-15", ("2021-01-01", "2023-01-01")),
    ("2021-01-01", "2026-01-01", ("2020-01-01", "2030-01-01")),
    ("2019-06-01", "2020-06-01", ("2019-01-01", "2021-01-01")),
    ("2019-06-01", "2022-06-01", ("2015-01-01", "2025-01-01")),
    ("1900-01-01", "2000-01-01", ("1900-01-01", "2000-01-01")),
    ("1999-12-31", "2000-01-02", ("1999-12-27", "2000-01-03")),
    ("1999-07-01", "2000-07-01", ("1999-01-01", "2001-01-01")),
    ("1990-01-01", "2010-01-01", ("1990-01-01", "2010-01-01")),
    ("1985-01-01", "2015-01-01", ("1975-01-01", "2025-01-01")),
    ("0001-12-15", "0002-01-15", ("0001-01-01", "0003-01-01")),
    ("0001-12-15", "0004-01-15", None),  # years 0 to 5
    ("0001-01-01", "0001-01-08", ("0001-01-01", "0001-01-08")),
    ("9999-12-30", "9999-12-31", ("9999-12-30", "9999-12-31")),
    ("9999-12-01", "9999-12-31", None),
]
TIMES = [
    ("2020-01-01 12:00:00.000001", "2020-01-01 12:00:00.000002", None),
    ("2020-01-01 23:59:59.999999", "2020-01-02 00:00:00", None),
    ("2020-01-01 12:00:00", "2020-01-01 12:00:01", None),
    ("2020-01-01 12:00:04", "2020-01-01 12:00:06", None),
    ("2020-01-01 12:15:00", "2020-01-01 12:30:00", None),
    ("2020-01-01 06:00:00", "2020-01-01 12:00:00", None),
    ("2020-01-01 00:00:00", "2020-01-02 00:00:00", None),
    ("2020-01-01 00:00:00", "2021-01-01 00:00:00", None),
    ("2020-01-01 12:00:00.000001", "2020-01-01 12:00:00.000003", "2020-01-01 12:00:00/2020-01-01 12:00:00.000005"),
    ("2020-01-01 12:00:00.25", "2020-01-01 12:00:00.40", "2020-01-01 12:00:00.200000/2020-01-01 12:00:00.400000"),
    ("2020-01-01 12:00:00.30", "2020-01-01 12:00:00.60", "2020-01-01 12:00:00/2020-01-01 12:00:01"),
    ("2020-01-01 12:00:01", "2020-01-01 12:00:03", "2020-01-01 12:00:00/2020-01-01 12:00:05"),
    ("2020-01-01 12:00:08", "2020-01-01 12:00:12", "2020-01-01 12:00:00/2020-01-01 12:00:15"),
    ("2020-01-01 12:00:14", "2020-01-01 12:00:17", "2020-01-01 12:00:00/2020-01-01 12:00:30"),
    ("2020-01-01 12:00:29", "2020-01-01 12:00:31", "2020-01-01 12:00:00/2020-01-01 12:01:00"),
    ("2020-01-01 12:00:59", "2020-01-01 12:01:01", "2020-01-01 12:00:00/2020-01-01 12:02:00"),
    ("2020-01-01 12:01:59", "2020-01-01 12:02:01", "2020-01-01 12:00:00/2020-01-01 12:05:00"),
    ("2020-01-01 12:29:00", "2020-01-01 12:31:00", "2020-01-01 12:00:00/2020-01-01 13:00:00"),
    ("2020-01-01 08:30:00", "2020-01-01 09:30:00", "2020-01-01 08:00:00/2020-01-01 10:00:00"),
    ("2020-01-01 09:30:00", "2020-01-01 10:30:00", "2020-01-01 06:00:00/2020-01-01 12:00:00"),
    ("2020-01-01 11:30:00", "2020-01-01 12:30:00", "2020-01-01 00:00:00/2020-01-02 00:00:00"),
    ("2020-01-01 23:30:00", "2020-01-02 00:30:00", "2019-12-30 00:00:00/2020-01-06 00:00:00"),
    ("2020-01-05 23:30:00", "2020-01-06 00:30:00", "2020-01-01 00:00:00/2020-02-01 00:00:00"),
    ("2020-12-31 23:30:00", "2021-01-01 00:30:00", "2020-12-28 00:00:00/2021-01-04 00:00:00"),
    ("9999-12-31 23:59:59", "9999-12-31 23:59:59.5", None),
    ("9999-12-31 23:59:59.5", "9999-12-31 23:59:59.75", "refused"),
]


@pytest.mark.parametrize(("kind", "low", "high", "expected"), NUMBERS)
def test_ranges_of_numbers(kind: str, low: float, high: float, expected: tuple[float, float] | None) -> None:
    found = snapped(kind, low, high)
    assert found == expected
    if found is not None:
        wholes = [int if kind == "integer" and bound == int(bound) else float for bound in found]
        assert [type(bound) for bound in found] == wholes


@pytest.mark.parametrize(("low", "high", "expected"), DAYS)
def test_ranges_of_days(low: str, high: str, expected: tuple[str, str] | None) -> None:
    days = expected and tuple(date.fromisoformat(day) for day in expected)
    assert snapped("date", date.fromisoformat(low), date.fromisoformat(high)) == days
    moments = expected and tuple(datetime.fromisoformat(day) for day in expected)
    if datetime.fromisoformat(high) - datetime.fromisoformat(low) >= datetime(1, 1, 2) - datetime.min:
        assert snapped("datetime", datetime.fromisoformat(low), datetime.fromisoformat(high)) == moments


@pytest.mark.parametrize(("low", "high", "expected"), TIMES)
def test_ranges_of_times(low: str, high: str, expected: str | None) -> None:
    """Without an `expected` range the stated one is aligned."""
    found = snapped("datetime", datetime.fromisoformat(low), datetime.fromisoformat(high))
    wanted = (expected or f"{low}/{high}").split("/")
    assert found == (None if expected == "refused" else tuple(datetime.fromisoformat(end) for end in wanted))


# Aggregates. Without noise groups 1 and 2 have four users each.

SILENT = Switches(static=False, dynamic=False, low_count=False)
TEN = list(range(1, 11))


def values_of_users(values: Sequence[Any], kind: str = "integer") -> Database:
    """User u with the values[u], a list or a single one."""
    lists = [value if isinstance(value, list) else [value] for value in values]
    rows = [{"uid": user, "x": value} for user, of_user in enumerate(lists) for value in of_user]
    return Database("t", "uid", {"uid": "integer", "x": kind}, rows, digest("by hand"))


def answer(database: Database, function: str, switches: Switches = SILENT, *conditions: Condition) -> float | None:
    asked = Aggregate("count", "uid", distinct=True) if function == "users" else Aggregate(function, "x")
    [number] = noisy_answers(database, Question((), (asked,), conditions), switches)[()]
    return number and number.value


@pytest.mark.parametrize(
    ("values", "function", "flattened", "plain"),
    [
        (TEN, "sum", 39, 55),  # 10, 9, 8, 7 become (6 + 5 + 4 + 3) / 4
        ([-v for v in TEN], "sum", -39, -55),
        ([*TEN, *(-2 * v for v in TEN)], "sum", 39 - 78, -55),
        ([*TEN, -100, -1000], "sum", 39, 55 - 1100),  # the low side has two users only
        ([*TEN, 0, 0, 0, 0, 0], "sum", 39, 55),
        ([5, 6, 0], "sum", None, 11),
        ([5, 6, 7, 8], "sum", None, 26),
        ([5, 6, 7, 8, 9], "sum", 25, 35),
        ([7, 7, 7, 0, 0, 0], "sum", 0, 21),  # group 2 is two zeros
        ([-7, -7, -7, 0, 0, 0], "sum", 0, -21),
        ([0] * 10, "sum", 0, 0),
        ([*TEN, None, None], "sum", 39, 55),
        ([[v, None, -1] for v in range(2, 12)], "sum", 39, 55),  # 1 to 10 by user
        ([[1, -1]] * 6, "sum", 0, 0),
        ([None] * 10, "sum", None, None),
        ([], "sum", None, None),
        ([2**63 - 1] * 8, "sum", 2.0**66, 2.0**66),
        ([1.5] * 5 + [1e150], "sum", 9.0, 1e150),
        (TEN, "avg", 3.9, 5.5),
        ([[2] * rows for rows in range(1, 7)], "avg", 2, 2),  # 18 by 9 and 42 by 21
        ([[2] * rows for rows in range(1, 7)], "count", 9, 21),
        ([*TEN, None], "avg", 3.9, 5.5),
        ([3, 4], "avg", None, 3.5),
        ([None] * 10, "avg", None, None),
        ([None] * 10, "count", None, 0),
        (TEN, "max", 4.5, 10),
        (TEN, "min", 6.5, 1),
        ([-v for v in TEN], "max", -6.5, -1),
        ([-v for v in TEN], "min", -4.5, -10),
        ([[v, v - 5, None] for v in TEN], "max", 4.5, 10),
        ([[v, v - 5, None] for v in TEN], "min", 1.5, -4),
        ([1, 2, 3, 4, 5], "max", None, 5),
        ([0, 1, 2, 3, 4, 5], "max", 0.5, 5),
        ([1, 2, 3, 4, 5, 6], "min", 5.5, 1),
        ([1, 2, 3, 4], "max", None, 4),
        ([4] * 9, "max", 4, 4),
        ([4] * 8 + [10**12] * 4, "max", 4, 10**12),
        ([None], "min", None, None),
    ],
)
def test_aggregates_without_noise(
    values: list[Any], function: str, flattened: float | None, plain: float | None
) -> None:
    database = values_of_users(values, "real" if 1e150 in values else "integer")
    assert answer(database, function) == flattened
    assert answer(database, function, Switches(False, False, False, flatten=False)) == plain


def test_days_and_times_are_microseconds() -> None:
    days = values_of_users([date(2020, 1, day) for day in TEN], "date")
    noon = (datetime(2020, 1, 4, 12) - datetime(1970, 1, 1)).total_seconds()
    assert answer(days, "max") == noon * 1e6
    assert answer(values_of_users([datetime(1969, 12, 31, 23, 59, 59, 999999)] * 9, "datetime"), "min") == -1


def test_counts_are_rounded_and_averages_divide_by_the_unrounded_count() -> None:
    database = values_of_users([[3] * rows for rows in (9, 9, 9, 9, 2, 1, 1)])
    rounding = Switches(False, False, False, round=True)
    assert answer(database, "count") == pytest.approx(9 + 1 / 3)
    assert answer(database, "count", rounding) == 9
    assert answer(database, "avg", rounding) == 3
    assert answer(database, "sum", rounding) == 28
    assert answer(database, "users", Switches(round=True)) == round(answer(database, "users", Switches()) or 0)


def test_noise_of_aggregates() -> None:
    """Of equal values the noise is N_b times the value; a sum's N_b is its own, and T₁ and T₂ change nothing."""
    equal, mixed = values_of_users([3] * 40), values_of_users([3, -3] * 20)
    users, total = answer(equal, "users", Switches()) or 0.0, answer(equal, "sum", Switches()) or 0.0
    assert abs(users - 40) > 0.01
    assert abs(total / 3 - users) > 0.01
    assert answer(equal, "count", Switches()) == users
    assert answer(equal, "avg", Switches()) == pytest.approx(total / users)
    assert answer(equal, "max", Switches()) == answer(equal, "min", Switches()) == 3
    assert answer(mixed, "sum", Switches()) == pytest.approx(2 * (total - 120))


def test_noise_of_extremes() -> None:
    """Of 0 and 8 the standard deviation is 4, and T₂ is at least 2: the noise is N_b / 2; of 0 and 16 it is N_b."""
    plain = Switches(low_count=False, flatten=False)
    for name, at in (("max", 1), ("min", 0)):
        one, two = (answer(values_of_users([0, top]), name, plain) or 0.0 for top in (8, 16))
        assert two - 16 * at == pytest.approx(2 * (one - 8 * at))
        assert one != 8 * at


def test_layers_of_ranges_and_nulls() -> None:
    database = values_of_users([*range(12, 18)] * 2)

    def noise(*conditions: Condition, snap: bool = True) -> float | None:
        return answer(database, "users", Switches(low_count=False, snap=snap), *conditions)

    wide = noise(Condition("x", "between", (12, 18)))
    pair = (Condition("x", ">=", (11,)), Condition("x", "<=", (18,)))
    assert wide == noise(Condition("x", "between", (10, 20))) == noise(*pair) == noise(*pair, *pair)
    assert wide != noise(Condition("x", "between", (12, 18)), snap=False) != noise(*pair, snap=False)
    assert len({wide, noise(), noise(Condition("x", "not-null")), noise(Condition("x", "null"))}) == 4


KINDS = {"uid": "integer", "i": "integer", "r": "real", "t": "text", "b": "boolean", "d": "date", "m": "datetime"}
EMPTY = Database("t", "uid", KINDS, [], digest("empty"))


@pytest.mark.parametrize(
    ("conditions", "rules"),
    [
        ([("i", "between", 10, 20)], set()),
        ([("i", ">=", 10), ("i", "<", 20)], set()),
        ([("i", ">=", 10), ("i", "<=", 20)], set()),
        ([("i", ">=", 10), ("i", "<", 20), ("i", "between", 10, 20), ("r", "between", 1, 2)], set()),
        ([("i", ">", 10), ("i", "<", 20)], {"diffix-inequality"}),
        ([("i", ">", 10), ("i", "<=", 20)], {"diffix-inequality"}),
        ([("i", ">=", 10)], {"diffix-inequality"}),
        ([("i", "<", 10)], {"diffix-inequality"}),
        ([("i", ">=", 10), ("r", "<", 10)], {"diffix-inequality"}),
        ([("i", "between", 10, 20), ("i", "between", 30, 40)], {"diffix-range"}),
        ([("i", "between", 10, 10)], {"diffix-range"}),
        ([("i", "between", 20, 10)], {"diffix-range"}),
        ([("i", ">=", 10), ("i", "<=", 10)], {"diffix-range"}),
        ([("i", "between", 2.2, 2.8)], set()),
        ([("i", "between", 0, LARGEST)], {"diffix-range"}),
        ([("d", "between", date(9999, 12, 1), date(9999, 12, 31))], {"diffix-range"}),
        ([("t", "between", "a", "b")], {"diffix-range"}),
        ([("i", "not between", 1, 2)], set()),
        ([("i", "null"), ("t", "not-null")], set()),
    ],
)
def test_refusals(conditions: list[tuple[Any, ...]], rules: set[str]) -> None:
    asked = tuple(Condition(column, op, tuple(values)) for column, op, *values in conditions)
    assert broken_rules(EMPTY, Question((), (Aggregate("count"),), asked)) == rules


def test_without_snapping_a_range_may_end_anywhere() -> None:
    asked = Question((), (Aggregate("count"),), (Condition("i", "between", (0, LARGEST)),))
    assert not broken_rules(EMPTY, asked, Switches(snap=False))
    asked = Question((), (Aggregate("count"),), (Condition("i", "between", (2.2, 2.8)),))
    assert broken_rules(EMPTY, asked, Switches(snap=False)) == {"diffix-range"}


@pytest.mark.parametrize(
    ("conditions", "snap", "expected"),
    [
        ([("i", "between", 10, 20)], True, False),
        ([("i", "between", 12, 18)], True, True),
        ([("i", "between", 12, 18)], False, False),
        ([("i", ">=", 10), ("i", "<", 20)], True, False),
        ([("i", ">=", 10), ("i", "<=", 20)], True, True),
        ([("i", "between", 9.5, 19.5)], True, True),
        ([("i", "between", 2.5, 7.5)], True, False),
        ([("i", "=", 12)], True, False),
    ],
)
def test_notices(conditions: list[tuple[Any, ...]], snap: bool, expected: bool) -> None:
    asked = tuple(Condition(column, op, tuple(values)) for column, op, *values in conditions)
    assert has_notice(EMPTY, Question((), (Aggregate("count"),), asked), Switches(snap=snap)) == expected
