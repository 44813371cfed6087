"""DuckDB under lock: one protected table in memory, no files, no settings, and exact results as Buckets."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from harness.errors import BenchmarkError, EngineError
from harness.model import Array, Delta, Kind, Table, Update
from harness.rows import find, quote, stored, uid_hash, write
from harness.sql.compile import compile_plan, domain_text
from harness.sql.plan import (
    HIGH,
    LOW,
    ROW_NUMBER,
    ROWS,
    STORED,
    UID_HASH,
    Buckets,
    Contributions,
    FirstRecords,
    Plan,
)

CACHED_BUCKETS = 2_000_000
IDLE = 4  # databases that a process keeps for the next engine
SHARED, SHORT = 8_000, 10_000  # so many compiled plans, of so many characters, are remembered by the process
_texts: dict[tuple[Plan, str, bool, bytes], str] = {}
_CATALOG = '"#data"'
_idle: defaultdict[tuple[int, int, str], list[duckdb.DuckDBPyConnection]] = defaultdict(list)


@dataclass(frozen=True)
class Result:
    """What one SQL statement gave: columns by name, and the number of rows."""

    columns: dict[str, Array]
    rows: int


class DuckEngine:
    """The engine of one trial.

    The table is loaded with two hidden columns: a row number and a keyed hash of the uid, both under names that no
    analyst can reach. Equal SQL is executed once, as long as the rows do not change.
    """

    def __init__(self, table: Table, salt: bytes, threads: int = 1, memory: str = "4GB") -> None:
        self.salt = salt
        self.made = table.made
        self._schema = table.schema
        self._table = table.schema.table
        self._results: dict[str, Result] = {}
        self._cached = 0
        self._connection, self._leave = _lease(self, threads, memory)
        try:
            self._load(table)
        except duckdb.Error as error:
            raise BenchmarkError(f"The table {table.schema.table} cannot be loaded: {error}") from error

    def _load(self, table: Table) -> None:
        schema = table.schema
        if clash := {ROW_NUMBER, UID_HASH} & set(schema.names):
            raise BenchmarkError(f"The column name {clash.pop()} is reserved; rename the column.")
        columns = ", ".join(f"{stored(column)} AS {quote(column.name)}" for column in schema.columns)
        for name, frame in ((schema.table, table.frame), (STORED, table.stored)):
            if frame is None:
                continue
            self._connection.register("loaded", frame)
            self._connection.execute(
                f"CREATE TABLE {quote(name)} AS SELECT *, "
                f"{uid_hash(schema, self.salt)} AS {quote(UID_HASH)}, "
                f"row_number() OVER () AS {quote(ROW_NUMBER)} FROM (SELECT {columns} FROM loaded)"
            )
            self._connection.unregister("loaded")
        self._next_row = self._count() + 1

    def _count(self) -> int:
        """Look how many rows and users there are. Raises BenchmarkError where a row has no user."""
        table, uid = quote(self._schema.table), quote(self._schema.uid)
        counts = f"SELECT count(*), count({uid}), count(DISTINCT {uid}) FROM {table}"
        ((rows, known, users),) = self._connection.execute(counts).fetchall()
        if rows != known:
            raise BenchmarkError(
                f"The uid column {self._schema.uid} has {rows - known} NULL values; every row needs a user."
            )
        self.users = int(users)
        self.unique_uid = bool(rows == users)
        return int(rows)

    def find(self, update: Update) -> Delta:
        """The rows that an update would remove and add. Raises UpdateError."""
        return find(self._connection, self._schema, update)

    def apply(self, delta: Delta) -> Delta:
        """Make it so, and forget all results. Gives the delta with the row numbers that hold now, of which none was
        ever another row's. Raises UpdateError, and then nothing has changed."""
        done = write(self._connection, self._schema, self.salt, delta, self._next_row)
        self._next_row = max(self._next_row, int(done.added.index.max()) + 1 if len(done.added) else 0)
        self._results.clear()
        self._cached = 0
        self._count()
        return done

    def run(self, plans: Sequence[Plan]) -> Buckets:
        """The buckets of a batch of plans, ordered by plan, then by keys. Raises EngineError."""
        compiled: dict[Plan, str] = {}
        for plan in plans:
            if plan not in compiled:
                compiled[plan] = self.text(plan)
        batch = _Batch(tuple(plans), [compiled[plan] for plan in plans])
        passing = {text for plan, text in compiled.items() if plan.uid_set or plan.once}
        return batch.buckets({sql: self._result(sql, keep=sql not in passing) for sql in batch.distinct}, self)

    def domain(self, column: str) -> int:
        """The number of different values of a column, NULL among them."""
        return int(self._result(domain_text(self._table, column)).columns["domain"][0])

    def text(self, plan: Plan) -> str:
        """The SQL that a plan is executed as."""
        key = (plan, self._schema.uid, self.unique_uid, self.salt if plan.sample or plan.astray else b"")
        if (text := _texts.get(key)) is None:
            text = compile_plan(*key)
            if len(text) <= SHORT:
                if len(_texts) >= SHARED:
                    _texts.clear()
                _texts[key] = text
        return text

    def interrupt(self) -> None:
        """Stop the statement that runs now; its `run` raises EngineError."""
        self._connection.interrupt()

    def close(self) -> None:
        self._leave()

    def _result(self, sql: str, keep: bool = True) -> Result:
        if (known := self._results.get(sql)) is not None:
            return known
        try:
            columns: dict[str, Any] = self._connection.execute(sql).fetchnumpy()
        except duckdb.Error:
            raise EngineError("The database could not answer this query.") from None
        result = Result(columns, len(next(iter(columns.values()))))
        if not keep:
            return result
        if self._cached + result.rows > CACHED_BUCKETS:
            self._results.clear()
            self._cached = 0
        self._results[sql] = result
        self._cached += result.rows + 1
        return result


