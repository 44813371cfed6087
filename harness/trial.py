"""Running one trial: draw the data, protect it, attack it, judge the claims, measure what the defense costs."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from harness import isolate, linkability, registry
from harness.channel import Outcome, conduct
from harness.engine import DuckEngine
from harness.errors import BenchmarkError, DeadlineExceeded, PluginError, SnoopBenchError
from harness.model import Answer, Array, Kind, Refused, Schema, Table
from harness.plan import Task, content
from harness.plugin import Dataset, Defense
from harness.record import TrialRecord
from harness.score import TrialScore, Truth, judge, resolved
from harness.seeds import digest, generator
from harness.session import Ledger, LocalSession
from harness.utility import Workload, utility

REPLAYED = 20  # queries asked again at once when looking for one that the defense answers in its own way
KEPT = 4  # tables of datasets that are not random, and workloads


@dataclass(frozen=True)
class Judged:
    """A trial that ended well, with what is needed to judge it again: for tests against another truth."""

    outcome: Outcome
    truth: Truth
    revealed: pd.DataFrame
    score: TrialScore
    table: Table
    defense: Defense
    engine: DuckEngine
    exact: DuckEngine
    session: LocalSession
    seconds: dict[str, float]

    def exact_session(self) -> LocalSession:
        """A session with the true table and no defense."""
        return LocalSession(self.table.schema, self.exact, Defense(), np.random.default_rng(0))

    def fresh_session(self, rng: np.random.Generator) -> LocalSession:
        """Another session with the defended table."""
        return LocalSession(self.table.schema, self.engine, self.defense, rng)

    def undone(self, task: Task) -> Judged:
        """With the rows as they were before the attack had some deleted: utility is about the table."""
        if not self.session.history.updates:
            return self
        self.close()
        engine, exact = engines(self.table, self.defense, task.benchmark.seed, task.trial)
        return replace(self, engine=engine, exact=exact)

    def close(self) -> None:
        self.engine.close()
        self.exact.close()


def run_trial(task: Task) -> TrialRecord:
    """Run one trial. A failure of any plug-in is in the record, never raised."""
    with contextlib.redirect_stdout(sys.stderr):  # standard output is the harness's own
        return _run_trial(task)


def _run_trial(task: Task) -> TrialRecord:
    began = time.perf_counter()
    try:
        if replace(task.benchmark).keys()[task.trial] != task.key:
            raise BenchmarkError("The sources changed while the benchmark ran; run it again.")
        judged = attack_once(task)
        session = judged.session
        found = acts(judged)
        judged = judged.undone(task)
        clock = time.perf_counter()
        cost = utility(_workload(judged, task), judged.fresh_session(_rng(task, "utility")))
        seconds = {**judged.seconds, "utility": time.perf_counter() - clock, "total": time.perf_counter() - began}
        judged.close()
        return TrialRecord(
            key=task.key,
            trial=task.trial,
            score=judged.score,
            queries=session.asked,
            refused=session.reasons.total(),
            reasons=dict(sorted(session.reasons.items())),
            acts=found,
            utility=cost,
            claims=tuple(resolved(judged.truth, judged.outcome.claims, judged.revealed)),
            seconds=seconds,
        )
    except SnoopBenchError as error:
        return TrialRecord(task.key, task.trial, f"{type(error).__name__}: {error}")
    except Exception:
        return TrialRecord(task.key, task.trial, traceback.format_exc())


def send_record(task: Task, sender: Connection) -> None:
    """`run_trial` in a process of its own, which imports no more than a trial needs."""
    with threadpool_limits(1):
        sender.send(run_trial(task))


def attack_once(task: Task) -> Judged:
    """The trial up to its score. Raises SnoopBenchError, or what a plug-in raised."""
    benchmark = task.benchmark
    defense, dataset = benchmark.plugins()
    table = load(dataset, benchmark.dataset, benchmark.seed, task.trial)
    dealt = None
    if benchmark.linkability:
        dealt = linkability.deal(benchmark.attack, table, benchmark.victims, _rng(task, "linkability"))
        table = dealt.protected
    clock = time.perf_counter()
    engine, exact = engines(table, defense, benchmark.seed, task.trial)
    protected = time.perf_counter()
    session = LocalSession(table.schema, engine, defense, _rng(task, "answer"), benchmark.limits)
    ledger = Ledger(dealt.other if dealt else table, benchmark.secret, _accomplices(table, task))
    draws = _rng(task, "victims")

    def draw(eligible: pd.DataFrame) -> pd.DataFrame:
        return dealt.draw(eligible) if dealt else draw_victims(eligible, ledger, benchmark.victims, draws)

    watchdog = threading.Timer(benchmark.limits.seconds, _expire, (session, engine))
    watchdog.daemon = True
    watchdog.start()
    try:
        at_the_desk = (session, ledger, draw, _rng(task, "attack"), benchmark.limits.seconds)
        if benchmark.isolate:
            outcome = isolate.conduct(benchmark.attack, *at_the_desk)
        else:
            outcome = conduct(registry.attack(benchmark.attack)[0], *at_the_desk)
    except DeadlineExceeded:
        _expire(session, engine)
        raise
    finally:
        watchdog.cancel()
    truth = Truth.of(ledger.people, benchmark.secret, benchmark.tolerance)
    truth = replace(truth, members=dealt.attempted(outcome.victims)) if dealt else truth
    score = judge(truth, outcome.claims, outcome.victims, ledger.revealed, benchmark.baseline, outcome.eligible)
    seconds = {"protect": protected - clock, "attack": time.perf_counter() - protected}
    return Judged(outcome, truth, ledger.revealed, score, table, defense, engine, exact, session, seconds)


def load(dataset: Dataset, spec: str, seed: int, trial: int) -> Table:
    """The dataset's rows in this trial: a fresh draw, or the same rows every time where it is not random."""
    if not dataset.random:
        return _fixed(spec, tuple(content(dataset)))
    return _drawn(spec, tuple(content(dataset)), seed, trial)


