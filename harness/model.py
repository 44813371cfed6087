"""The value types that pass between the parts: columns, tables, answers, refusals, claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import QueryRefused

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]


class Kind(StrEnum):
    """The kinds of a column. Every database type is one of them from loading on."""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"

    @property
    def is_number(self) -> bool:
        return self in (Kind.INTEGER, Kind.REAL)

    @property
    def is_time(self) -> bool:
        return self in (Kind.DATE, Kind.DATETIME)


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    doc: str = ""


@dataclass(frozen=True)
class Derived:
    """A column computed from a numeric one: `labels[i]` where `edges[i-1] <= source < edges[i]`.

    There is one edge fewer than there are labels; a NULL source gives NULL.
    """

    column: str
    source: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]

    def of(self, source: pd.Series) -> Array:
        """The labels of the source's values, shape (n,) -> (n,) of str or None."""
        values = source.to_numpy(dtype=float, na_value=np.nan)
        labels: Array = np.array(self.labels, dtype=object)[np.searchsorted(self.edges, values, side="right")]
        labels[np.isnan(values)] = None
        return labels


@dataclass(frozen=True)
class Schema:
    """What everybody may know of a table: its name, columns and roles, never its rows.

    `secrets` are the columns that an attack may be set on, the default first. `quasi_identifiers` are the columns
    that outsiders commonly know. `derived` columns are computed from others, `same` lists groups of columns that
    tell the same fact in other words: knowing one of a group is knowing all. `others` are tables beside this one that a
    query can join: of the same users, or with an empty `uid` of none. Secrets, prior knowledge and updates are about
    this table alone. `many_rows`: whether users may have several rows, so that the uid is no key; the harness sets it
    for the main table.
    """

    table: str
    columns: tuple[Column, ...]
    uid: str
    secrets: tuple[str, ...] = ()
    quasi_identifiers: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = ()
    same: tuple[tuple[str, ...], ...] = ()
    others: tuple[Schema, ...] = ()
    many_rows: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def masked(self, secret: str) -> tuple[str, ...]:
        """The columns hidden from prior knowledge when `secret` is: itself and all that tell it."""
        groups = [{d.column, d.source} for d in self.derived] + [set(group) for group in self.same]
        hidden = {secret}
        while more := set().union(*(g for g in groups if g & hidden)) - hidden:
            hidden |= more
        return tuple(name for name in self.names if name in hidden)


@dataclass(frozen=True)
class Table:
    """Rows under a schema. `frame` has exactly the schema's columns, in its order.

    A data stage can publish two more things: `stored`, a second version of the frame from which a plan may have small
    buckets answered (`Plan.stored_below`), and `made`, named tables (a dict a row) of how it was done, for researchers.
    `others` are the tables of `Schema.others`, which no data stage changes.
    """

    schema: Schema
    frame: pd.DataFrame
    stored: pd.DataFrame | None = None
    made: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: tuple[Table, ...] = ()

    @cached_property
    def people(self) -> pd.DataFrame:
        """One row a user, indexed by uid in ascending order: the columns that are the same in all rows of each user."""
        uid = self.schema.uid
        if self.frame[uid].is_unique:
            return self.frame.set_index(uid).sort_index()
        rows = self.frame.groupby(uid, sort=True)
        constant = (rows.nunique(dropna=False) <= 1).all(axis=0)
        return rows.first(skipna=False)[list(constant.index[constant])]

    def with_frame(self, frame: pd.DataFrame) -> Table:
        """The same table over other rows, with its derived columns computed anew."""
        fresh = {d.column: d.of(frame[d.source]) for d in self.schema.derived}
        return replace(self, frame=frame.assign(**fresh)[list(self.schema.names)])


@dataclass(frozen=True, eq=False)
class Update:
    """What the owner of the data changes between two queries, all of it at once.

    `delete` and `change` name rows by the columns `on` (empty: the uid): all rows that have these values. `delete`
    has no other columns, `change` has those that change, `insert` all but the derived ones, which are computed anew.
    """

    insert: pd.DataFrame | None = None
    delete: pd.DataFrame | None = None
    change: pd.DataFrame | None = None
    on: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Delta:
    """An update as rows of the published table, frames of all its columns indexed by row number: `removed` go, `added`
    come. A row that changes is in both under its number; what is inserted has a number below 0 until it is stored."""

    removed: pd.DataFrame
    added: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Answer:
    """What the analyst gets: named columns of equal length, NULL as None in keys and as NaN in aggregates.

    `data` holds one array a column; aggregates are float64 (dates and times among them as datetime64).
    """

    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    data: tuple[Array, ...]
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.data[0]) if self.data else 0

    def __getitem__(self, column: str) -> Array:
        return self.data[self.columns.index(column)]

    @property
    def value(self) -> float:
        """The single number of a one-row answer's last column; NaN where it is NULL or suppressed."""
        return float(self.data[-1][0]) if len(self) else float("nan")

    @property
    def rows(self) -> list[tuple[object, ...]]:
        """Row tuples of plain Python values, NULL as None, whole numbers of an integer column as int."""
        return list(zip(*(_plain(array, kind) for array, kind in zip(self.data, self.kinds, strict=True)), strict=True))

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.rows)


def _plain(array: Array, kind: Kind) -> list[object]:
    values: list[Any] = array.tolist()
    if array.dtype.kind == "f":
        # a whole number beyond 2^53 is not known to the last digit, so it is not shown as if it were
        whole = kind is Kind.INTEGER
        values = [None if v != v else int(v) if whole and v.is_integer() and abs(v) <= 2**53 else v for v in values]
    if kind is Kind.DATE:
        values = [v.date() if hasattr(v, "date") else v for v in values]
    return values


@dataclass(frozen=True)
class Refused:
    """A query that was not answered: the rule that it broke and one sentence. Never depends on the rows."""

    rule: str
    message: str

    @classmethod
    def of(cls, error: QueryRefused) -> Refused:
        return cls(error.rule, error.message)


class _Typical(Enum):
    TYPICAL = "typical"


TYPICAL = _Typical.TYPICAL
"""Claimed as a value, it stands for the most frequent secret among the users who share what was revealed of the
victim; the judge puts the value in, so that a guess can be scored without showing an attack any statistics."""


@dataclass(frozen=True)
class Inference:
    """ "The secret of user `uid` is `value`" (Diffix-Birch §3, inference)."""

    uid: object
    value: object
    confidence: float = 1.0


@dataclass(frozen=True)
class SinglingOut:
    """ "Exactly one user has these attributes", (column, value) pairs (Diffix-Birch §3, singling out)."""

    attributes: tuple[tuple[str, object], ...]
    confidence: float = 1.0


@dataclass(frozen=True)
class Linkability:
    """ "This record of the other dataset is in the protected one" (Diffix-Birch §3, linkability)."""

    record: object
    confidence: float = 1.0


Claim = Inference | SinglingOut | Linkability
