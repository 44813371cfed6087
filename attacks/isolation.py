"""Finding victims whom one more condition takes out of a group, and the pairs of queries that do it.

A victim is *isolated* by columns A and B when, among the users with the victim's value of A, nobody else has the
victim's value of B: `A = a` holds the victim, `A = a AND B <> b` holds all of the group but the victim.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from harness.model import Kind, Schema
from harness.plugin import Knowledge


def isolated(knowledge: Knowledge, columns: Sequence[str], smallest_group: int) -> pd.DataFrame:
    """The isolated users, indexed by uid, with the columns `group`, `group_value`, `by`, `by_value`, `size`.

    Every ordered pair of `columns` is tried; of several ways to isolate a user the one with the smallest group is
    taken: noise in proportion to an answer is smallest there. Groups smaller than `smallest_group`, or with NULL in
    either column (a `<>` would drop those too), are left out.
    """
    cells = knowledge.reveal(columns)
    ways = [_by_pair(cells, a, b, smallest_group) for a in columns for b in columns if a != b]
    found = pd.concat(ways) if ways else _nobody(cells)
    found = found.sort_values("size", kind="stable")
    return found[~found.index.duplicated()].sort_index()


def high_earners(knowledge: Knowledge, found: pd.DataFrame, amount: str) -> pd.DataFrame:
    """The isolated users who have more of the amount (above 0) than the average of their group, with the column
    `amount`."""
    cells = knowledge.reveal(tuple(dict.fromkeys((amount, *found["group"]))))
    amounts = cells[amount].astype(float)
    means = {group: amounts.groupby(cells[group]).mean() for group in found["group"].unique()}
    average = [means[row.group][row.group_value] for row in found.itertuples(index=False)]
    found = found.assign(amount=amounts.loc[found.index].to_numpy())
    return found[(found["amount"] > 0) & (found["amount"] > np.array(average, dtype=float))]


def with_reference(knowledge: Knowledge, found: pd.DataFrame) -> pd.DataFrame:
    """The isolated users for whom there is another group in which nobody has their value of B, with the largest such
    in the column `reference`."""
    cells = knowledge.reveal(tuple(dict.fromkeys((*found["group"], *found["by"])))) if len(found) else found
    sizes = {a: cells[a].value_counts() for a in found["group"].unique()}
    pairs = set(zip(found["group"], found["by"], strict=True))
    known = {(a, b): cells.groupby(a)[b].count() for a, b in pairs}
    having = {pair: set(cells.groupby(list(pair)).size().index) for pair in pairs}

    def largest(row: Any) -> object:
        size, pair = sizes[row.group], (row.group, row.by)
        complete = size.index[known[pair].reindex(size.index) == size]  # B <> b would leave out NULL, too
        return next((a for a in complete if (a, row.by_value) not in having[pair]), None)

    found = found.assign(reference=[largest(row) for row in found.itertuples(index=False)])
    return found[found["reference"].notna()]


def columns_for(knowledge: Knowledge, wanted: Sequence[str]) -> tuple[str, ...]:
    """The columns to look at: those wanted, else the usual ones of the dataset that the ledger holds; where these are
    fewer than two, the ledger's first ones besides."""
    if wanted:
        return tuple(wanted)
    usual = [column for column in knowledge.schema.quasi_identifiers if column in knowledge.columns]
    others = [column for column in knowledge.columns if column not in usual]
    return tuple(usual + others[: max(0, 2 - len(usual))])


def _by_pair(cells: pd.DataFrame, a: str, b: str, smallest_group: int) -> pd.DataFrame:
    whole = cells.groupby(a, dropna=True)[b]
    size = whole.transform("size")
    complete = whole.transform("count") == size
    alone = cells.groupby([a, b], dropna=True)[b].transform("size") == 1
    rows = cells[(alone & complete & (size >= smallest_group)).fillna(False).to_numpy(dtype=bool)]
    return pd.DataFrame(
        {"group": a, "group_value": rows[a].astype(object), "by": b, "by_value": rows[b].astype(object),
         "size": size.loc[rows.index].astype(np.int64)},
        index=rows.index,
    )  # fmt: skip


def _nobody(cells: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(columns=["group", "group_value", "by", "by_value", "size"], index=cells.index[:0])


def with_and_without(victims: pd.DataFrame) -> list[tuple[str, str]]:
    """Per victim the WHERE conditions that hold the group with and without the victim."""
    pairs = []
    for row in victims.itertuples(index=False):
        whole = f"{quoted(row.group)} = {literal(row.group_value)}"
        pairs.append((whole, f"{whole} AND {quoted(row.by)} <> {literal(row.by_value)}"))
    return pairs


def users(schema: Schema) -> str:
    """The aggregate that counts users: the rows, where each user has one."""
    return f"count(DISTINCT {quoted(schema.uid)})" if schema.many_rows else "count(*)"


def quoted(name: str) -> str:
    """A column or table name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value as an SQL constant."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date):
        return f"'{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"


def is_amount(schema: Schema, secret: str) -> bool:
    """Whether a secret is told by sums (a number) rather than by counts of its values."""
    return schema.column(secret).kind in (Kind.INTEGER, Kind.REAL)
