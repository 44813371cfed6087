"""What the paper takes an expression for: a piece of a text column (§6.2, §6.13), a range (§6.15), or neither; and
the wildcards of LIKE (§6.11). Plain Python, written from the paper."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle_terms import MEANINGS, App, Col, Term, Val

REMOVING = ("left", "right", "substring", "ltrim", "rtrim", "btrim")
CUTS = ("floor", "ceil", "round", "trunc", "div", "%", "bucket")

Piece = tuple[str, list[tuple[Any, ...]], bool]  # column, functions with their constants, whether the case is changed
Bounds = tuple[Any, Any]


def piece(term: Term) -> Piece | None:
    """The clear expression that a term is."""
    if isinstance(term, Col):
        return term.name, [], False
    if isinstance(term, Val) or term.name not in (*REMOVING, "lower", "upper"):
        return None
    constants = [arg.value for arg in term.args[1:] if isinstance(arg, Val)]
    inner = piece(term.args[0])
    if inner is None or len(constants) < len(term.args) - 1:
        return None
    column, functions, cased = inner
    name = term.name
    if name in ("lower", "upper"):
        return column, functions, True
    if name == "substring" and len(constants) == 2 and constants[0] in (0, 1):
        name, constants = "left", constants[1:]
    if name == "substring" and len(constants) == 1 and constants[0] < 0:
        name, constants = "right", [-constants[0]]
    if name.endswith("trim"):
        constants = ["".join(sorted(set(constants[0] if constants else " ")))]
    return column, [*functions, (name, *constants)], cased


def is_range_function(term: Term) -> bool:
    if not isinstance(term, App):
        return False
    of = term.args[-1] if term.name == "date_trunc" else term.args[0]
    if not isinstance(of, Col):
        return False
    days = term.name == "cast to date" and of.kind == "datetime"
    return term.name in ("year", "date_trunc", "trunc", "round") or days


def range_of(term: Term, value: Any) -> tuple[Bounds, bool] | None:
    """The range that `term = value` stands for, and whether its rows are just those of the range."""
    if not isinstance(term, App) or not is_range_function(term) or value is None:
        return None
    if term.name in ("trunc", "round"):
        return _step(term, value)
    column = term.args[-1]
    unit = term.args[0].value if term.name == "date_trunc" and isinstance(term.args[0], Val) else "day"
    if term.name == "year":
        unit, value = "year", datetime(value, 1, 1) if 1 <= value <= 9999 else None
    if value is None:
        return None
    start = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    end = _after(start, unit)
    if end is None or MEANINGS["date_trunc"](unit, start) != start:
        return None
    return ((start.date(), end.date()) if column.kind == "date" else (start, end)), True


def _after(start: datetime, unit: str) -> datetime | None:
    months = {"year": 12, "quarter": 3, "month": 1}.get(unit)
    try:
        if months is None:
            return start + timedelta(**{f"{unit}s": 1})
        month = start.month - 1 + months
        return start.replace(year=start.year + month // 12, month=month % 12 + 1)
    except (ValueError, OverflowError):
        return None


def _step(term: App, value: Any) -> tuple[Bounds, bool] | None:
    """trunc leaves of a negative number the upper end of its interval."""
    digits = term.args[1].value if len(term.args) > 1 and isinstance(term.args[1], Val) else 0
    width, at = Fraction(10) ** -digits, Fraction(repr(value))
    if at % width:
        return None
    low = at - width / 2 if term.name == "round" else at if at >= 0 else at - width
    kind = term.args[0].kind
    ends = [int(end) if kind == "integer" and end.denominator == 1 else float(end) for end in (low, low + width)]
    return (ends[0], ends[1]), value > 0


def jumps(term: Any) -> int:
    """The discontinuous functions of a term, real numbers turned to whole ones among them (Figure 11)."""
    if not isinstance(term, App):
        return 0
    own = term.name in CUTS or (term.name == "cast to integer" and term.args[0].kind == "real")
    return own + sum(jumps(arg) for arg in term.args)


# LIKE: an escaped % or _ of a pattern is one of two characters that no text here has

ESCAPED = {"%": "\ue000", "_": "\ue001"}
PLAIN = str.maketrans({mark: wildcard for wildcard, mark in ESCAPED.items()})


def literal_pattern(pattern: str, escape: str | None) -> str:
    """The pattern with its escapes resolved."""
    if escape is None:
        return pattern
    return re.sub(re.escape(escape) + "(.)", lambda found: ESCAPED.get(found[1], found[1]), pattern, flags=re.S)


def text_of(pattern: str) -> str:
    """What a pattern without wildcards says."""
    return pattern.translate(PLAIN)


def is_like(pattern: str, text: str, ignore_case: bool) -> bool:
    lower = MEANINGS["lower"]
    if ignore_case:
        pattern, text = lower(pattern), lower(text)
    parts = {"%": ".*", "_": ".", **{mark: wildcard for wildcard, mark in ESCAPED.items()}}
    return re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text, re.S) is not None


def wildcards(pattern: str) -> set[tuple[int, int, str]]:
    """(N, position, symbol) of each wildcard, by the four steps of §6.11."""
    tidy = re.sub(r"[%_]+", lambda run: "%" * ("%" in run[0]) + "_" * run[0].count("_"), pattern)
    base = tidy.replace("%", "")
    found, position = set(), 0
    for symbol in tidy:
        if symbol != "%":
            position += 1
        if symbol in "%_":
            found.add((len(base), position, symbol))
    return found
