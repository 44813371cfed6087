"""`snoopbench figures fitness` and `fitness --examples`: points against expectations, pages, store."""

from __future__ import annotations

import json
import math
import statistics
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from defenses.perturbation import by_rank
from harness.cli import main
from harness.report import figures as drawing
from harness.report.figure_fitness import TITLES, pages
from harness.studies.evolve import Search, fitness_of
from harness.studies.fitness_examples import examples
from harness.studies.fitness_figures import Figures, fitness_figures

SQUARE = 100.0**2 + 100.0**2 / 12  # of a value U(50, 150), on average
OPTIMUM = (2.09, 1.18, 66.87)
DOCS = Path(__file__).parents[1] / "docs" / "fitness.md"


@pytest.fixture(scope="module")
def points() -> list[dict[str, Any]]:
    return fitness_figures(Figures())


def one(points: list[dict[str, Any]], figure: str, source: str | None = None) -> dict[str, Any]:
    [found] = [row for row in points if row["figure"] == figure and source in (None, row["source"])]
    return found


def errors(row: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """q, and |D − P| as the score has it."""
    q, fitness = np.array(row["q"]), np.array(row["fitness"])
    return q, np.where(q < 500, 100 - fitness, fitness)


def has_variance(errors: np.ndarray, variance: np.ndarray) -> None:
    """Within 4 standard errors; no error has heavier tails than a normal one."""
    assert np.mean(errors**2 / variance) == pytest.approx(1, abs=4 * math.sqrt(2 / len(errors)))


def nielson_variance(q: np.ndarray, alpha: float, beta: float, gamma: float) -> np.ndarray:
    """Of P − D where the first ⌊γ⌋ of q records are perturbed by ± x · U(β, α)."""
    return np.minimum(q, int(gamma)) * SQUARE * (alpha**2 + alpha * beta + beta**2) / 3 / q**2


def test_every_figure_has_its_queries(points: list[dict[str, Any]]):
    assert {row["figure"] for row in points} == set(TITLES) == {f"4.{i}" for i in range(1, 11)}
    for row in points:
        if "q" in row:
            largest = 99 if row["figure"] == "4.10" else 999
            assert len(row["q"]) == len(row["answer"]) == (10_000 if row["figure"] == "4.1" else 1_000)
            assert 1 <= min(row["q"]) <= 10
            assert largest * 0.99 - 1 <= max(row["q"]) <= largest
            assert 0.45 < np.mean(np.array(row["q"]) <= largest / 2) < 0.55


def test_without_perturbation_there_is_a_band_at_100_and_one_at_0(points: list[dict[str, Any]]):
    row = one(points, "4.1")
    assert all(fitness == (100.0 if q < 500 else 0.0) for q, fitness in zip(row["q"], row["fitness"], strict=True))


def test_uniform_perturbation_by_20_and_by_10_per_cent(points: list[dict[str, Any]]):
    q, wide = errors(one(points, "4.2", "text"))
    same, narrow = errors(one(points, "4.2", "program"))
    assert np.array_equal(q, same)
    np.testing.assert_allclose(wide, 2 * narrow, atol=1e-9)
    has_variance(wide, 0.2**2 / 3 * SQUARE / q)


def test_liew_has_the_spread_of_two_sorted_samples_more_than_uniform_perturbation(points: list[dict[str, Any]]):
    q, error = errors(one(points, "4.3"))
    many = q >= 100  # below, a transposed record from far away weighs too much for the formula
    share = q[many] / 1_000
    has_variance(error[many], 2 * 100.0**2 * (share / 3 - share**2 / 4) / 1_000)
    assert np.median(error) > 1.5 * np.median(errors(one(points, "4.2", "text"))[1])


@pytest.mark.parametrize(
    ("figure", "point"), [("4.4", OPTIMUM), ("4.8", (2.0, 2.0, 230.0)), ("4.9", OPTIMUM), ("4.10", OPTIMUM)]
)
def test_nielson_spreads_small_queries_most(
    points: list[dict[str, Any]], figure: str, point: tuple[float, float, float]
):
    row = one(points, figure)
    assert (row["alpha"], row["beta"], row["gamma"]) == point
    q, error = errors(row)
    has_variance(error, nielson_variance(q, *point))
    few = q <= 20
    has_variance(error[few], nielson_variance(q[few], *point))
    assert error[few].mean() > 3 * error[q > 60].mean()
    assert min(row["fitness"]) < 0


def test_the_program_of_4_8_writes_the_answer(points: list[dict[str, Any]]):
    row = one(points, "4.8")
    q, answer = np.array(row["q"]), np.array(row["answer"])
    variance = nielson_variance(q, 2.0, 2.0, 230.0) + 100.0**2 / 12 / q  # P about 100: the noise, and D itself
    has_variance(answer - 100, variance)


def test_4_9_is_another_draw_of_4_4(points: list[dict[str, Any]]):
    assert one(points, "4.4")["fitness"] != one(points, "4.9")["fitness"]


EXPLORED = [
    ("4.5", "program", lambda gamma: (1.5, 1.0, gamma)),
    ("4.5", "caption", lambda gamma: (0.0, 0.0, gamma)),
    ("4.6", "program", lambda alpha: (alpha, 0.0, 230.0)),
    ("4.6", "caption", lambda alpha: (alpha, 0.0, 310.0)),
    ("4.7", "program", lambda beta: (2.0, beta, 230.0)),
    ("4.7", "caption", lambda beta: (2.0, beta, 310.0)),
]


@pytest.mark.parametrize(("figure", "source", "at"), EXPLORED)
def test_a_curve_is_the_objective_of_evolve(points: list[dict[str, Any]], figure: str, source: str, at: Any):
    row = one(points, figure, source)
    assert row["values"] == [10.0 * i if figure == "4.5" else i / 10 for i in range(51 if figure == "4.5" else 21)]
    for i in (0, 6, len(row["values"]) - 1):
        point = at(row["values"][i])
        gammas = [point[2], 500.0] if figure == "4.5" else [point[2]]  # the largest γ decides how much is drawn
        found = fitness_of(Search(), point, gammas, 1_000, ("figure", figure))[:, 0]
        assert row["fitness"][i] == pytest.approx(found.mean(), abs=1e-9)
        assert row["fitness_se"][i] == pytest.approx(found.std(ddof=1) / math.sqrt(1_000))


@pytest.mark.parametrize(("figure", "source", "at"), EXPLORED)
def test_a_curve_has_its_expectation(points: list[dict[str, Any]], figure: str, source: str, at: Any):
    """The mean error of a query is that of a normal one, √(2/π) of its standard deviation; that is 20 too low for the
    one query in 1,000 that asks for a single record, hence the 0.05."""
    row = one(points, figure, source)
    q = np.arange(1, 1_000)
    for value, fitness, se in zip(row["values"], row["fitness"], row["fitness_se"], strict=True):
        error = np.sqrt(2 / math.pi * nielson_variance(q, *at(value)))
        assert abs(fitness - np.where(q < 500, 100 - error, error).mean()) < 4 * se + 0.05


def test_what_the_dissertation_reads_from_its_curves(points: list[dict[str, Any]]):
    gamma = one(points, "4.5", "program")
    at_310 = gamma["fitness"][31]
    assert at_310 - min(gamma["fitness"]) < gamma["fitness_se"][31]  # as good as any
    assert gamma["fitness"][0] - at_310 > 2
    assert len(set(one(points, "4.5", "caption")["fitness"])) == 1  # nothing is perturbed, so γ does nothing
    for figure in ("4.6", "4.7"):
        for source in ("program", "caption"):
            assert all(np.diff(one(points, figure, source)["fitness"]) < 0)


DISAGREE = {
    "fitness-4-2": ("text: ± 20 %", "program: ± 10 %"),
    "fitness-4-5": ("program: α = 1.5, β = 1", "caption: α = β = 0"),
    "fitness-4-6": ("program: γ = 230", "caption: γ = 310"),
    "fitness-4-7": ("program: γ = 230", "caption: γ = 310"),
    "fitness-4-8": ("program: α = β = 2, γ = 230", "answer P"),
}


@pytest.mark.science
def test_pages_are_columns_with_nothing_cut_off_that_say_where_sources_disagree(points: list[dict[str, Any]]):
    from matplotlib.text import Text

    names = []
    with drawing.style():
        for name, figure, _ in pages(points):
            names.append(name)
            figure.draw_without_rendering()
            columns = 2 if name == "fitness" else 1
            assert figure.get_figwidth() / columns * 2.54 == pytest.approx(8.5, abs=0.01)
            texts = [text for text in figure.findobj(Text) if text.get_text()]
            assert min(text.get_fontsize() for text in texts) >= 7
            box = figure.get_tightbbox()
            assert min(box.x0, box.y0) >= 0
            assert box.x1 <= figure.get_figwidth()
            assert box.y1 <= figure.get_figheight()
            said = " ".join(text.get_text() for text in texts)
            told = sum(DISAGREE.values(), ()) if name == "fitness" else DISAGREE.get(name, ())
            assert all(text in said for text in told)
    assert names == [*(f"fitness-4-{i}" for i in range(1, 11)), "fitness"]


@pytest.mark.science
def test_the_verb_computes_once_and_gives_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(drawing._STUDIES, "fitness", lambda rows: islice(pages(rows), 1))
    told, drawn = [], []
    for folder in ("one", "two"):
        words = ["figures", "fitness", "--results", str(tmp_path / "store"), "--out", str(tmp_path / folder), "--json"]
        assert main(words) == 0
        captured = capsys.readouterr()
        told.append(captured.err)
        drawn.append({Path(file).name: Path(file).read_bytes() for file in json.loads(captured.out)})
    assert "computing" in told[0]
    assert told[1] == ""
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {f"fitness-4-1.{ending}" for ending in ("pdf", "svg", "png")}


@pytest.mark.science
def test_the_page_of_all_ten_is_the_same_in_another_process(points: list[dict[str, Any]], tmp_path: Path):
    """Its places are rounded: the solver's last digits depend on where objects lie in memory."""
    with drawing.style():
        *_, (name, figure, dpi) = pages(points)
        drawing._save(figure, tmp_path, name, dpi)
    assert len(figure.axes) == 13
    places = [axes.get_position(original=True).bounds for axes in figure.axes]
    places += [part.bbox_relative.bounds for part in figure.subfigs]
    places += [text.get_position() for part in figure.subfigs for text in part.texts]
    assert np.allclose(np.concatenate(places), np.round(np.concatenate(places), 6), rtol=0, atol=1e-12)


def test_figures_without_a_kind_draw_benchmarks_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["figures", "--results", str(tmp_path / "none")]) == 2
    assert "no results store" in capsys.readouterr().err
    assert main(["figures", "fitness", "kappa", "--results", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_the_examples_are_the_printed_tables_with_two_corrections():
    tables = {table["table"]: table for table in examples()}
    wrong = {}
    for number, table in tables.items():
        data = [row["data"] for row in table["records"]]
        assert (statistics.mean(data), round(statistics.stdev(data), 1)) == (100, 11.6)
        assert all(row["error"] == row["error_printed"] for row in table["records"])
        wrong |= {(number, m["measure"]): m["value"] for m in table["measures"] if m["right"] is False}
        perturbed = [row["perturbed"] for row in table["records"]]
        if None not in perturbed:
            values = {measure["measure"]: measure["value"] for measure in table["measures"]}
            assert values["mean of the perturbed data"] == pytest.approx(statistics.mean(perturbed))
            assert values["s of the perturbed data"] == pytest.approx(statistics.stdev(perturbed))
            apart = [abs(a - b) for a, b in zip(data, perturbed, strict=True)]
            assert values["mean error of a record"] == pytest.approx(statistics.mean(apart))
            assert values["s of the errors"] == pytest.approx(statistics.stdev(apart))
            assert values["error of the answer, |D − P|"] == pytest.approx(abs(100 - statistics.mean(perturbed)))
    assert {key: round(value, 1) for key, value in wrong.items()} == {
        ("4.3", "s of the perturbed data"): 11.2,
        ("4.4", "s of the perturbed data"): 13.9,
    }


def test_the_examples_are_what_the_methods_do():
    changes = {table["table"]: [row["change"] for row in table["records"]] for table in examples()}
    assert max(map(abs, changes["4.2"])) < 0.2
    assert all(0.1 < abs(change) < 0.2 for change in changes["4.4"])
    liew = examples()[2]["records"]
    sample = np.array([row["perturbed"] for row in liew][::-1], dtype=np.float64)
    data = np.array([row["data"] for row in liew], dtype=np.float64)
    assert by_rank(data, sample).tolist() == [row["perturbed"] for row in liew]


def test_the_examples_on_the_command_line_and_in_the_docs(capsys: pytest.CaptureFixture[str]):
    assert main(["fitness", "--examples", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == examples()
    assert main(["fitness", "--examples"]) == 0
    out = capsys.readouterr().out
    assert "11.1, wrong" in out
    docs = DOCS.read_text("utf-8")
    assert all(line.rstrip() in docs for line in out.splitlines())
