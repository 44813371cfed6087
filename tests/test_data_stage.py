"""Defenses that publish another table: exact where the randomness is fixed, and what each promises to keep."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.mondrian import means, modes, mondrian
from defenses.records import drawn, mid_ranks, new_uids
from defenses.rotations import any_turn, in_pairs, moved, rotated
from harness import registry
from harness.engine import DuckEngine
from harness.model import Derived, Kind, Table
from harness.seeds import digest, generator
from harness.session import LocalSession
from harness.trial import checked
from tests.defense_tables import TABLES

Z = 3.8906  # two-sided 99.99 %
PAGES = [
    "data-swapping",
    "data-swapping:columns=[age,pay],within=dept,share=0.5",
    "data-swapping:columns=[age,pay,day],rule=rank,distance=0.2",
    "data-swapping:rule=redraw,together=true",
    "rotation",
    "rotation:columns=[age,pay,day],angle=30",
    "rotation:matrix=full,noise=0.1",
    "microaggregation:by=[dept,age,pay]",
    "microaggregation:by=[dept,age,pay],null=keep",
    "microaggregation:k=2,by=[day,age],columns=[dept,age,day,flag,pay],text=generalise,strict=false,null=keep",
    "synthetic-records",
    "synthetic-records:rule=independent,scale=true",
    "synthetic-records:rule=copy,share=2",
    "partitioning:by=dept,dummies=2",
]


def protected(spec: str, table: Table, seed: object = 1) -> Table:
    defense = registry.defense(spec)[0]
    assert defense.skip(table.schema) is None
    return defense.protect(table, generator("data stage", repr(seed)))


def staff(n: int = 400, seed: int = 1) -> Table:
    return registry.dataset(f"employees:size={n}")[0].load(generator(seed))


# All of them


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("spec", PAGES)
def test_odd_tables_keep_kinds_and_nulls(spec: str, name: str) -> None:
    table = TABLES[name]
    before = table.frame.copy(deep=True)
    out = protected(spec, table)
    assert out.schema is table.schema
    out = checked(out, spec)
    pd.testing.assert_frame_equal(table.frame, before)
    if spec.startswith(("synthetic", "partitioning")):
        true = out.frame[out.frame["uid"].isin(set(before["uid"]))]
        if spec.startswith("synthetic"):
            assert sorted(true["pay"].dropna()) == sorted(before["pay"].dropna())
            assert len(true) == len(before)
    else:
        if "microaggregation" not in spec or "keep" in spec:
            pd.testing.assert_frame_equal(out.frame.isna(), before.isna())
        assert out.frame["uid"].tolist() == before["uid"].tolist()


@pytest.mark.parametrize("spec", [spec for spec in PAGES if "pay" not in spec and "dept" not in spec])
def test_derived_columns_are_computed_anew(spec: str) -> None:
    out = protected(spec, staff())
    (band,) = out.schema.derived
    assert out.frame["salary_band"].tolist() == band.of(out.frame["salary"]).tolist()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("data-swapping:columns=nothing", "no column nothing"),
        ("data-swapping:columns=uid", "uid column"),
        ("data-swapping:columns=zip,rule=rank", "zip is text"),
        ("rotation:columns=age", "two columns"),
        ("rotation:columns=[age,gender]", "gender is text"),
        ("microaggregation:by=[uid]", "uid column"),
        ("partitioning:by=nothing", "no column nothing"),
    ],
)
def test_what_a_page_cannot_work_on_is_a_reason(spec: str, why: str) -> None:
    assert why in registry.defense(spec)[0].skip(staff(20).schema)


@pytest.mark.parametrize("spec", ["data-swapping", "rotation", "microaggregation:strict=false", "synthetic-records"])
def test_many_rows_take_no_python_loop(spec: str) -> None:
    table = staff(20_000)
    clock = time.process_time()
    protected(spec, table)
    assert time.process_time() - clock < 2.0


# Rotation


def test_a_rotation_is_what_the_formula_says() -> None:
    x, y = np.array([1.0, 3.0, 5.0, np.nan]), np.array([10.0, 40.0, 10.0, 20.0])
    out = rotated(np.stack([x, y]), in_pairs(np.array([np.pi / 2]), 2))
    sx, sy = np.std(x[:3]), np.std(y)
    np.testing.assert_allclose(out[0], [3 + sx * (v - 20) / sy for v in (10, 40, 10)] + [np.nan])
    np.testing.assert_allclose(out[1], [20 - sy * (v - 3) / sx for v in (1, 3, 5)] + [20.0])


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(2, 30), st.booleans(), st.integers(0, 10**6))
def test_a_rotation_keeps_means_and_distances(d: int, n: int, whole: bool, seed: int) -> None:
    rng = generator("turn", seed)
    values = rng.normal(5.0, 2.0, (2, d, n)) * np.arange(1, d + 1)[:, None]
    turn = any_turn(d, rng) if whole else in_pairs(rng.uniform(0, 7, (d + 1) // 2), d)
    np.testing.assert_allclose(turn @ turn.T, np.eye(d), atol=1e-12)
    assert np.isclose(np.linalg.det(turn), 1.0)
    out = rotated(values, turn)
    np.testing.assert_allclose(out.mean(axis=-1), values.mean(axis=-1))
    scale = values.std(axis=-1, keepdims=True)
    for before, after in zip(values / scale, out / scale, strict=True):
        distances = [np.linalg.norm(part[:, :, None] - part[:, None, :], axis=0) for part in (before, after)]
        np.testing.assert_allclose(*distances, atol=1e-8)


def test_the_drawn_angle_moves_both_columns_by_the_threshold() -> None:
    frame = staff(2_000)
    out = protected("rotation:columns=[age,salary],threshold=3.0", frame).frame
    for name in ("age", "salary"):
        assert np.var(out[name] - frame.frame[name]) / np.var(frame.frame[name]) > 2.99
    x = generator(1).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 4_000).T
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    for angle in (0.3, 2.0, 5.0):
        found = np.var(rotated(x, in_pairs(np.array([angle]), 2)) - x, axis=1).min()
        np.testing.assert_allclose(found, moved(np.array(angle), np.corrcoef(x)[0, 1]))


# Mondrian


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 7), st.booleans(), st.integers(0, 10**6))
def test_groups_have_k_users_and_are_not_cut_further_without_need(
    n: int, d: int, k: int, strict: bool, seed: int
) -> None:
    rng = generator("groups", seed)
    places = rng.integers(0, int(rng.integers(1, 12)), (d, n)) / 10
    group = mondrian(places, k, strict, rng)
    sizes = np.bincount(group)
    assert sizes.min() >= min(k, n)
    assert (np.unique(group) == np.arange(len(sizes))).all()
    if strict:  # equal points stay together, and no group could have been cut
        points = {tuple(point): number for point, number in zip(places.T, group, strict=True)}
        assert all(points[tuple(point)] == number for point, number in zip(places.T, group, strict=True))
    for number in range(len(sizes)):
        own = places[:, group == number]
        if not strict:
            assert sizes[number] < 2 * k or (np.ptp(own, axis=1) == 0).all()
            continue
        for axis in own:
            middle = np.sort(axis)[len(axis) // 2]
            for left in ((axis < middle).sum(), (axis <= middle).sum()):
                assert left < k or len(axis) - left < k or _other_cut_was_nearer(axis, left)


def _other_cut_was_nearer(axis: np.ndarray, left: int) -> bool:
    middle, half = np.sort(axis)[len(axis) // 2], len(axis) / 2
    cuts = [int((axis < middle).sum()), int((axis <= middle).sum())]
    return min(abs(cut - half) for cut in cuts if cut) < abs(left - half)


def test_mondrian_cuts_at_medians() -> None:
    places = np.stack([np.arange(8) / 7, np.zeros(8)])
    assert mondrian(places, 2, True, generator(1)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert mondrian(places, 3, True, generator(1)).tolist() == [0] * 4 + [1] * 4
    tied = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
    assert mondrian(tied, 3, True, generator(1)).tolist() == [0] * 5 + [1] * 3


def test_means_and_modes_of_groups() -> None:
    group = np.array([1, 0, 1, 0, 1, 2])
    values = np.array([[1.0, 2.0, 3.0, np.nan, 8.0, np.nan]])
    np.testing.assert_allclose(means(values, group), [[4.0, 2.0, 4.0, np.nan, 4.0, np.nan]])
    assert modes(np.array([2, 1, 2, 0, 1, -1]), group).tolist() == [2, 0, 2, 0, 2, -1]
    assert modes(np.full(6, -1), group).tolist() == [-1] * 6


@pytest.mark.parametrize("strict", ["true", "false"])
def test_microaggregation_keeps_means_and_shows_nobody_alone(strict: str) -> None:
    table = staff(1_000)
    out = protected(
        f"microaggregation:by=[department,gender,age],columns=[department,gender,age,salary],strict={strict}", table
    )
    shown = out.frame.groupby(["department", "gender", "age", "salary"]).size()
    assert shown.min() >= 5
    assert abs(out.frame["age"].mean() - table.frame["age"].mean()) <= 0.5
    assert abs(out.frame["salary"].mean() - table.frame["salary"].mean()) <= 0.5
    assert out.frame["zip"].tolist() == table.frame["zip"].tolist()
    real = protected("microaggregation:by=pay,columns=pay,k=4,null=keep", TABLES["one row a user"]).frame["pay"]
    assert np.isclose(real.sum(), TABLES["one row a user"].frame["pay"].sum())
    assert real.dropna().value_counts().min() >= 4


def test_all_rows_of_a_user_are_in_one_group() -> None:
    table = TABLES["many rows a user"]
    out = protected("microaggregation:by=[pay],columns=[dept,pay],k=3,null=keep", table).frame.assign(
        dept=table.frame["dept"]
    )
    shown = out.dropna(subset="pay").groupby("uid")["pay"].nunique()
    assert (shown == 1).all()
    assert out.dropna(subset="pay").groupby("pay")["uid"].nunique().min() >= 3


def test_generalised_texts_are_all_of_the_group() -> None:
    table = staff(300)
    out = protected("microaggregation:by=age,columns=[age,zip],text=generalise", table).frame
    for said, true in zip(out["zip"], table.frame["zip"], strict=True):
        assert true in said.split(" | ")
    assert (out.groupby("age")["zip"].nunique() >= 1).all()
    assert out["zip"].str.len().max() > 5


# Synthetic records


def test_made_up_records_have_the_statistics_of_the_true_ones() -> None:
    table = staff(4_000)
    true = set(table.frame["uid"])
    for rule in ("copula", "independent", "copy"):
        out = protected(f"synthetic-records:rule={rule},share=1.0", table).frame
        made = out[~out["uid"].isin(true)]
        assert len(made) == len(true)
        assert made["uid"].is_unique
        pd.testing.assert_frame_equal(out[out["uid"].isin(true)].reset_index(drop=True), table.frame)
        for name in ("age", "salary"):
            spread = table.frame[name].std()
            assert abs(made[name].mean() - table.frame[name].mean()) < Z * spread / np.sqrt(4_000)
        for band, share in table.frame["salary_band"].value_counts(normalize=True).items():
            assert abs((made["salary_band"] == band).mean() - share) < Z * np.sqrt(share * (1 - share) / 4_000)
        served = [
            frame["age"].corr(frame["hire_date"].astype("int64"), method="spearman") for frame in (made, table.frame)
        ]
        bound = Z / np.sqrt(4_000)
        assert abs(served[0] - (0.0 if rule == "independent" else served[1])) < bound + (
            0.03 if rule == "copula" else 0
        )


def test_drawn_correlates_as_the_normal_scores_do() -> None:
    n, size = 2_000, 40_000
    x = generator(1).multivariate_normal([0, 0, 0], [[1, 0.7, 0], [0.7, 1, -0.4], [0, -0.4, 1]], n).T
    ranks = np.stack([mid_ranks(pd.Series(row)) for row in x])
    taken = drawn(ranks, size, "copula", generator(2))
    found = np.corrcoef(np.take_along_axis(x, taken, axis=1))
    assert abs(found - np.corrcoef(x)).max() < 0.02
    assert abs(np.corrcoef(np.take_along_axis(x, drawn(ranks, size, "independent", generator(3)), axis=1))[0, 1]) < 0.02


def test_made_up_users_have_as_many_rows_as_true_ones() -> None:
    table = TABLES["many rows a user"]
    true = table.frame.groupby("uid").size()
    for rule in ("copula", "copy"):
        out = protected(f"synthetic-records:rule={rule},share=1.5", table).frame
        made = out[~out["uid"].isin(true.index)]
        assert made["uid"].nunique() == 60
        assert set(made.groupby("uid").size()) <= set(true)
        assert (made.groupby("uid")["dept"].nunique(dropna=False) == 1).all()
    rows = {tuple(map(str, row)) for row in table.frame.drop(columns="uid").itertuples(index=False)}
    assert {tuple(map(str, row)) for row in made.drop(columns="uid").itertuples(index=False)} <= rows


UIDS: dict[Kind, pd.Series] = {
    Kind.INTEGER: pd.Series(np.arange(50)),
    Kind.REAL: pd.Series(np.arange(50) / 4),
    Kind.TEXT: pd.Series([f"u{n:02d}" for n in range(98)], dtype=object),
    Kind.DATE: pd.Series(np.datetime64("2020-01-01", "us") + np.arange(50).astype("timedelta64[D]")),
    Kind.DATETIME: pd.Series(np.datetime64("2020-01-01", "us") + np.arange(50).astype("timedelta64[s]")),
}


@pytest.mark.parametrize(("kind", "size"), list(product(UIDS, [0, 1, 300])))
def test_new_uids_are_new_and_of_the_kind(kind: Kind, size: int) -> None:
    fresh = new_uids(UIDS[kind], kind, size, generator(1))
    assert len(fresh) == size == fresh.nunique()
    assert not set(fresh) & set(UIDS[kind])
    assert fresh.dtype == UIDS[kind].dtype
    if kind is Kind.TEXT:
        assert fresh.str.fullmatch(r"u\d+").all()
    if kind is Kind.DATE:
        assert (fresh == fresh.dt.normalize()).all()


def test_counts_and_sums_are_scaled_back_on_demand() -> None:
    table = staff(200)
    answers: list[Any] = []
    for spec in ("synthetic-records:share=1.0", "synthetic-records:share=1.0,scale=true"):
        defense = registry.defense(spec)[0]
        live = LocalSession(
            table.schema, DuckEngine(protected(spec, table), digest("scale")), defense, generator("answer")
        )
        sql = "SELECT count(*), sum(age), avg(age), count(DISTINCT uid), count(DISTINCT age) FROM employees"
        answers.append(next(iter(live.query(sql))))
    plain, scaled = answers
    assert plain[0] == 400
    assert scaled == (200, plain[1] / 2, plain[2], 200, plain[4])


def test_nothing_made_up_and_nothing_left_out_is_the_same_table() -> None:
    table = staff(50)
    assert protected("synthetic-records:share=0", table) is table
    assert protected("partitioning:smallest=1", table) is table
    assert protected("data-swapping:share=0", table).frame.equals(table.frame)
    assert Derived("b", "a", (1.0,), ("x", "y")).of(pd.Series([0.0, 1.0])).tolist() == ["x", "y"]
