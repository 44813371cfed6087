"""Intervals of a summary: what they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.plan import Benchmark
from harness.record import TrialRecord
from harness.report.summary import summary
from harness.score import TrialScore

BENCHMARK = Benchmark(defense="none", attack="guess", dataset="census", secret="occupation")
ROUNDS, TRIALS, VICTIMS, GUESS = 1600, 20, 25, 0.1


def test_kappa_ci_covers_where_trials_differ_and_pooled_claims_would_not():
    """Victims of one trial share a salt: in trial t a share p_t of the claims is right, p_t ~ Beta(4, 6) (mean 0.4,
    standard deviation 0.148), and the 25 claims are binomial. The true κ is (0.4 − S)/(1 − S) with S = 0.1.

    The interval must cover it in 93 to 97 % of the rounds. One that covers in 95 % has a sampling error of
    √(0.95 · 0.05/1600) = 0.54 %, so the bounds are 3.7 of them away. Pooling 500 claims as if they were independent
    underrates the variance by the design effect, 1 + 24 · ρ with ρ = 1/(4 + 6 + 1): 3.2. So its interval covers
    2Φ(1.96/√3.2) − 1 = 73 %, with a sampling error of 1.1 %.
    """
    rng = np.random.default_rng(7)
    true = (0.4 - GUESS) / (1 - GUESS)
    right = rng.binomial(VICTIMS, rng.beta(4, 6, (ROUNDS, TRIALS)))
    over_trials = pooled = 0
    for row in right:
        scores = [TrialScore(VICTIMS, VICTIMS, int(count), GUESS, 99, VICTIMS, 50, 100) for count in row]
        records = [TrialRecord(str(trial), trial, score=score) for trial, score in enumerate(scores)]
        result = summary(BENCHMARK, records, from_store=0)
        assert result["kappa_reach_ci"] == pytest.approx(result["kappa_ci"])
        over_trials += result["kappa_ci"][0] <= true <= result["kappa_ci"][1]
        pooled += result["kappa_within_ci"][0] <= true <= result["kappa_within_ci"][1]
    assert math.sqrt(0.95 * 0.05 / ROUNDS) * 3.5 < 0.02
    assert 0.93 <= over_trials / ROUNDS <= 0.97
    assert 0.73 - 0.04 < pooled / ROUNDS < 0.73 + 0.04
