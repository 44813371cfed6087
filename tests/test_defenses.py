"""The other defenses, each against what its page promises, and what every built-in one must do with odd tables."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses import BUILTIN
from defenses.diffix import diffix
from defenses.k_threshold import k_threshold
from defenses.none import none
from defenses.output_perturbation import SCALES, output_perturbation
from defenses.sticky import sticky
from harness import registry
from harness.engine import DuckEngine
from harness.errors import ParameterError
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest
from harness.session import LocalSession
from harness.sql import Plan, analyse, parse
from tests.answers import answer, by_key, plain
from tests.test_classical import CLASSICAL

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


# Every built-in defense

DEFENSES = [
    "none",
    "k-threshold",
    "k-threshold:k=1",
    "k-threshold:k=3,upper=true",
    *(f"output-perturbation:kind={kind}" for kind in SCALES),
    "output-perturbation:kind=lie,p=0.5",
    "output-perturbation:kind=wrong-record,p=0.5",
    "sticky",
    "sticky:scale=0",
    "diffix",
    "diffix:static=false",
    "diffix:dynamic=false",
    "diffix:low_count=false",
    "diffix:flatten=false",
    "diffix:static=false,dynamic=false,low_count=false,flatten=false",
    "k-threshold:k=3+output-perturbation:kind=add+sticky",
    "diffix+k-threshold",
    "data-perturbation",
    "liew",
    "nielson:gamma=8",
    "nielson:rule=first-gamma",
    "nielson:rule=first-gamma,gamma=3+nielson:gamma=5+k-threshold:k=2",
]
ELSEWHERE = {  # tests/test_data_stage.py, tests/test_updates.py
    "data-swapping",
    "microaggregation",
    "partitioning",
    "rotation",
    "synthetic-records",
}
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
OTHERS = [
    "SELECT dept, sum(pay), avg(age), min(day), max(pay) FROM t GROUP BY dept ORDER BY dept NULLS FIRST",
    "SELECT sum(pay), avg(pay), min(age), max(day) FROM t WHERE dept = 'nobody'",
    "SELECT count(DISTINCT age) FROM t WHERE dept = 'CS' OR age > 22",
    "SELECT dept FROM t GROUP BY dept",
    "SELECT count(*) FROM t WHERE age BETWEEN 20 AND 22 AND dept LIKE '%S' AND pay IS NOT NULL",
    "SELECT nothing FROM t",
    "DELETE FROM t",
    "",
]
BATCH = [*COUNTS[:6], *OTHERS[:4], COUNTS[0], COUNTS[2], *OTHERS[4:], *COUNTS[6:], COUNTS[2], COUNTS[2], OTHERS[0]]


def test_no_built_in_defense_is_left_out() -> None:
    assert {re.split("[:+]", spec)[0] for spec in DEFENSES} | ELSEWHERE >= set(BUILTIN) - CLASSICAL


@pytest.mark.parametrize("spec", DEFENSES)
@pytest.mark.parametrize("name", TABLES)
def test_a_batch_gets_the_answers_of_its_queries_one_by_one(name: str, spec: str) -> None:
    defense = registry.defense(spec)[0]
    together = session(name, defense, seed=5).query_many(BATCH)
    alone = session(name, defense, seed=5)
    assert [plain(found) for found in together] == [plain(alone.query(sql)) for sql in BATCH]
    halves = session(name, defense, seed=5)
    assert [plain(a) for part in (BATCH[:9], BATCH[9:]) for a in halves.query_many(part)] == list(map(plain, together))
    assert sum(isinstance(found, Refused) for found in together) >= 3
    assert session(name, defense).query_many([]) == []


@pytest.mark.parametrize("spec", [spec for spec in DEFENSES if "output" not in spec and "first" not in spec])
@pytest.mark.parametrize("name", ["one row a user", "many rows a user"])
def test_what_is_keyed_by_the_salt_depends_on_no_order_or_generator(name: str, spec: str) -> None:
    defense = registry.defense(spec)[0]
    forth = session(name, defense, seed=1).query_many(BATCH)
    back = session(name, defense, seed=2).query_many(BATCH[::-1])
    assert list(map(plain, forth)) == list(map(plain, back[::-1]))


@pytest.mark.parametrize("spec", DEFENSES)
@pytest.mark.parametrize("name", TABLES)
def test_odd_tables_are_answered(name: str, spec: str) -> None:
    """No exception, numbers or NULL, no bucket that is not there, and the exact query's columns."""
    defense = registry.defense(spec)[0]
    exact = session(name, Defense()).query_many(COUNTS[:-2])
    for sql, found, true in zip(COUNTS, session(name, defense).query_many(COUNTS[:-2]), exact, strict=False):
        assert isinstance(found, Answer), sql
        assert isinstance(true, Answer), sql
        assert (found.columns, found.kinds) == (true.columns, true.kinds)
        keys = sql.split(" FROM ")[0].count(",") + 1 - sql.count("count(")
        shown = [row[:keys] for row in found]
        assert set(shown) <= {row[:keys] for row in true}
        assert len(set(shown)) == len(shown)
        for column in found.data[keys:]:
            assert column.dtype == np.float64
            assert not np.isinf(column).any()


