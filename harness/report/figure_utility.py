"""κ_reach against what the defense costs its users: a mark for each benchmark of a setting.

The error is drawn to a logarithmic scale. It has no place for an error of 0 or one that is not defined (no cell of the
workload was answered): such defenses stand in strips of their own, side by side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.report.marks import broken, heading, looks
from harness.report.stored import Stored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 200.0  # points; about the width of the axes, whose coordinate runs from 0 to here
_HIGH = 140.0  # points; about their height
_STRIP = 80.0  # points that a strip takes, at most
_LINE = 8.5  # points that a line of text takes
_MARK = 5.0  # points from mark to mark, at least


class _Point(NamedTuple):
    defense: str
    attack: str
    error: float | None
    kappa: float
    interval: list[float] | None


class _Scale(NamedTuple):
    """Where things stand on the axis: the middle of each defense's strip, and the decades between two places."""

    strips: dict[tuple[str, bool], float]  # by defense, and whether the error is defined (then it is 0)
    left: float
    right: float
    low: float  # lg of the error at `left`
    high: float

    def place(self, defense: str, error: float | None) -> float:
        if not error:
            return self.strips[defense, error is not None]
        return self.left + (math.log10(error) - self.low) / (self.high - self.low) * (self.right - self.left)


def draw_utility(found: Sequence[Stored]) -> Figure | None:
    """None where nothing has a score."""
    from matplotlib.figure import Figure

    points = []
    for one in found:
        summary = one.summary()
        if summary["kappa_reach"] is not None:
            error = summary["utility"]["median_relative_error"]
            points.append(_Point(one.defense, one.attack, error, summary["kappa_reach"], summary["kappa_reach_ci"]))
    if not points:
        return None
    points.sort(key=lambda point: (point.defense, point.attack))
    scale = _scale(points)
    figure = Figure()
    figure.suptitle(heading(found[0].setting))
    axes = figure.add_subplot()
    low = min([-0.05, *(point.interval[0] if point.interval else point.kappa for point in points)])
    axes.set_ylim(low - 0.04, 1.07)
    places = _marks(axes, points, scale)
    longest = _names(axes, places)
    _axis(axes, scale, points)
    rows = _legend(figure, sorted({point.attack for point in points}))
    lines = (4 + heading(found[0].setting).count("\n") + rows) * _LINE * 1.2
    figure.set_size_inches(figure.get_figwidth(), (_HIGH + 4.4 * longest + lines + 30) / 72)
    return figure


def _scale(points: Iterable[_Point]) -> _Scale:
    errors = [point.error for point in points if point.error]
    zero = sorted({point.defense for point in points if point.error == 0})
    undefined = sorted({point.defense for point in points if point.error is None})
    low, high = (math.log10(min(errors)), math.log10(max(errors))) if errors else (-2.0, 0.0)
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.12, 0.3)
    left, right = _strip_width(zero), _WIDE - _strip_width(undefined)
    strips = {(name, True): left * (i + 0.5) / len(zero) for i, name in enumerate(zero)}
    strips |= {(name, False): right + (_WIDE - right) * (i + 0.5) / len(undefined) for i, name in enumerate(undefined)}
    return _Scale(strips, left, right, middle - half, middle + half)


def _strip_width(defenses: Sequence[str]) -> float:
    return min(_STRIP, sum(max(22.0, _LINE * (broken(name).count("\n") + 1)) for name in defenses))


