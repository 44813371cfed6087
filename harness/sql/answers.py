"""Buckets as the analyst gets them: one Answer a query, its rows chosen and ordered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.model import Answer, Array, Kind
from harness.sql.after import select_rows
from harness.sql.plan import Buckets
from harness.sql.query import Query


def answers_of(buckets: Buckets) -> list[Answer]:
    """One Answer a query of the batch; inf and NaN are NULL."""
    values = np.where(np.isfinite(buckets.values), buckets.values, np.nan)
    columns = [np.ascontiguousarray(column) for column in values.T]
    edges = np.searchsorted(buckets.query, np.arange(len(buckets.plans) + 1)).tolist()
    shapes: dict[int, _Shape] = {}
    answers = []
    for plan, start, stop in zip(buckets.plans, edges[:-1], edges[1:], strict=True):
        query = plan.query
        if (shape := shapes.get(id(query))) is None:
            shape = shapes[id(query)] = _Shape.of(query)
        rows = slice(start, stop)
        slots = [key[rows] for key in buckets.keys[: shape.keys]]
        slots += [_decoded(column[rows], kind) for column, kind in zip(columns, shape.aggregates, strict=False)]
        if shape.rows:
            repeated = np.repeat(np.arange(stop - start), _times(slots[shape.keys]))
            slots = [slot[repeated] for slot in slots]
        if shape.selects:
            chosen = select_rows(query, slots)
            slots = [slot[chosen] for slot in slots]
        data = tuple([slots[i] for i in shape.outputs])
        for column in data:
            column.flags.writeable = False
        answers.append(Answer(shape.names, shape.kinds, data, plan.notices))
    return answers


@dataclass(frozen=True)
class _Shape:
    """What all answers to one query have in common."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    outputs: tuple[int, ...]
    keys: int
    aggregates: tuple[Kind, ...]
    selects: bool
    rows: bool

    @classmethod
    def of(cls, query: Query) -> _Shape:
        return cls(
            tuple(output.name for output in query.outputs),
            tuple(query.slot_kind(output.slot) for output in query.outputs),
            tuple(output.slot for output in query.outputs),
            len(query.keys),
            tuple(aggregate.kind for aggregate in query.aggregates),
            query.having is not None or bool(query.order) or query.limit is not None or query.offset > 0,
            query.rows,
        )


def _times(counts: Array) -> Array:
    """How often rows are repeated: their counts rounded half-even, at least 0 (Diffix-Birch §6.3)."""
    times: Array = np.maximum(np.rint(np.nan_to_num(counts)), 0).astype(np.int64)
    return times


def _decoded(values: Array, kind: Kind) -> Array:
    if kind not in (Kind.DATE, Kind.DATETIME):
        return values
    micros = np.where(np.isnan(values), 0, np.round(values)).astype(np.int64)
    moments = micros.astype("datetime64[us]")
    moments[np.isnan(values)] = np.datetime64("NaT")
    return moments
