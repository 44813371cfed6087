"""Numeric columns turned into one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from defenses.cells import Floats, cells_of, chosen, numbers, numeric, unfit
from defenses.rotations import any_turn, in_pairs, moved, rotated
from harness.model import Column, Schema, Table
from harness.plugin import Defense, param

STEPS = 3_600  # angles that are tried, a tenth of a degree apart


@dataclass(frozen=True, kw_only=True)
class rotation(Defense):
    """Numeric columns turned into one another: each record moves, the distances between records stay.

    1. Measure the columns from their means in standard deviations; a row is a point.
    2. matrix=pairs   turn the columns two by two, in their order; an odd last one with the first. Each pair by an
                      angle of its own, drawn among those at which neither column moves by less than `threshold`
                      (the variance of what is added), or by `angle`
       matrix=full    turn all columns at once, every rotation equally likely
    3. With `noise`, add N(0, noise²) to each coordinate.
    4. Go back to the units of the columns. Whole numbers and dates are rounded.

    Kept, up to rounding: every column's mean, the sum of the columns' squared standardised values, and with them all
    distances and angles between records, so clusters and neighbours. Not kept: the distribution and range of a
    single column (ages may be negative), its spread where the columns correlate, and the relation to all columns that
    are not turned. NULL stays NULL and counts as the mean for the other columns of its row; columns in which all
    values are equal stay as they are. Rows of one user are turned like all others.

    Source: Nielson's dissertation, data perturbation (matrices with a key), naming Ketel and Homaifar 2005, Schlörer
    1981, and Tendick and Matloff. It says that the data are multiplied by a key matrix of constants, fine-tuned between
    accuracy and security, and perhaps by a matrix of noise; not which matrix. Pairs with a threshold are those of the
    literature on rotation perturbation (Oliveira and Zaïane 2004), `full` with `noise` that of Chen and Liu 2005.
    """

    columns: tuple[str, ...] = param((), "the columns that are turned; empty: all numbers but the uid")
    matrix: str = param("pairs", "what is turned at once", choices=("pairs", "full"))
    angle: float | None = param(None, "the angle of every pair; null: drawn", unit="degrees", low=-360, high=360)
    threshold: float = param(0.3, "variance of the change, at least, for a drawn angle", unit="SD²", low=0, high=4)
    noise: float = param(0.0, "standard deviation of the noise added", unit="SD of the column", low=0)

    def skip(self, schema: Schema) -> str | None:
        if reason := unfit(schema, self.columns) or unfit(schema, self.columns, _fits):
            return reason
        known = len(self._columns(schema))
        return None if known > 1 else f"a rotation needs two columns of numbers, and there is {known or 'none'}"

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        names = self._columns(table.schema)
        kinds = [table.schema.column(name).kind for name in names]
        cells = np.stack([numbers(table.frame[n], kind) for n, kind in zip(names, kinds, strict=True)])
        spread = np.array([np.std(row[~np.isnan(row)]) if (~np.isnan(row)).any() else 0.0 for row in cells])
        live = np.flatnonzero(spread > 0)
        if len(live) < 2:
            return table
        values = rotated(cells[live], self._turn(cells[live], rng))
        if self.noise:
            values += self.noise * spread[live, None] * rng.standard_normal(values.shape)
        fresh = {
            names[i]: cells_of(row, kinds[i]).set_axis(table.frame.index) for i, row in zip(live, values, strict=True)
        }
        return table.with_frame(table.frame.assign(**fresh))

    def _columns(self, schema: Schema) -> tuple[str, ...]:
        return chosen(schema, self.columns, numeric(schema))

    def _turn(self, cells: Floats, rng: np.random.Generator) -> Floats:
        d = len(cells)
        if self.matrix == "full":
            return any_turn(d, rng)
        pairs = [(2 * i, 2 * i + 1) if 2 * i + 1 < d else (0, d - 1) for i in range((d + 1) // 2)]
        return in_pairs(np.array([self._angle(cells[[x, y]], rng) for x, y in pairs]), d)

    def _angle(self, pair: Floats, rng: np.random.Generator) -> float:
        if self.angle is not None:
            return float(np.deg2rad(self.angle))
        both = pair[:, ~np.isnan(pair).any(axis=0)]
        apart = both.shape[1] > 1 and (both.std(axis=1) > 0).all()
        correlation = float(np.corrcoef(both)[0, 1]) if apart else 0.0
        angles = np.arange(STEPS) * (2.0 * np.pi / STEPS)
        return float(rng.choice(angles[moved(angles, correlation) >= self.threshold - 1e-9]))


def _fits(column: Column) -> bool:
    return column.kind.is_number or column.kind.is_time
