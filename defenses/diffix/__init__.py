"""Diffix-Birch: sticky layered noise, low-count suppression, flattening."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from defenses.diffix import constants as birch
from defenses.diffix.aggregates import noisy_values
from defenses.diffix.conditions import aligned
from defenses.diffix.explain import explained
from defenses.diffix.layers import Noise, Rules, Seeds, floated_of, layers_of, pieces, seeds_of
from defenses.diffix.low_count import thresholds
from defenses.diffix.restrictions import refusal
from defenses.diffix.shrink import asked_of, shrunk
from harness.model import Refused, Schema
from harness.plugin import Defense, Log, Refining, Rows, param
from harness.sql import Buckets, Plan, Query


@dataclass(frozen=True, kw_only=True)
class diffix(Defense):
    """Diffix-Birch: each condition adds noise of its own, the same whenever the condition meets the same users.

    1. Take conditions joined by AND (restrictions.py); a selected expression counts as the condition that it equals the
       bucket's value (§6.3). Without an aggregate, rows are repeated by the rounded count. BETWEEN a AND b is >= a AND
       < b (Figure 18), and so are year(x) = 2016 and their like (§6.15).
    2. Widen each range to the smallest aligned one around it, with a notice (§6.7), and drop the few users who lie
       apart at its ends (shrink.py).
    3. Seed noise layers: per condition a static one from salt, table, column, operator and value, and a dynamic one
       that also takes the XOR of the bucket's hashed uids (§5.1, §6.5–§6.8). IN has a static layer from the floated
       values and a dynamic one per element (§6.9); NOT IN is its inequalities (§6.10); LIKE has a pair per wildcard
       (§6.11, §6.12); functions that remove characters add a dynamic layer (§6.13). An unclear equality is seeded by
       what the rows hold of its columns: smallest value, largest, number of values (§6.4). Without conditions: one
       dynamic layer (§6.3). Equal layers of a bucket count once.
    4. Suppress buckets of fewer than 2 users, or fewer than a draw from N(4, 0.5) seeded by their uids (§5.3).
    5. Flatten counts and sums: the T₁ largest contributions become the average A₂ of the next T₂ (§5.5.1); where
       nobody is left for the second group, the answer is NULL. Add N_b · max(A₂/2, A_all), N_b the sum of the layers'
       unit Gaussians. Positive and negative contributions are summed apart; avg is sum over count. Answers stay real
       numbers unless `round` is set.
    6. max and min: leave out the T₁ most extreme users, average the next T₂, add N_b · σ/8 (§5.5.2); NULL where less
       than two are left to average.

    All counts of a bucket have the same N_b where the same users have a value in the counted column, else the dynamic
    layers are seeded with those who have; sum, max and min of a column have a draw of their own. The paper leaves it at
    one N_b for the conditions: then count(*) − count(x) is the exact number of NULLs, and avg has no noise.

    Where every user has one row, count(*) is count(distinct uid): all contributions are 1, nothing is flattened or
    NULL. Of a sum whose negative (positive) contributors are too few for a second group that side counts as zeros: NULL
    would tell that they are there. A contribution of 0 is a value of both sides' averages; a user with NULL only has no
    contribution.

    Source: Diffix-Birch §4–§6; docs/diffix.md goes through its language. Seeds are keyed digests, not a XOR of public
    hashes with the salt: the paper's formula is for exposition, and a salt would cancel out of a XOR over an even set.
    """

    computes = reports_noise = shows_rows = joins = True

    static: bool = param(True, "static noise layers")
    dynamic: bool = param(True, "dynamic noise layers")
    low_count: bool = param(True, "low-count suppression")
    noisy_threshold: bool = param(True, "a low-count threshold drawn for each set of users, else 4 for all (§5.3)")
    flatten: bool = param(True, "flattening of the largest contributions")
    snap: bool = param(True, "snapped alignment of ranges")
    float: bool = param(True, "seeding of unclear equalities by the values that the rows really have")
    like_layers: bool = param(True, "noise layers of LIKE's wildcards")
    max_discontinuous: int = param(2, "functions with jumps allowed in one expression", unit="functions", low=0)
    clear_only: bool = param(False, "every condition must be clear, equalities too")
    shrink_and_drop: bool = param(True, "dropping of the few users who lie apart at the ends of a range")
    round: bool = param(False, "counts rounded to whole numbers")
    group: int = param(1, "users who move together: noise is so many times as large (§4)", unit="users", low=1)
    time: str | None = param(None, "column with the time of each row, of which every query names a range (§4)")

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        limits = {"clear_only": self.clear_only, "max_discontinuous": self.max_discontinuous, "time": self.time}
        if (refused := refusal(query, **limits)) is not None:
            return refused
        if isinstance(found := aligned(query, self.snap), Refused):
            return found
        query, notices = found
        layers = layers_of(query, self._rules)
        fewest = birch.LOW_COUNT_FLOOR if self.low_count else 0
        floated, spans = (floated_of(layers, of) for of in ("values", "span"))
        largest = birch.THRESHOLD_MEAN + birch.THRESHOLD_DEVIATIONS * birch.THRESHOLD_SD * math.sqrt(len(layers))
        return Plan(
            query,
            users=True,
            uid_xor=True,
            floated=floated,
            spans=spans,
            top=2 * math.ceil(largest),
            fewest=fewest,
            notices=notices,
            **(asked_of(query) if self.shrink_and_drop else {}),
        )

    def refine(self, buckets: Buckets) -> Refining:
        return (yield from shrunk(buckets)) if self.shrink_and_drop else buckets

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        if self.low_count:
            buckets = buckets.keep(buckets.users >= thresholds(buckets, "low-count", noisy=self.noisy_threshold))
        values = buckets.values.copy()
        for rows in pieces(buckets, self._rules):
            part = buckets.keep(rows)
            noise = Noise(self._seeds(part), part, self.group)
            values[rows] = noisy_values(part, noise, flatten=self.flatten, rounded=self.round)
        return buckets.with_values(values)

    def skip(self, schema: Schema) -> str | None:
        times = [column.name for column in schema.columns if column.kind.is_time]
        if self.time is not None and self.time not in times:
            known = f"these are {', '.join(times)}" if times else "there is none"
            return f"{self.time} is no column of dates or times ({known})"
        return None

    def explain(self, buckets: Buckets) -> dict[str, Rows]:
        least = thresholds(buckets, "low-count", noisy=self.noisy_threshold)
        return explained(buckets, self._seeds(buckets), least, self.low_count, self._rules)

    @property
    def _rules(self) -> Rules:
        return Rules(self.static, self.dynamic, self.float, self.like_layers)

    def _seeds(self, buckets: Buckets) -> Seeds:
        return seeds_of(buckets, self._rules)
