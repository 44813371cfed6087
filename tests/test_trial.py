"""One trial: blindness, the ledger, the claims rule, replay, null tests. Pages of plug-ins are written here."""

from __future__ import annotations

import gc
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import registry
from harness.channel import conduct
from harness.engine import DuckEngine
from harness.errors import BenchmarkError, ClaimError, LedgerError, PluginError
from harness.model import Inference, Table
from harness.plan import Benchmark, Task
from harness.plugin import Attack, Defense
from harness.score import Truth, judge
from harness.seeds import generator
from harness.session import Ledger, LocalSession
from harness.store import Store
from harness.trial import draw_victims, run_trial
from tests.conftest import judged

PAGE = """
from dataclasses import dataclass
from harness.model import Inference
from harness.plugin import Attack

@dataclass(frozen=True, kw_only=True)
class mine(Attack):
    def run(self, session, knowledge, victims, rng):
        {body}
"""


def run_in_trial(staff: Table, attack: Attack, defense: Defense | None = None, seconds: float = 30.0):
    session = LocalSession(staff.schema, DuckEngine(staff, SALT), defense or Defense(), generator(0))
    ledger = Ledger(staff, "salary", accomplices=[3])
    return conduct(attack, session, ledger, lambda eligible: eligible, generator(1), seconds), ledger, session


class Probe(Attack):
    """Runs whatever a test wants to do in an attack's place."""

    def __init__(self, what, eligible=None):
        object.__setattr__(self, "what", what)
        object.__setattr__(self, "who", eligible)

    def eligible(self, knowledge):
        return self.who(knowledge) if self.who else knowledge.reveal()

    def run(self, session, knowledge, victims, rng):
        return self.what(session, knowledge, victims, rng) or []


SALT = b"s" * 32
SECRETS = (DuckEngine, LocalSession, Ledger, Table, Truth, Store)


def reachable(*roots: object) -> list[object]:
    """All objects that attributes, items, closures, defaults and bound methods lead to, classes and modules left out:
    what the interpreter knows of references, without the global names of functions."""
    seen: dict[int, object] = {}
    stack = list(roots)
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.CodeType | types.FrameType):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, types.FunctionType):
            stack += [*(thing.__closure__ or ()), *(thing.__defaults__ or ()), thing.__dict__]
        else:
            stack += gc.get_referents(thing)
    return list(seen.values())


def test_what_an_attack_holds_leads_to_no_secret(staff: Table):
    def look(session, knowledge, victims, rng):
        answers = session.query_many(["SELECT dept, count(*) FROM staff GROUP BY 1"])
        bound = (session.query, session.query_many, knowledge.reveal)
        held = reachable(session, knowledge, victims, rng, answers, *bound)
        assert any(thing is answers for thing in held)
        assert len(held) > 20
        bad = [thing for thing in held if isinstance(thing, SECRETS) or (isinstance(thing, bytes) and thing == SALT)]
        assert not bad, [type(thing) for thing in bad]
        frames = [thing for thing in held if isinstance(thing, pd.DataFrame)]
        assert not any("salary" in frame.columns for frame in frames)

    run_in_trial(staff, Probe(look))


def test_the_walk_that_looks_for_secrets_finds_them_where_they_are(staff: Table):
    engine = DuckEngine(staff, SALT)
    session = LocalSession(staff.schema, engine, Defense(), generator(0))
    held = reachable(session.query)
    assert any(thing is engine for thing in held)


def test_the_stack_of_an_attack_holds_no_secret(staff: Table):
    """Not promised, yet true while the attack has a thread of its own."""
    import sys

    def look(session, knowledge, victims, rng):
        frame = sys._getframe()
        while frame:
            assert not any(isinstance(value, SECRETS) for value in frame.f_locals.values()), frame.f_code.co_name
            frame = frame.f_back

    run_in_trial(staff, Probe(look))


def test_the_ledger_charges_each_cell_once(staff: Table):
    def learn(session, knowledge, victims, rng):
        knowledge.reveal(["dept", "gender"])
        knowledge.reveal(["dept"], [1, 2, 3])
        knowledge.reveal(["age"], [1, 2])
        knowledge.reveal(["age"], [2])

    _, ledger, _ = run_in_trial(staff, Probe(learn))
    assert ledger.revealed.to_numpy().sum() == 12 * 2 + 2


def test_the_ledger_refuses_the_secret_but_for_accomplices(staff: Table):
    def learn(session, knowledge, victims, rng):
        for uids in (None, [1], [3, 1]):
            with pytest.raises(LedgerError, match="no column 'salary'"):
                knowledge.reveal(["salary"], uids)
        assert knowledge.accomplices == (3,)
        assert knowledge.reveal(["salary"], [3])["salary"].tolist() == [30]
        with pytest.raises(LedgerError, match="no user 99"):
            knowledge.reveal(["age"], [1, 99])
        assert "salary" not in knowledge.columns

    _, ledger, _ = run_in_trial(staff, Probe(learn))
    assert ledger.revealed.to_numpy().sum() == 1


