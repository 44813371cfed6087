"""The tables of a FROM, and what joins them: syntax tree to `Joins`.

Tables whose rows have users are joined by equality of their uid columns, in ON or, of inner joins, in WHERE; every
other condition of an inner join is a condition like those of WHERE. So however it is written, an inner join is the same
set of tables, and a RIGHT JOIN is the LEFT JOIN of the tables in the other order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Schema
from harness.sql.conditions import MAX_CONDITIONS
from harness.sql.parse import MAX_JOINS, bare, only
from harness.sql.query import And, Condition, Joins, Outer, Place, Ref, TableRef

Read = Callable[[exp.Expr], Condition]


@dataclass
class Source:
    """One table in FROM. `columns` by the names that follow its alias, `open_columns` by those that stand alone."""

    alias: str
    schema: Schema
    outer: bool
    place: Place
    columns: dict[str, Ref] = field(default_factory=dict)
    open_columns: dict[str, Ref] = field(default_factory=dict)

    @property
    def user(self) -> Ref:
        return self.columns[self.schema.uid]


@dataclass
class Tables:
    """What FROM says, read in the order of its tables: `visible` so many of them can be named."""

    main: Schema
    sources: list[Source]
    visible: int = 1
    linked: list[tuple[Place, Place]] = field(default_factory=list)
    outer: list[Outer] = field(default_factory=list)
    conditions: int = 0

    @classmethod
    def of(cls, first: exp.Expr, joins: Sequence[exp.Join], main: Schema) -> Tables:
        """The tables without what joins them. Raises QueryRefused (rules: join, other-table, other-source,
        ambiguous-name)."""
        if len(joins) > MAX_JOINS:
            raise QueryRefused("join", f"A query joins at most {MAX_JOINS + 1} tables.")
        for at, join in enumerate(joins):
            _check(join, at)
        outer = {at + (join.side == "LEFT") for at, join in enumerate(joins) if join.side}
        sources: list[Source] = []
        nodes = [first, *(join.this for join in joins)]
        if joins and any(isinstance(node, exp.Subquery) for node in nodes):
            raise QueryRefused("join", "Tables are joined, no queries and nothing in parentheses.")
        for at, node in enumerate(nodes):
            schema = table_of(node, main)
            alias = node.alias_or_name
            if alias.lower() in (known.alias.lower() for known in sources):
                raise QueryRefused("ambiguous-name", f"Two tables are called {alias[:40]}; give one of them an alias.")
            sources.append(Source(alias, schema, at in outer, Place(schema.table, 1, schema.uid)))
        tables = cls(main, sources)
        tables._number()
        return tables

    def _number(self) -> None:
        """Tables that stand there several times are numbered, those of outer joins last, and columns named by that."""
        times: Counter[str] = Counter()
        for source in sorted(self.sources, key=lambda source: source.outer):
            schema = source.schema
            times[schema.table] += 1
            source.place = Place(schema.table, times[schema.table], schema.uid)
            table = "" if schema is self.main else schema.table
            for column in schema.columns:
                ref: Ref = TableRef(f"{source.place.name}.{column.name}", column.kind, table, column.name)
                of_user = column.name == schema.uid
                if of_user and not source.outer:
                    ref = Ref(self.main.uid, column.kind)
                elif not of_user and schema is self.main and source.place.number == 1:
                    ref = Ref(column.name, column.kind)
                source.columns[column.name] = ref
            source.open_columns = dict(source.columns)

    def add(self, at: int, join: exp.Join, read: Read) -> tuple[Condition, ...]:
        """Join the table after the first `at` + 1 ones; gives the conditions that are like those of WHERE. Raises
        QueryRefused (rules: join, join-uid and those of `read`)."""
        self.visible = at + 2
        added = self.sources[at + (join.side != "RIGHT")]
        users: list[Ref] = []
        if join.args.get("using"):
            users.append(self._using(at, join, added))
        found: list[Condition] = []
        for part in self._parts(join.args.get("on")):
            pair = self._users(part)
            if pair is None or not (added in pair if added.outer else self._link(*pair)):
                found.append(read(part))
            elif added.outer:
                users += [source.user for source in pair if source is not added]
        if not added.outer:
            return tuple(found)
        if added.schema.uid and not users:
            raise _must_link([added])
        self.outer.append(Outer(added.place, tuple(dict.fromkeys(users)), tuple(found)))
        return ()

    def where(self, node: exp.Expr | None, read: Read) -> tuple[Condition, ...]:
        """The conditions of WHERE without those that join tables."""
        found = []
        for part in self._parts(node):
            pair = self._users(part)
            if pair is None or not self._link(*pair):
                found.append(read(part))
        return tuple(found)

    def joins(self) -> Joins:
        """What was read. Raises QueryRefused (rule: join-uid) unless every row has one user."""
        inner = [source for source in self.sources if not source.outer]
        personal = [source for source in inner if source.schema.uid]
        if not personal:
            raise QueryRefused("join-uid", "Every row of a join needs a user: of a table that no outer join adds.")
        reached = {personal[0].place}
        for _ in personal:
            reached |= {place for pair in self.linked if reached & set(pair) for place in pair}
        if missing := [source for source in personal if source.place not in reached]:
            raise _must_link(missing)
        places = sorted((source.place for source in inner), key=lambda p: (not p.uid, p.table, p.number))
        return Joins(tuple(places), tuple(self.outer))

    def column(self, node: exp.Column) -> Ref:
        """The column that is named. Raises QueryRefused (rules: other-table, unknown-column, ambiguous-name)."""
        if node.table:
            columns = [self.source(node.table).columns]
        else:
            columns = [source.open_columns for source in self.sources[: self.visible]]
        known = [found for own in columns if (found := _named(own, node.name)) is not None]
        if not known:
            listed = ", ".join(dict.fromkeys(name for own in columns for name in own))
            raise QueryRefused("unknown-column", f"There is no column {node.name[:40]}; the columns are {listed}.")
        if len(known) > 1:
            raise QueryRefused("ambiguous-name", f"Several tables have a column {node.name[:40]}; name the table, too.")
        return known[0]

    def source(self, alias: str) -> Source:
        for source in self.sources[: self.visible]:
            if source.alias.lower() == alias.lower():
                return source
        listed = ", ".join(source.alias[:40] for source in self.sources[: self.visible])
        raise QueryRefused("other-table", f"There is no table {alias[:40]} here; the tables are {listed}.")

    def star(self, alias: str) -> list[tuple[str, Ref]]:
        """What * stands for, or with an alias what alias.* does."""
        if alias:
            return list(self.source(alias).columns.items())
        return [shown for source in self.sources for shown in source.open_columns.items()]

    def _parts(self, node: exp.Expr | None) -> list[exp.Expr]:
        """The conditions that AND joins."""
        found: list[exp.Expr] = []
        stack = [] if node is None else [node]
        while stack:
            top = bare(stack.pop())
            if isinstance(top, exp.And):
                stack += [top.args["expression"], top.args["this"]]
            else:
                found.append(top)
            if self.conditions + len(found) + len(stack) > MAX_CONDITIONS:
                raise QueryRefused("too-many-conditions", f"A query can have at most {MAX_CONDITIONS:,} conditions.")
        self.conditions += len(found)
        return found

    def _users(self, node: exp.Expr) -> tuple[Source, Source] | None:
        """The two tables whose uid columns must be equal, if that is the condition."""
        if type(node) is not exp.EQ:
            return None
        one, other = (self._user(bare(side)) for side in (node.this, node.expression))
        return None if one is None or other is None or one is other else (one, other)

    def _user(self, node: exp.Expr) -> Source | None:
        """The table whose uid column it is, if any."""
        if type(node) is not exp.Column or not isinstance(node.this, exp.Identifier):
            return None
        only(node, "this", "table")
        found = self.column(node)
        sources = [self.source(node.table)] if node.table else self.sources[: self.visible]
        return next((s for s in sources if s.schema.uid and s.user == found and _named(s.columns, node.name)), None)

    def _link(self, one: Source, other: Source) -> bool:
        if one.outer or other.outer:
            return False
        self.linked.append((one.place, other.place))
        return True

    def _using(self, at: int, join: exp.Join, added: Source) -> Ref:
        """USING (uid): the column stands there once, and the other table's is the user."""
        (name,) = (node.name for node in join.args["using"]) if len(join.args["using"]) == 1 else ("",)
        self.visible = at + 1
        before = self._user(exp.column(name)) if name else None
        self.visible = at + 2
        last = self.sources[at + 1]
        if before is None or not last.schema.uid or last.schema.uid.lower() != name.lower():
            raise QueryRefused("join", "USING takes the uid column of tables with users; join others with ON.")
        other = before if added is last else last
        before.open_columns[before.schema.uid] = other.user
        del last.open_columns[last.schema.uid]
        if not added.outer:
            self._link(before, last)
        return other.user


