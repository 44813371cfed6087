"""Noise layers: which conditions seed which samples, and their sum per bucket.

A layer is a 64-bit word made from (salt, table, column, operator, values); a static layer's sample depends on the
word, a dynamic layer's on the word and the XOR of the bucket's hashed uids. All samples are standard normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from defenses.diffix.conditions import Range, conditions_of
from defenses.keyed import key_words, value_field
from harness.seeds import Field, Words, digest, gaussian, mix, seed64
from harness.sql import Buckets, Query
from harness.sql.query import Compare, In, IsNull, Not, Ref

EQUAL, UNEQUAL, IN, ELEMENT, RANGE, NULL, KNOWN, NONE = (
    "=",
    "<>",
    "in",
    "in-element",
    "range",
    "null",
    "not-null",
    "none",
)


@dataclass(frozen=True)
class Layer:
    """One layer's seed components, salt left out. `values` is None where they come from the bucket: the key of
    `slot`, or the floated values of `column`."""

    dynamic: bool
    operator: str
    column: Ref | None = None
    values: tuple[Field, ...] | None = ()
    slot: int | None = None


@lru_cache(maxsize=10_000)
def layers_of(query: Query) -> tuple[Layer, ...]:
    """The layers of a query's buckets, equal ones once (§5.1, §6.3–§6.7, §6.9, §6.10)."""
    layers: list[Layer] = []
    for condition in conditions_of(query):
        match condition:
            case Range(column, low, high):
                layers += _pair(RANGE, column, (value_field(low), value_field(high)))
            case IsNull(Ref() as column):
                layers += _pair(NULL, column, ())
            case Not(IsNull(Ref() as column)):
                layers += _pair(KNOWN, column, ())
            case Compare(Ref() as column, "=", value):
                layers += _pair(EQUAL, column, equality(value_field(value)))
            case Compare(Ref() as column, "<>", value):
                layers += _pair(UNEQUAL, column, (value_field(value),))
            case In(Ref() as column, values, negated=True):
                for value in values:
                    layers += _pair(UNEQUAL, column, (value_field(value),))
            case In(Ref() as column, values):
                layers.append(Layer(False, IN, column, None))
                layers += [Layer(True, ELEMENT, column, (value_field(value),)) for value in values]
    for slot, key in enumerate(query.keys):
        layers += [Layer(dynamic, EQUAL, key, None, slot) for dynamic in (False, True)]
    return tuple(dict.fromkeys(layers)) or (Layer(True, NONE),)


def equality(value: Field) -> tuple[Field, ...]:
    """The components [v, v, 1] of a positive equality: what min, max and count of one value would be (§6.5)."""
    return (value, value, 1)


def key_condition(column: Ref, value: Field) -> tuple[str, str, tuple[Field, ...]]:
    """Operator, column and values of the condition that a bucket's key stands for: an equality, or IS NULL (§6.3)."""
    return (NULL, column.name, ()) if value is None else (EQUAL, column.name, equality(value))


def _pair(operator: str, column: Ref, values: tuple[Field, ...]) -> list[Layer]:
    return [Layer(dynamic, operator, column, values) for dynamic in (False, True)]


def layer_word(salt: bytes, table: str, operator: str, column: str | None, values: tuple[Field, ...]) -> int:
    """The layer's 64-bit word: a keyed digest that names every component without ambiguity."""
    return seed64("layer", table, column, operator, values, key=salt)


@dataclass(frozen=True)
class Seeds:
    """The layers of all buckets, M in number, sorted by bucket: `bucket` int64 (M,), `word` uint64 (M,), `dynamic`
    bool (M,)."""

    bucket: NDArray[np.int64]
    word: Words
    dynamic: NDArray[np.bool_]


def seeds_of(buckets: Buckets, *, static: bool = True, dynamic: bool = True) -> Seeds:
    """The layers of every bucket, equal ones of a bucket once; `static` and `dynamic` switch the two sorts."""
    pieces = [_constant(buckets), *_by_key(buckets), *_by_floated(buckets)]
    bucket = np.concatenate([piece.bucket for piece in pieces])
    word = np.concatenate([piece.word for piece in pieces])
    is_dynamic = np.concatenate([piece.dynamic for piece in pieces])
    order = np.lexsort((word, is_dynamic, bucket))
    bucket, word, is_dynamic = bucket[order], word[order], is_dynamic[order]
    wanted = np.where(is_dynamic, dynamic, static)
    wanted[1:] &= (bucket[1:] != bucket[:-1]) | (word[1:] != word[:-1]) | (is_dynamic[1:] != is_dynamic[:-1])
    return Seeds(bucket[wanted], word[wanted], is_dynamic[wanted])


