"""Databases as tables of persons in order: what is certain of each cell, and how near a database is to the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from attacks.fitting.statistics import Database, Domain


@dataclass(frozen=True)
class Cell:
    """A column of the person in a place, from 1 on, in the order of the measure and then of the attributes: its values
    in the databases with their shares, the most frequent first."""

    person: int
    column: str
    values: tuple[tuple[object, float], ...]


def cells_of(domain: Domain, databases: Sequence[Database]) -> list[Cell]:
    """Every cell, each database counted alike; none where the databases have different numbers of persons."""
    if len({len(database) for database in databases}) != 1:
        return []
    kinds = np.array(databases)
    found = []
    for place in range(kinds.shape[1]):
        for column, values in domain.columns.items():
            shares = Counter(values[kinds[:, place]].tolist())
            ranked = tuple((value, count / len(databases)) for value, count in shares.most_common())
            found.append(Cell(place + 1, column, ranked))
    return found


def certain_records(databases: Sequence[Database]) -> Database:
    """The persons that are in every one of the databases, each as often as in that which has it least."""
    common = Counter(databases[0]) if databases else Counter()
    for database in databases[1:]:
        common &= Counter(database)
    return tuple(sorted(common.elements()))


def agreement(domain: Domain, database: Database, truth: Sequence[Sequence[object]]) -> int:
    """How many cells of the true records (measure, then attributes) a database has, its persons matched to the true
    ones in the best way."""
    records = [domain.record(kind) for kind in database]
    equal = np.array([[sum(a == b for a, b in zip(own, true, strict=True)) for true in truth] for own in records])
    if not equal.size:
        return 0
    rows, columns = linear_sum_assignment(equal, maximize=True)
    return int(equal[rows, columns].sum())
