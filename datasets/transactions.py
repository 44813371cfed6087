"""What customers pay and receive: many rows a user, some users with very many, some amounts very large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Derived, Kind, Schema, Table
from harness.plugin import Dataset, param

USERS_PER_REGION = 200
RATINGS = ("E", "D", "C", "B", "A")
PURPOSES = np.array(["card", "cash", "rent", "transfer", "wage"], dtype=object)
FIRST_DAY, DAYS = np.datetime64("2024-01-01", "us"), 366
BUSY, TIMES_BUSY = 0.005, 30  # share of users with so many times the rows
RICH, TIMES_RICH = 0.005, 100  # share of users all of whose amounts are so many times as large
SLIPS, TIMES_SLIP = 0.0005, 1_000  # the same of single rows


@dataclass(frozen=True, kw_only=True)
class transactions(Dataset):
    """What customers pay and receive: many rows a user, some users with very many, some amounts very large.

    1. Users have a region (about 200 users each, so that most regions have somebody who is the only one of an age), a
       gender, an age and an income, the same in all of their rows. The rating is a fifth of all incomes; one user in
       twelve has defaulted.
    2. Each user has one row and a Poisson number more, whose mean varies from user to user (gamma of shape 2), `rows`
       on average; one in 200 users has 30 times as many.
    3. Amounts are lognormal and go with the square root of the income. Outliers: one in 200 users has 100 times as
       large ones, and one row in 2,000 is 1,000 times as large. Wages come in, all else goes out (below 0).
    4. Nothing else tells a rating or a default. Everything is drawn anew in every trial.

    Source: made up here, for the rules about users with many rows and extreme amounts (Diffix-Birch §5.5, §6).
    """

    size: int = param(4_000, "number of users", unit="users", low=20, high=5_000_000)
    rows: float = param(8.0, "rows of a usual user, on average", unit="rows", low=1, high=10_000)

    licence = "MIT (generated here)"
    source = "generated, many rows a user with heavy outliers"

    def load(self, rng: np.random.Generator) -> Table:
        n = self.size
        regions = _names(max(2, round(n / USERS_PER_REGION)))
        income = np.round(np.exp(rng.normal(10.4, 0.5, n)), -1).astype(np.int64)
        edges = np.round(np.quantile(income, [0.2, 0.4, 0.6, 0.8]), -2)
        scale = np.sqrt(income / 30_000) * np.where(rng.random(n) < RICH, TIMES_RICH, 1)
        users = {
            "uid": np.sort(rng.permutation(np.arange(10 * n, dtype=np.int64))[:n]) + 100_000,
            "region": regions[rng.integers(len(regions), size=n)],
            "gender": np.where(rng.random(n) < 0.5, "F", "M").astype(object),
            "age": np.clip(np.round(rng.gamma(7.0, 6.5, n)), 18, 99).astype(np.int64),
            "income": income,
            "defaulted": rng.random(n) < 1 / 12,
        }
        mean = rng.gamma(2.0, (self.rows - 1) / 2, n) * np.where(rng.random(n) < BUSY, TIMES_BUSY, 1)
        of = np.repeat(np.arange(n), 1 + rng.poisson(mean))
        m = len(of)
        purpose = PURPOSES[rng.integers(len(PURPOSES), size=m)]
        amount = np.exp(rng.normal(3.5, 1.0, m)) * scale[of] * np.where(rng.random(m) < SLIPS, TIMES_SLIP, 1)
        frame = pd.DataFrame(
            {
                **{name: values[of] for name, values in users.items()},
                "purpose": purpose,
                "amount": np.round(amount, 2) * np.where(purpose == "wage", 1, -1),
                "day": FIRST_DAY + rng.integers(DAYS, size=m).astype("timedelta64[D]"),
            }
        )
        rating = Derived("rating", "income", tuple(float(edge) for edge in edges), RATINGS)
        return Table(_schema(rating), frame).with_frame(frame)


def _names(count: int) -> np.ndarray:
    return np.array([f"R{i:04d}" for i in range(1, count + 1)], dtype=object)


def _schema(rating: Derived) -> Schema:
    return Schema(
        table="transactions",
        columns=(
            Column("uid", Kind.INTEGER, "the customer"),
            Column("region", Kind.TEXT),
            Column("gender", Kind.TEXT, "F or M"),
            Column("age", Kind.INTEGER, "years"),
            Column("income", Kind.INTEGER, "dollars a year"),
            Column("rating", Kind.TEXT, "fifth of the incomes, E the lowest"),
            Column("defaulted", Kind.BOOLEAN),
            Column("purpose", Kind.TEXT),
            Column("amount", Kind.REAL, "dollars, below 0 what is paid"),
            Column("day", Kind.DATE),
        ),
        uid="uid",
        secrets=("rating", "income", "defaulted"),
        quasi_identifiers=("region", "age", "gender"),
        derived=(rating,),
    )
