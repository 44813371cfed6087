"""`snoopbench compare` against SciPy called directly, and which trials it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as oracle

from harness.cli import main
from tests.conftest import keep

NONE = [20] * 6
DIFFIX = [8, 6, 9, 7, 10, 5]
STICKY = [9, 2, 11, 4, 3]


def compare(capsys: pytest.CaptureFixture[str], results: Path, *words: str) -> tuple[list[dict[str, Any]], str]:
    assert main(["compare", "--results", str(results), "--json", *words]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


pytestmark = pytest.mark.filterwarnings("ignore:Precision loss occurred:RuntimeWarning")  # SciPy, of constant samples


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for defense, correct in (("none", NONE), ("diffix", DIFFIX), ("sticky", STICKY)):
        keep(folder, defense, "difference", correct)
    keep(folder, "diffix", "guess", [1, -1, 2, 0, 3])
    keep(folder, "none", "guess", [1, 0, 2], dataset="census", secret="occupation")
    return folder


def test_the_numbers_are_scipys(results: Path, capsys: pytest.CaptureFixture[str]):
    pairs, _ = compare(capsys, results)
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("diffix", "sticky"), ("diffix", "none"), ("sticky", "none")]
    correct = {"none": NONE, "diffix": DIFFIX, "sticky": STICKY}
    raw = []
    for pair in pairs:
        a, b = (np.array(correct[pair[side]]) / 20 for side in ("a", "b"))
        expected = oracle.ttest_ind(a, b, equal_var=False)
        raw.append(expected.pvalue)
        assert (pair["t"], pair["df"], pair["p"]) == pytest.approx((expected.statistic, expected.df, expected.pvalue))
        assert (pair["mean_a"], pair["mean_b"]) == pytest.approx((a.mean(), b.mean()))
        assert (pair["trials_a"], pair["trials_b"]) == (len(a), len(b))
        resampled = oracle.bootstrap(
            (a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), method="percentile", rng=np.random.default_rng(1)
        ).confidence_interval
        assert pair["difference_ci"] == pytest.approx(list(resampled), abs=0.02)
        assert pair["family"]["pairs"] == 3
    # Step down by hand: the smallest three times, the next twice, never below the one before.
    order = np.argsort(raw)
    stepped = np.maximum.accumulate([min(1, factor * raw[i]) for factor, i in zip((3, 2, 1), order, strict=True)])
    assert [pairs[i]["p_holm"] for i in order] == pytest.approx(list(stepped))


def test_the_sentence_is_exact(results: Path, capsys: pytest.CaptureFixture[str]):
    (pair,), _ = compare(capsys, results, "--against", "none", "--defense", "diffix", "--defense", "none")
    low, high = (f"{end:.2f}".replace("-", "−") for end in pair["difference_ci"])
    assert pair["sentence"] == (
        "Against difference on employees (secret salary_band, 25 victims), diffix leaks less than none: κ_reach 0.38 "
        f"against 1.00, a difference of −0.62 [95 % bootstrap {low}, {high}] (Welch t(5.0) = −16.4, p = 1.6e-05, Holm "
        f"p = 1.6e-05 over 1 pair, g = {pair['g']:.1f}; 6 and 6 trials)."
    ).replace("g = -", "g = −")
    assert main(["compare", "--results", str(results), "--against", "none"]) == 0
    assert "diffix leaks less than none" in capsys.readouterr().out.replace("\n", " ")


def test_by_attack_and_trials_without_claims(results: Path, capsys: pytest.CaptureFixture[str]):
    (pair,), _ = compare(capsys, results, "--by", "attack", "--against", "guess")
    assert (pair["a"], pair["b"], pair["family"]["defense"]) == ("difference", "guess", "diffix")
    assert pair["mean_b"] == pytest.approx(6 / 20 / 5), "a trial without claims counts as 0"
    assert "difference learns more than guess" in pair["sentence"]


def test_full_specs_name_what_short_ones_do(results: Path, capsys: pytest.CaptureFixture[str]):
    from harness.registry import dataset, defense

    full, _ = compare(capsys, results, "--against", defense("diffix")[1], "--dataset", dataset("employees")[1])
    short, _ = compare(capsys, results, "--against", "diffix")
    assert full == short
    assert {pair["b"] for pair in full} == {"diffix"}
    assert main(["compare", "--results", str(results), "--defense", "difix"]) == 2
    assert "Did you mean diffix?" in capsys.readouterr().err


def test_failed_trials_are_counted_and_constant_samples_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    keep(tmp_path, "none", "difference", [20, 20, 20, 20])
    keep(tmp_path, "k-threshold", "difference", [20, 20, None, 20])
    keep(tmp_path, "diffix", "difference", [5, 5, 5, 5])
    keep(tmp_path, "sticky", "difference", [5])
    pairs = {(pair["a"], pair["b"]): pair for pair in compare(capsys, tmp_path)[0]}
    equal, unlike, alone = (pairs[name] for name in (("k-threshold", "none"), ("diffix", "none"), ("sticky", "none")))
    assert (equal["p"], equal["t"], equal["g"], equal["failed_a"], equal["trials_a"]) == (1, None, None, 1, 3)
    assert "k-threshold and none leak the same" in equal["sentence"]
    assert "3 and 4 trials, 1 more failed" in equal["sentence"]
    assert unlike["p"] == pytest.approx(2 / 70), "2 of the 70 ways to deal out 8 trials"
    assert unlike["difference_ci"] is None, "four trials are too few for an interval"
    assert (alone["p"], alone["p_holm"], alone["difference"]) == (None, None, -0.75)
    assert "cannot be compared: there are 1 and 4 trials, and the test needs 2 each" in alone["sentence"]
    assert equal["family"]["pairs"] == 3, "pairs that were not tested do not count"


def test_the_newest_complete_version_counts_and_seeds_are_pooled(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    keep(tmp_path, "none", "difference", [20, 20])
    for version, correct in (("old", [1, 1]), ("new", [4, 6]), ("broken", [9, None])):
        keep(tmp_path, "diffix", "difference", correct, version=version)
    keep(tmp_path, "diffix", "difference", [8], seed=2)
    (pair,), told = compare(capsys, tmp_path)
    assert (pair["mean_a"], pair["trials_a"], pair["seeds_a"]) == (pytest.approx(0.3), 3, [1, 2])
    assert "is stored in 3 versions; taken is number 2, the newest complete one, with 2 trials" in told
    for words, count in (([], 3), (["--all"], 5)):
        assert main(["show", "--results", str(tmp_path), "--json", *words]) == 0
        assert len(json.loads(capsys.readouterr().out)) == count


def test_nothing_to_compare_names_what_there_is(results: Path, capsys: pytest.CaptureFixture[str]):
    pairs, told = compare(capsys, results, "--dataset", "census")
    assert pairs == []
    assert told.count("\n") == 1
    assert "guess on census (secret occupation, 25 victims) against none" in told
    assert main(["compare", "--results", str(results), "--secret", "salary"]) == 0
    assert capsys.readouterr().out.startswith("Nothing to compare. The store holds difference on employees")
