"""HAVING, ORDER BY, LIMIT and OFFSET on the answer, after the defense: they see what the analyst sees, no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.model import Array
from harness.sql.plan import Bools
from harness.sql.query import (
    And,
    Between,
    Compare,
    Condition,
    In,
    IsNull,
    Like,
    Not,
    Operand,
    Or,
    Order,
    Query,
    Slot,
)

Truth = tuple[Bools, Bools]  # where the condition is true, where it is false; elsewhere it is unknown


def select_rows(query: Query, slots: list[Array]) -> Array:
    """The rows of the answer that HAVING, ORDER BY, LIMIT and OFFSET leave, in their order, as an index.

    `slots`: keys then aggregates, each of shape (n,), NULL as None or NaN.
    """
    rows = np.arange(len(slots[0]))
    if query.having is not None:
        rows = rows[_truth(query.having, slots)[0]]
    if query.order:
        ranks = [_rank(slots[order.slot][rows], order) for order in reversed(query.order)]
        rows = rows[np.lexsort(ranks)]
    stop = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : stop]


def is_null(array: Array) -> Bools:
    """Where a key is None or an aggregate NaN or NaT, bool (n,)."""
    if array.dtype == object:
        null: Bools = np.equal(array, np.array(None, dtype=object)).astype(bool)
        return null
    return np.isnan(array) if array.dtype.kind in "fmM" else np.zeros(len(array), dtype=bool)


def _rank(array: Array, order: Order) -> Array:
    null = is_null(array)
    rank = np.zeros(len(array), dtype=np.int64)
    if not null.all():
        _, rank[~null] = np.unique(array[~null], return_inverse=True)
    if order.descending:
        rank = -rank
    rank[null] = np.iinfo(np.int64).min if order.nulls_first else np.iinfo(np.int64).max
    return rank


def _truth(condition: Condition, slots: list[Array]) -> Truth:
    match condition:
        case And(parts):
            truths = [_truth(part, slots) for part in parts]
            return np.logical_and.reduce([t for t, _ in truths]), np.logical_or.reduce([f for _, f in truths])
        case Or(parts):
            truths = [_truth(part, slots) for part in parts]
            return np.logical_or.reduce([t for t, _ in truths]), np.logical_and.reduce([f for _, f in truths])
        case Not(part):
            true, false = _truth(part, slots)
            return false, true
        case IsNull(on):
            null = is_null(_values(on, slots))
            return null, ~null
        case Between(on, low, high):
            return _truth(And((Compare(on, ">=", low), Compare(on, "<=", high))), slots)
        case In(on, values, negated):
            either: Condition = Or(tuple(Compare(on, "=", value) for value in values))
            return _truth(Not(either) if negated else either, slots)
        case Compare(on, op, value):
            return _compare(on, op, value, slots)
        case Like():
            return _like(condition, slots)


def _compare(on: Operand, op: str, value: Any, slots: list[Array]) -> Truth:
    left = _values(on, slots)
    right = _values(value, slots) if isinstance(value, Slot) else _scalar(value, left)
    known = ~is_null(left)
    if isinstance(right, np.ndarray):
        known = known & ~is_null(right)
    result = np.zeros(len(left), dtype=bool)
    other = right[known] if isinstance(right, np.ndarray) else right
    operators = {"=": np.equal, "<>": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater}
    ufunc: Any = operators.get(op, np.greater_equal)
    result[known] = ufunc(left[known], other).astype(bool)
    return result, known & ~result


def _scalar(value: Any, beside: Array) -> Any:
    return np.datetime64(value, "us") if beside.dtype.kind == "M" else value


def _like(like: Like, slots: list[Array]) -> Truth:
    values = _values(like.on, slots)
    null = is_null(values)
    spelled = _lowered if like.ignore_case else str
    pattern = re.compile(_regex(like, spelled), re.DOTALL)
    result = np.array([v is not None and pattern.fullmatch(spelled(v)) is not None for v in values], dtype=bool)
    return result, ~result & ~null


def _lowered(text: str) -> str:
    """One character for one character, as ILIKE does it in DuckDB (str.lower makes two of İ)."""
    return "".join(character.lower()[0] for character in text)


def _regex(like: Like, spelled: Callable[[str], str]) -> str:
    parts, escaped = [], False
    for character in like.pattern:
        if not escaped and character == like.escape:
            escaped = True
            continue
        wild = {"%": ".*", "_": "."}.get(character) if not escaped else None
        parts.append(wild or re.escape(spelled(character)))
        escaped = False
    return "".join(parts)


def _values(on: Operand | Any, slots: list[Array]) -> Array:
    assert isinstance(on, Slot), "conditions on rows never reach the answer"
    values = slots[on.index]
    return values.astype("datetime64[us]") if on.kind.is_time else values
