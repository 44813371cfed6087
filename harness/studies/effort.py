"""Attacks at rising effort: the benchmarks that κ against queries is drawn from.

A benchmark for each attack, each effort that its page declares (`Attack.effort`: a parameter, and values to try) and
each defense, on the dataset that the attack is at home on unless another is named. They are stored as all benchmarks
are; `harness.report.effort` makes curves of them. An attack that has won is not asked to try harder.

Source: a lame attack reads as a strong defense, so κ is looked at as the number of queries grows, until it is flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import registry, specs
from harness.plan import Benchmark
from harness.report.effort import WON
from harness.runner import matrix
from harness.store import Store

ACCOMPLICES = 100  # for each that an attack needs: ten in each tenth of the users, whom k = 5 lets through
DEFENSES = ("none", "k-threshold", "output-perturbation", "sticky", "diffix")


def ladders(
    attacks: Sequence[str] = (),
    defenses: Sequence[str] = (),
    *,
    dataset: str | None = None,
    secret: str | None = None,
    **options: Any,
) -> list[tuple[Benchmark, ...]]:
    """For each attack and defense its benchmarks, the least effort first. No attacks stand for all that are registered,
    no defenses for `DEFENSES`; `options` are those of `Benchmark.of`. Attacks that need accomplices have `ACCOMPLICES`
    for each that they need. Raises UserError."""
    planned = []
    for attack in attacks or sorted(registry.names("attacks")):
        page = registry.attack(attack)[0]
        home = dataset or page.home
        given = {"accomplices": ACCOMPLICES * page.needs_accomplices} | options
        for defense in defenses or DEFENSES:
            rungs = [
                Benchmark.of(defense=defense, attack=level, dataset=home, secret=secret, **given)
                for level in levels(attack)
            ]
            planned.append(tuple(rungs))
    return list(dict.fromkeys(planned))


def effort(
    planned: Sequence[tuple[Benchmark, ...]], store: Store, *, jobs: int = 0, fresh: bool = False
) -> list[tuple[Benchmark, dict[str, Any]]]:
    """The benchmarks that were run, or read, with what `runner.bench` says of each: each ladder up to the first effort
    that wins. Raises Interrupted on Ctrl-C, and StoreError."""
    done = []
    for rungs in planned:
        for benchmark in rungs:
            (result,) = matrix([benchmark], store, jobs=jobs, fresh=fresh)
            done.append((benchmark, result))
            if (result["kappa_reach"] or 0.0) >= WON:
                break
    return done


def levels(attack: str) -> list[str]:
    """The specs of an attack at each effort; the attack itself where it declares none, or where its spec names the
    parameter."""
    page, _ = registry.attack(attack)
    part = specs.parse_one(attack, "attack")
    if page.effort is None or page.effort[0] in dict(part.params):
        return [attack]
    knob, values = page.effort
    return [specs.canonical([specs.Part(part.ref, (*part.params, (knob, value)))]) for value in values]
