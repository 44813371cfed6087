"""Counts of a secret's values in random sets of users, asked until enough are answered: equations."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import truncnorm

from attacks.histograms import counts_of, histogram_query
from attacks.isolation import literal, quoted, users
from attacks.selectors import Chosen, Population
from harness.model import Answer
from harness.plugin import Session

Floats = NDArray[np.float64]

FIRST = 20  # queries of the first batch: a form that is refused is refused then
PIECE = 1_000  # queries of a batch
PATIENCE = 2  # times the queries that are wanted are asked at most
SMALLEST = 1e-9  # standard error of a share
WHOLE = 1e-6  # users by which counts may miss the size of their set and still add up to it


class Sets(Protocol):
    """So many random sets of the population, as conditions and as members."""

    def __call__(self, *, count: int) -> Chosen: ...


def subset_sums(
    session: Session, secret: str, people: Population, counted: pd.Index, number: int, sets: Sets, wanted: int
) -> tuple[Floats, Floats]:
    """The equations of which something was shown: who is in each set, float64 (m, n), and how many in it have each of
    the `counted` values of the `number` that there are, float64 (m, V), NaN where that was not shown.

    What is refused or suppressed makes room for further sets, until `wanted` have answers, twice as many were asked, or
    a whole batch gave nothing.
    """
    found, left, size = [], PATIENCE * wanted, FIRST
    while wanted > 0 and left > 0:
        texts, members = sets(count=min(size, wanted, left))
        wheres = [f"{text} AND {people.where}" if people.where else text for text in texts]
        if len(counted) == number:
            answers = _histograms(session, secret, wheres, counted, members.sum(axis=1))
        else:
            answers = _counts(session, secret, wheres, counted[0])
        shown = ~np.isnan(answers).all(axis=1)
        if not shown.any():
            break
        found.append((members[shown].astype(np.float64), answers[shown]))
        left, wanted, size = left - len(texts), wanted - int(shown.sum()), PIECE
    if not found:
        return np.empty((0, len(people))), np.empty((0, len(counted)))
    design, answers = (np.concatenate(part) for part in zip(*found, strict=True))
    return design, answers


def shares_in(design: Floats, answers: Floats, number: int) -> Floats:
    """What share of these users has each of `number` values, the counted ones first, (number,): the mean of a normal
    distribution about Σ answers / Σ sizes, cut to from half a user to all but half a user. Its deviation comes from how
    far the answers lie from that share of their sizes, and is that of one answer over √m."""
    sizes = np.where(np.isnan(answers), np.nan, design.sum(axis=1)[:, None])
    shown = np.maximum((~np.isnan(answers)).sum(axis=0), 1)
    whole = np.maximum(np.nansum(sizes, axis=0), 1.0)
    counted = np.nansum(answers, axis=0) / whole
    squares = np.nansum((answers - counted * sizes) ** 2, axis=0)
    error = np.where(shown > 1, np.sqrt(squares * shown / np.maximum(shown - 1, 1)) / whole + SMALLEST, 1.0)
    least = 0.5 / design.shape[1]
    with np.errstate(invalid="ignore"):  # of its skewness, which nobody asks for
        shares = truncnorm.mean((least - counted) / error, (1 - least - counted) / error, counted, error)
    rest = number - len(shares)
    shares = np.r_[shares, np.repeat(max(1.0 - shares.sum(), least) / max(rest, 1), rest)]
    return np.asarray(shares / shares.sum())


def _histograms(session: Session, secret: str, wheres: list[str], values: pd.Index, sizes: NDArray[np.int64]) -> Floats:
    """All values, a query a set. Where the counts shown add up to the set nobody has another value: 0."""
    counts = counts_of(session.query_many([histogram_query(session, secret, where) for where in wheres]), values)
    whole = np.abs(np.nansum(counts, axis=1) - sizes) < WHOLE
    return np.where(whole[:, None] & np.isnan(counts), 0.0, counts)


def _counts(session: Session, secret: str, wheres: list[str], value: object) -> Floats:
    """One value, a count a set."""
    having = f"{quoted(secret)} IS NULL" if value is None else f"{quoted(secret)} = {literal(value)}"
    table = quoted(session.schema.table)
    answers = session.query_many(
        [f"SELECT {users(session.schema)} FROM {table} WHERE {where} AND {having}" for where in wheres]
    )
    return np.array([[a.value if isinstance(a, Answer) else np.nan] for a in answers]).reshape(-1, 1)
