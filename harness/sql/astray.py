"""Rows picked by a keyed hash, and rows that are aggregated with the values of another row.

    SELECT sum("#astray:pay") AS a0
    FROM (SELECT *, CASE WHEN hash(#row) < … THEN lead(pay) OVER (ORDER BY other hash(#row)) ELSE pay END
          AS "#astray:pay" FROM staff)

In the order of a keyed hash every row is followed by another one, and the last by the first: so no row is its own
follower, unless it is the only one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from harness.seeds import digest
from harness.sql import joins
from harness.sql.plan import ROW_NUMBER, Plan, Sample
from harness.sql.query import Query, Ref, refs_of, with_columns

PREFIX = "#astray:"


def picked(sample: Sample, salt: bytes) -> exp.Expr:
    """The condition on a row that it belongs to the sample."""
    limit = exp.Literal.number(min(int(sample.rate * 2.0**64), 2**64 - 1))
    return exp.LT(this=_drawn("sample", sample, salt), expression=limit)


def strayed(plan: Plan) -> Plan:
    """The plan with the strayed columns in its aggregates, where it has some; the uid always is a row's own."""
    if plan.astray is None:
        return plan
    query, moved = plan.query, _moved(plan.query)

    def other(own: Ref) -> Ref:
        return Ref(PREFIX + own.name, own.kind) if own in moved else own

    aggregates = tuple(replace(a, on=with_columns(a.on, other)) if a.on else a for a in query.aggregates)
    return replace(plan, query=replace(query, aggregates=aggregates))


def source(plan: Plan, salt: bytes) -> exp.Expr:
    """What a strayed plan selects from: the table, or the table with the strayed columns beside its own."""
    table = joins.source(plan)
    names = [ref.name.removeprefix(PREFIX) for ref in _moved(plan.query) if ref.name.startswith(PREFIX)]
    if plan.astray is None or not names:
        return table
    order = exp.Order(expressions=[exp.Ordered(this=_drawn("astray", plan.astray, salt))])
    columns = []
    for name in names:
        own = exp.column(name, quoted=True)
        following = exp.If(
            this=exp.Is(this=_over("lead", exp.true(), order), expression=exp.Null()),
            true=_over("first_value", own.copy(), order),
        )
        other = exp.Case(ifs=[following], default=_over("lead", own.copy(), order))
        strays = exp.If(this=picked(plan.astray, salt), true=other)
        columns.append(exp.alias_(exp.Case(ifs=[strays], default=own), PREFIX + name, quoted=True))
    return exp.select("*", *columns).from_(table).subquery("astray")


def _moved(query: Query) -> list[Ref]:
    """The columns that are aggregated, each once, but the uid."""
    refs = (ref for a in query.aggregates if a.on is not None for ref in refs_of(a.on))
    return list(dict.fromkeys(ref for ref in refs if ref.name != query.uid))


def _drawn(purpose: str, sample: Sample, salt: bytes) -> exp.Expr:
    """64 uniform bits of a row."""
    key = exp.Literal.string(digest(purpose, sample.key, key=salt, size=16).hex())
    both = exp.Anonymous(this="concat", expressions=[key, exp.column(ROW_NUMBER, quoted=True)])
    return exp.Anonymous(this="md5_number_lower", expressions=[both])


def _over(function: str, of: exp.Expr, order: exp.Order) -> exp.Expr:
    return exp.Window(this=exp.Anonymous(this=function, expressions=[of]), order=order.copy())
