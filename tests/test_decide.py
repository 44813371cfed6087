"""The posterior beside brute force: the offset and the noise summed over on a grid, from the model as it is stated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from attacks.decide import posterior
from tests.conftest import kappas

OFFSETS = np.linspace(-15, 25, 1_001)[:, None, None]
SIGMAS = np.geomspace(1e-2, 1e3, 250)[:, None]


def likelihoods(difference: np.ndarray, spread: float, layers: int) -> np.ndarray:
    """(S, B) -> (B,): of the victim's being in each bucket; flat in the offset and in log σ."""
    bucket = np.broadcast_to(np.arange(difference.shape[1]), difference.shape)[~np.isnan(difference)]
    values = difference[~np.isnan(difference)]
    found = []
    for candidate in range(difference.shape[1]):
        own = bucket == candidate
        scale = np.where(own, np.sqrt(spread * SIGMAS**2 + layers), SIGMAS)
        found.append(np.exp(norm.logpdf(values, OFFSETS + own, scale).sum(axis=2)).sum())
    return np.array(found)


@pytest.mark.parametrize(("spread", "layers"), [(1.0, 0), (4.0, 0), (1.0, 3)])
@pytest.mark.parametrize("pairs", [1, 2])
def test_the_integrals(spread: float, layers: int, pairs: int):
    """Both worlds and all victims at once: P(world) ∝ the product over the victims of Σ prior · likelihood."""
    rng = np.random.default_rng(3)
    difference = rng.normal(5.0, 0.8, (2, pairs, 4))
    difference[:, :, 1] += 1
    difference[0, 0, 2] = np.nan
    without = np.where(np.isnan(difference), np.nan, 0.0)
    prior = rng.dirichlet(np.ones(4))
    found = posterior(difference, without, prior, spread, layers)
    joint = np.array([
        [prior * likelihoods(of_victim, *world) for of_victim in difference] for world in [(1.0, 0), (spread, layers)]
    ])  # fmt: skip
    evidence = joint.sum(axis=2, keepdims=True)
    holds = evidence.prod(axis=1, keepdims=True)
    expected = (holds / holds.sum() * joint / evidence).sum(axis=0)
    assert found == pytest.approx(expected, rel=0.01, abs=1e-4)


def test_what_the_noise_is_like_is_learned_from_all_victims():
    """Four pairs of fresh noise: with one victim a bucket that scatters passes for his; with many none does."""
    rng = np.random.default_rng(5)
    difference = rng.normal(0.0, 100.0, (400, 4, 10))
    prior = np.full(10, 0.1)
    together = posterior(difference, np.zeros_like(difference), prior, spread=4.0)
    alone = [posterior(one[None], np.zeros((1, 4, 10)), prior, spread=4.0)[0].max() for one in difference]
    assert max(alone) > 0.6
    assert together.max() < 0.15


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
