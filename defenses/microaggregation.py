"""Users in groups of at least k, shown with their group's values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from defenses.cells import Floats, Integers, cells_of, chosen, codes, numbers, numeric, unfit, users_of
from defenses.mondrian import means, modes, mondrian
from harness.model import Kind, Schema, Table
from harness.plugin import Defense, param

JOIN = " | "


@dataclass(frozen=True, kw_only=True)
class microaggregation(Defense):
    """Users in groups of at least k, each shown with its group's values: Mondrian.

    1. Every user is a point in the columns `by`: numbers and times from 0, the least value, to 1, the largest; other
       columns by the alphabetical place of their value. A NULL lies 1 below the least value.
    2. Start with one group of all users. Cut it across the column in which it is widest, at the median, and go on
       with both sides, as long as each side has k users.
    3. In each of `columns` replace every value by its group's: numbers and times by the mean, the rest by the most
       frequent value, or with text=generalise by all values of the group, joined.

    Means of whole numbers and days are rounded, so a group's mean moves by at most half a unit. NULL counts in no mean;
    where it meets values in a group, null=group shows for all what most rows have, NULL or the value, and null=keep
    leaves it, by which a user may stand out. All rows of a user are in one group, at the mean of its rows' places, and
    a mean is one over rows. A BOOLEAN column is never joined. A table of fewer than k users is one group. By default
    `columns` and `by` are what outsiders commonly know, so that nobody stands out by it; the secret stays exact. Name
    the secret in `columns` to blur it instead. Columns that tell the same fact are replaced together.

    Source: Nielson's dissertation, anonymization (k values of each quasi-identifier), which names no algorithm; the
    cuts: LeFevre, DeWitt and Ramakrishnan 2006, strict and relaxed; a mean in place of a range: Domingo-Ferrer and
    Mateo-Sanz 2002. LeFevre cut after the ties of the median; here it is the nearer end of them, for smaller groups.
    """

    k: int = param(5, "the fewest users of a group", unit="users", low=1)
    columns: tuple[str, ...] = param((), "the columns whose values are replaced; empty: those of `by`")
    by: tuple[str, ...] = param((), "what groups are made by; empty: the quasi-identifiers, else all numbers")
    strict: bool = param(True, "users equal in a column are never cut apart there")
    null: str = param("group", "whether NULL is that of the group or stays", choices=("group", "keep"))
    text: str = param("mode", "what stands for values that have no mean", choices=("mode", "generalise"))

    def skip(self, schema: Schema) -> str | None:
        reason = unfit(schema, (*self.columns, *self.by))
        return reason or (None if self._by(schema) else "it has no column to make groups by; name them in `by`")

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        user, first, rows = users_of(table)
        places = np.stack([_places(table, name) for name in self._by(table.schema)])
        if len(first) < len(user):
            places = np.stack([np.bincount(user, row) / rows for row in places])
        group = mondrian(places, self.k, self.strict, rng)[user]
        fresh = {name: self._shown(table, name, group) for name in self._columns(table.schema)}
        return table.with_frame(table.frame.assign(**fresh))

    def _by(self, schema: Schema) -> tuple[str, ...]:
        return chosen(schema, self.by, [n for n in schema.quasi_identifiers if n != schema.uid] or numeric(schema))

    def _columns(self, schema: Schema) -> tuple[str, ...]:
        names = chosen(schema, self.columns, self._by(schema))
        told = [name for same in schema.same if set(same) & set(names) for name in same if name != schema.uid]
        return tuple(dict.fromkeys((*names, *told)))

    def _shown(self, table: Table, name: str, group: Integers) -> pd.Series:
        cells = self._blurred(table, name, group)
        null = table.frame[name].isna().to_numpy()
        if self.null == "keep" or not null.any():
            return cells
        most = 2 * np.bincount(group, null) > np.bincount(group)
        rows = np.flatnonzero(null == most[group])  # those that have what their group shows
        one = np.zeros(len(most), dtype=np.int64)
        one[group[rows]] = rows
        return pd.Series(cells.array.take(one[group]), index=cells.index)

    def _blurred(self, table: Table, name: str, group: Integers) -> pd.Series:
        cells, kind = table.frame[name], table.schema.column(name).kind
        if kind.is_number or kind.is_time:
            return cells_of(means(numbers(cells, kind), group), kind).set_axis(cells.index)
        code = codes(cells)
        if kind is Kind.TEXT and self.text == "generalise":
            return _joined(cells, code, group)
        chosen_code = modes(code, group)
        where = np.full(int(code.max(initial=-1)) + 1, 0, dtype=np.int64)
        where[code[code >= 0]] = np.flatnonzero(code >= 0)  # some row that has the value
        take = np.where(chosen_code >= 0, where[np.maximum(chosen_code, 0)] if len(where) else 0, np.arange(len(code)))
        return pd.Series(cells.array.take(take), index=cells.index)


def _places(table: Table, name: str) -> Floats:
    """Where each row lies in a column: 0 … 1, NULL at -1."""
    kind = table.schema.column(name).kind
    cells = table.frame[name]
    ordered = kind.is_number or kind.is_time
    values = numbers(cells, kind) if ordered else np.where((code := codes(cells)) < 0, np.nan, code.astype(np.float64))
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    place = (np.clip(values, low, high) - low) / ((high - low) or 1.0)
    return np.where(np.isnan(place), -1.0, place)


def _joined(cells: pd.Series, code: Integers, group: Integers) -> pd.Series:
    known = np.flatnonzero(code >= 0)
    _, at = np.unique(group[known] * (int(code.max(initial=0)) + 1) + code[known], return_index=True)
    words = pd.Series(cells.to_numpy(dtype=object)[known[at]]).groupby(group[known[at]]).agg(JOIN.join)
    joined = words.reindex(group).to_numpy(dtype=object)
    return pd.Series(np.where(code >= 0, joined, None), index=cells.index, dtype=object)
