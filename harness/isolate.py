"""An attack in a process of its own, for code that is not trusted: the messages of `harness.channel` over two pipes.

    harness ── pickle ──► a fresh interpreter: the attack, the schema, a generator, and nothing else
            ◄── JSON ───  one line a message, plain values only

The child is a new interpreter and no fork, so that nothing of the table, the truth, the salt, the seed or the store
was ever in its memory; its environment is an allow-list and its arguments are constant. What it sends is read as data
and never unpickled, and a page that is isolated is not even imported on the harness's side.

What this does not take away: the child has the rights of the user who started it, to files, network and processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from harness import registry, specs
from harness.channel import Desk, Line, Outcome, play, serve
from harness.errors import ClaimError, PluginError, UserError
from harness.model import TYPICAL, Answer, Claim, Inference, Linkability, Refused, Schema, SinglingOut
from harness.plugin import Attack
from harness.score import clean, plain

if TYPE_CHECKING:
    import pandas as pd

    from harness.session import Ledger, LocalSession

ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE",
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR", "NPY_DISABLE_CPU_FEATURES",  # they decide the last digit
)  # fmt: skip
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONGEST = 2**30  # bytes of one message
LOOK = 60.0  # seconds to look at a page
GRACE = 10  # seconds that a child whose harness is gone may outlive its time limit, at most


def conduct(
    spec: str,
    session: LocalSession,
    ledger: Ledger,
    draw: Callable[[pd.DataFrame], pd.DataFrame],
    rng: np.random.Generator,
    seconds: float,
) -> Outcome:
    """`harness.channel.conduct` with the attack of that spec in a process of its own, the numbers being the same.

    Raises PluginError naming the signal or exit status when the process dies.
    """
    line = Line()
    facts = (session.schema, ledger.secret, ledger.columns, ledger.accomplices)
    with _child(line, ("play", spec, seconds, (*facts, rng))):
        return serve(line, Desk(session, ledger, draw), seconds)


def named(spec: str) -> tuple[str, str]:
    """The canonical spec of an attack whose page must not run in this process, and the sort of its claims. Raises
    UserError."""
    ref = specs.parse_one(spec, "attack").ref
    if not specs.Part(ref).is_path:
        return registry.attack_named(spec)
    told, claims = map(str, _look("named", spec))
    if specs.canonical(specs.parse(told)) != told or specs.parse_one(told, "attack").ref != ref:
        raise PluginError(f"{ref} gives a spec of its own that is none: {told!r}.")
    return told, claims


def skip(spec: str, schema: Schema, secret: str, accomplices: int) -> str | None:
    """`skipped` of an attack whose page must not run in this process."""
    if not specs.parse_one(spec, "attack").is_path:
        return skipped(registry.attack(spec)[0], schema, secret, accomplices)
    told: str | None = _look("skip", spec, schema, secret, accomplices)
    return told


def skipped(attack: Attack, schema: Schema, secret: str, accomplices: int) -> str | None:
    """Why the attack cannot be run with so many accomplices, on such a table and secret, or None."""
    if accomplices < attack.needs_accomplices:
        return (
            f"{attack.label()} needs users who tell it their secret: --accomplices {attack.needs_accomplices} or more"
        )
    return attack.skip(schema, secret)


def _look(what: str, spec: str, *facts: Any) -> Any:
    line = Line()
    with _child(line, (what, spec, LOOK, facts)):
        try:
            kind, payload = line.requests.get(timeout=LOOK)
        except queue.Empty:
            raise UserError(f"{spec} took more than {LOOK:g} seconds to load.") from None
    if kind == "mistake":
        raise UserError(payload)
    if kind != "told":
        raise PluginError(str(payload))
    return payload


# The harness's end of the pipes.


@contextlib.contextmanager
def _child(line: Line, job: Any) -> Iterator[None]:
    """A child at work on the job, which talks through the line. At the end its process group is killed; what made a
    session of its own has left that."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from harness.isolate import child; child()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,  # Ctrl-C is the harness's, and the child can be killed with its group
    )
    # A thread for each direction: neither a child that sends half a message nor one that never reads holds up the
    # deadline.
    for pump in (threading.Thread(target=_hear, args=(process, line), daemon=True),
                 threading.Thread(target=_tell, args=(process, line, job), daemon=True)):  # fmt: skip
        pump.start()
    try:
        yield
    finally:
        line.replies.put(None)
        _kill(process)


