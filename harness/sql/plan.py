"""What is to be executed, and the columns that come back.

A `Plan` is a query with the extras that a defense wants to know of each bucket. `Buckets` are the exact results of a
whole batch of plans, columnar, one row per (query of the batch, bucket).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.model import Array
from harness.sql.query import Query, Ref, Scalar

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The columns of a loaded table that no analyst can name, and the table's stored version.
ROW_NUMBER = "#row"
UID_HASH = "#uid_hash"
STORED = "#stored"


@dataclass(frozen=True)
class Sample:
    """Some of the rows: the share `rate` that a keyed hash of `key` and the hidden row number picks for a query.
    `once`: no other query of the session has this key."""

    rate: float
    key: int
    once: bool = False


EDGES = 16  # users known at each end of a column, at most


@dataclass(frozen=True, eq=False)
class Within:
    """Parts of buckets, M in number: `keys` say of which bucket, and `ranges`, columns with their bounds a and b, which
    of its rows, those with a <= column < b. Keys and bounds are arrays of object (M,), NULL as None."""

    keys: tuple[Array, ...]
    ranges: tuple[tuple[Ref, Array, Array], ...]

    def __len__(self) -> int:
        return len(self.keys[0] if self.keys else self.ranges[0][1])


@dataclass(frozen=True)
class Plan:
    """A query to run, and per bucket: `users` the number of distinct users, `uid_xor` the XOR of their keyed hashes,
    and that of the users with a value in each aggregate's column, `uid_set` these hashes themselves, `floated` the
    distinct values of these columns (sorted tuples, without NULL), `spans` smallest, largest and number of distinct
    values of these, `cells` the number of different combinations of values of these columns (NULL is a value), `top`
    the so many most extreme contributions of single users to each aggregate (see `Contributions`; 0: not asked) and the
    rows around each median with up to half as many users left out at either end (see `Middles`),
    `first` the so many first records behind each sum and avg (see `FirstRecords`), `edges` the lowest and highest users
    of these columns, `ends` at either end (see `Edges`; without `top` no medians and, of DISTINCT aggregates, only
    count(DISTINCT uid) can be answered beside them), `beyond` the numbers of users who have a value of these columns
    below the first number, and above the second one. Buckets of less than `fewest` users do not come back at all.

    `within`: only these parts of buckets.

    A bucket of fewer than `stored_below` records is answered from the version of the table that the defense stored
    beside it (`model.Table.stored`), whose conditions and keys are then those of that version; 0: none is.

    `domains`: the number of different values of each of these columns in the whole table. `sample`: only a part of the
    rows takes part. `astray`: this part of the rows is aggregated with the values of another row of the table, the same
    one in all columns; keys, conditions and the uid are the row's own."""

    query: Query
    users: bool = False
    uid_xor: bool = False
    floated: tuple[Ref, ...] = ()
    spans: tuple[Ref, ...] = ()
    top: int = 0
    fewest: int = 0
    first: int = 0
    stored_below: float = 0.0
    notices: tuple[str, ...] = ()
    uid_set: bool = False
    cells: tuple[Ref, ...] = ()
    domains: tuple[Ref, ...] = ()
    sample: Sample | None = None
    edges: tuple[Ref, ...] = ()
    ends: int = EDGES
    beyond: tuple[tuple[Ref, Scalar, Scalar], ...] = ()
    within: Within | None = None
    astray: Sample | None = None

    @property
    def once(self) -> bool:
        """Whether no other query of the session is executed as this one is."""
        return any(part is not None and part.once for part in (self.sample, self.astray))

    def also(self, other: Plan) -> Plan:
        """The other plan's query with the extras of both: how defenses are chained."""
        return Plan(
            other.query,
            users=self.users or other.users,
            uid_xor=self.uid_xor or other.uid_xor,
            floated=tuple(dict.fromkeys(self.floated + other.floated)),
            spans=tuple(dict.fromkeys(self.spans + other.spans)),
            top=max(self.top, other.top),
            fewest=max(self.fewest, other.fewest),
            first=max(self.first, other.first),
            stored_below=max(self.stored_below, other.stored_below),
            notices=self.notices + other.notices,
            uid_set=self.uid_set or other.uid_set,
            cells=other.cells or self.cells,
            domains=tuple(dict.fromkeys(self.domains + other.domains)),
            sample=other.sample or self.sample,
            astray=other.astray or self.astray,
            edges=tuple(dict.fromkeys(self.edges + other.edges)),
            ends=max(self.ends, other.ends),
            beyond=tuple(dict.fromkeys(self.beyond + other.beyond)),
            within=self.within if other.within is None else other.within,
        )


