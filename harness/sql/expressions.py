"""Conditions and terms to DuckDB's syntax tree: identifiers quoted, literals typed, data errors NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime

from sqlglot import exp

from harness.model import Kind
from harness.sql.functions import FUNCTIONS, finite, in_calendar, where
from harness.sql.query import (
    And,
    Between,
    Call,
    Compare,
    Condition,
    Const,
    In,
    IsNull,
    Like,
    Not,
    Operand,
    Or,
    PerUser,
    Ref,
    Scalar,
    Slot,
    Term,
)

_COMPARE: dict[str, type[exp.Expr]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}


def condition_tree(condition: Condition) -> exp.Expr:
    match condition:
        case And(parts):
            return exp.and_(*(exp.Paren(this=condition_tree(p)) for p in parts), copy=False)
        case Or(parts):
            return exp.or_(*(exp.Paren(this=condition_tree(p)) for p in parts), copy=False)
        case Not(part):
            return exp.Not(this=exp.Paren(this=condition_tree(part)))
        case Compare(on, op, value):
            right = _operand(value) if isinstance(value, Operand) else _literal(value, on.kind)
            return _COMPARE[op](this=_operand(on), expression=right)
        case Between(on, low, high):
            return exp.Between(this=_operand(on), low=_literal(low, on.kind), high=_literal(high, on.kind))
        case In(on, values, negated):
            inside = exp.In(this=_operand(on), expressions=[_literal(v, on.kind) for v in values])
            return exp.Not(this=inside) if negated else inside
        case Like(on, pattern, ignore_case, escape):
            kind: Callable[..., exp.Expr] = exp.ILike if ignore_case else exp.Like
            like = kind(this=_operand(on), expression=exp.Literal.string(pattern))
            return like if escape is None else exp.Escape(this=like, expression=exp.Literal.string(escape))
        case IsNull(on):
            return exp.Is(this=_operand(on), expression=exp.Null())


def _operand(on: Operand) -> exp.Expr:
    assert not isinstance(on, Slot), "conditions on the answer never reach the database"
    return term_tree(on)


def cast(node: exp.Expr, kind: exp.DType) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType(this=kind, nested=False))  # of a name, sqlglot starts a parser each time


def _literal(value: Scalar, kind: Kind) -> exp.Expr:
    match value:
        case bool():
            return exp.Boolean(this=value)
        case str():
            return exp.Literal.string(value)
        case datetime():
            return cast(exp.Literal.string(value.isoformat(sep=" ")), exp.DType.TIMESTAMP)
        case date():
            return cast(exp.Literal.string(value.isoformat()), exp.DType.DATE)
        case int() if kind is Kind.INTEGER:  # a bound that follows from a condition can be beyond the column's values
            wide = not -(2**63) <= value < 2**63
            return cast(exp.Literal.string(str(value)), exp.DType.INT128 if wide else exp.DType.BIGINT)
    return cast(exp.Literal.string(repr(float(value))), exp.DType.DOUBLE)


def column_tree(ref: Ref) -> exp.Column:
    """The column under its name in the database."""
    return exp.column(f"#user {ref.name}" if isinstance(ref, PerUser) else ref.name, quoted=True)


def term_tree(term: Term) -> exp.Expr:
    """A column, or an expression whose errors, infinities and NaN are NULL."""
    if isinstance(term, Ref):
        return column_tree(term)
    value = _computed(term)
    calls = list(_calls(term))
    if any(FUNCTIONS[call.function].fails for call in calls):
        value = exp.Anonymous(this="try", expressions=[value])
    if term.kind is Kind.REAL and any(call.kind is Kind.REAL for call in calls):
        value = exp.Case(ifs=[exp.If(this=finite(value), true=value.copy())])
    return value


def _computed(term: Term) -> exp.Expr:
    match term:
        case Ref():
            return column_tree(term)
        case Const(value, kind):
            return _literal(value, kind)
        case Call(function, args, kind):
            hidden = FUNCTIONS[function].hides
            tree = FUNCTIONS[function].sql(*(_argument(arg, at in hidden) for at, arg in enumerate(args)))
            if function == "date_trunc" and kind is Kind.DATE:
                return cast(tree, exp.DType.DATE)
            return where(tree, in_calendar) if kind.is_time and args[0].kind is Kind.TEXT and len(args) == 1 else tree


def _argument(arg: Term, hidden: bool) -> exp.Expr:
    tree = _computed(arg)
    return where(tree, finite) if hidden and isinstance(arg, Call) and arg.kind is Kind.REAL else tree


def _calls(term: Term) -> Iterator[Call]:
    if isinstance(term, Call):
        yield term
        for arg in term.args:
            yield from _calls(arg)
