"""The concrete query interface and the ledger: what answers an attack, on the harness's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DeadlineExceeded, EngineError, LedgerError, PluginError, QueryRefused
from harness.model import Answer, Delta, Refused, Schema, Table, Update
from harness.plugin import Defense, Engine
from harness.seeds import generator
from harness.sql import Buckets, Plan, Query, analyse, parse
from harness.sql.answers import answers_of
from harness.sql.query import Aggregate, In, Output, Ref
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
    """What an analyst asked, and all updates, so far: the log that a defense sees, the counts that are reported, and
    the first answers to the first `HEARD` different queries since the last update, by which a defense that does
    nothing is found out."""

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


@dataclass
class Analyst:
    """What is one analyst's own: the name, fresh noise, the history, and what defenses keep for her."""

    name: str
    rng: np.random.Generator
    history: History
    memory: dict[Any, Any] = field(default_factory=dict)


@dataclass
class Common:
    """What the sessions with one table share: the analysts by name, the updates made, the rows of users who were
    deleted on request, by uid, whether the defense kept an update from the table, and whether time is up."""

    analysts: dict[str, Analyst] = field(default_factory=dict)
    updates: list[Delta] = field(default_factory=list)
    away: dict[object, pd.DataFrame] = field(default_factory=dict)
    kept_back: bool = False
    expired: bool = False


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
        self._limits = limits or Limits()
        self._parsed: dict[str, Query | Refused] = {}
        self._read_short = _reader(schema)
        self._common = Common()
        self._analyst = self._enter(analyst, rng)

    def _enter(self, name: str, rng: np.random.Generator) -> Analyst:
        nonce = rng.spawn(1)[0].bytes(16)  # takes nothing from the noise of the answers
        analyst = Analyst(name, rng, History(self._schema, nonce, updates=self._common.updates))
        self._common.analysts[name] = analyst
        return analyst

    @property
    def schema(self) -> Schema:
        return self._schema

    @property
    def history(self) -> History:
        return self._analyst.history

    @property
    def histories(self) -> list[History]:
        """Those of all analysts, the first one's first."""
        return [analyst.history for analyst in self._common.analysts.values()]

    @property
    def asked(self) -> int:
        """Queries, and updates on request, of all analysts together."""
        return sum(history.asked for history in self.histories)

    @property
    def reasons(self) -> Counter[str]:
        """How often each rule refused something, of all analysts together."""
        return sum((history.reasons for history in self.histories), Counter())

    @property
    def kept_back(self) -> bool:
        """Whether the defense did not take an update that an attack asked for."""
        return self._common.kept_back

    @property
    def away(self) -> list[object]:
        """The users who are deleted on an attack's request."""
        return list(self._common.away)

    def named(self, name: str) -> LocalSession:
        """See `harness.plugin.Session.named`."""
        known = self._common.analysts
        if name not in known:
            first = next(iter(known.values()))
            self._enter(name, generator("analyst", first.history.nonce, name))
        session = copy(self)
        session._analyst = known[name]
        return session

    def query(self, sql: str) -> Answer | Refused:
        return self.query_many([sql])[0]

    def query_many(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        """Raises PluginError when the questions are no texts or exceed the limit, DeadlineExceeded when time is up."""
        if any(not isinstance(sql, str) for sql in sqls):
            raise PluginError("A query is a text; something else was sent.")
        self._count(len(sqls))
        results: list[Answer | Refused] = []
        for start, stop in pairwise(_cuts(sqls)):
            results += self._batch(sqls[start:stop])
        self.history.reasons.update(result.rule for result in results if isinstance(result, Refused))
        self._remember(sqls, results)
        return results

    def apply(self, update: Update) -> Refused | None:
        """The owner of the data changes rows between two queries; None when it is done. Never within an attack's
        reach. Raises UpdateError for what cannot be done, and then nothing has changed."""
        return self._make(self._engine.find(update))

    def update(self, delete: Iterable[object] = (), reinsert: Iterable[object] = ()) -> Refused | None:
        """See `harness.plugin.Session.update`; that the table once had these users is the caller's to check."""
        import pandas as pd

        self._count(1)
        self._check_time()
        uid, away = self._schema.uid, self._common.away
        derived = [d.column for d in self._schema.derived]
        gone = self._present(list(dict.fromkeys(delete)))
        back = [user for user in dict.fromkeys(reinsert) if user in away]
        if not gone and not back:
            return None
        rows = pd.concat([away[user] for user in back]).drop(columns=derived) if back else None
        delta = self._engine.find(Update(insert=rows, delete=pd.DataFrame({uid: gone})))
        if (refused := self._make(delta)) is not None:
            self.history.reasons[refused.rule] += 1
            self._common.kept_back = True
            return refused
        for user in back:
            del away[user]
        away.update(iter(delta.removed.groupby(uid)))
        return None

    def _present(self, users: list[Any]) -> list[object]:
        """Those of whom there are rows in the published table."""
        if not users:
            return []
        uid = Ref(self._schema.uid, self._schema.column(self._schema.uid).kind)
        of_them = In(uid, tuple(users))
        query = Query(self._schema.table, uid.name, (Output("uid", 0),), (uid,), (Aggregate("count"),), of_them)
        return list(self._run([Plan(query)]).keys[0])

    def _make(self, delta: Delta) -> Refused | None:
        self._check_time()
        analyst = self._analyst
        said = updated(self._defense, delta, self._engine, analyst.history, analyst.rng)
        if isinstance(said, Refused):
            return said
        self._common.updates.append(self._engine.apply(said))
        for history in self.histories:
            history.heard.clear()
        return None

    def expire(self) -> None:
        """From now on every question raises DeadlineExceeded."""
        self._common.expired = True

    def _count(self, requests: int) -> None:
        self.history.asked += requests
        if self.asked > self._limits.queries:
            raise PluginError(f"The trial asked more than {self._limits.queries:,} queries.")

    def _batch(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        self._check_time()
        plans = [self._plan(sql) for sql in sqls]
        asked = [plan for plan in plans if isinstance(plan, Plan)]
        answers = iter(self._answers(asked))
        return [next(answers) if isinstance(plan, Plan) else plan for plan in plans]

    def _check_time(self) -> None:
        if self._common.expired:
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
        analyst = self._analyst
        buckets = replace(self._run(plans), analyst=analyst.name, memory=analyst.memory)
        buckets = refined(self._defense, buckets, self._run)
        with np.errstate(over="ignore", invalid="ignore"):  # what leaves the doubles ends as NULL
            buckets = answered(self._defense, buckets, analyst.rng)
        return answers_of(buckets)

    def _run(self, plans: Sequence[Plan]) -> Buckets:
        try:
            return self._engine.run(plans)
        except EngineError:
            self._check_time()
            raise


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


class Ledger:
    """Prior knowledge on the harness's side: the true table, one row a user, with the secret masked.

    `revealed` says which cells were paid for: bool, one row a user, one column a ledger column and one the secret.
    """

    def __init__(self, table: Table, secret: str, accomplices: Sequence[object] = ()) -> None:
        hidden = table.schema.masked(secret)
        self.schema = table.schema
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
