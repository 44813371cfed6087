"""Every contract in one file: what a dataset, a defense and an attack are, and what the harness gives them.

A plug-in is a frozen dataclass whose keyword-only fields, made by `param`, are its parameters. Its class name is its
name with underscores for hyphens, in a file of that name.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from harness.errors import ParameterError
from harness.model import Answer, Claim, Delta, Refused, Schema, Table, Update
from harness.sql.plan import Buckets, Plan
from harness.sql.query import Query

if TYPE_CHECKING:
    import pandas as pd


Rows = list[dict[str, Any]]
"""A table for people: one dict a row, the same keys in each."""

Refining = Generator[Sequence[Plan], Buckets, Buckets]
"""Yields plans, is sent their exact buckets, and in the end returns buckets."""


def param(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """A parameter of a plug-in: its default, what it does, its unit and the values it may take (bounds included)."""
    metadata = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Plugin(ABC):  # noqa: B024  (only some kinds have a method that must be written)
    """What all plug-ins share: parameters that are checked when one is built."""

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            value = _checked(type(self).label(), entry, getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)

    @classmethod
    def label(cls) -> str:
        """The registry name."""
        return cls.__name__.replace("_", "-")


def _checked(plugin: str, entry: dataclasses.Field[Any], value: Any) -> Any:
    """The value in the parameter's type, or ParameterError naming plug-in, parameter, value and what is allowed."""
    annotation = entry.type.__name__ if isinstance(entry.type, type) else str(entry.type)
    accepts = {part.strip() for part in annotation.split("|")}
    optional, kinds = "None" in accepts, accepts - {"None"}
    low, high, choices = (entry.metadata.get(name) for name in ("low", "high", "choices"))
    if value is None and optional:
        return None
    if kinds == {"float"} and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kinds == {"int"} and isinstance(value, float) and value.is_integer():
        value = int(value)
    if kinds == {"tuple[str, ...]"}:
        value = (value,) if isinstance(value, str) else value
        right = isinstance(value, tuple) and all(isinstance(v, str) for v in value)
    else:
        right = type(value).__name__ in kinds
    if right and choices:
        right = value in choices
    if right and isinstance(value, int | float) and not isinstance(value, bool):
        right = (low is None or value >= low) and (high is None or value <= high)
    if right:
        return value
    raise ParameterError(
        f"{plugin}: {entry.name}={value!r} is not allowed; {entry.name} is {_allowed(kinds, optional, entry)}."
    )


def _allowed(kinds: set[str], optional: bool, entry: dataclasses.Field[Any]) -> str:
    low, high, choices = (entry.metadata.get(name) for name in ("low", "high", "choices"))
    words = {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "str": "a word (in double quotes what reads as a number)",
    }
    text = " or ".join(words.get(kind, "a list of words") for kind in sorted(kinds))
    if choices:
        text = "one of " + ", ".join(choices)
    if low is not None or high is not None:
        text += f" from {low:g}" if low is not None else ""
        text += f" to {high:g}" if high is not None else (" up" if low is not None else "")
    return text + (", or null" if optional else "")


class Dataset(Plugin):
    """Rows with a user each, and what is known about the columns."""

    random: ClassVar[bool] = True  # a fresh draw a trial; False: the same rows every time
    licence: ClassVar[str] = ""
    source: ClassVar[str] = ""

    @abstractmethod
    def load(self, rng: np.random.Generator) -> Table:
        """The table, those to be joined in `others`. Its uid has no NULL; columns of equal kind in schema and frame."""

    def files(self) -> tuple[str, ...]:
        """The paths of the files that the rows come from (their content is part of a trial's identity)."""
        return ()


class Log(Protocol):
    """What a session was asked before and how its table was updated, oldest first: for defenses that remember."""

    @property
    def schema(self) -> Schema: ...

    @property
    def queries(self) -> Sequence[Query]: ...

    @property
    def updates(self) -> Sequence[Delta]: ...

    @property
    def answered(self) -> Sequence[int]:
        """The positions in `queries` of those that were not refused, ascending."""
        ...

    @property
    def nonce(self) -> bytes:
        """16 bytes of this session: with the number of queries they key what is drawn anew for each query."""
        ...


