"""The measured properties of defenses: the rule, the cohorts, the command, and the numbers that are shipped."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import registry
from harness.cli import main
from harness.errors import BenchmarkError
from harness.model import Column, Kind, Schema, Table
from harness.report.catalogue import catalogue
from harness.report.properties import sentence, shipped
from harness.studies.properties import LEVEL, Plan, properties, trend, with_cohorts
from tests.test_conformance import DEFENSES

ROTATED = 3  # defenses that `make test` measures; others when a plug-in changes
# On so few users no sum of salaries meets a cell that it hides; `make science` measures it on all.
SILENT_IN_SMALL = {"partial-table-suppression": {"salary"}}
FIRST = int(registry.built_in_sources(), 16) % len(DEFENSES)

HALF = """
import numpy as np
from harness.plugin import Defense

class half(Defense):
    def answer(self, buckets, rng):
        fresh = buckets.draw(rng.standard_normal)
        return buckets.with_values(np.where(buckets.values < 500, buckets.values, buckets.values + fresh))
"""


def draws(law: Any, seed: int = 5, count: int = 10) -> dict[str, Any]:
    """The trend of errors that a law makes of sizes from 10 to 5,000 and unit noise."""
    rng = np.random.default_rng(seed)
    sizes = [np.exp(rng.uniform(np.log(10), np.log(5000), 50)) for _ in range(count)]
    return trend(sizes, [np.abs(law(size, rng.standard_normal(50))) for size in sizes])


@pytest.mark.parametrize(
    ("law", "verdict", "slope"),
    [
        (lambda n, noise: noise / n, "yes", -1.0),
        (lambda n, noise: noise / np.sqrt(n), "yes", -0.5),
        (lambda n, noise: noise, "no", 0.0),
        (lambda n, noise: noise * n, "worse", 1.0),
        (lambda n, noise: np.where(n < 67, noise, 0.0), "yes", None),
        (lambda n, noise: 0 * n, "exact", None),
        (lambda n, noise: 0 * n + 0.2, "no", 0.0),
        (lambda n, noise: np.nan * n, None, None),
    ],
)
def test_the_rule_on_errors_whose_law_is_known(law: Any, verdict: str | None, slope: float | None):
    found = draws(law)
    assert found["verdict"] == verdict
    assert found["slope"] == (None if slope is None else pytest.approx(slope, abs=0.15))
    assert found["answered"] == (verdict is not None)


def test_errors_without_a_trend_are_seldom_given_one():
    """Of 300 the number of wrong verdicts is binomial with 1 %: 11 or more have a chance below 0.1 %."""
    wrong = sum(draws(lambda n, noise: noise, seed)["verdict"] != "no" for seed in range(300))
    assert LEVEL == 0.99
    assert wrong < 11


def test_cohorts_have_users_at_random_from_ten_to_three_tenths():
    n = 2_000
    schema = Schema("t", (Column("u", Kind.INTEGER), Column("Cohort", Kind.INTEGER)), uid="u")
    users = np.repeat(np.arange(n), 2)
    table = with_cohorts(
        Table(schema, pd.DataFrame({"u": users, "Cohort": np.arange(2 * n)})), np.random.default_rng(1)
    )
    assert table.schema.names[-1] == "cohort_", "SQL does not tell cohort from Cohort"
    assert table.schema.quasi_identifiers == ("cohort_",)
    assert (table.frame.groupby("u")["cohort_"].nunique(dropna=False) == 1).all()
    sizes = table.frame.groupby("cohort_")["u"].nunique()
    assert sizes.min() >= 10
    assert 400 < sizes.max() <= 600
    assert len(sizes) > 20
    assert sizes.is_monotonic_increasing, "in the order of their names"
    middle = table.frame.groupby("cohort_")["u"].mean()[sizes > 100]
    assert (abs(middle - n / 2) < 4 * n / np.sqrt(12 * 100)).all(), "no cohort is a stretch of users"


def test_too_few_users_for_cohorts():
    table = Table(Schema("t", (Column("u", Kind.INTEGER),), uid="u"), pd.DataFrame({"u": range(20)}))
    with pytest.raises(BenchmarkError, match="33 users or more"):
        with_cohorts(table, np.random.default_rng(1))


def test_a_page_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Counts below 500 are exact; sums and averages of salaries all have fresh noise of the same unit."""
    (tmp_path / "half.py").write_text(HALF)
    words = ["properties", str(tmp_path / "half.py"), "--dataset", "employees:size=1000", "--draws", "3"]
    words += ["--results", str(tmp_path / "r")]
    assert main([*words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["more_accurate"]["count"]["verdict"] == "exact"
    assert row["more_accurate"]["avg"]["verdict"] == "no"
    same = set(row["same_answer"].values())
    assert len(same) == 1, "noise is fresh within the session, in another one and for others"
    assert 0.5 < same.pop() < 1
    assert row["every_query"] == {"refused": 0.0, "suppressed": 0.0}
    assert row["acts"] == {"salary_band": False, "salary": True, "disciplinary_warning": True, "zip": False}
    assert main(words) == 0
    assert "half.py" in capsys.readouterr().out.replace("\n", "")


def test_what_cannot_be_measured_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    spec = 'laplace:bounds=["shoe_size 30 50"]'
    words = ["properties", spec, "--draws", "2", "--dataset", "employees:size=300", "--results", str(tmp_path)]
    assert main(words) == 0
    assert "no numeric column of employees" in capsys.readouterr().out
    assert main(["properties", "none", "--draws", "1"]) == 2
    assert "--draws must be from 2" in capsys.readouterr().err


def test_the_list_tells_the_properties(capsys: pytest.CaptureFixture[str]):
    entries = {entry["name"]: entry for entry in catalogue(["defenses"])["defenses"]}
    assert main(["list", "defenses"]) == 0
    printed = capsys.readouterr().out
    for name in DEFENSES:
        row = entries[name]["properties"]
        assert row is not None, f"{name} was never measured: snoopbench properties --json"
        assert row["spec"] == registry.defense(name)[1]
        assert f"    properties: {sentence(row)}" in printed


def alike(found: Any, kept: Any, where: str) -> None:
    """Equal but for the last digits of numbers."""
    if isinstance(kept, dict):
        assert found.keys() == kept.keys(), where
        for name in kept:
            alike(found[name], kept[name], f"{where} {name}")
    elif isinstance(kept, list):
        assert len(found) == len(kept), where
        for i, (one, other) in enumerate(zip(found, kept, strict=True)):
            alike(one, other, f"{where} {i}")
    elif isinstance(kept, float) and isinstance(found, float):
        assert found == pytest.approx(kept, rel=1e-6, abs=1e-9), where
    else:
        assert found == kept, where


@pytest.mark.science
@pytest.mark.parametrize("name", DEFENSES)
def test_what_is_shipped_comes_out_again(name: str):
    (row,) = properties([name], Plan())
    alike(row, shipped()[row["spec"]], name)


@pytest.mark.parametrize("name", [(DEFENSES * 2)[FIRST + i] for i in range(ROTATED)])
def test_what_is_shipped_holds_in_small(name: str):
    """Fewer users and draws: what is all or nothing stays so, and no verdict turns round."""
    (row,) = properties([name], Plan(dataset="employees:size=3000", draws=3))
    kept = shipped()[row["spec"]]
    for same, share in kept["same_answer"].items():
        if share in (0.0, 1.0):
            assert row["same_answer"][same] == share
    for aspect, known in kept["more_accurate"].items():
        verdict = row["more_accurate"][aspect]["verdict"]
        assert (verdict == "exact") == (known["verdict"] == "exact")
        assert (verdict is None) == (known["verdict"] is None)
        assert {verdict, known["verdict"]} != {"yes", "worse"}
    silent = SILENT_IN_SMALL.get(name, set())
    assert row["acts"] == {secret: acts and secret not in silent for secret, acts in kept["acts"].items()}


def test_the_data_file_is_in_the_package():
    assert (Path(importlib.import_module("harness.report").__file__ or "").parent / "properties.json").is_file()
