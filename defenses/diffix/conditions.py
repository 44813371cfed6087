"""The conditions of a query as Diffix has them: two inequalities are one range, and ranges lie on the grid (§6.7)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, TypeGuard

from defenses.diffix.snapping import is_before, snapped, stated
from harness.model import Refused
from harness.sql.query import And, Between, Compare, Condition, Operator, Query, Ref, Scalar


@dataclass(frozen=True)
class Range:
    """`low <= column < high`."""

    column: Ref
    low: Scalar
    high: Scalar


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
    """The AND'd conditions, equal ones once, with BETWEEN and pairs of inequalities as ranges (`<=` is `<`). An
    inequality of a column that has not one lower and one upper bound stays as it is."""
    bounds: dict[Ref, tuple[set[Scalar], set[Scalar]]] = defaultdict(lambda: (set(), set()))
    for condition in query.conjuncts:
        if _is_bound(condition):
            bounds[condition.on][condition.op != ">="].add(condition.value)
    paired = {column for column, (lows, highs) in bounds.items() if len(lows) == len(highs) == 1}
    found: list[Stated] = []
    for condition in query.conjuncts:
        if isinstance(condition, Between) and isinstance(condition.on, Ref):
            found.append(Range(condition.on, condition.low, condition.high))
        elif _is_bound(condition) and condition.on in paired:
            lows, highs = bounds[condition.on]
            found.append(Range(condition.on, *lows, *highs))
        else:
            found.append(condition)
    return tuple(dict.fromkeys(found))


def _is_bound(condition: Condition) -> TypeGuard[Bound]:
    """Whether it is an inequality between a column and a constant that can be one end of a range."""
    return (
        isinstance(condition, Compare)
        and condition.op in (">=", "<", "<=")
        and isinstance(condition.on, Ref)
        and not isinstance(condition.value, Ref)
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
        parts += [Compare(condition.column, ">=", low), Compare(condition.column, "<", high)]
    if not parts:
        return query, ()
    return replace(query, where=parts[0] if len(parts) == 1 else And(tuple(parts))), tuple(notices)


def _said(bound: Scalar) -> str:
    return str(bound) if isinstance(bound, date) else repr(bound)
