"""The situations of the paper's Figures 4, 10, 15, 17 and 19. The other figures stand where their subject is tested:
`grep -r test_figure_ tests`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Column, Kind, Refused, Schema, Table
from harness.seeds import digest, mix
from harness.sql.compile import compile_plan
from tests.answers import answer, by_key
from tests.diffix_tables import COUNT, NOISY, SALT, Z, plan_of, session, table

SALTS = 200


def noise_of_counts(rows: Table, wheres: Sequence[str], **switches: bool) -> np.ndarray:
    """What is added to the distinct count of each condition under each salt, shape (SALTS, len(wheres)). The sets of
    users get fresh words with every salt, as a real table would."""
    plans = [plan_of(f"SELECT {COUNT} FROM t" + (f" WHERE {where}" if where else ""), **switches) for where in wheres]
    exact = DuckEngine(rows, SALT).run(plans)
    found = []
    for number in range(SALTS):
        salt = digest("noise of counts", number)
        salted = replace(exact, salt=salt, uid_xor=mix(salt[:16], exact.uid_xor))
        answered = diffix(low_count=False, **switches).answer(salted, np.random.default_rng(0))
        found.append(answered.values[:, 0] - exact.users)
    return np.array(found)


def assert_variance(sample: np.ndarray, expected: float) -> None:
    """Mean 0 and this variance, within 99.9 % of the sampling error of normal samples."""
    n = len(sample)
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    assert abs(sample.mean()) < Z * np.sqrt(expected / n)
    assert low * expected < sample.var(ddof=1) < high * expected


def test_distinct_counts_have_a_standard_deviation_of_the_root_of_the_number_of_layers() -> None:
    """§5.1: the answers themselves, one to six layers."""
    noise = noise_of_counts(table(), list(NOISY))
    for where, layers, sample in zip(NOISY, NOISY.values(), noise.T, strict=True):
        assert_variance(sample, layers)
        assert stats.kstest(sample / np.sqrt(layers), "norm").pvalue > 0.001, where


def test_figure_4_the_static_layer_of_the_common_condition_outlives_split_averaging() -> None:
    """Pairs of age = v and age <> v among dept = 'CS': their sums, averaged over m values of v, keep twice the static
    sample of dept; the other six samples of a pair are new each time. Without static layers all four average out."""
    rows, ages = table(400), range(1, 24, 2)
    pairs = [f"a = 'x' AND c {op} {age}" for age in ages for op in ("=", "<>")]
    residual = noise_of_counts(rows, pairs).mean(axis=1) * 2
    assert_variance(residual, 4 + 6 / len(ages))
    static = noise_of_counts(rows, ["a = 'x'"], dynamic=False)[:, 0]
    assert_variance(residual - 2 * static, 6 / len(ages))
    assert_variance(noise_of_counts(rows, pairs, static=False).mean(axis=1) * 2, 4 / len(ages))


FIGURE_10 = {
    "SELECT sum(salary) FROM t WHERE left(date, 4) = '2009'": (None, None),
    "SELECT count(*) FROM t WHERE age = 64": (None, None),
    "SELECT avg(salary) FROM t WHERE age NOT IN (25, 26, 27)": (None, None),
    "SELECT gender, count(*) FROM t WHERE age BETWEEN 10 AND 20 GROUP BY gender": (None, None),
    "SELECT sum(salary) FROM t WHERE left(date, 4) <> year": ("diffix-unclear", "diffix-unclear"),
    "SELECT count(*) FROM t WHERE sqrt(age) = 8": (None, "diffix-unclear"),
}
PEOPLE = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("name", Kind.TEXT),
        Column("gender", Kind.INTEGER),
        Column("age", Kind.INTEGER),
        Column("salary", Kind.REAL),
        Column("date", Kind.TEXT),
        Column("year", Kind.TEXT),
        Column("bday", Kind.DATE),
    ),
    "uid",
)


def people(users: int, names: Sequence[str] = ("Murry",), a_group: int = 100) -> Table:
    """User u has names[u % len(names)], one of 12 ages and 4 birthdays; so many users have each gender."""
    u = np.arange(users)
    frame = pd.DataFrame(
        {
            "uid": u,
            "name": np.array(names, dtype=object)[u % len(names)],
            "gender": u // a_group,
            "age": 20 + u % 12,
            "salary": 1.0,
            "date": "2009-05-01",
            "year": "2009",
            "bday": pd.Series(np.datetime64("1990-01-01", "us") + (u % 4).astype("timedelta64[D]")),
        }
    )
    return Table(PEOPLE, frame.astype({"date": object, "year": object}))


@pytest.mark.parametrize(("sql", "rules"), FIGURE_10.items(), ids=["1", "2", "3", "4", "5", "6"])
def test_figure_10_four_clear_conditions_and_two_unclear_ones(sql: str, rules: tuple[str | None, str | None]) -> None:
    """Where all must be clear the two are refused; else the unclear equality is floated, the unclear inequality not
    (§6.6)."""
    for clear_only, rule in zip((False, True), rules, strict=True):
        found = session(people(240), diffix(clear_only=clear_only)).query(sql)
        assert (found.rule if isinstance(found, Refused) else None) == rule


def test_figure_15_an_unclear_equality_floats_its_column() -> None:
    """b + 1 = 4 asks for b beside the uids, finds 3 there, and has the noise of b = 3."""
    plan = plan_of("SELECT count(*) FROM t WHERE b + 1 = 4")
    assert [ref.name for ref in plan.spans] == ["b"]
    floated = 'MIN("b") AS "s0l", MAX("b") AS "s0h", COUNT(DISTINCT "b") AS "s0n"'
    assert floated in compile_plan(plan, "uid", unique_uid=True)
    assert plan_of("SELECT count(*) FROM t WHERE b = 3").spans == ()
    for times in (1, 3):
        interface = session(table(240, times), diffix())
        unclear, clear = (answer(interface, f"SELECT count(*) FROM t WHERE {w}").rows for w in ("b + 1 = 4", "b = 3"))
        assert unclear == clear


def test_figure_17_a_wildcard_that_lets_one_user_in_has_layers_of_its_own() -> None:
    """LIKE 'Murry' against LIKE '%Murry' by gender, where every second of 4,000 groups has one McMurry.

    The groups' differences share the static samples of both conditions. Their own are the dynamic samples of
    name = 'Murry' and of the wildcard, and with a McMurry both dynamic samples of gender: variances of 2 and 4 around
    means that are 1 apart.
    """
    n = 2_000
    interface = session(people(24 * n, ["McMurry", *["Murry"] * 23], a_group=12), diffix())
    asked = "SELECT gender, count(*) FROM t WHERE name LIKE '{}' GROUP BY gender"
    left, right = (by_key(interface, asked.format(pattern)) for pattern in ("Murry", "%Murry"))
    difference = np.array([right[group] - left[group] for group in range(2 * n)])
    present, absent = difference[::2], difference[1::2]
    assert_variance(present - present.mean(), 4)
    assert_variance(absent - absent.mean(), 2)
    assert abs(present.mean() - absent.mean() - 1) < Z * np.sqrt((4 + 2) / n)


def test_figure_19_concat_is_its_columns_joined_by_and() -> None:
    """Both queries have the same buckets with the same noise."""
    interface = session(people(480), diffix())
    plain = answer(interface, "SELECT bday, age, count(*) FROM t GROUP BY bday, age").rows
    joined = by_key(
        interface,
        "SELECT concat(c_bday, '-', c_age), count(*) FROM (SELECT uid, CAST(bday AS text) AS c_bday, "
        "CAST(age AS text) AS c_age FROM t) AS t GROUP BY concat(c_bday, '-', c_age)",
    )
    assert joined == {f"{bday:%Y-%m-%d}-{age}": count for bday, age, count in plain}
    assert len(joined) == 12
