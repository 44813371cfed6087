# ruff: noqa: E501  (tables of SQL)
"""What nobody thought of is refused too: all functions, all kinds of nodes, all arguments of nodes, and any text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from harness.errors import QueryRefused
from harness.model import Kind
from harness.sql import Query, analyse, parse
from harness.sql.query import (
    And,
    Between,
    Call,
    Compare,
    Condition,
    Const,
    In,
    IsNull,
    Like,
    Not,
    Or,
    Ref,
    TableRef,
    walk,
)
from tests.conftest import SCHEMA

AGGREGATES = {"COUNT", "SUM", "AVG", "MIN", "MAX", "STDDEV", "STDEV", "MEDIAN"}
SCALARS = {
    *("ABS", "BUCKET", "CEIL", "CEILING", "DIV", "FLOOR", "MOD", "POW", "POWER", "ROUND", "SQRT", "TRUNC", "TRUNCATE"),
    *("BTRIM", "CONCAT", "HEX", "TO_HEX", "LEFT", "LEN", "LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "LOWER", "LCASE"),
    *("LTRIM", "RIGHT", "RTRIM", "SUBSTR", "SUBSTRING", "TRIM", "UPPER", "UCASE", "CAST", "TRY_CAST", "EXTRACT"),
    *("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "WEEKDAY", "DATE_TRUNC", "DATETRUNC"),
    *("DATE_TO_DATE_STR", "TIME_TO_TIME_STR", "TS_OR_DS_TO_DATE_STR"),  # sqlglot's own names of casts to text
}
TEMPLATES = [
    *("SELECT {} FROM staff", "SELECT dept, {} FROM staff GROUP BY ALL", "SELECT dept, {} AS x FROM staff GROUP BY dept"),
    *("SELECT count(*) FROM staff WHERE {} = 1", "SELECT count(*) FROM staff WHERE {}", "SELECT count({}) FROM staff"),
    *("SELECT count(*) FROM staff WHERE age IN ({})", "SELECT count(*) FROM staff WHERE dept LIKE {}", "SELECT min({}) FROM staff"),
    *("SELECT count(*) FROM staff GROUP BY {}", "SELECT count(*) FROM staff HAVING {} > 1", "SELECT count(*) FROM staff ORDER BY {}"),
    *("SELECT count(*) FROM {}", "SELECT count(*) FROM staff LIMIT {}", "SELECT count(*) FROM staff WHERE age BETWEEN 1 AND {}"),
]  # fmt: skip


def answered(sql: str) -> Query | None:
    """The query, or None where it is refused; whatever else is raised is a failure."""
    try:
        return analyse(parse(sql), SCHEMA)
    except QueryRefused:
        return None


@cache
def function_names() -> list[str]:
    """Every name that sqlglot or DuckDB takes for a function."""
    parser = DuckDB.parser_class
    names = {*parser.FUNCTIONS, *parser.FUNCTION_PARSERS, *parser.NO_PAREN_FUNCTION_PARSERS}
    names |= {token.name for token in parser.NO_PAREN_FUNCTIONS}
    with duckdb.connect(":memory:") as connection:
        names |= {
            name.upper() for (name,) in connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()
        }
    return sorted(name for name in names if name.replace("_", "").isalnum() and name not in AGGREGATES | SCALARS)


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_function_but_the_listed_is_answered(template: str):
    names = function_names()
    assert len(names) > 1_000
    for name in names:
        assert answered(template.format(f"{name}(age)")) is None, name


def test_a_function_is_refused_in_every_form_of_call():
    for name in function_names():
        for call in (
            f"{name}(DISTINCT age)",
            f"{name}(*)",
            f"{name}(age, 1)",
            f"{name}(age ORDER BY age)",
            f'"{name}"(age)',
        ):
            assert answered(f"SELECT {call} FROM staff") is None, call


def test_the_aggregates_are_answered_where_they_belong():
    for name in AGGREGATES:
        for call in (f"{name}(age)", f"{name.lower()}(DISTINCT age)", f"{name}((age))", f"({name}(staff.age))"):
            assert answered(f"SELECT {call} FROM staff") is not None, call
            assert answered(f"SELECT count(*) FROM staff HAVING {call} > 1 ORDER BY {call}") is not None, call
            assert answered(f"SELECT count(*) FROM staff WHERE {call} > 1") is None, call
            assert answered(f"SELECT sum({call}) FROM staff") is None, call
            assert answered(f"SELECT count(*) FROM staff GROUP BY {call}") is None, call


OPERATORS = {"+", "-", "*", "/", "^", "%"}
CASTS = {f"cast to {kind}" for kind in Kind}
AGE = exp.column("age")
FUNCTIONS = {
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Pow, exp.Neg),
    *(exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Trunc),
}
ITEMS = FUNCTIONS | {exp.Column, exp.Paren, exp.Count, exp.Sum, exp.Avg, exp.Stddev, exp.Median, exp.Min, exp.Max}
CONDITIONS = {
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Is, exp.Paren),
    *(exp.Like, exp.ILike, exp.Escape),
}  # fmt: skip
CONSTANTS = FUNCTIONS | {exp.Literal, exp.Boolean, exp.Neg, exp.Paren, exp.Cast, exp.TryCast, exp.JSONCast}


def node_classes() -> list[type[exp.Expr]]:
    found: set[type[exp.Expr]] = set()
    queue: list[type[exp.Expr]] = [exp.Expr]
    while queue:
        for cls in queue.pop().__subclasses__():
            if cls not in found:
                found.add(cls)
                queue.append(cls)
    return sorted((cls for cls in found if is_concrete(cls)), key=lambda cls: cls.__name__)


def is_concrete(cls: type[exp.Expr]) -> bool:
    """Some classes are traits, of which sqlglot's compiled form makes no instance."""
    try:
        cls()
    except TypeError:
        return False
    return True


