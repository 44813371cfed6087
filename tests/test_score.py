"""Claims against truth: every number of the score by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ClaimError
from harness.model import TYPICAL, Inference, Linkability, SinglingOut
from harness.score import Truth, improvement, judge

PEOPLE = pd.DataFrame(
    {"dept": ["CS"] * 12 + ["Law"] * 12, "gender": ["F", "M"] * 12, "band": ["a"] * 9 + ["b"] * 3 + ["b"] * 12},
    index=pd.Index(range(1, 25), name="uid"),
)
TRUTH = Truth(PEOPLE, "band")


def revealed(*columns: str, uids: list[int] | None = None) -> pd.DataFrame:
    mask = pd.DataFrame(False, index=PEOPLE.index, columns=["dept", "gender", "band"])
    mask.loc[list(uids) if uids else list(PEOPLE.index), list(columns)] = True
    return mask


def test_kappa_of_the_papers_example():
    assert improvement(0.95, 0.90) == pytest.approx(0.5)
    assert improvement(None, 0.5) is None
    assert improvement(1.0, 1.0) is None


def test_counts_confidence_baseline_alpha():
    claims = [Inference(1, "a"), Inference(2, "b"), Inference(24, "b")]
    score = judge(TRUTH, claims, [1, 2, 24, 23], revealed("dept"))
    assert (score.attempts, score.claims, score.correct) == (4, 3, 2)
    assert score.guess == pytest.approx((9 / 24 + 15 / 24 + 15 / 24) / 3)
    assert score.kappa == pytest.approx((2 / 3 - 13 / 24) / (1 - 13 / 24))
    assert score.kappa_reach == pytest.approx(score.kappa * 3 / 4)
    assert score.prior_cells == 24
    assert score.alpha == pytest.approx(3 / 25)


def test_silence_is_not_rewarded():
    assert judge(TRUTH, [], [1, 2], revealed()).kappa_reach == 0.0
    assert judge(TRUTH, [], [1, 2], revealed()).kappa is None
    assert judge(TRUTH, [], [], revealed()).kappa_reach is None
    all_sure = judge(TRUTH, [Inference(u, "a") for u in (1, 2)], [1, 2, 3, 4], revealed())
    half_silent = judge(TRUTH, [Inference(1, "a")], [1, 2, 3, 4], revealed())
    assert all_sure.kappa == half_silent.kappa == 1.0
    assert half_silent.kappa_reach == 0.25


def test_conditional_baseline_leaves_the_victim_out_and_drops_columns_from_the_end():
    # 11 others in CS, of whom 8 have band a; sharing the gender too would leave 5, fewer than 10.
    score = judge(TRUTH, [Inference(1, "a")], [1], revealed("dept", "gender"), "conditional")
    assert score.guess == pytest.approx(8 / 11)
    # nothing revealed for this victim: all 23 others
    score = judge(TRUTH, [Inference(1, "a")], [1], revealed("dept", uids=[2]), "conditional")
    assert score.guess == pytest.approx(8 / 23)


def test_the_second_claim_on_a_cell():
    same = [Inference(1, "a"), Inference(1, "a", 0.3)]
    assert judge(TRUTH, same, [1], revealed()).claims == 1
    with pytest.raises(ClaimError, match="Two different claims"):
        judge(TRUTH, [Inference(1, "a"), Inference(1, "b")], [1], revealed())


def test_a_claim_on_nobody_asked_for():
    with pytest.raises(ClaimError, match="not among the victims"):
        judge(TRUTH, [Inference(2, "a")], [1], revealed())


def test_numpy_scalars_are_plain_values():
    claims = [Inference(np.int64(1), np.str_("a")), Inference(1, "a")]
    assert judge(TRUTH, claims, [np.int64(1)], revealed()).correct == 1


def test_missing_secrets_can_be_claimed():
    people = pd.DataFrame({"x": ["a", None, np.nan, "b"]}, index=[1, 2, 3, 4])
    truth = Truth(people, "x")
    mask = pd.DataFrame(False, index=people.index, columns=["x"])
    score = judge(truth, [Inference(2, None), Inference(1, None)], [1, 2], mask)
    assert score.correct == 1
    assert score.guess == 0.5


def test_tolerance_is_a_share_of_the_interquartile_range():
    people = pd.DataFrame({"pay": np.arange(0.0, 1001.0)}, index=range(1001))
    truth = Truth.of(people, "pay", 0.01)
    assert truth.tolerance == pytest.approx(5.0)
    mask = pd.DataFrame(False, index=people.index, columns=["pay"])
    right = judge(truth, [Inference(500, 505.0)], [500], mask)
    wrong = judge(truth, [Inference(500, 505.1)], [500], mask)
    assert (right.correct, wrong.correct) == (1, 0)
    assert right.guess == pytest.approx(11 / 1001)


def test_singling_out_needs_one_user_and_something_new():
    people = PEOPLE.assign(zip=["10001"] + ["20002"] * 23)
    truth = Truth(people, "band")
    known = pd.DataFrame(False, index=people.index, columns=["dept", "gender", "zip", "band"])
    claim = SinglingOut((("zip", "10001"), ("dept", "CS")))
    score = judge(truth, [claim], [1], known)
    w = (1 / 24) * 0.5
    assert score.correct == 1
    assert score.guess == pytest.approx(24 * w * (1 - w) ** 23)
    assert score.learned_cells == 2
    known.loc[1, ["zip", "dept"]] = True
    assert judge(truth, [claim], [1], known).correct == 0, "all of it was prior knowledge"
    assert judge(truth, [SinglingOut((("zip", "20002"),))], [1], known).correct == 0, "23 users have it"
    assert judge(truth, [SinglingOut((("uid", 1),))], [1], known).correct == 0, "the uid counts for nothing"


def test_linkability_against_the_mix():
    truth = Truth(PEOPLE, "band", members={"r1": True, "r2": False, "r3": True, "r4": True})
    score = judge(truth, [Linkability("r1"), Linkability("r2")], [1, 2], revealed())
    assert score.correct == 1
    assert score.guess == 0.75
    with pytest.raises(ClaimError, match="not in the mix"):
        judge(truth, [Linkability("r9")], [1], revealed())


def test_the_typical_value_is_the_mode_of_those_alike():
    score = judge(TRUTH, [Inference(1, TYPICAL), Inference(24, TYPICAL)], [1, 24], revealed("dept"), "conditional")
    assert score.correct == 2
    assert score.guess == pytest.approx((8 / 11 + 1.0) / 2)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_the_guess_is_exactly_as_good_as_the_conditional_baseline(seed: int):
    """Over all users of every group of more than 10, C = S to the last bit of rounding: no harness bias."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {"g": rng.integers(0, 3, 120), "x": rng.choice(["a", "b", "c"], 120, p=rng.dirichlet([1, 1, 1]))},
        index=range(120),
    )
    people = people[people.groupby("g")["g"].transform("size") > 10]
    mask = pd.DataFrame({"g": True, "x": False}, index=people.index)
    claims = [Inference(uid, TYPICAL) for uid in people.index]
    score = judge(Truth(people, "x"), claims, list(people.index), mask, "conditional")
    assert score.confidence == pytest.approx(score.guess, abs=1e-12)


def test_permuting_deals_the_same_values_out_anew():
    dealt = TRUTH.permuted(np.random.default_rng(1))
    assert sorted(dealt.people["band"]) == sorted(PEOPLE["band"])
    assert (dealt.people["band"] != PEOPLE["band"]).any()
    assert (dealt.people["dept"] == PEOPLE["dept"]).all()


def test_singling_out_is_of_the_very_value_whatever_the_tolerance():
    """Others lie within the tolerance: for an inference they have the value, for singling out they are not he."""
    people = pd.DataFrame({"pay": [100, 101, 102, 500]}, index=pd.Index([1, 2, 3, 4], name="uid"))
    truth = Truth(people, "pay", tolerance=5.0)
    score = judge(truth, [SinglingOut((("pay", 101),), 1.0)], [2], pd.DataFrame(index=people.index), "marginal")
    assert score.correct == score.claims == 1
    assert truth.matches("pay", 101).sum() == 3
