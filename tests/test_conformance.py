"""What every plug-in must be, and that every pair ends without a crash."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from harness import registry, specs
from harness.errors import ParameterError
from harness.model import Kind
from harness.plan import Benchmark, Task
from harness.plugin import Attack, Dataset, Defense, Plugin
from harness.seeds import generator
from harness.trial import checked, run_trial

BASES = {"attacks": Attack, "defenses": Defense, "datasets": Dataset}
ALL = [(kind, name) for kind in BASES for name in importlib.import_module(kind).BUILTIN]
ATTACKS, DEFENSES, DATASETS = ([name for k, name in ALL if k == kind] for kind in BASES)


@pytest.mark.parametrize("kind", BASES)
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


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_page_is_a_frozen_documented_dataclass(kind: str, name: str):
    cls = registry.plugin_class(BASES[kind], name)
    assert cls.__name__ == name.replace("-", "_") == cls.__module__.split(".")[1]
    plugin = cls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        plugin.anything = 1
    doc = inspect.getdoc(cls)
    assert "Source:" in doc
    assert doc.splitlines()[0].endswith((".", ":")) or doc.splitlines()[0][-1].isalnum()
    for field in dataclasses.fields(cls):
        assert field.kw_only
        assert field.metadata["doc"]
    assert pickle.loads(pickle.dumps(plugin)) == plugin
    lines = Path(inspect.getfile(cls)).read_text().count("\n")
    assert lines <= 130, "a page fits on two screens"


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_canonical_spec_builds_the_same(kind: str, name: str):
    build = getattr(registry, kind.removesuffix("s"))
    plugin, spec = build(name)
    again, same = build(spec)
    assert (again, same) == (plugin, spec)
    assert specs.canonical(specs.parse(spec)) == spec
    assert registry.short(kind, spec) == name
    for field in dataclasses.fields(type(plugin)):
        assert f"{field.name}=" in spec


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_wrong_parameter_is_named_with_what_is_allowed(kind: str, name: str):
    cls = registry.plugin_class(BASES[kind], name)
    for field in dataclasses.fields(cls):
        with pytest.raises(ParameterError) as caught:
            cls(**{field.name: {"no": "such"}})
        assert field.name in str(caught.value)
        low = field.metadata["low"]
        if low is not None:
            with pytest.raises(ParameterError, match="from"):
                cls(**{field.name: type(low)(low) - 1})


def spec_of(name: str, folder: Path) -> str:
    """The dataset itself, or what it needs to load."""
    if name != "file":
        return name
    path = folder / "file.csv"
    path.write_text("id,age,pay,band\n" + "".join(f"{99 - i},{20 + i},{i * i},{'ab'[i // 8]}\n" for i in range(16)))
    return f'file:path="{path}",uid=id,secret=pay,derived=["band from pay"]'


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_what_its_schema_says(name: str, tmp_path: Path):
    dataset, spec = registry.dataset(spec_of(name, tmp_path))
    table = checked(dataset.load(generator(1)), spec)
    schema = table.schema
    assert schema.table == name.replace("-", "_")
    assert table.frame[schema.uid].is_unique
    assert dataset.licence
    assert schema.secrets
    assert schema.uid not in schema.secrets
    for secret in schema.secrets:
        assert schema.uid not in schema.masked(secret)
    for derived in schema.derived:
        assert table.frame[derived.column].tolist() == derived.of(table.frame[derived.source]).tolist()
    assert (table.frame[schema.uid].to_numpy() == np.sort(table.frame[schema.uid].to_numpy())).all()
    again = dataset.load(generator(1)).frame
    assert again.equals(table.frame)
    other = dataset.load(generator(2)).frame
    assert other.equals(table.frame) != dataset.random


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
    benchmark = Benchmark.of(defense=defense, attack=attack, dataset=dataset, secret=secret, trials=1, victims=4)
    record = run_trial(Task(benchmark, 0, benchmark.keys()[0]))
    assert record.error is None, record.error
    assert record.score.attempts <= 4
    json.dumps(record.reasons)


PAIRS = [(defense, attack) for defense in DEFENSES for attack in ATTACKS]


@pytest.mark.parametrize(("defense", "attack"), PAIRS)
def test_every_pair_ends_on_a_small_table(defense: str, attack: str):
    end(defense, attack, "employees:size=300")


@pytest.mark.science
@pytest.mark.parametrize("dataset", ["census", "employees:size=20"])
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
