"""Scalar expressions: syntax tree to `Term`, in one spelling each.

`x % 2` and `mod(x, 2)`, `year(d)` and `extract(year from d)`, `substring(s for 3)` and `left(s, 3)` are one term.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Kind
from harness.sql.functions import CASTS, FUNCTIONS, UNITS
from harness.sql.literals import coerce, constant
from harness.sql.parse import bare, only
from harness.sql.query import Call, Const, Term

Resolve = Callable[[exp.Expr], Term | None]

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Pow: "^",
    exp.Mod: "%",
}
_SIMPLE: dict[type[exp.Expr], str] = {
    exp.Abs: "abs",
    exp.Ceil: "ceil",
    exp.Floor: "floor",
    exp.Sqrt: "sqrt",
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.Length: "length",
    exp.Hex: "hex",
    **{getattr(exp, name.capitalize()): name for name in UNITS},
}
_NAMED = {"weekday": "weekday", "bucket": "bucket", "btrim": "btrim", "div": "div"}
_TRIMS = {None: "btrim", "BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}
_CAST_KINDS = {
    "INT": Kind.INTEGER,
    "BIGINT": Kind.INTEGER,
    "FLOAT": Kind.REAL,
    "DOUBLE": Kind.REAL,
    "TEXT": Kind.TEXT,
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.BOOLEAN,
    "DATE": Kind.DATE,
    "TIMESTAMP": Kind.DATETIME,
    "TIMESTAMPNTZ": Kind.DATETIME,
    "DATETIME": Kind.DATETIME,
}

MOST_PLACES = 18
MOST_PARTS = 250  # through sub-queries a short text can double again and again

Parts = tuple[str, list[exp.Expr]]


def term(node: exp.Expr, resolve: Resolve) -> Term | None:
    """The term that `node` states, or None where it is no scalar expression; `resolve` gives that of a column or an
    aggregate.

    Raises QueryRefused (rules: function-arguments, type-mismatch and those of `resolve`).
    """
    node = bare(node)
    if isinstance(node, exp.Column | exp.AggFunc):
        return resolve(node)
    if (fixed := _constant(node)) is not None:
        return fixed
    if (parts := _parts(node)) is None:
        return None
    function, nodes = parts
    args = [term(inner, resolve) for inner in nodes]
    if any(arg is None for arg in args):
        raise QueryRefused("not-supported", f"{function} takes columns, constants and functions of these.")
    return _call(function, tuple(arg for arg in args if arg is not None))


def _constant(node: exp.Expr) -> Const | None:
    text = constant(node)
    if text is None or isinstance(text, bool):
        return None if text is None else Const(text, Kind.BOOLEAN)
    if isinstance(node, exp.Cast):
        kind = _CAST_KINDS[node.to.this.name]
        return Const(coerce(node, kind, "the constant"), kind)
    if isinstance(node, exp.Literal) and node.is_string:
        return Const(text, Kind.TEXT)
    whole = text.lstrip("-").isdecimal() and len(text) < 21 and -(2**63) <= int(text) < 2**63
    kind = Kind.INTEGER if whole else Kind.REAL
    return Const(coerce(node, kind, "the constant"), kind)


def _parts(node: exp.Expr) -> Parts | None:
    """The function's name and the trees of its arguments."""
    if (name := _OPERATORS.get(type(node))) is not None:
        only(node, "this", "expression", "typed", "safe")
        return name, [node.this, node.expression]
    if (name := _SIMPLE.get(type(node))) is not None:
        only(node, "this")
        return name, [node.this]
    match node:
        case exp.Neg():
            only(node, "this")
            return "-", [exp.Literal.number(0), node.this]
        case exp.LowerHex():  # what sqlglot makes of lower(hex(x))
            only(node, "this")
            return "lower", [exp.Hex(this=node.this)]
        case exp.Round() | exp.Trunc():
            only(node, "this", "decimals")
            decimals = node.args.get("decimals")
            return node.key, [node.this, decimals] if decimals is not None else [node.this]
        case exp.Trim():
            only(node, "this", "expression", "position")
            marks = [node.expression] if node.args.get("expression") is not None else []
            return _TRIMS[node.args.get("position")], [node.this, *marks]
        case exp.Left() | exp.Right():
            only(node, "this", "expression")
            return node.key, [node.this, node.expression]
        case exp.Concat() if type(node) is exp.Concat:
            only(node, "expressions", "safe", "coalesce")
            return "concat", list(node.expressions)
        case exp.Anonymous() if str(node.this).lower() in _NAMED:
            only(node, "this", "expressions")
            return _NAMED[str(node.this).lower()], list(node.expressions)
        case exp.Substring():
            return _substring(node)
        case exp.Cast() if type(node) in (exp.Cast, exp.TryCast):
            return _cast(node)
        case exp.Extract() | exp.TimestampTrunc() | exp.DateTrunc():
            return _of_unit(node)
    return None


