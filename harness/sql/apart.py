"""Aggregates that are looked up in a statement of their own, and joined by the keys: medians and DISTINCT values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from harness.sql import distinct, medians
from harness.sql.aggregates import count, double, known, measured, side
from harness.sql.expressions import cast, term_tree
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import HIGH, LOW, ROW_NUMBER, ROWS, UID_HASH, Plan
from harness.sql.query import Aggregate, Query

Rows = Callable[[Sequence[exp.Expr]], exp.Select]  # a select of these columns, of the rows that a plan is about


def is_apart(aggregate: Aggregate, uid: str, unique_uid: bool) -> bool:
    """Whether what single users contribute to the aggregate is looked up in a statement of its own."""
    if aggregate.function == "median":
        return True
    of_users = counts_users(aggregate, uid) or (aggregate.function == "count" and unique_uid)
    return aggregate.distinct and not of_users


def counts_users(aggregate: Aggregate, uid: str) -> bool:
    """Whether it is count(DISTINCT uid)."""
    of_uid = aggregate.on is not None and aggregate.on.name == uid
    return aggregate.function == "count" and aggregate.distinct and of_uid


def with_apart(plan: Plan, select: exp.Select, i: int, uid: str, rows: Rows) -> exp.Select:
    """The same buckets with the i-th aggregate, a median or one over DISTINCT values, and who is behind it."""
    aggregate, keys = plan.query.aggregates[i], len(plan.query.keys)
    value = term_tree(aggregate.on) if aggregate.function == "count" and aggregate.on else measured(aggregate)
    columns = [named(term_tree(key), f"k{at}") for at, key in enumerate(plan.query.keys)] + [named(value, "x")]
    if aggregate.function == "median":
        columns += [named(exp.column(uid, quoted=True), "u"), named(quoted(ROW_NUMBER), "r")]
    else:
        columns.append(named(quoted(UID_HASH), "h"))
    of_known = rows(columns).where(known(value), copy=False)
    if aggregate.function == "median":
        if aggregate.distinct:
            raise ValueError("the rows around a median are known of all values, not of DISTINCT ones")
        width = plan.top // 2
        other, names = medians.medians(of_known, keys, width), ["a", *medians.sizes(width)]
    else:
        counted = _over_distinct(i, aggregate, plan.top)
        other, names = distinct.contributed(of_known, keys, counted), [*(node.alias for node in counted), "sx", "sh"]
    table = f"apart{i}"
    found = [_renamed(table, name, i, aggregate, plan.top) for name in names]
    return joined(plan.query, select, table, other, found)


def _over_distinct(i: int, aggregate: Aggregate, top: int) -> list[exp.Expr]:
    """Of one row a value: the exact aggregate, and the sides of the values that are contributed alone."""
    if aggregate.function not in ("count", "sum", "avg"):
        raise ValueError(f"single users' contributions to {aggregate.function}(DISTINCT …) are not known")
    value, one, alone = quoted("x"), cast(exp.Literal.number(1), exp.DType.DOUBLE), quoted("alone")
    zero = exp.Literal.number(0)
    ones = side((f"{HIGH}" if aggregate.function == "count" else f"{ROWS}") + f"%s{i}", one, alone, top)
    if aggregate.function == "count":
        return [named(count(), "a"), *ones]
    high = exp.and_(alone, exp.GTE(this=value, expression=zero))
    low = exp.and_(alone, exp.LTE(this=value, expression=zero))
    sides = side(f"{HIGH}%s{i}", double(value), high, top)
    sides += side(f"{LOW}%s{i}", exp.Neg(this=double(value)), low, top)
    return [named(call(aggregate.function, value), "a"), *sides, *(ones if aggregate.function == "avg" else [])]


def _renamed(table: str, name: str, i: int, aggregate: Aggregate, top: int) -> exp.Expr:
    """A column of a statement of its own under its name in the plan's; full where the bucket has no values."""
    column: exp.Expr = exp.column(name, table=table, quoted=True)
    if name == "a" and aggregate.function == "count":
        column = call("coalesce", column, exp.Literal.number(0))
    if name[1:2] == "t":
        column = call("coalesce", column, _filled_list(top, "0"))
    if aggregate.function == "median" and name in (sizes := medians.sizes(top // 2)):
        column = call("coalesce", column, _filled_list(sizes[name], "NaN"))
    return named(column, name if name[0].isdigit() else f"{name}{i}")


def _filled_list(length: int, with_number: str) -> exp.Expr:
    number = cast(exp.Literal.string(with_number), exp.DType.DOUBLE)
    return call("list_resize", exp.Array(expressions=[number]), exp.Literal.number(length), number.copy())


def joined(query: Query, select: exp.Select, name: str, other: exp.Select, columns: Sequence[exp.Expr]) -> exp.Select:
    """The same buckets with columns of another statement of one row a bucket, NULL where that has none."""
    both = exp.select("part.*", *columns).from_(select.subquery("part", copy=False), copy=False)
    beside = other.subquery(name, copy=False)
    both = both.join(beside, on=same_keys(name, "part", query), join_type="left", copy=False)
    return both.order_by(*positions(query), copy=False) if query.keys else both


def same_keys(one: str, other: str, query: Query) -> exp.Expr:
    names = [f"k{i}" for i in range(len(query.keys))]
    same: list[exp.Expr] = [
        exp.NullSafeEQ(
            this=exp.column(name, table=one, quoted=True), expression=exp.column(name, table=other, quoted=True)
        )
        for name in names
    ]
    return exp.and_(*same, copy=False) if same else exp.true()


def positions(query: Query) -> list[exp.Ordered]:
    return [exp.Ordered(this=exp.Literal.number(i + 1), nulls_first=False) for i in range(len(query.keys))]
