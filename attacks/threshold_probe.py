"""Learns from whether a bucket is shown: one user more brings it over the threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.decide import choose
from attacks.histograms import counts_of, secret_values
from attacks.isolation import is_amount
from attacks.uid_sets import appearance, histogram
from harness.model import Inference, Schema
from harness.plugin import Attack, Knowledge, Session, param

PIECE = 50  # steps of the chain asked for at once


@dataclass(frozen=True, kw_only=True)
class threshold_probe(Attack):
    """Learns from whether a bucket is shown: one user more brings it over the threshold.

    1. Draw others at random in a chain u₁, u₂, …, and ask for the histogram of the secret among the first j of them,
       for each j. The step at which a value's bucket is first shown leaves a set of others that holds just too few
       users with that value: K − 1 of them under a threshold of K, whatever K is.
    2. Per victim and value: ask for that set with the victim, and look whether the value's bucket is shown now. It has
       changed only if the victim has the value, since then alone it has other users than before.
    3. Claim the most probable value. Prior: its share of all users. Likelihood: a victim with the value makes its
       bucket appear with probability p, estimated as (d + 1)/(V + 2) from the d of V victims for whom any appeared;
       values without a set say nothing.

    `chains` repeats it with other sets. Nothing but presence is used: what the buckets hold, noise and all, does not
    matter. A hard threshold has p = 1. The noisy one draws a threshold for each set of users, so that the appearance is
    a matter of chance: on Birch it tells 4 users from 3 with accuracy ½(Φ(0) + Φ(2)) = 0.74. It slows the attack down:
    the sets of the chain are such as have just missed their thresholds, 4 users as often as 3, and p is 0.72.

    What it knows: uids, which are free. What stops it: not answering about lists of uids, or about changing sets.

    Source: Diffix-Birch §5.3 (why the low-count threshold is noisy). There the analyst knows that there are K − 1 or K
    users; here the attack finds such sets by asking.
    """

    by_uid = True
    effort = ("chains", (1, 4, 16))

    length: int = param(200, "others in a chain", unit="users", low=1, high=1_000)
    chains: int = param(1, "chains, one after the other", low=1, high=100)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if is_amount(schema, secret):
            return f"the threshold-probe needs a secret of few values; {secret} is {schema.column(secret).kind}"
        return None

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret)
        others = np.array(knowledge.reveal().index.difference(victims.index))
        if values.empty:
            return
        asked = (session, knowledge.secret, values.index, victims, others, rng)
        probes = [self._probe(*asked) for _ in range(self.chains)]
        probed, appeared = (np.stack(part) for part in zip(*probes, strict=True))
        if not probed.any():
            return
        best, confidence = choose(appearance(probed, appeared, values.to_numpy()), rng)
        for uid, value, sure in zip(victims.index, values.index[best], confidence, strict=True):
            if sure >= self.min_confidence:
                yield Inference(uid, value, float(sure))

    def _probe(
        self,
        session: Session,
        secret: str,
        values: pd.Index,
        victims: pd.DataFrame,
        others: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One chain: which values have a set, bool (B,), and with which victims their buckets appear, bool (V, B)."""
        chain = rng.permutation(others)[: self.length].tolist()
        just_short = self._steps(session, secret, values, chain)
        steps = sorted(set(just_short[just_short >= 0].tolist()))
        sqls = [histogram(session, secret, [*chain[:step], uid]) for uid in victims.index for step in steps]
        counts = counts_of(session.query_many(sqls), values).reshape(len(victims), len(steps), len(values))
        probed = just_short >= 0
        at = np.searchsorted(steps, just_short[probed])
        appeared = np.zeros((len(victims), len(values)), dtype=bool)
        appeared[:, probed] = ~np.isnan(counts[:, at, np.flatnonzero(probed)])
        return probed, appeared

    def _steps(self, session: Session, secret: str, values: pd.Index, chain: list[object]) -> np.ndarray:
        """The length of the longest start of the chain up to which no set has shown each value, int (B,); -1 where none
        shows it. Asked for in pieces, until all are found."""
        found = np.full(len(values), -1)
        for start in range(0, len(chain), PIECE):
            lengths = range(start + 1, min(start + PIECE, len(chain)) + 1)
            answers = session.query_many([histogram(session, secret, chain[:length]) for length in lengths])
            shown = ~np.isnan(counts_of(answers, values))
            found = np.where((found < 0) & shown.any(axis=0), start + shown.argmax(axis=0), found)
            if (found >= 0).all():
                break
        return found
