"""Syntax tree to Query: the allow-list of the query interface.

Every node is taken apart by a case that names it, and every argument of a node that the case does not name must be
absent (`parse.only`). Whatever is left over is refused, so a construct that nobody thought of is refused too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Kind, Schema
from harness.sql.conditions import condition
from harness.sql.parse import only
from harness.sql.query import Aggregate, And, Call, Operand, Order, Output, Query, Ref, Slot, shown_name
from harness.sql.select import CLAUSES, Item, Select, checked, noise_function

MAX_OUTPUTS = 64


def analyse(tree: exp.Expr, schema: Schema) -> Query:
    """The Query that `tree` means on the table of `schema`. Raises QueryRefused with the rule that it breaks."""
    return _Analysis(checked(tree, ("distinct", *CLAUSES)), schema).query()


@dataclass
class _Analysis(Select):
    """The outermost SELECT: what is grouped by, aggregated, ordered and shown."""

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
            per_user=self.per_user,
            joins=self.joins,
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

    def read_outputs(self) -> None:
        if len(self.tree.expressions) > MAX_OUTPUTS:
            raise QueryRefused("too-many-columns", f"A query can SELECT at most {MAX_OUTPUTS} columns.")
        for node in self.tree.expressions:
            if (every := self.star(node)) is not None:
                self.outputs += every
                continue
            name, inner = "", node
            if isinstance(node, exp.Alias):
                only(node, "this", "alias")
                name, inner = node.alias, node.this
                self.aliases.add(name.lower())
            item = self.item(inner)
            self.outputs.append((name or self.title(inner, item), item))
        if len(self.outputs) > MAX_OUTPUTS:
            raise QueryRefused("too-many-columns", f"A query can SELECT at most {MAX_OUTPUTS} columns.")

    def title(self, node: exp.Expr, item: Item) -> str:
        """What a column of the answer is called that has no alias."""
        if isinstance(item, Aggregate):
            return item.function
        if isinstance(node, exp.Column):
            return next(name for name in self.columns if name.lower() == node.name.lower())
        return shown_name(item)

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

    def slot(self, item: Item) -> int:
        """The position of a key or aggregate in the answer; an aggregate that is new is added."""
        if not isinstance(item, Aggregate):
            if item not in self.keys:
                raise QueryRefused("not-grouped", f"{item.name} must stand in GROUP BY or inside an aggregate.")
            return self.keys.index(item)
        if item not in self.aggregates:
            self.aggregates.append(item)
        return len(self.keys) + self.aggregates.index(item)

    def answer_operand(self, node: exp.Expr) -> Operand | None:
        """What a condition of HAVING can be about: a column of the answer."""
        if not isinstance(node, exp.Column | exp.AggFunc) and noise_function(node) is None:
            return None
        item = self.named(node) or self.item(node)
        kind: Kind = item.kind
        return Slot(self.slot(item), kind)
