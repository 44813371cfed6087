"""Answers as multiples of a base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from defenses.controlled import table_rounded_up
from defenses.keyed import cell_words
from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Bools, Floats

DAY = 86_400e6  # microseconds


@dataclass(frozen=True, kw_only=True)
class rounding(Defense):
    """Every answer is one of the two multiples of a base next to the truth.

    1. Split an answer into a multiple of the base and a remainder r, 0 ≤ r < base; dates and times count in days.
    2. Choose between that multiple and the next one:
       systematic   the nearer, in the middle the upper; biased, and the same every time
       random       the upper with probability r / base: right on average, so fresh draws are averaged away; with
                    `sticky` the draw is keyed by salt, query text and bucket, and repeating teaches nothing
       controlled   all buckets together, so that the roundings of a two-way table have sums of rows, of columns and
                    of everything that are themselves roundings of the true sums; the same every time
    3. A multiple of the base stays what it is, NULL stays NULL, and no bucket is added or dropped.

    `controlled` answers counts and sums under exactly two GROUP BY columns. It refuses all else by rule, single
    margins among it: rounded on their own they would not be the sums of the table's. A pair of keys that does not
    occur counts as 0 and stays so. Of the choices that fit, it takes one whose cells move least in sum.

    Source: Nielson's dissertation, output perturbation (rounding methods), which names the three kinds and their
    weaknesses; that controlled rounding always exists: Causey, Cox, Ernst 1985. The dissertation knows random rounding
    as fresh draws only; `sticky` is Beck's and Denning's keyed error put to it.
    """

    kind: str = param("systematic", "how the multiple is chosen", choices=("systematic", "random", "controlled"))
    base: int = param(5, "what answers are multiples of", unit="unit of the answer, or days", low=1, high=1e9)
    sticky: bool = param(False, "random rounding: the same draw for the same text of a query")

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if self.kind == "controlled":
            if len(query.keys) != 2 or not query.aggregates:
                return Refused("rounding-table", "Controlled rounding answers tables of exactly two GROUP BY columns.")
            if any(a.function not in ("count", "sum") or a.distinct for a in query.aggregates):
                return Refused("rounding-additive", "Controlled rounding answers counts and sums without DISTINCT.")
        return Plan(query)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        base = self.base * _units(buckets)
        remainder = np.mod(buckets.values, base)  # of one sign, and exact
        up = self._up(buckets, remainder / base, rng)
        return buckets.with_values(buckets.values - remainder + base * up)

    def _up(self, buckets: Buckets, share: Floats, rng: np.random.Generator) -> Bools:
        """Which cells take the upper multiple, bool (N, A); `share` is the remainder in bases."""
        if self.kind == "systematic":
            return share >= 0.5
        if self.kind == "controlled":
            return table_rounded_up(buckets, share)
        if self.sticky:
            return (cell_words(buckets, "rounding") >> np.uint64(11)) * 2.0**-53 < share
        return buckets.draw(rng.random) < share

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        if self.kind == "controlled" and any(type(part).answer is not Defense.answer for part in after):
            return "what changes answers or drops buckets after controlled rounding undoes its sums; put it before."
        return None


def _units(buckets: Buckets) -> Floats:
    """What 1 is in each slot, (N, A): a day of dates and times, else 1."""
    slots = buckets.values.shape[1]
    units = np.ones((len(buckets.plans), slots))
    for i, plan in enumerate(buckets.plans):
        for slot, aggregate in enumerate(plan.query.aggregates):
            if aggregate.kind.is_time:
                units[i, slot] = DAY
    return units[buckets.query]
