"""Seeds made from values: equal values of a column give equal words, unequal ones never collide by their spelling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from harness.seeds import Field, Words, digest, mix, seed64
from harness.sql import Buckets
from harness.sql.compile import query_text
from harness.sql.query import Call, Ref


def value_field(value: Any) -> Field:
    """A column value as a seed field. Dates and times carry their kind; NULL, NaN, '' and 'NULL' all differ."""
    if type(value) is int:
        return ("integer", value)
    match value:
        case datetime():
            return ("datetime", value.isoformat())
        case date():
            return ("date", value.isoformat())
        case float():
            return "NaN" if value != value else ("number", value + 0.0)
        case int() if not isinstance(value, bool):
            return ("integer", value)
        case str():
            return ("text", value)
    return value  # type: ignore[no-any-return]


def key_words(
    buckets: Buckets, slot: int, seeds: Callable[[Ref | Call, list[Any]], Words], wanted: np.ndarray | None = None
) -> tuple[Words, np.ndarray]:
    """One 64-bit word per bucket for its key in `slot`, and which buckets have that slot: uint64 (N,), bool (N,).

    `seeds(key, values)` is called with the distinct values of a key, and, of the buckets, for those `wanted`, bool
    (N,), only. NULL comes alone.
    """
    words = np.zeros(len(buckets), dtype=np.uint64)
    refs = [plan.query.keys[slot] if slot < len(plan.query.keys) else None for plan in buckets.plans]
    numbers = {ref: i for i, ref in enumerate(dict.fromkeys(refs))}
    owner = np.array([numbers[ref] for ref in refs], dtype=np.int64)[buckets.query]
    for ref, number in numbers.items():
        if ref is None:
            continue
        rows = np.flatnonzero(owner == number if wanted is None else (owner == number) & wanted)
        if not len(rows):
            continue
        values = buckets.keys[slot][rows]
        null = np.equal(values, None).astype(bool)
        codes, distinct = pd.factorize(values[~null], use_na_sentinel=False)
        words[rows[~null]] = seeds(ref, list(distinct))[codes]
        if null.any():
            words[rows[null]] = seeds(ref, [None])
    return words, np.array([ref is not None for ref in refs], dtype=bool)[buckets.query]


def cell_words(buckets: Buckets, *purpose: Field) -> Words:
    """A keyed word per cell, uint64 (N, A), from purpose, salt, text of the query, keys of the bucket and slot."""
    salt = buckets.salt
    key = digest(*purpose, key=salt, size=16)
    texts = {plan: seed64("text", query_text(plan.query), key=salt) for plan in set(buckets.plans)}
    words = np.array([texts[plan] for plan in buckets.plans], dtype=np.uint64)[buckets.query]

    def seeds(_: Ref | Call, values: list[Any]) -> Words:
        return np.array([seed64("key", value_field(value), key=salt) for value in values], dtype=np.uint64)

    for slot in range(len(buckets.keys)):
        values, has = key_words(buckets, slot, seeds)
        words[has] = mix(key, words[has], values[has])
    cells = np.zeros(buckets.values.shape, dtype=np.uint64)
    for slot in range(cells.shape[1]):
        cells[:, slot] = mix(key, words, np.full(len(words), slot, dtype=np.uint64))
    return cells
