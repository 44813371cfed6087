"""The attack by equations: exact without a defense, the law of its accuracy in noise, and what Diffix makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from attacks.subset_sums import shares_in
from harness.errors import ParameterError
from harness.model import Column, Kind, Schema
from harness.registry import attack as attack_of
from harness.report.figures import draw_study
from harness.score import judge
from harness.seeds import generator
from harness.store import Store
from harness.studies import equations as study
from tests.conftest import judged
from tests.nulls import against_a_permuted_truth, against_noise, is_nothing

Z = 3.29  # 99.9 %
BITS = "best-case:attributes=2,others=49,clusters="  # 50 users each, whose secret is one bit: true for half


def bits(defense: str, n: int, m: float, trial: int = 0, **more: object) -> tuple[float, object]:
    """The share of right claims about all of n users, from m queries, and the trial."""
    said = ",".join(f"{name}={value}" for name, value in more.items())
    attack = f"equations:persons={n},queries={round(m)}{',' if said else ''}{said}"
    result = judged(defense, attack, f"{BITS}{n // 50}", trial, victims=n)
    result.close()
    return result.score.correct / result.score.attempts, result


def spread(accuracy: float, number: int) -> float:
    return Z * np.sqrt(accuracy * (1 - accuracy) / number)


@pytest.mark.parametrize(
    "parameters",
    [
        "selector=uid-list",
        "selector=function",
        "solver=linear-program",
        "columns=[age,salary]",
        *(
            pytest.param(more, marks=pytest.mark.science)
            for more in ("selector=hash", "solver=linear-program,norm=linf", "persons=8,solver=exhaustive")
        ),
    ],
)
def test_exact_without_a_defense(parameters: str):
    """Of several values, too, by a bit for each; and of a truth dealt out anew nothing is right."""
    persons = "" if "persons" in parameters else ",persons=30"
    secret = "zip" if "salary" in parameters else "salary_band"
    result = judged("none", f"equations:{parameters}{persons}", "employees:size=900", victims=30, secret=secret)
    result.close()
    assert result.score.claims == result.score.attempts == (8 if "persons" in parameters else 30)
    assert result.score.kappa_reach >= 0.95
    assert result.score.prior_cells == (60 if "salary" in parameters else 0)
    dealt = [
        judge(
            result.truth.permuted(generator("permuted", deal)), result.outcome.claims, result.outcome.victims,
            result.revealed,
        ).kappa_reach
        for deal in range(50)
    ]  # fmt: skip
    assert abs(np.mean(dealt)) < Z * np.std(dealt, ddof=1) / np.sqrt(50) + 0.01


def test_the_law_in_small():
    n, m, share = 200, 1_000, 0.5
    law = ndtr(np.sqrt(m) / (4 * share * np.sqrt(n)))
    measured, _ = bits(f"output-perturbation:kind=gaussian,scale={share * n**0.5}", n, m)
    assert abs(measured - law) < 0.03 + spread(law, n)


@pytest.mark.science
@pytest.mark.parametrize(("share", "n"), [*((share, 200) for share in (0.2, 0.5, 0.7, 1.0, 2.0, 4.0)), (0.5, 500)])
def test_the_law(share: float, n: int):
    """Within 0.03, and sampling error, of Φ(√m/(4σ)) at m = 8n."""
    law = ndtr(np.sqrt(8) / (4 * share))
    noise = f"output-perturbation:kind=gaussian,scale={share * n**0.5}"
    trials = 1_000 // n
    measured = np.mean([bits(noise, n, 8 * n, trial)[0] for trial in range(trials)])
    assert abs(measured - law) < 0.03 + spread(law, n * trials)


@pytest.mark.science
def test_the_share_comes_from_all_answers():
    """Noise of four times √n would leave the share of a single count anywhere: half of 200 ± 57."""
    rng = np.random.default_rng(1)
    design = rng.integers(0, 2, (1_600, 200)).astype(float)
    answers = (design @ (np.arange(200) < 60))[:, None] + rng.normal(0, 4 * np.sqrt(200), (1_600, 1))
    answers[::3] = np.nan
    error = 4 * np.sqrt(200) / np.sqrt(1_066) / 100
    assert shares_in(design, answers, 2) == pytest.approx([0.3, 0.7], abs=Z * error)
    assert shares_in(design, np.zeros((1_600, 3)), 3) == pytest.approx([1 / 3] * 3)
    assert shares_in(design[:9], np.full((9, 1), -50.0), 2) == pytest.approx([0.0025, 0.9975], abs=0.1)
    noise = rng.normal(0, 1e4, (1_600, 1))
    assert shares_in(design, noise, 2) == pytest.approx([0.5, 0.5], abs=0.1), "what nothing is known of is not certain"
    assert shares_in(design[:1], noise[:1], 2) == pytest.approx([0.5, 0.5], abs=0.5)


@pytest.mark.science
def test_the_share_does_not_fail_in_heavy_noise():
    accuracy = np.mean([bits(f"output-perturbation:kind=gaussian,scale={4 * np.sqrt(200)}", 200, 1_600, t)[0]
                        for t in range(10)])  # fmt: skip
    assert abs(accuracy - 0.570) < spread(0.57, 2_000)


def test_both_counts_of_a_bit_are_two_equations():
    n, sigma = 200, 10.0
    noise = f"output-perturbation:kind=gaussian,scale={sigma}"
    for histogram, m in (("true", 800), ("false", 800)):
        law = ndtr(np.sqrt(m * (1 + (histogram == "true"))) / (4 * sigma))
        measured, _ = bits(noise, n, m, histogram=histogram)
        assert abs(measured - law) < 0.035 + spread(law, n), histogram


@pytest.mark.parametrize(
    ("selector", "layers"),
    [("uid-list", 2 + 25), *(pytest.param(s, 3, marks=pytest.mark.science) for s in ("hash", "function"))],
)
def test_noise_behind_diffix_is_that_of_the_layers(selector: str, layers: float):
    """Static and dynamic layer of the uid, or one for each listed uid and one for the list; and the dynamic one of the
    secret. Its static one is the same in all answers. χ² interval of the variance."""
    m = 250
    result = judged("diffix", f"equations:selector={selector},persons=50,queries={m}", f"{BITS}1", victims=50)
    variance = study._errors(result).var(ddof=1)
    result.close()
    assert abs(variance / layers - 1) < Z * np.sqrt(2 / m) + 0.02


def test_functions_win_against_diffix():
    measured, _ = bits("diffix", 50, 200, selector="function")
    assert measured >= 0.95


@pytest.mark.science
@pytest.mark.parametrize("selector", ["function", "hash"])
def test_500_users_behind_diffix(selector: str):
    measured, _ = bits("diffix", 500, 2_000, selector=selector)
    assert measured >= 0.99


@pytest.mark.science
@pytest.mark.parametrize(("rounds", "expected"), [(10, 0.86), (20, 0.95), (40, 0.99)])
def test_lists_win_slowly(rounds: int, expected: float):
    n = 200
    measured, _ = bits("diffix", n, rounds * n, selector="uid-list")
    assert abs(measured - expected) < 0.03 + spread(expected, n)


@pytest.mark.science
def test_smaller_lists_have_less_noise():
    """A tenth of the users: p(1 − p)/p = 0.9 against 0.5 of the information a query."""
    n, m = 200, 2_000
    half, tenth = (bits("diffix", n, m, selector="uid-list", share=share)[0] for share in (0.5, 0.1))
    assert tenth > half
    law = ndtr(np.sqrt(m * 0.09) / (2 * np.sqrt(2 + n / 10)))
    assert abs(tenth - law) < 0.03 + spread(law, n)


@pytest.mark.parametrize("selector", ["function", "hash"])
def test_what_is_refused_is_not_asked_again_and_again(selector: str):
    measured, result = bits("diffix:clear_only=true", 100, 800, selector=selector)
    assert measured == 0.0
    assert result.session.history.reasons == {"diffix-unclear": 20}
    assert result.session.history.asked == 21


def test_suppressed_answers_make_room_for_others():
    """Sets that hold about 12 of 25 bits: those with less than 10 are not shown."""
    result = judged("k-threshold:k=10", "equations:persons=50,queries=100", f"{BITS}1", victims=50)
    result.close()
    assert 102 <= result.session.history.asked <= 201
    assert result.score.kappa_reach == 1.0


def test_conditions_cannot_tell_users_apart_who_share_all_attributes():
    """Clusters of two kinds of users: nobody's attributes are his own. The amount is, and it is paid for."""
    result = judged("none", "equations:selector=conditions,persons=50,queries=100", f"{BITS}1", victims=50)
    result.close()
    assert abs(result.score.kappa_reach) < 0.5
    told = judged(
        "none", "equations:selector=conditions,persons=50,queries=150,columns=[amount]", f"{BITS}1", victims=50
    )
    told.close()
    assert told.score.kappa_reach == 1.0
    assert told.score.prior_cells == 50


