"""Trials summed up: the dict of `bench --json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness import registry, stats
from harness.plan import Benchmark
from harness.record import SIZES, SizeClass, TrialRecord, Utility
from harness.score import improvement

VERSION = 1
LEAST_TRIALS = 5  # for an interval over trials


def summary(
    benchmark: Benchmark, records: Sequence[TrialRecord], *, from_store: int, skipped: str | None = None
) -> dict[str, Any]:
    """The numbers of a benchmark. Rates pool the claims of all trials; what was not measured is None.

    `kappa_ci` and `kappa_reach_ci` are t-intervals over the trials' values, from 5 trials on; `kappa_within_ci` is
    Wilson's interval of the pooled confidence, carried over to κ with S fixed.
    """
    records = sorted(records, key=lambda record: record.trial)
    done = [record for record in records if record.score is not None]
    scores = [record.score for record in done if record.score is not None]
    attempts, claims, correct = (sum(getattr(s, name) for s in scores) for name in ("attempts", "claims", "correct"))
    guess = sum(s.guess * s.claims for s in scores if s.guess is not None) / claims if claims else None
    confidence = correct / claims if claims else None
    kappa = improvement(confidence, guess)
    reached = [s.kappa_reach for s in scores]
    return {
        "version": VERSION,
        "defense": registry.short("defenses", benchmark.defense),
        "attack": registry.short("attacks", benchmark.attack),
        "dataset": registry.short("datasets", benchmark.dataset),
        "specs": {name: getattr(benchmark, name) for name in ("defense", "attack", "dataset")},
        "secret": benchmark.secret,
        "seed": benchmark.seed,
        "trials": benchmark.trials,
        "failed_trials": len(records) - len(done),
        "from_store": from_store,
        "victims": benchmark.victims,
        "accomplices": benchmark.accomplices,
        "attempts": None if skipped else attempts,
        "claims": None if skipped else claims,
        "correct": None if skipped else correct,
        "confidence": confidence,
        "baseline": guess,
        "baseline_kind": benchmark.baseline,
        "kappa": kappa,
        "kappa_ci": _t_interval(s.kappa for s in scores),
        "kappa_within_ci": _within(correct, claims, guess),
        "kappa_reach": _reach(kappa, claims, attempts),
        "kappa_reach_ci": _t_interval(reached),
        "kappa_reach_per_trial": None if skipped else reached,
        "alpha": stats.mean([s.alpha for s in scores]),
        "prior_cells": _whole(stats.mean([s.prior_cells for s in scores])),
        "coverage": _mean(s.coverage for s in scores),
        "claim_rate": claims / attempts if attempts else None,
        "queries": None if skipped else sum(record.queries for record in done),
        "refused": None if skipped else sum(record.refused for record in done),
        "reasons": None if skipped else dict(sorted(sum((Counter(r.reasons) for r in done), Counter()).items())),
        "acts": _acts(done),
        "utility": _utility(done),
        "seconds": _seconds(done),
        "errors": sorted({record.error.strip().splitlines()[-1] for record in records if record.error}),
        "skipped": skipped,
    }


def _reach(kappa: float | None, claims: int, attempts: int) -> float | None:
    if not attempts:
        return None
    if not claims:
        return 0.0
    return None if kappa is None else kappa * claims / attempts


def _t_interval(values: Iterable[float | None]) -> list[float] | None:
    """Over the trials that have a value; κ is at most 1, so the interval ends there."""
    known = [value for value in values if value is not None]
    interval = stats.t_interval(known) if len(known) >= LEAST_TRIALS else None
    return None if interval is None else [interval.low, min(interval.high, 1.0)]


def _within(correct: int, claims: int, guess: float | None) -> list[float] | None:
    wilson = stats.wilson_interval(correct, claims)
    if wilson is None or guess is None:
        return None
    low, high = improvement(wilson.low, guess), improvement(wilson.high, guess)
    return None if low is None or high is None else [low, high]


def _mean(values: Iterable[float | None]) -> float | None:
    return stats.mean([value for value in values if value is not None])


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value


def _acts(done: Sequence[TrialRecord]) -> bool | None:
    """False where every query of every trial was answered as without a defense."""
    seen = [record.acts for record in done if record.acts is not None]
    return any(seen) if seen else None


def _utility(done: Sequence[TrialRecord]) -> dict[str, Any]:
    """Each number is the mean of the trials' values, over the trials that have one."""
    measured = [record.utility for record in done if record.utility is not None]
    shares = ("median_relative_error", "p90_relative_error", "suppressed", "refused")

    def means(entries: Sequence[Utility | SizeClass], *counts: str) -> dict[str, float | None]:
        return {
            **{name: _whole(_mean(getattr(entry, name) for entry in entries)) for name in counts},
            **{name: _mean(getattr(entry, name) for entry in entries) for name in shares},
        }

    return {
        **means(measured, "cells", "zero_cells"),
        "by_size": [
            {"low": low, "high": high, **means([utility.by_size[i] for utility in measured], "cells")}
            for i, (low, high) in enumerate(SIZES)
        ],
    }


def _seconds(done: Sequence[TrialRecord]) -> dict[str, float | None]:
    """Summed over the trials, whenever they were run."""
    names = ("protect", "attack", "utility", "total")
    return {name: sum(r.seconds.get(name, 0.0) for r in done) if done else None for name in names}
