"""Learns from which questions are not answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.decide import choose
from attacks.isolation import is_amount
from attacks.refusals import NEAR, by_overlap, by_size, least_shown, overlap_allowed
from attacks.uid_sets import Pool
from harness.model import Inference, Schema
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class refusal_inference(Attack):
    """Learns from which questions are not answered.

    1. Find the control's numbers by what it refuses. Ask for sets of 1, 2, 3, … users, each of other users: from which
       size k on are they answered? Ask for sets that have 1, 2, 3, … users in common with one that was answered: from
       which on are they refused? The number before is r.
    2. Where nothing is refused for what it has in common (query-set-size control): take the victim and random others,
       k users in all, and ask for those of them who do not have this value of the secret. Refused means that one of
       them has it. Repeat with other others, value by value, up to `sets` times.
    3. Where it is (overlap control): have a set of the victim and r others answered. Then ask for these r others, and
       new ones, *or the victim if the secret is this value*: refused means that it is.
    4. Claim the most probable value. Prior: its share. Likelihood in 2: a question that leaves out the victim is
       answered as often as sets of k − 1 users are, others as their shares of the value say, both rates measured
       beforehand on random sets, so that k is the size where they differ most; in 3 a refusal astray has probability
       10⁻⁹.

    No number is looked at, whatever it shows; k and r are found where they are at most `largest`. Against `none` k is
    1, and "refused" is a count of 0.

    What it knows: uids, which are free. What stops it: refusing by the text of the question alone, or at random. A
    threshold drawn for each set of users, as in Diffix, makes it take more sets.

    Source: Sicherman, de Jonge, van de Riet 1983 (a refusal can tell what an answer would), by Nielson's dissertation,
    data logging; the controls are its query-set-size control and data logging (Chin 1978).
    """

    by_uid = True
    effort = ("sets", (1, 4, 16, 64))

    sets: int = param(20, "the most sets for each victim", low=1, high=10_000)
    largest: int = param(15, "the largest k and r that are looked for", unit="users", low=1, high=1_000)
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def skip(self, schema: Schema, secret: str) -> str | None:
        if is_amount(schema, secret):
            return f"refusal-inference needs a secret of few values; {secret} is {schema.column(secret).kind}"
        return None

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        uids, secret = victims.index.tolist(), knowledge.secret
        others = knowledge.reveal().index.difference(victims.index).tolist()
        pool = Pool(others, rng)
        if (k := least_shown(session, pool, self.largest)) is None:
            return
        if (r := overlap_allowed(session, pool, k, self.largest)) is None:
            left = pool.left if len(pool.left) >= k + NEAR else others
            values, probability = by_size(session, secret, uids, left, k, self.sets, rng)
        else:
            values, probability = by_overlap(session, secret, uids, pool, k, r)
        if not len(values):
            return
        asked = ~np.isnan(probability).any(axis=1)
        best, confidence = choose(np.nan_to_num(probability), rng)
        for uid, value, sure, is_asked in zip(uids, values[best], confidence, asked, strict=True):
            if is_asked and sure >= self.min_confidence:
                yield Inference(uid, value, float(sure))
