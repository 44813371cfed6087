"""κ_reach against the number of queries a victim: a small panel for each attack, a line for each defense.

A filled mark ends a curve that is flat or has won, an open one a curve that is budget-bound or not judged
(`harness.report.effort` has the rule). More than eight attacks take the width of a page instead of a column's. The
number of queries is drawn to a logarithmic scale that all panels share; where an attack asks once, the marks of its
defenses stand side by side around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.report.effort import Curve, Point
from harness.report.marks import broken, heading, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, PAGE = 2, 4  # panels side by side
MANY = 8  # attacks that a column has room for
WIDE = 7.0  # inches of a page's width, two columns and the space between
HIGH = 1.2  # inches of a panel
HEAD, FOOT = 0.35, 0.8  # inches above and below all panels
LINE = 0.13  # inches of a line of the legend
NAMES = 24  # characters of a panel's name on one line
APART = 1.35  # times as many queries from mark to mark, where they stand side by side
KEY = "bars: 95 % t-interval over trials\nopen mark at the end: budget-bound, or not judged"


def draw_queries(made: Sequence[Curve]) -> Figure | None:
    """The curves of one setting. None where nothing was asked."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    made = [curve for curve in made if any(point.queries > 0 for point in curve.points)]
    if not made:
        return None
    attacks = sorted({curve.attack for curve in made})
    defenses = sorted({curve.defense for curve in made})
    look = looks(defenses)
    most = PAGE if len(attacks) > MANY else COLUMN
    across = min(most, len(attacks))
    down = math.ceil(len(attacks) / across)
    names = [broken(defense) for defense in defenses]
    rows = [names[i : i + most] for i in range(0, len(names), most)]
    tall = LINE * sum(max(name.count("\n") + 1 for name in row) for row in rows)
    figure = Figure()
    width = WIDE if most == PAGE else figure.get_figwidth()
    figure.set_size_inches(width, HIGH * down + HEAD + FOOT + tall)
    figure.suptitle(heading(made[0].setting))
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    _scales(panels[0], made)
    for axes, attack in zip(panels, attacks, strict=False):
        axes.set_title(broken(attack, NAMES * max(1, 3 - across)), fontsize=7, loc="left", pad=2)
        axes.grid(axis="y")
        axes.axhline(0, color="0.35", linewidth=0.8, zorder=0.6)
        own = [curve for curve in made if curve.attack == attack]
        once = all(curve.knob is None for curve in own)
        for i, curve in enumerate(own):
            _line(axes, curve, look[curve.defense], APART ** (i - (len(own) - 1) / 2) if once else 1.0)
    for axes in panels[len(attacks) :]:
        axes.set_visible(False)
    for axes in panels[: len(attacks)][-across:]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("queries a victim", fontsize=7)
    figure.supylabel("κ_reach", fontsize=7)
    marks = [Line2D([], [], color=look[one][0], marker=look[one][1], linewidth=0.9, markersize=3.5) for one in defenses]
    figure.legend(marks, names, loc="outside lower center", ncols=most, borderaxespad=0.2, title=KEY, title_fontsize=7)
    return figure


def _scales(axes: Axes, made: Sequence[Curve]) -> None:
    asked = [point.queries for curve in made for point in curve.points if point.queries > 0]
    low, high = math.floor(math.log10(min(asked))), math.ceil(math.log10(max(asked)))
    low, high = (low, high) if high > low else (low, low + 1)
    axes.set_xscale("log")
    axes.set_xlim(10.0**low / 1.3, 10.0**high * 1.3)
    every = max(1, math.ceil((high - low) / 4))
    powers = range(low, high + 1, every)
    axes.set_xticks([10.0**power for power in powers], [f"{10.0**power:,g}" for power in powers])
    axes.minorticks_off()
    lows = [point.interval[0] if point.interval else point.mean for curve in made for point in curve.points]
    axes.set_ylim(min(-0.1, max(min(lows) - 0.05, -0.5)), 1.08)
    axes.set_yticks([0, 0.5, 1])


def _line(axes: Axes, curve: Curve, look: tuple[str, str], moved: float) -> None:
    colour, shape = look
    points: list[Point] = [point for point in curve.points if point.queries > 0]
    asked, reached = [point.queries * moved for point in points], [point.mean for point in points]
    axes.plot(asked, reached, color=colour, linewidth=0.9, alpha=0.9)
    for x, point in zip(asked, points, strict=True):
        if point.interval is not None:
            axes.plot([x, x], point.interval, color=colour, linewidth=0.7, alpha=0.6)
    is_open = curve.end in (None, "budget-bound")
    for i, (x, y) in enumerate(zip(asked, reached, strict=True)):
        last = i == len(points) - 1
        face = "white" if last and is_open else colour
        axes.plot(
            x, y, shape, color=colour, markersize=3.8 if last else 2.2, markerfacecolor=face, markeredgewidth=0.7,
            clip_on=False, zorder=3,
        )  # fmt: skip
