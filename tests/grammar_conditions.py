"""Generated conditions: every form of the paper's Appendix A, about columns and about expressions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.grammar_terms import TEXT, Terms, is_narrow
from tests.oracle_clear import ESCAPED, PLAIN, is_range_function
from tests.oracle_queries import INEQUALITIES, Condition, Database
from tests.oracle_tables import GROUPED, NAMES, ORDERED, PROFILES, UID, partly_null, present
from tests.oracle_terms import Col, Term, columns, literal, written

Names = Mapping[Term, str]

RANGES = ("between", "not between", "pair", "pair with <=")
OF_COLUMNS = ("=", "=", "<>", "in", "not in", "null", "not-null", *RANGES)
LIKES = ("like", "ilike", "not like", "not ilike")
PERCENT, UNDERSCORE = ESCAPED["%"], ESCAPED["_"]
PATTERNS = (
    *("%", "_", "x", "X%", "%s", "it%", "_t's", "%_", "_%", "%%a", "a%b", "é", "É%", "NULL", "%u_l%", "", "1._", "%1%"),
    *(f"%{PERCENT}%", f"{PERCENT}_", f"a{UNDERSCORE}", "!%"),
)


class Conditions:
    """Conditions about one table, most often with values that it has."""

    def __init__(self, chance: random.Random, database: Database, terms: Terms) -> None:
        self.chance, self.database, self.terms = chance, database, terms

    def several(self, number: int) -> list[Condition]:
        found: list[Condition] = []
        for _ in range(number):
            ranged = [c.column for c in found if c.op in ("between", "not between", ">=") or c.term is not None]
            free = [name for name in ORDERED if name not in ranged]
            maker = self.chance.choice([self.of_column] * 5 + [self.of_term] * 3 + [self.of_two])
            found += maker(free)
        self.chance.shuffle(found)
        return found

    def of_column(self, free: Sequence[str]) -> tuple[Condition, ...]:
        op = self.chance.choice([op for op in OF_COLUMNS if free or op not in RANGES])
        if op in RANGES:
            column = self.chance.choice(free)
            return spelled(op, column, bounds(self.chance, self.database, column))
        if op in ("null", "not-null"):
            return (Condition(self.chance.choice(partly_null(self.database) or NAMES), op),)
        if self.chance.random() < 0.1:
            return (Condition(TEXT, self.chance.choice(LIKES), (self.chance.choice(PATTERNS),)),)
        column = self.chance.choice(GROUPED if op in ("=", "in") else (*NAMES, UID))
        pool = [*present(self.database, column) * 3, *(PROFILES[column][1][0] if column in PROFILES else ())]
        pool = pool or ["1" if self.database.kinds[column] == "text" else 1]
        number = self.chance.randint(1, 5) if op == "in" else self.chance.randint(1, 3) if op == "not in" else 1
        return (Condition(column, op, tuple(self.chance.choices(pool, k=number))),)

    def of_term(self, free: Sequence[str]) -> tuple[Condition, ...]:
        """Mostly an equality: what else is unclear is refused."""
        term = self.terms.any()
        first, at = columns(term)[0].name, self.terms.near(term)
        if at is None or (is_range_function(term) and (first not in free or is_narrow(term, at))):
            return ()
        ops = ["="] * 8 + ["<>", "in", "not in", "null", "not-null", "between", "<"]
        if self.terms.is_clear(term):
            ops = ["=", "=", "<>", "in", "not in", "null", "not-null", *LIKES]
        if is_range_function(term):
            ops = ["=", "=", "<>", "in"]
        op = self.chance.choice(ops)
        if op in ("null", "not-null"):
            return (Condition(first, op, (), term),)
        if op.endswith("like"):
            return (Condition(first, op, (self.chance.choice(PATTERNS),), term),)
        number = {"in": self.chance.choice([1, 2, 3]), "not in": self.chance.choice([1, 2]), "between": 2}.get(op, 1)
        return (Condition(first, op, (at, *(self.terms.near(term) for _ in range(number - 1))), term),)

    def of_two(self, free: Sequence[str]) -> tuple[Condition, ...]:
        """Two columns or expressions of kinds that can be compared."""
        op = self.chance.choice(["same", "same", "differ"])
        if self.chance.random() < 0.3:
            one, other = self.terms.small(), self.terms.small()
            return (Condition(columns(one)[0].name, "same", (other,), one),)
        term = self.terms.any() if self.chance.random() < 0.4 else None
        kinds = self.database.kinds
        first = columns(term)[0].name if term else self.chance.choice(NAMES)
        kind = term.kind if term else kinds[first]
        alike = [name for name in kinds if kinds[name] == kind or {kinds[name], kind} == {"integer", "real"}]
        if term and self.chance.random() < 0.3:
            return (Condition(first, op, (self.terms.of(kind),), term),)
        return (Condition(first, op, (self.chance.choice(alike),), term),) if alike else ()


def spelled(op: str, column: str, ends: tuple[Any, Any]) -> tuple[Condition, ...]:
    if op in ("between", "not between"):
        return (Condition(column, op, ends),)
    upper = "<=" if op == "pair with <=" else "<"
    return Condition(column, ">=", ends[:1]), Condition(column, upper, ends[1:])


def bounds(chance: random.Random, table: Database, column: str) -> tuple[Any, Any]:
    """Two different values near those of the table, often around all of them."""
    values = present(table, column) or list(PROFILES[column][1][0])
    if chance.random() < 0.7:
        values = [values[0], values[-1]]
    near = STEPS[table.kinds[column]]
    low, high = sorted(near(chance.choice(values), chance.choice(OFFSETS)) for _ in range(2))
    return (low, high) if low < high else (low, near(low, 2))


def in_time(value: Any, by: timedelta) -> Any:
    """The value later by that much, or the value where the calendar ends."""
    try:
        return value + by
    except OverflowError:
        return value


OFFSETS = (0, 0, 0, 1, -1, 2, 3, 5, -10, 40, 0.5, -0.25)
STEPS: dict[str, Callable[[Any, float], Any]] = {
    "integer": lambda value, by: value + by if abs(value) < 2**50 else value,
    "real": lambda value, by: round(value + by / 4, 6) if abs(value) < 2**50 else value * (1 + by / 100),
    "date": lambda value, by: in_time(value, timedelta(int(by))),
    "datetime": lambda value, by: in_time(value, timedelta(seconds=by * abs(by))),
}

# SQL


def condition_text(database: Database, condition: Condition, names: Names, spelling: int = 0) -> str:
    """One of the spellings of the condition."""
    on, op = written(condition.on(database), spelling, names), condition.op
    values = [value if isinstance(value, str) and op in (*LIKES, "same", "differ") else literal_of(value, spelling)
              for value in condition.values]  # fmt: skip
    match op:
        case "null" | "not-null":
            return f"{on} IS {'NOT ' if op == 'not-null' else ''}NULL"
        case "between" | "not between":
            text = f"{on} BETWEEN {values[0]} AND {values[1]}"
            return (
                text
                if op == "between"
                else f"NOT {text}"
                if spelling % 2
                else text.replace(" BETWEEN", " NOT BETWEEN", 1)
            )
        case "in" | "not in":
            return f"{on} {op.upper()} ({', '.join(values)})"
        case "same" | "differ":
            [other] = condition.values
            other = Col(other, database.kinds[other]) if isinstance(other, str) else other
            return f"{on} {'=' if op == 'same' else '<>'} {written(other, spelling, names)}"
        case "like" | "ilike" | "not like" | "not ilike":
            return f"{on} {op.upper()} {pattern_text(values[0])}"
        case "=" if condition.values[0] is True and spelling % 2:
            return on
        case "<>" if spelling % 3 == 1:
            return f"NOT {on} = {values[0]}"
    if spelling % 3 == 2 and condition.term is None:
        return f"{values[0]} {FLIPPED[op]} {on}"
    return f"{on} {op} {values[0]}"


FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
assert set(FLIPPED) > set(INEQUALITIES)


def literal_of(value: Any, spelling: int) -> str:
    """Dates and moments with and without their type."""
    text = literal(value) if not isinstance(value, Term) else ""
    return text.removeprefix("DATE ").removeprefix("TIMESTAMP ") if spelling % 2 else text


def pattern_text(pattern: str) -> str:
    if not set(pattern) & {PERCENT, UNDERSCORE}:
        return literal(pattern)
    escaped = "".join(
        f"!{c.translate(PLAIN)}" if c in (PERCENT, UNDERSCORE) else "!!" if c == "!" else c for c in pattern
    )
    return f"{literal(escaped)} ESCAPE '!'"
