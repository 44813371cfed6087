"""The rows of joined tables: what a query over several tables selects from.

    SELECT *, row("#join row 0", "#join row 1") AS "#row"
    FROM (SELECT "client" AS "uid", "#uid_hash", "amount" AS "payments.amount", "#row" AS "#join row 0"
          FROM "payments") AS "#join 0"
    JOIN (SELECT "uid" AS "#join uid 1", "age", "#row" AS "#join row 1" FROM "people") AS "#join 1"
      ON "uid" = "#join uid 1"

Every column has the name that the query has for it, and the user of the first table is that of the row. A user can have
several rows; a row is told from others by those that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from harness.sql.expressions import column_tree, condition_tree
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import ROW_NUMBER, UID_HASH, Plan
from harness.sql.query import Outer, PerUser, Place, Ref, TableRef, columns_of, refs_of

JOIN = "#join"  # no column of a table begins like this


def source(plan: Plan) -> exp.Expr:
    """The table, or the joined tables, as something to select from."""
    query, joins = plan.query, plan.query.joins
    if joins is None:
        return exp.table_(query.table, quoted=True)
    used = list(dict.fromkeys(_in_rows(plan)))
    places = [*joins.inner, *(outer.place for outer in joins.outer)]
    rows = call("row", *(quoted(f"{JOIN} row {at}") for at in range(len(places))))
    select = exp.select(exp.Star(), named(rows, ROW_NUMBER))
    for at, place in enumerate(places):
        part = _part(at, place, plan, used).subquery(exp.to_identifier(f"{JOIN} {at}", quoted=True), copy=False)
        if at == 0:
            select = select.from_(part, copy=False)
        elif at >= len(joins.inner):
            on = _outer(joins.outer[at - len(joins.inner)], at)
            select = select.join(part, on=on, join_type="left", copy=False)
        elif place.uid:
            select = select.join(part, on=_same_user(quoted(query.uid), at), copy=False)
        else:
            select = select.join(part, join_type="cross", copy=False)
    return select.subquery("joined", copy=False)


def columns(plan: Plan) -> Iterator[Ref]:
    """The columns that a plan names, those of users among them."""
    query = plan.query
    for term in (*query.keys, *(a.on for a in query.aggregates if a.on is not None)):
        yield from refs_of(term)
    for condition in query.conjuncts:
        yield from columns_of(condition)
    yield from (*plan.floated, *plan.spans, *plan.edges)
    for ref, _, _ in (*plan.beyond, *(plan.within.ranges if plan.within else ())):
        yield ref


def _in_rows(plan: Plan) -> Iterator[Ref]:
    """The columns of joined tables that a plan needs."""
    for ref in (*columns(plan), *plan.cells):
        if not isinstance(ref, PerUser):
            yield ref
        elif ref.aggregate.on is not None:
            yield from refs_of(ref.aggregate.on)
    for outer in () if plan.query.joins is None else plan.query.joins.outer:
        yield from outer.users
        for condition in outer.on:
            yield from columns_of(condition)


def _part(at: int, place: Place, plan: Plan, used: list[Ref]) -> exp.Select:
    """The columns of one table under their names in the query."""
    query = plan.query
    found = [named(quoted(ROW_NUMBER), f"{JOIN} row {at}")]
    if at == 0:
        found += [named(quoted(place.uid), query.uid), quoted(UID_HASH)]
    elif place.uid:
        found.append(named(quoted(place.uid), f"{JOIN} uid {at}"))
    for ref in used:
        if isinstance(ref, TableRef):
            if ref.name == f"{place.name}.{ref.column}":
                found.append(named(quoted(ref.column), ref.name))
        elif place.name == query.table and ref.name != query.uid:
            found.append(quoted(ref.name))
    return exp.select(*found).from_(exp.table_(place.table, quoted=True), copy=False)


def _same_user(user: exp.Expr, at: int) -> exp.Expr:
    return exp.EQ(this=user, expression=quoted(f"{JOIN} uid {at}"))


def _outer(outer: Outer, at: int) -> exp.Expr:
    users = [_same_user(column_tree(user), at) for user in outer.users]
    parts = [*users, *(exp.Paren(this=condition_tree(condition)) for condition in outer.on)]
    return exp.and_(*parts, copy=False)
