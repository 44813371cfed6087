"""Which published records can be a person's: agreement column by column, its rules learned from all persons at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]

ROUNDS, CHANGE = 50, 1e-4  # of the EM algorithm: at most, and the largest step of a probability at which it stops
LEARNERS = 100  # persons that it learns from, at most
BLOCK = 2_000_000  # pairs of person and record that are held at once
STARTS = (0.1, 1e-6)  # first probabilities of a change: EM ends at a local maximum, the more likely one is kept
LEAST = 1e-6  # probability of a change that is never undercut, or nothing could be learned of it any more


@dataclass(frozen=True)
class Column:
    """One column of the persons, (V,), and of the records, (C,): numbers, or the codes of words; NaN for NULL.

    `there`: bool (C,), which records have the column at all. `values`: how many there are to have. `gap`: their mean
    distance, None for words.
    """

    persons: Floats
    records: Floats
    there: NDArray[np.bool_]
    values: int
    gap: float | None

    @classmethod
    def of(cls, persons: pd.Series, records: pd.Series, there: NDArray[np.bool_], is_ordered: bool) -> Column:
        """From cells as they come; what is not `there` may be anything. `is_ordered`: numbers and times."""
        both = pd.concat([persons.astype(object), records.astype(object).where(there, None)], ignore_index=True)
        if is_ordered:
            numbers = _numbers(both)
            known = np.unique(numbers[~np.isnan(numbers)])
            gap = float(np.ptp(known)) / max(len(known) - 1, 1) if len(known) else 1.0
            return cls(numbers[: len(persons)], numbers[len(persons) :], there, len(known), gap or 1.0)
        codes, words = pd.factorize(both)
        numbers = np.where(codes < 0, np.nan, codes)
        return cls(numbers[: len(persons)], numbers[len(persons) :], there, len(words), None)

    def compared(self, rows: slice) -> tuple[NDArray[np.bool_], Floats]:
        """Whether each of these persons agrees with each record, and by how much they differ (NaN: NULL): (v, C)."""
        persons = self.persons[rows, None]
        differ = np.abs(persons - self.records)
        return (differ == 0) | (np.isnan(persons) & np.isnan(self.records)), differ

    def log_likelihood(self, rows: slice, changed: float, spread: float) -> Floats:
        """Of the persons' values given each record, (v, C): the published value is the person's with probability
        1 − changed; else any word equally likely, or a number about normal with that standard deviation away."""
        agrees, differ = self.compared(rows)
        any_value = -np.log(max(self.values, 1))
        other = np.full(differ.shape, np.log(changed) + any_value)
        if self.gap is not None:
            near = np.log(changed * self.gap / (spread * np.sqrt(2 * np.pi))) - 0.5 * (differ / spread) ** 2
            other = np.where(np.isnan(differ), other, near)
        return np.where(self.there, np.where(agrees, np.log1p(-changed), other), any_value)


def _numbers(cells: pd.Series) -> Floats:
    """Numbers as they are, times as days, NULL as NaN."""
    if cells.map(lambda cell: isinstance(cell, str)).any() or pd.api.types.infer_dtype(cells, skipna=True) in _TIMES:
        moments = pd.to_datetime(cells).to_numpy(dtype="datetime64[us]")
        days = moments.astype(np.int64) / 86_400e6
        return np.asarray(np.where(np.isnat(moments), np.nan, days))
    return pd.to_numeric(cells).to_numpy(dtype=float, na_value=np.nan)


_TIMES = ("date", "datetime", "datetime64")


def posterior(columns: Sequence[Column], weight: Floats) -> Iterator[tuple[slice, Floats]]:
    """The probability that each record, of which there are `weight` (C,), is the person's: blocks of persons, (v, C),
    rows summing to 1.

    How often a column was changed before it was published, and how far its numbers were moved, is not known: both are
    estimated by the EM algorithm, the record being what is hidden. Where published columns are as they were, this ends
    at agreement in all of them.

    Source: Fellegi and Sunter 1969; the probabilities by EM: Winkler 1988. They give a pair a weight for agreement and
    one for disagreement; here a number that disagrees has one that falls with the distance.
    """
    persons = len(columns[0].persons)
    learners = slice(0, min(persons, LEARNERS))
    log_weight = np.log(np.maximum(weight, 1e-300))
    fits = [_fit(columns, learners, log_weight, start) for start in STARTS]
    changed, spread, _ = max(fits, key=lambda fit: fit[2])
    for rows in _blocks(slice(0, persons), len(weight)):
        yield rows, _share(columns, rows, log_weight, changed, spread)


def _fit(columns: Sequence[Column], learners: slice, log_weight: Floats, start: float) -> tuple[Floats, Floats, float]:
    """Probabilities of a change and deviations, (columns,) both, from that first probability, and the log-likelihood of
    the learners under them with the prior, Beta(1, n + 1) for n learners: as if as many more agreed. Where values are
    dense, a number moved to a neighbour explains exact ones nearly as well as agreement does."""
    changed = np.full(len(columns), start)
    gaps = np.array([column.gap or 1.0 for column in columns])
    spread = gaps
    for _ in range(ROUNDS):
        before = changed
        seen, differed, squares = np.zeros((3, len(columns)))
        for rows in _blocks(learners, len(log_weight)):
            share = _share(columns, rows, log_weight, changed, spread)
            for j, column in enumerate(columns):
                agrees, differ = column.compared(rows)
                of_changed = share * (~agrees & column.there)
                seen[j] += (share * column.there).sum()
                differed[j] += of_changed.sum()
                squares[j] += np.nansum(of_changed * differ**2)
        changed = np.clip(differed / np.maximum(2 * seen, LEAST), LEAST, 1 - LEAST)  # as many more agree: the prior
        spread = np.maximum(np.sqrt(squares / np.maximum(differed, LEAST)), gaps / 2)
        if np.abs(changed - before).max() < CHANGE:
            break
    likely = sum(
        float(logsumexp(_log_joint(columns, rows, log_weight, changed, spread), axis=1).sum())
        for rows in _blocks(learners, len(log_weight))
    )
    return changed, spread, likely + float((seen * np.log1p(-changed)).sum())


def _log_joint(columns: Sequence[Column], rows: slice, log_weight: Floats, changed: Floats, spread: Floats) -> Floats:
    return log_weight + sum(c.log_likelihood(rows, *how) for c, *how in zip(columns, changed, spread, strict=True))


def _share(columns: Sequence[Column], rows: slice, log_weight: Floats, changed: Floats, spread: Floats) -> Floats:
    log = _log_joint(columns, rows, log_weight, changed, spread)
    log -= log.max(axis=1, keepdims=True)
    share = np.exp(log)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def _blocks(rows: slice, records: int) -> Iterator[slice]:
    step = max(1, BLOCK // max(records, 1))
    for start in range(rows.start, rows.stop, step):
        yield slice(start, min(start + step, rows.stop))
