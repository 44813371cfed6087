"""Membership: the statistics against a slow version, the power against the theory, the error rate against its name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from attacks.released import Block, _noise, homer, likelihood_ratio, released
from harness import stats
from harness.engine import DuckEngine
from harness.model import Column, Kind, Refused, Schema, Table
from harness.plugin import Defense
from harness.score import judge
from harness.seeds import generator
from harness.session import LocalSession
from harness.sql import Plan
from tests.conftest import judged, kappas
from tests.nulls import against_noise, is_nothing

Z = 3.29  # 99.9 %
NAN = float("nan")


def small(pool: int, snps: int, outside: int) -> str:
    return f"genotypes:persons={pool + outside},snps={snps}"


# The statistics, written out record by record as in the papers.


def blocks(rng: np.random.Generator, n: int = 12) -> list[Block]:
    numbers = rng.integers(0, 3, (n, 4)) / 2
    numbers[0, 0] = numbers[3, 2] = NAN
    values = np.eye(3)[rng.integers(0, 3, n)]
    return [
        Block(numbers, np.array([0.4, 0.3, NAN, 0.5]), 7.0, False),
        Block(values, np.array([0.2, 0.5, 0.3]), 7.0, True),
    ]


def features(found: list[Block], reference: int, i: int) -> list[tuple[float, float, list[float], list[float], Block]]:
    """Of each feature that record i can be compared in: x, p̂, what the others and what all of the reference have
    there, and the block."""
    told = []
    for block in found:
        for j in range(block.x.shape[1]):
            known = {k: block.x[k, j] for k in range(reference) if not math.isnan(block.x[k, j])}
            others = [value for k, value in known.items() if k != i]
            if not math.isnan(block.x[i, j] + block.released[j]):
                told.append((block.x[i, j], block.released[j], others, list(known.values()), block))
    return told


def slow_homer(found: list[Block], reference: int, i: int) -> float:
    nearer = [abs(x - np.mean(others)) - abs(x - pool) for x, pool, others, _, _ in features(found, reference, i)]
    return math.sqrt(len(nearer)) * float(np.mean(nearer)) / float(np.std(nearer, ddof=1))


def slow_noise(found: list[Block], reference: int, exclusive: bool) -> float:
    over = weights = 0.0
    for block in (block for block in found if block.exclusive == exclusive):
        for j in range(len(block.released)):
            known = [value for value in block.x[:reference, j] if not math.isnan(value)]
            v = block.rows * np.var(known) * (1 + block.rows / len(known))
            if not math.isnan(block.released[j]):
                over += ((block.rows * (block.released[j] - np.mean(known))) ** 2 - v) / max(v, 1.0) ** 2
                weights += 1 / max(v, 1.0) ** 2
    return max(over / weights, 0.0)


def slow_ratio(found: list[Block], reference: int, i: int) -> float:
    total = 0.0
    noise = {kind: slow_noise(found, reference, kind) for kind in (True, False)}
    for x, pool, others, known, block in features(found, reference, i):
        more = 1.5 if block.exclusive else 1.0
        p = (sum(others) + 0.5) / (len(others) + more)
        sampling = block.rows * np.var(known)
        pool = p + sampling / (sampling + noise[block.exclusive]) * (pool - p)
        pool = (block.rows * pool + p) / (block.rows + 1)
        if block.exclusive:
            total += math.log(pool / p) if x == 1 else 0.0
            continue
        weight = np.mean(known) * (1 - np.mean(known)) / np.var(known)
        total += weight * (x * math.log(pool / p) + (1 - x) * math.log((1 - pool) / (1 - p)))
    return total


def test_the_statistics_are_those_of_the_papers():
    found = blocks(np.random.default_rng(1))
    for fast, slow in ((homer, slow_homer), (likelihood_ratio, slow_ratio)):
        assert fast(found, 9) == pytest.approx([slow(found, 9, i) for i in range(12)])


def test_noise_is_found_in_what_was_released():
    """Counts of 2,000 values in 400 columns with noise of SD 2, and without."""
    rng = np.random.default_rng(3)
    rows, reference = 300, 2_000
    share = np.array([0.4, 0.3, 0.2, 0.07, 0.03])
    exact = [
        Block(np.eye(5)[rng.choice(5, reference, p=share)], rng.multinomial(rows, share) / rows, rows, True)
        for _ in range(400)
    ]
    noisy = [Block(b.x, b.released + rng.normal(0, 2.0, 5) / rows, rows, True) for b in exact]
    assert _noise(noisy, reference) == pytest.approx(4.0, rel=0.15)
    assert _noise(exact, reference) < 0.5


def test_of_a_feature_that_is_0_or_1_the_likelihood_ratio_is_that_of_alleles():
    """Sankararaman's L for one SNP of one allele, but for the observations that are added."""
    x = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    found = likelihood_ratio([Block(x, np.array([0.25]), 1e9, False)], 4)
    assert found[4] == pytest.approx(math.log(0.25 / 0.5))


# What is asked.

