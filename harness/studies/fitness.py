"""The main experiment of Nielson's dissertation: a fitness score of perturbation methods, by simulation.

1. A database holds `size` values U(50, 150), in ascending order but for 10 to 100 random transpositions.
2. Each method perturbs it. Liew's sample comes from the same U(50, 150), is in the same order, and moves along with the
   transpositions. Nielson's perturbed values answer where the query set has fewer than γ records.
3. A query is the mean of the first q records, q uniform in 1 … size − 1. D is the true mean, P the perturbed one.
4. Its fitness is 100 − |D − P| where q is below half the size, else |D − P|: the lower the better. The fitness of a
   database is the mean over its queries, and that is the unit of the statistics.

All methods meet the same databases and queries. A block of databases has generators of its own, one a purpose: the
numbers depend neither on the number of workers nor on what other methods run. A query reads a prefix sum of P − D
instead of adding up q records, and of Nielson's values only the fewer than γ are drawn that a query can touch.

Source: Nielson's dissertation, chapters 4 and 5, Appendix 2. Output perturbation was announced there and not run; here
it answers P = D · (1 + U(−0.2, 0.2)), afresh for each query. Odd sizes: q is below half the size where 2q < size.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.data_perturbation import data_perturbation
from defenses.nielson import nielson
from defenses.output_perturbation import SCALES
from defenses.perturbation import by_rank, outward, scaled
from harness.errors import BenchmarkError
from harness.seeds import generator
from harness.stats import hedges_g, holm, welch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

METHODS = ("none", "liew", "nielson", "data-perturbation", "output-perturbation")
REFERENCE = "nielson"  # what the others are tested against
LOW, HIGH = 50.0, 150.0
FEWEST, MOST = 10, 100  # transpositions of a database
BLOCK = 250  # databases at a time: what a processor's cache holds, and part of what the seeds mean
CHUNK = 20  # blocks a worker gets at once


@dataclass(frozen=True)
class Experiment:
    """What is to be simulated. Raises BenchmarkError for what cannot be."""

    databases: int = 100_000
    size: int = 1_000
    queries: int = 100
    methods: tuple[str, ...] = METHODS
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("databases", 1), ("size", 2), ("queries", 1)):
            if getattr(self, name) < least:
                raise BenchmarkError(f"--{name} must be {least} or more, not {getattr(self, name)}.")
        if wrong := [method for method in self.methods if method not in METHODS]:
            raise BenchmarkError(f"--methods has no {', '.join(wrong)}; there are {', '.join(METHODS)}.")
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise BenchmarkError("--methods takes different methods, separated by commas.")

    @property
    def blocks(self) -> int:
        return -(-self.databases // BLOCK)


@dataclass(frozen=True)
class Drawn:
    """The databases of a block: `values` (databases, size); `sizes` q of the queries (databases, queries); by method
    its perturbed values, (databases, size), of nielson only the columns that small queries touch, and of output
    perturbation the answers' factors minus 1, (databases, queries)."""

    values: Floats
    sizes: Integers
    perturbed: dict[str, Floats]


def fitness(experiment: Experiment, *, jobs: int = 0, progress: bool | None = None) -> list[dict[str, Any]]:
    """The rows of `snoopbench fitness --json`. `jobs`: worker threads, 0 for one a core; `progress`: a bar on
    standard error, None for on a terminal."""
    return rows(experiment.methods, scores(experiment, jobs=jobs, progress=progress))


def scores(experiment: Experiment, *, jobs: int = 0, progress: bool | None = None) -> Floats:
    """The fitness of each database under each method, (databases, methods)."""
    from tqdm import tqdm

    hidden = not (sys.stderr.isatty() if progress is None else progress)
    found = []
    with tqdm(total=experiment.databases, disable=hidden, unit=" databases", file=sys.stderr, leave=False) as bar:
        for part in _parts(experiment, jobs or os.cpu_count() or 1):
            found.append(part)
            bar.update(len(part))
    return np.concatenate(found)


def _parts(experiment: Experiment, jobs: int) -> Iterator[Floats]:
    starts = range(0, experiment.blocks, CHUNK)
    if jobs == 1 or len(starts) == 1:
        yield from (_chunk(experiment, start) for start in starts)
        return
    from joblib import Parallel, delayed, parallel_config

    # Threads: NumPy lets go of the interpreter while it works on a block, and a process takes seconds to start.
    with parallel_config(backend="threading"):
        parallel = Parallel(n_jobs=min(jobs, len(starts)), return_as="generator", batch_size=1)
        yield from parallel(delayed(_chunk)(experiment, start) for start in starts)


def _chunk(experiment: Experiment, start: int) -> Floats:
    blocks = range(start, min(start + CHUNK, experiment.blocks))
    room = np.empty((3, BLOCK, experiment.size))
    return np.concatenate([_block_scores(experiment, drawn(experiment, block, room)) for block in blocks])


