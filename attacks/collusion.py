"""Several analysts put their answers together, average the noise away, then intersect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.intersection import intersection
from harness.plugin import Session, param

FIRST = 4  # names that are asked for in any case


@dataclass(frozen=True, kw_only=True)
class collusion(intersection):
    """Several analysts put their answers together, average the noise away, then intersect.

    1. Under each of n names ask every query of the intersection attack once. The i-th name begins with the i-th n-th of
       them and goes round, so that what a budget closes to one name others have asked first. Where the first four are
       all answered, and the same, no more are needed.
    2. Take the mean of the answers to each query, cell by cell, over the names that were shown it.
    3. Go on as the intersection attack does, with means for answers.

    Noise that hangs on the name is independent between names: of SD σ in one answer, σ/√n in the mean. U(−s, s) times
    the answer x has σ = s·x/√3, so n = 2·(s·x/(e·√3))² names bring the difference of two answers down to an SD of e.
    Noise that does not hang on the name is the same in all, and the attack is intersection. A name costs nothing here;
    whoever gives out accounts decides what it costs.

    Source: Nielson's dissertation, further studies, which proposes noise by the user's name against averaging by one
    user. That several users can average is not said there.
    """

    effort = ("analysts", (1, 8, 32, 128, 512))

    analysts: int = param(200, "names that ask", low=1, high=100_000)

    def counts(self, session: Session, sqls: list[str], values: pd.Index) -> np.ndarray:
        def ask(one: Session, batch: list[str]) -> np.ndarray:
            return super(collusion, self).counts(one, batch, values)

        return self._means(session, ask, sqls)

    def sums(self, session: Session, sqls: list[str]) -> np.ndarray:
        def ask(one: Session, batch: list[str]) -> np.ndarray:
            return super(collusion, self).sums(one, batch)

        return self._means(session, ask, sqls)

    def _means(self, session: Session, ask: Callable[[Session, list[str]], np.ndarray], sqls: list[str]) -> np.ndarray:
        """The mean answer to each query, cell by cell, over the names that were shown the cell."""
        looks: list[np.ndarray] = []  # of the first names
        shown, total = np.zeros((), dtype=np.int64), np.zeros(())
        for number in range(self.analysts):
            order = np.roll(np.arange(len(sqls)), -(number * len(sqls) // self.analysts))
            answers = ask(session.named(f"analyst {number}"), [sqls[i] for i in order])[np.argsort(order)]
            shown, total = shown + ~np.isnan(answers), total + np.nan_to_num(answers)
            if number < FIRST:
                looks.append(answers)
            if number + 1 == FIRST and _same(looks):
                break
        return np.where(shown > 0, total / np.maximum(shown, 1), np.nan)


def _same(looks: list[np.ndarray]) -> bool:
    """Whether all names were told the same, something to each query."""
    answered = not np.isnan(looks[0]).all(axis=1).any()
    return answered and all(np.array_equal(looks[0], look, equal_nan=True) for look in looks)