def test_what_tells_the_secret_is_masked_too():
    def columns(secret: str) -> tuple[str, ...]:
        result = judged("none", "guess", "employees:size=100", secret=secret)
        result.close()
        return tuple(name for name in result.revealed.columns if name != secret)

    assert not {"salary", "salary_band"} & set(columns("salary_band"))
    assert not {"salary", "salary_band"} & set(columns("salary"))
    assert {"salary", "salary_band"} <= set(columns("zip"))


def test_changing_what_was_revealed_changes_nothing_else(staff: Table):
    def spoil(session, knowledge, victims, rng):
        frame = knowledge.reveal(["dept"])
        frame["dept"] = "gone"
        frame.iloc[:, 0] = "gone"
        assert set(knowledge.reveal(["dept"])["dept"]) == {"CS", "Law"}

    run_in_trial(staff, Probe(spoil))
    assert set(staff.frame["dept"]) == {"CS", "Law"}


def test_an_attack_that_fails_fails_its_trial_with_its_traceback(staff: Table):
    def fail(session, knowledge, victims, rng):
        raise RuntimeError("lost my way")

    with pytest.raises(PluginError, match=r"(?s)in fail.*lost my way"):
        run_in_trial(staff, Probe(fail))


@pytest.mark.parametrize("way_out", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_attack_that_leaves_fails_its_trial_at_once(staff: Table, way_out: type[BaseException]):
    def leave(session, knowledge, victims, rng):
        raise way_out

    with pytest.raises(PluginError, match=way_out.__name__):
        run_in_trial(staff, Probe(leave))


def test_eligible_must_be_a_frame_of_known_users(staff: Table):
    def no_frame(knowledge):
        return [1, 2]

    def draw(eligible):
        return draw_victims(eligible, Ledger(staff, "salary"), 3, generator(0))

    session = LocalSession(staff.schema, DuckEngine(staff, SALT), Defense(), generator(0))
    for wrong in (
        no_frame,
        lambda knowledge: pd.DataFrame(index=[1, 99]),
        lambda knowledge: pd.DataFrame(index=[1, 1]),
    ):
        with pytest.raises(BenchmarkError, match="eligible"):
            conduct(Probe(None, wrong), session, Ledger(staff, "salary"), draw, generator(1), 30.0)


def page(tmp_path: Path, body: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(PAGE.format(body=body))
    return str(path)


def record_of(attack: str, dataset: str = "employees:size=200", **counts):
    benchmark = Benchmark.of(defense="none", attack=attack, dataset=dataset, secret=None, trials=1, **counts)
    return run_trial(Task(benchmark, 0, benchmark.keys()[0]))


def test_two_claims_on_one_cell_fail_the_trial(tmp_path: Path):
    body = "return [Inference(u, b) for u in victims.index for b in ('B01', 'B02')]"
    assert "Two different claims" in record_of(page(tmp_path, body)).error


def test_one_claim_a_victim_is_fine(tmp_path: Path):
    body = "return [Inference(u, 'B01') for u in victims.index for _ in range(3)]"
    record = record_of(page(tmp_path, body))
    assert record.error is None
    assert (record.score.attempts, record.score.claims) == (25, 25)


def test_replay_under_none_tells_a_defense_that_does_not_act():
    def acts(defense: str, attack: str) -> bool | None:
        benchmark = Benchmark.of(
            defense=defense, attack=attack, dataset="employees:size=1000", secret=None, trials=1, victims=5
        )
        record = run_trial(Task(benchmark, 0, benchmark.keys()[0]))
        assert record.error is None
        return record.acts

    assert acts("none", "difference") is False
    assert acts("output-perturbation:scale=0", "difference") is False
    assert acts("k-threshold:k=1", "difference") is False
    assert acts("output-perturbation", "difference") is True
    assert acts("diffix", "difference") is True
    assert acts("none", "guess") is None


@pytest.mark.parametrize("attack", ["difference", "intersection", "averaging"])
def test_permuting_the_truth_alone_leaves_nothing(attack: str):
    """Against `none` these attacks are exact; against a truth dealt out anew they are chance. 99.9 % interval."""
    values = []
    for trial in range(6):
        result = judged("none", attack, trial=trial)
        result.close()
        assert result.score.kappa_reach == pytest.approx(1.0)
        dealt = result.truth.permuted(generator("permuted", trial))
        score = judge(dealt, result.outcome.claims, result.outcome.victims, result.revealed)
        values.append(score.kappa_reach)
    spread = np.sqrt(0.1 * 0.9 / (6 * 25)) / 0.9
    assert abs(np.mean(values)) < 3.29 * spread


def test_same_trial_same_victims_whatever_the_attack():
    first = judged("none", "intersection")
    second = judged("diffix", "averaging")
    first.close()
    second.close()
    assert first.outcome.victims == second.outcome.victims


def test_another_trial_another_salt_and_other_victims():
    first, second = judged("diffix", "difference"), judged("diffix", "difference", trial=1)
    assert first.engine.salt != second.engine.salt
    assert first.outcome.victims != second.outcome.victims
    first.close()
    second.close()


def test_the_derived_column_follows_its_source(tmp_path: Path):
    path = tmp_path / "flat.py"
    path.write_text(
        "from harness.plugin import Defense\n"
        "class flat(Defense):\n"
        "    def protect(self, table, rng):\n"
        "        return table.with_frame(table.frame.assign(salary=1))\n"
    )
    result = judged(str(path), "difference", "employees:size=1000")
    answer = result.fresh_session(generator(0)).query("SELECT salary_band, count(*) FROM employees GROUP BY 1")
    assert answer.rows == [("B01", 1000)]
    assert result.exact_session().query("SELECT count(DISTINCT salary_band) FROM employees").value == 10
    result.close()


def test_an_attack_that_never_ends_is_stopped(tmp_path: Path):
    from harness.plan import limits

    record = record_of(page(tmp_path, "\n        while True: pass"), limits=limits(1.0))
    assert record.error.startswith("DeadlineExceeded")


def test_accomplices_are_neverdraw_victims():
    result = judged("none", "guess", "employees:size=40", accomplices=30, victims=25)
    result.close()
    assert result.score.attempts == 10
    assert result.score.eligible == 40


def bases(*roots: object) -> list[np.ndarray]:
    """All arrays in reach of these, those that they are views of included."""
    found = [thing for thing in reachable(*roots) if isinstance(thing, np.ndarray)]
    for array in found:
        if isinstance(array.base, np.ndarray) and not any(array.base is other for other in found):
            found.append(array.base)
    return found


def test_no_revealed_array_is_a_view_of_the_truth(staff: Table):
    def look(session, knowledge, victims, rng):
        frames = [knowledge.reveal(), knowledge.reveal(["age"]), knowledge.reveal(["age"], [1, 2]), victims]
        arrays = [frame[column].to_numpy() for frame in frames for column in frame]
        arrays += [frame.index.to_numpy() for frame in frames] + [frame.index.values for frame in frames]
        for array in bases(*arrays, *frames):
            assert array.size <= 12, "a block of several columns"
            assert array.tolist() != staff.frame["salary"].tolist()

    run_in_trial(staff, Probe(look))


def test_a_refused_revelation_leads_nowhere(staff: Table):
    def look(session, knowledge, victims, rng):
        with pytest.raises(LedgerError) as caught:
            knowledge.reveal(["salary"])
        frame = caught.value.__traceback__
        while frame:
            held = reachable(*frame.tb_frame.f_locals.values())
            assert not any(isinstance(thing, SECRETS) for thing in held)
            frame = frame.tb_next

    run_in_trial(staff, Probe(look))


def testdraw_victims_are_drawn_once(staff: Table):
    def redraw(session, knowledge, victims, rng):
        session._line.ask("victims", victims)

    with pytest.raises(PluginError, match="victims are drawn once"):
        run_in_trial(staff, Probe(redraw))


class Sly(str):
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize("claim", [["B01", "B02"], {"a": 1}, object(), b"B01", (1, 2)])
def test_a_claim_names_a_plain_value(staff: Table, claim: object):
    with pytest.raises(ClaimError, match="plain values"):
        run_in_trial(staff, Probe(lambda *_: [Inference(1, claim)]))


def test_a_claims_own_equality_is_not_asked(staff: Table):
    outcome, *_ = run_in_trial(staff, Probe(lambda *_: [Inference(1, Sly("x"))]))
    assert type(outcome.claims[0].value) is str
    with pytest.raises(ClaimError, match="not a str"):
        run_in_trial(staff, Probe(lambda *_: ["hello"]))


def test_answers_cannot_be_written_to(staff: Table):
    def write(session, knowledge, victims, rng):
        answer = session.query("SELECT dept, count(*) FROM staff GROUP BY 1")
        with pytest.raises(ValueError, match="read-only"):
            answer.data[1][0] = 99

    run_in_trial(staff, Probe(write))


def test_a_defense_that_writes_in_place_cannot_reach_the_truth(tmp_path: Path):
    path = tmp_path / "rude.py"
    path.write_text(
        "from harness.plugin import Defense\n"
        "class rude(Defense):\n"
        "    def protect(self, table, rng):\n"
        "        table.frame['occupation'] = 'Sales'\n"
        "        return table\n"
    )
    result = judged(str(path), "difference", "census")
    assert result.truth.people["occupation"].nunique() == 14
    assert result.exact_session().query("SELECT count(DISTINCT occupation) FROM census").value == 14
    assert result.fresh_session(generator(0)).query("SELECT count(DISTINCT occupation) FROM census").value == 1
    result.close()


def test_an_edited_page_is_another_module(tmp_path: Path):
    path = tmp_path / "page.py"
    for k in (1, 2):
        path.write_text(f"from harness.plugin import Defense\nclass page(Defense):\n    k = {k}\n")
        assert registry.defense(str(path))[0].k == k
