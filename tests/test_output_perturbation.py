"""Noise of output-perturbation: its distribution, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from defenses.none import none
from defenses.output_perturbation import SCALES, output_perturbation
from harness.model import Answer
from harness.plugin import Defense
from tests.answers import answer, plain
from tests.defense_tables import Z, session

# output-perturbation

DRAWS = 20_000
TRUE = 12.0  # rows with dept = 'CS' of 60


def draws(defense: Defense, sql: str = "SELECT count(*) FROM t WHERE dept = 'CS'", n: int = DRAWS) -> np.ndarray:
    found = session("one row a user", defense, seed=11).query_many([sql] * n)
    return np.array([a.value for a in found if isinstance(a, Answer)])


@pytest.mark.parametrize(
    ("kind", "scale", "width"),
    [("multiply", None, 0.2 * TRUE), ("multiply", 0.5, 0.5 * TRUE), ("add", None, 10.0), ("add", 3.0, 3.0)],
)
def test_uniform_noise(kind: str, scale: float | None, width: float) -> None:
    noise = draws(output_perturbation(kind=kind, scale=scale)) - TRUE
    assert np.abs(noise).max() <= width
    assert np.abs(noise).max() > 0.99 * width
    assert abs(noise.mean()) < Z * width / np.sqrt(3 * DRAWS)
    assert stats.kstest(noise, stats.uniform(-width, 2 * width).cdf).pvalue > 0.001
    assert len(np.unique(noise)) == DRAWS


@pytest.mark.parametrize(("scale", "sd"), [(None, 5.0), (0.5, 0.5)])
def test_gaussian_noise(scale: float | None, sd: float) -> None:
    noise = draws(output_perturbation(kind="gaussian", scale=scale)) - TRUE
    low, high = stats.chi2.ppf([0.0005, 0.9995], DRAWS - 1) / (DRAWS - 1)
    assert abs(noise.mean()) < Z * sd / np.sqrt(DRAWS)
    assert low < noise.var(ddof=1) / sd**2 < high
    assert stats.kstest(noise / sd, "norm").pvalue > 0.001
    assert len(np.unique(noise)) == DRAWS


@pytest.mark.parametrize(("p", "scale", "width"), [(0.1, None, TRUE), (0.35, 0.5, 0.5 * TRUE)])
def test_lies(p: float, scale: float | None, width: float) -> None:
    """The rest is the truth; lies are uniform around it."""
    noise = draws(output_perturbation(kind="lie", p=p, scale=scale)) - TRUE
    lies = noise[noise != 0]
    low, high = stats.binom.ppf([0.0005, 0.9995], DRAWS, p)
    assert low <= len(lies) <= high
    assert np.abs(lies).max() <= width
    assert stats.kstest(lies, stats.uniform(-width, 2 * width).cdf).pvalue > 0.001


def test_the_ends_of_p_and_scale() -> None:
    assert (draws(output_perturbation(kind="lie", p=0), n=500) == TRUE).all()
    assert (draws(output_perturbation(kind="lie", p=1), n=500) != TRUE).all()
    for kind in SCALES:
        assert (draws(output_perturbation(kind=kind, scale=0, p=1), n=50) == TRUE).all()


@pytest.mark.parametrize("kind", SCALES)
def test_perturbation_is_fresh_and_leaves_rows_and_null_alone(kind: str) -> None:
    defense = output_perturbation(kind=kind, p=1.0)
    interface = session("one row a user", defense)
    sql = "SELECT dept, count(*), avg(pay), sum(age) FROM t WHERE uid <> 'u1' GROUP BY dept"
    one, two = answer(interface, sql), answer(interface, sql)
    exact = answer(session("one row a user", none()), sql)
    assert one.data[0].tolist() == two.data[0].tolist() == exact.data[0].tolist()
    for slot in (1, 2, 3):
        assert not set(one.data[slot]) & set(two.data[slot])
        assert not set(one.data[slot]) & set(exact.data[slot])
        assert len(set(one.data[slot])) == 5
    empty = answer(interface, "SELECT count(*), sum(pay), avg(pay), min(day) FROM t WHERE dept = 'nobody'").rows[0]
    assert empty[1:] == (None, None, None)
    assert (empty[0] == 0) == (kind in ("multiply", "lie"))  # in proportion to 0
    assert plain(answer(session("one row a user", defense, 7), sql)) == plain(
        answer(session("one row a user", defense, 7), sql)
    )
    assert plain(answer(session("one row a user", defense, 7), sql)) != plain(
        answer(session("one row a user", defense, 8), sql)
    )
