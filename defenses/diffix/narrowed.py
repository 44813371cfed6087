"""Ranges made smaller in some of the buckets of a batch, and the plans that ask about the rows inside and outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from defenses.diffix.around import number_of, value_of
from defenses.diffix.conditions import Range, conditions_of
from defenses.diffix.snapping import Bounds, stated
from harness.model import Array
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Bools, Within
from harness.sql.query import Aggregate, PerUser, Ref

Whole = NDArray[np.int64]
_Ranges = list[tuple[Ref, Array, Array]]

FEW = 4  # buckets are chosen by their keys where they are less than one in so many


@lru_cache(maxsize=10_000)
def ranges_of(query: Query) -> dict[Ref, Range]:
    """The ranges that can lose users, one a column: a key or an equality has one value in a bucket, and the rows of a
    condition that only stands for a range (`Range.written`), or excludes one, are not those between its bounds."""
    found: dict[Ref, Range] = {}
    for c in conditions_of(query):
        if isinstance(c, Range) and not c.negated and c.written is None and c.column not in query.keys:
            found.setdefault(c.column, c)
    return found


@dataclass(frozen=True)
class Narrowed:
    """R″ in place of a stated range of `column`, in M buckets.

    - `rows`: int64 (M,), the buckets, ascending; `removed`, `outside`: int64 (M,), how many users were taken off the
      ends, and how many have rows outside R″ (while users can be at both ends: so many that each of them is at one)
    - `pairs`: the different stated ranges with their R″, as an analyst would write it; `pair`: int64 (M,), which
    """

    column: Ref
    rows: Whole
    pairs: tuple[tuple[Range, Bounds], ...]
    pair: Whole
    removed: Whole
    outside: Whole

    @classmethod
    def of(
        cls, buckets: Buckets, column: Ref, rows: Whole, bounds: Sequence[Bounds], which: Whole, *numbers: Whole
    ) -> Narrowed:
        """From `bounds`, those of the different R″, and which of them is in each bucket. `numbers`: the last two."""
        ranges = [ranges_of(plan.query).get(column) for plan in buckets.plans]
        codes = {found: code for code, found in enumerate(dict.fromkeys(ranges))}
        of_query = np.array([codes[found] for found in ranges], dtype=np.int64)
        distinct, pair = np.unique(of_query[buckets.query[rows]] * len(bounds) + which, return_inverse=True)
        names = list(codes)
        pairs = [(names[code // len(bounds)], bounds[code % len(bounds)]) for code in distinct.tolist()]
        return cls(column, rows, tuple((asked, own) for asked, own in pairs if asked is not None), pair, *numbers)

    def keep(self, mask: Bools) -> Narrowed:
        arrays = {name: getattr(self, name)[mask] for name in ("rows", "pair", "removed", "outside")}
        return replace(self, **arrays)

    @property
    def inside(self) -> tuple[Array, Array]:
        """The bounds of R″ cut to the stated range, in values of the column, object (M,)."""
        return self._each(_kept)

    @property
    def whole(self) -> tuple[Array, Array]:
        """The same of the stated range."""
        return self._each(lambda asked, _: _whole(asked))

    def _each(self, bounds: Callable[[Range, Bounds], Bounds]) -> tuple[Array, Array]:
        found = np.empty((len(self.pairs), 2), dtype=object)
        for at, pair in enumerate(self.pairs):
            found[at] = bounds(*pair)
        low, high = found[self.pair].T
        return low, high


@lru_cache(maxsize=10_000)
def _kept(asked: Range, bounds: Bounds) -> Bounds:
    kind = asked.column.kind
    mine, own = ([number_of(bound) for bound in pair] for pair in (stated(*bounds, kind), _whole(asked)))
    return value_of(max(mine[0], own[0]), kind), value_of(min(mine[1], own[1]), kind)


@lru_cache(maxsize=10_000)
def _whole(asked: Range) -> Bounds:
    kind = asked.column.kind
    low, high = (value_of(number_of(bound), kind) for bound in stated(asked.low, asked.high, kind))
    return low, high


def inside(buckets: Buckets, rows: Whole, narrowed: Sequence[Narrowed]) -> list[Plan]:
    """Each query that has some of the buckets `rows`, ascending, about these, with its ranges as they are narrowed
    there."""
    plans = []
    for query, own in _by_query(buckets, rows):
        ranges: _Ranges = []
        for column, asked in ranges_of(buckets.plans[query].query).items():
            low, high = _full(_whole(asked), len(own))
            for part in narrowed:
                if part.column == column:
                    _, at, place = np.intersect1d(own, part.rows, assume_unique=True, return_indices=True)
                    low[at], high[at] = (bounds[place] for bounds in part.inside)
            ranges.append((column, low, high))
        plans.append(_within(buckets, query, own, ranges))
    return plans


def outside(buckets: Buckets, narrowed: Narrowed) -> list[Plan]:
    """Each query about the rows in its ranges outside R″."""
    plans = []
    (kept_low, kept_high), (whole_low, whole_high) = narrowed.inside, narrowed.whole
    below, above = np.less(whole_low, kept_low).astype(bool), np.less(kept_high, whole_high).astype(bool)
    column = narrowed.column
    for query, own in _by_query(buckets, narrowed.rows):
        mine = np.isin(narrowed.rows, own, assume_unique=True)
        b, a = mine & below, mine & above
        rows = np.concatenate([narrowed.rows[b], narrowed.rows[a]])
        asked = buckets.plans[query].query
        others = [(ref, *_full(_whole(r), len(rows))) for ref, r in ranges_of(asked).items() if ref != column]
        low, high = _joined(whole_low[b], kept_high[a]), _joined(kept_low[b], whole_high[a])
        ranges: _Ranges = [(column, low, high)]
        if asked.per_user and not isinstance(column, PerUser):
            # his smallest or his largest value is there, and he is grouped as he is
            least, most = (PerUser.of(Aggregate(name, column)) for name in ("min", "max"))
            ranges = [
                (least, _joined(whole_low[b], whole_low[a]), _joined(kept_low[b], whole_high[a])),
                (most, _joined(whole_low[b], kept_high[a]), _joined(whole_high[b], whole_high[a])),
            ]
        plans.append(_within(buckets, query, rows, [*ranges, *others]))
    return plans


def ends_of(buckets: Buckets, rows: Whole, columns: dict[Ref, Bools], ends: int) -> list[Plan]:
    """Each query that has some of the buckets `rows`, ascending, about so many users at the ends of its columns
    there."""
    plans = []
    sizes = np.bincount(buckets.query, minlength=len(buckets.plans))
    for query, own in _by_query(buckets, rows):
        plan = of_users(buckets.plans[query])
        if plan.query.keys and not plan.query.per_user and len(own) * FEW < sizes[query]:
            plan = of_users(_within(buckets, query, own, []))
        edges = tuple(column for column, of in columns.items() if of[own].any())
        plans.append(replace(plan, users=False, edges=edges, ends=ends, beyond=(), fewest=0, notices=()))
    return plans


def places(buckets: Buckets, rows: Whole, results: Buckets) -> tuple[Bools, Whole]:
    """Which of the buckets `rows` the answer to the plans about them has, bool (n,), and in which of its rows, int64
    (n,)."""
    queries = np.unique(buckets.query[rows])
    code = np.concatenate([queries[results.query], buckets.query[rows]])
    for theirs, mine in zip(results.keys, buckets.keys, strict=False):
        values = np.concatenate([theirs, mine[rows]])
        known = np.not_equal(values, None).astype(bool)
        codes = np.zeros(len(values), dtype=np.int64)
        codes[known] = 1 + pd.factorize(values[known])[0]
        code = pd.factorize(code * (1 + codes.max(initial=0)) + codes)[0]
    at = np.full(1 + code.max(initial=0), -1, dtype=np.int64)
    at[code[: len(results)]] = np.arange(len(results))
    place = at[code[len(results) :]]
    return place >= 0, place


def _by_query(buckets: Buckets, rows: Whole) -> list[tuple[int, Whole]]:
    queries, starts = np.unique(buckets.query[rows], return_index=True)
    return list(zip(queries.tolist(), np.split(rows, starts[1:]), strict=True)) if len(rows) else []


def _within(buckets: Buckets, query: int, rows: Whole, ranges: _Ranges) -> Plan:
    """The query's plan, of these buckets and ranges."""
    plan = buckets.plans[query]
    keys = tuple(key[rows] for key in buckets.keys[: len(plan.query.keys)])
    return replace(plan, within=Within(keys, tuple(ranges)), edges=(), beyond=(), fewest=0, notices=())


def of_users(plan: Plan) -> Plan:
    """Of the same rows the number of users alone."""
    query = replace(plan.query, aggregates=())
    return replace(plan, query=query, uid_xor=False, floated=(), spans=(), top=0, first=0, uid_set=False, cells=())


def _full(bounds: Bounds, size: int) -> tuple[Array, Array]:
    found: list[Array] = [np.full(size, bound, dtype=object) for bound in bounds]
    return found[0], found[1]


def _joined(one: Array, other: Array) -> Array:
    return np.concatenate([one, other])
