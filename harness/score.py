"""Claims held against the truth: confidence, the statistical guess beside it, κ, κ_reach and α.

Diffix-Birch §3 defines confidence improvement κ = (C − S)/(1 − S) and strength α = L/(P + 1). κ_reach = κ · claims /
attempts adds what silence costs, so that an attack gains nothing by claiming only where it is sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import ClaimError
from harness.model import TYPICAL, Array, Claim, Inference, Linkability, SinglingOut

if TYPE_CHECKING:
    import pandas as pd

Baseline = Literal["marginal", "conditional"]
Bools = NDArray[np.bool_]

LEAST_OTHERS = 10  # the conditional baseline wants at least so many other users to look at
TOLERANCE = 0.01  # of the interquartile range of a numeric secret


@dataclass(frozen=True)
class Truth:
    """What the claims are about: one row a user, indexed by uid, and which column is the secret.

    `tolerance` is the absolute distance at which a numeric claim still is right; `members` says of each record that
    is attempted whether it is in the protected table (linkability only: then `people` are another dataset's records).
    """

    people: pd.DataFrame
    secret: str
    tolerance: float = 0.0
    members: dict[object, bool] | None = None

    @classmethod
    def of(cls, people: pd.DataFrame, secret: str, tolerance: float = TOLERANCE) -> Truth:
        """With the tolerance as a share of the secret's interquartile range (numeric secrets; else exact)."""
        import pandas as pd

        column = people[secret]
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            return cls(people, secret)
        low, high = column.quantile([0.25, 0.75])
        return cls(people, secret, float(tolerance * (high - low)))

    def permuted(self, rng: np.random.Generator) -> Truth:
        """The secret dealt out anew among the users, membership among the records of the mix: what a null test scores
        against."""
        secret = self.people[self.secret]
        dealt = secret.take(rng.permutation(len(secret))).set_axis(secret.index)
        members = self.members
        if members:
            members = dict(zip(members, rng.permutation(list(members.values())).tolist(), strict=True))
        return replace(self, people=self.people.assign(**{self.secret: dealt}), members=members)

    @cached_property
    def share_of_members(self) -> float:
        """Of the records of the mix."""
        return float(np.mean(list((self.members or {}).values())))

    def position(self, uid: object) -> int:
        """The user's row in `people`."""
        index: Any = self.people.index
        return int(index.get_loc(uid))

    @cached_property
    def exact(self) -> Truth:
        """The same without a tolerance."""
        return replace(self, tolerance=0.0)

    @cached_property
    def _matches(self) -> dict[tuple[str, str], Bools]:
        return {}

    def matches(self, column: str, value: object) -> Bools:
        """The users whose cell in `column` has that value (NULL equals None; numbers of the secret within the
        tolerance), bool (n,); not to be written to."""
        value = plain(value)
        known = self._matches.get((column, repr(value)))
        if known is None:
            known = self._matches[column, repr(value)] = self._compared(column, value)
        return known

    def _compared(self, column: str, value: object) -> Bools:
        import pandas as pd

        cells = self.people[column]
        if value is None:
            return cells.isna().to_numpy()
        if column == self.secret and self.tolerance > 0 and isinstance(value, int | float):
            return (abs(cells.to_numpy(dtype=float, na_value=np.nan) - value) <= self.tolerance).astype(bool)
        if isinstance(value, date):
            value = pd.Timestamp(value)  # the cells of a date column are midnights, which equal no plain date
        if isinstance(value, str) and pd.api.types.is_numeric_dtype(cells):
            return np.zeros(len(cells), dtype=bool)
        return (cells == value).fillna(False).to_numpy(dtype=bool)


@dataclass(frozen=True)
class TrialScore:
    """One trial's counts. `guess` is S, the mean over the claims made; every rate of no data is None."""

    attempts: int
    claims: int
    correct: int
    guess: float | None
    prior_cells: int
    learned_cells: int
    eligible: int
    users: int

    @property
    def confidence(self) -> float | None:
        return self.correct / self.claims if self.claims else None

    @property
    def kappa(self) -> float | None:
        return improvement(self.confidence, self.guess)

    @property
    def kappa_reach(self) -> float | None:
        if not self.attempts:
            return None
        if not self.claims:
            return 0.0
        return None if self.kappa is None else self.kappa * self.claims / self.attempts

    @property
    def alpha(self) -> float:
        return self.learned_cells / (self.prior_cells + 1)

    @property
    def coverage(self) -> float | None:
        return self.eligible / self.users if self.users else None


def improvement(confidence: float | None, guess: float | None) -> float | None:
    """κ = (C − S)/(1 − S); None without claims or where S = 1 (Diffix-Birch §3)."""
    if confidence is None or guess is None or guess >= 1.0:
        return None
    return (confidence - guess) / (1.0 - guess)


def judge(
    truth: Truth,
    claims: Sequence[Claim],
    victims: Sequence[object],
    revealed: pd.DataFrame,
    baseline: Baseline = "marginal",
    eligible: int | None = None,
) -> TrialScore:
    """Score one trial.

    `victims`: the uids attempted. `revealed`: bool, one row a user (as in `truth.people`) and one column a column of
    the ledger, in schema order: which cells the attack paid for.
    Raises ClaimError for a second, different claim on a cell or a claim on nobody's or nobody-asked-for cell.
    """
    claims = distinct(resolved(truth, claims, revealed), {plain(uid) for uid in victims})
    verdicts = [_verdict(truth, claim, revealed, baseline) for claim in claims]
    return TrialScore(
        attempts=len(victims),
        claims=len(claims),
        correct=sum(right for right, _ in verdicts),
        guess=float(np.mean([guess for _, guess in verdicts])) if verdicts else None,
        prior_cells=int(revealed.to_numpy().sum()),
        learned_cells=sum(len(c.attributes) if isinstance(c, SinglingOut) else 1 for c in claims),
        eligible=len(victims) if eligible is None else eligible,
        users=len(truth.people),
    )


def clean(claims: Sequence[object]) -> tuple[Claim, ...]:
    """The claims rebuilt from plain values, so that nothing of the claimant's own making is compared with the truth.

    Raises ClaimError for what is no claim, or claims no plain value.
    """
    return tuple(_clean(claim) for claim in claims)


def _clean(claim: object) -> Claim:
    if type(claim) is Inference:
        value = claim.value if claim.value is TYPICAL else _scalar(claim.value)
        return Inference(_scalar(claim.uid), value, _probability(claim.confidence))
    if type(claim) is SinglingOut:
        attributes = {(str(column), _scalar(value)) for column, value in claim.attributes}
        return SinglingOut(tuple(sorted(attributes, key=repr)), _probability(claim.confidence))
    if type(claim) is Linkability:
        return Linkability(_scalar(claim.record), _probability(claim.confidence))
    raise ClaimError(f"A claim is an Inference, SinglingOut or Linkability, not a {type(claim).__name__}.")


def _scalar(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, str):
        return str(value)
    value = plain(value)
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if value is not None and type(value) not in (bool, int, float, str, date, datetime):
        raise ClaimError(f"A claim names plain values, not a {type(value).__name__}.")
    return value


def _probability(confidence: Any) -> float:
    if not isinstance(confidence, int | float | np.floating) or not 0.0 <= confidence <= 1.0:
        raise ClaimError(f"A claim's confidence is a number from 0 to 1, not {confidence!r}.")
    return float(confidence)


def resolved(truth: Truth, claims: Sequence[Claim], revealed: pd.DataFrame) -> list[Claim]:
    """The claims with the conditional mode in the place of `TYPICAL` (ties: the value whose text sorts first)."""
    return [
        replace(claim, value=_typical(truth, claim.uid, revealed))
        if isinstance(claim, Inference) and claim.value is TYPICAL
        else claim
        for claim in claims
    ]


def distinct(claims: Sequence[Claim], victims: set[object]) -> list[Claim]:
    """The claims, each cell once. Raises ClaimError (see `judge`)."""
    cells: dict[object, Claim] = {}
    for claim in claims:
        cell, said = _cell(claim)
        if isinstance(claim, Inference) and cell not in victims:
            raise ClaimError(f"A claim was made on user {cell!r}, who is not among the victims.")
        if cell in cells and _cell(cells[cell])[1] != said:
            raise ClaimError(f"Two different claims were made on the cell of {cell!r}.")
        cells.setdefault(cell, claim)
    if len(cells) > len(victims):
        raise ClaimError(f"{len(cells)} claims were made in {len(victims)} attempts.")
    return list(cells.values())


def plain(value: Any) -> Any:
    """A NumPy or pandas scalar as a Python value; a missing one as None."""
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)) else value


