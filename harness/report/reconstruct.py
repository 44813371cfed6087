"""What `snoopbench reconstruct` found, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.report.tables import NOTHING, counted, text_table

MOST = 3  # values of a cell that are shown with their shares


def contradiction(result: dict[str, Any]) -> str:
    """One sentence on statistics that no database fits."""
    if not result["conflict"]:
        return f"No database fits these statistics with rounding {result['rounding']}."
    named = ", ".join(f"{where!r}" if where else "the total" for where in result["conflict"])
    spare = "" if result["conflict_minimal"] else " (some of these could perhaps be spared)"
    return f"No database fits, for with rounding {result['rounding']} these statistics conflict: {named}{spare}."


def print_reconstruction(result: dict[str, Any], out: Console, *, every: bool) -> None:
    """How many databases fit, the cells of the persons with the shares of their values, and with `every` each
    database."""
    out.print(_verdict(result))
    if not result["solutions"]:
        return
    for line in _certainty(result):
        out.print(line)
    cells = {(cell["person"], cell["column"]): cell["values"] for cell in result["posterior"]}
    if cells:
        table = text_table("person", *result["columns"])
        for person in range(1, max(person for person, _ in cells) + 1):
            table.add_row(str(person), *(_shares(cells[person, column]) for column in result["columns"]))
        out.print(table)
    for number, database in enumerate(result["databases"] if every else (), 1):
        persons = "; ".join(" ".join(_shown(value) for value in row) for row in database)
        out.print(f"{number}: {persons}", soft_wrap=True)


def _verdict(result: dict[str, Any]) -> str:
    known = f"{counted(result['statistics'], 'statistic')}, {result['suppressed']} of them suppressed"
    how = f"({known}; rounding {result['rounding']}, {result['solver']}, {result['seconds']:.2f} s)"
    number = counted(result["solutions"], "database")
    if result["complete"]:
        return f"{number} {'fits' if result['solutions'] == 1 else 'fit'}, and no other {how}."
    bound = "--limit" if result["stopped"] == "limit" else "--seconds"
    if not result["solutions"]:
        return f"No database was found in time, which does not mean that there is none; raise {bound} {how}."
    return f"At least {number} {'fits' if result['solutions'] == 1 else 'fit'}: the search stopped at {bound} {how}."


def _certainty(result: dict[str, Any]) -> Sequence[str]:
    found = []
    if result["certain"] is None:
        found.append("Which cells are certain was not proven in time.")
    elif result["posterior"]:
        found.append(f"Certain cells: {len(result['certain'])} of {len(result['posterior'])}.")
    if (truth := result["truth"]) is not None:
        admitted = "is one of them" if truth["admitted"] else "is not among them"
        found.append(f"The truth {admitted}; the best has {truth['best']} of its {truth['cells']} cells.")
    return found


def _shares(values: list[list[Any]]) -> str:
    if len(values) == 1:
        return _shown(values[0][0])
    shown = " ".join(f"{_shown(value)} ({share:.2f})" for value, share in values[:MOST])
    return shown + (" …" if len(values) > MOST else "")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def print_each(results: Sequence[dict[str, Any]], out: Console) -> None:
    """A row for each rounding."""
    table = text_table(
        "rounding", "databases", "all", "certain cells", "truth admitted", "best of its cells", "seconds"
    )
    for result in results:
        truth = result["truth"] or {"best": None, "cells": 0, "admitted": None}
        best = NOTHING if truth["best"] is None else f"{truth['best']} of {truth['cells']}"
        certain = NOTHING if not result["certain"] else str(len(result["certain"]))
        admitted = NOTHING if truth["admitted"] is None else "yes" if truth["admitted"] else "no"
        every = "yes" if result["complete"] else "no"
        table.add_row(
            result["rounding"], f"{result['solutions']:,}", every, certain, admitted, best, f"{result['seconds']:.2f}"
        )
    out.print(table)
