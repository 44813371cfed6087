"""What generated statements have that is not answered, and the rules that this breaks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.grammar_conditions import RANGES, Names, bounds, spelled
from tests.grammar_terms import DAY, MOMENT, REAL, TEXT, TRUTH, WHOLE
from tests.oracle_queries import Aggregate, Condition, Database, Question
from tests.oracle_tables import ORDERED
from tests.oracle_terms import Col

Text = Callable[[Names], str]

# Conditions, with the names of columns in braces, and their rules.
CONDITIONS: Sequence[tuple[str, str]] = (
    ("{users} = 1 OR {users} = 2", "diffix-or"),
    ("({k0} = 'x' OR {h})", "diffix-or"),
    ("{users} = 1 AND ({k0} = 'x' OR {k0} = 'y')", "diffix-or"),
    ("NOT ({users} = 1 AND {k0} = 'x')", "diffix-condition"),
    ("{users} < {real}", "diffix-inequality"),
    ("{users} > 5", "diffix-inequality"),
    ("{users} = NULL", "null-comparison"),
    ("{users} = 'abc'", "type-mismatch"),
    ("{users} LIKE '1%'", "type-mismatch"),
    ("{users} = {k0}", "type-mismatch"),
    ("sqrt({k0}) = 1", "type-mismatch"),
    ("{date}::integer = 3", "type-mismatch"),
    ("cast({h} AS date) = '2020-01-01'", "type-mismatch"),
    ("hour({date}) = 3", "type-mismatch"),
    ("{k0} LIKE 'a!' ESCAPE '!'", "like-pattern"),
    ("count(*) > 3", "aggregate-in-where"),
    ("cast({u} AS time) = '10:00'", "cast"),
    ("{k0}::interval = '1 day'", "cast"),
    ("nothing = 1", "unknown-column"),
    ("bucket({users}) = 1", "function-arguments"),
    ("bucket({real}, {users}) = 1", "function-arguments"),
    ("extract(week FROM {date}) = 1", "function-arguments"),
    ("median({users}) = 1", "aggregate-in-where"),
    ("1 = 2", "condition"),
    ("floor({real}) + ceil({real}) + floor({real} / 3) = 1", "diffix-math"),
    ("{users} + 1 BETWEEN 2 AND 3", "diffix-unclear"),
    ("sqrt({users}) <> 2", "diffix-unclear"),
    ("{users} * 2 IN (2, 4)", "diffix-unclear"),
    ("{users} + 1 IS NULL", "diffix-unclear"),
    ("concat({k0}, 'a') LIKE '%a'", "diffix-unclear"),
)
ITEMS: Sequence[tuple[str, str]] = (
    ("sum({k0})", "aggregate-type"),
    ("max({h})", "aggregate-type"),
    ("avg({date})", "aggregate-type"),
    ("sum({users} + 1)", "diffix-expression"),
    ("count(sqrt({users}))", "diffix-expression"),
    ("max(0 - {real})", "diffix-expression"),
    ("stddev(DISTINCT {users})", "diffix-aggregate"),
    ("median(DISTINCT {real})", "diffix-aggregate"),
    ("variance({users})", "not-supported"),
    ("length(hex({k0})) + 17", "not-grouped"),  # only beside an aggregate
)
LAST: Sequence[tuple[str, str]] = (
    (" ORDER BY 99", "position"),
    (" LIMIT 1.5", "limit-number"),
    (" ORDER BY 1 LIMIT x", "limit-number"),
)
JOINS = ("", "INNER ", "RIGHT ", "LEFT OUTER ")
# {table} is the table. Joins that are answered: tests/test_diffix_joins.py.
SOURCES: Sequence[tuple[str, str]] = (
    *((f"{{table}} {kind}JOIN {{table}} AS o ON {{table}}.uid <> o.uid", "join-uid") for kind in JOINS),
    ("{table} CROSS JOIN {table} AS o", "join-uid"),
    ("{table}, {table} AS o", "join-uid"),
    ("(SELECT uid, k0 FROM {table} GROUP BY uid, k0 HAVING max(users) = 3) AS x", "not-grouped"),
    ("(SELECT uid, max(users) AS m FROM {table} HAVING max(users) = 3) AS x", "sub-query-uid"),
    ("(SELECT DISTINCT uid FROM {table}) AS x", "sub-query"),
    ("(SELECT uid FROM {table} ORDER BY uid LIMIT 3) AS x", "sub-query"),
    ("(SELECT users FROM {table}) AS x", "sub-query-uid"),
    ("nobody", "other-table"),
)
OF_QUESTIONS = ("lone inequality", "open range", "empty range", "second range", "range of texts", "beyond", "distinct")


@dataclass(frozen=True)
class Spoiling:
    """A question and what is added to its statement: conditions, items of SELECT, another source, a last clause."""

    question: Question
    broken: frozenset[str] = frozenset()
    conditions: tuple[Text, ...] = ()
    item: Text | None = None
    source: str = ""
    last: str = ""

    def items(self, names: Names) -> list[str]:
        return [] if self.item is None else [self.item(names)]


def spoiled(chance: random.Random, table: Database, asked: Question, shape: str) -> Spoiling:
    """The question with one thing more that is not answered, most often."""

    def filled(text: str) -> Text:
        columns = {"users": WHOLE, "real": REAL, "k0": TEXT, "h": TRUTH, "date": DAY, "u": MOMENT}
        cols = {short: Col(name, table.kinds[name]) for short, name in columns.items()}
        return lambda names: text.format(**{short: names[col] for short, col in cols.items()})

    match chance.choice(["condition"] * 6 + ["item"] * 2 + ["last"] + ["source"] * 2 + ["question"] * 4):
        case "condition":
            text, rule = chance.choice(CONDITIONS)
            return Spoiling(asked, frozenset({rule}), conditions=(filled(text),))
        case "item":
            text, rule = chance.choice(ITEMS if shape == "groups" else ITEMS[:-1])
            others = set() if shape == "groups" else {"not-grouped", "not-supported"}
            return Spoiling(asked, frozenset({rule, *others}), item=filled(text))
        case "last":
            text, rule = chance.choice(LAST)
            return Spoiling(asked, frozenset({rule, "syntax"}), last=text)
        case "source":
            text, rule = chance.choice(SOURCES)
            names = {"unknown-column", "other-table", "syntax", "ambiguous-name"}
            return Spoiling(asked, frozenset({rule, *names}), source=text.format(table=table.table))
    what = chance.choice(OF_QUESTIONS if shape == "groups" else OF_QUESTIONS[:-1])
    return Spoiling(with_more(chance, table, asked, what))


def with_more(chance: random.Random, table: Database, asked: Question, what: str) -> Question:
    column = chance.choice(ORDERED)
    low, high = bounds(chance, table, column)
    more: tuple[Condition, ...]
    match what:
        case "distinct":
            on = chance.choice([("stddev", "users"), ("median", "users"), ("median", "date")])
            return replace(asked, aggregates=(*asked.aggregates[:3], Aggregate(*on, distinct=True)))
        case "lone inequality":
            more = (Condition(column, chance.choice(["<", "<=", ">", ">="]), (low,)),)
        case "open range":
            more = (Condition(column, ">", (low,)), Condition(column, chance.choice(["<", "<="]), (high,)))
        case "empty range":
            more = spelled(chance.choice(RANGES), column, chance.choice([(low, low), (high, low)]))
        case "second range":
            ranges = [(low, high), bounds(chance, table, column)]
            more = tuple(part for ends in ranges for part in spelled("between", column, ends))
        case "range of texts":
            more = (Condition("k0", "between", ("a", "b")),)
        case _:
            ends: Any = chance.choice([(0, 2**63 - 1), (-(2**63), 1), (2**62, 2**63 - 1)])
            more = spelled(chance.choice(RANGES), "users", ends)
    place = chance.randint(0, len(asked.conditions))
    return replace(asked, conditions=asked.conditions[:place] + more + asked.conditions[place:])
