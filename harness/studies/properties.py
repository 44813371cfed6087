"""What a defense is like, measured: the three tests that Nielson's dissertation wants a security method to pass.

1. The same query gives the same answer every time: the fixed workload of `harness.utility` is asked twice in one
   session, then in another session of the same analyst and in one of another analyst, under one salt.
2. The more records a query takes, the more accurate is its answer: users are put at random into cohorts, from 10 users
   up to 10,000 or three tenths of all, and `count(*)` and the average of an amount are asked of each. Each question
   has a session of its own, so that no budget ends and no two query sets meet.
3. Every query is answered: the shares of the workload that are refused and suppressed.
4. Beside them, whether the defense acts on each secret at all: whether any answer that the intersection attack gets
   differs from the answer without a defense.

The rule for 2: in each draw of data and salt Spearman's rank correlation ρ of the cohorts' sizes with the relative
errors, and the t-interval of its mean over the draws. The verdict is `yes` where the interval lies below 0, `worse`
where it lies above, `no` where it holds 0, `exact` where no answer was wrong. ρ takes errors of 0, which the slope of
logarithms cannot; the slope of the log mean error over log size is told beside it: −1 where the error of an answer
stays the same in its own unit, −1/2 where the errors of records average out, 0 where it grows with the answer.

Source: Nielson's dissertation, end of the review of literature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import registry, stats
from harness.engine import DuckEngine
from harness.errors import BenchmarkError
from harness.model import Answer, Column, Kind, Schema, Table
from harness.plan import Benchmark, Task, content
from harness.plugin import Defense
from harness.record import Utility
from harness.seeds import generator
from harness.session import ANALYST, LocalSession
from harness.store import Store
from harness.studies import Rows, kept
from harness.trial import acts, attack_once, engines, load
from harness.utility import Workload, quoted, utility

Floats = NDArray[np.float64]

SMALLEST, LARGEST, SHARE = 10, 10_000, 0.3  # users of a cohort: at least, at most, and at most as a share of all
CLASSES = 7  # of size, equally wide on a logarithmic scale
MOST, PART = 12, 0.12  # cohorts of a class: at most so many, and about so large a share of all users in them
LEVEL = 0.99  # of the interval of ρ: of some fifty verdicts two or three would be wrong at 95 %
ROUNDING = 1e-9  # a relative error up to this is that of floating point
OTHER = "another analyst"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured on: `draws` of a dataset (its spec). Raises BenchmarkError."""

    dataset: str = "employees:size=20000"
    draws: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        if not 2 <= self.draws <= 1_000:
            raise BenchmarkError(f"--draws must be from 2 to 1,000, not {self.draws}.")


def properties(specs: Sequence[str], plan: Plan, store: Store | None = None, *, fresh: bool = False) -> Rows:
    """The rows of `snoopbench properties --json`, one a defense. What a store holds is not measured again.

    Raises UserError for a spec that names nothing, and what a defense raises.
    """
    page, dataset = registry.dataset(plan.dataset)
    plan = replace(plan, dataset=dataset)
    rows: Rows = []
    for spec in dict.fromkeys(registry.defense(spec)[1] for spec in specs):
        run = partial(_row, spec, plan)
        if store is None:
            rows += run()
            continue
        sources = [registry.sources(registry.defense(spec)[0]), registry.sources(page), *content(page)]
        identity = {"defense": spec, "dataset": dataset, "draws": plan.draws, "seed": plan.seed, "sources": sources}
        rows += kept(store, "properties", identity, run, fresh=fresh)
    return rows


