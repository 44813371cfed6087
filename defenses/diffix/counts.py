"""Noisy counts: flattening and noise in proportion to what single users contribute (§5.5.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.layers import Noise
from harness.sql import Buckets, Query

Floats = NDArray[np.float64]


def noisy_counts(buckets: Buckets, noise: Noise, *, flatten: bool = True) -> Floats:
    """The answers to a batch of counts, float64 (N, A), NULL as NaN."""
    baseline = noise.draw("noise")
    first, second = (group_size(noise.draw(purpose)) for purpose in ("T1", "T2"))
    values = buckets.values.copy()
    for slot in range(values.shape[1]):
        shapes = [_shape(plan.query, slot, buckets.one_row_per_user) for plan in buckets.plans]
        shape = np.array(shapes, dtype=object)[buckets.query] if shapes else np.empty(0, dtype=object)
        users, rows = shape == "users", shape == "rows"
        values[users, slot] += baseline[users]
        contributors, top = _contributions(buckets, slot)
        values[rows, slot] = flattened(
            values[rows, slot], contributors[rows], top[rows], baseline[rows], first[rows], second[rows], flatten
        )
    return values


def group_size(noise: Floats) -> NDArray[np.int64]:
    """The number of users in an outlier group, max(2, round(4 + N_b/2)), int64 (N,) (§5.4)."""
    sizes = np.round(birch.THRESHOLD_MEAN + birch.THRESHOLD_SD * noise)
    return np.maximum(birch.THRESHOLD_FLOOR, sizes).astype(np.int64)


def flattened(
    total: Floats,
    contributors: NDArray[np.int64],
    top: Floats,
    baseline: Floats,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    flatten: bool = True,
) -> Floats:
    """The summing phase of §5.5.1 for n sums of non-negative contributions.

    `total`, `contributors`, `baseline` N_b and the group sizes `first` T₁ and `second` T₂ have shape (n,); `top`
    holds the largest contributions of single users, descending, shape (n, t). Gives float64 (n,), NaN where group 2
    is empty. Without `flatten` group 1 keeps its values, and nothing is NaN: where group 2 is empty the noise is in
    proportion to A_all alone.
    """
    sums = np.concatenate([np.zeros((len(total), 1)), np.cumsum(top, axis=1)], axis=1)
    end1 = np.minimum(np.minimum(first, contributors), top.shape[1])
    end2 = np.minimum(np.minimum(first + second, contributors), top.shape[1])
    row = np.arange(len(total))
    with np.errstate(invalid="ignore", divide="ignore"):
        second_average = (sums[row, end2] - sums[row, end1]) / (end2 - end1)
        if flatten:
            total = total - sums[row, end1] + end1 * second_average
        average = total / contributors
    scale = np.maximum(second_average / 2.0, average)
    if not flatten:
        scale = np.nan_to_num(np.fmax(second_average / 2.0, average))
    return np.asarray(total + baseline * scale)


def _shape(query: Query, slot: int, one_row_per_user: bool) -> str:
    """How a slot is counted: `users` (every user counts 1) or `rows` (contributions differ); "" where there is none."""
    if slot >= len(query.aggregates):
        return ""
    aggregate = query.aggregates[slot]
    counts_all_rows = aggregate.on is None or aggregate.on.name == query.uid
    return "users" if aggregate.distinct or (counts_all_rows and one_row_per_user) else "rows"


def _contributions(buckets: Buckets, slot: int) -> tuple[NDArray[np.int64], Floats]:
    """Contributing users and their largest contributions; with one row a user every contribution is 1."""
    if not buckets.one_row_per_user and buckets.contributors is not None and buckets.top is not None:
        return buckets.contributors[:, slot], buckets.top[:, slot, :]
    contributors = np.nan_to_num(buckets.values[:, slot]).astype(np.int64)
    width = max((plan.top for plan in buckets.plans), default=0)
    return contributors, (np.arange(width)[None, :] < contributors[:, None]).astype(float)
