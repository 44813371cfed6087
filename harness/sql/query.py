"""A checked query as data: what the analyst's SQL means, free of its spelling.

    SELECT salary_band, count(*) FROM employees WHERE department = 'CS' AND gender <> 'F' GROUP BY salary_band

    Query(table="employees", keys=(salary_band,), aggregates=(count(*),),
          where=And((Compare(department, "=", "CS"), Compare(gender, "<>", "F"))), …)

Literals hold Python values of the column's kind: `age = '20'`, `20 = age` and `age = 20.0` are one condition.
A query of one row a user has `per_user` set. Its columns are the uid and `PerUser` aggregates; conditions on these
are on what the users' rows together give, and stand beside those on the rows in one `where`.

A query over several tables has `joins`. An analyst's aliases and the order of the tables are not in it: the uid of
every table that is joined by it is `Ref(uid)`, the columns of the main table are those of a query without a join, the
columns of others are named by table and column (`TableRef`).

HAVING, ORDER BY, LIMIT and OFFSET refer to slots of the answer (keys first, then aggregates), because they act on
what the defense lets out and never on the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

from harness.model import Kind

Scalar = bool | int | float | str | date | datetime
Operator = Literal["=", "<>", "<", "<=", ">", ">="]
Function = Literal[
    "count",
    "sum",
    "avg",
    "stddev",
    "min",
    "max",
    "median",
    "count_noise",
    "sum_noise",
    "avg_noise",
    "stddev_noise",
]
NOISE = "_noise"


@dataclass(frozen=True)
class Ref:
    """A column of the table."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class TableRef(Ref):
    """A column of a joined table: any but those of the main table where it stands in the query first. The name is the
    table's, its number where it stands there several times, and the column's. `table` is "" for the main one."""

    table: str
    column: str

    @property
    def path(self) -> str:
        """Table and column, whichever of the table's several places it is in; of the main table the column alone."""
        return f"{self.table}.{self.column}" if self.table else self.column


@dataclass(frozen=True)
class PerUser(Ref):
    """An aggregate of each user's rows: a column of a query that groups by the uid inside."""

    aggregate: Aggregate

    @classmethod
    def of(cls, aggregate: Aggregate) -> PerUser:
        what = "*" if aggregate.on is None else aggregate.on.name
        return cls(f"{aggregate.function}({'DISTINCT ' * aggregate.distinct}{what})", aggregate.kind, aggregate)


@dataclass(frozen=True)
class Slot:
    """A column of the answer: a key or an aggregate by position."""

    index: int
    kind: Kind


@dataclass(frozen=True)
class Const:
    """A constant inside a term."""

    value: Scalar
    kind: Kind

    @property
    def name(self) -> str:
        return f"'{self.value}'" if isinstance(self.value, str | date) else str(self.value)


@dataclass(frozen=True)
class Call:
    """A function of `harness.sql.functions`, an operator or a cast, over terms."""

    function: str
    args: tuple[Term, ...]
    kind: Kind

    @cached_property
    def size(self) -> int:
        """Functions and operands in it."""
        return 1 + sum(arg.size if isinstance(arg, Call) else 1 for arg in self.args)

    @property
    def name(self) -> str:
        """The term in words, for people."""
        shown = [arg.name for arg in self.args]
        if self.function in OPERATORS:
            return f"({shown[0]} {self.function} {shown[1]})"
        if self.function.startswith("cast to "):
            return f"cast({shown[0]} AS {self.function.removeprefix('cast to ')})"
        return f"{self.function}({', '.join(shown)})"


OPERATORS = ("+", "-", "*", "/", "^", "%")

Term = Ref | Call | Const
Operand = Ref | Slot | Call


@dataclass(frozen=True)
class Compare:
    on: Operand
    op: Operator
    value: Scalar | Operand


@dataclass(frozen=True)
class Between:
    """`low <= on <= high`, both ends included as in SQL."""

    on: Operand
    low: Scalar
    high: Scalar