@pytest.mark.parametrize("spec", DEFENSES)
def test_null_keys_are_a_bucket_of_their_own(spec: str) -> None:
    found = by_key(session("one row a user", registry.defense(spec)[0]), "SELECT dept, count(*) FROM t GROUP BY dept")
    assert set(found) == {None, "", "NULL", "CS", "Law"}


# none


def pandas_counts(rows: pd.DataFrame, by: list[str]) -> dict[Any, tuple[Any, ...]]:
    """By plain Python: rows, known ages, users, sum of pay."""
    groups: dict[Any, list[Any]] = {}
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        groups.setdefault(tuple(row[key] for key in by), []).append(row)
    return {
        key: (
            len(group),
            sum(row["age"] is not None for row in group),
            len({row["uid"] for row in group}),
            sum(pays) if (pays := [row["pay"] for row in group if row["pay"] is not None]) else None,
        )
        for key, group in groups.items()
    }


EXACT = "SELECT dept, flag, count(*), count(age), count(DISTINCT uid), sum(pay) FROM t GROUP BY dept, flag"


@pytest.mark.parametrize("name", TABLES)
def test_none_is_exact(name: str) -> None:
    found = {row[:2]: row[2:] for row in answer(session(name, none()), EXACT)}
    assert found == pandas_counts(TABLES[name].frame, ["dept", "flag"])
    for sql in COUNTS:
        assert plain(session(name, none()).query(sql)) == plain(session(name, Defense()).query(sql))


# k-threshold


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize("name", TABLES)
def test_k_threshold_shows_exactly_the_buckets_of_k_users(name: str, k: int, upper: bool) -> None:
    """Users are counted, not rows, and what is shown is exact."""
    true = pandas_counts(TABLES[name].frame, ["dept", "flag"])
    n = TABLES[name].frame.uid.nunique()
    expected = {key: row for key, row in true.items() if k <= row[2] and (not upper or row[2] <= n - k)}
    found = {row[:2]: row[2:] for row in answer(session(name, k_threshold(k=k, upper=upper)), EXACT)}
    assert found == expected


def test_k_threshold_counts_users_at_both_bounds() -> None:
    """40 users, of whom u7 alone has 23 rows; 8 users in each dept."""
    name = "many rows a user"
    for k, shown in [(8, 1), (9, 0)]:
        assert len(answer(session(name, k_threshold(k=k)), "SELECT count(*) FROM t WHERE dept = 'CS'")) == shown
    assert len(answer(session(name, k_threshold(k=2)), "SELECT count(*) FROM t WHERE uid = 'u7'")) == 0
    for k, shown in [(8, 1), (9, 0)]:  # the complement: 32 of 40 users, 32 = 40 − 8
        sql = "SELECT count(*) FROM t WHERE dept <> 'CS' OR dept IS NULL"
        assert len(answer(session(name, k_threshold(k=k, upper=True)), sql)) == shown
        assert len(answer(session(name, k_threshold(k=k)), sql)) == 1
    assert len(answer(session(name, k_threshold(k=1, upper=True)), "SELECT count(*) FROM t")) == 0
    assert len(answer(session(name, k_threshold(k=1)), "SELECT count(*) FROM t WHERE dept = 'nobody'")) == 0


# output-perturbation

DRAWS = 20_000
TRUE = 12.0  # rows with dept = 'CS' of 60


def draws(defense: Defense, sql: str = "SELECT count(*) FROM t WHERE dept = 'CS'", n: int = DRAWS) -> np.ndarray:
    found = session("one row a user", defense, seed=11).query_many([sql] * n)
    return np.array([a.value for a in found if isinstance(a, Answer)])


