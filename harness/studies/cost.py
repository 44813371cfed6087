"""What defenses cost in time: protecting a table and answering ordinary queries, beside `none`, as the table grows.

A point is one defense on so many rows of the dataset `uniform`; `harness.studies.cost_point` says what is measured
there. Each runs in a process of its own that is killed at the time limit, which holds for protecting and asking
together and not for drawing the data. Like all that is measured it is processor time (on the clock where the system
does not tell that of another process): else other work on the machine would take points over it. After a point over
the limit the defense's larger tables are not tried. Each point is a stored entry of its own, but for those that
failed, which run again.

Source: Nielson's dissertation, further studies: the time that perturbing takes, and perturbing while queries are
answered.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import Any

from harness import registry
from harness.errors import BenchmarkError, UserError
from harness.runner import Interrupted, death, started
from harness.store import Store
from harness.studies import Rows, kept
from harness.studies.cost_point import WORKLOAD, Point, measure, peak_mib, processor_seconds

UNTIMED = 1_800.0  # seconds that what has no limit, drawing the data and `none`, may take
SLACK = 10  # times the limit may pass on the clock of a busy machine, or of a defense that waits
LOOK = 0.2  # seconds from one look at the limit to the next
UNKNOWN: dict[str, Any] = {
    "change_seconds": None,
    "protect_seconds": None,
    "query_seconds": None,
    "protect_ratio": None,
    "query_ratio": None,
    "refused": None,
    "peak_mib": None,
    "over": False,
    "failed": False,
    "note": "",
    "machine": None,
}
TOOLS = ("duckdb", "numpy", "pandas", "sqlglot")


@dataclass(frozen=True)
class Cost:
    """What is to be measured: the defenses, canonical specs, on `low`, 10 · `low`, … up to `high` rows. Raises
    BenchmarkError."""

    defenses: tuple[str, ...]
    low: int = 1_000
    high: int = 10_000_000
    seconds: float = 60.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high <= 100_000_000:
            raise BenchmarkError(
                f"--from and --to are rows, 1 ≤ from ≤ to ≤ 100,000,000, not {self.low:,} and {self.high:,}."
            )
        if not 0 < self.seconds <= 1e6:
            raise BenchmarkError(f"--seconds must be more than 0 and at most 1,000,000, not {self.seconds:g}.")
        if not 0 <= self.seed < 2**63:
            raise BenchmarkError(f"--seed must be 0 or more and below 2^63, not {self.seed}.")

    @classmethod
    def of(cls, defenses: Sequence[str], **options: Any) -> Cost:
        """From specs as users write them; none stands for all built-in defenses with their defaults."""
        names = defenses or [name for name in registry.names("defenses") if _is_complete(name)]
        return cls(tuple(dict.fromkeys(registry.defense(name)[1] for name in names)), **options)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows, ascending."""
        return tuple(self.low * 10**i for i in range(9) if self.low * 10**i <= self.high)


def _is_complete(name: str) -> bool:
    """Whether a registered defense is built without parameters."""
    try:
        registry.defense(name)
    except UserError:
        return False
    return True


def cost(plan: Cost, store: Store, *, fresh: bool = False, progress: bool | None = None) -> Rows:
    """The rows of `snoopbench cost --json`, defense by defense and ascending in their rows.

    A point that the store holds is not measured again (unless `fresh`). Raises Interrupted on Ctrl-C.
    """
    from tqdm import tqdm

    points = [Point(defense, rows, plan.seconds, plan.seed) for rows in plan.sizes for defense in plan.defenses]
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    found: dict[str, Rows] = {defense: [] for defense in plan.defenses}
    with tqdm(total=len(points), disable=hidden, unit="point", file=sys.stderr, leave=False) as bar:
        try:
            for point in points:
                bar.set_description(f"{point.defense.split(':')[0]} × {point.rows:,}")
                found[point.defense].append(_row(point, store, found[point.defense], fresh))
                bar.update(1)
        except KeyboardInterrupt:
            done = sum(map(len, found.values()))
            message = f"Interrupted: {done} of {len(points)} points are done; the same command goes on from there."
            raise Interrupted(message) from None
    return [row for defense in plan.defenses for row in found[defense]]


def _row(point: Point, store: Store, smaller: Rows, fresh: bool) -> dict[str, Any]:
    over = next((row["rows"] for row in smaller if row["over"]), None)
    if over is not None:
        note = f"Not run: {over:,} rows were over the limit of {point.seconds:g} s."
        return _named(point) | UNKNOWN | {"over": True, "note": note}
    try:
        (row,) = kept(store, "cost", identity(point), lambda: [_run(point)], fresh=fresh)
    except _Failed as failed:
        return failed.row
    return row


def identity(point: Point) -> dict[str, Any]:
    """What decides a point, but for the machine."""
    sources = registry.sources(registry.defense(point.defense)[0])
    return asdict(point) | {"dataset": point.dataset, "workload": WORKLOAD, "sources": sources}


class _Failed(Exception):
    """A point that could not be measured; it is shown and not stored."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row["note"])
        self.row = row | {"failed": True}


def _run(point: Point) -> dict[str, Any]:
    """Measure the point in a process of its own. Raises _Failed."""
    row = _named(point) | UNKNOWN | {"machine": machine()}
    process, line = started(measure, point)
    stage = "drawing the data"
    try:
        for heard, found in _heard(line, process.pid or 0, point.seconds):
            stage = heard
            row |= found
    except TimeoutError:
        if stage not in ("protecting", "asking"):
            raise _Failed(row | {"note": f"Stopped: {stage} took {UNTIMED:,.0f} s."}) from None
        row |= {"peak_mib": peak_mib(process.pid or 0), "over": True}
        row["note"] = f"Stopped at the limit of {point.seconds:g} s while {stage}."
    except EOFError:
        raise _Failed(row | {"note": f"The process of this point died while {stage} ({death(process)})."}) from None
    finally:
        process.kill()
        process.join()
        line.close()
    if stage == "failed":
        raise _Failed(row)
    return row


def _heard(line: Connection, process: int, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a point's process says, to the end. Raises TimeoutError when it is late, EOFError when it died."""
    stage, began, spent = "", time.monotonic(), 0.0
    while stage not in ("done", "failed"):
        while not line.poll(LOOK):
            limited = stage in ("protecting", "asking")
            taken = processor_seconds(process)
            if limited and taken is not None and taken - spent > seconds:
                raise TimeoutError
            if time.monotonic() - began > (seconds * (1 if taken is None else SLACK) if limited else UNTIMED):
                raise TimeoutError
        stage, found = line.recv()
        if stage != "asking":  # protecting and asking share one limit
            began, spent = time.monotonic(), processor_seconds(process) or 0.0
        yield stage, found


def _named(point: Point) -> dict[str, Any]:
    return {"defense": registry.short("defenses", point.defense), "rows": point.rows, "limit": point.seconds}


def machine() -> dict[str, Any]:
    """What the times depend on besides the plan."""
    tools = {name: version(name) for name in TOOLS}
    return {"cores": os.cpu_count(), "threads": 1, "python": platform.python_version(), **tools}
