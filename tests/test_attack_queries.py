"""What the attacks ask: pairs that differ by the victim alone, whatever the wording; ranges that lie on the grid."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from attacks.aligned import aligned, creeping
from attacks.hidden import CONDITIONS
from attacks.wordings import FORMS
from harness.model import Answer, Kind
from tests.conftest import judged

KINDS = [kind for kind in CONDITIONS if kind != "having"]  # which asks for each value of the secret alone


@pytest.mark.parametrize("attack", ["chaff:wordings=20", *(f"backdoor:kind={k},wordings=2" for k in KINDS)])
def test_every_wording_takes_out_the_victim_and_nobody_else(attack: str):
    """Asked without a defense: the queries of each victim are some with him, and as many of one user less."""
    result = judged("none", attack, victims=2)
    result.close()
    heard = result.session.history.heard
    sizes = [
        round(np.nansum(answer.data[-1]))
        for sql, answer in list(heard.items())[1:]
        if isinstance(answer, Answer) and len(answer)
    ]
    number, counts = np.unique(sizes, return_counts=True)
    found = dict(zip(number.tolist(), counts.tolist(), strict=True))
    whole = {size for size in found if size - 1 in found}
    assert sum(found[size] for size in whole) == sum(found[size - 1] for size in whole) == len(sizes) / 2


def test_every_form_says_the_same():
    """Each form of each kind of column selects the users of the plain condition."""
    result = judged("none", "guess")
    cells = {Kind.TEXT: ("department", "CS"), Kind.INTEGER: ("age", 40)}
    for kind, (column, value) in cells.items():
        for form in (form for form in FORMS if kind in form.kinds):
            for i in (1, 3):
                sql = f"SELECT count(*) FROM employees WHERE {form.words(column, value, i)}"
                plain = f"SELECT count(*) FROM employees WHERE {column} = {value!r}"
                assert result.session.query(sql).value == result.session.query(plain).value > 0, form.name
    result.close()


@pytest.mark.parametrize(("low", "high", "without"), [(-871, -13, 450), (3, 97, None), (12, 12, 13), (0.25, 0.5, 0.9)])
def test_aligned_ranges_are_those_of_a_scan(low: float, high: float, without: float | None):
    """Every width up to 2,000 that holds the values, from every start from which it does."""
    scanned = []
    for width in (Fraction(step) * Fraction(10) ** power for power in range(-2, 4) for step in (1, 2, 5)):
        half = width / 2
        for place in range(math.floor((low - width) / half), math.ceil(low / half) + 1):
            start = place * half
            if start <= low and high < start + width and not (without and start <= without < start + width):
                scanned.append((float(start), float(start + width)))
    found = [pair for pair in aligned(low, high, 100, without) if pair[1] - pair[0] <= 2_000]
    assert found
    least = min(pair[1] - pair[0] for pair in found)
    assert sorted(found) == sorted(pair for pair in scanned if least <= pair[1] - pair[0] <= 2_000)


def test_edges_creep_on_one_side():
    assert creeping(5, 9, 3, upward=True) == ((5, 10), (5, 11), (5, 12))
    assert creeping(5, 9, 3, upward=False) == ((4, 9), (3, 9), (2, 9))
