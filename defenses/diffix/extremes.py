"""min, max and median: users at the ends are left out, and the values of a few users averaged (§5.5.2, §5.5.3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from defenses.diffix import constants as birch
from defenses.diffix.groups import Floats, Groups, Whole, ends
from harness.sql.plan import HIGH, LOW


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


def _median(groups: Groups) -> Floats:
    """§5.5.3, with these readings. The T₁ users with the highest rows and the T₁ with the lowest are left out with all
    their rows; equal values are in the order of the table's rows. Of an even number of rows the lower one in the middle
    is the median row. Above and below it T₂ users are labelled by their nearest row each, he of the median row too,
    and all who are there where they are fewer. NULL where one user is left; without `flatten` nobody is left out,
    and the exact median is reported."""
    middles = groups.buckets.middles
    assert middles is not None
    widest = middles.near.shape[-1]
    left_out = np.minimum(groups.first, widest) if groups.flatten else np.zeros_like(groups.first)
    at = groups.rows, groups.slot, left_out
    median, users = middles.median[at], middles.users[at]
    near = np.concatenate([middles.near[HIGH][at], middles.near[LOW][at]], axis=1)
    labelled = ~np.isnan(near) & np.tile(np.arange(widest) < groups.second[:, None], 2)
    with np.errstate(all="ignore"):
        offset = np.where(labelled, near - median[:, None], 0.0)  # so that equal values have no deviation
        size = 1 + labelled.sum(axis=1)
        mean = offset.sum(axis=1) / size
        squares = np.where(labelled, (offset - mean[:, None]) ** 2, 0.0).sum(axis=1) + mean**2
        spread = np.sqrt(squares / size)
        average = np.where(users >= birch.THRESHOLD_FLOOR, median + mean, np.nan) if groups.flatten else groups.exact
        return average + groups.baseline("median") * birch.EXTREME_NOISE * spread


EXTREMES: dict[str, Callable[[Groups], Floats]] = {"max": _extreme(HIGH), "min": _extreme(LOW), "median": _median}


def group_moments(
    top: Floats, users: Whole, first: Whole, second: Whole, flatten: bool = True
) -> tuple[Floats, Floats, Whole]:
    """Mean and population standard deviation of group 2, float64 (n,), NaN where it is empty, and its size; without
    `flatten` those of the T₂ most extreme users. Shapes as in `flattened`."""
    end1, end2 = ends(top, users, first if flatten else np.zeros_like(first), second)
    place = np.arange(top.shape[1])
    inside = (place >= end1[:, None]) & (place < end2[:, None])
    base = top[np.arange(len(top)), np.minimum(end1, top.shape[1] - 1)]
    with np.errstate(all="ignore"):
        offset = np.where(inside, top - base[:, None], 0.0)  # from one of them, so that equal values have no deviation
        mean = offset.sum(axis=1) / (end2 - end1)
        square = np.where(inside, (offset - mean[:, None]) ** 2, 0.0).sum(axis=1) / (end2 - end1)
    return base + mean, np.sqrt(square), end2 - end1
