"""`snoopbench cost`: points end to end, the limit, resuming, the table and the figure."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.errors import BenchmarkError
from harness.report.cost import stored_costs
from harness.report.figure_cost import draw_cost, named
from harness.runner import Interrupted
from harness.store import Store
from harness.studies import cost as study
from harness.studies.cost import UNKNOWN, Cost, cost
from harness.studies.cost_point import REPEATS, duration
from tests.conftest import keep

PAGE = """
import time
import numpy as np
from harness.plugin import Defense

class slow(Defense):
    def {stage}:
        if {when}:
            {what}
        return {gives}
"""


def page(folder: Path, what: str, when: str = "len(table.frame) > 10", stage: str = "protect") -> str:
    heads = {"protect": ("protect(self, table, rng)", "table"), "answer": ("answer(self, buckets, rng)", "buckets")}
    head, gives = heads[stage]
    path = folder / f"{stage}.py"
    path.write_text(PAGE.format(stage=head, gives=gives, when=when, what=what).replace("class slow", f"class {stage}"))
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["cost", *words, "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with what the command itself measured at 10³ and 10⁴ rows."""
    folder = str(tmp_path_factory.mktemp("costs"))
    specs = ("none", "microaggregation", "partitioning", 'laplace:bounds=["nothing 0 1"]')
    words = [word for spec in specs for word in ("--defense", spec)]
    assert main(["cost", *words, "--to", "10000", "--results", folder, "--json"]) == 0
    return folder


@pytest.mark.science
def test_points_end_to_end(results: str):
    rows = {(row["defense"].split(":")[0], row["rows"]): row for row in stored_costs(results)}
    assert len(rows) == 8
    keys = {"defense", "rows", "limit", *UNKNOWN}
    for (name, _), row in rows.items():
        assert set(row) == keys
        assert row["machine"]["threads"] == 1
        assert not row["over"]
        if name == "laplace":
            assert "nothing" in row["note"]
            assert row["protect_seconds"] is row["query_ratio"] is None
        else:
            assert 0 < row["change_seconds"] <= row["protect_seconds"] < 60
            assert 0 < row["query_seconds"] < 60
            assert 50 < row["peak_mib"] < 4_000
    assert rows["partitioning", 1_000]["refused"] == 2  # an average, and a condition on age
    assert rows["none", 1_000]["refused"] == 0
    change = {size: rows["microaggregation", size]["change_seconds"] for size in (1_000, 10_000)}
    assert change[10_000] > change[1_000] > 10 * rows["none", 1_000]["change_seconds"]


@pytest.mark.science
def test_the_same_command_reads_the_store(results: str, capsys: pytest.CaptureFixture[str],
                                          monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    first = stored_costs(results, ["partitioning"])
    monkeypatch.setattr(study, "_run", lambda point: pytest.fail("it was measured again"))
    words = ("--defense", "partitioning", "--defense", "none", "--to", "10000", "--results", results)
    again = told(capsys, *words)
    assert sorted(again, key=lambda row: (row["defense"], row["rows"])) == first
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        main(["cost", *words, "--fresh"])


@pytest.mark.science
def test_what_takes_too_long_is_stopped_and_larger_tables_are_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """In compiled code, where no exception and no signal handler would be noticed."""
    slow, began = page(tmp_path, "np.linalg.svd(np.ones((15_000, 15_000)))"), time.monotonic()
    store = ("--defense", slow, "--from", "10", "--to", "1000", "--seconds", "5", "--results", str(tmp_path / "r"))
    small, stopped, untried = told(capsys, *store)
    assert time.monotonic() - began < 300
    assert not small["over"]
    assert stopped["over"]
    assert stopped["protect_seconds"] is None
    assert stopped["peak_mib"] is None or stopped["peak_mib"] > 50
    assert stopped["note"] == "Stopped at the limit of 5 s while protecting."
    assert untried["over"]
    assert untried["note"] == "Not run: 100 rows were over the limit of 5 s."
    assert [len(rows) for _, rows in Store(str(tmp_path / "r")).studies("cost")] == [1, 1]
    assert main(["cost", *store]) == 0
    assert "Stopped at the limit of 5 s while protecting." in " ".join(capsys.readouterr().out.split())


@pytest.mark.science
def test_a_slow_answer_keeps_the_time_of_protecting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study, "SLACK", 1)  # who sleeps takes no processor time
    slow = page(tmp_path, "time.sleep(600)", "True", stage="answer")
    (row,) = told(capsys, "--defense", slow, "--to", "1000", "--seconds", "10", "--results", str(tmp_path / "r"))
    assert row["over"]
    assert row["protect_seconds"] > 0
    assert row["query_seconds"] is None
    assert row["note"] == "Stopped at the limit of 10 s while asking."


