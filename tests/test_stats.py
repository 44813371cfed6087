"""`harness.stats` against SciPy called directly, closed forms, enumeration and simulation."""

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from harness import stats
from harness.stats import Interval, WelchTest

pytestmark = pytest.mark.filterwarnings("error")
unhurried = settings(deadline=None)  # the first call imports SciPy

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
samples = st.lists(finite, min_size=2, max_size=12)
levels = st.floats(0.01, 0.999)
p_values = st.floats(0, 1)

TWO_SAMPLES: list[Callable[[list[float], list[float]], object]] = [
    stats.welch,
    stats.hedges_g,
    lambda a, b: stats.bootstrap_interval(a, b, np.random.default_rng(0), resamples=9),
]
ONE_SAMPLE: list[Callable[[list[float]], object]] = [stats.mean, stats.t_interval]


def sampling_error(share: float, draws: int, sigmas: float = 5) -> float:
    return sigmas * math.sqrt(share * (1 - share) / draws)


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def draws(seed: int, n: int, m: int) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    return list(rng.normal(0.4, 0.1, n)), list(rng.normal(0.5, 0.3, m))


# Input that no function takes


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e150])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    for one in ONE_SAMPLE:
        with pytest.raises(ValueError, match="finite"):
            one([1.0, bad])
    for two in TWO_SAMPLES:
        with pytest.raises(ValueError, match="finite"):
            two([1.0, bad], [1.0, 2.0])
        with pytest.raises(ValueError, match="finite"):
            two([1.0, 2.0], [bad])


def test_a_table_is_not_a_sample() -> None:
    with pytest.raises(ValueError, match=r"one-dimensional, got shape \(2, 2\)"):
        stats.mean(np.ones((2, 2)))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, -0.5, math.nan, 1e-17, 1 - 2**-53])
def test_level_outside_the_open_unit_interval_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        stats.t_interval([1.0, 2.0], level)
    with pytest.raises(ValueError, match="level"):
        stats.wilson_interval(0, 2, level)
    with pytest.raises(ValueError, match="level"):
        stats.bootstrap_interval([1.0, 2.0], [1.0, 2.0], np.random.default_rng(0), level)


def test_scipy_is_imported_late() -> None:
    check = "import runpy, sys; runpy.run_path(sys.argv[1]); sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", check, str(stats.__file__)], check=True)


# mean


def test_mean() -> None:
    assert stats.mean([]) is None
    assert stats.mean([7.0]) == 7
    assert stats.mean(np.array([1.0, 2.0, 6.0])) == 3
    assert stats.mean([0.1, 0.1, 0.1]) == 0.1 != np.mean([0.1, 0.1, 0.1])


@given(st.lists(finite, min_size=1, max_size=40))
def test_mean_lies_among_the_values(values: list[float]) -> None:
    found = stats.mean(values)
    assert found is not None
    assert min(values) <= found <= max(values)
    assert found == pytest.approx(math.fsum(values) / len(values), abs=1e-15 * max(map(abs, values)) * len(values))


# t_interval


def test_t_interval_closed_forms_for_one_and_two_degrees_of_freedom() -> None:
    half = 0.5 * math.tan(0.475 * math.pi)
    assert ends(stats.t_interval([0.0, 1.0])) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-12)

    half = 0.9 * math.sqrt(2 / (1 - 0.9**2)) * math.sqrt(7 / 3)
    assert ends(stats.t_interval([1.0, 2.0, 6.0], level=0.9)) == pytest.approx((3 - half, 3 + half), rel=1e-12)


@pytest.mark.parametrize("n", [2, 5, 30, 500])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_t_interval_is_scipys(n: int, level: float) -> None:
    values, _ = draws(n, n, 2)
    expected = oracle.ttest_1samp(values, 0).confidence_interval(level)
    assert ends(stats.t_interval(values, level)) == pytest.approx((expected.low, expected.high), rel=1e-11)


