"""Amounts without any pattern, at any size: the databases of Nielson's simulations as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

REGIONS = np.array([f"R{i:02d}" for i in range(1, 21)], dtype=object)
LOW, HIGH = 50.0, 150.0


@dataclass(frozen=True, kw_only=True)
class uniform(Dataset):
    """Amounts without any pattern, at any size: the databases of Nielson's simulations as a table.

    1. One row a user, with an amount U(50, 150).
    2. A region, all 20 equally likely, and an age from 18 to 89, all equally likely: what outsiders know.
    3. The columns tell nothing of one another, and everything is drawn anew in every trial. Ten million rows take
       seconds.

    Source: the amounts are those of Nielson's dissertation, Appendix 2, whose databases have no other column.
    """

    size: int = param(1_000, "number of users", unit="rows", low=1, high=100_000_000)

    licence = "MIT (generated here)"
    source = "generated, after the simulations of Nielson's dissertation"

    def load(self, rng: np.random.Generator) -> Table:
        n = self.size
        frame = pd.DataFrame(
            {
                "uid": np.arange(1, n + 1),
                "region": REGIONS[rng.integers(len(REGIONS), size=n)],
                "age": rng.integers(18, 90, size=n),
                "amount": rng.uniform(LOW, HIGH, n),
            }
        )
        return Table(SCHEMA, frame)


SCHEMA = Schema(
    table="uniform",
    columns=(
        Column("uid", Kind.INTEGER, "from 1 on; it tells nothing"),
        Column("region", Kind.TEXT),
        Column("age", Kind.INTEGER, "years"),
        Column("amount", Kind.REAL),
    ),
    uid="uid",
    secrets=("amount",),
    quasi_identifiers=("region", "age"),
)
