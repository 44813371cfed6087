"""A CSV or Parquet file of your own."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.deriving import relations
from datasets.reading import listed, read
from harness.errors import DatasetError, QueryRefused
from harness.model import Column, Kind, Schema, Table
from harness.plugin import Dataset, param
from harness.sql import analyse, parse


@dataclass(frozen=True, kw_only=True)
class file(Dataset):
    """A CSV or Parquet file of your own.

    1. Read the columns exactly, or not at all (`datasets/reading.py` has the table of kinds). Their names stay; odd
       ones stand in double quotes in SQL. In CSV, an empty cell is NULL; among numbers NaN and infinities are NULL.
    2. Rows with the same uid are one user's. The same rows in every trial; the file's content is part of a result's
       identity.
    3. The table is called after the file, `my data.csv` is my_data; a name that SQL keeps for itself gets a `_` more.
    4. `derived` says which columns are computed from others. The ranges of labels of a number are read off the rows;
       whatever tells the secret is hidden with it from prior knowledge.

    Source: the user's.
    """

    path: str = param("", "the file; a spec that is a path ending in .csv or .parquet sets it")
    uid: str | None = param(None, "the column that tells whose a row is; required")
    secret: str | None = param(None, "the default secret; null: --secret chooses")
    derived: tuple[str, ...] = param((), 'columns computed from others, such as ["band from salary"]')

    random = False
    licence = "that of the file"
    source = "a CSV or Parquet file of your own"

    def load(self, rng: np.random.Generator) -> Table:
        if not self.path:
            raise DatasetError("The dataset file needs a path, such as staff.csv:uid=id or file:path=staff.csv,uid=id.")
        columns, frame = read(Path(self.path), self.uid)
        names = [column.name for column in columns]
        if self.uid is None:
            raise DatasetError(f"Say with uid=… which column of {self.path} tells the user: {listed(names)}.")
        uid = _known(self.uid, names, f"no column {self.uid!r}")
        if columns[names.index(uid)].kind is Kind.REAL:
            raise DatasetError(f"The uid column {uid!r} holds real numbers; write whole numbers or text.")
        if nulls := int(frame[uid].isna().sum()):
            raise DatasetError(
                f"The uid column {uid!r} is NULL in {nulls:,} of {len(frame):,} rows; name their users, or remove them."
            )
        derived, same = relations(self.derived, columns, uid, frame)
        secrets = () if self.secret is None else self._secrets(uid, names)
        schema = Schema(_table_name(self.path), columns, uid, secrets, derived=derived, same=same)
        return Table(schema, frame.sort_values(uid, kind="stable", ignore_index=True))

    def files(self) -> tuple[str, ...]:
        return (self.path,) if self.path else ()

    def _secrets(self, uid: str, names: Sequence[str]) -> tuple[str, ...]:
        assert self.secret is not None
        first = _known(self.secret, names, f"no column {self.secret!r} to be the secret")
        if first == uid:
            raise DatasetError(f"The uid column {uid!r} cannot be the secret; it is what names a user.")
        return (first, *(name for name in names if name not in (uid, first)))


def _known(name: str, names: Sequence[str], problem: str) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1)
    hint = f" Did you mean {next(n for n in names if n.lower() == near[0])!r}?" if near else ""
    raise DatasetError(f"There is {problem}; the columns are {listed(names)}.{hint}")


def _table_name(path: str) -> str:
    """The stem as a name that needs no quotes."""
    stem = unicodedata.normalize("NFKC", Path(path).stem)
    name = "".join(char if char.isalnum() else "_" for char in stem)
    if not name.strip("_"):
        return "data"
    if name[0].isdigit():
        name = f"_{name}"
    return name if _is_read(name) else f"{name}_"


def _is_read(name: str) -> bool:
    """Whether the name can stand bare in a query."""
    probe = Schema(name, (Column("x", Kind.INTEGER),), "x")
    try:
        for rest in ("", " WHERE x = 1", " GROUP BY x ORDER BY 1 LIMIT 1"):
            analyse(parse(f"SELECT count(*) FROM {name}{rest}"), probe)
    except QueryRefused:
        return False
    return True
