"""What is released under ε-differential privacy: noise per aggregate, by its sensitivity and its share of ε."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np

from defenses.bounded import Bounds
from defenses.discrete_laplace import discrete_laplace
from harness.sql import Buckets, Query
from harness.sql.query import Aggregate


def released(
    buckets: Buckets,
    epsilon: Fraction,
    rows: int,
    limits: dict[str, Bounds],
    rng: np.random.Generator,
    backend: str,
) -> Buckets:
    """The buckets with noise on every count and sum; an avg is made of the sum and the count that its query has
    behind the aggregates that were asked for, pair by pair."""
    exact = np.nan_to_num(buckets.values, nan=0.0)
    values = buckets.values.copy()
    scales = [_scales(plan.query, epsilon, rows, limits) for plan in buckets.plans]
    for i, owner in enumerate(buckets.query.tolist()):
        query = buckets.plans[owner].query
        for slot, drawn in enumerate(scales[owner]):
            if drawn is not None:
                step, scale = drawn
                steps = round(float(exact[i, slot]) / step)
                noisy = steps + discrete_laplace(scale, rng) if backend == "exact" else _opendp(steps, scale)
                values[i, slot] = noisy * step
        averages = [slot for slot, a in enumerate(query.aggregates) if a.function == "avg"]
        first = len(query.aggregates) - 2 * len(averages)
        for pair, slot in enumerate(averages):
            on = query.aggregates[slot].on
            assert on is not None
            step, low, high = limits[on.name].steps(on.kind)
            total, count = values[i, first + 2 * pair], max(values[i, first + 2 * pair + 1], 1.0)
            values[i, slot] = min(max(total / count, low * step), high * step)
    return buckets.with_values(values)


def _scales(
    query: Query, epsilon: Fraction, rows: int, limits: dict[str, Bounds]
) -> list[tuple[float, Fraction] | None]:
    """The step and the scale of the noise in steps for each aggregate; None for an avg, which gets no noise of its
    own."""
    averages = sum(a.function == "avg" for a in query.aggregates)
    asked = len(query.aggregates) - 2 * averages
    found: list[tuple[float, Fraction] | None] = []
    for slot, aggregate in enumerate(query.aggregates):
        share = epsilon / (asked if slot < asked else 2 * asked)
        if aggregate.function == "avg":
            found.append(None)
        else:
            step, sensitivity = _sensitivity(aggregate, query, rows, limits)
            found.append((step, sensitivity / share))
    return found


def _sensitivity(aggregate: Aggregate, query: Query, rows: int, limits: dict[str, Bounds]) -> tuple[float, int]:
    """Step, and by how many steps all buckets together differ with or without one user."""
    if aggregate.function == "count":
        of_users = aggregate.distinct and aggregate.on is not None and aggregate.on.name == query.uid
        return 1.0, 1 if of_users and not query.keys else rows
    assert aggregate.on is not None
    step, low, high = limits[aggregate.on.name].steps(aggregate.on.kind)
    return step, rows * max(abs(low), abs(high))


def _opendp(steps: int, scale: Fraction) -> int:
    """The same noise from OpenDP, which draws it from the system's randomness."""
    return int(_measurement(float(scale))(steps))


@lru_cache(maxsize=256)
def _measurement(scale: float) -> Callable[[int], int]:
    """Whole number -> whole number with discrete Laplace noise."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    return dp.m.make_laplace(dp.atom_domain(T="i64"), dp.absolute_distance(T="i64"), scale=scale)  # type: ignore[no-any-return]
