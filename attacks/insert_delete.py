"""The same statistic before and after an update: what it changes by is the victim's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks import amounts
from attacks.deletions import Deletions
from attacks.histograms import claims_of, counts_of, shares_of, whole_histogram
from attacks.isolation import is_amount, quoted
from harness.model import Inference, Refused
from harness.plugin import Attack, Knowledge, Session, param

LAYERS = 2  # samples of the victim's bucket that its users seed: one before, one after


@dataclass(frozen=True, kw_only=True)
class insert_delete(Attack):
    """The same statistic before and after an update: what it changes by is the victim's.

    1. Ask for the histogram of the secret of all users; of an amount for the sum, unless sums are refused.
    2. Have the owner of the data delete the victim, ask again, and subtract.
    3. Where nobody is deleted alone, have the victim deleted together with an accomplice, and take off what is the
       accomplice's.
    4. Where there is no accomplice, have three pairs away in turn: the victim v and a user u, u and a third one w, v
       and w. Then v = (vu + vw − uw)/2. Who comes back in the process is inserted again; where that is refused it is
       not tried any more.
    5. Claim the value with the highest posterior probability: the victim's bucket has 1 less, and noise of its own,
       as much as two layers (see `attacks.decide`). Of an amount, claim the difference, for each row of the victim (see
       `attacks.amounts`), and only if `min_confidence` is 0: nothing is known of the noise in it.

    Accomplices, and u and w, are users who agree with the victim in the usual columns that are no amounts: an update
    that is judged partition by partition may want that. Up to `partners` are tried. How many
    rows an accomplice has is not known, so where users have several, 3 serves for histograms only.

    Noise that hangs on the query alone is the same before and after, and that which hangs on the users of a bucket
    changes in the victim's only: either way the bucket that changed is his. It takes fresh noise, or no updates.

    Source: Nielson's dissertation, partitioning (McLeish 1989): single deletions give the value as the difference of
    two sums. That re-insertion undoes the rule of pairs, as in 4, is not in it; it gives another reason to forbid it.
    """

    updates = True
    by_uid = True

    columns: tuple[str, ...] = param((), "where partners agree with the victim; empty: usual ones that are no amounts")
    partners: int = param(3, "partners tried where nobody is deleted alone", low=0, high=1_000)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        secret = knowledge.secret
        sums = amounts.sums(session.schema, secret)
        total = f"SELECT {', '.join(sums)} FROM {quoted(session.schema.table)}"
        if is_amount(session.schema, secret) and not isinstance(session.query(total), Refused):
            if self.min_confidence == 0:
                before, after = self._changes(
                    session, knowledge, victims, lambda: amounts.numbers_of([session.query(total)], len(sums))[0], None
                )
                yield from amounts.claims(session.schema, secret, victims.index, before - after)
            return
        histogram = whole_histogram(session, secret)
        values = shares_of(session.query(histogram))
        if values.empty:
            return
        before, after = self._changes(
            session, knowledge, victims, lambda: counts_of([session.query(histogram)], values.index)[0], values.index
        )
        yield from claims_of(before, after, values, victims, 1.0, self.min_confidence, rng, LAYERS)

    def _changes(
        self,
        session: Session,
        knowledge: Knowledge,
        victims: pd.DataFrame,
        ask: Callable[[], np.ndarray],
        values: pd.Index | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the statistic is with and without each victim, (V, B) both, NaN where nobody could be deleted."""
        deletions = Deletions(session, knowledge, victims, ask, values, self.columns, self.partners)
        pairs = [deletions.of(uid) for uid in victims.index]
        before, after = np.stack([np.stack(pair) for pair in pairs], axis=1)
        return before, after
