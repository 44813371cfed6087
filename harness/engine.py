"""DuckDB under lock: one protected table in memory, with those beside it, no files, no settings, and exact results as
Buckets."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from harness.alone import mark
from harness.errors import BenchmarkError, EngineError
from harness.gather import Batch, Result
from harness.model import Delta, Schema, Table, Update
from harness.rows import find, quote, stored, uid_hash, write
from harness.sql.alone import ALONE, columns_of
from harness.sql.compile import compile_plan, domain_text
from harness.sql.distinct import merge_shared
from harness.sql.edges import PART
from harness.sql.joins import JOIN
from harness.sql.plan import (
    ROW_NUMBER,
    STORED,
    UID_HASH,
    Buckets,
    Plan,
)

if TYPE_CHECKING:
    import pandas as pd

CACHED_BUCKETS = 2_000_000
IDLE = 4  # databases that a process keeps for the next engine
SHARED, SHORT = 8_000, 10_000  # so many compiled plans, of so many characters, are remembered by the process
MARKED_FROM = 200_000  # rows of a table from which on it is worth knowing which are alone
_texts: dict[tuple[Plan, str, bool, bytes, tuple[str, ...]], str] = {}
_CATALOG = '"#data"'
_idle: defaultdict[tuple[int, int, str], list[duckdb.DuckDBPyConnection]] = defaultdict(list)


class DuckEngine:
    """The engine of one trial.

    The table, and each beside it, is loaded with two hidden columns: a row number and, where rows have users, a keyed
    hash of the uid, both under names that no analyst can reach. Equal SQL is executed once, as long as the rows do not
    change.
    """

    def __init__(self, table: Table, salt: bytes, threads: int = 1, memory: str = "4GB") -> None:
        self.salt = salt
        self.made = table.made
        self._schema = table.schema
        self._table = table.schema.table
        self._results: dict[str, Result] = {}
        self._cached = 0
        self._alone: dict[str, bool] = {}
        self._marked: set[str] = set()
        self._connection, self._leave = _lease(self, threads, memory)
        try:
            self._load(table)
        except duckdb.Error as error:
            raise BenchmarkError(f"The table {table.schema.table} cannot be loaded: {error}") from error

    def _load(self, table: Table) -> None:
        for name, one, frame in (
            (self._table, table.schema, table.frame),
            (STORED, table.schema, table.stored),
            *((other.schema.table, other.schema, other.frame) for other in table.others),
        ):
            if frame is not None:
                self._create(name, one, frame)
        self._next_row = self._count() + 1

    def _create(self, name: str, schema: Schema, frame: pd.DataFrame) -> None:
        reserved = (ROW_NUMBER, UID_HASH)
        if clash := [name for name in schema.names if name in reserved or name.startswith((PART, JOIN, ALONE))]:
            raise BenchmarkError(f"The column name {clash[0]} is reserved; rename the column.")
        columns = ", ".join(f"{stored(column)} AS {quote(column.name)}" for column in schema.columns)
        user = f"{uid_hash(schema, self.salt)} AS {quote(UID_HASH)}, " if schema.uid else ""
        self._connection.register("loaded", frame)
        self._connection.execute(
            f"CREATE TABLE {quote(name)} AS SELECT *, {user}"
            f"row_number() OVER () AS {quote(ROW_NUMBER)} FROM (SELECT {columns} FROM loaded)"
        )
        self._connection.unregister("loaded")

    def _count(self) -> int:
        """Look how many rows and users there are. Raises BenchmarkError where a row has no user."""
        table, uid = quote(self._schema.table), quote(self._schema.uid)
        counts = f"SELECT count(*), count({uid}), count(DISTINCT {uid}) FROM {table}"
        ((rows, known, users),) = self._connection.execute(counts).fetchall()
        if rows != known:
            raise BenchmarkError(
                f"The uid column {self._schema.uid} has {rows - known} NULL values; every row needs a user."
            )
        self.rows, self.users = int(rows), int(users)
        self.unique_uid = bool(rows == users)
        if (
            not self.unique_uid or self._schema.others
        ):  # rows are then grouped by the hash: it has to tell the users apart
            different = f"SELECT count(DISTINCT {quote(UID_HASH)}) FROM {table}"
            if self._connection.execute(different).fetchall() != [(users,)]:
                raise BenchmarkError(f"Two users of {self._schema.table} have the same hash; use another seed.")
        return int(rows)

    def find(self, update: Update) -> Delta:
        """The rows that an update would remove and add. Raises UpdateError."""
        return find(self._connection, self._schema, update)

    def apply(self, delta: Delta) -> Delta:
        """Make it so, and forget all results. Gives the delta with the row numbers that hold now, of which none was
        ever another row's. Raises UpdateError, and then nothing has changed."""
        done = write(self._connection, self._schema, self.salt, delta, self._next_row)
        self._next_row = max(self._next_row, int(done.added.index.max()) + 1 if len(done.added) else 0)
        self.forget()
        self._alone.clear()
        self._count()
        return done

    def run(self, plans: Sequence[Plan]) -> Buckets:
        """The buckets of a batch of plans, ordered by plan, then by keys. Raises EngineError."""
        compiled: dict[Plan, str] = {}
        for plan in plans:
            if plan not in compiled:
                compiled[plan] = self.text(plan)
        batch = Batch(tuple(plans), [compiled[plan] for plan in plans])
        passing = {text for plan, text in compiled.items() if plan.uid_set or plan.once}
        return batch.buckets({sql: self._result(sql, keep=sql not in passing) for sql in batch.distinct}, self)

    def domain(self, column: str) -> int:
        """The number of different values of a column, NULL among them."""
        return int(self._result(domain_text(self._table, column)).columns["domain"][0])

    def text(self, plan: Plan) -> str:
        """The SQL that a plan is executed as."""
        salt = self.salt if plan.sample or plan.astray else b""
        key = (plan, self._schema.uid, self.unique_uid, salt, self._alone_in(plan))
        if (text := _texts.get(key)) is None:
            text = compile_plan(*key)
            if len(text) <= SHORT and plan.within is None:
                if len(_texts) >= SHARED:
                    _texts.clear()
                _texts[key] = text
        return text

    def _alone_in(self, plan: Plan) -> tuple[str, ...]:
        """The columns that tell which rows of the plan are alone. In a large table they are looked at when a plan first
        could use it, which every plan of these columns can."""
        if self.unique_uid or self.rows < MARKED_FROM:
            return ()
        columns = columns_of(plan, self._schema.uid)
        for column in columns:
            if column not in self._alone:
                try:
                    self._alone[column] = mark(self._connection, self._table, column, column in self._marked)
                except duckdb.Error:
                    raise EngineError("The database could not answer this query.") from None
                self._marked |= {column} if self._alone[column] else set()
        return tuple(column for column in columns if self._alone[column])

    def forget(self) -> None:
        """Drop all results: what was asked before is executed again."""
        self._results.clear()
        self._cached = 0

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
        except RuntimeError as error:
            if "interrupted" in str(error):  # DuckDB's word for Ctrl-C
                raise KeyboardInterrupt from None
            raise
        result = Result(columns, len(next(iter(columns.values()))))
        merge_shared(columns)
        if not keep:
            return result
        if self._cached + result.rows > CACHED_BUCKETS:
            self.forget()
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


def _quoted_text(text: str) -> str:
    return text.replace("'", "''")
