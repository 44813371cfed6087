"""Ask in two halves that add up, split anew each time: noise that is drawn per query averages out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, isolated, literal, quoted, users, with_and_without
from harness.model import Answer, Inference
from harness.plugin import Attack, Knowledge, Session, param

SHARED_CONDITIONS = 3  # the group, the secret's value, and the condition that makes the half
TRIED = 2  # candidates looked at for each pair that is wanted

Split = tuple[str, str, str]  # column, condition of one half, condition of the other


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
        """Those who are isolated by two columns and can be split by a third."""
        found = isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)
        columns = set(self.split_by or knowledge.columns)
        own = found["group"].isin(columns).astype(int) + found["by"].isin(columns)
        return found[own < len(columns)]

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        values = secret_values(session, secret)
        candidates = self._candidates(session, knowledge.columns)
        if values.empty or not candidates:
            return
        groups = with_and_without(victims)
        columns = [{row.group, row.by} for row in victims.itertuples(index=False)]

        def ask(conditions: list[str]) -> np.ndarray:
            sqls = [histogram_query(session, secret, where) for where in conditions]
            return counts_of(session.query_many(sqls), values.index)

        sums = self._sums(groups, columns, candidates, ask)
        spread = (2 + 2 * SHARED_CONDITIONS) / 2
        yield from claims_of(sums[:, :, 0], sums[:, :, 1], values, victims, spread, self.min_confidence, rng)

    def estimates(self, session: Session, groups: Sequence[tuple[str, object]]) -> np.ndarray:
        """How many users have each of these values, (column, value): float64 (G,), NaN where no pair was answered."""
        select = f"SELECT {users(session.schema)} FROM {quoted(session.schema.table)}"
        others = tuple(name for name in session.schema.names if name != session.schema.uid)

        def ask(conditions: list[str]) -> np.ndarray:
            answers = session.query_many([f"{select} WHERE {where}" for where in conditions])
            return np.array([[a.value if isinstance(a, Answer) else np.nan] for a in answers])

        wanted = [(f"{quoted(column)} = {literal(value)}",) for column, value in groups]
        sums = self._sums(wanted, [{column} for column, _ in groups], self._candidates(session, others), ask)
        answered = (~np.isnan(sums)).sum(axis=(1, 2, 3))
        return np.where(answered > 0, np.nansum(sums, axis=(1, 2, 3)) / np.maximum(answered, 1), np.nan)

    def _candidates(self, session: Session, columns: Sequence[str]) -> list[Split]:
        """The splits by every listed value of the columns, the most balanced first."""
        names = self.split_by or tuple(columns)
        table = quoted(session.schema.table)
        listed = session.query_many(
            [f"SELECT {quoted(c)}, {users(session.schema)} FROM {table} GROUP BY 1" for c in names]
        )
        found: list[tuple[float, Split]] = []
        for column, answer in zip(names, listed, strict=True):
            if not isinstance(answer, Answer) or any(value is None for value in answer.data[0]):
                continue
            share = answer.data[1] / np.nansum(answer.data[1]) if len(answer) else answer.data[1]
            for value, part in zip(answer.data[0], share, strict=True):
                name, constant = quoted(column), literal(value)
                found.append((abs(part - 0.5), (column, f"{name} = {constant}", f"{name} <> {constant}")))
        return [split for _, split in sorted(found, key=lambda entry: entry[0])]

    def _sums(
        self,
        groups: Sequence[tuple[str, ...]],
        columns: Sequence[set[str]],
        candidates: list[Split],
        ask: Callable[[list[str]], np.ndarray],
    ) -> np.ndarray:
        """The sums of the pairs that were answered, (G, S, K, B) for G groups of K conditions each, S pairs at most and
        the B cells of an answer; NaN where a half was not shown. `columns`: those by which a group is not split."""
        own = [[split for split in candidates if split[0] not in by][: TRIED * self.splits] for by in columns]
        place, kept = [0] * len(groups), [[] for _ in groups]
        while True:
            ends = [at + self.splits - len(found) for at, found in zip(place, kept, strict=True)]
            todo = [(g, split) for g, end in enumerate(ends) for split in own[g][place[g] : end]]
            if not todo:
                break
            answers = ask([f"{where} AND {half}" for g, split in todo for where in groups[g] for half in split[1:]])
            halves = answers.reshape(len(todo), len(groups[0]), 2, -1)
            for (g, _), sums in zip(todo, halves.sum(axis=2), strict=True):
                place[g] += 1
                if (~np.isnan(sums)).any(axis=1).all():
                    kept[g].append(sums)
        cells = halves.shape[-1] if any(own) else 1
        padded = np.full((len(groups), max(map(len, kept), default=0), len(groups[0]), cells), np.nan)
        for g, sums in enumerate(kept):
            padded[g, : len(sums)] = np.reshape(sums, padded[g, : len(sums)].shape)
        return padded
