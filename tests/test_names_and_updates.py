"""What an attack can do beside asking: speak under other names, and have users deleted. Blind, counted, repeatable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import isolate, registry
from harness.channel import BlindSession, Desk, Line, conduct
from harness.engine import DuckEngine
from harness.errors import DeadlineExceeded, PluginError
from harness.model import Refused, Table
from harness.plan import Benchmark, Task
from harness.plugin import Attack, Defense
from harness.seeds import generator
from harness.session import Ledger, Limits, LocalSession
from harness.store import Store
from harness.trial import acts, run_trial
from tests.conftest import judged
from tests.test_trial import SALT, SECRETS, reachable

COUNT = "SELECT count(*) FROM staff"
FRESH = "output-perturbation:kind=gaussian"
BY_NAME = "per-user-noise"


def session(table: Table, defense: str = "none", seed: int = 0, **more: Any) -> LocalSession:
    built = registry.defense(defense)[0]
    return LocalSession(table.schema, DuckEngine(table, SALT), built, generator("answers", seed), **more)


class Probe(Attack):
    """Runs whatever a test wants to do in an attack's place."""

    updates = True

    def __init__(self, what: Any) -> None:
        object.__setattr__(self, "what", what)

    def run(self, session, knowledge, victims, rng):
        return self.what(session) or []


class Silent(Probe):
    updates = False


def play(table: Table, attack: Attack, defense: str = "none") -> LocalSession:
    own = session(table, defense)
    conduct(attack, own, Ledger(table, "salary"), lambda eligible: eligible, generator(1), 30.0)
    return own


# Names


def test_each_name_has_a_budget_and_a_log_of_its_own(staff: Table):
    first = session(staff, "query-budget:n=1")
    second = first.named("second")
    said = [one.query(COUNT) for one in (first, first, second, first.named("second"), first.named("third"))]
    assert [isinstance(one, Refused) for one in said] == [False, True, False, True, False]
    assert (first.asked, first.reasons) == (5, {"query-budget": 2})
    assert [history.asked for history in first.histories] == [2, 2, 1]
    assert first.named("analyst").history is first.history


def test_a_trial_counts_what_all_names_ask(staff: Table):
    first = session(staff, limits=Limits(queries=3))
    first.query_many([COUNT] * 2)
    first.named("second").query(COUNT)
    with pytest.raises(PluginError, match="more than 3"):
        first.named("third").query(COUNT)


def test_time_is_up_for_all_names(staff: Table):
    first = session(staff)
    second = first.named("second")
    first.expire()
    with pytest.raises(DeadlineExceeded, match="seconds"):
        second.query(COUNT)
    with pytest.raises(DeadlineExceeded, match="seconds"):
        second.update(delete=[1])


@pytest.mark.parametrize("defense", [FRESH, BY_NAME])
def test_the_noise_of_a_name_is_its_own_whoever_else_asked_what(defense: str, staff: Table):
    alone, busy = session(staff, defense), session(staff, defense)
    expected = alone.named("second").query(COUNT).value
    others = [busy.query(COUNT).value, *(busy.named(name).query(COUNT).value for name in "abc")]
    assert busy.named("second").query(COUNT).value == expected
    assert len({expected, *others}) == 5
    assert session(staff, defense, seed=1).named("second").query(COUNT).value != expected or defense == BY_NAME


def test_sticky_noise_does_not_know_names(staff: Table):
    first = session(staff, "sticky")
    assert first.query(COUNT).value == first.named("second").query(COUNT).value


def test_a_name_is_a_text(staff: Table):
    def wrong(asked: BlindSession) -> None:
        for name in ("", None, 3):
            with pytest.raises(PluginError, match="a text"):
                asked.named(name)  # type: ignore[arg-type]

    play(staff, Probe(wrong))


def test_a_session_under_another_name_leads_to_no_secret(staff: Table):
    def look(asked: BlindSession) -> None:
        other = asked.named("second")
        assert other.schema is asked.schema
        held = reachable(other, other.query(COUNT), other.query_many, other.update, other.named)
        assert not [thing for thing in held if isinstance(thing, SECRETS) or thing == SALT]
        assert not [thing for thing in held if isinstance(thing, pd.DataFrame | Store)]

    assert play(staff, Probe(look)).asked == 1


# Updates


def test_users_go_and_come_back_and_the_truth_stays(staff: Table):
    def change(asked: BlindSession) -> None:
        assert asked.update(delete=[6]) is None
        assert asked.query(COUNT).value == 11
        assert asked.update(delete=[6, 7], reinsert=[8]) is None, "who is not there is passed over"
        assert asked.named("second").query(COUNT).value == 10, "the rows are everybody's"
        assert asked.update(reinsert=np.array([6, 6]), delete=[1]) is None
        assert asked.query("SELECT salary, count(*) FROM staff WHERE dept = 'CS' GROUP BY 1 ORDER BY 1").rows == [
            (20, 1), (30, 1), (40, 1), (50, 1), (90, 1),
        ]  # fmt: skip

    own = play(staff, Probe(change))
    assert (own.asked, own.away) == (6, [7, 1])
    assert len(staff.frame) == 12


def test_all_rows_of_a_user_come_back_with_what_is_derived(staff: Table):
    table = registry.dataset("employees:size=60")[0].load(generator(1))
    table = replace(table, frame=pd.concat([table.frame, table.frame.head(20)], ignore_index=True))
    own = LocalSession(table.schema, DuckEngine(table, SALT), Defense(), generator(0))
    everything = f"SELECT {', '.join(table.schema.names)}, count(*) FROM employees GROUP BY ALL"
    everything = everything.replace("GROUP BY ALL", f"GROUP BY {', '.join(table.schema.names)}")
    before = sorted(own.query(everything).rows)
    users = table.frame["uid"].head(30).tolist()
    assert own.update(delete=users) is None
    assert len(own.query(everything)) == 30
    assert own.update(reinsert=users) is None
    assert sorted(own.query(everything).rows) == before


