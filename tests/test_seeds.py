"""Seeds: pinned values, official vectors, no two different field lists alike, and normal samples that are normal."""

from __future__ import annotations

import struct
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.seeds import EACH, Field, digest, encode, gaussian, generator, mix, seed64, seeds64

KEY = bytes(range(16))  # the key of the official SipHash vectors


def words(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


# Pinned: a change here changes every stored result.


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, "6e 0000000000000000"),
        (True, "62 0000000000000001 01"),
        (False, "62 0000000000000001 00"),
        (1, "69 0000000000000001 31"),
        (-10, "69 0000000000000003 2d3130"),
        (1.0, "66 0000000000000008 3ff0000000000000"),
        ("1", "73 0000000000000001 31"),
        ("", "73 0000000000000000"),
        ("é\ud800", "73 0000000000000005 c3a9eda080"),
        (b"1", "79 0000000000000001 31"),
        ((), "74 0000000000000000"),
        (("a", (1,)), "74 000000000000001d 73 0000000000000001 61 74 000000000000000a 69 0000000000000001 31"),
    ],
)
def test_encoding_is_pinned(field: Field, expected: str) -> None:
    assert encode(field) == bytes.fromhex(expected)


def test_digest_and_seed64_are_pinned() -> None:
    assert digest().hex() == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
    assert digest(1, "salt", 3).hex() == "5ce39a804f521a21e865d04dffc47677aa4973361fab397b0b00701918e85407"
    assert digest("a", key=b"k" * 32).hex() == "5295bbf6dec02fbecaa0291353ae294c896df3ecaa733d775b10b9ee30b485d4"
    assert digest("a", size=16).hex() == "d5863049acd6c4cd09e0b48d2c1d07f8"
    assert seed64(1, "salt", 3) == 11516872318823677438
    assert seed64("layer", key=b"\1" * 32) == 9479261416430877454


@pytest.mark.parametrize(
    "values",
    [[0, -5, 255, 10**18, 9, 10], ["", "a", "é" * 300, "NULL", "\ud800", "\xff"], []],
    ids=["whole", "text", "none"],
)
def test_many_seeds_are_those_one_by_one(values: list[Any]) -> None:
    """Where EACH stands once, twice or in a tuple, and whatever lengths the values have."""
    many = seeds64("a", (EACH, ("b", EACH), 1), EACH, None, values=values, key=KEY)
    assert many.tolist() == [seed64("a", (each, ("b", each), 1), each, None, key=KEY) for each in values]
    assert many.dtype == np.uint64


def test_first_draws_of_a_generator_are_pinned() -> None:
    rng = generator(1, "answer", 0)
    assert rng.integers(2**63, size=3).tolist() == [8455137139002303754, 6290625041030386186, 3341098617179665491]
    assert rng.random(2).tolist() == [0.8520796919255712, 0.39477324769919075]
    assert rng.permutation(8).tolist() == [3, 4, 6, 0, 5, 2, 1, 7]


def test_mix_and_gaussian_are_pinned() -> None:
    found = mix(KEY, words(0, 1, 2**63, 2**64 - 1), words(2**64 - 1, 2**63, 1, 0))
    assert found.tolist() == [0x0F2FADE8E0A5A6A7, 0xFF9C8929ED8AEBA1, 0x435B1CA903D2B4C3, 0x5B1AB208AD6C55D3]
    assert gaussian(words(0, 0x93F5F5799A932462)).tolist() == pytest.approx(
        [-8.209536151601387, 0.1967075129822228], rel=1e-13
    )


# SipHash-2-4


@pytest.mark.parametrize(
    ("length", "expected"), [(8, 0x93F5F5799A932462), (16, 0x3F2ACC7F57C29BDB), (24, 0xB8AD50C6F649AF94)]
)
def test_mix_gives_the_official_vectors_of_siphash(length: int, expected: int) -> None:
    message = struct.unpack(f"<{length // 8}Q", bytes(range(length)))
    assert mix(KEY, *(words(word) for word in message)).tolist() == [expected]


def pandas_siphash(messages: list[str], key: bytes) -> np.ndarray:
    """pandas' SipHash-2-4 of ASCII texts, with its finaliser (an invertible scramble) undone."""
    hashed = pd.util.hash_array(np.array(messages, dtype=object), hash_key=key.decode(), categorize=False)
    found = hashed.astype(np.uint64)
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        found = unshift(found, shift) * np.uint64(pow(factor, -1, 2**64))
    return found


