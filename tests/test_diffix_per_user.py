# ruff: noqa: E501  (tables of SQL)
"""Diffix on what each user's rows together give: HAVING and aggregates of a query that groups by the uid (§6.2, §6.4)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from defenses.diffix import diffix
from harness import registry
from harness.engine import DuckEngine
from harness.model import Answer, Table
from harness.session import History, LocalSession
from harness.sql import Plan
from harness.stages import refined
from tests.answers import answer
from tests.diffix_tables import SALT, SCHEMA, query, session, table

AVERAGES = "SELECT x, count(*) FROM (SELECT uid, avg(r) AS x FROM t GROUP BY uid) AS s GROUP BY x"
UNEVEN = [1 + (u * u) % 5 for u in range(240)]


def uneven() -> Table:
    """Up to five rows a user, with different values."""
    frame = table(240, UNEVEN).frame
    row = np.arange(len(frame))
    return Table(SCHEMA, frame.assign(b=row % 6, c=row % 40, r=(row % 16) / 4))


@cache
def interface(defense: str, many: bool) -> LocalSession:
    return session(uneven() if many else table(), registry.defense(defense)[0])


def ask(sql: str, many: bool = False, defense: str = "diffix") -> Any:
    found = interface(defense, many).query(sql)
    return found.rows if isinstance(found, Answer) else found.rule


def having(select: str, condition: str, shown: str = "count(*)") -> str:
    return f"SELECT {shown} FROM (SELECT uid, {select} AS x FROM t GROUP BY uid HAVING {condition}) AS s"


# With one row a user a condition on what the user's rows give is one on the row.
ROWS = [
    ("c = 3", "max(c)", "x = 3"),
    ("c = 3", "avg(c)", "x = 3"),
    ("c = 3", "max(c + 20)", "x = 23"),
    ("c = 3", "max(c)", "x + 20 = 23"),
    ("c = 3", "sum(c)", "median(c) + x = 6"),
    ("c <> 3", "min(c)", "x <> 3"),
    ("c BETWEEN 0 AND 10", "max(c)", "x BETWEEN 0 AND 10"),
    ("c NOT BETWEEN 0 AND 10", "sum(c)", "x NOT BETWEEN 0 AND 10"),
    ("c IN (1, 2, 77)", "max(c)", "x IN (1, 2, 77)"),
    ("c NOT IN (1, 2)", "max(c)", "x NOT IN (1, 2)"),
    ("c IS NOT NULL", "max(c)", "x IS NOT NULL"),
    ("b % 3 = 1", "max(b)", "x % 3 = 1"),
    ("d = '2020-01-03'", "min(d)", "x = '2020-01-03'"),
    ("year(d) = 2020", "min(d)", "year(x) = 2020"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "select", "condition"), ROWS)
def test_with_one_row_a_user_having_is_where(where: str, select: str, condition: str) -> None:
    asked = ask(f"SELECT count(*) FROM t WHERE {where}")
    assert asked == ask(having(select, condition))
    assert not isinstance(asked, str)


# Pairs that select the same users.
SAME = [
    (("max(c)", "x = 39"), ("max(c + 20)", "x = 59")),
    (("max(c)", "x = 39"), ("max(c)", "x + 20 = 59")),
    (("max(c)", "x = 39"), ("max(c) * 2", "x = 78")),
    (("max(c)", "x = 39"), ("max(c)", "39 = x")),
    (("max(c)", "x = 39"), ("max(c)", "x IN (39)")),
    (("max(c)", "x = 39"), ("max(c)", "x BETWEEN 39 AND 40")),
    (("count(*)", "x = 2"), ("count(c)", "x = 2")),
    (("count(*)", "x = 2"), ("count(*)", "x * 2 = 4")),
    (("count(*)", "x = 2"), ("count(b + c)", "x + 1 = 3")),
    (("count(*)", "x = 2"), ("count(*)", "x BETWEEN 2 AND 3")),
    (("count(*)", "x <> 2"), ("count(b)", "x NOT IN (2)")),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_other_words_for_the_same_users_give_the_same_noise(one: tuple[str, str], other: tuple[str, str]) -> None:
    found = ask(having(*one), many=True)
    assert found == ask(having(*other), many=True)
    assert found != ask(having(*one), many=True, defense="none")


def test_a_condition_inside_outside_and_on_the_bucket_is_one() -> None:
    inside = ask(having("max(c)", "x = 39"), many=True)
    outside = ask("SELECT count(*) FROM (SELECT uid, max(c) AS x FROM t GROUP BY uid) AS s WHERE x = 39", many=True)
    buckets = dict(
        ask("SELECT x, count(*) FROM (SELECT uid, max(c) AS x FROM t GROUP BY uid) AS s GROUP BY x", many=True)
    )
    assert inside == outside == [(buckets[39],)]


def test_figure_12_the_math_is_unclear_and_its_column_is_floated() -> None:
    left = "SELECT x, count(*) FROM (SELECT uid, max(c) AS x FROM t GROUP BY uid HAVING x + 20 = 59) AS s GROUP BY x"
    right = "SELECT x, count(*) FROM (SELECT uid, max(c + 20) AS x FROM t GROUP BY uid HAVING x = 59) AS s GROUP BY x"
    clear = "SELECT x, count(*) FROM (SELECT uid, max(c) AS x FROM t GROUP BY uid HAVING x = 39) AS s GROUP BY x"
    ((_, noisy),) = ask(clear, many=True)
    assert ask(left, many=True) == [(39, noisy)]
    assert ask(right, many=True) == [(59, noisy)]
    for unclear in ("max(c + 20)", "max(c) + 20"):
        for condition in ("x <> 59", "x BETWEEN 50 AND 60", "x IN (59, 60)"):
            assert ask(having(unclear, condition)) == "diffix-unclear", (unclear, condition)
    for condition in ("x <> 39", "x BETWEEN 30 AND 40", "x IN (39, 40)"):
        assert not isinstance(ask(having("max(c)", condition)), str)


def test_figure_16_what_is_averaged_is_floated_as_smallest_largest_and_number() -> None:
    """The seeds of a bucket of an average are what its users' rows hold of the column."""
    rows = uneven()
    plan = diffix().plan(query(AVERAGES), History(SCHEMA))
    assert isinstance(plan, Plan)
    layers = diffix().explain(DuckEngine(rows, SALT).run([plan]))["layers"]
    mean = rows.frame.groupby("uid").r.mean()
    held = rows.frame.groupby(rows.frame.uid.map(mean)).r
    seeds = {(mean, at.min(), at.max(), at.nunique()) for mean, at in held}
    assert len(seeds) > 10
    for mean, *span in seeds:
        own = [layer for layer in layers if layer["bucket"] == f"avg(r) = {mean}"]
        if own:  # of less than two users nothing comes back
            assert {layer["sort"] for layer in own} == {"static", "dynamic"}
            assert all(layer["seeded by"] == ["t", "r", "=", *span] and layer["floated"] for layer in own)
    assert len(layers) > 10


