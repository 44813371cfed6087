"""No query whose table has too many cells for the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query


@dataclass(frozen=True, kw_only=True)
class relative_table_size(Defense):
    """Relative table size: no query whose table has too many cells for the number of users.

    1. The attributes of a query are its columns in WHERE and GROUP BY. Its table has as many cells as their numbers of
       different values (NULL is one) multiplied.
    2. Divide by the number of users in the data. Above `share` drop all buckets of the query, whatever they hold;
       below, they are exact.

    The numbers of values are metadata, which the method takes as public. They come from the rows all the same, so what
    is not answered is suppressed like a small bucket, not refused, and tells just whether a whole table is too
    fine.

    Source: Nielson's dissertation, hybrid methods (Hanson 1995, control 2). The dissertation has it that larger tables
    are the more secure ones, which can be meant of the data only: the finer a table, the fewer users a cell. It
    gives no bound; 0.1 leaves ten users a cell on average.
    """

    share: float = param(0.1, "the most cells that a query's table may have", unit="cells per user", low=0)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return Plan(query, domains=query.attributes)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        shown = [self._is_coarse(plan.query, buckets) for plan in buckets.plans]
        return buckets.keep(np.array(shown, dtype=bool)[buckets.query])

    def _is_coarse(self, query: Query, buckets: Buckets) -> bool:
        cells = math.prod(buckets.domains[ref.name] for ref in query.attributes)
        return cells <= self.share * buckets.table_users