SCHEMA = Schema(
    table="people",
    columns=(
        Column("uid", Kind.INTEGER), Column("n", Kind.INTEGER), Column("r", Kind.REAL), Column("t", Kind.TEXT),
        Column("b", Kind.BOOLEAN), Column("d", Kind.DATE), Column("k", Kind.INTEGER),
    ),
    uid="uid",
)  # fmt: skip


def people(n: int = 40) -> Table:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "uid": np.arange(n), "n": rng.integers(0, 3, n), "r": rng.random(n),
            "t": np.where(rng.random(n) < 0.2, None, rng.choice(["x", "it's", "z"], n)).astype(object),
            "b": rng.random(n) < 0.5, "d": pd.Timestamp("2020-01-01"), "k": 7,
        }
    )  # fmt: skip
    return Table(SCHEMA, frame)


class Without(Defense):
    """Refuses averages, and GROUP BY where `keys`; shows no bucket of fewer than `least`."""

    averages = False
    keys = False
    least = 0

    def plan(self, query, log):
        if (query.keys and not self.keys) or (not self.averages and query.aggregates[0].function == "avg"):
            return Refused("no", "No.")
        return Plan(query, users=True)

    def answer(self, buckets, rng):
        return buckets.keep(buckets.users >= self.least)


def told(defense: Defense, means: bool = True) -> list[Block]:
    table = people()
    session = LocalSession(SCHEMA, DuckEngine(table, b"s" * 32), defense, generator(0))
    return released(session, table.people[["n", "r", "t", "b", "d", "k"]], means)


@pytest.mark.parametrize(("averages", "keys", "means"), [(True, True, True), (True, True, False), (False, True, True),
                                                         (False, False, True)])  # fmt: skip
def test_what_was_released_is_the_mean_of_the_known_records_where_these_are_the_table(
    averages: bool, keys: bool, means: bool
):
    """Also where averages, then GROUP BY are refused: then counts stand in their place."""
    defense = Without()
    object.__setattr__(defense, "averages", averages)
    object.__setattr__(defense, "keys", keys)
    found = told(defense, means)
    shapes = [(block.x.shape[1], block.exclusive) for block in found]
    numbers = 2 * averages * means or 1 * averages
    assert shapes == [(numbers, False)] * averages + [(3, True)] * (not means or not averages) + [(4, True), (2, True)]
    for block in found:
        assert block.rows == 40
        assert block.released == pytest.approx(block.x.mean(axis=0))


def test_rows_in_no_shown_count_have_the_values_that_are_not_shown():
    defense = Without()
    object.__setattr__(defense, "keys", True)
    object.__setattr__(defense, "least", 9)
    counts = people().frame["t"].value_counts(dropna=False)
    hidden = counts[counts < 9]
    assert 0 < len(hidden) < len(counts)
    block = next(block for block in told(defense) if block.x.shape[1] == 4)
    assert block.released.sum() == pytest.approx(1.0)
    assert block.released == pytest.approx(block.x.mean(axis=0)), "in proportion to the known records"


# The error rate and the power.


def ranked(attack: str, dataset: str, trial: int, victims: int, defense: str = "none") -> tuple[np.ndarray, np.ndarray]:
    """p-values of members and of the others."""
    result = judged(defense, f"{attack},false_positive_rate=1", dataset, trial, victims=victims)
    result.close()
    members = result.truth.members
    assert result.score.claims == len(members)
    assert result.score.kappa == pytest.approx(0.0)
    p = {is_in: [1 - c.confidence for c in result.outcome.claims if members[c.record] == is_in] for is_in in (1, 0)}
    return np.array(p[1]), np.array(p[0])


@pytest.mark.parametrize("statistic", ["homer", "likelihood-ratio"])
@pytest.mark.parametrize("release", ["means", "counts"])
def test_the_false_positive_rate_is_what_it_is_called(statistic: str, release: str):
    """1,000 people outside, 99.9 % binomial intervals at three rates; p is at least 1/(R + 1)."""
    attack = f"membership:pool=1000,statistic={statistic},release={release}"
    p = ranked(attack, small(1_000, 40, 3_000), 0, 2_000)[1]
    assert len(p) == 1_000
    for alpha in (0.01, 0.05, 0.2):
        interval = stats.wilson_interval(int((p <= alpha).sum()), len(p), level=0.999)
        assert interval.low <= alpha <= interval.high, (alpha, (p <= alpha).mean())


@pytest.mark.science
@pytest.mark.parametrize("statistic", ["homer", "likelihood-ratio"])
@pytest.mark.parametrize("dataset", ["census", "genotypes:persons=10000,snps=200"])
def test_the_false_positive_rate_down_to_a_thousandth(statistic: str, dataset: str):
    p = np.concatenate([ranked(f"membership:pool=2000,statistic={statistic}", dataset, t, 4_000)[1] for t in range(5)])
    assert len(p) == 10_000
    for alpha in (0.001, 0.01, 0.1):
        interval = stats.wilson_interval(int((p <= alpha).sum()), len(p), level=0.999)
        assert interval.low <= alpha <= interval.high, (alpha, (p <= alpha).mean())


