"""Reconstruction of databases from published statistics: files in, a result out (`snoopbench reconstruct`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import attacks.fitting
from attacks.fitting import (
    Budget,
    Domain,
    Found,
    Rounding,
    Statistic,
    agreement,
    cells_of,
    certain_records,
    conflict,
    find,
    proven,
)
from harness.errors import BenchmarkError
from harness.studies.published import read_domain, read_statistics, read_truth

FOLDER = Path(attacks.fitting.__file__).parent / "examples"
EXAMPLES = ("block", "smokers")
ENUMERATION = 2 / 3  # of the time; the rest is for what is certain all the same, or for the conflict


@dataclass(frozen=True)
class Problem:
    """What to solve: paths of files, how numbers were rounded, the count below which counts are suppressed, how far to
    go, and whether to say which statistics conflict."""

    statistics: str
    domain: str
    truth: str | None = None
    rounding: Rounding = "exact"
    suppression: int = 3
    solver: Literal["cp-sat", "z3"] = "cp-sat"
    limit: int | None = 1_000
    seconds: float = 60.0
    explain: bool = True

    def __post_init__(self) -> None:
        if self.suppression < 1:
            raise BenchmarkError(f"--suppression must be 1 (nothing) or more, not {self.suppression}.")
        if self.limit is not None and self.limit < 1:
            raise BenchmarkError(f"--limit must be 1 or more, not {self.limit}.")
        if not self.seconds > 0:
            raise BenchmarkError(f"--seconds must be more than 0, not {self.seconds:g}.")


def example(name: str) -> dict[str, str]:
    """The paths of a published example that comes with SnoopBench: statistics, domain and truth."""
    return {
        "statistics": str(FOLDER / f"{name}.csv"),
        "domain": str(FOLDER / f"{name}.toml"),
        "truth": str(FOLDER / f"{name}_truth.csv"),
    }


def reconstruct(problem: Problem) -> dict[str, Any]:
    """Every database that fits, or as many as asked for, as plain values. Raises UserError for what cannot be read."""
    persons = read_domain(problem.domain)
    statistics = read_statistics(problem.statistics, persons, problem.rounding, problem.suppression)
    truth = read_truth(problem.truth, persons) if problem.truth else None
    domain, budget = persons.domain, Budget(problem.seconds)
    found = find(domain, statistics, _wanted(problem), Budget(problem.seconds * ENUMERATION), problem.solver)
    seconds = found.seconds
    found, certain = _certain(domain, statistics, found, budget, problem)
    named: list[Statistic] = []
    minimal = True
    if problem.explain and found.complete and not found.databases:
        named, minimal = _conflict(domain, statistics, budget, problem)
    return {
        "solutions": len(found.databases),
        "complete": found.complete,
        "stopped": _stopped(problem, found),
        "certain": certain,
        "certain_persons": [_plain(domain, (kind,))[0] for kind in certain_records(found.databases)]
        if found.complete
        else None,
        "posterior": _posterior(domain, found),
        "columns": list(domain.columns),
        "databases": [_plain(domain, database) for database in found.databases],
        "conflict": [statistic.name for statistic in named],
        "conflict_minimal": minimal,
        "truth": None if truth is None else _beside(domain, found, truth),
        "statistics": len(statistics),
        "suppressed": sum(statistic.low != statistic.high for statistic in statistics),
        "rounding": problem.rounding,
        "solver": problem.solver,
        "seconds": round(seconds, 3),
        "seconds_total": round(budget.used, 3),
    }


def _conflict(
    domain: Domain, statistics: Sequence[Statistic], budget: Budget, problem: Problem
) -> tuple[list[Statistic], bool]:
    """Statistics that conflict, named by CP-SAT whichever solver found that they do; none where it is missing."""
    try:
        return conflict(domain, statistics, budget)
    except BenchmarkError:
        if problem.solver == "cp-sat":
            raise
        return [], False


def _wanted(problem: Problem) -> int:
    return problem.limit if problem.limit is not None else 10**9


def _stopped(problem: Problem, found: Found) -> str | None:
    """Which bound was reached, where there may be more databases."""
    if found.complete:
        return None
    return "limit" if len(found.databases) >= _wanted(problem) else "seconds"


def _certain(
    domain: Domain, statistics: Sequence[Statistic], found: Found, budget: Budget, problem: Problem
) -> tuple[Found, list[dict[str, Any]] | None]:
    """The cells that are the same in every database that fits, None where that is not known; and the databases with
    those that were found on the way to the proof."""
    known = found.complete
    if len({len(database) for database in found.databases}) > 1:  # cells of databases of other sizes do not compare
        return found, None
    if not known and found.databases and problem.solver == "cp-sat":
        found, known = proven(domain, statistics, found, budget)
    cells = cells_of(domain, found.databases)
    if not known or (found.databases and not cells):
        return found, None
    alike = [cell for cell in cells if len(cell.values) == 1]
    return found, [{"person": c.person, "column": c.column, "value": c.values[0][0]} for c in alike]


def _posterior(domain: Domain, found: Found) -> list[dict[str, Any]]:
    return [
        {"person": cell.person, "column": cell.column, "values": [list(pair) for pair in cell.values]}
        for cell in cells_of(domain, found.databases)
    ]


def _plain(domain: Domain, database: Sequence[int]) -> list[list[object]]:
    return [list(domain.record(kind)) for kind in database]


def _beside(domain: Domain, found: Found, truth: list[tuple[object, ...]]) -> dict[str, Any]:
    """How many cells of the truth the best database has, and whether the truth is one of them."""
    scores = [agreement(domain, database, truth) for database in found.databases]
    rows = sorted(truth, key=repr)
    fits = any(sorted(map(domain.record, database), key=repr) == rows for database in found.databases)
    return {"cells": len(truth) * len(domain.columns), "best": max(scores, default=None), "admitted": fits}
