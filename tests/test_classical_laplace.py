"""Differential privacy: the sampler, the sensitivities, the budget, and what is refused."""

from __future__ import annotations

import importlib.util
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from defenses.accounting import _opendp
from defenses.bounded import Bounds, bounded, parsed
from defenses.discrete_laplace import discrete_laplace
from defenses.laplace import laplace
from harness import registry
from harness.errors import ParameterError
from harness.model import Answer, Kind, Refused
from tests.answers import answer
from tests.test_classical import MANY, SCHEMA, session, staff

BOUNDS = '["age 0 125","pay -20 90"]'


def goodness(drawn: np.ndarray, scale: Fraction) -> float:
    """The p-value of draws, (n,), under the formula of discrete Laplace noise."""
    n = len(drawn)
    a = np.exp(-1 / float(scale))
    edge = int(3 * scale) + 1
    support = np.arange(-edge, edge + 1)
    p = (1 - a) / (1 + a) * a ** np.abs(support)
    seen = np.array([(drawn == k).sum() for k in support])
    observed, expected = np.append(seen, n - seen.sum()), n * np.append(p, 1 - p.sum())
    enough = expected >= 5
    observed, expected = (np.append(x[enough], x[~enough].sum()) for x in (observed, expected))
    if expected[-1] == 0:
        observed, expected = observed[:-1], expected[:-1]
    return float(stats.chisquare(observed, expected).pvalue)


@pytest.mark.parametrize("scale", [Fraction(1), Fraction(7, 3), Fraction(1, 3), Fraction(40)])
def test_the_sampler_has_the_exact_probabilities(scale: Fraction) -> None:
    rng = np.random.default_rng(3)
    n = 2_500
    drawn = np.array([discrete_laplace(scale, rng) for _ in range(n)])
    assert goodness(drawn, scale) > 0.001
    assert discrete_laplace(Fraction(0), rng) == 0
    assert isinstance(discrete_laplace(Fraction(2**90, 3), rng), int)


def seen(sql: str, spec: str, name: str = "all known", n: int = 800) -> np.ndarray:
    found = session(name, spec, 3).query_many([sql] * n)
    return np.array([a.value for a in found if isinstance(a, Answer)])


def spread(scale: float) -> float:
    """The standard deviation of discrete Laplace noise."""
    a = np.exp(-1 / scale)
    return float(np.sqrt(2 * a) / (1 - a))


@pytest.mark.parametrize(
    ("sql", "more", "true", "scale"),
    [
        ("SELECT count(*) FROM t", "", 60, 1),
        ("SELECT count(*) FROM t", "epsilon=0.25", 60, 4),
        ("SELECT sum(age), count(*) FROM t", "epsilon=0.5", 60, 4),
        ("SELECT count(*), sum(age) FROM t", "", None, 250),
        ("SELECT sum(pay) FROM t", "", None, 90),
        ("SELECT count(*) FROM t WHERE dept = 'nobody'", "", 0, 1),
        ("SELECT sum(pay) FROM t WHERE dept = 'nobody'", "", 0, 90),
    ],
)
def test_noise_has_the_scale_of_sensitivity_by_share(sql: str, more: str, true: float | None, scale: float) -> None:
    spec = f"laplace:bounds={BOUNDS},budget=100000" + ("," + more if more else "")
    if true is None:
        true = float(answer(session("all known", "none"), sql).value)
    noise = seen(sql, spec) - true
    sd = spread(scale)
    assert abs(noise.mean()) < 3.5 * sd / np.sqrt(len(noise))
    assert 0.85 < noise.std() / sd < 1.15  # 800 draws of kurtosis 6: 3.8 standard errors


def test_rows_of_a_user_multiply_the_noise_and_only_so_many_are_published() -> None:
    table = staff(40, MANY)
    for rows in (1, 2, 30):
        published = bounded(table, {}, rows, np.random.default_rng(0))
        counts = published.frame.uid.value_counts()
        assert all(counts[f"u{u}"] == min(times, rows) for u, times in enumerate(MANY))
    noise = seen("SELECT count(*) FROM t", "laplace:rows=3,budget=100000", "many rows a user")
    assert abs(noise.mean() - sum(min(t, 3) for t in MANY)) < 3.5 * spread(3) / np.sqrt(len(noise))
    assert 0.85 < noise.std() / spread(3) < 1.15
    users = seen("SELECT count(DISTINCT uid) FROM t", "laplace:rows=3,budget=100000", "many rows a user")
    assert 0.85 < users.std() / spread(1) < 1.15


def test_bounded_columns_are_on_a_grid_inside_their_bounds_and_null_stays() -> None:
    limits = parsed("laplace", ["age 21 24", "pay -3.5 7"])
    before, after = staff(60).frame, bounded(staff(60), limits, 1, np.random.default_rng(0)).frame
    assert after.age.isna().tolist() == before.age.isna().tolist()
    assert after.age.dropna().tolist() == before.age.dropna().clip(21, 24).tolist()
    step = limits["pay"].step
    assert np.log2(step) == int(np.log2(step))
    steps = after.pay.dropna() / step
    assert (steps == steps.round()).all()
    np.testing.assert_allclose(after.pay, before.pay.clip(-3.5, 7), atol=step)
    assert Bounds("x", 0.0, 0.0).steps(Kind.REAL) == (1.0, 0, 0)
    step, low, high = Bounds("x", -1e12, 5.0).steps(Kind.INTEGER)
    assert max(abs(low), abs(high)) <= 2**20
    assert high == 0 < step


