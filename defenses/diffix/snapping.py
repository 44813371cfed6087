"""Snapped alignment: the fixed grid of ranges that analysts can ask for (§6.7).

Numbers have widths of 1, 2 and 5 times a power of ten and offsets of half a width; dates and times the blocks of the
calendar and the clock. Bounds are exact: decimal fractions, or moments. The paper names the grid by examples only; the
steps of minutes, hours and months are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial
from itertools import count
from math import ceil, floor

from harness.model import Kind
from harness.sql.query import Scalar

Bounds = tuple[Scalar, Scalar]
Block = Callable[[datetime], tuple[datetime, datetime]]  # the block of a unit that a moment lies in

STEPS = (1, 2, 5)
LARGEST = 2**63
EXACT = 2**52  # halves are doubles up to here


def snapped(low: Scalar, high: Scalar, kind: Kind) -> Bounds:
    """The smallest aligned range [lo, hi) around [low, high), low < high. Raises OverflowError where its bounds are
    no values of the column's kind."""
    if isinstance(low, date) and isinstance(high, date):
        return _snapped_time(low, high, kind)
    return _snapped_number(_fraction(low), _fraction(high), kind)


@lru_cache(maxsize=10_000)
def grid_range(step: int, power: int, index: int, kind: Kind) -> Bounds:
    """The aligned range of numbers that is step · 10^power wide, and the index-th of this width. Raises OverflowError
    where its bounds are no values of the column's kind."""
    width = step * Fraction(10) ** power
    start = index * _offset(width, kind)
    return _bound(start, kind), _bound(start + width, kind)


@lru_cache(maxsize=10_000)
def middle(low: Scalar, high: Scalar, kind: Kind) -> tuple[Scalar, Scalar]:
    """Two numbers p <= q: an aligned range with a value of [low, high) below p and one above q has all of it. They are
    as far from both ends as can be."""
    first, last = _fraction(low), _fraction(high)
    parts = set()
    for width in _widths_around(first, last):
        offset = _offset(width, kind)
        for index in range(floor((first - width) / offset), ceil(last / offset) + 1):
            start, end = max(index * offset, first), min(index * offset + width, last)
            if start < end and (start > first or end < last):
                parts.add((start, end))
    cuts = {bound for part in parts for bound in part} | {(first + last) / 2}
    pairs = [(p, max([p, *(end for start, end in parts if start < p)])) for p in sorted(cuts)]
    p, q = max(pairs, key=lambda pair: min(pair[0] - first, last - pair[1]))
    return (ceil(p), ceil(q) - 1) if kind is Kind.INTEGER else (float(p), float(q))


def _widths_around(low: Fraction, high: Fraction) -> Iterator[Fraction]:
    """The largest width of the grid below that of [low, high), and all larger ones with a bound of its own inside. A
    range of a smaller width is a part of one of the largest width below."""
    exponent = len(str(floor(high - low))) - 2 if high - low >= 1 else -len(str(floor(1 / (high - low)))) - 1
    widths = [step * Fraction(10) ** power for power in (exponent, exponent + 1) for step in STEPS]
    yield max(width for width in widths if width < high - low)
    for width in _widths(high - low):
        yield width
        if width / 2 > max(abs(low), abs(high)):
            return


def stated(low: Scalar, high: Scalar, kind: Kind) -> Bounds:
    """[low, high) with bounds in the form that `snapped` gives them, so that equal ranges have equal bounds."""
    if kind is Kind.INTEGER:
        return ceil(_fraction(low)), ceil(_fraction(high))
    if kind is Kind.DATE:
        return _first_day(low), _first_day(high)
    return low, high


def is_before(low: Scalar, high: Scalar) -> bool:
    """Whether a bound is smaller than another of the same column."""
    if isinstance(low, date) and isinstance(high, date):
        return _moment(low) < _moment(high)
    return _fraction(low) < _fraction(high)


def _fraction(value: Scalar) -> Fraction:
    """The number as it was written: 0.1 is one tenth."""
    return Fraction(Decimal(repr(value)))


def _snapped_number(low: Fraction, high: Fraction, kind: Kind) -> Bounds:
    smallest = 1 if kind is Kind.INTEGER else 0
    for width in _widths(max(high - low, Fraction(smallest))):
        offset = _offset(width, kind)
        start = floor(low / offset) * offset
        if high <= start + width:
            return _bound(start, kind), _bound(start + width, kind)
    raise AssertionError("some aligned range contains every range")


