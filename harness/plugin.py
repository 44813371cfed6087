"""Every contract in one file: what a dataset, a defense and an attack are, and what the harness gives them.

A plug-in is a frozen dataclass whose keyword-only fields, made by `param`, are its parameters. Its class name is its
name with underscores for hyphens, in a file of that name.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from harness.errors import ParameterError, PluginError
from harness.model import Answer, Claim, Delta, Refused, Schema, Table, Update
from harness.sql.plan import Buckets, Plan
from harness.sql.query import Call, Query

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


def planned(defense: Defense, query: Query, log: Log) -> Plan | Refused:
    """What the query stage says. Raises PluginError naming the defense when it is neither of the two."""
    if not defense.reports_noise and (asked := next((a for a in query.aggregates if a.is_noise), None)) is not None:
        return Refused("not-supported", f"{defense.label()} does not report noise; {asked.function} is not answered.")
    computes = defense.computes or _leaves(defense, "plan", "answer")
    if not computes and any(isinstance(a.on, Call) for a in query.aggregates):
        return Refused("expression", f"{defense.label()} answers aggregates of columns, not of expressions.")
    if not computes and query.per_user:
        return Refused("sub-query", f"{defense.label()} answers no query inside another one that groups by user.")
    if query.joins is not None and not (defense.joins or _leaves(defense, "protect", "plan", "refine", "answer")):
        return Refused("join", f"{defense.label()} answers queries of the table {query.table} alone.")
    if query.rows and not defense.shows_rows:
        return Refused("no-aggregate", "Rows are not shown; ask for aggregates such as count(*), or GROUP BY.")
    said: object = defense.plan(query, log)
    if isinstance(said, Plan | Refused):
        return said
    what = type(said).__name__
    raise PluginError(f"The defense {defense.label()} broke its contract: plan returned a {what}, not Plan or Refused.")


def _leaves(defense: Defense, *stages: str) -> bool:
    """Whether it does nothing in these stages. What only publishes another table has no part in what is computed from
    it, but has none of the tables beside it."""
    return all(getattr(type(defense), stage) is getattr(Defense, stage) for stage in stages)


def refined(defense: Defense, buckets: Buckets, run: Callable[[Sequence[Plan]], Buckets]) -> Buckets:
    """What the answer stage gets, the further plans run by `run`. Raises PluginError naming the defense when it breaks
    the contract of `refine`."""
    steps: object = defense.refine(buckets)
    wrong = f"The defense {defense.label()} broke its contract: "
    if not isinstance(steps, Generator):
        raise PluginError(f"{wrong}refine is a {type(steps).__name__}, not a generator.")
    results = None
    while True:
        try:
            asked = list(steps.send(results))
        except StopIteration as end:
            said: object = end.value
            break
        if not all(isinstance(plan, Plan) for plan in asked):
            raise PluginError(f"{wrong}refine yielded something else than plans.")
        results = run(asked)
    what = _misfit(said, buckets, "refine") if isinstance(said, Buckets) else f"refine returned a {type(said).__name__}"
    if what:
        raise PluginError(f"{wrong}{what}.")
    assert isinstance(said, Buckets)
    return said


def answered(defense: Defense, buckets: Buckets, rng: np.random.Generator) -> Buckets:
    """What the answer stage makes of a batch. Raises PluginError naming the defense when these are no Buckets of that
    batch."""
    said: object = defense.answer(buckets, rng)
    wrong = f"answer returned a {type(said).__name__}, not Buckets"
    if isinstance(said, Buckets):
        wrong = _misfit(said, buckets, "answer")
    if wrong:
        raise PluginError(f"The defense {defense.label()} broke its contract: {wrong}.")
    assert isinstance(said, Buckets)
    return said


def updated(defense: Defense, delta: Delta, engine: Engine, log: Log, rng: np.random.Generator) -> Delta | Refused:
    """What becomes of an update. Raises PluginError naming the defense when it is neither of the two."""
    said: object = defense.update(delta, engine, log, rng)
    if isinstance(said, Delta | Refused):
        return said
    what = type(said).__name__
    raise PluginError(
        f"The defense {defense.label()} broke its contract: update returned a {what}, not Delta or Refused."
    )


def planned_by_all(parts: Sequence[Defense], query: Query, log: Log) -> Plan | Refused:
    """The query stages in a row, each on the query that the one before leaves."""
    plan = Plan(query)
    for part in parts:
        more = planned(part, plan.query, log)
        if isinstance(more, Refused):
            return more
        plan = plan.also(more)
    return plan


def refined_by_all(parts: Sequence[Defense], buckets: Buckets) -> Refining:
    """The parts in a row, each refining what the one before leaves."""
    for part in parts:
        buckets = yield from part.refine(buckets)
    return buckets


def answered_by_all(parts: Sequence[Defense], buckets: Buckets, rng: np.random.Generator) -> Buckets:
    """The answer stages in a row, each on the buckets that the one before leaves, the last drawing from `rng`.

    The others have generators of their own, kept with the session: from a shared one a part would draw for a whole
    batch before the next does, and a batch would differ from its queries one by one.
    """
    own = ("generators", tuple(parts))
    if own not in buckets.memory:
        buckets.memory[own] = rng.spawn(len(parts) - 1)
    for part, generator in zip(parts, [*buckets.memory[own], rng], strict=True):
        buckets = answered(part, buckets, generator)
    return buckets


def _misfit(said: Buckets, asked: Buckets, stage: str) -> str:
    """What keeps these from being the answer to that batch, or nothing."""
    n, slots = len(said.query), asked.values.shape[1]
    if said.plans != asked.plans or len(said.keys) != len(asked.keys):
        return f"{stage} returned Buckets of another batch"
    if getattr(said.values, "shape", None) != (n, slots) or said.values.dtype != np.float64:
        return f"{stage} returned values that are not float64 of shape ({n}, {slots})"
    if any(len(column) != n for column in (*said.keys, said.present, said.users, said.uid_xor)):
        return f"{stage} returned columns of unequal length"
    if (np.diff(said.query) < 0).any():
        return f"{stage} returned buckets out of order"
    return ""


class Session(Protocol):
    """The one query interface. A query that is not answered comes back as `Refused`; nothing is raised for it."""

    @property
    def schema(self) -> Schema: ...

    def query(self, sql: str) -> Answer | Refused: ...

    def query_many(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        """Questions that do not depend on each other: the answers that `query` would give one by one, faster."""
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
    """What tries to learn, by asking. It sees a session, a ledger, a generator, and nothing else."""

    claims: ClassVar[Literal["inference", "singling-out", "linkability"]] = "inference"
    exact_against_none: ClassVar[bool] = True
    by_uid: ClassVar[bool] = False  # asks for its victims by their uid, which costs nothing

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
