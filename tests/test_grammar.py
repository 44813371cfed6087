"""The generated statements of the oracle's tests: every production of Appendix A, every function of Appendix B."""

from __future__ import annotations

import random
import re

import pytest

from tests.grammar import statement
from tests.grammar_terms import CASTS
from tests.oracle_tables import database
from tests.oracle_terms import App, Term

STATEMENTS = 2_400
SYNTAX = {
    "SELECT DISTINCT": r"^SELECT DISTINCT ",
    "*": r"SELECT \*",
    "table.*": r"SELECT \S+\.\*",
    "AS alias": r" AS n\d",
    "table AS alias": r"FROM \S+ AS x",
    "sub-query": r"FROM \(SELECT ",
    "sub-query three deep": r"FROM \(SELECT .* FROM \(SELECT .* FROM \(SELECT ",
    "sub-query with GROUP BY and HAVING": r"GROUP BY uid, k0 HAVING",
    "sub-query per user": r"GROUP BY \S*uid\S*\) AS g",
    "sub-query per user with HAVING": r"GROUP BY \S*uid\S* HAVING [^)]*(max|min|u\d).* AS g",
    "several tables": r"FROM users, users AS o",
    **{f"{join} JOIN": rf"users {join} JOIN users" for join in ("CROSS", "INNER", "LEFT OUTER", "RIGHT")},
    "JOIN": r"users JOIN users AS o ON",
    "WHERE … AND": r"WHERE .* AND ",
    "GROUP BY names": r"GROUP BY [^ ]*\"",
    "GROUP BY positions": r"GROUP BY \d",
    "GROUP BY expressions": r"GROUP BY \w+\(",
    "HAVING": r" HAVING count|HAVING n\d|HAVING sum",
    "ORDER BY names": r"ORDER BY [^\d]",
    "ORDER BY positions": r"ORDER BY \d",
    "ASC": r" ASC",
    "DESC": r" DESC",
    "LIMIT": r" LIMIT \d",
    "OFFSET": r" OFFSET \d",
    **{f"inequality {op}": rf"\"? {op} [\d'(]" for op in ("<", "<=", ">", ">=")},
    **{f"equality {op}": rf"\"? {op} [\d'(]" for op in ("=", "<>")},
    "a column compared": r"\" (=|<>) \S*\"",
    "an expression compared with another": r"\) (=|<>) \w+\(",
    "IS NULL": r" IS NULL",
    "IS NOT NULL": r" IS NOT NULL",
    **{form: f"[^T] {form} " for form in ("BETWEEN", "IN", "LIKE", "ILIKE")},
    **{f"NOT {form}": f" NOT {form} " for form in ("BETWEEN", "IN", "LIKE", "ILIKE")},
    "ESCAPE": r" ESCAPE '!'",
    "OR": r" OR ",
    "NOT over AND": r"NOT \(.* AND ",
    **{f"aggregate {name}": rf"\b{name}\([^D]" for name in ("count", "sum", "avg", "min", "max", "stddev", "median")},
    **{f"{name} of DISTINCT": rf"\b{name}\(DISTINCT " for name in ("count", "sum", "avg")},
    **{name: rf"\b{name}\(" for name in ("count_noise", "sum_noise", "avg_noise", "stddev_noise")},
    **{
        f"cast to {kind}": rf"(?i)(AS |::){kind}" for kind in ("integer", "real", "text", "boolean", "datetime", "date")
    },
    **{f"cast to {kind}": rf"(?i)(AS |::){kind}" for kind in ("time", "interval")},
}
FUNCTIONS = (
    *("btrim", "concat", "hex", "left", "length", "lower", "lcase", "ltrim", "right", "rtrim", "substring", "trim"),
    *("upper", "ucase", "year", "quarter", "month", "day", "hour", "minute", "second", "weekday", "extract"),
    *("date_trunc", "abs", "bucket", "ceil", "div", "floor", "mod", "pow", "round", "sqrt", "trunc"),
)
UNITS = ("year", "quarter", "month", "day", "hour", "minute", "second")
OPERATORS = ("+", "-", "*", "/", "^", "%")


@pytest.fixture(scope="module")
def generated() -> list[tuple[str, list[Term]]]:
    """Statements, and the expressions in each."""
    found = []
    for seed in range(STATEMENTS // 6):
        chance = random.Random(seed)
        table = database(chance, seed % 2 == 0)
        for made in (statement(chance, table) for _ in range(6)):
            terms = [*made.question.keys, *(term for c in made.question.conditions for term in c.terms)]
            found.append((made.sql, [inside for term in terms for inside in parts(term)]))
    return found


def parts(term: object) -> list[Term]:
    return [term, *(inside for arg in term.args for inside in parts(arg))] if isinstance(term, App) else []


def test_every_production_comes_up(generated: list[tuple[str, list[Term]]]) -> None:
    texts = [sql for sql, _ in generated]
    wanted = SYNTAX | {name: rf"(?i)\b{name}\(" for name in FUNCTIONS} | {op: f" {re.escape(op)} " for op in OPERATORS}
    wanted |= {f"extract {unit}": f"extract\\({unit} " for unit in UNITS}
    wanted |= {f"date_trunc {unit}": f"date_trunc\\('{unit}'" for unit in UNITS}
    missing = [form for form, pattern in wanted.items() if not any(re.search(pattern, text) for text in texts)]
    assert missing == []


def test_every_cast_comes_up(generated: list[tuple[str, list[Term]]]) -> None:
    """Appendix B.5, those to the own kind aside: they vanish when the query is read."""
    casts = {(t.args[0].kind, t.kind) for _, terms in generated for t in terms if t.name.startswith("cast to ")}
    assert casts >= {(of, into) for into, kinds in CASTS.items() for of in kinds if of != into}


def test_the_generator_is_its_seed_alone() -> None:
    one, other = (
        [statement(chance, database(chance, False)).sql for _ in range(20)] for chance in map(random.Random, (3, 3))
    )
    assert one == other
