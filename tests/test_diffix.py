"""Diffix: its noise in numbers and in algebra, salt, suppression, flattening, switches, refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import constants, diffix, restrictions
from defenses.diffix.aggregates import flattened, group_size
from defenses.diffix.layers import (
    ELEMENT,
    EQUAL,
    IN,
    KNOWN,
    NONE,
    NULL,
    RANGE,
    UNEQUAL,
    Layer,
    Noise,
    Seeds,
    layer_word,
    layers_of,
    seeds_of,
)
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.plugin import Defense
from harness.seeds import digest, mix
from harness.session import History, LocalSession
from harness.sql import Buckets, Plan, Query, analyse, parse
from harness.sql.query import Ref

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


def answer(interface: LocalSession, sql: str) -> Answer:
    found = interface.query(sql)
    assert isinstance(found, Answer), found
    return found


def value(interface: LocalSession, where: str, what: str = COUNT) -> float:
    """One number; `where` may be empty."""
    return answer(interface, f"SELECT {what} FROM t" + (f" WHERE {where}" if where else "")).value


def by_key(interface: LocalSession, sql: str) -> dict[Any, Any]:
    """First column -> last column."""
    return {row[0]: row[-1] for row in answer(interface, sql)}


def query(sql: str, schema: Schema = SCHEMA) -> Query:
    return analyse(parse(sql), schema)


def plan_of(sql: str, **switches: bool) -> Plan:
    plan = diffix(**switches).plan(query(sql), History(SCHEMA))
    assert isinstance(plan, Plan), plan
    return plan


# The noise in numbers: 1,000 salts. The user sets get fresh XOR seeds with every salt, as a real table would.

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
SALTS = 1_000


@cache
def noise_over_salts() -> dict[str, dict[str, np.ndarray]]:
    """Sort or purpose -> condition -> the summed layers under each salt, (SALTS,)."""
    engine = DuckEngine(table(), SALT)
    exact = engine.run([plan_of(f"SELECT {COUNT} FROM t" + (f" WHERE {w}" if w else "")) for w in NOISY])
    sums = []
    for number in range(SALTS):
        salt = digest("noise over salts", number)
        buckets = replace(exact, salt=salt, uid_xor=mix(salt[:16], exact.uid_xor))
        seeds = seeds_of(buckets)
        noise, static, dynamic = (Noise(part, buckets) for part in (seeds, only(seeds, False), only(seeds, True)))
        draws = [noise.draw(purpose) for purpose in ("noise", "T1", "T2")]
        sums.append([*draws, static.draw("noise"), dynamic.draw("noise")])
    found = np.array(sums).transpose(1, 2, 0)
    names = ("noise", "T1", "T2", "static", "dynamic")
    return {name: dict(zip(NOISY, part, strict=True)) for name, part in zip(names, found, strict=True)}


def only(seeds: Seeds, dynamic: bool) -> Seeds:
    kept = seeds.dynamic == dynamic
    return Seeds(seeds.bucket[kept], seeds.word[kept], seeds.dynamic[kept])


def assert_variance(sample: np.ndarray, expected: float) -> None:
    """Mean 0 and this variance, within 99.9 % of the sampling error of normal samples."""
    n = len(sample)
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    assert abs(sample.mean()) < Z * np.sqrt(expected / n)
    assert low * expected < sample.var(ddof=1) < high * expected


def assert_covariance(one: np.ndarray, other: np.ndarray, expected: float) -> None:
    error = np.sqrt((one.var() * other.var() + expected**2) / len(one))
    assert abs(np.cov(one, other)[0, 1] - expected) < Z * error


@pytest.mark.parametrize(("where", "layers"), NOISY.items())
def test_noise_has_mean_0_and_the_standard_deviation_of_its_layers(where: str, layers: int) -> None:
    sample = noise_over_salts()["noise"][where]
    assert_variance(sample, layers)
    assert stats.kstest(sample / np.sqrt(layers), "norm").pvalue > 0.001


@pytest.mark.parametrize(
    ("where", "static", "dynamic"),
    [("", 0, 1), ("a = 'x'", 1, 1), ("b IN (1, 2)", 1, 2), ("b IN (1, 2, 3)", 1, 3), ("b NOT IN (1, 2)", 2, 2)],
)
def test_layers_are_static_and_dynamic_as_the_paper_counts_them(where: str, static: int, dynamic: int) -> None:
    for sort, layers in (("static", static), ("dynamic", dynamic)):
        sample = noise_over_salts()[sort][where]
        if layers:
            assert_variance(sample, layers)
        else:
            assert (sample == 0).all()


def test_queries_share_the_static_layers_of_common_conditions_and_the_dynamic_ones_of_equal_user_sets() -> None:
    noise = noise_over_salts()["noise"]
    assert_covariance(noise["a = 'x'"], noise["a = 'x' AND c <> 999"], 2)  # the same users
    assert_covariance(noise["a = 'x'"], noise["a = 'x' AND c <> 5"], 1)  # others
    assert_covariance(noise["a = 'x' AND c <> 5"], noise["a = 'x' AND c <> 5 AND f = true"], 2)
    assert_covariance(noise["a = 'x'"], noise["a <> 'x'"], 0)
    assert_covariance(noise["a = 'x'"], noise["b IN (1, 2)"], 0)
    assert_covariance(noise["b IN (1, 2)"], noise["b IN (1, 2, 3)"], 0)  # other floated values, other users
    assert_covariance(noise["b IN (1, 2)"], noise["a = 'x' AND b IN (1, 2)"], 0)  # there only b = 1 is left
    assert_covariance(noise["b IN (1, 2)"], noise["b NOT IN (1, 2)"], 0)
    assert_covariance(noise[""], noise["a = 'x'"], 0)


def test_a_condition_adds_one_static_and_one_dynamic_sample() -> None:
    noise, static, dynamic = (noise_over_salts()[sort] for sort in ("noise", "static", "dynamic"))
    assert_variance(noise["a = 'x' AND c <> 999"] - noise["a = 'x'"], 2)
    assert_variance(static["a = 'x' AND c <> 999"] - static["a = 'x'"], 1)
    assert_variance(static["a = 'x' AND c <> 5"] - static["a = 'x'"], 1)
    assert_variance(dynamic["a = 'x' AND c <> 999"] - dynamic["a = 'x'"], 1)
    for where, sample in noise.items():
        assert sample == pytest.approx(static[where] + dynamic[where], abs=1e-12)


def test_noise_is_independent_between_purposes() -> None:
    """The sizes of the outlier groups tell nothing of the noise of the answer."""
    baseline, first, second = (noise_over_salts()[p]["a = 'x' AND c <> 5"] for p in ("noise", "T1", "T2"))
    assert_variance(first, 4)
    assert_variance(second, 4)
    for one, other in ((baseline, first), (baseline, second), (first, second)):
        assert_covariance(one, other, 0)


def test_group_by_gives_every_bucket_its_own_samples() -> None:
    """20,000 buckets of one salt: both layers are standard normal and independent."""
    n = 20_000
    frame = pd.DataFrame({"uid": np.arange(n), "a": None, "b": np.arange(n)}).astype({"a": object})
    schema = Schema("t", SCHEMA.columns[:3], "uid")
    parts = {}
    for name, switches in {"both": {}, "static": {"dynamic": False}, "dynamic": {"static": False}}.items():
        interface = session(Table(schema, frame), diffix(low_count=False, **switches))
        found = answer(interface, f"SELECT b, {COUNT} FROM t GROUP BY b")
        parts[name] = np.asarray(found.data[-1], dtype=float) - 1
    assert_variance(parts["both"], 2)
    assert_variance(parts["static"], 1)
    assert_variance(parts["dynamic"], 1)
    assert_covariance(parts["static"], parts["dynamic"], 0)
    assert parts["both"] == pytest.approx(parts["static"] + parts["dynamic"], abs=1e-12)


@pytest.mark.parametrize("victim", ["absent", "present"])
def test_the_difference_attack_meets_the_variance_of_the_layer_algebra(victim: str) -> None:
    """Figure 5, k = 2 conditions in common: Q − Q' is N(0, 2) where the victim is not in the bucket, else N(1, 2k + 2).

    The left query has one condition more, whose two layers are always new.
    """
    n = 4_000
    uid = np.arange(12 * n)
    bucket = uid // 12
    is_victim = (uid % 12 == 0) & (victim == "present")
    frame = pd.DataFrame({"uid": uid, "a": np.where(is_victim, "F", "M").astype(object), "b": bucket, "c": 1})
    interface = session(Table(Schema("t", SCHEMA.columns[:4], "uid"), frame), diffix())
    left = by_key(interface, "SELECT b, count(*) FROM t WHERE c = 1 AND a = 'M' GROUP BY b")
    right = by_key(interface, "SELECT b, count(*) FROM t WHERE c = 1 GROUP BY b")
    assert len(left) == len(right) == n
    difference = np.array([right[key] - left[key] for key in right])
    static = value(session(table(), diffix(dynamic=False)), "a = 'M'")  # an empty set: the bare static sample of a
    assert np.isnan(static)
    spread = {"absent": 1, "present": 2 * 2 + 1}[victim]  # the static sample of a = 'M' is common to all buckets
    sample = difference - difference.mean()
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    assert low * spread < sample.var(ddof=1) < high * spread
    common = value(session(table(), diffix(dynamic=False, low_count=False)), "a = 'M'")
    assert abs(difference.mean() + common - (victim == "present")) < Z * np.sqrt(spread / n)


def test_without_dynamic_layers_the_difference_attack_sees_the_victim() -> None:
    """Figure 5: all pairs of buckets differ by the same number, the victim's by one more."""
    frame = table(400).frame
    frame.loc[frame.uid == 17, "a"] = "victim"
    rows = Table(SCHEMA, frame)

    def differences(**switches: bool) -> dict[int, float]:
        interface = session(rows, diffix(**switches))
        right = by_key(interface, f"SELECT b, {COUNT} FROM t GROUP BY b")
        left = by_key(interface, f"SELECT b, {COUNT} FROM t WHERE a <> 'victim' GROUP BY b")
        return {key: right[key] - left[key] for key in right}

    static = differences(dynamic=False)
    usual = static[0]
    assert static == pytest.approx({key: usual + (key == 17 % 6) for key in range(6)}, abs=1e-9)
    assert len({round(d, 6) for d in differences().values()}) == 6


