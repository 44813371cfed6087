"""Who is in the table and who is not: how users are dealt out, what the attack sees, and what claims are worth."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import bench, isolate, registry
from harness.linkability import deal
from harness.model import Linkability, Table
from harness.plan import Benchmark, Task
from harness.runner import skipped
from harness.score import Truth, judge
from harness.seeds import generator
from harness.trial import attack_once, run_trial
from tests.conftest import judged

SMALL = "employees:size=300"
PAGE = """
from dataclasses import dataclass
from harness.errors import LedgerError
from harness.model import Linkability
from harness.plugin import Attack, param

@dataclass(frozen=True, kw_only=True)
class mine(Attack):
    claims = "linkability"
    pool: int | None = param(None, "users in the table", low=1)

    def run(self, session, knowledge, victims, rng):
        {body}
"""


def page(tmp_path: Path, body: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(PAGE.format(body=body))
    return str(path)


@cache
def employees() -> Table:
    return registry.dataset(SMALL)[0].load(generator(1))


def dealt(pool: int = 100, victims: int = 40, seed: int = 0) -> tuple[Any, Any]:
    table = employees()
    return table, deal(f"membership:pool={pool}", table, victims, generator("deal", seed))


def test_users_are_in_the_table_or_outside_and_half_of_the_mix_is_inside():
    table, found = dealt()
    inside = set(found.protected.frame["uid"])
    assert len(inside) == 100
    assert found.protected.frame.equals(table.frame[table.frame["uid"].isin(inside)].reset_index(drop=True))
    assert list(found.members.values()).count(True) == list(found.members.values()).count(False) == 20
    other = found.other.people
    assert len(other) == 20 + 200
    assert sorted(other.index) == list(range(1, 221)), "records have numbers of their own"
    persons = {tuple(map(str, row)): uid for uid, row in zip(table.people.index, table.people.values, strict=True)}
    assert len(persons) == 300, "nobody is like another here"
    for record, row in zip(other.index, other.to_numpy(), strict=True):
        assert (persons[tuple(map(str, row))] in inside) == found.members.get(record, False)


def test_half_of_the_users_are_protected_where_the_attack_names_no_pool():
    table = employees()
    assert len(deal("./mine.py", table, 10, generator(0)).protected.frame) == 150


def test_few_users_outside_leave_half_of_them_for_the_reference():
    _, found = dealt(pool=280, victims=100)
    assert list(found.members.values()).count(True) == list(found.members.values()).count(False) == 10
    assert len(found.other.people) == 10 + 20


def test_a_small_pool_makes_a_small_mix():
    _, found = dealt(pool=7, victims=41)
    assert list(found.members.values()).count(True) == 7
    assert list(found.members.values()).count(False) == 8


def test_a_record_number_tells_nothing_of_membership():
    """The mean number of the members over 200 deals, beside that of a random draw of 20 from 220, 99.9 %."""
    means = [np.mean([r for r, is_in in dealt(seed=s)[1].members.items() if is_in]) for s in range(200)]
    error = np.sqrt((220**2 - 1) / 12 / 20 / 200)
    assert abs(np.mean(means) - 110.5) < 3.29 * error


def test_tables_beside_the_main_one_lose_the_users_who_are_outside():
    table = registry.dataset("bank")[0].load(generator(1))
    found = deal("membership", table, 10, generator(0)).protected
    inside = set(found.frame[found.schema.uid])
    assert len(inside) == len(table.people) // 2
    for before, after in zip(table.others, found.others, strict=True):
        uid = before.schema.uid
        kept = before.frame[before.frame[uid].isin(inside)] if uid else before.frame
        assert after.frame.equals(kept.reset_index(drop=True))


def test_the_attack_sees_records_without_uid_and_secret_and_pays_for_each_cell(tmp_path: Path):
    body = """
        assert "uid" not in knowledge.columns and knowledge.secret not in knowledge.columns
        try:
            knowledge.reveal([knowledge.secret], [victims.index[0]])
        except LedgerError:
            knowledge.reveal(["zip"])
            knowledge.reveal(["gender", "zip"], victims.index)
            yield Linkability(victims.index[0])"""
    result = judged("none", f"{page(tmp_path, body)}:pool=100", SMALL, victims=30)
    result.close()
    assert result.score.attempts == 30
    assert result.score.prior_cells == 200 + 15 + 30
    assert result.score.learned_cells == 1
    assert result.score.users == result.score.eligible == 215


def test_who_claims_everybody_is_right_for_the_share_of_members(tmp_path: Path):
    attack = page(tmp_path, "return [Linkability(record) for record in victims.index]")
    result = judged("none", attack, SMALL, victims=25)
    result.close()
    assert result.score.guess == pytest.approx(12 / 25)
    assert (result.score.claims, result.score.correct, result.score.kappa) == (25, 12, pytest.approx(0.0))


def test_reach_is_the_share_of_members_times_the_advantage():
    """κ_reach = S · (true-positive rate − false-positive rate), from the definition of κ in other words."""
    rng = np.random.default_rng(4)
    people = judged("none", "guess", "employees:size=50").truth.people
    for _ in range(20):
        members = dict(enumerate((rng.random(60) < rng.uniform(0.2, 0.8)).tolist()))
        claimed = np.flatnonzero(rng.random(60) < rng.uniform(0.1, 0.9)).tolist()
        truth = Truth(people, "salary_band", members=members)
        score = judge(truth, [Linkability(r) for r in claimed], list(members), people.iloc[:, :0])
        inside = np.array(list(members.values()))
        said = np.isin(np.arange(60), claimed)
        advantage = said[inside].mean() - said[~inside].mean()
        assert score.kappa_reach == pytest.approx(inside.mean() * advantage)


def test_membership_is_dealt_out_anew_with_as_many_members():
    truth = Truth(judged("none", "guess", "employees:size=50").truth.people, "salary_band")
    truth = Truth(truth.people, truth.secret, members={record: record < 10 for record in range(40)})
    dealt_anew = truth.permuted(generator(1)).members
    assert dealt_anew != truth.members
    assert sorted(dealt_anew) == sorted(truth.members)
    assert sum(dealt_anew.values()) == 10


def test_nothing_can_be_claimed_of_the_reference(tmp_path: Path):
    body = "return [Linkability(r) for r in knowledge.reveal().index.difference(victims.index)[:1]]"
    plan = Benchmark.of(defense="none", attack=page(tmp_path, body), dataset=SMALL, secret=None, trials=1)
    record = run_trial(Task(plan, 0, plan.keys()[0]))
    assert "is not in the mix of members and non-members" in record.error


@pytest.mark.parametrize(
    ("attack", "dataset", "counts", "why"),
    [
        ("membership", SMALL, {"accomplices": 1}, "an accomplice tells a secret"),
        ("membership:pool=299", SMALL, {}, "leaves fewer than 2 of the 300 users"),
        ("membership", "genotypes:persons=4,snps=5", {}, None),
        ("membership", SMALL, {}, None),
    ],
)
def test_what_cannot_be_dealt_out_is_skipped_with_a_reason(attack: str, dataset: str, counts: Any, why: str | None):
    plan = Benchmark.of(defense="none", attack=attack, dataset=dataset, secret=None, **counts)
    reason = skipped(plan)
    assert reason is None if why is None else why in str(reason)


def test_every_attack_and_defense_meets_the_same_mix():
    first, second = (judged(d, a, SMALL) for d, a in (("none", "membership"), ("sticky", "membership:statistic=homer")))
    assert first.truth.members == second.truth.members
    assert first.table.frame.equals(second.table.frame)
    for result in (first, second):
        result.close()


@pytest.mark.science
def test_a_page_that_is_isolated_is_dealt_the_same(tmp_path: Path):
    attack = page(tmp_path, "return [Linkability(record) for record in victims.index[::2]]") + ":pool=50"
    assert isolate.named(attack)[1] == "linkability"
    assert isolate.named("guess") == ("guess:columns=[]", "inference")
    found = []
    for isolated in (True, False):
        plan = Benchmark.of(
            defense="none", attack=attack, dataset=SMALL, secret=None, trials=1, victims=20, isolate=isolated
        )
        result = attack_once(Task(plan, 0, ""))
        result.close()
        found.append((repr(result.outcome), repr(result.score), result.truth.members, len(result.table.frame)))
    assert found[0] == found[1]
    assert found[0][3] == 50


def test_a_benchmark_says_the_share_of_members_as_its_baseline(tmp_path: Path):
    found = bench(
        defense="none", attack="membership:pool=20", dataset="genotypes:persons=200,snps=100", trials=1, victims=20,
        results=str(tmp_path), jobs=1,
    )  # fmt: skip
    assert found["failed_trials"] == 0
    assert found["baseline"] == 0.5
    assert found["attempts"] == 20
    assert found["prior_cells"] == 100 * 190
