"""Recovers what a control on the size of query sets refuses, from sets that are large enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attacks import amounts
from attacks.histograms import claims, secret_values
from attacks.isolation import columns_for, is_amount, isolated, users
from attacks.trackers import Way, equals, found_in, individual, statistics
from harness.model import Inference
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class tracker(Attack):
    """Recovers what a control on the size of query sets refuses, from sets that are large enough.

    1. From outside knowledge find users whom two attributes C = (A = a and B = b) describe alone, among those with
       A = a. A query about C, or about all others, is refused.
    2. Look for a tracker T. `individual`: the users with A = a but the victim. `general`: a set as near to half of all
       users as the known columns give, one a column, the best first (|T| from 2k to n − 2k serves for every C).
       `double`: T near a third inside U near two thirds. `union`: two disjoint sets, each near a half, of which the one
       is taken that the victim is not in.
    3. With q a count, and D = the secret has this value: compute q(C and D) for each value by the tracker's formula.
       For an amount q is its sum over C, for each row of the victim (see `attacks.amounts`). Where a set is not
       answered, take the next tracker.
    4. Claim the value with the highest posterior probability (see `attacks.decide`), or the amount; that only if
       `min_confidence` is 0, since nothing is known of the noise in it.

    For every C of fewer than k users a general tracker works up to k = n/4, a double one up to n/3; for one user each
    works as long as |T|, and |T| + 1, are between k and n − k, so nearly up to n/2, as the union does by design.

    What stops it: noise, and interfaces without OR; of a set of users that is too small nothing is hidden by the size
    of the set alone.

    Source: Denning, Denning, Schwartz, The Tracker, ACM TODS 4 (1979): general, double, union; the individual tracker
    is Schlörer's (1975). They ask for T's size until it fits; here the sizes come from what is known, and a T that
    does not fit shows in its refusals.
    """

    kind: str = param("general", "which tracker", choices=("individual", "general", "double", "union"))
    columns: tuple[str, ...] = param((), "the columns A, B and T are taken from; empty: the usual ones of the dataset")
    smallest_group: int = param(150, "fewest users with A = a", unit="users", low=2)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        return isolated(knowledge, columns_for(knowledge, self.columns), self.smallest_group)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        ways = self._ways(knowledge, victims)
        if is_amount(session.schema, secret):
            if self.min_confidence == 0:
                parts = [
                    self._recovered(session, of, ways, victims, [None]) for of in amounts.sums(session.schema, secret)
                ]
                yield from amounts.claims(session.schema, secret, victims.index, np.hstack(parts))
            return
        values = secret_values(session, secret)
        if len(values):
            conditions = [equals(secret, value) for value in values.index]
            found = self._recovered(session, users(session.schema), ways, victims, conditions)
            nothing = np.where(np.isnan(found), np.nan, 0.0)
            both = np.stack([found, nothing], axis=1).reshape(-1, len(values))
            yield from claims(both, values, victims, 1.0, self.min_confidence, rng)

    def _recovered(
        self, session: Session, aggregate: str, ways: list[Way], victims: pd.DataFrame, conditions: list[Any]
    ) -> np.ndarray:
        """q(C and D) for each victim and condition D, NaN where no tracker gives it, shape (V, D)."""
        rows = list(victims.itertuples())
        found = np.full((len(rows), len(conditions)), np.nan)
        for way in ways:
            open_, which = np.nonzero(np.isnan(found))
            wanted = [way(rows[i], conditions[j]) for i, j in zip(open_.tolist(), which.tolist(), strict=True)]
            found[open_, which] = statistics(session, aggregate, wanted)
        return found

    def _ways(self, knowledge: Knowledge, victims: pd.DataFrame) -> list[Way]:
        """The trackers to try, the one that serves for the largest k first."""
        if self.kind == "individual":
            return individual(victims)
        return found_in(knowledge.reveal(columns_for(knowledge, self.columns)), self.kind)
