"""One row a user: what a query per user selects from.

    SELECT uid, any_value("#uid_hash") AS "#uid_hash", min("#row") AS "#row", max(age) AS "#user max(age)",
           min(pay) AS "#low pay", max(pay) AS "#high pay", list(DISTINCT pay) AS "#all pay"
    FROM staff WHERE dept = 'CS' GROUP BY uid

Of a column of the table that a plan asks about, the smallest, the largest and all values of each user come along. A
plan's parts (`plan.Within`) choose rows by ranges of the table's columns before they are grouped, and users by keys and
ranges of their values. Several parts are numbered, and a user stands once in each that he has rows in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from harness.model import Array, Kind
from harness.sql import edges, joins
from harness.sql.aggregates import aggregate_tree, known, over
from harness.sql.edges import PART
from harness.sql.expressions import cast, column_tree, condition_tree, term_tree
from harness.sql.functions import finite
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import ROW_NUMBER, UID_HASH, Plan, Within
from harness.sql.query import PerUser, Query, Ref, is_of_users

LOW, HIGH, ALL = "#low ", "#high ", "#all "
USERS = "users"
ROWS, NUMBER = f"{PART} rows", f"{PART} number"


def source(plan: Plan, uid: str) -> exp.Expr:
    """The rows of the users, one each, as something to select from."""
    query = plan.query
    columns = [
        quoted(uid),
        named(call("any_value", quoted(UID_HASH)), UID_HASH),
        named(call("min", quoted(ROW_NUMBER)), ROW_NUMBER),
        *(named(_value(ref), column_tree(ref).name) for ref in _values(plan)),
    ]
    ends_of = (*plan.spans, *plan.edges, *(ref for ref, _, _ in plan.beyond))
    for ref in filter(lambda ref: is_raw(ref, query), dict.fromkeys(ends_of)):
        columns.append(named(call("min", quoted(ref.name)), LOW + ref.name))
        columns.append(named(call("max", quoted(ref.name)), HIGH + ref.name))
    for ref in filter(lambda ref: is_raw(ref, query), dict.fromkeys((*plan.floated, *plan.spans))):
        every = over(call("list", exp.Distinct(expressions=[quoted(ref.name)])), known(quoted(ref.name)))
        columns.append(named(call("coalesce", every, exp.Array(expressions=[])), ALL + ref.name))
    by = [quoted(uid)]
    if plan.within and len(plan.within) > 1:
        by.append(exp.column(NUMBER, table=ROWS, quoted=True))
        columns.append(named(by[-1].copy(), NUMBER))
    rows = exp.select(*columns).from_(joins.source(plan), copy=False)
    own = (condition_tree(condition) for condition in query.conjuncts if not is_of_users(condition))
    rows = within(rows.where(*own, copy=False), plan, of_rows=True)
    return rows.group_by(*(column.copy() for column in by), copy=False).subquery(USERS, copy=False)


def within(select: exp.Select, plan: Plan, of_rows: bool = False) -> exp.Select:
    """The select over the rows, or over the users, of the plan's parts."""
    if plan.within is None:
        return select
    tests = list(_tests(plan.within, plan.query, of_rows))
    name = ROWS if of_rows else PART
    numbers = [str(at) for at in range(len(plan.within))]
    names = [NUMBER, *(f"{name} {i}" for i in range(len(tests)))]
    cells, table = edges.of_parts(name, names, [numbers, *(test.bounds for test in tests)])
    conditions: list[exp.Expr] = [
        test.compares(this=test.of, expression=exp.cast(cell, edges.TYPES[test.kind]))
        for test, cell in zip(tests, cells[1:], strict=True)
    ]
    if table is None:
        return select.where(*conditions, copy=False)
    if not of_rows:
        both = (exp.column(NUMBER, table=table, quoted=True) for table in (USERS, PART))
        conditions.append(exp.EQ(this=next(both), expression=next(both)))
    on = exp.and_(*conditions, copy=False) if conditions else exp.true()
    return select.join(table, on=on, copy=False)


@dataclass(frozen=True)
class _Test:
    """What of a row or a user is compared with each part's own bound, one of `bounds`."""

    of: exp.Expr
    compares: type[exp.Binary]
    kind: Kind
    bounds: Array


def _tests(parts: Within, query: Query, of_rows: bool) -> Iterator[_Test]:
    for key, values in zip(() if of_rows else query.keys, parts.keys, strict=False):
        yield _Test(term_tree(key), exp.NullSafeEQ, key.kind, values)
    for ref, low, high in parts.ranges:
        if is_raw(ref, query) is of_rows:
            yield _Test(column_tree(ref), exp.GTE, ref.kind, low)
            yield _Test(column_tree(ref), exp.LT, ref.kind, high)


def are_unique(plan: Plan) -> bool:
    """Whether each user stands in a bucket once: he does unless parts of the plan are parts of one bucket."""
    parts = plan.within
    if not plan.query.per_user or parts is None or len(parts) == 1:
        return plan.query.per_user
    return bool(parts.keys) and len(set(zip(*parts.keys, strict=True))) == len(parts)


def ends(ref: Ref, query: Query) -> tuple[exp.Expr, exp.Expr]:
    """A user's smallest and largest value of a column of the table, or the one value of a column of users."""
    if not is_raw(ref, query):
        return column_tree(ref), column_tree(ref)
    return quoted(LOW + ref.name), quoted(HIGH + ref.name)


def every_value(ref: Ref) -> exp.Expr:
    """The distinct values of a column of the table that the users of a bucket have, as a list."""
    return call("list_distinct", call("flatten", call("list", quoted(ALL + ref.name))))


def is_raw(ref: Ref, query: Query) -> bool:
    """Whether it is a column of the table, of which a user has several values."""
    return not isinstance(ref, PerUser) and ref.name != query.uid


def _value(ref: PerUser) -> exp.Expr:
    """The aggregate, NULL where it leaves the numbers of its kind."""
    tree = aggregate_tree(ref.aggregate)
    if ref.aggregate.on is not None and ref.aggregate.on.kind.is_time and ref.aggregate.function != "count":
        tree = call(ref.aggregate.function, term_tree(ref.aggregate.on))
        return cast(tree, exp.DType.DATE if ref.kind is Kind.DATE else exp.DType.TIMESTAMP)
    if ref.kind is Kind.INTEGER and ref.aggregate.function != "sum":
        return tree
    if ref.kind is Kind.INTEGER:
        return exp.TryCast(this=tree, to=exp.DataType(this=exp.DType.BIGINT, nested=False))
    return exp.Case(ifs=[exp.If(this=finite(tree), true=tree.copy())])


def _values(plan: Plan) -> list[PerUser]:
    return [ref for ref in dict.fromkeys(joins.columns(plan)) if isinstance(ref, PerUser)]
