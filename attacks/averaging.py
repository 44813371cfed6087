"""Ask the same again and again, average the noise away, then intersect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.intersection import intersection
from harness.plugin import Session, param

FIRST_LOOK = 4
BATCH = 20_000  # questions sent at once


@dataclass(frozen=True, kw_only=True)
class averaging(intersection):
    """Ask the same again and again, average the noise away, then intersect.

    1. Ask every query of the intersection attack four times.
    2. From the scatter of the answers estimate the noise, and repeat each query until the mean of its answers has
       the wanted standard error, or `repeats` are reached. Answers that never change are not asked again.
    3. Go on as the intersection attack does, with means for answers.

    Source: Diffix-Birch §2 (averaging attack).
    """

    effort = ("repeats", (4, 16, 64, 256, 1_024))

    repeats: int = param(2_000, "most repetitions of one query", low=FIRST_LOOK, high=1_000_000)
    error: float = param(0.15, "standard error of a mean that is good enough", unit="of the answer's unit", low=1e-6)

    def counts(self, session: Session, sqls: list[str], values: pd.Index) -> np.ndarray:
        def ask(batch: list[str]) -> np.ndarray:
            return super(averaging, self).counts(session, batch, values)

        return self._means(ask, sqls)

    def sums(self, session: Session, sqls: list[str]) -> np.ndarray:
        def ask(batch: list[str]) -> np.ndarray:
            return super(averaging, self).sums(session, batch)

        return self._means(ask, sqls)

    def _means(self, ask: Callable[[list[str]], np.ndarray], sqls: list[str]) -> np.ndarray:
        """The mean answer to each query, cell by cell, over the repetitions that show the cell."""
        looks = np.stack([ask(sqls) for _ in range(FIRST_LOOK)])
        shown = (~np.isnan(looks)).sum(axis=0)
        total = np.nansum(looks, axis=0)
        more = self._further(looks, shown)
        order = np.repeat(np.arange(len(sqls)), more)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            answers = ask([sqls[row] for row in rows])
            np.add.at(shown, rows, ~np.isnan(answers))
            np.add.at(total, rows, np.nan_to_num(answers))
        return np.where(shown > 0, total / np.maximum(shown, 1), np.nan)

    def _further(self, looks: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """How many more times to ask each query, by the noisiest of its cells. Four looks are a poor guide to one
        cell's noise, so none is taken to have less than the average."""
        mean = np.nansum(looks, axis=0) / np.maximum(shown, 1)
        variance = np.nansum((looks - mean) ** 2, axis=0) / np.maximum(shown - 1, 1)
        if np.allclose(looks, looks[:1], rtol=0, atol=0, equal_nan=True):
            return np.zeros(len(mean), dtype=np.int64)
        needed = np.ceil(np.maximum(variance.max(axis=1), variance.mean()) / self.error**2)
        return (needed.clip(0, self.repeats) - FIRST_LOOK).clip(0).astype(np.int64)
