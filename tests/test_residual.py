"""What averaging leaves of a count's noise, beside what the layers say."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import BenchmarkError
from harness.studies.residual import Residual, residual
from tests.conftest import judged

SIZE = "employees:size=1500"
STATIC, DYNAMIC = 1, 1  # samples of the wanted set's one condition


def measured(defense: str, attack: str, trials: int = 2) -> Residual:
    row = residual(defense, attack, SIZE, "department", trials=trials)
    return Residual(*(row[name] for name in ("number", "missing", "sd", "low", "high")))


def test_errors_of_known_size():
    errors = np.random.default_rng(1).normal(0.0, 3.0, 400)
    found = Residual.of(np.append(errors, np.nan))
    assert (found.number, found.missing) == (400, 1)
    assert found.sd == pytest.approx(np.sqrt((errors**2).mean()))
    assert found.low < 3.0 < found.high
    assert found.high / found.low < 1.3
    assert Residual.of(np.array([np.nan])).sd is None


def test_the_interval_covers_as_it_says():
    """At 90 %: 99.9 % interval of the share of 1,000 draws."""
    draws = np.random.default_rng(2).normal(0.0, 1.0, (1_000, 12))
    covered = np.mean([found.low <= 1 <= found.high for found in (Residual.of(row, level=0.9) for row in draws)])
    assert abs(covered - 0.9) < 3.29 * np.sqrt(0.09 / 1_000)


def test_halves_come_at_the_count_of_one_sample_a_query():
    """Two samples of SD 2 a pair."""
    found = measured("sticky", "split-averaging:splits=10")
    assert found.low <= 2 * np.sqrt(2 / 10) <= found.high
    assert measured("none", "split-averaging:splits=3", 1).sd == 0.0


@pytest.mark.science
def test_static_layers_of_the_wanted_set_stay():
    """The floor: the sample of the common static layer twice, once a half. Without static layers four dynamic samples a
    pair are left."""
    whole = measured("diffix", "split-averaging:splits=20")
    floor = 2 * np.sqrt(STATIC)
    assert whole.low <= np.sqrt(floor**2 + 6 / 20) <= whole.high
    without = measured("diffix:static=false", "split-averaging:splits=20")
    assert without.low <= np.sqrt(4 / 20) <= without.high


def test_other_words_are_other_samples_where_the_noise_hangs_on_the_words():
    page, _ = registry.attack("chaff")
    told = {}
    for defense in ("sticky", "diffix", "diffix:float=false"):
        result = judged(defense, "guess", SIZE)
        told[defense] = page.fresh(result.session, "department", "CS")
        result.close()
    assert {"longer text", "said again", "LIKE", "alternatives"} <= {
        form for form, new in told["sticky"].items() if new
    }
    assert [form for form, new in told["diffix"].items() if new] == ["plain"]
    assert told["diffix"]["alternatives"] is None, "refused"
    assert told["diffix:float=false"]["longer text"]


def test_other_words_leave_the_layers_of_the_condition():
    """Where the noise hangs on the words, 27 of 40 wordings are new to it: each of 3 forms once, of 3 eight times."""
    found = measured("diffix", "chaff")
    assert found.low <= np.sqrt(STATIC + DYNAMIC) <= found.high
    fallen = measured("sticky", "chaff:wordings=40")
    assert fallen.low <= 2 / np.sqrt(27) <= fallen.high


def test_an_attack_that_estimates_nothing_is_refused():
    with pytest.raises(BenchmarkError, match="estimates no counts"):
        residual("none", "difference", SIZE, "department")
    with pytest.raises(BenchmarkError, match="no column"):
        residual("none", "chaff", SIZE, "planet")
