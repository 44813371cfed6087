"""The law of the attack `equations`: accuracy against noise, against queries, and behind Diffix.

A mark is a measured share of right claims with its standard error, a line the law Φ(√m/(4σ)), a dotted one the same
with the n unknowns taken off m. Colours and shapes differ both, so that neither is needed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from harness.report.marks import COLOURS, SHAPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]

HEIGHT = 7.0  # inches
REFUSED = 0.5  # where a point without claims stands: a coin's accuracy
NAMES = {"conditions": "conditions (on an amount)"}
SHOWN = {"least-squares": "least squares", "linear-program": "linear program (L1)"}
SELECTORS = ("hash", "function", "uid-list", "conditions")
UNKNOWNS = "Φ(√(m − n)/(4σ))"
LAWS = ((("hash", "function"), "-", "law, σ = √3"), (("uid-list", "conditions"), "--", "law, σ = √(n/2 + 2)"))


def draw_law(rows: Rows) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.set_figheight(HEIGHT)
    noise, queries, diffix = figure.subplots(3, 1)
    _noise(noise, [row for row in rows if row["part"] == "noise"])
    _queries(queries, [row for row in rows if row["part"] == "queries"])
    _diffix(diffix, [row for row in rows if row["part"] == "diffix"])
    for axes in (noise, queries, diffix):
        axes.set_ylabel("share of right claims")
        axes.set_ylim(0.44, 1.03)
        axes.set_yticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
        axes.grid(axis="y")
    return figure


def _noise(axes: Axes, rows: Rows) -> None:
    a_person = rows[0]["m"] / rows[0]["n"]
    axes.set_title(f"fresh normal noise, m = {a_person:g} n, least squares", fontsize=7.5, loc="left")
    _axis(axes, "σ/√n, noise of a count", [0.2, 0.5, 1, 2, 4])
    _law(axes, rows, lambda row: row["sigma"] / math.sqrt(row["n"]), lambda x: math.sqrt(a_person) / (4 * x), "-")
    less = math.sqrt(a_person - 1)
    _law(axes, rows, lambda row: row["sigma"] / math.sqrt(row["n"]), lambda x: less / (4 * x), ":", UNKNOWNS)
    for number, n in enumerate(sorted({row["n"] for row in rows})):
        found = [row for row in rows if row["n"] == n]
        _marks(axes, found, [row["sigma"] / math.sqrt(n) for row in found], number, f"n = {n:,}")
    axes.legend(loc="upper right")


def _queries(axes: Axes, rows: Rows) -> None:
    first = rows[0]
    share = first["sigma"] / math.sqrt(first["n"])
    axes.set_title(f"fresh normal noise, σ = {share:g} √n, n = {first['n']:,}", fontsize=7.5, loc="left")
    _axis(axes, "m/n, queries a person", [1, 2, 4, 8, 16, 32])
    quantile = partial(_quantile, first["n"], first["sigma"])
    _law(axes, rows, _rounds, quantile, "-")
    _law(axes, rows, _rounds, lambda a_person: quantile(a_person - 1), ":", UNKNOWNS)
    for number, solver in enumerate(SHOWN):
        found = [row for row in rows if row["solver"] == solver]
        _marks(axes, found, [_rounds(row) for row in found], number, SHOWN[solver])
    axes.legend(loc="lower right")


def _diffix(axes: Axes, rows: Rows) -> None:
    n = rows[0]["n"]
    axes.set_title(f"diffix, n = {n:,}, least squares", fontsize=7.5, loc="left")
    _axis(axes, "m/n, queries a person", [0.25, 0.5, 1, 2, 5, 10, 20, 40])
    plain = [row for row in rows if row["defense"] == "diffix"]
    for selectors, line, name in LAWS:
        found = [row for row in plain if row["selector"] in selectors]
        sigma = found[0]["sigma"]
        _law(axes, found, _rounds, partial(_quantile, n, sigma), line, name)
    for number, selector in enumerate(SELECTORS):
        found = [row for row in plain if row["selector"] == selector]
        _marks(axes, found, [_rounds(row) for row in found], number, NAMES.get(selector, selector))
    clear = [row for row in rows if row["defense"] != "diffix"]
    for row in clear:
        number = SELECTORS.index(row["selector"])
        _marks(axes, [row], [_rounds(row)], number, "", hollow=True)
    refused = [row for row in clear if not row["claims"]]
    if refused:
        names = " and ".join(row["selector"] for row in refused)
        axes.annotate(
            f"{names}: refused", (_rounds(refused[0]), REFUSED), (-6, -2), textcoords="offset points", ha="right"
        )
    axes.plot([], [], "o", markerfacecolor="none", color="0.35", label="hollow: clear_only=true")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.26), ncols=2, borderaxespad=0)


def _quantile(n: int, sigma: float, a_person: float) -> float:
    return math.sqrt(a_person * n) / (4 * sigma)


def _rounds(row: dict[str, Any]) -> float:
    return float(row["m"] / row["n"])


def _axis(axes: Axes, label: str, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label)


def _law(
    axes: Axes, rows: Rows, place: Callable[[dict[str, Any]], float], law: Callable[[Any], Any], line: str,
    name: str = "law, Φ(√m/(4σ))",
) -> None:  # fmt: skip
    ends = [place(row) for row in rows]
    x = np.geomspace(min(ends), max(ends), 100)
    axes.plot(x, ndtr(np.vectorize(law)(x)), line, color="0.35", label=name, zorder=1.5)


def _marks(axes: Axes, rows: Rows, x: Sequence[float], number: int, name: str, hollow: bool = False) -> None:
    axes.errorbar(
        x, [REFUSED if row["accuracy"] is None else row["accuracy"] for row in rows], [row["se"] or 0 for row in rows],
        fmt=SHAPES[number], color=COLOURS[number], label=name or None, elinewidth=0.7,
        markerfacecolor="white" if hollow else COLOURS[number], zorder=3 if hollow else 2,
    )  # fmt: skip
