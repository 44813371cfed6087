"""What is not answered: every statement of tests/sql/refused.txt by its rule, and texts that are made to hurt."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

from harness.errors import QueryRefused
from harness.model import Refused, Table
from harness.session import LocalSession
from harness.sql import analyse, parse
from harness.sql.conditions import MAX_CONDITIONS, MAX_IN_VALUES
from harness.sql.parse import MAX_CHARACTERS, MAX_DEPTH
from tests.conftest import SCHEMA
from tests.sql_reference import session_of

COUNT = "SELECT count(*) FROM staff"
FIXTURE = Path(__file__).parent / "sql" / "refused.txt"
FOREIGN_WORDS = re.compile(r"(?i:duckdb|sqlglot|binder|catalog|parser|tokentype|traceback)|\bexp\.|LINE|\n")
ECHO = 40  # characters of the analyst's text that a message may repeat


@pytest.fixture
def staff_session(staff: Table) -> LocalSession:
    return session_of(staff)


def refusal(sql: str) -> QueryRefused:
    with pytest.raises(QueryRefused) as caught:
        analyse(parse(sql), SCHEMA)
    return caught.value


def read_cases() -> list[tuple[str, str]]:
    blocks = re.split(r"^\[(.+)\]\n", FIXTURE.read_text(encoding="utf-8"), flags=re.M)[1:]
    pairs = zip(blocks[::2], blocks[1::2], strict=True)
    return [(sql, rule) for rule, lines in pairs for sql in lines.splitlines() if sql]


CASES = read_cases()
ODD_CASES = [
    *((text, "empty") for text in ("", " ", "\n\t", " ; -- nothing\n ;")),
    ("\u200bSELECT count(*) FROM staff", "not-a-select"),
    ("\ufeffSELECT count(*) FROM staff", "not-a-select"),
    ('SELECT count("a\u200bge") FROM staff', "unknown-column"),
    *((f"{COUNT}{character}", "syntax") for character in "\x00\x01\x08\x0b\x0c\x1b\x7f\ud800\udfff"),
    *((f"{COUNT} WHERE dept = '{character}'", "syntax") for character in "\x00\x1b\x7f\ud800"),
    (f"{COUNT} ORDER BY 000000001{'0' * 5000}", "position"),
    ("SELECT " + ", ".join(["count(*)"] * 65) + " FROM staff", "too-many-columns"),
    (f"{COUNT} WHERE age IN ({', '.join(map(str, range(MAX_IN_VALUES + 1)))})", "in-list"),
    (f"{COUNT} WHERE {' OR '.join(['age = 1'] * (MAX_CONDITIONS + 1))}", "too-many-conditions"),
    (f"{COUNT} WHERE {' AND '.join(['age = 1'] * 10_000)}", "too-many-conditions"),
    (f"{COUNT} WHERE {'(' * 33}age = 1{')' * 33}", "too-deep"),
    (f"{COUNT} WHERE {'NOT ' * 33}age = 1", "too-deep"),
    (f"{COUNT} WHERE age = {'- ' * 33}1", "too-deep"),
    (f"{COUNT} WHERE {'NOT NOT NOT (' * 9}age = 1{')' * 9}", "too-deep"),
    ("SELECT" + " " * MAX_CHARACTERS + "1", "too-long"),
    (f"{COUNT} WHERE {' AND '.join(['age = 1'] * 20_000)}", "too-long"),
]


@pytest.mark.parametrize(("sql", "rule"), CASES + ODD_CASES, ids=lambda text: ascii(text[:60]))
def test_a_statement_is_refused_by_its_rule(sql: str, rule: str):
    error = refusal(sql)
    assert error.rule == rule, error.message
    assert error.message.endswith(".")
    assert not FOREIGN_WORDS.search(error.message)


def test_the_list_is_long():
    assert len(CASES) > 400
    assert len({sql for sql, _ in CASES}) == len(CASES)


def test_a_session_answers_a_refusal_and_raises_nothing(staff_session: LocalSession):
    texts = [sql for sql, _ in CASES + ODD_CASES]
    for (sql, rule), answer in zip(CASES + ODD_CASES, staff_session.query_many(texts), strict=True):
        assert isinstance(answer, Refused), sql
        assert answer.rule == rule, sql


def test_what_is_just_small_enough_is_answered(staff_session: LocalSession):
    nested = "(age = 30 AND (age = 30 OR " * (MAX_DEPTH // 2) + "age = 30" + "))" * (MAX_DEPTH // 2)
    texts = [
        f"{COUNT} WHERE {'(' * MAX_DEPTH}age = 30{')' * MAX_DEPTH}",
        f"{COUNT} WHERE {'NOT ' * MAX_DEPTH}age = 30",
        f"{COUNT} WHERE {nested}",
        f"{COUNT}{' ' * (MAX_CHARACTERS - len(COUNT))}",
        f"{COUNT} WHERE dept NOT IN ('{'x' * 200_000}')",
        "SELECT " + ", ".join(["count(*)"] * 64) + " FROM staff",
    ]
    counts = [answer.rows[0][0] for answer in staff_session.query_many(texts)]
    assert counts == [2, 2, 2, 12, 12, 12]
    analyse(parse(f"{COUNT} WHERE age IN ({', '.join(map(str, range(MAX_IN_VALUES)))})"), SCHEMA)
    analyse(parse(f"{COUNT} WHERE {' OR '.join(['age = 1'] * MAX_CONDITIONS)}"), SCHEMA)


REPEATED = """
(|)|[|]|{|}|,|.|*|;|:|?|$1 |@|!|~|`|\\|^|-|- |+ |--\n|/* |*/ |'|"|$$|'a' |1 |1.|0x|é|x
NOT |NOT (|a NOT |a = NOT |a = |a IS |a IN |a IN (|a LIKE |a ESCAPE |a BETWEEN |a BETWEEN a AND |a COLLATE
age = 1 AND |age = 1 OR |NOT age = 1 AND |(age = 1 OR |age = 1 AND (|age IN (1) IN |a AT TIME ZONE
f(|f(a, |count(|(a, |SELECT |SELECT a, |(SELECT a FROM |FROM |FROM a, |FROM (|a FROM |DISTINCT |AS |a |a AS
CASE |CASE WHEN |CASE WHEN a THEN |a END |IF |IF(|CAST(|CAST(a AS |a::DATE::|a::|STRUCT(a |ARRAY<|MAP {|LIST(
DATE |DATE (|TIMESTAMP (|ROW(|struct(|INTERVAL |EXISTS (|ANY (|LAMBDA x : |x -> |a -> |CONNECT_BY_ROOT
JOIN a |a JOIN |(a JOIN |, a |JOIN a USING (a) |a JOIN a ON a = a |CROSS JOIN a, |ON |USING (
LEFT OUTER |LEFT |NATURAL |LATERAL |UNION SELECT a |UNION ALL (SELECT |WITH a AS (|VALUES (|WINDOW
EXPLAIN |DESCRIBE |SUMMARIZE |PIVOT |a.|a[|a[1]|a[:|{'a': |{{ |{% |a + |a ** |a %
GROUP BY |ORDER BY a, |HAVING |LIMIT 1 |OVER (|FILTER (WHERE
"""
PREFIXES = ["", "SELECT ", f"{COUNT} WHERE ", f"{COUNT} WHERE age = ", "SELECT count(*) FROM ", f"{COUNT} GROUP BY "]
NESTS = [
    *(("(", ")"), ("f(", ")"), ("[", "]"), ("{'a': ", "}"), ("CASE WHEN ", " THEN 1 END"), ("CAST(", " AS DATE)")),
    *(("DATE(", ")"), ("struct(", ")"), ("row(", ")"), ("(SELECT ", ")"), ("a[", "]"), ("NOT (", ")"), ("- (", ")")),
    *(("(a JOIN ", ")"), ("EXISTS (", ")"), ("x -> (", ")"), ("(a = ", ")"), ("(a AND ", ")"), ("a IN (", ")")),
]
ATTACKER = """
import json, pickle, sys, time
from harness.errors import QueryRefused
from harness.sql import analyse, parse
SCHEMA = pickle.loads(bytes.fromhex(sys.argv[1]))
for line in sys.stdin:
    text, started = json.loads(line), time.process_time()
    try:
        analyse(parse(text), SCHEMA)
    except QueryRefused:
        pass
    print(time.process_time() - started, flush=True)
"""


def slowest(texts: list[str]) -> float:
    """The longest seconds that a text takes, in a process of its own: a crash there is not the end of the tests."""
    done = subprocess.run(
        [sys.executable, "-c", ATTACKER, pickle.dumps(SCHEMA).hex()],
        input="\n".join(map(json.dumps, texts)),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=120,
    )
    seconds = [float(line) for line in done.stdout.splitlines()]
    assert len(seconds) == len(texts), f"{texts[len(seconds)][:90]!r}: status {done.returncode}, {done.stderr[-300:]}"
    return max(seconds)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_repeated_pieces_neither_crash_nor_hang(prefix: str):
    pieces = [piece for line in REPEATED.strip("\n").split("\n") for piece in line.split("|") if piece]
    assert slowest([prefix + piece * 300 for piece in pieces]) < 3


def test_nests_neither_crash_nor_hang():
    texts = [
        prefix + opening * depth + "age" + closing * depth
        for prefix in PREFIXES[2:5]
        for opening, closing in NESTS
        for depth in (31, 1_000)
    ]
    assert slowest(texts) < 3


def test_as_many_joins_as_there_can_be_neither_crash_nor_hang():
    """Twenty JOINs took the parser minutes, and a fourth is refused before it sees them."""
    joins = [
        "JOIN staff ",
        "LEFT JOIN staff ON ",
        "CROSS JOIN staff, ",
        "JOIN staff ON a.a = ",
        "RIGHT OUTER JOIN (staff ",
    ]
    pieces = ["(", "NOT (", ", staff ", "ON a = a ", "USING (uid) ", "AND a = a ", "a.a.", "staff AS ", "(a = ", "f("]
    texts = [
        f"SELECT count(*) FROM staff {first}{second}{third}{piece * number}"
        for first, second, third in product(joins, repeat=3)
        for piece in pieces
        for number in (31, 300)
    ]
    assert slowest(texts[::7]) < 3
    assert refusal(f"SELECT count(*) FROM staff {'JOIN staff USING (uid) ' * 4}").rule == "join"


def test_texts_of_full_length_neither_crash_nor_hang():
    """Where the parser crashed or took minutes, and where its tree gets as deep as a text can make it."""
    room = MAX_CHARACTERS - len(COUNT) - 10
    pieces = ["(", "age = 1 AND ", "a = ", "a.", "FROM a, "]
    assert slowest([f"{COUNT} WHERE " + piece * (room // len(piece)) for piece in pieces]) < 20


@pytest.mark.fuzz
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_repeated_piece_of_full_length(prefix: str):
    pieces = [piece for line in REPEATED.strip("\n").split("\n") for piece in line.split("|") if piece]
    for piece in pieces:
        assert slowest([prefix + piece * ((MAX_CHARACTERS - 99) // len(piece))]) < 30


@pytest.mark.parametrize("text", ["x" * 1_000_000, "(" * 1_000_000, f"{COUNT} WHERE " + "age = 1 AND " * 90_000])
def test_a_megabyte_is_refused_at_once(text: str):
    started = time.process_time()
    assert refusal(text).rule == "too-long"
    assert time.process_time() - started < 1


MARK = "Zq7" * 50
PLACES = """
SELECT § FROM staff|SELECT count(§) FROM staff|SELECT §(age) FROM staff|SELECT count("§") FROM staff
SELECT count(*) FROM §|SELECT count(*) FROM "§"|SELECT count(*) FROM staff § WHERE staff.age = 1
SELECT §.age, count(*) FROM staff GROUP BY 1
SELECT count(*) FROM §('x')|SELECT count(*) FROM staff.§|SELECT count(*) FROM §.staff|SELECT §.§.§ FROM staff
# WHERE age = '§'|# WHERE age = §|# WHERE § = 1|# § §|# WHERE age LIKE '§'|# ORDER BY §
# GROUP BY §|# HAVING § > 1|# LIMIT §
SELECT dept AS §, age AS § FROM staff GROUP BY ALL ORDER BY §|# WHERE age IN ('§')|# WHERE dept LIKE 'x' ESCAPE '§'
# WHERE §(age) = 1|# WHERE $§ = 1|# LIMIT 'x' -- §|# WHERE age = $$§$$|'§'|§ x|# WHERE age = E'§'
# WHERE age = DATE '§'|# USING SAMPLE §|# WHERE '§|# WHERE age = {}|# ORDER BY {}|# LIMIT 1.{}
# WHERE age = §.§|# WHERE active = '§'
"""


@pytest.mark.parametrize("place", [place for line in PLACES.strip().split("\n") for place in line.split("|")])
def test_a_message_repeats_little_of_the_text(place: str):
    sql = place.replace("#", COUNT).replace("§", MARK).replace("{}", "9" * 150)
    message = refusal(sql).message
    assert max(map(len, re.findall(r"(?:zq7)+(?:zq?)?|9+", message, re.I)), default=0) <= ECHO
    assert len(message) < 200
    assert not FOREIGN_WORDS.search(message)
