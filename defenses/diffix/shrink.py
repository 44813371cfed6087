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

For step 2 the values of the 16 users at either end are enough: T has a standard normal of 52 bits, so it is below 14.
At most T users have rows outside R″. Where the ends cannot matter they are not fetched: an aligned range with a value
below p and one above q has all of the stated range (`snapping.middle`), so nobody is outside R″ where more than T users
have a value below p and more than T one above q.

The ends, and step 4, need further statements, for few of many buckets. Their running time tells that a bucket has few
users in a part of the range, or somebody alone at its ends, as the suppression of a bucket tells that it is small.
Where users have several rows, a statement more says who is outside at both ends; it is asked for every bucket with at
most nine users outside at either end, one end or both, so that which it was does not show.

Source: the thread on shrink-and-drop, the steps of its first author at the end. He leaves open the rounding of T, equal
gaps, users of several rows, and which of two equally small aligned ranges is meant: here the one that an analyst gets
who asks for the range of what is left.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.around import number_of, ranges_around
from defenses.diffix.explain import bucket_name
from defenses.diffix.low_count import thresholds
from defenses.diffix.narrowed import Narrowed, ends_of, inside, of_users, outside, places, ranges_of
from defenses.diffix.snapping import Bounds, middle, stated
from defenses.diffix.terms import seed_name
from harness.model import Array, Kind
from harness.plugin import Refining, Rows
from harness.seeds import Words, digest, gaussian, mix
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Edges
from harness.sql.query import Ref

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_OUTSIDE = 9  # users; no draw of the low-count threshold lies above


@lru_cache(maxsize=10_000)
def asked_of(query: Query) -> dict[str, Any]:
    """What a plan asks for about its ranges: whether users lie beyond the middle of those of numbers, and the ends of
    the others."""
    ranges = ranges_of(query).values()
    numbers = [(r.column, *stated(r.low, r.high, r.column.kind)) for r in ranges if r.column.kind.is_number]
    return {
        "beyond": tuple((column, *middle(low, high, column.kind)) for column, low, high in numbers),
        "edges": tuple(r.column for r in ranges if not r.column.kind.is_number),
    }


def shrunk(buckets: Buckets) -> Refining:
    """The buckets without the rows that are dropped."""
    looked_at: list[tuple[Narrowed, Floats]] = []
    dropping: list[tuple[Narrowed, Buckets, Whole]] = []
    for candidates in (yield from _with_ends(buckets)):
        tests = _tests(buckets, candidates)
        if not len(tests.rows):
            continue
        if _one_row(buckets) and _counts_alone(buckets):
            beyond = yield outside(buckets, tests)
            results, place = _without(buckets, tests.rows, beyond), np.arange(len(tests.rows))
        else:
            if not _one_row(buckets):
                beyond = yield [of_users(plan) for plan in outside(buckets, tests)]
                _, place = places(buckets, tests.rows, beyond)
                tests = replace(tests, outside=beyond.users[place])
            results = yield inside(buckets, tests.rows, [tests])
            has, place = places(buckets, tests.rows, results)
            tests, place = tests.keep(has), place[has]
        few = tests.outside <= MOST_OUTSIDE
        tests, place = tests.keep(few), place[few]
        least = thresholds(results, "shrink-and-drop", "low-count", seed_name(tests.column))[place]
        looked_at.append((tests, least))
        few = tests.outside < least
        dropping.append((tests.keep(few), results, place[few]))
    if not dropping:
        return buckets
    made = buckets.made | {"shrink-and-drop": partial(_told, buckets, looked_at)}
    times = np.bincount(np.concatenate([tests.rows for tests, _, _ in dropping]), minlength=len(buckets))
    for tests, results, place in dropping:
        once = times[tests.rows] == 1
        buckets = buckets.put(tests.rows[once], results, place[once])
    if len(several := np.flatnonzero(times > 1)):
        results = yield inside(buckets, several, [tests for tests, _, _ in dropping])
        has, place = places(buckets, several, results)
        buckets = buckets.put(several[has], results, place[has])
        left = np.ones(len(buckets), dtype=bool)
        left[several[~has]] = False
        buckets = buckets.keep(left)
    return replace(buckets, made=made)


def removals(buckets: Buckets, column: str) -> Whole:
    """How many users are taken off the ends of that column, int64 (N,)."""
    users: Words = buckets.uid_xor
    draw = gaussian(mix(digest("shrink-and-drop", "removals", column, key=buckets.salt, size=16), users))
    drawn = np.maximum(np.round(birch.SHRINK_MEAN + birch.SHRINK_SD * draw), birch.SHRINK_FLOOR)
    return drawn.astype(np.int64)


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


@dataclass(frozen=True)
class _Candidates:
    """Buckets that a range of this column might lose users of: `rows`, ascending, how many are `removed`, shape (n,),
    and the `edges` of the column in them."""

    column: Ref
    rows: Whole
    removed: Whole
    edges: Edges


