"""What every built-in defense must do with odd tables, batches and parameters."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from defenses import BUILTIN
from defenses.diffix import diffix
from defenses.k_threshold import k_threshold
from defenses.output_perturbation import SCALES, output_perturbation
from defenses.sticky import sticky
from harness import registry
from harness.errors import ParameterError
from harness.model import Answer, Refused
from harness.plugin import Defense
from tests.answers import by_key, plain
from tests.defense_tables import COUNTS, TABLES, session
from tests.test_classical import CLASSICAL

# Every built-in defense

DEFENSES = [
    "none",
    "k-threshold",
    "k-threshold:k=1",
    "k-threshold:k=3,upper=true",
    *(f"output-perturbation:kind={kind}" for kind in SCALES),
    "output-perturbation:kind=lie,p=0.5",
    "output-perturbation:kind=wrong-record,p=0.5",
    "sticky",
    "sticky:scale=0",
    "diffix",
    "diffix:static=false",
    "diffix:dynamic=false",
    "diffix:low_count=false",
    "diffix:noisy_threshold=false",
    "diffix:flatten=false",
    "diffix:static=false,dynamic=false,low_count=false,flatten=false",
    "k-threshold:k=3+output-perturbation:kind=add+sticky",
    "diffix+k-threshold",
    "data-perturbation",
    "liew",
    "nielson:gamma=8",
    "nielson:rule=first-gamma",
    "nielson:rule=first-gamma,gamma=3+nielson:gamma=5+k-threshold:k=2",
]
ELSEWHERE = {  # tests/test_data_stage.py, tests/test_updates.py
    "data-swapping",
    "microaggregation",
    "partitioning",
    "rotation",
    "synthetic-records",
}
OTHERS = [
    "SELECT dept, sum(pay), avg(age), min(day), max(pay) FROM t GROUP BY dept ORDER BY dept NULLS FIRST",
    "SELECT sum(pay), avg(pay), min(age), max(day) FROM t WHERE dept = 'nobody'",
    "SELECT count(DISTINCT age) FROM t WHERE dept = 'CS' OR age > 22",
    "SELECT dept FROM t GROUP BY dept",
    "SELECT count(*) FROM t WHERE age BETWEEN 20 AND 22 AND dept LIKE '%S' AND pay IS NOT NULL",
    "SELECT nothing FROM t",
    "DELETE FROM t",
    "",
]
BATCH = [*COUNTS[:6], *OTHERS[:4], COUNTS[0], COUNTS[2], *OTHERS[4:], *COUNTS[6:], COUNTS[2], COUNTS[2], OTHERS[0]]


def test_no_built_in_defense_is_left_out() -> None:
    assert {re.split("[:+]", spec)[0] for spec in DEFENSES} | ELSEWHERE >= set(BUILTIN) - CLASSICAL


@pytest.mark.parametrize("spec", DEFENSES)
@pytest.mark.parametrize("name", TABLES)
def test_a_batch_gets_the_answers_of_its_queries_one_by_one(name: str, spec: str) -> None:
    defense = registry.defense(spec)[0]
    together = session(name, defense, seed=5).query_many(BATCH)
    alone = session(name, defense, seed=5)
    assert [plain(found) for found in together] == [plain(alone.query(sql)) for sql in BATCH]
    halves = session(name, defense, seed=5)
    assert [plain(a) for part in (BATCH[:9], BATCH[9:]) for a in halves.query_many(part)] == list(map(plain, together))
    assert sum(isinstance(found, Refused) for found in together) >= 3
    assert session(name, defense).query_many([]) == []


@pytest.mark.parametrize("spec", [spec for spec in DEFENSES if "output" not in spec and "first" not in spec])
@pytest.mark.parametrize("name", ["one row a user", "many rows a user"])
def test_what_is_keyed_by_the_salt_depends_on_no_order_or_generator(name: str, spec: str) -> None:
    defense = registry.defense(spec)[0]
    forth = session(name, defense, seed=1).query_many(BATCH)
    back = session(name, defense, seed=2).query_many(BATCH[::-1])
    assert list(map(plain, forth)) == list(map(plain, back[::-1]))


@pytest.mark.parametrize("spec", DEFENSES)
@pytest.mark.parametrize("name", TABLES)
def test_odd_tables_are_answered(name: str, spec: str) -> None:
    """No exception, numbers or NULL, no bucket that is not there, and the exact query's columns."""
    defense = registry.defense(spec)[0]
    exact = session(name, Defense()).query_many(COUNTS[:-2])
    for sql, found, true in zip(COUNTS, session(name, defense).query_many(COUNTS[:-2]), exact, strict=False):
        assert isinstance(found, Answer), sql
        assert isinstance(true, Answer), sql
        assert (found.columns, found.kinds) == (true.columns, true.kinds)
        keys = sql.split(" FROM ")[0].count(",") + 1 - sql.count("count(")
        shown = [row[:keys] for row in found]
        assert set(shown) <= {row[:keys] for row in true}
        assert len(set(shown)) == len(shown)
        for column in found.data[keys:]:
            assert column.dtype == np.float64
            assert not np.isinf(column).any()


