"""Shrink-and-drop: the thread's worked examples, the slow oracle over generated tables, the attack that it stops."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import diffix
from defenses.diffix.around import around, on_the_grid, ranges_around
from defenses.diffix.shrink import removals, rest, thresholds
from harness.asking import explain
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Schema, Table
from harness.registry import defense
from harness.seeds import digest, mix
from harness.session import LocalSession
from harness.sql import Buckets, Plan
from harness.sql.query import Ref
from harness.stages import refined
from tests.answers import answer, by_key, plain
from tests.diffix_tables import Z, plan_of, table
from tests.oracle_queries import Condition, Database, Row
from tests.oracle_shrink import draw, remaining, shrink

QUIET = {"static": False, "dynamic": False, "low_count": False}
KINDS = {"uid": "integer", "k": "integer", "n": "integer", "x": "real", "day": "date", "at": "datetime"}
SCHEMA = Schema("t", tuple(Column(name, Kind(kind)) for name, kind in KINDS.items()), "uid")
DTYPES = {"integer": "Int64", "real": "float64", "date": "datetime64[us]", "datetime": "datetime64[us]"}
NOTHING = {"k": 0, "n": 0, "x": 0.0, "day": date(2020, 1, 1), "at": datetime(2020, 1, 1)}


def of_rows(rows: list[dict[str, Any]], salt: bytes) -> Database:
    return Database("t", "uid", KINDS, [{**NOTHING, **row} for row in rows], salt)


def of_values(values: list[float], salt: bytes) -> Database:
    """One user a value of x."""
    return of_rows([{"uid": user, "x": value} for user, value in enumerate(values)], salt)


def session(database: Database, spec: str = "diffix", **switches: bool) -> LocalSession:
    frame = pd.DataFrame(
        {name: pd.Series([row[name] for row in database.rows], dtype=DTYPES[kind]) for name, kind in KINDS.items()}
    )
    built = diffix(**switches) if switches else defense(spec)[0]
    return LocalSession(SCHEMA, DuckEngine(Table(SCHEMA, frame), database.salt), built, np.random.default_rng(0))


def salt_where_t_is(wanted: int, values: list[float]) -> bytes:
    """A salt under which the thread's T, of all these users, is the one of the example."""
    for number in count():
        salt = digest("T", number)
        database = of_values(values, salt)
        if max(2, round(5 + draw(database, list(database.rows), "removals", "x"))) == wanted:
            return salt
    raise AssertionError


# The thread's examples

FEW_AT_BOTH_ENDS = [1.6, *np.linspace(3.2, 4.5, 20).round(2).tolist(), 4.7, 4.9, 9.5]
FOUR_ON_THE_RIGHT = [*np.linspace(4.1, 5.4, 20).round(2).tolist(), 6.6, 7.5, 8.4, 9.5]
SEVENS = [7.0] * 8 + [7.001]


@pytest.mark.parametrize(
    ("values", "removed", "ends", "bounds", "left"),
    [
        # 9.5 goes first, then 1.6, then two of the gaps of 0.2; those two are inside the range that comes out
        ([1.6, 3.2, 3.3, 3.4, 3.5, 4.7, 4.9, 9.5], 3, (3.2, 4.7), (3.0, 5.0), 6),
        (FEW_AT_BOTH_ENDS, 4, (3.2, 4.5), (3.0, 5.0), 22),
        (FOUR_ON_THE_RIGHT, 4, (4.1, 5.4), (4.0, 6.0), 20),
        (SEVENS, 5, (7.0, 7.0), (7.0, np.nextafter(7.0, 8.0)), 8),
    ],
)
def test_the_pictures_of_the_thread(values: list[float], removed: int, ends: Any, bounds: Any, left: int) -> None:
    salt = salt_where_t_is(removed, values)
    asked = replace(plan("x BETWEEN 0 AND 10"), edges=(Ref("x", Kind.REAL),))
    edges = DuckEngine(Table(SCHEMA, frame_of(values)), salt).run([asked]).edges["x"]
    low, high = rest(edges, np.array([removed]))
    assert (low[0], high[0]) == ends
    assert around(*ends, Kind.REAL) == bounds
    database = of_values(values, salt)
    found = shrink(database, list(database.rows), "x", (0.0, 10.0))
    assert (found.removed, found.range, found.outside) == (removed, bounds, len(values) - left)
    everything, drops = (
        answer(session(database, **QUIET, shrink_and_drop=on), "SELECT count(*) FROM t WHERE x BETWEEN 0 AND 10").value
        for on in (False, True)
    )
    assert everything == len(values)
    assert drops == (left if found.dropped else len(values))


