"""κ_reach against queries: the stored benchmarks of one attack at several efforts as a curve, and how it ends.

A weak attack reads as a strong defense. So a curve's last step, from the last effort but one to the last, is looked at:
the gain in κ_reach trial by trial (both have the same data, salt and victims) and its 95 % t-interval. Of a curve with
several efforts

- `won`: the last κ_reach is at least 0.95, and there is nothing left to gain;
- `flat`: the interval lies below 0.1 and does not lie above 0: more of the same gains nothing that could be measured;
- `budget-bound`: all else. It still gains, or there are too few trials to tell; the figure at the end is of this
  effort and not of this attack.

An attack that declares no effort `asks once` (the same, however long it is let). With fewer than 5 trials, or trials in
common, a curve is not judged (None).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from harness import registry, specs, stats
from harness.report.stored import Setting, Stored
from harness.report.summary import LEAST_TRIALS
from harness.report.tables import NOTHING, counted, text_table

WON = 0.95
FLAT = 0.1


@dataclass(frozen=True)
class Point:
    """One effort: the parameter's value (None: it has none), queries a victim, and κ_reach by (seed, trial)."""

    value: int | None
    queries: float
    reached: dict[tuple[int, int], float]

    @property
    def mean(self) -> float:
        return stats.mean(list(self.reached.values())) or 0.0

    @property
    def interval(self) -> list[float] | None:
        found = stats.t_interval(list(self.reached.values())) if len(self.reached) >= LEAST_TRIALS else None
        return None if found is None else [found.low, min(found.high, 1.0)]


@dataclass(frozen=True)
class Curve:
    """An attack (its short spec without the parameter of its effort) against a defense, the least effort first."""

    setting: Setting
    attack: str
    defense: str
    knob: str | None
    points: tuple[Point, ...]

    @property
    def gains(self) -> list[float]:
        """What the last step gained, in each trial that both efforts have."""
        if len(self.points) < 2:
            return []
        before, last = self.points[-2].reached, self.points[-1].reached
        return [last[key] - before[key] for key in sorted(before.keys() & last.keys())]

    @property
    def end(self) -> str | None:
        if self.knob is None:
            return "asks once"
        if self.points[-1].mean >= WON and len(self.points[-1].reached) >= LEAST_TRIALS:
            return "won"
        interval = stats.t_interval(self.gains) if len(self.gains) >= LEAST_TRIALS else None
        if interval is None:
            return None
        return "flat" if interval.low <= 0 and interval.high < FLAT else "budget-bound"

    def row(self) -> dict[str, Any]:
        """As JSON."""
        gains = self.gains
        interval = stats.t_interval(gains) if len(gains) >= LEAST_TRIALS else None
        return {
            "attack": self.attack,
            "defense": self.defense,
            "dataset": self.setting.dataset,
            "secret": self.setting.secret,
            "victims": self.setting.victims,
            "effort": self.knob,
            "points": [
                {
                    "effort": point.value,
                    "queries_per_victim": point.queries,
                    "kappa_reach": point.mean,
                    "kappa_reach_ci": point.interval,
                    "trials": len(point.reached),
                }
                for point in self.points
            ],
            "gain": stats.mean(gains),
            "gain_ci": None if interval is None else [interval.low, interval.high],
            "end": self.end,
        }


def curves(found: Sequence[Stored]) -> list[Curve]:
    """The curves that stored benchmarks make, by setting, attack and defense; seeds are joined. A benchmark without
    an attempt makes none."""
    groups: dict[tuple[Setting, str, str], dict[int | None, list[Stored]]] = defaultdict(lambda: defaultdict(list))
    knobs: dict[str, str | None] = {}
    for one in found:
        attack, knob, value = _split(one.benchmark.attack)
        knobs[attack] = knob
        groups[one.setting, attack, one.defense][value].append(one)
    made = []
    for (setting, attack, defense), by_value in sorted(groups.items(), key=lambda item: item[0]):
        points = tuple(_point(value, by_value[value]) for value in sorted(by_value, key=lambda v: v or 0))
        if points := tuple(point for point in points if point is not None):
            made.append(Curve(setting, attack, defense, knobs[attack], points))
    return made


def _split(spec: str) -> tuple[str, str | None, int | None]:
    """The short spec without the parameter of its effort, that parameter, and its value."""
    part = specs.parse_one(spec, "attack")
    declared = registry.effort(spec)
    if declared is None:
        return registry.short("attacks", spec), None, None
    knob = declared[0]
    rest = specs.canonical([specs.Part(part.ref, tuple(p for p in part.params if p[0] != knob))])
    value = dict(part.params)[knob]
    assert isinstance(value, int)
    return registry.short("attacks", rest), knob, value


def _point(value: int | None, same: Sequence[Stored]) -> Point | None:
    reached = {
        (one.benchmark.seed, record.trial): record.score.kappa_reach
        for one in same
        for record in one.records
        if record.score is not None and record.score.kappa_reach is not None
    }
    done = [record for one in same for record in one.records if record.score is not None]
    attempts = sum(record.score.attempts for record in done if record.score is not None)
    return Point(value, sum(record.queries for record in done) / attempts, reached) if attempts and reached else None


def print_curves(made: Sequence[Curve], out: Console) -> None:
    """A table for each setting: a row for each curve, its points from the least effort on, and how it ends."""
    for setting in dict.fromkeys(curve.setting for curve in made):
        out.print(f"κ_reach at so many queries a victim, on {setting}", style="bold")
        table = text_table("attack", "defense", "effort", "κ_reach @ queries a victim", "last step", "end")
        for curve in (curve for curve in made if curve.setting == setting):
            interval = curve.row()["gain_ci"]
            table.add_row(
                curve.attack,
                curve.defense,
                curve.knob or NOTHING,
                ", ".join(dict.fromkeys(f"{point.mean:.2f} @ {queries(point.queries)}" for point in curve.points)),
                NOTHING if interval is None else f"{interval[0]:+.2f} … {interval[1]:+.2f}",
                curve.end or NOTHING,
            )
        out.print(table)
    few = sum(curve.end is None for curve in made)
    if few:
        out.print(f"{counted(few, 'curve')} not judged: that takes two efforts and {LEAST_TRIALS} trials in common.")


def queries(number: float) -> str:
    """A number of queries a victim, to three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
