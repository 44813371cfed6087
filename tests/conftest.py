"""Shared pieces: tiny tables, trials without a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from harness import registry
from harness.model import Column, Kind, Schema, Table
from harness.plan import Benchmark, Task
from harness.record import SIZES, SizeClass, TrialRecord, Utility
from harness.score import TrialScore
from harness.store import Store
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


def keep(
    results: object, defense: str, attack: str, correct: Sequence[int | None], *, version: str = "",
    error: float | None = 0.1, queries: int = 0, **counts: Any,
) -> None:  # fmt: skip
    """Store a benchmark that never ran: in trial t `correct[t]` of 20 claims were right against a baseline of 0, so
    κ_reach = correct/20. None is a failed trial, -1 one without a claim."""
    names = {"dataset": "employees", "secret": "salary_band", **counts}
    specs = {name: getattr(registry, name)(spec)[1] for name, spec in
             (("defense", defense), ("attack", attack), ("dataset", names.pop("dataset")))}  # fmt: skip
    benchmark = Benchmark(**specs, **names)
    columns = benchmark.columns()
    columns["benchmark"] += version
    store = Store(str(results))
    for trial, right in enumerate(correct):
        score = TrialScore(20, 20 * (right != -1), max(right, 0), 0.0, 99, 20, 50, 100) if right is not None else None
        record = TrialRecord(
            f"{columns['benchmark']} {trial}",
            trial,
            error=None if score else "boom",
            score=score,
            queries=queries,
            utility=Utility(
                error, error, 0.0, 0.0, 400, 0, tuple(SizeClass(*size, 100, error, error, 0.0, 0.0) for size in SIZES)
            ),
        )
        store.add(columns, record)
