"""Attacks at rising effort: the benchmarks that κ against queries is drawn from.

A benchmark for each attack, each effort that its page declares (`Attack.effort`: a parameter, and values to try) and
each defense, on the dataset that the attack is at home on unless another is named. They are stored as all benchmarks
are; `harness.report.effort` makes curves of them.

Source: a lame attack reads as a strong defense, so κ is looked at as the number of queries grows, until it is flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import registry, specs
from harness.plan import Benchmark

DEFENSES = ("none", "k-threshold", "output-perturbation", "sticky", "diffix")


def benchmarks(
    attacks: Sequence[str] = (),
    defenses: Sequence[str] = (),
    *,
    dataset: str | None = None,
    secret: str | None = None,
    **options: Any,
) -> list[Benchmark]:
    """The benchmarks to be run, each once, by attack, defense and effort. No attacks stand for all that are registered,
    no defenses for `DEFENSES`; `options` are those of `Benchmark.of`. Raises UserError."""
    planned = [
        Benchmark.of(
            defense=defense,
            attack=level,
            dataset=dataset or registry.attack(level)[0].home,
            secret=secret,
            **options,
        )
        for attack in attacks or sorted(registry.names("attacks"))
        for defense in defenses or DEFENSES
        for level in levels(attack)
    ]
    return list(dict.fromkeys(planned))


def levels(attack: str) -> list[str]:
    """The specs of an attack at each effort; the attack itself where it declares none, or where its spec names the
    parameter."""
    page, _ = registry.attack(attack)
    part = specs.parse_one(attack, "attack")
    if page.effort is None or page.effort[0] in dict(part.params):
        return [attack]
    knob, values = page.effort
    return [specs.canonical([specs.Part(part.ref, (*part.params, (knob, value)))]) for value in values]
