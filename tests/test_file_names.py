"""Odd names of columns and tables, all the way through the commands."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from harness import registry
from harness.cli import main
from harness.model import Table
from harness.trial import first_table
from harness.utility import questions
from tests.conftest import judged

FLAG = "O'x.y [red] :cat:"
ODD = ["person id", "first name", 'a"b', "select", "größe", "born on", FLAG, "pay", "band"]


def load(spec: str) -> Table:
    page, text = registry.dataset(spec)
    return first_table(page, text, 1)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """480 people with text uids; in each of three groups of `a"b` some are alone with their day of birth."""
    path = tmp_path_factory.mktemp("odd") / "my data.csv"
    rng = np.random.default_rng(5)
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(ODD)
        for i in range(480):
            day, pay = date(1990, 1, 1).toordinal() + int(rng.integers(150)), int(rng.integers(1000, 5000))
            names = (rng.choice(["O'Neil", 'say "x"', "a;b", "ü\nx"]), i % 3, rng.choice(["from", "'", ""]))
            more = (round(float(rng.random()), 3), date.fromordinal(day), rng.choice(["true", "false"]), pay)
            writer.writerow([f"{i:05d}", *names, *more, "low" if pay < 2500 else "high"])
    return f'{path}:uid="person id",derived=["band from pay"]'


@pytest.mark.parametrize("attack", ["intersection", "difference", "averaging", "guess"])
def test_attacks_work_on_odd_names_through_the_command(
    attack: str, odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    columns = r'columns=["a\"b","born on"]'
    words = ["--dataset", odd, "--secret", FLAG, "--trials", "1", "--victims", "10", "--jobs", "1"]
    command = ["bench", "--defense", "none", "--attack", f"{attack}:{columns}", *words, "--results", str(tmp_path)]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["failed_trials"], result["claims"]) == (0, 10)
    assert result["utility"]["refused"] == 0
    assert result["utility"]["median_relative_error"] == 0
    assert result["confidence"] == 1 or attack == "guess"
    assert main(command) == 0
    assert f"\nsecret {FLAG}, 1 trial of 10 victims, seed 1\n" in capsys.readouterr().out


@pytest.mark.parametrize("secret", ODD[2:])
def test_every_kind_of_secret_is_judged_rightly(secret: str, odd: str):
    by = FLAG if secret == 'a"b' else r"a\"b"
    day = "pay" if secret == "born on" else "born on"
    attack = f'intersection:columns=["{by}","{day}"],smallest_group=20'
    result = judged("none", attack, odd, secret=secret, victims=8)
    assert (result.score.claims, result.score.correct) == (8, 8)
    masked = {"pay", "band"} if secret in ("pay", "band") else {secret}
    assert masked.isdisjoint(result.revealed.columns[:-1])
    result.close()


def test_odd_names_are_shown_and_asked(odd: str, capsys: pytest.CaptureFixture[str]):
    select = f'SELECT "first name", "a""b", "{FLAG}", count(*) AS "n ""q" FROM my_data'
    where = f"""WHERE "born on" < '1990-03-01' AND "{FLAG}" AND "select" = '''' """
    words = [
        "query",
        "--defense",
        "none",
        "--dataset",
        odd,
        f"{select} {where} GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 3",
    ]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["columns"] == ["first name", 'a"b', FLAG, 'n "q']
    assert answer["rows"][0][2] is True
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in answer["columns"])
    assert any('"a""b"' in question.sql("t") for question in questions(load(odd)))
