"""`snoopbench figures`: files, size, fonts, bytes."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import main
from harness.record import SIZES, SizeClass, Utility
from harness.report.figure_sizes import draw_sizes
from harness.report.figure_utility import apart
from harness.report.figures import draw
from harness.report.marks import WIDEST, broken
from harness.report.stored import newest, stored
from tests.conftest import keep

LONG = "k-threshold:k=12+output-perturbation:kind=gaussian,p=0.25+sticky"
KINDS = ("kappa", "utility", "sizes")
DRAWN = (*KINDS, "queries")
NAME = "employees-secret-salary_band-25-victims"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    keep(folder, "none", "difference", [20] * 5, error=0.0, queries=40)
    keep(folder, LONG, "difference", [3, 5, 4, 7, 2], error=None)
    keep(folder, "diffix", "guess", [-1, None])
    return folder


@pytest.fixture(scope="module")
def files(results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("drawn") / "new"
    assert main(["figures", "--results", str(results), "--out", str(folder)]) == 0
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_names_say_what_is_in_the_files(files: dict[str, bytes]):
    expected = {f"{kind}-{NAME}.{ending}" for kind in DRAWN for ending in ("pdf", "svg", "png")}
    assert files.keys() == expected


def test_figures_are_as_wide_as_a_column(files: dict[str, bytes]):
    for kind in DRAWN:
        pdf, svg, png = (files[f"{kind}-{NAME}.{ending}"] for ending in ("pdf", "svg", "png"))
        points = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)[1])  # type: ignore[index]
        assert points / 72 * 2.54 == pytest.approx(8.5, abs=0.01)
        assert float(re.search(rb'width="([\d.]+)pt"', svg)[1]) == pytest.approx(points)  # type: ignore[index]
        assert struct.unpack(">I", png[16:20])[0] / 300 * 2.54 == pytest.approx(8.5, abs=0.01)


def test_fonts_are_in_the_files(files: dict[str, bytes]):
    for name, data in files.items():
        if name.endswith(".pdf"):
            assert b"/FontFile2" in data
            assert b"/Subtype /Type3" not in data
        if name.endswith(".svg"):
            assert b"<text" not in data


def test_the_same_store_gives_the_same_bytes(results: Path, files: dict[str, bytes], tmp_path: Path):
    again = draw(newest(stored(str(results)))[0], ["utility"], str(tmp_path))
    assert len(again) == 3
    assert all(Path(file).read_bytes() == files[Path(file).name] for file in again)


def test_nothing_is_cut_off_and_no_text_is_small(results: Path, monkeypatch: pytest.MonkeyPatch):
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    def look(figure: Figure, *_: object, **__: object) -> None:
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert any("gaussian" in text.get_text() for text in texts)
        assert min(text.get_fontsize() for text in texts) >= 7
        drawn = figure.get_tightbbox()
        assert min(drawn.x0, drawn.y0) >= 0
        assert drawn.x1 <= figure.get_figwidth()
        assert drawn.y1 <= figure.get_figheight()

    monkeypatch.setattr(Figure, "savefig", look)
    draw(newest(stored(str(results)))[0], KINDS, str(results))


def test_json_and_nothing_to_draw(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["figures", "--results", str(results), "--out", str(tmp_path / "f"), "--json", "--attack", "averaging"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert captured.err.startswith("Nothing to draw. The store holds difference on employees")
    assert not (tmp_path / "f").exists()


def test_long_names_break_and_lose_nothing():
    for name in (LONG, "./" + "x" * 90 + ".py:base=2", "none"):
        lines = broken(name).split("\n")
        assert max(map(len, lines)) <= WIDEST
        assert "".join(lines) == name


def test_columns_stand_apart_and_near():
    assert apart([10.0, 50.0], [8.0, 8.0], 0.0, 100.0) == pytest.approx([10, 50])
    assert apart([50.0, 50.0, 50.0], [10.0, 20.0, 10.0], 0.0, 100.0) == pytest.approx([35, 50, 65])
    assert apart([99.0, 99.0], [10.0, 10.0], 0.0, 100.0) == pytest.approx([85, 95])


def test_a_panel_shows_errors_and_what_is_not_answered(results: Path):
    """By hand: without error a dot on the floor of 0.1 %, without an answer no dot; bars are shares of the height."""
    from matplotlib.figure import Figure

    found = newest(stored(str(results)))[0]
    half = SizeClass(1, 9, 10, 0.2, 40.0, 0.5, 0.5)
    utility = Utility(0.2, 0.3, 0.5, 0.5, 10, 0, (half, *(SizeClass(*size, 0, *[None] * 4) for size in SIZES[1:])))
    (one,) = [one for one in found if one.defense == "none"]
    other = replace(one, defense="other", records=tuple(replace(r, utility=utility) for r in one.records))
    figure = draw_sizes([*found, other])
    assert isinstance(figure, Figure)
    panels = {axes.get_title(loc="left").replace("\n", ""): axes for axes in figure.axes}
    assert panels.keys() >= {"none", LONG, "other"}
    dots = {
        name: [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o"] for name, axes in panels.items()
    }
    assert dots["none"] == [1e-3] * 4
    assert dots[LONG] == []
    assert dots["other"] == [0.2]
    assert [line.get_ydata()[1] for line in panels["other"].lines if line.get_marker() != "o"] == [10.0]
    assert [bar.get_height() for bar in panels["other"].patches] == [0.75]
    assert draw_sizes([replace(one, records=())]) is None
