"""The slow oracle of shrink-and-drop: plain Python over rows, after the steps of the thread's first author.

It shares with the product the functions of `harness.seeds` alone. What the thread leaves open (rounding of T, equal
gaps, users of several rows, one value) is stated here a second time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from harness.seeds import digest, gaussian, mix
from tests.oracle_queries import Condition, Database, Row, comparable
from tests.oracle_snapping import Bounds, snapped

KNOWN = 15  # users remembered at either end


@dataclass(frozen=True)
class Shrunk:
    """What is made of one range: T, R″ (None: as stated), who lies outside it, and whether their rows are dropped."""

    removed: int
    range: Bounds | None = None
    outside: int = 0
    dropped: bool = False


def remaining(database: Database, rows: list[Row], conditions: Sequence[Condition]) -> list[Row]:
    """The bucket's rows without what its ranges drop, each looked at on all the rows."""
    kept = rows
    for condition in conditions:
        if condition.op == "range" and condition.written is None:
            found = shrink(database, rows, condition.column, condition.values)
            if found.dropped:
                kept = [row for row in kept if _inside(row, condition.column, found.range)]
    return kept


def shrink(database: Database, rows: list[Row], column: str, stated: Bounds) -> Shrunk:
    """One range of a bucket whose rows are all inside it."""
    low: dict[Any, Any] = {}
    high: dict[Any, Any] = {}
    for row in rows:
        user, value = row[database.uid], row[column]
        low[user] = min(low.get(user, value), value)
        high[user] = max(high.get(user, value), value)
    removed = max(2, round(5 + draw(database, rows, "removals", column)))
    assert removed < KNOWN
    if len(low) <= removed:
        return Shrunk(removed)
    for _ in range(removed):
        first, last = (end(values, key=values.get) for end, values in ((min, low), (max, high)))  # type: ignore[arg-type]
        others_low = min(value for user, value in low.items() if user != first)
        others_high = max(value for user, value in high.items() if user != last)
        if high[last] - others_high >= others_low - low[first]:
            del high[last]
        else:
            del low[first]
    range_ = around(database.kinds[column], min(low.values()), max(high.values()))
    if range_ is None:
        return Shrunk(removed)
    inside = [row for row in rows if _inside(row, column, range_)]
    outside = len(database.users(row for row in rows if not _inside(row, column, range_)))
    threshold = max(2.0, 4 + 0.5 * draw(database, inside, "low-count", column))
    return Shrunk(removed, range_, outside, outside < threshold)


def around(kind: str, low: Any, high: Any) -> Bounds | None:
    """The smallest aligned range around all values from the one to the other; one value alone stays alone."""
    match kind:
        case "integer":
            beyond = high + 1
        case "real":
            beyond = math.nextafter(high, math.inf)
        case "date":
            beyond = high + timedelta(days=1)
        case _:
            beyond = high + timedelta.resolution
    return (low, beyond) if low == high else snapped(kind, low, beyond)


def _inside(row: Row, column: str, bounds: Bounds | None) -> bool:
    assert bounds is not None
    low, value, high = comparable(bounds[0], row[column], bounds[1])
    return bool(low <= value < high)


def draw(database: Database, rows: list[Row], purpose: str, column: str) -> float:
    """A standard normal sample of the distinct users of these rows."""
    xor = 0
    for user in database.users(rows):
        text = f"{database.salt.hex()}|{database.kinds[database.uid]}|{user}"
        xor ^= int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")
    key = digest("shrink-and-drop", purpose, column, key=database.salt, size=16)
    return float(gaussian(mix(key, np.array([xor], dtype=np.uint64)))[0])
