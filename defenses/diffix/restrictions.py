"""What Diffix refuses: one small check per rule. All see the query only, so a refusal says nothing about the rows."""

from __future__ import annotations

from collections import Counter

from defenses.diffix.conditions import Range, Stated, conditions_of
from harness.model import Kind, Refused
from harness.sql.query import Aggregate, Compare, In, IsNull, Not, Or, Query, Ref, walk

MOST_VALUES = 1_500  # each has noise layers of its own in every bucket


def refusal(query: Query) -> Refused | None:
    """The first rule that the query breaks, or None."""
    if not query.aggregates:
        return Refused("diffix-aggregate", "Diffix needs an aggregate here; SELECT count(*) beside the columns.")
    for aggregate in query.aggregates:
        if (refused := _aggregate(aggregate, query.uid)) is not None:
            return refused
    conditions = conditions_of(query)
    values = sum(len(condition.values) if isinstance(condition, In) else 1 for condition in conditions)
    if values > MOST_VALUES:
        return Refused(
            "diffix-layers", f"Diffix answers at most {MOST_VALUES:,} conditions, counting the values of IN."
        )
    for condition in conditions:
        if (refused := _condition(condition)) is not None:
            return refused
    ranges = Counter(condition.column for condition in conditions if isinstance(condition, Range))
    if several := [column.name for column, number in ranges.items() if number > 1]:
        return Refused("diffix-range", f"Diffix answers one range of a column; there are several of {several[0]}.")
    return None


def _aggregate(aggregate: Aggregate, uid: str) -> Refused | None:
    column = aggregate.on.name if aggregate.on else "*"
    if aggregate.distinct and (aggregate.function != "count" or column != uid):
        asked = f"{aggregate.function}(DISTINCT {column})"
        return Refused("diffix-aggregate", f"Diffix answers count(DISTINCT {uid}), not {asked}.")
    return None


def _condition(condition: Stated) -> Refused | None:
    if isinstance(condition, Range):
        if condition.column.kind in (Kind.TEXT, Kind.BOOLEAN):
            kind = condition.column.kind
            return Refused("diffix-range", f"Diffix answers ranges of numbers, dates and times, not of {kind}.")
        return None
    if any(isinstance(part, Or) for part in walk(condition)):
        return Refused("diffix-or", "Diffix does not answer OR; IN (…) lists alternatives of one column.")
    match condition:
        case Compare(op="=" | "<>", value=value) if not isinstance(value, Ref):
            return None
        case In() | IsNull(Ref()) | Not(IsNull(Ref())):
            return None
        case Compare(op="=" | "<>"):
            return Refused("diffix-columns", "Diffix compares a column with a constant, not with another column.")
        case Compare(on, op):
            name = on.name if isinstance(on, Ref) else "x"
            return Refused(
                "diffix-inequality",
                f"Diffix does not answer {op} alone; give both ends of a range: {name} >= a AND {name} < b.",
            )
    return Refused("diffix-condition", "Diffix joins by AND the forms =, <>, [NOT] IN, BETWEEN and IS [NOT] NULL.")
