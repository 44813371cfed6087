"""Results of SQL statements to Buckets: the columns of a batch, gathered without a loop over buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.model import Array, Kind
from harness.sql.plan import EDGES, HIGH, LOW, ROWS, Buckets, Contributions, Edges, FirstRecords, Middles, Plan
from harness.sql.query import Ref


@dataclass(frozen=True)
class Result:
    """What one SQL statement gave: columns by name, and the number of rows."""

    columns: dict[str, Array]
    rows: int


class Source(Protocol):
    """What buckets tell of the engine that they come from."""

    salt: bytes
    users: int
    unique_uid: bool

    def domain(self, column: str) -> int: ...


class Batch:
    """The columns of a batch, gathered from the results of its distinct statements without a loop over buckets."""

    def __init__(self, plans: tuple[Plan, ...], sqls: list[str]) -> None:
        self.plans = plans
        self.sqls = sqls
        self.distinct = list(dict.fromkeys(sqls))

    def buckets(self, results: dict[str, Result], engine: Source) -> Buckets:
        first = {sql: position for position, sql in reversed(list(enumerate(self.sqls)))}
        self.owners = [self.plans[first[sql]] for sql in self.distinct]
        self.parts = [
            _with_counts(results[sql], plan.top) for sql, plan in zip(self.distinct, self.owners, strict=True)
        ]
        sizes = np.array([part.rows for part in self.parts], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
        number = {sql: i for i, sql in enumerate(self.distinct)}
        which = np.array([number[sql] for sql in self.sqls], dtype=np.int64)
        self.sizes = sizes
        query = np.repeat(np.arange(len(which)), sizes[which])
        begins = np.cumsum(sizes[which]) - sizes[which]
        take = starts[which][query] + np.arange(len(query)) - begins[query]
        aggregates = max((len(plan.query.aggregates) for plan in self.owners), default=0)
        top = max((plan.top for plan in self.owners), default=0)
        return Buckets(
            plans=self.plans,
            query=query,
            keys=tuple(self._keys(i)[take] for i in range(max((len(p.query.keys) for p in self.owners), default=0))),
            values=self._numbers("a", aggregates)[take],
            present=self._present(aggregates)[take],
            users=self._column("users", np.dtype(np.int64))[take],
            uid_xor=self._column("uid_xor", np.dtype(np.uint64))[take],
            slot_xor=self._slot_xor(aggregates)[take],
            table_users=engine.users,
            one_row_per_user=engine.unique_uid,
            salt=engine.salt,
            floated={name: column[take] for name, column in self._tuples("floated").items()},
            spans={name: column[take] for name, column in self._tuples("spans").items()},
            contributions=self._contributions(aggregates, top, take),
            first=self._first(aggregates, take),
            middles=self._middles(aggregates, top // 2, take),
            uid_sets=self._uid_sets()[take] if any(p.uid_set for p in self.plans) else np.empty(0, dtype=object),
            cells=self._column("cells", np.dtype(np.int64))[take],
            edges={
                ref.name: self._edges(ref).keep(take)
                for ref in dict.fromkeys(ref for plan in self.owners for ref in plan.edges)
            },
            beyond={
                name: self._beyond(name)[take]
                for name in dict.fromkeys(ref.name for plan in self.owners for ref, _, _ in plan.beyond)
            },
            domains={
                ref.name: engine.domain(ref.name) for ref in dict.fromkeys(r for p in self.owners for r in p.domains)
            },
        )

    def _gather(self, name: str, fill: Any, dtype: Any) -> Array:
        """The column of that name of all results, one under the other; `fill` where a result has none."""
        pieces = [
            _unmasked(part.columns[name], fill, dtype)
            if name in part.columns
            else np.full(part.rows, fill, dtype=dtype)
            for part in self.parts
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=dtype)

    def _column(self, name: str, dtype: np.dtype[Any]) -> Array:
        return self._gather(name, 0, dtype)

    def _uid_sets(self) -> Array:
        """One array a bucket, or none at all where no plan asked."""
        nobody = np.empty(0, dtype=np.uint64)
        found: list[Any] = []
        for part in self.parts:
            lists = part.columns.get("uid_set", [None] * part.rows)
            found += [nobody if users is None or users is np.ma.masked else users for users in lists]
        sets = np.empty(len(found), dtype=object)
        for i, users in enumerate(found):  # arrays of equal length would become a table
            sets[i] = np.asarray(users, dtype=np.uint64)
        return sets

    def _keys(self, slot: int) -> Array:
        pieces = []
        for plan, part in zip(self.owners, self.parts, strict=True):
            keys = plan.query.keys
            known = slot < len(keys)
            pieces.append(_objects(part.columns[f"k{slot}"], keys[slot].kind) if known else np.full(part.rows, None))
        return np.concatenate(pieces)

    def _numbers(self, prefix: str, slots: int) -> NDArray[np.float64]:
        fill = np.nan if prefix == "a" else 0.0  # the sum of no contributions
        columns = [self._gather(f"{prefix}{i}", fill, np.float64) for i in range(slots)]
        return np.stack(columns, axis=1) if columns else np.empty((int(self.sizes.sum()), 0))

    def _present(self, slots: int) -> NDArray[np.bool_]:
        counts = np.array([len(plan.query.aggregates) for plan in self.owners], dtype=np.int64)
        return np.arange(slots)[None, :] < counts.repeat(self.sizes)[:, None]

    def _slot_xor(self, slots: int) -> NDArray[np.uint64]:
        """The users with a value in each aggregate's column; all of the bucket where no column is named."""
        columns = []
        for i in range(slots):
            names = [f"x{i}" if f"x{i}" in part.columns else "uid_xor" for part in self.parts]
            pieces = [
                _unmasked(part.columns[name], 0, np.uint64) if name in part.columns else np.zeros(part.rows, np.uint64)
                for name, part in zip(names, self.parts, strict=True)
            ]
            columns.append(np.concatenate(pieces) if pieces else np.empty(0, np.uint64))
        return np.stack(columns, axis=1) if columns else np.empty((int(self.sizes.sum()), 0), np.uint64)

    def _contributions(self, slots: int, width: int, take: NDArray[np.int64]) -> Contributions | None:
        if not any(name[1:2] == "t" for part in self.parts for name in part.columns):
            return None
        users, total = (
            np.stack([self._numbers(f"{side}{what}", slots)[take] for side in (HIGH, LOW, ROWS)]) for what in "ns"
        )
        top = np.stack([self._tops(f"{side}t", slots, width)[take] for side in (HIGH, LOW, ROWS)])
        return Contributions(total=total, users=users.astype(np.int64), top=top)

    def _middles(self, slots: int, width: int, take: NDArray[np.int64]) -> Middles | None:
        if not any(name[:2] == "mu" for part in self.parts for name in part.columns):
            return None
        users, median = (self._tops(name, slots, width + 1, fill=np.nan)[take] for name in ("mu", "mv"))
        near = np.full((2, int(self.sizes.sum()), slots, width + 1, width), np.nan)
        end = 0
        for plan, part in zip(self.owners, self.parts, strict=True):
            start, end, own = end, end + part.rows, plan.top // 2
            for side, name in ((HIGH, "ma"), (LOW, "mb")):
                for i in range(slots):
                    if (lists := part.columns.get(f"{name}{i}")) is not None and part.rows:
                        rows = np.stack(np.ma.getdata(lists).tolist())
                        near[side, start:end, i, : own + 1, :own] = rows.reshape(part.rows, own + 1, own)
        return Middles(users, median, near[:, take])

    def _first(self, slots: int, take: NDArray[np.int64]) -> FirstRecords | None:
        if (width := max((plan.first for plan in self.owners), default=0)) == 0:
            return None
        records = self._numbers("records", slots)[take].astype(np.int64)
        return FirstRecords(self._tops("first", slots, width, fill=np.nan)[take], records)

    def _tops(self, prefix: str, slots: int, width: int, fill: float = 0.0) -> NDArray[np.float64]:
        pieces = []
        for part in self.parts:
            piece = np.full((part.rows, slots, width), fill)
            for i in range(slots):
                if (lists := part.columns.get(f"{prefix}{i}")) is not None and part.rows:
                    known = lists if lists.ndim == 2 else np.stack(np.ma.getdata(lists).tolist())
                    piece[:, i, : known.shape[1]] = known
            pieces.append(piece)
        return np.concatenate(pieces) if pieces else np.zeros((0, slots, width))

    def _edges(self, ref: Ref) -> Edges:
        """What is known of the ends of that column, wherever a plan of the batch asked for it."""
        places = [plan.edges.index(ref) if ref in plan.edges else None for plan in self.owners]
        names = [[f"{name}{place}" for place in places] for name in ("el", "eh")]
        dtype = np.float64 if ref.kind is Kind.REAL else np.int64
        low, high = (self._lists(own, dtype) for own in names)
        return Edges(low[0], high[0], low[1])

    def _beyond(self, column: str) -> NDArray[np.int64]:
        pieces = []
        for plan, part in zip(self.owners, self.parts, strict=True):
            names = [ref.name for ref, _, _ in plan.beyond]
            at = names.index(column) if column in names else -1
            none = np.zeros(part.rows, dtype=np.int64)
            pieces.append(np.stack([part.columns.get(f"b{end}{at}", none) for end in "lh"], axis=1))
        return np.concatenate(pieces)

    def _lists(self, names: list[str], dtype: Any) -> tuple[Array, NDArray[np.int64]]:
        """A column of short lists, by its name in each result, as (n, 16), and how long each list is."""
        none = np.zeros((0, EDGES), dtype=dtype), np.zeros(0, dtype=np.int64)
        pieces = [none]
        for name, part in zip(names, self.parts, strict=True):
            into = np.zeros((part.rows, EDGES), dtype=dtype)
            pieces.append(_table(part.columns.get(name), into))
        found, sizes = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
        return found, sizes

    def _tuples(self, extra: str) -> dict[str, Array]:
        """The floated values or spans, by column name: object (N,) of tuples."""
        columns: dict[str, Array] = {}
        for name in sorted({ref.name for plan in self.owners for ref in getattr(plan, extra)}):
            column = np.empty(int(self.sizes.sum()), dtype=object)
            column[:] = [()] * len(column)
            end = 0
            for plan, part in zip(self.owners, self.parts, strict=True):
                start, end = end, end + part.rows
                for i, ref in enumerate(getattr(plan, extra)):
                    if ref.name == name:
                        read = _lists if extra == "floated" else _spans
                        column[start:end] = read(part.columns, i, ref.kind)
            columns[name] = column
        return columns


