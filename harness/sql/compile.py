"""Plan to DuckDB SQL: a new tree built from the Query alone, identifiers quoted, literals typed.

one row a user    SELECT k AS k0, count(*) AS a0, count(*) AS users, bit_xor(hash) AS uid_xor FROM t GROUP BY k
many rows a user  the same over a sub-query that first groups by key and user, where contributions are asked for

A plan with `stored_below` becomes the union of two such statements, of the table and of its stored version.

Contributions to aggregate 0 come as 0t0, 0n0, 0s0: the most extreme ones of side 0 (`plan.HIGH`), the number of users
and the sum; 1t0 … of side 1, 2t0 … of side 2. Of a count 0e0 are the largest ones above 1, NULL where there are none;
the sum is the aggregate, and the number of users that of the bucket where it is not there. x0 is the XOR of the users
with a value in the column of aggregate 0. f0 are the floated values of the first such column; s0l, s0h and s0n the span
of the first such column.

Contributions to a stddev are squares of the distance from the bucket's average, which a window function puts beside
every row. Medians and DISTINCT values are looked up in statements of their own, joined by the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from harness.model import Kind
from harness.sql import alone, astray, edges, joins, users
from harness.sql.aggregates import SQUARE, aggregate_tree, count, double, known, measured, merged, of_user, over, sides
from harness.sql.apart import Rows, counts_users, is_apart, joined, positions, same_keys, with_apart
from harness.sql.astray import picked, strayed
from harness.sql.expressions import cast, condition_tree, term_tree
from harness.sql.nodes import call as _call
from harness.sql.nodes import named as _as
from harness.sql.nodes import quoted as _quoted
from harness.sql.plan import ROW_NUMBER, STORED, UID_HASH, Plan
from harness.sql.query import Aggregate, Query, Ref, is_of_users


def compile_plan(plan: Plan, uid: str, unique_uid: bool, salt: bytes = b"", alone_in: tuple[str, ...] = ()) -> str:
    """The SQL that gives one row a bucket, ordered by keys: k0 …, a0 …, then the extras that the plan asks for. The
    salt keys the choice of rows where the plan has a sample. Of joined tables a user can have several rows. `alone_in`:
    of `alone.columns_of` the plan those for which the table tells which rows are alone."""
    unique_uid = unique_uid and plan.query.joins is None
    tree: exp.Select | exp.Union = _tree(plan, uid, unique_uid, salt, alone_in)
    if plan.stored_below > 0:
        stored = replace(plan, query=replace(plan.query, table=STORED))
        both = (_tree(plan, uid, unique_uid, salt), _tree(stored, uid, unique_uid, salt))
        tree = _large_or_stored(plan, *both, uid, salt)
    return tree.sql(dialect="duckdb", copy=False)


def _tree(plan: Plan, uid: str, unique_uid: bool, salt: bytes, alone_in: tuple[str, ...] = ()) -> exp.Select:
    aggregates = tuple(aggregate.of for aggregate in plan.query.aggregates)
    plan = strayed(replace(plan, query=replace(plan.query, aggregates=aggregates)))
    unique_uid = unique_uid or users.are_unique(plan)
    rows = _rows_of(plan, uid, salt)
    two_levels = (plan.top or plan.edges or plan.beyond) and not unique_uid
    select = _two_levels(plan, uid, rows, alone_in) if two_levels else _one_level(plan, uid, unique_uid, rows)
    select = _with_first(plan, select, rows) if plan.first else select
    for i, aggregate in enumerate(plan.query.aggregates if plan.top else ()):
        if is_apart(aggregate, uid, unique_uid):
            select = with_apart(plan, select, i, uid, rows)
    return select


def _rows_of(plan: Plan, uid: str, salt: bytes) -> Rows:
    """What selects from the plan's rows: from the table, or where contributions to a stddev are asked for, from its
    rows with the square of the distance from the bucket's average beside each, "#square0" for aggregate 0."""
    keys = [term_tree(key) for key in plan.query.keys]
    squares = [
        _as(_call("pow", _distance(aggregate, keys), exp.Literal.number(2)), f"{SQUARE}{i}")
        for i, aggregate in enumerate(plan.query.aggregates if plan.top else ())
        if aggregate.function == "stddev"
    ]

    def selected(columns: Sequence[exp.Expr]) -> exp.Select:
        found = users.source(plan, uid) if plan.query.per_user else astray.source(plan, salt)
        return _of_rows(exp.select(*columns).from_(found, copy=False), plan, salt)

    def rows(columns: Sequence[exp.Expr]) -> exp.Select:
        if not squares:
            return selected(columns)
        inside = selected([exp.Star(), *(square.copy() for square in squares)])
        return exp.select(*columns).from_(inside.subquery("squared", copy=False), copy=False)

    return rows


