"""Amounts from differences of sums: of users with many rows, and where nothing is known of the noise."""

from __future__ import annotations

import pytest

from tests.conftest import judged

MANY = "transactions:size=600"
ATTACKS = {"intersection": 0, "tracker": 0, "insert-delete": 0, "snooper": 50}


def score(attack: str, dataset: str, secret: str, more: str = ""):
    group = "smallest_group=30" if attack in ("intersection", "tracker") else ""
    spec = ",".join(part for part in (group, more) if part)
    result = judged(
        "none", f"{attack}:{spec}" if spec else attack, dataset, secret=secret, victims=5, accomplices=ATTACKS[attack]
    )
    result.close()
    return result.score


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("secret", ["income", pytest.param("rating", marks=pytest.mark.science)])
def test_a_user_with_many_rows_is_counted_once(attack: str, secret: str):
    found = score(attack, MANY, secret)
    assert found.correct == found.attempts == 5


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_amount_has_no_probability(attack: str):
    assert score(attack, "employees:size=600", "salary", "min_confidence=0.5").claims == 0
