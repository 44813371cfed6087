"""Rounding and random sampling: against slow versions of their definitions, and what they promise."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from defenses.controlled import rounded_up
from defenses.random_sampling import random_sampling
from defenses.rounding import rounding
from harness import registry
from harness.engine import DuckEngine
from harness.errors import ParameterError
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.session import LocalSession
from tests.answers import answer, by_key
from tests.test_classical import SALT, SCHEMA, TABLES, session

Z = float(stats.norm.ppf(0.9995))  # two-sided 99.9 %
TABLE = "SELECT dept, flag, count(*), sum(pay) FROM t GROUP BY dept, flag"


# rounding


@pytest.mark.parametrize("base", [1, 2, 5, 7])
@pytest.mark.parametrize("name", TABLES)
def test_systematic_rounding_takes_the_nearer_multiple_the_upper_in_the_middle(name: str, base: int) -> None:
    sql = "SELECT dept, count(*), sum(age), avg(pay), min(age), max(pay) FROM t GROUP BY dept"
    true = answer(session(name, "none"), sql)
    found = answer(session(name, f"rounding:base={base}"), sql)
    for shown, exact in zip(found.data[1:], true.data[1:], strict=True):
        for x, y in zip(shown.tolist(), exact.tolist(), strict=True):
            if y != y:
                assert x != x
                continue
            steps = Fraction(y) / base + Fraction(1, 2)
            assert x == steps.__floor__() * base


def test_rounding_works_below_zero_and_counts_dates_in_days() -> None:
    frame = pd.DataFrame({"uid": [1, 2, 3], "x": [-7, -8, 8], "day": pd.to_datetime(["1970-01-03"] * 3)})
    frame["day"] = frame["day"].astype("datetime64[us]")
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("x", Kind.INTEGER), Column("day", Kind.DATE)), "uid")
    interface = LocalSession(schema, DuckEngine(Table(schema, frame), SALT), rounding(), np.random.default_rng(0))
    assert answer(interface, "SELECT sum(x), min(x), max(x) FROM t").rows == [(-5, -10, 10)]
    shown = answer(interface, "SELECT min(day) FROM t").data[0][0]
    assert shown == np.datetime64("1970-01-01")


DRAWS = 10_000


def test_random_rounding_is_unbiased_and_takes_the_two_next_multiples() -> None:
    """12 people: 10 with 3/5, 15 with 2/5. 60 is a multiple and stays."""
    sql = "SELECT count(*) FROM t WHERE dept = 'CS'"
    found = session("one row a user", "rounding:kind=random", 3).query_many([sql] * DRAWS)
    values = np.array([a.value for a in found if isinstance(a, Answer)])
    assert set(values) == {10.0, 15.0}
    low, high = stats.binom.ppf([0.0005, 0.9995], DRAWS, 2 / 5)
    assert low <= (values == 15).sum() <= high
    whole = session("one row a user", "rounding:kind=random").query_many(["SELECT count(*) FROM t"] * 200)
    assert {a.value for a in whole if isinstance(a, Answer)} == {60.0}


def test_random_rounding_draws_by_the_generator_cell_by_cell() -> None:
    exact = answer(session("one row a user", "none"), TABLE)
    found = answer(session("one row a user", "rounding:kind=random", 9), TABLE)
    uniform = np.random.default_rng(9).random((len(exact), 2))
    for slot in (0, 1):
        x = exact.data[2 + slot]
        down = 5 * np.floor(x / 5)
        expected = np.where(uniform[:, slot] < (x - down) / 5, down + 5, down)
        np.testing.assert_array_equal(found.data[2 + slot], np.where(np.isnan(x), np.nan, expected))


def test_sticky_random_rounding_repeats_by_text_and_is_unbiased_over_buckets() -> None:
    sql = "SELECT count(*) FROM t WHERE dept = 'CS'"
    spec = "rounding:kind=random,sticky=true"
    one = {answer(session("one row a user", spec, seed), sql).value for seed in range(20)}
    assert len(one) == 1
    assert by_key(session("one row a user", spec), "SELECT dept, count(*) FROM t GROUP BY dept") == by_key(
        session("one row a user", spec, 5), "select dept, COUNT(*) from t group by 1 order by 2"
    )
    found = answer(session("twelve a group", spec), "SELECT age, count(*), count(uid) FROM t GROUP BY age")
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 2 / 5)
    for slot in (1, 2):
        assert low <= (found.data[slot] == 15).sum() <= high
    assert (found.data[1] != found.data[2]).any()


def brute(share: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[float, bool]:
    """The least cost of a controlled rounding, and whether there is one, by trying all."""
    best, found = np.inf, False
    for ups in product((0, 1), repeat=len(share)):
        up = np.array(ups)
        lines = [rows == r for r in set(rows)] + [columns == c for c in set(columns)] + [np.ones(len(share), bool)]
        sums = [(Fraction(int(up[m].sum())), sum(map(Fraction, share[m]))) for m in lines]
        if (up[share == 0] == 0).all() and all(t.__floor__() <= s <= t.__ceil__() for s, t in sums):
            best, found = min(best, float((up * (1 - 2 * share)).sum())), True
    return best, found


CELLS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 7))


@settings(max_examples=40)
@given(st.lists(CELLS, max_size=7, unique_by=lambda cell: cell[:2]))
def test_controlled_rounding_is_the_best_of_all_that_fit(cells: list[tuple[int, int, int]]) -> None:
    rows, columns, eighths = (np.array([c[i] for c in cells], dtype=np.int64) for i in range(3))
    share = eighths / 8.0
    up = rounded_up(share, rows, columns)
    best, exists = brute(share, rows, columns)
    assert exists
    assert float((up * (1 - 2 * share)).sum()) == pytest.approx(best)


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 7), st.integers(0, 2**32))
def test_controlled_rounding_adds_up(height: int, width: int, base: int, seed: int) -> None:
    """Each line's sum of roundings is a multiple next to the true sum, negatives included."""
    counts = np.random.default_rng(seed).integers(-30, 30, (height, width))
    rows, columns = np.divmod(np.arange(height * width), width)
    flat = counts.ravel()
    rounded = flat - flat % base + base * rounded_up(flat % base / base, rows, columns)
    for axis in (0, 1, None):
        exact, shown = counts.sum(axis=axis), rounded.reshape(height, width).sum(axis=axis)
        assert (np.abs(exact - shown) < base).all()
        assert (shown % base == 0).all()
    assert (np.abs(rounded - flat) < base).all()


