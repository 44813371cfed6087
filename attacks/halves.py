"""Halves that add up: splits of a set by the values of a column, and what pairs of halves say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from attacks import amounts
from attacks.isolation import literal, quoted, users
from harness.model import Answer
from harness.plugin import Session

TRIED = 2  # candidates looked at for each pair that is wanted

Split = tuple[str, str, str]  # column, condition of one half, condition of the other


def splits_by(session: Session, columns: Sequence[str]) -> list[Split]:
    """The splits by every listed value of the columns, the most balanced first. A column that lists NULL has none."""
    table = quoted(session.schema.table)
    listed = session.query_many(
        [f"SELECT {quoted(c)}, {users(session.schema)} FROM {table} GROUP BY 1" for c in columns]
    )
    found: list[tuple[float, Split]] = []
    for column, answer in zip(columns, listed, strict=True):
        if not isinstance(answer, Answer) or any(value is None for value in answer.data[0]):
            continue
        counts = np.nan_to_num(answer.data[1])
        for value, part in zip(answer.data[0], counts / max(counts.sum(), 1.0), strict=True):
            name, constant = quoted(column), literal(value)
            found.append((abs(part - 0.5), (column, f"{name} = {constant}", f"{name} <> {constant}")))
    return [split for _, split in sorted(found, key=lambda entry: entry[0])]


def sums_of_pairs(
    groups: Sequence[tuple[str, ...]],
    columns: Sequence[set[str]],
    candidates: list[Split],
    number: int,
    ask: Callable[[list[str]], np.ndarray],
) -> np.ndarray:
    """The sums of the pairs that were answered, (G, S, K, B) for G groups of K conditions each, S pairs, `number` at
    most, and the B cells of an answer; NaN where a half was not shown. `columns`: not to split a group by.
    """
    own = [[split for split in candidates if split[0] not in by][: TRIED * number] for by in columns]
    place, kept = [0] * len(groups), [[] for _ in groups]
    while True:
        ends = [at + number - len(found) for at, found in zip(place, kept, strict=True)]
        todo = [(g, split) for g, end in enumerate(ends) for split in own[g][place[g] : end]]
        if not todo:
            break
        answers = ask([f"{where} AND {half}" for g, split in todo for where in groups[g] for half in split[1:]])
        halves = answers.reshape(len(todo), len(groups[0]), 2, -1)
        for (g, _), sums in zip(todo, halves.sum(axis=2), strict=True):
            place[g] += 1
            if (~np.isnan(sums)).any(axis=1).all():
                kept[g].append(sums)
    cells = halves.shape[-1] if any(own) else 1
    padded = np.full((len(groups), max(map(len, kept), default=0), len(groups[0]), cells), np.nan)
    for g, sums in enumerate(kept):
        padded[g, : len(sums)] = np.reshape(sums, padded[g, : len(sums)].shape)
    return padded


def numbers(session: Session, aggregates: list[str], conditions: list[str]) -> np.ndarray:
    """The aggregates under each condition, NaN where there is no answer, (C, A)."""
    select = f"SELECT {', '.join(aggregates)} FROM {quoted(session.schema.table)} WHERE"
    return amounts.numbers_of(session.query_many([f"{select} {where}" for where in conditions]), len(aggregates))


def mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The mean of those that are not NaN, NaN where there is none."""
    known = (~np.isnan(values)).sum(axis=axis)
    return np.where(known > 0, np.nansum(values, axis=axis) / np.maximum(known, 1), np.nan)