def unshift(values: np.ndarray, by: int) -> np.ndarray:
    """Undo x ^= x >> by."""
    out = values.copy()
    for _ in range(64 // by + 1):
        out = values ^ (out >> np.uint64(by))
    return out


@settings(deadline=None)
@given(
    st.binary(min_size=16, max_size=16).map(lambda key: bytes(b & 0x7F for b in key)),
    st.integers(1, 40).flatmap(
        lambda n: st.lists(st.binary(min_size=8 * n, max_size=8 * n), min_size=1, max_size=4),
    ),
)
def test_mix_is_the_siphash_of_pandas(key: bytes, messages: list[bytes]) -> None:
    messages = [bytes(b & 0x7F for b in message) for message in messages]
    columns = np.array([struct.unpack(f"<{len(m) // 8}Q", m) for m in messages], dtype=np.uint64).T
    expected = pandas_siphash([m.decode("ascii") for m in messages], key)
    assert mix(key, *columns).tolist() == expected.tolist()


def test_mix_leaves_its_arguments_alone_and_takes_empty_columns() -> None:
    first, second = words(1, 2, 3), words(4, 5, 6)
    mix(KEY, first, second)
    assert (first.tolist(), second.tolist()) == ([1, 2, 3], [4, 5, 6])
    assert mix(KEY, words(), words()).shape == (0,)


def test_mix_tells_order_number_and_key_of_the_words() -> None:
    found = {
        int(mix(key, *map(words, message))[0])
        for key in (KEY, KEY[::-1])
        for message in [(1, 2), (2, 1), (1,), (0, 1), (1, 0), (1, 0, 0), (3,), (0, 0)]
    }
    assert len(found) == 16


# No two field lists alike

FIELDS: list[tuple[Field, ...]] = [
    (("a", 1), ("b", 2)),
    (("a", 2), ("b", 1)),
    ("a", 1, "b", 2),
    ("a", 2, "b", 1),
    ("ab", "c"),
    ("a", "bc"),
    ("abc",),
    ("abc", ""),
    ("", "abc"),
    (("a", "b"), "c"),
    ("a", ("b", "c")),
    (("a", "b", "c"),),
    ("a", "b", "c"),
    (),
    ((),),
    ((), ()),
    (None,),
    (None, None),
    ("",),
    ("NULL",),
    ("None",),
    (float("nan"),),
    ("nan",),
    (b"",),
    (0,),
    (0.0,),
    (-0.0,),
    (False,),
    (1,),
    (True,),
    (1.0,),
    ("1",),
    ("1.0",),
    (b"1",),
    ("True",),
    (float("inf"),),
    (10**30,),
    (1e30,),
    (encode("a"),),
    (encode("a").decode("latin1"),),
    ("a",),
    ("?",),
    ("\ud800",),
    ("\ud801",),
]


def test_different_fields_have_different_digests() -> None:
    for one, other in combinations(FIELDS, 2):
        assert digest(*one) != digest(*other), (one, other)
        assert seed64(*one) != seed64(*other), (one, other)
        assert generator(*one).integers(2**63) != generator(*other).integers(2**63), (one, other)


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.binary()
fields = st.recursive(plain, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


def spelled(field: Any) -> str:
    """A text that differs wherever type or value does: to Python 1, 1.0 and True are equal."""
    return repr(field)


@settings(deadline=None)
@given(st.lists(fields, max_size=4), st.lists(fields, max_size=4))
@example([1], [True])
@example([1], ["1"])
@example(["ab", "c"], ["a", "bc"])
@example(["a", "b"], ["asb"])
@example([("a",), "b"], [("a", "b")])
@example([0.0], [-0.0])
def test_equal_digests_mean_equal_fields(one: list[Any], other: list[Any]) -> None:
    joined = [b"".join(map(encode, side)) for side in (one, other)]
    assert (joined[0] == joined[1]) == ([spelled(f) for f in one] == [spelled(f) for f in other])


def test_a_key_makes_another_digest_and_a_size_is_no_prefix() -> None:
    assert len({digest("a", key=key) for key in (b"", b"\0", b"\0\0", b"k", b"k" * 64)}) == 5
    assert digest("a", size=16) != digest("a")[:16]
    with pytest.raises(ValueError, match="64"):
        digest("a", key=b"k" * 65)


@pytest.mark.parametrize("field", [np.int64(1), [1], {1}, 1j, np.datetime64("2020-01-01")])
def test_other_types_are_no_fields(field: Any) -> None:
    with pytest.raises(TypeError, match=f"a seed field cannot be a {type(field).__name__}"):
        digest(field)


# Normal samples


def test_gaussian_is_finite_symmetric_and_monotone_at_its_ends() -> None:
    ends = gaussian(words(0, 2**12 - 1, 2**63 - 1, 2**63, 2**64 - 2**12, 2**64 - 1))
    assert np.isfinite(ends).all()
    assert ends.tolist() == pytest.approx((-ends[::-1]).tolist(), rel=1e-12, abs=1e-15)
    assert np.diff(ends).min() >= 0
    assert 8 < ends[-1] < 9


def test_gaussian_of_mixed_words_is_standard_normal() -> None:
    """Moments and shape at 200,000 samples, bounds at 99.9 % of the sampling error."""
    n, z = 200_000, stats.norm.ppf(0.9995)
    x = gaussian(mix(digest("moments", size=16), np.arange(n, dtype=np.uint64)))
    assert abs(x.mean()) < z / np.sqrt(n)
    assert abs(x.var() - 1) < z * np.sqrt(2 / n)
    assert abs((x**3).mean()) < z * np.sqrt(15 / n)
    assert abs((x**4).mean() - 3) < z * np.sqrt(96 / n)
    assert stats.kstest(x, "norm").pvalue > 0.001
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < z / np.sqrt(n)


def test_gaussian_is_independent_between_keys() -> None:
    n, z = 50_000, stats.norm.ppf(0.9995)
    column = np.arange(n, dtype=np.uint64)
    samples = [gaussian(mix(digest(purpose, size=16), column)) for purpose in ("noise", "T1", "T2")]
    for one, other in combinations(samples, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < z / np.sqrt(n)


def test_every_bit_of_mix_is_even() -> None:
    n = 100_000
    found = mix(KEY, np.arange(n, dtype=np.uint64))
    shares = [((found >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(64)]
    z = stats.norm.ppf(1 - 0.0005 / 64)  # 64 looks
    assert np.abs(np.array(shares) - 0.5).max() < z * 0.5 / np.sqrt(n)
