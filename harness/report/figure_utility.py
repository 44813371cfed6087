"""κ_reach against what the defense costs its users: a mark for each benchmark of a setting.

The error is drawn to a logarithmic scale. It has no place for an error of 0 or one that is not defined (no cell of the
workload was answered): such defenses stand in strips of their own. A defense's marks stand side by side, one place for
each attack, and crowded defenses move apart; a line leads from each to its error on the axis.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.report.marks import broken, heading, looks
from harness.report.stored import Stored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 200.0  # points; about the width of the axes, whose coordinate runs from 0 to here
_HIGH = 150.0  # points; about their height
_LINE = 8.5  # points that a line of text takes
_MARK = 4.6  # points from mark to mark
_TICK = 26.0  # points that a tick's label takes
_DIGITS = (((1, 2, 5), math.log10(2)), ((1, 3), math.log10(3)))  # ticks of a decade, and the closest two's distance
_FOOT = 0.07  # of the height of the axes: there the lines lead to the errors


class _Point(NamedTuple):
    defense: str
    attack: str
    error: float | None
    kappa: float
    interval: list[float] | None


class _Scale(NamedTuple):
    """The axis in points: a strip for errors of 0 up to `left`, `low` to `high` (in lg of the error) up to `right`,
    then a strip for undefined ones."""

    left: float
    right: float
    low: float
    high: float

    def place(self, error: float) -> float:
        return self.left + (math.log10(error) - self.low) / (self.high - self.low) * (self.right - self.left)


class _Column(NamedTuple):
    """The marks of a defense, around `middle`; `ends` are its errors' places on the axis (more than one only where
    attacks had different trials), none in a strip."""

    middle: float
    width: float
    ends: tuple[float, ...]


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
    attacks = sorted({point.attack for point in points})
    scale, columns = _columns(points, len(attacks))
    figure = Figure()
    title = heading(found[0].setting)
    figure.suptitle(title)
    axes = figure.add_subplot()
    low = min([-0.05, *(point.interval[0] if point.interval else point.kappa for point in points)])
    axes.set_ylim(low - 0.03 - _FOOT * (1.1 - low), 1.07)
    _axis(axes, scale, points)
    longest = _names(axes, columns)
    look = looks(attacks)
    for point in points:
        column = columns[point.defense]
        across = column.middle + (attacks.index(point.attack) - (len(attacks) - 1) / 2) * _lane(column, len(attacks))
        colour, shape = look[point.attack]
        if point.interval is not None:
            axes.plot([across, across], point.interval, color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(across, point.kappa, shape, color=colour, markeredgecolor="white", markeredgewidth=0.4)
    rows = _legend(figure, attacks)
    height = _HIGH + 4.4 * longest + (title.count("\n") + rows) * _LINE * 1.2 + 70
    figure.set_size_inches(figure.get_figwidth(), height / 72)
    return figure


def _columns(points: Sequence[_Point], attacks: int) -> tuple[_Scale, dict[str, _Column]]:
    errors: dict[str, list[float | None]] = defaultdict(list)
    for point in points:
        errors[point.defense].append(point.error)
    strips: dict[str, list[str]] = {"zero": [], "measured": [], "undefined": []}
    for name in sorted(errors):
        known = [error for error in errors[name] if error is not None]
        strips["measured" if any(known) else "zero" if known else "undefined"].append(name)
    widths = {name: max(attacks * _MARK + 5, _LINE * (broken(name).count("\n") + 1)) for name in errors}
    squeeze = min(1.0, _WIDE / sum(widths.values()))
    room = {strip: squeeze * sum(widths[name] for name in names) for strip, names in strips.items()}
    positive = [math.log10(error) for known in errors.values() for error in known if error]
    low, high = (min(positive), max(positive)) if positive else (-1.0, -1.0)
    middle, half = (low + high) / 2, max((high - low) / 2 * 1.15, 0.3)
    scale = _Scale(room["zero"], _WIDE - room["undefined"], middle - half, middle + half)
    columns: dict[str, _Column] = {}
    for strip, start, end in (
        ("zero", 0.0, scale.left),
        ("measured", scale.left, scale.right),
        ("undefined", scale.right, _WIDE),
    ):
        ends = {name: tuple(sorted({scale.place(error) for error in errors[name] if error})) for name in strips[strip]}
        names = sorted(ends, key=lambda name: (ends[name], name))
        wished = [sum(ends[name]) / len(ends[name]) if ends[name] else start for name in names]
        wide = [squeeze * widths[name] for name in names]
        for name, place, width in zip(names, apart(wished, wide, start, end), wide, strict=True):
            columns[name] = _Column(place, width, ends[name])
    return scale, columns


def apart(wished: Sequence[float], wide: Sequence[float], start: float, end: float) -> list[float]:
    """Places as near to the wished ones (ascending) as can be, in squares, for things of these widths to stand between
    `start` and `end` without overlap: an isotonic regression of the gaps."""
    import numpy as np
    from scipy.optimize import isotonic_regression

    if not wished:
        return []
    offsets = np.cumsum(wide) - np.array(wide) / 2
    free = max(start, end - sum(wide))
    placed = isotonic_regression(np.array(wished) - offsets).x.clip(start, free) + offsets
    return [float(place) for place in placed]


def _lane(column: _Column, attacks: int) -> float:
    return min(_MARK, column.width / (attacks + 0.5))


def _names(axes: Axes, columns: Mapping[str, _Column]) -> int:
    """Names above the axes, and the lines that lead from there to the errors. Gives the length of the longest."""
    top = axes.get_xaxis_transform()
    for name, column in columns.items():
        for end in column.ends or (column.middle,):
            across, up = [end, column.middle, column.middle], [0, _FOOT, 1]
            axes.plot(across, up, color="0.7", linewidth=0.5, transform=top, zorder=0.5)
        axes.text(
            column.middle, 1.02, broken(name), rotation=90, ha="center", va="bottom", multialignment="left",
            transform=top,
        )  # fmt: skip
    return max(len(line) for name in columns for line in broken(name).split("\n"))


def _axis(axes: Axes, scale: _Scale, points: Sequence[_Point]) -> None:
    axes.set_xlim(0, _WIDE)
    ticks: list[tuple[float, str]] = []
    label = "median relative error of the workload (mean of trials),\nread where a defense's line meets the axis"
    if scale.left > 0:
        axes.axvspan(0, scale.left, color="0.95", linewidth=0, zorder=0)
        ticks.append((scale.left / 2, "0 %"))
    if scale.right < _WIDE:
        axes.axvspan(scale.right, _WIDE, color="0.95", linewidth=0, zorder=0)
        ticks.append(((scale.right + _WIDE) / 2, "n/a"))
        label += "\nn/a: no cell was answered"
    minor = []
    if any(point.error for point in points):
        decade = (scale.right - scale.left) / (scale.high - scale.low)
        digits = next((some for some, gap in _DIGITS if gap * decade >= _TICK), (1,))
        for power in range(math.floor(scale.low), math.ceil(scale.high)):
            for digit in range(1, 10):
                place = scale.place(digit * 10.0**power)
                if scale.left < place < scale.right:
                    minor.append(place)
                    if digit in digits:
                        ticks.append((place, f"{100 * digit * 10.0**power:g} %"))
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.set_xticks(minor, minor=True)
    axes.set_xlabel(label)
    axes.set_ylabel("κ_reach, 95 % t-interval over trials")
    axes.axhline(0, color="0.35", linewidth=0.8, zorder=0.6)


def _legend(figure: Figure, attacks: Sequence[str]) -> int:
    """The attacks' marks below the axes; gives the number of lines."""
    from matplotlib.lines import Line2D

    look = looks(attacks)
    names = [broken(attack, 40) for attack in attacks]
    most = max(1, 48 // (max(len(line) for name in names for line in name.split("\n")) + 4))
    rows = math.ceil(len(names) / most)
    marks = [Line2D([], [], linestyle="", color=look[attack][0], marker=look[attack][1]) for attack in attacks]
    figure.legend(marks, names, loc="outside lower center", ncols=math.ceil(len(names) / rows), borderaxespad=0.2)
    return max(rows, sum(name.count("\n") + 1 for name in names[:rows]))
