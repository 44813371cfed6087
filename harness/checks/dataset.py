"""What a dataset must be."""

from __future__ import annotations

from pathlib import Path

from harness.checks.subject import Check, Subject, expect
from harness.model import Table
from harness.seeds import generator
from harness.session import Ledger
from harness.trial import checked


def _table(subject: Subject, seed: int = 1) -> Table:
    table: object = subject.built_again().load(generator("check", seed))
    expect(isinstance(table, Table), f"load returned a {type(table).__name__}, not a Table.")
    assert isinstance(table, Table)
    return checked(table, subject.given)


def frame_and_schema_agree(subject: Subject) -> None:
    """The frames have the columns and kinds of their schemas, the main one at least one row and no NULL among the uids;
    of several tables, each has a name of its own, a single one is called like the dataset."""
    schema = _table(subject).schema
    name = subject.cls.__name__
    expect(schema.table == name or schema.others, f"In SQL the table is called {schema.table}, not {name}.")


def same_seed_same_rows(subject: Subject) -> None:
    """The same generator gives the same rows; another one others, unless `random` is False."""
    tables, repeated, changed = (_table(subject, seed) for seed in (1, 1, 2))
    for one, same in zip((tables, *tables.others), (repeated, *repeated.others), strict=True):
        expect(one.frame.equals(same.frame), f"Two loads of {one.schema.table} under the same seed differ.")
    first, other = tables.frame, changed.frame
    if subject.cls.random:  # type: ignore[attr-defined]
        expect(not first.equals(other), "Another seed gives the same rows: set random = False.")
    else:
        expect(first.equals(other), "Another seed gives other rows although random = False.")


def derived_columns_follow(subject: Subject) -> None:
    """Derived columns are what their sources make them."""
    table = _table(subject)
    for derived in table.schema.derived:
        right = derived.of(table.frame[derived.source]).tolist()
        expect(table.frame[derived.column].tolist() == right, f"{derived.column} does not follow {derived.source}.")


def secrets_can_be_kept(subject: Subject) -> None:
    """It names at least one secret; each is hidden from prior knowledge, and something else is left to be known."""
    table = _table(subject)
    schema = table.schema
    expect(schema.secrets, "The schema names no secret.")
    for secret in schema.secrets:
        expect(secret != schema.uid and schema.uid not in schema.masked(secret), f"The uid tells the secret {secret}.")
        ledger = Ledger(table, secret)
        expect(secret in ledger.people, f"The users' rows differ in {secret}, so no user has one value of it.")
        expect(ledger.columns, f"Besides {secret} there is nothing that an attack could know.")


def says_where_it_comes_from(subject: Subject) -> None:
    """Licence and source are given, and its files exist."""
    plugin = subject.plugin
    expect(plugin.licence, "licence is empty.")
    expect(plugin.source, "source is empty.")
    for path in plugin.files():
        expect(Path(path).is_file(), f"There is no file {path}.")


CHECKS: tuple[Check, ...] = (
    frame_and_schema_agree,
    same_seed_same_rows,
    derived_columns_follow,
    secrets_can_be_kept,
    says_where_it_comes_from,
)
