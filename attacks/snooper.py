"""Who knows what others of a group have takes it off what the group has: the rest is the victim's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.accomplices import Group, asked_for, described, eligible_by_description, listed
from attacks.decide import choose, posterior
from attacks.histograms import counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, is_amount, quoted
from harness.model import Answer, Inference, Kind, Refused
from harness.plugin import Attack, Knowledge, Session, param

NOBODY = 1e-12  # share of a bucket that nobody is in


@dataclass(frozen=True, kw_only=True)
class snooper(Attack):
    """Who knows what others of a group have takes it off what the group has: the rest is the victim's.

    1. Accomplices tell their secrets; the first of them is the snooper himself.
    2. Take groups of the victim and accomplices only.
       groups=listed     by uid: the victim and 1, 2, 4, … of them, up to all
       groups=described  by what is known: sets with the same values of two or more columns
    3. For an amount ask for the sum of the secret (ask=avg: the average, times the number of those who have one), the
       smallest group first; where nothing is answered, the next. Subtract what the accomplices have; claim the rest,
       and only if `min_confidence` is 0: nothing is known of the noise in it.
    4. For a secret of few values, where 3 is refused, and where users have several rows (sums mix them up), ask for
       its histogram, the largest group first. Subtract the accomplices'. Claim the value with the highest posterior
       probability (see `attacks.decide`): the victim's bucket
       has 1 more. What is subtracted has no noise, so this is the difference of one answer and not of two. A bucket
       that is shown and in which no accomplice is holds the victim. A single bucket is compared with one of nobody.

    A control of k users is met by k − 1 accomplices: with one of them k = 2 falls. What stops it is noise that is large
    beside one user, and conditions on uids refused: sets of accomplices and one more are rare otherwise.

    Source: Nielson's dissertation, introduction: there are two men in the payroll department, one of them asks for the
    average salary of the men there, doubles it, and takes off his own. It says of partitions that a set of two is not
    secure if the snooper knows one of them.
    """

    by_uid = True
    needs_accomplices = 1

    groups: str = param("listed", "how a group is told", choices=("listed", "described"))
    ask: str = param("sum", "what is asked of an amount", choices=("sum", "avg"))
    columns: tuple[str, ...] = param((), "the columns that describe groups; empty: the usual ones of the dataset")
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        if not knowledge.accomplices:
            return knowledge.reveal().iloc[:0]
        if self.groups == "described":
            return eligible_by_description(knowledge, columns_for(knowledge, self.columns))
        return knowledge.reveal()

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        told = knowledge.reveal([secret], knowledge.accomplices)[secret]
        groups = described(victims) if self.groups == "described" else listed(session, victims, told.index, rng)
        amount = f"{self.ask}({quoted(secret)})"
        of_rows = session.schema.many_rows  # a sum has each amount as often as its user has rows, nobody says how often
        if is_amount(session.schema, secret) and not of_rows and not self._is_refused(session, amount):
            if self.min_confidence == 0:
                yield from self._amounts(session, secret, amount, groups, told)
        else:
            yield from self._values(session, secret, groups, told, rng)

    def _is_refused(self, session: Session, amount: str) -> bool:
        return isinstance(session.query(f"SELECT {amount} FROM {quoted(session.schema.table)}"), Refused)

    def _amounts(
        self, session: Session, secret: str, amount: str, groups: dict[object, list[Group]], told: pd.Series
    ) -> Iterator[Inference]:
        def answers(wheres: list[str]) -> list[Answer | Refused | None]:
            sqls = [f"SELECT {amount} FROM {quoted(session.schema.table)} WHERE {where}" for where in wheres]
            found = session.query_many(sqls)
            return [None if isinstance(a, Refused) or np.isnan(a.value) else a for a in found]

        whole = session.schema.column(secret).kind is Kind.INTEGER
        for uid, (group, answer) in asked_for(groups, answers).items():
            known = told.loc[group.accomplices].dropna().astype(float)
            total = answer.value * (len(known) + 1 if self.ask == "avg" else 1)
            rest = total - float(known.sum())
            yield Inference(uid, round(rest) if whole else rest, 0.0)

    def _values(
        self, session: Session, secret: str, groups: dict[object, list[Group]], told: pd.Series,
        rng: np.random.Generator,
    ) -> Iterator[Inference]:  # fmt: skip
        values = secret_values(session, secret)
        if values.empty:
            return

        def answers(wheres: list[str]) -> list[Answer | Refused | None]:
            found = session.query_many([histogram_query(session, secret, where) for where in wheres])
            return [a if isinstance(a, Answer) and len(a) else None for a in found]

        found = asked_for({uid: ways[::-1] for uid, ways in groups.items()}, answers)
        if not found:
            return
        shown = counts_of([answer for _, answer in found.values()], values.index)
        known = np.stack([_counts(told.loc[group.accomplices], values.index) for group, _ in found.values()])
        best, confidence = choose(_posterior(shown, known, values.to_numpy()), rng)
        for uid, value, sure in zip(found, values.index[best], confidence, strict=True):
            if sure >= self.min_confidence:
                yield Inference(uid, value, float(sure))


def _counts(told: pd.Series, values: pd.Index) -> np.ndarray:
    """How many of the accomplices have each value, (B,)."""
    own = told.astype(object).where(told.notna(), None)
    places = values.get_indexer(pd.Index(own, dtype=object))
    return np.bincount(places[places >= 0], minlength=len(values)).astype(float)


def _posterior(shown: np.ndarray, known: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The probability of each value, per victim, (V, B), from the counts shown of groups and those of accomplices."""
    known = np.where((known == 0) | np.isnan(shown), np.nan, known)
    alone = (~np.isnan(shown)).sum(axis=1, keepdims=True) == 1
    nobody = np.where(alone, 0.0, np.nan)
    found = posterior(np.hstack([shown, nobody]), np.hstack([known, nobody]), np.append(prior, NOBODY))[:, :-1]
    return np.asarray(found / found.sum(axis=1, keepdims=True))
