"""What Diffix costs beside DuckDB's own count of the same rows: `make perf-diffix`.

1. Draw a table with one row a user and one with ten, a tenth of the rows first, each in a process of its own.
2. For each case ask a grouped count through a session, from text to answer, and DuckDB for `count(*)` or
   `count(DISTINCT uid)` of the same rows on the same connection, in turns. No answer is remembered; parsed and compiled
   texts are, and which rows are alone in a column (`sql.alone`), after the turn that is not counted.
3. Print processor seconds (the median; all threads together), their ratio and that on the clock, and the target.

In `amount` users lie close together up to both ends of the range, so that shrink-and-drop finds nobody who lies apart.
In `income` few have the highest ones, so that it asks most buckets again: its worst case.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import median

import numpy as np
import pandas as pd

from harness import registry
from harness.engine import DuckEngine
from harness.errors import BenchmarkError
from harness.model import Column, Kind, Refused, Schema, Table
from harness.seeds import digest, generator
from harness.session import LocalSession
from harness.studies.cost_point import peak_mib

ROWS, EACH, THREADS, REPEATS = 10_000_000, 10, 2, 5
TOWNS, STREETS = 1_000, 100_000
SCHEMA = Schema(
    "people",
    (
        Column("uid", Kind.INTEGER),
        *(Column(name, Kind.INTEGER) for name in ("kind", "town", "street")),
        *(Column(name, Kind.REAL) for name in ("amount", "income")),
    ),
    "uid",
)
EQUAL, RANGE, TAIL = "kind = 1", "amount >= 0 AND amount < 50", "income >= 0 AND income < 1000000"
USERS = "count(DISTINCT uid)"


@dataclass(frozen=True)
class Case:
    """Asked of a table with so many rows a user, grouped by a column; `beside`: what DuckDB counts; `target`: at most
    so many times its seconds."""

    each: int
    by: str
    asked: str
    where: str
    beside: str
    target: float

    def text(self, counted: str) -> str:
        return f"SELECT {self.by}, {counted} FROM people WHERE {self.where} GROUP BY {self.by}"


CASES = (
    Case(1, "town", "count(*)", EQUAL, "count(*)", 1.3),
    *(Case(1, "town", "count(*)", where, USERS, 1.5) for where in (EQUAL, RANGE, TAIL)),
    Case(1, "town", USERS, RANGE, USERS, 1.5),
    *(Case(EACH, "town", "count(*)", where, USERS, 1.5) for where in (EQUAL, RANGE, TAIL)),
    Case(EACH, "town", USERS, RANGE, USERS, 1.5),
    *(Case(1, "street", "count(*)", where, USERS, 2.5) for where in (EQUAL, RANGE, TAIL)),
    *(Case(EACH, "street", "count(*)", where, USERS, 2.5) for where in (EQUAL, RANGE)),
)


@dataclass(frozen=True)
class Spent:
    """Seconds of DuckDB and of Diffix, of the processor and on the clock, and how many buckets were answered."""

    plain: float
    diffix: float
    plain_clock: float
    diffix_clock: float
    buckets: int


def drawn(rows: int, each: int) -> Table:
    """So many rows, of users with `each` of them, in no order; the columns tell nothing of one another."""
    rng = generator("perf-diffix", rows, each)
    frame = pd.DataFrame(
        {
            "uid": rng.permutation(rows) // each,
            "kind": rng.integers(1, 3, rows),
            "town": rng.integers(TOWNS, size=rows),
            "street": rng.integers(STREETS, size=rows),
            "amount": rng.uniform(0, 100, rows),
            "income": rng.lognormal(10, 1, rows),
        }
    )
    return Table(SCHEMA, frame)


def measured(rows: int, each: int, repeats: int) -> tuple[dict[Case, Spent], float | None]:
    """Every case of a table with so many rows a user, and the most memory that it took, in MiB."""
    engine = DuckEngine(drawn(rows, each), digest("perf-diffix", "salt"), threads=THREADS)
    return {case: _spent(engine, case, repeats) for case in CASES if case.each == each}, peak_mib()


def _spent(engine: DuckEngine, case: Case, repeats: int) -> Spent:
    defense = registry.defense("diffix")[0]
    buckets = 0

    def plain() -> None:
        engine._connection.execute(case.text(case.beside)).fetchnumpy()

    def diffix() -> None:
        nonlocal buckets
        engine.forget()
        said = LocalSession(SCHEMA, engine, defense, np.random.default_rng(0)).query(case.text(case.asked))
        if isinstance(said, Refused):
            raise BenchmarkError(f"Diffix refused {case.text(case.asked)}: {said.message}")
        buckets = len(said.data[0])

    turns = [(_timed(plain), _timed(diffix)) for _ in range(repeats + 1)][1:]
    (plain_cpu, plain_clock), (cpu, clock) = (
        [median(turn[who][what] for turn in turns) for what in (0, 1)] for who in (0, 1)
    )
    return Spent(plain_cpu, cpu, plain_clock, clock, buckets)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the processor and on the clock."""
    used, began = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - used, time.perf_counter() - began


def main(words: Sequence[str] | None = None) -> int:
    """Print the table, how time grows with the rows, and the most memory."""
    parser = argparse.ArgumentParser(prog="perf-diffix", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=ROWS, help="rows of the larger tables (1e7)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="measurements of each case, of which the median")
    arguments = parser.parse_args(words)
    rows = int(arguments.rows)
    if rows < 10 * EACH or arguments.repeats < 1:
        parser.error(f"It takes at least {10 * EACH} rows and one repeat.")
    found: dict[tuple[int, Case], Spent] = {}
    peaks: list[float | None] = []
    for size in (rows // 10, rows):
        for each in (1, EACH):
            with get_context("spawn").Pool(1) as alone:
                spent, peak = alone.apply(partial(measured, size, each, arguments.repeats))
            peaks.append(peak)
            for case, times in spent.items():
                found[size, case] = times
                print(
                    _line(size, case, times) if len(found) > 1 else f"{_head()}\n{_line(size, case, times)}", flush=True
                )
    growth = [found[rows, case].diffix / found[rows // 10, case].diffix for case in CASES]
    print(f"\ntime({rows:.0e})/time({rows // 10:.0e}): {min(growth):.1f} to {max(growth):.1f}, target 12")
    known = [peak for peak in peaks if peak is not None]
    print(f"peak memory: {max(known) / 1024:.1f} GiB, target 6" if known else "peak memory: unknown here")
    return 0


def _head() -> str:
    return (
        f"{'rows':>8} {'a user':>6} {'buckets':>7}  {'diffix':19} {'beside':19} {'where':32} "
        f"{'DuckDB s':>8} {'diffix s':>8} {'ratio':>5} {'clock':>5} {'target':>6}"
    )


def _line(rows: int, case: Case, spent: Spent) -> str:
    return (
        f"{rows:8.0e} {case.each:6} {spent.buckets:7}  {case.asked:19} {case.beside:19} {case.where:32} "
        f"{spent.plain:8.3f} {spent.diffix:8.3f} {spent.diffix / spent.plain:5.2f} "
        f"{spent.diffix_clock / spent.plain_clock:5.2f} {case.target:6}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
