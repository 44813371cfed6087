"""Diffix's aggregates in the situations of the paper's Figures 6 to 9, their noise in numbers, and what it reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import diffix
from defenses.diffix.aggregates import rounded_deviation
from harness import registry
from harness.engine import DuckEngine
from harness.model import Column, Kind, Refused, Schema, Table
from tests.answers import answer
from tests.diffix_tables import OFF, SALT, SCHEMA, plan_of, session, table

BUCKETS, PEOPLE = 1_000, 100
PAY = Schema(
    "t",
    (Column("uid", Kind.INTEGER), Column("b", Kind.INTEGER), Column("a", Kind.TEXT), Column("pay", Kind.REAL)),
    "uid",
)
SILENT = {**OFF, "flatten": True}  # groups of four users


def paid(pay: Sequence[float], gender: Sequence[str] | str = "M", users: Sequence[int] | None = None) -> Table:
    """One row a value."""
    frame = pd.DataFrame({"uid": users or np.arange(len(pay)), "b": 0, "a": gender, "pay": pay})
    return Table(PAY, frame.astype({"a": object}))


def buckets(pay: Sequence[float]) -> Table:
    """The same users' pay in each of BUCKETS buckets, of other users."""
    many = np.tile(pay, BUCKETS)
    frame = pd.DataFrame(
        {"uid": np.arange(len(many)), "b": np.repeat(np.arange(BUCKETS), len(pay)), "a": "x", "pay": many}
    )
    return Table(PAY, frame.astype({"a": object}))


EVEN = [7.0] * PEOPLE
SKEWED = [100.0] * 20 + [1.0] * (PEOPLE - 20)  # both groups are among the twenty


@pytest.mark.parametrize(("flatten", "difference"), [(False, 400.0), (True, 125.0)])
def test_figure_6_the_high_salary_of_an_isolated_woman_does_not_show(flatten: bool, difference: float) -> None:
    """The left query leaves her out, the right one has her in: she adds what a man would, and a standard deviation of
    the noise is as much."""
    rows = paid([125.0] * 12 + [400.0], ["M"] * 12 + ["F"])
    interface = session(rows, diffix(**{**OFF, "flatten": flatten}))
    left = answer(interface, "SELECT sum(pay) FROM t WHERE b = 0 AND a = 'M'").value
    right = answer(interface, "SELECT sum(pay) FROM t WHERE b = 0").value
    assert right - left == difference
    reported = answer(session(rows, diffix(low_count=False)), "SELECT sum_noise(pay) FROM t WHERE b = 0").value
    assert reported == pytest.approx(125 * math.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("pay", "scale"), [(EVEN, 7.0), (SKEWED, 50.0)], ids=["the average of all", "half of group 2"])
def test_figure_7_the_noise_of_a_sum_is_in_proportion_to_group_2_or_to_all(pay: list[float], scale: float) -> None:
    """Two layers a bucket; what is flattened is replaced by as much. The bounds are those of the sample variance."""
    found = answer(session(buckets(pay), diffix(low_count=False)), "SELECT b, sum(pay) FROM t GROUP BY b")
    noise = (np.asarray(found.data[-1], dtype=float) - sum(pay)) / scale
    low, high = stats.chi2.ppf([0.0005, 0.9995], BUCKETS - 1) / (BUCKETS - 1)
    assert 2 * low < noise.var(ddof=1) < 2 * high
    assert stats.kstest(noise / math.sqrt(2), "norm").pvalue > 0.001


@pytest.mark.parametrize("outlier", [20.0, 1e9])
def test_figure_8_the_values_of_a_few_users_in_the_middle_of_the_rest(outlier: float) -> None:
    """Of 1 to 20 the four highest and lowest go: max is the mean of 13 to 16, min that of 5 to 8, and the median row,
    10, is averaged with four on either side. What the outliers are does not matter."""
    rows = paid([*map(float, range(2, 20)), outlier, 21 - outlier])
    found = answer(session(rows, diffix(**SILENT)), "SELECT max(pay), min(pay), median(pay) FROM t")
    assert found.rows == [(14.5, 6.5, 10.0)]


