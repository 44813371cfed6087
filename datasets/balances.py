"""Accounts of a bank's branches, all in the red but for one customer of each: what ranges are good for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

RATINGS = ("A", "B", "C", "D", "E")
DEBTS, SAVINGS = (10, 900), (200, 900)  # from, to


@dataclass(frozen=True, kw_only=True)
class balances(Dataset):
    """Accounts of a bank's branches, all in the red but for one customer of each: what ranges are good for.

    1. In every branch `others` customers owe from 10 to 900, all sums equally likely, and one saver has 200 to 900.
    2. Zero lies between them, and is a bound of aligned ranges of every width: there is no end of ranges that hold a
       branch with its saver, nor of those that hold it without.
    3. The rating, A to E, all equally likely, is the secret; nothing tells anything of it. Everything is drawn anew in
       every trial.

    Source: made for the first example of the thread on shrink-and-drop, a user who is alone beyond a bound.
    """

    branches: int = param(25, "branches, each with one saver", low=1, high=100_000)
    others: int = param(160, "customers of a branch in the red", unit="users", low=1)

    licence = "MIT (generated here)"
    source = "generated, after the first example of the thread on shrink-and-drop"

    def load(self, rng: np.random.Generator) -> Table:
        each = self.others + 1
        n = self.branches * each
        saver = np.arange(n) % each == 0
        owed = -rng.integers(DEBTS[0], DEBTS[1] + 1, n)
        frame = pd.DataFrame(
            {
                "uid": rng.permutation(n) + 1,
                "branch": np.repeat([f"Branch {i:02d}" for i in range(1, self.branches + 1)], each),
                "balance": np.where(saver, rng.integers(SAVINGS[0], SAVINGS[1] + 1, n), owed),
                "rating": np.array(RATINGS, dtype=object)[rng.integers(len(RATINGS), size=n)],
            }
        )
        return Table(SCHEMA, frame.sort_values("uid", ignore_index=True))


SCHEMA = Schema(
    table="balances",
    columns=(
        Column("uid", Kind.INTEGER, "a shuffled number"),
        Column("branch", Kind.TEXT),
        Column("balance", Kind.INTEGER, "below 0 but for one customer of a branch"),
        Column("rating", Kind.TEXT, "the secret: A to E"),
    ),
    uid="uid",
    secrets=("rating",),
    quasi_identifiers=("branch",),
)
