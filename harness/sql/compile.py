"""Plan to DuckDB SQL: a new tree built from the Query alone, identifiers quoted, literals typed.

one row a user    SELECT k AS k0, count(*) AS a0, count(*) AS users, bit_xor(hash) AS uid_xor FROM t GROUP BY k
many rows a user  the same over a sub-query that first groups by key and user, where contributions are asked for

A plan with `stored_below` becomes the union of two such statements, of the table and of its stored version.

Contributions to aggregate 0 come as 0t0, 0n0, 0s0: the most extreme ones of side 0 (`plan.HIGH`), the number of users
and the sum; 1t0 … of side 1, 2t0 … of side 2. x0 is the XOR of the users with a value in the column of aggregate 0.
f0 are the floated values of the first such column; s0l, s0h and s0n the span of the first such column.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from harness.model import Kind
from harness.sql import edges
from harness.sql.astray import picked, source, strayed
from harness.sql.expressions import cast, condition_tree, term_tree
from harness.sql.nodes import call as _call
from harness.sql.nodes import named as _as
from harness.sql.nodes import quoted as _quoted
from harness.sql.plan import HIGH, LOW, ROW_NUMBER, ROWS, STORED, UID_HASH, Plan
from harness.sql.query import (
    Aggregate,
    Query,
    Ref,
)


def compile_plan(plan: Plan, uid: str, unique_uid: bool, salt: bytes = b"") -> str:
    """The SQL that gives one row a bucket, ordered by keys: k0 …, a0 …, then the extras that the plan asks for. The
    salt keys the choice of rows where the plan has a sample."""
    tree: exp.Select | exp.Union = _tree(plan, uid, unique_uid, salt)
    if plan.stored_below > 0:
        stored = replace(plan, query=replace(plan.query, table=STORED))
        tree = _large_or_stored(plan, _tree(plan, uid, unique_uid, salt), _tree(stored, uid, unique_uid, salt), salt)
    return tree.sql(dialect="duckdb", copy=False)


def _tree(plan: Plan, uid: str, unique_uid: bool, salt: bytes) -> exp.Select:
    plan = strayed(plan)
    two_levels = (plan.top or plan.edges) and not unique_uid
    select = _two_levels(plan, uid, salt) if two_levels else _one_level(plan, uid, unique_uid, salt)
    return _with_first(plan, select, salt) if plan.first else select


def _one_level(plan: Plan, uid: str, unique_uid: bool, salt: bytes) -> exp.Select:
    query, users = plan.query, exp.column(uid, quoted=True)
    columns = [_as(term_tree(key), f"k{i}") for i, key in enumerate(query.keys)]
    columns += [_as(_aggregate(a), f"a{i}") for i, a in enumerate(query.aggregates)]
    if plan.users:
        columns.append(_as(_count() if unique_uid else _count(users, distinct=True), "users"))
    if plan.uid_xor:
        columns.append(_as(_xor(UID_HASH, distinct=not unique_uid), "uid_xor"))
        columns += [
            _as(_over(_xor(UID_HASH, distinct=not unique_uid), _known(term_tree(a.on))), f"x{i}")
            for i, a in enumerate(query.aggregates)
            if a.on is not None and a.on.name != uid
        ]
    if plan.uid_set:
        columns.append(_as(_call("list", _ascending(_quoted(UID_HASH), distinct=not unique_uid)), "uid_set"))
    if plan.cells:
        columns.append(_as(_count(_cell(plan.cells), distinct=True), "cells"))
    columns += [_as(_distinct_values(term_tree(ref)), f"f{i}") for i, ref in enumerate(plan.floated)]
    for i, ref in enumerate(plan.spans):
        smallest, largest = (_call(end, term_tree(ref)) for end in ("min", "max"))
        columns += _span(i, smallest, largest, _count(term_tree(ref), distinct=True))
    for i, aggregate in enumerate(query.aggregates if plan.top else ()):
        if aggregate.function != "count":  # of the counts all contributions are 1
            columns += _sides(i, aggregate, _measured(aggregate), None, plan.top)
    columns += edges.of_rows([term_tree(ref) for ref in plan.edges])
    select = exp.select(*columns).from_(source(plan, salt), copy=False)
    number = _count() if unique_uid else _count(users, distinct=True)
    return _grouped(_of_rows(select, plan, salt), query, plan.fewest, number)


def _large_or_stored(plan: Plan, exact: exp.Select, stored: exp.Select, salt: bytes) -> exp.Union:
    """The exact buckets of `stored_below` records and more, and of all others what the stored version gives."""
    query = plan.query
    enough = exp.GTE(this=_count(), expression=exp.Literal.number(repr(plan.stored_below)))
    large = _keys_and(plan, [_as(exp.Literal.number(1), "large")], salt).having(enough, copy=False)
    inside = exp.select("1").from_("large", copy=False).where(_same_keys("large", "part", query), copy=False)
    parts = [
        exp.select("*").from_(tree.subquery("part", copy=False), copy=False).where(condition, copy=False)
        for tree, condition in (
            (exact, exp.Exists(this=inside)),
            (stored, exp.Not(this=exp.Exists(this=inside.copy()))),
        )
    ]
    both = exp.union(*parts, distinct=False, copy=False).with_("large", as_=large, copy=False)
    return both.order_by(*_positions(query), copy=False) if query.keys else both


def _with_first(plan: Plan, select: exp.Select, salt: bytes) -> exp.Select:
    """The same buckets with first0, records0 … of the aggregates that have them."""
    width, columns = exp.Literal.number(plan.first), []
    for i, aggregate in enumerate(plan.query.aggregates):
        if aggregate.function in ("sum", "avg") and not aggregate.distinct:
            value = _double(_measured(aggregate))
            early = _call("min_by", value, _quoted(ROW_NUMBER), width.copy())
            early = _call("coalesce", early, exp.Array(expressions=[]))
            padding = cast(exp.Literal.string("NaN"), exp.DType.DOUBLE)
            columns += [
                _as(_call("list_resize", early, width.copy(), padding), f"first{i}"),
                _as(_count(value.copy()), f"records{i}"),
            ]
    if not columns:
        return select
    names = [exp.column(column.alias, table="early", quoted=True) for column in columns]
    joined = exp.select("part.*", *names).from_(select.subquery("part", copy=False), copy=False)
    early_buckets = _keys_and(plan, columns, salt).subquery("early", copy=False)
    joined = joined.join(early_buckets, on=_same_keys("early", "part", plan.query), copy=False)
    return joined.order_by(*_positions(plan.query), copy=False) if plan.query.keys else joined


def _keys_and(plan: Plan, columns: list[exp.Expr], salt: bytes) -> exp.Select:
    """One row a bucket: its keys and these columns, in no order."""
    query = plan.query
    keys = [_as(term_tree(key), f"k{i}") for i, key in enumerate(query.keys)]
    select = exp.select(*keys, *columns).from_(source(plan, salt), copy=False)
    select = _of_rows(select, plan, salt)
    return select.group_by(*(exp.Literal.number(i + 1) for i in range(len(keys))), copy=False) if keys else select


def _same_keys(one: str, other: str, query: Query) -> exp.Expr:
    names = [f"k{i}" for i in range(len(query.keys))]
    same: list[exp.Expr] = [
        exp.NullSafeEQ(
            this=exp.column(name, table=one, quoted=True), expression=exp.column(name, table=other, quoted=True)
        )
        for name in names
    ]
    return exp.and_(*same, copy=False) if same else exp.true()


def query_text(query: Query) -> str:
    """The query's SELECT, WHERE and GROUP BY in one canonical spelling: what a per-query seed is made from."""
    slots = [term_tree(key) for key in query.keys] + [_aggregate(a) for a in query.aggregates]
    columns = [slots[output.slot] for output in query.outputs]
    select = exp.select(*columns).from_(exp.table_(query.table, quoted=True), copy=False)
    if query.where is not None:
        select = select.where(condition_tree(query.where), copy=False)
    return select.group_by(*(term_tree(key) for key in query.keys), copy=False).sql(dialect="duckdb", copy=False)