HIGH, LOW, ROWS = 0, 1, 2


@dataclass(frozen=True)
class Contributions:
    """What single users contribute to each aggregate: `total` float64 and `users` int64 (3, N, A), `top` float64
    (3, N, A, T), the most extreme first, zero-padded. Users who contribute NULL only are left out.

    | aggregate | HIGH | LOW | ROWS |
    |---|---|---|---|
    | count | rows of a user, if any | | |
    | sum | sums of a user that are ≥ 0 | sums that are ≤ 0, as magnitudes | |
    | avg | as sum | as sum | as count |
    | stddev | sums of a user's squared distances from the bucket's average | | as count |
    | max | largest value of a user | | |
    | min | | smallest value of a user | |

    Of count, sum and avg over DISTINCT values the rows are the values that a user contributes (`sql.distinct`). Where
    every user has one row nothing is fetched for HIGH of a count and ROWS of an avg or stddev: all contributions are 1.
    """

    total: Floats
    users: NDArray[np.int64]
    top: Floats

    def keep(self, mask: Bools) -> Contributions:
        return Contributions(self.total[:, mask], self.users[:, mask], self.top[:, mask])


@dataclass(frozen=True)
class Middles:
    """The rows around the median of each median aggregate, when so many users are left out at either end, 0 to T: at
    the high end those who have the last rows, at the low end those who have the first ones, in the order of values and
    then of row numbers. `users` float64 (N, A, T + 1), how many users are left; `median` float64 (N, A, T + 1), of an
    even number of rows the lower one in the middle; `near` float64 (2, N, A, T + 1, T), the nearest row of each of the
    T nearest users, HIGH above and LOW below the median. NaN-padded."""

    users: Floats
    median: Floats
    near: Floats

    def keep(self, mask: Bools) -> Middles:
        return Middles(self.users[mask], self.median[mask], self.near[:, mask])


@dataclass(frozen=True)
class FirstRecords:
    """The first records, in the order of the table's rows, that have a value of what each sum and avg (not DISTINCT)
    is over: `values` float64 (N, A, T), NaN-padded, and `records` int64 (N, A), how many there are in all."""

    values: Floats
    records: NDArray[np.int64]

    def keep(self, mask: Bools) -> FirstRecords:
        return FirstRecords(self.values[mask], self.records[mask])


@dataclass(frozen=True)
class Edges:
    """Who lies at the ends of a column: `low` (N, 16), ascending, the smallest values of the users who have the
    lowest, `high` (N, 16), descending, the largest of those who have the highest; float64 of a column of reals, else
    int64, dates and times as microseconds since 1970. `known`: int64 (N,), how many entries there are, 0 where the
    plan did not ask; the others are 0. A user who has several rows can be at both ends."""

    low: Array
    high: Array
    known: NDArray[np.int64]

    def keep(self, mask: Bools) -> Edges:
        return Edges(self.low[mask], self.high[mask], self.known[mask])


