"""Frames from database columns: whole numbers stay whole next to NULL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd


def read_parquet(path: Path) -> pd.DataFrame:
    """The rows of a Parquet file, in its order; integer columns with NULL become the nullable Int64."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        columns = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    return pd.DataFrame({name: series(values) for name, values in columns.items()})


def series(values: np.ndarray) -> pd.Series:
    """A column as DuckDB hands it over, masked where it is NULL: Int64 and boolean are nullable, text is object."""
    known, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if values.dtype == object:
        return pd.Series(np.where(mask, None, known), dtype=object)
    if values.dtype.kind in "iu" and np.ma.isMaskedArray(values):
        return pd.Series(pd.arrays.IntegerArray(known.astype("int64"), mask))
    if values.dtype.kind == "b" and mask.any():
        return pd.Series(pd.arrays.BooleanArray(known, mask))
    return pd.Series(values)
