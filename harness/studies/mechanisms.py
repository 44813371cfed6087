"""The mechanisms of `snoopbench ablation`, each with the attack that motivates it: a row each, as data.

`off` is the weakened variant and `on` the whole. In most rows the one is the other with a parameter changed; where the
literature calls a method too weak (`K-threshold alone`, `freshness of output noise`, `sticky per query`), `off` is that
method, and `on` what was proposed in its place. In `per-user noise` the defense is the same on both sides, and what is
switched is what its noise hangs on, the names: `off` they are many, `on` there is one. docs/ablation.md derives the
bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from harness.studies import laws
from harness.studies.laws import BANDS, NEW_WORDS, SEEDED_BY_WORDS, Law, layered

FEW = 5  # values of the secret of balances, and of surnames
FRESH = "output-perturbation:kind=gaussian,scale=2"


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """One row: what is switched, by which attack it is measured, and what theory says of either side.

    `attack_on` is the attack with the mechanism on, where what is switched is on the attack's side.
    The measure is κ_reach, or with `column` the residual SD of the attack's counts of that column's values, in users.
    `bound` and `bound_off`: what the laws give with the mechanism on and off; None where there is no law.
    """

    name: str
    source: str
    attack: str
    off: str
    on: str
    attack_on: str | None = None
    dataset: str = "employees"
    secret: str | None = None
    column: str | None = None
    bound: Law | None = None
    bound_off: Law | None = None
    trials: int = 20
    victims: int = 25

    @property
    def measure(self) -> str:
        return "kappa_reach" if self.column is None else "residual_sd"

    def attack_of(self, side: str) -> str:
        """The attack with the mechanism "off" or "on"."""
        return self.attack_on if side == "on" and self.attack_on else self.attack


def _exactly(value: float) -> Law:
    return lambda: value


NOTHING, CERTAINTY = _exactly(0.0), _exactly(1.0)
SPLIT = "split-averaging:splits=80"
CHAFF = "chaff:wordings=160"
# Differences of an isolated victim on Diffix: the dynamic layer of B <> b is new in each bucket, its static one common;
# in the victim's bucket the dynamic layers of the group and of the secret's value are others, with him and without.
ISOLATED = partial(layered, 1.0, 5.0, BANDS, common=1.0)

MECHANISMS: tuple[Mechanism, ...] = (
    Mechanism(
        name="static layers", source="Diffix-Birch §5.2.1", attack=SPLIT,
        off="diffix:static=false", on="diffix", column="salary_band", trials=10,
        bound_off=partial(laws.halved, 80, averaged=4), bound=partial(laws.halved, 80, averaged=6, static=1),
    ),
    Mechanism(
        name="dynamic layers", source="Diffix-Birch §5.2.2", attack="difference",
        off="diffix:dynamic=false", on="diffix", bound_off=CERTAINTY, bound=partial(ISOLATED, spread=5.0),
    ),
    Mechanism(
        name="low-count", source="Diffix-Birch §5.3", attack="listing",
        off="diffix:low_count=false", on="diffix", bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="noisy threshold", source="Diffix-Birch §5.3", attack="threshold-probe",
        off="diffix:noisy_threshold=false", on="diffix", trials=40, bound_off=CERTAINTY, bound=laws.just_missed,
    ),
    Mechanism(
        name="flattening", source="Diffix-Birch §5.5.1", attack="outlier-sum:columns=[cluster,lead]",
        off="diffix:flatten=false", on="diffix", dataset="best-case", bound_off=CERTAINTY, bound=laws.flattened,
    ),
    Mechanism(
        name="snapping", source="Diffix-Birch §6.7", attack="range-isolation:columns=department,kind=creep",
        off="diffix:snap=false", on="diffix", bound=NOTHING,
    ),
    Mechanism(
        name="shrink-and-drop", source="shrink-and-drop thread", attack="range-isolation",
        off="diffix:shrink_and_drop=false", on="diffix", dataset="balances",
        bound_off=partial(layered, 2 / 10, 2 / 10 + 4, FEW, layers=4), bound=NOTHING,
    ),
    Mechanism(
        name="wildcard layers", source="Diffix-Birch §6.11", attack="like-isolation",
        off="diffix:like_layers=false", on="diffix", dataset="surnames",
        bound=partial(layered, 2.0, 4.0, FEW, layers=2),
    ),
    Mechanism(
        name="floating", source="Diffix-Birch §6.4", attack=CHAFF,
        off="diffix:float=false", on="diffix", column="department", trials=10,
        bound_off=partial(laws.reworded, 2.0, SEEDED_BY_WORDS, 160), bound=_exactly(math.sqrt(2)),
    ),
    Mechanism(
        name="math limit", source="Diffix-Birch §6.2", attack="backdoor:kind=jumps",
        off="diffix:max_discontinuous=3", on="diffix", bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="K-threshold alone", source="Denning et al. 1979", attack="tracker",
        off="k-threshold:upper=true", on="diffix", bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="K-threshold alone", source="Denning et al. 1979", attack="tracker:kind=individual",
        off="k-threshold:upper=true", on="diffix", bound_off=CERTAINTY, bound=ISOLATED,
    ),
    Mechanism(
        name="freshness of output noise", source="Diffix-Birch §2", attack="averaging",
        off=FRESH, on="sticky", bound_off=CERTAINTY, bound=partial(layered, 8.0, 8.0, BANDS),
    ),
    Mechanism(
        name="sticky per query", source="Diffix-Birch §2, §5.2.4", attack=CHAFF,
        off="sticky", on="diffix", column="department", trials=10,
        bound_off=partial(laws.reworded, 4.0, NEW_WORDS, 160), bound=_exactly(math.sqrt(2)),
    ),
    Mechanism(
        name="sticky per query", source="Diffix-Birch §2, §5.2.1", attack=SPLIT,
        off="sticky", on="diffix", column="salary_band", trials=10,
        bound_off=partial(laws.halved, 80, averaged=8), bound=partial(laws.halved, 80, averaged=6, static=1),
    ),
    Mechanism(
        name="sticky sampling", source="Denning 1980", attack="averaging",
        off="random-sampling", on="random-sampling:sticky=true", trials=15, victims=10,
        bound_off=CERTAINTY, bound=partial(laws.sampled, 0.9),
    ),
    Mechanism(
        name="sticky rounding", source="Nielson, output perturbation", attack="averaging",
        off="rounding:kind=random", on="rounding:kind=random,sticky=true",
        bound_off=CERTAINTY, bound=partial(laws.rounded, 5),
    ),
    Mechanism(
        name="overlap control", source="Nielson, data logging", attack="intersection",
        off="k-threshold", on="k-threshold+overlap-control", bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="query budget", source="Nielson, suppression", attack="averaging",
        off=FRESH, on=f"query-budget:n=100+{FRESH}", bound_off=CERTAINTY, bound=partial(layered, 4.0, 4.0, BANDS),
    ),
    Mechanism(
        name="laplace budget", source="Diffix-Birch §2, Dwork 2006", attack="averaging",
        off="laplace:budget=1e6,groups=public", on="laplace:budget=10,groups=public", victims=10,
        bound_off=CERTAINTY, bound=partial(laws.spent, 10.0, 1.0, 10),
    ),
    Mechanism(
        name="paired updates", source="Nielson, partitioning", attack="insert-delete",
        off="partitioning:updates=any", on="partitioning", secret="salary", bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="per-user noise", source="Nielson, further studies", attack="collusion",
        off="per-user-noise", on="per-user-noise", attack_on="collusion:analysts=1",
        bound_off=partial(laws.proportional, 0.2, 200), bound=partial(laws.proportional, 0.2, 1),
    ),
)  # fmt: skip
