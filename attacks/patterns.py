"""Patterns of LIKE that match a value alone, or with one user more."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import pandas as pd

MARK = "!"  # escapes what is special in a pattern


def pairs(cells: pd.Series, smallest_group: int) -> pd.DataFrame:
    """The users whom a pattern adds to those of a frequent value, alone: indexed by uid, with the columns `value`,
    `pattern` (SQL constants of LIKE) and `size`. Of several ways the one with the largest group is taken."""
    count = cells.value_counts()
    frequent = set(count.index[count >= smallest_group])
    masked: dict[tuple[str, str], list[str]] = {}
    for value in frequent:
        for at in range(len(value)):
            masked.setdefault((value[:at], value[at + 1 :]), []).append(value)
    added: dict[tuple[str, str], set[str]] = {}  # value and pattern -> the other values that match
    for name in count.index:
        for value, pattern in _matching(name, frequent, masked):
            added.setdefault((value, pattern), set()).add(name)
    single = {key: min(names) for key, names in added.items() if len(names) == 1 and count[min(names)] == 1}
    uid = pd.Series(cells.index, index=cells.to_numpy())
    rows = [(uid[name], value, pattern, count[value]) for (value, pattern), name in single.items()]
    found = pd.DataFrame(rows, columns=["uid", "value", "pattern", "size"]).set_index("uid")
    found = found.sort_values(["size", "value", "pattern"], ascending=[False, True, True], kind="stable")
    return found[~found.index.duplicated()].sort_index()


def alone(value: str, ordered: Sequence[str]) -> str:
    """A pattern (an SQL constant) that matches the value and no other of the `ordered` ones, with a % if it can."""
    for at in range(1, len(value)):
        head, tail = value[:at], value[at:]
        first = bisect_left(ordered, head)
        for name in ordered[first:]:
            if not name.startswith(head):
                return _constant(head, "%", tail)
            if name != value and name.endswith(tail) and len(name) >= len(value):
                break
        else:
            return _constant(head, "%", tail)
    return _constant(value, "", "")


def _matching(name: str, frequent: set[str], masked: dict[tuple[str, str], list[str]]) -> Iterator[tuple[str, str]]:
    """The frequent values of which a pattern matches that name as well, and the pattern. `masked`: the frequent values
    by what stands before and after one of their characters."""
    for at in range(len(name) + 1):
        for end in range(at + 1, len(name) + 1):
            if (value := name[:at] + name[end:]) in frequent:
                yield value, _constant(name[:at], "%", name[end:])
    for at in range(len(name)):
        head, tail = name[:at], name[at + 1 :]
        for value in masked.get((head, tail), ()):
            if value != name:
                yield value, _constant(head, "_", tail)


def _constant(head: str, wild: str, tail: str) -> str:
    """The pattern as an SQL constant, what is special in the texts escaped."""
    head, tail = ("".join(MARK + c if c in f"{MARK}%_" else c for c in text) for text in (head, tail))
    return "'" + f"{head}{wild}{tail}".replace("'", "''") + "'"