def domain_text(table: str, column: str) -> str:
    """The SQL that counts the different values of a column in the whole table, NULL among them."""
    select = exp.select(_as(_count(_cell((Ref(column, Kind.TEXT),)), distinct=True), "domain"))
    return select.from_(exp.table_(table, quoted=True), copy=False).sql(dialect="duckdb", copy=False)


def _of_rows(select: exp.Select, plan: Plan, salt: bytes) -> exp.Select:
    """With the rows that meet the query's conditions and belong to the plan's sample."""
    if plan.query.where is not None:
        select = select.where(condition_tree(plan.query.where), copy=False)
    if plan.within:
        select = edges.within(select, plan.within, [(term_tree(k), k.kind) for k in plan.query.keys], term_tree)
    if plan.sample is not None:
        select = select.where(picked(plan.sample, salt), copy=False)
    return select


def formula_text(query: Query) -> str:
    """Which rows a query is about, WHERE and GROUP BY, in one canonical spelling, whatever it computes of them."""
    return query_text(replace(query, aggregates=(), outputs=()))


def _two_levels(plan: Plan, uid: str, salt: bytes) -> exp.Select:
    """Per key and user first, so that single users' contributions to each aggregate are known."""
    query = plan.query
    inner = [_as(term_tree(key), f"k{i}") for i, key in enumerate(query.keys)]
    inner += [_as(exp.column(uid, quoted=True), "u"), _as(_call("any_value", _quoted(UID_HASH)), "h")]
    outer = [_as(_quoted(f"k{i}"), f"k{i}") for i in range(len(query.keys))]
    for i, aggregate in enumerate(query.aggregates):
        part, rows = _quoted(f"c{i}"), _quoted(f"n{i}")
        inner += [_as(_of_user(aggregate, uid), f"c{i}")]
        if aggregate.function == "avg":
            inner += [_as(_count(_measured(aggregate)), f"n{i}")]
        outer.append(_as(_merged(aggregate, part, rows), f"a{i}"))
        outer += _sides(i, aggregate, part, rows, plan.top) if plan.top else []
        if plan.uid_xor and aggregate.on is not None and aggregate.on.name != uid:
            zero = exp.Literal.number(0)
            known = exp.GT(this=part, expression=zero) if aggregate.function == "count" else _known(part)
            outer.append(_as(_over(_xor("h", distinct=False), known), f"x{i}"))
    outer += [_as(_count(), "users"), _as(_xor("h", distinct=False), "uid_xor")]
    inner += edges.of_user([term_tree(ref) for ref in plan.edges])
    outer += edges.of_users(len(plan.edges), "h")
    for i, ref in enumerate(plan.floated):
        inner.append(_as(_distinct_values(term_tree(ref)), f"f{i}"))
        merged = _call("flatten", _call("list", _quoted(f"f{i}")))
        outer.append(_as(_call("list_sort", _call("list_distinct", merged)), f"f{i}"))
    for i, ref in enumerate(plan.spans):
        listed = _over(_call("list", exp.Distinct(expressions=[term_tree(ref)])), _known(term_tree(ref)))
        inner += _span(i, _call("min", term_tree(ref)), _call("max", term_tree(ref)), listed)
        number = _call("len", _call("list_distinct", _call("flatten", _call("list", _quoted(f"s{i}n")))))
        outer += _span(i, _call("min", _quoted(f"s{i}l")), _call("max", _quoted(f"s{i}h")), number)
    if plan.uid_set:
        outer.append(_as(_call("list", _ascending(_quoted("h"))), "uid_set"))
    if plan.cells:
        inner.append(_as(_call("list", exp.Distinct(expressions=[_cell(plan.cells)])), "cells"))
        merged = _call("flatten", _call("list", _quoted("cells")))
        outer.append(_as(_call("len", _call("list_distinct", merged)), "cells"))
    select = _of_rows(exp.select(*inner).from_(source(plan, salt), copy=False), plan, salt)
    users = select.group_by(*(exp.Literal.number(i + 1) for i in range(len(query.keys) + 1)), copy=False)
    return _grouped(
        exp.select(*outer).from_(users.subquery("per_user", copy=False), copy=False), query, plan.fewest, _count()
    )