@dataclass(frozen=True)
class Buckets:
    """The results of a batch: N buckets, K key slots, A aggregate slots.

    - `plans`: the batch; `query`: int64 (N,), the position in `plans` that a bucket belongs to, ascending
    - `keys`: K arrays of object (N,), NULL as None
    - `values`: float64 (N, A), NULL as NaN, dates and times as microseconds since 1970; `present`: bool (N, A),
      which slots the bucket's query has
    - `users`: int64 (N,), `uid_xor`: uint64 (N,), zero where the plan did not ask; `slot_xor`: uint64 (N, A), the XOR
      of the users whose value in the aggregate's column is not NULL, for count(*) of all
    - `uid_sets`: object (N,) of ascending uint64 arrays, `cells`: int64 (N,), empty and zero where the plan did not ask
    - `floated`, `spans`: by column name, object (N,) of tuples, () without a value
    - `contributions`, `first`, `middles`: None where no plan asked
    - `table_users`: all users of the table; `one_row_per_user`: whether every user has one row
    - `salt`: 32 secret bytes of this trial, for noise that must be the same every time
    - `domains`: by column name, the number of different values in the table, NULL among them
    - `edges`: by column name; `beyond`: by column name, int64 (N, 2), 0 where the plan did not ask
    - `made`: named tables (a dict a row) of how a defense refined the buckets, made for researchers who ask for them
    - `analyst`: who asks; `memory`: what defenses keep from one batch of this session to the next, each under itself

    A defense answers by returning other Buckets: `keep` drops, `with_values` changes.
    """

    plans: tuple[Plan, ...]
    query: NDArray[np.int64]
    keys: tuple[Array, ...]
    values: Floats
    present: Bools
    users: NDArray[np.int64]
    uid_xor: NDArray[np.uint64]
    slot_xor: NDArray[np.uint64]
    table_users: int
    one_row_per_user: bool
    salt: bytes = field(repr=False)
    floated: dict[str, Array] = field(default_factory=dict)
    spans: dict[str, Array] = field(default_factory=dict)
    contributions: Contributions | None = None
    first: FirstRecords | None = None
    middles: Middles | None = None
    uid_sets: Array = field(default_factory=lambda: np.empty(0, dtype=object))
    cells: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    domains: dict[str, int] = field(default_factory=dict)
    analyst: str = ""
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)
    edges: dict[str, Edges] = field(default_factory=dict)
    beyond: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    made: dict[str, Callable[[], list[dict[str, Any]]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.query)

    def keep(self, mask: Bools) -> Buckets:
        """Only the buckets where `mask`, bool (N,), holds."""
        return replace(
            self,
            query=self.query[mask],
            keys=tuple(key[mask] for key in self.keys),
            values=self.values[mask],
            present=self.present[mask],
            users=self.users[mask],
            uid_xor=self.uid_xor[mask],
            slot_xor=self.slot_xor[mask],
            uid_sets=self.uid_sets[mask] if len(self.uid_sets) else self.uid_sets,
            cells=self.cells[mask] if len(self.cells) else self.cells,
            floated={name: column[mask] for name, column in self.floated.items()},
            spans={name: column[mask] for name, column in self.spans.items()},
            contributions=None if self.contributions is None else self.contributions.keep(mask),
            first=None if self.first is None else self.first.keep(mask),
            middles=None if self.middles is None else self.middles.keep(mask),
            edges={name: edges.keep(mask) for name, edges in self.edges.items()},
            beyond={name: column[mask] for name, column in self.beyond.items()},
        )

    def put(self, rows: NDArray[np.int64], other: Buckets, which: NDArray[np.int64]) -> Buckets:
        """These buckets with what is known of those in `rows`, int64 (n,), as it is in the rows `which` of `other`,
        the answers to plans of the same aggregates and extras. Keys stay, and so do the edges."""
        changed: dict[str, Any] = {}
        for name in ("values", "users", "uid_xor", "slot_xor", "uid_sets", "cells"):
            if len(new := getattr(other, name)):
                changed[name] = _put(getattr(self, name), rows, new[which], 0)
        for name in ("floated", "spans"):
            new = getattr(other, name)
            changed[name] = {
                column: _put(own, rows, new[column][which], 0) if column in new else own
                for column, own in getattr(self, name).items()
            }
        if self.contributions is not None and other.contributions is not None:
            own, new = self.contributions, other.contributions
            pairs = ((own.total, new.total), (own.users, new.users), (own.top, new.top))
            changed["contributions"] = Contributions(*(_put(one, rows, two[:, which], 1) for one, two in pairs))
        if self.first is not None and other.first is not None:
            values = _put(self.first.values, rows, other.first.values[which], 0)
            changed["first"] = FirstRecords(values, _put(self.first.records, rows, other.first.records[which], 0))
        if self.middles is not None and other.middles is not None:
            users, median = (
                _put(getattr(self.middles, name), rows, getattr(other.middles, name)[which], 0)
                for name in ("users", "median")
            )
            near = _put(self.middles.near, rows, other.middles.near[:, which], 1)
            changed["middles"] = Middles(users, median, near)
        return replace(self, **changed)

    def with_values(self, values: Floats) -> Buckets:
        """The same buckets with other values, float64 (N, A)."""
        return replace(self, values=values)

    def draw(self, sample: Callable[[int], Floats]) -> Floats:
        """Fresh noise, float64 (N, A): `sample(n)` draws for the present cells in order, elsewhere 0.

        The draws are consumed cell by cell, so a batch gets what its queries would get one after the other.
        """
        noise = np.zeros(self.values.shape)
        noise[self.present] = sample(int(self.present.sum()))
        return noise


def _put(own: Array, rows: NDArray[np.int64], new: Array, axis: int) -> Array:
    """A copy with `new` in these rows of the axis. `new` can be narrower in the axes behind it: what it lacks no
    bucket of it has."""
    whole = own.copy()
    place: tuple[Any, ...] = (*[slice(None)] * axis, rows, *(slice(size) for size in new.shape[axis + 1 :]))
    whole[place] = new
    return whole
