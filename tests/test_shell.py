"""The prompt: statements in one session, commands, completion, and what a terminal shows."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.census import SCHEMA as CENSUS
from harness.asking import Desk
from harness.cli import main
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Refused, Schema, Table
from harness.shell import COMMANDS, completions, ended
from harness.sql import analyse, parse
from harness.sql.functions import FUNCTIONS, Function
from harness.sql.parse import statements

SMALL = "employees:size=600"
COUNT = "SELECT count(*) FROM employees"
ODD = Schema("t", tuple(Column(name, Kind.TEXT) for name in ("uid", "first name", "order", "Größe")), uid="uid")


@pytest.fixture
def piped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs the shell on a text; gives exit status, standard output and standard error."""

    def run(text: str, defense: str = "none", *more: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        status = main(["shell", "--defense", defense, "--dataset", SMALL, *more])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_piped_statements_are_answered_as_query_answers_them(piped, capsys: pytest.CaptureFixture[str]):
    questions = [
        "SELECT department, count(*)\nFROM employees -- not; here\nWHERE gender <> 'a;b' GROUP BY 1",
        f"{COUNT} WHERE age < 30",
        f"{COUNT} WHERE gender = 'M;DROP'",
        "SELECT avg(salary) FROM employees WHERE gender = 'M'",
    ]
    expected = []
    for sql in questions:
        assert main(["query", "--defense", "diffix", "--dataset", SMALL, "--seed", "7", "--", sql]) == 0
        expected.append(capsys.readouterr().out)
    assert expected[1].startswith("Refused (diffix-inequality): ")
    first, *rest = questions
    script = f"-- a file\n\n{first};\n" + "; ".join(rest)
    assert piped(script, "diffix", "--seed", "7") == (0, "".join(expected), "")


def test_explained_as_query_explains(piped, capsys: pytest.CaptureFixture[str]):
    sql = f"{COUNT} WHERE gender = 'M'"
    main(["query", "--defense", "diffix", "--dataset", SMALL, "--explain", sql])
    explained = capsys.readouterr().out
    assert "Layers" in explained
    status, out, _ = piped(f".explain on\n{sql};\n.explain off\n{sql};\n.explain\n", "diffix")
    assert (status, out.count("Layers")) == (0, 1)
    assert out.startswith(f"explain on\n{explained}explain off\n")
    assert out.endswith("explain off\n")


def test_a_budget_is_spent_over_statements(piped):
    script = f"{COUNT}; {COUNT} WHERE age > 3;\n{COUNT};\n.defense\n{COUNT};\n.defense query-budget:n=1\n{COUNT};\n"
    status, out, _ = piped(script, "query-budget:n=2")
    spent = ["Refused (query-budget)" in line for line in out.splitlines() if re.search("^ *600|Refused", line)]
    assert (status, spent) == (0, [False, False, True, True, False])
    assert "query-budget:day=1000,n=2,per=session\n" in out
    assert f"A new session: {SMALL} behind query-budget:n=1, seed 1.\n" in out


@pytest.mark.parametrize(
    "defense", ["query-budget:n=2", "overlap-control", "random-sampling", "laplace:budget=2", "diffix"]
)
def test_explaining_neither_changes_the_session_nor_is_refused_by_what_it_asked(defense: str):
    sqls = [f"{COUNT} WHERE gender = 'M'", f"{COUNT} WHERE gender = 'M'", f"{COUNT} WHERE department = 'Law'"]
    asked, explained = Desk.open(defense, SMALL, 1), Desk.open(defense, SMALL, 1)
    for sql in sqls:
        plain, (answer, how) = asked.ask(sql), explained.explain(sql)
        assert isinstance(answer, Refused) == (how is None)
        if isinstance(plain, Answer) and isinstance(answer, Answer):
            assert (plain.columns, plain.rows) == (answer.columns, answer.rows)
        else:
            assert plain == answer
    one, other = asked.session.history, explained.session.history
    assert (one.queries, one.answered, one.reasons) == (other.queries, other.answered, other.reasons)


def test_seed_dataset_and_schema(piped):
    noisy = f"{COUNT} WHERE gender = 'M';\n"
    status, out, _ = piped(f"{noisy}.seed 2\n{noisy}.seed 1\n{noisy}", "diffix")
    one, two, again = re.findall(r"[0-9,]+\.[0-9]{2}", out)
    assert (status, one) == (0, again)
    assert one != two
    status, out, _ = piped(".dataset census\n.schema;\nSELECT count(*) FROM census")
    assert status == 0
    assert out.startswith("A new session: census behind none, seed 1.\nTable census\n")
    assert re.search(r"^ uid +integer +uid +a shuffled number", out, re.MULTILINE)
    assert re.search(r"^ occupation +text +secret", out, re.MULTILINE)
    assert out.rstrip().endswith("48842")


def test_help_names_every_command_and_quit_leaves(piped):
    status, out, err = piped(f"help\n.quit\n{COUNT};\n")
    assert (status, err) == (0, "")
    assert all(f".{name}" in out for name in COMMANDS)
    assert "600" not in out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (".shema", "There is no command .shema; did you mean .schema?"),
        ("\\d", "There is no command \\d; .help lists those that there are."),
        (".schema staff", ".schema stands alone; leave out 'staff'."),
        (".explain yes", ".explain takes on or off, not 'yes'."),
        (".seed 1_0", ".seed takes a whole number, not '1_0'."),
        (".defense difix", "There is no defense called 'difix'. Did you mean diffix?"),
        (".defense none:k=5", "none has no parameter 'k'; it takes no parameters."),
        (".dataset ./no.csv:uid=id", "The file ./no.csv cannot be read"),
    ],
)
def test_a_mistake_in_a_command_ends_a_script(line: str, sentence: str, piped):
    status, out, err = piped(f"{COUNT};\n\n{line}\n{COUNT};\n")
    assert (status, out.count("600"), err.count("\n")) == (2, 1, 1)
    assert err.startswith(f"snoopbench: line 3: {sentence}")


