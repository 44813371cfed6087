"""The verbs of the matrix and the studies, beside those of `harness.cli`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import click

from harness.cli_options import emit, results_option
from harness.cli_options import json_option as _json
from harness.cli_options import seed_option as _seed

_fresh = click.option("--fresh", is_flag=True, help="Run again, whatever is stored.")


def _workers(context: click.Context, parameter: click.Parameter, jobs: int) -> int:
    from harness.errors import BenchmarkError

    if jobs < 0:
        raise BenchmarkError(f"--jobs must be 0 (one a core) or more, not {jobs}.")
    return jobs


def _kept(
    results: str, study: str, plan: Mapping[str, Any], run: Callable[[], list[dict[str, Any]]], fresh: bool
) -> list[dict[str, Any]]:
    """`harness.studies.kept`, which says so on standard error where the rows came from the store."""
    from harness.store import Store
    from harness.studies import kept

    ran = False

    def noted() -> list[dict[str, Any]]:
        nonlocal ran
        ran = True
        return run()

    rows = kept(Store(results), study, plan, noted, fresh=fresh)
    if not ran:
        click.echo("This came from the store (--fresh runs it again).", err=True)
    return rows


@click.command()
@click.option("--databases", default=100_000, show_default=True, help="Databases drawn.")
@click.option("--size", default=1_000, show_default=True, help="Values of a database.")
@click.option("--queries", default=100, show_default=True, help="Queries of a database.")
@click.option("--methods", metavar="NAMES", help="Perturbation methods, separated by commas; default: all.")
@_seed
@click.option("--jobs", default=0, callback=_workers, help="Worker threads; default: one a core.")
@results_option
@_fresh
@click.option("--examples", is_flag=True, help="Show Tables 4.1 to 4.4 worked out instead; nothing is run.")
@_json
def fitness(
    databases: int, size: int, queries: int, methods: str | None, seed: int, jobs: int, results: str, fresh: bool,
    examples: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run the main experiment of Nielson's dissertation: a fitness score of perturbation methods.

    The lower the better; t, df, p and g compare each method with nielson. "t printed" is the dissertation's, which
    divides the standard deviation by n where Welch divides the variance. docs/fitness.md has the published numbers.
    """
    from harness.report.tables import console, print_fitness
    from harness.studies.fitness import METHODS, Experiment
    from harness.studies.fitness import fitness as run

    if examples:
        return _examples(as_json)
    names = METHODS if methods is None else tuple(name.strip() for name in methods.split(","))
    experiment = Experiment(databases, size, queries, names, seed)
    rows = _kept(results, "fitness", asdict(experiment), lambda: run(experiment, jobs=jobs), fresh)
    if as_json:
        emit(rows)
    else:
        print_fitness(rows, console())


def _examples(as_json: bool) -> None:
    from harness.report.tables import console, print_examples
    from harness.studies.fitness_examples import examples

    if as_json:
        emit(examples())
    else:
        print_examples(examples(), console())


@click.command()
@click.option("--generations", default=1_000, show_default=True, help="Evaluations of a search.")
@click.option("--databases", default=1_000, show_default=True, help="Databases of an evaluation.")
@click.option("--size", default=1_000, show_default=True, help="Values of a database.")
@click.option("--queries", default=100, show_default=True, help="Queries of a database.")
@click.option("--runs", default=1, show_default=True, help="Runs of the evolution.")
@_seed
@click.option("--jobs", default=0, callback=_workers, help="Worker threads; default: one a core.")
@results_option
@_fresh
@_json
def evolve(
    generations: int, databases: int, size: int, queries: int, runs: int, seed: int, jobs: int, results: str,
    fresh: bool, as_json: bool,
) -> None:  # fmt: skip
    """Search the parameters of nielson that give the lowest fitness, as Nielson's dissertation did.

    Differential evolution gets the same bounded objective and as many queries. Winners are evaluated again on fresh
    databases. "γ flat" is the range of γ in which the search could not tell a difference; docs/fitness.md says more.
    """
    from harness.report.tables import console, print_searches
    from harness.studies.evolve import Search
    from harness.studies.evolve import evolve as run

    search = Search(generations, databases, size, queries, runs, seed)
    rows = _kept(results, "evolve", asdict(search), lambda: run(search, jobs=jobs), fresh)
    if as_json:
        emit(rows)
    else:
        print_searches(rows, console())


