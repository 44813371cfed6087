"""What is left of a defense's noise when an attack has averaged counts: the error of estimates beside the truth.

Claims measure what an attack learns about a victim. Whether an averaging attack comes at an exact count is another
question, which no claim answers: static layers, say, keep split averaging from the count and not from the victim.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from harness import registry, trial
from harness.errors import BenchmarkError
from harness.model import Answer
from harness.plugin import Defense, Session
from harness.seeds import generator
from harness.session import LocalSession
from harness.stats import Interval, mean, t_interval

Groups = Sequence[tuple[str, object]]


@runtime_checkable
class Estimator(Protocol):
    """An attack that estimates counts."""

    def estimates(self, session: Session, groups: Groups) -> NDArray[np.float64]:
        """How many users have each of these values, (column, value): float64 (G,), NaN where nothing was answered."""
        ...


@dataclass(frozen=True)
class Residual:
    """The errors of an attack's estimates: `number` of them, root mean square in users, and its 99.9 % interval for
    normal errors of mean 0 (χ² with `number` degrees of freedom). `missing`: estimates that were not made."""

    number: int
    missing: int
    sd: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, errors: NDArray[np.float64], level: float = 0.999) -> Residual:
        """Of errors, NaN where there is no estimate, shape (n,)."""
        known = errors[~np.isnan(errors)]
        if not len(known):
            return cls(0, len(errors), None, None, None)
        sd = math.sqrt(float((known**2).mean()))
        found = interval(sd, len(known), level)
        return cls(len(known), len(errors) - len(known), sd, found.low, found.high)


def interval(sd: float, number: int, level: float) -> Interval:
    """Of a root mean square of so many normal errors of mean 0."""
    from scipy.special import chdtri

    low, high = (sd * math.sqrt(number / float(chdtri(number, p))) for p in ((1 - level) / 2, (1 + level) / 2))
    return Interval(low, high)


def over_trials(sd: float, per_trial: Sequence[float], level: float) -> Interval | None:
    """Of a root mean square `sd` of errors of mean 0, with the trial as the unit, whose errors share a salt: Student's
    interval from the logarithms of the trials' mean squares, log s² ± t·(their SD)/√trials. Its centre is that of all
    errors, as the mean logarithm lies below by an amount that hangs on how far the errors of a trial are independent.
    None where a trial is exact, or with fewer than 2."""
    if not all(one > 0 for one in per_trial):
        return None
    logs = [2 * math.log(one) for one in per_trial]
    found, centre = t_interval(logs, level), mean(logs)
    if found is None or centre is None:
        return None
    return Interval(*(sd * math.exp((end - centre) / 2) for end in (found.low, found.high)))


def residual(
    defense: str,
    attack: str,
    dataset: str,
    column: str,
    *,
    smallest: int = 20,
    trials: int = 10,
    seed: int = 1,
    jobs: int = 1,
) -> dict[str, Any]:
    """One row: the error of the attack's count of each value of the column that at least `smallest` users have, over
    trials that each draw data and salt anew; `per_trial` has the root mean square of each. Specs are canonical in the
    row. `jobs`: worker processes, 0 for one a core.

    Raises UserError for a wrong spec, BenchmarkError for an attack that estimates no counts.
    """
    built, attack = registry.attack(attack)
    page, dataset = registry.dataset(dataset)
    _, defense = registry.defense(defense)
    if not isinstance(built, Estimator):
        raise BenchmarkError(f"The attack {attack} estimates no counts; choose split-averaging or chaff.")
    if column not in trial.first_table(page, dataset, seed).schema.names:
        raise BenchmarkError(f"There is no column {column} in {dataset}; name one of its columns.")
    asked = [(defense, attack, dataset, column, smallest, seed, number) for number in range(trials)]
    errors = _each(asked, jobs or os.cpu_count() or 1)
    plan = {"defense": defense, "attack": attack, "dataset": dataset, "column": column, "trials": trials, "seed": seed}
    return plan | asdict(Residual.of(np.concatenate(errors))) | {"per_trial": [Residual.of(e).sd for e in errors]}


Asked = tuple[str, str, str, str, int, int, int]


def _each(asked: Sequence[Asked], jobs: int) -> list[NDArray[np.float64]]:
    if jobs == 1:
        with threadpool_limits(1):
            return [_errors(*one) for one in asked]
    with parallel_config(backend="loky", inner_max_num_threads=1):
        return list(Parallel(n_jobs=min(jobs, len(asked)))(delayed(_errors)(*one) for one in asked))


def _errors(
    defense_spec: str, attack_spec: str, dataset: str, column: str, smallest: int, seed: int, number: int
) -> NDArray[np.float64]:
    """Estimate less truth for each value in one trial, (values,)."""
    attack, defense = registry.attack(attack_spec)[0], registry.defense(defense_spec)[0]
    assert isinstance(attack, Estimator)
    table = trial.load(registry.dataset(dataset)[0], dataset, seed, number)
    engine, exact = trial.engines(table, defense, seed, number)
    try:
        name, source = (text.replace('"', '""') for text in (column, table.schema.table))
        sql = f'SELECT "{name}", count(*) FROM "{source}" WHERE "{name}" IS NOT NULL GROUP BY 1 ORDER BY 1'
        true = LocalSession(table.schema, exact, Defense(), np.random.default_rng(0)).query(sql)
        assert isinstance(true, Answer)
        counts = {value: float(n) for value, n in zip(*true.data, strict=True) if n >= smallest}
        session = LocalSession(table.schema, engine, defense, generator(seed, "answer", number))
        found = attack.estimates(session, [(column, value) for value in counts])
        return np.asarray(found - np.array(list(counts.values())))
    finally:
        engine.close()
        exact.close()
