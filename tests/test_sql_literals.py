"""Constants: however one is written, it is one value of the column's kind, or it is refused from the query alone."""

from __future__ import annotations

import math
from datetime import date, datetime

import duckdb
import pytest

from harness.errors import QueryRefused
from harness.model import Column, Kind, Schema
from harness.sql import analyse, parse
from harness.sql.expressions import condition_tree
from harness.sql.query import And, Between, Compare, Condition, In, Like, Not, Ref

SCHEMA = Schema(
    table="t",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("age", Kind.INTEGER),
        Column("pay", Kind.REAL),
        Column("name", Kind.TEXT),
        Column("active", Kind.BOOLEAN),
        Column("hired", Kind.DATE),
        Column("seen", Kind.DATETIME),
    ),
    uid="uid",
)
AGE, PAY, NAME = Ref("age", Kind.INTEGER), Ref("pay", Kind.REAL), Ref("name", Kind.TEXT)
ACTIVE, HIRED, SEEN = Ref("active", Kind.BOOLEAN), Ref("hired", Kind.DATE), Ref("seen", Kind.DATETIME)


def where(condition: str) -> Condition:
    found = analyse(parse(f"SELECT count(*) FROM t WHERE {condition}"), SCHEMA).where
    assert found is not None
    return found


def value(condition: str) -> object:
    found = where(condition)
    assert isinstance(found, Compare)
    return found.value


def refused(condition: str) -> str:
    with pytest.raises(QueryRefused) as caught:
        where(condition)
    return caught.value.rule


@pytest.mark.parametrize(
    "spelling",
    [
        *("age = 20", "20 = age", "AGE=20", "(age) = (20)", "((20)) = t.age", "age == 20", 't."age" = 20'),
        *("age = 20.0", "age = 20.", "age = 2e1", "age = 2E+1", "age = 200e-1", "age = 0020", "age = +20"),
        *("age = '20'", "age = ' 20 '", "age = '20.0'", "age = '2e1'", "age = '+20'", "age = '020'"),
        *("age IN (20)", "age IN ('20', 20.0, 20)", "NOT age <> 20", "NOT (age <> 20)", "NOT age != '20'"),
        *("NOT NOT age = 20", "NOT age NOT IN (20)", "NOT (20 <> age)", "(((age = 20)))"),
    ],
)
def test_one_condition_has_one_form(spelling: str):
    first = analyse(parse("SELECT count(*) FROM t WHERE age = 20"), SCHEMA)
    same = analyse(parse(f"SELECT count(*) FROM t WHERE {spelling}"), SCHEMA)
    assert same == first
    assert hash(same) == hash(first)
    assert same.where == Compare(AGE, "=", 20)
    assert type(value(spelling)) is int


@pytest.mark.parametrize("spelling", ["age <> 20", "20 != age", "age NOT IN (20)", "NOT age = 20", "NOT age IN ('20')"])
def test_one_negation_has_one_form(spelling: str):
    assert where(spelling) == Compare(AGE, "<>", 20)


@pytest.mark.parametrize(
    ("flipped", "straight"), [("1 < age", ">"), ("1 <= age", ">="), ("1 > age", "<"), ("1 >= age", "<=")]
)
def test_a_constant_on_the_left_turns_the_operator(flipped: str, straight: str):
    assert where(flipped) == Compare(AGE, straight, 1)


def test_two_columns_keep_their_sides():
    assert where("age < uid") == Compare(AGE, "<", Ref("uid", Kind.INTEGER))
    assert where("pay < age") == Compare(PAY, "<", AGE)


def test_lists_keep_the_first_of_equal_values_in_order():
    assert where("age IN (3, 1.0, '3', 2, 1)") == In(AGE, (3, 1, 2))
    assert where("age NOT IN (1, 2)") == where("NOT age IN (1, 2)") == In(AGE, (1, 2), negated=True)
    assert where("pay IN (-0.0, 0)") == Compare(PAY, "=", 0.0)
    assert where("name IN ('a', 'A', 'a ')") == In(NAME, ("a", "A", "a "))


