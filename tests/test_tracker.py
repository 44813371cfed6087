"""Trackers recover, in exact numbers, what a control on the size of query sets refuses (Denning, Denning, Schwartz)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from attacks.trackers import Double, Formula, General, Individual, Prefixes, Union, equals, statistics
from defenses.k_threshold import k_threshold
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.session import LocalSession
from tests.conftest import judged, kappas

N = 120
SCHEMA = Schema(
    "t", (Column("uid", Kind.INTEGER), Column("x", Kind.INTEGER), Column("g", Kind.TEXT), Column("pay", Kind.INTEGER)),
    uid="uid",
)  # fmt: skip


def people() -> pd.DataFrame:
    """User u has x = u; g is NULL for every seventh."""
    u = np.arange(N)
    g = np.where(u % 7 == 0, None, np.where(u % 2, "odd", "even"))
    return pd.DataFrame({"uid": u, "x": u, "g": g, "pay": (u * u * 37) % 1009})


@cache
def session(k: int) -> LocalSession:
    table = Table(SCHEMA, people())
    return LocalSession(SCHEMA, DuckEngine(table, b"s" * 32), k_threshold(k=k, upper=True), np.random.default_rng(0))


def between(low: int, high: int) -> Formula:
    """The users from low to high − 1."""
    return Formula(f"(x >= {low} AND x < {high})", f"(x < {low} OR x >= {high})")


def pay(low: int, high: int) -> int:
    return int(people()["pay"][low:high].sum())


def recovered(k: int, tracker: General | Double, low: int, high: int, large: bool = False) -> float:
    c = between(low, high)
    terms = tracker.large(~c) if large else tracker.small(c)
    return float(statistics(session(k), "sum(pay)", [terms])[0])


WHERE = [(0, 1), (119, 120), (59, 60), (60, 61), (40, 41), (79, 81), (45, 73)]  # within T, outside, across its edges


@pytest.mark.parametrize(
    ("k", "tracker"),
    [(30, General(between(0, 60))), (29, General(between(0, 58))), (40, Double(between(0, 40), between(0, 80)))],
)
def test_a_tracker_recovers_every_refused_sum_exactly(k: int, tracker: General | Double):
    """Up to k = n/4 with a general tracker and n/3 with a double one; sets of k − 1 users, where they lie worst."""
    for low, high in [*WHERE, (0, k - 1), (N - k + 1, N), (40, 40 + k - 1)]:
        assert np.isnan(statistics(session(k), "sum(pay)", [[(1, between(low, high))]])[0]), "refused if asked plainly"
        assert recovered(k, tracker, low, high) == pay(low, high)
        assert recovered(k, tracker, low, high, large=True) == pay(0, N) - pay(low, high)


def test_beyond_a_quarter_no_general_tracker_serves_every_set():
    k = 31
    wanted = []
    for size in range(k, N - k + 1):
        inside, outside = between(0, min(size, k - 1)), between(max(size, N - k + 1), N)
        wanted += [General(between(0, size)).small(c) for c in (inside, outside)]
    assert np.isnan(statistics(session(k), "sum(pay)", wanted)).reshape(-1, 2).any(axis=1).all()


@pytest.mark.parametrize(("t", "u"), [(40, 80), (41, 81), (41, 82), (38, 79)])
def test_beyond_a_third_no_double_tracker_does(t: int, u: int):
    k = 41
    worst = [(0, k - 1), (N - k + 1, N)]
    assert np.isnan([recovered(k, Double(between(0, t), between(0, u)), *c) for c in worst]).any()


@pytest.mark.parametrize(("k", "answered"), [(59, True), (60, False)])
def test_a_union_tracker_gives_every_single_user_up_to_half(k: int, answered: bool):
    """Two halves of 60; with the user that a half does not hold there are 61, and so many are left out: 59."""
    halves = between(0, 60), between(60, N)
    wanted = [Union(halves[u < 60]).small(equals("x", u)) for u in range(N)]
    found = statistics(session(k), "sum(pay)", wanted)
    assert (found.tolist() == people()["pay"].tolist()) if answered else np.isnan(found).all()


@pytest.mark.parametrize("conjunctive", [False, True])
def test_an_individual_tracker_tells_one_of_a_group(conjunctive: bool):
    """C = (20 <= x < 60) and x = 33; 39 others are the tracker."""
    group = between(20, 60)
    found = Individual(group, group & ~equals("x", 33), conjunctive)
    d = Formula("g = 'odd'", ""), Formula("g = 'even'", "")
    counts = statistics(session(10), "count(*)", [found.within(d[0]), found.within(d[1]), found.within(None)])
    assert counts.tolist() == [1, 0, 1]
    assert statistics(session(10), "sum(pay)", [found.within(None)])[0] == pay(33, 34)


def test_null_is_outside_every_set_and_inside_its_negation():
    sets = Prefixes.of(people().set_index("uid")["g"])
    assert sets.sizes.tolist() == [51, 102]
    assert (sets.place[::7] == 2).all()
    half = sets.formula(0)
    counts = statistics(session(1), "count(*)", [[(1, half)], [(1, ~half)], [(1, half & equals("x", 7))]])
    assert counts[:2].tolist() == [51, N - 51]
    found = statistics(session(15), "sum(pay)", [General(half).small(equals("x", u)) for u in range(N)])
    assert found.tolist() == people()["pay"].tolist(), "users with NULL in the tracker's column are recovered as well"


def test_a_secret_that_is_null_is_found_like_any_value():
    wanted = [General(between(0, 60)).small(equals("x", u) & equals("g", None)) for u in range(N)]
    assert statistics(session(30), "count(*)", wanted).astype(bool).tolist() == people()["g"].isna().tolist()


def salaries(defense: str, attack: str) -> None:
    result = judged(defense, attack, secret="salary")
    result.close()
    truth = result.truth.people["salary"]
    assert len(result.outcome.claims) == 25
    assert [claim.value for claim in result.outcome.claims] == [truth[claim.uid] for claim in result.outcome.claims]


@pytest.mark.parametrize(
    ("k", "kind"), [(1000, "general"), (1333, "double"), (1900, "union"), (1900, "general"), (100, "individual")]
)
def test_the_attack_reads_salaries_to_the_dollar(k: int, kind: str):
    """4,000 employees: a quarter of them, a third, nearly half."""
    salaries(f"k-threshold:k={k},upper=true", f"tracker:kind={kind}")


def test_intersection_has_nothing_where_the_tracker_has_all():
    assert kappas("k-threshold:k=400,upper=true", "intersection", 1, secret="salary")[0] == 0
    assert kappas("k-threshold:k=400,upper=true", "tracker:kind=individual", 1, secret="salary")[0] == 0
    salaries("k-threshold:k=400,upper=true", "tracker")


def test_bands_are_recovered_from_counts():
    assert kappas("k-threshold:upper=true", "tracker:kind=union", 1).tolist() == [1.0]


def test_diffix_refuses_or_and_answers_the_individual_tracker_with_noise():
    assert kappas("diffix", "tracker", 1, victims=3).tolist() == [0.0]
    result = judged("diffix", "tracker:kind=individual", secret="salary")
    result.close()
    assert result.score.claims == 25
    assert result.score.correct <= 2, "a hundredth of the interquartile range beside noise of half a salary and more"
