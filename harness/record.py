"""What is kept of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.model import Claim
from harness.score import TrialScore

SCHEMA_VERSION = 1  # of the store, and a part of every trial key


@dataclass(frozen=True)
class Utility:
    """Medians and shares over the buckets and queries of a workload; None where there is nothing to measure.

    `median_relative_error`: of |answer − truth| / |truth| over the answered cells with truth other than 0.
    `suppressed`: share of the true cells that are missing or NULL, among the queries answered. `refused`: share of
    the queries.
    """

    median_relative_error: float | None
    suppressed: float | None
    refused: float


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