@pytest.mark.parametrize(
    ("kind", "scale", "width"),
    [("multiply", None, 0.2 * TRUE), ("multiply", 0.5, 0.5 * TRUE), ("add", None, 10.0), ("add", 3.0, 3.0)],
)
def test_uniform_noise(kind: str, scale: float | None, width: float) -> None:
    noise = draws(output_perturbation(kind=kind, scale=scale)) - TRUE
    assert np.abs(noise).max() <= width
    assert np.abs(noise).max() > 0.99 * width
    assert abs(noise.mean()) < Z * width / np.sqrt(3 * DRAWS)
    assert stats.kstest(noise, stats.uniform(-width, 2 * width).cdf).pvalue > 0.001
    assert len(np.unique(noise)) == DRAWS


@pytest.mark.parametrize(("scale", "sd"), [(None, 5.0), (0.5, 0.5)])
def test_gaussian_noise(scale: float | None, sd: float) -> None:
    noise = draws(output_perturbation(kind="gaussian", scale=scale)) - TRUE
    low, high = stats.chi2.ppf([0.0005, 0.9995], DRAWS - 1) / (DRAWS - 1)
    assert abs(noise.mean()) < Z * sd / np.sqrt(DRAWS)
    assert low < noise.var(ddof=1) / sd**2 < high
    assert stats.kstest(noise / sd, "norm").pvalue > 0.001
    assert len(np.unique(noise)) == DRAWS


@pytest.mark.parametrize(("p", "scale", "width"), [(0.1, None, TRUE), (0.35, 0.5, 0.5 * TRUE)])
def test_lies(p: float, scale: float | None, width: float) -> None:
    """The rest is the truth; lies are uniform around it."""
    noise = draws(output_perturbation(kind="lie", p=p, scale=scale)) - TRUE
    lies = noise[noise != 0]
    low, high = stats.binom.ppf([0.0005, 0.9995], DRAWS, p)
    assert low <= len(lies) <= high
    assert np.abs(lies).max() <= width
    assert stats.kstest(lies, stats.uniform(-width, 2 * width).cdf).pvalue > 0.001


def test_the_ends_of_p_and_scale() -> None:
    assert (draws(output_perturbation(kind="lie", p=0), n=500) == TRUE).all()
    assert (draws(output_perturbation(kind="lie", p=1), n=500) != TRUE).all()
    for kind in SCALES:
        assert (draws(output_perturbation(kind=kind, scale=0, p=1), n=50) == TRUE).all()


@pytest.mark.parametrize("kind", SCALES)
def test_perturbation_is_fresh_and_leaves_rows_and_null_alone(kind: str) -> None:
    defense = output_perturbation(kind=kind, p=1.0)
    interface = session("one row a user", defense)
    sql = "SELECT dept, count(*), avg(pay), sum(age) FROM t WHERE uid <> 'u1' GROUP BY dept"
    one, two = answer(interface, sql), answer(interface, sql)
    exact = answer(session("one row a user", none()), sql)
    assert one.data[0].tolist() == two.data[0].tolist() == exact.data[0].tolist()
    for slot in (1, 2, 3):
        assert not set(one.data[slot]) & set(two.data[slot])
        assert not set(one.data[slot]) & set(exact.data[slot])
        assert len(set(one.data[slot])) == 5
    empty = answer(interface, "SELECT count(*), sum(pay), avg(pay), min(day) FROM t WHERE dept = 'nobody'").rows[0]
    assert empty[1:] == (None, None, None)
    assert (empty[0] == 0) == (kind in ("multiply", "lie"))  # in proportion to 0
    assert plain(answer(session("one row a user", defense, 7), sql)) == plain(
        answer(session("one row a user", defense, 7), sql)
    )
    assert plain(answer(session("one row a user", defense, 7), sql)) != plain(
        answer(session("one row a user", defense, 8), sql)
    )


# sticky


@cache
def many(n: int = 20_000) -> DuckEngine:
    """n users, each a bucket of column age."""
    frame = pd.DataFrame({"uid": np.arange(n).astype(str).astype(object), "dept": "CS", "age": np.arange(n)})
    return DuckEngine(Table(Schema("t", SCHEMA.columns[:3], "uid"), frame.astype({"dept": object})), SALT)


def noise_of_buckets(scale: float, sql: str) -> np.ndarray:
    schema = Schema("t", SCHEMA.columns[:3], "uid")
    interface = LocalSession(schema, many(), sticky(scale=scale), np.random.default_rng(0))
    exact = answer(LocalSession(schema, many(), none(), np.random.default_rng(0)), sql)
    return np.stack(answer(interface, sql).data[1:]) - np.stack(exact.data[1:])


