"""A slow oracle of Diffix: plain Python over rows, written from the paper's sections 5 and 6, in exact fractions.

It shares with the product the functions of `harness.seeds` alone. Layer names, uid hashes and seed fields, which the
paper leaves open, are stated here a second time. Aggregates are in `oracle_aggregates`, questions and refusals in
`oracle_queries`, the alignment of ranges in `oracle_snapping`, what is dropped from them in `oracle_shrink`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from harness.seeds import digest, gaussian, mix
from tests.oracle_aggregates import Noise, Number, aggregated
from tests.oracle_layers import Layers, layers_of
from tests.oracle_queries import Database, Key, Question, Row, Switches, buckets, read
from tests.oracle_shrink import remaining
from tests.oracle_terms import value


def noisy_answers(
    database: Database, question: Question, switches: Switches | None = None
) -> dict[Key, list[Number | None]]:
    """Bucket -> one number an aggregate, None where it is NULL; suppressed buckets are missing."""
    switches = switches or Switches()
    answers: dict[Key, list[Number | None]] = {}
    conditions = read(database, question, switches)
    for key, rows in buckets(database, question, switches).items():
        if switches.shrink_and_drop:
            rows = remaining(database, rows, conditions)
        if switches.low_count and not _large_enough(database, rows):
            continue
        layers = layers_of(database, replace(question, conditions=conditions), key, rows)
        kept = {layer for layer in layers if getattr(switches, layer[0])}
        sizes = [max(2, round(4 + _noise(database, kept, rows, purpose) / 2)) for purpose in ("T1", "T2")]
        answers[key] = []
        for a in question.aggregates:
            measured = [{**row, a.column: value(a.term, row)} for row in rows] if a.term else rows
            baseline = partial(_baseline, database, kept, measured)
            noise = Noise(sizes[0], sizes[1], len(kept), baseline, partial(_hash, database))
            answers[key].append(aggregated(database, a, measured, noise, switches))
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
