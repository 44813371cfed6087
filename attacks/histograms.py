"""Histograms of the secret with and without each victim: what intersection, averaging and difference all ask.

They count users. Where every user has one row that is count(*), which every defense answers; where users have several
(`Schema.many_rows`) it is count(DISTINCT uid), for there a victim takes more than 1 off the rows of a bucket. Who
refuses that is not attacked so. Secrets and known columns are the same in all rows of a user, so each is in one bucket.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from attacks.amounts import sums
from attacks.decide import choose, posterior
from attacks.isolation import quoted, users, with_and_without
from harness.model import Answer, Inference, Refused
from harness.plugin import Session


def secret_values(session: Session, secret: str) -> pd.Series:
    """The values of the secret that the database lists, with their shares of all users (noisy, above 0)."""
    return shares_of(session.query(whole_histogram(session, secret)))


def whole_histogram(session: Session, secret: str) -> str:
    """The histogram of the secret among all users."""
    return f"SELECT {quoted(secret)}, {users(session.schema)} FROM {quoted(session.schema.table)} GROUP BY 1"


def shares_of(answer: Answer | Refused) -> pd.Series:
    """The values of a histogram with their shares of all, noisy, above 0; none where it is refused or empty."""
    if not isinstance(answer, Answer) or not len(answer):
        return pd.Series(dtype=float)
    counts = np.clip(np.nan_to_num(answer.data[1], nan=1.0), 1.0, None)
    return pd.Series(counts / counts.sum(), index=pd.Index(answer.data[0], dtype=object))


def histogram_queries(session: Session, secret: str, victims: pd.DataFrame) -> list[str]:
    """Per victim two queries: the histogram of the secret in the group with, then without the victim."""
    return [histogram_query(session, secret, where) for pair in with_and_without(victims) for where in pair]


def histogram_query(session: Session, secret: str, where: str, of: str = "") -> str:
    """The histogram of the secret among those who meet the condition; `of`: the aggregate of each value, users unless
    another is given."""
    of = of or users(session.schema)
    return f"SELECT {quoted(secret)}, {of} FROM {quoted(session.schema.table)} WHERE {where} GROUP BY 1"


def sum_queries(session: Session, secret: str, victims: pd.DataFrame) -> list[str]:
    """Per victim two queries: the sum of the secret (see `attacks.amounts`) over the group with, then without the
    victim."""
    table, listed = quoted(session.schema.table), ", ".join(sums(session.schema, secret))
    return [f"SELECT {listed} FROM {table} WHERE {where}" for pair in with_and_without(victims) for where in pair]


def counts_of(answers: list[Answer | Refused], values: pd.Index) -> np.ndarray:
    """The count of each value in each answer, NaN where it is not shown, shape (len(answers), len(values))."""
    counts = np.full((len(answers), len(values)), np.nan)
    shown = [(i, answer.data) for i, answer in enumerate(answers) if isinstance(answer, Answer) and len(answer)]
    if shown:
        row = np.repeat([i for i, _ in shown], [len(data[0]) for _, data in shown])
        place = values.get_indexer(pd.Index(np.concatenate([data[0] for _, data in shown]), dtype=object))
        counts[row[place >= 0], place[place >= 0]] = np.concatenate([data[1] for _, data in shown])[place >= 0]
    return counts


def one_row(counts: np.ndarray) -> np.ndarray:
    """Rows with and without each victim in turn, (2V, B), in units of all that the victim has: these are by how much
    all buckets together differ, a whole number, one at least."""
    own = np.nansum(counts[0::2] - counts[1::2], axis=1)
    return np.asarray(counts / np.repeat(np.maximum(np.round(own), 1.0), 2)[:, None])


def claims(
    counts: np.ndarray,
    values: pd.Series,
    victims: pd.DataFrame,
    spread: float,
    min_confidence: float,
    rng: np.random.Generator,
) -> Iterator[Inference]:
    """One claim per victim about whom anything was shown: the most probable value (see `attacks.decide`).

    `counts`: (2V, B), the histograms with and without the victim in turn.
    """
    yield from claims_of(counts[0::2], counts[1::2], values, victims, spread, min_confidence, rng)


def claims_of(
    with_victim: np.ndarray,
    without: np.ndarray,
    values: pd.Series,
    victims: pd.DataFrame,
    spread: float,
    min_confidence: float,
    rng: np.random.Generator,
    layers: int = 0,
) -> Iterator[Inference]:
    """The same from histograms with and without the victim, (V, B) or (V, S, B) for S pairs a victim."""
    best, confidence = choose(posterior(with_victim, without, values.to_numpy(), spread, layers), rng)
    shown = ~(np.isnan(with_victim) & np.isnan(without)).reshape(len(victims), -1).all(axis=1)
    for uid, value, sure, is_shown in zip(victims.index, values.index[best], confidence, shown, strict=True):
        if is_shown and sure >= min_confidence:
            yield Inference(uid, value, float(sure))