class Noise:
    """Sums of layered samples, float64 (N,): the same for the same purpose and users, independent between purposes."""

    def __init__(self, seeds: Seeds, buckets: Buckets) -> None:
        self._seeds = seeds
        self._salt = buckets.salt
        self._users = buckets.uid_xor
        self._size = len(buckets)

    def draw(self, purpose: str, users: Words | None = None) -> NDArray[np.float64]:
        """Mean 0, variance the number of layers of the bucket (the baseline noise N_b of §5.4). `users`: the XOR of
        the users that dynamic layers are seeded with, uint64 (N,), if not all of the bucket."""
        return np.bincount(self._seeds.bucket, weights=self.samples(purpose, users), minlength=self._size)

    def samples(self, purpose: str, users: Words | None = None) -> NDArray[np.float64]:
        """The standard normal sample of each layer, float64 (M,)."""
        seeds = self._seeds
        samples = np.empty(len(seeds.word))
        of_bucket = (self._users if users is None else users)[seeds.bucket]
        for sort, rows in (("static", ~seeds.dynamic), ("dynamic", seeds.dynamic)):
            key = digest("diffix", sort, purpose, key=self._salt, size=16)
            words = (seeds.word[rows], of_bucket[rows]) if sort == "dynamic" else (seeds.word[rows],)
            samples[rows] = gaussian(mix(key, *words))
        return samples


def _constant(buckets: Buckets) -> Seeds:
    """Layers that the SQL alone determines: computed per query, spread over its buckets."""
    known: dict[Query, tuple[list[int], list[bool]]] = {}
    for plan in buckets.plans:
        query = plan.query
        if query not in known:
            fixed = [layer for layer in layers_of(query) if layer.values is not None]
            words = [
                layer_word(buckets.salt, query.table, f.operator, f.column.name if f.column else None, f.values or ())
                for f in fixed
            ]
            known[query] = words, [layer.dynamic for layer in fixed]
    lists = [known[plan.query] for plan in buckets.plans]
    words = np.array([word for ws, _ in lists for word in ws], dtype=np.uint64)
    dynamic = np.array([d for _, ds in lists for d in ds], dtype=bool)
    counts = np.array([len(ws) for ws, _ in lists], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    per_bucket = counts[buckets.query]
    bucket = np.repeat(np.arange(len(buckets)), per_bucket)
    within = np.arange(len(bucket)) - np.repeat(np.cumsum(per_bucket) - per_bucket, per_bucket)
    take = starts[buckets.query][bucket] + within
    return Seeds(bucket, words[take], dynamic[take])


def _by_key(buckets: Buckets) -> list[Seeds]:
    """The static and dynamic layer of each GROUP BY column, seeded as the equality with the bucket's value."""
    table = buckets.plans[0].query.table if buckets.plans else ""

    def word(column: Ref, value: Field) -> int:
        return layer_word(buckets.salt, table, *key_condition(column, value))

    pieces = []
    for slot in range(len(buckets.keys)):
        words, has = key_words(buckets, slot, word)
        rows = np.flatnonzero(has)
        pieces += [Seeds(rows, words[rows], np.full(len(rows), dynamic)) for dynamic in (False, True)]
    return pieces


def _by_floated(buckets: Buckets) -> list[Seeds]:
    """The static layer of each IN, seeded by the values that the bucket really has of the column (§6.9)."""
    pieces = []
    for name, column in buckets.floated.items():
        asked = np.array(
            [
                any(
                    layer.operator == IN and layer.column and layer.column.name == name
                    for layer in layers_of(plan.query)
                )
                for plan in buckets.plans
            ],
            dtype=bool,
        )
        rows = np.flatnonzero(asked[buckets.query]) if len(asked) else np.empty(0, dtype=np.int64)
        if not len(rows):
            continue
        table = buckets.plans[0].query.table
        codes, distinct = pd.factorize(column[rows])
        words = np.array(
            [layer_word(buckets.salt, table, IN, name, tuple(map(value_field, values))) for values in distinct],
            dtype=np.uint64,
        )
        pieces.append(Seeds(rows, words[codes], np.zeros(len(rows), dtype=bool)))
    return pieces
