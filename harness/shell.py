"""A prompt for questions through a defense: what `snoopbench shell` runs.

Everything that is entered between two changes of defense, dataset or seed goes to one session, so that a budget is
spent and what remembers queries remembers them. The prompt is the data owner's and the learner's: it explains what a
defense hides, and takes the defense away when told to.
"""

from __future__ import annotations

import difflib
import os
import re
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from rich.console import Console
from sqlglot import exp

from harness import __version__, registry, specs
from harness.asking import Desk
from harness.errors import UserError, sentence
from harness.model import Schema
from harness.plugin import Dataset, Defense, Plugin
from harness.report.tables import console, print_answer, print_rows
from harness.sql.functions import FUNCTIONS
from harness.sql.parse import keywords, statements
from harness.sql.query import Function

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History

SIGNS = (".", "\\")  # begin a command; the second is that of psql, which people type out of habit
BARE = ("help", "quit", "exit")  # commands also without a dot


def run(defense: str, dataset: str, seed: int, debug: bool = False) -> None:
    """Answer what is typed, or what standard input holds where it is no terminal. Raises UserError: at a terminal only
    for what cannot be opened to begin with."""
    shell = Shell(Desk.open(defense, dataset, seed), console())
    if sys.stdin.isatty():
        converse(shell, debug)
    else:
        follow(shell, sys.stdin)


class Shell:
    """What was chosen so far, and the session that goes with it."""

    def __init__(self, desk: Desk, out: Console) -> None:
        self.desk = desk
        self.out = out
        self.explains = False

    @property
    def prompt(self) -> str:
        """The defense by its names alone, so that the line keeps room for a question."""
        names = (Path(part.ref).stem if part.is_path else part.ref for part in specs.parse(self.desk.defense))
        return "+".join(names) + "> "

    def enter(self, text: str) -> None:
        """Carry out one command, or the statements of `text` one after the other. Raises EOFError where the user
        leaves, UserError for a command that cannot be carried out."""
        if is_command(text):
            name, _, argument = _unended(text).partition(" ")
            self._command(name, argument.strip())
            return
        for sql in statements(text):
            answer, how = self.desk.explain(sql) if self.explains else (self.desk.ask(sql), None)
            print_answer(answer, how, self.out)

    def _command(self, name: str, argument: str) -> None:
        key = name.lstrip(".").lower()
        if key not in COMMANDS:
            near = difflib.get_close_matches(key, COMMANDS, n=1)
            hint = f"did you mean .{near[0]}?" if near else ".help lists those that there are."
            raise UserError(f"There is no command {name}; {hint}")
        command = COMMANDS[key]
        if argument and not command.takes:
            raise UserError(f".{key} stands alone; leave out {argument!r}.")
        command.act(self, argument)

    def move(self, **change: Any) -> None:
        """To another desk, all but `change` as it was. Raises UserError, and then nothing has changed."""
        now = {"defense": self.desk.defense, "dataset": self.desk.dataset, "seed": self.desk.seed}
        self.desk = Desk.open(**{**now, **change})
        self.say(f"A new session: {self.where}.")

    @property
    def where(self) -> str:
        """What is asked, parameters with their defaults left out."""
        desk = self.desk
        dataset, defense = registry.short("datasets", desk.dataset), registry.short("defenses", desk.defense)
        return f"{dataset} behind {defense}, seed {desk.seed}"

    def say(self, text: str) -> None:
        self.out.print(text, soft_wrap=True)


@dataclass(frozen=True)
class Command:
    """`takes` is what may stand after it, as `.help` shows it; `offers` what completes that, given what was typed."""

    takes: str
    doc: str
    act: Callable[[Shell, str], None]
    offers: Callable[[str], tuple[str, Iterable[str]]] = lambda typed: (typed, ())


def _help(shell: Shell, argument: str) -> None:
    for name, command in COMMANDS.items():
        shell.say(f"  {f'.{name} {command.takes}':18} {command.doc}")
    shell.say(
        "\nAnything else is SQL; a statement ends with ; and may go over several lines. Tab completes, Ctrl-C clears "
        "what is typed, Ctrl-D leaves.\nThis prompt is for the owner of the data and for learning, never for an "
        "analyst: .explain and .defense none show what a defense hides."
    )