@pytest.mark.parametrize(
    ("pay", "users", "median"),
    [
        (range(9), None, None),  # one user is left
        (range(10), None, 4.5),  # 4 and 5
        (range(11), None, 5.0),
        ([5] * 12, None, 5.0),
        # after users 0 to 3 and 8 to 11 the rows 40, 41, 50, 60, 70 are left: of 4 the nearest row counts
        (
            [0, 1, 2, 3, 40, 41, 50, 60, 70, 80, 81, 82, 83],
            [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11],
            (41 + 50 + 60 + 70) / 4,
        ),
        # user 4 has the median row and one on either side
        ([0, 1, 2, 3, 40, 50, 60, 70, 80, 90, 91, 92, 93], [0, 1, 2, 3, 4, 5, 4, 6, 4, 8, 9, 10, 11], 60.0),
        # user 3 is among the lowest, and goes with the rows in the middle
        ([0, 1, 2, 3, 49, 50, 51, 60, 70, 80, 90, 91, 92, 93], [0, 1, 2, 3, 3, 3, 3, 4, 5, 6, 8, 9, 10, 11], 70.0),
    ],
)
def test_a_median_by_hand(pay: Sequence[float], users: list[int] | None, median: float | None) -> None:
    interface = session(paid([float(value) for value in pay], users=users), diffix(**SILENT))
    assert answer(interface, "SELECT median(pay) FROM t").rows == [(median,)]


def test_a_standard_deviation_by_hand() -> None:
    """Of 2 and 4 the distance is 1, whatever is flattened. Without flattening it is that of all, by n."""
    half = [2.0] * 20 + [4.0] * 20
    assert answer(session(paid(half), diffix(**SILENT)), "SELECT stddev(pay) FROM t").value == 1.0
    drawn = np.random.default_rng(0).normal(size=50)
    found = answer(session(paid(drawn.tolist()), diffix(**OFF)), "SELECT stddev(pay) FROM t").value
    assert found == pytest.approx(drawn.std())


def test_figure_9_two_clear_conditions_have_a_static_and_a_dynamic_layer_each() -> None:
    """sum of salaries with conditions on dept and gender: uids and values come from the table, the layers from the
    SQL, the low-count threshold from the uids."""
    rows = table()
    plan = plan_of("SELECT sum(b) FROM t WHERE a = 'x' AND f = true")
    assert (plan.users, plan.uid_xor, plan.floated, plan.spans) == (True, True, (), ())
    found = diffix().explain(DuckEngine(rows, SALT).run([plan]))
    seeds = [(layer["sort"], layer["seeded by"][1]) for layer in found["layers"]]
    assert sorted(seeds) == [("dynamic", "a"), ("dynamic", "f"), ("static", "a"), ("static", "f")]
    assert [layer["users in seed"] for layer in found["layers"] if layer["sort"] == "dynamic"] == [40, 40]
    (bucket,) = found["buckets"]
    assert bucket["users"] == 40
    assert bucket["shown"] is (bucket["threshold"] <= 40)


# §6.17


def test_a_reported_deviation_is_within_five_percent_on_a_grid() -> None:
    true = 10.0 ** np.random.default_rng(0).uniform(-200, 200, 20_000)
    reported = rounded_deviation(true)
    assert (abs(reported - true) <= 0.05 * true * (1 + 1e-12)).all()
    assert rounded_deviation(reported) == pytest.approx(reported, rel=1e-12)
    of_a_decade = rounded_deviation(np.linspace(1.0, 10.0, 10_000, endpoint=False))
    assert len(np.unique(of_a_decade)) == 10 + 15 + 11
    assert rounded_deviation(np.array([0.0, 1.4142, 7.26, 96.0, 1234.0])).tolist() == [0.0, 1.4, 7.5, 95.0, 1200.0]
    assert np.isnan(rounded_deviation(np.array([np.nan, np.inf]))).all()


@pytest.mark.parametrize("function", ["count(*)", "sum(pay)", "avg(pay)", "stddev(pay)"])
@pytest.mark.parametrize("pay", [EVEN, SKEWED], ids=["even", "skewed"])
def test_the_reported_noise_is_that_of_the_answers(function: str, pay: list[float]) -> None:
    """Within the rounding, the sampling error, and the first order in which a quotient's noise is known."""
    name, column = function[:-1].split("(")
    sql = f"SELECT b, {function}, {name}_noise({column}) FROM t GROUP BY b"
    found = answer(session(buckets(pay), diffix(low_count=False)), sql)
    answers, reported = (np.asarray(column, dtype=float) for column in found.data[1:])
    sampling = float(stats.norm.ppf(0.9995)) / math.sqrt(2 * BUCKETS)
    assert answers.std(ddof=1) == pytest.approx(np.sqrt(np.mean(reported**2)), rel=0.07 + sampling)