def frame_of(values: list[float]) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"uid": np.arange(len(values)), "x": values} | {c: [v] * len(values) for c, v in NOTHING.items() if c != "x"}
    )
    return rows[list(SCHEMA.names)]


def plan(where: str, **switches: bool) -> Plan:
    from harness.session import History
    from harness.sql import analyse, parse

    said = diffix(**switches).plan(analyse(parse(f"SELECT count(*) FROM t WHERE {where}"), SCHEMA), History(SCHEMA))
    assert isinstance(said, Plan)
    return said


def salaries(with_outlier: bool, salt: bytes) -> Database:
    """200 salaries up to 900,000 and, or not, one of 1.5 million; the first user earns little in either case."""
    drawn = np.random.default_rng(0).uniform(50_000, 900_000, 200).round().tolist()
    return of_values(drawn + [1_500_000.0] * with_outlier, salt)


SMALL, LARGE = "x >= 0 AND x < 1000000", "x >= 0 AND x < 2000000"
EVERYTHING = "SELECT count(*), count(DISTINCT uid), sum(x), avg(x), max(x), min(x) FROM t WHERE "


@pytest.mark.parametrize("number", range(5))
def test_the_salary_above_a_million_is_in_neither_range(number: int) -> None:
    database = salaries(True, digest("salaries", number))
    small, large = (
        answer(session(database, **QUIET, shrink_and_drop=True), EVERYTHING + w).rows for w in (SMALL, LARGE)
    )
    assert small == large
    small, large = (
        answer(session(database, **QUIET, shrink_and_drop=False), EVERYTHING + w).rows for w in (SMALL, LARGE)
    )
    assert small[0][0] + 1 == large[0][0]


def test_the_isolated_user_does_not_show() -> None:
    """Range isolation: whether he is in the table or not, both queries have the same answers, noise and all, to the
    last digit; without shrink-and-drop the large one's differ."""
    for number in range(15):
        salt = digest("isolation", number)
        for on in (True, False):
            there, away = (session(salaries(is_there, salt), shrink_and_drop=on) for is_there in (True, False))
            for where in (SMALL, LARGE):
                same = plain(answer(there, EVERYTHING + where)) == plain(answer(away, EVERYTHING + where))
                assert same == (on or where is SMALL), number


def test_a_user_at_both_ends_is_taken_off_twice_and_outside_once() -> None:
    """Three users with rows at both ends take six removals; outside they are three, few enough to be dropped."""
    middle = [{"uid": 3 + i, "x": 4.1 + i % 9 / 10} for i in range(60)]
    ends = [{"uid": i % 3, "x": x} for i, x in enumerate([0.2, 1.2, 2.4, 9.8, 8.6, 7.4])]
    dropped = 0
    for number in range(30):
        database = of_rows(middle + ends, digest("both ends", number))
        found = shrink(database, list(database.rows), "x", (0.0, 10.0))
        left = remaining(database, list(database.rows), [Condition("x", "range", (0.0, 10.0))])
        sql = "SELECT count(*), count(DISTINCT uid) FROM t WHERE x >= 0 AND x < 10"
        interface = session(database, **QUIET, flatten=False, shrink_and_drop=True)
        assert answer(interface, sql).rows == [(len(left), len(database.users(left)))]
        dropped += found.dropped and found.outside == 3 and found.removed >= 6
        assert found.removed < 6 or found.range == (4.0, 5.0)
    assert dropped > 3


# Generated tables against the slow oracle