def test_sums_over_users_are_sums_over_rows() -> None:
    """What a user contributes is the same either way, so is the noise."""
    rows = ask("SELECT sum(c), count(*), count(DISTINCT uid), avg(b) FROM t WHERE a = 'x'", many=True)
    users = "SELECT sum(s), sum(n), count(*), sum(s) FROM (SELECT uid, sum(c) AS s, count(*) AS n FROM t WHERE a = 'x' GROUP BY uid) AS u"
    assert ask(users, many=True)[0][:3] == rows[0][:3]


@pytest.mark.parametrize("shown", ["count(*)", "b, count(*)"])
def test_a_range_inside_drops_who_lies_apart_as_on_rows(shown: str) -> None:
    """Users between 20 and 24 and, in some buckets, one at 95: of one row a user the answers are those on rows."""
    frame = table(360).frame
    apart = (frame.b > 2) & (frame.uid < 10)
    rows = Table(SCHEMA, frame.assign(c=np.where(apart, 95, 20 + frame.uid % 5)))
    interface = session(rows, diffix())
    by = " GROUP BY b" if shown != "count(*)" else ""
    for where in ("c BETWEEN 0 AND 100", "c BETWEEN 0 AND 50", "c BETWEEN 0 AND 100 AND r BETWEEN 0 AND 1"):
        flat = f"SELECT {shown} FROM t WHERE {where}{by}"
        nested = f"SELECT {shown} FROM (SELECT uid, max(b) AS b FROM t WHERE {where} GROUP BY uid) AS s{by}"
        found, same = interface.query_many([flat, nested])
        assert isinstance(found, Answer)
        assert isinstance(same, Answer)
        assert found.rows == same.rows
    near, far = (
        answer(interface, f"SELECT count(*) FROM t WHERE c BETWEEN 0 AND {top} AND b = 3") for top in (50, 100)
    )
    assert len(near)
    assert len(far)


