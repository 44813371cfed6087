"""Which sets of users lost somebody? A likelihood ratio over the noise that two answers about them differ by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from attacks.uid_sets import ASTRAY

Floats = NDArray[np.float64]
Moments = tuple[Floats, Floats, Floats]

EXACT = 1e-6  # standard deviation of what is left where an answer is exact but for the last digits of a double
SIGMAS = np.r_[EXACT, np.geomspace(1e-2, 1e4, 31)]  # of fresh noise in a difference, in users
ROUNDED = 1 / 6  # variance of a difference of two rounded numbers
LAYERS = ((1, 1), (1, 0), (0, 0))  # static and dynamic ones, static ones, none
LEAVING = np.array([1, 2, 3, 4])  # users by whom a set may have changed
LOG_LEAVING = np.log(0.5**LEAVING / (0.5**LEAVING).sum())
SHADOWS = (0.01, 0.1, 0.3, 1.0, 3.0)  # others who are left out with the victim whatever is asked, expected number
PASSERS = (0.01, 0.1, 1.0)  # others who are left out in one question and not in the next, likewise


@dataclass(frozen=True)
class Seen:
    """What was asked about V victims: P ways to leave each out, E sets by the values of their secret, J repetitions.

    `difference`: answers with less answers without the victim, (V, P, E, J), NaN where a side is not shown. `appeared`:
    whether a set was shown on one side alone, bool (V, P, E): then it has changed. `shared`: conditions that both sides
    have, idle ones left out, (V, P). `members`: whether users with each of B values belong to each set, bool (B, E).
    """

    difference: Floats
    appeared: NDArray[np.bool_]
    shared: Floats
    members: NDArray[np.bool_]

    @classmethod
    def nothing(cls, victims: int, ways: int, members: NDArray[np.bool_], repetitions: int) -> Seen:
        """Before anything is asked."""
        shape = (victims, ways, members.shape[1])
        unseen = np.full((*shape, repetitions), np.nan)
        return cls(unseen, np.zeros(shape, dtype=bool), np.zeros((victims, ways)), members)

    def beside(self, other: Seen) -> Seen:
        """These ways and those of another, of the same victims, sets and repetitions."""
        difference = np.concatenate([self.difference, other.difference], axis=1)
        appeared = np.concatenate([self.appeared, other.appeared], axis=1)
        return Seen(difference, appeared, np.concatenate([self.shared, other.shared], axis=1), self.members)


def posterior(seen: Seen, prior: Floats, *, alone: bool, idle: int) -> Floats:
    """The probability of each value of the secret, (V, B), rows summing to 1; `prior` (B,) are the shares of all users.

    A difference of a set that has *not* changed is the static and the dynamic sample of the condition that leaves the
    victim out: N(0, 2), the same in all repetitions. One of a set that has changed by n users is n, and besides the two
    dynamic samples, with and without, of each of the k shared conditions: N(n, 2k + 2); repetitions differ by the
    samples of `idle` idle conditions, variance 2 each. So says Birch; on top there may be fresh noise of deviation σ,
    and where all answers are whole numbers they have been rounded. Other models are the same without dynamic samples,
    and fresh noise alone. Which model and σ hold is one unknown for all victims: half the prior probability is that of
    Birch alone, the rest is spread evenly.

    With `alone` nobody but the victim is left out: one value's sets have changed, by one user, and the static sample is
    common to all sets of a way. Otherwise the number n has probability 2^−n, and others may have been left out as well:
    some of them in every question (shadows), some in one and not in the next (passers), Poisson numbers of two unknown
    means, dealt out to the sets by the values' shares. A value is as probable as its share, times the chance of
    changes in the sets of the value if they must have changed, over that chance if they may have.
    """
    moments = _moments(seen.difference)
    known = seen.difference[~np.isnan(seen.difference)]
    rounded = ROUNDED * bool((known == np.round(known)).all())
    worlds = [(layers, sigma) for layers in LAYERS for sigma in SIGMAS.tolist()]
    mixed, most = np.zeros((len(seen.difference), len(prior))), -np.inf
    for layers, sigma in worlds:
        log_world = np.log(0.5 if layers == LAYERS[0] and sigma == EXACT else 0.5 / (len(worlds) - 1))
        fresh = sigma**2 + rounded * any(layers)
        base, ratio = _alone(seen, moments, layers, fresh) if alone else _each(seen, moments, layers, fresh, idle)
        for log_others, values in _by_value(seen, ratio, prior, alone):
            joint = values + np.log(prior)
            evidence = logsumexp(joint, axis=1)
            weight = log_world + log_others + float((evidence + base).sum())
            if weight > most:
                mixed, most = mixed * np.exp(most - weight), weight
            mixed += np.exp(weight - most + joint - evidence[:, None])
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))


def _each(seen: Seen, moments: Moments, layers: tuple[int, int], fresh: float, idle: int) -> tuple[Floats, Floats]:
    """Log-likelihood that no set has changed, (V,), and log-ratio of each set's having changed, (V, P, E); each set on
    its own."""
    number, mean, scatter = moments
    static, dynamic = layers
    own, others = float(static + dynamic), 2.0 * dynamic * seen.shared[:, :, None]
    same = _log_normal(number, mean, scatter, own, fresh)
    by_number = [
        log + _log_normal(number, mean - n, scatter, own + others, fresh + 2.0 * idle * dynamic)
        for n, log in zip(LEAVING.tolist(), LOG_LEAVING.tolist(), strict=True)
    ]
    ratio = np.where(number > 0, np.logaddexp.reduce(by_number, axis=0) - same, 0.0)
    return np.where(number > 0, same, 0.0).sum(axis=(1, 2)), ratio - np.log(ASTRAY) * seen.appeared


def _alone(seen: Seen, moments: Moments, layers: tuple[int, int], fresh: float) -> tuple[Floats, Floats]:
    """The same where one set of each way has changed, by the victim; the static sample of a way integrates out: with
    precisions w about the means, ∝ exp(−½(Σw·x² − (Σw·x)² / (Σw + 1))) / √(1 + Σw)."""
    number, mean, _ = moments
    common, dynamic = layers
    of_mean = dynamic + fresh / np.maximum(number, 1)
    narrow = np.where(number > 0, 1.0 / of_mean, 0.0)
    wide = np.where(number > 0, 1.0 / (of_mean + 2.0 * dynamic * seen.shared[:, :, None]), 0.0)
    one_less = mean - 1.0

    def log(weights: Floats, weighted: Floats, squares: Floats, logs: Floats) -> Floats:
        removed = common * weighted**2 / (1.0 + common * weights)
        return np.asarray(0.5 * (logs - squares + removed - np.log1p(common * weights)))

    terms = (narrow, narrow * mean, narrow * mean**2, np.log(np.where(number > 0, narrow, 1.0)))
    others = (wide, wide * one_less, wide * one_less**2, np.log(np.where(number > 0, wide, 1.0)))
    sums = [term.sum(axis=2, keepdims=True) for term in terms]
    none = log(*sums)
    ratio = log(*(total - a + b for total, a, b in zip(sums, terms, others, strict=True))) - none
    return none.sum(axis=(1, 2)), ratio - np.log(ASTRAY) * seen.appeared


def _by_value(seen: Seen, ratio: Floats, prior: Floats, alone: bool) -> Iterator[tuple[float, Floats]]:
    """Log-likelihood ratio of each value against no change at all, (V, B), by the numbers of others left out, with the
    log prior probability of these numbers."""
    members = seen.members.astype(float)
    surely = ratio.sum(axis=1)  # changed in every way
    if alone:
        yield 0.0, surely @ members.T
        return
    share = np.maximum(prior @ members, 1e-12)
    for passers in PASSERS:
        chance = 1.0 - np.exp(-passers * share)
        perhaps = np.logaddexp(np.log1p(-chance), np.log(chance) + ratio).sum(axis=1)
        for shadows in SHADOWS:
            shadow = 1.0 - np.exp(-shadows * share)
            may = np.logaddexp(np.log1p(-shadow) + perhaps, np.log(shadow) + surely)
            yield -np.log(len(PASSERS) * len(SHADOWS)), surely @ members.T + may @ (1.0 - members).T


def _log_normal(number: Floats, mean: Floats, scatter: Floats, common: Floats | float, fresh: Floats | float) -> Floats:
    """Of `number` normal values with that mean and sum of squares about it, whose mean is 0 with a common deviation of
    variance `common` and a fresh one of variance `fresh` each; constants left out."""
    of_mean = common + fresh / np.maximum(number, 1)
    freedom = np.maximum(number - 1, 0)
    return np.asarray(-0.5 * (mean**2 / of_mean + np.log(of_mean) + freedom * np.log(fresh) + scatter / fresh))


def _moments(difference: Floats) -> Moments:
    """Number, mean and sum of squares about it of the repetitions, (V, P, E, J) -> (V, P, E)."""
    number = (~np.isnan(difference)).sum(axis=3).astype(float)
    mean = np.nansum(difference, axis=3) / np.maximum(number, 1)
    return number, mean, np.nansum((difference - mean[..., None]) ** 2, axis=3)
