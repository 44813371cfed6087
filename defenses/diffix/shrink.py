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
At most T users have rows outside R″. Step 4 needs further statements, for the few buckets that come so far: their
running time tells that a bucket has somebody at its ends, as the suppression of a bucket tells that it is small. Where
users have several rows, a statement more says who is outside at both ends; it is asked for every bucket with at most
nine users outside at either end, one end or both, so that which it was does not show.

Source: the thread on shrink-and-drop, the steps of its first author at the end. He leaves open the rounding of T, equal
gaps, users of several rows, and which of two equally small aligned ranges is meant: here the one that an analyst gets
who asks for the range of what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.around import number_of, ranges_around, value_of
from defenses.diffix.conditions import Range, conditions_of
from defenses.diffix.explain import bucket_name
from defenses.diffix.low_count import thresholds
from defenses.diffix.snapping import Bounds, stated
from defenses.diffix.terms import seed_name
from defenses.keyed import value_field
from harness.model import Array, Kind
from harness.plugin import Refining, Rows
from harness.seeds import Field, Words, digest, gaussian, mix
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Edges, Within
from harness.sql.query import Aggregate, PerUser, Ref, Scalar

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
_Part = tuple[Ref, Scalar, Scalar]  # the rows with low <= column < high

MOST_OUTSIDE = 9  # users; no draw of the low-count threshold lies above


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
    for own in by_column.values():
        rows = [test.row for test in own]
        if not _one_row(buckets):
            beyond = yield _plans(buckets, {test.row: [test] for test in own}, outside=True)
            users = {row: int(beyond.users[at]) for row, at in _places(beyond, buckets, rows).items()}
            own = [replace(test, outside=users[test.row]) for test in own]
        inside = yield _plans(buckets, {test.row: [test] for test in own})
        place = _places(inside, buckets, rows)
        known = [test for test in own if test.row in place and test.outside <= MOST_OUTSIDE]
        rows = np.array([place[test.row] for test in known], dtype=np.int64)
        for test, threshold in zip(
            known, thresholds(inside, "shrink-and-drop", "low-count", seed_name(own[0].range.column))[rows], strict=True
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


@dataclass(frozen=True)
class _Test:
    """The bucket `row`, one of its ranges, and R″ in its place. `bounds` are those of R″ as an analyst would write
    them, `removed` users were taken off, `outside` users have rows outside R″ (while users can be at both ends: so many
    that each of them is at one)."""

    row: int
    range: Range
    bounds: Bounds
    removed: int
    outside: int

    @property
    def kept(self) -> _Part:
        """R″ cut to the stated range, in values of the column."""
        return _kept(self.range, self.bounds)

    @property
    def left_out(self) -> list[_Part]:
        """What lies beyond R″ in the stated range."""
        column, low, high = self.kept
        first, last = stated(self.range.low, self.range.high, column.kind)
        ends = ((first, low), (high, last))
        return [(column, a, b) for a, b in ends if number_of(a) < number_of(b)]


@lru_cache(maxsize=10_000)
def _kept(asked: Range, bounds: Bounds) -> _Part:
    kind = asked.column.kind
    mine, own = ([number_of(bound) for bound in stated(*pair, kind)] for pair in (bounds, (asked.low, asked.high)))
    return asked.column, value_of(max(mine[0], own[0]), kind), value_of(min(mine[1], own[1]), kind)


def _tests(buckets: Buckets) -> list[_Test]:
    """The buckets and ranges where R″ leaves somebody out, and not so many that they would stay in any case."""
    found = []
    ranges = [ranges_of(plan.query) for plan in buckets.plans]
    for column, edges in buckets.edges.items():
        own = [next((r for r in of_plan if r.column.name == column), None) for of_plan in ranges]
        asked = np.array([r is not None for r in own], dtype=bool)[buckets.query]
        ref = next(r.column for r in own if r is not None)
        removed = removals(buckets, seed_name(ref))
        rows = np.flatnonzero(asked & (edges.known > 0) & (buckets.users > removed))
        if not len(rows):
            continue
        some, taken = edges.keep(rows), removed[rows]
        kind = ref.kind
        low, high = rest(some, taken)
        beyond = np.flatnonzero((some.low[:, 0] < low) | (some.high[:, 0] > high))
        for bounds, part in ranges_around(low[beyond], high[beyond], kind):
            part = beyond[part]
            for at, outside in zip(part.tolist(), _outside(some, part, bounds, buckets, kind).tolist(), strict=True):
                if 0 < outside <= MOST_OUTSIDE:
                    stated_range = own[buckets.query[rows[at]]]
                    assert stated_range is not None
                    found.append(_Test(int(rows[at]), stated_range, bounds, int(taken[at]), outside))
    return found


def _outside(edges: Edges, rows: Whole, bounds: Bounds, buckets: Buckets, kind: Kind) -> Whole:
    """The users of these buckets who have rows outside the bounds; where one can be at both ends, of one end, the one
    with more of them."""
    first, last = (number_of(bound) for bound in stated(*bounds, kind))
    known = np.arange(edges.low.shape[1]) < edges.known[rows, None]
    below = ((edges.low[rows] < first) & known).sum(axis=1)
    above = ((edges.high[rows] >= last) & known).sum(axis=1)
    return np.asarray(below + above if _one_row(buckets) else np.maximum(below, above))


def _one_row(buckets: Buckets) -> bool:
    """Whether nobody can be at both ends of a column in any bucket of the batch."""
    return buckets.one_row_per_user and all(plan.query.joins is None for plan in buckets.plans)


def _plans(buckets: Buckets, tests: dict[int, list[_Test]], outside: bool = False) -> list[Plan]:
    """One plan a query: its own, of the buckets and rows that are left to it; or how many users are `outside`, of
    tests that are one a bucket."""
    by_query: dict[int, list[Within]] = {}
    ranges = [ranges_of(plan.query) for plan in buckets.plans]
    for row, own in tests.items():
        query = int(buckets.query[row])
        beyond = _users_beyond if buckets.plans[query].query.per_user else _beyond
        asked = beyond(own[0], ranges[query]) if outside else [_narrowed(own, ranges[query])]
        by_query.setdefault(query, []).extend(Within(_keys(buckets, row), parts) for parts in asked)
    plans = [
        replace(buckets.plans[query], within=tuple(parts), edges=(), fewest=0, notices=())
        for query, parts in by_query.items()
    ]
    return [_users_of(plan) for plan in plans] if outside else plans


def _users_of(plan: Plan) -> Plan:
    """Of the same rows the number of users alone."""
    query = replace(plan.query, aggregates=())
    return replace(plan, query=query, uid_xor=False, floated=(), spans=(), top=0, first=0, uid_set=False, cells=())


def _narrowed(tests: list[_Test], ranges: tuple[Range, ...]) -> tuple[_Part, ...]:
    """All buckets of a query name the same columns: a range that stays as it is is there too."""
    kept = {test.range.column: test.kept for test in tests}
    return tuple(kept.get(r.column) or _whole(r) for r in ranges)


def _beyond(test: _Test, ranges: tuple[Range, ...]) -> list[tuple[_Part, ...]]:
    """What is left out at either end, in the rows of all ranges."""
    return [tuple(part if r.column == part[0] else _whole(r) for r in ranges) for part in test.left_out]


def _users_beyond(test: _Test, ranges: tuple[Range, ...]) -> list[tuple[_Part, ...]]:
    """The same of a query per user: his smallest or his largest value is there, and he is grouped as he is."""
    column, whole = test.range.column, _whole(test.range)
    if isinstance(column, PerUser):
        return _beyond(test, ranges)
    others = [_whole(r) for r in ranges if r.column != column]
    found = []
    for part in test.left_out:
        least, most = (part, whole) if part[1] == whole[1] else (whole, part)
        ends = ((PerUser.of(Aggregate(name, column)), *end[1:]) for name, end in (("min", least), ("max", most)))
        found.append((*ends, *others))
    return found


def _whole(asked: Range) -> _Part:
    return (asked.column, *stated(asked.low, asked.high, asked.column.kind))


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
