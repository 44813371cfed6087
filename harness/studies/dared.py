"""Whom an attack dares to attack: share, accuracy and questions a user, in the terms of Gadotti et al. 2019.

A benchmark counts claims and questions in all. The publication says how many questions a user takes, and that is a
matter of each victim.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from harness import registry, stats, trial
from harness.errors import BenchmarkError
from harness.plugin import Dataset, Defense, Knowledge, Session
from harness.report.summary import LEAST_TRIALS
from harness.score import Truth
from harness.seeds import generator
from harness.session import Ledger, LocalSession


@runtime_checkable
class Finder(Protocol):
    """An attack that says of each victim what it found and by how many questions."""

    @property
    def least(self) -> float:
        """The confidence from which on it claims."""
        ...

    def findings(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> pd.DataFrame:
        """A row for each victim, indexed by uid: `value`, `confidence` (0 where nothing was shown), `queries` asked."""
        ...


def dared(
    defense: str, attack: str, dataset: str, secret: str, *, victims: int = 100, trials: int = 5, seed: int = 1
) -> dict[str, Any]:
    """One row: of all victims the share whom the attack dares to attack, the share of these about whom it is right, and
    the median number of questions about a victim, dared or not. Specs are canonical in the row.

    The trial is the unit, as its victims share salt and static noise: `dared_ci` and `accuracy_ci` are 95 % t-intervals
    over the trials' shares, from 5 trials on; `accuracy_within_ci` is Wilson's, of all claims as if independent.

    Raises UserError for a wrong spec, BenchmarkError for an attack that does not count questions by victim.
    """
    built, attack = registry.attack(attack)
    page, dataset = registry.dataset(dataset)
    defended, defense = registry.defense(defense)
    if not isinstance(built, Finder):
        raise BenchmarkError(f"The attack {attack} counts no questions by victim; choose noise-exploitation.")
    found = pd.concat(
        [_found(built, page, dataset, defended, secret, victims, seed, number) for number in range(trials)],
        keys=range(trials), names=["trial"],
    )  # fmt: skip
    found["dared"] = (found["confidence"] > 0) & (found["confidence"] >= built.least)
    claimed = found[found["dared"]]
    right = int(claimed["right"].sum())
    within = stats.wilson_interval(right, len(claimed))
    return {
        "defense": defense,
        "attack": attack,
        "dataset": dataset,
        "secret": secret,
        "trials": trials,
        "seed": seed,
        "victims": len(found),
        "dared": len(claimed) / len(found) if len(found) else None,
        "dared_ci": _over_trials(found["dared"]),
        "accuracy": right / len(claimed) if len(claimed) else None,
        "accuracy_ci": _over_trials(claimed["right"]),
        "accuracy_within_ci": [within.low, within.high] if within else None,
        "median_queries": float(found["queries"].median()) if len(found) else None,
    }


def _over_trials(yes: pd.Series) -> list[float] | None:
    """The t-interval over the trials' shares of what is true; None with fewer than 5 of them."""
    shares = yes.astype(float).groupby("trial").mean()
    interval = stats.t_interval(shares.tolist()) if len(shares) >= LEAST_TRIALS else None
    return [interval.low, interval.high] if interval else None


def _found(
    attack: Any, page: Dataset, dataset: str, defense: Defense, secret: str, victims: int, seed: int, number: int
) -> pd.DataFrame:
    """What was found of each victim, and whether it is `right`."""
    table = trial.load(page, dataset, seed, number)
    if secret not in table.schema.secrets:
        raise BenchmarkError(f"{secret} is no secret of {dataset}; choose one of {', '.join(table.schema.secrets)}.")
    engine, exact = trial.engines(table, defense, seed, number)
    try:
        ledger = Ledger(table, secret)
        chosen = trial.draw_victims(attack.eligible(ledger), ledger, victims, generator(seed, "victims", number))
        session = LocalSession(table.schema, engine, defense, generator(seed, "answer", number))
        found: pd.DataFrame = attack.findings(session, ledger, chosen, generator(seed, "attack", number))
        truth = Truth.of(ledger.people, secret)
        right = [truth.matches(secret, row.value)[truth.position(row.Index)] for row in found.itertuples()]
        return found.assign(right=np.array(right, dtype=bool))
    finally:
        engine.close()
        exact.close()
