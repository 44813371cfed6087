"""`snoopbench reconstruct`: JSON, exit statuses, and one clear sentence for each mistake."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from attacks.fitting import ROUNDINGS
from harness.cli import main
from harness.studies.reconstruct import EXAMPLES, example

DOMAIN = """
measure = {name = "age", min = 0, max = 20}
rules = ["NOT married OR age >= 15"]
[attributes]
married = "boolean"
town = ["north", "south"]
"""
STATS = "where,count,median,mean\n,3,4,5\ntown = 'north',,,\n"


def run(folder: Path, *more: str, stats: str = STATS, domain: str = DOMAIN) -> int:
    (folder / "stats.csv").write_text(stats)
    (folder / "domain.toml").write_text(domain)
    return main(["reconstruct", str(folder / "stats.csv"), "--domain", str(folder / "domain.toml"), *more])


def test_json(capsys: pytest.CaptureFixture[str]):
    assert main(["reconstruct", "--example", "block", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["solutions"], found["complete"]) == (1, True)
    assert found["certain"][0] == {"person": 1, "column": "age", "value": 8}
    assert len(found["certain"]) == 28
    assert found["posterior"][1] == {"person": 1, "column": "sex", "values": [["female", 1.0]]}
    assert 0 < found["seconds"] < 60


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_beside_the_code(name: str):
    assert all(Path(path).is_file() for path in example(name).values())


def test_where_there_are_too_many_the_bound_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(tmp_path, "--limit", "5") == 0
    text = capsys.readouterr().out
    assert "At least" in text
    assert "stopped at --limit" in text
    assert run(tmp_path, "--limit", "5", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["complete"], found["stopped"]) == (False, "limit")
    assert {"person": 2, "column": "age", "value": 4} in found["certain"], "proven though not all are listed"


def test_all_lists_every_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(tmp_path, "--all", "--suppression", "1") == 0
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if line[:1].isdigit() and ": " in line]
    # median 4, sum 15: the others are (0, 11) … (4, 7); all in the south; married from 15 on, which nobody is
    assert lines == [f"{i + 1}: {i} false south; 4 false south; {11 - i} false south" for i in range(5)]
    assert text.startswith("5 databases fit, and no other")


def test_spaces_line_ends_and_a_mark_of_byte_order_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plain = "where,count,median,mean\n,3,4,5\n\"town IN ('north', 'south')\",3,4,5\n"
    odd = "\ufeff where , count, median, mean\r\n, 3, 4, 5\r\n  \"town IN ('north', 'south')\", 3, 4, 5\r\n   \r\n"
    found = []
    for stats in (plain, odd):
        assert run(tmp_path, "--json", stats=stats) == 0
        found.append(json.loads(capsys.readouterr().out)["databases"])
    assert found[0] == found[1] != []


def test_of_databases_of_several_sizes_no_cell_is_certain(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    stats = "where,count,median,mean\ntown = 'north',,,\ntown = 'south',1,4,4\n"
    assert run(tmp_path, "--json", "--limit", "3", stats=stats) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stopped"], found["certain"]) == ("limit", None)


def test_contradiction(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    stats = "where,count,median,mean\n,3,4,5\ntown = 'north',2,,\ntown = 'south',2,,\nage < 3,,,\n"
    assert run(tmp_path, "--json", stats=stats) == 2
    out, error = capsys.readouterr()
    found = json.loads(out)
    assert (found["solutions"], found["complete"]) == (0, True)
    assert found["conflict"] == ["", "town = 'north'", "town = 'south'"]
    assert error.count("\n") == 1
    assert "these statistics conflict: the total, \"town = 'north'\", \"town = 'south'\"." in error


def test_no_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(tmp_path, "--seconds", "0.000001") == 1
    assert "does not mean that there is none" in capsys.readouterr().out.replace("\n", " ")


HEAD = "where,count,median,mean\n"
MISTAKES = {
    "unknown group": ({"stats": HEAD + "town = 'east',3,,\n"}, "line 2, \"town = 'east'\": town has no value 'east'"),
    "unknown column": ({"stats": HEAD + "city = 'east',3,,\n"}, "city"),
    "broken condition": ({"stats": HEAD + "age <,3,,\n"}, "not SQL"),
    "more than a condition": ({"stats": HEAD + "age < 3) GROUP BY (age,3,,\n"}, "nothing more"),
    "expression": ({"stats": HEAD + "age + 1 < 3,3,,\n"}, "not an expression"),
    "negative count": ({"stats": HEAD + ",-3,,\n"}, "line 2: the count '-3' is no whole number"),
    "fraction": ({"stats": HEAD + ",3.5,,\n"}, "the count '3.5' is no whole number"),
    "mean of nobody": ({"stats": HEAD + ",,,4\n"}, "suppressed, so there can be no mean"),
    "no number": ({"stats": HEAD + ",3,four,\n"}, "the median 'four' is no decimal number"),
    "no count column": ({"stats": "where,mean\n,3\n"}, "has no column count"),
    "extra column": ({"stats": "where,count,sum\n,3,4\n"}, "the columns are where, count, median, mean"),
    "ragged": ({"stats": HEAD + ",3\n"}, "line 2: 2 values stand under 4 columns"),
    "quote": ({"stats": HEAD + '"age,3,,\n'}, "is no CSV"),
    "nothing": ({"stats": HEAD}, "holds no statistics"),
    "no total": ({"stats": HEAD + "town = 'north',3,,\n"}, "Nothing bounds the number of persons"),
    "too large": ({"domain": DOMAIN.replace("20", "200000")}, "the domain has 800,004 kinds of persons"),
    "no toml": ({"domain": "measure = "}, "is no TOML"),
    "no measure": ({"domain": "[attributes]\n"}, "the measure is given as"),
    "empty measure": ({"domain": DOMAIN.replace("min = 0", "min = 30")}, "is above its max"),
    "unknown key": ({"domain": "rows = 3\n" + DOMAIN}, "rows means nothing"),
    "bad attribute": ({"domain": DOMAIN.replace('"boolean"', '"number"')}, 'married is "boolean" or a list'),
    "bad rule": ({"domain": DOMAIN.replace("NOT married", "NOT wed")}, "rule 1"),
    "thousands": ({"stats": HEAD + ",3000000000,,\n"}, "line 2: the count is above 10,000 persons"),
    "far away": ({"domain": DOMAIN.replace("0, max = 20", f"{2**63}, max = {2**63 + 5}")}, "within 1,000,000,000 of 0"),
    "names alike": ({"domain": DOMAIN.replace("town =", "Age =")}, "differ in more than their case"),
    "rules that nobody obeys": ({"domain": DOMAIN.replace("NOT married OR", "age < 3 AND")}, "no person obeys"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_sentence_for_each_mistake(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files, said = MISTAKES[mistake]
    assert run(tmp_path, **files) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("snoopbench: ")
    assert error.count("\n") == 1, error
    assert said in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--example block"),
        (["stats.csv"], "--domain"),
        (["--example", "block", "--domain", "d.toml"], "leave out the files"),
        (["nowhere.csv", "--domain", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--example", "block", "--limit", "0"], "--limit must be 1 or more"),
        (["--example", "block", "--suppression", "0"], "--suppression must be 1"),
        (["--example", "block", "--seconds", "-1"], "--seconds must be more than 0"),
    ],
)
def test_one_sentence_for_each_wrong_word(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["reconstruct", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize(("solver", "module"), [("cp-sat", "ortools.sat.python"), ("z3", "z3")])
def test_a_missing_solver_is_told(
    solver: str, module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["reconstruct", "--example", "block", "--solver", solver]) == 2
    assert 'pip install "snoopbench[solvers]"' in capsys.readouterr().err


def test_each_rounding(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One result for each; exit status 2 where three persons are two under every one."""
    assert run(tmp_path, "--rounding", "each", "--json", stats="where,count,median,mean\n,3,4,5\n") == 0
    assert [result["rounding"] for result in json.loads(capsys.readouterr().out)] == list(ROUNDINGS)
    contrary = "where,count,median,mean\n,3,4,5\ntown = 'north',1,2,2\ntown = 'south',1,2,2\n"
    assert run(tmp_path, "--rounding", "each", stats=contrary) == 2
    said = capsys.readouterr()
    assert "nearest-half-down" in said.out
    assert said.err == "snoopbench: No database fits under any rounding.\n"
