"""What theory says of an attack against a defense: κ_reach and residual SD from the algebra of samples alone.

Nothing here knows of SQL, seeds or sessions. A forced attack that subtracts histograms sees a number for each candidate
value: what does not cancel of the noise, and 1 more in the victim's bucket. `choice` draws such numbers and decides as
the attacks do (`attacks.decide`), with candidates equally likely. Samples of layers are independent normal numbers of
SD 1, in users. docs/ablation.md goes through the rows one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attacks.decide import choose, posterior
from attacks.wordings import wordings
from datasets.best_case import LEAST, best_case
from defenses.diffix import constants as birch
from harness.model import Kind

Floats: TypeAlias = NDArray[np.float64]
Law: TypeAlias = Callable[[], float]

DRAWS = 20_000
ERROR = 0.01  # 99 % of simulated laws are nearer to the truth: DRAWS choices have an SE of 0.004 at most in κ

BANDS = 10  # salary bands of employees, a tenth of the users each
BUCKET = 20  # users of a department in one salary band, on average


def choice(noise: Floats, *, spread: float = 1.0, layers: int = 0) -> float:
    """κ of a forced choice by `posterior` from differences that are noise, (n, B); the victim is in bucket 0, where
    there is 1 more."""
    differences = noise.copy()
    differences[:, 0] += 1
    candidates = noise.shape[-1]
    prior = np.full(candidates, 1 / candidates)
    best, _ = choose(posterior(differences, np.zeros_like(differences), prior, spread, layers), _rng())
    return float(((best == 0).mean() - 1 / candidates) / (1 - 1 / candidates))


@cache
def layered(
    others: float, victims: float, candidates: int, *, common: float = 0.0, spread: float = 1.0, layers: int = 0
) -> float:
    """κ where the differences have variance `others` (the victim's `victims`), in squared users, besides a part of
    variance `common` that is the same in all of them. `spread`, `layers`: what the attack takes the noise to be."""
    rng = _rng()
    scale = np.sqrt(np.r_[victims, np.full(candidates - 1, others)])
    noise = scale * rng.standard_normal((DRAWS, candidates)) + math.sqrt(common) * rng.standard_normal((DRAWS, 1))
    return choice(noise, spread=spread, layers=layers)


def informed(others: float, victims: float, candidates: int, *, common: float = 0.0) -> float:
    """κ of the best decision about such differences, one that knows all three variances; no rule has more."""
    rng = _rng()
    variances = np.full((candidates, candidates), others) + (victims - others) * np.eye(candidates)
    noise = np.sqrt(variances[0]) * rng.standard_normal((DRAWS, candidates))
    noise += math.sqrt(common) * rng.standard_normal((DRAWS, 1))
    differences = noise + (np.arange(candidates) == 0)
    log = []
    for candidate, variance in enumerate(variances):  # normal with covariance diag(variance) + common, by Woodbury
        own = (differences - (np.arange(candidates) == candidate)) / variance
        shared = common / (1 + common * (1 / variance).sum())
        log.append(shared * own.sum(axis=1) ** 2 - (own**2 * variance).sum(axis=1))
    right = float((np.argmax(log, axis=0) == 0).mean())
    return (right - 1 / candidates) / (1 - 1 / candidates)


def sampled(p: float) -> float:
    """κ of two counts of which each row takes part with probability p, drawn for each query anew, divided by p. A
    bucket holds a Poisson number of users besides the victim."""
    rng = _rng()
    users = rng.poisson(BUCKET, (DRAWS, BANDS))
    whole = users + (np.arange(BANDS) == 0)
    noise = (rng.binomial(whole, p) - rng.binomial(users, p)) / p
    return choice(noise - (np.arange(BANDS) == 0))


def rounded(base: int) -> float:
    """κ of two counts rounded at random to a multiple of the base, unbiased and independent of one another."""
    rng = _rng()

    def rounding(counts: NDArray[np.int64]) -> Floats:
        rest = counts % base
        return counts - rest + base * (rng.random(counts.shape) < rest / base)

    users = rng.poisson(BUCKET, (DRAWS, BANDS))
    victim = np.arange(BANDS) == 0
    return choice(rounding(users + victim) - rounding(users) - victim)


def proportional(scale: float, names: int) -> float:
    """κ of two counts x that are each told as the mean of x·(1 + U(−scale, scale)) over so many names: variance
    (scale·x)²/3 a name."""
    rng = _rng()
    victim = np.arange(BANDS) == 0
    users = rng.poisson(BUCKET, (DRAWS, BANDS)) + 0.5 * victim
    deviation = users * scale * math.sqrt(2 / (3 * names))
    return choice(deviation * rng.standard_normal((DRAWS, BANDS)))


def spent(budget: float, epsilon: float, victims: int) -> float:
    """κ_reach of an attack that asks two histograms a victim under ε-differential privacy, the first one for the values
    of the secret: with budget for `budget/epsilon` answers, (that − 1)/2 victims have both, each once, with discrete
    Laplace noise of scale 1/ε, the difference of two geometric numbers. Nothing is learned of the others."""
    rng = _rng()
    above, below = (rng.geometric(-math.expm1(-epsilon), (2, DRAWS, BANDS)) for _ in range(2))
    first, second = above - below
    return choice((first - second).astype(np.float64)) * min(1.0, (math.floor(budget / epsilon) - 1) // 2 / victims)


def just_missed() -> float:
    """κ of threshold-probe under Birch's threshold T = max(2, N(4, 0.5)), drawn for each set of users: the chain of a
    value first shows it at n users, P(T ≤ n)·Π P(T > j) over j < n; one less and the victim are n others, shown with
    probability P(T ≤ n). A bucket that appears is the victim's; where none does all values stay equally likely, so κ
    is the probability that it appears."""
    from scipy.special import ndtr

    sizes = np.arange(1, 16)
    shown = np.where(sizes < birch.LOW_COUNT_FLOOR, 0.0, ndtr((sizes - birch.LOW_COUNT_MEAN) / birch.LOW_COUNT_SD))
    first = shown * np.r_[1.0, np.cumprod(1 - shown)[:-1]]
    return float((first * shown).sum())


def flattened() -> float:
    """κ of outlier-sum on best-case with flattening. The lead's bucket holds the lead and half of the others, whose
    amounts are evenly spread over LEAST … 2·LEAST; T₁ = T₂ = 4. The lead counts as A₂, the average of the next four;
    noise is in proportion to max(A₂/2, A_all). The static layer of `lead <> TRUE` is common to both buckets, its
    dynamic one (1 each) is not, and in the lead's bucket the two shared conditions have dynamic layers of other users
    (4 more). So the lead's difference is the larger with probability Φ(A₂/(scale·√6)), between two candidates."""
    from scipy.special import ndtr

    page = best_case()
    others = (page.attributes - 1) * page.others // 2
    amounts = -np.sort(-LEAST * (1 + _rng().random((2_000, others))), axis=1)
    group = round(birch.THRESHOLD_MEAN)
    a2 = amounts[:, group - 1 : 2 * group - 1].mean(axis=1)  # the lead and the three largest others are the first group
    everybody = (amounts[:, group - 1 :].sum(axis=1) + group * a2) / (others + 1)
    scale = np.maximum(a2 / 2, everybody)
    return float((2 * ndtr(a2 / (scale * math.sqrt(6))) - 1).mean())


SEEDED_BY_WORDS = ("plain", "hexadecimal", "longer text")
"""The forms of chaff on a text that are new to Diffix without floating: the condition itself, and the unclear ones."""
NEW_WORDS = (*SEEDED_BY_WORDS, "LIKE", "said again", "alternatives")
"""Those that are other text to `sticky` when spelled canonically."""


def new_samples(forms: tuple[str, ...], number: int) -> int:
    """How many of the first `number` wordings on a text are of these forms."""
    return sum(name in forms for name, _ in wordings("c", Kind.TEXT, "v", number))


def reworded(samples_of_one: float, forms: tuple[str, ...], number: int) -> float:
    """Residual SD of a count asked in so many wordings: of a sample with variance `samples_of_one`, averaged."""
    return math.sqrt(samples_of_one / new_samples(forms, number))


def halved(pairs: int, *, averaged: float, static: float = 0.0) -> float:
    """Residual SD of a count that is the mean of sums of two halves: variance `averaged` of each sum is new in every
    pair, and `static` layers of SD 1 are the same in all halves, so that each is there twice."""
    return math.sqrt(4 * static + averaged / pairs)


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)
