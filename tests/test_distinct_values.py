"""Who contributes which DISTINCT value: as many users as possible, as evenly as possible (Diffix-Birch §5.5.1)."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from defenses.diffix import diffix
from harness.model import Column, Kind, Schema
from harness.sql.distinct import shared
from tests.diffix_tables import OFF, session
from tests.oracle_aggregates import distinct_values
from tests.oracle_queries import Database
from tests.sql_reference import Row, table

Pairs = list[tuple[int, int]]


def pairs(chance: random.Random, values: int, users: int) -> Pairs:
    found = {(value, chance.randrange(users)) for value in range(values) for _ in range(chance.randint(1, 4))}
    return sorted(found)


def loads_of(found: Pairs) -> list[int]:
    """How many values the users contribute in the end, descending, without zeros."""
    values, users = np.array(found).T
    owner = shared(values, users)
    distinct_users = np.unique(users)
    assert {(v, int(distinct_users[o])) for v, o in zip(sorted(set(values.tolist())), owner, strict=True)} <= set(found)
    return sorted(Counter(owner.tolist()).values(), reverse=True)


def matching(found: Pairs) -> int:
    """The most users who can contribute a value each."""
    graph = csr_matrix((np.ones(len(found)), np.array(found).T))
    return int((maximum_bipartite_matching(graph) >= 0).sum())


@pytest.mark.parametrize("seed", range(300))
def test_no_other_choice_is_more_even(seed: int) -> None:
    """Against all choices there are: the same numbers of values in the end as in the one of least squares."""
    chance = random.Random(seed)
    found = pairs(chance, chance.randint(1, 7), chance.randint(1, 5))
    users_of = [[u for v, u in found if v == value] for value in sorted({v for v, _ in found})]
    choices = (sorted(Counter(choice).values(), reverse=True) for choice in product(*users_of))
    assert loads_of(found) == min(choices, key=lambda loads: sum(load * load for load in loads))


@pytest.mark.parametrize("seed", range(30))
def test_as_many_users_as_possible_contribute(seed: int) -> None:
    chance = random.Random(seed)
    found = pairs(chance, chance.randint(20, 300), chance.randint(5, 300))
    assert len(loads_of(found)) == matching(found)


@pytest.mark.parametrize("seed", range(100))
def test_what_is_settled_beforehand_costs_nobody_a_value(seed: int) -> None:
    """Steps 1 and 2 of the rule, in the oracle, belong to a choice that is even and has the most users."""
    chance = random.Random(seed)
    found = pairs(chance, chance.randint(1, 12), chance.randint(1, 12))
    rows = [{"uid": user, "x": value} for value, user in found]
    database = Database("t", "uid", {"uid": "integer", "x": "integer"}, rows, b"")
    settled = distinct_values(database, "x", rows, lambda user: user)
    assert sorted(map(len, settled), reverse=True) == loads_of(found)


def test_figure_7_distinct_values_of_one_user_are_spread_over_the_others() -> None:
    """A user with every value would contribute them all; each goes to somebody else who has it."""
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("x", Kind.INTEGER)), "uid")
    rows: list[Row] = [(0, value) for value in range(20)] + [(1 + value, value) for value in range(20)]
    interface = session(table(schema, rows), diffix(**{**OFF, "flatten": True}))
    assert interface.query("SELECT count(DISTINCT x), sum(DISTINCT x) FROM t").rows == [(20, 120 + 4 * 13.5)]


def test_values_that_one_user_alone_has_are_one_contribution() -> None:
    """His twenty are flattened to the one value of the others."""
    schema = Schema("t", (Column("uid", Kind.INTEGER), Column("x", Kind.INTEGER)), "uid")
    rows: list[Row] = [(0, value) for value in range(20)] + [(user, 100 + user) for user in range(1, 9)]
    interface = session(table(schema, rows), diffix(**{**OFF, "flatten": True}))
    assert interface.query("SELECT count(DISTINCT x) FROM t").rows == [(9,)]
