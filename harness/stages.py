"""The harness's hold on what a defense returns: each stage is called here, and a plug-in that breaks its contract is
named. No stage's answer is used unchecked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np

from harness.errors import PluginError
from harness.model import Delta, Refused
from harness.plugin import Defense, Engine, Log, Refining
from harness.sql.plan import Buckets, Plan
from harness.sql.query import Call, Query


def planned(defense: Defense, query: Query, log: Log) -> Plan | Refused:
    """What the query stage says. Raises PluginError naming the defense when it is neither of the two."""
    if not defense.reports_noise and (asked := next((a for a in query.aggregates if a.is_noise), None)) is not None:
        return Refused("not-supported", f"{defense.label()} does not report noise; {asked.function} is not answered.")
    computes = defense.computes or _leaves(defense, "plan", "answer")
    if not computes and any(isinstance(a.on, Call) for a in query.aggregates):
        return Refused("expression", f"{defense.label()} answers aggregates of columns, not of expressions.")
    if not computes and query.per_user:
        return Refused("sub-query", f"{defense.label()} answers no query inside another one that groups by user.")
    if query.joins is not None and not (defense.joins or _leaves(defense, "protect", "plan", "refine", "answer")):
        return Refused("join", f"{defense.label()} answers queries of the table {query.table} alone.")
    if query.rows and not defense.shows_rows:
        return Refused("no-aggregate", "Rows are not shown; ask for aggregates such as count(*), or GROUP BY.")
    said: object = defense.plan(query, log)
    if isinstance(said, Plan | Refused):
        return said
    what = type(said).__name__
    raise PluginError(f"The defense {defense.label()} broke its contract: plan returned a {what}, not Plan or Refused.")


def _leaves(defense: Defense, *stages: str) -> bool:
    """Whether it does nothing in these stages. What only publishes another table has no part in what is computed from
    it, but has none of the tables beside it."""
    return all(getattr(type(defense), stage) is getattr(Defense, stage) for stage in stages)


def refined(defense: Defense, buckets: Buckets, run: Callable[[Sequence[Plan]], Buckets]) -> Buckets:
    """What the answer stage gets, the further plans run by `run`. Raises PluginError naming the defense when it breaks
    the contract of `refine`."""
    steps: object = defense.refine(buckets)
    wrong = f"The defense {defense.label()} broke its contract: "
    if not isinstance(steps, Generator):
        raise PluginError(f"{wrong}refine is a {type(steps).__name__}, not a generator.")
    results = None
    while True:
        try:
            asked = list(steps.send(results))
        except StopIteration as end:
            said: object = end.value
            break
        if not all(isinstance(plan, Plan) for plan in asked):
            raise PluginError(f"{wrong}refine yielded something else than plans.")
        results = run(asked)
    what = _misfit(said, buckets, "refine") if isinstance(said, Buckets) else f"refine returned a {type(said).__name__}"
    if what:
        raise PluginError(f"{wrong}{what}.")
    assert isinstance(said, Buckets)
    return said


def answered(defense: Defense, buckets: Buckets, rng: np.random.Generator) -> Buckets:
    """What the answer stage makes of a batch. Raises PluginError naming the defense when these are no Buckets of that
    batch."""
    said: object = defense.answer(buckets, rng)
    wrong = f"answer returned a {type(said).__name__}, not Buckets"
    if isinstance(said, Buckets):
        wrong = _misfit(said, buckets, "answer")
    if wrong:
        raise PluginError(f"The defense {defense.label()} broke its contract: {wrong}.")
    assert isinstance(said, Buckets)
    return said


def updated(defense: Defense, delta: Delta, engine: Engine, log: Log, rng: np.random.Generator) -> Delta | Refused:
    """What becomes of an update. Raises PluginError naming the defense when it is neither of the two."""
    said: object = defense.update(delta, engine, log, rng)
    if isinstance(said, Delta | Refused):
        return said
    what = type(said).__name__
    raise PluginError(
        f"The defense {defense.label()} broke its contract: update returned a {what}, not Delta or Refused."
    )


def planned_by_all(parts: Sequence[Defense], query: Query, log: Log) -> Plan | Refused:
    """The query stages in a row, each on the query that the one before leaves."""
    plan = Plan(query)
    for part in parts:
        more = planned(part, plan.query, log)
        if isinstance(more, Refused):
            return more
        plan = plan.also(more)
    return plan


def refined_by_all(parts: Sequence[Defense], buckets: Buckets) -> Refining:
    """The parts in a row, each refining what the one before leaves."""
    for part in parts:
        buckets = yield from part.refine(buckets)
    return buckets


def answered_by_all(parts: Sequence[Defense], buckets: Buckets, rng: np.random.Generator) -> Buckets:
    """The answer stages in a row, each on the buckets that the one before leaves, the last drawing from `rng`.

    The others have generators of their own, kept with the session: from a shared one a part would draw for a whole
    batch before the next does, and a batch would differ from its queries one by one.
    """
    own = ("generators", tuple(parts))
    if own not in buckets.memory:
        buckets.memory[own] = rng.spawn(len(parts) - 1)
    for part, generator in zip(parts, [*buckets.memory[own], rng], strict=True):
        buckets = answered(part, buckets, generator)
    return buckets


def _misfit(said: Buckets, asked: Buckets, stage: str) -> str:
    """What keeps these from being the answer to that batch, or nothing."""
    n, slots = len(said.query), asked.values.shape[1]
    if said.plans != asked.plans or len(said.keys) != len(asked.keys):
        return f"{stage} returned Buckets of another batch"
    if getattr(said.values, "shape", None) != (n, slots) or said.values.dtype != np.float64:
        return f"{stage} returned values that are not float64 of shape ({n}, {slots})"
    if any(len(column) != n for column in (*said.keys, said.present, said.users, said.uid_xor)):
        return f"{stage} returned columns of unequal length"
    if (np.diff(said.query) < 0).any():
        return f"{stage} returned buckets out of order"
    return ""
