"""No query about many attributes at once."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Plan, Query


@dataclass(frozen=True, kw_only=True)
class maximum_order(Defense):
    """Maximum-order control: no query about more than so many attributes at once.

    1. Count the different columns in WHERE and GROUP BY: the order of the table that the query is about. The columns
       that are only aggregated do not count.
    2. Refuse above the maximum; what is answered is exact.

    Source: Nielson's dissertation, hybrid methods (Hanson 1995, control 1). It gives no number; 2 lets pairs of
    attributes through. Refusals depend on the query alone.
    """

    order: int = param(2, "the most attributes that a query may be about", unit="columns", low=0)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if (asked := len(query.attributes)) > self.order:
            return Refused("maximum-order", f"A query may be about {self.order} columns at most, not {asked}.")
        return Plan(query)