# The noise in algebra: one salt, exact equality


@pytest.mark.parametrize("times", [1, 3])
def test_a_selected_column_is_a_condition(times: int) -> None:
    """Figure 13, and §6.3: GROUP BY a, b has the bucket (x, 1) of WHERE a = 'x' AND b = 1."""
    interface = session(table(240, times), diffix())
    shown = "count(*), count(b), count(DISTINCT uid)"
    for keys, conditions in [
        ("a", "a = 'x'"),
        ("b", "b = 1"),
        ("a, b", "b = 1 AND a = 'x'"),
        ("r, a", "a = 'x' AND r = 0.25"),
        ("f", "f = false"),
        ("f", "NOT f <> false"),
        ("d", "d = '2020-01-02'"),
        ("m", "m = TIMESTAMP '2020-01-01 01:00:00'"),
        ("f, d, m, r", "r = 0.25 AND m = '2020-01-01 01:00' AND d = '2020-01-02' AND f = false"),
    ]:
        single = answer(interface, f"SELECT {shown} FROM t WHERE {conditions}").rows[0]
        grouped = answer(interface, f"SELECT {shown} FROM t WHERE {conditions} GROUP BY {keys}").rows
        rest = [row[-3:] for row in answer(interface, f"SELECT {keys}, {shown} FROM t GROUP BY {keys}")]
        assert grouped == [single]
        assert single in rest
        assert len(set(rest)) == len(rest)


