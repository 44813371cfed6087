"""Who changes values with whom: functions over the last axis, (…, n) -> (…, n)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def partners(shape: tuple[int, ...], group: Integers, share: float, rng: np.random.Generator) -> Integers:
    """Whose value each takes: a random pairing inside the groups of those who take part, each with probability
    `share`; who is left over keeps his own. `group`: (…, n); gives positions on the last axis, of `shape`."""
    n = shape[-1]
    apart = rng.random(shape) >= share
    order = np.lexsort((rng.random(shape), np.broadcast_to(group, shape), apart), axis=-1)
    group, apart = (np.take_along_axis(np.broadcast_to(a, shape), order, axis=-1) for a in (group, apart))
    place = np.broadcast_to(np.arange(n), shape)
    other = place ^ 1
    starts = np.ones(shape, dtype=bool)
    starts[..., 1:] = (group[..., 1:] != group[..., :-1]) | (apart[..., 1:] != apart[..., :-1])
    start = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    other = start + ((place - start) ^ 1)
    inside = np.take_along_axis(start, np.minimum(other, n - 1), axis=-1) == start
    other = np.where((other < n) & inside & ~apart, other, place)
    found = np.empty(shape, dtype=np.int64)
    np.put_along_axis(found, order, np.take_along_axis(order, other, axis=-1), axis=-1)
    return found


def donors(shape: tuple[int, ...], group: Integers, share: float, rng: np.random.Generator) -> Integers:
    """Whose value each takes: anybody's of the group, himself included, with replacement. As in `partners`."""
    n = shape[-1]
    group = np.broadcast_to(group, shape)
    order = np.argsort(group, axis=-1, kind="stable")
    sorted_group = np.take_along_axis(group, order, axis=-1)
    place = np.broadcast_to(np.arange(n), shape)
    starts, ends = np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    starts[..., 1:] = ends[..., :-1] = sorted_group[..., 1:] != sorted_group[..., :-1]
    start = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    end = np.minimum.accumulate(np.where(ends, place, n)[..., ::-1], axis=-1)[..., ::-1] + 1
    drawn = start + (rng.random(shape) * (end - start)).astype(np.int64)
    drawn = np.where(rng.random(shape) < share, drawn, place)
    found = np.empty(shape, dtype=np.int64)
    np.put_along_axis(found, order, np.take_along_axis(order, drawn, axis=-1), axis=-1)
    return found


def stretches(values: Integers, distance: float, rng: np.random.Generator) -> Integers:
    """The stretch of ranks that each falls in, ties in random order: stretches of distance · n ranks, at least two,
    the first one cut at random."""
    n = values.shape[-1]
    order = np.lexsort((rng.random(values.shape), values), axis=-1)
    rank = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(n), values.shape), axis=-1)
    width = max(2, int(np.ceil(distance * n)))
    return (rank + int(rng.integers(width))) // width
