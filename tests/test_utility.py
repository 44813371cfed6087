"""Utility: the workload's numbers against a slow reference over rows, the classes of sizes, one count of each query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import trial
from harness.engine import DuckEngine
from harness.model import Column, Kind, Refused, Schema, Table
from harness.plan import Benchmark, Task
from harness.plugin import Defense
from harness.record import SIZES, TrialRecord, Utility
from harness.report.summary import summary
from harness.session import LocalSession
from harness.sql.query import Between
from harness.trial import run_trial
from harness.utility import Workload, questions, utility
from tests.sql_reference import SALT, table

ODD = Schema(
    table="group",
    columns=(
        Column("the uid", Kind.INTEGER),
        Column('a "b"', Kind.TEXT),
        Column("select", Kind.INTEGER),
        Column("größe; --", Kind.REAL),
        Column("where's", Kind.BOOLEAN),
        Column("true", Kind.DATE),
    ),
    uid="the uid",
)
ROW = st.tuples(
    st.integers(1, 12),
    st.sampled_from([None, "it's", '"', "", "ü"]),
    st.sampled_from([None, -5, 0, 1, 2**60]),
    st.sampled_from([None, -0.25, 0.0, 2.5, 1e9]),
    st.sampled_from([None, False, True]),
    st.sampled_from([None, date(1969, 12, 31), date(2024, 2, 29)]),
)
Row = tuple[Any, ...]


class crude(Defense):
    """Refuses ranges, drops buckets of one user, hides the number 2, distorts the others."""

    def plan(self, query, log):
        plan = super().plan(query, log)
        if isinstance(query.where, Between):
            return Refused("range", "No ranges.")
        return type(plan)(query, users=True)

    def answer(self, buckets, rng):
        buckets = buckets.keep(buckets.users != 1)
        return buckets.with_values(np.where(buckets.values == 2, np.nan, buckets.values * 1.5 + 1))


class mute(Defense):
    """Refuses everything."""

    def plan(self, query, log):
        return Refused("mute", "Nothing is answered.")


class silent(Defense):
    """Suppresses everything."""

    def answer(self, buckets, rng):
        return buckets.keep(np.zeros(len(buckets), dtype=bool))


class Counted:
    """A session that counts what it is asked."""

    def __init__(self, session: LocalSession) -> None:
        self.session = session
        self.asked: Counter[str] = Counter()
        self.schema = session.schema

    def query(self, sql):
        return self.query_many([sql])[0]

    def query_many(self, sqls):
        self.asked.update(sqls)
        return self.session.query_many(sqls)


@contextmanager
def opened(true: Table, published: Table | None = None) -> Iterator[Callable[[Defense], Utility]]:
    """The workload of a table asked through one defense or another."""
    exact, other = DuckEngine(true, SALT), DuckEngine(published or true, SALT)
    workload = Workload.of(true, LocalSession(true.schema, exact, Defense(), np.random.default_rng(0)))
    try:
        yield lambda defense: utility(workload, LocalSession(true.schema, other, defense, np.random.default_rng(0)))
    finally:
        exact.close()
        other.close()


def measured(true: Table, defense: Defense, published: Table | None = None) -> Utility:
    with opened(true, published) as ask:
        return ask(defense)


# The reference: plain Python over rows, from the description of the workload.


def asks(
    schema: Schema, rows: Sequence[Row]
) -> Iterator[tuple[list[int], list[str], int, Callable[[Row], bool], bool]]:
    """Keys, aggregates, the aggregates' column, condition, and whether that is a range."""
    every: Callable[[Row], bool] = lambda row: True  # noqa: E731
    grouped = [i for i, c in enumerate(schema.columns) if i and c.kind is not Kind.REAL]
    pairs = list(pairwise(grouped))
    yield [], ["count"], 0, every, False
    for i in grouped:
        yield [i], ["count"], 0, every, False
    for i, j in pairs:
        yield [i, j], ["count"], 0, every, False
    for i, j in pairs:
        known = Counter(row[i] for row in rows if row[i] is not None)
        if known:
            usual = min(value for value, count in known.items() if count == max(known.values()))
            yield [j], ["count"], 0, lambda row, i=i, usual=usual: row[i] == usual, False
    for i, column in enumerate(schema.columns):
        if i and column.kind.is_number:
            by = [j for j in grouped if j != i][:1]
            yield by, ["avg", "sum"], i, every, False
            known = sorted(row[i] for row in rows if row[i] is not None)
            for keys, low, high in (([], 0.25, 0.75), (by, 0.45, 0.55)) if known else ():
                first, last = known[int(low * len(known))], known[int(high * len(known))]
                yield (
                    keys, ["count"], 0,
                    lambda row, i=i, a=first, b=last: row[i] is not None and a <= row[i] <= b, True,
                )  # fmt: skip


