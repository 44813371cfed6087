"""Reading what was published: a domain (TOML), statistics (CSV) and, for comparison, true records (CSV).

Conditions are SQL as in a query's WHERE, over the attributes and the measure. They are evaluated on the kinds of
persons that the domain has, so nothing beyond comparisons of a column is needed, and nothing else is taken.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attacks.fitting import Domain, Published, Rounding, Statistic
from harness.errors import DatasetError, QueryRefused
from harness.model import Array, Column, Kind, Schema
from harness.sql import analyse, parse
from harness.sql.query import And, Between, Compare, Condition, In, IsNull, Like, Not, Or, Ref, walk

LARGEST = 50_000  # kinds of persons
MOST = 10_000  # persons
HIGHEST = 10**9  # absolute value of a measure
TABLE = "persons"
COLUMNS = ("where", "count", "median", "mean")
_COMPARE = {
    "=": np.equal, "<>": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Persons:
    """The persons that there can be, and their columns as a schema (the measure first)."""

    domain: Domain
    schema: Schema
    values: Mapping[str, tuple[object, ...]]

    def where(self, text: str) -> Array:
        """The kinds of persons that meet the condition, bool (R,); all where it is empty. Raises QueryRefused."""
        if not text.strip():
            return np.ones(len(self.domain), dtype=bool)
        query = analyse(parse(f"SELECT count(*) FROM {TABLE} WHERE ({text}\n)"), self.schema)
        if query.where is None or query.keys or query.having or query.order or query.limit is not None or query.joins:
            raise QueryRefused("condition", "A condition is what stands after WHERE, and nothing more.")
        for part in walk(query.where):
            self._check(part)
        return self._meets(query.where)

    def _check(self, part: Condition) -> None:
        operands = [getattr(part, side, None) for side in ("on", "value")]
        if not isinstance(part, Not | And | Or) and not isinstance(operands[0], Ref):
            raise QueryRefused("condition", "A condition compares a column, not an expression.")
        if not isinstance(operands[0], Ref) or operands[0].name not in self.values:
            return
        named = part.values if isinstance(part, In) else [part.value] if isinstance(part, Compare) else []
        known = self.values[operands[0].name]
        for value in named:
            if not isinstance(value, Ref) and value not in known:
                shown = ", ".join(map(str, known))
                raise QueryRefused("value", f"{operands[0].name} has no value {value!r}; its values are {shown}.")

    def _meets(self, condition: Condition) -> Array:
        column: Any = self.domain.columns.get(getattr(getattr(condition, "on", None), "name", ""))
        match condition:
            case And(parts) | Or(parts):
                join = np.logical_and if isinstance(condition, And) else np.logical_or
                return np.asarray(join.reduce([self._meets(part) for part in parts]), dtype=bool)
            case Not(part):
                return ~self._meets(part)
            case Compare(op=op, value=value):
                other: Any = self.domain.columns[value.name] if isinstance(value, Ref) else value
                return np.asarray(_COMPARE[op](column, other), dtype=bool)
            case Between(low=low, high=high):
                return np.asarray((column >= low) & (column <= high), dtype=bool)
            case In(values=values, negated=negated):
                return np.asarray(np.isin(column, np.array(values, dtype=column.dtype)) != negated, dtype=bool)
            case Like():
                pattern = _pattern(condition)
                return np.array([bool(pattern.fullmatch(value)) for value in column], dtype=bool)
            case IsNull():
                return np.zeros(len(self.domain), dtype=bool)


def _pattern(like: Like) -> re.Pattern[str]:
    if like.escape is not None:
        raise QueryRefused("condition", "LIKE is taken without ESCAPE here.")
    parts = [{"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in like.pattern]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if like.ignore_case else 0))


def read_domain(path: str) -> Persons:
    """The persons that there can be, from a TOML file: `measure = {name = "age", min = 0, max = 125}`, a table
    `[attributes]` of `"boolean"` or a list of values each, and `rules`, a list of conditions. Raises DatasetError."""
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is no TOML: {error}.") from None
    if unknown := set(given) - {"measure", "attributes", "rules"}:
        raise DatasetError(f"{path}: {min(unknown)} means nothing; a domain has measure, attributes and rules.")
    name, low, high = _measure(path, given.get("measure"))
    attributes, rules = given.get("attributes", {}), given.get("rules", [])
    if not isinstance(attributes, dict) or name in attributes:
        raise DatasetError(f"{path}: attributes is a table of columns other than the measure.")
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise DatasetError(f'{path}: rules is a list of conditions, such as "NOT married OR age >= 15".')
    lower = [column.strip().lower() for column in (name, *attributes)]
    if "" in lower or len(set(lower)) < len(lower):
        raise DatasetError(f"{path}: the measure and the attributes need names that differ in more than their case.")
    values = {str(column): _values(path, column, kind) for column, kind in attributes.items()}
    size = (high - low + 1) * int(np.prod([len(own) for own in values.values()], dtype=object))
    if size > LARGEST:
        raise DatasetError(
            f"{path}: the domain has {size:,} kinds of persons, and at most {LARGEST:,} can be searched; "
            "narrow the measure or leave out attributes."
        )
    columns = (Column(name, Kind.INTEGER), *(Column(column, _kind(own)) for column, own in values.items()))
    persons = Persons(Domain.of(name, low, high, values), Schema(TABLE, columns, uid=""), values)
    allowed = [_met(persons, rule, f"{path}, rule {number}") for number, rule in enumerate(rules, 1)]
    domain = persons.domain.only(np.logical_and.reduce(allowed)) if allowed else persons.domain
    if not len(domain):
        raise DatasetError(f"{path}: no person obeys all rules.")
    return Persons(domain, persons.schema, values)


def _measure(path: str, given: Any) -> tuple[str, int, int]:
    whole = isinstance(given, dict) and all(type(given.get(end)) is int for end in ("min", "max"))
    if not whole or set(given) != {"name", "min", "max"} or not isinstance(given["name"], str):
        raise DatasetError(f'{path}: the measure is given as measure = {{name = "age", min = 0, max = 125}}.')
    if given["min"] > given["max"]:
        raise DatasetError(f"{path}: the measure's min {given['min']} is above its max {given['max']}.")
    if max(abs(given["min"]), abs(given["max"])) > HIGHEST:
        raise DatasetError(f"{path}: the measure's min and max lie within {HIGHEST:,} of 0.")
    return given["name"], given["min"], given["max"]


def _values(path: str, column: str, given: Any) -> tuple[object, ...]:
    if given == "boolean":
        return (False, True)
    kinds = {type(value) for value in given} if isinstance(given, list) else set()
    if kinds not in ({str}, {int}) or len(set(given)) < len(given):
        raise DatasetError(f'{path}: {column} is "boolean" or a list of different texts or whole numbers.')
    return tuple(given)


def _kind(values: Sequence[object]) -> Kind:
    return {bool: Kind.BOOLEAN, int: Kind.INTEGER}.get(type(values[0]), Kind.TEXT)


def _met(persons: Persons, text: str, place: str) -> Array:
    try:
        return persons.where(text)
    except QueryRefused as error:
        raise DatasetError(f"{place}, {text.strip()!r}: {error.message}") from None


def read_statistics(path: str, persons: Persons, rounding: Rounding, suppression: int) -> list[Statistic]:
    """The statistics of a CSV file with the columns where, count, median and mean, the last two of which may be
    missing. An empty count is suppressed: below `suppression`. Raises DatasetError with the line."""
    found = []
    for line, row in _rows(path, ("where", "count"), COLUMNS):
        place = f"{path}, line {line}"
        text = row["where"].strip()
        group = _met(persons, text, place)
        count = row["count"].strip()
        numbers = {name: row.get(name, "").strip() for name in ("median", "mean")}
        if not count:
            if given := [name for name, number in numbers.items() if number]:
                raise DatasetError(f"{place}: the count is suppressed, so there can be no {given[0]}.")
            found.append(Statistic(text, group, 0, suppression - 1))
            continue
        if not (count.isdecimal() and count.isascii()):
            raise DatasetError(f"{place}: the count {count!r} is no whole number from 0 up.")
        if len(count) > len(str(MOST)) or int(count) > MOST:
            raise DatasetError(f"{place}: the count is above {MOST:,} persons, and no more can be searched.")
        printed = [_printed(number, rounding, f"{place}: the {name}") for name, number in numbers.items()]
        if count.strip("0") == "" and any(printed):
            raise DatasetError(f"{place}: a group of nobody has neither median nor mean.")
        found.append(Statistic(text, group, int(count), int(count), *printed))
    if not found:
        raise DatasetError(f"{path} holds no statistics.")
    return found


def _printed(number: str, rounding: Rounding, what: str) -> Published | None:
    try:
        return Published.of(number, rounding) if number else None
    except ValueError:
        raise DatasetError(f"{what} {number!r} is no decimal number, such as 36.7.") from None


def read_truth(path: str, persons: Persons) -> list[tuple[object, ...]]:
    """True records, from a CSV file with a column for the measure and each attribute. Raises DatasetError."""
    names = persons.schema.names
    found = []
    for line, row in _rows(path, names, names):
        record = []
        for column in persons.schema.columns:
            text = row[column.name].strip()
            known = persons.values.get(column.name, range(*_ends(persons)))
            match = [value for value in known if str(value).lower() == text.lower()]
            if not match:
                raise DatasetError(f"{path}, line {line}: {column.name} has no value {text!r} in the domain.")
            record.append(match[0])
        found.append(tuple(record))
    return found


def _ends(persons: Persons) -> tuple[int, int]:
    return int(persons.domain.measure.min()), int(persons.domain.measure.max()) + 1


def _rows(path: str, needed: Sequence[str], allowed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their lines, its columns checked. Raises DatasetError."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row) or len(row) > 1]
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is no CSV: {error}.") from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    if missing := [name for name in needed if name not in header]:
        raise DatasetError(f"{path} has no column {missing[0]}; its first line names {', '.join(allowed)}.")
    if len(set(header)) < len(header) or not set(header) <= set(allowed):
        raise DatasetError(f"{path}: the columns are {', '.join(allowed)}, each once, not {', '.join(header)}.")
    for line, row in lines[1:]:
        if len(row) != len(header):
            raise DatasetError(f"{path}, line {line}: {len(row)} values stand under {len(header)} columns.")
    return [(line, dict(zip(header, row, strict=True))) for line, row in lines[1:]]
