"""Noise that goes by the analyst's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from defenses.keyed import cell_words
from harness.plugin import Defense, param
from harness.seeds import generator
from harness.sql import Buckets


@dataclass(frozen=True, kw_only=True)
class per_user_noise(Defense):
    """Noise that goes by the analyst's name: who asks again hears the same again, and somebody else something else.

    1. Take the name of the analyst whose session this is.
    2. Draw a number of U(−scale, scale) for each answer x:
       query      from name, text of the query and bucket: the same query has the same answer
       sequence   the next of one sequence that the name starts: the same queries in the same order have the same
                  answers, in every session of that name
    3. Answer x · (1 + the number). NULL stays NULL.

    Analysts who put their answers together have independent draws and average them away.

    Source: Nielson's dissertation, further studies. It seeds a sequence by a hash of the name and expects the same
    result for the same query, which holds of a sequence only when all is asked in the same order; `rule` chooses.
    It also foresees that an analyst works out the sequence: here the name is hashed with the secret salt.
    """

    rule: str = param("query", "what the noise hangs on beside the name", choices=("query", "sequence"))
    scale: float = param(0.2, "size of the noise", unit="share of the answer", low=0)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        if self.rule == "query":
            words = cell_words(buckets, "per-user-noise", buckets.analyst)
            uniform = (words >> np.uint64(11)) * 2.0**-53
        else:
            if self not in buckets.memory:
                buckets.memory[self] = generator("per-user-noise", buckets.salt, buckets.analyst)
            uniform = buckets.draw(buckets.memory[self].random)
        return buckets.with_values(buckets.values * (1.0 + self.scale * (2.0 * uniform - 1.0)))

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        if self in before:
            return "the same noise twice is one draw counted twice; double the scale."
        return None