@pytest.mark.parametrize("spelling", ["-0.0", "-0", "0", "'-0.0'", "-0e5", "0.0"])
def test_negative_zero_is_zero(spelling: str):
    for column in ("pay", "age"):
        zero = value(f"{column} = {spelling}")
        assert zero == 0
        assert math.copysign(1, zero) == 1
        assert type(zero) is (float if column == "pay" else int)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807.0", 2**63 - 1),
        ("9007199254740993", 2**53 + 1),
        ("9007199254740993.0", 2**53 + 1),
        ("'9007199254740993.000'", 2**53 + 1),
        ("9.007199254740993e15", 2**53 + 1),
        ("1e18", 10**18),
        ("20.5", 20.5),
        ("'-20.5'", -20.5),
    ],
)
def test_numbers_beside_whole_columns_are_exact(text: str, number: float):
    found = value(f"age = {text}")
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1.0), ("0.1", 0.1), ("'0.1'", 0.1), ("1e308", 1e308), ("-1e-308", -1e-308), ("'9007199254740993'", 2.0**53)],
)
def test_numbers_beside_real_columns_are_doubles(text: str, number: float):
    found = value(f"pay = {text}")
    assert found == number
    assert type(found) is float


@pytest.mark.parametrize(
    "condition",
    [
        *("age = 9223372036854775808", "age = -9223372036854775809", "age = 1e19", "age = 1e999", "pay = 1e309"),
        *("age = 99999999999999999999999999.5", f"age = {'9' * 5000}", f"pay = {'9' * 5000}", f"age = 1e{'9' * 400}"),
        *("age = 'twenty'", "age = ''", "age = '20 years'", "age = '1_000'", "age = 'nan'", "age = 'inf'"),
        *("pay = 'nan'", "pay = 'inf'", "pay = '-Infinity'", "pay = '0x10'", "pay = TRUE", "age = FALSE"),
        *("active = 1", "active = 'yes'", "active = 't'", "active = ''"),
        *("hired = '2020-02-30'", "hired = 'yesterday'", "hired = TRUE", "hired = '2020-01-01T10:00:00+00:00'"),
        *(
            "seen = '2020-13-01'",
            "seen = 20.5",
            "seen = '2020-01-01 25:00'",
            "hired = 'infinity'",
            "hired = '10000-01-01'",
        ),
        *("age = DATE '2020-01-01'", "active = DATE '2020-01-01'", "age BETWEEN 1 AND 'x'", "age IN (1, 'x')"),
        *("age = name", "hired = seen", "active = age", "name LIKE age", "age LIKE '2%'", "hired LIKE '2020%'"),
    ],
)
def test_a_constant_that_is_no_value_of_the_kind_is_refused(condition: str):
    assert refused(condition) == ("not-a-constant" if condition == "name LIKE age" else "type-mismatch")


@pytest.mark.parametrize(
    "condition",
    [
        "age = NULL",
        "age <> NULL",
        "NULL = age",
        "age IN (1, NULL)",
        "age BETWEEN NULL AND 3",
        "name LIKE NULL",
        "NOT age = NULL",
    ],
)
def test_nothing_is_compared_with_null(condition: str):
    assert refused(condition) == "null-comparison"


COMPUTED = ("1 + 1", "abs(1)", "-(1)", "- -1", "CAST('1' AS BIGINT)", "'1'::INT", "CAST(name AS DATE)")


@pytest.mark.parametrize(
    "constant",
    [
        *COMPUTED,
        "DATE '2020-01-01' + 1",
        *("now()", "(SELECT 1)", "[1]", "{'a': 1}", "CASE WHEN active THEN 1 END", "'1' || '2'", "E'1'", "$1", "?"),
        *("TIMESTAMP(3) '2020-01-01'", "INTERVAL '1 day'", "CAST(2020 AS DATE)", "1 IS NULL"),
    ],
)
@pytest.mark.parametrize("column", ["age", "name", "hired"])
def test_only_plain_constants_stand_beside_a_column(column: str, constant: str):
    compared = (f"{column} = {constant}", f"{constant} <> {column}")
    for condition in (f"{column} IN ({constant}, {constant})", *(() if constant in COMPUTED else compared)):
        assert refused(condition) in (
            *("not-a-constant", "not-supported", "condition", "syntax", "sub-query", "type-mismatch", "in-list"),
        )


def test_truth_values():
    assert where("active") == where("active = true") == where("active = 'TRUE'") == Compare(ACTIVE, "=", True)
    assert where("NOT active") == where("NOT active = TRUE") == where("true <> active") == Compare(ACTIVE, "<>", True)
    assert value("active = ' false '") is False
    assert value("name = TRUE") == "true"