@click.command()
@click.option("--defense", "defenses", multiple=True, metavar="SPEC",
              help="What is timed; repeat it for several. Default: all built-in defenses.")  # fmt: skip
@click.option("--from", "low", default=1_000, show_default=True, help="Rows of the smallest table.")
@click.option("--to", "high", default=10_000_000, show_default=True, help="Rows of the largest one, ten times by ten.")
@click.option("--seconds", default=60.0, show_default=True, help="Most processor seconds of one defense on one table.")
@_seed
@results_option
@click.option("--fresh", is_flag=True, help="Measure again, whatever is stored.")
@_json
def cost(
    defenses: tuple[str, ...], low: int, high: int, seconds: float, seed: int, results: str, fresh: bool, as_json: bool
) -> int:
    """Time protecting a table and answering ordinary queries, beside `none`, as the table grows.

    Every point runs in a process of its own, is stopped at the limit and is stored. Seconds are processor time of one
    thread. snoopbench figures cost draws what is stored; docs/cost.md says more.
    """
    from harness.report.cost import print_costs
    from harness.report.tables import console
    from harness.store import Store
    from harness.studies.cost import Cost
    from harness.studies.cost import cost as run

    plan = Cost.of(defenses, low=low, high=high, seconds=seconds, seed=seed)
    rows = run(plan, Store(results), fresh=fresh)
    if as_json:
        emit(rows)
    else:
        print_costs(rows, console())
    return 1 if all(row["failed"] for row in rows) else 0


