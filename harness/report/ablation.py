"""What `snoopbench ablation` measured: as a table for a terminal, and read back from the store for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.report.tables import NOTHING, text_table
from harness.store import Store
from harness.studies.ablation import ALPHA, FACTOR, LEVEL, MARGIN
from harness.studies.mechanisms import MECHANISMS

Rows = list[dict[str, Any]]

NAMES = {"kappa_reach": "κ_reach", "residual_sd": "residual SD"}
WIDTHS = (15, 15, 16, 9, 5, 6, 6, 13, 5)  # with a blank between them one line of a terminal, and no word is broken


def stored_ablation(results: str) -> Rows:
    """The newest row of each mechanism and attack, in the order of the table. Raises StoreError."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for _, rows in Store(results, create=False).studies("ablation"):
        newest |= {(row["mechanism"], row["attack"]): row for row in rows}
    order = [(one.name, one.attack) for one in MECHANISMS]
    return [newest[key] for key in sorted(newest, key=lambda key: (order.index(key) if key in order else 99, key))]


def print_ablation(rows: Sequence[dict[str, Any]], out: Console) -> None:
    """A row a mechanism, and below the table what was switched in each."""
    table = text_table("mechanism", "source", "attack", "measure", "off", "on", "p", "bounds", "met")
    table.padding = (0, 0, 0, 0)
    for column, width in zip(table.columns, WIDTHS, strict=True):
        column.width = width
    for row in rows:
        name, kind = attack_name(row["attack"])
        attack = f"{name} ({kind})" if kind else name
        measured = (_number(row["off"]), _number(row["on"]), _chance(row["p"]), bounds(row), verdict(row))
        table.add_row(row["mechanism"], row["source"], attack, NAMES[row["measure"]], *measured)
    out.print(table)
    for row in rows:
        head = Text(row["mechanism"], style="bold")
        what = f": {row['defenses']['off']} and {row['defenses']['on']} on {row['dataset']} against {row['attack']}"
        out.print(head, what + (f". Skipped: {row['skipped']}" if row["skipped"] else ""), sep="", soft_wrap=True)
    out.print(
        f"\nmet: p < {ALPHA:g}, and a difference of {MARGIN:g} in κ_reach or a factor of {FACTOR:g} in residual SD "
        "(yes),\nor both sides at their bounds (bound). A bound is what theory gives, off → on; with a ! the "
        f"measurement\nis elsewhere ({LEVEL:.1%} interval).",
        soft_wrap=True,
    )


def attack_name(spec: str) -> tuple[str, str]:
    """The attack's page, and its kind where the spec names one."""
    name, _, given = spec.partition(":")
    kinds = [part.removeprefix("kind=") for part in given.split(",") if part.startswith("kind=")]
    return name, kinds[0] if kinds else ""


def bounds(row: dict[str, Any]) -> str:
    """What theory gives, with the mechanism off and on; an exclamation mark where the measurement is elsewhere."""
    if row["bound"] is None and row["bound_off"] is None:
        return NOTHING
    sides = (("bound_off", "bound_off_met"), ("bound", "bound_met"))
    return " → ".join(_number(row[bound]) + ("!" if row[held] is False else "") for bound, held in sides)


def verdict(row: dict[str, Any]) -> str:
    """Whether a row is met, and whether by its size or by its bound."""
    if row["difference"] is None:
        return NOTHING
    least = MARGIN if row["measure"] == "kappa_reach" else FACTOR
    return "no" if not row["met"] else "yes" if row["difference"] >= least else "bound"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value + 0.0:.2f}".replace("-0.00", "0.00")


def _chance(p: float | None) -> str:
    return NOTHING if p is None else "< 1e-300" if p == 0.0 else f"{p:.0e}"
