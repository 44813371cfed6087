"""`snoopbench fitness`: the experiment against a slow literal reference, exact cases, and the published numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from defenses.nielson import nielson
from harness.cli import main
from harness.errors import BenchmarkError
from harness.store import Store
from harness.studies import fitness as study
from harness.studies.fitness import METHODS, Experiment, drawn, rows, scores, transpose
from harness.studies.perf_fitness import literal
from harness.studies.perf_fitness import main as perf_fitness

SMALL = Experiment(databases=7, size=150, queries=40, seed=5)


def reference(experiment: Experiment) -> np.ndarray:
    """Appendix 2's rule from the drawn databases, every query on its own."""
    block = drawn(experiment, 0)
    table = np.zeros((experiment.databases, len(experiment.methods)))
    for i, values in enumerate(block.values):
        for m, method in enumerate(experiment.methods):
            fits = []
            for j, q in enumerate(block.sizes[i]):
                true = math.fsum(values[:q]) / q
                answer = true
                if method in ("liew", "data-perturbation") or (method == "nielson" and q < 66.87):
                    answer = math.fsum(block.perturbed[method][i, :q]) / q
                elif method == "output-perturbation":
                    answer = true * (1 + block.perturbed[method][i, j])
                error = abs(true - answer)
                fits.append(100 - error if q < experiment.size / 2 else error)
            table[i, m] = math.fsum(fits) / len(fits)
    return table


@pytest.mark.parametrize("size", [2, 3, 40, 66, 67, 68, 150, 151])
def test_the_experiment_is_its_slow_reference(size: int):
    experiment = Experiment(databases=5, size=size, queries=30, seed=size)
    np.testing.assert_allclose(scores(experiment, jobs=1), reference(experiment), rtol=0, atol=1e-10)


def test_the_literal_loop_of_the_comparison_gives_the_same():
    np.testing.assert_allclose(scores(SMALL, jobs=1), literal(SMALL), rtol=0, atol=1e-9)


def test_the_comparison_prints_a_ratio(capsys: pytest.CaptureFixture[str]):
    assert perf_fitness(["--databases", "250", "--literal", "2"]) == 0
    out = capsys.readouterr().out
    assert "ratio core for core" in out
    assert "the numbers are the same" in out


def test_the_numbers_do_not_depend_on_workers_or_on_other_methods():
    experiment = Experiment(databases=study.BLOCK * (study.CHUNK * 2 + 1) + 3, size=20, queries=3)
    alone = scores(experiment, jobs=1)
    assert alone.shape == (experiment.databases, len(METHODS))
    for jobs in (2, 3):
        assert np.array_equal(alone, scores(experiment, jobs=jobs))
    for i, method in enumerate(METHODS):
        single = Experiment(databases=2 * study.BLOCK, size=20, queries=3, methods=(method,))
        assert np.array_equal(scores(single, jobs=1)[:, 0], alone[: 2 * study.BLOCK, i])
    assert not np.array_equal(alone[:5], scores(Experiment(databases=5, size=20, queries=3, seed=2)))


def test_databases_are_sorted_but_for_their_transpositions_and_liew_moves_along():
    block = drawn(Experiment(databases=study.BLOCK, size=1000, queries=10), 0)
    assert block.values.min() >= 50
    assert block.values.max() <= 150
    assert block.sizes.min() >= 1
    assert block.sizes.max() <= 999
    moved = block.values != np.sort(block.values, axis=1)
    assert moved.sum(axis=1).max() <= 200
    assert 85 < moved.sum(axis=1).mean() < 120  # 55 transpositions on average, some of which meet
    ranks = [np.argsort(np.argsort(array, axis=1), axis=1) for array in (block.values, block.perturbed["liew"])]
    assert np.array_equal(*ranks)


def test_transpositions_are_done_one_after_the_other():
    first = np.arange(12.0).reshape(3, 4).copy()
    second = -first
    transpose(np.random.default_rng(3), [first, second])
    assert np.array_equal(first, -second)
    rng = np.random.default_rng(3)
    many = sorted(rng.integers(10, 100, 3, endpoint=True).tolist(), reverse=True)
    places = rng.integers(0, 4, (100, 2, 3))
    for row in range(3):
        values = list(range(4 * row, 4 * row + 4))
        for i in range(many[row]):
            a, b = places[i, :, row]
            values[a], values[b] = values[b], values[a]
        assert first[row].tolist() == values


def test_only_what_small_queries_touch_is_drawn_for_nielson():
    assert drawn(SMALL, 0).perturbed["nielson"].shape == (7, 66)
    shares = drawn(SMALL, 0).perturbed["nielson"] / drawn(SMALL, 0).values[:, :66] - 1
    assert (np.abs(shares) >= nielson().beta).all()
    assert (np.abs(shares) <= nielson().alpha).all()


