"""Aligned ranges, and ranges with creeping edges, that hold some values and not another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count, islice
from math import floor

Range = tuple[float, float]  # low <= x < high

STEPS = (1, 2, 5)
POWERS = 30  # of ten, beyond the widest of the values; databases have no wider ranges
WIDEST = 10**15  # bounds beyond are not exact as doubles


def aligned(low: float, high: float, number: int, without: float | None = None) -> tuple[Range, ...]:
    """The narrowest `number` aligned ranges that hold [low, high] and not the value `without`.

    A width is 1, 2 or 5 times a power of ten, and a range begins at a multiple of half its width (Diffix-Birch §6.7).
    """
    return tuple(islice((r for r in _around(low, high) if without is None or not r[0] <= without < r[1]), number))


def creeping(low: float, high: float, number: int, upward: bool) -> tuple[Range, ...]:
    """`number` ranges [low, high) of which the lower edge, or with `upward` the upper one, creeps away by one."""
    return tuple((low, high + i) if upward else (low - i, high) for i in range(1, number + 1))


def _around(low: float, high: float) -> Iterator[Range]:
    """The aligned ranges that hold both values, narrow ones first."""
    first, last = Fraction(str(low)), Fraction(str(high))
    least = last - first
    power = floor(_log10(least)) if least else 0
    for exponent in islice(count(power), POWERS):
        for step in STEPS:
            width = step * Fraction(10) ** exponent
            if width > WIDEST:
                return
            start = floor(first / (width / 2)) * (width / 2)
            while start + width > last:
                yield _number(start), _number(start + width)
                start -= width / 2


def _log10(value: Fraction) -> float:
    """Of a positive number, its number of digits before the point, or of zeros behind it, counted down."""
    return len(str(floor(value))) - 1 if value >= 1 else -len(str(floor(1 / value)))


def _number(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)
