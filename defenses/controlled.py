"""Controlled rounding of two-way tables, as an integer program."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.sql import Buckets
from harness.sql.plan import Bools, Floats

EXACT = 1e-9  # a sum of remainders is a whole number up to this share of it


def table_rounded_up(buckets: Buckets, share: Floats) -> Bools:
    """Which cells of each query's tables, one an aggregate, are rounded up: bool (N, A)."""
    up = np.zeros(share.shape, dtype=bool)
    edges = np.searchsorted(buckets.query, np.arange(len(buckets.plans) + 1))
    for plan, start, stop in zip(buckets.plans, edges[:-1], edges[1:], strict=True):
        rows, columns = (pd.factorize(key[start:stop], use_na_sentinel=False)[0] for key in buckets.keys[:2])
        for slot in range(len(plan.query.aggregates)):
            up[start:stop, slot] = rounded_up(share[start:stop, slot], rows, columns)
    return up


def rounded_up(share: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Bools:
    """Which cells of one table to round up, bool (n,).

    `share` holds each cell's remainder in bases, 0 ≤ share < 1, NaN where there is none; `rows` and `columns` say
    where the cell stands. With u = 1 for up, the sum of u over each row, each column and all cells lies between the
    sum of the shares rounded down and rounded up, and Σ u·(1 − 2·share) is least. The shares themselves meet the
    bounds, and the constraints are those of a flow from rows to columns, whose matrix is totally unimodular: so
    there always is a solution in whole numbers (Causey, Cox, Ernst 1985).
    """
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import csr_array, vstack

    up = np.zeros(len(share), dtype=bool)
    open_to = np.flatnonzero(share > 0)  # multiples of the base stay, as does NULL
    n = len(open_to)
    if not n:
        return up
    amount, ones = share[open_to], np.ones(n)
    sums = vstack(
        [
            csr_array((ones, (places, np.arange(n))), shape=(int(places.max()) + 1, n))
            for places in (rows[open_to], columns[open_to], np.zeros(n, dtype=np.int64))
        ]
    )
    total = sums @ amount
    slack = EXACT * (1.0 + total)
    bounds = LinearConstraint(sums, np.floor(total + slack), np.ceil(total - slack))
    found = milp(1.0 - 2.0 * amount, integrality=ones, bounds=(0, 1), constraints=bounds)
    if found.x is None:
        raise ArithmeticError(f"controlled rounding found no table: {found.message}")
    up[open_to] = found.x > 0.5
    return up