def _of_user(aggregate: Aggregate, uid: str) -> exp.Expr:
    """One user's contribution."""
    if aggregate.distinct:
        if aggregate.function != "count" or aggregate.on is None or aggregate.on.name != uid:
            raise ValueError("single users' contributions to DISTINCT are known for count(DISTINCT uid) only")
        return exp.Literal.number(1)
    if aggregate.function == "avg":
        return _call("sum", _measured(aggregate))
    return _aggregate(aggregate)


def _merged(aggregate: Aggregate, part: exp.Expr, rows: exp.Expr) -> exp.Expr:
    """The exact aggregate from the users' contributions."""
    match aggregate.function:
        case "count":
            return _call("coalesce", _call("sum", part), exp.Literal.number(0))
        case "avg":
            return exp.Div(this=cast(_call("sum", part), exp.DType.DOUBLE), expression=_call("sum", rows))
    return _call(aggregate.function, part)


def _sides(i: int, aggregate: Aggregate, part: exp.Expr, rows: exp.Expr | None, top: int) -> list[exp.Expr]:
    """The columns of `plan.Contributions` for the i-th aggregate, where `part` is a user's contribution to it, and
    `rows` to its number of rows (None: 1 each)."""
    zero = exp.Literal.number(0)
    match aggregate.function:
        case "count":
            return _side(f"{HIGH}%s{i}", _double(part), exp.GT(this=part.copy(), expression=zero), top)
        case "max":
            return _side(f"{HIGH}%s{i}", _double(part), _known(part), top)
        case "min":
            return _side(f"{LOW}%s{i}", _double(part), _known(part), top, largest=False)
    high = _side(f"{HIGH}%s{i}", _double(part), exp.GTE(this=part.copy(), expression=zero), top)
    negative = exp.Neg(this=_double(part))
    low = _side(f"{LOW}%s{i}", negative, exp.LTE(this=part.copy(), expression=zero.copy()), top)
    if aggregate.function == "sum":
        return high + low
    if rows is None:
        return [*high, *low, _as(_count(part.copy()), f"{ROWS}n{i}")]
    return high + low + _side(f"{ROWS}%s{i}", _double(rows), exp.GT(this=rows.copy(), expression=zero.copy()), top)


