"""What is known of a victim as conditions, and the ways to leave one of them out.

A *way* to leave a victim out is a set of conditions that hold for him, and one more, u = x: those who meet the set, and
those of them with u <> x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations, count

import numpy as np
import pandas as pd

from attacks.isolation import literal, quoted
from harness.model import Kind, Schema

DROPPED = 2  # columns that a set may do without, at most: there are so many sets


@dataclass(frozen=True)
class Fact:
    """That a column has this value for a victim."""

    column: str
    value: object

    @property
    def holds(self) -> str:
        return f"{quoted(self.column)} = {literal(self.value)}"

    @property
    def fails(self) -> str:
        return f"{quoted(self.column)} <> {literal(self.value)}"

    def idle(self) -> Iterator[str]:
        """Conditions that are true wherever the fact holds: the column is not some other value. A truth value has one,
        other kinds as many as one likes."""
        if isinstance(self.value, bool):
            yield f"{quoted(self.column)} <> {literal(not self.value)}"
            return
        for i in count(1):
            yield Fact(self.column, _another(self.value, i)).fails


@dataclass(frozen=True)
class Way:
    """The facts that stay, and the one by which the victim is left out."""

    stay: tuple[Fact, ...]
    out: Fact

    @property
    def whole(self) -> str:
        return " AND ".join(fact.holds for fact in self.stay)

    @property
    def without(self) -> str:
        return f"{self.whole} AND {self.out.fails}"

    def idle(self, number: int) -> list[str]:
        """So many idle conditions, or as many as there are."""
        found: list[str] = []
        for fact in self.stay:
            for condition in fact.idle():
                if len(found) == number:
                    return found
                found.append(condition)
        return found


def facts_of(cells: pd.DataFrame, schema: Schema) -> list[list[Fact]]:
    """The facts about each user of these cells, unknown ones left out."""
    days = [schema.column(name).kind is Kind.DATE for name in cells.columns]
    rows = cells.astype(object).itertuples(index=False, name=None)
    return [
        [
            Fact(name, _plain(value, is_day))
            for name, value, is_day in zip(cells.columns, row, days, strict=True)
            if not pd.isna(value)
        ]
        for row in rows
    ]


def removable(cells: pd.DataFrame, keep: Sequence[str], smallest_group: int) -> pd.DataFrame:
    """For whom each column (but those to keep) is a way out: users indexed by uid, a column each with the positions of
    the columns that stay, as a sum of powers of two (a Python int), 0 where it is none.

    Among those who have the victim's values of the columns that stay, at least `smallest_group` users, nobody else has
    his value of the column, and nobody has NULL there. Of several such sets the one with the most columns is taken: its
    conditions bring the most noise that tells. Sets do without `DROPPED` columns at most.
    """
    codes = {name: pd.factorize(cells[name])[0].astype(np.int64) for name in cells.columns}
    names = list(cells.columns)
    found = pd.DataFrame(0, index=cells.index, columns=[name for name in names if name not in keep], dtype=object)
    for out in found.columns:
        others = [name for name in names if name != out and name not in keep]
        for left in range(min(len(others), DROPPED) + 1):
            for stay in combinations(others, len(others) - left):
                chosen = [name for name in names if name in keep or name in stay]
                isolated = _isolated(codes, chosen, out, smallest_group) & (found[out] == 0).to_numpy(dtype=bool)
                found.loc[isolated, out] = sum(1 << names.index(name) for name in chosen)
            if (found[out] != 0).all():
                break
    return found[(found != 0).any(axis=1)]


def ways_out(removable: pd.DataFrame, cells: pd.DataFrame, schema: Schema) -> list[list[Way]]:
    """Per user the ways that `removable` says, from their cells."""
    found = []
    for codes, known in zip(removable.to_numpy().tolist(), facts_of(cells, schema), strict=True):
        facts = {fact.column: fact for fact in known}
        stay = {
            out: [name for i, name in enumerate(cells.columns) if code >> i & 1]
            for out, code in zip(removable.columns, codes, strict=True)
        }
        found.append([Way(tuple(facts[name] for name in names), facts[out]) for out, names in stay.items() if names])
    return found


def _isolated(codes: dict[str, np.ndarray], stay: Sequence[str], out: str, smallest_group: int) -> np.ndarray:
    """Whether each user is alone with the value of `out` in a large enough group without NULL, bool (n,)."""
    known = codes[out] >= 0
    group = np.zeros(len(known), dtype=np.int64)
    for name in stay:
        known_here = codes[name] >= 0
        group = np.unique(group * (codes[name].max(initial=0) + 2) + codes[name] + 1, return_inverse=True)[1]
        known = known & known_here
    size = np.bincount(group)[group]
    complete = np.bincount(group, weights=codes[out] < 0)[group] == 0
    cell = np.unique(group * (codes[out].max(initial=0) + 2) + codes[out] + 1, return_inverse=True)[1]
    return np.asarray(known & complete & (size >= smallest_group) & (np.bincount(cell)[cell] == 1) & bool(stay))


def _another(value: object, i: int) -> object:
    """The i-th value beside this one, of its kind."""
    if isinstance(value, int | float):
        return value - i if value > 0 else value + i
    if isinstance(value, date):
        return value - timedelta(days=i)
    return f"{value} {i}"


def _plain(value: object, is_day: bool) -> object:
    if is_day and isinstance(value, datetime):
        return value.date()
    return value.item() if isinstance(value, np.generic) else value
