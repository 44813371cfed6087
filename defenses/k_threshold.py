"""Query-set-size control: no answer about fewer than k users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query


@dataclass(frozen=True, kw_only=True)
class k_threshold(Defense):
    """Query-set-size control: no answer about fewer than k users.

    1. Count the distinct users of every bucket.
    2. Drop the buckets of fewer than k; what remains is exact.
    3. With `upper`, drop the buckets of more than n − k users too, n being all users of the table: otherwise the
       small set is learned from its complement.

    The users of a bucket are counted whether or not they have a value: a sum over a column that is NULL for all but
    one of them, or a maximum, is still about that one.

    Source: Diffix-Birch §2 (K-threshold); Nielson, query size control; the upper bound: Denning, Denning, Schwartz
    1979.
    """

    k: int = param(5, "the fewest users that an answer may be about", unit="users", low=1)
    upper: bool = param(False, "also refuse what is about more than n − k users")

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return Plan(query, users=True)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        shown = buckets.users >= self.k
        if self.upper:
            shown &= buckets.users <= buckets.table_users - self.k
        return buckets.keep(shown)
