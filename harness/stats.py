"""Pure statistics over small samples: intervals, Welch's test, Holm's correction, effect size.

A sample is one number a trial. Wherever a figure is not defined for the data at hand the answer is None,
never 0 or 1. A sample that holds NaN, an infinity or a magnitude of 1e150 and more (its square would
overflow) is a ValueError, so no function here emits a floating-point warning.

Rates from different trials can be equal on paper and differ in the last bits, by the order of a summation. A
spread within `ROUNDING` of the largest magnitude therefore counts as no variance: else rounding alone would
turn two equal attacks into a significant difference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Sequence[float] | Array

ROUNDING = 16 * float(np.finfo(np.float64).eps)
_LARGEST = 1e150
_BLOCK_CELLS = 1 << 22  # 32 MB of resampled values at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval, in the unit of the values that it was computed from."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WelchTest:
    """Statistic, degrees of freedom and two-sided p-value; what is not defined is None."""

    t: float | None
    df: float | None
    p: float | None


def mean(values: Values) -> float | None:
    """Arithmetic mean, in the unit of `values` (one-dimensional); None for an empty sample.

    The mean of equal values is exactly that value.

    Raises ValueError for values that are not finite.
    """
    sample = _sample(values)
    return _mean(sample) if sample.size else None


def t_interval(values: Values, level: float = 0.95) -> Interval | None:
    """Student's interval for the mean of one sample, in the unit of `values` (one-dimensional).

    mean ± t((1 + level)/2; n - 1) · s/√n, with s² the variance over n - 1. None with fewer than 2 values; a
    sample without variance has an interval of zero width.

    Raises ValueError for values that are not finite, or a `level` outside (0, 1).

    Source: Student, "The probable error of a mean", Biometrika 6 (1908).
    """
    from scipy.special import stdtrit

    quantile = _upper_quantile(level)
    sample = _sample(values)
    if sample.size < 2:
        return None
    centre = _mean(sample)
    half_width = float(stdtrit(sample.size - 1, quantile)) * math.sqrt(_variance(sample) / sample.size)
    return Interval(centre - half_width, centre + half_width)


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval | None:
    """Wilson's score interval for a share, within [0, 1]; None without trials.

    Its ends are the roots x of (p - x)² = z²·x(1 - x)/n with p = successes/trials and z the normal quantile
    of (1 + level)/2. No continuity correction.

    Raises ValueError unless 0 <= successes <= trials, and for a `level` outside (0, 1).

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    from scipy.special import ndtri

    quantile = _upper_quantile(level)
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must lie between 0 and trials ({trials}), got {successes}")
    if trials == 0:
        return None
    z = float(ndtri(quantile))
    return Interval(_wilson_low(successes, trials, z), 1 - _wilson_low(trials - successes, trials, z))


