"""The dataset `balances`; and when shrink-and-drop takes an outlier out, and when not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from attacks.isolation import literal, quoted
from datasets.balances import balances
from harness import registry
from harness.asking import Desk
from harness.model import Table
from harness.seeds import generator
from harness.session import Ledger
from tests.attack_tables import Z, margin, simulated
from tests.conftest import judged, kappas

ATTACK = "range-isolation"


@pytest.fixture(scope="module")
def rows() -> Table:
    return balances(branches=6, others=40).load(generator(1))


def test_zero_lies_between_the_saver_of_a_branch_and_all_others(rows: Table):
    frame = rows.frame
    assert len(frame) == 6 * 41
    assert sorted(frame["uid"]) == list(range(1, 6 * 41 + 1))
    for _, branch in frame.groupby("branch"):
        own = branch["balance"].sort_values().tolist()
        assert len(own) == 41
        assert 200 <= own[-1] <= 900
        assert -900 <= own[0] <= own[-2] <= -10
    assert not rows.frame.equals(balances(branches=6, others=40).load(generator(2)).frame)


def test_the_savers_are_the_victims():
    result = judged("none", ATTACK, "balances:branches=4")
    result.close()
    savers = result.table.frame.loc[result.table.frame["balance"] > 0, "uid"]
    assert sorted(result.outcome.victims) == sorted(savers)
    assert result.score.kappa_reach == pytest.approx(1.0)


@pytest.mark.science
def test_dropping_outliers_against_aligned_ranges():
    fallen = kappas("diffix:shrink_and_drop=false", ATTACK, 6, "balances")
    expected = simulated(2 / 10, 2 / 10 + 4, 5, layers=4)
    assert abs(fallen.mean() - expected) <= margin(expected, 5, 6 * 25), (fallen, expected)
    assert abs(kappas("diffix", ATTACK, 6, "balances").mean()) <= margin(0.0, 5, 6 * 25)


@pytest.mark.science
def test_an_outlier_stays_where_others_are_beyond_the_smallest_range_around_the_rest():
    """The census has people between the bound that isolates the outlier and the smallest aligned range around what is
    left when T users are taken off. Then more users lie outside than the draw of step 4 takes, and nobody is dropped,
    though the outlier is alone beyond the next bound. Those who are always dropped are guessed, the others told."""
    attack = f"{ATTACK}:by=fnlwgt"
    told: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(1, 7):
        result = judged("diffix", attack, "census", seed=seed)
        result.close()
        claimed = {claim.uid: claim.value for claim in result.outcome.claims}
        truth = result.truth.people["occupation"]
        desk = Desk.open("diffix", "census", seed)
        ledger = Ledger(result.table, "occupation")
        known = SimpleNamespace(schema=result.table.schema, columns=ledger.columns, reveal=ledger.reveal)
        for uid, row in registry.attack(attack)[0].eligible(known).iterrows():
            found = [desk.explain(_count(row, span, truth[uid]))[1]["tables"] for span in row.present]
            dropped = [any(test["dropped"] for test in tables.get("shrink-and-drop", [])) for tables in found]
            told[all(dropped)].append(_same(claimed.get(uid), truth[uid]))
    always, not_always = told[True], told[False]
    print("dropped", len(always), np.mean(always), "not", len(not_always), np.mean(not_always))
    assert len(always) > len(not_always) >= 10
    assert np.mean(always) <= 0.1 + Z * np.sqrt(0.1 * 0.9 / len(always))
    assert np.mean(not_always) > 0.1 + Z * np.sqrt(0.1 * 0.9 / len(not_always))


def _count(row: pd.Series, span: tuple[float, float], occupation: object) -> str:
    by, (low, high) = quoted(row["by"]), span
    is_his = "IS NULL" if pd.isna(occupation) else f"= {literal(occupation)}"
    return (
        f"SELECT count(*) FROM census WHERE {quoted(row['group'])} = {literal(row['group_value'])} "
        f"AND {by} >= {literal(low)} AND {by} < {literal(high)} AND occupation {is_his}"
    )


def _same(claimed: object, true: object) -> bool:
    return (claimed is None and pd.isna(true)) or claimed == true
