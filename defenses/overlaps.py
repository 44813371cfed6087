"""Which sets of users have more than r users in common with others: the log of `defenses.overlap_control`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

FIRST, LARGEST = 64, 4_096  # sets that are compared with one another at once


class Answered:
    """The sets that were answered so far, no two of which have more than r users in common."""

    def __init__(self, r: int) -> None:
        self._r = r
        self._users = pd.Index([], dtype=np.uint64)  # all that were in a set
        self._places = np.empty(0, dtype=np.int64)  # where the users of each set stand there, one set after the other
        self._sizes = np.empty(0, dtype=np.int64)
        self._names = np.empty(0, dtype=np.int64)
        self._codes: dict[object, int] = {}

    def admit(self, sets: Sequence[Any] | NDArray[Any], names: Sequence[object]) -> Truths:
        """Whether each set may be answered, bool (N,), one after the other; those that may are in the log from now on.

        `sets`: (N,) of arrays of distinct users, uint64; `names`: (N,). A set may be answered that has at most r users,
        that is in the log under the same name, or that has more than r users in common with none in the log.
        """
        sizes = np.fromiter(map(len, sets), dtype=np.int64, count=len(sets))
        shown = sizes <= self._r
        new = np.flatnonzero(~shown)
        if not len(new):
            return shown
        codes = np.array([self._codes.setdefault(names[i], len(self._codes)) for i in new], dtype=np.int64)
        log = _Sets(
            np.concatenate([self._places, self._placed(np.concatenate([sets[i] for i in new]))]),
            np.concatenate([self._sizes, sizes[new]]),
            np.concatenate([self._names, codes]),
            self._r,
        )
        kept, before = np.arange(len(self._sizes)), len(self._sizes)
        for rows in _pieces(before, before + len(new)):
            known, clashing = log.compare(rows, kept)
            fresh = rows[~known & ~clashing]
            may, first = log.in_turn(fresh)
            shown[new[rows[known] - before]] = True
            shown[new[fresh[may] - before]] = True
            kept = np.concatenate([kept, fresh[first]])
        self._places, self._sizes, self._names = log.places(kept), log.sizes[kept], log.names[kept]
        return shown

    def _placed(self, users: NDArray[np.uint64]) -> Integers:
        places = np.array(self._users.get_indexer(pd.Index(users)), dtype=np.int64)
        strange = places < 0
        if strange.any():
            code, distinct = pd.factorize(users[strange])
            places[strange] = len(self._users) + code
            self._users = self._users.append(pd.Index(distinct))
        return places


class _Sets:
    """Sets as the rows of a 0/1 matrix, whose columns are users."""

    def __init__(self, places: Integers, sizes: Integers, names: Integers, r: int) -> None:
        ends = np.concatenate([[0], np.cumsum(sizes)])
        shape = (len(sizes), int(places.max()) + 1)
        self._matrix = csr_array((np.ones(len(places), dtype=np.int32), places, ends), shape=shape)
        self.sizes, self.names, self._r = sizes, names, r

    def places(self, rows: Integers) -> Integers:
        return np.asarray(self._matrix[rows].indices, dtype=np.int64)

    def compare(self, rows: Integers, others: Integers) -> tuple[Truths, Truths]:
        """Which of the rows equal one of the others, and which have too many users in common with one."""
        i, _, same = self._overlapping(rows, others)
        known, clashing = np.zeros((2, len(rows)), dtype=bool)
        known[i[same]] = clashing[i] = True
        return known, clashing

    def in_turn(self, rows: Integers) -> tuple[Truths, Truths]:
        """Which of the rows, taken one after the other, may be answered, and which of these are no repetition."""
        i, j, same = self._overlapping(rows, rows)
        may, first = np.ones((2, len(rows)), dtype=bool)
        earlier = j < i
        i, j, same = i[earlier], j[earlier], same[earlier]
        order = np.argsort(i, kind="stable")
        i, j, same = i[order], j[order], same[order]
        late, pairs = np.unique(i, return_counts=True)
        ends = np.cumsum(pairs)
        for row, start, stop in zip(late, ends - pairs, ends, strict=True):
            live = first[j[start:stop]]
            if live.any():
                may[row], first[row] = same[start:stop][live].any(), False
        return may, first

    def _overlapping(self, rows: Integers, others: Integers) -> tuple[Integers, Integers, Truths]:
        """The pairs with more than r users in common, as places in `rows` and `others`, and which of them are equal."""
        common = (self._matrix[rows] @ self._matrix[others].T).tocoo()
        many = common.data > self._r
        i, j, count = (part[many].astype(np.int64) for part in (*common.coords, common.data))
        one, two = rows[i], others[j]
        same = (count == self.sizes[one]) & (count == self.sizes[two]) & (self.names[one] == self.names[two])
        return i, j, same


def _pieces(start: int, stop: int) -> Iterator[Integers]:
    """The rows in pieces that grow: the first sets of a log decide on most that come after them."""
    size = FIRST
    while start < stop:
        yield np.arange(start, min(start + size, stop))
        start, size = start + size, min(2 * size, LARGEST)
