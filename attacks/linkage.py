"""Joins published records with what is known of persons by other means: who has these attributes has that secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attacks.decide import choose
from attacks.isolation import columns_for, quoted, users
from attacks.matching import Column, posterior
from harness.model import Answer, Inference
from harness.plugin import Attack, Knowledge, Session, param


@dataclass(frozen=True, kw_only=True)
class linkage(Attack):
    """Joins published records with what is known of persons by other means: who has these attributes has that secret.

    1. Look up the victims' quasi-identifiers (voter lists, social media): their cells only, whoever the victims are.
    2. Ask how many records there are with each combination of the quasi-identifiers and the secret: where a defense
       publishes another table, this is that table. What is suppressed is looked for in the same without the column of
       most values, and so on down to the secret alone; each such table counts for the share of all records that the
       finer ones do not show.
    3. Match every victim with every cell. A published value is the victim's own with probability 1 − e, else it was
       changed: any word, or a number some normal distance away. e and that distance are estimated for each column from
       all victims at once (see `attacks.matching`), so where nothing was changed only full agreement counts, and where
       numbers were moved the nearest record counts most.
    4. The probability of a value of the secret is that of its cells together. Claim the most probable value.

    A victim alone with these attributes is found exactly; of several it is chance which they are, unless they agree in
    the secret (homogeneity). What stops it: secrets that were exchanged between records, by their share; groups made
    equal in the quasi-identifiers, by their size; suppression of small cells.

    Source: the slides on inference attacks (linkage); Sweeney, k-Anonymity, IJUFKS 10 (2002); the matching follows
    Fellegi and Sunter, JASA 64 (1969).
    """

    exact_against_none = False

    columns: tuple[str, ...] = param((), "the quasi-identifiers; empty: the dataset's usual ones")
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        known = knowledge.reveal(columns_for(knowledge, self.columns), list(victims.index))
        if not len(known):
            return
        names = known.nunique().sort_values(kind="stable").index.tolist()  # fewest values first
        records = self._published(session, names, knowledge.secret)
        if records.empty:
            return
        kinds = [session.schema.column(name).kind for name in names]
        columns = [
            Column.of(known[name], records[name], records["depth"].to_numpy() > i, kind.is_number or kind.is_time)
            for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
        ]
        codes, values = pd.factorize(records["secret"], use_na_sentinel=False)
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(values)))
        for rows, share in posterior(columns, records["weight"].to_numpy()):
            best, confidence = choose(np.add.reduceat(share[:, order], starts, axis=1), rng)
            for uid, value, sure in zip(known.index[rows], values[best], confidence, strict=True):
                if sure >= self.min_confidence:
                    yield Inference(uid, value, min(float(sure), 1.0))

    def _published(self, session: Session, names: list[str], secret: str) -> pd.DataFrame:
        """The cells of all tables: the columns `names`, `secret`, `depth` (how many of the names the table has), and
        `weight`, the share of all records that are in it and in no finer one."""
        table, count = quoted(session.schema.table), users(session.schema)
        sqls = [f"SELECT {count} FROM {table}"]
        for depth in range(len(names), -1, -1):
            listed = ", ".join(quoted(name) for name in (*names[:depth], secret))
            sqls.append(f"SELECT {listed}, {count} FROM {table} GROUP BY {listed}")
        total, *answers = session.query_many(sqls)
        counts = [np.nan_to_num(a.data[-1]).clip(0.0) if isinstance(a, Answer) else np.zeros(0) for a in answers]
        everybody = total.value if isinstance(total, Answer) else np.nan
        everybody = everybody if everybody > 0 else max(count.sum() for count in counts)
        tables, left = [], 1.0
        for depth, answer, count in zip(range(len(names), -1, -1), answers, counts, strict=True):
            if not isinstance(answer, Answer) or not count.sum():
                continue
            shown = min(count.sum() / everybody, 1.0)
            cells = dict(zip((*names[:depth], "secret"), (key.astype(object) for key in answer.data), strict=False))
            weight = left * shown * count / count.sum()
            tables.append(pd.DataFrame({**cells, "depth": depth, "weight": weight}, dtype=object)[weight > 0])
            left *= 1.0 - shown
        if not tables:
            return pd.DataFrame()
        records = pd.concat(tables, ignore_index=True).reindex(columns=[*names, "secret", "depth", "weight"])
        return records.astype({"depth": int, "weight": float})
