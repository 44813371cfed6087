"""The log of overlap control, against plain sets compared one by one."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import overlaps
from defenses.overlaps import Answered

SETS = st.lists(st.tuples(st.sets(st.integers(0, 12)), st.sampled_from("ab")), max_size=25)


class Slow:
    """What is answered, set by set."""

    def __init__(self, r: int) -> None:
        self.r = r
        self.log: list[tuple[set[int], str]] = []

    def may(self, users: set[int], name: str) -> bool:
        if len(users) <= self.r or (users, name) in self.log:
            return True
        if any(len(users & other) > self.r for other, _ in self.log):
            return False
        self.log.append((users, name))
        return True


@given(st.lists(SETS, max_size=4), st.integers(0, 6), st.integers(1, 9))
def test_the_log_is_that_of_sets_compared_one_by_one(batches: list[list[tuple[set[int], str]]], r: int, first: int):
    fast, slow = Answered(r), Slow(r)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "FIRST", first)
        patch.setattr(overlaps, "LARGEST", 2 * first)
        for batch in batches:
            sets = [np.array(sorted(users), dtype=np.uint64) + np.uint64(2**63) for users, _ in batch]
            found = fast.admit(sets, [name for _, name in batch])
            assert found.tolist() == [slow.may(users, name) for users, name in batch]


def test_thousands_of_buckets_are_compared_at_once():
    """Three histograms of 20,000 buckets of 5 users: the first is answered, of the others no bucket but equal ones."""
    users = np.random.default_rng(1).permutation(100_000).astype(np.uint64)
    buckets = np.sort(users.reshape(20_000, 5), axis=1)
    moved = np.sort(np.roll(users, 2).reshape(20_000, 5), axis=1)
    log, began = Answered(1), time.process_time()
    names = [None] * 20_000
    assert log.admit(list(buckets), names).all()
    assert not log.admit(list(moved), names).any()
    assert log.admit(list(buckets[::-1]), names).all()
    assert time.process_time() - began < 10  # one by one it is 20,000² / 2 comparisons, and 20,000² more
