"""Conditions that leave out one value of a column of whole numbers, and are equalities in form."""

from __future__ import annotations

from collections.abc import Callable

Condition = Callable[[str, int, int, int], str]
"""Of the quoted column, the value that is left out, a number larger than all distances between values, and a number
from 1 on that changes the words and nothing else."""

CONDITIONS: dict[str, Condition] = {
    "jumps": lambda b, v, m, i: (
        f"floor((ceil(({b} - {v - 1}) / {m + i}) + ceil(0 - ({b} - {v + 1}) / {m + i})) / 2) = 0"
    ),
    "functions": lambda b, v, m, i: f"ceil(abs({b} - {v}) / {m + i}) = 1",
    "math": lambda b, v, m, i: f"({b} - {v}) * {i} / ({b} - {v}) = {i}",
    "casts": lambda b, v, m, i: f"cast(({b} - {v}) * {i} AS boolean) = TRUE",
    "concat": lambda b, v, m, i: f"concat(cast(cast({b} - {v} AS boolean) AS text), '{'x' * i}') = 'true{'x' * i}'",
    "having": lambda b, v, m, i: f"({b} - {v}) * {i} / ({b} - {v}) = {i}",
}  # fmt: skip
