"""Four quick controls in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defenses.k_threshold import k_threshold
from defenses.maximum_order import maximum_order
from defenses.partial_table_suppression import partial_table_suppression
from defenses.relative_table_size import relative_table_size
from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query
from harness.stages import answered_by_all, planned_by_all


@dataclass(frozen=True, kw_only=True)
class hanson(Defense):
    """Hanson's hybrid: four controls that remember nothing, in a row, and what passes all of them is exact.

    1. `maximum-order`: refuse queries about too many attributes.
    2. `relative-table-size`: drop tables with too many cells for the data.
    3. `k-threshold` with its upper bound: drop buckets of fewer than k and of more than n − k users.
    4. `partial-table-suppression`: drop buckets with too few users per populated cell.

    Source: Nielson's dissertation, hybrid methods (Hanson 1995), in its order. The numbers are those of the single
    pages, which the dissertation does not give.
    """

    order: int = param(2, "the most attributes that a query may be about", unit="columns", low=0)
    share: float = param(0.1, "the most cells that a query's table may have", unit="cells per user", low=0)
    k: int = param(5, "the fewest users that an answer may be about, and leave out", unit="users", low=1)
    density: float = param(3.0, "the fewest users per populated cell", unit="users", low=2)

    @property
    def parts(self) -> tuple[Defense, ...]:
        return (
            maximum_order(order=self.order),
            relative_table_size(share=self.share),
            k_threshold(k=self.k, upper=True),
            partial_table_suppression(k=self.density),
        )

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return planned_by_all(self.parts, query, log)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        return answered_by_all(self.parts, buckets, rng)
