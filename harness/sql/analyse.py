"""Syntax tree to Query: the allow-list of the query interface.

Every node is taken apart by a case that names it, and every argument of a node that the case does not name must be
absent (`_only`). Whatever is left over is refused, so a construct that nobody thought of is refused too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Kind, Schema
from harness.sql.conditions import MAX_CONDITIONS, condition
from harness.sql.parse import bare, only
from harness.sql.query import (
    Aggregate,
    And,
    Call,
    Condition,
    Const,
    Function,
    Operand,
    Order,
    Output,
    Query,
    Ref,
    Slot,
    refs_of,
)
from harness.sql.terms import term

MAX_OUTPUTS = 64

_CLAUSES: dict[str, type[exp.Expr]] = {
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


def analyse(tree: exp.Expr, schema: Schema) -> Query:
    """The Query that `tree` means on the table of `schema`. Raises QueryRefused with the rule that it breaks."""
    return _of_select(tree, schema, ("distinct", *_CLAUSES)).query()


def _of_select(tree: exp.Expr, schema: Schema, clauses: Sequence[str]) -> _Analysis:
    """Refuses what is no SELECT, and what it has beside these clauses."""
    if not isinstance(tree, exp.Select):
        raise QueryRefused("not-a-select", "Only one plain SELECT statement is answered.")
    for clause in ("distinct", *_CLAUSES):
        if clause not in clauses and tree.args.get(clause):
            raise QueryRefused("sub-query", f"A query inside another one has no {clause.upper()}.")
    only(tree, "expressions", *clauses)
    for name in clauses:
        if type(tree.args.get(name)) not in (_CLAUSES.get(name, exp.Distinct), type(None)):
            raise QueryRefused("not-supported", f"This {name.rstrip('_').upper()} is not answered.")
    return _Analysis(tree, schema)


@dataclass
class _Analysis:
    tree: exp.Select
    schema: Schema
    alias: str = ""
    columns: dict[str, Ref | Call] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    keys: list[Ref | Call] = field(default_factory=list)
    aggregates: list[Aggregate] = field(default_factory=list)
    outputs: list[tuple[str, Item]] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)

    def query(self) -> Query:
        self.read_source()
        self.read_outputs()
        self.read_keys()
        rows = self.read_rows()
        for _, item in self.outputs:
            self.slot(item)
        where, having = self.where(), self.tree.args.get("having")
        query = Query(
            table=self.schema.table,
            uid=self.schema.uid,
            outputs=tuple(Output(name, self.slot(item)) for name, item in self.outputs),
            where=None if not where else where[0] if len(where) == 1 else And(where),
            having=condition(having.this, self.answer_operand) if having else None,
            order=self.read_order(),
            limit=self.read_whole("limit"),
            offset=self.read_whole("offset") or 0,
            rows=rows,
        )
        if rows:
            if self.aggregates or having:
                raise QueryRefused("no-aggregate", "HAVING and ORDER BY know no aggregate where none is selected.")
            self.aggregates.append(Aggregate("count"))
        return replace(query, keys=tuple(self.keys), aggregates=tuple(self.aggregates))

    def read_rows(self) -> bool:
        """Whether rows are asked for: then what is selected is what they are grouped by. With DISTINCT each group is
        shown once."""
        distinct = self.tree.args.get("distinct")
        if not self.outputs:
            raise QueryRefused("no-aggregate", "SELECT needs columns or aggregates such as count(*).")
        plain = [item for _, item in self.outputs if not isinstance(item, Aggregate)]
        if distinct is not None:
            only(distinct)
            if len(plain) < len(self.outputs) or self.tree.args.get("group"):
                raise QueryRefused("not-supported", "SELECT DISTINCT takes columns, without aggregates and GROUP BY.")
        if self.tree.args.get("group") or not plain or len(plain) < len(self.outputs):
            return False
        self.keys = list(dict.fromkeys(plain))
        return distinct is None

    def read_source(self) -> None:
        source = self.tree.args.get("from_")
        if source is None:
            raise QueryRefused("no-table", f"The query needs FROM {self.schema.table}.")
        only(source, "this")
        table = source.this
        if isinstance(table, exp.Subquery) and isinstance(table.this, exp.Select):
            self.read_inner(table)
        elif isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier):
            only(table, "this", "alias")
            if table.name.lower() != self.schema.table.lower():
                raise QueryRefused("other-table", f"The only table here is {self.schema.table}.")
            self.columns = {column.name: Ref(column.name, column.kind) for column in self.schema.columns}
        else:
            raise QueryRefused("other-source", f"Only the table {self.schema.table} can be asked: no function.")
        if alias := table.args.get("alias"):
            only(alias, "this")
        self.alias = table.alias_or_name

    def read_inner(self, source: exp.Subquery) -> None:
        """A query over rows inside this one: its columns are put in where their names stand, its conditions joined by
        AND, so that both are one query over the table."""
        only(source, "this", "alias")
        inner = _of_select(source.this, self.schema, ("from_", "where"))
        inner.read_source()
        for node in inner.tree.expressions:
            for name, found in inner.shown(node):
                if name.lower() in (known.lower() for known in self.columns):
                    raise QueryRefused("ambiguous-name", f"Several selected columns are called {name[:40]}.")
                self.columns[name] = found
        if not any(isinstance(found, Ref) and found.name == self.schema.uid for found in self.columns.values()):
            raise QueryRefused("sub-query-uid", f"A query inside another one selects {self.schema.uid}.")
        self.conditions = inner.where()

    def is_star(self, node: exp.Expr) -> bool:
        """Whether it is * or t.*, which stand for all columns."""
        if isinstance(node, exp.Star):
            only(node)
            return True
        if not (type(node) is exp.Column and isinstance(node.this, exp.Star)):
            return False
        only(node, "this", "table")
        only(node.this)
        if not node.table or node.table.lower() != self.alias.lower():
            raise QueryRefused("other-table", f"The only table here is {self.alias[:40]}.")
        return True

    def shown(self, node: exp.Expr) -> list[tuple[str, Ref | Call]]:
        """What an expression of SELECT shows of each row, by name."""
        if self.is_star(node):
            return list(self.columns.items())
        name = ""
        if isinstance(node, exp.Alias):
            only(node, "this", "alias")
            name, node = node.alias, node.this
        found = self.item(node)
        if isinstance(found, Aggregate):
            raise QueryRefused("sub-query", "A query inside another one selects columns of rows, not aggregates.")
        return [(name or (node.name if isinstance(node, exp.Column) else found.name), found)]

    def where(self) -> tuple[Condition, ...]:
        """The conditions on rows, inner ones first."""
        where = self.tree.args.get("where")
        own = condition(where.this, self.row_operand) if where else None
        parts = own.parts if isinstance(own, And) else () if own is None else (own,)
        if len(self.conditions) + len(parts) > MAX_CONDITIONS:
            raise QueryRefused("too-many-conditions", f"A query can have at most {MAX_CONDITIONS:,} conditions.")
        return self.conditions + parts

    def read_outputs(self) -> None:
        if len(self.tree.expressions) > MAX_OUTPUTS:
            raise QueryRefused("too-many-columns", f"A query can SELECT at most {MAX_OUTPUTS} columns.")
        for node in self.tree.expressions:
            if self.is_star(node):
                self.outputs += self.columns.items()
                continue
            name, inner = "", node
            if isinstance(node, exp.Alias):
                only(node, "this", "alias")
                name, inner = node.alias, node.this
                self.aliases.add(name.lower())
            item = self.item(inner)
            self.outputs.append((name or (item.function if isinstance(item, Aggregate) else item.name), item))
        if len(self.outputs) > MAX_OUTPUTS:
            raise QueryRefused("too-many-columns", f"A query can SELECT at most {MAX_OUTPUTS} columns.")

    def read_keys(self) -> None:
        group = self.tree.args.get("group")
        if group is None:
            nodes: Sequence[exp.Expr] = ()
        else:
            only(group, "expressions", "all")
            nodes, every = group.expressions, group.args.get("all")
            if every is False or bool(every) == bool(nodes):
                raise QueryRefused("not-supported", "GROUP BY takes columns, or ALL and nothing else.")
            if every:
                self.keys = list(dict.fromkeys(item for _, item in self.outputs if not isinstance(item, Aggregate)))
        for node in nodes:
            key = self.named(node) or self.item(node)
            if isinstance(key, Aggregate):
                raise QueryRefused("group-by-aggregate", "GROUP BY takes columns, not aggregates.")
            if key not in self.keys:
                self.keys.append(key)

    def read_order(self) -> tuple[Order, ...]:
        order = self.tree.args.get("order")
        if order is None:
            return ()
        only(order, "expressions")
        found = []
        for node in order.expressions:
            only(node, "this", "desc", "nulls_first")
            item = self.named(node.this, alias_first=True) or self.item(node.this)
            found.append(Order(self.slot(item), bool(node.args.get("desc")), bool(node.args.get("nulls_first"))))
        return tuple(found)

    def read_whole(self, clause: str) -> int | None:
        node = self.tree.args.get(clause)
        if node is None:
            return None
        only(node, "expression")
        value = node.expression
        if not (isinstance(value, exp.Literal) and not value.is_string and value.this.isdecimal()):
            raise QueryRefused(f"{clause}-number", f"{clause.upper()} takes a plain whole number.")
        return min(int(value.this.lstrip("0")[:18] or "0"), 10**15)

    def named(self, node: exp.Expr, alias_first: bool = False) -> Item | None:
        """The output that a position or an alias in GROUP BY, HAVING or ORDER BY stands for. Where a column has that
        name too, the column is meant, and only in ORDER BY (`alias_first`) the alias, as in DuckDB."""
        if isinstance(node, exp.Literal) and not node.is_string:
            position = int(node.this) if node.this.isdecimal() and len(node.this) < 10 else 0
            if not 1 <= position <= len(self.outputs):
                raise QueryRefused(
                    "position", f"Position {node.this[:40]} is not one of the {len(self.outputs)} selected columns."
                )
            return self.outputs[position - 1][1]
        if not isinstance(node, exp.Column) or node.table:
            return None
        name = node.name.lower()
        is_column = any(known.lower() == name for known in self.columns)
        if is_column and not (alias_first and name in self.aliases):
            return None
        matches = {item for output, item in self.outputs if output.lower() == name}
        if len(matches) > 1:
            raise QueryRefused("ambiguous-name", f"Several selected columns are called {node.name[:40]}.")
        return matches.pop() if matches else None

    def item(self, node: exp.Expr) -> Item:
        """A column, an expression over columns, or an aggregate over one."""
        node = bare(node)
        if (function := _FUNCTIONS.get(type(node))) is not None:
            only(node, "this", "big_int")
            return self.aggregate(function, node.this)
        if (function := _noise_function(node)) is not None:
            only(node, "this", "expressions")
            return self.aggregate(function, node.expressions[0] if len(node.expressions) == 1 else None)
        found = term(node, self.column)
        if found is None or not refs_of(found):
            raise QueryRefused("not-supported", f"This expression is not answered: {_called(node)}.")
        assert not isinstance(found, Const)
        return found

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

    def column(self, node: exp.Column) -> Ref | Call:
        only(node, "this", "table")
        if type(node) is not exp.Column or not isinstance(node.this, exp.Identifier):
            raise QueryRefused("not-supported", "Name the columns; * stands only in count(*).")
        if node.table and node.table.lower() != self.alias.lower():
            raise QueryRefused("other-table", f"The only table here is {self.alias[:40]}.")
        lowered = {name.lower(): found for name, found in self.columns.items()}
        found = self.columns.get(node.name) or lowered.get(node.name.lower())
        if found is None:
            listed = ", ".join(self.columns)
            raise QueryRefused("unknown-column", f"There is no column {node.name[:40]}; the columns are {listed}.")
        return found

    def slot(self, item: Item) -> int:
        """The position of a key or aggregate in the answer; an aggregate that is new is added."""
        if not isinstance(item, Aggregate):
            if item not in self.keys:
                raise QueryRefused("not-grouped", f"{item.name} must stand in GROUP BY or inside an aggregate.")
            return self.keys.index(item)
        if item not in self.aggregates:
            self.aggregates.append(item)
        return len(self.keys) + self.aggregates.index(item)

    def row_operand(self, node: exp.Expr) -> Operand | Const | None:
        """What a condition of WHERE can be about: a column, or an expression over columns."""
        if isinstance(node, exp.AggFunc) or _noise_function(node) is not None:
            raise QueryRefused("aggregate-in-where", "Aggregates stand in HAVING, not in WHERE.")
        return term(node, self.column)

    def answer_operand(self, node: exp.Expr) -> Operand | None:
        """What a condition of HAVING can be about: a column of the answer."""
        if not isinstance(node, exp.Column | exp.AggFunc) and _noise_function(node) is None:
            return None
        item = self.named(node) or self.item(node)
        kind: Kind = item.kind
        return Slot(self.slot(item), kind)


def _noise_function(node: exp.Expr) -> Function | None:
    """The noise-reporting function that is called; a name in quotes is not a function's."""
    return _NOISE.get(node.this.lower()) if isinstance(node, exp.Anonymous) and isinstance(node.this, str) else None


def _called(node: exp.Expr) -> str:
    """A word for the node: a function's name or the kind of expression, never the analyst's text."""
    return node.key.replace("_", " ") if not isinstance(node, exp.Anonymous) else f"function {node.name[:40]}"