def test_t_interval_degenerate_samples() -> None:
    assert stats.t_interval([]) is None
    assert stats.t_interval([0.5]) is None
    assert stats.t_interval([0.1] * 3) == Interval(0.1, 0.1)
    assert stats.t_interval([0.0] * 3) == Interval(0, 0)


def test_t_interval_covers_as_often_as_it_says() -> None:
    rounds = 2000
    rows = np.random.default_rng(20).normal(3, 2, (rounds, 5))
    intervals = [ends(stats.t_interval(row)) for row in rows]
    covered = sum(low <= 3 <= high for low, high in intervals) / rounds
    assert abs(covered - 0.95) < sampling_error(0.95, rounds)


@unhurried
@given(samples, levels, levels)
def test_t_interval_grows_with_its_level(values: list[float], one: float, other: float) -> None:
    low, high = ends(stats.t_interval(values, min(one, other)))
    lowest, highest = ends(stats.t_interval(values, max(one, other)))
    assert lowest <= low <= high <= highest


# wilson_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (3, 7), (19, 20), (431, 1000)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_is_scipys(successes: int, trials: int, level: float) -> None:
    found = ends(stats.wilson_interval(successes, trials, level))
    expected = oracle.binomtest(successes, trials).proportion_ci(level, method="wilson")
    assert found == pytest.approx((expected.low, expected.high), rel=1e-11, abs=1e-14)


def test_wilson_closed_form_without_successes() -> None:
    z = 1.959963984540054
    low, high = ends(stats.wilson_interval(0, 10))
    assert low == 0
    assert high == pytest.approx(z**2 / (10 + z**2), rel=1e-12)


def test_wilson_without_trials_and_with_impossible_counts() -> None:
    assert stats.wilson_interval(0, 0) is None
    for successes, trials in [(-1, 3), (4, 3), (0, -1)]:
        with pytest.raises(ValueError, match="successes"):
            stats.wilson_interval(successes, trials)


@unhurried
@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), levels)
def test_wilson_holds_the_share_within_the_unit_interval(counts: tuple[int, int], level: float) -> None:
    successes, trials = counts
    low, high = ends(stats.wilson_interval(successes, trials, level))
    assert 0 <= low <= successes / trials <= high <= 1
    mirrored = ends(stats.wilson_interval(trials - successes, trials, level))
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-15)


# welch


def test_welch_by_hand() -> None:
    found = stats.welch([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 4.0, 6.0, 8.0, 10.0])
    assert found.t == pytest.approx(-3 / math.sqrt(0.5 + 2), rel=1e-12)
    assert found.df == pytest.approx(2.5**2 / (0.5**2 / 4 + 2**2 / 4), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 9), (5, 5), (20, 7), (200, 300)])
def test_welch_is_scipys(n: int, m: int) -> None:
    a, b = draws(n + m, n, m)
    found, expected = stats.welch(a, b), oracle.ttest_ind(a, b, equal_var=False)
    assert (found.t, found.df, found.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue), rel=1e-9)


def test_welch_with_one_constant_sample_is_the_test_of_the_other_against_it() -> None:
    a, _ = draws(3, 6, 2)
    found, expected = stats.welch(a, [0.5] * 4), oracle.ttest_1samp(a, 0.5)
    assert (found.t, found.df, found.p) == pytest.approx((expected.statistic, 5, expected.pvalue), rel=1e-9)


def test_welch_with_tiny_and_huge_spreads() -> None:
    a, b = draws(4, 6, 5)
    expected = stats.welch(a, b)
    for scale in (1e-120, 1e120):
        found = stats.welch([x * scale for x in a], [x * scale for x in b])
        assert (found.t, found.df, found.p) == pytest.approx((expected.t, expected.df, expected.p), rel=1e-9)


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([1.0, 1.0], [2.0]), ([1.0], [1.0])])
def test_welch_with_too_few_values(a: list[float], b: list[float]) -> None:
    assert stats.welch(a, b) == WelchTest(None, None, None)


