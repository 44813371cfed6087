"""Made-up numbers of the same distribution, swapped in by rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from defenses.distributions import CANDIDATES, Distribution, fitted
from defenses.perturbation import by_rank, perturbed, reason_to_skip
from harness.model import Schema, Table
from harness.plugin import Defense, param


@dataclass(frozen=True, kw_only=True)
class liew(Defense):
    """Made-up numbers of the same distribution, swapped in by rank.

    1. Take every column of numbers but the uid (or `columns`). Fit normal, lognormal, uniform and gamma to its mean and
       standard deviation, on at most 10⁵ values; take the one nearest to the data (Kolmogorov-Smirnov), or the
       empirical distribution where none is near.
    2. Draw as many numbers from it as the column has.
    3. Give the smallest number to the row that had the smallest, and so on; equal values rank in the order of the rows.
       NULL stays NULL, whole numbers are rounded, derived columns are computed anew.

    Which distribution was taken is shown by `query --explain`. A column that the `distribution` named cannot describe
    (without spread, or not all positive for lognormal and gamma) takes the empirical one.

    Source: Liew, Choi, Liew 1985; Nielson's dissertation, Liew perturbation. The paper identifies the density
    function, as `fit` does; the dissertation's text asks for mean and standard deviation only, which
    `distribution=normal` is; its program draws from the distribution that the data was itself drawn from, as
    `snoopbench fitness` does.
    """

    distribution: str = param("fit", "what is drawn from", choices=("fit", *CANDIDATES, "empirical"))
    columns: tuple[str, ...] = param((), "the columns to perturb; none named: all numbers but the uid")

    def skip(self, schema: Schema) -> str | None:
        return reason_to_skip(schema, self.columns)

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        taken: dict[str, Distribution] = {}

        def change(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
            if not len(values):
                return values
            taken[name] = fitted(values, rng, self.distribution)
            return by_rank(values, taken[name].draw(rng, values.shape))

        made = perturbed(table, self.columns, change)
        rows = [
            {"column": name, "distribution": one.name, "mean": one.mean, "sd": one.sd, "distance": one.distance}
            for name, one in taken.items()
        ]
        return replace(made, made={**made.made, "distributions": rows})
