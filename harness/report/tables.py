"""Results as text tables for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.model import Answer, Refused

NOTHING = "–"
WIDTH = 100  # where the output is no terminal


def console() -> Console:
    """Standard output; 100 columns wide and without colour where it is no terminal. Text is shown as it is: a name
    may hold what would be markup, `[red]` or `:cat:`."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, soft_wrap=False, highlight=False, markup=False, emoji=False)


def print_summary(result: dict[str, Any], out: Console) -> None:
    """One benchmark: a line that names it, then measure, value and what belongs to it."""
    out.print(
        Text(f"{result['attack']} against {result['defense']} on {result['dataset']}", style="bold"), overflow="fold"
    )
    out.print(
        f"secret {result['secret']}, {counted(result['trials'], 'trial')} of {counted(result['victims'], 'victim')}, "
        f"seed {result['seed']}"
    )
    if result["skipped"]:
        out.print(f"Skipped: {result['skipped']}.")
        return
    table = text_table("measure", "value", "")
    for row in _measures(result):
        table.add_row(*row)
    out.print(table)
    for note in _notes(result):
        out.print(note)


def print_findings(report: dict[str, Any], out: Console) -> None:
    """A line a check: how it ended, what it asks for, and why it did not end well."""
    out.print(Text(f"{report['spec']} ({report['kind']})", style="bold"), overflow="fold")
    for check in report["checks"]:
        style = {"ok": "green", "failed": "bold red", "skipped": "dim"}[check["status"]]
        text = check["check"] if check["reason"] is None else f"{check['check'].removesuffix('.')}: {check['reason']}"
        out.print(Text.assemble((f" {check['status']}".ljust(9), style), f" {text}"), soft_wrap=True)
    failed = sum(check["status"] == "failed" for check in report["checks"])
    checks = counted(len(report["checks"]), "check")
    out.print(f" {failed} of {checks} failed." if failed else " It keeps its contract.")


