"""The verb `figures`: what is stored, drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from harness.cli_options import emit, filters, json_option, results_option, tell

Rows = list[dict[str, Any]]


def _costs(results: str, defenses: tuple[str, ...]) -> Rows:
    from harness.report.cost import stored_costs

    return stored_costs(results, defenses)


def _ablation(results: str, defenses: tuple[str, ...]) -> Rows:
    from harness.report.ablation import stored_ablation

    return stored_ablation(results)


def _fitness(results: str, defenses: tuple[str, ...]) -> Rows:
    from harness.studies.fitness_figures import Figures, fitness_figures

    figures = Figures()
    return _computed(results, "fitness-figures", figures.plan, lambda: fitness_figures(figures), "a few seconds")


def _computed(results: str, study: str, plan: Mapping[str, Any], run: Callable[[], Rows], long: str) -> Rows:
    """The points of a figure that no verb computes: from the store, else computed and stored, which standard error
    then says."""
    from harness.store import Store
    from harness.studies import kept

    def noted() -> Rows:
        click.echo(f"The store has no points of {study}: computing them takes {long}.", err=True)
        return run()

    return kept(Store(results), study, plan, noted)


def _equations(results: str, defenses: tuple[str, ...]) -> Rows:
    """Points that the store lacks are computed and stored one by one."""
    from harness.store import Store
    from harness.studies.equations import equations, missing

    store = Store(results)
    if lacking := missing(store):
        click.echo(
            f"The store lacks {lacking} points of this figure: all take about ten minutes, and each is kept.", err=True
        )
    return equations(store)


def _membership(results: str, defenses: tuple[str, ...]) -> Rows:
    from harness.studies.membership import Powers, membership

    powers = Powers()
    return _computed(results, "membership", powers.plan, lambda: membership(powers), "a few minutes")


OF_BENCHMARKS = ("kappa", "utility", "sizes", "queries")
_STORED = {"cost": _costs, "ablation": _ablation}  # drawn by default, where there is something
_COMPUTED = {"fitness": _fitness, "equations": _equations, "membership": _membership}
_OF_STUDIES: dict[str, Callable[[str, tuple[str, ...]], Rows]] = {**_STORED, **_COMPUTED}


@click.command()
@click.argument("kinds", nargs=-1, metavar="[KIND]...", type=click.Choice([*OF_BENCHMARKS, *_OF_STUDIES]))
@click.option("--out", default="figures", show_default=True, metavar="FOLDER", help="Where the files go.")
@filters
@results_option
@json_option
def figures(
    kinds: tuple[str, ...], out: str, defenses: tuple[str, ...], attacks: tuple[str, ...], datasets: tuple[str, ...],
    secrets: tuple[str, ...], results: str, as_json: bool,
) -> None:  # fmt: skip
    """Draw what is stored, as PDF, SVG and PNG of one column's width.

    \b
    kappa, utility, sizes  benchmarks
    queries                κ_reach against queries, of benchmarks that snoopbench effort runs
    cost                   snoopbench cost, of which only --defense chooses
    ablation               snoopbench ablation: rows of its default trials and seed, else of most trials
    fitness                Figures 4.1 to 4.10 of Nielson's dissertation (docs/fitness.md)
    equations              the law of the attack equations, and each of its selectors behind Diffix
    membership             the power of the attack membership against the bound, and ROC

    Default: all but the last three, whose points are computed where the store lacks them: a few seconds, ten minutes
    and a few minutes.
    """
    from harness.report.figures import draw, draw_curves, draw_study
    from harness.report.stored import newest, nothing, pooled, selected, stored

    files: list[str] = []
    chosen = kinds or (*OF_BENCHMARKS, *_STORED)
    if of_benchmarks := [kind for kind in chosen if kind in OF_BENCHMARKS]:
        wanted: Any = {"defenses": defenses, "attacks": attacks, "datasets": datasets}
        found, notes = newest(selected(stored(results), wanted, secrets))
        tell(notes)
        files += draw(pooled(found), [kind for kind in of_benchmarks if kind != "queries"], out)
        files += draw_curves(found, out) if "queries" in chosen else []
    for kind in chosen:
        if kind in _OF_STUDIES:
            files += draw_study(kind, _OF_STUDIES[kind](results, defenses), out)
    if as_json:
        emit(files)
    else:
        for file in files:
            click.echo(file)
    if not files and len(chosen) == 1 and chosen[0] in _STORED:
        click.echo(f"Nothing to draw: the store has nothing of it; run snoopbench {chosen[0]} first.", err=as_json)
    elif not files:
        click.echo(nothing(results, "draw"), err=as_json)
