"""A slow oracle of Diffix: plain Python over rows, written from the paper's sections 5 and 6, in exact fractions.

It shares with the product the functions of `harness.seeds` alone. Layer names, uid hashes and seed fields, which the
paper leaves open, are stated here a second time. Questions and refusals are in `oracle_queries`, the alignment of
ranges in `oracle_snapping`, what is dropped from them in `oracle_shrink`.
"""

from __future__ import annotations

import hashlib
import statistics
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np

from harness.seeds import digest, gaussian, mix
from tests.oracle_layers import Layers, layers_of
from tests.oracle_queries import Aggregate, Database, Key, Question, Row, Switches, buckets, read
from tests.oracle_shrink import remaining
from tests.oracle_snapping import moment

Values = dict[Any, list[Fraction]]  # user -> the values of one column that are not NULL


@dataclass(frozen=True)
class Number:
    """One aggregate, and the size of the numbers that went into it: what rounding errors are in proportion to."""

    exact: Fraction
    scale: Fraction

    @property
    def value(self) -> float | None:
        try:
            return float(self.exact)
        except OverflowError:
            return None


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
        layers = layers_of(database, replace(question, conditions=conditions), key, rows)
        kept = {layer for layer in layers if getattr(switches, layer[0])}
        sizes = [max(2, round(4 + _noise(database, kept, rows, purpose) / 2)) for purpose in ("T1", "T2")]
        noise = _Noise(database, kept, rows, sizes[0], sizes[1])
        answers[key] = [_aggregate(database, a, rows, noise, switches) for a in question.aggregates]
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
        text = f"{database.salt.hex()}|{database.kinds[database.uid]}|{user}"
        xor ^= int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")
    return xor


# §5.1, §5.4


@dataclass(frozen=True)
class _Noise:
    """T₁ and T₂ of a bucket, and where its baseline noise N_b comes from."""

    database: Database
    layers: Layers
    rows: list[Row]
    first: int
    second: int

    def baseline(self, function: str, column: str) -> Fraction:
        """All counts share a purpose; dynamic layers know the users who have a value in the column."""
        everybody = column in ("*", self.database.uid)
        known = [row for row in self.rows if everybody or row[column] is not None]
        purpose = "noise" if function == "count" else f"{function} {column}"
        return Fraction(_noise(self.database, self.layers, known, purpose))


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


# §5.5


def _aggregate(database: Database, a: Aggregate, rows: list[Row], noise: _Noise, switches: Switches) -> Number | None:
    if a.function == "count":
        count = _count(database, a, rows, noise, switches.flatten)
        return replace(count, exact=Fraction(round(count.exact))) if count and switches.round else count
    values = _values(database, a.column, rows)
    match a.function:
        case "sum":
            return _sum(values, a.column, noise, switches.flatten)
        case "avg":
            counted = _count(database, Aggregate("count", a.column), rows, noise, switches.flatten)
            return _quotient(_sum(values, a.column, noise, switches.flatten), counted)
        case "max":
            baseline = noise.baseline("max", a.column)
            return _max([max(of_user) for of_user in values.values()], baseline, noise, switches.flatten)
        case "min":
            # the mirror image as to which users; the noise is added as for max
            lowest = [-min(of_user) for of_user in values.values()]
            turned = _max(lowest, -noise.baseline("min", a.column), noise, switches.flatten)
            return turned and replace(turned, exact=-turned.exact)
    raise AssertionError(a.function)


def _values(database: Database, column: str, rows: list[Row]) -> Values:
    """Times as microseconds since 1970."""
    found: Values = {}
    for row in rows:
        value = row[column]
        if isinstance(value, date):
            value = (moment(value) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        if value is not None:
            found.setdefault(row[database.uid], []).append(Fraction(value))
    return found


# §5.5.1


def _count(database: Database, a: Aggregate, rows: list[Row], noise: _Noise, flatten: bool) -> Number | None:
    all_rows = a.column in ("*", database.uid)
    if a.distinct or (all_rows and database.one_row_per_user):
        users, baseline = len(database.users(rows)), noise.baseline("count", a.column)
        return Number(users + baseline, users + abs(baseline))
    per_user: dict[Any, Fraction] = {}
    for row in rows:
        if all_rows or row[a.column] is not None:
            per_user[row[database.uid]] = per_user.get(row[database.uid], Fraction(0)) + 1
    side = _side(list(per_user.values()), noise, flatten)
    if side is None:
        return None if flatten else Number(Fraction(0), Fraction(0))
    return _with_noise([side], side.total, noise.baseline("count", a.column))


def _sum(values: Values, column: str, noise: _Noise, flatten: bool) -> Number | None:
    """The sum of the high side less the sum of the low one; the noise of both is added."""
    contributions = [sum(of_user, Fraction(0)) for of_user in values.values()]
    high = _side([c for c in contributions if c >= 0], noise, flatten)
    low = _side([-c for c in contributions if c <= 0], noise, flatten)
    sides = [side for side in (high, low) if side]
    total = (high.total if high else Fraction(0)) - (low.total if low else Fraction(0))
    return _with_noise(sides, total, noise.baseline("sum", column)) if sides else None


@dataclass(frozen=True)
class _Side:
    total: Fraction
    deviation: Fraction  # of the noise, per unit of N_b
    scale: Fraction


def _side(contributions: list[Fraction], noise: _Noise, flatten: bool) -> _Side | None:
    """The summing phase over contributions that are not negative."""
    values = sorted(contributions, reverse=True)
    first, second = noise.first, noise.second
    group2 = values[first : first + second]
    if not values or (flatten and not group2):
        return None
    scale = sum(values)
    averages = [statistics.mean(group2) / 2] if group2 else []
    if flatten:
        values[:first] = [statistics.mean(group2)] * first
    averages.append(statistics.mean(values))
    return _Side(sum(values, Fraction(0)), max(averages), Fraction(scale))


def _with_noise(sides: list[_Side], total: Fraction, baseline: Fraction) -> Number:
    added = baseline * sum(side.deviation for side in sides)
    return Number(total + added, sum(side.scale for side in sides) + abs(added))


def _quotient(total: Number | None, count: Number | None) -> Number | None:
    if total is None or count is None or count.exact <= 0:
        return None
    exact = total.exact / count.exact
    return Number(exact, (total.scale + abs(exact) * count.scale) / count.exact)


# §5.5.2


def _max(largest: list[Fraction], baseline: Fraction, noise: _Noise, flatten: bool) -> Number | None:
    """From each user's largest value; a group of one user would tell that value."""
    values = sorted(largest, reverse=True)
    group = values[noise.first : noise.first + noise.second] if flatten else values[: noise.second]
    if not group or (flatten and len(group) < 2):
        return None
    added = baseline * Fraction(statistics.pstdev(group)) / 8
    reported = statistics.mean(group) if flatten else values[0]
    return Number(reported + added, max(abs(value) for value in values) + abs(added))
