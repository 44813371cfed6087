"""What the slow oracle is asked: a table, a question, which rows it selects, and which rules it breaks (§6.3, §6.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle_snapping import Bounds, moment, snapped, stated

Row = Mapping[str, Any]
Key = tuple[Any, ...]

INEQUALITIES = ("<", "<=", ">", ">=")
UNANSWERED = {"or": "diffix-or"}


@dataclass(frozen=True)
class Condition:
    """`column op values`, as it stands in WHERE.

    `op` is =, <>, in, not in, null, not-null, between, an inequality, or one of UNANSWERED.
    """

    column: str
    op: str
    values: tuple[Any, ...] = ()

    def holds(self, row: Row) -> bool:
        """SQL's three-valued logic: nothing but IS NULL is true of NULL."""
        value = row[self.column]
        if self.op == "null" or value is None:
            return self.op == "null" and value is None
        if self.op == "range":
            low, value, high = comparable(self.values[0], value, self.values[1])
            return low <= value < high
        return self.op == "not-null" or (value in self.values) == (self.op in ("=", "in"))


@dataclass(frozen=True)
class Aggregate:
    """`function([DISTINCT] column)`; the column of count(*) is "*"."""

    function: str
    column: str = "*"
    distinct: bool = False


@dataclass(frozen=True)
class Question:
    keys: tuple[str, ...]
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
            found.setdefault(tuple(row[key] for key in question.keys), []).append(row)
    return found


def broken_rules(database: Database, question: Question, switches: Switches | None = None) -> set[str]:
    """The rules that the question breaks; a refusal names one of them."""
    broken = {UNANSWERED[c.op] for c in question.conditions if c.op in UNANSWERED}
    if not question.aggregates or any(a.distinct and a.column != database.uid for a in question.aggregates):
        broken.add("diffix-aggregate")
    for column in dict.fromkeys(c.column for c in question.conditions):
        ranges, lone = _stated_ranges(question, column)
        kind = database.kinds[column]
        if lone or (len(ranges) > 1 and any(c.column == column and c.op in INEQUALITIES for c in question.conditions)):
            broken.add("diffix-inequality")
        if len(ranges) > 1 or (ranges and kind in ("text", "boolean")):
            broken.add("diffix-range")
            continue
        snap = (switches or Switches()).snap
        for bounds in ranges:
            low, high = comparable(*(bounds if snap else stated(kind, *bounds)))
            if low >= high or (snap and snapped(kind, low, high) is None):
                broken.add("diffix-range")
    return broken


def has_notice(database: Database, question: Question, switches: Switches | None = None) -> bool:
    """Whether a range was widened, or x <= b read as x < b."""
    switches = switches or Switches()
    used = {c.column: c.values for c in read(database, question, switches) if c.op == "range"}
    widened = any(
        comparable(*bounds, datetime.min)[:2]
        != comparable(*_stated_ranges(question, column)[0].pop(), datetime.min)[:2]
        if database.kinds[column] in ("date", "datetime")
        else bounds != _stated_ranges(question, column)[0].pop()
        for column, bounds in used.items()
    )
    return (widened and switches.snap) or any(c.op == "<=" for c in question.conditions)


def _stated_ranges(question: Question, column: str) -> tuple[set[Bounds], bool]:
    """The ranges of a column, (a, b) for a <= x < b, and whether an inequality is left that is no part of one.

    BETWEEN a AND b is x >= a AND x < b, and so is x >= a AND x <= b.
    """
    own = [c for c in question.conditions if c.column == column]
    ranges = {c.values for c in own if c.op == "between"}
    lows = {c.values[0] for c in own if c.op == ">="}
    highs = {c.values[0] for c in own if c.op in ("<", "<=")}
    ranges |= {(low, high) for low in lows for high in highs}
    return ranges, bool(lows) != bool(highs) or any(c.op == ">" for c in own)


def read(database: Database, question: Question, switches: Switches) -> tuple[Condition, ...]:
    """The conditions of an answered question, each range as one condition with the bounds that are used."""
    read = []
    for condition in question.conditions:
        if condition.op not in ("between", *INEQUALITIES):
            read.append(condition)
            continue
        column, kind = condition.column, database.kinds[condition.column]
        [bounds] = _stated_ranges(question, column)[0]
        used = snapped(kind, *bounds) if switches.snap else stated(kind, *bounds)
        assert used is not None, "a refused range"
        read.append(Condition(column, "range", used))
    return tuple(read)


def comparable(*values: Any) -> tuple[Any, ...]:
    """Days as moments where the other side has a time of day."""
    return tuple(moment(v) for v in values) if any(isinstance(v, datetime) for v in values) else values
