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
from harness.studies.residual import over_trials
from tests.conftest import judged
from tests.docs_ablation import HEAD, PAGE, PART
from tests.docs_ablation import NOTHING as DASH
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
SIDES = {"type": "object", "required": ["off", "on"], "additionalProperties": {"type": "string"}}
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
PERHAPS, TEXT_OR_NOT, WHOLE_OR_NOT = ({"type": [name, "null"]} for name in ("boolean", "string", "integer"))
ROW = {
    "type": "object",
    "required": [
        "mechanism", "source", "attack", "measure", "off", "on", "bound", "bound_off", "p", "holm_p", "difference",
        "met", "bound_met", "bound_off_met", "off_ci", "on_ci", "off_per_trial", "on_per_trial", "defenses", "attacks",
        "specs", "dataset", "secret", "column", "trials", "victims", "seed", "failed_trials", "missing", "skipped",
    ],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("mechanism", "source", "attack", "dataset"), TEXT),
        **dict.fromkeys(("off", "on", "bound", "bound_off", "p", "holm_p", "difference"), NUMBER),
        **dict.fromkeys(("off_ci", "on_ci", "off_per_trial", "on_per_trial"), NUMBERS),
        **dict.fromkeys(("met", "bound_met", "bound_off_met"), PERHAPS),
        **dict.fromkeys(("secret", "column", "skipped"), TEXT_OR_NOT),
        **dict.fromkeys(("victims", "failed_trials", "missing"), WHOLE_OR_NOT),
        **dict.fromkeys(("trials", "seed"), WHOLE),
        "measure": {"enum": ["kappa_reach", "residual_sd"]},
        "defenses": SIDES,
        "attacks": SIDES,
        "specs": {"type": "object", "additionalProperties": TEXT},
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
    page, _ = registry.attack(one.attack)
    off, on = (
        (registry.defense(getattr(one, side))[1], registry.attack(one.attack_of(side))[1]) for side in study.SIDES
    )
    schema = registry.dataset(one.dataset)[0].load(np.random.default_rng(1)).schema
    assert off != on
    assert off[0] == on[0] or off[1] == on[1], "one of the two is switched"
    assert page.skip(schema, one.secret or schema.secrets[0]) is None
    assert one.column is None or one.column in schema.names
    if one.column is None:  # two constant samples have p = 2/C(2n, n), and Holm's is at most so many times that
        assert stats.welch([1.0] * one.trials, [0.0] * one.trials).p * len(MECHANISMS) < study.ALPHA


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
    told = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and line != HEAD]
    assert [[one.name, one.source] for one in MECHANISMS] == [cells[:2] for cells in told]
    measured = {name: HEAD.strip("| ").split(" | ").index(name) for name in ("off", "on", "Holm p", "met")}
    unmeasured = [cells[0] for cells in told if any(cells[place] == DASH for place in measured.values())]
    assert not unmeasured, "run snoopbench ablation, then python -m tests.docs_ablation results"
    for one in MECHANISMS:
        derived = text.partition(f"\n**{one.name}** (")[2].partition("\n\n")[0]
        assert all(f"`{spec.partition('+')[0]}" in derived for spec in (one.off, one.on)), one.name
        assert one.attack.partition(":")[0] in derived, one.name


# The laws, against simulations that share no code with them


@pytest.mark.parametrize(
    ("others", "victims", "candidates", "common", "rule", "lost"),
    [
        (1.0, 5.0, 10, 1.0, {"spread": 5.0}, 0.0),  # difference
        (1.0, 5.0, 10, 1.0, {}, 0.05),  # the individual tracker
        (0.2, 4.2, 5, 0.0, {"layers": 4}, 0.05),  # range-isolation
        (2.0, 4.0, 5, 0.0, {"layers": 2}, 0.02),  # like-isolation
        (8.0, 8.0, 10, 0.0, {}, 0.0),  # averaging
    ],
)
def test_no_rule_has_more_than_one_that_knows_the_variances(
    others: float, victims: float, candidates: int, common: float, rule: dict, lost: float
):
    """The attacks' rules, which do not know them, are that much below it or nearer."""
    best = laws.informed(others, victims, candidates, common=common)
    found = laws.layered(others, victims, candidates, common=common, **rule)
    assert best - lost - laws.ERROR <= found <= best + laws.ERROR


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
    return ablation(Ablation(mechanisms=SMALL, trials=5), Store(results), jobs=1)


def test_two_rows_end_to_end(rows: list[dict[str, Any]]):
    jsonschema.validate(json.loads(json.dumps(rows, allow_nan=False)), {"type": "array", "items": ROW})
    limit, noise = rows
    assert (limit["off"], limit["on"], limit["difference"], limit["bound"], limit["bound_off"]) == (1, 0, 1, 0, 1)
    assert limit["off_per_trial"] == [1.0] * 5
    assert limit["p"] == pytest.approx(2 / 252)
    assert not limit["met"], "five trials cannot tell"
    assert [one["holm_p"] for one in rows] == stats.holm([one["p"] for one in rows])
    assert (limit["missing"], noise["missing"], noise["failed_trials"]) == (None, 0, 0)
    assert noise["off_ci"][0] < noise["off"] < noise["off_ci"][1]
    assert noise["on_ci"][0] < np.sqrt(2) < noise["on_ci"][1]
    assert noise["bound_met"]
    assert len(noise["off_per_trial"]) == 5
    logs = [2 * np.log(noise[f"{side}_per_trial"]) for side in ("off", "on")]
    assert noise["p"] == pytest.approx(stats.welch(*logs).p)