@pytest.mark.parametrize("scale", [2.0, 0.25, 40.0])
def test_sticky_has_the_deviation_of_its_scale_in_every_bucket(scale: float) -> None:
    rows, users = noise_of_buckets(scale, "SELECT age, count(*), count(DISTINCT uid) FROM t GROUP BY age")
    n = len(rows)
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    for noise in (rows, users):
        assert abs(noise.mean()) < Z * scale / np.sqrt(n)
        assert low < noise.var(ddof=1) / scale**2 < high
        assert stats.kstest(noise / scale, "norm").pvalue > 0.001
        assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < Z / np.sqrt(n)
    assert abs(np.corrcoef(rows, users)[0, 1]) < Z / np.sqrt(n)


def test_sticky_has_the_deviation_of_its_scale_over_salts_too() -> None:
    sql = "SELECT count(*) FROM t WHERE dept = 'CS'"
    buckets = engine("one row a user").run([Plan(analyse(parse(sql), SCHEMA))])
    salted = (replace(buckets, salt=digest("sticky over salts", number)) for number in range(2_000))
    noise = np.array([sticky().answer(b, np.random.default_rng(0)).values[0, 0] - TRUE for b in salted])
    low, high = stats.chi2.ppf([0.0005, 0.9995], 1999) / 1999
    assert abs(noise.mean()) < Z * 2 / np.sqrt(2_000)
    assert low < noise.var(ddof=1) / 4 < high


STICKY_SAME = {
    "SELECT count(*) FROM t WHERE dept = 'CS'": [
        "select  COUNT( * )\nfrom T where DEPT='CS'",
        "SELECT count(*) FROM t WHERE dept = 'CS' ORDER BY 1 DESC LIMIT 5",
        "SELECT count(*) AS persons FROM t AS x WHERE (x.dept = 'CS') HAVING count(*) > -1000",
        "SELECT count(*) FROM t WHERE 'CS' = \"dept\" -- a comment",
    ],
    "SELECT dept, count(*) FROM t WHERE age = 20 GROUP BY dept": [
        "SELECT dept, count(*) FROM t WHERE age = 20.0 GROUP BY 1",
        "SELECT dept AS d, count(*) FROM t WHERE age = '20' GROUP BY d ORDER BY count(*), dept LIMIT 99 OFFSET 0",
    ],
}


@pytest.mark.parametrize("sql", STICKY_SAME)
@pytest.mark.parametrize("name", ["one row a user", "many rows a user"])
def test_sticky_answers_the_same_text_alike(name: str, sql: str) -> None:
    interface = session(name, sticky())
    expected = by_key(interface, sql)
    for spelling in [sql, *STICKY_SAME[sql]]:
        found = by_key(interface, spelling)
        assert len(found) == len(expected) > 0, spelling
        assert set(found.values()) == set(expected.values()), spelling
        if len(answer(interface, sql).columns) == 2:
            assert found == expected


def test_another_query_bucket_or_salt_is_another_draw() -> None:
    """Also where the rows are the same: that is the weakness which layers mend."""
    name = "one row a user"
    interface, exact = session(name, sticky()), session(name, none())
    wheres = ["", "dept = 'CS'", "dept IN ('CS', 'x')", "dept = 'CS' AND age <> 999", "dept = 'CS' AND age <> 998"]
    wheres += ["age <> 999 AND dept = 'CS'", "dept = 'Law'", "dept <> 'CS'", "age = 20", "age = 2", "pay = 20"]
    noise = []
    for where in wheres:
        for shown in ("count(*)", "count(age)", "count(DISTINCT uid)"):
            sql = f"SELECT {shown} FROM t" + (f" WHERE {where}" if where else "")
            noise.append(answer(interface, sql).value - answer(exact, sql).value)
    grouped = "SELECT dept, count(*) FROM t GROUP BY dept"
    shown, true = by_key(interface, grouped), by_key(exact, grouped)
    noise += [shown[key] - true[key] for key in true]
    other = session(name, sticky(), salt=digest("another salt"))
    noise += [value - true[key] for key, value in by_key(other, grouped).items()]
    assert len({round(x, 9) for x in noise}) == len(noise) == 33 + 10