def _row(spec: str, plan: Plan) -> Rows:
    """The row of one defense. Where it cannot protect the dataset `skipped` says why, and the rest is None."""
    defense, _ = registry.defense(spec)
    page, _ = registry.dataset(plan.dataset)
    tables = [load(page, plan.dataset, plan.seed, draw) for draw in range(plan.draws)]
    names = {"defense": registry.short("defenses", spec), "dataset": registry.short("datasets", plan.dataset)}
    row: dict[str, Any] = {**names, "spec": spec, "draws": plan.draws, "seed": plan.seed}
    wider = [with_cohorts(table, generator(plan.seed, "cohorts", draw)) for draw, table in enumerate(tables)]
    if (reason := defense.skip(tables[0].schema) or defense.skip(wider[0].schema)) is not None:
        return [row | dict.fromkeys(("same_answer", "more_accurate", "every_query", "acts")) | {"skipped": reason}]
    asked = [_workload(table, defense, plan.seed, draw) for draw, table in enumerate(tables)]
    errors = [_errors(table, defense, plan.seed, draw) for draw, table in enumerate(wider)]
    row["same_answer"] = {name: _mean(same[name] for same, _ in asked) for name in asked[0][0]}
    row["more_accurate"] = {
        aspect: trend([sizes for sizes, _ in errors], [error[i] for _, error in errors])
        for i, aspect in enumerate(("count", "avg"))
    }
    row["every_query"] = {name: _mean(getattr(cost, name) for _, cost in asked) for name in ("refused", "suppressed")}
    row["acts"] = {secret: _acts(spec, secret, plan) for secret in tables[0].schema.secrets}
    return [row | {"skipped": None}]


def _workload(table: Table, defense: Defense, seed: int, draw: int) -> tuple[dict[str, float | None], Utility]:
    """The share of the workload's cells that have the same answer again, and what the workload costs."""
    engine, exact = engines(table, defense, seed, draw)

    def session(name: str, analyst: str = ANALYST) -> LocalSession:
        rng = generator(seed, "properties", name, draw)
        return LocalSession(table.schema, engine, defense, rng, analyst=analyst)

    workload = Workload.of(table, LocalSession(table.schema, exact, Defense(), generator(seed, "properties", "exact")))
    sqls = workload.sqls
    cost = utility(workload, session("first"))
    same = session("first")  # the same generator: the answers whose cost was measured
    first, again = (workload.beside(same.query_many(sqls)) for _ in range(2))
    later = workload.beside(session("second").query_many(sqls))
    other = workload.beside(session("third", OTHER).query_many(sqls))
    _close(engine, exact)
    shares = {"again": again, "another_session": later, "another_analyst": other}
    return {name: _same(first, said) for name, said in shares.items()}, cost


def _same(first: Floats, said: Floats) -> float | None:
    """Among the cells answered in one of the two, the share with the same value in both; NaN is no answer."""
    answered = ~(np.isnan(first) & np.isnan(said))
    return float((first == said)[answered].mean()) if answered.any() else None


def with_cohorts(table: Table, rng: np.random.Generator) -> Table:
    """The table with one more column, its last, that everybody may know: the cohort of each user, NULL for those left
    over. The smallest cohorts come first. Raises BenchmarkError where there are too few users for three of them."""
    users = table.people.index
    edges = np.geomspace(SMALLEST, min(LARGEST, SHARE * len(users)), CLASSES + 1)
    if edges[-1] < SMALLEST:
        raise BenchmarkError(
            f"Cohorts need {SMALLEST / SHARE:.0f} users or more; {table.schema.table} has {len(users)}."
        )
    each = np.clip(np.rint(PART * len(users) / np.sqrt(edges[1:] * edges[:-1])), 1, MOST).astype(np.int64)
    sizes = np.sort(np.rint(np.exp(rng.uniform(*np.log([np.repeat(edges[:-1], each), np.repeat(edges[1:], each)])))))
    ends = np.cumsum(sizes.astype(np.int64))
    place = np.searchsorted(ends[ends <= len(users)], np.arange(len(users)), side="right")
    labels = np.array([f"c{i:03d}" for i in range(place.max() + 1)], dtype=object)[place]
    labels[np.arange(len(users)) >= ends[ends <= len(users)][-1]] = None
    of_user = pd.Series(labels, index=users[rng.permutation(len(users))])
    schema = table.schema
    name = _free("cohort", schema)
    wider = replace(
        schema,
        columns=(*schema.columns, Column(name, Kind.TEXT)),
        quasi_identifiers=(*schema.quasi_identifiers, name),
    )
    return Table(wider, table.frame.assign(**{name: of_user.reindex(table.frame[schema.uid]).to_numpy(dtype=object)}))


def _free(name: str, schema: Schema) -> str:
    taken = {known.lower() for known in schema.names}
    while name in taken:
        name += "_"
    return name


