"""The wall between an attack and the harness: the attack runs in a thread of its own, behind two queues. With
`--isolate` the same messages cross a pipe to a process of its own (`harness.isolate`).

What the attack holds (`BlindSession`, `BlindKnowledge`) has the queues and public facts only, so no attribute,
closure or bound method of it leads to a table, a truth, a salt or a store. This guards against accident and
shortcut, not against a plug-in that walks frames or imports a dataset.
"""

from __future__ import annotations

import ctypes
import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ClaimError, DeadlineExceeded, LedgerError, PluginError, SnoopBenchError
from harness.model import Answer, Claim, Refused, Schema
from harness.plugin import Attack
from harness.score import clean

if TYPE_CHECKING:
    import pandas as pd

    from harness.session import Ledger, LocalSession


class Over(BaseException):
    """Ends the attack's thread when its trial is over."""


class Line:
    """One question at a time through two queues."""

    __slots__ = ("replies", "requests")

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.replies: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def say(self, what: str, payload: Any) -> None:
        self.requests.put((what, payload))

    def ask(self, what: str, payload: Any) -> Any:
        self.say(what, payload)
        reply = self.replies.get()
        if isinstance(reply, BaseException):
            raise reply
        return reply


class BlindSession:
    """What an attack gets as `harness.plugin.Session`."""

    __slots__ = ("_line", "_name", "_schema", "_updates")

    def __init__(self, line: Line, schema: Schema, updates: bool, name: str | None = None) -> None:
        self._line = line
        self._schema = schema
        self._updates = updates
        self._name = name

    @property
    def schema(self) -> Schema:
        return self._schema

    def query(self, sql: str) -> Answer | Refused:
        return self.query_many([sql])[0]

    def query_many(self, sqls: Sequence[str]) -> list[Answer | Refused]:
        answers: list[Answer | Refused] = self._line.ask("query", (self._name, list(sqls)))
        return answers

    def named(self, name: str) -> BlindSession:
        if not name or type(name) is not str:
            raise PluginError("An analyst's name is a text that is not empty.")
        return BlindSession(self._line, self._schema, self._updates, name)

    def update(self, delete: Sequence[object] = (), reinsert: Sequence[object] = ()) -> Refused | None:
        if not self._updates:
            raise PluginError("The attack has rows changed and does not say so: updates = True.")
        (said,) = self._line.ask("update", (self._name, list(delete), list(reinsert)))
        refused: Refused | None = said
        return refused


class BlindKnowledge:
    """What an attack gets as `harness.plugin.Knowledge`."""

    __slots__ = ("_accomplices", "_columns", "_line", "_schema", "_secret")

    def __init__(
        self, line: Line, schema: Schema, secret: str, columns: tuple[str, ...], accomplices: tuple[object, ...]
    ) -> None:
        self._line = line
        self._schema = schema
        self._secret = secret
        self._columns = columns
        self._accomplices = accomplices

    @property
    def schema(self) -> Schema:
        return self._schema

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    @property
    def accomplices(self) -> tuple[object, ...]:
        return self._accomplices

    def reveal(self, columns: Sequence[str] = (), uids: Sequence[object] | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._line.ask("reveal", (columns, None if uids is None else list(uids)))
        return frame


@dataclass(frozen=True)
class Outcome:
    """What an attack did: how many were eligible, whom it was set on, what it claimed."""

    eligible: int
    victims: tuple[object, ...]
    claims: tuple[Claim, ...]


def conduct(
    attack: Attack,
    session: LocalSession,
    ledger: Ledger,
    draw: Callable[[pd.DataFrame], pd.DataFrame],
    rng: np.random.Generator,
    seconds: float,
) -> Outcome:
    """Run the attack behind the wall and serve it until it ends.

    `draw` picks the victims' rows from the eligible. Raises PluginError with the attack's traceback when it fails,
    DeadlineExceeded when `seconds` are over.
    """
    line = Line()
    facts = (session.schema, ledger.secret, ledger.columns, ledger.accomplices)
    thread = threading.Thread(target=play, args=(attack, line, *facts, rng), name="attack", daemon=True)
    thread.start()
    try:
        return serve(line, Desk(session, ledger, draw), seconds)
    except BaseException:
        line.replies.put(Over())
        _stop(thread)
        raise


def serve(line: Line, desk: Desk, seconds: float) -> Outcome:
    """Answer what comes through the line until the attack is done, has failed, or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            what, payload = line.requests.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise DeadlineExceeded(f"The trial took more than {seconds:g} seconds.") from None
        if what == "done":
            return Outcome(desk.eligible, desk.victims, clean(payload))
        if what == "failed":
            raise PluginError(payload)
        if what == "unfit":
            raise ClaimError(payload)
        try:
            reply = desk.serve(what, payload)
        except LedgerError as error:
            reply = LedgerError(str(error))  # a fresh one: the caught one's traceback leads to the ledger
        line.replies.put(reply)


def _stop(thread: threading.Thread) -> None:
    """End a thread that may never ask again, at its next bytecode."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Over))


class Desk:
    """Answers the attack's requests."""

    def __init__(self, session: LocalSession, ledger: Ledger, draw: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        self.session = session
        self.ledger = ledger
        self.draw = draw
        self.drawn = False
        self.eligible = 0
        self.victims: tuple[object, ...] = ()

    def serve(self, what: str, payload: Any) -> Any:
        if what == "query":
            name, sqls = payload
            return self._of(name).query_many(sqls)
        if what == "update":
            name, *users = payload
            return [self._of(name).update(*map(self._known, users))]
        if what == "reveal":
            return self.ledger.reveal(*payload)
        if what != "victims" or self.drawn:
            raise PluginError(f"The attack asked for {what!r} out of turn; victims are drawn once.")
        self.drawn = True
        victims = self.draw(payload)
        self.eligible = len(payload)
        self.victims = tuple(victims.index.tolist())
        return victims

    def _of(self, name: str | None) -> LocalSession:
        return self.session if name is None else self.session.named(name)

    def _known(self, users: list[object]) -> list[object]:
        """The users as the table has them. Raises PluginError for one that it never had."""
        import pandas as pd

        people = self.ledger.people.index
        rows = people.get_indexer(pd.Index(users)) if users else np.zeros(0, dtype=np.int64)
        if (rows < 0).any():
            raise PluginError(f"There is no user {users[int(np.argmin(rows))]!r} to delete or put back.")
        return list(people[rows])


def play(
    attack: Attack,
    line: Line,
    schema: Schema,
    secret: str,
    columns: tuple[str, ...],
    accomplices: tuple[object, ...],
    rng: np.random.Generator,
) -> None:
    """The attack's side of the wall: nothing but the attack's own things is in reach of its frames."""
    session = BlindSession(line, schema, attack.updates)
    knowledge = BlindKnowledge(line, schema, secret, columns, accomplices)
    try:
        victims = line.ask("victims", attack.eligible(knowledge))
        claims = list(attack.run(session, knowledge, victims, rng)) if len(victims) else []
    except Over:
        return
    except SnoopBenchError as error:
        line.say("failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    except BaseException:
        line.say("failed", traceback.format_exc())
    else:
        line.say("done", claims)