def test_what_cannot_be_opened_is_said_at_once(piped):
    assert piped("", "difix")[0] == 2
    assert piped("") == (0, "", "")


@given(st.lists(st.sampled_from(["SELECT 'a;''b'", 'x "ü;" /* ; */', "1 -- ;\n", "\n(", "日本 = '–'"]), max_size=5))
def test_statements_are_what_stands_between_semicolons(pieces: list[str]):
    text = ";".join(pieces)
    assert statements(text) == pieces
    assert statements(f";; {text}; -- end") == [piece if i else f" {piece}" for i, piece in enumerate(pieces)]
    assert not pieces or not ended(text)
    assert ended(f"{text};")


@pytest.mark.parametrize(
    ("text", "done"),
    [("", True), ("-- SELECT", True), ("/* a\n", False), ("/* a\n */", True), (".defense", True), ("exit", True),
     ("SELECT ';", False), ("SELECT ';'", False), ("SELECT 1; -- x", True), ("SELECT 1\n.quit", False),
     ("quit\nFROM", False)],
)  # fmt: skip
def test_enter_carries_out_what_is_ended(text: str, done: bool):
    assert ended(text) == done


@pytest.mark.parametrize(
    ("text", "typed", "found"),
    [
        ("SELECT cap", "cap", ["capital_gain", "capital_loss"]),
        ("SELECT count(*) FROM ", "", ["census"]),
        ("select * from\nCE", "CE", ["census"]),
        ("SELECT up", "up", ["upper("]),
        ("select age from census ord", "ord", ["order by"]),
        ("SELECT age FROM census GR", "GR", ["GROUP BY"]),
        ("SELECT age FROM census WHERE sex = 'Fe", "", []),
        ("SELECT age FROM census WHERE sex = 'it''s' AND nat", "nat", ["native_country"]),
        ("SELECT \"edu", '"edu', []),
        (".d", "d", ["defense", "dataset"]),
        (".explain ", "", ["on", "off"]),
        (".explain of", "of", ["off"]),
        (".defense ro", "ro", ["rotation", "rounding"]),
        (".defense k-threshold:k=5+stic", "stic", ["sticky"]),
        (".defense query-budget:", "", ["n=", "per=", "day="]),
        (".defense query-budget:n=5, ", "", ["per=", "day="]),
        (".defense query-budget:per=", "", ["session", "day"]),
        (".defense diffix:static=", "", ["true", "false"]),
        (".defense difix:st", "st", []),
        (".dataset cen", "cen", ["census"]),
        (".seed ", "", []),
        (".nothing x", "", []),
    ],
)  # fmt: skip
def test_completion(text: str, typed: str, found: list[str]):
    assert completions(text, CENSUS) == (typed, found)


def test_names_that_need_quotes_are_completed_with_them():
    assert completions("SELECT fi", ODD) == ("fi", ['"first name"'])
    assert completions('SELECT "first n', ODD) == ('"first n', ['"first name"'])
    assert completions("SELECT or", ODD)[1] == ['"order"', "or", "order by"]
    assert completions("SELECT grö", ODD)[1] == ["Größe"]
    for word in completions("", ODD)[1][: len(ODD.columns)]:
        analyse(parse(f"SELECT {word}, count(*) FROM t GROUP BY 1"), ODD)


