"""Columns computed from others: what a text such as "band from salary" says of a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from datasets.reading import listed
from harness.errors import DatasetError
from harness.model import Column, Derived, Kind

WORD = " from "


def relations(
    texts: Sequence[str], columns: Sequence[Column], uid: str, frame: pd.DataFrame
) -> tuple[tuple[Derived, ...], tuple[tuple[str, ...], ...]]:
    """`Schema.derived` and `Schema.same` of such texts.

    Labels (text) of a number are ranges of it, so that a defense that changes the number can compute them anew; of
    any other pair only this is known, that one tells the other. Raises DatasetError where the rows say otherwise.
    """
    kinds = {column.name: column.kind for column in columns}
    derived: list[Derived] = []
    same: list[tuple[str, ...]] = []
    sources: dict[str, str] = {}
    for text in texts:
        column, source = _pair(text, list(kinds))
        if uid in (column, source) or column == source:
            raise DatasetError(f"derived {text!r} is not possible: a column is computed from another, and not the uid.")
        if column in sources:
            raise DatasetError(f"The column {column!r} is derived twice; name its one source.")
        sources[column] = source
        if kinds[column] is Kind.TEXT and kinds[source].is_number:
            derived.append(_ranges(column, source, frame))
        else:
            _check_told(column, source, frame)
            same.append((column, source))
    return tuple(derived), tuple(same)


def _pair(text: str, names: list[str]) -> tuple[str, str]:
    """The two columns that the text names, wherever " from " stands in their names."""
    starts = [i for i in range(len(text)) if text.startswith(WORD, i)]
    pairs = [(text[:i], text[i + len(WORD) :]) for i in starts]
    pairs = [pair for pair in pairs if set(pair) <= set(names)]
    if len(pairs) == 1:
        return pairs[0]
    if pairs:
        raise DatasetError(f"derived {text!r} can be read in {len(pairs)} ways; rename a column.")
    raise DatasetError(f'derived {text!r} does not name two columns as "x from y"; the columns are {listed(names)}.')


def _ranges(column: str, source: str, frame: pd.DataFrame) -> Derived:
    """The labels in the order of the values that they cover, each from its least value on."""
    wrong = f"The column {column!r} is not computed from {source!r}"
    if (frame[column].isna() != frame[source].isna()).any():
        raise DatasetError(f"{wrong}: in some rows one of the two is NULL and the other is not.")
    spans = frame.groupby(column)[source].agg(["min", "max"]).sort_values(["min", "max"])
    ranges = list(zip(spans.index, spans["min"], spans["max"], strict=True))
    for (label, _, top), (other, least, _) in pairwise(ranges):
        if top >= least:
            raise DatasetError(f"{wrong}: its values {label!r} and {other!r} cover ranges of {source!r} that overlap.")
    if not ranges:
        raise DatasetError(f"{wrong}: it is NULL everywhere.")
    found = Derived(column, source, tuple(float(least) for _, least, _ in ranges[1:]), tuple(spans.index))
    if found.of(frame[source]).tolist() != frame[column].tolist():
        raise DatasetError(f"{wrong} as far as can be told: numbers beyond 2^53 cannot be told apart.")
    return found


def _check_told(column: str, source: str, frame: pd.DataFrame) -> None:
    if (frame.groupby(source, dropna=False)[column].nunique(dropna=False) > 1).any():
        raise DatasetError(
            f"The column {column!r} is not computed from {source!r}: rows with one value of {source!r} differ in it."
        )
