"""Fresh noise on every answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.model import Refused
from harness.plugin import Defense, Log, param
from harness.seeds import seed64
from harness.sql import Buckets, Plan, Query
from harness.sql.plan import Sample

SCALES = {"multiply": 0.2, "add": 10.0, "gaussian": 5.0, "lie": 1.0}


@dataclass(frozen=True, kw_only=True)
class output_perturbation(Defense):
    """Fresh noise on every answer, drawn anew however often the same is asked.

    1. Compute the exact answer x. Draw, and answer
       multiply   x · (1 + U(−scale, scale))       [scale 0.2]
       add        x + U(−scale, scale)              [scale 10]
       gaussian   x + N(0, scale²)                  [scale 5]
       lie        with probability p a made-up number, x · (1 + U(−scale, scale)), else x   [p 0.1, scale 1]
    2. Under `wrong-record` put the records in a random order instead, one for each query. With probability p a record
       of the query set is aggregated with the values, NULL included, of the record after it, the last with those of
       the first. Conditions, groups and the uid are its own, so count(*) and count(uid) are exact.
    3. An answer that is NULL stays NULL, and the rows that an answer has are not changed.

    Source: Nielson's dissertation, output perturbation. It says of the lie only that a number is made up; here it is
    drawn around the truth, so that a lie cannot be told by its size alone. `wrong-record` it ascribes to Beck 1980 and
    rejects, since nobody knows which values can stand for one another; it does not say whose record is taken, or how
    often. Here it is anybody's, with the p of a lie: sums and averages lean by that share to those of all records.
    """

    kind: str = param("multiply", "the noise", choices=(*SCALES, "wrong-record"))
    scale: float | None = param(
        None,
        "size of the noise; null takes the default of the kind",
        unit="share of the answer, or the answer's",
        low=0,
    )
    p: float = param(0.1, "probability of a lie, or that a record answers with another's values", low=0, high=1)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if self.kind != "wrong-record":
            return Plan(query)
        return Plan(query, astray=Sample(self.p, seed64("wrong-record", len(log.queries), key=log.nonce), once=True))

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        scale = SCALES.get(self.kind, 0.0) if self.scale is None else self.scale
        x = buckets.values
        match self.kind:
            case "multiply":
                x = x * (1.0 + buckets.draw(lambda n: rng.uniform(-scale, scale, n)))
            case "add":
                x = x + buckets.draw(lambda n: rng.uniform(-scale, scale, n))
            case "gaussian":
                x = x + buckets.draw(lambda n: scale * rng.standard_normal(n))
            case "lie":
                x = x * (1.0 + buckets.draw(lambda n: self._lies(n, scale, rng)))
        return buckets.with_values(x)

    def _lies(self, n: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
        chance, size = rng.random((n, 2)).T
        return np.where(chance < self.p, scale * (2.0 * size - 1.0), 0.0)

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        if self.kind != "wrong-record":
            return None
        if any(isinstance(part, output_perturbation) and part.kind == self.kind for part in before):
            return "a record answers with the values of one other; give one part the probability of both."
        if any(part.label() in ("diffix", "laplace") for part in (*before, *after)):
            return "who has the value that a record answers with decides on the noise of diffix and the ε of laplace."
        return None