HOMER = 0.768
"""What a genotype counts for in Homer's statistic beside the likelihood ratio. D is ±(p̂ − p), + for carriers of the
rarer allele, s; so the separation is Σ cov(s, x)/n over √(Σ var(s) var(p̂)), and its square over m/n is
2·E[p q²]²/E[p² q³ (1 + q)] over the frequencies p, with q = 1 − p."""


def test_what_a_genotype_counts_for_in_homers_statistic():
    p = np.linspace(0.05, 0.5, 100_001)
    q = 1 - p
    assert 2 * np.mean(p * q**2) ** 2 / np.mean(p**2 * q**3 * (1 + q)) == pytest.approx(HOMER, abs=1e-3)


NOISE = 1 / math.sqrt(100 * 6.543 / 2)  # with which the variance is doubled
"""Averages of 0, 1, 2 with noise of SD s are shares with s/2, beside √(p q/2n) of the sample. With weights 1/(p q) that
makes m/n into m/n / (1 + n s² E[1/(p q)]/2); E[1/(p q)] = (ln 10 + ln 1.9)/0.45 = 6.543 over the frequencies."""


@pytest.mark.parametrize(
    ("how", "defense", "counts_for", "noise"),
    [
        ("statistic=homer", "none", HOMER, 0.0),
        ("statistic=likelihood-ratio", "none", 1.0, 0.0),
        ("statistic=likelihood-ratio", f"output-perturbation:kind=gaussian,scale={NOISE}", 1.0, 1.0),
        pytest.param("release=counts", "none", 2.0, 0.0, marks=pytest.mark.science),
    ],
)
def test_power_is_that_of_the_bound(how: str, defense: str, counts_for: float, noise: float):
    """Three genotypes are two numbers, so counts have twice the features. 200 members, 99.9 % binomial, and 0.03 for
    the threshold's own error and the normal approximation."""
    m, n, outside = 300, 100, 2_000
    found = np.concatenate(
        [ranked(f"membership:pool={n},{how}", small(n, m, outside), t, 2 * n, defense)[0] for t in range(2)]
    )
    reference = outside - n
    for alpha in (0.01, 0.1):
        ratio = counts_for * m / n / (1 + n / reference + noise)
        expected = float(ndtr(math.sqrt(ratio) + ndtri(alpha)))
        error = Z * math.sqrt(expected * (1 - expected) / len(found)) + 0.03
        assert abs((found <= alpha).mean() - expected) < error, (alpha, (found <= alpha).mean(), expected)


# Nulls.


def test_nothing_against_a_membership_that_is_dealt_out_anew():
    """κ_reach is S times the difference of two shares of 100: 50 deals of one trial's mix, 99.9 %."""
    result = judged("none", "membership:pool=100", small(100, 600, 1_000), victims=200)
    result.close()
    assert result.score.kappa_reach > 0.3
    said = result.score.claims / 200
    found = [
        judge(result.truth.permuted(generator("dealt", i)), result.outcome.claims, result.outcome.victims,
              result.revealed).kappa_reach
        for i in range(50)
    ]  # fmt: skip
    assert abs(np.mean(found)) < Z * 0.5 * math.sqrt(said * (1 - said) * 200 / 199 * (2 / 100) / 50)


def test_nothing_from_answers_that_are_noise(tmp_path: Path):
    attack = "membership:pool=100,false_positive_rate=0.2"
    found = against_noise(tmp_path, attack, 6, 0.8, dataset=small(100, 100, 400), victims=200)
    assert is_nothing(found), found


@pytest.mark.science
@pytest.mark.parametrize("how", ["statistic=homer", "release=counts"])
def test_nothing_from_answers_that_are_noise_in_any_form(how: str, tmp_path: Path):
    attack = f"membership:pool=100,false_positive_rate=0.2,{how}"
    found = against_noise(tmp_path, attack, 6, 0.8, dataset=small(100, 100, 400), victims=200)
    assert is_nothing(found), found


# Defenses.


def test_differential_privacy_bounds_the_advantage():
    """With or without a person every set of answers is at most e^ε times as likely, so the two rates differ by at
    most (e^ε − 1)/(e^ε + 1), whatever the test; ε is the whole budget. κ_reach is half of that."""
    budget, n = 0.5, 100
    found = kappas(f"laplace:groups=public,epsilon=0.01,budget={budget}", f"membership:pool={n},release=counts", 2,
                   small(n, 100, 500), victims=2 * n)  # fmt: skip
    bound = 0.5 * math.tanh(budget / 2)
    assert found.mean() < bound + Z * 0.5 * math.sqrt(2 * 0.25 / (2 * n))


def test_refusal_of_everything_leaves_nothing_to_claim():
    result = judged("query-budget:n=0", "membership:pool=100,false_positive_rate=1", small(100, 50, 300))
    result.close()
    assert result.score.claims == 0
    assert result.score.kappa_reach == 0.0
