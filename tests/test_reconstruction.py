"""The attack that solves block tables: what it reads off a publication is true, and who stops it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from attacks.fitting import Budget, Domain, Interval, Statistic
from attacks.fitting.likely import Sample, weights
from attacks.publication import Publication, listed, published, without_implied
from defenses import BUILTIN as DEFENSES
from harness import registry
from harness.engine import DuckEngine
from harness.model import Table
from harness.seeds import generator
from harness.session import LocalSession
from tests.conftest import judged, kappas
from tests.nulls import against_a_permuted_truth, against_noise, is_nothing

ATTRIBUTES = ("sex", "race", "married")
SMALL = "block:size=60,least=5,most=12"


def people() -> Table:
    return registry.dataset("block:size=120")[0].load(generator(5))


def publication(table: Table, defense: str) -> tuple[Publication, dict]:
    built = registry.defense(defense)[0]
    session = LocalSession(table.schema, DuckEngine(table, b"s" * 32), built, np.random.default_rng(0))
    values = listed(session, ATTRIBUTES)
    return published(session, "block", "age", ATTRIBUTES, 2, range(5, 100, 5), None), values


def admits(statistic: Statistic, measures: list[int]) -> bool:
    """By the definition of count, mean and median; a group of unknown size has at least half on either side."""
    if not statistic.low <= len(measures) <= statistic.high:
        return False
    if not measures:
        return True
    within = {"mean": Fraction(sum(measures), len(measures)), "median": Fraction(median(map(Fraction, measures)))}
    for name, value in within.items():
        ends = getattr(statistic, name)
        if ends is not None and not (isinstance(ends, Interval) and ends.low <= value <= ends.high):
            return False
    return True


@pytest.mark.parametrize(
    ("defense", "base", "hidden", "slack"),
    [
        ("none", 1, 0, 0.5),
        ("k-threshold", 1, 4, 0.5),
        ("rounding:base=4", 4, 1, 0.5),
        *(
            pytest.param(*case, marks=pytest.mark.science)
            for case in (
                ("k-threshold:k=3", 1, 2, 0.5),
                ("rounding", 5, 1, 0.5),
                ("rounding:kind=random,base=3", 3, 0, 1.0),
                ("k-threshold+rounding:base=3", 3, 6, 0.5),
            )
        ),
    ],
)
def test_the_truth_fits_what_is_read_off_a_publication(defense: str, base: int, hidden: int, slack: float):
    table = people()
    tables, values = publication(table, defense)
    assert tables.whole
    assert tables.base == base
    assert tables.hidden == hidden
    domain = Domain.of("age", 0, 115, values)
    for block, own in table.frame.groupby("block"):
        rows = [own[name].to_numpy() for name in ("age", *ATTRIBUTES)]
        kinds = [np.flatnonzero(np.logical_and.reduce([domain.columns[n] == v for n, v in
                 zip(("age", *ATTRIBUTES), row, strict=True)]))[0] for row in zip(*rows, strict=True)]  # fmt: skip
        for statistic in tables.statistics(domain, values, block, slack):
            measures = [int(domain.measure[kind]) for kind in kinds if statistic.group[kind]]
            assert admits(statistic, measures), (block, statistic, measures)


def test_hidden_cells_inside_hidden_cells_say_nothing():
    groups = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    hidden = [Statistic(str(i), group, 0, 2) for i, group in enumerate(groups)]
    shown = Statistic("shown", groups[1], 3, 3)
    assert [s.name for s in without_implied([*hidden, shown])] == ["0", "3", "shown"]
    assert [s.name for s in without_implied([*hidden[1:3], hidden[4]])] == ["1", "4"]


def test_noise_is_seen():
    assert not publication(people(), "sticky")[0].whole


def test_without_a_defense_it_knows_who_lives_there():
    """Certain claims are right without exception; where two persons of one sex and age differ, nothing is certain."""
    result = judged("none", "reconstruction", SMALL, victims=8)
    result.close()
    assert result.score.claims == result.score.attempts == 8
    right = {uid: result.truth.people.loc[uid, "race"] for uid in result.outcome.victims}
    sure = [claim for claim in result.outcome.claims if claim.confidence == 1.0]
    assert len(sure) >= 6
    assert all(claim.value == right[claim.uid] for claim in sure)
    assert result.score.prior_cells == 3 * 8, "block, sex and age of the victims"


def test_a_rival_says_what_is_possible_and_is_no_part_of_the_sample():
    """Two persons of one sex: what is told of one victim does not depend on which was asked about before."""
    domain = Domain.of("age", 0, 3, {"race": ("a", "b", "c")})
    everybody = Statistic("", np.ones(len(domain), dtype=bool), 2, 2)
    age, race = domain.columns["age"], domain.columns["race"]
    young, old = age <= 1, age >= 2
    system = [everybody, Statistic("young", young, 1, 1)]
    (one, other) = (int(np.flatnonzero(group & (race == "a"))[0]) for group in (young, old))

    def sample(complete: bool) -> Sample:
        return Sample(domain, system, [(one, other)], complete)

    asked = sample(complete=False)
    told = [asked.shares(group, race, Budget(work=1.0)) for group in (young, old, young)]
    assert told == [({"a": 1.0}, False)] * 3
    assert len(asked.rivals) in (1, 2), "the answer to one question may serve the next"
    assert asked.databases == [(one, other)]
    assert sample(complete=True).shares(young, race, Budget(work=1.0)) == ({"a": 1.0}, True)
    only = Sample(domain, [*system, Statistic("b or c", race != "a", 0, 0)], [(one, other)], complete=False)
    assert only.shares(old, race, Budget(work=1.0)) == ({"a": 1.0}, True), "no rival: proven"


@pytest.mark.parametrize(("secret", "prior"), [("married", 3), ("age", 2)])
def test_other_secrets(secret: str, prior: int):
    """The age of someone of whom only block and sex are known is rarely certain."""
    result = judged("none", "reconstruction", SMALL, victims=5, secret=secret)
    result.close()
    assert (result.score.claims, result.score.prior_cells) == (5, prior * 5)
    right = {uid: result.truth.people.loc[uid, secret] for uid in result.outcome.victims}
    assert all(claim.value == right[claim.uid] for claim in result.outcome.claims if claim.confidence == 1.0)


def test_what_nobody_fits_is_claimed_only_when_forced():
    forced = judged("sticky", "reconstruction", SMALL, victims=5)
    choosy = judged("sticky", "reconstruction:min_confidence=0.01", SMALL, victims=5)
    for result in (forced, choosy):
        result.close()
    assert [claim.confidence for claim in forced.outcome.claims] == [0.0] * 5
    assert not choosy.outcome.claims


def test_it_says_what_it_needs():
    page = registry.attack("reconstruction")[0]
    schema = registry.dataset("employees")[0].load(generator(1)).schema
    assert "needs the columns block and age" in page.skip(schema, "salary_band")
    assert page.skip(people().schema, "race") is None


def test_blocks_have_the_sizes_and_rules_that_they_say():
    frame = registry.dataset("block")[0].load(generator(2)).frame
    sizes = frame.groupby("block").size()
    assert len(frame) == 2_000
    assert (sizes.min(), sizes.max()) >= (5, 40)
    assert sizes.max() <= 54
    assert frame.loc[frame["married"], "age"].min() >= 18
    alike = frame.groupby("block")["race"].agg(lambda race: race.value_counts(normalize=True).iloc[0]).mean()
    assert alike > frame["race"].value_counts(normalize=True).iloc[0], "people of a block are more alike"


OFTEN = ("query-budget", "diffix")  # refusals, and fractions with suppression


@pytest.mark.parametrize(
    "defense", [*OFTEN, *(pytest.param(name, marks=pytest.mark.science) for name in DEFENSES if name not in OFTEN)]
)
def test_every_defense_ends_it(defense: str):
    result = judged(defense, "reconstruction:work=0.5", "block:size=40,most=10", victims=3)
    result.close()
    assert result.score.attempts == 3


@pytest.mark.science
@pytest.mark.parametrize("defense", ["k-threshold:k=3", "rounding:base=2"])
def test_suppression_and_rounding_leave_certain_claims_and_those_are_right(defense: str):
    result = judged(defense, "reconstruction", SMALL, victims=6)
    result.close()
    right = {uid: result.truth.people.loc[uid, "race"] for uid in result.outcome.victims}
    sure = [claim for claim in result.outcome.claims if claim.confidence == 1.0]
    assert sure
    assert all(claim.value == right[claim.uid] for claim in sure)


@pytest.mark.science
def test_without_a_defense_blocks_fall():
    """25 victims, guesses are right in half of the cases: 99.9 % of such guesses have a κ below 0.65."""
    assert kappas("none", "reconstruction", 1, "block", victims=25)[0] > 0.65


@pytest.mark.science
def test_nothing_comes_of_noise(tmp_path: Path):
    assert is_nothing(against_noise(tmp_path, "reconstruction", dataset=SMALL, victims=10))


@pytest.mark.science
def test_nothing_is_right_about_a_permuted_truth():
    """Persons of a block share a race more often than others: dealt out over all blocks, nothing is left."""
    assert is_nothing(against_a_permuted_truth("reconstruction", dataset=SMALL, victims=10))


def test_null_is_a_value_of_a_secret():
    domain = Domain.of("age", 0, 1, {"race": ("a", None)})
    everybody = np.ones(len(domain), dtype=bool)
    race = domain.columns["race"]
    databases = [tuple(np.flatnonzero(race == "a").tolist()), tuple(range(len(domain)))]
    shares, proven = Sample(domain, [], databases, complete=True).shares(everybody, race, Budget(work=1.0))
    assert (shares, proven) == ({"a": 0.75, None: 0.25}, True)
    assert weights(race, np.array([3.0, 1.0, 0.0, 0.0])) == {"a": 0.75, None: 0.25}
