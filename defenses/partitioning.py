"""Sums and counts of whole partitions only, and updates in pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from defenses.atoms import touched, touched_since, users_after
from defenses.cells import chosen, codes, joint, unfit, users_of
from defenses.records import made_up, new_uids
from harness.model import Delta, Kind, Refused, Schema, Table
from harness.plugin import Defense, Engine, Log, param
from harness.sql import Plan, Query


@dataclass(frozen=True, kw_only=True)
class partitioning(Defense):
    """Sums and counts of whole partitions only, and updates in pairs.

    1. Users that agree in all columns of `by` are an atomic partition. Add `dummies` made-up users to each, whose
       other cells are drawn from all rows, each column anew.
    2. Leave out the partitions of fewer than `smallest` users: a partition of one is its user, and every larger set
       has one as the rest.
    3. Answer counts and sums of sets that conditions on, and groups by, columns of `by` alone make. All else is
       refused.
    4. Take an update if in each partition
       updates=pairs      the users of whom a row comes, goes or changes are even in number
       updates=effective  the rows then and now differ in other than one user, for every moment then since the start
       updates=any        always
       and neither leaves from 1 to `smallest` − 1 users there, nor (unless `reinsertion`) brings back who was deleted.

    By default `by` is what outsiders commonly know and is neither number nor time; where there is no such column, all
    that they know. Who was left out in step 2 is not there to be updated.

    Source: Nielson's dissertation, partitioning; McLeish 1989; Chin and Ozsoyoglu 1981. The dissertation's rule is
    `pairs`, for deletions and insertions; the theorem that it quotes, secure if and only if the global effective
    change is not one, is wider and is read here as `effective`. A change of a row counts as one user in both: else a
    sum before and after a rise gives the rise. It says that partitions of one are frequent and not what becomes of
    them.
    """

    by: tuple[str, ...] = param(
        (), "the columns that make the partitions; empty: quasi-identifiers that are no amounts"
    )
    dummies: int = param(0, "made-up users in each partition", unit="users", low=0)
    smallest: int = param(2, "the fewest users of a partition, dummies included", unit="users", low=1)
    updates: str = param("pairs", "the rule for updates", choices=("pairs", "effective", "any"))
    reinsertion: bool = param(False, "let a deleted user be inserted again")

    def skip(self, schema: Schema) -> str | None:
        if self.dummies and schema.column(schema.uid).kind is Kind.BOOLEAN:
            return f"the uid column {schema.uid} is BOOLEAN and has no values for dummies"
        return unfit(schema, self.by)

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        if self.dummies:
            table = self._with_dummies(table, rng)
        atom = self._atoms(table)
        user = users_of(table)[0]
        first = ~pd.Series(joint([atom, user], len(atom))).duplicated().to_numpy()  # each user once in each partition
        large = np.bincount(atom[first])[atom] >= self.smallest
        return table if large.all() else table.with_frame(table.frame[large].reset_index(drop=True))

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        for aggregate in query.aggregates:
            of_users = aggregate.on is not None and aggregate.on.name == query.uid
            if aggregate.function not in ("count", "sum") or (aggregate.distinct and not of_users):
                return Refused("partitioning-aggregate", "Partitioning answers counts and sums only.")
        by = self._by(log.schema)
        for name in (ref.name for ref in query.attributes):
            if name not in by:
                parts = ", ".join(by) or "nothing"
                return Refused("partitioning-whole", f"Partitions are made by {parts}; {name} would cut them.")
        return Plan(query)

    def update(self, delta: Delta, engine: Engine, log: Log, rng: np.random.Generator) -> Delta | Refused:
        schema, by = log.schema, self._by(log.schema)
        past = [*log.updates, delta]
        if not self.reinsertion and _inserted(delta, schema) & set().union(*(_deleted(d, schema) for d in past)):
            return Refused("partitioning-reinsertion", "Who was deleted is not inserted again.")
        if self.updates == "pairs" and any(len(users) % 2 for users in touched(delta, schema, by).values()):
            return Refused("partitioning-pairs", "In each partition the users of an update come in pairs.")
        if self.updates == "effective":
            for change in touched_since(past, schema, by):
                if any(len(users) == 1 for users in change.values()):
                    return Refused("partitioning-effective", "A partition would differ from before in one user.")
        if any(0 < left < self.smallest for left in users_after(delta, engine, schema, by).values()):
            return Refused("partitioning-smallest", f"A partition would have fewer than {self.smallest} users.")
        return delta

    def _by(self, schema: Schema) -> tuple[str, ...]:
        known = [name for name in schema.quasi_identifiers if name != schema.uid]
        kinds = {name: schema.column(name).kind for name in known}
        return self.by or tuple(n for n in known if not (kinds[n].is_number or kinds[n].is_time)) or tuple(known)

    def _atoms(self, table: Table) -> np.ndarray:
        return joint([codes(table.frame[name]) for name in self._by(table.schema)], len(table.frame))

    def _with_dummies(self, table: Table, rng: np.random.Generator) -> Table:
        schema, frame = table.schema, table.frame
        by = self._by(schema)
        _, first = np.unique(self._atoms(table), return_index=True)
        size = self.dummies * len(first)
        names = [name for name in schema.names if name not in {schema.uid, *(d.column for d in schema.derived)}]
        take = made_up(table, names, np.arange(len(frame)), size, "independent", rng)
        take |= dict.fromkeys(chosen(schema, by, ()) if by else (), np.repeat(first, self.dummies))
        fresh = {name: frame[name].array.take(rows) for name, rows in take.items()}
        uid = new_uids(frame[schema.uid], schema.column(schema.uid).kind, size, rng)
        fresh[schema.uid] = uid.astype(frame[schema.uid].dtype).array
        both = pd.concat([frame[list(fresh)], pd.DataFrame(fresh)], ignore_index=True)
        return table.with_frame(both.sort_values(schema.uid, kind="stable", ignore_index=True))


def _inserted(delta: Delta, schema: Schema) -> set[object]:
    return set(delta.added.loc[~delta.added.index.isin(delta.removed.index), schema.uid])


def _deleted(delta: Delta, schema: Schema) -> set[object]:
    return set(delta.removed.loc[~delta.removed.index.isin(delta.added.index), schema.uid])
