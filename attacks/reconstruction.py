"""Solves block tables for the persons behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.fitting.budget import Budget
from attacks.fitting.likely import Sample, Shares, alike, deviating_least, weights
from attacks.fitting.statistics import Bools, Domain, Statistic
from attacks.publication import Key, Publication, listed, published
from harness.model import Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

LARGEST = 20_000  # kinds of persons


@dataclass(frozen=True, kw_only=True)
class reconstruction(Attack):
    """Solves block tables for the persons behind them.

    1. Ask what a census office publishes of every block: for each combination of up to `ways` attributes, the secret
       among them, the count of persons, the mean and the median of the measure; and the counts of combinations of one
       attribute fewer below 5, 10, … years (`band`).
    2. Read off the counts: the smallest shown bounds a hidden cell, their greatest common divisor is a rounding's base.
    3. For each block with victims, reveal what identifies them (block, sex and age, say), and find the databases that
       fit all tables and hold such persons: all of them, or up to `databases` in each of `restarts` random orders.
    4. The probability that a victim has a value is its share among the persons who are like the victim, averaged over
       these databases, each alike. Ask the solver for a database in which such a person has yet another value: a value
       without a rival is certain by proof. Otherwise the D databases count as D of D + 1, the last with another value.
    5. Claim the most probable value. Where no database fits (noise), take the one whose counts deviate least in sum;
       its claims have confidence 0, since nothing is known of the noise, and are made only when forced.

    Rounded numbers are taken as rounded to the nearest multiple; where nothing fits, to either. Against `none` it need
    not win: two persons of one block, sex and age are one to it, and large blocks have many databases.

    Source: Garfinkel, Abowd, Martindale 2018; linking the records to persons is the census bureau's own second step.
    """

    exact_against_none = False
    home = "block"

    block: str = param("block", "the column that says in which block a person is")
    measure: str = param("age", "the whole number of which means and medians are published, from 0 up")
    attributes: tuple[str, ...] = param((), "the other columns of the tables; empty: all texts and truth values")
    highest: int = param(115, "the largest value of the measure", low=1, high=1_000)
    ways: int = param(2, "the most attributes of a table", low=1, high=4)
    band: int = param(5, "width of the bands of the measure; 0: no tables by bands", low=0, high=1_000)
    suppression: int | None = param(None, "cells of fewer persons are hidden; null: read off the counts", low=1)
    databases: int = param(50, "the most databases of a block and random order", low=1, high=100_000)
    restarts: int = param(3, "random orders of the search, where one does not find all databases", low=1, high=1_000)
    work: float = param(10.0, "most work on a block", unit="deterministic seconds of CP-SAT", low=0.01)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        names = schema.names
        if self.block not in names or self.measure not in names:
            return f"reconstruction needs the columns {self.block} and {self.measure}"
        if schema.many_rows:
            return "reconstruction needs one row a user"
        if secret != self.measure and secret not in self._attributes(schema):
            return f"the secret {secret} is not in the tables that are published"
        return None

    def _attributes(self, schema: Schema) -> tuple[str, ...]:
        others = [c.name for c in schema.columns if c.kind in (Kind.TEXT, Kind.BOOLEAN)]
        return self.attributes or tuple(name for name in others if name not in (schema.uid, self.block))

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        everybody = knowledge.reveal()
        return everybody if self.block in knowledge.columns else everybody.iloc[:0]

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        known = [c for c in knowledge.schema.quasi_identifiers if c in knowledge.columns and c != self.block]
        values = self._tabled(listed(session, self._attributes(session.schema)), knowledge.secret, known)
        if knowledge.secret not in (self.measure, *values):
            return
        known = [c for c in known if c in values or c == self.measure]
        bands = range(self.band, self.highest, self.band) if self.band else ()
        tables = published(session, self.block, self.measure, tuple(values), self.ways, bands, self.suppression)
        domain = Domain.of(self.measure, 0, self.highest, values)
        cells = knowledge.reveal([self.block, *known], list(victims.index))
        for block, people in cells.groupby(self.block, sort=True):
            groups = [alike(domain, victim) for victim in people[known].to_dict("records")]
            possible = [i for i, group in enumerate(groups) if group.any()]
            told = self._solved(domain, tables, values, block, knowledge.secret, [groups[i] for i in possible])
            for i, (shares, weight) in zip(possible, told, strict=True):
                value = max(shares, key=lambda value: (shares[value], rng.random()))
                sure = round(float(weight * shares[value]), 9)  # a sum of shares: what is certain is 1, not nearly 1
                if sure >= self.min_confidence:
                    yield Inference(people.index[i], value, sure)

    def _tabled(self, values: dict[str, Key], secret: str, known: Sequence[str]) -> dict[str, Key]:
        """The attributes that are listed, the secret and the known ones first, as long as there are no more than
        `LARGEST` kinds of persons."""
        found: dict[str, Key] = {}
        size = self.highest + 1
        for name in sorted(values, key=lambda name: (name != secret, name not in known)):
            if values[name] and size * len(values[name]) <= LARGEST:
                found[name] = values[name]
                size *= len(values[name])
        return found

    def _solved(
        self, domain: Domain, tables: Publication, values: dict[str, Key], block: object, secret: str,
        groups: list[Bools],
    ) -> list[tuple[Shares, float]]:  # fmt: skip
        """Of each victim in a block the probability of each value of the secret, and the weight that it deserves."""
        column = domain.columns[secret]
        at_home = [
            Statistic("victims", group, sum((group == other).all() for other in groups), LARGEST) for group in groups
        ]
        for slack in (0.5, 1.0) if tables.base > 1 else (0.5,) * tables.whole:
            system = [*tables.statistics(domain, values, block, slack), *at_home]
            budget = Budget(work=self.work)
            sample = Sample.of(domain, system, self.databases, self.restarts, budget)
            if sample.databases:
                told = [sample.shares(group, column, budget) for group in groups]
                trust = len(sample.databases) / (len(sample.databases) + 1)
                return [(shares, 1.0 if proven else trust) for shares, proven in told]
            if not sample.complete:  # there may be one all the same
                break
        shown = tables.counts(domain, values, block)
        persons = deviating_least(domain, shown, at_home) if shown else np.full(len(domain), np.nan)
        return [(weights(column[group], persons[group]), 0.0) for group in groups]