def _errors(table: Table, defense: Defense, seed: int, draw: int) -> tuple[Floats, Floats]:
    """Users of each cohort, (C,), and the relative errors of its count and its average, (2, C), NaN without answer."""
    schema = table.schema
    cohort = schema.names[-1]
    users = table.people[cohort].value_counts().sort_index()
    sizes: Floats = np.asarray(users, dtype=np.float64)
    amount = _amount(schema)
    aggregates = ["count(*)"] if amount is None else ["count(*)", f"avg({quoted(amount)})"]
    sqls = [
        f"SELECT {aggregate} FROM {quoted(schema.table)} WHERE {quoted(cohort)} = '{name}'"
        for aggregate in aggregates
        for name in users.index
    ]
    engine, exact = engines(table, defense, seed, draw)
    truth = LocalSession(schema, exact, Defense(), generator(seed, "properties", "exact")).query_many(sqls)
    said = [
        LocalSession(schema, engine, defense, generator(seed, "properties", "alone", draw, i)).query(sql)
        for i, sql in enumerate(sqls)
    ]
    _close(engine, exact)
    true, heard = (np.array([_value(answer) for answer in answers]) for answers in (truth, said))
    error = np.full(2 * len(sizes), np.nan)
    with np.errstate(all="ignore"):
        error[: len(sqls)] = np.abs(heard - true) / np.abs(true)
    error[~np.isfinite(error)] = np.nan
    return sizes, np.where(error <= ROUNDING, 0.0, error).reshape(2, -1)


def _amount(schema: Schema) -> str | None:
    """The first secret that is a number, else the first number."""
    numbers = [column.name for column in schema.columns if column.kind.is_number and column.name != schema.uid]
    return next((name for name in schema.secrets if name in numbers), numbers[0] if numbers else None)


def _value(answer: object) -> float:
    if not isinstance(answer, Answer) or not len(answer):
        return np.nan
    return float(answer.data[0][0])


def trend(sizes: Sequence[Floats], errors: Sequence[Floats]) -> dict[str, Any]:
    """Whether errors fall with size, by the rule above: an array (C,) of each a draw, NaN for what was not answered.

    Numbers that cannot be computed are None; so is the verdict where fewer than two draws have three answers.
    `by_size` holds pairs of a class's mean size and mean error.
    """
    from scipy.stats import spearmanr

    size, error = np.concatenate(sizes), np.concatenate(errors)
    known = ~np.isnan(error)
    found: dict[str, Any] = {"answered": float(known.mean()), "verdict": None, "rho": None, "rho_ci": None}
    rhos = []
    for s, e in zip(sizes, errors, strict=True):
        there = ~np.isnan(e)
        if there.sum() >= 3:
            flat = np.ptp(e[there]) == 0 or np.ptp(s[there]) == 0
            rhos.append(0.0 if flat else float(spearmanr(s[there], e[there]).statistic))
    by_size = _by_size(size[known], error[known])
    interval = stats.t_interval(rhos, LEVEL) if len(rhos) > 1 else None
    if interval is not None and not error[known].any():
        found["verdict"] = "exact"
    elif interval is not None:
        verdict = "yes" if interval.high < 0 else "worse" if interval.low > 0 else "no"
        found |= {"verdict": verdict, "rho": stats.mean(rhos)}
        found["rho_ci"] = [max(interval.low, -1.0), min(interval.high, 1.0)]
    return found | {"slope": _slope(by_size), "by_size": by_size}


def _by_size(size: Floats, error: Floats) -> list[list[float]]:
    if not len(size):
        return []
    edges = np.geomspace(size.min(), size.max(), CLASSES + 1)
    place = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, CLASSES - 1)
    return [[float(part[place == i].mean()) for part in (size, error)] for i in np.unique(place)]


def _slope(by_size: Sequence[Sequence[float]]) -> float | None:
    """Of the log mean error over the log mean size, by least squares over the classes; None where one has no error."""
    if len(by_size) < 3 or any(error == 0 for _, error in by_size):
        return None
    sizes, errors = np.log(by_size).T
    return float(np.polyfit(sizes, errors, 1)[0])


def _acts(spec: str, secret: str, plan: Plan) -> bool | None:
    """In the first draw; None where nothing could be asked."""
    benchmark = Benchmark.of(
        defense=spec, attack="intersection", dataset=plan.dataset, secret=secret, trials=1, seed=plan.seed
    )
    judged = attack_once(Task(benchmark, 0, ""))
    found = acts(judged)
    judged.close()
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    return stats.mean([value for value in values if value is not None])


def _close(engine: DuckEngine, exact: DuckEngine) -> None:
    engine.close()
    exact.close()
