"""What null tests of attacks share: a defense that answers with nothing but noise, and a truth dealt out anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness import stats
from harness.score import judge
from harness.seeds import generator
from tests.conftest import judged, kappas

NOISE = """
import numpy as np
from harness.plugin import Defense

class only_noise(Defense):
    def answer(self, buckets, rng):
        values = rng.normal(0.0, 100.0, buckets.values.shape)
        return buckets.with_values(values).keep(rng.random(len(buckets)) < {shown})
"""


def only_noise(folder: Path, shown: float = 1.0) -> str:
    """The spec of a defense whose every number is noise, and which shows each bucket with that probability."""
    path = folder / "only_noise.py"
    path.write_text(NOISE.format(shown=shown))
    return str(path)


def is_nothing(values: np.ndarray) -> bool:
    """Whether the 99.9 % t-interval over the trials holds 0."""
    interval = stats.t_interval(values.tolist(), level=0.999)
    assert interval is not None
    return interval.low <= 0 <= interval.high


def against_noise(folder: Path, attack: str, trials: int = 6, shown: float = 1.0, **counts: Any) -> np.ndarray:
    """κ_reach of each trial against nothing but noise."""
    return kappas(only_noise(folder, shown), attack, trials, **counts)


def against_a_permuted_truth(attack: str, trials: int = 6, defense: str = "none", **counts: Any) -> np.ndarray:
    """κ_reach of each trial when the secret is dealt out anew among the users after the attack, and nowhere else."""
    found = []
    for trial in range(trials):
        result = judged(defense, attack, trial=trial, **counts)
        result.close()
        assert result.score.kappa_reach > 0.9, "the attack itself must win"
        dealt = result.truth.permuted(generator("permuted", trial))
        found.append(judge(dealt, result.outcome.claims, result.outcome.victims, result.revealed).kappa_reach)
    return np.array(found, dtype=float)
