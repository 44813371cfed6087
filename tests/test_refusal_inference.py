"""Refusals tell what answers would: of query-set-size control, overlap control, and both together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from attacks.refusals import MARGIN, by_size, least_shown, overlap_allowed
from attacks.uid_sets import Pool, shown
from harness import registry
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.session import LocalSession
from tests.conftest import kappas

SCHEMA = Schema("t", (Column("uid", Kind.INTEGER), Column("band", Kind.TEXT)), uid="uid")
LARGEST = 12


def session(defense: str) -> LocalSession:
    table = Table(SCHEMA, pd.DataFrame({"uid": np.arange(400), "band": np.array(["a", None] * 200, dtype=object)}))
    page = registry.defense(defense)[0]
    return LocalSession(SCHEMA, DuckEngine(table, b"s" * 32), page, np.random.default_rng(0))


def pool() -> Pool:
    return Pool(np.arange(400), np.random.default_rng(1))


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_the_threshold_is_found(k: int):
    assert least_shown(session(f"k-threshold:k={k},upper=true"), pool(), LARGEST) == k
    assert overlap_allowed(session(f"k-threshold:k={k}"), pool(), k, LARGEST) is None


def test_a_threshold_beyond_the_largest_is_not():
    assert least_shown(session("k-threshold:k=13"), pool(), LARGEST) is None
    assert least_shown(session("none"), Pool([], np.random.default_rng(0)), LARGEST) is None


@pytest.mark.parametrize("k", [1, 6])
@pytest.mark.parametrize("r", [0, 1, 5, 11])
def test_the_overlap_is_found(r: int, k: int):
    asked, users = session(f"k-threshold:k={k}+overlap-control:r={r}"), pool()
    assert least_shown(asked, users, LARGEST) == k
    assert overlap_allowed(asked, users, k, LARGEST) == r
    assert len(set(users.left)) == len(users.left) >= 400 - 78 - 16 - LARGEST * (k + MARGIN)


def test_a_count_of_nobody_shows_nobody():
    wheres = ["uid IN (1, 2)", "uid IN (1, 2) AND band = 'z'", "band = 3 OR nothing", "uid = 1 AND band IS NULL"]
    assert shown(session("none"), wheres).tolist() == [True, False, False, True]
    assert shown(session("k-threshold:k=2"), wheres).tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "defense",
    [
        "none",
        "k-threshold:k=3,upper=true",
        "overlap-control",
        "overlap-control:r=0",
        "k-threshold+overlap-control:r=4",
        pytest.param("k-threshold+output-perturbation", marks=pytest.mark.science),
        pytest.param("diffix:noisy_threshold=false", marks=pytest.mark.science),
    ],
)
def test_controls_leak_by_what_they_refuse(defense: str):
    assert kappas(defense, "refusal-inference", 1, victims=5).tolist() == [1.0]


def test_a_small_table_is_enough():
    """Finding k = 5 takes 15 of the 17 others, so sets are drawn from all of them again."""
    assert kappas("k-threshold", "refusal-inference", 1, "best-case:clusters=1,others=5", victims=4).tolist() == [1.0]


def test_null_is_a_value_as_any_other():
    """Every second user has NULL: with one of them in a set, the question that leaves out a band leaves out two."""
    victims, others = [0, 1, 2], list(range(10, 400))
    asked = session("k-threshold:k=3")
    values, probability = by_size(asked, "band", victims, others, 3, 50, np.random.default_rng(2))
    assert [values[i] for i in probability.argmax(axis=1)] == ["a", None, "a"]
    assert probability.max(axis=1).min() > 0.999


@pytest.mark.parametrize("defense", ["laplace", "query-budget:n=10", "k-threshold:k=16"])
def test_what_refuses_by_the_text_or_beyond_its_reach_tells_nothing(defense: str):
    assert kappas(defense, "refusal-inference", 1, victims=8)[0] <= 0.2


@pytest.mark.science
def test_a_threshold_for_each_set_takes_more_sets():
    """Diffix: one set of five users tells little, as 4 of them are shown half the time; twenty sets tell the band."""
    few = kappas("diffix", "refusal-inference:sets=1", 3)
    many = kappas("diffix", "refusal-inference", 3)
    assert few.mean() <= 0.5
    assert many.mean() >= 0.9
