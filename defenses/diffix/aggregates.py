"""Noisy aggregates: flattening, and noise in proportion to what single users contribute (§5.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from defenses.diffix import constants as birch
from defenses.diffix.layers import Noise
from harness.sql import Buckets, Query
from harness.sql.plan import HIGH, LOW, ROWS

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


def noisy_values(buckets: Buckets, noise: Noise, *, flatten: bool = True, rounded: bool = False) -> Floats:
    """The answers to a batch, float64 (N, A), NULL as NaN."""
    first, second = (group_size(noise.draw(purpose)) for purpose in ("T1", "T2"))
    values = buckets.values.copy()
    for slot in range(values.shape[1]):
        names = [_aggregate(plan.query, slot, buckets.one_row_per_user) for plan in buckets.plans]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        number = np.array([numbers[name] for name in names], dtype=np.int64)[buckets.query]
        for (function, column), own in numbers.items():
            rows = np.flatnonzero(number == own)
            if not function or not len(rows):
                continue
            groups = Groups(buckets, noise, slot, rows, column, first[rows], second[rows], flatten)
            values[rows, slot] = _ANSWERS[function](groups)
            if rounded and function in ("users", "count"):
                values[rows, slot] = np.round(values[rows, slot])
    return values


def group_size(noise: Floats) -> Whole:
    """The number of users in an outlier group, max(2, round(4 + N_b/2)), int64 (N,) (§5.4)."""
    sizes = np.round(birch.THRESHOLD_MEAN + birch.THRESHOLD_SD * noise)
    return np.maximum(birch.THRESHOLD_FLOOR, sizes).astype(np.int64)


@dataclass(frozen=True)
class Groups:
    """One aggregate of `column` over the buckets `rows`, with the group sizes T₁ and T₂, shape (n,)."""

    buckets: Buckets
    noise: Noise
    slot: int
    rows: Whole
    column: str
    first: Whole
    second: Whole
    flatten: bool

    def baseline(self, function: str) -> Floats:
        """N_b. Every count has the same, for the same users: else the counts of columns without NULL were so many
        samples of one number. A sum, a maximum and a minimum of a column have each their own: else a sum over a count
        had no noise, and one answer that is known gave away the others."""
        purpose = "noise" if function == "count" else f"{function} {self.column}"
        return self.noise.size * self.noise.draw(purpose, self.buckets.slot_xor[:, self.slot])[self.rows]

    @property
    def exact(self) -> Floats:
        return np.asarray(self.buckets.values[self.rows, self.slot])

    def contributions(self, side: int) -> tuple[Floats, Whole, Floats]:
        """Sum, users and the most extreme contributions, shapes (n,), (n,), (n, T)."""
        known = self.buckets.contributions
        assert known is not None
        at = side, self.rows, self.slot
        return known.total[at], known.users[at], known.top[at]

    def ones(self, users: Floats) -> tuple[Floats, Whole, Floats]:
        """The same where everybody contributes 1."""
        width = max((plan.top for plan in self.buckets.plans), default=0)
        return users, users.astype(np.int64), (np.arange(width) < users[:, None]).astype(float)

    def flattened(self, contributions: tuple[Floats, Whole, Floats]) -> tuple[Floats, Floats]:
        return flattened(*contributions, self.first, self.second, self.flatten)


def _count(groups: Groups) -> Floats:
    """§5.5.1; NULL without a group 2."""
    total, scale = groups.flattened(_row_counts(groups, HIGH, groups.exact))
    return total + groups.baseline("count") * scale


def _row_counts(groups: Groups, side: int, exact: Floats) -> tuple[Floats, Whole, Floats]:
    return groups.ones(exact) if groups.buckets.one_row_per_user else groups.contributions(side)


def _users(groups: Groups) -> Floats:
    """Every user counts 1: nothing to flatten, never NULL."""
    return groups.exact + groups.baseline("count")


def _sum(groups: Groups) -> Floats:
    """Positive and negative contributions apart (§5.5.1). A side without a group 2 counts as zeros, unless both are."""
    sides = [groups.flattened(groups.contributions(side)) for side in (HIGH, LOW)]
    (high, high_scale), (low, low_scale) = ((np.nan_to_num(total), np.nan_to_num(scale)) for total, scale in sides)
    answer = high - low + groups.baseline("sum") * (high_scale + low_scale)
    unknown = np.isnan(sides[0][0]) & np.isnan(sides[1][0])
    return np.where(unknown | np.isnan(groups.exact), np.nan, answer)


def _avg(groups: Groups) -> Floats:
    """The noisy sum over the noisy count(column)."""
    users = groups.buckets.contributions
    assert users is not None
    rows = _row_counts(groups, ROWS, users.users[ROWS, groups.rows, groups.slot].astype(float))
    total, scale = groups.flattened(rows)
    count = total + groups.baseline("count") * scale
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, _sum(groups) / count, np.nan)


def _extreme(side: int) -> Callable[[Groups], Floats]:
    """min and max: T₁ users are left out, the values of the next T₂ averaged (§5.5.2). NULL where these are less than
    two: one user's value would be the answer, without noise."""
    name = "max" if side == HIGH else "min"

    def answer(groups: Groups) -> Floats:
        _, users, top = groups.contributions(side)
        average, spread, size = group_moments(top, users, groups.first, groups.second, groups.flatten)
        average = np.where(size >= birch.THRESHOLD_FLOOR, average, np.nan) if groups.flatten else groups.exact
        return average + groups.baseline(name) * birch.EXTREME_NOISE * spread

    return answer


