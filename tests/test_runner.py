"""Many trials: resume, workers, death of a worker, the numbers that come out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness import bench
from harness.plan import Benchmark
from harness.report.stored import stored as read
from harness.seeds import generator

SMALL = {"dataset": "employees:size=600", "victims": 5}

DYING = """
import os, signal
from harness.model import Inference
from harness.plugin import Attack

class dying(Attack):
    def run(self, session, knowledge, victims, rng):
        if {when}:
            os.kill(os.getpid(), signal.SIGKILL)
        return [Inference(uid, "B01") for uid in victims.index]
"""

FAILING = """
from harness.plugin import Attack
from harness.model import Inference

class failing(Attack):
    def run(self, session, knowledge, victims, rng):
        if rng.integers(3) == 0:
            raise ValueError("no luck")
        return [Inference(uid, "B01") for uid in victims.index]
"""


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}


def test_one_or_two_workers_give_the_same_json(tmp_path: Path):
    for defense, attack in (("diffix", "difference"), ("output-perturbation", "averaging:repeats=50")):
        results = [
            bench(
                defense=defense,
                attack=attack,
                trials=4,
                jobs=jobs,
                results=str(tmp_path / f"{attack[:3]}{jobs}"),
                **SMALL,
            )
            for jobs in (1, 2)
        ]
        assert json.dumps(without_seconds(results[0])) == json.dumps(without_seconds(results[1]))
        assert results[0]["failed_trials"] == 0


def test_what_is_stored_is_not_run_again(tmp_path: Path):
    run = {"defense": "none", "attack": "difference", "jobs": 1, "results": str(tmp_path), **SMALL}
    first = bench(trials=2, **run)
    more = bench(trials=3, **run)
    again = bench(trials=3, **run)
    fresh = bench(trials=3, fresh=True, **run)
    assert [r["from_store"] for r in (first, more, again, fresh)] == [0, 2, 3, 0]
    assert {**without_seconds(again), "from_store": 0} == without_seconds(fresh)
    assert again["seconds"] == more["seconds"]


def test_the_key_changes_with_what_decides_the_numbers(tmp_path: Path):
    def key(**changes: Any) -> str:
        specs = {"defense": "none", "attack": "guess", "dataset": "employees:size=600", "secret": None} | changes
        return Benchmark.of(**specs).keys()[0]

    page = tmp_path / "page.py"
    page.write_text(DYING.format(when="False"))
    keys = [
        key(), key(seed=2), key(victims=3), key(secret="salary"), key(baseline="conditional"), key(tolerance=0.1),
        key(accomplices=1), key(defense="sticky"), key(defense="sticky:scale=3"), key(attack=str(page)),
    ]  # fmt: skip
    page.write_text(DYING.format(when="False") + "\n# another source\n")
    keys.append(Benchmark.of(defense="none", attack=str(page), dataset="employees:size=600", secret=None).keys()[0])
    assert len(set(keys)) == len(keys)
    assert key() == key(defense="none", trials=99)
    assert key(defense="sticky") == key(defense="sticky:scale=2")


def test_a_killed_worker_costs_one_trial(tmp_path: Path):
    page = tmp_path / "dying.py"
    page.write_text(DYING.format(when="rng.integers(4) == 0"))
    result = bench(defense="none", attack=str(page), trials=8, jobs=2, results=str(tmp_path), **SMALL)
    dead = sum(generator(1, "attack", trial).integers(4) == 0 for trial in range(8))
    assert 0 < dead < 8
    assert result["failed_trials"] == dead
    assert result["claims"] == (8 - dead) * 5
    assert all("SIGKILL" in error for error in result["errors"])
    again = bench(defense="none", attack=str(page), trials=8, jobs=2, results=str(tmp_path), **SMALL)
    assert (again["from_store"], again["failed_trials"]) == (8 - dead, dead)


@pytest.mark.science
def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path):
    page, mark = tmp_path / "dying.py", tmp_path / "mark"
    when = f"not os.path.exists({str(mark)!r}) and not open({str(mark)!r}, 'w').close()"
    page.write_text(DYING.format(when=when))
    result = bench(defense="none", attack=str(page), trials=6, jobs=2, results=str(tmp_path), **SMALL)
    assert (result["failed_trials"], result["claims"]) == (0, 30)


def test_a_failing_plugin_costs_its_trial_only(tmp_path: Path):
    page = tmp_path / "failing.py"
    page.write_text(FAILING)
    result = bench(defense="none", attack=str(page), trials=9, jobs=1, results=str(tmp_path), **SMALL)
    assert 0 < result["failed_trials"] < 9
    assert result["errors"] == ["ValueError: no luck"]
    assert result["claims"] == 5 * (9 - result["failed_trials"])


def test_a_skipped_pair_has_all_keys_and_nulls(tmp_path: Path):
    page = tmp_path / "shy.py"
    page.write_text(
        "from harness.plugin import Attack\n"
        "class shy(Attack):\n"
        "    def skip(self, schema, secret): return f'{secret} is too dear'\n"
        "    def run(self, session, knowledge, victims, rng): return []\n"
    )
    skipped = bench(defense="none", attack=str(page), results=str(tmp_path), **SMALL)
    run = bench(defense="none", attack="guess", trials=1, jobs=1, results=str(tmp_path), **SMALL)
    assert skipped["skipped"] == "salary_band is too dear"
    assert skipped.keys() == run.keys()
    assert skipped["kappa"] is None
    assert skipped["attempts"] is None


def test_a_defense_can_say_that_a_dataset_is_not_for_it(tmp_path: Path):
    skipped = bench(defense="rotation", attack="guess", dataset="surnames:size=100", results=str(tmp_path))
    assert skipped["skipped"] == "a rotation needs two columns of numbers, and there is none"


def test_show_reads_the_store_alone(tmp_path: Path):
    run = bench(defense="none", attack="difference", trials=2, jobs=1, results=str(tmp_path), **SMALL)
    (stored,) = read(str(tmp_path))
    assert stored.summary() | {"from_store": 0, "seconds": None} == run | {"from_store": 0, "seconds": None}


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.science), 2])
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path: Path, jobs: int):
    page = tmp_path / "slow.py"
    page.write_text(DYING.format(when="__import__('time').sleep(0.3)"))
    command = [
        sys.executable, "-m", "harness.cli", "bench", "--defense", "none", "--attack", str(page), "--dataset",
        "employees:size=300", "--trials", "40", "--victims", "2", "--jobs", str(jobs), "--results", str(tmp_path),
        "--json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    store = tmp_path / "snoopbench.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (store.exists() and read(str(tmp_path))):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "trials are stored; the same command goes on from there." in err
    assert "Traceback" not in err
    (before,) = read(str(tmp_path))
    kept = len(before.records)
    assert 0 < kept < 40
    page_trials = ["--trials", str(kept + 1)]
    position = command.index("--trials")
    resumed = subprocess.run(
        command[:position] + page_trials + command[position + 2 :], capture_output=True, text=True, timeout=120
    )
    assert json.loads(resumed.stdout)["from_store"] >= 1
