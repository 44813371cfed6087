"""Noise that is stored in the records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defenses.perturbation import perturbed, reason_to_skip, scaled, shifted
from harness.model import Schema, Table
from harness.plugin import Defense, param


@dataclass(frozen=True, kw_only=True)
class data_perturbation(Defense):
    """Noise that is stored in the records: every number of the table is changed once, and queries see that table.

    1. Take every column of numbers but the uid (or `columns`); NULL stays NULL.
    2. Replace each value x by
       multiply   x · (1 + U(−f, f))
       add        x + m · U(−f, f), m being the mean magnitude of the column
    3. Round the columns of whole numbers to the nearest one, and compute derived columns anew.

    Asking again gives the same answer, and in the difference of two answers the noise of all records but those that
    differ cancels. A whole number below 1/(2f) is rounded back to itself by `multiply`.

    Source: Nielson's dissertation, data perturbation (text, and the program of the main experiment: f = 0.2). Its other
    program, of the search for parameters, has f = 0.1. The size of what is added is not given there; here it is a share
    of the column's mean magnitude, so that one f suits columns of different units.
    """

    f: float = param(0.2, "half-width of the noise", unit="share of the value", low=0)
    kind: str = param("multiply", "how the noise acts", choices=("multiply", "add"))
    columns: tuple[str, ...] = param((), "the columns to perturb; none named: all numbers but the uid")

    def skip(self, schema: Schema) -> str | None:
        return reason_to_skip(schema, self.columns)

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        change = scaled if self.kind == "multiply" else shifted
        return perturbed(table, self.columns, lambda name, values: change(values, rng, self.f))
