"""What the product answers, held against the numbers of the slow oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.model import Answer
from tests.oracle_aggregates import Number


def plain(answer: Answer, keys: int) -> list[Sequence[Any]]:
    """The columns of the answer; aggregates are numbers or None, moments in microseconds since 1970."""
    columns = list(zip(*answer.rows, strict=True))[:keys] if len(answer) else [()] * keys
    for column in answer.data[keys:]:
        if column.dtype.kind == "M":
            micros = column.astype("datetime64[us]")
            columns.append([None if np.isnat(at) else int(at.astype(np.int64)) for at in micros])
        else:
            columns.append([None if number != number else number for number in column.tolist()])
    return columns


def assert_equal(said: float | None, number: Number | None, where: Any) -> None:
    true = None if number is None else number.value
    assert (said is None) == (true is None), where
    if said is not None and true is not None and number is not None:
        assert abs(said - true) <= 1e-9 * float(number.scale) + 1e-12, (said, true, where)
