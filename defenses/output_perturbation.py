"""Fresh noise on every answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plugin import Defense, param
from harness.sql import Buckets

SCALES = {"multiply": 0.2, "add": 10.0, "gaussian": 5.0, "lie": 1.0}


@dataclass(frozen=True, kw_only=True)
class output_perturbation(Defense):
    """Fresh noise on every answer, drawn anew however often the same is asked.

    1. Compute the exact answer x.
    2. Draw, and answer
       multiply   x · (1 + U(−scale, scale))       [scale 0.2]
       add        x + U(−scale, scale)              [scale 10]
       gaussian   x + N(0, scale²)                  [scale 5]
       lie        with probability p a made-up number, x · (1 + U(−scale, scale)), else x   [p 0.1, scale 1]
    3. An answer that is NULL stays NULL, and the rows that an answer has are not changed.

    Source: Nielson's dissertation, output perturbation. It says of the lie only that a number is made up; here it is
    drawn around the truth, so that a lie cannot be told by its size alone. Left out is Beck's answer from the wrong
    record: a count holds no record's value, and a sum or average over values of other records is one over swapped data,
    which is a change of the table and not of the answer. The dissertation drops it too, since nobody knows which values
    can stand for one another.
    """

    kind: str = param("multiply", "the noise", choices=tuple(SCALES))
    scale: float | None = param(
        None,
        "size of the noise; null takes the default of the kind",
        unit="share of the answer, or the answer's",
        low=0,
    )
    p: float = param(0.1, "probability of a lie", low=0, high=1)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        scale = SCALES[self.kind] if self.scale is None else self.scale
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
