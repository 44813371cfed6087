"""What is published: the persons that there can be, numbers with their rounding, and statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]

Rounding = Literal["exact", "nearest", "nearest-half-down", "floor", "ceil", "half-up", "half-even"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)

Database = tuple[int, ...]
"""The kinds of its persons, ascending: places in a `Domain`."""


@dataclass(frozen=True, eq=False)
class Domain:
    """The kinds of persons that there can be: one row each, in the order of the measure, then of the attributes.

    `columns` holds the measure first, (R,) int64 ascending, then the attributes, (R,) each; `codes` the same as
    numbers in that order (an attribute's value as its position among its values).
    """

    columns: Mapping[str, Array]
    codes: Array

    @classmethod
    def of(cls, measure: str, low: int, high: int, attributes: Mapping[str, tuple[object, ...]]) -> Domain:
        """Every value of the measure with every combination of the attributes' values."""
        axes = [np.arange(low, high + 1), *(np.arange(len(values)) for values in attributes.values())]
        codes = np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=1)
        columns: dict[str, Array] = {measure: codes[:, 0]}
        for at, (name, values) in enumerate(attributes.items(), 1):
            known = np.empty(len(values), dtype=object)
            known[:] = values
            columns[name] = known[codes[:, at]]
        return cls(columns, codes)

    @property
    def measure(self) -> Array:
        """The measure of each kind, (R,) int64."""
        values: Array = self.codes[:, 0]
        return values

    def __len__(self) -> int:
        return len(self.codes)

    def only(self, allowed: Bools) -> Domain:
        """The kinds for which `allowed`, bool (R,), is true."""
        return Domain({name: column[allowed] for name, column in self.columns.items()}, self.codes[allowed])

    def record(self, kind: int) -> tuple[object, ...]:
        """A kind as plain values: measure, then attributes."""
        return tuple(v.item() if isinstance(v, np.generic) else v for v in (c[kind] for c in self.columns.values()))


@dataclass(frozen=True)
class Interval:
    """The numbers between two ends, each of which is in it unless it is open."""

    low: Fraction
    high: Fraction
    low_open: bool = False
    high_open: bool = False

    def whole(self, times: int) -> tuple[int, int]:
        """The smallest and largest whole s with s/times inside (the first is larger where there is none)."""
        low, high = self.low * times, self.high * times
        first, last = math.ceil(low), math.floor(high)
        return first + (self.low_open and first == low), last - (self.high_open and last == high)


@dataclass(frozen=True)
class Published:
    """A number as it was printed, and by which rule: its last digit is the unit of rounding.

    exact               the number itself; where none of the possible fractions is that (36.7 as the mean of three
                        whole numbers), `nearest`: digits that never end cannot all be printed
    nearest             within half a unit, a tie either way
    nearest-half-down, half-up      a tie to the smaller, to the larger number
    half-even           a tie to the even last digit
    floor, ceil         cut off, or up to the next
    """

    value: Fraction
    unit: Fraction
    rounding: Rounding = "exact"

    @classmethod
    def of(cls, text: str, rounding: Rounding = "exact") -> Published:
        """Raises ValueError where `text` is no plain decimal number."""
        digits = text.strip()
        if not digits.lstrip("+-").replace(".", "", 1).isdecimal() or not digits.isascii():
            raise ValueError(text)
        return cls(Fraction(digits), Fraction(1, 10 ** len(digits.partition(".")[2])), rounding)

    def admits(self, times: int) -> Interval:
        """The fractions s/times that are printed as this number; for odd medians `times` is 1, for even ones 2."""
        value, half = self.value, self.unit / 2
        match self.rounding:
            case "exact":
                if (value * times).denominator == 1:
                    return Interval(value, value)
                return Interval(value - half, value + half)
            case "nearest":
                return Interval(value - half, value + half)
            case "nearest-half-down":
                return Interval(value - half, value + half, low_open=True)
            case "half-up":
                return Interval(value - half, value + half, high_open=True)
            case "half-even":
                odd = (value / self.unit).numerator % 2 == 1
                return Interval(value - half, value + half, odd, odd)
            case "floor":
                return Interval(value, value + self.unit, high_open=True)
            case "ceil":
                return Interval(value - self.unit, value, low_open=True)


@dataclass(frozen=True, eq=False)
class Statistic:
    """What is published about the persons of a group: how many they are, from `low` to `high` (equal where the count
    is published, from 0 where it is suppressed), the median of their measure and its mean.

    `group` says which kinds of persons belong to it, bool (R,). Where the count is not known exactly, of the median
    only this is used: at least half of the persons are on either side of it.
    """

    name: str
    group: Bools
    low: int
    high: int
    median: Published | Interval | None = None
    mean: Published | Interval | None = None

    def middle_within(self) -> tuple[int, int] | None:
        """Bounds of the middle value of an odd group, of the sum of the two middle values of an even one; None where
        nothing is known. The count must be known."""
        if self.median is None or self.high == 0:
            return None
        parts = 1 if self.low % 2 else 2
        return _admitted(self.median, parts).whole(parts)

    def sum_within(self) -> tuple[int, int] | None:
        """Bounds of the sum of the measure; None where nothing is known. The count must be known."""
        if self.mean is None or self.high == 0:
            return None
        return _admitted(self.mean, self.low).whole(self.low)


def _admitted(number: Published | Interval, times: int) -> Interval:
    return number if isinstance(number, Interval) else number.admits(times)
