"""Stored trials read back: which version of each benchmark counts, summaries, and flat files.

A change of the sources (or of a trial's time limit) is another version of a benchmark: its trials have other keys and
stand in the store beside the older ones. What is shown, compared and drawn is the newest complete version: of those
with the most trials that did not fail, the one that was begun last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from harness import registry, specs
from harness.errors import StoreError
from harness.plan import STORED, Benchmark
from harness.record import SIZES, TrialRecord, Utility
from harness.registry import KindName
from harness.report.summary import summary
from harness.report.tables import counted
from harness.score import TOLERANCE
from harness.store import Store, record_of

KINDS: tuple[KindName, ...] = ("defenses", "attacks", "datasets")
MOST_LISTED = 20


class Setting(NamedTuple):
    """What two benchmarks share that can be compared: all but defense, attack and seed. `dataset` is a short spec."""

    dataset: str
    secret: str
    victims: int
    baseline: str
    tolerance: float
    accomplices: int

    def __str__(self) -> str:
        unusual = [
            (self.baseline != "marginal", f"{self.baseline} baseline"),
            (self.tolerance != TOLERANCE, f"tolerance {100 * self.tolerance:g} %"),
            (self.accomplices != 0, f"{counted(self.accomplices, 'accomplice')}"),
        ]
        usual = f"secret {self.secret}, {counted(self.victims, 'victim')}"
        return f"{self.dataset} ({', '.join([usual, *(text for told, text in unusual if told)])})"


@dataclass(frozen=True)
class Stored:
    """The stored trials of one defense against one attack in one setting; specs are short.

    As read from a store it is one version of a benchmark, with one seed. `pooled` joins the seeds: they are
    independent draws of data, salt and victims like the trials of one seed.
    """

    defense: str
    attack: str
    setting: Setting
    seeds: tuple[int, ...]
    benchmark: Benchmark
    records: tuple[TrialRecord, ...]

    @property
    def kappa_reach(self) -> list[float]:
        """κ_reach of each trial that has one: 0 without claims, none for a failed trial or one without attempts."""
        known = [record.score.kappa_reach for record in self.records if record.score is not None]
        return [value for value in known if value is not None]

    @property
    def failed(self) -> int:
        return sum(record.score is None for record in self.records)

    def summary(self) -> dict[str, Any]:
        return summary(self.benchmark, self.records, from_store=len(self.records))

    def __str__(self) -> str:
        return f"{self.attack} against {self.defense} on {self.setting}"


def stored(results: str) -> list[Stored]:
    """Every version of every benchmark in a store, in the order in which they were first run."""
    found = []
    names: dict[tuple[KindName, str], str] = {}
    for _, group in groupby(Store(results, create=False).rows(), key=lambda row: row["benchmark"]):
        rows = list(group)
        benchmark = Benchmark(**{name: rows[0][name] for name in STORED}, trials=len(rows))
        found.append(_named(benchmark, tuple(record_of(row) for row in rows), names))
    return found


def of_benchmarks(benchmarks: Sequence[Benchmark], store: Store) -> list[Stored]:
    """What a store holds of these benchmarks, as they are now; nothing of one that has no trial there."""
    found = []
    names: dict[tuple[KindName, str], str] = {}
    for benchmark in benchmarks:
        if records := store.records(benchmark.keys()):
            found.append(_named(benchmark, tuple(records.values()), names))
    return found


def _named(benchmark: Benchmark, records: tuple[TrialRecord, ...], names: dict[tuple[KindName, str], str]) -> Stored:
    """With short specs; `names` remembers them."""
    for kind in KINDS:
        spec = getattr(benchmark, kind[:-1])
        names[kind, spec] = names.get((kind, spec)) or registry.short(kind, spec)
    setting = Setting(
        names["datasets", benchmark.dataset], benchmark.secret, benchmark.victims, benchmark.baseline,
        benchmark.tolerance, benchmark.accomplices,
    )  # fmt: skip
    defense, attack = names["defenses", benchmark.defense], names["attacks", benchmark.attack]
    return Stored(defense, attack, setting, (benchmark.seed,), benchmark, records)


def newest(found: Sequence[Stored]) -> tuple[list[Stored], list[str]]:
    """The newest complete version of each benchmark, and a sentence for each that has others."""
    versions: dict[Any, list[Stored]] = defaultdict(list)
    for one in found:
        versions[one.defense, one.attack, one.setting, one.seeds].append(one)
    chosen, notes = [], []
    for same in versions.values():
        age, best = max(enumerate(same), key=lambda item: (len(item[1].records) - item[1].failed, item[0]))
        chosen.append(best)
        if len(same) > 1:
            done = len(best.records) - best.failed
            which = "the newest" if age == len(same) - 1 else f"number {age + 1}, the newest complete one"
            notes.append(
                f"{best} is stored in {len(same)} versions; taken is {which}, with "
                f"{counted(done, 'trial')} (snoopbench show --all lists them)."
            )
    return chosen, notes


def pooled(found: Sequence[Stored]) -> list[Stored]:
    """The trials of all seeds together, in the order of the first of each."""
    groups: dict[Any, list[Stored]] = defaultdict(list)
    for one in found:
        groups[one.defense, one.attack, one.setting].append(one)
    return [
        Stored(
            same[0].defense,
            same[0].attack,
            same[0].setting,
            tuple(sorted(seed for one in same for seed in one.seeds)),
            same[0].benchmark,
            tuple(record for one in same for record in one.records),
        )
        for same in groups.values()
    ]


def selected(
    found: Sequence[Stored], wanted: Mapping[KindName, Sequence[str]], secrets: Sequence[str] = ()
) -> list[Stored]:
    """Those with one of the wanted specs of each kind and one of the secrets; an empty list wants all."""
    chosen = list(found)
    for kind in KINDS:
        known = {_spec(one, kind) for one in found}
        names = {name_of(kind, spec, known) for spec in wanted.get(kind, ())}
        chosen = [one for one in chosen if not names or _spec(one, kind) in names]
    return [one for one in chosen if not secrets or one.setting.secret in secrets]


def name_of(kind: KindName, spec: str, known: set[str]) -> str:
    """The short spec of what a user names, by short or full spec. Raises UserError where it is neither among the
    `known` nor here."""
    text = specs.canonical(specs.parse(spec))
    if text in known:
        return text
    build = {"defenses": registry.defense, "attacks": registry.attack, "datasets": registry.dataset}[kind]
    return registry.short(kind, build(spec)[1])


def _spec(one: Stored, kind: KindName) -> str:
    return {"defenses": one.defense, "attacks": one.attack, "datasets": one.setting.dataset}[kind]


def read(
    results: str, wanted: Mapping[KindName, Sequence[str]], secrets: Sequence[str]
) -> tuple[list[Stored], list[str]]:
    """What is compared and drawn: the wanted benchmarks in their newest complete versions, seeds pooled; and a
    sentence for each that has other versions."""
    found, notes = newest(selected(stored(results), wanted, secrets))
    return pooled(found), notes


def nothing(results: str, what: str) -> str:
    """One sentence: there is nothing to do, and which benchmarks there are."""
    found = pooled(newest(stored(results))[0])
    if not found:
        return f"Nothing to {what}: the store is empty; run snoopbench bench first."
    against: dict[str, list[str]] = defaultdict(list)
    for one in found:
        against[f"{one.attack} on {one.setting}"].append(one.defense)
    listed = [f"{attack} against {', '.join(defenses)}" for attack, defenses in against.items()]
    more = f"; and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return f"Nothing to {what}. The store holds {'; '.join(listed[:MOST_LISTED])}{more}."


def export(results: str, file: str) -> int:
    """Write all stored trials, one row each, to a .csv or .parquet file. Gives the number of rows."""
    import duckdb
    import pandas as pd

    path = Path(file)
    if path.suffix not in (".csv", ".parquet"):
        raise StoreError(f"{file} is neither .csv nor .parquet; choose a file name that ends so.")
    rows = Store(results, create=False).rows()
    if not rows:
        raise StoreError(f"The store {results} holds no trials to export; run snoopbench bench first.")
    records = [record_of(row) for row in rows]
    scores = [record.score for record in records]
    by_size = pd.DataFrame([_by_size(record.utility) for record in records], columns=list(_by_size(None)), dtype=float)
    frame = pd.DataFrame(rows).drop(columns="utility_by_size").join(by_size)
    frame = frame.assign(
        kappa=pd.Series([score.kappa if score else None for score in scores], dtype=float),
        kappa_reach=pd.Series([score.kappa_reach if score else None for score in scores], dtype=float),
    )
    try:
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            duckdb.from_df(frame).write_parquet(str(path))
    except (OSError, duckdb.Error) as error:
        raise StoreError(f"{file} cannot be written: {error}.") from error
    return len(frame)


def _by_size(utility: Utility | None) -> dict[str, float | None]:
    """Utility by query-set size as flat columns, such as `utility_suppressed_10_99`."""
    names = ("cells", "median_relative_error", "p90_relative_error", "suppressed", "refused")
    return {
        f"utility_{name}_{low}_{high or 'up'}": getattr(utility.by_size[i], name) if utility else None
        for i, (low, high) in enumerate(SIZES)
        for name in names
    }