def test_noise_is_independent_between_the_aggregates_of_a_column() -> None:
    """The noise of one known answer tells nothing of the others'. Values of max, min and median do not move here."""
    pay = [10.0, 20.0, 30.0] * 30
    sql = "SELECT b, sum(pay), stddev(pay), max(pay), min(pay), median(pay), count(*) FROM t GROUP BY b"
    found = answer(session(buckets(pay), diffix(low_count=False)), sql)
    noise = np.array([np.asarray(column, dtype=float) for column in found.data[1:]])
    moving = noise[noise.std(axis=1) > 0]
    assert len(moving) == 3
    correlation = np.corrcoef(moving) - np.eye(len(moving))
    correlation[1, -1] = correlation[-1, 1] = 0  # a standard deviation is over the count
    assert abs(correlation).max() < float(stats.norm.ppf(0.99995)) / math.sqrt(BUCKETS)


# Other defenses


@pytest.mark.parametrize(
    "spec", ["none", "k-threshold", "rounding", "output-perturbation", "sticky", "k-threshold+diffix"]
)
def test_what_does_not_report_noise_refuses_to(spec: str) -> None:
    interface = session(table(), registry.defense(spec)[0])
    for asked in ("count_noise(*)", "sum_noise(b)", "avg_noise(b)", "stddev_noise(b)", "count(*), count_noise(c)"):
        said = interface.query(f"SELECT {asked} FROM t")
        assert isinstance(said, Refused)
        assert said.rule == "not-supported"


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ('laplace:bounds=["b 0 10"]', "laplace-aggregate"),
        ("nielson:rule=first-gamma", "nielson-first-gamma"),
        ("partitioning:by=[a]", "partitioning-aggregate"),
    ],
)
@pytest.mark.parametrize("function", ["stddev", "median"])
def test_defenses_that_know_sums_alone_refuse_deviations_and_medians(spec: str, rule: str, function: str) -> None:
    said: Any = session(table(), registry.defense(spec)[0]).query(f"SELECT {function}(b) FROM t")
    assert isinstance(said, Refused)
    assert said.rule == rule


def test_exact_deviations_and_medians_are_those_of_pandas() -> None:
    rows = table(users=50, times=np.arange(50) % 4 + 1)
    interface = session(rows, registry.defense("none")[0])
    found = answer(interface, "SELECT a, stddev(r), median(c), median(d) FROM t GROUP BY a ORDER BY a").rows
    groups = rows.frame.groupby("a")
    wanted = zip(groups.r.std(), groups.c.median(), groups.d.median(), strict=True)
    for (_, deviation, middle, day), (r, c, d) in zip(found, wanted, strict=True):
        assert (deviation, middle, day) == (pytest.approx(r), c, d)
    assert answer(interface, "SELECT stddev(b) FROM t WHERE uid = 4").rows == [(None,)]


def test_squares_beyond_the_doubles_give_null() -> None:
    rows = paid([1e200, -1e200] * 20)
    for defense in (registry.defense("none")[0], diffix(**SILENT)):
        assert answer(session(rows, defense), "SELECT stddev(pay) FROM t").rows == [(None,)]


def test_the_schema_of_these_tables_has_times() -> None:
    """Medians of dates and times are moments."""
    found = answer(session(table(), diffix(**SILENT)), "SELECT median(d), median(m) FROM t")
    assert found.kinds == (Kind.DATETIME, Kind.DATETIME)
    assert SCHEMA.column("d").kind is Kind.DATE
    assert found.rows == [(pd.Timestamp("2020-01-03"), pd.Timestamp("2020-01-01 02:00"))]


@pytest.mark.parametrize("function", ["sum", "avg", "stddev", "min", "max", "median", "sum_noise", "avg_noise"])
def test_a_scaled_column_is_no_other_sample(function: str) -> None:
    interface = session(table(240), diffix())
    once, thrice, half = answer(
        interface, f"SELECT {function}(c), {function}(c * 3), {function}(c / 2) FROM t WHERE a = 'x'"
    ).rows[0]
    near = {"rel": 0.1} if function.endswith("_noise") else {"rel": 1e-9}
    assert (thrice, half) == (pytest.approx(3 * once, **near), pytest.approx(once / 2, **near))


def test_counts_of_a_scaled_column_are_those_of_the_column() -> None:
    asked = "SELECT count(c), count(3 * c), count(c::real), count(DISTINCT uid), count(DISTINCT uid * 2) FROM t"
    c, scaled, cast, users, twice = answer(session(table(240), diffix()), asked).rows[0]
    assert (scaled, cast, twice) == (c, c, users)
