"""What Diffix refuses: one small check per rule. All see the query only, so a refusal says nothing about the rows."""

from __future__ import annotations

from harness.model import Refused
from harness.sql.query import Aggregate, Compare, Condition, In, Or, Query, Ref, walk


def refusal(query: Query) -> Refused | None:
    """The first rule that the query breaks, or None."""
    if not query.aggregates:
        return Refused("diffix-aggregate", "Diffix needs an aggregate here; SELECT count(*) beside the columns.")
    for aggregate in query.aggregates:
        if (refused := _aggregate(aggregate, query.uid)) is not None:
            return refused
    for condition in query.conjuncts:
        if (refused := _condition(condition)) is not None:
            return refused
    return None


def _aggregate(aggregate: Aggregate, uid: str) -> Refused | None:
    column = aggregate.on.name if aggregate.on else "*"
    if aggregate.function != "count" or (aggregate.distinct and column != uid):
        asked = f"{aggregate.function}({'DISTINCT ' if aggregate.distinct else ''}{column})"
        return Refused(
            "diffix-aggregate", f"Diffix answers count(*), count(column) and count(DISTINCT {uid}), not {asked}."
        )
    return None


def _condition(condition: Condition) -> Refused | None:
    if any(isinstance(part, Or) for part in walk(condition)):
        return Refused("diffix-or", "Diffix does not answer OR; IN (…) lists alternatives of one column.")
    match condition:
        case Compare(op="=" | "<>", value=value) if not isinstance(value, Ref):
            return None
        case In():
            return None
        case Compare(op="=" | "<>"):
            return Refused("diffix-columns", "Diffix compares a column with a constant, not with another column.")
        case Compare():
            return Refused("diffix-inequality", "Diffix does not answer a single inequality.")
    return Refused("diffix-condition", "Diffix joins conditions of the forms =, <>, IN and NOT IN by AND.")
