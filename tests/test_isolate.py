"""An attack in a process of its own: the same numbers, and what a child can and cannot do to the harness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from threadpoolctl import threadpool_limits

import attacks
from harness import bench, isolate
from harness.cli import main
from harness.errors import PluginError
from harness.isolate import _decoded
from harness.plan import Benchmark, Task, limits
from harness.report.stored import stored
from harness.runner import skipped
from harness.trial import attack_once, run_trial

SMALL = {"dataset": "employees:size=300", "victims": 4}

PAGE = """
import gc, json, os, signal, sys, time
from dataclasses import dataclass
from harness.model import Inference
from harness.plugin import Attack, param

@dataclass(frozen=True, kw_only=True)
class mine(Attack):
    size: int = param(3, "a number", low=1)

    def run(self, session, knowledge, victims, rng):
        {body}
        return [Inference(uid, "B01") for uid in victims.index]
"""


def page(tmp_path: Path, body: str, head: str = "") -> str:
    path = tmp_path / "mine.py"
    path.write_text(head + PAGE.format(body=body))
    return str(path)


def benchmark(attack: str, **counts: Any) -> Benchmark:
    counts = {"trials": 1, "isolate": True, **SMALL, **counts}
    return Benchmark.of(defense="none", attack=attack, secret=None, **counts)


def record(attack: str, isolate: bool = True, **counts: Any) -> Any:
    """One trial. The page is a test's own: this process may load it, which saves a child."""
    plan = replace(benchmark(attack, **counts, isolate=False), isolate=isolate)
    return run_trial(Task(plan, 0, plan.keys()[0]))


ATTACKS = [f"{name}:repeats=20" if name == "averaging" else name for name in attacks.BUILTIN]


IN_TURN = ("difference", "README")  # of all attacks in make science


@pytest.mark.parametrize(
    "attack",
    [pytest.param(a, marks=() if a in IN_TURN else pytest.mark.science) for a in (*ATTACKS, "README")],
)
def test_the_numbers_are_the_same_with_and_without(attack: str, tmp_path: Path):
    if attack == "README":
        from tests.test_readme import PAGE as PAGES
        from tests.test_readme import README

        (tmp_path / "popular.py").write_text(dict(PAGES.findall(README.read_text(encoding="utf-8")))["popular.py"])
        attack = str(tmp_path / "popular.py")
    kept, noise = [], "output-perturbation:kind=gaussian"
    for isolated in (True, False):
        plan = Benchmark.of(
            defense=noise, attack=attack, secret=None, trials=1, isolate=isolated, accomplices=6, **SMALL
        )
        with threadpool_limits(1):  # as all trials run: two threads add up in another order
            done = attack_once(Task(plan, 0, plan.keys()[0]))
        done.close()
        history, paid = done.session.history, done.revealed.to_numpy().tobytes()
        kept.append(
            (plan.keys(), plan.attack, repr(done.outcome), repr(done.score), repr(history), paid, done.session.asked)
        )
    assert kept[0] == kept[1]


def test_a_date_is_claimed_as_a_date(tmp_path: Path):
    body = """
        from datetime import date
        import numpy as np
        answer = session.query("SELECT hire_date, count(*) FROM employees GROUP BY 1")
        first = answer.rows[0][0]
        values = [first, np.datetime64(first), float("nan"), None, np.int64(3), 1.5, True]
        return [Inference(u, v) for u, v in zip(victims.index, values)]
    """
    claims = []
    for isolated in (True, False):
        done = record(page(tmp_path, body), isolate=isolated, victims=7)
        assert done.error is None
        claims.append(repr(done.claims))
    assert claims[0] == claims[1]
    assert "datetime.date" in claims[0]


def test_nothing_of_the_harness_is_in_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEED", "987654321")
    monkeypatch.setenv("RESULTS", "987654321")
    body = """
        found = [n for n in ("harness.session", "harness.engine", "harness.store", "harness.trial", "duckdb",
                             "sqlalchemy", "datasets.employees") if n in sys.modules]
        found += [v for v in [*os.environ.values(), *sys.argv, *sys.orig_argv] if "987654321" in v]
        from harness.model import Table
        from harness.score import Truth
        found += [type(o).__name__ for o in gc.get_objects() if isinstance(o, Table | Truth)]
        open_files = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                      if os.path.exists(f"/proc/self/fd/{n}") and n not in "012"]
        found += [f for f in open_files if not f.startswith("pipe:")]
        raise ValueError(f"found {found} {len(open_files)}")
    """
    done = record(page(tmp_path, body), seed=987654321)
    assert "found [] 2" in done.error


