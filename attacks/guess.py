"""Ask nothing, claim what is most usual: the floor against which all other attacks are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.isolation import columns_for
from harness.model import TYPICAL, Inference
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class guess(Attack):
    """Ask nothing, claim what is most usual: the floor against which all other attacks are read.

    1. Look at some columns of the victim.
    2. Claim the conditional mode: the most frequent secret among the users who share them. The attack does not see
       it; it claims `TYPICAL`, and the judge puts in the value that a published table would show.

    Under `baseline=conditional` the guess is as good as the baseline: κ is 0 but for chance. Any victims, claims or
    baselines that favour an attack would show here first.

    Source: Diffix-Birch §3 (a statistical guess).
    """

    exact_against_none = False

    columns: tuple[str, ...] = param((), "the columns looked at; empty: the dataset's first usual one")

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        return knowledge.reveal()

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        columns = self.columns or columns_for(knowledge, ())[:1]
        knowledge.reveal(columns, list(victims.index))
        for uid in victims.index:
            yield Inference(uid, TYPICAL)
