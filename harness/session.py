"""The concrete query interface and the ledger: what answers an attack, on the harness's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DeadlineExceeded, EngineError, LedgerError, PluginError, QueryRefused
from harness.model import Answer, Array, Delta, Kind, Refused, Schema, Table, Update
from harness.plugin import Defense, Engine
from harness.sql import Buckets, Plan, Query, analyse, parse
from harness.sql.after import select_rows
from harness.stages import answered, planned, refined, updated

if TYPE_CHECKING:
    import pandas as pd

ANALYST = "analyst"  # who asks, where nobody is named
HEARD = 500
BATCH = 2_000  # questions handled between two looks at the clock, or so many characters of them
BATCH_TEXT = 500_000
SETS = 50  # of them executed at once where the users of each bucket are fetched
PARSED = 200_000  # texts whose parse is remembered
SHORT, SHARED, SCHEMAS = 2_000, 4_000, 8  # texts of so many characters, of so many schemas, also by later sessions


@dataclass(frozen=True)
class Limits:
    """What one trial may use: questions, and seconds."""

    queries: int = 5_000_000
    seconds: float = 600.0


@dataclass
class History:
    """What was asked and updated so far: the log that a defense sees, the counts that are reported, and the first
    answers to the first `HEARD` different queries since the last update, by which a defense that does nothing is
    found out."""

    schema: Schema
    nonce: bytes = b""
    queries: list[Query] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    updates: list[Delta] = field(default_factory=list)
    asked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    heard: dict[str, Answer | Refused] = field(default_factory=dict)

    def add(self, query: Query, plan: Plan | Refused) -> None:
        if isinstance(plan, Plan):
            self.answered.append(len(self.queries))
        self.queries.append(query)


class LocalSession:
    """One analyst's session with one protected table. `query` is `query_many` of one."""

    def __init__(
        self,
        schema: Schema,
        engine: Engine,
        defense: Defense,
        rng: np.random.Generator,
        limits: Limits | None = None,
        analyst: str = ANALYST,
    ) -> None:
        self._schema = schema
        self._engine = engine
        self._defense = defense
        self._rng = rng
        self._limits = limits or Limits()
        self._parsed: dict[str, Query | Refused] = {}
        self._read_short = _reader(schema)
        self._analyst = analyst
        self._memory: dict[Any, Any] = {}
        self.history = History(schema, nonce=rng.spawn(1)[0].bytes(16))  # takes nothing from the noise of the answers
        self.expired = False

    @property
    def schema(self) -> Schema:
        return self._schema

    def query(self, sql: str) -> Answer | Refused:
        return self.query_many([sql])[0]

    def query_many(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        """Raises PluginError when the questions are no texts or exceed the limit, DeadlineExceeded when time is up."""
        if any(not isinstance(sql, str) for sql in sqls):
            raise PluginError("A query is a text; something else was sent.")
        self.history.asked += len(sqls)
        if self.history.asked > self._limits.queries:
            raise PluginError(f"The trial asked more than {self._limits.queries:,} queries.")
        results: list[Answer | Refused] = []
        for start, stop in pairwise(_cuts(sqls)):
            results += self._batch(sqls[start:stop])
        self.history.reasons.update(result.rule for result in results if isinstance(result, Refused))
        self._remember(sqls, results)
        return results

    def apply(self, update: Update) -> Refused | None:
        """The owner of the data changes rows between two queries; None when it is done. Never within an attack's
        reach. Raises UpdateError for what cannot be done, and then nothing has changed."""
        self._check_time()
        said = updated(self._defense, self._engine.find(update), self._engine, self.history, self._rng)
        if isinstance(said, Refused):
            return said
        self.history.updates.append(self._engine.apply(said))
        self.history.heard.clear()
        return None

    def _batch(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        self._check_time()
        plans = [self._plan(sql) for sql in sqls]
        asked = [plan for plan in plans if isinstance(plan, Plan)]
        answers = iter(self._answers(asked))
        return [next(answers) if isinstance(plan, Plan) else plan for plan in plans]

    def _check_time(self) -> None:
        if self.expired:
            raise DeadlineExceeded(f"The trial took more than {self._limits.seconds:g} seconds.")

    def _remember(self, sqls: Sequence[str], results: list[Answer | Refused]) -> None:
        heard = self.history.heard
        for sql, result in zip(sqls, results, strict=True):
            if len(heard) >= HEARD:
                return
            heard.setdefault(sql, result)

    def _plan(self, sql: str) -> Plan | Refused:
        query = self._parse(sql)
        if isinstance(query, Refused):
            return query
        plan = planned(self._defense, query, self.history)
        self.history.add(query, plan)
        return plan

    def _parse(self, sql: str) -> Query | Refused:
        if (known := self._parsed.get(sql)) is None:
            try:
                known = self._read_short(sql) if len(sql) <= SHORT else analyse(parse(sql), self._schema)
            except QueryRefused as refusal:
                known = Refused.of(refusal)
            if len(self._parsed) < PARSED:
                self._parsed[sql] = known
        return known

    def _answers(self, plans: list[Plan]) -> list[Answer]:
        """What the database cannot answer fails the trial: an analyst who saw it would learn about the rows."""
        if not plans:
            return []
        if len(plans) > SETS and any(plan.uid_set for plan in plans):
            return [answer for i in range(0, len(plans), SETS) for answer in self._answers(plans[i : i + SETS])]
        try:
            buckets = replace(self._engine.run(plans), analyst=self._analyst, memory=self._memory)
            buckets = refined(self._defense, buckets, self._engine.run)
        except EngineError:
            self._check_time()
            raise
        with np.errstate(over="ignore", invalid="ignore"):  # what leaves the doubles ends as NULL
            buckets = answered(self._defense, buckets, self._rng)
        return _answers(buckets)


@lru_cache(maxsize=SCHEMAS)
def _reader(schema: Schema) -> Callable[[str], Query]:
    """What a text asks of a table of that schema, remembered by the process: trials ask much of the same, the
    workload above all."""
    return lru_cache(maxsize=SHARED)(lambda sql: analyse(parse(sql), schema))


def _cuts(sqls: Sequence[str]) -> list[int]:
    """Where a batch is cut, so that the clock is looked at often: long texts are dear to answer."""
    texts = np.cumsum([len(sql) for sql in sqls]) // BATCH_TEXT
    chunk = np.maximum.accumulate(texts * len(sqls) + np.arange(len(sqls)) // BATCH) if len(sqls) else texts
    return [*np.flatnonzero(np.diff(chunk, prepend=-1)).tolist(), len(sqls)]


def _answers(buckets: Buckets) -> list[Answer]:
    """One Answer a query of the batch; inf and NaN are NULL."""
    values = np.where(np.isfinite(buckets.values), buckets.values, np.nan)
    columns = [np.ascontiguousarray(column) for column in values.T]
    edges = np.searchsorted(buckets.query, np.arange(len(buckets.plans) + 1)).tolist()
    shapes: dict[int, _Shape] = {}
    answers = []
    for plan, start, stop in zip(buckets.plans, edges[:-1], edges[1:], strict=True):
        query = plan.query
        if (shape := shapes.get(id(query))) is None:
            shape = shapes[id(query)] = _Shape.of(query)
        rows = slice(start, stop)
        slots = [key[rows] for key in buckets.keys[: shape.keys]]
        slots += [_decoded(column[rows], kind) for column, kind in zip(columns, shape.aggregates, strict=False)]
        if shape.rows:
            repeated = np.repeat(np.arange(stop - start), _times(slots[shape.keys]))
            slots = [slot[repeated] for slot in slots]
        if shape.selects:
            chosen = select_rows(query, slots)
            slots = [slot[chosen] for slot in slots]
        data = tuple([slots[i] for i in shape.outputs])
        for column in data:
            column.flags.writeable = False
        answers.append(Answer(shape.names, shape.kinds, data, plan.notices))
    return answers


@dataclass(frozen=True)
class _Shape:
    """What all answers to one query have in common."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    outputs: tuple[int, ...]
    keys: int
    aggregates: tuple[Kind, ...]
    selects: bool
    rows: bool

    @classmethod
    def of(cls, query: Query) -> _Shape:
        return cls(
            tuple(output.name for output in query.outputs),
            tuple(query.slot_kind(output.slot) for output in query.outputs),
            tuple(output.slot for output in query.outputs),
            len(query.keys),
            tuple(aggregate.kind for aggregate in query.aggregates),
            query.having is not None or bool(query.order) or query.limit is not None or query.offset > 0,
            query.rows,
        )


def _times(counts: Array) -> Array:
    """How often rows are repeated: their counts rounded half-even, at least 0 (Diffix-Birch §6.3)."""
    times: Array = np.maximum(np.rint(np.nan_to_num(counts)), 0).astype(np.int64)
    return times


def _decoded(values: Array, kind: Kind) -> Array:
    if kind not in (Kind.DATE, Kind.DATETIME):
        return values
    micros = np.where(np.isnan(values), 0, np.round(values)).astype(np.int64)
    moments = micros.astype("datetime64[us]")
    moments[np.isnan(values)] = np.datetime64("NaT")
    return moments


class Ledger:
    """Prior knowledge on the harness's side: the true table, one row a user, with the secret masked.

    `revealed` says which cells were paid for: bool, one row a user, one column a ledger column and one the secret.
    """

    def __init__(self, table: Table, secret: str, accomplices: Sequence[object] = ()) -> None:
        hidden = table.schema.masked(secret)
        self.people = table.people
        self.secret = secret
        self.accomplices = tuple(accomplices)
        self.columns = tuple(name for name in self.people.columns if name not in hidden)
        self._places = {name: place for place, name in enumerate(self.columns)}
        self._paid = np.zeros((len(self.people), len(self.columns) + 1), dtype=bool)

    @property
    def revealed(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self._paid, index=self.people.index, columns=[*self.columns, self.secret])

    def reveal(self, columns: Sequence[str] = (), uids: Sequence[object] | None = None) -> pd.DataFrame:
        """See `harness.plugin.Knowledge.reveal`."""
        import pandas as pd

        columns = [columns] if isinstance(columns, str) else list(columns)
        for column in columns:
            if column not in self._places and not (column == self.secret and self._confided(uids)):
                raise LedgerError(f"The ledger holds no column {column!r}; it holds {', '.join(self.columns)}.")
        if uids is None:
            rows = np.arange(len(self.people))
        else:
            rows = self.people.index.get_indexer(pd.Index(list(uids)))
            if (rows < 0).any():
                raise LedgerError(f"The ledger holds no user {list(uids)[int(np.argmin(rows))]!r}.")
        places = [self._places.get(column, len(self.columns)) for column in columns]
        self._paid[np.ix_(rows, np.array(places, dtype=np.int64))] = True
        index = self.people.index[rows]
        cells = {column: self.people[column].array[rows].copy() for column in columns}
        return pd.DataFrame(cells, index=pd.Index(index.to_numpy(copy=True), name=index.name), columns=columns)

    def _confided(self, uids: Sequence[object] | None) -> bool:
        return uids is not None and set(uids) <= set(self.accomplices)
