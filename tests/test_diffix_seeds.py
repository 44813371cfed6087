"""Diffix's noise in algebra: what has equal noise, what has not, and that the salt is in all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from defenses.diffix import diffix
from defenses.diffix.layers import (
    ELEMENT,
    EQUAL,
    IN,
    KNOWN,
    MANY,
    NONE,
    NULL,
    RANGE,
    UNEQUAL,
    Layer,
    layer_word,
    layers_of,
)
from harness.engine import DuckEngine
from harness.model import Answer, Kind, Schema, Table
from harness.seeds import digest
from harness.sql.query import Ref
from tests.answers import answer, by_key
from tests.diffix_tables import COUNT, OFF, SALT, SCHEMA, plan_of, query, session, table, value

# The noise in algebra: one salt, exact equality


@pytest.mark.parametrize("times", [1, 3])
def test_a_selected_column_is_a_condition(times: int) -> None:
    """Figure 13, and §6.3: GROUP BY a, b has the bucket (x, 1) of WHERE a = 'x' AND b = 1."""
    interface = session(table(240, times), diffix())
    shown = "count(*), count(b), count(DISTINCT uid)"
    for keys, conditions in [
        ("a", "a = 'x'"),
        ("b", "b = 1"),
        ("a, b", "b = 1 AND a = 'x'"),
        ("r, a", "a = 'x' AND r = 0.25"),
        ("f", "f = false"),
        ("f", "NOT f <> false"),
        ("d", "d = '2020-01-02'"),
        ("m", "m = TIMESTAMP '2020-01-01 01:00:00'"),
        ("f, d, m, r", "r = 0.25 AND m = '2020-01-01 01:00' AND d = '2020-01-02' AND f = false"),
    ]:
        single = answer(interface, f"SELECT {shown} FROM t WHERE {conditions}").rows[0]
        grouped = answer(interface, f"SELECT {shown} FROM t WHERE {conditions} GROUP BY {keys}").rows
        rest = [row[-3:] for row in answer(interface, f"SELECT {keys}, {shown} FROM t GROUP BY {keys}")]
        assert grouped == [single]
        assert single in rest
        assert len(set(rest)) == len(rest)


@pytest.mark.parametrize("column", ["a", "c"])
def test_many_keys_are_seeded_as_the_conditions_that_they_stand_for(column: str) -> None:
    """An answer has more buckets than are seeded one by one; each is that of its equality in WHERE."""
    users = np.repeat(np.arange(MANY + 50), 6)
    frame = table(len(users)).frame.assign(c=users * 7919, a=[f"é{user}" for user in users])
    interface = session(Table(SCHEMA, frame), diffix(low_count=False))
    found = by_key(interface, f"SELECT {column}, {COUNT} FROM t GROUP BY 1")
    assert len(found) == MANY + 50
    for key in (*list(found)[:3], *list(found)[-3:]):
        spelled = f"'{key}'" if column == "a" else key
        assert value(interface, f"{column} = {spelled}") == found[key]


def test_a_null_key_has_a_seed_of_its_own() -> None:
    keys = [None, "", "NULL", "None", "NaN", "nan", " ", "0"]
    frame = pd.DataFrame({"uid": np.arange(8 * 20), "a": np.repeat(np.array(keys, dtype=object), 20)})
    interface = session(Table(Schema("t", SCHEMA.columns[:2], "uid"), frame), diffix(dynamic=False))
    found = by_key(interface, f"SELECT a, {COUNT} FROM t GROUP BY a")
    assert set(found) == set(keys)
    assert len(set(found.values())) == 8


SAME = {
    "b = 2 AND c <> 5": [
        "c <> 5 AND b = 2",
        "b = 2 AND c <> 5 AND b = 2",
        "b = 2 AND (c <> 5 AND (c <> 5 AND c <> 5))",
        "(b = 2) AND NOT c = 5",
        "NOT NOT (b = 2 AND c <> 5)",
        "2 = b AND 5 <> c",
        "t.b = 2 and T.C != 5",
        "b IN (2) AND c NOT IN (5)",
        "b IN (2, 2, 2.0, '2') AND c NOT IN (5, '5')",
        "NOT b NOT IN (2) AND NOT c IN (5)",
    ],
    "c = 20": ["20 = c", "c IN (20)", "c = 20.0", "c = '20'", "c = 2e1", "NOT c <> 20", "c = (20)", "c = '20.0'"],
    "r = 0": ["r = 0.0", "r = -0.0", "r = '0'", "r = -0", "r = '-0'", "0e5 = r"],
    "b IN (1, 2)": ["b IN (2, 1)", "b IN (1, 2, 2, 1)", "b IN ('1', 2.0)", "b IN (1, 2) AND b IN (1, 2)"],
    "b NOT IN (1, 2)": ["b <> 1 AND b <> 2", "b NOT IN (2, 1, 1)", "NOT b IN (1, 2)", "b <> 2 AND b NOT IN (1)"],
    "f": ["f = true", "f = 'TRUE'", "NOT NOT f", "f IN (true)", "true = f"],
    "NOT f": ["f <> true", "f NOT IN (true)", "true <> f"],
    "d = '2020-01-01'": ["d = DATE '2020-01-01'", "d = TIMESTAMP '2020-01-01 00:00:00'", "'2020-01-01' = d"],
    "d IN ('2020-01-01', '2020-01-02')": ["d IN (DATE '2020-01-02', TIMESTAMP '2020-01-01 00:00:00')"],
    "m = '2020-01-01'": ["m = '2020-01-01 00:00'", "m = TIMESTAMP '2020-01-01 00:00:00.000'"],
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("where", SAME)
def test_one_meaning_has_one_noise(where: str, times: int) -> None:
    interface = session(table(240, times), diffix())
    asked = [f"SELECT count(*), {COUNT}, count(c) FROM t WHERE {text}" for text in [where, *SAME[where]]]
    answers = [found.rows if isinstance(found, Answer) else found for found in interface.query_many(asked)]
    assert answers == [answers[0]] * len(asked)
    assert None not in answers[0][0]


def test_what_differs_in_meaning_differs_in_noise() -> None:
    """Static layers alone; each has a noise of its own, also the pairs that a careless encoding confuses."""
    texts = ["b = 1 AND c = 2", "b = 2 AND c = 1", "b = 1", "c = 1", "b <> 1", "b = 2", "r = 1", "f = true", "a = '1'"]
    texts += [
        "b IN (1, 2)",
        "c IN (1, 2)",
        "b NOT IN (1, 2)",
        "a = 'x'",
        "a = 'X'",
        "a = 'x '",
        "a <> 'x'",
        "f = false",
    ]
    texts += ["f IS NULL", "d = '2020-01-01'", "m = '2020-01-01'", "a = ''", "a = 'NULL'", "a = '1.0'", "b = 11"]
    interface = session(table(), diffix(dynamic=False, low_count=False))
    exact = session(table(), diffix(**OFF))
    noise = [value(interface, text) - value(exact, text) for text in texts]
    assert len({round(x, 9) for x in noise}) == len(texts)


def test_static_noise_depends_on_no_rows() -> None:
    """The same static sample whatever other conditions and whoever the users; dynamic ones follow the user set."""
    small, large = table(120), table(240)
    static = [session(rows, diffix(dynamic=False)) for rows in (small, large)]
    exact = [session(rows, diffix(**OFF)) for rows in (small, large)]
    alone, others = (value(s, "a = 'x'") - value(e, "a = 'x'") for s, e in zip(static, exact, strict=True))
    assert alone == pytest.approx(others, abs=1e-9)
    c, both = (value(static[1], w) - value(exact[1], w) for w in ("c <> 5", "a = 'x' AND c <> 5"))
    assert both == pytest.approx(alone + c, abs=1e-9)

    dynamic = [session(rows, diffix(static=False)) for rows in (small, large)]
    assert value(dynamic[0], "a = 'x'") - 60 != pytest.approx(value(dynamic[1], "a = 'x'") - 120, abs=1e-9)
    idle = value(dynamic[1], "a = 'x' AND c <> 999") - value(dynamic[1], "a = 'x' AND c <> 998")
    assert idle != pytest.approx(0, abs=1e-9)
    one, two = (value(dynamic[1], w) for w in ("a = 'x'", "a = 'x' AND c <> 999"))
    three, four = (value(dynamic[1], w) for w in ("a = 'x' AND b <> 999", "a = 'x' AND b <> 999 AND c <> 999"))
    assert two - one == pytest.approx(four - three, abs=1e-9)  # the dynamic sample of c <> 999 over the users of x


def test_idle_in_elements_do_not_change_the_static_layer() -> None:
    """§6.9: the clause is seeded by the floated values, an element that nobody has only brings a dynamic layer."""
    static, both = (session(table(), diffix(dynamic=d)) for d in (False, True))
    texts = ["b IN (1, 2)", "b IN (1, 2, 1000)", "b IN (1, 2, 1001)"]
    assert len({value(static, text) for text in texts}) == 1
    assert len({value(both, text) for text in texts}) == 3
    assert value(static, "b IN (1, 1000)") - 40 != pytest.approx(value(static, "b IN (1, 2)") - 80, abs=1e-9)


def both(operator: str, column: Ref | None, *values: Any) -> set[Layer]:
    return {Layer(dynamic, operator, column, values) for dynamic in (False, True)}


def span(column: Ref) -> set[Layer]:
    return {Layer(dynamic, EQUAL, column, None, "span") for dynamic in (False, True)}


def test_layers_of_a_query() -> None:
    """Each rule of §6 once, written out."""
    a, b = Ref("a", Kind.TEXT), Ref("b", Kind.INTEGER)
    x, one, two = ("text", "x"), ("integer", 1), ("integer", 2)
    ten, twenty = ("integer", 10), ("integer", 20)

    def function(*components: Any) -> set[Layer]:
        return {Layer(True, "function", a, components)}

    expected: dict[str, set[Layer]] = {
        "": {Layer(True, NONE)},
        "WHERE a = 'x'": both(EQUAL, a, x, x, 1),
        "WHERE a <> 'x'": both(UNEQUAL, a, x),
        "WHERE b IN (1, 2)": {Layer(False, IN, b, None, "values")}
        | {Layer(True, ELEMENT, b, (v,)) for v in (one, two)},
        "WHERE b NOT IN (1, 2)": both(UNEQUAL, b, one) | both(UNEQUAL, b, two),
        "WHERE b BETWEEN 1 AND 2": both(EQUAL, b, one, one, 1),
        "WHERE b NOT BETWEEN 1 AND 2": both(UNEQUAL, b, one),
        "WHERE b BETWEEN 10 AND 20": both(RANGE, b, ten, twenty),
        "WHERE 20 > b AND a = 'x' AND b >= 10": both(RANGE, b, ten, twenty) | both(EQUAL, a, x, x, 1),
        "WHERE a IS NULL": both(NULL, a),
        "WHERE a IS NOT NULL": both(KNOWN, a),
        "GROUP BY b": {Layer(dynamic, EQUAL, b, None, "key", 0) for dynamic in (False, True)},
        "WHERE b NOT BETWEEN 10 AND 20": both(RANGE, b, ten, twenty, ":<>"),
        "WHERE trunc(b, -1) = 10": both(RANGE, b, ten, twenty),
        "WHERE trunc(b, -1) <> 10": both(RANGE, b, ten, twenty, ":<>"),
        "WHERE b + 1 = 2": span(b),
        "WHERE b + c = 2": span(b) | span(Ref("c", Kind.INTEGER)),
        "WHERE left(a, 1) = 'x'": both(EQUAL, a, x, x, 1) | function("left", 1),
        "WHERE substring(a for 1) <> 'x'": both(UNEQUAL, a, x) | function("left", 1, ":<>"),
        "WHERE ltrim(a, 'zyy') IN ('x', 'z')": {
            Layer(False, IN, a, None, "values"),
            *(Layer(True, ELEMENT, a, (("text", v),)) for v in "xz"),
            *function("ltrim", "yz"),
        },
        "WHERE upper(a) = 'X'": span(a),
        "WHERE upper(a) <> 'X'": both(UNEQUAL, a, ("text", "X")) | {Layer(False, UNEQUAL, a, ("x", ":<>", ":lower"))},
        "WHERE a LIKE 'x'": both(EQUAL, a, x, x, 1),
        "WHERE a ILIKE 'x'": span(a),
        "WHERE a LIKE 'x%_%y'": both("like", a, 3, 1, "%") | both("like", a, 3, 2, "_"),
        "WHERE a NOT LIKE '%%x'": both("like", a, 1, 0, "%", ":not"),
        "WHERE b = c": both("= column", None, "b", "c"),
        "WHERE c <> b": both("<> column", None, "b", "c"),
        "GROUP BY b + 1": span(b),
        "GROUP BY trunc(b, -1)": {Layer(dynamic, EQUAL, b, None, "key", 0) for dynamic in (False, True)},
        "GROUP BY concat(a, a)": span(a),
        "GROUP BY left(a, 1)": {Layer(dynamic, EQUAL, a, None, "key", 0) for dynamic in (False, True)}
        | function("left", 1),
        "WHERE a = 'x' AND a = 'x'": both(EQUAL, a, x, x, 1),
    }
    for clause, layers in expected.items():
        found = layers_of(query(f"SELECT count(*) FROM t {clause}"))
        assert set(found) == layers, clause
        assert len(found) == len(layers)


def test_layer_words_name_every_component() -> None:
    parts = [
        (SALT, "t", "=", "a", ("x",)),
        (digest("other"), "t", "=", "a", ("x",)),
        (SALT, "u", "=", "a", ("x",)),
        (SALT, "t", "<>", "a", ("x",)),
        (SALT, "t", "=", "b", ("x",)),
        (SALT, "t", "=", "a", ("y",)),
        (SALT, "t", "=", "a", ("x", "x", 1)),
        (SALT, "t", "=", "ax", ("",)),
        (SALT, "ta", "=", "", ("x",)),
        (SALT, "t", "=", None, ("x",)),
        (SALT, "t", "=", "a", (("x",),)),
    ]
    assert len({layer_word(*part) for part in parts}) == len(parts)


def test_the_noise_of_one_salt_is_pinned() -> None:
    """A change here changes every stored result of diffix."""
    interface = session(table(240, [1 + u % 5 for u in range(240)]), diffix())
    found = answer(interface, f"SELECT a, count(*), {COUNT}, count(r) FROM t WHERE b IN (1, 2) AND c <> 5 GROUP BY a")
    assert [row[0] for row in found] == ["x", "y"]
    assert np.array(found.data[1:]).T.tolist() == pytest.approx(np.array(PINNED), rel=1e-12)


PINNED = [
    [120.7310683898373, 38.87949660011709, 120.7310683898373],
    [114.0173878915872, 38.005795963862404, 114.0173878915872],
]


# The salt


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("users", range(1, 9))
def test_the_salt_changes_seeds_and_noise_of_odd_and_even_sets(users: int, times: int) -> None:
    """A salt that is XORed to every hash cancels out of an even set."""
    rows = table(users, times)
    defense, plan = diffix(low_count=False, static=False), plan_of(f"SELECT {COUNT} FROM t", low_count=False)
    xors, noise = [], []
    for number in range(4):
        buckets = DuckEngine(rows, digest("salt", number)).run([plan])
        xors.append(int(buckets.uid_xor[0]))
        noise.append(float(defense.answer(buckets, np.random.default_rng(0)).values[0, 0]) - users)
    assert len(set(xors)) == len({round(x, 12) for x in noise}) == 4
    steps = {one ^ other for one in xors for other in xors if one != other}
    assert len(steps) > 1


def test_a_user_with_many_rows_enters_the_xor_once() -> None:
    plan = plan_of("SELECT count(*) FROM t")
    found = {int(DuckEngine(table(5, times), SALT).run([plan]).uid_xor[0]) for times in (1, 2, 3, [1, 2, 1, 4, 2])}
    assert len(found) == 1


def test_the_salt_changes_every_layer_and_every_threshold() -> None:
    for switches in ({"dynamic": False}, {"static": False}):
        values = {value(session(table(), diffix(**switches), digest("s", i)), "a = 'x'") for i in range(6)}
        assert len(values) == 6
    groups = np.repeat(np.arange(300), 4)
    frame = pd.DataFrame({"uid": np.arange(1200), "a": "x", "b": groups}).astype({"a": object})
    rows = Table(Schema("t", SCHEMA.columns[:3], "uid"), frame)
    shown = [
        set(by_key(session(rows, diffix(), digest("s", i)), "SELECT b, count(*) FROM t GROUP BY b")) for i in (0, 1)
    ]
    assert 50 < len(shown[0] ^ shown[1]) < 250
