"""DuckDB under lock: no files, no settings, no name of a hidden column; exact results for a batch of plans."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from functools import reduce
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from harness.engine import DuckEngine, _opened
from harness.errors import BenchmarkError, EngineError
from harness.model import Column, Kind, Refused, Schema, Table
from harness.session import LocalSession
from harness.sql import Plan, analyse, parse
from harness.sql.plan import HIGH, LOW, ROWS
from tests.conftest import SCHEMA
from tests.sql_reference import session_of

SALT = b"\x01\xfe" * 16


@pytest.fixture
def engine(staff: Table) -> DuckEngine:
    return DuckEngine(staff, SALT)


def plan(sql: str, **extras: object) -> Plan:
    return Plan(analyse(parse(sql), SCHEMA), **extras)


def hashed(uid: object, kind: str = "integer") -> int:
    """A user's hash, written down a second time: the second half of an MD5 keyed by the salt, little-endian."""
    return int.from_bytes(hashlib.md5(f"{SALT.hex()}|{kind}|{uid}".encode()).digest()[8:], "little")


@pytest.mark.parametrize(
    "statement",
    [
        *("SELECT * FROM read_csv('{file}')", "SELECT * FROM read_text('{file}')", "SELECT * FROM '{file}'"),
        *("SELECT * FROM glob('/*')", "COPY staff TO '{file}'", "EXPORT DATABASE '{file}'", "ATTACH '{file}' AS x"),
        *("INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "SET lock_configuration = false"),
        *("SET threads = 8", "SET python_enable_replacements = true", "RESET temp_directory", "SELECT * FROM frame"),
        *("SET memory_limit = '99GB'", "PRAGMA enable_profiling", "SELECT getenv('HOME')"),
    ],
)
def test_the_connection_reads_no_file_and_takes_no_setting(engine: DuckEngine, tmp_path: Path, statement: str):
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    frame = pd.DataFrame({"a": [1]})
    assert len(frame) == 1
    with pytest.raises(duckdb.Error):
        engine._connection.execute(statement.format(file=file))
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("name", ['"#row"', '"#uid_hash"', "rowid", '"ROWID"', "#row"])
@pytest.mark.parametrize("sql", ["SELECT count({}) FROM staff", "SELECT count(*) FROM staff WHERE {} = 1"])
def test_hidden_columns_cannot_be_asked(staff: Table, sql: str, name: str):
    assert isinstance(session_of(staff).query(sql.format(name)), Refused)


@pytest.mark.parametrize("name", ["#row", "#uid_hash"])
def test_a_table_cannot_bring_a_hidden_column_along(name: str):
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column(name, Kind.INTEGER)), "uid")
    with pytest.raises(BenchmarkError, match="reserved"):
        DuckEngine(Table(schema, pd.DataFrame({"uid": [1], name: [2]})), SALT)


def test_a_null_uid_is_an_error():
    schema = Schema("t", (Column("uid", Kind.INTEGER),), "uid")
    with pytest.raises(BenchmarkError, match="1 NULL"):
        DuckEngine(Table(schema, pd.DataFrame({"uid": pd.array([1, None], dtype="Int64")})), SALT)


@pytest.mark.parametrize("times", [1, 3])
def test_a_bucket_knows_its_users_and_the_xor_of_their_hashes(staff: Table, times: int):
    repeated = Table(staff.schema, pd.concat([staff.frame] * times, ignore_index=True))
    buckets = DuckEngine(repeated, SALT).run(
        [plan("SELECT dept, count(*) FROM staff GROUP BY dept", users=True, uid_xor=True)]
    )
    assert buckets.keys[0].tolist() == ["CS", "Law"]
    assert buckets.values[:, 0].tolist() == [6 * times, 6 * times]
    assert buckets.users.tolist() == [6, 6]
    assert buckets.uid_xor.tolist() == [
        reduce(lambda x, uid: x ^ hashed(uid), uids, 0) for uids in (range(1, 7), range(7, 13))
    ]
    assert buckets.one_row_per_user == (times == 1)


