"""An outlier shows in sums unless it is flattened; and the data on which that is seen, `best-case`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from datasets.best_case import best_case
from harness.model import Table
from harness.seeds import generator
from tests.conftest import judged, kappas

DATA = "best-case:clusters=30"
ATTACK = "outlier-sum:columns=[cluster,lead]"
Z = float(norm.ppf(0.9995))
LONG = pytest.mark.science


@pytest.fixture(scope="module")
def rows() -> Table:
    return best_case().load(generator(1))


# The attack


@pytest.mark.parametrize(
    "defense", ["none", "diffix:flatten=false", *(pytest.param(d, marks=LONG) for d in ("k-threshold", "sticky"))]
)
def test_an_outlier_shows_in_sums(defense: str):
    assert kappas(defense, ATTACK, 1, DATA).tolist() == [1.0]


@pytest.mark.parametrize("trials", [3, pytest.param(40, marks=LONG)])
def test_flattened_it_is_a_user_among_others(trials: int):
    """Flattened, the lead adds A₂ to the sum; noise is in proportion to A₂/2 or the average, whichever is more.

    The other bucket's difference is the static and the dynamic layer of `lead <> TRUE`; the lead's is A₂ more, and its
    two shared conditions have dynamic layers of other users: 2·2 variances more. The static layer is common. So the
    lead's bucket has the larger difference with probability Φ(A₂ / (scale · √6))."""
    rng = np.random.default_rng(5)
    contributions = np.sort(rng.integers(10_000, 20_001, (2_000, 80)), axis=1)[:, ::-1]
    a2 = contributions[:, 3:7].mean()  # the lead and three others are the first group
    scale = max(a2 / 2, contributions.mean() + (a2 - contributions.mean()) * 4 / 81)
    right = norm.cdf(a2 / (scale * np.sqrt(6.0)))
    assert 2 * right - 1 == pytest.approx(0.40, abs=0.02)
    spread = 2 * np.sqrt(right * (1 - right) / (25 * trials))
    assert abs(kappas("diffix", ATTACK, trials, DATA).mean() - (2 * right - 1)) < Z * spread + 0.02


def test_the_amount_in_which_a_victim_stands_out_is_taken():
    result = judged("none", "outlier-sum:factor=1.01", "employees", secret="disciplinary_warning")
    result.close()
    assert 0 < result.score.eligible < 190
    assert result.score.correct == result.score.claims == result.score.attempts
    assert result.score.prior_cells == 4 * 4000, "department, gender, age and salary of all"


def test_no_amount_to_sum_is_a_reason():
    from harness import registry

    page = registry.attack("outlier-sum")[0]
    schema = best_case().load(generator(1)).schema
    assert page.skip(schema, "positive") is None
    assert "few values" in page.skip(schema, "amount")
    assert "no number called cluster" in registry.attack("outlier-sum:amount=cluster")[0].skip(schema, "positive")


# The data


def test_each_binary_attribute_isolates_each_lead_from_a_large_set(rows: Table):
    bits = ["b1", "b2", "b3", "b4"]
    frame = rows.frame
    assert len(frame) == 100 * (1 + 4 * 40)
    assert frame["uid"].is_unique
    full = frame[(frame[bits] == 1).all(axis=1)]
    assert full["lead"].all()
    assert sorted(full["cluster"]) == sorted(frame["cluster"].unique())
    for bit in bits:
        rest = [other for other in bits if other != bit]
        group = frame[(frame[rest] == 1).all(axis=1)].groupby("cluster")
        assert (group.size() == 41).all()
        assert ((group[bit].sum() == 1) & (group["lead"].sum() == 1)).all(), "the one who has it is the lead"
    others = frame[~frame["lead"]]
    assert (others.groupby(["cluster", *bits])["positive"].mean() == 0.5).all()
    assert full["positive"].mean() == 0.5
    assert others["amount"].between(10_000, 20_000).all()
    assert (full["amount"] == 1_000_000).all()


def test_the_parameters_shape_it():
    frame = best_case(attributes=2, clusters=3, others=5).load(generator(1)).frame
    assert frame.columns.tolist() == ["uid", "cluster", "b1", "lead", "amount", "positive"]
    assert len(frame) == 18
    assert (frame["b1"] == frame["lead"]).all(), "with one binary attribute only the lead has it"


def test_two_draws_are_the_same_rows(rows: Table):
    assert best_case.random is False
    assert best_case().load(generator(1)).frame.equals(rows.frame)