def _measures(r: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    utility = r["utility"]
    yield "κ_reach", _number(r["kappa_reach"]), f"95 % {_interval(r['kappa_reach_ci'])} over trials"
    yield "κ", _number(r["kappa"]), f"95 % {_interval(r['kappa_ci'])} over trials"
    yield "confidence C", _number(r["confidence"]), f"{r['correct']:,} of {counted(r['claims'], 'claim')} right"
    yield "baseline S", _number(r["baseline"]), f"what a {r['baseline_kind']} guess scores"
    yield "α", _small(r["alpha"]), "cells claimed per cell known, L/(P + 1)"
    yield "prior knowledge P", _amount(r["prior_cells"]), "cells a trial"
    yield "coverage", _share(r["coverage"]), "of the users meet the attack's precondition"
    yield "claim rate", _share(r["claim_rate"]), f"of {counted(r['attempts'], 'attempt')}"
    yield "queries", _amount(r["queries"]), f"{_amount(r['refused'])} refused{_reasons(r['reasons'])}"
    yield "utility", _share(utility["median_relative_error"]), "median relative error of the workload"
    yield "", _share(utility["p90_relative_error"]), "its 90th percentile"
    yield "", _share(utility["suppressed"]), "of its cells suppressed"
    yield "", _share(utility["refused"]), "of its queries refused"
    for entry in utility["by_size"]:
        yield _users(entry), _share(entry["median_relative_error"]), _details(entry)
    seconds = r["seconds"]
    if seconds["total"] is not None:
        yield "time", f"{seconds['total']:.1f} s", f"of which the attack {seconds['attack']:.1f} s"


def _users(entry: dict[str, Any]) -> str:
    """A class of query-set sizes, as `10–99 users`."""
    return f"  {entry['low']:,}" + (f"–{entry['high']:,}" if entry["high"] else " or more") + " users"


def _details(entry: dict[str, Any]) -> str:
    if not entry["cells"]:
        return "no cells"
    suppressed, refused = _share(entry["suppressed"]), _share(entry["refused"])
    return f"median of {_amount(entry['cells'])} cells; {suppressed} suppressed, {refused} refused"


def _notes(r: dict[str, Any]) -> Iterable[str]:
    if r["acts"] is False and r["defense"] != "none":
        yield "This defense does not act here: it answered every query as none does."
    if r["failed_trials"]:
        yield f"{counted(r['failed_trials'], 'trial')} failed and will run again; the errors were:"
        yield from (f"  {error}" for error in r["errors"])
    if r["attempts"] == 0 and not r["failed_trials"]:
        yield "No user meets the attack's precondition: nothing was attempted, so there is no score."
    if r["from_store"]:
        yield f"{counted(r['from_store'], 'trial')} came from the store (--fresh runs them again)."


def print_overview(results: Sequence[dict[str, Any]], out: Console) -> None:
    """Many benchmarks, a row each."""
    table = text_table("defense", "attack", "dataset", "secret", "trials", "κ_reach", "95 %", "P", "α", "error")
    for r in results:
        table.add_row(
            r["defense"],
            r["attack"],
            r["dataset"],
            r["secret"],
            str(len(r["kappa_reach_per_trial"] or [])),
            _number(r["kappa_reach"]),
            _interval(r["kappa_reach_ci"]),
            _amount(r["prior_cells"]),
            _small(r["alpha"]),
            _share(r["utility"]["median_relative_error"]),
        )
    out.print(table)


def print_matrix(results: Sequence[dict[str, Any]], out: Console) -> None:
    """κ_reach with its interval, by defense and attack, the more numerous of them in the rows and as many of the others
    in a table as its width holds; the reasons of what was skipped or failed."""
    axes = {axis: tuple(dict.fromkeys(r[axis] for r in results)) for axis in ("defense", "attack")}
    cells = {(r["defense"], r["attack"]): _reached(r) for r in results}
    if results:
        first = results[0]
        out.print(Text(f"κ_reach (95 % over trials) on {first['dataset']}", style="bold"), overflow="fold")
        out.print(
            f"secret {first['secret']}, {counted(first['trials'], 'trial')} of {counted(first['victims'], 'victim')} "
            f"a pair, seed {first['seed']}"
        )
    turned = len(axes["attack"]) > len(axes["defense"])
    down, across = ("attack", "defense") if turned else ("defense", "attack")
    columns = {
        name: [cells.get((name, row) if turned else (row, name), NOTHING) for row in axes[down]]
        for name in axes[across]
    }
    for names in _fitting(columns, out.width - max(map(len, (down, *axes[down])), default=0)):
        table = text_table(down, *names)
        for row, found in zip(axes[down], zip(*(columns[name] for name in names), strict=True), strict=True):
            table.add_row(row, *found)
        out.print(table)
    for r in results:
        what = f"skipped: {r['skipped']}" if r["skipped"] else "; ".join(r["errors"])
        if what:
            out.print(f"{r['attack']} against {r['defense']}: {what}", soft_wrap=True)


def _fitting(columns: dict[str, list[str]], width: int) -> list[list[str]]:
    """The names of the columns in groups that fit, at least one in each. Three blanks lie between columns, and one at
    either edge."""
    groups: list[list[str]] = []
    left = 0
    for name, found in columns.items():
        wide = 3 + max(map(len, (name, *found)))
        if not groups or wide > left:
            groups.append([])
            left = width - 2
        groups[-1].append(name)
        left -= wide
    return groups


def _reached(r: dict[str, Any]) -> str:
    if r["skipped"]:
        return "skipped"
    if r["failed_trials"] == r["trials"]:
        return "failed"
    interval = r["kappa_reach_ci"]
    return _number(r["kappa_reach"]) + (f" ({interval[0]:.2f} … {interval[1]:.2f})" if interval else "")


def print_fitness(rows: Sequence[dict[str, Any]], out: Console) -> None:
    """The methods of `snoopbench fitness`, a row each; what is tested against nielson stands right of s."""
    table = text_table("method", "count", "mean", "s", "t printed", "t Welch", "df", "Holm p", "g")
    for row in rows:
        signed = (_fixed(row[name], 2) for name in ("t_dissertation", "t_welch"))
        numbers = (_fixed(row["mean"], 3), _fixed(row["s"], 3), *signed, _amount(row["df"]), _chance(row["p_holm"]))
        table.add_row(row["method"], _amount(row["count"]), *numbers, _fixed(row["g"], 3))
    out.print(table)


def print_searches(rows: Sequence[dict[str, Any]], out: Console) -> None:
    """The searches of `snoopbench evolve`, a row each."""
    table = text_table("search", "run", "queries", "α", "β", "γ", "found", "fitness", "γ flat")
    for row in rows:
        point = (_fixed(row["alpha"], 2), _fixed(row["beta"], 2), _fixed(row["gamma"], 2))
        fresh = f"{row['fitness']:.2f} ± {row['fitness_se']:.2f}"
        flat = f"{row['gamma_low']:.0f}–{row['gamma_high']:.0f}"
        queries = _amount(row["queries"])
        table.add_row(row["method"], str(row["run"]), queries, *point, _fixed(row["fitness_found"], 2), fresh, flat)
    out.print(table)


def print_examples(tables: Sequence[dict[str, Any]], out: Console) -> None:
    """Tables 4.1 to 4.4 of Nielson's dissertation: records, then measures beside what is printed there."""
    for number, table in enumerate(tables):
        out.print(Text(f"{chr(10) * bool(number)}Table {table['table']} ({table['method']})", style="bold"))
        records = text_table("record", "data", "perturbed", "error", "change")
        for row in table["records"]:
            change = NOTHING if row["change"] is None else f"{100 * row['change']:+.1f} %"
            records.add_row(*(_amount(row[name]) for name in ("record", "data", "perturbed", "error")), change)
        out.print(records)
        measures = text_table("measure", "value", "printed")
        for row in table["measures"]:
            printed = _fixed(row["printed"], 1) + (", wrong" if row["right"] is False else "")
            measures.add_row(row["measure"], _fixed(row["value"], 1), printed)
        out.print(measures)
        for note in table["notes"]:
            out.print(note)


def _fixed(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _chance(p: float | None) -> str:
    """A p-value; one that is too small for a double as such."""
    return NOTHING if p is None else "< 1e-300" if p == 0.0 else f"{p:.1e}"


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], out: Console) -> None:
    """An answer: its columns and rows, NULL as such, real numbers with two decimals."""
    table = text_table(*columns)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def print_answer(answer: Answer | Refused, how: dict[str, Any] | None, out: Console) -> None:
    """What a session answers, notices on standard error, and how the answer came about where that is known."""
    if isinstance(answer, Refused):
        out.print(f"Refused ({answer.rule}): {answer.message}", soft_wrap=True)
        return
    print_rows(answer.columns, answer.rows, out)
    for notice in answer.notices:
        print(notice, file=sys.stderr)
    if how is not None:
        print_explained(how, out)


