"""What answers of Diffix were made of, bucket by bucket: for researchers, never for an analyst."""

from __future__ import annotations

from typing import Any

from defenses.diffix.groups import group_size
from defenses.diffix.layers import (
    Layer,
    Noise,
    Rules,
    Seeds,
    in_condition,
    key_condition,
    layer_word,
    layers_of,
    span_condition,
)
from defenses.diffix.terms import seed_name
from harness.plugin import Rows
from harness.seeds import Field
from harness.sql import Buckets


def explained(buckets: Buckets, seeds: Seeds, thresholds: Any, low_count: bool, rules: Rules) -> dict[str, Rows]:
    """`buckets`: users, low-count threshold, baseline noise N_b of count(*) and group sizes. `layers`: the seed
    components of each noise layer, salt left out, and the sample that it adds to that N_b."""
    noise = Noise(seeds, buckets)
    baseline, samples = noise.draw("noise"), noise.samples("noise")
    first, second = (group_size(noise.draw(purpose)) for purpose in ("T1", "T2"))
    names = [bucket_name(buckets, row) for row in range(len(buckets))]
    about: Rows = [
        {
            "bucket": names[row],
            "users": int(buckets.users[row]),
            "threshold": float(thresholds[row]),
            "shown": bool(not low_count or buckets.users[row] >= thresholds[row]),
            "N_b": float(baseline[row]),
            "T1": int(first[row]),
            "T2": int(second[row]),
        }
        for row in range(len(buckets))
    ]
    known = [_components(buckets, row, rules) for row in range(len(buckets))]
    layers: Rows = [
        {"bucket": names[row], **known[row][bool(dynamic), int(word)], "sample": float(sample)}
        for row, word, dynamic, sample in zip(seeds.bucket, seeds.word, seeds.dynamic, samples, strict=True)
    ]
    return {"buckets": about, "layers": layers}


def bucket_name(buckets: Buckets, row: int) -> str:
    keys = buckets.plans[buckets.query[row]].query.keys
    return ", ".join(f"{key.name} = {buckets.keys[slot][row]}" for slot, key in enumerate(keys)) or "all"


def _components(buckets: Buckets, row: int, rules: Rules) -> dict[tuple[bool, int], dict[str, Any]]:
    """The seed components of the bucket's layers by sort and word."""
    query = buckets.plans[buckets.query[row]].query
    found = {}
    for layer in layers_of(query, rules):
        operator, column, values = _condition(layer, buckets, row)
        found[layer.dynamic, layer_word(buckets.salt, query.table, operator, column, values)] = {
            "sort": "dynamic" if layer.dynamic else "static",
            "seeded by": [query.table, column, operator, *(_said(value) for value in values)],
            "floated": layer.values is None,
            "users in seed": int(buckets.users[row]) if layer.dynamic else 0,
        }
    return found


def _condition(layer: Layer, buckets: Buckets, row: int) -> tuple[str, str | None, tuple[Field, ...]]:
    """Operator, column and values of the layer in this bucket."""
    name = seed_name(layer.column) if layer.column else None
    if layer.values is not None or name is None:
        return layer.operator, name, layer.values or ()
    if layer.of == "key":
        key = buckets.plans[buckets.query[row]].query.keys[layer.slot]
        return key_condition(key, buckets.keys[layer.slot][row])
    assert layer.column is not None
    if layer.of == "values":
        return in_condition(name, buckets.floated[layer.column.name][row])
    return span_condition(name, buckets.spans[layer.column.name][row])


def _said(field: Field) -> Any:
    """The value of a seed field without its type tag."""
    return field[1] if isinstance(field, tuple) else field
