"""The classical controls: tables with NULLs, negatives, single rows; restrictions, budgets and noise by name."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from defenses.k_threshold import k_threshold
from harness import registry
from harness.engine import DuckEngine
from harness.errors import ParameterError
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest
from harness.session import History, LocalSession
from harness.sql import Plan, analyse, parse
from harness.trial import engines
from tests.answers import answer, plain

SALT = digest("the salt of test_classical")
SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.TEXT),
        Column("dept", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
        Column("flag", Kind.BOOLEAN),
    ),
    uid="uid",
)
MANY = [1 + n % 5 + 20 * (n == 7) for n in range(40)]


def staff(users: int, times: int | list[int] = 1, null: bool = True) -> Table:
    """Users with `times` rows each; pay is negative for some, and with `null` every column but uid has NULLs."""
    u = np.repeat(np.arange(users), times)
    row = np.arange(len(u))
    dept = np.array(["CS", "Law", "", "NULL", None if null else "x"], dtype=object)[u % 5]
    frame = pd.DataFrame(
        {
            "uid": pd.Series([f"u{n}" for n in u], dtype=object),
            "dept": dept,
            "age": pd.Series(20 + row % 7, dtype="Int64").mask(pd.Series(u % 11 == 3) & null),
            "pay": np.where((u % 6 == 0) & null, np.nan, row * 0.5 - 9.0),
            "flag": pd.Series(u % 2 == 0, dtype="boolean").mask(pd.Series(u % 9 == 1) & null),
        }
    )
    return Table(SCHEMA, frame)


def alike(rows: int) -> Table:
    frame = pd.DataFrame({"uid": pd.Series([f"u{n}" for n in range(rows)], dtype=object), "dept": "CS"})
    frame = frame.assign(age=30, pay=1.5, flag=True).astype({"dept": object, "age": "Int64", "flag": "boolean"})
    return Table(SCHEMA, frame)


TABLES = {
    "one row a user": staff(60),
    "many rows a user": staff(40, MANY),
    "all known": staff(60, null=False),
    "one row": staff(1),
    "one user": staff(1, 5),
    "all equal": alike(12),
}

TWELVES = Table(SCHEMA, staff(24_000).frame.assign(age=np.arange(24_000) // 12))
"""2,000 groups of twelve rows."""


@cache
def engine(name: str, spec: str) -> DuckEngine:
    return engines(TWELVES if name == "twelve a group" else TABLES[name], registry.defense(spec)[0], 7, 0)[0]


def session(name: str, spec: str, seed: int = 0, **more: Any) -> LocalSession:
    shared = engine(name, spec if "laplace" in spec else "none")  # the one that changes the data
    return LocalSession(SCHEMA, shared, registry.defense(spec)[0], np.random.default_rng(seed), **more)


SPECS = [
    "hanson",
    "hanson:share=100,k=2",
    "laplace",
    'laplace:bounds=["age 0 125","pay -20 90"],groups=public,rows=3,budget=7',
    "laplace+rounding:kind=random",
    "maximum-order:order=1",
    "overlap-control",
    "overlap-control:r=10",
    "k-threshold:k=4+overlap-control:r=3+output-perturbation",
    "partial-table-suppression",
    "per-user-noise",
    "per-user-noise:rule=sequence",
    "query-budget:n=5",
    "query-budget:n=2,per=day,day=4",
    "random-sampling:p=0.5",
    "random-sampling:p=0.5,sticky=true",
    "random-sampling:p=0.5+sticky+output-perturbation",
    "relative-table-size:share=0.3",
    "rounding",
    "rounding:kind=random",
    "rounding:kind=random,sticky=true",
    "rounding:kind=controlled",
]
CLASSICAL = {part.split(":")[0] for spec in SPECS for part in spec.split("+")}
"""The defenses that the test_classical files test in place of test_defenses."""
BATCH = [
    "SELECT count(*) FROM t",
    "SELECT dept, count(*) FROM t GROUP BY dept",
    "SELECT dept, flag, count(*), sum(pay) FROM t GROUP BY dept, flag",
    "SELECT count(*), avg(pay), min(age) FROM t WHERE dept = 'CS'",
    "SELECT count(*), sum(age), avg(pay) FROM t WHERE dept = 'nobody'",
    "SELECT dept, count(*) FROM t WHERE dept = 'nobody' GROUP BY dept",
    "SELECT count(DISTINCT uid) FROM t WHERE age > 21 AND flag",
    "SELECT count(DISTINCT age) FROM t WHERE age BETWEEN 20 AND 24 OR dept IS NULL",
    "DELETE FROM t",
    "SELECT count(*) FROM t",
    "SELECT uid, count(*) FROM t GROUP BY uid ORDER BY 2 DESC, 1 LIMIT 7",
    "SELECT avg(pay), avg(age), count(*) FROM t WHERE pay < 0",
    "SELECT dept, count(*) FROM t GROUP BY dept",
    "SELECT dept FROM t GROUP BY dept",
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", ["many rows a user", "one row", "all equal"])
def test_a_batch_is_its_queries_one_by_one_on_odd_tables(name: str, spec: str) -> None:
    together = session(name, spec, 5).query_many(BATCH)
    alone = session(name, spec, 5)
    assert [plain(found) for found in together] == [plain(alone.query(sql)) for sql in BATCH]
    for found in together:
        assert isinstance(found, Refused) or not any(np.isinf(c).any() for c in found.data if c.dtype.kind == "f")


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "laplace" not in spec and "+" not in spec])
def test_what_is_not_refused_shows_no_bucket_that_is_not_there(spec: str) -> None:
    sql = "SELECT dept, flag, count(*) FROM t GROUP BY dept, flag"
    true = {row[:2] for row in answer(session("many rows a user", "none"), sql)}
    found = session("many rows a user", spec).query(sql)
    assert isinstance(found, Refused) or {row[:2] for row in found} <= true


# overlap-control


@pytest.mark.parametrize("r", [0, 1, 4])
@pytest.mark.parametrize("name", ["one row a user", "many rows a user"])
def test_no_two_answered_query_sets_overlap_in_more_than_r_users(name: str, r: int) -> None:
    """Against plain sets, over random ranges, alone and by group."""
    frame = TABLES[name].frame
    rng = np.random.default_rng(r)
    interface = session(name, f"overlap-control:r={r}")
    answered: list[frozenset[str]] = []
    for _ in range(40):
        low, high = sorted(rng.integers(-10, 40, 2).tolist())
        rows = frame[(frame.pay >= low) & (frame.pay <= high)]
        grouped = rng.random() < 0.5
        where = f"FROM t WHERE pay BETWEEN {low} AND {high}"
        found = answer(
            interface, f"SELECT flag, count(*) {where} GROUP BY flag" if grouped else f"SELECT count(*) {where}"
        )
        keys = [row[0] for row in found] if grouped else [...] * len(found)
        for key in keys:
            mine = rows if key is ... else rows[rows.flag.isna()] if key is None else rows[rows.flag == key]
            answered.append(frozenset(mine.uid))
    different = set(answered)
    assert len(different) > 5
    for one, other in combinations(different, 2):
        assert len(one & other) <= r


def test_overlap_control_drops_exactly_what_overlaps_and_remembers_a_session_long() -> None:
    """Ages of 60 users go by u % 7: age 20 has u0, u7 … u56 but u14 (NULL), 8 of them."""
    interface = session("one row a user", "overlap-control:r=3")
    assert answer(interface, "SELECT count(*) FROM t WHERE age = 20").value == 8
    assert answer(interface, "SELECT count(*), sum(pay) FROM t WHERE age = 20").data[0][0] == 8  # the same set
    assert len(answer(interface, "SELECT count(*) FROM t WHERE age IN (20, 21)")) == 0
    assert answer(interface, "SELECT count(*) FROM t WHERE age = 21").value == 8
    assert answer(interface, "SELECT count(*) FROM t WHERE uid IN ('u0', 'u7', 'u1')").value == 3
    assert len(answer(interface, "SELECT count(*) FROM t WHERE uid IN ('u0', 'u7', 'u21', 'u28')")) == 0
    assert answer(interface, "SELECT count(*) FROM t WHERE dept = 'nobody'").value == 0
    assert len(answer(interface, "SELECT count(*) FROM t")) == 0
    assert answer(session("one row a user", "overlap-control:r=3"), "SELECT count(*) FROM t").value == 60
    assert "k_threshold" not in interface._analyst.memory
    hybrid = session("one row a user", "k-threshold:k=9+overlap-control:r=3")
    assert len(answer(hybrid, "SELECT count(*) FROM t WHERE age = 20")) == 0  # never answered, so not remembered
    assert answer(hybrid, "SELECT count(*) FROM t").value == 60
    with pytest.raises(ParameterError, match="samples"):
        registry.defense("random-sampling+overlap-control")


def test_a_long_batch_of_user_sets_is_one_by_one_too() -> None:
    sqls = [f"SELECT count(*) FROM t WHERE pay BETWEEN {a} AND {a + 3}" for a in np.arange(-9, 20, 0.4)]
    spec = "overlap-control:r=5+output-perturbation"
    together, alone = session("one row a user", spec), session("one row a user", spec)
    assert list(map(plain, together.query_many(sqls))) == [plain(alone.query(sql)) for sql in sqls]


# query-budget


def test_a_budget_counts_answers_also_within_a_batch() -> None:
    batch = ["SELECT count(*) FROM t", "DROP TABLE t", "SELECT nothing FROM t"] * 6
    for interface in (session("one row", "query-budget:n=4"), session("one row", "query-budget:n=4+none")):
        found = interface.query_many(batch)
        assert [isinstance(a, Answer) for a in found[::3]] == [True] * 4 + [False] * 2
        assert {a.rule for a in found[12::3] if isinstance(a, Refused)} == {"query-budget"}
        assert isinstance(interface.query("SELECT count(*) FROM t"), Refused)
    assert isinstance(session("one row", "query-budget:n=0").query("SELECT count(*) FROM t"), Refused)


def test_what_another_defense_refuses_is_not_charged() -> None:
    wide = "SELECT count(*) FROM t WHERE age = 20 AND dept = 'CS'"
    for spec in ("maximum-order:order=1+query-budget:n=2", "query-budget:n=2+maximum-order:order=1"):
        found = session("one row", spec).query_many([wide, "SELECT count(*) FROM t", wide, *BATCH[:1] * 2])
        assert [isinstance(a, Answer) for a in found] == [False, True, False, True, False]


def test_a_day_is_as_long_as_so_many_questions() -> None:
    found = session("one row", "query-budget:n=2,per=day,day=5").query_many(["SELECT count(*) FROM t"] * 13)
    day = [True, True, False, False, False]
    assert [isinstance(a, Answer) for a in found] == day + day + day[:3]


# per-user-noise


def test_noise_by_name_is_the_same_for_a_name_and_another_for_another() -> None:
    sqls = [f"SELECT count(*), sum(age) FROM t WHERE age <> {n}" for n in range(20)]
    for rule in ("query", "sequence"):
        spec = f"per-user-noise:rule={rule}"
        ann, again, bob = (
            [a.rows for a in session("one row a user", spec, seed, analyst=name).query_many(sqls)]  # type: ignore[union-attr]
            for seed, name in ((1, "ann"), (2, "ann"), (1, "bob"))
        )
        assert ann == again
        assert not {row for rows in ann for row in rows} & {row for rows in bob for row in rows}
        back = [a.rows for a in session("one row a user", spec, analyst="ann").query_many(sqls[::-1])]  # type: ignore[union-attr]
        assert (back[::-1] == ann) == (rule == "query")
        twice = session("one row a user", spec).query_many(sqls[:1] * 2)
        assert (plain(twice[0]) == plain(twice[1])) == (rule == "query")


def test_noise_by_name_is_a_uniform_share_of_the_answer() -> None:
    for rule in ("query", "sequence"):
        spec = f"per-user-noise:rule={rule},scale=0.5"
        found = answer(session("twelve a group", spec), "SELECT age, count(*) FROM t GROUP BY age")
        noise = found.data[1] / 12 - 1
        assert np.abs(noise).max() <= 0.5
        assert np.abs(noise).max() > 0.49
        assert abs(noise.mean()) < 3.3 * 0.5 / np.sqrt(3 * 2000)
    with pytest.raises(ParameterError, match="counted twice"):
        registry.defense("per-user-noise+k-threshold+per-user-noise")


# Hanson's controls


def test_the_order_of_a_query_is_its_columns_in_where_and_group_by() -> None:
    for columns, sql in [
        (0, "SELECT count(*), sum(pay) FROM t"),
        (1, "SELECT dept, sum(pay) FROM t WHERE dept <> 'CS' OR dept IS NULL GROUP BY dept"),
        (2, "SELECT count(*) FROM t WHERE age > pay"),
        (3, "SELECT dept, count(*) FROM t WHERE NOT (age IN (20, 21) AND flag) GROUP BY dept"),
    ]:
        for order in range(4):
            found = session("one row a user", f"maximum-order:order={order}").query(sql)
            assert isinstance(found, Answer) == (columns <= order), (sql, order)


@pytest.mark.parametrize("name", TABLES)
def test_relative_table_size_is_cells_by_users(name: str) -> None:
    frame = TABLES[name].frame
    domains = {c: frame[c].nunique(dropna=False) for c in frame}
    for share in (0.02, 0.25, 0.4, 1.0):
        interface = session(name, f"relative-table-size:share={share}")
        for columns in ((), ("dept",), ("dept", "flag"), ("dept", "age", "flag"), ("uid",)):
            where = " AND ".join(f"({c} IS NULL OR {c} IS NOT NULL)" for c in columns[1:])
            sql = f"SELECT count(*) FROM t WHERE {where}" if where else "SELECT count(*) FROM t"
            sql = sql.replace("SELECT ", f"SELECT {columns[0]}, ") + f" GROUP BY {columns[0]}" if columns else sql
            cells = int(np.prod([domains[c] for c in columns]))
            shown = cells <= share * frame.uid.nunique()
            assert (len(answer(interface, sql)) > 0) == shown, (share, sql)


@pytest.mark.parametrize("extra", ["", "diffix:low_count=false,static=false,dynamic=false,flatten=false+"])
@pytest.mark.parametrize("name", TABLES)
def test_partial_suppression_is_users_by_populated_cell(name: str, extra: str) -> None:
    """With Diffix before it the plan groups by user first."""
    frame = TABLES[name].frame
    for k in (2, 3, 4.5, 8):
        found = answer(
            session(name, f"{extra}partial-table-suppression:k={k}"),
            "SELECT dept, count(DISTINCT uid) FROM t WHERE age IN (20, 21, 22, 23) GROUP BY dept",
        )
        expected = set()
        for dept, rows in frame[frame.age.isin([20, 21, 22, 23])].groupby("dept", dropna=False):
            if rows.uid.nunique() >= k * rows.age.nunique():
                expected.add(None if dept is None or dept != dept else dept)
        assert {row[0] for row in found} == expected


@pytest.mark.parametrize("name", TABLES)
def test_hanson_is_its_four_controls_in_a_row(name: str) -> None:
    chain = (
        "maximum-order:order=2+relative-table-size:share=0.6+k-threshold:k=4,upper=true+partial-table-suppression:k=2"
    )
    page = "hanson:order=2,share=0.6,k=4,density=2"
    one, other = (session(name, spec).query_many(BATCH) for spec in (page, chain))
    assert list(map(plain, one)) == list(map(plain, other))


def test_the_upper_bound_of_k_threshold_is_of_all_users_of_the_table() -> None:
    sql = "SELECT count(*) FROM t WHERE dept <> 'CS' OR dept IS NULL"  # 48 of 60
    assert [len(answer(session("one row a user", f"k-threshold:k={k},upper=true"), sql)) for k in (12, 13)] == [1, 0]
    assert k_threshold().upper is False


# What the contracts gained


def test_a_log_knows_what_was_answered_and_a_session_has_a_nonce_of_its_own() -> None:
    interface = session("one row", "maximum-order:order=0")
    interface.query_many(["SELECT count(*) FROM t", "SELECT count(*) FROM t WHERE flag", "nonsense", BATCH[0]])
    assert interface.history.answered == [0, 2]
    assert len(interface.history.queries) == 3
    rng = np.random.default_rng(1)
    nonces = [LocalSession(SCHEMA, engine("one row", "none"), Defense(), rng).history.nonce for _ in range(2)]
    assert nonces[0] != nonces[1]
    assert rng.random() == np.random.default_rng(1).random()


def test_extras_come_with_one_and_with_two_levels() -> None:
    query = analyse(parse("SELECT dept, count(*) FROM t WHERE age IN (20, 22) GROUP BY dept"), SCHEMA)
    frame = TABLES["many rows a user"].frame
    for top in (0, 3):
        plan = Plan(query, users=True, uid_set=True, cells=query.attributes, domains=query.attributes, top=top)
        found = engine("many rows a user", "none").run([plan])
        assert found.domains == {"dept": 5, "age": 8}
        for i, key in enumerate(found.keys[0]):
            mine = frame[frame.age.isin([20, 22]) & (frame.dept.isna() if key is None else frame.dept == key)]
            assert len(found.uid_sets[i]) == found.users[i] == mine.uid.nunique()
            assert (np.diff(found.uid_sets[i].astype(object)) > 0).all()
            assert found.cells[i] == mine.age.nunique()
    kept = found.keep(found.users > 3)
    assert len(kept.uid_sets) == len(kept.cells) == len(kept)
    assert History(SCHEMA).nonce == b""
