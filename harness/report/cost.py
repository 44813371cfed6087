"""What `snoopbench cost` measured: as tables for a terminal, and read back from the store for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.report.stored import name_of
from harness.report.tables import NOTHING, text_table
from harness.store import Store

Rows = list[dict[str, Any]]

HEADS = (
    ("protect", "Protecting and loading, seconds (and times what none takes)"),
    ("query", "Answering the workload, seconds (and times what none takes)"),
)


def stored_costs(results: str, wanted: Sequence[str] = ()) -> Rows:
    """The newest row of each defense and size, ascending in both; of the wanted defenses and `none` alone where some
    are named. Raises StoreError and UserError."""
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    for _, rows in Store(results, create=False).studies("cost"):
        newest |= {(row["defense"], row["rows"]): row for row in rows}
    known = {defense for defense, _ in newest}
    names = {name_of("defenses", spec, known) for spec in wanted}
    return [newest[key] for key in sorted(newest) if not names or key[0] in {*names, "none"}]


def print_costs(rows: Rows, out: Console) -> None:
    """Two tables, a row a defense and a column a size, and below them what there is to say of single points."""
    sizes = sorted({row["rows"] for row in rows})
    defenses = list(dict.fromkeys(row["defense"] for row in rows))
    at = {(row["defense"], row["rows"]): row for row in rows}
    for name, head in HEADS:
        out.print(Text(head, style="bold"))
        table = text_table("defense", *(f"{size:,} rows" for size in sizes))
        for defense in defenses:
            table.add_row(Text(defense), *(_cell(at.get((defense, size)), name) for size in sizes))
        out.print(table)
    for defense in defenses:
        notes: dict[str, list[str]] = {}
        for size in sizes:
            row = at.get((defense, size))
            if row and row["note"]:
                notes.setdefault(row["note"], []).append(f"{size:,}")
        for note, where in notes.items():
            out.print(Text(f"{defense}, {', '.join(where)} rows: {note}"), overflow="fold")


def _cell(row: dict[str, Any] | None, name: str) -> Text:
    value = row[f"{name}_seconds"] if row else None
    if row is None or value is None:
        return Text("over" if row and row["over"] else NOTHING, justify="right")
    ratio = row[f"{name}_ratio"]
    return Text(seconds(value) + (f" ({ratio:.1f}×)" if ratio is not None else ""), justify="right")


def seconds(value: float) -> str:
    """Seconds with two significant digits."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"
