"""The conditions of a query as Diffix has them: two inequalities are one range, and ranges lie on the grid (§6.7)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

from defenses.diffix.snapping import is_before, snapped, stated
from harness.model import Refused
from harness.sql.query import And, Between, Compare, Condition, Query, Ref, Scalar


@dataclass(frozen=True)
class Range:
    """`low <= column < high`; `closed` where the analyst wrote `<= high`."""

    column: Ref
    low: Scalar
    high: Scalar
    closed: bool = False


Stated = Condition | Range


def conditions_of(query: Query) -> tuple[Stated, ...]:
    """The AND'd conditions, equal ones once, with BETWEEN and pairs of inequalities as ranges. An inequality that has
    not exactly one partner stays as it is."""
    conjuncts = tuple(dict.fromkeys(query.conjuncts))
    lowers: Counter[Ref] = Counter(c.on for c in conjuncts if _compares(c, ">="))
    uppers: Counter[Ref] = Counter(c.on for c in conjuncts if _compares(c, "<", "<="))
    paired = {column for column in lowers if lowers[column] == uppers[column] == 1}
    found: list[Stated] = []
    for condition in conjuncts:
        if isinstance(condition, Between) and isinstance(condition.on, Ref):
            found.append(Range(condition.on, condition.low, condition.high))
        elif isinstance(condition, Compare) and condition.on in paired and _compares(condition, ">="):
            upper = next(c for c in conjuncts if _compares(c, "<", "<=") and c.on == condition.on)
            found.append(Range(condition.on, condition.value, upper.value, upper.op == "<="))
        elif not (isinstance(condition, Compare) and condition.on in paired and _compares(condition, "<", "<=")):
            found.append(condition)
    return tuple(dict.fromkeys(found))


def _compares(condition: Condition, *ops: str) -> bool:
    """Whether it is an inequality between a column and a constant."""
    return (
        isinstance(condition, Compare)
        and condition.op in ops
        and isinstance(condition.on, Ref)
        and not isinstance(condition.value, Ref)
    )


def aligned(query: Query, snap: bool) -> tuple[Query, tuple[str, ...]] | Refused:
    """The query with its ranges on the grid (as stated without `snap`), and what the analyst is told of that."""
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
        if condition.closed:
            notices.append(f"The upper bound of {name} is left out: <= is read as <.")
        if snap and (is_before(low, condition.low) or is_before(condition.high, high)):
            notices.append(f"The range of {name} was widened to {_said(low)} <= {name} < {_said(high)}.")
        parts += [Compare(condition.column, ">=", low), Compare(condition.column, "<", high)]
    if not parts:
        return query, ()
    return replace(query, where=parts[0] if len(parts) == 1 else And(tuple(parts))), tuple(notices)


def _said(bound: Scalar) -> str:
    return str(bound) if isinstance(bound, date) else repr(bound)
