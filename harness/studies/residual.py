"""What is left of a defense's noise when an attack has averaged counts: the error of estimates beside the truth.

Claims measure what an attack learns about a victim. Whether an averaging attack comes at an exact count is another
question, which no claim answers: static layers, say, keep split averaging from the count and not from the victim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness import registry, trial
from harness.errors import BenchmarkError
from harness.model import Answer, Table
from harness.plugin import Defense, Session
from harness.seeds import generator
from harness.session import LocalSession

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
        from scipy.special import chdtri

        known = errors[~np.isnan(errors)]
        if not len(known):
            return cls(0, len(errors), None, None, None)
        squares, tail = float((known**2).sum()), (1 - level) / 2
        low, high = (math.sqrt(squares / float(chdtri(len(known), p))) for p in (tail, 1 - tail))
        return cls(len(known), len(errors) - len(known), math.sqrt(squares / len(known)), low, high)


def residual(
    defense: str, attack: str, dataset: str, column: str, *, smallest: int = 20, trials: int = 10, seed: int = 1
) -> dict[str, Any]:
    """One row: the error of the attack's count of each value of the column that at least `smallest` users have, over
    trials that each draw data and salt anew. Specs are canonical in the row.

    Raises UserError for a wrong spec, BenchmarkError for an attack that estimates no counts.
    """
    built, attack = registry.attack(attack)
    page, dataset = registry.dataset(dataset)
    defended, defense = registry.defense(defense)
    if not isinstance(built, Estimator):
        raise BenchmarkError(f"The attack {attack} estimates no counts; choose split-averaging or chaff.")
    errors = []
    for number in range(trials):
        table = trial.load(page, dataset, seed, number)
        if column not in table.schema.names:
            raise BenchmarkError(f"There is no column {column} in {dataset}; name one of its columns.")
        errors.append(_errors(built, table, defended, column, smallest, seed, number))
    plan = {"defense": defense, "attack": attack, "dataset": dataset, "column": column, "trials": trials, "seed": seed}
    return plan | asdict(Residual.of(np.concatenate(errors)))


def _errors(
    attack: Estimator, table: Table, defense: Defense, column: str, smallest: int, seed: int, number: int
) -> NDArray[np.float64]:
    """Estimate less truth for each value, (values,)."""
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
