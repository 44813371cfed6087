"""The law of the attack `equations` and what is left of it behind Diffix: the points of `figures equations`.

1. `noise`: accuracy against the noise of a count, at m/n = 8 queries for each of n users, for several n.
2. `queries`: accuracy against m/n at noise of SD √n/2, by least squares and by the linear program.
3. `diffix`: accuracy against m/n for each selector, and under `clear_only`.

The table is `best-case`, whose secret is one bit that half of the users have; all of them are victims. Each point is
kept in the store by itself; those of `noise` have draws of their own.

The law: Φ(√m/(4σ)) for sets of half of the users. Behind Diffix σ² is the number of layers that differ from query to
query: 3 for `hash` and `function` (a pair of the uid, the dynamic one of the secret), 2 and one for each value listed
for `uid-list` and `conditions`. The static layer of the secret is the same in all answers and cancels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.model import Answer, Refused
from harness.plan import Benchmark, Task
from harness.store import Store
from harness.studies import kept, study_key
from harness.trial import Judged, attack_once

CLUSTER = 50  # users
A_PERSON = 8  # m/n of the part `noise`
NOISES = (0.2, 0.35, 0.5, 0.7, 1.0, 1.6, 2.5, 4.0)  # of σ/√n
SIZES = {200: 10, 500: 5, 1_000: 5}  # n, and trials of each: 2,000 bits or more
ROUNDS = (1, 2, 4, 8, 16, 32)
SMALL = 200  # n of the parts `queries` and `diffix`
FAST, SLOW = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (1.0, 2.5, 5.0, 10.0, 20.0, 40.0)  # m/n behind Diffix
SELECTORS = {"hash": FAST, "function": FAST, "uid-list": SLOW, "conditions": SLOW}


@dataclass(frozen=True)
class Point:
    """What is run for one mark: n users, m queries; `sigma` is the noise that the law puts in, in users."""

    part: str
    n: int
    m: int
    sigma: float
    defense: str
    selector: str = "hash"
    solver: str = "least-squares"
    trials: int = 1
    seed: int = 1

    @property
    def law(self) -> float:
        """The accuracy by the law."""
        return (1 + math.erf(math.sqrt(self.m) / (4 * self.sigma) / math.sqrt(2))) / 2

    @property
    def benchmark(self) -> Benchmark:
        columns = ",columns=[amount]" if self.selector == "conditions" else ""  # the one that tells users apart
        attack = f"equations:selector={self.selector},solver={self.solver},persons={self.n},queries={self.m}{columns}"
        dataset = f"best-case:attributes=2,clusters={self.n // CLUSTER},others={CLUSTER - 1}"
        return Benchmark.of(
            defense=self.defense, attack=attack, dataset=dataset, secret=None, trials=self.trials, victims=self.n,
            seed=self.seed,
        )  # fmt: skip


def points(seed: int = 1) -> Iterator[Point]:
    """All marks of the figure."""
    for n, trials in SIZES.items():
        for place, share in enumerate(NOISES):
            sigma = share * math.sqrt(n)
            yield Point("noise", n, A_PERSON * n, sigma, _noise(sigma), trials=trials, seed=seed + place)
    for solver in ("least-squares", "linear-program"):
        for a_person in ROUNDS:
            sigma = math.sqrt(SMALL) / 2
            yield Point("queries", SMALL, a_person * SMALL, sigma, _noise(sigma), solver=solver, trials=5, seed=seed)
    for selector, rounds in SELECTORS.items():
        layers = 3.0 if rounds is FAST else 2 + SMALL / 2
        for times in rounds:
            m = round(times * SMALL)
            yield Point("diffix", SMALL, m, math.sqrt(layers), "diffix", selector, seed=seed)
    for selector, m in (("hash", 1_600), ("function", 1_600), ("uid-list", 2_000)):
        layers = 2 + SMALL / 2 if selector == "uid-list" else 3.0
        yield Point("diffix", SMALL, m, math.sqrt(layers), "diffix:clear_only=true", selector, seed=seed)


def equations(store: Store, seed: int = 1) -> list[dict[str, Any]]:
    """A dict a point: what was run, `law`, the share of right claims `accuracy` with its standard error `se` (over
    the trials, as the errors in one go together; of a single trial by the binomial), `claims` made, and `noise`, the
    standard deviation of answers less truth (of 500 queries), in users; null where nothing was answered."""
    rows = []
    for point in points(seed):
        rows += kept(store, "equations", asdict(point), partial(_rows, point))
    return rows


def missing(store: Store, seed: int = 1) -> int:
    """How many points the store lacks."""
    return sum(store.study(study_key("equations", asdict(point))) is None for point in points(seed))


def _rows(point: Point) -> list[dict[str, Any]]:
    return [run(point)]


def run(point: Point) -> dict[str, Any]:
    """One point."""
    benchmark = point.benchmark
    attempts = claims = correct = 0
    shares: list[float] = []
    errors: list[NDArray[np.float64]] = []
    for trial, key in enumerate(benchmark.keys()):
        judged = attack_once(Task(benchmark, trial, key))
        errors.append(_errors(judged))
        judged.close()
        attempts += judged.score.attempts
        claims += judged.score.claims
        correct += judged.score.correct
        if judged.score.claims:
            shares.append(judged.score.correct / judged.score.claims)
    accuracy = correct / claims if claims else None
    off = np.concatenate(errors)
    return asdict(point) | {
        "law": point.law,
        "accuracy": accuracy,
        "se": _standard_error(shares, accuracy, claims) if accuracy is not None else None,
        "claims": claims,
        "attempts": attempts,
        "noise": float(off.std(ddof=1)) if len(off) > 1 else None,
    }


def _standard_error(shares: list[float], accuracy: float, claims: int) -> float:
    if len(shares) == 1:
        return math.sqrt(accuracy * (1 - accuracy) / claims)
    return float(np.std(shares, ddof=1)) / math.sqrt(len(shares))


def _errors(judged: Judged) -> NDArray[np.float64]:
    """Answers less truth of the single counts that the session remembers, (k,)."""
    heard = {sql: answer for sql, answer in judged.session.history.heard.items() if _is_count(answer)}
    true = judged.exact_session().query_many(list(heard))
    pairs = zip(heard.values(), true, strict=True)
    return np.array([a.value - b.value for a, b in pairs if isinstance(a, Answer) and isinstance(b, Answer)])


def _is_count(answer: Answer | Refused) -> bool:
    return isinstance(answer, Answer) and answer.columns == ("count",) and len(answer) == 1


def _noise(sigma: float) -> str:
    return f"output-perturbation:kind=gaussian,scale={sigma!r}"
