"""Stored trials read back: summaries of every benchmark, and flat files."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.plan import STORED, Benchmark
from harness.record import SIZES, Utility
from harness.report.summary import summary
from harness.store import Store, record_of


def stored_summaries(results: str) -> list[dict[str, Any]]:
    """The summary of each benchmark in a store, in the order in which they were first run."""
    found = []
    for _, group in groupby(Store(results, create=False).rows(), key=lambda row: row["benchmark"]):
        rows = list(group)
        benchmark = Benchmark(**{name: rows[0][name] for name in STORED}, trials=len(rows))
        found.append(summary(benchmark, [record_of(row) for row in rows], from_store=len(rows)))
    return found


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
