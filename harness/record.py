"""What is kept of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.model import Claim
from harness.score import TrialScore

SCHEMA_VERSION = 2  # of the store, and a part of every trial key


SIZES = ((1, 9), (10, 99), (100, 999), (1_000, None))  # classes of query-set sizes, bounds included


@dataclass(frozen=True)
class SizeClass:
    """The true cells of a workload behind which from `low` to `high` users stand; None where there is nothing to
    measure.

    `cells`: their number. The relative errors are over those that were answered and are not truly 0. `suppressed`: the
    share missing or NULL, among those whose query was answered. `refused`: the share whose query was refused.
    """

    low: int
    high: int | None
    cells: int
    median_relative_error: float | None
    p90_relative_error: float | None
    suppressed: float | None
    refused: float | None


@dataclass(frozen=True)
class Utility:
    """What a workload found: numbers over its queries and true cells; None where there is nothing to measure.

    A true cell is an aggregate of a bucket in the exact answer that is not NULL there. A relative error is
    |answer − truth| / |truth|, over the answered cells with truth other than 0; the `zero_cells` have none.
    `suppressed`: share of the true cells that are missing or NULL, among the queries answered. `refused`: share of
    the queries. `by_size`: the cells by query-set size, one entry for each of `SIZES`.
    """

    median_relative_error: float | None
    p90_relative_error: float | None
    suppressed: float | None
    refused: float | None
    cells: int
    zero_cells: int
    by_size: tuple[SizeClass, ...]


@dataclass(frozen=True)
class TrialRecord:
    """What one trial gave; `error` is set when it failed, and the numbers are missing then.

    `acts` is False when the defense answered all queries as `none` does, None when nothing was asked.
    """

    key: str
    trial: int
    error: str | None = None
    score: TrialScore | None = None
    queries: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    acts: bool | None = None
    utility: Utility | None = None
    claims: tuple[Claim, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