def _cell(claim: Claim) -> tuple[object, object]:
    match claim:
        case Inference(uid, value):
            return plain(uid), plain(value)
        case SinglingOut(attributes):
            return tuple(sorted((c, repr(plain(v))) for c, v in attributes)), True
        case Linkability(record):
            return plain(record), True


def _verdict(truth: Truth, claim: Claim, revealed: pd.DataFrame, baseline: Baseline) -> tuple[bool, float]:
    """Whether the claim is right, and what a statistical guess would score on it."""
    match claim:
        case Inference(uid, value):
            matches = truth.matches(truth.secret, value)
            victim = truth.position(uid)
            others = _alike(truth, victim, revealed) if baseline == "conditional" else None
            return bool(matches[victim]), float(matches.mean() if others is None else matches[others].mean())
        case SinglingOut(attributes):
            return _singling_out(truth, attributes, revealed)
        case Linkability(record):
            if not truth.members or record not in truth.members:
                raise ClaimError(f"The record {record!r} is not in the mix of members and non-members.")
            return truth.members[record], truth.share_of_members


def _alike(truth: Truth, victim: int, revealed: pd.DataFrame) -> Bools:
    """The other users that share the columns revealed for the victim; the last column is dropped until at least
    `LEAST_OTHERS` remain. Which users those are only shrinks with each column, so the columns are added in order."""
    others = np.ones(len(truth.people), dtype=bool)
    others[victim] = False
    for name in revealed.columns[revealed.iloc[victim].to_numpy(dtype=bool)]:
        if name == truth.secret:
            continue
        narrower = others & truth.matches(name, truth.people[name].iloc[victim])
        if narrower.sum() < LEAST_OTHERS:
            break
        others = narrower
    return others


