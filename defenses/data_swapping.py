"""Values of chosen columns change hands between records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defenses.cells import Integers, chosen, codes, is_constant, joint, unfit, users_of
from defenses.swaps import donors, partners, stretches
from harness.model import Column, Schema, Table
from harness.plugin import Defense, param


@dataclass(frozen=True, kw_only=True)
class data_swapping(Defense):
    """Values of chosen columns change hands between records; each column keeps exactly the values that it has.

    1. Every record takes part with probability `share`, in each column anew (`together`: with all columns at once).
    2. By `rule`, a record that takes part
       exchange   changes values with one other, at random among those that agree with it in all columns of `within`:
                  every count over a swapped column and columns of `within` stays as it was
       rank       the same, among those whose value lies in the same stretch of `distance` of all ranks, so that the
                  other statistics move little
       redraw     takes the value of anybody, with replacement: the distribution is kept on average only
    3. Who finds no partner keeps his value. NULL stays where it is.

    A column that is the same in all rows of each user changes hands between users with equally many rows, and stays
    one value a user; any other column row by row. Columns that tell the same fact move together. By default the
    columns are those that may be secret.

    Source: Nielson's dissertation, data perturbation, first method; Dalenius and Reiss 1982; Reiss 1984. They
    disagree: the dissertation has the data exchanged with generated data of the same distribution, which is read here
    as `redraw`; Dalenius and Reiss exchange values between the records and keep frequency counts as they are, which is
    `exchange` and the default. Their choice of swaps that keep the counts over several swapped columns is not sought:
    `within` names the columns whose counts are kept. `rank` is rank swapping, described by Moore in 1996, in stretches
    of ranks instead of one by one. Statistical offices swap a small `share`.
    """

    columns: tuple[str, ...] = param((), "the columns whose values are swapped; empty: those that may be secret")
    within: tuple[str, ...] = param((), "swap only between records that agree in these columns")
    share: float = param(1.0, "probability that a record takes part", low=0, high=1)
    rule: str = param("exchange", "who swaps with whom", choices=("exchange", "rank", "redraw"))
    distance: float = param(0.05, "length of a stretch under rule=rank", unit="share of the ranks", low=0, high=1)
    together: bool = param(False, "swap all columns of a record with the same partner; the first one is ranked")

    def skip(self, schema: Schema) -> str | None:
        reason = unfit(schema, (*self.columns, *self.within)) or unfit(schema, self.columns, self._fits)
        return reason or (None if self._units(schema) else "it has no column to swap")

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        fresh = {}
        for unit in self._units(table.schema):
            take = self._takes(table, unit, rng)
            fresh |= {name: table.frame[name].array.take(take) for name in unit}
        return table.with_frame(table.frame.assign(**fresh))

    def _fits(self, column: Column) -> bool:
        return self.rule != "rank" or column.kind.is_number or column.kind.is_time

    def _units(self, schema: Schema) -> list[tuple[str, ...]]:
        """The columns that move as one, the ones that are ranked first."""
        usual = schema.secrets or [name for name in schema.names if name != schema.uid]
        names = [name for name in chosen(schema, self.columns, usual) if self._fits(schema.column(name))]
        units: list[tuple[str, ...]] = []
        done = set(self.within)
        for unit in [names] if self.together else [[name] for name in names]:
            told = [name for group in schema.same if set(group) & set(unit) for name in group]
            if moving := tuple(name for name in dict.fromkeys((*unit, *told)) if name not in done):
                units.append(moving)
                done |= set(moving)
        return units

    def _takes(self, table: Table, unit: tuple[str, ...], rng: np.random.Generator) -> Integers:
        """The row whose values each row takes."""
        moving = [codes(table.frame[name]) for name in unit]
        fixed = [codes(table.frame[name]) for name in self.within]
        user, first, rows = users_of(table)
        whole = all(is_constant(column, user, first) for column in (*moving, *fixed))
        if whole:  # the records are the users
            moving, fixed = ([column[first] for column in part] for part in (moving, fixed))
            fixed.append(rows)
        alike = [*fixed, *((column < 0).astype(np.int64) for column in moving)]
        if self.rule == "rank":
            alike.append(stretches(moving[0], self.distance, rng))
        n = len(moving[0])
        taken = (donors if self.rule == "redraw" else partners)((n,), joint(alike, n), self.share, rng)
        return first[taken][user] if whole else taken