def _double(node: exp.Expr) -> exp.Expr:
    return cast(node.copy(), exp.DType.DOUBLE)


def _side(name: str, number: exp.Expr, takes_part: exp.Expr, top: int, largest: bool = True) -> list[exp.Expr]:
    extreme = _over(_call("max" if largest else "min", number.copy(), exp.Literal.number(top)), takes_part)
    padded = _call("coalesce", extreme, exp.Array(expressions=[]))
    padded = _call("list_resize", padded, exp.Literal.number(top), cast(exp.Literal.number(0), exp.DType.DOUBLE))
    return [
        _as(padded, name % "t"),
        _as(_over(_count(), takes_part), name % "n"),
        _as(_over(_call("sum", number), takes_part), name % "s"),
    ]


def _over(aggregate: exp.Expr, condition: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=condition.copy()))


def _known(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))


def _grouped(select: exp.Select, query: Query, fewest: int, users: exp.Expr) -> exp.Select:
    if query.keys:
        positions = [exp.Literal.number(i + 1) for i in range(len(query.keys))]
        select = select.group_by(*positions, copy=False).order_by(*_positions(query), copy=False)
    if fewest:
        select = select.having(exp.GTE(this=users, expression=exp.Literal.number(fewest)), copy=False)
    return select


def _positions(query: Query) -> list[exp.Ordered]:
    return [exp.Ordered(this=exp.Literal.number(i + 1), nulls_first=False) for i in range(len(query.keys))]


def _aggregate(aggregate: Aggregate) -> exp.Expr:
    if aggregate.on is None:
        return _count()
    if aggregate.function == "count":
        return _count(term_tree(aggregate.on), aggregate.distinct)
    column = _measured(aggregate)
    inner = exp.Distinct(expressions=[column]) if aggregate.distinct else column
    return _call(aggregate.function, inner)


def _measured(aggregate: Aggregate) -> exp.Expr:
    """The column of an aggregate as a number: dates and times in microseconds since 1970."""
    assert aggregate.on is not None
    column = term_tree(aggregate.on)
    return _call("epoch_us", cast(column, exp.DType.TIMESTAMP)) if aggregate.on.kind.is_time else column


def _count(of: exp.Expr | None = None, distinct: bool = False) -> exp.Expr:
    if of is None:
        return exp.Count(this=exp.Star(), big_int=True)
    return exp.Count(this=exp.Distinct(expressions=[of]) if distinct else of, big_int=True)


def _xor(column: str, distinct: bool) -> exp.Expr:
    inner = _quoted(column)
    return _call("bit_xor", exp.Distinct(expressions=[inner]) if distinct else inner)


def _distinct_values(column: exp.Expr) -> exp.Expr:
    listed = _call("list", _ascending(column, distinct=True))
    return _over(listed, _known(column))


def _span(i: int, smallest: exp.Expr, largest: exp.Expr, number: exp.Expr) -> list[exp.Expr]:
    return [_as(smallest, f"s{i}l"), _as(largest, f"s{i}h"), _as(number, f"s{i}n")]


def _ascending(column: exp.Expr, distinct: bool = False) -> exp.Expr:
    inner = exp.Distinct(expressions=[column]) if distinct else column
    return exp.Order(this=inner, expressions=[exp.Ordered(this=column.copy())])


def _cell(refs: tuple[Ref, ...]) -> exp.Expr:
    """The values of these columns as one that is never NULL."""
    return _call("row", *(term_tree(ref) for ref in refs))
