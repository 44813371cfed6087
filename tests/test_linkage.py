"""Linkage: beside a linker who looks at the published rows himself, and a matcher who knows how they were changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attacks.linkage import linkage
from attacks.matching import Column, posterior
from harness import registry, stats, trial
from harness.model import Table
from harness.trial import Judged
from tests.attack_tables import Z
from tests.conftest import judged, kappas

QUASI = ["department", "gender", "age"]


def modes(rows: pd.DataFrame, secret: str) -> set[object]:
    """The most frequent secrets of some rows."""
    counts = rows[secret].value_counts(dropna=False)
    return set(counts.index[counts == counts.max()])


def claimed(result: Judged) -> dict[object, object]:
    result.close()
    return {claim.uid: claim.value for claim in result.outcome.claims}


def share_right(defense: str, dataset: str, victims: int, trials: int = 1, attack: str = "linkage") -> np.ndarray:
    """Whether each claim was right, over trials."""
    found = []
    for number in range(trials):
        result = judged(defense, attack, dataset, number, victims=victims)
        truth = result.truth.people[result.truth.secret]
        found += [truth[uid] == value for uid, value in claimed(result).items()]
    return np.array(found)


def test_without_a_defense_it_claims_what_most_of_those_alike_have():
    result = judged("none", "linkage", victims=60)
    frame = result.table.frame
    values = claimed(result)
    assert len(values) == 60
    people = frame.set_index("uid")
    for uid, value in values.items():
        alike = (frame[QUASI] == people.loc[uid, QUASI]).all(axis=1)
        assert value in modes(frame[alike], "salary_band")
    assert result.score.prior_cells == 3 * 60
    assert result.session.history.asked == 1 + 4


def alone(folder: Path, n: int = 400) -> str:
    """Everybody is alone with a number; ten secrets."""
    rng = np.random.default_rng(1)
    frame = {"id": np.arange(n), "code": 10_000 + 100 * rng.permutation(n), "group": rng.choice(list("uvw"), n)}
    pd.DataFrame(frame | {"secret": rng.choice(list("ABCDEFGHIJ"), n)}).to_csv(folder / "alone.csv", index=False)
    return f'file:path="{folder / "alone.csv"}",uid=id,secret=secret'


ALONE = "linkage:columns=[code,group]"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_swapping_stops_it_by_the_share_that_is_swapped(share: float, tmp_path: Path):
    """Of victims alone with what is known of them, those whose record took no part are found, of the others who has the
    same secret as the partner: 1 − share + share · Σ(shares of the secrets)²."""
    right = share_right(f"data-swapping:columns=secret,share={share}", alone(tmp_path), 400, attack=ALONE)
    expected = 1 - share + share * 0.1
    assert len(right) == 400
    assert abs(right.mean() - expected) <= Z * np.sqrt(expected * (1 - expected) / 400) + 0.005, right.mean()


@pytest.mark.parametrize("k", [2, 5, 20])
def test_equal_groups_leave_a_group_s_most_frequent_secret(k: int, tmp_path: Path):
    """Each group of k or more is shown with its mean code. The nearest mean is mostly the own group's, and then no more
    can be had than what most in it have who agree in the other column."""
    defense = f"microaggregation:k={k},by=code,columns=code"
    result = judged(defense, ALONE, alone(tmp_path), victims=400)
    shown = trial.published(result.table, result.defense, 1, 0).frame
    assert shown["code"].value_counts().min() >= k
    best = shown.groupby(["code", "group"])["secret"].agg(lambda s: s.value_counts().iloc[0]).sum() / len(shown)
    truth = result.truth.people["secret"]
    right = np.mean([truth[uid] == value for uid, value in claimed(result).items()])
    assert abs(right - best) <= Z * np.sqrt(best * (1 - best) / 400)
    assert {2: 0.6, 5: 0.4, 20: 0.2}[k] < best < {2: 0.8, 5: 0.6, 20: 0.4}[k]


def test_numbers_that_were_moved_are_matched_by_the_nearest(tmp_path: Path):
    """Codes are 100 apart with a mean of 29,950, and moved by up to 60: nobody who looks for equal codes finds anybody.
    The own record is the nearest one of the three groups' where it is moved by less than 50, and mostly beyond."""
    right = share_right(f"data-perturbation:kind=add,f={60 / 29_950},columns=code", alone(tmp_path), 400, attack=ALONE)
    assert right.mean() > 5 / 6