@click.command()
@click.option("--defense", "defenses", multiple=True, metavar="SPEC", help="Repeat it for several; default: all.")
@click.option("--attack", "attacks", multiple=True, metavar="SPEC", help="Repeat it for several; default: all.")
@click.option("--dataset", metavar="SPEC", default="census", show_default=True, help="What is protected.")
@click.option("--secret", metavar="COLUMN", help="The column to be learned; default: the dataset's first.")
@click.option("--trials", default=20, show_default=True, help="Independent repetitions of a pair.")
@click.option("--victims", default=25, show_default=True, help="Users attacked in one trial, at most.")
@_seed
@click.option("--jobs", default=0, callback=_workers, help="Worker processes; default: one a core.")
@results_option
@click.option("--fresh", is_flag=True, help="Run all trials again, whatever is stored.")
@_json
def matrix(
    defenses: tuple[str, ...], attacks: tuple[str, ...], dataset: str, secret: str | None, trials: int, victims: int,
    seed: int, jobs: int, results: str, fresh: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run every attack against every defense on one dataset: a bench for each pair.

    Stored trials are not run again. A pair that fails or cannot be run does not stop the others; the exit status is 1
    where a pair has no trial that worked. An attack that needs accomplices has 100 for each that it needs. snoopbench
    compare, figures and show read the same store.
    """
    from harness import registry
    from harness.plan import Benchmark
    from harness.report.tables import console, print_matrix
    from harness.runner import matrix as run
    from harness.store import Store
    from harness.studies.effort import ACCOMPLICES

    def benchmark(defense: str, attack: str) -> Benchmark:
        return Benchmark.of(
            defense=defense, attack=attack, dataset=dataset, secret=secret, trials=trials, victims=victims, seed=seed,
            accomplices=ACCOMPLICES * registry.attack(attack)[0].needs_accomplices,
        )  # fmt: skip

    of = defenses or sorted(registry.names("defenses")), attacks or sorted(registry.names("attacks"))
    pairs = [benchmark(defense, attack) for defense in of[0] for attack in of[1]]
    found = run(list(dict.fromkeys(pairs)), Store(results), jobs=jobs, fresh=fresh)
    if as_json:
        emit(found)
    else:
        print_matrix(found, console())
    return 1 if any(one["failed_trials"] == one["trials"] for one in found) else 0


@click.command()
@click.option("--attack", "attacks", multiple=True, metavar="SPEC", help="Repeat it for several; default: all.")
@click.option("--defense", "defenses", multiple=True, metavar="SPEC",
              help="Repeat it; default: none, k-threshold, output-perturbation, sticky and diffix.")  # fmt: skip
@click.option("--dataset", metavar="SPEC", help="What is protected; default: what each attack is at home on.")
@click.option("--secret", metavar="COLUMN", help="The column to be learned; default: the dataset's first.")
@click.option("--trials", default=20, show_default=True, help="Independent repetitions at each effort.")
@click.option("--victims", default=25, show_default=True, help="Users attacked in one trial, at most.")
@_seed
@click.option("--jobs", default=0, callback=_workers, help="Worker processes; default: one a core.")
@results_option
@click.option("--fresh", is_flag=True, help="Run all trials again, whatever is stored.")
@_json
def effort(
    attacks: tuple[str, ...], defenses: tuple[str, ...], dataset: str | None, secret: str | None, trials: int,
    victims: int, seed: int, jobs: int, results: str, fresh: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run attacks at rising effort: how κ_reach grows with the number of queries, and whether it has stopped growing.

    An attack that asks more when a parameter is raised says which (snoopbench list attacks), and is tried up to where
    it wins; others run once. One that needs accomplices has 100 for each that it needs. A curve is flat, won or
    budget-bound at its end; docs/attacks.md has the rule. snoopbench figures queries draws the curves.
    """
    from harness.report.effort import curves, print_curves
    from harness.report.stored import of_benchmarks
    from harness.report.tables import console
    from harness.store import Store
    from harness.studies.effort import effort as run
    from harness.studies.effort import ladders

    planned = ladders(attacks, defenses, dataset=dataset, secret=secret, trials=trials, victims=victims, seed=seed)
    store = Store(results)
    found = run(planned, store, jobs=jobs, fresh=fresh)
    for _, one in found:
        if one["skipped"]:
            click.echo(f"{one['attack']} against {one['defense']} is skipped: {one['skipped']}", err=True)
    made = curves(of_benchmarks([benchmark for benchmark, _ in found], store))
    if as_json:
        emit([curve.row() for curve in made])
    else:
        print_curves(made, console())
    return 1 if any(one["failed_trials"] == one["trials"] for _, one in found) else 0


@click.command()
@click.argument("specs", metavar="[SPEC]...", nargs=-1)
@click.option("--dataset", metavar="SPEC", default="employees:size=20000", show_default=True, help="What is protected.")
@click.option("--draws", default=10, show_default=True, help="Independent draws of data and salt.")
@_seed
@results_option
@click.option("--fresh", is_flag=True, help="Measure again, whatever is stored.")
@_json
def properties(
    specs: tuple[str, ...], dataset: str, draws: int, seed: int, results: str, fresh: bool, as_json: bool
) -> None:
    """Measure whether defenses answer the same every time, more accurately with more records, and every query.

    These are the tests of Nielson's dissertation; and on which secrets a defense acts at all. SPEC is a defense, such
    as rounding:base=10 or ./mine.py; default: all that are registered.
    """
    from harness import registry
    from harness.report.properties import print_properties
    from harness.report.tables import console
    from harness.store import Store
    from harness.studies.properties import Plan
    from harness.studies.properties import properties as run

    plan = Plan(dataset=dataset, draws=draws, seed=seed)
    rows = run(specs or sorted(registry.names("defenses")), plan, Store(results), fresh=fresh)
    if as_json:
        emit(rows)
    else:
        print_properties(rows, console())


@click.command()
@click.option("--mechanism", "--row", "wanted", multiple=True, metavar="TEXT",
              help="Only rows whose mechanism or attack contains this; repeat it for several.")  # fmt: skip
@click.option(
    "--trials", type=int, help="Trials of each side of a row; default: each row's own, 20 in most, of residual SDs 10."
)
@_seed
@click.option("--jobs", default=0, callback=_workers, help="Worker processes; default: one a core.")
@results_option
@click.option("--fresh", is_flag=True, help="Run all trials again, whatever is stored.")
@_json
def ablation(
    wanted: tuple[str, ...], trials: int | None, seed: int, jobs: int, results: str, fresh: bool, as_json: bool
) -> int:
    """Run every mechanism off and on against the attack that motivates it (about ten minutes on two cores).

    p is Welch's, corrected over the rows after Holm; a bound is what theory gives. Stored trials are not run again, and
    snoopbench figures ablation draws what is stored. docs/ablation.md derives the bounds. The exit status is 1 where a
    row could not be measured.
    """
    from harness.report.ablation import print_ablation
    from harness.report.tables import console
    from harness.store import Store
    from harness.studies.ablation import Ablation
    from harness.studies.ablation import ablation as run

    rows = run(Ablation.of(wanted, trials=trials, seed=seed), Store(results), jobs=jobs, fresh=fresh)
    if as_json:
        emit(rows)
    else:
        print_ablation(rows, console())
    return 1 if any(row["difference"] is None and not row["skipped"] for row in rows) else 0


STUDIES = (matrix, effort, ablation, properties, fitness, evolve, cost)
