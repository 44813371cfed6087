"""Strong noise for few records, exact answers for many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from defenses.perturbation import outward, perturbed, reason_to_skip, signed
from harness.errors import ParameterError
from harness.model import Refused, Schema, Table
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query
from harness.sql.query import Aggregate


@dataclass(frozen=True, kw_only=True)
class nielson(Defense):
    """Strong noise for few records, exact answers for many.

    query-size     1. Store beside the table a second version, with x ± x · U(β, α) for each number x (all columns of
                      numbers but the uid, or `columns`), either sign with probability one half. NULL stays NULL, whole
                      numbers are rounded, derived columns are computed anew.
                   2. Count the records of every bucket in the true table.
                   3. Answer a bucket of γ records or more exactly, and any other as the second version has it: keys,
                      conditions and values, the same however often it is asked.
    first-gamma    1. Of every sum and average take the first ⌊γ⌋ records, in the order of the table, that have a value.
                   2. Draw afresh for each of them, and answer as if its value x were x ± x · U(β, α). Counts are exact;
                      extremes, medians, deviations and DISTINCT of a perturbed column are refused: the noise of a
                      record is not known there.

    Source: Nielson's dissertation. Its text and the program of the search have the first γ records of a query drawn
    afresh (`first-gamma`); the program of the main experiment, and so its tables, switches between stored values and
    exact ones by the size of the query set (`query-size`). The search's program leaves out record 0 and, where γ is
    whole, the γ-th; here ⌊γ⌋ records are meant, as the text says.
    """

    alpha: float = param(2.09, "largest size of the noise", unit="share of the value", low=0)
    beta: float = param(1.18, "smallest size of the noise", unit="share of the value", low=0)
    gamma: float = param(66.87, "how many records get noise", unit="records", low=0)
    rule: str = param("query-size", "which records get noise", choices=("query-size", "first-gamma"))
    columns: tuple[str, ...] = param((), "the columns to perturb; none named: all numbers but the uid")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta > self.alpha:
            raise ParameterError(
                f"nielson: beta={self.beta!r} is not allowed; beta is a number from 0 to alpha={self.alpha:g}."
            )

    def skip(self, schema: Schema) -> str | None:
        return reason_to_skip(schema, self.columns)

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        if self.rule == "first-gamma":
            return table
        version = perturbed(table, self.columns, lambda name, values: outward(values, rng, self.alpha, self.beta))
        return replace(table, stored=version.frame)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if self.rule == "query-size":
            return Plan(query, stored_below=self.gamma)
        for aggregate in query.aggregates:
            other = aggregate.distinct or aggregate.function not in ("count", "sum", "avg")
            if other and aggregate.function != "count" and self._perturbs(query, aggregate):
                return Refused(
                    "nielson-first-gamma",
                    "Nielson's perturbation of the first records answers counts, sums and averages of a number, and "
                    "none over DISTINCT values.",
                )
        return Plan(query, first=int(self.gamma))

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        first = buckets.first
        if first is None or self.rule == "query-size":
            return buckets
        slots = buckets.values.shape[1]
        changed, average = np.zeros((2, len(buckets.plans), slots), dtype=bool)
        for i, plan in enumerate(buckets.plans):
            for slot, aggregate in enumerate(plan.query.aggregates):
                changed[i, slot] = aggregate.function in ("sum", "avg") and self._perturbs(plan.query, aggregate)
                average[i, slot] = aggregate.function == "avg"
        touched = changed[buckets.query][:, :, None] & ~np.isnan(first.values)
        touched[:, :, int(self.gamma) :] = False
        noise = np.zeros(first.values.shape)
        noise[touched] = first.values[touched] * signed(rng, (int(touched.sum()),), self.alpha, self.beta)
        records = np.where(average[buckets.query], np.maximum(first.records, 1), 1)
        return buckets.with_values(buckets.values + noise.sum(axis=2) / records)

    def _perturbs(self, query: Query, aggregate: Aggregate) -> bool:
        on = aggregate.on
        return on is not None and on.kind.is_number and on.name != query.uid and on.name in (self.columns or [on.name])
