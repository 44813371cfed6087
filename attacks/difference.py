"""Two histograms of the secret, with and without the victim: the bucket whose difference stands out is the secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims, counts_of, histogram_queries, secret_values
from attacks.isolation import columns_for, isolated
from harness.model import Inference, Schema
from harness.plugin import Attack, Knowledge, Session, param

SHARED_CONDITIONS = 2  # the group and the secret's value: conditions that both histograms have


@dataclass(frozen=True, kw_only=True)
class difference(Attack):
    """Two histograms of the secret, with and without the victim: the bucket whose difference stands out is the secret.

    1. From outside knowledge find users who are alone with their value of B among those with their value of A.
    2. Ask for the histogram of the secret where A = a, and where A = a AND B <> b.
    3. Subtract bucket by bucket. Only the victim's bucket has another set of users: its difference is 1 more, and
       under layered noise the dynamic samples of the k shared conditions do not cancel there, so that its variance
       is 2k + 1 times that of the others (the static layer of B <> b is common to all buckets).
    4. Claim the value with the highest posterior probability: prior the value's share of all users, likelihood
       normal with unknown common offset and noise (see `attacks.decide`).

    Source: Diffix-Birch §5.2.2 (Figure 5); the use of the noise's own variance follows Gadotti et al. 2019.
    """

    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    smallest_group: int = param(
        150, "fewest users with A = a; in smaller groups most buckets are suppressed", unit="users", low=2
    )
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        kind = schema.column(secret).kind
        return f"the difference attack needs a secret of few values; {secret} is {kind}" if kind == "real" else None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        return isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        answers = session.query_many(histogram_queries(session, knowledge.secret, victims))
        spread = 2 * SHARED_CONDITIONS + 1
        yield from claims(counts_of(answers, values.index), values, victims, spread, self.min_confidence, rng)