def test_a_point_that_failed_is_told_and_runs_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for what, why in (
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ):
        broken = page(tmp_path, what)
        words = ["cost", "--defense", broken, "--to", "1000", "--results", str(tmp_path / "r"), "--json"]
        assert main(words) == 1
        (row,) = json.loads(capsys.readouterr().out)
        assert why in row["note"]
        assert not row["over"]
        assert Store(str(tmp_path / "r")).studies("cost") == []


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(point: Any) -> dict[str, Any]:
        if point.rows > 10:
            raise KeyboardInterrupt
        return {"defense": point.defense, "rows": point.rows, **UNKNOWN}

    monkeypatch.setattr(study, "_run", run)
    with pytest.raises(Interrupted, match="1 of 2 points"):
        cost(Cost.of(["none"], low=10, high=100), Store(str(tmp_path)))
    assert [rows[0]["rows"] for _, rows in Store(str(tmp_path)).studies("cost")] == [10]


def test_durations_are_medians_after_a_warm_up(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr("harness.studies.cost_point.time.process_time", lambda: clock[0])

    def taking(*spent: float) -> tuple[float, int]:
        rest = list(spent)

        def work() -> None:
            clock[0] += rest.pop(0)

        return duration(work, patience=3.0), len(spent) - len(rest)

    assert taking(0.9, 0.1, 0.2, 0.3, 0.2, 0.1, 9.0) == (pytest.approx(0.2), 1 + REPEATS)
    assert taking(3.1, 9.0) == (pytest.approx(3.1), 1)
    assert taking(1.0, 1.2, 1.0, 9.0) == (pytest.approx(1.1), 3)


@pytest.mark.parametrize("wrong", [{"low": 0}, {"low": 100, "high": 10}, {"seconds": 0.0}, {"seed": -1}])
def test_what_cannot_be_measured_is_refused(wrong: dict[str, Any]):
    with pytest.raises(BenchmarkError):
        Cost.of(["none"], **wrong)


def test_all_built_in_defenses_are_the_default():
    from defenses import BUILTIN

    assert {spec.split(":")[0] for spec in Cost.of([]).defenses} == set(BUILTIN)
    assert Cost.of([]).sizes == (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


def made(defense: str, rows: int, protect: float | None, query: float | None, **more: Any) -> dict[str, Any]:
    none = {"protect": rows / 1e6, "query": 0.01}
    ratios = {"protect_ratio": protect and protect / none["protect"], "query_ratio": query and query / none["query"]}
    row = {"defense": defense, "rows": rows, "limit": 60.0, **UNKNOWN, **ratios, "machine": {}}
    return row | {"protect_seconds": protect, "query_seconds": query} | more


def test_the_figure_draws_what_is_stored():
    sizes = (1_000, 10_000, 100_000)
    rows = [made("none", n, n / 1e6, 0.01, refused=0) for n in sizes]
    rows += [made("dull", n, 1.2 * n / 1e6, 0.012, refused=2) for n in sizes]
    rows += [made("steep", n, 10 * n / 1e6, 0.01, refused=0) for n in sizes[:2]]
    rows += [made("steep", sizes[2], None, None, over=True)]
    assert named(rows, "protect") == ["steep"]
    assert named(rows, "query") == []
    figure = draw_cost(rows)
    assert figure is not None
    protect, query = figure.axes
    lines = {line.get_label(): line for line in protect.get_lines()}
    assert list(lines["none"].get_ydata()) == pytest.approx([0.001, 0.01, 0.1])
    assert list(lines["steep"].get_xdata()) == list(sizes)
    assert list(lines["steep"].get_ydata()) == pytest.approx([0.01, 0.1, 60.0])  # stopped there, by a triangle
    assert [line.get_marker() for line in protect.get_lines()].count("^") == 1
    assert {text.get_text() for text in protect.texts} == {"none", "steep"}
    assert {text.get_text() for text in query.texts} == {"none"}
    assert (query.get_xscale(), query.get_yscale()) == ("log", "log")
    assert draw_cost([made("none", 10, None, None)]) is None


@pytest.mark.science
def test_figures_come_from_the_store(results: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["figures", "cost", "--results", results, "--out", str(tmp_path / "f")]) == 0
    assert {path.name for path in (tmp_path / "f").iterdir()} == {"cost.pdf", "cost.svg", "cost.png"}
    keep(tmp_path / "other", "none", "guess", [1] * 5)
    capsys.readouterr()
    assert main(["figures", "cost", "--results", str(tmp_path / "other"), "--out", str(tmp_path / "g")]) == 0
    assert "run snoopbench cost first" in capsys.readouterr().out
