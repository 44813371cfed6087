"""One point of `snoopbench cost`, in a process of its own: a defense at work on so many rows, then `none` on the same.

1. Draw the data. A defense that cannot protect such a table says so, and that is all.
2. Protect: what the defense does to the table (`change_seconds`), with loading and hashing what it publishes.
3. Ask the workload, every repetition in a session of its own and with no result remembered, so that parsing and what
   a defense keeps of a session (a budget, a log) cost the same each time.
4. Let go of all that, and do 2 and 3 without a defense. Ratios are of these two, minutes apart at most.

Seconds are processor time: trials run in one thread, so on an idle machine they pass on the clock, too, and what else
a busy one does is not counted. A duration is the median of up to 5 after a warm-up; what takes longer than a
twentieth of the time limit is measured once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from threadpoolctl import threadpool_limits

from harness import registry
from harness.engine import DuckEngine
from harness.errors import SnoopBenchError
from harness.model import Refused, Table
from harness.plugin import Defense
from harness.seeds import digest, generator
from harness.session import LocalSession
from harness.trial import load, published

WORKLOAD = (
    "SELECT count(*) FROM uniform",
    "SELECT sum(amount) FROM uniform",
    "SELECT avg(amount) FROM uniform",
    "SELECT region, count(*) FROM uniform GROUP BY region",
    "SELECT count(*) FROM uniform WHERE age BETWEEN 30 AND 40",
)
REPEATS = 5
PATIENCE = 1 / 20  # of the time limit: how long something is repeated


@dataclass(frozen=True)
class Point:
    """A defense, by its canonical spec, on so many rows; `seconds` is the time limit."""

    defense: str
    rows: int
    seconds: float
    seed: int

    @property
    def dataset(self) -> str:
        return f"uniform:size={self.rows}"


def measure(point: Point, sender: Connection) -> None:
    """Send what comes next and what is known so far, as pairs of a stage and a dict: the stages are `protecting`,
    `asking`, `comparing` and, at the end, `done`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.redirect_stdout(sys.stderr), threadpool_limits(1):
        try:
            _measure(point, lambda stage, found: sender.send((stage, found)))
        except SnoopBenchError as error:
            sender.send(("failed", {"note": str(error)}))
        except Exception as error:
            sender.send(("failed", {"note": f"{type(error).__name__}: {error}"}))


def _measure(point: Point, say: Callable[[str, dict[str, Any]], None]) -> None:
    defense = registry.defense(point.defense)[0]
    dataset, spec = registry.dataset(point.dataset)
    table = load(dataset, spec, point.seed, 0)
    if (reason := defense.skip(table.schema)) is not None:
        return say("done", {"note": f"It cannot protect this table: {reason}."})
    say("protecting", {})
    engine, protection = _protected(point, table, defense)
    say("asking", protection)
    times, refused = _asked(point, table, engine, defense)
    asked = [seconds for sql, seconds in times.items() if sql not in refused]
    note = f"{len(refused)} of {len(WORKLOAD)} queries refused ({', '.join(sorted(set(refused.values())))})."
    answers = {
        "query_seconds": sum(asked) if asked else None,
        "refused": len(refused),
        "peak_mib": peak_mib(),
        "note": note if refused else "",
    }
    say("comparing", answers)
    without = registry.defense("none")[0]
    engine.close()
    engine, plain = _protected(point, table, without)
    spent, _ = _asked(point, table, engine, without)
    total = sum(seconds for sql, seconds in spent.items() if sql not in refused)
    ratios = {
        "protect_ratio": protection["protect_seconds"] / plain["protect_seconds"],
        "query_ratio": sum(asked) / total if asked else None,
    }
    say("done", ratios)


def _protected(point: Point, table: Table, defense: Defense) -> tuple[DuckEngine, dict[str, float]]:
    """The table as it is published, and the seconds of the data stage alone and with loading."""
    changes: list[float] = []
    engines: list[DuckEngine] = []

    def work() -> None:
        began = time.process_time()
        shown = published(table, defense, point.seed, 0)
        changes.append(time.process_time() - began)
        engines.append(DuckEngine(shown, digest(point.seed, "salt", 0)))
        for older in engines[:-1]:
            older.close()

    total = duration(work, PATIENCE * point.seconds)
    return engines[-1], {"change_seconds": median(changes[1:] or changes), "protect_seconds": total}


def _asked(point: Point, table: Table, engine: DuckEngine, defense: Defense) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds of each query of the workload, and the rules that refused some."""
    times: dict[str, list[float]] = {sql: [] for sql in WORKLOAD}
    refused: dict[str, str] = {}

    def work() -> None:
        engine.forget()
        session = LocalSession(table.schema, engine, defense, generator(point.seed, "answer", 0))
        for sql in WORKLOAD:
            began = time.process_time()
            said = session.query(sql)
            times[sql].append(time.process_time() - began)
            if isinstance(said, Refused):
                refused[sql] = said.rule

    duration(work, PATIENCE * point.seconds)
    return {sql: median(spent[1:] or spent) for sql, spent in times.items()}, refused


def duration(work: Callable[[], None], patience: float) -> float:
    """Seconds of processor time that `work` takes: of several, the median without the first."""
    spent: list[float] = []
    while len(spent) <= REPEATS and (len(spent) < 2 or sum(spent) <= patience):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
        if spent[0] > patience:
            break
    return median(spent[1:] or spent)


def peak_mib(process: int | str = "self") -> float | None:
    """The most memory that a process held so far, in MiB; None where the system does not tell it of that process."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if process != "self" or sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def processor_seconds(process: int) -> float | None:
    """Processor time that another process has taken so far; None where the system does not tell it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()  # a name may hold spaces
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _end_with_parent() -> None:
    """Nobody stops a process whose parent is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
