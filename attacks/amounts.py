"""What one user has of an amount, from sums that differ by that user.

Where a user has one row the difference of two sums is the amount. Where users have several (`Schema.many_rows`), it is
the amount as often as the user has rows; how often, the difference of two counts says, asked for in the same query.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.isolation import quoted
from harness.model import Answer, Inference, Kind, Refused, Schema
from harness.plugin import Session

Floats = NDArray[np.float64]


def sums(schema: Schema, secret: str) -> list[str]:
    """The aggregates to ask for: the sum, and where it takes that the number of rows that it is of."""
    return [f"sum({quoted(secret)})", *([f"count({quoted(secret)})"] if schema.many_rows else [])]


def refused(session: Session, secret: str) -> bool:
    """Whether the sum over all users is not answered: then a number may still be learned from counts of its values."""
    listed = ", ".join(sums(session.schema, secret))
    return isinstance(session.query(f"SELECT {listed} FROM {quoted(session.schema.table)}"), Refused)


def numbers_of(answers: list[Answer | Refused], columns: int) -> Floats:
    """The numbers in each answer of one row, NaN where there is none: (len(answers), columns)."""
    nothing = [np.nan] * columns
    rows = [[column[0] for column in a.data] if isinstance(a, Answer) and len(a) else nothing for a in answers]
    return np.array(rows, dtype=float).reshape(-1, columns)


def amounts(changes: Floats) -> Floats:
    """What each victim has, from by how much the `sums` change by him: (V, 1) or (V, 2) -> (V,). A user has a whole
    number of rows, one at least."""
    return changes[:, 0] / np.maximum(np.round(changes[:, 1]), 1.0) if changes.shape[1] > 1 else changes[:, 0]


def claims(schema: Schema, secret: str, uids: pd.Index, changes: Floats) -> Iterator[Inference]:
    """One claim per victim of whom the change is known. A single difference does not say how much of it is noise, so
    no probability belongs to it: it is claimed with confidence 0, by attacks whose `min_confidence` is 0."""
    whole = schema.column(secret).kind is Kind.INTEGER
    for uid, amount in zip(uids, amounts(changes).tolist(), strict=True):
        if np.isfinite(amount):
            yield Inference(uid, round(amount) if whole else amount, 0.0)