def test_what_is_suppressed_is_looked_for_in_the_next_table():
    """Under k-threshold the finest table shows next to nothing: where it does not show the victim's cell, the claim is
    what most have who share the columns of the finest table that does; coarse tables leave little."""
    result = judged("k-threshold:k=8", "linkage", victims=60)
    values = claimed(result)
    frame, people = result.table.frame, result.table.frame.set_index("uid")
    agree = 0
    for uid, value in values.items():
        alike = frame
        for name in ("gender", "department", "age"):  # as they come by their number of values
            narrower = alike[alike[name] == people.loc[uid, name]]
            if narrower["salary_band"].value_counts().max() < 8:
                break
            alike = narrower
        agree += value in modes(alike, "salary_band")
    assert len(values) == 60
    assert agree >= 45, "a cell that is shown among suppressed ones can outweigh a coarser table"


@pytest.mark.parametrize("defense", ["none", "k-threshold", "k-threshold:k=60"])
def test_each_table_counts_for_what_the_finer_ones_do_not_show(defense: str):
    """The shares of all records add up to 1 as long as the histogram of the secret is shown, and those of the finer
    tables to what these show."""
    result = judged(defense, "guess", "employees:size=2000", victims=1)
    names = ["gender", "department", "age"]
    found = linkage()._published(result.session, names, "salary_band")
    counts = result.table.frame.value_counts([*names, "salary_band"])
    result.close()
    least = {"none": 1, "k-threshold": 5, "k-threshold:k=60": 60}[defense]
    by_depth = found.groupby("depth")["weight"].sum()
    assert by_depth.sum() == pytest.approx(1.0)
    assert by_depth.get(3, 0.0) == pytest.approx(counts[counts >= least].sum() / 2_000)


def test_the_rules_of_change_are_learned_from_the_persons():
    """Three columns: words of which 30 % were dealt out anew, numbers moved by N(0, 20²), numbers as they were. A
    matcher who knows that finds as many."""
    rng = np.random.default_rng(2)
    n = 300
    word, moved, kept = rng.integers(40, size=n), rng.uniform(0, 3_000, n), rng.integers(5, size=n)
    redrawn = np.where(rng.random(n) < 0.3, rng.integers(40, size=n), word)
    shown = moved + rng.normal(0, 20, n)
    everybody = np.ones(n, dtype=bool)
    columns = [
        Column.of(pd.Series(a), pd.Series(b), everybody, ordered)
        for a, b, ordered in ((word.astype(str), redrawn.astype(str), False), (moved, shown, True), (kept, kept, True))
    ]
    share = np.vstack([part for _, part in posterior(columns, np.full(n, 1 / n))])
    log = np.where(word[:, None] == redrawn, np.log(0.7 + 0.3 / 40), np.log(0.3 / 40))
    log -= 0.5 * ((moved[:, None] - shown) / 20) ** 2
    known = np.where(kept[:, None] == kept, log, -np.inf).argmax(axis=1) == np.arange(n)
    found = share.argmax(axis=1) == np.arange(n)
    assert known.mean() > 0.8
    assert abs(found.mean() - known.mean()) < Z * np.std(known.astype(float) - found) / np.sqrt(n) + 0.01
    sure = share.max(axis=1)
    interval = stats.t_interval((found - sure).tolist(), level=0.999)
    assert interval is not None
    assert interval.low <= 0 <= interval.high, "its probabilities are those with which it is right"


def test_null_agrees_with_null_and_with_nothing_else(tmp_path: Path):
    path = tmp_path / "holes.csv"
    path.write_text("id,a,b,secret\n" + "".join(f"{i},{'' if i % 3 == 0 else i},{i % 5},s{i}\n" for i in range(30)))
    result = judged("none", "linkage:columns=[a,b]", f'file:path="{path}",uid=id,secret=secret', victims=30)
    for uid, value in claimed(result).items():
        if uid % 3:
            assert value == f"s{uid}"
        else:
            assert value in {f"s{other}" for other in range(uid % 15, 30, 15)}


def test_other_kinds_of_columns_and_secrets():
    for secret in ("salary", "disciplinary_warning", "zip"):
        result = judged("none", "linkage:columns=[hire_date,department,disciplinary_warning]" if secret == "salary" else
                        "linkage:columns=[hire_date,salary]", secret=secret, victims=20)  # fmt: skip
        result.close()
        assert result.score.kappa_reach > 0.8, secret
    assert isinstance(registry.dataset("uniform")[0].load(np.random.default_rng(1)), Table)
    result = judged("none", "linkage", "uniform", victims=40)
    result.close()
    assert result.score.kappa_reach > 0.4


def test_dense_dates_as_they_were_are_matched_by_agreement():
    """Nearly every user has a day of hiring alone, and another one's is never far."""
    assert kappas("none", "linkage:columns=[hire_date]", 1, "employees:size=600", victims=50)[0] >= 0.9
