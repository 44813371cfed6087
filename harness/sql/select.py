"""One SELECT as far as it is the same outside and inside: where its rows come from, its columns and conditions.

A query over rows inside another one is put in: its columns where their names stand, its conditions joined by AND. A
query inside that groups by the uid gives one row a user: its aggregates are columns (`query.PerUser`), conditions of
its HAVING and of the query around it are conditions on these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Schema
from harness.sql.conditions import MAX_CONDITIONS, condition
from harness.sql.parse import bare, only
from harness.sql.query import (
    Aggregate,
    And,
    Call,
    Condition,
    Const,
    Function,
    Joins,
    Operand,
    PerUser,
    Ref,
    Term,
    refs_of,
    shown_name,
)
from harness.sql.tables import Tables, flattened, table_of
from harness.sql.terms import term

CLAUSES: dict[str, type[exp.Expr]] = {
    "from_": exp.From,
    "where": exp.Where,
    "group": exp.Group,
    "having": exp.Having,
    "order": exp.Order,
    "limit": exp.Limit,
    "offset": exp.Offset,
}
_FUNCTIONS: dict[type[exp.Expr], Function] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Stddev: "stddev",
    exp.Min: "min",
    exp.Max: "max",
    exp.Median: "median",
}
_NOISE: dict[str, Function] = {
    "count_noise": "count_noise",
    "sum_noise": "sum_noise",
    "avg_noise": "avg_noise",
    "stddev_noise": "stddev_noise",
}

Item = Ref | Call | Aggregate


def checked(tree: exp.Expr, clauses: Sequence[str]) -> exp.Select:
    """Refuses what is no SELECT, and what it has beside these clauses."""
    if not isinstance(tree, exp.Select):
        raise QueryRefused("not-a-select", "Only one plain SELECT statement is answered.")
    for clause in ("distinct", *CLAUSES):
        if clause not in clauses and tree.args.get(clause):
            raise QueryRefused("sub-query", f"A query inside another one has no {clause.upper()}.")
    only(tree, "expressions", "joins", *clauses)
    for name in clauses:
        if type(tree.args.get(name)) not in (CLAUSES.get(name, exp.Distinct), type(None)):
            raise QueryRefused("not-supported", f"This {name.rstrip('_').upper()} is not answered.")
    return tree


@dataclass
class Select:
    """`columns` are those of what is selected from, by name; `per_user`: it has one row a user."""

    tree: exp.Select
    schema: Schema
    alias: str = ""
    columns: dict[str, Ref | Call] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    per_user: bool = False
    tables: Tables | None = None  # what it selects from, if not the main table alone or a query inside
    joins: Joins | None = None

    def read_source(self) -> None:
        source = self.tree.args.get("from_")
        if source is None:
            raise QueryRefused("no-table", f"The query needs FROM {self.schema.table}.")
        only(source, "this")
        table, joins = source.this, self.tree.args.get("joins") or []
        if isinstance(table, exp.Subquery) and isinstance(table.this, exp.Select) and not joins:
            self.read_inner(table)
            if alias := table.args.get("alias"):
                only(alias, "this")
        elif not isinstance(joins, list):
            raise QueryRefused("not-supported", "FROM lists tables.")
        elif joins or table_of(table, self.schema) is not self.schema:
            self.read_tables(Tables.of(table, joins, self.schema), joins)
        else:
            self.columns = {column.name: Ref(column.name, column.kind) for column in self.schema.columns}
        self.alias = table.alias_or_name

    def read_tables(self, tables: Tables, joins: Sequence[exp.Join]) -> None:
        """The columns of all tables, the conditions of inner joins."""
        self.tables = tables
        found: list[Condition] = []
        for at, join in enumerate(joins):
            found += tables.add(at, join, lambda node: condition(node, self.row_operand))
        self.conditions = flattened(found)
        self.columns = {name: ref for source in tables.sources for name, ref in source.open_columns.items()}

    def read_inner(self, source: exp.Subquery) -> None:
        """The columns and conditions of a query inside this one."""
        only(source, "this", "alias")
        inner = Inner(checked(source.this, ("from_", "where", "group", "having")), self.schema)
        inner.read_source()
        for name, found in inner.read():
            if name.lower() in (known.lower() for known in self.columns):
                raise QueryRefused("ambiguous-name", f"Several selected columns are called {name[:40]}.")
            self.columns[name] = found
        if not any(found == inner.uid for found in self.columns.values()):
            raise QueryRefused("sub-query-uid", f"A query inside another one selects {self.schema.uid}.")
        self.conditions, self.per_user, self.joins = inner.where(), inner.per_user, inner.joins

    @property
    def uid(self) -> Ref:
        return Ref(self.schema.uid, self.schema.column(self.schema.uid).kind)

    def star(self, node: exp.Expr) -> list[tuple[str, Ref | Call]] | None:
        """What * or t.* stands for, by name; None of what is neither."""
        if isinstance(node, exp.Star):
            only(node)
            return list(self.tables.star("") if self.tables else self.columns.items())
        if not (type(node) is exp.Column and isinstance(node.this, exp.Star)):
            return None
        only(node, "this", "table")
        only(node.this)
        if self.tables:
            return list(self.tables.star(node.table))
        if not node.table or node.table.lower() != self.alias.lower():
            raise QueryRefused("other-table", f"The only table here is {self.alias[:40]}.")
        return list(self.columns.items())

    def where(self) -> tuple[Condition, ...]:
        """The conditions on rows, inner ones first; those that join tables are left out, and with them `joins` is
        known."""
        where = self.tree.args.get("where")
        parts: tuple[Condition, ...] = ()
        if self.tables:
            read = self.tables.where(where and where.this, lambda node: condition(node, self.row_operand))
            parts, self.joins = flattened(read), self.tables.joins()
        elif where:
            parts = flattened([condition(where.this, self.row_operand)])
        if len(self.conditions) + len(parts) > MAX_CONDITIONS:
            raise QueryRefused("too-many-conditions", f"A query can have at most {MAX_CONDITIONS:,} conditions.")
        return self.conditions + parts

    def item(self, node: exp.Expr) -> Item:
        """A column, an expression over columns, or an aggregate over one."""
        node = bare(node)
        if (found := self.aggregated(node)) is not None:
            return found
        if (function := noise_function(node)) is not None:
            only(node, "this", "expressions")
            return self.aggregate(function, node.expressions[0] if len(node.expressions) == 1 else None)
        shown = term(node, self.column)
        if shown is None or not refs_of(shown):
            raise QueryRefused("not-supported", f"This expression is not answered: {_called(node)}.")
        assert not isinstance(shown, Const)
        return shown

    def aggregated(self, node: exp.Expr) -> Aggregate | None:
        """The aggregate that the node is, if any."""
        if (function := _FUNCTIONS.get(type(node))) is None:
            return None
        only(node, "this", "big_int")
        return self.aggregate(function, node.this)

    def aggregate(self, function: Function, inner: exp.Expr | None) -> Aggregate:
        if isinstance(inner, exp.Star) and function in ("count", "count_noise"):
            only(inner)
            return Aggregate(function)
        distinct = isinstance(inner, exp.Distinct)
        if isinstance(inner, exp.Distinct):
            only(inner, "expressions")
            if len(inner.expressions) != 1:
                raise QueryRefused("not-supported", f"{function}(DISTINCT …) takes one column.")
            inner = inner.expressions[0]
        column = term(inner, self.column) if inner else None
        if column is None or isinstance(column, Const) or not refs_of(column):
            raise QueryRefused("not-supported", f"{function} takes one column or expression over columns.")
        numbers = column.kind.is_number or (function in ("min", "max", "median") and column.kind.is_time)
        if function not in ("count", "count_noise") and not numbers:
            raise QueryRefused(
                "aggregate-type", f"{function}({column.name}) is not answered: {column.name} is of kind {column.kind}."
            )
        return Aggregate(function, column, distinct and function not in ("min", "max"))

    def column(self, node: exp.Expr) -> Ref | Call | None:
        """What a name stands for in each row; an aggregate is none of it."""
        if isinstance(node, exp.AggFunc):
            return None
        only(node, "this", "table")
        if type(node) is not exp.Column or not isinstance(node.this, exp.Identifier):
            raise QueryRefused("not-supported", "Name the columns; * stands only in count(*).")
        if self.tables:
            return self.tables.column(node)
        if node.table and node.table.lower() != self.alias.lower():
            raise QueryRefused("other-table", f"The only table here is {self.alias[:40]}.")
        found = self.columns.get(node.name)
        if found is None:
            found = {name.lower(): known for name, known in self.columns.items()}.get(node.name.lower())
        if found is None:
            listed = ", ".join(self.columns)
            raise QueryRefused("unknown-column", f"There is no column {node.name[:40]}; the columns are {listed}.")
        return found

    def row_operand(self, node: exp.Expr) -> Operand | Const | None:
        """What a condition of WHERE can be about: a column, or an expression over columns."""
        if isinstance(node, exp.AggFunc) or noise_function(node) is not None:
            raise QueryRefused("aggregate-in-where", "Aggregates stand in HAVING, not in WHERE.")
        return term(node, self.column)


@dataclass
class Inner(Select):
    """A query inside another one."""

    named: dict[str, Ref | Call] = field(default_factory=dict)  # what it shows of each user, in small letters

    def read(self) -> list[tuple[str, Ref | Call]]:
        """What it shows, by name."""
        group, having = self.tree.args.get("group"), self.tree.args.get("having")
        if group is None and having is None and not any(node.find(exp.AggFunc) for node in self.tree.expressions):
            return [shown for node in self.tree.expressions for shown in self.of_row(node)]
        if self.per_user:
            raise QueryRefused("sub-query", "Only one of the queries inside each other groups by user.")
        shown = [self.shown(node, self.of_user) for node in self.tree.expressions]
        self.named = {name.lower(): found for name, found in shown}
        self.read_group(group, [found for _, found in shown])
        if having is not None:
            found = condition(having.this, lambda node: term(node, self.value))
            self.conditions += found.parts if isinstance(found, And) else (found,)
        self.per_user = True
        return shown

    def of_row(self, node: exp.Expr) -> list[tuple[str, Ref | Call]]:
        every = self.star(node)
        return [self.shown(node, self.item)] if every is None else every

    def shown(self, node: exp.Expr, read: Callable[[exp.Expr], Item]) -> tuple[str, Ref | Call]:
        """What an expression of SELECT shows, and its name."""
        name = ""
        if isinstance(node, exp.Alias):
            only(node, "this", "alias")
            name, node = node.alias, node.this
        found = read(node)
        if isinstance(found, Aggregate):
            raise QueryRefused("sub-query", "A query inside another one reports no noise.")
        return name or (node.name if isinstance(node, exp.Column) else shown_name(found)), found

    def read_group(self, group: exp.Expr | None, shown: Sequence[Ref | Call]) -> None:
        """Refuses all but GROUP BY uid, by name, alias or position."""
        if group is not None:
            only(group, "expressions")
        nodes = [] if group is None else group.expressions
        if [self.grouped_by(node, shown) for node in nodes] != [self.uid]:
            raise QueryRefused("sub-query-uid", f"A query inside another one groups by {self.schema.uid} alone.")

    def grouped_by(self, node: exp.Expr, shown: Sequence[Ref | Call]) -> Term | None:
        if isinstance(node, exp.Literal) and not node.is_string:
            position = int(node.this) if node.this.isdecimal() and len(node.this) < 10 else 0
            return shown[position - 1] if 1 <= position <= len(shown) else None
        return self.value(node) if isinstance(node, exp.Column) else None

    def of_user(self, node: exp.Expr) -> Ref | Call:
        """The uid, an aggregate of a user's rows, or an expression over these."""
        found = term(node, self.value)
        if found is None or isinstance(found, Const) or not refs_of(found):
            raise QueryRefused("not-supported", "A query that groups by user shows aggregates and expressions of them.")
        return found

    def value(self, node: exp.Expr) -> Term | None:
        """An aggregate of a user's rows, the uid, or the name of what is selected."""
        if not isinstance(node, exp.Column):
            aggregate = self.aggregated(node)
            return None if aggregate is None else PerUser.of(aggregate)
        name = node.name.lower()
        if not node.table and name in self.named and name not in (known.lower() for known in self.columns):
            return self.named[name]
        found = self.column(node)
        if found is not None and found != self.uid:
            raise QueryRefused("not-grouped", f"{found.name} must stand inside an aggregate: each user is one row.")
        return found


def noise_function(node: exp.Expr) -> Function | None:
    """The noise-reporting function that is called; a name in quotes is not a function's."""
    return _NOISE.get(node.this.lower()) if isinstance(node, exp.Anonymous) and isinstance(node.this, str) else None


def _called(node: exp.Expr) -> str:
    """A word for the node: a function's name or the kind of expression, never the analyst's text."""
    return node.key.replace("_", " ") if not isinstance(node, exp.Anonymous) else f"function {node.name[:40]}"