def drawn(experiment: Experiment, block: int, room: Floats | None = None) -> Drawn:
    """The databases, queries and perturbed values of a block.

    `room` (3, BLOCK, size) is memory to write to, used again block after block: fetching new memory from the system
    takes as long as the arithmetic.
    """
    count = min(BLOCK, experiment.databases - block * BLOCK)
    room = np.empty((3, count, experiment.size)) if room is None else room[:, :count]

    def rng(purpose: str) -> np.random.Generator:
        return generator(experiment.seed, "fitness", block, purpose)

    values = _uniform(rng("values"), room[0])
    values.sort(axis=-1)
    perturbed = {}
    together = [values]
    if "liew" in experiment.methods:
        perturbed["liew"] = by_rank(values, _uniform(rng("liew"), room[1]))
        together.append(perturbed["liew"])
    transpose(rng("order"), together)
    sizes = rng("queries").integers(1, experiment.size, (count, experiment.queries))
    if "nielson" in experiment.methods:
        page = nielson()
        touched = min(experiment.size - 1, math.ceil(page.gamma) - 1)
        perturbed["nielson"] = outward(values[:, :touched], rng("nielson"), page.alpha, page.beta)
    if "data-perturbation" in experiment.methods:
        f = data_perturbation().f
        perturbed["data-perturbation"] = scaled(values, rng("data-perturbation"), f, out=room[2])
    if "output-perturbation" in experiment.methods:
        ones = np.ones(sizes.shape)
        perturbed["output-perturbation"] = scaled(ones, rng("output-perturbation"), SCALES["multiply"]) - 1.0
    return Drawn(values, sizes, perturbed)


def _uniform(rng: np.random.Generator, values: Floats) -> Floats:
    rng.random(out=values)
    values *= HIGH - LOW
    values += LOW
    return values


def transpose(rng: np.random.Generator, arrays: Sequence[Floats]) -> None:
    """10 to 100 transpositions a row, one after the other, the same in each of the arrays (rows, n); in place."""
    rows, n = arrays[0].shape
    many = np.sort(rng.integers(FEWEST, MOST, rows, endpoint=True))[::-1]  # the rows that go on are then the first ones
    going = (many > np.arange(MOST)[:, None]).sum(axis=1).tolist()
    places = rng.integers(0, n, (MOST, 2, rows))
    places += n * np.arange(rows)
    flat = [array.reshape(-1) for array in arrays]
    for (ones, others), count in zip(places, going, strict=True):
        one, other = ones[:count], others[:count]
        for array in flat:
            kept = array[one]
            array[one] = array[other]
            array[other] = kept


def _block_scores(experiment: Experiment, block: Drawn) -> Floats:
    """The fitness of each database of the block, (databases, methods); uses the perturbed values up."""
    q = block.sizes
    small = 2 * q < experiment.size
    base = 100.0 * small.mean(axis=1)
    sign = np.where(small, -1.0, 1.0)
    columns = []
    for method in experiment.methods:
        error = None if method == "none" else _errors(method, block)
        columns.append(base if error is None else base + np.einsum("ij,ij->i", sign, error) / q.shape[1])
    return np.stack(columns, axis=1)


def _errors(method: str, block: Drawn) -> Floats:
    """|D − P| of each query, (databases, queries)."""
    q, values, perturbed = block.sizes, block.values, block.perturbed[method]
    if method == "output-perturbation":
        return np.abs(_prefix_sums(values.copy(), q) / q * perturbed)
    if method == "nielson":
        few = q < nielson().gamma
        width = perturbed.shape[1]
        sums = _prefix_sums(np.subtract(perturbed, values[:, :width], out=perturbed), np.minimum(q, width))
        return np.where(few, np.abs(sums) / q, 0.0)
    return np.abs(_prefix_sums(np.subtract(perturbed, values, out=perturbed), q)) / q


def _prefix_sums(values: Floats, q: Integers) -> Floats:
    """The sums of the first q values of each row, (rows, n), (rows, queries) -> (rows, queries); uses `values` up."""
    rows, n = values.shape
    sums = np.cumsum(values, axis=1, out=values).reshape(-1)  # in place: a new array costs more than the sums
    found: Floats = sums.take(q + (n * np.arange(rows) - 1)[:, None])
    return found


def rows(methods: Sequence[str], found: Floats) -> list[dict[str, Any]]:
    """A dict a method from the fitness of each database, (databases, methods); what is not defined is None.

    Everything but count, mean and s compares a method with nielson: `t_welch`, `df` and `p` by Welch's test, `p_holm`
    by Holm's correction over the methods, `g` in pooled standard deviations, and `t_dissertation` as printed there:
    it divides the standard deviations by n where Welch divides the variances. The databases are the same for all
    methods, so Welch's test, made for independent samples, is on the safe side.
    """
    samples = dict(zip(methods, found.T, strict=True))
    reference = samples.get(REFERENCE)
    tests = [
        welch(sample, reference) if reference is not None and method != REFERENCE else None
        for method, sample in samples.items()
    ]
    adjusted = holm([test.p if test else None for test in tests])
    table = []
    for (method, sample), test, p_holm in zip(samples.items(), tests, adjusted, strict=True):
        row: dict[str, Any] = {"method": method, "count": len(sample), "mean": float(sample.mean()), "s": _sd(sample)}
        row["t_dissertation"] = _printed_t(sample, reference) if test and reference is not None else None
        row |= {"t_welch": test.t if test else None, "df": test.df if test else None, "p": test.p if test else None}
        row |= {"p_holm": p_holm, "g": hedges_g(sample, reference) if test and reference is not None else None}
        table.append(row)
    return table


def _sd(sample: Floats) -> float | None:
    return float(sample.std(ddof=1)) if len(sample) > 1 else None


def _printed_t(sample: Floats, reference: Floats) -> float | None:
    """The dissertation's t, with the standard deviation in place of the variance."""
    spread, other = _sd(sample), _sd(reference)
    if not spread and not other:
        return None
    return float(sample.mean() - reference.mean()) / math.sqrt(((spread or 0.0) + (other or 0.0)) / len(sample))
