"""Data-swapping: exact where the randomness is fixed, and what each rule promises to keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.records import mid_ranks
from defenses.swaps import donors, partners, stretches
from harness import registry
from harness.model import Column, Kind, Schema, Table
from harness.seeds import generator
from tests.defense_tables import TABLES

Z = 3.8906  # two-sided 99.99 %


def protected(spec: str, table: Table, seed: object = 1) -> Table:
    defense = registry.defense(spec)[0]
    assert defense.skip(table.schema) is None
    return defense.protect(table, generator("data stage", repr(seed)))


def staff(n: int = 400, seed: int = 1) -> Table:
    return registry.dataset(f"employees:size={n}")[0].load(generator(seed))


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6))
def test_partners_swap_in_pairs_inside_their_group(n: int, groups: int, seed: int) -> None:
    group = generator(seed).integers(groups, size=n)
    other = partners((3, n), group, 1.0, generator(seed, "pairs"))
    for row in other:
        assert (row[row] == np.arange(n)).all(), "whose value I take takes mine"
        assert (group[row] == group).all()
        left = np.bincount(group[row == np.arange(n)], minlength=groups)
        assert (left == np.bincount(group, minlength=groups) % 2).all(), "one is left over where they are odd in number"


def test_partners_are_drawn_evenly_and_share_says_how_many() -> None:
    other = partners((6_000, 6), np.zeros(6, dtype=np.int64), 1.0, generator(1))
    counts = np.bincount(other[:, 0], minlength=6)
    assert counts[0] == 0
    assert (abs(counts[1:] - 1_200) < Z * np.sqrt(6_000 * 0.2 * 0.8)).all()
    moved_on = (partners((100_000,), np.zeros(100_000, np.int64), 0.3, generator(2)) != np.arange(100_000)).mean()
    assert abs(moved_on - 0.3) < Z * np.sqrt(0.21 / 100_000) + 1e-5
    assert (partners((50,), np.zeros(50, np.int64), 0.0, generator(3)) == np.arange(50)).all()


def test_donors_are_of_the_group_and_evenly_drawn() -> None:
    group = np.array([0, 1, 0, 1, 0, 2])
    taken = donors((30_000, 6), group, 1.0, generator(1))
    assert (group[taken] == group).all()
    counts = np.bincount(taken[:, 4], minlength=6)[[0, 2, 4]]
    assert (abs(counts - 10_000) < Z * np.sqrt(30_000 * 2 / 9)).all()


def test_stretches_bound_the_distance_of_ranks() -> None:
    ranks = np.array([5, 1, 4, 0, 3, 9, 2, 6, 8, 7])
    for seed in range(10):
        group = stretches(ranks, 0.3, generator(seed))
        assert all(np.ptp(ranks[group == number]) <= 2 for number in group)
        assert 4 <= len(set(group)) <= 5


@pytest.mark.parametrize("rule", ["exchange", "rank"])
def test_swapping_keeps_the_marginals(rule: str) -> None:
    table = staff()
    out = protected(f"data-swapping:columns=[age,salary_band,hire_date],rule={rule}", table).frame
    for name in table.schema.names:
        assert sorted(out[name]) == sorted(table.frame[name]), name
    untouched = ["uid", "department", "gender", "zip", "last_name", "disciplinary_warning"]
    pd.testing.assert_frame_equal(out[untouched], table.frame[untouched])
    assert (out["salary"] != table.frame["salary"]).mean() > 0.9
    if rule == "rank":
        ranks = (mid_ranks(frame["salary"]) for frame in (out, table.frame))
        assert abs(next(ranks) - next(ranks)).max() < 0.05 * 400 + 2


def test_swapping_within_keeps_every_count_with_these_columns() -> None:
    table = staff()
    out = protected("data-swapping:columns=[salary,zip],within=[department,gender]", table).frame
    for name in ("salary", "zip", "salary_band"):
        by = ["department", "gender", name]
        pd.testing.assert_series_equal(out.groupby(by).size(), table.frame.groupby(by).size())
    together = protected("data-swapping:columns=[salary,zip],together=true", table).frame
    pairs = (sorted(zip(frame["salary"], frame["zip"], strict=True)) for frame in (together, table.frame))
    assert next(pairs) == next(pairs)


def test_users_with_many_rows_swap_as_users_where_they_are_the_same() -> None:
    table = TABLES["many rows a user"]
    out = protected("data-swapping:columns=[flag,pay]", table).frame
    assert (out.groupby("uid")["flag"].nunique(dropna=False) == 1).all()
    assert (out["flag"] != table.frame["flag"]).any()
    for name in ("flag", "pay"):
        assert sorted(out[name].dropna()) == sorted(table.frame[name].dropna())


def test_columns_that_tell_the_same_move_together() -> None:
    columns = (Column("uid", Kind.INTEGER), Column("code", Kind.INTEGER), Column("word", Kind.TEXT))
    schema = Schema("t", columns, "uid", secrets=("word",), same=(("code", "word"),))
    frame = pd.DataFrame({"uid": range(20), "code": range(20), "word": [str(n) for n in range(20)]}).astype(
        {"word": object}
    )
    for spec in ("data-swapping", "synthetic-records:rule=independent", "synthetic-records"):
        out = protected(spec, Table(schema, frame)).frame
        assert out["word"].tolist() == [str(n) for n in out["code"]]
        assert out["word"].tolist() != frame["word"].tolist()
