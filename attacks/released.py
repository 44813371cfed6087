"""Aggregates over everybody in a table, beside single records and a sample of the population: what membership asks, and
the two statistics by which it compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.isolation import literal, quoted
from harness.model import Answer, Kind
from harness.plugin import Session

Floats = NDArray[np.float64]

TOGETHER = 60  # averages in one query
WIDE = 250  # features compared at once, so that what is in between stays small
MOST = 1_000  # a column of more values has too few records of each


@dataclass(frozen=True)
class Block:
    """Features of the known records, `x` (N, k) from 0 to 1 with NaN where unknown, beside what was released of the
    same features over `rows` rows, (k,), NaN where it was not. `exclusive`: they are the values of one column, of which
    a record has one; else averages of numbers."""

    x: Floats
    released: Floats
    rows: float
    exclusive: bool


def released(session: Session, cells: pd.DataFrame, means: bool) -> list[Block]:
    """What the table tells of each column of the known records: averages of numbers (`means`: of whole numbers too),
    counts of the values of the others, and of whole numbers whose average is refused. Dates are left out."""
    kinds = {column.name: column.kind for column in session.schema.columns}
    numbers = [c for c in cells if kinds[c] is Kind.REAL or (means and kinds[c] is Kind.INTEGER)]
    averages = _averages(session, numbers)
    listed = [c for c in cells if c not in averages and kinds[c] is not Kind.REAL and not kinds[c].is_time]
    answer = session.query(f"SELECT count(*) FROM {quoted(session.schema.table)}")
    rows = answer.value if isinstance(answer, Answer) else np.nan
    return [*_of_numbers(cells, averages, rows), *_of_values(session, cells[listed], rows)]


def _averages(session: Session, columns: Sequence[str]) -> dict[str, float]:
    """The average of each column, NaN where it is not shown; without those that are refused."""
    table, found = quoted(session.schema.table), {}
    together = [tuple(columns[start : start + TOGETHER]) for start in range(0, len(columns), TOGETHER)]
    while together:
        sqls = ["SELECT " + ", ".join(f"avg({quoted(c)})" for c in part) + f" FROM {table}" for part in together]
        alone: list[tuple[str, ...]] = []
        for part, answer in zip(together, session.query_many(sqls), strict=True):
            if isinstance(answer, Answer):
                found |= dict(zip(part, (float(c[0]) if len(c) else np.nan for c in answer.data), strict=True))
            elif len(part) > 1:
                alone += [(column,) for column in part]
        together = alone
    return found


def _of_numbers(cells: pd.DataFrame, averages: dict[str, float], rows: float) -> list[Block]:
    """Numbers on a scale from the lowest to the highest of the known records; what is constant there tells nothing."""
    blocks, names = [], [column for column, average in averages.items() if not np.isnan(average)]
    for start in range(0, len(names), WIDE):
        part = names[start : start + WIDE]
        x = cells[part].to_numpy(dtype=float, na_value=np.nan)
        low, high = np.fmin.reduce(x), np.fmax.reduce(x)
        told = high > low
        x, low, scale = x[:, told], low[told], (high - low)[told]
        average = (np.array([averages[c] for c in part])[told] - low) / scale
        blocks.append(Block((x - low) / scale, np.clip(average, 0.0, 1.0), rows if rows > 0 else len(x), False))
    return blocks


def _of_values(session: Session, cells: pd.DataFrame, rows: float) -> list[Block]:
    """The shares of each column's values. Rows that are in no count that is shown are taken to have the values that
    are not shown, in proportion to the known records' own."""
    coded = {name: pd.factorize(cells[name].astype(object), use_na_sentinel=False) for name in cells}
    coded = {name: (codes, values) for name, (codes, values) in coded.items() if 1 < len(values) <= MOST}
    counts = _counts(session, {name: pd.Index(values, dtype=object) for name, (_, values) in coded.items()})
    blocks = []
    for name, (codes, values) in coded.items():
        shown, others = counts[name]
        if np.isnan(shown).all():
            continue
        shown, whole = np.maximum(shown, 0.0), rows if rows > 0 else np.nansum(shown) + others
        hidden = np.where(np.isnan(shown), np.bincount(codes, minlength=len(values)), 0.0)
        rest = max(whole - np.nansum(shown) - others, 0.0) / max(hidden.sum(), 1.0)
        share = np.where(np.isnan(shown), rest * hidden, shown) / max(whole, 1.0)
        blocks.append(Block(np.eye(len(values))[codes], np.clip(share, 0.0, 1.0), max(whole, 1.0), True))
    return blocks


