"""The power of membership tests against the bound, from the rows of the study `membership`.

The bound assumes m independent features whose frequencies in the population are known: √(m/n) = z_α + z_{1−β} for n
people in the database (Sankararaman, Obozinski, Jordan, Halperin 2009).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.report.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Row = dict[str, Any]

RATES = ((1e-2, "10⁻²"), (1e-3, "10⁻³"))
CURVES = (0.5, 2.5, 10.0)  # m/n whose ROC is drawn
TEST = "likelihood-ratio"
MARKS = {TEST: ("o", True, "likelihood ratio"), "homer": ("s", False, "Homer")}  # shape, filled, name
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
HEIGHT = 5.0  # inches


def bound(ratio: Floats | float, alpha: Floats | float) -> Floats:
    """The power at the false-positive rate alpha where m/n is the ratio: Φ(√ratio − z_α)."""
    from scipy.special import ndtr, ndtri

    found: Floats = ndtr(np.sqrt(ratio) + ndtri(alpha))
    return found


def power(ranks: Iterable[Sequence[int]], reference: int, alpha: float) -> Floats:
    """The share of each trial's records that are claimed at the false-positive rate alpha, (trials,): those of whose
    ranks p = rank/(reference + 1) is at most alpha."""
    return np.array([np.mean(np.array(trial) <= alpha * (reference + 1)) for trial in ranks])


def draw_membership(rows: Sequence[Row]) -> Figure:
    """Power against m/n above, ROC below."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.set_figheight(HEIGHT)
    upper, lower = figure.subplots(2, 1)
    _powers(upper, rows)
    _curves(lower, [row for row in rows if row["statistic"] == TEST])
    return figure


def _powers(axes: Axes, rows: Sequence[Row]) -> None:
    from matplotlib.lines import Line2D

    ratios = np.geomspace(0.03, 80, 200)
    for (alpha, named), colour in zip(RATES, COLOURS, strict=False):
        axes.plot(ratios, bound(ratios, alpha), color=colour, label=f"bound, α = {named}")
        for row in rows:
            shape, filled, _ = MARKS[row["statistic"]]
            x, found = row["snps"] / row["pool"], power(row["members"], row["reference"], alpha)
            if (interval := stats.t_interval(found)) is not None:
                axes.plot([x, x], np.clip([interval.low, interval.high], 0, 1), color=colour, linewidth=0.8)
            face = colour if filled else "white"
            axes.plot(x, found.mean(), shape, color=colour, markerfacecolor=face, markersize=3.5, markeredgewidth=0.8)
    handles: list[Any] = axes.get_legend_handles_labels()[0]
    for shape, filled, name in MARKS.values():
        face = "0.35" if filled else "white"
        handles.append(
            Line2D([], [], color="0.35", marker=shape, markersize=3.5, linestyle="", markerfacecolor=face, label=name)
        )
    axes.legend(handles=handles, loc="upper left")
    axes.set_xscale("log")
    _label_decades(axes, range(-1, 2))
    axes.set_xlim(0.03, 80)
    axes.set_ylim(-0.02, 1.04)
    axes.set_title("power against the bound (bars: 95 % over trials)", fontsize=7.5, loc="left")
    axes.set_xlabel("m/n: SNPs per person in the database")
    axes.set_ylabel("share of members found")


def _curves(axes: Axes, rows: Sequence[Row]) -> None:
    alphas = np.geomspace(5e-4, 1, 200)
    axes.plot(alphas, alphas, color="0.6", linewidth=0.8, linestyle=":")
    for ratio, colour in zip(reversed(CURVES), COLOURS[2:], strict=False):
        found = [row for row in rows if np.isclose(row["snps"] / row["pool"], ratio)]
        if not found:
            continue
        row = found[0]
        measured = [power(row["members"], row["reference"], alpha).mean() for alpha in alphas]
        axes.plot(alphas, bound(ratio, alphas), color=colour, linewidth=0.8, linestyle="--")
        axes.plot(alphas, measured, color=colour, label=f"m/n = {ratio:g}")
    axes.set_xscale("log")
    _label_decades(axes, range(-3, 1))
    axes.set_xlim(5e-4, 1)
    axes.set_ylim(-0.02, 1.04)
    axes.set_title("ROC, likelihood ratio (dashed: bound, dotted: chance)", fontsize=7.5, loc="left")
    axes.set_xlabel("false-positive rate")
    axes.set_ylabel("share of members found")
    axes.legend(loc="upper left", borderaxespad=0.1)


def _label_decades(axes: Axes, exponents: Iterable[int]) -> None:
    """Powers of ten in the text font, which the ticks of a log axis are not without mathtext."""
    names = {e: f"10{str(e).translate(RAISED)}" if abs(e) > 1 else f"{10.0**e:g}" for e in exponents}
    axes.set_xticks([10.0**e for e in names], list(names.values()))
