"""Many trials: what is missing from the store is run in parallel, stored one by one, and summed up from the store."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from harness import isolate, linkability, registry
from harness.errors import SnoopBenchError, StoreError
from harness.plan import Benchmark, Task
from harness.record import TrialRecord
from harness.report.summary import summary
from harness.store import Store
from harness.trial import first_table, run_trial, send_record


class Interrupted(SnoopBenchError):
    """Ctrl-C: what was done stays stored."""


def bench(
    benchmark: Benchmark, store: Store, *, jobs: int = 0, fresh: bool = False, progress: bool | None = None
) -> dict[str, Any]:
    """Run the trials of a benchmark that the store lacks (all with `fresh`), and sum all up.

    `jobs`: worker processes, 0 for one a core. `progress`: a bar on standard error; None for on a terminal.
    Raises Interrupted on Ctrl-C, StoreError when results cannot be kept. Gives the dict of `bench --json`.
    """
    if (reason := skipped(benchmark)) is not None:
        return summary(benchmark, [], from_store=0, skipped=reason)
    keys = benchmark.keys()
    known = {} if fresh else store.records(keys)
    records = dict(known)
    tasks = [Task(benchmark, trial, key) for trial, key in enumerate(keys) if key not in known]
    try:
        with _bar(benchmark, len(keys), len(known), progress) as bar, _ctrl_c() as pressed:
            for record in _run(tasks, jobs or os.cpu_count() or 1):
                if pressed() and record.error is not None:
                    raise KeyboardInterrupt
                store.add(benchmark.columns(), record, replace=fresh)
                records[record.key] = record
                bar(records)
                if pressed():
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        message = f"Interrupted: {len(records)} of {len(keys)} trials are stored; the same command goes on from there."
        raise Interrupted(message) from None
    return summary(benchmark, list(records.values()), from_store=len(known))


def matrix(
    benchmarks: Sequence[Benchmark], store: Store, *, jobs: int = 0, fresh: bool = False, progress: bool | None = None
) -> list[dict[str, Any]]:
    """The dict of `bench --json` of each benchmark, in their order. One that cannot be run at all ends as one whose
    trials all failed, with its error, and the others go on. Raises Interrupted on Ctrl-C, and StoreError."""
    results = []
    for benchmark in benchmarks:
        try:
            results.append(bench(benchmark, store, jobs=jobs, fresh=fresh, progress=progress))
        except (Interrupted, StoreError):
            raise
        except Exception as error:
            failed = {"failed_trials": benchmark.trials, "errors": [f"{type(error).__name__}: {error}"]}
            results.append(summary(benchmark, [], from_store=0) | failed)
    return results


def skipped(benchmark: Benchmark) -> str | None:
    """Why this defense, attack and dataset cannot run together, or None."""
    defense, dataset = benchmark.plugins()
    table = first_table(dataset, benchmark.dataset, benchmark.seed)
    schema = table.schema
    if (reason := defense.skip(schema)) is not None:
        return reason
    if benchmark.linkability and (reason := linkability.reason_against(benchmark, table)) is not None:
        return reason
    if benchmark.isolate:
        return isolate.skip(benchmark.attack, schema, benchmark.secret, benchmark.accomplices)
    return isolate.skipped(registry.attack(benchmark.attack)[0], schema, benchmark.secret, benchmark.accomplices)


def _run(tasks: list[Task], jobs: int) -> Iterator[TrialRecord]:
    """The records of the tasks as they come. With more than one job each trial runs in a worker process."""
    if jobs == 1:
        with threadpool_limits(1):
            yield from map(run_trial, tasks)
        return
    waiting = {task.key: task for task in tasks}
    while waiting:
        try:
            for record in _in_parallel(list(waiting.values()), max(2, min(jobs, len(waiting)))):
                del waiting[record.key]
                yield record
        except TerminatedWorkerError:
            yield from _suspects(waiting, jobs)
        except BaseException:
            get_reusable_executor().shutdown(wait=False, kill_workers=True)
            raise


def _in_parallel(tasks: list[Task], jobs: int) -> Iterator[TrialRecord]:
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
        with _sigint_ignored():
            results = parallel(delayed(run_trial)(task) for task in tasks)
    yield from results


def _suspects(waiting: dict[str, Task], jobs: int) -> Iterator[TrialRecord]:
    """After a worker died: the trials that can have been in it, one at a time, up to the one that dies alone."""
    for task in list(waiting.values())[: 2 * jobs]:
        record = _alone(task)
        del waiting[task.key]
        yield record
        if record.error is not None:
            return


def _alone(task: Task) -> TrialRecord:
    """The task in a process of its own; a failed record with the signal's name when that dies."""
    process, receiver = started(send_record, task)
    try:
        record: TrialRecord = receiver.recv()
    except EOFError:
        return TrialRecord(task.key, task.trial, f"The worker process of this trial died ({death(process)}).")
    process.join()
    return record


def started(target: Callable[..., None], *args: Any) -> tuple[BaseProcess, Connection]:
    """`target(*args, sender)` at work in a fresh interpreter that leaves Ctrl-C to this one, and the end of the pipe
    where what it sends is received."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*args, sender), daemon=True)
    with _sigint_ignored():
        process.start()
    sender.close()
    return process, receiver


def death(process: BaseProcess) -> str:
    """How a process ended: the name of the signal, or its exit status."""
    process.join()
    code = process.exitcode or 0
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


@contextlib.contextmanager
def _ctrl_c() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: also where a library swallowed the KeyboardInterrupt that it raised."""
    presses: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        presses.append(number)
        raise KeyboardInterrupt

    with _sigint(handle):
        yield lambda: bool(presses)


def _sigint_ignored() -> contextlib.AbstractContextManager[None]:
    """Processes started meanwhile leave Ctrl-C to the parent."""
    return _sigint(signal.SIG_IGN)


@contextlib.contextmanager
def _sigint(handler: Any) -> Iterator[None]:
    """Another handler for Ctrl-C meanwhile; only a main thread can have one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _bar(benchmark: Benchmark, total: int, done: int, wanted: bool | None) -> Iterator[Any]:
    """A progress bar with the running κ_reach; a function to call with the records so far."""
    from tqdm import tqdm

    hidden = not (sys.stderr.isatty() if wanted is None else wanted)
    with tqdm(total=total, initial=done, disable=hidden, unit="trial", file=sys.stderr, leave=False) as bar:
        bar.set_description(f"{benchmark.attack.split(':')[0]} × {benchmark.defense.split(':')[0]}")

        def update(records: dict[str, TrialRecord]) -> None:
            reached = [r.score.kappa_reach for r in records.values() if r.score and r.score.kappa_reach is not None]
            if reached:
                bar.set_postfix_str(f"κ_reach {sum(reached) / len(reached):.2f}")
            bar.update(1)

        yield update
