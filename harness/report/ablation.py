"""What `snoopbench ablation` measured: as a table for a terminal, and read back from the store for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.report.tables import NOTHING, text_table
from harness.store import Store
from harness.studies.ablation import ALPHA, FACTOR, LEVEL, MARGIN, Ablation, corrected
from harness.studies.mechanisms import MECHANISMS

Rows = list[dict[str, Any]]

NAMES = {"kappa_reach": "κ_reach", "residual_sd": "residual SD"}
WIDTHS = (15, 15, 16, 9, 5, 6, 6, 13, 5)  # with a blank between them one line of a terminal, and no word is broken


def stored_ablation(results: str) -> Rows:
    """A row of each mechanism and attack, in the order of the table: one of the default plan (what the table switches,
    seed 1, the row's own number of trials) where there is one, else of most trials; the newest among equals. Holm's p
    is over these rows. Raises StoreError."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for _, rows in Store(results, create=False).studies("ablation"):
        for row in rows:
            key = row["mechanism"], row["attack"]
            if key not in best or _rank(row) >= _rank(best[key]):
                best[key] = row
    order = [(one.name, one.attack) for one in MECHANISMS]
    ordered = sorted(best, key=lambda key: (order.index(key) if key in order else len(order), key))
    return corrected([best[key] for key in ordered])


def _rank(row: dict[str, Any]) -> tuple[bool, int]:
    by_default = any(
        (one.name, one.attack, one.trials, {"off": one.off, "on": one.on})
        == (row["mechanism"], row["attack"], row["trials"], row["defenses"])
        for one in MECHANISMS
    )
    return by_default and row["seed"] == Ablation.seed, row["trials"]


def print_ablation(rows: Sequence[dict[str, Any]], out: Console) -> None:
    """A row a mechanism, and below the table what was switched in each."""
    table = text_table("mechanism", "source", "attack", "measure", "off", "on", "Holm p", "bounds", "met")
    table.padding = (0, 0, 0, 0)
    for column, width in zip(table.columns, WIDTHS, strict=True):
        column.width = width
    for row in rows:
        name, kind = attack_name(row["attack"])
        attack = f"{name} ({kind})" if kind else name
        measured = (_number(row["off"]), _number(row["on"]), _chance(row["holm_p"]), bounds(row), verdict(row))
        table.add_row(row["mechanism"], row["source"], attack, NAMES[row["measure"]], *measured)
    out.print(table)
    for row in rows:
        head = Text(row["mechanism"], style="bold")
        attacks = " and ".join(dict.fromkeys(row["attacks"].values()))
        what = f": {' and '.join(dict.fromkeys(row['defenses'].values()))} on {row['dataset']} against {attacks}"
        missing = f". {row['missing']} counts were not estimated" if row["missing"] else ""
        skipped = f". Skipped: {row['skipped']}" if row["skipped"] else ""
        out.print(head, what + missing + skipped, sep="", soft_wrap=True)
    out.print(
        f"\nmet: Holm's p over these rows < {ALPHA:g}, and a difference of {MARGIN:g} in κ_reach or a factor of "
        f"{FACTOR:g}\nin residual SD (yes), or both sides at their bounds (bound). A bound is what theory gives, off → "
        f"on; with a !\nthe measurement is elsewhere ({LEVEL:.1%} interval).",
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
