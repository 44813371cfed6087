"""People with the last names of the United States, as frequent as the census of 1990 found them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.frames import read_parquet
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

FILE = Path(__file__).parent / "data" / "surnames.parquet"
LISTED = 90_483  # the people whose name is in the list, in thousandths of a percent of all
CONDITIONS = np.array(["C1", "C2", "C3", "C4", "C5"], dtype=object)


@dataclass(frozen=True, kw_only=True)
class surnames(Dataset):
    """People with the last names of the United States, as frequent as the census of 1990 found them.

    1. Each person has a last name drawn by its frequency among the 88,799 of the list. Frequencies are published to a
       thousandth of a percent; the names below half of that share what the others leave of the 90.483 % of people whom
       the list covers, equally. The 9.517 % with other names are left out.
    2. A gender, both equally likely, and a medical condition, all five equally likely. Neither tells anything of the
       name. One row a user.
    3. Everything is drawn anew in every trial; `datasets/data/surnames.md` tells where the list comes from.

    Source: the example of Diffix-Birch §6.11 (Figure 17); list: US Census Bureau, 1990.
    """

    size: int = param(20_000, "number of people", unit="rows", low=20, high=20_000_000)

    licence = "public domain (US government work)"
    source = "US Census Bureau, frequently occurring surnames from Census 1990, by the package names 0.3.0"

    def load(self, rng: np.random.Generator) -> Table:
        n = self.size
        names, share = _list()
        frame = pd.DataFrame(
            {
                "uid": np.arange(1, n + 1),
                "surname": names[rng.choice(len(names), size=n, p=share)],
                "gender": np.array(["F", "M"], dtype=object)[rng.integers(2, size=n)],
                "condition": CONDITIONS[rng.integers(len(CONDITIONS), size=n)],
            }
        )
        return Table(SCHEMA, frame)

    def files(self) -> tuple[str, ...]:
        return (str(FILE),)


SCHEMA = Schema(
    table="surnames",
    columns=(
        Column("uid", Kind.INTEGER, "from 1 on; it tells nothing"),
        Column("surname", Kind.TEXT, "in capitals, without blanks and apostrophes"),
        Column("gender", Kind.TEXT, "F or M"),
        Column("condition", Kind.TEXT, "C1 to C5"),
    ),
    uid="uid",
    secrets=("condition", "gender"),
    quasi_identifiers=("surname",),
)


@cache
def _list() -> tuple[np.ndarray, np.ndarray]:
    """The names and the probability of each, (88799,) both."""
    listed = read_parquet(FILE)
    share = listed["share"].to_numpy(dtype=float)
    share[share == 0] = (LISTED - share.sum()) / (share == 0).sum()
    return listed["name"].to_numpy(dtype=object), share / share.sum()
