"""The results store: what is kept, what is refused, two writers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.model import Inference, Linkability, SinglingOut
from harness.plan import Benchmark
from harness.record import SCHEMA_VERSION, SIZES, SizeClass, TrialRecord, Utility
from harness.score import TrialScore
from harness.store import Store, pack, unpack
from harness.studies import kept

SCORE = TrialScore(25, 20, 8, 0.1, 1000, 20, 190, 4000)
RECORD = TrialRecord(
    key="k1",
    trial=3,
    score=SCORE,
    queries=51,
    refused=1,
    reasons={"diffix-or": 1},
    acts=True,
    utility=Utility(
        median_relative_error=0.1,
        p90_relative_error=0.5,
        suppressed=None,
        refused=0.0,
        cells=7,
        zero_cells=1,
        by_size=tuple(SizeClass(low, high, 2, 0.1, 0.2, None, 0.25) for low, high in SIZES),
    ),
    claims=(Inference(1, "a", 0.25), Inference("ü", None)),
    seconds={"attack": 1.5},
)
COLUMNS = Benchmark(defense="none", attack="guess", dataset="census", secret="occupation").columns()


def test_a_trial_comes_back_as_it_went(tmp_path: Path):
    store = Store(str(tmp_path / "r"))
    store.add(COLUMNS, RECORD)
    assert Store(str(tmp_path / "r")).records(["k1", "k2"]) == {"k1": RECORD}


def test_claims_survive_packing():
    claims = (Inference(1, 2.5), SinglingOut((("a", 1), ("b", "x")), 0.5), Linkability("r7"), Inference(2, None, 0.1))
    assert unpack(pack(claims)) == claims
    assert unpack(pack([Inference(1, date(2020, 1, 2))])) == (Inference(1, "2020-01-02"),)


def test_the_first_result_of_a_key_stays_unless_replaced(tmp_path: Path):
    store = Store(str(tmp_path))
    other = replace(RECORD, queries=99)
    store.add(COLUMNS, RECORD)
    store.add(COLUMNS, other)
    assert store.records(["k1"])["k1"].queries == 51
    store.add(COLUMNS, other, replace=True)
    assert store.records(["k1"])["k1"].queries == 99
    assert len(store.rows()) == 1


def test_a_failed_trial_is_kept_but_not_taken_for_done(tmp_path: Path):
    store = Store(str(tmp_path))
    store.add(COLUMNS, TrialRecord("k1", 3, error="Traceback …\nboom"))
    assert store.records(["k1"]) == {}
    assert store.rows()[0]["error"].endswith("boom")
    store.add(COLUMNS, RECORD)
    assert store.records(["k1"]) == {"k1": RECORD}


def test_many_keys(tmp_path: Path):
    store = Store(str(tmp_path))
    store.add(COLUMNS, RECORD)
    assert set(store.records([f"x{i}" for i in range(2000)] + ["k1"])) == {"k1"}


def test_a_file_that_is_no_store_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "notes.sqlite"
    path.write_text("these are my notes, not a database, and long enough to have a header of sixteen bytes")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(str(path))
    assert path.read_bytes() == before


def test_a_database_with_other_tables_is_left_as_it_is(tmp_path: Path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (x)")
    with pytest.raises(StoreError, match="not a SnoopBench store"):
        Store(str(path))


def test_a_database_of_somebody_else_is_not_touched(tmp_path: Path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE foo (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a SnoopBench store"):
        Store(str(path))
    assert path.read_bytes() == before


def test_odd_folder_names(tmp_path: Path):
    for name in ("a?b", "a%41#x", "größe", "a b"):
        Store(str(tmp_path / name)).add(COLUMNS, RECORD)
        assert (tmp_path / name / "snoopbench.sqlite").exists()


def test_reading_makes_no_store(tmp_path: Path):
    with pytest.raises(StoreError, match="There is no results store"):
        Store(str(tmp_path / "typo"), create=False)
    assert not (tmp_path / "typo").exists()


def test_another_version_is_named_and_left_as_it_is(tmp_path: Path):
    Store(str(tmp_path)).add(COLUMNS, RECORD)
    with sqlite3.connect(tmp_path / "snoopbench.sqlite") as connection:
        connection.execute("UPDATE snoopbench_version SET version = 99")
    with pytest.raises(StoreError, match=f"store version 99, here {SCHEMA_VERSION}"):
        Store(str(tmp_path))
    with sqlite3.connect(tmp_path / "snoopbench.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (1,)


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all/x.sqlite", "nonsense://x", "not a url://", "mysql+nodriver://h/x"]
)
def test_an_unreachable_store_is_one_sentence(url: str):
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert "\n" not in str(caught.value)


def test_two_writers_at_once(tmp_path: Path):
    first, second = Store(str(tmp_path)), Store(str(tmp_path))
    for i in range(20):
        store = first if i % 2 else second
        store.add(COLUMNS, replace(RECORD, key=f"k{i}"))
        store.add(COLUMNS, replace(RECORD, key="same"))
    assert len(first.rows()) == len(second.rows()) == 21


def test_many_processes_open_a_new_store_at_once(tmp_path: Path):
    code = f"from harness.store import Store; Store({str(tmp_path)!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(6)]
    assert [(process.wait(), process.stderr.read()) for process in processes] == [(0, b"")] * 6


def test_a_study_is_run_once_and_read_from_the_store_afterwards(tmp_path: Path):
    store, runs = Store(str(tmp_path)), []

    def run() -> list[dict[str, object]]:
        runs.append(1)
        return [{"method": "none", "mean": 0.1 + len(runs), "p": None}]

    plan = {"size": 10, "methods": ["none"]}
    first = kept(store, "fitness", plan, run)
    assert kept(Store(str(tmp_path)), "fitness", dict(reversed(plan.items())), run) == first
    kept(store, "fitness", {**plan, "size": 11}, run)
    kept(store, "cost", plan, run)
    assert len(runs) == 3
    assert kept(store, "fitness", plan, run, fresh=True) != first
    assert [found for found, _ in store.studies("fitness")] == [{**plan, "size": 11}, plan]  # in the order of storing
    assert store.studies("evolve") == []


def test_a_store_from_before_the_studies_takes_them(tmp_path: Path):
    store = Store(str(tmp_path))
    with sqlite3.connect(tmp_path / "snoopbench.sqlite") as older:
        older.execute("DROP TABLE studies")
    assert Store(str(tmp_path)).studies("fitness") == []
    assert kept(store, "fitness", {}, lambda: [{"n": 1}]) == [{"n": 1}]
    assert store.studies("fitness") == [({}, [{"n": 1}])]