def test_a_null_key_has_a_seed_of_its_own() -> None:
    keys = [None, "", "NULL", "None", "NaN", "nan", " ", "0"]
    frame = pd.DataFrame({"uid": np.arange(8 * 20), "a": np.repeat(np.array(keys, dtype=object), 20)})
    interface = session(Table(Schema("t", SCHEMA.columns[:2], "uid"), frame), diffix(dynamic=False))
    found = by_key(interface, f"SELECT a, {COUNT} FROM t GROUP BY a")
    assert set(found) == set(keys)
    assert len(set(found.values())) == 8


SAME = {
    "b = 2 AND c <> 5": [
        "c <> 5 AND b = 2",
        "b = 2 AND c <> 5 AND b = 2",
        "b = 2 AND (c <> 5 AND (c <> 5 AND c <> 5))",
        "(b = 2) AND NOT c = 5",
        "NOT NOT (b = 2 AND c <> 5)",
        "2 = b AND 5 <> c",
        "t.b = 2 and T.C != 5",
        "b IN (2) AND c NOT IN (5)",
        "b IN (2, 2, 2.0, '2') AND c NOT IN (5, '5')",
        "NOT b NOT IN (2) AND NOT c IN (5)",
    ],
    "c = 20": ["20 = c", "c IN (20)", "c = 20.0", "c = '20'", "c = 2e1", "NOT c <> 20", "c = (20)", "c = '20.0'"],
    "r = 0": ["r = 0.0", "r = -0.0", "r = '0'", "r = -0", "r = '-0'", "0e5 = r"],
    "b IN (1, 2)": ["b IN (2, 1)", "b IN (1, 2, 2, 1)", "b IN ('1', 2.0)", "b IN (1, 2) AND b IN (1, 2)"],
    "b NOT IN (1, 2)": ["b <> 1 AND b <> 2", "b NOT IN (2, 1, 1)", "NOT b IN (1, 2)", "b <> 2 AND b NOT IN (1)"],
    "f": ["f = true", "f = 'TRUE'", "NOT NOT f", "f IN (true)", "true = f"],
    "NOT f": ["f <> true", "f NOT IN (true)", "true <> f"],
    "d = '2020-01-01'": ["d = DATE '2020-01-01'", "d = TIMESTAMP '2020-01-01 00:00:00'", "'2020-01-01' = d"],
    "d IN ('2020-01-01', '2020-01-02')": ["d IN (DATE '2020-01-02', TIMESTAMP '2020-01-01 00:00:00')"],
    "m = '2020-01-01'": ["m = '2020-01-01 00:00'", "m = TIMESTAMP '2020-01-01 00:00:00.000'"],
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("where", SAME)
def test_one_meaning_has_one_noise(where: str, times: int) -> None:
    interface = session(table(240, times), diffix())
    asked = [f"SELECT count(*), {COUNT}, count(c) FROM t WHERE {text}" for text in [where, *SAME[where]]]
    answers = [found.rows if isinstance(found, Answer) else found for found in interface.query_many(asked)]
    assert answers == [answers[0]] * len(asked)
    assert None not in answers[0][0]


def test_what_differs_in_meaning_differs_in_noise() -> None:
    """Static layers alone; each has a noise of its own, also the pairs that a careless encoding confuses."""
    texts = ["b = 1 AND c = 2", "b = 2 AND c = 1", "b = 1", "c = 1", "b <> 1", "b = 2", "r = 1", "f = true", "a = '1'"]
    texts += [
        "b IN (1, 2)",
        "c IN (1, 2)",
        "b NOT IN (1, 2)",
        "a = 'x'",
        "a = 'X'",
        "a = 'x '",
        "a <> 'x'",
        "f = false",
    ]
    texts += ["f <> true", "d = '2020-01-01'", "m = '2020-01-01'", "a = ''", "a = 'NULL'", "a = '1.0'", "b = 11"]
    interface = session(table(), diffix(dynamic=False, low_count=False))
    exact = session(table(), diffix(**OFF))
    noise = [value(interface, text) - value(exact, text) for text in texts]
    assert len({round(x, 9) for x in noise}) == len(texts)


def test_static_noise_depends_on_no_rows() -> None:
    """The same static sample whatever other conditions and whoever the users; dynamic ones follow the user set."""
    small, large = table(120), table(240)
    static = [session(rows, diffix(dynamic=False)) for rows in (small, large)]
    exact = [session(rows, diffix(**OFF)) for rows in (small, large)]
    alone, others = (value(s, "a = 'x'") - value(e, "a = 'x'") for s, e in zip(static, exact, strict=True))
    assert alone == pytest.approx(others, abs=1e-9)
    c, both = (value(static[1], w) - value(exact[1], w) for w in ("c <> 5", "a = 'x' AND c <> 5"))
    assert both == pytest.approx(alone + c, abs=1e-9)

    dynamic = [session(rows, diffix(static=False)) for rows in (small, large)]
    assert value(dynamic[0], "a = 'x'") - 60 != pytest.approx(value(dynamic[1], "a = 'x'") - 120, abs=1e-9)
    idle = value(dynamic[1], "a = 'x' AND c <> 999") - value(dynamic[1], "a = 'x' AND c <> 998")
    assert idle != pytest.approx(0, abs=1e-9)
    one, two = (value(dynamic[1], w) for w in ("a = 'x'", "a = 'x' AND c <> 999"))
    three, four = (value(dynamic[1], w) for w in ("a = 'x' AND b <> 999", "a = 'x' AND b <> 999 AND c <> 999"))
    assert two - one == pytest.approx(four - three, abs=1e-9)  # the dynamic sample of c <> 999 over the users of x


def test_idle_in_elements_do_not_change_the_static_layer() -> None:
    """§6.9: the clause is seeded by the floated values, an element that nobody has only brings a dynamic layer."""
    static, both = (session(table(), diffix(dynamic=d)) for d in (False, True))
    texts = ["b IN (1, 2)", "b IN (1, 2, 1000)", "b IN (1, 2, 1001)"]
    assert len({value(static, text) for text in texts}) == 1
    assert len({value(both, text) for text in texts}) == 3
    assert value(static, "b IN (1, 1000)") - 40 != pytest.approx(value(static, "b IN (1, 2)") - 80, abs=1e-9)


def test_layers_of_a_query() -> None:
    """Each rule of §6 once, written out."""
    a, b = Ref("a", Kind.TEXT), Ref("b", Kind.INTEGER)
    x, one, two = ("text", "x"), ("integer", 1), ("integer", 2)

    def both(operator: str, column: Ref, *values: Any) -> set[Layer]:
        return {Layer(dynamic, operator, column, values) for dynamic in (False, True)}

    expected: dict[str, set[Layer]] = {
        "": {Layer(True, NONE)},
        "WHERE a = 'x'": both(EQUAL, a, x, x, 1),
        "WHERE a <> 'x'": both(UNEQUAL, a, x),
        "WHERE b IN (1, 2)": {Layer(False, IN, b, None)} | {Layer(True, ELEMENT, b, (v,)) for v in (one, two)},
        "WHERE b NOT IN (1, 2)": both(UNEQUAL, b, one) | both(UNEQUAL, b, two),
        "WHERE b BETWEEN 1 AND 2": both(RANGE, b, one, two),
        "WHERE 2 > b AND a = 'x' AND b >= 1": both(RANGE, b, one, two) | both(EQUAL, a, x, x, 1),
        "WHERE a IS NULL": both(NULL, a),
        "WHERE a IS NOT NULL": both(KNOWN, a),
        "GROUP BY b": {Layer(dynamic, EQUAL, b, None, 0) for dynamic in (False, True)},
        "WHERE a = 'x' AND a = 'x'": both(EQUAL, a, x, x, 1),
    }
    for clause, layers in expected.items():
        found = layers_of(query(f"SELECT count(*) FROM t {clause}"))
        assert set(found) == layers, clause
        assert len(found) == len(layers)


def test_layer_words_name_every_component() -> None:
    parts = [
        (SALT, "t", "=", "a", ("x",)),
        (digest("other"), "t", "=", "a", ("x",)),
        (SALT, "u", "=", "a", ("x",)),
        (SALT, "t", "<>", "a", ("x",)),
        (SALT, "t", "=", "b", ("x",)),
        (SALT, "t", "=", "a", ("y",)),
        (SALT, "t", "=", "a", ("x", "x", 1)),
        (SALT, "t", "=", "ax", ("",)),
        (SALT, "ta", "=", "", ("x",)),
        (SALT, "t", "=", None, ("x",)),
        (SALT, "t", "=", "a", (("x",),)),
    ]
    assert len({layer_word(*part) for part in parts}) == len(parts)


def test_the_noise_of_one_salt_is_pinned() -> None:
    """A change here changes every stored result of diffix."""
    interface = session(table(240, [1 + u % 5 for u in range(240)]), diffix())
    found = answer(interface, f"SELECT a, count(*), {COUNT}, count(r) FROM t WHERE b IN (1, 2) AND c <> 5 GROUP BY a")
    assert [row[0] for row in found] == ["x", "y"]
    assert np.array(found.data[1:]).T.tolist() == pytest.approx(np.array(PINNED), rel=1e-12)


PINNED = [
    [120.7310683898373, 38.87949660011709, 120.7310683898373],
    [114.0173878915872, 38.005795963862404, 114.0173878915872],
]


# The salt


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("users", range(1, 9))
def test_the_salt_changes_seeds_and_noise_of_odd_and_even_sets(users: int, times: int) -> None:
    """A salt that is XORed to every hash cancels out of an even set."""
    rows = table(users, times)
    defense, plan = diffix(low_count=False, static=False), plan_of(f"SELECT {COUNT} FROM t")
    xors, noise = [], []
    for number in range(4):
        buckets = DuckEngine(rows, digest("salt", number)).run([plan])
        xors.append(int(buckets.uid_xor[0]))
        noise.append(float(defense.answer(buckets, np.random.default_rng(0)).values[0, 0]) - users)
    assert len(set(xors)) == len({round(x, 12) for x in noise}) == 4
    steps = {one ^ other for one in xors for other in xors if one != other}
    assert len(steps) > 1


def test_a_user_with_many_rows_enters_the_xor_once() -> None:
    plan = plan_of("SELECT count(*) FROM t")
    found = {int(DuckEngine(table(5, times), SALT).run([plan]).uid_xor[0]) for times in (1, 2, 3, [1, 2, 1, 4, 2])}
    assert len(found) == 1


def test_the_salt_changes_every_layer_and_every_threshold() -> None:
    for switches in ({"dynamic": False}, {"static": False}):
        values = {value(session(table(), diffix(**switches), digest("s", i)), "a = 'x'") for i in range(6)}
        assert len(values) == 6
    groups = np.repeat(np.arange(300), 4)
    frame = pd.DataFrame({"uid": np.arange(1200), "a": "x", "b": groups}).astype({"a": object})
    rows = Table(Schema("t", SCHEMA.columns[:3], "uid"), frame)
    shown = [
        set(by_key(session(rows, diffix(), digest("s", i)), "SELECT b, count(*) FROM t GROUP BY b")) for i in (0, 1)
    ]
    assert 50 < len(shown[0] ^ shown[1]) < 250


# Suppression

BUCKETS_A_SIZE = 2_000


@cache
def sized(times: int = 1) -> Table:
    """BUCKETS_A_SIZE buckets b of each size 1 … 7; c = 10,000 − b names the same bucket by another column."""
    size = np.tile(np.arange(1, 8), BUCKETS_A_SIZE)
    bucket = np.repeat(np.repeat(np.arange(len(size)), size), times)
    user = np.repeat(np.arange(size.sum()), times)
    frame = pd.DataFrame({"uid": user, "a": "x", "b": bucket, "c": 10_000 - bucket}).astype({"a": object})
    return Table(Schema("t", SCHEMA.columns[:4], "uid"), frame)


@pytest.mark.parametrize("times", [1, 2])
def test_suppression_by_true_size(times: int) -> None:
    """P(n ≥ max(2, N(4, 0.5))): 0, 0.00003, 0.023, 0.5, 0.977, 0.99997, 1 for n = 1 … 7 users."""
    shown = by_key(session(sized(times), diffix()), "SELECT b, count(*) FROM t GROUP BY b")
    counts = np.bincount(np.array(list(shown)) % 7, minlength=7)
    for size, count in enumerate(counts, start=1):
        expected = 0.0 if size < 2 else float(stats.norm.cdf(size, loc=4, scale=0.5))
        assert stats.binomtest(int(count), BUCKETS_A_SIZE, expected).pvalue > 0.001, size


def test_the_same_users_are_suppressed_alike_whatever_the_query() -> None:
    interface = session(sized(), diffix())
    asked = [
        "SELECT b, count(*) FROM t GROUP BY b",
        "SELECT b, count(*) FROM t WHERE a = 'x' GROUP BY b",
        "SELECT b, a, count(c), count(*) FROM t WHERE c <> -999 AND a IN ('x', 'y') GROUP BY b, a",
        "SELECT b, c, count(DISTINCT uid) FROM t GROUP BY c, b",
    ]
    shown = [set(by_key(interface, sql)) for sql in asked]
    assert shown == [shown[0]] * 4
    by_c = set(by_key(interface, "SELECT c, count(*) FROM t GROUP BY c"))
    assert {10_000 - c for c in by_c} == shown[0]
    assert set(by_key(session(sized(2), diffix()), asked[0])) == shown[0]


def test_one_user_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "LOW_COUNT_MEAN", -10.0)
    shown = by_key(session(sized(), diffix()), "SELECT b, count(*) FROM t GROUP BY b")
    sizes = np.array(list(shown)) % 7 + 1
    assert sizes.min() == 2
    assert len(shown) == 6 * BUCKETS_A_SIZE


