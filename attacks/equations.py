"""Solve for many secrets at once: counts of random sets are equations, and noise that is small enough averages out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import softmax

from attacks.decide import choose
from attacks.histograms import secret_values
from attacks.isolation import columns_for, is_amount
from attacks.selectors import SELECTORS, Population, fitting
from attacks.solvers import MOST_EXHAUSTIVE, Solve, evidence, exhaustive, least_squares, linear_program
from attacks.subset_sums import shares_in, subset_sums
from harness.errors import ParameterError
from harness.model import Inference, Kind, Schema
from harness.plugin import Attack, Knowledge, Session, param

A_PERSON = 8  # queries for each unknown, where no number is given


@dataclass(frozen=True, kw_only=True)
class equations(Attack):
    """Solve for many secrets at once: counts of random sets are equations, and noise that is small enough averages out.

    1. The unknowns are the secrets of at most `persons` users: of all, or where the table has more, of those whom one
       condition isolates (`hash`, `function`: a residue class of the uid; `conditions`: a range of it; `uid-list`: the
       list itself). The victims are drawn among them.
    2. Choose random sets of them and say each as a condition, `selector`: `uid-list` lists the members; `hash` is a
       sum of whole numbers times random factors, modulo a prime, that is even; `function` is the equality of 2018,
       floor(a * pow(uid * 2, b) + 0.5) = floor(a * pow(uid * 2, b)); `conditions` takes a random half of the values of
       some known columns. The analyst knows who is in each set without asking: uids are free, other cells are paid for.
    3. Ask how many of each set have the secret: of a secret of two values the more frequent (`histogram`: both), of
       more a histogram, a bit for each value (one-hot). Where the counts shown add up to the set, nobody has another
       value. What is refused or suppressed makes room for further sets, until `queries` are answered, twice as many
       are asked, or a whole batch gave nothing.
    4. Solve value by value (`solver`, attacks/solvers.py): least squares, with the value's share by all answers as
       prior; a linear program, bits from 0 to 1 with the least sum of errors or the least largest error (`norm`); or
       all candidates.
    5. Claim the value with the highest posterior probability: share times likelihood (estimate and standard error).

    Law, for sets of half of the users, noise of SD s a count, m counts and n users of whom half have the secret: an
    estimate has the standard error 2s/√(m − n), and a bit is right with probability Φ(√m/(4s)) where m is well above n.

    Source: Dinur and Nissim 2003; Dwork, McSherry and Talwar 2007 (l1); Cohen and Nissim 2018 (Diffix, `function`).
    Dinur and Nissim take any point of the linear program; here the one with the least error, as no bound is known.
    """

    by_uid = True
    effort = ("queries", (100, 400, 1_600, 6_400))

    selector: str = param("hash", "how sets are named in SQL", choices=tuple(SELECTORS))
    solver: str = param("least-squares", "how the equations are solved",
                        choices=("least-squares", "linear-program", "exhaustive"))  # fmt: skip
    norm: str = param("l1", "what linear-program and exhaustive make least: the sum of the errors or the largest",
                      choices=("l1", "linf"))  # fmt: skip
    queries: int | None = param(None, f"queries to be answered; null: {A_PERSON} for each unknown", low=1)
    persons: int = param(100, "unknowns, at most", unit="users", low=2, high=5_000)
    share: float = param(0.5, "the share of the unknowns in each list of uid-list", low=0.001, high=0.999)
    columns: tuple[str, ...] = param((), "known columns; empty: the usual ones of the dataset, for hash the uid")
    histogram: bool = param(False, "of a secret of two values count both in each query")
    min_confidence: float = param(0.0, "claim only at this posterior probability or more", low=0, high=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver == "exhaustive" and self.persons > MOST_EXHAUSTIVE:
            raise ParameterError(
                f"equations: persons={self.persons} is not allowed with solver=exhaustive, which goes through all "
                f"2^persons candidates; persons is at most {MOST_EXHAUSTIVE} there."
            )

    def skip(self, schema: Schema, secret: str) -> str | None:
        if is_amount(schema, secret):
            return f"equations need a secret of few values; {secret} is {schema.column(secret).kind}"
        if self.selector != "uid-list" and schema.column(schema.uid).kind is not Kind.INTEGER:
            return f"selector={self.selector} needs a uid of whole numbers; selector=uid-list takes any"
        if self.selector == "hash":
            odd = [c for c in self.columns if c in schema.names and schema.column(c).kind is not Kind.INTEGER]
            if odd:
                return f"selector=hash needs columns of whole numbers; {odd[0]} is {schema.column(odd[0]).kind}"
        return None

    def eligible(self, knowledge: Knowledge) -> pd.DataFrame:
        return pd.DataFrame(index=pd.Index(self._people(knowledge).uids, name=knowledge.schema.uid))

    def run(
        self, session: Session, knowledge: Knowledge, victims: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Inference]:
        values = secret_values(session, knowledge.secret).sort_values(ascending=False, kind="stable")
        people = self._people(knowledge)
        if values.empty and session.schema.column(knowledge.secret).kind is Kind.BOOLEAN:
            values = pd.Series(0.5, index=pd.Index([True, False], dtype=object))  # known without asking
        if values.empty:
            return
        counted = values.index[:1] if len(values) == 2 and not self.histogram else values.index
        wanted = self.queries or A_PERSON * len(people)
        _, choose_sets = SELECTORS[self.selector]
        sets = partial(choose_sets, people, share=self.share, rng=rng)
        design, answers = subset_sums(session, knowledge.secret, people, counted, len(values), sets, wanted)
        if not len(design):
            return
        shares = shares_in(design, answers, len(values))
        log = np.zeros((len(people), len(values)))
        if len(values) > 1:
            log[:, : answers.shape[1]] = evidence(design, answers, shares[: answers.shape[1]], self._solve())
        place = pd.Index(people.uids).get_indexer(victims.index)
        best, confidence = choose(softmax(log[place] + np.log(shares), axis=1), rng)
        for uid, value, sure in zip(victims.index, values.index[best], confidence, strict=True):
            if sure >= self.min_confidence:
                yield Inference(uid, value, float(sure))

    def _people(self, knowledge: Knowledge) -> Population:
        """The unknowns: the same for the same uids."""
        isolate, _ = SELECTORS[self.selector]
        schema = knowledge.schema
        people = isolate(schema.uid, fitting(self.selector, knowledge.reveal().index.to_numpy()), self.persons)
        columns = columns_for(knowledge, self.columns) if self.selector == "conditions" else ()
        columns = columns or (self.columns if self.selector == "hash" else ())
        if not columns:
            return people
        return Population(people.uid, people.uids, people.where, knowledge.reveal(columns, people.uids.tolist()))

    def _solve(self) -> Solve:
        if self.solver == "least-squares":
            return least_squares
        return (linear_program if self.solver == "linear-program" else exhaustive)(self.norm)
