"""The slow oracle's ranges: which aligned range a stated one becomes (§6.7), in exact arithmetic.

Numbers are fractions of the constants as written, dates and times are `datetime`s and a count of months.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

Bounds = tuple[Any, Any]  # low <= x < high

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SMALLEST, LARGEST = -(2**63), 2**63 - 1


def stated(kind: str, low: Any, high: Any) -> Bounds:
    """The bounds as values of the column; x >= 2.5 means x >= 3 where x is an integer."""
    if kind == "integer":
        return math.ceil(Fraction(str(low))), math.ceil(Fraction(str(high)))
    return (float(low) + 0.0, float(high) + 0.0) if kind == "real" else (low, high)


def snapped(kind: str, low: Any, high: Any) -> Bounds | None:
    """The smallest aligned range that contains [low, high); None where it leaves the column's domain."""
    if kind in ("integer", "real"):
        return _number_range(Fraction(str(low)), Fraction(str(high)), kind == "integer")
    found = _time_range(moment(low), moment(high), kind == "datetime")
    return (found[0].date(), found[1].date()) if found and kind == "date" else found


def moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


# Numbers


def _number_range(low: Fraction, high: Fraction, whole: bool) -> Bounds | None:
    for width in _widths(high - low, whole):
        grid = width if whole and width == 1 else width / 2
        start = low // grid * grid  # the largest multiple that is not above `low`
        if start + width >= high:
            return _number_bounds(start, start + width, whole)
    raise AssertionError("there is always a wider one")


def _widths(least: Fraction, whole: bool) -> Iterator[Fraction]:
    """1, 2, 5, 10, 20, … upwards from the first that is `least` wide; fractions of one only for real columns."""
    power = Fraction(1)
    while not whole and power > least:
        power /= 10
    while True:
        yield from (digit * power for digit in (1, 2, 5) if digit * power >= least)
        power *= 10


def _number_bounds(low: Fraction, high: Fraction, whole: bool) -> Bounds | None:
    if whole:
        if low < SMALLEST or high > LARGEST:
            return None
        halves = abs(low) < 2**52 and abs(high) < 2**52  # beyond, halves are no doubles
        return tuple(float(b) if b.denominator > 1 and halves else math.ceil(b) for b in (low, high))
    try:
        return float(low), float(high)
    except OverflowError:
        return None


# Dates and times


def _time_range(low: datetime, high: datetime, with_time: bool) -> tuple[datetime, datetime] | None:
    for step in _parts_of_a_day() if with_time else ():
        start = low - (low - datetime.combine(low, time())) % step
        if high - start <= step:
            return _ending(start, step)
    for days in (1, 7):
        start = low - (low - datetime.min) % (days * DAY)  # 1 January of year 1 is a Monday
        if high - start <= days * DAY:
            return _ending(start, days * DAY)
    first, last = (12 * at.year + at.month - 1 for at in (low, high - timedelta.resolution))
    for months in _months():
        years = months // 12
        offset = months // 2 if years and years % 2 == 0 else months  # half offsets for 2, 10, 20, 50 … years
        start = first // offset * offset
        if last < start + months:
            return _month_bounds(start, months)
    raise AssertionError("there is always a longer one")


def _parts_of_a_day() -> Iterator[timedelta]:
    """All of them divide the day, and the minute or the hour that they count from."""
    for power in range(6):
        yield from (timedelta(microseconds=digit * 10**power) for digit in (1, 2, 5))
    for unit in (SECOND, MINUTE):
        yield from (count * unit for count in (1, 2, 5, 15, 30))
    yield from (count * HOUR for count in (1, 2, 6, 12))


def _months() -> Iterator[int]:
    yield from (1, 2, 3, 6)
    power = 12
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _ending(start: datetime, length: timedelta) -> tuple[datetime, datetime] | None:
    return (start, start + length) if length <= datetime.max - start else None


def _month_bounds(start: int, months: int) -> tuple[datetime, datetime] | None:
    years = [divmod(month, 12) for month in (start, start + months)]
    if any(not 1 <= year <= 9999 for year, _ in years):
        return None
    low, high = (datetime(year, month + 1, 1) for year, month in years)
    return low, high