def test_no_perturbation_scores_the_share_of_small_queries():
    block = drawn(SMALL, 0)
    assert scores(SMALL)[:, 0].tolist() == (100.0 * (block.sizes < 75).mean(axis=1)).tolist()


def test_the_published_numbers_come_out():
    """Means within 4 standard errors of the published ones, at a twentieth of the size; nielson below all others."""
    table = {row["method"]: row for row in study.fitness(Experiment(databases=5_000))}
    published = {
        "none": (49.945, 4.99),
        "liew": (50.095, 4.90),
        "nielson": (48.78, 4.95),
        "data-perturbation": (49.86, 4.95),
    }
    for method, (mean, s) in published.items():
        assert abs(table[method]["mean"] - mean) < 4 * s / math.sqrt(5_000) + 0.02
        assert abs(table[method]["s"] - s) < 4 * s / math.sqrt(2 * 5_000)
    for method in METHODS:
        if method != "nielson":
            assert table[method]["t_welch"] > 0
            assert table[method]["p"] < 1e-10
            assert table[method]["t_dissertation"] / table[method]["t_welch"] == pytest.approx(math.sqrt(4.95), rel=0.1)


def test_rows_compare_with_nielson():
    table = rows(("none", "nielson"), np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 2.0]]))
    assert table[0] | {"p": 0, "p_holm": 0, "g": 0} == {
        "method": "none",
        "count": 3,
        "mean": 3.0,
        "s": 2.0,
        "t_dissertation": 2.0,
        "t_welch": pytest.approx(2 / math.sqrt(5 / 3)),
        "df": pytest.approx((5 / 3) ** 2 / ((4 / 3) ** 2 / 2 + (1 / 3) ** 2 / 2)),
        "p": 0,
        "p_holm": 0,
        "g": 0,
    }
    assert table[0]["p"] == table[0]["p_holm"]
    assert [table[1][name] for name in ("t_dissertation", "t_welch", "df", "p", "p_holm", "g")] == [None] * 6


@pytest.mark.parametrize("found", [[[1.0, 1.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_what_is_not_defined_is_null(found: list[list[float]]):
    row = rows(("none", "nielson"), np.array(found))[0]
    assert row["t_dissertation"] is row["t_welch"] is row["df"] is row["g"] is None
    assert rows(("none",), np.array([[1.0], [2.0]]))[0]["p_holm"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("databases", 0),
        ("size", 1),
        ("queries", 0),
        ("methods", ("laplace",)),
        ("methods", ()),
        ("methods", ("none",) * 2),
    ],
)
def test_what_cannot_be_simulated_is_refused(field: str, value: object):
    with pytest.raises(BenchmarkError, match=f"--{field}"):
        Experiment(**{field: value})  # type: ignore[arg-type]


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    words = ["fitness", "--databases", "30", "--size", "50", "--queries", "4", "--methods", "liew, nielson"]
    words += ["--results", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert out.err == ""
    assert [list(row) for row in found] == [
        ["method", "count", "mean", "s", "t_dissertation", "t_welch", "df", "p", "p_holm", "g"]
    ] * 2
    assert main(words) == 0
    assert f"{found[0]['mean']:.3f}" in capsys.readouterr().out
    assert main([*words, "--methods", "lieu"]) == 2
    assert main([*words, "--jobs", "-1"]) == 2
    assert "--jobs" in capsys.readouterr().err


def test_the_rows_are_stored_and_read_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    runs: list[Experiment] = []

    def counted(experiment: Experiment, *, jobs: int) -> list[dict[str, object]]:
        runs.append(experiment)
        return rows(experiment.methods, scores(experiment, jobs=jobs))

    monkeypatch.setattr(study, "fitness", counted)
    words = ["fitness", "--databases", "30", "--size", "50", "--queries", "4", "--json", "--results", str(tmp_path)]
    outputs = []
    for more in ([], ["--jobs", "2"], ["--seed", "2"], ["--methods", "nielson,none"], ["--fresh"]):
        assert main([*words, *more]) == 0
        outputs.append(capsys.readouterr())
    assert len(runs) == 4  # all but the second
    assert ["store" in output.err for output in outputs] == [False, True, False, False, False]
    assert outputs[0].out == outputs[1].out == outputs[4].out
    assert [row["method"] for row in json.loads(outputs[3].out)] == ["nielson", "none"]
    plans = [plan for plan, _ in Store(str(tmp_path)).studies("fitness")]
    assert {"databases": 30, "size": 50, "queries": 4, "methods": list(METHODS), "seed": 1} in plans