def _marks(axes: Axes, points: Sequence[_Point], scale: _Scale) -> dict[str, list[float]]:
    """Draw the marks; gives where each defense stands. A mark that would cover another one moves to its side."""
    look = looks(point.attack for point in points)
    low, high = axes.get_ylim()
    taken: list[tuple[float, float]] = []
    places: dict[str, list[float]] = defaultdict(list)
    for point in points:
        place = scale.place(point.defense, point.error)
        places[point.defense].append(place)
        across, up = place, (point.kappa - low) / (high - low) * _HIGH
        for step in range(1, 2 * len(points)):
            if all(math.hypot(across - x, up - y) >= _MARK for x, y in taken):
                break
            across = place + (-1) ** step * (step + 1) // 2 * _MARK
        taken.append((across, up))
        colour, shape = look[point.attack]
        if point.interval is not None:
            axes.vlines(across, *point.interval, color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(across, point.kappa, shape, color=colour, markeredgecolor="white", markeredgewidth=0.4)
    return places


def _names(axes: Axes, places: Mapping[str, Sequence[float]]) -> int:
    """The defenses' names above the axes, moved apart, each with a line to where it stands. Gives their length."""
    import numpy as np
    from scipy.optimize import isotonic_regression

    middles = {name: sum(found) / len(found) for name, found in places.items()}
    names = sorted(middles, key=lambda name: (middles[name], name))
    wide = np.array([_LINE * (broken(name).count("\n") + 1) for name in names])
    offsets = np.cumsum(wide) - wide / 2  # of each name from the first one's edge, if they stood without gaps
    target = np.array([middles[name] for name in names])
    moved = isotonic_regression(target - offsets).x.clip(-6, _WIDE + 6 - wide.sum()) + offsets
    top = axes.get_xaxis_transform()
    for name, stands, place in zip(names, target, moved, strict=True):
        axes.plot([stands, stands], [0, 1], color="0.85", linewidth=0.5, transform=top, zorder=0)
        axes.plot([stands, place], [1, 1.06], color="0.6", linewidth=0.5, transform=top, clip_on=False)
        axes.text(place, 1.08, broken(name), rotation=90, ha="center", va="bottom", linespacing=1.0, transform=top)
    return max(len(line) for name in names for line in broken(name).split("\n"))


def _axis(axes: Axes, scale: _Scale, points: Sequence[_Point]) -> None:
    axes.set_xlim(0, _WIDE)
    ticks: list[tuple[float, str]] = []
    label = "median relative error of the workload"
    if scale.left > 0:
        axes.axvspan(0, scale.left, color="0.95", zorder=-1)
        ticks.append((scale.left / 2, "0 %"))
    if scale.right < _WIDE:
        axes.axvspan(scale.right, _WIDE, color="0.95", zorder=-1)
        ticks.append(((scale.right + _WIDE) / 2, "n/a"))
        label += "\n(n/a: no cell was answered)"
    if any(point.error for point in points):
        digits = (1, 2, 5) if scale.high - scale.low < 1.5 else (1,)
        for power in range(math.floor(scale.low), math.ceil(scale.high)):
            for digit in range(1, 10):
                place = scale.place("", digit * 10.0**power)
                if scale.left <= place <= scale.right:
                    axes.plot([place, place], [0, -0.015], color="0", linewidth=0.4, clip_on=False,
                              transform=axes.get_xaxis_transform())  # fmt: skip
                    if digit in digits:
                        ticks.append((place, f"{100 * digit * 10.0**power:g} %"))
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.set_xlabel(label)
    axes.set_ylabel("κ_reach, 95 % t-interval over trials")
    axes.axhline(0, color="0.35", linewidth=0.8, zorder=0)


def _legend(figure: Figure, attacks: Sequence[str]) -> int:
    """The attacks' marks below the axes; gives the number of lines."""
    from matplotlib.lines import Line2D

    look = looks(attacks)
    names = [broken(attack, 40) for attack in attacks]
    columns = max(1, min(len(names), 48 // (max(len(line) for name in names for line in name.split("\n")) + 4)))
    marks = [Line2D([], [], linestyle="", color=look[attack][0], marker=look[attack][1]) for attack in attacks]
    figure.legend(marks, names, loc="outside lower center", ncols=columns, borderaxespad=0.2)
    return sum(name.count("\n") + 1 for name in names[::columns])