def test_the_same_again_comes_from_the_store(
    rows: list[dict[str, Any]], results: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(study, "MECHANISMS", SMALL)
    for name in ("bench", "residual"):
        monkeypatch.setattr(study, name, lambda *args, **more: pytest.fail("it was run again"))
    words = ["ablation", "--trials", "5", "--results", results]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert main([*words, "--mechanism", "limit"]) == 0
    text = capsys.readouterr().out
    assert "math limit" in text
    assert "sticky" not in text
    assert "diffix:max_discontinuous=3 and diffix on employees:size=1000" in text
    with pytest.raises(pytest.fail.Exception, match="run again"):
        ablation(Ablation(mechanisms=SMALL, trials=5, seed=2), Store(results))


@pytest.mark.science
def test_workers_change_nothing(rows: list[dict[str, Any]], tmp_path: Path):
    (found,) = ablation(Ablation(mechanisms=SMALL[1:], trials=5), Store(str(tmp_path)), jobs=2)
    assert found | {"holm_p": rows[1]["holm_p"]} == rows[1]


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


def test_what_was_not_estimated_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Three counts of each side, all of one trial: they are missing, and so is the trial."""
    per_trial = [1.0] * 7 + [None]
    monkeypatch.setattr(study, "residual", lambda *args, **more: {"sd": 1.0, "missing": 3, "per_trial": per_trial})
    (found,) = ablation(Ablation(mechanisms=SMALL[1:], trials=8), Store(str(tmp_path)))
    assert (found["missing"], found["failed_trials"]) == (6, 2)
    assert stored_ablation(str(tmp_path)) == []


def test_many_rows_make_a_difference_less_certain():
    """Holm's p decides: a row that is met alone is not among 22 of the like."""
    alone = {"measure": "kappa_reach", "difference": 0.9, "p": 2e-7, "skipped": None, "bound_met": None}
    assert [row["met"] for row in study.corrected([alone])] == [True]
    assert [row["met"] for row in study.corrected([alone] * 22)] == [False] * 22
    skipped = study.corrected([alone | {"p": None, "difference": None, "skipped": "no"}])[0]
    assert (skipped["holm_p"], skipped["met"]) == (None, None)


def test_rows_of_the_default_plan_are_read_back(tmp_path: Path):
    """Then those of most trials, and among equals the newest."""
    one = MECHANISMS[2]
    row = {
        "mechanism": one.name, "attack": one.attack, "defenses": {"off": one.off, "on": one.on}, "trials": one.trials,
        "seed": 1, "measure": one.measure, "difference": 0.9, "p": 1e-9, "skipped": None,
    }  # fmt: skip
    store = Store(str(tmp_path))

    def stored(*changes: dict[str, Any]) -> dict[str, Any]:
        for number, changed in enumerate(changes):
            store.add_study(f"{len(store.studies('ablation'))} {number}", "ablation", {}, [row | changed])
        (found,) = stored_ablation(str(tmp_path))
        return found

    assert stored({"trials": 3, "p": 0.1}, {"trials": 2})["trials"] == 3
    assert stored({"trials": 3, "p": 0.2})["p"] == 0.2
    assert stored({"p": 0.3}, {"trials": 99}, {"seed": 2}, {"trials": 3})["p"] == 0.3
    assert stored({"p": 0.4}, {"defenses": {"off": "none", "on": one.on}})["p"] == 0.4


@pytest.mark.parametrize("between", [0.0, 0.3])
def test_the_interval_of_a_residual_covers_as_it_says(between: float):
    """At 95 %, 10 trials of 10 normal errors, also where a trial has a part that is common to all its errors: 2,000
    draws, 99.9 % interval of the share and not more than two hundredths besides."""
    rng = np.random.default_rng(4)
    errors = rng.standard_normal((2_000, 10, 10)) + between * rng.standard_normal((2_000, 10, 1))
    squares = (errors**2).mean(axis=2)
    found = [over_trials(float(np.sqrt(s.mean())), np.sqrt(s).tolist(), 0.95) for s in squares]
    covered = np.mean([one.low <= np.sqrt(1 + between**2) <= one.high for one in found if one])
    assert abs(covered - 0.95) < 0.02 + 3.29 * np.sqrt(0.05 * 0.95 / 2_000)


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
    assert found["met"], found
    assert found["p"] * len(MECHANISMS) < study.ALPHA, "Holm's p in the table is at most that"
    assert found["bound_met"] is not False, found
    assert found["bound_off_met"] is not False, found