@pytest.mark.parametrize("n", range(2, 7))
@pytest.mark.parametrize("m", range(2, 7))
def test_welch_of_constant_samples_is_the_enumerated_permutation_test(n: int, m: int) -> None:
    pool = [Fraction(1)] * n + [Fraction(3)] * m

    def difference(chosen: tuple[int, ...]) -> Fraction:
        inside = sum((pool[i] for i in chosen), Fraction(0))
        return abs(inside / n - (sum(pool) - inside) / m)

    relabelled = [difference(chosen) for chosen in itertools.combinations(range(n + m), n)]
    extreme = sum(value >= difference(tuple(range(n))) for value in relabelled)
    expected = WelchTest(None, None, extreme / len(relabelled))
    assert stats.welch([1.0] * n, [3.0] * m) == expected
    assert stats.welch([0.3] * n, [-0.1] * m) == expected


def test_welch_of_equal_constant_samples() -> None:
    assert stats.welch([0.7] * 4, [0.7] * 3) == WelchTest(None, None, 1)
    assert stats.welch([0.0] * 2, [0.0] * 2) == WelchTest(None, None, 1)


def test_rounding_is_no_variance_and_no_difference() -> None:
    rounded = [0.3, 0.1 + 0.2, 0.3, 0.9 / 3]
    assert len(set(rounded)) > 1
    assert stats.welch(rounded, [0.1 + 0.2] * 4) == WelchTest(None, None, 1)
    assert stats.hedges_g(rounded, [0.1 + 0.2] * 4) is None
    assert stats.welch([1.0, 1.0 + 1e-13], [1.0, 1.0]).t is not None


@unhurried
@given(samples, samples)
def test_welch_is_antisymmetric(a: list[float], b: list[float]) -> None:
    there, back = stats.welch(a, b), stats.welch(b, a)
    assert there.p is not None
    assert 0 <= there.p <= 1
    assert there.p == pytest.approx(back.p, rel=1e-9)
    assert (there.t is None) == (back.t is None) == (there.df is None)
    if there.t is not None and back.t is not None and there.df is not None:
        assert there.t == -back.t
        assert there.df == pytest.approx(back.df, rel=1e-9)
        assert min(len(a), len(b)) - 1 <= there.df * (1 + 1e-12)
        assert there.df <= (len(a) + len(b) - 2) * (1 + 1e-12)


# holm


def test_holm_by_hand() -> None:
    assert stats.holm([]) == []
    assert stats.holm([0.04]) == [0.04]
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.5, 0.5, 0.9]) == [1, 1, 1]


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert stats.holm([None, 0.02, None, 0.01]) == [None, 0.02, None, 0.02]
    assert stats.holm([None]) == [None]


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(bad: float) -> None:
    with pytest.raises(ValueError, match="p-value"):
        stats.holm([0.5, bad])


@given(st.lists(p_values, min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(raw: list[float]) -> None:
    def closed(i: int) -> float:
        others = [j for j in range(len(raw)) if j != i]
        families = [(i, *rest) for size in range(len(raw)) for rest in itertools.combinations(others, size)]
        return max(min(1.0, len(family) * min(raw[j] for j in family)) for family in families)

    assert stats.holm(raw) == pytest.approx([closed(i) for i in range(len(raw))], rel=1e-12)


@given(st.lists(st.none() | p_values, max_size=15), st.randoms(use_true_random=False))
def test_holm_keeps_order_and_never_lowers(raw: list[float | None], random: Random) -> None:
    adjusted = stats.holm(raw)
    assert [p is None for p in adjusted] == [p is None for p in raw]
    pairs = sorted((p, q) for p, q in zip(raw, adjusted, strict=True) if p is not None and q is not None)
    assert all(p <= q <= 1 for p, q in pairs)
    assert all(q <= r for (_, q), (_, r) in itertools.pairwise(pairs))
    order = list(range(len(raw)))
    random.shuffle(order)
    assert stats.holm([raw[i] for i in order]) == [adjusted[i] for i in order]
