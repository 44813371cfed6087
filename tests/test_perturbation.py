"""Data-stage defenses: the functions on arrays, exactly and by moments, and what they do to a table and to SQL."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from defenses.distributions import CANDIDATES, LARGEST_SAMPLE, fitted
from defenses.nielson import nielson
from defenses.perturbation import by_rank, outward, scaled, shifted, signed
from harness import registry
from harness.cli import main
from harness.model import Answer, Column, Derived, Kind, Refused, Schema, Table
from harness.seeds import generator
from harness.session import LocalSession
from harness.trial import engines

PAGES = ("data-perturbation", "data-perturbation:kind=add", "liew", "nielson", "nielson:rule=first-gamma")
SCHEMA = Schema(
    table="staff",
    columns=(
        Column("uid", Kind.INTEGER),
        Column("team", Kind.TEXT),
        Column("pay", Kind.INTEGER),
        Column("height", Kind.REAL),
        Column("band", Kind.TEXT),
    ),
    uid="uid",
    secrets=("band",),
    derived=(Derived("band", "pay", (1000.0, 2000.0), ("low", "middle", "high")),),
)


class Fixed:
    """A generator that gives these uniform numbers again and again."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = np.array(numbers)

    def random(self, shape: Any, out: np.ndarray | None = None) -> np.ndarray:
        found = np.resize(self.numbers, shape)
        if out is None:
            return found
        out[:] = found
        return out