def test_suppression_is_no_draw_of_the_answers_noise() -> None:
    """Among the buckets of 4 users, half are shown, and those are no larger in their noise."""
    interface = session(sized(), diffix())
    open_interface = session(sized(), diffix(low_count=False))
    sql = f"SELECT b, {COUNT} FROM t GROUP BY b"
    shown, all_of_them = by_key(interface, sql), by_key(open_interface, sql)
    fours = np.array([(key in shown, noisy - 4) for key, noisy in all_of_them.items() if key % 7 == 3])
    is_shown = fours[:, 0] == 1
    low, high = stats.binom.ppf([0.0005, 0.9995], BUCKETS_A_SIZE, 0.5)
    assert low <= is_shown.sum() <= high
    gap = fours[is_shown, 1].mean() - fours[~is_shown, 1].mean()
    assert abs(gap) < Z * np.sqrt(2 / is_shown.sum() + 2 / (~is_shown).sum())


# Flattening


def test_group_sizes() -> None:
    """max(2, round(4 + N_b/2))."""
    noise = np.array([0.0, 0.9, 1.1, 3.1, -0.9, -1.1, -2.9, -3.1, -4.1, -50.0, 50.0])
    assert group_size(noise).tolist() == [4, 4, 5, 6, 4, 3, 3, 2, 2, 2, 29]


