"""Options and manners that the verbs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("attacks", "defenses", "datasets")

seed_option = click.option("--seed", default=1, show_default=True, help="Root of all randomness.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value and nothing else.")
results_option = click.option(
    "--results", default="results", show_default=True, metavar="URL", help="Folder, SQLite file or database URL."
)


def complete(kind: str) -> Any:
    def names(context: click.Context, parameter: click.Parameter, start: str) -> list[str]:
        from harness.registry import names as registered

        return [name for name in registered(kind) if name.startswith(start)]

    return names


def filters(function: F) -> F:
    """--dataset, --secret, --attack and --defense, each of which may be repeated."""
    options = (("defense", "SPEC", "defenses"), ("attack", "SPEC", "attacks"), ("secret", "COLUMN", "secrets"),
               ("dataset", "SPEC", "datasets"))  # fmt: skip
    for name, value, kind in options:
        named = complete(kind) if kind in KINDS else None
        function = click.option(f"--{name}", kind, multiple=True, metavar=value, shell_complete=named,
                                help=f"Only this {name}; repeat it for several.")(function)  # fmt: skip
    return function


def tell(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(note, err=True)


def emit(value: Any) -> None:
    """One JSON value on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str))