def _distance(aggregate: Aggregate, keys: Sequence[exp.Expr]) -> exp.Expr:
    """A row's value less the average of its bucket. Of whole numbers (n·x − sum)/n: beyond 2^53 doubles are too coarse
    for the difference of two. The average of equal real numbers can be another one: they have no distance."""

    def of_bucket(function: str) -> exp.Expr:
        return exp.Window(this=_call(function, measured(aggregate)), partition_by=[key.copy() for key in keys])

    if aggregate.on is None or aggregate.on.kind is not Kind.INTEGER:
        equal = exp.EQ(this=of_bucket("min"), expression=of_bucket("max"))
        value = double(measured(aggregate))
        average = exp.Case(ifs=[exp.If(this=equal, true=value.copy())], default=of_bucket("avg"))
        return exp.Sub(this=value, expression=average)
    number = of_bucket("count")
    times = exp.Mul(this=cast(measured(aggregate), exp.DType.INT128), expression=number)
    exact = exp.Paren(this=exp.Sub(this=times, expression=of_bucket("sum")))
    return exp.Div(this=double(exact), expression=number.copy())


def _one_level(plan: Plan, uid: str, unique_uid: bool, rows: Rows) -> exp.Select:
    query, user = plan.query, exp.column(uid, quoted=True)
    columns = [_as(term_tree(key), f"k{i}") for i, key in enumerate(query.keys)]
    columns += [
        _as(count() if unique_uid and counts_users(a, uid) else aggregate_tree(a), f"a{i}")
        for i, a in enumerate(query.aggregates)
        if not (plan.top and is_apart(a, uid, unique_uid))
    ]
    if plan.users:
        columns.append(_as(count() if unique_uid else count(user, distinct=True), "users"))
    if plan.uid_xor:
        columns.append(_as(_xor(UID_HASH, distinct=not unique_uid), "uid_xor"))
        columns += [
            _as(over(_xor(UID_HASH, distinct=not unique_uid), known(term_tree(a.on))), f"x{i}")
            for i, a in enumerate(query.aggregates)
            if a.on is not None and a.on.name != uid
        ]
    if plan.uid_set:
        columns.append(_as(_call("list", _ascending(_quoted(UID_HASH), distinct=not unique_uid)), "uid_set"))
    if plan.cells:
        columns.append(_as(count(_cell(plan.cells), distinct=True), "cells"))
    for i, ref in enumerate(plan.floated):
        listed = (
            _call("list_sort", users.every_value(ref)) if _is_inside(ref, query) else _distinct_values(term_tree(ref))
        )
        columns.append(_as(listed, f"f{i}"))
    for i, ref in enumerate(plan.spans):
        low, high = _ends(ref, query)
        inside = _is_inside(ref, query)
        number = _call("len", users.every_value(ref)) if inside else count(term_tree(ref), distinct=True)
        columns += _span(i, _call("min", low), _call("max", high), number)
    for i, aggregate in enumerate(query.aggregates if plan.top else ()):
        if aggregate.function != "count" and not is_apart(aggregate, uid, unique_uid):  # of counts all are 1
            part = _quoted(f"{SQUARE}{i}") if aggregate.function == "stddev" else measured(aggregate)
            columns += sides(i, aggregate, part, None, plan.top)
    columns += edges.of_bucket([_ends(ref, query) for ref in plan.edges], plan.ends)
    columns += edges.beyond_of_bucket([edges.beyond(*bounds, _ends(bounds[0], query)) for bounds in plan.beyond])
    number = count() if unique_uid else count(user, distinct=True)
    return _grouped(rows(columns), query, plan.fewest, number)


def _large_or_stored(plan: Plan, exact: exp.Select, stored: exp.Select, uid: str, salt: bytes) -> exp.Union:
    """The exact buckets of `stored_below` records and more, and of all others what the stored version gives."""
    query = plan.query
    enough = exp.GTE(this=count(), expression=exp.Literal.number(repr(plan.stored_below)))
    counted = _keys_and(plan, [_as(exp.Literal.number(1), "large")], _rows_of(strayed(plan), uid, salt))
    large = counted.having(enough, copy=False)
    inside = exp.select("1").from_("large", copy=False).where(same_keys("large", "part", query), copy=False)
    parts = [
        exp.select("*").from_(tree.subquery("part", copy=False), copy=False).where(condition, copy=False)
        for tree, condition in (
            (exact, exp.Exists(this=inside)),
            (stored, exp.Not(this=exp.Exists(this=inside.copy()))),
        )
    ]
    both = exp.union(*parts, distinct=False, copy=False).with_("large", as_=large, copy=False)
    return both.order_by(*positions(query), copy=False) if query.keys else both


