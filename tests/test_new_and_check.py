"""`snoopbench new` writes pages that work; `snoopbench check` finds what is planted in broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.checks import CHECKS, HYBRID, examine, sentence, subject_of
from harness.cli import main

KINDS = ("attack", "defense", "dataset")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_page_passes_and_runs(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", kind, "my-page"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].split()
    assert "class my_page(" in (tmp_path / "my_page.py").read_text()
    assert main(["check", "./my_page.py", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["kind"], report["passed"]) == (kind, True)
    assert len(report["checks"]) == len(CHECKS[f"{kind}s"])
    assert command[:2] == ["snoopbench", "bench"]
    assert main([*command[1:-1], "1", "--jobs", "1", "--victims", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failed_trials"] == 0


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("1st", "letters, digits and hyphens"), ("x.y", "letters, digits and hyphens"), ("", "letters"),
        ("../up", "letters"), ("class", "a word of Python's own"), ("match", "a word of Python's own"),
        ("k-threshold", "a plug-in called k-threshold"), ("census", "a plug-in called census"),
        ("numpy", "hide the Python module numpy"), ("mine", "mine.py already"),
    ],
)  # fmt: skip
def test_a_bad_name_is_one_sentence(name: str, fragment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine.py").write_text("dear")
    assert main(["new", "attack", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert fragment in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
    assert (tmp_path / "mine.py").read_text() == "dear"


HEAD = """
import dataclasses
from dataclasses import dataclass
import numpy as np
import pandas as pd
from harness.model import *
from harness.plugin import *
from harness.sql import Plan
COUNT = [0]
"""
ATTACK = '''
@dataclass(frozen=True, kw_only=True)
class mine(Attack):
    """Does wrong."""
    exact_against_none = False
'''
DEFENSE = ATTACK.replace("(Attack)", "(Defense)").replace("    exact_against_none = False\n", "")
DATASET = '''
@dataclass(frozen=True, kw_only=True)
class mine(Dataset):
    """Does wrong."""
    licence = source = "mine"
    def load(self, rng):
        n = 20
        frame = pd.DataFrame({"uid": np.arange(n), "a": rng.integers(9, size=n), "b": rng.integers(9, size=n)})
        columns = (Column("uid", Kind.INTEGER), Column("a", Kind.INTEGER), Column("b", Kind.INTEGER))
        derived = ()
        name, secrets = "mine", ("a",)
'''
LOADED = "        return Table(Schema(name, columns, uid='uid', secrets=secrets, derived=derived), frame)\n"
RUN = "    def run(self, session, knowledge, victims, rng):\n        "
ASKED = "session.query('SELECT salary_band, count(*) FROM employees GROUP BY 1')"
UPDATE = "    def update(self, delta, engine, log, rng):\n        "
ANSWER = "    def answer(self, buckets, rng):\n        "

BROKEN = [
    # form
    ("defense", DEFENSE.replace("@dataclass(frozen=True, kw_only=True)\n", ""), "is_frozen"),
    ("defense", DEFENSE.replace("class mine", "class yours"), "is_named_after_its_file"),
    ("defense", DEFENSE.replace('"""Does wrong."""', "pass"), "is_documented"),
    ("defense", DEFENSE.replace("Does wrong.", "wrong"), "is_documented"),
    ("defense", DEFENSE + "    k: int = 3\n", "parameters_are_documented"),
    (
        "defense",
        DEFENSE + "    k: float = param(1.0, 'k', low=0)\n    def __post_init__(self): pass\n",
        "refuses_wrong_parameters",
    ),
    # defenses
    ("defense", DEFENSE + "    def plan(self, query, log): return None\n", "stages_return_what_they_should"),
    ("defense", DEFENSE + ANSWER + "return buckets.values\n", "stages_return_what_they_should"),
    ("defense", DEFENSE + ANSWER + "return buckets.with_values(buckets.values[1:])\n", "stages_return"),
    ("defense", DEFENSE + ANSWER + "buckets.values[:] += 1\n        return buckets\n", "stages_return"),
    (
        "defense",
        DEFENSE + "    def protect(self, table, rng):\n        table.frame['age'] = 30\n        return table\n",
        "protect_leaves_its_input_alone",
    ),
    ("defense", DEFENSE + "    def protect(self, table, rng): return table.frame\n", "protect_leaves_its_input_alone"),
    ("defense", DEFENSE + ANSWER + "return buckets if buckets.values.min() else 1 / 0\n", "ordinary_queries"),
    ("defense", DEFENSE + ANSWER + "buckets.users[0]\n        return buckets\n", "empty_results_and_null_are_handled"),
    (
        "defense",
        DEFENSE + ANSWER + "return buckets.with_values(buckets.values + rng.normal(size=buckets.values.shape))\n",
        "a_batch_is_its_queries_one_by_one",
    ),
    (
        "defense",
        DEFENSE + ANSWER + "COUNT[0] += 1\n        return buckets.with_values(buckets.values + COUNT[0])\n",
        "same_seed_same_answers",
    ),
    (
        "defense",
        DEFENSE + "    def protect(self, table, rng):\n        COUNT[0] = len(table.frame)\n        return table\n"
        "    def plan(self, query, log): return Plan(query, notices=(f'{COUNT[0]} rows',))\n",
        "refusals_depend_on_no_rows",
    ),
    (
        "defense",
        DEFENSE + ANSWER + "return buckets if buckets.table_users > 1 else 1 / 0\n",
        "odd_tables_are_protected_too",
    ),
    ("defense", DEFENSE + UPDATE + "return None\n", "update_returns_what_it_should"),
    ("defense", DEFENSE + UPDATE + "delta.added['age'] = 1\n        return delta\n", "update_returns_what_it_should"),
    ("defense", DEFENSE + UPDATE + "return Delta(delta.removed, delta.added[['uid']])\n", "update_returns"),
    ("defense", DEFENSE + UPDATE + "engine.apply(delta)\n        return Refused('no', 'No.')\n", "update_returns"),
    (
        "defense",
        DEFENSE + UPDATE + "COUNT[0] += 1\n        return Delta(delta.removed, delta.added.assign(age=COUNT[0]))\n",
        "updates_leave_a_table_to_ask",
    ),
    (
        "defense",
        DEFENSE + UPDATE + "return delta\n    def plan(self, query, log):\n"
        "        return Plan(query) if not log.updates else 1 / 0\n",
        "updates_leave_a_table_to_ask",
    ),
    # attacks
    ("attack", "from harness.engine import DuckEngine\n" + ATTACK + RUN + "return []\n", "reaches_for_nothing"),
    ("attack", "import datasets.census\n" + ATTACK + RUN + "return []\n", "reaches_for_nothing"),
    ("attack", ATTACK + RUN + "raise ValueError('lost')\n", "ends_without_a_defense"),
    ("attack", ATTACK + RUN + "return [Inference(-1, 'B01')]\n", "ends_without_a_defense"),
    (
        "attack",
        ATTACK + RUN + "COUNT[0] += 1\n        return [Inference(u, COUNT[0]) for u in victims.index]\n",
        "same_seed_same_claims",
    ),
    ("attack", ATTACK + RUN + f"return {ASKED}.data[:0]\n", "survives_refusals"),
    (
        "attack",
        ATTACK + "    updates = True\n" + RUN + "return [session.update(victims.index[:1]) and 1 / 0][:0]\n",
        "survives_refusals",
    ),
    ("attack", ATTACK + RUN + f"a = {ASKED}\n        return [a.data and a.data[0][0]][:0]\n", "survives_suppression"),
    (
        "attack",
        ATTACK.replace("    exact_against_none = False\n", "")
        + RUN
        + "return [Inference(u, 'B01') for u in victims.index]\n",
        "is_exact_without_a_defense",
    ),
    # datasets
    ("dataset", DATASET + "        name = 'theirs'\n" + LOADED, "frame_and_schema_agree"),
    ("dataset", DATASET + "        frame['b'] = 'x'\n" + LOADED, "frame_and_schema_agree"),
    ("dataset", DATASET + "        frame['uid'] = np.nan\n" + LOADED, "frame_and_schema_agree"),
    ("dataset", DATASET + "        frame['b'] = np.random.default_rng().random()\n" + LOADED, "same_seed_same_rows"),
    ("dataset", DATASET + "        frame['a'] = frame['b'] = 1\n" + LOADED, "same_seed_same_rows"),
    (
        "dataset",
        DATASET + "        frame['b'] = 'x'\n        columns = (*columns[:2], Column('b', Kind.TEXT))\n"
        "        derived = (Derived('b', 'a', (3.0,), ('low', 'high')),)\n" + LOADED,
        "derived_columns_follow",
    ),
    ("dataset", DATASET + "        secrets = ()\n" + LOADED, "secrets_can_be_kept"),
    ("dataset", DATASET + "        frame['uid'] = 1\n" + LOADED, "secrets_can_be_kept"),
    ("dataset", DATASET.replace("licence = source", "source") + LOADED, "says_where_it_comes_from"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "check"), BROKEN, ids=[f"{c}-{i}" for i, (_, _, c) in enumerate(BROKEN)])
def test_what_is_broken_is_found(kind: str, text: str, check: str, monkeypatch: pytest.MonkeyPatch):
    Path("mine.py").write_text(HEAD + text)
    (found,) = [c for c in CHECKS[f"{kind}s"] if c.__name__.startswith(check)]  # type: ignore[index]
    monkeypatch.setitem(CHECKS, f"{kind}s", (found,))
    (finding,) = examine(subject_of("./mine.py"))
    assert finding.status == "failed", finding
    assert finding.check == sentence(found)
    assert finding.reason


@pytest.mark.parametrize(
    "spec",
    [
        "k-threshold+output-perturbation",
        "partitioning:by=[member],dummies=2+overlap-control:r=20",
        *(
            pytest.param(spec, marks=pytest.mark.science)
            for spec in (
                "query-budget+laplace+rounding",
                "nielson:gamma=8+data-swapping+microaggregation",
                "output-perturbation:kind=wrong-record,p=0.5+rounding:kind=random",
            )
        ),
    ],
)
def test_a_hybrid_is_checked_as_one_defense(spec: str):
    findings = examine(subject_of(spec))
    assert [f.check for f in findings] == [sentence(check) for check in HYBRID]
    assert {f.status for f in findings} == {"ok"}, [f.reason for f in findings]


def test_what_is_wrong_with_a_part_is_found_in_the_hybrid():
    Path("mine.py").write_text(HEAD + DEFENSE + ANSWER + "buckets.values[:] += 1\n        return buckets\n")
    (failed,) = {f.reason for f in examine(subject_of("none+./mine.py")) if f.status == "failed"}
    assert "writes into the buckets" in failed


def test_an_attack_that_knows_what_it_did_not_pay_for(monkeypatch: pytest.MonkeyPatch):
    """It learns from the dataset's generator what others must ask for."""
    body = (
        "from harness import registry\n        from harness.seeds import generator\n"
        "        truth = registry.dataset('employees')[0].load(generator('check employees')).people\n"
        "        return [Inference(u, truth.salary_band[u]) for u in victims.index]\n"
    )
    Path("mine.py").write_text(HEAD + ATTACK + RUN + body)
    failed = [f.check for f in examine(subject_of("./mine.py")) if f.status == "failed"]
    assert [check.split()[0:2] for check in failed] == [["The", "page"], ["What", "it"]]


