"""Outlier groups: who is flattened or left out, and what the noise is in proportion to (§5.4, §5.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.layers import Noise
from defenses.diffix.terms import NUMBER
from harness.sql import Buckets

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Contribution = tuple[Floats, Whole, Floats]


def group_size(noise: Floats) -> Whole:
    """The number of users in an outlier group, max(2, round(4 + N_b/2)), int64 (N,) (§5.4)."""
    sizes = np.round(birch.THRESHOLD_MEAN + birch.THRESHOLD_SD * noise)
    return np.maximum(birch.THRESHOLD_FLOOR, sizes).astype(np.int64)


@dataclass(frozen=True)
class Groups:
    """One aggregate of `column` over the buckets `rows`, with the group sizes T₁ and T₂, shape (n,). `one_row`: every
    user has one."""

    buckets: Buckets
    noise: Noise
    slot: int
    rows: Whole
    column: str
    one_row: bool
    first: Whole
    second: Whole
    flatten: bool

    def baseline(self, function: str) -> Floats:
        """N_b. Every count has the same, for the same users: else the counts of columns without NULL were so many
        samples of one number. A sum, a maximum and a minimum of a column have each their own: else a sum over a count
        had no noise, and one answer that is known gave away the others. The sum of the users' numbers of rows is a
        count."""
        purpose = "noise" if function == "count" or self.column == NUMBER else f"{function} {self.column}"
        return self.noise.size * self.noise.draw(purpose, self.buckets.slot_xor[:, self.slot])[self.rows]

    @property
    def exact(self) -> Floats:
        return np.asarray(self.buckets.values[self.rows, self.slot])

    def contributions(self, side: int) -> Contribution:
        """Sum, users and the most extreme contributions, shapes (n,), (n,), (n, T)."""
        known = self.buckets.contributions
        assert known is not None
        at = side, self.rows, self.slot
        return known.total[at], known.users[at], known.top[at]

    def ones(self, users: Floats) -> Contribution:
        """The same where everybody contributes 1."""
        width = max((plan.top for plan in self.buckets.plans), default=0)
        return users, users.astype(np.int64), (np.arange(width) < users[:, None]).astype(float)

    def flattened(self, contributions: Contribution) -> tuple[Floats, Floats]:
        return flattened(*contributions, self.first, self.second, self.flatten)


def flattened(
    total: Floats, users: Whole, top: Floats, first: Whole, second: Whole, flatten: bool = True
) -> tuple[Floats, Floats]:
    """The summing phase of §5.5.1 for n sums of non-negative contributions: the flattened sums, and by what N_b is to
    be multiplied, max(A₂/2, A_all), float64 (n,).

    `total`, the number of contributing `users` and the group sizes `first` T₁ and `second` T₂ have shape (n,); `top`
    holds the largest contributions of single users, descending, shape (n, t). NaN where group 2 is empty. Without
    `flatten` group 1 keeps its values, and nothing is NaN: where group 2 is empty the noise is in proportion to A_all
    alone.
    """
    end1, end2 = ends(top, users, first, second)
    row = np.arange(len(total))
    with np.errstate(all="ignore"):  # sums beyond the doubles end as NULL
        sums = np.concatenate([np.zeros((len(total), 1)), np.cumsum(top, axis=1)], axis=1)
        second_average = (sums[row, end2] - sums[row, end1]) / (end2 - end1)
        if flatten:
            total = total - sums[row, end1] + end1 * second_average
        average = total / users
    scale = np.maximum(second_average / 2.0, average)
    if not flatten:
        scale = np.nan_to_num(np.fmax(second_average / 2.0, average))
    return total, scale


def ends(top: Floats, users: Whole, first: Whole, second: Whole) -> tuple[Whole, Whole]:
    """Where groups 1 and 2 end in `top`."""
    known = np.minimum(users, top.shape[1])
    return np.minimum(first, known), np.minimum(first + second, known)
