"""The functions, operators and casts of the query interface: what they take, what they give, how DuckDB computes them.

A function with a `cut` maps many numbers to one, with a jump between: floor and its like. What can fail on some values
is computed under TRY, so that a data error is NULL and nothing else. Infinities and NaN are NULL as well: arithmetic
carries them to where the harness looks for them, and an argument that a function would turn into something ordinary
(1/x has 0 for an infinite x) is looked at before. No function writes an argument twice, as CASE and NULLIF do: one
inside another would be written 2^depth times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from harness.model import Kind

Build = Callable[..., exp.Expr]
Kinds = frozenset[Kind]

TEXT, WHOLE = frozenset({Kind.TEXT}), frozenset({Kind.INTEGER})
NUMBER = frozenset({Kind.INTEGER, Kind.REAL})
TIME, CLOCK = frozenset({Kind.DATE, Kind.DATETIME}), frozenset({Kind.DATETIME})
ANY = frozenset(Kind)

UNITS = ("year", "quarter", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True)
class Function:
    """`takes` the kinds of each argument, the last `optional` of which can be left out, and with `many` the last may be
    repeated; `gives` a kind, or None for that of the first argument (REAL if any argument is); `sql` builds the tree
    from those of the arguments, `constant` are the positions of arguments that must be constants, and `hides` those of
    which an infinite one could give a finite value."""

    takes: tuple[Kinds, ...]
    gives: Kind | None
    sql: Build
    optional: int = 0
    many: bool = False
    fails: bool = False
    cut: bool = False
    constant: tuple[int, ...] = ()
    hides: tuple[int, ...] = ()


def _cast(node: exp.Expr, kind: exp.DType) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType(this=kind, nested=False))


def _named(name: str) -> Build:
    return lambda *args: exp.Anonymous(this=name, expressions=list(args))


def _infix(kind: type[exp.Binary]) -> Build:
    return lambda one, other: kind(this=exp.Paren(this=one), expression=exp.Paren(this=other))


def _part(name: str) -> Function:
    """A part of a date or time as a whole number."""
    clock = name in ("hour", "minute", "second")
    return Function((CLOCK if clock else TIME,), Kind.INTEGER, _named("isodow" if name == "weekday" else name))


def where(value: exp.Expr, condition: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """The value where it meets the condition, else NULL, with the value written once."""
    name = exp.to_identifier("v", quoted=True)
    chosen = exp.Case(ifs=[exp.If(this=condition(name), true=name.copy())])
    function = exp.Lambda(this=chosen, expressions=[name.copy()])
    return _named("list_extract")(
        _named("list_transform")(exp.Array(expressions=[value]), function), exp.Literal.number(1)
    )


def finite(value: exp.Expr) -> exp.Expr:
    return _named("isfinite")(value)


def in_calendar(moment: exp.Expr) -> exp.Expr:
    """Whether it lies in the years 1 to 9999; DuckDB's go further, and have infinite ones."""
    return exp.Between(this=_named("year")(moment), low=exp.Literal.number(1), high=exp.Literal.number(9999))


