"""Sets of users listed by uid, and what follows from whether the buckets of such sets are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.isolation import literal, quoted, users
from harness.model import Answer
from harness.plugin import Session

ASTRAY = 1e-9  # chance that a bucket's being shown changes although its users do not


def among(session: Session, uids: Sequence[object]) -> str:
    """The condition that holds for these users."""
    return f"{quoted(session.schema.uid)} IN ({', '.join(literal(uid) for uid in uids)})"


def histogram(session: Session, secret: str, uids: Sequence[object]) -> str:
    """How many of these users have each value of the secret."""
    table = quoted(session.schema.table)
    return f"SELECT {quoted(secret)}, {users(session.schema)} FROM {table} WHERE {among(session, uids)} GROUP BY 1"


def shown(session: Session, wheres: Sequence[str]) -> np.ndarray:
    """Whether a count is shown under each condition, bool (len(wheres),). A shown 0 tells of nobody, like none."""
    table = quoted(session.schema.table)
    answers = session.query_many([f"SELECT count(*) FROM {table} WHERE {where}" for where in wheres])
    counts = np.array([answer.value if isinstance(answer, Answer) else np.nan for answer in answers])
    return np.asarray(~np.isnan(counts) & (counts != 0))


class Pool:
    """Users in random order, each given out once."""

    def __init__(self, uids: Sequence[object], rng: np.random.Generator) -> None:
        self.left = rng.permutation(np.array(uids)).tolist()

    def take(self, count: int) -> list[object] | None:
        """So many users; None, and nobody is given out, where fewer are left."""
        if count > len(self.left):
            return None
        taken, self.left = self.left[:count], self.left[count:]
        return taken


def appearance(probed: np.ndarray, appeared: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The probability of each value, per victim, from which buckets appeared when the victim joined a set: float64
    (V, B), rows summing to 1.

    `probed`: which values had a set just too small, of R sets each, bool (R, B); `appeared`: bool (R, V, B);
    `prior`: (B,). A victim with the value makes its bucket appear with the probability (d + 1)/(V + 2), d of V victims
    having made one appear (over all R); others never do.
    """
    sets, victims, _ = appeared.shape
    rate = (appeared.any(axis=2).sum() + 1) / (sets * victims + 2)
    missed = (probed[:, None, :] & ~appeared).sum(axis=0)
    log = np.log(prior) + appeared.sum(axis=0) * np.log(rate / ASTRAY) + missed * np.log(1 - rate)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
