"""Sets of users in SQL: the analyst's own reckoning is the database's, and sets are as good as random."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pandas as pd
import pytest

from attacks.selectors import PRIME, SELECTORS, Population, by_function, by_hash, fitting, in_range, listed, residues
from harness.engine import DuckEngine
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Defense
from harness.session import LocalSession

KNOWN = {"conditions": ["grp", "age", "member"], "hash of columns": ["age", "points"]}


def people(uids: np.ndarray, seed: int = 1) -> pd.DataFrame:
    rng, n = np.random.default_rng(seed), len(uids)
    return pd.DataFrame(
        {
            "uid": uids,
            "grp": rng.choice(["it's", "b", None], n),
            "age": rng.integers(18, 60, n),
            "member": rng.random(n) < 0.5,
            "points": rng.integers(-(2**40), 2**40, n),
        }
    )


SCHEMA = Schema(
    table="people",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("grp", Kind.TEXT),
        Column("age", Kind.INTEGER),
        Column("member", Kind.BOOLEAN),
        Column("points", Kind.INTEGER),
    ),
    uid="uid",
)
UIDS = {
    "from 1 on": np.arange(1, 301),
    "from 0 on": np.arange(300),
    "six digits": np.sort(np.random.default_rng(2).permutation(40_000)[:300] + 100_000),
    "around zero": np.arange(-150, 150) * 7,
    "twelve digits": np.sort(np.random.default_rng(3).integers(0, 10**12, 300)),
    "fifteen digits": np.sort(np.random.default_rng(4).integers(10**14, 10**15, 300)),
}


@pytest.mark.parametrize("uids", UIDS)
@pytest.mark.parametrize("selector", [*SELECTORS, "hash of columns"])
def test_who_is_in_a_set_is_what_the_database_says(selector: str, uids: str):
    frame = people(UIDS[uids])
    name = selector.split()[0]
    isolate, choose = SELECTORS[name]
    found = isolate("uid", fitting(name, frame["uid"].to_numpy()), 90)
    assert 0 < len(found) <= 90
    if selector in KNOWN:
        cells = frame.set_index("uid").loc[found.uids, KNOWN[selector]]
        found = Population(found.uid, found.uids, found.where, cells)
    texts, chosen = choose(found, 25, 0.3, np.random.default_rng(5))
    assert len(texts) == len(chosen) == 25
    session = LocalSession(SCHEMA, DuckEngine(Table(SCHEMA, frame), b"s" * 32), Defense(), np.random.default_rng(0))
    wheres = [f"{text} AND {found.where}" if found.where else text for text in texts]
    for answer, row in zip(
        session.query_many([f"SELECT uid, count(*) FROM people WHERE {where} GROUP BY 1" for where in wheres]),
        chosen,
        strict=True,
    ):
        assert answer.data[0].tolist() == found.uids[row].tolist()


def test_powers_agree_with_decimal_arithmetic():
    """Forty digits: the double's rounding decides for nobody."""
    getcontext().prec = 40
    texts, chosen = by_function(Population("uid", UIDS["six digits"]), 15, 0.5, np.random.default_rng(6))
    for text, row in zip(texts, chosen, strict=True):
        a, b = (Decimal(text.split(end)[0].split(start)[-1]) for start, end in (("(", " * pow"), ("2, ", ") + 0.5")))
        behind = [(a * Decimal(2 * int(uid)) ** b) % 1 for uid in UIDS["six digits"]]
        assert row.tolist() == [part < Decimal("0.5") for part in behind]


@pytest.mark.parametrize("choose", [by_hash, by_function])
@pytest.mark.parametrize("uids", ["from 1 on", "six digits", "twelve digits"])
def test_sets_are_as_good_as_random(choose: object, uids: str):
    """Every user in half of the sets, every two together in a quarter: the largest of n and n² normal deviations."""
    m, n = 2_000, 120
    _, chosen = choose(Population("uid", UIDS[uids][:n]), m, 0.5, np.random.default_rng(7))
    share = chosen.mean(axis=0)
    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / np.sqrt(m)
    together = np.corrcoef(chosen.T)[np.triu_indices(n, 1)]
    assert np.abs(together).max() < 6 / np.sqrt(m)


def test_lists_have_the_share_that_is_asked_for():
    _, chosen = SELECTORS["uid-list"][1](Population("uid", np.arange(100)), 500, 0.1, np.random.default_rng(8))
    assert chosen.mean() == pytest.approx(0.1, abs=3.29 * np.sqrt(0.09 / 50_000))


def test_a_condition_isolates_the_population():
    uids = UIDS["six digits"]
    found = residues("uid", uids, 50)
    modulus, residue = (int(word) for word in found.where.replace('"uid" %', "").split(" = "))
    assert found.uids.tolist() == [u for u in uids.tolist() if u % modulus == residue]
    ranged = in_range("uid", uids, 50)
    low, high = (int(part.split()[-1]) for part in ranged.where.split(" AND "))
    assert ranged.uids.tolist() == [u for u in uids.tolist() if low <= u < high]
    assert high - low in {step * 10**p for step in (1, 2, 5) for p in range(6)}
    assert low % max(1, (high - low) // 2) == 0
    assert len(found) > 25
    assert len(ranged) > 15
    for isolate in (residues, in_range, listed):
        assert isolate("uid", uids, 300).where == ""
        assert len(isolate("uid", uids, 300)) == 300


def test_users_whom_a_selector_cannot_tell_apart_are_left_out():
    assert fitting("function", np.array([5, 0, -3, 2**51])).tolist() == [5]
    assert fitting("hash", np.array([5, 0, -3, 2**51])).tolist() == [-3, 0, 5]
    assert fitting("uid-list", np.array(["b", "a"], dtype=object)).tolist() == ["a", "b"]


def test_numbers_too_large_to_be_hashed_give_no_sets():
    cells = pd.DataFrame({"points": [2**62, 1]})
    assert by_hash(Population("uid", np.arange(2), "", cells), 5, 0.5, np.random.default_rng(9))[0] == []


def test_factors_stay_below_the_prime_and_the_largest_integer():
    texts, _ = by_hash(Population("uid", UIDS["fifteen digits"]), 200, 0.5, np.random.default_rng(10))
    factors = [int(text.split("* ")[1].split()[0]) for text in texts]
    assert max(factors) < PRIME
    assert max(factors) * 10**15 + PRIME < 2**63
