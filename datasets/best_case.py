"""Users for whom the attacks' preconditions hold as well as they can: the measure of an attack, not of a database."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param

LEADS_AMOUNT = 1_000_000
LEAST = 10_000  # of the others, who have up to twice as much
GOLDEN = (5**0.5 - 1) / 2  # its multiples are spread evenly between whole numbers


@dataclass(frozen=True, kw_only=True)
class best_case(Dataset):
    """Users for whom the attacks' preconditions hold as well as they can: the measure of an attack, not of a database.

    1. Clusters of users, each with one lead. A user is described by `attributes` attributes: the cluster, and binary
       ones b1, b2, …, which are all 1 for the lead.
    2. For each binary attribute there are `others` users of the cluster who lack just that one. So the lead is alone
       with all attributes, and without any one of the binary ones shares the rest with `others` users, who all differ
       in it: each binary attribute in turn isolates the lead from a set that is large enough to be shown.
    3. The secret `positive` is true for half of the others of each such set (one more of an odd number), and for every
       second lead, so that nothing else predicts a lead's.
    4. `lead` says who is the lead: the one attribute that isolates the lead from the whole cluster. The lead's `amount`
       is 1,000,000, those of the others are spread evenly between 10,000 and 20,000.
    5. Uids are the numbers from 1 on in an order that skips about.

    The leads are the victims; the others cannot be, for of users with binary attributes not all can be alone with
    theirs and still share all but one with many. Nothing is random: the rows are the same in every trial.

    Source: made after the requirements of the differential attack of Gadotti et al. 2019 (its synthetic data are not
    published) and of Diffix-Birch, Figures 5 and 6.
    """

    attributes: int = param(5, "known attributes of a lead: the cluster and the binary ones", low=2, high=20)
    clusters: int = param(100, "clusters, each with a lead", low=1, high=100_000)
    others: int = param(40, "users who differ from the lead in one given binary attribute", unit="users", low=1)

    random = False
    licence = "MIT (generated here)"
    source = "generated, after the differential attack's requirements (Gadotti et al. 2019)"

    def load(self, rng: np.random.Generator) -> Table:
        binary = self.attributes - 1
        each = 1 + binary * self.others
        bits = np.ones((each, binary), dtype=np.int64)
        bits[1:] -= np.repeat(np.eye(binary, dtype=np.int64), self.others, axis=0)
        n = each * self.clusters
        lead = np.arange(n) % each == 0
        positive = np.tile(np.r_[False, np.tile(np.arange(self.others) % 2 == 0, binary)], self.clusters)
        positive[lead] = np.arange(self.clusters) % 2 == 0
        names = np.array([f"C{i:03d}" for i in range(1, self.clusters + 1)], dtype=object)
        frame = pd.DataFrame(
            {
                "uid": np.argsort(np.arange(n) * GOLDEN % 1.0) + 1,
                "cluster": np.repeat(names, each),
                **{f"b{i + 1}": np.tile(bits[:, i], self.clusters) for i in range(binary)},
                "lead": lead,
                "amount": np.where(lead, LEADS_AMOUNT, LEAST + np.arange(n) * GOLDEN % 1.0 * LEAST).astype(np.int64),
                "positive": positive,
            }
        )
        return Table(_schema(binary), frame.sort_values("uid", ignore_index=True))


def _schema(binary: int) -> Schema:
    bits = tuple(f"b{i + 1}" for i in range(binary))
    return Schema(
        table="best_case",
        columns=(
            Column("uid", Kind.INTEGER, "a shuffled number"),
            Column("cluster", Kind.TEXT),
            *(Column(bit, Kind.INTEGER, "0 or 1; all are 1 for the lead") for bit in bits),
            Column("lead", Kind.BOOLEAN, "true for one user a cluster"),
            Column("amount", Kind.INTEGER, "an outlier for the lead"),
            Column("positive", Kind.BOOLEAN, "the secret: true for half"),
        ),
        uid="uid",
        secrets=("positive",),
        quasi_identifiers=("cluster", *bits),
    )