@pytest.mark.parametrize("name", TABLES)
def test_a_controlled_table_adds_up_through_sql(name: str) -> None:
    exact, shown = (answer(session(name, d), TABLE) for d in ("none", "rounding:kind=controlled"))
    assert [row[:2] for row in exact] == [row[:2] for row in shown]
    for slot in (2, 3):
        assert (np.isnan(exact.data[slot]) == np.isnan(shown.data[slot])).all()
        for places in (exact.data[0], exact.data[1], np.zeros(len(exact), dtype=object)):
            for place in set(places.tolist()):
                here = np.array([p == place for p in places], dtype=bool)
                x, y = (np.nansum(a.data[slot][here]) for a in (exact, shown))
                assert abs(x - y) < 5
                assert y % 5 == 0


def test_controlled_rounding_refuses_what_is_no_additive_two_way_table() -> None:
    interface = session("one row a user", "rounding:kind=controlled")
    for sql, rule in [
        ("SELECT count(*) FROM t", "rounding-table"),
        ("SELECT dept, count(*) FROM t GROUP BY dept", "rounding-table"),
        ("SELECT dept, age, flag, count(*) FROM t GROUP BY dept, age, flag", "rounding-table"),
        ("SELECT dept, flag FROM t GROUP BY dept, flag", "rounding-table"),
        ("SELECT dept, flag, avg(age) FROM t GROUP BY dept, flag", "rounding-additive"),
        ("SELECT dept, flag, count(DISTINCT uid) FROM t GROUP BY dept, flag", "rounding-additive"),
    ]:
        found = interface.query(sql)
        assert isinstance(found, Refused)
        assert found.rule == rule
    for spec in ("rounding:kind=controlled+k-threshold", "rounding:kind=controlled+sticky"):
        with pytest.raises(ParameterError, match="undoes its sums"):
            registry.defense(spec)
    registry.defense("k-threshold+rounding:kind=controlled")
    registry.defense("rounding:kind=random+sticky")


# random-sampling


def counted(n: int) -> DuckEngine:
    frame = pd.DataFrame({"uid": np.arange(n).astype(str).astype(object), "dept": "CS", "age": np.arange(n) % 4})
    return DuckEngine(Table(Schema("t", SCHEMA.columns[:3], "uid"), frame.astype({"dept": object})), SALT)