def _offset(width: Fraction, kind: Kind) -> Fraction:
    """From one aligned range to the next of that width. Among whole numbers [-0.5, 0.5) and [0, 1) are the same, and so
    is all that is narrower."""
    return width if kind is Kind.INTEGER and width == 1 else width / 2


def _widths(least: Fraction) -> Iterator[Fraction]:
    """1, 2 and 5 times powers of ten from `least` up."""
    power = len(str(floor(least))) - 1 if least >= 1 else -len(str(floor(1 / least)))
    for exponent in count(power):
        for step in STEPS:
            if (width := step * Fraction(10) ** exponent) >= least:
                yield width


def _bound(value: Fraction, kind: Kind) -> Scalar:
    if kind is Kind.INTEGER and (value.denominator == 1 or abs(value) > EXACT):
        if not -LARGEST <= value < LARGEST:
            raise OverflowError(value)
        return ceil(value)
    return float(value) + 0.0


def _snapped_time(low: date, high: date, kind: Kind) -> Bounds:
    start, end = _moment(low), _moment(high)
    for block in _blocks(kind, start, end):
        first, last = block(start)
        if end <= last:
            return (first.date(), last.date()) if kind is Kind.DATE else (first, last)
    raise OverflowError(high)


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _first_day(value: Scalar) -> date:
    """The first day that begins at `value` or after it."""
    assert isinstance(value, date)
    midnight = datetime.min.time()
    if isinstance(value, datetime):
        return value.date() if value.time() == midnight else value.date() + timedelta(days=1)
    return value


def _blocks(kind: Kind, start: datetime, end: datetime) -> Iterator[Block]:
    """The units of the grid, smallest first; years begin where one of them can be long enough."""
    if kind is not Kind.DATE:
        for exponent in range(6):
            for step in STEPS:
                yield partial(_clock, timedelta(microseconds=step * 10**exponent), timedelta(seconds=1))
        for unit, whole, steps in (
            (timedelta(seconds=1), timedelta(minutes=1), (1, 2, 5, 15, 30)),
            (timedelta(minutes=1), timedelta(hours=1), (1, 2, 5, 15, 30)),
            (timedelta(hours=1), timedelta(days=1), (1, 2, 6, 12)),
        ):
            for step in steps:
                yield partial(_clock, step * unit, whole)
    yield partial(_clock, timedelta(days=1), timedelta(days=1))
    yield _week
    for months in (1, 2, 3, 6):
        yield partial(_months, months)
    for width in _widths(Fraction(1)):
        if width > 10_000:
            return
        yield partial(_years, int(width))


def _clock(unit: timedelta, whole: timedelta, moment: datetime) -> tuple[datetime, datetime]:
    """The block of `unit`, counted from the beginning of the second, minute, hour or day (`whole`)."""
    midnight = datetime(moment.year, moment.month, moment.day)
    begin = midnight + (moment - midnight) // whole * whole
    first = begin + (moment - begin) // unit * unit
    return first, first + unit


def _week(moment: datetime) -> tuple[datetime, datetime]:
    first = datetime(moment.year, moment.month, moment.day) - timedelta(days=moment.weekday())
    return first, first + timedelta(days=7)


def _months(months: int, moment: datetime) -> tuple[datetime, datetime]:
    first = (moment.month - 1) // months * months
    year, month = divmod(first + months, 12)
    return _first(moment.year, first), _first(moment.year + year, month)


def _years(years: int, moment: datetime) -> tuple[datetime, datetime]:
    """Years have half offsets where these are whole: else ranges across the year 2000 had no aligned one around."""
    offset = years if years % 2 else years // 2
    first = moment.year // offset * offset
    return _first(first), _first(first + years)


def _first(year: int, month: int = 0) -> datetime:
    """The beginning of a month, 0 for January."""
    try:
        return datetime(year, month + 1, 1)
    except ValueError:
        raise OverflowError(year) from None


BLOCKS_OF: dict[str, Block] = {
    "year": partial(_years, 1),
    "quarter": partial(_months, 3),
    "month": partial(_months, 1),
    "day": partial(_clock, timedelta(days=1), timedelta(days=1)),
    "hour": partial(_clock, timedelta(hours=1), timedelta(days=1)),
    "minute": partial(_clock, timedelta(minutes=1), timedelta(hours=1)),
    "second": partial(_clock, timedelta(seconds=1), timedelta(minutes=1)),
}
