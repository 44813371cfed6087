"""Which bucket holds the victim? A likelihood ratio over the differences between two histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

Floats = NDArray[np.float64]

EXACT = 1e-9  # sum of squares at which differences count as equal
SIGMAS = np.geomspace(1e-4, 1e5, 181)  # standard deviations of noise that the integration goes through, in users


def posterior(with_victim: Floats, without: Floats, prior: Floats, spread: float = 1.0, layers: int = 0) -> Floats:
    """The probability of each candidate value, per victim, from counts with and without the victim.

    `with_victim`, `without`: (V, B), or (V, S, B) for S pairs of histograms that each differ by the victim; NaN where a
    bucket was not shown. `prior`: (B,), the candidates' shares of all users. Model: the differences of all buckets are
    c + noise of variance σ², those of the victim's bucket are c + 1 + noise of variance spread · σ²; c and log σ are
    unknown and flat, so they integrate out in closed form (∝ Q^(−(m−1)/2) for m differences, Q the weighted sum of
    squares about the weighted mean). With `layers` the noise of the victim's bucket has variance σ² + layers instead:
    so many samples of SD 1, in users, meet other users there and do not cancel, whatever is left of the rest. σ is then
    integrated over numerically. Or the noise of the victim's bucket is like that of the others; which of the two holds
    is one unknown for all victims, and half the prior probability is on either. A candidate whose bucket was shown in
    neither histogram is as likely as its share says, given that no difference is the victim's. A bucket shown in one of
    the two histograms only has changed, and nobody but the victim can have changed it. Gives float64 (V, B), rows
    summing to 1.
    """
    if with_victim.ndim == 2:
        with_victim, without = with_victim[:, None, :], without[:, None, :]
    changed = (np.isnan(with_victim) != np.isnan(without)).any(axis=1)
    difference = with_victim - without
    if layers:
        log = np.stack([_log_layered(difference, more) for more in (0, layers)])
    else:
        log = np.stack([_log_evidence(difference, ratio) for ratio in sorted({1.0, float(spread)})])
    log += np.log(prior)
    log = np.where(changed.any(axis=1, keepdims=True) & ~changed, -np.inf, log)
    evidence = logsumexp(log, axis=2, keepdims=True)
    holds = softmax(evidence.sum(axis=1, keepdims=True), axis=0)
    probability = (holds * np.exp(log - evidence)).sum(axis=0)
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))


def choose(probability: Floats, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
    """The most probable candidate per victim, ties broken at random, and its probability: (V,), (V,)."""
    best = probability.max(axis=1)
    is_best = np.isclose(probability, best[:, None], rtol=1e-9, atol=0.0)
    return np.argmax(np.where(is_best, rng.random(probability.shape), -1.0), axis=1), best


def _log_evidence(difference: Floats, spread: float) -> Floats:
    """Log marginal likelihood of the shown differences, (V, S, B), if the victim is in bucket b, (V, B); for a bucket
    that is not shown, if the victim is in none of the shown ones."""
    number, mean, scatter = _moments(difference)
    shift = np.eye(difference.shape[2])[None, :, :]  # hypothesis, bucket
    x = np.where(number[:, None, :] > 0, mean[:, None, :] - shift, 0.0)
    by_difference = np.where(shift > 0, 1.0 / spread, 1.0)
    weight = by_difference * number[:, None, :]
    total = weight.sum(axis=2)
    safe = np.maximum(total, 1e-300)
    centre = (weight * x).sum(axis=2) / safe
    squares = (weight * (x - centre[:, :, None]) ** 2 + by_difference * scatter[:, None, :]).sum(axis=2)
    freedom = np.maximum(number.sum(axis=1, keepdims=True) - 1, 0)
    log = -0.5 * freedom * np.log(squares + EXACT) - 0.5 * np.where(total > 0, np.log(safe), 0.0)
    return log - 0.5 * np.log(spread) * number


def _log_layered(difference: Floats, layers: int) -> Floats:
    """The same where the victim's bucket has variance σ² + layers."""
    number, mean, scatter = _moments(difference)
    count = number.sum(axis=1, keepdims=True)
    mean = mean - (number * mean).sum(axis=1, keepdims=True) / np.maximum(count, 1)  # near 0, where doubles are dense
    total = (number * mean).sum(axis=1, keepdims=True)
    square = (number * mean**2 + scatter).sum(axis=1, keepdims=True)  # about 0, all buckets
    own = np.where(number > 0, mean - 1.0, 0.0)
    at_sigma = []
    for sigma in SIGMAS.tolist():
        narrow, wide = sigma**-2, 1.0 / (sigma**2 + layers)
        weight = narrow * (count - number) + wide * number
        weighted = narrow * (total - number * mean) + wide * number * own
        squares = narrow * (square - number * mean**2 - scatter) + wide * (number * own**2 + scatter)
        log = 0.5 * (np.log(narrow) * (count - number) + np.log(wide) * number - np.log(np.maximum(weight, 1e-300)))
        at_sigma.append(log - 0.5 * (squares - weighted**2 / np.maximum(weight, 1e-300)))
    return np.asarray(np.logaddexp.reduce(at_sigma, axis=0))


def _moments(difference: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Number, mean and sum of squares about that mean of each bucket's differences, (V, S, B) -> (V, B)."""
    number = (~np.isnan(difference)).sum(axis=1)
    mean = np.nansum(difference, axis=1) / np.maximum(number, 1)
    return number, mean, np.nansum((difference - mean[:, None, :]) ** 2, axis=1)
