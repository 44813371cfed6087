"""So many answers, and no more."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Plan, Query


@dataclass(frozen=True, kw_only=True)
class query_budget(Defense):
    """So many answers a session or a day, and no more.

    1. Count the queries that were answered in this session, or on this day of it.
    2. Refuse once there are n of them; what is answered is exact.

    SnoopBench has no clock, since the same command must give the same numbers. A day is as long as it takes to ask
    `day` queries, answered or refused by a defense (what is no query at all does not count): an analyst who goes on
    asking after the budget is spent waits for the next day that way. The first query of the session begins the first
    day.

    Source: Nielson's dissertation, suppression (N queries a day on a table); it says itself that a budget a day
    slows an attack down and does not stop it. `per=session` is the stricter reading. Refusals depend on the queries
    alone and tell nothing of the rows.
    """

    n: int = param(100, "answered queries", unit="queries", low=0)
    per: str = param("session", "what the budget is for", choices=("session", "day"))
    day: int = param(1000, "the length of a day", unit="queries asked", low=1)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        dawn = 0 if self.per == "session" else len(log.queries) // self.day * self.day
        if len(log.answered) - bisect_left(log.answered, dawn) >= self.n:
            return Refused("query-budget", f"The budget of {self.n} answered queries a {self.per} is spent.")
        return Plan(query)
