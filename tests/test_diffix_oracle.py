"""Diffix against the slow oracle: same salt, same noisy answers, same suppressed buckets, same refusals, whatever table
and query. A case is one generated statement on one generated table."""

from __future__ import annotations

import random
import secrets
from dataclasses import replace
from datetime import date, timedelta

import pytest

from harness.seeds import digest
from tests.grammar import AGGREGATES, plainly, statement
from tests.grammar_conditions import spelled
from tests.grammar_terms import call
from tests.oracle_comparison import SWITCHES, Tally, check, smallest
from tests.oracle_diffix import noisy_answers
from tests.oracle_queries import Aggregate, Condition, Database, Question, Switches
from tests.oracle_tables import KINDS, UID, database
from tests.oracle_terms import Col

CASES = 500  # of `make test`
FUZZ_CASES = 20_000
ASKED = 6  # statements a table


def switches(chance: random.Random) -> Switches:
    """All mechanisms on in half of the tables."""
    drawn = {name: chance.random() < 0.5 for name in SWITCHES}
    return Switches(**drawn) if chance.random() < 0.5 else Switches()


def run(one_row: bool, number: int, start: int) -> Tally:
    """So many generated cases, the first table from the seed `start`; what was met."""
    tally = Tally()
    for seed in range(start, start - (-number // ASKED)):
        chance = random.Random(seed)
        table = database(chance, one_row)
        asked = [statement(chance, table) for _ in range(ASKED)]
        drawn = switches(chance)
        try:
            check(table, asked, drawn, tally)
        except Exception:
            pytest.fail(f"Seed {seed}. {smallest(table, asked, drawn)}", pytrace=False)
    return tally


@pytest.mark.parametrize("one_row", [False, True])
def test_the_product_agrees_with_the_oracle(one_row: bool) -> None:
    """No case is skipped, and the agreement is no empty one."""
    tally = run(one_row, CASES // 2, start=0)
    assert tally["cases"] >= CASES // 2
    accepted = 1 - tally["refused"] / tally["cases"]
    print(f"{accepted:.0%} of the generated statements are accepted.")
    assert 0.4 < accepted < 0.8
    assert 0.25 < tally["shown"] / tally["buckets"] < 0.6
    assert 0.5 < tally["not NULL"] / tally["numbers"] < 0.9
    assert all(tally[f"{function} is shown"] >= 3 for function in AGGREGATES), tally
    assert all(tally[f"{function} is not shown"] >= 1 for function in AGGREGATES), tally
    assert all(tally[f"diffix-{rule}"] for rule in ("aggregate", "inequality", "or", "range", "unclear")), tally
    assert tally["noticed"] >= 30


@pytest.mark.fuzz
@pytest.mark.parametrize("one_row", [False, True])
def test_fuzz(one_row: bool) -> None:
    tally = run(one_row, FUZZ_CASES // 2, start=secrets.randbits(40))
    assert tally["cases"] >= FUZZ_CASES // 2
    assert tally["refused"] < tally["cases"] * 0.6


# Fixed tables

ZOO = Database(
    "users",
    UID,
    {UID: "integer", **KINDS},
    [
        {
            UID: user,
            "k0": (None, "", "it's", "NULL")[row % 4],
            "users": (row % 3 or None) and row % 3 * (-1 if user % 3 == 1 else 1),
            'c0" größe': -0.0 if user % 2 else user / 4,
            "h": user < 9,
            "date": date(2020, 1, 1) + timedelta(user % 5),
            "u": None,
        }
        for user in range(30)
        for row in range(user % 7 + 1)
    ],
    digest("zoo"),
)
SINGLES = replace(ZOO, rows=[{**row, UID: number} for number, row in enumerate(ZOO.rows)])
COUNT, USERS = Aggregate("count"), Aggregate("count", UID, distinct=True)
NEW_YEAR, DAY_AFTER = date(2020, 1, 1), date(2020, 1, 2)
ALL_OF_USERS = tuple(Aggregate(function, "users") for function in AGGREGATES)
FIXED = [
    Question(("k0", "users"), (COUNT, USERS, Aggregate("count", "users"), Aggregate("count", "u"))),
    Question((), (COUNT, USERS)),
    Question((), ALL_OF_USERS),
    Question(("h",), ALL_OF_USERS, (Condition("users", "not-null"),)),
    Question(("k0",), ALL_OF_USERS, (Condition("users", "null"),)),
    Question((), (COUNT, USERS, Aggregate("count", "u")), (Condition("k0", "=", ("nobody",)),)),
    Question((), (COUNT,), (Condition("k0", "in", ("", "it's", "nobody")), Condition("users", "not in", (1, 5)))),
    Question(("k0",), (COUNT,), (Condition("k0", "=", ("NULL",)), Condition("k0", "in", ("NULL", "NULL")))),
    Question(("date",), (COUNT,), (Condition("date", "in", (NEW_YEAR, DAY_AFTER)),)),
    Question((), (COUNT, *ALL_OF_USERS), (Condition("date", "in", (NEW_YEAR, DAY_AFTER)),)),
    Question(("h",), (COUNT,), (Condition('c0" größe', "=", (0.0,)), Condition("h", "<>", (False,)))),
    Question((), (Aggregate("max", "date"), Aggregate("min", "date"), Aggregate("min", "u"), Aggregate("max", "u"))),
    Question((), ALL_OF_USERS, spelled("between", 'c0" größe', (0.1, 4.9))),
    Question(("users",), (USERS,), spelled("pair with <=", "date", (NEW_YEAR, date(2020, 1, 3)))),
    Question((), (Aggregate("sum", 'c0" größe'),), spelled("pair", "users", (0, 2))),
]


TENTHS = replace(ZOO, rows=[{**row, 'c0" größe': (n % 40 + 1) / 10} for n, row in enumerate(ZOO.rows)])
LEAST = Condition("users", "<>", (-9223372036854775800,), call("round", Col("users", "integer"), -2))
MET = [
    # tenths are no doubles: 0.7 times ten is 7, and a little less in exact fractions
    Question((call("trunc", Col('c0" größe', "real"), 1),), (COUNT,), spelled("pair", "users", (0, 2))),
    # where trunc and round join two ranges or leave an end the rows are those that the query names, on no grid
    Question((), (COUNT,), (LEAST,)),
    Question(("k0",), (COUNT,), (replace(LEAST, op="="),)),
]


@pytest.mark.parametrize("snap", [True, False])
def test_what_generated_statements_met_before_agrees(snap: bool) -> None:
    for switched in (Switches(snap=snap), Switches(snap=snap, low_count=False)):
        check(TENTHS, [plainly(TENTHS, asked) for asked in MET], switched)


def test_equal_values_have_no_deviation() -> None:
    """The average of three doubles that are -0.1 is another double; NULL has no distance from it either."""
    of = 'c0" größe'
    rows = [{**ZOO.rows[0], UID: n, "users": n // 3, of: -0.1 if n < 120 or n % 3 == 0 else None} for n in range(240)]
    asked = Question(("users", "k0", "h", "date"), (Aggregate("stddev", of), Aggregate("stddev_noise", of)))
    for switched in (Switches(flatten=False, low_count=False), Switches(low_count=False)):
        check(replace(ZOO, rows=rows), [plainly(ZOO, asked)], switched)


@pytest.mark.parametrize("fixed", [ZOO, SINGLES], ids=["many rows a user", "one row a user"])
def test_a_fixed_table_agrees(fixed: Database) -> None:
    for switched in (
        Switches(),
        Switches(low_count=False),
        Switches(flatten=False, low_count=False),
        Switches(snap=False, round=True),
        Switches(shrink_and_drop=False),
    ):
        check(fixed, [plainly(fixed, asked) for asked in FIXED], switched)


def test_the_fixed_table_meets_every_rule() -> None:
    """NULL answers, shown and suppressed buckets, flattening: what agrees there is no empty agreement."""
    everything = [noisy_answers(ZOO, asked, Switches(low_count=False)) for asked in FIXED]
    assert any(None in numbers for answers in everything for numbers in answers.values())
    assert 0 < len(noisy_answers(ZOO, FIXED[0])) < len(everything[0])
    for asked, flattened in zip(FIXED[1:4], everything[1:4], strict=True):
        assert flattened != noisy_answers(ZOO, asked, Switches(low_count=False, flatten=False))
    assert all(len(noisy_answers(SINGLES, asked)) for asked in FIXED if "nobody" not in str(asked.conditions[:1]))