def test_the_command_says_what_failed(capsys: pytest.CaptureFixture[str]):
    Path("mine.py").write_text(HEAD + "print('hello')\n" + DATASET + "        secrets = ()\n" + LOADED)
    assert main(["check", "./mine.py", "--json", "--debug"]) == 1
    out, err = capsys.readouterr()
    assert [report["passed"] for report in json.loads(out)] == [False]
    assert "hello" in err
    assert "Traceback" in err
    assert main(["check", "./mine.py", "employees"]) == 1
    out, err = capsys.readouterr()
    assert "failed   It names at least one secret" in out
    assert "The schema names no secret." in out
    assert "1 of 12 checks failed." in out
    assert "It keeps its contract." in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["difference", "nothing"], "nothing is no attack, defense or dataset"),
        (["./no.py"], "There is no file ./no.py"),
        (["./both.py"], "(attack and defense); say which with --kind"),
        (["sticky+none", "--kind", "attack"], "only defenses can be checked together"),
        (["sticky+nothing"], "There is no defense called 'nothing'"),
        (["rounding+laplace"], "laplace cannot stand there"),
        (["k-threshold:k=0"], "k is a whole number"),
        ([], "Missing argument"),
    ],
)
def test_a_users_mistake_is_exit_2(words: list[str], fragment: str, capsys: pytest.CaptureFixture[str]):
    Path("both.py").write_text(HEAD + ATTACK + RUN + "return []\n" + DEFENSE.replace("mine", "other"))
    assert main(["check", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert fragment in err
    assert err.count("\n") == 1


def test_the_harness_fails_a_trial_whose_defense_returns_something_else(capsys: pytest.CaptureFixture[str]):
    Path("mine.py").write_text(HEAD + DEFENSE + "    def plan(self, query, log): return query\n")
    for defense in ("./mine.py", "none+./mine.py"):
        words = ["bench", "--defense", defense, "--attack", "difference", "--dataset", "employees:size=300"]
        assert main([*words, "--trials", "1", "--jobs", "1", "--json"]) == 1
        said = json.loads(capsys.readouterr().out)["errors"]
        assert said == ["PluginError: The defense mine broke its contract: plan returned a Query, not Plan or Refused."]
