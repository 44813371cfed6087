"""What a sample of databases says of one person: the probability of each value of a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, identity, vstack

from attacks.fitting.budget import Budget
from attacks.fitting.counting import Counting, most
from attacks.fitting.statistics import Array, Bools, Database, Domain, Statistic

Shares = dict[object, float]
MANY = 10**6  # persons: no bound
PLAIN = 0.1  # of the budget for the first order of search
FIRST = 0.7  # of what is left for a first database where that finds few
OTHERS = 0.25  # of what is left for each other order; the rest is for questions about persons
HARD = 9  # orders of search, one database each, where they are hard to find


@dataclass
class Sample:
    """Databases that fit a system; `complete`: all of them. `rivals` fit it too: found as answers to questions about
    persons, they say what is possible and are no part of the sample."""

    domain: Domain
    system: Sequence[Statistic]
    databases: list[Database]
    complete: bool
    rivals: list[Database] = field(default_factory=list)

    @classmethod
    def of(cls, domain: Domain, system: Sequence[Statistic], each: int, restarts: int, budget: Budget) -> Sample:
        """All databases if there are fewer than `each`, else so many from each of `restarts` random orders of search;
        where they are hard to find, one from each of several orders. The databases that a solver finds one after the
        other are alike; those of another order are not."""
        if (most(domain, system) < 0).any():
            return cls(domain, system, [], False)
        model = Counting(domain, system)
        first, complete = model.databases(budget.part(PLAIN), each)
        if complete:
            return cls(domain, system, sorted(first), True)
        found, hard = set(first), len(first) < each
        for seed in range(HARD) if hard else range(1, restarts):
            wanted, share = (1, OTHERS if found else FIRST) if hard else (each, OTHERS)
            more, complete = model.databases(budget.part(share), wanted, seed, relaxed=hard)
            found.update(more)
            if not more:
                break
        return cls(domain, system, sorted(found), complete and not found)

    def shares(self, like: Bools, column: Array, budget: Budget) -> tuple[Shares, bool]:
        """The share of each value of the column among the persons of these kinds, averaged over the databases of the
        sample, and whether no other value is possible."""
        found = _averaged(self.databases, like, column)
        rival = like & ~pd.Series(column).isin(list(found)).to_numpy()
        if self.complete or not rival.any():
            return found, True
        if any(rival[list(database)].any() for database in self.rivals):
            return found, False
        possible = Statistic("another value", rival, 1, MANY)
        more, complete = Counting(self.domain, [*self.system, possible]).search(budget, 1)
        self.rivals += more
        return found, complete and not more


def _averaged(databases: Sequence[Database], like: Bools, column: Array) -> Shares:
    """The mean over the databases of each value's share among the persons of these kinds, of whom each has one."""
    of = np.repeat(np.arange(len(databases)), [len(database) for database in databases])
    persons = np.concatenate([np.array(database, dtype=np.int64) for database in databases])
    of, persons = of[like[persons]], persons[like[persons]]
    return _totals(column[persons], 1.0 / np.bincount(of)[of] / len(databases))


def _totals(values: Array, weights: Array) -> Shares:
    """The sum of the weights of each value, None being one."""
    codes, known = pd.factorize(values, use_na_sentinel=False)
    names = [None if pd.isna(value) else value for value in known.tolist()]
    return dict(zip(names, np.bincount(codes, weights, len(names)).tolist(), strict=True))


def deviating_least(domain: Domain, system: Sequence[Statistic], at_home: Sequence[Statistic]) -> Array:
    """How many persons of each kind there are, (R,) floats, so that the counts of the system deviate least in sum, with
    at least the persons of `at_home`; all NaN where there is no such answer. A linear program (HiGHS)."""
    kinds, rows = len(domain), len(system)
    groups = csr_array(np.stack([s.group for s in system]).astype(float))
    beyond = csr_array(identity(rows))
    above = hstack([groups, -beyond])
    below = hstack([-groups, -beyond])
    present = csr_array(np.stack([s.group for s in at_home]).astype(float))
    present = hstack([-present, csr_array((len(at_home), rows))])
    limits = np.r_[[s.high for s in system], [-s.low for s in system], [-s.low for s in at_home]]
    cost = np.r_[np.zeros(kinds), np.ones(rows)]
    solved = linprog(cost, A_ub=vstack([above, below, present]), b_ub=limits, method="highs")
    return solved.x[:kinds] if solved.status == 0 else np.full(kinds, np.nan)


def alike(domain: Domain, known: dict[str, object]) -> Bools:
    """The kinds of persons that have what is known of a person, (R,)."""
    found = np.ones(len(domain), dtype=bool)
    for name, value in known.items():
        found &= domain.columns[name] == value
    return found


def weights(values: np.ndarray, persons: np.ndarray) -> Shares:
    """The share of each value among so many persons; all values alike where the numbers are not known."""
    persons = np.ones(len(persons)) if np.isnan(persons).any() or not persons.sum() else persons
    return _totals(values, persons / persons.sum())
