"""An extreme contributor moves a sum: by how much tells in which group the contributor is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims, counts_of, one_row, secret_values
from attacks.isolation import columns_for, is_amount, isolated, quoted, with_and_without
from harness.model import Inference, Schema
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class outlier_sum(Attack):
    """An extreme contributor moves a sum: by how much tells in which group the contributor is.

    1. From outside knowledge find users who are alone with their value of B among those with their value of A, and know
       the amounts of all: take the amount in which the victim most exceeds everybody else of the group.
    2. Ask for the sum of that amount by values of the secret, where A = a, and where A = a AND B <> b.
    3. Divide the differences by the victim's amount: 1 is expected for the victim's value of the secret, 0 for the
       others.
    4. Claim the value with the highest posterior probability (see `attacks.decide`).

    Noise in proportion to what is usual is small beside an extreme amount. What stops it: noise in proportion to the
    largest amount, or amounts that are flattened to those of the next largest users before the noise is measured by
    them. Then the victim counts as one user more, and what is left is what `difference` learns from counts.

    Source: Diffix-Birch §5.5.1 (Figure 6). There the secret is one bit, and the sum with it is asked for; here all
    values of the secret are asked for at once.
    """

    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    amount: str = param("", "the column that is summed; empty: for each victim the one with the most extreme value")
    factor: float = param(0.0, "attack only whose amount is at least so many times the next one of the group", low=0)
    smallest_group: int = param(150, "fewest users with A = a", unit="users", low=2)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if is_amount(schema, secret):
            return f"outlier-sum needs a secret of few values; {secret} is {schema.column(secret).kind}"
        if self.amount and self.amount not in _amounts(schema, schema.names):
            return f"there is no number called {self.amount}"
        if not _amounts(schema, [name for name in schema.names if name not in schema.masked(secret)]):
            return "outlier-sum needs a number that can be known"
        return None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        found = isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)
        wanted = [self.amount] if self.amount else _amounts(knowledge.schema, knowledge.columns)
        ways = [_standing_out(knowledge, found, name) for name in wanted if name in knowledge.columns]
        if not ways:
            return found.iloc[:0]
        best = pd.concat(ways).sort_values("times", ascending=False, kind="stable")
        best = best[(best["own"] > 0) & (best["times"] >= self.factor)]
        return best[~best.index.duplicated()].sort_index()

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        secret, table = quoted(knowledge.secret), quoted(session.schema.table)
        pairs = zip(with_and_without(victims), victims["amount"], strict=True)
        answers = session.query_many(
            [
                f"SELECT {secret}, sum({quoted(amount)}) FROM {table} WHERE {where} GROUP BY 1"
                for pair, amount in pairs
                for where in pair
            ]
        )
        sums = counts_of(answers, values.index) / np.repeat(victims["own"].to_numpy(dtype=float), 2)[:, None]
        sums = one_row(sums) if session.schema.many_rows else sums
        yield from claims(sums, values, victims, 1.0, self.min_confidence, rng)


def _amounts(schema: Schema, names: object) -> list[str]:
    """The columns of numbers among these, the uid left out."""
    return [c.name for c in schema.columns if c.kind.is_number and c.name in tuple(names) and c.name != schema.uid]


def _standing_out(knowledge: Knowledge, found: pd.DataFrame, name: str) -> pd.DataFrame:
    """The isolated users with their own amount and how many `times` the largest of the others in their group it is."""
    cells = knowledge.reveal(list(dict.fromkeys([name, *found["group"].unique()])))
    own = cells[name].astype(float)
    largest = pd.Series(0.0, index=found.index)
    for group, rows in found.groupby("group"):
        two = own.groupby(cells[group]).nlargest(2).groupby(level=0)
        first, second = two.first(), two.last()
        of = rows["group_value"]
        is_first = own[rows.index] >= of.map(first).astype(float)
        largest[rows.index] = np.where(is_first, of.map(second).astype(float), of.map(first).astype(float))
    mine = own[found.index]
    return found.assign(amount=name, own=mine, times=mine / largest.clip(lower=1e-300))
