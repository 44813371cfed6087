"""The smallest aligned range around what is left of a bucket's values, of many buckets at once.

`around` is exact, and slow for 10⁵ buckets. For most of them doubles can tell on which place of the grid the range is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from defenses.diffix.snapping import Bounds, grid_range, snapped
from harness.model import Array, Kind
from harness.sql.query import Scalar

Whole = NDArray[np.int64]

NEAR = 1e-9  # relative: nearer to a bound of the grid doubles do not tell on which side a decimal fraction lies
LARGEST = 2.0**50
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def ranges_around(low: Array, high: Array, kind: Kind) -> tuple[list[Bounds], Whole]:
    """`around` of many pairs, in the numbers of `plan.Edges`, shape (n,): the ranges that come out, and which of them
    is around each pair, int64 (n,), -1 where none is."""
    found: dict[Bounds, int] = {}
    which = np.full(len(low), -1, dtype=np.int64)
    sure = np.zeros(len(low), dtype=bool)
    if kind.is_number:
        sure, places = on_the_grid(low, high, kind)
        distinct, code = np.unique(places[sure], axis=0, return_inverse=True)
        ranges = [_found(found, grid_range, *place, kind) for place in distinct.astype(np.int64).tolist()]
        which[sure] = np.array([-1, *ranges])[code.ravel() + 1]
    rest = np.flatnonzero(~sure)
    pairs = pd.MultiIndex.from_arrays([low[rest], high[rest]])
    code, distinct = pairs.factorize()
    ranges = [_found(found, around, value_of(a, kind), value_of(b, kind), kind) for a, b in distinct]
    which[rest] = np.array([-1, *ranges])[code + 1]
    return list(found), which


def _found(found: dict[Bounds, int], find: Callable[..., Bounds], *of: Any) -> int:
    try:
        return found.setdefault(find(*of), len(found))
    except OverflowError:
        return -1


@lru_cache(maxsize=10_000)
def around(low: Scalar, high: Scalar, kind: Kind) -> Bounds:
    """The smallest aligned range around [low, high], both included; where they are one value, that value. Raises
    OverflowError where the column has no such bounds."""
    after: Scalar
    if isinstance(high, datetime):
        after = high + MICROSECOND
    elif isinstance(high, date):
        after = high + timedelta(days=1)
    else:
        after = high + 1 if isinstance(high, int) else float(np.nextafter(high, np.inf))
    return (low, after) if low == high else snapped(low, after, kind)


def on_the_grid(low: Array, high: Array, kind: Kind) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """For which numbers doubles can tell the range, bool (n,), and its place, `grid_range`'s step, power and index,
    whole numbers (n, 3). What lies near a bound of the grid stays open; doubles are exact for whole numbers that are
    not too large."""
    whole = kind is Kind.INTEGER
    first, last = np.asarray(low, float), np.asarray(high, float)
    after = last + whole
    size = np.maximum(np.abs(first), np.abs(last))
    slack = 0.0 if whole else NEAR * size
    still = (size < LARGEST) & (after > first)
    sure, places = np.zeros_like(still), np.zeros((len(first), 3))
    with np.errstate(all="ignore"):
        power = np.floor(np.log10(after - first))
        for step in (1, 2, 5, 10, 20, 50):
            width = step * 10.0**power
            offset = np.where(whole & (width == 1), 1, width / 2)
            index = first / offset
            end = np.floor(index) * offset + width
            near = np.abs(index - np.round(index)) <= NEAR * np.maximum(1, np.abs(index))
            near |= (np.abs(width - (after - first)) <= slack) | (np.abs(end - after) <= slack)
            open_ = near & (not whole)
            fits = (width >= after - first) & (end >= after)
            new = still & fits & ~open_
            places[new] = np.stack([np.full_like(power, step), power, np.floor(index)], axis=1)[new]
            sure |= new
            still &= ~(fits | open_)
    return sure, places


def number_of(bound: Scalar) -> Any:
    """A bound as `plan.Edges` have it: times in microseconds since 1970."""
    if isinstance(bound, date):
        at = bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day)
        return (at - EPOCH) // MICROSECOND
    return bound


def value_of(number: Any, kind: Kind) -> Scalar:
    """The value of the column that `plan.Edges` have as that number."""
    if kind.is_time:
        at = EPOCH + int(number) * MICROSECOND
        return at.date() if kind is Kind.DATE else at
    return int(number) if kind is Kind.INTEGER else float(number)
