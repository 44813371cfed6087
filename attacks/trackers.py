"""Trackers: what a control on the size of query sets refuses, as sums and differences of what it answers.

A statistic q (a count or a sum) is additive over disjoint sets, so q(C) of a set C that is too small to be asked about
follows from sets that are large enough. Conditions are `Formula`s, which carry their own negation: in SQL neither a
condition nor its NOT holds where a column is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from attacks.isolation import literal, quoted, with_and_without
from harness.model import Answer
from harness.plugin import Session


@dataclass(frozen=True)
class Formula:
    """A condition and its negation: each row meets exactly one of the two."""

    yes: str
    no: str

    def __and__(self, other: Formula) -> Formula:
        return Formula(f"({self.yes} AND {other.yes})", f"({self.no} OR {other.no})")

    def __or__(self, other: Formula) -> Formula:
        return Formula(f"({self.yes} OR {other.yes})", f"({self.no} AND {other.no})")

    def __invert__(self) -> Formula:
        return Formula(self.no, self.yes)


Terms = list[tuple[int, Formula]]
"""Σ factor · q(formula)."""


def equals(column: str, value: object) -> Formula:
    """The rows with this value; with None, those with NULL."""
    if pd.isna(value):
        return Formula(f"{quoted(column)} IS NULL", f"{quoted(column)} IS NOT NULL")
    name, constant = quoted(column), literal(value)
    return Formula(f"{name} = {constant}", f"({name} <> {constant} OR {name} IS NULL)")


@dataclass(frozen=True)
class General:
    """A set T with 2k <= |T| <= n − 2k: there is one up to k = n/4."""

    t: Formula

    def small(self, c: Formula) -> Terms:
        """q(C) of fewer than k users."""
        return [(1, c | self.t), (1, c | ~self.t), (-1, self.t), (-1, ~self.t)]

    def large(self, c: Formula) -> Terms:
        """q(C) of more than n − k users."""
        return [(2, self.t), (2, ~self.t), (-1, ~c | self.t), (-1, ~c | ~self.t)]


@dataclass(frozen=True)
class Double:
    """Sets T within U with k <= |T| <= n − 2k and 2k <= |U| <= n − k: there are some up to k = n/3."""

    t: Formula
    u: Formula

    def small(self, c: Formula) -> Terms:
        """q(C) of fewer than k users."""
        return [(1, self.u), (1, c | self.t), (-1, self.t), (-1, ~(c & self.t) & self.u)]

    def large(self, c: Formula) -> Terms:
        """q(C) of more than n − k users."""
        return [(1, ~self.u), (-1, ~c | self.t), (1, self.t), (1, ~(~c & self.t) & self.u)]


@dataclass(frozen=True)
class Union:
    """One of several disjoint sets, with k <= |T| <= n − k − |C|: for a C that lies outside T, up to k = (n − |C|)/2.
    A single user lies in one of them at most, so that another one serves."""

    t: Formula

    def small(self, c: Formula) -> Terms:
        return [(1, c | self.t), (-1, self.t)]


@dataclass(frozen=True)
class Individual:
    """For C = A and B, the set T = A and not B (Schlörer): q(C and D) = q(T or (A and D)) − q(T).

    With `conjunctive` the same without OR, which more interfaces answer: q(A and D) − q(T and D).
    """

    a: Formula
    t: Formula
    conjunctive: bool = False

    def within(self, d: Formula | None) -> Terms:
        """q(C and D); all of C without D."""
        if d is None:
            return [(1, self.a), (-1, self.t)]
        return [(1, self.a & d), (-1, self.t & d)] if self.conjunctive else [(1, self.t | (self.a & d)), (-1, self.t)]


def statistics(session: Session, aggregate: str, wanted: Sequence[Terms]) -> np.ndarray:
    """What each of these sums comes to, NaN where one of its sets is refused or suppressed, shape (len(wanted),).
    Every set is asked about once."""
    wheres = list(dict.fromkeys(formula.yes for terms in wanted for _, formula in terms))
    table = quoted(session.schema.table)
    answers = session.query_many([f"SELECT {aggregate} FROM {table} WHERE {where}" for where in wheres])
    value = {
        where: answer.value if isinstance(answer, Answer) else np.nan
        for where, answer in zip(wheres, answers, strict=True)
    }
    return np.array([sum(factor * value[formula.yes] for factor, formula in terms) for terms in wanted], dtype=float)


@dataclass(frozen=True)
class Prefixes:
    """The growing sets that a column's values give, in their order (of text: the most frequent first).

    `sizes[i]`: users in the i-th set; `place`: by uid, the first set that holds the user (NULL: none, beyond the last).
    """

    column: str
    values: pd.Index
    sizes: np.ndarray
    place: pd.Series
    ordered: bool

    @classmethod
    def of(cls, cells: pd.Series) -> Prefixes:
        ordered = pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)
        counts = cells.value_counts(sort=False).sort_index()
        if not ordered:
            counts = counts.sort_values(ascending=False, kind="stable")
        found = counts.index.get_indexer(pd.Index(cells))
        place = pd.Series(np.where(found < 0, len(counts), found), index=cells.index)
        return cls(str(cells.name), counts.index, counts.to_numpy(dtype=np.int64).cumsum(), place, bool(ordered))

    def formula(self, i: int) -> Formula:
        name = quoted(self.column)
        if self.ordered:
            constant = literal(self.values[i])
            return Formula(f"{name} <= {constant}", f"({name} > {constant} OR {name} IS NULL)")
        values = ", ".join(literal(value) for value in self.values[: i + 1])
        return Formula(f"{name} IN ({values})", f"({name} NOT IN ({values}) OR {name} IS NULL)")

    def nearest(self, size: float) -> int:
        """The set whose size is nearest."""
        return int(np.abs(self.sizes - size).argmin())


Way = Callable[[Any, Formula | None], Terms]
"""A victim's row (of `attacks.isolation`) and the condition D -> the sum that is q(C and D)."""