def test_a_uid_is_hashed_with_its_kind():
    """The numbers 1, 2 and the texts '1', '2' are other users; the salt cancels out of no set."""
    found = {}
    for kind, dtype in ((Kind.INTEGER, "int64"), (Kind.TEXT, object)):
        schema = Schema("t", (Column("uid", kind),), "uid")
        frame = pd.DataFrame({"uid": pd.Series([1, 2] if kind is Kind.INTEGER else ["1", "2"], dtype=dtype)})
        query = analyse(parse("SELECT count(*) FROM t"), schema)
        for salt in (SALT, b"another salt" + SALT):
            buckets = DuckEngine(Table(schema, frame), salt).run([Plan(query, uid_xor=True)])
            found[kind, salt] = int(buckets.uid_xor[0])
    assert found[Kind.INTEGER, SALT] == hashed(1) ^ hashed(2)
    assert found[Kind.TEXT, SALT] == hashed(1, "text") ^ hashed(2, "text")
    assert len(set(found.values())) == 4


def test_extras_that_no_one_asked_for_are_not_there(engine: DuckEngine):
    buckets = engine.run([plan("SELECT count(*) FROM staff")])
    assert (buckets.users.tolist(), buckets.uid_xor.tolist(), buckets.floated, buckets.contributions) == (
        [0],
        [0],
        {},
        None,
    )
    assert buckets.table_users == 12


def test_floated_values_are_those_of_the_bucket():
    columns = (Column("uid", Kind.INTEGER), Column("dept", Kind.TEXT), Column("age", Kind.INTEGER))
    schema = Schema("t", columns, "uid")
    ages = pd.array([3, 1, 1, None, 2], dtype="Int64")
    frame = pd.DataFrame({"uid": [1, 1, 2, 3, 4], "dept": list("aaabb"), "age": ages})
    query = analyse(parse("SELECT dept, count(*) FROM t GROUP BY dept"), schema)
    age = analyse(parse("SELECT age, count(*) FROM t GROUP BY age"), schema).keys[0]
    for extras in ({}, {"top": 2}):
        buckets = DuckEngine(Table(schema, frame), SALT).run([Plan(query, floated=(age,), **extras)])
        assert buckets.floated["age"].tolist() == [(1, 3), (2,)]


def test_largest_contributions_of_single_users(staff: Table):
    rows = staff.frame.loc[staff.frame.index.repeat([4, 3, 3, 1, 1, 1, 2, 1, 1, 1, 1, 1])]
    buckets = DuckEngine(Table(staff.schema, rows.reset_index(drop=True)), SALT).run(
        [
            plan("SELECT dept, count(*) FROM staff GROUP BY dept", top=4),
            plan("SELECT count(*), count(DISTINCT uid) FROM staff WHERE age = 99", top=2),
        ]
    )
    known = buckets.contributions
    assert known.top[HIGH, :, 0].tolist() == [[4, 3, 3, 1], [2, 1, 1, 1], [0, 0, 0, 0]]
    assert known.users[HIGH, :, 0].tolist() == [6, 6, 0]
    assert known.total[HIGH, :, 0].tolist() == [13, 7, 0]
    assert buckets.values[:, 0].tolist() == [13, 7, 0]


