"""Diffix's noise in numbers: means, variances and covariances over 1,000 salts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from defenses.diffix import diffix
from defenses.diffix.layers import (
    Noise,
    Seeds,
    seeds_of,
)
from harness.engine import DuckEngine
from harness.model import Schema, Table
from harness.seeds import digest, mix
from tests.answers import answer, by_key
from tests.diffix_tables import COUNT, NOISY, SALT, SCHEMA, Z, plan_of, session, table, value

# The noise in numbers: 1,000 salts. The user sets get fresh XOR seeds with every salt, as a real table would.

SALTS = 1_000


@cache
def noise_over_salts() -> dict[str, dict[str, np.ndarray]]:
    """Sort or purpose -> condition -> the summed layers under each salt, (SALTS,)."""
    engine = DuckEngine(table(), SALT)
    exact = engine.run([plan_of(f"SELECT {COUNT} FROM t" + (f" WHERE {w}" if w else "")) for w in NOISY])
    sums = []
    for number in range(SALTS):
        salt = digest("noise over salts", number)
        buckets = replace(exact, salt=salt, uid_xor=mix(salt[:16], exact.uid_xor))
        seeds = seeds_of(buckets)
        noise, static, dynamic = (Noise(part, buckets) for part in (seeds, only(seeds, False), only(seeds, True)))
        draws = [noise.draw(purpose) for purpose in ("noise", "T1", "T2")]
        sums.append([*draws, static.draw("noise"), dynamic.draw("noise")])
    found = np.array(sums).transpose(1, 2, 0)
    names = ("noise", "T1", "T2", "static", "dynamic")
    return {name: dict(zip(NOISY, part, strict=True)) for name, part in zip(names, found, strict=True)}


def only(seeds: Seeds, dynamic: bool) -> Seeds:
    kept = seeds.dynamic == dynamic
    return Seeds(seeds.bucket[kept], seeds.word[kept], seeds.dynamic[kept])


def assert_variance(sample: np.ndarray, expected: float) -> None:
    """Mean 0 and this variance, within 99.9 % of the sampling error of normal samples."""
    n = len(sample)
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    assert abs(sample.mean()) < Z * np.sqrt(expected / n)
    assert low * expected < sample.var(ddof=1) < high * expected


def assert_covariance(one: np.ndarray, other: np.ndarray, expected: float) -> None:
    error = np.sqrt((one.var() * other.var() + expected**2) / len(one))
    assert abs(np.cov(one, other)[0, 1] - expected) < Z * error


@pytest.mark.parametrize(("where", "layers"), NOISY.items())
def test_noise_has_mean_0_and_the_standard_deviation_of_its_layers(where: str, layers: int) -> None:
    sample = noise_over_salts()["noise"][where]
    assert_variance(sample, layers)
    assert stats.kstest(sample / np.sqrt(layers), "norm").pvalue > 0.001


@pytest.mark.parametrize(
    ("where", "static", "dynamic"),
    [("", 0, 1), ("a = 'x'", 1, 1), ("b IN (1, 2)", 1, 2), ("b IN (1, 2, 3)", 1, 3), ("b NOT IN (1, 2)", 2, 2)],
)
def test_layers_are_static_and_dynamic_as_the_paper_counts_them(where: str, static: int, dynamic: int) -> None:
    for sort, layers in (("static", static), ("dynamic", dynamic)):
        sample = noise_over_salts()[sort][where]
        if layers:
            assert_variance(sample, layers)
        else:
            assert (sample == 0).all()


def test_queries_share_the_static_layers_of_common_conditions_and_the_dynamic_ones_of_equal_user_sets() -> None:
    noise = noise_over_salts()["noise"]
    assert_covariance(noise["a = 'x'"], noise["a = 'x' AND c <> 999"], 2)  # the same users
    assert_covariance(noise["a = 'x'"], noise["a = 'x' AND c <> 5"], 1)  # others
    assert_covariance(noise["a = 'x' AND c <> 5"], noise["a = 'x' AND c <> 5 AND f = true"], 2)
    assert_covariance(noise["a = 'x'"], noise["a <> 'x'"], 0)
    assert_covariance(noise["a = 'x'"], noise["b IN (1, 2)"], 0)
    assert_covariance(noise["b IN (1, 2)"], noise["b IN (1, 2, 3)"], 0)  # other floated values, other users
    assert_covariance(noise["b IN (1, 2)"], noise["a = 'x' AND b IN (1, 2)"], 0)  # there only b = 1 is left
    assert_covariance(noise["b IN (1, 2)"], noise["b NOT IN (1, 2)"], 0)
    assert_covariance(noise[""], noise["a = 'x'"], 0)


def test_a_condition_adds_one_static_and_one_dynamic_sample() -> None:
    noise, static, dynamic = (noise_over_salts()[sort] for sort in ("noise", "static", "dynamic"))
    assert_variance(noise["a = 'x' AND c <> 999"] - noise["a = 'x'"], 2)
    assert_variance(static["a = 'x' AND c <> 999"] - static["a = 'x'"], 1)
    assert_variance(static["a = 'x' AND c <> 5"] - static["a = 'x'"], 1)
    assert_variance(dynamic["a = 'x' AND c <> 999"] - dynamic["a = 'x'"], 1)
    for where, sample in noise.items():
        assert sample == pytest.approx(static[where] + dynamic[where], abs=1e-12)


def test_noise_is_independent_between_purposes() -> None:
    """The sizes of the outlier groups tell nothing of the noise of the answer."""
    baseline, first, second = (noise_over_salts()[p]["a = 'x' AND c <> 5"] for p in ("noise", "T1", "T2"))
    assert_variance(first, 4)
    assert_variance(second, 4)
    for one, other in ((baseline, first), (baseline, second), (first, second)):
        assert_covariance(one, other, 0)


def test_group_by_gives_every_bucket_its_own_samples() -> None:
    """20,000 buckets of one salt: both layers are standard normal and independent."""
    n = 20_000
    frame = pd.DataFrame({"uid": np.arange(n), "a": None, "b": np.arange(n)}).astype({"a": object})
    schema = Schema("t", SCHEMA.columns[:3], "uid")
    parts = {}
    for name, switches in {"both": {}, "static": {"dynamic": False}, "dynamic": {"static": False}}.items():
        interface = session(Table(schema, frame), diffix(low_count=False, **switches))
        found = answer(interface, f"SELECT b, {COUNT} FROM t GROUP BY b")
        parts[name] = np.asarray(found.data[-1], dtype=float) - 1
    assert_variance(parts["both"], 2)
    assert_variance(parts["static"], 1)
    assert_variance(parts["dynamic"], 1)
    assert_covariance(parts["static"], parts["dynamic"], 0)
    assert parts["both"] == pytest.approx(parts["static"] + parts["dynamic"], abs=1e-12)


@pytest.mark.parametrize("victim", ["absent", "present"])
def test_figure_5_the_difference_attack_meets_the_variance_of_the_layer_algebra(victim: str) -> None:
    """k = 2 conditions in common: Q − Q' is N(0, 2) where the victim is not in the bucket, else N(1, 2k + 2).

    The left query has one condition more, whose two layers are always new.
    """
    n = 4_000
    uid = np.arange(12 * n)
    bucket = uid // 12
    is_victim = (uid % 12 == 0) & (victim == "present")
    frame = pd.DataFrame({"uid": uid, "a": np.where(is_victim, "F", "M").astype(object), "b": bucket, "c": 1})
    interface = session(Table(Schema("t", SCHEMA.columns[:4], "uid"), frame), diffix())
    left = by_key(interface, "SELECT b, count(*) FROM t WHERE c = 1 AND a = 'M' GROUP BY b")
    right = by_key(interface, "SELECT b, count(*) FROM t WHERE c = 1 GROUP BY b")
    assert len(left) == len(right) == n
    difference = np.array([right[key] - left[key] for key in right])
    static = value(session(table(), diffix(dynamic=False)), "a = 'M'")  # an empty set: the bare static sample of a
    assert np.isnan(static)
    spread = {"absent": 1, "present": 2 * 2 + 1}[victim]  # the static sample of a = 'M' is common to all buckets
    sample = difference - difference.mean()
    low, high = stats.chi2.ppf([0.0005, 0.9995], n - 1) / (n - 1)
    assert low * spread < sample.var(ddof=1) < high * spread
    common = value(session(table(), diffix(dynamic=False, low_count=False)), "a = 'M'")
    assert abs(difference.mean() + common - (victim == "present")) < Z * np.sqrt(spread / n)


def test_figure_5_without_dynamic_layers_the_difference_attack_sees_the_victim() -> None:
    """All pairs of buckets differ by the same number, the victim's by one more."""
    frame = table(400).frame
    frame.loc[frame.uid == 17, "a"] = "victim"
    rows = Table(SCHEMA, frame)

    def differences(**switches: bool) -> dict[int, float]:
        interface = session(rows, diffix(**switches))
        right = by_key(interface, f"SELECT b, {COUNT} FROM t GROUP BY b")
        left = by_key(interface, f"SELECT b, {COUNT} FROM t WHERE a <> 'victim' GROUP BY b")
        return {key: right[key] - left[key] for key in right}

    static = differences(dynamic=False)
    usual = static[0]
    assert static == pytest.approx({key: usual + (key == 17 % 6) for key in range(6)}, abs=1e-9)
    assert len({round(d, 6) for d in differences().values()}) == 6
