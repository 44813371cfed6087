"""Generated tables for the slow oracle, and the product's session over one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.seeds import digest
from harness.session import LocalSession
from tests.oracle_queries import Database

# Column -> its kind and profiles: the values that a table draws from. NULL is added.
# The names are those that the product uses for its own columns, and such as need quotes. Reals of both signs are
# quarters, so that the sign of a user's sum does not hang on the order of the summands.
PROFILES: dict[str, tuple[Kind, tuple[tuple[Any, ...], ...]]] = {
    "k0": (
        Kind.TEXT,
        (
            ("x", "y"),
            ("", " ", "a", "A"),
            ("it's", '"', "--", "\\", "a,b", "%", "a\n"),
            ("NULL", "NaN", "1", "1.0", "true"),
            ("ß", "日本 😀", "e\u0301", "é"),
        ),
    ),
    "users": (
        Kind.INTEGER,
        (
            tuple(range(18, 90)),
            tuple(range(18, 90, 9)),
            tuple(range(-20, 21, 4)),
            tuple(range(-9, 0)),
            (0, 1, 2),
            (0,),
            (7,),
            (1, 2, 3, 4, 5, 6, 1_000_000),
            (1, 2, 3, -(10**12)),
            (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
        ),
    ),
    'c0" größe': (
        Kind.REAL,
        (
            tuple(n / 4 for n in range(-20, 21, 3)),
            tuple(n / 10 for n in range(1, 40)),
            tuple(-n / 100 for n in range(1, 300, 7)),
            (0.0, -0.0),
            (0.1,),
            (1.5, 2.25, 3.0, -(2.0**40)),
            (0.0, 5e-324, 0.1, 1e16, 1e150),
            (-0.0, -0.1, -1e16, -1e150),
        ),
    ),
    "h": (Kind.BOOLEAN, ((True, False), (True,))),
    "date": (
        Kind.DATE,
        (
            tuple(date(2020, 1, 1) + timedelta(day) for day in range(14)),
            tuple(date(2001, 1, 15) + timedelta(37 * n) for n in range(100)),
            (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2020, 3, 2)),
            (date(1969, 12, 31),),
            (date(1, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31)),
        ),
    ),
    "u": (
        Kind.DATETIME,
        (
            tuple(datetime(2020, 5, 4, 12, 30) + timedelta(seconds=7.25 * n) for n in range(12)),
            tuple(datetime(2020, 12, 31, 20) + timedelta(hours=0.7 * n) for n in range(12)),
            tuple(datetime(2021, 2, 1) + timedelta(days=20.3 * n) for n in range(12)),
            tuple(datetime(1960, 5, 4, 23, 59, 59, 999_999) + timedelta(microseconds=n) for n in range(4)),
            (datetime(1, 1, 1), datetime(2020, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
        ),
    ),
}
NAMES = tuple(PROFILES)
KINDS = {name: str(kind) for name, (kind, _) in PROFILES.items()}
ORDERED = tuple(name for name, (kind, _) in PROFILES.items() if kind.is_number or kind.is_time)
GROUPED = ("k0", "k0", "h", "h", *NAMES)
UID = "uid"
DTYPES = {
    Kind.TEXT: "object",
    Kind.INTEGER: "Int64",
    Kind.REAL: "float64",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "datetime64[us]",
    Kind.DATETIME: "datetime64[us]",
}


def database(chance: random.Random, one_row: bool) -> Database:
    """Rows whose cells are drawn from one profile a column."""
    text_uid, first = chance.random() < 0.5, chance.choice([0, -3, 2**62])
    size = chance.choice([0, 1, 3, 8, 15, 20, 25, 30, 40, 40, 40, 60, 80, 80, 100, 150])
    users = max(1, size / chance.choice([1.3, 2, 5]))
    profiles = {name: chance.choice(PROFILES[name][1]) for name in NAMES}
    nulls = {name: chance.choice([0, 0, 0, 0.1, 0.1, 0.4, 1]) for name in NAMES}
    rows = []
    for row in range(size):
        user = first + (row if one_row else int(chance.triangular(0, users, 0)))
        cells = {name: None if chance.random() < nulls[name] else chance.choice(profiles[name]) for name in NAMES}
        rows.append({UID: f"u'{user}é" if text_uid else user, **cells})
    kinds = {UID: "text" if text_uid else "integer", **KINDS}
    return Database("users", UID, kinds, rows, digest("oracle", chance.getrandbits(32)))


@contextmanager
def session(database: Database, built: diffix) -> Iterator[LocalSession]:
    uid_kind = Kind(database.kinds[UID])
    columns = (Column(UID, uid_kind), *(Column(name, kind) for name, (kind, _) in PROFILES.items()))
    frame = pd.DataFrame(
        {c.name: pd.Series([row[c.name] for row in database.rows], dtype=DTYPES[c.kind]) for c in columns}
    )
    schema = Schema(database.table, columns, UID)
    engine = DuckEngine(Table(schema, frame), database.salt)
    try:
        yield LocalSession(schema, engine, built, np.random.default_rng(0))
    finally:
        engine.close()


def present(table: Database, column: str) -> list[Any]:
    """The values of a column, sorted."""
    return sorted({row[column] for row in table.rows if row[column] is not None})


def partly_null(table: Database) -> list[str]:
    """The columns that hold NULL and something else."""
    return [name for name in NAMES if len({row[name] is None for row in table.rows}) == 2]
