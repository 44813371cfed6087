"""Scalar expressions in plain Python: what each function, operator and cast of the query interface means.

Written from Appendix B of the Diffix-Birch paper and the rules of the harness: NULL in, NULL out; a data error
(overflow, division by zero, a text that is no number) is NULL, and so are infinities and NaN, wherever they come up in
an expression. It shares nothing with `harness.sql`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

NUMBERS = ("integer", "real")
UNITS = ("year", "quarter", "month", "day", "hour", "minute", "second")
OPERATORS = ("+", "-", "*", "/", "^", "%")
FARTHEST = 2**32 - 1  # characters, as far as left and substring go


@dataclass(frozen=True)
class Col:
    """A column of the table."""

    name: str
    kind: str


@dataclass(frozen=True)
class Val:
    """A constant."""

    value: Any
    kind: str


@dataclass(frozen=True)
class App:
    """A function, an operator or a cast ("cast to real") of terms."""

    name: str
    args: tuple[Term, ...]

    @property
    def kind(self) -> str:
        kinds = [arg.kind for arg in self.args]
        if self.name in ("+", "-", "*", "%", "abs", "ceil", "floor", "round", "trunc"):
            operands = kinds[:1] if self.name in ("round", "trunc") else kinds
            return "real" if "real" in operands else "integer"
        if self.name.startswith("cast to "):
            return self.name.removeprefix("cast to ")
        if self.name in ("/", "^", "bucket", "div", "sqrt"):
            return "real"
        if self.name == "date_trunc":
            return kinds[1]
        return "integer" if self.name in (*UNITS, "weekday", "length") else "text"


Term = Col | Val | App


def columns(term: Term) -> tuple[Col, ...]:
    """The columns of a term, each once, from left to right."""
    if isinstance(term, App):
        return tuple(dict.fromkeys(column for arg in term.args for column in columns(arg)))
    return (term,) if isinstance(term, Col) else ()


def value(term: Term, row: Mapping[str, Any]) -> Any:
    """What the term is on a row; None for NULL."""
    if isinstance(term, Col):
        cell = row[term.name]
        return cell + 0.0 if isinstance(cell, float) else cell  # a table has one zero
    if isinstance(term, Val):
        return term.value
    args = [value(arg, row) for arg in term.args]
    if any(arg is None for arg in args):
        return None
    if term.name == "div" or (term.kind == "real" and term.name in ("+", "-", "*", "%", "abs", "ceil", "floor")):
        args = [float(arg) for arg in args]
    name = term.name
    if name == "substring" and len(args) == 3 and term.args[1] in (Val(0, "integer"), Val(1, "integer")):
        name, args = "left", [args[0], args[2]]  # §6.13
    try:
        found = MEANINGS[name](*args)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, int) and not isinstance(found, bool) and not -(2**63) <= found < 2**63:
        return None
    return found


def tidy(term: Term) -> Term:
    """The term without what changes nothing: steps of whole numbers, casts to the own type; §6.13's other names."""
    if not isinstance(term, App):
        return term
    args = tuple(map(tidy, term.args))
    constants = [arg.value if isinstance(arg, Val) else None for arg in args[1:]]
    whole = term.name in ("floor", "ceil", "round", "trunc") and args[0].kind == "integer"
    if (whole and all(digits >= 0 for digits in constants)) or term.name == f"cast to {args[0].kind}":
        return args[0]
    if term.name == "substring" and len(args) == 3 and constants[0] in (0, 1):
        return App("left", (args[0], args[2]))
    if term.name == "substring" and len(args) == 2 and constants[0] < 0:
        return App("right", (args[0], Val(-constants[0], "integer")))
    return App(term.name, args)


# Numbers


def _remainder(one: Any, other: Any) -> Any:
    """With the sign of the dividend."""
    if isinstance(one, float) or isinstance(other, float):
        return math.fmod(one, other)
    if other == -1 and one == -(2**63):
        raise OverflowError  # the quotient is no whole number of 64 bits
    return int(math.copysign(1, one)) * (abs(one) % abs(other))


