"""All databases that fit, which statistics conflict where none does, and what is certain where there are too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attacks.fitting.budget import Budget
from attacks.fitting.counting import Counting, most
from attacks.fitting.persons import Persons
from attacks.fitting.statistics import Database, Domain, Statistic
from harness.errors import BenchmarkError

Solver = Literal["cp-sat", "z3"]
PACKAGES = {"cp-sat": "ortools", "z3": "z3-solver"}


@dataclass(frozen=True)
class Found:
    """Databases that fit, in ascending order; `complete`: there is no other."""

    databases: tuple[Database, ...]
    complete: bool
    seconds: float


def find(
    domain: Domain, statistics: Sequence[Statistic], wanted: int, budget: Budget, solver: Solver = "cp-sat"
) -> Found:
    """Up to so many databases that fit all statistics. Raises BenchmarkError where nothing bounds their size, or where
    the solver is not installed."""
    if (most(domain, statistics) < 0).any():
        raise BenchmarkError("Nothing bounds the number of persons; give the count of the total (an empty condition).")
    before = budget.used
    databases, complete = _model(domain, statistics, solver).search(budget, wanted)
    return Found(tuple(sorted(databases)), complete, budget.used - before)


def _model(domain: Domain, statistics: Sequence[Statistic], solver: Solver) -> Counting | Persons:
    try:
        if solver == "cp-sat":
            return Counting(domain, statistics)
        return Persons(domain, statistics, _size(statistics))
    except ImportError:
        raise BenchmarkError(
            f"The solver {solver} needs the package {PACKAGES[solver]}; "
            'install both solvers with pip install "snoopbench[solvers]".'
        ) from None


def _size(statistics: Sequence[Statistic]) -> int:
    for statistic in statistics:
        if statistic.group.all() and statistic.low == statistic.high:
            return statistic.low
    raise BenchmarkError("The solver z3 needs the count of the total (an empty condition); cp-sat does not.")


def conflict(domain: Domain, statistics: Sequence[Statistic], budget: Budget) -> tuple[list[Statistic], bool]:
    """Statistics that no database fits, from a system that none fits, and whether none of them can be spared; it is not
    known where the budget is used up first. CP-SAT. (QuickXplain, Junker 2004.)"""
    spare = _roof(domain, statistics)

    def fits(some: Sequence[Statistic]) -> bool:
        if budget.over:
            return True
        found, complete = _model(domain, [*some, spare], "cp-sat").search(budget, 1)
        return bool(found) or not complete

    named = _explain([], False, list(statistics), fits)
    return named, not budget.over


def _roof(domain: Domain, statistics: Sequence[Statistic]) -> Statistic:
    """Bounds the persons where the statistics that would are left out."""
    return Statistic("", np.ones(len(domain), dtype=bool), 0, sum(statistic.high for statistic in statistics))


def _explain(
    base: list[Statistic], changed: bool, some: list[Statistic], fits: Callable[[Sequence[Statistic]], bool]
) -> list[Statistic]:
    """The part of `some` that is in conflict together with `base`, as small as can be."""
    if changed and not fits(base):
        return []
    if len(some) == 1:
        return some
    first, second = some[: len(some) // 2], some[len(some) // 2 :]
    from_second = _explain([*base, *first], True, second, fits)
    from_first = _explain([*base, *from_second], bool(from_second), first, fits)
    return from_first + from_second


def proven(domain: Domain, statistics: Sequence[Statistic], found: Found, budget: Budget) -> tuple[Found, bool]:
    """More databases, until each cell that is the same in all of them is the same in every database that fits, and
    whether that was proven within the budget. CP-SAT; for databases of equally many persons."""
    databases = list(found.databases)
    while not budget.over:
        codes = domain.codes[np.array(databases)]
        cells = [
            (place, domain.codes[:, column] == codes[0, place, column])
            for place, column in np.argwhere((codes == codes[0]).all(axis=0)).tolist()
        ]
        if not cells:
            return Found(tuple(sorted(databases)), False, budget.used), True
        model = Counting(domain, statistics)
        model.ask_for_another(cells)
        more, complete = model.search(budget, 1)
        if not more:
            return Found(tuple(sorted(databases)), False, budget.used), complete
        databases += more
    return Found(tuple(sorted(databases)), False, budget.used), False
