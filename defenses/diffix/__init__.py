"""Diffix-Birch: sticky layered noise, low-count suppression, flattening."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from defenses.diffix import constants as birch
from defenses.diffix.counts import noisy_counts
from defenses.diffix.layers import Noise, layers_of, seeds_of
from defenses.diffix.restrictions import refusal
from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.seeds import digest, gaussian, mix
from harness.sql import Buckets, Plan, Query
from harness.sql.query import In


@dataclass(frozen=True, kw_only=True)
class diffix(Defense):
    """Diffix-Birch: each condition adds noise of its own, the same whenever the condition meets the same users.

    1. Take conditions joined by AND: =, <>, IN, NOT IN of plain columns; a GROUP BY column counts as the condition
       that it equals the bucket's value (§6.3).
    2. Seed noise layers: per condition a static one from salt, table, column, operator and value, and a dynamic one
       that also takes the XOR of the bucket's hashed uids (§5.1, §6.5, §6.6). IN has a static layer from the floated
       values and a dynamic one per element (§6.9); NOT IN is its inequalities (§6.10). Without conditions: one
       dynamic layer (§6.3). Equal layers of a bucket count once.
    3. Suppress buckets of fewer than 2 users, or fewer than a draw from N(4, 0.5) seeded by their uids (§5.3).
    4. Flatten: the T₁ largest contributions become the average A₂ of the next T₂ (§5.5.1); where nobody is left for
       the second group, the count is NULL.
    5. Add N_b · max(A₂/2, A_all), N_b the sum of the layers' unit Gaussians. Counts stay real numbers.

    Answers count(*), count(column) and count(distinct uid). Where every user has one row, count(*) is count(distinct
    uid): all contributions are 1, nothing is flattened or NULL.

    Source: Diffix-Birch §5, §6.3–§6.6, §6.9, §6.10. Seeds are keyed digests, not a XOR of public hashes with the
    salt: the paper's formula is for exposition, and a salt would cancel out of a XOR over an even set.
    """

    static: bool = param(True, "static noise layers")
    dynamic: bool = param(True, "dynamic noise layers")
    low_count: bool = param(True, "low-count suppression")
    flatten: bool = param(True, "flattening of the largest contributions")

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if (refused := refusal(query)) is not None:
            return refused
        layers = layers_of(query)
        floated = tuple(dict.fromkeys(c.on for c in query.conjuncts if isinstance(c, In) and not c.negated))
        largest = birch.THRESHOLD_MEAN + birch.THRESHOLD_DEVIATIONS * birch.THRESHOLD_SD * math.sqrt(len(layers))
        return Plan(query, users=True, uid_xor=True, floated=floated, top=2 * math.ceil(largest))

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        if self.low_count:
            buckets = buckets.keep(self._is_large_enough(buckets))
        noise = Noise(seeds_of(buckets, static=self.static, dynamic=self.dynamic), buckets)
        return buckets.with_values(noisy_counts(buckets, noise, flatten=self.flatten))

    def _is_large_enough(self, buckets: Buckets) -> np.ndarray:
        draw = gaussian(mix(digest("low-count", key=buckets.salt, size=16), buckets.uid_xor))
        threshold = birch.LOW_COUNT_MEAN + birch.LOW_COUNT_SD * draw
        return buckets.users >= np.maximum(threshold, birch.LOW_COUNT_FLOOR)
