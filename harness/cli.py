"""The command line: thin verbs. Heavy parts are imported where they are used, so that --help is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from harness import __version__
from harness.cli_figures import figures
from harness.cli_options import KINDS, complete, emit, filters, tell
from harness.cli_options import json_option as _json
from harness.cli_options import results_option as _results
from harness.cli_reconstruct import reconstruct
from harness.cli_studies import STUDIES
from harness.errors import UserError, sentence

F = TypeVar("F", bound=Callable[..., Any])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit status: 0 done, 2 the user's mistake, 1 anything else, 130 on Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in options
    if debug:
        words.remove("--debug")
    try:
        return _run(words, debug)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("Interrupted.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        if isinstance(error, click.ClickException):
            return _say(error.format_message(), 2)
        if type(error).__name__ == "Interrupted":
            return _say(str(error), 130)
        return _say(sentence(error), 2 if isinstance(error, UserError) else 1)


def _run(words: list[str], debug: bool) -> int:
    status = cli.main(args=words, prog_name="snoopbench", standalone_mode=False, obj=debug)
    return status if isinstance(status, int) else 0


def _say(message: str, status: int) -> int:
    click.echo(f"snoopbench: {message}", err=True)
    return status


def _spec(name: str, kind: str, default: str | None, text: str) -> Callable[[F], F]:
    needed: dict[str, Any] = {"required": True} if default is None else {"default": default, "show_default": True}
    return click.option(f"--{name}", metavar="SPEC", help=text, shell_complete=complete(kind), **needed)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="snoopbench")
def cli() -> None:
    """Inference attacks against the defenses of a statistical database.

    A SPEC is a name with parameters, such as k-threshold:k=5, or the path of a page of your own (./mine.py). With
    --debug anywhere, an error shows its traceback.
    """


@cli.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@_json
def list_command(kind: str | None, as_json: bool) -> None:
    """Show what there is: attacks, defenses and datasets with their parameters."""
    from harness.report.catalogue import catalogue, print_catalogue

    found = catalogue([kind] if kind else KINDS)
    if as_json:
        emit(found)
    else:
        print_catalogue(found)


@cli.command()
@_spec("defense", "defenses", None, "What protects the table.")
@_spec("attack", "attacks", None, "What tries to learn the secret.")
@_spec("dataset", "datasets", "census", "What is protected; also a file, such as staff.csv:uid=id.")
@click.option("--secret", metavar="COLUMN", help="The column to be learned; default: the dataset's first.")
@click.option("--trials", default=20, show_default=True, help="Independent repetitions.")
@click.option("--victims", default=25, show_default=True, help="Users attacked in one trial, at most.")
@click.option("--baseline", type=click.Choice(["marginal", "conditional"]), default="marginal", show_default=True,
              help="The statistical guess that claims are held against.")  # fmt: skip
@click.option("--tolerance", type=float, help="Share of a numeric secret's interquartile range that counts as right.")
@click.option("--accomplices", default=0, show_default=True, help="Users whose secret the attack may reveal.")
@click.option("--seed", default=1, show_default=True, help="Root of all randomness.")
@click.option("--jobs", default=0, help="Worker processes; default: one a core.")
@click.option("--seconds", type=float, help="Most seconds that one trial may take (default 600).")
@_results
@click.option("--fresh", is_flag=True, help="Run all trials again, whatever is stored.")
@click.option("--isolate", is_flag=True, help="Run the attack in a process of its own, for code you do not trust.")
@_json
def bench(
    defense: str, attack: str, dataset: str, secret: str | None, trials: int, victims: int, baseline: str,
    tolerance: float | None, accomplices: int, seed: int, jobs: int, seconds: float | None, results: str,
    fresh: bool, isolate: bool, as_json: bool,
) -> int:  # fmt: skip
    """Run one attack against one defense on one dataset, and store every trial."""
    from harness.plan import Benchmark, limits
    from harness.report.tables import console, print_summary
    from harness.runner import bench as run
    from harness.score import TOLERANCE
    from harness.store import Store

    if jobs < 0:
        raise UserError(f"--jobs must be 0 (one a core) or more, not {jobs}.")
    benchmark = Benchmark.of(
        defense=defense, attack=attack, dataset=dataset, secret=secret, trials=trials, victims=victims,
        baseline=baseline, tolerance=TOLERANCE if tolerance is None else tolerance, accomplices=accomplices,
        seed=seed, limits=limits(seconds), isolate=isolate,
    )  # fmt: skip
    result = run(benchmark, Store(results), jobs=jobs, fresh=fresh)
    if as_json:
        emit(result)
    else:
        print_summary(result, console())
    return 1 if result["failed_trials"] == result["trials"] else 0


@cli.command()
@_spec("defense", "defenses", None, "What protects the table.")
@_spec("dataset", "datasets", "census", "What is asked; also a file, such as staff.csv:uid=id.")
@click.option("--seed", default=1, show_default=True, help="Root of the data, the salt and the noise.")
@click.option("--explain", is_flag=True, help="Show how the answer came about, with what the defense hides.")
@_json
@click.argument("sql")
def query(defense: str, dataset: str, seed: int, explain: bool, as_json: bool, sql: str) -> None:
    """Ask one SQL question through a defense. The same seed gives the same noise."""
    from harness import asking
    from harness.report.tables import console, print_answer

    how: dict[str, Any] | None = None
    if explain:
        answer, how = asking.explain(defense, dataset, seed, sql)
    else:
        answer = asking.ask(defense, dataset, seed, sql)
    if as_json:
        emit(_answer_json(answer) | ({"explain": how} if explain else {}))
    else:
        print_answer(answer, how, console())


@cli.command()
@_spec("defense", "defenses", None, "What protects the table.")
@_spec("dataset", "datasets", "census", "What is asked; also a file, such as staff.csv:uid=id.")
@click.option("--seed", default=1, show_default=True, help="Root of the data, the salt and the noise.")
@click.pass_obj
def shell(debug: bool | None, defense: str, dataset: str, seed: int) -> None:
    """Ask question after question at a prompt, in one session.

    A statement ends with ; and .help lists the commands. Without a terminal it reads statements and commands from
    standard input, and the first mistake in a command ends it with exit status 2.

    It is for the owner of the data and for learning, never for an analyst: .explain and .defense none show what a
    defense hides.
    """
    from harness.shell import run

    run(defense, dataset, seed, debug=bool(debug))


def _answer_json(answer: Any) -> dict[str, Any]:
    from harness.model import Refused

    if isinstance(answer, Refused):
        refused = {"rule": answer.rule, "message": answer.message}
        return {"columns": [], "rows": [], "notices": [], "refused": refused}
    rows = [list(row) for row in answer.rows]
    return {"columns": list(answer.columns), "rows": rows, "notices": list(answer.notices), "refused": None}


@cli.command()
@_results
@click.option("--all", "every", is_flag=True, help="Older and incomplete versions of a benchmark as well.")
@_json
def show(results: str, every: bool, as_json: bool) -> None:
    """Show the benchmarks of a results store, of each the newest complete version."""
    from harness.report.stored import newest, stored
    from harness.report.tables import console, print_overview

    found, notes = (stored(results), []) if every else newest(stored(results))
    tell(notes)
    summaries = [one.summary() for one in found]
    if as_json:
        emit(summaries)
    elif not found:
        click.echo("The store is empty; run snoopbench bench first.")
    else:
        print_overview(summaries, console())


@cli.command()
@click.option("--by", type=click.Choice(["defense", "attack"]), default="defense", show_default=True,
              help="What differs within a family; the other one is shared.")  # fmt: skip
@click.option("--against", metavar="SPEC",
              help="Only pairs with this defense (--by attack: attack) as reference, and Holm over these.")  # fmt: skip
@filters
@_results
@_json
def compare(
    by: str, against: str | None, defenses: tuple[str, ...], attacks: tuple[str, ...], datasets: tuple[str, ...],
    secrets: tuple[str, ...], results: str, as_json: bool,
) -> None:  # fmt: skip
    """Test stored benchmarks against one another: Welch's test on κ_reach per trial, Holm's correction.

    A family shares dataset, secret, victims, baseline, tolerance, accomplices and attack (--by attack: defense).
    """
    from harness.report.compare import compare as pairs_of
    from harness.report.compare import print_comparisons
    from harness.report.stored import nothing, read
    from harness.report.tables import console

    found, notes = read(results, {"defenses": defenses, "attacks": attacks, "datasets": datasets}, secrets)
    tell(notes)
    compared = pairs_of(found, "attack" if by == "attack" else "defense", against)
    if as_json:
        emit(compared)
    elif compared:
        print_comparisons(compared, console())
    if not compared:
        click.echo(nothing(results, "compare"), err=as_json)


@cli.command()
@_results
@click.argument("file", type=click.Path(dir_okay=False))
def export(results: str, file: str) -> None:
    """Write all stored trials to FILE, a .csv or .parquet, one row a trial."""
    from harness.report.stored import export as write

    count = write(results, file)
    click.echo(f"{count:,} trials written to {file}.", err=True)


@cli.command()
@click.argument("kind", type=click.Choice(["attack", "defense", "dataset"]))
@click.argument("name")
def new(kind: Any, name: str) -> None:
    """Write NAME.py in this folder: a complete page of your own to start from."""
    from pathlib import Path

    from harness.scaffold import new_page

    path, trial = new_page(kind, name, Path())
    click.echo(f"{path.name} is written, and works as it is. Change it, and try it with\n")
    click.echo(f"    snoopbench check ./{path.name}\n    {trial}")


@cli.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--kind", type=click.Choice(["attack", "defense", "dataset"]), help="Where a SPEC could be several.")
@_json
@click.pass_obj
def check(debug: bool | None, specs: tuple[str, ...], kind: str | None, as_json: bool) -> int:
    """Check that plug-ins keep their contract: pages of your own or registered ones."""
    from harness.checks import examine, subject_of
    from harness.report.tables import console, print_findings

    subjects = [subject_of(spec, f"{kind}s" if kind else None) for spec in specs]  # type: ignore[arg-type]
    reports = []
    for subject in subjects:
        findings = examine(subject, debug=bool(debug))
        passed = all(finding.status != "failed" for finding in findings)
        checks = [vars(finding) for finding in findings]
        reports.append({"spec": subject.given, "kind": subject.kind[:-1], "passed": passed, "checks": checks})
        if not as_json:
            print_findings(reports[-1], console())
    if as_json:
        emit(reports)
    return 0 if all(report["passed"] for report in reports) else 1


@cli.command()
@_json
def doctor(as_json: bool) -> None:
    """Show versions, threads and space: what to send along with a question."""
    from harness.report.catalogue import doctor as examine
    from harness.report.tables import console, print_rows

    found = examine()
    if as_json:
        emit(found)
    else:
        print_rows(("what", "found"), found.items(), console())


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, for example: eval "$(snoopbench completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "snoopbench", "_SNOOPBENCH_COMPLETE").source())


for verb in (*STUDIES, figures, reconstruct):
    cli.add_command(verb)


if __name__ == "__main__":
    sys.exit(main())
