"""What a defense costs the honest analyst: the error of a fixed workload of ordinary queries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from harness.model import Answer, Kind, Refused, Table
from harness.plugin import Session
from harness.record import Utility

GROUPS = 100  # a column of at most so many values is grouped by
COLUMNS = 8  # at most so many columns of each sort are looked at


def workload(table: Table) -> list[str]:
    """One- and two-way histograms, filtered counts, averages and sums: SQL fixed by the dataset's columns."""
    schema, frame = table.schema, table.frame
    others = [c for c in schema.columns if c.name != schema.uid]
    grouped = [c.name for c in others if c.kind is not Kind.REAL and frame[c.name].nunique() <= GROUPS][:COLUMNS]
    amounts = [c.name for c in others if c.kind.is_number][:COLUMNS]
    name = _quote(schema.table)
    sqls = [f"SELECT {_quote(c)}, count(*) FROM {name} GROUP BY 1" for c in grouped]
    sqls += [f"SELECT {_quote(a)}, {_quote(b)}, count(*) FROM {name} GROUP BY 1, 2" for a, b in pairwise(grouped)]
    for a, b in pairwise(grouped):
        usual = frame[a].mode(dropna=True)
        if len(usual):
            constant = str(usual.iloc[0]).replace("'", "''")
            sqls.append(f"SELECT {_quote(b)}, count(*) FROM {name} WHERE {_quote(a)} = '{constant}' GROUP BY 1")
    for amount in amounts:
        by = next((column for column in grouped if column != amount), None)
        select, group = (f"{_quote(by)}, ", " GROUP BY 1") if by else ("", "")
        sqls.append(f"SELECT {select}avg({_quote(amount)}), sum({_quote(amount)}) FROM {name}{group}")
    return sqls


def utility(sqls: list[str], exact: Session, defended: Session) -> Utility:
    """The workload's answers of a defended session against those of an exact one."""
    pairs = list(zip(exact.query_many(sqls), defended.query_many(sqls), strict=True))
    errors, hidden = [np.empty(0)], [np.empty(0, dtype=bool)]
    refused = 0
    for truth, answer in pairs:
        if isinstance(answer, Refused) or isinstance(truth, Refused):
            refused += 1
            continue
        true, said = _cells(truth, answer)
        missing = np.isnan(said)
        hidden.append(missing[~np.isnan(true)])
        counted = ~missing & ~np.isnan(true) & (true != 0)
        errors.append(np.abs(said[counted] - true[counted]) / np.abs(true[counted]))
    error, missing = np.concatenate(errors), np.concatenate(hidden)
    return Utility(
        median_relative_error=float(np.median(error)) if len(error) else None,
        suppressed=float(missing.mean()) if len(missing) else None,
        refused=refused / len(pairs) if pairs else 0.0,
    )


def _cells(truth: Answer, answer: Answer) -> tuple[np.ndarray, np.ndarray]:
    """The true aggregates and the answered ones beside them, NaN where a bucket is missing."""
    left, right = _frame(truth), _frame(answer)
    keys = [column for column in left.columns if column.startswith("k")]
    if keys:
        both = left.merge(right, on=keys, how="left", suffixes=("", "_said"))
    else:
        both = left.join(right, how="left", rsuffix="_said")
    values = [column for column in left.columns if column.startswith("a")]
    return both[values].to_numpy(float).ravel(), both[[f"{v}_said" for v in values]].to_numpy(float).ravel()


def _frame(answer: Answer) -> pd.DataFrame:
    is_key = [array.dtype == object for array in answer.data]
    return pd.DataFrame(
        {f"{'k' if key else 'a'}{i}": array for i, (key, array) in enumerate(zip(is_key, answer.data, strict=True))}
    )


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
