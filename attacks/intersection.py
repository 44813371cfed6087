"""Two query sets that differ by the victim: what the answers differ by is the victim's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks import amounts
from attacks.histograms import claims, counts_of, histogram_queries, secret_values, sum_queries
from attacks.isolation import columns_for, is_amount, isolated
from harness.model import Inference
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class intersection(Attack):
    """Two query sets that differ by the victim: what the answers differ by is the victim's.

    1. From outside knowledge find users who are alone with their value of B among those with their value of A.
    2. For a secret of few values: count each value of the secret where A = a, and where A = a AND B <> b, one query
       each. Claim the value with the highest posterior probability (see `attacks.decide`; under independent noise of
       one size and equal shares that is the largest difference).
    3. For an amount: sum the secret where A = a, and where A = a AND B <> b; claim the difference, for each
       row of the victim (see `attacks.amounts`), and only if `min_confidence` is 0: nothing is known of the noise in
       it. Where sums are refused, count its values as in step 2.

    Source: Diffix-Birch §2 (intersection attack), after Fellegi 1972.
    """

    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    smallest_group: int = param(
        150, "fewest users with A = a; in smaller groups most buckets are suppressed", unit="users", low=2
    )
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        return isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        if is_amount(session.schema, secret) and not amounts.refused(session, secret):
            if self.min_confidence == 0:
                found = self.sums(session, sum_queries(session, secret, victims))
                yield from amounts.claims(session.schema, secret, victims.index, found[0::2] - found[1::2])
            return
        values = secret_values(session, secret)
        if not values.empty:
            counts = self.counts(session, histogram_queries(session, secret, victims), values.index)
            yield from claims(counts, values, victims, 1.0, self.min_confidence, rng)

    def counts(self, session: Session, sqls: list[str], values: pd.Index) -> np.ndarray:
        """What each histogram query says of each value, NaN where nothing, shape (len(sqls), len(values))."""
        return counts_of(session.query_many(sqls), values)

    def sums(self, session: Session, sqls: list[str]) -> np.ndarray:
        """What each query of a sum says, NaN where nothing, (len(sqls), 1); (len(sqls), 2) with counts of rows."""
        return amounts.numbers_of(session.query_many(sqls), 1 + session.schema.many_rows)
