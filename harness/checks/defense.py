"""What a defense must be: checked on a small table of all kinds of columns, with NULLs and very small groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from harness.checks.subject import Check, Inapplicable, Subject, expect
from harness.errors import QueryRefused, UpdateError
from harness.model import Answer, Column, Delta, Kind, Refused, Schema, Table, Update
from harness.plugin import Defense
from harness.seeds import generator
from harness.session import History, LocalSession
from harness.sql import Buckets, Plan, Query, analyse, parse
from harness.stages import answered, planned, refined, updated
from harness.trial import checked, engines

SCHEMA = Schema(
    table="people",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("team", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("height", Kind.REAL),
        Column("member", Kind.BOOLEAN),
        Column("joined", Kind.DATE),
    ),
    uid="uid",
    secrets=("team",),
    quasi_identifiers=("age",),
)
EMPTY = (
    "SELECT count(*), sum(age), avg(height), min(joined) FROM people WHERE age = 200",
    "SELECT team, count(*) FROM people WHERE age = 200 GROUP BY team",
)
QUERIES = (
    "SELECT count(*) FROM people",
    "SELECT team, count(*) FROM people GROUP BY team",
    "SELECT team, member, count(*), avg(age) FROM people GROUP BY 1, 2",
    "SELECT team, sum(height), avg(height) FROM people GROUP BY team",
    "SELECT min(age), max(height), max(joined), count(height), count(DISTINCT team) FROM people",
    "SELECT count(*) FROM people WHERE age = 30",
    "SELECT count(*) FROM people WHERE team = 'red' AND age <> 30",
    "SELECT count(*) FROM people WHERE age BETWEEN 20 AND 40",
    "SELECT count(*) FROM people WHERE team = 'red' OR member",
    "SELECT count(*) FROM people WHERE team IS NULL",
    "SELECT age, count(*) AS n FROM people WHERE member GROUP BY age HAVING count(*) > 1 ORDER BY n DESC, age LIMIT 5",
    "SELECT joined, count(*) FROM people GROUP BY joined",
    "SELECT * FROM people",
    "DROP TABLE people",
    *EMPTY,
    "SELECT count(*) FROM people",
)

ROWS = "SELECT uid, team, age, height, member, joined, count(*) FROM people GROUP BY ALL"


def _people(seed: int = 1, size: int = 150) -> Table:
    rng = generator("check people", seed)
    height = np.round(rng.normal(170.0, 10.0, size), 1)
    height[rng.random(size) < 0.1] = np.nan
    teams = np.array(["red", "green", "blue", "lonely", None], dtype=object)
    frame = pd.DataFrame(
        {
            "uid": np.arange(size),
            "team": rng.choice(teams, size, p=[0.5, 0.3, 0.14, 0.02, 0.04]),
            "age": rng.integers(20, 45, size),
            "height": height,
            "member": rng.random(size) < 0.4,
            "joined": np.datetime64("2020-01-01", "us") + rng.integers(0, 9, size).astype("timedelta64[D]"),
        }
    )
    return Table(SCHEMA, frame)


def _odd() -> dict[str, Table]:
    """Tables that break what was written with ordinary ones in mind."""
    people = _people(size=24).frame
    same = people.assign(team="red", age=30, height=170.0, member=True, joined=people["joined"].iloc[0])
    null = {
        "team": None,
        "age": pd.array([None] * 24, dtype="Int64"),
        "height": np.nan,
        "member": pd.array([None] * 24, dtype="boolean"),
        "joined": np.datetime64("NaT", "us"),
    }
    frames = {
        "of one row": people[:1],
        "of one user with several rows": people.assign(uid=7),
        "of several rows a user": people.assign(uid=people["uid"] // 3),
        "of equal rows": same,
        "of NULL": people.assign(**null).astype({"team": object, "joined": "datetime64[us]"}),
        "of numbers below zero": people.assign(age=-people["age"] * 10**6, height=-people["height"] * 1e6),
    }
    return {name: Table(SCHEMA, frame) for name, frame in frames.items()}


@contextmanager
def _session(subject: Subject, seed: int = 1, size: int = 150, table: Table | None = None) -> Iterator[LocalSession]:
    """A fresh session of a fresh defense with the small table; the same noise whenever the seed is the same."""
    defense: Defense = subject.built_again()
    if reason := defense.skip(SCHEMA):
        raise Inapplicable(reason)
    pair = engines(table or _people(seed, size), defense, seed, 0)
    try:
        yield LocalSession(SCHEMA, pair[0], defense, generator("check answers", seed))
    finally:
        for engine in set(pair):
            engine.close()


def _said(result: object) -> str:
    """An answer as a text that is equal where the answers are, NaN included."""
    if isinstance(result, Answer):
        return repr((result.columns, result.kinds, [column.tolist() for column in result.data], result.notices))
    expect(isinstance(result, Refused), f"A query came back as {type(result).__name__}.")
    return repr(result)


def _plans(subject: Subject) -> list[Plan]:
    defense, history, plans = subject.built_again(), History(SCHEMA), []
    for sql in QUERIES:
        try:
            query: Query = analyse(parse(sql), SCHEMA)
        except QueryRefused:
            continue
        said = planned(defense, query, history)
        history.add(query, said)
        plans += [said] if isinstance(said, Plan) else []
    return plans


def stages_return_what_they_should(subject: Subject) -> None:
    """`plan` returns a Plan or Refused and `answer` Buckets of the batch, and neither changes what it is given."""
    with _session(subject) as session:
        plans = _plans(subject)
        if not plans:
            raise Inapplicable("it refuses all queries of the check")
        buckets = session._engine.run(plans)
        before = _arrays(buckets)
        ready = refined(subject.built_again(), buckets, session._engine.run)
        expect(before == _arrays(buckets), "refine writes into the buckets that it is given; use put.")
        buckets, before = ready, _arrays(ready)
        answered(subject.built_again(), buckets, generator("check answers"))
        expect(before == _arrays(buckets), "answer writes into the buckets that it is given; use with_values.")


def _arrays(buckets: Buckets) -> str:
    found: dict[str, Any] = {field.name: getattr(buckets, field.name) for field in dataclasses.fields(buckets)}
    return repr({name: value.tolist() for name, value in found.items() if isinstance(value, np.ndarray)})


def protect_leaves_its_input_alone(subject: Subject) -> None:
    """`protect` returns a table of the same schema and leaves the one that it is given as it was."""
    if reason := subject.plugin.skip(SCHEMA):
        raise Inapplicable(reason)
    table = _people()
    published: object = subject.built_again().protect(table, generator("check protect"))
    expect(isinstance(published, Table), f"protect returned a {type(published).__name__}, not a Table.")
    assert isinstance(published, Table)
    expect(published.schema == SCHEMA, "protect changed the schema.")
    checked(published, "the protected table", empty=True)
    expect(table.frame.equals(_people().frame), "protect writes into the frame that it is given; copy it first.")


def ordinary_queries_are_answered_or_refused(subject: Subject) -> None:
    """Ordinary queries are answered or refused, and none raises."""
    with _session(subject) as session:
        for sql in QUERIES:
            try:
                _said(session.query(sql))
            except Exception as error:
                expect(False, f"{type(error).__name__} at {sql}: {error}")


def empty_results_and_null_are_handled(subject: Subject) -> None:
    """What nobody is in, and NULL, are answered like anything else, alone and in a batch."""
    with _session(subject) as session:
        for batch in (EMPTY[:1], EMPTY[1:], EMPTY, ("SELECT team, avg(height) FROM people GROUP BY 1",), ()):
            expect(len(session.query_many(batch)) == len(batch), "A batch came back with another length.")


def odd_tables_are_protected_too(subject: Subject) -> None:
    """Tables of one row, of equal rows, of NULL, of numbers below zero and of several rows a user are protected and
    answered."""
    for name, table in _odd().items():
        try:
            with _session(subject, table=table) as session:
                for result in session.query_many(QUERIES):
                    _said(result)
        except Inapplicable:
            raise
        except Exception as error:
            expect(False, f"{type(error).__name__} with a table {name}: {error}")


def a_batch_is_its_queries_one_by_one(subject: Subject) -> None:
    """A batch gets the answers that its queries get one after the other."""
    with _session(subject) as session:
        batch = [_said(result) for result in session.query_many(QUERIES)]
    with _session(subject) as session:
        single = [_said(session.query(sql)) for sql in QUERIES]
    for sql, together, alone in zip(QUERIES, batch, single, strict=True):
        expect(together == alone, f"{sql} differs in a batch; draw fresh noise by Buckets.draw.")


def same_seed_same_answers(subject: Subject) -> None:
    """The same seed gives the same answers."""
    heard = []
    for _ in range(2):
        with _session(subject) as session:
            heard.append([_said(result) for result in session.query_many(QUERIES)])
    for sql, first, second in zip(QUERIES, *heard, strict=True):
        expect(first == second, f"{sql} is answered otherwise in another session under the same seed.")


def refusals_depend_on_no_rows(subject: Subject) -> None:
    """Refusals and notices are the same whatever the rows."""
    heard = []
    for seed, size in ((1, 150), (2, 150), (3, 12)):
        with _session(subject, seed, size) as session:
            results = session.query_many(QUERIES)
        heard.append([repr(result) if isinstance(result, Refused) else repr(result.notices) for result in results])
    for sql, first, second, third in zip(QUERIES, *heard, strict=True):
        expect(first == second == third, f"What is said of {sql} depends on the rows.")


def _updates() -> tuple[Update, ...]:
    """What an owner does: users come, go and change, alone and two alike; and nothing at all."""
    frame = _people().frame
    one = frame.iloc[[3]]
    two = frame[frame["age"] == frame["age"].mode()[0]].iloc[:2]
    new = two.assign(uid=[10_001, 10_002], team=None, height=np.nan)
    return (
        Update(insert=new[:1].assign(uid=10_003)),
        Update(insert=new),
        Update(delete=one[["uid"]]),
        Update(change=two[["uid"]].assign(height=[150.0, np.nan])),
        Update(delete=two[["uid"]]),
        Update(insert=two),
        Update(),
    )


def _found(session: LocalSession, update: Update) -> Delta | None:
    """The rows of an update, or None where the published table has none of those that it names."""
    try:
        return session._engine.find(update)
    except UpdateError:
        return None


def update_returns_what_it_should(subject: Subject) -> None:
    """`update` returns a Delta with frames like those it is given, or Refused, and changes neither these nor the
    table."""
    with _session(subject) as session:
        engine, rows = session._engine, Plan(analyse(parse(ROWS), SCHEMA))
        before = engine.run([rows])
        for delta in filter(None, [_found(session, update) for update in _updates()]):
            given = [frame.copy(deep=True) for frame in (delta.removed, delta.added)]
            said = updated(session._defense, delta, engine, session.history, session._analyst.rng)
            same = all(a.equals(b) for a, b in zip(given, (delta.removed, delta.added), strict=True))
            expect(same, "update writes into the frames that it is given; copy them first.")
            if isinstance(said, Delta):
                names = [list(frame.columns) for frame in (said.removed, said.added)]
                expect(names == [list(SCHEMA.names)] * 2, f"update returned frames with the columns {names}.")
        after = engine.run([rows])
        expect(_arrays(before) == _arrays(after), "update changes the table by itself; return a Delta.")


def updates_leave_a_table_to_ask(subject: Subject) -> None:
    """After updates, taken or refused, queries are answered, and the same seed gives the same."""
    heard = []
    for _ in range(2):
        with _session(subject) as session:
            said = [repr(session.apply(update)) for update in _updates() if _found(session, update) is not None]
            heard.append(said + [_said(result) for result in session.query_many(QUERIES)])
    expect(heard[0] == heard[1], "Updates or what is answered after them differ in another session of the same seed.")


CHECKS: tuple[Check, ...] = (
    stages_return_what_they_should,
    protect_leaves_its_input_alone,
    ordinary_queries_are_answered_or_refused,
    empty_results_and_null_are_handled,
    odd_tables_are_protected_too,
    a_batch_is_its_queries_one_by_one,
    same_seed_same_answers,
    refusals_depend_on_no_rows,
    update_returns_what_it_should,
    updates_leave_a_table_to_ask,
)