def nodes(cls: type[exp.Expr]) -> Iterator[exp.Expr]:
    """Instances of a class: bare, about a column, about a star, and with all arguments set."""
    yield cls()
    for value in (AGE, exp.Star()):
        yield cls(**{name: value.copy() for name in cls.arg_types if name == "this"})
    yield cls(**{name: [AGE.copy()] if name.endswith("s") and name != "this" else AGE.copy() for name in cls.arg_types})


def tree(
    sql: str = "SELECT count(*) FROM staff WHERE age = 1 GROUP BY dept HAVING count(*) > 1 ORDER BY dept",
) -> exp.Expr:
    """A tree of one's own of the text, which is parsed once."""
    return parsed(sql).copy()


parsed = cache(parse)


def is_refused(select: exp.Expr) -> bool:
    """Whether the analysis ends in an error: a refusal, or over a tree that no parser makes any other."""
    try:
        analyse(select, SCHEMA)
    except Exception:
        return True
    return False


def test_every_class_of_node_that_is_not_listed_is_refused_wherever_it_stands():
    """The analysis by itself, without the checks of tokens before it."""
    classes = node_classes()
    assert len(classes) > 900
    for cls in classes:
        for node in nodes(cls):
            if cls not in ITEMS:
                select = tree("SELECT count(*) FROM staff")
                select.append("expressions", node.copy())
                assert is_refused(select), node
                select = tree("SELECT count(*) FROM staff ORDER BY 1")
                select.args["order"].append("expressions", exp.Ordered(this=node.copy()))
                assert cls is exp.Literal or is_refused(select), node
                select = tree("SELECT count(*) FROM staff GROUP BY dept")
                select.args["group"].append("expressions", node.copy())
                assert is_refused(select), node
                select = tree("SELECT count(*) FROM staff")
                select.expressions[0].set("this", node.copy())
                assert cls in (exp.Star, exp.Distinct) or is_refused(select), node
            if cls not in CONDITIONS:
                select = tree()
                select.args["where"].set("this", node.copy())
                assert is_refused(select), node
            if cls not in CONSTANTS | {exp.Column}:
                select = tree()
                select.args["where"].this.set("expression", node.copy())
                assert is_refused(select), node
            select = tree()
            select.args["from_"].set("this", node.copy())
            assert is_refused(select), node
        for clause in ("where", "having", "order", "limit", "offset", "group", "from_"):
            select = tree()
            select.set(clause, cls(this=AGE.copy(), expression=AGE.copy(), expressions=[AGE.copy()]))
            assert cls.__name__.lower() == clause.rstrip("_") or is_refused(select), (clause, cls)


