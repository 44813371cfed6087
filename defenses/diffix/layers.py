"""Noise layers: which conditions seed which samples, and their sum per bucket.

A layer is a 64-bit word made from (salt, table, column, operator, values); a static layer's sample depends on the
word, a dynamic layer's on the word and the XOR of the bucket's hashed uids. All samples are standard normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from defenses.diffix.conditions import Range, Stated, conditions_of
from defenses.diffix.like import text_of, wildcards
from defenses.diffix.terms import Piece, bounds, floated_for, piece, seed_name, stands_for_ranges
from defenses.keyed import key_words, value_field
from harness.model import Kind
from harness.seeds import EACH, Field, Words, digest, gaussian, mix, seed64, seeds64
from harness.sql import Buckets, Query
from harness.sql.plan import Bools
from harness.sql.query import Call, Compare, In, IsNull, Like, Not, Operand, Ref, Scalar, refs_of

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
SAME, DIFFERENT, LIKE, TEXT = "= column", "<> column", "like", "text"
LAYERS_AT_ONCE = 5_000_000
MANY = 200  # values of a key: that many are seeded at once faster than they are remembered
NOT = ":<>"
LOWER = ":lower"


@dataclass(frozen=True)
class Rules:
    """Which layers there are: the switches of `diffix` that bear on them."""

    static: bool = True
    dynamic: bool = True
    floats: bool = True
    wildcards: bool = True


@dataclass(frozen=True)
class Layer:
    """One layer's seed components, salt left out. `values` is None where they come `of` the bucket: of the key of
    `slot`, or of what is floated of `column`, its values or its span."""

    dynamic: bool
    operator: str
    column: Ref | None = None
    values: tuple[Field, ...] | None = ()
    of: Literal["", "key", "values", "span"] = ""
    slot: int = -1


@lru_cache(maxsize=10_000)
def layers_of(query: Query, rules: Rules = Rules()) -> tuple[Layer, ...]:
    """The layers of a query's buckets, equal ones once (§5.1, §6.3–§6.15). What a query joins is no condition: else
    tables in which all users have rows, or none, were so many samples of noise for one answer."""
    layers: list[Layer] = []
    outer = () if query.joins is None else query.joins.outer
    for condition in (*conditions_of(query), *(condition for added in outer for condition in added.on)):
        layers += _of_condition(condition, rules)
    for slot, key in enumerate(query.keys):
        layers += _of_key(key, slot, rules)
    return tuple(dict.fromkeys(layers)) or (Layer(True, NONE),)


def _of_condition(condition: Stated, rules: Rules) -> list[Layer]:
    match condition:
        case Range(column, low, high, negated):
            if is_one_value(column, low, high):
                return _of_condition(Compare(column, "<>" if negated else "=", low), rules)
            return _pair(RANGE, column, (value_field(low), value_field(high), *([NOT] if negated else [])))
        case IsNull(on) if (found := piece(on)) is not None:
            return _pair(NULL, found.column, ())
        case Not(IsNull(on)) if (found := piece(on)) is not None:
            return _pair(KNOWN, found.column, ())
        case Like():
            return _of_like(condition, (), rules)
        case Not(Like() as like):
            return _of_like(like, (":not",), rules)
        case Compare(Ref() as column, "=" | "<>" as op, Ref() as other):
            names = sorted((seed_name(column), seed_name(other)))
            return _pair(SAME if op == "=" else DIFFERENT, None, tuple(names))
        case Compare(on, "=", value):
            return _of_equality(on, value, rules)
        case Compare(on, "<>", value) if (found := piece(on)) is not None:
            return _of_inequality(found, [value])
        case In(on, values, negated=True) if (found := piece(on)) is not None:
            return _of_inequality(found, values)
        case In(on, values) if (found := piece(on)) is not None:
            elements = [Layer(True, ELEMENT, found.column, (value_field(value),)) for value in values]
            return [Layer(False, IN, found.column, None, "values"), *elements, *_of_functions(found)]
    return []


def _of_equality(on: Operand, value: Scalar | Operand, rules: Rules) -> list[Layer]:
    found = None if isinstance(value, Ref | Call) else piece(on)
    if found is not None and not found.cased and is_own(found.column):
        assert not isinstance(value, Operand)
        return [*_pair(EQUAL, found.column, equality(value_field(value))), *_of_functions(found)]
    if not rules.floats:
        told = value.name if isinstance(value, Ref | Call) else value_field(value)  # type: ignore[arg-type]
        return _pair(TEXT, None, (on.name, told))  # type: ignore[union-attr]
    return [*_spans((on, value)), *([] if found is None else _of_functions(found))]


def is_own(column: Ref) -> bool:
    """Whether a value of the column is what its rows hold: a value of a user stands for several."""
    return floated_for(column) == (column,)


def _spans(terms: tuple[Any, ...]) -> list[Layer]:
    """A pair a column, seeded by what is floated of it (§6.4, §6.5)."""
    named = [ref for term in terms if isinstance(term, Ref | Call) for ref in refs_of(term)]
    columns = dict.fromkeys(ref for column in named for ref in floated_for(column))
    return [Layer(dynamic, EQUAL, column, None, "span") for column in columns for dynamic in (False, True)]


def _of_inequality(found: Piece, values: Any) -> list[Layer]:
    layers = _of_functions(found, NOT)
    for value in values:
        layers += _pair(UNEQUAL, found.column, (value_field(value),))
        if found.cased:
            layers.append(Layer(False, UNEQUAL, found.column, (str(value).lower(), NOT, LOWER)))
    return layers


def _of_functions(found: Piece, *negated: str) -> list[Layer]:
    """A dynamic layer for each function that removes characters (§6.13)."""
    return [Layer(True, "function", found.column, (*components, *negated)) for components in found.functions]


def _of_like(like: Like, negated: tuple[str, ...], rules: Rules) -> list[Layer]:
    """A pair a wildcard (§6.11, §6.12)."""
    if (found := piece(like.on)) is None:
        return []
    if (text := text_of(like)) is not None:  # ILIKE without a wildcard
        cased = Piece(found.column, found.functions, True)
        return _of_inequality(cased, [text]) if negated else [*_spans((found.column,)), *_of_functions(found)]
    layers = _of_functions(found, *([NOT] if negated else []))
    for wildcard in wildcards(like) if rules.wildcards else ():
        layers += _pair(LIKE, found.column, (*wildcard, *negated))
    return layers


def _of_key(key: Ref | Call, slot: int, rules: Rules) -> list[Layer]:
    """A selected expression is a positive condition on each of its columns (§6.3, §6.16)."""
    found = piece(key)
    if (found is None or found.cased or not is_own(found.column)) and not stands_for_ranges(key) and rules.floats:
        return [*_spans((key,)), *([] if found is None else _of_functions(found))]
    column = refs_of(key)[0]
    layers = [Layer(dynamic, EQUAL, column, None, "key", slot) for dynamic in (False, True)]
    return [*layers, *([] if found is None else _of_functions(found))]


def is_one_value(column: Ref, low: Scalar, high: Scalar) -> bool:
    """Whether [low, high) holds one whole number or one day: b >= 3 AND b < 4 is b = 3."""
    if column.kind is Kind.INTEGER:
        return isinstance(low, int) and isinstance(high, int) and high - low == 1
    return column.kind is Kind.DATE and isinstance(low, date) and isinstance(high, date) and high - low == timedelta(1)


def equality(value: Field) -> tuple[Field, ...]:
    """The components [v, v, 1] of a positive equality: what min, max and count of one value would be (§6.5)."""
    return (value, value, 1)


def key_condition(key: Ref | Call, value: Any) -> tuple[str, str, tuple[Field, ...]]:
    """Operator, column and values of the condition that a bucket's key stands for (§6.3): IS NULL, a range or an
    equality."""
    found = piece(key)
    name = seed_name(refs_of(key)[0])
    if value is None:
        return NULL, name, ()
    if (interval := bounds(key, value)) is not None:
        if is_one_value(*interval):
            return EQUAL, name, equality(value_field(interval[1]))
        return RANGE, name, (value_field(interval[1]), value_field(interval[2]))
    if found is None or found.cased:  # only without floating, or where no range is this value's
        return EQUAL, key.name, equality(value_field(value))
    return EQUAL, name, equality(value_field(value))


def span_condition(name: str, span: tuple[Any, ...]) -> tuple[str, str, tuple[Field, ...]]:
    """The same for what is floated of a column: smallest, largest and number of its values."""
    if not span:
        return NULL, name, ()
    return EQUAL, name, (value_field(span[0]), value_field(span[1]), span[2])


def _pair(operator: str, column: Ref | None, values: tuple[Field, ...]) -> list[Layer]:
    return [Layer(dynamic, operator, column, values) for dynamic in (False, True)]


def layer_word(salt: bytes, table: str, operator: str, column: str | None, values: tuple[Field, ...]) -> int:
    """The layer's 64-bit word: a keyed digest that names every component without ambiguity."""
    return seed64("layer", table, column, operator, values, key=salt)