NEW_YEAR = datetime(2020, 1, 1)
SPREADS: dict[str, tuple[Any, ...]] = {
    "n": ((0, 100), (-1000, 1000), (-(2**63), 2**62), (2**53, 2**53 + 200)),
    "x": ((0.0, 10.0), (-2000.0, 2_000_000.0), (0.0, 0.001), (-1e300, 1e300)),
    "day": ((date(2020, 1, 1), date(2021, 1, 1)), (date(1990, 1, 1), date(2040, 1, 1))),
    "at": ((NEW_YEAR, NEW_YEAR + timedelta(hours=1)), (NEW_YEAR, NEW_YEAR + timedelta(days=3000))),
}


def between(chance: random.Random, column: str, low: Any, high: Any, place: float) -> Any:
    match column:
        case "n":
            return low + int((high - low) * place)
        case "x":
            return (
                round(low + (high - low) * place, chance.choice([0, 1, 4])) if high < 1e200 else high * (2 * place - 1)
            )
        case "day":
            return low + timedelta(int((high - low).days * place))
    return low + timedelta(seconds=round((high - low).total_seconds() * place, 3))


def generated(chance: random.Random) -> tuple[Database, dict[str, tuple[Any, Any]]]:
    """A table of clustered values with some apart, and a range of each column that is asked about."""
    columns = chance.sample(list(SPREADS), chance.choice([1, 1, 2]))
    ends = {column: chance.choice(SPREADS[column]) for column in columns}
    rows = []
    many = chance.random() < 0.5
    for k in range(6):
        center, width, apart = chance.random(), chance.choice([0, 0.02, 0.2, 0.6]), chance.choice([0, 0.05, 0.15, 0.4])
        users = chance.choice([1, 3, 5, 7, 9, 14, 20, 40])
        for row in range(users * chance.choice([1, 2]) if many else users):
            far = chance.random() < apart
            places = [
                chance.random() if far else min(0.999, max(0, center + width * (chance.random() - 0.5)))
                for _ in columns
            ]
            cells = {c: between(chance, c, *ends[c], place) for c, place in zip(columns, places, strict=True)}
            rows.append({"uid": 100 * k * (not many) + (chance.randrange(users) if many else row), "k": k, **cells})
    return of_rows(rows, digest("generated", chance.getrandbits(32))), ends


def written(value: Any) -> str:
    return repr(value) if isinstance(value, int | float) else f"'{value}'"


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 140), marks=pytest.mark.fuzz)])
def test_the_product_drops_what_the_oracle_drops(seeds: range) -> None:
    """Six buckets a table: the same rows are left, and the same is told of T, R″ and who is outside."""
    drops = several = 0
    for seed in seeds:
        database, ends = generated(random.Random(seed))
        where = " AND ".join(f"{c} >= {written(a)} AND {c} < {written(b)}" for c, (a, b) in ends.items())
        interface = session(database, **QUIET, flatten=False, snap=False, shrink_and_drop=True)
        found = {
            row[0]: row[1:]
            for row in answer(
                interface, f"SELECT k, count(*), count(DISTINCT uid) FROM t WHERE {where} GROUP BY k"
            ).rows
        }
        conditions = [Condition(column, "range", bounds) for column, bounds in ends.items()]
        for k in range(6):
            rows = [r for r in database.rows if r["k"] == k and all(c.holds(r) for c in conditions)]
            left = remaining(database, rows, conditions)
            expected = (len(left), len(database.users(left))) if left else None
            assert found.get(k) == expected, (seed, k)
            drops += len(left) < len(rows)
            several += len(left) < len(rows) and len(ends) == 2
            alone = f"SELECT count(*), count(DISTINCT uid) FROM t WHERE k = {k} AND {where}"
            if rows and k == seed % 6:
                assert answer(interface, alone).rows == [expected], (seed, k)
    assert drops > len(seeds)
    assert several > len(seeds) / 4


