"""What Diffix refuses: one small check per rule. All see the query only, so a refusal says nothing about the rows."""

from __future__ import annotations

from collections import Counter

from defenses.diffix.conditions import Range, Stated, conditions_of
from defenses.diffix.terms import MOST_SCALE, jumps, piece, scaled, seed_name, stands_for_ranges
from harness.model import Kind, Refused
from harness.sql.query import Aggregate, Between, Call, Compare, Condition, In, IsNull, Like, Not, Or, Query, Ref, walk

MOST_VALUES = 1_500  # each has noise layers of its own in every bucket


def refusal(
    query: Query, *, clear_only: bool = False, max_discontinuous: int | None = None, time: str | None = None
) -> Refused | None:
    """The first rule that the query breaks, or None."""
    for aggregate in query.aggregates:
        if (refused := _aggregate(aggregate)) is not None:
            return refused
    if query.joins is not None and not all(_links(condition) for added in query.joins.outer for condition in added.on):
        return Refused(
            "diffix-join",
            "Diffix answers LEFT and RIGHT JOIN on columns that are equal; put other conditions in WHERE.",
        )
    conditions = conditions_of(query)
    values = sum(len(condition.values) if isinstance(condition, In) else 1 for condition in conditions)
    if values > MOST_VALUES:
        return Refused(
            "diffix-layers", f"Diffix answers at most {MOST_VALUES:,} conditions, counting the values of IN."
        )
    if max_discontinuous is not None and max(jumps(query), default=0) > max_discontinuous:
        told = "floor, ceil, round, trunc, div, mod, %, bucket and casts to integer"
        return Refused("diffix-math", f"Diffix answers at most {max_discontinuous} of {told} in one expression.")
    for condition in conditions:
        if (refused := _condition(condition) or (_unclear(condition) if clear_only else None)) is not None:
            return refused
    if clear_only and any(piece(key) is None and not stands_for_ranges(key) for key in query.keys):
        return _must_be_clear("a selected expression")
    if time is not None and time not in (c.column.name for c in conditions if isinstance(c, Range) and not c.negated):
        return Refused("diffix-time", f"Diffix needs a range of {time} here: {time} >= a AND {time} < b.")
    ranges = Counter(seed_name(condition.column) for condition in conditions if isinstance(condition, Range))
    if several := [name for name, number in ranges.items() if number > 1]:
        return Refused("diffix-range", f"Diffix answers one range of a column; there are several of {several[0]}.")
    return None


def _links(condition: Condition) -> bool:
    """A condition of an outer join keeps all users: other forms were so many samples of noise for one answer."""
    if not isinstance(condition, Compare) or condition.op != "=":
        return False
    return isinstance(condition.on, Ref) and isinstance(condition.value, Ref)


def _aggregate(aggregate: Aggregate) -> Refused | None:
    column = aggregate.on.name if aggregate.on else "*"
    if aggregate.distinct and aggregate.of.function not in ("count", "sum", "avg"):
        asked = f"{aggregate.function}(DISTINCT {column})"
        return Refused("diffix-aggregate", f"Diffix answers count, sum and avg of DISTINCT values, not {asked}.")
    if aggregate.on is not None and scaled(aggregate.on) is None:
        return Refused(
            "diffix-expression",
            "Diffix answers aggregates of a column, or of a column times a positive constant (of at most "
            f"{MOST_SCALE:,}), not of {column}.",
        )
    return None


def _condition(condition: Stated) -> Refused | None:
    if isinstance(condition, Range):
        if condition.column.kind in (Kind.TEXT, Kind.BOOLEAN):
            kind = condition.column.kind
            return Refused("diffix-range", f"Diffix answers ranges of numbers, dates and times, not of {kind}.")
        return None if piece(condition.column) is not None else _must_be_clear("a range")
    if any(isinstance(part, Or) for part in walk(condition)):
        return Refused("diffix-or", "Diffix does not answer OR; IN (…) lists alternatives of one column.")
    match condition:
        case Compare(op="="):
            return None
        case Compare(Ref(), "<>", Ref()):
            return None
        case Compare(on, "<>", value):
            clear = piece(on) is not None and not isinstance(value, Ref | Call)
            return None if clear else _must_be_clear("<>")
        case In(on):
            return None if piece(on) is not None else _must_be_clear("IN")
        case IsNull(on) | Not(IsNull(on)):
            return None if piece(on) is not None else _must_be_clear("IS NULL")
        case Like(on) | Not(Like(on)):
            return None if piece(on) is not None else _must_be_clear("LIKE")
        case Between(Call()) | Not(Between(Call())) | Compare(Call()):
            return _must_be_clear("a range")
        case Compare(on, op):
            name = on.name if isinstance(on, Ref) else "x"
            return Refused(
                "diffix-inequality",
                f"Diffix does not answer {op} alone; give both ends of a range: {name} >= a AND {name} < b.",
            )
    return Refused(
        "diffix-condition",
        "Diffix joins by AND the forms =, <>, [NOT] IN, [NOT] LIKE, [NOT] BETWEEN and IS [NOT] NULL.",
    )


def _unclear(condition: Stated) -> Refused | None:
    """Under `clear_only` positive equalities have to be clear, too."""
    if not isinstance(condition, Compare):
        return None
    clear = piece(condition.on) is not None and not isinstance(condition.value, Ref | Call)
    return None if clear else _must_be_clear("=")


def _must_be_clear(what: str) -> Refused:
    return Refused(
        "diffix-unclear",
        f"Diffix must see from the query what {what} is about: here a column, or left, right, substring, trim, lower "
        "or upper of one, beside plain constants.",
    )
