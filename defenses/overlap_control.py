"""No two answered query sets with more than r users in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from defenses.overlaps import Answered
from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query
from harness.sql.compile import formula_text


@dataclass(frozen=True, kw_only=True)
class overlap_control(Defense):
    """Overlap control: no two answered query sets with more than r users in common.

    1. Take the set of users of every bucket, in the order in which buckets are asked for.
    2. Compare it with the sets that this session was answered before. Drop the bucket when it shares more than r users
       with one of them; an answered set of records is no second set and is answered again. Where users have several
       rows, equal users need not be equal records: then only the same bucket of the same conditions is that.
    3. What remains is exact, and its set is remembered for the rest of the session.

    A dropped bucket is missing from the answer, as under k-threshold, and by that the method tells something of the
    rows: the analyst knows her earlier query sets, and learns that this one meets one of them in more than r users.
    That is how the original refuses too. A set of r users or fewer is never dropped, so alone this hides nothing:
    put `k-threshold` with a k above r before it. With it, at least 1 + (k − 1)/r queries are needed to learn
    one record.

    Source: Nielson's dissertation, data logging (Chin 1978) and partitioning (the bound, from Adam and Wortmann 1989).
    There records are compared, here users, who may have several. Updates are not looked at: what changes between two
    answers about one set is seen. The dissertation's log is of all analysts and forever,
    and so ends in refusing everything; here it is of one session.
    """

    r: int = param(1, "the most users that two answered query sets may have in common", unit="users", low=0)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return Plan(query, users=True, uid_set=True)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        answered: Answered = buckets.memory.setdefault(self, Answered(self.r))
        names: list[object] = [None] * len(buckets)
        if not buckets.one_row_per_user:
            formulas = [formula_text(plan.query) for plan in buckets.plans]
            keys = zip(*buckets.keys, strict=True) if buckets.keys else [()] * len(buckets)
            names = [(formulas[i], key) for i, key in zip(buckets.query.tolist(), keys, strict=True)]
        return buckets.keep(answered.admit(buckets.uid_sets, names))  # equal users under one name are equal records

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        if any(part.label() == "random-sampling" for part in (*before, *after)):
            return "query sets of which only samples are compared may overlap in more users than is seen."
        return None
