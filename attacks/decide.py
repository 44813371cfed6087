"""Which bucket holds the victim? A likelihood ratio over the differences between two histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT = 1e-9  # sum of squares at which differences count as equal


def posterior(with_victim: Floats, without: Floats, prior: Floats, spread: float = 1.0) -> Floats:
    """The probability of each candidate value, per victim, from counts with and without the victim.

    `with_victim`, `without`: (V, B), NaN where a bucket was not shown; `prior`: (B,), the candidates' shares of all
    users. Model: the differences of all buckets are c + noise of variance σ², that of the victim's bucket is c + 1 +
    noise of variance spread · σ²; c and log σ are unknown and flat, so they integrate out in closed form
    (∝ Q^(−(m−1)/2) for m buckets, Q the weighted sum of squares about the weighted mean). A candidate whose
    bucket was shown in neither histogram is as likely as its share says, given that no difference is the victim's.
    A bucket shown in one of the two histograms only has changed, and nobody but the victim can have changed it.
    Gives float64 (V, B), rows summing to 1.
    """
    difference = with_victim - without
    shown = ~np.isnan(difference)
    changed = np.isnan(with_victim) != np.isnan(without)
    log = _log_evidence(difference, shown, spread) + np.log(prior)
    log = np.where(changed.any(axis=1, keepdims=True) & ~changed, -np.inf, log)
    log -= log.max(axis=1, keepdims=True)
    weight = np.exp(log)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def choose(probability: Floats, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
    """The most probable candidate per victim, ties broken at random, and its probability: (V,), (V,)."""
    best = probability.max(axis=1)
    is_best = np.isclose(probability, best[:, None], rtol=1e-9, atol=0.0)
    return np.argmax(np.where(is_best, rng.random(probability.shape), -1.0), axis=1), best


def _log_evidence(difference: Floats, shown: NDArray[np.bool_], spread: float) -> Floats:
    """Log marginal likelihood of the shown differences if the victim is in bucket b, (V, B); for a bucket that is
    not shown, if the victim is in none of the shown ones."""
    candidates = difference.shape[1]
    shift = np.eye(candidates)[None, :, :]  # hypothesis, bucket
    x = np.where(shown[:, None, :], np.nan_to_num(difference)[:, None, :] - shift, 0.0)
    weight = np.where(shift > 0, 1.0 / spread, 1.0) * shown[:, None, :]
    total = weight.sum(axis=2)
    safe = np.maximum(total, 1e-300)
    mean = (weight * x).sum(axis=2) / safe
    squares = (weight * (x - mean[:, :, None]) ** 2).sum(axis=2)
    freedom = np.maximum(shown.sum(axis=1, keepdims=True) - 1, 0)
    log = -0.5 * freedom * np.log(squares + EXACT) - 0.5 * np.where(total > 0, np.log(safe), 0.0)
    return log - 0.5 * np.log(spread) * shown
