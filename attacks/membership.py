"""Whose record is in the table? A test over many released means or counts, against a sample of the population."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.released import SCORES, released
from harness.model import Linkability, Schema
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class membership(Attack):
    """Whose record is in the table? A test over many released means or counts, against a sample of the population.

    1. Look at the records of the mix, and at a reference sample of people who are known to be outside.
    2. Ask for the number of rows; for the average of every column of numbers, and for the counts of the values of every
       other one (`release=counts`: of all, but reals). Averages that are refused are replaced by counts, counts by
       value that are refused by one count for each value. Columns of dates, and counts of over 1,000 values, are left
       out.
    3. Compare each record with what was released and with the reference. With x_j the record's value of feature j (of a
       number on a scale from 0 to 1; 1 for the value that it has, 0 for others), p̂_j what was released and p_j the mean
       of the reference:
       homer             T = √m · mean(D) / SD(D) over D_j = |x_j − p_j| − |x_j − p̂_j|
       likelihood-ratio  L = Σ log(p̂_j / p_j) over the values that the record has, and over the averages of numbers
                         Σ w_j (x_j log(p̂_j / p_j) + (1 − x_j) log((1 − p̂_j) / (1 − p_j)))
       with w_j = p_j (1 − p_j) / s_j², s_j² the variance in the reference. Half an observation more of each value in
       p_j, and one more, of p_j, in p̂_j, keep both above 0. Of n rows, p̂_j − p_j is taken times n s_j² / (n s_j² + σ²),
       where σ² is the variance of the noise, estimated from how far all of n p̂_j lie from n p_j (`_noise`).
    4. Calibrate on non-members: the reference records get the same score, each against the others of them. The p-value
       of a record is (1 + number of reference records with a score as large) / (1 + number of reference records).
    5. Claim that a record is in the table where p ≤ false_positive_rate, with confidence 1 − p.

    A claim says "in"; nothing is ever claimed of a record outside. `false_positive_rate=1` claims every record, which
    is right for the share of members, so that κ is 0: it is for drawing ROC curves from the confidences.

    For independent features, p known, n rows and m features (numbers count once, k values as k − 1) the two statistics
    have power 1 − β at the false-positive rate α where √(m/n) ≈ z_α + z_{1−β}; with R reference records m/n becomes
    m/n · R/(R + n).

    Source: Homer et al. 2008 (T); Sankararaman, Obozinski, Jordan, Halperin 2009 (L, the bound). There all features are
    0 or 1. w_j is 1 of these; of a number of another variance it is what quasi-likelihood takes. Homer reads T off the
    normal distribution, here and in Sankararaman et al. the null distribution is sampled.
    """

    claims = "linkability"
    exact_against_none = False

    statistic: str = param("likelihood-ratio", "what records are compared by", choices=tuple(SCORES))
    false_positive_rate: float = param(0.05, "share of non-members that are claimed to be members", low=0, high=1)
    release: str = param("means", "what is asked of whole numbers", choices=("means", "counts"))
    columns: tuple[str, ...] = param((), "the columns looked at; empty: all")
    reference: int = param(5_000, "people outside who are looked at, at most", unit="records", low=10)
    pool: int | None = param(None, "users in the protected table; null: half of the dataset's", unit="users", low=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        hidden = {schema.uid, *schema.masked(secret)}
        if not [column for column in schema.columns if column.name not in hidden and not column.kind.is_time]:
            return f"besides {secret} the table has no column of numbers or values"
        return None

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Linkability]:
        outside = np.array(knowledge.reveal().index.difference(victims.index))
        reference = rng.permutation(outside)[: self.reference]
        if len(reference) < 2:
            return
        columns = self.columns or knowledge.columns
        cells = knowledge.reveal(columns, [*reference.tolist(), *victims.index.tolist()])
        blocks = released(session, cells, self.release == "means")
        if not blocks:
            return
        score = SCORES[self.statistic](blocks, len(reference))
        null, scores = np.sort(score[: len(reference)]), score[len(reference) :]
        as_large = len(null) - np.searchsorted(null, scores, side="left")
        for record, p in zip(victims.index, (1 + as_large) / (1 + len(null)), strict=True):
            if p <= self.false_positive_rate:
                yield Linkability(record, 1 - float(p))
