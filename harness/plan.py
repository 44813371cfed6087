"""What is to be run, as data: a benchmark and the keys of its trials."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from harness import isolate, registry
from harness.errors import BenchmarkError
from harness.plugin import Dataset, Defense
from harness.record import SCHEMA_VERSION
from harness.score import TOLERANCE, Baseline
from harness.session import Limits

BOUNDS = (
    ("trials", 1, 1_000_000),
    ("victims", 1, 100_000_000),
    ("accomplices", 0, 100_000_000),
    ("seed", 0, 2**63 - 1),
    ("tolerance", 0, 1_000),
)
STORED = ("defense", "attack", "dataset", "secret", "baseline", "victims", "accomplices", "seed", "tolerance")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One defense against one attack on one dataset: everything that decides its numbers.

    Specs are canonical, `secret` is a column, `tolerance` a share of its interquartile range (numeric secrets),
    `accomplices` the number of users whose secret the attack knows, `linkability` whether its claims are of that
    sort. With `isolate` the attack runs in a process of its own, which changes no number. Neither of the last two is
    part of the identity.
    """

    defense: str
    attack: str
    dataset: str
    secret: str
    trials: int = 20
    victims: int = 25
    baseline: Baseline = "marginal"
    tolerance: float = TOLERANCE
    accomplices: int = 0
    seed: int = 1
    limits: Limits = field(default_factory=Limits)
    isolate: bool = False
    linkability: bool = False

    @classmethod
    def of(cls, *, defense: str, attack: str, dataset: str, secret: str | None, **counts: Any) -> Benchmark:
        """A benchmark from specs as users write them. Raises UserError for what cannot be run."""
        from harness.trial import first_table

        _, defense = registry.defense(defense)
        attack, claims = isolate.named(attack) if counts.get("isolate") else registry.attack_named(attack)
        page, dataset = registry.dataset(dataset)
        for name, low, high in BOUNDS:
            if name in counts and not low <= counts[name] <= high:
                raise BenchmarkError(f"{name} must be {low} or more and at most {high}, not {counts[name]}.")
        table = first_table(page, dataset, counts.get("seed", 1))
        schema = table.schema
        secret = secret or (schema.secrets[0] if schema.secrets else None)
        if secret is None:
            raise BenchmarkError(f"The dataset {dataset} names no secret; choose a column with --secret.")
        if secret == schema.uid:
            raise BenchmarkError(f"The uid column {secret} cannot be the secret; it is what names a user.")
        allowed = schema.secrets or tuple(name for name in schema.names if name != schema.uid)
        if secret not in allowed:
            raise BenchmarkError(f"{secret!r} cannot be a secret of {dataset}; choose one of {', '.join(allowed)}.")
        if secret not in table.people:
            raise BenchmarkError(f"{secret!r} differs between rows of one user; a secret is the same in all of them.")
        return cls(
            defense=defense,
            attack=attack,
            dataset=dataset,
            secret=secret,
            linkability=claims == "linkability",
            **counts,
        )

    def plugins(self) -> tuple[Defense, Dataset]:
        """What the harness itself runs of a trial. The attack is built on its side of the wall."""
        return registry.defense(self.defense)[0], registry.dataset(self.dataset)[0]

    def identity(self) -> dict[str, Any]:
        """Everything that decides a trial's numbers but its own number: what the trial key is made of."""
        defense, dataset = self.plugins()
        return {
            "schema": SCHEMA_VERSION,
            "defense": self.defense,
            "attack": self.attack,
            "dataset": self.dataset,
            "content": content(dataset),
            "secret": self.secret,
            "victims": self.victims,
            "baseline": self.baseline,
            "tolerance": self.tolerance,
            "accomplices": self.accomplices,
            "seed": self.seed,
            "limits": [self.limits.queries, self.limits.seconds],
            "sources": [
                registry.harness_sources(),
                registry.sources(defense),
                registry.attack_sources(self.attack),
                registry.sources(dataset),
            ],
        }

    def columns(self) -> dict[str, Any]:
        """What the store keeps of the benchmark beside each trial; `benchmark` is a digest of the identity."""
        named = {name: getattr(self, name) for name in STORED}
        return {**named, "benchmark": _hash(self._identity_text.encode())}

    @cached_property
    def _identity_text(self) -> str:
        return json.dumps(self.identity(), sort_keys=True)

    def keys(self) -> list[str]:
        """The key of each trial, trial 0 first."""
        return [_hash(f"{self._identity_text}#{trial}".encode()) for trial in range(self.trials)]


def limits(seconds: float | None) -> Limits:
    """The limits of a trial with another time limit. Raises BenchmarkError unless it is positive."""
    if seconds is None:
        return Limits()
    if not 0 < seconds <= 1e6:
        raise BenchmarkError(f"A trial can take more than 0 and at most 1,000,000 seconds, not {seconds:g}.")
    return Limits(seconds=seconds)


@dataclass(frozen=True)
class Task:
    """One trial, as text that any worker can run."""

    benchmark: Benchmark
    trial: int
    key: str


def content(dataset: Dataset) -> list[str]:
    """The digest of each file that a dataset's rows come from. Raises BenchmarkError for one that cannot be read."""
    digests = []
    for path in dataset.files():
        try:
            state = Path(path).stat()
            digests.append(_file_digest(path, (state.st_ino, state.st_size, state.st_mtime_ns)))
        except OSError as error:
            raise BenchmarkError(f"The file {path} cannot be read: {error.strerror}.") from None
    return digests


@cache
def _file_digest(path: str, _state: tuple[int, ...]) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
