"""Block tables: what a census office publishes of each block, asked through the session and read as statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

import numpy as np

from attacks.fitting import Domain, Interval, Statistic
from attacks.isolation import quoted
from harness.model import Answer
from harness.plugin import Session

Key = tuple[object, ...]
Cell = tuple[float, float, float]
"""Count, mean and median of the measure; NaN where not shown."""

PRINTED = Fraction(1, 10**6)  # exact answers are doubles


@dataclass(frozen=True)
class Table:
    """One table: its attributes, the end of its band of the measure (None: everybody), its cells by block and values of
    the attributes, and whether it was answered."""

    attributes: tuple[str, ...]
    below: int | None
    cells: dict[Key, Cell]
    answered: bool


@dataclass(frozen=True)
class Publication:
    """The tables of all blocks, and what their counts say of how they were published.

    `base`: counts are multiples of it, `hidden`: a cell that is not shown has at most so many persons, `whole`: all
    counts are whole numbers.
    """

    measure: str
    values: dict[str, tuple[object, ...]]
    tables: tuple[Table, ...]
    base: int
    hidden: int
    whole: bool

    def statistics(self, domain: Domain, block: object, slack: float) -> list[Statistic]:
        """What is published about one block, numbers within `slack` bases of the printed ones: ½ where they are
        rounded to the nearest, 1 where either neighbour is possible. Exact numbers (base 1) have none."""
        return [self._statistic(domain, *cell, slack) for cell in self.cells(domain, block)]

    def cells(self, domain: Domain, block: object) -> Iterator[tuple[Table, Key, np.ndarray, Cell | None]]:
        """The cells of a block: table, values, the kinds of persons in it (R,), and what is shown of it."""
        for table in self.tables:
            if not table.answered:
                continue
            for key in product(*(self.values[name] for name in table.attributes)):
                group = np.ones(len(domain), dtype=bool) if table.below is None else domain.measure < table.below
                for name, value in zip(table.attributes, key, strict=True):
                    group = group & (domain.columns[name] == value)
                if group.any():
                    yield table, key, group, table.cells.get((block, *key))

    def _statistic(self, domain: Domain, table: Table, key: Key, group: np.ndarray, cell: Cell | None, slack: float) -> Statistic:
        name = f"{dict(zip(table.attributes, key, strict=True))} below {table.below}"
        if cell is None:
            return Statistic(name, group, 0, self.hidden)
        count, mean, median = cell
        if self.base == 1:
            exact = [None if value != value else Interval(Fraction(value) - PRINTED, Fraction(value) + PRINTED) for value in (median, mean)]
            return Statistic(name, group, int(count), int(count), *exact)
        width = slack * self.base
        low, high = (int(np.ceil(count - width)), int(np.ceil(count + width)) - 1)
        near = [None if value != value else _around(value, width) for value in (median, mean)]
        return Statistic(name, group, max(low, 1), max(high, 1), *near)


def _around(value: float, width: float) -> Interval:
    return Interval(Fraction(value) - Fraction(width), Fraction(value) + Fraction(width))


def published(
    session: Session, block: str, measure: str, attributes: Sequence[str], ways: int, bands: Sequence[int],
    suppression: int | None, base: int | None,
) -> Publication:  # fmt: skip
    """Ask for the tables: all combinations of up to `ways` attributes with count, mean and median of the measure; and
    those of one fewer among persons below the end of each band, with the count."""
    plans: list[tuple[tuple[str, ...], int | None]] = []
    plans += [(names, None) for size in range(ways + 1) for names in combinations(attributes, size)]
    plans += [(names, end) for end in bands for size in range(ways) for names in combinations(attributes, size)]
    sqls = [_query(session, block, measure, *plan) for plan in plans]
    values = [f"SELECT {quoted(name)}, count(*) FROM {quoted(session.schema.table)} GROUP BY 1" for name in attributes]
    answers = session.query_many(sqls + values)
    known = {
        name: tuple(answer.data[0].tolist()) if isinstance(answer, Answer) else ()
        for name, answer in zip(attributes, answers[len(sqls) :], strict=True)
    }
    tables = tuple(_read(*plan, answer) for plan, answer in zip(plans, answers, strict=False))
    counts = np.array([cell[0] for table in tables for cell in table.cells.values() if cell[0] == cell[0]])
    whole = bool(len(counts)) and bool((counts == np.round(counts)).all())
    found = int(np.gcd.reduce(counts.astype(np.int64))) if whole and base is None else (base or 1)
    least = float(counts.min()) if len(counts) else 1.0
    hidden = suppression - 1 if suppression is not None else max(0, int(np.ceil(least + (found / 2 if found > 1 else 0))) - 1)
    return Publication(measure, known, tables, max(found, 1), hidden, whole)


def _query(session: Session, block: str, measure: str, attributes: tuple[str, ...], below: int | None) -> str:
    keys = ", ".join(quoted(name) for name in (block, *attributes))
    own = quoted(measure)
    what = "count(*)" if below is not None else f"count(*), avg({own}), median({own})"
    where = "" if below is None else f" WHERE {own} >= 0 AND {own} < {below}"
    return f"SELECT {keys}, {what} FROM {quoted(session.schema.table)}{where} GROUP BY {keys}"


def _read(attributes: tuple[str, ...], below: int | None, answer: object) -> Table:
    if not isinstance(answer, Answer):
        return Table(attributes, below, {}, False)
    keys = zip(*(column.tolist() for column in answer.data[: 1 + len(attributes)]), strict=True)
    numbers = [column.tolist() for column in answer.data[1 + len(attributes) :]]
    numbers += [[float("nan")] * len(answer)] * (3 - len(numbers))
    return Table(attributes, below, dict(zip(keys, zip(*numbers, strict=True), strict=True)), True)
