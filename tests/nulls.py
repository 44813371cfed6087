"""What null tests of attacks share: the cases, a defense that answers with nothing but noise, a truth dealt out anew.

A new attack gets an entry in `CASES`, or `tests/test_nulls.py` fails; for most the name alone will do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import stats
from harness.model import SinglingOut
from harness.score import Baseline, TrialScore, judge
from harness.seeds import generator
from harness.trial import Judged
from tests.attack_tables import balances
from tests.conftest import judged, kappas

Z = 3.29  # 99.9 %
NOISE = """
import numpy as np
from harness.plugin import Defense

class only_noise(Defense):
    computes = True

    def answer(self, buckets, rng):
        values = rng.normal(0.0, 100.0, buckets.values.shape)
        return buckets.with_values(values).keep(rng.random(len(buckets)) < {shown})
"""


@dataclass(frozen=True)
class Case:
    """An attack where it can show what it can do.

    `against`: a defense that it beats, with a κ_reach of `wins` or more (attacks that are never exact: what they reach
    there for certain). `noise`: a defense whose answers tell nothing; empty: all numbers are noise, and each bucket is
    shown with probability `shown`. An attack that reads which buckets there are would still learn from that; its noise
    is a table whose columns were dealt out anew. `small`: parameters of the attack and a table on which it has victims,
    to be run against everything.
    """

    attack: str
    dataset: str = "employees"
    victims: int = 10
    trials: int = 8
    against: str = "none"
    wins: float = 0.95
    noise: str = ""
    shown: float = 1.0
    small: tuple[str, str] = ("", "employees:size=300")
    counts: dict[str, Any] = field(default_factory=dict)

    def run(self, defense: str, folder: Path, trial: int = 0, more: str = "", **counts: Any) -> Judged:
        """One trial, closed. `more`: further parameters of the attack."""
        attack = self.attack + (f"{',' if ':' in self.attack else ':'}{more}" if more else "")
        of = balances(folder) if self.dataset == "balances" else self.dataset
        result = judged(defense, attack, of, trial, **{"victims": self.victims, **self.counts, **counts})
        result.close()
        return result

    def noisy(self, folder: Path) -> str:
        return self.noise or only_noise(folder, self.shown)


def on(name: str, more: str = "", dataset: str = "employees", **options: Any) -> Case:
    return Case(f"{name}:{more}" if more else name, dataset, **options)


LISTED = "columns=[department,zip,last_name]"  # no value of one user, but many pairs of values
CASES: dict[str, tuple[Case, ...]] = {
    "averaging": (on("averaging", "repeats=16"),),
    "backdoor": tuple(
        on("backdoor", f"kind={kind},wordings=1")
        for kind in ("functions", "jumps", "math", "casts", "concat", "having")
    ),
    "chaff": (on("chaff", "wordings=6"),),
    "collusion": (on("collusion", "analysts=8"),),
    "difference": (on("difference", victims=20), on("difference", "kind=sum"), on("difference", "kind=derivative")),
    "equations": (on("equations", "persons=30", victims=30, small=("persons=16", "employees:size=300")),),
    "guess": (on("guess", wins=-0.2, victims=25, counts={"baseline": "conditional"}),),
    "insert-delete": (on("insert-delete"),),
    "intersection": (on("intersection", victims=20),),
    "like-isolation": (on("like-isolation", dataset="surnames", small=("smallest_group=5", "surnames:size=2000")),),
    "linkage": (
        on("linkage", "columns=[zip,last_name,age]", wins=0.7, victims=25, noise="data-swapping:rule=redraw"),
        on("linkage", wins=0.1, victims=50, noise="data-swapping:rule=redraw"),
    ),
    "listing": (
        on("listing", LISTED, victims=25, noise="data-swapping:rule=redraw,columns=[department,zip,last_name]"),
    ),
    "membership": (on("membership", "pool=100", "genotypes:persons=1000,snps=600", wins=0.2, victims=200),),
    "noise-exploitation": (
        on("noise-exploitation"),
        on("noise-exploitation", "kind=cloning,min_confidence=0"),
    ),
    "outlier-sum": (on("outlier-sum", "columns=[cluster,lead]", "best-case:clusters=30"),),
    "range-isolation": (
        on(
            "range-isolation", "by=balance,columns=grp,ranges=3", "balances", small=("kind=creep", "employees:size=300")
        ),
        on("range-isolation", "kind=creep,columns=department,ranges=3"),
    ),
    "reconstruction": (
        on("reconstruction", dataset="block:size=60,least=5,most=12", wins=0.5, small=("", "block:size=40,most=10")),
    ),
    "refusal-inference": (
        on("refusal-inference", "sets=3", against="overlap-control", shown=0.9),
        on("refusal-inference", against="k-threshold", shown=0.9),
    ),
    "regression": (on("regression", "columns=[workclass,sex,education]", "census", wins=0.05, victims=100),),
    "snooper": (on("snooper", counts={"accomplices": 100}),),
    "split-averaging": (on("split-averaging", "splits=4"),),
    "threshold-probe": (on("threshold-probe", against="k-threshold", shown=0.5),),
    "tracker": (on("tracker"), on("tracker", "kind=union"), on("tracker", "kind=individual")),
}


def small(name: str) -> tuple[str, str]:
    """Attack and dataset for runs against everything."""
    more, dataset = CASES[name][0].small
    return (f"{name}:{more}" if more else name), dataset


def turns(every: int) -> list[Any]:
    """All cases as parameters of a test; in `make test` the first case of every so many attacks."""
    return [
        pytest.param(case, id=case.attack, marks=pytest.mark.science if i or number % every else ())
        for number, name in enumerate(sorted(CASES))
        for i, case in enumerate(CASES[name])
    ]


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


def surplus(scores: list[TrialScore]) -> float:
    """Right claims beyond those by chance, in standard deviations of as many independent guesses."""
    known = [score for score in scores if score.guess is not None]
    variance = sum(score.claims * score.guess * (1 - score.guess) for score in known if score.guess is not None)
    beyond = sum(score.correct - score.claims * score.guess for score in known if score.guess is not None)
    return float(beyond / np.sqrt(variance)) if variance else 0.0


def dealt_anew(result: Judged, deal: int, baseline: Baseline = "marginal") -> TrialScore:
    """A trial's claims when the secret is dealt out anew among the users; of singling-out claims, those that name
    several columns, when every column is: a value of one user stays one user's however it is dealt."""
    truth, claims, rng = result.truth, list(result.outcome.claims), generator("dealt", deal)
    if any(isinstance(claim, SinglingOut) for claim in claims):
        dealt = {name: column.take(rng.permutation(len(column))).to_numpy() for name, column in truth.people.items()}
        claims = [claim for claim in claims if isinstance(claim, SinglingOut) and len(claim.attributes) > 1]
        truth = replace(truth, people=pd.DataFrame(dealt, index=truth.people.index))
        assert claims, "the case must have claims of combinations"
    else:
        truth = truth.permuted(rng)
    return judge(truth, claims, result.outcome.victims, result.revealed, baseline)


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
        found.append(dealt_anew(result, trial).kappa_reach)
    return np.array(found, dtype=float)