def floated_of(layers: Sequence[Layer], of: str) -> tuple[Ref, ...]:
    """The columns of which the layers need the floated values, or the span."""
    return tuple(dict.fromkeys(layer.column for layer in layers if layer.of == of and layer.column is not None))


def pieces(buckets: Buckets, rules: Rules) -> list[NDArray[np.int64]]:
    """The buckets, shape (N,), in so many pieces that the samples of one fit in little memory."""
    layers = np.array([len(layers_of(plan.query, rules)) for plan in buckets.plans], dtype=np.int64)
    number = 1 + int(layers[buckets.query].sum()) // LAYERS_AT_ONCE if len(layers) else 1
    return [piece for piece in np.array_split(np.arange(len(buckets)), number) if len(piece)]


@dataclass(frozen=True)
class Seeds:
    """The layers of all buckets, M in number, sorted by bucket: `bucket` int64 (M,), `word` uint64 (M,), `dynamic`
    bool (M,)."""

    bucket: NDArray[np.int64]
    word: Words
    dynamic: NDArray[np.bool_]


def seeds_of(buckets: Buckets, rules: Rules = Rules()) -> Seeds:
    """The layers of every bucket, equal ones of a bucket once."""
    pieces = [_constant(buckets, rules), *_by_key(buckets, rules), *_by_floated(buckets, rules)]
    bucket = np.concatenate([piece.bucket for piece in pieces])
    word = np.concatenate([piece.word for piece in pieces])
    is_dynamic = np.concatenate([piece.dynamic for piece in pieces])
    order = np.lexsort((word, is_dynamic, bucket))
    bucket, word, is_dynamic = bucket[order], word[order], is_dynamic[order]
    wanted = np.where(is_dynamic, rules.dynamic, rules.static)
    wanted[1:] &= (bucket[1:] != bucket[:-1]) | (word[1:] != word[:-1]) | (is_dynamic[1:] != is_dynamic[:-1])
    return Seeds(bucket[wanted], word[wanted], is_dynamic[wanted])


