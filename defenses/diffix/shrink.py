"""Shrink-and-drop: a range is made smaller where that loses a few users only, who else would be alone in the
difference between two ranges.

Per bucket and range column, on the bucket's rows inside the stated (aligned) range:

1. T ~ N(5, 1), at least 2, rounded, is drawn from the bucket's distinct users. With no more users than T nothing is
   done: nobody would be left.
2. T users are taken off the ends, one by one, each time from the end where that opens the larger gap (the upper one
   where both are equal). The lower end knows each user by his smallest value, the upper end by his largest; a user
   with rows at both can be taken off both, and counts twice.
3. R″ is the smallest aligned range around what is left, cut to the stated range; where one value is left, that value.
4. If the users who have rows outside R″ are fewer than a draw from N(4, 0.5), floor 2, seeded by the users who have
   rows inside it, the rows outside are dropped.

Several ranges are looked at one by one, each on all rows of the stated ranges; what any of them drops is dropped.

For step 2 the 16 users at either end are enough: T has a standard normal of 52 bits, so it is below 14. At most T users
have rows outside R″. Step 4 needs a second statement, for the few buckets that come so far: its running time tells that
a bucket has somebody at its ends, as the suppression of a bucket tells that it is small.

Source: the thread on shrink-and-drop, the steps of its first author at the end. He leaves open the rounding of T, equal
gaps, users of several rows, and which of two equally small aligned ranges is meant: here the one that an analyst gets
who asks for the range of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.conditions import Range, conditions_of
from defenses.diffix.explain import bucket_name
from defenses.diffix.low_count import thresholds
from defenses.diffix.snapping import Bounds, snapped, stated
from defenses.keyed import value_field
from harness.model import Array, Kind
from harness.plugin import Refining, Rows
from harness.seeds import Field, Words, digest, gaussian, mix
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Edges, Within
from harness.sql.query import Ref, Scalar

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_OUTSIDE = 9  # users; no draw of the low-count threshold lies above
NEAR = 1e-9  # relative: nearer to a bound of the grid doubles do not tell on which side a decimal fraction lies
LARGEST = 2.0**50
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def ranges_of(query: Query) -> tuple[Range, ...]:
    """The ranges that can lose users: a key or an equality has one value in a bucket, and the rows of a condition that
    only stands for a range (`Range.written`), or excludes one, are not those between its bounds."""
    ranges = (c for c in conditions_of(query) if isinstance(c, Range) and not c.negated and c.written is None)
    return tuple(c for c in ranges if c.column not in query.keys)


def shrunk(buckets: Buckets) -> Refining:
    """The buckets without the rows that are dropped."""
    tests = _tests(buckets)
    if not tests:
        return buckets
    by_column: dict[str, list[_Test]] = {}
    for test in tests:
        by_column.setdefault(test.range.column.name, []).append(test)
    table: Rows = []
    dropping: dict[int, list[_Test]] = {}
    one: dict[int, tuple[Buckets, int]] = {}
    for column, own in by_column.items():
        inside = yield _plans(buckets, {test.row: [test] for test in own})
        place = _places(inside, buckets, [test.row for test in own])
        known = [test for test in own if test.row in place]
        rows = np.array([place[test.row] for test in known], dtype=np.int64)
        for test, threshold in zip(
            known, thresholds(inside, "shrink-and-drop", "low-count", column)[rows], strict=True
        ):
            table.append(_told(buckets, test, float(threshold)))
            if test.outside < threshold:
                dropping.setdefault(test.row, []).append(test)
                one[test.row] = inside, place[test.row]
    if several := {row: own for row, own in dropping.items() if len(own) > 1}:
        both = yield _plans(buckets, several)
        one |= {row: (both, at) for row, at in _places(both, buckets, list(several)).items()}
    for results in {id(results): results for results, _ in one.values()}.values():
        mine = [(row, at) for row, (source, at) in one.items() if source is results]
        changed, which = np.array(mine, dtype=np.int64).T
        buckets = buckets.put(changed, results, which)
    return replace(buckets, made=buckets.made | {"shrink-and-drop": table})


def removals(buckets: Buckets, column: str) -> Whole:
    """How many users are taken off the ends of that column, int64 (N,)."""
    draw = _draws(buckets, "removals", column)
    drawn = np.maximum(np.round(birch.SHRINK_MEAN + birch.SHRINK_SD * draw), birch.SHRINK_FLOOR)
    return drawn.astype(np.int64)


def _draws(buckets: Buckets, purpose: str, column: str) -> Floats:
    users: Words = buckets.uid_xor
    return gaussian(mix(digest("shrink-and-drop", purpose, column, key=buckets.salt, size=16), users))


def rest(edges: Edges, removed: Whole) -> tuple[Array, Array]:
    """The smallest and largest values left when so many users are taken off the ends, shape (N,). Every bucket has
    more users than `removed`, which is below 16."""
    row, low, high = np.arange(len(removed)), np.zeros_like(removed), np.zeros_like(removed)
    for step in range(int(removed.max(initial=0))):
        below = _gap(edges.low[row, low], edges.low[row, low + 1])
        above = _gap(edges.high[row, high + 1], edges.high[row, high])
        go, at_top = step < removed, above >= below
        high += go & at_top
        low += go & ~at_top
    return edges.low[row, low], edges.high[row, high]


def _gap(small: Array, large: Array) -> Array:
    """The distance, exact for whole numbers however far apart."""
    if small.dtype == np.int64:
        return large.view(np.uint64) - small.view(np.uint64)
    with np.errstate(over="ignore"):
        return np.asarray(large - small)


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


@dataclass(frozen=True)
class _Test:
    """The bucket `row`, one of its ranges, and R″ in its place. `bounds` are those of R″ as an analyst would write
    them, `removed` users were taken off, `outside` users have rows outside R″."""

    row: int
    range: Range
    bounds: Bounds
    removed: int
    outside: int

    @property
    def kept(self) -> tuple[Ref, Scalar, Scalar]:
        """R″ cut to the stated range, in values of the column."""
        kind = self.range.column.kind
        mine, asked = (
            [_number(bound) for bound in stated(*pair, kind)]
            for pair in (self.bounds, (self.range.low, self.range.high))
        )
        return self.range.column, _value(max(mine[0], asked[0]), kind), _value(min(mine[1], asked[1]), kind)


def _tests(buckets: Buckets) -> list[_Test]:
    """The buckets and ranges where R″ leaves somebody out, and not so many that they would stay in any case."""
    found = []
    ranges = [ranges_of(plan.query) for plan in buckets.plans]
    for column, edges in buckets.edges.items():
        own = [next((r for r in of_plan if r.column.name == column), None) for of_plan in ranges]
        asked = np.array([r is not None for r in own], dtype=bool)[buckets.query]
        removed = removals(buckets, column)
        rows = np.flatnonzero(asked & (edges.known > 0) & (buckets.users > removed))
        if not len(rows):
            continue
        some, taken = edges.keep(rows), removed[rows]
        kind = next(r.column.kind for r in own if r is not None)
        low, high = rest(some, taken)
        for at in np.flatnonzero(_can_change(some, low, high, kind)):
            stated_range = own[buckets.query[rows[at]]]
            assert stated_range is not None
            try:
                bounds = around(_value(low[at], kind), _value(high[at], kind), kind)
            except OverflowError:
                continue  # the column has no values beyond
            if 0 < (outside := _outside(some, at, bounds, kind)) <= MOST_OUTSIDE:
                found.append(_Test(int(rows[at]), stated_range, bounds, int(taken[at]), outside))
    return found


def _can_change(edges: Edges, low: Array, high: Array, kind: Kind) -> NDArray[np.bool_]:
    """Without the buckets where R″ holds everybody: where nobody lies beyond the rest, and where doubles can tell."""
    beyond = np.asarray((edges.low[:, 0] < low) | (edges.high[:, 0] > high))
    return beyond & ~_hold_all(edges, low, high, kind) if kind.is_number else beyond


def _hold_all(edges: Edges, low: Array, high: Array, kind: Kind) -> NDArray[np.bool_]:
    """Where R″ surely holds all users: `around` is exact, and slow for many buckets. What lies near a bound of the
    grid stays open; doubles are exact for whole numbers that are not too large."""
    whole = kind is Kind.INTEGER
    first, last, bottom, top = (np.asarray(x, float) for x in (low, high, edges.low[:, 0], edges.high[:, 0]))
    after = last + whole
    slack = 0.0 if whole else NEAR * np.maximum(np.abs(bottom), np.abs(top))
    still = (np.maximum(np.abs(bottom), np.abs(top)) < LARGEST) & (after > first)
    sure = np.zeros_like(still)
    with np.errstate(all="ignore"):
        unit = 10.0 ** np.floor(np.log10(after - first))
        for step in (1, 2, 5, 10, 20, 50):
            width = step * unit
            offset = np.where(whole & (width == 1), 1, width / 2)
            place = first / offset
            start = np.floor(place) * offset
            end = start + width
            near = np.abs(place - np.round(place)) <= NEAR * np.maximum(1, np.abs(place))
            near |= (np.abs(width - (after - first)) <= slack) | (np.abs(end - after) <= slack)
            open_ = near & (not whole)
            fits = (width >= after - first) & (end >= after)
            sure |= still & fits & ~open_ & (bottom - start >= slack) & (end - top > slack)
            still &= ~(fits | open_)
    return sure


def _outside(edges: Edges, at: int, bounds: Bounds, kind: Kind) -> int:
    """The users of a bucket who have rows outside these bounds."""
    first, last = (_number(bound) for bound in stated(*bounds, kind))
    known = int(edges.known[at])
    below = int((edges.low[at, :known] < first).sum())
    above = int((edges.high[at, :known] >= last).sum())
    if edges.low_users is None or edges.high_users is None:
        return below + above
    return len({*edges.low_users[at, :below].tolist(), *edges.high_users[at, :above].tolist()})


def _number(bound: Scalar) -> Any:
    """A bound as edges have it: times in microseconds since 1970."""
    if isinstance(bound, date):
        at = bound if isinstance(bound, datetime) else datetime(bound.year, bound.month, bound.day)
        return (at - EPOCH) // MICROSECOND
    return bound


def _value(number: Any, kind: Kind) -> Scalar:
    """The value of the column that edges have as that number."""
    if kind.is_time:
        at = EPOCH + int(number) * MICROSECOND
        return at.date() if kind is Kind.DATE else at
    return int(number) if kind is Kind.INTEGER else float(number)


def _plans(buckets: Buckets, tests: dict[int, list[_Test]]) -> list[Plan]:
    """One plan a query: its own, of the buckets and rows that are left to it."""
    by_query: dict[int, list[Within]] = {}
    for row, own in tests.items():
        query = int(buckets.query[row])
        by_query.setdefault(query, []).append(_within(buckets, row, own))
    return [
        replace(buckets.plans[query], within=tuple(parts), edges=(), fewest=0, notices=())
        for query, parts in by_query.items()
    ]


def _within(buckets: Buckets, row: int, tests: list[_Test]) -> Within:
    """All buckets of a query name the same columns: a range that stays as it is is there too."""
    query = buckets.plans[buckets.query[row]].query
    kept = {test.range.column: test.kept for test in tests}
    ranges = (
        kept.get(r.column, (r.column, *stated(r.low, r.high, r.column.kind)))
        for r in ranges_of(query)
    )  # fmt: skip
    return Within(_keys(buckets, row), tuple(ranges))


def _keys(buckets: Buckets, row: int) -> tuple[Any, ...]:
    keys = buckets.plans[buckets.query[row]].query.keys
    return tuple(buckets.keys[slot][row] for slot in range(len(keys)))


def _places(results: Buckets, buckets: Buckets, rows: list[int]) -> dict[int, int]:
    """Row of `buckets` -> the row of `results` that has the same query and keys, for those `rows` that have one."""
    order = list(dict.fromkeys(int(buckets.query[row]) for row in rows))
    at = {_named(results, place, order[results.query[place]]): place for place in range(len(results))}
    names = {row: _named(buckets, row, int(buckets.query[row])) for row in rows}
    return {row: at[name] for row, name in names.items() if name in at}


def _named(buckets: Buckets, row: int, query: int) -> tuple[int, tuple[Field, ...]]:
    return query, tuple(map(value_field, _keys(buckets, row)))


def _told(buckets: Buckets, test: _Test, threshold: float) -> dict[str, Any]:
    """A row of the table for researchers."""
    return {
        "bucket": bucket_name(buckets, test.row),
        "column": test.range.column.name,
        "stated": [test.range.low, test.range.high],
        "T": test.removed,
        "shrunk to": list(test.bounds),
        "users outside": test.outside,
        "threshold": threshold,
        "dropped": bool(test.outside < threshold),
    }
