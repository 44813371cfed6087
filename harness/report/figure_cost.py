"""Seconds against rows, protecting above and answering below, both axes logarithmic.

With all defenses on one paper most lines lie on that of `none`. So `none` is drawn in black, every other defense that
is told from it somewhere in colour with its name at the end of its line, and the rest in grey without a name. An open
triangle stands at the time limit where a point was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.report.figure_utility import apart
from harness.report.marks import COLOURS, SHAPES, broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]

TOLD = 1.5  # a defense is told from none where it takes so many times as long
PANELS = (("protect", "protecting and loading"), ("query", "answering the workload"))
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WIDEST = 26  # characters of a name on one line
_HIGH = 130.0  # points; a panel, at least
_LINE = 9.0  # points that a line of text takes
_DASHES = ("-", "--", ":", "-.")


def draw_cost(rows: Rows) -> Figure | None:
    """None where nothing was timed."""
    from matplotlib.figure import Figure

    rows = sorted((row for row in rows), key=lambda row: (row["defense"], row["rows"]))
    if not any(row["protect_seconds"] for row in rows):
        return None
    shown = {name: named(rows, name) for name, _ in PANELS}
    look = {defense: i for i, defense in enumerate(sorted({one for names in shown.values() for one in names}))}
    heights = [
        max(_HIGH, _LINE * sum(1 + broken(one, WIDEST).count("\n") for one in [*shown[n], "none"])) for n, _ in PANELS
    ]
    figure = Figure()
    figure.set_size_inches(figure.get_figwidth(), (sum(heights) + 85) / 72)
    both = figure.subplots(2, 1, height_ratios=heights)
    for axes, height, (name, head) in zip(both, heights, PANELS, strict=True):
        axes.set_title(head, fontsize=7.5, loc="left")
        axes.set_ylabel("seconds")
        _panel(axes, rows, name, look, height)
    both[1].set_xlabel("rows")
    marks = [row for row in rows if row["refused"]]
    figure.supxlabel(
        f"grey: less than {TOLD:g} times none at every size; △: stopped at the limit"
        + bool(marks) * "\n*: refuses some of the queries; the others' seconds",
        x=0.01,
        ha="left",
    )
    return figure


def named(rows: Rows, name: str) -> list[str]:
    """The defenses that take `TOLD` times as long as none somewhere, or were stopped."""
    slow = {row["defense"] for row in rows if (row[f"{name}_ratio"] or 0) >= TOLD or _stopped(row, name)}
    return sorted(slow - {"none"})


def _stopped(row: dict[str, Any], name: str) -> bool:
    """Whether the time limit ended just this measurement; of a point that was not run nothing is known."""
    timed = row["protect_seconds"] is not None
    ran = row.get("machine") is not None
    return bool(row["over"] and ran and row[f"{name}_seconds"] is None and timed == (name == "query"))


def _panel(axes: Axes, rows: Rows, name: str, look: dict[str, int], height: float) -> None:
    key = f"{name}_seconds"
    axes.loglog()
    axes.grid(True)
    ends: dict[str, tuple[float, float]] = {}
    for defense in dict.fromkeys(row["defense"] for row in rows):
        mine = [row for row in rows if row["defense"] == defense]
        points = [(row["rows"], row[key]) for row in mine if row[key]]
        points += [(row["rows"], row["limit"]) for row in mine if _stopped(row, name)]
        if not points:
            continue
        told = defense in named(rows, name)
        style = _style(look[defense] if told else None, defense == "none")
        axes.plot(*zip(*points, strict=True), label=defense, **style)
        for row in mine:
            if _stopped(row, name):
                axes.plot(row["rows"], row["limit"], "^", color=style["color"], markerfacecolor="white", zorder=4)
        if told or defense == "none":
            ends[defense] = points[-1]
    _scale(axes)
    refusing = {row["defense"] for row in rows if row["refused"]} if name == "query" else set()
    _names(axes, ends, look, refusing, height)


def _scale(axes: Axes) -> None:
    """Whole decades, each with its power (rows) or its number (seconds) beside it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    axes.set_ylim(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))
    texts = (lambda x, _: f"10{str(round(math.log10(x))).translate(RAISED)}", lambda y, _: f"{y:g}")
    for axis, text in zip((axes.xaxis, axes.yaxis), texts, strict=True):
        axis.set_major_locator(LogLocator(numticks=12))
        axis.set_major_formatter(FuncFormatter(text))
        axis.set_minor_formatter(NullFormatter())


def _style(number: int | None, is_none: bool) -> dict[str, Any]:
    if is_none:
        return {"color": "black", "linewidth": 1.6, "zorder": 3}
    if number is None:
        return {"color": "0.75", "linewidth": 0.6, "zorder": 1}
    colour = COLOURS[number % (len(COLOURS) - 1)]  # the black one is none's
    dash = _DASHES[number // (len(COLOURS) - 1) % len(_DASHES)]
    return {"color": colour, "linestyle": dash, "marker": SHAPES[number % len(SHAPES)], "markersize": 2.6, "zorder": 2}


def _names(
    axes: Axes, ends: dict[str, tuple[float, float]], look: dict[str, int], refusing: set[str], height: float
) -> None:
    """The names right of the axes, as near to the ends of their lines as they can stand apart, with a thin line."""
    low, high = (math.log10(limit) for limit in axes.get_ylim())
    order = sorted(ends, key=lambda one: (ends[one][1], one))
    texts = {one: broken(one, WIDEST) + ("*" if one in refusing else "") for one in order}
    wide = [_LINE * (texts[one].count("\n") + 1) / height for one in order]
    wished = [(math.log10(ends[one][1]) - low) / (high - low) for one in order]
    for one, place in zip(order, apart(wished, wide, 0.0, 1.0), strict=True):
        colour = _style(look.get(one), one == "none")["color"]
        axes.annotate(
            texts[one], ends[one], (1.08, place), textcoords="axes fraction", color=colour, va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip
