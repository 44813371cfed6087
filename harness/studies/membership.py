"""The power of the attack `membership` against the bound √(m/n) ≈ z_α + z_{1−β}, over three decades of m/n.

1. At each point the database holds n people with m independent SNPs (`genotypes`), without a defense; the reference has
   ten times as many people, and at least 5,000, so that their frequencies are nearly the population's.
2. In each trial 2·min(n, 250) people, half of them in the database, get their p-values from the averages of all SNPs:
   the attack claims everybody (false_positive_rate=1), with confidence 1 − p.
3. Kept are the ranks of all of them, p · (reference + 1), from which power and ROC follow
   (`harness/report/figure_membership.py`).

Source: Sankararaman, Obozinski, Jordan, Halperin 2009.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from harness.model import Linkability
from harness.plan import Benchmark, Task
from harness.trial import attack_once

# SNPs and people in the database; m/n from 0.05 to 50
POINTS = ((100, 2000), (100, 1000), (125, 500), (250, 500), (300, 300), (500, 200), (1000, 200), (1000, 100),
          (1250, 50), (2500, 50))  # fmt: skip
STATISTICS = ("likelihood-ratio", "homer")
TESTED, REFERENCE = 250, 5_000


@dataclass(frozen=True)
class Powers:
    """What decides the rows, and with that the plan under which they are stored."""

    seed: int = 1
    trials: int = 5
    points: tuple[tuple[int, int], ...] = POINTS

    @property
    def plan(self) -> dict[str, Any]:
        return {**asdict(self), "points": [list(point) for point in self.points]}


def membership(powers: Powers) -> list[dict[str, Any]]:
    """A dict a point and statistic: `snps` m, `pool` n, `reference`, `statistic`, and per trial the ranks of `members`
    and `others` among the reference, 1 (nobody scores as high) to reference + 1."""
    return [_row(powers, m, n, statistic) for m, n in powers.points for statistic in STATISTICS]


def _row(powers: Powers, m: int, n: int, statistic: str) -> dict[str, Any]:
    reference, tested = max(REFERENCE, 10 * n), min(n, TESTED)
    benchmark = Benchmark.of(
        defense="none",
        attack=f"membership:statistic={statistic},false_positive_rate=1,pool={n},reference={reference}",
        dataset=f"genotypes:persons={n + tested + reference},snps={m}",
        secret=None,
        victims=2 * tested,
        trials=powers.trials,
        seed=powers.seed,
    )
    trials = [_ranks(benchmark, trial, reference) for trial in range(powers.trials)]
    return {"snps": m, "pool": n, "reference": reference, "statistic": statistic,
            "members": [ranks[True] for ranks in trials], "others": [ranks[False] for ranks in trials]}  # fmt: skip


def _ranks(benchmark: Benchmark, trial: int, reference: int) -> dict[bool, list[int]]:
    judged = attack_once(Task(benchmark, trial, ""))
    judged.close()
    members, found = judged.truth.members or {}, dict[bool, list[int]]({True: [], False: []})
    for claim in judged.outcome.claims:
        assert isinstance(claim, Linkability)
        found[members[claim.record]].append(round((1 - claim.confidence) * (reference + 1)))
    return found
