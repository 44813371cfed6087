"""Who has the bit? Solvers of noisy subset sums, each with the evidence of its solution for every single user.

`design`: who is in which set, float64 (m, n). `answers`: how many in each set have each value, float64 (m, V), NaN
where it was not shown. Evidence is the logarithm of P(answers | the user has the value) / P(answers | has it not),
float64 (n, V), 0 where nothing was learned.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog
from scipy.special import log_ndtr, logsumexp

Floats = NDArray[np.float64]
Solve = Callable[[Floats, Floats, Floats], Floats]

SIGMAS = np.geomspace(1e-6, 1e6, 601)  # standard deviations of the noise that are tried, in users
EXACT = 1e-9  # error at which a candidate counts as exact, in users
BOUND = 1e-6  # how near to 0 or 1 an estimate counts as being there
MOST_EXHAUSTIVE = 12  # unknowns: 4096 candidates
EXCESS = {"l1": (np.pi / 2) ** 0.5, "linf": 2.5}  # standard errors over those of least squares, for normal noise


def evidence(design: Floats, answers: Floats, shares: Floats, solve: Solve) -> Floats:
    """That of all values; those that are shown in the same sets are solved together."""
    found = np.zeros((design.shape[1], answers.shape[1]))
    shown = ~np.isnan(answers)
    patterns, which = np.unique(shown, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        values = np.flatnonzero(which.ravel() == number)
        if rows.sum() > 1:
            found[:, values] = solve(design[rows], answers[np.ix_(rows, values)], shares[values])
    return found


def least_squares(design: Floats, answers: Floats, shares: Floats) -> Floats:
    """Least squares, with the share p of a value as what is known before: bits of mean p and variance p(1 − p).

    1. Leave the mean out of sets and answers: noise that all answers have in common says nothing.
    2. Estimate the noise's variance s² by maximum likelihood: the answers are normal with covariance
       p(1 − p) · A·Aᵀ + s².
    3. Estimate the bits: mean μ and variance V given the answers.
    4. Take out what was known before: the answers alone say x with variance v, 1/v = 1/V − 1/(p(1 − p)), and the
       evidence is (x − ½)/v. It is above 0 where an estimate clipped to 0 … 1 is rounded to 1.
    """
    centred = design - design.mean(axis=0)
    eigen, vectors = np.linalg.eigh(centred.T @ centred)
    real = eigen > max(eigen[-1], 1.0) * 1e-10
    eigen, vectors = eigen[real], vectors[:, real]
    freedom = len(design) - 1 - len(eigen)
    columns = []
    for y, p in zip(answers.T, shares, strict=True):
        known = p * (1 - p)
        rest = y - y.mean() - centred @ np.full(design.shape[1], p)
        along = vectors.T @ (centred.T @ rest)
        explained = along**2 / eigen
        s2 = _noise_variance(known * eigen, explained, max(float(rest @ rest - explained.sum()), 0.0), freedom)
        gain = known / (known * eigen + s2)
        moved = vectors @ (gain * along)
        # of the directions that no answer is about the variance stays
        variance = known - (vectors**2) @ (known * known * eigen / (known * eigen + s2))
        variance = np.clip(variance, known * 1e-12, known)
        columns.append(moved / variance + (p - 0.5) * (1 / variance - 1 / known))
    return np.stack(columns, axis=1)


def _noise_variance(signal: Floats, explained: Floats, rest: float, freedom: int) -> float:
    """The most likely one: (k,) variances of the bits and squares of the answers along k directions, and the sum of
    squares of all further directions, `freedom` in number."""
    s2 = SIGMAS[:, None] ** 2
    total = signal[None, :] + s2
    log = (np.log(total) + explained[None, :] / total).sum(axis=1) + freedom * np.log(s2[:, 0]) + rest / s2[:, 0]
    return float(s2[np.argmin(log), 0])


def linear_program(norm: str) -> Solve:
    """Bits between 0 and 1 that make the sum of the errors (`l1`) or the largest error (`linf`) least, with a common
    constant free (Dwork, McSherry, Talwar 2007; Dinur, Nissim 2003).

    The standard error s of an estimate is that of least squares with as many unknowns as lie inside the bounds, times
    √(π/2) (l1, as of medians) or 2.5 (linf, by simulation): right for normal noise, and for bounded noise, which is
    what linf is for, several times too large. What is clipped at a bound says that it lies beyond: evidence (x − ½)/s²
    inside, ± log(½ / Φ(−1/s)) at a bound.
    """
    fit = _least_sum if norm == "l1" else _least_maximum

    def solve(design: Floats, answers: Floats, shares: Floats) -> Floats:
        return np.stack([_of_bounded(design, y, fit(design, y), EXCESS[norm]) for y in answers.T], axis=1)

    return solve


def _of_bounded(design: Floats, y: Floats, x: Floats, excess: float) -> Floats:
    inside = (x > BOUND) & (x < 1 - BOUND)
    freedom = len(y) - int(inside.sum()) - 1
    if freedom < 1:
        return np.zeros(len(x))
    rest = y - design @ x
    noise = float(((rest - rest.mean()) ** 2).sum()) / freedom
    about = np.maximum(design.var(axis=0) * freedom, 1e-300)
    s2 = np.maximum(excess**2 * noise / about, EXACT)
    beyond = -np.log(2) - log_ndtr(-1 / np.sqrt(s2))
    return np.where(inside, (x - 0.5) / s2, np.where(x > 0.5, beyond, -beyond))


def _least_sum(design: Floats, y: Floats) -> Floats:
    """By the dual, which has a row a user and not one a query: the largest y·λ − Σ max(0, Aᵀλ), −1 ≤ λ ≤ 1, Σ λ = 0."""
    m, n = design.shape
    rows = sparse.hstack([sparse.csr_array(design.T.copy()), -sparse.eye_array(n)], format="csr")
    found = linprog(
        np.r_[-y, np.ones(n)],
        A_ub=rows,
        b_ub=np.zeros(n),
        A_eq=sparse.csr_array(np.r_[np.ones(m), np.zeros(n)][None, :]),
        b_eq=[0.0],
        bounds=[(-1, 1)] * m + [(0, None)] * n,
        method="highs-ipm",
    )
    return _bits(None if found.ineqlin is None else -found.ineqlin.marginals, n)


def _least_maximum(design: Floats, y: Floats) -> Floats:
    m, n = design.shape
    one = np.ones((m, 1))
    found = linprog(
        np.r_[np.zeros(n + 1), 1.0],
        A_ub=np.block([[design, one, -one], [-design, -one, -one]]),
        b_ub=np.r_[y, -y],
        bounds=[(0, 1)] * n + [(None, None), (0, None)],
        method="highs-ipm",
    )
    return _bits(None if found.x is None else found.x[:n], n)


def _bits(found: Floats | None, n: int) -> Floats:
    """Where the program has failed nobody knows better than one half."""
    return np.full(n, 0.5) if found is None else np.clip(found, 0.0, 1.0)


def exhaustive(norm: str) -> Solve:
    """All candidates: of noise whose size is unknown, all sizes as likely on a logarithmic scale, the likelihood of one
    is ‖errors‖^−m in the norm of the noise's law, l1 for Laplace's, linf for bounded noise. At most 12 unknowns.

    Under linf the likeliest candidates are consistent with all answers to within the smallest error possible: if all
    subset sums were asked and have errors of at most E, they differ from the truth in at most 4E bits (Dinur, Nissim
    2003)."""

    def solve(design: Floats, answers: Floats, shares: Floats) -> Floats:
        bits = candidates(design.shape[1])
        sums = bits @ design.T
        columns = []
        for y, p in zip(answers.T, shares, strict=True):
            log = -len(y) * np.log(errors(sums, y, norm) + EXACT)
            before = np.log(p / (1 - p))
            log = log + bits.sum(axis=1) * before
            having, lacking = (np.array([logsumexp(log[column == bit]) for column in bits.T]) for bit in (1.0, 0.0))
            columns.append(having - lacking - before)
        return np.stack(columns, axis=1)

    return solve


def candidates(n: int) -> Floats:
    """All databases of n bits, (2ⁿ, n)."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


def errors(sums: Floats, y: Floats, norm: str) -> Floats:
    """The error of each candidate, (K, m) and (m,) -> (K,): the sum or the largest."""
    off = np.abs(sums - y)
    return np.asarray(off.sum(axis=1) if norm == "l1" else off.max(axis=1))
