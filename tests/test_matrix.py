"""`snoopbench matrix`: every pair, whatever becomes of the others."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from harness import bench
from harness.cli import main
from harness.report.tables import WIDTH, console, print_matrix

SMALL = {"dataset": "employees:size=300", "trials": 2, "victims": 5, "jobs": 1}

BROKEN = """
from harness.plugin import Defense

class {name}(Defense):
    def {stage}(self, *given):
        raise RuntimeError("out of order")
"""
PICKY = """
from harness.plugin import Defense

class picky(Defense):
    def skip(self, schema):
        return "it protects nothing with a salary"
"""


def matrix(capsys: pytest.CaptureFixture[str], results: Path, *words: str) -> tuple[int, Any]:
    small = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]
    status = main(["matrix", *small, "--results", str(results), "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def test_a_pair_is_what_bench_says_of_it_and_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [*("--defense", "none", "--defense", "sticky", "--defense", "sticky:scale=2")]
    words += ["--attack", "intersection", "--attack", "guess"]
    status, found = matrix(capsys, tmp_path / "m", *words)
    assert status == 0
    pairs = [(d, a) for d in ("none", "sticky") for a in ("intersection", "guess")]
    assert [(one["defense"], one["attack"]) for one in found] == pairs, "sticky:scale=2 is sticky"
    for one, (defense, attack) in zip(found, pairs, strict=True):
        alone = bench(defense=defense, attack=attack, results=str(tmp_path / "b"), **SMALL)
        assert {**one, "seconds": 0} == {**alone, "seconds": 0}
    _, again = matrix(capsys, tmp_path / "m", *words)
    assert [one["from_store"] for one in again] == [2] * 4
    _, fresh = matrix(capsys, tmp_path / "m", "--fresh", *words)
    assert [one["from_store"] for one in fresh] == [0] * 4


def test_a_pair_that_fails_or_is_skipped_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pages = {"picky": PICKY} | {n: BROKEN.format(name=n, stage=n.removeprefix("no_")) for n in ("no_plan", "no_skip")}
    words = ["--attack", "intersection"]
    for name, source in pages.items():
        (tmp_path / f"{name}.py").write_text(source)
        words += ["--defense", str(tmp_path / f"{name}.py")]
    status, found = matrix(capsys, tmp_path / "m", *words, "--defense", "none")
    assert status == 1
    assert [one["failed_trials"] for one in found] == [0, 2, 2, 0]
    assert found[0]["skipped"] == "it protects nothing with a salary"
    assert ["out of order" in "".join(one["errors"]) for one in found] == [False, True, True, False]
    assert found[3]["kappa_reach"] > 0.9
    assert found[0].keys() == found[1].keys() == found[2].keys() == found[3].keys()

    assert main(["matrix", *words[:4], "--dataset", "employees:size=300", "--results", str(tmp_path / "m")]) == 0
    printed = capsys.readouterr().out
    assert "skipped" in printed
    assert "it protects nothing with a salary" in printed


@pytest.mark.parametrize("more", range(8))  # up to where two columns do not fit any more
@pytest.mark.parametrize("turned", [False, True])
def test_every_name_and_number_is_on_one_line_however_many_there_are(
    turned: bool, more: int, capsys: pytest.CaptureFixture[str]
):
    """Of 3 by 12 pairs the 12 stand in the rows, and the 3 in as many tables as they need."""
    long = "a-rather-long-name-of-something:with" + "x" * more
    many, few = [f"method-{i}" for i in range(12)], [f"{long}={i}" for i in range(3)]
    axes = ("attack", "defense") if turned else ("defense", "attack")
    plain = {"dataset": "d", "secret": "s", "trials": 5, "victims": 5, "seed": 1, "skipped": None, "errors": []}
    plain |= {"failed_trials": 0, "kappa_reach": 0.5}
    found = [
        {**dict(zip(axes, pair, strict=True)), **plain, "kappa_reach_ci": [i, i]}
        for i, pair in enumerate(product(many, few))
    ]
    print_matrix(found, console())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [sum(line.startswith(f" {name} ") for line in lines) for name in many] == [2 if more < 4 else 3] * 12
    assert all(sum(name in line for line in lines) == 1 for name in few)
    assert all(sum(f"0.500 ({i}.00 … {i}.00)" in line for line in lines) == 1 for i in range(36))


def test_a_mistake_is_told_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--defense", "none", "--defense", "difix", "--attack", "guess", "--results", str(tmp_path / "m")]
    assert main(["matrix", *words]) == 2
    assert "Did you mean diffix?" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