def test_contributions_to_sums_and_extremes():
    """Users 1 … 4 with one row or several: sums 5, −3, 0 and NULL; extremes 7/−2, −1/−2, 0/0."""
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("x", Kind.REAL)), "uid")
    sql = "SELECT sum(x), avg(x), max(x), min(x) FROM t"
    many = pd.DataFrame({"uid": [1, 1, 2, 2, 3, 4, 4], "x": [7.0, -2, -1, -2, 0, np.nan, np.nan]})
    single = pd.DataFrame({"uid": [1, 2, 3, 4], "x": [5.0, -3, 0, np.nan]})
    expected = {
        (HIGH, 0): ([5, 0, 0], 2, 5),
        (LOW, 0): ([3, 0, 0], 2, 3),
        (ROWS, 1): ([2, 2, 1], 3, 5),
        (HIGH, 2): ([7, 0, -1], 3, 6),
        (LOW, 3): ([-2, -2, 0], 3, -4),
    }
    for frame in (many, single):
        plan = Plan(analyse(parse(sql), schema), top=3)
        buckets = DuckEngine(Table(schema, frame), SALT).run([plan])
        known = buckets.contributions
        assert buckets.values[0].tolist() == ([2, 0.4, 7, -2] if frame is many else [2, 2 / 3, 5, -3])
        for (side, slot), (top, users, total) in expected.items():
            if frame is single:
                top, users, total = {
                    (ROWS, 1): ([0, 0, 0], 3, 0),
                    (HIGH, 2): ([5, 0, -3], 3, 2),
                    (LOW, 3): ([-3, 0, 5], 3, 2),
                }.get((side, slot), (top, users, total))
            found = (known.top[side, 0, slot], known.users[side, 0, slot], known.total[side, 0, slot])
            assert (found[0].tolist(), *found[1:]) == (top, users, total), (side, slot)
        assert known.top[:, 0, 1].tolist()[:2] == known.top[:, 0, 0].tolist()[:2]


def test_a_batch_gives_each_plan_its_own_buckets_in_order(engine: DuckEngine):
    texts = [
        "SELECT count(*) FROM staff",
        "SELECT dept, avg(age), count(*) FROM staff GROUP BY dept",
        "SELECT count(*) FROM staff WHERE age = 99",
        "SELECT dept, count(*) FROM staff WHERE age = 99 GROUP BY dept",
        "SELECT gender, dept, sum(salary) FROM staff GROUP BY 1, 2",
        "SELECT count(*) FROM staff",
    ]
    plans = [plan(text, users=True) for text in texts]
    together = engine.run(plans)
    assert together.query.tolist() == [0, 1, 1, 2, 4, 4, 4, 4, 5]
    for number, one in enumerate(plans):
        alone, mine = DuckEngine(Table(SCHEMA, staff_frame()), SALT).run([one]), together.query == number
        slots = len(one.query.aggregates)
        np.testing.assert_array_equal(alone.values, together.values[mine][:, :slots])
        assert together.present[mine].sum(axis=1).tolist() == [slots] * mine.sum()
        assert [k.tolist() for k in alone.keys] == [k[mine].tolist() for k in together.keys[: len(alone.keys)]]
        assert alone.users.tolist() == together.users[mine].tolist()


def staff_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "uid": np.arange(1, 13),
            "dept": ["CS"] * 6 + ["Law"] * 6,
            "gender": ["M"] * 5 + ["F"] * 4 + ["M"] * 3,
            "age": [30, 31, 32, 33, 34, 35, 30, 31, 32, 33, 34, 35],
            "salary": [10, 20, 30, 40, 50, 90, 10, 20, 30, 40, 50, 60],
        }
    )


def test_an_empty_batch_has_no_buckets(engine: DuckEngine):
    assert len(engine.run([])) == 0


