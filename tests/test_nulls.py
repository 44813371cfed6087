"""Every attack: it wins where nothing stands against it, and nothing comes of noise, of a truth dealt out anew, or of
keeping silent. The cases are those of `tests/nulls.py`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import attacks
from harness import registry, stats
from harness.score import TrialScore, judge
from harness.seeds import generator
from harness.studies.effort import ACCOMPLICES
from harness.trial import Judged
from tests.conftest import judged
from tests.nulls import CASES, Case, Z, dealt_anew, is_nothing, small, surplus, turns

DEALS = 30
THRESHOLDS = (0.15, 0.3, 0.5, 0.7, 0.9, 0.99)
NEVER_SILENT = {"guess", "membership"}  # asks nothing; says who is in the table by its false_positive_rate


def test_every_attack_has_a_case():
    assert CASES.keys() == attacks.BUILTIN.keys(), "a new attack gets an entry in CASES of tests/nulls.py"
    for name, cases in CASES.items():
        assert {case.attack.split(":")[0] for case in cases} == {name}
        exact = registry.attack(name)[0].exact_against_none
        assert not exact or min(case.wins for case in cases) >= 0.95


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_attack_that_asks_of_single_users_can_keep_silent(name: str):
    has = "min_confidence" in {field.name for field in fields(registry.attack(name)[0])}
    assert has == (name not in NEVER_SILENT)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_attack_has_victims_on_the_table_for_all_pairs(name: str, tmp_path: Path):
    attack, dataset = small(name)
    result = Case(attack, dataset, victims=2, counts=CASES[name][0].counts).run("none", tmp_path)
    assert result.score.attempts == 2


@pytest.mark.parametrize("case", turns(4))
def test_it_wins_and_not_against_a_truth_dealt_out_anew(case: Case, tmp_path: Path):
    """The claims of one trial are held against many deals; each deal's κ_reach has the mean 0 whatever is claimed."""
    result = case.run(case.against, tmp_path)
    assert result.score.attempts == case.victims
    assert result.score.kappa_reach >= case.wins
    baseline = case.counts.get("baseline", "marginal")
    found = [dealt_anew(result, deal, baseline) for deal in range(DEALS)]
    assert is_nothing(np.array([score.kappa_reach for score in found], dtype=float))
    if case.against != "none" and registry.attack(case.attack)[0].exact_against_none:
        assert case.run("none", tmp_path).score.kappa_reach >= 0.95


@pytest.mark.parametrize("case", turns(6))
def test_nothing_comes_of_noise_in_small(case: Case, tmp_path: Path):
    scores = [case.run(case.noisy(tmp_path), tmp_path, trial).score for trial in range(2)]
    assert sum(score.claims for score in scores) > 0
    assert abs(surplus(scores)) < Z


@pytest.mark.science
@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in cases], ids=lambda case: case.attack)
def test_nothing_comes_of_noise(case: Case, tmp_path: Path):
    found = [case.run(case.noisy(tmp_path), tmp_path, trial).score.kappa_reach for trial in range(case.trials)]
    assert is_nothing(np.array(found, dtype=float))


QUICK = {("difference", "diffix"), ("intersection", "sticky")}
SWEEPS = [
    pytest.param(name, defense, marks=() if (name, defense) in QUICK else pytest.mark.science)
    for name in sorted(CASES)
    if name not in NEVER_SILENT
    for defense in ("diffix", "sticky")
]


@pytest.mark.parametrize(("name", "defense"), SWEEPS)
def test_keeping_silent_does_not_lift_what_is_reached(name: str, defense: str, tmp_path: Path):
    """A forced attack's claims with their confidence are those of every `min_confidence` at once (the next test). For
    each the gain in κ_reach over the forced attack, trial by trial, is 0 or less but for sampling error at 99.9 %: that
    over the trials, or that of as many guesses as claims were left out, whichever is larger (few claims are right in a
    trial, and the trials can be all alike)."""
    case = CASES[name][0]
    results = [case.run(defense, tmp_path, trial) for trial in range(case.trials)]
    for least in THRESHOLDS:
        gains = np.array([_score(r, least).kappa_reach - _score(r, 0.0).kappa_reach for r in results])
        interval = stats.t_interval(gains.tolist(), level=0.999)
        assert interval is not None
        left_out = [score for r in results if (score := _score(r, 0.0, least)).guess is not None]
        variance = sum(score.claims * score.guess * (1 - score.guess) for score in left_out)
        guess = np.mean([score.guess for score in left_out]) if left_out else 0.0
        of_guesses = Z * np.sqrt(variance) / (sum(len(r.outcome.victims) for r in results) * (1 - guess))
        assert gains.mean() <= max(interval.high - gains.mean(), of_guesses) + 1e-12, (least, gains)


def _score(result: Judged, least: float, below: float = 2.0) -> TrialScore:
    """The claims with so much confidence or more, and less than that."""
    claims = [claim for claim in result.outcome.claims if least <= claim.confidence < below]
    return judge(result.truth, claims, result.outcome.victims, result.revealed)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if number % 8 == 1 else pytest.mark.science)
        for number, name in enumerate(sorted(CASES.keys() - NEVER_SILENT))
    ],
)
def test_what_is_claimed_at_a_confidence_is_what_is_claimed_with_it(name: str, tmp_path: Path):
    """Half of the claims of a forced attack, the surer ones, and no others."""
    case, defense = CASES[name][0], "sticky"
    forced = case.run(defense, tmp_path).outcome.claims
    least = float(np.median([claim.confidence for claim in forced]))
    found = case.run(defense, tmp_path, more=f"min_confidence={least!r}").outcome.claims
    assert list(found) == [claim for claim in forced if claim.confidence >= least]


SECRETS = (
    ("employees", "salary"), ("census", "occupation"), ("census", "capital_gain"), ("transactions", "income"),
    ("transactions", "rating"), ("balances", "rating"), ("block", "race"), ("surnames", "condition"),
)  # fmt: skip
NOBODY = {
    *(("like-isolation", name) for name in ("employees", "census", "transactions", "balances", "block")),
    *(("range-isolation", name) for name in ("employees", "transactions", "block")),
    *(("split-averaging", name) for name in ("balances", "surnames")),
    ("noise-exploitation", "surnames"),
}  # no names of one person, no outliers, no third column, nobody unique
EXACT = [name for name in sorted(CASES) if registry.attack(name)[0].exact_against_none]


@pytest.mark.science
@pytest.mark.parametrize(("dataset", "secret"), SECRETS)
@pytest.mark.parametrize("attack", EXACT)
def test_without_a_defense_it_wins_on_every_dataset_on_which_it_has_victims(attack: str, dataset: str, secret: str):
    page = registry.attack(attack)[0]
    if page.skip(registry.dataset(dataset)[0].load(generator(1)).schema, secret):
        pytest.skip("it says that it cannot")
    result = judged(
        "none", attack, dataset, victims=10, secret=secret, accomplices=ACCOMPLICES * page.needs_accomplices
    )
    result.close()
    assert bool(result.score.attempts) == ((attack, dataset) not in NOBODY)
    assert not result.score.attempts or (result.score.kappa_reach or 0.0) >= 0.95