EXPLAINED = 40  # rows of a table of `query --explain`


def print_explained(how: dict[str, Any], out: Console) -> None:
    """What `query --explain` found, part by part."""
    out.print(Text("SQL", style="bold"))
    for text in (how["sql"], *how.get("then", ())):
        out.print(Text(text), overflow="fold")
    wanted = ", ".join(name if value is True else f"{name} {value}" for name, value in how["asked"].items() if value)
    out.print(Text("\nAsked of each bucket", style="bold"), Text(wanted or "nothing"), sep="\n")
    for name, rows in how["tables"].items():
        out.print(Text(f"\n{name.capitalize()}", style="bold"))
        if rows:
            print_rows(tuple(rows[0]), (tuple(map(_listed, row.values())) for row in rows[:EXPLAINED]), out)
        if len(rows) > EXPLAINED:
            out.print(f"{len(rows) - EXPLAINED:,} more rows; snoopbench query --explain --json has them all.")


def _listed(value: object) -> object:
    return ", ".join("–" if part is None else str(part) for part in value) if isinstance(value, list) else value


def text_table(*columns: str) -> Table:
    """An empty table in the style of the house; what does not fit is folded."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    return table


def _cell(value: object) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, float):
        return Text(f"{value:,.2f}", justify="right")
    if isinstance(value, int) and not isinstance(value, bool):
        return Text(str(value), justify="right")
    return Text(str(value))


def counted(number: int, thing: str) -> str:
    """A number of things: 1 trial, 2 trials."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _small(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2g}"


def _amount(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


def _interval(bounds: Sequence[float] | None) -> str:
    return NOTHING if bounds is None else f"{bounds[0]:.3f} … {bounds[1]:.3f}"


def _reasons(reasons: dict[str, int]) -> str:
    return " (" + ", ".join(f"{rule} {count:,}" for rule, count in reasons.items()) + ")" if reasons else ""
