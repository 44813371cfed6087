"""What a defense needs to refine buckets: the ends of columns, narrower ranges of single buckets, and the contract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.engine import DuckEngine
from harness.errors import BenchmarkError, PluginError
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Defense
from harness.registry import Hybrid
from harness.sql import Buckets, Plan, analyse, parse
from harness.sql.edges import PART
from harness.sql.plan import EDGES, Within
from harness.sql.query import Ref
from harness.stages import refined

SALT = b"e" * 32
KEYS = {"a": Kind.TEXT, "b": Kind.BOOLEAN, "d": Kind.DATE, "m": Kind.DATETIME, "n": Kind.INTEGER, "r": Kind.REAL}
SCHEMA = Schema(
    "t", (Column("uid", Kind.INTEGER), *(Column(n, k) for n, k in KEYS.items()), Column("x", Kind.REAL)), "uid"
)
VALUES: dict[str, tuple[Any, ...]] = {
    "a": ("it's|=", "", "NULL", None),
    "b": (True, False, None),
    "d": (date(1, 1, 1), date(2020, 2, 29), None),
    "m": (datetime(2020, 1, 1, 1, 2, 3, 4), datetime(1960, 1, 1), None),
    "n": (2**63 - 1, -(2**63), 0, None),
    "r": (0.1, 1e300, 5e-324, float("inf"), None),
}
DTYPES = {"a": "object", "b": "boolean", "d": "datetime64[us]", "m": "datetime64[us]", "n": "Int64", "r": "float64"}


def engine(rows_a_user: int = 1, rows: int = 120) -> DuckEngine:
    columns = {
        name: pd.Series([VALUES[name][i % len(VALUES[name])] for i in range(rows)], dtype=DTYPES[name]) for name in KEYS
    }
    frame = pd.DataFrame({"uid": np.arange(rows) // rows_a_user, **columns, "x": np.arange(rows) * 7 % 120 / 4})
    return DuckEngine(Table(SCHEMA, frame), SALT)


def plan(sql: str, **extras: Any) -> Plan:
    return Plan(analyse(parse(sql), SCHEMA), users=True, uid_xor=True, **extras)


@pytest.mark.parametrize("rows_a_user", [1, 3])
@pytest.mark.parametrize("column", ["x", "n", "d", "m"])
def test_the_ends_of_a_column_are_those_of_sorted_users(column: str, rows_a_user: int) -> None:
    made = engine(rows_a_user)
    ref = Ref(column, SCHEMA.column(column).kind)
    asked = [
        plan("SELECT a, count(*) FROM t GROUP BY a", edges=(ref,), top=2),
        plan("SELECT count(*) FROM t"),
        plan("SELECT count(*) FROM t WHERE a = 'nobody'", edges=(Ref("r", Kind.REAL), ref), top=2),
    ]
    buckets = made.run(asked)
    edges = buckets.edges[column]
    rows = made._connection.execute(f'SELECT a, uid, "{column}" FROM t WHERE "{column}" IS NOT NULL').fetchall()
    for at, key in enumerate(buckets.keys[0][:4]):
        per_user: dict[int, list[Any]] = {}
        for a, uid, value in rows:
            if a == key:
                per_user.setdefault(uid, []).append(number(value))
        known = min(EDGES, len(per_user))
        assert edges.known[at] == known
        assert edges.low[at, :known].tolist() == sorted(map(min, per_user.values()))[:known]
        assert edges.high[at, :known].tolist() == sorted(map(max, per_user.values()), reverse=True)[:known]
    assert edges.known[:3].all()
    assert edges.known[4:].tolist() == [0, 0]


@pytest.mark.parametrize("rows_a_user", [1, 3])
def test_the_ends_of_one_column_beside_the_span_of_another(rows_a_user: int) -> None:
    x, n = Ref("x", Kind.REAL), Ref("n", Kind.INTEGER)
    sql = "SELECT a, count(*) FROM t GROUP BY a"
    made = engine(rows_a_user)
    both = made.run([plan(sql, edges=(x,), spans=(n,), top=2)])
    edges, spans = made.run([plan(sql, edges=(x,), top=2)]), made.run([plan(sql, spans=(n,), top=2)])
    assert both.spans["n"].tolist() == spans.spans["n"].tolist()
    assert both.edges["x"].low.tolist() == edges.edges["x"].low.tolist()
    assert both.edges["x"].high.tolist() == edges.edges["x"].high.tolist()


def number(value: Any) -> Any:
    if isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return int(np.datetime64(at, "us").astype(np.int64))
    return value


@pytest.mark.parametrize("rows_a_user", [1, 3])
@pytest.mark.parametrize("key", KEYS)
def test_narrower_ranges_of_single_buckets(key: str, rows_a_user: int) -> None:
    """Of any kind of key, NULL too: each bucket as if its range alone had been asked."""
    made, x = engine(rows_a_user), Ref("x", Kind.REAL)
    base = plan(f"SELECT {key}, count(*), sum(x) FROM t WHERE x >= 0 AND x < 1000 GROUP BY {key}", top=2)
    keys = made.run([base]).keys[0]
    places = [i for i in range(len(keys)) if i != 1]
    low, high = (np.array([i + more for i in places], dtype=object) for more in (0.0, 9.5))
    together = made.run([replace(base, within=Within((keys[places],), ((x, low, high),)))])
    assert together.keys[0].tolist() == keys[places].tolist()
    for at in range(len(places)):
        one = slice(at, at + 1)
        alone = made.run([replace(base, within=Within((keys[places][one],), ((x, low[one], high[one]),)))])
        ranged = plan(
            f"SELECT {key}, count(*), sum(x) FROM t WHERE x >= {low[at]} AND x < {high[at]} GROUP BY {key}", top=2
        )
        asked = made.run([ranged])
        place = asked.keys[0].tolist().index(keys[places[at]])
        for found, row in ((alone, 0), (asked, place)):
            assert found.values[row].tolist() == together.values[at].tolist()
            assert found.uid_xor[row] == together.uid_xor[at]
            assert found.users[row] == together.users[at]


@pytest.mark.parametrize("rows_a_user", [1, 3])
def test_put_replaces_rows_and_leaves_the_others(rows_a_user: int) -> None:
    made = engine(rows_a_user)
    extras = {"floated": (Ref("b", Kind.BOOLEAN),), "uid_set": True, "cells": (Ref("b", Kind.BOOLEAN),), "first": 3}
    wide = plan("SELECT a, count(*), sum(x), max(x) FROM t GROUP BY a", top=9, **extras)
    other = plan("SELECT a, sum(x) FROM t WHERE x >= 0 AND x < 9 GROUP BY a", top=4, **extras)
    one, two = made.run([wide, other]), made.run([other])
    rows, which = np.array([4, 6]), np.array([0, 2])
    mixed = one.keep(np.arange(8)).put(rows, two, which)
    assert mixed.put(rows, one, rows).values.tobytes() == one.values.tobytes()
    shuffled = one.put(rows, two, np.array([2, 0]))
    for name in ("users", "uid_xor", "cells"):
        assert getattr(mixed, name).tolist() == getattr(one, name).tolist()
        assert getattr(shuffled, name)[rows].tolist() == getattr(two, name)[[2, 0]].tolist()
        assert np.delete(getattr(shuffled, name), rows).tolist() == np.delete(getattr(one, name), rows).tolist()
    assert one.contributions is not None
    assert shuffled.contributions is not None
    assert two.contributions is not None
    np.testing.assert_array_equal(mixed.contributions.top, one.contributions.top)  # type: ignore[union-attr]
    np.testing.assert_array_equal(shuffled.contributions.top[:, rows, :1, :4], two.contributions.top[:, [2, 0]])
    assert shuffled.floated["b"][rows].tolist() == two.floated["b"][[2, 0]].tolist()
    assert [s.tolist() for s in shuffled.uid_sets[rows]] == [s.tolist() for s in two.uid_sets[[2, 0]]]


def test_a_column_that_narrowing_needs_is_reserved() -> None:
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column(f"{PART} k0", Kind.INTEGER)), "uid")
    with pytest.raises(BenchmarkError, match="reserved"):
        DuckEngine(Table(schema, pd.DataFrame({"uid": [1], f"{PART} k0": [1]})), SALT)


def test_users_who_cannot_be_told_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.uid_hash", lambda schema, salt: "0::UBIGINT")
    with pytest.raises(BenchmarkError, match="Two users of t have the same hash; use another seed"):
        engine(rows_a_user=3)


# The contract


@dataclass(frozen=True, kw_only=True)
class doubling(Defense):
    """Asks for the plans twice and adds up."""

    def refine(self, buckets: Buckets) -> Any:
        first = yield buckets.plans
        second = yield buckets.plans[:1]
        assert len(second) < len(first)
        return buckets.with_values(buckets.values + first.values)


@dataclass(frozen=True, kw_only=True)
class wrong(Defense):
    how: str = "no generator"

    def refine(self, buckets: Buckets) -> Any:
        return {"no generator": lambda: buckets, "no plans": self.strings, "no buckets": self.nothing}[self.how]()

    def strings(self) -> Any:
        yield ["SELECT 1"]

    def nothing(self) -> Any:
        yield ()


def test_the_parts_of_a_hybrid_refine_in_a_row() -> None:
    made = engine()
    buckets = made.run([plan("SELECT a, count(*) FROM t GROUP BY a"), plan("SELECT count(*) FROM t")])
    asked: list[int] = []

    def run(plans: Any) -> Buckets:
        asked.append(len(plans))
        return made.run(plans)

    both = refined(Hybrid(parts=(doubling(), Defense(), doubling())), buckets, run)
    assert both.values.tolist() == (3 * buckets.values).tolist()
    assert asked == [2, 1, 2, 1]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no generator", "refine is a Buckets, not a generator"),
        ("no plans", "refine yielded something else than plans"),
        ("no buckets", "refine returned a NoneType"),
    ],
)
def test_a_page_that_breaks_the_contract_is_named(how: str, said: str) -> None:
    made = engine()
    buckets = made.run([plan("SELECT count(*) FROM t")])
    with pytest.raises(PluginError, match=f"The defense wrong broke its contract: {said}"):
        refined(wrong(how=how), buckets, made.run)