def contributions(*rows_a_user: int, nulls: int = 0) -> Table:
    """Users with so many rows each; `nulls` further rows of everybody have b NULL."""
    uid = np.repeat(np.arange(len(rows_a_user)), np.array(rows_a_user) + nulls)
    rank = pd.Series(uid).groupby(uid).cumcount().to_numpy()
    b = pd.Series(1, index=range(len(uid)), dtype="Int64").mask(rank < nulls)
    return Table(Schema("t", (SCHEMA.columns[0], SCHEMA.columns[2]), "uid"), pd.DataFrame({"uid": uid, "b": b}))


def flat(rows: Table, sql: str = "SELECT count(*) FROM t", **switches: bool) -> Any:
    """The answer without noise: then T₁ = T₂ = 4."""
    defense = diffix(static=False, dynamic=False, low_count=False, **switches)
    return answer(session(rows, defense), sql).rows[0][0]


def test_flattening_by_hand() -> None:
    """Group 1 is 100, 50, 40, 30, group 2 is 10, 8, 6, 4 with the average 7: 4 · 7 + 28 + 2 + 2 + 1 + 1 = 62."""
    rows = contributions(2, 100, 6, 1, 50, 8, 40, 2, 30, 10, 1, 4)
    assert flat(rows) == 62
    assert flat(rows, flatten=False) == 254
    assert flat(rows, f"SELECT {COUNT} FROM t") == 12