def _substring(node: exp.Substring) -> Parts:
    """From the first character on it is left(…), as §6.13 of Diffix-Birch has it, and to the last one right(…)."""
    only(node, "this", "start", "length")
    start, length = node.args.get("start"), node.args.get("length")
    if start is None:
        raise QueryRefused("function-arguments", "substring takes a text, a start and perhaps a length.")
    if length is not None and constant(start) in ("0", "1"):
        return "left", [node.this, length]
    text = constant(start)
    if length is None and isinstance(text, str) and text[:1] == "-" and text[1:].isdecimal() and len(text) < 11:
        return "right", [node.this, exp.Literal.number(text[1:])]
    return "substring", [node.this, start, *([] if length is None else [length])]


def _cast(node: exp.Cast) -> Parts:
    only(node, "this", "to", "safe")
    to = node.args["to"]
    kind = _CAST_KINDS.get(to.this.name) if isinstance(to, exp.DataType) and not to.expressions else None
    if kind is None:
        known = ", ".join(kind for kind in CASTS)
        raise QueryRefused("cast", f"Values can be cast to {known}.")
    return f"cast to {kind}", [node.this]


def _of_unit(node: exp.Expr) -> Parts:
    """A part of a date, or a date cut to a unit."""
    is_part = isinstance(node, exp.Extract)
    only(node, *(("this", "expression") if is_part else ("this", "unit", "input_type_preserved")))
    unit, moment = (node.this, node.expression) if is_part else (node.args["unit"], node.this)
    name = str(unit.this).lower() if isinstance(unit, exp.Var | exp.Literal) else ""
    if name not in UNITS:
        raise QueryRefused("function-arguments", f"The unit is one of {', '.join(UNITS)}.")
    return (name, [moment]) if is_part else ("date_trunc", [exp.Literal.string(name), moment])


def _call(name: str, args: tuple[Term, ...]) -> Term:
    function = FUNCTIONS[name]
    most = len(function.takes)
    if not (most - function.optional <= len(args) and (len(args) <= most or function.many)):
        raise QueryRefused("function-arguments", f"{name} takes {most} arguments, not {len(args)}.")
    takes = function.takes + function.takes[-1:] * (len(args) - most)
    for position, (arg, kinds) in enumerate(zip(args, takes, strict=False)):
        if arg.kind not in kinds:
            wanted = " or ".join(kind for kind in Kind if kind in kinds)
            raise QueryRefused("type-mismatch", f"{name} takes {wanted} here, not {arg.kind}.")
        if position in function.constant and not isinstance(arg, Const):
            raise QueryRefused("function-arguments", f"{name} takes a plain constant as argument {position + 1}.")
    if name == "hex" and any(_holds(arg, "hex") for arg in args):
        raise QueryRefused("function-arguments", "hex is not taken of hex: each doubles the text.")
    if name in ("round", "trunc") and len(args) == 2 and abs(_places(args[1])) > MOST_PLACES:
        raise QueryRefused("function-arguments", f"{name} takes at most {MOST_PLACES} digits.")
    kind = function.gives or _common(name, args)
    if name == "date_trunc" and args[1].kind is Kind.DATE and args[0].name in ("'hour'", "'minute'", "'second'"):
        raise QueryRefused("type-mismatch", "A date has no hours; cut it to a day or longer.")
    whole = function.cut and kind is Kind.INTEGER and (len(args) == 1 or (function.optional and _places(args[1]) >= 0))
    if whole or name == f"cast to {args[0].kind}":
        return args[0]  # whole numbers need no floor, and no value a cast to what it is
    found = Call(name, args, kind)
    if found.size > MOST_PARTS:
        raise QueryRefused("too-many-operators", f"An expression can have at most {MOST_PARTS} parts.")
    return found


def _places(digits: Term) -> int:
    return digits.value if isinstance(digits, Const) and isinstance(digits.value, int) else 0


def _holds(found: Term, function: str) -> bool:
    return isinstance(found, Call) and (found.function == function or any(_holds(arg, function) for arg in found.args))


def _common(name: str, args: tuple[Term, ...]) -> Kind:
    if name == "date_trunc":
        return args[1].kind
    return Kind.REAL if any(arg.kind is Kind.REAL for arg in args) else args[0].kind
