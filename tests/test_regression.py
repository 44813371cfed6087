"""Regression: the fit beside one to the rows themselves, and what it learns where there is something to learn."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attacks.contingency import Attribute, fitted, indicators
from harness.model import Answer, Kind
from tests.attack_tables import Z
from tests.conftest import judged, kappas


def table(folder: Path, n: int = 4_000, noise: float = 0.3) -> str:
    """Two attributes that go together, of which only the first tells the secret: it is its class with 1 − noise."""
    rng = np.random.default_rng(3)
    a = rng.integers(4, size=n)
    b = np.where(rng.random(n) < 0.6, a, rng.integers(4, size=n))
    secret = np.where(rng.random(n) < noise, rng.integers(4, size=n), a)
    frame = {"id": np.arange(n), "a": a * 10, "b": [f"b{i}" for i in b], "secret": [f"s{i}" for i in secret]}
    frame["amount"] = 1_000 * a + rng.integers(0, 50, n)
    pd.DataFrame(frame).to_csv(folder / "told.csv", index=False)
    return f'file:path="{folder / "told.csv"}",uid=id,secret=secret'


@pytest.mark.parametrize("model", ["least-squares", "naive-bayes"])
def test_what_the_attributes_tell_is_learned(model: str, tmp_path: Path):
    """The best guess is the class of `a`: right with 0.7 + 0.3/4. κ = (0.775 − 0.25)/0.75."""
    attack = f"regression:model={model},columns=[a,b]"
    found = kappas("none", attack, 1, table(tmp_path), victims=400)[0]
    expected, right = (0.775 - 0.25) / 0.75, 0.775
    assert abs(found - expected) < Z * np.sqrt(right * (1 - right) / 400) / 0.75 + 0.01


@pytest.mark.parametrize("defense", ["diffix", "k-threshold:k=20", "sticky", "rounding"])
def test_noise_and_suppression_do_not_stop_it(defense: str, tmp_path: Path):
    found = kappas(defense, "regression:columns=[a,b]", 1, table(tmp_path), victims=400)[0]
    assert found > 0.6


def test_it_needs_no_rows_and_no_victim_in_the_questions(tmp_path: Path):
    result = judged("none", "regression:columns=[a,b]", table(tmp_path), victims=50)
    result.close()
    asked = list(result.session.history.heard)
    assert len(asked) == 2 + 1 + 2 + 1
    assert not any("WHERE" in sql for sql in asked)
    assert all(len(answer) <= 16 for answer in result.session.history.heard.values() if isinstance(answer, Answer))
    assert result.score.prior_cells == 2 * 50


def test_the_fit_is_that_to_the_rows():
    """From two-way tables and from the rows: the same predictions, by a solver of another kind. The penalty is one
    user's."""
    rng = np.random.default_rng(4)
    n, sizes = 500, (3, 5, 2)
    place = [rng.integers(k, size=n) for k in sizes]
    y = place[0] * 1.0 + rng.standard_normal(n)
    found = [
        Attribute(f"c{i}", pd.Series(np.arange(k), index=pd.Index(range(k), dtype=object)), np.bincount(p, minlength=k))
        for i, (k, p) in enumerate(zip(sizes, place, strict=True))
    ]
    both = {
        (i, j): np.histogram2d(place[i], place[j], bins=(np.arange(sizes[i] + 1), np.arange(sizes[j] + 1)))[0]
        for i, j in combinations(range(3), 2)
    }
    more = [np.bincount(p, y - y.mean(), minlength=k)[:, None] for k, p in zip(sizes, place, strict=True)]
    x = np.hstack([np.eye(k)[p] for k, p in zip(sizes, place, strict=True)])
    ridge = np.linalg.lstsq(np.vstack([x, np.eye(x.shape[1])]), np.r_[y - y.mean(), np.zeros(x.shape[1])], rcond=None)
    known = pd.DataFrame({f"c{i}": p for i, p in enumerate(place)})
    assert indicators(found, known) @ fitted(found, both, more)[:, 0] == pytest.approx(x @ ridge[0])


def test_amounts_are_predicted_and_seldom_right(tmp_path: Path):
    """Amounts are 1,000 · class and up to 50 more: predicted by the mean of the class, to within 25 and what one user
    moves it. By the other attribute they are seldom right, and no claim on an amount has a probability."""
    of = table(tmp_path)
    result = judged("none", "regression:columns=[a]", of, secret="amount", victims=200)
    result.close()
    truth = result.truth.people["amount"]
    errors = np.array([claim.value - truth[claim.uid] for claim in result.outcome.claims])
    assert len(errors) == 200
    assert np.abs(errors).max() <= 30
    assert {claim.confidence for claim in result.outcome.claims} == {0.0}
    unrelated = judged("none", "regression:columns=[b]", of, secret="amount", victims=200, tolerance=0.001)
    unrelated.close()
    assert unrelated.score.correct < 20
    choosy = judged("none", "regression:columns=[a],min_confidence=0.1", of, secret="amount", victims=20)
    choosy.close()
    assert choosy.score.claims == 0


def test_dates_truth_values_and_null_are_attributes():
    of = "regression:columns=[age,education,marital_status,workclass]"
    result = judged("none", of, "census", secret="income", victims=100)
    result.close()
    assert result.score.kappa_reach > 0.2
    result = judged("none", "regression:columns=[hire_date,disciplinary_warning,age]", victims=20)
    result.close()
    assert (result.score.claims, result.table.schema.column("hire_date").kind) == (20, Kind.DATE)


@pytest.mark.science
def test_it_beats_the_guess_that_knows_as_much_by_little():
    """On census, with the columns that the guess can use before fewer than ten others are left."""
    columns = "columns=[age,education,marital_status,relationship,sex]"
    of = {"dataset": "census", "victims": 200, "baseline": "conditional"}
    found = kappas("none", f"regression:{columns}", 5, **of)
    assert 0 < found.mean() < 0.25
    assert abs(kappas("none", f"guess:{columns}", 5, **of).mean()) < 0.05