ALLOWED_ARGUMENTS = {
    exp.Select: {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset"},
    exp.Join: {"this", "on"},
    exp.From: {"this"},
    exp.Table: {"this", "alias"},
    exp.TableAlias: {"this"},
    exp.Alias: {"this", "alias"},
    exp.Column: {"this", "table"},
    exp.Count: {"this", "big_int"},
    exp.Sum: {"this"},
    exp.Distinct: {"expressions"},
    exp.Star: set(),
    exp.Group: {"expressions"},
    exp.Order: {"expressions"},
    exp.Ordered: {"this", "desc", "nulls_first"},
    exp.Limit: {"expression"},
    exp.Offset: {"expression"},
    exp.EQ: {"this", "expression"},
    exp.GT: {"this", "expression"},
    exp.Between: {"this", "low", "high"},
    exp.In: {"this", "expressions"},
    exp.Like: {"this", "expression", "negate"},
    exp.Escape: {"this", "expression"},
    exp.Is: {"this", "expression"},
}
FULL = """
    SELECT s.dept AS d, count(*), sum(s.age) AS total, count(DISTINCT s.uid) FROM staff AS s JOIN staff AS t ON s.uid = t.uid
    WHERE s.age = 1 AND s.age BETWEEN 1 AND 2 AND s.age IN (1, 2) AND s.dept LIKE 'x' ESCAPE '!' AND s.dept IS NULL
    GROUP BY s.dept HAVING count(*) > 1 ORDER BY d DESC LIMIT 1 OFFSET 1
"""


@pytest.mark.parametrize("cls", ALLOWED_ARGUMENTS, ids=lambda cls: cls.__name__)
def test_every_other_argument_of_a_node_is_refused(cls: type[exp.Expr]):
    assert not is_refused(tree(FULL))
    assert tree(FULL).find(cls) is not None
    for name in set(cls.arg_types) - ALLOWED_ARGUMENTS[cls]:
        for value in (AGE.copy(), "x", True, 1, [AGE.copy()], exp.Null(), exp.Identifier(this="x")):
            select = tree(FULL)
            for found in list(select.find_all(cls))[:1]:
                found.set(name, value)
            assert is_refused(select), (cls, name, value)


def test_only_the_listed_arguments_are_used():
    """The list above is short of nothing: each of these arguments stands in some query that is answered."""
    for cls in ALLOWED_ARGUMENTS:
        used = {
            name for node in tree(FULL).find_all(cls) for name, value in node.args.items() if value not in (None, [])
        }
        assert used <= ALLOWED_ARGUMENTS[cls], cls


WORDS = """
SELECT|FROM|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT|OFFSET|AND|OR|NOT|IN|BETWEEN|LIKE|ILIKE|ESCAPE|IS|NULL|IS NOT NULL|ISNULL
AS|DISTINCT|ALL|ASC|DESC|NULLS FIRST|NULLS LAST|TRUE|FALSE|DATE|TIMESTAMP|CAST|count(*)|count|sum|avg|min|max|(|)|,|.|*|;
=|<>|<|<=|>|>=|::|-|+|'x'|'it''s'|'2020-01-01'|1|20|1.5|1e3|0|staff|age|dept|salary|uid|gender|"age"|x|"#row"|rowid|staff.age
JOIN|LEFT|RIGHT|INNER|CROSS|OUTER|ON|USING|NATURAL|FULL|UNION|WITH|CASE|WHEN|END|EXISTS|OVER|FILTER|$1|?|[|]|{|}|->|||/|%|!|~|@|#|$$|--|/*|*/|INTERVAL|VALUES|read_csv|\n|\\|'|"
""".strip().replace("\n", "|").split("|")  # fmt: skip
VALID = [
    "SELECT dept, count(*) FROM staff GROUP BY dept",
    "SELECT count(DISTINCT uid) AS n FROM staff WHERE age = 20 AND NOT dept IN ('CS', 'Law') OR salary BETWEEN 1 AND 2.5",
    "SELECT dept AS d, avg(age), max(salary) FROM staff s WHERE s.dept LIKE 'C!%' ESCAPE '!' GROUP BY ALL HAVING count(*) > 1",
    "SELECT s.dept, count(t.age) FROM staff s LEFT JOIN staff t ON s.uid = t.uid AND t.age = 20 GROUP BY s.dept",
    "SELECT count(*) FROM staff s JOIN staff USING (uid) CROSS JOIN staff AS x WHERE x.uid = s.uid AND x.age = s.age",
    "SELECT gender, min(age) FROM staff WHERE (age IS NOT NULL) GROUP BY 1 ORDER BY 2 DESC NULLS FIRST LIMIT 3 OFFSET 1",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid query with pieces cut out, put in, doubled or swapped."""
    pieces = draw(st.sampled_from(VALID)).replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split(" ")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(pieces) - 1))
        kind = draw(st.sampled_from(["cut", "put", "double", "swap", "text"]))
        if kind == "cut" and len(pieces) > 1:
            del pieces[at]
        elif kind == "double":
            pieces.insert(at, pieces[draw(st.integers(0, len(pieces) - 1))])
        elif kind == "swap":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        else:
            pieces.insert(at, draw(st.sampled_from(WORDS) if kind == "put" else st.text(max_size=5)))
    return draw(st.sampled_from([" ", " ", ""])).join(pieces)


TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), mutated(), mutated())


def check_text(text: str) -> None:
    """Refused, or a query of nothing but the columns of the table."""
    query = answered(text)
    if query is None:
        return
    columns = {Ref(column.name, column.kind) for column in SCHEMA.columns}
    assert query.table == "staff"
    assert query.outputs
    for term in (*query.keys, *(aggregate.on for aggregate in query.aggregates if aggregate.on is not None)):
        check_term(term, columns)
    slots = len(query.keys) + len(query.aggregates)
    assert all(0 <= output.slot < slots for output in query.outputs)
    assert all(0 <= order.slot < slots for order in query.order)
    added = () if query.joins is None else query.joins.outer
    for condition in (*([query.where] if query.where else []), *(one for outer in added for one in outer.on)):
        for part in walk(condition):
            check_condition(part, columns)


def check_term(term: object, columns: set[Ref]) -> None:
    """A column, a constant, or one of so many functions over such."""
    if isinstance(term, Call):
        assert term.function.upper() in SCALARS or term.function in OPERATORS or term.function in CASTS
        for arg in term.args:
            check_term(arg, columns)
    else:
        if isinstance(term, TableRef):
            assert not term.table
            assert term.name in {f"staff {number}.{term.column}" for number in range(2, 5)} | {f"staff.{term.column}"}
            term = Ref(term.column, term.kind)
        assert term in columns or isinstance(term, Const)


def check_condition(part: Condition, columns: set[Ref]) -> None:
    if isinstance(part, And | Or | Not):
        return
    assert isinstance(part, Compare | Between | In | Like | IsNull)
    check_term(part.on, columns)
    if isinstance(part, Compare) and not isinstance(part.value, bool | int | float | str):
        check_term(part.value, columns)
    if isinstance(part, Like):
        assert part.on.kind is Kind.TEXT


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(TEXTS)
@example("-> a")
@example("SELECT count(*) FROM staff WHERE -> age")
@example("SELECT count(*) FROM staff WHERE age = ²")
def test_any_text_is_a_query_or_refused(text: str):
    check_text(text)


@pytest.mark.fuzz
def test_very_many_texts_are_queries_or_refused():
    settings(max_examples=100_000, deadline=None, database=None)(given(TEXTS)(check_text))()
