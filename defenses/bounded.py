"""Declared bounds of columns, and tables that keep to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.errors import ParameterError
from harness.model import Kind, Table

FINENESS = 20  # the larger bound is at most 2^20 steps of a column's grid, so that sums of 2^32 rows are exact
SMALLEST, LARGEST = 1e-15, 1e15  # what the larger bound may be


@dataclass(frozen=True)
class Bounds:
    """`low <= column <= high`, in whole steps of a power of two: what is published is a multiple of `step`."""

    column: str
    low: float
    high: float

    @property
    def step(self) -> float:
        largest = max(abs(self.low), abs(self.high))
        return 2.0 ** (math.ceil(math.log2(largest)) - FINENESS) if largest else 1.0

    def steps(self, kind: Kind) -> tuple[float, int, int]:
        """Step, low and high in steps; of an INTEGER column at least 1."""
        step = max(self.step, 1.0) if kind is Kind.INTEGER else self.step
        return step, round(self.low / step), round(self.high / step)


def parsed(plugin: str, texts: Sequence[str]) -> dict[str, Bounds]:
    """Bounds by column from texts like `age 0 125`. Raises ParameterError."""
    found = {}
    for text in texts:
        words = text.rsplit(None, 2)
        try:
            column, (low, high) = words[0], map(float, words[1:])
        except ValueError:
            low, high, column = 1.0, 0.0, ""
        largest = max(abs(low), abs(high))
        if not low <= high or not (largest == 0 or SMALLEST <= largest <= LARGEST):
            raise ParameterError(
                f'{plugin}: bounds={text!r} is not allowed; it is a column, a lower and an upper bound, as "age 0 125".'
            )
        found[column] = Bounds(column, low, high)
    return found


def bounded(table: Table, bounds: dict[str, Bounds], rows: int, rng: np.random.Generator) -> Table:
    """The table with at most `rows` rows of each user, drawn among hers, and every bounded column inside its bounds on
    its grid; NULL stays NULL."""
    uid, frame = table.schema.uid, table.frame
    if not frame[uid].is_unique:
        order = rng.permutation(len(frame))
        place = np.empty(len(frame), dtype=np.int64)
        place[order] = frame[uid].iloc[order].groupby(frame[uid].iloc[order].to_numpy()).cumcount().to_numpy()
        frame = frame[place < rows].reset_index(drop=True)
    moved = {}
    for name, limit in bounds.items():
        kind = table.schema.column(name).kind
        step, low, high = limit.steps(kind)
        steps = np.round(frame[name].to_numpy(dtype=float, na_value=np.nan) / step)
        inside = pd.Series(np.clip(steps, low, high) * step, index=frame.index)
        moved[name] = inside.astype("Int64") if kind is Kind.INTEGER else inside
    return table.with_frame(frame.assign(**moved))
