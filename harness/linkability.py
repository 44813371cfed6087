"""Who is in the protected table and who is not: the setting of attacks that claim linkability (Diffix-Birch §3).

A dataset's users are dealt out at random. Some make the protected table, all others stay outside; so any dataset can
be attacked, and members and non-members are of one population. The attacker's *other dataset* holds everybody outside
and some members, under record numbers dealt out anew, which tell nothing of membership, uid or order. Its *mix*, half
members and half not, is what is attempted; of all its other records the attacker knows that they are outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness import specs
from harness.errors import BenchmarkError
from harness.model import Table
from harness.plan import Benchmark

LEAST = 4  # users that can be dealt out


@dataclass(frozen=True)
class Dealt:
    """The protected table, the other dataset, and which records of its mix are members. `other` has one row a record,
    the record's number in the place of the uid; records that are not in the mix are outside."""

    protected: Table
    other: Table
    members: dict[object, bool]

    def draw(self, eligible: object) -> pd.DataFrame:
        """The rows of the mix's records among the eligible, in the order of their numbers."""
        if not isinstance(eligible, pd.DataFrame) or not eligible.index.is_unique:
            raise BenchmarkError("An attack's `eligible` returns a DataFrame with one row a record, indexed by record.")
        if (self.other.people.index.get_indexer(eligible.index) < 0).any():
            raise BenchmarkError("An attack's `eligible` returned records that are not in the other dataset.")
        return eligible[eligible.index.isin(list(self.members))].sort_index()

    def attempted(self, victims: tuple[object, ...]) -> dict[object, bool]:
        """Of these records, which are members: the mix whose share of members is the baseline."""
        return {record: self.members[record] for record in victims}


def reason_against(benchmark: Benchmark, table: Table) -> str | None:
    """Why such an attack cannot be run on that table, or None."""
    users, pool = len(table.people), _pool(benchmark.attack, table)
    if benchmark.accomplices:
        return "an accomplice tells a secret, and linkability is about none; leave out --accomplices"
    if users < LEAST:
        return f"of {users} users none can be left outside; linkability needs at least {LEAST}"
    if not 1 <= pool <= users - 2:
        return f"a pool of {pool:,} leaves fewer than 2 of the {users:,} users outside"
    return None


def deal(attack: str, table: Table, victims: int, rng: np.random.Generator) -> Dealt:
    """Deal out the table's users for a mix of at most so many records, of an odd number one more from outside. `attack`
    is a canonical spec, whose parameter `pool`, where it has one, says how many users are protected; else half are. At
    least half of those outside are no part of the mix."""
    schema, people = table.schema, table.people
    order = rng.permutation(len(people))
    inside, outside = np.split(order, [_pool(attack, table)])
    half = min(victims // 2, len(inside), len(outside) // 2)
    strangers = min(half + victims % 2, len(outside) // 2)
    records = np.concatenate([inside[:half], outside])
    numbers = rng.permutation(len(records)) + 1
    other = people.iloc[records].assign(**{schema.uid: numbers}).reset_index(drop=True)
    members = {record: at < half for at, record in enumerate(numbers[: half + strangers].tolist())}
    return Dealt(_only(table, people.index[inside]), Table(schema, other), members)


def _pool(attack: str, table: Table) -> int:
    wanted = dict(specs.parse_one(attack, "attack").params).get("pool")
    return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) else len(table.people) // 2


def _only(table: Table, users: pd.Index) -> Table:
    """The rows of these users, in all tables that have users, in the order in which they were."""

    def rows(one: Table) -> pd.DataFrame:
        if not one.schema.uid:
            return one.frame
        return one.frame[one.frame[one.schema.uid].isin(users)].reset_index(drop=True)

    others = tuple(replace(other, frame=rows(other)) for other in table.others)
    return replace(table, frame=rows(table), others=others)
