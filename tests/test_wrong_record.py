"""Beck's answer from the wrong record: whose values a query sees, and how far its answers move."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.output_perturbation import output_perturbation
from harness import registry
from harness.engine import DuckEngine
from harness.errors import ParameterError
from harness.model import Answer, Table
from harness.seeds import digest, seed64
from harness.session import LocalSession
from tests.answers import answer, by_key
from tests.test_classical import SALT, SCHEMA, TABLES, alike, engine, session

Z = float(stats.norm.ppf(0.9995))  # two-sided 99.9 %
SPEC = "output-perturbation:kind=wrong-record"
SUMS = "SELECT dept, count(*), sum(pay), avg(pay), count(age), sum(age), min(pay) FROM t WHERE pay < 11 GROUP BY dept"


def bits(purpose: str, key: int, salt: bytes, rows: int) -> np.ndarray:
    """The keyed hash of each row by hand: the lower half of the MD5 of key and row number from 1."""
    word = digest(purpose, key, key=salt, size=16).hex()
    sums = [hashlib.md5(f"{word}{row}".encode()).digest() for row in range(1, rows + 1)]
    return np.array([int.from_bytes(said[8:], "little") for said in sums], dtype=object)


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", ["one row a user", "many rows a user", "one row"])
def test_a_record_answers_with_the_next_in_a_hashed_order(name: str, p: float) -> None:
    """Against a slow version that walks the rows; conditions and groups stay the record's own."""
    interface = session(name, f"{SPEC},p={p}", 3)
    frame = TABLES[name].frame.reset_index(drop=True)
    answer(interface, "SELECT count(*) FROM t")  # so that the query below is the second
    found = answer(interface, SUMS)
    key, salt = seed64("wrong-record", 1, key=interface.history.nonce), engine(name, "none").salt
    order = np.argsort(bits("astray", key, salt, len(frame))).tolist()
    taken = list(range(len(frame)))
    for place, row in enumerate(order):
        if bits("sample", key, salt, len(frame))[row] < p * 2**64:
            taken[row] = order[(place + 1) % len(order)]
    shown = frame.assign(pay=frame.pay.iloc[taken].to_numpy(), age=frame.age.iloc[taken].array)[frame.pay < 11]
    groups = {k if isinstance(k, str) else None: rows for k, rows in shown.groupby("dept", dropna=False)}
    assert set(found.data[0]) == set(groups)
    for dept, *values in found.rows:
        pay, age = groups[dept].pay.dropna(), groups[dept].age.dropna()
        slow: list[Any] = [len(groups[dept]), pay.sum(), pay.mean(), len(age), age.sum(), pay.min()]
        known = [1, len(pay), len(pay), 1, len(age), len(pay)]
        slow = [value if many else None for value, many in zip(slow, known, strict=True)]
        assert values == pytest.approx(slow), dept


def test_over_all_records_it_is_the_true_answer_and_fresh_over_some() -> None:
    """Values change places, so what is asked of everybody is exact whatever p is."""
    sql = "SELECT count(*), sum(pay), count(age), max(age), count(DISTINCT uid) FROM t"
    interface = session("one row a user", f"{SPEC},p=1")
    exact = answer(session("one row a user", "none"), sql).rows
    assert [answer(interface, sql).rows for _ in range(5)] == [exact] * 5
    users = "SELECT count(DISTINCT uid), count(uid) FROM t WHERE dept = 'CS'"
    rows, truth = (session("many rows a user", spec) for spec in (f"{SPEC},p=1", "none"))
    assert [answer(rows, users).rows for _ in range(9)] == [answer(truth, users).rows] * 9
    some = "SELECT sum(age) FROM t WHERE dept = 'CS'"
    assert len({answer(interface, some).value for _ in range(30)}) > 10
    assert by_key(interface, "SELECT uid, count(*) FROM t GROUP BY uid") == dict.fromkeys(
        TABLES["one row a user"].frame.uid, 1
    )
    assert answer(session("all equal", f"{SPEC},p=1"), "SELECT sum(pay), avg(age) FROM t WHERE flag").rows == [
        (18.0, 30.0)
    ]


@pytest.mark.science
def test_sums_lean_to_the_mean_of_all_by_the_probability() -> None:
    """Half of the users have 0, half 1. Of m = 100 ones each shows another user's value with p: the sum has the mean
    m·(1 − p·(n − m)/(n − 1)) over the orders."""
    n, m, p, draws = 200, 100, 0.3, 1_500
    frame = alike(n).frame.assign(pay=np.repeat([0.0, 1.0], m), age=pd.array(np.repeat([0, 1], m), dtype="Int64"))
    shared = DuckEngine(Table(SCHEMA, frame), SALT)
    interface = LocalSession(SCHEMA, shared, output_perturbation(kind="wrong-record", p=p), np.random.default_rng(1))
    found = interface.query_many(["SELECT sum(pay) FROM t WHERE age = 1"] * draws)
    shared.close()
    sums = np.array([a.value for a in found if isinstance(a, Answer)])
    expected = m * (1 - p * (n - m) / (n - 1))
    assert abs(sums.mean() - expected) < Z * sums.std() / np.sqrt(draws)


def test_what_cannot_be_combined_with_it_is_refused_when_built() -> None:
    for spec in (f"{SPEC}+diffix", f"diffix+{SPEC}", f"laplace+{SPEC}", f"{SPEC}+none+{SPEC},p=0.5"):
        with pytest.raises(ParameterError, match=r"answers with|keep no ε"):
            registry.defense(spec)
    for spec in (f"{SPEC}+output-perturbation", f"nielson:gamma=9+{SPEC}", f"random-sampling+{SPEC}"):
        registry.defense(spec)
