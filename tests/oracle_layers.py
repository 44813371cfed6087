"""The slow oracle's noise layers: what each condition and each key is seeded by (§5.1, §6.3 to §6.16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from harness.seeds import seed64
from tests.oracle_clear import is_range_function, piece, range_of, text_of, wildcards
from tests.oracle_queries import Condition, Database, Key, Question, Row
from tests.oracle_terms import MEANINGS, App, Col, Term, columns

Layers = set[tuple[str, int]]  # ("static" or "dynamic", word)
BOTH = ("static", "dynamic")


def layers_of(database: Database, question: Question, key: Key, rows: list[Row]) -> Layers:
    """A set: layers that are equal are one layer."""
    found = _Found(database, rows)
    for condition in question.conditions:
        found.of_condition(condition)
    for column, value in zip(question.keys, key, strict=True):
        found.of_key(column, value)
    if not found.layers:
        found.add(("dynamic",), "none", None)
    return found.layers


class _Found:
    """The layers of one bucket, as they are found."""

    def __init__(self, database: Database, rows: list[Row]) -> None:
        self.database, self.rows = database, rows
        self.layers: Layers = set()

    def add(self, sorts: tuple[str, ...], operator: str, column: str | None, *values: Any) -> None:
        word = seed64("layer", self.database.table, column, operator, values, key=self.database.salt)
        self.layers.update((sort, word) for sort in sorts)

    def of_condition(self, condition: Condition) -> None:
        column, op = condition.column, condition.op
        if op in ("range", "not range") and is_one_value(self.database.kinds[column], *condition.values):
            self.of_one_value(column, condition.values[0], op == "not range")
        elif op in ("range", "not range"):
            self.add(BOTH, "range", column, *map(bound_field, condition.values), *[":<>"] * (op == "not range"))
        elif condition.terms and op == "same":
            self.floated(condition.on(self.database))
            [other] = condition.values
            self.floated(other if isinstance(other, App) else Col(other, self.database.kinds[other]))
        elif op in ("same", "differ"):
            names = sorted((column, *condition.values))
            self.add(BOTH, "= column" if op == "same" else "<> column", None, *names)
        elif op in ("null", "not-null"):
            self.add(BOTH, op, column)
        elif op.endswith("like"):
            self.of_like(condition)
        elif op in ("<>", "not in"):
            self.of_negative(condition, condition.values)
        elif len(set(condition.values)) == 1:
            self.of_equality(condition)
        else:
            self.of_in(condition)

    def of_equality(self, condition: Condition) -> None:
        found = piece(condition.on(self.database))
        if found is None or found[2]:
            self.floated(condition.on(self.database))
        else:
            same = field(condition.values[0], condition.kind(self.database))
            self.add(BOTH, "=", condition.column, same, same, 1)
        self.of_functions(condition)

    def of_in(self, condition: Condition) -> None:
        column, kind = condition.column, condition.kind(self.database)
        floated = sorted({row[column] for row in self.rows})
        self.add(("static",), "in", column, *(field(value, self.database.kinds[column]) for value in floated))
        for value in condition.values:
            self.add(("dynamic",), "in-element", column, field(value, kind))
        self.of_functions(condition)

    def of_negative(self, condition: Condition, values: Iterable[Any], *, cased: bool = False) -> None:
        found = piece(condition.on(self.database))
        assert found is not None, "negative conditions are clear"
        for value in values:
            self.add(BOTH, "<>", condition.column, field(value, condition.kind(self.database)))
            if found[2] or cased:
                self.add(("static",), "<>", condition.column, MEANINGS["lower"](value), ":<>", ":lower")
        self.of_functions(condition)

    def of_like(self, condition: Condition) -> None:
        """Without a wildcard it is an equality, of the text in any case for ILIKE."""
        [pattern], negative = condition.values, condition.op.startswith("not")
        marks = wildcards(pattern)
        for number, position, symbol in marks:
            self.add(BOTH, "like", condition.column, number, position, symbol, *[":not"] * negative)
        if marks:
            self.of_functions(condition)
        elif negative:
            self.of_negative(condition, [text_of(pattern)], cased=condition.op == "not ilike")
        elif condition.op == "ilike":
            self.floated(condition.on(self.database))
            self.of_functions(condition)
        else:
            self.of_equality(replace(condition, values=(text_of(pattern),)))

    def of_functions(self, condition: Condition) -> None:
        """A dynamic layer for each function that removes characters (§6.13)."""
        found = piece(condition.on(self.database))
        negative = condition.op == "<>" or condition.op.startswith("not")
        for function in found[1] if found else ():
            self.add(("dynamic",), "function", condition.column, *function, *[":<>"] * negative)

    def floated(self, term: Term) -> None:
        """Each column's smallest and largest value and their number, of the rows that there are (§6.4, §6.5)."""
        for column in columns(term):
            values = {row[column.name] for row in self.rows} - {None}
            if values:
                ends = [field(end, column.kind) for end in (min(values), max(values))]
                self.add(BOTH, "=", column.name, *ends, len(values))
            else:
                self.add(BOTH, "null", column.name)

    def of_key(self, key: str | App, value: Any) -> None:
        """A selected column or expression is a positive condition (§6.3, §6.15, §6.16)."""
        if isinstance(key, str):
            self.of_value(key, value, self.database.kinds[key])
            return
        found, [first, *_] = piece(key), columns(key)
        if is_range_function(key):
            if value is None:
                self.add(BOTH, "null", first.name)
            elif (interval := range_of(key, value)) is not None:
                if is_one_value(first.kind, *interval[0]):
                    self.of_one_value(first.name, interval[0][0], False)
                else:
                    self.add(BOTH, "range", first.name, *map(bound_field, interval[0]))
        elif found is not None and not found[2]:
            self.of_value(first.name, value, key.kind)
        else:
            self.floated(key)
        for function in found[1] if found else ():
            self.add(("dynamic",), "function", first.name, *function)

    def of_one_value(self, column: str, value: Any, negative: bool) -> None:
        same = bound_field(value)
        self.add(BOTH, "<>", column, same) if negative else self.add(BOTH, "=", column, same, same, 1)

    def of_value(self, column: str, value: Any, kind: str) -> None:
        if value is None:
            self.add(BOTH, "null", column)
        else:
            same = field(value, kind)
            self.add(BOTH, "=", column, same, same, 1)


def is_one_value(kind: str, low: Any, high: Any) -> bool:
    """A range of one whole number or one day is an equality: semantically equal conditions have equal seeds (§6.2)."""
    if kind == "integer":
        return type(low) is type(high) is int and high - low == 1
    return kind == "date" and high - low == timedelta(days=1)


def field(value: Any, kind: str) -> Any:
    match kind:
        case _ if value is None:
            return None
        case "boolean":
            return bool(value)
        case "integer":
            return ("integer", int(value))
        case "real":
            return ("number", float(value) + 0.0)
        case "date" | "datetime":
            return (kind, value.isoformat())
    return ("text", value)


def bound_field(bound: Any) -> Any:
    kinds = {int: "integer", float: "real", date: "date", datetime: "datetime"}
    return field(bound, kinds[type(bound)])
