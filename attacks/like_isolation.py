"""A pattern that matches a name, and one person more: 'Murry' against '%Murry'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import quoted
from attacks.patterns import MARK, alone, pairs
from harness.model import Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

LAYERS = 2  # dynamic ones of the secret's value, with and without the victim


@dataclass(frozen=True, kw_only=True)
class like_isolation(Attack):
    """A pattern that matches a name, and one person more: 'Murry' against '%Murry'.

    1. From outside knowledge of a column of text find values X that many users have, and patterns that match X and one
       other user: the victim. Patterns are X with a % before, after or between its characters ('%Murry'), and X with
       a _ for one of them ('Murr_').
    2. Ask for the histogram of the secret under the pattern, and under one that matches X alone. For the latter take X
       with a % inside, at the first place where that matches nobody else ('M%urry'); X itself where there is none.
       Both sides are patterns then, and without layers for wildcards neither has any of its own.
    3. Subtract. With such layers every difference has the dynamic samples of both patterns, and that of the victim's
       bucket those of the secret's value besides. Claim the value with the highest posterior probability
       (`attacks.decide`).

    Source: Diffix-Birch §6.11 (Figure 17).
    """

    home = "surnames"

    column: str = param("", "the column of text; empty: the dataset's first usual one of text")
    smallest_group: int = param(
        50, "fewest users with the value X; in smaller groups most buckets are suppressed", unit="users", low=2
    )
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if schema.column(secret).kind is Kind.REAL:
            return f"the like-isolation attack needs a secret of few values; {secret} is real"
        columns = [c for c in _texts(schema) if c not in schema.masked(secret)]
        if self.column and self.column not in columns:
            return f"{self.column} is no column of text that the analyst can know"
        return None if columns else "the like-isolation attack needs a column of text that is known"

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        """The victims, with the columns `text` (the column), `matching` and `plain` (the two patterns)."""
        usual = [c for c in _texts(knowledge.schema) if c in knowledge.columns]
        column = self.column or usual[0]
        cells = knowledge.reveal((column,))[column].dropna().astype(str)
        found = pairs(cells, self.smallest_group)
        ordered = sorted(cells.unique())
        plain = {name: alone(name, ordered) for name in found["value"].unique()}
        return pd.DataFrame(
            {"text": column, "matching": found["pattern"], "plain": found["value"].map(plain)}, index=found.index
        )

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        sqls = [
            histogram_query(session, knowledge.secret, f"{quoted(row.text)} LIKE {pattern} ESCAPE '{MARK}'")
            for row in victims.itertuples(index=False)
            for pattern in (row.matching, row.plain)
        ]
        counts = counts_of(session.query_many(sqls), values.index)
        yield from claims_of(counts[0::2], counts[1::2], values, victims, 1.0, self.min_confidence, rng, LAYERS)


def _texts(schema: Schema) -> list[str]:
    """The columns of text, the usual ones first."""
    names = dict.fromkeys((*schema.quasi_identifiers, *schema.names))
    return [name for name in names if schema.column(name).kind is Kind.TEXT and name != schema.uid]