def welch(a: Values, b: Values) -> WelchTest:
    """Welch's two-sided t-test that two independent samples (each one-dimensional) have the same mean.

    t = (mean a - mean b)/√(v_a + v_b) with v = s²/n, and the Welch-Satterthwaite degrees of freedom
    (v_a + v_b)²/(v_a²/(n_a - 1) + v_b²/(n_b - 1)). With fewer than 2 values in a sample all three fields
    are None. Where neither sample has variance t and df are None, and p is 1 for equal means, else that of
    the exact permutation test: 2/C(n_a + n_b, n_a) for samples of equal size, 1/C(n_a + n_b, n_a) for others.

    Raises ValueError for values that are not finite.

    Sources: Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34 (1947); for the permutation test Pitman, "Significance tests which may be applied
    to samples from any populations", Supplement to the Journal of the Royal Statistical Society 4 (1937).
    """
    from scipy.special import stdtr

    first, second = _sample(a), _sample(b)
    if min(first.size, second.size) < 2:
        return WelchTest(None, None, None)
    error_a, error_b = _variance(first) / first.size, _variance(second) / second.size
    if error_a + error_b == 0:
        return WelchTest(None, None, _constant_samples_p(first, second))
    t = (_mean(first) - _mean(second)) / math.sqrt(error_a + error_b)
    share = error_a / (error_a + error_b)  # the squares of tiny variances would underflow
    df = 1 / (share**2 / (first.size - 1) + (1 - share) ** 2 / (second.size - 1))
    return WelchTest(t, df, 2 * float(stdtr(df, -abs(t))))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment of a family of p-values, in the order given.

    The i-th smallest of m becomes the maximum over j <= i of min(1, (m - j + 1)·p_j). A None stays None and
    does not count in m.

    Raises ValueError for a p-value outside [0, 1].

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979).
    """
    family = [(p, position) for position, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for p, _ in family:
        if not 0 <= p <= 1:
            raise ValueError(f"p-value must lie in [0, 1], got {p}")
    for rank, (p, position) in enumerate(sorted(family)):
        floor = max(floor, min(1.0, (len(family) - rank) * p))
        adjusted[position] = floor
    return adjusted


def hedges_g(a: Values, b: Values) -> float | None:
    """Standardised difference of two means, in pooled standard deviations; positive where a is the larger.

    g = J(df)·(mean a - mean b)/s with s² the pooled variance over df = n_a + n_b - 2 and the exact
    small-sample factor J(df) = Γ(df/2)/(√(df/2)·Γ((df - 1)/2)), not its approximation 1 - 3/(4·df - 1). None
    with fewer than 2 values in a sample, or where neither sample has variance.

    Raises ValueError for values that are not finite.

    Source: Hedges, "Distribution theory for Glass's estimator of effect size and related estimators", Journal
    of Educational Statistics 6 (1981).
    """
    first, second = _sample(a), _sample(b)
    if min(first.size, second.size) < 2:
        return None
    df = first.size + second.size - 2
    pooled = ((first.size - 1) * _variance(first) + (second.size - 1) * _variance(second)) / df
    if pooled == 0:
        return None
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return correction * (_mean(first) - _mean(second)) / math.sqrt(pooled)


def bootstrap_interval(
    a: Values, b: Values, rng: np.random.Generator, level: float = 0.95, resamples: int = 9999
) -> Interval | None:
    """Percentile bootstrap interval for mean(a) - mean(b), each sample resampled on its own.

    The ends are the order statistics (resamples + 1)·(1 ∓ level)/2 of the resampled differences, interpolated
    where that is no whole number (9999 makes it one at the usual levels). None with fewer than 2 values in a
    sample; two samples without variance have an interval of zero width. Percentile intervals are too short
    for small samples, by about √((n - 1)/n) and by the heavier tail of t: read them beside the p of `welch`.

    Raises ValueError for values that are not finite, a `level` outside (0, 1) or `resamples` below 1.

    Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13.
    """
    quantile = _upper_quantile(level)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    first, second = _sample(a), _sample(b)
    if min(first.size, second.size) < 2:
        return None
    errors = _resampled_errors(first, rng, resamples) - _resampled_errors(second, rng, resamples)
    low, high = np.quantile(errors, (1 - quantile, quantile), method="weibull")
    difference = _mean(first) - _mean(second)
    return Interval(difference + float(low), difference + float(high))


def _sample(values: Values) -> Array:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"a sample must be one-dimensional, got shape {sample.shape}")
    if not np.all(np.abs(sample) < _LARGEST):
        raise ValueError(f"values must be finite numbers below {_LARGEST:g} in magnitude")
    return sample


def _upper_quantile(level: float) -> float:
    quantile = (1 + level) / 2
    if not 0.5 < quantile < 1:  # after rounding: its normal quantile is then neither 0 nor infinite
        raise ValueError(f"level must lie in (0, 1), got {level}")
    return quantile


def _mean(sample: Array) -> float:
    # np.mean of equal values can miss them by a bit; the bounds bring it back.
    return float(np.clip(np.mean(sample), np.min(sample), np.max(sample)))


def _variance(sample: Array) -> float:
    if np.ptp(sample) <= ROUNDING * np.max(np.abs(sample)):
        return 0.0
    return float(np.sum((sample - _mean(sample)) ** 2)) / (sample.size - 1)


def _wilson_low(successes: int, trials: int, z: float) -> float:
    """The smaller root, from the product of both: no cancellation, and exactly 0 without successes."""
    share, penalty = successes / trials, z**2 / trials
    return 2 * share**2 / (2 * share + penalty + math.sqrt(penalty * (penalty + 4 * share * (1 - share))))


def _constant_samples_p(a: Array, b: Array) -> float:
    """Exact two-sided permutation p of the difference of means, each sample one value repeated.

    A relabelling that puts k values of b into a gives a difference of 1 - k·(1/n_a + 1/n_b) times the one
    observed. That is as extreme only for k = 0, one of the C(n_a + n_b, n_a) relabellings, or where k reaches
    the harmonic mean of the sizes, 2·n_a·n_b/(n_a + n_b). It exceeds the smaller size, and so every k, unless
    the sizes are equal; then the full exchange, k = n_a, is a second one.
    """
    mean_a, mean_b = _mean(a), _mean(b)
    if abs(mean_a - mean_b) <= ROUNDING * max(abs(mean_a), abs(mean_b)):
        return 1.0
    return (2 if a.size == b.size else 1) / math.comb(a.size + b.size, a.size)


def _resampled_errors(sample: Array, rng: np.random.Generator, resamples: int) -> Array:
    """Means of resamples minus the mean of the sample, shape (resamples,); in blocks, to bound the memory."""
    errors = sample - _mean(sample)
    rows = max(1, _BLOCK_CELLS // sample.size)
    blocks = [
        errors[rng.integers(sample.size, size=(min(rows, resamples - start), sample.size))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    return np.concatenate(blocks)
