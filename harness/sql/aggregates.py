"""The SQL of aggregates, and of what single users contribute to them."""

from __future__ import annotations

from sqlglot import exp

from harness.model import Kind
from harness.sql.expressions import cast, term_tree
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import HIGH, LOW, ROWS
from harness.sql.query import Aggregate

SQUARE = "#square"  # what a row adds to a stddev, before the aggregate's number


def of_user(i: int, aggregate: Aggregate) -> exp.Expr:
    """One user's contribution."""
    if aggregate.distinct:  # the uid, or it would stand apart
        return exp.Literal.number(1)
    if aggregate.function == "avg":
        return call("sum", measured(aggregate))
    if aggregate.function == "stddev":
        return call("sum", quoted(f"{SQUARE}{i}"))
    return aggregate_tree(aggregate)


def merged(aggregate: Aggregate, part: exp.Expr, rows: exp.Expr) -> exp.Expr:
    """The exact aggregate from the users' contributions."""
    match aggregate.function:
        case "count":
            return call("coalesce", call("sum", part), exp.Literal.number(0))
        case "avg":
            return exp.Div(this=cast(call("sum", part), exp.DType.DOUBLE), expression=call("sum", rows))
        case "stddev":
            less = exp.Sub(this=call("sum", rows), expression=exp.Literal.number(1))
            degrees = exp.Nullif(this=less, expression=exp.Literal.number(0))
            return call("sqrt", exp.Div(this=call("sum", part), expression=degrees))
    return call(aggregate.function, part)


def sides(i: int, aggregate: Aggregate, part: exp.Expr, rows: exp.Expr | None, top: int) -> list[exp.Expr]:
    """The columns of `plan.Contributions` for the i-th aggregate, where `part` is a user's contribution to it, and
    `rows` to its number of rows (None: 1 each)."""
    zero = exp.Literal.number(0)
    match aggregate.function:
        case "count":
            everybody = aggregate.on is None or aggregate.distinct  # has a row, or the uid
            several = exp.GT(this=part.copy(), expression=exp.Literal.number(1))
            largest = over(call("max", double(part), exp.Literal.number(top)), several)
            number = over(count(), exp.GT(this=part.copy(), expression=zero))
            return [named(largest, f"{HIGH}e{i}"), *([] if everybody else [named(number, f"{HIGH}n{i}")])]
        case "max":
            return side(f"{HIGH}%s{i}", double(part), known(part), top)
        case "min":
            return side(f"{LOW}%s{i}", double(part), known(part), top, largest=False)
    high = side(f"{HIGH}%s{i}", double(part), exp.GTE(this=part.copy(), expression=zero), top)
    if aggregate.function == "stddev":
        counts = [named(count(part.copy()), f"{ROWS}n{i}")]
        some = exp.GT(this=rows.copy(), expression=zero.copy()) if rows is not None else None
        return high + (counts if rows is None or some is None else side(f"{ROWS}%s{i}", double(rows), some, top))
    negative = exp.Neg(this=double(part))
    low = side(f"{LOW}%s{i}", negative, exp.LTE(this=part.copy(), expression=zero.copy()), top)
    if aggregate.function == "sum":
        return high + low
    if rows is None:
        return [*high, *low, named(count(part.copy()), f"{ROWS}n{i}")]
    return high + low + side(f"{ROWS}%s{i}", double(rows), exp.GT(this=rows.copy(), expression=zero.copy()), top)


def double(node: exp.Expr) -> exp.Expr:
    return cast(node.copy(), exp.DType.DOUBLE)


def side(name: str, number: exp.Expr, takes_part: exp.Expr | None, top: int, largest: bool = True) -> list[exp.Expr]:
    """The columns of one side of `plan.Contributions`; `takes_part`: who is on it, None for all."""
    extreme = over(call("max" if largest else "min", number.copy(), exp.Literal.number(top)), takes_part)
    padded = call("coalesce", extreme, exp.Array(expressions=[]))
    padded = call("list_resize", padded, exp.Literal.number(top), cast(exp.Literal.number(0), exp.DType.DOUBLE))
    return [
        named(padded, name % "t"),
        named(over(count(), takes_part), name % "n"),
        named(over(call("sum", number), takes_part), name % "s"),
    ]


def over(aggregate: exp.Expr, condition: exp.Expr | None) -> exp.Expr:
    if condition is None:
        return aggregate
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition.copy()))


def known(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))


def aggregate_tree(aggregate: Aggregate) -> exp.Expr:
    if aggregate.on is None:
        return count()
    if aggregate.function == "count":
        return count(term_tree(aggregate.on), aggregate.distinct)
    column = measured(aggregate)
    if aggregate.function == "stddev" and aggregate.on.kind is Kind.REAL:
        return _bounded_stddev(column, aggregate.distinct)
    inner = exp.Distinct(expressions=[column]) if aggregate.distinct else column
    return call(aggregate.function, inner)


def _bounded_stddev(column: exp.Expr, distinct: bool) -> exp.Expr:
    """NULL where a square could leave the doubles: some versions of DuckDB fail then."""
    inside = exp.LT(this=call("abs", column.copy()), expression=exp.Literal.number("1e149"))
    bounded: exp.Expr = exp.Case(ifs=[exp.If(this=inside, true=column.copy())])
    found = call("stddev", exp.Distinct(expressions=[bounded]) if distinct else bounded)
    return exp.Case(ifs=[exp.If(this=call("bool_and", inside.copy()), true=found)])


def measured(aggregate: Aggregate) -> exp.Expr:
    """The column of an aggregate as a number: dates and times in microseconds since 1970."""
    assert aggregate.on is not None
    column = term_tree(aggregate.on)
    return call("epoch_us", cast(column, exp.DType.TIMESTAMP)) if aggregate.on.kind.is_time else column


def count(of: exp.Expr | None = None, distinct: bool = False) -> exp.Expr:
    if of is None:
        return exp.Count(this=exp.Star(), big_int=True)
    return exp.Count(this=exp.Distinct(expressions=[of]) if distinct else of, big_int=True)
