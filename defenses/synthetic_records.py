"""Made-up records among the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from defenses.cells import Integers, codes, is_constant, users_of
from defenses.records import made_up, new_uids
from harness.model import Kind, Schema, Table
from harness.plugin import Defense, param
from harness.sql import Buckets


@dataclass(frozen=True, kw_only=True)
class synthetic_records(Defense):
    """Made-up records of the same statistics among the true ones, so that who stands out need not exist.

    1. For `share` times the users, make up users; each gets a uid that nobody has, of the same kind.
    2. Draw their cells from the true ones by `rule`
       copula       each column by its own distribution, NULL included, and the columns together so that their normal
                    scores correlate as the true ones do
       independent  each column by its own distribution, and no column tells anything of another
       copy         each record is a random user's, under the new uid
    3. Compute derived columns; columns that tell the same fact come from one true row.
    4. True rows stay as they are. With `scale`, counts and sums are divided by 1 + share.

    A made-up user has as many rows as a random true one: columns that are the same in all rows of each user get one
    value, the others are drawn row by row, without relation to the first.

    Source: Nielson's dissertation, output perturbation ("same statistics", a larger sample). It does not say which
    statistics: `copula` keeps distributions and rank correlations of ordered columns, `copy` every statistic within
    sampling error, `independent` distributions alone. Nor does it say that counts are scaled back, so they are not. Who
    knows all true uids can ask for these alone, as outsiders here do.
    """

    share: float = param(0.5, "made-up users for each true one", low=0, high=100)
    rule: str = param("copula", "how they are drawn", choices=("copula", "independent", "copy"))
    scale: bool = param(False, "divide counts and sums by 1 + share")

    def skip(self, schema: Schema) -> str | None:
        fits = schema.column(schema.uid).kind is not Kind.BOOLEAN
        return None if fits else f"the uid column {schema.uid} is BOOLEAN and has no values that nobody has"

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        schema, frame = table.schema, table.frame
        size = round(self.share * frame[schema.uid].nunique())
        if not size:
            return table
        owner, take = self._taken(table, size, rng)
        kind, dtype = schema.column(schema.uid).kind, frame[schema.uid].dtype
        fresh = {name: frame[name].array.take(rows) for name, rows in take.items()}
        fresh[schema.uid] = new_uids(frame[schema.uid], kind, size, rng).astype(dtype).array.take(owner)
        both = pd.concat([frame[list(fresh)], pd.DataFrame(fresh)], ignore_index=True)
        return table.with_frame(both.sort_values(schema.uid, kind="stable", ignore_index=True))

    def _taken(self, table: Table, size: int, rng: np.random.Generator) -> tuple[Integers, dict[str, Integers]]:
        """For each row made up the number of its user, and by column the row that its cell is taken from."""
        schema, frame = table.schema, table.frame
        user, first, rows = users_of(table)
        left_out = {schema.uid, *(d.column for d in schema.derived)}
        names = [name for name in schema.names if name not in left_out]
        like = rng.integers(len(first), size=size)
        owner = np.repeat(np.arange(size), rows[like])
        if self.rule == "copy":
            begins, starts = np.cumsum(rows) - rows, np.cumsum(rows[like]) - rows[like]
            place = begins[like][owner] + np.arange(len(owner)) - starts[owner]
            return owner, dict.fromkeys(names, np.argsort(user, kind="stable")[place])
        of_user = [name for name in names if is_constant(codes(frame[name]), user, first)]
        take = {name: found[owner] for name, found in made_up(table, of_user, first, size, self.rule, rng).items()}
        of_row = [name for name in names if name not in of_user]
        return owner, take | made_up(table, of_row, np.arange(len(frame)), len(owner), self.rule, rng)

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        if not self.scale:
            return buckets
        factor = np.ones((len(buckets.plans), buckets.values.shape[1]))
        for i, plan in enumerate(buckets.plans):
            for slot, aggregate in enumerate(plan.query.aggregates):
                of_users = aggregate.on is not None and aggregate.on.name == plan.query.uid
                grows = aggregate.function in ("count", "sum") and (not aggregate.distinct or of_users)
                factor[i, slot] = 1.0 / (1.0 + self.share) if grows else 1.0
        return buckets.with_values(buckets.values * factor[buckets.query])
