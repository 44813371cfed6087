"""A group of accomplices and one more: what it has less what they told is his."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from attacks.accomplices import eligible_by_description
from attacks.snooper import _posterior
from harness import registry
from harness.channel import Outcome, conduct
from harness.engine import DuckEngine
from harness.model import Inference, Table
from harness.plan import Benchmark
from harness.runner import skipped
from harness.seeds import generator
from harness.session import Ledger, LocalSession
from tests.attack_tables import margin, simulated
from tests.conftest import judged, kappas
from tests.nulls import against_a_permuted_truth, against_noise, is_nothing

SMALL = "employees:size=1000"


def claimed(table: Table, attack: str, secret: str, accomplices: list[int], defense: str = "none") -> Outcome:
    """All who are eligible are victims."""
    page = registry.attack(attack)[0]
    session = LocalSession(table.schema, DuckEngine(table, b"s" * 32), registry.defense(defense)[0], generator(0))
    ledger = Ledger(table, secret, accomplices)
    return conduct(page, session, ledger, lambda found: found.drop(accomplices, errors="ignore"), generator(1), 60.0)


def values(outcome: Outcome) -> dict[Any, Any]:
    return {claim.uid: claim.value for claim in outcome.claims if isinstance(claim, Inference)}


def test_the_two_men_of_the_payroll_department(staff: Table):
    """Average times two less one's own. Here Law has three men, two of whom talk."""
    frame = staff.frame.assign(dept=["Payroll"] * 2 + ["CS"] * 4 + ["Law"] * 6)
    payroll = Table(staff.schema, frame)
    for ask in ("avg", "sum"):
        outcome = claimed(payroll, f"snooper:groups=described,ask={ask},columns=[dept,gender]", "salary", [1, 10, 12])
        assert values(outcome) == {2: 20, 11: 50}
    assert claimed(payroll, "snooper:groups=described", "salary", [3]).victims == (), "CS has three men"


def test_who_has_told_nothing_is_not_counted(staff: Table):
    salary = pd.array([10, None, 30, 40, 50, 90, 10, 20, 30, 40, 50, 60], dtype="Int64")
    table = Table(staff.schema, staff.frame.assign(salary=salary))
    for ask in ("avg", "sum"):
        outcome = claimed(table, f"snooper:ask={ask}", "salary", [2, 12], "k-threshold:k=3")
        assert {uid: value for uid, value in values(outcome).items() if uid != 2} == {
            uid: value for uid, value in zip(range(1, 12), salary, strict=False) if uid != 2
        }


@pytest.mark.parametrize("k", [2, 5])
def test_k_users_are_k_minus_one_and_the_victim(k: int):
    counts = {"secret": "salary", "victims": 5}
    assert kappas(f"k-threshold:k={k}", "snooper", 1, SMALL, accomplices=k - 1, **counts)[0] == pytest.approx(1.0)
    result = judged(f"k-threshold:k={k + 1}", "snooper", SMALL, accomplices=k - 1, **counts)
    result.close()
    assert (result.score.claims, result.score.prior_cells) == (0, k - 1)


@pytest.mark.parametrize(
    ("attack", "secret", "accomplices"),
    [
        ("snooper", "salary_band", 1), ("snooper", "salary_band", 60), ("snooper", "salary", 1),
        ("snooper", "zip", 3), ("snooper:groups=described", "salary_band", 300),
        ("snooper:groups=described", "salary", 300),
    ],
)  # fmt: skip
def test_exact_without_a_defense(attack: str, secret: str, accomplices: int):
    result = judged("none", attack, SMALL, secret=secret, victims=8, accomplices=accomplices)
    result.close()
    assert result.score.attempts == 8
    assert result.score.kappa_reach == pytest.approx(1.0)


def test_buckets_of_enough_accomplices_are_shown():
    assert kappas("k-threshold", "snooper", 1, SMALL, accomplices=150, victims=10)[0] == pytest.approx(1.0)


def test_what_is_subtracted_has_no_noise():
    """One draw of N(0, 2²) in each difference; the intersection attack has two."""
    measured = kappas("sticky:scale=0.8", "snooper", 2, SMALL, accomplices=150, victims=60)
    expected = simulated(0.64, 0.64, 10)
    assert expected > simulated(1.28, 1.28, 10) + 0.1
    assert abs(measured.mean() - expected) <= margin(expected, 10, 120), (measured, expected)


def test_described_groups_are_those_of_accomplices_and_one_more():
    """Against a slow search."""
    table = registry.dataset("employees:size=400")[0].load(generator(2))
    ledger = Ledger(table, "salary", table.frame["uid"].sample(150, random_state=1).tolist())
    columns = ("department", "gender", "age")
    found = eligible_by_description(ledger, columns)  # type: ignore[arg-type]
    people = table.frame.set_index("uid")
    talk, expected = set(ledger.accomplices), {}
    for names in (("department", "gender"), ("department", "age"), ("gender", "age"), columns):
        for _, rows in people.groupby(list(names)):
            silent = [uid for uid in rows.index if uid not in talk]
            if len(silent) == 1 and len(rows) > 1:
                expected.setdefault(silent[0], []).append(sorted(set(rows.index) & talk))
    assert {uid: sorted(sorted(g.accomplices) for g in ways) for uid, ways in found["groups"].items()} == {
        uid: sorted(ways) for uid, ways in expected.items()
    }
    assert len(expected) > 10


def test_buckets_that_tell():
    """Values A, B, C: the victim's bucket has one more than the accomplices told, or is one that they have not."""
    nan, prior = np.nan, np.array([0.5, 0.3, 0.2])
    shown = np.array([[3.0, 2.0, nan], [2.0, 3.0, nan], [2.0, 2.0, 1.0], [3.0, nan, nan], [2.0, nan, nan]])
    known = np.array([[2.0, 2.0, 0.0]] * 4 + [[2.0, 4.0, 0.0]])
    probability = _posterior(shown, known, prior)
    assert probability[:4].argmax(axis=1).tolist() == [0, 1, 2, 0]
    noisy = _posterior(np.array([[4.5, 0.2, 0.1]]), np.array([[2.0, 2.0, 0.0]]), prior)
    assert noisy[0].tolist() == [0, 0, 1], "nobody else can be there, whatever the noise"
    assert (probability[:4].max(axis=1) > 0.999).all()
    np.testing.assert_allclose(probability[4], [0, 0.6, 0.4], atol=1e-3)


def test_without_accomplices_there_is_nothing_to_do():
    plan = Benchmark.of(defense="none", attack="snooper", dataset=SMALL, secret=None)
    assert skipped(plan) == "snooper needs users who tell it their secret: --accomplices 1 or more"
    result = judged("none", "snooper", SMALL)
    result.close()
    assert (result.score.attempts, result.score.kappa_reach) == (0, None)


def test_a_doubtful_claim_is_not_made():
    noise = "output-perturbation:kind=gaussian,scale=1000"
    result = judged(noise, "snooper:min_confidence=0.99", SMALL, victims=4, accomplices=60)
    result.close()
    assert (result.score.attempts, result.score.claims) == (4, 0)


@pytest.mark.science
def test_nothing_comes_of_noise(tmp_path: Path):
    assert is_nothing(against_noise(tmp_path, "snooper", trials=10, accomplices=100))


@pytest.mark.science
def test_nothing_is_right_about_a_permuted_truth():
    assert is_nothing(against_a_permuted_truth("snooper", accomplices=100))