class Defense(Plugin):
    """What stands between a table and the analyst; each stage does nothing unless it is overridden."""

    reports_noise: ClassVar[bool] = False  # whether count_noise and the like are answered, else they are refused

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        """Data stage: the table that is published instead (use `table.with_frame`)."""
        return table

    # Whether it answers aggregates of expressions, and queries per user. What cannot be computed is NULL, so an
    # expression can choose rows that neither query set nor noise layers know of: sqrt(age - 50) has a value for few.
    computes: ClassVar[bool] = False
    shows_rows: ClassVar[bool] = False  # whether it answers queries without an aggregate, `Query.rows`
    joins: ClassVar[bool] = False  # whether it answers queries of other tables than the main one, `Query.joins`

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        """Query stage: the query as it is, rewritten, with extras per bucket, or refused. Sees no rows."""
        return Plan(query)

    def refine(self, buckets: Buckets) -> Refining:
        """Between query and answer stage: what the exact buckets of a batch show can make other rows of the table
        the right ones to answer from. A generator: each `yield plans` gives the buckets of these plans, and what it
        returns goes to the answer stage, buckets of the same batch (`Buckets.put`). Plans beyond those of the query
        stage depend on rows, so an analyst who measures time can see that they were run: ask for few."""
        yield from ()
        return buckets

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        """Answer stage, for a whole batch at once: distort values, drop buckets. `rng` is fresh noise of this
        session, `buckets.salt` keys noise that must repeat."""
        return buckets

    def update(self, delta: Delta, engine: Engine, log: Log, rng: np.random.Generator) -> Delta | Refused:
        """What becomes of the owner's update on its way to the published table, which `engine` can be asked about:
        the update as it is, another one, or none. A defense that publishes other rows refuses unless it overrides
        this, for new rows would be published as they are."""
        if type(self).protect is Defense.protect:
            return delta
        return Refused("update", f"The defense {self.label()} publishes rows once and takes no updates.")

    def explain(self, buckets: Buckets) -> dict[str, Rows]:
        """Named tables of what the answer to these buckets is made of: for researchers (`query --explain`). A session
        never calls it."""
        return {}

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        """Why this defense cannot work in a hybrid, after `before` and ahead of `after`, or None."""
        return None

    def skip(self, schema: Schema) -> str | None:
        """Why this defense cannot protect such a table, or None."""
        return None


class Session(Protocol):
    """The one query interface. A query that is not answered comes back as `Refused`; nothing is raised for it."""

    @property
    def schema(self) -> Schema: ...

    def query(self, sql: str) -> Answer | Refused: ...

    def query_many(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        """Questions that do not depend on each other: the answers that `query` would give one by one, faster."""
        ...

    def named(self, name: str) -> Session:
        """The session of the analyst of that name with the same table: a log, a budget and fresh noise of its own, the
        limits of the trial and the rows in common. The same name is the same session. Raises PluginError for no name.
        """
        ...

    def update(self, delete: Sequence[object] = (), reinsert: Sequence[object] = ()) -> Refused | None:
        """Have the owner of the data delete all rows of these users, and put back those of others that were deleted so,
        as one update: None when it is done, Refused when the defense does not take it and nothing has changed. It
        counts as one query. Users of whom there is nothing to delete or put back are passed over. For attacks that say
        `updates`. Raises PluginError for a user that the table never had."""
        ...


class Knowledge(Protocol):
    """The ledger of prior knowledge: the table with the secret masked. Each cell that is revealed is charged to P,
    once. The uid is free."""

    @property
    def schema(self) -> Schema: ...

    @property
    def secret(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that can be revealed: all but uid, the secret and what tells it."""
        ...

    @property
    def accomplices(self) -> tuple[object, ...]:
        """The uids of users who tell the attack their secret; they are never victims."""
        ...

    def reveal(self, columns: Sequence[str] = (), uids: Sequence[object] | None = None) -> pd.DataFrame:
        """The cells of these columns, for these users (default: all), indexed by uid in ascending order.

        Raises LedgerError for a column or user that the ledger does not hold. The secret is held for accomplices
        only.
        """
        ...


class Attack(Plugin):
    """What tries to learn, by asking. It sees a session, a ledger, a generator, and nothing else.

    Where it `claims` linkability the ledger is another dataset: its victims are records of which half are in the
    protected table, all others are known to be outside (`harness/linkability.py`). A parameter `pool: int | None` says
    how many of the dataset's users are protected, else half are.
    """

    claims: ClassVar[Literal["inference", "singling-out", "linkability"]] = "inference"
    exact_against_none: ClassVar[bool] = True
    by_uid: ClassVar[bool] = False  # asks for its victims by their uid, which costs nothing
    updates: ClassVar[bool] = False  # has users deleted between queries, `Session.update`
    needs_accomplices: ClassVar[int] = 0  # so many users at least must tell it their secret, `bench --accomplices`
    effort: ClassVar[tuple[str, tuple[int, ...]] | None] = None  # a parameter that it asks more by, and what to try
    home: ClassVar[str] = "employees"  # a dataset on which somebody is eligible: where studies of all attacks run it

    def skip(self, schema: Schema, secret: str) -> str | None:
        """Why this attack cannot be run on such a table and secret, or None."""
        return None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        """The users that meet the precondition, one row each, indexed by uid; the columns are the attack's own.

        Default: all users, no columns. The harness draws the victims among them.
        """
        return knowledge.reveal()

    @abstractmethod
    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterable[Claim]:
        """Attack the victims, rows of what `eligible` returned, and claim. At most one claim a victim."""


class Engine(Protocol):
    """What executes plans on the protected table."""

    def run(self, plans: Sequence[Plan]) -> Buckets:
        """The exact results of a batch. Raises EngineError, whose text says nothing about the rows."""
        ...

    def find(self, update: Update) -> Delta:
        """The rows that an update would remove and add. Raises UpdateError."""
        ...

    def apply(self, delta: Delta) -> Delta:
        """Change the rows. Gives the delta under the row numbers that hold now."""
        ...