def _step(whole: Callable[[Fraction], int]) -> Callable[..., Any]:
    """To so many digits after the point, before it where they are negative. Of real numbers by way of the double that
    is so many powers of ten as large, as the database does it."""

    def stepped(number: Any, digits: int = 0) -> Any:
        if isinstance(number, float):
            power = 10.0 ** abs(digits)
            moved = number * power if digits >= 0 else number / power
            if math.isinf(moved):
                return number
            found = math.copysign(float(whole(Fraction(moved))), number)
            return found / power if digits >= 0 else found * power
        width = Fraction(10) ** -digits
        return int(whole(Fraction(number) / width) * width)

    return stepped


def _half_away(number: Fraction) -> int:
    return (1 if number >= 0 else -1) * math.floor(abs(number) + Fraction(1, 2))


def _bucket(number: Any, width: Any) -> float:
    steps = float(number) / float(width)
    return math.copysign(math.floor(steps), steps) * float(width)  # a zero has the sign of the quotient


# Texts


def _cut(text: str, begin: int, end: int) -> str:
    """The characters at the places begin … end − 1, counted from 1; where there are none, none."""
    return "".join(mark for place, mark in enumerate(text, 1) if begin <= place < end)


def _left(text: str, number: int) -> str:
    if number > FARTHEST:
        raise OverflowError
    return text[:number] if number >= 0 else text[: max(0, len(text) + number)]


def _right(text: str, number: int) -> str:
    return text[max(0, len(text) - number) :] if number >= 0 else text[-number:]


def _substring(text: str, start: int, length: int = FARTHEST) -> str:
    """A negative start counts from the end, a negative length goes back from the start."""
    if max(abs(start), abs(length)) > FARTHEST:
        raise OverflowError
    begin = start if start >= 0 else len(text) + start + 1
    return _cut(text, *sorted((begin, begin + length)))


def _upper(text: str) -> str:
    return "".join({"ß": "ẞ"}.get(c, c.upper() if len(c.upper()) == 1 else c) for c in text)


def _lower(text: str) -> str:
    return "".join({"İ": "i"}.get(c, c.lower() if len(c.lower()) == 1 else c) for c in text)


# Dates and times


def _date_trunc(unit: str, moment: date) -> date:
    time = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0} if isinstance(moment, datetime) else {}
    if unit == "quarter":
        return moment.replace(month=(moment.month - 1) // 3 * 3 + 1, day=1, **time)
    smaller = [name for name in (*UNITS, "microsecond") if name != "quarter"]
    smaller = smaller[smaller.index(unit) + 1 :]
    first = {name: 1 if name in ("month", "day") else 0 for name in smaller}
    return moment.replace(**{name: at for name, at in first.items() if hasattr(moment, name)})


def _part(name: str) -> Callable[[Any], int]:
    if name == "quarter":
        return lambda moment: (moment.month + 2) // 3
    return lambda moment: moment.isoweekday() if name == "weekday" else getattr(moment, name)


# Casts

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.I)
TRUTHS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
TRUTHS |= {"false": False, "f": False, "no": False, "n": False, "0": False}


def _to_integer(of: Any) -> int:
    """Halves of a text away from zero, of a real number to the even one."""
    if isinstance(of, str):
        if not _NUMBER.fullmatch(of):
            raise ValueError(of)
        return int(Decimal(of.strip()).to_integral_value(ROUND_HALF_UP))
    return round(of)


def _to_real(of: Any) -> float:
    if isinstance(of, str) and not _NUMBER.fullmatch(of):
        raise ValueError(of)
    return float(of)


def _to_text(of: Any) -> str:
    if isinstance(of, datetime):
        seconds, dot, micros = of.isoformat(sep=" ").partition(".")
        return seconds + dot + micros.rstrip("0")
    if isinstance(of, date):
        return of.isoformat()
    return str(of).lower() if isinstance(of, bool) else of if isinstance(of, str) else repr(of)


def _to_boolean(of: Any) -> bool:
    if isinstance(of, str) and of.lower() not in TRUTHS:
        raise ValueError(of)
    return TRUTHS[of.lower()] if isinstance(of, str) else bool(of)


