"""Distributions that a column of numbers may follow: fitted by their moments, compared by their distance to the data.

Step 1 of Liew, Choi, Liew 1985. A candidate gets the mean and the standard deviation of the sample; how far it is from
the sample is the Kolmogorov-Smirnov distance, the largest difference of the two cumulative frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CANDIDATES = ("normal", "lognormal", "uniform", "gamma")
LARGEST_SAMPLE = 100_000
NEAR = 0.02  # a distance that is accepted however large the sample is: no real column follows a formula exactly
KOLMOGOROV = 1.36  # times 1/√n: what a true candidate exceeds in 5 % of the samples (in fewer, being fitted)


@dataclass(frozen=True)
class Distribution:
    """A candidate fitted to a sample: its name, mean and standard deviation, distance, and how to draw from it."""

    name: str
    mean: float
    sd: float
    distance: float
    draw: Callable[[np.random.Generator, tuple[int, ...]], Floats]


def fitted(values: Floats, rng: np.random.Generator, wanted: str = "fit") -> Distribution:
    """The distribution of the values, (n,) with n ≥ 1: the one `wanted`, or under `fit` the nearest candidate.

    The empirical distribution is taken where the nearest candidate is not near (within 1.36/√n or 0.02), and where the
    one wanted cannot be fitted: a spread of 0, or lognormal and gamma on values that are not all positive. It is fitted
    on at most 10⁵ values, drawn without replacement.
    """
    sample = values if len(values) <= LARGEST_SAMPLE else rng.choice(values, LARGEST_SAMPLE, replace=False)
    sample = np.sort(sample)
    limit = math.inf if wanted != "fit" else max(NEAR, KOLMOGOROV / math.sqrt(len(sample)))
    names = CANDIDATES if wanted == "fit" else (wanted,)
    found = [one for name in names if (one := _candidate(name, sample)) is not None]
    nearest = min(found, key=lambda one: one.distance, default=None)
    return nearest if nearest is not None and nearest.distance <= limit else _empirical(sample)


def _candidate(name: str, sample: Floats) -> Distribution | None:
    """A candidate with the sample's moments, or None where it has none such. `sample` is in ascending order."""
    mean, sd = float(sample.mean()), float(sample.std(ddof=1)) if len(sample) > 1 else 0.0
    positive = name in ("lognormal", "gamma")
    if name == "empirical" or not (math.isfinite(sd) and sd > 1e-12 * abs(mean)) or (positive and sample[0] <= 0):
        return None
    distribution, draw = _FITS[name](mean, sd)
    return Distribution(name, mean, sd, _distance(distribution(sample)), draw)


def _distance(cumulative: Floats) -> float:
    """The Kolmogorov-Smirnov distance, from the candidate's cumulative frequencies at the values in order."""
    n = len(cumulative)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - cumulative).max(), (cumulative - steps[:-1]).max()))


Fit = tuple[Callable[[Floats], Floats], Callable[[np.random.Generator, tuple[int, ...]], Floats]]


def _normal(mean: float, sd: float) -> Fit:
    from scipy.special import ndtr

    return lambda x: ndtr((x - mean) / sd), lambda rng, shape: mean + sd * rng.standard_normal(shape)


def _lognormal(mean: float, sd: float) -> Fit:
    from scipy.special import ndtr

    variance = math.log1p((sd / mean) ** 2)
    centre, spread = math.log(mean) - variance / 2, math.sqrt(variance)
    return (
        lambda x: ndtr((np.log(x) - centre) / spread),
        lambda rng, shape: np.exp(centre + spread * rng.standard_normal(shape)),
    )


def _uniform(mean: float, sd: float) -> Fit:
    low, width = mean - math.sqrt(3.0) * sd, 2.0 * math.sqrt(3.0) * sd
    return lambda x: np.clip((x - low) / width, 0.0, 1.0), lambda rng, shape: low + width * rng.random(shape)


def _gamma(mean: float, sd: float) -> Fit:
    from scipy.special import gammainc

    order, scale = (mean / sd) ** 2, sd**2 / mean
    return lambda x: gammainc(order, x / scale), lambda rng, shape: scale * rng.standard_gamma(order, shape)


_FITS: dict[str, Callable[[float, float], Fit]] = {
    "normal": _normal,
    "lognormal": _lognormal,
    "uniform": _uniform,
    "gamma": _gamma,
}


def _empirical(sample: Floats) -> Distribution:
    """The sample itself: quantiles at uniform levels, linear between two neighbours in the order."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        place = (len(sample) - 1) * rng.random(shape)
        below = place.astype(np.int64)
        above = np.minimum(below + 1, len(sample) - 1)
        share = place - below
        return (1.0 - share) * sample[below] + share * sample[above]

    sd = float(sample.std(ddof=1)) if len(sample) > 1 else 0.0
    return Distribution("empirical", float(sample.mean()), sd, 0.0, draw)
