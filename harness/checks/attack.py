"""What an attack must be: checked on the dataset that it is at home on, `employees` unless it says otherwise."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.channel import Outcome, conduct
from harness.checks.subject import Check, Inapplicable, Subject, expect
from harness.linkability import deal
from harness.model import Delta, Inference, Refused, Table
from harness.plugin import Defense, Engine, Log
from harness.score import TrialScore, Truth, judge
from harness.seeds import generator
from harness.session import Ledger, LocalSession
from harness.sql import Buckets, Plan, Query
from harness.trial import draw_victims, engines

VICTIMS = 10
SECONDS = 120.0
EXACT = 0.95  # κ_reach that counts as exact
KNOWING = 0.5  # κ_reach that nobody has who knows nothing of a victim
OUT_OF_REACH = ("datasets", "defenses", "duckdb", "sqlalchemy")
HARNESS = ("harness.model", "harness.plugin", "harness.stats", "harness.errors", "harness.sql")


class _Mute(Defense):
    """Refuses every query."""

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        return Refused("mute", "This defense answers nothing.")


class _Still(Defense):
    """Takes no update."""

    def update(self, delta: Delta, engine: Engine, log: Log, rng: np.random.Generator) -> Delta | Refused:
        return Refused("still", "This defense takes no updates.")


class _Blank(Defense):
    """Suppresses every bucket."""

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        return buckets.keep(np.zeros(len(buckets), dtype=bool))


@dataclass(frozen=True)
class _Run:
    outcome: Outcome
    score: TrialScore
    paid: int


@lru_cache(maxsize=2)
def _home(dataset: str) -> Table:
    return registry.dataset(dataset)[0].load(generator(f"check {dataset}"))


def _table(subject: Subject) -> Table:
    home: str = subject.cls.home  # type: ignore[attr-defined]
    return _home(home)


def _secret(subject: Subject) -> str:
    """The first secret that the attack can be set on."""
    schema = _table(subject).schema
    reasons = [subject.plugin.skip(schema, secret) for secret in schema.secrets]
    if None not in reasons:
        raise Inapplicable(str(reasons[0]))
    return schema.secrets[reasons.index(None)]


def _accomplices(subject: Subject, table: Table) -> list[object]:
    """As many as the attack needs, some users or other."""
    page: Any = subject.cls
    order = generator("check accomplices").permutation(len(table.people))
    return list(table.people.index[np.sort(order[: page.needs_accomplices])])


def _against(subject: Subject, defense: Defense) -> _Run:
    """The attack on a few victims; seed and victims are the same each time."""
    table, secret = _table(subject), _secret(subject)
    dealt = None
    if subject.cls.claims == "linkability":  # type: ignore[attr-defined]
        dealt = deal(subject.spec, table, VICTIMS, generator("check mix"))
        table = dealt.protected
    pair = engines(table, defense, 1, 0)
    try:
        session = LocalSession(table.schema, pair[0], defense, generator("check answers"))
        ledger = Ledger(dealt.other, secret) if dealt else Ledger(table, secret, _accomplices(subject, table))
        draws = generator("check victims")

        def draw(eligible: pd.DataFrame) -> pd.DataFrame:
            return dealt.draw(eligible) if dealt else draw_victims(eligible, ledger, VICTIMS, draws)

        outcome = conduct(subject.built_again(), session, ledger, draw, generator("check attack"), SECONDS)
    finally:
        for engine in set(pair):
            engine.close()
    truth = Truth.of(ledger.people, secret)
    truth = replace(truth, members=dealt.attempted(outcome.victims)) if dealt else truth
    score = judge(truth, outcome.claims, outcome.victims, ledger.revealed, "marginal", outcome.eligible)
    return _Run(outcome, score, int(ledger.revealed.to_numpy().sum()))


def _undefended(subject: Subject) -> _Run:
    if "undefended" not in subject.kept:
        subject.kept["undefended"] = _against(subject, Defense())
    run: _Run = subject.kept["undefended"]
    if not run.outcome.victims:
        raise Inapplicable(f"nobody is eligible among those of {_table(subject).schema.table}")
    return run


def reaches_for_nothing(subject: Subject) -> None:
    """The page has no import statement that leads past the query interface."""
    module: Any = inspect.getmodule(subject.cls)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        found = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in found:
            top = name.split(".")[0]
            barred = top in OUT_OF_REACH or (top == "harness" and not name.startswith(HARNESS))
            expect(not barred, f"It imports {name}, which an attacker does not have.")


def ends_without_a_defense(subject: Subject) -> None:
    """It runs against `none`, and claims about its victims only."""
    run = _undefended(subject)
    strangers = {c.uid for c in run.outcome.claims if isinstance(c, Inference)} - set(run.outcome.victims)
    expect(not strangers, f"It claims on users that it was not set on: {sorted(map(str, strangers))[:3]}.")


def ends_against_diffix(subject: Subject) -> None:
    """It runs against `diffix`."""
    _against(subject, registry.defense("diffix")[0])


def same_seed_same_claims(subject: Subject) -> None:
    """The same seed gives the same claims."""
    first, second = _undefended(subject), _against(subject, Defense())
    expect(first.outcome.victims == second.outcome.victims, "Another run has other people eligible.")
    expect(repr(first.outcome.claims) == repr(second.outcome.claims), "Another run under the same seed claims others.")


def survives_refusals(subject: Subject) -> None:
    """It survives a session that refuses everything, and an owner who takes no updates."""
    _against(subject, _Mute())
    if subject.cls.updates:  # type: ignore[attr-defined]
        _against(subject, _Still())


def survives_suppression(subject: Subject) -> None:
    """It survives a session whose answers are all empty."""
    _against(subject, _Blank())


def pays_for_what_it_knows(subject: Subject) -> None:
    """What it knows of a victim comes from the ledger: right claims have their price."""
    page: Any = subject.cls
    if page.by_uid or page.claims == "singling-out":
        raise Inapplicable("it knows victims by their uid, or looks for anybody, and neither costs a cell")
    run = _undefended(subject)
    right = (run.score.kappa_reach or 0.0) >= KNOWING
    expect(run.paid or not right, "It is right about its victims and has revealed nothing of them.")


def is_exact_without_a_defense(subject: Subject) -> None:
    """It is exact against `none`, unless it says exact_against_none = False."""
    if not subject.cls.exact_against_none:  # type: ignore[attr-defined]
        raise Inapplicable("it does not promise it")
    score = _undefended(subject).score
    least = EXACT
    if subject.cls.claims == "linkability":  # type: ignore[attr-defined]
        least *= score.guess or 0.0  # only the members of the mix can be claimed
    reach = score.kappa_reach
    expect(
        reach is not None and reach >= least, f"κ_reach is {reach}, below {least}; or set exact_against_none = False."
    )


def names_a_parameter_of_effort(subject: Subject) -> None:
    """The effort that it declares is a parameter of its own, with rising values that it takes."""
    effort: Any = subject.cls.effort  # type: ignore[attr-defined]
    if effort is None:
        raise Inapplicable("it declares none: it asks no more however long it is let")
    name, values = effort
    expect(name in {field.name for field in fields(subject.plugin)}, f"It has no parameter {name}.")
    expect(list(values) == sorted(set(values)) and len(values) > 1, f"The values {values} do not rise.")
    for value in values:
        replace(subject.plugin, **{name: value})


CHECKS: tuple[Check, ...] = (
    names_a_parameter_of_effort,
    reaches_for_nothing,
    ends_without_a_defense,
    ends_against_diffix,
    same_seed_same_claims,
    survives_refusals,
    survives_suppression,
    pays_for_what_it_knows,
    is_exact_without_a_defense,
)