class Counting:
    """A connection that counts what it executes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.executed: list[str] = []

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        self.executed.append(sql)
        return self.connection.execute(sql)


def test_equal_sql_is_executed_once(engine: DuckEngine, monkeypatch: pytest.MonkeyPatch):
    counting = Counting(engine._connection)
    monkeypatch.setattr(engine, "_connection", counting)
    texts = ["SELECT count(*) FROM staff", "select COUNT(*) from STAFF", "SELECT count(*) AS n FROM staff ORDER BY n"]
    first = engine.run([plan(text) for text in texts])
    engine.run([plan(texts[0])])
    assert len(counting.executed) == 1
    assert first.values[:, 0].tolist() == [12, 12, 12]


def test_what_the_database_cannot_do_says_nothing_of_its_own(engine: DuckEngine):
    engine._connection.execute("DROP TABLE staff")
    with pytest.raises(EngineError) as caught:
        engine.run([plan("SELECT count(*) FROM staff")])
    assert str(caught.value) == "The database could not answer this query."
    assert caught.value.__cause__ is None


def test_a_failing_database_is_no_refusal(staff: Table):
    session = session_of(staff)
    assert isinstance(session, LocalSession)
    session._engine._connection.execute("DROP TABLE staff")
    with pytest.raises(EngineError):
        session.query("SELECT count(*) FROM staff")


def test_minus_zero_is_zero_and_overflow_is_a_number():
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("x", Kind.REAL), Column("n", Kind.INTEGER)), "uid")
    frame = pd.DataFrame({"uid": [1, 2, 3], "x": [-0.0, 0.0, 1e308], "n": [2**63 - 1] * 3})
    buckets = DuckEngine(Table(schema, frame), SALT).run(
        [Plan(analyse(parse("SELECT x, sum(n), sum(x) FROM t GROUP BY x"), schema))]
    )
    assert [str(x) for x in buckets.keys[0].tolist()] == ["0.0", "1e+308"]
    assert buckets.values[0].tolist() == [2.0**64, 0.0]


def everything(engine: DuckEngine) -> set[str]:
    """The names of all tables, views and settings of a session that the engine's connection can see."""
    sql = (
        "SELECT database_name || '.' || table_name FROM duckdb_tables() UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL SELECT name FROM duckdb_variables() "
        "UNION ALL SELECT database_name FROM duckdb_databases() WHERE NOT internal"
    )
    return {name for (name,) in engine._connection.execute(sql).fetchall()}


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_a_database_that_an_engine_has_left_is_used_again_and_holds_nothing_of_it(
    staff: Table, monkeypatch: pytest.MonkeyPatch, how: str
):
    monkeypatch.setattr("harness.engine._idle", defaultdict(list))
    opened: list[object] = []
    monkeypatch.setattr("harness.engine._opened", lambda *how: opened.append(how) or _opened(*how))
    first = DuckEngine(staff, SALT)
    alone = everything(first)
    connection = first._connection
    for left_over in (
        "CREATE TEMP TABLE left_over AS SELECT 1", "CREATE VIEW seen AS SELECT 1", "SET VARIABLE kept = 1", "BEGIN",
        "CREATE TABLE half_done AS SELECT 1",
    ):  # fmt: skip
        connection.execute(left_over)
    connection.register("shown", staff.frame)
    assert len(everything(first)) > len(alone)
    if how == "closed":
        first.close()
        first.close()
        with pytest.raises(EngineError):
            first.run([plan("SELECT count(*) FROM staff")])
    del first
    second = DuckEngine(staff, b"other" + SALT)
    assert len(opened) == 1
    assert everything(second) == alone
    with pytest.raises(duckdb.Error):
        second._connection.execute("SELECT * FROM shown")
    assert second.run([plan("SELECT count(*) FROM staff")]).values.tolist() == [[12]]
    third = DuckEngine(staff, SALT)
    assert len(opened) == 2, "no database belongs to two engines"
    assert everything(third) == everything(second) == alone


def test_a_database_in_which_something_stayed_is_used_by_no_one(staff: Table, monkeypatch: pytest.MonkeyPatch):
    idle = defaultdict(list)
    monkeypatch.setattr("harness.engine._idle", idle)
    engine = DuckEngine(staff, SALT)
    other = engine._connection.cursor()
    engine._connection.execute('USE memory; DETACH "#data"')
    engine.close()
    assert not any(idle.values())
    with pytest.raises(duckdb.Error):
        other.execute("SELECT * FROM staff")
