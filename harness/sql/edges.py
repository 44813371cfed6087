"""The SQL of `plan.Edges` and of `plan.Within`.

one row a user    min(x, 16) AS el0, max(x, 16) AS eh0
many rows a user  per user min(x) AS lo0, max(x) AS hi0; of these min(lo0, 16) AS el0, max(hi0, 16) AS eh0
within            JOIN (SELECT unnest(string_split('=1|=2|', '|')) AS "#part k0", …) AS "#part"
                      ON k IS NOT DISTINCT FROM substr(nullif("#part k0", ''), 2) AND x >= … AND x < …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import count

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


def of_bucket(columns: Sequence[tuple[exp.Expr, exp.Expr]]) -> list[exp.Expr]:
    """Per bucket, from the smallest and the largest value of each column that a user has."""
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

    The constants are texts until they are compared."""
    ranged = [ref for ref, _, _ in parts[0].ranges]
    kinds = [kind for _, kind in keys] + [ref.kind for ref in ranged for _ in "ab"]
    names = [f"{PART} k{i}" for i in range(len(keys))]
    names += [f"{PART} {end}{i}" for i in range(len(ranged)) for end in "ab"]
    cells, table = of_parts(PART, names, [[*part.keys, *_bounds(part)] for part in parts])
    typed = iter(exp.cast(cell, TYPES[kind]) for cell, kind in zip(cells, kinds, strict=True))
    conditions: list[exp.Expr] = [exp.NullSafeEQ(this=key, expression=next(typed)) for key, _ in keys]
    for ref in ranged:
        conditions.append(exp.GTE(this=column(ref), expression=next(typed)))
        conditions.append(exp.LT(this=column(ref), expression=next(typed)))
    if table is None:
        return select.where(*conditions, copy=False)
    return select.join(table, on=exp.and_(*conditions, copy=False), copy=False)


def of_parts(
    table: str, names: Sequence[str], rows: Sequence[Sequence[Scalar | None]]
) -> tuple[list[exp.Expr], exp.Subquery | None]:
    """The texts of the constants in `rows`, one row a part: of a single part themselves, of several as columns of a
    table to be joined.

    They can be 10⁵, and DuckDB reads a list of constants a hundred times slower than one text of them all."""
    texts = [[_text(value) for value in row] for row in rows]
    if len(texts) == 1:
        null = exp.cast(exp.Null(), "VARCHAR")
        return [null.copy() if text is None else exp.Literal.string(text) for text in texts[0]], None
    cells = [_listed(exp.column(name, table=table, quoted=True)) for name in names]
    lists = [named(_list(column), name) for column, name in zip(zip(*texts, strict=True), names, strict=True)]
    return cells, exp.select(*lists).subquery(exp.to_identifier(table, quoted=True), copy=False)


def _list(texts: Sequence[str | None]) -> exp.Expr:
    """A column of these texts, behind a mark that NULL does not have."""
    whole = "".join(text for text in texts if text is not None)
    between = next(mark for mark in map(chr, count(ord("|"))) if mark not in whole)
    joined = between.join("" if text is None else f"={text}" for text in texts)
    return call("unnest", call("string_split", exp.Literal.string(joined), exp.Literal.string(between)))


def _listed(column: exp.Expr) -> exp.Expr:
    """The text that a column of `_list` holds."""
    return call("substr", call("nullif", column, exp.Literal.string("")), _number(2))


def _bounds(part: Within) -> list[Scalar]:
    return [bound for _, low, high in part.ranges for bound in (low, high)]


def _text(value: Scalar | None) -> str | None:
    """The constant as a text that casts to its type without loss."""
    match value:
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case float():
            return repr(value)
    return None if value is None else str(value)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
