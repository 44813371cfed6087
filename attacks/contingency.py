"""What a model can be fitted to without rows: one- and two-way tables, asked for and merged into few classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attacks.isolation import quoted, users
from harness.model import Answer, Refused
from harness.plugin import Session

Floats = NDArray[np.float64]

ROWS = "count(*)"  # what sums of an amount are of; each user's amount weighs as often as the user has rows
ONE_USER = 1.0  # weight of what is believed before anything is counted


@dataclass(frozen=True)
class Attribute:
    """A known column as it is listed: `values` to class numbers from 0 on, `sizes` the users of each class, (K,)."""

    name: str
    classes: pd.Series
    sizes: Floats

    def of(self, cells: pd.Series) -> NDArray[np.int64]:
        """The class of each cell, -1 for a value that is not listed."""
        place = self.classes.index.get_indexer(_objects(cells))
        return np.where(place >= 0, self.classes.to_numpy()[place], -1)

    def sums(self, answer: Answer | Refused) -> Floats:
        """A table of sums by this column, in classes: (K,)."""
        total = np.zeros(len(self.sizes))
        if isinstance(answer, Answer) and len(answer):
            place = self.of(pd.Series(answer.data[0], dtype=object))
            np.add.at(total, place[place >= 0], np.nan_to_num(answer.data[-1][place >= 0]))
        return total


def attributes(
    session: Session, names: Sequence[str], is_ordered: Sequence[bool], classes: int, of: str = ""
) -> list[Attribute]:
    """The columns that list at least two values, ordered ones in at most `classes` classes with about equally many
    users, of words the most frequent ones and the rest in one. `of`: what is counted, users unless it is given."""
    answers = session.query_many([table_query(session, (name,), of) for name in names])
    found = [_merged(*entry, classes) for entry in zip(names, answers, is_ordered, strict=True)]
    return [attribute for attribute in found if attribute is not None and len(attribute.sizes) > 1]


def table_query(session: Session, names: Sequence[str], of: str = "") -> str:
    """A table of an aggregate by some columns, of users unless another is given."""
    listed = ", ".join(quoted(name) for name in names)
    return f"SELECT {listed}, {of or users(session.schema)} FROM {quoted(session.schema.table)} GROUP BY {listed}"


def crossed(first: Attribute, second: Attribute, answer: Answer | Refused) -> Floats:
    """A two-way table in classes, counts below 0 as 0: (K₁, K₂)."""
    total = np.zeros((len(first.sizes), len(second.sizes)))
    if isinstance(answer, Answer) and len(answer):
        rows, columns = (a.of(pd.Series(k, dtype=object)) for a, k in zip((first, second), answer.data, strict=False))
        there = (rows >= 0) & (columns >= 0)
        np.add.at(total, (rows[there], columns[there]), np.nan_to_num(answer.data[-1][there]))
    return total.clip(0.0)


def fitted(found: Sequence[Attribute], both: Mapping[tuple[int, int], Floats], sums: Sequence[Floats]) -> Floats:
    """Coefficients of the classes, one attribute after the other, for targets whose mean is 0: (ΣK, Y).

    `both`: the two-way tables of the attributes i < j; `sums`: of the targets over each attribute's classes, (K, Y).
    Ridge regression: a class that one user has moves the prediction half the way. Noise in the tables makes XᵀX a
    matrix with an error; its size shows in margins that do not add up, and the penalty is the spectral norm of a
    symmetric matrix of such noise, 2·s·√ΣK, where that is more (Wigner's law).
    """
    ends = np.cumsum([0, *(len(a.sizes) for a in found)])
    xx = np.diag(np.concatenate([a.sizes for a in found]))
    misses = []
    for (i, j), table in both.items():
        xx[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = table
        xx[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = table.T
        misses.append((table.sum(axis=1) - found[i].sizes) / np.sqrt(table.shape[1] + 1))
        misses.append((table.sum(axis=0) - found[j].sizes) / np.sqrt(table.shape[0] + 1))
    noise = float(np.sqrt(np.mean(np.concatenate(misses) ** 2))) if misses else 0.0
    values, vectors = np.linalg.eigh(xx)
    penalty = max(ONE_USER, 2 * noise * np.sqrt(len(xx)))
    return np.asarray(vectors @ ((vectors.T @ np.vstack(sums)) / (values.clip(0.0) + penalty)[:, None]))


def indicators(found: Sequence[Attribute], known: pd.DataFrame) -> Floats:
    """Which classes the persons are in, (V, ΣK); in none of an attribute whose value is not listed."""
    rows = [np.eye(len(a.sizes) + 1)[a.of(known[a.name])][:, :-1] for a in found]
    return np.hstack(rows) if rows else np.zeros((len(known), 0))


def _merged(name: str, answer: Answer | Refused, is_ordered: bool, classes: int) -> Attribute | None:
    if not isinstance(answer, Answer) or not len(answer):
        return None
    keys, counts = _objects(pd.Series(answer.data[0])), np.nan_to_num(answer.data[1]).clip(0.0)
    null = keys.isna()
    if is_ordered:
        order = np.r_[np.flatnonzero(~null)[np.argsort(keys[~null].to_numpy(), kind="stable")], np.flatnonzero(null)]
        before = np.cumsum(counts[order]) - counts[order] / 2
        place = np.empty(len(keys), dtype=np.int64)
        place[order] = np.floor(before / max(counts.sum(), 1.0) * classes).clip(0, classes - 1)
        place[null] = classes
    else:
        rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
        place = np.minimum(rank, classes - 1)
    place = pd.factorize(place)[0]
    return Attribute(name, pd.Series(place, index=keys), np.bincount(place, counts))


def _objects(cells: pd.Series) -> pd.Index:
    """Cells that compare whatever type they come in: NULL as None, whole numbers as int."""
    plain = [None if pd.isna(v) else int(v) if isinstance(v, float) and v.is_integer() else v for v in cells.tolist()]
    return pd.Index(plain, dtype=object)
