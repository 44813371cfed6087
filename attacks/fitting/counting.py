"""A system of statistics as whole-number equations, for OR-Tools' CP-SAT.

1. The unknowns x are how many persons there are of each kind of the domain. Databases that differ only in the order of
   their persons are one solution, so there is no symmetry to break.
2. A count is Σx over the group; a suppressed one is below the threshold.
3. A mean is lower ≤ Σ(measure · x) ≤ upper, the whole sums that its rounding admits.
4. A median of an odd group is: at most half of it below, at most half above. For an even group one of the possible
   lower middle values a is chosen, and then the upper middle lies where the rounding of (a + b)/2 admits it. The
   choice follows from the x, so each database still is one solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.fitting.budget import Budget
from attacks.fitting.statistics import Bools, Database, Domain, Interval, Published, Statistic

PLAIN = 0.15  # of a budget, before relaxations are tried
RELAXED = 0.7  # of what is left, for a first database: to enumerate rules out half of a solver's shortcuts


def most(domain: Domain, statistics: Sequence[Statistic]) -> np.ndarray:
    """How many persons of each kind there can be at most by the counts alone, (R,); −1 where nothing limits them."""
    limit = np.full(len(domain), np.iinfo(np.int64).max)
    for statistic in statistics:
        limit[statistic.group] = np.minimum(limit[statistic.group], statistic.high)
    return np.where(limit == np.iinfo(np.int64).max, -1, limit)


class Counting:
    """The model of a system; `solve` asks it, with more conditions if wanted."""

    def __init__(self, domain: Domain, statistics: Sequence[Statistic]) -> None:
        from ortools.sat.python import cp_model

        self.cp = cp_model
        self.domain = domain
        self.model = cp_model.CpModel()
        limits = most(domain, statistics)
        assert (limits >= 0).all(), "the search checks that the statistics bound every kind"
        self.x = [self.model.new_int_var(0, int(limit), f"x{kind}") for kind, limit in enumerate(limits)]
        for statistic in statistics:
            self._add(statistic)

    def total(self, group: Bools, weights: np.ndarray | None = None) -> Any:
        """Σ x over the kinds of the group, or Σ weight · x."""
        kinds = np.flatnonzero(group)
        factors = [1] * len(kinds) if weights is None else weights[kinds].tolist()
        return self.cp.LinearExpr.weighted_sum([self.x[kind] for kind in kinds], factors)

    def _add(self, statistic: Statistic) -> None:
        group, measure = statistic.group, self.domain.measure
        self.model.add_linear_constraint(self.total(group), statistic.low, statistic.high)
        if statistic.low != statistic.high:
            self._add_of_unknown_size(statistic)
            return
        if (sums := statistic.sum_within()) is not None:
            self._between(self.total(group, measure), *sums)
        if (middle := statistic.middle_within()) is None:
            return
        low, high = middle
        half = statistic.low // 2
        if statistic.low % 2 == 0:
            self._add_even_median(group, low, high, half)
        elif low > high:
            self.model.add_bool_or([])
        else:
            self.model.add(self.total(group & (measure < low)) <= half)
            self.model.add(self.total(group & (measure > high)) <= half)

    def _between(self, expression: Any, low: int, high: int) -> None:
        if low > high:
            self.model.add_bool_or([])
        else:
            self.model.add_linear_constraint(expression, low, high)

    def _add_even_median(self, group: Bools, low: int, high: int, half: int) -> None:
        """One of the pairs of middle values, `low` ≤ their sum ≤ `high`. `below[v]`: persons of at most values[v]."""
        measure = self.domain.measure
        values = np.unique(measure[group])
        below: list[Any] = [self.model.new_constant(0)]
        for value in values:
            so_far = self.model.new_int_var(0, 2 * half, "")
            self.model.add(so_far == below[-1] + self.total(group & (measure == value)))
            below.append(so_far)
        choices = []
        for at, lower in enumerate(values):
            first = max(int(np.searchsorted(values, low - lower)), at)
            last = int(np.searchsorted(values, high - lower, side="right"))
            if first >= last:
                continue
            choice = self.model.new_bool_var("")
            choices.append(choice)
            self.model.add(below[at] <= half - 1).only_enforce_if(choice)
            self.model.add(below[at + 1] >= half).only_enforce_if(choice)
            self.model.add(below[first] <= half).only_enforce_if(choice)
            self.model.add(below[last] >= half + 1).only_enforce_if(choice)
        self.model.add_exactly_one(choices) if choices else self.model.add_bool_or([])

    def _add_of_unknown_size(self, statistic: Statistic) -> None:
        """mean ≥ p/q is Σ(q · measure − p) · x ≥ 0, whatever the size."""
        group, measure = statistic.group, self.domain.measure
        if (mean := _ends(statistic.mean)) is not None:
            low, high = mean.low, mean.high
            self.model.add(self.total(group, low.denominator * measure - low.numerator) >= 0)
            self.model.add(self.total(group, high.denominator * measure - high.numerator) <= 0)
        if (median := _ends(statistic.median)) is not None:
            sides = measure * median.low.denominator >= median.low.numerator
            self.model.add(self.total(group, np.where(sides, 1, -1)) >= 0)
            sides = measure * median.high.denominator <= median.high.numerator
            self.model.add(self.total(group, np.where(sides, 1, -1)) >= 0)

    def databases(
        self, budget: Budget, wanted: int, seed: int = 0, relaxed: bool = False
    ) -> tuple[list[Database], bool]:
        """Up to so many databases, and whether that is all of them. Another seed searches in another order, at random
        from 1 on. `relaxed`: with linear relaxations, which take longer where it is easy and find one where it is
        hard."""
        found: list[Database] = []
        kinds, solver = len(self.domain), self.cp.CpSolver()
        solver.parameters.num_workers = 1  # all solutions are enumerated by one worker only
        solver.parameters.enumerate_all_solutions = wanted > 1
        solver.parameters.cp_model_probing_level = 0  # measured: it takes longer than it saves
        solver.parameters.linearization_level = int(relaxed)
        solver.parameters.random_seed = seed
        solver.parameters.randomize_search = seed > 0
        budget.bound(solver.parameters)

        class Collect(self.cp.CpSolverSolutionCallback):  # type: ignore[name-defined, misc]
            def on_solution_callback(self) -> None:
                counts = np.array(self.response_proto.solution)[:kinds]  # the x come first; one by one is slow
                found.append(tuple(np.repeat(np.flatnonzero(counts), counts[counts > 0]).tolist()))
                if len(found) >= wanted:
                    self.stop_search()

        status = solver.solve(self.model, Collect())
        budget.spend(solver)
        if status == self.cp.MODEL_INVALID:
            raise ArithmeticError(self.model.validate())
        if wanted == 1 and found:
            return found, False
        return found, status in (self.cp.OPTIMAL, self.cp.INFEASIBLE)

    def search(self, budget: Budget, wanted: int) -> tuple[list[Database], bool]:
        """The same, first without relaxations; where that finds none, for one with them; then for the others."""
        found, complete = self.databases(budget.part(PLAIN), wanted)
        if not complete and not found:
            found, complete = self.databases(budget.part(RELAXED), 1, relaxed=True)
        if complete or len(found) >= wanted or budget.over:
            return found, complete
        more, complete = self.databases(budget, wanted, relaxed=True)
        return (more, True) if complete else (sorted({*found, *more})[:wanted], False)

    def ask_for_another(self, cells: Sequence[tuple[int, Bools]]) -> None:
        """Add the condition that one of these cells differs: of each the person's place in the order, and the kinds
        of persons that have the cell's value, bool (R,).

        With c[t] the persons of the first t kinds, the person in place i is of one of the kinds s … t − 1 where c[s] is
        at most i and c[t] more than i.
        """
        so_far: list[Any] = [self.model.new_constant(0)]
        for one in self.x:
            so_far.append(self.model.new_int_var(0, 2**31, ""))
            self.model.add(so_far[-1] == so_far[-2] + one)
        ways = []
        for place, same in cells:
            edges = np.flatnonzero(np.diff(np.r_[False, ~same, False].astype(np.int8)))
            for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                way = self.model.new_bool_var("")
                self.model.add(so_far[start] <= place).only_enforce_if(way)
                self.model.add(so_far[stop] >= place + 1).only_enforce_if(way)
                ways.append(way)
        self.model.add_bool_or(ways)


def _ends(number: Published | Interval | None) -> Interval | None:
    return number.admits(1) if isinstance(number, Published) else number
