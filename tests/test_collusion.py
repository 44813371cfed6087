"""Noise that goes by the name averages out over names, at the rate of its law; noise that does not, does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.trial import Judged
from tests.attack_tables import margin
from tests.conftest import judged, kappas
from tests.nulls import against_a_permuted_truth, against_noise, is_nothing

SCALE = 0.2  # of per-user-noise
PAIRS = [(a, b) for a in ("department", "gender", "age") for b in ("department", "gender", "age") if a != b]
BANDS = [f"B{i:02d}" for i in range(1, 11)]


def histograms(result: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Of each victim's group, the smallest of 150 or more in which one other column takes out the victim alone: the
    true counts, (V, B), and the victim's bucket, (V,)."""
    people = result.table.frame.set_index("uid")
    counts, own = [], []
    for uid in result.outcome.victims:
        me = people.loc[uid]
        groups = [
            people[people[a] == me[a]] for a, b in PAIRS if ((people[a] == me[a]) & (people[b] == me[b])).sum() == 1
        ]
        group = min((group for group in groups if len(group) >= 150), key=len)
        counts.append([(group["salary_band"] == band).sum() for band in BANDS])
        own.append(BANDS.index(me["salary_band"]))
    return np.array(counts), np.array(own)


def by_the_law(counts: np.ndarray, own: np.ndarray, names: int, rounds: int = 60) -> float:
    """κ of taking the largest difference of two answers, each the mean over names of x · (1 + U(−s, s))."""
    rng = np.random.default_rng(4)
    right = 0
    for _ in range(rounds):
        noise = rng.uniform(-SCALE, SCALE, (names, 2, *counts.shape)).mean(axis=0)
        without = counts - np.eye(len(BANDS), dtype=int)[own]
        difference = counts * (1 + noise[0]) - without * (1 + noise[1])
        right += (difference.argmax(axis=1) == own).mean()
    return (right / rounds - 0.1) / 0.9


def against_names(names: int, trials: int) -> tuple[float, float]:
    """Measured κ_reach, and by the law."""
    measured, law = [], []
    for trial in range(trials):
        result = judged("per-user-noise", f"collusion:analysts={names}", trial=trial)
        result.close()
        measured.append(result.score.kappa_reach)
        law.append(by_the_law(*histograms(result), names))
    return float(np.mean(measured)), float(np.mean(law))


@pytest.mark.parametrize(
    ("names", "trials"),
    [(1, 2), (32, 2), *(pytest.param(n, 4, marks=pytest.mark.science) for n in (8, 100, 200))],
)
def test_noise_by_the_name_averages_out_over_names(names: int, trials: int):
    measured, law = against_names(names, trials)
    assert abs(measured - law) <= margin(law, len(BANDS), 25 * trials), (measured, law)


def test_the_variance_of_a_mean_over_names_is_that_of_the_law():
    """SD of the error in a histogram that n names average: s·x/√(3n), by the errors over all victims' cells."""
    result = judged("per-user-noise", "guess", victims=1)
    query = "SELECT department, salary_band, count(*) FROM employees GROUP BY 1, 2"
    exact = result.exact_session().query(query).data[2]
    for names in (1, 16):
        answers = [result.session.named(f"{names} {i}").query(query).data[2] for i in range(names)]
        error = (np.mean(answers, axis=0) / exact - 1) * np.sqrt(3 * names) / SCALE
        # the variance of a sample variance is at most that of normal values, 2/(n − 1)
        assert abs(error.var(ddof=1) - 1) < 3.29 * np.sqrt(2 / (len(exact) - 1))
    result.close()


@pytest.mark.parametrize("defense", ["none", "sticky", "diffix", "k-threshold"])
def test_noise_that_does_not_go_by_the_name_is_the_same_for_all(defense: str):
    """As intersection, claim for claim, and after four names no more are asked for."""
    claims = []
    for attack in ("intersection", "collusion"):
        result = judged(defense, attack, victims=8)
        result.close()
        claims.append([(claim.uid, claim.value) for claim in result.outcome.claims])
    assert claims[0] == claims[1]
    assert len(claims[0]) == 8
    assert result.session.asked == 1 + 4 * 16


def test_each_name_has_a_budget():
    assert kappas("query-budget:n=10", "intersection", 1, victims=10)[0] <= 0.5
    assert kappas("query-budget:n=10", "collusion:analysts=6", 1, victims=10)[0] == pytest.approx(1.0)


def test_each_name_has_query_sets_of_its_own():
    """What one name must not ask because of what it asked before, another asks first."""
    for defense in ("overlap-control", "k-threshold+overlap-control"):
        assert kappas(defense, "intersection", 1, victims=4)[0] == 0.0
        assert kappas(defense, "collusion:analysts=8", 1, victims=4)[0] == pytest.approx(1.0)


def test_amounts_are_summed():
    assert kappas("none", "collusion", 1, secret="salary", victims=5)[0] == pytest.approx(1.0)


@pytest.mark.science
def test_nothing_comes_of_noise(tmp_path: Path):
    assert is_nothing(against_noise(tmp_path, "collusion:analysts=8", trials=10))


@pytest.mark.science
def test_nothing_is_right_about_a_permuted_truth():
    assert is_nothing(against_a_permuted_truth("collusion"))
