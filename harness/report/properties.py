"""The measured properties of the built-in defenses, and how a defense's are told.

`properties.json` beside this file is what `snoopbench properties --json` printed; the tests measure it again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.report.tables import NOTHING, text_table

FILE = Path(__file__).with_name("properties.json")
ASPECTS = {"count": "counts", "avg": "averages"}


@cache
def shipped() -> dict[str, dict[str, Any]]:
    """By canonical spec, the row of each defense that was measured for this release."""
    return {row["spec"]: row for row in json.loads(FILE.read_text(encoding="utf-8"))}


def sentence(row: dict[str, Any]) -> str:
    """The properties in one line."""
    if row["skipped"]:
        return f"not measured on {row['dataset']}: {row['skipped']}"
    same = row["same_answer"]
    trends = ", ".join(f"{name} {_verdict(row['more_accurate'][aspect])}" for aspect, name in ASPECTS.items())
    cost = row["every_query"]
    return (
        f"same answer {share(same['again'])} (another session {share(same['another_session'])}, another analyst "
        f"{share(same['another_analyst'])}); more accurate with more records: {trends}; "
        f"refused {share(cost['refused'])}, suppressed {share(cost['suppressed'])}; acts on {acts_on(row)}"
    )


def print_properties(rows: Sequence[dict[str, Any]], out: Console) -> None:
    """A row a defense; the reasons of what cannot be measured below."""
    table = text_table(
        "defense", "same again", "session", "analyst", "counts", "averages", "refused", "suppr.", "acts on"
    )
    for row in rows:
        if row["skipped"]:
            table.add_row(row["defense"], *[NOTHING] * 8)
            continue
        same = [share(row["same_answer"][name]) for name in ("again", "another_session", "another_analyst")]
        trends = [_verdict(row["more_accurate"][aspect]) for aspect in ASPECTS]
        cost = [share(row["every_query"][name]) for name in ("refused", "suppressed")]
        table.add_row(row["defense"], *same, *trends, *cost, acts_on(row))
    out.print(table)
    for line in (
        "same again, session, analyst: the share of the answers that are the same asked again, in another session, and",
        "by another analyst; counts, averages: more accurate with more records? (slope of log error over log size)",
    ):
        out.print(line, soft_wrap=True)
    for row in rows:
        if row["skipped"]:
            out.print(f"{row['defense']}: {row['skipped']}", soft_wrap=True)


def share(value: float | None) -> str:
    """A share in per cent; only what is all or nothing is written as 100 % or 0 %."""
    if value is None:
        return NOTHING
    text = f"{100 * value:.0f} %"
    if text == "100 %" and value < 1:
        return "> 99 %"
    return "< 1 %" if text == "0 %" and value > 0 else text


def _verdict(trend: dict[str, Any]) -> str:
    if trend["verdict"] is None:
        return "not answered"
    if trend["slope"] is None:
        return str(trend["verdict"])
    return f"{trend['verdict']} ({round(trend['slope'], 1) + 0.0:.1f})"  # + 0.0: never -0.0


def acts_on(row: dict[str, Any]) -> str:
    """The secrets on which the defense acts, in words."""
    touched = [secret for secret, found in row["acts"].items() if found]
    if len(touched) == len(row["acts"]):
        return "all secrets"
    return ", ".join(touched) or "no secret"
