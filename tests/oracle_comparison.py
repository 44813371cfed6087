"""What the product answers to generated statements, held against the slow oracle."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from defenses.diffix import diffix
from harness.model import Answer, Refused
from tests.grammar import Statement, plainly
from tests.oracle_aggregates import UNDECIDED, Number
from tests.oracle_diffix import noisy_answers
from tests.oracle_queries import Database, Question, Switches, broken_rules, buckets, has_notice
from tests.oracle_tables import session

SWITCHES = ("static", "dynamic", "low_count", "flatten", "snap", "shrink_and_drop", "round")
OPERATORS = {
    **{"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le},
    **{">": operator.gt, ">=": operator.ge},
}

Tally = Counter[str]
Row = tuple[Any, ...]  # keys, then numbers


def check(database: Database, asked: Sequence[Statement], switched: Switches, tally: Tally | None = None) -> None:
    """Every statement of a batch is answered as the oracle does, or refused by a rule that it breaks."""
    tally = Tally() if tally is None else tally
    built = diffix(**{name: on for name, on in asdict(switched).items() if name in SWITCHES})
    with session(database, built) as interface:
        answers = interface.query_many([statement.sql for statement in asked])
    for statement, answer in zip(asked, answers, strict=True):
        tally["cases"] += 1
        tally.update(statement.forms)
        compare(database, statement, switched, answer, tally)


def compare(
    database: Database, statement: Statement, switched: Switches, answer: Answer | Refused, tally: Tally
) -> None:
    question = statement.question
    if broken := broken_rules(database, question, switched) | statement.broken:
        assert isinstance(answer, Refused), statement
        assert answer.rule in broken, (answer, statement)
        tally["refused"] += 1
        tally[answer.rule] += 1
        return
    assert isinstance(answer, Answer), (answer, statement)
    assert bool(answer.notices) == has_notice(database, question, switched), statement
    expected = noisy_answers(database, question, switched)
    tally["noticed"] += bool(answer.notices)
    tally["buckets"] += len(buckets(database, question, switched))
    tally["shown"] += len(expected)
    for numbers in expected.values():
        for number, aggregate in zip(numbers, question.aggregates, strict=True):
            tally["numbers"] += 1
            tally["not NULL"] += number is not None
            tally[f"{aggregate.function} is {'' if number else 'not '}shown"] += 1
    rows = [(*key, *numbers) for key, numbers in expected.items()]
    if (rows := kept(statement, rows)) is None:
        tally["undecided"] += 1
    else:
        compare_rows(statement, rows, answer)


def kept(statement: Statement, rows: list[Row]) -> list[Row] | None:
    """The rows that HAVING leaves, each as often as it is shown; None where a rounding error would decide."""
    found = []
    for row in rows:
        truths = [_truth(row, *condition) for condition in statement.having]
        if "?" in truths:
            return None
        if all(truths):
            repeated = statement.shape in ("rows", "star")
            times = 1 if not repeated else 0 if row[-1] is None else max(0, round(row[-1].value))
            found += [row] * times
    return found


def _truth(row: Row, slot: int, op: str, against: float | int, is_number: bool) -> bool | str:
    one, other = row[slot], Number(against, abs(against)) if is_number else row[int(against)]
    if one is None or other is None or one.value is None or other.value is None:
        return False
    if abs(one.value - other.value) <= 1e-6 * float(one.scale + other.scale) + 1e-9:
        return "?"
    return bool(OPERATORS[op](one.value, other.value))


def compare_rows(statement: Statement, rows: list[Row], answer: Answer) -> None:
    """The same rows; in the same order where ORDER BY is about all keys, else in one that ORDER BY allows."""
    width = len(statement.question.keys)
    columns = [column_of(answer, place, slot < width) for place, slot in enumerate(statement.shown)]
    found = list(zip(*columns, strict=True))
    keys = [slot for slot, _ in statement.order if slot < width]
    for slot, down in reversed(statement.order if len(keys) == len(statement.order) else ()):
        rows = in_order(rows, slot, down)
    expected = [tuple(row[slot] for slot in statement.shown) for row in rows]
    if set(keys) == set(range(width)) and len(keys) == len(statement.order):
        stop = None if statement.limit is None else statement.offset + statement.limit
        expected = expected[statement.offset : stop]
        for one, other in zip(found, expected, strict=True):
            assert_row(statement, one, other)
        return
    assert_order(statement, columns)
    assert len(found) == len(expected), (len(found), len(expected), statement)
    shown = [place for place, slot in enumerate(statement.shown) if slot < width]
    of_keys = grouped(found, shown)
    for key, rows in grouped(expected, shown).items():
        assert_rows(statement, of_keys.get(key, []), rows)


def grouped(rows: Sequence[Row], places: Sequence[int]) -> dict[Row, list[Row]]:
    """Rows by their cells in these places."""
    found: dict[Row, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[place] for place in places), []).append(row)
    return found


def assert_rows(statement: Statement, said: list[Row], true: list[Row]) -> None:
    """The same rows in some order: there can be several with the same keys where a key is not shown."""
    assert len(said) == len(true), (said, true, statement)
    if len(true) > 1:
        differ = np.array([[not is_row(statement, one, other) for one in said] for other in true])
        _, order = linear_sum_assignment(differ)
        said = [said[place] for place in order]
    for one, other in zip(said, true, strict=True):
        assert_row(statement, one, other)


def is_row(statement: Statement, said: Row, true: Row) -> bool:
    try:
        assert_row(statement, said, true)
    except AssertionError:
        return False
    return True


def assert_row(statement: Statement, said: Row, true: Row) -> None:
    for one, other, slot in zip(said, true, statement.shown, strict=True):
        if slot < len(statement.question.keys):
            assert one == other, (said, true, statement)
        else:
            assert_equal(one, other, (said, true, statement))


def in_order(rows: list[Row], slot: int, down: bool) -> list[Row]:
    """Sorted by a key, NULL last."""
    known = sorted((row for row in rows if row[slot] is not None), key=lambda row: row[slot], reverse=down)
    return known + [row for row in rows if row[slot] is None]


def assert_order(statement: Statement, columns: list[Sequence[Any]]) -> None:
    """The answer's own first ORDER BY column is in order, NULL last."""
    for slot, down in statement.order[:1]:
        if slot in statement.shown:
            column = columns[statement.shown.index(slot)]
            known = [each for each in column if each is not None]
            assert known == sorted(known, reverse=down), statement
            assert all(each is not None for each in column[: len(known)]), statement


