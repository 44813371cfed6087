"""ε-differential privacy for single users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from defenses.accounting import released
from defenses.bounded import Bounds, bounded, parsed
from harness.errors import ParameterError
from harness.model import Refused, Schema, Table
from harness.plugin import Defense, Log, param
from harness.sql import Buckets, Plan, Query
from harness.sql.query import Aggregate

ASKS_NO_ROWS = ("none", "query-budget", "maximum-order")
ASKS_NO_TRUTH = ("output-perturbation", "per-user-noise", "rounding", "sticky")


@dataclass(frozen=True, kw_only=True)
class laplace(Defense):
    """ε-differential privacy: answers hardly differ with or without a user, and end when the budget is spent.

    1. Publish at most `rows` rows of each user, drawn among hers, and every column with bounds inside them and on a
       grid of a power of two: sums are whole numbers of steps and come out of the database without rounding.
    2. Each query costs epsilon. Refuse once the answers of the session would cost more than the budget.
    3. Share epsilon evenly among a query's aggregates; an avg is a sum and a count of half its share each.
    4. Add to each the discrete Laplace noise of scale sensitivity / share, in steps. With or without a user a count
       differs by `rows` at most, count(DISTINCT uid) by 1, a sum by `rows` times the larger bound. An empty sum is 0.
    5. An avg is sum over count, the count at least 1, moved into the bounds.

    Refused: sums and averages of columns without bounds, min and max (one user changes them by all of their range),
    DISTINCT but in a count, and GROUP BY: which buckets there are is exact, and a bucket of one user says that she
    is there. `groups=public` answers it for keys whose values are known anyway; for others it voids the guarantee.

    Noise on doubles leaks through their low bits (Mironov 2012). Here whole numbers are drawn with exactly the stated
    probabilities and added to whole numbers, since on the grid the sums are exact. The generator is the harness's,
    reproducible from the seed: good for measuring, not for publishing. `backend=opendp` takes OpenDP's sampler for
    discrete Laplace noise, which draws from the system: its answers differ under the same seed.

    Source: Diffix-Birch §2 (the comparison with differential privacy); Dwork, McSherry, Nissim, Smith 2006.
    """

    epsilon: float = param(1.0, "what a query costs", low=0.0001, high=1e6)
    budget: float = param(10.0, "what all answers of a session may cost", low=0, high=1e9)
    bounds: tuple[str, ...] = param((), 'bounds of numeric columns, such as ["age 0 125"]')
    rows: int = param(1, "the most rows of a user that are published", unit="rows", low=1)
    groups: str = param("refused", "what to do with GROUP BY", choices=("refused", "public"))
    backend: str = param("exact", "where the noise comes from", choices=("exact", "opendp"))

    def __post_init__(self) -> None:
        super().__post_init__()
        parsed(self.label(), self.bounds)
        if self.backend == "opendp":
            try:
                import opendp.prelude  # noqa: F401
            except ImportError:
                raise ParameterError(
                    'laplace: backend=opendp needs the package opendp; install it with pip install "snoopbench[dp]".'
                ) from None

    @property
    def limits(self) -> dict[str, Bounds]:
        return parsed(self.label(), self.bounds)

    def protect(self, table: Table, rng: np.random.Generator) -> Table:
        return bounded(table, self.limits, self.rows, rng)

    def plan(self, query: Query, log: Log) -> Plan | Refused:
        if query.keys and self.groups == "refused":
            return Refused("laplace-groups", "Which groups exist is no differentially private answer; use WHERE.")
        for aggregate in query.aggregates:
            if (refused := self._refusal(aggregate)) is not None:
                return refused
        if (len(log.answered) + 1) * Fraction(str(self.epsilon)) > Fraction(str(self.budget)):
            return Refused("laplace-budget", f"The privacy budget of {self.budget:g} is spent.")
        parts = [Aggregate(f, a.on) for a in query.aggregates if a.function == "avg" for f in ("sum", "count")]  # type: ignore[arg-type]
        return Plan(replace(query, aggregates=(*query.aggregates, *parts)))

    def _refusal(self, aggregate: Aggregate) -> Refused | None:
        if aggregate.function == "count":
            return None
        if aggregate.function not in ("sum", "avg") or aggregate.distinct:
            asked = f"{aggregate.function}(DISTINCT …)" if aggregate.distinct else aggregate.function
            return Refused("laplace-aggregate", f"Laplace noise answers count, sum and avg, not {asked}.")
        if aggregate.on is None or aggregate.on.name not in self.limits:
            name = aggregate.on.name if aggregate.on else "*"
            return Refused("laplace-bounds", f"No bounds are declared of {name}; without them a sum has no noise.")
        return None

    def answer(self, buckets: Buckets, rng: np.random.Generator) -> Buckets:
        return released(buckets, Fraction(str(self.epsilon)), self.rows, self.limits, rng, self.backend)

    def clash(self, before: Sequence[Defense], after: Sequence[Defense]) -> str | None:
        kept = [part.label() in ASKS_NO_ROWS for part in before]
        kept += [part.label() in ASKS_NO_ROWS + ASKS_NO_TRUTH for part in after]
        if all(kept):
            return None
        other = (*before, *after)[kept.index(False)].label()
        return f"with {other} there the answers keep no ε; {', '.join(ASKS_NO_TRUTH)} can follow it."

    def skip(self, schema: Schema) -> str | None:
        if schema.uid in self.limits:
            return f"{schema.uid} is the uid column, which stays as it is: bounds would make one user of several"
        for name in self.limits:
            if name not in schema.names or not schema.column(name).kind.is_number:
                return f"the bounds of laplace are of {name}, which is no numeric column of {schema.table}"
        return None
