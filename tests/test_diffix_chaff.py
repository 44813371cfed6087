# ruff: noqa: E501  (tables of SQL)
"""The chaff corpus: conditions that select the same users by other words give the same noise, or are refused."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from defenses.diffix import diffix
from defenses.diffix.layers import layer_word, layers_of
from defenses.none import none
from harness.model import Answer, Refused
from harness.session import LocalSession
from tests.chaff import ADMITTED, KEYS, OPEN, SAME
from tests.diffix_tables import SALT, query, session, table

USERS = 480
WHAT = "count(*), count(DISTINCT uid), sum(c), avg(r), max(c)"


@cache
def interface(defense: str, times: int) -> LocalSession:
    built = {"diffix": diffix(), "all buckets": diffix(low_count=False), "none": none()}[defense]
    return session(table(USERS, times), built)


def asked(defense: str, times: int, where: str) -> Any:
    return interface(defense, times).query(f"SELECT {WHAT} FROM t WHERE {where}")


def ids(pairs: list[Any]) -> list[str]:
    return [f"{pair[0]} and {pair[1]}" for pair in pairs]


@pytest.mark.parametrize(("one", "other"), SAME, ids=ids(SAME))
def test_other_words_give_the_same_noise(one: str, other: str) -> None:
    for times in (1, 2):
        first, second = (asked("diffix", times, where) for where in (one, other))
        assert isinstance(first, Answer), first
        if isinstance(second, Refused):
            assert second.rule.startswith("diffix-"), second
            continue
        assert first.rows == second.rows
        hidden, shown = (asked("all buckets", times, where) for where in (one, other))
        assert hidden.rows == shown.rows


@pytest.mark.parametrize(("one", "other"), KEYS, ids=ids(KEYS))
def test_other_words_for_a_key_give_the_same_noise(one: str, other: str) -> None:
    for defense in ("diffix", "all buckets"):
        texts = [f"SELECT {keys}, {WHAT} FROM t GROUP BY {keys}" for keys in (one, other)]
        first, second = (interface(defense, 1).query(text) for text in texts)
        assert isinstance(first, Answer), first
        if isinstance(second, Answer):
            assert sorted(row[-5:] for row in first.rows) == sorted(row[-5:] for row in second.rows)
        else:
            assert second.rule.startswith("diffix-"), second


@pytest.mark.parametrize(("one", "other", "section"), ADMITTED, ids=ids(ADMITTED))
def test_the_paper_admits_more_layers_and_nothing_else(one: str, other: str, section: str) -> None:
    """What the shorter query has, the longer has as well."""
    assert exact(one) == exact(other), section
    first, second = (words(where) for where in (one, other))
    assert first < second


@pytest.mark.parametrize(("one", "other", "reason"), OPEN, ids=ids(OPEN))
def test_what_stays_open(one: str, other: str, reason: str) -> None:
    """Another sample of the same users. When this fails, a hole is closed: move the pair up."""
    assert exact(one) == exact(other), reason
    first, second = (asked("diffix", 1, where) for where in (one, other))
    assert isinstance(second, Refused) or first.rows != second.rows


def exact(where: str) -> Any:
    found = asked("none", 1, where)
    return found.rows if isinstance(found, Answer) else found


def words(where: str) -> set[tuple[Any, ...]]:
    return {
        (layer.dynamic, layer.operator, layer.column, layer.values, layer.of)
        for layer in layers_of(query(f"SELECT count(*) FROM t WHERE {where}"))
    }


def test_there_are_sixty_pairs() -> None:
    answered = [other for _, other in SAME if isinstance(asked("diffix", 1, other), Answer)]
    assert len(SAME) + len(KEYS) >= 60
    assert len(answered) >= 60
    assert len(set(SAME)) == len(SAME)


def test_layers_of_different_conditions_never_collide() -> None:
    """Clear against unclear, LIKE against =, functions of different constants, either sign, IN against =."""
    conditions = [
        *("a = 'x'", "a <> 'x'", "a LIKE 'x%'", "a LIKE '%x'", "a LIKE '_x'", "a LIKE 'x_'", "a NOT LIKE 'x%'", "a = '%'"),
        *("a = 'like'", "left(a, 1) = 'o'", "left(a, 2) = 'xy'", "right(a, 1) = 'z'", "ltrim(a, '1') = 'p'", "a IS NULL"),
        *("left(a, 1) <> 'q'", "rtrim(a, '1') = 'r'", "btrim(a, '1') = 's'", "btrim(a, '11 ') = 'u'", "a IS NOT NULL"),
        *("substring(a, 2) = 'v'", "substring(a, 2, 1) = 'w'", "upper(a) <> 'K'", "b = 1", "b <> 1", "b IN (5, 2)"),
        *("b BETWEEN 0 AND 2", "b NOT BETWEEN 0 AND 2", "b = c", "b <> c", "c = 1", "d = '2020-01-01'", "a = '1'"),
        *("d BETWEEN '2020-01-01' AND '2020-01-03'", "m = '2020-01-01'", "r = 1", "f", "a = 'true'", "a = '2020-01-01'"),
    ]  # fmt: skip
    seen: dict[tuple[bool, int], str] = {}
    for where in conditions:
        parsed = query(f"SELECT count(*) FROM t WHERE {where}")
        for layer in layers_of(parsed):
            if layer.values is not None:
                column = layer.column.name if layer.column else None
                word = layer_word(SALT, parsed.table, layer.operator, column, layer.values)
                assert seen.setdefault((layer.dynamic, word), where) == where, (where, layer)
    assert len(seen) > 70