def test_the_page_runs_in_a_fresh_process_and_never_in_the_harness(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    mark = tmp_path / "pids"
    head = f"import os\nprint(os.getpid(), file=open({str(mark)!r}, 'a'))\n"
    fresh = "import harness; assert not hasattr(harness, 'mark'); harness.mark = 1"
    attack = page(tmp_path, f"{fresh}\n        print('hello'); os.system('echo from a shell')", head)
    words = ["bench", "--defense", "none", "--attack", attack, "--dataset", "employees:size=300", "--victims", "4"]
    words += ["--trials", "2", "--jobs", "1", "--results", str(tmp_path), "--isolate", "--json"]
    assert main(words) == 0
    out, err = capfd.readouterr()
    result = json.loads(out)
    assert (result["failed_trials"], result["claims"]) == (0, 8)
    assert err.count("hello") == err.count("from a shell") == 2
    pids = mark.read_text().split()
    assert len(set(pids)) == len(pids) == 4, "to name it, to ask whether it can run, and one a trial"
    (shown,) = stored(str(tmp_path))
    assert shown.summary()["attack"] == result["attack"] == f"{attack}:size=3"
    assert mark.read_text().split() == pids
    assert str(os.getpid()) not in pids


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "The attack's process died (SIGSEGV)."),
        ("os._exit(3)", "The attack's process died (exit status 3)."),
        ("return ['B01']", "ClaimError: A claim is an Inference"),
        ("session.query_many([object()])", "PluginError: A query is a text"),
        ("knowledge.reveal(['salary_band'])", "LedgerError: The ledger holds no column 'salary_band'"),
        ("os.write(knowledge._line._pipe.fileno(), b'{}\\n'); time.sleep(9)", "what is no message"),
        ("os.write(knowledge._line._pipe.fileno(), b'x' * 99); os._exit(0)", "died (exit status 0)"),
    ],
)
def test_a_child_that_fails_is_one_failed_trial(tmp_path: Path, body: str, error: str):
    assert error in record(page(tmp_path, body)).error


def test_a_worker_can_have_a_child_and_outlives_it(tmp_path: Path):
    attack = page(tmp_path, "rng.integers(2) and os.kill(os.getpid(), signal.SIGKILL)")
    result = bench(defense="none", attack=attack, trials=2, jobs=2, results=str(tmp_path), isolate=True, **SMALL)
    assert (result["failed_trials"], result["claims"]) == (1, 4)
    assert result["errors"] == ["PluginError: The attack's process died (SIGKILL)."]


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_a_child_that_hangs_is_killed_with_what_it_started(tmp_path: Path):
    mark = tmp_path / "pid"
    start = f"import subprocess; open({str(mark)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))"
    before = children()
    began = time.monotonic()
    done = record(page(tmp_path, f"{start}\n        os.kill(os.getpid(), signal.SIGSTOP)"), limits=limits(6.0))
    assert done.error == "DeadlineExceeded: The trial took more than 6 seconds."
    assert time.monotonic() - began < 30
    assert children() <= before
    started = int(mark.read_text())
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == psutil.STATUS_ZOMBIE


def test_a_child_ends_with_its_harness(tmp_path: Path):
    mark = tmp_path / "pid"
    attack = page(tmp_path, f"print(os.getpid(), file=open({str(mark)!r}, 'w'), flush=True)\n        while True: pass")
    code = (
        "from harness import bench\n"
        f"bench(defense='none', attack={attack!r}, dataset='employees:size=300', trials=1, jobs=1, isolate=True,\n"
        f"      results={str(tmp_path)!r})"
    )
    harness = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (mark.exists() and mark.read_text().strip()):
        time.sleep(0.1)
    child = psutil.Process(int(mark.read_text()))
    harness.kill()
    harness.wait()
    child.wait(timeout=30)  # raises where it lives on
    assert not child.is_running()


def test_what_cannot_be_loaded_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    for attack, said in (
        (str(broken), "division by zero"),
        ("dfference", "Did you mean difference"),
    ):
        assert main(["bench", "--defense", "none", "--attack", attack, "--isolate"]) == 2
        assert said in capsys.readouterr().err


def test_a_reason_to_skip_crosses_too(tmp_path: Path):
    path = tmp_path / "shy.py"
    path.write_text(
        "from harness.plugin import Attack\n"
        "class shy(Attack):\n"
        "    def skip(self, schema, secret): return f'{secret} is too dear'\n"
        "    def run(self, *rest): return []\n"
    )
    assert skipped(benchmark(str(path))) == "salary_band is too dear"
    path.write_text(path.read_text().replace("secret} is", "1 / 0} is"))
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        skipped(benchmark(str(path)))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[", b"3", b"[[1]]", b"null", b'["query", 3]', b'["query"]', b'["query", [3, []]]', b'["serve", []]',
        b'["reveal", [1, 2]]', b'["done", [["inference", 1, 2]]]',
        b'["done", [["inference", [1, {"object": 1}], 1.0]]]',
        b'["victims", [{"date": "x"}]]', b'["failed", 3]', b'["update", [null, [1]]]', b'["update", [null, [[]], []]]',
        b"[" * 100_000, b"\x80\x04N.", b'["done", [[[], [], 1.0]]]',
    ],
)  # fmt: skip
def test_what_is_no_message_is_not_read(text: bytes):
    assert _decoded(text) is None


def test_the_harness_unpickles_nothing_of_the_child():
    source = Path(isolate.__file__).read_text()
    parent = source[: source.index("# The child.")]
    assert "pickle.load" not in parent
    assert "pickle.load" in source