def aggregate(function: str, column: int, rows: list[Row]) -> float | None:
    if function == "count":
        return float(len(rows))
    known = [row[column] for row in rows if row[column] is not None]
    if not known:
        return None
    return float(sum(known)) / (len(known) if function == "avg" else 1)


def cells(schema: Schema, rows: Sequence[Row]) -> tuple[list[bool], list[tuple[float, float | None, int, bool]]]:
    """Which queries `crude` refuses; truth, answer, size and refusal of each true cell."""
    refusals, found = [], []
    for keys, functions, column, holds, is_range in asks(schema, rows):
        refusals.append(is_range)
        buckets: dict[Row, list[Row]] = {} if keys else {(): []}
        for row in rows:
            if holds(row):
                buckets.setdefault(tuple(row[i] for i in keys), []).append(row)
        for inside in buckets.values():
            users = len({row[0] for row in inside})
            for function in functions:
                truth = aggregate(function, column, inside)
                if truth is not None:
                    hidden = is_range or users == 1 or truth == 2
                    found.append((truth, None if hidden else truth * 1.5 + 1, users, is_range))
    return refusals, found


def numbers(found: list[tuple[float, float | None, int, bool]]) -> dict[str, float | None]:
    errors = sorted(abs(said - truth) / abs(truth) for truth, said, _, _ in found if said is not None and truth)
    answered = [said for _, said, _, refused in found if not refused]
    return {
        "cells": len(found),
        "median_relative_error": quantile(errors, 0.5),
        "p90_relative_error": quantile(errors, 0.9),
        "suppressed": sum(said is None for said in answered) / len(answered) if answered else None,
        "refused": sum(refused for *_, refused in found) / len(found) if found else None,
    }


def quantile(values: list[float], q: float) -> float | None:
    """Linear between the two nearest."""
    if not values:
        return None
    place = q * (len(values) - 1)
    low = values[math.floor(place)]
    return low + (place - math.floor(place)) * (values[math.ceil(place)] - low)


