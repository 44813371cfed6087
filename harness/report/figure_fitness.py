"""Figures 4.1 to 4.10 of Nielson's dissertation, from the rows of the study `fitness-figures`.

A figure says in its title or legend where the dissertation's caption, text and program disagree, and draws what each of
them says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from harness.report.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    Canvas: TypeAlias = Figure | SubFigure
Row = dict[str, Any]

TITLES = {
    "4.1": "Figure 4.1: no perturbation\n10,000 queries",
    "4.2": "Figure 4.2: uniform data perturbation\n1,000 queries",
    "4.3": "Figure 4.3: Liew\n1,000 queries",
    "4.4": "Figure 4.4: Nielson, α = 2.09, β = 1.18, γ = 66.87\n1,000 queries",
    "4.5": "Figure 4.5: fitness against γ (text: best at 310)\n(1,000 databases × 100 queries; band: ± 1.96 SE)",
    "4.6": "Figure 4.6: fitness against α, β = 0\n(1,000 databases × 100 queries; band: ± 1.96 SE)",
    "4.7": "Figure 4.7: fitness against β, α = 2\n(1,000 databases × 100 queries; band: ± 1.96 SE)",
    "4.8": "Figure 4.8: Nielson on 1,000 databases\nprogram: α = β = 2, γ = 230; the caption names none",
    "4.9": "Figure 4.9: Nielson optimised (a new draw of 4.4)\n1,000 queries",
    "4.10": "Figure 4.10: Nielson optimised, small queries\n1,000 queries of q < 100",
}
LEGENDS = {
    ("4.2", "text"): "text: ± 20 %",
    ("4.2", "program"): "program: ± 10 %",
    ("4.5", "program"): "program: α = 1.5, β = 1",
    ("4.5", "caption"): "caption: α = β = 0",
    ("4.6", "program"): "program: γ = 230",
    ("4.6", "caption"): "caption: γ = 310",
    ("4.7", "program"): "program: γ = 230",
    ("4.7", "caption"): "caption: γ = 310",
}
SYMBOLS = {"alpha": "α", "beta": "β", "gamma": "γ"}
BROKEN = ("4.2", "4.3")  # a band near 100 and one near 0, with nothing between
SIZE = "records of the query, q"
MANY = 2_000  # more marks than these become one picture: as paths they would make a file of a megabyte
HALF = 500  # half the database: the score changes sides there
PAGE_DPI = 120  # of the page with all ten, which is for the screen
ROOMY = 2.9  # inches, the height of a figure of two panels


def pages(rows: Sequence[Row]) -> Iterator[tuple[str, Figure, float]]:
    """Name, figure and dots per inch: ten of one column's width, then all of them on a page of two columns."""
    from matplotlib.figure import Figure

    for number in TITLES:
        figure = Figure()
        if number in (*BROKEN, "4.8"):
            figure.set_figheight(ROOMY)
        _draw(figure, number, rows)
        yield f"fitness-{number.replace('.', '-')}", figure, figure.dpi
    figure = Figure()
    figure.set_size_inches(2 * figure.get_figwidth(), 9.6)
    heights = [1.1, 1.1, 1.0, 1.25, 1.0]
    parts: Any = figure.subfigures(5, 2, height_ratios=heights)
    for number, part in zip(TITLES, parts.flat, strict=True):
        _draw(part, number, rows)
    yield "fitness", figure, PAGE_DPI


def _draw(canvas: Canvas, number: str, rows: Sequence[Row]) -> None:
    found = [row for row in rows if row["figure"] == number]
    canvas.suptitle(TITLES[number])
    kind: Callable[[Canvas, Sequence[Row]], Axes] = _cloud
    if number in BROKEN:
        kind = _broken
    elif number == "4.8":
        kind = _both
    elif "over" in found[0]:
        kind = _curves
    axes = kind(canvas, found)
    if len(found) > 1:
        axes.legend(markerscale=2.5 if kind is _broken else 1)