@pytest.mark.parametrize("spec", DEFENSES)
def test_null_keys_are_a_bucket_of_their_own(spec: str) -> None:
    found = by_key(session("one row a user", registry.defense(spec)[0]), "SELECT dept, count(*) FROM t GROUP BY dept")
    assert set(found) == {None, "", "NULL", "CS", "Law"}


# Parameters


@pytest.mark.parametrize(
    ("page", "name", "value", "allowed"),
    [
        (k_threshold, "k", 0, "a whole number from 1 up"),
        (k_threshold, "k", -5, "a whole number from 1 up"),
        (k_threshold, "k", 2.5, "a whole number from 1 up"),
        (k_threshold, "k", True, "a whole number from 1 up"),
        (k_threshold, "k", None, "a whole number from 1 up"),
        (k_threshold, "k", "5", "a whole number from 1 up"),
        (k_threshold, "upper", 1, "true or false"),
        (k_threshold, "upper", "yes", "true or false"),
        (output_perturbation, "kind", "laplace", "one of multiply, add, gaussian, lie, wrong-record"),
        (output_perturbation, "kind", None, "one of multiply, add, gaussian, lie, wrong-record"),
        (output_perturbation, "scale", -0.1, "a number from 0 up, or null"),
        (output_perturbation, "scale", float("nan"), "a number from 0 up, or null"),
        (output_perturbation, "scale", "wide", "a number from 0 up, or null"),
        (output_perturbation, "p", 1.5, "a number from 0 to 1"),
        (output_perturbation, "p", -0.01, "a number from 0 to 1"),
        (output_perturbation, "p", None, "a number from 0 to 1"),
        (sticky, "scale", -1.0, "a number from 0 up"),
        (sticky, "scale", False, "a number from 0 up"),
        (sticky, "scale", None, "a number from 0 up"),
        *((diffix, name, value, "true or false") for value in (0, "no", None)
          for name in ("static", "dynamic", "low_count", "noisy_threshold", "flatten")),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_named_with_what_is_allowed(
    page: type[Defense], name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        page(**{name: value})
    assert str(caught.value) == f"{page.label()}: {name}={value!r} is not allowed; {name} is {allowed}."


def test_parameters_at_their_bounds_are_allowed_and_take_their_type() -> None:
    assert k_threshold(k=1.0) == k_threshold(k=1)  # type: ignore[arg-type]
    assert isinstance(k_threshold(k=3.0).k, int)  # type: ignore[arg-type]
    assert isinstance(sticky(scale=0).scale, float)
    assert output_perturbation(p=0).p == 0
    assert output_perturbation(p=1, scale=0).scale == 0
    assert output_perturbation().scale is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("k-threshold:k=0", ["k-threshold", "k=0", "from 1 up"]),
        ("output-perturbation:p=2", ["output-perturbation", "p=2", "0 to 1"]),
        ("diffix:static=0", ["diffix", "static=0", "true or false"]),
        ("diffix:statc=false", ["diffix", "'statc'", "static"]),
        ("none:k=1", ["none", "'k'", "no parameters"]),
        ("sticky+k-threshold:k=0", ["k-threshold", "k=0", "from 1 up"]),
    ],
)
def test_a_spec_with_a_wrong_parameter_says_so(spec: str, words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        registry.defense(spec)
    assert all(word in str(caught.value) for word in words), caught.value
