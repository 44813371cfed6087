"""How long a search may take: seconds for people, or a solver's own count of work, which is the same everywhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Budget:
    """Seconds of the clock, and CP-SAT's deterministic time (about a second of a fast core each)."""

    seconds: float = float("inf")
    work: float = float("inf")
    whole: Budget | None = None
    started: float = field(default_factory=time.monotonic)

    def part(self, share: float) -> Budget:
        """A budget of that share of what is left; what is spent of it is spent of this one."""
        return Budget(self.left * share, self.work * share, self)

    @property
    def used(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds that remain, at least 0; a day where there is no limit."""
        return max(0.0, min(self.seconds - self.used, 86_400.0))

    @property
    def over(self) -> bool:
        return self.used >= self.seconds or self.work <= 0.0

    def bound(self, parameters: Any) -> None:
        """Give a run of CP-SAT what remains."""
        parameters.max_time_in_seconds = self.left
        if self.work != float("inf"):
            parameters.max_deterministic_time = max(self.work, 0.0)

    def spend(self, solver: Any) -> None:
        """Take off what a run of CP-SAT used."""
        self.work -= solver.deterministic_time
        if self.whole is not None:
            self.whole.spend(solver)