def _with_ends(buckets: Buckets) -> Generator[Sequence[Plan], Buckets, list[_Candidates]]:
    """The candidates of each column, the ends of numbers fetched for them."""
    ranges = [ranges_of(plan.query) for plan in buckets.plans]
    found, fetched = [], {}
    for ref in dict.fromkeys(ref for of_plan in ranges for ref in of_plan):
        asked = np.array([ref in of_plan for of_plan in ranges], dtype=bool)[buckets.query]
        removed = removals(buckets, seed_name(ref))
        asked &= buckets.users > removed
        if ref.name in buckets.beyond:
            asked &= (buckets.beyond[ref.name] <= removed[:, None]).any(axis=1)
            fetched[ref] = asked
        rows = np.flatnonzero(asked)
        found.append((ref, rows, removed[rows]))
    rows = np.flatnonzero(np.logical_or.reduce(list(fetched.values()))) if fetched else np.empty(0, dtype=np.int64)
    ends = 1 + max((int(removed.max(initial=0)) for ref, _, removed in found if ref in fetched), default=0)
    results = (yield ends_of(buckets, rows, fetched, ends)) if len(rows) else None
    place = np.full(len(buckets), -1, dtype=np.int64)
    if results is not None:
        _, place[rows] = places(buckets, rows, results)
    candidates = []
    for ref, rows, removed in found:
        edges = buckets.edges[ref.name].keep(rows) if ref not in fetched else None
        if edges is None and len(rows):
            assert results is not None
            edges = results.edges[ref.name].keep(place[rows])
        if edges is not None:
            candidates.append(_Candidates(ref, rows, removed, edges))
    return candidates


def _tests(buckets: Buckets, candidates: _Candidates) -> Narrowed:
    """The buckets where R″ leaves somebody out, and not so many that they would stay in any case. `outside`: how many;
    where users can be at both ends, at that with more of them."""
    kind, edges = candidates.column.kind, candidates.edges
    low, high = rest(edges, candidates.removed)
    beyond = np.flatnonzero((edges.low[:, 0] < low) | (edges.high[:, 0] > high))
    ranges, which = ranges_around(low[beyond], high[beyond], kind)
    beyond, which = beyond[which >= 0], which[which >= 0]
    some = edges.keep(beyond)
    known = np.arange(some.low.shape[1]) < some.known[:, None]
    first, last = _ends(ranges, kind)[which].T[:, :, None]
    below = ((some.low < first) & known).sum(axis=1)
    above = ((some.high > last) & known).sum(axis=1)
    number = below + above if _one_row(buckets) else np.maximum(below, above)
    few = (number > 0) & (number <= MOST_OUTSIDE)
    rows, removed = candidates.rows[beyond[few]], candidates.removed[beyond[few]]
    return Narrowed.of(buckets, candidates.column, rows, ranges, which[few], removed, number[few])


def _ends(ranges: Sequence[Bounds], kind: Kind) -> Array:
    """The first and the last value in each range, in the numbers of `plan.Edges`, (n, 2)."""
    found = np.zeros((len(ranges), 2), dtype=np.float64 if kind is Kind.REAL else np.int64)
    for at, bounds in enumerate(ranges):
        first, after = (number_of(bound) for bound in stated(*bounds, kind))
        found[at] = first, np.nextafter(after, -np.inf) if kind is Kind.REAL else after - 1
    return found


def _one_row(buckets: Buckets) -> bool:
    """Whether nobody can be at both ends of a column in any bucket of the batch."""
    return buckets.one_row_per_user and all(plan.query.joins is None for plan in buckets.plans)


def _counts_alone(buckets: Buckets) -> bool:
    """Whether the batch asks for counts of rows and of users only, of users with one row each."""
    more = (buckets.contributions, buckets.first, buckets.middles)
    if any(extra is not None for extra in more) or any(
        p.floated or p.spans or p.uid_set or p.cells for p in buckets.plans
    ):
        return False
    return all(
        a.of.function == "count" and (not a.distinct or (a.on is not None and a.on.name == plan.query.uid))
        for plan in buckets.plans
        for a in plan.query.aggregates
    )


def _without(buckets: Buckets, rows: Whole, beyond: Buckets) -> Buckets:
    """The buckets `rows` of such a batch without the rows of `beyond`, which has some of each: counts are what is left,
    and a user who goes vanishes from a XOR. To count the few who go takes less time than to count the others."""
    _, place = places(buckets, rows, beyond)
    some, gone = buckets.keep(rows), beyond.keep(place)  # type: ignore[arg-type]
    slots = slice(gone.values.shape[1])  # of other queries there can be more
    values, slot_xor = some.values.copy(), some.slot_xor.copy()
    values[:, slots] -= gone.values
    slot_xor[:, slots] ^= gone.slot_xor
    users, uid_xor = some.users - gone.users, some.uid_xor ^ gone.uid_xor
    return replace(some.with_values(values), users=users, uid_xor=uid_xor, slot_xor=slot_xor)


def _told(buckets: Buckets, looked_at: Sequence[tuple[Narrowed, Floats]]) -> Rows:
    """The table for researchers."""
    return [
        {
            "bucket": bucket_name(buckets, int(tests.rows[at])),
            "column": tests.column.name,
            "stated": [asked.low, asked.high],
            "T": int(tests.removed[at]),
            "shrunk to": list(bounds),
            "users outside": int(tests.outside[at]),
            "threshold": float(threshold),
            "dropped": bool(tests.outside[at] < threshold),
        }
        for tests, least in looked_at
        for at, threshold in enumerate(least)
        for asked, bounds in [tests.pairs[tests.pair[at]]]
    ]
