"""What changes when a user is deleted: of noise that repeats, nothing but his bucket; of sums in pairs, nothing that
tells one user, unless one of them is known or comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.attack_tables import Z, margin, simulated
from tests.conftest import judged, kappas
from tests.nulls import against_a_permuted_truth, against_noise, is_nothing

SMALL = "employees:size=1000"
BANDS = 10
HISTOGRAM = "SELECT salary_band, count(*) FROM employees GROUP BY 1"


def kappa(defense: str, trials: int = 1, **counts: Any) -> float:
    return float(kappas(defense, "insert-delete", trials, SMALL, **counts).mean())


@pytest.mark.parametrize(
    "defense",
    ["none", "sticky", "diffix", "k-threshold", "per-user-noise", "query-budget"],
)
def test_noise_that_repeats_is_gone_from_the_difference(defense: str):
    assert kappa(defense, victims=8) == pytest.approx(1.0)


def changes(defense: str, victims: int) -> np.ndarray:
    """By how much the histogram changes with each deletion, (V, B)."""
    result = judged(defense, "guess", "employees", victims=victims)
    shown = [result.session.query(HISTOGRAM).data[1]]
    for uid in result.outcome.victims:
        assert result.session.update(delete=[uid]) is None
        shown.append(result.session.query(HISTOGRAM).data[1])
    result.close()
    return -np.diff(np.array(shown), axis=0)


def test_diffix_changes_one_bucket_and_by_two_samples():
    """The static layers cancel. A dynamic layer is seeded by the bucket's users, who are others in one bucket only."""
    found = changes("diffix", 40)
    assert ((found != 0).sum(axis=1) == 1).all()
    own = found.sum(axis=1)
    assert abs(own.mean() - 1) < Z * np.sqrt(2 / 40)
    assert abs(own.var(ddof=1) / 2 - 1) < Z * np.sqrt(2 / 39)
    without = changes("diffix:dynamic=false", 5)
    np.testing.assert_allclose(without[without != 0], 1.0)
    assert (without != 0).sum() == 5


@pytest.mark.science
def test_fresh_noise_is_what_it_is_for_any_difference():
    """Two draws of 0.5² in each difference."""
    measured = kappa("output-perturbation:kind=gaussian,scale=0.5", 2, victims=40)
    expected = simulated(0.5, 0.5, BANDS, layers=2)
    assert 0.2 < expected < 0.9
    assert abs(measured - expected) <= margin(expected, BANDS, 80), (measured, expected)


@pytest.mark.science
def test_rounding_shows_every_fifth_deletion():
    """A count crosses a bound of the rounding to 5 with one deletion of five; else one guesses: 0.2 + 0.8 · 0.1."""
    assert abs(kappa("rounding", 2, victims=40) - 0.2) <= margin(0.2, BANDS, 80)


@pytest.mark.science
def test_a_sample_that_repeats_shows_whom_it_holds():
    """The victim is in the sample with the probability 0.9, before and after; else nothing changes and one guesses."""
    assert abs(kappa("random-sampling:sticky=true", 3, victims=40) - 0.9) <= margin(0.9, BANDS, 120)


HELD, FALLEN = 0.0, 1.0
PARTITIONING = {
    "": HELD,
    ":updates=any": FALLEN,
    ":updates=effective": HELD,
    ":reinsertion=true": FALLEN,
    ":updates=effective,reinsertion=true": FALLEN,
}


@pytest.mark.parametrize("rule", PARTITIONING)
def test_pairs_hold_while_nobody_comes_back(rule: str):
    result = judged(f"partitioning{rule}", "insert-delete", SMALL, secret="salary", victims=5)
    result.close()
    assert result.score.kappa_reach == pytest.approx(PARTITIONING[rule])
    assert result.score.claims == (5 if PARTITIONING[rule] else 0)
    refused = result.session.reasons
    assert refused["partitioning-reinsertion"] == (1 if PARTITIONING[rule] == HELD else 0), "once was enough"


def test_pairs_do_not_hold_against_who_knows_one_of_them():
    result = judged("partitioning", "insert-delete", SMALL, secret="salary", victims=5, accomplices=200)
    result.close()
    assert result.score.kappa_reach == pytest.approx(1.0)
    assert result.score.prior_cells == 2 * 1000 + 5, "department and gender of all, the accomplices' salaries"


PAIRS = """
from dataclasses import dataclass
from harness.model import Refused
from harness.plugin import Defense, param

@dataclass(frozen=True, kw_only=True)
class pairs(Defense):
    back: bool = param(False, "whether users come back")

    def update(self, delta, engine, log, rng):
        users = set(delta.removed["uid"]) | set(delta.added["uid"])
        if len(users) % 2 or (len(delta.added) and not self.back):
            return Refused("pairs", "Users come and go in pairs.")
        return delta
"""


@pytest.mark.parametrize(("back", "accomplices", "reach"), [("true", 0, 1.0), ("false", 200, 1.0), ("false", 0, 0.0)])
def test_histograms_in_pairs(back: str, accomplices: int, reach: float, tmp_path: Path):
    path = tmp_path / "pairs.py"
    path.write_text(PAIRS)
    assert kappa(f"{path}:back={back}", victims=5, accomplices=accomplices) == pytest.approx(reach)


def test_an_owner_who_takes_no_updates_is_asked_and_nothing_claimed():
    result = judged("data-swapping", "insert-delete", SMALL, victims=3)
    result.close()
    assert (result.score.claims, result.score.kappa_reach) == (0, 0.0)
    assert set(result.session.reasons) == {"update"}
    assert result.session.reasons["update"] == 3 * (1 + 3)


def test_it_knows_nothing_and_pays_nothing_where_one_is_deleted_alone():
    result = judged("none", "insert-delete", SMALL, victims=4)
    result.close()
    assert result.score.prior_cells == 0
    assert result.session.asked == 2 + 2 * 4
    assert set(result.session.away) == set(result.outcome.victims)


def test_a_doubtful_claim_is_not_made():
    result = judged(
        "output-perturbation:kind=gaussian,scale=1000", "insert-delete:min_confidence=0.99", SMALL, victims=4
    )
    result.close()
    assert (result.score.attempts, result.score.claims) == (4, 0)


@pytest.mark.science
def test_nothing_comes_of_noise(tmp_path: Path):
    assert is_nothing(against_noise(tmp_path, "insert-delete", trials=10))


@pytest.mark.science
def test_nothing_is_right_about_a_permuted_truth():
    assert is_nothing(against_a_permuted_truth("insert-delete"))
