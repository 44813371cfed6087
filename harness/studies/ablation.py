"""Every mechanism off and on against the attack that motivates it: plan in, rows out.

A row of κ_reach is two benchmarks, whose trials land in the store one by one; a row of residual SD two runs of
`harness.studies.residual`. Each finished row is a stored entry of its own.

p is Welch's: of κ_reach over the trials, or of the logarithms of the trials' mean squared errors. A trial's n errors
are normal with one σ, so its mean square is σ²·χ²_n/n and the logarithm log σ² + log(χ²_n/n): what is added to log σ²
has the same law on both sides, so the means of the logarithms differ by the ratio of the variances alone. The trial is
the unit, as the errors of a trial share a salt. (An F test of the pooled errors would take them as independent.)

A row is met where the mechanism makes a difference of `MARGIN` in κ_reach, or a factor of `FACTOR` in residual SD, with
p below `ALPHA`; or where it makes a difference at that p and the measurement on either side has its derived bound
(`Mechanism.bound`) in its `LEVEL` interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import registry, stats
from harness.errors import BenchmarkError, UnknownPlugin
from harness.plan import BOUNDS, Benchmark, content
from harness.report.summary import LEAST_TRIALS
from harness.runner import bench
from harness.store import Store
from harness.studies import Rows, kept
from harness.studies.laws import ERROR
from harness.studies.mechanisms import MECHANISMS, Mechanism
from harness.studies.residual import interval, residual

MARGIN, FACTOR, ALPHA = 0.4, 5.0, 1e-6
LEVEL = 0.999  # of the interval that a bound is looked for in
SHOWN = 0.95  # of the interval that is told
SIDES = ("off", "on")

MEASURED = (
    "off", "on", "difference", "bound", "bound_off", "p", "met", "bound_met", "bound_off_met", "off_ci", "on_ci",
    "off_per_trial", "on_per_trial", "failed_trials", "skipped",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Which rows are run, with how many trials a side (None: each row's own number). Raises BenchmarkError."""

    mechanisms: tuple[Mechanism, ...] = MECHANISMS
    trials: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        given = {"trials": self.trials, "seed": self.seed}
        for name, low, high in BOUNDS:
            if (value := given.get(name)) is not None and not low <= value <= high:
                raise BenchmarkError(f"--{name} must be {low} or more and at most {high}, not {value}.")

    @classmethod
    def of(cls, wanted: Sequence[str] = (), *, trials: int | None = None, seed: int = 1) -> Ablation:
        """The rows whose mechanism or attack contains one of the wanted texts, in any case; all of them where none is
        wanted."""
        for text in wanted:
            if not any(_is_called(one, text) for one in MECHANISMS):
                names = ", ".join(dict.fromkeys(one.name for one in MECHANISMS))
                raise BenchmarkError(f"There is no mechanism {text!r}; choose from {names}.")
        chosen = (one for one in MECHANISMS if not wanted or any(_is_called(one, text) for text in wanted))
        return cls(mechanisms=tuple(chosen), trials=trials, seed=seed)


def _is_called(one: Mechanism, text: str) -> bool:
    return any(text.casefold() in name.casefold() for name in (one.name, one.attack))


def ablation(plan: Ablation, store: Store, *, jobs: int = 0, fresh: bool = False) -> Rows:
    """The rows of `snoopbench ablation --json`, in the order of the plan. What the store holds is not run again.

    A row that cannot be run says why (`skipped`); such, and rows with failed trials, are not stored. Raises Interrupted
    on Ctrl-C, StoreError when results cannot be kept.
    """
    return [_row(one, plan, store, jobs, fresh) for one in plan.mechanisms]