def test_flattening_counts_what_is_not_null() -> None:
    """count(b) leaves the NULL rows out: users who have nothing else do not take part."""
    rows = contributions(2, 100, 6, 1, 50, 8, 40, 2, 30, 10, 1, 4, 0, 0, 0, nulls=3)
    assert flat(rows, "SELECT count(b) FROM t") == 62
    assert flat(rows) == 62 + 12 * 3 + 3 * 3
    assert flat(rows, "SELECT count(uid) FROM t") == flat(rows)
    assert flat(contributions(9, 8, 7, 6, 0, 0, 0, 0, nulls=1), "SELECT count(b) FROM t") is None


def test_a_short_second_group_is_the_remainder() -> None:
    assert flat(contributions(9, 8, 7, 6, 5, 3)) == 4 * 4 + 5 + 3
    assert flat(contributions(9, 8, 7, 6, 5)) == 5 * 5
    assert flat(contributions(1, 1, 1, 1, 1, 2)) == 6


@pytest.mark.parametrize("rows", [(9, 8, 7, 6), (9, 8), (5,), ()])
def test_without_a_second_group_the_count_is_null(rows: tuple[int, ...]) -> None:
    everybody = contributions(*rows, 3, 3, 3, 3, 3) if not rows else contributions(*rows)
    sql = "SELECT count(*) FROM t" + ("" if rows else " WHERE b = 9")
    assert flat(everybody, sql) is None
    assert flat(everybody, sql, flatten=False) == sum(rows)
    assert flat(everybody, sql.replace("*", "DISTINCT uid")) == len(rows)


def test_noise_grows_with_half_of_the_second_group_or_the_average_of_all() -> None:
    """Noise N_b · max(A₂/2, A_all): A_all = 62/12 in the first row, A₂/2 = 10 in the second."""
    width = 12
    top = np.zeros((2, width))
    top[0] = [100, 50, 40, 30, 10, 8, 6, 4, 2, 2, 1, 1]
    top[1] = [30] * 4 + [20] * 4 + [1] * 4  # and 88 users more with 1 row each
    total, users = np.array([254.0, 120 + 80 + 92]), np.array([12, 100])
    four = np.array([4, 4])
    found = flattened(total, users, top, four, four)
    assert np.concatenate(found).tolist() == pytest.approx([62, 4 * 20 + 80 + 92, 62 / 12, 10])
    kept = flattened(total, users, top, four, four, flatten=False)
    assert np.concatenate(kept).tolist() == pytest.approx([254, 292, 254 / 12, 10])


def test_group_sizes_choose_who_is_flattened() -> None:
    top = np.array([[100.0, 50, 40, 30, 10, 8, 6, 4, 2, 2, 1, 1]])
    total, users = np.array([254.0]), np.array([12])
    for first, second, expected in [
        (2, 2, 254 - 150 + 2 * 35),
        (4, 2, 254 - 220 + 4 * 9),
        (11, 5, 12),
        (12, 2, np.nan),
    ]:
        found, _ = flattened(total, users, top, np.array([first]), np.array([second]))
        assert found[0] == pytest.approx(expected, nan_ok=True)
    assert flattened(total, users, top, np.array([12]), np.array([2]), flatten=False)[0][0] == 254


