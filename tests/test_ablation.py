"""`snoopbench ablation`: the plan is complete, the laws are right, rows go to the store and back, the figure."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from attacks.wordings import wordings
from harness import registry, stats
from harness.cli import main
from harness.errors import BenchmarkError
from harness.model import Kind
from harness.report.ablation import attack_name, stored_ablation
from harness.report.figure_ablation import draw_ablation
from harness.report.figures import style
from harness.store import Store
from harness.studies import ablation as study
from harness.studies import laws
from harness.studies.ablation import Ablation, ablation
from harness.studies.mechanisms import CERTAINTY, MECHANISMS, NOTHING, Mechanism
from tests.conftest import judged
from tests.docs_ablation import HEAD, PAGE, PART
from tests.test_science import simulated
from tests.test_threshold_probe import simulated as by_thresholds

WANTED = {
    ("static layers", "split-averaging", "residual_sd"), ("dynamic layers", "difference", "kappa_reach"),
    ("low-count", "listing", "kappa_reach"), ("noisy threshold", "threshold-probe", "kappa_reach"),
    ("flattening", "outlier-sum", "kappa_reach"), ("snapping", "range-isolation", "kappa_reach"),
    ("shrink-and-drop", "range-isolation", "kappa_reach"), ("wildcard layers", "like-isolation", "kappa_reach"),
    ("floating", "chaff", "residual_sd"), ("math limit", "backdoor", "kappa_reach"),
    ("K-threshold alone", "tracker", "kappa_reach"), ("freshness of output noise", "averaging", "kappa_reach"),
    ("sticky per query", "chaff", "residual_sd"), ("sticky per query", "split-averaging", "residual_sd"),
    ("sticky sampling", "averaging", "kappa_reach"), ("sticky rounding", "averaging", "kappa_reach"),
    ("overlap control", "intersection", "kappa_reach"), ("query budget", "averaging", "kappa_reach"),
    ("laplace budget", "averaging", "kappa_reach"), ("paired updates", "insert-delete", "kappa_reach"),
    ("per-user noise", "collusion", "kappa_reach"),
}  # fmt: skip
IDS = [f"{one.name}-{one.attack.split(':')[0]}" for one in MECHANISMS]

NUMBER = {"type": ["number", "null"]}
NUMBERS = {"type": ["array", "null"], "items": {"type": "number"}}
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
PERHAPS, TEXT_OR_NOT, WHOLE_OR_NOT = ({"type": [name, "null"]} for name in ("boolean", "string", "integer"))
ROW = {
    "type": "object",
    "required": [
        "mechanism", "source", "attack", "measure", "off", "on", "bound", "bound_off", "p", "difference", "met",
        "bound_met", "bound_off_met", "off_ci", "on_ci", "off_per_trial", "on_per_trial", "defenses", "specs",
        "dataset", "secret", "column", "trials", "victims", "seed", "failed_trials", "skipped",
    ],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("mechanism", "source", "attack", "dataset"), TEXT),
        **dict.fromkeys(("off", "on", "bound", "bound_off", "p", "difference"), NUMBER),
        **dict.fromkeys(("off_ci", "on_ci", "off_per_trial", "on_per_trial"), NUMBERS),
        **dict.fromkeys(("met", "bound_met", "bound_off_met"), PERHAPS),
        **dict.fromkeys(("secret", "column", "skipped"), TEXT_OR_NOT),
        **dict.fromkeys(("victims", "failed_trials"), WHOLE_OR_NOT),
        **dict.fromkeys(("trials", "seed"), WHOLE),
        "measure": {"enum": ["kappa_reach", "residual_sd"]},
        "defenses": {"type": "object", "required": ["off", "on"], "additionalProperties": TEXT},
        "specs": {"type": ["object", "null"], "additionalProperties": TEXT},
    },
}  # fmt: skip

SMALL = (
    Mechanism(
        name="math limit", source="here", attack="backdoor:kind=jumps,wordings=1", off="diffix:max_discontinuous=3",
        on="diffix", dataset="employees:size=1000", victims=4, bound_off=CERTAINTY, bound=NOTHING,
    ),
    Mechanism(
        name="sticky per query", source="here", attack="chaff:wordings=14", off="sticky", on="diffix",
        dataset="employees:size=600", column="department", bound=lambda: float(np.sqrt(2)),
    ),
)  # fmt: skip


# The plan


def test_every_mechanism_of_the_issue_has_its_row():
    found = {(one.name, one.attack.split(":")[0], one.measure) for one in MECHANISMS}
    assert found == WANTED
    kinds = {one.name: attack_name(one.attack)[1] for one in MECHANISMS}
    assert (kinds["snapping"], kinds["shrink-and-drop"], kinds["math limit"]) == ("creep", "", "jumps")
    assert len({(one.name, one.attack) for one in MECHANISMS}) == len(MECHANISMS), "a row is known by these"


@pytest.mark.parametrize("one", MECHANISMS, ids=IDS)
def test_a_row_names_what_there_is(one: Mechanism):
    attack = one.attack.split(":")[0]
    if attack in ("insert-delete", "collusion") and attack not in registry.names("attacks"):
        pytest.skip(f"the attack {attack} is not there yet")
    page, _ = registry.attack(one.attack)
    off, on = (registry.defense(spec)[1] for spec in (one.off, one.on))
    schema = registry.dataset(one.dataset)[0].load(np.random.default_rng(1)).schema
    assert off != on
    assert page.skip(schema, one.secret or schema.secrets[0]) is None
    assert one.column is None or one.column in schema.names
    if one.column is None:  # two constant samples have p = 2/C(2n, n)
        assert stats.welch([1.0] * one.trials, [0.0] * one.trials).p < study.ALPHA


@pytest.mark.parametrize("text", ["STATIC", "tracker"])
def test_rows_are_chosen_by_mechanism_or_attack(text: str):
    chosen = Ablation.of([text]).mechanisms
    assert 0 < len(chosen) < len(MECHANISMS)
    assert all(text.lower() in one.name or text in one.attack for one in chosen)
    with pytest.raises(BenchmarkError, match="no mechanism 'magic'; choose from static layers"):
        Ablation.of([text, "magic"])
    with pytest.raises(BenchmarkError, match="--trials must be 1 or more"):
        Ablation.of(trials=0)


def test_the_page_speaks_of_the_rows_that_there_are():
    text = PAGE.read_text(encoding="utf-8")
    assert PART.search(text) is not None
    told = [line.split(" | ")[:4] for line in text.splitlines() if line.startswith("| ") and line != HEAD]
    assert [[f"| {one.name}", one.source] for one in MECHANISMS] == [cells[:2] for cells in told]
    for one in MECHANISMS:
        derived = text.partition(f"\n**{one.name}** (")[2].partition("\n\n")[0]
        assert all(f"`{spec.partition('+')[0]}" in derived for spec in (one.off, one.on)), one.name
        assert one.attack.partition(":")[0] in derived, one.name


# The laws, against simulations that share no code with them


def test_choices_among_differences():
    assert laws.layered(2.0, 2.0, 10) == pytest.approx(0.17, abs=0.02), "SCIENCE: SD 1 an answer"
    assert laws.layered(8.0, 8.0, 10) == pytest.approx(0.07, abs=0.02), "SCIENCE: SD 2 an answer"
    assert laws.layered(1e-12, 1e-12, 10) == 1.0
    assert laws.layered(1e6, 1e6, 10) == pytest.approx(0.0, abs=laws.ERROR)
    other = simulated(1.0, np.sqrt(5.0), 5.0, common_sd=1.0)
    assert laws.layered(1.0, 5.0, 10, common=1.0, spread=5.0) == pytest.approx(other, abs=2 * laws.ERROR)


def test_the_limits_of_sampling_rounding_and_a_budget():
    """Where one sample is small and there are many users, the noise is as good as normal."""
    assert laws.sampled(1.0) == laws.rounded(1) == laws.proportional(0.2, 10**6) == 1.0
    variance = 2 * laws.BUCKET * 0.02 / 0.98
    assert laws.sampled(0.98) == pytest.approx(laws.layered(variance, variance, 10), abs=0.05)
    variance = 2 * (laws.BUCKET * 0.2) ** 2 / (3 * 20)
    assert laws.proportional(0.2, 20) == pytest.approx(laws.layered(variance, variance, 10), abs=0.05)
    variance = 2 * np.mean([rest * (5 - rest) for rest in range(5)])
    assert laws.rounded(5) == pytest.approx(laws.layered(variance, variance, 10), abs=0.03)
    assert laws.spent(9.0, 1e-9, 1) == pytest.approx(0.0, abs=laws.ERROR)
    assert laws.spent(3e3, 1e3, 1) == 1.0
    assert laws.spent(5e3, 1e3, 10) == laws.spent(6e3, 1e3, 10) == 0.2, "a value list, and two victims of ten"


def test_thresholds_and_flattening():
    assert laws.just_missed() == pytest.approx(by_thresholds(4_000, np.random.default_rng(1)).mean(), abs=0.01)
    assert laws.flattened() == pytest.approx(0.40, abs=0.01), "tests/test_outlier_sum.py derives it on its own"


def test_residuals_of_halves_from_their_samples():
    """10,000 counts: a static sample in all halves, in each half samples of its own."""
    rng = np.random.default_rng(1)
    pairs, each = 8, (10_000, 8, 2)
    whole = rng.standard_normal((10_000, 1, 1)) + sum(rng.standard_normal(each) for _ in range(3))
    assert laws.halved(pairs, averaged=6, static=1) == pytest.approx(whole.sum(axis=2).mean(axis=1).std(), rel=0.03)
    sticky = 2.0 * rng.standard_normal(each)
    assert laws.halved(pairs, averaged=8) == pytest.approx(sticky.sum(axis=2).mean(axis=1).std(), rel=0.03)


@pytest.mark.parametrize(
    ("defense", "forms"), [("sticky", laws.NEW_WORDS), ("diffix:float=false", laws.SEEDED_BY_WORDS)]
)
def test_the_forms_that_are_new_samples(defense: str, forms: tuple[str, ...]):
    """Asked of the defense itself: as many different answers as the law counts."""
    result = judged(defense, "guess", "employees:size=1000")
    asked = [
        f"SELECT count(*) FROM employees WHERE {words}" for _, words in wordings("department", Kind.TEXT, "CS", 40)
    ]
    answers = [answer.value for answer in result.session.query_many(asked) if hasattr(answer, "value")]
    result.close()
    assert len(set(answers)) == laws.new_samples(forms, 40)
    assert laws.reworded(2.0, forms, 40) == pytest.approx(np.sqrt(2.0 / len(set(answers))))


# The rows


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("ablation"))


@pytest.fixture(scope="module")
def rows(results: str) -> list[dict[str, Any]]:
    return ablation(Ablation(mechanisms=SMALL, trials=2), Store(results), jobs=1)


def test_two_rows_end_to_end(rows: list[dict[str, Any]]):
    jsonschema.validate(json.loads(json.dumps(rows, allow_nan=False)), {"type": "array", "items": ROW})
    limit, noise = rows
    assert (limit["off"], limit["on"], limit["difference"], limit["bound"], limit["bound_off"]) == (1, 0, 1, 0, 1)
    assert limit["off_per_trial"] == [1.0, 1.0]
    assert limit["p"] == pytest.approx(1 / 3)
    assert not limit["met"], "two trials cannot tell"
    assert noise["off_ci"][0] < noise["off"] < noise["off_ci"][1]
    assert noise["on_ci"][0] < np.sqrt(2) < noise["on_ci"][1]
    assert noise["bound_met"]
    assert len(noise["off_per_trial"]) == 2
    logs = [2 * np.log(noise[f"{side}_per_trial"]) for side in ("off", "on")]
    assert noise["p"] == pytest.approx(stats.welch(*logs).p)


def test_the_same_again_comes_from_the_store(
    rows: list[dict[str, Any]], results: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(study, "MECHANISMS", SMALL)
    for name in ("bench", "residual"):
        monkeypatch.setattr(study, name, lambda *args, **more: pytest.fail("it was run again"))
    words = ["ablation", "--trials", "2", "--results", results]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert main([*words, "--mechanism", "limit"]) == 0
    text = capsys.readouterr().out
    assert "math limit" in text
    assert "sticky" not in text
    assert "diffix:max_discontinuous=3 and diffix on employees:size=1000" in text
    with pytest.raises(pytest.fail.Exception, match="run again"):
        ablation(Ablation(mechanisms=SMALL, trials=2, seed=2), Store(results))


@pytest.mark.science
def test_workers_change_nothing(rows: list[dict[str, Any]], tmp_path: Path):
    assert ablation(Ablation(mechanisms=SMALL[1:], trials=2), Store(str(tmp_path)), jobs=2) == rows[1:]


def outcome(
    monkeypatch: pytest.MonkeyPatch, folder: Path, off: list[float], on: list[float], **more: Any
) -> dict[str, Any]:
    """The row of benchmarks that end like that."""

    def ended(benchmark: Any, store: Any, **options: Any) -> dict[str, Any]:
        values = off if "false" in benchmark.defense.split("low_count=")[-1][:5] else on
        ci = stats.t_interval(values)
        found = {"kappa_reach": float(np.mean(values)), "kappa_reach_per_trial": values, "skipped": None, "secret": "s"}
        return found | {"kappa_reach_ci": ci and [ci.low, ci.high], "failed_trials": 0} | more

    one = Mechanism(
        name="low-count", source="", attack="listing", off="diffix:low_count=false", on="diffix", bound=lambda: 0.7,
        dataset="employees:size=50",
    )  # fmt: skip
    monkeypatch.setattr(study, "bench", ended)
    return ablation(Ablation(mechanisms=(one,)), Store(str(folder)))[0]


def around(centre: float) -> list[float]:
    return [centre + step for step in np.linspace(-0.05, 0.05, 20)]


def test_a_large_difference_is_met(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = outcome(monkeypatch, tmp_path, around(0.9), around(0.3))
    assert (found["met"], found["bound_met"]) == (True, False)


def test_a_small_one_is_met_at_its_bound_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    at, beside = (
        outcome(monkeypatch, tmp_path / str(on), around(0.9), around(on), failed_trials=0) for on in (0.7, 0.75)
    )
    assert (at["met"], at["bound_met"]) == (True, True)
    assert (beside["met"], beside["bound_met"]) == (False, False)


def test_no_difference_is_not_met(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = outcome(monkeypatch, tmp_path, around(0.7), around(0.7))
    assert (found["met"], found["bound_met"]) == (False, True)


def test_a_row_with_failed_trials_is_shown_and_not_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert outcome(monkeypatch, tmp_path, around(0.9), around(0.3), failed_trials=1)["failed_trials"] == 2
    assert stored_ablation(str(tmp_path)) == []


def test_what_is_not_there_yet_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                       monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    monkeypatch.setattr(
        study, "MECHANISMS", (Mechanism(name="m", source="s", attack="levitation", off="none", on="none"),)
    )
    assert main(["ablation", "--results", str(tmp_path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, ROW)
    assert "no attack called 'levitation'" in found["skipped"]
    assert stored_ablation(str(tmp_path)) == []


def test_the_test_of_variances_is_calibrated():
    """At 5 %, two sides of 8 trials of 20 normal errors: 99.9 % interval of the share of 2,000 draws."""
    rng = np.random.default_rng(3)
    logs = np.log((rng.standard_normal((2_000, 2, 8, 20)) ** 2).mean(axis=3))
    below = np.mean([stats.welch(*sides).p < 0.05 for sides in logs])
    assert abs(below - 0.05) < 3.29 * np.sqrt(0.05 * 0.95 / 2_000)


# The figure


def test_the_figure_is_of_a_columns_width_and_legible(rows: list[dict[str, Any]], results: str, tmp_path: Path):
    assert main(["figures", "ablation", "--results", results, "--out", str(tmp_path)]) == 0
    png = (tmp_path / "ablation.png").read_bytes()
    pdf = (tmp_path / "ablation.pdf").read_bytes()
    assert struct.unpack(">I", png[16:20])[0] / 300 * 2.54 == pytest.approx(8.5, abs=0.01)
    assert float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)[1]) / 72 * 2.54 == pytest.approx(8.5, abs=0.01)  # type: ignore[index]
    with style():
        figure = draw_ablation(rows)
        assert figure is not None
        figure.draw_without_rendering()
        width, height = figure.bbox.width, figure.bbox.height
        texts = [text for axes in figure.axes for text in (*axes.get_yticklabels(), *axes.get_xticklabels())]
        for text in texts:
            assert text.get_fontsize() >= 7
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= width
            assert 0 <= box.y0 <= box.y1 <= height
        assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["math limit\nbackdoor (jumps)"]
        assert len(figure.axes) == 2
        assert draw_ablation([rows[0] | {"off": None}]) is None


def test_nothing_stored_is_nothing_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Store(str(tmp_path / "r"))
    assert main(["figures", "ablation", "--results", str(tmp_path / "r"), "--out", str(tmp_path / "f")]) == 0
    assert "run snoopbench ablation first" in capsys.readouterr().out


@pytest.mark.science
@pytest.mark.parametrize("one", MECHANISMS, ids=IDS)
def test_the_whole_table(one: Mechanism, results: str):
    """Each row by its size or by its bound; and where there is a law the measurement is at it, on both sides."""
    (found,) = ablation(Ablation(mechanisms=(one,)), Store(results), jobs=1)
    if found["skipped"] and one.attack in ("insert-delete", "collusion"):
        pytest.skip(found["skipped"])
    assert found["met"], found
    assert found["bound_met"] is not False, found
    assert found["bound_off_met"] is not False, found
