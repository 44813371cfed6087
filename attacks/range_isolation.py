"""Ranges that hold the same users but for one: around an outlier, or with edges that creep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.aligned import Range, aligned, creeping
from attacks.histograms import claims_of, counts_of, histogram_query, secret_values
from attacks.isolation import columns_for, literal, quoted
from harness.model import Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

LAYERS = 4  # dynamic ones of the group and the secret's value, with and without the victim
ENDS = ((0, 1), (-1, -2))  # of a group's sorted values: the outlier, his neighbour


@dataclass(frozen=True, kw_only=True)
class range_isolation(Attack):
    """Ranges that hold the same users but for one: around an outlier, or with edges that creep.

    1. From outside knowledge find victims by a column A and a column of numbers R. `kind=isolate`: the user with the
       largest, or smallest, R among those with A = a, if a bound of an aligned range (1, 2 or 5 times a power of ten
       wide, from a multiple of half its width on) lies between him and the others. `kind=creep`: any user who is alone
       with his value of R among those with A = a.
    2. List ranges of R that hold the group without the victim, and ranges that hold it with him, up to `ranges` of
       either. `isolate`: aligned ones, from narrow to wide. Where the bound is 0 there is no end of them on either
       side, else the ones without the victim are few. `creep`: from the victim's value down to an edge that creeps away
       in the empty space below the group's smallest value (or up, where that side has more users).
    3. Ask for the histogram of the secret in each, and average the two sides. The samples of the ranges average out as
       the ranges change; those of the group and the secret's value cancel but in the victim's bucket.
    4. Claim the value with the highest posterior probability (`attacks.decide`).

    Aligning the ranges stops the creeping: all edges become one. Dropping the few users who lie apart stops the rest.

    Source: Diffix-Birch §6.7; the thread on shrink-and-drop, first example.
    """

    effort = ("ranges", (1, 4, 16, 64))
    home = "census"

    kind: str = param("isolate", "which ranges", choices=("isolate", "creep"))
    columns: tuple[str, ...] = param((), "the columns A is taken from; empty: the usual ones of the dataset")
    by: tuple[str, ...] = param((), "the columns R; empty: all columns of numbers that are known")
    ranges: int = param(10, "ranges asked with, and without, each victim", unit="queries", low=1, high=10_000)
    smallest_group: int = param(150, "fewest users with A = a", unit="users", low=2)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if schema.column(secret).kind is Kind.REAL:
            return f"the range-isolation attack needs a secret of few values; {secret} is real"
        hidden = schema.masked(secret)
        numbers = [c.name for c in schema.columns if c.kind.is_number and c.name not in (schema.uid, *hidden)]
        if wrong := [name for name in self.by if name not in numbers]:
            return f"{', '.join(wrong)} is no column of numbers that the analyst can know"
        return None if numbers else "the range-isolation attack needs a column of numbers that is known"

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        """The victims, with the columns `group`, `group_value`, `by`, `absent` and `present`: lists of ranges."""
        numbers = self.by or tuple(c for c in knowledge.columns if knowledge.schema.column(c).kind.is_number)
        groups = columns_for(knowledge, self.columns)
        cells = knowledge.reveal(tuple(dict.fromkeys((*groups, *numbers))))
        found = [
            (uid, a, value, r, absent, present)
            for a in groups
            for value, rows in cells.groupby(a, dropna=True)
            if len(rows) >= self.smallest_group
            for r in numbers
            if r != a
            for uid, absent, present in self._ways(rows[r].dropna().sort_values(kind="stable"))
        ]
        frame = pd.DataFrame(found, columns=["uid", "group", "group_value", "by", "absent", "present"], dtype=object)
        most = frame["absent"].map(len) + frame["present"].map(len)
        frame = frame.iloc[np.argsort(-most.to_numpy(dtype=float), kind="stable")].drop_duplicates("uid")
        return frame.set_index(frame.pop("uid").astype(cells.index.dtype)).sort_index()

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        if values.empty:
            return
        sqls: list[str] = []
        place: list[tuple[int, int]] = []  # victim, side
        for v, row in enumerate(victims.itertuples(index=False)):
            group, by = f"{quoted(row.group)} = {literal(row.group_value)}", quoted(row.by)
            for side, ranges in enumerate((row.present, row.absent)):
                for low, high in ranges:
                    where = f"{group} AND {by} >= {literal(low)} AND {by} < {literal(high)}"
                    sqls.append(histogram_query(session, knowledge.secret, where))
                    place.append((v, side))
        counts = counts_of(session.query_many(sqls), values.index)
        total, shown = np.zeros((2, len(victims), 2, len(values)))
        np.add.at(total, tuple(np.array(place).T), np.nan_to_num(counts))
        np.add.at(shown, tuple(np.array(place).T), ~np.isnan(counts))
        mean = np.where(shown > 0, total / np.maximum(shown, 1), np.nan)
        yield from claims_of(mean[:, 0], mean[:, 1], values, victims, 1.0, self.min_confidence, rng, LAYERS)

    def _ways(self, column: pd.Series) -> Iterator[tuple[object, tuple[Range, ...], tuple[Range, ...]]]:
        """Victim, ranges without and ranges with him, for each user of a group whom ranges can isolate. `column`: the
        group's values in ascending order."""
        uids, cells = column.index.to_numpy(), column.to_numpy(dtype=float)
        if self.kind == "creep":
            gap = np.diff(cells) > 0
            for i in np.flatnonzero(np.r_[True, gap] & np.r_[gap, True]):
                upward = bool(i < len(cells) / 2)
                after = cells[i + 1] if i + 1 < len(cells) else cells[i] + 1
                last, first = cells[-1] + 1, cells[0]
                bounds = ((after, last), (cells[i], last)) if upward else ((first, cells[i]), (first, after))
                absent, present = (creeping(*_whole(pair), self.ranges, upward) for pair in bounds)
                yield uids[i], absent, present
            return
        for end, beside in ENDS:
            if len(cells) < 3 or cells[end] == cells[beside]:
                continue
            others = np.sort(cells[[beside, 0 if end else -1]])
            absent = aligned(*others, self.ranges, without=cells[end])
            present = aligned(cells[0], cells[-1], self.ranges)
            if absent and present:
                yield uids[end], absent, present


def _whole(pair: tuple[float, float]) -> tuple[float, float]:
    """Whole numbers as such: 3.0 and 3 are the same bound, and the shorter is the usual one."""
    low, high = (int(x) if float(x).is_integer() else float(x) for x in pair)
    return low, high
