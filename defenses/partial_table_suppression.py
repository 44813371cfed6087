"""No bucket that is thinly populated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query


@dataclass(frozen=True, kw_only=True)
class partial_table_suppression(Defense):
    """Partial table suppression: no bucket with fewer than k users per populated cell.

    1. Each combination of values of a query's columns in WHERE and GROUP BY is a cell of its table; a bucket is a part
       of that table. Count the cells of the bucket in which somebody is, and its users.
    2. Drop the bucket when it has fewer than k users for each such cell on average; the others are exact.

    A bucket of one cell must have k users, as under k-threshold; a range of many values must have k for each of them.
    The rest of the table is shown: so a suppressed cell can be had as the difference of a total and the others.

    Source: Nielson's dissertation, hybrid methods (Hanson 1995, control 3), which speaks of the expected density of a
    partition, with k above 2; here the density is the average over the cells that are populated.
    """

    k: float = param(3.0, "the fewest users per populated cell", unit="users", low=2)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return Plan(query, users=True, cells=query.attributes)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        return buckets.keep(buckets.users >= self.k * np.maximum(buckets.cells, 1))
