"""A query per user is the same question to a table that has one row a user: same noise, same suppression.

The answers on that table are what the slow oracle checks (test_diffix_oracle). Positive equalities are floated from the
users' rows (§6.4), so they are asked where every user has one row.
"""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from defenses.diffix import diffix
from harness.engine import DuckEngine
from harness.model import Answer, Column, Kind, Schema, Table
from harness.session import LocalSession

SCHEMA = Schema(
    "t",
    (
        Column("uid", Kind.INTEGER),
        Column("g", Kind.TEXT),
        Column("n", Kind.INTEGER),
        Column("r", Kind.REAL),
        Column("d", Kind.DATE),
    ),
    "uid",
)
OF_USER = {"n": ("max", "min", "sum"), "r": ("avg", "min", "max", "median", "sum"), "d": ("min", "max")}
NUMBERS = ("sum", "avg", "stddev", "min", "max", "median", "count", "sum_noise", "avg_noise")
CASES = 25


def rows(rng: np.random.Generator, most: int) -> pd.DataFrame:
    """Users of one group each, with 1 to `most` rows, some far out, some without a value."""
    users = int(rng.integers(30, 120))
    uid = np.repeat(np.arange(users), rng.integers(1, most + 1, users))
    far = np.where(rng.random(len(uid)) < 0.03, 500, 0)
    days = rng.integers(0, 12, len(uid))
    return pd.DataFrame(
        {
            "uid": uid,
            "g": np.array(["x", "y", "z"], dtype=object)[uid % 3],
            "n": pd.array(rng.integers(0, 40, len(uid)) + far, dtype="Int64"),
            "r": np.where(rng.random(len(uid)) < 0.1, np.nan, rng.integers(-20, 21, len(uid)) / 4 + far),
            "d": np.datetime64("2020-01-01", "us") + days.astype("timedelta64[D]"),
        }
    )


def session(frame: pd.DataFrame, salt: bytes) -> LocalSession:
    engine = DuckEngine(Table(SCHEMA, frame[list(SCHEMA.names)]), salt)
    return LocalSession(SCHEMA, engine, diffix(), np.random.default_rng(0))


def gathered(frame: pd.DataFrame, of_user: dict[str, str]) -> pd.DataFrame:
    """One row a user, the aggregates in the columns that they are of."""
    users = frame.groupby("uid")
    called = {"sum": lambda of: of.sum(min_count=1), "avg": lambda of: of.mean()}
    columns = {name: called.get(f, lambda of, f=f: getattr(of, f)())(users[name]) for name, f in of_user.items()}
    return pd.DataFrame({**columns, "g": users.g.first()}).reset_index()


def condition(draw: random.Random, column: str, one_row: bool) -> str:
    low = draw.choice(["0", "5", "-5", "100"]) if column != "d" else "'2020-01-01'"
    high = draw.choice(["10", "20", "500", "1000"]) if column != "d" else "'2020-01-08'"
    value = draw.choice(["3", "7", "12", "0"]) if column != "d" else "'2020-01-03'"
    forms = [
        *(f"{column} <> {value}", f"{column} BETWEEN {low} AND {high}", f"{column} NOT BETWEEN {low} AND {high}"),
        *(f"{column} NOT IN ({value}, {high})", f"{column} IS NOT NULL", f"{column} IN ({value}, {low}, {high})"),
    ]
    return draw.choice([*forms, f"{column} = {value}", f"{column} IN ({value})"] if one_row else forms)


@pytest.mark.parametrize("one_row", [True, False], ids=["one row a user", "many rows a user"])
def test_a_question_per_user_is_that_to_one_row_a_user(one_row: bool) -> None:
    answered = 0
    for case in range(CASES // 2):
        draw, rng = random.Random(f"{case}{one_row}"), np.random.default_rng(case)
        frame, salt = rows(rng, 1 if one_row else 4), rng.bytes(32)
        of_user = {name: draw.choice(functions) for name, functions in OF_USER.items()}
        flat, users = session(gathered(frame, of_user), salt), session(frame, salt)
        inner = ", ".join(f"{function}({name}) AS {name}" for name, function in of_user.items())
        for _ in range(4):
            asked = draw.sample(sorted(of_user), draw.randint(0, 2))
            wheres = [condition(draw, column, one_row) for column in asked]
            cut = draw.randint(0, len(wheres))
            having = [
                where.replace(name, f"{of_user[name]}({name})") for where, name in zip(wheres, asked, strict=True)
            ][:cut]
            shown = f"count(*), {draw.choice(NUMBERS)}({draw.choice(['n', 'r'])})"
            keys = draw.choice(["", "d, "]) if one_row else ""
            by = " GROUP BY 1" if keys else ""
            plain = f"SELECT {keys}{shown} FROM t" + (f" WHERE {' AND '.join(wheres)}" if wheres else "") + by
            nested = (
                f"SELECT {keys}{shown} FROM (SELECT uid, {inner} FROM t GROUP BY uid"
                + (f" HAVING {' AND '.join(having)}" if having else "")
                + ") AS s"
                + (f" WHERE {' AND '.join(wheres[cut:])}" if wheres[cut:] else "")
                + by
            )
            one, other = flat.query(plain), users.query(nested)
            if not isinstance(one, Answer):
                assert not isinstance(other, Answer)
                assert one.rule == other.rule
                continue
            assert isinstance(other, Answer), (nested, other)
            assert len(one) == len(other), nested
            answered += len(one)
            for expected, found in zip(one.rows, other.rows, strict=True):
                for a, b in zip(expected, found, strict=True):
                    assert a == b or a == pytest.approx(b, rel=1e-9, abs=1e-9), (case, nested, one.rows, other.rows)
    assert answered > CASES / 2


def test_what_users_have_of_some_rows_is_what_the_rows_have() -> None:
    """Users counted and sums of users' sums, with any conditions on the rows inside: ranges with users at both ends."""
    dropped = 0
    for case in range(CASES):
        draw, rng = random.Random(case), np.random.default_rng(case)
        interface = session(rows(rng, 5), rng.bytes(32))
        wheres = " AND ".join(condition(draw, column, one_row=True) for column in draw.sample(["n", "r", "d"], 2))
        plain = f"SELECT count(DISTINCT uid), sum(n), count(*) FROM t WHERE {wheres}"
        inner = f"SELECT uid, sum(n) AS s, count(*) AS k FROM t WHERE {wheres} GROUP BY uid"
        one, other = interface.query_many([plain, f"SELECT count(*), sum(s), sum(k) FROM ({inner}) AS u"])
        if isinstance(one, Answer):
            assert isinstance(other, Answer)
            assert one.rows == other.rows, wheres
            dropped += "BETWEEN" in wheres and len(one)
        else:
            assert not isinstance(other, Answer)
    assert dropped > CASES // 10