def _counts(session: Session, values: dict[str, pd.Index]) -> dict[str, tuple[Floats, float]]:
    """Of each column how many rows have each value, NaN where it is not shown, and how many another value. One query
    a column; where that is refused, one a value."""
    table, found, refused = quoted(session.schema.table), {}, []
    answers = session.query_many([f"SELECT {quoted(c)}, count(*) FROM {table} GROUP BY 1" for c in values])
    for (name, known), answer in zip(values.items(), answers, strict=True):
        counts = np.full(len(known), np.nan)
        if not isinstance(answer, Answer):
            refused.append(name)
            found[name] = counts, 0.0
            continue
        place = known.get_indexer(pd.Index(answer.data[0], dtype=object))
        if known.hasnans:
            place[pd.isna(answer.data[0])] = int(np.argmax(known.isna()))
        counts[place[place >= 0]] = answer.data[1][place >= 0]
        found[name] = counts, float(np.nansum(answer.data[1][place < 0]))
    asked = [(name, value) for name in refused for value in values[name]]
    answers = session.query_many([f"SELECT count(*) FROM {table} WHERE {_equals(name, v)}" for name, v in asked])
    told = iter([answer.value if isinstance(answer, Answer) else np.nan for answer in answers])
    return found | {name: (np.array([next(told) for _ in values[name]]), 0.0) for name in refused}


def _equals(column: str, value: object) -> str:
    return f"{quoted(column)} IS NULL" if pd.isna(value) else f"{quoted(column)} = {literal(value)}"


def homer(blocks: Sequence[Block], reference: int) -> Floats:
    """Homer's T of each known record, (N,): one-sample t over the features of how much nearer the record is to what was
    released than to the reference, which are the first so many records, each compared with the others."""
    total, squares, features = np.zeros((3, len(blocks[0].x)))
    for block in blocks:
        p, _ = _population(block.x, reference)
        nearer = np.abs(block.x - p) - np.abs(block.x - block.released)
        features += (~np.isnan(nearer)).sum(axis=1)
        total += np.nansum(nearer, axis=1)
        squares += np.nansum(nearer**2, axis=1)
    number = np.maximum(features, 2)
    mean = total / number
    deviation = np.sqrt(np.maximum(squares / number - mean**2, 0.0) * number / (number - 1))
    return np.divide(np.sqrt(number) * mean, deviation, out=np.zeros_like(mean), where=deviation > 1e-12)


def likelihood_ratio(blocks: Sequence[Block], reference: int) -> Floats:
    """The log likelihood ratio of each known record, (N,): drawn from the released shares against the reference's."""
    total = np.zeros(len(blocks[0].x))
    noise = {kind: _noise([b for b in blocks if b.exclusive == kind], reference) for kind in (True, False)}
    for block in blocks:
        x, more = block.x, block.x.shape[1] / 2 if block.exclusive else 1.0
        p, seen = _population(x, reference)
        with np.errstate(all="ignore"):
            p = (seen * p + 0.5) / (seen + more)
            mean, variance, _ = _moments(x[:reference])
            sampling = block.rows * variance
            pool = p + sampling / (sampling + noise[block.exclusive]) * (block.released - p)
            pool = (block.rows * pool + p) / (block.rows + 1)
            log = x * np.log(pool / p)
            if not block.exclusive:
                log = mean * (1 - mean) / variance * (log + (1 - x) * np.log((1 - pool) / (1 - p)))
        total += np.where(np.isfinite(log), log, 0.0).sum(axis=1)
    return total


def _noise(blocks: Sequence[Block], reference: int) -> float:
    """The variance of the noise in what was released, in rows: by how much the squared deviations from the reference
    exceed what sampling gives them, v, on average with weights 1/v² (v at least 1)."""
    over, weights = 0.0, 0.0
    for block in blocks:
        mean, variance, number = _moments(block.x[:reference])
        with np.errstate(all="ignore"):
            v = block.rows * variance * (1 + block.rows / number)
            excess = (block.rows * (block.released - mean)) ** 2 - v
        weight = np.where(np.isfinite(excess), np.maximum(v, 1.0) ** -2.0, 0.0)
        over, weights = over + np.nansum(weight * excess), weights + weight.sum()
    return max(float(over / weights), 0.0) if weights > 0 else 0.0


def _moments(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and variance of each feature, and of how many records, (k,) all."""
    number, own = (~np.isnan(x)).sum(axis=0).astype(float), np.where(np.isnan(x), 0.0, x)
    with np.errstate(all="ignore"):
        mean = own.sum(axis=0) / number
        return mean, (own**2).sum(axis=0) / number - mean**2, number


def _population(x: Floats, reference: int) -> tuple[Floats, Floats]:
    """The reference's mean of each feature that a record is compared with, and of how many records, (N, k) both: a
    record of the reference is left out of its own."""
    own = np.where(np.isnan(x), 0.0, x)
    own[reference:] = 0.0
    seen = np.broadcast_to((~np.isnan(x[:reference])).sum(axis=0), x.shape).astype(float)
    seen[:reference] -= ~np.isnan(x[:reference])
    with np.errstate(all="ignore"):
        return np.where(seen > 0, (own.sum(axis=0) - own) / seen, np.nan), seen


SCORES: dict[str, Callable[[Sequence[Block], int], Floats]] = {"homer": homer, "likelihood-ratio": likelihood_ratio}
