"""Generated conditions and keys that are expressions, LIKE, NOT BETWEEN or comparisons of columns, for the oracle."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.oracle_clear import is_range_function, piece, range_of
from tests.oracle_queries import Condition, Database
from tests.oracle_terms import App, Col, Term, Val, columns, value

REAL, WHOLE, TEXT, DAY, MOMENT, TRUTH = 'c0" größe', "users", "k0", "date", "u", "h"
PATTERNS = (
    "%",
    "_",
    "x",
    "X%",
    "%s",
    "it%",
    "_t's",
    "%_",
    "_%",
    "%%a",
    "a%b",
    "é",
    "É%",
    "NULL",
    "%u_l%",
    "",
    "1._",
    "%1%",
)
MARKS = (" ", "a", "aA", "xya", "xxy", "N L", "'")


def call(name: str, *args: Any) -> App:
    kinds = {bool: "boolean", int: "integer", float: "real", str: "text"}
    return App(name, tuple(arg if isinstance(arg, Col | App) else Val(arg, kinds[type(arg)]) for arg in args))


def column(database: Database, name: str) -> Col:
    return Col(name, database.kinds[name])


def clear(chance: random.Random, database: Database) -> App:
    """A text column with characters removed or in another case."""
    term: Term = column(database, TEXT)
    for _ in range(chance.choice([1, 1, 1, 2])):
        number = chance.choice([0, 1, 1, 2, 3, -1, 100])
        forms = [
            call("left", term, number),
            call("right", term, number),
            call("substring", term, chance.choice([0, 1, 2]), number),
        ]
        forms += [call("substring", term, chance.choice([2, -2]))]
        forms += [
            call(name, term, *chance.choice([(), (chance.choice(MARKS),)])) for name in ("ltrim", "rtrim", "btrim")
        ]
        forms += [call("lower", term), call("upper", term)] * 2
        term = chance.choice(forms)
    assert isinstance(term, App)
    return term


def ranging(chance: random.Random, database: Database) -> App:
    """A function that stands for ranges."""
    day, moment = column(database, DAY), column(database, MOMENT)
    number, digits = column(database, chance.choice([REAL, WHOLE])), chance.choice([-2, -1, -1, 1])
    digits = min(digits, -1) if number.name == WHOLE else digits
    unit = chance.choice(["year", "quarter", "month", "day"])
    return chance.choice(
        [
            call("year", chance.choice([day, moment])),
            call("date_trunc", unit, day),
            call("date_trunc", chance.choice([unit, "hour", "minute", "second"]), moment),
            call("cast to date", moment),
            call(chance.choice(["trunc", "round"]), number, digits),
            call(chance.choice(["trunc", "round"]), column(database, REAL)),
        ]
    )


def unclear(chance: random.Random, database: Database) -> App:
    """Neither of both."""
    real, whole, text = (column(database, name) for name in (REAL, WHOLE, TEXT))
    day, moment, truth = (column(database, name) for name in (DAY, MOMENT, TRUTH))
    return chance.choice(
        [
            *(call("+", whole, 1), call("*", whole, 2), call("-", 0, whole), call("+", whole, real), call("abs", real)),
            *(
                call("%", whole, 2),
                call("floor", real),
                call("/", real, 2),
                call("sqrt", real),
                call("bucket", real, 2.0),
            ),
            *(call("length", text), call("hex", text), call("concat", text, "-", text), call("cast to text", whole)),
            *(
                call("month", day),
                call("weekday", day),
                call("hour", moment),
                call("day", moment),
                call("quarter", day),
            ),
            *(
                call("concat", text, call("cast to text", truth)),
                call("cast to integer", truth),
                call("cast to text", day),
            ),
            *(call("floor", call("ceil", call("*", real, 0.5))), call("upper", call("concat", text, text))),
            *(call("floor", call("ceil", call("bucket", real, 0.5))), call("%", call("floor", call("ceil", real)), 3)),
        ]
    )


def near(chance: random.Random, database: Database, term: Term) -> Any:
    """A value that the term has somewhere in the table, if it has one."""
    found = sorted({value(term, row) for row in database.rows} - {None})
    if found:
        return chance.choice(found)
    return {"text": "x", "integer": 1, "real": 1.0, "boolean": True}.get(term.kind)


def conditions(chance: random.Random, database: Database, free: Sequence[str]) -> tuple[Condition, ...]:
    """One condition; `free` are the columns without a range."""
    match chance.randint(0, 5):
        case 0:
            return (
                Condition(TEXT, chance.choice(["like", "ilike", "not like", "not ilike"]), (chance.choice(PATTERNS),)),
            )
        case 1:
            kinds: dict[str, list[str]] = {}
            for name, kind in database.kinds.items():
                kinds.setdefault("number" if kind in ("integer", "real") else kind, []).append(name)
            one, other = chance.choices(chance.choice([names for names in kinds.values() if len(names) > 1]), k=2)
            return (Condition(one, chance.choice(["same", "differ"]), (other,)),)
        case 2:
            term = ranging(chance, database)
        case 3:
            term = unclear(chance, database)
        case _:
            term = clear(chance, database)
    first, at = columns(term)[0].name, near(chance, database, term)
    if at is None or (is_range_function(term) and (first not in free or range_of(term, at) is None)):
        return ()
    if (found := range_of(term, at)) is not None and not found[0][0] < found[0][1]:
        return ()  # doubles so large that there is none beside
    ops = ["="] if chance.random() < 0.7 else ["<>", "in", "not in", "null", "not-null"]
    if piece(term) is not None:
        ops = ["=", "<>", "in", "not in", "like", "not ilike", "not-null", "null"]
    op = chance.choice(["=", "<>"]) if is_range_function(term) else chance.choice(ops)
    if op in ("null", "not-null"):
        return (Condition(first, op, (), term),)
    if op.endswith("like"):
        return (Condition(first, op, (chance.choice(PATTERNS),), term),)
    number = chance.choice([1, 2, 3]) if op in ("in", "not in") else 1
    return (Condition(first, op, (at, *(near(chance, database, term) for _ in range(number - 1))), term),)


def key(chance: random.Random, database: Database) -> str | App:
    """An expression to group by; the plain column where one of its values has no range (the year 9999)."""
    term = chance.choice([clear, ranging, unclear, unclear])(chance, database)
    if is_range_function(term):
        known = {value(term, row) for row in database.rows} - {None}
        if any(range_of(term, each) is None for each in known):
            return columns(term)[0].name
    return term
