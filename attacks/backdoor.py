"""Conditions that the defense does not read as what they are: 'everybody but the victim', said as an equality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attacks.hidden import CONDITIONS
from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, isolated, literal, quoted
from harness.model import Answer, Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

LAYERS = 4  # dynamic ones of the group and the secret's value, with and without the victim

LeftOut = tuple[Any, int, int]  # the victim's row, the value of B that is left out, the number of the wording


@dataclass(frozen=True, kw_only=True)
class backdoor(Attack):
    """Conditions that the defense does not read as what they are: 'everybody but the victim', said as an equality.

    1. From outside knowledge find users who are alone with their value of B, a column of whole numbers, among those
       with their value of A. Find a value of B, too, that nobody has.
    2. Ask for the histogram of the secret where A = a and a condition holds that leaves out one value of B: the
       victim's, and the value that nobody has. It is an equality in form, and so no exclusion that the defense has
       rules for. `kind`: `jumps` (Figure 11: rounding that tells whether B lies between two numbers, three functions
       with jumps), `functions` (one such function of the distance), `math` (x / x = 1, which has no value for 0),
       `casts` (a number as truth value), `concat` (the same as text), `having` (math on what each user's rows give).
    3. Do so in `wordings` ways that differ in a constant, and average the histograms.
    4. Subtract, and claim the value with the highest posterior probability (`attacks.decide`).

    Where conditions are seeded by their words, each wording is a new sample and averages out. Where unclear ones are
    seeded by the values that they let through, the samples are the same with and without the victim except in his
    bucket: the differences of all others are exactly 0. So floating stops the chaff, and not this attack; what is
    refused stops it.

    Source: Diffix-Birch §6, §6.2 (Figures 11 and 12), §6.4.
    """

    effort = ("wordings", (1, 4, 16, 64))

    kind: str = param("functions", "how the condition is hidden", choices=tuple(CONDITIONS))
    columns: tuple[str, ...] = param((), "the columns A and B are taken from; empty: the usual ones of the dataset")
    wordings: int = param(4, "wordings of each condition", unit="queries", low=1, high=1_000)
    smallest_group: int = param(
        150, "fewest users with A = a; in smaller groups most buckets are suppressed", unit="users", low=2
    )
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if schema.column(secret).kind is Kind.REAL:
            return f"the backdoor attack needs a secret of few values; {secret} is real"
        known = [c for c in schema.columns if c.name not in (schema.uid, *schema.masked(secret))]
        if not any(c.kind is Kind.INTEGER for c in known):
            return "the backdoor attack needs a column of whole numbers that is known"
        return None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        columns = columns_for(knowledge, self.columns)
        kinds = {c: knowledge.schema.column(c).kind for c in columns}
        if Kind.INTEGER not in kinds.values():
            whole = [c for c in knowledge.columns if knowledge.schema.column(c).kind is Kind.INTEGER]
            columns = (*columns, *whole[:1])
        found = isolated(knowledge, columns, self.smallest_group)
        whole_by = [knowledge.schema.column(by).kind is Kind.INTEGER for by in found["by"]]
        found = found[np.array(whole_by, dtype=bool)]
        cells = knowledge.reveal(columns)
        ends = {by: (int(cells[by].min()), int(cells[by].max())) for by in found["by"].unique()}
        return found.assign(low=[ends[by][0] for by in found["by"]], high=[ends[by][1] for by in found["by"]])

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        left_out = [
            (row, value, i)
            for row in victims.itertuples(index=False)
            for value in (row.high + 1, row.by_value)
            for i in range(1, self.wordings + 1)
        ]
        ask = self._of_users if self.kind == "having" else self._of_rows
        counts = ask(session, knowledge.secret, values.index, left_out)
        counts = counts.reshape(len(victims), 2, self.wordings, len(values))
        shown = (~np.isnan(counts)).sum(axis=2)
        mean = np.where(shown > 0, np.nansum(counts, axis=2) / np.maximum(shown, 1), np.nan)
        yield from claims_of(mean[:, 0], mean[:, 1], values, victims, 1.0, self.min_confidence, rng, LAYERS)

    def _of_rows(self, session: Session, secret: str, values: pd.Index, left_out: list[LeftOut]) -> np.ndarray:
        """The histograms, NaN where a value is not shown: (len(left_out), B)."""
        where = [f"{_group(row)} AND {self._condition(quoted(row.by), row, value, i)}" for row, value, i in left_out]
        return counts_of(session.query_many([histogram_query(session, secret, w) for w in where]), values)

    def _of_users(self, session: Session, secret: str, values: pd.Index, left_out: list[LeftOut]) -> np.ndarray:
        """The same, a query for each value: what is grouped by the user has no other key."""
        uid, table = quoted(session.schema.uid), quoted(session.schema.table)
        sqls = [
            f"SELECT count(*) FROM (SELECT {uid}, max({quoted(row.by)}) AS m FROM {table} WHERE {_group(row)} "
            f"AND {quoted(secret)} {'IS NULL' if found is None else '= ' + literal(found)} GROUP BY {uid} "
            f"HAVING {self._condition('m', row, value, i)}) AS users"
            for row, value, i in left_out
            for found in values
        ]
        answers = session.query_many(sqls)
        # a count of 0 is a bucket that is not there
        counts = [a.value if isinstance(a, Answer) and a.value else np.nan for a in answers]
        return np.reshape(counts, (len(left_out), len(values)))

    def _condition(self, name: str, row: Any, value: int, i: int) -> str:
        return CONDITIONS[self.kind](name, int(value), int(row.high - row.low + 2), i)


def _group(row: Any) -> str:
    return f"{quoted(row.group)} = {literal(row.group_value)}"