def _with_counts(result: Result, top: int) -> Result:
    """With 0t, 0n and 0s of each count that has its largest contributions above 1 as 0e: all others are 1."""
    columns = dict(result.columns)
    for slot in [name.removeprefix(f"{HIGH}e") for name in result.columns if name.startswith(f"{HIGH}e")]:
        users = columns.setdefault(f"{HIGH}n{slot}", columns["users"])
        columns[f"{HIGH}s{slot}"] = columns[f"a{slot}"]
        ones = (np.arange(top) < np.asarray(users)[:, None]).astype(np.float64)
        columns[f"{HIGH}t{slot}"], _ = _table(columns[f"{HIGH}e{slot}"], ones)
    return Result(columns, result.rows)


def _table(lists: Array | None, into: Array) -> tuple[Array, NDArray[np.int64]]:
    """A column of short lists written over the rows of `into`, (n, width), and how long each list is, 0 where NULL."""
    known = np.flatnonzero(~np.ma.getmaskarray(lists)) if lists is not None else np.empty(0, dtype=np.int64)
    sizes = np.zeros(len(into), dtype=np.int64)
    if len(known):
        some = np.ma.getdata(np.asanyarray(lists))[known].tolist()
        sizes[known] = [len(values) for values in some]
        flat = np.concatenate(some)
        into[np.arange(into.shape[1]) < sizes[:, None]] = (
            flat.astype("datetime64[us]") if flat.dtype.kind == "M" else flat
        )
    return into, sizes