def staff(size: int = 200, seed: int = 1, rows_of_a_user: int = 1) -> Table:
    rng = np.random.default_rng(seed)
    pay = pd.array(rng.integers(500, 3000, size), dtype="Int64")
    pay[rng.random(size) < 0.1] = pd.NA
    height = rng.normal(170.0, 10.0, size)
    height[rng.random(size) < 0.1] = np.nan
    teams = rng.choice(np.array(["red", "blue", "small", None], dtype=object), size, p=[0.5, 0.4, 0.05, 0.05])
    frame = pd.DataFrame({"uid": np.arange(size) // rows_of_a_user, "team": teams, "pay": pay, "height": height})
    return Table(SCHEMA, frame.assign(band=None)).with_frame(frame)


def protected(spec: str, table: Table, seed: int = 1) -> Table:
    return registry.defense(spec)[0].protect(table, np.random.default_rng(seed))


def asked(spec: str, table: Table, sql: str, seed: int = 1) -> Answer | Refused:
    defense, _ = registry.defense(spec)
    pair = engines(table, defense, seed, 0)
    try:
        return LocalSession(table.schema, pair[0], defense, generator("noise", seed)).query(sql)
    finally:
        for engine in set(pair):
            engine.close()


# The functions on arrays


def test_data_perturbation_multiplies_or_adds():
    rng: Any = Fixed(0.0, 0.5, 0.75)
    values = np.array([100.0, -10.0, 4.0])
    np.testing.assert_allclose(scaled(values, rng, 0.2), [80.0, -10.0, 4.4])
    np.testing.assert_allclose(shifted(values, rng, 0.5), [100 - 19.0, -10.0, 4 + 9.5])
    room = np.empty(3)
    assert scaled(values, rng, 0.2, out=room) is room


def test_nielson_goes_outward_by_beta_to_alpha():
    rng: Any = Fixed(0.0, 0.25, 0.5, 0.75, 1.0)  # −1, −½, 0, ½, 1 times
    np.testing.assert_allclose(signed(rng, (5,), 2.0, 1.0), [-2.0, -1.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(outward(np.full(5, 10.0), rng, 2.0, 1.0), [-10.0, -5.0, 20.0, 25.0, 30.0])


def test_nielson_is_unbiased_and_uniform_between_its_bounds():
    noise = signed(np.random.default_rng(1), (100_000,), 2.09, 1.18)
    size = np.abs(noise)
    assert (size >= 1.18).all()
    assert (size <= 2.09).all()
    assert abs((noise > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(100_000)
    assert abs(size.mean() - 1.635) < 5 * (0.91 / math.sqrt(12)) / math.sqrt(100_000)


def test_swapping_in_by_rank_keeps_the_order_and_the_sample():
    values = np.array([[3.0, 1.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    sample = np.array([[40.0, 10.0, 30.0, 20.0], [7.0, 5.0, 8.0, 6.0]])
    assert by_rank(values, sample.copy()).tolist() == [[40.0, 10.0, 30.0, 20.0], [5.0, 6.0, 7.0, 8.0]]
    assert by_rank(values[1:], sample[1:].copy()).tolist() == [[5.0, 6.0, 7.0, 8.0]]


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 7), (2, 3, 7)])
@pytest.mark.parametrize("change", [scaled, shifted, outward, lambda v, rng: by_rank(v, rng.random(v.shape))])
def test_every_function_keeps_the_shape_and_works_row_by_row(change: Callable[..., np.ndarray], shape: tuple[int, ...]):
    values = np.random.default_rng(1).normal(5.0, 3.0, shape)
    before = values.copy()
    whole = change(values, np.random.default_rng(2))
    assert whole.shape == shape
    assert np.array_equal(values, before)
    rng = np.random.default_rng(2)
    rows = [change(row, rng) for row in values.reshape(-1, shape[-1])]
    np.testing.assert_allclose(whole.reshape(-1, shape[-1]), rows, rtol=1e-12)


# What Liew's perturbation draws from

SHAPES = {
    "normal": lambda rng, n: rng.normal(-50.0, 9.0, n),
    "lognormal": lambda rng, n: rng.lognormal(3.0, 0.6, n),
    "uniform": lambda rng, n: rng.uniform(50.0, 150.0, n),
    "gamma": lambda rng, n: rng.gamma(2.0, 30.0, n),
    "empirical": lambda rng, n: rng.choice([0.0, 0.0, 0.0, 5000.0, 7000.0], n),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_distribution_of_the_data_is_recognised_and_its_moments_kept(name: str):
    rng = np.random.default_rng(8)
    values = SHAPES[name](rng, 20_000)
    found = fitted(values, rng)
    assert found.name == name
    sample = found.draw(rng, (20_000,))
    fourth = np.mean((values - values.mean()) ** 4) / values.var() ** 2
    assert abs(sample.mean() - values.mean()) < 5 * values.std() / math.sqrt(20_000)
    assert abs(sample.std() / values.std() - 1) < 5 * math.sqrt((fourth - 1) / 4 / 20_000) + 0.01


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_that_is_named_has_mean_and_standard_deviation_of_the_data(name: str):
    rng = np.random.default_rng(3)
    values = rng.gamma(9.0, 10.0, 5_000)
    found = fitted(values, rng, name)
    sample = found.draw(rng, (200_000,))
    assert found.name == name
    assert abs(sample.mean() - values.mean()) < 5 * values.std() / math.sqrt(200_000)
    assert abs(sample.std() / values.std(ddof=1) - 1) < 0.01


def test_the_distance_is_scipys():
    from scipy import stats

    values = np.random.default_rng(4).gamma(2.0, 30.0, 500)
    mean, sd = values.mean(), values.std(ddof=1)
    theirs = stats.kstest(values, stats.norm(mean, sd).cdf).statistic
    assert fitted(values, np.random.default_rng(1), "normal").distance == pytest.approx(theirs, abs=1e-12)
    order = (mean / sd) ** 2
    theirs = stats.kstest(values, stats.gamma(order, scale=mean / order).cdf).statistic
    assert fitted(values, np.random.default_rng(1), "gamma").distance == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("wanted", ["fit", *CANDIDATES, "empirical"])
@pytest.mark.parametrize("values", [[7.0], [7.0] * 9, [0.0] * 3, [-1.0, 1.0]])
def test_what_no_candidate_fits_is_drawn_from_the_data(values: list[float], wanted: str):
    rng = np.random.default_rng(1)
    found = fitted(np.array(values), rng, wanted)
    sample = found.draw(rng, (50,))
    assert np.isfinite(sample).all()
    if len(set(values)) == 1:
        assert found.name == "empirical"
        assert set(sample) == set(values)
    elif wanted in ("lognormal", "gamma"):
        assert found.name == "empirical"


def test_a_long_column_is_fitted_on_a_sample():
    values = np.arange(3.0 * LARGEST_SAMPLE)
    found = fitted(values, np.random.default_rng(1), "empirical")
    assert found.mean != values.mean()
    assert abs(found.mean / values.mean() - 1) < 5 / math.sqrt(3 * LARGEST_SAMPLE)


# What is done to a table


@pytest.mark.parametrize("spec", PAGES[:4])
def test_numbers_change_and_nothing_else(spec: str):
    table = staff()
    made = protected(spec, table)
    frame = made.frame if made.stored is None else made.stored
    for name in ("uid", "team"):
        assert frame[name].equals(table.frame[name])
    for name in ("pay", "height"):
        assert (frame[name].isna() == table.frame[name].isna()).all()
        known = frame[name].notna()
        assert (frame[name][known] != table.frame[name][known]).mean() > 0.95
    assert frame["pay"].dtype == "Int64"
    assert frame["band"].equals(pd.Series(SCHEMA.derived[0].of(frame["pay"])))
    assert frame["band"].tolist() != table.frame["band"].tolist()
    assert table.frame.equals(staff().frame)


@pytest.mark.parametrize("spec", PAGES[:4])
def test_only_the_columns_that_are_named_change(spec: str):
    made = protected(f"{spec}{',' if ':' in spec else ':'}columns=height", staff())
    frame = made.frame if made.stored is None else made.stored
    assert frame[["pay", "band"]].equals(staff().frame[["pay", "band"]])
    assert not frame["height"].equals(staff().frame["height"])


@pytest.mark.parametrize("spec", PAGES)
def test_one_row_all_equal_and_all_null_columns(spec: str):
    for size in (1, 2, 5):
        table = staff(size)
        frame = table.frame.assign(pay=np.full(size, -3), height=np.full(size, np.nan))
        made = protected(spec, table.with_frame(frame))
        assert made.frame["height"].isna().all()
        assert made.frame["pay"].dtype == np.int64
        assert isinstance(asked(spec, table.with_frame(frame), "SELECT sum(pay), avg(height) FROM staff"), Answer)


def test_whole_numbers_stay_in_the_range_of_integers():
    table = staff(3)
    frame = table.frame.assign(pay=np.array([2**63 - 1, -(2**63), 10]))
    assert (
        np.abs(protected("data-perturbation:f=1.0", table.with_frame(frame)).frame["pay"].astype(float)).max()
        <= 2.0**63
    )
    assert protected("data-perturbation:f=0", table).frame.equals(table.frame)


@pytest.mark.parametrize("spec", PAGES)
def test_a_table_or_column_that_cannot_be_perturbed_is_skipped_with_a_reason(spec: str):
    words = Schema("t", (Column("uid", Kind.INTEGER), Column("word", Kind.TEXT)), uid="uid")
    assert "no column of numbers" in str(registry.defense(spec)[0].skip(words))
    assert registry.defense(spec)[0].skip(SCHEMA) is None
    for wrong in ("uid", "team", "band", "nothing"):
        named = registry.defense(f"{spec}{',' if ':' in spec else ':'}columns=[{wrong},pay]")[0]
        assert "pay, height" in str(named.skip(SCHEMA))


def test_liew_keeps_ranks_and_says_what_it_took(capsys: pytest.CaptureFixture[str]):
    table = staff(300)
    made = protected("liew", table)
    known = table.frame["height"].notna()
    before, after = table.frame["height"][known], made.frame["height"][known]
    assert before.rank().tolist() == after.rank().tolist()
    assert [row["column"] for row in made.made["distributions"]] == ["pay", "height"]
    forced = protected("liew:distribution=gamma", table).made["distributions"]
    assert {row["distribution"] for row in forced} == {"gamma"}
    words = [
        "query",
        "--defense",
        "liew",
        "--dataset",
        "employees:size=50",
        "--explain",
        "SELECT count(*) FROM employees",
    ]
    assert main(words) == 0
    assert "Distributions" in capsys.readouterr().out


# Nielson's rules behind SQL

GROUPED = "SELECT team, count(*), sum(pay), avg(height), min(pay) FROM staff {} GROUP BY team"


def expected(
    table: Table, stored: pd.DataFrame, where: Callable[[pd.DataFrame], Any], gamma: float
) -> dict[Any, list[float]]:
    """The slow way: each bucket of γ true records or more from the table, all others from the stored version."""
    found: dict[Any, list[float]] = {}
    large = {team for team, rows in table.frame[where(table.frame)].groupby("team", dropna=False) if len(rows) >= gamma}
    for frame, wanted in ((table.frame, True), (stored, False)):
        for team, rows in frame[where(frame)].groupby("team", dropna=False):
            if (team in large) == wanted:
                pay = rows["pay"].astype("Float64").to_numpy(na_value=np.nan)
                key = None if not isinstance(team, str) else team
                found[key] = [len(rows), np.nansum(pay), rows["height"].mean(), np.nanmin(pay)]
    return found


@pytest.mark.parametrize("gamma", [0.0, 9.0, 66.87, 1000.0])
@pytest.mark.parametrize("condition", ["", "WHERE pay > 1200"])
@pytest.mark.parametrize("rows_of_a_user", [1, 2])
def test_small_buckets_are_answered_from_the_stored_values(gamma: float, condition: str, rows_of_a_user: int):
    table = staff(rows_of_a_user=rows_of_a_user)
    spec = f"nielson:gamma={gamma}"
    stored = registry.defense(spec)[0].protect(table, generator(1, "protect", 0)).stored
    assert stored is not None

    def where(frame: pd.DataFrame) -> Any:
        return (frame["pay"] > 1200).fillna(False) if condition else np.full(len(frame), True)

    answer = asked(spec, table, GROUPED.format(condition))
    assert isinstance(answer, Answer)
    slow = expected(table, stored, where, gamma)
    assert answer["team"].tolist() == sorted((key for key in slow if key), key=str) + [None] * (None in slow)
    for team, *values in answer.rows:
        np.testing.assert_allclose(np.array(values, dtype=float), slow[team], rtol=1e-9)
    total = asked(spec, table, f"SELECT sum(pay) FROM staff {condition}")
    frame = table.frame if where(table.frame).sum() >= gamma else stored
    assert isinstance(total, Answer)
    assert total["sum"].tolist() == [frame["pay"][where(frame)].sum()]


def test_stored_noise_is_the_same_for_every_question():
    table, sql = staff(40), "SELECT sum(pay) FROM staff WHERE team = 'red'"
    defense, _ = registry.defense("nielson")
    pair = engines(table, defense, 1, 0)
    session = LocalSession(SCHEMA, pair[0], defense, generator("noise", 1))
    answers = session.query_many([sql] * 5)
    assert len({answer["sum"][0] for answer in answers if isinstance(answer, Answer)}) == 1
    for engine in pair:
        engine.close()


class Ones:
    """A generator whose noise is always + x · α."""

    def random(self, shape: Any) -> np.ndarray:
        return np.ones(shape)

    def spawn(self, number: int) -> list[np.random.Generator]:
        return np.random.default_rng(0).spawn(number)


@pytest.mark.parametrize("gamma", [0.0, 5.5, 1000.0])
@pytest.mark.parametrize("rows_of_a_user", [1, 2])
def test_the_first_records_of_a_query_are_perturbed(gamma: float, rows_of_a_user: int):
    table = staff(rows_of_a_user=rows_of_a_user)
    defense = nielson(rule="first-gamma", gamma=gamma, alpha=2.0)
    engine = engines(table, defense, 1, 0)[0]
    session = LocalSession(SCHEMA, engine, defense, Ones())  # type: ignore[arg-type]
    answer = session.query("SELECT team, count(*), sum(pay), avg(height) FROM staff WHERE height > 160 GROUP BY team")
    engine.close()
    assert isinstance(answer, Answer)
    chosen = table.frame[table.frame["height"] > 160]
    assert len(answer) == chosen["team"].nunique(dropna=False)
    for team, count, total, mean in answer.rows:
        rows = chosen[chosen["team"].isna() if team is None else chosen["team"] == team]
        pay, height = (rows[name].dropna().to_numpy(dtype=float) for name in ("pay", "height"))
        assert count == len(rows)
        assert total == pytest.approx(pay.sum() + 2 * pay[: int(gamma)].sum())
        assert mean == pytest.approx((height.sum() + 2 * height[: int(gamma)].sum()) / len(height))


def test_what_needs_the_noise_of_each_record_is_refused():
    for item in ("min(pay)", "max(height)", "sum(DISTINCT pay)"):
        said = asked("nielson:rule=first-gamma", staff(), f"SELECT {item} FROM staff")
        assert isinstance(said, Refused)
        assert said.rule == "nielson-first-gamma"
    for item in ("min(uid)", "count(DISTINCT pay)"):
        assert isinstance(asked("nielson:rule=first-gamma", staff(), f"SELECT {item} FROM staff"), Answer)
    assert isinstance(asked("nielson:rule=first-gamma,columns=pay", staff(), "SELECT min(height) FROM staff"), Answer)


@pytest.mark.parametrize("rows_of_a_user", [1, 2])
def test_hybrids_ask_for_everything_at_once(rows_of_a_user: int):
    spec = "nielson:rule=first-gamma,gamma=3+nielson:gamma=20+liew+k-threshold:k=4+diffix"
    answer = asked(
        spec, staff(rows_of_a_user=rows_of_a_user), "SELECT team, count(*), sum(pay) FROM staff GROUP BY team"
    )
    assert isinstance(answer, Answer)
    assert len(answer) >= 2