class _Unfinished(Exception):
    """A row that is shown and not stored."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__()
        self.row = row


def _row(one: Mechanism, plan: Ablation, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    trials = plan.trials or one.trials
    asked = {
        "mechanism": one.name, "source": one.source, "attack": one.attack, "measure": one.measure,
        "defenses": {side: getattr(one, side) for side in SIDES}, "dataset": one.dataset, "secret": one.secret,
        "column": one.column, "trials": trials, "victims": None if one.column else one.victims, "seed": plan.seed,
    }  # fmt: skip
    try:
        specs = {
            "attack": registry.attack(one.attack)[1],
            "dataset": registry.dataset(one.dataset)[1],
            **{side: registry.defense(getattr(one, side))[1] for side in SIDES},
        }
    except UnknownPlugin as error:
        return asked | {"specs": None} | dict.fromkeys(MEASURED) | {"skipped": str(error)}
    asked["specs"] = specs
    identity = {**asked, "content": content(registry.dataset(one.dataset)[0])}

    def run() -> Rows:
        measure = _kappa if one.column is None else _residual
        row = asked | measure(one, trials, plan.seed, store, jobs, fresh)
        if row["skipped"] or row["failed_trials"]:
            raise _Unfinished(row)
        return [row]

    try:
        return kept(store, "ablation", identity, run, fresh=fresh)[0]
    except _Unfinished as unfinished:
        return unfinished.row


def _kappa(one: Mechanism, trials: int, seed: int, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        benchmark = Benchmark.of(
            defense=getattr(one, side), attack=one.attack, dataset=one.dataset, secret=one.secret, trials=trials,
            victims=one.victims, seed=seed,
        )  # fmt: skip
        found[side] = bench(benchmark, store, jobs=jobs, fresh=fresh)
        if found[side]["skipped"]:
            return dict.fromkeys(MEASURED) | {"skipped": found[side]["skipped"]}
    values = {side: [k for k in found[side]["kappa_reach_per_trial"] if k is not None] for side in SIDES}
    row: dict[str, Any] = {"secret": found["on"]["secret"]} | {side: found[side]["kappa_reach"] for side in SIDES}
    for side in SIDES:
        row |= {f"{side}_ci": found[side]["kappa_reach_ci"], f"{side}_per_trial": values[side]}
    known = None not in (row["off"], row["on"])
    row["difference"] = row["off"] - row["on"] if known else None
    row["p"] = stats.welch(values["off"], values["on"]).p
    wide = {
        side: stats.t_interval(values[side], LEVEL) if len(values[side]) >= LEAST_TRIALS else None for side in SIDES
    }
    failed = sum(found[side]["failed_trials"] for side in SIDES)
    return row | _judged(one, row, wide, MARGIN) | {"failed_trials": failed, "skipped": None}


def _residual(one: Mechanism, trials: int, seed: int, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    found = {side: _counts(one, getattr(one, side), trials, seed, store, jobs, fresh) for side in SIDES}
    row: dict[str, Any] = {side: found[side]["sd"] for side in SIDES}
    values = {side: [sd for sd in found[side]["per_trial"] if sd is not None] for side in SIDES}
    wide: dict[str, stats.Interval | None] = {}
    for side in SIDES:
        sd, number = found[side]["sd"], found[side]["number"]
        shown = interval(sd, number, SHOWN) if number else None
        row |= {f"{side}_ci": [shown.low, shown.high] if shown else None, f"{side}_per_trial": values[side]}
        wide[side] = interval(sd, number, LEVEL) if number else None
    known = row["on"] is not None and bool(row["off"])
    row["difference"] = row["on"] / row["off"] if known else None
    positive = all(sd > 0 for side in SIDES for sd in values[side])
    logs = [[2 * math.log(sd) for sd in values[side]] for side in SIDES] if positive else [[], []]
    row["p"] = stats.welch(*logs).p
    return row | _judged(one, row, wide, FACTOR) | {"failed_trials": 0, "skipped": None}


def _counts(
    one: Mechanism, defense: str, trials: int, seed: int, store: Store, jobs: int, fresh: bool
) -> dict[str, Any]:
    """The residual of one side, a stored entry of its own: several rows have the same."""
    assert one.column is not None
    (page, dataset), (_, defense), (_, attack) = (
        registry.dataset(one.dataset), registry.defense(defense), registry.attack(one.attack)
    )  # fmt: skip
    column = one.column
    plan = {"defense": defense, "attack": attack, "dataset": dataset, "column": column, "trials": trials, "seed": seed}

    def run() -> Rows:
        return [residual(defense, attack, dataset, column, trials=trials, seed=seed, jobs=jobs)]

    return kept(store, "residual", plan | {"content": content(page)}, run, fresh=fresh)[0]


def _judged(
    one: Mechanism, row: dict[str, Any], wide: dict[str, stats.Interval | None], least: float
) -> dict[str, Any]:
    """The bounds, whether the intervals hold them, and whether the row is met (see above)."""
    bounds = {"on": one.bound() if one.bound else None, "off": one.bound_off() if one.bound_off else None}
    held = {side: _holds(wide[side], bounds[side]) for side in SIDES}
    told = row["p"] is not None and row["p"] < ALPHA
    large = row["difference"] is not None and row["difference"] >= least
    return {
        "bound": bounds["on"], "bound_off": bounds["off"], "bound_met": held["on"], "bound_off_met": held["off"],
        "met": bool(told and (large or (held["on"] and held["off"] is not False))),
    }  # fmt: skip


def _holds(found: stats.Interval | None, bound: float | None) -> bool | None:
    """Whether the interval holds the bound, give or take the error of a simulated one."""
    if found is None or bound is None:
        return None
    return found.low - ERROR <= bound <= found.high + ERROR