class Noise:
    """Sums of layered samples, float64 (N,): the same for the same purpose and users, independent between purposes."""

    def __init__(self, seeds: Seeds, buckets: Buckets, size: int = 1) -> None:
        """`size`: of groups of users who move together, by which the noise of answers is multiplied (§4)."""
        self._seeds = seeds
        self.size = size
        self._salt = buckets.salt
        self._users = buckets.uid_xor
        self._buckets = len(buckets)

    @property
    def layers(self) -> NDArray[np.int64]:
        """How many layers each bucket has, int64 (N,)."""
        return np.bincount(self._seeds.bucket, minlength=self._buckets)

    def draw(self, purpose: str, users: Words | None = None, of: Bools | None = None) -> NDArray[np.float64]:
        """Mean 0, variance the number of layers of the bucket (the baseline noise N_b of §5.4). `users`: the XOR of
        the users that dynamic layers are seeded with, uint64 (N,), if not all of the bucket. `of`: bool (N,), the
        buckets that are wanted, if not all; the others have 0."""
        return np.bincount(self._seeds.bucket, weights=self.samples(purpose, users, of), minlength=self._buckets)

    def samples(self, purpose: str, users: Words | None = None, of: Bools | None = None) -> NDArray[np.float64]:
        """The standard normal sample of each layer, float64 (M,)."""
        seeds = self._seeds
        samples = np.zeros(len(seeds.word))
        of_bucket = self._users if users is None else users
        for sort, is_dynamic in (("static", False), ("dynamic", True)):
            rows = np.flatnonzero((seeds.dynamic == is_dynamic) & (True if of is None else of[seeds.bucket]))
            if not len(rows):
                continue
            key = digest("diffix", sort, purpose, key=self._salt, size=16)
            if is_dynamic:
                samples[rows] = gaussian(mix(key, seeds.word[rows], of_bucket[seeds.bucket[rows]]))
            else:  # the buckets of a query have the static layers of its conditions in common
                codes, words = pd.factorize(seeds.word[rows])
                samples[rows] = gaussian(mix(key, words))[codes]
        return samples


