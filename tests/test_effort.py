"""κ against queries: what a page declares, what is run, when a curve is flat, and the figure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness import registry
from harness.cli import main
from harness.report.effort import Curve, curves
from harness.report.figure_queries import draw_queries
from harness.report.figures import draw_curves, style
from harness.report.stored import newest, stored
from harness.studies.effort import DEFENSES, ladders, levels
from tests.conftest import keep


def made(folder: Path) -> dict[tuple[str, str], Curve]:
    return {(curve.attack, curve.defense): curve for curve in curves(newest(stored(str(folder)))[0])}


@pytest.mark.parametrize("name", sorted(registry.names("attacks")))
def test_every_attack_can_be_run_at_the_efforts_that_it_declares(name: str):
    page = registry.attack(name)[0]
    assert registry.effort(name) == page.effort
    found = levels(name)
    assert len({registry.attack(spec)[1] for spec in found}) == (len(page.effort[1]) if page.effort else 1)
    if page.effort:
        assert list(page.effort[1]) == sorted(set(page.effort[1]))
        assert levels(f"{name}:{page.effort[0]}={page.effort[1][0]}") == [
            f"{name}:{page.effort[0]}={page.effort[1][0]}"
        ]


def test_all_attacks_are_run_where_they_are_at_home():
    planned = ladders(trials=2, victims=3)
    assert all(len({(one.defense, one.dataset) for one in rungs}) == 1 for rungs in planned)
    first = [rungs[0] for rungs in planned]
    assert {one.attack.split(":")[0] for one in first} == set(registry.names("attacks"))
    assert {one.defense.split(":")[0] for one in first} == set(DEFENSES)
    homes = {one.attack.split(":")[0]: one.dataset.split(":")[0] for one in first}
    assert homes["like-isolation"] == "surnames"
    assert homes["difference"] == "employees"
    told = {one.attack.split(":")[0]: one.accomplices for one in first}
    assert {name for name, number in told.items() if number} == {"snooper"}
    assert told["snooper"] >= 100
    assert {rungs[0].accomplices for rungs in ladders(["snooper"], ["none"], accomplices=7)} == {7}
    elsewhere = ladders(["like-isolation", "difference"], ["none"], dataset="census")
    assert {one.dataset for rungs in elsewhere for one in rungs} == {"census"}


RISING = [2, 3, 2, 4, 3, 2, 3, 3]


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ([20] * 7 + [17], "won"),  # κ_reach is 1 but for one trial: 0.98
        (RISING, "flat"),  # the same, trial by trial
        ([3, 2, 2, 4, 3, 2, 3, 3], "flat"),  # ±0.05 in two trials
        ([4, 5, 4, 6, 5, 4, 5, 5], "budget-bound"),  # 0.1 more in every trial: still rising
        ([3, 4, 3, 5, 4, 3, 4, 4], "budget-bound"),  # 0.05 more in every trial: little, and still rising
        ([9, 1, 0, 9, 1, 1, 0, 9], "budget-bound"),  # no telling
        ([1, 1, 0, 3, 1, 1, 1, 1], "flat"),  # less
    ],
)
def test_how_a_curve_ends(last: list[int], end: str, tmp_path: Path):
    for wordings, right in ((1, [0] * 8), (16, last), (4, RISING)):
        keep(tmp_path, "diffix", f"chaff:wordings={wordings}", right, queries=20 * wordings)
    curve = made(tmp_path)["chaff", "diffix"]
    assert [point.value for point in curve.points] == [1, 4, 16]
    assert [point.queries for point in curve.points] == [1, 4, 16]
    assert curve.end == end
    assert curve.row()["gain"] == pytest.approx((sum(last) - sum(RISING)) / 160)


def test_what_is_not_judged(tmp_path: Path):
    keep(tmp_path, "none", "chaff:wordings=4", [20] * 5)
    keep(tmp_path, "none", "chaff:wordings=16", [18, 18, None, 18, 18])
    keep(tmp_path, "diffix", "chaff:wordings=4", [20] * 9)
    keep(tmp_path, "k-threshold", "chaff:wordings=4", [18] * 9)
    keep(tmp_path, "diffix", "difference", [9] * 9)
    keep(tmp_path, "sticky", "chaff:wordings=4,smallest_group=9", [1] * 5)
    found = made(tmp_path)
    assert {name: curve.end for name, curve in found.items()} == {
        ("chaff", "none"): None,  # four trials in common
        ("chaff", "diffix"): "won",  # with one effort
        ("chaff", "k-threshold"): None,  # one effort
        ("difference", "diffix"): "asks once",
        ("chaff:smallest_group=9", "sticky"): None,
    }


def test_seeds_are_told_apart_in_the_pairs(tmp_path: Path):
    for wordings, right in ((4, ([2] * 5, [8] * 5)), (16, ([8] * 5, [2] * 5))):
        for seed, correct in enumerate(right):
            keep(tmp_path, "diffix", f"chaff:wordings={wordings}", correct, seed=seed)
    curve = made(tmp_path)["chaff", "diffix"]
    assert curve.gains == pytest.approx([0.3] * 5 + [-0.3] * 5)


def test_the_mark_is_rarely_wrong():
    """At the end of truly flat curves, 20 trials of 25 victims at κ 0.4 that are independent in both efforts: an
    interval of ±2.09·√2·0.098·1.11/√20 = 0.072, whose middle would have to be off by more than 0.028, or 0.8 of its
    standard error, to reach 0.1. With the shared salts and victims of real trials it is less. Of curves that gain 0.2
    none is called flat."""
    rng = np.random.default_rng(3)
    flat = dict.fromkeys((0.0, 0.2), 0)
    for gain in flat:
        for _ in range(200):
            before, last = (rng.binomial(25, p, 20) / 25 for p in (0.46, 0.46 + 0.9 * gain))
            points = [_point(i, (values - 0.1) / 0.9) for i, values in enumerate((before, last))]
            flat[gain] += Curve(None, "a", "d", "k", tuple(points)).end == "flat"
    assert flat[0.0] > 120
    assert flat[0.2] <= 1


def _point(value: int, reached: np.ndarray):
    from harness.report.effort import Point

    return Point(value, 4.0**value, {(1, trial): float(r) for trial, r in enumerate(reached)})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for defense, ends in (("diffix", (2, 9)), ("none", (20, 20)), ("k-threshold:k=12+sticky", (3, 3))):
        for wordings, right in zip((1, 16), ends, strict=True):
            keep(folder, defense, f"chaff:wordings={wordings}", [right] * 6, queries=40 * wordings)
        keep(folder, defense, "difference", [right] * 6, queries=40)
    return folder


def test_open_marks_end_curves_that_have_not_ended(results: Path):
    with style():
        figure = draw_queries(list(made(results).values()))
    assert figure is not None
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}
    assert panels.keys() == {"chaff", "difference"}
    faces = {
        (line.get_color(), line.get_marker()): line.get_markerfacecolor()
        for line in panels["chaff"].lines
        if line.get_marker() not in ("", "None")
    }
    assert sorted(face == "white" for face in faces.values()) == [False, False, True]
    assert len({line.get_xdata()[0] for line in panels["difference"].lines if line.get_marker() == "o"}) == 1
    assert draw_queries([]) is None


def test_many_attacks_take_the_width_of_a_page(tmp_path: Path):
    for group in range(9):
        keep(tmp_path, "none", f"difference:smallest_group={group + 2}", [20] * 5, queries=40)
    found = curves(newest(stored(str(tmp_path)))[0])
    with style():
        wide, narrow = draw_queries(found), draw_queries(found[:8])
    assert wide is not None
    assert narrow is not None
    assert (wide.get_figwidth(), round(narrow.get_figwidth() * 2.54, 2)) == (7.0, 8.5)
    assert wide.get_figheight() < narrow.get_figheight()


def test_nothing_is_cut_off_and_no_text_is_small(results: Path, monkeypatch: pytest.MonkeyPatch):
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    def look(figure: Figure, *_: object, **__: object) -> None:
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 7
        drawn = figure.get_tightbbox()
        assert min(drawn.x0, drawn.y0) >= 0
        assert drawn.x1 <= figure.get_figwidth()
        assert drawn.y1 <= figure.get_figheight()

    monkeypatch.setattr(Figure, "savefig", look)
    draw_curves(newest(stored(str(results)))[0], str(results))


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The verb runs what is missing, harder where nothing is won, and prints curves; the same again only reads."""
    words = ["--attack", "listing", "--defense", "none", "--defense", "k-threshold", "--dataset", "employees:size=100"]
    words = [*words, "--trials", "5", "--victims", "4", "--results", str(tmp_path), "--jobs", "1"]
    assert main(["effort", *words, "--json"]) == 0
    found = {one["defense"]: one for one in json.loads(capsys.readouterr().out)}
    assert {name: one["end"] for name, one in found.items()} == {"none": "won", "k-threshold": "flat"}
    asked = {name: [point["effort"] for point in one["points"]] for name, one in found.items()}
    assert asked == {"none": [1], "k-threshold": [1, 4, 16]}
    assert found["k-threshold"]["points"][0]["queries_per_victim"] > 0
    count = sum(len(one.records) for one in stored(str(tmp_path)))
    assert main(["effort", *words]) == 0
    assert "flat" in capsys.readouterr().out
    assert sum(len(one.records) for one in stored(str(tmp_path))) == count == 20
    assert main(["figures", "queries", "--results", str(tmp_path), "--out", str(tmp_path / "f")]) == 0
    assert len(list((tmp_path / "f").iterdir())) == 3
