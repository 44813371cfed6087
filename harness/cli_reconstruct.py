"""The verb `reconstruct`, beside those of `harness.cli`."""

from __future__ import annotations

import json
from typing import Any

import click

from harness.errors import BenchmarkError

ROUNDINGS = ("exact", "nearest", "nearest-half-down", "floor", "ceil", "half-up", "half-even")
EACH = "each"


@click.command()
@click.argument("statistics", metavar="[STATS.CSV]", required=False)
@click.option("--domain", metavar="DOMAIN.TOML", help="The persons that there can be.")
@click.option("--example", type=click.Choice(["block", "smokers"]), help="A published example instead of files.")
@click.option("--truth", metavar="TRUTH.CSV", help="The true records, to count how much of them was found.")
@click.option("--rounding", type=click.Choice([*ROUNDINGS, EACH]), default="exact", show_default=True,
              help="How medians and means were rounded to their last printed digit; each: try all.")  # fmt: skip
@click.option("--suppression", default=3, show_default=True, help="Counts below it are suppressed (left empty).")
@click.option("--solver", type=click.Choice(["cp-sat", "z3"]), default="cp-sat", show_default=True)
@click.option("--all", "every", is_flag=True, help="Look for all databases, without --limit, and print them all.")
@click.option("--limit", default=1_000, show_default=True, help="The most databases looked for.")
@click.option("--seconds", default=60.0, show_default=True, help="The most seconds of the search.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")
def reconstruct(
    statistics: str | None, domain: str | None, example: str | None, truth: str | None, rounding: Any,
    suppression: int, solver: Any, every: bool, limit: int, seconds: float, as_json: bool,
) -> int:  # fmt: skip
    """Find every database that fits published counts, medians and means, up to the order of its persons.

    STATS.CSV has the columns where (an SQL condition; empty: everybody), count, median and mean; an empty count is
    suppressed, and that is information. DOMAIN.TOML says which persons there can be; docs/reconstruction.md has the
    details. Persons stand in the order of the measure and then of the attributes; a cell is certain when the person in
    that place has the same value in every database that fits.

    Exit status 2: the statistics contradict one another. 1: no database was found within the time. With `--rounding
    each`: under every rounding.
    """
    from harness.report.reconstruct import contradiction, print_each, print_reconstruction
    from harness.report.tables import console
    from harness.studies.reconstruct import Problem
    from harness.studies.reconstruct import example as paths
    from harness.studies.reconstruct import reconstruct as run

    if example and (statistics or domain):
        raise BenchmarkError("--example brings its own statistics and domain; leave out the files.")
    if not example and not (statistics and domain):
        raise BenchmarkError("reconstruct needs STATS.CSV and --domain DOMAIN.TOML, or --example block.")
    files = paths(example) if example else {"statistics": statistics, "domain": domain}
    files |= {"truth": truth} if truth else {}
    bounds = {"suppression": suppression, "solver": solver, "limit": None if every else limit, "seconds": seconds}
    results = [
        run(Problem(**files, rounding=one, explain=rounding != EACH, **bounds))  # type: ignore[arg-type]
        for one in (ROUNDINGS if rounding == EACH else (rounding,))
    ]
    nothing = all(result["complete"] and not result["solutions"] for result in results)
    if as_json:
        click.echo(json.dumps(results if rounding == EACH else results[0], ensure_ascii=False, allow_nan=False))
    elif rounding == EACH:
        print_each(results, console())
    elif not nothing:
        print_reconstruction(results[0], console(), every=every)
    if nothing:
        why = "No database fits under any rounding." if rounding == EACH else contradiction(results[0])
        click.echo(f"snoopbench: {why}", err=True)
        return 2
    return 0 if any(result["solutions"] for result in results) else 1