_ANSWERS: dict[str, Callable[[Groups], Floats]] = {
    "users": _users,
    "count": _count,
    "sum": _sum,
    "avg": _avg,
    "max": _extreme(HIGH),
    "min": _extreme(LOW),
}


def _aggregate(query: Query, slot: int, one_row_per_user: bool) -> tuple[str, str]:
    """The function and column of a slot; `users` where it is a count to which every user contributes 1, "" where there
    is none."""
    if slot >= len(query.aggregates):
        return "", ""
    aggregate = query.aggregates[slot]
    counts_all_rows = aggregate.on is None or aggregate.on.name == query.uid
    is_users = aggregate.distinct or (counts_all_rows and one_row_per_user)
    function = "users" if is_users and aggregate.function == "count" else aggregate.function
    return function, aggregate.on.name if aggregate.on else "*"


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
    end1, end2 = _ends(top, users, first, second)
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


def group_moments(
    top: Floats, users: Whole, first: Whole, second: Whole, flatten: bool = True
) -> tuple[Floats, Floats, Whole]:
    """Mean and population standard deviation of group 2, float64 (n,), NaN where it is empty, and its size; without
    `flatten` those of the T₂ most extreme users. Shapes as in `flattened`."""
    end1, end2 = _ends(top, users, first if flatten else np.zeros_like(first), second)
    place = np.arange(top.shape[1])
    inside = (place >= end1[:, None]) & (place < end2[:, None])
    base = top[np.arange(len(top)), np.minimum(end1, top.shape[1] - 1)]
    with np.errstate(all="ignore"):
        offset = np.where(inside, top - base[:, None], 0.0)  # from one of them, so that equal values have no deviation
        mean = offset.sum(axis=1) / (end2 - end1)
        square = np.where(inside, (offset - mean[:, None]) ** 2, 0.0).sum(axis=1) / (end2 - end1)
    return base + mean, np.sqrt(square), end2 - end1


def _ends(top: Floats, users: Whole, first: Whole, second: Whole) -> tuple[Whole, Whole]:
    """Where groups 1 and 2 end in `top`."""
    known = np.minimum(users, top.shape[1])
    return np.minimum(first, known), np.minimum(first + second, known)
