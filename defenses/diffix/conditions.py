"""The conditions of a query as Diffix has them: two inequalities are one range, so is year(x) = 2016, and ranges lie on
the grid (§6.7, §6.15)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol, TypeGuard

from defenses.diffix.like import text_of
from defenses.diffix.snapping import is_before, snapped, stated
from defenses.diffix.terms import bounds, exact
from harness.model import Kind, Refused
from harness.sql.query import (
    And,
    Between,
    Call,
    Compare,
    Condition,
    Like,
    Not,
    Operator,
    Query,
    Ref,
    Scalar,
)


@dataclass(frozen=True)
class Range:
    """`low <= column < high`, or with `negated` the opposite. `written`: how the query says it where the rows are not
    just those between the bounds."""

    column: Ref
    low: Scalar
    high: Scalar
    negated: bool = False
    written: Condition | None = field(default=None, compare=False)


class Bound(Protocol):
    """An inequality between a column and a constant."""

    @property
    def on(self) -> Ref: ...
    @property
    def op(self) -> Operator: ...
    @property
    def value(self) -> Scalar: ...


Stated = Condition | Range


def conditions_of(query: Query) -> tuple[Stated, ...]:
    """The AND'd conditions, equal ones once. BETWEEN, pairs of inequalities (`<=` is `<`) and equalities that stand for
    a range are ranges; LIKE without a wildcard is an equality. An inequality of a column that has not one lower and
    one upper bound stays as it is."""
    ends: dict[Ref, tuple[set[Scalar], set[Scalar]]] = defaultdict(lambda: (set(), set()))
    for condition in query.conjuncts:
        if _is_bound(condition):
            ends[condition.on][condition.op != ">="].add(condition.value)
    paired = {column for column, (lows, highs) in ends.items() if len(lows) == len(highs) == 1}
    found: list[Stated] = []
    for condition in query.conjuncts:
        if _is_bound(condition) and condition.on in paired:
            lows, highs = ends[condition.on]
            found.append(Range(condition.on, *lows, *highs))
        else:
            found.append(_stated(condition))
    return tuple(dict.fromkeys(found))


def _stated(condition: Condition) -> Stated:
    match condition:
        case Compare(on, "<>", bool() as value) if on.kind is Kind.BOOLEAN:
            return Compare(on, "=", not value)  # what is not false is true
        case Between(Ref() as column, low, high):
            return Range(column, low, high)
        case Not(Between(Ref() as column, low, high)):
            return Range(column, low, high, True)
        case Not(And((Compare(Ref() as column, ">=", low), Compare(Ref() as other, "<", high)))) if column == other:
            if not isinstance(low, Ref | Call) and not isinstance(high, Ref | Call):
                return Range(column, low, high, True)
        case Like() if (text := text_of(condition)) is not None and not condition.ignore_case:
            return _stated(Compare(condition.on, "=", text))
        case Not(Like() as like) if (text := text_of(like)) is not None and not like.ignore_case:
            return _stated(Compare(like.on, "<>", text))
        case Compare(Call() as on, "=" | "<>" as op, value) if not isinstance(value, Ref | Call):
            if (found := bounds(on, value)) is not None:
                negated = op == "<>"
                return Range(*found, negated, None if exact(on, value) else condition)
    return condition


def _is_bound(condition: Condition) -> TypeGuard[Bound]:
    """Whether it is an inequality between a column and a constant that can be one end of a range."""
    return (
        isinstance(condition, Compare)
        and condition.op in (">=", "<", "<=")
        and isinstance(condition.on, Ref)
        and not isinstance(condition.value, Ref | Call)
    )


def aligned(query: Query, snap: bool) -> tuple[Query, tuple[str, ...]] | Refused:
    """The query with its ranges on the grid (as stated without `snap`), and what the analyst is told of that."""
    closed = {c.on.name for c in query.conjuncts if _is_bound(c) and c.op == "<="}
    parts: list[Condition] = []
    notices: list[str] = []
    for condition in conditions_of(query):
        if not isinstance(condition, Range):
            parts.append(condition)
            continue
        if condition.written is not None:
            parts.append(condition.written)
            continue
        name, kind = condition.column.name, condition.column.kind
        low, high = condition.low, condition.high
        try:
            if not snap:
                low, high = stated(low, high, kind)
            elif is_before(low, high):
                low, high = snapped(low, high, kind)
        except OverflowError:
            return Refused("diffix-range", f"Diffix has no aligned range around this one among the values of {name}.")
        if not is_before(low, high):
            return Refused("diffix-range", f"Diffix answers no empty range of {name}; put the smaller bound first.")
        if name in closed:
            notices.append(f"The upper bound of {name} is left out: <= is read as <.")
        if snap and (is_before(low, condition.low) or is_before(condition.high, high)):
            notices.append(f"The range of {name} was widened to {_said(low)} <= {name} < {_said(high)}.")
        inside = (Compare(condition.column, ">=", low), Compare(condition.column, "<", high))
        parts += [Not(And(inside))] if condition.negated else inside
    if not parts:
        return query, ()
    return replace(query, where=parts[0] if len(parts) == 1 else And(tuple(parts))), tuple(notices)


def _said(bound: Scalar) -> str:
    return str(bound) if isinstance(bound, date) else repr(bound)