def test_what_is_told_is_what_the_oracle_finds() -> None:
    told = 0
    for seed in range(40):
        database, ends = generated(random.Random(1000 + seed))
        interface = session(database, **QUIET, snap=False, shrink_and_drop=True)
        where = " AND ".join(f"{c} >= {written(a)} AND {c} < {written(b)}" for c, (a, b) in ends.items())
        asked = plan(where, snap=False, low_count=False)
        engine = interface._engine
        made = refined(diffix(snap=False), engine.run([asked]), engine.run).made.get("shrink-and-drop", list)()
        conditions = [Condition(column, "range", bounds) for column, bounds in ends.items()]
        rows: list[Row] = [r for r in database.rows if all(c.holds(r) for c in conditions)]
        for line in made:
            found = shrink(database, rows, line["column"], ends[line["column"]])
            assert (line["T"], tuple(line["shrunk to"])) == (found.removed, found.range)
            assert (line["users outside"], line["dropped"]) == (found.outside, found.dropped)
        told += len(made)
    assert told > 10


def test_what_doubles_decide_is_decided_rightly() -> None:
    """The range of every pair is the exact one, and doubles alone find most of them."""
    chance = random.Random(5)
    for kind in (Kind.REAL, Kind.INTEGER):
        pairs = []
        for _ in range(3000):
            scale = 10 ** chance.randint(-2 if kind is Kind.REAL else 0, 7)
            center, width = chance.choice([0, 3, -2]) * scale * chance.random(), scale * chance.choice([0.1, 1])
            drawn = [round(center + width * chance.random(), chance.randint(0, 4)) for _ in range(2)]
            pairs.append(sorted(map(int, drawn) if kind is Kind.INTEGER else drawn))
        low, high = np.array(pairs).T
        expected = [around(a.item(), b.item(), kind) for a, b in zip(low, high, strict=True)]
        ranges, which = ranges_around(low, high, kind)
        assert [ranges[at] for at in which] == expected
        sure, _ = on_the_grid(low, high, kind)
        assert sure.sum() > 0.5 * len(pairs)


# Draws


def test_the_draws_are_what_they_should_be_and_independent() -> None:
    buckets = DuckEngine(table(), b"d" * 32).run([plan_of("SELECT c, count(*) FROM t GROUP BY c")])
    n = 20_000
    many = buckets.keep(np.zeros(n, dtype=np.int64))
    seeds = mix(b"k" * 16, np.arange(n, dtype=np.uint64))
    many = Buckets(**{**many.__dict__, "uid_xor": seeds})
    removed, least = removals(many, "x"), thresholds(many, "x")
    assert removed.min() == 2
    for size in range(3, 9):
        expected = stats.norm.cdf(size + 0.5, 5) - stats.norm.cdf(size - 0.5, 5)
        assert stats.binomtest(int((removed == size).sum()), n, expected).pvalue > 0.001
    assert abs(least.mean() - 4) < Z * 0.5 / np.sqrt(n)
    assert abs(least.std() - 0.5) < Z * 0.5 / np.sqrt(2 * n)
    for other in (removals(many, "y"), thresholds(many, "y"), least):
        assert abs(np.corrcoef(removed, other)[0, 1]) < Z / np.sqrt(n)


# With everything else


def test_a_batch_a_hybrid_and_a_key_give_what_single_queries_give() -> None:
    database, _ = generated(random.Random(7))
    rows = [{**row, "x": float(i % 37) * (100 if i % 41 == 0 else 1)} for i, row in enumerate(database.rows)]
    database = of_rows(rows, database.salt)
    texts = [
        f"SELECT k, count(*), sum(x) FROM t WHERE x >= 0 AND x < {high} GROUP BY k" for high in (50, 500, 5000, 50, 5)
    ]
    texts += [f"SELECT count(*), sum(x), max(x) FROM t WHERE x >= 0 AND x < 5000 AND k = {k}" for k in range(6)]
    texts += ["SELECT count(*) FROM t", "SELECT k, x, count(*) FROM t WHERE x >= 0 AND x < 5000 GROUP BY k, x"]
    together = [plain(found) for found in session(database).query_many(texts)]
    alone = session(database)
    assert together == [plain(alone.query(text)) for text in texts]
    hybrid = session(database, "k-threshold:k=1+diffix")
    assert together == [plain(hybrid.query(text)) for text in texts]
    assert together != [plain(session(database, "diffix:shrink_and_drop=false").query(text)) for text in texts]
    grouped = by_key(alone, "SELECT k, count(*) FROM t WHERE x >= 0 AND x < 5000 GROUP BY k")
    for k, value in grouped.items():
        assert answer(alone, f"SELECT count(*) FROM t WHERE k = {k} AND x >= 0 AND x < 5000").value == value


