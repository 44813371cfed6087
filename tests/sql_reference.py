"""Plain DuckDB on the analyst's own text, on a connection of its own: the reference for exact answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from defenses.none import none
from harness.engine import DuckEngine
from harness.model import Answer, Kind, Schema, Table
from harness.session import LocalSession

Row = tuple[Any, ...]

TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.REAL: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
}
DTYPES = {Kind.INTEGER: "Int64", Kind.REAL: "float64", Kind.BOOLEAN: "boolean", Kind.DATETIME: "datetime64[us]"}
SALT = b"\x07" * 32


def table(schema: Schema, rows: Sequence[Row]) -> Table:
    """Rows of Python values as a dataset would hand them over; NULL is None, and so is NaN."""
    series = {
        column.name: pd.Series([row[i] for row in rows], dtype=DTYPES.get(column.kind, "object"))
        for i, column in enumerate(schema.columns)
    }
    return Table(schema, pd.DataFrame(series))


def session_of(published: Table) -> LocalSession:
    """A session with the table under `none`."""
    return LocalSession(published.schema, DuckEngine(published, SALT), none(), np.random.default_rng(0))


@contextmanager
def asked(schema: Schema, rows: Sequence[Row]) -> Iterator[LocalSession]:
    """A session under `none` with these rows."""
    session = session_of(table(schema, rows))
    try:
        yield session
    finally:
        session._engine.close()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


def plain(schema: Schema, rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """A database that shares nothing with the harness and holds these rows under the same names."""
    name = quoted(schema.table)
    columns = ", ".join(f"{quoted(column.name)} {TYPES[column.kind]}" for column in schema.columns)
    _database().execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    if rows:
        marks = "(" + ", ".join("?" * len(schema.columns)) + ")"
        values = [None if isinstance(v, float) and math.isnan(v) else v for row in rows for v in row]
        _database().execute(f"INSERT INTO {name} VALUES {', '.join([marks] * len(rows))}", values)
    return _database()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def exact(connection: duckdb.DuckDBPyConnection, sql: str, infinite: bool = False) -> list[Row]:
    """DuckDB's rows for `sql`; with `infinite`, inf and NaN are NULL as in every answer of the harness."""
    rows = connection.execute(sql).fetchall()
    return [tuple(None if infinite and _odd(v) else v for v in row) for row in rows]


def assert_same(answer: object, expected: list[Row], in_order: bool, about: object = None) -> None:
    """The answer holds these rows: the same types and values, in this order or in any."""
    assert isinstance(answer, Answer), (about, answer)
    found, wanted = [typed(row) for row in answer.rows], [typed(row) for row in expected]
    if in_order:
        assert found == wanted, about
    else:
        assert Counter(found) == Counter(wanted), about


def typed(row: Row) -> tuple[tuple[str, Any], ...]:
    return tuple((type(value).__name__, value) for value in row)


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
