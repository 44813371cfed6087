"""One question by hand: what `snoopbench query` asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import registry
from harness.engine import DuckEngine
from harness.errors import BenchmarkError
from harness.model import Answer, Refused
from harness.plugin import Defense, refined
from harness.seeds import generator
from harness.session import History, LocalSession
from harness.sql import Buckets, Plan, analyse, parse
from harness.trial import engines, first_table


def ask(defense: str, dataset: str, seed: int, sql: str) -> Answer | Refused:
    """The answer of a fresh session: the data, salt and noise of trial 0 under `seed`. Raises UserError."""
    return _opened(defense, dataset, seed, sql)[0].query(sql)


def explain(defense: str, dataset: str, seed: int, sql: str) -> tuple[Answer | Refused, dict[str, Any] | None]:
    """The answer of `ask` and how it came about: `sql` as DuckDB gets it, `then` the SQL that refining ran, if any,
    `asked` what the defense wants to know of each bucket, `notices`, and the defense's own `tables`; None where the
    query is refused. For researchers: it shows what the defense hides, all but the salt."""
    session, built, engine = _opened(defense, dataset, seed, sql)
    answer = session.query(sql)
    if isinstance(answer, Refused):
        return answer, None
    plan = built.plan(analyse(parse(sql), session.schema), History(session.schema, nonce=session.history.nonce))
    assert isinstance(plan, Plan)
    asked = {
        "users": plan.users,
        "uid_xor": plan.uid_xor,
        "floated": [ref.name for ref in plan.floated],
        "top": plan.top,
        "first": plan.first,
        "stored_below": plan.stored_below,
        **({"sample": plan.sample.rate} if plan.sample else {}),
        **({"uid_set": True} if plan.uid_set else {}),
        **(
            {
                name: [ref.name for ref in refs]
                for name in ("cells", "domains", "edges")
                if (refs := getattr(plan, name))
            }
        ),
    }
    further: list[Plan] = []

    def run(plans: Sequence[Plan]) -> Buckets:
        further.extend(plans)
        return engine.run(plans)

    buckets = refined(built, engine.run([plan]), run)
    how: dict[str, Any] = {"sql": engine.text(plan), "asked": asked, "notices": list(plan.notices)}
    if further:
        how["then"] = [engine.text(plan) for plan in dict.fromkeys(further)]
    return answer, how | {"tables": engine.made | buckets.made | built.explain(buckets)}


def _opened(defense: str, dataset: str, seed: int, sql: str) -> tuple[LocalSession, Defense, DuckEngine]:
    if not sql.strip():
        raise BenchmarkError("The query is empty; write one SELECT statement.")
    built, _ = registry.defense(defense)
    page, spec = registry.dataset(dataset)
    table = first_table(page, spec, seed)
    if (reason := built.skip(table.schema)) is not None:
        raise BenchmarkError(f"{defense} cannot protect {dataset}: {reason}.")
    engine, _ = engines(table, built, seed, 0)
    return LocalSession(table.schema, engine, built, generator(seed, "answer", 0)), built, engine
