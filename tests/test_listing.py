"""Listing singles users out wherever a table shows cells of one user, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.listing import single
from tests.conftest import judged, kappas

Z = 3.29  # 99.9 %


def test_without_a_defense_every_claim_is_right_and_costs_nothing():
    result = judged("none", "listing")
    result.close()
    assert (result.score.claims, result.score.correct, result.score.prior_cells) == (25, 25, 0)
    assert result.score.kappa_reach == 1.0
    assert result.session.history.asked == 8, "one list a column was enough"


LONG = pytest.mark.science


@pytest.mark.parametrize(
    "defense",
    [
        "diffix",
        *(pytest.param(d, marks=LONG) for d in ("k-threshold:k=2", "k-threshold", "diffix:noisy_threshold=false")),
    ],
)
def test_suppression_of_small_buckets_leaves_nothing_to_claim(defense: str):
    assert kappas(defense, "listing", 1).tolist() == [0.0]


@pytest.mark.parametrize("defense", ["diffix:low_count=false", pytest.param("sticky", marks=LONG)])
def test_noise_alone_does_not_stop_it(defense: str):
    assert kappas(defense, "listing:tables=1", 1).mean() >= 0.8


def test_combinations_are_looked_at_where_columns_alone_single_nobody_out():
    result = judged("none", 'listing:columns=["department","last_name","zip"]')
    result.close()
    assert result.score.correct == 25
    assert {len(claim.attributes) for claim in result.outcome.claims} == {2}


def test_the_probability_of_one_user_is_calibrated_under_noise():
    """Sizes and noise of the model's own kind: of the cells said to be of one user with probability p, a share p is."""
    rng = np.random.default_rng(3)
    size = rng.geometric(0.6, 3000)
    found = single(size + rng.normal(0.0, 1.0, 3000), rng)
    spread = np.sqrt((found * (1 - found)).sum())
    assert abs(found.sum() - (size == 1).sum()) < Z * spread + 0.02 * 3000, "the slack: mean and deviation are fitted"
    assert found[size == 1].mean() > found[size > 1].mean() + 0.2


def test_what_is_cut_off_from_below_is_never_of_one_user():
    rng = np.random.default_rng(4)
    size = 4 + rng.geometric(0.3, 1000)
    assert single(size + rng.normal(0.0, 1.5, 1000), rng).max() == 0
    assert single(size.astype(float), rng).max() == 0
    assert single(np.array([1.0, 1.0, 2.0, 90.0, np.nan]), rng)[:2].min() > 0.999
    assert not single(np.array([np.nan, 90.0]), rng).any()