def table_of(node: exp.Expr, main: Schema) -> Schema:
    """The schema of a table in FROM. Raises QueryRefused (rules: join, other-table, other-source)."""
    known = (main, *main.others)
    listed = ", ".join(schema.table for schema in known)
    if not (isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)):
        raise QueryRefused("other-source", f"Only tables can be asked ({listed}): no function.")
    only(node, "this", "alias")
    if alias := node.args.get("alias"):
        only(alias, "this")
    for schema in known:
        if schema.table.lower() == node.name.lower():
            return schema
    here = f"The only table here is {listed}." if len(known) == 1 else f"The tables here are {listed}."
    raise QueryRefused("other-table", here)


def _check(join: exp.Join, at: int) -> None:
    """Refuses joins of other kinds, and what has no conditions or must have none."""
    if type(join) is not exp.Join:
        raise QueryRefused("not-supported", "FROM lists tables.")
    only(join, "this", "side", "kind", "on", "using")
    side, kind, using = (join.args.get(name) for name in ("side", "kind", "using"))
    if side not in (None, "LEFT", "RIGHT") or kind not in (None, "INNER", "OUTER", "CROSS"):
        raise QueryRefused("join", "Tables are joined by [INNER] JOIN, LEFT JOIN, RIGHT JOIN and CROSS JOIN.")
    conditions = sum(bool(join.args.get(name)) for name in ("on", "using"))
    needed = 1 if side or kind == "INNER" else 0
    if not needed <= conditions <= (kind != "CROSS") or (kind == "CROSS" and side):
        raise QueryRefused("join", "JOIN has an ON or a USING, CROSS JOIN has none.")
    if using and not (isinstance(using, list) and all(type(node) is exp.Identifier for node in using)):
        raise QueryRefused("join", "USING takes the uid column of tables with users; join others with ON.")
    if join.side == "RIGHT" and at:
        raise QueryRefused("join", "RIGHT JOIN stands behind the first table only; write LEFT JOIN.")


def _must_link(sources: Sequence[Source]) -> QueryRefused:
    """Aliases are the analyst's words; the tables' names say it."""
    told = " and ".join(dict.fromkeys(f"{source.schema.table}.{source.schema.uid}" for source in sources))
    return QueryRefused("join-uid", f"Tables with users are joined by their users: put = beside {told} in ON.")


def _named(columns: dict[str, Ref], name: str) -> Ref | None:
    lowered = {known.lower(): found for known, found in columns.items()}
    return columns.get(name) or lowered.get(name.lower())


def flattened(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions with those inside an AND in its place."""
    return tuple(part for one in conditions for part in (one.parts if isinstance(one, And) else (one,)))
