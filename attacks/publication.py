"""Block tables: what a census office publishes of each block, asked through the session and read as statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np

from attacks.fitting import Domain, Interval, Statistic
from attacks.isolation import quoted
from harness.model import Answer
from harness.plugin import Session

Key = tuple[object, ...]
Cell = tuple[float, float, float]
"""Count, mean and median of the measure; NaN where not asked or NULL."""

DIGITS = Fraction(1, 10**6)  # exact answers are doubles


@dataclass(frozen=True)
class Table:
    """An answered table: its attributes, the end of its band of the measure (None: everybody), and its cells by block
    and values of the attributes."""

    attributes: tuple[str, ...]
    below: int | None
    cells: dict[Key, Cell]


@dataclass(frozen=True)
class Publication:
    """The tables of all blocks. `base`: what the counts are multiples of; `hidden`: a cell that is not shown has at
    most so many persons; `whole`: no count is a fraction."""

    tables: tuple[Table, ...]
    base: int
    hidden: int
    whole: bool

    def statistics(self, domain: Domain, values: dict[str, Key], block: object, slack: float) -> list[Statistic]:
        """What is published of one block. Where numbers are rounded (base > 1) the true ones are up to `slack` bases
        away: ½ to the nearest multiple, 1 to either."""
        found, before = [], {}
        for table, key, group, cell in self._cells(domain, values, block):
            count = None if cell is None and self.hidden else cell[0] if cell else 0.0
            if table.below is None or self.base > 1 or count is None:
                found.append(self._statistic(group, cell, slack))
                continue
            # exact counts below two ends say how many are between them, which is easier to solve
            start, less = before.get((table.attributes, key), (np.zeros(len(domain), dtype=bool), 0.0))
            found.append(self._statistic(group & ~start, (count - less, math.nan, math.nan), slack))
            before[table.attributes, key] = group, count
        return without_implied(found)

    def counts(self, domain: Domain, values: dict[str, Key], block: object) -> list[Statistic]:
        """The counts that are shown of one block, to the nearest whole number."""
        shown = [(group, round(cell[0])) for _, _, group, cell in self._cells(domain, values, block) if cell]
        return [Statistic("", group, count, count) for group, count in shown]

    def _cells(
        self, domain: Domain, values: dict[str, Key], block: object
    ) -> Iterator[tuple[Table, Key, np.ndarray, Cell | None]]:
        """Table, values, kinds of persons and what is shown of each cell of a block, the bands in ascending order."""
        for table in self.tables:
            band = np.ones(len(domain), dtype=bool) if table.below is None else domain.measure < table.below
            for key in product(*(values[name] for name in table.attributes)):
                group = band.copy()
                for name, value in zip(table.attributes, key, strict=True):
                    group &= domain.columns[name] == value
                yield table, key, group, table.cells.get((block, *key))

    def _statistic(self, group: np.ndarray, cell: Cell | None, slack: float) -> Statistic:
        if cell is None:
            return Statistic("", group, 0, self.hidden)
        count, mean, median = cell
        if self.base == 1:
            return Statistic("", group, round(count), round(count), _near(median, DIGITS), _near(mean, DIGITS))
        width = Fraction(slack) * self.base
        low, high = math.ceil(round(count) - width), math.ceil(round(count) + width) - 1
        return Statistic("", group, max(low, 1), max(high, 1), _near(median, width), _near(mean, width))


def without_implied(statistics: list[Statistic]) -> list[Statistic]:
    """Without hidden cells that are part of another hidden one, which says as much of them."""
    hidden = [s for s in statistics if s.low != s.high and s.low == 0]
    groups = np.stack([s.group for s in hidden]).astype(np.float32) if hidden else np.zeros((0, 0), dtype=np.float32)
    inside = groups @ (1.0 - groups).T == 0  # [i, j]: i is part of j
    same = inside & inside.T
    implied = (inside & ~same).any(axis=1) | np.tril(same, -1).any(axis=1)
    spared = {id(s) for s, out in zip(hidden, implied, strict=True) if out}
    return [s for s in statistics if id(s) not in spared]


def _near(value: float, width: Fraction) -> Interval | None:
    return None if math.isnan(value) else Interval(Fraction(value) - width, Fraction(value) + width)


def listed(session: Session, attributes: Sequence[str]) -> dict[str, Key]:
    """The values of each attribute that the database lists."""
    table = quoted(session.schema.table)
    answers = session.query_many([f"SELECT {quoted(name)}, count(*) FROM {table} GROUP BY 1" for name in attributes])
    found = zip(attributes, answers, strict=True)
    return {name: tuple(answer.data[0].tolist()) if isinstance(answer, Answer) else () for name, answer in found}


def published(
    session: Session, block: str, measure: str, attributes: Sequence[str], ways: int, bands: Sequence[int],
    suppression: int | None,
) -> Publication:  # fmt: skip
    """Ask for all combinations of up to `ways` attributes with count, mean and median of the measure; and for those of
    one attribute fewer among persons below the end of each band, with the count.

    How it was published is read off the counts: they are multiples of their greatest common divisor, and no cell that
    is hidden has as many persons as the smallest one shown.
    """
    plans: list[tuple[tuple[str, ...], int | None]] = []
    plans += [(names, None) for size in range(ways + 1) for names in combinations(attributes, size)]
    plans += [(names, end) for end in bands for size in range(ways) for names in combinations(attributes, size)]
    answers = session.query_many([_query(session, block, measure, *plan) for plan in plans])
    tables = tuple(
        Table(*plan, _cells(answer, 1 + len(plan[0])))
        for plan, answer in zip(plans, answers, strict=True)
        if isinstance(answer, Answer)
    )
    counts = np.array([cell[0] for table in tables for cell in table.cells.values()])
    whole = bool((counts == np.round(counts)).all())
    base = max(int(np.gcd.reduce(counts.astype(np.int64))), 1) if whole and len(counts) else 1
    if suppression is None:
        least = float(counts.min()) if len(counts) else 1.0
        suppression = math.ceil(least) + (base // 2 if base > 1 else 0)
    return Publication(tables, base, max(suppression - 1, 0), whole)


def _query(session: Session, block: str, measure: str, attributes: Sequence[str], below: int | None) -> str:
    keys = ", ".join(quoted(name) for name in (block, *attributes))
    own = quoted(measure)
    what = f"count(*), avg({own}), median({own})" if below is None else "count(*)"
    where = "" if below is None else f" WHERE {own} >= 0 AND {own} < {below}"
    return f"SELECT {keys}, {what} FROM {quoted(session.schema.table)}{where} GROUP BY {keys}"


def _cells(answer: Answer, keys: int) -> dict[Key, Cell]:
    """The rows whose count is shown, by their keys."""
    numbers: list[Any] = [column.tolist() for column in answer.data[keys:]]
    numbers += [[math.nan] * len(answer)] * (3 - len(numbers))
    rows = zip(
        zip(*(column.tolist() for column in answer.data[:keys]), strict=True), zip(*numbers, strict=True), strict=True
    )
    return {key: cell for key, cell in rows if not math.isnan(cell[0])}
