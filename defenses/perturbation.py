"""What the data-stage defenses do to numbers: functions on arrays (…, n) -> (…, n), over the last axis.

The same functions protect a column of a DuckDB table, (n,), and the databases of a simulation, (databases, n). All
arrays are float64, all values finite. `perturbed` applies one of them to the columns of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.model import Column, Kind, Schema, Table

Floats = NDArray[np.float64]

_LARGEST = 2.0**63 - 1024  # the largest double that is a BIGINT


def scaled(values: Floats, rng: np.random.Generator, f: float = 0.2, out: Floats | None = None) -> Floats:
    """Data perturbation by multiplication: each value times 1 + U(−f, f); written to `out` where it is given."""
    noise = rng.random(values.shape, out=out)
    noise *= 2.0 * f
    noise += 1.0 - f
    noise *= values
    return noise


def shifted(values: Floats, rng: np.random.Generator, f: float = 0.2) -> Floats:
    """Data perturbation by addition: each value plus m · U(−f, f), m being the mean magnitude over the last axis."""
    size = np.abs(values).mean(axis=-1, keepdims=True) if values.shape[-1] else 0.0
    return values + f * size * (2.0 * rng.random(values.shape) - 1.0)


def by_rank(values: Floats, sample: Floats) -> Floats:
    """Each value replaced by the member of `sample`, (…, n), that has its rank; equal values rank by position.

    Sorts `sample` in place.
    """
    sample.sort(axis=-1)
    if (values[..., 1:] >= values[..., :-1]).all():
        return sample
    swapped = np.empty_like(sample)
    np.put_along_axis(swapped, np.argsort(values, axis=-1, kind="stable"), sample, axis=-1)
    return swapped


def outward(values: Floats, rng: np.random.Generator, alpha: float = 2.09, beta: float = 1.18) -> Floats:
    """Nielson's perturbation: each value x becomes x ± x · U(β, α), either sign with probability one half."""
    return values + values * signed(rng, values.shape, alpha, beta)


def signed(rng: np.random.Generator, shape: tuple[int, ...], alpha: float, beta: float) -> Floats:
    """± U(β, α), one uniform draw for sign and magnitude both."""
    draw = 2.0 * rng.random(shape) - 1.0
    return np.copysign(beta + np.abs(draw) * (alpha - beta), draw)


def columns_of(schema: Schema, wanted: Sequence[str] = ()) -> list[Column]:
    """The columns to perturb: `wanted`, or all numbers but the uid and what is computed from other columns."""
    fixed = {schema.uid} | {derived.column for derived in schema.derived}
    open_to = [column for column in schema.columns if column.kind.is_number and column.name not in fixed]
    return [column for column in open_to if not wanted or column.name in wanted]


def reason_to_skip(schema: Schema, wanted: Sequence[str] = ()) -> str | None:
    """Why these columns cannot be perturbed, or None."""
    names = [column.name for column in columns_of(schema)]
    if not names:
        return "it perturbs numbers, and the table has no column of numbers besides the uid"
    if wrong := [name for name in wanted if name not in names]:
        return f"it can perturb {', '.join(names)}, and not {', '.join(wrong)}"
    return None


def perturbed(table: Table, wanted: Sequence[str], change: Callable[[str, Floats], Floats]) -> Table:
    """The table with `change(name, values)` in place of the values, (n,) -> (n,), of each of these columns.

    NULL stays NULL. Whole numbers are rounded to the nearest (halves to the even one) and stay whole.
    """
    fresh = {}
    for column in columns_of(table.schema, wanted):
        before = table.frame[column.name]
        values = before.to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.isfinite(values)
        after = np.where(known, 0.0, values)
        after[known] = change(column.name, values[known])
        fresh[column.name] = _series(after, known, column.kind, before)
    return table.with_frame(table.frame.assign(**fresh))


def _series(values: Floats, known: NDArray[np.bool_], kind: Kind, like: pd.Series) -> pd.Series:
    if kind is Kind.REAL:
        return pd.Series(values, index=like.index)
    whole = np.clip(np.rint(np.where(known, values, 0.0)), -_LARGEST, _LARGEST).astype(np.int64)
    if known.all() and isinstance(like.dtype, np.dtype):
        return pd.Series(whole, index=like.index)
    return pd.Series(pd.arrays.IntegerArray(whole, ~known), index=like.index)