def first_table(dataset: Dataset, spec: str, seed: int) -> Table:
    """The table of the first trial: what `query` asks, and where a benchmark's columns are looked up."""
    return load(dataset, spec, seed, 0)


@lru_cache(maxsize=KEPT)
def _fixed(spec: str, _content: tuple[str, ...]) -> Table:
    return checked(registry.dataset(spec)[0].load(generator("fixed", spec)), spec)


@lru_cache(maxsize=1)
def _drawn(spec: str, _content: tuple[str, ...], seed: int, trial: int) -> Table:
    return checked(registry.dataset(spec)[0].load(generator(seed, "dataset", spec, trial)), spec)


_workloads: dict[str, Workload] = {}  # by spec, of the table that was last asked


def _workload(judged: Judged, task: Task) -> Workload:
    """The workload with its true answers. They come from the true table and nothing else of a trial, so a table that
    is the same in the next trial is asked once."""
    spec = task.benchmark.dataset
    known = _workloads.get(spec)
    if known is not None and known.table is judged.table:
        return known
    found = Workload.of(judged.table, judged.exact_session())
    if spec not in _workloads and len(_workloads) >= KEPT:
        _workloads.clear()
    _workloads[spec] = found
    return found


def checked(table: Table, spec: str, empty: bool = False) -> Table:
    """The table, when frame and schema agree and, unless it may be `empty`, there is a row; its schema says whether
    users have several rows. Raises BenchmarkError with what is wrong."""
    schema, frame = table.schema, table.frame
    if list(frame.columns) != list(schema.names):
        raise BenchmarkError(
            f"The dataset {spec} has columns {list(frame.columns)}, but its schema {list(schema.names)}."
        )
    named = {schema.uid, *schema.secrets, *schema.quasi_identifiers} - {""}
    if missing := sorted(named - set(schema.names)):
        raise BenchmarkError(f"The schema of {spec} names columns that it does not have: {', '.join(missing)}.")
    if schema.uid and frame[schema.uid].isna().any():
        raise BenchmarkError(f"The uid column {schema.uid} of {spec} has NULL values; every row needs a user.")
    if not len(frame) and not empty:
        raise BenchmarkError(f"The dataset {spec} has no rows.")
    for column in schema.columns:
        _check_kind(frame[column.name], column.kind, f"{spec}: column {column.name}")
    if empty:
        return table
    _check_others(table, spec)
    return replace(table, schema=replace(schema, many_rows=not frame[schema.uid].is_unique))


def _check_others(table: Table, spec: str) -> None:
    """Raises BenchmarkError unless the tables beside the main one are those of its schema, of its users or of none."""
    schema = table.schema
    if not (schema.others or table.others):
        return
    if tuple(other.schema for other in table.others) != schema.others:
        raise BenchmarkError(f"The dataset {spec} has other tables than its schema says.")
    names = [schema.table.lower(), *(other.table.lower() for other in schema.others)]
    if twice := [name for name in names if names.count(name) > 1 or name.startswith("#")]:
        raise BenchmarkError(f"The dataset {spec} cannot call a table {twice[0]}; rename it.")
    if dotted := [name for one in (schema, *schema.others) for name in one.names if "." in name]:
        raise BenchmarkError(f"The dataset {spec} has several tables and so no column {dotted[0]}: leave out the dot.")
    users = table.frame[schema.uid]
    for other in table.others:
        named = f"{spec}, table {other.schema.table}"
        uid = other.schema.uid
        if other.schema.others or other.schema.secrets:
            raise BenchmarkError(f"{named}: secrets and further tables are the main table's alone.")
        checked(other, named, empty=True)
        if not uid:
            continue
        if other.schema.column(uid).kind is not schema.column(schema.uid).kind:
            raise BenchmarkError(f"{named}: {uid} is not of the kind of {schema.uid} in {schema.table}.")
        if not other.frame[uid].isin(users).all():
            raise BenchmarkError(f"{named}: {uid} names users who are not in {schema.table}.")


