"""κ_reach of each benchmark of a setting with its interval: a row each, grouped by attack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.report.marks import broken, heading, looks
from harness.report.stored import Stored
from harness.report.summary import LEAST_TRIALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.125  # inches that a line of text takes


def draw_kappa(found: Sequence[Stored]) -> Figure | None:
    """Within an attack the defense that leaks most comes first. None where nothing has a score."""
    from matplotlib.figure import Figure

    rows = sorted(
        ((one, summary) for one in found if (summary := one.summary())["kappa_reach"] is not None),
        key=lambda row: (row[0].attack, -row[1]["kappa_reach"], row[0].defense),
    )
    if not rows:
        return None
    labels: list[tuple[float, str, bool]] = []  # place in lines from the top, text, whether it heads a group
    places: list[float] = []
    line = 0.0
    for number, (one, _) in enumerate(rows):
        if number == 0 or rows[number - 1][0].attack != one.attack:
            line += 0.4 if number else 0.0
            line = _label(labels, line, broken(one.attack), True)
        line = _label(labels, line, broken(one.defense), False)
        places.append(labels[-1][0])
    title = heading(found[0].setting)
    few = any(summary["kappa_reach_ci"] is None for _, summary in rows)
    figure = Figure()
    figure.set_size_inches(figure.get_figwidth(), _LINE * (line + title.count("\n") + 1 + few) + 0.75)
    axes = figure.add_subplot()
    figure.suptitle(title)
    figure.supxlabel(
        "κ_reach (0: a guess, 1: certainty)\nall trials with 95 % t-interval; faint: one trial each"
        + few * f"\n(no interval with fewer than {LEAST_TRIALS} trials)"
    )
    _axis(axes, labels, line)
    look = looks(one.attack for one, _ in rows)
    for place, (one, summary) in zip(places, rows, strict=True):
        _row(axes, place, one, summary, look[one.attack])
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.05), max(high, 1.05))
    return figure


def _label(labels: list[tuple[float, str, bool]], line: float, text: str, heads: bool) -> float:
    height = text.count("\n") + (1.0 if heads else 1.1)
    labels.append((line + height / 2, text, heads))
    return line + height


def _axis(axes: Axes, labels: Sequence[tuple[float, str, bool]], lines: float) -> None:
    axes.set_ylim(lines, 0)
    axes.set_yticks([place for place, _, _ in labels], [text for _, text, _ in labels])
    for (_, _, heads), text, tick in zip(labels, axes.get_yticklabels(), axes.yaxis.get_major_ticks(), strict=True):
        text.set_fontweight("bold" if heads else "normal")
        tick.tick1line.set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.axvline(0, color="0.35", linewidth=0.8)


def _row(axes: Axes, place: float, one: Stored, summary: dict[str, Any], look: tuple[str, str]) -> None:
    colour, shape = look
    values = one.kappa_reach
    axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.35, markersize=3.2, markeredgewidth=0)
    if summary["kappa_reach_ci"] is not None:
        axes.hlines(place, *summary["kappa_reach_ci"], color=colour, linewidth=1.2)
    axes.plot(summary["kappa_reach"], place, shape, color=colour, markeredgecolor="white", markeredgewidth=0.4)