def _environment() -> dict[str, str]:
    """Where Python and libraries lie, and no more: make exports the seed and the results folder."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return {**kept, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _tell(process: subprocess.Popen[bytes], line: Line, job: Any) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError), process.stdin as pipe:
        while job is not None:
            pickle.dump(job, pipe, protocol=pickle.HIGHEST_PROTOCOL)
            pipe.flush()
            job = line.replies.get()


def _hear(process: subprocess.Popen[bytes], line: Line) -> None:
    """Bring the child's messages to the line. A child that breaks the protocol is not heard any more."""
    assert process.stdout is not None
    with process.stdout as pipe:
        while text := pipe.readline(LONGEST):
            if not text.endswith(b"\n") and len(text) < LONGEST:
                break
            message = _decoded(text)
            if message is None or line.requests.qsize():
                line.requests.put(("failed", "The attack's process sent what is no message, or out of turn."))
                return
            line.requests.put(message)
    line.requests.put(("failed", _death(process)))


def _death(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return "The attack's process closed its pipe."
    if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
        return "The attack's process was stopped at the time limit."
    how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return f"The attack's process died ({how})."


# What crosses from the child: JSON of plain values, with a tag on what JSON lacks.

_CLAIMS: dict[str, type[Claim]] = {"inference": Inference, "singling-out": SinglingOut, "linkability": Linkability}


def _coded(value: Any) -> Any:
    """A plain value as JSON has it; null for what is no plain value (no user and no column is called that)."""
    value = plain(value)
    if value is TYPICAL:
        return {"typical": ""}
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value if isinstance(value, bool | int | float | str) else None


def _value(coded: Any) -> Any:
    match coded:
        case None | bool() | int() | float() | str():
            return coded
        case {"typical": ""}:
            return TYPICAL
        case {"datetime": str(text)}:
            return datetime.fromisoformat(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
    raise ValueError


def _coded_claim(claim: Claim) -> list[Any]:
    kind = next(name for name, cls in _CLAIMS.items() if type(claim) is cls)
    match claim:
        case Inference(uid, value):
            what = [_coded(uid), _coded(value)]
        case SinglingOut(attributes):
            what = [[column, _coded(value)] for column, value in attributes]
        case Linkability(record):
            what = [_coded(record)]
    return [kind, what, claim.confidence]


def _claim(coded: Any) -> Claim:
    match coded:
        case ["inference", [uid, value], float(confidence)]:
            return Inference(_value(uid), _value(value), confidence)
        case ["singling-out", [*attributes], float(confidence)]:
            return SinglingOut(tuple((str(column), _value(value)) for column, value in attributes), confidence)
        case ["linkability", [record], float(confidence)]:
            return Linkability(_value(record), confidence)
    raise ValueError


def _decoded(text: bytes) -> tuple[str, Any] | None:
    """One message of the child's, rebuilt from plain values; None where it is none."""
    try:
        return _message(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None


def _message(read: Any) -> tuple[str, Any]:
    match read:
        case ["query", [None | str() as name, [*sqls]]]:
            return "query", (name, sqls)
        case ["update", [None | str() as name, [*gone], [*back]]]:
            return "update", (name, [_value(uid) for uid in gone], [_value(uid) for uid in back])
        case ["reveal", [[*columns], uids]]:
            return "reveal", ([_value(c) for c in columns], None if uids is None else [_value(uid) for uid in uids])
        case ["victims", None]:
            return "victims", None
        case ["victims", [*uids]]:
            return "victims", _rows([_value(uid) for uid in uids])
        case ["done", [*claims]]:
            return "done", [_claim(claim) for claim in claims]
        case ["told", None | str() as said]:
            return "told", said
        case ["told", [str(), str()] as said]:
            return "told", said
        case ["failed" | "unfit" | "mistake" as how, str(text)]:
            return how, text
    raise ValueError


def _rows(uids: list[Any]) -> pd.DataFrame:
    """The eligible users as the harness sees them: which row of the attack's own frame each one is."""
    import pandas as pd

    return pd.DataFrame({"row": np.arange(len(uids))}, index=pd.Index(uids) if uids else None)


# The child.


class _ChildLine(Line):
    """The attack's end: questions are written as JSON, answers come in by a thread."""

    __slots__ = ("_pipe",)

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__()
        self._pipe = pipe

    def say(self, what: str, payload: Any) -> None:
        if what == "done":
            try:
                payload = [_coded_claim(claim) for claim in clean(payload)]
            except ClaimError as error:
                what, payload = "unfit", str(error)
        if what == "query":
            name, sqls = payload
            payload = [name, [sql if isinstance(sql, str) else None for sql in sqls]]
        if what == "update":
            name, *users = payload
            payload = [name, *([_coded(uid) for uid in some] for some in users)]
        if what == "reveal":
            columns, uids = payload
            columns = [columns] if isinstance(columns, str) else columns
            payload = [[_coded(c) for c in columns], None if uids is None else [_coded(uid) for uid in uids]]
        sys.stdout.flush()
        self._pipe.write(json.dumps([what, payload]).encode() + b"\n")
        self._pipe.flush()

    def ask(self, what: str, payload: Any) -> Any:
        if what == "victims":
            return self._victims(payload)
        reply = super().ask(what, payload)
        if what == "query":
            _lock(reply)
        return reply

    def _victims(self, eligible: Any) -> Any:
        """The attack's frame stays here; the harness is told the uids and says which rows it drew."""
        import pandas as pd

        if not isinstance(eligible, pd.DataFrame):
            return super().ask("victims", None)
        drawn = super().ask("victims", [_coded(uid) for uid in eligible.index.tolist()])
        return eligible.iloc[drawn["row"].to_numpy()]


def _lock(answers: list[Answer | Refused]) -> None:
    """Answers cannot be written to on either side of the pipe."""
    for answer in answers:
        for column in answer.data if isinstance(answer, Answer) else ():
            column.flags.writeable = False


def child() -> None:
    """What the fresh interpreter runs: one job, then the end."""
    incoming, line = os.fdopen(os.dup(0), "rb"), _ChildLine(os.fdopen(os.dup(1), "wb"))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what the attack prints, from C too, must not get into the messages
    what, spec, seconds, facts = pickle.load(incoming)
    if hasattr(signal, "alarm"):  # the system's clock, should harness and thread both be of no help
        signal.alarm(int(seconds) + GRACE)
    threading.Thread(target=_listen, args=(incoming, line), daemon=True).start()
    if what == "play":
        _play(line, spec, facts)
    else:
        _inspect(line, what, spec, facts)


def _listen(incoming: IO[bytes], line: Line) -> None:
    """Take in answers; end with the harness, whatever the attack is doing."""
    try:
        while True:
            line.replies.put(pickle.load(incoming))
    finally:
        os._exit(1)


def _play(line: Line, spec: str, facts: Any) -> None:
    try:
        attack, _ = registry.attack(spec)
    except Exception as error:
        line.say("failed", f"{type(error).__name__}: {error}")
        return
    play(attack, line, *facts)


def _inspect(line: Line, what: str, spec: str, facts: Any) -> None:
    try:
        if what == "named":
            line.say("told", list(registry.attack_named(spec)))
        else:
            line.say("told", skipped(registry.attack(spec)[0], *facts))
    except UserError as error:
        line.say("mistake", str(error))
    except Exception as error:
        line.say("failed", f"{type(error).__name__}: {error}")