def test_an_extreme_contributor_does_not_show() -> None:
    """A user with 1 row, or with 10,000: the same users, so the same noise but for its scale."""
    usual = [1 + u % 3 for u in range(200)]
    quiet, loud = table(200, usual), table(200, [10_000, *usual[1:]])
    for salt in (digest("extreme", i) for i in range(5)):
        for sql in (
            "SELECT count(*) FROM t",
            "SELECT count(c) FROM t WHERE b <> 99",
            "SELECT count(*) FROM t WHERE a = 'y'",
        ):
            small, large = (answer(session(rows, diffix(), salt), sql).value for rows in (quiet, loud))
            assert abs(large - small) < 6
            small, large = (answer(session(rows, diffix(flatten=False), salt), sql).value for rows in (quiet, loud))
            assert large - small > 5_000


def test_where_every_user_has_one_row_nothing_is_flattened_or_null() -> None:
    interface = session(table(6), diffix(low_count=False))
    for where in ("", "a = 'x'", "b = 1", "b = 99"):
        assert value(interface, where, "count(*)") == value(interface, where) == value(interface, where, "count(uid)")


def test_enough_contributions_are_fetched_for_the_largest_groups() -> None:
    """T₁ + T₂ of the noisiest query lie within what the plan asks for, 8 standard deviations off."""
    for where in NOISY:
        plan = plan_of("SELECT count(*) FROM t" + (f" WHERE {where}" if where else ""))
        assert plan.top >= 2 * (4 + 8 * 0.5 * np.sqrt(NOISY[where]))


# Switches

WORKLOAD = [
    "SELECT count(*) FROM t",
    f"SELECT {COUNT} FROM t WHERE a = 'x'",
    "SELECT b, count(*), count(c), count(DISTINCT uid) FROM t GROUP BY b",
    "SELECT a, f, count(*) FROM t WHERE b IN (1, 2, 77) AND c <> 5 GROUP BY a, f",
    "SELECT c, count(*) FROM t GROUP BY c",
    "SELECT count(*), count(b), count(DISTINCT uid) FROM t WHERE a = 'nobody'",
    "SELECT a, count(*) FROM t WHERE a = 'nobody' GROUP BY a",
    "SELECT uid, count(*), count(DISTINCT uid) FROM t WHERE c NOT IN (1, 2, 3) GROUP BY uid",
    "SELECT count(*) FROM t WHERE uid = 5",
]
UNEVEN = [60 if u % 41 == 7 else 1 + (u * u) % 7 for u in range(240)]


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_with_everything_off_the_answers_are_exact(times: Any) -> None:
    rows = table(240, times)
    off, exact = session(rows, diffix(**OFF)), session(rows, Defense())
    for sql in WORKLOAD:
        assert answer(off, sql).rows == answer(exact, sql).rows, sql


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_static_and_dynamic_off_leave_no_noise_and_the_same_suppression(times: Any) -> None:
    rows = table(240, times)
    full, bare, exact = (session(rows, d) for d in (diffix(), diffix(static=False, dynamic=False), Defense()))
    for sql in WORKLOAD:
        keys = len(query(sql).keys)
        shown = {row[:keys]: row[keys:] for row in answer(bare, sql)}
        assert set(shown) == {row[:keys] for row in answer(full, sql)}, sql
        if "count(*)" not in sql or times == 1:
            true = {row[:keys]: row[keys:] for row in answer(exact, sql)}
            assert shown == {key: true[key] for key in shown}


@pytest.mark.parametrize("times", [1, UNEVEN])
def test_low_count_off_shows_every_bucket_and_changes_no_answer(times: Any) -> None:
    rows = table(240, times)
    full, low, exact = (session(rows, d) for d in (diffix(), diffix(low_count=False), Defense()))
    hidden = 0
    for sql in WORKLOAD:
        keys = len(query(sql).keys)
        every = {row[:keys]: row for row in answer(low, sql)}
        assert set(every) == {row[:keys] for row in answer(exact, sql)}
        some = answer(full, sql).rows
        assert all(every[row[:keys]] == row for row in some)
        hidden += len(every) - len(some)
    assert hidden > 200


def test_flatten_off_changes_only_counts_of_rows() -> None:
    rows = table(240, UNEVEN)
    full, kept = session(rows, diffix()), session(rows, diffix(flatten=False))
    changed = 0
    for sql in WORKLOAD:
        one, other = answer(full, sql), answer(kept, sql)
        aggregates = query(sql).aggregates
        for slot in range(len(one.columns)):
            is_rows = slot >= len(one.columns) - len(aggregates) and not aggregates[slot - len(one.columns)].distinct
            equal = one.data[slot].tolist() == other.data[slot].tolist()
            assert equal or is_rows, sql
            changed += not equal
    assert changed >= 5
    for sql in WORKLOAD[:5]:
        assert len({str(answer(session(table(), diffix(flatten=f)), sql).rows) for f in (True, False)}) == 1


# Refusals

