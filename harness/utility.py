"""What a defense costs the honest analyst: the error of a fixed workload of ordinary queries.

The workload is made from the true table alone, so every defense of a dataset is asked the same. A true cell is one
aggregate of one bucket of the exact answer; its query-set size is the number of users behind that bucket, counted in
the exact answer too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.model import Answer, Column, Kind, Refused, Table
from harness.plugin import Session
from harness.record import SIZES, SizeClass, Utility

GROUPS = 100  # a column of at most so many values is grouped by
COLUMNS = 8  # at most so many columns of each sort are looked at
WIDE, NARROW = (0.25, 0.75), (0.45, 0.55)  # ranges, from one quantile of a column to another
LARGEST = 1e300  # a relative error is at most this: beside a tiny truth the quotient overflows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Question:
    """One query of the workload: aggregates of the rows that meet a condition, by keys; all parts are SQL."""

    keys: tuple[str, ...]
    aggregates: tuple[str, ...]
    where: str = ""

    def sql(self, table: str, aggregates: Sequence[str] = ()) -> str:
        """The query's text, or that of other `aggregates` of the same buckets."""
        where = f" WHERE {self.where}" if self.where else ""
        group = " GROUP BY " + ", ".join(str(i + 1) for i in range(len(self.keys))) if self.keys else ""
        return f"SELECT {', '.join([*self.keys, *(aggregates or self.aggregates)])} FROM {table}{where}{group}"


def questions(table: Table) -> list[Question]:
    """The total, one- and two-way histograms, counts filtered by equality and by range, averages and sums."""
    schema, frame = table.schema, table.frame
    others = [c for c in schema.columns if c.name != schema.uid]
    few = (c for c in others if c.kind is not Kind.REAL and frame[c.name].nunique() <= GROUPS)
    grouped = list(islice(few, COLUMNS))
    amounts = [c for c in others if c.kind.is_number][:COLUMNS]
    count = ("count(*)",)
    found = [Question((), count)]
    found += [Question((quoted(c.name),), count) for c in grouped]
    found += [Question((quoted(a.name), quoted(b.name)), count) for a, b in pairwise(grouped)]
    found += [
        Question((quoted(b.name),), count, f"{quoted(a.name)} = {_constant(value, a.kind)}")
        for a, b in pairwise(grouped)
        for value in frame[a.name].mode(dropna=True)[:1]
    ]
    for amount in amounts:
        by = tuple(quoted(c.name) for c in grouped if c is not amount)[:1]
        name = quoted(amount.name)
        found.append(Question(by, (f"avg({name})", f"sum({name})")))
        found += [Question((), count, condition) for condition in _range(frame[amount.name], amount, *WIDE)]
        found += [Question(by, count, condition) for condition in _range(frame[amount.name], amount, *NARROW)]
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Workload:
    """The workload of a table beside its true answers.

    `buckets` holds a dict a query, from a true bucket's keys to its place. `truth` and `users` hold an entry a cell
    (NaN where the true aggregate is NULL): query by query, in it aggregate by aggregate, in it bucket by bucket.
    """

    table: Table
    questions: tuple[Question, ...]
    buckets: tuple[dict[tuple[object, ...], int], ...]
    truth: Floats
    users: Floats

    @classmethod
    def of(cls, table: Table, exact: Session) -> Workload:
        """Asks an exact session. What the SQL floor refuses (a name or text that holds a control character) is not
        part of the workload."""
        name, uid = quoted(table.schema.table), quoted(table.schema.uid)
        asked = questions(table)
        answers = exact.query_many([question.sql(name) for question in asked])
        sizes = exact.query_many([question.sql(name, (f"count(DISTINCT {uid})",)) for question in asked])
        known = [
            (question, truth, size)
            for question, truth, size in zip(asked, answers, sizes, strict=True)
            if isinstance(truth, Answer) and isinstance(size, Answer)
        ]
        return cls(
            table,
            tuple(question for question, _, _ in known),
            tuple({key: i for i, key in enumerate(_keys(question, truth))} for question, truth, _ in known),
            _joined(truth.data[len(question.keys) + i] for question, truth, _ in known for i in _slots(question)),
            # both answers are ordered by keys, so their buckets stand side by side
            _joined(size.data[-1] for question, _, size in known for _ in _slots(question)),
        )

    @property
    def sqls(self) -> list[str]:
        return [question.sql(quoted(self.table.schema.table)) for question in self.questions]

    def beside(self, answers: Sequence[Answer | Refused]) -> Floats:
        """What was answered for each true cell, shape of `truth`: NaN where it is missing, NULL or refused."""
        pieces = []
        for question, place, answer in zip(self.questions, self.buckets, answers, strict=True):
            said = np.full((len(question.aggregates), len(place)), np.nan)
            if isinstance(answer, Answer):
                places = np.fromiter(map(place.get, _keys(question, answer), repeat(-1)), np.int64, len(answer))
                true = places >= 0
                for i in _slots(question):
                    said[i, places[true]] = answer.data[len(question.keys) + i][true]
            pieces.append(said.ravel())
        return _joined(pieces)

    @property
    def cells(self) -> list[int]:
        """The number of cells of each query."""
        return [len(q.aggregates) * len(place) for q, place in zip(self.questions, self.buckets, strict=True)]


