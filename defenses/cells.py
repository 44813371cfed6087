"""What the data-stage defenses share: which columns they work on, cells as numbers and back, users as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.model import Array, Column, Kind, Schema, Table

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST = 2.0**62


def numeric(schema: Schema) -> tuple[str, ...]:
    """The columns of numbers, the uid left out."""
    return tuple(c.name for c in schema.columns if c.kind.is_number and c.name != schema.uid)


def chosen(schema: Schema, columns: Sequence[str], usual: Sequence[str]) -> tuple[str, ...]:
    """The columns, or the usual ones where none is named, each once; for a derived column the one it comes from."""
    source = {d.column: d.source for d in schema.derived}
    return tuple(dict.fromkeys(source.get(name, name) for name in columns or usual))


def unfit(schema: Schema, columns: Sequence[str], fits: Callable[[Column], bool] | None = None) -> str | None:
    """Why the columns that a parameter names are none to work on, or None; `fits` says which can be."""
    for name in columns:
        if name not in schema.names:
            return f"there is no column {name}"
        if name == schema.uid:
            return f"{name} is the uid column, which stays as it is"
    if fits is not None:
        for name in chosen(schema, columns, ()):
            if not fits(schema.column(name)):
                return f"{name} is {schema.column(name).kind}, and this needs an order or a distance"
    return None


def numbers(cells: pd.Series, kind: Kind) -> Floats:
    """Numbers as they are, dates and times in microseconds since 1970, NULL as NaN: float64 (n,)."""
    if kind.is_time:
        moments = cells.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    return np.asarray(cells.to_numpy(dtype=np.float64, na_value=np.nan))


def cells_of(values: Floats, kind: Kind) -> pd.Series:
    """The way back: whole numbers and days are rounded, NaN is NULL."""
    null = np.isnan(values)
    if kind is Kind.REAL:
        return pd.Series(values)
    day = 86_400e6
    whole = np.rint(values / day) * day if kind is Kind.DATE else np.rint(values)
    exact = np.where(null, 0.0, np.clip(whole, -LARGEST, LARGEST)).astype(np.int64)
    if kind.is_time:
        moments = exact.astype("datetime64[us]")
        moments[null] = np.datetime64("NaT")
        return pd.Series(moments)
    return pd.Series(pd.arrays.IntegerArray(exact, null) if null.any() else exact)


def codes(cells: pd.Series) -> Integers:
    """The place of each cell among the column's distinct values in ascending order, NULL as -1: int64 (n,)."""
    return np.asarray(pd.factorize(cells, sort=True)[0], dtype=np.int64)


def joint(columns: Sequence[Integers], n: int) -> Integers:
    """One number for each combination of values, the same where all are: int64 (n,)."""
    found = np.zeros(n, dtype=np.int64)
    for column in columns:
        found = np.asarray(pd.factorize(found * (int(column.max(initial=0)) + 2) + column + 1)[0], dtype=np.int64)
    return found


def users_of(table: Table) -> tuple[Integers, Integers, Integers]:
    """The number of each row's user, the first row of each user, and how many rows each has: (n,), (u,), (u,)."""
    user = np.asarray(pd.factorize(table.frame[table.schema.uid])[0], dtype=np.int64)
    _, first, rows = np.unique(user, return_index=True, return_counts=True)
    return user, first.astype(np.int64), rows.astype(np.int64)


def is_constant(values: Array, user: Integers, first: Integers) -> bool:
    """Whether all rows of each user have the same value."""
    return bool((values[first][user] == values).all())
