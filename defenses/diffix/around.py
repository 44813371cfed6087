"""The smallest aligned range around what is left of a bucket's values, of many buckets at once.

`around` is exact, and slow for 10⁵ buckets. For most of them doubles can tell on which place of the grid the range is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.diffix.snapping import Bounds, grid_range, snapped
from harness.model import Array, Kind
from harness.sql.query import Scalar

NEAR = 1e-9  # relative: nearer to a bound of the grid doubles do not tell on which side a decimal fraction lies
LARGEST = 2.0**50
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def ranges_around(low: Array, high: Array, kind: Kind) -> Iterator[tuple[Bounds, NDArray[np.int64]]]:
    """`around` of many pairs, in the numbers of `plan.Edges`, shape (n,): each range that comes out, and the places of
    the pairs it is around. Pairs that have none are left out."""
    found: dict[Bounds, list[NDArray[np.int64]]] = {}
    rows = np.arange(len(low))
    if kind.is_number:
        sure, places = on_the_grid(low, high, kind)
        distinct, code, sizes = np.unique(places[sure], axis=0, return_inverse=True, return_counts=True)
        groups = np.split(rows[sure][np.argsort(code.ravel(), kind="stable")], np.cumsum(sizes)[:-1])
        for place, group in zip(distinct.astype(np.int64).tolist(), groups, strict=False):
            with suppress(OverflowError):
                found.setdefault(grid_range(*place, kind), []).append(group)
        rows = rows[~sure]
    for at in rows.tolist():
        with suppress(OverflowError):
            bounds = around(value_of(low[at], kind), value_of(high[at], kind), kind)
            found.setdefault(bounds, []).append(np.array([at]))
    for bounds, pieces in found.items():
        yield bounds, np.concatenate(pieces)


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
