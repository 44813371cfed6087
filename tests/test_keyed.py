"""Seeds made from values: one field a value, one word a key, one seed call a distinct value."""

from __future__ import annotations

from datetime import date, datetime
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from defenses.keyed import key_words, value_field
from harness.model import Kind
from harness.seeds import Field, Words, encode, seed64
from harness.sql import Buckets, Plan, Query
from harness.sql.query import Call, Ref

VALUES: list[tuple[Any, Field]] = [
    (None, None),
    (True, True),
    (False, False),
    (1, ("integer", 1)),
    (0, ("integer", 0)),
    (-(2**63), ("integer", -(2**63))),
    (1.0, ("number", 1.0)),
    (0.0, ("number", 0.0)),
    (float("inf"), ("number", float("inf"))),
    (float("nan"), "NaN"),
    ("", ("text", "")),
    ("1", ("text", "1")),
    ("1.0", ("text", "1.0")),
    ("NULL", ("text", "NULL")),
    ("None", ("text", "None")),
    ("NaN", ("text", "NaN")),
    ("True", ("text", "True")),
    ("2020-01-01", ("text", "2020-01-01")),
    (date(2020, 1, 1), ("date", "2020-01-01")),
    (datetime(2020, 1, 1), ("datetime", "2020-01-01T00:00:00")),
    (datetime(2020, 1, 1, 0, 0, 0, 1), ("datetime", "2020-01-01T00:00:00.000001")),
]


@pytest.mark.parametrize(("value", "field"), VALUES, ids=repr)
def test_value_field(value: Any, field: Field) -> None:
    found = value_field(value)
    assert repr(found) == repr(field)
    assert encode(found) == encode(field)


def test_no_two_values_share_a_field() -> None:
    for (one, _), (other, _) in combinations(VALUES, 2):
        assert encode(value_field(one)) != encode(value_field(other)), (one, other)


def test_equal_numbers_share_a_field() -> None:
    assert encode(value_field(-0.0)) == encode(value_field(0.0))
    assert encode(value_field(float("-nan"))) == encode(value_field(float("nan")))
    assert encode(value_field("é")) != encode(value_field("e\u0301"))


def buckets(refs: list[tuple[Ref, ...]], query: list[int], *keys: list[Any]) -> Buckets:
    """A batch of one plan for each entry of `refs`, its GROUP BY columns."""
    n = len(query)
    return Buckets(
        plans=tuple(Plan(Query("t", "uid", (), columns)) for columns in refs),
        query=np.array(query, dtype=np.int64),
        keys=tuple(np.array([*key, None], dtype=object)[:-1] for key in keys),
        values=np.zeros((n, 0)),
        present=np.zeros((n, 0), dtype=bool),
        users=np.zeros(n, dtype=np.int64),
        uid_xor=np.zeros(n, dtype=np.uint64),
        slot_xor=np.zeros((n, 0), dtype=np.uint64),
        table_users=n,
        one_row_per_user=True,
        salt=b"",
    )


def seeds(column: Ref | Call, values: list[Any]) -> Words:
    return np.array([seed64(column.name, value_field(value)) for value in values], dtype=np.uint64)


A, B, D = Ref("a", Kind.TEXT), Ref("b", Kind.REAL), Ref("d", Kind.DATE)


def test_each_query_of_a_batch_names_its_own_column() -> None:
    batch = buckets(
        [(A, B), (), (B,), (A,)], [0, 0, 1, 2, 2, 3], ["x", None, None, 1.0, 0.0, "x"], [1.0, 2.0] + [None] * 4
    )
    words, has = key_words(batch, 0, seeds)
    assert has.tolist() == [True, True, False, True, True, True]
    fields: list[Any] = [("a", ("text", "x")), ("a", None), None, ("b", ("number", 1.0)), ("b", ("number", 0.0))]
    expected = [0 if field is None else seed64(*field) for field in [*fields, fields[0]]]
    assert words.dtype == np.uint64
    assert words.tolist() == expected
    words, has = key_words(batch, 1, seeds)
    assert has.tolist() == [True, True, False, False, False, False]
    assert words.tolist() == [seed64("b", ("number", 1.0)), seed64("b", ("number", 2.0)), 0, 0, 0, 0]


def test_a_seed_is_asked_for_once_a_distinct_value() -> None:
    asked: list[tuple[str, Any]] = []

    def counting(column: Ref | Call, values: list[Any]) -> Words:
        asked.extend((column.name, value) for value in values)
        return seeds(column, values)

    values = ["x", "y", None, "x", "", "x", "y", None, "NULL"]
    words, _ = key_words(buckets([(A,)], [0] * 9, values), 0, counting)
    assert sorted(asked, key=repr) == sorted(
        [("a", "x"), ("a", "y"), ("a", ""), ("a", "NULL"), ("a", None)],
        key=repr,
    )
    assert len(set(words.tolist())) == 5
    assert words[0] == words[3] == words[5]
    assert words[2] == words[7]


def test_dates_and_times_carry_their_kind() -> None:
    values = [date(2020, 1, 1), date(2020, 1, 2), None]
    words, _ = key_words(buckets([(D,)], [0] * 3, values), 0, seeds)
    assert words.tolist() == [
        seed64("d", ("date", "2020-01-01")),
        seed64("d", ("date", "2020-01-02")),
        seed64("d", None),
    ]
    moment = Ref("d", Kind.DATETIME)
    words, _ = key_words(buckets([(moment,)], [0], [datetime(2020, 1, 1)]), 0, seeds)
    assert words.tolist() == [seed64("d", ("datetime", "2020-01-01T00:00:00"))]


def test_nan_is_a_value_and_zero_has_one_sign() -> None:
    values = [float("nan"), None, 0.0, -0.0, float("inf")]
    words, _ = key_words(buckets([(B,)], [0] * 5, values), 0, seeds)
    assert words[2] == words[3]
    assert len(set(words.tolist())) == 4


def test_no_buckets_and_no_slots() -> None:
    words, has = key_words(buckets([(A,)], [], []), 0, seeds)
    assert words.shape == has.shape == (0,)
    words, has = key_words(buckets([()], [0], [None]), 0, seeds)
    assert (words.tolist(), has.tolist()) == ([0], [False])