def _divided(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Infinite or NaN where the divisor is zero."""
    return exp.Div(this=_cast(one, exp.DType.DOUBLE), expression=_cast(other, exp.DType.DOUBLE))


def _whole_quotient(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return _named("trunc")(_divided(one, other))


def _bucket(value: exp.Expr, width: exp.Expr) -> exp.Expr:
    """The lower edge of the interval of that width that the value lies in."""
    return exp.Mul(this=_named("floor")(_divided(value, width)), expression=_cast(width.copy(), exp.DType.DOUBLE))


def _rounded(name: str) -> Build:
    return lambda value, *digits: _named(name)(value, *(_cast(places, exp.DType.INT) for places in digits))


def _power(base: exp.Expr, exponent: exp.Expr) -> exp.Expr:
    return _named("pow")(_cast(base, exp.DType.DOUBLE), _cast(exponent, exp.DType.DOUBLE))


def _root(value: exp.Expr) -> exp.Expr:
    return _named("sqrt")(_cast(value, exp.DType.DOUBLE))


def _truncated(unit: exp.Expr, moment: exp.Expr) -> exp.Expr:
    return _named("date_trunc")(unit, moment)


def _joined(*parts: exp.Expr) -> exp.Expr:
    """NULL where a part is NULL, as in PostgreSQL's || and unlike DuckDB's concat."""
    whole = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part, safe=True)
    return exp.Paren(this=whole)


def _piece(text: exp.Expr, *numbers: exp.Expr) -> exp.Expr:
    """Numbers that are computed from constants have a TRY of their own: DuckDB computes them when it plans, outside
    of the TRY around the whole."""
    computed = [number.find(exp.Column) is None and not isinstance(number.this, exp.Literal) for number in numbers]
    tried = [_named("try")(number) if bare else number for number, bare in zip(numbers, computed, strict=True)]
    return _named("substring")(text, *tried)


def _with_blank(name: str) -> Build:
    return lambda text, marks=None: _named(name)(text, marks or exp.Literal.string(" "))


_ARITHMETIC = ((NUMBER, NUMBER), None)
_STRIP = ((TEXT, TEXT), Kind.TEXT)
_ROUND = ((NUMBER, WHOLE), None)

FUNCTIONS: dict[str, Function] = {
    "+": Function(*_ARITHMETIC, _infix(exp.Add), fails=True),
    "-": Function(*_ARITHMETIC, _infix(exp.Sub), fails=True),
    "*": Function(*_ARITHMETIC, _infix(exp.Mul), fails=True),
    "/": Function((NUMBER, NUMBER), Kind.REAL, _divided, fails=True, hides=(1,)),
    "^": Function((NUMBER, NUMBER), Kind.REAL, _power, fails=True, hides=(0, 1)),
    "%": Function(*_ARITHMETIC, _infix(exp.Mod), fails=True, cut=True, hides=(1,)),
    "abs": Function((NUMBER,), None, _named("abs"), fails=True),
    "bucket": Function((NUMBER, NUMBER), Kind.REAL, _bucket, fails=True, cut=True, constant=(1,)),
    "ceil": Function((NUMBER,), None, _named("ceil"), cut=True),
    "div": Function((NUMBER, NUMBER), Kind.REAL, _whole_quotient, fails=True, cut=True, hides=(1,)),
    "floor": Function((NUMBER,), None, _named("floor"), cut=True),
    "round": Function(*_ROUND, _rounded("round"), optional=1, fails=True, cut=True, constant=(1,)),
    "sqrt": Function((NUMBER,), Kind.REAL, _root, fails=True),
    "trunc": Function(*_ROUND, _rounded("trunc"), optional=1, fails=True, cut=True, constant=(1,)),
    "ltrim": Function(*_STRIP, _with_blank("ltrim"), optional=1, constant=(1,)),
    "rtrim": Function(*_STRIP, _with_blank("rtrim"), optional=1, constant=(1,)),
    "btrim": Function(*_STRIP, _with_blank("trim"), optional=1, constant=(1,)),
    "left": Function((TEXT, WHOLE), Kind.TEXT, _named("left"), fails=True),
    "right": Function((TEXT, WHOLE), Kind.TEXT, _named("right"), fails=True),
    "substring": Function((TEXT, WHOLE, WHOLE), Kind.TEXT, _piece, optional=1, fails=True),
    "lower": Function((TEXT,), Kind.TEXT, _named("lower")),
    "upper": Function((TEXT,), Kind.TEXT, _named("upper")),
    "length": Function((TEXT,), Kind.INTEGER, _named("length")),
    "hex": Function((TEXT,), Kind.TEXT, _named("hex")),
    "concat": Function((TEXT,), Kind.TEXT, _joined, many=True),
    "date_trunc": Function((TEXT, TIME), None, _truncated, constant=(0,)),
    **{name: _part(name) for name in (*UNITS, "weekday")},
}

_TYPES = {
    Kind.INTEGER: exp.DType.BIGINT,
    Kind.REAL: exp.DType.DOUBLE,
    Kind.TEXT: exp.DType.TEXT,
    Kind.BOOLEAN: exp.DType.BOOLEAN,
    Kind.DATE: exp.DType.DATE,
    Kind.DATETIME: exp.DType.TIMESTAMP,
}
_PLAIN = frozenset({Kind.TEXT, Kind.INTEGER, Kind.REAL, Kind.BOOLEAN})
CASTS: dict[Kind, Kinds] = {
    Kind.TEXT: ANY,
    Kind.INTEGER: _PLAIN,
    Kind.REAL: _PLAIN,
    Kind.BOOLEAN: _PLAIN,
    Kind.DATE: frozenset({Kind.TEXT, Kind.DATE}),
    Kind.DATETIME: frozenset({Kind.TEXT, Kind.DATE, Kind.DATETIME}),
}
for _kind, _type in _TYPES.items():
    FUNCTIONS[f"cast to {_kind}"] = Function(
        (frozenset(of for of, into in CASTS.items() if _kind in into),),
        _kind,
        lambda value, type=_type: exp.TryCast(this=value, to=exp.DataType(this=type, nested=False)),
        hides=(0,),
    )