def test_texts_are_taken_as_they_are():
    for text in (
        "",
        "it''s",
        '"',
        "a\\b",
        "a\nb\tc",
        "日本",
        "\u200b",
        "-- x",
        "/* x */",
        "; DROP TABLE t",
        "\ufeff",
        "NULL",
    ):
        assert value(f"name = '{text}'") == text.replace("''", "'")
    assert value("name = 20.0") == "20.0"
    assert value("name = -5") == "-5"
    assert value("name = '🏳️‍🌈'") == "🏳️‍🌈"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("DATE '2020-01-01'", date(2020, 1, 1)),
        ("'2020-01-01'", date(2020, 1, 1)),
        ("'2020-01-01'::DATE", date(2020, 1, 1)),
        ("CAST('2020-01-01' AS date)", date(2020, 1, 1)),
        ("TIMESTAMP '2020-01-01 00:00:00'", date(2020, 1, 1)),
        ("TIMESTAMP '2020-01-01 12:30:00'", datetime(2020, 1, 1, 12, 30)),
        ("DATE '0001-01-01'", date(1, 1, 1)),
        ("DATE '9999-12-31'", date(9999, 12, 31)),
    ],
)
def test_dates(text: str, moment: object):
    found = value(f"hired = {text}")
    assert found == moment
    assert type(found) is type(moment)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("TIMESTAMP '2020-01-01 10:00:00'", datetime(2020, 1, 1, 10)),
        ("'2020-01-01T10:00'", datetime(2020, 1, 1, 10)),
        ("'2020-01-01 10:00:00.000001'::TIMESTAMP", datetime(2020, 1, 1, 10, 0, 0, 1)),
        ("CAST('2020-01-01' AS DATETIME)", datetime(2020, 1, 1)),
        ("DATE '2020-01-01'", datetime(2020, 1, 1)),
        ("'2020-01-01'", datetime(2020, 1, 1)),
    ],
)
def test_times(text: str, moment: object):
    found = value(f"seen = {text}")
    assert found == moment
    assert type(found) is datetime


def test_the_other_conditions_hold_values_too():
    assert where("age BETWEEN '1' AND 2.0") == Between(AGE, 1, 2)
    assert where("age NOT BETWEEN 1 AND 2") == Not(Between(AGE, 1, 2))
    assert where("hired BETWEEN '2020-01-01' AND '2020-01-02'") == Between(HIRED, date(2020, 1, 1), date(2020, 1, 2))
    assert where("seen IN ('2020-01-01')") == Compare(SEEN, "=", datetime(2020, 1, 1))
    assert where("name NOT ILIKE 'A!%' ESCAPE '!'") == Not(Like(NAME, "A!%", ignore_case=True, escape="!"))
    assert where("name LIKE 5") == Like(NAME, "5")


def test_joined_conditions_are_flat():
    one, two, three = Compare(AGE, "=", 1), Compare(PAY, "=", 2.0), Compare(NAME, "=", "3")
    assert where("age = 1 AND (pay = 2 AND name = 3)") == where("(age = 1 AND pay = 2) AND name = '3'")
    assert where("age = 1 AND pay = 2 AND name = 3") == And((one, two, three))
    assert analyse(parse("SELECT count(*) FROM t WHERE age = 1 AND pay = 2"), SCHEMA).conjuncts == (one, two)


@pytest.mark.parametrize(
    "condition",
    [
        *(
            "name LIKE 'a' ESCAPE ''",
            "name LIKE 'a' ESCAPE '!!'",
            "name LIKE 'a' ESCAPE 'é'",
            "name LIKE 'a!' ESCAPE '!'",
        ),
        *("name LIKE '!!!' ESCAPE '!'", "name ILIKE 'ab' ESCAPE 'x'", "name NOT LIKE 'a\\' ESCAPE '\\'"),
    ],
)
def test_a_pattern_on_which_duckdb_would_fail_for_some_rows_is_refused(condition: str):
    assert refused(condition) == "like-pattern"


@pytest.mark.parametrize(("op", "bound", "count"), [("<", 2**63 + 50, 2), (">=", 2**63, 0), (">", -(2**63) - 1, 2)])
def test_a_bound_that_follows_from_a_condition_can_be_beyond_the_values(op: str, bound: int, count: int):
    """As that of round(x, -2) = 9223372036854775800 is."""
    table = duckdb.connect().sql(f"SELECT unnest([{2**63 - 1}, -({2**63 - 1}) - 1]::BIGINT[]) AS x")
    where = condition_tree(Compare(Ref("x", Kind.INTEGER), op, bound))
    assert len(table.filter(where.sql("duckdb")).fetchall()) == count
