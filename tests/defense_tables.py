"""Tables with NULLs, repeated rows and odd values, and sessions over them, that the tests of defenses share."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest
from harness.session import LocalSession

Z = float(stats.norm.ppf(0.9995))  # two-sided 99.9 %
SALT = digest("the salt of test_defenses")
SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.TEXT),
        Column("dept", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
        Column("flag", Kind.BOOLEAN),
        Column("day", Kind.DATE),
    ),
    uid="uid",
)


def staff(users: int, times: int | list[int] = 1) -> Table:
    """Users with `times` rows each; every column but uid has NULLs."""
    u = np.repeat(np.arange(users), times)
    row = np.arange(len(u))
    dept = np.array(["CS", "Law", "", "NULL", None], dtype=object)[u % 5]
    frame = pd.DataFrame(
        {
            "uid": pd.Series([f"u{n}" for n in u], dtype=object),
            "dept": dept,
            "age": pd.Series(20 + row % 7, dtype="Int64").mask(u % 11 == 3),
            "pay": np.where(u % 6 == 0, np.nan, row * 0.5),
            "flag": pd.Series(u % 2 == 0, dtype="boolean").mask(u % 9 == 1),
            "day": pd.Series(np.datetime64("2020-01-01", "us") + (u % 4).astype("timedelta64[D]")).mask(u % 13 == 2),
        }
    )
    return Table(SCHEMA, frame)


def constant(rows: int, null: bool = False) -> Table:
    """All rows alike, but for the uid."""
    values: dict[str, Any] = dict.fromkeys(SCHEMA.names[1:])
    if not null:
        values = {"dept": "CS", "age": 30, "pay": 1.5, "flag": True, "day": np.datetime64("2020-01-01", "us")}
    dtypes = {"dept": "object", "age": "Int64", "pay": "float64", "flag": "boolean", "day": "datetime64[us]"}
    frame = pd.DataFrame({"uid": pd.Series([f"u{n}" for n in range(rows)], dtype=object)})
    for name, dtype in dtypes.items():
        frame[name] = pd.Series([values[name]] * rows, dtype=dtype)
    return Table(SCHEMA, frame)


TABLES = {
    "one row a user": staff(60),
    "many rows a user": staff(40, [1 + n % 5 + 20 * (n == 7) for n in range(40)]),
    "one row": staff(1),
    "one user": staff(1, 5),
    "all equal": constant(12),
    "all null": constant(12, null=True),
}


@cache
def engine(name: str, salt: bytes = SALT) -> DuckEngine:
    table = TABLES[name]
    return DuckEngine(replace(table, stored=table.frame), salt)


def session(name: str, defense: Defense, seed: int = 0, salt: bytes = SALT) -> LocalSession:
    return LocalSession(SCHEMA, engine(name, salt), defense, np.random.default_rng(seed))


# Queries that every defense has an answer to

COUNTS = [
    "SELECT count(*) FROM t",
    "SELECT count(*), count(age), count(DISTINCT uid), count(uid) FROM t",
    "SELECT dept, count(*) FROM t GROUP BY dept",
    "SELECT dept, flag, count(pay), count(*) FROM t GROUP BY dept, flag",
    "SELECT day, count(*) FROM t WHERE flag <> true GROUP BY day",
    "SELECT pay, age, count(*) FROM t GROUP BY pay, age",
    "SELECT dept, count(*) FROM t WHERE age IN (20, 21, 99) GROUP BY dept",
    "SELECT count(*) FROM t WHERE dept NOT IN ('CS', 'nobody') AND day IN ('2020-01-01', '2020-01-02')",
    "SELECT count(*), count(dept), count(DISTINCT uid) FROM t WHERE dept = 'nobody'",
    "SELECT age, count(*) FROM t WHERE dept = 'nobody' GROUP BY age",
    "SELECT uid, count(*) FROM t GROUP BY uid ORDER BY 2 DESC, 1 LIMIT 7",
    "SELECT dept, count(*) AS n FROM t GROUP BY dept HAVING n > 8 ORDER BY n LIMIT 2 OFFSET 1",
]