def test_sticky_keys_differ_by_value_and_place() -> None:
    """(a = 1, b = 2) and (a = 2, b = 1), NULL and 'NULL' and '': draws of their own."""
    pairs = [
        ("1", "2"),
        ("2", "1"),
        ("1", "1"),
        ("2", "2"),
        ("12", ""),
        ("", "12"),
        (None, "1"),
        ("", "1"),
        ("1", None),
    ]
    pairs += [("NULL", "1"), (None, None), ("", ""), ("NULL", "NULL"), ("1,", "2"), ("1", ",2")]
    frame = pd.DataFrame(
        {
            "uid": pd.Series([str(i) for i in range(len(pairs))], dtype=object),
            "dept": pd.Series([a for a, _ in pairs], dtype=object),
            "age": pd.Series([b for _, b in pairs], dtype=object),
        }
    )
    schema = Schema("t", tuple(Column(name, Kind.TEXT) for name in frame), "uid")
    interface = LocalSession(schema, DuckEngine(Table(schema, frame), SALT), sticky(), np.random.default_rng(0))
    found = answer(interface, "SELECT dept, age, count(*) FROM t GROUP BY dept, age")
    assert len(found) == len(pairs)
    assert len(set(found.data[2].tolist())) == len(pairs)


def test_sticky_noise_depends_on_no_rows() -> None:
    """So the difference of two tables is exact: no dynamic noise."""
    for keys in ("", "dept, "):
        sql = f"SELECT {keys}count(*), sum(age), count(pay) FROM t" + (" GROUP BY dept" if keys else "")
        apart = []
        for defense in (sticky(), none()):
            one, two = (answer(session(name, defense), sql).data for name in ("one row a user", "many rows a user"))
            apart.append(np.stack(one[-3:]) - np.stack(two[-3:]))
        assert apart[0] == pytest.approx(apart[1], abs=1e-9)
    null = answer(session("all null", sticky()), "SELECT sum(pay), count(pay) FROM t").rows[0]
    assert null[0] is None
    assert null[1] != 0


# Parameters


@pytest.mark.parametrize(
    ("page", "name", "value", "allowed"),
    [
        (k_threshold, "k", 0, "a whole number from 1 up"),
        (k_threshold, "k", -5, "a whole number from 1 up"),
        (k_threshold, "k", 2.5, "a whole number from 1 up"),
        (k_threshold, "k", True, "a whole number from 1 up"),
        (k_threshold, "k", None, "a whole number from 1 up"),
        (k_threshold, "k", "5", "a whole number from 1 up"),
        (k_threshold, "upper", 1, "true or false"),
        (k_threshold, "upper", "yes", "true or false"),
        (output_perturbation, "kind", "laplace", "one of multiply, add, gaussian, lie, wrong-record"),
        (output_perturbation, "kind", None, "one of multiply, add, gaussian, lie, wrong-record"),
        (output_perturbation, "scale", -0.1, "a number from 0 up, or null"),
        (output_perturbation, "scale", float("nan"), "a number from 0 up, or null"),
        (output_perturbation, "scale", "wide", "a number from 0 up, or null"),
        (output_perturbation, "p", 1.5, "a number from 0 to 1"),
        (output_perturbation, "p", -0.01, "a number from 0 to 1"),
        (output_perturbation, "p", None, "a number from 0 to 1"),
        (sticky, "scale", -1.0, "a number from 0 up"),
        (sticky, "scale", False, "a number from 0 up"),
        (sticky, "scale", None, "a number from 0 up"),
        *((diffix, name, value, "true or false") for name in ("static", "dynamic", "low_count", "flatten")
          for value in (0, "no", None)),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_named_with_what_is_allowed(
    page: type[Defense], name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        page(**{name: value})
    assert str(caught.value) == f"{page.label()}: {name}={value!r} is not allowed; {name} is {allowed}."


def test_parameters_at_their_bounds_are_allowed_and_take_their_type() -> None:
    assert k_threshold(k=1.0) == k_threshold(k=1)  # type: ignore[arg-type]
    assert isinstance(k_threshold(k=3.0).k, int)  # type: ignore[arg-type]
    assert isinstance(sticky(scale=0).scale, float)
    assert output_perturbation(p=0).p == 0
    assert output_perturbation(p=1, scale=0).scale == 0
    assert output_perturbation().scale is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("k-threshold:k=0", ["k-threshold", "k=0", "from 1 up"]),
        ("output-perturbation:p=2", ["output-perturbation", "p=2", "0 to 1"]),
        ("diffix:static=0", ["diffix", "static=0", "true or false"]),
        ("diffix:statc=false", ["diffix", "'statc'", "static"]),
        ("none:k=1", ["none", "'k'", "no parameters"]),
        ("sticky+k-threshold:k=0", ["k-threshold", "k=0", "from 1 up"]),
    ],
)
def test_a_spec_with_a_wrong_parameter_says_so(spec: str, words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        registry.defense(spec)
    assert all(word in str(caught.value) for word in words), caught.value
