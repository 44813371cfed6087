"""Atomic partitions: which one a row is in, whom an update touches there, and how many users stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from harness.model import Delta, Kind, Schema
from harness.plugin import Engine
from harness.sql import Plan, Query
from harness.sql.query import Aggregate, In, Output, Ref

Atom = tuple[object, ...]
COUNT = Aggregate("count")


def cells(frame: pd.DataFrame, schema: Schema, names: Sequence[str]) -> list[Atom]:
    """Rows as tuples of plain values, as the keys of buckets are: NULL as None, days as dates."""
    columns = []
    for name in names:
        kind = schema.column(name).kind
        values = [None if v is pd.NA or v != v else v for v in frame[name].tolist()]
        if kind.is_time:
            moments = [None if v is None else pd.Timestamp(v).to_pydatetime() for v in values]
            values = [v.date() if v is not None and kind is Kind.DATE else v for v in moments]
        columns.append(values)
    return list(zip(*columns, strict=True)) if columns else [()] * len(frame)


def touched(delta: Delta, schema: Schema, by: Sequence[str]) -> dict[Atom, set[object]]:
    """By atomic partition the users of whom an update leaves a row otherwise than it was."""
    return next(touched_since([delta], schema, by))


def touched_since(deltas: Sequence[Delta], schema: Schema, by: Sequence[str]) -> Iterator[dict[Atom, set[object]]]:
    """The same of the last update, of the last two, …, of all: what came and went again does not count."""
    names = (*by, schema.uid, *(name for name in schema.names if name not in by))
    old: dict[object, Atom | None] = {}
    new: dict[object, Atom | None] = {}
    for delta in reversed(deltas):
        gone, come = (
            dict(zip(frame.index.tolist(), cells(frame, schema, names), strict=True))
            for frame in (delta.removed, delta.added)
        )
        for row in gone | come:
            old[row] = gone.get(row)
            new.setdefault(row, come.get(row))
        found: dict[Atom, set[object]] = {}
        for row, before in old.items():
            for version in (before, new[row]):
                if version is not None and before != new[row]:
                    found.setdefault(version[: len(by)], set()).add(version[len(by)])
        yield found


def users_after(delta: Delta, engine: Engine, schema: Schema, by: Sequence[str]) -> dict[Atom, int]:
    """How many users each partition that an update touches has after it."""
    keys = tuple(Ref(name, schema.column(name).kind) for name in by)
    uid = Ref(schema.uid, schema.column(schema.uid).kind)
    whom = {user for users in touched(delta, schema, by).values() for user in users}
    own: Any = In(uid, tuple(whom)) if whom else None
    all_users = Query(schema.table, schema.uid, _outputs(len(keys) + 1), keys, (COUNT,))
    of_each = Query(schema.table, schema.uid, _outputs(len(keys) + 2), (*keys, uid), (COUNT,), where=own)
    buckets = engine.run([Plan(all_users, users=True), Plan(of_each)])
    users: dict[Atom, int] = {}
    rows: Counter[Atom] = Counter()
    width = len(keys)
    for i, (query, count) in enumerate(zip(buckets.query.tolist(), buckets.users.tolist(), strict=True)):
        key = tuple(column[i] for column in buckets.keys[: width + query])
        if query:
            rows[key] = int(buckets.values[i, 0])
        else:
            users[key] = count
    there = {key for key, count in rows.items() if count}
    rows.subtract(cells(delta.removed, schema, (*by, schema.uid)))
    rows.update(cells(delta.added, schema, (*by, schema.uid)))
    left = {key for key, count in rows.items() if count > 0}
    atoms = touched(delta, schema, by)
    come, gone = (Counter(key[:-1] for key in part) for part in (left - there, there - left))
    return {atom: users.get(atom, 0) + come[atom] - gone[atom] for atom in atoms}


def _outputs(n: int) -> tuple[Output, ...]:
    return tuple(Output(f"c{i}", i) for i in range(n))
