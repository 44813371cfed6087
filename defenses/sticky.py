"""The same noise for the same query, and no layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defenses.keyed import cell_words
from harness.plugin import Defense, param
from harness.seeds import gaussian
from harness.sql import Buckets


@dataclass(frozen=True, kw_only=True)
class sticky(Defense):
    """The same noise for the same query, and no layers: repeating a query teaches nothing, rewording it does.

    1. Seed one Gaussian sample per answer from the salt, the text of the query, the bucket's keys and the column.
    2. Answer x + N(0, scale²).

    The text is taken in one canonical spelling (names quoted, keywords upper-case, ORDER BY and LIMIT left out), so
    that white space and letter case are no new query.

    Source: Diffix-Birch §2, after Denning 1980 and Beck 1980. By the dissertation's account Beck hashes the query and
    tunes the error by a constant multiplier, which is `scale` here; in Denning's the formula picks the records that are
    counted, which is `random-sampling:sticky=true`.
    """

    scale: float = param(2.0, "standard deviation of the noise", unit="users, or the unit of the answer", low=0)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        noise = gaussian(cell_words(buckets, "sticky"))
        return buckets.with_values(buckets.values + self.scale * noise)
