"""A query over rows inside another one is the flat query that says the same."""

from __future__ import annotations

import pytest

from harness.asking import ask
from harness.errors import QueryRefused
from harness.model import Answer, Refused
from harness.sql import analyse, parse
from tests.test_sql_golden import SCHEMA

PAIRS = [
    ("SELECT count(*) FROM (SELECT uid FROM staff) AS x", "SELECT count(*) FROM staff"),
    ("SELECT count(*) FROM (SELECT * FROM staff) x WHERE x.age = 1", "SELECT count(*) FROM staff WHERE age = 1"),
    (
        "SELECT t AS decade, count(*) FROM (SELECT uid, trunc(age, -1) AS t FROM staff WHERE name <> 'a') x GROUP BY t",
        "SELECT trunc(age, -1) AS decade, count(*) FROM staff WHERE name <> 'a' GROUP BY 1",
    ),
    (
        "SELECT sum(b), count(DISTINCT who) FROM (SELECT who, a * 2 AS b FROM (SELECT uid AS who, pay + age AS a FROM "
        "staff WHERE age = 1 AND pay = 2) y WHERE a = 3 AND name_is_gone = 1) x",
        "",
    ),
    (
        "SELECT sum(b), count(DISTINCT who) FROM (SELECT who, a * 2 AS b FROM (SELECT uid AS who, pay + age AS a FROM "
        "staff WHERE age = 1 AND pay = 2) y WHERE a = 3) x WHERE x.who IN (1, 2)",
        "SELECT sum((pay + age) * 2), count(DISTINCT uid) FROM staff "
        "WHERE age = 1 AND pay = 2 AND pay + age = 3 AND uid IN (1, 2)",
    ),
    (
        "SELECT pay, count(*) FROM (SELECT uid, age AS pay, pay AS age FROM staff) x WHERE age = 2.5 GROUP BY pay",
        "SELECT age AS pay, count(*) FROM staff WHERE pay = 2.5 GROUP BY age",
    ),
    (
        "SELECT count(*) FROM (SELECT uid, extract(year FROM hired) AS y FROM staff) x WHERE y = 2020",
        "SELECT count(*) FROM staff WHERE year(hired) = 2020",
    ),
]


@pytest.mark.parametrize(("nested", "flat"), PAIRS)
def test_both_are_one_query(nested: str, flat: str) -> None:
    if not flat:
        with pytest.raises(QueryRefused) as refused:
            analyse(parse(nested), SCHEMA)
        assert refused.value.rule == "unknown-column"
        return
    one, other = (analyse(parse(text), SCHEMA) for text in (nested, flat))
    assert (one.keys, one.aggregates, one.where) == (other.keys, other.aggregates, other.where)
    assert one.having == other.having


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("sub-query-uid", "SELECT count(*) FROM (SELECT age FROM staff) x"),
        ("sub-query-uid", "SELECT count(*) FROM (SELECT uid + 0 AS uid FROM staff) x"),
        ("unknown-column", "SELECT pay FROM (SELECT uid, age FROM staff) x"),
        ("unknown-column", "SELECT count(*) FROM (SELECT uid, age AS a FROM staff) x WHERE age = 1"),
        ("other-table", "SELECT count(*) FROM (SELECT uid FROM staff) x WHERE staff.uid = 1"),
        ("other-table", "SELECT count(*) FROM (SELECT uid FROM other) x"),
        ("ambiguous-name", "SELECT count(*) FROM (SELECT uid, age AS a, pay AS A FROM staff) x"),
        ("ambiguous-name", "SELECT count(*) FROM (SELECT *, age FROM staff) x"),
        ("sub-query-uid", "SELECT count(*) FROM (SELECT uid, max(age) FROM staff) x"),
        ("sub-query", "SELECT count(*) FROM (SELECT DISTINCT uid FROM staff GROUP BY uid) x"),
        ("sub-query-uid", "SELECT count(*) FROM (SELECT uid FROM staff HAVING count(*) > 1) x"),
        ("sub-query", "SELECT count(*) FROM " + "(SELECT uid FROM " * 9 + "staff" + ") x" * 9),
        ("sub-query", "SELECT count(*) FROM (SELECT DISTINCT uid FROM staff) x"),
    ],
)
def test_what_an_inner_query_cannot_have(rule: str, text: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        analyse(parse(text), SCHEMA)
    assert refused.value.rule == rule


def test_a_term_cannot_double_through_sub_queries() -> None:
    text = "SELECT uid, age AS a FROM staff"
    for _ in range(7):
        text = f"SELECT uid, a * a + a * a AS a FROM ({text}) x"
    with pytest.raises(QueryRefused) as refused:
        analyse(parse(f"SELECT sum(a) FROM ({text}) x"), SCHEMA)
    assert refused.value.rule == "too-many-operators"


FIGURE_11 = """
    SELECT age_30_or_40, count(*) FROM (SELECT uid, (age_30 + age_40) % 2 AS age_30_or_40 FROM (
      SELECT uid, floor((age_greater_29 + age_less_31) / 2) AS age_30,
             floor((age_greater_39 + age_less_41) / 2) AS age_40 FROM (
        SELECT uid, ceil((age - 29) / 100) AS age_greater_29, ceil(0 - (age - 31) / 100) AS age_less_31,
               ceil((age - 39) / 100) AS age_greater_39, ceil(0 - (age - 41) / 100) AS age_less_41
        FROM census) x) y) z GROUP BY age_30_or_40"""
BREAK_2018 = "SELECT count(*) FROM census WHERE floor(2.1 * pow(uid * 2, 1.1) + 0.5) = floor(2.1 * pow(uid * 2, 1.1))"


def rule(defense: str, text: str) -> str | None:
    answer = ask(defense, "census", 1, text)
    return answer.rule if isinstance(answer, Refused) else None


def test_figure_11_a_backdoor_condition_is_refused_by_its_seven_jumps() -> None:
    exact = ask("none", "census", 1, FIGURE_11)
    either = ask("none", "census", 1, "SELECT count(*) FROM census WHERE age = 30 OR age = 40")
    assert isinstance(exact, Answer)
    assert isinstance(either, Answer)
    assert exact.rows[1][1] == either.rows[0][0]
    assert rule("diffix", FIGURE_11) == "diffix-math"
    assert rule("diffix:max_discontinuous=6", FIGURE_11) == "diffix-math"
    assert rule("diffix:max_discontinuous=7", FIGURE_11) is None


def test_the_condition_of_2018_is_answered_unless_conditions_must_be_clear() -> None:
    assert rule("diffix", BREAK_2018) is None
    assert rule("diffix:clear_only=true", BREAK_2018) == "diffix-unclear"


def test_figure_18_functions_that_group_rows_as_ranges() -> None:
    ranged = ask("diffix", "census", 1, "SELECT count(*) FROM census WHERE age BETWEEN 20 AND 30")
    nested = "SELECT count(*) FROM (SELECT uid, trunc(age, -1) AS tr_age FROM census) t WHERE tr_age = 20"
    again = ask("diffix", "census", 1, nested)
    assert isinstance(ranged, Answer)
    assert isinstance(again, Answer)
    assert ranged.rows == again.rows
