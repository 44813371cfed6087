"""Reading data files into frames: whole numbers stay whole next to NULL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd


def read_parquet(path: Path) -> pd.DataFrame:
    """The rows of a Parquet file, in its order; integer columns with NULL become the nullable Int64."""
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        columns = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    return pd.DataFrame({name: _series(values) for name, values in columns.items()})


def _series(values: np.ndarray) -> pd.Series:
    if values.dtype.kind in "iu" and np.ma.isMaskedArray(values):
        return pd.Series(pd.arrays.IntegerArray(values.data.astype("int64"), np.ma.getmaskarray(values)))
    if values.dtype == object:
        return pd.Series(np.where(np.ma.getmaskarray(values), None, np.ma.getdata(values)), dtype=object)
    return pd.Series(values)