def _schema(shell: Shell, argument: str) -> None:
    schema = shell.desk.session.schema
    for table in (schema, *schema.others):
        roles = {table.uid: "uid", **dict.fromkeys(table.secrets, "secret")}
        shell.say(f"Table {table.table}" + ("" if table.uid else ", whose rows are not of users"))
        rows = [(column.name, str(column.kind), roles.get(column.name, ""), column.doc) for column in table.columns]
        named = ("column", "kind", "role", "meaning")
        wide = len(named) if any(row[-1] for row in rows) else len(named) - 1
        print_rows(named[:wide], (row[:wide] for row in rows), shell.out)


def _explain(shell: Shell, argument: str) -> None:
    if argument not in ("", "on", "off"):
        raise UserError(f".explain takes on or off, not {argument!r}.")
    if argument:
        shell.explains = argument == "on"
    shell.say(f"explain {'on' if shell.explains else 'off'}")


def _defense(shell: Shell, spec: str) -> None:
    shell.move(defense=spec) if spec else shell.say(shell.desk.defense)


def _dataset(shell: Shell, spec: str) -> None:
    shell.move(dataset=spec) if spec else shell.say(shell.desk.dataset)


def _seed(shell: Shell, number: str) -> None:
    if not re.fullmatch(r"([+-]?[0-9]+)?", number):
        raise UserError(f".seed takes a whole number, not {number!r}.")
    shell.move(seed=int(number)) if number else shell.say(str(shell.desk.seed))


def _quit(shell: Shell, argument: str) -> None:
    raise EOFError


def _spec_words(base: type[Plugin], typed: str) -> tuple[str, list[str]]:
    """The end of a spec that is being typed, and what it could become: names, then parameters, then their values."""
    part = typed.rpartition("+")[2].lstrip()
    ref, colon, given = part.partition(":")
    if not colon:
        kind: registry.KindName = "defenses" if base is Defense else "datasets"
        return part, sorted(registry.names(kind))
    word = given.rpartition(",")[2].lstrip()
    try:
        known = {entry.name: entry for entry in fields(cast(Any, registry.plugin_class(base, ref)))}
    except UserError:
        return word, []
    name, equals, value = word.partition("=")
    if not equals:
        return word, [f"{name}=" for name in known if f"{name}=" not in given]
    if name not in known:
        return value, []
    entry = known[name]
    is_switch = getattr(entry.type, "__name__", entry.type) == "bool"
    return value, list(entry.metadata.get("choices") or (("true", "false") if is_switch else ()))


COMMANDS = {
    "help": Command("", "Show this list.", _help),
    "schema": Command("", "Show the tables and their columns.", _schema),
    "explain": Command(
        "on|off", "Show how answers come about, with what the defense hides.", _explain, lambda t: (t, ("on", "off"))
    ),
    "defense": Command(
        "SPEC", "Put another defense before the same data: a new session.", _defense, lambda t: _spec_words(Defense, t)
    ),
    "dataset": Command(
        "SPEC", "Ask another dataset behind the same defense: a new session.", _dataset,
        lambda t: _spec_words(Dataset, t)
    ),
    "seed": Command("N", "Draw data, salt and noise anew: a new session.", _seed),
    "quit": Command("", "Leave.", _quit),
    "exit": Command("", "Leave as well.", _quit),
}  # fmt: skip


def is_command(text: str) -> bool:
    """Whether `text` is no SQL but a command, which is one line."""
    return text.lstrip().startswith(SIGNS) or _unended(text).lower() in BARE


def ended(text: str) -> bool:
    """Whether what was typed so far can be carried out: a command, statements of which the last has its semicolon, or
    nothing but comments."""
    if is_command(text) or sqlite3.complete_statement(text):
        return True
    bare = text.strip()
    return not bare or (bare.startswith(("--", "/*")) and not statements(text))


def _unended(text: str) -> str:
    return text.strip().rstrip(";").rstrip()