@pytest.mark.parametrize(
    "selector", ["hash", "conditions", *(pytest.param(s, marks=pytest.mark.science) for s in ("function", "uid-list"))]
)
def test_a_part_of_a_larger_table_is_isolated(selector: str):
    columns = ",columns=[salary]" if selector == "conditions" else ""
    result = judged(
        "none", f"equations:selector={selector},persons=40{columns}", "employees:size=2000", victims=40,
        secret="disciplinary_warning",
    )  # fmt: skip
    result.close()
    assert 15 <= result.outcome.eligible <= 40
    assert result.score.correct == result.score.claims == result.outcome.eligible


def test_doubtful_claims_are_not_made():
    noise = "output-perturbation:kind=gaussian,scale=1000"
    _, forced = bits(noise, 50, 200)
    _, choosy = bits(noise, 50, 200, min_confidence=0.9)
    assert forced.score.claims == 50
    assert choosy.score.claims == 0


@pytest.mark.science
def test_raising_the_confidence_does_not_lift_kappa_reach():
    noise = "output-perturbation:kind=gaussian,scale=10"
    forced, choosy = ([bits(noise, 100, 400, t, min_confidence=c)[1].score for t in range(2)] for c in (0.0, 0.9))
    assert np.mean([s.kappa_reach for s in choosy]) <= np.mean([s.kappa_reach for s in forced]) + 0.02
    right, made = (sum(getattr(s, name) for s in choosy) for name in ("correct", "claims"))
    assert right / made >= 0.9 - spread(0.9, made)


