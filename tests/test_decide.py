"""The posterior beside brute force: the offset and the noise summed over on a grid, from the model as it is stated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from attacks.decide import posterior
from tests.conftest import kappas

OFFSETS = np.linspace(-15, 25, 1_001)[:, None, None]
SIGMAS = np.geomspace(1e-2, 1e3, 250)[:, None]


def summed(difference: np.ndarray, prior: np.ndarray, spread: float, layers: int) -> np.ndarray:
    """(S, B) -> (B,): flat in the offset and in log σ; with layers or without, each as likely."""
    bucket = np.broadcast_to(np.arange(difference.shape[1]), difference.shape)[~np.isnan(difference)]
    values = difference[~np.isnan(difference)]
    evidence = []
    for candidate in range(difference.shape[1]):
        own = bucket == candidate
        scales = [np.where(own, np.sqrt(spread * SIGMAS**2 + more), SIGMAS) for more in {0, layers}]
        likelihoods = [np.exp(norm.logpdf(values, OFFSETS + own, scale).sum(axis=2)).sum() for scale in scales]
        evidence.append(sum(likelihoods) * prior[candidate])
    return np.array(evidence) / sum(evidence)


@pytest.mark.parametrize(("spread", "layers"), [(1.0, 0), (4.0, 0), (1.0, 3)])
@pytest.mark.parametrize("pairs", [1, 2])
def test_the_integrals(spread: float, layers: int, pairs: int):
    rng = np.random.default_rng(3)
    difference = rng.normal(5.0, 0.8, (2, pairs, 4))
    difference[:, :, 1] += 1
    difference[0, 0, 2] = np.nan
    without = np.where(np.isnan(difference), np.nan, 0.0)
    prior = rng.dirichlet(np.ones(4))
    found = posterior(difference, without, prior, spread, layers)
    for victim in range(2):
        expected = summed(difference[victim], prior, spread, layers)
        assert found[victim] == pytest.approx(expected, rel=0.01, abs=1e-4)


def test_what_differs_alone_is_the_victims_however_large():
    """All others are equal to the last digit; noise that does not cancel may take the one anywhere."""
    difference = np.full((3, 1, 5), 7.25)
    difference[[0, 1, 2], 0, [4, 0, 2]] += [1.0, -2.5, 6.0]
    found = posterior(difference, np.zeros_like(difference), np.full(5, 0.2), layers=4)
    assert found.argmax(axis=1).tolist() == [4, 0, 2]
    assert (found.max(axis=1) > 0.999).all()


def test_a_large_common_offset_takes_nothing_away():
    rng = np.random.default_rng(4)
    difference = rng.normal(0.0, 0.1, (4, 1, 6))
    prior = np.full(6, 1 / 6)
    near, far = (posterior(difference + c, np.zeros_like(difference), prior, layers=2) for c in (0.0, 1e6))
    assert far == pytest.approx(near, abs=1e-4)


def test_exact_counts_outweigh_a_prior_against_them():
    """Two buckets: of exact counts one has changed by 1, however rare its value is and however many samples there may
    have been."""
    whole, rest = np.array([[100.0, 10.0]]), np.array([[100.0, 9.0]])
    for layers in (0, 2, 4):
        assert posterior(whole, rest, np.array([0.92, 0.08]), layers=layers)[0] == pytest.approx([0.0, 1.0], abs=0.01)


SKEWED = ("insert-delete", "backdoor:wordings=1", "range-isolation:kind=creep,columns=department,ranges=3")


@pytest.mark.parametrize("attack", SKEWED)
def test_a_rare_value_of_two_is_found_in_exact_answers(attack: str):
    assert kappas("none", attack, 1, victims=40, secret="disciplinary_warning")[0] == pytest.approx(1.0)