def _with_first(plan: Plan, select: exp.Select, rows: Rows) -> exp.Select:
    """The same buckets with first0, records0 … of the aggregates that have them."""
    width, columns = exp.Literal.number(plan.first), []
    for i, aggregate in enumerate(plan.query.aggregates):
        if aggregate.function in ("sum", "avg") and not aggregate.distinct:
            value = double(measured(aggregate))
            early = _call("min_by", value, _quoted(ROW_NUMBER), width.copy())
            early = _call("coalesce", early, exp.Array(expressions=[]))
            padding = cast(exp.Literal.string("NaN"), exp.DType.DOUBLE)
            columns += [
                _as(_call("list_resize", early, width.copy(), padding), f"first{i}"),
                _as(count(value.copy()), f"records{i}"),
            ]
    if not columns:
        return select
    names = [exp.column(column.alias, table="early", quoted=True) for column in columns]
    return joined(plan.query, select, "early", _keys_and(plan, columns, rows), names)


def _keys_and(plan: Plan, columns: list[exp.Expr], rows: Rows) -> exp.Select:
    """One row a bucket: its keys and these columns, in no order."""
    keys = [_as(term_tree(key), f"k{i}") for i, key in enumerate(plan.query.keys)]
    select = rows([*keys, *columns])
    return select.group_by(*(exp.Literal.number(i + 1) for i in range(len(keys))), copy=False) if keys else select


def query_text(query: Query) -> str:
    """The query's SELECT, WHERE and GROUP BY in one canonical spelling: what a per-query seed is made from."""
    slots = [term_tree(key) for key in query.keys] + [aggregate_tree(a) for a in query.aggregates]
    columns = [slots[output.slot] for output in query.outputs]
    select = exp.select(*columns).from_(joins.source(Plan(query)), copy=False)
    if query.where is not None:
        select = select.where(condition_tree(query.where), copy=False)
    return select.group_by(*(term_tree(key) for key in query.keys), copy=False).sql(dialect="duckdb", copy=False)


def domain_text(table: str, column: str) -> str:
    """The SQL that counts the different values of a column in the whole table, NULL among them."""
    select = exp.select(_as(count(_cell((Ref(column, Kind.TEXT),)), distinct=True), "domain"))
    return select.from_(exp.table_(table, quoted=True), copy=False).sql(dialect="duckdb", copy=False)


def _of_rows(select: exp.Select, plan: Plan, salt: bytes) -> exp.Select:
    """With the rows that meet the query's conditions and belong to the plan's sample."""
    query = plan.query
    if query.per_user:
        select = select.where(*map(condition_tree, filter(is_of_users, query.conjuncts)), copy=False)
        return users.within(select, plan)
    if query.where is not None:
        select = select.where(condition_tree(query.where), copy=False)
    if plan.within:
        select = edges.within(select, plan.within, [(term_tree(k), k.kind) for k in query.keys], term_tree)
    if plan.sample is not None:
        select = select.where(picked(plan.sample, salt), copy=False)
    return select


def _ends(ref: Ref, query: Query) -> tuple[exp.Expr, exp.Expr]:
    return users.ends(ref, query) if query.per_user else (term_tree(ref), term_tree(ref))


def _is_inside(ref: Ref, query: Query) -> bool:
    return query.per_user and users.is_raw(ref, query)


def formula_text(query: Query) -> str:
    """Which rows a query is about, WHERE and GROUP BY, in one canonical spelling, whatever it computes of them."""
    return query_text(replace(query, aggregates=(), outputs=()))


