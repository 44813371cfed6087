"""Fits a model of the secret to released statistics, and predicts persons' secrets from what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.contingency import ONE_USER, ROWS, Attribute, attributes, crossed, fitted, indicators, table_query
from attacks.decide import choose
from attacks.histograms import secret_values
from attacks.isolation import is_amount, quoted
from harness.model import Answer, Inference, Kind
from harness.plugin import Attack, Knowledge, Session, param

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class regression(Attack):
    """Fits a model of the secret to released statistics, and predicts persons' secrets from what is known of them.

    1. Ask for the histogram of each known attribute; merge its values into at most `classes` classes (of numbers:
       neighbours, about equally many users each; of words: the rarest). What lists nothing is left out.
    2. Ask for the sufficient statistics of a model, tables of two columns at most, and no rows:
       least-squares   users by every two attributes, and by every attribute and the secret (of an amount: its sums).
                       They are XᵀX and XᵀY of a linear regression of Y, which value of the secret a user has, on
                       indicators X of the classes
       naive-bayes     users by every attribute and the secret; attributes taken as independent given the secret
    3. Fit. Before anything is counted one user is believed to be average, so classes of few users say little.
    4. Look up the victims' attributes, and claim the value with the highest predicted probability; of an amount, the
       predicted mean, rounded to a whole number where amounts are whole.

    An amount is seldom right within the tolerance, and no probability belongs to a single one: it is claimed with
    confidence 0, and only if `min_confidence` is 0. Bands and categories are what this attack is for.

    It learns nothing of a person that is not true of others like him, so no defense that answers about large groups
    stops it; `--baseline conditional` says what is left once a guess knows as much.

    Source: Palley and Simonoff, The use of regression methodology for the compromise of confidential information in
    statistical databases, ACM TODS 12 (1987). They draw synthetic rows from released histograms and fit to these; the
    moments of the histograms are enough, and free of the drawing's error.
    """

    exact_against_none = False

    model: str = param("least-squares", "what is fitted", choices=("least-squares", "naive-bayes"))
    columns: tuple[str, ...] = param((), "the attributes; empty: all columns that can be known")
    classes: int = param(20, "classes that an attribute's values are merged into, at most", low=2, high=1_000)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        names = self.columns or knowledge.columns
        kinds = [session.schema.column(name).kind for name in names]
        known = knowledge.reveal(names, list(victims.index))
        of = ROWS if (is_sum := is_amount(session.schema, knowledge.secret)) else ""
        found = attributes(session, names, [kind.is_number or kind.is_time for kind in kinds], self.classes, of)
        if not is_sum:
            yield from self._values(session, knowledge.secret, known, found, rng)
        elif self.min_confidence == 0:
            yield from self._amounts(session, knowledge.secret, known, found)

    def _values(
        self, session: Session, secret: str, known: pd.DataFrame, found: list[Attribute], rng: np.random.Generator
    ) -> Iterator[Inference]:
        shares = secret_values(session, secret)
        if shares.empty:
            return
        values = Attribute(secret, pd.Series(np.arange(len(shares)), index=shares.index), shares.to_numpy())
        answers = session.query_many([table_query(session, (a.name, secret)) for a in found])
        tables = [crossed(a, values, answer) for a, answer in zip(found, answers, strict=True)]
        if self.model == "naive-bayes":
            probability = _bayes(found, tables, known, shares.to_numpy())
        else:
            more = [table - a.sizes[:, None] * shares.to_numpy() for a, table in zip(found, tables, strict=True)]
            probability = (shares.to_numpy() + self._predicted(session, found, more, known, "")).clip(1e-9)
            probability /= probability.sum(axis=1, keepdims=True)
        best, confidence = choose(probability, rng)
        for uid, value, sure in zip(known.index, shares.index[best], confidence, strict=True):
            if sure >= self.min_confidence:
                yield Inference(uid, value, min(float(sure), 1.0))

    def _amounts(
        self, session: Session, secret: str, known: pd.DataFrame, found: list[Attribute]
    ) -> Iterator[Inference]:
        column, table = quoted(secret), quoted(session.schema.table)
        whole, *answers = session.query_many(
            [
                f"SELECT sum({column}), count({column}) FROM {table}",
                *(table_query(session, (a.name,), f"sum({column})") for a in found),
            ]
        )
        if not isinstance(whole, Answer) or not len(whole) or not whole.data[1][0] > 0:
            return
        mean = float(whole.data[0][0] / whole.data[1][0])
        more = [(a.sums(answer) - a.sizes * mean)[:, None] for a, answer in zip(found, answers, strict=True)]
        amounts = mean + self._predicted(session, found, more, known, ROWS)[:, 0]
        is_whole = session.schema.column(secret).kind is Kind.INTEGER
        for uid, amount in zip(known.index, amounts.tolist(), strict=True):
            if np.isfinite(amount):
                yield Inference(uid, round(amount) if is_whole else amount, 0.0)

    def _predicted(
        self, session: Session, found: list[Attribute], more: list[Floats], known: pd.DataFrame, of: str
    ) -> Floats:
        """By how much the persons' Y exceed its mean, (V, Y), from how much the sums of Y over the classes of each
        attribute do, (K, Y)."""
        if not found:
            return np.zeros((len(known), 1))
        pairs = list(combinations(range(len(found)), 2))
        answers = session.query_many([table_query(session, (found[i].name, found[j].name), of) for i, j in pairs])
        both = {(i, j): crossed(found[i], found[j], a) for (i, j), a in zip(pairs, answers, strict=True)}
        return np.asarray(indicators(found, known) @ fitted(found, both, more))


def _bayes(found: list[Attribute], tables: list[Floats], known: pd.DataFrame, shares: Floats) -> Floats:
    log = np.tile(np.log(shares), (len(known), 1))
    for attribute, table in zip(found, tables, strict=True):
        general = table.sum(axis=1, keepdims=True) / max(table.sum(), 1.0)
        given = (table + ONE_USER * general) / (table.sum(axis=0) + ONE_USER)
        rows = attribute.of(known[attribute.name])
        log += np.where(rows[:, None] >= 0, np.log(np.maximum(given[rows], 1e-300)), 0.0)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
