"""Questions by hand: the one that `snoopbench query` asks, and those of a `snoopbench shell`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness import registry
from harness.engine import DuckEngine
from harness.errors import BenchmarkError
from harness.model import Answer, Refused
from harness.plugin import Defense
from harness.seeds import generator
from harness.session import LocalSession
from harness.sql import Buckets, Plan, analyse, parse
from harness.stages import refined
from harness.trial import engines, first_table


def ask(defense: str, dataset: str, seed: int, sql: str) -> Answer | Refused:
    """The answer of a fresh session: the data, salt and noise of trial 0 under `seed`. Raises UserError."""
    _check(sql)
    return Desk.open(defense, dataset, seed).ask(sql)


def explain(defense: str, dataset: str, seed: int, sql: str) -> tuple[Answer | Refused, dict[str, Any] | None]:
    """The answer of `ask` and how it came about; see `Desk.explain`."""
    _check(sql)
    return Desk.open(defense, dataset, seed).explain(sql)


@dataclass(frozen=True)
class Desk:
    """Where one analyst asks: a dataset behind a defense, and her session with it. The specs are canonical."""

    defense: str
    dataset: str
    seed: int
    session: LocalSession
    built: Defense
    engine: DuckEngine

    @classmethod
    def open(cls, defense: str, dataset: str, seed: int) -> Desk:
        """With the data, salt and noise of trial 0 under `seed`. Raises UserError."""
        built, named = registry.defense(defense)
        page, spec = registry.dataset(dataset)
        table = first_table(page, spec, seed)
        if (reason := built.skip(table.schema)) is not None:
            raise BenchmarkError(f"{defense} cannot protect {dataset}: {reason}.")
        engine, _ = engines(table, built, seed, 0)
        session = LocalSession(table.schema, engine, built, generator(seed, "answer", 0))
        return cls(named, spec, seed, session, built, engine)

    def ask(self, sql: str) -> Answer | Refused:
        """The session's next answer."""
        return self.session.query(sql)

    def explain(self, sql: str) -> tuple[Answer | Refused, dict[str, Any] | None]:
        """The session's next answer and how it came about: `sql` as DuckDB gets it, `then` the SQL that refining ran,
        if any, `asked` what the defense wants to know of each bucket, `notices`, and the defense's own `tables`; None
        where the query is refused. For researchers: it shows what the defense hides, all but the salt."""
        session, built, engine = self.session, self.built, self.engine
        past = session.history
        before = replace(past, queries=[*past.queries], answered=[*past.answered], updates=[*past.updates])
        answer = session.query(sql)
        if isinstance(answer, Refused):
            return answer, None
        plan = built.plan(analyse(parse(sql), session.schema), before)
        assert isinstance(plan, Plan)
        further: list[Plan] = []

        def run(plans: Sequence[Plan]) -> Buckets:
            further.extend(plans)
            return engine.run(plans)

        buckets = refined(built, engine.run([plan]), run)
        how: dict[str, Any] = {"sql": engine.text(plan), "asked": _asked(plan), "notices": list(plan.notices)}
        if further:
            how["then"] = [engine.text(plan) for plan in dict.fromkeys(further)]
        made = {name: rows() for name, rows in buckets.made.items()}
        return answer, how | {"tables": engine.made | made | built.explain(buckets)}


def _asked(plan: Plan) -> dict[str, Any]:
    """What the defense wants to know of each bucket."""
    return {
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
        **({"beyond": [[ref.name, low, high] for ref, low, high in plan.beyond]} if plan.beyond else {}),
    }


def _check(sql: str) -> None:
    if not sql.strip():
        raise BenchmarkError("The query is empty; write one SELECT statement.")
