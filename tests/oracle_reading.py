"""The slow oracle's question of a query that the harness has read: conditions on rows and terms, one for one."""

from __future__ import annotations

from harness.sql import query as read
from harness.sql.query import And, Between, Call, Compare, Const, In, IsNull, Like, Not, Query, Ref
from tests import oracle_queries as oracle
from tests.oracle_clear import literal_pattern
from tests.oracle_terms import App, Col, Term, Val, columns


def question_of(query: Query) -> oracle.Question:
    keys = tuple(key.name if isinstance(key, Ref) else _app(key) for key in query.keys)
    return oracle.Question(
        keys, tuple(map(_aggregate, query.aggregates)), tuple(c for part in query.conjuncts for c in _conditions(part))
    )


def _aggregate(aggregate: read.Aggregate) -> oracle.Aggregate:
    if aggregate.on is None:
        return oracle.Aggregate(aggregate.function)
    assert isinstance(aggregate.on, Ref), "the oracle knows aggregates of columns"
    return oracle.Aggregate(aggregate.function, aggregate.on.name, aggregate.distinct)


def _conditions(condition: read.Condition) -> tuple[oracle.Condition, ...]:
    match condition:
        case Compare(on, "=" | "<>" as op, Ref() | Call() as other):
            named = {"=": "same", "<>": "differ"}[op]
            return (_about(on, named, other.name if isinstance(other, Ref) else _app(other)),)
        case Compare(on, op, value):
            return (_about(on, op, value),)
        case Between(on, low, high):
            return (_about(on, "between", low, high),)
        case Not(Between(on, low, high)):
            return (_about(on, "not between", low, high),)
        case Not(And((Compare(on, ">=", low), Compare(other, "<", high)))) if on == other:
            return (_about(on, "not between", low, high),)
        case In(on, values, negated):
            return (_about(on, "not in" if negated else "in", *values),)
        case IsNull(on):
            return (_about(on, "null"),)
        case Not(IsNull(on)):
            return (_about(on, "not-null"),)
        case Like():
            return (_like(condition, ""),)
        case Not(Like() as like):
            return (_like(like, "not "),)
    raise AssertionError(f"the oracle knows no {condition}")


def _like(like: Like, negated: str) -> oracle.Condition:
    op = f"{negated}{'ilike' if like.ignore_case else 'like'}"
    return _about(like.on, op, literal_pattern(like.pattern, like.escape))


def _about(on: object, op: str, *values: object) -> oracle.Condition:
    if isinstance(on, Ref):
        return oracle.Condition(on.name, op, values)
    assert isinstance(on, Call)
    term = _app(on)
    return oracle.Condition(columns(term)[0].name, op, values, term)


def _app(call: Call) -> App:
    return App(call.function, tuple(map(_term, call.args)))


def _term(term: read.Term) -> Term:
    match term:
        case Ref(name, kind):
            return Col(name, str(kind))
        case Const(value, kind):
            return Val(value, str(kind))
        case Call():
            return _app(term)
    raise AssertionError(term)
