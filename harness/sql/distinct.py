"""Who contributes which value to an aggregate over DISTINCT values.

Each value of a bucket counts once, and so for one of the users who have it. They are chosen so that as many users as
possible contribute, and among these choices so that contributions are as even as can be:

1. A value that is the only one of one of its users is his: he contributes nothing else.
2. A value with at least as many users as the bucket has values is contributed alone: the others take up fewer users.
3. Every other value, in ascending order, goes to the user with the fewest values so far whom it reaches: one of its
   own, or one to whom these can hand a value on. Users of one value are looked at in ascending order of their
   hashes, in a search by breadth; the first found of those with the fewest values is taken, and all values on the way
   move by one.

Step 3 gives an optimal semi-matching (Harvey, Ladner, Lovász, Tamir 2006): no other choice has more contributing users,
a smaller largest contribution or a smaller sum of squares, and how many values the users contribute is the same in all
optimal ones. Steps 1 and 2 belong to one: who holds only that value costs nobody another one, and where a value has as
many users as there are values, one of them is free. SQL does them; the pairs that are left come back as lists.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from harness.sql.plan import HIGH, LOW, ROWS
from harness.sql.templates import filled

Whole = NDArray[np.int64]

_TEMPLATE = """
WITH numbered AS (SELECT {keys}{bucket} AS b, h, x FROM input),
pairs AS (SELECT b, h, x FROM numbered GROUP BY b, h, x),
buckets AS (SELECT b, {any_keys}count(DISTINCT x) AS n FROM numbered GROUP BY b),
users AS (SELECT b, h, count(*) AS own FROM pairs GROUP BY b, h),
owned AS (
    SELECT b, x, min(own) = 1 OR count(*) >= any_value(n) AS alone
    FROM pairs JOIN users USING (b, h) JOIN buckets USING (b) GROUP BY b, x
),
counted AS (SELECT b FROM owned GROUP BY b),
shared AS (
    SELECT b, list(x ORDER BY x, h) AS sx, list(h ORDER BY x, h) AS sh
    FROM pairs JOIN owned USING (b, x) WHERE NOT alone GROUP BY b
)
SELECT {keys}counted.* EXCLUDE (b), sx, sh FROM buckets JOIN counted USING (b) LEFT JOIN shared USING (b)
"""


def contributed(rows: exp.Select, keys: int, columns: Sequence[exp.Expr]) -> exp.Select:
    """One row a bucket that has values: k0 …, these aggregates of its values x, where `alone` tells which are
    contributed alone, and the pairs of the others, their values `sx` and users `sh` as lists, NULL where there are
    none. `rows` are the keys, the user's hash h and the value x, which is never NULL."""
    tree = filled(_TEMPLATE, keys, rows)
    (counted,) = (cte.this for cte in tree.find_all(exp.CTE) if cte.alias == "counted")
    counted.select(*columns, copy=False)
    return tree


def shared(value: NDArray[Any], user: NDArray[Any]) -> Whole:
    """Step 3 for one bucket. `value` and `user`, shape (P,), are the pairs of a value and a user of it, in ascending
    order. Gives the user of each distinct value, as a position in the sorted distinct users, int64 (V,)."""
    users, code = np.unique(user, return_inverse=True)
    ends = np.flatnonzero(value[1:] != value[:-1]) + 1
    sharing = _Sharing([part.tolist() for part in np.split(code, ends)], len(users))
    return np.array(sharing.owner, dtype=np.int64)


def merge_shared(columns: dict[str, Any]) -> None:
    """Step 3 for every bucket of a result: its lists sx0, sh0, … go, and what users contribute by them is added to the
    columns 0t0, 0n0, 0s0, … of `plan.Contributions`."""
    for slot in [name.removeprefix("sx") for name in columns if name.startswith("sx")]:
        lists, hashes = columns.pop(f"sx{slot}"), columns.pop(f"sh{slot}")
        rows = np.flatnonzero(~np.ma.getmaskarray(lists)).tolist()
        sides = [side for side in (HIGH, LOW, ROWS) if f"{side}t{slot}" in columns]
        for name in (f"{side}{what}{slot}" for side in sides for what in "ns" if rows):
            columns[name] = np.ma.filled(columns[name], 0)
        for row in rows:
            value, owner = lists[row], shared(lists[row], hashes[row])
            load = np.bincount(owner)
            numbers: dict[int, NDArray[Any]] = {HIGH if sides == [HIGH] else ROWS: load[load > 0].astype(np.float64)}
            if LOW in sides:
                each = value[np.concatenate([[True], value[1:] != value[:-1]])].astype(np.float64)
                sums = np.bincount(owner, weights=each)[load > 0]
                numbers |= {HIGH: sums[sums >= 0], LOW: -sums[sums <= 0]}
            for side in sides:
                _add(columns, f"{side}", slot, row, numbers[side])


def _add(columns: dict[str, Any], side: str, slot: str, row: int, numbers: NDArray[np.float64]) -> None:
    top = columns[f"{side}t{slot}"]
    top[row] = np.sort(np.concatenate([top[row], numbers]))[::-1][: len(top[row])]
    columns[f"{side}n{slot}"][row] += len(numbers)
    columns[f"{side}s{slot}"][row] += numbers.sum()


class _Sharing:
    """Values given out one by one, to the users of position 0, 1, … whom `users_of` names.

    `least` holds for every user a lower bound of how many values those have whom he reaches, himself among them. A
    search that sees all whom it reaches raises it, and none looks on after somebody with so few. It stays one when the
    reach grows: a value that brings new users into it was placed by a search that has reached them, and found nobody
    with less there.
    """

    def __init__(self, users_of: list[list[int]], users: int) -> None:
        self.users_of = users_of
        self.owner = [-1] * len(users_of)
        self._load = [0] * users
        self._least = [0] * users
        self._held: list[list[int]] = [[] for _ in range(users)]  # what a user can hand on, ascending
        for value in range(len(users_of)):
            self._give(value)

    def _give(self, value: int) -> None:
        reached_by: dict[int, int] = {}
        user = self._search(value, reached_by)
        self._load[user] += 1
        while True:
            given = reached_by[user]
            giver, self.owner[given] = self.owner[given], user
            if len(self.users_of[given]) > 1:
                insort(self._held[user], given)
            if given == value:
                return
            self._held[giver].remove(given)
            user = giver

    def _search(self, value: int, reached_by: dict[int, int]) -> int:
        best, queue = -1, deque([value])
        enough = min(self._least[user] for user in self.users_of[value])
        while queue:
            given = queue.popleft()
            for user in self.users_of[given]:
                if user in reached_by:
                    continue
                reached_by[user] = given
                if best < 0 or self._load[user] < self._load[best]:
                    best = user
                    if self._load[user] == enough:
                        return best
                if self._least[user] < self._load[best]:  # else nobody whom he reaches has fewer
                    queue.extend(self._held[user])
        for user in reached_by:
            self._least[user] = max(self._least[user], self._load[best])
        return best
