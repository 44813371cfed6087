"""Rows in and out of DuckDB: in the types of their kinds, found and written for the owner's updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from harness.errors import UpdateError
from harness.model import Array, Column, Delta, Kind, Schema, Table, Update
from harness.sql.plan import ROW_NUMBER, UID_HASH

TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.REAL: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
}
_PLACE = "#place"


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def stored(column: Column) -> str:
    """The column as it is stored: in the type of its kind, -0.0 as 0.0."""
    cast = f"CAST({quote(column.name)} AS {TYPES[column.kind]})"
    return f"{cast} + 0.0::DOUBLE" if column.kind is Kind.REAL else cast


def uid_hash(schema: Schema, salt: bytes) -> str:
    """The keyed hash of the uid."""
    uid = f"'|{schema.column(schema.uid).kind}|', CAST({quote(schema.uid)} AS VARCHAR)"
    return f"md5_number_lower(concat('{salt.hex()}', {uid}))"


@contextmanager
def _shown(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> Iterator[str]:
    """The frame under a name that SQL can use."""
    connection.register("loaded", frame)
    try:
        yield "loaded"
    finally:
        connection.unregister("loaded")


def find(connection: duckdb.DuckDBPyConnection, schema: Schema, update: Update) -> Delta:
    """The update as rows: those of the table that go, those that come. Raises UpdateError for what cannot be done."""
    on = update.on or (schema.uid,)
    derived = {d.column for d in schema.derived}
    everything = {name for name in schema.names if name not in derived}
    gone, _ = _matching(connection, schema, on, _having(update.delete, set(on), set(on), "delete"))
    change = _having(update.change, set(on), everything - ({schema.uid} - set(on)), "change")
    old, place = (gone.iloc[:0], None) if change is None else _matching(connection, schema, on, change)
    if set(gone.index) & set(old.index):
        raise UpdateError("An update deletes and changes one row.")
    new = old
    if change is not None:
        typed = _typed(connection, schema, change)
        new = old.assign(**{c: typed[c].array.take(place) for c in typed.columns if c not in on})
    added = [new]
    if (insert := _having(update.insert, everything, everything, "insert")) is not None:
        fresh = _typed(connection, schema, insert).set_axis(-1 - np.arange(len(insert)))
        added.append(fresh.assign(**dict.fromkeys(derived)))
    both = pd.concat([part[list(schema.names)] for part in added if len(part)] or [old])
    if both[schema.uid].isna().any():
        raise UpdateError(f"An update inserts a row whose {schema.uid} is NULL; every row needs a user.")
    return Delta(pd.concat([gone, old]), Table(schema, both).with_frame(both).frame)


def write(connection: duckdb.DuckDBPyConnection, schema: Schema, salt: bytes, delta: Delta, number: int) -> Delta:
    """Take the removed rows out and put the added ones in, all or nothing; those that are new get the numbers from
    `number` on. Gives the delta under the numbers that hold now."""
    names = ", ".join(f"{stored(column)} AS {quote(column.name)}" for column in schema.columns)
    kept = delta.added.index.isin(delta.removed.index)
    rows = np.where(kept, delta.added.index, number + np.cumsum(~kept) - 1).astype(np.int64)
    added = delta.added.set_axis(rows)
    try:
        connection.execute("BEGIN")
        with _shown(connection, pd.DataFrame({ROW_NUMBER: delta.removed.index.to_numpy(np.int64)})) as gone:
            which = f"{quote(ROW_NUMBER)} IN (SELECT {quote(ROW_NUMBER)} FROM {gone})"
            connection.execute(f"DELETE FROM {quote(schema.table)} WHERE {which}")
        with _shown(connection, added.assign(**{ROW_NUMBER: rows})) as come:
            select = f"SELECT {names}, CAST({quote(ROW_NUMBER)} AS BIGINT) AS row_number FROM {come}"
            own = ", ".join(quote(name) for name in schema.names)
            connection.execute(
                f"INSERT INTO {quote(schema.table)} ({own}, {quote(UID_HASH)}, {quote(ROW_NUMBER)}) "
                f"SELECT {own}, {uid_hash(schema, salt)}, row_number FROM ({select})"
            )
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise UpdateError("An update holds a value that does not fit its column.") from None
    return Delta(delta.removed, added)


def _having(frame: pd.DataFrame | None, needed: set[str], known: set[str], what: str) -> pd.DataFrame | None:
    if frame is None or not len(frame):
        return None
    if missing := sorted(needed - set(frame.columns)):
        raise UpdateError(f"The frame of an update's {what} lacks the column {missing[0]}.")
    if extra := sorted(set(frame.columns) - known):
        raise UpdateError(f"The frame of an update's {what} has a column {extra[0]}, which it cannot have.")
    return frame.reset_index(drop=True)


def _matching(
    connection: duckdb.DuckDBPyConnection, schema: Schema, on: Sequence[str], frame: pd.DataFrame | None
) -> tuple[pd.DataFrame, Array]:
    """The rows of the table that have the values of `on` in a row of the frame, by row number, and in which."""
    named = pd.DataFrame({name: [] for name in on}) if frame is None else frame[list(on)]
    named = _typed(connection, schema, named)
    same = " AND ".join(f"t.{quote(name)} IS NOT DISTINCT FROM {_of_loaded(schema.column(name))}" for name in on)
    own = ", ".join(f"t.{quote(name)} AS {quote(name)}" for name in schema.names)
    with _shown(connection, named.assign(**{_PLACE: np.arange(len(named))})):
        found = connection.execute(
            f"SELECT {own}, t.{quote(ROW_NUMBER)} AS {quote(ROW_NUMBER)}, CAST({quote(_PLACE)} AS BIGINT) AS "
            f"{quote(_PLACE)} FROM {quote(schema.table)} AS t JOIN loaded ON {same} ORDER BY {quote(ROW_NUMBER)}"
        ).fetchnumpy()
    rows, place = (np.ma.getdata(found[name]).astype(np.int64) for name in (ROW_NUMBER, _PLACE))
    if len(np.unique(rows)) < len(rows):
        raise UpdateError("An update names one row twice.")
    if len(idle := np.setdiff1d(np.arange(len(named)), place)):
        values = ", ".join(f"{name} = {named[name].iloc[int(idle[0])]}" for name in on)
        raise UpdateError(f"An update names a row that the table does not have: {values}.")
    return _frame(found, schema).set_axis(rows), place


def _of_loaded(column: Column) -> str:
    return stored(column).replace(quote(column.name), f"loaded.{quote(column.name)}", 1)


def _typed(connection: duckdb.DuckDBPyConnection, schema: Schema, frame: pd.DataFrame) -> pd.DataFrame:
    """The cells in the types in which they are stored."""
    for name in frame.columns:
        cells = frame[name].dropna()
        if schema.column(name).kind is Kind.INTEGER and cells.dtype.kind == "f" and (cells % 1 != 0).any():
            raise UpdateError(f"An update holds a value that does not fit its column {name}.")
    names = ", ".join(f"{stored(schema.column(name))} AS {quote(name)}" for name in frame.columns)
    try:
        with _shown(connection, frame) as loaded:
            found = connection.execute(f"SELECT {names} FROM {loaded}").fetchnumpy()
    except duckdb.Error:
        raise UpdateError("An update holds a value that does not fit its column.") from None
    return _frame(found, schema)


def _frame(columns: Mapping[str, Any], schema: Schema) -> pd.DataFrame:
    own = {column.name: column.kind for column in schema.columns}
    return pd.DataFrame({name: _series(columns[name], own[name]) for name in columns if name in own})


def _series(values: Array, kind: Kind) -> pd.Series[Any]:
    """Cells as DuckDB hands them over, NULL in the way of their kind."""
    known, null = np.ma.getdata(values), np.ma.getmaskarray(values)
    match kind:
        case Kind.INTEGER:
            return pd.Series(pd.arrays.IntegerArray(known.astype(np.int64), null))
        case Kind.BOOLEAN:
            return pd.Series(pd.arrays.BooleanArray(known.astype(bool), null))
        case Kind.REAL:
            return pd.Series(np.where(null, np.nan, known.astype(np.float64)))
        case Kind.TEXT:
            texts = known.astype(object)
            texts[null] = None
            return pd.DataFrame({"texts": texts}, dtype=object)["texts"]
    return pd.Series(np.where(null, np.datetime64("NaT"), known.astype("datetime64[us]")))