def sampled(p: float, n: int, queries: int, groups: int) -> np.ndarray:
    """Fresh samples of `groups` groups of n rows each: the counts answered, shape (queries, groups)."""
    size = n * groups
    frame = pd.DataFrame({"uid": np.arange(size).astype(str).astype(object), "dept": "CS", "age": np.arange(size) // n})
    engine = DuckEngine(Table(Schema("t", SCHEMA.columns[:3], "uid"), frame.astype({"dept": object})), SALT)
    interface = LocalSession(SCHEMA, engine, random_sampling(p=p), np.random.default_rng(2))
    found = interface.query_many(["SELECT age, count(*) FROM t GROUP BY age"] * queries)
    return np.stack([a.data[1] for a in found if isinstance(a, Answer)])


@pytest.mark.parametrize(("p", "n"), [(0.9, 60), (0.5, 40)])
def test_dennings_error_of_a_sampled_count(p: float, n: int) -> None:
    """Relative RMS error √((1 − p)/(p·n)); the sample's size is binomial."""
    found = sampled(p, n, 30, 200).ravel()
    m = len(found)
    squares = (found / n - 1) ** 2
    assert abs(squares.mean() - (1 - p) / (p * n)) < Z * squares.std() / np.sqrt(m)
    assert abs(found.mean() - n) < Z * n * np.sqrt((1 - p) / (p * n) / m)
    sizes = np.round(found * p)
    for quantile in (0.1, 0.5, 0.9):
        edge = stats.binom.ppf(quantile, n, p)
        share = stats.binom.cdf(edge, n, p)
        assert abs((sizes <= edge).mean() - share) < Z * np.sqrt(share * (1 - share) / m)


def test_dennings_number_of_queries_to_average_the_sample_away() -> None:
    """About 15·((1 − p)/p)·n queries bring a count to within half a record with 95 % (94.7 % by the formula)."""
    p, n, repeats = 0.8, 16, 800
    means = sampled(p, n, round(15 * (1 - p) / p * n), repeats).mean(axis=0)
    hits = int((np.abs(means - n) < 0.5).sum())
    low, high = stats.binom.ppf([0.0005, 0.9995], repeats, 0.947)
    assert low <= hits <= high


def test_a_sticky_sample_is_the_same_for_the_same_formula_whatever_is_computed() -> None:
    spec = "random-sampling:p=0.5,sticky=true"
    one = answer(session("one row a user", spec, 1), "SELECT count(*), count(pay), sum(age) FROM t WHERE age > 20")
    two = answer(session("one row a user", spec, 2), "select sum(AGE) from T where 20 < age")
    assert two.value == one.rows[0][2]
    counts = {
        answer(session("one row a user", spec), f"SELECT count(*) FROM t WHERE age <> {n}").value for n in range(50, 90)
    }
    assert len(counts) > 5
    fresh = session("one row a user", "random-sampling:p=0.5")
    assert len({fresh.query("SELECT count(*) FROM t").value for _ in range(40)}) > 5  # type: ignore[union-attr]


def test_a_sample_takes_rows_alike_whatever_they_hold() -> None:
    """Each of 4 groups of 1,000 rows gets its share, groups apart from one another, and a sample scales what grows."""
    interface = LocalSession(SCHEMA, counted(4000), random_sampling(p=0.3), np.random.default_rng(0))
    found = answer(interface, "SELECT age, count(*), count(DISTINCT uid), avg(age), max(age) FROM t GROUP BY age")
    assert found.data[1].tolist() == found.data[2].tolist()
    assert (np.abs(found.data[1] * 0.3 - 300) < Z * np.sqrt(1000 * 0.21)).all()
    assert len(set(found.data[1].tolist())) > 1
    assert found.data[3].tolist() == found.data[4].tolist() == [0, 1, 2, 3]
    shown = answer(
        session("many rows a user", "random-sampling:p=0.5,sticky=true"), "SELECT count(DISTINCT uid) FROM t"
    )
    assert shown.value == int(shown.value) <= 40  # users with several rows: no scaling makes it right


def test_sampling_draws_nothing_from_the_noise_of_other_defenses_and_combines_once() -> None:
    sql = "SELECT count(*) FROM t"
    assert (
        answer(session("one row a user", "random-sampling:p=1+output-perturbation", 4), sql).rows
        == answer(session("one row a user", "output-perturbation", 4), sql).rows
    )
    with pytest.raises(ParameterError, match="one sample"):
        registry.defense("random-sampling+random-sampling:p=0.5")
    with pytest.raises(ParameterError, match="sticky=true"):
        registry.defense("random-sampling+diffix")
    registry.defense("random-sampling:sticky=true+diffix")
    empty = answer(session("one row a user", "random-sampling:p=0.001"), "SELECT count(*), sum(age) FROM t").rows
    assert empty == [(0, None)]
