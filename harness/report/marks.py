"""What the figures share: how an attack looks, where a long name breaks, how a setting is headed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.report.stored import Setting

# Okabe and Ito, "Color universal design" (2008), without the yellow, which is lost on white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
WIDEST = 22  # characters of a name on one line


def looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each name, in the order of the names: both differ, so that neither is needed alone."""
    return {
        name: (COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)])
        for number, name in enumerate(sorted(set(names)))
    }


def broken(name: str, widest: int = WIDEST) -> str:
    """A name on as many lines as it needs: broken after + , : / = and spaces, within a word only where it is too
    long."""
    lines = [""]
    for piece in re.findall(r"[^+,:/=\s]*[+,:/=\s]*", name):
        while len(lines[-1] + piece) > widest:
            if len(piece) <= widest:
                lines.append("")
                break
            room = widest - len(lines[-1])
            lines[-1] += piece[:room]
            piece = piece[room:]
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines).strip()


def heading(setting: Setting) -> str:
    """The setting as the lines of a title: the dataset, then the rest."""
    rest = str(setting).removeprefix(setting.dataset).strip(" ()")
    return f"{broken(setting.dataset, 48)}\n{broken(rest, 52)}"