REFUSED = [
    ("diffix-expression", "count(x)", "max(1 / (c - 7))", ""),
    ("diffix-expression", "sum(x)", "sum(b * c)", ""),
    ("diffix-expression", "count(x)", "max(c) - min(c)", ""),
    ("diffix-range", "count(*)", "max(c)", "x BETWEEN 3 AND 3"),
    ("diffix-range", "count(*)", "max(c)", "x BETWEEN 1 AND 2 AND x BETWEEN 1 AND 5"),
    ("diffix-range", "count(*)", "max(c)", "x BETWEEN 0 AND 5 AND min(c) BETWEEN 2 AND 8"),
    ("diffix-inequality", "count(*)", "max(c)", "x > 3"),
    ("diffix-inequality", "count(*)", "count(*)", "x >= 2"),
    ("diffix-inequality", "count(*)", "max(c)", "x < min(b)"),
    ("diffix-or", "count(*)", "max(c)", "x = 3 OR x = 4"),
    ("diffix-math", "count(*)", "max(floor(r) + ceil(r))", "floor(x / 7) = 1"),
]


@pytest.mark.parametrize(("rule", "shown", "select", "condition"), REFUSED)
def test_refusals(rule: str, shown: str, select: str, condition: str) -> None:
    assert ask(having(select, condition or "count(*) = 1", shown)) == rule


def test_a_range_inside_and_one_of_what_users_have_are_two_of_one_column() -> None:
    inner = "SELECT uid, max(c) AS x FROM t WHERE c BETWEEN 0 AND 50 GROUP BY uid HAVING max(c) BETWEEN 20 AND 100"
    assert ask(f"SELECT count(*) FROM ({inner}) AS s") == "diffix-range"


@pytest.mark.parametrize("keys", ["", "x, "])
def test_a_user_with_rows_at_both_ends_of_a_range_is_outside_once(keys: str) -> None:
    """She has rows at 1 and at 95, which alone would give her another largest b: she is one user, of her bucket."""
    values = [(uid, c, b) for uid in range(60) for c, b in ((40 + uid % 5, 5), (42, 0))]
    values += [(60, c, b) for c, b in ((1, 0), (95, 0), (42, 5))]
    uid, c, b = (np.array(column) for column in zip(*values, strict=True))
    frame = table(61, np.bincount(uid).tolist()).frame.assign(c=c, b=b)
    inner = "SELECT uid, max(b) AS x FROM t WHERE c BETWEEN 0 AND 100 GROUP BY uid"
    asked = query(f"SELECT {keys}count(*) FROM ({inner}) AS s" + (" GROUP BY 1" if keys else ""))
    outside = []
    for salt in range(12):
        engine = DuckEngine(Table(SCHEMA, frame), bytes([salt]) * 32)
        plan = diffix().plan(asked, History(SCHEMA))
        assert isinstance(plan, Plan)
        made = refined(diffix(), engine.run([plan]), engine.run).made.get("shrink-and-drop", list)()
        outside += [line["users outside"] for line in made if line["shrunk to"][0] > 1 and line["shrunk to"][1] <= 95]
    assert len(outside) > 3
    assert set(outside) == {1}
