"""People of one population and how often each has the rarer allele of many places in the genome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

LOW, HIGH = 0.05, 0.5  # of the rarer allele; what is rarer than 5 % is usually left out of such studies


@dataclass(frozen=True, kw_only=True)
class genotypes(Dataset):
    """People of one population and how often each has the rarer allele of many places in the genome.

    1. Each of `snps` places has a frequency U(0.05, 0.5) of its rarer allele.
    2. Each person has two alleles there, drawn independently: s0001, s0002, … count the rarer ones, 0, 1 or 2. Places
       are independent of one another (in linkage equilibrium), as the theory of membership tests assumes of the places
       that are left after pruning.
    3. The secret `trait` is true for half, and nothing tells it.
    4. Everything is drawn anew in every trial.

    Source: the setting of Homer et al. 2008 and Sankararaman et al. 2009. The frequencies of real populations are not
    uniform, and neighbouring places are correlated; neither is so here.
    """

    persons: int = param(2_000, "number of people", unit="rows", low=4, high=10_000_000)
    snps: int = param(1_000, "places in the genome (single-nucleotide polymorphisms)", low=2, high=10_000)

    licence = "MIT (generated here)"
    source = "generated, after the setting of Homer et al. 2008"

    def load(self, rng: np.random.Generator) -> Table:
        frequency = rng.uniform(LOW, HIGH, self.snps)
        alleles = rng.binomial(2, frequency, (self.persons, self.snps)).astype(np.int8)
        schema = _schema(self.snps)
        frame = pd.DataFrame(alleles, columns=schema.names[1:-1])
        ends = {"uid": np.arange(1, self.persons + 1), "trait": rng.random(self.persons) < 0.5}
        return Table(schema, frame.assign(**ends)[list(schema.names)])


def _schema(snps: int) -> Schema:
    places = tuple(f"s{i:04d}" for i in range(1, snps + 1))
    return Schema(
        table="genotypes",
        columns=(
            Column("uid", Kind.INTEGER, "from 1 on; it tells nothing"),
            *(Column(place, Kind.INTEGER, "how many of the two alleles are the rarer one") for place in places),
            Column("trait", Kind.BOOLEAN, "the secret: true for half"),
        ),
        uid="uid",
        secrets=("trait",),
        quasi_identifiers=places[:2],
    )
