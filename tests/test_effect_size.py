"""Hedges' g and bootstrap intervals of `harness.stats` against closed forms, enumeration and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from harness import stats
from harness.stats import Interval

pytestmark = pytest.mark.filterwarnings("error")
unhurried = settings(deadline=None)  # the first call imports SciPy

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
samples = st.lists(finite, min_size=2, max_size=12)
levels = st.floats(0.01, 0.999)
p_values = st.floats(0, 1)


def sampling_error(share: float, draws: int, sigmas: float = 5) -> float:
    return sigmas * math.sqrt(share * (1 - share) / draws)


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def draws(seed: int, n: int, m: int) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    return list(rng.normal(0.4, 0.1, n)), list(rng.normal(0.5, 0.3, m))


# hedges_g


def test_hedges_g_closed_forms() -> None:
    assert stats.hedges_g([1.0, 3.0], [0.0, 2.0]) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=1e-12)
    uneven = stats.hedges_g([0.0, 2.0], [1.0, 1.0, 4.0, 4.0])
    assert uneven == pytest.approx(-1.5 / math.sqrt((2 + 9) / 4) * math.sqrt(2 / math.pi), rel=1e-12)


def test_hedges_g_corrects_next_to_nothing_in_large_samples() -> None:
    a, b = draws(5, 3000, 2000)
    pooled = math.sqrt((2999 * np.var(a, ddof=1) + 1999 * np.var(b, ddof=1)) / 4998)
    expected = (np.mean(a) - np.mean(b)) / pooled * (1 - 3 / (4 * 4998 - 1))
    assert stats.hedges_g(a, b) == pytest.approx(expected, rel=1e-7)


def test_hedges_g_is_unbiased_in_small_samples() -> None:
    rng = np.random.default_rng(21)
    found = [stats.hedges_g(rng.normal(1, 1, 3), rng.normal(0, 1, 4)) for _ in range(1500)]
    values = np.array(found, dtype=float)
    assert abs(values.mean() - 1) < 5 * values.std() / math.sqrt(len(values)) < 0.15


def test_hedges_g_where_it_is_not_defined() -> None:
    assert stats.hedges_g([1.0], [1.0, 2.0]) is None
    assert stats.hedges_g([1.0, 2.0], []) is None
    assert stats.hedges_g([1.0, 1.0], [2.0, 2.0]) is None
    assert stats.hedges_g([1.0, 1.0], [2.0, 3.0]) is not None


@given(samples, samples)
def test_hedges_g_is_antisymmetric(a: list[float], b: list[float]) -> None:
    there, back = stats.hedges_g(a, b), stats.hedges_g(b, a)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert there == pytest.approx(-back, rel=1e-12)


# bootstrap_interval


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_bootstrap_meets_the_enumerated_distribution(level: float) -> None:
    a, b, resamples = [0.0, 1.0, 3.5, 9.2], [0.0, 0.2, 8.0], 9999
    exact = np.sort(
        [
            np.mean(x) - np.mean(y)
            for x in itertools.product(a, repeat=len(a))
            for y in itertools.product(b, repeat=len(b))
        ]
    )
    found = ends(stats.bootstrap_interval(a, b, np.random.default_rng(22), level, resamples))
    for end, share in zip(found, [(1 - level) / 2, (1 + level) / 2], strict=True):
        below = np.searchsorted(exact, end - 1e-9) / len(exact)
        upto = np.searchsorted(exact, end + 1e-9, side="right") / len(exact)
        error = sampling_error(share, resamples)
        assert below - error <= share <= upto + error


def test_bootstrap_of_large_samples_is_the_normal_interval() -> None:
    a, b = draws(6, 500, 400)
    se = math.sqrt(np.var(a) / 500 + np.var(b) / 400)
    found = ends(stats.bootstrap_interval(a, b, np.random.default_rng(23)))
    tail_error = sampling_error(0.025, 9999) / oracle.norm.pdf(1.96)
    for end, z in zip(found, [-1.96, 1.96], strict=True):
        assert abs((end - (np.mean(a) - np.mean(b))) / se - z) < tail_error + 0.05  # skew left at this size


def test_bootstrap_follows_its_generator() -> None:
    a, b = draws(7, 8, 6)
    one, again, other = (stats.bootstrap_interval(a, b, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again != other


def test_bootstrap_in_blocks_draws_all_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = draws(8, 7, 5)
    whole = ends(stats.bootstrap_interval(a, b, np.random.default_rng(3)))
    monkeypatch.setattr(stats, "_BLOCK_CELLS", 100)
    blocks = ends(stats.bootstrap_interval(a, b, np.random.default_rng(3)))
    tolerance = 2 * sampling_error(0.025, 9999) / oracle.norm.pdf(1.96) * (whole[1] - whole[0]) / 3.92
    assert blocks == pytest.approx(whole, abs=tolerance)
    low, high = ends(stats.bootstrap_interval(a, b, np.random.default_rng(3), resamples=1))
    assert low == high


def test_bootstrap_degenerate_samples() -> None:
    rng = np.random.default_rng(4)
    assert stats.bootstrap_interval([1.0], [1.0, 2.0], rng) is None
    assert stats.bootstrap_interval([1.0, 2.0], [], rng) is None
    assert stats.bootstrap_interval([0.5] * 3, [0.1] * 3, rng) == Interval(0.4, 0.4)
    with pytest.raises(ValueError, match="resamples"):
        stats.bootstrap_interval([1.0, 2.0], [1.0, 2.0], rng, resamples=0)


@unhurried
@given(samples, samples, st.floats(-100, 100))
def test_bootstrap_moves_with_the_first_sample(a: list[float], b: list[float], shift: float) -> None:
    low, high = ends(stats.bootstrap_interval(a, b, np.random.default_rng(5), resamples=99))
    assert min(a) - max(b) - 1e-8 <= low <= high <= max(a) - min(b) + 1e-8
    moved = stats.bootstrap_interval([x + shift for x in a], b, np.random.default_rng(5), resamples=99)
    assert ends(moved) == pytest.approx((low + shift, high + shift), abs=1e-8)
