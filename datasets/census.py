"""The UCI Adult census extract: 48,842 persons of the US Current Population Survey of 1994."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from datasets.frames import read_parquet
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset

FILE = Path(__file__).parent / "data" / "census.parquet"

_INTEGER, _TEXT = Kind.INTEGER, Kind.TEXT

SCHEMA = Schema(
    table="census",
    columns=(
        Column("uid", _INTEGER, "a shuffled number"),
        Column("age", _INTEGER, "years"),
        Column("workclass", _TEXT),
        Column("fnlwgt", _INTEGER, "persons that the record stands for"),
        Column("education", _TEXT),
        Column("education_num", _INTEGER, "education as a rank from 1 to 16"),
        Column("marital_status", _TEXT),
        Column("occupation", _TEXT),
        Column("relationship", _TEXT),
        Column("race", _TEXT),
        Column("sex", _TEXT),
        Column("capital_gain", _INTEGER, "dollars"),
        Column("capital_loss", _INTEGER, "dollars"),
        Column("hours_per_week", _INTEGER, "hours"),
        Column("native_country", _TEXT),
        Column("income", _TEXT, "at most or more than 50,000 dollars a year"),
    ),
    uid="uid",
    secrets=(
        "occupation", "age", "workclass", "education", "education_num", "marital_status", "relationship", "race",
        "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income",
    ),
    quasi_identifiers=("age", "hours_per_week"),
    same=(("education", "education_num"),),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class census(Dataset):
    """The UCI Adult census extract: 48,842 persons of the US Current Population Survey of 1994.

    1. Both parts of the published data, raw: ages in years, `?` as NULL, the test part's trailing dots removed.
    2. Every row is a user; uid is a number dealt out at random when the file was made.
    3. The same rows in every trial; `datasets/data/census.md` tells where they come from and how to rebuild them.

    Source: Becker and Kohavi, Adult, UCI Machine Learning Repository (1996), doi 10.24432/C5XW20.
    """

    random = False
    licence = "CC BY 4.0"
    source = "UCI Adult, doi 10.24432/C5XW20"

    def load(self, rng: np.random.Generator) -> Table:
        return _table()

    def files(self) -> tuple[str, ...]:
        return (str(FILE),)


@cache
def _table() -> Table:
    return Table(SCHEMA, read_parquet(FILE)[list(SCHEMA.names)])