def _unmasked(column: Array, fill: Any, dtype: Any) -> Array:
    return np.ma.filled(column.astype(dtype), fill) if np.ma.isMaskedArray(column) else column.astype(dtype)


def _objects(column: Array, kind: Kind | None = None) -> Array:
    """Plain Python values, NULL as None; days as dates, which DuckDB hands over as midnights."""
    plain, out = np.ma.getdata(column), np.empty(len(column), dtype=object)
    out[:] = (plain.astype("datetime64[D]") if kind is Kind.DATE else plain).tolist()
    out[np.ma.getmaskarray(column)] = None
    return out


def _lists(columns: dict[str, Array], i: int, kind: Kind) -> Array:
    found = np.empty(len(columns[f"f{i}"]), dtype=object)
    found[:] = [
        () if values is None or values is np.ma.masked else tuple(_objects(values, kind).tolist())
        for values in columns[f"f{i}"]
    ]
    return found


def _spans(columns: dict[str, Array], i: int, kind: Kind) -> Array:
    lows, highs = (_objects(columns[f"s{i}{end}"], kind) for end in "lh")
    found = np.empty(len(lows), dtype=object)
    numbers = _unmasked(columns[f"s{i}n"], 0, np.int64).tolist()
    found[:] = [
        () if low is None else (low, high, number) for low, high, number in zip(lows, highs, numbers, strict=True)
    ]
    return found
