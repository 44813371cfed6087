"""Tables in which attacks find their victims, as CSV files for the dataset `file`, and what layers make of counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from attacks.decide import choose, posterior

Z = 3.29  # 99.9 %


def balances(folder: Path) -> str:
    """20 groups of 160 users in the red, and one in each who is not: aligned ranges end at 0 without end."""
    rng = np.random.default_rng(5)
    n = 20 * 160
    balance = -rng.integers(10, 900, n)
    balance[np.arange(20) * 160] = rng.integers(200, 900, 20)
    frame = {
        "id": np.arange(n),
        "grp": np.repeat([f"g{i:02d}" for i in range(20)], 160),
        "balance": balance,
        "secret": rng.choice(list("ABCDE"), n),
    }
    return _written(folder / "balances.csv", frame)


def splittable(folder: Path, columns: int) -> str:
    """One large group with 20 isolated users, and columns of three values to split it by: every half is shown, and no
    two halves have the same users."""
    rng = np.random.default_rng(6)
    n = 2_000
    by = rng.integers(10, size=n)
    by[:20] = 100 + np.arange(20)
    frame = {"id": np.arange(n), "grp": ["g"] * n, "by": by, "secret": rng.choice(list("ABCDEFGHIJ"), n)}
    frame |= {f"c{i:02d}": rng.choice(["x", "y", "z"], n) for i in range(columns)}
    return _written(folder / "splittable.csv", frame)


def _written(path: Path, frame: dict[str, object]) -> str:
    pd.DataFrame(frame).to_csv(path, index=False)
    return f'file:path="{path}",uid=id,secret=secret'


def simulated(
    others: float, victims: float, candidates: int, *, pairs: int = 1, spread: float = 1.0, layers: int = 0,
    n: int = 4_000,
) -> float:  # fmt: skip
    """κ of a forced choice among equally likely candidates whose differences are noise of variance `others`, those of
    the victim's with 1 more and of variance `victims`, in so many independent pairs."""
    rng = np.random.default_rng(7)
    victim = rng.integers(candidates, size=n)
    scale = np.full((n, 1, candidates), others)
    scale[np.arange(n), 0, victim] = victims
    difference = np.sqrt(scale) * rng.standard_normal((n, pairs, candidates))
    difference[np.arange(n), :, victim] += 1
    prior = np.full(candidates, 1 / candidates)
    best, _ = choose(posterior(difference, np.zeros_like(difference), prior, spread, layers), rng)
    return float(((best == victim).mean() - 1 / candidates) / (1 - 1 / candidates))


def margin(kappa: float, candidates: int, attempts: int) -> float:
    """Half the 99.9 % interval of a measured κ, and what the simulation may be off."""
    chance = 1 / candidates
    confidence = chance + (1 - chance) * kappa
    return Z * np.sqrt(confidence * (1 - confidence) / attempts) / (1 - chance) + 0.025
