"""The attacks that ask: what each mechanism of a defense does to them, beside simulations of the layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack_tables import balances, margin, simulated, splittable
from tests.conftest import judged, kappas

RANGES = "range-isolation:by=balance,columns=grp"
CREEP = "range-isolation:kind=creep,columns=department"

# Which mechanism stops which attack. κ is simulated from the samples that do not cancel: variance of the others'
# differences, of the victim's, and the candidates.


@pytest.mark.science
def test_layers_of_wildcards_against_patterns():
    """Where no place of the % is free the pattern is an equality, which has layers in any case: the slack of the
    second."""
    held = kappas("diffix", "like-isolation", 3, "surnames")
    expected = simulated(2.0, 4.0, 5, layers=2)
    assert abs(held.mean() - expected) <= margin(expected, 5, 3 * 20), (held, expected)
    fallen = kappas("diffix:like_layers=false", "like-isolation", 2, "surnames")
    assert simulated(0.0, 2.0, 5, layers=2) == 1.0
    assert fallen.mean() >= 0.9


@pytest.mark.science
def test_dropping_outliers_against_aligned_ranges(tmp_path: Path):
    of = balances(tmp_path)
    fallen = kappas("diffix:shrink_and_drop=false", f"{RANGES},ranges=6", 2, of, victims=20)
    expected = simulated(2 / 6, 2 / 6 + 4, 5, layers=4)
    assert abs(fallen.mean() - expected) <= margin(expected, 5, 40), (fallen, expected)
    held = kappas("diffix", f"{RANGES},ranges=2", 2, of, victims=20)
    assert abs(held.mean()) <= margin(0.0, 5, 40)


@pytest.mark.science
def test_aligning_ranges_against_creeping_edges():
    fallen = kappas("diffix:snap=false,shrink_and_drop=false", f"{CREEP},ranges=6", 2, victims=12)
    expected = simulated(2 / 6, 2 / 6 + 4, 10, layers=4)
    assert abs(fallen.mean() - expected) <= margin(expected, 10, 24), (fallen, expected)
    held = kappas("diffix", f"{CREEP},ranges=2", 2, victims=20)
    assert abs(held.mean()) <= margin(0.0, 10, 40)


def test_halves_against_layers(tmp_path: Path):
    """Static layers cancel in the differences: two fresh samples a pair, six more in the victim's bucket. The scatter
    of a bucket's differences tells as much as their mean: by the means alone it would be less."""
    measured = kappas("diffix", "split-averaging:columns=[grp,by]", 2, splittable(tmp_path, 12), victims=10)
    expected = simulated(2.0, 8.0, 10, pairs=10, spread=4.0)
    assert expected > simulated(0.2, 0.8, 10, spread=4.0) + 0.2
    assert abs(measured.mean() - expected) <= margin(expected, 10, 20), (measured, expected)


@pytest.mark.science
@pytest.mark.parametrize(("splits", "trials", "victims"), [(50, 2, 12), (200, 1, 10)])
def test_more_halves_against_layers(splits: int, trials: int, victims: int, tmp_path: Path):
    attack = f"split-averaging:columns=[grp,by],splits={splits}"
    measured = kappas("diffix", attack, trials, splittable(tmp_path, 70), victims=victims)
    expected = simulated(2.0, 8.0, 10, pairs=splits, spread=4.0)
    assert abs(measured.mean() - expected) <= margin(expected, 10, trials * victims), (measured, expected)


def test_the_limit_of_jumps_against_backdoors():
    found = {
        limit: judged(f"diffix:max_discontinuous={limit}", "backdoor:kind=jumps,wordings=1", victims=8)
        for limit in (2, 3)
    }
    for result in found.values():
        result.close()
    assert found[2].session.history.reasons == {"diffix-math": 16}
    assert found[2].score.kappa_reach == 0.0
    assert found[3].score.kappa_reach == pytest.approx(1.0)


@pytest.mark.parametrize(
    "kind",
    ["functions", *(pytest.param(kind, marks=pytest.mark.science) for kind in ("math", "casts", "concat", "having"))],
)
def test_floating_does_not_stop_backdoors(kind: str):
    """Unclear equalities that let the same users through have the same samples: all differences but one are 0."""
    assert kappas("diffix", f"backdoor:kind={kind},wordings=1", 1, victims=8)[0] == pytest.approx(1.0)
    assert kappas("diffix:clear_only=true", f"backdoor:kind={kind},wordings=1", 1, victims=8)[0] == 0.0


@pytest.mark.science
@pytest.mark.parametrize("wordings", [4, 40])
def test_wordings_average_out_where_conditions_are_seeded_by_words(wordings: int):
    """Two samples a wording in every difference, the victim's with those of group and value besides."""
    measured = kappas("diffix:float=false", f"backdoor:wordings={wordings}", 3, victims=12)
    expected = simulated(2 / wordings, 2 / wordings + 4, 10, layers=4)
    assert abs(measured.mean() - expected) <= margin(expected, 10, 36), (measured, expected)


@pytest.mark.parametrize(("kind", "others", "spread"), [("derivative", 2.0, 3.0)])
def test_the_difference_of_two_groups(kind: str, others: float, spread: float):
    measured = kappas("diffix", f"difference:kind={kind}", 3)
    expected = simulated(others, others * spread, 10, spread=spread)
    assert abs(measured.mean() - expected) <= margin(expected, 10, 75), (measured, expected)
    assert kappas("diffix:dynamic=false", f"difference:kind={kind}", 1)[0] >= 0.95


def test_unknown_secrets_are_told_from_known_ones():
    """Only NULL is claimed, and always rightly."""
    result = judged("none", "difference:kind=nulls", "census", secret="occupation", victims=50)
    result.close()
    unknown = result.truth.people.loc[list(result.outcome.victims), "occupation"].isna().sum()
    assert result.score.claims == result.score.correct == unknown > 0


@pytest.mark.parametrize(
    "attack",
    ["split-averaging:splits=4", "chaff:wordings=6", "backdoor:wordings=1", f"{CREEP},ranges=3"],
)
def test_a_doubtful_claim_is_not_made(attack: str):
    """What is claimed was certain, and right: a bucket in a half that is shown with the victim and not without."""
    noise = "output-perturbation:kind=gaussian,scale=1000"
    result = judged(noise, f"{attack},min_confidence=0.99", victims=4)
    result.close()
    assert result.score.attempts == 4
    assert result.score.claims == result.score.correct <= 1
    assert all(claim.confidence == 1.0 for claim in result.outcome.claims)
