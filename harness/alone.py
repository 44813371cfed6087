"""Which rows are alone in a column (`sql.alone`): found once, and kept in the table as a hidden column."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from harness.rows import quote
from harness.sql.alone import ALONE, alone_in
from harness.sql.plan import ROW_NUMBER, UID_HASH

MOST = 0.5  # of the rows: where fewer are alone, users are grouped as fast without knowing which


def mark(connection: duckdb.DuckDBPyConnection, table: str, column: str, marked: bool) -> bool:
    """Mark the rows of the table that are alone in the column, if these are most; whether they are. `marked`: whether
    the table has such a column from rows that it had before."""
    number = quote(ROW_NUMBER)
    single = f"GROUP BY {quote(UID_HASH)}, {quote(column)} HAVING count(*) = 1"
    found = connection.execute(f"SELECT min({number}) AS r FROM {quote(table)} {single}").fetchnumpy()["r"]
    rows = connection.execute(f"SELECT {number} AS r FROM {quote(table)}").fetchnumpy()["r"]
    if len(found) <= MOST * len(rows):
        return False
    name = alone_in(column)
    connection.register(ALONE, pd.DataFrame({name: np.isin(rows, found)}))
    others = f"{quote(table)}.* EXCLUDE ({quote(name)})" if marked else f"{quote(table)}.*"
    select = f"SELECT {others}, {quote(ALONE)}.{quote(name)} FROM {quote(table)} POSITIONAL JOIN {quote(ALONE)}"
    connection.execute(f"CREATE OR REPLACE TABLE {quote(table)} AS {select}")
    connection.unregister(ALONE)
    return True