def test_nothing_comes_of_noise():
    noise = "output-perturbation:kind=gaussian,scale=1000"
    found = [bits(noise, 50, 100, trial)[1].score.kappa_reach for trial in range(6)]
    assert len(set(found)) > 1
    assert is_nothing(np.array(found))


@pytest.mark.science
@pytest.mark.parametrize(
    "how", ["selector=hash", "selector=uid-list", "selector=function", "selector=conditions", "solver=linear-program"]
)
def test_nothing_comes_of_noise_however_it_is_asked(how: str, tmp_path: Path):
    found = against_noise(tmp_path, f"equations:persons=100,{how}", victims=100, shown=0.7)
    assert len(set(found)) > 1
    assert is_nothing(found)


@pytest.mark.science
@pytest.mark.parametrize("selector", ["hash", "uid-list", "function"])
def test_nothing_is_right_about_a_permuted_truth(selector: str):
    assert is_nothing(against_a_permuted_truth(f"equations:persons=60,selector={selector}", victims=60))


def test_errors_are_one_sentence():
    with pytest.raises(ParameterError, match=r"persons=100 is not allowed with solver=exhaustive.* at most 12"):
        attack_of("equations:solver=exhaustive")
    with pytest.raises(ParameterError, match="selector='magic' is not allowed"):
        attack_of("equations:selector=magic")
    text, amount, word = Column("id", Kind.TEXT), Column("pay", Kind.INTEGER), Column("band", Kind.TEXT)
    schema = Schema("t", (text, amount, word), "id", ("band", "pay"))
    attack, _ = attack_of("equations")
    assert "few values" in attack.skip(schema, "pay")
    assert "selector=uid-list takes any" in attack.skip(schema, "band")
    assert attack_of("equations:selector=uid-list")[0].skip(schema, "band") is None
    numbered = Schema("t", (Column("id", Kind.INTEGER), amount, word), "id", ("band",))
    assert "band is text" in attack_of("equations:columns=[band]")[0].skip(numbered, "band")
    assert attack_of("equations:columns=[pay]")[0].skip(numbered, "band") is None


def test_the_figure_comes_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    few = [
        study.Point("noise", 50, 100, 5.0, study._noise(5.0)),
        study.Point("queries", 50, 100, 5.0, study._noise(5.0)),
        *(study.Point("diffix", 50, 40, 2.0, "diffix", selector) for selector in study.SELECTORS),
        study.Point("diffix", 50, 40, 2.0, "diffix:clear_only=true", "hash"),
    ]
    monkeypatch.setattr(study, "points", lambda seed=1: iter(few))
    store = Store(str(tmp_path))
    assert study.missing(store) == len(few)
    rows = study.equations(store)
    json.dumps(rows, allow_nan=False)
    assert study.missing(store) == 0
    assert rows[-1]["accuracy"] is None
    assert rows[0]["noise"] == pytest.approx(5.0, rel=0.4)
    monkeypatch.setattr(study, "run", None)
    assert study.equations(store) == rows
    files = draw_study("equations", rows, str(tmp_path / "figures"))
    assert [Path(file).name for file in files] == ["equations.pdf", "equations.svg", "equations.png"]


@pytest.mark.science
def test_speed():
    """1,000 persons: 10,000 queries by least squares, 4,000 by the linear program, in under 60 s of a processor."""
    for parameters, m in (("solver=least-squares", 10_000), ("solver=linear-program", 4_000)):
        result = judged("none", f"equations:persons=1000,queries={m},{parameters}", f"{BITS}20", victims=1_000)
        result.close()
        assert result.score.kappa_reach == 1.0
        assert result.seconds["attack"] < 60
