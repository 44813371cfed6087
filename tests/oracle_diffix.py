"""A slow oracle of the Diffix core: plain Python over rows, written from the paper's sections 5 and 6.

It shares with the product the functions of `harness.seeds` alone. Layer names, uid hashes and seed fields, which the
paper leaves open, are stated here a second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.seeds import digest, gaussian, mix, seed64

Row = Mapping[str, Any]
Layers = set[tuple[str, int]]  # ("static" or "dynamic", word)


@dataclass(frozen=True)
class Condition:
    """`column op values`; op is =, <>, in or not in."""

    column: str
    op: str
    values: tuple[Any, ...]

    def holds(self, row: Row) -> bool:
        """SQL's three-valued logic: nothing is true of NULL."""
        value = row[self.column]
        return value is not None and (value in self.values) == (self.op in ("=", "in"))


@dataclass(frozen=True)
class Question:
    """Counts per value of `keys`; a count is "*", "distinct" (users) or the name of a column."""

    keys: tuple[str, ...]
    counts: tuple[str, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Switches:
    static: bool = True
    dynamic: bool = True
    low_count: bool = True
    flatten: bool = True


@dataclass(frozen=True)
class Database:
    """Rows of one table; `kinds` names the kind of each column."""

    table: str
    uid: str
    kinds: Mapping[str, str]
    rows: Sequence[Row]
    salt: bytes

    @property
    def one_row_per_user(self) -> bool:
        return len({row[self.uid] for row in self.rows}) == len(self.rows)

    def users(self, rows: Iterable[Row]) -> set[Any]:
        return {row[self.uid] for row in rows}


def noisy_answers(
    database: Database, question: Question, switches: Switches | None = None
) -> dict[tuple[Any, ...], list[float | None]]:
    """Bucket -> one number a count, None where it is NULL; suppressed buckets are missing."""
    switches = switches or Switches()
    answers = {}
    for key, rows in _buckets(database, question):
        if switches.low_count and not _large_enough(database, rows):
            continue
        layers = _layers(database, question, key, rows)
        kept = {layer for layer in layers if getattr(switches, layer[0])}
        noise = {purpose: _noise(database, kept, rows, purpose) for purpose in ("noise", "T1", "T2")}
        answers[key] = [_count(database, count, rows, noise, switches.flatten) for count in question.counts]
    return answers


def _buckets(database: Database, question: Question) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    """Without keys there is one bucket, if need be an empty one."""
    buckets: dict[tuple[Any, ...], list[Row]] = {} if question.keys else {(): []}
    for row in database.rows:
        if all(condition.holds(row) for condition in question.conditions):
            buckets.setdefault(tuple(row[key] for key in question.keys), []).append(row)
    yield from buckets.items()


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
        text = f"{database.salt.hex()}|{database.kinds[database.uid]}|{user}"
        xor ^= int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")
    return xor


# §5.1, §6.3, §6.5, §6.6, §6.9, §6.10


def _layers(database: Database, question: Question, key: tuple[Any, ...], rows: list[Row]) -> Layers:
    """A set: layers that are equal are one layer."""
    layers: Layers = set()

    def add(sorts: tuple[str, ...], operator: str, column: str | None, *values: Any) -> None:
        word = seed64("layer", database.table, column, operator, values, key=database.salt)
        layers.update((sort, word) for sort in sorts)

    both = ("static", "dynamic")
    for condition in question.conditions:
        column, kind = condition.column, database.kinds[condition.column]
        values = [_field(value, kind) for value in condition.values]
        if condition.op in ("<>", "not in"):
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
        case "date":
            return ("date", value.isoformat())
        case "datetime":
            return ("datetime", value.isoformat())
    return ("text", value)


# §5.1, §5.4


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


# §5.5.1


def _count(database: Database, count: str, rows: list[Row], noise: dict[str, float], flatten: bool) -> float | None:
    everybody = database.users(rows)
    all_rows = count in ("*", database.uid)
    if count == "distinct" or (all_rows and database.one_row_per_user):
        return len(everybody) + noise["noise"]
    per_user = dict.fromkeys(everybody, 0)
    for row in rows:
        per_user[row[database.uid]] += all_rows or row[count] is not None
    values = sorted((value for value in per_user.values() if value), reverse=True)
    first, second = (max(2, round(4 + noise[purpose] / 2)) for purpose in ("T1", "T2"))
    group1, group2 = values[:first], values[first : first + second]
    if flatten and not group2:
        return None
    average2 = sum(group2) / len(group2) if group2 else 0.0
    if flatten:
        values[: len(group1)] = [average2] * len(group1)
    average = sum(values) / len(values) if values else 0.0
    return sum(values) + noise["noise"] * max(average2 / 2, average)
