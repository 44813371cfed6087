"""A system of statistics about persons one by one, for Z3.

1. A person is a whole number, the measure, and a value of each attribute. The persons stand in the order of the domain
   (measure, then attributes), so that databases which differ only in the order of their persons are one solution.
2. A count is how many persons meet the condition of the group, a sum adds their measures.
3. A median of an odd group is: at most half of it below, at most half above. For an even group there are two more
   unknowns, the middle values, with as many persons on either side as they need; they follow from the persons.
4. Each solution found is forbidden, until there is none.

How it differs from `counting.py` is the point: the two share the statistics and nothing of the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from attacks.fitting.budget import Budget
from attacks.fitting.statistics import Array, Bools, Database, Domain, Statistic


class Persons:
    """The model of a system about `size` persons."""

    def __init__(self, domain: Domain, statistics: Sequence[Statistic], size: int) -> None:
        import z3

        self.z3, self.domain = z3, domain
        self.solver = z3.SolverFor("QF_LIA")
        widths = domain.codes.max(axis=0) + 1
        self.measure = [z3.Int(f"measure{i}") for i in range(size)]
        self.attributes = [
            [z3.Bool(f"a{i}.{j}") if width == 2 else z3.Int(f"a{i}.{j}") for j, width in enumerate(widths[1:])]
            for i in range(size)
        ]
        for own in self.attributes:
            for variable, width in zip(own, widths[1:], strict=True):
                if width != 2:
                    self.solver.add(variable >= 0, variable < int(width))
        self.shape = _Shape(domain)
        for i in range(size):
            self.solver.add(self._is_in(np.ones(len(domain), dtype=bool), i, whole=True))
        for i, j in pairwise(range(size)):
            self.solver.add(self._ordered([self.measure[i], *self._codes(i)], [self.measure[j], *self._codes(j)]))
        for number, statistic in enumerate(statistics):
            self._add(statistic, number)

    def _codes(self, person: int) -> list[Any]:
        return [self.z3.If(v, 1, 0) if self.z3.is_bool(v) else v for v in self.attributes[person]]

    def _ordered(self, first: list[Any], second: list[Any]) -> Any:
        """The first list is not after the second."""
        if len(first) == 1:
            return first[0] <= second[0]
        rest = self._ordered(first[1:], second[1:])
        return self.z3.Or(first[0] < second[0], self.z3.And(first[0] == second[0], rest))

    def _is_in(self, group: Bools, person: int, whole: bool = False) -> Any:
        """The condition that the person is of one of these kinds."""
        z3 = self.z3
        return z3.Or(
            [
                z3.And(self._has(combinations, person), self._within(runs, person))
                for combinations, runs in self.shape.parts(group, whole)
            ]
        )

    def _has(self, combinations: Array, person: int) -> Any:
        """The person's attributes are one of these rows of codes: by attribute where these are all there are."""
        z3 = self.z3
        sets = [sorted(set(column.tolist())) for column in combinations.T]
        if len(combinations) != int(np.prod([len(values) for values in sets])):
            return z3.Or([self._has(row[None], person) for row in combinations])
        terms = []
        for j, values in enumerate(sets):
            if len(values) < self.shape.widths[j]:
                terms.append(z3.Or([self._equals(person, j, value) for value in values]))
        return z3.And(terms)

    def _equals(self, person: int, attribute: int, code: int) -> Any:
        variable = self.attributes[person][attribute]
        if self.z3.is_bool(variable):
            return variable if code else self.z3.Not(variable)
        return variable == code

    def _within(self, runs: list[tuple[int | None, int | None]], person: int) -> Any:
        own = self.measure[person]
        ends = [([] if low is None else [own >= low]) + ([] if high is None else [own <= high]) for low, high in runs]
        return self.z3.Or([self.z3.And(end) for end in ends])

    def _add(self, statistic: Statistic, number: int) -> None:
        z3, half = self.z3, statistic.low // 2
        member = [self._is_in(statistic.group, i) for i in range(len(self.measure))]

        def at_most(conditions: list[Any], count: int) -> Any:
            return z3.PbLe([(z3.And(m, c), 1) for m, c in zip(member, conditions, strict=True)], count)

        def at_least(conditions: list[Any], count: int) -> Any:
            return z3.PbGe([(z3.And(m, c), 1) for m, c in zip(member, conditions, strict=True)], count)

        everybody = [z3.BoolVal(True)] * len(member)
        self.solver.add(at_most(everybody, statistic.high), at_least(everybody, statistic.low))
        if statistic.low != statistic.high:
            return
        if (sums := statistic.sum_within()) is not None:
            total = z3.Sum([z3.If(m, own, 0) for m, own in zip(member, self.measure, strict=True)])
            self.solver.add(total >= sums[0], total <= sums[1])
        if (middle := statistic.middle_within()) is None:
            return
        low, high = middle
        if statistic.low % 2:
            self.solver.add(z3.BoolVal(low <= high))
            self.solver.add(at_most([own < low for own in self.measure], half))
            self.solver.add(at_most([own > high for own in self.measure], half))
            return
        lower, upper = z3.Int(f"lower{number}"), z3.Int(f"upper{number}")
        self.solver.add(lower <= upper, low <= lower + upper, lower + upper <= high)
        self.solver.add(at_most([own < lower for own in self.measure], half - 1))
        self.solver.add(at_least([own <= lower for own in self.measure], half))
        self.solver.add(at_most([own > upper for own in self.measure], half - 1))
        self.solver.add(at_least([own >= upper for own in self.measure], half))

    def search(self, budget: Budget, wanted: int) -> tuple[list[Database], bool]:
        """Up to so many databases, and whether that is all of them."""
        z3, found = self.z3, []
        unknowns = [v for own in zip(self.measure, self.attributes, strict=True) for v in (own[0], *own[1])]
        while len(found) < wanted:
            self.solver.set("timeout", max(1, int(1000 * budget.left)))
            answer = self.solver.check()
            if answer != z3.sat:
                return found, answer == z3.unsat
            model = self.solver.model()
            values = [model.eval(v, model_completion=True) for v in unknowns]
            codes = np.array([z3.is_true(v) if z3.is_bool(v) else v.as_long() for v in values], dtype=np.int64)
            found.append(self.shape.database(codes.reshape(len(self.measure), -1)))
            self.solver.add(z3.Or([v != value for v, value in zip(unknowns, values, strict=True)]))
        return found, False


