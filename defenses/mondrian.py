"""Mondrian: records in groups of at least k, by cuts at medians, all groups of a level at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def mondrian(positions: Floats, k: int, strict: bool, rng: np.random.Generator) -> Integers:
    """The group of each record, numbered from 0: (d, n) -> (n,).

    Each group is cut across the dimension in which it is widest, at the median; where a side would have fewer than
    k records, across the next widest. `strict`: records equal in that dimension stay together, and the cut is at the
    end of the median's ties that is nearer to the middle; else they are divided, in random order.
    """
    d, n = positions.shape
    rank = np.empty((d, n), dtype=np.int64)
    ties = rng.random(n)
    for axis in range(d):
        rank[axis, np.lexsort((ties, positions[axis]))] = np.arange(n)
    found, closed = np.zeros(n, dtype=np.int64), 0
    rows, sizes = np.arange(n), np.array([n])
    tried = np.zeros((1, d), dtype=bool)
    while len(rows):
        starts = np.cumsum(sizes) - sizes
        width = _widths(positions[:, rows], starts)
        width[tried] = 0.0
        done = (sizes < 2 * k) | (width <= 0.0).all(axis=1)
        label = np.where(done, closed + np.cumsum(done) - 1, -1)
        closed += int(done.sum())
        ended = np.repeat(label, sizes)
        found[rows[ended >= 0]] = ended[ended >= 0]
        rows, width, tried, sizes = rows[ended < 0], width[~done], tried[~done], sizes[~done]
        if not len(rows):
            break
        axis = width.argmax(axis=1)
        group, own = np.repeat(np.arange(len(sizes)), sizes), np.repeat(axis, sizes)
        rows = rows[np.argsort(group * n + rank[own, rows])]
        left = _cuts(positions[own, rows], group, sizes) if strict else sizes // 2
        cut = (left >= k) & (sizes - left >= k)
        tried[np.arange(len(sizes)), axis] = True
        left = np.where(cut, left, 0)
        parts = np.stack([left, sizes - left], axis=1).ravel()
        tried = np.repeat(np.where(cut[:, None], False, tried), 2, axis=0)[parts > 0]
        sizes = parts[parts > 0]
    return found


def _widths(positions: Floats, starts: Integers) -> Floats:
    """How far each group reaches in each dimension: (groups, d)."""
    high, low = (side.reduceat(positions, starts, axis=1) for side in (np.maximum, np.minimum))
    return np.asarray((high - low).T)


def _cuts(values: Floats, group: Integers, sizes: Integers) -> Integers:
    """How many records of each group fall to the left: values are ascending in each group."""
    starts = np.cumsum(sizes) - sizes
    middle = values[starts + sizes // 2][group]
    below, up_to = (np.add.reduceat(side.astype(np.int64), starts) for side in (values < middle, values <= middle))
    half = sizes / 2
    return np.asarray(np.where((below > 0) & (half - below <= up_to - half), below, up_to))


def means(values: Floats, group: Integers) -> Floats:
    """Each value replaced by the mean of its group, NaN left out and left in place: (…, n) -> (…, n)."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    known = ~np.isnan(values)
    total = np.add.reduceat(np.where(known, values, 0.0)[..., order], starts, axis=-1)
    count = np.add.reduceat(known.astype(np.float64)[..., order], starts, axis=-1)
    mean = total / np.maximum(count, 1.0)
    return np.where(known, mean[..., group], np.nan)


def modes(code: Integers, group: Integers) -> Integers:
    """The code that is most frequent in each record's group, the least of equals; -1 (NULL) is not counted, and stays:
    (n,) -> (n,)."""
    known = code >= 0
    width = int(code.max(initial=0)) + 1
    pair, count = np.unique(group[known] * width + code[known], return_counts=True)
    order = np.lexsort((pair, -count, pair // width))
    owner, first = np.unique(pair[order] // width, return_index=True)
    mode = np.full(int(group.max(initial=0)) + 1, -1, dtype=np.int64)
    mode[owner] = pair[order][first] % width
    return np.where(known, mode[group], -1)
