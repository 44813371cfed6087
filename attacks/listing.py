"""Reads out the values, and combinations of values, that belong to one user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from attacks.isolation import quoted, users
from harness.model import Answer, Refused, SinglingOut
from harness.plugin import Attack, Knowledge, Session, param

LARGEST = 32  # counts above it are those of no single user, whatever the noise
SIZES = np.arange(1, 2 * LARGEST + 1)
SMALLEST = range(1, 9)  # shown sizes, to choose from
DEVIATIONS = np.geomspace(1e-3, 8.0, 20)  # of the noise, to choose from
SAMPLE = 500  # cells that the choice is made by


@dataclass(frozen=True, kw_only=True)
class listing(Attack):
    """Reads out the values, and combinations of values, that belong to one user.

    1. Ask for the counts of each column's values; then for those of combinations of two columns and more, the columns
       with most values first.
    2. A table's counts are taken as n + noise: sizes n = m, m + 1, … geometric with the mean that is shown, noise
       normal with deviation σ; m and σ are those under which the counts are most likely (σ next to nothing where they
       are whole numbers, m above 1 where small cells are not shown). That gives each cell the probability that its
       size is 1.
    3. Claim that exactly one user has these values, for as many cells as there are victims, the most probable first.
       What is impossible (probability 0) is not claimed. As soon as there are enough certain cells nothing more is
       asked.

    It knows nothing beforehand: P is 0, and the victims are whoever is found. It works because a list of values is an
    answer about single users wherever a value has one user. What stops it: low-count suppression of any kind; noise
    alone does not, since in a fine table nearly every cell that exists is of one user.

    Source: Diffix-Birch §3 (singling out), §5.3 (listing a column's values).
    """

    claims = "singling-out"
    effort = ("tables", (1, 4, 16))

    columns: tuple[str, ...] = param((), "the columns to list; empty: all that a user has one value of")
    depth: int = param(2, "the most columns in a combination", unit="columns", low=1)
    tables: int = param(5, "the most tables of each number of columns above one", unit="queries", low=1)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[SinglingOut]:
        columns = self.columns or tuple(dict.fromkeys([knowledge.secret, *knowledge.columns]))
        found: list[SinglingOut] = []
        widths: dict[str, int] = {}
        for depth in range(1, self.depth + 1):
            chosen = list(combinations(columns, depth))
            if depth > 1:
                width = {names: float(np.prod([widths[name] for name in names])) for names in chosen}
                chosen = sorted(chosen, key=lambda names: -width[names])[: self.tables]
            answers = session.query_many([_list_query(session, names) for names in chosen])
            if depth == 1:
                widths = {names[0]: _length(answer) for names, answer in zip(chosen, answers, strict=True)}
            for names, answer in zip(chosen, answers, strict=True):
                found += _cells(names, answer, len(victims), rng)
            found = sorted(found, key=lambda claim: -claim.confidence)[: len(victims)]
            if len(found) == len(victims) and found[-1].confidence > 1.0 - 1e-9:
                break
        yield from (claim for claim in found if claim.confidence >= self.min_confidence)


def _list_query(session: Session, names: tuple[str, ...]) -> str:
    listed = ", ".join(quoted(name) for name in names)
    return f"SELECT {listed}, {users(session.schema)} FROM {quoted(session.schema.table)} GROUP BY {listed}"


def _length(answer: Answer | Refused) -> int:
    return len(answer) if isinstance(answer, Answer) else 0


def _cells(
    names: tuple[str, ...], answer: Answer | Refused, most: int, rng: np.random.Generator
) -> Iterator[SinglingOut]:
    """The `most` cells of a table that are most probably of one user, ties broken at random, those of probability 0
    left out."""
    if not isinstance(answer, Answer) or not len(answer):
        return
    probability = single(answer.data[-1], rng)
    order = np.lexsort((rng.random(len(probability)), -probability))[:most]
    for i in order[probability[order] > 0].tolist():
        values = tuple((name, column[i]) for name, column in zip(names, answer.data, strict=False))
        yield SinglingOut(values, float(probability[i]))


def single(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The probability that each cell of a table is of one user, from its counts (NaN where there is none), (n,)."""
    probability = np.zeros(len(counts))
    low = np.flatnonzero(counts <= LARGEST)
    if not len(low):
        return probability
    mean = float(np.nanmean(counts))
    sample = counts[rng.permutation(low)[:SAMPLE]]
    models = [(_log_sizes(mean, smallest), deviation) for smallest in SMALLEST for deviation in DEVIATIONS]
    likelihood = [logsumexp(_log_joint(sample, *model), axis=1).sum() for model in models]
    joint = _log_joint(counts[low], *models[int(np.argmax(likelihood))])
    probability[low] = np.exp(joint[:, 0] - logsumexp(joint, axis=1))
    return probability


def _log_sizes(mean: float, smallest: int) -> np.ndarray:
    """Geometric sizes from the smallest on, with that mean."""
    rate = 1.0 / max(mean - smallest + 1.0, 1.0 + 1e-6)
    return np.where(smallest > SIZES, -np.inf, np.log(rate) + (SIZES - smallest) * np.log1p(-rate))


def _log_joint(counts: np.ndarray, log_sizes: np.ndarray, deviation: float) -> np.ndarray:
    """Log of the probability of each size with each count, shape (n, sizes)."""
    return log_sizes - 0.5 * ((counts[:, None] - SIZES) / deviation) ** 2 - np.log(deviation)
