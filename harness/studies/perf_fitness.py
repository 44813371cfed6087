"""How much faster the fitness experiment is than its literal loop: `make perf-fitness`.

Both draw their databases once and answer the same queries; the loop adds up the first q records of D and of P for each
query, one after the other, in one process. Their numbers must be equal up to rounding.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

import numpy as np

from defenses.nielson import nielson
from harness.studies.fitness import METHODS, Drawn, Experiment, Floats, drawn, scores

FEW, MANY = 40, 20_000  # databases of the loop, and of the batches


def literal(experiment: Experiment) -> Floats:
    """What `scores` gives, (databases, methods), with every query re-summed record by record."""
    found = []
    for number in range(experiment.blocks):
        block = drawn(experiment, number)
        for i in range(len(block.values)):
            found.append([_fitness(experiment, block, i, method) for method in experiment.methods])
    return np.array(found)


def _fitness(experiment: Experiment, block: Drawn, i: int, method: str) -> float:
    """The mean fitness of one database under one method."""
    true, total = block.values[i].tolist(), 0.0
    changed = block.perturbed[method][i].tolist() if method in block.perturbed else true
    gamma = nielson().gamma
    for j, q in enumerate(block.sizes[i].tolist()):
        answered = changed
        if method == "output-perturbation" or (method == "nielson" and q >= gamma):
            answered = true
        d = p = 0.0
        for record in range(q):
            d += true[record]
            p += answered[record]
        d /= q
        p /= q
        if method == "output-perturbation":
            p += p * changed[j]
        total += 100.0 - abs(d - p) if q < experiment.size / 2 else abs(d - p)
    return total / experiment.queries


def main(words: Sequence[str] | None = None) -> int:
    """Time both, and print seconds a query and the ratio. Exit status 1 when their numbers differ."""
    parser = argparse.ArgumentParser(prog="perf-fitness", description=__doc__)
    parser.add_argument("--databases", type=int, default=MANY, help="databases of the batches")
    parser.add_argument("--literal", type=int, default=FEW, help="databases of the loop")
    arguments = parser.parse_args(words)
    methods = METHODS[:4]
    cores = os.cpu_count() or 1
    few = Experiment(databases=arguments.literal, methods=methods)
    many = Experiment(databases=arguments.databases, methods=methods)
    scores(few, jobs=1, progress=False)  # imports, and memory for the first time

    began, used = time.perf_counter(), time.process_time()
    slow = literal(few)
    loop, loop_cpu = time.perf_counter() - began, time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    scores(many, jobs=1, progress=False)
    batch, batch_cpu = time.perf_counter() - began, time.process_time() - used
    began = time.perf_counter()
    scores(many, jobs=cores, progress=False)
    parallel = time.perf_counter() - began

    each, other = 1e6 / (few.databases * few.queries), 1e6 / (many.databases * many.queries)
    slow_each, slow_cpu, fast_each, fast_cpu = loop * each, loop_cpu * each, batch * other, batch_cpu * other
    print(f"{len(methods)} methods, databases of {many.size} values, {many.queries} queries each; µs a query")
    print(f"literal loop, 1 core   {slow_each:9.3f}  (CPU {slow_cpu:.3f}; {few.databases} databases)")
    print(f"batches, 1 core        {fast_each:9.3f}  (CPU {fast_cpu:.3f}; {many.databases} databases)")
    print(f"batches, {cores} cores       {parallel * other:9.3f}")
    print(f"ratio core for core    {slow_each / fast_each:9.0f}  (CPU {slow_cpu / fast_cpu:.0f})")
    print(f"ratio with {cores} cores     {slow_each / (parallel * other):9.0f}")
    same = bool(np.allclose(slow, scores(few, jobs=1, progress=False), rtol=0.0, atol=1e-9))
    print(f"the numbers are {'the same' if same else 'NOT the same'}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