def test_an_average_lies_in_its_bounds_and_an_empty_one_is_no_null() -> None:
    values = seen("SELECT avg(age) FROM t WHERE dept = 'nobody'", f"laplace:bounds={BOUNDS},budget=100000", n=300)
    assert len(values) == 300
    assert 0 <= values.min() <= values.max() <= 125
    assert len(set(values)) > 30  # nothing shows that nobody is there
    shown = answer(session("all known", f"laplace:bounds={BOUNDS},epsilon=1000,budget=1000"), "SELECT avg(age) FROM t")
    assert shown.value == pytest.approx(answer(session("all known", "none"), "SELECT avg(age) FROM t").value, abs=0.05)
    assert shown.columns == ("avg(age)",) or len(shown.columns) == 1


@pytest.mark.parametrize(("epsilon", "budget", "answers"), [(1, 10, 10), (0.1, 1, 10), (0.3, 1, 3), (2, 1, 0)])
def test_the_budget_is_never_overspent_also_within_a_batch(epsilon: float, budget: float, answers: int) -> None:
    interface = session("one row a user", f"laplace:epsilon={epsilon},budget={budget}")
    refused = "SELECT max(age) FROM t"
    found = interface.query_many(["SELECT count(*) FROM t", refused] * 12)
    assert [isinstance(a, Answer) for a in found[::2]] == [True] * answers + [False] * (12 - answers)
    assert all(isinstance(a, Refused) and a.rule == "laplace-aggregate" for a in found[1::2])
    last = interface.query("SELECT count(*) FROM t")
    assert isinstance(last, Refused)
    assert last.rule == "laplace-budget"


def test_what_has_no_bounded_sensitivity_is_refused() -> None:
    interface = session("one row a user", 'laplace:bounds=["age 0 125"]')
    for sql, rule in [
        ("SELECT dept, count(*) FROM t GROUP BY dept", "laplace-groups"),
        ("SELECT sum(pay) FROM t", "laplace-bounds"),
        ("SELECT min(age) FROM t", "laplace-aggregate"),
        ("SELECT sum(DISTINCT age) FROM t", "laplace-aggregate"),
    ]:
        found = interface.query(sql)
        assert isinstance(found, Refused), sql
        assert found.rule == rule
    assert isinstance(interface.query("SELECT count(DISTINCT age), sum(age) FROM t"), Answer)


def test_public_groups_share_one_cost() -> None:
    interface = session("all known", f"laplace:bounds={BOUNDS},groups=public,epsilon=200,budget=200")
    found = answer(interface, "SELECT dept, count(*), avg(age) FROM t GROUP BY dept")
    assert found.data[1].tolist() == [12] * 5  # a scale of 1/100
    assert len(found.columns) == 3
    assert isinstance(interface.query("SELECT count(*) FROM t"), Refused)


def test_what_would_void_the_guarantee_is_refused_when_built() -> None:
    for spec in ("k-threshold+laplace", "laplace+k-threshold", "rounding+laplace", "laplace+laplace", "laplace+hanson"):
        with pytest.raises(ParameterError, match="keep no ε"):
            registry.defense(spec)
    for spec in ("query-budget+laplace+rounding", "maximum-order+laplace", "laplace+none+sticky"):
        registry.defense(spec)


@pytest.mark.parametrize(
    "text", ["age", "age 5", "age 5 1", "age x 1", "age 0 inf", " 0 1", "age 0 nan", "age 0 1e300", "age 0 1e-300"]
)
def test_wrong_bounds_are_named(text: str) -> None:
    with pytest.raises(ParameterError, match="bounds"):
        laplace(bounds=(text,))


def test_bounds_are_of_numeric_columns_of_the_table() -> None:
    assert laplace(bounds=("age 0 9", "pay 0 1")).skip(SCHEMA) is None
    assert "dept" in str(laplace(bounds=("dept 0 9",)).skip(SCHEMA))
    assert "wage" in str(laplace(bounds=("wage 0 9",)).skip(SCHEMA))


needs_opendp = pytest.mark.skipif(not importlib.util.find_spec("opendp"), reason="needs the package opendp (extra dp)")


@pytest.mark.skipif(bool(importlib.util.find_spec("opendp")), reason="the package opendp is installed")
def test_opendp_is_asked_for_by_name_where_it_is_missing() -> None:
    with pytest.raises(ParameterError, match=r"snoopbench\[dp\]"):
        laplace(backend="opendp")


@needs_opendp
@pytest.mark.parametrize("scale", [Fraction(1), Fraction(7, 3), Fraction(1, 3), Fraction(40)])
def test_opendps_sampler_has_the_exact_probabilities(scale: Fraction) -> None:
    """It draws from the system: one run in ten thousand fails by chance."""
    assert goodness(np.array([_opendp(0, scale) for _ in range(2_500)]), scale) > 1e-4
    assert _opendp(7, Fraction(0)) == 7
    assert {_opendp(sign * 2**52, Fraction(1, 1000)) for sign in (-1, 1)} == {-(2**52), 2**52}


@needs_opendp
def test_opendp_answers_through_sql() -> None:
    spec = f"laplace:bounds={BOUNDS},backend=opendp,budget=100000"
    noise = seen("SELECT count(*) FROM t", spec) - 60
    assert abs(noise.mean()) < 4 * spread(1) / np.sqrt(len(noise))
    assert 0.8 < noise.std() / spread(1) < 1.2  # 800 draws of kurtosis 6: 5 standard errors
    sure = f"laplace:bounds={BOUNDS},backend=opendp,epsilon=100000,budget=300000"
    sql = "SELECT sum(age), avg(pay) FROM t"
    truth = answer(session("all known", "none"), sql).rows[0]
    assert answer(session("all known", sure), sql).rows[0] == pytest.approx(truth, abs=0.01)