class _Shape:
    """The domain by combination of attributes: which values of the measure each has."""

    def __init__(self, domain: Domain) -> None:
        self.codes = domain.codes
        self.combinations, self.combination = np.unique(domain.codes[:, 1:], axis=0, return_inverse=True)
        self.combination = self.combination.reshape(-1)
        self.widths = domain.codes[:, 1:].max(axis=0) + 1
        self.low = int(domain.measure.min())
        self.span = int(domain.measure.max()) - self.low + 1
        self.possible = self._table(np.ones(len(domain), dtype=bool))

    def _table(self, group: Bools) -> Bools:
        table = np.zeros((len(self.combinations), self.span), dtype=bool)
        table[self.combination[group], self.codes[group, 0] - self.low] = True
        return table

    def parts(self, group: Bools, whole: bool) -> list[tuple[Array, list[tuple[int | None, int | None]]]]:
        """The group as combinations of attributes with the runs of the measure that belong to them. What is not in
        the domain may be in or out (unless `whole`), whichever makes fewer parts."""
        found: dict[bytes, list[int]] = {}
        table = self._table(group)
        for at, (inside, possible) in enumerate(zip(table, self.possible, strict=True)):
            if not whole and inside.any():
                inside = _filled(inside, possible)
            if inside.any():
                found.setdefault(inside.tobytes(), []).append(at)
        return [(self.combinations[rows], self._runs(np.frombuffer(key, dtype=bool))) for key, rows in found.items()]

    def _runs(self, inside: Bools) -> list[tuple[int | None, int | None]]:
        """First and last value of each run; None at an end of the measure's range, which binds anyway."""
        edges = np.flatnonzero(np.diff(np.r_[False, inside, False].astype(np.int8)))
        pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return [(low + self.low, high - 1 + self.low) for low, high in pairs]

    def database(self, codes: Array) -> Database:
        """The kinds of these persons, ascending."""
        kinds = {tuple(row): kind for kind, row in enumerate(self.codes.tolist())}
        return tuple(sorted(kinds[tuple(row)] for row in codes.tolist()))


def _filled(inside: Bools, possible: Bools) -> Bools:
    """Values that are not possible belong to the group where the nearest possible one below (else above) does."""
    known = np.flatnonzero(possible)
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(inside)), side="right") - 1, 0, None)]
    return inside[nearest]