def individual(victims: pd.DataFrame) -> list[Way]:
    """By the individual tracker, with OR and without."""
    pairs = dict(zip(victims.index, with_and_without(victims), strict=True))

    def way(row: Any, d: Formula | None, conjunctive: bool) -> Terms:
        group, rest = (Formula(where, "") for where in pairs[row.Index])
        return Individual(group, rest, conjunctive).within(d)

    return [partial(way, conjunctive=conjunctive) for conjunctive in (False, True)]


def found_in(cells: pd.DataFrame, kind: str) -> list[Way]:
    """By the best tracker of that kind in each known column, what serves for the largest k first."""
    found = [_FOUND[kind](Prefixes.of(cells[column]), len(cells)) for column in cells]
    return [way for _, way in sorted(found, key=lambda one: -one[0])]


def _described(row: Any, d: Formula | None) -> Formula:
    c = equals(row.group, row.group_value) & equals(row.by, row.by_value)
    return c if d is None else c & d


def _general(sets: Prefixes, n: int) -> tuple[float, Way]:
    i = sets.nearest(n / 2)
    found = General(sets.formula(i))
    return min(sets.sizes[i], n - sets.sizes[i]) / 2, lambda row, d: found.small(_described(row, d))


def _double(sets: Prefixes, n: int) -> tuple[float, Way]:
    i, j = sets.nearest(n / 3), sets.nearest(2 * n / 3)
    t, u = sets.sizes[i], sets.sizes[j]
    found = Double(sets.formula(i), sets.formula(j))
    return min(t, (n - t) / 2, u / 2, n - u), lambda row, d: found.small(_described(row, d))


def _union(sets: Prefixes, n: int) -> tuple[float, Way]:
    i = sets.nearest(n / 2)
    first = sets.formula(i)

    def way(row: Any, d: Formula | None) -> Terms:
        outside = ~first if sets.place[row.Index] <= i else first
        return Union(outside).small(_described(row, d))

    return min(sets.sizes[i], n - sets.sizes[i]) - 1, way


_FOUND: dict[str, Callable[[Prefixes, int], tuple[float, Way]]] = {
    "general": _general,
    "double": _double,
    "union": _union,
}
