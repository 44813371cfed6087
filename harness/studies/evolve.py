"""The search of Nielson's dissertation for its three parameters, with bounds, and differential evolution beside it.

1. The objective is the fitness of chapter 4 by the rule of Appendix 1: of the first q records of a database, U(50, 150)
   and in no order, the first ⌊γ⌋ are drawn afresh as x ± x · U(β, α); 100 − |D − P| for q below half the size, else
   |D − P|, averaged over queries. The lower the better. Each evaluation draws new databases.
2. Evolution: start from (1, 0.5, 10); a candidate is the best so far plus a step U(−0.1, 0.1) of each bound, or with
   probability 5 % a new random point; it is kept where its fitness is lower.
3. Differential evolution (SciPy's, best1bin, 20 members) gets the same objective, bounds and number of queries.
4. Each winner is evaluated again on fresh databases: the lowest of many noisy numbers is lower than its expectation.
   There γ is varied, too, for the range in which the search cannot tell one γ from another.

Bounds, 0 ≤ β ≤ α ≤ 2.1 and 0 ≤ γ ≤ half the size, are part of the objective: below half the table it rewards error
without end. The queries of a database share its draws, where Appendix 1 draws for each query: the expectation is the
same.

Source: Nielson's dissertation, chapter 4 (Table 4.5), Appendix 1. The size of the steps is not legible there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.perturbation import outward
from harness.errors import BenchmarkError
from harness.seeds import Field, generator
from harness.studies.fitness import HIGH, LOW

Floats = NDArray[np.float64]
Point = tuple[float, float, float]  # α, β, γ
Objective = Callable[[Point], float]

WIDEST = 2.1  # the largest α
START: Point = (1.0, 0.5, 10.0)
RESTARTS = 0.05
STEP = 0.1
MEMBERS = 20
AGAIN = 20  # a winner is evaluated again on so many times the databases of one evaluation
STEPS = 50  # values of γ that the flatness is read from
BLOCK = 250


@dataclass(frozen=True)
class Search:
    """What is to be searched: `generations` evaluations of `databases` × `queries`. Raises BenchmarkError."""

    generations: int = 1_000
    databases: int = 1_000
    size: int = 1_000
    queries: int = 100
    runs: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("generations", MEMBERS), ("databases", 2), ("size", 2), ("queries", 1), ("runs", 1)):
            if getattr(self, name) < least:
                raise BenchmarkError(f"--{name} must be {least} or more, not {getattr(self, name)}.")

    @property
    def longest(self) -> int:
        """The largest γ."""
        return self.size // 2


def evolve(search: Search, *, jobs: int = 0, progress: bool | None = None) -> list[dict[str, Any]]:
    """The rows of `snoopbench evolve --json`: a dict a run, and one for differential evolution.

    `fitness_found` is what the search saw, `fitness` with its standard error that of fresh databases. From `gamma_low`
    to `gamma_high` it stays within `noise`, the standard error of one evaluation of the search, of the lowest one;
    `by_gamma` holds pairs of γ and fitness.
    """
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    hidden = not (sys.stderr.isatty() if progress is None else progress)
    names = [("evolution", run) for run in range(1, search.runs + 1)] + [("differential evolution", 1)]
    total = len(names) * search.generations
    bar = tqdm(total=total, disable=hidden, unit=" evaluations", file=sys.stderr, leave=False)
    with bar, parallel_config(backend="threading"):
        parallel = Parallel(n_jobs=min(jobs or os.cpu_count() or 1, len(names)), batch_size=1)
        found: list[dict[str, Any]] = parallel(delayed(_run)(search, name, run, bar.update) for name, run in names)
    return found


def _run(search: Search, name: str, run: int, tick: Callable[[], Any]) -> dict[str, Any]:
    spent = 0

    def objective(point: Point) -> float:
        nonlocal spent
        spent += 1
        tick()
        return float(fitness_of(search, point, [point[2]], search.databases, (name, run, spent)).mean())

    steps = generator(search.seed, "evolve steps", name, run)
    best, found = (_evolution if name == "evolution" else _differential)(search, objective, steps)
    row = {"method": name, "run": run, "queries": spent * search.databases * search.queries}
    row |= {"alpha": best[0], "beta": best[1], "gamma": best[2], "fitness_found": found}
    return row | _again(search, best, (name, run, "again"))


def _evolution(search: Search, objective: Objective, rng: np.random.Generator) -> tuple[Point, float]:
    best = _inside(search, START)
    lowest = objective(best)
    for _ in range(search.generations - 1):
        if rng.random() < RESTARTS:
            candidate = _point(search, rng.random(3))
        else:
            steps = STEP * rng.uniform(-1.0, 1.0, 3) * (WIDEST, WIDEST, search.longest)
            candidate = _inside(search, (best[0] + steps[0], best[1] + steps[1], best[2] + steps[2]))
        if (found := objective(candidate)) < lowest:
            best, lowest = candidate, found
    return best, lowest


def _differential(search: Search, objective: Objective, rng: np.random.Generator) -> tuple[Point, float]:
    from scipy.optimize import Bounds, differential_evolution

    def of_unit(unit: Floats) -> float:
        return objective(_point(search, unit))

    result = differential_evolution(
        of_unit,
        Bounds([0.0] * 3, [1.0] * 3),
        init=rng.random((MEMBERS, 3)),
        maxiter=search.generations // MEMBERS - 1,
        tol=0.0,
        polish=False,
        seed=rng,
    )
    return _point(search, np.asarray(result.x)), float(result.fun)


def _inside(search: Search, point: Point) -> Point:
    alpha = float(np.clip(point[0], 0.0, WIDEST))
    return alpha, float(np.clip(point[1], 0.0, alpha)), float(np.clip(point[2], 0.0, search.longest))


def _point(search: Search, unit: Floats) -> Point:
    """The point of the bounds that a point of the unit cube stands for."""
    alpha = WIDEST * float(unit[0])
    return alpha, alpha * float(unit[1]), search.longest * float(unit[2])


def fitness_of(search: Search, point: Point, gammas: list[float], databases: int, name: tuple[Field, ...]) -> Floats:
    """The fitness of fresh databases at α and β of the point, for each of these γ: (databases, γ).

    Only the first records, up to the largest γ, are drawn; no other record can differ from the truth.
    """
    touched = min(search.size - 1, max(int(gamma) for gamma in gammas))
    found = []
    for block, start in enumerate(range(0, databases, BLOCK)):
        rng = generator(search.seed, "evolve", name, block)
        count = min(BLOCK, databases - start)
        sizes = rng.integers(1, search.size, (count, search.queries))
        values = LOW + (HIGH - LOW) * rng.random((count, touched))
        changes = outward(values, rng, point[0], point[1])
        changes -= values
        sums = np.concatenate([np.zeros((count, 1)), np.cumsum(changes, axis=1)], axis=1)
        found.append(np.stack([_fitness(search, sums, sizes, int(gamma)) for gamma in gammas], axis=1))
    return np.concatenate(found)


def _fitness(search: Search, sums: Floats, sizes: NDArray[np.int64], gamma: int) -> Floats:
    error = np.abs(np.take_along_axis(sums, np.minimum(sizes, gamma), axis=1)) / sizes
    fitness: Floats = np.where(2 * sizes < search.size, 100.0 - error, error).mean(axis=1)
    return fitness


def _again(search: Search, point: Point, name: tuple[Field, ...]) -> dict[str, Any]:
    """The winner on fresh databases, and how far γ can move without a difference that the search could see."""
    databases = AGAIN * search.databases
    gammas = [point[2], *np.linspace(0.0, search.longest, STEPS + 1).tolist()]
    found = fitness_of(search, point, gammas, databases, name)
    means = found.mean(axis=0)
    error = float(found[:, 0].std(ddof=1)) / np.sqrt(databases)
    noise = float(error * np.sqrt(AGAIN))
    flat = [gamma for gamma, mean in zip(gammas, means, strict=True) if mean <= means.min() + noise]
    row = {"fitness": float(means[0]), "fitness_se": float(error), "noise": noise}
    row |= {"gamma_low": min(flat), "gamma_high": max(flat)}
    return row | {"by_gamma": [[g, float(m)] for g, m in zip(gammas[1:], means[1:], strict=True)]}