def _to_time(of: Any, into: type[date]) -> date:
    if isinstance(of, str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?", of):
            raise ValueError(of)
        of = datetime.fromisoformat(of)
    if into is date:
        return datetime.date(of) if isinstance(of, datetime) else of
    assert isinstance(of, datetime)
    return of


MEANINGS: dict[str, Callable[..., Any]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: float(one) / float(other),
    "^": lambda one, other: math.pow(one, other),
    "%": _remainder,
    "abs": abs,
    "bucket": _bucket,
    "ceil": lambda number: math.copysign(math.ceil(number), number) if isinstance(number, float) else number,
    "floor": lambda number: math.copysign(math.floor(number), number) if isinstance(number, float) else number,
    "div": lambda one, other: math.copysign(math.trunc(one / other), one / other),
    "round": _step(_half_away),
    "trunc": _step(math.trunc),
    "sqrt": math.sqrt,
    "ltrim": lambda text, marks=" ": text.lstrip(marks) if marks else text,
    "rtrim": lambda text, marks=" ": text.rstrip(marks) if marks else text,
    "btrim": lambda text, marks=" ": text.strip(marks) if marks else text,
    "left": _left,
    "right": _right,
    "substring": _substring,
    "lower": _lower,
    "upper": _upper,
    "length": len,
    "hex": lambda text: text.encode().hex().upper(),
    "concat": lambda *texts: "".join(texts),
    "date_trunc": _date_trunc,
    **{name: _part(name) for name in (*UNITS, "weekday")},
    "cast to integer": _to_integer,
    "cast to real": _to_real,
    "cast to text": _to_text,
    "cast to boolean": _to_boolean,
    "cast to date": lambda of: _to_time(of, date),
    "cast to datetime": lambda of: _to_time(of, datetime),
}

# SQL


def written(term: Term, spelling: int = 0, names: Mapping[Term, str] | None = None) -> str:
    """The term in one of its spellings; `names`: how columns and other terms are called."""
    if names and term in names:
        return names[term]
    if isinstance(term, Col):
        return '"' + term.name.replace('"', '""') + '"'
    if isinstance(term, Val):
        return literal(term.value)
    args = [written(arg, spelling, names) for arg in term.args]
    forms = _forms(term.name, args)
    return forms[spelling % len(forms)]


def _forms(name: str, args: list[str]) -> list[str]:
    plain = f"{name}({', '.join(args)})"
    if name == "%":
        return [f"({args[0]} % {args[1]})", f"mod({', '.join(args)})"]
    if name == "^":
        return [f"(({args[0]}) ^ {args[1]})", f"pow({', '.join(args)})", f"power({', '.join(args)})"]
    if name in OPERATORS:
        return [f"({args[0]} {name} {args[1]})"]
    if name.startswith("cast to "):
        into = {"text": "varchar", "integer": "bigint", "real": "double", "datetime": "timestamp"}
        kind = name.removeprefix("cast to ")
        sql = into.get(kind, kind)
        return [f"cast({args[0]} AS {sql})", f"({args[0]})::{sql}", f"CAST({args[0]} AS {kind})"]
    if name in UNITS:
        return [plain, f"extract({name} FROM {args[0]})"]
    if name in ("ltrim", "rtrim", "btrim"):
        side = {"ltrim": "LEADING", "rtrim": "TRAILING", "btrim": "BOTH"}[name]
        bare = [plain, f"trim({args[0]})"] if name == "btrim" else [plain]
        return [plain, f"trim({side} {args[1]} FROM {args[0]})"] if len(args) == 2 else bare
    if name == "substring":
        length = f" FOR {args[2]}" if len(args) == 3 else ""
        return [plain, f"substr({', '.join(args)})", f"substring({args[0]} FROM {args[1]}{length})"]
    if name == "left":
        return [plain, f"substring({args[0]} FOR {args[1]})"]
    others = {"upper": "ucase", "lower": "lcase", "ceil": "ceiling"}
    return [plain, f"{others[name]}({', '.join(args)})"] if name in others else [plain]


def literal(of: Any) -> str:
    if isinstance(of, bool):
        return str(of)
    if isinstance(of, int | float):
        return repr(of) if of >= 0 else f"({of!r})"
    if isinstance(of, date):
        return f"{'TIMESTAMP' if isinstance(of, datetime) else 'DATE'} '{of}'"
    return "'" + str(of).replace("'", "''") + "'"


def microseconds(moment: date) -> int:
    """Since 1970."""
    at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return (at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
