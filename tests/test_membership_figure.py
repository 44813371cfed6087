"""`snoopbench figures membership`: the study's ranks, the bound, the picture and the verb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.studies.membership as study
from harness.cli import main
from harness.report import figures as drawing
from harness.report.figure_membership import bound, draw_membership, power
from harness.studies.membership import POINTS, Powers, membership

FEW = Powers(trials=2, points=((100, 40), (25, 50)))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return membership(FEW)


def test_the_bound_is_the_one_of_the_paper():
    """√(m/n) = z_α + z_{1−β} with quantiles from a table: α = 0.01, power 0.9."""
    assert bound((2.326348 + 1.281552) ** 2, 0.01) == pytest.approx(0.9, abs=1e-6)
    assert bound(0.0, 0.001) == pytest.approx(0.001)


def test_the_points_go_over_three_decades():
    ratios = [m / n for m, n in POINTS]
    assert max(ratios) / min(ratios) == pytest.approx(1_000)
    assert ratios == sorted(ratios)


def test_the_power_is_the_share_at_or_below_the_rate():
    assert power([[1, 10, 11, 1001], [10]], 999, 0.01).tolist() == [0.5, 1.0]


def test_a_row_has_a_rank_for_everybody_who_was_tested(rows: list[dict[str, Any]]):
    assert [(r["snps"], r["pool"], r["statistic"]) for r in rows] == [
        (m, n, statistic) for m, n in FEW.points for statistic in ("likelihood-ratio", "homer")
    ]
    for row in rows:
        assert row["reference"] == 5_000
        for ranks in (row["members"], row["others"]):
            assert [len(trial) for trial in ranks] == [row["pool"]] * 2
            assert 1 <= min(map(min, ranks)) <= max(map(max, ranks)) <= 5_001
    ratio = [row for row in rows if row["statistic"] == "likelihood-ratio"]
    medians = [np.median(row["members"]) for row in ratio]
    assert medians[0] < medians[1] < np.median(ratio[1]["others"])


def test_the_picture_is_a_column_wide_with_nothing_cut_off(rows: list[dict[str, Any]]):
    from matplotlib.text import Text

    with drawing.style():
        figure = draw_membership(rows)
        figure.draw_without_rendering()
        assert figure.get_figwidth() * 2.54 == pytest.approx(8.5, abs=0.01)
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 7
        box = figure.get_tightbbox()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.get_figwidth()
        assert box.y1 <= figure.get_figheight()


@pytest.mark.science
def test_the_verb_measures_once_and_gives_the_same_bytes(
    rows: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study, "membership", lambda powers: rows)
    told, drawn = [], []
    for folder in ("one", "two"):
        words = ["figures", "membership", "--results", str(tmp_path / "s"), "--out", str(tmp_path / folder), "--json"]
        assert main(words) == 0
        captured = capsys.readouterr()
        told.append(captured.err)
        drawn.append({Path(file).name: Path(file).read_bytes() for file in json.loads(captured.out)})
    assert "computing" in told[0]
    assert told[1] == ""
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {f"membership.{ending}" for ending in ("pdf", "svg", "png")}
