"""Ask in two halves that add up, split anew each time: noise that is drawn per query averages out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from attacks import amounts
from attacks.halves import mean, numbers, splits_by, sums_of_pairs
from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, is_amount, isolated, literal, quoted, users, with_and_without
from harness.model import Inference
from harness.plugin import Attack, Knowledge, Session, param

SHARED_CONDITIONS = 3  # the group, the secret's value, and the condition that makes the half


@dataclass(frozen=True, kw_only=True)
class split_averaging(Attack):
    """Ask in two halves that add up, split anew each time: noise that is drawn per query averages out.

    1. For each value v of each column C ask twice: those with C = v and those with C <> v. Every such pair adds up to
       the same users, by other queries. The values come from the histograms of the columns, the most balanced splits
       first: their smaller half is least likely to be suppressed. Columns that list NULL are left out.
    2. Ask pairs until `splits` of them have been answered in full; one of which a half is refused or suppressed makes
       room for the next.
    3. A count (`estimates`) is the mean of the sums of the pairs. Noise drawn per query averages out, and so do the
       layers of the halves; a static layer of the wanted set is the same in all queries and stays, once per half.
    4. Claims: ask histograms of the secret in halves, with and without a victim who is isolated as in the difference
       attack, and subtract pair by pair. Under layered noise the static layers that both sides have cancel, and the one
       of the victim's own condition is common to all buckets; what is left is two fresh samples a pair, and 2k more in
       the victim's bucket for the k shared conditions. Claim the most probable value over all pairs (`attacks.decide`).
       An amount is the mean difference of its sums; it is claimed only if `min_confidence` is 0.

    Steps 1 to 3 need static layers as a defense, and these do nothing about step 4.

    Source: Diffix-Birch §5.2.1 (Figure 4); the differences follow §5.2.2.
    """

    effort = ("splits", (1, 4, 16, 64))

    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    split_by: tuple[str, ...] = param((), "the columns C; empty: all but uid and secret that list no NULL")
    splits: int = param(10, "pairs that are averaged", unit="pairs", low=1, high=10_000)
    smallest_group: int = param(150, "fewest users with A = a", unit="users", low=2)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        """Those who are isolated by two columns, where there is a third to split by."""
        found = isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)
        columns = set(self.split_by or knowledge.columns)
        own = found["group"].isin(columns).astype(int) + found["by"].isin(columns)
        return found[own < len(columns)]

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        candidates = splits_by(session, self.split_by or knowledge.columns)
        if not candidates:
            return
        groups = with_and_without(victims)
        columns = [{row.group, row.by} for row in victims.itertuples(index=False)]
        if is_amount(session.schema, secret) and not amounts.refused(session, secret):
            if self.min_confidence == 0:
                asked = amounts.sums(session.schema, secret)
                sums = sums_of_pairs(groups, columns, candidates, self.splits, partial(numbers, session, asked))
                changes = mean(sums[:, :, 0] - sums[:, :, 1], axis=1)
                yield from amounts.claims(session.schema, secret, victims.index, changes)
            return
        values = secret_values(session, secret)
        if values.empty:
            return

        def ask(conditions: list[str]) -> np.ndarray:
            sqls = [histogram_query(session, secret, where) for where in conditions]
            return counts_of(session.query_many(sqls), values.index)

        sums = sums_of_pairs(groups, columns, candidates, self.splits, ask)
        spread = (2 + 2 * SHARED_CONDITIONS) / 2
        yield from claims_of(sums[:, :, 0], sums[:, :, 1], values, victims, spread, self.min_confidence, rng)

    def estimates(self, session: Session, groups: Sequence[tuple[str, object]]) -> np.ndarray:
        """How many users have each of these values, (column, value): float64 (G,), NaN where no pair was answered."""
        others = tuple(name for name in session.schema.names if name != session.schema.uid)
        ask = partial(numbers, session, [users(session.schema)])
        wanted = [(f"{quoted(column)} = {literal(value)}",) for column, value in groups]
        candidates = splits_by(session, self.split_by or others)
        sums = sums_of_pairs(wanted, [{column} for column, _ in groups], candidates, self.splits, ask)
        return mean(sums, axis=(1, 2, 3))
