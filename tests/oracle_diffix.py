"""A slow oracle of Diffix: plain Python over rows, written from the paper's sections 5 and 6, in exact fractions.

It shares with the product the functions of `harness.seeds` alone. Layer names, uid hashes and seed fields, which the
paper leaves open, are stated here a second time. Aggregates are in `oracle_aggregates`, questions and refusals in
`oracle_queries`, the alignment of ranges in `oracle_snapping`, what is dropped from them in `oracle_shrink`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from harness.seeds import digest, gaussian, mix, seed64
from tests.oracle_aggregates import Noise, Number, aggregated
from tests.oracle_queries import Database, Key, Question, Row, Switches, buckets, read
from tests.oracle_shrink import remaining

Layers = set[tuple[str, int]]  # ("static" or "dynamic", word)


def noisy_answers(
    database: Database, question: Question, switches: Switches | None = None
) -> dict[Key, list[Number | None]]:
    """Bucket -> one number an aggregate, None where it is NULL; suppressed buckets are missing."""
    switches = switches or Switches()
    answers = {}
    conditions = read(database, question, switches)
    for key, rows in buckets(database, question, switches).items():
        if switches.shrink_and_drop:
            rows = remaining(database, rows, conditions)
        if switches.low_count and not _large_enough(database, rows):
            continue
        layers = _layers(database, replace(question, conditions=conditions), key, rows)
        kept = {layer for layer in layers if getattr(switches, layer[0])}
        sizes = [max(2, round(4 + _noise(database, kept, rows, purpose) / 2)) for purpose in ("T1", "T2")]
        baseline = partial(_baseline, database, kept, rows)
        noise = Noise(sizes[0], sizes[1], len(kept), baseline, partial(_hash, database))
        answers[key] = [aggregated(database, a, rows, noise, switches) for a in question.aggregates]
    return answers


# §5.3


def _large_enough(database: Database, rows: list[Row]) -> bool:
    users = database.users(rows)
    if len(users) < 2:
        return False
    [draw] = _gauss(digest("low-count", key=database.salt, size=16), [[_uid_xor(database, rows)]])
    return len(users) >= 4.0 + 0.5 * draw


def _uid_xor(database: Database, rows: list[Row]) -> int:
    """The XOR of the hashed distinct uids."""
    xor = 0
    for user in database.users(rows):
        xor ^= _hash(database, user)
    return xor


def _hash(database: Database, user: Any) -> int:
    text = f"{database.salt.hex()}|{database.kinds[database.uid]}|{user}"
    return int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")


# §5.1, §6.3, §6.5, §6.6, §6.7, §6.9, §6.10


def _layers(database: Database, question: Question, key: Key, rows: list[Row]) -> Layers:
    """A set: layers that are equal are one layer."""
    layers: Layers = set()

    def add(sorts: tuple[str, ...], operator: str, column: str | None, *values: Any) -> None:
        word = seed64("layer", database.table, column, operator, values, key=database.salt)
        layers.update((sort, word) for sort in sorts)

    both = ("static", "dynamic")
    for condition in question.conditions:
        column, kind = condition.column, database.kinds[condition.column]
        if condition.op == "range":
            add(both, "range", column, *(_bound_field(bound) for bound in condition.values))
            continue
        values = [_field(value, kind) for value in condition.values]
        if condition.op in ("null", "not-null"):
            add(both, condition.op, column)
        elif condition.op in ("<>", "not in"):
            for value in values:
                add(both, "<>", column, value)
        elif len(set(condition.values)) == 1:
            add(both, "=", column, values[0], values[0], 1)
        else:
            floated = sorted({row[column] for row in rows})
            add(("static",), "in", column, *(_field(value, kind) for value in floated))
            for value in values:
                add(("dynamic",), "in-element", column, value)
    for column, value in zip(question.keys, key, strict=True):
        if value is None:
            add(both, "null", column)
        else:
            same = _field(value, database.kinds[column])
            add(both, "=", column, same, same, 1)
    if not layers:
        add(("dynamic",), "none", None)
    return layers


def _field(value: Any, kind: str) -> Any:
    match kind:
        case _ if value is None:
            return None
        case "boolean":
            return bool(value)
        case "integer":
            return ("integer", int(value))
        case "real":
            return ("number", float(value) + 0.0)
        case "date" | "datetime":
            return (kind, value.isoformat())
    return ("text", value)


def _bound_field(bound: Any) -> Any:
    kinds = {int: "integer", float: "real", date: "date", datetime: "datetime"}
    return _field(bound, kinds[type(bound)])


# §5.1, §5.4


def _baseline(database: Database, layers: Layers, rows: list[Row], function: str, column: str) -> Fraction:
    """N_b. All counts share a purpose; dynamic layers know the users who have a value in the column."""
    everybody = column in ("*", database.uid)
    known = [row for row in rows if everybody or row[column] is not None]
    purpose = "noise" if function == "count" else f"{function} {column}"
    return Fraction(_noise(database, layers, known, purpose))


def _noise(database: Database, layers: Layers, rows: list[Row], purpose: str) -> float:
    """One standard normal sample a layer; a dynamic layer's seed also holds the XOR."""
    xor = _uid_xor(database, rows)
    total = 0.0
    for sort in ("static", "dynamic"):
        key = digest("diffix", sort, purpose, key=database.salt, size=16)
        total += sum(_gauss(key, [[w, xor] if sort == "dynamic" else [w] for s, w in layers if s == sort]))
    return total


def _gauss(key: bytes, seeds: list[list[int]]) -> list[float]:
    """One sample a seed, a list of words."""
    columns = np.array(seeds, dtype=np.uint64).T
    return gaussian(mix(key, *columns)).tolist() if seeds else []
