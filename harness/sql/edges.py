"""The SQL of `plan.Edges` and of `plan.Within`.

one row a user    min(x, 16) AS el0, max(x, 16) AS eh0
many rows a user  per user min(x) AS l0, max(x) AS g0; of these min(l0, 16) AS el0, min_by(h, l0, 16) AS ul0, …
within            JOIN (VALUES (…), …) AS "#part"(…) ON k IS NOT DISTINCT FROM "#part k0" AND x >= "#part a0" AND …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from harness.model import Kind
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import EDGES, Within

PART = "#part"  # no column of a table begins like this

Node = Callable[..., exp.Expr]


def of_rows(columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Per bucket, where every user has one row."""
    return [node for i, column in enumerate(columns) for node in _ends(i, column, column.copy())]


def of_user(columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Per bucket and user."""
    return [
        named(call(function, column.copy()), f"{name}{i}")
        for i, column in enumerate(columns)
        for function, name in (("min", "l"), ("max", "g"))
    ]


def of_users(number: int, user_hash: str) -> list[exp.Expr]:
    """Per bucket from what `of_user` gave, the users' hashes besides."""
    found = []
    for i in range(number):
        low, high = quoted(f"l{i}"), quoted(f"g{i}")
        found += _ends(i, low, high)
        for function, value, name in (("min_by", low, "ul"), ("max_by", high, "uh")):
            found.append(named(call(function, quoted(user_hash), value.copy(), _number(EDGES)), f"{name}{i}"))
    return found


def _ends(i: int, low: exp.Expr, high: exp.Expr) -> list[exp.Expr]:
    return [
        named(call(function, value.copy(), _number(EDGES)), f"{name}{i}")
        for function, value, name in (("min", low, "el"), ("max", high, "eh"))
    ]


def within(
    select: exp.Select, parts: Sequence[Within], keys: Sequence[tuple[exp.Expr, Kind]], column: Node, literal: Node
) -> exp.Select:
    """The select over the rows of these buckets and ranges: one bucket by conditions, several by a join."""
    kinds = [kind for _, kind in keys]
    ranged = [ref for ref, _, _ in parts[0].ranges]
    cells = [
        [
            *(_key(value, kind, literal) for value, kind in zip(part.keys, kinds, strict=True)),
            *(literal(bound, ref.kind) for ref, low, high in part.ranges for bound in (low, high)),
        ]
        for part in parts
    ]
    names = [f"{PART} k{i}" for i in range(len(keys))]
    names += [f"{PART} {end}{i}" for i in range(len(ranged)) for end in "ab"]
    other = cells[0] if len(parts) == 1 else [exp.column(name, table=PART, quoted=True) for name in names]
    bounds = iter(other[len(keys) :])
    conditions: list[exp.Expr] = [
        exp.NullSafeEQ(this=key.copy(), expression=value) for (key, _), value in zip(keys, other, strict=False)
    ]
    for ref in ranged:
        conditions.append(exp.GTE(this=column(ref), expression=next(bounds)))
        conditions.append(exp.LT(this=column(ref), expression=next(bounds)))
    if len(parts) == 1:
        return select.where(*conditions, copy=False)
    rows = [exp.Tuple(expressions=row) for row in cells]
    alias = exp.TableAlias(
        this=exp.to_identifier(PART, quoted=True), columns=[exp.to_identifier(name, quoted=True) for name in names]
    )
    table = exp.Values(expressions=rows, alias=alias)
    return select.join(table, on=exp.and_(*conditions, copy=False), copy=False)


def _key(value: object, kind: Kind, literal: Node) -> exp.Expr:
    """NULL has a type: the values below it in the list would otherwise be cast to that of a bare NULL."""
    if value is not None:
        return literal(value, kind)
    types = {Kind.INTEGER: "BIGINT", Kind.REAL: "DOUBLE", Kind.TEXT: "VARCHAR", Kind.BOOLEAN: "BOOLEAN"}
    return exp.cast(exp.Null(), types.get(kind, "DATE" if kind is Kind.DATE else "TIMESTAMP"))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
