"""Noise of sticky: its deviation, what has the same sample, and what another one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.none import none
from defenses.sticky import sticky
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.seeds import digest
from harness.session import LocalSession
from harness.sql import Plan, analyse, parse
from tests.answers import answer, by_key
from tests.defense_tables import SALT, SCHEMA, Z, engine, session

TRUE = 12.0  # rows with dept = 'CS' of 60


@cache
def many(n: int = 20_000) -> DuckEngine:
    """n users, each a bucket of column age."""
    frame = pd.DataFrame({"uid": np.arange(n).astype(str).astype(object), "dept": "CS", "age": np.arange(n)})
    return DuckEngine(Table(Schema("t", SCHEMA.columns[:3], "uid"), frame.astype({"dept": object})), SALT)


def noise_of_buckets(scale: float, sql: str) -> np.ndarray:
    schema = Schema("t", SCHEMA.columns[:3], "uid")
    interface = LocalSession(schema, many(), sticky(scale=scale), np.random.default_rng(0))
    exact = answer(LocalSession(schema, many(), none(), np.random.default_rng(0)), sql)
    return np.stack(answer(interface, sql).data[1:]) - np.stack(exact.data[1:])


@pytest.mark.parametrize("scale", [2.0, 0.25, 40.0])
def test_sticky_has_the_deviation_of_its_scale_in_every_bucket(scale: float) -> None:
    rows, users = noise_of_buckets(scale, "SELECT age, count(*), count(DISTINCT uid) FROM t GROUP BY age")
    n = len(rows)
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    for noise in (rows, users):
        assert abs(noise.mean()) < Z * scale / np.sqrt(n)
        assert low < noise.var(ddof=1) / scale**2 < high
        assert stats.kstest(noise / scale, "norm").pvalue > 0.001
        assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < Z / np.sqrt(n)
    assert abs(np.corrcoef(rows, users)[0, 1]) < Z / np.sqrt(n)


def test_sticky_has_the_deviation_of_its_scale_over_salts_too() -> None:
    sql = "SELECT count(*) FROM t WHERE dept = 'CS'"
    buckets = engine("one row a user").run([Plan(analyse(parse(sql), SCHEMA))])
    salted = (replace(buckets, salt=digest("sticky over salts", number)) for number in range(2_000))
    noise = np.array([sticky().answer(b, np.random.default_rng(0)).values[0, 0] - TRUE for b in salted])
    low, high = stats.chi2.ppf([0.0005, 0.9995], 1999) / 1999
    assert abs(noise.mean()) < Z * 2 / np.sqrt(2_000)
    assert low < noise.var(ddof=1) / 4 < high


STICKY_SAME = {
    "SELECT count(*) FROM t WHERE dept = 'CS'": [
        "select  COUNT( * )\nfrom T where DEPT='CS'",
        "SELECT count(*) FROM t WHERE dept = 'CS' ORDER BY 1 DESC LIMIT 5",
        "SELECT count(*) AS persons FROM t AS x WHERE (x.dept = 'CS') HAVING count(*) > -1000",
        "SELECT count(*) FROM t WHERE 'CS' = \"dept\" -- a comment",
    ],
    "SELECT dept, count(*) FROM t WHERE age = 20 GROUP BY dept": [
        "SELECT dept, count(*) FROM t WHERE age = 20.0 GROUP BY 1",
        "SELECT dept AS d, count(*) FROM t WHERE age = '20' GROUP BY d ORDER BY count(*), dept LIMIT 99 OFFSET 0",
    ],
}


@pytest.mark.parametrize("sql", STICKY_SAME)
@pytest.mark.parametrize("name", ["one row a user", "many rows a user"])
def test_sticky_answers_the_same_text_alike(name: str, sql: str) -> None:
    interface = session(name, sticky())
    expected = by_key(interface, sql)
    for spelling in [sql, *STICKY_SAME[sql]]:
        found = by_key(interface, spelling)
        assert len(found) == len(expected) > 0, spelling
        assert set(found.values()) == set(expected.values()), spelling
        if len(answer(interface, sql).columns) == 2:
            assert found == expected


def test_another_query_bucket_or_salt_is_another_draw() -> None:
    """Also where the rows are the same: that is the weakness which layers mend."""
    name = "one row a user"
    interface, exact = session(name, sticky()), session(name, none())
    wheres = ["", "dept = 'CS'", "dept IN ('CS', 'x')", "dept = 'CS' AND age <> 999", "dept = 'CS' AND age <> 998"]
    wheres += ["age <> 999 AND dept = 'CS'", "dept = 'Law'", "dept <> 'CS'", "age = 20", "age = 2", "pay = 20"]
    noise = []
    for where in wheres:
        for shown in ("count(*)", "count(age)", "count(DISTINCT uid)"):
            sql = f"SELECT {shown} FROM t" + (f" WHERE {where}" if where else "")
            noise.append(answer(interface, sql).value - answer(exact, sql).value)
    grouped = "SELECT dept, count(*) FROM t GROUP BY dept"
    shown, true = by_key(interface, grouped), by_key(exact, grouped)
    noise += [shown[key] - true[key] for key in true]
    other = session(name, sticky(), salt=digest("another salt"))
    noise += [value - true[key] for key, value in by_key(other, grouped).items()]
    assert len({round(x, 9) for x in noise}) == len(noise) == 33 + 10


def test_sticky_keys_differ_by_value_and_place() -> None:
    """(a = 1, b = 2) and (a = 2, b = 1), NULL and 'NULL' and '': draws of their own."""
    pairs = [
        ("1", "2"),
        ("2", "1"),
        ("1", "1"),
        ("2", "2"),
        ("12", ""),
        ("", "12"),
        (None, "1"),
        ("", "1"),
        ("1", None),
    ]
    pairs += [("NULL", "1"), (None, None), ("", ""), ("NULL", "NULL"), ("1,", "2"), ("1", ",2")]
    frame = pd.DataFrame(
        {
            "uid": pd.Series([str(i) for i in range(len(pairs))], dtype=object),
            "dept": pd.Series([a for a, _ in pairs], dtype=object),
            "age": pd.Series([b for _, b in pairs], dtype=object),
        }
    )
    schema = Schema("t", tuple(Column(name, Kind.TEXT) for name in frame), "uid")
    interface = LocalSession(schema, DuckEngine(Table(schema, frame), SALT), sticky(), np.random.default_rng(0))
    found = answer(interface, "SELECT dept, age, count(*) FROM t GROUP BY dept, age")
    assert len(found) == len(pairs)
    assert len(set(found.data[2].tolist())) == len(pairs)


def test_sticky_noise_depends_on_no_rows() -> None:
    """So the difference of two tables is exact: no dynamic noise."""
    for keys in ("", "dept, "):
        sql = f"SELECT {keys}count(*), sum(age), count(pay) FROM t" + (" GROUP BY dept" if keys else "")
        apart = []
        for defense in (sticky(), none()):
            one, two = (answer(session(name, defense), sql).data for name in ("one row a user", "many rows a user"))
            apart.append(np.stack(one[-3:]) - np.stack(two[-3:]))
        assert apart[0] == pytest.approx(apart[1], abs=1e-9)
    null = answer(session("all null", sticky()), "SELECT sum(pay), count(pay) FROM t").rows[0]
    assert null[0] is None
    assert null[1] != 0
