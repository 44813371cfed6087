"""What the slow oracle is asked: a table, a question, which rows it selects, and which rules it breaks (§6.3, §6.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.oracle_clear import is_like, jumps, piece, range_of
from tests.oracle_snapping import Bounds, moment, snapped, stated
from tests.oracle_terms import App, Col, Term
from tests.oracle_terms import value as value_of

Row = Mapping[str, Any]
Key = tuple[Any, ...]

INEQUALITIES = ("<", "<=", ">", ">=")
DISTINCT = tuple(f"{name}{ending}" for name in ("count", "sum", "avg") for ending in ("", "_noise"))
UNANSWERED = {"or": "diffix-or"}
MOST_JUMPS = 2


@dataclass(frozen=True)
class Condition:
    """`column op values`, as it stands in WHERE; with `term` it is about that expression, `column` is its first column.

    `op` is =, <>, in, not in, null, not-null, between, not between, [not] like, [not] ilike, same or differ (then the
    value is a column's name or an expression), an inequality, or one of UNANSWERED; in what `read` gives also range and
    not range.
    """

    column: str
    op: str
    values: tuple[Any, ...] = ()
    term: App | None = None
    written: Condition | None = None  # what decides about rows, where it is not the range that seeds the noise

    def on(self, database: Database) -> Term:
        return self.term or Col(self.column, database.kinds[self.column])

    def kind(self, database: Database) -> str:
        return self.on(database).kind

    @property
    def terms(self) -> list[App]:
        """The expressions that it is about."""
        return [term for term in (self.term, *self.values) if isinstance(term, App)]

    def holds(self, row: Row) -> bool:
        """SQL's three-valued logic: nothing but IS NULL is true of NULL."""
        if self.written is not None:
            return self.written.holds(row)
        value = row[self.column] if self.term is None else value_of(self.term, row)
        if self.op == "null" or value is None:
            return self.op == "null" and value is None
        if self.op in ("range", "not range"):
            low, value, high = comparable(self.values[0], value, self.values[1])
            return (low <= value < high) == (self.op == "range")
        if self.op in ("same", "differ"):
            other = value_of(self.values[0], row) if isinstance(self.values[0], App) else row[self.values[0]]
            if other is not None and type(value) is not type(other):  # a whole number beside a real one
                value, other = float(value), float(other)
            return other is not None and (value == other) == (self.op == "same")
        if self.op.endswith("like"):
            return is_like(self.values[0], value, self.op.endswith("ilike")) == (not self.op.startswith("not"))
        return self.op == "not-null" or (value in self.values) == (self.op in ("=", "in"))


@dataclass(frozen=True)
class Aggregate:
    """`function([DISTINCT] column)`; the column of count(*) is "*". `term`: of that multiple of the column."""

    function: str
    column: str = "*"
    distinct: bool = False
    term: App | None = None


@dataclass(frozen=True)
class Question:
    keys: tuple[str | App, ...]
    aggregates: tuple[Aggregate, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Switches:
    static: bool = True
    dynamic: bool = True
    low_count: bool = True
    flatten: bool = True
    snap: bool = True
    shrink_and_drop: bool = True
    round: bool = False


@dataclass(frozen=True)
class Database:
    """Rows of one table; `kinds` names the kind of each column."""

    table: str
    uid: str
    kinds: Mapping[str, str]
    rows: Sequence[Row]
    salt: bytes

    @property
    def one_row_per_user(self) -> bool:
        return len({row[self.uid] for row in self.rows}) == len(self.rows)

    def users(self, rows: Iterable[Row]) -> set[Any]:
        return {row[self.uid] for row in rows}


def buckets(database: Database, question: Question, switches: Switches | None = None) -> dict[Key, list[Row]]:
    """Without keys there is one bucket, if need be an empty one."""
    conditions = read(database, question, switches or Switches())
    found: dict[Key, list[Row]] = {} if question.keys else {(): []}
    for row in database.rows:
        if all(condition.holds(row) for condition in conditions):
            found.setdefault(
                tuple(row[key] if isinstance(key, str) else value_of(key, row) for key in question.keys), []
            ).append(row)
    return found


def broken_rules(database: Database, question: Question, switches: Switches | None = None) -> set[str]:
    """The rules that the question breaks; a refusal names one of them."""
    broken = {UNANSWERED[c.op] for c in question.conditions if c.op in UNANSWERED}
    if not question.aggregates or any(a.distinct and a.function not in DISTINCT for a in question.aggregates):
        broken.add("diffix-aggregate")
    of_terms = [c for c in question.conditions if c.terms]
    if any(_unclear(database, c) or c.op in ("between", "not between", *INEQUALITIES) for c in of_terms):
        broken.add("diffix-unclear")
    in_one = [sum(map(jumps, c.terms)) for c in question.conditions] + [jumps(key) for key in question.keys]
    if max(in_one, default=0) > MOST_JUMPS:
        broken.add("diffix-math")
    for column in dict.fromkeys(c.column for c in question.conditions):
        ranges, lone = _stated_ranges(question, column)
        kind = database.kinds[column]
        positive = {(low, high) for low, high, negative in ranges if not negative}
        if lone or (
            len(positive) > 1 and any(c.column == column and c.op in INEQUALITIES for c in question.conditions)
        ):
            broken.add("diffix-inequality")
        if len(ranges) > 1 or (ranges and kind in ("text", "boolean")):
            broken.add("diffix-range")
            continue
        snap = (switches or Switches()).snap
        as_said = {_produced(c) for c in question.conditions if c.column == column}  # these rows are those of no range
        for low, high, _ in ranges:
            if ((low, high), False) in as_said:
                continue
            low, high = comparable(*((low, high) if snap else stated(kind, low, high)))
            if low >= high or (snap and snapped(kind, low, high) is None):
                broken.add("diffix-range")
    return broken


def _unclear(database: Database, condition: Condition) -> bool:
    """Only positive equalities can be (§6.2, §6.5 to §6.12)."""
    if condition.op == "same":
        return False
    if condition.op == "differ" or condition.term is None:
        return True
    if condition.op == "=" or (condition.op == "in" and len(set(condition.values)) == 1):
        return False
    if kind_of_two(database, condition):
        return False
    return piece(condition.term) is None and not (condition.op in ("<>", "not in") and _produced(condition))


def has_notice(database: Database, question: Question, switches: Switches | None = None) -> bool:
    """Whether a range was widened, or x <= b read as x < b."""
    switches = switches or Switches()
    stated_as = {c.column: _stated_ranges(question, c.column)[0] for c in question.conditions}
    for condition in read(database, question, switches):
        if condition.op in ("range", "not range") and condition.written is None and switches.snap:
            [(low, high, _)] = stated_as[condition.column]
            times = [datetime.min] if database.kinds[condition.column] in ("date", "datetime") else []
            if comparable(*condition.values, *times)[:2] != comparable(low, high, *times)[:2]:
                return True
    return any(c.op == "<=" for c in question.conditions)


def _stated_ranges(question: Question, column: str) -> tuple[set[tuple[Any, Any, bool]], bool]:
    """The ranges of a column, (a, b, negative) for [NOT] a <= x < b, and whether an inequality is left that is no part
    of one.

    BETWEEN a AND b is x >= a AND x < b, and so is x >= a AND x <= b.
    """
    own = [c for c in question.conditions if c.column == column and c.term is None]
    ranges = {(*c.values, c.op == "not between") for c in own if c.op in ("between", "not between")}
    lows = {c.values[0] for c in own if c.op == ">="}
    highs = {c.values[0] for c in own if c.op in ("<", "<=")}
    ranges |= {(low, high, False) for low in lows for high in highs}
    for condition in question.conditions:
        if condition.column == column and (found := _produced(condition)) is not None:
            ranges.add((*found[0], condition.op in ("<>", "not in")))
    return ranges, bool(lows) != bool(highs) or any(c.op == ">" for c in own)


def _produced(condition: Condition) -> tuple[Bounds, bool] | None:
    """The range that an equality with a function stands for (§6.15)."""
    if condition.term is None or condition.op not in ("=", "<>", "in", "not in") or len(set(condition.values)) != 1:
        return None
    return range_of(condition.term, condition.values[0])


def read(database: Database, question: Question, switches: Switches) -> tuple[Condition, ...]:
    """The conditions of an answered question, each range as one condition with the bounds that are used."""
    read = []
    for condition in question.conditions:
        column, kind = condition.column, database.kinds[condition.column]
        produced = _produced(condition)
        negative = condition.op in ("not between", "not in", "<>")
        if kind_of_two(database, condition):
            read.append(replace(condition, op="=", values=(not condition.values[0],)))
        elif produced is not None and not produced[1]:
            read.append(Condition(column, "not range" if negative else "range", produced[0], written=condition))
        elif produced is not None or condition.op in ("between", "not between", *INEQUALITIES):
            [(low, high, _)] = _stated_ranges(question, column)[0]
            used = snapped(kind, low, high) if switches.snap else stated(kind, low, high)
            assert used is not None, "a refused range"
            read.append(Condition(column, "not range" if negative else "range", used))
        else:
            read.append(condition)
    return tuple(read)


def kind_of_two(database: Database, condition: Condition) -> bool:
    """Whether it excludes one of the two truth values, and so is about the other one."""
    one = condition.op in ("<>", "not in") and len(set(condition.values)) == 1
    return one and condition.kind(database) == "boolean"


def comparable(*values: Any) -> tuple[Any, ...]:
    """Days as moments where the other side has a time of day."""
    return tuple(moment(v) for v in values) if any(isinstance(v, datetime) for v in values) else values
