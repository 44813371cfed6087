"""Whether a bucket is shown tells of one user under a hard threshold, and less under the noisy one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from attacks.uid_sets import appearance, histogram
from defenses.diffix import diffix
from harness import registry
from harness.engine import DuckEngine
from harness.seeds import generator
from harness.session import LocalSession
from tests.conftest import judged, kappas

BANDS, VICTIMS = 10, 25
Z = float(norm.ppf(0.9995))


def simulated(trials: int, rng: np.random.Generator) -> np.ndarray:
    """κ of each trial by the algebra of thresholds alone: every set of users has a threshold N(4, 0.5), at least 2.

    The chain of a band grows user by user until it is shown; before that step it had n − 1 users, and with the victim
    it has n again, others than those of the step."""
    found = []
    for _ in range(trials):
        thresholds = np.maximum(rng.normal(4.0, 0.5, (BANDS, 12)), 2.0)
        first = (np.arange(1, 13) >= thresholds).argmax(axis=1) + 1
        band = rng.integers(BANDS, size=VICTIMS)
        appears = first[band] >= np.maximum(rng.normal(4.0, 0.5, VICTIMS), 2.0)
        guessed = np.where(appears, band, rng.integers(BANDS, size=VICTIMS))
        found.append(((guessed == band).mean() - 1 / BANDS) / (1 - 1 / BANDS))
    return np.array(found)


@pytest.mark.parametrize("defense", ["k-threshold", "diffix:noisy_threshold=false"])
def test_a_hard_threshold_tells_everything(defense: str):
    assert kappas(defense, "threshold-probe", 1, victims=5).tolist() == [1.0]


def test_by_the_law_of_the_threshold_alone_seven_cases_of_ten_show():
    assert simulated(4000, np.random.default_rng(1)).mean() == pytest.approx(0.72, abs=0.01)


@pytest.mark.science
def test_the_noisy_threshold_lets_one_user_show_in_seven_cases_of_ten():
    trials = 20
    whole = simulated(4000, np.random.default_rng(1))
    bound = Z * whole.std(ddof=1) / np.sqrt(trials)
    assert abs(kappas("diffix", "threshold-probe", trials).mean() - whole.mean()) < bound + 0.02, (
        "0.02: the shares' noise"
    )


@pytest.mark.science
def test_further_chains_overcome_the_noisy_threshold():
    assert kappas("diffix", "threshold-probe:chains=4", 4).mean() >= 0.95


def test_four_users_are_told_from_three_with_an_accuracy_of_074():
    """One probe, forced to say 3 or 4: shown means 4. By the threshold's law ½(P(T <= 4) + P(T > 3)) = 0.739."""
    law = (norm.cdf(0.0) + norm.sf(-2.0)) / 2
    assert law == pytest.approx(0.739, abs=0.001)
    table = registry.dataset("employees")[0].load(generator(1))
    session = LocalSession(table.schema, DuckEngine(table, b"s" * 32), diffix(), np.random.default_rng(0))
    sets = [group["uid"].to_numpy() for _, group in table.frame.groupby("salary_band")]
    each = 150
    rate = {}
    for size in (3, 4):
        chosen = [row for uids in sets for row in uids[: each // BANDS * size].reshape(-1, size).tolist()]
        answers = session.query_many([histogram(session, "salary_band", uids) for uids in chosen])
        rate[size] = float(np.mean([len(answer) for answer in answers]))
    spread = np.sqrt((0.5 * 0.5 + norm.cdf(-2.0) * norm.sf(-2.0)) / each) / 2
    assert abs((rate[4] + 1 - rate[3]) / 2 - law) < Z * spread


def test_a_value_without_a_set_keeps_its_share():
    probed = np.array([[True, True, False]])
    appeared = np.zeros((1, 4, 3), dtype=bool)
    appeared[0, :3, 0] = True
    found = appearance(probed, appeared, np.array([0.6, 0.3, 0.1]))
    assert (found[:3, 0] > 0.999).all()
    rest = np.array([0.6 * (1 - 4 / 6), 0.3 * (1 - 4 / 6), 0.1])
    np.testing.assert_allclose(found[3], rest / rest.sum())


@pytest.mark.science
def test_only_presence_is_used():
    """Noise on every count changes nothing: the same claims as without."""
    claims = []
    for defense in ("k-threshold", "k-threshold+output-perturbation:kind=add,scale=1000"):
        result = judged(defense, "threshold-probe", victims=2)
        result.close()
        claims.append([(claim.uid, claim.value) for claim in result.outcome.claims])
    assert claims[0] == claims[1]
    assert len(claims[0]) == 2