@pytest.mark.parametrize("few", [[0.1, 0.6, 1.9], [9.9, 9.4, 8.0]], ids=["below", "above"])
def test_as_many_users_beyond_the_middle_as_are_taken_off(few: list[float]) -> None:
    """They leave a half of the range; with one more its ends could not matter."""
    side = 5.5 if few[0] < 5 else 0.5
    values = [*few, *(side + i / 10 for i in range(30))]
    salt = salt_where_t_is(3, values)
    database = of_values(values, salt)
    found = shrink(database, list(database.rows), "x", (0.0, 10.0))
    assert found.outside == 3
    assert found.dropped
    assert answer(session(database, **QUIET), "SELECT count(*) FROM t WHERE x BETWEEN 0 AND 10").value == 30


def test_counts_are_the_same_from_the_rows_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one row a user, what is dropped is counted; here what is left, as with many rows."""
    chance = random.Random(3)
    values = [float(chance.randint(0, 40) if chance.random() < 0.97 else chance.randint(200, 900)) for _ in range(900)]
    rows: list[Row] = [{"uid": user, "x": x, "k": user % 60, "n": user % 3} for user, x in enumerate(values)]
    texts = [
        f"SELECT k, count(*), count(n), count(DISTINCT uid) FROM t WHERE x >= 0 AND x < {high} GROUP BY k"
        for high in (500, 1000)
    ]
    answers = {}
    for how in ("counted", "left"):
        frame = pd.DataFrame({name: [row[name] for row in rows] for name in ("uid", "x", "k", "n")})
        frame = frame.assign(n=frame.n.where(frame.n > 0), day=pd.Timestamp(2020, 1, 1), at=pd.Timestamp(2020, 1, 1))
        engine = DuckEngine(Table(SCHEMA, frame[list(KINDS)]), b"c" * 32)
        made = LocalSession(SCHEMA, engine, defense("diffix")[0], np.random.default_rng(0))
        answers[how] = [plain(found) for found in made.query_many([*texts, "SELECT count(*) FROM t"])]
        monkeypatch.setattr("defenses.diffix.shrink._counts_alone", lambda buckets: False)
    assert answers["counted"] == answers["left"]
    off = LocalSession(SCHEMA, engine, defense("diffix:shrink_and_drop=false")[0], np.random.default_rng(0))
    assert [plain(found) for found in off.query_many(texts)] != answers["left"][:2]


def test_only_ranges_that_can_lose_users_cost_anything() -> None:
    def costs(made: Plan) -> bool:
        return bool(made.edges or made.beyond)

    assert costs(plan("n BETWEEN 0 AND 10 AND k = 3"))
    assert not costs(plan("n BETWEEN 0 AND 10", shrink_and_drop=False))
    assert not costs(plan("n = 3 AND x <> 0.5"))
    assert not costs(plan_of("SELECT b, count(*) FROM t WHERE b BETWEEN 0 AND 10 GROUP BY b"))


def test_the_explanation_shows_what_is_dropped() -> None:
    for seed in range(1, 30):
        found, how = explain(
            "diffix",
            "census",
            seed,
            "SELECT sex, race, count(*) FROM census WHERE age BETWEEN 50 AND 100 GROUP BY 1, 2",
        )
        assert isinstance(found, Answer)
        assert how is not None
        if "shrink-and-drop" in how["tables"]:
            break
    lines = how["tables"]["shrink-and-drop"]
    assert all(line["dropped"] == (line["users outside"] < line["threshold"]) for line in lines)
    assert {line["column"] for line in lines} == {"age"}
    assert len(how["then"]) == 2
    assert how["asked"]["beyond"] == [["age", 70, 79]]
