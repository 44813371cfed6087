"""The error of the workload against query-set size: a small panel for each defense of a setting.

A dot is the median of the relative errors of a class of sizes, the line above it leads to their 90th percentile, the
bar behind them is the share of the cells that was suppressed or refused. The errors are drawn to a logarithmic scale
that begins at 0.1 %; what is less, 0 included, stands on the floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.report.marks import COLOURS, broken, heading
from harness.report.stored import Stored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
FLOOR, CEILING = 1e-3, 10.0  # relative errors; beyond them a mark stands at the edge
TICKS = {1e-3: "≤ 0.1 %", 1e-2: "1 %", 1e-1: "10 %", 1.0: "100 %", 10.0: "≥ 1000 %"}
KEY = "dot: median, line: to 90th percentile, bar: unanswered"
HIGH = 1.15  # inches of a panel
NAMES = 48  # characters of names that stand side by side
HEAD, FOOT = 0.35, 0.65  # inches above and below all panels


def draw_sizes(found: Sequence[Stored]) -> Figure | None:
    """None where no workload was measured."""
    from matplotlib.figure import Figure

    measured = _by_defense(found)
    if not measured:
        return None
    across = min(COLUMNS, len(measured))
    down = math.ceil(len(measured) / across)
    figure = Figure()
    figure.set_size_inches(figure.get_figwidth(), HIGH * down + HEAD + FOOT)
    figure.suptitle(heading(found[0].setting))
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for axes, (defense, classes) in zip(panels, sorted(measured.items()), strict=False):
        _panel(axes, broken(defense, NAMES // across), classes)
    for axes in panels[len(measured) :]:
        axes.set_visible(False)
        panels[panels.index(axes) - across].tick_params(labelbottom=True)
    figure.supxlabel(f"users in the query set\n{KEY}", fontsize=7)
    figure.supylabel("relative error of the workload", fontsize=7)
    return figure


def _by_defense(found: Sequence[Stored]) -> dict[str, list[dict[str, Any]]]:
    """The classes of size of each defense. The attacks of a setting share draws and salts, and with them the workload's
    answers: those of the attack with the most trials are taken."""
    best: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    for one in found:
        classes = [entry for entry in one.summary()["utility"]["by_size"] if entry["cells"]]
        count = len(one.records) - one.failed
        if classes and count > best.get(one.defense, (0, []))[0]:
            best[one.defense] = count, classes
    return {defense: classes for defense, (_, classes) in best.items()}


def _panel(axes: Axes, title: str, classes: Sequence[Mapping[str, Any]]) -> None:
    names = [f"{entry['low']:,}–{entry['high']:,}" if entry["high"] else f"≥ {entry['low']:,}" for entry in classes]
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 1.4, CEILING * 1.4)
    axes.set_yticks(list(TICKS), list(TICKS.values()))
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_xlim(-0.5, len(classes) - 0.5)
    axes.set_xticks(range(len(classes)), names, rotation=25, ha="right", rotation_mode="anchor")
    axes.set_title(title, fontsize=7, loc="left", pad=2)
    for place, entry in enumerate(classes):
        axes.bar(place, _unanswered(entry), 0.7, transform=axes.get_xaxis_transform(), color="0.85", zorder=0.4)
        low, high = (_inside(entry[name]) for name in ("median_relative_error", "p90_relative_error"))
        if low is not None and high is not None:
            axes.plot([place, place], [low, high], color=COLOURS[0], linewidth=0.9)
            axes.plot(place, low, "o", color=COLOURS[0], markersize=3, clip_on=False)


def _unanswered(entry: Mapping[str, Any]) -> float:
    refused = entry["refused"] or 0.0
    return float(refused + (1.0 - refused) * (entry["suppressed"] or 0.0))


def _inside(error: float | None) -> float | None:
    return None if error is None else min(max(error, FLOOR), CEILING)