_DTYPES = {
    Kind.INTEGER: ("i", "u"),
    Kind.REAL: ("f", "i", "u"),
    Kind.BOOLEAN: ("b",),
    Kind.DATE: ("M",),
    Kind.DATETIME: ("M",),
    Kind.TEXT: ("O",),
}


def _check_kind(values: pd.Series, kind: Kind, where: str) -> None:
    code = getattr(values.dtype, "kind", "O")
    if code not in _DTYPES[kind]:
        raise BenchmarkError(f"{where} is declared {kind}, but its values have the type {values.dtype}.")


def engines(table: Table, defense: Defense, seed: int, trial: int) -> tuple[DuckEngine, DuckEngine]:
    """The engine over the table that the defense publishes, under this trial's salt, and one over the true table:
    the same where the defense publishes the table as it is."""
    salt = digest(seed, "salt", trial)
    engine = DuckEngine(published(table, defense, seed, trial), salt)
    return engine, DuckEngine(table, salt) if changes_data(defense) else engine


def published(table: Table, defense: Defense, seed: int, trial: int) -> Table:
    """What the defense publishes in place of the table, checked; the table itself where it has no data stage."""
    if not changes_data(defense):
        return table
    own = Table(table.schema, table.frame.copy(deep=True))  # what a defense does to it cannot reach the truth
    made: object = defense.protect(own, generator(seed, "protect", trial))
    if not isinstance(made, Table) or made.schema != table.schema:
        raise PluginError(f"The defense {defense.label()} broke its contract: protect gave no table of that schema.")
    made = replace(made, frame=_finite(table.schema, made.frame))
    made = checked(made.with_frame(made.frame), "the protected table", empty=True)
    if made.stored is not None:
        second = _finite(table.schema, made.stored)
        checked(Table(table.schema, second), "the stored version of the protected table", empty=True)
        made = replace(made, stored=second)
    return made


def _finite(schema: Schema, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with NULL where noise took a number beyond the doubles."""
    reals = [c.name for c in schema.columns if c.kind is Kind.REAL and c.name in frame]
    return frame.assign(**{name: frame[name].where(np.isfinite(frame[name])) for name in reals})


def changes_data(defense: Defense) -> bool:
    """Whether the defense has a data stage of its own."""
    parts = defense.parts if isinstance(defense, registry.Hybrid) else (defense,)
    return any(type(part).protect is not Defense.protect for part in parts)


def _rng(task: Task, purpose: str) -> np.random.Generator:
    """Of the same seed and trial for every defense and attack, so that methods can be compared in pairs."""
    return generator(task.benchmark.seed, purpose, task.trial)


def _accomplices(table: Table, task: Task) -> list[object]:
    people = table.people.index
    count = min(task.benchmark.accomplices, len(people))
    return list(people[np.sort(_rng(task, "accomplices").permutation(len(people))[:count])])


def draw_victims(eligible: Any, ledger: Ledger, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """`count` of the eligible users' rows, drawn uniformly, accomplices left out, in the order of their uids."""
    if not isinstance(eligible, pd.DataFrame) or not eligible.index.is_unique:
        raise BenchmarkError("An attack's `eligible` returns a DataFrame with one row a user, indexed by uid.")
    if (ledger.people.index.get_indexer(eligible.index) < 0).any():
        raise BenchmarkError("An attack's `eligible` returned users that are not in the table.")
    open_to = eligible[~eligible.index.isin(ledger.accomplices)].sort_index()
    chosen = rng.permutation(len(open_to))[:count]
    return open_to.iloc[np.sort(chosen)]


def _expire(session: LocalSession, engine: DuckEngine) -> None:
    session.expire()
    engine.interrupt()


def acts(judged: Judged) -> bool | None:
    """Whether any of the queries asked was answered, or any update taken, otherwise than `none` would. Of the queries
    those since the last update are asked again, of the rows that it left."""
    session, exact = judged.session, judged.exact_session()
    if session.kept_back:
        return True
    heard = [history.heard for history in session.histories]
    sqls = list(dict.fromkeys(sql for one in heard for sql in one))
    if not sqls:
        return None
    exact.update(session.away)
    for start in range(0, len(sqls), REPLAYED):
        batch = sqls[start : start + REPLAYED]
        for sql, true in zip(batch, exact.query_many(batch), strict=True):
            if not all(_same(one[sql], true) for one in heard if sql in one):
                return True
    return False


def _same(a: Answer | Refused, b: Answer | Refused) -> bool:
    if isinstance(a, Refused) or isinstance(b, Refused):
        return a == b
    if a.columns != b.columns or len(a) != len(b):
        return False
    return all(x.tolist() == y.tolist() or _equal(x, y) for x, y in zip(a.data, b.data, strict=True))


def _equal(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.dtype.kind in "fM" and bool(np.array_equal(a, b, equal_nan=True))
