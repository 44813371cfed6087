"""Solvers of subset sums: the bound of Dinur and Nissim, oracles written another way, confidence that is earned."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import expit, ndtr

from attacks import solvers
from attacks.solvers import candidates, errors, evidence, exhaustive, least_squares, linear_program

Z = 3.29  # 99.9 %
HALF = np.array([0.5])


def sets(m: int, n: int, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((m, n)) < 0.5).astype(float)


def differences(n: int) -> np.ndarray:
    """Truth less candidate, for every pair of databases of n bits: (3ⁿ, n)."""
    return np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * n, indexing="ij"), axis=-1).reshape(-1, n)


@pytest.mark.parametrize("n", [*range(1, 9), *(pytest.param(n, marks=pytest.mark.science) for n in range(9, 13))])
def test_a_candidate_consistent_with_all_sums_differs_in_at_most_4e_bits(n: int):
    """All databases, all candidates, all subsets. Answers within E of the truth can be within E of the candidate if and
    only if the two have sums that differ by 2E at most: then the answers lie between them."""
    subsets = candidates(n).T.astype(np.float32)
    tight = 0
    for some in np.array_split(differences(n).astype(np.float32), max(1, 3**n // 5_000)):
        smallest_error = np.abs(some @ subsets).max(axis=1) / 2
        differing = np.abs(some).sum(axis=1)
        assert (differing <= 4 * smallest_error).all()
        tight += int((differing == 4 * smallest_error).sum())
    assert tight > 1 or n == 1, "no smaller bound holds"


@pytest.mark.parametrize("error", [0.4, 0.8, 1.2, 1.6])
def test_the_exhaustive_solver_is_wrong_in_at_most_4e_bits(error: float):
    """All subset sums of 10 users, with the errors of an adversary: drawn at random, or leading to another database."""
    rng, n = np.random.default_rng(1), 10
    subsets = candidates(n)
    for attempt in range(12):
        truth = (rng.random(n) < 0.5).astype(float)
        other = np.where(np.isin(np.arange(n), rng.permutation(n)[: int(4 * error)]), 1 - truth, truth)
        lead = np.clip((subsets @ other - subsets @ truth) / 2, -error, error)
        noise = lead if attempt % 2 else rng.uniform(-error, error, 2**n)
        found = exhaustive("linf")(subsets, (subsets @ truth + noise)[:, None], HALF)[:, 0] > 0
        assert (found != truth).sum() <= 4 * error


def test_exhaustive_is_the_sum_over_all_candidates():
    rng, n, m = np.random.default_rng(2), 4, 9
    design, p = sets(m, n, rng), 0.3
    y = design @ (rng.random(n) < p) + rng.laplace(0, 0.5, m)
    for norm in ("l1", "linf"):
        weights = {}
        for bits in product((0, 1), repeat=n):
            off = [
                abs(sum(a * b for a, b in zip(row, bits, strict=True)) - v) for row, v in zip(design, y, strict=True)
            ]
            size = sum(off) if norm == "l1" else max(off)
            weights[bits] = size**-m * p ** sum(bits) * (1 - p) ** (n - sum(bits))
        found = exhaustive(norm)(design, y[:, None], np.array([p]))[:, 0]
        for i in range(n):
            odds = sum(w for b, w in weights.items() if b[i]) / sum(w for b, w in weights.items() if not b[i])
            assert found[i] == pytest.approx(np.log(odds) - np.log(p / (1 - p)))


def test_least_squares_is_the_normal_posterior(monkeypatch: pytest.MonkeyPatch):
    """Beside the textbook formula: covariance of bits and answers written out, the common constant as one more unknown
    of huge variance, what was known before taken out by subtracting precisions."""
    rng, n, m, p, s = np.random.default_rng(3), 12, 30, 0.3, 1.3
    design = sets(m, n, rng)
    y = design @ (rng.random(n) < p) + s * rng.standard_normal(m) + 7
    monkeypatch.setattr(solvers, "_noise_variance", lambda *_: s**2)
    found = least_squares(design, y[:, None], np.array([p]))[:, 0]
    wide = np.c_[design, np.ones(m)]
    before = np.diag([p * (1 - p)] * n + [1e7])
    gain = before @ wide.T @ np.linalg.inv(wide @ before @ wide.T + s**2 * np.eye(m))
    mean = (np.r_[np.full(n, p), 0] + gain @ (y - design @ np.full(n, p)))[:n]
    variance = np.diag(before - gain @ wide @ before)[:n]
    precision = 1 / variance - 1 / (p * (1 - p))
    estimate = (mean / variance - p / (p * (1 - p))) / precision
    np.testing.assert_allclose(found, (estimate - 0.5) * precision, rtol=1e-4)


@pytest.mark.parametrize(("m", "sigma"), [(300, 3.0), (60, 1.0)])
def test_the_noise_is_estimated(m: int, sigma: float):
    """With fewer equations than unknowns, too, though less exactly. With more, the mean of 10 draws has a standard
    error of 1.5 % (220 degrees of freedom each)."""
    rng, n = np.random.default_rng(4), 80
    seen = []
    for _ in range(10):
        design = sets(m, n, rng)
        y = design @ (rng.random(n) < 0.5) + sigma * rng.standard_normal(m)
        centred = design - design.mean(axis=0)
        eigen, vectors = np.linalg.eigh(centred.T @ centred)
        real = eigen > 1e-6
        rest = y - y.mean() - centred @ np.full(n, 0.5)
        explained = (vectors[:, real].T @ centred.T @ rest) ** 2 / eigen[real]
        left = max(float(rest @ rest - explained.sum()), 0.0)
        seen.append(np.sqrt(solvers._noise_variance(eigen[real] / 4, explained, left, m - 1 - int(real.sum()))))
    assert np.mean(seen) == pytest.approx(sigma, rel=0.05 if m > n else 0.4)


@pytest.mark.parametrize("norm", ["l1", "linf"])
def test_the_linear_programs_are_at_their_least(norm: str):
    """Beside the plain statement of the program, another algorithm and no dual."""
    rng, n, m = np.random.default_rng(5), 8, 30
    design = sets(m, n, rng)
    y = design @ (rng.random(n) < 0.5) + rng.standard_normal(m) + 4
    fit = solvers._least_sum if norm == "l1" else solvers._least_maximum
    x = fit(design, y)
    each = np.eye(m) if norm == "l1" else np.ones((m, 1))
    rows = np.block([[design, np.ones((m, 1)), -each], [-design, -np.ones((m, 1)), -each]])
    plain = linprog(
        np.r_[np.zeros(n + 1), np.ones(each.shape[1])], A_ub=rows, b_ub=np.r_[y, -y],
        bounds=[(0, 1)] * n + [(None, None)] + [(0, None)] * each.shape[1], method="highs-ds",
    )  # fmt: skip
    rest = y - design @ x
    least = np.abs(rest - np.median(rest)).sum() if norm == "l1" else (rest.max() - rest.min()) / 2
    assert ((x >= 0) & (x <= 1)).all()
    assert least == pytest.approx(plain.fun, rel=1e-6)


@pytest.mark.parametrize(
    ("solve", "n", "repeats", "law"),
    [
        (least_squares, 100, 8, "normal"),
        pytest.param(least_squares, 100, 12, "uniform", marks=pytest.mark.science),
        (linear_program("l1"), 60, 8, "normal"),
        (exhaustive("l1"), 8, 100, "laplace"),
        (exhaustive("linf"), 8, 100, "uniform"),
    ],
)
def test_the_confidence_is_earned(solve: solvers.Solve, n: int, repeats: int, law: str):
    """The mean confidence is the share of right claims, within the sampling error (and 0.02 where an approximation is
    made: others' bits normal, or the spread of medians)."""
    rng, m = np.random.default_rng(6), 8 * n
    scale = 0.6 * np.sqrt(n)
    draw = {
        "normal": lambda: scale * rng.standard_normal(m),
        "uniform": lambda: rng.uniform(-1, 1, m) * scale * 3**0.5,
        "laplace": lambda: rng.laplace(0, scale / 2**0.5, m),
    }[law]
    sure, right = [], []
    for _ in range(repeats):
        truth, design = rng.random(n) < 0.5, sets(m, n, rng)
        log = solve(design, (design @ truth + draw())[:, None], HALF)[:, 0]
        sure.append(expit(np.abs(log)))
        right.append((log > 0) == truth)
    sure, right = np.concatenate(sure), np.concatenate(right)
    slack = 0.0 if n == 8 else 0.02
    assert abs(sure.mean() - right.mean()) < Z * np.sqrt((sure * (1 - sure)).sum()) / len(sure) + slack
    high = sure > 0.9
    assert abs(sure[high].mean() - right[high].mean()) < Z * np.sqrt(0.05 * 0.95 / high.sum()) + slack


@pytest.mark.science
@pytest.mark.parametrize("n", [200, 400])
def test_the_law(n: int):
    """Accuracy within 0.03 of Φ(√m/(4σ)) at m = 8n, σ/√n from 0.2 to 4."""
    rng, m, repeats = np.random.default_rng(7), 8 * n, 12_000 // n
    for share in (0.2, 0.35, 0.5, 0.7, 1.0, 1.6, 2.5, 4.0):
        sigma, right = share * np.sqrt(n), []
        for _ in range(repeats):
            truth, design = rng.random(n) < 0.5, sets(m, n, rng)
            y = design @ truth + sigma * rng.standard_normal(m)
            right.append(((least_squares(design, y[:, None], HALF)[:, 0] > 0) == truth).mean())
        assert abs(np.mean(right) - ndtr(np.sqrt(m) / (4 * sigma))) < 0.03, share


def test_values_that_are_not_shown_everywhere_are_solved_from_where_they_are():
    rng, n, m = np.random.default_rng(8), 20, 200
    design = sets(m, n, rng)
    value = rng.integers(3, size=n)
    answers = np.stack([design @ (value == v) for v in range(3)], axis=1) + 0.1 * rng.standard_normal((m, 3))
    answers[::3, 1] = np.nan
    answers[:, 2] = np.nan
    shares = np.array([0.4, 0.3, 0.3])
    found = evidence(design, answers, shares, least_squares)
    assert ((found[:, 0] > 0) == (value == 0)).all()
    assert ((found[:, 1] > 0) == (value == 1)).all()
    assert (found[:, 2] == 0).all()
    kept = np.arange(m) % 3 != 0
    np.testing.assert_allclose(found[:, 1], least_squares(design[kept], answers[kept][:, [1]], shares[[1]])[:, 0])


@pytest.mark.parametrize("solve", [least_squares, linear_program("l1"), linear_program("linf")])
def test_too_few_equations_say_little(solve: solvers.Solve):
    """Half as many equations as unknowns, in noise: no certainty, and no failure."""
    rng, n = np.random.default_rng(9), 40
    design = sets(n // 2, n, rng)
    y = design @ (rng.random(n) < 0.5) + 3 * rng.standard_normal(n // 2)
    log = solve(design, y[:, None], HALF)
    assert np.isfinite(log).all()
    assert expit(np.abs(log)).mean() < 0.9


def test_the_least_sum_of_errors_bears_a_few_lies():
    """A tenth of the answers is off by 40 users or so."""
    rng, n, m = np.random.default_rng(10), 50, 400
    truth, design = rng.random(n) < 0.5, sets(m, n, rng)
    y = design @ truth + rng.normal(0, np.where(rng.random(m) < 0.1, 40, 1))
    right = [((s(design, y[:, None], HALF)[:, 0] > 0) == truth).mean() for s in (linear_program("l1"), least_squares)]
    assert right[0] == 1.0
    assert right[1] < 0.95


def test_errors_are_sums_or_largest():
    sums, y = np.array([[1.0, 2.0], [0.0, 5.0]]), np.array([1.5, 1.0])
    assert errors(sums, y, "l1").tolist() == [1.5, 5.5]
    assert errors(sums, y, "linf").tolist() == [1.0, 4.0]
