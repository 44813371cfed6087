"""Made-up records: which cells they take from the true ones, and uids that nobody has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from defenses.cells import Floats, Integers, codes
from harness.model import Kind, Table

DIGITS = "0123456789"


def drawn(ranks: Floats, size: int, rule: str, rng: np.random.Generator) -> Integers:
    """The row that each made-up record takes each column's cell from: mid-ranks (d, n) -> (d, size).

    independent   of any row, each column anew
    copula        the same cells, but so that the columns' normal scores correlate as they do in the table
    """
    d, n = ranks.shape
    if rule == "independent":
        return rng.integers(n, size=(d, size))
    from scipy.special import ndtr, ndtri

    scores = ndtri((ranks - 0.5) / n)
    scores -= scores.mean(axis=1, keepdims=True)
    norm = np.sqrt((scores**2).sum(axis=1))
    lively = norm > 0
    correlation = np.eye(d)
    unit = scores[lively] / norm[lively, None]
    correlation[np.ix_(lively, lively)] = unit @ unit.T
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    chance = ndtr(root @ rng.standard_normal((d, size)))
    place = np.minimum((chance * n).astype(np.int64), n - 1)
    return np.take_along_axis(np.argsort(ranks, axis=1, kind="stable"), place, axis=1)


def mid_ranks(cells: pd.Series) -> Floats:
    """The rank of each cell from 1, equal ones sharing theirs, NULL below all: float64 (n,)."""
    code = codes(cells) + 1
    count = np.bincount(code)
    return np.asarray((np.cumsum(count) - count + (count + 1) / 2)[code])


def made_up(
    table: Table, names: Sequence[str], rows: Integers, size: int, rule: str, rng: np.random.Generator
) -> dict[str, Integers]:
    """For each column the row that each of `size` made-up records takes its cell from, `rows` standing for all.
    Columns that tell the same fact take theirs from the same row."""
    same = {name: group[0] for group in table.schema.same for name in group}
    leaders = list(dict.fromkeys(same.get(name, name) for name in names))
    if not leaders:
        return {}
    ranks = np.stack([mid_ranks(table.frame[name].iloc[rows]) for name in leaders])
    taken = dict(zip(leaders, rows[drawn(ranks, size, rule, rng)], strict=True))
    return {name: taken[same.get(name, name)] for name in names}


def new_uids(known: pd.Series, kind: Kind, size: int, rng: np.random.Generator) -> pd.Series:
    """`size` different values of the kind that are none of the known ones: numbers and times from their range, made
    longer where it is too full; texts like a known one with other digits, and more digits where that is too little.
    Raises ValueError for a BOOLEAN column."""
    if kind is Kind.BOOLEAN:
        raise ValueError("a BOOLEAN column has no new values")
    if kind is Kind.TEXT:
        return _texts(known, size, rng)
    step = 86_400_000_000 if kind is Kind.DATE else 1
    if kind.is_time:
        taken = known.to_numpy(dtype="datetime64[us]").astype(np.int64) // step
    else:
        taken = np.floor(known.to_numpy(dtype=np.float64)) if kind is Kind.REAL else known.to_numpy()
        taken = taken.astype(np.int64)
    taken = np.unique(taken)
    low, high = int(taken[0]), int(taken[-1]) + 1
    high = max(high, low + 2 * (len(taken) + size))
    fresh = np.empty(0, dtype=np.int64)
    while len(fresh) < size:
        fresh = np.unique(np.concatenate([fresh, rng.integers(low, high, 2 * size)]))
        fresh = fresh[~np.isin(fresh, taken)]
    fresh = rng.permutation(fresh)[:size]
    if kind.is_time:
        return pd.Series((fresh * step).astype("datetime64[us]"))
    return pd.Series(fresh.astype(np.float64) if kind is Kind.REAL else fresh)


def _texts(known: pd.Series, size: int, rng: np.random.Generator) -> pd.Series:
    taken, fresh = set(known), list[str]()
    models = known.to_numpy(dtype=object)
    more = 0
    while len(fresh) < size:
        for model in models[rng.integers(len(models), size=size - len(fresh))]:
            shape = model + "0" * more
            digits = iter(rng.integers(10, size=len(shape)).tolist())
            text = "".join(DIGITS[next(digits)] if letter in DIGITS else letter for letter in shape)
            if text not in taken:
                taken.add(text)
                fresh.append(text)
        more += 1
    return pd.Series(fresh, dtype=object)
