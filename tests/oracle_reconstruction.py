"""Which databases fit published statistics, by trying all of them: slow, and written without the solvers' equations.

A database is printed as its publisher would have printed it, with Python's `decimal` and `statistics`, and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import combinations_with_replacement
from statistics import median

Record = tuple[int, ...]
MODES = {
    "half-up": (ROUND_HALF_UP,),
    "nearest-half-down": (ROUND_HALF_DOWN,),
    "half-even": (ROUND_HALF_EVEN,),
    "floor": (ROUND_FLOOR,),
    "ceil": (ROUND_CEILING,),
    "nearest": (ROUND_HALF_UP, ROUND_HALF_DOWN),
}


def printed(number: Fraction, digits: int, rounding: str) -> set[Decimal]:
    """What a publisher could print, numbers from 0 up."""
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        return {exact.quantize(Decimal(1).scaleb(-digits), rounding=mode) for mode in MODES[rounding]}


def could_print(number: Fraction, shown: str, rounding: str, denominators: Iterable[int]) -> bool:
    """Whether the number is printed as `shown`. exact: as itself where some numerator gives it, else nearest."""
    if rounding == "exact":
        reachable = any((Fraction(shown) * denominator).denominator == 1 for denominator in denominators)
        if reachable:
            return Fraction(shown) == number
        rounding = "nearest"
    return Decimal(shown) in printed(number, len(shown.partition(".")[2]), rounding)


@dataclass(frozen=True)
class Line:
    """A line of a publication: whom it is about, their number (None: below `suppression`), median and mean."""

    about: Callable[[Record], bool]
    count: int | None
    median: str | None
    mean: str | None
    suppression: int = 3


def fits(database: Iterable[Record], lines: Iterable[Line], rounding: str) -> bool:
    for line in lines:
        measures = [record[0] for record in database if line.about(record)]
        if line.count is None:
            if len(measures) >= line.suppression:
                return False
            continue
        if len(measures) != line.count:
            return False
        if not measures:
            continue
        middle = Fraction(median([Fraction(measure) for measure in measures]))
        if line.median is not None and not could_print(middle, line.median, rounding, [2 - len(measures) % 2]):
            return False
        if line.mean is not None and not could_print(
            Fraction(sum(measures), len(measures)), line.mean, rounding, [len(measures)]
        ):
            return False
    return True


def all_fitting(records: Iterable[Record], size: int, lines: list[Line], rounding: str) -> set[tuple[Record, ...]]:
    """Every multiset of `size` records that fits, as sorted tuples."""
    return {
        database for database in combinations_with_replacement(sorted(records), size) if fits(database, lines, rounding)
    }
