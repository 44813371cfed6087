"""Every mechanism off and on against the attack that motivates it: plan in, rows out.

A row of κ_reach is two benchmarks, whose trials land in the store one by one; a row of residual SD two runs of
`harness.studies.residual`. Each finished row is a stored entry of its own.

p is Welch's: of κ_reach over the trials, or of the logarithms of the trials' mean squared errors. A trial's n errors
are normal with one σ, so its mean square is σ²·χ²_n/n and the logarithm log σ² + log(χ²_n/n): what is added to log σ²
has the same law on both sides, so the means of the logarithms differ by the ratio of the variances alone. The trial is
the unit, as the errors of a trial share a salt. (An F test of the pooled errors would take them as independent.) So it
is of all intervals: `stats.t_interval` of κ_reach, `residual.over_trials`; with fewer than 5 trials there is none.
`holm_p` is p corrected after Holm over the rows that are looked at together.

A row is met where the mechanism makes a difference of `MARGIN` in κ_reach, or a factor of `FACTOR` in residual SD, with
`holm_p` below `ALPHA`; or where it makes a difference at that p and the measurement on either side has its derived
bound (`Mechanism.bound`) in its `LEVEL` interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import registry, stats
from harness.errors import BenchmarkError
from harness.plan import BOUNDS, Benchmark, content
from harness.report.summary import LEAST_TRIALS
from harness.runner import bench
from harness.store import Store
from harness.studies import Rows, kept
from harness.studies.laws import ERROR
from harness.studies.mechanisms import MECHANISMS, Mechanism
from harness.studies.residual import over_trials, residual

MARGIN, FACTOR, ALPHA = 0.4, 5.0, 1e-6
LEVEL = 0.999  # of the interval that a bound is looked for in
SHOWN = 0.95  # of the interval that is told
SIDES = ("off", "on")

MEASURED = (
    "off", "on", "difference", "bound", "bound_off", "p", "bound_met", "bound_off_met", "off_ci", "on_ci",
    "off_per_trial", "on_per_trial", "failed_trials", "missing", "skipped",
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
    return corrected([_row(one, plan, store, jobs, fresh) for one in plan.mechanisms])


def corrected(rows: Rows) -> Rows:
    """The rows with `holm_p`, Holm's p over all of them, and `met`, which hangs on it: of rows that were measured."""
    adjusted = stats.holm([row["p"] for row in rows])
    return [
        {**row, "holm_p": p, "met": None if row["skipped"] else _is_met(row, p)}
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _is_met(row: dict[str, Any], p: float | None) -> bool:
    least = MARGIN if row["measure"] == "kappa_reach" else FACTOR
    large = row["difference"] is not None and row["difference"] >= least
    return p is not None and p < ALPHA and bool(large or (row["bound_met"] and row["bound_off_met"] is not False))


class _Unfinished(Exception):
    """A row that is shown and not stored."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__()
        self.row = row


def _row(one: Mechanism, plan: Ablation, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    trials = plan.trials or one.trials
    asked = {
        "mechanism": one.name, "source": one.source, "attack": one.attack, "measure": one.measure,
        "defenses": {side: getattr(one, side) for side in SIDES},
        "attacks": {side: one.attack_of(side) for side in SIDES}, "dataset": one.dataset, "secret": one.secret,
        "column": one.column, "trials": trials, "victims": None if one.column else one.victims, "seed": plan.seed,
    }  # fmt: skip
    page, dataset = registry.dataset(one.dataset)
    asked["specs"] = {
        "dataset": dataset,
        **{f"attack_{side}": registry.attack(one.attack_of(side))[1] for side in SIDES},
        **{side: registry.defense(getattr(one, side))[1] for side in SIDES},
    }
    identity = {**asked, "content": content(page)}

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
            defense=getattr(one, side), attack=one.attack_of(side), dataset=one.dataset, secret=one.secret,
            trials=trials, victims=one.victims, seed=seed,
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
    return row | _beside_theory(one, wide) | {"failed_trials": failed, "missing": None, "skipped": None}


def _residual(one: Mechanism, trials: int, seed: int, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    found = {side: _counts(one, side, trials, seed, store, jobs, fresh) for side in SIDES}
    row: dict[str, Any] = {side: found[side]["sd"] for side in SIDES}
    values = {side: [sd for sd in found[side]["per_trial"] if sd is not None] for side in SIDES}
    wide: dict[str, stats.Interval | None] = {}
    for side in SIDES:
        shown, wide[side] = (
            over_trials(row[side], values[side], level) if len(values[side]) >= LEAST_TRIALS else None
            for level in (SHOWN, LEVEL)
        )
        row |= {f"{side}_ci": [shown.low, shown.high] if shown else None, f"{side}_per_trial": values[side]}
    known = row["on"] is not None and bool(row["off"])
    row["difference"] = row["on"] / row["off"] if known else None
    positive = all(sd > 0 for side in SIDES for sd in values[side])
    logs = [[2 * math.log(sd) for sd in values[side]] for side in SIDES] if positive else [[], []]
    row["p"] = stats.welch(*logs).p
    missing = sum(found[side]["missing"] for side in SIDES)
    nothing = sum(trials - len(values[side]) for side in SIDES)  # trials in which no count was estimated
    return row | _beside_theory(one, wide) | {"failed_trials": nothing, "missing": missing, "skipped": None}


def _counts(one: Mechanism, side: str, trials: int, seed: int, store: Store, jobs: int, fresh: bool) -> dict[str, Any]:
    """The residual of one side, a stored entry of its own: several rows have the same."""
    assert one.column is not None
    (page, dataset), (_, defense), (_, attack) = (
        registry.dataset(one.dataset), registry.defense(getattr(one, side)), registry.attack(one.attack_of(side))
    )  # fmt: skip
    column = one.column
    plan = {"defense": defense, "attack": attack, "dataset": dataset, "column": column, "trials": trials, "seed": seed}

    def run() -> Rows:
        return [residual(defense, attack, dataset, column, trials=trials, seed=seed, jobs=jobs)]

    return kept(store, "residual", plan | {"content": content(page)}, run, fresh=fresh)[0]


def _beside_theory(one: Mechanism, wide: dict[str, stats.Interval | None]) -> dict[str, Any]:
    """The bounds, and whether the intervals hold them."""
    bounds = {"on": one.bound() if one.bound else None, "off": one.bound_off() if one.bound_off else None}
    held = {side: _holds(wide[side], bounds[side]) for side in SIDES}
    return {
        "bound": bounds["on"], "bound_off": bounds["off"], "bound_met": held["on"], "bound_off_met": held["off"],
    }  # fmt: skip


def _holds(found: stats.Interval | None, bound: float | None) -> bool | None:
    """Whether the interval holds the bound, give or take the error of a simulated one."""
    if found is None or bound is None:
        return None
    return found.low - ERROR <= bound <= found.high + ERROR
