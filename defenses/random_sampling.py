"""Answers from a random part of the query set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.seeds import seed64
from harness.sql import Buckets, Plan, Query
from harness.sql.compile import formula_text
from harness.sql.plan import Floats, Sample


@dataclass(frozen=True, kw_only=True)
class random_sampling(Defense):
    """Answers from a random part of the query set: nobody knows whether a record took part.

    1. Each row of the query set takes part with probability p, whatever its values: a keyed hash of a word for the
       query and of the row's hidden number decides.
       sticky=false   every query has a word of its own: repeating it draws anew, and averages come to the truth
       sticky=true    the word is the query's formula: its conditions and GROUP BY columns in one canonical spelling.
                      Counts and sums of one formula see the same rows, and repeating teaches nothing
    2. Answer the aggregate over the rows that take part. Counts and sums are divided by p; avg, min, max and DISTINCT
       counts are of the sample as it is, but that count(DISTINCT uid) is divided where every user has one row.
    3. A bucket of which no row takes part is missing; a query without GROUP BY then counts 0.

    The relative root mean squared error of a count of n is √((1 − p) / (p·n)). Extremes come from too few records and
    average out least. A formula worded otherwise, or a GROUP BY beside its WHERE, is another draw.

    Source: Nielson's dissertation, output perturbation and query restriction (random sampling), after Denning 1980.
    The dissertation's method draws anew for every query, and it says so when it averages the draws away; in Denning's
    own the formula and the record decide, so the same question has one answer. `sticky` chooses; false is the
    dissertation's.
    """

    p: float = param(0.9, "probability that a row takes part", low=0.001, high=1)
    sticky: bool = param(False, "the same rows for the same formula (Denning), not a fresh draw a query")

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if self.p == 1.0:
            return Plan(query)
        if self.sticky:
            return Plan(query, sample=Sample(self.p, seed64("formula", formula_text(query))))
        return Plan(query, sample=Sample(self.p, seed64("fresh", len(log.queries), key=log.nonce), once=True))

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        return buckets.with_values(buckets.values / np.where(_scaled(buckets), self.p, 1.0))

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        if any(isinstance(part, random_sampling) for part in before):
            return "a query is answered from one sample; give it the product of both p."
        if not self.sticky and any(part.label() == "diffix" for part in (*before, *after)):
            return (
                "fresh samples would draw the noise of diffix anew, which hangs on a bucket's users; use sticky=true."
            )
        return None


def _scaled(buckets: Buckets) -> Floats:
    """Which slots grow with the sample, (N, A)."""
    grows = np.zeros((len(buckets.plans), buckets.values.shape[1]))
    for i, plan in enumerate(buckets.plans):
        for slot, a in enumerate(plan.query.aggregates):
            of_users = a.on is not None and a.on.name == plan.query.uid and buckets.one_row_per_user
            grows[i, slot] = a.function in ("count", "sum") and (not a.distinct or of_users)
    return grows[buckets.query]
