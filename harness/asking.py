"""One question by hand: what `snoopbench query` asks."""

from __future__ import annotations

from harness import registry
from harness.errors import BenchmarkError
from harness.model import Answer, Refused
from harness.seeds import generator
from harness.session import LocalSession
from harness.trial import engines, first_table


def ask(defense: str, dataset: str, seed: int, sql: str) -> Answer | Refused:
    """The answer of a fresh session: the data, salt and noise of trial 0 under `seed`. Raises UserError."""
    if not sql.strip():
        raise BenchmarkError("The query is empty; write one SELECT statement.")
    built, _ = registry.defense(defense)
    page, spec = registry.dataset(dataset)
    table = first_table(page, spec, seed)
    if (reason := built.skip(table.schema)) is not None:
        raise BenchmarkError(f"{defense} cannot protect {dataset}: {reason}.")
    engine, _ = engines(table, built, seed, 0)
    return LocalSession(table.schema, engine, built, generator(seed, "answer", 0)).query(sql)
