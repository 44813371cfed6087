"""Groups of one victim and accomplices: by uid, or by what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from attacks.isolation import literal, quoted
from attacks.uid_sets import among
from harness.model import Answer
from harness.plugin import Knowledge, Session


@dataclass(frozen=True)
class Group:
    """A condition that holds for the victim and these accomplices, and for nobody else."""

    where: str
    accomplices: list[object]


def listed(
    session: Session, victims: pd.DataFrame, accomplices: pd.Index, rng: np.random.Generator
) -> dict[object, list[Group]]:
    """By victim, groups of 1, 2, 4, … and all of the accomplices, taken in one random order."""
    order = rng.permutation(np.array(accomplices)).tolist()
    sizes = sorted({*(2**i for i in range(len(order).bit_length())), len(order)})
    return {uid: [Group(among(session, [uid, *order[:n]]), order[:n]) for n in sizes] for uid in victims.index}


def eligible_by_description(knowledge: Knowledge, columns: Sequence[str]) -> pd.DataFrame:
    """The users who are with accomplices alone in a set of equal values of two or more of the columns, indexed by uid,
    and in `groups` these sets, the smallest first."""
    cells = knowledge.reveal(columns)
    is_accomplice = pd.Series(cells.index.isin(knowledge.accomplices), index=cells.index)
    found: dict[object, list[Group]] = {}
    sets = [names for size in range(2, len(columns) + 1) for names in combinations(columns, size)]
    for names in sets:
        known = cells[list(names)].dropna()
        number = known.groupby(list(names)).ngroup()
        mates = is_accomplice[known.index]
        rest = (~mates).groupby(number).transform("sum")
        with_mates = mates.groupby(number).transform("any")
        members = mates.index[mates].to_series().groupby(number[mates]).agg(list)
        alone = known[(rest == 1) & with_mates & ~mates].astype(object)
        for uid, *row in alone.itertuples(name=None):
            where = " AND ".join(f"{quoted(name)} = {literal(cell)}" for name, cell in zip(names, row, strict=True))
            found.setdefault(uid, []).append(Group(where, members[number[uid]]))
    ways = [sorted(groups, key=lambda group: len(group.accomplices)) for groups in found.values()]
    column = pd.Series(ways, index=pd.Index(list(found), dtype=cells.index.dtype), dtype=object)
    return column.to_frame("groups").sort_index()


def described(victims: pd.DataFrame) -> dict[object, list[Group]]:
    return dict(zip(victims.index, victims["groups"], strict=True))


def asked_for(
    groups: dict[object, list[Group]], answers: Callable[[list[str]], list[Any]]
) -> dict[object, tuple[Group, Answer]]:
    """By victim the first group of which there is an answer, and the answer; all victims' first groups are asked for
    at once, then the second ones of those that are left. `answers` gives None for what tells nothing."""
    found: dict[object, tuple[Group, Answer]] = {}
    for turn in range(max(map(len, groups.values()), default=0)):
        left = [uid for uid, ways in groups.items() if uid not in found and turn < len(ways)]
        said = answers([groups[uid][turn].where for uid in left])
        found |= {uid: (groups[uid][turn], a) for uid, a in zip(left, said, strict=True) if a is not None}
    return {uid: found[uid] for uid in groups if uid in found}
