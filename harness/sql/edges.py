"""The SQL of `plan.Edges` and of `plan.Within`.

one row a user    min(x, 16) AS el0, max(x, 16) AS eh0
many rows a user  per user min(x) AS lo0, max(x) AS hi0; of these min(lo0, 16) AS el0, min_by(h, lo0, 16) AS ul0, …
within            JOIN (VALUES (…), …) AS "#part"(…) ON k IS NOT DISTINCT FROM "#part k0" AND x >= "#part a0" AND …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from sqlglot import exp

from harness.model import Kind
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import EDGES, Within
from harness.sql.query import Ref, Scalar

PART = "#part"  # no column of a table begins like this
TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.REAL: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
}


def of_rows(columns: Sequence[tuple[exp.Expr, exp.Expr]]) -> list[exp.Expr]:
    """Per bucket, where every user has one row of the table: his smallest value of each column is his largest."""
    return [node for i, (low, high) in enumerate(columns) for node in _ends(i, low, high)]


def of_user(columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Per bucket and user."""
    return [
        named(call(function, column.copy()), f"{name}{i}")
        for i, column in enumerate(columns)
        for function, name in (("min", "lo"), ("max", "hi"))
    ]


def of_user_columns(i: int) -> tuple[exp.Expr, exp.Expr]:
    """What `of_user` gave of the i-th column."""
    return quoted(f"lo{i}"), quoted(f"hi{i}")


def of_users(columns: Sequence[tuple[exp.Expr, exp.Expr]], user_hash: str) -> list[exp.Expr]:
    """Per bucket from a user's smallest and largest value of each column, the users' hashes besides."""
    found = []
    for i, (low, high) in enumerate(columns):
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
    select: exp.Select,
    parts: Sequence[Within],
    keys: Sequence[tuple[exp.Expr, Kind]],
    column: Callable[[Ref], exp.Expr],
) -> exp.Select:
    """The select over the rows of these buckets and ranges: one bucket by conditions, several by a join.

    The constants are texts until they are compared: they can be thousands, and a list of one type needs no casts."""
    ranged = [ref for ref, _, _ in parts[0].ranges]
    kinds = [kind for _, kind in keys] + [ref.kind for ref in ranged for _ in "ab"]
    names = [f"{PART} k{i}" for i in range(len(keys))]
    names += [f"{PART} {end}{i}" for i in range(len(ranged)) for end in "ab"]
    rows = [[text(value) for value in (*part.keys, *_bounds(part))] for part in parts]
    cells = rows[0] if len(rows) == 1 else [exp.column(name, table=PART, quoted=True) for name in names]
    typed = iter(exp.cast(cell, TYPES[kind]) for cell, kind in zip(cells, kinds, strict=True))
    conditions: list[exp.Expr] = [exp.NullSafeEQ(this=key, expression=next(typed)) for key, _ in keys]
    for ref in ranged:
        conditions.append(exp.GTE(this=column(ref), expression=next(typed)))
        conditions.append(exp.LT(this=column(ref), expression=next(typed)))
    if len(rows) == 1:
        return select.where(*conditions, copy=False)
    alias = exp.TableAlias(
        this=exp.to_identifier(PART, quoted=True), columns=[exp.to_identifier(name, quoted=True) for name in names]
    )
    table = exp.Values(expressions=[exp.Tuple(expressions=row) for row in rows], alias=alias)
    return select.join(table, on=exp.and_(*conditions, copy=False), copy=False)


def _bounds(part: Within) -> list[Scalar]:
    return [bound for _, low, high in part.ranges for bound in (low, high)]


def text(value: Scalar | None) -> exp.Expr:
    """The constant as a text that casts to its type without loss."""
    match value:
        case None:
            return exp.cast(exp.Null(), "VARCHAR")
        case datetime():
            return exp.Literal.string(value.isoformat(sep=" "))
        case date():
            return exp.Literal.string(value.isoformat())
        case float():
            return exp.Literal.string(repr(value))
    return exp.Literal.string(str(value))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