@settings(max_examples=8)
@given(st.lists(ROW, min_size=1, max_size=30))
def test_a_slow_reference_over_rows_agrees(rows: list[Row]):
    found = asdict(measured(table(ODD, rows), crude()))
    refusals, true = cells(ODD, rows)
    expected: dict[str, Any] = numbers(true)
    expected |= {
        "refused": sum(refusals) / len(refusals),
        "zero_cells": sum(truth == 0 for truth, *_ in true),
        "by_size": tuple(
            {"low": low, "high": high, **numbers([c for c in true if low <= c[2] <= (high or 10**9)])}
            for low, high in SIZES
        ),
    }
    assert sum(entry["cells"] for entry in found["by_size"]) == found["cells"]
    for mine, reference in zip([found, *found.pop("by_size")], [expected, *expected.pop("by_size")], strict=True):
        assert mine.keys() == reference.keys()
        for name, value in reference.items():
            assert mine[name] == (value if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name


@settings(max_examples=2)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_answering_all_costs_nothing_and_refusing_all_measures_nothing(rows: list[Row]):
    with opened(table(ODD, rows)) as ask:
        exact, refused, suppressed = ask(Defense()), ask(mute()), ask(silent())
    assert (exact.p90_relative_error or 0) == exact.suppressed == exact.refused == 0
    assert (refused.median_relative_error, refused.p90_relative_error, refused.suppressed) == (None, None, None)
    assert refused.refused == 1
    assert (suppressed.median_relative_error, suppressed.suppressed, suppressed.refused) == (None, 1, 0)
    for each, none, all_ in zip(exact.by_size, refused.by_size, suppressed.by_size, strict=True):
        if each.cells:
            assert (each.suppressed, each.refused) == (0, 0)
            assert (none.median_relative_error, none.suppressed, none.refused) == (None, None, 1)
            assert (all_.median_relative_error, all_.suppressed, all_.refused) == (None, 1, 0)
        else:
            assert set(list(asdict(each).values())[3:]) == {None}


def sized(*sizes: int) -> Table:
    """Groups of so many users with two rows each."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    schema = Schema("t", (Column("u", Kind.INTEGER), Column("g", Kind.INTEGER)), uid="u")
    return Table(schema, pd.DataFrame({"u": np.arange(len(groups)), "g": groups}).loc[lambda f: f.index.repeat(2)])


def test_sizes_are_users_and_bounds_belong_to_their_class():
    found = measured(sized(1, 9, 10, 99, 100, 999, 1000), Defense())
    # beside the histogram: the total, avg and sum, and one range, as middle half and middle tenth are groups 5 and 6
    assert [entry.cells for entry in found.by_size] == [2, 2, 2, 5]
    assert found.cells == 11


def test_shares_by_size_add_up_to_those_of_the_whole():
    found = measured(sized(1, 1, 3, 30, 300, 1, 3000), crude())
    answered = [entry.cells * (1 - (entry.refused or 0)) for entry in found.by_size]
    hidden = sum(n * (entry.suppressed or 0) for n, entry in zip(answered, found.by_size, strict=True))
    assert found.suppressed == pytest.approx(hidden / sum(answered))
    assert found.suppressed > 0


def test_the_truth_decides_what_a_cell_is():
    """Buckets that only the published table has count nothing; true ones that it lacks are suppressed."""
    true, published = sized(2, 3), sized(2, 3, 4)
    more, fewer = measured(true, Defense(), published), measured(published, Defense(), true)
    assert more.cells == measured(true, Defense()).cells
    assert more.suppressed == 0
    assert fewer.suppressed == pytest.approx(1 / fewer.cells)


def test_a_bucket_that_is_not_true_is_left_out():
    true, published = sized(2, 3), sized(2, 3, 4)
    exact, other = (
        LocalSession(t.schema, DuckEngine(t, SALT), Defense(), np.random.default_rng(0)) for t in (true, published)
    )
    workload = Workload.of(true, exact)
    histogram = [i for i, question in enumerate(workload.questions) if question.keys]
    assert histogram == [1]
    assert workload.truth[1:3].tolist() == workload.beside(other.query_many(workload.sqls))[1:3].tolist() == [4, 6]


def test_an_error_is_a_finite_number():
    schema = Schema("t", (Column("u", Kind.INTEGER), Column("x", Kind.REAL)), uid="u")
    true = Table(schema, pd.DataFrame({"u": [1, 2], "x": [5e-324, 5e-324]}))
    found = measured(true, crude())
    assert found.p90_relative_error is not None
    assert math.isfinite(found.p90_relative_error)


@pytest.mark.parametrize(
    ("columns", "frame", "asked"),
    [
        ((), {}, 1),
        (((" ", Kind.TEXT),), {" ": [None, None]}, 2),
        ((("n", Kind.INTEGER),), {"n": pd.array([None, None], dtype="Int64")}, 3),
        ((("x", Kind.REAL),), {"x": [math.nan, math.inf]}, 2),
        ((("x", Kind.REAL),), {"x": [-1e-7, 3e30]}, 3),
        ((("seen", Kind.DATETIME),), {"seen": np.array(["2024-01-01T10:00:00.5", "NaT"], "M8[us]")}, 2),
    ],
)
def test_bare_tables_are_measured_too(columns: Any, frame: dict[str, Any], asked: int):
    schema = Schema("t", (Column("u", Kind.INTEGER), *(Column(n, k) for n, k in columns)), uid="u")
    true = Table(schema, pd.DataFrame({"u": [1, 2], **frame}))
    assert len(questions(true)) == asked
    found = measured(true, Defense())
    assert (found.median_relative_error, found.suppressed, found.refused) == (0, 0, 0)


def test_the_sql_floor_answers_the_whole_workload_and_a_control_character_is_left_out():
    rows = [(1, "it's", -5, -0.25, True, date(2024, 2, 29)), (2, '"', 2, 1e22, None, None)]
    odd = table(ODD, rows)
    engine = DuckEngine(odd, SALT)
    workload = Workload.of(odd, LocalSession(ODD, engine, Defense(), np.random.default_rng(0)))
    assert list(workload.questions) == questions(odd)
    engine.close()
    schema = Schema("t", (Column("u", Kind.INTEGER), Column("a\x01", Kind.TEXT)), uid="u")
    found = measured(Table(schema, pd.DataFrame({"u": [1, 2], "a\x01": ["x", "y"]})), Defense())
    assert (found.cells, found.refused) == (1, 0)


def test_each_query_is_asked_once_of_the_defense():
    true = sized(3, 30)
    engine = DuckEngine(true, SALT)
    exact, defended = (
        Counted(LocalSession(true.schema, engine, Defense(), np.random.default_rng(0))) for _ in range(2)
    )
    workload = Workload.of(true, exact)
    utility(workload, defended)
    assert sorted(defended.asked) == sorted(workload.sqls)
    assert set(defended.asked.values()) == {1}
    assert not any("DISTINCT" in sql for sql in defended.asked), "sizes come from the exact side"
    engine.close()


PAGE = """
import numpy as np, pandas as pd
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset

class rows(Dataset):
    random = {random}
    def load(self, rng):
        frame = pd.DataFrame({{"u": np.arange(60), "g": rng.integers(0, 9, 60), "x": rng.normal(size=60)}})
        columns = (Column("u", Kind.INTEGER), Column("g", Kind.INTEGER), Column("x", Kind.REAL))
        return Table(Schema("rows", columns, uid="u", secrets=("g",)), frame)
"""


@pytest.mark.parametrize(("random", "times"), [(False, 1), (True, 2)])
def test_true_answers_of_a_fixed_table_are_asked_once_and_change_nothing(
    random: bool, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "rows.py").write_text(PAGE.format(random=random))
    benchmark = Benchmark.of(
        defense="output-perturbation", attack="guess", dataset=str(tmp_path / "rows.py"), secret=None, trials=2
    )
    tasks = [Task(benchmark, t, key) for t, key in enumerate(benchmark.keys())]
    made = []
    of = Workload.of
    monkeypatch.setattr(Workload, "of", lambda *args: made.append(1) or of(*args))
    together = [run_trial(task) for task in tasks]
    assert [record.error for record in together] == [None] * 2
    assert len(made) == times
    alone = []
    for task in reversed(tasks):
        trial._workloads.clear()
        alone.append(run_trial(task))
    assert [record.utility for record in reversed(alone)] == [record.utility for record in together]
    assert len({record.utility for record in together}) == 2, "noise differs from trial to trial"


def test_numbers_over_trials_are_means_of_those_that_have_one():
    benchmark = Benchmark(defense="none", attack="guess", dataset="census", secret="occupation", trials=2)
    with opened(sized(3, 30)) as ask:
        first, second = ask(crude()), ask(mute())
    from harness.score import TrialScore

    score = TrialScore(25, 20, 8, 0.1, 1000, 20, 190, 4000)
    records = [TrialRecord(f"k{i}", i, score=score, utility=u) for i, u in enumerate((first, second))]
    found = summary(benchmark, records, from_store=0)["utility"]
    assert found["median_relative_error"] == first.median_relative_error
    assert found["refused"] == pytest.approx(((first.refused or 0) + 1) / 2)
    assert found["by_size"][0]["refused"] == pytest.approx(((first.by_size[0].refused or 0) + 1) / 2)
    assert (found["by_size"][3]["cells"], found["by_size"][3]["suppressed"]) == (0, None)
    nothing = summary(benchmark, [], from_store=0, skipped="no")["utility"]
    assert set(nothing["by_size"][3].values()) == {1000, None}
