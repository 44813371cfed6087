"""Noisy aggregates: flattening, and noise in proportion to what single users contribute (§5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from defenses.diffix.extremes import EXTREMES
from defenses.diffix.groups import Contribution, Floats, Groups, Whole, group_size
from defenses.diffix.layers import Noise
from defenses.diffix.terms import NUMBER, scaled, seed_name
from harness.sql import Buckets, Query
from harness.sql.plan import HIGH, LOW, ROWS, Bools
from harness.sql.query import NOISE

SMALLEST = 1e-290  # deviations below have no tenth among the normal doubles


def noisy_values(buckets: Buckets, noise: Noise, *, flatten: bool = True, rounded: bool = False) -> Floats:
    """The answers to a batch, float64 (N, A), NULL as NaN."""
    values = buckets.values.copy()
    asked = [(slot, *part) for slot in range(values.shape[1]) for part in _parts(buckets, slot)]
    grouped = np.zeros(len(buckets), dtype=bool)
    for slot, (function, _, one_row), rows in asked:
        grouped[rows[~_all_ones(buckets, slot, function, one_row, rows)]] = True
    first, second = (group_size(noise.draw(purpose, of=grouped)) for purpose in ("T1", "T2"))
    for slot, (function, column, one_row), rows in asked:
        groups = Groups(buckets, noise, slot, rows, column, one_row, first[rows], second[rows], flatten)
        if function in EXTREMES:
            values[rows, slot] = EXTREMES[function](groups)
            continue
        noisy = _ANSWERS[function.removesuffix(NOISE)](groups)
        answer = np.round(noisy.answer) if rounded and function in ("users", "count") else noisy.answer
        if function.endswith(NOISE):
            deviation = rounded_deviation(noise.size * np.sqrt(noise.layers[rows]) * noisy.scale)
            answer = np.where(np.isnan(noisy.answer), np.nan, deviation)
        values[rows, slot] = answer
    return values


_Named = tuple[str, str, bool]


def _parts(buckets: Buckets, slot: int) -> Iterator[tuple[_Named, Whole]]:
    """What the queries of a batch ask for in a slot, function, column and whether every user has one row, and the
    buckets of each, int64 (n,)."""
    names = [_aggregate(plan.query, slot, buckets.one_row_per_user) for plan in buckets.plans]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    number = np.array([numbers[name] for name in names], dtype=np.int64)[buckets.query]
    for name, own in numbers.items():
        rows = np.flatnonzero(number == own)
        if name[0] and len(rows):
            yield name, rows


def _all_ones(buckets: Buckets, slot: int, function: str, one_row: bool, rows: Whole) -> Bools:
    """Where T₁ and T₂ change nothing, bool (n,): each user counts 1, and they fill both groups."""
    function = function.removesuffix(NOISE)
    if function == "users":
        return np.ones(len(rows), dtype=bool)
    if function != "count":
        return np.zeros(len(rows), dtype=bool)
    width = max((plan.top for plan in buckets.plans), default=0)
    if one_row:
        return np.asarray(buckets.values[rows, slot] >= width)
    known = buckets.contributions
    assert known is not None
    return np.asarray((known.top[HIGH, rows, slot, 0] <= 1) & (known.users[HIGH, rows, slot] >= width))


@dataclass(frozen=True)
class Noisy:
    """Answers, and by what the baseline noise N_b was multiplied in them, float64 (n,), NULL as NaN."""

    answer: Floats
    scale: Floats


def _count(groups: Groups) -> Noisy:
    """§5.5.1; NULL without a group 2."""
    return _noisy_count(groups, _row_counts(groups, HIGH, groups.exact))


def _noisy_count(groups: Groups, contributions: Contribution) -> Noisy:
    total, scale = groups.flattened(contributions)
    return Noisy(total + groups.baseline("count") * scale, scale)


def _row_counts(groups: Groups, side: int, exact: Floats) -> Contribution:
    return groups.ones(exact) if groups.one_row else groups.contributions(side)


def _users(groups: Groups) -> Noisy:
    """Every user counts 1: nothing to flatten, never NULL."""
    return Noisy(groups.exact + groups.baseline("count"), np.ones(len(groups.rows)))


def _sum(groups: Groups) -> Noisy:
    """Positive and negative contributions apart (§5.5.1). A side without a group 2 counts as zeros, unless both are."""
    sides = [groups.flattened(groups.contributions(side)) for side in (HIGH, LOW)]
    (high, high_scale), (low, low_scale) = ((np.nan_to_num(total), np.nan_to_num(scale)) for total, scale in sides)
    scale = high_scale + low_scale
    answer = high - low + groups.baseline("sum") * scale
    unknown = np.isnan(sides[0][0]) & np.isnan(sides[1][0])
    return Noisy(np.where(unknown | np.isnan(groups.exact), np.nan, answer), scale)


def _avg(groups: Groups) -> Noisy:
    """The noisy sum over the noisy count(column)."""
    return _mean(groups, _sum(groups))


def _mean(groups: Groups, total: Noisy) -> Noisy:
    """A noisy sum over the noisy count(column). The noise of both, which is independent, moves the quotient by this
    much in first order."""
    users = groups.buckets.contributions
    assert users is not None
    rows = _row_counts(groups, ROWS, users.users[ROWS, groups.rows, groups.slot].astype(float))
    count = _noisy_count(groups, rows)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        answer = np.where(count.answer > 0, total.answer / count.answer, np.nan)
        return Noisy(answer, np.hypot(total.scale, answer * count.scale) / count.answer)


def _stddev(groups: Groups) -> Noisy:
    """The root of the anonymised average of the squared distances from the true average; a negative one counts as 0."""
    total, scale = groups.flattened(groups.contributions(HIGH))
    mean = _mean(groups, Noisy(total + groups.baseline("stddev") * scale, scale))
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = np.sqrt(np.maximum(mean.answer, 0.0))
        return Noisy(answer, np.where(mean.scale == 0, 0.0, mean.scale / (2.0 * answer)))


_ANSWERS: dict[str, Callable[[Groups], Noisy]] = {
    "users": _users,
    "count": _count,
    "sum": _sum,
    "avg": _avg,
    "stddev": _stddev,
}


def rounded_deviation(deviation: Floats) -> Floats:
    """The standard deviations rounded to multiples of 1, 2 or 5 times a power of ten, of the largest step that is at
    most a tenth of them: within 5 %, as §6.17 has it. Infinities are NaN."""
    found = np.full(deviation.shape, np.nan)
    found[deviation < SMALLEST] = 0.0
    known = np.isfinite(deviation) & (deviation >= SMALLEST)
    power = np.floor(np.log10(deviation[known])) - 1
    first = deviation[known] / 10.0 ** (power + 1)  # from 1 to 10
    step = np.where(first >= 5, 5.0, np.where(first >= 2, 2.0, 1.0))
    whole = np.round(deviation[known] / (step * 10.0**power)) * step
    found[known] = np.where(power >= 0, whole * 10.0 ** np.maximum(power, 0), whole / 10.0 ** np.maximum(-power, 0))
    return found


def _aggregate(query: Query, slot: int, one_row_per_user: bool) -> _Named:
    """The function and column of a slot, and whether every user has one row; the function is `users` where it is a
    count to which every user contributes 1, "" where there is none."""
    one_row = (one_row_per_user and query.joins is None) or query.per_user
    if slot >= len(query.aggregates):
        return "", "", one_row
    aggregate = query.aggregates[slot]
    column = None if aggregate.on is None else scaled(aggregate.on)
    of_uid = column is not None and column.name == query.uid
    all_ones = aggregate.distinct if of_uid else aggregate.on is None and one_row
    is_users = aggregate.of.function == "count" and (all_ones or (of_uid and one_row))
    name = "users" if is_users else aggregate.of.function
    return name + (NOISE if aggregate.is_noise else ""), seed_name(column) if column else NUMBER, one_row
