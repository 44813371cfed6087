"""Tables, sessions and queries that the tests of diffix share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest
from harness.session import History, LocalSession
from harness.sql import Plan, Query, analyse, parse
from tests.answers import answer

Z = float(stats.norm.ppf(0.9995))  # two-sided 99.9 %
SALT = digest("the salt of test_diffix")
COUNT = "count(DISTINCT uid)"
OFF = {"static": False, "dynamic": False, "low_count": False, "flatten": False}

SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("a", Kind.TEXT),
        Column("b", Kind.INTEGER),
        Column("c", Kind.INTEGER),
        Column("r", Kind.REAL),
        Column("f", Kind.BOOLEAN),
        Column("d", Kind.DATE),
        Column("m", Kind.DATETIME),
    ),
    uid="uid",
)


def table(users: int = 240, times: Sequence[int] | int = 1) -> Table:
    """Users 0, 1, …, user u with times[u] rows that are alike."""
    u = np.repeat(np.arange(users), times)
    frame = pd.DataFrame(
        {
            "uid": u,
            "a": np.where(u % 2, "x", "y").astype(object),
            "b": u % 6,
            "c": u % 40,
            "r": (u % 4) / 4,
            "f": u % 3 == 0,
            "d": pd.Series(np.datetime64("2020-01-01", "us") + (u % 5).astype("timedelta64[D]")),
            "m": pd.Series(np.datetime64("2020-01-01", "us") + (u % 5).astype("timedelta64[h]")),
        }
    )
    return Table(SCHEMA, frame)


def session(rows: Table, defense: Defense, salt: bytes = SALT) -> LocalSession:
    return LocalSession(rows.schema, DuckEngine(rows, salt), defense, np.random.default_rng(0))


def value(interface: LocalSession, where: str, what: str = COUNT) -> float:
    """One number; `where` may be empty."""
    return answer(interface, f"SELECT {what} FROM t" + (f" WHERE {where}" if where else "")).value


def query(sql: str, schema: Schema = SCHEMA) -> Query:
    return analyse(parse(sql), schema)


def plan_of(sql: str, **switches: bool) -> Plan:
    plan = diffix(**switches).plan(query(sql), History(SCHEMA))
    assert isinstance(plan, Plan), plan
    return plan


# Conditions, and how many layers each has.
NOISY = {
    "": 1,
    "a = 'x'": 2,
    "a <> 'x'": 2,
    "b IN (1, 2)": 3,
    "b IN (1, 2, 3)": 4,
    "b NOT IN (1, 2)": 4,
    "a = 'x' AND c <> 5": 4,
    "a = 'x' AND c <> 999": 4,
    "a = 'x' AND c <> 5 AND f = true": 6,
    "a = 'x' AND b NOT IN (0, 4)": 6,
    "a = 'x' AND b IN (1, 2)": 5,
}