def column_of(answer: Answer, place: int, is_key: bool) -> Sequence[Any]:
    """A column of the answer; aggregates are numbers or None, moments in microseconds since 1970."""
    column = answer.data[place]
    if is_key:
        return [row[place] for row in answer.rows]
    if column.dtype.kind == "M":
        micros = column.astype("datetime64[us]")
        return [None if np.isnat(at) else int(at.astype(np.int64)) for at in micros]
    return [None if number != number else number for number in column.tolist()]


def assert_equal(said: float | None, number: Number | None, where: Any) -> None:
    if number is not None and number.scale >= UNDECIDED / 10**100:  # an average of it is less by the count
        return
    true = None if number is None else number.value
    assert (said is None) == (true is None), where
    if said is not None and true is not None and number is not None:
        assert abs(said - true) <= 1e-9 * float(number.scale) + 1e-12, (said, true, where)


# What is told of a failure


def smallest(database: Database, asked: Sequence[Statement], switched: Switches) -> str:
    """A failing statement on as few rows as make it fail, and said as plainly as still fails."""

    def failure(rows: Sequence[Any], statement: Statement) -> Exception | None:
        try:
            check(replace(database, rows=rows), [statement], switched)
        except Exception as error:
            return error
        return None

    failing = [one for one in asked if failure(database.rows, one)]
    if not failing:
        return f"Only together they fail: {asked}"
    rows, left = list(database.rows), failing[0]
    plain = plainly(database, left.question)
    if not left.broken and failure(rows, plain):
        left = plain
        for shorter in parts_of(left.question):
            smaller = plainly(database, replace(left.question, **shorter(left.question)))
            same = broken_rules(database, smaller.question, switched) == broken_rules(database, left.question, switched)
            if smaller.question.aggregates and same and failure(rows, smaller):
                left = smaller
    for size in (64, 16, 4, 1):
        for place in reversed(range(0, len(rows), size)):
            fewer = rows[:place] + rows[place + size :]
            if failure(fewer, left):
                rows = fewer
    shown = "\n".join(map(str, rows[:20]))
    return f"{left.sql}\n{switched}\n{shown}\n{failure(rows, left)!r}"


def parts_of(question: Question) -> Iterator[Any]:
    """For each condition, key and aggregate what leaves it out."""
    for part in ("conditions", "keys", "aggregates"):
        for item in getattr(question, part):
            yield lambda asked, part=part, item=item: {
                part: tuple(other for other in getattr(asked, part) if other != item)
            }
