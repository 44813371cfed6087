"""Shared pieces: tiny tables, trials without a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from harness.model import Column, Kind, Schema, Table
from harness.plan import Benchmark, Task
from harness.trial import Judged, attack_once

# A busy machine is no failure; the examples are the same in every run.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

SCHEMA = Schema(
    table="staff",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("dept", Kind.TEXT),
        Column("gender", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("salary", Kind.INTEGER),
    ),
    uid="uid",
    secrets=("salary", "dept"),
    quasi_identifiers=("dept", "gender"),
)


@pytest.fixture
def staff() -> Table:
    """Twelve people in two departments; CS has exactly one woman, uid 6."""
    frame = pd.DataFrame(
        {
            "uid": np.arange(1, 13),
            "dept": ["CS"] * 6 + ["Law"] * 6,
            "gender": ["M"] * 5 + ["F"] * 4 + ["M"] * 3,
            "age": [30, 31, 32, 33, 34, 35, 30, 31, 32, 33, 34, 35],
            "salary": [10, 20, 30, 40, 50, 90, 10, 20, 30, 40, 50, 60],
        }
    )
    return Table(SCHEMA, frame)


def judged(defense: str, attack: str, dataset: str = "employees", trial: int = 0, **counts: Any) -> Judged:
    """One trial up to its score, in this process."""
    benchmark = Benchmark.of(
        defense=defense, attack=attack, dataset=dataset, secret=counts.pop("secret", None), trials=trial + 1, **counts
    )
    return attack_once(Task(benchmark, trial, benchmark.keys()[trial]))


def kappas(defense: str, attack: str, trials: int, dataset: str = "employees", **counts: Any) -> np.ndarray:
    """κ_reach of each of the first trials, shape (trials,)."""
    found = []
    for trial in range(trials):
        result = judged(defense, attack, dataset, trial, **counts)
        result.close()
        found.append(result.score.kappa_reach)
    return np.array(found, dtype=float)