def _constant(buckets: Buckets, rules: Rules) -> Seeds:
    """Layers that the SQL alone determines: computed per query, spread over its buckets."""
    known: dict[Query, tuple[list[int], list[bool]]] = {}
    for plan in buckets.plans:
        query = plan.query
        if query not in known:
            fixed = [layer for layer in layers_of(query, rules) if layer.values is not None]
            words = [
                layer_word(
                    buckets.salt, query.table, f.operator, seed_name(f.column) if f.column else None, f.values or ()
                )
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


def _by_key(buckets: Buckets, rules: Rules) -> list[Seeds]:
    """The static and dynamic layer of each GROUP BY column, seeded as the condition that the bucket's value meets."""
    table = buckets.plans[0].query.table if buckets.plans else ""
    asked = {
        (plan.query, layer.slot)
        for plan in buckets.plans
        for layer in layers_of(plan.query, rules)
        if layer.of == "key"
    }

    def words_of(key: Ref | Call, values: list[Any]) -> Words:
        return _key_words(buckets.salt, table, key, values)

    pieces = []
    for slot in range(len(buckets.keys)):
        wanted = np.array([(plan.query, slot) in asked for plan in buckets.plans], dtype=bool)[buckets.query]
        words, has = key_words(buckets, slot, words_of, wanted)
        rows = np.flatnonzero(has & wanted)
        pieces += _pairs(rows, words[rows])
    return pieces


def _key_words(salt: bytes, table: str, key: Ref | Call, values: list[Any]) -> Words:
    """The word of each of the values of a key, uint64 (n,)."""
    tag = {Kind.INTEGER: "integer", Kind.TEXT: "text"}.get(key.kind)
    if tag and isinstance(key, Ref) and len(values) > MANY:
        operator, column, _ = key_condition(key, values[0])
        return seeds64("layer", table, column, operator, ((tag, EACH), (tag, EACH), 1), values=values, key=salt)
    word = _column_word if isinstance(key, Ref) else _key_word
    return np.array([word(salt, table, key, value) for value in values], dtype=np.uint64)


def _key_word(salt: bytes, table: str, key: Ref | Call, value: Any) -> int:
    return layer_word(salt, table, *key_condition(key, value))


_column_word = lru_cache(maxsize=20_000, typed=True)(_key_word)  # analysts ask for the same buckets again and again


def _pairs(rows: NDArray[np.int64], words: Words) -> list[Seeds]:
    return [Seeds(rows, words, np.full(len(rows), dynamic)) for dynamic in (False, True)]


def _by_floated(buckets: Buckets, rules: Rules) -> list[Seeds]:
    """The static layer of each IN, seeded by the values that the bucket really has of the column (§6.9), and the pair
    of each unclear equality, seeded by their span (§6.4)."""
    pieces = []
    named = {ref.name: seed_name(ref) for plan in buckets.plans for ref in (*plan.floated, *plan.spans)}
    for name, column in buckets.floated.items():
        rows, words = _floated_words(buckets, rules, "values", name, column, partial(in_condition, named[name]))
        pieces.append(Seeds(rows, words, np.zeros(len(rows), dtype=bool)))
    for name, column in buckets.spans.items():
        rows, words = _floated_words(buckets, rules, "span", name, column, partial(span_condition, named[name]))
        pieces += _pairs(rows, words)
    return pieces


def _floated_words(
    buckets: Buckets, rules: Rules, of: str, name: str, column: NDArray[Any], said: Callable[..., tuple[Any, ...]]
) -> tuple[NDArray[np.int64], Words]:
    """The buckets with a layer of that column, int64 (n,), and its word in each, uint64 (n,)."""
    asked = np.array([_floats(plan.query, rules, of, name) for plan in buckets.plans], dtype=bool)
    rows = np.flatnonzero(asked[buckets.query]) if len(asked) else np.empty(0, dtype=np.int64)
    if not len(rows):
        return rows, np.empty(0, dtype=np.uint64)
    table = buckets.plans[0].query.table
    codes, distinct = pd.factorize(column[rows])
    words = np.array([layer_word(buckets.salt, table, *said(values)) for values in distinct], dtype=np.uint64)
    return rows, words[codes]


@lru_cache(maxsize=10_000)
def _floats(query: Query, rules: Rules, of: str, name: str) -> bool:
    return any(layer.of == of and layer.column and layer.column.name == name for layer in layers_of(query, rules))


def in_condition(name: str, values: tuple[Any, ...]) -> tuple[str, str, tuple[Field, ...]]:
    """The condition that the floated values of an IN stand for."""
    return IN, name, tuple(map(value_field, values))
