"""Made-up census blocks: a few households each, as they stand in the microdata behind block tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

RACES = ("White", "Black", "Asian", "Native", "Other")
SHARES = np.array([0.66, 0.15, 0.08, 0.02, 0.09])
MIXING = 2.0  # of the Dirichlet draw around the shares: the smaller, the more alike the people of a block
HOUSEHOLDS = np.array([0.30, 0.25, 0.12, 0.33])  # couple, couple with children, one parent, alone
COUPLE, FAMILY, PARENT, ALONE = range(4)
MARRIED = 0.75  # of the couples
SAME_RACE = 0.9  # of a member and the household's first person
OLDEST = 100


@dataclass(frozen=True, kw_only=True)
class block(Dataset):
    """Made-up census blocks: a few households each, as they stand in the microdata behind block tables.

    1. Blocks of `least` to `most` persons, evenly drawn, until there are `size` persons; the last one is cut short
       or, where fewer than `least` are left, they join the one before.
    2. The persons of a block come from households: couples, couples with one to three children, one parent with one
       or two, and persons who live alone.
    3. Ages: the first adult's is normal around 45 in a couple, 42 with children (at most 60), 52 alone; the partner's
       within some years of it; children are 18 to 38 years younger. Nobody is over 100, no adult under 18. Three
       couples in four are married.
    4. Race: each block has shares of its own, a Dirichlet draw around those of a country; a household's first adult
       is drawn from them, nine in ten of the others have the same.
    5. Uids are random, a row a person. Everything is drawn anew in every trial.

    Source: made for the attack `reconstruction`, with the columns of the blocks in Garfinkel, Abowd, Martindale 2018.
    """

    size: int = param(2_000, "number of persons", unit="rows", low=5, high=1_000_000)
    least: int = param(5, "the fewest persons of a block", unit="persons", low=1, high=1_000)
    most: int = param(50, "the most persons of a block", unit="persons", low=1, high=1_000)

    licence = "MIT (generated here)"
    source = "generated, in the shape of census block tables"

    def load(self, rng: np.random.Generator) -> Table:
        sizes = self._sizes(rng)
        home = np.repeat(np.arange(len(sizes)), sizes)
        frame = pd.DataFrame(_persons(rng, home))
        n = len(frame)
        frame.insert(0, "block", home + 1)
        frame.insert(0, "uid", rng.permutation(np.arange(10 * n, dtype=np.int64))[:n] + 100_000)
        return Table(_SCHEMA, frame.sort_values("uid", ignore_index=True))

    def _sizes(self, rng: np.random.Generator) -> np.ndarray:
        """The persons of each block, (blocks,); their sum is `size`."""
        low, high = min(self.least, self.most), max(self.least, self.most)
        drawn = rng.integers(low, high + 1, self.size // low + 1)
        ends = np.cumsum(drawn)
        full = drawn[: int((ends <= self.size).sum())]
        left = self.size - int(full.sum())
        if left >= low or not len(full):
            return np.append(full, left) if left else full
        full[-1] += left
        return full


_SCHEMA = Schema(
    table="block",
    columns=(
        Column("uid", Kind.INTEGER, "a random number"),
        Column("block", Kind.INTEGER, "the number of the block"),
        Column("age", Kind.INTEGER, "years"),
        Column("sex", Kind.TEXT, "F or M"),
        Column("race", Kind.TEXT, ", ".join(RACES)),
        Column("married", Kind.BOOLEAN),
    ),
    uid="uid",
    secrets=("race", "married", "age"),
    quasi_identifiers=("block", "sex", "age"),
)


def _persons(rng: np.random.Generator, home: np.ndarray) -> dict[str, np.ndarray]:
    """Age, sex, race and married of persons who live in these blocks, (n,) each; `home` ascends from 0."""
    n = len(home)
    kind = rng.choice(len(HOUSEHOLDS), size=n, p=HOUSEHOLDS)  # of more households than there are
    children = np.select([kind == FAMILY, kind == PARENT], [rng.integers(1, 4, n), rng.integers(1, 3, n)], 0)
    couple = kind <= FAMILY
    household = np.repeat(np.arange(n), 1 + couple + children)[:n]
    first = np.flatnonzero(np.diff(household, prepend=-1))
    place = np.arange(n) - first[household]
    partner = (place == 1) & couple[household]
    child = (place > 0) & ~partner

    adult = np.round(rng.normal(np.array([45.0, 42.0, 42.0, 52.0])[kind], np.array([18.0, 8.0, 8.0, 18.0])[kind]))
    adult = np.clip(adult, 18, np.where(children > 0, 60, OLDEST))[household]
    with_partner = np.clip(np.round(adult + rng.normal(0.0, 4.0, n)), 18, OLDEST)
    age = np.select([partner, child], [with_partner, np.maximum(adult - rng.integers(18, 39, n), 0)], adult)

    woman = rng.random(n) < 0.5
    woman = np.where(partner, ~woman[first[household]], woman)
    married = (couple & (rng.random(n) < MARRIED))[household] & ~child

    shares = rng.dirichlet(MIXING * SHARES / SHARES.max(), size=home[-1] + 1)[home]
    drawn = (rng.random(n)[:, None] > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    race = np.where(rng.random(n) < SAME_RACE, drawn[first[household]], drawn)
    return {
        "age": age.astype(np.int64),
        "sex": np.where(woman, "F", "M").astype(object),
        "race": np.array(RACES, dtype=object)[race],
        "married": married,
    }
