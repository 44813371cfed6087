"""Two histograms of the secret, with and without the victim: the bucket whose difference stands out is the secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims, counts_of, histogram_query, one_row, secret_values
from attacks.isolation import columns_for, high_earners, isolated, quoted, with_and_without, with_reference
from harness.model import Answer, Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

KNOWN = "known"
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

    With `kind=sum` the victims earn more than the average of their group: sum the amounts (column `amount`) in place of
    step 2, and divide by the victim's own, which is known. His bucket differs by 1 again, and noise in proportion to
    the average amount is smaller than that.

    With `kind=derivative` subtract the same difference in the largest group where nobody has B = b: what B <> b itself
    adds, the same in both groups, cancels, and what is left is 0 but for noise in all buckets and 1 in the victim's.

    With `kind=nulls` count the rows and the known secrets in both sets: rows less known ones, with less without the
    victim, is 1 where his secret is NULL, 0 where it is not. Only NULL is claimed, where that is the more probable.

    Source: Diffix-Birch §5.2.2 (Figure 5); the use of the noise's own variance follows Gadotti et al. 2019.
    """

    kind: str = param("count", "what the histograms hold", choices=("count", "sum", "derivative", "nulls"))
    amount: str = param(
        "", "column of the amounts of kind=sum; empty: the first known one of numbers that is not usual"
    )
    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    smallest_group: int = param(
        150, "fewest users with A = a; in smaller groups most buckets are suppressed", unit="users", low=2
    )
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        kind = schema.column(secret).kind
        if kind is Kind.REAL and self.kind != "nulls":
            return f"the difference attack needs a secret of few values; {secret} is {kind}"
        known = [c.name for c in schema.columns if c.kind.is_number and c.name not in schema.masked(secret)]
        if self.kind == "sum" and not [name for name in known if self.amount in ("", name) and name != schema.uid]:
            return "the sum variant needs a column of numbers that is known"
        return None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        found = isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)
        if self.kind == "sum":
            return high_earners(knowledge, found, self._amount(knowledge))
        return with_reference(knowledge, found) if self.kind == "derivative" else found

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        if self.kind == "nulls":
            yield from self._nulls(session, knowledge.secret, victims, rng)
            return
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        of = f"sum({quoted(self._amount(knowledge))})" if self.kind == "sum" else ""
        where = [condition for pair in with_and_without(victims) for condition in pair]
        spread = 2.0 * SHARED_CONDITIONS + 1
        if self.kind == "derivative":
            reference = with_and_without(victims.assign(group_value=victims["reference"]))
            where += [condition for pair in reference for condition in reversed(pair)]
            spread = SHARED_CONDITIONS + 1  # the others have the dynamic sample of B <> b in either group
        answers = session.query_many([histogram_query(session, knowledge.secret, w, of) for w in where])
        counts = counts_of(answers, values.index)
        if self.kind == "sum":
            counts /= np.repeat(victims["amount"].to_numpy(dtype=float), 2)[:, None]
            counts = one_row(counts) if session.schema.many_rows else counts
        if self.kind == "derivative":
            counts = counts[: len(counts) // 2] + np.nan_to_num(counts[len(counts) // 2 :])
        yield from claims(counts, values, victims, spread, self.min_confidence, rng)

    def _nulls(
        self, session: Session, secret: str, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        """NULL against known, two buckets that need no histogram."""
        table, column = quoted(session.schema.table), quoted(secret)
        both = f"count(*), count({column})"
        where = [condition for pair in with_and_without(victims) for condition in pair]
        sqls = [f"SELECT {both} FROM {table}", *(f"SELECT {both} FROM {table} WHERE {w}" for w in where)]
        pairs = [a.data if isinstance(a, Answer) and len(a) else None for a in session.query_many(sqls)]
        counts = np.array([[pair[0][0] - pair[1][0], pair[1][0]] if pair else [np.nan] * 2 for pair in pairs])
        share = np.clip(np.nan_to_num(counts[0], nan=1.0), 1.0, None)
        values = pd.Series(share / share.sum(), index=pd.Index([None, KNOWN], dtype=object))
        of_victims = one_row(counts[1:]) if session.schema.many_rows else counts[1:]
        found = claims(of_victims, values, victims, 2 * SHARED_CONDITIONS - 1, self.min_confidence, rng)
        yield from (claim for claim in found if claim.value is None)

    def _amount(self, knowledge: Knowledge) -> str:
        usual = knowledge.schema.quasi_identifiers
        known = [c for c in knowledge.columns if knowledge.schema.column(c).kind.is_number]
        return self.amount or next((c for c in known if c not in usual), known[0])
