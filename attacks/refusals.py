"""Controls found out by what they refuse, and secrets by the same: the steps of `attacks.refusal_inference`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from attacks.histograms import secret_values
from attacks.isolation import literal, quoted
from attacks.uid_sets import Pool, among, appearance, histogram, shown
from harness.model import Answer
from harness.plugin import Session

MARGIN = 4  # users by which sets exceed k, so that a noisy threshold shows them
NEAR = 2  # users by which the most telling set may exceed k
TRIED = 50  # random sets by which the chance to be shown is measured
SURE = 0.999  # a victim is asked about no more at this probability, a value no more at the rest of it
SAMPLE = 200  # users whose histogram tells the values of the secret


def least_shown(session: Session, pool: Pool, largest: int) -> int | None:
    """The size from which on all sets of users are shown; None where the largest is not."""
    sets = [uids for size in range(1, largest + 1) if (uids := pool.take(size)) is not None]
    if not sets:
        return None
    hidden = np.flatnonzero(~shown(session, [among(session, uids) for uids in sets]))
    least = int(hidden[-1]) + 2 if len(hidden) else 1
    return least if least <= len(sets) else None


def overlap_allowed(session: Session, pool: Pool, k: int, largest: int) -> int | None:
    """The most users that a set may have in common with one that was answered; None where that does not matter, up to
    the largest."""
    base = pool.take(max(k + MARGIN, largest))
    if base is None:
        return None
    sets = [base]
    for common in range(1, min(largest, len(base)) + 1):
        if (others := pool.take(k + MARGIN)) is not None:
            sets.append(base[:common] + others)
    is_shown = shown(session, [among(session, uids) for uids in sets])
    refused = np.flatnonzero(~is_shown[1:])
    return int(refused[0]) if is_shown[0] and len(refused) else None


def by_size(
    session: Session, secret: str, victims: list[object], others: list[object], k: int, most: int,
    rng: np.random.Generator,
) -> tuple[pd.Index, np.ndarray]:  # fmt: skip
    """The values of the secret and their probability, per victim, (V, B): from which sets get too small without those
    who have a value. Sets are drawn from the others, of whom there are k at least."""
    shares = secret_values(session, secret)
    if shares.empty or not others:
        return shares.index, np.zeros((len(victims), 0))
    size, rates = _most_telling(session, others, k, rng)
    chance = _chance_shown(shares, size, *rates)
    log = np.tile(np.log(shares.to_numpy()), (len(victims), 1))
    lacking = [_lacks(secret, value) for value in shares.index]
    for _ in range(most):
        probability = _normal(log)
        asked = (probability.max(axis=1, keepdims=True) < SURE) & (probability > 1.0 - SURE)
        if not asked.any():
            break
        mates = [rng.choice(len(others), min(size - 1, len(others)), replace=False) for _ in victims]
        sets = [among(session, [uid, *(others[j] for j in with_)]) for uid, with_ in zip(victims, mates, strict=True)]
        seen = np.zeros(asked.shape, dtype=bool)
        seen[asked] = shown(session, [f"{sets[i]} AND {lacking[j]}" for i, j in np.argwhere(asked)])
        log += (asked & seen) @ np.log(chance).T + (asked & ~seen) @ np.log(1 - chance).T
    return shares.index, _normal(log)


def _most_telling(
    session: Session, others: list[object], k: int, rng: np.random.Generator
) -> tuple[int, tuple[float, float]]:
    """The size near k at which one user less matters most, and how often sets of that size, and of one less, are
    shown."""
    sizes = [size for size in range(max(k - NEAR - 1, 1), k + NEAR + 1) if size <= len(others)]
    wheres = [
        among(session, [others[j] for j in rng.choice(len(others), size, replace=False)])
        for size in sizes
        for _ in range(TRIED)
    ]
    hits = shown(session, wheres).reshape(len(sizes), TRIED).sum(axis=1)
    rates = dict(zip([0, *sizes], [0.5 / (TRIED + 1), *((hits + 0.5) / (TRIED + 1))], strict=True))
    best = max((size for size in sizes if size - 1 in rates), key=lambda size: rates[size] - rates[size - 1])
    return best, (float(rates[best]), float(rates[best - 1]))


def _chance_shown(shares: pd.Series, size: int, whole: float, less: float) -> np.ndarray:
    """How often the question that leaves out a value is shown, given what the victim has: (value of the victim, value
    left out). Users with NULL are left out with every value."""
    share, null = shares.to_numpy(), shares.index.isna()
    without = np.where(null, share, share + share[null].sum())
    anybody = 1.0 - (1.0 - without.clip(0.0, 1.0)) ** (size - 1)
    chance = np.tile(whole + anybody * (less - whole), (len(share), 1))
    chance[np.eye(len(share), dtype=bool) | null[:, None]] = less
    return chance


def by_overlap(
    session: Session, secret: str, victims: list[object], pool: Pool, k: int, r: int
) -> tuple[pd.Index, np.ndarray]:
    """The same from which sets have too much in common with one that was answered; NaN for victims for whom no new
    users are left. A histogram of all users would have something in common with every set, so one of a sample tells
    the values."""
    sample = pool.take(min(SAMPLE, len(pool.left) // 4)) or []
    listed = session.query(histogram(session, secret, sample)) if sample else None
    if not isinstance(listed, Answer) or not len(listed):
        return pd.Index([]), np.zeros((len(victims), 0))
    values, counts = pd.Index(listed.data[0], dtype=object), np.nan_to_num(listed.data[1], nan=1.0).clip(1.0)
    first, second, asked = [], [], []
    for i, victim in enumerate(victims):
        linked, rest = pool.take(r), pool.take(max(k - r - 1, 0))
        new = [pool.take(max(k - r, 1)) for _ in values]
        if linked is None or rest is None or any(users is None for users in new):
            break
        asked.append(i)
        first.append(among(session, [victim, *linked, *rest]))
        second += [
            f"({among(session, [victim])} AND {_has(secret, value)}) OR {among(session, [*linked, *(users or [])])}"
            for value, users in zip(values, new, strict=True)
        ]
    probability = np.full((len(victims), len(values)), np.nan)
    is_known = shown(session, first)
    refused = ~shown(session, second).reshape(len(asked), len(values))
    found = appearance(np.ones((1, len(values)), dtype=bool), refused[None], counts / counts.sum())
    probability[np.array(asked, dtype=np.int64)[is_known]] = found[is_known]
    return values, probability


def _lacks(secret: str, value: object) -> str:
    """Who has a value, and another one; for NULL, who has one. Nobody whose secret is NULL."""
    return f"{quoted(secret)} IS NOT NULL" if value is None else f"{quoted(secret)} <> {literal(value)}"


def _has(secret: str, value: object) -> str:
    return f"{quoted(secret)} IS NULL" if value is None else f"{quoted(secret)} = {literal(value)}"


def _normal(log: np.ndarray) -> np.ndarray:
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
