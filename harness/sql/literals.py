"""Constants of a query as values of the column's kind, so that one value has one form.

`age = 20`, `age = 20.0` and `age = '20'` all compare with the int 20; `-0.0` is 0.0. What has no value of the kind
is refused from the query alone; no cast ever meets the data.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal

from sqlglot import exp

from harness.errors import QueryRefused
from harness.model import Kind
from harness.sql.query import Scalar

_TIME_TYPES = {"DATE": Kind.DATE, "TIMESTAMP": Kind.DATETIME, "TIMESTAMPNTZ": Kind.DATETIME, "DATETIME": Kind.DATETIME}


def constant(node: exp.Expr) -> str | bool | None:
    """The text of a literal (numbers keep their digits), a truth value, or None when `node` is no constant."""
    match node:
        case exp.Literal():
            return str(node.this)
        case exp.Boolean():
            return bool(node.this)
        case exp.Neg(this=exp.Literal(is_string=False) as inner):
            return f"-{inner.this}"
        case exp.Paren():
            return constant(node.this)
        case exp.Cast(this=exp.Literal(is_string=True) as inner) if _time_type(node):
            return str(inner.this)
    return None


def coerce(node: exp.Expr, kind: Kind, name: str) -> Scalar:
    """The constant `node` as a value of `kind`; `name` is the column it stands beside.

    Raises QueryRefused (rules: null-comparison, not-a-constant, type-mismatch).
    """
    if isinstance(node, exp.Null):
        raise QueryRefused("null-comparison", f"Nothing equals NULL; write {name} IS NULL or {name} IS NOT NULL.")
    text = constant(node)
    if text is None:
        raise QueryRefused("not-a-constant", f"Beside {name} only a plain constant or a column can stand.")
    try:
        return _value(text, kind)
    except (ValueError, OverflowError):
        raise QueryRefused(
            "type-mismatch", f"{str(text)[:40]!r} is no {kind} value, but {name} is of kind {kind}."
        ) from None


def _value(text: str | bool, kind: Kind) -> Scalar:
    match kind:
        case Kind.TEXT:
            return str(text).lower() if isinstance(text, bool) else text
        case Kind.BOOLEAN:
            return text if isinstance(text, bool) else {"true": True, "false": False}[_known(text)]
        case Kind.INTEGER | Kind.REAL:
            return _number(text, kind)
        case Kind.DATE | Kind.DATETIME:
            return _time(str(text), kind)


def _known(text: str) -> str:
    if (lowered := text.strip().lower()) not in ("true", "false"):
        raise ValueError(text)
    return lowered


def _number(text: str | bool, kind: Kind) -> int | float:
    if isinstance(text, bool) or "_" in text:
        raise ValueError(text)
    if kind is Kind.INTEGER:
        try:
            return _in_range(int(text))
        except ValueError:
            pass
    number = float(text)
    if not math.isfinite(number) or (number == 0.0 and Decimal(text) != 0):
        raise ValueError(text)
    if kind is Kind.INTEGER and number.is_integer():
        exact = Decimal(text)
        if exact == (whole := _in_range(int(exact))):
            return whole
    return number + 0.0


def _in_range(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise OverflowError(number)
    return number


def _time(text: str, kind: Kind) -> date | datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    if kind is Kind.DATETIME or moment.time() != datetime.min.time():
        return moment
    return moment.date()


def _time_type(node: exp.Cast) -> bool:
    to = node.args.get("to")
    return isinstance(to, exp.DataType) and not to.expressions and str(to.this.name) in _TIME_TYPES