def utility(workload: Workload, defended: Session) -> Utility:
    """A defended session's answers to the workload, each query asked once, against the true ones."""
    answers = defended.query_many(workload.sqls)
    refusals = np.array([isinstance(answer, Refused) for answer in answers], dtype=bool)
    true = ~np.isnan(workload.truth) & (workload.users > 0)
    truth, users = workload.truth[true], workload.users[true]
    said = workload.beside(answers)[true]
    refused = np.repeat(refusals, workload.cells)[true]
    with np.errstate(all="ignore"):
        error = np.minimum(np.abs(said - truth) / np.abs(truth), LARGEST)
    error[truth == 0] = np.nan

    def class_of(low: int, high: int | None) -> SizeClass:
        mine = (users >= low) & (users <= (high or np.inf))
        return SizeClass(
            low=low,
            high=high,
            cells=int(mine.sum()),
            median_relative_error=_quantile(error[mine], 0.5),
            p90_relative_error=_quantile(error[mine], 0.9),
            suppressed=_share(np.isnan(said), mine & ~refused),
            refused=_share(refused, mine),
        )

    return Utility(
        median_relative_error=_quantile(error, 0.5),
        p90_relative_error=_quantile(error, 0.9),
        suppressed=_share(np.isnan(said), ~refused),
        refused=float(refusals.mean()) if len(refusals) else None,
        cells=len(truth),
        zero_cells=int((truth == 0).sum()),
        by_size=tuple(class_of(low, high) for low, high in SIZES),
    )


def _quantile(errors: Floats, q: float) -> float | None:
    """Over the cells that have an error."""
    known = errors[~np.isnan(errors)]
    return float(np.quantile(known, q)) if len(known) else None


def _share(marked: Bools, among: Bools) -> float | None:
    return float(marked[among].mean()) if among.any() else None


def _keys(question: Question, answer: Answer) -> Iterable[tuple[object, ...]]:
    if not question.keys:
        return [()] * len(answer)
    return zip(*(column.tolist() for column in answer.data[: len(question.keys)]), strict=True)


def _slots(question: Question) -> range:
    return range(len(question.aggregates))


def _joined(pieces: Iterable[Floats]) -> Floats:
    return np.concatenate([np.empty(0), *pieces])


def _range(values: pd.Series[Any], column: Column, low: float, high: float) -> list[str]:
    """The condition that holds from one quantile of a numeric column to another; none where all is NULL."""
    known = values[np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))].sort_values()
    if not len(known):
        return []
    first, last = (_constant(known.iloc[int(q * len(known))], column.kind) for q in (low, high))
    return [f"{quoted(column.name)} BETWEEN {first} AND {last}"]


def _constant(value: object, kind: Kind) -> str:
    match kind:
        case Kind.INTEGER:
            return str(value)
        case Kind.REAL:
            return repr(float(str(value)))
    return "'" + str(value).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'
