"""The points of Figures 4.1 to 4.10 of Nielson's dissertation.

1. A cloud (4.1 to 4.4, 4.8 to 4.10) is one query on each of 1,000 databases (4.1: 10,000) of 1,000 values U(50, 150): D
   is the true mean of the first q records, P the perturbed one, and the fitness 100 − |D − P| where q is below half the
   size, else |D − P|. q is uniform in 1 … 999, for 4.10 in 1 … 99.
2. A curve (4.5 to 4.7) is the mean fitness of 1,000 databases with 100 queries each, the objective of `evolve`, while
   one parameter of nielson changes. All points of a curve meet the same databases and queries.
3. Nielson's rule is here that of Appendix 1: the first ⌊γ⌋ records that a query touches are perturbed.

Where a caption or the text and the program of Appendix 1 disagree, both are computed: `source` says which one a row is.

Source: Nielson's dissertation, chapter 4, Appendix 1. Its programs skip the first record, perturb one record less where
γ is a whole number, and transpose Liew's database 0 to 98 times, here 10 to 100 times as in Appendix 2. How many
databases and queries a point of 4.5 to 4.7 had was typed in and not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.perturbation import by_rank, outward, scaled
from harness.seeds import generator
from harness.studies.evolve import Point, Search, fitness_of
from harness.studies.fitness import HIGH, LOW, transpose

Floats = NDArray[np.float64]
OPTIMUM: Point = (2.09, 1.18, 66.87)  # α, β, γ of the dissertation's experiment
PROGRAM, CAPTION, TEXT = "program", "caption", "text"


@dataclass(frozen=True)
class Cloud:
    """Fitness against query size. `f` is the parameter of data-perturbation, `point` are those of nielson."""

    figure: str
    source: str
    method: str
    queries: int = 1_000
    largest: int = 999
    f: float | None = None
    point: Point | None = None


@dataclass(frozen=True)
class Curve:
    """Mean fitness against the parameter number `over` of α, β, γ; `point` holds the other two."""

    figure: str
    source: str
    over: int
    point: Point


NAMES = ("alpha", "beta", "gamma")
CLOUDS = (
    Cloud("4.1", PROGRAM, "none", queries=10_000),
    Cloud("4.2", TEXT, "data-perturbation", f=0.2),
    Cloud("4.2", PROGRAM, "data-perturbation", f=0.1),
    Cloud("4.3", PROGRAM, "liew"),
    Cloud("4.4", TEXT, "nielson", point=OPTIMUM),
    Cloud("4.8", PROGRAM, "nielson", point=(2.0, 2.0, 230.0)),
    Cloud("4.9", TEXT, "nielson", point=OPTIMUM),
    Cloud("4.10", PROGRAM, "nielson", largest=99, point=OPTIMUM),
)
CURVES = (
    Curve("4.5", PROGRAM, 2, (1.5, 1.0, 0.0)),
    Curve("4.5", CAPTION, 2, (0.0, 0.0, 0.0)),
    Curve("4.6", PROGRAM, 0, (0.0, 0.0, 230.0)),
    Curve("4.6", CAPTION, 0, (0.0, 0.0, 310.0)),
    Curve("4.7", PROGRAM, 1, (2.0, 0.0, 230.0)),
    Curve("4.7", CAPTION, 1, (2.0, 0.0, 310.0)),
)
STEPS = ([i / 10 for i in range(21)], [i / 10 for i in range(21)], [10.0 * i for i in range(51)])
BLOCK = 500  # databases at a time


@dataclass(frozen=True)
class Figures:
    """What decides the points, and with that the plan under which they are stored."""

    seed: int = 1
    size: int = 1_000
    databases: int = 1_000
    queries: int = 100

    @property
    def plan(self) -> dict[str, Any]:
        return asdict(self)


def fitness_figures(figures: Figures) -> list[dict[str, Any]]:
    """A dict a cloud (`q`, `fitness` and `answer` P of each query) and a dict a curve (`values` of the parameter
    `over`, `fitness` with its standard error `fitness_se`), each with figure, source and parameters."""
    return [*(_cloud(figures, cloud) for cloud in CLOUDS), *(_curve(figures, curve) for curve in CURVES)]


def _cloud(figures: Figures, cloud: Cloud) -> dict[str, Any]:
    parts = list(_queries(figures, cloud))
    q, true, answer = (np.concatenate(column) for column in zip(*parts, strict=True))
    error = np.abs(true - answer)
    fitness = np.where(2 * q < figures.size, 100.0 - error, error)
    row = {"figure": cloud.figure, "source": cloud.source, "method": cloud.method, "f": cloud.f}
    row |= dict(zip(NAMES, cloud.point or (None,) * 3, strict=True))
    return row | {"q": q.tolist(), "fitness": fitness.tolist(), "answer": answer.tolist()}


def _queries(figures: Figures, cloud: Cloud) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
    """q, D and P of a block of queries, each on a database of its own."""
    for block, start in enumerate(range(0, cloud.queries, BLOCK)):
        # The name of the figure and not its parameters: 10 % and 20 % in 4.2 meet the same databases and queries.
        rng = generator(figures.seed, "fitness figures", cloud.figure, block)
        count = min(BLOCK, cloud.queries - start)
        q = rng.integers(1, cloud.largest, count, endpoint=True)
        values = LOW + (HIGH - LOW) * rng.random((count, figures.size))
        perturbed = _perturbed(cloud, values, rng)
        yield q, _means(values, q), _means(perturbed, q)


def _perturbed(cloud: Cloud, values: Floats, rng: np.random.Generator) -> Floats:
    """The perturbed values, (databases, size). For liew `values` are put into ascending order first, and transposed
    with the sample that takes their place."""
    if cloud.f is not None:
        return scaled(values, rng, cloud.f)
    if cloud.method == "liew":
        values.sort(axis=-1)
        sample = by_rank(values, LOW + (HIGH - LOW) * rng.random(values.shape))
        transpose(rng, [values, sample])
        return sample
    perturbed = values.copy()
    if cloud.point is not None:
        alpha, beta, gamma = cloud.point
        perturbed[:, : int(gamma)] = outward(values[:, : int(gamma)], rng, alpha, beta)
    return perturbed


def _means(values: Floats, q: NDArray[np.int64]) -> Floats:
    """The mean of the first q values of each row."""
    sums = np.take_along_axis(np.cumsum(values, axis=1), q[:, None] - 1, axis=1)
    means: Floats = sums[:, 0] / q
    return means


def _curve(figures: Figures, curve: Curve) -> dict[str, Any]:
    search = Search(databases=figures.databases, size=figures.size, queries=figures.queries, seed=figures.seed)
    steps = STEPS[curve.over]
    if NAMES[curve.over] == "gamma":
        found = fitness_of(search, curve.point, steps, figures.databases, ("figure", curve.figure))
    else:
        found = np.concatenate([_at(search, curve, value) for value in steps], axis=1)
    spread = found.std(axis=0, ddof=1) / np.sqrt(figures.databases)
    row: dict[str, Any] = {"figure": curve.figure, "source": curve.source, "over": NAMES[curve.over]}
    row |= {name: None if i == curve.over else curve.point[i] for i, name in enumerate(NAMES)}
    return row | {"values": steps, "fitness": found.mean(axis=0).tolist(), "fitness_se": spread.tolist()}


def _at(search: Search, curve: Curve, value: float) -> Floats:
    alpha, beta, gamma = (value if i == curve.over else curve.point[i] for i in range(3))
    return fitness_of(search, (alpha, beta, gamma), [gamma], search.databases, ("figure", curve.figure))