def _two_levels(plan: Plan, uid: str, by_rows: Rows, alone_in: tuple[str, ...]) -> exp.Select:
    """Per key and user first, so that single users' contributions to each aggregate are known. What is `single` is
    that of a user who has one row."""
    query = plan.query
    inner = [_as(term_tree(key), f"k{i}") for i, key in enumerate(query.keys)]
    inner += [_as(_quoted(UID_HASH), "h")]  # no two users have the same
    single = [column.copy() for column in inner]
    outer = [_as(_quoted(f"k{i}"), f"k{i}") for i in range(len(query.keys))]
    for i, aggregate in enumerate(query.aggregates):
        part, rows = _quoted(f"c{i}"), _quoted(f"n{i}")
        apart = is_apart(aggregate, uid, False)
        inner += [_as(count(term_tree(aggregate.on)) if apart and aggregate.on else of_user(i, aggregate), f"c{i}")]
        of_row = alone.number(aggregate) if apart and aggregate.on else alone.of_row(i, aggregate)
        single += [_as(of_row, f"c{i}")]
        if aggregate.function in ("avg", "stddev") and not apart:
            inner += [_as(count(measured(aggregate)), f"n{i}")]
            single += [_as(alone.number(aggregate), f"n{i}")]
        if not apart:
            outer.append(_as(merged(aggregate, part, rows), f"a{i}"))
            outer += sides(i, aggregate, part, rows, plan.top) if plan.top else []
        if plan.uid_xor and aggregate.on is not None and aggregate.on.name != uid:
            zero = exp.Literal.number(0)
            counted = apart or aggregate.function == "count"
            has_value = exp.GT(this=part, expression=zero) if counted else known(part)
            outer.append(_as(over(_xor("h", distinct=False), has_value), f"x{i}"))
    outer += [_as(count(), "users"), _as(_xor("h", distinct=False), "uid_xor")]
    inner += edges.of_user([term_tree(ref) for ref in plan.edges])
    single += edges.of_row([term_tree(ref) for ref in plan.edges])
    outer += edges.of_bucket([edges.of_user_columns(i) for i in range(len(plan.edges))], plan.ends)
    inner += edges.beyond_of_user(plan.beyond)
    single += edges.beyond_of_row(plan.beyond)
    outer += edges.beyond_of_bucket([edges.beyond_of_user_columns(i) for i in range(len(plan.beyond))])
    for i, ref in enumerate(plan.floated):
        inner.append(_as(_distinct_values(term_tree(ref)), f"f{i}"))
        listed = _call("flatten", _call("list", _quoted(f"f{i}")))
        outer.append(_as(_call("list_sort", _call("list_distinct", listed)), f"f{i}"))
    for i, ref in enumerate(plan.spans):
        listed = over(_call("list", exp.Distinct(expressions=[term_tree(ref)])), known(term_tree(ref)))
        inner += _span(i, _call("min", term_tree(ref)), _call("max", term_tree(ref)), listed)
        number = _call("len", _call("list_distinct", _call("flatten", _call("list", _quoted(f"s{i}n")))))
        outer += _span(i, _call("min", _quoted(f"s{i}l")), _call("max", _quoted(f"s{i}h")), number)
    if plan.uid_set:
        outer.append(_as(_call("list", _ascending(_quoted("h"))), "uid_set"))
    if plan.cells:
        inner.append(_as(_call("list", exp.Distinct(expressions=[_cell(plan.cells)])), "cells"))
        listed = _call("flatten", _call("list", _quoted("cells")))
        outer.append(_as(_call("len", _call("list_distinct", listed)), "cells"))
    users: exp.Select | exp.Union
    users = by_rows(inner).group_by(*(exp.Literal.number(i + 1) for i in range(len(query.keys) + 1)), copy=False)
    if alone_in:
        others = users.where(alone.is_not_alone(alone_in), copy=False)
        users = exp.union(
            by_rows(single).where(alone.is_alone(alone_in), copy=False), others, distinct=False, copy=False
        )
    return _grouped(
        exp.select(*outer).from_(users.subquery("per_user", copy=False), copy=False), query, plan.fewest, count()
    )


def _grouped(select: exp.Select, query: Query, fewest: int, users: exp.Expr) -> exp.Select:
    if query.keys:
        keys = [exp.Literal.number(i + 1) for i in range(len(query.keys))]
        select = select.group_by(*keys, copy=False).order_by(*positions(query), copy=False)
    if fewest:
        select = select.having(exp.GTE(this=users, expression=exp.Literal.number(fewest)), copy=False)
    return select


def _xor(column: str, distinct: bool) -> exp.Expr:
    inner = _quoted(column)
    return _call("bit_xor", exp.Distinct(expressions=[inner]) if distinct else inner)


def _distinct_values(column: exp.Expr) -> exp.Expr:
    listed = _call("list", _ascending(column, distinct=True))
    return over(listed, known(column))


def _span(i: int, smallest: exp.Expr, largest: exp.Expr, number: exp.Expr) -> list[exp.Expr]:
    return [_as(smallest, f"s{i}l"), _as(largest, f"s{i}h"), _as(number, f"s{i}n")]


def _ascending(column: exp.Expr, distinct: bool = False) -> exp.Expr:
    inner = exp.Distinct(expressions=[column]) if distinct else column
    return exp.Order(this=inner, expressions=[exp.Ordered(this=column.copy())])


def _cell(refs: tuple[Ref, ...]) -> exp.Expr:
    """The values of these columns as one that is never NULL."""
    return _call("row", *(term_tree(ref) for ref in refs))