def _called(name: str, function: Function) -> str:
    """A call with a column of a fitting kind, or a constant, in each place."""
    constants = {"date_trunc": ["'month'"], "round": [], "trunc": [], "bucket": ["5"]}
    args = [f"c_{min(kinds)}" for kinds in function.takes[: len(function.takes) - function.optional]]
    for position, constant in zip(function.constant, constants.get(name, []), strict=False):
        args[position : position + 1] = [constant]
    if name in ("left", "right", "substring"):
        args[1] = "2"
    return f"{name}({', '.join(args)})"


def test_every_function_that_is_completed_is_one_of_the_interface():
    columns = (Column("uid", Kind.INTEGER), *(Column(f"c_{kind}", kind) for kind in Kind))
    schema = Schema("t", columns, uid="uid")
    offered = {word[:-1] for word in completions("", schema)[1] if word.endswith("(")}
    assert {"count", "sum", "avg", "min", "max", "floor", "upper", "year", "cast"} <= offered
    for name, function in FUNCTIONS.items():
        if name.isidentifier():
            analyse(parse(f"SELECT {_called(name, function)}, count(*) FROM t GROUP BY 1"), schema)


class Terminal:
    """A shell at a pseudo-terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        controller, end = pty.openpty()
        environment = os.environ | {
            "XDG_STATE_HOME": str(folder / "state"), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "NO_COLOR": "1",
            "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "100", "LINES": "40",
        }  # fmt: skip
        command = [sys.executable, "-m", "harness.cli", "shell", "--dataset", SMALL, *words]
        self.process = subprocess.Popen(
            command, stdin=end, stdout=end, stderr=end, env=environment, cwd=folder, start_new_session=True
        )
        os.close(end)
        self.controller = controller
        self.shown = ""

    def until(self, text: str) -> str:
        """What is shown next, up to `text`, escape sequences left out."""
        deadline = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            if select.select([self.controller], [], [], 1)[0]:
                try:
                    self.shown += os.read(self.controller, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    raise AssertionError(f"ended without {text!r}: {self.shown!r}") from None
                self.shown = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])", "", self.shown)
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, keys: str) -> None:
        os.write(self.controller, keys.encode())

    def close(self) -> int:
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            os.close(self.controller)


def test_at_a_terminal(tmp_path: Path):
    terminal = Terminal(tmp_path, "--defense", "diffix")
    assert "employees:size=600 behind diffix, seed 1." in terminal.until("diffix>")
    terminal.type("SELECT nonsense")
    terminal.until("nonsense")
    terminal.type("\x03")  # Ctrl-C clears it
    terminal.until("diffix>")
    terminal.type(".difense\r")
    terminal.until("There is no command .difense; did you mean .defense?")
    terminal.until("diffix>")
    terminal.type(".def\t")
    terminal.until(".defense")
    terminal.type(" non\t")
    terminal.until("none")
    terminal.type("\r")
    terminal.until("behind none, seed 1.")
    terminal.until("none>")
    terminal.type("SELECT count(*)\r")
    terminal.until("...")
    terminal.type("FROM emp\t")
    terminal.until("employees")
    terminal.type(";\r")
    terminal.until(" 600")
    terminal.until("none>")
    terminal.type("\x04")  # Ctrl-D leaves
    assert terminal.close() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    kept = (tmp_path / "state" / "snoopbench" / "history").read_text()
    assert "+SELECT count(*)\n+FROM employees;\n" in kept
    assert "nonsense" not in kept


def test_a_history_that_cannot_be_written_is_said_and_nothing_else_fails(tmp_path: Path):
    (tmp_path / "state").write_text("in the way")
    terminal = Terminal(tmp_path, "--defense", "none")
    terminal.until("What you type is not kept for the next time: ")
    terminal.until("none>")
    terminal.type("quit\r")
    assert terminal.close() == 0


def test_ctrl_c_stops_a_question(staff: Table):
    """In the main thread, as at the prompt; DuckDB has an exception of its own for it."""
    engine = DuckEngine(staff, b"\x01" * 32)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            engine._result("SELECT sum(length(md5(range::varchar))) AS s FROM range(100_000_000)")
    finally:
        signal.signal(signal.SIGINT, before)
    assert engine._result("SELECT 1 AS s").rows == 1