@dataclass(frozen=True)
class In:
    on: Operand
    values: tuple[Scalar, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like:
    on: Operand
    pattern: str
    ignore_case: bool = False
    escape: str | None = None


@dataclass(frozen=True)
class IsNull:
    on: Operand


@dataclass(frozen=True)
class Not:
    part: Condition


@dataclass(frozen=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Condition, ...]


Condition = Compare | Between | In | Like | IsNull | Not | And | Or


@dataclass(frozen=True)
class Aggregate:
    """`function([DISTINCT] on)`; `on` is None for count(*).

    stddev is that of a sample, as in SQL. The noise functions ask for the standard deviation of the noise
    that the function they are named after has (Diffix-Birch §6.17): of defenses that report it."""

    function: Function
    on: Term | None = None
    distinct: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of the aggregate's exact value."""
        if self.function == "count":
            return Kind.INTEGER
        assert self.on is not None or self.is_noise
        if self.function in ("sum", "min", "max") and self.on is not None:
            return self.on.kind
        return Kind.DATETIME if self.function == "median" and self.on and self.on.kind.is_time else Kind.REAL

    @property
    def is_noise(self) -> bool:
        return self.function.endswith(NOISE)

    @property
    def of(self) -> Aggregate:
        """The aggregate whose noise this one reports, or itself."""
        function: Any = self.function.removesuffix(NOISE)
        return replace(self, function=function)


@dataclass(frozen=True)
class Output:
    """One column of the SELECT list: its name and the slot that it shows."""

    name: str
    slot: int


@dataclass(frozen=True)
class Order:
    slot: int
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class Place:
    """A table in FROM, the how manieth time it stands there, and its uid column, "" where its rows have no users."""

    table: str
    number: int
    uid: str

    @property
    def name(self) -> str:
        return self.table if self.number == 1 else f"{self.table} {self.number}"


@dataclass(frozen=True)
class Outer:
    """What a LEFT JOIN adds to each row, or NULL: the rows of `place` of the same user, whose uid these columns hold,
    that meet the conditions `on`."""

    place: Place
    users: tuple[Ref, ...] = ()
    on: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Joins:
    """The tables that a query selects from: `inner`, in the order of their names those with users in front, each
    combined with each, the rows of one user with one another; then the outer ones in their order. The conditions of
    inner joins are in the query's `where`. The user of a row is that of the first table."""

    inner: tuple[Place, ...]
    outer: tuple[Outer, ...] = ()


@dataclass(frozen=True)
class Query:
    table: str
    uid: str
    outputs: tuple[Output, ...]
    keys: tuple[Ref | Call, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    where: Condition | None = None
    having: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    rows: bool = False  # no aggregate: the keys are what is selected, each bucket stands for count(*) rows
    per_user: bool = False  # of the table's rows grouped by the uid; see `PerUser`
    joins: Joins | None = None  # what it selects from, if not the main table alone; `table` is that one all the same

    def __hash__(self) -> int:
        """Computed once: a batch looks the same query up thousands of times."""
        if "_hash" not in self.__dict__:
            fields = (self.outputs, self.keys, self.aggregates, self.where, self.having, self.order, self.limit)
            self.__dict__["_hash"] = hash((self.table, *fields, self.offset, self.rows, self.per_user, self.joins))
        known: int = self.__dict__["_hash"]
        return known

    def slot_kind(self, slot: int) -> Kind:
        if slot < len(self.keys):
            return self.keys[slot].kind
        return self.aggregates[slot - len(self.keys)].kind

    @property
    def conjuncts(self) -> tuple[Condition, ...]:
        """The conditions of WHERE that are joined by AND at its top."""
        if self.where is None:
            return ()
        return self.where.parts if isinstance(self.where, And) else (self.where,)

    @property
    def attributes(self) -> tuple[Ref, ...]:
        """The columns that decide which rows are in which bucket: of GROUP BY, then of WHERE, each once."""
        inside = () if self.where is None else columns_of(self.where)
        return tuple(dict.fromkeys([*(ref for key in self.keys for ref in refs_of(key)), *inside]))


def shown_name(term: Term) -> str:
    """What a selected column is called in the answer, where the query does not say."""
    return term.column if isinstance(term, TableRef) else term.name


def walk(condition: Condition) -> Iterator[Condition]:
    """The condition and every condition inside it, outermost first."""
    yield condition
    if isinstance(condition, Not):
        yield from walk(condition.part)
    elif isinstance(condition, And | Or):
        for part in condition.parts:
            yield from walk(part)


def refs_of(term: Term) -> tuple[Ref, ...]:
    """The columns of a term, each once."""
    if isinstance(term, Call):
        return tuple(dict.fromkeys(ref for arg in term.args for ref in refs_of(arg)))
    return (term,) if isinstance(term, Ref) else ()


def with_columns(term: Term, by: Callable[[Ref], Term]) -> Term:
    """The term with another one in place of each of its columns."""
    if isinstance(term, Call):
        return Call(term.function, tuple(with_columns(arg, by) for arg in term.args), term.kind)
    return by(term) if isinstance(term, Ref) else term


def is_of_users(condition: Condition) -> bool:
    """Whether a condition of a query per user is about what its rows together give, and not about each of them."""
    return any(isinstance(ref, PerUser) for ref in columns_of(condition))


def columns_of(condition: Condition) -> tuple[Ref, ...]:
    """The columns of a condition on rows, each once."""
    operands = [getattr(leaf, side, None) for leaf in walk(condition) for side in ("on", "value")]
    return tuple(dict.fromkeys(ref for term in operands if isinstance(term, Ref | Call) for ref in refs_of(term)))