def _typical(truth: Truth, uid: object, revealed: pd.DataFrame) -> object:
    victim = truth.position(uid)
    alike = _alike(truth, victim, revealed)
    alike[victim] = True
    counts = truth.people[truth.secret][alike].value_counts(dropna=False)
    return min((plain(value) for value in counts.index[counts == counts.iloc[0]]), key=str)


def _singling_out(truth: Truth, attributes: Sequence[tuple[str, object]], revealed: pd.DataFrame) -> tuple[bool, float]:
    """Right when exactly one user has these very values and one of them was not known before; by chance
    n·w·(1 − w)^(n − 1) with w the product of the values' shares. The uid counts for nothing (§3.1)."""
    told = [(column, value) for column, value in attributes if column in truth.people.columns]
    columns: list[Array] = [truth.exact.matches(column, value) for column, value in told]
    if not columns:
        return False, 0.0
    users = len(truth.people)
    share = float(np.prod([matches.mean() for matches in columns]))
    holders = np.flatnonzero(np.logical_and.reduce(columns))
    chance = users * share * (1.0 - share) ** (users - 1)
    if len(holders) != 1:
        return False, chance
    known = [column in revealed.columns and bool(revealed[column].iloc[holders[0]]) for column, _ in told]
    return not all(known), chance