def _lease(engine: DuckEngine, threads: int, memory: str) -> tuple[duckdb.DuckDBPyConnection, Callable[[], object]]:
    """A connection to an empty, locked database that is this engine's alone, and what gives the database back, at the
    latest when the engine is gone. To open a database takes longer than most trials ask it (DuckDB enters its
    functions in the catalog), so the next engine gets the one that an earlier engine has left."""
    idle = _idle[os.getpid(), threads, memory]  # a fork inherits none
    database = None
    with contextlib.suppress(IndexError):
        database = idle.pop()
    database = database or _opened(threads, memory)
    database.execute(f"ATTACH ':memory:' AS {_CATALOG}")
    connection = database.cursor()
    leave = weakref.finalize(engine, _left, connection, database, idle)
    leave.atexit = False
    connection.execute(f"USE {_CATALOG}")
    return connection, leave


def _left(
    connection: duckdb.DuckDBPyConnection, database: duckdb.DuckDBPyConnection, idle: list[duckdb.DuckDBPyConnection]
) -> None:
    """Forget all that the engine did: its connection's views, settings and transaction, and the catalog of its tables.
    A database that cannot forget is nobody's any more."""
    connection.close()
    try:
        database.execute(f"DETACH {_CATALOG}")
    except duckdb.Error:
        database.close()
        return
    if len(idle) < IDLE:
        idle.append(database)
    else:
        database.close()


def _opened(threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    """A new database in memory that reads no file and takes no setting."""
    database = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": memory})
    # Inside its temporary directory DuckDB reads and writes files whatever else is forbidden, so this one is
    # nobody else's; DuckDB makes it when it must spill, and removes it.
    spill = Path(tempfile.gettempdir(), f"snoopbench-{secrets.token_hex(16)}")
    for setting in (
        "python_enable_replacements = false",
        # DuckDB computes what expressions share outside the TRY around them: the data would decide if a query fails.
        "disabled_optimizers = 'common_subexpressions'",
        f"temp_directory = '{_quoted_text(str(spill))}'",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        database.execute(f"SET {setting}")
    return database


class _Batch:
    """The columns of a batch, gathered from the results of its distinct statements without a loop over buckets."""

    def __init__(self, plans: tuple[Plan, ...], sqls: list[str]) -> None:
        self.plans = plans
        self.sqls = sqls
        self.distinct = list(dict.fromkeys(sqls))

    def buckets(self, results: dict[str, Result], engine: DuckEngine) -> Buckets:
        first = {sql: position for position, sql in reversed(list(enumerate(self.sqls)))}
        self.owners = [self.plans[first[sql]] for sql in self.distinct]
        self.parts = [results[sql] for sql in self.distinct]
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
            uid_sets=self._uid_sets()[take] if any(p.uid_set for p in self.plans) else np.empty(0, dtype=object),
            cells=self._column("cells", np.dtype(np.int64))[take],
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
                    known = np.stack(np.ma.getdata(lists).tolist())
                    piece[:, i, : known.shape[1]] = known
            pieces.append(piece)
        return np.concatenate(pieces) if pieces else np.zeros((0, slots, width))

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
    lows, highs = (_objects(columns[f"{end}{i}"], kind) for end in "lh")
    found = np.empty(len(lows), dtype=object)
    numbers = _unmasked(columns[f"n{i}s"], 0, np.int64).tolist()
    found[:] = [
        () if low is None else (low, high, number) for low, high, number in zip(lows, highs, numbers, strict=True)
    ]
    return found


def _quoted_text(text: str) -> str:
    return text.replace("'", "''")
