"""A made-up company's staff table, the running example of the sources, with natural isolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Derived, Kind, Schema, Table
from harness.plugin import Dataset, param

BANDS = tuple(f"B{i:02d}" for i in range(1, 11))
DEPARTMENTS = (
    "CS", "Sales", "Law", "Design", "Finance", "Support", "Physics", "Marketing", "Logistics", "Security", "Quality",
    "Purchasing", "Research", "Training", "Facilities", "Press", "Medicine", "Export", "Archive", "Transport",
)  # fmt: skip
LAST_NAMES = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodriguez", "Martinez", "Lopez",
    "Wilson", "Anderson", "Thomas", "Taylor", "Moore", "Jackson", "Martin", "Lee", "Perez", "Thompson", "White",
    "Harris", "Sanchez", "Clark", "Ramirez", "Lewis", "Robinson", "Walker", "Young", "Allen", "King", "Wright",
    "Scott", "Torres", "Nguyen", "Hill", "Flores", "Green", "Adams", "Nelson", "Baker", "Hall", "Rivera", "Campbell",
    "Mitchell", "Carter", "Roberts", "Murry", "McMurry", "O'Brien", "Müller", "Ng", "Abara", "Kowalski",
)  # fmt: skip
STAFF_PER_DEPARTMENT = 200


@dataclass(frozen=True, kw_only=True)
class employees(Dataset):
    """A made-up company's staff table, the running example of the sources, with natural isolation.

    1. Departments of about 200 persons. Three in ten have exactly one woman, one in ten exactly one man; in every
       department some persons are the only one of their age.
    2. Salaries are lognormal, rise a little with age, and hardly differ between departments; the salary band is the
       tenth of all salaries that a salary falls in, by edges rounded to 100.
    3. One row a user; uids are random. Everything is drawn anew in every trial.

    Source: the examples of the Diffix-Birch paper (§2, §5) and of Nielson's dissertation (§4).
    """

    size: int = param(4_000, "number of employees", unit="rows", low=20, high=20_000_000)

    licence = "MIT (generated here)"
    source = "generated, after the running example of the Diffix-Birch paper"

    def load(self, rng: np.random.Generator) -> Table:
        n = self.size
        department, gender = _departments(rng, n)
        age = np.clip(np.round(rng.normal(42.0, 12.0, n)), 18, 75).astype(np.int64)
        salary = np.round(np.exp(rng.normal(10.9, 0.4, n)) * (1.0 + 0.004 * (age - 42)))
        edges = np.round(np.quantile(salary, np.linspace(0.1, 0.9, 9)), -2)
        served = (rng.random(n) * (age - 17) * 365).astype(np.int64)
        frame = pd.DataFrame(
            {
                "uid": rng.permutation(np.arange(10 * n, dtype=np.int64))[:n] + 100_000,
                "department": department,
                "gender": gender,
                "age": age,
                "zip": _zipf(rng, np.array([f"{10_000 + 137 * i:05d}" for i in range(60)], dtype=object), n),
                "last_name": _zipf(rng, np.array(LAST_NAMES, dtype=object), n),
                "salary": salary.astype(np.int64),
                "disciplinary_warning": rng.random(n) < 0.08,
                "hire_date": np.datetime64("2024-01-01", "us") - served.astype("timedelta64[D]"),
            }
        )
        band = Derived("salary_band", "salary", tuple(float(edge) for edge in edges), BANDS)
        return Table(_schema(band), frame).with_frame(frame.sort_values("uid", ignore_index=True))


def _schema(band: Derived) -> Schema:
    return Schema(
        table="employees",
        columns=(
            Column("uid", Kind.INTEGER, "a random number"),
            Column("department", Kind.TEXT),
            Column("gender", Kind.TEXT, "F or M"),
            Column("age", Kind.INTEGER, "years"),
            Column("zip", Kind.TEXT),
            Column("last_name", Kind.TEXT),
            Column("salary", Kind.INTEGER, "dollars a year"),
            Column("salary_band", Kind.TEXT, "tenth of the salaries, B01 the lowest"),
            Column("disciplinary_warning", Kind.BOOLEAN),
            Column("hire_date", Kind.DATE),
        ),
        uid="uid",
        secrets=("salary_band", "salary", "disciplinary_warning", "zip"),
        quasi_identifiers=("department", "gender", "age"),
        derived=(band,),
    )


def _departments(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Department and gender of each person, shape (n,) both."""
    count = max(2, round(n / STAFF_PER_DEPARTMENT))
    names = np.array([DEPARTMENTS[i] if i < len(DEPARTMENTS) else f"Branch {i}" for i in range(count)], dtype=object)
    which = rng.integers(count, size=n)
    kind = rng.permutation(np.arange(count) % 10)
    share_of_women = np.where(kind < 3, 0.0, np.where(kind == 3, 1.0, rng.uniform(0.25, 0.75, count)))
    is_woman = rng.random(n) < share_of_women[which]
    order = np.argsort(which, kind="stable")
    members, first = np.unique(which[order], return_index=True)
    lonely = kind[members] <= 3
    is_woman[order[first[lonely]]] = kind[members[lonely]] < 3
    return names[which], np.where(is_woman, "F", "M").astype(object)


def _zipf(rng: np.random.Generator, values: np.ndarray, n: int) -> np.ndarray:
    """n draws from the values, the i-th with a weight of 1/(i + 1)."""
    weights = 1.0 / np.arange(1, len(values) + 1)
    return values[rng.choice(len(values), size=n, p=weights / weights.sum())]
