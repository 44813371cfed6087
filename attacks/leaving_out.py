"""What is asked in noise exploitation: about known ways to leave victims out, and to find such ways by asking alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from attacks.changed import Seen, posterior
from attacks.descriptions import Fact, Way
from attacks.histograms import counts_of, histogram_query
from attacks.isolation import literal, quoted, users
from harness.model import Answer
from harness.plugin import Session

RARE = 3  # facts tried beside the commonest others
WAYS = 2  # of each description, those that leave the most users
COMPLEMENTS = 16  # values, the most probable ones, about which it is asked who does not have them
POSSIBLE = 1e-3  # probability below which a value is not looked at any more
ONE = 2.0  # a count below it is taken for that of a single user


@dataclass
class Inquiry:
    """What is asked about some victims, and what came of it.

    `facts`: of each victim, the rarest first. `values`: the secret's, with their shares. `repetitions`: idle conditions
    tried with each question. `enough`: the probability at which nothing more is asked about a victim.
    """

    session: Session
    secret: str
    values: pd.Series
    facts: Sequence[Sequence[Fact]]
    repetitions: int
    enough: float
    asked: np.ndarray = field(init=False)  # queries about each victim, int (V,)
    probability: np.ndarray = field(init=False)  # of each value, (V, B)
    seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        victims, values = len(self.facts), len(self.values)
        known = np.array([value is not None for value in self.values.index], dtype=bool)
        members = np.concatenate([np.eye(values, dtype=bool), ~np.eye(values, dtype=bool) & known[:, None]], axis=1)
        self.asked = np.zeros(victims, dtype=np.int64)
        self.probability = np.tile(self.values.to_numpy(), (victims, 1))
        self.seen = Seen.nothing(victims, 0, members, self.repetitions)

    def run(self) -> None:
        """Describe every victim by his rarest facts; then, where that is not enough, by one of the rarest and the
        commonest others, which leave a larger group."""
        self._describe(self.facts, any_out=True)
        for rank in range(RARE):
            self._describe([_and_common(facts, rank) for facts in self.facts], any_out=False)

    def _describe(self, orders: Sequence[Sequence[Fact]], any_out: bool) -> None:
        """Describe every victim by so many of the first facts that nobody is shown, then by one more, and so on. For
        each description ask about the best ways to leave out a fact (the first one, unless `any_out`), until enough is
        known or there are no facts left."""
        orders = [facts if self._is_open(v) else [] for v, facts in enumerate(orders)]
        shortest = self._shortest(orders)
        for further in range(max((len(facts) for facts in orders), default=0)):
            lengths = {
                v: n + further for v, n in shortest.items() if n + further <= len(orders[v]) and self._is_open(v)
            }
            described = {v: orders[v][:length] for v, length in lengths.items()}
            ways = self._ways({v: facts if any_out else facts[:1] for v, facts in described.items()}, described)
            for rank in range(WAYS):
                self._ask_about({v: found[rank] for v, found in ways.items() if len(found) > rank})

    def _is_open(self, v: int) -> bool:
        return bool(self.probability[v].max() < self.enough)

    def _shortest(self, orders: Sequence[Sequence[Fact]]) -> dict[int, int]:
        """For each victim of two facts or more the number of the first facts that are needed, two at least, so that
        those whom they describe are too few to be shown; where they always are shown, all."""
        lengths = {v: range(2, len(facts)) for v, facts in enumerate(orders) if len(facts) > 1}
        counts = iter(self._counts([(v, orders[v][:n]) for v, of_victim in lengths.items() for n in of_victim]))
        few = {v: [n for n in of_victim if not next(counts) >= ONE] for v, of_victim in lengths.items()}
        return {v: min(found, default=len(orders[v])) for v, found in few.items()}

    def _ways(self, outs: dict[int, Sequence[Fact]], described: dict[int, Sequence[Fact]]) -> dict[int, list[Way]]:
        """The ways to leave out one of these facts where the others of the description describe users who are shown,
        those with most users first."""
        found = {
            v: [Way(tuple(f for f in facts if f is not out), out) for out in outs[v]] for v, facts in described.items()
        }
        counts = iter(self._counts([(v, way.stay) for v, ways in found.items() for way in ways]))
        sized = {v: [(next(counts), way) for way in ways] for v, ways in found.items()}
        return {
            v: [way for _, way in sorted((pair for pair in ways if pair[0] >= ONE), key=lambda pair: -pair[0])]
            for v, ways in sized.items()
        }

    def _counts(self, described: Sequence[tuple[int, Sequence[Fact]]]) -> np.ndarray:
        """How many users these facts describe, NaN where they are not shown, (n,)."""
        table, count = quoted(self.session.schema.table), users(self.session.schema)
        sqls = [
            f"SELECT {count} FROM {table} WHERE {' AND '.join(fact.holds for fact in facts)}" for _, facts in described
        ]
        np.add.at(self.asked, [v for v, _ in described], 1)
        return np.array([a.value if isinstance(a, Answer) else np.nan for a in self.session.query_many(sqls)])

    def _ask_about(self, ways: dict[int, Way]) -> None:
        """One way for each victim: the histogram of the secret, and where that is not enough, who does not have a
        value, for every value that is still possible."""
        ways = {v: way for v, way in ways.items() if self._is_open(v)}
        if not ways:
            return
        values, place = len(self.values), self.seen.shared.shape[1]
        way = Seen.nothing(len(self.facts), 1, self.seen.members, self.repetitions)
        way.shared[list(ways), 0] = [len(way.stay) + 1 for way in ways.values()]
        self.seen = self.seen.beside(way)
        every = {v: list(range(values)) for v in ways}
        self._ask(place, ways, every, self._histograms)
        left = {v: self._possible(v) for v in ways if self._is_open(v)}
        if values > 2:
            self._ask(
                place, ways, {v: [values + b for b in possible] for v, possible in left.items()}, self._complements
            )

    def _possible(self, v: int) -> list[int]:
        most = np.argsort(-self.probability[v], kind="stable")[:COMPLEMENTS]
        return [int(b) for b in most if self.probability[v, b] >= POSSIBLE]

    def _ask(
        self, place: int, ways: dict[int, Way], sets: dict[int, list[int]],
        answers: Callable[[Sequence[tuple[int, str]], dict[int, list[int]]], list[np.ndarray]],
    ) -> None:  # fmt: skip
        """Ask for these sets with and without each victim, under every idle condition."""
        asked = [
            (v, i, f"{where} AND {idle}")
            for v in sets
            for i, idle in enumerate(ways[v].idle(self.repetitions))
            for where in (ways[v].whole, ways[v].without)
        ]
        counts = answers([(v, where) for v, _, where in asked], sets)
        for (v, i, _), whole, rest in zip(asked[::2], counts[::2], counts[1::2], strict=True):
            self.seen.difference[v, place, sets[v], i] = whole - rest
            self.seen.appeared[v, place, sets[v]] |= np.isnan(whole) != np.isnan(rest)
        self.probability = posterior(self.seen, self.values.to_numpy(), alone=False, idle=1)

    def _histograms(self, asked: Sequence[tuple[int, str]], _: dict[int, list[int]]) -> list[np.ndarray]:
        np.add.at(self.asked, [v for v, _ in asked], 1)
        sqls = [histogram_query(self.session, self.secret, where) for _, where in asked]
        return list(counts_of(self.session.query_many(sqls), self.values.index))

    def _complements(self, asked: Sequence[tuple[int, str]], sets: dict[int, list[int]]) -> list[np.ndarray]:
        table, column = quoted(self.session.schema.table), quoted(self.secret)
        count = users(self.session.schema)
        values = self.values.index

        def has_not(value: object) -> str:
            return f"{column} IS NOT NULL" if value is None else f"{column} <> {literal(value)}"

        sqls = [
            f"SELECT {count} FROM {table} WHERE {where} AND {has_not(values[e - len(values)])}"
            for v, where in asked
            for e in sets[v]
        ]
        np.add.at(self.asked, [v for v, _ in asked for _ in sets[v]], 1)
        answers = iter(self.session.query_many(sqls))
        return [
            np.array([a.value if isinstance(a := next(answers), Answer) else np.nan for _ in sets[v]]) for v, _ in asked
        ]


def _and_common(facts: Sequence[Fact], rank: int) -> list[Fact]:
    """One of the rarest facts, then the others from the commonest on."""
    return (
        [*facts[rank : rank + 1], *(fact for fact in reversed(facts) if fact is not facts[rank])]
        if rank < len(facts)
        else []
    )


def rarest_first(session: Session, facts: Sequence[Sequence[Fact]]) -> list[list[Fact]]:
    """Each user's facts in the order of how many have them, from the histograms of all columns; values that are not
    shown come first."""
    columns = list(dict.fromkeys(fact.column for of_user in facts for fact in of_user))
    table = quoted(session.schema.table)
    answers = session.query_many(
        [f"SELECT {quoted(c)}, {users(session.schema)} FROM {table} GROUP BY 1" for c in columns]
    )
    counts = {
        column: dict(zip(answer.data[0].tolist(), answer.data[1].tolist(), strict=True))
        for column, answer in zip(columns, answers, strict=True)
        if isinstance(answer, Answer)
    }
    return [
        sorted(of_user, key=lambda f: np.nan_to_num(counts.get(f.column, {}).get(f.value, 0.0))) for of_user in facts
    ]


def differences(session: Session, secret: str, values: pd.Series, ways: Sequence[Sequence[Way]], one: bool) -> Seen:
    """Each victim's histograms of the secret with and without him, for each of his ways; only of the most frequent
    value, which is shown most often, with `one`."""
    number = np.array([len(of_victim) for of_victim in ways])
    flat = [way for of_victim in ways for way in of_victim]
    sqls = [histogram_query(session, secret, where) for way in flat for where in (way.whole, way.without)]
    counts = counts_of(session.query_many(sqls), values.index)
    if one:
        counts[:, np.arange(len(values)) != int(np.argmax(values.to_numpy()))] = np.nan
    at = np.repeat(np.arange(len(ways)), number), np.concatenate([np.arange(n) for n in number])
    seen = Seen.nothing(len(ways), int(number.max()), np.eye(len(values), dtype=bool), 1)
    seen.difference[at] = (counts[0::2] - counts[1::2])[..., None]
    seen.appeared[at] = np.isnan(counts[0::2]) != np.isnan(counts[1::2])
    seen.shared[at] = [len(way.stay) + 1 for way in flat]
    return seen
