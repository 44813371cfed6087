"""SnoopBench: inference attacks against the defenses of a statistical database, on one table.

from harness import bench
bench(defense="diffix", attack="difference", dataset="employees", trials=20)
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "bench"]


def _check_house() -> None:
    """The four packages have common names; make sure that these are ours, side by side."""
    here = Path(__file__).resolve().parent.parent
    for name in ("attacks", "datasets", "defenses"):
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != here:
            found = "is missing" if spec is None else f"comes from {spec.origin}"
            raise ImportError(
                f"SnoopBench's package {name!r} {found}; another package of that name is installed, so install "
                f"SnoopBench in a virtual environment of its own."
            )


_check_house()


def bench(
    *,
    defense: str,
    attack: str,
    dataset: str = "census",
    secret: str | None = None,
    trials: int = 20,
    victims: int = 25,
    baseline: str = "marginal",
    seed: int = 1,
    jobs: int = 0,
    results: str = "results",
    fresh: bool = False,
    isolate: bool = False,
) -> dict[str, Any]:
    """Run a benchmark and give what `snoopbench bench --json` prints.

    Specs are written as on the command line; `jobs` is the number of worker processes, 0 for one a core; `results`
    is a folder or a database URL; with `isolate` the attack runs in a process of its own, for code that is not
    trusted. Raises harness.errors.UserError, in one sentence, for what cannot be run.
    """
    from harness.plan import Benchmark
    from harness.runner import bench as run
    from harness.store import Store

    counts = {"trials": trials, "victims": victims, "baseline": baseline, "seed": seed, "isolate": isolate}
    benchmark = Benchmark.of(defense=defense, attack=attack, dataset=dataset, secret=secret, **counts)
    return run(benchmark, Store(results), jobs=jobs, fresh=fresh)
