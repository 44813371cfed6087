"""What Diffix understands of an expression (§6.2, §6.13–§6.15): a piece of a text column, a range, or neither.

An expression that is neither is unclear: as a positive equality it is answered with its columns floated, as anything
else it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from defenses.diffix.snapping import BLOCKS_OF
from harness.model import Kind
from harness.seeds import Field
from harness.sql.functions import FUNCTIONS
from harness.sql.query import (
    Aggregate,
    Call,
    Compare,
    Const,
    Operand,
    PerUser,
    Query,
    Ref,
    Scalar,
    TableRef,
    Term,
    refs_of,
    walk,
)

REMOVING = ("left", "right", "substring", "ltrim", "rtrim", "btrim")
CASES = ("lower", "upper")
_TRIMS = ("ltrim", "rtrim", "btrim")
MOST_SCALE = 1_000
NUMBER = "*"  # in seeds: the number of a user's rows


@dataclass(frozen=True)
class Piece:
    """A column, or a text column of which `functions` remove characters: their names and normalised constants.
    `cased`: it is also turned to lower or upper case."""

    column: Ref
    functions: tuple[tuple[Field, ...], ...] = ()
    cased: bool = False


def piece(term: Operand | Const) -> Piece | None:
    """The clear expression that the term is, or None."""
    if isinstance(term, Ref):
        return Piece(term) if not isinstance(term, PerUser) or not isinstance(term.aggregate.on, Call) else None
    if not isinstance(term, Call) or not all(isinstance(arg, Const) for arg in term.args[1:]):
        return None
    if (inner := piece(term.args[0])) is None:
        return None
    if term.function in CASES:
        return Piece(inner.column, inner.functions, True)
    if term.function not in REMOVING:
        return None
    constants = [arg.value for arg in term.args[1:] if isinstance(arg, Const)]
    if term.function in _TRIMS:
        marks = str(constants[0]) if constants else " "
        constants = ["".join(sorted(set(marks)))]
    return Piece(inner.column, (*inner.functions, (term.function, *constants)), inner.cased)


def floated_for(column: Ref) -> tuple[Ref, ...]:
    """The columns that tell what an unclear condition on the column is about. Values of users are about those of
    their rows, which no choice of the aggregate changes (Figure 16); numbers of rows about themselves."""
    if not isinstance(column, PerUser) or column.aggregate.function == "count":
        return (column,)
    return refs_of(column.aggregate.on) if column.aggregate.on is not None else ()


def seed_name(column: Ref) -> str:
    """The name of the column in seeds: a condition on values of users is seeded as one on the rows, for it is the same
    where every user has one row (§6.5). Columns of other tables have their table in it, columns of the main one are
    named as in a query of that table alone."""
    if isinstance(column, TableRef):
        return column.path
    if not isinstance(column, PerUser) or column.aggregate.on is None:
        return column.name if not isinstance(column, PerUser) else NUMBER
    if column.aggregate.function == "count" and not column.aggregate.distinct:
        return NUMBER
    columns = ", ".join(seed_name(ref) for ref in refs_of(column.aggregate.on))
    return f"DISTINCT {columns}" if column.aggregate.function == "count" else columns


def bounds(term: Operand | Const, value: Scalar) -> tuple[Ref, Scalar, Scalar] | None:
    """The column and the range [low, high) that the term's equality with `value` stands for (§6.15), or None."""
    match term:
        case Call("year", (Ref() as column,)) if isinstance(value, int):
            if 1 <= value < 9999:
                return column, _first_of(value, column.kind), _first_of(value + 1, column.kind)
        case Call("date_trunc", (Const(str() as unit), Ref() as column)) if isinstance(value, date):
            return _block(column, value, unit)
        case Call("cast to date", (Ref(kind=Kind.DATETIME) as column,)) if isinstance(value, date):
            return _block(column, datetime(value.year, value.month, value.day), "day")
        case Call("trunc" | "round", (Ref() as column, *digits)) if isinstance(value, int | float):
            places = digits[0].value if digits and isinstance(digits[0], Const) else 0
            return _rounded(column, value, places, term.function) if isinstance(places, int) else None
    return None


def stands_for_ranges(term: Term) -> bool:
    """Whether equalities with the term stand for ranges of its column."""
    match term:
        case Call("year", (Ref(),)) | Call("date_trunc", (Const(), Ref())) | Call("trunc" | "round", (Ref(), *_)):
            return True
        case Call("cast to date", (Ref(kind=Kind.DATETIME),)):
            return True
    return False


def _first_of(year: int, kind: Kind) -> date:
    return date(year, 1, 1) if kind is Kind.DATE else datetime(year, 1, 1)


def _block(column: Ref, value: date, unit: str) -> tuple[Ref, Scalar, Scalar] | None:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    try:
        first, last = BLOCKS_OF[unit](moment)
    except OverflowError:
        return None
    if first != moment:
        return None
    return (column, first.date(), last.date()) if column.kind is Kind.DATE else (column, first, last)


def _rounded(column: Ref, value: float, places: int, function: str) -> tuple[Ref, Scalar, Scalar] | None:
    """Among negative numbers trunc leaves the upper end of an interval, and around 0 it joins two: the range is then
    that of the interval on the side of zero that its sign says."""
    if abs(places) > 15:
        return None
    width, at = Fraction(10) ** -places, Fraction(Decimal(repr(value)))
    if at % width:
        return None
    low = at - width / 2 if function == "round" else (at if at >= 0 else at - width)
    return column, _number(low, column.kind), _number(low + width, column.kind)


def _number(value: Fraction, kind: Kind) -> Scalar:
    return int(value) if kind is Kind.INTEGER and value.denominator == 1 else float(value)


def exact(term: Operand, value: Scalar) -> bool:
    """Whether the range of `bounds` holds exactly the rows of the equality."""
    signed = isinstance(term, Call) and term.function in ("trunc", "round")
    return not signed or (isinstance(value, int | float) and value > 0)


def discontinuous(term: Operand | Scalar | None) -> int:
    """The functions with jumps in a term, casts of real numbers to whole ones among them (Figure 11)."""
    if isinstance(term, PerUser):
        return discontinuous(term.aggregate.on)
    if not isinstance(term, Call):
        return 0
    own = FUNCTIONS[term.function].cut or (term.function == "cast to integer" and term.args[0].kind is Kind.REAL)
    return own + sum(discontinuous(arg) for arg in term.args)


def scaled(term: Term) -> Ref | None:
    """The column that the term is, maybe times a positive constant, or None. Such a term has a value wherever its
    column has one. Shifts are none of these: sums of b, b + 1, b + 2 with one draw of noise tell the draw, and so exact
    counts, and with a draw each they average out."""
    match term:
        case PerUser(aggregate=Aggregate(on=Call())):
            return None
        case Ref():
            return term
        case Call("*", (Ref() as inner, Const(int() | float() as by)) | (Const(int() | float() as by), Ref() as inner)):
            return scaled(inner) if 1 / MOST_SCALE <= by <= MOST_SCALE else None
        case Call("/", (Ref() as inner, Const(int() | float() as by))):
            return scaled(inner) if 1 / MOST_SCALE <= by <= MOST_SCALE else None
        case Call("cast to real", (Ref(kind=Kind.INTEGER) as inner,)):
            return scaled(inner)
    return None


def jumps(query: Query) -> Iterator[int]:
    """The discontinuous functions of each condition and each key."""
    for condition in () if query.where is None else walk(query.where):
        value = condition.value if isinstance(condition, Compare) else None
        yield discontinuous(getattr(condition, "on", None)) + discontinuous(value)
    yield from (discontinuous(key) for key in query.keys)
