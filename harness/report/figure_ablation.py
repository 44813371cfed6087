"""Every mechanism off and on as a dumbbell: κ_reach above, residual SD below to a logarithmic scale.

An open circle is the weakened variant, a filled square the whole, each with its 95 % interval; a bar across is the
bound that theory gives. Shape and filling tell the two apart without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.report.ablation import attack_name
from harness.report.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]

PANELS = (
    ("kappa_reach", "κ_reach (0: a guess, 1: certainty)"),
    ("residual_sd", "error of a count, users (residual SD)"),
)
LOOKS: dict[str, dict[str, Any]] = {
    "off": {"color": COLOURS[1], "marker": "o", "markerfacecolor": "white", "markersize": 4.4, "label": "off"},
    "on": {"color": COLOURS[0], "marker": "s", "markersize": 3.8, "label": "on"},
}
ROW, HEAD, FOOT = 0.285, 0.3, 0.5  # inches of a row, above all, and below each panel
HALF = 0.3  # of the bar of a bound, in rows


def draw_ablation(rows: Rows) -> Figure | None:
    """None where nothing was measured."""
    from matplotlib.figure import Figure

    panels = [(head, own) for name, head in PANELS if (own := [row for row in rows if _drawn(row, name)])]
    if not panels:
        return None
    heights = [ROW * len(own) + FOOT for _, own in panels]
    figure = Figure()
    figure.set_size_inches(figure.get_figwidth(), sum(heights) + HEAD)
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axes, (head, own) in zip(grid[:, 0], panels, strict=True):
        _panel(axes, own)
        axes.set_xlabel(head)
    _key(figure)
    return figure


def _drawn(row: dict[str, Any], measure: str) -> bool:
    return bool(row["measure"] == measure and row["off"] is not None and row["on"] is not None)


def _panel(axes: Axes, rows: Rows) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], linespacing=1.05)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    if rows[0]["measure"] == "residual_sd":
        _logarithmic(axes, rows)
    else:
        axes.set_xlim(-0.12, 1.08)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    for place, row in enumerate(rows):
        axes.plot([row["off"], row["on"]], [place, place], color="0.6", linewidth=1.0, zorder=1.5)
        for side, look in LOOKS.items():
            if (bound := row["bound" if side == "on" else "bound_off"]) is not None:
                axes.vlines(bound, place - HALF, place + HALF, color="black", linewidth=0.9, zorder=1.8)
            if (found := row[f"{side}_ci"]) is not None:
                axes.hlines(place, *found, color=look["color"], linewidth=1.8, zorder=2)
            axes.plot(row[side], place, linestyle="none", zorder=3, **look)


def _label(row: dict[str, Any]) -> str:
    name, kind = attack_name(row["attack"])
    return f"{row['mechanism']}\n{name} ({kind})" if kind else f"{row['mechanism']}\n{name}"


def _logarithmic(axes: Axes, rows: Rows) -> None:
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullFormatter

    ends = [end for row in rows for side in LOOKS for end in (*(row[f"{side}_ci"] or ()), row[side])]
    low, high = min(ends) / 1.3, max(ends) * 1.3
    ticks = [tick for power in range(-4, 5) for tick in np.array([1, 2, 5]) * 10.0**power if low <= tick <= high]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])


def _key(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="none", **look) for look in LOOKS.values()]
    handles.append(Line2D([], [], linestyle="none", marker="|", color="black", markersize=7, label="derived"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
