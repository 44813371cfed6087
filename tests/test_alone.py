"""Rows that are alone in a column: buckets are the same, whether it is known which are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.engine import DuckEngine
from harness.errors import BenchmarkError
from harness.model import Column, Kind, Schema, Table, Update
from harness.sql import Buckets, Plan, analyse, parse
from harness.sql.alone import ALONE
from harness.sql.plan import HIGH
from harness.sql.query import Ref

SALT = b"a" * 32
SCHEMA = Schema(
    "t",
    (
        *(Column(name, Kind.INTEGER) for name in ("uid", "k", "alone")),
        Column("a", Kind.TEXT),
        Column("x", Kind.REAL),
        Column("d", Kind.DATE),
    ),
    "uid",
)
X, D = Ref("x", Kind.REAL), Ref("d", Kind.DATE)
EXTRAS: dict[str, Any] = {"users": True, "uid_xor": True, "top": 6}


def table(rows: int = 3000, seed: int = 1) -> Table:
    """Ten rows a user, NULL among the values; four in five rows are alone in k, none in a."""
    rng = np.random.default_rng(seed)
    k = pd.array(rng.integers(0, 40, rows), dtype="Int64")
    k[rng.random(rows) < 0.05] = pd.NA
    frame = pd.DataFrame(
        {
            "uid": np.arange(rows) % (rows // 10),
            "k": k,
            "alone": rng.integers(0, 25, rows),
            "a": np.where(rng.random(rows) < 0.5, "x", "y").astype(object),
            "x": np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(-50, 50, rows).round(2)),
            "d": pd.Series(np.datetime64("2020-01-01", "us") + rng.integers(0, 90, rows).astype("timedelta64[D]")),
        }
    )
    return Table(SCHEMA, frame)


def plan(sql: str, **extras: Any) -> Plan:
    return Plan(analyse(parse(sql), SCHEMA), **(EXTRAS | extras))


PLANS = [
    plan(
        "SELECT k, count(*), count(x), count(DISTINCT uid), sum(x), avg(x), stddev(x), min(x), max(d) FROM t GROUP BY k"
    ),
    plan("SELECT k, a, sum(alone), avg(alone), stddev(alone) FROM t WHERE x >= -20 AND x < 30 GROUP BY k, a"),
    plan("SELECT count(*), max(x) FROM t WHERE k = 3 AND a <> 'y'", edges=(X, D), beyond=((X, -10.0, 10.0),)),
    plan("SELECT alone, count(*) FROM t GROUP BY 1", edges=(X,), ends=5, beyond=((X, 0.0, 0.0),), fewest=2),
    plan("SELECT k, median(x), sum(DISTINCT alone), count(DISTINCT a) FROM t GROUP BY k"),
    plan("SELECT a, count(*) FROM t GROUP BY a"),
    plan("SELECT k % 2, count(*) FROM t GROUP BY 1"),
]


@pytest.fixture
def marking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.MARKED_FROM", 0)


def same(one: Buckets, other: Buckets) -> None:
    np.testing.assert_allclose(one.values, other.values, rtol=1e-12)
    assert [key.tolist() for key in one.keys] == [key.tolist() for key in other.keys]
    for name in ("users", "uid_xor", "slot_xor", "query"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.contributions is not None
    assert other.contributions is not None
    for name in ("users", "total", "top"):
        np.testing.assert_allclose(getattr(one.contributions, name), getattr(other.contributions, name), rtol=1e-12)
    for name, edges in one.edges.items():
        for part in ("low", "high", "known"):
            np.testing.assert_array_equal(getattr(edges, part), getattr(other.edges[name], part))
        np.testing.assert_array_equal(one.beyond["x"], other.beyond["x"])


@pytest.mark.parametrize("asked", [*([plan] for plan in PLANS), PLANS], ids=[*map(str, range(len(PLANS))), "all"])
def test_buckets_are_the_same(marking: None, monkeypatch: pytest.MonkeyPatch, asked: list[Plan]) -> None:
    known = DuckEngine(table(), SALT)
    found = known.run(asked)
    assert any(ALONE in known.text(plan) for plan in asked) is (asked not in ([PLANS[5]], [PLANS[6]]))
    monkeypatch.setattr("harness.engine.MARKED_FROM", 10**9)
    plain = DuckEngine(table(), SALT)
    same(found, plain.run(asked))
    assert not any(ALONE in plain.text(plan) for plan in asked)


def test_contributions_of_users_by_hand(marking: None) -> None:
    frame = table().frame
    found = DuckEngine(table(), SALT).run([PLANS[0]])
    assert found.contributions is not None
    for at, key in enumerate(found.keys[0]):
        rows = frame[frame.k.isna()] if key is None else frame[frame.k.eq(key).fillna(False)]
        sizes = rows.groupby("uid").size().sort_values(ascending=False).to_numpy()
        assert found.values[at, 0] == len(rows)
        assert found.contributions.users[HIGH, at, 0] == len(sizes)
        assert found.contributions.top[HIGH, at, 0].tolist() == sizes[:6].tolist()
        values = rows.groupby("uid").x.count()
        assert found.contributions.users[HIGH, at, 1] == (values > 0).sum()
        assert found.contributions.top[HIGH, at, 1].tolist() == values.sort_values(ascending=False)[:6].tolist()
    few = DuckEngine(table(), SALT).run([plan("SELECT k, count(*) FROM t WHERE x >= 48 GROUP BY k")])
    assert few.contributions is not None
    assert few.users.min() == 1
    np.testing.assert_array_equal((few.contributions.top[HIGH, :, 0] > 0).sum(axis=1), np.minimum(few.users, 6))


def test_rows_are_looked_at_again_after_an_update(marking: None) -> None:
    """A user gets a second row of a value, and one loses his."""
    engine = DuckEngine(table(), SALT)
    engine.run(PLANS)
    frame = table().frame
    more = frame.iloc[:40].assign(x=1.5)
    engine.apply(engine.find(Update(insert=more, delete=pd.DataFrame({"uid": [7]}))))
    changed = pd.concat([frame[frame.uid != 7], more[more.uid != 7], more[more.uid == 7]], ignore_index=True)
    fresh = DuckEngine(Table(SCHEMA, changed), SALT)
    same(engine.run(PLANS[:4]), fresh.run(PLANS[:4]))
    assert ALONE in engine.text(PLANS[0])


def test_where_few_are_alone_nothing_is_marked(marking: None) -> None:
    engine = DuckEngine(table(), SALT)
    engine.run(PLANS)
    names = engine._connection.execute("SELECT * FROM t LIMIT 0").fetchnumpy()
    assert [name for name in names if name.startswith(ALONE)] == [f"{ALONE} k", f"{ALONE} alone"]


def test_small_tables_are_not_looked_at() -> None:
    engine = DuckEngine(table(), SALT)
    assert ALONE not in engine.text(PLANS[0])


def test_the_name_is_reserved() -> None:
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column(f"{ALONE} k", Kind.INTEGER)), "uid")
    with pytest.raises(BenchmarkError, match="reserved"):
        DuckEngine(Table(schema, pd.DataFrame({"uid": [1], f"{ALONE} k": [1]})), SALT)
