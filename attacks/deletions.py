"""Having users deleted, alone or with somebody, and what a statistic is with and without one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from harness.plugin import Knowledge, Session

Pair = tuple[np.ndarray, np.ndarray]


class Deletions:
    """The steps of `attacks.insert_delete`, victim after victim.

    `ask` gives the statistic of the rows that are there, (B,): counts of the `values` of the secret, or its sum where
    these are None. Who is refused alone is tried in the ways that are left.
    """

    def __init__(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, ask: Callable[[], np.ndarray],
        values: pd.Index | None, columns: Sequence[str], partners: int,
    ) -> None:  # fmt: skip
        self.session = session
        self.knowledge = knowledge
        self.victims = victims.index
        self.ask = ask
        self.values = values
        self.columns = columns or _usual(knowledge)
        self.partners = partners
        self.now = ask()
        self.accomplices = pd.Index(knowledge.accomplices)
        self.put_back = True  # whether the defense lets it happen
        self.groups: pd.Series | None = None  # by number, users who agree; looked up when it is first needed

    def of(self, victim: object) -> Pair:
        """The statistic with and without the victim; NaN where no way is left."""
        if self._update(delete=[victim]):
            return self._then_and_now()
        nothing = np.full_like(self.now, np.nan)
        return self._with_an_accomplice(victim) or self._in_three_pairs(victim) or (nothing, nothing)

    def _with_an_accomplice(self, victim: object) -> Pair | None:
        if self.values is None and self.session.schema.many_rows:
            return None  # how often the accomplice's amount is in the sum is not known
        for other in self._like(victim, self.accomplices)[: self.partners]:
            if self._update(delete=[victim, other]):
                self.accomplices = self.accomplices.drop(other)
                then, now = self._then_and_now()
                return then, now + self._known(other)
        return None

    def _in_three_pairs(self, victim: object) -> Pair | None:
        """Away are the victim and u, then u and w, then the victim and w, then nobody."""
        if not self.put_back:
            return None
        mates = self._like(victim, self.knowledge.reveal().index.difference(self.victims))[: 2 * self.partners]
        for u, w in zip(mates[0::2], mates[1::2], strict=False):  # noqa: B007  (w is used once the first pair is away)
            if self._update(delete=[victim, u]):
                break
        else:
            return None
        missing = [self.now - self.ask()]
        for gone, back in (([w], [victim]), ([victim], [u]), ([], [victim, w])):
            if not self._update(delete=gone, reinsert=back):
                self.put_back = False
                self.now = self.ask()
                return None
            missing.append(self.now - self.ask())
        own = (missing[0] + missing[2] - missing[1]) / 2
        return own, own * 0

    def _update(self, delete: Sequence[object], reinsert: Sequence[object] = ()) -> bool:
        return self.session.update(delete, reinsert) is None

    def _then_and_now(self) -> Pair:
        then, self.now = self.now, self.ask()
        return then, self.now

    def _like(self, victim: object, others: pd.Index) -> list[object]:
        """Those of the others who agree with the victim."""
        if self.groups is None:
            cells = self.knowledge.reveal(self.columns)
            alike = cells.groupby(list(self.columns), dropna=False).ngroup() if self.columns else cells.assign(g=0)["g"]
            self.groups = alike
        among = self.groups.reindex(others)
        return others[(among == self.groups[victim]).to_numpy()].tolist()

    def _known(self, accomplice: object) -> np.ndarray:
        """What is the accomplice's in the statistic."""
        value = self.knowledge.reveal([self.knowledge.secret], [accomplice]).iloc[0, 0]
        if self.values is None:
            return np.array([0.0 if pd.isna(value) else float(value)])
        return np.array(self.values.isna() if pd.isna(value) else self.values == value, dtype=float)


def _usual(knowledge: Knowledge) -> list[str]:
    """The usual columns that are no amounts; where all are, all."""
    usual = [name for name in knowledge.schema.quasi_identifiers if name in knowledge.columns]
    kinds = {name: knowledge.schema.column(name).kind for name in usual}
    return [name for name in usual if not (kinds[name].is_number or kinds[name].is_time)] or usual
