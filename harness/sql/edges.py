"""The SQL of `plan.Edges`, of what lies beyond two numbers, and of `plan.Within`.

one row a user    min(x, 16) AS el0, max(x, 16) AS eh0
many rows a user  per user min(x) AS lo0, max(x) AS hi0; of these min(lo0, 16) AS el0, max(hi0, 16) AS eh0
beyond 1 and 9     count(*) FILTER (x < 1) AS bl0, count(*) FILTER (x > 9) AS bh0; of many rows bool_or(x < 1) AS bl0 …
                  per user first
within            JOIN (SELECT unnest(string_split('=1|=2|', '|')) AS "#part k0", …) AS "#part"
                      ON k IS NOT DISTINCT FROM substr(nullif("#part k0", ''), 2) AND x >= … AND x < …
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlglot import exp

from harness.model import Array, Kind
from harness.sql.aggregates import count, over
from harness.sql.expressions import condition_tree
from harness.sql.nodes import call, named, quoted
from harness.sql.plan import Within
from harness.sql.query import Compare, Ref, Scalar

PART = "#part"  # no column of a table begins like this
TYPES = {
    Kind.INTEGER: "BIGINT",
    Kind.REAL: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATETIME: "TIMESTAMP",
}


def of_bucket(columns: Sequence[tuple[exp.Expr, exp.Expr]], number: int) -> list[exp.Expr]:
    """Per bucket, from the smallest and the largest value of each column that a user has."""
    return [
        named(call(function, value.copy(), _number(number)), f"{name}{i}")
        for i, ends in enumerate(columns)
        for function, value, name in zip(("min", "max"), ends, ("el", "eh"), strict=True)
    ]


def of_user(columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Per bucket and user."""
    return [
        named(call(function, column.copy()), f"{name}{i}")
        for i, column in enumerate(columns)
        for function, name in (("min", "lo"), ("max", "hi"))
    ]


def of_row(columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The same of a user who has one row."""
    return [named(column.copy(), f"{name}{i}") for i, column in enumerate(columns) for name in ("lo", "hi")]


def of_user_columns(i: int) -> tuple[exp.Expr, exp.Expr]:
    """What `of_user` gave of the i-th column."""
    return quoted(f"lo{i}"), quoted(f"hi{i}")


def beyond_of_bucket(columns: Sequence[tuple[exp.Expr, exp.Expr]]) -> list[exp.Expr]:
    """Per bucket, from conditions on a user: how many have a value below the first number, and above the second."""
    return [
        named(over(count(), condition), f"{name}{i}")
        for i, column in enumerate(columns)
        for condition, name in zip(column, ("bl", "bh"), strict=True)
    ]


def beyond_of_user(bounds: Sequence[tuple[Ref, Scalar, Scalar]]) -> list[exp.Expr]:
    """Per bucket and user: whether he has such values."""
    return [
        named(call("bool_or", condition), f"{name}{i}")
        for i, (ref, low, high) in enumerate(bounds)
        for condition, name in zip(beyond(ref, low, high), ("bl", "bh"), strict=True)
    ]


def beyond_of_row(bounds: Sequence[tuple[Ref, Scalar, Scalar]]) -> list[exp.Expr]:
    """The same of a user who has one row."""
    return [
        named(condition, f"{name}{i}")
        for i, (ref, low, high) in enumerate(bounds)
        for condition, name in zip(beyond(ref, low, high), ("bl", "bh"), strict=True)
    ]


def beyond_of_user_columns(i: int) -> tuple[exp.Expr, exp.Expr]:
    """What `beyond_of_user` gave of the i-th column."""
    return quoted(f"bl{i}"), quoted(f"bh{i}")


def beyond(
    ref: Ref, low: Scalar, high: Scalar, ends: tuple[exp.Expr, exp.Expr] | None = None
) -> tuple[exp.Expr, exp.Expr]:
    """The conditions on a row, or on a user's smallest and largest value."""
    below, above = condition_tree(Compare(ref, "<", low)), condition_tree(Compare(ref, ">", high))
    for condition, value in zip((below, above), ends or (), strict=False):
        condition.set("this", value)
    return below, above


def within(
    select: exp.Select,
    parts: Within,
    keys: Sequence[tuple[exp.Expr, Kind]],
    column: Callable[[Ref], exp.Expr],
) -> exp.Select:
    """The select over the rows of these buckets and ranges: one bucket by conditions, several by a join.

    The constants are texts until they are compared."""
    kinds = [kind for _, kind in keys] + [ref.kind for ref, _, _ in parts.ranges for _ in "ab"]
    names = [f"{PART} k{i}" for i in range(len(keys))]
    names += [f"{PART} {end}{i}" for i in range(len(parts.ranges)) for end in "ab"]
    columns = [*parts.keys, *(bounds for _, *both in parts.ranges for bounds in both)]
    cells, table = of_parts(PART, names, columns)
    typed = iter(exp.cast(cell, TYPES[kind]) for cell, kind in zip(cells, kinds, strict=True))
    conditions: list[exp.Expr] = [exp.NullSafeEQ(this=key, expression=next(typed)) for key, _ in keys]
    for ref, _, _ in parts.ranges:
        conditions.append(exp.GTE(this=column(ref), expression=next(typed)))
        conditions.append(exp.LT(this=column(ref), expression=next(typed)))
    if table is None:
        return select.where(*conditions, copy=False)
    return select.join(table, on=exp.and_(*conditions, copy=False), copy=False)


def of_parts(
    table: str, names: Sequence[str], columns: Sequence[Sequence[Scalar | None] | Array]
) -> tuple[list[exp.Expr], exp.Subquery | None]:
    """The texts of the constants in `columns`, one entry a part: of a column that is the same in all parts itself, of
    others as columns of a table to be joined.

    They can be 10⁵, and DuckDB reads a list of constants a hundred times slower than one text of them all."""
    cells: list[exp.Expr] = []
    lists = []
    for name, column in zip(names, columns, strict=True):
        texts = _texts(column)
        if len(set(texts)) == 1:
            null = exp.cast(exp.Null(), "VARCHAR")
            cells.append(null if texts[0] is None else exp.Literal.string(texts[0]))
        else:
            cells.append(_listed(exp.column(name, table=table, quoted=True)))
            lists.append(named(_list(texts), name))
    if not lists:
        return cells, None
    return cells, exp.select(*lists).subquery(exp.to_identifier(table, quoted=True), copy=False)


def _list(texts: Sequence[str | None]) -> exp.Expr:
    """A column of these texts, behind a mark that NULL does not have."""
    whole = "".join(text for text in texts if text is not None)
    between = next(mark for mark in map(chr, itertools.count(ord("|"))) if mark not in whole)
    joined = between.join("" if text is None else f"={text}" for text in texts)
    return call("unnest", call("string_split", exp.Literal.string(joined), exp.Literal.string(between)))


def _listed(column: exp.Expr) -> exp.Expr:
    """The text that a column of `_list` holds."""
    return call("substr", call("nullif", column, exp.Literal.string("")), _number(2))


def _texts(column: Sequence[Scalar | None] | Array) -> list[str | None]:
    """The constants of one kind as texts that cast to its type without loss."""
    values: list[Any] = list(column)
    known = next((value for value in values if value is not None), None)
    spelled: Callable[[Any], str] = str
    if isinstance(known, datetime):
        spelled = partial(datetime.isoformat, sep=" ")
    elif isinstance(known, date):
        spelled = date.isoformat
    elif isinstance(known, float):
        spelled = repr
    if None in values:
        return [None if value is None else spelled(value) for value in values]
    return list(map(spelled, values))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
