"""A made-up bank: customers, what they pay and receive, and the branches that they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Derived, Kind, Schema, Table
from harness.plugin import Dataset, param

CUSTOMERS_PER_BRANCH = 200
JOBS = ("clerk", "teacher", "nurse", "driver", "engineer", "farmer", "student", "retired", "lawyer", "none")
RATINGS = ("E", "D", "C", "B", "A")
REGIONS = ("north", "east", "south", "west")
PURPOSES = ("card", "cash", "transfer", "rent", "wage")
FIRST_DAY, DAYS = np.datetime64("2023-01-01", "us"), 365


@dataclass(frozen=True, kw_only=True)
class bank(Dataset):
    """A made-up bank: customers, what they pay and receive, and the branches that they belong to.

    1. `customers`, the table of the secrets: one row a user, about 200 to a branch, so that most branches have some
       person who is the only one of an age. Income is lognormal; the rating is a fifth of all incomes.
    2. `transactions`: several rows a user, about eight, for some none; one user in five hundred makes fifty times as
       many. Amounts are lognormal, and one in a thousand is a thousand times as large.
    3. `branches`: its rows are not of users; customers name theirs.
    4. Everything is drawn anew in every trial.

    Source: made up here, for queries that join (Diffix-Birch, Appendix A).
    """

    size: int = param(4_000, "number of customers", unit="rows", low=20, high=5_000_000)

    licence = "MIT (generated here)"
    source = "generated, for queries that join tables"

    def load(self, rng: np.random.Generator) -> Table:
        branches = _branches(rng, max(2, round(self.size / CUSTOMERS_PER_BRANCH)))
        customers, bands = _customers(rng, self.size, branches["branch"].to_numpy())
        transactions = _transactions(rng, customers["uid"].to_numpy())
        others = (Table(TRANSACTIONS, transactions), Table(BRANCHES, branches))
        return Table(_schema(bands), customers, others=others).with_frame(customers)


def _branches(rng: np.random.Generator, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "branch": np.array([f"B{i:04d}" for i in range(1, n + 1)], dtype=object),
            "region": np.array(REGIONS, dtype=object)[rng.integers(len(REGIONS), size=n)],
            "staff": rng.integers(2, 40, size=n),
        }
    )


def _customers(rng: np.random.Generator, n: int, branches: np.ndarray) -> tuple[pd.DataFrame, Derived]:
    """The customers by uid, without their rating, and how that follows from their income."""
    age = np.clip(np.round(rng.gamma(7.0, 6.5, n)), 18, 99).astype(np.int64)
    income = np.round(np.exp(rng.normal(10.4, 0.5, n)), -1).astype(np.int64)
    edges = np.round(np.quantile(income, [0.2, 0.4, 0.6, 0.8]), -2)
    frame = pd.DataFrame(
        {
            "uid": np.sort(rng.permutation(np.arange(10 * n, dtype=np.int64))[:n]) + 100_000,
            "branch": branches[rng.integers(len(branches), size=n)],
            "gender": np.where(rng.random(n) < 0.5, "F", "M").astype(object),
            "age": age,
            "job": np.array(JOBS, dtype=object)[rng.integers(len(JOBS), size=n)],
            "income": income,
            "defaulted": rng.random(n) < 0.06,
        }
    )
    return frame, Derived("rating", "income", tuple(float(edge) for edge in edges), RATINGS)


def _transactions(rng: np.random.Generator, users: np.ndarray) -> pd.DataFrame:
    n = len(users)
    many = np.where(rng.random(n) < 0.002, 50, 1)
    user = np.repeat(users, rng.poisson(rng.gamma(2.0, 4.0, n)) * many)
    m = len(user)
    amount = np.exp(rng.normal(3.5, 1.0, m)) * np.where(rng.random(m) < 0.001, 1_000, 1)
    purpose = rng.integers(len(PURPOSES), size=m)
    sign = np.where(np.array(PURPOSES)[purpose] == "wage", 1, -1)
    return pd.DataFrame(
        {
            "uid": user,
            "purpose": np.array(PURPOSES, dtype=object)[purpose],
            "amount": np.round(amount, 2) * sign,
            "day": FIRST_DAY + rng.integers(DAYS, size=m).astype("timedelta64[D]"),
        }
    )


TRANSACTIONS = Schema(
    table="transactions",
    columns=(
        Column("uid", Kind.INTEGER, "the customer"),
        Column("purpose", Kind.TEXT),
        Column("amount", Kind.REAL, "dollars, below 0 what is paid"),
        Column("day", Kind.DATE),
    ),
    uid="uid",
)
BRANCHES = Schema(
    "branches",
    (Column("branch", Kind.TEXT), Column("region", Kind.TEXT), Column("staff", Kind.INTEGER, "persons")),
    uid="",
)


def _schema(rating: Derived) -> Schema:
    return Schema(
        table="customers",
        columns=(
            Column("uid", Kind.INTEGER, "a random number"),
            Column("branch", Kind.TEXT),
            Column("gender", Kind.TEXT, "F or M"),
            Column("age", Kind.INTEGER, "years"),
            Column("job", Kind.TEXT),
            Column("income", Kind.INTEGER, "dollars a year"),
            Column("rating", Kind.TEXT, "fifth of the incomes, A the highest"),
            Column("defaulted", Kind.BOOLEAN),
        ),
        uid="uid",
        secrets=("rating", "income", "defaulted"),
        quasi_identifiers=("branch", "gender", "age"),
        derived=(rating,),
        others=(TRANSACTIONS, BRANCHES),
    )