def test_an_attack_that_does_not_say_so_has_nothing_deleted(staff: Table):
    def change(asked: BlindSession) -> None:
        with pytest.raises(PluginError, match="updates = True"):
            asked.update(delete=[6])

    assert not play(staff, Silent(change)).away


def test_a_user_that_never_was_fails_the_attack(staff: Table):
    with pytest.raises(PluginError, match="no user 99"):
        play(staff, Probe(lambda asked: asked.update(delete=[1, 99])))
    desk = Desk(session(staff), Ledger(staff, "salary"), lambda eligible: eligible)
    with pytest.raises(PluginError, match="no user 'Eve'"):
        desk.serve("update", (None, [], ["Eve"]))
    assert isinstance(BlindSession(Line(), staff.schema, True).named("x"), BlindSession)


def test_what_the_defense_does_not_take_is_a_refusal_and_counted(staff: Table):
    def change(asked: BlindSession) -> None:
        said = asked.update(delete=[6])
        assert isinstance(said, Refused)
        assert asked.query(COUNT).value == 12

    own = play(staff, Probe(change), "data-swapping")
    assert (own.asked, dict(own.reasons), own.kept_back, own.away) == (2, {"update": 1}, True, [])


PAGE = """
from dataclasses import dataclass
from harness.model import Inference
from harness.plugin import Attack

@dataclass(frozen=True, kw_only=True)
class mine(Attack):
    updates = True
    def run(self, session, knowledge, victims, rng):
        {body}
        return [Inference(uid, "B01") for uid in victims.index]
"""
BODY = """
        uids = victims.index
        all = "SELECT department, count(*), sum(age) FROM employees GROUP BY 1"
        said = [session.query(all), session.named("é\\n'").query_many([all] * 2)]
        said += [session.update(delete=uids[:2]), session.query(all), session.update(uids[2:], uids[:1])]
        said += [session.named("x").update(reinsert=list(uids)), session.query(all)]
        if rng.random() < 2: return [Inference(uid, repr(said)) for uid in uids]
"""


def task(folder: Path, body: str, defense: str, **counts: Any) -> Task:
    path = folder / "mine.py"
    path.write_text(PAGE.format(body=body))
    plan = Benchmark.of(
        defense=defense, attack=str(path), dataset="employees:size=300", secret=None, trials=1, victims=4, **counts
    )
    return Task(plan, 0, plan.keys()[0])


@pytest.mark.parametrize("defense", [f"{FRESH}+{BY_NAME}", "partitioning:updates=any,smallest=1"])
def test_both_cross_the_pipe(defense: str, tmp_path: Path):
    found = []
    for isolated in (False, True):
        one = task(tmp_path, BODY, defense)
        record = run_trial(replace(one, benchmark=replace(one.benchmark, isolate=isolated)))
        assert record.error is None, record.error
        found.append((repr(record.claims), record.score, record.queries, record.reasons, record.acts, record.utility))
    assert found[0] == found[1]
    assert found[0][2] == 8


@pytest.mark.parametrize("defense", ["none", "sticky", "partitioning:updates=any,smallest=1"])
def test_utility_is_of_the_table_that_was_there_before(defense: str, tmp_path: Path):
    """Deleting nearly everybody changes no figure of utility, and is no act of the defense."""
    everybody = "session.update(delete=knowledge.reveal().index[:290]); session.query('SELECT count(*) FROM employees')"
    found = [run_trial(task(tmp_path, body, defense)) for body in (everybody, "pass")]
    assert found[0].error is None
    assert found[0].utility == found[1].utility
    assert found[0].acts == (defense == "sticky")


def test_a_defense_acts_where_only_some_name_sees_it(tmp_path: Path):
    count = "session.named('b').query_many(['SELECT count(*) FROM employees'] * 2)"
    different = "session.named('b').query_many([f'SELECT count(*) FROM employees WHERE age > {i}' for i in range(2)])"
    first = "session.query('SELECT count(*) FROM employees'); "
    assert run_trial(task(tmp_path, first + count, "query-budget:n=2")).acts is False
    assert run_trial(task(tmp_path, first + different, "query-budget:n=1")).acts is True


def test_what_any_name_heard_before_an_update_is_no_act(tmp_path: Path):
    count = "session.named('b').query('SELECT count(*) FROM employees')"
    body = f"{count}; session.update(delete=victims.index); session.query('SELECT sum(age) FROM employees')"
    assert run_trial(task(tmp_path, body, "none")).acts is False


def test_a_refused_update_is_an_act():
    done = judged("data-swapping", "guess", "employees:size=300", victims=2)
    assert done.session.update(delete=list(done.outcome.victims)) is not None
    assert acts(done) is True
    done.close()


def test_an_attack_without_the_accomplices_that_it_needs_is_skipped():
    class needy(Attack):
        needs_accomplices = 2

        def run(self, session, knowledge, victims, rng):
            return []

    schema = registry.dataset("employees:size=20")[0].load(generator(1)).schema
    assert isolate.skipped(needy(), schema, "salary", 2) is None
    assert isolate.skipped(needy(), schema, "salary", 1) == (
        "needy needs users who tell it their secret: --accomplices 2 or more"
    )
