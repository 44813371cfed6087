# ruff: noqa: E501  (rows of tables)
"""A user base of three tables and one without users: for the tests of joins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from harness.model import Column, Kind, Schema, Table
from tests.sql_reference import Row, table

PAYMENTS = Schema(
    "payments",
    (
        Column("client", Kind.INTEGER),
        Column("amount", Kind.REAL),
        Column("shop", Kind.TEXT),
        Column("seen", Kind.DATETIME),
        Column("age", Kind.INTEGER),
    ),
    "client",
)
VISITS = Schema("visits", (Column("uid", Kind.INTEGER), Column("town", Kind.TEXT), Column("day", Kind.DATE)), "uid")
TOWNS = Schema("towns", (Column("town", Kind.TEXT), Column("size", Kind.INTEGER), Column("coast", Kind.BOOLEAN)), "")
PEOPLE = Schema(
    "people",
    (
        Column("uid", Kind.INTEGER),
        Column("town", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
    ),
    "uid",
    secrets=("pay",),
    others=(PAYMENTS, VISITS, TOWNS),
)
SCHEMAS = (PEOPLE, *PEOPLE.others)

Rows = dict[str, list[Row]]
FEW: Rows = {
    "people": [(1, "Ulm", 20, 1.5), (2, "Rome", 30, None), (3, None, 20, 3.0), (4, "Ulm", None, -2.0), (5, "Oslo", 41, 0.0)],
    "payments": [
        (1, 10.0, "a", datetime(2020, 1, 1, 10), 20),
        (1, 2.5, "b", None, 3),
        (1, None, "a", datetime(2020, 1, 2), 20),
        (2, -4.0, None, datetime(2020, 1, 1, 10), 30),
        (4, 1e6, "c", datetime(2021, 5, 5), None),
        (4, 10.0, "Ulm", datetime(2020, 1, 1), 41),
    ],
    "visits": [
        (1, "Rome", date(2020, 1, 1)),
        (1, "Ulm", None),
        (2, "Rome", date(2020, 1, 1)),
        (3, "Oslo", date(2020, 2, 2)),
        (3, None, date(2020, 1, 1)),
    ],
    "towns": [("Ulm", 1, False), ("Rome", 30, None), ("Oslo", 7, True), (None, 0, False), ("Rome", 31, True)],
}  # fmt: skip
NONE: Rows = {schema.table: [] for schema in SCHEMAS}


def tables(rows: Rows) -> Table:
    """The main table with the others beside it."""
    main, *others = (table(schema, rows[schema.table]) for schema in SCHEMAS)
    payments, visits, towns = others
    visits = replace(visits, frame=visits.frame.assign(day=visits.frame.day.astype("datetime64[us]")))
    return Table(main.schema, main.frame, others=(payments, visits, towns))