def follow(shell: Shell, lines: Iterable[str]) -> None:
    """Carry out lines as they come, without a prompt; what the last statement lacks in semicolons is no mistake. The
    first mistake ends it, since what follows would be asked of another defense than was meant. Raises UserError with
    the number of the line."""
    try:
        for start, text in _entries(lines):
            try:
                shell.enter(text)
            except EOFError:
                return
            except UserError as error:
                raise UserError(f"line {start}: {error}") from error
            sys.stdout.flush()
    except UnicodeDecodeError:
        raise UserError("Standard input is no text in this terminal's encoding; save it as UTF-8.") from None


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What is carried out at once, with the number of its first line, from 1."""
    start, text = 1, ""
    for number, line in enumerate(lines, start=1):
        if not text:
            start = number
        text += line
        if ended(text):
            yield start, text
            text = ""
    if text:
        yield start, text


def converse(shell: Shell, debug: bool = False) -> None:
    """Prompt, carry out, and go on whatever happens, until the user leaves."""
    session = _prompting(shell)
    shell.say(f"SnoopBench {__version__}: {shell.where}.")
    shell.say("End a statement with ; and type .help for the commands.")
    while True:
        try:
            text = session.prompt(shell.prompt)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        try:
            shell.enter(text)
        except EOFError:
            return
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
        except Exception as error:
            if debug:
                traceback.print_exc()
            print(sentence(error), file=sys.stderr)


def _prompting(shell: Shell) -> PromptSession[str]:
    """The line editor: Enter carries out what is ended and begins a new line in what is not."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output

    class Candidates(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            typed, found = completions(document.text_before_cursor, shell.desk.session.schema)
            return (Completion(word, start_position=-len(typed)) for word in found)

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if ended(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=False)

    return PromptSession(
        history=_history(),
        completer=Candidates(),
        complete_while_typing=False,
        multiline=True,
        prompt_continuation=lambda width, number, wrapped: "... ".rjust(width),
        key_bindings=keys,
        output=create_output(always_prefer_tty=True),  # answers may go to a file while the questions are typed
    )


def _history() -> History:
    """Of what was typed, in the folder that the XDG base directory specification gives to state; of this prompt alone
    where that cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    folder = Path(os.environ.get("XDG_STATE_HOME", ""))
    path = (folder if folder.is_absolute() else Path.home() / ".local" / "state") / "snoopbench" / "history"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        print(f"What you type is not kept for the next time: {path}: {error.strerror}.", file=sys.stderr)
        return InMemoryHistory()
    return FileHistory(str(path))


def completions(text: str, schema: Schema) -> tuple[str, list[str]]:
    """The word that `text` ends in, and what it could become: commands and their arguments, or names of the table,
    columns in front, functions and keywords. No value of any row is among them."""
    if text.lstrip().startswith("."):
        name, space, argument = text.lstrip()[1:].partition(" ")
        if not space:
            return _beginning(name, COMMANDS)
        command = COMMANDS.get(name.lower())
        return _beginning(*command.offers(argument.lstrip())) if command else ("", [])
    outside = re.sub(r"""'[^']*'|"[^"]*"|--.*""", "", text)
    tables = [_name(one.table) for one in (schema, *schema.others)]
    columns = [_name(name) for one in (schema, *schema.others) for name in one.names]
    if "'" in outside:
        return "", []
    if '"' in outside:
        return _beginning('"' + text.rpartition('"')[2], [*columns, *tables])
    word = cast(re.Match[str], re.search(r"\w*$", text))[0]
    if re.search(r"\b(from|join)\s+$", text.removesuffix(word), re.IGNORECASE):
        return _beginning(word, tables)
    called = {name.split()[0] for name in (*get_args(Function), *FUNCTIONS) if name[0].isalpha()}
    functions = [f"{name}(" for name in sorted(called)]
    known = [known.lower() for known in keywords()] if word.islower() else keywords()
    return _beginning(word, [*columns, *tables, *functions, *known])


def _name(name: str) -> str:
    """As it must be written in SQL."""
    return exp.to_identifier(name).sql("duckdb")


def _beginning(word: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """A quoted name is found by its first letters as well as by its quote."""
    start = word.lower()
    return word, [name for name in dict.fromkeys(known) if name.lower().startswith((start, f'"{start}'))]
