"""Say the same in other words: where the noise hangs on the words, each wording is a new sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, isolated, literal, quoted, users
from attacks.wordings import FORMS, wordings
from harness.model import Answer, Inference
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class chaff(Attack):
    """Say the same in other words: where the noise hangs on the words, each wording is a new sample.

    1. For the condition A = a take the wordings in `attacks.wordings`: forms that select the same users for certain,
       some of them as often as one likes (A + 1 = a + 1, A + 2 = a + 2, ...), in turn until there are `wordings`.
    2. Ask for each wording. What is refused is left out. An answer that an earlier wording gave to the last digit is no
       new sample and counts once: `fresh` tells which forms gave one.
    3. A count (`estimates`) is the mean of the samples.
    4. Claims: ask histograms of the secret for each wording, with and without a victim who is isolated as in the
       difference attack, and claim the value with the highest posterior probability over all samples (independent
       noise, see `attacks.decide`).

    Conditions that are idle but true of everybody (age <> 1000) are not among the forms: where noise comes in layers
    they add layers and leave those that are there, which another attack makes use of.

    Source: Diffix-Birch §2 and §5.2.4 (chaff attack).
    """

    effort = ("wordings", (1, 4, 16, 64))

    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    wordings: int = param(20, "wordings that are asked", unit="queries", low=1, high=100_000)
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
        values = secret_values(session, secret)
        if values.empty:
            return
        sqls: list[str] = []
        place: list[tuple[int, int]] = []  # victim, wording
        for v, row in enumerate(victims.itertuples(index=False)):
            kind = session.schema.column(row.group).kind
            without = f"{quoted(row.by)} <> {literal(row.by_value)}"
            for w, (_, words) in enumerate(wordings(row.group, kind, row.group_value, self.wordings)):
                sqls += [histogram_query(session, secret, where) for where in (words, f"({words}) AND {without}")]
                place.append((v, w))
        counts = counts_of(session.query_many(sqls), values.index).reshape(len(place), 2, len(values))
        asked = np.full((len(victims), self.wordings, 2, len(values)), np.nan)
        asked[tuple(np.array(place).T)] = counts
        for of_victim in asked:
            of_victim[~_new(of_victim.reshape(self.wordings, -1))] = np.nan
        yield from claims_of(asked[:, :, 0], asked[:, :, 1], values, victims, 1.0, self.min_confidence, rng)

    def estimates(self, session: Session, groups: Sequence[tuple[str, object]]) -> np.ndarray:
        """How many users have each of these values, (column, value): float64 (G,), NaN where nothing was answered."""
        found = [np.array([count for _, count in self._counts(session, *group)]) for group in groups]
        return np.array([counts[_new(counts[:, None])].mean() if _any(counts) else np.nan for counts in found])

    def fresh(self, session: Session, column: str, value: object) -> dict[str, bool | None]:
        """Form -> whether one of its wordings gave a sample that no form before it gave; None where all were refused or
        suppressed."""
        asked = self._counts(session, column, value)
        new = _new(np.array([count for _, count in asked])[:, None])
        told: dict[str, bool | None] = {form.name: None for form in FORMS}
        for (name, count), is_new in zip(asked, new, strict=True):
            if not np.isnan(count):
                told[name] = bool(told[name] or is_new)
        return told

    def _counts(self, session: Session, column: str, value: object) -> list[tuple[str, float]]:
        """Form and answer (NaN: none) for each wording."""
        words = list(wordings(column, session.schema.column(column).kind, value, self.wordings))
        table = quoted(session.schema.table)
        answers = session.query_many(
            [f"SELECT {users(session.schema)} FROM {table} WHERE {where}" for _, where in words]
        )
        counts = [answer.value if isinstance(answer, Answer) else np.nan for answer in answers]
        return list(zip((name for name, _ in words), counts, strict=True))


def _new(answers: np.ndarray) -> np.ndarray:
    """Which of the answers, (W, cells), show anything and equal none before them: bool (W,)."""
    first = np.zeros(len(answers), dtype=bool)
    first[np.unique(answers, axis=0, return_index=True, equal_nan=True)[1]] = True
    return first & ~np.isnan(answers).all(axis=1)


def _any(counts: np.ndarray) -> bool:
    return bool((~np.isnan(counts)).any())
