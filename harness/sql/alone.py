"""Rows that are alone: their user has no other row with the same value of a column.

In a bucket of that value such a row is all that there is of its user, and no grouping by user is needed for it:

    SELECT k AS k0, hash AS h, 1 AS c0 FROM t WHERE "#alone k"
    UNION ALL SELECT k AS k0, hash AS h, count(*) AS c0 FROM t WHERE "#alone k" IS NOT TRUE GROUP BY 1, 2
"""

from __future__ import annotations

from sqlglot import exp

from harness.sql.aggregates import SQUARE, known, measured
from harness.sql.expressions import cast, term_tree
from harness.sql.nodes import quoted
from harness.sql.plan import Plan
from harness.sql.query import Aggregate, Compare, Operand, PerUser, Query, Ref

ALONE = "#alone"  # no column of a table begins like this


def alone_in(column: str) -> str:
    """The hidden column that tells which rows are alone in that column."""
    return f"{ALONE} {column}"


def columns_of(plan: Plan, uid: str) -> tuple[str, ...]:
    """The columns of which each bucket has one value, where what a plan asks of a user can be told from his only row;
    no other plan's."""
    query = plan.query
    extras = plan.floated or plan.spans or plan.cells or plan.uid_set or plan.first or plan.stored_below > 0
    if not (plan.top or plan.edges or plan.beyond) or extras or plan.sample or plan.astray:
        return ()
    if query.joins is not None or query.per_user:
        return ()
    return tuple(dict.fromkeys(ref.name for ref in _fixed(query) if ref.name != uid))


def _fixed(query: Query) -> list[Ref]:
    equal = (c for c in query.conjuncts if isinstance(c, Compare) and c.op == "=" and not isinstance(c.value, Operand))
    terms = (*query.keys, *(condition.on for condition in equal))
    return [term for term in terms if isinstance(term, Ref) and not isinstance(term, PerUser)]


def is_alone(columns: tuple[str, ...]) -> exp.Expr:
    return exp.or_(*(quoted(alone_in(column)) for column in columns), copy=False)


def is_not_alone(columns: tuple[str, ...]) -> exp.Expr:
    return exp.Not(this=exp.Is(this=exp.Paren(this=is_alone(columns)), expression=exp.true()))


def of_row(i: int, aggregate: Aggregate) -> exp.Expr:
    """A user's contribution to the i-th aggregate, by his only row."""
    if aggregate.distinct or aggregate.on is None:
        return exp.Literal.number(1)
    if aggregate.function == "count":
        return number(aggregate)
    return quoted(f"{SQUARE}{i}") if aggregate.function == "stddev" else measured(aggregate)


def number(aggregate: Aggregate) -> exp.Expr:
    """Whether his only row has a value, as a number."""
    assert aggregate.on is not None
    return cast(exp.Paren(this=known(term_tree(aggregate.on))), exp.DType.BIGINT)