def _marks(axes: Axes, found: Sequence[Row], column: str = "fitness", low: int = 0, high: int = 2 * HALF) -> float:
    """The queries with low ≤ q < high; gives the largest error that is among them."""
    largest = 0.0
    for row, colour, shape in zip(found, COLOURS, ("o", "^"), strict=False):
        q = np.array(row["q"])
        chosen = (low <= q) & (q < high)
        fitness = np.array(row["fitness"])[chosen]
        largest = max(largest, np.where(q[chosen] < HALF, 100 - fitness, fitness).max())
        axes.plot(
            q[chosen], np.array(row[column])[chosen], shape, color=colour, markersize=1.6, markeredgewidth=0, alpha=0.6,
            label=LEGENDS.get((row["figure"], row["source"])), rasterized=len(q) > MANY,
        )  # fmt: skip
    widest = 2 * HALF if max(found[0]["q"]) > HALF else max(found[0]["q"]) + 1
    axes.set_xlim(-0.015 * widest, 1.005 * widest)  # the smallest queries stand clear of the axis
    return largest


def _cloud(canvas: Canvas, found: Sequence[Row]) -> Axes:
    axes: Axes = canvas.subplots()
    axes.axhline(0, color="0.35", linewidth=0.8, zorder=0.5)
    _marks(axes, found)
    axes.set_ylabel("fitness")
    axes.set_xlabel(SIZE)
    return axes


def _broken(canvas: Canvas, found: Sequence[Row]) -> Axes:
    """Small queries above, large ones below, each to a scale of its own."""
    upper: Axes
    lower: Axes
    upper, lower = canvas.subplots(2, 1, sharex=True)
    error = max(1.0, _marks(upper, found, high=HALF))
    upper.set_ylim(100 - 1.08 * error, 100 + 0.08 * error)
    error = max(1.0, _marks(lower, found, low=HALF))
    lower.set_ylim(-0.08 * error, 1.08 * error)
    upper.spines.bottom.set_visible(False)
    upper.tick_params(bottom=False)
    for axes, end in ((upper, 0), (lower, 1)):
        axes.plot(
            0, end, marker=[(-1, -0.6), (1, 0.6)], markersize=6, color="0.35", clip_on=False, transform=axes.transAxes
        )
    canvas.supylabel("fitness (two scales)")
    lower.set_xlabel(SIZE)
    return upper


def _both(canvas: Canvas, found: Sequence[Row]) -> Axes:
    """The fitness, as the caption has it, and P, which is what the program of this figure writes."""
    upper: Axes
    lower: Axes
    upper, lower = canvas.subplots(2, 1, sharex=True)
    _marks(upper, found)
    _marks(lower, found, "answer")
    upper.axhline(0, color="0.35", linewidth=0.8, zorder=0.5)
    upper.set_ylabel("fitness\n(caption)")
    lower.set_ylabel("answer P\n(program)")
    lower.set_xlabel(SIZE)
    return upper


def _curves(canvas: Canvas, found: Sequence[Row]) -> Axes:
    axes: Axes = canvas.subplots()
    for row, colour, line in zip(found, COLOURS, ("-", "--"), strict=False):
        values, fitness = np.array(row["values"]), np.array(row["fitness"])
        spread = 1.96 * np.array(row["fitness_se"])
        axes.fill_between(values, fitness - spread, fitness + spread, color=colour, alpha=0.12, linewidth=0)
        axes.plot(values, fitness, line, color=colour, label=LEGENDS[row["figure"], row["source"]])
        best = int(fitness.argmin())
        if 0 < best < len(values) - 1:
            name = f"lowest: {SYMBOLS[row['over']]} = {values[best]:g}"
            axes.plot(values[best], fitness[best], "o", color=colour, label=name)
    axes.set_xlim(0, found[0]["values"][-1])
    axes.set_ylabel("mean fitness")
    over = found[0]["over"]
    axes.set_xlabel("γ, records perturbed" if over == "gamma" else SYMBOLS[over])
    return axes