REFUSED = {
    "diffix-aggregate": [
        "SELECT a FROM t GROUP BY a",
        "SELECT count(DISTINCT b) FROM t",
        "SELECT count(*), count(DISTINCT a) FROM t WHERE a = 'x'",
        "SELECT count(*) FROM t HAVING sum(DISTINCT b) > 1",
        "SELECT a, count(*) FROM t GROUP BY a ORDER BY avg(DISTINCT b)",
        "SELECT count(DISTINCT r) FROM t WHERE a = 'x' OR b = 1",
    ],
    "diffix-or": [
        "SELECT count(*) FROM t WHERE a = 'x' OR b = 1",
        "SELECT count(*) FROM t WHERE b = 1 OR b = 2",
        "SELECT count(*) FROM t WHERE c <> 1 AND (a = 'x' OR b = 1)",
        "SELECT count(*) FROM t WHERE NOT (a = 'x' OR b = 1)",
        "SELECT count(*) FROM t WHERE NOT (a = 'x' AND NOT (b = 1 OR c = 2))",
        "SELECT count(*) FROM t WHERE a = 'x' OR a = 'x'",
    ],
    "diffix-columns": [
        "SELECT count(*) FROM t WHERE b = c",
        "SELECT count(*) FROM t WHERE a = 'x' AND b <> uid",
        "SELECT count(*) FROM t WHERE b = b",
        "SELECT count(*) FROM t WHERE NOT b = c",
    ],
    "diffix-inequality": [
        "SELECT count(*) FROM t WHERE b < 3",
        "SELECT count(*) FROM t WHERE b <= 3",
        "SELECT count(*) FROM t WHERE a = 'x' AND b > 3",
        "SELECT count(*) FROM t WHERE 3 >= b",
        "SELECT count(*) FROM t WHERE b > 1 AND b < 3",
        "SELECT count(*) FROM t WHERE b > 1 AND b <= 3",
        "SELECT count(*) FROM t WHERE b >= 1 AND c < 3",
        "SELECT count(*) FROM t WHERE b >= 1 AND b >= 2 AND b < 3",
        "SELECT count(*) FROM t WHERE b < c",
        "SELECT count(*) FROM t WHERE uid > 5",
    ],
    "diffix-range": [
        "SELECT count(*) FROM t WHERE b BETWEEN 3 AND 3",
        "SELECT count(*) FROM t WHERE b BETWEEN 3 AND 1",
        "SELECT count(*) FROM t WHERE b >= 3 AND b <= 3",
        "SELECT count(*) FROM t WHERE b BETWEEN 1 AND 2 AND b BETWEEN 1 AND 5",
        "SELECT count(*) FROM t WHERE b BETWEEN 1 AND 2 AND b >= 1 AND b < 5",
        "SELECT count(*) FROM t WHERE a BETWEEN 'x' AND 'y'",
        "SELECT count(*) FROM t WHERE b BETWEEN 0 AND 9000000000000000000",
    ],
    "diffix-condition": [
        "SELECT count(*) FROM t WHERE b NOT BETWEEN 1 AND 3",
        "SELECT count(*) FROM t WHERE a LIKE 'x%'",
        "SELECT count(*) FROM t WHERE a LIKE 'x'",
        "SELECT count(*) FROM t WHERE a NOT ILIKE 'x'",
        "SELECT count(*) FROM t WHERE NOT (a = 'x' AND b = 1)",
        "SELECT count(*) FROM t WHERE NOT b < 3",
    ],
}  # fmt: skip


class NoEngine:
    """A refusal is made before any row is looked at."""

    def run(self, plans: Any) -> Buckets:
        raise AssertionError("a refused query reached the database")


@pytest.mark.parametrize(("rule", "sql"), [(rule, sql) for rule, sqls in REFUSED.items() for sql in sqls])
def test_refusals_name_their_rule_and_see_no_rows(rule: str, sql: str) -> None:
    for switches in ({}, OFF):
        found = LocalSession(SCHEMA, NoEngine(), diffix(**switches), np.random.default_rng(0)).query(sql)
        assert isinstance(found, Refused), sql
        assert found.rule == rule
        assert re.fullmatch(r"Diffix [^\n]+\.", found.message)


def test_a_refusal_is_the_same_over_any_rows() -> None:
    tables = [table(1), table(240), table(30, 4), Table(SCHEMA, table(40).frame.assign(b=1, c=1))]
    sqls = [sql for rule in REFUSED.values() for sql in rule]
    answers = [session(rows, diffix()).query_many(sqls) for rows in tables]
    assert all(found == answers[0] for found in answers)


def test_every_rule_is_tested() -> None:
    source = Path(restrictions.__file__).read_text()
    assert set(re.findall(r'Refused\(\s*"([^"]+)"', source)) == set(REFUSED)


def test_what_acts_on_the_answer_is_not_refused_and_sees_the_noisy_numbers() -> None:
    interface = session(table(), diffix())
    everything = answer(interface, f"SELECT b, {COUNT} AS n FROM t GROUP BY b").rows
    kept = answer(
        interface, f"SELECT b, {COUNT} AS n FROM t GROUP BY b HAVING n > 40 OR b = 1 AND n < 30 ORDER BY n DESC LIMIT 3"
    ).rows
    expected = [row for row in everything if float(str(row[1])) > 40 or (row[0] == 1 and float(str(row[1])) < 30)]
    assert kept == sorted(expected, key=lambda row: -float(str(row[1])))[:3]
    assert 0 < len(kept) < 6
